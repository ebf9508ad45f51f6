//! The demand that leaves when open models are good enough.

use super::factor::{Factor, FactorBlock, FactorPlan, FactorStepper};
use super::lanes::{DriverLane, OwnLane};
use super::per_step::PerStep;
use super::range;
use super::sparse::Hits;
use crate::numeric::kernel::{exp, ln};
use crate::numeric::{Lane, PATHS};
use crate::sample::{StreamKey, event};
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// The share of today's demand that is left: all of it until open models have caught up with closed ones to a threshold, and from
/// then on a part of it leaves.
///
/// ```text
/// K = 1 / (1 + e^(-y)),    dy = a dt + v dW,    y_0 = ln(K_0 / (1 - K_0))
/// T = first time that K reaches the threshold
/// s = 1 until T,    then ds = -(s - s_inf) / tau dt
/// ```
///
/// | symbol | field | unit | range |
/// | --- | --- | --- | --- |
/// | K_0 | `parity` | quality of the best open model over that of the best closed one, today | strictly between 0 and 1 |
/// | a | `drift` | log odds per year: from 0.80 to 0.95 is 1.56 | -10 to 10 |
/// | v | `volatility` | log odds per square root of a year | 0 to 10 |
/// | | `threshold` | parity at which demand starts to leave; 0.95 by default | strictly between 0 and 1 |
/// | s_inf | `remaining` | share of demand that stays in the end | 0 to 1 |
/// | tau | `ramp` | years: 63 % of what leaves has left after one tau; 0 is at once | 0 to 100 |
///
/// Parity may fall back; who has left stays away. The time `T` is that of a Brownian motion with drift at `h = y* - y_0`, the distance
/// in log odds:
///
/// ```text
/// P(T <= t) = Phi((a t - h) / (v sqrt(t))) + exp(2 a h / v^2) Phi(-(a t + h) / (v sqrt(t)))
/// ```
///
/// for `a > 0` the inverse Gaussian law of mean `h / a` and variance `h v^2 / a^3`; for `a < 0` it is never reached with probability
/// `1 - exp(2 a h / v^2)`. Where parity is at the threshold today, T is 0.
///
/// **Exact on any dates**, jointly with the parity: between two dates parity is a Brownian bridge. Below the threshold by `h` and `g` at its
/// ends, it has crossed within the step with probability `exp(-2 h g / (v^2 D))`, for which each path has one uniform a step from
/// the factor's own stream. The bridge turned into a Brownian motion with drift by `u = t D / (D - t)`, the time within the step
/// has `u` inverse Gaussian of mean `h D / |g|` and shape `h^2 / v^2`: one event of the path, drawn when it crosses.
///
/// One Gaussian driver, named as the factor. Publishes its level, the share s, and `parity`. Modulated, y has the volatility `m v` and the
/// drift `a + d`. [`Utilisation`](super::Utilisation) reads the share as `demand`.
///
/// Source: first passage: M. C. K. Tweedie, "Statistical properties of inverse Gaussian distributions I", Ann. Math. Statist. 28 (1957)
/// 362-377, doi:10.1214/aoms/1177706964; the bridge: P. Glasserman, *Monte Carlo Methods in Financial Engineering* (2003), section
/// 6.4; the draw: J. R. Michael, W. R. Schucany, R. W. Haas, "Generating random variates using transformations with multiple roots", The American
/// Statistician 30 (1976) 88-90, doi:10.1080/00031305.1976.10479147.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DemandShift {
    /// Parity at time zero.
    pub parity: f64,
    /// Drift of its log odds per year.
    pub drift: f64,
    /// Volatility of its log odds per square root of a year.
    pub volatility: f64,
    /// Parity at which demand starts to leave.
    #[serde(default = "DemandShift::usual_threshold")]
    pub threshold: f64,
    /// Share of demand that stays in the end.
    pub remaining: f64,
    /// Years in which the rest leaves.
    pub ramp: f64,
}

impl DemandShift {
    fn usual_threshold() -> f64 {
        0.95
    }
}

impl Factor for DemandShift {
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error> {
        check::strictly_within("parity", self.parity, 0.0, 1.0)?;
        range::rate("drift", self.drift)?;
        range::volatility("volatility", self.volatility)?;
        check::strictly_within("threshold", self.threshold, 0.0, 1.0)?;
        check::within("remaining", self.remaining, 0.0, 1.0)?;
        check::within("ramp", self.ramp, 0.0, 100.0)?;
        let ramp = self.ramp;
        let threshold = log_odds(self.threshold);
        Ok(Box::new(Stepper {
            initial: self.parity,
            // Below zero until the threshold is reached.
            distance: log_odds(self.parity) - threshold,
            threshold,
            drift: self.drift,
            volatility: self.volatility,
            remaining: self.remaining,
            ramp,
            left: PerStep::new(plan.grid(), |length| left(ramp, length)),
            level: plan.level(),
            parity: plan.publish("parity"),
            state: plan.state(),
            before: plan.state(),
            crossed: plan.state(),
            driver: plan.driver(),
        }))
    }
}

fn log_odds(share: f64) -> f64 {
    ln(share) - ln(1.0 - share)
}

/// What is left, of that which leaves, this many years later.
#[inline(always)]
fn left(ramp: f64, years: f64) -> f64 {
    if ramp == 0.0 { 0.0 } else { exp(-years / ramp) }
}

