//! Tax on the profit of each path.

use super::debt::Debt;
use super::metrics::Metric;
use super::month::Stepper;
use super::operations::Amount;
use crate::credit::obligor::ObligorPlan;
use crate::credit::tax::{Losses, Tax};
use crate::market::{OwnLane, OwnLanes};
use crate::numeric::{Lane, PATHS, Step};
use crate::vectorised;

/// A tax at work.
pub(super) struct PlannedTax {
    rate: f64,
    /// By step.
    depreciation: Vec<f64>,
    /// One if losses are carried forward, else zero.
    keeps: f64,
    /// Whether it is settled, by step.
    settles: Vec<bool>,
    /// Losses brought forward, less the profit of the year so far.
    losses: OwnLane,
    pub(super) paid: OwnLane,
}

impl PlannedTax {
    pub(super) fn new(terms: &Tax, plan: &mut ObligorPlan<'_>) -> PlannedTax {
        PlannedTax {
            rate: terms.rate,
            depreciation: terms.depreciation(plan.grid()),
            keeps: if terms.losses == Losses::CarriedForward { 1.0 } else { 0.0 },
            settles: terms.settles(plan.grid()),
            losses: plan.state(),
            paid: plan.state(),
        }
    }
}

impl Stepper {
    /// Takes the tax that is settled in a step from revenue, once it is known what falls due.
    pub(super) fn levy(
        &self,
        own: &mut OwnLanes<'_>,
        step: Step,
        revenue: &mut Lane,
        cost: Amount<'_>,
        interest: &mut Lane,
    ) {
        let Some(tax) = &self.tax else { return };
        self.debt.interest(own, step, interest);
        let terms = [tax.rate, tax.depreciation[step.index], tax.keeps];
        let [losses, paid] = own.many([tax.losses, tax.paid]);
        if !tax.settles[step.index] {
            paid.fill(0.0);
            match cost {
                Amount::Same(cost) => accrue_same(terms[1], cost, interest, revenue, losses),
                Amount::Each(cost) => accrue_each(terms[1], cost, interest, revenue, losses),
            }
            return;
        }
        match cost {
            Amount::Same(cost) => levy_same(terms, cost, interest, [revenue, losses, paid]),
            Amount::Each(cost) => levy_each(terms, cost, interest, [revenue, losses, paid]),
        }
    }

    /// Shows what was paid in the step.
    pub(super) fn show_tax(&self, own: &mut OwnLanes<'_>, on: impl Fn(&OwnLanes<'_>, usize, f64) -> f64) {
        if let Some(tax) = &self.tax {
            self.metrics.show(own, Metric::Tax, |own, i| on(own, i, own[tax.paid][i]));
        }
    }
}

impl Debt {
    /// Interest and fees that fall due in a step in cash, those on arrears included.
    fn interest(&self, own: &OwnLanes<'_>, step: Step, interest: &mut Lane) {
        interest.fill(0.0);
        for facility in &self.facilities {
            let (due, arrears) = (&own[facility.due], &own[facility.arrears]);
            match facility.principal(step.index, own) {
                Amount::Same(principal) => add_same(principal, due, arrears, interest),
                Amount::Each(principal) => add_each(principal, due, arrears, interest),
            }
        }
    }
}

#[inline(always)]
fn levy(terms: [f64; 3], cost: impl Fn(usize) -> f64, interest: &Lane, [revenue, losses, paid]: [&mut Lane; 3]) {
    let [rate, depreciation, keeps] = terms;
    for i in 0..PATHS {
        let base = revenue[i] - cost(i) - interest[i] - depreciation - losses[i];
        let amount = rate * base;
        paid[i] = if base > 0.0 { amount } else { 0.0 };
        losses[i] = if base < 0.0 { -base * keeps } else { 0.0 };
        revenue[i] -= paid[i];
    }
}

/// The profit of a year that is not over is a loss brought forward of less than nothing.
#[inline(always)]
fn accrue(depreciation: f64, cost: impl Fn(usize) -> f64, interest: &Lane, revenue: &Lane, losses: &mut Lane) {
    for i in 0..PATHS {
        losses[i] -= revenue[i] - cost(i) - interest[i] - depreciation;
    }
}

vectorised! {
    fn levy_same(terms: [f64; 3], cost: f64, interest: &Lane, state: [&mut Lane; 3]) {
        levy(terms, |_| cost, interest, state);
    }

    fn levy_each(terms: [f64; 3], cost: &Lane, interest: &Lane, state: [&mut Lane; 3]) {
        levy(terms, |i| cost[i], interest, state);
    }

    fn accrue_same(depreciation: f64, cost: f64, interest: &Lane, revenue: &Lane, losses: &mut Lane) {
        accrue(depreciation, |_| cost, interest, revenue, losses);
    }

    fn accrue_each(depreciation: f64, cost: &Lane, interest: &Lane, revenue: &Lane, losses: &mut Lane) {
        accrue(depreciation, |i| cost[i], interest, revenue, losses);
    }

    fn add_same(principal: f64, due: &Lane, arrears: &Lane, interest: &mut Lane) {
        for i in 0..PATHS {
            interest[i] += due[i] - arrears[i] - principal;
        }
    }

    fn add_each(principal: &Lane, due: &Lane, arrears: &Lane, interest: &mut Lane) {
        for i in 0..PATHS {
            interest[i] += due[i] - arrears[i] - principal[i];
        }
    }
}
