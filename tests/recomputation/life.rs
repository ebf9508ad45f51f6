//! A borrower on one path, step by step, as docs/credit.md tells it: operations, payment, refinancing, default, claims.

mod conversion;
mod covenants;
mod margin;
mod support;

use self::covenants::Promises;
use self::margin::Calls;
use crate::path::Path;
use crate::schedule::{SAME_DATE, Schedule};
use haircut::credit::{
    Borrower, Cause, ContractTerm, Delivery, Facility, Fleet, Lien, Losses, Quantity, Recourse, Settlement, TakeOrPay,
};
use std::cell::Cell;
use std::collections::HashMap;
use std::iter::zip;
use std::rc::Rc;

/// A shortfall below this part of what is due is rounding.
const ROUNDING: f64 = 1e-12;

/// Units of one class.
struct Holding {
    asset: usize,
    are_coins: bool,
    /// Facilities with a lien on it, and those among them that name it.
    holders: Vec<usize>,
    named_by: Vec<usize>,
    /// Units at time zero, and with what came from other holdings since.
    at_first: f64,
    initial: f64,
    units: f64,
}

/// The loan into which a facility was rolled over at maturity.
#[derive(Clone, Copy)]
struct Rolled {
    per_year: f64,
    end: f64,
    spread: f64,
    traps_cash: bool,
}

/// What a maturing facility is allowed to owe on, and as what.
struct Grant {
    clause: usize,
    balance: f64,
    loan: Rolled,
}

/// What a liquidation puts on the market in a step, by holding.
pub(crate) struct Offer {
    pub(crate) asset: usize,
    pub(crate) units: f64,
}

pub(crate) struct Life<'a> {
    borrower: &'a Borrower,
    schedules: Vec<Schedule>,
    /// Fleets, then miners, then coins.
    holdings: Vec<Holding>,
    cash: f64,
    /// What preferred owners have got.
    preferred: f64,
    /// Principal not yet due, by facility.
    owed: Vec<f64>,
    arrears: Vec<f64>,
    /// What reserve accounts hold, by facility.
    reserve: Vec<f64>,
    rolled: Vec<Option<Rolled>>,
    /// How often the clauses were used, by facility: refinancing, extension, cash trap.
    used: Vec<[u32; 3]>,
    /// Principal that fell due in this step, by facility.
    instalments: Vec<f64>,
    /// Interest and principal that fell due in this step, without arrears and what matured.
    service: f64,
    promises: Promises,
    /// Shares outstanding.
    shares: f64,
    /// What the sponsor has given, and what it has given to everyone.
    given: f64,
    given_to_all: Rc<Cell<f64>>,
    /// Of that, in the step named.
    given_in: (usize, f64),
    calls: Calls,
    /// Losses that reduce the tax of later steps.
    losses: f64,
    /// Profit that has not been taxed yet.
    profit_of_year: f64,
    missed_since: Option<f64>,
    /// All claims are paid or nothing is left to sell.
    closed: bool,
    pub(crate) default: Option<(usize, Cause)>,
    /// Date until which the lender lets the machines, if it does.
    operated_until: Option<f64>,
    pub(crate) steps_of_letting: usize,
    /// Steps in which a tenant was missing, a guarantor paid a fee, invoices were credited, machines were late, a minimum was paid, more than
    /// that was.
    pub(crate) letting: [usize; 6],
    pub(crate) exposure: Vec<f64>,
    pub(crate) loss: Vec<f64>,
    /// Metrics by step; a step that is not named is zero.
    pub(crate) metrics: HashMap<&'static str, Vec<f64>>,
    /// All amounts that passed through, which rounding errors are a part of.
    pub(crate) turnover: f64,
    pub(crate) cures: usize,
    pub(crate) paid_from_reserve: f64,
    /// How often each clause was used: refinancing, extension, cash trap.
    pub(crate) rollovers: [usize; 3],
    pub(crate) steps_of_sale: usize,
    /// Something was unsold and claims were open at the horizon.
    pub(crate) unsold: bool,
    /// Liens paid something, the estate did, pledged coins were sold.
    pub(crate) by_lien: bool,
    pub(crate) by_estate: bool,
    pub(crate) pledged_sold: bool,
    /// Pledged coins were sold because nobody lent again.
    pub(crate) refused_sold: bool,
    /// Coins were sold while a covenant was breached, before cash was short.
    pub(crate) sold_early: bool,
    /// How often a call was answered with coins, with cash, by a lender's sale; coins were given back; a sponsor met a call.
    pub(crate) margins: [usize; 5],
    /// It looks at marks again, which have fallen within the step.
    looks_again: bool,
    /// What that brought: more coins that a lender sells, a cure, a default by a covenant, a default by a call.
    pub(crate) again: [usize; 4],
    /// The sponsor would have helped, had it not helped others.
    pub(crate) crowded_out: bool,
    /// How often a note became shares at its maturity, was called, was asked for, was kept on the date of a put.
    pub(crate) notes: [usize; 4],
}

