//! How often did it happen? An exact count of weighted events.

use super::sample::ones;
use super::{Confidence, Estimate};
use serde::{Deserialize, Serialize};

/// Binary places of a weight.
const WEIGHT_PLACES: u32 = 64;
/// Binary places of a squared weight.
const SQUARE_PLACES: u32 = 80;

/// An exact counter of weighted events: how many there were, the sum of their weights, and of the squares.
///
/// Each weight is rounded once, to a multiple of `2^-64` (its square to a multiple of `2^-80`); the sums are
/// integers, so adding and merging are associative and commutative to the bit. With all weights 1 the sum is the count,
/// exactly.
///
/// **Range.** Weights are zero or above. One below `2^-40`, about 1e-12, loses relative precision, and below `2^-65` it
/// rounds to zero; the event is counted all the same. Sums are held up to `2^64` (squares: `2^48`, enough for 1e10 paths of mean squared weight
/// 28,000); what goes beyond, a negative weight, or one that is no number, makes the sum infinite and every estimate from it undefined:
/// saturation is associative too.
///
/// **In files** a tally of plain events is its count; sums that a count does not tell are written as decimal text, since many
/// readers of JSON know no integer of 128 bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Form", into = "Form")]
pub struct Tally {
    count: u64,
    weight: u128,
    squares: u128,
}

/// A [`Tally`] in a file.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Form {
    Count(u64),
    Sums {
        count: u64,
        #[serde(with = "decimal")]
        weight: u128,
        #[serde(with = "decimal")]
        squares: u128,
    },
}

impl From<Tally> for Form {
    fn from(tally: Tally) -> Self {
        let Tally { count, weight, squares } = tally;
        if tally.all_ones() { Form::Count(count) } else { Form::Sums { count, weight, squares } }
    }
}

impl From<Form> for Tally {
    fn from(form: Form) -> Self {
        match form {
            Form::Count(count) => Tally::of(count),
            Form::Sums { count, weight, squares } => Tally { count, weight, squares },
        }
    }
}

