//! A named company that others depend on, and that may default: a tenant, a guarantor, a sponsor.

use super::by_regime::{chunk, pick};
use super::constant::CHUNK;
use super::factor::{Factor, FactorBlock, FactorPlan, FactorStepper};
use super::lanes::{OwnLane, ReadLane};
use super::regimes::Regimes;
use crate::numeric::kernel::{exp, ln};
use crate::numeric::{Lane, PATHS};
use crate::sample::{StreamKey, event};
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// A named company that several borrowers depend on and that may default: the tenant of their contracts, the guarantor behind
/// it, a sponsor. It defaults once, at a time of its own, with a hazard that depends on a regime and on a price.
///
/// ```text
/// h_t = hazard[c_t] (S_t / S_0)^(-elasticity)                   per year; c and S as at the start of the step
/// P(no default by t | paths of c and S) = exp(- integral_0^t h ds)
/// T = first time that integral_0^t h ds reaches E,     E exponential of mean 1
/// ```
///
/// | symbol | field | unit | range |
/// | --- | --- | --- | --- |
/// | | `hazard` | per year: one for each state of the chain, or one alone without a chain | 0 to 1000; 1 to 16 of them |
/// | c | `chain` | a series of a factor declared before that counts states from 0 (`funding`, `coin.regime`); none by default | |
/// | S | `index` | a series above zero of a factor declared before (`ai_equity`, `rent`); none by default | |
/// | | `elasticity` | what a fall of the index by 1 % adds to the hazard, in %; 0 by default | -10 to 10, 0 without an index |
///
/// **Publishes** its level, 1 while it performs and 0 from its default on, and `defaulted_at`: the time of its default in years
/// from today, infinite until then. Contracts read `defaulted_at`; so any factor that publishes a series of that name can be a tenant.
///
/// **Exact** on any dates with a single hazard and no index, and given the states and the index on the dates of the grid otherwise: both are held
/// over the step from their values at its start. A hazard of 1 % is a probability of `1 - e^-0.01` in a year. The multiplier of the
/// index is kept between 1e-6 and 1e6; a state beyond the last counts as the last.
///
/// **Dependence.** Given the paths of `c` and `S` counterparties are independent; they fall together because they read the same chain or indices that move
/// together: an index may be a [`Gbm`](super::Gbm) of which the dependence says how it moves with coins and rents. Nobody's default
/// raises another's hazard.
///
/// No Gaussian driver, nothing to modulate. **Draws.** E is event 0 of the path: neither dates nor hazards move it, so a higher hazard
/// brings every default forward.
///
/// Source: hazards that depend on a state process: D. Lando, "On Cox processes and credit risky securities", Review of
/// Derivatives Research 2 (1998) 99-120, doi:10.1007/BF01531332; a hazard that is a power of a price: V. Linetsky, "Pricing equity derivatives
/// subject to bankruptcy", Mathematical Finance 16 (2006) 255-282, doi:10.1111/j.1467-9965.2006.00271.x.
///
/// ```
/// use haircut::market::{Counterparty, Market};
/// // 4 % a year.
/// assert!(Market::builder().factor("openai", Counterparty::hazard(0.04)).build().is_ok());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counterparty {
    /// Defaults per year, by state of the chain.
    pub hazard: Vec<f64>,
    /// The series that says which state it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<String>,
    /// A price on which the hazard depends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<String>,
    /// By how much.
    #[serde(default)]
    pub elasticity: f64,
}

/// The largest multiplier that an index gives a hazard, and one over the smallest.
const MOST: f64 = 1e6;

impl Counterparty {
    /// One hazard per year, whatever happens.
    #[must_use]
    pub fn hazard(per_year: f64) -> Self {
        Counterparty { hazard: vec![per_year], chain: None, index: None, elasticity: 0.0 }
    }
}

