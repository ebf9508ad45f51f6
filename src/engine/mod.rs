//! How is it run? Blocks of paths on all cores, with results that do not depend on how.

mod compared;
mod comparison;
mod control;
mod paired;
mod schedule;
mod shard;
mod simulation;
mod worker;

pub use compared::Compared;
pub use comparison::{Comparison, ComparisonShard, Quantity};
pub use control::{Control, Progress};
pub use paired::Paired;
pub use shard::Shard;
pub use simulation::Simulation;
