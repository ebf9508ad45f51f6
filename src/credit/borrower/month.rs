//! One step of a whole block, for the paths on which all is well.
//!
//! The common path is a few passes over lanes without branches: revenue and cost, debt service, coins sold to meet it.
//! Paths in trouble are picked out by index and stepped one at a time by the code in [`by_hand`](super::by_hand), which
//! also serves as the reference: stepping every path by hand gives the same bits (a test does).

use super::Distribution;
use super::debt::Debt;
use super::foreclosure::Collateral;
use super::metrics::{Metric, Metrics};
use super::operations::{Amount, Operations};
use crate::credit::liquidation::{AssetLane, LiquidationView};
use crate::credit::obligor::{ObligorBlock, ObligorStepper};
use crate::credit::schedule::ROUNDING;
use crate::market::{OwnLane, OwnLanes};
use crate::numeric::{Lane, PATHS};
use crate::vectorised;

/// How a path stands: a number in a lane, ordered so that one comparison tells who still performs.
pub(super) mod standing {
    /// Everything has been paid as scheduled.
    pub(in super::super) const ON_SCHEDULE: f64 = 0.0;
    /// Something is unpaid or has been refinanced.
    pub(in super::super) const OFF_SCHEDULE: f64 = 1.0;
    /// Defaulted; collateral is being sold.
    pub(in super::super) const LIQUIDATING: f64 = 2.0;
    /// Defaulted; nothing more will happen.
    pub(in super::super) const CLOSED: f64 = 3.0;

    #[inline(always)]
    pub(in super::super) fn is_on_schedule(standing: f64) -> bool {
        standing < OFF_SCHEDULE
    }

    /// Has not defaulted.
    #[inline(always)]
    pub(in super::super) fn is_performing(standing: f64) -> bool {
        standing < LIQUIDATING
    }

    #[inline(always)]
    #[allow(clippy::manual_range_contains, reason = "both comparisons are made on every path, without a branch")]
    pub(in super::super) fn is_liquidating(standing: f64) -> bool {
        (standing >= LIQUIDATING) & (standing < CLOSED)
    }

    /// Is stepped by hand.
    #[inline(always)]
    #[allow(clippy::manual_range_contains, reason = "both comparisons are made on every path, without a branch")]
    pub(in super::super) fn is_by_hand(standing: f64) -> bool {
        (standing >= OFF_SCHEDULE) & (standing < CLOSED)
    }
}

/// Units of an asset class on the balance sheet.
#[derive(Clone, Copy)]
pub(super) struct Holding {
    pub(super) asset: AssetLane,
    /// Units at time zero.
    pub(super) initial: f64,
    /// Units now.
    pub(super) units: OwnLane,
}

/// A borrower at work.
pub(super) struct Stepper {
    /// `[0]` is time zero, `[k]` the end of step `k`.
    pub(super) times: Vec<f64>,
    pub(super) initial_cash: f64,
    pub(super) cash: OwnLane,
    pub(super) standing: OwnLane,
    /// Date of the oldest payment that was missed and not made up for; infinite when there is none.
    pub(super) missed: OwnLane,
    pub(super) operations: Operations,
    pub(super) debt: Debt,
    pub(super) treasury: Vec<Holding>,
    pub(super) collateral: Collateral,
    pub(super) grace: f64,
    pub(super) distribution: Option<Distribution>,
    pub(super) metrics: Metrics,
    /// For tests: step every path by hand.
    pub(super) everything_by_hand: bool,
}

/// Where [`Stepper::step`] keeps revenue, cost and shortfall among the scratch lanes.
const REVENUE: usize = 0;
const COST: usize = 1;
const SHORT: usize = 3;

/// What operations and debt bring in one step, by path.
#[derive(Clone, Copy)]
pub(super) struct Flows<'a> {
    pub(super) revenue: &'a Lane,
    pub(super) cost: Amount<'a>,
    /// Due as scheduled.
    pub(super) due: Amount<'a>,
}

impl ObligorStepper for Stepper {
    fn start(&self, block: &mut ObligorBlock<'_>) {
        let first = if self.everything_by_hand { standing::OFF_SCHEDULE } else { standing::ON_SCHEDULE };
        block.own[self.cash].fill(self.initial_cash);
        block.own[self.standing].fill(first);
        block.own[self.missed].fill(f64::INFINITY);
        for holding in &self.collateral.holdings {
            block.own[holding.units].fill(holding.initial);
        }
        self.debt.start(&mut block.own, block.read);
        if self.metrics.any() {
            self.metrics.clear(&mut block.own);
            self.metrics.fill(&mut block.own, Metric::Dscr, f64::INFINITY);
            self.show_state(block);
        }
    }

