//! Coins sold for what cash does not cover.

use super::liquidation::add_value;
use super::margin::ForcedSale;
use super::metrics::Metric;
use super::month::{Month, Stepper};
use super::operations::Amount;
use super::paths::{Paths, each};
use super::pledged::Pledge;
use crate::credit::liquidation::{AssetLane, LiquidationView};
use crate::credit::obligor::ObligorPlan;
use crate::credit::schedule::ROUNDING;
use crate::market::{OwnLane, OwnLanes};
use crate::numeric::{Lane, PATHS, Step};
use crate::vectorised;

/// Units of an asset class on the balance sheet.
#[derive(Clone, Copy)]
pub(super) struct Holding {
    pub(super) asset: AssetLane,
    /// Units at time zero.
    pub(super) initial: f64,
    /// Units now.
    pub(super) units: OwnLane,
    /// Share of the price that the time planned for a sale leaves.
    pub(super) patience: f64,
    /// Units that came from other holdings since time zero, less those that went to them; where they may.
    pub(super) moved: Option<OwnLane>,
    /// If they secure a loan with a margin clause.
    pub(super) called: Option<Called>,
}

/// What a lender may sell of coins before any default.
#[derive(Clone, Copy)]
pub(super) struct Called {
    pub(super) sale: ForcedSale,
    /// Units put up for sale in this step.
    pub(super) queued: OwnLane,
    /// Share of the price that a sale at once leaves.
    pub(super) patience: f64,
}

impl Holding {
    pub(super) fn new(asset: AssetLane, initial: f64, over: f64, plan: &mut ObligorPlan<'_>) -> Holding {
        Holding { asset, initial, units: plan.state(), patience: plan.patience(asset, over), moved: None, called: None }
    }
}

impl Stepper {
    /// All coins at their marks, and those of them that are not pledged.
    pub(super) fn coins_at_marks(
        &self,
        own: &OwnLanes<'_>,
        liquidation: &LiquidationView<'_>,
        [all, free]: [&mut Lane; 2],
    ) {
        free.fill(0.0);
        for holding in &self.treasury {
            add_value(&own[holding.units], liquidation.mark(holding.asset), free);
        }
        **all = **free;
        for Pledge { holding, .. } in &self.pledged {
            add_value(&own[holding.units], liquidation.mark(holding.asset), all);
        }
    }

    /// Sells coins for what is short; counts the paths on which something stays short.
    pub(super) fn sell_coins(
        &self,
        own: &mut OwnLanes<'_>,
        liquidation: &LiquidationView<'_>,
        step: Step,
        month: &mut Month<'_>,
    ) -> u64 {
        let (same_due, paths) = (month.same_due, month.paths);
        let Month { short, spare: [before, ..], .. } = month;
        paths.copy(short, before);
        for holding in &self.treasury {
            let [cash, units] = own.many([self.cash, holding.units]);
            sell(paths, liquidation.mark(holding.asset), units, cash, short);
        }
        if !self.pledged.is_empty() {
            let [_, sold, spare, ..] = &mut month.spare;
            self.sell_pledged(own, liquidation, step, month.short, [sold, spare]);
        }
        let Month { due, short, spare: [before, sold, ..], .. } = month;
        if self.metrics.wants(Metric::TreasurySales) {
            for i in 0..PATHS {
                sold[i] = before[i] - short[i];
            }
            // Beside what was sold early.
            self.metrics.add(own, Metric::TreasurySales, sold);
        }
        let cash = &mut own[self.cash];
        match same_due.map_or(Amount::Each(due), Amount::Same) {
            Amount::Same(due) => cover_same(paths, before, due, cash, short),
            Amount::Each(due) => cover_each(paths, before, due, cash, short),
        }
    }
}

/// Where the coins covered what was short nothing is left, of cash as of the need; where they did not and nothing is due,
/// operating bills stay open as cash below zero.
#[inline(always)]
fn cover(paths: Paths<'_>, before: &Lane, due: impl Fn(usize) -> f64, cash: &mut Lane, short: &mut Lane) -> u64 {
    let mut shorts = 0;
    each!(i in paths, {
        let due = due(i);
        let is_unmet = short[i] > ROUNDING * due;
        let covered = (before[i] > 0.0) & !is_unmet;
        cash[i] = if covered { 0.0 } else { cash[i] };
        let is_short = is_unmet & (due > 0.0);
        short[i] = if is_short { short[i] } else { 0.0 };
        shorts += u64::from(is_short);
    });
    shorts
}

/// Sells of these units, where they may be sold, what is needed.
#[inline(always)]
pub(super) fn sell_on(mark: f64, may: bool, units: &mut f64, cash: &mut f64, need: &mut f64) {
    let worth = *units * mark;
    let value = if may { worth } else { 0.0 };
    let raised = if *need < value { *need } else { value };
    // A mark of zero raises nothing, and sells nothing.
    let sold = raised / if mark > f64::MIN_POSITIVE { mark } else { f64::MIN_POSITIVE };
    // All that it is worth is all of it: nothing is left by rounding.
    let is_all = (*need >= value) & (value > 0.0);
    let left = if sold < *units { *units - sold } else { 0.0 };
    *units = if is_all { 0.0 } else { left };
    *cash += raised;
    *need -= raised;
}

vectorised! {
    fn sell(paths: Paths<'_>, mark: &Lane, units: &mut Lane, cash: &mut Lane, need: &mut Lane) {
        each!(i in paths, {
            // Below zero, as a series that is no price may be, nobody buys.
            sell_on(mark[i], mark[i] > 0.0, &mut units[i], &mut cash[i], &mut need[i]);
        });
    }

    fn cover_same(paths: Paths<'_>, before: &Lane, due: f64, cash: &mut Lane, short: &mut Lane) -> u64 {
        cover(paths, before, |_| due, cash, short)
    }

    fn cover_each(paths: Paths<'_>, before: &Lane, due: &Lane, cash: &mut Lane, short: &mut Lane) -> u64 {
        cover(paths, before, |i| due[i], cash, short)
    }
}
