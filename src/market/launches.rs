//! When generations of hardware are launched: on dates that are known, then at random.

use super::obsolescence::Obsolescence;
use crate::numeric::kernel::{exp, ln, ln_1p};
use crate::numeric::{Lane, PATHS, TimeGrid};
use crate::sample::{StreamKey, event};
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// Launches that bring on launches (a Hawkes process): rivals answer one another, and then all wait.
///
/// ```text
/// lambda_t = mu + (lambda_0 - mu) e^(-b t) + sum_{0 < T_j <= t} n b e^(-b (t - T_j)),    mu = (1 - n) / tau
/// ```
///
/// | symbol | field | unit | range |
/// | --- | --- | --- | --- |
/// | n | `branching` | launches that a launch brings on in the mean: in the long run the share of launches that are answers | 0 to 0.99 |
/// | b | `reversion` | per year: half of the answers come within 0.69 / b | 0.01 to 1000 |
/// | lambda_0 | `intensity` | per year, at time zero; by default `mu + n b e^(-b age)`, what the newest generation alone has left | mu to 1000 |
///
/// `tau`, the `cadence`, stays the mean years from launch to launch in the long run, whatever the branching. With `k = b (1 - n)`,
/// `a = lambda_0 - 1 / tau`, `f = e^(-k t)` and `F = (1 - f) / k` the number of launches has
///
/// ```text
/// E[N_t] = t / tau + a F
/// Var[N_t] = 2 (A (t - F) + B (F - t f) - C (F - (1 - f^2) / (2 k))) / k + E[N_t]
/// A = (n b)^2 / (2 k tau) + n b / tau,   B = (n b)^2 a / k + n b a,   C = (n b)^2 / (2 k tau) + (n b)^2 a / k
/// ```
///
/// The next launch is the sooner of two: of the background, as without excitation, and of what excites, whose integral
/// is inverted in closed form. So the law is exact, and with a branching of 0 every bit is that of the Poisson process.
///
/// Source: A. G. Hawkes, "Spectra of some self-exciting and mutually exciting point processes", Biometrika 58 (1971) 83-90,
/// doi:10.1093/biomet/58.1.83; the draw: A. Dassios, H. Zhao, "Exact simulation of Hawkes process with exponentially decaying intensity",
/// Electron. Commun. Probab. 18 (2013) 62, doi:10.1214/ECP.v18-2717.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Excitation {
    /// Launches that a launch brings on, in the mean.
    pub branching: f64,
    /// Speed at which the excitation fades, per year.
    pub reversion: f64,
    /// Launches per year at time zero, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intensity: Option<f64>,
}

/// The dates of the launches of each path, one after the other.
#[derive(Debug, Clone)]
pub(super) struct Launches {
    /// Dates that are known, ascending.
    roadmap: Vec<f64>,
    gap: Gap,
    /// Years since the newest launch, at time zero.
    age: f64,
    pub(super) burst: Option<Burst>,
}

/// Expected launches in a step. They are drawn one by one: more than these are a mistake of units.
const MOST: f64 = 1000.0;

impl Launches {
    /// Checks the fields that say when launches come.
    pub(super) fn new(frontier: &Obsolescence, grid: &TimeGrid) -> Result<Self, Error> {
        let &Obsolescence { cadence, cadence_variation, age, .. } = frontier;
        check::within("cadence", cadence, 0.01, 1000.0)?;
        let longest = grid.iter().fold(0.0_f64, |longest, step| longest.max(step.length));
        if longest > MOST * cadence {
            let expected = format!("must be at least {}, for the longest step is {longest} years", longest / MOST);
            return Err(Error::invalid("cadence", cadence, expected));
        }
        if cadence_variation != 0.0 && !(0.01..=4.0).contains(&cadence_variation) {
            return Err(Error::invalid("cadence_variation", cadence_variation, "must be 0 or lie between 0.01 and 4"));
        }
        check::within("age", age, 0.0, 1000.0)?;
        if cadence_variation == 0.0 && age >= cadence && frontier.roadmap.is_empty() {
            let expected = format!("must be below the cadence, {cadence}, when launches come like a clock");
            return Err(Error::invalid("age", age, expected));
        }
        let mut before = 0.0;
        for (position, date) in frontier.roadmap.iter().enumerate() {
            // Written so that what is not a number is refused too.
            if !(*date > before && *date <= 1000.0) {
                let expected = format!("must lie above {before} and be at most 1000 years from today");
                return Err(Error::invalid(format!("roadmap[{position}]"), *date, expected));
            }
            before = *date;
        }
        let burst = match &frontier.excitation {
            None => None,
            Some(_) if (cadence_variation - 1.0).abs() > 0.0 => {
                let expected = "must be 1 with `excitation`, whose background is a Poisson process";
                return Err(Error::invalid("cadence_variation", cadence_variation, expected));
            }
            Some(excitation) => {
                Some(Burst::new(excitation, cadence, age, longest).map_err(|error| error.within("excitation"))?)
            }
        };
        let background = burst.map_or(cadence, |burst| cadence / (1.0 - burst.branching));
        let gap = Gap::new(background, cadence_variation);
        Ok(Launches { roadmap: frontier.roadmap.clone(), gap, age, burst })
    }

