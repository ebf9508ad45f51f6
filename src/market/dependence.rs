//! The trait of a dependence: how the Gaussian drivers of all factors move together.

use super::lanes::{JumpLane, JumpLanes, OwnLane, OwnLanes, OwnStream, OwnStreams, ReadLane, ReadLanes};
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
    /// Names of the further streams so far.
    pub(crate) streams: &'a mut Vec<String>,
    /// For each factor whether it takes jumps.
    pub(crate) takes_jumps: &'a [bool],
    /// Factors that are sent jumps so far, by position; theirs is the lane of the same number.
    pub(crate) jumps: &'a mut Vec<usize>,
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

    /// A further stream, keyed by `dependence/name`. A dependence that wraps another draws from one of these, so that what it
    /// draws leaves the draws of the other as they were.
    pub fn stream(&mut self, name: &str) -> OwnStream {
        self.streams.push(format!("dependence/{name}"));
        OwnStream(self.streams.len() - 1)
    }

    /// The lane of the log jumps of a factor, shared by all who send it some. `field` is the name of the parameter that
    /// holds the name, for the error.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is no such factor, [`Error::Invalid`] when it takes no jumps.
    pub fn jump(&mut self, field: &str, factor: &str) -> Result<JumpLane, Error> {
        let position = self.factor(field, factor)?;
        if !self.takes_jumps[position] {
            let expected = "must be a factor that takes jumps: a price, a rent, a resale value or a hash rate";
            return Err(Error::invalid(field, format!("\"{factor}\""), expected));
        }
        let lane = self.jumps.iter().position(|other| *other == position);
        Ok(JumpLane(lane.unwrap_or_else(|| {
            self.jumps.push(position);
            self.jumps.len() - 1
        })))
    }

    /// The position of a factor. `field` is the name of the parameter that holds the name, for the error.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is no such factor.
    pub fn factor(&self, field: &str, factor: &str) -> Result<usize, Error> {
        self.factors.iter().position(|name| name == factor).ok_or_else(|| Error::Unknown {
            field: field.into(),
            kind: "factor",
            name: factor.into(),
            known: self.factors.join(", "),
        })
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
    /// Log jumps of the factors that some are sent to: zero when a step begins, to be added to. What is added must be
    /// compensated, so that the mean of its exponential is 1.
    pub jumps: JumpLanes<'a>,
    /// The dependence's further streams for this block.
    pub streams: OwnStreams<'a>,
    /// The dependence's own stream for this block.
    pub stream: &'a mut Stream,
    /// The key of the dependence's own stream, for draws tied to a path and an event.
    pub key: &'a StreamKey,
}
