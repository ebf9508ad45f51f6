//! The trait that every risk factor implements, built in or a user's own.

use super::lanes::{DriverLane, Drivers, OwnLane, OwnLanes, ReadLane, ReadLanes};
use crate::Error;
use crate::numeric::{Lane, Scratch, Step, TimeGrid};
use crate::sample::{Stream, StreamKey};
use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

/// One stochastic risk factor: its description.
///
/// A description is a plain struct of parameters. Planning checks them, asks for the lanes and readings that the model
/// needs, and returns a [`FactorStepper`] that holds the handles and everything that can be computed once. The built-in
/// factors use nothing that a user's own factor could not use.
///
/// `Debug` must print every parameter: its text is part of the digest that tells one run from another.
pub trait Factor: Any + Debug + Send + Sync {
    /// Checks the parameters and asks for lanes. Called more than once; it must have no side effects.
    ///
    /// # Errors
    /// When a parameter is out of range or a reading does not exist; `field` is relative to the factor.
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error>;
}

/// A factor at work, a whole block of paths at once.
pub trait FactorStepper: Send + Sync {
    /// Sets the factor's own lanes at time zero; they come zeroed.
    fn start(&self, block: &mut FactorBlock<'_>);

    /// Moves the factor's own lanes from the start of `block.step` to its end.
    fn step(&self, block: &mut FactorBlock<'_>);

    /// Whether the factor jumps by [`FactorBlock::jump`]. A dependence that sends jumps to a factor that does not is refused.
    fn takes_jumps(&self) -> bool {
        false
    }
}

/// What a factor asks for while it is planned.
#[derive(Debug)]
pub struct FactorPlan<'a> {
    pub(crate) name: &'a str,
    pub(crate) grid: &'a TimeGrid,
    /// The factors declared before, by name.
    pub(crate) before: &'a [(String, Arc<dyn Factor>)],
    /// Names of the series published so far; the position is the lane.
    pub(crate) series: &'a mut Vec<String>,
    /// Where this factor's own lanes begin.
    pub(crate) first: usize,
    /// Names of the Gaussian drivers so far.
    pub(crate) drivers: &'a mut Vec<String>,
    pub(crate) first_driver: usize,
}

impl FactorPlan<'_> {
    /// The factor's name in the market.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name
    }

    /// The dates of the run.
    #[must_use]
    pub fn grid(&self) -> &TimeGrid {
        self.grid
    }

    /// The lane of the factor's level, published under the factor's own name.
    #[must_use]
    pub fn level(&self) -> OwnLane {
        OwnLane(0)
    }

    /// A further series, published as `factor.series`.
    pub fn publish(&mut self, series: &str) -> OwnLane {
        self.series.push(format!("{}.{series}", self.name));
        OwnLane(self.series.len() - 1 - self.first)
    }

    /// A lane of private state, zero when a block begins.
    pub fn state(&mut self) -> OwnLane {
        // An unnamed series: nobody can read it.
        self.series.push(String::new());
        OwnLane(self.series.len() - 1 - self.first)
    }

    /// The factor's first Gaussian driver, which a dependence knows by the factor's name.
    pub fn driver(&mut self) -> DriverLane {
        self.drivers.push(self.name.to_owned());
        DriverLane(self.drivers.len() - 1 - self.first_driver)
    }

    /// A further Gaussian driver, which a dependence knows as `factor.driver`.
    pub fn named_driver(&mut self, driver: &str) -> DriverLane {
        self.drivers.push(format!("{}.{driver}", self.name));
        DriverLane(self.drivers.len() - 1 - self.first_driver)
    }

    /// A series of a factor declared before this one: `btc`, or `frontier.adoption`. `field` is the name of the
    /// parameter that holds the reference, for the error.
    ///
    /// # Errors
    /// [`Error::Unknown`] when no earlier factor publishes it.
    pub fn read(&self, field: &str, series: &str) -> Result<ReadLane, Error> {
        find_series(&self.series[..self.first], field, series)
    }

    /// The parameters of a factor declared before this one, for a model that needs its law and not only its levels: what a
    /// machine is worth depends on how fast its rent deflates. `field` is the parameter that holds the name, for the error.
    ///
    /// # Errors
    /// [`Error::Unknown`] when no earlier factor has that name, [`Error::Invalid`] when it is of another model.
    pub fn description<Model: Factor>(&self, field: &str, factor: &str) -> Result<&Model, Error> {
        let Some((_, found)) = self.before.iter().find(|(name, _)| name == factor) else {
            return Err(Error::Unknown {
                field: field.to_owned(),
                kind: "factor (declared before)",
                name: factor.to_owned(),
                known: self.before.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", "),
            });
        };
        let found: &dyn Any = &**found;
        found.downcast_ref().ok_or_else(|| {
            let model = std::any::type_name::<Model>().rsplit("::").next().unwrap_or_default();
            Error::invalid(field, format!("\"{factor}\""), format!("must be a factor of the model {model}"))
        })
    }
}

/// The lane of a published series, or an error that lists those that exist.
pub(crate) fn find_series(published: &[String], field: &str, series: &str) -> Result<ReadLane, Error> {
    published.iter().position(|name| !name.is_empty() && name == series).map(ReadLane).ok_or_else(|| Error::Unknown {
        field: field.to_owned(),
        kind: "factor (declared before)",
        name: series.to_owned(),
        known: published.iter().filter(|name| !name.is_empty()).cloned().collect::<Vec<_>>().join(", "),
    })
}

/// How the dependence modulates one factor in this step, path by path (calm or stress, say).
///
/// A diffusion with volatility `v` and drift `m` is stepped with `volatility * v` and `m + drift`, exactly; `drift` is
/// per year. A factor that ignores it still gets the drivers' changed correlation.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Modulation<'a> {
    /// Multiplier of the volatility.
    pub volatility: &'a Lane,
    /// Added to the drift, per year.
    pub drift: &'a Lane,
}

/// A factor's view of one block of paths in one step.
///
/// The fields are separate so that they can be borrowed side by side.
#[derive(Debug)]
#[non_exhaustive]
pub struct FactorBlock<'a> {
    /// The step: from `step.start` to `step.end`. In [`FactorStepper::start`] it has length zero at time zero.
    pub step: Step,
    /// The number of the block's first path in the run.
    pub first_path: u64,
    /// Series of the factors declared before, at the end of this step.
    pub read: ReadLanes<'a>,
    /// The factor's own lanes.
    pub own: OwnLanes<'a>,
    /// Correlated standard normals; zeros in [`FactorStepper::start`].
    pub drivers: Drivers<'a>,
    /// How the dependence modulates this factor; `None` when the dependence never does.
    pub modulation: Option<Modulation<'a>>,
    /// What the dependence adds to the logarithm at the end of this step, path by path; `None` when it never does. Jumps
    /// are compensated, E[exp(jump)] = 1, so that a price that is multiplied by `exp(jump)` keeps its expected growth.
    pub jump: Option<&'a Lane>,
    /// Lanes for use within this call.
    pub scratch: &'a mut Scratch,
    /// The factor's own stream for this block.
    pub stream: &'a mut Stream,
    /// The key of the factor's own stream, for draws tied to a path and an event.
    pub key: &'a StreamKey,
}
