//! When does a simulation look at the world? A grid of dates.

use crate::Error;
use crate::error::check;
use serde::{Deserialize, Serialize};

/// The dates of a simulation, in years from today: `0 = t_0 < t_1 < .. < t_N`.
///
/// `t_0 = 0` is implied. Step `k` (1 to `N`) goes from `t_{k-1}` to `t_k`; its length is `t_k - t_{k-1}`.
/// Whatever scales with time (a coupon, a volatility) takes the length of the step, so any grid will do: months by
/// default, days for a loan with margin calls.
///
/// **Equal steps are equal to the bit.** `t_k - t_{k-1}` taken in floating point would give lengths that differ in their
/// last bits from step to step. Where all dates are multiples of the first one up to rounding (`|t_k - k t_1| <= 2^-50 t_k`)
/// every length is therefore the same number, `t_1`: exactly `1.0 / 12.0` on a monthly grid. A model that
/// computes its coefficients when the length changes then computes them once.
///
/// In a file a grid is `{ months = 60 }`, `{ steps = 520, per_year = 52 }` or `{ dates = [0.5, 1.0, 2.0] }`.
///
/// ```
/// use haircut::numeric::TimeGrid;
/// let grid = TimeGrid::monthly(60)?;
/// assert_eq!(grid.steps(), 60);
/// assert_eq!(grid.horizon(), 5.0);
/// assert!(grid.iter().all(|step| step.length == 1.0 / 12.0));
/// # Ok::<(), haircut::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct TimeGrid {
    /// `t_1 .. t_N`.
    dates: Vec<f64>,
    /// `t_k - t_{k-1}`, one and the same number where the spacing is equal.
    lengths: Vec<f64>,
    /// Steps a year, where the grid was described by it.
    per_year: Option<u32>,
}

/// One step of a [`TimeGrid`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Which step, counted from 1 to [`TimeGrid::steps`].
    pub index: usize,
    /// Where it starts, in years from today.
    pub start: f64,
    /// Where it ends, in years from today.
    pub end: f64,
    /// How long it is, in years.
    pub length: f64,
}

impl TimeGrid {
    /// The longest grid: 273 years of days. More steps than this are a mistake of units.
    pub const MOST_STEPS: usize = 100_000;

    /// The last date that can be given, in years: as many years as [`TimeGrid::MOST_STEPS`].
    const LONGEST: f64 = 100_000.0;

    /// One step a month: `t_k = k / 12`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for no month, or more than [`TimeGrid::MOST_STEPS`].
    pub fn monthly(months: usize) -> Result<Self, Error> {
        Self::regular(months, 12).map_err(|error| match error {
            Error::Invalid { value, expected, .. } => Error::Invalid { field: "months".into(), value, expected },
            other => other,
        })
    }

    /// A fixed number of steps a year: `t_k = k / per_year`.
    ///
    /// # Errors
    /// [`Error::Invalid`] for no step, more than [`TimeGrid::MOST_STEPS`], or no step a year.
    pub fn regular(steps: usize, per_year: u32) -> Result<Self, Error> {
        Self::check_steps("steps", steps)?;
        if per_year == 0 {
            return Err(Error::invalid("per_year", per_year, "must be at least 1"));
        }
        let dates = (1..=steps).map(|step| step as f64 / f64::from(per_year)).collect();
        Ok(TimeGrid { dates, lengths: vec![1.0 / f64::from(per_year); steps], per_year: Some(per_year) })
    }

