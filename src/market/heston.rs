//! Heston's price: volatility that comes and goes.

use super::factor::{Factor, FactorBlock, FactorPlan, FactorStepper};
use super::jumps::multiply;
use super::lanes::{DriverLane, OwnLane};
use super::quadratic_exponential::{Parameters, QuadraticExponential};
use super::range;
use crate::Error;
use serde::{Deserialize, Serialize};

/// A price whose variance is itself random and reverts to its mean: a coin whose storms last for weeks and pass.
///
/// ```text
/// dS / S = mu dt + sqrt(V) dW,    dV = k (theta - V) dt + s sqrt(V) dB,    dW dB = rho dt,    E[S_t] = S_0 exp(mu t)
/// ```
///
/// | symbol | field | unit | range |
/// | --- | --- | --- | --- |
/// | S_0 | `initial` | money | above zero |
/// | mu | `drift` | per year; the growth rate of the mean | -10 to 10 |
/// | V_0 | `variance` | per year, a volatility squared: 0.36 is 60 % | 0 to 100 |
/// | theta | `mean_variance` | per year, the mean in the long run | 0 to 100 |
/// | k | `reversion` | per year | 0 to 10000 |
/// | s | `volatility_of_variance` | per year: sqrt(V) s is the volatility of V | 0, or 0.0001 to 10 |
/// | rho | `correlation` | of price and variance | -1 to 1 |
///
/// Publishes its level and `variance`, V on the dates.
///
/// **Step.** Andersen's QE-M: it keeps `E[V]`, `Var[V]` and `E[S]` to rounding on any grid; the rest of the law has a
/// discretisation error that shrinks with the step, and that `docs/models.md` shows. `k D` should stay below 1. Nothing is
/// assumed of `2 k theta >= s^2`: the variance may reach zero. Where `rho` is so high and a step so long that the scheme's
/// price would have an infinite mean, the run is refused. Without volatility of variance the step is exact.
///
/// **Drivers.** The driver named as the factor is the noise of the price as a whole, so a market's correlation with it is
/// that of the price's returns, whatever `rho` is. The further driver `NAME.variance` moves the variance by what the price does
/// not explain: the noise of V is `rho Z + sqrt(1 - rho^2) X`. Correlate `NAME.variance` with drivers of other factors if
/// volatilities are to move together beyond that; but leave its correlation with `NAME` at zero, for the correlation of price
/// and variance is `rho`, and the law above is that of uncorrelated Z and X.
///
/// **Modulated**, the volatility of the price is `m sqrt(V)` and its drift `mu + d`; V itself does not change. (With `rho` above
/// zero and `m` of dozens no correction may exist any more; the nearest that does is applied, and the mean is then too high.)
///
/// Source: S. L. Heston, "A closed-form solution for options with stochastic volatility", Rev. Financial Studies 6 (1993)
/// 327-343, doi:10.1093/rfs/6.2.327; the step: L. B. G. Andersen, "Simple and efficient simulation of the Heston stochastic
/// volatility model", J. Computational Finance 11 (2008) 1-42, doi:10.21314/JCF.2008.189.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heston {
    /// Price at time zero.
    pub initial: f64,
    /// Growth rate of the expected price, per year.
    pub drift: f64,
    /// Variance of the price per year, at time zero.
    pub variance: f64,
    /// Mean of the variance in the long run, per year.
    pub mean_variance: f64,
    /// Speed of the variance's return to its mean, per year.
    pub reversion: f64,
    /// Volatility of the variance, per unit of its root.
    pub volatility_of_variance: f64,
    /// Correlation of price and variance.
    pub correlation: f64,
}

impl Heston {
    pub(super) fn parameters(&self) -> Parameters {
        let Heston { drift, variance, mean_variance, reversion, volatility_of_variance, correlation, .. } = *self;
        Parameters { drift, variance, mean_variance, reversion, volatility_of_variance, correlation }
    }
}

impl Factor for Heston {
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error> {
        Ok(Box::new(Diffusion::plan(plan, self.initial, self.parameters(), 0.0)?))
    }
}

/// Price and variance at work: the whole of [`Heston`] and the diffusion of the models that add jumps.
pub(super) struct Diffusion {
    initial: f64,
    variance_now: f64,
    scheme: QuadraticExponential,
    pub(super) level: OwnLane,
    pub(super) variance: OwnLane,
    price: DriverLane,
    own: DriverLane,
}

impl Diffusion {
    /// `compensation` is what jumps add to the growth of the mean, per year.
    pub(super) fn plan(
        plan: &mut FactorPlan<'_>,
        initial: f64,
        parameters: Parameters,
        compensation: f64,
    ) -> Result<Self, Error> {
        range::level("initial", initial)?;
        range::rate("drift", parameters.drift)?;
        parameters.check()?;
        let compensated = Parameters { drift: parameters.drift - compensation, ..parameters };
        Ok(Diffusion {
            initial,
            variance_now: parameters.variance,
            scheme: QuadraticExponential::new(plan.grid(), compensated)?,
            level: plan.level(),
            variance: plan.publish("variance"),
            price: plan.driver(),
            own: plan.named_driver("variance"),
        })
    }
}

impl FactorStepper for Diffusion {
    fn start(&self, block: &mut FactorBlock<'_>) {
        block.own[self.level].fill(self.initial);
        block.own[self.variance].fill(self.variance_now);
    }

    fn step(&self, block: &mut FactorBlock<'_>) {
        let normals = [&block.drivers[self.price], &block.drivers[self.own]];
        let [level, variance] = block.own.many([self.level, self.variance]);
        self.scheme.step(block.step, normals, block.modulation, level, variance);
        multiply(block.jump, level);
    }

    fn takes_jumps(&self) -> bool {
        true
    }
}
