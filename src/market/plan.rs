//! A market, validated once; its plan for a grid; and the lanes that one worker steps.

use super::dependence::{Dependence, DependenceBlock, DependencePlan, DependenceStepper};
use super::factor::{Factor, FactorBlock, FactorPlan, FactorStepper, Modulation, find_series};
use super::lanes::{Drivers, JumpLanes, OwnLanes, OwnStreams, ReadLane, ReadLanes};
use super::shift::{Change, Shift};
use crate::numeric::{Lane, Scratch, Step, TimeGrid};
use crate::sample::{Stream, StreamKey};
use crate::{Error, check};
use std::fmt::{self, Debug};
use std::ops::Range;
use std::sync::Arc;

/// The step in which lanes are set at time zero.
pub(crate) const START: Step = Step { index: 0, start: 0.0, end: 0.0, length: 0.0 };

/// Named factors, in order, with their dependence. Validated once, when it is built; cheap to clone.
#[derive(Clone)]
pub struct Market {
    factors: Vec<(String, Arc<dyn Factor>)>,
    dependence: Option<Arc<dyn Dependence>>,
    /// Series that are moved, and how, in order.
    shifts: Vec<(String, Change)>,
}

impl Debug for Market {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut market = f.debug_struct("Market");
        market.field("factors", &self.factors).field("dependence", &self.dependence);
        // A market without shifts is the same description that it was before there were shifts.
        if !self.shifts.is_empty() {
            market.field("shifts", &self.shifts);
        }
        market.finish()
    }
}

impl Market {
    /// An empty description to add factors to.
    #[must_use]
    pub fn builder() -> MarketBuilder {
        MarketBuilder { market: Market { factors: Vec::new(), dependence: None, shifts: Vec::new() } }
    }

    /// Names of the factors, in order.
    pub fn factors(&self) -> impl Iterator<Item = &str> {
        self.factors.iter().map(|(name, _)| name.as_str())
    }

    /// Names of everything that factors and dependence publish, in order: `btc`, `frontier.adoption`, `dependence.regime`.
    ///
    /// # Errors
    /// None, for a market that has been built.
    pub fn series(&self) -> Result<Vec<String>, Error> {
        let plan = self.plan(&TimeGrid::monthly(1)?, 0)?;
        Ok(plan.series.into_iter().filter(|name| !name.is_empty()).collect())
    }

    /// Names of the Gaussian drivers, in order: the rows of a correlation matrix.
    ///
    /// # Errors
    /// None, for a market that has been built.
    pub fn drivers(&self) -> Result<Vec<String>, Error> {
        Ok(self.plan(&TimeGrid::monthly(1)?, 0)?.drivers)
    }

    /// The market with one published series of a factor moved; this one stays as it is.
    ///
    /// Whoever reads the series sees it moved: later factors, the dependence, obligors, measures. The factor itself, built in or a
    /// user's own, does not: its state, its other series, its drivers and its draws are those that it has without, to the bit. So
    /// two runs that differ in a shift have common random numbers. Shifts of one series act one after the other.
    ///
    /// ```
    /// use haircut::market::{Change, Curve, Gbm, Market};
    /// let market = Market::builder().factor("btc", Gbm { initial: 61_500.0, drift: 0.05, volatility: 0.6 }).build()?;
    /// // A third is lost within half a year, and stays lost.
    /// let fallen = market.shifted("btc", Change::Multiply(Curve::dated([[0.0, 1.0], [0.5, 2.0 / 3.0]])))?;
    /// assert_eq!(fallen.series()?, market.series()?);
    /// # Ok::<(), haircut::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Unknown`] when no factor publishes the series; what is wrong with the change.
    pub fn shifted(&self, series: &str, change: Change) -> Result<Market, Error> {
        if !self.factors().any(|factor| series.split('.').next() == Some(factor)) {
            let (field, known) = ("series".to_owned(), self.factors().collect::<Vec<_>>().join(", "));
            return Err(Error::Unknown { field, kind: "factor", name: series.to_owned(), known });
        }
        let mut market = self.clone();
        market.shifts.push((series.to_owned(), change));
        MarketBuilder { market }.build()
    }

