//! Geometric Brownian motion that changes its drift and volatility: bull market and bear market.

use super::by_regime::{chunk, pick};
use super::chain::Chain;
use super::constant::CHUNK;
use super::factor::{Factor, FactorBlock, FactorPlan, FactorStepper};
use super::jumps::{factor, multiply};
use super::lanes::{DriverLane, OwnLane, ReadLane};
use super::range;
use super::regimes::{Regimes, Transitions};
use super::sparse::Hits;
use crate::Error;
use crate::numeric::{Lane, PATHS};
use crate::sample::StreamKey;
use serde::{Deserialize, Serialize};

/// A price whose drift and volatility depend on a Markov chain of regimes: a coin in bull and bear markets.
///
/// ```text
/// S' = S exp(sum_i (mu_i - v_i^2 / 2) T_i + sqrt(sum_i v_i^2 T_i) Z),    T_i the time spent in regime i within the step
/// ```
///
/// | symbol | field | unit | range |
/// | --- | --- | --- | --- |
/// | S_0 | `initial` | money | above zero |
/// | mu_i | `regimes[i].drift` | per year; growth rate of the mean in regime i | -10 to 10 |
/// | v_i | `regimes[i].volatility` | per square root of a year | 0 to 10 |
/// | Q | `transitions` | how regimes follow one another, as in [`Regimes`]; or else | |
/// | | `chain` | a series of a factor declared before that counts regimes from 0, to be followed | |
/// | | `initial_regime` | probability of each regime at time zero; by default those of the long run | sum 1 |
///
/// One to 16 regimes, and at most 1000 expected switches in a step. One Gaussian driver, named as the factor. Publishes its level and `regime`, the regime on each date,
/// counted from 0.
///
/// **With a chain of its own** (`transitions`) the step is exact on any dates: switches happen at their own times, and T_i are
/// the times spent. Draws are events: the regime at time zero and the length of its stay are event 0, the k-th switch is
/// event k; so neither dates nor drifts and volatilities move a switch.
///
/// **With a chain that it follows** (`chain`: the `regime` of another `RegimeGbm`, or any series of small whole numbers) the
/// regime at the start of a step is in force in the whole of it, and the price is exact given that. A value beyond the
/// last regime counts as the last, below 1 as the first. For one chain that moves the whole market, correlations too, take
/// [`Gbm`](super::Gbm)s under the dependence [`Regimes`].
///
/// Modulated, volatilities are `m v_i` and drifts `mu_i + d`, in every regime. `E[S_t]` grows by the drift of each
/// regime while it lasts: with equal drifts `mu` it is `S_0 exp(mu t)`.
///
/// Source: J. D. Hamilton, "A new approach to the economic analysis of nonstationary time series and the business cycle",
/// Econometrica 57 (1989) 357-384, doi:10.2307/1912559; V. Naik, "Option valuation and hedging strategies with jumps in the
/// volatility of asset returns", J. Finance 48 (1993) 1969-1984, doi:10.1111/j.1540-6261.1993.tb05137.x.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegimeGbm {
    /// Price at time zero.
    pub initial: f64,
    /// Drift and volatility of each regime.
    pub regimes: Vec<PriceRegime>,
    /// How regimes follow one another, in a chain of this factor's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transitions: Option<Transitions>,
    /// Probability of each regime at time zero, in a chain of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_regime: Option<Vec<f64>>,
    /// The series that says which regime it is, in place of a chain of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<String>,
}

/// Drift and volatility of one regime of a [`RegimeGbm`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceRegime {
    /// Growth rate of the expected price, per year.
    pub drift: f64,
    /// Volatility per square root of a year.
    pub volatility: f64,
}

impl Factor for RegimeGbm {
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error> {
        range::level("initial", self.initial)?;
        let regimes = self.regimes.len();
        if regimes == 0 || regimes > Regimes::MOST {
            let expected = format!("must be between 1 and {} regimes", Regimes::MOST);
            return Err(Error::invalid("regimes", regimes, expected));
        }
        for (position, regime) in self.regimes.iter().enumerate() {
            range::rate(&format!("regimes[{position}].drift"), regime.drift)?;
            range::volatility(&format!("regimes[{position}].volatility"), regime.volatility)?;
        }
        let source = match (&self.transitions, &self.chain) {
            (Some(transitions), None) => {
                let generator = transitions.generator(regimes)?;
                let initial = generator.distribution("initial_regime", self.initial_regime.as_deref())?;
                let (next, switches) = (plan.state(), plan.state());
                Source::Own { chain: Chain::plan("transitions", &generator, &initial, plan)?, next, switches }
            }
            (None, Some(series)) => {
                if self.initial_regime.is_some() {
                    let expected = "must not be given where `chain` says which regime it is";
                    return Err(Error::invalid("initial_regime", "probabilities", expected));
                }
                Source::Followed(plan.read("chain", series)?)
            }
            (Some(_), Some(series)) => {
                return Err(Error::invalid("chain", series, "must not be given beside `transitions`"));
            }
            (None, None) => {
                return Err(Error::invalid("transitions", "none", "must be given, or else `chain`"));
            }
        };
        Ok(Box::new(Stepper {
            initial: self.initial,
            drift: self.regimes.iter().map(|regime| regime.drift).collect(),
            square: self.regimes.iter().map(|regime| regime.volatility * regime.volatility).collect(),
            source,
            level: plan.level(),
            regime: plan.publish("regime"),
            driver: plan.driver(),
        }))
    }
}