    /// Any increasing dates, in years from today, the first one above zero.
    ///
    /// # Errors
    /// [`Error::Invalid`] for dates that are not finite, do not increase or lie beyond 100,000 years, for none, or more than
    /// [`TimeGrid::MOST_STEPS`].
    pub fn new(dates: impl Into<Vec<f64>>) -> Result<Self, Error> {
        let dates = dates.into();
        Self::check_steps("dates", dates.len())?;
        let mut before = 0.0;
        for (position, &date) in dates.iter().enumerate() {
            check::finite(&format!("dates[{position}]"), date)?;
            if date > Self::LONGEST {
                let expected = format!("must be at most {}; dates are in years from today", Self::LONGEST);
                return Err(Error::invalid(format!("dates[{position}]"), date, expected));
            }
            if date <= before {
                return Err(Error::invalid(format!("dates[{position}]"), date, format!("must be after {before}")));
            }
            before = date;
        }
        let first = dates[0];
        let equal = dates.iter().zip(1..).all(|(&date, step): (_, u32)| {
            (date - f64::from(step) * first).abs() <= date * (1.0 / (1_u64 << 50) as f64)
        });
        let lengths = if equal {
            vec![first; dates.len()]
        } else {
            std::iter::once(first).chain(dates.windows(2).map(|pair| pair[1] - pair[0])).collect()
        };
        Ok(TimeGrid { dates, lengths, per_year: None })
    }

    fn check_steps(field: &str, steps: usize) -> Result<(), Error> {
        if steps == 0 || steps > Self::MOST_STEPS {
            let expected = format!("must be between 1 and {} steps", Self::MOST_STEPS);
            return Err(Error::invalid(field, steps, expected));
        }
        Ok(())
    }

    /// How many steps there are, `N`.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.dates.len()
    }

    /// The date `t_k` in years from today, for `k` from 0 to [`steps`](Self::steps); the horizon for any later `k`.
    #[must_use]
    pub fn time(&self, k: usize) -> f64 {
        match k {
            0 => 0.0,
            _ => self.dates.get(k - 1).copied().unwrap_or_else(|| self.horizon()),
        }
    }

    /// The length of step `k` in years, for `k` from 1 to [`steps`](Self::steps); zero for any other `k`, where no
    /// time passes.
    #[must_use]
    pub fn length(&self, k: usize) -> f64 {
        k.checked_sub(1).and_then(|position| self.lengths.get(position)).copied().unwrap_or(0.0)
    }

    /// The last date, in years from today.
    #[must_use]
    pub fn horizon(&self) -> f64 {
        self.dates.last().copied().unwrap_or(0.0)
    }

    /// Whether all steps have one length: that length.
    #[must_use]
    pub fn equal_length(&self) -> Option<f64> {
        let first = self.length(1);
        self.lengths.iter().all(|length| length.to_bits() == first.to_bits()).then_some(first)
    }

    /// The dates `t_1 .. t_N`.
    #[must_use]
    pub fn dates(&self) -> &[f64] {
        &self.dates
    }

    /// The steps in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Step> + DoubleEndedIterator + '_ {
        self.lengths.iter().enumerate().map(|(position, &length)| Step {
            index: position + 1,
            start: self.time(position),
            end: self.dates[position],
            length,
        })
    }
}

