//! Every loss, kept: the exact mode of a loss distribution.

use super::Tally;
use super::order::Group;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

/// All losses with their weights, sorted at the end. Its memory grows with the paths: 8 bytes each, 16 with weights.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Sample {
    losses: Vec<f64>,
    /// One for each loss; empty while all are 1.
    weights: Vec<f64>,
}

impl Sample {
    pub(super) fn record(&mut self, losses: &[f64], weights: &[f64]) {
        if self.weights.is_empty() && !ones(weights) {
            self.weights = vec![1.0; self.losses.len()];
        }
        if !self.weights.is_empty() || !ones(weights) {
            self.weights.extend_from_slice(&weights[..losses.len().min(weights.len())]);
        }
        self.losses.extend(losses.iter().map(|loss| canonical(*loss)));
    }

    pub(super) fn merge(&mut self, mut other: Sample) {
        if self.weights.len() != self.losses.len() && !other.weights.is_empty() {
            self.weights = vec![1.0; self.losses.len()];
        }
        if other.weights.is_empty() && !self.weights.is_empty() {
            other.weights = vec![1.0; other.losses.len()];
        }
        self.losses.append(&mut other.losses);
        self.weights.append(&mut other.weights);
    }

    /// Sorts by loss, then by weight: the result does not depend on the order of recording and merging. What is no number
    /// comes last, above every loss.
    pub(super) fn sort(&mut self) {
        if self.weights.is_empty() {
            self.losses.sort_unstable_by(f64::total_cmp);
            return;
        }
        let mut pairs: Vec<(f64, f64)> = self.losses.drain(..).zip(self.weights.drain(..)).collect();
        pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
        (self.losses, self.weights) = pairs.into_iter().unzip();
    }

    /// The losses of a sorted sample from the largest.
    pub(super) fn descend(&self, mut visit: impl FnMut(Group) -> ControlFlow<()>) {
        for (position, &loss) in self.losses.iter().enumerate().rev() {
            let tally = self.weights.get(position).map_or(Tally::of(1), |weight| Tally::one(*weight));
            if visit(Group { low: loss, high: loss, mean: loss, tally }).is_break() {
                return;
            }
        }
    }
}

/// One zero of two, and one NaN of many, above every number.
#[inline]
pub(super) fn canonical(loss: f64) -> f64 {
    if loss.is_nan() { f64::NAN.copysign(1.0) } else { loss + 0.0 }
}

#[expect(clippy::float_cmp, reason = "the weight of an ordinary path is 1 exactly")]
pub(super) fn ones(weights: &[f64]) -> bool {
    weights.iter().all(|weight| *weight == 1.0)
}
