//! The few paths of a block to which something rare happens in a step.

use crate::numeric::{Lane, PATHS};
use crate::sample::StreamKey;

/// Paths that are worked on at once where something happens to them. What lies behind the last path of the last chunk is computed and
/// not used.
pub(super) const CHUNK: usize = 16;

/// The words of one event of each path of a chunk; `index` is the event's number.
#[inline(always)]
pub(super) fn event_words(
    key: StreamKey,
    first_path: u64,
    paths: &[u16],
    index: impl Fn(usize) -> u64,
) -> [[u64; CHUNK]; 4] {
    let mut words = [[0; CHUNK]; 4];
    let [a, b, c, d] = &mut words;
    for position in 0..CHUNK {
        let event = key.event(first_path + u64::from(paths[position]), index(position));
        a[position] = event[0];
        b[position] = event[1];
        c[position] = event[2];
        d[position] = event[3];
    }
    words
}

/// Paths of a block, packed: an event that one path in twenty has costs one twentieth.
#[derive(Debug)]
pub(super) struct Hits {
    paths: [u16; PATHS],
    count: usize,
}

impl Hits {
    pub(super) fn new() -> Self {
        Hits { paths: [0; PATHS], count: 0 }
    }

    #[inline(always)]
    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    #[inline(always)]
    pub(super) fn paths(&self) -> impl Iterator<Item = usize> + '_ {
        // The remainder is none: it tells the compiler that a path is within a lane.
        self.paths[..self.count].iter().map(|path| usize::from(*path) % PATHS)
    }

    /// The paths as they are packed; what lies behind the last one are paths too, but not of these.
    #[inline(always)]
    pub(super) fn packed(&self) -> &[u16; PATHS] {
        &self.paths
    }

    /// The paths on which `lane` is at most `bound`.
    pub(super) fn at_most(&mut self, lane: &Lane, bound: f64) {
        self.count = at_most(lane, bound, &mut self.paths);
    }

    /// Of these paths those on which `lane` is at most `bound` still: what happens several times in a step happens to few.
    pub(super) fn keep_at_most(&mut self, lane: &Lane, bound: f64) {
        let mut kept = 0;
        for position in 0..self.count {
            let path = self.paths[position];
            // Never ahead of where it is read.
            self.paths[kept] = path;
            kept += usize::from(lane[usize::from(path) % PATHS] <= bound);
        }
        self.count = kept;
    }

    /// The paths on which `lane` is at least `bound`.
    pub(super) fn at_least(&mut self, lane: &Lane, bound: f64) {
        self.count = at_least(lane, bound, &mut self.paths);
    }

    /// The paths on which `lane` is above `other`.
    pub(super) fn above(&mut self, lane: &Lane, other: &Lane) {
        self.count = above(lane, other, &mut self.paths);
    }
}

/// Paths that are tested at once, as bits of a word.
const BITS: usize = 64;

#[inline(always)]
fn pack(paths: &mut [u16; PATHS], hit: impl Fn(usize) -> bool) -> usize {
    let mut count = 0;
    for chunk in 0..PATHS / BITS {
        let mut bits = 0_u64;
        for bit in 0..BITS {
            bits |= u64::from(hit(chunk * BITS + bit)) << bit;
        }
        while bits != 0 {
            paths[count] = (chunk * BITS) as u16 + bits.trailing_zeros() as u16;
            count += 1;
            bits &= bits - 1;
        }
    }
    count
}

crate::vectorised! {
    fn at_most(lane: &Lane, bound: f64, paths: &mut [u16; PATHS]) -> usize {
        pack(paths, |path| lane[path] <= bound)
    }

    fn at_least(lane: &Lane, bound: f64, paths: &mut [u16; PATHS]) -> usize {
        pack(paths, |path| lane[path] >= bound)
    }

    fn above(lane: &Lane, other: &Lane, paths: &mut [u16; PATHS]) -> usize {
        pack(paths, |path| lane[path] > other[path])
    }
}

#[cfg(test)]
mod tests {
    //! Guards: exactly the paths of the condition, in order; none and all included.
    use super::*;

    #[test]
    fn packs_the_paths_of_the_condition() {
        let mut lane = Lane::ZERO;
        for path in 0..PATHS {
            lane[path] = (path * 37 % 101) as f64;
        }
        let expected = |hit: &dyn Fn(f64) -> bool| (0..PATHS).filter(|path| hit(lane[*path])).collect::<Vec<_>>();
        let mut hits = Hits::new();
        for bound in [-1.0, 0.0, 7.0, 50.0, 100.0, 101.0] {
            hits.at_most(&lane, bound);
            assert_eq!(hits.paths().collect::<Vec<_>>(), expected(&|value| value <= bound));
            hits.at_least(&lane, bound);
            assert_eq!(hits.paths().collect::<Vec<_>>(), expected(&|value| value >= bound));
            hits.above(&lane, &Lane::splat(bound));
            assert_eq!(hits.paths().collect::<Vec<_>>(), expected(&|value| value > bound));
            assert_eq!(hits.is_empty(), hits.paths().count() == 0);
            hits.at_most(&lane, 60.0);
            hits.keep_at_most(&lane, bound);
            assert_eq!(hits.paths().collect::<Vec<_>>(), expected(&|value| value <= bound.min(60.0)));
        }
    }
}
