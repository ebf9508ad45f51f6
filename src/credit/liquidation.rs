//! The market into which collateral is sold: a depth, an impact, and marks that remember forced sales.

use crate::market::{MarketPlan, ReadLane, ReadLanes};
use crate::numeric::{Lane, PATHS, Step, kernel};
use crate::{Error, check, vectorised};
use serde::{Deserialize, Serialize};

/// Whether forced sales depress the marks that everyone sees from the next step on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Feedback {
    /// They do.
    #[default]
    On,
    /// Sellers still pay for the depth they use, but marks stay those of the price factor.
    Off,
}

/// A class of collateral with one price and one pool of buyers.
///
/// With a mark `m`, a quantity `q` sold by everyone in a step of `h` years and a depth `d` per month:
///
/// ```text
/// x   = q / (12 h d)                                 use of the depth
/// net = max( m exp(-impact x) (1 - moving_cost), scrap )      price per unit that each seller gets (pro rata)
/// D'  = (D + persistence * impact x) 2^(-h / recovery)        log depression of the mark, from the next step on
/// m   = price factor * exp(-D)
/// ```
///
/// The exponential inverse demand is that of Cifuentes, Ferrucci and Shin (2005), "Liquidity risk and contagion",
/// doi:10.1162/jeea.2005.3.2-3.556. An infinite depth means no impact at all, exactly.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asset {
    /// Name of the class, to which fleets and treasuries refer.
    pub name: String,
    /// Series with the price of one unit, in USD: a resale factor or a coin.
    pub price: String,
    /// Units a month that the buyers can absorb; at least 1e-9, may be infinite.
    #[serde(default = "infinite")]
    pub depth_per_month: f64,
    /// Log price concession when one month's depth is sold in a month; 0 to 1e6.
    #[serde(default)]
    pub impact: f64,
    /// Share of the price that transport, removal and idle time cost; at least 0, below 1.
    #[serde(default)]
    pub moving_cost: f64,
    /// Floor of the net price per unit, in USD.
    #[serde(default)]
    pub scrap: f64,
    /// Share of a step's impact that stays in the mark after the step, between 0 and 1.
    #[serde(default)]
    pub persistence: f64,
    /// Half-life in years with which the mark recovers; infinite means never.
    #[serde(default = "infinite")]
    pub recovery_half_life: f64,
}

/// The least depth and the largest impact: so that impact over depth is finite, and of a sale of nothing zero.
const LEAST_DEPTH: f64 = 1e-9;
const LARGEST_IMPACT: f64 = 1e6;

fn infinite() -> f64 {
    f64::INFINITY
}

impl Asset {
    /// A class with infinite depth and no costs: everything sells at the mark. Set the other fields as needed.
    #[must_use]
    pub fn liquid(name: impl Into<String>, price: impl Into<String>) -> Self {
        Asset {
            name: name.into(),
            price: price.into(),
            depth_per_month: f64::INFINITY,
            impact: 0.0,
            moving_cost: 0.0,
            scrap: 0.0,
            persistence: 0.0,
            recovery_half_life: f64::INFINITY,
        }
    }

    fn validate(&self) -> Result<(), Error> {
        check::named("name", &self.name)?;
        if self.depth_per_month.is_nan() || self.depth_per_month < LEAST_DEPTH {
            let expected = format!("must be at least {LEAST_DEPTH:e}, or infinite");
            return Err(Error::invalid("depth_per_month", self.depth_per_month, expected));
        }
        if self.recovery_half_life.is_nan() || self.recovery_half_life <= 0.0 {
            return Err(Error::invalid(
                "recovery_half_life",
                self.recovery_half_life,
                "must be above zero, or infinite",
            ));
        }
        check::within("impact", self.impact, 0.0, LARGEST_IMPACT)?;
        check::not_negative("scrap", self.scrap)?;
        check::within("persistence", self.persistence, 0.0, 1.0)?;
        if !(0.0..1.0).contains(&self.moving_cost) {
            return Err(Error::invalid("moving_cost", self.moving_cost, "must be at least 0 and below 1"));
        }
        Ok(())
    }
}

/// The secondary market for every class of collateral in a book.
///
/// Sales queued in a step are cleared together at the end of the step, pro rata; what they do to the mark is seen by
/// everyone in the next step. So the loop between obligors closes without a fixed point.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiquidationMarket {
    /// The classes.
    #[serde(default)]
    pub assets: Vec<Asset>,
    /// Whether sales depress later marks.
    #[serde(default)]
    pub feedback: Feedback,
}

impl LiquidationMarket {
    pub(crate) fn plan(&self, market: &MarketPlan) -> Result<LiquidationPlan, Error> {
        let mut assets = Vec::with_capacity(self.assets.len());
        for (index, asset) in self.assets.iter().enumerate() {
            let locate = |error: Error| error.within(format!("assets[{index}]")).within("liquidation");
            asset.validate().map_err(locate)?;
            if self.assets[..index].iter().any(|other| other.name == asset.name) {
                return Err(locate(Error::Duplicate { field: "name".into(), name: asset.name.clone() }));
            }
            let price = market.read("price", &asset.price).map_err(locate)?;
            assets.push(PlannedAsset { asset: asset.clone(), price });
        }
        Ok(LiquidationPlan { assets, feedback: self.feedback })
    }
}

/// An asset class of the liquidation market.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AssetLane(pub(crate) usize);

pub(crate) struct PlannedAsset {
    asset: Asset,
    price: ReadLane,
}

pub(crate) struct LiquidationPlan {
    assets: Vec<PlannedAsset>,
    feedback: Feedback,
}

