//! What miners are paid for a block.

use super::range;
use crate::Error;
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
/// blocks ten minutes long. The difficulty follows the hash rate every 2016 blocks, two weeks; on a grid of months it has.
/// Check: 42.75 USD at 95,000 USD, 1000 EH/s, 3.125 coins and no fees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockReward {
    /// Coins per block at time zero: 3.125 bitcoin from April 2024.
    pub subsidy: f64,
    /// Fees in coins per block, held constant.
    #[serde(default)]
    pub fees: f64,
    /// Dates at which the subsidy halves, in years from time zero, increasing. A step that ends on or after the date sees the
    /// halved subsidy.
    #[serde(default)]
    pub halvings: Vec<f64>,
}

impl BlockReward {
    /// More are a mistake, and would halve the subsidy to nothing.
    const MOST_HALVINGS: usize = 64;

    pub(super) fn check(&self) -> Result<(), Error> {
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

    /// What a hash rate of one EH/s would earn a PH/s each day, in coins, on this date.
    pub(super) fn coins_per_day(&self, time: f64) -> f64 {
        let mut subsidy = self.subsidy;
        for halving in &self.halvings {
            if *halving <= time {
                subsidy *= 0.5;
            }
        }
        BLOCKS_A_DAY * (subsidy + self.fees) / 1000.0
    }
}
