//! Covenants of a borrower on one path, from docs/credit.md: what is tested, breached, waived, cured, accelerated.

use super::{Life, ROUNDING, SAME_DATE, but_for_rounding, let_out, rank};
use crate::path::Path;
use haircut::credit::{Cause, Covenant, CovenantTest, Response};

/// What is remembered of covenants.
#[derive(Default)]
pub(super) struct Promises {
    /// Cash flow and debt service, by step.
    flows: Vec<[f64; 2]>,
    /// By covenant since when it has been breached, and whether that is waived.
    breaches: Vec<Option<(f64, bool)>>,
    /// What owners have paid for cures, and how often.
    paid: f64,
    cures: u32,
    /// The step of the last one.
    cured_in: usize,
    /// By covenant the date of its last breach.
    began: Vec<f64>,
    pub(super) locked: bool,
    swept: f64,
}

impl Life<'_> {
    /// Writes down the cash flow of a step and the service that falls due in it.
    pub(super) fn note_flows(&mut self, cash_flow: f64, service: f64) {
        self.promises.flows.push([cash_flow, service]);
    }

    /// The parts of the steps up to this one that lie in a window of so many years; none before a whole window has passed.
    fn covered(path: &Path<'_>, step: usize, years: f64) -> Option<Vec<(usize, f64)>> {
        let begin = path.time(step) - years;
        if begin < -SAME_DATE {
            return None;
        }
        let part = |other: usize| {
            let inside = path.time(other) - f64::max(begin, path.time(other - 1));
            if other == step { 1.0 } else { (inside / path.years(other)).clamp(0.0, 1.0) }
        };
        Some((1..=step).map(|other| (other, part(other))).filter(|(_, part)| *part > SAME_DATE).collect())
    }

    /// What a test lacks of its promise.
    fn lack(&self, path: &Path<'_>, step: usize, covenant: &Covenant) -> f64 {
        let owed: f64 = self.owed.iter().chain(&self.arrears).sum();
        let more_than = |bound: f64, lack: f64| if lack > ROUNDING * bound { lack } else { 0.0 };
        if owed <= 0.0 || path.time(step) < covenant.from - SAME_DATE {
            return 0.0;
        }
        match &covenant.test {
            CovenantTest::Dscr { at_least, years } => {
                let Some(steps) = Self::covered(path, step, *years) else { return 0.0 };
                let sum = |which: usize| -> f64 {
                    steps.iter().map(|(other, part)| part * self.promises.flows[other - 1][which]).sum()
                };
                let asked = at_least * sum(1);
                if asked > 0.0 { more_than(asked, asked - sum(0)) } else { 0.0 }
            }
            CovenantTest::Ltv { at_most } => {
                let marked: f64 = self.holdings.iter().map(|held| held.units * path.mark(held.asset, step)).sum();
                more_than(owed, owed - at_most * marked)
            }
            CovenantTest::Liquidity { at_least } => {
                let free = self.holdings.iter().filter(|held| held.are_coins && held.named_by.is_empty());
                let coins: f64 = free.map(|held| held.units * path.mark(held.asset, step)).sum();
                more_than(*at_least, at_least - self.cash - coins)
            }
            CovenantTest::Utilisation { fleet, at_least, years } => {
                let Some(steps) = Self::covered(path, step, *years) else { return 0.0 };
                let fleet = self.borrower.fleets.iter().find(|known| known.name == *fleet).unwrap();
                let (mut lit, mut all) = (0.0, 0.0);
                for (other, part) in steps {
                    let earned = let_out(fleet, path, other, other);
                    lit += part * (earned.used_years + earned.spot_years * path.read(&fleet.utilisation, other));
                    all += part * earned.running_years;
                }
                more_than(all, at_least * all - lit)
            }
        }
    }

    /// What is cut of overhead and of outlays, because a covenant was breached on the last date.
    pub(super) fn cuts(&self) -> [f64; 2] {
        self.response().map_or([0.0; 2], |response| [response.overhead_cut, response.outlays_cut])
    }

    /// What the management does because a covenant was breached on the last date.
    fn response(&self) -> Option<&Response> {
        let response = self.borrower.response.as_ref()?;
        let position = self.borrower.covenants.iter().position(|covenant| covenant.name == response.covenant).unwrap();
        self.promises.breaches.get(position)?.and(Some(response))
    }

    /// What coins bring that are sold early.
    pub(super) fn sell_early(&mut self, path: &Path<'_>, step: usize) -> f64 {
        let Some(terms) = self.response().and_then(|response| response.coin_sales) else { return 0.0 };
        let mut raised = 0.0;
        for coins in self.holdings.iter_mut().filter(|held| held.are_coins && held.named_by.is_empty()) {
            let mark = path.mark(coins.asset, step);
            let pace = if terms.over > 0.0 { f64::min(1.0, path.years(step) / terms.over) } else { 1.0 };
            let surplus = f64::max(0.0, coins.units - terms.kept * coins.at_first);
            let sold = f64::min(surplus, (1.0 - terms.kept) * coins.at_first * pace);
            if mark > 0.0 {
                coins.units -= sold;
                raised += sold * mark;
            }
        }
        self.cash += raised;
        self.sold_early |= raised > 0.0;
        raised
    }

    /// Tests every covenant after the payments of a step.
    pub(super) fn test_covenants(&mut self, path: &Path<'_>, step: usize) {
        let borrower = self.borrower;
        self.promises.locked = false;
        self.promises.swept = 0.0;
        self.promises.breaches.resize(borrower.covenants.len(), None);
        self.promises.began.resize(borrower.covenants.len(), 0.0);
        for (index, covenant) in borrower.covenants.iter().enumerate() {
            if self.default.is_some() {
                break;
            }
            let lack = self.lack(path, step, covenant);
            if lack <= 0.0 {
                self.promises.breaches[index] = None;
                continue;
            }
            let now = path.time(step);
            // A waiver that is drawn is not known beforehand: here it is certain or there is none.
            let certain = covenant.acceleration.is_some_and(|acceleration| acceleration.waiver >= 1.0);
            let (since, waived) = self.promises.breaches[index].unwrap_or_else(|| {
                self.note("breach", path, step, 1.0);
                self.note("waiver", path, step, if certain { 1.0 } else { 0.0 });
                (now, certain)
            });
            self.promises.breaches[index] = Some((since, waived));
            self.promises.began[index] = since;
            if let Some(acceleration) = covenant.acceleration.filter(|_| !waived)
                && now - since >= acceleration.cure - SAME_DATE
            {
                if self.cure(path, step, covenant, lack) || self.support_breach(path, step, covenant, lack) {
                    self.promises.breaches[index] = None;
                    continue;
                }
                self.note("acceleration", path, step, 1.0);
                self.accelerate(path, step, Cause::Covenant);
                continue;
            }
            self.promises.locked = true;
            self.promises.swept = self.promises.swept.max(covenant.sweep);
        }
        self.note("lock_up", path, step, if self.promises.locked { 1.0 } else { 0.0 });
    }

    /// Tests again, at marks that have fallen within the step, what accelerates at once.
    pub(super) fn test_covenants_again(&mut self, path: &Path<'_>, step: usize) {
        let borrower = self.borrower;
        if !self.sees_fall(path) {
            return;
        }
        for (index, covenant) in borrower.covenants.iter().enumerate() {
            let is_at_once = covenant.acceleration.is_some_and(|acceleration| acceleration.cure <= SAME_DATE);
            let is_tested = is_at_once && matches!(covenant.test, CovenantTest::Ltv { .. });
            let goes_on = self.promises.breaches[index].is_some();
            if !is_tested || goes_on || self.default.is_some() || self.is_restructured_in(step) {
                continue;
            }
            let lack = self.lack(path, step, covenant);
            if lack <= 0.0 {
                continue;
            }
            let now = path.time(step);
            if self.promises.began[index] < now {
                self.promises.began[index] = now;
                self.note("breach", path, step, 1.0);
                if covenant.acceleration.is_some_and(|acceleration| acceleration.waiver >= 1.0) {
                    self.note("waiver", path, step, 1.0);
                    self.promises.breaches[index] = Some((now, true));
                    continue;
                }
            }
            if self.cure(path, step, covenant, lack) || self.support_breach(path, step, covenant, lack) {
                self.again[1] += 1;
                continue;
            }
            self.again[2] += 1;
            self.note("acceleration", path, step, 1.0);
            self.accelerate(path, step, Cause::Covenant);
        }
    }

    /// Whether owners pay what the test lacks.
    fn cure(&mut self, path: &Path<'_>, step: usize, covenant: &Covenant, lack: f64) -> bool {
        let Some(equity) = &self.borrower.equity_cure else { return false };
        let available = equity.most * path.read(&equity.availability, step).clamp(0.0, 1.0);
        // What lower marks of one date ask for more is the same cure.
        let goes_on = self.looks_again && self.promises.cured_in == step;
        if (self.promises.cures >= equity.times && !goes_on) || lack * (1.0 - ROUNDING) > available - self.promises.paid
        {
            return false;
        }
        if !self.mend(path, step, covenant, lack) {
            return false;
        }
        self.promises.paid += lack;
        self.promises.cures += u32::from(!goes_on);
        self.promises.cured_in = step;
        self.note("equity_cure", path, step, if goes_on { 0.0 } else { 1.0 });
        self.note("injected", path, step, lack);
        self.turnover += lack;
        true
    }

    /// What is put in makes a covenant hold, if anything does.
    pub(super) fn mend(&mut self, path: &Path<'_>, step: usize, covenant: &Covenant, lack: f64) -> bool {
        match covenant.test {
            CovenantTest::Utilisation { .. } => return false,
            CovenantTest::Ltv { .. } if self.owed.iter().sum::<f64>() < lack * (1.0 - ROUNDING) => return false,
            CovenantTest::Ltv { .. } => self.prepay(path, step, lack),
            CovenantTest::Liquidity { .. } => self.cash += lack,
            CovenantTest::Dscr { .. } => {
                self.cash += lack;
                self.promises.flows[step - 1][0] += lack;
            }
        }
        true
    }

    fn prepay(&mut self, path: &Path<'_>, step: usize, amount: f64) {
        // One after the other, even those of one rank, as a sweep does.
        let mut rest = amount;
        let mut senior_first: Vec<usize> = (0..self.owed.len()).collect();
        senior_first.sort_by_key(|f| rank(self.borrower, *f));
        for f in senior_first {
            let paid = f64::min(rest, self.owed[f]);
            rest -= paid;
            self.owed[f] = but_for_rounding(self.owed[f] - paid, self.borrower.facilities[f].commitment());
            self.note("prepaid", path, step, paid);
        }
    }

    /// Cash repays debt where a covenant asks for it.
    pub(super) fn sweep_by_covenant(&mut self, path: &Path<'_>, step: usize) {
        let amount = f64::min(self.promises.swept * f64::max(0.0, self.cash), self.owed.iter().sum());
        self.cash -= amount;
        self.prepay(path, step, amount);
    }
}
