//! What the test of a covenant looks at, and what it lacks.

use super::{Covenants, Flows, Occupancy, PlannedCovenant, Running, Test};
use crate::credit::borrower::debt::Debt;
use crate::credit::borrower::letting::Sight;
use crate::credit::borrower::month::{Month, Stepper};
use crate::credit::borrower::operations::Amount;
use crate::credit::borrower::payment::NOTHING;
use crate::credit::borrower::standing::Count;
use crate::credit::liquidation::LiquidationView;
use crate::credit::obligor::ObligorBlock;
use crate::credit::schedule::{ROUNDING, SAME_DATE};
use crate::market::{OwnLane, OwnLanes};
use crate::numeric::{Lane, PATHS, Step};
use crate::vectorised;

impl Stepper {
    /// Remembers for how much of the step fleets run and are let.
    pub(super) fn note_lettings(&self, covenants: &Covenants, block: &mut ObligorBlock<'_>) {
        let (step, index) = (block.step, block.step.index);
        for covenant in &covenants.list {
            let Test::Utilisation { lettings, occupancy, utilisation, running: run, .. } = &covenant.test else {
                continue;
            };
            match occupancy {
                Occupancy::Planned(years) => {
                    let [used, spot] = years[index - 1];
                    let amounts = [used, spot * utilisation.constant];
                    let slot = &mut block.own[lettings.slot(index)];
                    match utilisation.series {
                        None => slot.fill(amounts[0] + amounts[1]),
                        Some(series) => let_out(amounts, block.read.lane(series), slot),
                    }
                }
                Occupancy::ByPath(letting) => {
                    let [ends, running, used, _, spot, ..] = &mut *block.scratch;
                    let sight = Sight { read: block.read, own: &block.own, now: step.end };
                    self.operations.occupy(*letting, step, sight, ends, [&mut *running, &mut *used, &mut *spot]);
                    if let Running::ByPath(window) = run {
                        block.own[window.slot(index)].clone_from(running);
                    }
                    let slot = &mut block.own[lettings.slot(index)];
                    let one = Lane::splat(1.0);
                    let part = utilisation.series.map_or(&one, |series| block.read.lane(series));
                    let_out_each(utilisation.constant, [used, spot, part], slot);
                }
            }
        }
    }

    /// Remembers cash flow and debt service of the step, before they are paid.
    pub(in super::super) fn note_flows(&self, own: &mut OwnLanes<'_>, step: Step, month: &mut Month<'_>) {
        let Some(covenants) = self.covenants.as_ref().filter(|covenants| !covenants.flows.is_empty()) else { return };
        let Month { revenue, cost, due, same_due, spare: [service, ..], .. } = month;
        let due = same_due.map_or(Amount::Each(due), Amount::Same);
        match due {
            Amount::Same(due) => service.fill(due),
            Amount::Each(due) => **service = *due,
        }
        if self.makes_every_pass || self.tally.any(own, Count::InArrears) {
            self.debt.leave_arrears(own, step, service);
        }
        self.debt.leave_maturing(own, step, service);
        for flows in &covenants.flows {
            let [cfads, served] = own.many([flows.cfads.slot(step.index), flows.service.slot(step.index)]);
            match *cost {
                Amount::Same(cost) => net_of(revenue, cost, cfads),
                Amount::Each(cost) => net_of_each(revenue, cost, cfads),
            }
            match due {
                Amount::Same(due) => but_for_rounding(service, due, served),
                Amount::Each(due) => but_for_rounding_each(service, due, served),
            }
        }
    }

