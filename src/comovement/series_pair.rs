//! Two series of a market as a measure sees them: how they move together on simulated paths.

use super::kept_paths::{KeptPaths, NO_STATE};
use super::path_sums::{BlockSums, GROUPS, PathSums, accumulate};
use super::simulated::{SimulatedComovement, StateComovement};
use super::statistics::check_thresholds;
use super::tails::Threshold;
use crate::market::ReadLane;
use crate::measure::{Block, Confidence, Measure, MeasurePlan, Run, StepBlock};
use crate::numeric::{Lane, PATHS, kernel};
use crate::{Error, check, vectorised};
use serde::{Deserialize, Serialize};

/// How two series of a market move together on simulated paths: a [`Measure`] whose result is a [`SimulatedComovement`].
///
/// A pair is the changes of both over one step; pairs of all steps and paths are one sample. Where their law is not the same in each step
/// (an index of stress that starts in calm) it is that of the mixture over the steps.
///
/// **All paths** give Pearson's correlation and the moments of each series, from exact sums. **Kept paths**, the first of the run until some number of pairs is reached
/// (262,144 unless told otherwise; 17 bytes each), give what needs ranks and quantiles: Spearman, Kendall, exceedance correlations, quantile dependence,
/// the fitted t pair; of more, ranks are correlated of the first 262,144 and the t law is fitted to the first 65,536, for the time is better spent on the tails. Memory is that of the kept paths, however many there are. Why a sample, and not a table of counts: quantiles are not known before the
/// run is over, cells that are fine enough for the far tail of any two series are many more than the pairs that are needed to know it, and a sample of
/// the first paths is exact, has no width to choose, and can be made as large as is wanted.
///
/// **Errors** hold for changes of one path that depend on one another, in whichever way: paths are independent, so the jackknife leaves out whole paths, in 32 groups
/// by the remainder of their numbers (P. S. Kott, "The delete-a-group jackknife", Journal of Official Statistics 17 (2001) 521-526):
///
/// ```text
/// standard error = sqrt(31/32 sum over groups g of (s_g - mean s)^2),   s_g: the statistic without group g
/// ```
///
/// with intervals of Student's t with 31 degrees of freedom. The error of the error is one in eight.
///
/// The result has the same bits on any threads and in any shards.
///
/// ```
/// use haircut::comovement::SeriesPair;
/// use haircut::credit::Book;
/// use haircut::market::{Constant, Gbm, Market};
/// use haircut::Simulation;
/// let price = Gbm { initial: 1.0, drift: 0.0, volatility: 0.5 };
/// let market = Market::builder()
///     .factor("btc", price.clone())
///     .factor("gpu", price)
///     .dependence(Constant::pairs([("btc", "gpu", 0.4)]))
///     .build()?;
/// let found = Simulation::new(market, Book::default()).months(12).paths(4_096).run(SeriesPair::of("btc", "gpu"))?;
/// let pearson = found.all.comovement.pearson;
/// assert!((pearson.value - 0.4).abs() < 5.0 * pearson.standard_error);
/// # Ok::<(), haircut::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeriesPair {
    one: StepChange,
    other: StepChange,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    states: Option<States>,
    #[serde(default = "usual_thresholds")]
    thresholds: Vec<Threshold>,
    #[serde(default = "usual_kept")]
    kept_pairs: u64,
    #[serde(default)]
    confidence: Confidence,
}

fn usual_thresholds() -> Vec<Threshold> {
    [0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5].map(Threshold::Quantile).into()
}

fn usual_kept() -> u64 {
    1 << 18
}

/// The change of a series over a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepChange {
    /// The logarithm of what it is at the end over what it was at the start: of prices and rents.
    Log(String),
    /// The difference: of rates, and of what may be zero or below.
    Difference(String),
}

impl StepChange {
    /// Of a rate.
    pub fn difference(series: impl Into<String>) -> Self {
        StepChange::Difference(series.into())
    }

    /// The series.
    #[must_use]
    pub fn series(&self) -> &str {
        match self {
            StepChange::Log(series) | StepChange::Difference(series) => series,
        }
    }

    fn is_log(&self) -> bool {
        matches!(self, StepChange::Log(_))
    }
}

impl From<&str> for StepChange {
    fn from(series: &str) -> Self {
        StepChange::Log(series.into())
    }
}

impl From<String> for StepChange {
    fn from(series: String) -> Self {
        StepChange::Log(series)
    }
}

/// What tells steps apart: the value of a series between bounds, as a regime, a weight of stress, a count of events.
///
/// ```
/// use haircut::comovement::States;
/// // Regimes count from 0, and what stands at the start of a step is in force in it.
/// let regime = States::at_start("dependence.regime", [0.5]);
/// // The weight of a stress index, and the number of events, are those of the step that ends.
/// let weight = States::at_end("dependence.stress", [0.2, 0.8]);
/// assert_ne!(regime, weight);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct States {
    series: String,
    bounds: Vec<f64>,
    #[serde(default)]
    read: Read,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Read {
    #[default]
    AtStart,
    AtEnd,
}

