//! What a facility is owed where it differs from path to path.

use super::debt::Scope;
use super::switches::{Switch, Switches};
use crate::credit::obligor::ObligorPlan;
use crate::credit::schedule::{Agreed, SAME_DATE, Schedule};
use crate::market::{OwnLane, OwnLanes};
use crate::numeric::{Lane, PATHS, Step};
use crate::vectorised;

/// The lanes of a facility that may be swept or go on after its maturity. They hold once its paths are `part`ed in this
/// block; until then its schedule does.
pub(super) struct Apart {
    /// Whether they are parted, and whether some path matures on another date than agreed.
    parted: Switch,
    redated: Switch,
    /// Owed and not yet due.
    pub(super) balance: OwnLane,
    /// Principal that fell due in this step.
    pub(super) instalment: OwnLane,
    /// Interest added to the balance in this step.
    pub(super) capitalised: OwnLane,
    /// Maturity of the loan into which it has been rolled over; zero until it is.
    pub(super) ends: OwnLane,
    /// Repaid a year after that.
    pub(super) pace: OwnLane,
    /// Over the coupon after that.
    pub(super) margin: OwnLane,
}

impl Apart {
    pub(super) fn new(switches: &mut Switches, plan: &mut ObligorPlan<'_>) -> Apart {
        Apart {
            parted: switches.next(plan),
            redated: switches.next(plan),
            balance: plan.state(),
            instalment: plan.room(),
            capitalised: plan.room(),
            ends: plan.state(),
            pace: plan.state(),
            margin: plan.state(),
        }
    }

    pub(super) fn is_parted(&self, own: &OwnLanes<'_>) -> bool {
        self.parted.is_on(own)
    }

    pub(super) fn is_redated(&self, own: &OwnLanes<'_>) -> bool {
        self.redated.is_on(own)
    }

    /// Some path matures on another date than agreed.
    pub(super) fn redate(&self, own: &mut OwnLanes<'_>) {
        self.redated.set(own, true);
    }

    /// From the end of `step` on, paths may differ.
    pub(super) fn part(&self, schedule: &Schedule, step: usize, own: &mut OwnLanes<'_>) {
        if !self.is_parted(own) {
            self.parted.set(own, true);
            let Agreed { balance, principal, capitalised, .. } = schedule.dates[step];
            own[self.balance].fill(balance);
            own[self.instalment].fill(principal);
            own[self.capitalised].fill(capitalised);
        }
    }

    /// Whether only what is still owed differs from path to path, and nobody asks for more than what falls due.
    fn is_brief(&self, schedule: &Schedule, scope: Scope<'_>, own: &OwnLanes<'_>) -> bool {
        let step = scope.step;
        !scope.in_full & (schedule.pik == 0.0) & (schedule.matures != Some(step.index)) & !self.is_redated(own)
    }

    /// What falls due to parted paths at a fixed rate, arrears with their interest included: sets `due` and adds it to
    /// `total`.
    pub(super) fn fall_due_fixed(
        &self,
        schedule: &Schedule,
        rate: f64,
        scope: Scope<'_>,
        [arrears, due]: [OwnLane; 2],
        own: &mut OwnLanes<'_>,
        total: &mut Lane,
    ) {
        let Apart { ends, pace, margin, balance, instalment, capitalised, .. } = *self;
        if self.is_brief(schedule, scope, own) {
            let [arrears, balance, due] = own.many([arrears, balance, due]);
            fall_due_fixed_brief(rate, terms(schedule, scope.step), scope.arrears(arrears), [balance, due, total]);
            return;
        }
        let [ends, pace, margin, arrears, balance, instalment, capitalised, due] =
            own.many([ends, pace, margin, arrears, balance, instalment, capitalised, due]);
        let read = [&*ends, pace, margin, arrears];
        fall_due_fixed(rate, terms(schedule, scope.step), read, [balance, instalment, capitalised, due, total]);
    }

    /// The same at a rate that differs from path to path.
    pub(super) fn fall_due_floating(
        &self,
        schedule: &Schedule,
        rate: OwnLane,
        scope: Scope<'_>,
        [arrears, due]: [OwnLane; 2],
        own: &mut OwnLanes<'_>,
        total: &mut Lane,
    ) {
        let Apart { ends, pace, margin, balance, instalment, capitalised, .. } = *self;
        if self.is_brief(schedule, scope, own) {
            let [rate, arrears, balance, due] = own.many([rate, arrears, balance, due]);
            fall_due_floating_brief(rate, terms(schedule, scope.step), scope.arrears(arrears), [balance, due, total]);
            return;
        }
        let [rate, ends, pace, margin, arrears, balance, instalment, capitalised, due] =
            own.many([rate, ends, pace, margin, arrears, balance, instalment, capitalised, due]);
        let read = [&*ends, pace, margin, arrears];
        fall_due_floating(rate, terms(schedule, scope.step), read, [balance, instalment, capitalised, due, total]);
    }
}

