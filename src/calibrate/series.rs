//! What was observed, and when.

use super::calendar::years_of;
use crate::{Error, check};

/// Values at dates: what a model is fitted to.
///
/// Dates are years (-100,000 to 100,000) on any axis (all series of one fit on the same), strictly increasing, at any
/// distance from one another. A gap is no mistake and nothing is filled in: every fit uses the exact law of the model
/// over the interval that passed. What is missing is left out by [`Series::from_csv`]; a value that is no number is
/// refused by its date.
///
/// ```
/// use haircut::calibrate::Series;
/// let rent = Series::dated([("2024-01", 4.8), ("2024-02", 4.7), ("2024-05", 4.1)])?;
/// assert_eq!(rent.len(), 3);
/// assert!((rent.span() - 121.0 / 365.25).abs() < 1e-12);
/// let error = Series::dated([("2024-01", 4.8), ("2024-01", 4.7)]).unwrap_err();
/// assert_eq!(error.to_string(), "series[1].date = 2024-01: must be after the date before it, 2024-01");
/// # Ok::<(), haircut::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    years: Vec<f64>,
    values: Vec<f64>,
}

/// One interval between neighbouring dates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Interval {
    pub(super) start: f64,
    pub(super) end: f64,
    pub(super) length: f64,
    pub(super) before: f64,
    pub(super) after: f64,
}

impl Series {
    /// Values at dates in years.
    ///
    /// # Errors
    /// [`Error::Invalid`] at the first date that is not a number or not after the one before (a duplicate, or out of order),
    /// at the first value that is not a finite number, and for lists of unequal length.
    pub fn new(years: impl Into<Vec<f64>>, values: impl Into<Vec<f64>>) -> Result<Self, Error> {
        let years = years.into();
        let names = years.iter().map(f64::to_string).collect();
        Self::checked(years, values.into(), names)
    }

    /// Values at dates of the calendar: `2024-03-15`, or `2024-03` for the first day of a month; see [`years_of`].
    ///
    /// # Errors
    /// As [`Series::new`], and for what is no date.
    pub fn dated<D: AsRef<str>>(observations: impl IntoIterator<Item = (D, f64)>) -> Result<Self, Error> {
        let (mut years, mut values, mut names) = (Vec::new(), Vec::new(), Vec::new());
        for (position, (date, value)) in observations.into_iter().enumerate() {
            years.push(years_of(date.as_ref()).map_err(|error| error.within(format!("series[{position}]")))?);
            values.push(value);
            names.push(date.as_ref().to_owned());
        }
        Self::checked(years, values, names)
    }

    fn checked(years: Vec<f64>, values: Vec<f64>, names: Vec<String>) -> Result<Self, Error> {
        if years.len() != values.len() {
            let expected = format!("must be one for each of the {} dates", years.len());
            return Err(Error::invalid("values", format!("{} values", values.len()), expected));
        }
        for (position, (&year, &value)) in years.iter().zip(&values).enumerate() {
            // More is a mistake of units, and leaves no digits for a day.
            check::within(&format!("series[{position}].date"), year, -1e5, 1e5)?;
            if position > 0 && year <= years[position - 1] {
                let expected = format!("must be after the date before it, {}", names[position - 1]);
                return Err(Error::invalid(format!("series[{position}].date"), &names[position], expected));
            }
            if !value.is_finite() {
                let expected = format!("must be a finite number; leave out what is missing (date {})", names[position]);
                return Err(Error::invalid(format!("series[{position}].value"), value, expected));
            }
        }
        Ok(Series { years, values })
    }