struct Stepper {
    initial: f64,
    distance: f64,
    threshold: f64,
    drift: f64,
    volatility: f64,
    remaining: f64,
    ramp: f64,
    left: PerStep<f64>,
    level: OwnLane,
    parity: OwnLane,
    /// y less its threshold, now and at the last date.
    state: OwnLane,
    before: OwnLane,
    /// 1 once the threshold has been reached.
    crossed: OwnLane,
    driver: DriverLane,
}

impl FactorStepper for Stepper {
    fn start(&self, block: &mut FactorBlock<'_>) {
        block.own[self.level].fill(1.0);
        block.own[self.parity].fill(self.initial);
        block.own[self.state].fill(self.distance);
        block.own[self.crossed].fill(if self.distance >= 0.0 { 1.0 } else { 0.0 });
    }

    fn step(&self, block: &mut FactorBlock<'_>) {
        let [uniform, variance, crossing, ..] = block.scratch;
        block.stream.uniforms(uniform);
        let normal = &block.drivers[self.driver];
        let length = block.step.length;
        let [level, parity, state, before, crossed] =
            block.own.many([self.level, self.parity, self.state, self.before, self.crossed]);
        *before = *state;
        match block.modulation {
            None => advance(self.drift, self.volatility, length, normal, state, variance),
            Some(modulation) => {
                let (multiplier, shift) = (modulation.volatility, modulation.drift);
                advance_modulated(self.drift, self.volatility, length, normal, multiplier, shift, state, variance);
            }
        }
        leave(self.remaining, *self.left.at(block.step), crossed, level);
        watch(self.threshold, before, state, variance, uniform, crossed, parity, crossing);
        let mut hits = Hits::new();
        hits.at_least(crossing, 1.0);
        if !hits.is_empty() {
            let key = block.key;
            cross(
                length,
                self.remaining,
                self.ramp,
                key,
                block.first_path,
                &hits,
                before,
                state,
                variance,
                crossed,
                level,
            );
        }
    }
}

crate::vectorised! {
    /// Moves the log odds; `variance` becomes that of the step.
    fn advance(drift: f64, volatility: f64, length: f64, normal: &Lane, state: &mut Lane, variance: &mut Lane) {
        let deviation = volatility * length.sqrt();
        for path in 0..PATHS {
            variance[path] = deviation * deviation;
            state[path] = deviation.mul_add(normal[path], drift.mul_add(length, state[path]));
        }
    }

    /// With a multiplier of 1 and a shift of 0 the same bits as `advance`.
    fn advance_modulated(
        drift: f64, volatility: f64, length: f64, normal: &Lane, multiplier: &Lane, shift: &Lane, state: &mut Lane,
        variance: &mut Lane,
    ) {
        for path in 0..PATHS {
            let deviation = volatility * length.sqrt() * multiplier[path];
            variance[path] = deviation * deviation;
            state[path] = deviation.mul_add(normal[path], (drift + shift[path]).mul_add(length, state[path]));
        }
    }

    /// A step of those who began to leave before it.
    fn leave(remaining: f64, left: f64, crossed: &Lane, level: &mut Lane) {
        for path in 0..PATHS {
            let after = (level[path] - remaining).mul_add(left, remaining);
            let before = level[path];
            level[path] = if crossed[path] >= 1.0 { after } else { before };
        }
    }

    /// `crossing` is 1 where the threshold is reached for the first time in this step.
    fn watch(
        threshold: f64, before: &Lane, state: &Lane, variance: &Lane, uniform: &Lane, crossed: &Lane, parity: &mut Lane,
        crossing: &mut Lane,
    ) {
        for path in 0..PATHS {
            let (h, g) = (-before[path], -state[path]);
            // Not a number without volatility halfway at the threshold, where g <= 0 decides.
            let between = uniform[path] < exp(-2.0 * h * g / variance[path]);
            let reached = (g <= 0.0) | between;
            crossing[path] = if (crossed[path] < 1.0) & reached { 1.0 } else { 0.0 };
            parity[path] = 1.0 / (1.0 + exp(-(threshold + state[path])));
        }
    }

    /// When within the step, and what has left since.
    fn cross(
        length: f64, remaining: f64, ramp: f64, key: &StreamKey, first_path: u64, hits: &Hits, before: &Lane, state: &Lane,
        variance: &Lane, crossed: &mut Lane, level: &mut Lane,
    ) {
        for path in hits.paths() {
            let words = key.event(first_path + path as u64, 0);
            let (h, g) = (-before[path], state[path].abs());
            let spread = variance[path] / length;
            let time = passage(length, h, g, spread, event::normals(words[0], words[1]).0, event::uniform(words[2]));
            crossed[path] = 1.0;
            level[path] = (1.0 - remaining).mul_add(left(ramp, length - time), remaining);
        }
    }
}

/// When a bridge of this length, which crosses the threshold, first does: it is below it by `h` at its start and off it by `g` at its end;
/// `spread` is the variance per year.
///
/// 1 / u by Michael, Schucany and Haas, in a form in which nothing cancels: both roots by their inverses, whose product is the
/// square of the inverse mean `p`. p = 0 is the law of Levy, no spread is the straight line.
#[inline(always)]
fn passage(length: f64, h: f64, g: f64, spread: f64, normal: f64, uniform: f64) -> f64 {
    let p = g / (h * length);
    let half = 0.5 * normal * normal * spread / (h * h);
    let first = p + half + (half * (2.0 * p + half)).sqrt();
    let inverse = if uniform * (first + p) <= first { first } else { p * p / first };
    let time = length / (1.0 + length * inverse);
    // Of numbers at the ends of their range.
    if time < length { time } else { length }
}
