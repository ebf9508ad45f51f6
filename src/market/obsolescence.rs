//! The frontier: generations of hardware arrive, each better for its money than the last.

use super::factor::{Factor, FactorBlock, FactorPlan, FactorStepper};
use super::lanes::OwnLane;
use super::per_step::PerStep;
use super::range;
use super::sparse::Hits;
use crate::numeric::kernel::{exp, ln};
use crate::numeric::{Lane, PATHS};
use crate::sample::{StreamKey, event};
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// Launches of hardware generations, the performance per dollar that they reach, and how fast it is adopted.
///
/// ```text
/// launches at T_1 < T_2 < ..:  T_{j+1} - T_j gamma with mean tau and coefficient of variation c (shape 1/c^2)
/// F_t = sum_{T_j <= t} ln G_j,   ln G_j ~ normal(g, s)
/// dA = (F - A) / ramp dt
/// ```
///
/// | symbol | field | unit | range |
/// | --- | --- | --- | --- |
/// | tau | `cadence` | years from launch to launch (NVIDIA flagships: about 2) | 0.01 to 1000; at most 1000 of them in a step |
/// | c | `cadence_variation` | 1 is a Poisson process, 0 a clock; 0.2 to 0.3 on record | 0, or 0.01 to 4 |
/// | | `age` | years since the newest generation was launched, at time zero; 0 by default | 0 to 1000 |
/// | g | `gain` | log of performance per dollar, per launch | -10 to 10 |
/// | s | `gain_volatility` | log | 0 to 10 |
/// | ramp | `ramp` | years of delay from launch to supply; 0 is at once | 0 to 100 |
/// | F_0 - A_0 | `pending` | log: what of the newest generation is not adopted yet at time zero; 0 by default | -100 to 100 |
///
/// **First gap.** The newest generation was launched `age` years before time zero. So the first launch comes at `T - age`, where
/// `T` is a gap that is known to be longer than `age`: gamma, conditional on that. With `age` 0 it is an ordinary gap: the
/// process is an ordinary renewal process from time zero. With cadence variation 0 the age must be below the cadence.
///
/// The law is exact on any dates: a launch within a step acts at its own time, and adoption since then is
/// the exact solution; several launches may fall in one step. No Gaussian driver, and nothing to modulate: launches are
/// independent of the market. Publishes its level, the log frontier `F` (0 at time zero), and `adoption` (A), `generations` (launches
/// since time zero) and `age` (years since the newest launch).
///
/// **Draws** are tied to path and number of the launch, not to the date: a change of cadence moves the launches and keeps
/// their gains.
///
/// Source: D. R. Cox, *Renewal Theory* (1962). The first gap is drawn by rejection: from the gamma law where `age` is at most
/// `tau (1 + c)`, else from an exponential that touches the log density at `age` (J. S. Dagpunar, "Sampling of variates from a truncated
/// gamma distribution", J. Statist. Comput. Simul. 8 (1978) 59-64).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Obsolescence {
    /// Mean years from launch to launch.
    pub cadence: f64,
    /// Standard deviation of the gap over its mean.
    pub cadence_variation: f64,
    /// Years since the newest launch, at time zero.
    #[serde(default)]
    pub age: f64,
    /// Mean of the logarithm of the gain per launch.
    pub gain: f64,
    /// Standard deviation of that logarithm.
    #[serde(default)]
    pub gain_volatility: f64,
    /// Years of delay from launch to adoption.
    pub ramp: f64,
    /// Gain that is launched but not adopted at time zero, log.
    #[serde(default)]
    pub pending: f64,
}

impl Obsolescence {
    /// Expected launches in a step. They are drawn one by one: more than these are a mistake of units.
    const MOST_LAUNCHES: f64 = 1000.0;
}

impl Factor for Obsolescence {
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error> {
        check::within("cadence", self.cadence, 0.01, 1000.0)?;
        let longest = plan.grid().iter().fold(0.0_f64, |longest, step| longest.max(step.length));
        if longest > Self::MOST_LAUNCHES * self.cadence {
            let expected =
                format!("must be at least {}, for the longest step is {longest} years", longest / Self::MOST_LAUNCHES);
            return Err(Error::invalid("cadence", self.cadence, expected));
        }
        if self.cadence_variation != 0.0 && !(0.01..=4.0).contains(&self.cadence_variation) {
            return Err(Error::invalid(
                "cadence_variation",
                self.cadence_variation,
                "must be 0 or lie between 0.01 and 4",
            ));
        }
        check::within("age", self.age, 0.0, 1000.0)?;
        if self.cadence_variation == 0.0 && self.age >= self.cadence {
            let expected = format!("must be below the cadence, {}, when launches come like a clock", self.cadence);
            return Err(Error::invalid("age", self.age, expected));
        }
        range::rate("gain", self.gain)?;
        range::volatility("gain_volatility", self.gain_volatility)?;
        check::within("ramp", self.ramp, 0.0, 100.0)?;
        range::logarithm("pending", self.pending)?;
        let ramp = Ramp(self.ramp);
        Ok(Box::new(Stepper {
            gap: Gap::new(self.cadence, self.cadence_variation),
            age: self.age,
            gain: self.gain,
            gain_volatility: self.gain_volatility,
            ramp,
            pending: self.pending,
            waiting: PerStep::new(plan.grid(), |length| 1.0 - ramp.adopted(length)),
            frontier: plan.level(),
            adoption: plan.publish("adoption"),
            generations: plan.publish("generations"),
            newest: plan.publish("age"),
            next: plan.state(),
        }))
    }
}

/// The law of the years from launch to launch.
#[derive(Debug, Clone, Copy)]
struct Gap {
    mean: f64,
    variation: f64,
    /// 1 / c^2; not finite for a clock.
    shape: f64,
    /// tau c^2.
    scale: f64,
}

