//! The obligors of a run and the market that ties them; its plan; and the lanes that one worker steps.

use super::liquidation::{LiquidationMarket, LiquidationPlan, LiquidationWorkspace};
use super::obligor::{Cause, FacilityInfo, Obligor, ObligorBlock, ObligorPlan, ObligorStepper, Outcome};
use super::shared::{SharedLanes, SharedPlan};
use crate::market::START;
use crate::market::{MarketPlan, OwnLane, OwnLanes, ReadLane, ReadLanes};
use crate::numeric::{Lane, PATHS, Scratch, Step, TimeGrid};
use crate::sample::{Stream, StreamKey};
use crate::{Error, check};
use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

/// The obligors, the liquidation market that ties them, and the discounting of their losses.
///
/// An empty book is allowed: then a run simulates the market alone.
#[derive(Debug, Clone, Default)]
pub struct Book {
    obligors: Vec<Arc<dyn Obligor>>,
    liquidation: LiquidationMarket,
    discount: Option<String>,
}

impl Book {
    /// A book of obligors of one type, without a liquidation market and without discounting.
    pub fn new<O: Obligor + 'static>(obligors: impl IntoIterator<Item = O>) -> Self {
        let obligors = obligors.into_iter().map(|obligor| Arc::new(obligor) as Arc<dyn Obligor>).collect();
        Book { obligors, ..Book::default() }
    }

    /// Adds an obligor.
    #[must_use]
    pub fn obligor(self, obligor: impl Obligor + 'static) -> Self {
        self.shared_obligor(Arc::new(obligor))
    }

    /// Adds an obligor that is already shared.
    #[must_use]
    pub fn shared_obligor(mut self, obligor: Arc<dyn Obligor>) -> Self {
        self.obligors.push(obligor);
        self
    }

    /// Sets the market into which collateral is sold.
    #[must_use]
    pub fn liquidation(mut self, liquidation: LiquidationMarket) -> Self {
        self.liquidation = liquidation;
        self
    }

    /// Sets the series that holds the discount factor, the price at time zero of one unit of money paid at the end of a
    /// step: `sofr.discount` for a [`ShortRate`](crate::market::ShortRate) named `sofr`. Without it nothing is discounted.
    #[must_use]
    pub fn discount(mut self, series: impl Into<String>) -> Self {
        self.discount = Some(series.into());
        self
    }

    /// Plans the book; `wanted(obligor, metric)` says which metrics a measure asked for.
    pub(crate) fn plan(
        &self,
        market: &MarketPlan,
        grid: &TimeGrid,
        seed: u64,
        wanted: &dyn Fn(&str, &str) -> bool,
    ) -> Result<BookPlan, Error> {
        // The lanes of its metrics come first.
        let mut lanes = 0;
        let wanted_of_market = |metric: &str| wanted(LiquidationMarket::NAME, metric);
        let liquidation = self.liquidation.plan(market, grid, &wanted_of_market, &mut lanes)?;
        let discount = match &self.discount {
            None => None,
            Some(series) => Some(market.read("discount", series)?),
        };
        let mut obligors: Vec<PlannedObligor> = Vec::with_capacity(self.obligors.len());
        let (mut facilities, mut rooms) = (0, 0);
        let mut shared = SharedPlan::default();
        for (index, obligor) in self.obligors.iter().enumerate() {
            let name = obligor.name();
            let locate = |error: Error| error.within(format!("obligors[{index}]"));
            check::named("name", name).map_err(locate)?;
            if name == LiquidationMarket::NAME {
                let expected = "must be another name: measures find the market for collateral under this one";
                return Err(locate(Error::invalid("name", format!("\"{name}\""), expected)));
            }
            if obligors.iter().any(|other| other.info.name == name) {
                return Err(locate(Error::Duplicate { field: "name".into(), name: name.to_owned() }));
            }
            let wanted = |metric: &str| wanted(name, metric);
            let mut plan = ObligorPlan {
                obligor: name,
                shared: &mut shared,
                grid,
                market,
                liquidation: &liquidation,
                wanted: &wanted,
                lanes: 0,
                rooms: 0,
                metrics: Vec::new(),
                facilities: Vec::new(),
            };
            let stepper = obligor.plan(&mut plan).map_err(locate)?;
            let ObligorPlan { lanes: own, rooms: used, metrics, facilities: info, .. } = plan;
            obligors.push(PlannedObligor {
                stepper,
                own: lanes..lanes + own,
                facilities: facilities..facilities + info.len(),
                metrics: metrics.into_iter().map(|(metric, OwnLane(lane))| (metric, lanes + lane)).collect(),
                key: StreamKey::new(seed, &format!("obligor/{name}")),
                info: ObligorInfo { name: name.to_owned(), facilities: info },
            });
            lanes += own;
            rooms = rooms.max(used);
            facilities += obligors.last().map_or(0, |obligor| obligor.info.facilities.len());
        }
        Ok(BookPlan { obligors, lanes, rooms, shared: shared.starts(), facilities, liquidation, discount })
    }
}