impl<'a> Life<'a> {
    pub(crate) fn new(borrower: &'a Borrower, path: &Path<'_>, given_to_all: Rc<Cell<f64>>) -> Self {
        let fleets = borrower.fleets.iter().map(|fleet| (&fleet.name, &fleet.asset, fleet.units, false));
        let miners = borrower.miners.iter().map(|miners| (&miners.name, &miners.asset, miners.units, false));
        let coins = borrower.treasury.iter().map(|coins| (&coins.asset, &coins.asset, coins.units, true));
        let mut holdings = Vec::new();
        for (name, asset, units, are_coins) in fleets.chain(miners).chain(coins) {
            let holding = |holders: Vec<usize>, named_by: Vec<usize>, units: f64| Holding {
                asset: path.asset(asset),
                are_coins,
                holders,
                named_by,
                at_first: units,
                initial: units,
                units,
            };
            let (mut holders, mut named_by, mut parts) = (Vec::new(), Vec::new(), Vec::new());
            for (f, facility) in borrower.facilities.iter().enumerate() {
                match &facility.security {
                    None => holders.push(f),
                    Some(security) => {
                        for lien in &security.on {
                            match lien {
                                Lien::Whole(of) if of == name => {
                                    holders.push(f);
                                    named_by.push(f);
                                }
                                Lien::Part { of, units } if of == name => parts.push((f, *units)),
                                _ => {}
                            }
                        }
                    }
                }
            }
            let given: f64 = parts.iter().map(|(_, units)| units).sum();
            holdings.push(holding(holders, named_by, f64::max(0.0, units - given)));
            holdings.extend(parts.into_iter().map(|(f, units)| holding(vec![f], vec![f], units)));
        }
        let facilities = borrower.facilities.len();
        Life {
            borrower,
            schedules: borrower.facilities.iter().map(|facility| Schedule::new(facility, &path.world.grid)).collect(),
            holdings,
            cash: borrower.cash,
            preferred: 0.0,
            arrears: vec![0.0; facilities],
            owed: borrower.facilities.iter().map(|facility| facility.principal).collect(),
            reserve: borrower
                .facilities
                .iter()
                .map(|facility| facility.reserve.map_or(0.0, |terms| terms.initial))
                .collect(),
            rolled: vec![None; facilities],
            used: vec![[0; 3]; facilities],
            instalments: vec![0.0; facilities],
            service: 0.0,
            promises: Promises::default(),
            shares: borrower.shares,
            given: 0.0,
            given_to_all,
            given_in: (0, 0.0),
            calls: Calls::new(facilities),
            losses: 0.0,
            profit_of_year: 0.0,
            missed_since: None,
            closed: false,
            default: None,
            operated_until: None,
            steps_of_letting: 0,
            letting: [0; 6],
            exposure: vec![0.0; facilities],
            loss: vec![0.0; facilities],
            metrics: HashMap::new(),
            turnover: borrower.cash,
            cures: 0,
            paid_from_reserve: 0.0,
            rollovers: [0; 3],
            steps_of_sale: 0,
            unsold: false,
            by_lien: false,
            by_estate: false,
            pledged_sold: false,
            refused_sold: false,
            sold_early: false,
            margins: [0; 5],
            looks_again: false,
            again: [0; 4],
            crowded_out: false,
            notes: [0; 4],
        }
    }

    fn note(&mut self, metric: &'static str, path: &Path<'_>, step: usize, amount: f64) {
        self.metrics.entry(metric).or_insert_with(|| vec![0.0; path.steps() + 1])[step] += amount;
    }

    /// Revenue and cost of a step.
    fn operate(&self, path: &Path<'_>, step: usize) -> (f64, f64) {
        let years = path.years(step);
        let (mut revenue, mut cost) = (0.0, self.borrower.overhead_usd_per_year * years);
        for fleet in &self.borrower.fleets {
            let hours = 8760.0 * fleet.units;
            let earned = let_out(fleet, path, step, step);
            let spot = fleet.rent_share * path.read(&fleet.rent, step) * path.read(&fleet.utilisation, step);
            revenue += earned.usd + earned.used + hours * earned.spot_years * spot;
            let power = fleet.power_kw_per_unit * fleet.pue * path.read(&fleet.power_usd_per_kwh, step);
            cost += hours * earned.running_years * (power + fleet.opex_usd_per_unit_hour);
        }
        for hired in &self.borrower.hired {
            let (hours, demand) = (8760.0 * hired.units * years, path.read(&hired.demand, step));
            revenue += hours * demand * path.read(&hired.price, step);
            cost += hours * f64::max(demand, hired.committed) * hired.rent_share * path.read(&hired.rent, step);
        }
        for miners in &self.borrower.miners {
            let terahashes = 1000.0 * miners.hashrate_eh_s;
            let mined = terahashes * path.read(&miners.hashprice, step) * 365.0 * years;
            let kilowatts = terahashes * miners.efficiency_j_per_th;
            let power = kilowatts * 8760.0 * years * path.read(&miners.power_usd_per_kwh, step);
            if mined > power {
                revenue += mined;
                cost += power;
            }
            cost += miners.opex_usd_per_year * years;
        }
        (revenue, cost)
    }

    /// The tax of a step on a profit before depreciation.
    fn levy(&mut self, path: &Path<'_>, step: usize, profit: f64) -> f64 {
        let Some(tax) = self.borrower.tax else { return 0.0 };
        let depreciated = f64::max(0.0, path.time(step).min(tax.depreciated_until) - path.time(step - 1));
        self.profit_of_year += profit - tax.depreciation_usd_per_year * depreciated;
        let is_new_year = |year: usize| {
            let year = year as f64 - SAME_DATE;
            path.time(step - 1) < year && year <= path.time(step)
        };
        if tax.settlement == Settlement::Year && !(1..100).any(is_new_year) {
            return 0.0;
        }
        let base = std::mem::take(&mut self.profit_of_year) - self.losses;
        self.losses = if tax.losses == Losses::CarriedForward { f64::max(0.0, -base) } else { 0.0 };
        let paid = tax.rate * f64::max(0.0, base);
        self.note("tax", path, step, paid);
        paid
    }

    /// What is due to each facility at the end of a step.
    fn fall_due(&mut self, path: &Path<'_>, step: usize) -> Vec<f64> {
        let (end, years) = (path.time(step), path.years(step));
        let mut due = Vec::new();
        self.service = 0.0;
        for (f, facility) in self.borrower.facilities.iter().enumerate() {
            let owed = self.owed[f];
            let asked = match self.rolled[f] {
                Some(loan) if end >= loan.end - SAME_DATE => owed,
                Some(loan) => loan.per_year * years,
                None if self.schedules[f].maturity == Some(step) => owed,
                None => self.schedules[f].principal[step],
            };
            let rate = path.rate(facility, step) + self.rolled[f].map_or(0.0, |loan| loan.spread);
            let interest = owed * rate * years;
            let in_kind = if self.rolled[f].is_some() { 0.0 } else { facility.pik * interest };
            let matures = self.rolled[f].is_none() && self.schedules[f].maturity == Some(step);
            let grown = owed + in_kind + self.schedules[f].drawn[step];
            let instalment = if matures { grown } else { f64::min(asked, grown) };
            let fee =
                facility.draws.as_ref().map_or(0.0, |draws| draws.commitment_fee * self.schedules[f].undrawn[step]);
            due.push(interest - in_kind + fee * years + instalment + self.arrears[f] * (1.0 + rate * years));
            let is_over = matures || self.rolled[f].is_some_and(|loan| end >= loan.end - SAME_DATE);
            self.service += interest - in_kind + fee * years + if is_over { 0.0 } else { instalment };
            self.owed[f] = but_for_rounding(grown - instalment, facility.commitment());
            self.instalments[f] = instalment;
        }
        due
    }

