//! A part of a run, to be merged with the rest.

use crate::Error;
use crate::measure::{Measure, Run};
use crate::numeric::PATHS;
use std::ops::Range;

/// The partial result of some blocks of a run. It knows which run and measure and which blocks, and refuses to merge with
/// another's or with blocks that it already has. Any order and grouping of merges gives the same bits.
pub struct Shard<M: Measure> {
    digest: u128,
    run: Run,
    measure: M,
    partial: M::Partial,
    /// Disjoint, ascending, none adjacent to the next.
    blocks: Vec<Range<u64>>,
}

impl<M: Measure<Partial: Clone> + Clone> Clone for Shard<M> {
    fn clone(&self) -> Self {
        Shard {
            digest: self.digest,
            run: self.run.clone(),
            measure: self.measure.clone(),
            partial: self.partial.clone(),
            blocks: self.blocks.clone(),
        }
    }
}

impl<M: Measure> std::fmt::Debug for Shard<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shard").field("digest", &self.digest).field("blocks", &self.blocks).finish_non_exhaustive()
    }
}

pub(super) fn new<M: Measure>(digest: u128, run: Run, measure: M, partial: M::Partial, blocks: Range<u64>) -> Shard<M> {
    let blocks = if blocks.is_empty() { Vec::new() } else { vec![blocks] };
    Shard { digest, run, measure, partial, blocks }
}

impl<M: Measure> Shard<M> {
    /// The blocks covered, as disjoint ascending ranges.
    #[must_use]
    pub fn blocks(&self) -> &[Range<u64>] {
        &self.blocks
    }

    /// Adds another shard of the same run. The measure of `self` is the one that merges and finishes.
    ///
    /// # Errors
    /// [`Error::Merge`] when the other shard is of another run or measure, or shares a block with this one.
    pub fn merge(&mut self, other: Shard<M>) -> Result<(), Error> {
        if self.digest != other.digest {
            return Err(Error::Merge {
                reason: format!(
                    "the shards are of different runs or measures: digests {:032x} and {:032x}",
                    self.digest, other.digest
                ),
            });
        }
        let mut blocks = [self.blocks.as_slice(), &other.blocks].concat();
        blocks.sort_unstable_by_key(|range| range.start);
        let mut joined: Vec<Range<u64>> = Vec::with_capacity(blocks.len());
        for range in blocks {
            match joined.last_mut() {
                Some(last) if range.start < last.end => {
                    return Err(Error::Merge { reason: format!("both shards have block {}", range.start) });
                }
                Some(last) if range.start == last.end => last.end = range.end,
                _ => joined.push(range),
            }
        }
        self.measure.merge(&mut self.partial, other.partial);
        self.blocks = joined;
        Ok(())
    }

    /// The result over the blocks covered.
    pub fn finish(mut self) -> M::Output {
        let covered = |range: &Range<u64>| {
            let end = range.end.saturating_mul(PATHS as u64).min(self.run.paths);
            end.saturating_sub(range.start.saturating_mul(PATHS as u64))
        };
        self.run.paths = self.blocks.iter().map(covered).sum();
        self.measure.finish(self.partial, &self.run)
    }
}