    /// The date of launch `launch`, and what it leaves of the excitation.
    #[inline(always)]
    fn date(&self, key: &StreamKey, path: u64, launch: u64, last: f64, excess: f64) -> (f64, f64) {
        let date = match self.roadmap.get(launch as usize) {
            Some(date) => *date,
            None => {
                let background =
                    if launch == 0 { self.gap.first(key, path, self.age) } else { self.gap.draw(key, path, launch) };
                let gap = match self.burst {
                    None => background,
                    Some(burst) => {
                        let answer = burst.wait(event::exponential(key.event(path, gap_event(launch))[3]), excess);
                        if answer < background { answer } else { background }
                    }
                };
                last + gap
            }
        };
        (date, self.burst.map_or(0.0, |burst| burst.after(date - last, excess)))
    }
}

crate::vectorised! {
    /// The date of the first launch of each path, and the excitation after it.
    pub(super) fn first_launches(
        launches: &Launches, key: &StreamKey, first_path: u64, next: &mut Lane, excess: Option<&mut Lane>,
    ) {
        let now = launches.burst.map_or(0.0, |burst| burst.now);
        let mut left = excess;
        for path in 0..PATHS {
            let (date, after) = launches.date(key, first_path + path as u64, 0, 0.0, now);
            next[path] = date;
            if let Some(excess) = &mut left {
                excess[path] = after;
            }
        }
    }
}

/// The date of the launch after the one at `next`, in its place.
#[inline(always)]
pub(super) fn follow(launches: &Launches, key: &StreamKey, path: u64, launch: u64, next: &mut f64, excess: &mut f64) {
    (*next, *excess) = launches.date(key, path, launch, *next, *excess);
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

/// Which event of a path a draw belongs to: launch `j` (from 0) has its gap and its gain. Word 3 of the gap is the answer's.
#[inline(always)]
fn gap_event(launch: u64) -> u64 {
    2 * launch
}

#[inline(always)]
pub(super) fn gain_event(launch: u64) -> u64 {
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

/// What excites, ready to be drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Burst {
    branching: f64,
    reversion: f64,
    /// What a launch adds to the intensity, n b.
    jump: f64,
    /// Intensity above the background at time zero.
    now: f64,
}

impl Burst {
    fn new(excitation: &Excitation, cadence: f64, age: f64, longest: f64) -> Result<Self, Error> {
        let &Excitation { branching, reversion, intensity } = excitation;
        if !(0.0..=0.99).contains(&branching) {
            let expected = "must lie between 0 and 0.99: from 1 on every launch brings on another, for ever";
            return Err(Error::invalid("branching", branching, expected));
        }
        check::within("reversion", reversion, 0.01, 1000.0)?;
        let background = (1.0 - branching) / cadence;
        let jump = branching * reversion;
        let now = match intensity {
            None => jump * exp(-reversion * age),
            Some(intensity) => {
                let most = (MOST / longest).min(1000.0);
                if !(background..=most).contains(&intensity) {
                    let expected = format!("must lie between the background, {background}, and {most}, per year");
                    return Err(Error::invalid("intensity", intensity, expected));
                }
                intensity - background
            }
        };
        Ok(Burst { branching, reversion, jump, now })
    }

    /// Years until the integral of the excess reaches a unit exponential; for ever where it never does.
    #[inline(always)]
    fn wait(self, exponential: f64, excess: f64) -> f64 {
        let spent = self.reversion * exponential / excess;
        if spent < 1.0 { -ln_1p(-spent) / self.reversion } else { f64::INFINITY }
    }

    /// The excess just after a launch that comes this much later.
    #[inline(always)]
    fn after(self, years: f64, excess: f64) -> f64 {
        excess.mul_add(exp(-self.reversion * years), self.jump)
    }
}
