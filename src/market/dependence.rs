//! The trait of a dependence: how the Gaussian drivers of all factors move together.

use super::lanes::{OwnLane, OwnLanes, ReadLane, ReadLanes};
use crate::Error;
use crate::numeric::{Lane, Step, TimeGrid};
use crate::sample::{Stream, StreamKey};
use std::fmt::Debug;

/// How the Gaussian drivers of all factors move together: the description.
///
/// `Debug` must print every parameter: its text is part of the digest that tells one run from another.
pub trait Dependence: Debug + Send + Sync {
    /// Checks the parameters against the drivers of the market. Called more than once.
    ///
    /// # Errors
    /// When a parameter is out of range or names a driver or factor that does not exist.
    fn plan(&self, plan: &mut DependencePlan<'_>) -> Result<Box<dyn DependenceStepper>, Error>;
}

/// A dependence at work, a whole block of paths at once.
pub trait DependenceStepper: Send + Sync {
    /// Sets the dependence's own lanes at time zero; they come zeroed.
    fn start(&self, block: &mut DependenceBlock<'_>);

    /// Turns independent standard normals into correlated ones, in place, and sets the modulation of each factor.
    fn step(&self, block: &mut DependenceBlock<'_>);

    /// Whether [`DependenceBlock::volatility`] and [`DependenceBlock::drift`] are ever set.
    fn modulates(&self) -> bool {
        false
    }
}

/// What a dependence asks for while it is planned.
#[derive(Debug)]
pub struct DependencePlan<'a> {
    pub(crate) grid: &'a TimeGrid,
    pub(crate) factors: &'a [String],
    pub(crate) drivers: &'a [String],
    pub(crate) series: &'a [String],
    pub(crate) published: &'a mut Vec<String>,
}

impl DependencePlan<'_> {
    /// The dates of the run.
    #[must_use]
    pub fn grid(&self) -> &TimeGrid {
        self.grid
    }

    /// Names of the factors, in order; the position indexes [`DependenceBlock::volatility`] and [`DependenceBlock::drift`].
    #[must_use]
    pub fn factors(&self) -> &[String] {
        self.factors
    }

    /// Names of the Gaussian drivers, in order; the position indexes [`DependenceBlock::drivers`].
    #[must_use]
    pub fn drivers(&self) -> &[String] {
        self.drivers
    }

    /// A series of any factor, as it was at the start of the step.
    ///
    /// # Errors
    /// [`Error::Unknown`] when no factor publishes it.
    pub fn read(&self, field: &str, series: &str) -> Result<ReadLane, Error> {
        super::factor::find_series(self.series, field, series)
    }

    /// A lane of the dependence that obligors and measures may read as `dependence.series` (`dependence.regime`).
    pub fn publish(&mut self, series: &str) -> OwnLane {
        self.published.push(format!("dependence.{series}"));
        OwnLane(self.published.len() - 1)
    }

    /// A lane of private state.
    pub fn state(&mut self) -> OwnLane {
        self.published.push(String::new());
        OwnLane(self.published.len() - 1)
    }
}

/// A dependence's view of one block of paths in one step.
#[derive(Debug)]
#[non_exhaustive]
pub struct DependenceBlock<'a> {
    /// The step. In [`DependenceStepper::start`] it has length zero at time zero.
    pub step: Step,
    /// The number of the block's first path in the run.
    pub first_path: u64,
    /// On entry independent standard normals, one lane per driver; on return correlated ones.
    pub drivers: &'a mut [Lane],
    /// Series of the factors at the start of the step. Zeros in [`DependenceStepper::start`], which comes before the factors':
    /// what is to begin with a price takes it in the first step.
    pub read: ReadLanes<'a>,
    /// The dependence's own lanes.
    pub own: OwnLanes<'a>,
    /// Multiplier of the volatility, one lane per factor; empty unless [`DependenceStepper::modulates`]. 1 when a block begins,
    /// then what it was set to last.
    pub volatility: &'a mut [Lane],
    /// Added to the drift per year, one lane per factor; empty unless [`DependenceStepper::modulates`]. 0 when a block begins,
    /// then what it was set to last.
    pub drift: &'a mut [Lane],
    /// The dependence's own stream for this block.
    pub stream: &'a mut Stream,
    /// The key of the dependence's own stream, for draws tied to a path and an event.
    pub key: &'a StreamKey,
}
