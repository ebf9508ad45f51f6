//! What measures may observe of a borrower, step by step. Nothing is computed that nobody asked for.

use super::month::{Month, Stepper};
use super::rollover::is_number;
use super::standing::is_performing;
use crate::credit::obligor::{ObligorBlock, ObligorPlan};
use crate::market::{OwnLane, OwnLanes};
use crate::numeric::{Lane, PATHS, Step};

/// The metrics, in the order of [`NAMES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Metric {
    Revenue,
    OperatingCost,
    Cfads,
    DebtServiceDue,
    DebtServicePaid,
    TreasurySales,
    Drawn,
    Capex,
    Tax,
    Refinanced,
    Prepaid,
    Distributed,
    Injected,
    Converted,
    Proceeds,
    Operated,
    Seized,
    ClaimsPaid,
    PreferredPaid,
    ResidualToOwners,
    Dscr,
    Cash,
    Reserve,
    Balance,
    Arrears,
    LtvMark,
    LtvExecutable,
    Coins,
    FreeCoins,
    Breach,
    LockUp,
    Waiver,
    EquityCure,
    Acceleration,
    Extension,
    Support,
    Exchanged,
    Shares,
    MarginCall,
    MarginTopUp,
    MarginSale,
}

const COUNT: usize = 41;

const NAMES: [&str; COUNT] = [
    "revenue",
    "operating_cost",
    "cfads",
    "debt_service_due",
    "debt_service_paid",
    "treasury_sales",
    "drawn",
    "capex",
    "tax",
    "refinanced",
    "prepaid",
    "distributed",
    "injected",
    "converted",
    "proceeds",
    "operated",
    "seized",
    "claims_paid",
    "preferred_paid",
    "residual_to_owners",
    "dscr",
    "cash",
    "reserve",
    "balance",
    "arrears",
    "ltv_mark",
    "ltv_executable",
    "coins",
    "free_coins",
    "breach",
    "lock_up",
    "waiver",
    "equity_cure",
    "acceleration",
    "extension",
    "support",
    "exchanged",
    "shares",
    "margin_call",
    "margin_top_up",
    "margin_sale",
];

/// The lanes of the metrics that were asked for.
pub(super) struct Metrics {
    lanes: [Option<OwnLane>; COUNT],
    /// Whether any was asked for, of the borrower or of a facility.
    pub(super) any: bool,
    /// Whether any of a facility was.
    pub(super) by_facility: bool,
}

impl Metrics {
    /// `by_facility`: whether any of a facility has been asked for.
    pub(super) fn new(by_facility: bool, plan: &mut ObligorPlan<'_>) -> Metrics {
        let lanes = NAMES.map(|name| plan.metric(name));
        Metrics { lanes, any: by_facility || lanes.iter().any(Option::is_some), by_facility }
    }

    pub(super) fn wants(&self, metric: Metric) -> bool {
        self.lanes[metric as usize].is_some()
    }

    pub(super) fn lane(&self, metric: Metric) -> Option<OwnLane> {
        self.lanes[metric as usize]
    }

    fn clear(&self, own: &mut OwnLanes<'_>) {
        for lane in self.lanes.iter().flatten() {
            own[*lane].fill(0.0);
        }
    }

    pub(super) fn copy(&self, own: &mut OwnLanes<'_>, metric: Metric, values: &Lane) {
        self.show(own, metric, |_, i| values[i]);
    }

    /// Adds one lane of the borrower's own to a metric.
    pub(super) fn add_own(&self, own: &mut OwnLanes<'_>, metric: Metric, values: OwnLane) {
        add_own(values, self.lanes[metric as usize], own);
    }

    pub(super) fn add(&self, own: &mut OwnLanes<'_>, metric: Metric, values: &Lane) {
        if let Some(lane) = self.lanes[metric as usize] {
            add(values, &mut own[lane]);
        }
    }

    /// Paid to a claim on one path.
    pub(super) fn add_claims_paid(&self, own: &mut OwnLanes<'_>, path: usize, amount: f64) {
        if let Some(lane) = self.lanes[Metric::ClaimsPaid as usize] {
            own[lane][path] += amount;
        }
    }

