//! The difficulty of mining: it follows the hash rate every two weeks, by no more than four times.

use super::factor::{Factor, FactorBlock, FactorPlan, FactorStepper};
use super::lanes::{OwnLane, ReadLane};
use super::range;
use crate::numeric::{Lane, PATHS};
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// Difficulty of a proof-of-work network, as the hash rate for which blocks are ten minutes apart: what a machine earns goes by
/// it, and not by the hash rate of the day. A [`Hashprice`](super::Hashprice) that reads it as its `hashrate` has the network's lag.
///
/// ```text
/// D' = D min(4, max(1/4, T / tau)),    T = 14 days,    integral over the tau of the last 2016 blocks of H dt = D T
/// ```
///
/// | symbol | field | unit | range |
/// | --- | --- | --- | --- |
/// | H | `hashrate` | series in EH/s, such as a [`NetworkHashrate`](super::NetworkHashrate) | |
/// | D_0 | `initial` | EH/s: the difficulty times 2^32 / 600e18; the network's hash rate by default | above zero |
/// | | `found` | share of the period's 2016 blocks that is found at time zero; 0 by default | 0 to 1 |
///
/// Blocks come `H / D` times as fast as every ten minutes, so a period ends when `D T` of work is done, and unless it is clipped the new difficulty is the
/// mean hash rate of the period. It lags by half a period to one and a half; while the hash rate grows by `g` a year, blocks come
/// `e^W(g T)` times as fast, with Lambert's W: 1.5 % for 50 % a year.
///
/// Exact on any dates, but for two things: between two dates the hash rate is taken as a straight line, and the luck of finding
/// blocks, 2 % of a period, is left out. Each period ends within a step when its work is done, however many there are. The period at time
/// zero has had the hash rate of time zero so far. No driver, no draws, nothing to modulate. Publishes its level, `D` after the last change.
///
/// Source: S. Nakamoto, "Bitcoin: a peer-to-peer electronic cash system" (2008), section 4; the rule and its bounds are those of
/// Bitcoin Core, `CalculateNextWorkRequired` (which times 2015 of the 2016 blocks: 0.05 % less).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difficulty {
    /// Series of the network's hash rate, EH/s.
    pub hashrate: String,
    /// Hash rate for which the difficulty is set at time zero, EH/s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial: Option<f64>,
    /// Share of the period's blocks that is found at time zero.
    #[serde(default)]
    pub found: f64,
}

/// Years in which 2016 blocks are found at ten minutes each, with 365 days a year as miners' revenue has them.
const PERIOD: f64 = 14.0 / 365.0;

impl Factor for Difficulty {
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error> {
        if let Some(initial) = self.initial {
            range::level("initial", initial)?;
        }
        check::within("found", self.found, 0.0, 1.0)?;
        Ok(Box::new(Stepper {
            hashrate: plan.read("hashrate", &self.hashrate)?,
            initial: self.initial,
            found: self.found,
            level: plan.level(),
            before: plan.state(),
            work: plan.state(),
            passed: plan.state(),
        }))
    }
}

struct Stepper {
    hashrate: ReadLane,
    initial: Option<f64>,
    found: f64,
    level: OwnLane,
    /// Hash rate at the date before.
    before: OwnLane,
    /// What the period still takes, EH/s times years.
    work: OwnLane,
    /// Years that it has taken so far.
    passed: OwnLane,
}

impl FactorStepper for Stepper {
    fn start(&self, block: &mut FactorBlock<'_>) {
        let hashrate = block.read.lane(self.hashrate);
        let [level, before, work, passed] = block.own.many([self.level, self.before, self.work, self.passed]);
        begin(self.initial.unwrap_or(0.0), self.found, hashrate, level, before, work, passed);
    }

    fn step(&self, block: &mut FactorBlock<'_>) {
        let hashrate = block.read.lane(self.hashrate);
        let [level, before, work, passed] = block.own.many([self.level, self.before, self.work, self.passed]);
        let [end, slope, left, ..] = block.scratch;
        set_out(block.step.length, hashrate, before, end, slope, left);
        while any_ends(before, end, left, work) {
            end_period(end, slope, level, before, left, work, passed);
        }
        go_on(end, left, before, work, passed);
    }
}

/// A hash rate in the range of numbers, with its square.
#[inline(always)]
fn in_range(hashrate: f64) -> f64 {
    hashrate.clamp(1e-100, 1e100)
}

/// Work that is done in `left` years on a straight line.
#[inline(always)]
fn done(from: f64, to: f64, left: f64) -> f64 {
    0.5 * (from + to) * left
}

crate::vectorised! {
    /// An `initial` of zero is the network's own hash rate.
    fn begin(
        initial: f64, found: f64, hashrate: &Lane, level: &mut Lane, before: &mut Lane, work: &mut Lane, passed: &mut Lane,
    ) {
        for path in 0..PATHS {
            let rate = in_range(hashrate[path]);
            let difficulty = if initial > 0.0 { initial } else { rate };
            level[path] = difficulty;
            before[path] = rate;
            work[path] = (1.0 - found) * difficulty * PERIOD;
            passed[path] = found * difficulty * PERIOD / rate;
        }
    }

    /// The line of the hash rate over a step: `before` is where on it a path stands, `left` how long it goes on.
    fn set_out(length: f64, hashrate: &Lane, before: &Lane, end: &mut Lane, slope: &mut Lane, left: &mut Lane) {
        for path in 0..PATHS {
            end[path] = in_range(hashrate[path]);
            slope[path] = (end[path] - before[path]) / length;
            left[path] = length;
        }
    }

    /// Whether a period ends on any path in what is left of the step.
    fn any_ends(before: &Lane, end: &Lane, left: &Lane, work: &Lane) -> bool {
        let mut any = 0_u64;
        for path in 0..PATHS {
            any |= u64::from(work[path] <= done(before[path], end[path], left[path]));
        }
        any != 0
    }

    /// The end of the period on the paths on which it comes within the step; the others stay where they are.
    fn end_period(
        end: &Lane, slope: &Lane, level: &mut Lane, before: &mut Lane, left: &mut Lane, work: &mut Lane, passed: &mut Lane,
    ) {
        for path in 0..PATHS {
            let (rate, needed, difficulty) = (before[path], work[path], level[path]);
            let ends = needed <= done(rate, end[path], left[path]);
            // The hash rate at the end of the period: half the difference of the squares is the slope times the work.
            let square = rate.mul_add(rate, 2.0 * slope[path] * needed);
            let then = if square > 0.0 { square.sqrt() } else { 0.0 };
            let years = 2.0 * needed / (rate + then);
            let years = if years < left[path] { years } else { left[path] };
            let ratio = PERIOD / (passed[path] + years);
            let ratio = if ratio < 4.0 { ratio } else { 4.0 };
            let ratio = if ratio > 0.25 { ratio } else { 0.25 };
            let changed = difficulty * ratio;
            let (left_now, passed_now) = (left[path], passed[path]);
            level[path] = if ends { changed } else { difficulty };
            work[path] = if ends { changed * PERIOD } else { needed };
            passed[path] = if ends { 0.0 } else { passed_now };
            left[path] = if ends { left_now - years } else { left_now };
            before[path] = if ends { in_range(then) } else { rate };
        }
    }

    /// To the end of the step, where no period ends.
    fn go_on(end: &Lane, left: &Lane, before: &mut Lane, work: &mut Lane, passed: &mut Lane) {
        for path in 0..PATHS {
            work[path] -= done(before[path], end[path], left[path]);
            passed[path] += left[path];
            before[path] = end[path];
        }
    }
}
