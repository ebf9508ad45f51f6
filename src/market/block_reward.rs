//! What miners are paid for a block.

use super::factor::FactorPlan;
use super::lanes::{ReadLane, ReadLanes};
use super::range;
use crate::Error;
use crate::numeric::{Lane, PATHS};
use serde::{Deserialize, Serialize};

/// Blocks a day: one every ten minutes, which the difficulty sees to.
const BLOCKS_A_DAY: f64 = 144.0;

/// The reward of a block: the subsidy, halved on known dates, and the fees.
///
/// A hash rate of `H` EH/s finds 144 blocks a day, whatever it is, so a PH/s earns each day
///
/// ```text
/// hashprice = 144 (subsidy + fees) price / (1000 H)    [USD per PH/s per day]
/// ```
///
/// which is `86400e15 / (difficulty 2^32) (subsidy + fees) price` with the difficulty `600e18 H / 2^32` that makes
/// blocks ten minutes long. The difficulty follows the hash rate every 2016 blocks, two weeks, which a
/// [`Difficulty`](super::Difficulty) is for. Check: 42.75 USD at 95,000 USD, 1000 EH/s, 3.125 coins and no fees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockReward {
    /// Coins per block at time zero: 3.125 bitcoin from April 2024.
    pub subsidy: f64,
    /// Fees in coins per block, held constant.
    #[serde(default)]
    pub fees: f64,
    /// Series of further fees in coins per block, such as a [`PowerPrice`](super::PowerPrice) with its spikes; below zero it is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee_series: Option<String>,
    /// Dates at which the subsidy halves, in years from time zero, increasing. A step that ends on or after the date sees the
    /// halved subsidy.
    #[serde(default)]
    pub halvings: Vec<f64>,
}

impl BlockReward {
    /// More are a mistake, and would halve the subsidy to nothing.
    const MOST_HALVINGS: usize = 64;

    pub(super) fn plan(&self, plan: &FactorPlan<'_>) -> Result<PlannedReward, Error> {
        self.check()?;
        let fees = match &self.fee_series {
            Some(series) => Some(plan.read("fee_series", series).map_err(|error| error.within("reward"))?),
            None => None,
        };
        Ok(PlannedReward { reward: self.clone(), fees })
    }

    fn check(&self) -> Result<(), Error> {
        let located = || {
            range::amount("subsidy", self.subsidy)?;
            range::amount("fees", self.fees)?;
            // After 64 halvings it still has a logarithm.
            if self.subsidy + self.fees < 1e-100 {
                return Err(Error::invalid("subsidy", self.subsidy, "must be above zero where there are no fees"));
            }
            if self.halvings.len() > Self::MOST_HALVINGS {
                let expected = format!("must be at most {} dates", Self::MOST_HALVINGS);
                return Err(Error::invalid("halvings", self.halvings.len(), expected));
            }
            let mut before = 0.0;
            for (position, &date) in self.halvings.iter().enumerate() {
                // Written so that what is not a number is refused too.
                let follows = date > before && date <= 1000.0;
                if !follows {
                    let expected = format!("must be after {before}, in years from time zero, and at most 1000");
                    return Err(Error::invalid(format!("halvings[{position}]"), date, expected));
                }
                before = date;
            }
            Ok(())
        };
        located().map_err(|error: Error| error.within("reward"))
    }

    /// Coins per block on this date, without the series of fees.
    fn coins(&self, time: f64) -> f64 {
        let mut subsidy = self.subsidy;
        for halving in &self.halvings {
            if *halving <= time {
                subsidy *= 0.5;
            }
        }
        subsidy + self.fees
    }
}

/// A reward with the series that it reads.
pub(super) struct PlannedReward {
    reward: BlockReward,
    fees: Option<ReadLane>,
}

impl PlannedReward {
    /// What a network of one EH/s would earn a PH/s each day, in coins, on this date, without the series of fees.
    pub(super) fn coins_per_day(&self, time: f64) -> f64 {
        BLOCKS_A_DAY * self.reward.coins(time) / 1000.0
    }

    /// The price of a coin as it would have to be for the same reward without the series of fees.
    pub(super) fn price<'a>(&self, time: f64, coin: ReadLane, read: ReadLanes<'a>, spare: &'a mut Lane) -> &'a Lane {
        let price = read.lane(coin);
        let Some(fees) = self.fees else { return price };
        add_fees(1.0 / self.reward.coins(time), price, read.lane(fees), spare);
        spare
    }
}

crate::vectorised! {
    fn add_fees(inverse: f64, price: &Lane, fees: &Lane, paid: &mut Lane) {
        for path in 0..PATHS {
            paid[path] = price[path] * fees[path].clamp(0.0, 1e100).mul_add(inverse, 1.0);
        }
    }
}
