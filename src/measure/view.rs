//! What measures see: the run, a block at the end of a step, a finished block.

use crate::Error;
use crate::credit::{BookPlan, BookWorkspace, Cause, LiquidationMarket, ObligorInfo};
use crate::market::{MarketPlan, ReadLane, ReadLanes};
use crate::numeric::{Lane, Step, TimeGrid};
use serde::{Deserialize, Serialize};

/// What a run is made of, as results refer to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Run {
    /// The dates.
    pub grid: TimeGrid,
    /// The obligors and their facilities, in order.
    pub obligors: Vec<ObligorInfo>,
    /// Paths behind the result: those asked for, or fewer after a cancellation.
    pub paths: u64,
    /// The seed.
    pub seed: u64,
}

impl Run {
    /// Position of an obligor.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is none of that name.
    pub fn obligor(&self, name: &str) -> Result<usize, Error> {
        self.obligors.iter().position(|obligor| obligor.name == name).ok_or_else(|| Error::Unknown {
            field: "obligor".into(),
            kind: "obligor",
            name: name.to_owned(),
            known: self.obligors.iter().map(|obligor| obligor.name.as_str()).collect::<Vec<_>>().join(", "),
        })
    }
}

/// The metrics of an obligor, or of the market for collateral under its name, and their lanes.
pub(crate) fn metrics_of<'a>(run: &Run, book: &'a BookPlan, name: &str) -> Result<&'a [(String, usize)], Error> {
    if name == LiquidationMarket::NAME {
        return Ok(book.liquidation_metrics());
    }
    Ok(&book.obligors[run.obligor(name)?].metrics)
}

/// A metric that an obligor publishes and a measure observes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricLane(usize);

/// The metrics that measures asked for, collected over all measures of a run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Requests {
    pub(crate) observe_steps: bool,
    /// (obligor, metric)
    pub(crate) metrics: Vec<(String, String)>,
}

/// What a measure asks for while it is planned.
pub struct MeasurePlan<'a> {
    pub(crate) run: &'a Run,
    pub(crate) market: &'a MarketPlan,
    /// A plan of the book with every metric, to know what can be asked for.
    pub(crate) book: &'a BookPlan,
    pub(crate) requests: &'a mut Requests,
}

impl std::fmt::Debug for MeasurePlan<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MeasurePlan").field("run", self.run).finish_non_exhaustive()
    }
}

impl MeasurePlan<'_> {
    /// The run: dates, obligors, facilities, paths asked for.
    #[must_use]
    pub fn run(&self) -> &Run {
        self.run
    }

    /// Asks that [`Measure::observe`](super::Measure::observe) be called at time zero and at the end of every step.
    pub fn observe_steps(&mut self) {
        self.requests.observe_steps = true;
    }

    /// A series of a factor (`btc`, `frontier.adoption`) or of the dependence, to observe.
    ///
    /// # Errors
    /// [`Error::Unknown`] when nothing publishes it.
    pub fn series(&mut self, series: &str) -> Result<ReadLane, Error> {
        self.market.read("series", series)
    }

    /// A metric of an obligor, to observe; or of the market for collateral, under the name
    /// [`LiquidationMarket::NAME`](crate::credit::LiquidationMarket::NAME).
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is no such obligor, or it publishes no such metric.
    pub fn metric(&mut self, obligor: &str, metric: &str) -> Result<MetricLane, Error> {
        let metrics = metrics_of(self.run, self.book, obligor)?;
        if !metrics.iter().any(|(name, _)| name == metric) {
            return Err(Error::Unknown {
                field: "metric".into(),
                kind: "metric of this obligor",
                name: metric.to_owned(),
                known: metrics.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", "),
            });
        }
        let known = self.requests.metrics.iter().position(|(o, m)| o == obligor && m == metric);
        Ok(MetricLane(known.unwrap_or_else(|| {
            self.requests.metrics.push((obligor.to_owned(), metric.to_owned()));
            self.requests.metrics.len() - 1
        })))
    }
}

/// One block at the end of one step.
#[derive(Clone, Copy)]
pub struct StepBlock<'a> {
    pub(crate) step: Step,
    /// Steps of the run.
    pub(crate) steps: usize,
    pub(crate) first_path: u64,
    pub(crate) paths: usize,
    pub(crate) series: ReadLanes<'a>,
    pub(crate) plan: &'a BookPlan,
    pub(crate) book: &'a BookWorkspace,
    /// For each requested metric the lane among those of the book.
    pub(crate) metrics: &'a [usize],
    pub(crate) weights: &'a Lane,
}

impl std::fmt::Debug for StepBlock<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StepBlock")
            .field("step", &self.step)
            .field("first_path", &self.first_path)
            .finish_non_exhaustive()
    }
}

impl<'a> StepBlock<'a> {
    /// The step that ended; index 0 at time zero.
    #[must_use]
    pub fn step(&self) -> Step {
        self.step
    }

