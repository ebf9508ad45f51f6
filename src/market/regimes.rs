//! Calm and stress: correlations, volatilities and drifts that switch together.

use super::chain::Generator;
use super::constant::CHUNK;
use super::correlations::Correlations;
use super::dependence::{Dependence, DependenceBlock, DependencePlan, DependenceStepper};
use super::lanes::OwnLane;
use super::per_step::PerStep;
use super::range;
use crate::numeric::{Correlation, Lane, PATHS};
use crate::{Error, check};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A continuous-time Markov chain of regimes, shared by the whole market; each has its correlations, volatilities and drifts.
///
/// ```text
/// P(regime j at t + D | regime i at t) = exp(Q D)[i][j]
/// drivers of a step: z = L_i e,   factor of a step: volatility m_i v, drift mu + d_i,   i the regime at its start
/// ```
///
/// The chain is exact on the dates; a switch within a step takes effect at its end. It draws one uniform per path at time
/// zero and one in each step, from the dependence's own stream, whatever the regimes are. Publishes `dependence.regime`: the regime at each
/// date (so the one in force in the next step), counted from 0.
///
/// With regimes that are all equal it is [`Constant`](super::Constant) to the bit.
///
/// Source: J. D. Hamilton, "A new approach to the economic analysis of nonstationary time series and the business cycle",
/// Econometrica 57 (1989) 357-384, doi:10.2307/1912559.
///
/// ```
/// use haircut::market::{Gbm, Market, Regime, Regimes};
/// let price = |initial| Gbm { initial, drift: 0.05, volatility: 0.5 };
/// let calm = Regime::new("calm").correlation([("btc", "gpu", 0.1)]);
/// let stress = Regime::new("stress").correlation([("btc", "gpu", 0.7)]).volatility("btc", 1.6).drift("btc", -0.4);
/// let market = Market::builder()
///     .factor("btc", price(95_000.0))
///     .factor("gpu", price(30_000.0))
///     .dependence(Regimes::pair(calm, stress, [2.0, 0.5]))
///     .build()?;
/// assert_eq!(market.factors().count(), 2);
/// # Ok::<(), haircut::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regimes {
    /// The regimes, in order.
    pub regimes: Vec<Regime>,
    /// How they follow one another.
    pub transitions: Transitions,
    /// Probability of each regime at time zero; by default those of the long run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial: Option<Vec<f64>>,
}

/// One regime of [`Regimes`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regime {
    /// Its name.
    pub name: String,
    /// Correlations of the drivers; none by default.
    #[serde(default)]
    pub correlation: Correlations,
    /// Multiplier of the volatility by factor, 0 to 100; 1 for factors that are not named.
    #[serde(default)]
    pub volatility: BTreeMap<String, f64>,
    /// Added to the drift by factor, per year, -10 to 10; 0 for factors that are not named.
    #[serde(default)]
    pub drift: BTreeMap<String, f64>,
}

impl Regime {
    /// A regime without correlations that leaves volatilities and drifts as they are.
    pub fn new(name: impl Into<String>) -> Self {
        Regime {
            name: name.into(),
            correlation: Correlations::independent(),
            volatility: BTreeMap::new(),
            drift: BTreeMap::new(),
        }
    }

    /// Sets correlations by pairs of drivers.
    #[must_use]
    pub fn correlation<A: Into<String>, B: Into<String>>(self, pairs: impl IntoIterator<Item = (A, B, f64)>) -> Self {
        Regime { correlation: Correlations::pairs(pairs), ..self }
    }

    /// Sets the correlation matrix of all drivers.
    #[must_use]
    pub fn matrix(self, correlation: Correlation) -> Self {
        Regime { correlation: correlation.into(), ..self }
    }

    /// Sets the multiplier of a factor's volatility.
    #[must_use]
    pub fn volatility(mut self, factor: impl Into<String>, multiplier: f64) -> Self {
        self.volatility.insert(factor.into(), multiplier);
        self
    }

    /// Sets what is added to a factor's drift, per year.
    #[must_use]
    pub fn drift(mut self, factor: impl Into<String>, shift: f64) -> Self {
        self.drift.insert(factor.into(), shift);
        self
    }
}

/// How regimes follow one another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transitions {
    /// Two regimes: the mean years that each lasts.
    MeanYears([f64; 2]),
    /// The rate per year from each regime (row) to each other one; the diagonal makes a row sum to zero.
    Generator(Vec<Vec<f64>>),
}

impl Transitions {
    pub(super) fn generator(&self, regimes: usize) -> Result<Generator, Error> {
        let (rows, field) = match self {
            Transitions::Generator(rows) => (rows.clone(), "transitions.generator"),
            Transitions::MeanYears(years) => {
                for (position, years) in years.iter().enumerate() {
                    check::within(&format!("transitions.mean_years[{position}]"), *years, 1e-4, 1e9)?;
                }
                let [first, second] = years.map(|years| 1.0 / years);
                (vec![vec![-first, first], vec![second, -second]], "transitions.mean_years")
            }
        };
        if rows.len() != regimes {
            let expected = format!("must have one row for each of the {regimes} regimes");
            return Err(Error::invalid(field, format!("{} rows", rows.len()), expected));
        }
        Generator::new(&rows).map_err(|error| error.within(field))
    }
}

