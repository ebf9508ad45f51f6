//! Machines that arrive later than the money that bought them.

use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// When the machines of a fleet arrive, and how they come into use.
///
/// ```text
/// delivered at   d = at + G,     G gamma of mean delay_mean and standard deviation delay_deviation
/// running at t   min(1, max(0, t - d) / ramp)     of the units
/// ```
///
/// | symbol | field | unit | range |
/// | --- | --- | --- | --- |
/// | | `at` | years from today: the planned date; 0 by default | 0 to 100 |
/// | | `delay_mean` | years; 0 by default | 0 to 100 |
/// | | `delay_deviation` | years; 0, a known delay, by default | 0 to 100, at least a thousandth of the mean and at most 100 times it, or 0 |
/// | | `ramp` | years from the first unit in use to the last; 0 by default | 0 to 100 |
/// | | `contracts` | from when contracts count their terms | |
///
/// Units that do not run yet earn nothing, draw no power and cost no opex; overhead, interest and instalments go on: that is the risk. They were paid before the run
/// begins, and are collateral all the time. Everything is integrated within a step, so the grid does not matter.
///
/// The delay is drawn once a path, keyed by the names of borrower and fleet.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delivery {
    /// The planned date.
    #[serde(default)]
    pub at: f64,
    /// Mean of the delay.
    #[serde(default)]
    pub delay_mean: f64,
    /// Standard deviation of the delay.
    #[serde(default)]
    pub delay_deviation: f64,
    /// From the first unit in use to the last.
    #[serde(default)]
    pub ramp: f64,
    /// From when contracts count their terms.
    #[serde(default)]
    pub contracts: ContractTerm,
}

/// From when the contracts of a fleet count `from` and `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContractTerm {
    /// From today: what is delivered late is let for less time.
    #[default]
    Dates,
    /// From delivery.
    FromDelivery,
}

/// The longest time, in years.
const LONGEST: f64 = 100.0;

impl Delivery {
    pub(super) fn validate(&self) -> Result<(), Error> {
        check::within("at", self.at, 0.0, LONGEST)?;
        check::within("delay_mean", self.delay_mean, 0.0, LONGEST)?;
        check::within("delay_deviation", self.delay_deviation, 0.0, LONGEST)?;
        check::within("ramp", self.ramp, 0.0, LONGEST)?;
        let is_usual = (1e-3 * self.delay_mean..=100.0 * self.delay_mean).contains(&self.delay_deviation);
        if self.delay_deviation > 0.0 && !is_usual {
            let expected = "must be 0, or between a thousandth of `delay_mean` and 100 times it";
            return Err(Error::invalid("delay_deviation", self.delay_deviation, expected));
        }
        Ok(())
    }

    /// Shape and scale of a delay that is random.
    pub(super) fn gamma(&self) -> Option<[f64; 2]> {
        let [mean, deviation] = [self.delay_mean, self.delay_deviation];
        (deviation > 0.0).then(|| [(mean / deviation) * (mean / deviation), deviation * deviation / mean])
    }

    /// The delivery without delay, or with a delay that is known.
    pub(super) fn known(&self) -> Delivered {
        let delay = if self.delay_deviation > 0.0 { 0.0 } else { self.delay_mean };
        Delivered { at: self.at + delay, ramp: self.ramp }
    }
}

/// Machines that were delivered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Delivered {
    pub(super) at: f64,
    pub(super) ramp: f64,
}

impl Delivered {
    /// Machines that were there before.
    pub(super) const BEFORE: Delivered = Delivered { at: 0.0, ramp: 0.0 };

    /// Years that a machine of the fleet has run by a date, on average: the integral of what runs.
    #[inline(always)]
    pub(super) fn running(self, date: f64) -> f64 {
        let years = date - self.at;
        let whole = years - 0.5 * self.ramp;
        let part = 0.5 * years * years / self.ramp;
        let running = if years < self.ramp { part } else { whole };
        if years > 0.0 { running } else { 0.0 }
    }
}