    /// Whether this is the last step of the run: the horizon.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.step.index == self.steps
    }

    /// Number of the block's first path in the run.
    #[must_use]
    pub fn first_path(&self) -> u64 {
        self.first_path
    }

    /// Paths in the block that count: all of them, but in the last block of a run.
    #[must_use]
    pub fn paths(&self) -> usize {
        self.paths
    }

    /// Likelihood weight of each path.
    #[must_use]
    pub fn weights(&self) -> &'a [f64] {
        &self.weights[..self.paths]
    }

    /// A series of a factor at the end of the step.
    #[must_use]
    pub fn series(&self, lane: ReadLane) -> &'a [f64] {
        &self.series.lane(lane)[..self.paths]
    }

    /// A metric of an obligor at the end of the step.
    #[must_use]
    pub fn metric(&self, lane: MetricLane) -> &'a [f64] {
        &self.book.own[self.metrics[lane.0]][..self.paths]
    }

    /// Price at time zero of one unit of money paid at the end of the step; 1 in a book that does not discount.
    #[must_use]
    pub fn discount(&self) -> &'a [f64] {
        &self.book.discount(self.plan, self.series)[..self.paths]
    }

    /// Index of the step of default, counted from 1; infinite on paths without default so far.
    #[must_use]
    pub fn default_step(&self, obligor: usize) -> &'a [f64] {
        &self.book.default_step[obligor][..self.paths]
    }

    /// Loss of one facility as it is recorded by the end of the step, discounted to time zero: the exposure of a default so far,
    /// less what has been recovered so far.
    #[must_use]
    pub fn loss(&self, obligor: usize, facility: usize) -> &'a [f64] {
        &self.book.loss[self.plan.facility(obligor, facility)][..self.paths]
    }

    /// Sum of the losses so far of some facilities, each given as (obligor, facility), in their order.
    pub fn losses(&self, facilities: &[(usize, usize)], total: &mut Lane) {
        self.book.losses(self.plan, facilities, total);
    }
}

/// One finished block: what became of every obligor on every path.
#[derive(Clone, Copy)]
pub struct Block<'a> {
    pub(crate) first_path: u64,
    pub(crate) paths: usize,
    pub(crate) plan: &'a BookPlan,
    pub(crate) book: &'a BookWorkspace,
    pub(crate) weights: &'a Lane,
}

impl std::fmt::Debug for Block<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Block")
            .field("first_path", &self.first_path)
            .field("paths", &self.paths)
            .finish_non_exhaustive()
    }
}

impl<'a> Block<'a> {
    /// Number of the block's first path in the run.
    #[must_use]
    pub fn first_path(&self) -> u64 {
        self.first_path
    }

    /// Paths in the block that count: all of them, but in the last block of a run. Every slice has this length.
    #[must_use]
    pub fn paths(&self) -> usize {
        self.paths
    }

    /// Likelihood weight of each path: 1 unless paths are drawn from another law.
    #[must_use]
    pub fn weights(&self) -> &'a [f64] {
        &self.weights[..self.paths]
    }

    /// Number of obligors.
    #[must_use]
    pub fn obligors(&self) -> usize {
        self.plan.obligors.len()
    }

    /// Number of facilities of an obligor.
    #[must_use]
    pub fn facilities(&self, obligor: usize) -> usize {
        self.plan.obligors[obligor].facilities.len()
    }

    /// Index of the step of default, counted from 1; infinite on paths without default.
    #[must_use]
    pub fn default_step(&self, obligor: usize) -> &'a [f64] {
        &self.book.default_step[obligor][..self.paths]
    }

    /// Cause of default; of no meaning on paths without one.
    #[must_use]
    pub fn cause(&self, obligor: usize) -> &'a [Cause] {
        &self.book.cause[obligor][..self.paths]
    }

    /// Discount factor at default, 1 on paths without one.
    #[must_use]
    pub fn default_discount(&self, obligor: usize) -> &'a [f64] {
        &self.book.default_discount[obligor][..self.paths]
    }

    /// Exposure at default of one facility, in money of the day of default; 0 on paths without one.
    #[must_use]
    pub fn exposure(&self, obligor: usize, facility: usize) -> &'a [f64] {
        &self.book.exposure[self.plan.facility(obligor, facility)][..self.paths]
    }

    /// Loss of one facility, discounted to time zero.
    #[must_use]
    pub fn loss(&self, obligor: usize, facility: usize) -> &'a [f64] {
        &self.book.loss[self.plan.facility(obligor, facility)][..self.paths]
    }

    /// Sum of the losses of all facilities of all obligors, in their order.
    pub fn total_loss(&self, total: &mut Lane) {
        total.fill(0.0);
        for loss in &self.book.loss {
            for (total, loss) in total.iter_mut().zip(loss.iter()) {
                *total += loss;
            }
        }
    }

    /// Sum of the losses of some facilities, each given as (obligor, facility), in their order.
    pub fn losses(&self, facilities: &[(usize, usize)], total: &mut Lane) {
        self.book.losses(self.plan, facilities, total);
    }
}
