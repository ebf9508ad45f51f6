//! The trait of everything that can default, built in or a user's own.

use super::liquidation::{AssetLane, LiquidationPlan, LiquidationView};
use super::shared::{SharedLane, SharedLanes, SharedPlan};
use crate::Error;
use crate::market::{MarketPlan, OwnLane, OwnLanes, ReadLane, ReadLanes};
use crate::numeric::{Lane, PATHS, Scratch, Step, TimeGrid};
use crate::sample::{Stream, StreamKey};
use serde::{Deserialize, Serialize};
use std::fmt::Debug;

/// Something that can default: its description.
///
/// Planning checks the description, asks for the readings, lanes and facilities that it needs, and returns an
/// [`ObligorStepper`]. [`Borrower`](super::Borrower) uses nothing that a user's own obligor could not use.
///
/// `Debug` must print every parameter: its text is part of the digest that tells one run from another.
pub trait Obligor: Debug + Send + Sync {
    /// The name, which keys the obligor's stream and its results. Names in a book must differ.
    fn name(&self) -> &str;

    /// Checks the parameters and asks for lanes. Called more than once; it must have no side effects.
    ///
    /// # Errors
    /// When a parameter is out of range or a reading does not exist; `field` is relative to the obligor.
    fn plan(&self, plan: &mut ObligorPlan<'_>) -> Result<Box<dyn ObligorStepper>, Error>;
}

/// An obligor at work, a whole block of paths at once.
pub trait ObligorStepper: Send + Sync {
    /// Sets the own lanes at time zero; they come zeroed, and the outcome cleared: no default, no loss.
    fn start(&self, block: &mut ObligorBlock<'_>);

    /// Moves the obligor through one step: its cash, its payments, its default, and what it puts up for sale.
    fn step(&self, block: &mut ObligorBlock<'_>);

    /// Looks again at the marks, which this step's sales have lowered, and may put more up for sale. Called
    /// only where the market clears within the step ([`Feedback::WithinStep`](super::Feedback::WithinStep)), after sales,
    /// and again for as long as some obligor puts up more; at most 64 times more often than there are obligors.
    ///
    /// On a path whose marks have not moved since the last call it must do nothing, and lower marks must not make
    /// it sell less: then the step clears at the greatest fixed point, the same whoever else shares the block.
    fn react(&self, block: &mut ObligorBlock<'_>) {
        let _ = block;
    }

    /// Receives the proceeds after the liquidation market has cleared. Called only when some path of the block has
    /// something up for sale in this step, by whichever obligor.
    fn settle(&self, block: &mut ObligorBlock<'_>) {
        let _ = block;
    }
}

/// Why an obligor defaulted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Cause {
    /// A payment stayed due beyond its grace period.
    Payment,
    /// A covenant stayed breached beyond its cure period.
    Covenant,
    /// A margin call was not met.
    Margin,
    /// A balloon could be neither paid nor refinanced.
    Maturity,
}

impl Cause {
    /// Every cause, in the order in which tables list them and in which they are declared.
    pub const ALL: [Cause; 4] = [Cause::Payment, Cause::Covenant, Cause::Margin, Cause::Maturity];
}

/// A facility of the obligor: where its exposure and loss are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FacilityLane(pub(crate) usize);

impl FacilityLane {
    /// Position of the facility in [`Outcome::exposure`] and [`Outcome::loss`].
    #[must_use]
    pub fn index(self) -> usize {
        self.0
    }
}

/// A facility as results name it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FacilityInfo {
    /// Name of the facility within its obligor.
    pub name: String,
    /// Who bears its loss.
    pub lender: String,
    /// Amount owed at time zero, or the commitment.
    pub principal: f64,
}

/// What an obligor asks for while it is planned.
pub struct ObligorPlan<'a> {
    /// The name of the obligor.
    pub(super) obligor: &'a str,
    pub(super) shared: &'a mut SharedPlan,
    pub(crate) grid: &'a TimeGrid,
    pub(crate) market: &'a MarketPlan,
    pub(crate) liquidation: &'a LiquidationPlan,
    pub(crate) wanted: &'a dyn Fn(&str) -> bool,
    pub(crate) lanes: usize,
    pub(crate) rooms: usize,
    pub(crate) metrics: Vec<(String, OwnLane)>,
    pub(crate) facilities: Vec<FacilityInfo>,
}

impl Debug for ObligorPlan<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ObligorPlan")
            .field("lanes", &self.lanes)
            .field("metrics", &self.metrics)
            .field("facilities", &self.facilities)
            .finish_non_exhaustive()
    }
}

