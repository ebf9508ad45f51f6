//! The lender's other way at a default: to take the machines over and let them, before selling them.

use super::Disposal;
use super::letting::Sight;
use super::metrics::Metric;
use super::month::{DEFAULTS, Stepper};
use super::operations::{Amount, Operations};
use super::outlook::{Outlook, Promise};
use super::paths::{Few, Paths};
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
    period: Period,
    outlook: Outlook,
    /// By step, what a unit of collateral is worth on its date that is sold as after any default, or after the lender has operated.
    sold: Vec<[f64; 2]>,
    /// Cash flow of the step, in USD.
    flow: OwnLane,
    /// Date until which the lender lets the machines; minus infinity where it does not.
    until: OwnLane,
}

/// When a lender operates, and what a dollar of then is worth.
struct Period {
    terms: StepIn,
    /// `[0]` is time zero, `[k]` the end of step `k`.
    times: Vec<f64>,
    /// What is left after each step of the worth of a dollar that was agreed, and of one that falls with the market.
    factors: Vec<[f64; 2]>,
}

impl PlannedStepIn {
    pub(super) fn new(
        terms: StepIn,
        disposal: Disposal,
        operations: &Operations,
        plan: &mut ObligorPlan<'_>,
    ) -> PlannedStepIn {
        let times: Vec<f64> = std::iter::once(0.0).chain(plan.grid().dates().iter().copied()).collect();
        let over = |length: f64| [0.0, terms.revenue_decline].map(|decline| discounted(&terms, decline, length));
        let factors = std::iter::once([1.0; 2]).chain(plan.grid().iter().map(|step| over(step.length))).collect();
        let last = times[times.len() - 1];
        // On the last date of the run at the latest.
        let sale = |now: f64, years: f64| discounted(&terms, terms.price_decline, years.min(last - now));
        let sold = |now: &f64| [disposal.delay, terms.delay + terms.horizon].map(|years| sale(*now, years));
        let sold = times.iter().map(sold).collect();
        let period = Period { terms, times, factors };
        let weigh = |amounts: &[f64], promise: Promise| {
            let worth = |(step, weights): (usize, [f64; 2])| weights[promise as usize] * amounts[step];
            (0..period.times.len()).map(|first| period.weights(first).map(worth).sum()).collect()
        };
        let outlook = operations.plan_outlook(1.0 - terms.operator_share, weigh);
        PlannedStepIn { terms, period, sold, outlook, flow: plan.room(), until: plan.state() }
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
}

impl Period {
    /// The steps after `first` in which the lender operates, and the worth on the date of `first` of a dollar that would be received throughout each:
    /// one that was agreed, and one that falls with the market from that date on.
    fn weights(&self, first: usize) -> impl Iterator<Item = (usize, [f64; 2])> + '_ {
        let begin = self.times[first] + self.terms.delay;
        let end = begin + self.terms.horizon;
        let mut worth = [1.0; 2];
        (first + 1..self.times.len()).take_while(move |step| self.times[step - 1] < end).map(move |step| {
            let (from, to) = (self.times[step - 1], self.times[step]);
            let part = ((to.min(end) - from.max(begin)) / (to - from)).max(0.0);
            worth = [worth[0] * self.factors[step][0], worth[1] * self.factors[step][1]];
            (step, worth.map(|worth| part * worth))
        })
    }

    fn step(&self, index: usize) -> Step {
        let (start, end) = (self.times[index - 1], self.times[index]);
        Step { index, start, end, length: end - start }
    }
}

/// What is left of the worth of a dollar that falls at a rate and is received after so many years.
fn discounted(terms: &StepIn, decline: f64, years: f64) -> f64 {
    kernel::exp(-(terms.discount_rate + decline) * years)
}

impl Stepper {
    /// On the paths that have defaulted in this step, decides whether the lender operates first, and until when.
    pub(super) fn choose(&self, block: &mut ObligorBlock<'_>) {
        let Some(step_in) = &self.step_in else { return };
        let (step, own) = (block.step, &mut block.own);
        let [first, second, income, _, value, pace, price, defaults] = &mut *block.scratch;
        debug_assert_eq!(DEFAULTS, 7);
        let kept = 1.0 - step_in.terms.operator_share;
        self.operations.outlook(&step_in.outlook, step.index, block.read, income, pace);
        let few = if self.makes_every_pass { None } else { Few::of(Flags::of(defaults)) };
        if few.is_some() {
            Flags::of(defaults).for_each(|path| {
                value[path] = self.collateral.executable_on(path, own, &block.liquidation, step);
            });
        } else {
            self.collateral.executable(own, &block.liquidation, step, [value, &mut *pace, price]);
        }
        let sight = Sight { read: block.read, own, now: step.end, paths: Few::or_all(few.as_ref()) };
        if self.makes_every_pass || self.operations.may_differ(sight, first) {
            for (index, [agreed, expected]) in
                step_in.period.weights(step.index).filter(|(_, [agreed, _])| *agreed > 0.0)
            {
                let spare = [&mut *first, &mut *second, &mut *pace];
                self.operations.expect(step_in.period.step(index), [agreed, expected, kept], sight, income, spare);
            }
        }
        let period = step_in.terms.delay + step_in.terms.horizon;
        let [now, later] = step_in.sold[step.index];
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
        let sight = Sight { read: block.read, own: &block.own, now: block.step.end, paths: Paths::All };
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
            let in_lanes = self.makes_every_pass | self.metrics.any;
            let few = if in_lanes { None } else { Few::flagged(proceeds, earning) };
            let paths = Few::or_all(few.as_ref());
            self.receive(paths, block);
            self.close_paid(paths, block);
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
