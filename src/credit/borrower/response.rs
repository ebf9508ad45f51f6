//! What a management saves, and sells, while a covenant is breached.

use super::coins::Holding;
use super::metrics::Metric;
use super::month::Stepper;
use super::standing::is_performing;
use crate::credit::liquidation::LiquidationView;
use crate::credit::obligor::ObligorPlan;
use crate::credit::response::{CoinSales, Response};
use crate::market::{OwnLane, OwnLanes};
use crate::numeric::{Lane, PATHS, Step};
use crate::vectorised;

/// A response at work.
pub(super) struct PlannedResponse {
    /// Saved by step, of overhead and of outlays.
    overhead: Vec<f64>,
    outlays: Vec<f64>,
    /// Whether the covenant is breached: one, else zero.
    breached: OwnLane,
    /// Overhead saved in this step, and outlays.
    pub(super) saved: [OwnLane; 2],
    sales: Vec<EarlySale>,
}

/// Coins of one kind that are sold early.
struct EarlySale {
    coins: Holding,
    /// Units that are kept.
    kept: f64,
    /// The most that is sold, in units by step.
    most: Vec<f64>,
}

impl EarlySale {
    fn new(coins: &Holding, terms: CoinSales, plan: &ObligorPlan<'_>) -> EarlySale {
        let all = (1.0 - terms.kept) * coins.initial;
        let part = |length: f64| if terms.over > length { length / terms.over } else { 1.0 };
        let most = std::iter::once(0.0).chain(plan.grid().iter().map(|step| all * part(step.length))).collect();
        EarlySale { coins: *coins, kept: terms.kept * coins.initial, most }
    }
}

impl PlannedResponse {
    pub(super) fn new(
        terms: &Response,
        overhead_usd_per_year: f64,
        outlays: &[f64],
        breached: OwnLane,
        free_coins: &[Holding],
        plan: &mut ObligorPlan<'_>,
    ) -> PlannedResponse {
        let a_year = terms.overhead_cut * overhead_usd_per_year;
        PlannedResponse {
            overhead: std::iter::once(0.0).chain(plan.grid().iter().map(|step| a_year * step.length)).collect(),
            outlays: outlays.iter().map(|amount| terms.outlays_cut * amount).collect(),
            breached,
            saved: [plan.room(), plan.room()],
            sales: terms.coin_sales.map_or(Vec::new(), |sales| {
                free_coins.iter().map(|coins| EarlySale::new(coins, sales, plan)).collect()
            }),
        }
    }
}

impl Stepper {
    /// Adds what is saved of overhead to the revenue of the step, from which it is told apart again where it is shown; and what is not spent, and what
    /// coins bring that are sold early, to cash.
    pub(super) fn respond(
        &self,
        own: &mut OwnLanes<'_>,
        liquidation: &LiquidationView<'_>,
        step: Step,
        revenue: &mut Lane,
        raised: &mut Lane,
    ) {
        let Some(response) = &self.response else { return };
        let [overhead, outlays] = response.saved;
        let [standing, breached, saved] = own.many([self.standing, response.breached, overhead]);
        save(response.overhead[step.index], standing, breached, saved, revenue);
        let [standing, breached, saved, cash] = own.many([self.standing, response.breached, outlays, self.cash]);
        save(response.outlays[step.index], standing, breached, saved, cash);
        if response.sales.is_empty() {
            return;
        }
        raised.fill(0.0);
        for EarlySale { coins, kept, most } in &response.sales {
            let terms = [*kept, most[step.index]];
            let [standing, breached, units, cash] =
                own.many([self.standing, response.breached, coins.units, self.cash]);
            sell_early(terms, [standing, breached, liquidation.mark(coins.asset)], [units, cash, raised]);
        }
        self.metrics.add(own, Metric::TreasurySales, raised);
    }

    /// Saved of overhead on a path in this step, and of outlays.
    pub(super) fn saved(&self, own: &OwnLanes<'_>, path: usize) -> [f64; 2] {
        self.response.as_ref().map_or([0.0; 2], |response| response.saved.map(|lane| own[lane][path]))
    }
}

vectorised! {
    fn save(amount: f64, standing: &Lane, breached: &Lane, saved: &mut Lane, into: &mut Lane) {
        for i in 0..PATHS {
            saved[i] = if (breached[i] > 0.0) & is_performing(standing[i]) { amount } else { 0.0 };
            into[i] += saved[i];
        }
    }

    fn sell_early(terms: [f64; 2], read: [&Lane; 3], state: [&mut Lane; 3]) {
        let [kept, most] = terms;
        let [standing, breached, mark] = read;
        let [units, cash, raised] = state;
        for i in 0..PATHS {
            let rest = units[i] - kept;
            let part = if rest < most { rest } else { most };
            let sells = (part > 0.0) & (mark[i] > 0.0) & (breached[i] > 0.0) & is_performing(standing[i]);
            let sold = if sells { part } else { 0.0 };
            let proceeds = if sells { part * mark[i] } else { 0.0 };
            units[i] -= sold;
            cash[i] += proceeds;
            raised[i] += proceeds;
        }
    }
}