enum Source {
    Own {
        chain: Chain,
        /// The time of the next switch, in years from today.
        next: OwnLane,
        /// Switches so far.
        switches: OwnLane,
    },
    Followed(ReadLane),
}

struct Stepper {
    initial: f64,
    drift: Vec<f64>,
    /// v_i^2.
    square: Vec<f64>,
    source: Source,
    level: OwnLane,
    /// At the start of a step the regime that is in force.
    regime: OwnLane,
    driver: DriverLane,
}

impl FactorStepper for Stepper {
    fn start(&self, block: &mut FactorBlock<'_>) {
        block.own[self.level].fill(self.initial);
        match &self.source {
            Source::Own { chain, next, switches } => {
                let [regime, next, switches] = block.own.many([self.regime, *next, *switches]);
                chain.start(*block.key, block.first_path, regime, next);
                switches.fill(0.0);
            }
            Source::Followed(series) => block.own[self.regime] = block.read[*series],
        }
    }

    fn step(&self, block: &mut FactorBlock<'_>) {
        let [growth, variance, ..] = block.scratch;
        let length = block.step.length;
        spend(&self.drift, length, &block.own[self.regime], growth);
        spend(&self.square, length, &block.own[self.regime], variance);
        match &self.source {
            Source::Own { chain, next, switches } => {
                let mut hits = Hits::new();
                hits.at_most(&block.own[*next], block.step.end);
                if !hits.is_empty() {
                    let lanes = block.own.many([self.regime, *next, *switches]);
                    let (start, end) = (block.step.start, block.step.end);
                    let price = [&self.drift[..], &self.square];
                    switch(chain, price, *block.key, block.first_path, start, end, &hits, lanes, growth, variance);
                }
            }
            Source::Followed(series) => block.own[self.regime] = block.read[*series],
        }
        let normal = &block.drivers[self.driver];
        let level = &mut block.own[self.level];
        match block.modulation {
            None => grow(growth, variance, normal, level),
            Some(modulation) => {
                grow_modulated(length, growth, variance, normal, modulation.volatility, modulation.drift, level);
            }
        }
        multiply(block.jump, level);
    }

    fn takes_jumps(&self) -> bool {
        true
    }
}

/// How many states a regime's lane can tell apart at most: what lies beyond the last is the last.
#[inline(always)]
fn state(regime: f64, states: usize) -> usize {
    (regime as usize).min(states - 1)
}

crate::vectorised! {
    /// What accrues over a whole step in the regime of each path.
    fn spend(rates: &[f64], length: f64, regime: &Lane, total: &mut Lane) {
        for start in (0..PATHS).step_by(CHUNK) {
            let rate = pick(rates, &chunk(regime, start));
            for path in 0..CHUNK {
                total[start + path] = rate[path] * length;
            }
        }
    }

    /// Walks the paths that switch within the step through their switches.
    fn switch(
        chain: &Chain, price: [&[f64]; 2], key: StreamKey, first_path: u64, start: f64, end: f64, hits: &Hits,
        lanes: [&mut Lane; 3], growth: &mut Lane, variance: &mut Lane,
    ) {
        let ([drift, square], [regime, next, switches]) = (price, lanes);
        for path in hits.paths() {
            let mut since = start;
            let mut here = state(regime[path], drift.len());
            let (mut grown, mut varied) = (0.0, 0.0);
            while next[path] <= end {
                let spent = next[path] - since;
                grown += drift[here] * spent;
                varied += square[here] * spent;
                since = next[path];
                switches[path] += 1.0;
                let (state, stay) = chain.switch(here, key, first_path + path as u64, switches[path]);
                here = state;
                next[path] = since + stay;
            }
            regime[path] = here as f64;
            growth[path] = drift[here].mul_add(end - since, grown);
            variance[path] = square[here].mul_add(end - since, varied);
        }
    }

    fn grow(growth: &Lane, variance: &Lane, normal: &Lane, level: &mut Lane) {
        for path in 0..PATHS {
            let mean = growth[path] - 0.5 * variance[path];
            level[path] *= factor(variance[path].sqrt().mul_add(normal[path], mean));
        }
    }

    /// With a multiplier of 1 and a shift of 0 the same bits as `grow`.
    fn grow_modulated(
        length: f64, growth: &Lane, variance: &Lane, normal: &Lane, multiplier: &Lane, shift: &Lane, level: &mut Lane,
    ) {
        for path in 0..PATHS {
            let variance = multiplier[path] * multiplier[path] * variance[path];
            let mean = shift[path].mul_add(length, growth[path]) - 0.5 * variance;
            level[path] *= factor(variance.sqrt().mul_add(normal[path], mean));
        }
    }
}
