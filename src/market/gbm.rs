//! Geometric Brownian motion: the plainest price.

use super::factor::{Factor, FactorBlock, FactorPlan, FactorStepper, Modulation};
use super::jumps::{factor, multiply};
use super::lanes::{DriverLane, OwnLane};
use super::per_step::PerStep;
use super::range;
use crate::Error;
use crate::numeric::{Lane, PATHS, Step, TimeGrid};
use serde::{Deserialize, Serialize};

/// A price that grows at a steady expected rate with normal returns, independent from step to step.
///
/// ```text
/// S' = S exp((mu - v^2 / 2) D + v sqrt(D) Z),    E[S_t] = S_0 exp(mu t)
/// ```
///
/// | symbol | field | unit | range |
/// | --- | --- | --- | --- |
/// | S_0 | `initial` | money, whatever it is a price of | above zero |
/// | mu | `drift` | per year; the growth rate of the mean, not of the median | -10 to 10 |
/// | v | `volatility` | per square root of a year | 0 to 10 |
///
/// The step is exact: the law on the dates does not depend on how fine they are. One Gaussian driver, named as the factor.
/// Publishes its level. Modulated, the step is that of volatility `m v` and drift `mu + d`.
///
/// Source: F. Black, M. Scholes, "The pricing of options and corporate liabilities", J. Political Economy 81 (1973)
/// 637-654, doi:10.1086/260062.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gbm {
    /// Price at time zero.
    pub initial: f64,
    /// Growth rate of the expected price, per year.
    pub drift: f64,
    /// Volatility per square root of a year.
    pub volatility: f64,
}

impl Factor for Gbm {
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error> {
        range::level("initial", self.initial)?;
        range::rate("drift", self.drift)?;
        range::volatility("volatility", self.volatility)?;
        Ok(Box::new(Stepper {
            initial: self.initial,
            growth: LogNormalGrowth::new(plan.grid(), self.drift, self.volatility),
            level: plan.level(),
            driver: plan.driver(),
        }))
    }
}

struct Stepper {
    initial: f64,
    growth: LogNormalGrowth,
    level: OwnLane,
    driver: DriverLane,
}

impl FactorStepper for Stepper {
    fn start(&self, block: &mut FactorBlock<'_>) {
        block.own[self.level].fill(self.initial);
    }

    fn step(&self, block: &mut FactorBlock<'_>) {
        let normal = &block.drivers[self.driver];
        let level = &mut block.own[self.level];
        self.growth.step(block.step, normal, block.modulation, level);
        multiply(block.jump, level);
    }

    fn takes_jumps(&self) -> bool {
        true
    }
}

/// Multiplies a price by its lognormal growth over a step: the whole of [`Gbm`] and the diffusion of
/// [`Merton`](super::Merton).
pub(super) struct LogNormalGrowth {
    drift: f64,
    volatility: f64,
    steps: PerStep<Growth>,
}

struct Growth {
    length: f64,
    root: f64,
    /// (mu - v^2 / 2) D.
    mean: f64,
    /// v sqrt(D).
    deviation: f64,
}

impl LogNormalGrowth {
    /// `drift` is that of the expected price without jumps: a model with jumps takes their compensation off before.
    pub(super) fn new(grid: &TimeGrid, drift: f64, volatility: f64) -> Self {
        let steps = PerStep::new(grid, |length| Growth {
            length,
            root: length.sqrt(),
            mean: log_growth(drift, volatility, length),
            deviation: volatility * length.sqrt(),
        });
        LogNormalGrowth { drift, volatility, steps }
    }

    pub(super) fn step(&self, step: Step, normal: &Lane, modulation: Option<Modulation<'_>>, level: &mut Lane) {
        let Growth { length, root, mean, deviation } = *self.steps.at(step);
        match modulation {
            None => grow(mean, deviation, normal, level),
            Some(Modulation { volatility, drift }) => {
                grow_modulated(self.drift, self.volatility, length, root, normal, volatility, drift, level);
            }
        }
    }
}

/// The mean of the logarithm's growth.
#[inline(always)]
fn log_growth(drift: f64, volatility: f64, length: f64) -> f64 {
    (drift - 0.5 * volatility * volatility) * length
}

crate::vectorised! {
    fn grow(mean: f64, deviation: f64, normal: &Lane, level: &mut Lane) {
        for path in 0..PATHS {
            level[path] *= factor(deviation.mul_add(normal[path], mean));
        }
    }

    /// With a multiplier of 1 and a shift of 0 the same bits as `grow`.
    fn grow_modulated(
        drift: f64, volatility: f64, length: f64, root: f64, normal: &Lane, multiplier: &Lane, shift: &Lane, level: &mut Lane,
    ) {
        for path in 0..PATHS {
            let volatility = volatility * multiplier[path];
            let mean = log_growth(drift + shift[path], volatility, length);
            level[path] *= factor((volatility * root).mul_add(normal[path], mean));
        }
    }
}
