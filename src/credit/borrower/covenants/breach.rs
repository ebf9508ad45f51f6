//! What follows where a covenant does not hold: lock-up, waiver, cure, acceleration, and a sweep of cash.

use super::{Covenants, LACK, PlannedCovenant, PlannedEquity, Test};
use crate::credit::borrower::debt::Debt;
use crate::credit::borrower::margin::Look;
use crate::credit::borrower::metrics::Metric;
use crate::credit::borrower::month::{DEFAULTS, Stepper};
use crate::credit::borrower::paths::{Few, Paths, each};
use crate::credit::borrower::payment::{NOTHING, why};
use crate::credit::borrower::standing::is_performing;
use crate::credit::covenant::Acceleration;
use crate::credit::obligor::ObligorBlock;
use crate::credit::quantity::Reading;
use crate::credit::schedule::{ROUNDING, SAME_DATE};
use crate::market::{OwnLane, OwnLanes, ReadLanes};
use crate::numeric::{Lane, Step};
use crate::sample::{StreamKey, event};
use crate::vectorised;

/// Among the scratch lanes on which paths a breach begins, and room for what tests look at.
const BEGINS: usize = 1;

impl PlannedCovenant {
    /// Whether lenders waive a breach that begins on a path in a step.
    pub(super) fn is_waived(&self, probability: f64, path: u64, step: u64, key: &StreamKey) -> bool {
        let [word, ..] = key.event(path, self.first_event + step);
        event::uniform(word) < probability
    }

    /// On which of the paths that are marked lenders waive the breach that begins.
    fn waive(&self, paths: Paths<'_>, probability: f64, block: &mut ObligorBlock<'_>, waivers: Option<OwnLane>) {
        let (own, step) = (&mut block.own, block.step.index as u64);
        for path in paths.flags(&block.scratch[BEGINS]) {
            if self.is_waived(probability, block.first_path + path as u64, step, block.key) {
                own[self.waived][path] = 1.0;
                if let Some(lane) = waivers {
                    own[lane][path] += 1.0;
                }
            }
        }
    }
}

impl PlannedEquity {
    /// Whether owners find so much on this path, for so many more cures.
    fn reaches(&self, [need, cures]: [f64; 2], path: usize, own: &OwnLanes<'_>, read: ReadLanes<'_>) -> bool {
        let Reading { constant, series } = self.availability;
        let available = (constant * series.map_or(1.0, |series| read[series][path])).clamp(0.0, 1.0);
        own[self.taken][path] + cures <= f64::from(self.terms.times)
            && need * (1.0 - ROUNDING) <= self.terms.most * available - own[self.paid][path]
    }
}

