//! What a generation earns that is no longer the newest.

use super::by_regime::chunk;
use super::constant::CHUNK;
use super::factor::{Factor, FactorBlock, FactorPlan, FactorStepper};
use super::lanes::{OwnLane, ReadLane};
use crate::numeric::{Lane, PATHS};
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// Rent of a fleet as a share of the rent of the newest generation: each launch demotes it by a tier.
///
/// ```text
/// T_t = R_t f(b),    b = behind + B_t,    f(k) = fractions[k], in a straight line between tiers, and the last one from there on
/// ```
///
/// | symbol | field | unit | range |
/// | --- | --- | --- | --- |
/// | R | `rent` | series: what a machine of the newest generation rents for, such as a [`DeflatingRent`](super::DeflatingRent) | |
/// | B | `tier` | series that counts launches since time zero: `frontier.tier`, as they are adopted, or `frontier.generations`, at once | |
/// | | `behind` | tiers that the fleet is behind the newest generation at time zero; 0 by default | 0 to 100 |
/// | f | `fractions` | share of R by tier, from tier 0 | 1 to 16 of them, 0 to 1, none above the one before |
///
/// A fleet of the newest generation (`behind` 0, `fractions` 1, 0.6, 0.35) earns the whole rent until the first launch, 60 % of it when that launch is
/// adopted and 35 % after the second. With a delay of adoption the line between tiers is the mean over the buyers who have moved on and
/// those who have not. Fleets of several generations are several `TierRent`s of one rent: they move together.
///
/// Nothing random of its own: no driver, exact. With all fractions 1 it is the rent to the bit. `R` stays that of the newest generation: where it already
/// falls with adoption (`sensitivity`), a launch counts twice. Publishes its level, USD per GPU-hour as R.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TierRent {
    /// Series of the rent of the newest generation.
    pub rent: String,
    /// Series that counts launches.
    pub tier: String,
    /// Tiers behind the newest generation at time zero.
    #[serde(default)]
    pub behind: f64,
    /// Share of the rent by tier.
    pub fractions: Vec<f64>,
}

impl TierRent {
    /// More tiers than anybody runs side by side.
    const MOST: usize = 16;
}

impl Factor for TierRent {
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error> {
        check::within("behind", self.behind, 0.0, 100.0)?;
        let tiers = self.fractions.len();
        if tiers == 0 || tiers > Self::MOST {
            let expected = format!("must be between 1 and {} fractions", Self::MOST);
            return Err(Error::invalid("fractions", tiers, expected));
        }
        let mut before = 1.0;
        for (tier, fraction) in self.fractions.iter().enumerate() {
            // Written so that what is not a number is refused too.
            if !(0.0..=before).contains(fraction) {
                let expected = format!("must lie between 0 and {before}: a lower tier earns no more");
                return Err(Error::invalid(format!("fractions[{tier}]"), *fraction, expected));
            }
            before = *fraction;
        }
        Ok(Box::new(Stepper {
            rent: plan.read("rent", &self.rent)?,
            tier: plan.read("tier", &self.tier)?,
            behind: self.behind,
            fractions: self.fractions.clone(),
            level: plan.level(),
        }))
    }
}

struct Stepper {
    rent: ReadLane,
    tier: ReadLane,
    behind: f64,
    fractions: Vec<f64>,
    level: OwnLane,
}

impl FactorStepper for Stepper {
    fn start(&self, block: &mut FactorBlock<'_>) {
        self.step(block);
    }

    fn step(&self, block: &mut FactorBlock<'_>) {
        let (rent, tier) = (block.read.lane(self.rent), block.read.lane(self.tier));
        demote(&self.fractions, self.behind, tier, rent, &mut block.own[self.level]);
    }
}

crate::vectorised! {
    fn demote(fractions: &[f64], behind: f64, tier: &Lane, rent: &Lane, level: &mut Lane) {
        for start in (0..PATHS).step_by(CHUNK) {
            let (tier, rent) = (chunk(tier, start), chunk(rent, start));
            // The tier that is reached, what it earns, and what the next one earns less.
            let (mut reached, mut fraction, mut less) = ([0.0; CHUNK], [fractions[0]; CHUNK], [0.0; CHUNK]);
            for k in 0..fractions.len() {
                let next = if k + 1 < fractions.len() { fractions[k + 1] } else { fractions[k] };
                let (number, own, loss) = (k as f64, fractions[k], fractions[k] - next);
                for path in 0..CHUNK {
                    let at_least = behind + tier[path] >= number;
                    let (reached_before, fraction_before, less_before) = (reached[path], fraction[path], less[path]);
                    reached[path] = if at_least { number } else { reached_before };
                    fraction[path] = if at_least { own } else { fraction_before };
                    less[path] = if at_least { loss } else { less_before };
                }
            }
            for path in 0..CHUNK {
                let beyond = (behind + tier[path]) - reached[path];
                // Nothing is lost on the last tier, however far beyond.
                let beyond = if beyond < 1.0 { beyond } else { 1.0 };
                // A rent that has left the range of numbers times nothing is nothing.
                let rent = if rent[path] < f64::MAX { rent[path] } else { f64::MAX };
                level[start + path] = rent * (-less[path]).mul_add(beyond, fraction[path]);
            }
        }
    }
}
