//! Watching a run and ending it early.

use std::ops::ControlFlow;

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Paths simulated so far.
    pub paths_done: u64,
    /// Paths asked for.
    pub paths: u64,
}

/// Called after every few blocks, from whichever thread finished them; returning `Break` ends the run, which then gives
/// the result of the paths simulated so far. These are always the first ones, so a run that was ended equals a run of
/// fewer paths.
pub type Control<'a> = dyn Fn(Progress) -> ControlFlow<()> + Sync + 'a;