    /// What the test of a covenant lacks: above zero where it does not hold. False before the first test. `summed` are the flows of which
    /// the sums of this step stand.
    pub(super) fn lack(
        &self,
        covenants: &Covenants,
        covenant: &PlannedCovenant,
        summed: &mut Option<usize>,
        block: &mut ObligorBlock<'_>,
    ) -> bool {
        let (step, own) = (block.step, &mut block.own);
        let [lack, value, ..] = &mut *block.scratch;
        match &covenant.test {
            Test::Dscr { at_least, flows } => {
                let Flows { cfads, service, sums: [earned, served], .. } = &covenants.flows[*flows];
                if *summed != Some(*flows) {
                    if !(cfads.sum(step, own, value) && service.sum(step, own, lack)) {
                        return false;
                    }
                    own[*earned].clone_from(value);
                    own[*served].clone_from(lack);
                    *summed = Some(*flows);
                }
                lack_of_cover(*at_least, [&own[*earned], &own[*served]], lack);
            }
            Test::Ltv { at_most } => {
                self.collateral.marked(own, &block.liquidation, value);
                lack_of_value(*at_most, &own[covenants.owed], value, lack);
            }
            Test::Liquidity { at_least } => {
                self.free_coins(own, &block.liquidation, value);
                lack_of_cash(*at_least, &own[self.cash], value, lack);
            }
            Test::Utilisation { at_least, lettings, running, .. } => {
                if !lettings.sum(step, own, value) {
                    return false;
                }
                match running {
                    Running::Planned(years) => lack.fill(years[step.index - 1]),
                    Running::ByPath(window) => {
                        window.sum(step, own, lack);
                    }
                }
                lack_of_letting(*at_least, value, lack);
            }
        }
        true
    }

    /// The coins of the treasury at marks.
    fn free_coins(&self, own: &OwnLanes<'_>, liquidation: &LiquidationView<'_>, value: &mut Lane) {
        value.fill(0.0);
        for holding in &self.treasury {
            add_positive(&own[holding.units], liquidation.mark(holding.asset), value);
        }
    }
}

impl Debt {
    /// Takes from what is due what was in arrears before, with its interest.
    fn leave_arrears(&self, own: &OwnLanes<'_>, step: Step, service: &mut Lane) {
        for facility in &self.facilities {
            let rate = facility.rate(own);
            match facility.apart.as_ref().filter(|apart| apart.is_parted(own)) {
                Some(apart) => {
                    leave_arrears(step.length, &rate, &own[apart.margin], &own[facility.arrears], service);
                }
                None => leave_arrears(step.length, &rate, &NOTHING, &own[facility.arrears], service),
            }
        }
    }

    /// Takes from what is due the principal that matures.
    fn leave_maturing(&self, own: &OwnLanes<'_>, step: Step, service: &mut Lane) {
        for facility in &self.facilities {
            let agreed = facility.matures(step.index);
            match facility.apart.as_ref().filter(|apart| apart.is_parted(own)) {
                Some(apart) => {
                    let agreed = if agreed { 1.0 } else { 0.0 };
                    leave_maturing([agreed, step.end + SAME_DATE], &own[apart.ends], &own[apart.instalment], service);
                }
                None if agreed => leave(facility.schedule.principal[step.index], service),
                None => {}
            }
        }
    }

    /// What is owed after the payments of the step, due or not.
    pub(super) fn owed(&self, step: Step, own: &mut OwnLanes<'_>, owed: OwnLane) {
        own[owed].fill(0.0);
        for facility in &self.facilities {
            match facility.apart.as_ref().filter(|apart| apart.is_parted(own)) {
                Some(apart) => {
                    let [owed, balance, arrears] = own.many([owed, apart.balance, facility.arrears]);
                    add_owed_each(balance, arrears, owed);
                }
                None => {
                    let [owed, arrears] = own.many([owed, facility.arrears]);
                    add_owed(facility.schedule.balance[step.index], arrears, owed);
                }
            }
        }
    }
}

