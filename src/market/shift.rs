//! What if? A published series moved by a given amount, everything else as it was.

use super::lanes::{OwnLane, OwnLanes};
use crate::numeric::{Lane, PATHS, TimeGrid};
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// A number that depends on the date: straight lines between given points, constant before the first and after the last.
///
/// In a file it is a number, for one that is always the same, or a list of `[years, value]`. Two points may share a date: the
/// curve jumps there, and on that very date has the later value.
///
/// ```
/// use haircut::market::Curve;
/// let curve = Curve::dated([[0.5, 1.0], [1.5, 0.4], [2.0, 0.4], [2.0, 1.0]]);
/// assert_eq!([0.0, 1.0, 1.5, 1.75, 2.0, 9.0].map(|years| curve.at(years)), [1.0, 0.7, 0.4, 0.4, 1.0, 1.0]);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number or a list of [years, value]")]
pub enum Curve {
    /// The same at all times.
    Always(f64),
    /// Points `[years, value]`, in order.
    Dated(Vec<[f64; 2]>),
}

impl Curve {
    /// A curve through points `[years, value]`.
    pub fn dated(points: impl Into<Vec<[f64; 2]>>) -> Self {
        Curve::Dated(points.into())
    }

    /// The value at a date, in years from today.
    #[must_use]
    pub fn at(&self, years: f64) -> f64 {
        let points = match self {
            Curve::Always(value) => return *value,
            Curve::Dated(points) => points,
        };
        let after = points.partition_point(|[date, _]| *date <= years);
        match (after.checked_sub(1).and_then(|before| points.get(before)), points.get(after)) {
            (Some([date, value]), Some([next, target])) => {
                let weight = (years - date) / (next - date);
                weight.mul_add(target - value, *value)
            }
            (Some([_, value]), None) | (None, Some([_, value])) => *value,
            (None, None) => 0.0,
        }
    }

    pub(crate) fn check(&self, field: &str, least: f64) -> Result<(), Error> {
        let points = match self {
            Curve::Always(value) => return check::within(field, *value, least, Self::LARGEST),
            Curve::Dated(points) => points,
        };
        if points.is_empty() {
            return Err(Error::invalid(field, "no points", "must have at least one point [years, value]"));
        }
        let mut before = 0.0;
        for (position, [date, value]) in points.iter().enumerate() {
            let field = format!("{field}[{position}]");
            if !(*date >= before && *date <= 1000.0) {
                let expected = format!("must be a date in order, between {before} and 1000 years");
                return Err(Error::invalid(field, date, expected));
            }
            check::within(&field, *value, least, Self::LARGEST)?;
            before = *date;
        }
        Ok(())
    }

    /// Above any price.
    const LARGEST: f64 = 1e15;
}

/// How a number is moved: `y = x + a`, `y = m x` or `y = a`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// In parallel: `y = x + a(t)`.
    Add(Curve),
    /// Relative: `y = m(t) x`, m zero or above.
    Multiply(Curve),
    /// To a given path: `y = a(t)`, on every path of the simulation.
    Set(Curve),
}

impl Change {
    /// The curve, and the name of its field.
    #[must_use]
    pub fn curve(&self) -> (&'static str, &Curve) {
        match self {
            Change::Add(curve) => ("add", curve),
            Change::Multiply(curve) => ("multiply", curve),
            Change::Set(curve) => ("set", curve),
        }
    }

    /// Checks the curve.
    ///
    /// # Errors
    /// [`Error::Invalid`] for dates out of order, a multiplier below zero, or what is no number of at most 1e15.
    pub fn check(&self) -> Result<(), Error> {
        let (field, curve) = self.curve();
        let least = if matches!(self, Change::Multiply(_)) { 0.0 } else { -Curve::LARGEST };
        curve.check(field, least)
    }

    /// What becomes of a number at a date.
    #[must_use]
    pub fn apply(&self, years: f64, number: f64) -> f64 {
        match self {
            Change::Add(curve) => number + curve.at(years),
            Change::Multiply(curve) => number * curve.at(years),
            Change::Set(curve) => curve.at(years),
        }
    }
}

/// A series of a planned factor that is moved.
///
/// The lane in which the factor keeps the series loses its name, and a new lane gets it: whoever reads the series by name
/// reads the new one, and the factor goes on with its own.
pub(super) struct Shift {
    hidden: OwnLane,
    shown: OwnLane,
    dated: Dated,
}

