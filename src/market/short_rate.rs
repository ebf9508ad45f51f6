//! The short rate of interest, and what it makes of money over time.

use super::factor::{Factor, FactorBlock, FactorPlan, FactorStepper};
use super::integrated_ou::IntegratedOu;
use super::lanes::{DriverLane, OwnLane};
use super::range;
use crate::Error;
use serde::{Deserialize, Serialize};

/// Vasicek's short rate, with the discount factor along each path.
///
/// ```text
/// dr = k (theta - r) dt + v dW,    discount_t = exp(-integral_0^t r ds)
/// ```
///
/// | symbol | field | unit | range |
/// | --- | --- | --- | --- |
/// | r_0 | `initial` | per year, continuously compounded | -10 to 10 |
/// | theta | `mean` | per year, the long-run mean | -10 to 10 |
/// | k | `reversion` | per year | 0 to 10000 |
/// | v | `volatility` | absolute, per year per square root of a year: 0.01 is one percentage point | 0 to 10 |
///
/// Publishes its level, the rate, and `discount`. Both are exact on the dates: rate and integral over a step are jointly
/// normal,
///
/// ```text
/// r' = theta + (r - theta) e^(-kD) + s_r Z
/// I  = theta D + (r - theta) B + s_I (rho Z + sqrt(1 - rho^2) W),     B = (1 - e^(-kD)) / k
/// s_I^2 = v^2 (D - 2 B + (1 - e^(-2kD)) / (2k)) / k^2,    rho s_r s_I = v^2 B^2 / 2
/// ```
///
/// with the Gaussian driver `Z`, named as the factor, and a second normal `W` from the factor's own stream. The rate may
/// be negative. Modulated, both noises are multiplied by `m` and `d` is added to the drift of the rate.
///
/// Source: O. Vasicek, "An equilibrium characterization of the term structure", J. Financial Economics 5 (1977) 177-188,
/// doi:10.1016/0304-405X(77)90016-2; the joint step: P. Glasserman, *Monte Carlo Methods in Financial Engineering*
/// (2003), section 3.3.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShortRate {
    /// Rate at time zero, per year.
    pub initial: f64,
    /// Mean in the long run, per year.
    pub mean: f64,
    /// Speed of the return to the mean, per year.
    pub reversion: f64,
    /// Volatility in absolute terms per square root of a year.
    pub volatility: f64,
}

impl Factor for ShortRate {
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error> {
        range::rate("initial", self.initial)?;
        range::rate("mean", self.mean)?;
        range::reversion("reversion", self.reversion)?;
        range::volatility("volatility", self.volatility)?;
        Ok(Box::new(Stepper {
            initial: self.initial,
            joint: IntegratedOu::discounting(plan.grid(), self.mean, self.reversion, self.volatility),
            level: plan.level(),
            discount: plan.publish("discount"),
            driver: plan.driver(),
        }))
    }
}

struct Stepper {
    initial: f64,
    joint: IntegratedOu,
    level: OwnLane,
    discount: OwnLane,
    driver: DriverLane,
}

impl FactorStepper for Stepper {
    fn start(&self, block: &mut FactorBlock<'_>) {
        block.own[self.level].fill(self.initial);
        block.own[self.discount].fill(1.0);
    }

    fn step(&self, block: &mut FactorBlock<'_>) {
        self.joint.step(block, self.driver, self.level, self.discount);
    }
}
