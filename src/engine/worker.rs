//! A run, planned; and one worker that simulates blocks of it.

use crate::Error;
use crate::credit::{Book, BookPlan, BookWorkspace};
use crate::market::START;
use crate::market::{Market, MarketPlan, MarketWorkspace};

use crate::measure::{Block, Measure, MeasurePlan, Requests, Run, StepBlock, metrics_of};
use crate::numeric::{Lane, PATHS, Step, TimeGrid};
use std::ops::Range;

/// Everything that is computed once per run and shared by all workers.
pub(crate) struct Plan {
    run: Run,
    market: MarketPlan,
    /// With every metric, so that measures can be told what exists.
    catalogue: BookPlan,
    /// With the metrics that measures asked for.
    book: BookPlan,
    observe_steps: bool,
    metrics: Vec<usize>,
}

impl Plan {
    pub(crate) fn new<M: Measure>(
        market: &Market,
        book: &Book,
        grid: &TimeGrid,
        paths: u64,
        seed: u64,
        measure: &M,
    ) -> Result<Plan, Error> {
        let market = market.plan(grid, seed)?;
        let catalogue = book.plan(&market, grid, seed, &|_, _| true)?;
        let obligors = catalogue.obligors.iter().map(|obligor| obligor.info.clone()).collect();
        let run = Run { grid: grid.clone(), obligors, paths, seed };
        let mut requests = Requests::default();
        measure.plan(&mut MeasurePlan { run: &run, market: &market, book: &catalogue, requests: &mut requests })?;
        let wanted = |obligor: &str, metric: &str| requests.metrics.iter().any(|(o, m)| o == obligor && m == metric);
        let planned = book.plan(&market, grid, seed, &wanted)?;
        let mut metrics = Vec::with_capacity(requests.metrics.len());
        for (obligor, metric) in &requests.metrics {
            let lanes = metrics_of(&run, &planned, obligor)?;
            metrics.push(lanes.iter().find(|(name, _)| name == metric).map_or(0, |(_, lane)| *lane));
        }
        let mut keys: Vec<_> = market.stream_keys().chain(planned.stream_keys()).collect();
        keys.sort_unstable();
        if keys.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Error::invalid("name", "two streams", "two names hash to the same stream; rename one of them"));
        }
        Ok(Plan { run, market, catalogue, book: planned, observe_steps: requests.observe_steps, metrics })
    }

    pub(crate) fn run(&self) -> &Run {
        &self.run
    }

    /// Paths of these blocks that count.
    pub(crate) fn paths_in(&self, blocks: &Range<u64>) -> u64 {
        // The last block of 2^64 paths ends beyond what a number holds.
        let end = blocks.end.saturating_mul(PATHS as u64).min(self.run.paths);
        end.saturating_sub(blocks.start.saturating_mul(PATHS as u64))
    }

    pub(crate) fn partial<M: Measure>(&self, measure: &M) -> Result<M::Partial, Error> {
        let mut requests = Requests::default();
        measure.plan(&mut MeasurePlan {
            run: &self.run,
            market: &self.market,
            book: &self.catalogue,
            requests: &mut requests,
        })
    }
}

/// The lanes of one worker, allocated once.
pub(crate) struct Worker<'a> {
    plan: &'a Plan,
    market: MarketWorkspace,
    book: BookWorkspace,
    weights: Lane,
}

impl<'a> Worker<'a> {
    pub(crate) fn new(plan: &'a Plan) -> Self {
        Worker { plan, market: plan.market.workspace(), book: plan.book.workspace(), weights: Lane::splat(1.0) }
    }

    /// Simulates one block over all steps and shows it to the measure.
    pub(crate) fn simulate<M: Measure>(&mut self, block: u64, measure: &M, partial: &mut M::Partial) {
        let first_path = block * PATHS as u64;
        self.market.start(&self.plan.market, block, first_path);
        self.book.start(&self.plan.book, self.market.series(), block, first_path);
        self.observe(START, block, measure, partial);
        for step in self.plan.run.grid.iter() {
            self.market.step(&self.plan.market, step, first_path);
            self.book.step(&self.plan.book, self.market.series(), step, first_path);
            self.observe(step, block, measure, partial);
        }
        let finished = Block {
            first_path,
            paths: self.counted(block),
            plan: &self.plan.book,
            book: &self.book,
            weights: &self.weights,
        };
        measure.record(partial, &finished);
    }

    fn observe<M: Measure>(&self, step: Step, block: u64, measure: &M, partial: &mut M::Partial) {
        if self.plan.observe_steps {
            let seen = StepBlock {
                step,
                steps: self.plan.run.grid.steps(),
                first_path: block * PATHS as u64,
                paths: self.counted(block),
                series: self.market.series(),
                plan: &self.plan.book,
                book: &self.book,
                metrics: &self.plan.metrics,
                weights: &self.weights,
            };
            measure.observe(partial, &seen);
        }
    }

    /// Paths of this block that count: all, but for the last block of a run.
    fn counted(&self, block: u64) -> usize {
        // At most PATHS, so the cast is exact.
        self.plan.paths_in(&(block..block + 1)) as usize
    }
}
