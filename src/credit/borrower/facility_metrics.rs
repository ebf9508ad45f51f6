//! What measures may observe of one facility, step by step.

use super::metrics::{add, add_own};
use super::rollover::is_number;
use crate::credit::obligor::ObligorPlan;
use crate::market::{OwnLane, OwnLanes};
use crate::numeric::{Lane, PATHS};

/// The lanes of one facility's metrics that were asked for.
#[derive(Clone)]
pub(super) struct FacilityMetrics {
    pub(super) balance: Option<OwnLane>,
    pub(super) claim: Option<OwnLane>,
    pub(super) drawn: Option<OwnLane>,
    pub(super) capitalised: Option<OwnLane>,
    pub(super) interest_paid: Option<OwnLane>,
    pub(super) principal_paid: Option<OwnLane>,
    converted: Option<OwnLane>,
    recovered: Option<OwnLane>,
    /// Principal among the arrears, if something asks for the one or the other that was paid.
    pub(super) unpaid_principal: Option<OwnLane>,
}

impl FacilityMetrics {
    pub(super) fn new(name: &str, plan: &mut ObligorPlan<'_>) -> FacilityMetrics {
        let mut metric = |kind: &str| plan.metric(&format!("{name}.{kind}"));
        let mut metrics = FacilityMetrics {
            balance: metric("balance"),
            claim: metric("claim"),
            drawn: metric("drawn"),
            capitalised: metric("capitalised"),
            interest_paid: metric("interest_paid"),
            principal_paid: metric("principal_paid"),
            converted: metric("converted"),
            recovered: metric("recovered"),
            unpaid_principal: None,
        };
        metrics.unpaid_principal = metrics.interest_paid.or(metrics.principal_paid).map(|_| plan.state());
        metrics
    }

    pub(super) fn any(&self) -> bool {
        self.state().into_iter().chain(self.flows()).any(|lane| lane.is_some())
    }

    fn state(&self) -> [Option<OwnLane>; 2] {
        [self.balance, self.claim]
    }

    fn flows(&self) -> [Option<OwnLane>; 6] {
        [self.drawn, self.capitalised, self.interest_paid, self.principal_paid, self.converted, self.recovered]
    }

    pub(super) fn clear(&self, own: &mut OwnLanes<'_>) {
        for lane in self.flows().into_iter().flatten() {
            own[lane].fill(0.0);
        }
    }

    pub(super) fn show_draw(&self, own: &mut OwnLanes<'_>, raised: OwnLane) {
        add_own(raised, self.drawn, own);
    }

    /// The fee of what was raised under one clause is added to the principal.
    pub(super) fn show_fee(&self, own: &mut OwnLanes<'_>, [raised, chosen]: [OwnLane; 2], [number, fee]: [f64; 2]) {
        if let Some(lane) = self.capitalised.filter(|_| fee > 0.0) {
            let [raised, chosen, capitalised] = own.many([raised, chosen, lane]);
            for i in 0..PATHS {
                capitalised[i] += if is_number(chosen[i], number) { fee * raised[i] } else { 0.0 };
            }
        }
    }

    pub(super) fn show_prepayment(&self, own: &mut OwnLanes<'_>, prepaid: OwnLane) {
        add_own(prepaid, self.principal_paid, own);
    }

    pub(super) fn add_recovered(&self, own: &mut OwnLanes<'_>, path: usize, amount: f64) {
        if let Some(lane) = self.recovered {
            own[lane][path] += amount;
        }
    }

    /// On one path all `arrears` go: `paid` of them, or converted; of principal not yet due `repaid` goes, or is converted. A payment
    /// is interest first.
    pub(super) fn show_relief(
        &self,
        own: &mut OwnLanes<'_>,
        path: usize,
        [arrears, paid, repaid, converted]: [f64; 4],
    ) {
        let mut add = |lane: Option<OwnLane>, amount: f64| {
            if let Some(lane) = lane {
                own[lane][path] += amount;
            }
        };
        add(self.converted, converted);
        add(self.principal_paid, repaid);
        let Some(unpaid_principal) = self.unpaid_principal else { return };
        let interest = (arrears - std::mem::take(&mut own[unpaid_principal][path])).min(paid).max(0.0);
        self.show_interest(own, path, interest);
        self.show_repayment(own, path, paid - interest);
    }

    fn show_interest(&self, own: &mut OwnLanes<'_>, path: usize, paid: f64) {
        if let Some(lane) = self.interest_paid {
            own[lane][path] += paid;
        }
    }

    /// Paid on one path, of what was due and unpaid: interest first.
    pub(super) fn show_overdue(&self, own: &mut OwnLanes<'_>, path: usize, [unpaid, paid]: [f64; 2]) {
        let Some(unpaid_principal) = self.unpaid_principal else { return };
        let interest = paid.min((unpaid - own[unpaid_principal][path]).max(0.0));
        own[unpaid_principal][path] = (own[unpaid_principal][path] - (paid - interest)).max(0.0);
        self.show_interest(own, path, interest);
        self.show_repayment(own, path, paid - interest);
    }

    /// Repaid ahead of schedule on one path.
    pub(super) fn show_repayment(&self, own: &mut OwnLanes<'_>, path: usize, paid: f64) {
        if let Some(lane) = self.principal_paid {
            own[lane][path] += paid;
        }
    }

    pub(super) fn show_recovery(&self, own: &mut OwnLanes<'_>, recovered: &Lane) {
        if let Some(lane) = self.recovered {
            add(recovered, &mut own[lane]);
        }
    }
}
