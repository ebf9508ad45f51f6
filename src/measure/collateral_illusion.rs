//! Is the debt covered? Marks say one thing, what a sale would bring another.

use super::sums::{MeanSums, RatioSums, tally};
use super::{Block, Confidence, Estimate, Measure, MeasurePlan, MetricLane, Run, StepBlock, Tally};
use crate::Error;
use crate::numeric::{Lane, PATHS, Step};
use crate::vectorised;
use serde::{Deserialize, Serialize};

/// LTV on marks beside LTV on executable value through time, how often debt exceeds what its collateral would bring, and from when on. The result is one
/// [`Illusion`] for each obligor.
///
/// ```text
/// LTV(t) = E[debt(t)] / E[value(t)]              over paths without default, once on marks and once on executable value
/// underwater(t): debt > executable value         hidden(t): underwater, though not on marks
/// debt life      = E[sum of tau debt(t-)] / debt(0)                       years for which the debt is owed: its tenor, weighted
/// uncovered life = E[sum of tau debt(t-) 1{underwater at t-}] / debt(0)   years of it without cover: the mismatch with the life of what secures it
/// covered        = E[min(first date underwater or in default, horizon)]   years until cover is lost
/// ```
///
/// Debt is what is owed, due or not, until default. The ratio of expectations is finite where a path has no collateral, and adds up over obligors.
///
/// Needs the metrics `balance`, `arrears`, `ltv_mark` and `ltv_executable`, which [`Borrower`](crate::credit::Borrower) publishes; obligors without them are
/// passed over, unless one is asked for by its name.
///
/// Memory: about 6 kB per obligor and date for each worker.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CollateralIllusion {
    #[serde(skip_serializing_if = "Option::is_none")]
    obligor: Option<String>,
    confidence: Confidence,
}

impl CollateralIllusion {
    /// Of every obligor that publishes its LTVs.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Of one obligor.
    #[must_use]
    pub fn of(self, obligor: impl Into<String>) -> Self {
        CollateralIllusion { obligor: Some(obligor.into()), ..self }
    }

    /// Sets how often the intervals cover: 95 % unless told otherwise.
    #[must_use]
    pub fn confidence(self, confidence: Confidence) -> Self {
        CollateralIllusion { confidence, ..self }
    }
}

/// How the debt of one obligor is covered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Illusion {
    /// Name of the obligor.
    pub obligor: String,
    /// Years for which the debt of time zero is owed, on average.
    pub debt_life: Estimate,
    /// Years of these in which it exceeds what its collateral would bring.
    pub uncovered_life: Estimate,
    /// Expected years until debt first exceeds executable value, or default; at most the horizon.
    pub covered: Estimate,
    /// By date, time zero first.
    pub dates: Vec<IllusionDate>,
}

/// One date of an [`Illusion`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct IllusionDate {
    /// The date in years.
    pub years: f64,
    /// Debt over the value of its collateral at marks.
    pub ltv_mark: Estimate,
    /// Debt over what selling the collateral would bring.
    pub ltv_executable: Estimate,
    /// Probability that debt exceeds what selling the collateral would bring.
    pub underwater: Estimate,
    /// Probability that it does, though it does not exceed marks.
    pub hidden: Estimate,
    /// Probability that it has by this date, on a date before default.
    pub ever: Estimate,
}

/// One worker's share of a [`CollateralIllusion`].
#[derive(Debug, Clone)]
pub struct IllusionPartial {
    obligors: Vec<Account>,
    horizon: f64,
    /// Scratch: debt, its two values, whether it is underwater, whether that is hidden, and terms of sums.
    lanes: Box<[Lane; 6]>,
}

#[derive(Debug, Clone)]
struct Account {
    obligor: usize,
    /// balance, arrears, ltv_mark, ltv_executable
    metrics: [MetricLane; 4],
    dates: Vec<DateSums>,
    /// debt life, uncovered life, over the debt of time zero; covered years
    debt_life: RatioSums,
    uncovered_life: RatioSums,
    covered: MeanSums,
    /// Scratch.
    history: Box<History>,
}

