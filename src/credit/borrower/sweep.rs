//! Excess cash that repays debt ahead of schedule.

use super::metrics::Metric;
use super::month::Stepper;
use super::standing::is_performing;

use crate::credit::obligor::{ObligorBlock, ObligorPlan};
use crate::credit::surplus::Sweep;
use crate::market::OwnLane;
use crate::numeric::{Lane, PATHS};
use crate::vectorised;

/// The sweep of a facility, or a cash trap that may come.
pub(super) struct PlannedSweep {
    /// As agreed from the start; a cash trap takes everything.
    terms: Option<Sweep>,
    /// Repaid ahead of schedule in this step.
    pub(super) prepaid: OwnLane,
}

impl PlannedSweep {
    pub(super) fn new(terms: Option<Sweep>, plan: &mut ObligorPlan<'_>) -> PlannedSweep {
        PlannedSweep { terms, prepaid: plan.room() }
    }
}

impl Stepper {
    /// Repays debt with what is left of cash on paths on which nothing is missing, senior facilities first.
    pub(super) fn sweep(&self, block: &mut ObligorBlock<'_>) {
        if !self.debt.clauses.sweeps {
            return;
        }
        let own = &mut block.own;
        let [_, _, _, short, untrapped, ..] = &mut *block.scratch;
        untrapped.fill(0.0);
        for facility in self.debt.ranks.iter().flatten().map(|index| &self.debt.facilities[*index]) {
            let (Some(sweep), Some(apart)) = (&facility.sweep, &facility.apart) else { continue };
            if sweep.terms.is_some() {
                apart.part(&facility.schedule, block.step.index, own);
            } else if !apart.is_parted(own) {
                continue;
            }
            let Sweep { share, floor } = sweep.terms.unwrap_or(Sweep { share: 0.0, floor: 0.0 });
            let negligible = facility.schedule.negligible;
            let lanes = [self.standing, self.cash, apart.balance, sweep.prepaid];
            if let Some(rollover) = &facility.rollover {
                let [standing, cash, balance, prepaid] = lanes;
                let [trapped, standing, cash, balance, prepaid] =
                    own.many([rollover.trapped, standing, cash, balance, prepaid]);
                prepay([share, floor, negligible], standing, short, trapped, [cash, balance, prepaid]);
            } else {
                let [standing, cash, balance, prepaid] = own.many(lanes);
                prepay([share, floor, negligible], standing, short, untrapped, [cash, balance, prepaid]);
            }
            facility.metrics.show_prepayment(own, sweep.prepaid);
            self.metrics.add_own(own, Metric::Prepaid, sweep.prepaid);
        }
    }
}

vectorised! {
    fn prepay(terms: [f64; 3], standing: &Lane, short: &Lane, trapped: &Lane, state: [&mut Lane; 3]) {
        let [share, floor, negligible] = terms;
        let [cash, balance, prepaid] = state;
        for i in 0..PATHS {
            let is_trapped = trapped[i] > 0.0;
            let excess = share * (cash[i] - floor);
            let free = if is_trapped { cash[i] } else { excess };
            let most = if free < balance[i] { free } else { balance[i] };
            let pays = (most > 0.0) & (short[i] == 0.0) & is_performing(standing[i]);
            let amount = if pays { most } else { 0.0 };
            cash[i] -= amount;
            let rest = balance[i] - amount;
            balance[i] = if rest > negligible { rest } else { 0.0 };
            prepaid[i] = amount;
        }
    }
}