/// Which event of a path a draw belongs to: launch `j` (from 0) has its gap and its gain.
#[inline(always)]
fn gap_event(launch: u64) -> u64 {
    2 * launch
}

#[inline(always)]
fn gain_event(launch: u64) -> u64 {
    2 * launch + 1
}

/// Tries at a first gap that is longer than the age; no launch ever has this number.
const FIRST_GAP: u64 = 1 << 62;

impl Gap {
    fn new(mean: f64, variation: f64) -> Self {
        let square = variation * variation;
        Gap { mean, variation, shape: 1.0 / square, scale: mean * square }
    }

    /// Years before launch `launch`.
    #[inline(always)]
    fn draw(self, key: &StreamKey, path: u64, launch: u64) -> f64 {
        if self.variation == 0.0 { self.mean } else { self.scale * key.gamma(path, gap_event(launch), self.shape) }
    }

    /// Years from time zero to the first launch, when the newest generation is `age` years old.
    #[inline(always)]
    fn first(self, key: &StreamKey, path: u64, age: f64) -> f64 {
        if age == 0.0 || self.variation == 0.0 {
            return self.draw(key, path, 0) - age;
        }
        let mut attempt = FIRST_GAP;
        if age <= self.mean * (1.0 + self.variation) {
            loop {
                let gap = self.scale * key.gamma(path, attempt, self.shape);
                if gap > age {
                    return gap - age;
                }
                attempt += 1;
            }
        }
        // Beyond `age` the log density (a - 1) ln x - x / scale lies below a line: for a >= 1 its tangent at `age`; for a < 1,
        // where it is convex, the line of slope -1 / scale, below which the power then falls.
        let power = self.shape - 1.0;
        let slope = if power > 0.0 { 1.0 / self.scale - power / age } else { 1.0 / self.scale };
        loop {
            let words = key.event(path, attempt);
            let over = event::exponential(words[0]) / slope;
            let ratio = 1.0 + over / age;
            let tangent = if power > 0.0 { over / age } else { 0.0 };
            if ln(event::uniform(words[1])) < power * (ln(ratio) - tangent) {
                return over;
            }
            attempt += 1;
        }
    }
}

/// Years of delay from launch to adoption.
#[derive(Debug, Clone, Copy)]
struct Ramp(f64);

impl Ramp {
    /// The share that is adopted this many years after a launch.
    #[inline(always)]
    fn adopted(self, years: f64) -> f64 {
        if self.0 == 0.0 { 1.0 } else { 1.0 - exp(-years / self.0) }
    }
}

struct Stepper {
    gap: Gap,
    age: f64,
    gain: f64,
    gain_volatility: f64,
    ramp: Ramp,
    pending: f64,
    /// Share of a launch that is still not adopted one step later.
    waiting: PerStep<f64>,
    frontier: OwnLane,
    adoption: OwnLane,
    generations: OwnLane,
    newest: OwnLane,
    /// Date of the next launch.
    next: OwnLane,
}

impl FactorStepper for Stepper {
    fn start(&self, block: &mut FactorBlock<'_>) {
        block.own[self.frontier].fill(0.0);
        block.own[self.adoption].fill(-self.pending);
        block.own[self.generations].fill(0.0);
        block.own[self.newest].fill(self.age);
        first_launches(self.gap, self.age, block.key, block.first_path, &mut block.own[self.next]);
    }

    fn step(&self, block: &mut FactorBlock<'_>) {
        let (end, length) = (block.step.end, block.step.length);
        let [frontier, adoption, generations, newest, next] =
            block.own.many([self.frontier, self.adoption, self.generations, self.newest, self.next]);
        adopt(*self.waiting.at(block.step), length, frontier, adoption, newest);
        loop {
            let mut hits = Hits::new();
            hits.at_most(next, end);
            if hits.is_empty() {
                break;
            }
            launch(
                self.gap,
                self.gain,
                self.gain_volatility,
                self.ramp,
                end,
                block.key,
                block.first_path,
                &hits,
                frontier,
                adoption,
                generations,
                newest,
                next,
            );
        }
    }
}

crate::vectorised! {
    fn first_launches(gap: Gap, age: f64, key: &StreamKey, first_path: u64, next: &mut Lane) {
        for path in 0..PATHS {
            next[path] = gap.first(key, first_path + path as u64, age);
        }
    }

    /// A step as if there were no launch.
    fn adopt(waiting: f64, length: f64, frontier: &Lane, adoption: &mut Lane, newest: &mut Lane) {
        for path in 0..PATHS {
            adoption[path] = (adoption[path] - frontier[path]).mul_add(waiting, frontier[path]);
            newest[path] += length;
        }
    }

    /// The next launch of each of these paths: adoption is linear in the gains, so what is adopted since the launch adds.
    fn launch(
        gap: Gap, gain: f64, gain_volatility: f64, ramp: Ramp, end: f64, key: &StreamKey, first_path: u64, hits: &Hits,
        frontier: &mut Lane, adoption: &mut Lane, generations: &mut Lane, newest: &mut Lane, next: &mut Lane,
    ) {
        for path in hits.paths() {
            let number = first_path + path as u64;
            let launch = generations[path] as u64;
            let words = key.event(number, gain_event(launch));
            let gain = gain_volatility.mul_add(event::normals(words[0], words[1]).0, gain);
            let since = end - next[path];
            frontier[path] += gain;
            adoption[path] = gain.mul_add(ramp.adopted(since), adoption[path]);
            generations[path] += 1.0;
            newest[path] = since;
            next[path] += gap.draw(key, number, launch + 1);
        }
    }
}
