//! Covenants at work: tests after payment, and what follows a breach on the paths that it concerns.

use super::Borrower;
use super::debt::Debt;
use super::metrics::Metric;
use super::month::{DEFAULTS, Month, Stepper};
use super::operations::Amount;
use super::payment::why;
use super::standing::{Count, each_flagged, is_performing};
use super::window::Window;
use crate::credit::Fleet;
use crate::credit::covenant::{Acceleration, Covenant, CovenantTest, EquityCure};
use crate::credit::liquidation::LiquidationView;
use crate::credit::obligor::{ObligorBlock, ObligorPlan};
use crate::credit::quantity::Reading;
use crate::credit::schedule::{ROUNDING, SAME_DATE};
use crate::market::{OwnLane, OwnLanes, ReadLanes};
use crate::numeric::{Lane, PATHS, Step};
use crate::sample::event;
use crate::{Error, vectorised};

/// All covenants of a borrower, as listed.
pub(super) struct Covenants {
    list: Vec<PlannedCovenant>,
    /// Cash flow over the windows of the tests of debt service, each length once.
    flows: Vec<Flows>,
    equity: Option<PlannedEquity>,
    /// Owed after the payments of the step, due or not.
    pub(super) owed: OwnLane,
    /// Where owners get nothing: one, else zero.
    pub(super) locked: OwnLane,
    /// The share of cash that repays debt.
    swept: OwnLane,
    prepaid: OwnLane,
}

struct Flows {
    years: f64,
    cfads: Window,
    service: Window,
}

struct PlannedCovenant {
    test: Test,
    /// The step of the first test.
    first: usize,
    sweep: f64,
    acceleration: Option<Acceleration>,
    /// Whether a breach lasts: one, else zero.
    breached: OwnLane,
    /// Its first date.
    since: OwnLane,
    /// Whether it is waived: one, else zero.
    waived: OwnLane,
    /// First of the events of this covenant, one a step.
    first_event: u64,
    breach: Option<OwnLane>,
}

enum Test {
    /// Which of the flows.
    Dscr {
        at_least: f64,
        flows: usize,
    },
    Ltv {
        at_most: f64,
    },
    Liquidity {
        at_least: f64,
    },
    Utilisation {
        at_least: f64,
        /// Years let.
        lettings: Window,
        /// Part of the fleet that is not under contract, by step.
        spot: Vec<f64>,
        utilisation: Reading,
        /// What the window covers, by step.
        covered: Vec<f64>,
    },
}

struct PlannedEquity {
    terms: EquityCure,
    availability: Reading,
    paid: OwnLane,
    taken: OwnLane,
}

/// Where the events of covenants begin among those of a borrower; each covenant has so many.
const WAIVERS: u64 = 1 << 50;
const EVENTS: u64 = 1 << 32;

impl Covenants {
    /// Plans the covenants of a borrower that has been validated, if it has any.
    pub(super) fn new(borrower: &Borrower, plan: &mut ObligorPlan<'_>) -> Result<Option<Covenants>, Error> {
        if borrower.covenants.is_empty() {
            return Ok(None);
        }
        let mut flows: Vec<Flows> = Vec::new();
        let mut list = Vec::with_capacity(borrower.covenants.len());
        for (index, covenant) in borrower.covenants.iter().enumerate() {
            let test = match &covenant.test {
                CovenantTest::Dscr { at_least, years } => {
                    let known = flows.iter().position(|flows| flows.years.to_bits() == years.to_bits());
                    let flows = known.unwrap_or_else(|| {
                        let (cfads, service) = (Window::new(*years, plan), Window::new(*years, plan));
                        flows.push(Flows { years: *years, cfads, service });
                        flows.len() - 1
                    });
                    Test::Dscr { at_least: *at_least, flows }
                }
                CovenantTest::Ltv { at_most } => Test::Ltv { at_most: *at_most },
                CovenantTest::Liquidity { at_least } => Test::Liquidity { at_least: *at_least },
                CovenantTest::Utilisation { fleet, at_least, years } => {
                    let Some(fleet) = borrower.fleets.iter().find(|known| known.name == *fleet) else {
                        return Err(unknown(borrower, index, fleet));
                    };
                    if let Some(why) = differs(fleet) {
                        return Err(Error::invalid(
                            format!("covenants[{index}].test.utilisation.fleet"),
                            &fleet.name,
                            format!(
                                "must be a fleet of which as much is under contract on every path: this one has {why}"
                            ),
                        ));
                    }
                    let lettings = Window::new(*years, plan);
                    let grid = plan.grid();
                    let dates = grid.dates();
                    Test::Utilisation {
                        at_least: *at_least,
                        spot: grid.iter().map(|step| fleet.letting(step.start, step.end, step.length).spot).collect(),
                        covered: (1..=grid.steps()).map(|step| lettings.years(step, dates)).collect(),
                        utilisation: fleet.utilisation.plan(plan, "utilisation", 0.0, 1.0)?,
                        lettings,
                    }
                }
            };
            list.push(PlannedCovenant::new(covenant, test, index, plan));
        }
        let equity = match &borrower.equity_cure {
            None => None,
            Some(terms) => Some(PlannedEquity {
                availability: terms.availability.plan(plan, "equity_cure.availability", 0.0, 1.0)?,
                terms: terms.clone(),
                paid: plan.state(),
                taken: plan.state(),
            }),
        };
        Ok(Some(Covenants {
            list,
            flows,
            equity,
            owed: plan.state(),
            locked: plan.state(),
            swept: plan.state(),
            prepaid: plan.state(),
        }))
    }