    /// Coins are sold at their marks, in the listed order, for what is missing; returns what they bring.
    ///
    /// First those that are not pledged, then those whose loans are repaid; then those whose loans fall due altogether and cannot
    /// go on, if they cover all that is missing.
    fn sell_coins(&mut self, path: &Path<'_>, step: usize, mut missing: f64, negligible: f64, due: &[f64]) -> f64 {
        let borrower = self.borrower;
        let goes_on = |f: &usize| {
            let facility = &borrower.facilities[*f];
            facility.refinancing.is_some() || facility.extension.is_some() || facility.cash_trap.is_some()
        };
        let is_repaid = |held: &Holding| held.named_by.iter().all(|f| self.owed[*f] <= 0.0 && due[*f] <= 0.0);
        let falls_due =
            |held: &Holding| held.named_by.iter().all(|f| self.owed[*f] <= 0.0 && (due[*f] <= 0.0 || !goes_on(f)));
        let coins = |which: &dyn Fn(&Holding) -> bool| -> Vec<usize> {
            (0..self.holdings.len()).filter(|h| self.holdings[*h].are_coins && which(&self.holdings[*h])).collect()
        };
        let free = coins(&|held| held.named_by.is_empty());
        let repaid = coins(&|held| !held.named_by.is_empty() && is_repaid(held));
        let released = coins(&|held| !held.named_by.is_empty() && falls_due(held));
        let mut raised = 0.0;
        raised += self.sell(path, step, &free, &mut missing, negligible);
        raised += self.sell(path, step, &repaid, &mut missing, negligible);
        let worth: f64 =
            released.iter().map(|h| self.holdings[*h].units * path.mark(self.holdings[*h].asset, step).max(0.0)).sum();
        if missing > negligible && worth >= missing {
            let sold = self.sell(path, step, &released, &mut missing, negligible);
            self.pledged_sold |= sold > 0.0;
            raised += sold;
        }
        raised
    }

    /// Where nothing may be borrowed again, coins whose loans fall due altogether, if they cover all that is missing.
    fn sell_refused(&mut self, path: &Path<'_>, step: usize, mut missing: f64, negligible: f64) -> f64 {
        let falls_due = |held: &Holding| {
            held.are_coins && !held.named_by.is_empty() && held.named_by.iter().all(|f| self.owed[*f] <= 0.0)
        };
        let released: Vec<usize> = (0..self.holdings.len()).filter(|h| falls_due(&self.holdings[*h])).collect();
        let worth: f64 =
            released.iter().map(|h| self.holdings[*h].units * path.mark(self.holdings[*h].asset, step).max(0.0)).sum();
        let sold = if worth >= missing { self.sell(path, step, &released, &mut missing, negligible) } else { 0.0 };
        self.refused_sold |= sold > 0.0;
        sold
    }

    fn sell(&mut self, path: &Path<'_>, step: usize, which: &[usize], missing: &mut f64, negligible: f64) -> f64 {
        let mut raised = 0.0;
        for h in which {
            let coins = &mut self.holdings[*h];
            let mark = path.mark(coins.asset, step);
            if *missing > negligible && mark > 0.0 {
                let worth = coins.units * mark;
                let amount = f64::min(*missing, worth);
                coins.units = if amount < worth { coins.units - amount / mark } else { 0.0 };
                *missing -= amount;
                raised += amount;
            }
        }
        raised
    }

    /// Everything at the price that the borrower alone would get at its planned pace.
    fn executable(&self, path: &Path<'_>, step: usize) -> f64 {
        self.holdings.iter().map(|held| self.worth(path, step, held)).sum()
    }

    fn worth(&self, path: &Path<'_>, step: usize, held: &Holding) -> f64 {
        let months = 12.0 * self.borrower.liquidation.over.max(path.years(step));
        held.units * self.price(path, step, held.asset, self.of_class(held.asset, |sold| sold.units) / months)
    }

    /// What the borrower sells of a class, it sells into one market.
    fn of_class(&self, asset: usize, units: impl Fn(&Holding) -> f64) -> f64 {
        self.holdings.iter().filter(|sold| sold.asset == asset).map(units).sum()
    }

    /// What this borrower gets for a unit when so many are sold a month.
    fn price(&self, path: &Path<'_>, step: usize, asset: usize, units_per_month: f64) -> f64 {
        in_haste(path, asset, self.borrower.liquidation.over, path.executable(asset, step, units_per_month))
    }

    /// The part of a step that lies in the time in which a lender operates that took over at `default`.
    fn part_operated(&self, path: &Path<'_>, default: usize, step: usize) -> f64 {
        let terms = self.borrower.step_in.unwrap();
        let begin = path.time(default) + terms.delay;
        let overlap = path.time(step).min(begin + terms.horizon) - path.time(step - 1).max(begin);
        f64::max(0.0, overlap) / path.years(step)
    }

