//! How a path stands, and how many paths of a block stand so: what no path needs is not computed.

use super::switches::Switches;
use crate::market::{OwnLane, OwnLanes};
use crate::numeric::{Lane, PATHS};
use crate::vectorised;

/// Not defaulted.
pub(super) const PERFORMING: f64 = 0.0;
/// Defaulted; collateral is being sold.
pub(super) const LIQUIDATING: f64 = 1.0;
/// Defaulted; nothing more will happen.
pub(super) const CLOSED: f64 = 2.0;

#[inline(always)]
pub(super) fn is_performing(standing: f64) -> bool {
    standing < LIQUIDATING
}

#[inline(always)]
#[allow(clippy::manual_range_contains, reason = "both comparisons are made on every path, without a branch")]
pub(super) fn is_liquidating(standing: f64) -> bool {
    (standing >= LIQUIDATING) & (standing < CLOSED)
}

/// Counts over the paths of a block, kept in the first places of a lane; switches are in the rest.
#[derive(Clone, Copy)]
pub(super) struct Tally(pub(super) OwnLane);

/// What is counted.
#[derive(Clone, Copy)]
pub(super) enum Count {
    Performing,
    Liquidating,
    /// Performing, with something unpaid.
    InArrears,
    /// In liquidation, to be operated by the lender after this step.
    Operated,
    /// Of which a lender sells coins in this step.
    Called,
}

impl Tally {
    /// The places of its lane that it leaves to switches.
    pub(super) fn switches(lane: OwnLane) -> Switches {
        Switches::from(lane, Count::Called as usize + 1)
    }

    pub(super) fn start(self, own: &mut OwnLanes<'_>) {
        self.set(own, Count::Performing, PATHS as u64);
        self.set(own, Count::Liquidating, 0);
        self.set(own, Count::InArrears, 0);
        self.set(own, Count::Operated, 0);
        self.set(own, Count::Called, 0);
    }

    pub(super) fn any(self, own: &OwnLanes<'_>, count: Count) -> bool {
        own[self.0][count as usize] > 0.0
    }

    pub(super) fn count(self, own: &OwnLanes<'_>, count: Count) -> u64 {
        own[self.0][count as usize] as u64
    }

    pub(super) fn set(self, own: &mut OwnLanes<'_>, count: Count, paths: u64) {
        own[self.0][count as usize] = paths as f64;
    }

    /// One path defaults.
    pub(super) fn default(self, own: &mut OwnLanes<'_>) {
        own[self.0][Count::Performing as usize] -= 1.0;
        own[self.0][Count::Liquidating as usize] += 1.0;
    }

    /// The lender of one path is going to operate.
    pub(super) fn operate(self, own: &mut OwnLanes<'_>) {
        own[self.0][Count::Operated as usize] += 1.0;
    }

    /// The lender of one path sells.
    pub(super) fn call(self, own: &mut OwnLanes<'_>) {
        own[self.0][Count::Called as usize] += 1.0;
    }

    /// So many paths in liquidation are closed.
    pub(super) fn close(self, own: &mut OwnLanes<'_>, paths: u64) {
        own[self.0][Count::Liquidating as usize] -= paths as f64;
    }
}

/// Places of paths, one bit each, from which they are taken in order.
pub(super) struct Flags {
    words: [u64; PATHS / WORD],
    word: usize,
}

impl Flags {
    fn new(fill: impl FnOnce(&mut [u64; PATHS / WORD])) -> Flags {
        let mut words = [0; PATHS / WORD];
        fill(&mut words);
        Flags { words, word: 0 }
    }

    /// The paths whose flag is not zero.
    pub(super) fn of(flags: &Lane) -> Flags {
        Flags::new(|words| flagged(flags, words))
    }

    /// Those of some paths whose flag is not zero.
    pub(super) fn among(places: &[u8], flags: &Lane) -> Flags {
        Flags::new(|words| {
            for place in places.iter().map(|place| usize::from(*place)).filter(|place| flags[*place] != 0.0) {
                words[place / WORD] |= BITS[place % WORD];
            }
        })
    }

    /// The paths of which one flag or the other is not zero.
    pub(super) fn of_either(first: &Lane, second: &Lane) -> Flags {
        Flags::new(|words| either_flagged(first, second, words))
    }

    /// The paths on which something is missing, or has been since a date.
    pub(super) fn missing(short: &Lane, missed: &Lane) -> Flags {
        Flags::new(|words| either_missing(short, missed, words))
    }

    /// The paths in liquidation.
    pub(super) fn liquidating(standing: &Lane) -> Flags {
        Flags::new(|words| liquidating(standing, words))
    }

    /// How many are left.
    pub(super) fn number(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }
}

impl Iterator for Flags {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        while let Some(bits) = self.words.get_mut(self.word) {
            if *bits != 0 {
                let place = self.word * WORD + bits.trailing_zeros() as usize;
                *bits &= *bits - 1;
                return Some(place);
            }
            self.word += 1;
        }
        None
    }
}

/// Paths in a word of bits.
const WORD: usize = 64;

/// By bit, its value.
const BITS: [u64; WORD] = {
    let mut bits = [0; WORD];
    let mut place = 0;
    while place < WORD {
        bits[place] = 1 << place;
        place += 1;
    }
    bits
};

vectorised! {
    fn flagged(flags: &Lane, words: &mut [u64; PATHS / WORD]) {
        for (word, flags) in words.iter_mut().zip(flags.chunks_exact(WORD)) {
            *word = flags.iter().zip(&BITS).fold(0, |word, (flag, bit)| word | if *flag != 0.0 { *bit } else { 0 });
        }
    }

    fn either_flagged(first: &Lane, second: &Lane, words: &mut [u64; PATHS / WORD]) {
        for (word, (first, second)) in words.iter_mut().zip(first.chunks_exact(WORD).zip(second.chunks_exact(WORD))) {
            *word = first.iter().zip(second).zip(&BITS).fold(0, |word, ((first, second), bit)| {
                word | if (*first != 0.0) | (*second != 0.0) { *bit } else { 0 }
            });
        }
    }

    fn either_missing(short: &Lane, missed: &Lane, words: &mut [u64; PATHS / WORD]) {
        for (word, (short, missed)) in words.iter_mut().zip(short.chunks_exact(WORD).zip(missed.chunks_exact(WORD))) {
            *word = short.iter().zip(missed).zip(&BITS).fold(0, |word, ((short, missed), bit)| {
                word | if (*short > 0.0) | (*missed < f64::INFINITY) { *bit } else { 0 }
            });
        }
    }

    fn liquidating(standing: &Lane, words: &mut [u64; PATHS / WORD]) {
        for (word, standing) in words.iter_mut().zip(standing.chunks_exact(WORD)) {
            *word = standing.iter().zip(&BITS).fold(0, |word, (standing, bit)| {
                word | if is_liquidating(*standing) { *bit } else { 0 }
            });
        }
    }
}