    pub(crate) fn plan(&self, grid: &TimeGrid, seed: u64) -> Result<MarketPlan, Error> {
        let mut series = Vec::new();
        let mut drivers = Vec::new();
        let mut factors = Vec::with_capacity(self.factors.len());
        for (position, (name, factor)) in self.factors.iter().enumerate() {
            check::named("factors.name", name)?;
            if name.contains('.') || name == "dependence" {
                return Err(Error::invalid(
                    "factors.name",
                    format!("\"{name}\""),
                    "must not contain a dot nor be \"dependence\"; dots separate a factor from its series",
                ));
            }
            if series.contains(name) {
                return Err(Error::Duplicate { field: "factors.name".into(), name: name.clone() });
            }
            let (first, first_driver) = (series.len(), drivers.len());
            series.push(name.clone());
            let before = &self.factors[..position];
            let mut plan =
                FactorPlan { name, grid, before, series: &mut series, first, drivers: &mut drivers, first_driver };
            let stepper = factor.plan(&mut plan).map_err(|error| error.within(name).within("factors"))?;
            for names in [&series[first..], &drivers[first_driver..]] {
                let taken = |(at, found): &(usize, &String)| !found.is_empty() && names[..*at].contains(found);
                if let Some((_, twice)) = names.iter().enumerate().find(taken) {
                    let field = format!("factors.{name}");
                    return Err(Error::Duplicate { field, name: twice.clone() });
                }
            }
            let mut shifts = Vec::new();
            for (of, change) in self.shifts.iter().filter(|(of, _)| of.split('.').next() == Some(name)) {
                let planned = Shift::plan(of, change, grid, &mut series, first);
                shifts.push(planned.map_err(|error| error.within(name).within("factors"))?);
            }
            factors.push(PlannedFactor {
                stepper,
                jump: None,
                shifts,
                own: first..series.len(),
                drivers: first_driver..drivers.len(),
                key: StreamKey::new(seed, &format!("factor/{name}")),
            });
        }
        let dependence_first = series.len();
        let names: Vec<String> = self.factors.iter().map(|(name, _)| name.clone()).collect();
        let takes_jumps: Vec<bool> =
            factors.iter().map(|factor: &PlannedFactor| factor.stepper.takes_jumps()).collect();
        let (mut published, mut streams, mut jumps) = (Vec::new(), Vec::new(), Vec::new());
        let dependence = match &self.dependence {
            None => None,
            Some(dependence) => {
                let mut plan = DependencePlan {
                    grid,
                    factors: &names,
                    drivers: &drivers,
                    series: &series,
                    published: &mut published,
                    streams: &mut streams,
                    takes_jumps: &takes_jumps,
                    jumps: &mut jumps,
                };
                Some(dependence.plan(&mut plan).map_err(|error| error.within("dependence"))?)
            }
        };
        for names in [&published, &streams] {
            let taken = |(at, found): &(usize, &String)| !found.is_empty() && names[..*at].contains(found);
            if let Some((_, twice)) = names.iter().enumerate().find(taken) {
                return Err(Error::Duplicate { field: "dependence".into(), name: twice.clone() });
            }
        }
        for (lane, factor) in jumps.into_iter().enumerate() {
            factors[factor].jump = Some(lane);
        }
        series.append(&mut published);
        let driver_keys = drivers.iter().map(|name| StreamKey::new(seed, &format!("driver/{name}"))).collect();
        let modulates = dependence.as_ref().is_some_and(|dependence| dependence.modulates());
        Ok(MarketPlan {
            factors,
            dependence,
            dependence_first,
            dependence_key: StreamKey::new(seed, "dependence"),
            further_keys: streams.iter().map(|name| StreamKey::new(seed, name)).collect(),
            modulates,
            series,
            drivers,
            driver_keys,
        })
    }
}

/// Collects the parts of a [`Market`].
#[derive(Debug, Clone)]
pub struct MarketBuilder {
    market: Market,
}

impl MarketBuilder {
    /// Adds a factor. It may read factors added before it.
    #[must_use]
    pub fn factor(self, name: impl Into<String>, factor: impl Factor + 'static) -> Self {
        self.shared_factor(name, Arc::new(factor))
    }

    /// Adds a factor that is already shared, from a file for instance.
    #[must_use]
    pub fn shared_factor(mut self, name: impl Into<String>, factor: Arc<dyn Factor>) -> Self {
        self.market.factors.push((name.into(), factor));
        self
    }

    /// Sets how the drivers move together. Without it they are independent.
    #[must_use]
    pub fn dependence(self, dependence: impl Dependence + 'static) -> Self {
        self.shared_dependence(Arc::new(dependence))
    }

    /// Sets a dependence that is already shared.
    #[must_use]
    pub fn shared_dependence(mut self, dependence: Arc<dyn Dependence>) -> Self {
        self.market.dependence = Some(dependence);
        self
    }

    /// Checks every factor and the dependence.
    ///
    /// # Errors
    /// The first thing that is wrong, with its field as `factors.NAME.FIELD` or `dependence.FIELD`.
    pub fn build(self) -> Result<Market, Error> {
        self.market.plan(&TimeGrid::monthly(1)?, 0)?;
        Ok(self.market)
    }
}

struct PlannedFactor {
    stepper: Box<dyn FactorStepper>,
    shifts: Vec<Shift>,
    own: Range<usize>,
    drivers: Range<usize>,
    key: StreamKey,
    /// The lane of the jumps that the dependence sends it.
    jump: Option<usize>,
}

/// A market planned for one grid and seed: steppers, and where their lanes are.
pub(crate) struct MarketPlan {
    factors: Vec<PlannedFactor>,
    dependence: Option<Box<dyn DependenceStepper>>,
    dependence_first: usize,
    dependence_key: StreamKey,
    further_keys: Vec<StreamKey>,
    modulates: bool,
    series: Vec<String>,
    drivers: Vec<String>,
    driver_keys: Vec<StreamKey>,
}

