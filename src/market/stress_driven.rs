//! Correlations that rise with stress, smoothly and path by path.

use super::constant::Mix;
use super::correlations::Correlations;
use super::dependence::{Dependence, DependenceBlock, DependencePlan, DependenceStepper};
use super::lanes::{OwnLane, OwnStream, ReadLane};
use super::ou::OuStep;
use super::per_step::PerStep;
use super::range;
use crate::numeric::{Correlation, Lane, PATHS};
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// Correlations between calm and stress, by a weight that each path has for itself: correlation convergence as a coin falls.
///
/// ```text
/// C(w) = (1 - w) C_calm + w C_stress,   z = sqrt(1 - w) L_calm e + sqrt(w) L_stress e'
/// w = s^2 (3 - 2 s),   s = (index - begin) / (full - begin), held between 0 and 1
/// ```
///
/// with `e` and `e'` independent normals, so that z has exactly the covariance C(w), given w, without a Cholesky factor for each path. The
/// index is taken at the start of the step.
///
/// | symbol | field | range |
/// | --- | --- | --- |
/// | C_calm, C_stress | `calm`, `stress` | matrices, or pairs; independent by default |
/// | index | `index` | see [`StressIndex`] |
/// | begin, full | `begin`, `full`: where w leaves 0, and where it reaches 1 | -100 to 100, `full` above `begin` |
///
/// **Draws.** `e` are the drivers' own normals. `e'` is one normal per path and step from the stream `dependence/driver/NAME`, for each driver
/// that either matrix correlates with another; drivers that neither does are left as they are. So other correlations or
/// another weight see the same draws, and where w is zero it is [`Constant`](super::Constant) of `calm` to the bit. Publishes w as
/// `dependence.stress`: at each date that of the step that ends there, 0 at time zero.
///
/// Source: the mixture of this project; correlation as a function of drawdown after F. Longin, B. Solnik, "Extreme correlation of
/// international equity markets", J. Finance 56 (2001) 649-676, doi:10.1111/0022-1082.00340.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StressDriven {
    /// Correlations without stress.
    #[serde(default)]
    pub calm: Correlations,
    /// Correlations in full stress.
    #[serde(default)]
    pub stress: Correlations,
    /// What drives the weight.
    pub index: StressIndex,
    /// Up to here the weight is 0.
    pub begin: f64,
    /// From here on it is 1.
    pub full: f64,
}

/// What the weight of [`StressDriven`] depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum StressIndex {
    /// How far a price stands below its highest on the dates so far: `1 - S / max S`, from 0 to 1.
    Drawdown {
        /// A series above zero, such as `btc`.
        of: String,
        /// Its highest before time zero; by default it starts at its highest.
        #[serde(default)]
        peak: f64,
    },
    /// An Ornstein-Uhlenbeck process of variance 1 and mean 0 in the long run, independent of all factors:
    /// `dx = -k x dt + sqrt(2 k) dW`. It draws one normal at time zero and one in each step from the stream `dependence/stress`.
    Ou {
        /// k, per year, 0 to 10000.
        reversion: f64,
        /// Its value at time zero; by default drawn from the law of the long run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        initial: Option<f64>,
    },
}

impl StressDriven {
    /// Correlations by pairs of drivers that go from calm to stress while a price falls from `begin` below its highest to `full`
    /// (shares of it).
    pub fn drawdown(of: impl Into<String>, begin: f64, full: f64) -> Self {
        let (calm, stress) = (Correlations::independent(), Correlations::independent());
        StressDriven { calm, stress, index: StressIndex::Drawdown { of: of.into(), peak: 0.0 }, begin, full }
    }

    /// The same with an index of its own that stands at `begin` to `full` standard deviations.
    #[must_use]
    pub fn ou(reversion: f64, begin: f64, full: f64) -> Self {
        let (calm, stress) = (Correlations::independent(), Correlations::independent());
        StressDriven { calm, stress, index: StressIndex::Ou { reversion, initial: None }, begin, full }
    }

    /// Sets the correlations without stress.
    #[must_use]
    pub fn calm(self, calm: Correlations) -> Self {
        StressDriven { calm, ..self }
    }

    /// Sets the correlations in full stress.
    #[must_use]
    pub fn stress(self, stress: Correlations) -> Self {
        StressDriven { stress, ..self }
    }
}

impl Dependence for StressDriven {
    fn plan(&self, plan: &mut DependencePlan<'_>) -> Result<Box<dyn DependenceStepper>, Error> {
        range::logarithm("begin", self.begin)?;
        range::logarithm("full", self.full)?;
        if self.full <= self.begin {
            return Err(Error::invalid("full", self.full, format!("must be above begin, {}", self.begin)));
        }
        let matrix = |field: &str, correlations: &Correlations| {
            correlations.resolve(plan.drivers()).map_err(|error| error.within(field))
        };
        let (calm, stress) = (matrix("calm", &self.calm)?, matrix("stress", &self.stress)?);
        let coupled: Vec<usize> =
            (0..calm.size()).filter(|driver| [&calm, &stress].into_iter().any(|c| is_coupled(c, *driver))).collect();
        let index = match &self.index {
            StressIndex::Drawdown { of, peak } => {
                check::within("peak", *peak, 0.0, 1e100).map_err(|error| error.within("index.drawdown"))?;
                let of = plan.read("index.drawdown.of", of)?;
                Index::Drawdown { of, peak: *peak, highest: plan.state() }
            }
            StressIndex::Ou { reversion, initial } => {
                let located = |error: Error| error.within("index.ou");
                range::reversion("reversion", *reversion).map_err(located)?;
                range::logarithm("initial", initial.unwrap_or(0.0)).map_err(located)?;
                // exp(-k D) and the deviation that keeps the variance at 1.
                let volatility = (2.0 * reversion).sqrt();
                let steps = PerStep::new(plan.grid(), |length| OuStep::new(*reversion, volatility, length));
                Index::Ou {
                    initial: *initial,
                    steps,
                    value: plan.state(),
                    normal: plan.state(),
                    stream: plan.stream("stress"),
                }
            }
        };
        let names = plan.drivers().to_vec();
        Ok(Box::new(Stepper {
            weight: Weight { begin: self.begin, width: self.full - self.begin },
            index,
            calm: Mix::new(&calm),
            stressed: Mix::new(&among(&stress, &coupled)?),
            second: coupled
                .into_iter()
                .map(|driver| Second {
                    driver,
                    normal: plan.state(),
                    stream: plan.stream(&format!("driver/{}", names[driver])),
                })
                .collect(),
            stress: plan.publish("stress"),
            share: plan.state(),
            rest: plan.state(),
        }))
    }
}

