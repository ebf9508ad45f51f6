//! What a sale does to the price: by how much it falls for the pace at which everyone sells.

use crate::numeric::{Lane, PATHS, kernel};
use crate::{Error, check, vectorised};
use serde::{Deserialize, Serialize};

/// The share `r` of the mark that is left at pace `p = impact x`, with the use of the depth `x`.
///
/// | form | `r` | source |
/// | --- | --- | --- |
/// | exponential | `exp(-p)` | Cifuentes, Ferrucci, Shin (2005), doi:10.1162/jeea.2005.3.2-3.556 |
/// | linear | `max(1 - p, 1e-6)` | Kyle (1985), doi:10.2307/1913210 |
/// | bounded | `1 - (1 - b)(1 - exp(-p))`, `b = min(1, floor / m)` | Cont, Schaanning (2017), doi:10.2139/ssrn.2541114 |
///
/// All start at 1 with slope `-impact` (bounded: `-(1 - b) impact`) and fall with `p`. The bounded form has buyers who
/// take any number at `floor` USD a unit, whatever the mark is above it: sales bring the mark `m` down to the floor and never below;
/// a mark that is at the floor already is not moved. A price of a linear form does not fall below a millionth of
/// the mark, so that its logarithm exists, by which marks remember.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ImpactForm {
    /// Each further unit costs the same share of what is left.
    #[default]
    Exponential,
    /// Each further unit costs the same.
    Linear,
    /// Down to a floor, where others buy without limit: what the machine is worth to its best second user, or as scrap.
    Bounded {
        /// USD a unit, above 0.
        floor: f64,
    },
}

/// The least share of the mark that a linear or bounded form leaves.
const LEAST_SHARE: f64 = 1e-6;

impl ImpactForm {
    pub(super) fn validate(self) -> Result<(), Error> {
        match self {
            ImpactForm::Exponential | ImpactForm::Linear => Ok(()),
            ImpactForm::Bounded { floor } => check::positive("form.bounded.floor", floor),
        }
    }

    /// Turns the paces of a lane into the shares that they leave of these marks.
    pub(super) fn shares(self, mark: &Lane, pace: &mut Lane) {
        match self {
            ImpactForm::Exponential => exponential_shares(pace),
            ImpactForm::Linear => linear_shares(pace),
            ImpactForm::Bounded { floor } => bounded_shares(mark, floor, pace),
        }
    }

    /// The share left on one path.
    pub(super) fn share(self, mark: f64, pace: f64) -> f64 {
        match self {
            ImpactForm::Exponential => exponential_of(pace),
            ImpactForm::Linear => linear(pace),
            ImpactForm::Bounded { floor } => bounded_of(mark, pace, floor),
        }
    }

    /// Turns paces into `-ln r`, by which the marks of later steps are depressed.
    pub(super) fn concessions(self, share: &Lane, pace: &mut Lane) {
        // Of an exponential form the pace is the logarithm.
        if self != ImpactForm::Exponential {
            logarithms(share, pace);
        }
    }
}

#[inline(always)]
fn linear(pace: f64) -> f64 {
    let left = 1.0 - pace;
    if left > LEAST_SHARE { left } else { LEAST_SHARE }
}

#[inline(always)]
fn bounded(mark: f64, pace: f64, floor: f64) -> f64 {
    let at_floor = if mark > floor { floor / mark } else { 1.0 };
    // Written so that a pace of zero leaves exactly 1.
    let left = (1.0 - at_floor).mul_add(kernel::exp_m1(-pace), 1.0);
    if left > LEAST_SHARE { left } else { LEAST_SHARE }
}

vectorised! {
    fn exponential_shares(pace: &mut Lane) {
        for i in 0..PATHS {
            pace[i] = kernel::exp(-pace[i]);
        }
    }

    fn linear_shares(pace: &mut Lane) {
        for i in 0..PATHS {
            pace[i] = linear(pace[i]);
        }
    }

    fn bounded_shares(mark: &Lane, floor: f64, pace: &mut Lane) {
        for i in 0..PATHS {
            pace[i] = bounded(mark[i], pace[i], floor);
        }
    }

    /// One path. Compiled for the instruction set too, since a fused multiply-add without hardware is a slow call.
    fn exponential_of(pace: f64) -> f64 {
        kernel::exp(-pace)
    }

    fn bounded_of(mark: f64, pace: f64, floor: f64) -> f64 {
        bounded(mark, pace, floor)
    }

    fn logarithms(share: &Lane, concession: &mut Lane) {
        for i in 0..PATHS {
            concession[i] = -kernel::ln(share[i]);
        }
    }
}