impl MarketPlan {
    /// The lane of a published series of any factor or of the dependence.
    pub(crate) fn read(&self, field: &str, series: &str) -> Result<ReadLane, Error> {
        find_series(&self.series, field, series)
    }

    pub(crate) fn stream_keys(&self) -> impl Iterator<Item = &StreamKey> {
        self.driver_keys
            .iter()
            .chain(self.factors.iter().map(|factor| &factor.key))
            .chain(std::iter::once(&self.dependence_key))
            .chain(&self.further_keys)
    }

    pub(crate) fn workspace(&self) -> MarketWorkspace {
        let modulated = if self.modulates { self.factors.len() } else { 0 };
        MarketWorkspace {
            series: vec![Lane::ZERO; self.series.len()],
            drivers: vec![Lane::ZERO; self.driver_keys.len()],
            driver_streams: vec![Stream::default(); self.driver_keys.len()],
            factor_streams: vec![Stream::default(); self.factors.len()],
            dependence_stream: Stream::default(),
            further_streams: vec![Stream::default(); self.further_keys.len()],
            volatility: vec![Lane::splat(1.0); modulated],
            drift: vec![Lane::ZERO; modulated],
            jumps: vec![Lane::ZERO; self.factors.iter().filter(|factor| factor.jump.is_some()).count()],
            scratch: Box::new([Lane::ZERO; 8]),
        }
    }
}

/// The lanes and streams of a market for one block, reused from block to block.
pub(crate) struct MarketWorkspace {
    series: Vec<Lane>,
    drivers: Vec<Lane>,
    driver_streams: Vec<Stream>,
    factor_streams: Vec<Stream>,
    dependence_stream: Stream,
    further_streams: Vec<Stream>,
    volatility: Vec<Lane>,
    drift: Vec<Lane>,
    jumps: Vec<Lane>,
    scratch: Box<Scratch>,
}

impl MarketWorkspace {
    pub(crate) fn series(&self) -> ReadLanes<'_> {
        ReadLanes(&self.series)
    }

    /// Puts every stream at the beginning of the block and every factor at time zero.
    pub(crate) fn start(&mut self, plan: &MarketPlan, block: u64, first_path: u64) {
        // So that a model that forgets a lane at time zero is wrong in the same way on every block, whoever runs it.
        self.series.fill(Lane::ZERO);
        self.scratch.fill(Lane::ZERO);
        self.drivers.fill(Lane::ZERO);
        self.volatility.fill(Lane::splat(1.0));
        self.drift.fill(Lane::ZERO);
        for (stream, key) in self.driver_streams.iter_mut().zip(&plan.driver_keys) {
            stream.restart(key, block);
        }
        for (stream, factor) in self.factor_streams.iter_mut().zip(&plan.factors) {
            stream.restart(&factor.key, block);
        }
        if plan.dependence.is_some() {
            self.dependence_stream.restart(&plan.dependence_key, block);
        }
        for (stream, key) in self.further_streams.iter_mut().zip(&plan.further_keys) {
            stream.restart(key, block);
        }
        self.visit(plan, START, first_path, false);
    }

    /// Draws the drivers, correlates them and moves every factor to the end of the step.
    pub(crate) fn step(&mut self, plan: &MarketPlan, step: Step, first_path: u64) {
        for (stream, lane) in self.driver_streams.iter_mut().zip(&mut self.drivers) {
            stream.normals(lane);
        }
        self.visit(plan, step, first_path, true);
    }

    fn visit(&mut self, plan: &MarketPlan, step: Step, first_path: u64, moving: bool) {
        if let Some(dependence) = &plan.dependence {
            self.jumps.fill(Lane::ZERO);
            let (read, own) = self.series.split_at_mut(plan.dependence_first);
            let mut block = DependenceBlock {
                step,
                first_path,
                drivers: &mut self.drivers,
                read: ReadLanes(read),
                own: OwnLanes::new(own),
                volatility: &mut self.volatility,
                drift: &mut self.drift,
                jumps: JumpLanes(&mut self.jumps),
                streams: OwnStreams { streams: &mut self.further_streams, keys: &plan.further_keys },
                stream: &mut self.dependence_stream,
                key: &plan.dependence_key,
            };
            if moving { dependence.step(&mut block) } else { dependence.start(&mut block) }
        }
        for (index, factor) in plan.factors.iter().enumerate() {
            let (read, own) = self.series[..factor.own.end].split_at_mut(factor.own.start);
            let mut block = FactorBlock {
                step,
                first_path,
                read: ReadLanes(read),
                own: OwnLanes::new(own),
                drivers: Drivers(&self.drivers[factor.drivers.clone()]),
                modulation: plan
                    .modulates
                    .then(|| Modulation { volatility: &self.volatility[index], drift: &self.drift[index] }),
                jump: factor.jump.map(|lane| &self.jumps[lane]),
                scratch: &mut self.scratch,
                stream: &mut self.factor_streams[index],
                key: &factor.key,
            };
            if moving {
                factor.stepper.step(&mut block)
            } else {
                factor.stepper.start(&mut block)
            }
            for shift in &factor.shifts {
                shift.show(step.index, &mut block.own);
            }
        }
    }
}
