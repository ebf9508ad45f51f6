//! What measures may observe of the market: marks, volumes, discounts, depths, rounds.

use super::Asset;
use super::workspace::LiquidationWorkspace;
use super::{LiquidationPlan, PlannedAsset};
use crate::numeric::{Lane, PATHS, Step};
use crate::vectorised;

/// What a metric shows, of the class at this position.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shown {
    Mark(usize),
    Volume(usize),
    Proceeds(usize),
    Discount(usize),
    Depth(usize),
    Rounds,
}

/// The wanted metrics with lanes from `lanes` on.
pub(super) fn plan(
    assets: &[Asset],
    wanted: &dyn Fn(&str) -> bool,
    lanes: &mut usize,
) -> (Vec<(String, usize)>, Vec<Shown>) {
    let of_asset = |(index, asset): (usize, &Asset)| {
        [
            (format!("{}.mark", asset.name), Shown::Mark(index)),
            (format!("{}.volume", asset.name), Shown::Volume(index)),
            (format!("{}.proceeds", asset.name), Shown::Proceeds(index)),
            (format!("{}.discount", asset.name), Shown::Discount(index)),
            (format!("{}.depth", asset.name), Shown::Depth(index)),
        ]
    };
    let all = assets.iter().enumerate().flat_map(of_asset).chain([("rounds".to_owned(), Shown::Rounds)]);
    let next = |(name, shown)| {
        *lanes += 1;
        ((name, *lanes - 1), shown)
    };
    all.filter(|(name, _)| wanted(name)).map(next).unzip()
}

impl LiquidationWorkspace {
    /// Writes the metrics of this step into the lanes of the book. Called after clearing, before the queue is emptied.
    pub(in super::super) fn show(&self, plan: &LiquidationPlan, step: Step, own: &mut [Lane]) {
        for ((_, lane), shown) in plan.metrics.iter().zip(&plan.shown) {
            let to = &mut own[*lane];
            match *shown {
                Shown::Mark(asset) => *to = self.mark[asset],
                Shown::Rounds => *to = self.rounds,
                Shown::Volume(asset) if self.is_queued[asset] => *to = self.queued[asset],
                Shown::Proceeds(asset) if self.is_queued[asset] => {
                    product(&self.queued[asset], &self.net_price[asset], to);
                }
                Shown::Discount(asset) if self.is_queued[asset] => {
                    discounts(&self.open[asset], &self.queued[asset], &self.net_price[asset], to);
                }
                Shown::Volume(_) | Shown::Proceeds(_) | Shown::Discount(_) => to.fill(0.0),
                Shown::Depth(asset) => self.show_depth(&plan.assets[asset], asset, step, to),
            }
        }
    }

    fn show_depth(&self, planned: &PlannedAsset, asset: usize, step: Step, to: &mut Lane) {
        let depth = super::depth_at(&planned.asset, step.end);
        if planned.conditions.is_some() {
            times(&self.multiplier[asset], depth, to);
        } else {
            to.fill(depth);
        }
    }
}

vectorised! {
    fn product(units: &Lane, price: &Lane, usd: &mut Lane) {
        for i in 0..PATHS {
            usd[i] = units[i] * price[i];
        }
    }

    fn times(multiplier: &Lane, depth: f64, to: &mut Lane) {
        for i in 0..PATHS {
            to[i] = multiplier[i] * depth;
        }
    }

    fn discounts(open: &Lane, units: &Lane, net: &Lane, discount: &mut Lane) {
        for i in 0..PATHS {
            let is_sold = (units[i] > 0.0) & (open[i] > 0.0);
            // The lane is divided whatever is sold: by something above zero.
            let mark = if open[i] > f64::MIN_POSITIVE { open[i] } else { f64::MIN_POSITIVE };
            discount[i] = if is_sold { 1.0 - net[i] / mark } else { 0.0 };
        }
    }
}
