//! One step of one path on which something is unpaid or refinanced, or has just been missed.

use super::debt::{Due, pay};
use super::metrics::Metric;
use super::month::{Stepper, sale, standing};
use super::{Distribution, debt};
use crate::credit::obligor::{Cause, ObligorBlock};
use crate::credit::schedule::{ROUNDING, SAME_DATE};

impl Stepper {
    /// Everything due on this date.
    pub(super) fn due_by_hand(&self, block: &ObligorBlock<'_>, path: usize) -> Due {
        self.debt.due(block.step.index, block.step.length, block.step.end, &block.own, path)
    }

    /// Cash with the step's cash flow, and coins sold if that does not cover what is due.
    pub(super) fn raise_by_hand(&self, block: &mut ObligorBlock<'_>, path: usize, cash_flow: f64, due: &Due) -> f64 {
        let mut available = block.own[self.cash][path] + cash_flow;
        let short = due.total - available;
        let mut need = if short > ROUNDING * due.total { short } else { 0.0 };
        let wanted = need;
        for holding in &self.treasury {
            let mark = block.liquidation.mark(holding.asset)[path];
            let [sold, raised] = sale(need, block.own[holding.units][path], mark);
            block.own[holding.units][path] -= sold;
            available += raised;
            need -= raised;
        }
        self.metrics.set(&mut block.own, Metric::TreasurySales, path, wanted - need);
        // Coins sold to the last cent needed leave what is due, whatever the rounding of the sum.
        if wanted > 0.0 && need <= ROUNDING * due.total { due.total } else { available }
    }

    /// Pays what is due from `available`, refinances what matures, and sees to what stays unpaid.
    pub(super) fn serve_by_hand(&self, block: &mut ObligorBlock<'_>, path: usize, due: &Due, available: f64) {
        let (step, length, end) = (block.step.index, block.step.length, block.step.end);
        let nothing = [0.0; debt::MOST_FACILITIES];
        let is_short = due.total - available > ROUNDING * due.total && due.total > 0.0;
        let mut raised = nothing;
        self.debt.roll(length, end, &mut block.own, path);
        if is_short {
            let outstanding = self.debt.outstanding(step, &block.own, path);
            let executable = || self.collateral.executable(block, path);
            if let Some(refinanced) = self.debt.refinance(step, due, available, executable, &outstanding) {
                raised = refinanced;
                self.debt.begin(end, &raised, &mut block.own, path);
            }
        }
        let (left, unpaid) = if is_short {
            pay(available, due, &raised)
        } else {
            let left = available - due.total;
            // Without debt service operating bills may stay open.
            (if due.total > 0.0 { left.max(0.0) } else { left }, nothing)
        };
        let missing = self.debt.sum(&unpaid);
        block.own[self.cash][path] = left;
        for (facility, unpaid) in self.debt.facilities.iter().zip(unpaid) {
            block.own[facility.arrears][path] = unpaid;
        }
        self.metrics.set(&mut block.own, Metric::DebtServiceDue, path, due.total);
        self.metrics.set(&mut block.own, Metric::DebtServicePaid, path, due.total - missing);
        self.metrics.set(&mut block.own, Metric::Refinanced, path, self.debt.sum(&raised));
        self.metrics.set_dscr(&mut block.own, path, due.total);

        if missing > 0.0 {
            if block.own[self.missed][path].is_infinite() {
                block.own[self.missed][path] = end;
            }
            let mut lapsed = self.debt.facilities.iter().zip(unpaid);
            if lapsed.any(|(facility, unpaid)| facility.matures(step) && unpaid > 0.0) {
                return self.accelerate(block, path, Cause::Maturity);
            }
            if end - block.own[self.missed][path] >= self.grace - SAME_DATE {
                return self.accelerate(block, path, Cause::Payment);
            }
        } else {
            block.own[self.missed][path] = f64::INFINITY;
            self.distribute_by_hand(block, path);
        }
        let on_schedule = missing == 0.0 && !self.debt.renewed(&block.own, path) && !self.everything_by_hand;
        block.own[self.standing][path] = if on_schedule { standing::ON_SCHEDULE } else { standing::OFF_SCHEDULE };
    }

    fn distribute_by_hand(&self, block: &mut ObligorBlock<'_>, path: usize) {
        let Some(Distribution { share, floor }) = self.distribution else { return };
        let free = block.own[self.cash][path] - floor;
        if free > 0.0 {
            let paid = share * free;
            block.own[self.cash][path] -= paid;
            self.metrics.set(&mut block.own, Metric::Distributed, path, paid);
        }
    }
}