/// Whether a driver is correlated with another.
fn is_coupled(correlation: &Correlation, driver: usize) -> bool {
    let entry = |other: usize| correlation.entry(driver, other).unwrap_or(0.0);
    (0..correlation.size()).any(|other| other != driver && entry(other) != 0.0)
}

/// The matrix of these drivers alone.
fn among(correlation: &Correlation, drivers: &[usize]) -> Result<Correlation, Error> {
    let entry = |row: &usize, column: &usize| correlation.entry(*row, *column).unwrap_or(0.0);
    let rows: Vec<Vec<f64>> =
        drivers.iter().map(|row| drivers.iter().map(|column| entry(row, column)).collect()).collect();
    Correlation::from_rows(&rows).map_err(|error| error.within("stress"))
}

struct Stepper {
    weight: Weight,
    index: Index,
    calm: Mix,
    stressed: Mix,
    second: Vec<Second>,
    /// w, and the roots of w and 1 - w.
    stress: OwnLane,
    share: OwnLane,
    rest: OwnLane,
}

/// The second normal of a driver.
struct Second {
    driver: usize,
    normal: OwnLane,
    stream: OwnStream,
}

enum Index {
    Drawdown { of: ReadLane, peak: f64, highest: OwnLane },
    Ou { initial: Option<f64>, steps: PerStep<OuStep>, value: OwnLane, normal: OwnLane, stream: OwnStream },
}

impl DependenceStepper for Stepper {
    fn start(&self, block: &mut DependenceBlock<'_>) {
        match &self.index {
            Index::Drawdown { peak, highest, .. } => block.own[*highest].fill(*peak),
            Index::Ou { initial, value, stream, .. } => {
                let value = &mut block.own[*value];
                block.streams[*stream].normals(value);
                if let Some(initial) = initial {
                    value.fill(*initial);
                }
            }
        }
        block.own[self.stress].fill(0.0);
    }

    fn step(&self, block: &mut DependenceBlock<'_>) {
        match &self.index {
            Index::Drawdown { of, highest, .. } => {
                let [highest, stress] = block.own.many([*highest, self.stress]);
                fall(block.read.lane(*of), highest, stress);
            }
            Index::Ou { steps, value, normal, stream, .. } => {
                let [value, normal, stress] = block.own.many([*value, *normal, self.stress]);
                *stress = *value;
                block.streams[*stream].normals(normal);
                steps.at(block.step).advance(normal, None, value);
            }
        }
        let [stress, share, rest] = block.own.many([self.stress, self.share, self.rest]);
        weigh(self.weight, stress, share, rest);
        for Second { normal, stream, .. } in &self.second {
            block.streams[*stream].normals(&mut block.own[*normal]);
        }
        self.calm.apply(block.drivers);
        if let [first, .., last] = &self.second[..] {
            self.stressed.apply(block.own.from_to(first.normal, last.normal));
        }
        for Second { driver, normal, .. } in &self.second {
            let [share, rest, normal] = block.own.many([self.share, self.rest, *normal]);
            blend(share, rest, normal, &mut block.drivers[*driver]);
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Weight {
    begin: f64,
    width: f64,
}

crate::vectorised! {
    /// The drawdown, after the highest has been raised to the level. What is no number becomes no drawdown.
    fn fall(level: &Lane, highest: &mut Lane, drawdown: &mut Lane) {
        for path in 0..PATHS {
            let before = highest[path];
            let now = if level[path] > before { level[path] } else { before };
            highest[path] = now;
            let fallen = 1.0 - level[path] / now;
            drawdown[path] = if fallen > 0.0 { fallen } else { 0.0 };
        }
    }

    /// From the index to w and the roots of w and 1 - w.
    fn weigh(weight: Weight, stress: &mut Lane, share: &mut Lane, rest: &mut Lane) {
        for path in 0..PATHS {
            let s = (stress[path] - weight.begin) / weight.width;
            let s = if s > 0.0 { s } else { 0.0 };
            let s = if s < 1.0 { s } else { 1.0 };
            let w = s * s * (-2.0_f64).mul_add(s, 3.0);
            stress[path] = w;
            share[path] = w.sqrt();
            rest[path] = (1.0 - w).sqrt();
        }
    }

    fn blend(share: &Lane, rest: &Lane, second: &Lane, driver: &mut Lane) {
        for path in 0..PATHS {
            driver[path] = share[path].mul_add(second[path], rest[path] * driver[path]);
        }
    }
}