impl Stepper {
    /// Tests covenants after the payments of the step, and does what follows where one does not hold.
    pub(in super::super) fn test_covenants(&self, block: &mut ObligorBlock<'_>) {
        let Some(covenants) = &self.covenants else { return };
        let Step { index, end: now, .. } = block.step;
        let in_lanes = self.makes_every_pass | self.metrics.any;
        if covenants.has_lettings {
            self.note_lettings(covenants, block);
        }
        covenants.locks.set(&mut block.own, false);
        if in_lanes {
            covenants.lock(&mut block.own);
        }
        for (position, covenant) in covenants.list.iter().enumerate().filter(|(_, covenant)| index >= covenant.first) {
            let is_implied = covenants.holds_by_another(covenant, &block.own);
            if is_implied & !covenant.is_breached.is_on(&block.own) & !in_lanes {
                covenant.fails.set(&mut block.own, false);
                continue;
            }
            let Some(lacking) = self.lack(covenants, covenant, block) else { continue };
            covenant.fails.set(&mut block.own, lacking > 0);
            if (lacking == 0) & !covenant.is_breached.is_on(&block.own) & !in_lanes {
                continue;
            }
            let [lack, begins, owed, ..] = &mut *block.scratch;
            let few = if in_lanes { None } else { Few::flagged_by(lack, lacking, &block.own[covenant.breached]) };
            let paths = Few::or_all(few.as_ref());
            self.debt.owed(paths, block.step, &block.own, owed);
            let [breached, since, waived] = block.own.many([covenant.breached, covenant.since, covenant.waived]);
            let [failing, new] = breach(paths, now, owed, lack, begins, [breached, since, waived]);
            covenant.is_breached.set(&mut block.own, failing > 0);
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
                    covenant.waive(paths, waiver, block, self.metrics.lane(Metric::Waiver));
                }
                let defaults = &mut block.scratch[DEFAULTS];
                let [breached, since, waived] = block.own.many([covenant.breached, covenant.since, covenant.waived]);
                if lapse(paths, [now, cure - SAME_DATE], breached, since, waived, defaults) > 0 {
                    accelerated = self.cure(covenants, position, paths, block);
                }
            }
            covenants.lock(&mut block.own);
            let [lack, ..] = &mut *block.scratch;
            let [locked, swept] = block.own.many([covenants.locked, covenants.swept]);
            lock_up(paths, covenant.sweep, lack, locked, swept);
            if accelerated > 0 {
                self.default(block);
            }
        }
        if in_lanes {
            self.metrics.copy_own(&mut block.own, Metric::LockUp, covenants.locked);
        }
    }

    /// On the paths that are marked to default owners or a sponsor cure the breach, and the mark goes; counts those on which they do not, and leaves
    /// no other mark on any path. Either way nothing lacks on these paths any more that would lock up.
    fn cure(&self, covenants: &Covenants, position: usize, paths: Paths<'_>, block: &mut ObligorBlock<'_>) -> usize {
        let mut accelerated = 0;
        let lapsed = paths.flags(&block.scratch[DEFAULTS]);
        block.scratch[DEFAULTS].fill(0.0);
        for path in lapsed {
            if self.cure_on(covenants, position, Look::First, path, block) {
                block.own[covenants.list[position].breached][path] = 0.0;
            } else {
                block.scratch[DEFAULTS][path] = why::COVENANT;
                self.metrics.add_on(&mut block.own, Metric::Acceleration, path, 1.0);
                accelerated += 1;
            }
            block.scratch[LACK][path] = 0.0;
        }
        accelerated
    }

    /// Whether owners or a sponsor cure a breach on a path; then it is cured.
    pub(super) fn cure_on(
        &self,
        covenants: &Covenants,
        position: usize,
        look: Look,
        path: usize,
        block: &mut ObligorBlock<'_>,
    ) -> bool {
        let need = block.scratch[LACK][path];
        let step = block.step.index as f64;
        // What lower marks of one date ask for more is one cure with what was put in on that date.
        let goes_on = |equity: &PlannedEquity| {
            look == Look::Again && equity.last.is_some_and(|last| block.own[last][path] >= step)
        };
        let equity = covenants.equity.as_ref().map(|equity| (equity, if goes_on(equity) { 0.0 } else { 1.0 }));
        let equity = equity.filter(|(equity, cures)| equity.reaches([need, *cures], path, &block.own, block.read));
        let Some((equity, cures)) = equity.filter(|_| self.mend(covenants, position, need, path, block)) else {
            return self.support_breach(covenants, position, need, look, path, block);
        };
        let own = &mut block.own;
        own[equity.paid][path] += need;
        own[equity.taken][path] += cures;
        if let Some(last) = equity.last {
            own[last][path] = step;
        }
        self.metrics.add_on(own, Metric::EquityCure, path, cures);
        self.metrics.add_on(own, Metric::Injected, path, need);
        true
    }

    /// Whether a covenant holds on a path once so much is put in; then it is, and holds. Nothing mends a utilisation.
    pub(in super::super) fn mend(
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
                    own[flows.cfads.total(step.index)][path] += need;
                }
            }
            Test::Liquidity { .. } => own[self.cash][path] += need,
            Test::Ltv { .. } if self.debt.not_yet_due(step, path, own) < need * (1.0 - ROUNDING) => return false,
            Test::Ltv { .. } => {
                self.repay(need, path, step, own);
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
    pub(in super::super) fn sweep_by_covenant(&self, block: &mut ObligorBlock<'_>) {
        let Some(covenants) = self.covenants.as_ref() else { return };
        let own = &mut block.own;
        let in_lanes = self.makes_every_pass | self.metrics.any;
        if !covenants.locks.is_on(own) || covenants.list.iter().all(|covenant| covenant.sweep == 0.0) {
            return;
        }
        let [left, _, _, short, ..] = &mut *block.scratch;
        let few = if in_lanes { None } else { Few::flagged_by(&own[covenants.locked], 0, &NOTHING) };
        let paths = Few::or_all(few.as_ref());
        if free(paths, &own[self.standing], short, &own[covenants.swept], &own[self.cash], left) == 0 {
            return;
        }
        for facility in self.debt.ranks.iter().flatten().map(|index| &self.debt.facilities[*index]) {
            let Some(apart) = &facility.apart else { continue };
            apart.part(&facility.schedule, block.step.index, own);
            let [cash, balance, prepaid] = own.many([self.cash, apart.balance, covenants.prepaid]);
            prepay(paths, facility.schedule.negligible, left, [cash, balance, prepaid]);
            facility.metrics.show_prepayment(own, covenants.prepaid);
            self.metrics.add_own(own, Metric::Prepaid, covenants.prepaid);
        }
    }
}