impl ObligorPlan<'_> {
    /// The dates of the run.
    #[must_use]
    pub fn grid(&self) -> &TimeGrid {
        self.grid
    }

    /// A series of any factor (`btc`, `frontier.adoption`) or of the dependence (`dependence.regime`). `field` is the
    /// name of the parameter that holds the reference, for the error.
    ///
    /// # Errors
    /// [`Error::Unknown`] when nothing publishes it.
    pub fn read(&self, field: &str, series: &str) -> Result<ReadLane, Error> {
        self.market.read(field, series)
    }

    /// An asset class of the liquidation market.
    ///
    /// # Errors
    /// [`Error::Unknown`] when the market does not trade it.
    pub fn asset(&self, field: &str, asset: &str) -> Result<AssetLane, Error> {
        let assets = self.liquidation.names();
        assets.iter().position(|name| name == asset).map(AssetLane).ok_or_else(|| Error::Unknown {
            field: field.to_owned(),
            kind: "asset of the liquidation market",
            name: asset.to_owned(),
            known: assets.join(", "),
        })
    }

    /// Share of the price that a sale of a class planned over so many years obtains
    /// ([`Asset::time_to_sell`](super::Asset::time_to_sell)).
    #[must_use]
    pub fn patience(&self, asset: AssetLane, over: f64) -> f64 {
        self.liquidation.patience(asset, over)
    }

    /// A lane of private state, zero when a block begins.
    pub fn state(&mut self) -> OwnLane {
        self.lanes += 1;
        OwnLane(self.lanes - 1)
    }

    /// A lane that all obligors of the book who ask for the `name` see and may change: what a sponsor has left for all whom it
    /// backs, how often something has happened to anyone. It holds `start` when a block begins. Obligors are stepped in the order of
    /// the book, so what one takes in a step the next ones find gone in the same step.
    ///
    /// `field` is the name of the parameter that holds `start`, for the error.
    ///
    /// # Errors
    /// [`Error::Invalid`] when another obligor asked for the name with another start, or `start` is not a number.
    pub fn shared(&mut self, field: &str, name: &str, start: f64) -> Result<SharedLane, Error> {
        self.shared.ask(self.obligor, field, name, start)
    }

    /// A lane for use within one call of the stepper. All obligors use it in turn, so that it stays in a near cache: it holds whatever the last
    /// user left; write before reading.
    pub fn room(&mut self) -> OwnLane {
        self.rooms += 1;
        OwnLane::room(self.rooms - 1)
    }

    /// A named series that measures may observe each step: `Some` lane to fill only if one asked for it.
    pub fn metric(&mut self, name: &str) -> Option<OwnLane> {
        if !(self.wanted)(name) {
            return None;
        }
        let lane = self.state();
        self.metrics.push((name.to_owned(), lane));
        Some(lane)
    }

    /// A facility under which exposure and loss are recorded. In order of seniority, for those who read the results.
    ///
    /// # Errors
    /// [`Error::Duplicate`] when the obligor already has a facility of that name.
    pub fn facility(&mut self, name: &str, lender: &str, principal: f64) -> Result<FacilityLane, Error> {
        if self.facilities.iter().any(|facility| facility.name == name) {
            return Err(Error::Duplicate { field: "facilities.name".into(), name: name.to_owned() });
        }
        self.facilities.push(FacilityInfo { name: name.to_owned(), lender: lender.to_owned(), principal });
        Ok(FacilityLane(self.facilities.len() - 1))
    }
}

/// What becomes of an obligor on each path; written by the obligor, read by measures.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outcome<'a> {
    /// Index of the step of default, counted from 1 as in [`Step::index`]; infinite while there is none.
    pub default_step: &'a mut Lane,
    /// Why; of no meaning on paths without default.
    pub cause: &'a mut [Cause; PATHS],
    /// Discount factor at default, to bring an exposure to time zero; 1 on paths without default.
    pub discount: &'a mut Lane,
    /// Exposure at default by facility, in money of the day of default.
    pub exposure: &'a mut [Lane],
    /// Loss by facility, discounted to time zero. It may go on changing after default, while collateral is sold.
    pub loss: &'a mut [Lane],
}

/// An obligor's view of one block of paths in one step.
///
/// The fields are separate so that they can be borrowed side by side.
#[derive(Debug)]
#[non_exhaustive]
pub struct ObligorBlock<'a> {
    /// The step: from `step.start` to `step.end`. In [`ObligorStepper::start`] it has length zero at time zero.
    pub step: Step,
    /// The number of the block's first path in the run.
    pub first_path: u64,
    /// Series of the factors at the end of the step.
    pub read: ReadLanes<'a>,
    /// The obligor's own lanes.
    pub own: OwnLanes<'a>,
    /// The lanes that it shares with other obligors of the book.
    pub shared: SharedLanes<'a>,
    /// Price at time zero of one unit of money paid at the end of the step.
    pub discount: &'a Lane,
    /// The market for collateral: marks, sales, and in [`ObligorStepper::settle`] the prices obtained.
    pub liquidation: LiquidationView<'a>,
    /// Default, exposure and loss.
    pub outcome: Outcome<'a>,
    /// Lanes for use within this call.
    pub scratch: &'a mut Scratch,
    /// The obligor's own stream for this block.
    pub stream: &'a mut Stream,
    /// The key of the obligor's own stream, for draws tied to a path and an event.
    pub key: &'a StreamKey,
}
