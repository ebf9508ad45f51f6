//! What a stream is keyed by.

use super::Digest;
use super::counter::threefry;
use std::fmt::Write as _;

/// Seed and name of a stream; with a block it starts a [`Stream`](super::Stream), with a path and an index it gives
/// one sparse draw ([`StreamKey::event`]).
///
/// The name is taken by its FNV-1a hash of 128 bits, so that two names share a stream only by an accident of
/// probability 2^-128.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamKey {
    seed: u64,
    name: StreamName,
}

/// The name of a stream, to be hashed once where its key is needed often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamName([u64; 2]);

impl StreamName {
    /// Takes a name by its hash.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut digest = Digest::new();
        // Writing to a digest cannot fail.
        let _ = digest.write_str(name);
        let hash = digest.value();
        StreamName([(hash >> 64) as u64, hash as u64])
    }
}

/// Sets the keys of sparse draws apart from one another, should other kinds follow.
const EVENTS: u64 = 1;

impl StreamKey {
    /// The key of the stream `name` under `seed`.
    #[must_use]
    pub fn new(seed: u64, name: &str) -> Self {
        StreamKey { seed, name: StreamName::new(name) }
    }

    /// The key of another stream under the same seed.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        self.of(StreamName::new(name))
    }

    /// The key of the stream of a name under the same seed.
    #[must_use]
    pub fn of(self, name: StreamName) -> Self {
        StreamKey { seed: self.seed, name }
    }

    /// The counter whose image under Threefry starts lane 0 of a block; lane l adds l to its last word.
    #[inline(always)]
    pub(crate) const fn counter(self, first: u64) -> [u64; 4] {
        [self.seed, self.name.0[0], self.name.0[1], first]
    }

    /// 256 random bits for the `index`th event of `path`, whatever other events there are.
    ///
    /// Threefry-4x64-20 of the counter (path, index, 0, 0) under the key (name, seed). A stream that is drawn in order
    /// shifts when one event more or less happens; these draws do not, so common random numbers survive a change of
    /// event times. The functions of [`event`](super::event) turn words into uniforms and normals.
    #[inline(always)]
    #[must_use]
    pub fn event(self, path: u64, index: u64) -> [u64; 4] {
        self.attempt(path, index, 0)
    }

    /// The bits of the `attempt`th try at an event that is drawn by rejection.
    #[inline(always)]
    pub(crate) fn attempt(self, path: u64, index: u64, attempt: u64) -> [u64; 4] {
        threefry([self.name.0[0], self.name.0[1], self.seed, EVENTS], [path, index, attempt, 0])
    }
}