    /// Until when the lender operates, if that is better for it than to sell.
    fn choose(&self, path: &Path<'_>, today: usize) -> Option<f64> {
        let terms = self.borrower.step_in?;
        let kept = 1.0 - terms.operator_share;
        let (mut income, mut mined, mut burnt) =
            (0.0, vec![0.0; self.borrower.miners.len()], vec![0.0; self.borrower.miners.len()]);
        for step in today + 1..=path.steps() {
            let (end, years) = (path.time(step), path.years(step));
            let ahead = end - path.time(today);
            let agreed = self.part_operated(path, today, step) * f64::exp(-terms.discount_rate * ahead);
            let falling = agreed * f64::exp(-terms.revenue_decline * ahead);
            let weight = |moves: bool| if moves { falling } else { agreed };
            income -= agreed * self.borrower.overhead_usd_per_year * years;
            for fleet in &self.borrower.fleets {
                let hours = 8760.0 * fleet.units;
                let earned = let_out(fleet, path, step, today);
                let moves = [&fleet.rent, &fleet.utilisation].iter().any(|read| matches!(read, Quantity::Series(_)));
                let spot = fleet.rent_share * path.read(&fleet.rent, today) * path.read(&fleet.utilisation, today);
                income += kept
                    * (agreed * earned.usd + falling * earned.used + weight(moves) * hours * earned.spot_years * spot);
                let power = fleet.power_kw_per_unit * fleet.pue * path.read(&fleet.power_usd_per_kwh, today);
                income -= agreed * hours * earned.running_years * (power + fleet.opex_usd_per_unit_hour);
            }
            for (m, miners) in self.borrower.miners.iter().enumerate() {
                let terahashes = 1000.0 * miners.hashrate_eh_s;
                let moves = matches!(miners.hashprice, Quantity::Series(_));
                mined[m] += weight(moves) * kept * terahashes * path.read(&miners.hashprice, today) * 365.0 * years;
                let kilowatts = terahashes * miners.efficiency_j_per_th;
                burnt[m] += agreed * kilowatts * 8760.0 * years * path.read(&miners.power_usd_per_kwh, today);
                income -= agreed * miners.opex_usd_per_year * years;
            }
        }
        income += zip(&mined, &burnt).map(|(mined, burnt)| f64::max(0.0, mined - burnt)).sum::<f64>();
        let left = path.time(path.steps()) - path.time(today);
        let worth = |years: f64| {
            f64::exp(-(terms.discount_rate + terms.price_decline) * years.min(left)) * self.executable(path, today)
        };
        let claim: f64 = self.arrears.iter().sum();
        let end = terms.delay + terms.horizon;
        let operate = f64::min(claim, income + worth(end));
        (operate > f64::min(claim, worth(self.borrower.liquidation.delay))).then(|| path.time(today) + end)
    }

    /// What the lender earns with the machines in a step.
    fn let_out(&mut self, path: &Path<'_>, step: usize) {
        let Some((default, _)) = self.default.filter(|_| !self.closed && self.operated_until.is_some()) else { return };
        let (revenue, cost) = self.operate(path, step);
        let flow = (1.0 - self.borrower.step_in.unwrap().operator_share) * revenue - cost;
        let income = self.part_operated(path, default, step) * f64::max(0.0, flow);
        if income > 0.0 {
            self.steps_of_letting += 1;
            self.note("operated", path, step, income);
            self.turnover += revenue + cost;
            self.pay_claims(path, step, &[(income, (0..self.owed.len()).collect())]);
        }
    }

    /// What each maturing facility owes on; nothing at all if one of them may not.
    fn roll_over(
        &mut self,
        path: &Path<'_>,
        step: usize,
        due: &[f64],
        available: f64,
        covered: (f64, f64),
    ) -> Vec<f64> {
        let none = vec![0.0; due.len()];
        let mut missing = due.iter().sum::<f64>() - available;
        let mut raised = none.clone();
        let mut junior_first: Vec<usize> = (0..due.len()).rev().collect();
        junior_first.sort_by_key(|f| std::cmp::Reverse(rank(self.borrower, *f)));
        for f in junior_first {
            let facility = &self.borrower.facilities[f];
            let has_clause =
                facility.refinancing.is_some() || facility.extension.is_some() || facility.cash_trap.is_some();
            if self.matures(f, path, step) && has_clause {
                let amount = due[f].min(missing);
                raised[f] = if amount > ROUNDING * covered.1 { amount } else { 0.0 };
                missing -= raised[f];
            }
        }
        let asked = &zip(due, &raised).map(|(due, raised)| due - raised).collect::<Vec<_>>();
        let unpaid = by_seniority(self.borrower, asked, available);
        let debt: Vec<f64> = (0..due.len()).map(|f| self.owed[f] + unpaid[f] + raised[f]).collect();
        let mut grants = Vec::new();
        for (f, amount) in raised.iter().enumerate().filter(|(_, amount)| **amount > 0.0) {
            match self.grant(path, step, f, *amount, &debt, covered.1, covered.0) {
                Some(grant) => grants.push((f, grant)),
                None => return none,
            }
        }
        for (f, grant) in grants {
            self.used[f][grant.clause] += 1;
            self.owed[f] = grant.balance;
            self.rolled[f] = Some(grant.loan);
            self.rollovers[grant.clause] += 1;
        }
        raised
    }

    /// The first clause that allows a facility to owe on an amount.
    #[allow(clippy::too_many_arguments, reason = "everything that a clause may look at")]
    fn grant(
        &self,
        path: &Path<'_>,
        step: usize,
        f: usize,
        amount: f64,
        debt: &[f64],
        due: f64,
        cash_flow: f64,
    ) -> Option<Grant> {
        let (facility, end, years) = (&self.borrower.facilities[f], path.time(step), path.years(step));
        if let Some(clause) = facility.refinancing.as_ref().filter(|clause| self.used[f][0] < clause.renewals) {
            let not_junior = |other: &usize| *other != f && rank(self.borrower, *other) <= rank(self.borrower, f);
            let has_security = facility.security.as_ref().is_some_and(|security| !security.on.is_empty());
            let secures = |held: &&Holding| !has_security || held.holders.contains(&f);
            let beside = |other: &usize| {
                !has_security || self.holdings.iter().filter(secures).any(|held| held.holders.contains(other))
            };
            let ahead: f64 = (0..debt.len()).filter(not_junior).filter(beside).map(|other| debt[other]).sum();
            let value: f64 = self.holdings.iter().filter(secures).map(|held| self.worth(path, step, held)).sum();
            let mut limit = clause.advance_rate * value;
            if let Some(dscr) = clause.dscr {
                let rate = f64::max(path.rate(facility, step) + clause.spread, 1e-9);
                let annuity = -f64::exp_m1(-clause.tenor * f64::ln_1p(rate)) / rate;
                limit = limit.min(cash_flow / years / dscr * annuity);
            }
            let is_open = clause.funding.as_ref().is_none_or(|funding| {
                path.read(&funding.availability, step)
                    >= funding.threshold.expect("a drawn threshold is not recomputed")
            });
            if is_open && amount <= f64::max(0.0, limit - ahead) {
                let per_year = amount * (1.0 - clause.balloon) / clause.tenor;
                let loan = Rolled { per_year, end: end + clause.tenor, spread: clause.spread, traps_cash: false };
                return Some(Grant { clause: 0, balance: amount, loan });
            }
        }
        if let Some(clause) = facility.extension.as_ref().filter(|clause| self.used[f][1] < clause.times) {
            let marked: f64 = self.holdings.iter().map(|held| held.units * path.mark(held.asset, step)).sum();
            let is_covered = clause.dscr.is_none_or(|dscr| cash_flow >= dscr * (due - self.instalments[f]));
            let is_secured = clause.ltv.is_none_or(|ltv| debt.iter().sum::<f64>() <= ltv * marked);
            if is_covered && is_secured {
                let loan = Rolled { per_year: 0.0, end: end + clause.years, spread: clause.spread, traps_cash: false };
                return Some(Grant { clause: 1, balance: amount * (1.0 + clause.fee), loan });
            }
        }
        let clause = facility.cash_trap.as_ref().filter(|_| self.used[f][2] == 0)?;
        let loan = Rolled { per_year: 0.0, end: end + clause.years, spread: clause.spread, traps_cash: true };
        Some(Grant { clause: 2, balance: amount, loan })
    }

