//! What a used GPU fetches.

use super::decline::Decline;
use super::factor::{Factor, FactorBlock, FactorPlan, FactorStepper};
use super::jumps;
use super::lanes::{DriverLane, OwnLane, ReadLane};
use super::ou::OuStep;
use super::per_step::PerStep;
use super::range;
use super::sparse::{CHUNK, Hits};
use crate::numeric::{Lane, PATHS};
use crate::sample::StreamKey;
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// Resale value of one generation of hardware: its premium over scrap wears off, is eaten by newer generations, and falls at
/// once when one is launched.
///
/// ```text
/// V_t = F + (V_0 - F) exp(-w t - gamma (A_t - A_0) + y_t) prod_{j <= N_t} (1 - J_j),    dy = -k y dt + v dW,  y_0 = 0
/// ```
///
/// | symbol | field | unit | range |
/// | --- | --- | --- | --- |
/// | V_0 | `initial` | USD per unit, the price of today | at least `floor` |
/// | F | `floor` | USD per unit, scrap; 0 by default | 0 or above |
/// | w | `wear` | per year, in logs | -10 to 10 |
/// | gamma | `sensitivity` | log of value per log of adopted performance per dollar; 0 by default | -100 to 100 |
/// | A | `adoption` | series of an [`Obsolescence`](super::Obsolescence), such as `frontier.adoption`; none by default | |
/// | J, N | `shock` | see [`LaunchShock`]; none by default | |
/// | k | `reversion` | per year | 0 to 10000 |
/// | v | `volatility` | per square root of a year | 0 to 10 |
///
/// Adoption and shocks act on the premium over scrap, so the floor holds. The step is exact, given adoption and launches. One Gaussian driver, named as the factor.
/// Publishes its level. Modulated, y has the volatility `m v` and gains `d (1 - e^(-k D)) / k` in the step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resale {
    /// Value at time zero, USD per unit.
    pub initial: f64,
    /// Scrap value, USD per unit.
    #[serde(default)]
    pub floor: f64,
    /// Fall of the logarithm of the premium over scrap per year.
    pub wear: f64,
    /// Fall of that logarithm per unit of adopted log performance.
    #[serde(default)]
    pub sensitivity: f64,
    /// The series of adoption that pushes values down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adoption: Option<String>,
    /// What a launch takes off at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shock: Option<LaunchShock>,
    /// Speed at which noise fades, per year.
    pub reversion: f64,
    /// Volatility of the noise per square root of a year.
    pub volatility: f64,
}

/// The share `J` of the premium over scrap that a launch destroys: beta distributed, drawn anew for each launch and path.
///
/// ```text
/// J ~ beta(a, b),   a + b = mean (1 - mean) / deviation^2 - 1,   a = mean (a + b)
/// ```
///
/// The draws are tied to path and number of the launch. A deviation of 0 makes every shock the mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LaunchShock {
    /// Series that counts launches, such as `frontier.generations`.
    pub generations: String,
    /// Mean of J, strictly between 0 and 1.
    pub mean: f64,
    /// Standard deviation of J: 0, or more than a millionth of `sqrt(mean (1 - mean))` and less than all of it.
    #[serde(default)]
    pub deviation: f64,
}

impl Factor for Resale {
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error> {
        range::level("initial", self.initial)?;
        range::amount("floor", self.floor)?;
        if self.floor > self.initial {
            return Err(Error::invalid(
                "floor",
                self.floor,
                format!("must be at most the initial value, {}", self.initial),
            ));
        }
        range::rate("wear", self.wear)?;
        range::logarithm("sensitivity", self.sensitivity)?;
        range::reversion("reversion", self.reversion)?;
        range::volatility("volatility", self.volatility)?;
        let decline = Decline::plan(plan, self.adoption.as_deref(), self.sensitivity)?;
        let shock = match &self.shock {
            Some(shock) => Some(PlannedShock::new(shock, plan).map_err(|error| error.within("shock"))?),
            None => None,
        };
        Ok(Box::new(Stepper {
            initial: self.initial,
            floor: self.floor,
            wear: self.wear,
            decline,
            shock,
            steps: PerStep::new(plan.grid(), |length| OuStep::new(self.reversion, self.volatility, length)),
            level: plan.level(),
            noise: plan.state(),
            driver: plan.driver(),
        }))
    }
}

#[derive(Debug, Clone, Copy)]
struct PlannedShock {
    law: ShockLaw,
    generations: ReadLane,
    /// Launches that have taken effect.
    seen: OwnLane,
    /// Product of 1 - J.
    left: OwnLane,
}

#[derive(Debug, Clone, Copy)]
struct ShockLaw {
    mean: f64,
    /// Shapes of the beta law; none where every shock is the mean.
    shapes: Option<[f64; 2]>,
}