impl States {
    /// By the value at the start of each step: below the first bound, from each bound up to the next, from the last one on. 1 to 15 increasing bounds.
    pub fn at_start(series: impl Into<String>, bounds: impl Into<Vec<f64>>) -> Self {
        States { series: series.into(), bounds: bounds.into(), read: Read::AtStart }
    }

    /// By the value at the end of each step.
    pub fn at_end(series: impl Into<String>, bounds: impl Into<Vec<f64>>) -> Self {
        States { read: Read::AtEnd, ..States::at_start(series, bounds) }
    }

    fn check(&self) -> Result<(), Error> {
        let increasing = self.bounds.windows(2).all(|pair| pair[0] < pair[1]);
        if !increasing || !(1..=15).contains(&self.bounds.len()) || self.bounds.iter().any(|bound| !bound.is_finite()) {
            return Err(Error::invalid("bounds", format!("{:?}", self.bounds), "must be 1 to 15 increasing numbers"));
        }
        Ok(())
    }

    fn name(&self, state: usize) -> String {
        let States { series, bounds, .. } = self;
        match (state.checked_sub(1).and_then(|before| bounds.get(before)), bounds.get(state)) {
            (Some(low), Some(high)) => format!("{series} {low} to {high}"),
            (Some(low), None) => format!("{series} >= {low}"),
            (None, Some(high)) => format!("{series} < {high}"),
            (None, None) => series.clone(),
        }
    }
}

impl SeriesPair {
    /// Two series (`btc`, `frontier.adoption`), by log changes unless one is given as [`StepChange::difference`].
    pub fn of(one: impl Into<StepChange>, other: impl Into<StepChange>) -> Self {
        SeriesPair {
            one: one.into(),
            other: other.into(),
            states: None,
            thresholds: usual_thresholds(),
            kept_pairs: usual_kept(),
            confidence: Confidence::default(),
        }
    }

    /// Also for the steps of each state alone.
    #[must_use]
    pub fn by(self, states: States) -> Self {
        SeriesPair { states: Some(states), ..self }
    }

    /// Other thresholds than the quantiles of 2, 5, 10, 15, 20, 30, 40 and 50 %.
    #[must_use]
    pub fn thresholds(self, thresholds: impl Into<Vec<Threshold>>) -> Self {
        SeriesPair { thresholds: thresholds.into(), ..self }
    }

    /// Keeps paths up to so many pairs: 1,000 to 67,108,864. The time that is needed at the end grows with them: 2.5 s of one thread for 262,144.
    #[must_use]
    pub fn kept_pairs(self, pairs: u64) -> Self {
        SeriesPair { kept_pairs: pairs, ..self }
    }

    /// Sets how often the intervals cover: 95 % unless told otherwise.
    #[must_use]
    pub fn confidence(self, confidence: Confidence) -> Self {
        SeriesPair { confidence, ..self }
    }

    fn changes(&self) -> [&StepChange; 2] {
        [&self.one, &self.other]
    }

    fn bounds(&self) -> &[f64] {
        self.states.as_ref().map_or(&[], |states| &states.bounds)
    }
}

/// One worker's share of a [`SeriesPair`].
#[derive(Debug, Clone)]
pub struct SeriesPairPartial {
    series: [ReadLane; 2],
    state: Option<ReadLane>,
    /// By state; one where there are none.
    sums: Vec<PathSums>,
    kept: KeptPaths,
    /// Pairs that do not count.
    undefined: u64,
    scratch: Box<Scratch>,
}

/// Lanes of the block that is observed.
#[derive(Debug, Clone)]
struct Scratch {
    /// Both series, or their logarithms, at the last date and at this one.
    before: [Lane; 2],
    now: [Lane; 2],
    change: [Lane; 2],
    state: Lane,
    /// The states of the pairs as numbers.
    states: [u8; PATHS],
    weights: Lane,
    masked: Lane,
    /// By state.
    sums: Vec<BlockSums>,
    pairs: Vec<u64>,
}

vectorised! {
    fn subtract(now: &Lane, before: &Lane, change: &mut Lane) {
        for i in 0..PATHS {
            change[i] = now[i] - before[i];
        }
    }

    /// The weight of the pairs of a state, zero for the others.
    fn mask(weights: &Lane, states: &[u8; PATHS], state: u8, masked: &mut Lane) {
        for i in 0..PATHS {
            masked[i] = if states[i] == state { weights[i] } else { 0.0 };
        }
    }
}

impl Measure for SeriesPair {
    type Partial = SeriesPairPartial;
    type Output = SimulatedComovement;

