//! From two series with dates to changes side by side.

use super::pairs::Pairs;
use crate::calibrate::Series;
use crate::{Error, check};

/// The log changes of two prices (or rents) between successive dates that both have.
///
/// Dates that one of them lacks are skipped, so that a coin's weekend belongs to the change from Friday to Monday. A change over a gap is no
/// change of one period: it is left out, and counted.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Changes {
    /// The changes.
    pub pairs: Pairs,
    /// The date in years at which each change ends.
    pub dates: Vec<f64>,
    /// Changes left out because they pass over a gap.
    pub gaps: usize,
}

impl Changes {
    /// Of two prices; a gap is longer than `longest` years, by default five times the median interval.
    ///
    /// # Errors
    /// A price that is not above zero, by its series; fewer than four common dates; changes that do not vary.
    pub fn new(one: &Series, other: &Series, longest: Option<f64>) -> Result<Self, Error> {
        if let Some(longest) = longest {
            check::positive("longest", longest)?;
        }
        let logarithms = [(one, "prices[0]"), (other, "prices[1]")]
            .map(|(series, name)| series.logarithms().map_err(|error| error.within(name)));
        let [one, other] = logarithms;
        let (years, values) = Series::aligned(&[one?, other?]);
        if years.len() < 4 {
            return Err(Error::invalid("prices", format!("{} common dates", years.len()), "must be at least 4"));
        }
        let mut lengths: Vec<f64> = years.windows(2).map(|dates| dates[1] - dates[0]).collect();
        lengths.sort_by(f64::total_cmp);
        // A day is 1/365.25 of a year: the slack is for its rounding.
        let longest = longest.unwrap_or(5.0 * lengths[lengths.len() / 2]) * (1.0 + 1e-9);
        let kept = || (1..years.len()).filter(|at| years[*at] - years[*at - 1] <= longest);
        let changes = |values: &[f64]| kept().map(|at| values[at] - values[at - 1]).collect::<Vec<f64>>();
        let pairs = Pairs::new(changes(&values[0]), changes(&values[1]))?;
        let dates: Vec<f64> = kept().map(|at| years[at]).collect();
        let gaps = years.len() - 1 - dates.len();
        Ok(Changes { pairs, dates, gaps })
    }

    /// The changes that end on dates of which another series says what is wanted (an index of stress above a bound, say); dates that it lacks are left out.
    ///
    /// # Errors
    /// As [`Pairs::new`].
    pub fn on(&self, other: &Series, wanted: impl Fn(f64) -> bool) -> Result<Self, Error> {
        let value = |date: &f64| {
            other.years().binary_search_by(|probe| probe.total_cmp(date)).ok().map(|at| other.values()[at])
        };
        let kept: Vec<usize> =
            (0..self.dates.len()).filter(|at| value(&self.dates[*at]).is_some_and(&wanted)).collect();
        let of = |values: &[f64]| kept.iter().map(|at| values[*at]).collect::<Vec<f64>>();
        let pairs = Pairs::new(of(self.pairs.x()), of(self.pairs.y()))?;
        Ok(Changes { pairs, dates: of(&self.dates), gaps: self.gaps })
    }
}

#[cfg(test)]
mod tests {
    //! Guards: what one lacks is skipped, gaps are counted, prices below zero are refused by series.
    #![allow(clippy::float_cmp, clippy::unwrap_used, reason = "whole numbers; a test fails by panicking")]
    use super::*;

    #[test]
    fn dates_gaps_and_conditions() {
        let days: Vec<f64> = (0..30).map(f64::from).collect();
        let prices: Vec<f64> = (0..30).map(|day| f64::from(100 + day * day % 7)).collect();
        let all = Series::new(days.clone(), prices.clone()).unwrap();
        // The other lacks day 3 and days 10 to 19.
        let there = |day: &f64| *day != 3.0 && !(10.0..20.0).contains(day);
        let (some_days, some): (Vec<f64>, Vec<f64>) = days.iter().zip(&prices).filter(|(day, _)| there(day)).unzip();
        let some = Series::new(some_days, some).unwrap();
        let changes = Changes::new(&all, &some, None).unwrap();
        // 19 common dates have 18 changes, of which the one from day 9 to day 20 is a gap and the one from 2 to 4 is not.
        assert_eq!((changes.pairs.len(), changes.gaps), (17, 1));
        assert!(changes.dates.contains(&4.0) && !changes.dates.contains(&20.0));
        assert_eq!(changes.pairs.x(), changes.pairs.y());
        assert!((changes.pairs.x()[2] - (prices[4] / prices[2]).ln()).abs() < 1e-15);
        let index = Series::new(days.clone(), days).unwrap();
        assert_eq!(changes.on(&index, |day| day > 23.5).unwrap().dates, [24.0, 25.0, 26.0, 27.0, 28.0, 29.0]);
        assert_eq!(Changes::new(&all, &some, Some(1.5)).unwrap().gaps, 2);
        let below = all.map(|price| price - 100.0).unwrap();
        assert!(Changes::new(&all, &below, None).unwrap_err().field().unwrap().starts_with("prices[1]"));
        assert_eq!(Changes::new(&all, &all.between(0.0, 2.5), None).unwrap_err().field(), Some("prices"));
    }
}
