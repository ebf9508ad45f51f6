//! How much the buyers of a class can absorb: by number or by money, by who can use it, by conditions, by age.

use super::asset::LEAST_DEPTH;
use super::curve;
use crate::market::{MarketPlan, ReadLane, ReadLanes};
use crate::numeric::{Lane, PATHS, kernel};
use crate::{Error, check, vectorised};
use serde::{Deserialize, Serialize};

/// In what the depth of a class is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DepthUnit {
    /// Units a month: buyers have room for so many machines.
    #[default]
    Units,
    /// USD a month, at the mark: buyers have so much money. A falling mark lets them take more units.
    Usd,
}

/// Share of all buyers who can use a class: a rack that needs 130 kW and liquid cooling fits few buildings.
///
/// In a file `buyers = 0.3` is the share itself, and `buyers = { kw_per_rack = 130, shares = [[40, 0.8], [130, 0.3]] }`
/// reads it off a table of rack density: straight lines between the points, level beyond them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a share or `{ kw_per_rack = .., shares = [[kW, share], ..] }`")]
pub enum Buyers {
    /// The share itself, above 0 and at most 1.
    Share(f64),
    /// By the power that a rack draws.
    RackDensity {
        /// Power of one rack, in kW.
        kw_per_rack: f64,
        /// Points of power in kW and share of buyers, the power rising.
        shares: Vec<(f64, f64)>,
    },
}

impl Default for Buyers {
    fn default() -> Self {
        Buyers::Share(1.0)
    }
}

impl Buyers {
    /// The share.
    #[must_use]
    pub fn share(&self) -> f64 {
        match self {
            Buyers::Share(share) => *share,
            Buyers::RackDensity { kw_per_rack, shares } => curve::read(shares, *kw_per_rack),
        }
    }

    pub(super) fn validate(&self) -> Result<(), Error> {
        match self {
            Buyers::Share(share) if *share > 0.0 && *share <= 1.0 => Ok(()),
            Buyers::Share(share) => Err(Error::invalid("buyers", share, "must be above 0 and at most 1")),
            Buyers::RackDensity { kw_per_rack, shares } => {
                check::not_negative("buyers.kw_per_rack", *kw_per_rack)?;
                curve::validate("buyers.shares", shares)
            }
        }
    }
}

/// What moves the depth through time: a series that multiplies it, or a state of the market.
///
/// In a file `conditions = "funding.depth"` is the multiplier itself, and
/// `conditions = { state = "dependence.regime", multipliers = [1.0, 0.5, 0.15] }` one multiplier for each state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a series or `{ state = series, multipliers = [..] }`")]
pub enum Conditions {
    /// A series that multiplies the depth. Below 1e-9 it counts as that.
    Multiplier(String),
    /// A multiplier for each state.
    States {
        /// Series with the state, counted from 0: a regime of the dependence, a state of the funding market.
        state: String,
        /// Multiplier of each state; the last one holds for whatever comes after it. At least 1e-9.
        multipliers: Vec<f64>,
    },
}

/// Below this a multiplier counts as this: depth stays above zero.
const LEAST_MULTIPLIER: f64 = 1e-9;

impl Conditions {
    pub(super) fn plan(&self, market: &MarketPlan) -> Result<PlannedConditions, Error> {
        match self {
            Conditions::Multiplier(series) => {
                Ok(PlannedConditions { series: market.read("conditions", series)?, multipliers: Vec::new() })
            }
            Conditions::States { state, multipliers } => {
                if multipliers.is_empty() {
                    return Err(Error::invalid(
                        "conditions.multipliers",
                        "[]",
                        "must name a multiplier for each state",
                    ));
                }
                for (index, multiplier) in multipliers.iter().enumerate() {
                    check::within(&format!("conditions.multipliers[{index}]"), *multiplier, LEAST_MULTIPLIER, 1e9)?;
                }
                let series = market.read("conditions.state", state)?;
                Ok(PlannedConditions { series, multipliers: multipliers.clone() })
            }
        }
    }
}

/// Conditions at work.
pub(super) struct PlannedConditions {
    series: ReadLane,
    /// One for each state; none where the series is the multiplier.
    multipliers: Vec<f64>,
}

impl PlannedConditions {
    /// The multiplier of each path in this step.
    pub(super) fn multiplier(&self, series: ReadLanes<'_>, multiplier: &mut Lane) {
        if self.multipliers.is_empty() {
            bounded(&series[self.series], multiplier);
        } else {
            looked_up(&series[self.series], &self.multipliers, multiplier);
        }
    }
}

/// Depth a month without conditions, `years` after time zero.
pub(super) fn depth_at(asset: &super::Asset, years: f64) -> f64 {
    let aged = kernel::exp(-std::f64::consts::LN_2 * (asset.age + years) / asset.depth_half_life);
    let depth = asset.depth_per_month * asset.buyers.share() * aged;
    // Also where a depth without limit meets an age that leaves nothing.
    if depth > LEAST_DEPTH { depth } else { LEAST_DEPTH }
}

vectorised! {
    fn bounded(series: &Lane, multiplier: &mut Lane) {
        for i in 0..PATHS {
            multiplier[i] = if series[i] > LEAST_MULTIPLIER { series[i] } else { LEAST_MULTIPLIER };
        }
    }

    fn looked_up(state: &Lane, multipliers: &[f64], multiplier: &mut Lane) {
        // From the last state down: whatever lies below the middle to the next one belongs to an earlier state.
        for (index, of_state) in multipliers.iter().enumerate().rev() {
            let is_last = index + 1 == multipliers.len();
            let above = index as f64 + 0.5;
            for i in 0..PATHS {
                multiplier[i] = if is_last | (state[i] < above) { *of_state } else { multiplier[i] };
            }
        }
    }
}