/// 128-bit integers as decimal text.
pub(super) mod decimal {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(in super::super) fn serialize<S: Serializer>(units: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(units)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl Tally {
    /// Nothing happened yet.
    #[must_use]
    pub const fn new() -> Self {
        Tally { count: 0, weight: 0, squares: 0 }
    }

    /// So many events of weight 1.
    #[must_use]
    pub const fn of(count: u64) -> Self {
        Tally { count, weight: (count as u128) << WEIGHT_PLACES, squares: (count as u128) << SQUARE_PLACES }
    }

    /// Counts one event.
    #[inline]
    pub fn add(&mut self, weight: f64) {
        self.merge(&Self::one(weight));
    }

    /// One event.
    #[inline]
    #[must_use]
    #[expect(clippy::float_cmp, reason = "the weight of an ordinary path is 1 exactly")]
    pub fn one(weight: f64) -> Self {
        if weight == 1.0 {
            return Self::of(1);
        }
        Tally { count: 1, weight: to_fixed(weight, WEIGHT_PLACES), squares: to_fixed(weight * weight, SQUARE_PLACES) }
    }

    /// Adds the events of another tally.
    #[inline]
    pub fn merge(&mut self, other: &Tally) {
        self.count = self.count.saturating_add(other.count);
        self.weight = self.weight.saturating_add(other.weight);
        self.squares = self.squares.saturating_add(other.squares);
    }

    /// How many events there were, whatever their weights.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The sum of the weights.
    #[must_use]
    pub fn weight(&self) -> f64 {
        from_fixed(self.weight, WEIGHT_PLACES)
    }

    /// The sum of the squared weights.
    #[must_use]
    pub fn squared_weight(&self) -> f64 {
        from_fixed(self.squares, SQUARE_PLACES)
    }

    /// The sum of the weights as it is kept: in units of `2^-64`.
    #[inline]
    pub(super) fn units(&self) -> u128 {
        self.weight
    }

    /// The events of one block, one for each weight.
    pub(super) fn block(weights: &[f64]) -> Self {
        if ones(weights) {
            return Self::of(weights.len() as u64);
        }
        let mut tally = Self::new();
        weights.iter().for_each(|weight| tally.add(*weight));
        tally
    }

    /// Whether all weights are 1 (or there was no event): then the sums equal the count, and only then.
    #[must_use]
    pub fn all_ones(&self) -> bool {
        *self == Self::of(self.count)
    }

    /// The probability of the event, from a run of so many paths.
    ///
    /// ```text
    /// p = W / n,   W = sum of w over the paths on which it happened
    /// ```
    ///
    /// With all weights 1 the interval is Wilson's and the standard error half its width at one standard deviation, see
    /// [`Estimate::proportion`]. Otherwise `p` is the importance-sampling estimate, unbiased because it is divided by the
    /// number of paths and not by the sum of all weights; its variance is `(sum of w^2 / n - p^2) / (n - 1)`, and the interval is Wilson's
    /// for the number of plain paths that would give this variance.
    #[must_use]
    pub fn probability(&self, paths: u64, confidence: Confidence) -> Estimate {
        if self.all_ones() {
            return Estimate::proportion(self.count, paths, confidence);
        }
        Estimate::weighted_proportion(self.weight(), self.squared_weight(), paths, confidence)
    }
}

/// `value >= 0` as a multiple of `2^-places`, rounded to nearest, ties to even; the largest `u128` where it does not fit or is no such
/// number.
#[inline]
pub(super) fn to_fixed(value: f64, places: u32) -> u128 {
    let bits = value.to_bits();
    let exponent = (bits >> 52) as i32;
    let fraction = bits & ((1 << 52) - 1);
    if value == 0.0 {
        return 0;
    }
    // The sign bit makes the exponent 2048 or more.
    if exponent >= 0x7ff {
        return u128::MAX;
    }
    let mantissa = u128::from(if exponent == 0 { fraction } else { fraction | 1 << 52 });
    let shift = exponent.max(1) - 1075 + places as i32;
    match shift {
        76.. => u128::MAX,
        0..76 => mantissa << shift,
        -54..0 => {
            let half = 1_u128 << (-shift - 1);
            let whole = mantissa >> -shift;
            (mantissa + half - u128::from(whole & 1 == 0)) >> -shift
        }
        _ => 0,
    }
}

/// What [`to_fixed`] made, rounded to the nearest `f64`; infinity where it did not fit.
#[inline]
pub(super) fn from_fixed(units: u128, places: u32) -> f64 {
    if units == u128::MAX { f64::INFINITY } else { units as f64 / (1_u128 << places) as f64 }
}

#[cfg(test)]
mod tests {
    //! Guards: counts are exact, weights are rounded once and then exact in any grouping, and what does not fit is seen.
    #![allow(clippy::float_cmp, reason = "the promise is equality to the bit")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn weights_of_one_are_the_count() {
        let mut tally = Tally::new();
        assert!(tally.all_ones());
        for _ in 0..1000 {
            tally.add(1.0);
        }
        assert_eq!((tally.count(), tally.weight(), tally.squared_weight()), (1000, 1000.0, 1000.0));
        assert!(tally.all_ones());
        assert_eq!(tally, Tally::of(1000));
        tally.add(0.5);
        assert!(!tally.all_ones());
        // The sum of weights alone would not tell: 0.5 + 1.5 = 2.
        let mut pair = Tally::one(0.5);
        pair.merge(&Tally::one(1.5));
        assert_eq!(pair.weight(), 2.0);
        assert!(!pair.all_ones());
    }

    #[test]
    fn fixed_point_rounds_to_nearest_even() {
        assert_eq!(to_fixed(0.0, 64), 0);
        assert_eq!(to_fixed(-0.0, 64), 0);
        assert_eq!(to_fixed(1.0, 64), 1 << 64);
        assert_eq!(to_fixed(3.0, 0), 3);
        assert_eq!([0.4, 0.5, 0.6, 1.5, 2.5, 2.51, 3.5].map(|x| to_fixed(x, 0)), [0, 0, 1, 2, 2, 3, 4]);
        assert_eq!(to_fixed(5e-324, 64), 0);
        assert_eq!(to_fixed(2.0_f64.powi(64) - 2048.0, 64), ((1_u128 << 64) - 2048) << 64);
    }

    #[test]
    fn what_does_not_fit_is_infinite_and_stays_so() {
        for weight in [-1.0, f64::NAN, f64::INFINITY, 2.0_f64.powi(64), -5e-324, -f64::NAN] {
            let mut tally = Tally::one(weight);
            tally.add(1.0);
            assert_eq!((tally.count(), tally.weight()), (2, f64::INFINITY), "{weight}");
            assert!(tally.probability(10, Confidence::default()).value.is_nan());
        }
        // Two halves of the range.
        let mut tally = Tally::one(2.0_f64.powi(63));
        tally.add(2.0_f64.powi(63));
        assert_eq!(tally.weight(), f64::INFINITY);
    }

    proptest! {
        #[test]
        fn any_order_and_grouping_gives_the_same(
            weights in prop::collection::vec(prop_oneof![Just(1.0), 0.0..3.0_f64, 0.0..1e-9_f64, prop::num::f64::ANY], 0..50),
            keys in prop::collection::vec(any::<(u32, u8)>(), 50),
        ) {
            let mut whole = Tally::new();
            weights.iter().for_each(|weight| whole.add(*weight));
            let mut order: Vec<usize> = (0..weights.len()).collect();
            order.sort_by_key(|i| keys[*i].0);
            let mut groups = [Tally::new(); 5];
            for i in order {
                groups[usize::from(keys[i].1 % 5)].add(weights[i]);
            }
            let mut merged = groups[4];
            merged.merge(&groups[1]);
            let mut rest = groups[2];
            rest.merge(&groups[0]);
            rest.merge(&groups[3]);
            merged.merge(&rest);
            prop_assert_eq!(merged, whole);
            prop_assert_eq!(whole.count(), weights.len() as u64);
            let text = serde_json::to_string(&whole).unwrap();
            prop_assert_eq!(serde_json::from_str::<Tally>(&text).unwrap(), whole);
        }

        #[test]
        fn fixed_point_is_within_half_a_unit(value in 0.0..1e6_f64) {
            // In 20 places the scaling is exact and the units are an exact f64.
            let units = to_fixed(value, 20) as f64;
            prop_assert_eq!(units, (value * 1_048_576.0).round_ties_even());
        }
    }
}