/// How a grid stands in a file.
#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "expected `{ months = .. }`, `{ steps = .., per_year = .. }` or `{ dates = [..] }`")]
enum Form {
    Months(Months),
    Regular(Regular),
    Dates(Dates),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Months {
    months: usize,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Regular {
    steps: usize,
    per_year: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Dates {
    dates: Vec<f64>,
}

impl TryFrom<Form> for TimeGrid {
    type Error = Error;

    fn try_from(form: Form) -> Result<Self, Error> {
        match form {
            Form::Months(Months { months }) => TimeGrid::monthly(months),
            Form::Regular(Regular { steps, per_year }) => TimeGrid::regular(steps, per_year),
            Form::Dates(Dates { dates }) => TimeGrid::new(dates),
        }
    }
}

impl From<TimeGrid> for Form {
    fn from(grid: TimeGrid) -> Form {
        match grid.per_year {
            Some(12) => Form::Months(Months { months: grid.steps() }),
            Some(per_year) => Form::Regular(Regular { steps: grid.steps(), per_year }),
            None => Form::Dates(Dates { dates: grid.dates }),
        }
    }
}

#[cfg(test)]
mod tests {
    //! Guards: dates and lengths as documented, equal spacing exact, bad grids refused by name, files read back.
    #![allow(clippy::float_cmp, reason = "the promise is equality to the bit")]
    use super::*;

    #[test]
    fn a_monthly_grid_has_one_length() {
        let grid = TimeGrid::monthly(360).unwrap();
        assert_eq!((grid.steps(), grid.horizon(), grid.time(0), grid.time(7)), (360, 30.0, 0.0, 7.0 / 12.0));
        // A difference of dates would not do: it takes several values.
        assert!((1..=360).any(|k| grid.time(k) - grid.time(k - 1) != 1.0 / 12.0));
        assert!((1..=360).all(|k| grid.length(k) == 1.0 / 12.0));
        assert_eq!(grid.equal_length(), Some(1.0 / 12.0));
    }

    #[test]
    fn given_dates_of_equal_spacing_have_one_length() {
        let months: Vec<f64> = (1..=120).map(|k| f64::from(k) / 12.0).collect();
        let days: Vec<f64> = (1..=730).map(|k| f64::from(k) * (1.0 / 365.0)).collect();
        assert_eq!(TimeGrid::new(months).unwrap().equal_length(), Some(1.0 / 12.0));
        assert_eq!(TimeGrid::new(days).unwrap().equal_length(), Some(1.0 / 365.0));
    }

    #[test]
    fn any_increasing_dates_will_do() {
        let grid = TimeGrid::new([0.25, 1.0, 1.5]).unwrap();
        let steps: Vec<Step> = grid.iter().collect();
        assert_eq!(steps.len(), 3);
        assert_eq!(steps[0], Step { index: 1, start: 0.0, end: 0.25, length: 0.25 });
        assert_eq!(steps[1], Step { index: 2, start: 0.25, end: 1.0, length: 0.75 });
        assert_eq!(steps[2], Step { index: 3, start: 1.0, end: 1.5, length: 0.5 });
        assert_eq!(grid.equal_length(), None);
        // Beyond its ends a grid is still total.
        assert_eq!((grid.time(9), grid.length(0), grid.length(4)), (1.5, 0.0, 0.0));
    }

    #[test]
    fn bad_grids_are_refused_by_name() {
        let field = |result: Result<TimeGrid, Error>| result.unwrap_err().field().unwrap_or_default().to_owned();
        assert_eq!(field(TimeGrid::monthly(0)), "months");
        assert_eq!(field(TimeGrid::monthly(TimeGrid::MOST_STEPS + 1)), "months");
        assert_eq!(field(TimeGrid::regular(5, 0)), "per_year");
        assert_eq!(field(TimeGrid::new([])), "dates");
        assert_eq!(field(TimeGrid::new([0.0])), "dates[0]");
        assert_eq!(field(TimeGrid::new([1.0, 1.0])), "dates[1]");
        assert_eq!(field(TimeGrid::new([1.0, f64::NAN])), "dates[1]");
        assert_eq!(field(TimeGrid::new([1.0, f64::INFINITY])), "dates[1]");
        assert_eq!(field(TimeGrid::new([1.0, 1e300])), "dates[1]");
    }

    #[test]
    fn a_grid_is_read_back_as_it_was_written() {
        for grid in [
            TimeGrid::monthly(60).unwrap(),
            TimeGrid::regular(520, 52).unwrap(),
            TimeGrid::new([0.25, 1.0, 1.5]).unwrap(),
        ] {
            let text = toml::to_string(&grid).unwrap();
            assert_eq!(toml::from_str::<TimeGrid>(&text).unwrap(), grid, "{text}");
        }
        assert_eq!(toml::from_str::<TimeGrid>("months = 60").unwrap(), TimeGrid::monthly(60).unwrap());
        assert!(toml::from_str::<TimeGrid>("dates = [2.0, 1.0]").unwrap_err().to_string().contains("dates[1]"));
    }
}
