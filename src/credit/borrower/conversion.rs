//! Notes whose holders take shares: who does, on the date on which they choose.

use super::debt::Debt;
use super::metrics::Metric;
use super::month::{Month, Stepper};
use super::operations::Amount;
use super::standing::is_performing;
use crate::credit::facility::Facility;
use crate::credit::liquidation::LiquidationView;
use crate::credit::obligor::ObligorPlan;
use crate::credit::schedule::ROUNDING;
use crate::market::{OwnLane, OwnLanes};
use crate::numeric::{Lane, PATHS, Step};
use crate::vectorised;

/// The notes of a borrower that may become shares.
pub(super) struct Conversions {
    /// Shares at time zero.
    initial: f64,
    /// Shares outstanding.
    pub(super) shares: OwnLane,
    /// In the order of their conversion prices, the lowest first.
    notes: Vec<Note>,
}

struct Note {
    facility: usize,
    price: f64,
    /// The step in which its holder chooses, if within the horizon.
    step: Option<usize>,
    /// The principal that became shares in that step.
    converted: OwnLane,
}

impl Conversions {
    /// Plans the notes among facilities that have been validated, if there are any.
    pub(super) fn new(
        shares: f64,
        facilities: &[Facility],
        debt: &Debt,
        plan: &mut ObligorPlan<'_>,
    ) -> Option<Conversions> {
        let mut notes: Vec<Note> = Vec::new();
        for (facility, terms) in facilities.iter().enumerate() {
            if let Some(conversion) = terms.conversion {
                let step = debt.facilities[facility].schedule.matures;
                notes.push(Note { facility, price: conversion.price, step, converted: plan.state() });
            }
        }
        notes.sort_by(|one, other| one.price.total_cmp(&other.price));
        (!notes.is_empty()).then(|| Conversions { initial: shares, shares: plan.state(), notes })
    }

    fn choosing(&self, step: usize) -> impl Iterator<Item = &Note> {
        self.notes.iter().filter(move |note| note.step == Some(step))
    }

    /// Whether a holder chooses in this step.
    pub(super) fn choose_in(&self, step: usize) -> bool {
        self.choosing(step).next().is_some()
    }
}

impl Stepper {
    pub(super) fn start_conversions(&self, own: &mut OwnLanes<'_>) {
        if let Some(conversions) = &self.conversions {
            own[conversions.shares].fill(conversions.initial);
        }
    }

    /// Takes from what is due what becomes shares.
    pub(super) fn convert(
        &self,
        own: &mut OwnLanes<'_>,
        liquidation: &LiquidationView<'_>,
        step: Step,
        month: &mut Month<'_>,
    ) {
        let Some(conversions) = self.conversions.as_ref().filter(|conversions| conversions.choose_in(step.index))
        else {
            return;
        };
        let Month { revenue, cost, due, spare: [equity, principal, ..], .. } = month;
        self.collateral.marked(own, liquidation, equity);
        add_net(revenue, *cost, &own[self.cash], equity);
        for facility in &self.debt.facilities {
            if let Some(reserve) = &facility.reserve {
                add(&own[reserve.account], equity);
            }
            let balance = facility.balance(step.index, own);
            take_owed(balance, &own[facility.due], equity);
        }
        let mut is_any = false;
        for note in conversions.choosing(step.index) {
            let facility = &self.debt.facilities[note.facility];
            match facility.principal(step.index, own) {
                Amount::Same(same) => principal.fill(same),
                Amount::Each(each) => principal.clone_from(each),
            }
            let [standing, shares, converted] = own.many([self.standing, conversions.shares, note.converted]);
            let chosen = choose(note.price, [standing, principal], [equity, shares, converted]);
            if let Some(apart) = facility.apart.as_ref().filter(|_| chosen > 0) {
                apart.part(&facility.schedule, step.index, own);
                let [converted, instalment, due] = own.many([note.converted, apart.instalment, facility.due]);
                take_off(converted, instalment, due);
                is_any = true;
            }
        }
        if is_any {
            self.debt.add_due(own, due);
        }
    }

    /// What became shares is repaid at par, to those who lent it.
    pub(super) fn show_conversions(&self, own: &mut OwnLanes<'_>, step: Step) {
        let Some(conversions) = &self.conversions else { return };
        for note in conversions.choosing(step.index) {
            self.metrics.add_own(own, Metric::Exchanged, note.converted);
            self.debt.facilities[note.facility].metrics.show_prepayment(own, note.converted);
        }
    }
}

impl Debt {
    /// Adds up what is due, in the order in which it was added up before.
    fn add_due(&self, own: &OwnLanes<'_>, total: &mut Lane) {
        total.fill(0.0);
        for facility in self.order.iter().map(|index| &self.facilities[*index]) {
            add(&own[facility.due], total);
        }
    }
}

/// Cash with the cash flow of the step.
fn add_net(revenue: &Lane, cost: Amount<'_>, cash: &Lane, equity: &mut Lane) {
    for i in 0..PATHS {
        equity[i] += cash[i] + revenue[i] - cost.on(i);
    }
}

fn take_owed(balance: Amount<'_>, due: &Lane, equity: &mut Lane) {
    for i in 0..PATHS {
        equity[i] -= balance.on(i) + due[i];
    }
}

vectorised! {
    fn add(amount: &Lane, sum: &mut Lane) {
        for i in 0..PATHS {
            sum[i] += amount[i];
        }
    }

    /// What becomes shares, where one is worth more than its price; then there are more shares, and less is owed. Counts the paths.
    fn choose(price: f64, read: [&Lane; 2], state: [&mut Lane; 3]) -> u64 {
        let [standing, principal] = read;
        let [equity, shares, converted] = state;
        let mut paths = 0;
        for i in 0..PATHS {
            let takes = (equity[i] > price * shares[i]) & (principal[i] > 0.0) & is_performing(standing[i]);
            let amount = if takes { principal[i] } else { 0.0 };
            converted[i] = amount;
            shares[i] += amount / price;
            equity[i] += amount;
            paths += u64::from(takes);
        }
        paths
    }

    /// What rounding leaves of what is due is not due.
    fn take_off(converted: &Lane, instalment: &mut Lane, due: &mut Lane) {
        for i in 0..PATHS {
            let rest = due[i] - converted[i];
            let is_rounding = (converted[i] > 0.0) & (rest <= ROUNDING * converted[i]);
            due[i] = if is_rounding { 0.0 } else { rest };
            instalment[i] -= converted[i];
        }
    }
}
