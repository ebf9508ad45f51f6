//! The market into which collateral is sold: a depth, an impact, and marks that remember forced sales.

mod asset;
mod curve;
mod depth;
mod impact;
mod metrics;
mod workspace;

pub use asset::Asset;
pub use depth::{Buyers, Conditions, DepthUnit};
pub use impact::ImpactForm;
pub use workspace::LiquidationView;
pub(super) use workspace::LiquidationWorkspace;

use self::depth::{PlannedConditions, depth_at};
use self::metrics::Shown;
use crate::Error;
use crate::market::{MarketPlan, ReadLane};
use crate::numeric::TimeGrid;
use serde::{Deserialize, Serialize};

/// Whether forced sales depress the marks that everyone sees, and from when on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feedback {
    /// From the next step on. The loop between obligors closes from step to step, without a fixed point.
    #[default]
    On,
    /// At once: marks fall to the price at which the step clears, obligors look at them again
    /// ([`ObligorStepper::react`](super::ObligorStepper::react)) and may sell more, until nobody does. For daily grids, and
    /// for clearing a single date.
    WithinStep,
    /// Sellers still pay for the depth they use, but marks stay those of the price factor.
    Off,
}

/// The secondary market for every class of collateral in a book.
///
/// Sales queued in a step are cleared together at the end of the step: every seller of a class gets the same price. What
/// that does to the mark is seen by everyone, by default in the next step ([`Feedback`]).
///
/// **Within a step** clearing starts from above, at marks without any sale, and goes down: the sales queued so far give
/// a price, at that price obligors may queue more, which gives a lower price. Sales only add up, so prices only fall, and
/// where obligors react by thresholds (default, margin call, covenant) the first pair of prices and sales that agree is
/// the greatest fixed point (Tarski): no other has a higher price or fewer sales. Each round but the last adds a reaction, so
/// of obligors who sell once there are at most as many rounds as obligors and one more. One who sells more as marks fall further (a lender who
/// restores a margin) approaches the fixed point from above, by at most 64 rounds more. The count is the metric `rounds`.
///
/// **Metrics** that measures may observe under the name `liquidation` (no obligor may have it), each per step and path:
/// for each class `ASSET.mark` (USD a unit, what everyone sees at the end of the step), `ASSET.volume` (units sold in the step),
/// `ASSET.proceeds` (USD that they brought at the net price), `ASSET.discount` (net price below the mark at which the step
/// began, as a share of it; 0 where nothing is sold), `ASSET.depth` (what buyers absorb in a month, in the unit of the class); and
/// `rounds` of clearing (0 without a sale).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiquidationMarket {
    /// The classes.
    #[serde(default)]
    pub assets: Vec<Asset>,
    /// Whether and when sales depress marks.
    #[serde(default)]
    pub feedback: Feedback,
}

impl LiquidationMarket {
    /// The name under which measures find the market's metrics.
    pub const NAME: &'static str = "liquidation";

    /// Plans the market; metrics that are wanted get lanes of the book from `lanes` on.
    pub(crate) fn plan(
        &self,
        market: &MarketPlan,
        grid: &TimeGrid,
        wanted: &dyn Fn(&str) -> bool,
        lanes: &mut usize,
    ) -> Result<LiquidationPlan, Error> {
        let mut assets = Vec::with_capacity(self.assets.len());
        for (index, asset) in self.assets.iter().enumerate() {
            let locate = |error: Error| error.within(format!("assets[{index}]")).within(Self::NAME);
            asset.validate().map_err(locate)?;
            if self.assets[..index].iter().any(|other| other.name == asset.name) {
                return Err(locate(Error::Duplicate { field: "name".into(), name: asset.name.clone() }));
            }
            let price = market.read("price", &asset.price).map_err(locate)?;
            let conditions = match &asset.conditions {
                None => None,
                Some(conditions) => Some(conditions.plan(market).map_err(locate)?),
            };
            // Pace of a unit a month, date by date; at time zero as at the first date.
            let unit_pace = |step: usize| asset.impact / depth_at(asset, grid.time(step));
            assets.push(PlannedAsset {
                price,
                conditions,
                unit_pace: (0..=grid.steps()).map(unit_pace).collect(),
                kept: asset.kept(),
                asset: asset.clone(),
            });
        }
        let (metrics, shown) = metrics::plan(&self.assets, wanted, lanes);
        Ok(LiquidationPlan { assets, feedback: self.feedback, metrics, shown })
    }
}

/// An asset class of the liquidation market.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AssetLane(pub(crate) usize);

struct PlannedAsset {
    asset: Asset,
    price: ReadLane,
    conditions: Option<PlannedConditions>,
    /// Pace of one unit (or USD) a month before conditions, by step.
    unit_pace: Vec<f64>,
    /// Share of the price left by moving and idling.
    kept: f64,
}

pub(crate) struct LiquidationPlan {
    assets: Vec<PlannedAsset>,
    feedback: Feedback,
    /// Names of the metrics and their lanes among those of the book.
    pub(super) metrics: Vec<(String, usize)>,
    /// What each of them shows.
    shown: Vec<Shown>,
}

impl LiquidationPlan {
    pub(crate) fn names(&self) -> Vec<String> {
        self.assets.iter().map(|planned| planned.asset.name.clone()).collect()
    }

    pub(super) fn patience(&self, asset: AssetLane, over: f64) -> f64 {
        self.assets[asset.0].asset.patience(over)
    }

    /// Whether obligors look again at marks within a step.
    pub(super) fn is_within_step(&self) -> bool {
        self.feedback == Feedback::WithinStep
    }
}
