//! How a path stands, and how many paths of a block stand so: what no path needs is not computed.

use crate::market::{OwnLane, OwnLanes};
use crate::numeric::{Lane, PATHS};

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
}

impl Tally {
    pub(super) fn start(self, own: &mut OwnLanes<'_>) {
        self.set(own, Count::Performing, PATHS as u64);
        self.set(own, Count::Liquidating, 0);
        self.set(own, Count::InArrears, 0);
        self.set(own, Count::Operated, 0);
    }

    pub(super) fn any(self, own: &OwnLanes<'_>, count: Count) -> bool {
        own[self.0][count as usize] > 0.0
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

    /// So many paths in liquidation are closed.
    pub(super) fn close(self, own: &mut OwnLanes<'_>, paths: u64) {
        own[self.0][Count::Liquidating as usize] -= paths as f64;
    }
}

/// Calls `visit` for each path whose flag is not zero.
pub(super) fn each_flagged(flags: &Lane, mut visit: impl FnMut(usize)) {
    const CHUNK: usize = 16;
    for (chunk, flags) in flags.chunks_exact(CHUNK).enumerate() {
        // Most chunks have none: one look at all of it.
        if flags.iter().fold(0, |any, flag| any | flag.to_bits()) != 0 {
            for (offset, flag) in flags.iter().enumerate() {
                if *flag != 0.0 {
                    visit(chunk * CHUNK + offset);
                }
            }
        }
    }
}
