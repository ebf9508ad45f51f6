//! Cash against what is due: paid in full where it suffices, by rank where it does not; and who misses a payment.

use super::Distribution;
use super::debt::Debt;
use super::metrics::Metric;
use super::month::{Month, SHORT, Stepper};
use super::operations::Amount;
use super::paths::{Paths, each};
use super::standing::{Count, is_performing};
use crate::credit::obligor::ObligorBlock;
use crate::credit::schedule::{ROUNDING, SAME_DATE};
use crate::market::{OwnLane, OwnLanes};
use crate::numeric::{Lane, PATHS, Step};
use crate::vectorised;

/// Why a path defaults, as the lane of defaults tells it; zero if it does not.
pub(super) mod why {
    use crate::credit::obligor::Cause;

    pub(in super::super) const PAYMENT: f64 = 1.0;
    pub(in super::super) const MATURITY: f64 = 2.0;
    pub(in super::super) const COVENANT: f64 = 3.0;
    pub(in super::super) const MARGIN: f64 = 4.0;

    /// The cause that a mark stands for.
    pub(in super::super) fn cause(mark: f64) -> Cause {
        if mark >= MARGIN {
            Cause::Margin
        } else if mark >= COVENANT {
            Cause::Covenant
        } else if mark >= MATURITY {
            Cause::Maturity
        } else {
            Cause::Payment
        }
    }
}

/// What facilities are paid with.
#[derive(Clone, Copy)]
pub(super) enum Means {
    Cash,
    /// And with what they owe on, in a step in which some mature.
    CashAndRollover,
}

/// Nothing on any path.
pub(super) static NOTHING: Lane = Lane::ZERO;

impl Stepper {
    /// Takes in what of a draw is not spent on what it was lent for, less what cash is spent on.
    pub(super) fn draw(&self, own: &mut OwnLanes<'_>, kept: f64) {
        let [cash, standing] = own.many([self.cash, self.standing]);
        draw(kept, standing, cash);
    }

    /// Pays what is due from cash and cash flow. `short` is what is missing; where something is, cash holds all that there
    /// is. Counts the paths that are short.
    pub(super) fn serve(&self, own: &mut OwnLanes<'_>, month: &mut Month<'_>) -> u64 {
        let [cash, standing] = own.many([self.cash, self.standing]);
        let Month { revenue, cost, due, same_due, short, .. } = month;
        match (*cost, *same_due) {
            (Amount::Same(cost), Some(due)) => serve_same(revenue, [cost, due], standing, cash, short),
            (Amount::Same(cost), None) => serve_due(revenue, cost, due, standing, cash, short),
            (Amount::Each(cost), Some(due)) => serve_cost(revenue, cost, due, standing, cash, short),
            (Amount::Each(cost), None) => serve_each(revenue, cost, due, standing, cash, short),
        }
    }

    /// Books what each facility is left unpaid, with what it had been before: `short` becomes what is missing altogether,
    /// the first spare lane what is missing of loans that mature.
    pub(super) fn book_payment(&self, own: &mut OwnLanes<'_>, step: Step, month: &mut Month<'_>) {
        let Month { due, same_due, short, paths, spare: [left, missing, lapsed, _], .. } = month;
        let paths = *paths;
        if let Some(same) = same_due {
            paths.fill(due, *same);
        }
        paths.fill(missing, 0.0);
        paths.fill(lapsed, 0.0);
        for facility in &self.debt.facilities {
            let [standing, unpaid, arrears] = own.many([self.standing, facility.unpaid, facility.arrears]);
            book(paths, standing, short, due, unpaid, arrears, missing);
            if let Some(apart) = facility.apart.as_ref().filter(|apart| apart.is_parted(own)) {
                let agreed = if facility.matures(step.index) { 1.0 } else { 0.0 };
                let [standing, arrears, ends] = own.many([self.standing, facility.arrears, apart.ends]);
                lapse_apart(paths, [agreed, step.end + SAME_DATE], standing, arrears, ends, lapsed);
            } else if facility.matures(step.index) {
                let [standing, arrears] = own.many([self.standing, facility.arrears]);
                lapse(paths, standing, arrears, lapsed);
            }
        }
        let [cash, standing] = own.many([self.cash, self.standing]);
        leave(paths, standing, left, missing, short, cash);
    }

    /// Remembers since when something has been missing, and marks who defaults for it: how many do.
    pub(super) fn miss(&self, own: &mut OwnLanes<'_>, step: Step, month: &mut Month<'_>) -> u64 {
        let [standing, missed] = own.many([self.standing, self.missed]);
        let [_, _, lapsed, defaults] = &mut month.spare;
        if let Paths::Few(_) = month.paths {
            defaults.fill(0.0);
        }
        let [in_arrears, defaulting] =
            miss(month.paths, [step.end, self.grace - SAME_DATE], month.short, lapsed, standing, missed, defaults);
        self.tally.set(own, Count::InArrears, in_arrears);
        defaulting
    }