vectorised! {
    fn net_of(revenue: &Lane, cost: f64, cfads: &mut Lane) {
        for i in 0..PATHS {
            cfads[i] = revenue[i] - cost;
        }
    }

    fn net_of_each(revenue: &Lane, cost: &Lane, cfads: &mut Lane) {
        for i in 0..PATHS {
            cfads[i] = revenue[i] - cost[i];
        }
    }

    fn but_for_rounding(amount: &Lane, due: f64, rest: &mut Lane) {
        for i in 0..PATHS {
            rest[i] = if amount[i] > ROUNDING * due { amount[i] } else { 0.0 };
        }
    }

    fn but_for_rounding_each(amount: &Lane, due: &Lane, rest: &mut Lane) {
        for i in 0..PATHS {
            rest[i] = if amount[i] > ROUNDING * due[i] { amount[i] } else { 0.0 };
        }
    }

    fn leave_arrears(length: f64, rate: &Lane, margin: &Lane, arrears: &Lane, service: &mut Lane) {
        for i in 0..PATHS {
            service[i] -= arrears[i] * (1.0 + (rate[i] + margin[i]) * length);
        }
    }

    fn leave_maturing(terms: [f64; 2], ends: &Lane, instalment: &Lane, service: &mut Lane) {
        let [agreed, now] = terms;
        for i in 0..PATHS {
            let again = if now >= ends[i] { 1.0 } else { 0.0 };
            let matures = if ends[i] > 0.0 { again } else { agreed };
            service[i] -= if matures > 0.0 { instalment[i] } else { 0.0 };
        }
    }

    fn leave(amount: f64, service: &mut Lane) {
        for i in 0..PATHS {
            service[i] -= amount;
        }
    }

    fn add_owed(balance: f64, arrears: &Lane, owed: &mut Lane) {
        for i in 0..PATHS {
            owed[i] += balance + arrears[i];
        }
    }

    fn add_owed_each(balance: &Lane, arrears: &Lane, owed: &mut Lane) {
        for i in 0..PATHS {
            owed[i] += balance[i] + arrears[i];
        }
    }

    fn add_positive(units: &Lane, mark: &Lane, value: &mut Lane) {
        for i in 0..PATHS {
            let worth = units[i] * mark[i];
            value[i] += if mark[i] > 0.0 { worth } else { 0.0 };
        }
    }

    fn lack_of_cover(at_least: f64, sums: [&Lane; 2], lack: &mut Lane) {
        let [cfads, service] = sums;
        for i in 0..PATHS {
            let asked = at_least * service[i];
            let rest = asked - cfads[i];
            lack[i] = if rest > ROUNDING * asked { rest } else { 0.0 };
            // Where nothing is due there is nothing to cover.
            lack[i] = if asked > 0.0 { lack[i] } else { 0.0 };
        }
    }

    fn lack_of_value(at_most: f64, owed: &Lane, value: &Lane, lack: &mut Lane) {
        for i in 0..PATHS {
            let allowed = if value[i] > 0.0 { at_most * value[i] } else { 0.0 };
            let rest = owed[i] - allowed;
            lack[i] = if rest > ROUNDING * owed[i] { rest } else { 0.0 };
        }
    }

    fn lack_of_cash(at_least: f64, cash: &Lane, coins: &Lane, lack: &mut Lane) {
        for i in 0..PATHS {
            let rest = at_least - (cash[i] + coins[i]);
            lack[i] = if rest > ROUNDING * at_least { rest } else { 0.0 };
        }
    }

    fn let_out(amounts: [f64; 2], utilisation: &Lane, years: &mut Lane) {
        for i in 0..PATHS {
            years[i] = amounts[0] + amounts[1] * utilisation[i];
        }
    }

    fn let_out_each(constant: f64, read: [&Lane; 3], years: &mut Lane) {
        let [used, spot, utilisation] = read;
        for i in 0..PATHS {
            years[i] = used[i] + constant * spot[i] * utilisation[i];
        }
    }

    /// Where nothing runs there is nothing to let.
    fn lack_of_letting(at_least: f64, years: &Lane, lack: &mut Lane) {
        for i in 0..PATHS {
            let run = lack[i];
            let rest = at_least * run - years[i];
            lack[i] = if rest > ROUNDING * run { rest } else { 0.0 };
        }
    }
}
