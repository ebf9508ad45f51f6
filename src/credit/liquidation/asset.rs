//! A class of collateral: its price, its buyers, what a sale costs.

use super::curve;
use super::depth::{Buyers, Conditions, DepthUnit, depth_at};
use super::impact::ImpactForm;
use crate::numeric::kernel;
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// A class of collateral with one price and one pool of buyers.
///
/// With a mark `m`, a quantity `q` sold by everyone in a step of `h` years that ends `t` years from today:
///
/// ```text
/// d   = depth_per_month x buyers x conditions x 2^(-(age + t) / depth_half_life)         depth a month
/// x   = q / (12 h d)            or  q m / (12 h d)  where depth is in USD                 use of the depth
/// r   = share of the mark left at pace impact x, by the form of the impact (ImpactForm)
/// net = max( m r (1 - moving_cost) exp(-idle idle_decline) - moving_usd_per_unit, scrap )  price that each seller gets
/// D'  = (D + persistence (-ln r)) 2^(-h / recovery_half_life)    depression of the mark that passes
/// E'  = E + permanent (-ln r)                                   depression that stays
/// m   = max( price factor x exp(-D - E), scrap )                from the next step on
/// ```
///
/// So a sale's impact has three parts: what only its sellers pay, `1 - persistence - permanent`; what everyone sees
/// for a while; what everyone sees for good. An infinite depth means no impact at all, exactly.
///
/// A seller in haste gets less, however little it sells: `time_to_sell` is the share of the net price
/// obtained by the length of the planned sale, and multiplies it (never below scrap).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asset {
    /// Name of the class, to which fleets and treasuries refer.
    pub name: String,
    /// Series with the price of one unit, in USD: a resale factor or a coin.
    pub price: String,
    /// What all the buyers of new machines can absorb in a month, in `depth_unit`; at least 1e-9, may be infinite.
    #[serde(default = "infinite")]
    pub depth_per_month: f64,
    /// Whether depth is counted in units or in USD.
    #[serde(default)]
    pub depth_unit: DepthUnit,
    /// Share of the buyers who can use this class.
    #[serde(default)]
    pub buyers: Buyers,
    /// What moves the depth through time; nothing if not given.
    #[serde(default)]
    pub conditions: Option<Conditions>,
    /// Years that machines of the class are old at time zero.
    #[serde(default)]
    pub age: f64,
    /// Years of age in which half of the depth goes; infinite means that age does not matter.
    #[serde(default = "infinite")]
    pub depth_half_life: f64,
    /// Log price concession when one month's depth is sold in a month, to first order; 0 to 1e6.
    #[serde(default)]
    pub impact: f64,
    /// How the price falls with the pace of sales.
    #[serde(default)]
    pub form: ImpactForm,
    /// Share of the price that removal and transport cost; at least 0, below 1.
    #[serde(default)]
    pub moving_cost: f64,
    /// What removal and transport cost besides, in USD a unit.
    #[serde(default)]
    pub moving_usd_per_unit: f64,
    /// Years for which a unit stands idle between two users.
    #[serde(default)]
    pub idle: f64,
    /// Rate a year at which an idle unit loses value, as a decimal; 0 to 100.
    #[serde(default)]
    pub idle_decline: f64,
    /// Points of years over which units are planned to be sold and share of the price obtained; none means that haste costs
    /// nothing. Straight lines between the points, level beyond them.
    #[serde(default)]
    pub time_to_sell: Vec<(f64, f64)>,
    /// Floor of the net price per unit, in USD.
    #[serde(default)]
    pub scrap: f64,
    /// Share of a step's impact that stays in the mark and recovers, between 0 and 1.
    #[serde(default)]
    pub persistence: f64,
    /// Half-life in years with which the mark recovers; infinite means never.
    #[serde(default = "infinite")]
    pub recovery_half_life: f64,
    /// Share of a step's impact that stays in the mark for good, between 0 and `1 - persistence`.
    #[serde(default)]
    pub permanent: f64,
}

/// The least depth and the largest impact: so that impact over depth is finite, and of a sale of nothing zero.
pub(super) const LEAST_DEPTH: f64 = 1e-9;
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
            depth_unit: DepthUnit::Units,
            buyers: Buyers::default(),
            conditions: None,
            age: 0.0,
            depth_half_life: f64::INFINITY,
            impact: 0.0,
            form: ImpactForm::Exponential,
            moving_cost: 0.0,
            moving_usd_per_unit: 0.0,
            idle: 0.0,
            idle_decline: 0.0,
            time_to_sell: Vec::new(),
            scrap: 0.0,
            persistence: 0.0,
            recovery_half_life: f64::INFINITY,
            permanent: 0.0,
        }
    }

    /// What the buyers of the class can absorb in a month at time zero, in `depth_unit`, before conditions.
    #[must_use]
    pub fn initial_depth(&self) -> f64 {
        depth_at(self, 0.0)
    }

    /// Share of the price that a sale planned over so many years obtains.
    #[must_use]
    pub fn patience(&self, over: f64) -> f64 {
        curve::read(&self.time_to_sell, over)
    }

    /// Share of the price that removal, transport and idle time leave.
    pub(super) fn kept(&self) -> f64 {
        (1.0 - self.moving_cost) * kernel::exp(-self.idle * self.idle_decline)
    }

    pub(super) fn validate(&self) -> Result<(), Error> {
        check::named("name", &self.name)?;
        if self.depth_per_month.is_nan() || self.depth_per_month < LEAST_DEPTH {
            let expected = format!("must be at least {LEAST_DEPTH:e}, or infinite");
            return Err(Error::invalid("depth_per_month", self.depth_per_month, expected));
        }
        let half_lives = [("depth_half_life", self.depth_half_life), ("recovery_half_life", self.recovery_half_life)];
        for (field, half_life) in half_lives {
            if half_life.is_nan() || half_life <= 0.0 {
                return Err(Error::invalid(field, half_life, "must be above zero, or infinite"));
            }
        }
        self.buyers.validate()?;
        self.form.validate()?;
        check::within("age", self.age, 0.0, 1e3)?;
        check::within("impact", self.impact, 0.0, LARGEST_IMPACT)?;
        check::not_negative("moving_usd_per_unit", self.moving_usd_per_unit)?;
        check::within("idle", self.idle, 0.0, 1e3)?;
        check::within("idle_decline", self.idle_decline, 0.0, 100.0)?;
        check::not_negative("scrap", self.scrap)?;
        check::within("persistence", self.persistence, 0.0, 1.0)?;
        if !(self.permanent >= 0.0 && self.permanent + self.persistence <= 1.0) {
            return Err(Error::invalid("permanent", self.permanent, "must lie between 0 and 1 - persistence"));
        }
        if !(0.0..1.0).contains(&self.moving_cost) {
            return Err(Error::invalid("moving_cost", self.moving_cost, "must be at least 0 and below 1"));
        }
        if !self.time_to_sell.is_empty() {
            curve::validate("time_to_sell", &self.time_to_sell)?;
        }
        Ok(())
    }
}
