//! Correlation over a window that moves on.

use super::pairs::Pairs;
use crate::Error;
use serde::{Deserialize, Serialize};

/// Pearson's correlation of one window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RollingCorrelation {
    /// Position of the window's last pair.
    pub end: usize,
    /// The correlation; NaN where a series does not vary in the window.
    pub value: f64,
    /// Its standard error: the deviation of the influence `u v - r (u^2 + v^2) / 2` of the window's standardised pairs over the root of
    /// their number. It holds for any law with fourth moments, of pairs that are independent in time.
    pub standard_error: f64,
}

/// The correlation of each window of so many successive pairs.
///
/// Windows overlap: neighbouring values are nearly one number, and their spread is no error.
///
/// # Errors
/// A window of fewer than 10 pairs, or longer than the sample.
pub fn rolling(pairs: &Pairs, window: usize) -> Result<Vec<RollingCorrelation>, Error> {
    if window < 10 || window > pairs.len() {
        let expected = format!("must be between 10 and the number of pairs, {}", pairs.len());
        return Err(Error::invalid("window", window, expected));
    }
    let size = window as f64;
    let starts = 0..=pairs.len() - window;
    Ok(starts
        .map(|start| {
            let part = start..start + window;
            let (x, y) = (&pairs.x()[part.clone()], &pairs.y()[part]);
            let ones = || x.iter().zip(y).map(|(x, y)| (*x, *y, 1.0));
            let value = super::correlations::weighted(ones);
            let moments = |values: &[f64]| {
                let mean = values.iter().sum::<f64>() / size;
                (mean, (values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / size).sqrt())
            };
            let ((x_mean, x_size), (y_mean, y_size)) = (moments(x), moments(y));
            let squares: f64 = ones()
                .map(|(x, y, _)| {
                    let (u, v) = ((x - x_mean) / x_size, (y - y_mean) / y_size);
                    (u * v - 0.5 * value * (u * u + v * v)).powi(2)
                })
                .sum();
            RollingCorrelation { end: start + window - 1, value, standard_error: squares.sqrt() / size }
        })
        .collect())
}
