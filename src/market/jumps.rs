//! Jumps at the times of a Poisson process: how many fall into a step, and normal jump sizes.

use super::per_step::PerStep;
use super::range;
use super::sparse::{CHUNK, Hits, event_words};
use crate::Error;
use crate::numeric::kernel::{exp, exp_bounded, exp_m1, normal_quantile};
use crate::numeric::{Lane, PATHS, Step, TimeGrid};
use crate::sample::{Stream, StreamKey};

/// How many jumps each path has in a step: a Poisson count from one uniform per path, which leaves a second uniform.
///
/// The count is the Poisson quantile of `u`; where `u` lies within the cell of that count, its place, is uniform again and
/// independent of the count.
pub(super) struct Counts(PerStep<PoissonTable>);

impl Counts {
    /// `field` is the name of the intensity, for the error.
    pub(super) fn new(grid: &TimeGrid, field: &str, jumps_per_year: f64) -> Result<Self, Error> {
        crate::check::within(field, jumps_per_year, 0.0, 1000.0)?;
        let longest = grid.iter().fold(0.0_f64, |longest, step| longest.max(step.length));
        if jumps_per_year * longest > 100.0 {
            let expected = format!("must be at most 100 jumps in the longest step, which is {longest} years");
            return Err(Error::invalid(field, jumps_per_year, expected));
        }
        Ok(Counts(PerStep::new(grid, |length| PoissonTable::new(jumps_per_year * length))))
    }

    /// The paths that jump in this step, with their uniforms in front of `uniform`, in the same order, and the table to look
    /// them up in. `None` when no path jumps.
    #[inline]
    pub(super) fn draw(&self, step: Step, stream: &mut Stream, uniform: &mut Lane) -> Option<(&[f64], Hits)> {
        let PoissonTable(table) = self.0.at(step);
        // An intensity of zero has a single cell, which no uniform leaves.
        if table[0] >= 1.0 {
            return None;
        }
        stream.uniforms(uniform);
        let mut hits = Hits::new();
        hits.at_least(uniform, table[0]);
        if hits.is_empty() {
            return None;
        }
        // Packed to the front, never ahead of where it is read.
        for (position, path) in hits.paths().enumerate() {
            uniform[position] = uniform[path];
        }
        Some((table, hits))
    }
}

/// P(N <= n) of a Poisson count for n = 0, 1, .. up to where it no longer grows; the last entry is exactly 1.
struct PoissonTable(Vec<f64>);

impl PoissonTable {
    /// For a mean of at most 100.
    fn new(mean: f64) -> Self {
        let mut probability = exp(-mean);
        let mut sum = probability;
        let mut table = Vec::new();
        let mut count = 0.0;
        while sum < 1.0 {
            table.push(sum);
            count += 1.0;
            probability *= mean / count;
            // Beyond the mean the probabilities fall at least geometrically: what no longer adds is the end.
            if count > mean && sum + probability <= sum {
                break;
            }
            sum += probability;
        }
        table.push(1.0);
        PoissonTable(table)
    }
}

/// Counts (1 and more) of a chunk of uniforms from [`Counts::draw`], and the place of each in its cell, 0 < place < 1.
#[inline(always)]
pub(super) fn count_and_place(table: &[f64], uniform: &[f64]) -> ([f64; CHUNK], [f64; CHUNK]) {
    let (mut count, mut low, mut high) = ([1.0_f64; CHUNK], [table[0]; CHUNK], [table[1]; CHUNK]);
    let mut last = 0.0;
    for position in 0..CHUNK {
        last = if uniform[position] > last { uniform[position] } else { last };
    }
    for cell in table[1..].windows(2) {
        let (start, end) = (cell[0], cell[1]);
        // No uniform of the chunk is in this cell or beyond it: most chunks need a few cells of a long table.
        if last < start {
            break;
        }
        for position in 0..CHUNK {
            let reached = uniform[position] >= start;
            let (low_before, high_before) = (low[position], high[position]);
            count[position] += if reached { 1.0 } else { 0.0 };
            low[position] = if reached { start } else { low_before };
            high[position] = if reached { end } else { high_before };
        }
    }
    let mut place = [0.0; CHUNK];
    for position in 0..CHUNK {
        const LEAST: f64 = 1.0 / (1_u64 << 54) as f64;
        let within = (uniform[position] - low[position]) / (high[position] - low[position]);
        place[position] = within.clamp(LEAST, 1.0 - 2.0 * LEAST);
    }
    (count, place)
}

/// Further random words for the jumps of each path of a chunk: four at a time, the `round`th four of a step.
///
/// They are tied to (path, step, round) and to nothing else.
#[inline(always)]
pub(super) fn further_words(
    key: StreamKey,
    first_path: u64,
    paths: &[u16],
    step: usize,
    round: usize,
) -> [[u64; CHUNK]; 4] {
    let index = further_index(step, round);
    event_words(key, first_path, paths, |_| index)
}