/// What has come together on each path.
#[derive(Debug, Clone, Default)]
struct History {
    /// Debt at time zero, one step ago, and one step ago where it was underwater.
    first_debt: Lane,
    before: Lane,
    uncovered_before: Lane,
    /// Sums of years times debt.
    life: Lane,
    uncovered: Lane,
    /// Dates underwater so far.
    times: Lane,
    /// The first date underwater or in default, or else the horizon.
    covered: Lane,
}

#[derive(Debug, Clone, Default)]
struct DateSums {
    /// Of value and debt.
    mark: RatioSums,
    executable: RatioSums,
    underwater: Tally,
    hidden: Tally,
    ever: Tally,
}

vectorised! {
    /// Debt, the values behind two LTVs, and whether it is underwater and that is hidden, on paths without default.
    fn look(metrics: [&[f64]; 4], default_step: &[f64], index: f64, lanes: &mut [Lane; 6]) {
        let [balance, arrears, mark, executable] = metrics;
        let [debt, marked, sold, underwater, hidden, ..] = lanes;
        let paths = balance.len().min(arrears.len()).min(mark.len()).min(executable.len()).min(default_step.len()).min(PATHS);
        for i in 0..paths {
            let owed = balance[i] + arrears[i];
            let is_owed = (default_step[i] > index) & (owed > 0.0);
            debt[i] = if is_owed { owed } else { 0.0 };
            // An infinite LTV is no value.
            marked[i] = if is_owed & (mark[i] > 0.0) { owed / mark[i] } else { 0.0 };
            sold[i] = if is_owed & (executable[i] > 0.0) { owed / executable[i] } else { 0.0 };
            let is_underwater = is_owed & (executable[i] > 1.0);
            underwater[i] = if is_underwater { 1.0 } else { 0.0 };
            hidden[i] = if is_underwater & (mark[i] <= 1.0) { 1.0 } else { 0.0 };
        }
    }
}

vectorised! {
    /// Takes the history one step on.
    fn follow(lanes: &[Lane; 6], default_step: &[f64], step: Step, horizon: f64, history: &mut History) {
        let [debt, _, _, underwater, ..] = lanes;
        let History { before, uncovered_before, life, uncovered, times, covered, .. } = history;
        let index = step.index as f64;
        for i in 0..default_step.len().min(PATHS) {
            life[i] += step.length * before[i];
            uncovered[i] += step.length * uncovered_before[i];
            times[i] += underwater[i];
            let is_lost = (underwater[i] > 0.0) | (default_step[i] <= index);
            // Not lost before: then the horizon still stands there.
            covered[i] = if is_lost & (covered[i] >= horizon) { step.end } else { covered[i] };
            before[i] = debt[i];
            uncovered_before[i] = debt[i] * underwater[i];
        }
    }
}

impl Account {
    fn plan(plan: &mut MeasurePlan<'_>, obligor: usize) -> Result<Account, Error> {
        let name = plan.run().obligors[obligor].name.clone();
        let mut metric = |metric| plan.metric(&name, metric);
        let metrics = [metric("balance")?, metric("arrears")?, metric("ltv_mark")?, metric("ltv_executable")?];
        Ok(Account {
            obligor,
            metrics,
            dates: vec![DateSums::default(); plan.run().grid.steps() + 1],
            debt_life: RatioSums::default(),
            uncovered_life: RatioSums::default(),
            covered: MeanSums::default(),
            history: Box::default(),
        })
    }