/// What was agreed for a step.
#[derive(Clone, Copy)]
struct Terms {
    /// The instalment; at maturity all that is left, which no balance exceeds.
    agreed: f64,
    length: f64,
    /// The end of the step.
    now: f64,
    pik: f64,
    fee: f64,
    drawn: f64,
    negligible: f64,
}

fn terms(schedule: &Schedule, step: Step) -> Terms {
    let Agreed { principal, fee, drawn, .. } = schedule.dates[step.index];
    let agreed = if schedule.matures == Some(step.index) { f64::INFINITY } else { principal };
    Terms {
        agreed,
        length: step.length,
        now: step.end + SAME_DATE,
        pik: schedule.pik,
        fee,
        drawn,
        negligible: schedule.negligible,
    }
}

/// `interest` of a path at a rate, of the part that is paid or added to what is owed. It multiplies as the schedule does, so that the paths of a block that
/// others have parted keep their bits.
#[inline(always)]
fn fall_due(
    rate: impl Fn(usize) -> f64,
    interest: impl Fn(f64, f64, f64, f64) -> f64,
    terms: Terms,
    [ends, pace, margin, arrears]: [&Lane; 4],
    [balance, instalment, capitalised, due, total]: [&mut Lane; 5],
) {
    let Terms { agreed, length, now, pik, fee, drawn, negligible } = terms;
    for i in 0..PATHS {
        let rate = rate(i) + margin[i];
        let owed = balance[i];
        let is_rolled = ends[i] > 0.0;
        let paced = pace[i] * length;
        let asked = if now >= ends[i] { f64::INFINITY } else { paced };
        let asked = if is_rolled { asked } else { agreed };
        let pik = if is_rolled { 0.0 } else { pik };
        let in_kind = interest(owed, rate, length, pik);
        let grown = owed + in_kind + drawn;
        let repaid = if asked < grown { asked } else { grown };
        let amount = (interest(owed, rate, length, 1.0 - pik) + (repaid + fee)) + arrears[i] * (1.0 + rate * length);
        // What rounding leaves of a loan that is repaid is not owed.
        let rest = grown - repaid;
        balance[i] = if rest > negligible { rest } else { 0.0 };
        capitalised[i] = in_kind;
        instalment[i] = repaid;
        due[i] = amount;
        total[i] += amount;
    }
}

/// What falls due, the same to the bit, where only what is still owed differs from path to path.
#[inline(always)]
fn fall_due_brief(
    rate: impl Fn(usize) -> f64,
    interest: impl Fn(f64, f64, f64) -> f64,
    terms: Terms,
    arrears: &Lane,
    [balance, due, total]: [&mut Lane; 3],
) {
    let Terms { agreed, length, fee, drawn, negligible, .. } = terms;
    for i in 0..PATHS {
        let rate = rate(i);
        let owed = balance[i];
        let grown = owed + drawn;
        let repaid = if agreed < grown { agreed } else { grown };
        let amount = (interest(owed, rate, length) + (repaid + fee)) + arrears[i] * (1.0 + rate * length);
        let rest = grown - repaid;
        balance[i] = if rest > negligible { rest } else { 0.0 };
        due[i] = amount;
        total[i] += amount;
    }
}

vectorised! {
    fn fall_due_fixed_brief(rate: f64, terms: Terms, arrears: &Lane, state: [&mut Lane; 3]) {
        fall_due_brief(|_| rate, |owed, rate, length| owed * rate * length, terms, arrears, state);
    }

    fn fall_due_floating_brief(rate: &Lane, terms: Terms, arrears: &Lane, state: [&mut Lane; 3]) {
        fall_due_brief(|i| rate[i], |owed, rate, length| owed * length * rate, terms, arrears, state);
    }

    fn fall_due_fixed(rate: f64, terms: Terms, read: [&Lane; 4], state: [&mut Lane; 5]) {
        fall_due(|_| rate, |owed, rate, length, part| owed * rate * length * part, terms, read, state);
    }

    fn fall_due_floating(rate: &Lane, terms: Terms, read: [&Lane; 4], state: [&mut Lane; 5]) {
        fall_due(|i| rate[i], |owed, rate, length, part| owed * length * part * rate, terms, read, state);
    }
}
