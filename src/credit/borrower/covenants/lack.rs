//! What the test of a covenant looks at, and what it lacks.

use super::{Covenants, Flows, Occupancy, PlannedCovenant, Running, Test};
use crate::credit::borrower::debt::Debt;
use crate::credit::borrower::letting::Sight;
use crate::credit::borrower::month::{Month, Stepper};
use crate::credit::borrower::operations::{Amount, ONE};
use crate::credit::borrower::paths::{Paths, each};
use crate::credit::borrower::payment::NOTHING;
use crate::credit::borrower::standing::{Count, is_performing};
use crate::credit::liquidation::LiquidationView;
use crate::credit::obligor::ObligorBlock;
use crate::credit::schedule::{ROUNDING, SAME_DATE};
use crate::market::OwnLanes;
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
                    let [before, after] = block.own.many(lettings.around(index));
                    match utilisation.series {
                        None => add_same(amounts[0] + amounts[1], before, after),
                        Some(series) => let_out(amounts, block.read.lane(series), before, after),
                    }
                }
                Occupancy::ByPath(letting) => {
                    let [ends, running, used, _, spot, ..] = &mut *block.scratch;
                    let sight = Sight { read: block.read, own: &block.own, now: step.end, paths: Paths::All };
                    self.operations.occupy(*letting, step, sight, ends, [&mut *running, &mut *used, &mut *spot]);
                    if let Running::ByPath(window) = run {
                        let [before, after] = block.own.many(window.around(index));
                        add_each(running, before, after);
                    }
                    let [before, after] = block.own.many(lettings.around(index));
                    let part = utilisation.series.map_or(&ONE, |series| block.read.lane(series));
                    let_out_each(utilisation.constant, [used, spot, part, before], after);
                }
            }
        }
    }

    /// Remembers cash flow and debt service of the step, before they are paid.
    pub(in super::super) fn note_flows(&self, own: &mut OwnLanes<'_>, step: Step, month: &mut Month<'_>) {
        let Some(covenants) = self.covenants.as_ref().filter(|covenants| !covenants.flows.is_empty()) else { return };
        let Month { revenue, cost, due, same_due, spare: [service, ..], .. } = month;
        let in_arrears = self.makes_every_pass || self.tally.any(own, Count::InArrears);
        let is_all = !in_arrears && !self.debt.leaves_maturing(step, own);
        if !is_all {
            same_due.map_or(Amount::Each(due), Amount::Same).copy_to(service);
            if in_arrears {
                self.debt.leave_arrears(own, step, service);
            }
            self.debt.leave_maturing(own, step, service);
            match *same_due {
                Some(due) => but_for_rounding(due, service),
                None => but_for_rounding_each(due, service),
            }
        }
        for flows in &covenants.flows {
            let [before, after] = own.many(flows.cfads.around(step.index));
            match *cost {
                Amount::Same(cost) => add_net(revenue, cost, before, after),
                Amount::Each(cost) => add_net_each(revenue, cost, before, after),
            }
            let [before, after] = own.many(flows.service.around(step.index));
            match *same_due {
                _ if !is_all => add_each(service, before, after),
                Some(due) => add_same(due, before, after),
                None => add_each(due, before, after),
            }
        }
    }

    /// What the test of a covenant lacks on the paths that perform: above zero where it does not hold, and on how many. `None` before the first test.
    pub(super) fn lack(
        &self,
        covenants: &Covenants,
        covenant: &PlannedCovenant,
        block: &mut ObligorBlock<'_>,
    ) -> Option<u64> {
        let (step, own) = (block.step, &mut block.own);
        let [lack, value, spare, ..] = &mut *block.scratch;
        let lacking = match &covenant.test {
            Test::Dscr { at_least, flows } => {
                let Flows { cfads, service, .. } = &covenants.flows[*flows];
                let cfads = cfads.ends(step, own, value)?;
                let service = service.ends(step, own, spare)?;
                lack_of_cover(*at_least, cfads, service, &own[self.standing], lack)
            }
            Test::Ltv { at_most } => {
                self.collateral.marked(own, &block.liquidation, value);
                self.debt.owed(Paths::All, step, own, spare);
                lack_of_value(*at_most, [spare, value, &own[self.standing]], lack)
            }
            Test::Liquidity { at_least } => {
                self.free_coins(own, &block.liquidation, value);
                lack_of_cash(*at_least, [&own[self.cash], value, &own[self.standing]], lack)
            }
            Test::Utilisation { at_least, lettings, running, .. } => {
                let lettings = lettings.ends(step, own, value)?;
                let standing = &own[self.standing];
                match running {
                    Running::Planned(years) => {
                        lack_of_letting(*at_least, years[step.index - 1], lettings, standing, lack)
                    }
                    Running::ByPath(window) => {
                        lack_of_letting_each(*at_least, window.ends(step, own, spare)?, lettings, standing, lack)
                    }
                }
            }
        };
        Some(lacking)
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
            let margin = facility.apart.as_ref().filter(|apart| apart.is_redated(own));
            let margin = margin.map_or(&NOTHING, |apart| &own[apart.margin]);
            let arrears = &own[facility.arrears];
            match facility.rate(own) {
                Amount::Same(rate) => leave_arrears_fixed(step.length, rate, margin, arrears, service),
                Amount::Each(rate) => leave_arrears_floating(step.length, rate, margin, arrears, service),
            }
        }
    }

    /// Whether [`Debt::leave_maturing`] may take anything.
    fn leaves_maturing(&self, step: Step, own: &OwnLanes<'_>) -> bool {
        self.facilities.iter().any(|facility| facility.matures(step.index) || facility.is_redated(own))
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
                None if agreed => leave(facility.schedule.dates[step.index].principal, service),
                None => {}
            }
        }
    }

    /// What is owed after the payments of the step, due or not.
    pub(super) fn owed(&self, paths: Paths<'_>, step: Step, own: &OwnLanes<'_>, owed: &mut Lane) {
        paths.fill(owed, 0.0);
        for facility in &self.facilities {
            match facility.apart.as_ref().filter(|apart| apart.is_parted(own)) {
                Some(apart) => add_owed_each(paths, &own[apart.balance], &own[facility.arrears], owed),
                None => add_owed(paths, facility.schedule.dates[step.index].balance, &own[facility.arrears], owed),
            }
        }
    }
}

