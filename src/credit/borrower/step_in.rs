//! The lender's other way at a default: to take the machines over and let them, before selling them.

use super::letting::Sight;
use super::metrics::Metric;
use super::month::{DEFAULTS, Stepper};
use super::operations::Amount;
use super::paths::Paths;
use super::standing::{self, Count, Flags};
use crate::credit::obligor::{ObligorBlock, ObligorPlan};
use crate::credit::schedule::SAME_DATE;
use crate::market::{OwnLane, OwnLanes};
use crate::numeric::{Lane, PATHS, Step, kernel};
use crate::{Error, check, vectorised};
use serde::{Deserialize, Serialize};

/// Whether and how a lender operates collateral after a default: it does if that is worth more to it than a sale.
///
/// At a default on date `t`, with `X` what selling everything at the planned pace would bring today, the lender compares
///
/// ```text
/// sell    = X exp(-(discount_rate + price_decline) sale)
/// operate = sum_k a_k exp(-discount_rate (t_k - t)) [ (1 - operator_share) (C_k + S_k g_k) - cost_k ]
///           + X exp(-(discount_rate + price_decline) end)
/// sale = liquidation.delay,  end = delay + horizon        both no later than the last date of the run
/// g_k  = exp(-revenue_decline (t_k - t))
/// ```
///
/// over the steps `k` between `t + delay` and `t + delay + horizon` (`a_k` the part of a step between them): contracted revenue
/// `C_k` until the contracts end (with rents that are numbers and no series); spot and mining revenue `S_k`, what a series says is used of contracts beyond their minimum, and the price of power
/// in `cost_k` at today's levels, so that nothing is known that is not known that day; miners run throughout or not at all. What exceeds the claims is not the lender's and does not count. If `operate` is
/// the greater, the lender takes in
///
/// ```text
/// a_k max(0, (1 - operator_share) revenue_k - cost_k)
/// ```
///
/// in each of these steps, at the levels that the path then has (machines that do not earn their cost stand still), which pays
/// claims as the proceeds of a sale do; then the sale begins. Both are received at the end of a step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepIn {
    /// Years between default and the first hour that the lender lets.
    pub delay: f64,
    /// Years for which it lets the machines before it sells them.
    pub horizon: f64,
    /// Rate a year, continuously compounded, at which the lender discounts; 0 to 10.
    pub discount_rate: f64,
    /// Rate a year at which it expects spot and mining revenue to fall; below zero to rise.
    #[serde(default)]
    pub revenue_decline: f64,
    /// Rate a year at which it expects the executable value of the collateral to fall; below zero to rise.
    #[serde(default)]
    pub price_decline: f64,
    /// Share of revenue that whoever operates for the lender takes, 0 to 1.
    #[serde(default)]
    pub operator_share: f64,
}

/// The longest time for which a lender plans, in years; and the fastest decline.
const LONGEST: f64 = 20.0;
const FASTEST: f64 = 10.0;

impl StepIn {
    pub(super) fn validate(&self) -> Result<(), Error> {
        check::within("delay", self.delay, 0.0, LONGEST)?;
        check::within("horizon", self.horizon, 0.0, LONGEST)?;
        check::within("discount_rate", self.discount_rate, 0.0, FASTEST)?;
        check::within("revenue_decline", self.revenue_decline, -1.0, FASTEST)?;
        check::within("price_decline", self.price_decline, -1.0, FASTEST)?;
        check::within("operator_share", self.operator_share, 0.0, 1.0)
    }
}

/// A step-in clause at work.
pub(super) struct PlannedStepIn {
    terms: StepIn,
    /// `[0]` is time zero, `[k]` the end of step `k`.
    times: Vec<f64>,
    /// Cash flow of the step, in USD.
    flow: OwnLane,
    /// Date until which the lender lets the machines; minus infinity where it does not.
    until: OwnLane,
}

impl PlannedStepIn {
    pub(super) fn new(terms: StepIn, plan: &mut ObligorPlan<'_>) -> PlannedStepIn {
        let times = std::iter::once(0.0).chain(plan.grid().dates().iter().copied()).collect();
        PlannedStepIn { terms, times, flow: plan.state(), until: plan.state() }
    }

    pub(super) fn start(&self, own: &mut OwnLanes<'_>) {
        own[self.until].fill(f64::NEG_INFINITY);
    }

    /// Remembers what operations bring in the step, whoever gets it.
    pub(super) fn note(&self, own: &mut OwnLanes<'_>, revenue: &Lane, cost: Amount<'_>) {
        let kept = 1.0 - self.terms.operator_share;
        match cost {
            Amount::Same(cost) => net_of(kept, revenue, cost, &mut own[self.flow]),
            Amount::Each(cost) => net_of_each(kept, revenue, cost, &mut own[self.flow]),
        }
    }

    /// The worth on the date of step `first` of amounts by step that are received while the lender operates, and fall at a
    /// rate from that date on.
    fn weighed(&self, first: usize, decline: f64, amounts: &[f64]) -> f64 {
        let end = self.times[first] + self.terms.delay + self.terms.horizon;
        let mut worth = 0.0;
        for step in first + 1..self.times.len() {
            if self.times[step - 1] >= end {
                break;
            }
            worth += self.weight(first, step, decline) * amounts[step];
        }
        worth
    }

    /// The worth on the date of step `first` of a dollar that falls at a rate from that date on and would be received in a later step
    /// throughout.
    fn weight(&self, first: usize, step: usize, decline: f64) -> f64 {
        let (now, from, to) = (self.times[first], self.times[step - 1], self.times[step]);
        let (begin, end) = (now + self.terms.delay, now + self.terms.delay + self.terms.horizon);
        let part = ((to.min(end) - from.max(begin)) / (to - from)).max(0.0);
        part * kernel::exp(-(self.terms.discount_rate + decline) * (to - now))
    }

