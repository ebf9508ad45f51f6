//! The rent of a GPU: it deflates on trend and still rises in a shortage.

use super::decline::Decline;
use super::factor::{Factor, FactorBlock, FactorPlan, FactorStepper};
use super::lanes::{DriverLane, OwnLane};
use super::ou::OuStep;
use super::per_step::PerStep;
use super::range;
use crate::Error;
use crate::numeric::kernel::ln;
use serde::{Deserialize, Serialize};

/// Rent of one generation of GPUs: a falling trend, pushed down by newer generations, times a mean-reverting scarcity.
///
/// ```text
/// ln R_t = ln R_0 - delta t - beta (A_t - A_0) + (x_t - x_0),    dx = -k x dt + v dW
/// ```
///
/// | symbol | field | unit | range |
/// | --- | --- | --- | --- |
/// | R_0 | `initial` | USD per GPU-hour, the rent of today | above zero |
/// | delta | `deflation` | per year, in logs: 0.22 to 0.51 is 20 to 40 % a year | -10 to 10 |
/// | beta | `sensitivity` | log of rent per log of adopted performance per dollar | -100 to 100 |
/// | A | `adoption` | series of an [`Obsolescence`](super::Obsolescence), such as `frontier.adoption`; none by default | |
/// | x_0 | `scarcity` | log: how far today's rent stands above (or below) its trend; 0 by default | -100 to 100 |
/// | k | `reversion` | per year; the half-life of a shortage is 0.69 / k | 0 to 10000 |
/// | v | `volatility` | per square root of a year | 0 to 10 |
///
/// Rent is two-sided. The level starts at `initial`; with `scarcity` above zero it stands that much above its trend and
/// comes back to it. The mean of the rent is not `exp(-delta t)`: add half the variance of x, `v^2 (1 - e^(-2kt)) / (4k)`.
///
/// The step is exact, given the adoption at its end. One Gaussian driver, named as the factor. Publishes its level. Modulated, x has the volatility
/// `m v` and gains `d (1 - e^(-k D)) / k` in the step.
///
/// Source: a one-factor log-OU price (E. S. Schwartz, "The stochastic behavior of commodity prices", J. Finance 52 (1997)
/// 923-973, doi:10.1111/j.1540-6261.1997.tb02721.x, model 1) about a falling trend.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeflatingRent {
    /// Rent at time zero, USD per GPU-hour.
    pub initial: f64,
    /// Fall of the logarithm per year.
    pub deflation: f64,
    /// Fall of the logarithm per unit of adopted log performance.
    #[serde(default)]
    pub sensitivity: f64,
    /// The series of adoption that pushes rents down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adoption: Option<String>,
    /// By how much the logarithm of today's rent stands above its trend.
    #[serde(default)]
    pub scarcity: f64,
    /// Speed at which scarcity fades, per year.
    pub reversion: f64,
    /// Volatility of scarcity per square root of a year.
    pub volatility: f64,
}

impl Factor for DeflatingRent {
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error> {
        range::level("initial", self.initial)?;
        range::rate("deflation", self.deflation)?;
        range::logarithm("sensitivity", self.sensitivity)?;
        range::logarithm("scarcity", self.scarcity)?;
        range::reversion("reversion", self.reversion)?;
        range::volatility("volatility", self.volatility)?;
        let decline = Decline::plan(plan, self.adoption.as_deref(), self.sensitivity)?;
        Ok(Box::new(Stepper {
            initial: self.initial,
            scarcity: self.scarcity,
            trend: ln(self.initial) - self.scarcity,
            deflation: self.deflation,
            decline,
            steps: PerStep::new(plan.grid(), |length| OuStep::new(self.reversion, self.volatility, length)),
            level: plan.level(),
            state: plan.state(),
            driver: plan.driver(),
        }))
    }
}

struct Stepper {
    initial: f64,
    scarcity: f64,
    trend: f64,
    deflation: f64,
    decline: Decline,
    steps: PerStep<OuStep>,
    level: OwnLane,
    state: OwnLane,
    driver: DriverLane,
}

impl FactorStepper for Stepper {
    fn start(&self, block: &mut FactorBlock<'_>) {
        block.own[self.level].fill(self.initial);
        block.own[self.state].fill(self.scarcity);
        self.decline.start(block);
    }

    fn step(&self, block: &mut FactorBlock<'_>) {
        let normal = &block.drivers[self.driver];
        self.steps.at(block.step).advance(normal, block.modulation, &mut block.own[self.state]);
        self.decline.value(block, self.trend - self.deflation * block.step.end, self.state, self.level);
    }
}
