//! Reserve accounts: what they pay, and how they are filled.

use super::debt::PlannedFacility;
use super::month::{Month, Stepper};
use super::paths::Paths;
use super::payment::{Means, NOTHING};
use super::standing::is_performing;
use crate::credit::obligor::{ObligorBlock, ObligorPlan};
use crate::credit::schedule::{ROUNDING, SAME_DATE, Schedule};
use crate::credit::surplus::Reserve;
use crate::market::{OwnLane, OwnLanes};
use crate::numeric::{Lane, PATHS, Step};
use crate::vectorised;

/// The reserve account of a facility.
pub(super) struct PlannedReserve {
    terms: Reserve,
    /// Principal due within the months ahead of each date, as agreed; infinite if it matures within them: all that is owed.
    ahead: Vec<f64>,
    pub(super) account: OwnLane,
    /// Paid from it in this step.
    pub(super) used: OwnLane,
}

impl PlannedReserve {
    pub(super) fn new(terms: Reserve, schedule: &Schedule, plan: &mut ObligorPlan<'_>) -> PlannedReserve {
        let times: Vec<f64> = std::iter::once(0.0).chain(plan.grid().dates().iter().copied()).collect();
        let ahead = |(step, now): (usize, &f64)| {
            let until = now + terms.months / 12.0 + SAME_DATE;
            let last = times.iter().rposition(|date| *date <= until).unwrap_or(step);
            if schedule.matures.is_some_and(|matures| (step + 1..=last).contains(&matures)) {
                return f64::INFINITY;
            }
            schedule.dates[step + 1..=last].iter().map(|date| date.principal).sum()
        };
        let ahead = times.iter().enumerate().map(ahead).collect();
        PlannedReserve { terms, ahead, account: plan.state(), used: plan.room() }
    }

    pub(super) fn start(&self, own: &mut OwnLanes<'_>) {
        own[self.account].fill(self.terms.initial);
    }
}

impl Stepper {
    fn reserves(&self) -> impl Iterator<Item = (&PlannedFacility, &PlannedReserve)> {
        let with_reserve = |index: &usize| {
            let facility = &self.debt.facilities[*index];
            facility.reserve.as_ref().map(|reserve| (facility, reserve))
        };
        self.debt.ranks.iter().flatten().filter_map(with_reserve)
    }

    pub(super) fn has_reserves(&self) -> bool {
        self.debt.clauses.reserves
    }

    /// Before a step nothing has been paid from them.
    pub(super) fn clear_reserves(&self, own: &mut OwnLanes<'_>) {
        if !self.has_reserves() {
            return;
        }
        for (_, reserve) in self.reserves() {
            own[reserve.used].fill(0.0);
        }
    }

    /// Pays what cash leaves unpaid of facilities with a reserve; counts the paths on which something stays short.
    pub(super) fn use_reserves(&self, own: &mut OwnLanes<'_>, month: &mut Month<'_>) -> u64 {
        self.debt.pay(Paths::All, own, self.cash, Means::Cash, &mut month.spare);
        let [before, ..] = &mut month.spare;
        **before = *month.short;
        for (facility, reserve) in self.reserves() {
            let [unpaid, account, used, due] = own.many([facility.unpaid, reserve.account, reserve.used, facility.due]);
            cover(unpaid, [account, used, due, month.short]);
        }
        settle(before, month.due, &mut own[self.cash], month.short)
    }

    /// Fills reserves from what is left of cash on paths on which nothing is missing, senior first, and takes back what
    /// is above their targets.
    pub(super) fn fill_reserves(&self, block: &mut ObligorBlock<'_>) {
        if !self.has_reserves() {
            return;
        }
        let (step, own) = (block.step, &mut block.own);
        let [_, _, _, short, target, balance, rate, ..] = &mut *block.scratch;
        for (facility, reserve) in self.reserves() {
            facility.balance(step.index, own).copy_to(balance);
            facility.rate(own).copy_to(rate);
            let years = reserve.terms.months / 12.0;
            let apart = facility.apart.as_ref();
            let [ends, pace, margin] =
                [apart.map(|apart| apart.ends), apart.map(|apart| apart.pace), apart.map(|apart| apart.margin)]
                    .map(|lane| lane.map_or(&NOTHING, |lane| &own[lane]));
            let terms = [reserve.ahead[step.index], years, end(step, years), facility.schedule.pik];
            aim(terms, [balance, rate, ends, pace, margin], target);
            let [standing, cash, account] = own.many([self.standing, self.cash, reserve.account]);
            fill(standing, short, target, cash, account);
        }
    }
}

fn end(step: Step, years: f64) -> f64 {
    step.end + years + SAME_DATE
}

vectorised! {
    fn cover(unpaid: &Lane, state: [&mut Lane; 4]) {
        let [account, used, due, short] = state;
        for i in 0..PATHS {
            let most = if unpaid[i] < account[i] { unpaid[i] } else { account[i] };
            let amount = if short[i] > 0.0 { most } else { 0.0 };
            let rest = short[i] - amount;
            account[i] -= amount;
            used[i] = amount;
            due[i] -= amount;
            short[i] = if rest > 0.0 { rest } else { 0.0 };
        }
    }

    /// Where the reserves covered what was short nothing is left of cash.
    fn settle(before: &Lane, due: &Lane, cash: &mut Lane, short: &mut Lane) -> u64 {
        let mut shorts = 0;
        for i in 0..PATHS {
            let is_short = short[i] > ROUNDING * due[i];
            let covered = (before[i] > 0.0) & !is_short;
            cash[i] = if covered { 0.0 } else { cash[i] };
            short[i] = if is_short { short[i] } else { 0.0 };
            shorts += u64::from(is_short);
        }
        shorts
    }

    fn aim(terms: [f64; 4], lanes: [&Lane; 5], target: &mut Lane) {
        let [ahead, years, until, pik] = terms;
        let [balance, rate, ends, pace, margin] = lanes;
        for i in 0..PATHS {
            let is_rolled = ends[i] > 0.0;
            let paced = pace[i] * years;
            let rolled = if until >= ends[i] { balance[i] } else { paced };
            let due = if is_rolled { rolled } else { ahead };
            let principal = if due < balance[i] { due } else { balance[i] };
            let in_cash = if is_rolled { 1.0 } else { 1.0 - pik };
            target[i] = principal + balance[i] * (rate[i] + margin[i]) * years * in_cash;
        }
    }

    fn fill(standing: &Lane, short: &Lane, target: &Lane, cash: &mut Lane, account: &mut Lane) {
        for i in 0..PATHS {
            let gap = target[i] - account[i];
            let free = if cash[i] > 0.0 { cash[i] } else { 0.0 };
            let amount = if gap < free { gap } else { free };
            let amount = if is_performing(standing[i]) & (short[i] == 0.0) { amount } else { 0.0 };
            cash[i] -= amount;
            account[i] += amount;
        }
    }
}
