//! What a loan asks of cash that is left after debt service: a reserve, and repayment ahead of schedule.

use super::fleet::LARGEST;
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// A debt-service reserve account: pays what cash does not cover of its own facility, before any coin is sold.
///
/// With a balance `B` after a date, principal `P` that falls due in the next `months`, a rate `r` and a share `pik` of interest in
/// kind, it is to hold
///
/// ```text
/// target = min(B, P) + B r months / 12 (1 - pik)
/// ```
///
/// It is filled from cash after the debt service of all facilities on dates on which everything has been paid, and gives
/// back what is above the target. After a default it pays the claim of its facility at once.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reserve {
    /// Months of debt service.
    pub months: f64,
    /// What it holds at time zero, in USD.
    #[serde(default)]
    pub initial: f64,
}

/// Excess cash that repays a loan: `share x max(0, cash - floor)` at the end of each step in which everything has been
/// paid, after the debt service of all facilities and before owners; facilities with a sweep in the order of their rank, each from what
/// is left. The last instalments shrink first.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// Share of the cash above the floor, 0 to 1.
    pub share: f64,
    /// Cash that stays, in USD.
    #[serde(default)]
    pub floor: f64,
}

impl Reserve {
    pub(super) fn validate(&self) -> Result<(), Error> {
        check::within("months", self.months, 0.0, 1e4)?;
        check::within("initial", self.initial, 0.0, LARGEST)
    }
}

impl Sweep {
    pub(super) fn validate(&self) -> Result<(), Error> {
        check::within("share", self.share, 0.0, 1.0)?;
        check::within("floor", self.floor, 0.0, LARGEST)
    }
}
