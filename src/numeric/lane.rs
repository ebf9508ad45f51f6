//! The unit of work: one `f64` per path of a block.

use std::ops::{Deref, DerefMut};

/// Paths in a block. A compile-time constant, since it is part of what a seed means: block `b` holds
/// the paths `b * PATHS .. (b + 1) * PATHS`, and every stream is keyed by block.
pub const PATHS: usize = 256;

/// One `f64` per path of a block, aligned to a cache line so that no vector load straddles two.
///
/// It dereferences to `[f64; PATHS]`: loops over it by index have no bounds checks.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub struct Lane(pub [f64; PATHS]);

impl Lane {
    /// A lane with the same value on every path.
    #[must_use]
    pub const fn splat(value: f64) -> Self {
        Lane([value; PATHS])
    }

    /// A lane of zeros.
    pub const ZERO: Lane = Lane::splat(0.0);
}

/// Lanes for use within one call of a model, shared by all models of a worker so that they stay in the nearest cache:
/// `let [shock, ..] = block.scratch;`. They hold whatever the last user left, zeros when a block begins: write before
/// reading.
pub type Scratch = [Lane; 8];

impl Default for Lane {
    fn default() -> Self {
        Lane::ZERO
    }
}

impl Deref for Lane {
    type Target = [f64; PATHS];
    #[inline(always)]
    fn deref(&self) -> &[f64; PATHS] {
        &self.0
    }
}

impl DerefMut for Lane {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut [f64; PATHS] {
        &mut self.0
    }
}