    fn plan(&self, plan: &mut MeasurePlan<'_>) -> Result<SeriesPairPartial, Error> {
        check_thresholds(&self.thresholds)?;
        check::within("kept_pairs", self.kept_pairs as f64, 1e3, f64::from(1 << 26))?;
        self.states.iter().try_for_each(States::check).map_err(|error| error.within("states"))?;
        plan.observe_steps();
        let series = [plan.series(self.one.series())?, plan.series(self.other.series())?];
        let state = self.states.as_ref().map(|states| plan.series(&states.series)).transpose()?;
        let (steps, paths) = (plan.run().grid.steps(), plan.run().paths);
        let kept = KeptPaths::new((self.kept_pairs / steps.max(1) as u64).max(1).min(paths), steps);
        let states = self.bounds().len() + 1;
        let scratch = Scratch {
            before: [Lane::ZERO; 2],
            now: [Lane::ZERO; 2],
            change: [Lane::ZERO; 2],
            state: Lane::ZERO,
            states: [NO_STATE; PATHS],
            weights: Lane::ZERO,
            masked: Lane::ZERO,
            sums: vec![[[0.0; GROUPS]; 10]; states],
            pairs: vec![0; states],
        };
        let sums = vec![PathSums::new(); states];
        Ok(SeriesPairPartial { series, state, sums, kept, undefined: 0, scratch: Box::new(scratch) })
    }

    fn observe(&self, partial: &mut SeriesPairPartial, block: &StepBlock<'_>) {
        let SeriesPairPartial { series, state, kept, undefined, scratch, .. } = partial;
        let Scratch { before, now, change, state: value, states, weights, masked, sums, pairs } = &mut **scratch;
        let paths = block.paths();
        for ((lane, series), step) in now.iter_mut().zip(series.iter()).zip(self.changes()) {
            match step.is_log() {
                true => kernel::ln_into(block.series(*series), &mut lane[..paths]),
                false => lane[..paths].copy_from_slice(block.series(*series)),
            }
        }
        let mut read = |value: &mut Lane| {
            if let Some(state) = state {
                value[..paths].copy_from_slice(block.series(*state));
            }
        };
        let at_end = self.states.as_ref().is_some_and(|states| states.read == Read::AtEnd);
        if block.step().index == 0 {
            sums.iter_mut().for_each(|sums| sums.as_flattened_mut().fill(0.0));
            pairs.fill(0);
            weights.fill(0.0);
            weights[..paths].copy_from_slice(block.weights());
            kept.begin(block);
        } else {
            if at_end {
                read(value);
            }
            for k in 0..2 {
                subtract(&now[k], &before[k], &mut change[k]);
            }
            for path in 0..PATHS {
                let known = path < paths && change[0][path].is_finite() && change[1][path].is_finite();
                let reached = self.bounds().iter().filter(|bound| value[path] >= **bound).count();
                let counts = known && !value[path].is_nan();
                states[path] = if counts { reached as u8 } else { NO_STATE };
                if counts {
                    pairs[reached] += 1;
                } else {
                    *undefined += u64::from(path < paths);
                    // Zero weight times what is no number is no number.
                    change[0][path] = 0.0;
                    change[1][path] = 0.0;
                }
            }
            for (state, sums) in sums.iter_mut().enumerate() {
                mask(weights, states, state as u8, masked);
                accumulate(&change[0], &change[1], masked, sums);
            }
            kept.add(block, &change[0][..], &change[1][..], states);
        }
        if !at_end {
            read(value);
        }
        std::mem::swap(before, now);
    }

    fn record(&self, partial: &mut SeriesPairPartial, _block: &Block<'_>) {
        let SeriesPairPartial { sums, scratch, .. } = partial;
        for (sums, (block, pairs)) in sums.iter_mut().zip(scratch.sums.iter().zip(&scratch.pairs)) {
            sums.add(block, *pairs);
        }
    }

    fn merge(&self, into: &mut SeriesPairPartial, from: SeriesPairPartial) {
        into.sums.iter_mut().zip(&from.sums).for_each(|(into, from)| into.merge(from));
        into.kept.merge(&from.kept);
        into.undefined += from.undefined;
    }

    fn finish(&self, mut partial: SeriesPairPartial, run: &Run) -> SimulatedComovement {
        let steps = run.grid.steps();
        let mut of = |state: Option<u8>, sums: &PathSums, name: String| {
            let kept = partial.kept.pairs(state, steps);
            StateComovement::new(name, sums, kept, steps, &self.thresholds, self.confidence)
        };
        let states = match &self.states {
            None => Vec::new(),
            Some(states) => {
                let named = partial.sums.iter().enumerate();
                named.map(|(state, sums)| of(Some(state as u8), sums, states.name(state))).collect()
            }
        };
        let mut whole = PathSums::new();
        partial.sums.iter().for_each(|sums| whole.merge(sums));
        let all = of(None, &whole, "all".into());
        SimulatedComovement { series: self.changes().map(Clone::clone), all, states, undefined: partial.undefined }
    }
}
