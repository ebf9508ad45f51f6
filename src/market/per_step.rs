//! Coefficients that depend on the length of a step only, computed once when a model is planned.

use crate::numeric::{Step, TimeGrid};

/// One set of coefficients for each step, or a single one where all steps have the same length.
#[derive(Debug, Clone)]
pub(super) struct PerStep<T>(Vec<T>);

impl<T> PerStep<T> {
    pub(super) fn new(grid: &TimeGrid, coefficients: impl Fn(f64) -> T) -> Self {
        PerStep(match grid.equal_length() {
            Some(length) => vec![coefficients(length)],
            None => (1..=grid.steps()).map(|step| coefficients(grid.length(step))).collect(),
        })
    }

    /// The coefficients of this step.
    #[inline]
    pub(super) fn at(&self, step: Step) -> &T {
        // A grid has at least one step, and steps are counted from 1.
        &self.0[step.index.saturating_sub(1).min(self.0.len() - 1)]
    }
}

#[cfg(test)]
mod tests {
    //! Guards: each step gets the coefficients of its own length, on equal and unequal grids.
    #![allow(clippy::float_cmp, reason = "lengths are handed through")]
    use super::*;

    #[test]
    fn each_step_has_the_coefficients_of_its_length() {
        for grid in [TimeGrid::monthly(7).unwrap(), TimeGrid::new([0.25, 1.0, 1.5]).unwrap()] {
            let lengths = PerStep::new(&grid, |length| length);
            assert!(grid.iter().all(|step| *lengths.at(step) == step.length));
        }
    }
}