impl Factor for Counterparty {
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error> {
        let states = self.hazard.len();
        if states == 0 || states > Regimes::MOST {
            return Err(Error::invalid("hazard", states, format!("must be between 1 and {} numbers", Regimes::MOST)));
        }
        if states > 1 && self.chain.is_none() {
            return Err(Error::invalid("chain", "none", "must be given to choose among several hazards"));
        }
        for (position, hazard) in self.hazard.iter().enumerate() {
            check::within(&format!("hazard[{position}]"), *hazard, 0.0, 1000.0)?;
        }
        check::within("elasticity", self.elasticity, -10.0, 10.0)?;
        if self.index.is_none() && self.elasticity != 0.0 {
            return Err(Error::invalid("elasticity", self.elasticity, "must be 0 without an `index`"));
        }
        let index = match &self.index {
            Some(series) => {
                Some(Index { series: plan.read("index", series)?, elasticity: self.elasticity, initial: plan.state() })
            }
            None => None,
        };
        Ok(Box::new(Stepper {
            hazard: self.hazard.clone(),
            chain: self.chain.as_deref().map(|series| plan.read("chain", series)).transpose()?,
            index,
            level: plan.level(),
            defaulted_at: plan.publish("defaulted_at"),
            left: plan.state(),
            rate: plan.state(),
        }))
    }
}

struct Index {
    series: ReadLane,
    elasticity: f64,
    /// ln S_0.
    initial: OwnLane,
}

struct Stepper {
    hazard: Vec<f64>,
    chain: Option<ReadLane>,
    index: Option<Index>,
    level: OwnLane,
    defaulted_at: OwnLane,
    /// What is left of E.
    left: OwnLane,
    /// At the start of a step the hazard in it.
    rate: OwnLane,
}

impl Stepper {
    /// The hazard from this date on.
    fn look(&self, block: &mut FactorBlock<'_>) {
        match self.chain {
            Some(chain) => choose(&self.hazard, &block.read[chain], &mut block.own[self.rate]),
            None => block.own[self.rate].fill(self.hazard[0]),
        }
        if let Some(index) = &self.index {
            let [initial, rate] = block.own.many([index.initial, self.rate]);
            scale(index.elasticity, &block.read[index.series], initial, rate);
        }
    }
}

impl FactorStepper for Stepper {
    fn start(&self, block: &mut FactorBlock<'_>) {
        block.own[self.level].fill(1.0);
        block.own[self.defaulted_at].fill(f64::INFINITY);
        exponentials(block.key, block.first_path, &mut block.own[self.left]);
        if let Some(index) = &self.index {
            logarithm(&block.read[index.series], &mut block.own[index.initial]);
        }
        self.look(block);
    }

    fn step(&self, block: &mut FactorBlock<'_>) {
        let step = block.step;
        let lanes = block.own.many([self.rate, self.left, self.level, self.defaulted_at]);
        spend([step.start, step.end, step.length], lanes);
        if self.chain.is_some() | self.index.is_some() {
            self.look(block);
        }
    }
}

/// Far below any price: a price that is none counts as it.
const LEAST_PRICE: f64 = 1e-300;

#[inline(always)]
fn ln_price(price: f64) -> f64 {
    ln(if price > LEAST_PRICE { price } else { LEAST_PRICE })
}

crate::vectorised! {
    fn choose(values: &[f64], state: &Lane, target: &mut Lane) {
        for start in (0..PATHS).step_by(CHUNK) {
            target[start..start + CHUNK].copy_from_slice(&pick(values, &chunk(state, start)));
        }
    }

    fn exponentials(key: &StreamKey, first_path: u64, target: &mut Lane) {
        for path in 0..PATHS {
            target[path] = event::exponential(key.event(first_path + path as u64, 0)[0]);
        }
    }

    fn logarithm(price: &Lane, target: &mut Lane) {
        for path in 0..PATHS {
            target[path] = ln_price(price[path]);
        }
    }

    fn scale(elasticity: f64, price: &Lane, initial: &Lane, rate: &mut Lane) {
        for path in 0..PATHS {
            let multiplier = exp(elasticity * (initial[path] - ln_price(price[path])));
            let multiplier = if multiplier < MOST { multiplier } else { MOST };
            rate[path] *= if multiplier > 1.0 / MOST { multiplier } else { 1.0 / MOST };
        }
    }

    /// Spends the step's hazard, and finds the time at which none of E is left.
    fn spend(step: [f64; 3], lanes: [&mut Lane; 4]) {
        let ([start, end, length], [rate, left, level, defaulted_at]) = (step, lanes);
        for path in 0..PATHS {
            let (before, after) = (left[path], left[path] - rate[path] * length);
            let is_default = (before > 0.0) & (after <= 0.0);
            let time = start + before / rate[path];
            let time = if time < end { time } else { end };
            let known = defaulted_at[path];
            defaulted_at[path] = if is_default { time } else { known };
            level[path] = if after > 0.0 { 1.0 } else { 0.0 };
            left[path] = after;
        }
    }
}
