//! Mean, standard deviation and extremes of a weighted loss, over any number of paths.

use super::Confidence;
use super::estimate::{Estimate, clip};
use super::{ExactSum, Tally};
use serde::{Deserialize, Serialize};

/// Exact power sums of a weighted loss, and its extremes.
///
/// Recorded block by block (the sums of a block in a fixed order, blocks exactly), so that they merge to the bit.
/// A loss that is no number makes mean and deviation NaN; it is no extreme.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Moments {
    /// Every path.
    all: Tally,
    /// Sums over paths of `w L`, `w L^2`, `w^2 L`, `w^2 L^2`, `w^2 L^3`, `w^2 L^4`.
    sums: [ExactSum; 6],
    #[serde(with = "super::extended")]
    minimum: f64,
    #[serde(with = "super::extended")]
    maximum: f64,
}

impl Moments {
    pub(super) fn new() -> Self {
        Moments {
            all: Tally::new(),
            sums: std::array::from_fn(|_| ExactSum::new()),
            minimum: f64::INFINITY,
            maximum: f64::NEG_INFINITY,
        }
    }

    /// Records the losses of one block with their weights.
    pub(super) fn record(&mut self, losses: &[f64], weights: &[f64]) {
        self.all.merge(&Tally::block(weights));
        for (sum, term) in self.sums.iter_mut().zip(power_sums(losses, weights)) {
            sum.add(term);
        }
        // `min` and `max` pass over NaN; adding zero makes one zero of two.
        self.minimum = losses.iter().fold(self.minimum, |least, loss| least.min(*loss)) + 0.0;
        self.maximum = losses.iter().fold(self.maximum, |most, loss| most.max(*loss)) + 0.0;
    }

    pub(super) fn merge(&mut self, other: &Moments) {
        self.all.merge(&other.all);
        for (sum, more) in self.sums.iter_mut().zip(&other.sums) {
            sum.merge(more);
        }
        self.minimum = self.minimum.min(other.minimum);
        self.maximum = self.maximum.max(other.maximum);
    }

    /// Every path that was recorded.
    pub(super) fn all(&self) -> &Tally {
        &self.all
    }

    pub(super) fn minimum(&self) -> Option<f64> {
        (self.minimum <= self.maximum).then_some(self.minimum)
    }

    pub(super) fn maximum(&self) -> Option<f64> {
        (self.minimum <= self.maximum).then_some(self.maximum)
    }

    fn sum(&self, index: usize) -> f64 {
        self.sums[index].value()
    }

    /// All paths have one and the same loss, and weight 1: then there is nothing to round.
    #[expect(clippy::float_cmp, reason = "one value means the same bits")]
    fn constant(&self) -> Option<f64> {
        let number = !self.sum(0).is_nan();
        (number && self.minimum == self.maximum && self.all.all_ones()).then_some(self.minimum)
    }

    /// `m = sum of w L / n`, see [`Estimate::mean`].
    pub(super) fn mean(&self, confidence: Confidence) -> Estimate {
        let paths = self.all.count();
        match self.constant() {
            Some(loss) if paths > 1 => Estimate::around(loss, 0.0, 0.0, paths, confidence),
            _ => {
                let mean = Estimate::mean(paths, self.sum(0), self.sum(3), confidence);
                // A spread that rounding hides is not zero: the error is at least what the sums can resolve.
                let least = (self.resolution(self.sum(3)) / (paths as f64 - 1.0)).sqrt();
                if mean.standard_error < least {
                    Estimate::around(mean.value, least, confidence.z(), paths, confidence)
                } else {
                    mean
                }
            }
        }
    }

    /// How far rounding may have moved a variance that was formed from this sum of squares: each block's sum is rounded, and
    /// the mean squared is taken off.
    fn resolution(&self, squares: f64) -> f64 {
        16.0 * f64::EPSILON * squares / self.all.count() as f64
    }

    /// The standard deviation of the loss.
    ///
    /// ```text
    /// s^2 = n/(n-1) sum of w (L - m)^2 / n,   Var(s^2) = (sum of w^2 (L - m)^4 / n - s^4) / n,   se(s) = sqrt(Var(s^2)) / 2 s
    /// ```
    pub(super) fn standard_deviation(&self, confidence: Confidence) -> Estimate {
        let paths = self.all.count();
        if paths < 2 {
            return Estimate::undefined(paths, confidence);
        }
        if self.constant().is_some() {
            return Estimate::around(0.0, 0.0, 0.0, paths, confidence);
        }
        let n = paths as f64;
        let m = self.sum(0) / n;
        let variance = clip(self.sum(1) / n - 2.0 * m * m + m * m * self.all.weight() / n);
        // The fourth moment about the mean, with squared weights.
        let fourth = self.sum(5) / n
            + m * (-4.0 * self.sum(4) / n
                + m * (6.0 * self.sum(3) / n + m * (-4.0 * self.sum(2) / n + m * self.all.squared_weight() / n)));
        let deviation = (variance * n / (n - 1.0)).sqrt();
        let of_variance = (clip(fourth - variance * variance) / n).sqrt();
        // Where the spread drowns in the rounding of the squares, nothing is known of its error.
        let known = variance > 100.0 * self.resolution(self.sum(1));
        let standard_error = if known { of_variance / (2.0 * deviation) } else { f64::INFINITY };
        let estimate = Estimate::around(deviation, standard_error, confidence.z(), paths, confidence);
        Estimate { lower: estimate.lower.max(0.0), ..estimate }
    }
}

