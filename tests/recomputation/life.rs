//! A borrower on one path, step by step, as docs/credit.md tells it: operations, payment, refinancing, default, claims.

use crate::path::Path;
use crate::schedule::{SAME_DATE, Schedule};
use haircut::credit::{Borrower, Cause, Quantity};
use std::collections::HashMap;
use std::iter::zip;

/// A shortfall below this part of what is due is rounding.
const ROUNDING: f64 = 1e-12;

/// Units of one class.
struct Holding {
    asset: usize,
    initial: f64,
    units: f64,
}

/// A balloon that was refinanced.
#[derive(Clone, Copy, Default)]
struct Renewal {
    balance: f64,
    per_year: f64,
    end: f64,
    spread: f64,
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
    arrears: Vec<f64>,
    renewals: Vec<Renewal>,
    missed_since: Option<f64>,
    /// All claims are paid or nothing is left to sell.
    closed: bool,
    pub(crate) default: Option<(usize, Cause)>,
    /// Date until which the lender lets the machines, if it does.
    operated_until: Option<f64>,
    pub(crate) steps_of_letting: usize,
    pub(crate) exposure: Vec<f64>,
    pub(crate) loss: Vec<f64>,
    /// Metrics by step; a step that is not named is zero.
    pub(crate) metrics: HashMap<&'static str, Vec<f64>>,
    /// All amounts that passed through, which rounding errors are a part of.
    pub(crate) turnover: f64,
    pub(crate) cures: usize,
    pub(crate) steps_of_sale: usize,
    /// Something was unsold and claims were open at the horizon.
    pub(crate) unsold: bool,
}

impl<'a> Life<'a> {
    pub(crate) fn new(borrower: &'a Borrower, path: &Path<'_>) -> Self {
        let holding = |asset: &str, units: f64| Holding { asset: path.asset(asset), initial: units, units };
        let fleets = borrower.fleets.iter().map(|fleet| holding(&fleet.asset, fleet.units));
        let miners = borrower.miners.iter().map(|miners| holding(&miners.asset, miners.units));
        let coins = borrower.treasury.iter().map(|coins| holding(&coins.asset, coins.units));
        let facilities = borrower.facilities.len();
        Life {
            borrower,
            schedules: borrower.facilities.iter().map(|facility| Schedule::new(facility, &path.world.grid)).collect(),
            holdings: fleets.chain(miners).chain(coins).collect(),
            cash: borrower.cash,
            arrears: vec![0.0; facilities],
            renewals: vec![Renewal::default(); facilities],
            missed_since: None,
            closed: false,
            default: None,
            operated_until: None,
            steps_of_letting: 0,
            exposure: vec![0.0; facilities],
            loss: vec![0.0; facilities],
            metrics: HashMap::new(),
            turnover: borrower.cash,
            cures: 0,
            steps_of_sale: 0,
            unsold: false,
        }
    }

    fn note(&mut self, metric: &'static str, path: &Path<'_>, step: usize, amount: f64) {
        self.metrics.entry(metric).or_insert_with(|| vec![0.0; path.steps() + 1])[step] += amount;
    }

