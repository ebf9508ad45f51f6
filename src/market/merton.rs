//! Merton's jump diffusion: a price that also falls from one moment to the next.

use super::factor::{Factor, FactorBlock, FactorPlan, FactorStepper};
use super::gbm::LogNormalGrowth;
use super::lanes::{DriverLane, OwnLane};
use super::per_step::PerStep;
use super::range;
use super::sparse::Hits;
use crate::Error;
use crate::numeric::Lane;
use crate::numeric::kernel::{exp, exp_m1, normal_quantile};
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
        crate::check::within("jumps_per_year", self.jumps_per_year, 0.0, 1000.0)?;
        range::rate("jump_mean", self.jump_mean)?;
        range::volatility("jump_volatility", self.jump_volatility)?;
        let longest = plan.grid().iter().fold(0.0_f64, |longest, step| longest.max(step.length));
        if self.jumps_per_year * longest > 100.0 {
            let expected = format!("must be at most 100 jumps in the longest step, which is {longest} years");
            return Err(Error::invalid("jumps_per_year", self.jumps_per_year, expected));
        }
        let compensation =
            self.jumps_per_year * exp_m1(self.jump_mean + 0.5 * self.jump_volatility * self.jump_volatility);
        Ok(Box::new(Stepper {
            initial: self.initial,
            growth: LogNormalGrowth::new(plan.grid(), self.drift - compensation, self.volatility),
            counts: PerStep::new(plan.grid(), |length| PoissonTable::new(self.jumps_per_year * length)),
            jump_mean: self.jump_mean,
            jump_volatility: self.jump_volatility,
            level: plan.level(),
            driver: plan.driver(),
        }))
    }
}

struct Stepper {
    initial: f64,
    growth: LogNormalGrowth,
    counts: PerStep<PoissonTable>,
    jump_mean: f64,
    jump_volatility: f64,
    level: OwnLane,
    driver: DriverLane,
}

impl FactorStepper for Stepper {
    fn start(&self, block: &mut FactorBlock<'_>) {
        block.own[self.level].fill(self.initial);
    }

    fn step(&self, block: &mut FactorBlock<'_>) {
        let level = &mut block.own[self.level];
        self.growth.step(block.step, &block.drivers[self.driver], block.modulation, level);
        let table = self.counts.at(block.step);
        // An intensity of zero has a single cell, which no uniform leaves.
        if table.0[0] < 1.0 {
            let mut uniform = Lane::ZERO;
            block.stream.uniforms(&mut uniform);
            let mut hits = Hits::new();
            hits.at_least(&uniform, table.0[0]);
            if !hits.is_empty() {
                jump(&table.0, self.jump_mean, self.jump_volatility, &hits, &mut uniform, level);
            }
        }
    }
}

/// P(N <= n) of a Poisson count for n = 0, 1, .. up to where it no longer grows; the last entry is exactly 1.
struct PoissonTable(Vec<f64>);

impl PoissonTable {
    /// For a mean of at most 100.
    fn new(mean: f64) -> Self {
        let mut probability = exp(-mean);
        let mut sum = probability;
        let mut table = Vec::new();
        let mut count = 0.0;
        while sum < 1.0 {
            table.push(sum);
            count += 1.0;
            probability *= mean / count;
            // Beyond the mean the probabilities fall at least geometrically: what no longer adds is the end.
            if count > mean && sum + probability <= sum {
                break;
            }
            sum += probability;
        }
        table.push(1.0);
        PoissonTable(table)
    }
}

/// Jumps whose cell is looked for at once.
const CHUNK: usize = 16;

crate::vectorised! {
    /// Multiplies the paths that jump by their jump. `uniform` is used up as scratch space.
    fn jump(table: &[f64], mean: f64, deviation: f64, hits: &Hits, uniform: &mut Lane, level: &mut Lane) {
        // Packed to the front, never ahead of where it is read.
        for (position, path) in hits.paths().enumerate() {
            uniform[position] = uniform[path];
        }
        // Whole chunks: what lies behind the last one is computed and not used.
        for start in (0..hits.count()).step_by(CHUNK) {
            let packed = &mut uniform[start..start + CHUNK];
            let (mut count, mut low, mut high) = ([1.0_f64; CHUNK], [table[0]; CHUNK], [table[1]; CHUNK]);
            for cell in table[1..].windows(2) {
                let (start, end) = (cell[0], cell[1]);
                for position in 0..CHUNK {
                    let reached = packed[position] >= start;
                    let (low_before, high_before) = (low[position], high[position]);
                    count[position] += if reached { 1.0 } else { 0.0 };
                    low[position] = if reached { start } else { low_before };
                    high[position] = if reached { end } else { high_before };
                }
            }
            for position in 0..CHUNK {
                const LEAST: f64 = 1.0 / (1_u64 << 54) as f64;
                let place = (packed[position] - low[position]) / (high[position] - low[position]);
                let normal = normal_quantile(place.clamp(LEAST, 1.0 - 2.0 * LEAST));
                let count = count[position];
                packed[position] = exp((count.sqrt() * deviation).mul_add(normal, count * mean));
            }
        }
        for (position, path) in hits.paths().enumerate() {
            level[path] *= uniform[position];
        }
    }
}

#[cfg(test)]
mod tests {
    //! Guards: the table is the Poisson distribution, and it ends.
    #![allow(clippy::float_cmp, reason = "the last entry is exactly 1")]
    use super::*;
    use statrs::distribution::{DiscreteCDF, Poisson};

    #[test]
    fn the_table_is_the_poisson_distribution() {
        for mean in [1e-6, 0.5 / 12.0, 1.0, 17.3, 100.0] {
            let PoissonTable(table) = PoissonTable::new(mean);
            assert_eq!(table.last(), Some(&1.0));
            let poisson = Poisson::new(mean).unwrap();
            for (count, cumulative) in (0..).zip(&table) {
                assert!((cumulative - poisson.cdf(count)).abs() < 1e-13, "{mean} {count}");
            }
            assert!(table.windows(2).all(|pair| pair[0] < pair[1]));
        }
        assert_eq!(PoissonTable::new(0.0).0, [1.0]);
    }
}