crate::vectorised! {
    /// The six sums of [`Moments`] over one block, each in the fixed order of [`block_sum`](super::block_sum).
    fn power_sums(losses: &[f64], weights: &[f64]) -> [f64; 6] {
        let mut s = [[0.0; 8]; 6];
        let (losses, loss_rest) = losses.as_chunks::<8>();
        let (weights, weight_rest) = weights.as_chunks::<8>();
        for (loss, weight) in losses.iter().zip(weights) {
            for k in 0..8 {
                accumulate(&mut s, k, loss[k], weight[k]);
            }
        }
        for (k, (loss, weight)) in loss_rest.iter().zip(weight_rest).enumerate() {
            accumulate(&mut s, k, *loss, *weight);
        }
        s.map(|s| ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7])))
    }
}

#[inline(always)]
fn accumulate(s: &mut [[f64; 8]; 6], k: usize, loss: f64, weight: f64) {
    let weighted = weight * loss;
    let squared = weight * weighted;
    s[0][k] += weighted;
    s[1][k] += weighted * loss;
    s[2][k] += squared;
    s[3][k] += squared * loss;
    s[4][k] += squared * loss * loss;
    s[5][k] += squared * loss * loss * loss;
}

#[cfg(test)]
mod tests {
    //! Guards: the sums are the weighted power sums with the same bits at every level, and the deviation has its error by hand.
    #![allow(clippy::float_cmp, reason = "the promise is equality to the bit")]
    use super::*;
    use crate::measure::block_sum;
    use crate::numeric::Level;

    #[test]
    fn power_sums_have_the_same_bits_at_every_level() {
        let losses: Vec<f64> = (0..256).map(|i| f64::from(i * i % 97) / 7.0).collect();
        let weights: Vec<f64> = (0..256).map(|i| f64::from(i % 13) / 6.0).collect();
        let highest = Level::current();
        for length in [0, 3, 8, 77, 256] {
            let (losses, weights) = (&losses[..length], &weights[..length]);
            for level in Level::available() {
                level.set().unwrap();
                let sums = power_sums(losses, weights);
                for (sum, (w, l)) in sums.iter().zip([(1, 1), (1, 2), (2, 1), (2, 2), (2, 3), (2, 4)]) {
                    let terms: Vec<f64> = losses
                        .iter()
                        .zip(weights)
                        .map(|(loss, weight)| {
                            let start = if w == 1 { weight * loss } else { weight * (weight * loss) };
                            (1..l).fold(start, |product, _| product * loss)
                        })
                        .collect();
                    assert_eq!(*sum, block_sum(&terms), "{level:?} w^{w} L^{l}");
                }
            }
        }
        highest.set().unwrap();
    }

    #[test]
    fn deviation_by_hand() {
        // 1, 2, 3, 4, 5: m = 3, s^2 = 5/2; fourth moment (16 + 1 + 0 + 1 + 16) / 5 = 6.8, second 2: Var(s^2) = (6.8 - 4) / 5.
        let mut moments = Moments::new();
        moments.record(&[1.0, 2.0], &[1.0; 2]);
        let mut rest = Moments::new();
        rest.record(&[3.0, 4.0, 5.0], &[1.0; 3]);
        moments.merge(&rest);
        let deviation = moments.standard_deviation(Confidence::default());
        assert!((deviation.value - 2.5_f64.sqrt()).abs() < 1e-14);
        assert!((deviation.standard_error - 0.56_f64.sqrt() / (2.0 * 2.5_f64.sqrt())).abs() < 1e-13);
        assert_eq!((moments.minimum(), moments.maximum()), (Some(1.0), Some(5.0)));
        assert_eq!(moments.mean(Confidence::default()).value, 3.0);
        // The same law by weights, twice the paths of half the weight and as many of one and a half.
        let mut weighted = Moments::new();
        weighted.record(
            &[1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0, 5.0, 5.0],
            &[0.5, 1.5, 0.5, 1.5, 0.5, 1.5, 0.5, 1.5, 0.5, 1.5],
        );
        let (mean, deviation) =
            (weighted.mean(Confidence::default()), weighted.standard_deviation(Confidence::default()));
        assert!((mean.value - 3.0).abs() < 1e-14 && (deviation.value - (2.0_f64 * 10.0 / 9.0).sqrt()).abs() < 1e-14);
        // Mean of w^2 is 1.25: the variance of w L is 1.25 x 11 - 9, of w (L - m)^2 it is 1.25 x 6.8 - 4.
        assert!((mean.standard_error - ((1.25 * 11.0 - 9.0) / 9.0_f64).sqrt()).abs() < 1e-14);
        assert!((deviation.standard_error - (4.5_f64 / 10.0).sqrt() / (2.0 * deviation.value)).abs() < 1e-13);
    }
}
