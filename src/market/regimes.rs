//! Calm and stress: correlations, volatilities and drifts that switch together.

use super::by_regime::{Mix, choose};
use super::chain::Generator;
use super::correlations::Correlations;
use super::dependence::{Dependence, DependenceBlock, DependencePlan, DependenceStepper};
use super::lanes::{OwnLane, ReadLane};
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
/// **A shared chain.** With `chain` in place of `transitions` the regime is what a series of the market says at the start of the step, 0 or 1 or ..: the
/// state of [`CreditConditions`](super::CreditConditions), or one of its series where its states are not the regimes (`values = [0, 0, 1]`) or come late. So
/// coins, compute, refinancing and tenants can all follow the same funding market. Nothing is drawn and nothing published then.
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
    /// How they follow one another; or else `chain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transitions: Option<Transitions>,
    /// Probability of each regime at time zero; by default those of the long run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial: Option<Vec<f64>>,
    /// The series that says which regime it is, in place of a chain of its own: 0 is the first; what lies beyond the last is the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<String>,
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
        let transitions = Some(Transitions::MeanYears(mean_years));
        Regimes { regimes: vec![first, second], transitions, initial: None, chain: None }
    }

    /// Regimes that follow a series of the market, such as the `funding` of a [`CreditConditions`](super::CreditConditions).
    #[must_use]
    pub fn following(series: impl Into<String>, regimes: impl Into<Vec<Regime>>) -> Self {
        Regimes { regimes: regimes.into(), transitions: None, initial: None, chain: Some(series.into()) }
    }

    /// Sets the probability of each regime at time zero.
    #[must_use]
    pub fn initial(self, probabilities: impl Into<Vec<f64>>) -> Self {
        Regimes { initial: Some(probabilities.into()), ..self }
    }

    /// The share of the time in each regime in the long run.
    ///
    /// # Errors
    /// When the transitions are wrong or those of another series, or not every regime can be reached from every other.
    pub fn long_run(&self) -> Result<Vec<f64>, Error> {
        let Some(transitions) = &self.transitions else {
            let expected = "must be given here: those of a `chain` are not known to who follows it";
            return Err(Error::invalid("transitions", "none", expected));
        };
        transitions.generator(self.regimes.len())?.distribution("initial", None)
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

    fn source(&self, plan: &mut DependencePlan<'_>) -> Result<Source, Error> {
        match (&self.transitions, &self.chain) {
            (Some(transitions), None) => {
                let generator = transitions.generator(self.regimes.len())?;
                Ok(Source::Own {
                    initial: thresholds(&generator.distribution("initial", self.initial.as_deref())?),
                    transitions: PerStep::new(plan.grid(), |length| {
                        generator.transition(length).iter().flat_map(|row| thresholds(row)).collect()
                    }),
                    regime: plan.publish("regime"),
                })
            }
            (None, Some(series)) => {
                if self.initial.is_some() {
                    let expected = "must not be given where `chain` says which regime it is";
                    return Err(Error::invalid("initial", "probabilities", expected));
                }
                Ok(Source::Followed(plan.read("chain", series)?))
            }
            (Some(_), Some(series)) => Err(Error::invalid("chain", series, "must not be given beside `transitions`")),
            (None, None) => Err(Error::invalid("transitions", "none", "must be given, or else `chain`")),
        }
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
        let mut matrices = Vec::with_capacity(self.regimes.len());
        for (position, regime) in self.regimes.iter().enumerate() {
            let matrix = regime.correlation.matrix(plan.drivers());
            matrices.push(matrix.map_err(|error| error.within(format!("regimes[{position}]")))?);
        }
        let volatility = self.modulated(plan.factors(), |regime, name| regime.volatility.get(name).copied(), 1.0);
        let drift = self.modulated(plan.factors(), |regime, name| regime.drift.get(name).copied(), 0.0);
        let source = self.source(plan)?;
        Ok(Box::new(Stepper { mix: Mix::new(&matrices), volatility, drift, source }))
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
    source: Source,
}

/// Where the regime comes from.
enum Source {
    Own {
        /// The thresholds at time zero.
        initial: Vec<f64>,
        /// The thresholds of regime 0, of regime 1, ..
        transitions: PerStep<Vec<f64>>,
        /// At the start of a step the regime that is in force in it.
        regime: OwnLane,
    },
    Followed(ReadLane),
}

impl DependenceStepper for Stepper {
    fn start(&self, block: &mut DependenceBlock<'_>) {
        if let Source::Own { initial, regime, .. } = &self.source {
            let mut uniform = Lane::ZERO;
            block.stream.uniforms(&mut uniform);
            let regime = &mut block.own[*regime];
            regime.fill(0.0);
            switch(1, initial, &uniform, regime);
        }
        block.volatility.iter_mut().for_each(|lane| lane.fill(1.0));
        block.drift.iter_mut().for_each(|lane| lane.fill(0.0));
    }

    fn step(&self, block: &mut DependenceBlock<'_>) {
        let regime = match &self.source {
            Source::Own { regime, .. } => &block.own[*regime],
            Source::Followed(series) => block.read.lane(*series),
        };
        self.mix.apply(regime, block.drivers);
        for (factor, values) in &self.volatility {
            choose(values, regime, &mut block.volatility[*factor]);
        }
        for (factor, values) in &self.drift {
            choose(values, regime, &mut block.drift[*factor]);
        }
        if let Source::Own { transitions, regime, .. } = &self.source {
            let mut uniform = Lane::ZERO;
            block.stream.uniforms(&mut uniform);
            switch(self.mix.regimes, transitions.at(block.step), &uniform, &mut block.own[*regime]);
        }
    }

    fn modulates(&self) -> bool {
        !self.volatility.is_empty() | !self.drift.is_empty()
    }
}

crate::vectorised! {
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