    fn observe(&mut self, block: &StepBlock<'_>, horizon: f64, lanes: &mut [Lane; 6]) {
        let (step, weights) = (block.step(), block.weights());
        let default_step = block.default_step(self.obligor);
        look(self.metrics.map(|lane| block.metric(lane)), default_step, step.index as f64, lanes);
        if step.index == 0 {
            *self.history = History { first_debt: lanes[0], covered: Lane::splat(horizon), ..History::default() };
        }
        follow(lanes, default_step, step, horizon, &mut self.history);
        let [debt, marked, sold, underwater, hidden, terms] = lanes;
        let sums = &mut self.dates[step.index];
        sums.mark.add(marked, debt, weights, terms);
        sums.executable.add(sold, debt, weights, terms);
        sums.underwater.merge(&tally(underwater, weights, |is| is > 0.0));
        sums.hidden.merge(&tally(hidden, weights, |is| is > 0.0));
        sums.ever.merge(&tally(&self.history.times, weights, |times| times > 0.0));
    }

    fn merge(&mut self, other: &Account) {
        self.debt_life.merge(&other.debt_life);
        self.uncovered_life.merge(&other.uncovered_life);
        self.covered.merge(&other.covered);
        for (into, from) in self.dates.iter_mut().zip(&other.dates) {
            into.mark.merge(&from.mark);
            into.executable.merge(&from.executable);
            into.underwater.merge(&from.underwater);
            into.hidden.merge(&from.hidden);
            into.ever.merge(&from.ever);
        }
    }
}

impl Measure for CollateralIllusion {
    type Partial = IllusionPartial;
    type Output = Vec<Illusion>;

    fn plan(&self, plan: &mut MeasurePlan<'_>) -> Result<IllusionPartial, Error> {
        plan.observe_steps();
        let obligors = match &self.obligor {
            Some(name) => {
                let obligor = plan.run().obligor(name)?;
                vec![Account::plan(plan, obligor)?]
            }
            None => (0..plan.run().obligors.len()).filter_map(|obligor| Account::plan(plan, obligor).ok()).collect(),
        };
        Ok(IllusionPartial { obligors, horizon: plan.run().grid.horizon(), lanes: Box::default() })
    }

    fn observe(&self, partial: &mut IllusionPartial, block: &StepBlock<'_>) {
        let IllusionPartial { obligors, horizon, lanes } = partial;
        obligors.iter_mut().for_each(|account| account.observe(block, *horizon, lanes));
    }

    fn record(&self, partial: &mut IllusionPartial, block: &Block<'_>) {
        let IllusionPartial { obligors, lanes, .. } = partial;
        let (weights, terms) = (block.weights(), &mut lanes[0]);
        for Account { debt_life, uncovered_life, covered, history, .. } in obligors {
            debt_life.add(&history.first_debt, &history.life, weights, terms);
            uncovered_life.add(&history.first_debt, &history.uncovered, weights, terms);
            covered.add(&history.covered, weights, terms);
        }
    }

    fn merge(&self, into: &mut IllusionPartial, from: IllusionPartial) {
        into.obligors.iter_mut().zip(&from.obligors).for_each(|(into, from)| into.merge(from));
    }

    fn finish(&self, partial: IllusionPartial, run: &Run) -> Vec<Illusion> {
        let (paths, confidence) = (run.paths, self.confidence);
        let date = |(index, sums): (usize, &DateSums)| IllusionDate {
            years: run.grid.time(index),
            ltv_mark: sums.mark.ratio(paths, confidence),
            ltv_executable: sums.executable.ratio(paths, confidence),
            underwater: sums.underwater.probability(paths, confidence),
            hidden: sums.hidden.probability(paths, confidence),
            ever: sums.ever.probability(paths, confidence),
        };
        let illusion = |account: &Account| Illusion {
            obligor: run.obligors[account.obligor].name.clone(),
            debt_life: account.debt_life.ratio(paths, confidence),
            uncovered_life: account.uncovered_life.ratio(paths, confidence),
            covered: account.covered.mean(paths, confidence),
            dates: account.dates.iter().enumerate().map(date).collect(),
        };
        partial.obligors.iter().map(illusion).collect()
    }
}
