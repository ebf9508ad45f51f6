//! The description of a run, and its running.

use super::control::{Control, Progress};
use super::shard::Shard;
use super::worker::Plan;
use super::{schedule, shard};
use crate::credit::Book;
use crate::market::Market;
use crate::measure::Measure;
use crate::numeric::{PATHS, TimeGrid};
use crate::{Error, sample};
use std::fmt::Write as _;
use std::ops::{ControlFlow, Range};

/// A market, a book, a time grid, a number of paths, a seed. An immutable description; [`Simulation::run`] executes it.
///
/// The results depend on the description alone: not on the number of threads, the split into shards or the instruction
/// set of the machine.
#[derive(Debug, Clone)]
pub struct Simulation {
    market: Market,
    book: Book,
    /// A mistake in the dates is reported when the run is planned.
    grid: Result<TimeGrid, Error>,
    pub(super) paths: u64,
    pub(super) seed: u64,
    pub(super) threads: Option<usize>,
}

impl Simulation {
    /// The largest number of threads that can be asked for: each has its own partial of the measure.
    pub const MOST_THREADS: usize = 1024;

    /// A run of 60 months, 65,536 paths, seed 0, on every thread of the current rayon pool.
    #[must_use]
    pub fn new(market: Market, book: Book) -> Self {
        Simulation { market, book, grid: TimeGrid::monthly(60), paths: 1 << 16, seed: 0, threads: None }
    }

    /// Sets the dates.
    #[must_use]
    pub fn grid(mut self, grid: TimeGrid) -> Self {
        self.grid = Ok(grid);
        self
    }

    /// Sets monthly dates; a number of months out of range is reported when the run begins.
    #[must_use]
    pub fn months(mut self, months: usize) -> Self {
        self.grid = TimeGrid::monthly(months);
        self
    }

    /// Sets the number of paths.
    #[must_use]
    pub fn paths(mut self, paths: u64) -> Self {
        self.paths = paths;
        self
    }

    /// Sets the seed: the same seed gives the same bits, another one independent paths.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Uses this many threads of its own instead of the current rayon pool; 1 runs on the calling thread.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Runs every path and gives what the measure, or tuple of measures, reports.
    ///
    /// # Errors
    /// Whatever is wrong with the description or with what a measure asks for. The simulation itself cannot fail.
    pub fn run<M: Measure>(&self, measure: M) -> Result<M::Output, Error> {
        self.run_with(measure, &|_| ControlFlow::Continue(()))
    }

    /// [`Simulation::run`], watched: `control` is told of the progress and may end the run early.
    ///
    /// # Errors
    /// As [`Simulation::run`].
    pub fn run_with<M: Measure>(&self, measure: M, control: &Control<'_>) -> Result<M::Output, Error> {
        let plan = self.plan(&measure)?;
        let shard = self.run_blocks(&plan, measure, 0..self.blocks(), control)?;
        Ok(shard.finish())
    }

    /// The same market, dates, paths and seed without a book: to look at factors alone, on the same paths.
    #[must_use]
    pub fn without_book(&self) -> Self {
        Simulation { book: Book::default(), ..self.clone() }
    }

    /// Paths of the run.
    #[must_use]
    pub fn path_count(&self) -> u64 {
        self.paths
    }

    /// Blocks of [`PATHS`] paths that the run consists of; the last one may count only in part.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        self.paths.div_ceil(PATHS as u64)
    }

    /// Runs some of the blocks, to be merged with the rest, in any order and grouping: array jobs, ranks, checkpoints.
    ///
    /// # Errors
    /// As [`Simulation::run`], or when the range reaches beyond [`Simulation::blocks`].
    pub fn shard<M: Measure>(&self, blocks: Range<u64>, measure: M) -> Result<Shard<M>, Error> {
        if blocks.start > blocks.end || blocks.end > self.blocks() {
            return Err(Error::invalid(
                "blocks",
                format!("{blocks:?}"),
                format!("must be a range within 0..{}", self.blocks()),
            ));
        }
        let plan = self.plan(&measure)?;
        self.run_blocks(&plan, measure, blocks, &|_| ControlFlow::Continue(()))
    }

    /// A digest of the description: equal for equal runs, whatever the number of threads.
    #[must_use]
    pub fn digest(&self) -> u128 {
        self.text_digest().value()
    }

    fn text_digest(&self) -> sample::Digest {
        let Simulation { market, book, grid, paths, seed, threads: _ } = self;
        let mut digest = sample::Digest::new();
        // Writing into a digest cannot fail.
        let _ = write!(digest, "{market:?}|{book:?}|{grid:?}|{paths}|{seed}");
        digest
    }

    pub(super) fn plan<M: Measure>(&self, measure: &M) -> Result<Plan, Error> {
        if self.paths == 0 {
            return Err(Error::invalid("paths", 0, "must be at least 1"));
        }
        if let Some(threads) = self.threads
            && !(1..=Self::MOST_THREADS).contains(&threads)
        {
            let expected = format!("must be between 1 and {}", Self::MOST_THREADS);
            return Err(Error::invalid("threads", threads, expected));
        }
        Plan::new(&self.market, &self.book, self.grid.as_ref().map_err(Clone::clone)?, self.paths, self.seed, measure)
    }

    fn run_blocks<M: Measure>(
        &self,
        plan: &Plan,
        measure: M,
        blocks: Range<u64>,
        control: &Control<'_>,
    ) -> Result<Shard<M>, Error> {
        let total = plan.paths_in(&blocks);
        let report = |paths_done| control(Progress { paths_done, paths: total });
        let (partial, done) = schedule::run(plan, &measure, blocks, self.threads, &report)?;
        let mut digest = self.text_digest();
        let _ = write!(digest, "|{measure:?}");
        Ok(shard::new(digest.value(), plan.run().clone(), measure, partial, done))
    }
}
