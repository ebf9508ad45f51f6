//! The distribution of a loss in flat memory: the streaming mode of a loss distribution.

use super::Tally;
use super::order::Group;
use super::sample::canonical;
use super::tally::{from_fixed, to_fixed};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

/// Leading bits of the mantissa that choose the bin.
const LEADING: u32 = 9;
/// Bits of the mantissa that remain: where in its bin a loss lies.
const WITHIN: u32 = 52 - LEADING;
/// Bins of a page: one octave, from a power of two to the next.
const BINS: usize = 1 << LEADING;
/// One for each sign and exponent.
const PAGES: usize = 1 << 12;

/// Counts and sums by size of the loss, in bins of relative width `2^-9`, about 0.2 %.
///
/// A bin is the sign, the exponent and the leading 9 bits of the mantissa: no logarithm is taken, and no range
/// has to be known. Infinite losses have a bin, and what is no number has one above every loss. Pages of 512 bins, one for each power of two,
/// are allocated when a loss falls into them, 40 kB each; losses from a cent to a trillion need 47 of them.
///
/// A bin keeps its tally, its smallest and largest loss and the sum of weight times position within it: the mean of a bin is
/// exact, and so is any quantile that falls into a bin of one or two losses or of one value (an atom of the
/// distribution).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<(u32, Bin)>", into = "Vec<(u32, Bin)>")]
pub(super) struct QuantileBins {
    pages: Vec<Option<Box<[Bin]>>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Bin {
    tally: Tally,
    /// Sum of weight times position as a fraction of the bin, in units of `2^-64`: exact for weights of 1.
    #[serde(with = "super::tally::decimal")]
    moment: u128,
    /// Smallest and largest position, in units of the last bit of the mantissa.
    low: u64,
    high: u64,
}

impl Bin {
    const EMPTY: Bin = Bin { tally: Tally::new(), moment: 0, low: u64::MAX, high: 0 };

    fn merge(&mut self, other: &Bin) {
        self.tally.merge(&other.tally);
        self.moment = self.moment.saturating_add(other.moment);
        self.low = self.low.min(other.low);
        self.high = self.high.max(other.high);
    }
}

impl QuantileBins {
    pub(super) fn new() -> Self {
        QuantileBins { pages: vec![None; PAGES] }
    }

    pub(super) fn record(&mut self, losses: &[f64], weights: &[f64]) {
        for (&loss, &weight) in losses.iter().zip(weights) {
            let rank = rank(canonical(loss));
            let position = rank & ((1 << WITHIN) - 1);
            let bin = self.bin((rank >> WITHIN) as usize);
            let tally = Tally::one(weight);
            bin.moment = bin.moment.saturating_add(if tally == Tally::of(1) {
                u128::from(position) << (64 - WITHIN)
            } else {
                to_fixed(weight * position as f64 / (1_u64 << WITHIN) as f64, 64)
            });
            bin.tally.merge(&tally);
            bin.low = bin.low.min(position);
            bin.high = bin.high.max(position);
        }
    }

    #[inline]
    fn bin(&mut self, index: usize) -> &mut Bin {
        let page = self.pages[index / BINS].get_or_insert_with(|| vec![Bin::EMPTY; BINS].into_boxed_slice());
        &mut page[index % BINS]
    }

    pub(super) fn merge(&mut self, other: QuantileBins) {
        for (page, more) in self.pages.iter_mut().zip(other.pages) {
            match (page.as_mut(), more) {
                (Some(page), Some(more)) => page.iter_mut().zip(&more).for_each(|(bin, more)| bin.merge(more)),
                (None, more) => *page = more,
                (Some(_), None) => {}
            }
        }
    }

    /// The bins that hold a loss, from the largest.
    pub(super) fn descend(&self, mut visit: impl FnMut(Group) -> ControlFlow<()>) {
        for (index, bin) in self.filled().rev() {
            let base = u64::from(index) << WITHIN;
            let (low, high) = (loss(base | bin.low), loss(base | bin.high));
            let mean = if bin.low == bin.high || !loss(base).is_finite() {
                high
            } else {
                // Within a bin losses are equally spaced, by the last bit of their mantissa.
                let spacing = (loss(base | 1) - loss(base)) * (1_u64 << WITHIN) as f64;
                (loss(base) + spacing * (from_fixed(bin.moment, 64) / bin.tally.weight())).clamp(low, high)
            };
            if visit(Group { low, high, mean, tally: bin.tally }).is_break() {
                return;
            }
        }
    }