    /// Reserves pay what cash leaves unpaid of their own facility; returns that by facility.
    fn use_reserves(&mut self, due: &[f64], available: f64) -> Vec<f64> {
        let unpaid = by_seniority(self.borrower, due, available);
        let used: Vec<f64> = zip(&unpaid, &self.reserve).map(|(unpaid, account)| unpaid.min(*account)).collect();
        for (account, used) in zip(&mut self.reserve, &used) {
            *account -= used;
            self.paid_from_reserve += used;
        }
        used
    }

    /// Cash that is left fills the reserves up to their targets, and what is above them comes back.
    fn fill_reserves(&mut self, path: &Path<'_>, step: usize) {
        let mut senior_first: Vec<usize> = (0..self.owed.len()).collect();
        senior_first.sort_by_key(|f| rank(self.borrower, *f));
        for f in senior_first {
            let facility = &self.borrower.facilities[f];
            let Some(terms) = facility.reserve else { continue };
            let (years, today, owed) = (terms.months / 12.0, path.time(step), self.owed[f]);
            let rate = path.rate(facility, step) + self.rolled[f].map_or(0.0, |loan| loan.spread);
            let in_cash = if self.rolled[f].is_some() { 1.0 } else { 1.0 - facility.pik };
            let ahead = match self.rolled[f] {
                Some(loan) if today + years >= loan.end - SAME_DATE => owed,
                Some(loan) => loan.per_year * years,
                None => {
                    let within = |later: &usize| path.time(*later) <= today + years + SAME_DATE;
                    let due = |later: usize| match self.schedules[f].maturity {
                        Some(maturity) if maturity == later => owed,
                        _ => self.schedules[f].principal[later],
                    };
                    (step + 1..=path.steps()).filter(within).map(due).sum()
                }
            };
            let target = ahead.min(owed) + owed * rate * years * in_cash;
            let filled = (target - self.reserve[f]).min(f64::max(0.0, self.cash));
            self.reserve[f] += filled;
            self.cash -= filled;
        }
    }

    /// Cash that is left repays debt: of a trapped facility all of it.
    fn sweep(&mut self, path: &Path<'_>, step: usize) {
        let mut senior_first: Vec<usize> = (0..self.owed.len()).collect();
        senior_first.sort_by_key(|f| rank(self.borrower, *f));
        for f in senior_first {
            let free = match &self.borrower.facilities[f].sweep {
                _ if self.rolled[f].is_some_and(|loan| loan.traps_cash) => self.cash,
                Some(sweep) => sweep.share * (self.cash - sweep.floor),
                None => 0.0,
            };
            let prepaid = f64::max(0.0, free.min(self.owed[f]));
            self.cash -= prepaid;
            self.owed[f] = but_for_rounding(self.owed[f] - prepaid, self.borrower.facilities[f].commitment());
            self.note("prepaid", path, step, prepaid);
        }
    }

    fn matures(&self, facility: usize, path: &Path<'_>, step: usize) -> bool {
        match self.rolled[facility] {
            None => self.schedules[facility].maturity == Some(step),
            Some(loan) => path.time(step) >= loan.end - SAME_DATE,
        }
    }