/// The number of the event that holds the `round`th four words of a step.
#[inline(always)]
pub(super) fn further_index(step: usize, round: usize) -> u64 {
    // At most 100 jumps are expected in a step, so that rounds stay far below 2^16.
    ((step as u64) << 16) + round as u64
}

/// The largest of a chunk.
#[inline(always)]
pub(super) fn largest(counts: &[f64; CHUNK]) -> f64 {
    let mut largest = 0.0;
    for count in counts {
        largest = if *count > largest { *count } else { largest };
    }
    largest
}

/// The factor by which a price jumps. Bounded, so that a price that rounds to zero times one beyond the largest number is
/// never not a number.
#[inline(always)]
pub(super) fn factor(logarithm: f64) -> f64 {
    exp_bounded(logarithm)
}

/// Multiplies a price by the jump that the dependence sends it in this step.
#[inline]
pub(super) fn multiply(jump: Option<&Lane>, level: &mut Lane) {
    if let Some(jump) = jump {
        multiply_all(jump, level);
    }
}

/// Adds that jump to a logarithm.
#[inline]
pub(super) fn add(jump: Option<&Lane>, logarithm: &mut Lane) {
    if let Some(jump) = jump {
        add_all(jump, logarithm);
    }
}

crate::vectorised! {
    fn multiply_all(jump: &Lane, level: &mut Lane) {
        for path in 0..PATHS {
            level[path] *= factor(jump[path]);
        }
    }

    fn add_all(jump: &Lane, logarithm: &mut Lane) {
        for path in 0..PATHS {
            logarithm[path] += jump[path];
        }
    }
}

/// Jumps of a price whose logarithms are normal and independent: those of [`Merton`](super::Merton) and
/// [`Bates`](super::Bates). The sum of N of them is normal too, so the place of the uniform is all that it takes.
pub(super) struct NormalJumps {
    counts: Counts,
    mean: f64,
    deviation: f64,
}

impl NormalJumps {
    pub(super) fn new(grid: &TimeGrid, per_year: f64, mean: f64, deviation: f64) -> Result<Self, Error> {
        let counts = Counts::new(grid, "jumps_per_year", per_year)?;
        range::rate("jump_mean", mean)?;
        range::volatility("jump_volatility", deviation)?;
        Ok(NormalJumps { counts, mean, deviation })
    }

    /// What jumps add to the growth of the mean, per year.
    pub(super) fn compensation(&self, per_year: f64) -> f64 {
        per_year * exp_m1(self.mean + 0.5 * self.deviation * self.deviation)
    }

    /// Multiplies the paths that jump in this step by their jumps.
    pub(super) fn apply(&self, step: Step, stream: &mut Stream, scratch: &mut Lane, level: &mut Lane) {
        if let Some((table, hits)) = self.counts.draw(step, stream, scratch) {
            jump(table, self.mean, self.deviation, &hits, scratch, level);
        }
    }
}

crate::vectorised! {
    /// Multiplies the paths that jump by their jump. `uniform` is used up.
    fn jump(table: &[f64], mean: f64, deviation: f64, hits: &Hits, uniform: &mut Lane, level: &mut Lane) {
        for start in (0..hits.count()).step_by(CHUNK) {
            let packed = &mut uniform[start..start + CHUNK];
            let (count, place) = count_and_place(table, packed);
            for position in 0..CHUNK {
                let normal = normal_quantile(place[position]);
                let count = count[position];
                packed[position] = factor((count.sqrt() * deviation).mul_add(normal, count * mean));
            }
        }
        for (position, path) in hits.paths().enumerate() {
            level[path] *= uniform[position];
        }
    }
}

#[cfg(test)]
mod tests {
    //! Guards: the table is the Poisson distribution, and it ends.
    #![allow(clippy::float_cmp, reason = "the last entry is exactly 1")]
    use super::*;
    use statrs::distribution::{DiscreteCDF, Poisson};

    #[test]
    fn the_table_is_the_poisson_distribution() {
        for mean in [1e-6, 0.5 / 12.0, 1.0, 17.3, 100.0] {
            let PoissonTable(table) = PoissonTable::new(mean);
            assert_eq!(table.last(), Some(&1.0));
            let poisson = Poisson::new(mean).unwrap();
            for (count, cumulative) in (0..).zip(&table) {
                assert!((cumulative - poisson.cdf(count)).abs() < 1e-13, "{mean} {count}");
            }
            assert!(table.windows(2).all(|pair| pair[0] < pair[1]));
        }
        assert_eq!(PoissonTable::new(0.0).0, [1.0]);
    }
}