impl Covenants {
    /// Whether a covenant holds on all paths because one before it does that asks for more.
    fn holds_by_another(&self, covenant: &PlannedCovenant, own: &OwnLanes<'_>) -> bool {
        covenant.implied_by.is_some_and(|other| !self.list[other].fails.is_on(own))
    }

    /// Where owners get nothing at this date, one, else zero; if they do not on some path.
    pub(in super::super) fn locked(&self, own: &OwnLanes<'_>) -> Option<OwnLane> {
        self.locks.is_on(own).then_some(self.locked)
    }

    /// Owners may get nothing on some path at this date.
    fn lock(&self, own: &mut OwnLanes<'_>) {
        if !self.locks.is_on(own) {
            self.locks.set(own, true);
            own[self.locked].fill(0.0);
            own[self.swept].fill(0.0);
        }
    }
}

impl Debt {
    /// What is owed on a path and not yet due.
    fn not_yet_due(&self, step: Step, path: usize, own: &OwnLanes<'_>) -> f64 {
        self.facilities.iter().map(|facility| facility.balance(step.index, own).on(path)).sum()
    }
}

vectorised! {
    /// Where a covenant that binds is breached, and since when; counts the breaches, and those that begin.
    fn breach(
        paths: Paths<'_>, now: f64, owed: &Lane, lack: &mut Lane, begins: &mut Lane, state: [&mut Lane; 3]
    ) -> [u64; 2] {
        let [breached, since, waived] = state;
        let (mut failing, mut new) = (0, 0);
        each!(i in paths, {
            let fails = (lack[i] > 0.0) & (owed[i] > 0.0);
            let is_new = fails & (breached[i] == 0.0);
            let goes_on = fails & (breached[i] != 0.0);
            lack[i] = if fails { lack[i] } else { 0.0 };
            since[i] = if is_new { now } else { since[i] };
            waived[i] = if goes_on { waived[i] } else { 0.0 };
            breached[i] = if fails { 1.0 } else { 0.0 };
            begins[i] = if is_new { 1.0 } else { 0.0 };
            failing += u64::from(fails);
            new += u64::from(is_new);
        });
        [failing, new]
    }

    /// Marks the breaches whose time is over; counts them.
    fn lapse(
        paths: Paths<'_>, terms: [f64; 2], breached: &Lane, since: &Lane, waived: &Lane, defaults: &mut Lane
    ) -> u64 {
        let [now, cure] = terms;
        let mut lapsed = 0;
        each!(i in paths, {
            let is_late = (breached[i] > 0.0) & (waived[i] == 0.0) & (now - since[i] >= cure);
            defaults[i] = if is_late { why::COVENANT } else { 0.0 };
            lapsed += u64::from(is_late);
        });
        lapsed
    }

    fn lock_up(paths: Paths<'_>, share: f64, lack: &Lane, locked: &mut Lane, swept: &mut Lane) {
        each!(i in paths, {
            let is_on = lack[i] > 0.0;
            let more = if share > swept[i] { share } else { swept[i] };
            locked[i] = if is_on { 1.0 } else { locked[i] };
            swept[i] = if is_on { more } else { swept[i] };
        });
    }

    /// What of cash repays debt; counts the paths.
    fn free(paths: Paths<'_>, standing: &Lane, short: &Lane, share: &Lane, cash: &Lane, left: &mut Lane) -> u64 {
        let mut count = 0;
        each!(i in paths, {
            let is_on = (share[i] > 0.0) & (cash[i] > 0.0) & (short[i] == 0.0) & is_performing(standing[i]);
            let amount = share[i] * cash[i];
            left[i] = if is_on { amount } else { 0.0 };
            count += u64::from(is_on);
        });
        count
    }

    fn prepay(paths: Paths<'_>, negligible: f64, left: &mut Lane, state: [&mut Lane; 3]) {
        let [cash, balance, prepaid] = state;
        each!(i in paths, {
            let (all, most) = (balance[i], left[i]);
            let amount = if most < all { most } else { all };
            let rest = all - amount;
            let pays = amount > 0.0;
            balance[i] = if pays & (rest <= negligible) { 0.0 } else { rest };
            cash[i] -= amount;
            left[i] -= amount;
            prepaid[i] = amount;
        });
    }
}
