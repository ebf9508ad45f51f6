//! Bates' price: Heston's, and jumps.

use super::factor::{Factor, FactorBlock, FactorPlan, FactorStepper};
use super::heston::Diffusion;
use super::jumps::NormalJumps;
use super::quadratic_exponential::Parameters;
use crate::Error;
use serde::{Deserialize, Serialize};

/// A price with random variance and, at the times of a Poisson process, lognormal jumps: a coin with storms and crashes, each for
/// itself.
///
/// ```text
/// dS / S = (mu - lambda kappa) dt + sqrt(V) dW + (e^Y - 1) dN,    dV = k (theta - V) dt + s sqrt(V) dB,    dW dB = rho dt
/// Y ~ normal(m, j),   kappa = exp(m + j^2 / 2) - 1,   E[S_t] = S_0 exp(mu t)
/// ```
///
/// | symbol | field | unit | range |
/// | --- | --- | --- | --- |
/// | S_0, mu, V_0, theta, k, s, rho | `initial`, `drift`, `variance`, `mean_variance`, `reversion`, `volatility_of_variance`, `correlation` | as [`Heston`](super::Heston) | as there |
/// | lambda | `jumps_per_year` | per year | 0 to 1000; `lambda D` at most 100 |
/// | m | `jump_mean` | log | -10 to 10 |
/// | j | `jump_volatility` | log | 0 to 10 |
///
/// Drivers, step, modulation, limits and published `variance` are those of [`Heston`](super::Heston); jumps are exact, and drawn as
/// those of [`Merton`](super::Merton): one uniform per path and step. With an intensity of zero it is Heston to the bit.
///
/// Source: D. S. Bates, "Jumps and stochastic volatility: exchange rate processes implicit in Deutsche Mark options", Rev.
/// Financial Studies 9 (1996) 69-107, doi:10.1093/rfs/9.1.69.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bates {
    /// Price at time zero.
    pub initial: f64,
    /// Growth rate of the expected price, per year, jumps included.
    pub drift: f64,
    /// Variance of the diffusion per year, at time zero.
    pub variance: f64,
    /// Mean of the variance in the long run, per year.
    pub mean_variance: f64,
    /// Speed of the variance's return to its mean, per year.
    pub reversion: f64,
    /// Volatility of the variance, per unit of its root.
    pub volatility_of_variance: f64,
    /// Correlation of the diffusions of price and variance.
    pub correlation: f64,
    /// Expected number of jumps per year.
    pub jumps_per_year: f64,
    /// Mean of the logarithm of a jump.
    pub jump_mean: f64,
    /// Standard deviation of the logarithm of a jump.
    pub jump_volatility: f64,
}

impl Factor for Bates {
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error> {
        let Bates { drift, variance, mean_variance, reversion, volatility_of_variance, correlation, .. } = *self;
        let parameters = Parameters { drift, variance, mean_variance, reversion, volatility_of_variance, correlation };
        let jumps = NormalJumps::new(plan.grid(), self.jumps_per_year, self.jump_mean, self.jump_volatility)?;
        let compensation = jumps.compensation(self.jumps_per_year);
        let diffusion = Diffusion::plan(plan, self.initial, parameters, compensation)?;
        Ok(Box::new(Stepper { diffusion, jumps }))
    }
}

struct Stepper {
    diffusion: Diffusion,
    jumps: NormalJumps,
}

impl FactorStepper for Stepper {
    fn start(&self, block: &mut FactorBlock<'_>) {
        self.diffusion.start(block);
    }

    fn step(&self, block: &mut FactorBlock<'_>) {
        self.diffusion.step(block);
        let [scratch, ..] = block.scratch;
        self.jumps.apply(block.step, block.stream, scratch, &mut block.own[self.diffusion.level]);
    }

    fn takes_jumps(&self) -> bool {
        true
    }
}