/// The change on each date of the grid, time zero first.
enum Dated {
    Add(Vec<f64>),
    Multiply(Vec<f64>),
    Set(Vec<f64>),
}

impl Shift {
    /// Takes the name from a series among those that begin at `first`, and gives it to a new lane.
    pub(super) fn plan(
        name: &str,
        change: &Change,
        grid: &TimeGrid,
        series: &mut Vec<String>,
        first: usize,
    ) -> Result<Self, Error> {
        change.check()?;
        let hidden = series[first..].iter().position(|other| other == name).ok_or_else(|| Error::Unknown {
            field: "series".into(),
            kind: "series of this factor",
            name: name.to_owned(),
            known: series[first..].iter().filter(|other| !other.is_empty()).cloned().collect::<Vec<_>>().join(", "),
        })?;
        series[first + hidden].clear();
        series.push(name.to_owned());
        let of = |curve: &Curve| {
            let dates = std::iter::once(0.0).chain(grid.iter().map(|step| step.end));
            dates.map(|date| curve.at(date)).collect()
        };
        let dated = match change {
            Change::Add(curve) => Dated::Add(of(curve)),
            Change::Multiply(curve) => Dated::Multiply(of(curve)),
            Change::Set(curve) => Dated::Set(of(curve)),
        };
        Ok(Shift { hidden: OwnLane(hidden), shown: OwnLane(series.len() - 1 - first), dated })
    }

    /// Shows the series as it is on a date, time zero being 0.
    pub(super) fn show(&self, date: usize, own: &mut OwnLanes<'_>) {
        let [hidden, shown] = own.many([self.hidden, self.shown]);
        match &self.dated {
            Dated::Add(amounts) => add(amounts[date], hidden, shown),
            Dated::Multiply(factors) => multiply(factors[date], hidden, shown),
            Dated::Set(values) => shown.fill(values[date]),
        }
    }
}

crate::vectorised! {
    fn add(amount: f64, hidden: &Lane, shown: &mut Lane) {
        for path in 0..PATHS {
            shown[path] = hidden[path] + amount;
        }
    }

    fn multiply(factor: f64, hidden: &Lane, shown: &mut Lane) {
        for path in 0..PATHS {
            shown[path] = factor * hidden[path];
        }
    }
}

#[cfg(test)]
mod tests {
    //! Guards: curves at, between and beyond their points; refusals by point.
    #![allow(clippy::float_cmp, reason = "points are handed through")]
    use super::*;

    #[test]
    fn a_curve_goes_through_its_points() {
        let curve = Curve::dated([[0.25, 2.0], [1.25, 4.0], [1.25, 1.0], [2.25, 0.0]]);
        for (years, value) in [(0.0, 2.0), (0.25, 2.0), (0.75, 3.0), (1.25, 1.0), (1.75, 0.5), (2.25, 0.0), (90.0, 0.0)]
        {
            assert_eq!(curve.at(years), value, "{years}");
        }
        assert_eq!((Curve::Always(3.0).at(0.0), Curve::Always(3.0).at(7.0)), (3.0, 3.0));
        assert_eq!(Change::Add(curve.clone()).apply(0.75, 10.0), 13.0);
        assert_eq!(Change::Multiply(curve.clone()).apply(0.75, 10.0), 30.0);
        assert_eq!(Change::Set(curve).apply(0.75, 10.0), 3.0);
    }

    #[test]
    fn bad_curves_are_refused_by_point() {
        let field = |change: Change| change.check().unwrap_err().field().unwrap_or_default().to_owned();
        assert_eq!(field(Change::Add(Curve::dated([]))), "add");
        assert_eq!(field(Change::Add(Curve::Always(f64::NAN))), "add");
        assert_eq!(field(Change::Multiply(Curve::Always(-0.1))), "multiply");
        assert_eq!(field(Change::Set(Curve::dated([[0.5, 1.0], [0.4, 1.0]]))), "set[1]");
        assert_eq!(field(Change::Set(Curve::dated([[-0.5, 1.0]]))), "set[0]");
        assert_eq!(field(Change::Set(Curve::dated([[f64::NAN, 1.0]]))), "set[0]");
        assert_eq!(field(Change::Multiply(Curve::dated([[0.5, 1.0], [0.6, f64::INFINITY]]))), "multiply[1]");
        assert!(Change::Add(Curve::dated([[0.0, -1.0], [0.0, 1.0]])).check().is_ok());
    }
}
