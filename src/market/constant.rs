//! One correlation matrix, always.

use super::correlations::Correlations;
use super::dependence::{Dependence, DependenceBlock, DependencePlan, DependenceStepper};
use crate::Error;
use crate::numeric::{Correlation, Lane, PATHS};
use serde::{Deserialize, Serialize};

/// Drivers that move together with the same correlations at all times: `z = L e` with `L L^T = C` and independent `e`.
///
/// With the identity the drivers keep their bits: it is the same as no dependence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constant {
    /// The correlations.
    pub correlation: Correlations,
}

impl Constant {
    /// One correlation matrix for all drivers, in the order of the market's factors.
    #[must_use]
    pub fn new(correlation: Correlation) -> Self {
        Constant { correlation: correlation.into() }
    }

    /// Pairs of drivers with their correlation; every other pair is independent.
    pub fn pairs<A: Into<String>, B: Into<String>>(pairs: impl IntoIterator<Item = (A, B, f64)>) -> Self {
        Constant { correlation: Correlations::pairs(pairs) }
    }
}

impl Dependence for Constant {
    fn plan(&self, plan: &mut DependencePlan<'_>) -> Result<Box<dyn DependenceStepper>, Error> {
        Ok(Box::new(Stepper { mix: Mix::new(&self.correlation.matrix(plan.drivers())?) }))
    }
}

struct Stepper {
    mix: Mix,
}

impl DependenceStepper for Stepper {
    fn start(&self, _block: &mut DependenceBlock<'_>) {}

    fn step(&self, block: &mut DependenceBlock<'_>) {
        self.mix.apply(block.drivers);
    }
}

/// The rows of `L` that change a driver, from the last: row `i` needs the drivers up to `i` as they were, so it can be
/// done in place.
#[derive(Debug)]
pub(super) struct Mix {
    rows: Vec<(usize, Vec<f64>)>,
}

impl Mix {
    pub(super) fn new(correlation: &Correlation) -> Self {
        let cholesky = correlation.cholesky();
        let rows = (0..cholesky.size()).rev().map(|row| (row, cholesky.row(row).to_vec()));
        Mix { rows: rows.filter(|(row, entries)| entries[..*row].iter().any(|entry| *entry != 0.0)).collect() }
    }

    pub(super) fn apply(&self, drivers: &mut [Lane]) {
        for (row, entries) in &self.rows {
            let (before, rest) = drivers.split_at_mut(*row);
            combine(entries, before, &mut rest[0]);
        }
    }
}

/// Paths whose sum is kept in registers.
pub(super) const CHUNK: usize = 32;

crate::vectorised! {
    /// target = sum_j entries[j] before[j] + entries[last] target, summed from the last.
    fn combine(entries: &[f64], before: &[Lane], target: &mut Lane) {
        let (off_diagonal, diagonal) = entries.split_at(before.len());
        let diagonal = diagonal[0];
        for start in (0..PATHS).step_by(CHUNK) {
            let mut sum = [0.0; CHUNK];
            for path in 0..CHUNK {
                sum[path] = diagonal * target[start + path];
            }
            for (entry, lane) in off_diagonal.iter().zip(before) {
                for path in 0..CHUNK {
                    sum[path] = entry.mul_add(lane[start + path], sum[path]);
                }
            }
            target[start..start + CHUNK].copy_from_slice(&sum);
        }
    }
}