    pub(super) fn copy_own(&self, own: &mut OwnLanes<'_>, metric: Metric, values: OwnLane) {
        self.show(own, metric, |own, i| own[values][i]);
    }

    /// Adds to a metric on one path.
    pub(super) fn add_on(&self, own: &mut OwnLanes<'_>, metric: Metric, path: usize, value: f64) {
        if let Some(lane) = self.lane(metric) {
            own[lane][path] += value;
        }
    }

    /// Adds one on the paths on which something is raised under one clause.
    pub(super) fn count_chosen(&self, own: &mut OwnLanes<'_>, metric: Metric, chosen: OwnLane, number: f64) {
        if let Some(lane) = self.lane(metric) {
            let [chosen, count] = own.many([chosen, lane]);
            for i in 0..PATHS {
                count[i] += if is_number(chosen[i], number) { 1.0 } else { 0.0 };
            }
        }
    }

    pub(super) fn show(&self, own: &mut OwnLanes<'_>, metric: Metric, value: impl Fn(&OwnLanes<'_>, usize) -> f64) {
        if let Some(lane) = self.lanes[metric as usize] {
            for i in 0..PATHS {
                let value = value(own, i);
                own[lane][i] = value;
            }
        }
    }
}

pub(super) fn add_own(values: OwnLane, into: Option<OwnLane>, own: &mut OwnLanes<'_>) {
    if let Some(into) = into {
        let [into, values] = own.many([into, values]);
        add(values, into);
    }
}