    /// How many observations there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.years.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.years.is_empty()
    }

    /// The dates, in years.
    #[must_use]
    pub fn years(&self) -> &[f64] {
        &self.years
    }

    /// The values.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Years from the first date to the last; 0 when there are fewer than two.
    #[must_use]
    pub fn span(&self) -> f64 {
        match (self.years.first(), self.years.last()) {
            (Some(first), Some(last)) => last - first,
            _ => 0.0,
        }
    }

    /// The part from the date `from` on and before the date `to`, in years.
    #[must_use]
    pub fn between(&self, from: f64, to: f64) -> Self {
        let within = self.years.iter().zip(&self.values).filter(|(year, _)| (from..to).contains(*year));
        let (years, values) = within.map(|(year, value)| (*year, *value)).unzip();
        Series { years, values }
    }

    /// The same dates with each value mapped, for a fit on another scale.
    ///
    /// # Errors
    /// [`Error::Invalid`] when a mapped value is not a finite number.
    pub fn map(&self, map: impl Fn(f64) -> f64) -> Result<Self, Error> {
        Self::new(self.years.clone(), self.values.iter().map(|value| map(*value)).collect::<Vec<_>>())
    }

    /// The dates that all series have, and the values of each there.
    pub(crate) fn aligned(series: &[Series]) -> (Vec<f64>, Vec<Vec<f64>>) {
        let Some((first, others)) = series.split_first() else { return (Vec::new(), Vec::new()) };
        let mut years = Vec::new();
        let mut values = vec![Vec::new(); series.len()];
        for (year, value) in first.years.iter().zip(&first.values) {
            let found: Option<Vec<f64>> = others
                .iter()
                .map(|other| {
                    other.years.binary_search_by(|probe| probe.total_cmp(year)).ok().map(|at| other.values[at])
                })
                .collect();
            if let Some(found) = found {
                years.push(*year);
                for (column, value) in values.iter_mut().zip(std::iter::once(*value).chain(found)) {
                    column.push(value);
                }
            }
        }
        (years, values)
    }

    /// The newest value; a fit has checked that there is one.
    pub(super) fn last(&self) -> f64 {
        self.values.last().copied().unwrap_or(f64::NAN)
    }

    /// The intervals between neighbouring dates.
    pub(super) fn intervals(&self) -> Vec<Interval> {
        let dates = self.years.windows(2).map(|pair| (pair[0], pair[1]));
        let values = self.values.windows(2).map(|pair| (pair[0], pair[1]));
        dates
            .zip(values)
            .map(|((start, end), (before, after))| Interval { start, end, length: end - start, before, after })
            .collect()
    }

    /// At least so many intervals, or an error that says how many.
    pub(super) fn at_least(&self, intervals: usize) -> Result<(), Error> {
        if self.len() <= intervals {
            let expected = format!("must be at least {} for this model", intervals + 1);
            return Err(Error::invalid("series", format!("{} observations", self.len()), expected));
        }
        Ok(())
    }

    /// The natural logarithms, for a model of a price.
    pub(crate) fn logarithms(&self) -> Result<Self, Error> {
        for (position, value) in self.values.iter().enumerate() {
            check::positive(&format!("series[{position}].value"), *value)?;
        }
        Ok(Series { years: self.years.clone(), values: self.values.iter().map(|value| value.ln()).collect() })
    }
}

#[cfg(test)]
mod tests {
    //! Guards: every defect is refused by position and name; alignment keeps only what all have.
    #![allow(clippy::float_cmp, reason = "values are passed through unchanged")]
    use super::*;

    #[test]
    fn defects_are_refused_by_position() {
        let field = |years: &[f64], values: &[f64]| {
            Series::new(years, values).err().and_then(|error| error.field().map(str::to_owned))
        };
        assert_eq!(field(&[0.0, 1.0], &[1.0, 2.0]), None);
        assert_eq!(field(&[0.0, 0.0], &[1.0, 2.0]).as_deref(), Some("series[1].date"));
        assert_eq!(field(&[0.0, 1.0, 0.5], &[1.0, 2.0, 3.0]).as_deref(), Some("series[2].date"));
        assert_eq!(field(&[0.0, f64::NAN], &[1.0, 2.0]).as_deref(), Some("series[1].date"));
        assert_eq!(field(&[0.0, 1.0], &[f64::NAN, 2.0]).as_deref(), Some("series[0].value"));
        assert_eq!(field(&[0.0, 1.0], &[1.0]).as_deref(), Some("values"));
        assert_eq!(Series::dated([("2024-02-30", 1.0)]).unwrap_err().field(), Some("series[0].date"));
        let falls = Series::new([0.0, 1.0], [1.0, -2.0]).unwrap();
        assert_eq!(falls.logarithms().unwrap_err().field(), Some("series[1].value"));
    }

    #[test]
    fn alignment_keeps_the_dates_that_all_have() {
        let a = Series::new([0.0, 1.0, 2.0, 4.0], [1.0, 2.0, 3.0, 4.0]).unwrap();
        let b = Series::new([1.0, 3.0, 4.0], [5.0, 6.0, 7.0]).unwrap();
        let (years, values) = Series::aligned(&[a.clone(), b]);
        assert_eq!(years, [1.0, 4.0]);
        assert_eq!(values, [vec![2.0, 4.0], vec![5.0, 7.0]]);
        assert_eq!(a.between(1.0, 4.0).values(), [2.0, 3.0]);
    }
}