impl Regimes {
    /// Two regimes, calm and stress say, and the mean years that each lasts.
    #[must_use]
    pub fn pair(first: Regime, second: Regime, mean_years: [f64; 2]) -> Self {
        Regimes { regimes: vec![first, second], transitions: Transitions::MeanYears(mean_years), initial: None }
    }

    /// Sets the probability of each regime at time zero.
    #[must_use]
    pub fn initial(self, probabilities: impl Into<Vec<f64>>) -> Self {
        Regimes { initial: Some(probabilities.into()), ..self }
    }

    /// The share of the time in each regime in the long run.
    ///
    /// # Errors
    /// When the transitions are wrong, or not every regime can be reached from every other.
    pub fn long_run(&self) -> Result<Vec<f64>, Error> {
        self.transitions.generator(self.regimes.len())?.distribution("initial", None)
    }

    pub(super) const MOST: usize = 16;

    fn check_regimes(&self, plan: &DependencePlan<'_>) -> Result<(), Error> {
        if self.regimes.is_empty() || self.regimes.len() > Self::MOST {
            let expected = format!("must be between 1 and {} regimes", Self::MOST);
            return Err(Error::invalid("regimes", self.regimes.len(), expected));
        }
        for (position, regime) in self.regimes.iter().enumerate() {
            let located = |error: Error| error.within(format!("regimes[{position}]"));
            check::named("name", &regime.name).map_err(located)?;
            if self.regimes[..position].iter().any(|other| other.name == regime.name) {
                return Err(located(Error::Duplicate { field: "name".into(), name: regime.name.clone() }));
            }
            for (name, multiplier) in &regime.volatility {
                plan.factor("volatility", name).map_err(located)?;
                check::within(&format!("volatility.{name}"), *multiplier, 0.0, 100.0).map_err(located)?;
            }
            for (name, shift) in &regime.drift {
                plan.factor("drift", name).map_err(located)?;
                range::rate(&format!("drift.{name}"), *shift).map_err(located)?;
            }
        }
        Ok(())
    }

    /// For each factor that some regime changes, its value in each.
    fn modulated(
        &self,
        factors: &[String],
        value: impl Fn(&Regime, &str) -> Option<f64>,
        usual: f64,
    ) -> Vec<(usize, Vec<f64>)> {
        let values = |name: &String| self.regimes.iter().map(|regime| value(regime, name).unwrap_or(usual)).collect();
        let all = factors.iter().map(values).enumerate();
        all.filter(|(_, values): &(usize, Vec<f64>)| values.iter().any(|value| (value - usual).abs() > 0.0)).collect()
    }
}

impl Dependence for Regimes {
    fn plan(&self, plan: &mut DependencePlan<'_>) -> Result<Box<dyn DependenceStepper>, Error> {
        self.check_regimes(plan)?;
        let generator = self.transitions.generator(self.regimes.len())?;
        let initial = generator.distribution("initial", self.initial.as_deref())?;
        let mut matrices = Vec::with_capacity(self.regimes.len());
        for (position, regime) in self.regimes.iter().enumerate() {
            let matrix = regime.correlation.matrix(plan.drivers());
            matrices.push(matrix.map_err(|error| error.within(format!("regimes[{position}]")))?);
        }
        let volatility = self.modulated(plan.factors(), |regime, name| regime.volatility.get(name).copied(), 1.0);
        let drift = self.modulated(plan.factors(), |regime, name| regime.drift.get(name).copied(), 0.0);
        Ok(Box::new(Stepper {
            mix: Mix::new(&matrices),
            volatility,
            drift,
            initial: thresholds(&initial),
            transitions: PerStep::new(plan.grid(), |length| {
                generator.transition(length).iter().flat_map(|row| thresholds(row)).collect()
            }),
            regime: plan.publish("regime"),
        }))
    }
}

/// The cumulative probabilities of all states but the last.
pub(super) fn thresholds(probabilities: &[f64]) -> Vec<f64> {
    let mut sum = 0.0;
    let cumulative = probabilities.iter().map(|probability| {
        sum += probability;
        sum
    });
    cumulative.take(probabilities.len() - 1).collect()
}

struct Stepper {
    mix: Mix,
    /// Factors whose volatility some regime multiplies, and by what in each.
    volatility: Vec<(usize, Vec<f64>)>,
    drift: Vec<(usize, Vec<f64>)>,
    initial: Vec<f64>,
    /// The thresholds of regime 0, of regime 1, ..
    transitions: PerStep<Vec<f64>>,
    /// At the start of a step the regime that is in force in it.
    regime: OwnLane,
}