pub(super) fn add(values: &Lane, into: &mut Lane) {
    for (into, value) in into.iter_mut().zip(values.iter()) {
        *into += value;
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
    /// At time zero: nothing is due, everything is drawn.
    pub(super) fn start_metrics(&self, own: &mut OwnLanes<'_>) {
        self.metrics.show(own, Metric::Dscr, |_, _| f64::INFINITY);
        for facility in &self.debt.facilities {
            if let Some(lane) = facility.metrics.drawn {
                own[lane].fill(facility.schedule.dates[0].balance);
            }
        }
    }

    /// Before a step: flows count from zero.
    pub(super) fn clear_metrics(&self, own: &mut OwnLanes<'_>) {
        self.metrics.clear(own);
        for facility in &self.debt.facilities {
            facility.metrics.clear(own);
        }
        if let Some(covenants) = &self.covenants {
            covenants.clear_metrics(own);
        }
    }

    /// Flows of the step on paths that performed when it began; `short` is what was missing at its end.
    pub(super) fn show_flows(&self, own: &mut OwnLanes<'_>, step: Step, month: &Month<'_>) {
        let due = month.due();
        let on = |own: &OwnLanes<'_>, i: usize, value: f64| {
            if is_performing(own[self.standing][i]) { value } else { 0.0 }
        };
        let cfads = |i: usize| month.revenue[i] - month.cost.on(i);
        let metrics = &self.metrics;
        // Tax was taken from revenue, and what is saved was added to it.
        let tax = |own: &OwnLanes<'_>, i: usize| self.tax.as_ref().map_or(0.0, |tax| own[tax.paid][i]);
        metrics.show(own, Metric::Revenue, |own, i| on(own, i, month.revenue[i] + tax(own, i) - self.saved(own, i)[0]));
        self.show_tax(own, on);
        metrics.show(own, Metric::OperatingCost, |own, i| on(own, i, month.cost.on(i) - self.saved(own, i)[0]));
        metrics.show(own, Metric::Cfads, |own, i| on(own, i, cfads(i)));
        metrics.show(own, Metric::DebtServiceDue, |own, i| on(own, i, due.on(i)));
        metrics.show(own, Metric::DebtServicePaid, |own, i| on(own, i, due.on(i) - month.short[i]));
        metrics.show(own, Metric::Dscr, |own, i| on(own, i, coverage(cfads(i), due.on(i))));
        let (drawn, kept) = (self.debt.drawn[step.index], self.debt.kept[step.index]);
        metrics.show(own, Metric::Drawn, |own, i| on(own, i, drawn));
        let spent = self.outlays[step.index];
        metrics.show(own, Metric::Capex, |own, i| on(own, i, drawn - kept + spent - self.saved(own, i)[1]));
        for facility in &self.debt.facilities {
            let drawn = facility.schedule.dates[step.index].drawn;
            if let Some(lane) = facility.metrics.drawn.filter(|_| drawn > 0.0) {
                for i in 0..PATHS {
                    own[lane][i] += on(own, i, drawn);
                }
            }
            if let Some(lane) = facility.metrics.capitalised.filter(|_| facility.schedule.pik > 0.0) {
                for i in 0..PATHS {
                    own[lane][i] += on(own, i, facility.capitalised(step.index, own).on(i));
                }
            }
            let Some(unpaid_principal) = facility.metrics.unpaid_principal else { continue };
            for i in 0..PATHS {
                if !is_performing(own[self.standing][i]) {
                    continue;
                }
                // A payment goes to interest first, that on arrears included.
                let owed = facility.principal(step.index, own).on(i) + own[unpaid_principal][i];
                let from_reserve = facility.reserve.as_ref().map_or(0.0, |reserve| own[reserve.used][i]);
                let due = own[facility.due][i] + from_reserve;
                let paid = due - own[facility.arrears][i];
                let principal = (paid - (due - owed)).clamp(0.0, owed.min(paid));
                own[unpaid_principal][i] = owed - principal;
                if let Some(lane) = facility.metrics.principal_paid {
                    own[lane][i] = principal;
                }
                if let Some(lane) = facility.metrics.interest_paid {
                    own[lane][i] = paid - principal;
                }
            }
        }
    }

    /// The state at the end of a step.
    pub(super) fn show_state(&self, block: &mut ObligorBlock<'_>) {
        let step = block.step;
        let own = &mut block.own;
        let [balance, arrears, value, pace, price, ..] = &mut *block.scratch;
        let metrics = &self.metrics;
        metrics.show(own, Metric::Cash, |own, i| own[self.cash][i]);
        metrics.show(own, Metric::Reserve, |_, _| 0.0);
        if let Some(conversions) = &self.conversions {
            metrics.copy_own(own, Metric::Shares, conversions.shares);
        }
        for reserve in self.debt.facilities.iter().filter_map(|facility| facility.reserve.as_ref()) {
            metrics.add_own(own, Metric::Reserve, reserve.account);
        }
        balance.fill(0.0);
        arrears.fill(0.0);
        for facility in &self.debt.facilities {
            let owed = facility.balance(step.index, own);
            for i in 0..PATHS {
                let owed = if is_performing(own[self.standing][i]) { owed.on(i) } else { 0.0 };
                value[i] = owed;
                balance[i] += owed;
                arrears[i] += own[facility.arrears][i];
            }
            if let Some(lane) = facility.metrics.balance {
                own[lane] = *value;
            }
            if let Some(lane) = facility.metrics.claim {
                own[lane] = own[facility.arrears];
            }
        }
        metrics.copy(own, Metric::Balance, balance);
        metrics.copy(own, Metric::Arrears, arrears);
        if metrics.wants(Metric::Coins) | metrics.wants(Metric::FreeCoins) {
            self.coins_at_marks(own, &block.liquidation, [value, price]);
            metrics.copy(own, Metric::Coins, value);
            metrics.copy(own, Metric::FreeCoins, price);
        }
        if metrics.wants(Metric::LtvMark) {
            self.collateral.marked(own, &block.liquidation, value);
            metrics.show(own, Metric::LtvMark, |_, i| loan_to_value(balance[i] + arrears[i], value[i]));
        }
        if metrics.wants(Metric::LtvExecutable) {
            self.collateral.executable(own, &block.liquidation, step, [value, pace, price]);
            metrics.show(own, Metric::LtvExecutable, |_, i| loan_to_value(balance[i] + arrears[i], value[i]));
        }
    }
}
