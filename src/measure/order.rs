//! Losses in their order, however they are kept.

use super::Tally;
use super::bins::QuantileBins;
use super::sample::Sample;
use super::tally::to_fixed;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

/// Losses that are not told apart: one loss in the exact mode, a bin in the streaming mode.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group {
    pub(super) low: f64,
    pub(super) high: f64,
    /// Weighted mean.
    pub(super) mean: f64,
    pub(super) tally: Tally,
}

/// A loss distribution in one of its two modes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    Exact(Sample),
    Streaming(QuantileBins),
}

/// Where a weight, counted from the largest loss, falls.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) loss: f64,
    /// Losses at this one or above it.
    pub(super) reached: Tally,
}

/// Sums over the losses above a threshold.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Excess {
    /// Losses above it.
    pub(super) count: u64,
    /// Sum of `w (L - v)+`.
    pub(super) sum: f64,
    /// Sum of `w^2 ((L - v)+)^2`.
    pub(super) squares: f64,
}

impl Order {
    pub(super) fn record(&mut self, losses: &[f64], weights: &[f64]) {
        match self {
            Order::Exact(sample) => sample.record(losses, weights),
            Order::Streaming(bins) => bins.record(losses, weights),
        }
    }

    /// Merges another distribution of the same mode; one of the other mode cannot occur within a measure.
    pub(super) fn merge(&mut self, other: Order) {
        match (self, other) {
            (Order::Exact(sample), Order::Exact(more)) => sample.merge(more),
            (Order::Streaming(bins), Order::Streaming(more)) => bins.merge(more),
            (Order::Streaming(bins), Order::Exact(mut more)) => {
                more.sort();
                more.descend(|group| {
                    bins.record(&[group.mean], &[group.tally.weight()]);
                    ControlFlow::Continue(())
                });
            }
            (this @ Order::Exact(_), other @ Order::Streaming(_)) => {
                let exact = std::mem::replace(this, other);
                this.merge(exact);
            }
        }
    }

    /// To be called once, when everything is recorded.
    pub(super) fn finish(&mut self) {
        if let Order::Exact(sample) = self {
            sample.sort();
        }
    }

    pub(super) fn descend(&self, visit: impl FnMut(Group) -> ControlFlow<()>) {
        match self {
            Order::Exact(sample) => sample.descend(visit),
            Order::Streaming(bins) => bins.descend(visit),
        }
    }

    /// The smallest loss above which there is no more weight than `weight`; the smallest loss of all where there is not as much.
    ///
    /// Within a bin its losses are taken as equal in weight and equally spaced between the smallest and the largest.
    pub(super) fn place(&self, weight: f64) -> Option<Place> {
        let target = to_fixed(weight.max(0.0), 64);
        let mut above = Tally::new();
        let mut place = None;
        self.descend(|group| {
            let mut reached = above;
            reached.merge(&group.tally);
            let inside = target.saturating_sub(above.units());
            let average = group.tally.units() / u128::from(group.tally.count().max(1));
            let steps = (inside / average.max(1)).min(u128::from(group.tally.count() - 1)) as u64;
            place = Some(Place { loss: group.step(steps), reached });
            above = reached;
            if above.units() > target { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        place
    }

    /// The sums over what exceeds a threshold.
    #[expect(clippy::float_cmp, reason = "a group of one value")]
    pub(super) fn excess(&self, threshold: f64) -> Excess {
        let mut excess = Excess::default();
        self.descend(|group| {
            if group.high <= threshold {
                return ControlFlow::Break(());
            }
            if group.low >= threshold || group.low == group.high || group.mean.is_nan() {
                let over = group.mean - threshold;
                excess.count += group.tally.count();
                excess.sum += group.tally.weight() * over;
                excess.squares += group.tally.squared_weight() * over * over;
            } else {
                // The threshold divides the bin. Of its count - 1 equal spaces this many are above it.
                let count = group.tally.count() as f64;
                let space = (group.high - group.low) / (count - 1.0);
                let above = ((group.high - threshold) / space).round();
                excess.count += above as u64;
                excess.sum += group.tally.weight() / count * space * above * (above + 1.0) / 2.0;
                excess.squares +=
                    group.tally.squared_weight() / count * space * space * above * (above + 1.0) * (2.0 * above + 1.0)
                        / 6.0;
            }
            ControlFlow::Continue(())
        });
        excess
    }
}

impl Group {
    /// Between the smallest and the largest.
    #[expect(clippy::float_cmp, reason = "a group of one value, which may be infinite")]
    pub(super) fn middle(&self) -> f64 {
        if self.low == self.high { self.low } else { self.low + 0.5 * (self.high - self.low) }
    }

    /// The loss so many steps below the largest of the group.
    #[expect(clippy::float_cmp, reason = "a group of one value")]
    fn step(&self, steps: u64) -> f64 {
        let spaces = self.tally.count() - 1;
        if steps == 0 || self.low == self.high {
            self.high
        } else if steps >= spaces {
            self.low
        } else {
            self.high - (self.high - self.low) * (steps as f64 / spaces as f64)
        }
    }
}