impl DependenceStepper for Stepper {
    fn start(&self, block: &mut DependenceBlock<'_>) {
        let mut uniform = Lane::ZERO;
        block.stream.uniforms(&mut uniform);
        let regime = &mut block.own[self.regime];
        regime.fill(0.0);
        switch(1, &self.initial, &uniform, regime);
        block.volatility.iter_mut().for_each(|lane| lane.fill(1.0));
        block.drift.iter_mut().for_each(|lane| lane.fill(0.0));
    }

    fn step(&self, block: &mut DependenceBlock<'_>) {
        let regime = &mut block.own[self.regime];
        self.mix.apply(regime, block.drivers);
        for (factor, values) in &self.volatility {
            choose(values, regime, &mut block.volatility[*factor]);
        }
        for (factor, values) in &self.drift {
            choose(values, regime, &mut block.drift[*factor]);
        }
        let transitions = self.transitions.at(block.step);
        let mut uniform = Lane::ZERO;
        block.stream.uniforms(&mut uniform);
        switch(self.mix.regimes, transitions, &uniform, regime);
    }

    fn modulates(&self) -> bool {
        !self.volatility.is_empty() | !self.drift.is_empty()
    }
}

/// The rows of the factors `L` that change a driver, from the last, so that it can be done in place.
#[derive(Debug)]
struct Mix {
    regimes: usize,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    driver: usize,
    /// Entries up to the diagonal, each for all regimes.
    entries: Vec<f64>,
}

impl Mix {
    fn new(matrices: &[Correlation]) -> Self {
        let factors: Vec<_> = matrices.iter().map(Correlation::cholesky).collect();
        let drivers = factors.first().map_or(0, |factor| factor.size());
        let mut rows = Vec::with_capacity(drivers);
        for driver in (0..drivers).rev() {
            if factors.iter().any(|factor| factor.row(driver)[..driver].iter().any(|entry| *entry != 0.0)) {
                let column = |column: usize| factors.iter().map(move |factor| factor.row(driver)[column]);
                rows.push(Row { driver, entries: (0..=driver).flat_map(column).collect() });
            }
        }
        Mix { regimes: matrices.len(), rows }
    }

    fn apply(&self, regime: &Lane, drivers: &mut [Lane]) {
        for Row { driver, entries } in &self.rows {
            let (before, rest) = drivers.split_at_mut(*driver);
            combine(self.regimes, entries, regime, before, &mut rest[0]);
        }
    }
}

/// The value of the regime of each path. Regimes in ascending order: the last one reached stands.
///
/// Both candidates are loaded before the choice: else the compiler chooses an address, path by path.
#[inline(always)]
pub(super) fn pick(values: &[f64], regime: &[f64; CHUNK]) -> [f64; CHUNK] {
    let mut picked = [values[0]; CHUNK];
    for number in 1..values.len() {
        let (value, number) = (values[number], number as f64);
        for path in 0..CHUNK {
            let before = picked[path];
            picked[path] = if regime[path] >= number { value } else { before };
        }
    }
    picked
}

#[inline(always)]
pub(super) fn chunk(lane: &Lane, start: usize) -> [f64; CHUNK] {
    let mut chunk = [0.0; CHUNK];
    chunk.copy_from_slice(&lane[start..start + CHUNK]);
    chunk
}

crate::vectorised! {
    /// The sum of [`Constant`](super::Constant), entry by entry in the same order, with each path's own entries.
    fn combine(regimes: usize, entries: &[f64], regime: &Lane, before: &[Lane], target: &mut Lane) {
        let (off_diagonal, diagonal) = entries.split_at(before.len() * regimes);
        for start in (0..PATHS).step_by(CHUNK) {
            let (regime, mut sum) = (chunk(regime, start), chunk(target, start));
            let entry = pick(diagonal, &regime);
            for path in 0..CHUNK {
                sum[path] *= entry[path];
            }
            for (values, lane) in off_diagonal.chunks_exact(regimes).zip(before) {
                let entry = pick(values, &regime);
                for path in 0..CHUNK {
                    sum[path] = entry[path].mul_add(lane[start + path], sum[path]);
                }
            }
            target[start..start + CHUNK].copy_from_slice(&sum);
        }
    }

    fn choose(values: &[f64], regime: &Lane, target: &mut Lane) {
        for start in (0..PATHS).step_by(CHUNK) {
            target[start..start + CHUNK].copy_from_slice(&pick(values, &chunk(regime, start)));
        }
    }

    /// The next regime: how many of its thresholds the uniform reaches.
    fn switch(regimes: usize, thresholds: &[f64], uniform: &Lane, regime: &mut Lane) {
        let states = thresholds.len() / regimes;
        let (mut next, mut threshold) = (Lane::ZERO, Lane::ZERO);
        for state in 0..states {
            threshold.fill(thresholds[state]);
            for number in 1..regimes {
                let value = thresholds[number * states + state];
                let number = number as f64;
                for path in 0..PATHS {
                    let before = threshold[path];
                    threshold[path] = if regime[path] >= number { value } else { before };
                }
            }
            for path in 0..PATHS {
                next[path] += if uniform[path] >= threshold[path] { 1.0 } else { 0.0 };
            }
        }
        *regime = next;
    }
}
