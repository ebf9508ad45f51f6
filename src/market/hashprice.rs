//! What a petahash earns.

use super::block_reward::{BlockReward, PlannedReward};
use super::factor::{Factor, FactorBlock, FactorPlan, FactorStepper};
use super::lanes::{OwnLane, ReadLane};
use crate::Error;
use crate::numeric::{Lane, PATHS};
use serde::{Deserialize, Serialize};

/// Revenue of a miner per unit of hash rate, before power: it follows from the coin's price, the network's hash rate and
/// the block reward.
///
/// ```text
/// hashprice = 144 (subsidy + fees) price / (1000 H)    [USD per PH/s per day]
/// ```
///
/// | symbol | field | unit |
/// | --- | --- | --- |
/// | price | `coin` | series in USD per coin |
/// | H | `hashrate` | series in EH/s: the hash rate that the difficulty is set for. A [`Difficulty`](super::Difficulty); or a [`NetworkHashrate`](super::NetworkHashrate), whose difficulty then follows at once |
/// | subsidy, fees | `reward` | see [`BlockReward`] |
///
/// Nothing random of its own: no driver, exact. Publishes its level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hashprice {
    /// Series of the coin's price, USD.
    pub coin: String,
    /// Series of the hash rate that the difficulty is set for, EH/s.
    pub hashrate: String,
    /// What a block pays.
    pub reward: BlockReward,
}

impl Factor for Hashprice {
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error> {
        Ok(Box::new(Stepper {
            coin: plan.read("coin", &self.coin)?,
            hashrate: plan.read("hashrate", &self.hashrate)?,
            reward: self.reward.plan(plan)?,
            level: plan.level(),
        }))
    }
}

struct Stepper {
    coin: ReadLane,
    hashrate: ReadLane,
    reward: PlannedReward,
    level: OwnLane,
}

impl FactorStepper for Stepper {
    fn start(&self, block: &mut FactorBlock<'_>) {
        self.step(block);
    }

    fn step(&self, block: &mut FactorBlock<'_>) {
        let coins = self.reward.coins_per_day(block.step.end);
        let [spare, ..] = block.scratch;
        let price = self.reward.price(block.step.end, self.coin, block.read, spare);
        let hashrate = block.read.lane(self.hashrate);
        earn(coins, price, hashrate, &mut block.own[self.level]);
    }
}

crate::vectorised! {
    fn earn(coins: f64, price: &Lane, hashrate: &Lane, level: &mut Lane) {
        for path in 0..PATHS {
            // Both may have left the range of numbers on an extreme path; their quotient is a number all the same.
            let (price, hashrate) = (price[path].min(f64::MAX), hashrate[path].clamp(f64::MIN_POSITIVE, f64::MAX));
            level[path] = coins * price / hashrate;
        }
    }
}

#[cfg(test)]
mod tests {
    //! Guards: a price and a hash rate that underflowed or overflowed together still give a number.
    #![allow(clippy::float_cmp, reason = "degenerate cases are exact")]
    use super::*;

    #[test]
    fn the_ends_of_the_range() {
        let mut level = Lane::ZERO;
        for (price, hashrate, hashprice) in
            [(0.0, 0.0, 0.0), (f64::INFINITY, f64::INFINITY, 0.45), (95_000.0, 1000.0, 0.45 * 95_000.0 / 1000.0)]
        {
            earn(0.45, &Lane::splat(price), &Lane::splat(hashrate), &mut level);
            assert!(level.iter().all(|level| *level == hashprice), "{price} {hashrate}: {}", level[0]);
        }
    }
}