    /// Whether any metric of a covenant has been asked for.
    pub(super) fn has_metrics(&self) -> bool {
        self.list.iter().any(|covenant| covenant.breach.is_some())
    }

    /// Remembers for how much of the step fleets are let.
    fn note_lettings(&self, block: &mut ObligorBlock<'_>) {
        let Step { index, length, .. } = block.step;
        for covenant in &self.list {
            let Test::Utilisation { lettings, spot, utilisation, .. } = &covenant.test else { continue };
            let spot = spot[index - 1];
            let amounts = [length * (1.0 - spot), length * spot * utilisation.constant];
            let slot = &mut block.own[lettings.slot(index)];
            match utilisation.series {
                None => slot.fill(amounts[0] + amounts[1]),
                Some(series) => let_out(amounts, block.read.lane(series), slot),
            }
        }
    }

    /// Before a step: nothing has happened.
    pub(super) fn clear_metrics(&self, own: &mut OwnLanes<'_>) {
        for lane in self.list.iter().filter_map(|covenant| covenant.breach) {
            own[lane].fill(0.0);
        }
    }
}

/// What may make the part of a fleet that is under contract differ from the plan, if anything may.
fn differs(fleet: &Fleet) -> Option<&'static str> {
    match fleet.delivery {
        Some(_) => Some("`delivery`"),
        None => fleet.contracts.iter().any(|contract| contract.tenant.is_some()).then_some("a contract with `tenant`"),
    }
}

fn unknown(borrower: &Borrower, index: usize, fleet: &str) -> Error {
    let known: Vec<&str> = borrower.fleets.iter().map(|fleet| fleet.name.as_str()).collect();
    Error::Unknown {
        field: format!("covenants[{index}].test.utilisation.fleet"),
        kind: "fleet of the borrower",
        name: fleet.to_owned(),
        known: known.join(", "),
    }
}

impl PlannedCovenant {
    fn new(covenant: &Covenant, test: Test, position: usize, plan: &mut ObligorPlan<'_>) -> PlannedCovenant {
        PlannedCovenant {
            test,
            first: 1 + plan.grid().dates().partition_point(|end| *end < covenant.from - SAME_DATE),
            sweep: covenant.sweep,
            acceleration: covenant.acceleration,
            breached: plan.state(),
            since: plan.state(),
            waived: plan.state(),
            first_event: WAIVERS + EVENTS * position as u64,
            breach: plan.metric(&format!("{}.breach", covenant.name)),
        }
    }

    /// On which of the paths that are marked lenders waive the breach that begins.
    fn waive(&self, probability: f64, block: &mut ObligorBlock<'_>, waivers: Option<OwnLane>) {
        let (own, step) = (&mut block.own, block.step.index as u64);
        each_flagged(&block.scratch[BEGINS], |path| {
            let [word, ..] = block.key.event(block.first_path + path as u64, self.first_event + step);
            if event::uniform(word) < probability {
                own[self.waived][path] = 1.0;
                if let Some(lane) = waivers {
                    own[lane][path] += 1.0;
                }
            }
        });
    }
}

