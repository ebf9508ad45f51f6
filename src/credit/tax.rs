//! What the state takes of profits, and what is spent on machines to come.

use super::fleet::LARGEST;
use super::schedule::{SAME_DATE, step_of};
use crate::numeric::TimeGrid;
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// A tax on profits, paid at the end of each step, or tax year, before debt service.
///
/// With the cash flow `C` of a step before tax, the interest and fees `I` that fall due in it in cash, the depreciation `A` of the part of the step before
/// `depreciated_until`, sums over the steps that are settled together, and losses `L` brought forward,
///
/// ```text
/// base = sum (C - I - A) - L          tax = rate max(0, base)          L' = max(0, -base)
/// ```
///
/// Without [`Losses::CarriedForward`] `L` stays zero. CFADS is `C` less tax. Losses are kept without end and may be used in full. What a year that is not over owes is
/// forgotten at a default: the loss on what is sold falls in the same year.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tax {
    /// Part of profits, 0 to 1.
    pub rate: f64,
    /// What the machines lose in the books, in USD a year.
    #[serde(default)]
    pub depreciation_usd_per_year: f64,
    /// Years from today until which they do.
    #[serde(default)]
    pub depreciated_until: f64,
    /// What becomes of a loss.
    #[serde(default)]
    pub losses: Losses,
    /// Which steps are settled together.
    #[serde(default)]
    pub settlement: Settlement,
}

/// What a loss does to the tax of later steps or years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Losses {
    /// It reduces profits to come.
    #[default]
    CarriedForward,
    /// Nothing.
    Forfeited,
}

/// Which steps are settled together: what is lost in one of them reduces the profit of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settlement {
    /// Each by itself: on a grid of months a good month of a bad year is taxed.
    #[default]
    Step,
    /// Those of a tax year. It ends on the first date of the grid that is not before a whole number of years from today; its tax is paid on that date.
    Year,
}

/// Money spent on machines or buildings at a date, from cash, before debt service: part of the metric `capex`, and no part of CFADS.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outlay {
    /// Years from today.
    pub at: f64,
    /// How much.
    pub usd: f64,
}

impl Tax {
    pub(super) fn validate(&self) -> Result<(), Error> {
        check::within("rate", self.rate, 0.0, 1.0)?;
        check::within("depreciation_usd_per_year", self.depreciation_usd_per_year, 0.0, LARGEST)?;
        check::within("depreciated_until", self.depreciated_until, 0.0, 1e3)
    }

    /// Depreciation by step; `[0]` is today.
    pub(super) fn depreciation(&self, grid: &TimeGrid) -> Vec<f64> {
        let years = |start: f64, end: f64| (end.min(self.depreciated_until) - start).max(0.0);
        let by_step = grid.iter().map(|step| self.depreciation_usd_per_year * years(step.start, step.end));
        std::iter::once(0.0).chain(by_step).collect()
    }

    /// Whether tax is settled at the end of a step, by step; `[0]` is today.
    pub(super) fn settles(&self, grid: &TimeGrid) -> Vec<bool> {
        let years = |date: f64| (date + SAME_DATE).floor();
        let by_step = grid.iter().map(|step| match self.settlement {
            Settlement::Step => true,
            Settlement::Year => years(step.end) > years(step.start),
        });
        std::iter::once(false).chain(by_step).collect()
    }
}

impl Outlay {
    pub(super) fn validate(&self) -> Result<(), Error> {
        if !(self.at > 0.0 && self.at <= 1e3) {
            let expected = "must be after today and at most 1000 years away; what was spent before is not in cash";
            return Err(Error::invalid("at", self.at, expected));
        }
        check::within("usd", self.usd, 0.0, LARGEST)
    }

    /// All of them by step.
    pub(super) fn by_step(outlays: &[Outlay], grid: &TimeGrid) -> Vec<f64> {
        let mut amounts = vec![0.0; grid.steps() + 1];
        for outlay in outlays {
            if let Some(step) = step_of(grid, outlay.at) {
                amounts[step] += outlay.usd;
            }
        }
        amounts
    }
}
