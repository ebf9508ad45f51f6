//! The hash rate of a coin's network: miners come when it pays and leave when it does not.

use super::block_reward::{BlockReward, PlannedReward};
use super::factor::{Factor, FactorBlock, FactorPlan, FactorStepper, Modulation};
use super::jumps;
use super::lanes::{DriverLane, OwnLane, ReadLane};
use super::ou::OuStep;
use super::per_step::PerStep;
use super::range;
use crate::Error;
use crate::numeric::kernel::{exp, ln};
use crate::numeric::{Lane, PATHS};
use serde::{Deserialize, Serialize};

/// Total hash rate of the network, drawn to where the marginal miner just covers the cost; so hashprice is drawn to that cost.
///
/// ```text
/// d ln H = k (ln H* - ln H) dt + v dW,    k = elasticity / lag
/// H* = 144 (subsidy + fees) price / (1000 c),    c_t = c_0 e^(-g t)
/// ```
///
/// | symbol | field | unit | range |
/// | --- | --- | --- | --- |
/// | H_0 | `initial` | EH/s (about 1,000 in 2026) | above zero |
/// | elasticity | `elasticity` | share of the gap to H* closed per lag, at the initial speed | 0 to 100 |
/// | lag | `lag` | years (machines are ordered and built) | 0.01 to 100 |
/// | v | `volatility` | per square root of a year | 0 to 10 |
/// | price | `coin` | series in USD per coin | |
/// | c_0 | `marginal_cost` | USD per PH/s per day: the hashprice at which the marginal miner breaks even | above zero |
/// | g | `efficiency_gain` | per year, in logs: how fast better machines lower that cost; 0 by default | -10 to 10 |
/// | subsidy, fees | `reward` | see [`BlockReward`] | |
///
/// Only the ratio of elasticity and lag matters: in the end the whole gap is closed, half of it in `0.69 lag / elasticity` years. With
/// it closes the gap of hashprice, in logs, to the marginal cost; after a halving too. Miners look to the hash rate and not to the
/// difficulty, which lags it ([`Difficulty`](super::Difficulty)): what they build will earn under the difficulty that it brings about.
///
/// The target of a step is the one of its end: the coin's price, the subsidy and the cost of that date, held over the step.
/// Given it the step is exact. One Gaussian driver, named as the factor. Publishes its level. Modulated, ln H has the
/// volatility `m v` and gains `d (1 - e^(-k D)) / k` in the step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkHashrate {
    /// Hash rate at time zero, EH/s.
    pub initial: f64,
    /// Share of the gap that is closed per lag, at the initial speed.
    pub elasticity: f64,
    /// Years in which miners answer to a gap.
    pub lag: f64,
    /// Volatility per square root of a year.
    pub volatility: f64,
    /// Series of the coin's price, USD.
    pub coin: String,
    /// Hashprice at which the marginal miner breaks even at time zero, USD per PH/s per day.
    pub marginal_cost: f64,
    /// Fall of the logarithm of that cost per year.
    #[serde(default)]
    pub efficiency_gain: f64,
    /// What a block pays.
    pub reward: BlockReward,
}

impl Factor for NetworkHashrate {
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error> {
        range::level("initial", self.initial)?;
        crate::check::within("elasticity", self.elasticity, 0.0, 100.0)?;
        crate::check::within("lag", self.lag, 0.01, 100.0)?;
        range::volatility("volatility", self.volatility)?;
        range::level("marginal_cost", self.marginal_cost)?;
        range::rate("efficiency_gain", self.efficiency_gain)?;
        let reward = self.reward.plan(plan)?;
        let reversion = self.elasticity / self.lag;
        Ok(Box::new(Stepper {
            initial: self.initial,
            log_initial: ln(self.initial),
            log_cost: ln(self.marginal_cost),
            efficiency_gain: self.efficiency_gain,
            reward,
            steps: PerStep::new(plan.grid(), |length| OuStep::new(reversion, self.volatility, length)),
            coin: plan.read("coin", &self.coin)?,
            level: plan.level(),
            logarithm: plan.state(),
            driver: plan.driver(),
        }))
    }
}

struct Stepper {
    initial: f64,
    log_initial: f64,
    log_cost: f64,
    efficiency_gain: f64,
    reward: PlannedReward,
    steps: PerStep<OuStep>,
    coin: ReadLane,
    level: OwnLane,
    logarithm: OwnLane,
    driver: DriverLane,
}

impl FactorStepper for Stepper {
    fn start(&self, block: &mut FactorBlock<'_>) {
        block.own[self.level].fill(self.initial);
        block.own[self.logarithm].fill(self.log_initial);
    }

    fn step(&self, block: &mut FactorBlock<'_>) {
        let ou = *self.steps.at(block.step);
        let time = block.step.end;
        // ln H* less the logarithm of the coin's price.
        let target = ln(self.reward.coins_per_day(time)) - self.log_cost + self.efficiency_gain * time;
        let [spare, ..] = block.scratch;
        let coin = self.reward.price(time, self.coin, block.read, spare);
        let normal = &block.drivers[self.driver];
        let [level, logarithm] = block.own.many([self.level, self.logarithm]);
        match block.modulation {
            None => step(ou, target, coin, normal, logarithm, level),
            Some(Modulation { volatility, drift }) => {
                step_modulated(ou, target, coin, normal, volatility, drift, logarithm, level);
            }
        }
        jumps::add(block.jump, logarithm);
        jumps::multiply(block.jump, level);
    }

    fn takes_jumps(&self) -> bool {
        true
    }
}

/// The logarithm of a price that may have underflowed to zero.
#[inline(always)]
fn log_price(price: f64) -> f64 {
    ln(price.clamp(f64::MIN_POSITIVE, f64::MAX))
}

crate::vectorised! {
    fn step(ou: OuStep, target: f64, coin: &Lane, normal: &Lane, logarithm: &mut Lane, level: &mut Lane) {
        for path in 0..PATHS {
            let target = target + log_price(coin[path]);
            let gap = logarithm[path] - target;
            logarithm[path] = target + gap.mul_add(ou.decay, ou.deviation * normal[path]);
            level[path] = exp(logarithm[path]);
        }
    }

    /// With a multiplier of 1 and a shift of 0 the same bits as `step`.
    fn step_modulated(
        ou: OuStep, target: f64, coin: &Lane, normal: &Lane, multiplier: &Lane, shift: &Lane,
        logarithm: &mut Lane, level: &mut Lane,
    ) {
        for path in 0..PATHS {
            let target = target + log_price(coin[path]);
            let gap = logarithm[path] - target;
            let moved = (ou.deviation * multiplier[path]) * normal[path] + ou.response * shift[path];
            logarithm[path] = target + gap.mul_add(ou.decay, moved);
            level[path] = exp(logarithm[path]);
        }
    }
}
