//! The loss of every path, for the caller's own aggregation.

use super::{Block, Measure, MeasurePlan, Run};
use crate::Error;
use crate::numeric::{Lane, PATHS};
use serde::{Deserialize, Serialize};

/// Keeps the total loss and the weight of every path: 16 bytes a path. The result is [`PathLoss`]es in the order of the paths.
#[derive(Debug, Clone, Copy, Default)]
pub struct PathLosses;

impl PathLosses {
    /// The measure.
    #[must_use]
    pub fn new() -> Self {
        PathLosses
    }
}

/// One path in the result of [`PathLosses`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PathLoss {
    /// Number of the path in the run.
    pub path: u64,
    /// Loss of all facilities of all obligors, discounted to time zero.
    pub loss: f64,
    /// Likelihood weight: 1 unless paths are drawn from another law.
    pub weight: f64,
}

impl Measure for PathLosses {
    type Partial = Vec<PathLoss>;
    type Output = Vec<PathLoss>;

    fn plan(&self, _plan: &mut MeasurePlan<'_>) -> Result<Vec<PathLoss>, Error> {
        Ok(Vec::new())
    }

    fn record(&self, partial: &mut Vec<PathLoss>, block: &Block<'_>) {
        let mut total = Lane::ZERO;
        block.total_loss(&mut total);
        partial.reserve(PATHS);
        let paths = (block.first_path()..).zip(&total[..]).zip(block.weights());
        partial.extend(paths.map(|((path, loss), weight)| PathLoss { path, loss: *loss, weight: *weight }));
    }

    fn merge(&self, into: &mut Vec<PathLoss>, mut from: Vec<PathLoss>) {
        into.append(&mut from);
    }

    fn finish(&self, mut partial: Vec<PathLoss>, _run: &Run) -> Vec<PathLoss> {
        partial.sort_unstable_by_key(|loss| loss.path);
        partial
    }
}