    /// A step of a borrower that has not defaulted.
    pub(crate) fn pay(&mut self, path: &Path<'_>, step: usize) {
        self.calls.seized.fill(0.0);
        if self.default.is_some() {
            return self.let_out(path, step);
        }
        let (revenue, cost) = self.operate(path, step);
        let [overhead_cut, outlays_cut] = self.cuts();
        let sold_early = self.sell_early(path, step);
        let cost = cost - overhead_cut * self.borrower.overhead_usd_per_year * path.years(step);
        for fleet in &self.borrower.fleets {
            let earned = let_out(fleet, path, step, step);
            zip(&mut self.letting, earned.met).for_each(|(steps, met)| *steps += usize::from(met));
        }
        let arrears = self.arrears.iter().sum::<f64>();
        let mut due = self.fall_due(path, step);
        let interest = due.iter().sum::<f64>() - arrears - self.instalments.iter().sum::<f64>();
        let tax = self.levy(path, step, revenue - cost - interest);
        let revenue = revenue - tax;
        let falls_in_step = |at: f64| at > path.time(step - 1) + SAME_DATE && at <= path.time(step) + SAME_DATE;
        let outlays = self.borrower.outlays.iter().filter(|outlay| falls_in_step(outlay.at));
        let outlays = (1.0 - outlays_cut) * outlays.map(|outlay| outlay.usd).sum::<f64>();
        let kept = |(facility, schedule): (&Facility, &Schedule)| {
            (1.0 - facility.draws.as_ref().map_or(1.0, |draws| draws.spent)) * schedule.drawn[step]
        };
        let kept: f64 = zip(&self.borrower.facilities, &self.schedules).map(kept).sum();
        self.convert(path, step, revenue - cost + kept - outlays, &mut due);
        self.note_flows(revenue - cost, self.service);
        let maturing: Vec<bool> = (0..due.len()).map(|f| self.matures(f, path, step)).collect();
        let total: f64 = due.iter().sum();
        let negligible = ROUNDING * total;
        let mut available = self.cash + revenue - cost + kept - outlays;
        let drawn = self.schedules.iter().map(|schedule| schedule.drawn[step]).sum();
        self.note("drawn", path, step, drawn);
        let is_short = total - available > negligible;
        let used = if is_short { self.use_reserves(&due, available) } else { vec![0.0; due.len()] };
        let due: Vec<f64> = zip(due, &used).map(|(due, used)| due - used).collect();
        let left = total - used.iter().sum::<f64>();
        let flow = available - self.cash;
        let gap = left - available;
        let mut coins = self.sell_coins(path, step, gap, negligible, &due);
        // What covers the gap covers it to the cent, however large the flows beside a small service.
        available = if gap > negligible && coins >= gap { left } else { available + coins };
        let mut unpaid = vec![0.0; due.len()];
        if left - available > negligible && total > 0.0 {
            let raised = self.roll_over(path, step, &due, available, (revenue - cost, total));
            if raised.iter().all(|raised| *raised <= 0.0) {
                let gap = left - available;
                let refused = self.sell_refused(path, step, gap, negligible);
                coins += refused;
                available = if refused >= gap { left } else { self.cash + flow + coins };
            }
            let asked: Vec<f64> = zip(&due, &raised).map(|(due, raised)| due - raised).collect();
            unpaid = by_seniority(self.borrower, &asked, available);
            unpaid.iter_mut().filter(|unpaid| **unpaid <= negligible).for_each(|unpaid| *unpaid = 0.0);
            self.cash = if available > 0.0 { f64::max(0.0, available - asked.iter().sum::<f64>()) } else { available };
            self.note("refinanced", path, step, raised.iter().sum());
        } else {
            self.cash = if total > 0.0 { f64::max(0.0, available - left) } else { available };
        }
        self.arrears.clone_from(&unpaid);
        if unpaid.iter().any(|unpaid| *unpaid > 0.0) {
            let since = *self.missed_since.get_or_insert(path.time(step));
            let lapsed = (0..due.len()).any(|f| maturing[f] && unpaid[f] > 0.0);
            let is_over = lapsed || path.time(step) - since >= self.borrower.grace - SAME_DATE;
            if is_over && self.restructure(path, step) {
                self.missed_since = None;
            } else if is_over {
                self.accelerate(path, step, if lapsed { Cause::Maturity } else { Cause::Payment });
            }
        } else {
            self.cures += usize::from(self.missed_since.take().is_some());
        }
        if self.default.is_none() {
            self.call_margins(path, step);
        }
        if self.default.is_none() {
            self.test_covenants(path, step);
        }
        if self.default.is_none() && self.arrears.iter().all(|arrears| *arrears <= 0.0) {
            self.fill_reserves(path, step);
            self.sweep(path, step);
            self.sweep_by_covenant(path, step);
            if let Some(owners) = self.borrower.distribution.filter(|_| !self.promises.locked) {
                let distributed = owners.share * f64::max(0.0, self.cash - owners.floor);
                self.cash -= distributed;
                self.note("distributed", path, step, distributed);
            }
        }
        let coins = coins + sold_early;
        self.note("treasury_sales", path, step, coins);
        self.note("debt_service_due", path, step, total);
        self.turnover += revenue + cost + total + coins;
    }

    /// All debt falls due.
    fn accelerate(&mut self, path: &Path<'_>, step: usize, cause: Cause) {
        self.default = Some((step, cause));
        self.exposure = zip(&self.owed, &self.arrears).map(|(owed, unpaid)| owed + unpaid).collect();
        self.turnover += self.exposure.iter().sum::<f64>();
        self.arrears.clone_from(&self.exposure);
        // A reserve account pays its own claim at once.
        for ((account, claim), facility) in zip(&mut self.reserve, &mut self.arrears).zip(&self.borrower.facilities) {
            let paid = claim.min(*account);
            *claim = if *account > 0.0 { but_for_rounding(*claim - paid, facility.commitment()) } else { *claim };
            self.cash += *account - paid;
            *account = 0.0;
        }
        let discount = path.level("discount", step);
        for (loss, claim) in zip(&mut self.loss, &self.arrears) {
            *loss += discount * claim;
        }
        // Cash that is left goes to claims: nobody has a lien on it.
        let cash = f64::max(0.0, self.cash);
        self.cash -= cash;
        self.note("seized", path, step, cash);
        self.pay_claims(path, step, &[(cash, Vec::new())]);
        self.operated_until = self.choose(path, step);
    }

    /// Writes down the cash that a step ends with.
    pub(crate) fn close(&mut self, path: &Path<'_>, step: usize) {
        self.note("cash", path, step, self.cash);
        self.note("reserve", path, step, self.reserve.iter().sum());
    }

    /// What is up for sale in a step; on the last one what is not is valued.
    pub(crate) fn offer(&mut self, path: &Path<'_>, step: usize) -> Vec<Offer> {
        let offers = self.offers(path, step);
        if self.default.is_some() && !self.closed && step == path.steps() {
            self.value_rest(path, step, &offers);
        }
        offers
    }

    /// Looks again at marks, and puts up what is then for sale beside what is already.
    pub(crate) fn react(&mut self, path: &Path<'_>, step: usize, offers: &mut Vec<Offer>) {
        if self.default.is_some() {
            return;
        }
        self.looks_again = true;
        self.call_margins(path, step);
        if self.default.is_none() {
            self.test_covenants_again(path, step);
        }
        self.looks_again = false;
        let now = self.offer(path, step);
        // Paid with the cash of the day: what is queued is sold all the same.
        if !now.is_empty() {
            *offers = now;
        }
    }

    /// Whether the mark of anything that it owns has fallen in the last round.
    fn sees_fall(&self, path: &Path<'_>) -> bool {
        self.holdings.iter().any(|held| path.fallen[held.asset])
    }