/// An obligor as results name it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ObligorInfo {
    /// Name of the obligor.
    pub name: String,
    /// Its facilities, in order of seniority.
    pub facilities: Vec<FacilityInfo>,
}

pub(crate) struct PlannedObligor {
    stepper: Box<dyn ObligorStepper>,
    own: Range<usize>,
    pub(crate) facilities: Range<usize>,
    /// Metric names and their lanes among those of the whole book.
    pub(crate) metrics: Vec<(String, usize)>,
    key: StreamKey,
    pub(crate) info: ObligorInfo,
}

/// A book planned for one market, grid and seed.
pub(crate) struct BookPlan {
    pub(crate) obligors: Vec<PlannedObligor>,
    lanes: usize,
    /// Lanes that obligors use in turn, after all others.
    rooms: usize,
    /// By lane that obligors share, what it holds when a block begins.
    shared: Vec<f64>,
    facilities: usize,
    liquidation: LiquidationPlan,
    discount: Option<ReadLane>,
}

impl BookPlan {
    /// Metrics of the liquidation market, and their lanes among those of the whole book.
    pub(crate) fn liquidation_metrics(&self) -> &[(String, usize)] {
        &self.liquidation.metrics
    }

    pub(crate) fn stream_keys(&self) -> impl Iterator<Item = &StreamKey> {
        self.obligors.iter().map(|obligor| &obligor.key)
    }

    /// Lane of a facility among those of the book.
    pub(crate) fn facility(&self, obligor: usize, facility: usize) -> usize {
        let facilities = &self.obligors[obligor].facilities;
        assert!(facility < facilities.len(), "obligor {obligor} has {} facilities", facilities.len());
        facilities.start + facility
    }

    pub(crate) fn workspace(&self) -> BookWorkspace {
        let obligors = self.obligors.len();
        BookWorkspace {
            own: vec![Lane::ZERO; self.lanes + self.rooms],
            shared: vec![Lane::ZERO; self.shared.len()],
            streams: vec![Stream::default(); obligors],
            default_step: vec![Lane::splat(f64::INFINITY); obligors],
            cause: vec![[Cause::Payment; PATHS]; obligors],
            default_discount: vec![Lane::splat(1.0); obligors],
            exposure: vec![Lane::ZERO; self.facilities],
            loss: vec![Lane::ZERO; self.facilities],
            liquidation: self.liquidation.workspace(),
            one: Lane::splat(1.0),
            scratch: Box::new([Lane::ZERO; 8]),
        }
    }
}

/// The lanes and streams of a book for one block, reused from block to block.
pub(crate) struct BookWorkspace {
    pub(crate) own: Vec<Lane>,
    shared: Vec<Lane>,
    streams: Vec<Stream>,
    pub(crate) default_step: Vec<Lane>,
    pub(crate) cause: Vec<[Cause; PATHS]>,
    pub(crate) default_discount: Vec<Lane>,
    pub(crate) exposure: Vec<Lane>,
    pub(crate) loss: Vec<Lane>,
    liquidation: LiquidationWorkspace,
    one: Lane,
    scratch: Box<Scratch>,
}

/// Rounds for sellers who sell a little more as marks fall a little more, beside one for each obligor that sells once.
const GRADUAL_ROUNDS: usize = 64;

#[derive(Clone, Copy)]
enum Phase {
    Start,
    Step,
    React,
    Settle,
}