    /// Revenue and cost of a step.
    fn operate(&self, path: &Path<'_>, step: usize) -> (f64, f64) {
        let (start, end, years) = (path.time(step - 1), path.time(step), path.years(step));
        let (mut revenue, mut cost) = (0.0, self.borrower.overhead_usd_per_year * years);
        for fleet in &self.borrower.fleets {
            let hours = 8760.0 * years * fleet.units;
            let (mut contracted, mut shares) = (0.0, 0.0);
            for contract in &fleet.contracts {
                let in_force = f64::max(0.0, end.min(contract.until) - start.max(contract.from)) / years;
                contracted += in_force * contract.share * contract.rate_usd_per_unit_hour * contract.collected;
                shares += in_force * contract.share;
            }
            let spot = fleet.rent_share * path.read(&fleet.rent, step) * path.read(&fleet.utilisation, step);
            revenue += hours * (contracted + (1.0 - shares) * spot);
            let power = fleet.power_kw_per_unit * fleet.pue * path.read(&fleet.power_usd_per_kwh, step);
            cost += hours * (power + fleet.opex_usd_per_unit_hour);
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

    /// What is due to each facility at the end of a step, and its principal not yet due after that.
    fn fall_due(&mut self, path: &Path<'_>, step: usize) -> (Vec<f64>, Vec<f64>) {
        let (end, years) = (path.time(step), path.years(step));
        let mut due = Vec::new();
        let mut balance = Vec::new();
        for (f, facility) in self.borrower.facilities.iter().enumerate() {
            let (schedule, renewal) = (&self.schedules[f], &mut self.renewals[f]);
            let coupon = path.rate(facility, step);
            let rate = coupon + renewal.spread;
            let renewed_interest = renewal.balance * rate * years;
            let last = end >= renewal.end - SAME_DATE;
            let instalment = if last { renewal.balance } else { renewal.balance.min(renewal.per_year * years) };
            renewal.balance -= instalment;
            let scheduled = schedule.balance[step - 1] * coupon * years + schedule.principal[step];
            due.push(scheduled + self.arrears[f] * (1.0 + rate * years) + renewed_interest + instalment);
            balance.push(schedule.balance[step] + renewal.balance);
        }
        (due, balance)
    }

    /// Coins are sold at their marks, in the listed order, for what is missing; returns what they bring.
    fn sell_coins(&mut self, path: &Path<'_>, step: usize, mut missing: f64, negligible: f64) -> f64 {
        let first_coin = self.holdings.len() - self.borrower.treasury.len();
        let mut raised = 0.0;
        for coins in &mut self.holdings[first_coin..] {
            let mark = path.mark(coins.asset, step);
            if missing > negligible && mark > 0.0 {
                let units = f64::min(missing / mark, coins.units);
                coins.units -= units;
                missing -= units * mark;
                raised += units * mark;
            }
        }
        raised
    }

    /// Everything at the price that the borrower alone would get at its planned pace.
    fn executable(&self, path: &Path<'_>, step: usize) -> f64 {
        let months = 12.0 * self.borrower.liquidation.over.max(path.years(step));
        let value = |held: &Holding| held.units * self.price(path, step, held.asset, held.units / months);
        self.holdings.iter().map(value).sum()
    }

    /// What this borrower gets for a unit when so many are sold a month.
    fn price(&self, path: &Path<'_>, step: usize, asset: usize, units_per_month: f64) -> f64 {
        self.in_haste(path, asset, path.net_price(asset, step, units_per_month))
    }

    fn in_haste(&self, path: &Path<'_>, asset: usize, price: f64) -> f64 {
        let class = &path.world.trade.assets[asset];
        f64::max(price * class.patience(self.borrower.liquidation.over), class.scrap)
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
            let (start, end, years) = (path.time(step - 1), path.time(step), path.years(step));
            let ahead = end - path.time(today);
            let agreed = self.part_operated(path, today, step) * f64::exp(-terms.discount_rate * ahead);
            let falling = agreed * f64::exp(-terms.revenue_decline * ahead);
            let weight = |moves: bool| if moves { falling } else { agreed };
            income -= agreed * self.borrower.overhead_usd_per_year * years;
            for fleet in &self.borrower.fleets {
                let hours = 8760.0 * years * fleet.units;
                let (mut contracted, mut shares) = (0.0, 0.0);
                for contract in &fleet.contracts {
                    let in_force = f64::max(0.0, end.min(contract.until) - start.max(contract.from)) / years;
                    contracted += in_force * contract.share * contract.rate_usd_per_unit_hour * contract.collected;
                    shares += in_force * contract.share;
                }
                let moves = [&fleet.rent, &fleet.utilisation].iter().any(|read| matches!(read, Quantity::Series(_)));
                let spot = fleet.rent_share * path.read(&fleet.rent, today) * path.read(&fleet.utilisation, today);
                income += kept * hours * (agreed * contracted + weight(moves) * (1.0 - shares) * spot);
                let power = fleet.power_kw_per_unit * fleet.pue * path.read(&fleet.power_usd_per_kwh, today);
                income -= agreed * hours * (power + fleet.opex_usd_per_unit_hour);
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
        let claim: f64 = self.exposure.iter().sum();
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
            self.pay_claims(path, step, income);
        }
    }

    /// What each maturing facility lends again; nothing at all if one of them may not.
    fn refinance(
        &mut self,
        path: &Path<'_>,
        step: usize,
        due: &[f64],
        balance: &mut [f64],
        available: f64,
    ) -> Vec<f64> {
        let mut missing = due.iter().sum::<f64>() - available;
        let mut raised = vec![0.0; due.len()];
        let mut junior_first: Vec<usize> = (0..due.len()).rev().collect();
        junior_first.sort_by_key(|f| std::cmp::Reverse(rank(self.borrower, *f)));
        for f in junior_first {
            if self.matures(f, step) && self.borrower.facilities[f].refinancing.is_some() {
                raised[f] = due[f].min(missing);
                missing -= raised[f];
            }
        }
        let unpaid = by_seniority(
            self.borrower,
            &zip(due, &raised).map(|(due, raised)| due - raised).collect::<Vec<_>>(),
            available,
        );
        let executable = self.executable(path, step);
        let owed = |f: usize| balance[f] + unpaid[f] + raised[f];
        for (f, facility) in self.borrower.facilities.iter().enumerate() {
            let not_junior = |other: &usize| *other != f && rank(self.borrower, *other) <= rank(self.borrower, f);
            let senior: f64 = (0..due.len()).filter(not_junior).map(owed).sum();
            let limit = |advance_rate: f64| f64::max(0.0, advance_rate * executable - senior);
            if facility.refinancing.as_ref().is_some_and(|clause| raised[f] > limit(clause.advance_rate)) {
                return vec![0.0; due.len()];
            }
        }
        for (f, facility) in self.borrower.facilities.iter().enumerate() {
            if let Some(clause) = facility.refinancing.as_ref().filter(|_| raised[f] > 0.0) {
                self.renewals[f] = Renewal {
                    balance: raised[f],
                    per_year: raised[f] / clause.tenor,
                    end: path.time(step) + clause.tenor,
                    spread: clause.spread,
                };
                balance[f] += raised[f];
            }
        }
        raised
    }

    fn matures(&self, facility: usize, step: usize) -> bool {
        self.schedules[facility].maturity == Some(step)
    }

    /// A step of a borrower that has not defaulted.
    pub(crate) fn pay(&mut self, path: &Path<'_>, step: usize) {
        if self.default.is_some() {
            return self.let_out(path, step);
        }
        let (revenue, cost) = self.operate(path, step);
        let (due, mut balance) = self.fall_due(path, step);
        let total: f64 = due.iter().sum();
        let negligible = ROUNDING * total;
        let mut available = self.cash + revenue - cost;
        let coins = self.sell_coins(path, step, total - available, negligible);
        available += coins;
        let mut unpaid = vec![0.0; due.len()];
        if total - available > negligible && total > 0.0 {
            let raised = self.refinance(path, step, &due, &mut balance, available);
            let asked: Vec<f64> = zip(&due, &raised).map(|(due, raised)| due - raised).collect();
            unpaid = by_seniority(self.borrower, &asked, available);
            unpaid.iter_mut().filter(|unpaid| **unpaid <= negligible).for_each(|unpaid| *unpaid = 0.0);
            self.cash = if available > 0.0 { f64::max(0.0, available - asked.iter().sum::<f64>()) } else { available };
            self.note("refinanced", path, step, raised.iter().sum());
        } else {
            self.cash = if total > 0.0 { f64::max(0.0, available - total) } else { available };
        }
        self.arrears.clone_from(&unpaid);
        if unpaid.iter().any(|unpaid| *unpaid > 0.0) {
            let since = *self.missed_since.get_or_insert(path.time(step));
            let lapsed = (0..due.len()).any(|f| self.matures(f, step) && unpaid[f] > 0.0);
            if lapsed || path.time(step) - since >= self.borrower.grace - SAME_DATE {
                self.default = Some((step, if lapsed { Cause::Maturity } else { Cause::Payment }));
                self.exposure = zip(&balance, &unpaid).map(|(balance, unpaid)| balance + unpaid).collect();
                self.arrears.clone_from(&self.exposure);
                let discount = path.level("discount", step);
                self.loss = self.exposure.iter().map(|exposure| discount * exposure).collect();
                self.operated_until = self.choose(path, step);
            }
        } else {
            self.cures += usize::from(self.missed_since.take().is_some());
            if let Some(owners) = &self.borrower.distribution {
                let distributed = owners.share * f64::max(0.0, self.cash - owners.floor);
                self.cash -= distributed;
                self.note("distributed", path, step, distributed);
            }
        }
        self.note("treasury_sales", path, step, coins);
        self.note("debt_service_due", path, step, total);
        self.turnover += revenue + cost + total + coins;
    }

    /// Writes down the cash that a step ends with.
    pub(crate) fn close(&mut self, path: &Path<'_>, step: usize) {
        self.note("cash", path, step, self.cash);
    }

    /// What a borrower in default sells in a step; nothing before the delay is over.
    pub(crate) fn offers(&self, path: &Path<'_>, step: usize) -> Vec<Offer> {
        let Some((default, _)) = self.default.filter(|_| !self.closed) else { return Vec::new() };
        let (plan, years) = (self.borrower.liquidation, path.years(step));
        let first = self.operated_until.unwrap_or(path.time(default) + plan.delay);
        if path.time(step) < first - SAME_DATE {
            return Vec::new();
        }
        let offer = |held: &Holding| {
            let part = if plan.over <= years { held.units } else { held.initial * years / plan.over };
            // What is left after the last part but rounding goes with it.
            let units = if held.units - part > 1e-9 * held.initial { part } else { held.units };
            Offer { asset: held.asset, units }
        };
        self.holdings.iter().map(offer).collect()
    }

    /// Sells what was offered at the prices of all, values the rest at the horizon, and pays the claims.
    pub(crate) fn settle(&mut self, path: &Path<'_>, step: usize, offers: &[Offer], prices: &[f64]) {
        if self.default.is_none() || self.closed {
            return;
        }
        let mut sold = Vec::new();
        for (held, offer) in zip(&mut self.holdings, offers) {
            held.units -= offer.units;
            sold.push((offer.asset, offer.units));
        }
        let mut proceeds: f64 =
            sold.iter().map(|(asset, units)| units * self.in_haste(path, *asset, prices[*asset])).sum();
        self.steps_of_sale += usize::from(proceeds > 0.0);
        if step == path.steps() {
            let months = 12.0 * self.borrower.liquidation.over.max(path.years(step));
            let value = |held: &Holding| held.units * self.price(path, step, held.asset, held.initial / months);
            let unsold: f64 = self.holdings.iter().map(value).sum();
            self.unsold = unsold > 0.0;
            proceeds += unsold;
        }
        self.pay_claims(path, step, proceeds);
    }

    /// Pays claims by rank, then open bills, then owners.
    fn pay_claims(&mut self, path: &Path<'_>, step: usize, proceeds: f64) {
        let discount = path.level("discount", step);
        let unpaid = by_seniority(self.borrower, &self.arrears, proceeds);
        let mut left = proceeds;
        for f in 0..unpaid.len() {
            let recovered = self.arrears[f] - unpaid[f];
            self.loss[f] -= discount * recovered;
            left -= recovered;
        }
        let bills = f64::min(left, f64::max(0.0, -self.cash));
        self.cash += bills;
        self.note("proceeds", path, step, proceeds);
        self.note("residual_to_owners", path, step, left - bills);
        self.turnover += proceeds;
        self.closed = unpaid.iter().all(|claim| *claim <= 0.0) || self.holdings.iter().all(|held| held.units <= 0.0);
        self.arrears = unpaid;
    }
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