impl PlannedShock {
    fn new(shock: &LaunchShock, plan: &mut FactorPlan<'_>) -> Result<Self, Error> {
        check::strictly_within("mean", shock.mean, 0.0, 1.0)?;
        let variance = shock.mean * (1.0 - shock.mean);
        let total = variance / (shock.deviation * shock.deviation) - 1.0;
        let shapes = if shock.deviation == 0.0 {
            None
        } else if shock.deviation > 0.0 && total > 0.0 && total < 1e12 {
            Some([shock.mean * total, (1.0 - shock.mean) * total])
        } else {
            let expected = format!("must be 0, or above 1e-6 and below sqrt(mean (1 - mean)) = {}", variance.sqrt());
            return Err(Error::invalid("deviation", shock.deviation, expected));
        };
        Ok(PlannedShock {
            law: ShockLaw { mean: shock.mean, shapes },
            generations: plan.read("generations", &shock.generations)?,
            seen: plan.state(),
            left: plan.state(),
        })
    }
}

impl ShockLaw {
    /// The shocks of some launches on some paths, `count` of them.
    #[inline(always)]
    fn draw(self, key: &StreamKey, events: [&[u64; CHUNK]; 2], count: usize) -> [f64; CHUNK] {
        match self.shapes {
            None => [self.mean; CHUNK],
            Some(shapes) => key.betas(events, count, shapes),
        }
    }
}

struct Stepper {
    initial: f64,
    floor: f64,
    wear: f64,
    decline: Decline,
    shock: Option<PlannedShock>,
    steps: PerStep<OuStep>,
    level: OwnLane,
    noise: OwnLane,
    driver: DriverLane,
}

impl FactorStepper for Stepper {
    fn start(&self, block: &mut FactorBlock<'_>) {
        block.own[self.level].fill(self.initial);
        block.own[self.noise].fill(0.0);
        self.decline.start(block);
        if let Some(PlannedShock { generations, seen, left, .. }) = self.shock {
            block.own[seen] = *block.read.lane(generations);
            block.own[left].fill(1.0);
        }
    }

    fn step(&self, block: &mut FactorBlock<'_>) {
        let normal = &block.drivers[self.driver];
        self.steps.at(block.step).advance(normal, block.modulation, &mut block.own[self.noise]);
        jumps::add(block.jump, &mut block.own[self.noise]);
        self.decline.value(block, -self.wear * block.step.end, self.noise, self.level);
        let premium = self.initial - self.floor;
        match self.shock {
            None => above_scrap(self.floor, premium, &mut block.own[self.level]),
            Some(PlannedShock { law, generations, seen, left }) => {
                let generations = block.read.lane(generations);
                let [level, seen, left] = block.own.many([self.level, seen, left]);
                let mut hits = Hits::new();
                hits.above(generations, seen);
                if !hits.is_empty() {
                    launched(law, block.key, block.first_path, &hits, generations, seen, left);
                }
                above_scrap_after_shocks(self.floor, premium, left, level);
            }
        }
    }

    fn takes_jumps(&self) -> bool {
        true
    }
}

crate::vectorised! {
    fn above_scrap(floor: f64, premium: f64, level: &mut Lane) {
        for path in 0..PATHS {
            level[path] = premium.mul_add(level[path], floor);
        }
    }

    fn above_scrap_after_shocks(floor: f64, premium: f64, left: &Lane, level: &mut Lane) {
        for path in 0..PATHS {
            level[path] = (premium * left[path]).mul_add(level[path], floor);
        }
    }

    /// The shocks of the launches since the last step, the first launch of all paths first.
    fn launched(
        law: ShockLaw, key: &StreamKey, first_path: u64, hits: &Hits, generations: &Lane, seen: &mut Lane, left: &mut Lane
    ) {
        for (packed, start) in hits.packed().chunks_exact(CHUNK).zip((0..hits.count()).step_by(CHUNK)) {
            let count = (hits.count() - start).min(CHUNK);
            // The bound ends the loop when the series is something else than a count of launches.
            for _ in 0..1000 {
                let (mut paths, mut launches, mut live) = ([0; CHUNK], [0; CHUNK], 0);
                for position in packed[..count].iter().map(|path| usize::from(*path) % PATHS) {
                    if (seen[position] as u64) < generations[position] as u64 {
                        (paths[live], launches[live]) = (position, seen[position] as u64);
                        live += 1;
                    }
                }
                if live == 0 {
                    break;
                }
                let shocks = law.draw(key, [&paths.map(|path| first_path + path as u64), &launches], live);
                for (path, shock) in paths[..live].iter().zip(shocks) {
                    left[*path] *= 1.0 - shock;
                    seen[*path] = (seen[*path] as u64 + 1) as f64;
                }
            }
            for path in packed[..count].iter().map(|path| usize::from(*path) % PATHS) {
                seen[path] = generations[path];
            }
        }
    }
}