    fn step(&self, index: usize) -> Step {
        let (start, end) = (self.times[index - 1], self.times[index]);
        Step { index, start, end, length: end - start }
    }

    /// What a unit of collateral is worth today that is sold from `years` after the date of step `first` on, or on the last
    /// date of the run.
    fn worth(&self, first: usize, years: f64) -> f64 {
        let last = self.times.last().map_or(0.0, |last| last - self.times[first]);
        kernel::exp(-(self.terms.discount_rate + self.terms.price_decline) * years.min(last))
    }
}

impl Stepper {
    /// On the paths that have defaulted in this step, decides whether the lender operates first, and until when.
    pub(super) fn choose(&self, block: &mut ObligorBlock<'_>) {
        let Some(step_in) = &self.step_in else { return };
        let (step, own) = (block.step, &mut block.own);
        let [first, second, income, _, value, pace, price, defaults] = &mut *block.scratch;
        debug_assert_eq!(DEFAULTS, 7);
        self.collateral.executable(own, &block.liquidation, step, [value, pace, price]);
        let agreed = |amounts: &[f64]| step_in.weighed(step.index, 0.0, amounts);
        let expected = |amounts: &[f64]| step_in.weighed(step.index, step_in.terms.revenue_decline, amounts);
        let kept = 1.0 - step_in.terms.operator_share;
        self.operations.outlook(agreed, expected, kept, block.read, income, pace);
        if self.operations.has_lettings() {
            for index in step.index + 1..=self.steps {
                let [agreed, expected] =
                    [0.0, step_in.terms.revenue_decline].map(|decline| step_in.weight(step.index, index, decline));
                if agreed > 0.0 {
                    let spare = [&mut *first, &mut *second, &mut *pace];
                    let to_come = step_in.step(index);
                    let sight = Sight { read: block.read, own, now: step.end };
                    self.operations.expect(to_come, [agreed, expected, kept], sight, income, spare);
                }
            }
        }
        let now = step_in.worth(step.index, self.collateral.disposal.delay);
        let period = step_in.terms.delay + step_in.terms.horizon;
        let later = step_in.worth(step.index, period);
        for path in Flags::of(defaults) {
            let claim: f64 = self.debt.facilities.iter().map(|facility| own[facility.arrears][path]).sum();
            let sell = now * value[path];
            let operate = income[path] + later * value[path];
            if operate.min(claim) > sell.min(claim) {
                own[step_in.until][path] = step.end + period;
                own[self.sale_from][path] = step.end + period;
                self.tally.operate(own);
            }
        }
    }

    /// Revenue of a step in which nobody performs and some lender operates.
    pub(super) fn earn(&self, block: &mut ObligorBlock<'_>) {
        let Some(step_in) = &self.step_in else { return };
        let [revenue, cost, first, second, third, ..] = &mut *block.scratch;
        let spare = [&mut *first, second, third];
        let sight = Sight { read: block.read, own: &block.own, now: block.step.end };
        let cost = self.operations.step(block.step, sight, block.stream, revenue, cost, spare);
        self.operations.invoice(block.step, block.read, &mut block.own, first);
        step_in.note(&mut block.own, revenue, cost);
    }

    /// Lenders take in what the machines earn in the step, and stop where they have been paid.
    pub(super) fn operate(&self, block: &mut ObligorBlock<'_>) {
        let Some(step_in) = &self.step_in else { return };
        let step = block.step;
        let [proceeds, ..] = &mut *block.scratch;
        let [standing, until, flow] = block.own.many([self.standing, step_in.until, step_in.flow]);
        let terms = [step.start, step.end, step_in.terms.horizon, SAME_DATE];
        let [earning, waiting] = earned(terms, standing, until, flow, proceeds);
        self.tally.set(&mut block.own, Count::Operated, waiting);
        if earning > 0 {
            self.metrics.add(&mut block.own, Metric::Operated, proceeds);
            self.receive(Paths::All, block);
            self.close_paid(Paths::All, block);
        }
    }
}

vectorised! {
    fn net_of(kept: f64, revenue: &Lane, cost: f64, flow: &mut Lane) {
        for i in 0..PATHS {
            flow[i] = kept * revenue[i] - cost;
        }
    }

    fn net_of_each(kept: f64, revenue: &Lane, cost: &Lane, flow: &mut Lane) {
        for i in 0..PATHS {
            flow[i] = kept * revenue[i] - cost[i];
        }
    }

    /// What lenders earn in a step; counts those that earn, and those that will go on after it.
    fn earned(terms: [f64; 4], standing: &Lane, until: &Lane, flow: &Lane, proceeds: &mut Lane) -> [u64; 2] {
        let [start, end, horizon, same] = terms;
        let (mut earning, mut waiting) = (0, 0);
        for i in 0..PATHS {
            let is_open = standing::is_liquidating(standing[i]);
            let begin = until[i] - horizon;
            let from = if start > begin { start } else { begin };
            let to = if end < until[i] { end } else { until[i] };
            let part = (to - from) / (end - start);
            let is_earning = is_open & (to - from > same) & (flow[i] > 0.0);
            proceeds[i] = if is_earning { part * flow[i] } else { 0.0 };
            earning += u64::from(is_earning);
            waiting += u64::from(is_open & (until[i] > end + same));
        }
        [earning, waiting]
    }
}
