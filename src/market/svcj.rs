//! Jumps in price and in variance at once: a crash that stays in the volatility.

use super::factor::{Factor, FactorBlock, FactorPlan, FactorStepper};
use super::heston::Diffusion;
use super::jumps::{Counts, count_and_place, factor, further_index, further_words, largest};
use super::quadratic_exponential::Parameters;
use super::range;
use super::sparse::{CHUNK, Hits};
use crate::numeric::kernel::{exp, ln};
use crate::numeric::{Lane, PATHS};
use crate::sample::{StreamKey, event};
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// A price with random variance in which a jump moves both at once (stochastic volatility with correlated jumps): a coin whose
/// crash is followed by weeks of storm.
///
/// ```text
/// dS / S = (mu - lambda kappa) dt + sqrt(V) dW + (e^Y - 1) dN,    dV = k (theta - V) dt + s sqrt(V) dB + J dN
/// dW dB = rho dt,   J ~ exponential of mean q,   Y | J ~ normal(m + c J, j)
/// kappa = exp(m + j^2 / 2) / (1 - c q) - 1,   E[S_t] = S_0 exp(mu t)
/// ```
///
/// | symbol | field | unit | range |
/// | --- | --- | --- | --- |
/// | S_0, mu, V_0, theta, k, s, rho | `initial`, `drift`, `variance`, `mean_variance`, `reversion`, `volatility_of_variance`, `correlation` | as [`Heston`](super::Heston) | as there |
/// | lambda | `jumps_per_year` | per year | 0 to 1000; `lambda D` at most 100 |
/// | m | `jump_mean` | log, of a jump without a jump of the variance | -10 to 10 |
/// | j | `jump_volatility` | log, given the jump of the variance | 0 to 10 |
/// | q | `variance_jump_mean` | per year, as the variance | 0 to 100 |
/// | c | `jump_correlation` | log of price per unit of variance | -100 to 100; `c q` at most 0.99 (at 1 the mean price is infinite) |
///
/// With jumps the variance tends to `theta + lambda q / k` in the mean. Drivers, modulation (jumps stay) and published `variance`
/// are those of [`Heston`](super::Heston).
///
/// **Step.** Jumps have their exact law over the step; diffusion is Heston's QE-M. Which comes first is tossed, by path and step:
/// taken half and half, the two orders leave an error of the third order in the step where a fixed order leaves one of
/// the second. `E[S]` is right to rounding.
///
/// **Draws.** One uniform per path and step from the factor's own stream: its Poisson quantile is the count, its place in the cell
/// of that count gives the toss and the first jump of the variance. The normal of the price jumps and further jumps of the
/// variance come from event draws tied to (path, step), only where there is a jump.
///
/// With an intensity of zero, or jumps of size zero, it is Heston to the bit.
///
/// Source: D. Duffie, J. Pan, K. Singleton, "Transform analysis and asset pricing for affine jump-diffusions", Econometrica 68
/// (2000) 1343-1376, doi:10.1111/1468-0262.00164; for bitcoin: A. J. Hou, W. Wang, C. Y. H. Chen, W. K. Härdle, "Pricing
/// cryptocurrency options", J. Financial Econometrics 18 (2020) 250-279, doi:10.1093/jjfinec/nbaa006. The order of the
/// toss: as S. Ninomiya, N. Victoir, Applied Mathematical Finance 15 (2008) 107-121, doi:10.1080/13504860701413958.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Svcj {
    /// Price at time zero.
    pub initial: f64,
    /// Growth rate of the expected price, per year, jumps included.
    pub drift: f64,
    /// Variance of the diffusion per year, at time zero.
    pub variance: f64,
    /// Mean of the variance in the long run without its jumps, per year.
    pub mean_variance: f64,
    /// Speed of the variance's return to its mean, per year.
    pub reversion: f64,
    /// Volatility of the variance, per unit of its root.
    pub volatility_of_variance: f64,
    /// Correlation of the diffusions of price and variance.
    pub correlation: f64,
    /// Expected number of jumps per year.
    pub jumps_per_year: f64,
    /// Mean of the logarithm of a price jump that comes without a jump of the variance.
    pub jump_mean: f64,
    /// Standard deviation of the logarithm of a price jump, given the jump of the variance.
    pub jump_volatility: f64,
    /// Mean jump of the variance.
    pub variance_jump_mean: f64,
    /// What a unit of variance jump adds to the logarithm of the price jump.
    pub jump_correlation: f64,
}

