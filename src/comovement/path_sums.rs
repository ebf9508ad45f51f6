//! Exact sums over simulated paths in groups: moments of two series of changes, with errors that changes of one path may depend on.

use super::resampling::spread;
use crate::measure::{Confidence, Estimate, ExactSum};
use crate::numeric::{Lane, PATHS};
use crate::vectorised;
use serde::{Deserialize, Serialize};

/// Groups of paths, by the remainder of a path's number: a block has eight paths of each.
pub(super) const GROUPS: usize = 32;

/// Sums of w, w x, w y, w x^2, w x y, w y^2, w x^3, w y^3, w x^4, w y^4.
const SUMS: usize = 10;

/// Those sums over one block, by group.
pub(super) type BlockSums = [[f64; GROUPS]; SUMS];

/// Those sums over paths, by group. A block is added in one fixed order, blocks exactly.
#[derive(Debug, Clone)]
pub(super) struct PathSums {
    sums: Vec<ExactSum>,
    /// Pairs of changes.
    pairs: u64,
}

/// The law of the changes of one series over a step, without regard to the other.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ChangeMoments {
    /// Mean change over a step.
    pub mean: Estimate,
    /// Standard deviation of a change.
    pub standard_deviation: Estimate,
    /// Third central moment over the cube of the deviation.
    pub skewness: Estimate,
    /// Fourth central moment over the square of the variance, less 3.
    pub excess_kurtosis: Estimate,
}

impl PathSums {
    pub(super) fn new() -> Self {
        PathSums { sums: vec![ExactSum::new(); SUMS * GROUPS], pairs: 0 }
    }

    pub(super) fn add(&mut self, block: &BlockSums, pairs: u64) {
        for (sum, term) in self.sums.iter_mut().zip(block.as_flattened()) {
            sum.add(*term);
        }
        self.pairs += pairs;
    }

    pub(super) fn merge(&mut self, other: &PathSums) {
        self.sums.iter_mut().zip(&other.sums).for_each(|(into, from)| into.merge(from));
        self.pairs += other.pairs;
    }

    pub(super) fn pairs(&self) -> u64 {
        self.pairs
    }

    /// Pearson's correlation, and the moments of each series.
    pub(super) fn finish(&self, confidence: Confidence) -> (Estimate, [ChangeMoments; 2]) {
        let group = |group: usize| -> [f64; SUMS] {
            std::array::from_fn(|sum| self.sums.get(sum * GROUPS + group).map_or(0.0, ExactSum::value))
        };
        let groups: Vec<[f64; SUMS]> = (0..GROUPS).map(group).filter(|sums| sums[0] != 0.0).collect();
        let without = |left_out: Option<usize>| {
            let mut total = [0.0; SUMS];
            for (position, sums) in groups.iter().enumerate() {
                if left_out != Some(position) {
                    total.iter_mut().zip(sums).for_each(|(total, sum)| *total += sum);
                }
            }
            moments(&total)
        };
        let values = without(None);
        let replications: Vec<_> = (0..groups.len()).map(|group| without(Some(group))).collect();
        let freedom = groups.len() as f64 - 1.0;
        let estimate = |position: usize, range: (f64, f64)| {
            let replications: Vec<f64> = replications.iter().map(|one| one[position]).collect();
            let factor = freedom.max(0.0).sqrt();
            spread(values[position], &replications, factor, freedom, range, self.pairs as usize, confidence)
        };
        const ANY: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);
        let margin = |first: usize| ChangeMoments {
            mean: estimate(first, ANY),
            standard_deviation: estimate(first + 1, (0.0, f64::INFINITY)),
            skewness: estimate(first + 2, ANY),
            excess_kurtosis: estimate(first + 3, (-2.0, f64::INFINITY)),
        };
        (estimate(0, (-1.0, 1.0)), [margin(1), margin(5)])
    }
}

/// Pearson's correlation, and mean, deviation, skewness and excess kurtosis of x and of y. A spread of less than some millionths of the mean is
/// rounding: such a series does not vary, and only its mean is defined.
fn moments(sums: &[f64; SUMS]) -> [f64; 9] {
    let [weight, x, y, xx, xy, yy, xxx, yyy, xxxx, yyyy] = *sums;
    let central = |first: f64, second: f64, third: f64, fourth: f64| {
        let (m, second, third, fourth) = (first / weight, second / weight, third / weight, fourth / weight);
        let variance = second - m * m;
        let variance = if variance > 1e-11 * second { variance } else { f64::NAN };
        let cubed = third - m * (3.0 * second - 2.0 * m * m);
        let fourth = fourth - m * (4.0 * third - m * (6.0 * second - 3.0 * m * m));
        [m, variance, cubed / (variance * variance.sqrt()), fourth / (variance * variance) - 3.0]
    };
    let (of_x, of_y) = (central(x, xx, xxx, xxxx), central(y, yy, yyy, yyyy));
    let covariance = xy / weight - (x / weight) * (y / weight);
    let correlation = covariance / (of_x[1] * of_y[1]).sqrt();
    let [a, b] = [of_x, of_y].map(|[m, variance, skewness, kurtosis]| [m, variance.sqrt(), skewness, kurtosis]);
    [correlation.clamp(-1.0, 1.0), a[0], a[1], a[2], a[3], b[0], b[1], b[2], b[3]]
}

vectorised! {
    /// Adds the changes of one step.
    pub(super) fn accumulate(x: &Lane, y: &Lane, weights: &Lane, sums: &mut BlockSums) {
        for start in (0..PATHS).step_by(GROUPS) {
            for group in 0..GROUPS {
                let (x, y, w) = (x[start + group], y[start + group], weights[start + group]);
                let (wx, wy) = (w * x, w * y);
                let (wxx, wxy, wyy) = (wx * x, wx * y, wy * y);
                let (wxxx, wyyy) = (wxx * x, wyy * y);
                let terms = [w, wx, wy, wxx, wxy, wyy, wxxx, wyyy, wxxx * x, wyyy * y];
                for k in 0..SUMS {
                    sums[k][group] += terms[k];
                }
            }
        }
    }
}