    fn step(&self, block: &mut ObligorBlock<'_>) {
        let [revenue, cost, due, short, spare, ..] = &mut *block.scratch;
        let cost = self.operations.step(block.step, block.read, block.stream, revenue, cost, spare);
        let due = self.debt.scheduled(block.step.index, block.step.length, &block.own, due);
        let flows = Flows { revenue, cost, due };

        let [cash, standing] = block.own.many([self.cash, self.standing]);
        let [shorts, by_hand] = match (cost, due) {
            (Amount::Same(cost), Amount::Same(due)) => serve_same(revenue, [cost, due], standing, cash, short),
            (Amount::Same(cost), Amount::Each(due)) => serve_due(revenue, cost, due, standing, cash, short),
            (Amount::Each(cost), Amount::Same(due)) => serve_cost(revenue, cost, due, standing, cash, short),
            (Amount::Each(cost), Amount::Each(due)) => serve_each(revenue, cost, due, standing, cash, short),
        };
        if self.metrics.any() {
            self.show_flows(&mut block.own, flows);
        }
        self.distribute(&mut block.own, short, spare);
        if shorts > 0 {
            self.sell_treasury(&mut block.own, &block.liquidation, flows, short, spare);
        }
        if shorts + by_hand > 0 {
            let same_cost = cost.same();
            self.attend(block, same_cost);
        }
        self.debt.reset(&mut block.own, block.read);
        if self.metrics.any() {
            self.show_state(block);
        }
    }

    fn settle(&self, block: &mut ObligorBlock<'_>) {
        self.settle_sales(block);
        if self.metrics.any() {
            self.show_state(block);
        }
    }
}

impl Stepper {
    /// Pays owners on paths on schedule that were not short of cash.
    fn distribute(&self, own: &mut OwnLanes<'_>, short: &Lane, paid: &mut Lane) {
        let Some(Distribution { share, floor }) = self.distribution else { return };
        let [cash, standing] = own.many([self.cash, self.standing]);
        pay_owners([share, floor], standing, short, cash, paid);
        self.metrics.copy(own, Metric::Distributed, paid);
    }

    /// Sells coins for what is short on paths on schedule; what remains short is to be dealt with by hand.
    fn sell_treasury(
        &self,
        own: &mut OwnLanes<'_>,
        liquidation: &LiquidationView<'_>,
        flows: Flows<'_>,
        short: &mut Lane,
        before: &mut Lane,
    ) {
        *before = *short;
        for holding in &self.treasury {
            let [cash, units] = own.many([self.cash, holding.units]);
            sell_coins(liquidation.mark(holding.asset), units, cash, short);
        }
        if self.metrics.wants(Metric::TreasurySales) {
            let mut sold = Lane::ZERO;
            for i in 0..PATHS {
                sold[i] = before[i] - short[i];
            }
            self.metrics.copy(own, Metric::TreasurySales, &sold);
        }
        let cash = &mut own[self.cash];
        match flows.due {
            Amount::Same(due) => cover_same(before, due, cash, short),
            Amount::Each(due) => cover_each(before, due, cash, short),
        }
    }

    /// Steps by hand every path that is not on schedule, or has just fallen off it.
    fn attend(&self, block: &mut ObligorBlock<'_>, same_cost: Option<f64>) {
        let mut attention = Lane::ZERO;
        flag(&block.own[self.standing], &block.scratch[SHORT], &mut attention);
        each_flagged(&attention, |path| {
            let standing = block.own[self.standing][path];
            if standing::is_liquidating(standing) {
                return self.offer(block, path);
            }
            let due = self.due_by_hand(block, path);
            let available = if standing::is_on_schedule(standing) {
                // Cash already holds the step's cash flow and what the coins brought.
                block.own[self.cash][path]
            } else {
                let cost = same_cost.unwrap_or(block.scratch[COST][path]);
                let cash_flow = block.scratch[REVENUE][path] - cost;
                self.raise_by_hand(block, path, cash_flow, &due)
            };
            self.serve_by_hand(block, path, &due, available);
        });
    }
}

/// Calls `visit` for each path whose flag is not zero.
pub(super) fn each_flagged(flags: &Lane, mut visit: impl FnMut(usize)) {
    const CHUNK: usize = 16;
    for (chunk, flags) in flags.chunks_exact(CHUNK).enumerate() {
        // Most chunks have none: one look at all of it.
        if flags.iter().fold(0, |any, flag| any | flag.to_bits()) != 0 {
            for (offset, flag) in flags.iter().enumerate() {
                if *flag != 0.0 {
                    visit(chunk * CHUNK + offset);
                }
            }
        }
    }
}

