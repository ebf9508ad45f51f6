//! Margin calls at work: what a borrower puts up, and what its lender sells.
//!
//! Who is called is found by a pass over lanes; a call is answered path by path, since few paths have one.

use super::coins::Holding;
use super::debt::Debt;
use super::liquidation::add_value;
use super::metrics::Metric;
use super::month::{DEFAULTS, Stepper};
use super::payment::why;
use super::standing::{Count, is_performing};
use crate::credit::Margin;
use crate::credit::liquidation::LiquidationView;
use crate::credit::obligor::{ObligorBlock, ObligorPlan};
use crate::credit::schedule::ROUNDING;
use crate::market::{OwnLane, OwnLanes};
use crate::numeric::{Lane, PATHS, Step};
use crate::vectorised;

/// A loan with a margin clause.
pub(super) struct MarginLoan {
    /// Position of the facility.
    pub(super) facility: usize,
    terms: Margin,
    /// What secures it, each with the free coins of its class.
    coins: Vec<(Holding, Option<Holding>)>,
    sale: ForcedSale,
    /// Date on which the open call began; infinite when there is none.
    since: OwnLane,
    /// Date on which the last call began: what lower marks of that date ask for is the same call.
    last: OwnLane,
    /// The marks of the coins when they were last looked at, added up.
    seen: OwnLane,
}

/// When margin is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// After the payments of a date.
    First,
    /// On the same date, where marks have fallen since the last look.
    Again,
}

/// The lanes of what a lender sells of the coins behind its loan.
#[derive(Clone, Copy)]
pub(super) struct ForcedSale {
    /// The part of them that it sells in this step.
    pub(super) part: OwnLane,
    /// What that brings, where the loan goes on.
    pub(super) proceeds: OwnLane,
}

/// A lender that sells a little more because its sale has lowered the mark a little stops here, as a part of the coins.
const LEAST_SALE: f64 = 1e-9;

/// Among the scratch lanes who is to be looked at, and room for what that takes.
const CALLED: usize = 0;

impl MarginLoan {
    pub(super) fn new(
        facility: usize,
        terms: Margin,
        coins: Vec<(Holding, Option<Holding>)>,
        sale: ForcedSale,
        plan: &mut ObligorPlan<'_>,
    ) -> MarginLoan {
        MarginLoan { facility, terms, coins, sale, since: plan.state(), last: plan.state(), seen: plan.state() }
    }

    /// The coins at marks, on one path.
    fn secured(&self, path: usize, own: &OwnLanes<'_>, liquidation: &LiquidationView<'_>) -> f64 {
        let value = |(coins, _): &(Holding, Option<Holding>)| own[coins.units][path] * price(coins, path, liquidation);
        self.coins.iter().map(value).sum()
    }
}

/// The mark, below which nobody buys.
fn price(coins: &Holding, path: usize, liquidation: &LiquidationView<'_>) -> f64 {
    liquidation.mark(coins.asset)[path].max(0.0)
}

/// Moves units from one holding to another.
fn give([from, to]: [&Holding; 2], path: usize, units: f64, own: &mut OwnLanes<'_>) {
    for (holding, amount) in [(from, -units), (to, units)] {
        own[holding.units][path] = (own[holding.units][path] + amount).max(0.0);
        if let Some(moved) = holding.moved {
            own[moved][path] += amount;
        }
    }
}

impl Stepper {
    pub(super) fn start_margins(&self, own: &mut OwnLanes<'_>) {
        for loan in &self.margins {
            own[loan.since].fill(f64::INFINITY);
        }
    }

    /// Before a step: lenders sell nothing.
    pub(super) fn clear_margins(&self, own: &mut OwnLanes<'_>) {
        if self.margins.is_empty() {
            return;
        }
        self.tally.set(own, Count::Called, 0);
        for loan in &self.margins {
            own[loan.sale.part].fill(0.0);
            own[loan.sale.proceeds].fill(0.0);
        }
        for called in self.collateral.holdings.iter().filter_map(|holding| holding.called) {
            own[called.queued].fill(0.0);
        }
    }

