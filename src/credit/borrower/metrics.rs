//! What measures may observe of a borrower, step by step. Nothing is computed that nobody asked for.

use super::month::{Flows, Stepper, standing};
use crate::credit::obligor::{ObligorBlock, ObligorPlan};
use crate::market::{OwnLane, OwnLanes};
use crate::numeric::{Lane, PATHS};

/// The metrics, in the order of [`NAMES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Metric {
    Revenue,
    OperatingCost,
    Cfads,
    DebtServiceDue,
    DebtServicePaid,
    TreasurySales,
    Refinanced,
    Distributed,
    Proceeds,
    ClaimsPaid,
    ResidualToOwners,
    Dscr,
    Cash,
    Balance,
    Arrears,
    LtvMark,
    LtvExecutable,
}

const COUNT: usize = 17;

const NAMES: [&str; COUNT] = [
    "revenue",
    "operating_cost",
    "cfads",
    "debt_service_due",
    "debt_service_paid",
    "treasury_sales",
    "refinanced",
    "distributed",
    "proceeds",
    "claims_paid",
    "residual_to_owners",
    "dscr",
    "cash",
    "balance",
    "arrears",
    "ltv_mark",
    "ltv_executable",
];

/// The lanes of the metrics that were asked for.
pub(super) struct Metrics {
    lanes: [Option<OwnLane>; COUNT],
    /// A DSCR by hand needs the cash flow, whether or not anybody asked for that.
    cfads: Option<OwnLane>,
}

impl Metrics {
    pub(super) fn new(plan: &mut ObligorPlan<'_>) -> Metrics {
        let lanes = NAMES.map(|name| plan.metric(name));
        let cfads = lanes[Metric::Cfads as usize].or_else(|| lanes[Metric::Dscr as usize].map(|_| plan.state()));
        Metrics { lanes, cfads }
    }

    pub(super) fn any(&self) -> bool {
        self.lanes.iter().any(Option::is_some)
    }

    pub(super) fn wants(&self, metric: Metric) -> bool {
        self.lanes[metric as usize].is_some()
    }

    pub(super) fn clear(&self, own: &mut OwnLanes<'_>) {
        for lane in self.lanes.iter().chain([&self.cfads]).flatten() {
            own[*lane].fill(0.0);
        }
    }

    pub(super) fn fill(&self, own: &mut OwnLanes<'_>, metric: Metric, value: f64) {
        if let Some(lane) = self.lanes[metric as usize] {
            own[lane].fill(value);
        }
    }

    pub(super) fn copy(&self, own: &mut OwnLanes<'_>, metric: Metric, values: &Lane) {
        if let Some(lane) = self.lanes[metric as usize] {
            own[lane] = *values;
        }
    }

    pub(super) fn set(&self, own: &mut OwnLanes<'_>, metric: Metric, path: usize, value: f64) {
        if let Some(lane) = self.lanes[metric as usize] {
            own[lane][path] = value;
        }
    }

    pub(super) fn add(&self, own: &mut OwnLanes<'_>, metric: Metric, path: usize, value: f64) {
        if let Some(lane) = self.lanes[metric as usize] {
            own[lane][path] += value;
        }
    }

    /// Sets the DSCR of a path from its cash flow and what was due.
    pub(super) fn set_dscr(&self, own: &mut OwnLanes<'_>, path: usize, due: f64) {
        if let (Some(dscr), Some(cfads)) = (self.lanes[Metric::Dscr as usize], self.cfads) {
            own[dscr][path] = coverage(own[cfads][path], due);
        }
    }
}

/// Cash flow over debt service; infinite when there is none to cover.
fn coverage(cfads: f64, due: f64) -> f64 {
    if due > 0.0 { cfads / due } else { f64::INFINITY }
}

/// Debt over collateral value; infinite when there is debt and no collateral.
fn loan_to_value(debt: f64, value: f64) -> f64 {
    match (debt > 0.0, value > 0.0) {
        (false, _) => 0.0,
        (true, true) => debt / value,
        (true, false) => f64::INFINITY,
    }
}

impl Stepper {
    /// Flows of the step on paths that perform; those stepped by hand put right what differs.
    pub(super) fn show_flows(&self, own: &mut OwnLanes<'_>, flows: Flows<'_>) {
        let metrics = &self.metrics;
        let standing = own[self.standing];
        metrics.clear(own);
        let mut show = |lane: Option<OwnLane>, value: &dyn Fn(usize) -> f64| {
            if let Some(lane) = lane {
                let lane = &mut own[lane];
                for i in 0..PATHS {
                    lane[i] = if standing::is_performing(standing[i]) { value(i) } else { 0.0 };
                }
            }
        };
        let lane = |metric: Metric| metrics.lanes[metric as usize];
        show(lane(Metric::Revenue), &|i| flows.revenue[i]);
        show(lane(Metric::OperatingCost), &|i| flows.cost.on(i));
        show(metrics.cfads, &|i| flows.revenue[i] - flows.cost.on(i));
        show(lane(Metric::DebtServiceDue), &|i| flows.due.on(i));
        show(lane(Metric::DebtServicePaid), &|i| flows.due.on(i));
        show(lane(Metric::Dscr), &|i| coverage(flows.revenue[i] - flows.cost.on(i), flows.due.on(i)));
    }

    /// The state at the end of a step.
    pub(super) fn show_state(&self, block: &mut ObligorBlock<'_>) {
        let lane = |metric: Metric| self.metrics.lanes[metric as usize];
        if let Some(cash) = lane(Metric::Cash) {
            block.own[cash] = block.own[self.cash];
        }
        let shown = [Metric::Balance, Metric::Arrears, Metric::LtvMark, Metric::LtvExecutable];
        if !shown.iter().any(|metric| self.metrics.wants(*metric)) {
            return;
        }
        for path in 0..PATHS {
            let (balance, arrears) = self.owed(block, path);
            self.metrics.set(&mut block.own, Metric::Balance, path, balance);
            self.metrics.set(&mut block.own, Metric::Arrears, path, arrears);
            if self.metrics.wants(Metric::LtvMark) {
                let ltv = loan_to_value(balance + arrears, self.collateral.marked(block, path));
                self.metrics.set(&mut block.own, Metric::LtvMark, path, ltv);
            }
            if self.metrics.wants(Metric::LtvExecutable) {
                let ltv = loan_to_value(balance + arrears, self.collateral.executable(block, path));
                self.metrics.set(&mut block.own, Metric::LtvExecutable, path, ltv);
            }
        }
    }

    /// Principal not yet due, and what is due and unpaid (after default the claims).
    fn owed(&self, block: &ObligorBlock<'_>, path: usize) -> (f64, f64) {
        let standing = block.own[self.standing][path];
        if standing::is_on_schedule(standing) {
            return (self.debt.balance[block.step.index], 0.0);
        }
        let arrears = self.debt.facilities.iter().map(|facility| block.own[facility.arrears][path]).sum();
        if !standing::is_performing(standing) {
            return (0.0, arrears);
        }
        (self.debt.sum(&self.debt.outstanding(block.step.index, &block.own, path)), arrears)
    }
}