impl Factor for Svcj {
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error> {
        let Svcj { drift, variance, mean_variance, reversion, volatility_of_variance, correlation, .. } = *self;
        let parameters = Parameters { drift, variance, mean_variance, reversion, volatility_of_variance, correlation };
        let counts = Counts::new(plan.grid(), "jumps_per_year", self.jumps_per_year)?;
        range::rate("jump_mean", self.jump_mean)?;
        range::volatility("jump_volatility", self.jump_volatility)?;
        check::within("variance_jump_mean", self.variance_jump_mean, 0.0, 100.0)?;
        range::logarithm("jump_correlation", self.jump_correlation)?;
        let lift = self.jump_correlation * self.variance_jump_mean;
        if lift > 0.99 {
            let expected = "must be at most 0.99 / variance_jump_mean, for the mean price to be finite";
            return Err(Error::invalid("jump_correlation", self.jump_correlation, expected));
        }
        let size = exp(self.jump_mean + 0.5 * self.jump_volatility * self.jump_volatility);
        let compensation = self.jumps_per_year * (size / (1.0 - lift) - 1.0);
        let diffusion = Diffusion::plan(plan, self.initial, parameters, compensation)?;
        let sizes = Sizes {
            mean: self.jump_mean,
            deviation: self.jump_volatility,
            variance: self.variance_jump_mean,
            lift: self.jump_correlation,
        };
        Ok(Box::new(Stepper { diffusion, counts, sizes }))
    }
}

#[derive(Clone, Copy)]
struct Sizes {
    mean: f64,
    deviation: f64,
    variance: f64,
    lift: f64,
}

struct Stepper {
    diffusion: Diffusion,
    counts: Counts,
    sizes: Sizes,
}

impl FactorStepper for Stepper {
    fn start(&self, block: &mut FactorBlock<'_>) {
        self.diffusion.start(block);
    }

    fn step(&self, block: &mut FactorBlock<'_>) {
        let [uniform, before, after, ..] = block.scratch;
        let Some((table, hits)) = self.counts.draw(block.step, block.stream, uniform) else {
            return self.diffusion.step(block);
        };
        jump(table, self.sizes, *block.key, block.first_path, block.step.index, &hits, uniform, before, after);
        let [level, variance] = block.own.many([self.diffusion.level, self.diffusion.variance]);
        for (position, path) in hits.paths().enumerate() {
            variance[path] += before[position];
            level[path] *= uniform[position];
        }
        self.diffusion.step(block);
        let [_, _, after, ..] = block.scratch;
        let variance = &mut block.own[self.diffusion.variance];
        for (position, path) in hits.paths().enumerate() {
            variance[path] += after[position];
        }
    }

    fn takes_jumps(&self) -> bool {
        true
    }
}

crate::vectorised! {
    /// For each path that jumps: the factor of the price (in place of the uniform), and the jump of the variance, either
    /// before the diffusion or after it.
    fn jump(
        table: &[f64], sizes: Sizes, key: StreamKey, first_path: u64, step: usize, hits: &Hits, uniform: &mut Lane,
        before: &mut Lane, after: &mut Lane,
    ) {
        for start in (0..hits.count()).step_by(CHUNK) {
            let packed = &mut uniform[start..start + CHUNK];
            let (count, place) = count_and_place(table, packed);
            let most = largest(&count);
            let paths = &hits.packed()[start..start + CHUNK];
            let first = further_words(key, first_path, paths, step, 0);
            // The jumps of the variance are unit exponentials, minus the logarithm of a product of uniforms: what is left of
            // the place after the toss, the other half of the first event, and four from each further one.
            let (mut product, mut sum) = ([1.0; CHUNK], [0.0; CHUNK]);
            for position in 0..CHUNK {
                let doubled = 2.0 * place[position];
                let rest = if doubled < 1.0 { doubled } else { doubled - 1.0 };
                // Above zero at a place of 1/2 too.
                const LEAST: f64 = 1.0 / (1_u64 << 54) as f64;
                let rest = if rest < LEAST { LEAST } else { rest };
                let second = event::uniform(first[2][position]);
                let third = event::uniform(first[3][position]);
                let second = if count[position] > 1.0 { second } else { 1.0 };
                product[position] = rest * second * if count[position] > 2.0 { third } else { 1.0 };
            }
            if most > 3.0 {
                // Few paths of a chunk have so many: one by one.
                for position in 0..CHUNK {
                    let mut drawn = 3.0;
                    let mut round = 1;
                    while drawn < count[position] {
                        // The product of seven uniforms is far from underflow.
                        let path = first_path + u64::from(paths[position]);
                        for word in key.event(path, further_index(step, round)) {
                            let uniform = event::uniform(word);
                            product[position] *= if count[position] > drawn { uniform } else { 1.0 };
                            drawn += 1.0;
                        }
                        sum[position] -= ln(product[position]);
                        product[position] = 1.0;
                        round += 1;
                    }
                }
            }
            for position in 0..CHUNK {
                let early = place[position] < 0.5;
                let (normal, _) = event::normals(first[0][position], first[1][position]);
                let count = count[position];
                let variance = sizes.variance * (sum[position] - ln(product[position]));
                let mean = sizes.lift.mul_add(variance, count * sizes.mean);
                packed[position] = factor((count.sqrt() * sizes.deviation).mul_add(normal, mean));
                before[(start + position) % PATHS] = if early { variance } else { 0.0 };
                after[(start + position) % PATHS] = if early { 0.0 } else { variance };
            }
        }
    }
}