impl PlannedEquity {
    /// Whether owners find so much on this path.
    fn reaches(&self, need: f64, path: usize, own: &OwnLanes<'_>, read: ReadLanes<'_>) -> bool {
        let Reading { constant, series } = self.availability;
        let available = (constant * series.map_or(1.0, |series| read[series][path])).clamp(0.0, 1.0);
        own[self.taken][path] < f64::from(self.terms.times)
            && need * (1.0 - ROUNDING) <= self.terms.most * available - own[self.paid][path]
    }
}

/// Among the scratch lanes what a test lacks, on which paths a breach begins, and room for what tests look at.
const LACK: usize = 0;
const BEGINS: usize = 1;

impl Stepper {
    /// Remembers cash flow and debt service of the step, before they are paid.
    pub(super) fn note_flows(&self, own: &mut OwnLanes<'_>, step: Step, month: &mut Month<'_>) {
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

    /// Tests covenants after the payments of the step, and does what follows where one does not hold.
    pub(super) fn test_covenants(&self, block: &mut ObligorBlock<'_>) {
        let Some(covenants) = &self.covenants else { return };
        let Step { index, end: now, .. } = block.step;
        covenants.note_lettings(block);
        block.own[covenants.locked].fill(0.0);
        block.own[covenants.swept].fill(0.0);
        self.debt.owed(block.step, &mut block.own, covenants.owed);
        for (position, covenant) in covenants.list.iter().enumerate().filter(|(_, covenant)| index >= covenant.first) {
            if !self.lack(covenants, covenant, block) {
                continue;
            }
            let [lack, begins, ..] = &mut *block.scratch;
            let [standing, owed, breached, since, waived] =
                block.own.many([self.standing, covenants.owed, covenant.breached, covenant.since, covenant.waived]);
            let [failing, new] = breach(now, [standing, owed], lack, begins, [breached, since, waived]);
            if failing == 0 {
                continue;
            }
            if new > 0 {
                self.metrics.add(&mut block.own, Metric::Breach, begins);
                if let Some(lane) = covenant.breach {
                    block.own[lane] = *begins;
                }
            }
            let mut accelerated = 0;
            if let Some(Acceleration { cure, waiver }) = covenant.acceleration {
                if new > 0 && waiver > 0.0 {
                    covenant.waive(waiver, block, self.metrics.lane(Metric::Waiver));
                }
                let defaults = &mut block.scratch[DEFAULTS];
                let [breached, since, waived] = block.own.many([covenant.breached, covenant.since, covenant.waived]);
                if lapse([now, cure - SAME_DATE], breached, since, waived, defaults) > 0 {
                    accelerated = self.cure(covenants, position, block);
                }
            }
            let [lack, ..] = &mut *block.scratch;
            let [standing, locked, swept] = block.own.many([self.standing, covenants.locked, covenants.swept]);
            lock_up(covenant.sweep, standing, lack, locked, swept);
            if accelerated > 0 {
                self.default(block);
            }
        }
        self.metrics.copy_own(&mut block.own, Metric::LockUp, covenants.locked);
    }

    /// What the test of a covenant lacks: above zero where it does not hold. False before the first test.
    fn lack(&self, covenants: &Covenants, covenant: &PlannedCovenant, block: &mut ObligorBlock<'_>) -> bool {
        let (step, own) = (block.step, &mut block.own);
        let [lack, value, ..] = &mut *block.scratch;
        match &covenant.test {
            Test::Dscr { at_least, flows } => {
                let Flows { cfads, service, .. } = &covenants.flows[*flows];
                if !(cfads.sum(step, own, value) && service.sum(step, own, lack)) {
                    return false;
                }
                lack_of_cover(*at_least, value, lack);
            }
            Test::Ltv { at_most } => {
                self.collateral.marked(own, &block.liquidation, value);
                lack_of_value(*at_most, &own[covenants.owed], value, lack);
            }
            Test::Liquidity { at_least } => {
                self.free_coins(own, &block.liquidation, value);
                lack_of_cash(*at_least, &own[self.cash], value, lack);
            }
            Test::Utilisation { at_least, lettings, covered, .. } => {
                if !lettings.sum(step, own, value) {
                    return false;
                }
                lack_of_letting(*at_least, covered[step.index - 1], value, lack);
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

    /// On the paths that are marked to default owners or a sponsor cure the breach, and the mark goes; counts those on which they do not. Either way
    /// nothing lacks on these paths any more that would lock up.
    fn cure(&self, covenants: &Covenants, position: usize, block: &mut ObligorBlock<'_>) -> usize {
        let mut accelerated = 0;
        for path in 0..PATHS {
            if block.scratch[DEFAULTS][path] == 0.0 {
                continue;
            }
            if self.cure_on(covenants, position, path, block) {
                block.scratch[DEFAULTS][path] = 0.0;
                block.own[covenants.list[position].breached][path] = 0.0;
            } else {
                self.metrics.add_on(&mut block.own, Metric::Acceleration, path, 1.0);
                accelerated += 1;
            }
            block.scratch[LACK][path] = 0.0;
        }
        accelerated
    }

    /// Whether owners or a sponsor cure a breach on a path; then it is cured.
    fn cure_on(&self, covenants: &Covenants, position: usize, path: usize, block: &mut ObligorBlock<'_>) -> bool {
        let need = block.scratch[LACK][path];
        let equity = covenants.equity.as_ref().filter(|equity| equity.reaches(need, path, &block.own, block.read));
        let Some(equity) = equity.filter(|_| self.mend(covenants, position, need, path, block)) else {
            return self.support_breach(covenants, position, need, path, block);
        };
        let own = &mut block.own;
        own[equity.paid][path] += need;
        own[equity.taken][path] += 1.0;
        self.metrics.add_on(own, Metric::EquityCure, path, 1.0);
        self.metrics.add_on(own, Metric::Injected, path, need);
        true
    }

    /// Whether a covenant holds on a path once so much is put in; then it is, and holds. Nothing mends a utilisation.
    pub(super) fn mend(
        &self,
        covenants: &Covenants,
        position: usize,
        need: f64,
        path: usize,
        block: &mut ObligorBlock<'_>,
    ) -> bool {
        let (step, own) = (block.step, &mut block.own);
        match covenants.list[position].test {
            Test::Dscr { .. } => {
                own[self.cash][path] += need;
                for flows in &covenants.flows {
                    own[flows.cfads.slot(step.index)][path] += need;
                }
            }
            Test::Liquidity { .. } => own[self.cash][path] += need,
            Test::Ltv { .. } if self.debt.not_yet_due(step, path, own) < need * (1.0 - ROUNDING) => return false,
            Test::Ltv { .. } => {
                self.repay(need, path, step, own);
                own[covenants.owed][path] -= need;
            }
            Test::Utilisation { .. } => return false,
        }
        true
    }

    /// Repays debt on a path ahead of schedule, senior first, with money that does not come from cash.
    fn repay(&self, mut amount: f64, path: usize, step: Step, own: &mut OwnLanes<'_>) {
        for facility in self.debt.ranks.iter().flatten().map(|index| &self.debt.facilities[*index]) {
            let Some(apart) = &facility.apart else { continue };
            apart.part(&facility.schedule, step.index, own);
            let balance = own[apart.balance][path];
            let paid = if amount < balance { amount } else { balance };
            let rest = balance - paid;
            own[apart.balance][path] = if rest > facility.schedule.negligible { rest } else { 0.0 };
            amount -= paid;
            facility.metrics.show_repayment(own, path, paid);
            self.metrics.add_on(own, Metric::Prepaid, path, paid);
        }
    }

    /// Repays debt from cash where a covenant asks for it and nothing is missing, senior facilities first.
    pub(super) fn sweep_by_covenant(&self, block: &mut ObligorBlock<'_>) {
        let Some(covenants) = self.covenants.as_ref() else { return };
        if covenants.list.iter().all(|covenant| covenant.sweep == 0.0) {
            return;
        }
        let own = &mut block.own;
        let [left, _, _, short, ..] = &mut *block.scratch;
        if free(&own[self.standing], short, &own[covenants.swept], &own[self.cash], left) == 0 {
            return;
        }
        for facility in self.debt.ranks.iter().flatten().map(|index| &self.debt.facilities[*index]) {
            let Some(apart) = &facility.apart else { continue };
            apart.part(&facility.schedule, block.step.index, own);
            let [cash, balance, prepaid] = own.many([self.cash, apart.balance, covenants.prepaid]);
            prepay(facility.schedule.negligible, left, [cash, balance, prepaid]);
            facility.metrics.show_prepayment(own, covenants.prepaid);
            self.metrics.add_own(own, Metric::Prepaid, covenants.prepaid);
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
                None => leave_arrears(step.length, &rate, &super::payment::NOTHING, &own[facility.arrears], service),
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
    fn owed(&self, step: Step, own: &mut OwnLanes<'_>, owed: OwnLane) {
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

    /// What is owed on a path and not yet due.
    fn not_yet_due(&self, step: Step, path: usize, own: &OwnLanes<'_>) -> f64 {
        self.facilities.iter().map(|facility| facility.balance(step.index, own).on(path)).sum()
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

    /// `lack` is the debt service of the window, and becomes the cash flow that it lacks.
    fn lack_of_cover(at_least: f64, cfads: &Lane, lack: &mut Lane) {
        for i in 0..PATHS {
            let asked = at_least * lack[i];
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

    fn lack_of_letting(at_least: f64, covered: f64, years: &Lane, lack: &mut Lane) {
        for i in 0..PATHS {
            let rest = at_least * covered - years[i];
            lack[i] = if rest > ROUNDING * covered { rest } else { 0.0 };
        }
    }

    /// Where a covenant that binds is breached, and since when; counts the breaches, and those that begin.
    fn breach(now: f64, read: [&Lane; 2], lack: &mut Lane, begins: &mut Lane, state: [&mut Lane; 3]) -> [u64; 2] {
        let [standing, owed] = read;
        let [breached, since, waived] = state;
        let (mut failing, mut new) = (0, 0);
        for i in 0..PATHS {
            let fails = (lack[i] > 0.0) & (owed[i] > 0.0) & is_performing(standing[i]);
            let is_new = fails & (breached[i] == 0.0);
            let goes_on = fails & (breached[i] != 0.0);
            lack[i] = if fails { lack[i] } else { 0.0 };
            since[i] = if is_new { now } else { since[i] };
            waived[i] = if goes_on { waived[i] } else { 0.0 };
            breached[i] = if fails { 1.0 } else { 0.0 };
            begins[i] = if is_new { 1.0 } else { 0.0 };
            failing += u64::from(fails);
            new += u64::from(is_new);
        }
        [failing, new]
    }

    /// Marks the breaches whose time is over; counts them.
    fn lapse(terms: [f64; 2], breached: &Lane, since: &Lane, waived: &Lane, defaults: &mut Lane) -> u64 {
        let [now, cure] = terms;
        let mut lapsed = 0;
        for i in 0..PATHS {
            let is_late = (breached[i] > 0.0) & (waived[i] == 0.0) & (now - since[i] >= cure);
            defaults[i] = if is_late { why::COVENANT } else { 0.0 };
            lapsed += u64::from(is_late);
        }
        lapsed
    }

    fn lock_up(share: f64, standing: &Lane, lack: &Lane, locked: &mut Lane, swept: &mut Lane) {
        for i in 0..PATHS {
            let is_on = (lack[i] > 0.0) & is_performing(standing[i]);
            let more = if share > swept[i] { share } else { swept[i] };
            locked[i] = if is_on { 1.0 } else { locked[i] };
            swept[i] = if is_on { more } else { swept[i] };
        }
    }

    /// What of cash repays debt; counts the paths.
    fn free(standing: &Lane, short: &Lane, share: &Lane, cash: &Lane, left: &mut Lane) -> u64 {
        let mut paths = 0;
        for i in 0..PATHS {
            let is_on = (share[i] > 0.0) & (cash[i] > 0.0) & (short[i] == 0.0) & is_performing(standing[i]);
            let amount = share[i] * cash[i];
            left[i] = if is_on { amount } else { 0.0 };
            paths += u64::from(is_on);
        }
        paths
    }

    fn prepay(negligible: f64, left: &mut Lane, state: [&mut Lane; 3]) {
        let [cash, balance, prepaid] = state;
        for i in 0..PATHS {
            let (all, most) = (balance[i], left[i]);
            let amount = if most < all { most } else { all };
            let rest = all - amount;
            let pays = amount > 0.0;
            balance[i] = if pays & (rest <= negligible) { 0.0 } else { rest };
            cash[i] -= amount;
            left[i] -= amount;
            prepaid[i] = amount;
        }
    }
}
