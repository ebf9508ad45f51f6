//! One step of a whole block: the passes over lanes, in order.
//!
//! Every path that performs takes the same passes; what differs between paths is a number in a lane, and who takes part a
//! selection. A pass that no path of the block needs is left out, which the [`Tally`] tells, and changes no bit (a test does
//! without: `tests.rs`). Where something goes wrong on few paths, the same passes go over these alone ([`Paths`]). Acceleration at
//! a default, what a sponsor does and the answer to a margin call are written by index: they are rare on a path.

use super::Distribution;
use super::coins::Holding;
use super::conversion::Conversions;
use super::covenants::Covenants;
use super::debt::{Debt, Scope};
use super::letting::Sight;
use super::liquidation::Collateral;
use super::margin::{Look, MarginLoan};
use super::metrics::Metrics;
use super::operations::{Amount, Operations};
use super::paths::{Few, Paths};
use super::pledged::Pledge;
use super::response::PlannedResponse;
use super::rollover::Requests;
use super::standing::{self, Count, Tally};
use super::step_in::PlannedStepIn;
use super::support::PlannedSponsor;
use super::taxes::PlannedTax;
use crate::credit::obligor::{ObligorBlock, ObligorStepper};
use crate::market::{OwnLane, OwnLanes};
use crate::numeric::Lane;

/// A borrower at work.
pub(super) struct Stepper {
    /// How many steps the grid has.
    pub(super) steps: usize,
    pub(super) initial_cash: f64,
    pub(super) cash: OwnLane,
    pub(super) standing: OwnLane,
    pub(super) tally: Tally,
    /// Date of the oldest payment that was missed and not made up for; infinite when there is none.
    pub(super) missed: OwnLane,
    /// Date of the first sale after a default; of no meaning before.
    pub(super) sale_from: OwnLane,
    pub(super) operations: Operations,
    pub(super) tax: Option<PlannedTax>,
    /// Spent on machines to come, by step.
    pub(super) outlays: Vec<f64>,
    /// Cash from draws less these outlays, by step; empty where there are neither.
    pub(super) kept: Vec<f64>,
    pub(super) response: Option<PlannedResponse>,
    pub(super) debt: Debt,
    pub(super) covenants: Option<Covenants>,
    pub(super) sponsor: Option<PlannedSponsor>,
    /// Coins that are sold for what is short, in this order.
    pub(super) treasury: Vec<Holding>,
    pub(super) pledged: Vec<Pledge>,
    pub(super) conversions: Option<Conversions>,
    pub(super) margins: Vec<MarginLoan>,
    /// If anything may look at marks again, how paths stood before they moved within the step.
    pub(super) stood: Option<OwnLane>,
    /// What preferred owners are to get before others, and have got.
    pub(super) preferred: Option<(f64, OwnLane)>,
    pub(super) collateral: Collateral,
    pub(super) grace: f64,
    pub(super) distribution: Option<Distribution>,
    pub(super) step_in: Option<PlannedStepIn>,
    pub(super) metrics: Metrics,
    /// For tests: every pass is made, needed or not.
    pub(super) makes_every_pass: bool,
}

/// The lanes of a month: what came in, what is due, what is missing. USD.
pub(super) struct Month<'a> {
    pub(super) revenue: &'a Lane,
    pub(super) cost: Amount<'a>,
    /// Due to all facilities together, if that is not `same_due` on every path.
    pub(super) due: &'a mut Lane,
    pub(super) same_due: Option<f64>,
    /// Due and not covered so far on paths that perform; zero where all is.
    pub(super) short: &'a mut Lane,
    /// Those that are short, where they are few and nobody looks at the others.
    pub(super) paths: Paths<'a>,
    /// For use within a pass.
    pub(super) spare: [&'a mut Lane; 4],
}

impl Month<'_> {
    pub(super) fn due(&self) -> Amount<'_> {
        self.same_due.map_or(Amount::Each(self.due), Amount::Same)
    }
}

/// Where the month keeps what is missing, and who defaults why, among the scratch lanes.
pub(super) const SHORT: usize = 3;
pub(super) const DEFAULTS: usize = 7;

impl ObligorStepper for Stepper {
    fn start(&self, block: &mut ObligorBlock<'_>) {
        let own = &mut block.own;
        own[self.cash].fill(self.initial_cash);
        own[self.standing].fill(standing::PERFORMING);
        own[self.missed].fill(f64::INFINITY);
        self.tally.start(own);
        for holding in &self.collateral.holdings {
            own[holding.units].fill(holding.initial);
        }
        self.debt.start(own, block.read);
        self.operations.start(own, block.key, block.first_path);
        self.start_margins(own);
        self.start_conversions(own);
        if let Some(step_in) = &self.step_in {
            step_in.start(own);
        }
        if self.metrics.any {
            self.start_metrics(own);
            self.show_state(block);
        }
    }

    fn step(&self, block: &mut ObligorBlock<'_>) {
        if self.metrics.any {
            self.clear_metrics(&mut block.own);
        }
        self.clear_margins(&mut block.own);
        if self.tally.any(&block.own, Count::Performing) {
            self.live(block);
        } else if self.tally.any(&block.own, Count::Operated) {
            self.earn(block);
        }
        if self.makes_every_pass || self.tally.any(&block.own, Count::Operated) {
            self.operate(block);
        }
        if self.sells(&block.own) {
            self.offer(block, None);
        }
        if self.metrics.any {
            self.show_state(block);
        }
    }

