//! What lies beyond a threshold in both series at once.

use super::correlations::weighted;
use super::pairs::{Margin, Pairs};
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// Where a tail begins, in each of two series.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Threshold {
    /// At the quantile of this probability for falls, at that of one less it for rises: above 0, at most 1/2.
    Quantile(f64),
    /// This many standard deviations from the mean, from 0 to 10.
    Deviations(f64),
}

impl Threshold {
    /// The number that it holds, in range.
    ///
    /// # Errors
    /// [`Error::Invalid`] where it is out of its range.
    pub fn check(self) -> Result<(), Error> {
        match self {
            Threshold::Quantile(q) => {
                check::positive("quantile", q)?;
                check::within("quantile", q, 0.0, 0.5)
            }
            Threshold::Deviations(deviations) => check::within("deviations", deviations, 0.0, 10.0),
        }
    }
}

/// Falls or rises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Both at the threshold or below.
    Lower,
    /// Both at the threshold or above.
    Upper,
}

/// One joint tail.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Tail {
    /// Pairs in it whose weight is not zero.
    pub count: usize,
    /// Exceedance correlation: Pearson's of the pairs in it; NaN with fewer than [`FEWEST`](Tail::FEWEST).
    pub correlation: f64,
    /// The chance that one is beyond its threshold given that the other is: the weight of both over the mean of the weights of each.
    pub dependence: f64,
}

impl Tail {
    /// Fewer joint exceedances than this have no correlation that would mean anything.
    pub const FEWEST: usize = 8;
}

/// The joint tail of weighted pairs.
///
/// ```text
/// falls:  rho(q) = corr(x, y | x <= a, y <= b),   lambda(q) = P(x <= a, y <= b) / P(x <= a)
/// ```
///
/// with a, b the thresholds of either series, and rises with the signs turned. Sources: F. Longin, B. Solnik, "Extreme correlation of
/// international equity markets", Journal of Finance 56 (2001) 649-676, doi:10.1111/0022-1082.00340; A. Ang, J. Chen, "Asymmetric
/// correlations of equity portfolios", Journal of Financial Economics 63 (2002) 443-494, doi:10.1016/S0304-405X(02)00068-5.
#[must_use]
pub fn tail(pairs: &Pairs, weights: &[f64], threshold: Threshold, side: Side) -> Tail {
    let sign = if side == Side::Lower { 1.0 } else { -1.0 };
    let (a, b) = (cut(&pairs.x, weights, threshold, side), cut(&pairs.y, weights, threshold, side));
    let (mut count, mut both, mut one, mut other) = (0, 0.0, 0.0, 0.0);
    let mut within = Vec::new();
    for ((x, y), w) in pairs.x().iter().zip(pairs.y()).zip(weights) {
        let (x_in, y_in) = (sign * x <= sign * a, sign * y <= sign * b);
        if x_in {
            one += w;
        }
        if y_in {
            other += w;
        }
        if x_in && y_in && *w != 0.0 {
            count += 1;
            both += w;
            within.push((*x, *y, *w));
        }
    }
    let correlation = if count < Tail::FEWEST { f64::NAN } else { weighted(|| within.iter().copied()) };
    Tail { count, correlation, dependence: 2.0 * both / (one + other) }
}

/// The threshold of one series.
fn cut(margin: &Margin, weights: &[f64], threshold: Threshold, side: Side) -> f64 {
    match threshold {
        Threshold::Quantile(q) => {
            let total: f64 = weights.iter().sum();
            // One part in 1e12 for the rounding of q times a whole number.
            let wanted = q * total * (1.0 - 1e-12);
            let mut sum = 0.0;
            let mut reached = |position: &&usize| {
                sum += weights[**position];
                sum >= wanted
            };
            let found = match side {
                Side::Lower => margin.order.iter().find(&mut reached),
                Side::Upper => margin.order.iter().rev().find(&mut reached),
            };
            found.map_or(f64::NAN, |position| margin.values[*position])
        }
        Threshold::Deviations(deviations) => {
            let pairs = || margin.values.iter().zip(weights);
            let total: f64 = weights.iter().sum();
            let mean = pairs().map(|(value, w)| w * value).sum::<f64>() / total;
            let variance = pairs().map(|(value, w)| w * (value - mean) * (value - mean)).sum::<f64>() / total;
            let reach = deviations * variance.sqrt();
            if side == Side::Lower { mean - reach } else { mean + reach }
        }
    }
}

#[cfg(test)]
mod tests {
    //! Guards: counts and thresholds by hand; the tail of perfect dependence is perfect; falls are rises with the sign turned.
    #![allow(clippy::float_cmp, clippy::unwrap_used, reason = "exact cases; a test fails by panicking")]
    use super::*;

    fn wave(speed: f64) -> Vec<f64> {
        (0..400).map(|i| (speed * f64::from(i)).sin()).collect()
    }

    #[test]
    fn counts_by_hand() {
        let x: Vec<f64> = (0..100).map(f64::from).collect();
        // The lowest ten of x hold the lowest five of y and five of its highest.
        let y: Vec<f64> =
            (0..100).map(|i| if (5..10).contains(&i) { 200.0 + f64::from(i) } else { f64::from(i) }).collect();
        let pairs = Pairs::new(x, y).unwrap();
        let ones = [1.0; 100];
        let lower = tail(&pairs, &ones, Threshold::Quantile(0.1), Side::Lower);
        // y's lowest ten are positions 0 to 4 and 10 to 14.
        assert_eq!((lower.count, lower.dependence), (5, 0.5));
        assert!(lower.correlation.is_nan());
        let upper = tail(&pairs, &ones, Threshold::Quantile(0.1), Side::Upper);
        assert_eq!((upper.count, upper.dependence), (5, 0.5));
        let half = tail(&pairs, &ones, Threshold::Quantile(0.5), Side::Lower);
        assert_eq!((half.count, half.dependence), (45, 0.9));
        // Mean 49.5, deviation 28.87 of x: at one deviation positions 0 to 20.
        let one = tail(&Pairs::new(pairs.x(), pairs.x()).unwrap(), &ones, Threshold::Deviations(1.0), Side::Lower);
        assert_eq!((one.count, one.correlation, one.dependence), (21, 1.0, 1.0));
    }

    #[test]
    fn falls_are_rises_with_the_sign_turned() {
        let (x, y) = (wave(2.7), wave(1.9).iter().zip(wave(2.7)).map(|(a, b)| a + b).collect::<Vec<_>>());
        let turned = |values: &[f64]| values.iter().map(|value| -value).collect::<Vec<_>>();
        let (pairs, mirror) = (Pairs::new(x.clone(), y.clone()).unwrap(), Pairs::new(turned(&x), turned(&y)).unwrap());
        let weights: Vec<f64> = (0..400).map(|i| f64::from(i % 3)).collect();
        for threshold in [Threshold::Quantile(0.2), Threshold::Quantile(0.5), Threshold::Deviations(0.5)] {
            let falls = tail(&pairs, &weights, threshold, Side::Lower);
            assert!(falls.count > Tail::FEWEST && falls.correlation.is_finite());
            assert_eq!(falls, tail(&mirror, &weights, threshold, Side::Upper));
        }
    }

    #[test]
    fn thresholds_out_of_range_are_refused() {
        for bad in [0.0, -0.1, 0.51, f64::NAN] {
            assert_eq!(Threshold::Quantile(bad).check().unwrap_err().field(), Some("quantile"));
        }
        for bad in [-0.1, 10.1, f64::NAN] {
            assert_eq!(Threshold::Deviations(bad).check().unwrap_err().field(), Some("deviations"));
        }
    }
}
