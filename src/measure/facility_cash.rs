//! What a lender sees of a facility in a step: money out, money in, and what is still owed.

use super::{MeasurePlan, MetricLane, StepBlock};
use crate::Error;
use crate::numeric::{Lane, PATHS};
use crate::vectorised;

/// The metrics `NAME.drawn`, `NAME.interest_paid`, `NAME.principal_paid`, `NAME.recovered` (USD in the step), `NAME.balance` and `NAME.claim` (USD at its
/// end) that an obligor publishes for its facility `NAME`.
#[derive(Debug, Clone, Copy)]
pub(super) struct FacilityCash {
    /// Position of the obligor in the book.
    pub(super) obligor: usize,
    drawn: MetricLane,
    interest: MetricLane,
    principal: MetricLane,
    recovered: MetricLane,
    balance: MetricLane,
    claim: MetricLane,
}

/// The metrics of one facility at the end of a step, path by path.
#[derive(Debug, Clone, Copy)]
pub(super) struct CashStep<'a> {
    pub(super) drawn: &'a [f64],
    pub(super) interest: &'a [f64],
    pub(super) principal: &'a [f64],
    pub(super) recovered: &'a [f64],
    pub(super) balance: &'a [f64],
    pub(super) claim: &'a [f64],
    /// Step of default, infinite while there is none.
    pub(super) default_step: &'a [f64],
}

impl FacilityCash {
    /// Asks for the metrics of the facility (obligor, facility).
    pub(super) fn plan(plan: &mut MeasurePlan<'_>, (obligor, facility): (usize, usize)) -> Result<Self, Error> {
        let info = &plan.run().obligors[obligor];
        let (owner, name) = (info.name.clone(), info.facilities[facility].name.clone());
        let mut metric = |kind: &str| plan.metric(&owner, &format!("{name}.{kind}"));
        Ok(FacilityCash {
            obligor,
            drawn: metric("drawn")?,
            interest: metric("interest_paid")?,
            principal: metric("principal_paid")?,
            recovered: metric("recovered")?,
            balance: metric("balance")?,
            claim: metric("claim")?,
        })
    }

    pub(super) fn at<'a>(&self, block: &StepBlock<'a>) -> CashStep<'a> {
        CashStep {
            drawn: block.metric(self.drawn),
            interest: block.metric(self.interest),
            principal: block.metric(self.principal),
            recovered: block.metric(self.recovered),
            balance: block.metric(self.balance),
            claim: block.metric(self.claim),
            default_step: block.default_step(self.obligor),
        }
    }
}

impl CashStep<'_> {
    /// What the lender takes in less what it pays out, into a lane. What still performs at the horizon counts as repaid at par on the last date: its balance,
    /// and what is due and unpaid within grace.
    pub(super) fn net(&self, is_last: bool, index: usize, net: &mut Lane) {
        net_cash(self.interest, self.principal, self.recovered, self.drawn, net);
        if is_last {
            add_performing(self.balance, self.claim, self.default_step, index as f64, net);
        }
    }

    /// What performs at the end of the step: the balance and what is due and unpaid, of paths without default.
    pub(super) fn performing(&self, index: usize, performing: &mut Lane) {
        performing.fill(0.0);
        add_performing(self.balance, self.claim, self.default_step, index as f64, performing);
    }
}

vectorised! {
    fn net_cash(interest: &[f64], principal: &[f64], recovered: &[f64], drawn: &[f64], net: &mut Lane) {
        let paths = interest.len().min(principal.len()).min(recovered.len()).min(drawn.len()).min(PATHS);
        for i in 0..paths {
            net[i] = ((interest[i] + principal[i]) + recovered[i]) - drawn[i];
        }
    }

    fn add_performing(balance: &[f64], claim: &[f64], default_step: &[f64], index: f64, into: &mut Lane) {
        let paths = balance.len().min(claim.len()).min(default_step.len()).min(PATHS);
        for i in 0..paths {
            let owed = balance[i] + claim[i];
            into[i] += if default_step[i] > index { owed } else { 0.0 };
        }
    }
}