    /// What a borrower in default sells in a step; nothing before the delay is over.
    fn offers(&self, path: &Path<'_>, step: usize) -> Vec<Offer> {
        // A lender whose claim cash or a reserve has paid on the day sells nothing.
        if self.closed {
            return Vec::new();
        }
        let (plan, years) = (self.borrower.liquidation, path.years(step));
        let is_selling = self.default.filter(|_| !self.closed).is_some_and(|(default, _)| {
            let first = self.operated_until.unwrap_or(path.time(default) + plan.delay);
            path.time(step) >= first - SAME_DATE
        });
        let offer = |(h, held): (usize, &Holding)| {
            let part = if plan.over <= years { held.units } else { held.initial * years / plan.over };
            // What is left after the last part but rounding goes with it.
            let units = if held.units - part > 1e-9 * held.initial { part } else { held.units };
            let units = if is_selling { units } else { 0.0 };
            Offer { asset: held.asset, units: units.max(self.seized(h) * held.units) }
        };
        self.holdings.iter().enumerate().map(offer).collect()
    }

    /// What is not offered on the last date is valued, and pays claims.
    fn value_rest(&mut self, path: &Path<'_>, step: usize, offers: &[Offer]) {
        // What is not offered on the last day counts before the last sale.
        let offered = |h: usize| offers.get(h).map_or(0.0, |offer| offer.units);
        let months = 12.0 * self.borrower.liquidation.over.max(path.years(step));
        let value = |(h, held): (usize, &Holding)| {
            let price = self.price(path, step, held.asset, self.of_class(held.asset, |sold| sold.initial) / months);
            ((held.units - offered(h)) * price, held.holders.clone())
        };
        let unsold: Vec<_> = self.holdings.iter().enumerate().map(value).collect();
        self.unsold = unsold.iter().any(|(value, _)| *value > 0.0);
        for (h, held) in self.holdings.iter_mut().enumerate() {
            held.units = offered(h);
        }
        self.pay_claims(path, step, &unsold);
    }

    /// Sells what was offered at the prices of all, and pays the claims.
    pub(crate) fn settle(&mut self, path: &Path<'_>, step: usize, offers: &[Offer], prices: &[f64]) {
        if offers.is_empty() {
            return;
        }
        let received = |(h, offer): (usize, &Offer)| {
            let over = if self.seized(h) > 0.0 { 0.0 } else { self.borrower.liquidation.over };
            offer.units * in_haste(path, offer.asset, over, prices[offer.asset])
        };
        let received: Vec<f64> = offers.iter().enumerate().map(received).collect();
        if self.default.is_none() {
            zip(&mut self.holdings, offers).for_each(|(held, offer)| held.units -= offer.units);
            return self.settle_calls(path, step, &received);
        }
        let proceeds: Vec<_> =
            zip(&self.holdings, received).map(|(held, received)| (received, held.holders.clone())).collect();
        self.steps_of_sale += usize::from(proceeds.iter().map(|(amount, _)| amount).sum::<f64>() > 0.0);
        for (held, offer) in zip(&mut self.holdings, offers) {
            held.units -= offer.units;
        }
        self.pay_claims(path, step, &proceeds);
    }

    /// Pays claims by the liens on what was sold, then what security does not cover from the rest, then open bills, then owners.
    fn pay_claims(&mut self, path: &Path<'_>, step: usize, sold: &[(f64, Vec<usize>)]) {
        let discount = path.level("discount", step);
        let proceeds: f64 = sold.iter().map(|(amount, _)| amount).sum();
        let before = self.arrears.clone();
        let has_security = self.borrower.facilities.iter().any(|facility| facility.security.is_some());
        let mut estate = 0.0;
        if has_security {
            for (amount, holders) in sold {
                let claims = among(&self.arrears, holders);
                let unpaid = by_seniority(self.borrower, &claims, *amount);
                let paid: f64 = zip(&claims, &unpaid).map(|(claim, unpaid)| claim - unpaid).sum();
                self.by_lien |= paid > 0.0;
                for f in holders {
                    self.arrears[*f] = unpaid[*f];
                }
                estate += f64::max(0.0, amount - paid);
            }
            // What is unsold covers a part of what is still owed, in the same order.
            let mut uncovered = self.arrears.clone();
            for held in &self.holdings {
                let left = by_seniority(self.borrower, &among(&uncovered, &held.holders), self.worth(path, step, held));
                held.holders.iter().for_each(|f| uncovered[*f] = left[*f]);
            }
            for claims in [uncovered, vec![f64::INFINITY; before.len()]] {
                let asked = |f: usize, open: f64| match &self.borrower.facilities[f].security {
                    Some(security) if security.recourse == Recourse::Limited => 0.0,
                    _ => f64::min(claims[f], open),
                };
                let asked: Vec<f64> = self.arrears.iter().enumerate().map(|(f, open)| asked(f, *open)).collect();
                let all: f64 = asked.iter().sum();
                let part = if all > estate { estate / all } else { 1.0 };
                self.by_estate |= part * all > 0.0;
                for (open, asked) in zip(&mut self.arrears, asked) {
                    *open -= part * asked;
                    estate = f64::max(0.0, estate - part * asked);
                }
            }
        } else {
            self.arrears = by_seniority(self.borrower, &self.arrears, proceeds);
            estate = proceeds - zip(&before, &self.arrears).map(|(before, after)| before - after).sum::<f64>();
        }
        for (loss, (before, after)) in zip(&mut self.loss, zip(&before, &self.arrears)) {
            *loss -= discount * (before - after);
        }
        let bills = f64::min(estate, f64::max(0.0, -self.cash));
        self.cash += bills;
        let preferred = f64::min(estate - bills, self.borrower.preferred_usd - self.preferred);
        self.preferred += preferred;
        self.note("proceeds", path, step, proceeds);
        self.note("preferred_paid", path, step, preferred);
        self.note("residual_to_owners", path, step, estate - bills - preferred);
        self.turnover += proceeds;
        self.closed =
            self.arrears.iter().all(|claim| *claim <= 0.0) || self.holdings.iter().all(|held| held.units <= 0.0);
    }
}

/// What is left of a price for one who sells over so many years.
fn in_haste(path: &Path<'_>, asset: usize, over: f64, price: f64) -> f64 {
    let class = &path.world.trade.assets[asset];
    f64::max(price * class.patience(over), class.scrap)
}

/// The claims of some facilities; nothing of the others.
fn among(claims: &[f64], facilities: &[usize]) -> Vec<f64> {
    (0..claims.len()).map(|f| if facilities.contains(&f) { claims[f] } else { 0.0 }).collect()
}

