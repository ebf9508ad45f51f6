//! How does a metric spread out through time? Its quantiles by date.

use super::observed::{Observed, check_levels};
use super::{Block, Confidence, Estimate, Measure, MeasurePlan, MetricLane, Run, StepBlock};
use crate::Error;
use crate::credit::LiquidationMarket;
use serde::{Deserialize, Serialize};

/// Quantiles by date of a metric of one obligor: the DSCR, an LTV, a balance. The result is one [`FanDate`] for each date, time zero first.
///
/// Only paths count on which the metric is there: those on which the obligor has not defaulted and the value is finite (a DSCR is infinite when nothing is due, an LTV when
/// there is debt and no collateral). [`FanDate::share`] says how many these are, and quantiles are conditional on it. A metric of the market for
/// collateral, under its name [`LiquidationMarket::NAME`], counts on all paths.
///
/// **Modes.** The streaming mode keeps bins of relative width `2^-9` for each date (40 kB for each power of two that the values span), and quantiles are
/// within 0.2 %. The exact mode keeps every value: 8 bytes for each path and date.
///
/// ```
/// use haircut::measure::Fan;
/// let coverage = Fan::of("Neocloud A", "dscr").levels([0.05, 0.5, 0.95]);
/// assert_ne!(coverage, Fan::of("Neocloud A", "ltv_executable"));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fan {
    obligor: String,
    metric: String,
    #[serde(default = "quartiles")]
    levels: Vec<f64>,
    #[serde(default)]
    exact: bool,
    #[serde(default)]
    confidence: Confidence,
}

fn quartiles() -> Vec<f64> {
    vec![0.05, 0.25, 0.5, 0.75, 0.95]
}

impl Fan {
    /// Quantiles at 5, 25, 50, 75 and 95 % in the streaming mode.
    pub fn of(obligor: impl Into<String>, metric: impl Into<String>) -> Self {
        Fan {
            obligor: obligor.into(),
            metric: metric.into(),
            levels: quartiles(),
            exact: false,
            confidence: Confidence::default(),
        }
    }

    /// Other levels, each between 0 and 1.
    #[must_use]
    pub fn levels(self, levels: impl Into<Vec<f64>>) -> Self {
        Fan { levels: levels.into(), ..self }
    }

    /// Keeps every value.
    #[must_use]
    pub fn exact(self) -> Self {
        Fan { exact: true, ..self }
    }

    /// Sets how often the intervals cover: 95 % unless told otherwise.
    #[must_use]
    pub fn confidence(self, confidence: Confidence) -> Self {
        Fan { confidence, ..self }
    }
}

/// One date of a [`Fan`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FanDate {
    /// The date in years.
    pub years: f64,
    /// Probability that the metric is there.
    pub share: Estimate,
    /// Quantiles given that it is, in the order of the levels.
    pub quantiles: Vec<Estimate>,
}

/// One worker's share of a [`Fan`].
#[derive(Debug, Clone)]
pub struct FanPartial {
    /// None for the market for collateral.
    obligor: Option<usize>,
    metric: MetricLane,
    dates: Vec<Observed>,
}

impl Measure for Fan {
    type Partial = FanPartial;
    type Output = Vec<FanDate>;

    fn plan(&self, plan: &mut MeasurePlan<'_>) -> Result<FanPartial, Error> {
        check_levels(&self.levels)?;
        plan.observe_steps();
        let metric = plan.metric(&self.obligor, &self.metric)?;
        let obligor = match self.obligor == LiquidationMarket::NAME {
            true => None,
            false => Some(plan.run().obligor(&self.obligor)?),
        };
        let dates = plan.run().grid.steps() + 1;
        let observed = if self.exact { Observed::exact() } else { Observed::streaming() };
        Ok(FanPartial { obligor, metric, dates: vec![observed; dates] })
    }

    fn observe(&self, partial: &mut FanPartial, block: &StepBlock<'_>) {
        let index = block.step().index;
        let default_step = partial.obligor.map(|obligor| block.default_step(obligor));
        let performs = |path: usize| default_step.is_none_or(|step| step[path] > index as f64);
        partial.dates[index].add(block.metric(partial.metric), block.weights(), performs);
    }

    fn record(&self, _partial: &mut FanPartial, _block: &Block<'_>) {}

    fn merge(&self, into: &mut FanPartial, from: FanPartial) {
        into.dates.iter_mut().zip(from.dates).for_each(|(into, from)| into.merge(from));
    }

    fn finish(&self, mut partial: FanPartial, run: &Run) -> Vec<FanDate> {
        let date = |(index, observed): (usize, &mut Observed)| {
            observed.finish();
            FanDate {
                years: run.grid.time(index),
                share: observed.share(run.paths, self.confidence),
                quantiles: self.levels.iter().map(|level| observed.quantile(*level, self.confidence)).collect(),
            }
        };
        partial.dates.iter_mut().enumerate().map(date).collect()
    }
}
