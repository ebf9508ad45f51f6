//! The share of a fleet that is let.

use super::factor::{Factor, FactorBlock, FactorPlan, FactorStepper};
use super::lanes::{DriverLane, OwnLane, ReadLane};
use super::ou::OuStep;
use super::per_step::PerStep;
use super::range;
use crate::numeric::kernel::{exp, ln};
use crate::numeric::{Lane, PATHS};
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// A share between 0 and 1 that comes back to its usual value: the utilisation of a fleet.
///
/// ```text
/// U = s / (1 + e^(-y)),    dy = k (ln(u / (1 - u)) - y) dt + v dW
/// ```
///
/// | symbol | field | unit | range |
/// | --- | --- | --- | --- |
/// | U_0 | `initial` | share | strictly between 0 and 1 |
/// | u | `usual` | share: the median in the long run (the mean lies nearer to 1/2) | strictly between 0 and 1 |
/// | k | `reversion` | per year | 0 to 10000 |
/// | v | `volatility` | of the log odds, per square root of a year; near u it is v u (1 - u) of the share | 0 to 10 |
/// | s | `demand` | series of the share of demand that is left, such as a [`DemandShift`](super::DemandShift); 1 by default | |
///
/// U_0 and u are shares of the demand of today; U is never above 1 nor below 0, whatever the series holds. The step is exact, given the
/// demand at its end. One Gaussian driver, named as the factor. Publishes its level. Modulated, y has the volatility
/// `m v` and gains `d (1 - e^(-k D)) / k` in the step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Utilisation {
    /// Share at time zero.
    pub initial: f64,
    /// Median of the share in the long run.
    pub usual: f64,
    /// Speed of the return to the usual value, per year.
    pub reversion: f64,
    /// Volatility of the log odds per square root of a year.
    pub volatility: f64,
    /// The series of the demand that is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub demand: Option<String>,
}

impl Factor for Utilisation {
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error> {
        check::strictly_within("initial", self.initial, 0.0, 1.0)?;
        check::strictly_within("usual", self.usual, 0.0, 1.0)?;
        range::reversion("reversion", self.reversion)?;
        range::volatility("volatility", self.volatility)?;
        let usual = log_odds(self.usual);
        Ok(Box::new(Stepper {
            initial: self.initial,
            distance: log_odds(self.initial) - usual,
            usual,
            steps: PerStep::new(plan.grid(), |length| OuStep::new(self.reversion, self.volatility, length)),
            demand: self.demand.as_deref().map(|series| plan.read("demand", series)).transpose()?,
            level: plan.level(),
            state: plan.state(),
            driver: plan.driver(),
        }))
    }
}

fn log_odds(share: f64) -> f64 {
    ln(share) - ln(1.0 - share)
}

struct Stepper {
    initial: f64,
    /// y_0 less the usual log odds; the state is this difference.
    distance: f64,
    usual: f64,
    steps: PerStep<OuStep>,
    demand: Option<ReadLane>,
    level: OwnLane,
    state: OwnLane,
    driver: DriverLane,
}

impl FactorStepper for Stepper {
    fn start(&self, block: &mut FactorBlock<'_>) {
        block.own[self.level].fill(self.initial);
        block.own[self.state].fill(self.distance);
        self.shrink(block);
    }

    fn step(&self, block: &mut FactorBlock<'_>) {
        let [level, state] = block.own.many([self.level, self.state]);
        self.steps.at(block.step).advance(&block.drivers[self.driver], block.modulation, state);
        share(self.usual, state, level);
        self.shrink(block);
    }
}

impl Stepper {
    fn shrink(&self, block: &mut FactorBlock<'_>) {
        if let Some(demand) = self.demand {
            shrink(block.read.lane(demand), &mut block.own[self.level]);
        }
    }
}

crate::vectorised! {
    fn share(usual: f64, state: &Lane, level: &mut Lane) {
        for path in 0..PATHS {
            level[path] = 1.0 / (1.0 + exp(-(usual + state[path])));
        }
    }

    fn shrink(demand: &Lane, level: &mut Lane) {
        for path in 0..PATHS {
            let share = demand[path] * level[path];
            let share = if share < 1.0 { share } else { 1.0 };
            level[path] = if share > 0.0 { share } else { 0.0 };
        }
    }
}