    /// Calls for margin at the marks that there are, senior loans first; borrowers answer, or their lenders
    /// sell.
    pub(super) fn call_margins(&self, look: Look, block: &mut ObligorBlock<'_>) {
        for loan in &self.margins {
            if self.look(loan, look, block) == 0 {
                continue;
            }
            block.scratch[DEFAULTS].fill(0.0);
            let mut defaults = 0;
            for path in 0..PATHS {
                if block.scratch[CALLED][path] > 0.0 && !self.answer(loan, look, path, block) {
                    block.scratch[DEFAULTS][path] = why::MARGIN;
                    defaults += 1;
                }
            }
            if defaults > 0 {
                self.default(block);
            }
        }
    }

    /// Marks the paths on which a call begins or is open, or coins may be given back; counts them.
    fn look(&self, loan: &MarginLoan, look: Look, block: &mut ObligorBlock<'_>) -> u64 {
        // What is short is read after this.
        let [called, secured, owed, _, marks, ..] = &mut *block.scratch;
        let own = &mut block.own;
        secured.fill(0.0);
        marks.fill(0.0);
        for (coins, _) in &loan.coins {
            let mark = block.liquidation.mark(coins.asset);
            add_value(&own[coins.units], mark, secured);
            add_mark(mark, marks);
        }
        self.debt.owed_to(loan.facility, block.step, own, owed);
        let release = loan.terms.release.filter(|_| look == Look::First).unwrap_or(f64::INFINITY);
        let terms = [loan.terms.call * (1.0 - ROUNDING), release * (1.0 + ROUNDING)];
        let [standing, since, seen] = own.many([self.standing, loan.since, loan.seen]);
        if look == Look::First {
            seen.fill(f64::INFINITY);
        }
        call(terms, [standing, since], [secured, owed, marks], seen, called)
    }

    /// Answers a call on one path, or gives coins back; false if the loan is beyond what a sale of its coins restores.
    fn answer(&self, loan: &MarginLoan, look: Look, path: usize, block: &mut ObligorBlock<'_>) -> bool {
        let (step, own) = (block.step, &mut block.own);
        let Margin { initial, call, liquidation, release, .. } = loan.terms;
        let facility = &self.debt.facilities[loan.facility];
        let mut owed = facility.balance(step.index, own).on(path) + own[facility.arrears][path];
        let mut secured = loan.secured(path, own, &block.liquidation);
        let is_open = own[loan.since][path].is_finite();
        if !is_open && secured >= call * (1.0 - ROUNDING) * owed {
            if release.is_some_and(|release| secured > release * owed) {
                let part = 1.0 - initial * owed / secured;
                for (coins, free) in &loan.coins {
                    if let Some(free) = free {
                        give([coins, free], path, part * own[coins.units][path], own);
                    }
                }
            }
            return true;
        }
        if !is_open {
            own[loan.since][path] = step.end;
            if own[loan.last][path] < step.end {
                own[loan.last][path] = step.end;
                self.metrics.add_on(own, Metric::MarginCall, path, 1.0);
            }
        }
        for (coins, free) in &loan.coins {
            let (Some(free), mark) = (free, price(coins, path, &block.liquidation)) else { continue };
            let lack = initial * owed - secured;
            if lack > ROUNDING * initial * owed && mark > 0.0 {
                let units = own[free.units][path].min(lack / mark);
                give([free, coins], path, units, own);
                secured += units * mark;
                self.metrics.add_on(own, Metric::MarginTopUp, path, units * mark);
            }
        }
        let paid = (owed - secured / initial).min(own[self.cash][path]);
        if paid > ROUNDING * owed {
            own[self.cash][path] -= paid;
            self.repay_called(loan.facility, path, paid, step, own);
            self.metrics.add_on(own, Metric::MarginTopUp, path, paid);
            owed -= paid;
        }
        if secured >= initial * owed * (1.0 - 2.0 * ROUNDING) {
            own[loan.since][path] = f64::INFINITY;
            return true;
        }
        if secured >= liquidation * owed && !loan.terms.is_over(step.end - own[loan.since][path]) {
            return true;
        }
        let sold = own[loan.sale.part][path];
        // A sale that has begun goes on: who was refused at higher marks is at lower ones.
        let lack = owed - secured / initial;
        if sold <= 0.0 && self.support_call(loan.facility, lack, look, path, block) {
            block.own[loan.since][path] = f64::INFINITY;
            return true;
        }
        let (own, part) = (&mut block.own, loan.terms.part(secured, owed));
        if part > sold + LEAST_SALE || (part >= 1.0 && sold < 1.0) {
            own[loan.sale.part][path] = part;
            if sold <= 0.0 {
                self.tally.call(own);
            }
        }
        secured > owed
    }

