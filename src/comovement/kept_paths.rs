//! The changes of the first paths of a run, kept as they are: what ranks and quantiles are taken from.

use super::path_sums::GROUPS;
use crate::measure::StepBlock;

/// Changes of two series on the first paths, block by block.
///
/// Which paths are kept depends on their numbers alone, and they are put in the order of their numbers at the end. So the result has the same bits on any
/// threads and in any shards. All room is taken at once: nothing is allocated while stepping.
#[derive(Debug, Clone)]
pub(super) struct KeptPaths {
    /// Paths below this number are kept.
    paths: u64,
    chunks: Vec<Chunk>,
    x: Vec<f64>,
    y: Vec<f64>,
    /// The state of each pair; [`NO_STATE`] for a pair that does not count.
    states: Vec<u8>,
    /// Of each path of each chunk.
    weights: Vec<f64>,
}

/// What is kept of a block: its changes step by step.
#[derive(Debug, Clone, Copy)]
struct Chunk {
    first_path: u64,
    /// Paths of it that are kept.
    paths: usize,
    /// Where its changes and its weights begin.
    changes: usize,
    weights: usize,
}

/// Of a pair in which a change is no number, or whose state is none.
pub(super) const NO_STATE: u8 = u8::MAX;

/// Pairs in the order of paths, with what the jackknife needs.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) x: Vec<f64>,
    pub(super) y: Vec<f64>,
    pub(super) weights: Vec<f64>,
    /// The group of each pair's path.
    pub(super) groups: Vec<u8>,
}

impl KeptPaths {
    pub(super) fn new(paths: u64, steps: usize) -> Self {
        let (all, blocks) = (paths as usize * steps, paths as usize / crate::numeric::PATHS + 1);
        KeptPaths {
            paths,
            chunks: Vec::with_capacity(blocks),
            x: Vec::with_capacity(all),
            y: Vec::with_capacity(all),
            states: Vec::with_capacity(all),
            weights: Vec::with_capacity(paths as usize),
        }
    }

    /// Paths of a block that are kept.
    fn of(&self, block: &StepBlock<'_>) -> usize {
        self.paths.saturating_sub(block.first_path()).min(block.paths() as u64) as usize
    }

    /// A block begins.
    pub(super) fn begin(&mut self, block: &StepBlock<'_>) {
        let paths = self.of(block);
        if paths > 0 {
            let (changes, weights) = (self.x.len(), self.weights.len());
            self.chunks.push(Chunk { first_path: block.first_path(), paths, changes, weights });
            self.weights.extend_from_slice(&block.weights()[..paths]);
        }
    }

    /// The changes of one of its steps.
    pub(super) fn add(&mut self, block: &StepBlock<'_>, x: &[f64], y: &[f64], states: &[u8]) {
        let paths = self.of(block);
        self.x.extend_from_slice(&x[..paths]);
        self.y.extend_from_slice(&y[..paths]);
        self.states.extend_from_slice(&states[..paths]);
    }

    pub(super) fn merge(&mut self, other: &KeptPaths) {
        let (changes, weights) = (self.x.len(), self.weights.len());
        self.chunks.extend(other.chunks.iter().map(|chunk| Chunk {
            changes: chunk.changes + changes,
            weights: chunk.weights + weights,
            ..*chunk
        }));
        self.x.extend_from_slice(&other.x);
        self.y.extend_from_slice(&other.y);
        self.states.extend_from_slice(&other.states);
        self.weights.extend_from_slice(&other.weights);
    }

    /// The pairs of one state, or of all, path by path.
    pub(super) fn pairs(&mut self, state: Option<u8>, steps: usize) -> Kept {
        self.chunks.sort_unstable_by_key(|chunk| chunk.first_path);
        let mut kept = Kept::default();
        for chunk in &self.chunks {
            for path in 0..chunk.paths {
                let group = ((chunk.first_path + path as u64) % GROUPS as u64) as u8;
                for step in 0..steps {
                    let at = chunk.changes + step * chunk.paths + path;
                    let here = self.states[at];
                    if here != NO_STATE && state.is_none_or(|state| state == here) {
                        kept.x.push(self.x[at]);
                        kept.y.push(self.y[at]);
                        kept.weights.push(self.weights[chunk.weights + path]);
                        kept.groups.push(group);
                    }
                }
            }
        }
        kept
    }
}