    fn filled(&self) -> impl DoubleEndedIterator<Item = (u32, &Bin)> {
        self.pages.iter().enumerate().flat_map(|(page, bins)| {
            let bins = bins.as_deref().unwrap_or_default().iter().enumerate();
            bins.filter(|(_, bin)| bin.tally.count() > 0).map(move |(bin, kept)| ((page * BINS + bin) as u32, kept))
        })
    }
}

/// A loss as an integer of the same order: negative losses have their bits flipped, the others a leading one.
#[inline]
fn rank(loss: f64) -> u64 {
    let bits = loss.to_bits();
    bits ^ (((bits as i64 >> 63) as u64) | 1 << 63)
}

/// The loss of a rank.
fn loss(rank: u64) -> f64 {
    f64::from_bits(rank ^ (((!rank as i64 >> 63) as u64) | 1 << 63))
}

impl From<QuantileBins> for Vec<(u32, Bin)> {
    fn from(bins: QuantileBins) -> Self {
        bins.filled().map(|(index, bin)| (index, *bin)).collect()
    }
}

impl From<Vec<(u32, Bin)>> for QuantileBins {
    /// A bin that does not exist is not from saved bins: its losses go to the last one, above every loss, where they show.
    fn from(saved: Vec<(u32, Bin)>) -> Self {
        let mut bins = QuantileBins::new();
        for (index, bin) in saved {
            let within = (1 << WITHIN) - 1;
            let bin = Bin { low: bin.low.min(within), high: bin.high.min(within), ..bin };
            bins.bin((index as usize).min(PAGES * BINS - 1)).merge(&bin);
        }
        bins
    }
}

#[cfg(test)]
mod tests {
    //! Guards: bins are where they should be for every `f64`, and their means and extremes are exact.
    #![allow(clippy::float_cmp, reason = "the promise is equality to the bit")]
    use super::*;
    use proptest::prelude::*;

    fn groups(losses: &[f64]) -> Vec<Group> {
        let mut bins = QuantileBins::new();
        bins.record(losses, &vec![1.0; losses.len()]);
        let mut groups = Vec::new();
        bins.descend(|group| {
            groups.push(group);
            ControlFlow::Continue(())
        });
        groups
    }

    #[test]
    fn nothing_is_out_of_range() {
        let all =
            [f64::NEG_INFINITY, f64::MIN, -1.0, -0.0, 0.0, 5e-324, 1.0, f64::MAX, f64::INFINITY, f64::NAN, -f64::NAN];
        let groups = groups(&all);
        assert_eq!(groups.iter().map(|group| group.tally.count()).sum::<u64>(), all.len() as u64);
        assert!(groups[0].mean.is_nan() && groups[0].tally.count() == 2);
        assert_eq!((groups[1].mean, groups[2].mean, groups[3].mean), (f64::INFINITY, f64::MAX, 1.0));
        assert_eq!(groups.last().unwrap().mean, f64::NEG_INFINITY);
    }

    #[test]
    fn the_mean_of_a_bin_is_exact() {
        let within = [1000.0, 1000.25, 1000.875];
        let groups = groups(&within);
        assert_eq!(groups.len(), 1);
        assert_eq!((groups[0].low, groups[0].high), (1000.0, 1000.875));
        // The exact mean, 3001.125 / 3, to the rounding of three operations.
        assert!((groups[0].mean - 3001.125 / 3.0).abs() < 3.0 * f64::EPSILON * 1024.0);
    }

    proptest! {
        #[test]
        fn ranks_are_in_the_order_of_losses(a in prop::num::f64::ANY, b in prop::num::f64::ANY) {
            prop_assert_eq!(rank(a).cmp(&rank(b)), a.total_cmp(&b));
            prop_assert_eq!(loss(rank(a)).to_bits(), a.to_bits());
        }

        #[test]
        fn bins_have_their_relative_width(losses in prop::collection::vec(prop::num::f64::NORMAL, 1..20)) {
            let groups = groups(&losses);
            for loss in &losses {
                let holds: Vec<&Group> = groups.iter().filter(|group| group.low <= *loss && *loss <= group.high).collect();
                prop_assert_eq!(holds.len(), 1);
                prop_assert!(holds[0].high - holds[0].low < loss.abs() / 512.0);
                prop_assert!(holds[0].low <= holds[0].mean && holds[0].mean <= holds[0].high);
            }
        }
    }
}
