//! Merton's jump diffusion: a price that also falls from one moment to the next.

use super::factor::{Factor, FactorBlock, FactorPlan, FactorStepper};
use super::gbm::LogNormalGrowth;
use super::jumps::{NormalJumps, multiply};
use super::lanes::{DriverLane, OwnLane};
use super::range;
use crate::Error;
use serde::{Deserialize, Serialize};

/// A price with normal returns and, at the times of a Poisson process, lognormal jumps: a coin.
///
/// ```text
/// S' = S exp((mu - lambda kappa - v^2 / 2) D + v sqrt(D) Z + sum_{i <= N} Y_i)
/// N ~ Poisson(lambda D),   Y_i ~ normal(m, s),   kappa = exp(m + s^2 / 2) - 1,   E[S_t] = S_0 exp(mu t)
/// ```
///
/// | symbol | field | unit | range |
/// | --- | --- | --- | --- |
/// | S_0 | `initial` | money | above zero |
/// | mu | `drift` | per year; jumps are compensated, so it is the growth rate of the mean | -10 to 10 |
/// | v | `volatility` | per square root of a year, of the diffusion alone | 0 to 10 |
/// | lambda | `jumps_per_year` | per year | 0 to 1000; `lambda D` at most 100 |
/// | m | `jump_mean` | log | -10 to 10 |
/// | s | `jump_volatility` | log | 0 to 10 |
///
/// The step is exact. One Gaussian driver, named as the factor, moves the diffusion; jumps are independent of everything else.
/// Publishes its level. Modulated, the diffusion has volatility `m v` and the drift is `mu + d`; jumps stay.
///
/// **Draws.** One uniform `u` per path and step, from the factor's own stream, whether or not there is a jump. The count is
/// the Poisson quantile of `u`; where `u` lies within the cell of that count is uniform again and independent of the
/// count, and its normal quantile is the one normal that the sum of `N` normal jumps needs: `N m + sqrt(N) s Q(.)`.
/// So two runs with other jump parameters see the same `u`; a higher intensity adds jumps, takes none away, and moves the
/// sizes of the others a little.
/// Resolution: `u` has 53 bits, a cell of probability `p` has `p 2^53` places. With one jump in 1000 steps that is 2^43,
/// jumps out to 7.3 standard deviations; the cut-off tail moves no moment beyond rounding.
///
/// Source: R. C. Merton, "Option pricing when underlying stock returns are discontinuous", J. Financial Economics 3
/// (1976) 125-144, doi:10.1016/0304-405X(76)90022-2.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Merton {
    /// Price at time zero.
    pub initial: f64,
    /// Growth rate of the expected price, per year, jumps included.
    pub drift: f64,
    /// Volatility of the diffusion per square root of a year.
    pub volatility: f64,
    /// Expected number of jumps per year.
    pub jumps_per_year: f64,
    /// Mean of the logarithm of a jump.
    pub jump_mean: f64,
    /// Standard deviation of the logarithm of a jump.
    pub jump_volatility: f64,
}

impl Factor for Merton {
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error> {
        range::level("initial", self.initial)?;
        range::rate("drift", self.drift)?;
        range::volatility("volatility", self.volatility)?;
        let jumps = NormalJumps::new(plan.grid(), self.jumps_per_year, self.jump_mean, self.jump_volatility)?;
        let drift = self.drift - jumps.compensation(self.jumps_per_year);
        Ok(Box::new(Stepper {
            initial: self.initial,
            growth: LogNormalGrowth::new(plan.grid(), drift, self.volatility),
            jumps,
            level: plan.level(),
            driver: plan.driver(),
        }))
    }
}

struct Stepper {
    initial: f64,
    growth: LogNormalGrowth,
    jumps: NormalJumps,
    level: OwnLane,
    driver: DriverLane,
}

impl FactorStepper for Stepper {
    fn start(&self, block: &mut FactorBlock<'_>) {
        block.own[self.level].fill(self.initial);
    }

    fn step(&self, block: &mut FactorBlock<'_>) {
        let [scratch, ..] = block.scratch;
        let level = &mut block.own[self.level];
        self.growth.step(block.step, &block.drivers[self.driver], block.modulation, level);
        self.jumps.apply(block.step, block.stream, scratch, level);
        multiply(block.jump, level);
    }

    fn takes_jumps(&self) -> bool {
        true
    }
}