impl BookWorkspace {
    pub(crate) fn start(&mut self, plan: &BookPlan, series: ReadLanes<'_>, block: u64, first_path: u64) {
        // So that a model that forgets a lane at time zero is wrong in the same way on every block, whoever runs it.
        self.own.fill(Lane::ZERO);
        for (lane, start) in self.shared.iter_mut().zip(&plan.shared) {
            lane.fill(*start);
        }
        self.scratch.fill(Lane::ZERO);
        self.default_step.fill(Lane::splat(f64::INFINITY));
        self.cause.fill([Cause::Payment; PATHS]);
        self.default_discount.fill(Lane::splat(1.0));
        self.exposure.fill(Lane::ZERO);
        self.loss.fill(Lane::ZERO);
        for (stream, obligor) in self.streams.iter_mut().zip(&plan.obligors) {
            stream.restart(&obligor.key, block);
        }
        self.liquidation.start();
        self.liquidation.open(&plan.liquidation, series, START);
        self.visit(plan, series, START, first_path, Phase::Start);
        self.liquidation.empty();
        self.liquidation.show(&plan.liquidation, START, &mut self.own);
    }

    pub(crate) fn step(&mut self, plan: &BookPlan, series: ReadLanes<'_>, step: Step, first_path: u64) {
        self.liquidation.open(&plan.liquidation, series, step);
        self.visit(plan, series, step, first_path, Phase::Step);
        if self.liquidation.clear(&plan.liquidation, step) {
            if plan.liquidation.is_within_step() {
                // Each round but the last adds a reaction of an obligor, on any path.
                for _ in 0..plan.obligors.len() + GRADUAL_ROUNDS {
                    self.visit(plan, series, step, first_path, Phase::React);
                    if !self.liquidation.clear(&plan.liquidation, step) {
                        break;
                    }
                }
            }
            self.visit(plan, series, step, first_path, Phase::Settle);
        }
        self.liquidation.show(&plan.liquidation, step, &mut self.own);
        self.liquidation.close(&plan.liquidation, step);
    }

    /// Price at time zero of one unit of money paid at the end of the step.
    pub(crate) fn discount<'a>(&'a self, plan: &BookPlan, series: ReadLanes<'a>) -> &'a Lane {
        plan.discount.map_or(&self.one, |lane| series.lane(lane))
    }

    /// Sum of the losses of some facilities, in their order.
    pub(crate) fn losses(&self, plan: &BookPlan, facilities: &[(usize, usize)], total: &mut Lane) {
        total.fill(0.0);
        for (obligor, facility) in facilities {
            let loss = &self.loss[plan.facility(*obligor, *facility)];
            for (total, loss) in total.iter_mut().zip(loss.iter()) {
                *total += loss;
            }
        }
    }

    fn visit(&mut self, plan: &BookPlan, series: ReadLanes<'_>, step: Step, first_path: u64, phase: Phase) {
        let discount = plan.discount.map_or(&self.one, |lane| series.lane(lane));
        for (index, obligor) in plan.obligors.iter().enumerate() {
            // In the crate's own tests: who reads a room before writing it finds no number there.
            if cfg!(test) {
                self.own[plan.lanes..].fill(Lane::splat(f64::NAN));
            }
            let mut block = ObligorBlock {
                step,
                first_path,
                read: series,
                own: OwnLanes::with_rooms(&mut self.own, obligor.own.clone(), plan.lanes),
                shared: SharedLanes(&mut self.shared),
                discount,
                liquidation: self.liquidation.view(&plan.liquidation),
                outcome: Outcome {
                    default_step: &mut self.default_step[index],
                    cause: &mut self.cause[index],
                    discount: &mut self.default_discount[index],
                    exposure: &mut self.exposure[obligor.facilities.clone()],
                    loss: &mut self.loss[obligor.facilities.clone()],
                },
                scratch: &mut self.scratch,
                stream: &mut self.streams[index],
                key: &obligor.key,
            };
            match phase {
                Phase::Start => obligor.stepper.start(&mut block),
                Phase::Step => obligor.stepper.step(&mut block),
                Phase::React => obligor.stepper.react(&mut block),
                Phase::Settle => obligor.stepper.settle(&mut block),
            }
        }
    }
}