    /// Repays a loan on one path: what is due and unpaid, then the rest.
    pub(super) fn repay_called(&self, index: usize, path: usize, paid: f64, step: Step, own: &mut OwnLanes<'_>) {
        let facility = &self.debt.facilities[index];
        let Some(apart) = &facility.apart else { return };
        apart.part(&facility.schedule, step.index, own);
        let but_for_rounding = |rest: f64| if rest > facility.schedule.negligible { rest } else { 0.0 };
        let unpaid = own[facility.arrears][path];
        let overdue = paid.min(unpaid);
        if overdue > 0.0 {
            own[facility.arrears][path] = but_for_rounding(unpaid - overdue);
            if self.debt.facilities.iter().all(|facility| own[facility.arrears][path] <= 0.0) {
                own[self.missed][path] = f64::INFINITY;
            }
        }
        let balance = &mut own[apart.balance][path];
        *balance = but_for_rounding(*balance - (paid - overdue));
        facility.metrics.show_overdue(own, path, [unpaid, overdue]);
        facility.metrics.show_repayment(own, path, paid - overdue);
        self.metrics.add_on(own, Metric::Prepaid, path, paid);
    }

    /// Takes in what lenders have sold of loans that go on: a sale ends the call.
    pub(super) fn settle_calls(&self, block: &mut ObligorBlock<'_>) {
        let (step, own) = (block.step, &mut block.own);
        for loan in &self.margins {
            let facility = &self.debt.facilities[loan.facility];
            for path in 0..PATHS {
                if own[loan.sale.part][path] <= 0.0 || !is_performing(own[self.standing][path]) {
                    continue;
                }
                let proceeds = own[loan.sale.proceeds][path];
                let owed = facility.balance(step.index, own).on(path) + own[facility.arrears][path];
                self.metrics.add_on(own, Metric::MarginSale, path, proceeds);
                self.repay_called(loan.facility, path, proceeds.min(owed), step, own);
                own[self.cash][path] += (proceeds - owed).max(0.0);
                own[loan.since][path] = f64::INFINITY;
            }
        }
    }
}

impl Debt {
    /// What one facility is owed after the payments of the step, due or not.
    fn owed_to(&self, facility: usize, step: Step, own: &OwnLanes<'_>, owed: &mut Lane) {
        let facility = &self.facilities[facility];
        let balance = facility.balance(step.index, own);
        let arrears = &own[facility.arrears];
        for i in 0..PATHS {
            owed[i] = balance.on(i) + arrears[i];
        }
    }
}

vectorised! {
    pub(super) fn add_mark(mark: &Lane, marks: &mut Lane) {
        for i in 0..PATHS {
            marks[i] += mark[i];
        }
    }

    fn call(terms: [f64; 2], state: [&Lane; 2], read: [&Lane; 3], seen: &mut Lane, called: &mut Lane) -> u64 {
        let [call, release] = terms;
        let [standing, since] = state;
        let [secured, owed, marks] = read;
        let mut paths = 0;
        for i in 0..PATHS {
            let lacks = secured[i] < call * owed[i];
            let exceeds = secured[i] > release * owed[i];
            let is_open = since[i] < f64::INFINITY;
            let has_moved = marks[i] < seen[i];
            let counts = (lacks | exceeds | is_open) & has_moved & is_performing(standing[i]);
            seen[i] = marks[i];
            called[i] = if counts { 1.0 } else { 0.0 };
            paths += u64::from(counts);
        }
        paths
    }
}
