//! The frontier: generations of hardware arrive, each better for its money than the last.

use super::factor::{Factor, FactorBlock, FactorPlan, FactorStepper};
use super::lanes::OwnLane;
use super::launches::{Excitation, Launches, first_launches, follow, gain_event};
use super::per_step::PerStep;
use super::range;
use super::sparse::Hits;
use crate::numeric::kernel::exp;
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
/// | T_1 .. | `roadmap` | years from today: launches whose dates are known; none by default | ascending, above 0, to 1000 |
/// | | `excitation` | launches that bring on launches, see [`Excitation`]; none by default | with `cadence_variation` 1 |
///
/// **First gap.** The newest generation was launched `age` years before time zero. So the first launch comes at `T - age`, where
/// `T` is a gap that is known to be longer than `age`: gamma, conditional on that. With `age` 0 it is an ordinary gap: the
/// process is an ordinary renewal process from time zero. With cadence variation 0 the age must be below the cadence.
///
/// **A roadmap** gives the dates of the first launches, on every path; their gains are random as those of all others, and what is random
/// begins with the gap after the last of them.
///
/// The law is exact on any dates: a launch within a step acts at its own time, and adoption since then is
/// the exact solution; several launches may fall in one step. No Gaussian driver, and nothing to modulate: launches are
/// independent of the market. Publishes its level, the log frontier `F` (0 at time zero), and `adoption` (A), `generations` (launches
/// since time zero), `age` (years since the newest launch) and `tier` (launches since time zero as far as they are adopted, `dB = (N - B) / ramp dt`:
/// by how many generations a machine of today's frontier is demoted, which [`TierRent`](super::TierRent) reads).
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
    /// Dates of the launches that are known, in years from today.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roadmap: Vec<f64>,
    /// Launches that bring on launches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excitation: Option<Excitation>,
}

impl Factor for Obsolescence {
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error> {
        let launches = Launches::new(self, plan.grid())?;
        range::rate("gain", self.gain)?;
        range::volatility("gain_volatility", self.gain_volatility)?;
        check::within("ramp", self.ramp, 0.0, 100.0)?;
        range::logarithm("pending", self.pending)?;
        let ramp = Ramp(self.ramp);
        Ok(Box::new(Stepper {
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
            tier: plan.publish("tier"),
            next: plan.state(),
            excess: launches.burst.map(|_| plan.state()),
            launches,
        }))
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
    launches: Launches,
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
    tier: OwnLane,
    /// Date of the next launch.
    next: OwnLane,
    /// Intensity above the background just after it, where launches excite.
    excess: Option<OwnLane>,
}

impl FactorStepper for Stepper {
    fn start(&self, block: &mut FactorBlock<'_>) {
        block.own[self.frontier].fill(0.0);
        block.own[self.adoption].fill(-self.pending);
        block.own[self.generations].fill(0.0);
        block.own[self.newest].fill(self.age);
        block.own[self.tier].fill(0.0);
        let (key, first_path) = (block.key, block.first_path);
        match self.excess {
            None => first_launches(&self.launches, key, first_path, &mut block.own[self.next], None),
            Some(excess) => {
                let [next, excess] = block.own.many([self.next, excess]);
                first_launches(&self.launches, key, first_path, next, Some(excess));
            }
        }
    }

    fn step(&self, block: &mut FactorBlock<'_>) {
        let (end, length) = (block.step.end, block.step.length);
        let lanes = [self.frontier, self.adoption, self.generations, self.newest, self.tier, self.next];
        // A lane of its own even where nothing excites, for the sake of one loop.
        let [spare, ..] = block.scratch;
        let ([frontier, adoption, generations, newest, tier, next], excess) = match self.excess {
            None => (block.own.many(lanes), spare),
            Some(excess) => {
                let [frontier, adoption, generations, newest, tier, next, excess] = block.own.many([
                    self.frontier,
                    self.adoption,
                    self.generations,
                    self.newest,
                    self.tier,
                    self.next,
                    excess,
                ]);
                ([frontier, adoption, generations, newest, tier, next], excess)
            }
        };
        adopt(*self.waiting.at(block.step), length, frontier, generations, adoption, tier, newest);
        let mut hits = Hits::new();
        hits.at_most(next, end);
        while !hits.is_empty() {
            launch(
                &self.launches,
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
                tier,
                next,
                excess,
            );
            hits.keep_at_most(next, end);
        }
    }
}

crate::vectorised! {
    /// A step as if there were no launch.
    fn adopt(
        waiting: f64, length: f64, frontier: &Lane, generations: &Lane, adoption: &mut Lane, tier: &mut Lane, newest: &mut Lane,
    ) {
        for path in 0..PATHS {
            tier[path] = (tier[path] - generations[path]).mul_add(waiting, generations[path]);
            adoption[path] = (adoption[path] - frontier[path]).mul_add(waiting, frontier[path]);
            newest[path] += length;
        }
    }

    /// The next launch of each of these paths: adoption is linear in the gains, so what is adopted since the launch adds.
    fn launch(
        launches: &Launches, gain: f64, gain_volatility: f64, ramp: Ramp, end: f64, key: &StreamKey, first_path: u64,
        hits: &Hits, frontier: &mut Lane, adoption: &mut Lane, generations: &mut Lane, newest: &mut Lane, tier: &mut Lane,
        next: &mut Lane, excess: &mut Lane,
    ) {
        for path in hits.paths() {
            let number = first_path + path as u64;
            let launch = generations[path] as u64;
            let words = key.event(number, gain_event(launch));
            let gain = gain_volatility.mul_add(event::normals(words[0], words[1]).0, gain);
            let since = end - next[path];
            let adopted = ramp.adopted(since);
            frontier[path] += gain;
            adoption[path] = gain.mul_add(adopted, adoption[path]);
            tier[path] += adopted;
            generations[path] += 1.0;
            newest[path] = since;
            follow(launches, key, number, launch + 1, &mut next[path], &mut excess[path]);
        }
    }
}
