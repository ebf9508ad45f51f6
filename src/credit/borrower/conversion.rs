//! Notes whose holders take shares, stay or ask for money: who does, on the dates on which they choose.

use super::debt::Debt;
use super::metrics::Metric;
use super::month::{Month, Stepper};
use super::operations::Amount;
use super::standing::is_performing;
use crate::credit::conversion::Conversion;
use crate::credit::facility::Facility;
use crate::credit::liquidation::LiquidationView;
use crate::credit::obligor::ObligorPlan;
use crate::credit::schedule::{ROUNDING, SAME_DATE, step_of};
use crate::market::{OwnLane, OwnLanes};
use crate::numeric::{Lane, PATHS, Step, TimeGrid};
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
    /// By step, from the first.
    choices: Vec<Option<Choice>>,
    /// The principal that became shares in this step.
    converted: OwnLane,
}

/// What becomes of a note on one date, by the value of a share. In USD a share.
#[derive(Clone, Copy)]
struct Choice {
    /// It becomes shares above this,
    converts_above: f64,
    /// else its holder stays above this, and asks for its money if not. At maturity all is due as it is.
    stays_above: f64,
}

impl Choice {
    /// What a note does in each step, from the first, if it does anything.
    fn by_step(terms: &Conversion, matures: Option<usize>, grid: &TimeGrid) -> Vec<Option<Choice>> {
        let is_called = |step: Step| terms.call.filter(|call| step.end >= call.from - SAME_DATE);
        let puts: Vec<usize> = terms.puts.iter().filter_map(|put| step_of(grid, *put)).collect();
        let last = matures.unwrap_or(usize::MAX);
        let choice = |step: Step| {
            let called = is_called(step).map(|call| call.above * terms.price);
            let is_put = puts.contains(&step.index);
            if step.index == last {
                Some(Choice { converts_above: terms.price, stays_above: f64::NEG_INFINITY })
            } else if step.index < last && (called.is_some() || is_put) {
                Some(Choice {
                    converts_above: called.unwrap_or(f64::INFINITY),
                    stays_above: if is_put { terms.hold_above * terms.price } else { f64::NEG_INFINITY },
                })
            } else {
                None
            }
        };
        grid.iter().map(choice).collect()
    }
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
            if let Some(conversion) = &terms.conversion {
                let choices = Choice::by_step(conversion, debt.facilities[facility].schedule.matures, plan.grid());
                notes.push(Note { facility, price: conversion.price, choices, converted: plan.room() });
            }
        }
        notes.sort_by(|one, other| one.price.total_cmp(&other.price));
        (!notes.is_empty()).then(|| Conversions { initial: shares, shares: plan.state(), notes })
    }

    fn choosing(&self, step: usize) -> impl Iterator<Item = (&Note, Choice)> {
        self.notes.iter().filter_map(move |note| note.choices[step - 1].map(|choice| (note, choice)))
    }

    /// Whether a holder or the issuer chooses in this step.
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

    /// Takes from what is owed what becomes shares, and adds to what is due what holders ask for.
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
        let Month { revenue, cost, due, spare: [equity, principal, asked, _], .. } = month;
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
        for (note, choice) in conversions.choosing(step.index) {
            let facility = &self.debt.facilities[note.facility];
            let Some(apart) = &facility.apart else { continue };
            // Due at maturity, not yet due before it.
            let amounts = [facility.principal(step.index, own), facility.balance(step.index, own)];
            add_up(amounts, principal);
            let [standing, ends, shares, converted] =
                own.many([self.standing, apart.ends, conversions.shares, note.converted]);
            let state = [&mut **equity, shares, converted, &mut **asked];
            let chosen = choose(note.price, choice, [standing, ends, principal], state);
            if chosen > 0 {
                apart.part(&facility.schedule, step.index, own);
                apart.redate(own);
                let [converted, instalment, balance, ends, due] =
                    own.many([note.converted, apart.instalment, apart.balance, apart.ends, facility.due]);
                carry_out(step.end, [converted, asked], [instalment, balance, ends, due]);
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
        for (note, _) in conversions.choosing(step.index) {
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

fn add_up([due, balance]: [Amount<'_>; 2], principal: &mut Lane) {
    for i in 0..PATHS {
        principal[i] = due.on(i) + balance.on(i);
    }
}

vectorised! {
    fn add(amount: &Lane, sum: &mut Lane) {
        for i in 0..PATHS {
            sum[i] += amount[i];
        }
    }

    /// What becomes shares, and what is asked for in money; where it is shares there are more of them, and less is owed. A loan that has gone on after
    /// a maturity (`ends`) is no note. Counts the paths.
    fn choose(price: f64, choice: Choice, read: [&Lane; 3], state: [&mut Lane; 4]) -> u64 {
        let [standing, ends, principal] = read;
        let [equity, shares, converted, asked] = state;
        let mut paths = 0;
        for i in 0..PATHS {
            let chooses = (principal[i] > 0.0) & (ends[i] == 0.0) & is_performing(standing[i]);
            let takes = chooses & (equity[i] > choice.converts_above * shares[i]);
            let asks = chooses & !takes & (equity[i] <= choice.stays_above * shares[i]);
            let amount = if takes { principal[i] } else { 0.0 };
            converted[i] = amount;
            asked[i] = if asks { principal[i] } else { 0.0 };
            shares[i] += amount / price;
            equity[i] += amount;
            paths += u64::from(takes | asks);
        }
        paths
    }

    /// What is converted is neither due nor owed; what is asked for is due, and matures now. What rounding leaves of what is due is not due.
    fn carry_out(now: f64, chosen: [&Lane; 2], state: [&mut Lane; 4]) {
        let [converted, asked] = chosen;
        let [instalment, balance, ends, due] = state;
        for i in 0..PATHS {
            let (is_converted, is_asked) = (converted[i] > 0.0, asked[i] > 0.0);
            let rest = due[i] - if is_converted { instalment[i] } else { 0.0 };
            let is_rounding = is_converted & (rest <= ROUNDING * converted[i]);
            due[i] = if is_rounding { 0.0 } else { rest } + asked[i];
            instalment[i] = if is_converted { 0.0 } else { instalment[i] + asked[i] };
            balance[i] = if is_converted | is_asked { 0.0 } else { balance[i] };
            ends[i] = if is_asked { now } else { ends[i] };
        }
    }
}
