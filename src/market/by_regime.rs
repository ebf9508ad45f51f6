//! What differs by regime, chosen path by path.

use super::constant::CHUNK;
use crate::numeric::{Correlation, Lane, PATHS};

/// The rows of the factors `L` that change a driver, from the last, so that it can be done in place.
#[derive(Debug)]
pub(super) struct Mix {
    pub(super) regimes: usize,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    driver: usize,
    /// Entries up to the diagonal, each for all regimes.
    entries: Vec<f64>,
}

impl Mix {
    pub(super) fn new(matrices: &[Correlation]) -> Self {
        let factors: Vec<_> = matrices.iter().map(Correlation::cholesky).collect();
        let drivers = factors.first().map_or(0, |factor| factor.size());
        let mut rows = Vec::with_capacity(drivers);
        for driver in (0..drivers).rev() {
            if factors.iter().any(|factor| factor.row(driver)[..driver].iter().any(|entry| *entry != 0.0)) {
                let column = |column: usize| factors.iter().map(move |factor| factor.row(driver)[column]);
                rows.push(Row { driver, entries: (0..=driver).flat_map(column).collect() });
            }
        }
        Mix { regimes: matrices.len(), rows }
    }

    pub(super) fn apply(&self, regime: &Lane, drivers: &mut [Lane]) {
        for Row { driver, entries } in &self.rows {
            let (before, rest) = drivers.split_at_mut(*driver);
            combine(self.regimes, entries, regime, before, &mut rest[0]);
        }
    }
}

/// The value of the regime of each path. Regimes in ascending order: the last one reached stands.
///
/// Both candidates are loaded before the choice: else the compiler chooses an address, path by path.
#[inline(always)]
pub(super) fn pick(values: &[f64], regime: &[f64; CHUNK]) -> [f64; CHUNK] {
    let mut picked = [values[0]; CHUNK];
    for number in 1..values.len() {
        let (value, number) = (values[number], number as f64);
        for path in 0..CHUNK {
            let before = picked[path];
            picked[path] = if regime[path] >= number { value } else { before };
        }
    }
    picked
}

#[inline(always)]
pub(super) fn chunk(lane: &Lane, start: usize) -> [f64; CHUNK] {
    let mut chunk = [0.0; CHUNK];
    chunk.copy_from_slice(&lane[start..start + CHUNK]);
    chunk
}

crate::vectorised! {
    /// The sum of [`Constant`](super::Constant), entry by entry in the same order, with each path's own entries.
    fn combine(regimes: usize, entries: &[f64], regime: &Lane, before: &[Lane], target: &mut Lane) {
        let (off_diagonal, diagonal) = entries.split_at(before.len() * regimes);
        for start in (0..PATHS).step_by(CHUNK) {
            let (regime, mut sum) = (chunk(regime, start), chunk(target, start));
            let entry = pick(diagonal, &regime);
            for path in 0..CHUNK {
                sum[path] *= entry[path];
            }
            for (values, lane) in off_diagonal.chunks_exact(regimes).zip(before) {
                let entry = pick(values, &regime);
                for path in 0..CHUNK {
                    sum[path] = entry[path].mul_add(lane[start + path], sum[path]);
                }
            }
            target[start..start + CHUNK].copy_from_slice(&sum);
        }
    }

    pub(super) fn choose(values: &[f64], regime: &Lane, target: &mut Lane) {
        for start in (0..PATHS).step_by(CHUNK) {
            target[start..start + CHUNK].copy_from_slice(&pick(values, &chunk(regime, start)));
        }
    }
}
