//! Sums over paths behind means and ratios: a block in one fixed order, blocks exactly.

use super::sample::ones;
use super::{Confidence, Estimate, ExactSum, Tally, block_sum};
use crate::numeric::{Lane, PATHS};
use crate::vectorised;
use serde::{Deserialize, Serialize};

vectorised! {
    fn multiply(a: &[f64], b: &[f64], product: &mut Lane) {
        for i in 0..a.len().min(b.len()).min(PATHS) {
            product[i] = a[i] * b[i];
        }
    }
}

/// The sum over a block of `w a`.
fn weighted(a: &[f64], weights: &[f64], terms: &mut Lane) -> f64 {
    multiply(a, weights, terms);
    block_sum(&terms[..weights.len().min(PATHS)])
}

/// The sum over a block of `w^2 a b`.
fn squares(a: &[f64], b: &[f64], weights: &[f64], terms: &mut Lane) -> f64 {
    multiply(a, b, terms);
    if !ones(weights) {
        for (term, weight) in terms.iter_mut().zip(weights) {
            *term *= weight * weight;
        }
    }
    block_sum(&terms[..weights.len().min(PATHS)])
}

/// Sums for the mean of one quantity over paths: `w y`, `(w y)^2`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct MeanSums([ExactSum; 2]);

impl MeanSums {
    /// Adds the paths of a block; `terms` is scratch.
    pub(super) fn add(&mut self, y: &Lane, weights: &[f64], terms: &mut Lane) {
        self.0[0].add(weighted(&y[..], weights, terms));
        self.0[1].add(squares(&y[..], &y[..], weights, terms));
    }

    pub(super) fn merge(&mut self, other: &MeanSums) {
        self.0.iter_mut().zip(&other.0).for_each(|(into, from)| into.merge(from));
    }

    pub(super) fn mean(&self, paths: u64, confidence: Confidence) -> Estimate {
        Estimate::mean(paths, self.0[0].value(), self.0[1].value(), confidence)
    }
}

/// Sums for the ratio of the means of two quantities over paths: `w x`, `w y`, and the products of the two.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct RatioSums([ExactSum; 5]);

impl RatioSums {
    /// Adds the paths of a block; `terms` is scratch.
    pub(super) fn add(&mut self, x: &Lane, y: &Lane, weights: &[f64], terms: &mut Lane) {
        self.0[0].add(weighted(&x[..], weights, terms));
        self.0[1].add(weighted(&y[..], weights, terms));
        for (sum, (a, b)) in self.0[2..].iter_mut().zip([(x, x), (x, y), (y, y)]) {
            sum.add(squares(&a[..], &b[..], weights, terms));
        }
    }

    pub(super) fn merge(&mut self, other: &RatioSums) {
        self.0.iter_mut().zip(&other.0).for_each(|(into, from)| into.merge(from));
    }

    /// The mean of `y` over that of `x`.
    pub(super) fn ratio(&self, paths: u64, confidence: Confidence) -> Estimate {
        Estimate::ratio(paths, std::array::from_fn(|k| self.0[k].value()), confidence)
    }

    /// The mean of `x`.
    pub(super) fn denominator(&self, paths: u64, confidence: Confidence) -> Estimate {
        Estimate::mean(paths, self.0[0].value(), self.0[2].value(), confidence)
    }

    /// The mean of `y`.
    pub(super) fn numerator(&self, paths: u64, confidence: Confidence) -> Estimate {
        Estimate::mean(paths, self.0[1].value(), self.0[4].value(), confidence)
    }
}

/// The paths of a block for which something holds.
pub(super) fn tally(values: &Lane, weights: &[f64], holds: impl Fn(f64) -> bool) -> Tally {
    let happened = values.iter().zip(weights).filter(|(value, _)| holds(**value));
    if ones(weights) {
        return Tally::of(happened.count() as u64);
    }
    let mut tally = Tally::new();
    happened.for_each(|(_, weight)| tally.add(*weight));
    tally
}

#[cfg(test)]
mod tests {
    //! Guards: sums are of weighted quantities, and only of the paths that count.
    #![allow(clippy::float_cmp, reason = "small whole numbers are exact")]
    use super::*;

    /// Three paths of weights 1, 2, 0.5 in a block whose other paths hold 7 and do not count.
    #[test]
    fn by_hand() {
        let (mut x, mut y) = (Lane::splat(7.0), Lane::splat(7.0));
        x[..3].copy_from_slice(&[1.0, 2.0, 4.0]);
        y[..3].copy_from_slice(&[3.0, 0.0, -2.0]);
        let mut terms = Lane::splat(9.0);
        for (weights, sums) in
            [([1.0; 3], [7.0, 1.0, 21.0, -5.0, 13.0]), ([1.0, 2.0, 0.5], [7.0, 2.0, 21.0, 1.0, 10.0])]
        {
            let (mut ratio, mut mean) = (RatioSums::default(), MeanSums::default());
            ratio.add(&x, &y, &weights, &mut terms);
            mean.add(&y, &weights, &mut terms);
            let c = Confidence::default();
            assert_eq!(ratio.0.each_ref().map(ExactSum::value), sums);
            assert_eq!(mean.mean(3, c), Estimate::mean(3, sums[1], sums[4], c));
            assert_eq!(ratio.numerator(3, c), mean.mean(3, c));
            assert_eq!(ratio.ratio(3, c), Estimate::ratio(3, sums, c));
        }
        assert_eq!(tally(&x, &[1.0; 3], |x| x > 1.0), Tally::of(2));
        assert_eq!(tally(&x, &[1.0, 2.0, 0.5], |x| x > 1.0).weight(), 2.5);
    }
}