    /// Margin is called, and covenants on the loan to value are tested, again at lower marks; nothing else is looked at again.
    fn react(&self, block: &mut ObligorBlock<'_>) {
        let Some(stood) = self.stood.filter(|_| self.tally.any(&block.own, Count::Performing)) else { return };
        block.own[stood] = block.own[self.standing];
        self.call_margins(Look::Again, block);
        self.test_covenants_again(block);
        if self.sells(&block.own) {
            self.offer(block, Some(stood));
        }
    }

    fn settle(&self, block: &mut ObligorBlock<'_>) {
        let sells = self.sells(&block.own);
        if sells {
            self.settle_sales(block);
        }
        if self.metrics.any & (sells | self.stood.is_some()) {
            self.show_state(block);
        }
    }
}

impl Stepper {
    /// The month of the paths that perform: earn, pay, raise what is missing, and default or distribute.
    fn live(&self, block: &mut ObligorBlock<'_>) {
        let (step, own) = (block.step, &mut block.own);
        let [revenue, cost, due, short, first, second, third, fourth] = &mut *block.scratch;
        let sight = Sight { read: block.read, own, now: step.end, paths: Paths::All };
        let cost = self.operations.step(step, sight, block.stream, revenue, cost, [first, second, third]);
        self.operations.invoice(step, block.read, own, first);
        // A lender who steps in for a default of this date earns from a later one on.
        let is_operated = self.makes_every_pass || self.tally.any(own, Count::Operated);
        if let Some(step_in) = self.step_in.as_ref().filter(|_| is_operated) {
            step_in.note(own, revenue, cost);
        }

        self.respond(own, &block.liquidation, step, revenue, first);
        // In lanes where what is looked at is not only what is missing; by facility also where some of them are owed otherwise than as agreed.
        let mut is_broad = self.tax.is_some()
            || self.makes_every_pass
            || self.metrics.by_facility
            || !self.pledged.is_empty()
            || self.conversions.as_ref().is_some_and(|conversions| conversions.choose_in(step.index));
        let in_arrears = self.tally.any(own, Count::InArrears);
        let mut is_split = is_broad || in_arrears || self.debt.is_apart(own);
        let scope = Scope { step, paths: Paths::All, in_full: is_broad, in_arrears };
        let same_due = if is_split {
            self.debt.fall_due(scope, own, due);
            None
        } else {
            self.debt.scheduled(step, own, due)
        };
        self.levy(own, step, revenue, cost, first);
        self.clear_reserves(own);
        if let Some(kept) = self.kept.get(step.index).filter(|kept| **kept != 0.0) {
            self.draw(own, *kept);
        }
        let mut month =
            Month { revenue, cost, due, same_due, short, paths: Paths::All, spare: [first, second, third, fourth] };

        self.convert(own, &block.liquidation, step, &mut month);
        self.note_flows(own, step, &mut month);
        let mut shorts = self.serve(own, &mut month);
        let in_lanes = is_broad | self.metrics.any | self.has_reserves() | self.debt.may_go_on(step.index);
        let few = match (in_lanes, in_arrears) {
            (true, _) => None,
            (false, true) => Few::missing(month.short, shorts, &own[self.missed]),
            (false, false) => Few::flagged(month.short, shorts),
        };
        month.paths = Few::or_all(few.as_ref());
        // Sources for what is short, the first used first.
        if shorts > 0 && self.has_reserves() {
            if !is_split {
                self.debt.fall_due(scope, own, month.due);
                month.same_due = None;
                is_split = true;
            }
            is_broad = true;
            shorts = self.use_reserves(own, &mut month);
        }
        if shorts > 0 {
            shorts = self.sell_coins(own, &block.liquidation, step, &mut month);
        }
        let is_booked = is_broad || in_arrears || shorts > 0;
        if shorts > 0 {
            if !is_split {
                self.debt.fall_due(Scope { paths: month.paths, ..scope }, own, month.due);
                month.same_due = None;
            }
            let requests = Requests { read: block.read, key: block.key, first_path: block.first_path };
            let means = self.roll_over(own, &block.liquidation, step, requests, &mut month);
            self.sell_refused(own, &block.liquidation, step, means, &mut month);
            self.debt.pay(month.paths, own, self.cash, means, &mut month.spare);
        }
        if is_booked {
            self.book_payment(own, step, &mut month);
        }
        if self.metrics.any {
            self.show_flows(own, step, &month);
            self.show_conversions(own, step);
        }
        if is_booked {
            let defaulting = self.miss(own, step, &mut month);
            if defaulting > 0 && self.support(block, defaulting) > 0 {
                self.default(block);
            }
        }
        self.call_margins(Look::First, block);
        self.test_covenants(block);
        self.fill_reserves(block);
        self.sweep(block);
        self.sweep_by_covenant(block);
        self.distribute(block);
        self.debt.reset(&mut block.own, block.read);
    }

    /// Whether anything may be up for sale on some path of the block.
    fn sells(&self, own: &OwnLanes<'_>) -> bool {
        self.tally.any(own, Count::Liquidating) | self.tally.any(own, Count::Called)
    }
}