vectorised! {
    fn add_net(revenue: &Lane, cost: f64, before: &Lane, after: &mut Lane) {
        for i in 0..PATHS {
            after[i] = before[i] + (revenue[i] - cost);
        }
    }

    fn add_net_each(revenue: &Lane, cost: &Lane, before: &Lane, after: &mut Lane) {
        for i in 0..PATHS {
            after[i] = before[i] + (revenue[i] - cost[i]);
        }
    }

    fn add_same(flow: f64, before: &Lane, after: &mut Lane) {
        for i in 0..PATHS {
            after[i] = before[i] + flow;
        }
    }

    fn add_each(flow: &Lane, before: &Lane, after: &mut Lane) {
        for i in 0..PATHS {
            after[i] = before[i] + flow[i];
        }
    }

    fn but_for_rounding(due: f64, rest: &mut Lane) {
        for i in 0..PATHS {
            rest[i] = if rest[i] > ROUNDING * due { rest[i] } else { 0.0 };
        }
    }

    fn but_for_rounding_each(due: &Lane, rest: &mut Lane) {
        for i in 0..PATHS {
            rest[i] = if rest[i] > ROUNDING * due[i] { rest[i] } else { 0.0 };
        }
    }

    fn leave_arrears_fixed(length: f64, rate: f64, margin: &Lane, arrears: &Lane, service: &mut Lane) {
        for i in 0..PATHS {
            service[i] -= arrears[i] * (1.0 + (rate + margin[i]) * length);
        }
    }

    fn leave_arrears_floating(length: f64, rate: &Lane, margin: &Lane, arrears: &Lane, service: &mut Lane) {
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

    fn add_owed(paths: Paths<'_>, balance: f64, arrears: &Lane, owed: &mut Lane) {
        each!(i in paths, {
            owed[i] += balance + arrears[i];
        });
    }

    fn add_owed_each(paths: Paths<'_>, balance: &Lane, arrears: &Lane, owed: &mut Lane) {
        each!(i in paths, {
            owed[i] += balance[i] + arrears[i];
        });
    }

    fn add_positive(units: &Lane, mark: &Lane, value: &mut Lane) {
        for i in 0..PATHS {
            let worth = units[i] * mark[i];
            value[i] += if mark[i] > 0.0 { worth } else { 0.0 };
        }
    }

    fn lack_of_cover(at_least: f64, cfads: [&Lane; 2], service: [&Lane; 2], standing: &Lane, lack: &mut Lane) -> u64 {
        let mut lacking = 0;
        for i in 0..PATHS {
            let asked = at_least * (service[0][i] - service[1][i]);
            let rest = asked - (cfads[0][i] - cfads[1][i]);
            // Where nothing is due there is nothing to cover.
            let lacks = (rest > ROUNDING * asked) & (asked > 0.0) & is_performing(standing[i]);
            lack[i] = if lacks { rest } else { 0.0 };
            lacking += u64::from(lacks);
        }
        lacking
    }

    fn lack_of_value(at_most: f64, read: [&Lane; 3], lack: &mut Lane) -> u64 {
        let [owed, value, standing] = read;
        let mut lacking = 0;
        for i in 0..PATHS {
            let allowed = if value[i] > 0.0 { at_most * value[i] } else { 0.0 };
            let rest = owed[i] - allowed;
            let lacks = (rest > ROUNDING * owed[i]) & is_performing(standing[i]);
            lack[i] = if lacks { rest } else { 0.0 };
            lacking += u64::from(lacks);
        }
        lacking
    }

    fn lack_of_cash(at_least: f64, read: [&Lane; 3], lack: &mut Lane) -> u64 {
        let [cash, coins, standing] = read;
        let mut lacking = 0;
        for i in 0..PATHS {
            let rest = at_least - (cash[i] + coins[i]);
            let lacks = (rest > ROUNDING * at_least) & is_performing(standing[i]);
            lack[i] = if lacks { rest } else { 0.0 };
            lacking += u64::from(lacks);
        }
        lacking
    }

    fn let_out(amounts: [f64; 2], utilisation: &Lane, before: &Lane, after: &mut Lane) {
        for i in 0..PATHS {
            after[i] = before[i] + (amounts[0] + amounts[1] * utilisation[i]);
        }
    }

    fn let_out_each(constant: f64, read: [&Lane; 4], after: &mut Lane) {
        let [used, spot, utilisation, before] = read;
        for i in 0..PATHS {
            after[i] = before[i] + (used[i] + constant * spot[i] * utilisation[i]);
        }
    }

    /// Where nothing runs there is nothing to let.
    fn lack_of_letting_each(
        at_least: f64, run: [&Lane; 2], years: [&Lane; 2], standing: &Lane, lack: &mut Lane
    ) -> u64 {
        let mut lacking = 0;
        for i in 0..PATHS {
            let run = run[0][i] - run[1][i];
            let rest = at_least * run - (years[0][i] - years[1][i]);
            let lacks = (rest > ROUNDING * run) & is_performing(standing[i]);
            lack[i] = if lacks { rest } else { 0.0 };
            lacking += u64::from(lacks);
        }
        lacking
    }

    fn lack_of_letting(at_least: f64, run: f64, years: [&Lane; 2], standing: &Lane, lack: &mut Lane) -> u64 {
        let mut lacking = 0;
        for i in 0..PATHS {
            let rest = at_least * run - (years[0][i] - years[1][i]);
            let lacks = (rest > ROUNDING * run) & is_performing(standing[i]);
            lack[i] = if lacks { rest } else { 0.0 };
            lacking += u64::from(lacks);
        }
        lacking
    }
}
