//! How a path stands, and how many paths of a block stand so: what no path needs is not computed.

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

/// Counts over the paths of a block, kept in the first places of a lane.
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

/// Calls `visit` for each path whose flag is not zero, in order.
pub(super) fn each_flagged(flags: &Lane, visit: impl FnMut(usize)) {
    let mut words = [0; PATHS / WORD];
    flagged(flags, &mut words);
    each_set(words, visit);
}

/// Calls `visit` for each path in liquidation, in order.
pub(super) fn each_liquidating(standing: &Lane, visit: impl FnMut(usize)) {
    let mut words = [0; PATHS / WORD];
    liquidating(standing, &mut words);
    each_set(words, visit);
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

fn each_set(words: [u64; PATHS / WORD], mut visit: impl FnMut(usize)) {
    for (word, mut bits) in words.into_iter().enumerate() {
        while bits != 0 {
            visit(word * WORD + bits.trailing_zeros() as usize);
            bits &= bits - 1;
        }
    }
}

vectorised! {
    fn flagged(flags: &Lane, words: &mut [u64; PATHS / WORD]) {
        for (word, flags) in words.iter_mut().zip(flags.chunks_exact(WORD)) {
            *word = flags.iter().zip(&BITS).fold(0, |word, (flag, bit)| word | if *flag != 0.0 { *bit } else { 0 });
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