impl LiquidationPlan {
    pub(crate) fn names(&self) -> Vec<String> {
        self.assets.iter().map(|planned| planned.asset.name.clone()).collect()
    }

    pub(crate) fn workspace(&self) -> LiquidationWorkspace {
        let lanes = || vec![Lane::ZERO; self.assets.len()];
        LiquidationWorkspace {
            mark: lanes(),
            queued: lanes(),
            net_price: lanes(),
            depression: lanes(),
            any_depression: false,
            any_queued: false,
        }
    }
}

/// The state of the liquidation market on one block, one lane per asset class.
pub(crate) struct LiquidationWorkspace {
    mark: Vec<Lane>,
    queued: Vec<Lane>,
    net_price: Vec<Lane>,
    depression: Vec<Lane>,
    any_depression: bool,
    any_queued: bool,
}

impl LiquidationWorkspace {
    pub(crate) fn start(&mut self) {
        self.depression.fill(Lane::ZERO);
        self.queued.fill(Lane::ZERO);
        self.any_depression = false;
        self.any_queued = false;
    }

    /// Sets the marks of this step.
    pub(crate) fn mark(&mut self, plan: &LiquidationPlan, series: ReadLanes<'_>) {
        for (index, planned) in plan.assets.iter().enumerate() {
            if self.any_depression {
                depressed_marks(&series[planned.price], &self.depression[index], &mut self.mark[index]);
            } else {
                self.mark[index] = series[planned.price];
            }
        }
    }

    /// Clears what was queued in this step; true when anything was.
    pub(crate) fn clear(&mut self, plan: &LiquidationPlan, step: Step) -> bool {
        if !self.any_queued && !self.any_depression {
            return false;
        }
        for (index, planned) in plan.assets.iter().enumerate() {
            let asset = &planned.asset;
            let concession = asset.impact / (12.0 * step.length * asset.depth_per_month);
            net_prices(
                &self.mark[index],
                &self.queued[index],
                [concession, 1.0 - asset.moving_cost, asset.scrap],
                &mut self.net_price[index],
            );
            if plan.feedback == Feedback::On {
                let kept = kernel::exp(-std::f64::consts::LN_2 * step.length / asset.recovery_half_life);
                depress(&self.queued[index], [concession * asset.persistence, kept], &mut self.depression[index]);
                self.any_depression = true;
            }
        }
        self.any_queued
    }

    /// Empties the queue for the next step.
    pub(crate) fn empty(&mut self) {
        if self.any_queued {
            self.queued.fill(Lane::ZERO);
            self.any_queued = false;
        }
    }

    pub(crate) fn view<'a>(&'a mut self, plan: &'a LiquidationPlan) -> LiquidationView<'a> {
        LiquidationView { plan, workspace: self }
    }
}

/// Net price per unit when `quantity * concession` is the log concession.
#[inline(always)]
fn net_price(mark: f64, quantity: f64, [concession, kept, scrap]: [f64; 3]) -> f64 {
    let price = mark * kernel::exp(-concession * quantity) * kept;
    if price > scrap { price } else { scrap }
}

vectorised! {
    fn depressed_marks(price: &Lane, depression: &Lane, mark: &mut Lane) {
        for i in 0..PATHS {
            mark[i] = price[i] * kernel::exp(-depression[i]);
        }
    }

    fn net_prices(mark: &Lane, queued: &Lane, terms: [f64; 3], net: &mut Lane) {
        for i in 0..PATHS {
            net[i] = net_price(mark[i], queued[i], terms);
        }
    }

    /// One price. Compiled for the instruction set too, since a fused multiply-add without hardware is a slow call.
    fn net_price_of(mark: f64, quantity: f64, terms: [f64; 3]) -> f64 {
        net_price(mark, quantity, terms)
    }

    fn depress(queued: &Lane, terms: [f64; 2], depression: &mut Lane) {
        let [persistent, kept] = terms;
        for i in 0..PATHS {
            depression[i] = persistent.mul_add(queued[i], depression[i]) * kept;
        }
    }
}

/// An obligor's view of the liquidation market in one step.
pub struct LiquidationView<'a> {
    plan: &'a LiquidationPlan,
    workspace: &'a mut LiquidationWorkspace,
}

impl std::fmt::Debug for LiquidationView<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiquidationView").field("assets", &self.plan.names()).finish()
    }
}

impl LiquidationView<'_> {
    /// Marks of one class in this step, in USD per unit: what books and loan-to-value tests show.
    #[inline]
    #[must_use]
    pub fn mark(&self, asset: AssetLane) -> &Lane {
        &self.workspace.mark[asset.0]
    }

    /// Puts units of a class up for sale on one path of the block in this step.
    #[inline]
    pub fn sell(&mut self, asset: AssetLane, path: usize, units: f64) {
        self.workspace.queued[asset.0][path] += units;
        self.workspace.any_queued = true;
    }

    /// Net price per unit that every seller of the class got in this step. Of meaning in
    /// [`ObligorStepper::settle`](super::ObligorStepper::settle) only.
    #[inline]
    #[must_use]
    pub fn net_price(&self, asset: AssetLane) -> &Lane {
        &self.workspace.net_price[asset.0]
    }

    /// Net price per unit if `units` a month were sold on one path and nobody else sold: the executable price of
    /// collateral, beside its mark.
    #[inline]
    #[must_use]
    pub fn executable_price(&self, asset: AssetLane, path: usize, units_per_month: f64) -> f64 {
        let terms = &self.plan.assets[asset.0].asset;
        net_price_of(
            self.workspace.mark[asset.0][path],
            units_per_month,
            [terms.impact / terms.depth_per_month, 1.0 - terms.moving_cost, terms.scrap],
        )
    }
}
