//! What a management saves while a covenant is breached.

use super::month::Stepper;
use super::standing::is_performing;
use crate::credit::obligor::ObligorPlan;
use crate::credit::response::Response;
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
}

impl PlannedResponse {
    pub(super) fn new(
        terms: &Response,
        overhead_usd_per_year: f64,
        outlays: &[f64],
        breached: OwnLane,
        plan: &mut ObligorPlan<'_>,
    ) -> PlannedResponse {
        let a_year = terms.overhead_cut * overhead_usd_per_year;
        PlannedResponse {
            overhead: std::iter::once(0.0).chain(plan.grid().iter().map(|step| a_year * step.length)).collect(),
            outlays: outlays.iter().map(|amount| terms.outlays_cut * amount).collect(),
            breached,
            saved: [plan.state(), plan.state()],
        }
    }
}

impl Stepper {
    /// Adds what is saved of overhead to the revenue of the step, from which it is told apart again where it is shown; and what is not spent to cash.
    pub(super) fn respond(&self, own: &mut OwnLanes<'_>, step: Step, revenue: &mut Lane) {
        let Some(response) = &self.response else { return };
        let [overhead, outlays] = response.saved;
        let [standing, breached, saved] = own.many([self.standing, response.breached, overhead]);
        save(response.overhead[step.index], standing, breached, saved, revenue);
        let [standing, breached, saved, cash] = own.many([self.standing, response.breached, outlays, self.cash]);
        save(response.outlays[step.index], standing, breached, saved, cash);
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
}