/// Pays what is due from cash and cash flow on paths on schedule. `short` is what is missing there; where something is,
/// cash holds all that there is. Counts the paths that are short, and those that are stepped by hand for their standing.
#[inline(always)]
fn serve(
    cash_flow: impl Fn(usize) -> f64,
    due: impl Fn(usize) -> f64,
    standing: &Lane,
    cash: &mut Lane,
    short: &mut Lane,
) -> [u64; 2] {
    let (mut shorts, mut by_hand) = (0, 0);
    for i in 0..PATHS {
        let due = due(i);
        let on_schedule = standing::is_on_schedule(standing[i]);
        let available = cash[i] + cash_flow(i);
        let missing = due - available;
        let is_short = missing > ROUNDING * due;
        let left = if missing < 0.0 { -missing } else { 0.0 };
        let after = if is_short { available } else { left };
        cash[i] = if on_schedule { after } else { cash[i] };
        let is_short = is_short & on_schedule;
        short[i] = if is_short { missing } else { 0.0 };
        shorts += u64::from(is_short);
        by_hand += u64::from(standing::is_by_hand(standing[i]));
    }
    [shorts, by_hand]
}

/// Where the coins covered what was short nothing is left, of cash as of the need; where they did not and nothing is due,
/// operating bills stay open as cash below zero.
#[inline(always)]
fn cover(before: &Lane, due: impl Fn(usize) -> f64, cash: &mut Lane, short: &mut Lane) {
    for i in 0..PATHS {
        let due = due(i);
        let is_unmet = short[i] > ROUNDING * due;
        let covered = (before[i] > 0.0) & !is_unmet;
        cash[i] = if covered { 0.0 } else { cash[i] };
        short[i] = if is_unmet & (due > 0.0) { short[i] } else { 0.0 };
    }
}

vectorised! {
    fn serve_same(
        revenue: &Lane, terms: [f64; 2], standing: &Lane, cash: &mut Lane, short: &mut Lane
    ) -> [u64; 2] {
        serve(|i| revenue[i] - terms[0], |_| terms[1], standing, cash, short)
    }

    fn serve_due(
        revenue: &Lane, cost: f64, due: &Lane, standing: &Lane, cash: &mut Lane, short: &mut Lane
    ) -> [u64; 2] {
        serve(|i| revenue[i] - cost, |i| due[i], standing, cash, short)
    }

    fn serve_cost(
        revenue: &Lane, cost: &Lane, due: f64, standing: &Lane, cash: &mut Lane, short: &mut Lane
    ) -> [u64; 2] {
        serve(|i| revenue[i] - cost[i], |_| due, standing, cash, short)
    }

    fn serve_each(
        revenue: &Lane, cost: &Lane, due: &Lane, standing: &Lane, cash: &mut Lane, short: &mut Lane
    ) -> [u64; 2] {
        serve(|i| revenue[i] - cost[i], |i| due[i], standing, cash, short)
    }

    fn cover_same(before: &Lane, due: f64, cash: &mut Lane, short: &mut Lane) {
        cover(before, |_| due, cash, short);
    }

    fn cover_each(before: &Lane, due: &Lane, cash: &mut Lane, short: &mut Lane) {
        cover(before, |i| due[i], cash, short);
    }

    fn pay_owners(terms: [f64; 2], standing: &Lane, short: &Lane, cash: &mut Lane, paid: &mut Lane) {
        let [share, floor] = terms;
        for i in 0..PATHS {
            let free = cash[i] - floor;
            let entitled = (free > 0.0) & (short[i] == 0.0) & standing::is_on_schedule(standing[i]);
            paid[i] = if entitled { share * free } else { 0.0 };
            cash[i] -= paid[i];
        }
    }

    fn sell_coins(mark: &Lane, units: &mut Lane, cash: &mut Lane, need: &mut Lane) {
        for i in 0..PATHS {
            let sold = sale(need[i], units[i], mark[i]);
            units[i] -= sold[0];
            cash[i] += sold[1];
            need[i] -= sold[1];
        }
    }

    /// Marks the paths to be stepped by hand.
    fn flag(standing: &Lane, short: &Lane, attention: &mut Lane) {
        for i in 0..PATHS {
            attention[i] = if standing::is_by_hand(standing[i]) | (short[i] > 0.0) { 1.0 } else { 0.0 };
        }
    }
}

/// Units sold at the mark to raise `need`, and what they bring.
#[inline(always)]
pub(super) fn sale(need: f64, units: f64, mark: f64) -> [f64; 2] {
    // Below zero, as a series that is no price may be, nobody buys.
    let value = if mark > 0.0 { units * mark } else { 0.0 };
    let raised = if need < value { need } else { value };
    // A mark of zero raises nothing, and sells nothing.
    let sold = raised / if mark > f64::MIN_POSITIVE { mark } else { f64::MIN_POSITIVE };
    [if sold < units { sold } else { units }, raised]
}
