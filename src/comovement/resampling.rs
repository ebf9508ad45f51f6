//! Errors of statistics whose law nobody knows: the stationary bootstrap.

use super::pairs::Pairs;
use crate::Error;
use crate::calibrate;
use crate::market::History;
use crate::measure::{Confidence, Estimate};
use crate::sample::{Stream, StreamKey, event};
use rand_core::TryRng;

/// How often each of so many rows is drawn by the stationary bootstrap: blocks that begin anywhere, go on around the end, and have a geometric length
/// (D. N. Politis, J. P. Romano, "The stationary bootstrap", JASA 89 (1994) 1303-1313, doi:10.1080/01621459.1994.10476870).
pub(super) fn redraw(stream: &mut Stream, mean_block: f64, times: &mut [f64]) {
    times.fill(0.0);
    let rows = times.len();
    let mut at = 0;
    for drawn in 0..rows {
        let begins = drawn == 0 || uniform(stream) * mean_block < 1.0;
        at = if begins { ((uniform(stream) * rows as f64) as usize).min(rows - 1) } else { (at + 1) % rows };
        times[at] += 1.0;
    }
}

/// The stream of one replication.
pub(super) fn stream(seed: u64, name: &str, replication: usize) -> Stream {
    Stream::new(&StreamKey::new(seed, name), replication as u64)
}

/// A number between 0 and 1.
pub(super) fn uniform(stream: &mut Stream) -> f64 {
    let Ok(word) = stream.try_next_u64();
    event::uniform(word)
}

/// The block length that the memory of both series, and of their squares, asks for; see [`mean_block`](calibrate::mean_block).
pub(super) fn block_of(pairs: &Pairs) -> Result<f64, Error> {
    calibrate::mean_block(&History::returns(pairs.x().iter().zip(pairs.y()).map(|(x, y)| [*x, *y])))
}

/// The error that is the spread of the replications around their mean times a factor (1 for a bootstrap, the root of the number of groups less one for the jackknife that
/// leaves groups out), with an interval by Student's t within a range. Where fewer than nine in ten replications have a
/// value nothing is known of it: the error is infinite.
pub(super) fn spread(
    value: f64,
    replications: &[f64],
    factor: f64,
    freedom: f64,
    range: (f64, f64),
    observations: usize,
    confidence: Confidence,
) -> Estimate {
    let paths = observations as u64;
    if !value.is_finite() {
        return Estimate::undefined(paths, confidence);
    }
    let known: Vec<f64> = replications.iter().copied().filter(|one| one.is_finite()).collect();
    if known.len() < 2 || 10 * known.len() < 9 * replications.len() {
        return Estimate {
            lower: range.0,
            upper: range.1,
            ..Estimate::with_freedom(value, f64::INFINITY, 1.0, paths, confidence)
        };
    }
    let mean = known.iter().sum::<f64>() / known.len() as f64;
    let squares: f64 = known.iter().map(|one| (one - mean) * (one - mean)).sum();
    // Copies of one number have no spread, whatever their mean is rounded to.
    let same = known.iter().all(|one| (one - known[0]).abs() <= 8.0 * f64::EPSILON * value.abs());
    let error = if same { 0.0 } else { factor * (squares / known.len() as f64).sqrt() };
    let estimate = Estimate::with_freedom(value, error, freedom.max(1.0), paths, confidence);
    Estimate { lower: estimate.lower.max(range.0), upper: estimate.upper.min(range.1), ..estimate }
}