    /// Pays owners on paths on which nothing is missing and no covenant is breached.
    pub(super) fn distribute(&self, block: &mut ObligorBlock<'_>) {
        let Some(Distribution { share, floor }) = self.distribution else { return };
        let [_, _, _, short, paid, ..] = &mut *block.scratch;
        debug_assert_eq!(SHORT, 3);
        if let Some(locked) = self.covenants.as_ref().and_then(|covenants| covenants.locked(&block.own)) {
            let [cash, standing, locked] = block.own.many([self.cash, self.standing, locked]);
            pay_owners([share, floor], [standing, locked], short, cash, paid);
        } else {
            let [cash, standing] = block.own.many([self.cash, self.standing]);
            pay_owners([share, floor], [standing, &NOTHING], short, cash, paid);
        }
        self.metrics.copy(&mut block.own, Metric::Distributed, paid);
    }
}

impl Debt {
    /// Divides cash among the facilities, those of one rank pro rata, less what each owes on where facilities roll over
    /// in this step. Each facility's `unpaid` is what it lacks; the first spare lane what is left of cash.
    /// Of meaning where cash does not cover everything.
    pub(super) fn pay(
        &self,
        paths: Paths<'_>,
        own: &mut OwnLanes<'_>,
        cash: OwnLane,
        means: Means,
        spare: &mut [&mut Lane; 4],
    ) {
        let [left, asked, part, _] = spare;
        keep_positive(paths, &own[cash], left);
        for rank in &self.ranks {
            if let [only] = rank[..] {
                let facility = &self.facilities[only];
                match facility.raised(means) {
                    None => {
                        let [due, unpaid] = own.many([facility.due, facility.unpaid]);
                        pay(paths, due, &NOTHING, left, unpaid);
                    }
                    Some(raised) => {
                        let [due, raised, unpaid] = own.many([facility.due, raised, facility.unpaid]);
                        pay(paths, due, raised, left, unpaid);
                    }
                }
                continue;
            }
            paths.fill(asked, 0.0);
            for facility in rank.iter().map(|index| &self.facilities[*index]) {
                let raised = facility.raised(means).map_or(&NOTHING, |raised| &own[raised]);
                ask(paths, &own[facility.due], raised, asked);
            }
            share(paths, asked, left, part);
            for facility in rank.iter().map(|index| &self.facilities[*index]) {
                match facility.raised(means) {
                    None => {
                        let [due, unpaid] = own.many([facility.due, facility.unpaid]);
                        pay_part(paths, due, &NOTHING, part, unpaid);
                    }
                    Some(raised) => {
                        let [due, raised, unpaid] = own.many([facility.due, raised, facility.unpaid]);
                        pay_part(paths, due, raised, part, unpaid);
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn serve(
    cash_flow: impl Fn(usize) -> f64,
    due: impl Fn(usize) -> f64,
    standing: &Lane,
    cash: &mut Lane,
    short: &mut Lane,
) -> u64 {
    let mut shorts = 0;
    for i in 0..PATHS {
        let due = due(i);
        let performing = is_performing(standing[i]);
        let available = cash[i] + cash_flow(i);
        let missing = due - available;
        let is_short = missing > ROUNDING * due;
        let left = if missing < 0.0 { -missing } else { 0.0 };
        let after = if is_short { available } else { left };
        cash[i] = if performing { after } else { cash[i] };
        let is_short = is_short & performing;
        short[i] = if is_short { missing } else { 0.0 };
        shorts += u64::from(is_short);
    }
    shorts
}

vectorised! {
    fn serve_same(revenue: &Lane, terms: [f64; 2], standing: &Lane, cash: &mut Lane, short: &mut Lane) -> u64 {
        serve(|i| revenue[i] - terms[0], |_| terms[1], standing, cash, short)
    }

    fn serve_due(
        revenue: &Lane, cost: f64, due: &Lane, standing: &Lane, cash: &mut Lane, short: &mut Lane
    ) -> u64 {
        serve(|i| revenue[i] - cost, |i| due[i], standing, cash, short)
    }

    fn serve_cost(
        revenue: &Lane, cost: &Lane, due: f64, standing: &Lane, cash: &mut Lane, short: &mut Lane
    ) -> u64 {
        serve(|i| revenue[i] - cost[i], |_| due, standing, cash, short)
    }

    fn serve_each(
        revenue: &Lane, cost: &Lane, due: &Lane, standing: &Lane, cash: &mut Lane, short: &mut Lane
    ) -> u64 {
        serve(|i| revenue[i] - cost[i], |i| due[i], standing, cash, short)
    }

    fn draw(kept: f64, standing: &Lane, cash: &mut Lane) {
        for i in 0..PATHS {
            cash[i] += if is_performing(standing[i]) { kept } else { 0.0 };
        }
    }

    fn keep_positive(paths: Paths<'_>, cash: &Lane, left: &mut Lane) {
        each!(i in paths, {
            left[i] = if cash[i] > 0.0 { cash[i] } else { 0.0 };
        });
    }

    /// One facility alone in its rank.
    fn pay(paths: Paths<'_>, due: &Lane, raised: &Lane, left: &mut Lane, unpaid: &mut Lane) {
        each!(i in paths, {
            let asked = due[i] - raised[i];
            let (all, rest) = (asked, left[i]);
            let paid = if all < rest { all } else { rest };
            left[i] -= paid;
            unpaid[i] = asked - paid;
        });
    }

    fn ask(paths: Paths<'_>, due: &Lane, raised: &Lane, asked: &mut Lane) {
        each!(i in paths, {
            asked[i] += due[i] - raised[i];
        });
    }

    /// The part of what a rank asks that there is money for; what is left after it.
    pub(super) fn share(paths: Paths<'_>, asked: &Lane, left: &mut Lane, part: &mut Lane) {
        each!(i in paths, {
            let whole = asked[i] <= left[i];
            let quotient = left[i] / asked[i];
            part[i] = if whole { 1.0 } else { quotient };
            let rest = left[i] - asked[i];
            left[i] = if whole { rest } else { 0.0 };
        });
    }

    fn pay_part(paths: Paths<'_>, due: &Lane, raised: &Lane, part: &Lane, unpaid: &mut Lane) {
        each!(i in paths, {
            let asked = due[i] - raised[i];
            unpaid[i] = asked - asked * part[i];
        });
    }

    fn book(paths: Paths<'_>, standing: &Lane, short: &Lane, due: &Lane, unpaid: &Lane, arrears: &mut Lane, missing: &mut Lane) {
        each!(i in paths, {
            let is_missing = (short[i] > 0.0) & (unpaid[i] > ROUNDING * due[i]);
            let amount = if is_missing { unpaid[i] } else { 0.0 };
            let performing = is_performing(standing[i]);
            arrears[i] = if performing { amount } else { arrears[i] };
            missing[i] += if performing { amount } else { 0.0 };
        });
    }

    fn lapse(paths: Paths<'_>, standing: &Lane, arrears: &Lane, lapsed: &mut Lane) {
        each!(i in paths, {
            lapsed[i] += if is_performing(standing[i]) { arrears[i] } else { 0.0 };
        });
    }

    /// The same where some loans were rolled over, or asked for before their maturity: those mature on another date.
    fn lapse_apart(paths: Paths<'_>, terms: [f64; 2], standing: &Lane, arrears: &Lane, ends: &Lane, lapsed: &mut Lane) {
        let [agreed, now] = terms;
        each!(i in paths, {
            let again = if now >= ends[i] { 1.0 } else { 0.0 };
            let is_over = if ends[i] > 0.0 { again } else { agreed };
            lapsed[i] += if is_performing(standing[i]) & (is_over > 0.0) { arrears[i] } else { 0.0 };
        });
    }

    /// Cash is what is left of it; bills that operations could not pay stay as they are.
    fn leave(paths: Paths<'_>, standing: &Lane, left: &Lane, missing: &Lane, short: &mut Lane, cash: &mut Lane) {
        each!(i in paths, {
            let is_paid_out = is_performing(standing[i]) & (short[i] > 0.0) & (cash[i] >= 0.0);
            cash[i] = if is_paid_out { left[i] } else { cash[i] };
            short[i] = missing[i];
        });
    }

    /// Counts who is in arrears, and who defaults.
    fn miss(
        paths: Paths<'_>, terms: [f64; 2], missing: &Lane, lapsed: &Lane, standing: &Lane, missed: &mut Lane, defaults: &mut Lane
    ) -> [u64; 2] {
        let [now, grace] = terms;
        let (mut in_arrears, mut defaulting) = (0, 0);
        each!(i in paths, {
            let performing = is_performing(standing[i]);
            let is_missing = missing[i] > 0.0;
            let first = if missed[i] < now { missed[i] } else { now };
            let since = if is_missing { first } else { f64::INFINITY };
            missed[i] = if performing { since } else { missed[i] };
            let is_late = is_missing & (now - since >= grace);
            let cause = if is_late { why::PAYMENT } else { 0.0 };
            let cause = if lapsed[i] > 0.0 { why::MATURITY } else { cause };
            let cause = if performing { cause } else { 0.0 };
            defaults[i] = cause;
            defaulting += u64::from(cause > 0.0);
            in_arrears += u64::from(performing & is_missing & (cause == 0.0));
        });
        [in_arrears, defaulting]
    }

    fn pay_owners(terms: [f64; 2], held: [&Lane; 2], short: &Lane, cash: &mut Lane, paid: &mut Lane) {
        let [share, floor] = terms;
        let [standing, locked] = held;
        for i in 0..PATHS {
            let free = cash[i] - floor;
            let entitled = (free > 0.0) & (short[i] == 0.0) & (locked[i] == 0.0) & is_performing(standing[i]);
            let amount = share * free;
            paid[i] = if entitled { amount } else { 0.0 };
            cash[i] -= paid[i];
        }
    }
}