/// What rounding leaves of a loan that is repaid is not owed.
fn but_for_rounding(owed: f64, principal: f64) -> f64 {
    if owed > ROUNDING * principal { owed } else { 0.0 }
}

/// The rank of a facility, the lowest first.
fn rank(borrower: &Borrower, facility: usize) -> usize {
    borrower.facilities[facility].rank.map_or(facility, |rank| rank as usize)
}

/// What stays unpaid of each claim when lower ranks are paid first and one rank shares in proportion.
fn by_seniority(borrower: &Borrower, claims: &[f64], available: f64) -> Vec<f64> {
    let left = |f: usize| {
        let ahead = (0..claims.len()).filter(|other| rank(borrower, *other) < rank(borrower, f));
        f64::max(0.0, available - ahead.map(|other| claims[other]).sum::<f64>())
    };
    let unpaid = |f: usize| {
        let beside = (0..claims.len()).filter(|other| rank(borrower, *other) == rank(borrower, f));
        let asked: f64 = beside.map(|other| claims[other]).sum();
        if asked > left(f) { claims[f] * (1.0 - left(f) / asked) } else { 0.0 }
    };
    (0..claims.len()).map(unpaid).collect()
}

/// What a fleet brings in a step.
struct Earned {
    /// Contracts, but for what a series says is used beyond a minimum, less what is credited, prepayments and fees.
    usd: f64,
    used: f64,
    /// Years of running machines, as a share of the fleet, that are let at spot.
    spot_years: f64,
    running_years: f64,
    /// Those that are used under contracts.
    used_years: f64,
    /// A tenant is missing, a guarantor pays a fee, invoices are credited, machines are late, a minimum is paid, more than that is.
    met: [bool; 6],
}

/// A fleet in a step, if nothing is known after the date of the step `today`.
fn let_out(fleet: &Fleet, path: &Path<'_>, step: usize, today: usize) -> Earned {
    let known = path.time(today);
    let (start, end) = (path.time(step - 1), path.time(step));
    let delivery = fleet.delivery.unwrap_or(Delivery {
        at: 0.0,
        delay_mean: 0.0,
        delay_deviation: 0.0,
        ramp: 0.0,
        contracts: ContractTerm::Dates,
    });
    let delivered = delivery.at + delivery.delay_mean;
    // While the fleet comes into use, the mean of the share in use at both ends; afterwards all of it.
    let running = |from: f64, to: f64| {
        let whole = delivered + delivery.ramp;
        let (first, last) = (from.max(delivered), to.min(whole));
        let ramping = if last > first {
            (last - first) * ((first - delivered) + (last - delivered)) / (2.0 * delivery.ramp)
        } else {
            0.0
        };
        ramping + f64::max(0.0, to - from.max(whole))
    };
    let years = running(start, end);
    let is_late = fleet.units > 0.0 && years < 0.999 * (end - start);
    let met = [false, false, false, is_late, false, false];
    let mut earned = Earned { usd: 0.0, used: 0.0, spot_years: years, running_years: years, used_years: 0.0, met };
    for contract in &fleet.contracts {
        let later = if delivery.contracts == ContractTerm::FromDelivery { delivered } else { 0.0 };
        let (from, until) = (contract.from + later, contract.until + later);
        let failure = |name: &Option<String>| {
            let date = name.as_ref().map_or(f64::INFINITY, |name| path.level(name, step));
            if date <= known { date } else { f64::INFINITY }
        };
        let tenant = failure(&contract.tenant);
        let guarantor = contract.backstop.as_ref().map_or(tenant, |backstop| failure(&backstop.guarantor));
        let fee = contract.backstop.as_ref().and_then(|backstop| backstop.termination_fee.as_ref());
        let ends = if fee.is_some() { tenant } else { tenant.max(guarantor) };
        let paid = contract.rate_usd_per_unit_hour * contract.collected * contract.share * 8760.0 * fleet.units;
        let let_years = running(start.max(from), end.min(until).min(ends));
        let void_years = running(start.max(from).max(ends), end.min(until).min(ends + contract.reletting_delay));
        // In a step to come as much is used as today.
        let usage = |step: usize, usage: &Quantity| path.read(usage, step.min(today)).min(1.0);
        let invoiced = |step: usize| match &contract.take_or_pay {
            Some(terms) => terms.minimum.max(usage(step, &terms.usage)),
            None => 1.0,
        };
        let part = contract.take_or_pay.as_ref().map_or(1.0, |terms| usage(step, &terms.usage));
        earned.used_years += contract.share * let_years * part;
        match &contract.take_or_pay {
            Some(TakeOrPay { minimum, usage: series @ Quantity::Series(_) }) => {
                let beyond = f64::max(0.0, usage(step, series) - minimum);
                earned.usd += paid * let_years * minimum;
                earned.used += paid * let_years * beyond;
                let matters = *minimum > 0.0 && *minimum < 1.0 && paid * let_years > 0.0;
                earned.met[4] |= matters && beyond <= 0.0;
                earned.met[5] |= matters && beyond > 0.0;
            }
            _ => earned.usd += paid * let_years * invoiced(step),
        }
        earned.met[0] |= paid > 0.0 && ends < end.min(until);
        earned.spot_years -= contract.share * (let_years + void_years);
        if let Some(prepayment) = &contract.prepayment {
            let years = |step: usize| {
                running(path.time(step - 1).max(from), path.time(step).min(until).min(ends)) * invoiced(step)
            };
            let credited = |last: usize| {
                let invoices = paid * (1..=last).map(years).sum::<f64>();
                prepayment.usd.min(prepayment.credited * invoices)
            };
            earned.usd -= credited(step) - credited(step - 1);
            earned.met[2] |= credited(step) > credited(step - 1);
            let is_due = |date: f64| start < date - SAME_DATE && date - SAME_DATE <= end;
            if prepayment.received.is_some_and(|date| is_due(date) && tenant > date) {
                earned.usd += prepayment.usd;
            }
        }
        if let Some(fee) = fee.filter(|_| start < tenant && tenant <= end && tenant < until && guarantor > tenant) {
            earned.usd += fee.at(tenant);
            earned.met[1] = true;
        }
    }
    earned
}
