//! What moves? Risk factors and how they move together.
//!
//! A [`Market`] is a list of named [`Factor`]s, in order, with a [`Dependence`] between their Gaussian drivers.

mod dependence;
mod factor;
mod lanes;
mod plan;

pub use dependence::{Dependence, DependenceBlock, DependencePlan, DependenceStepper};
pub use factor::{Factor, FactorBlock, FactorPlan, FactorStepper, Modulation};
pub use lanes::{DriverLane, Drivers, OwnLane, OwnLanes, ReadLane, ReadLanes};
pub use plan::{Market, MarketBuilder};
pub(crate) use plan::{MarketPlan, MarketWorkspace, START};
