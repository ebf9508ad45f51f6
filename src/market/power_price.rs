//! The price of electricity: it comes back to its usual level, and spikes.

use super::factor::{Factor, FactorBlock, FactorPlan, FactorStepper};
use super::jumps;
use super::lanes::{DriverLane, OwnLane};
use super::ou::OuStep;
use super::per_step::PerStep;
use super::range;
use super::shots::{self, Shots};
use crate::Error;
use crate::numeric::kernel::{exp, ln};
use crate::numeric::{Lane, PATHS};
use serde::{Deserialize, Serialize};

/// Price of electricity, the running cost of a fleet: a mean-reverting logarithm, and spikes that fade at a speed of their own.
///
/// ```text
/// P_t = u exp(x_t + y_t),    dx = -k x dt + v dW,    x_0 = ln(P_0 / u)
/// y_t = sum over spikes T_j <= t of Y_j e^(-b (t - T_j)),    Y_j ~ normal(m, s),    lambda spikes a year
/// ```
///
/// | symbol | field | unit | range |
/// | --- | --- | --- | --- |
/// | P_0 | `initial` | USD per kWh, the price of today | above zero |
/// | u | `usual` | USD per kWh: median in the long run, were there no spikes | above zero |
/// | k | `reversion` | per year | 0 to 10000 |
/// | v | `volatility` | per square root of a year, without spikes | 0 to 10 |
/// | lambda | `spikes_per_year` | per year; 0 by default | 0 to 1000; at most 100 in the longest step |
/// | m | `spike_mean` | log; 0 by default | -10 to 10 |
/// | s | `spike_volatility` | log; 0 by default | 0 to 10 |
/// | b | `spike_reversion` | per year: half of a spike is gone after 0.69 / b; 0 by default, and then a spike stays | 0 to 10000 |
///
/// Nothing is compensated. The mean of the price is, without modulation,
///
/// ```text
/// E[P_t] = u exp(x_0 e^(-kt) + v^2 (1 - e^(-2kt)) / (4k) + lambda integral_0^t (exp(m e^(-bs) + s^2 e^(-2bs) / 2) - 1) ds)
/// ```
///
/// and the logarithm has the cumulants of x plus `lambda E[Y^n] (1 - e^(-n b t)) / (n b)`.
///
/// The step is exact on any dates: a spike acts from its own time, also within a step. A grid of months shows what is left at the
/// end of the month; most spikes of hours are over by then, and what they cost within it is not in the price at its end.
///
/// One Gaussian driver, named as the factor; spikes are independent of everything else. Publishes its level. Modulated, x
/// has the volatility `m v` and gains `d (1 - e^(-k D)) / k` in the step; spikes stay.
///
/// **Draws.** Spike j of a path is event j of the factor's key, whatever the dates: its size, and the gap after it.
///
/// Source: B. Hambly, S. Howison, T. Kluge, "Modelling spikes and pricing swing options in electricity markets", Quantitative
/// Finance 9 (2009) 937-949, doi:10.1080/14697680802596856.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PowerPrice {
    /// Price at time zero, USD per kWh.
    pub initial: f64,
    /// Median in the long run without spikes, USD per kWh.
    pub usual: f64,
    /// Speed of the return to the usual price, per year.
    pub reversion: f64,
    /// Volatility of the logarithm without spikes, per square root of a year.
    pub volatility: f64,
    /// Expected number of spikes per year.
    #[serde(default)]
    pub spikes_per_year: f64,
    /// Mean of the logarithm of a spike.
    #[serde(default)]
    pub spike_mean: f64,
    /// Standard deviation of the logarithm of a spike.
    #[serde(default)]
    pub spike_volatility: f64,
    /// Speed at which a spike fades, per year.
    #[serde(default)]
    pub spike_reversion: f64,
}

impl Factor for PowerPrice {
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error> {
        range::level("initial", self.initial)?;
        range::level("usual", self.usual)?;
        range::reversion("reversion", self.reversion)?;
        range::volatility("volatility", self.volatility)?;
        shots::check_intensity("spikes_per_year", self.spikes_per_year, plan)?;
        range::rate("spike_mean", self.spike_mean)?;
        range::volatility("spike_volatility", self.spike_volatility)?;
        range::reversion("spike_reversion", self.spike_reversion)?;
        let usual = ln(self.usual);
        let spikes = (self.spikes_per_year > 0.0).then(|| {
            Shots::plan(plan, self.spikes_per_year, self.spike_mean, self.spike_volatility, self.spike_reversion)
        });
        Ok(Box::new(Stepper {
            initial: self.initial,
            distance: ln(self.initial) - usual,
            usual,
            steps: PerStep::new(plan.grid(), |length| OuStep::new(self.reversion, self.volatility, length)),
            spikes,
            level: plan.level(),
            state: plan.state(),
            driver: plan.driver(),
        }))
    }
}

struct Stepper {
    initial: f64,
    /// x_0.
    distance: f64,
    /// ln u.
    usual: f64,
    steps: PerStep<OuStep>,
    spikes: Option<Shots>,
    level: OwnLane,
    state: OwnLane,
    driver: DriverLane,
}

impl FactorStepper for Stepper {
    fn start(&self, block: &mut FactorBlock<'_>) {
        block.own[self.level].fill(self.initial);
        block.own[self.state].fill(self.distance);
        if let Some(spikes) = &self.spikes {
            spikes.start(block);
        }
    }

    fn step(&self, block: &mut FactorBlock<'_>) {
        let normal = &block.drivers[self.driver];
        self.steps.at(block.step).advance(normal, block.modulation, &mut block.own[self.state]);
        jumps::add(block.jump, &mut block.own[self.state]);
        if let Some(spikes) = &self.spikes {
            spikes.step(block);
            let [level, state, spike] = block.own.many([self.level, self.state, spikes.sum]);
            price_with_spikes(self.usual, state, spike, level);
        } else {
            let [level, state] = block.own.many([self.level, self.state]);
            price(self.usual, state, level);
        }
    }

    fn takes_jumps(&self) -> bool {
        true
    }
}

crate::vectorised! {
    fn price(usual: f64, state: &Lane, level: &mut Lane) {
        for path in 0..PATHS {
            level[path] = exp(usual + state[path]);
        }
    }

    /// Where no spike is left the same bits as `price`.
    fn price_with_spikes(usual: f64, state: &Lane, spike: &Lane, level: &mut Lane) {
        for path in 0..PATHS {
            level[path] = exp(usual + (state[path] + spike[path]));
        }
    }
}
