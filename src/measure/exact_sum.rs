//! A sum of floating-point numbers that does not depend on their order.

use serde::{Deserialize, Serialize};

/// Bits of a chunk; an `i64` holds one with room for `2^30` carries.
const BITS: usize = 32;
/// `2^-1074` to `2^1024` are 2098 bits, and as many numbers as there ever will be add less than 64 more.
const CHUNKS: usize = 68;
/// So many numbers may be added before the carries are moved on.
const ROOM: u32 = 1 << 30;

/// An exact sum of `f64`s, rounded once at the end.
///
/// What a plain sum gets wrong is its last bits, which change with the order and the grouping of the terms: a run
/// on eight threads, or merged from shards, would not repeat. Here every partial sum is exact, so adding and
/// merging are associative and commutative to the bit.
///
/// The sum is a fixed-point integer in units of `2^-1074` that spans the whole range of `f64`, kept in chunks of 32 bits
/// whose carries wait in the upper half (the small superaccumulator of R. M. Neal, *Fast exact summation using small and large
/// superaccumulators*, 2015, [arXiv:1505.05571](https://arxiv.org/abs/1505.05571)). Infinities and NaN are remembered and win at the end: an
/// infinity gives that infinity, both of them or a NaN give NaN.
///
/// Why not the crate `xsum` (0.1.6), the same algorithm: its accumulators can neither be merged nor saved.
///
/// An addition costs about 3 ns. Sums over paths do it once per block: [`block_sum`] adds the block's values first.
///
/// ```
/// use haircut::measure::ExactSum;
/// let mut sum = ExactSum::new();
/// for term in [1e300, 1.0, -1e300] {
///     sum.add(term);
/// }
/// assert_eq!(sum.value(), 1.0);
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Form", into = "Form")]
pub struct ExactSum {
    chunks: [i64; CHUNKS],
    /// Numbers added since the carries were moved on.
    pending: u32,
    special: Special,
}

/// Which terms were no finite numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Special {
    infinity: bool,
    minus_infinity: bool,
    not_a_number: bool,
}

impl ExactSum {
    /// The sum of nothing.
    #[must_use]
    pub const fn new() -> Self {
        let special = Special { infinity: false, minus_infinity: false, not_a_number: false };
        ExactSum { chunks: [0; CHUNKS], pending: 0, special }
    }

    /// Adds one term.
    #[inline]
    pub fn add(&mut self, term: f64) {
        let bits = term.to_bits();
        let exponent = (bits >> 52) as usize & 0x7ff;
        let fraction = bits & ((1 << 52) - 1);
        if exponent == 0x7ff {
            self.special.not_a_number |= fraction != 0;
            self.special.infinity |= term == f64::INFINITY;
            self.special.minus_infinity |= term == f64::NEG_INFINITY;
            return;
        }
        if self.pending >= ROOM {
            self.carry();
        }
        self.pending += 1;
        // A subnormal has the unit of exponent 1 and no leading one.
        let (mantissa, position) = if exponent == 0 { (fraction, 0) } else { (fraction | 1 << 52, exponent - 1) };
        let wide = u128::from(mantissa) << (position % BITS);
        let sign = (bits as i64) >> 63;
        let first = position / BITS;
        for (chunk, part) in self.chunks[first..first + 3].iter_mut().zip([wide, wide >> 32, wide >> 64]) {
            *chunk += (i64::from(part as u32) ^ sign) - sign;
        }
    }

    /// Adds the terms of another sum.
    pub fn merge(&mut self, other: &ExactSum) {
        self.special.not_a_number |= other.special.not_a_number;
        self.special.infinity |= other.special.infinity;
        self.special.minus_infinity |= other.special.minus_infinity;
        if self.pending >= ROOM - other.pending.min(ROOM) {
            self.carry();
        }
        // Another sum without pending terms still fills its chunks.
        let pending = other.pending + 1;
        if pending > ROOM {
            let mut other = other.clone();
            other.carry();
            return self.merge(&other);
        }
        self.pending += pending;
        for (chunk, more) in self.chunks.iter_mut().zip(&other.chunks) {
            *chunk += more;
        }
    }

    /// The sum, rounded once to the nearest `f64` (ties to even); an infinity where it is out of range.
    #[must_use]
    pub fn value(&self) -> f64 {
        match self.special {
            Special { not_a_number: true, .. } | Special { infinity: true, minus_infinity: true, .. } => f64::NAN,
            Special { infinity: true, .. } => f64::INFINITY,
            Special { minus_infinity: true, .. } => f64::NEG_INFINITY,
            Special { .. } => self.finite(),
        }
    }

    fn finite(&self) -> f64 {
        let mut sum = self.clone();
        sum.carry();
        let negative = sum.chunks[CHUNKS - 1] < 0;
        if negative {
            sum.chunks.iter_mut().for_each(|chunk| *chunk = -*chunk);
            sum.carry();
        }
        let chunks = &sum.chunks;
        let Some(top) = chunks.iter().rposition(|chunk| *chunk != 0) else {
            return 0.0;
        };
        let part = |down: usize| top.checked_sub(down).map_or(0, |position| chunks[position] as u128);
        let leading = part(0) << 64 | part(1) << 32 | part(2);
        let below = chunks[..top.saturating_sub(2)].iter().any(|chunk| *chunk != 0);
        // The bit 0 of `leading` has this position, in units of 2^-1074 (it may be negative).
        let unit = (top as i64 - 2) * BITS as i64;
        let length = 128 - i64::from(leading.leading_zeros());

        let magnitude = if unit + length <= 53 {
            // All bits fit: such an integer is the very bit pattern of the number.
            f64::from_bits((leading >> (-unit)) as u64)
        } else {
            let shift = length - 53;
            let mantissa = (leading >> shift) as u64;
            let rest = leading & ((1 << shift) - 1);
            let half = 1 << (shift - 1);
            let up = rest > half || (rest == half && (below || mantissa & 1 == 1));
            let exponent = unit + shift;
            if exponent + 1 >= 0x7ff {
                f64::INFINITY
            } else {
                // The leading one adds 1 to the exponent, and so does a mantissa that rounds up to 2^53.
                f64::from_bits(((exponent as u64) << 52) + mantissa + u64::from(up))
            }
        };
        if negative { -magnitude } else { magnitude }
    }

    /// Moves the carries on, which leaves the one form in which every chunk but the last is in `0 .. 2^32`.
    fn carry(&mut self) {
        let mut carry = 0;
        for chunk in &mut self.chunks[..CHUNKS - 1] {
            let sum = *chunk + carry;
            *chunk = sum & ((1 << BITS) - 1);
            carry = sum >> BITS;
        }
        self.chunks[CHUNKS - 1] += carry;
        self.pending = 0;
    }
}

impl Default for ExactSum {
    fn default() -> Self {
        Self::new()
    }
}

/// Equal sums, however they came about.
impl PartialEq for ExactSum {
    fn eq(&self, other: &Self) -> bool {
        let (mut a, mut b) = (self.clone(), other.clone());
        a.carry();
        b.carry();
        a.chunks == b.chunks && a.special == b.special
    }
}

impl Extend<f64> for ExactSum {
    fn extend<I: IntoIterator<Item = f64>>(&mut self, terms: I) {
        terms.into_iter().for_each(|term| self.add(term));
    }
}

impl FromIterator<f64> for ExactSum {
    fn from_iter<I: IntoIterator<Item = f64>>(terms: I) -> Self {
        let mut sum = Self::new();
        sum.extend(terms);
        sum
    }
}

/// The saved form: the chunks from the first that is not zero, and nothing where all are.
#[derive(Serialize, Deserialize)]
struct Form {
    first: usize,
    chunks: Vec<i64>,
    special: Special,
}

impl From<ExactSum> for Form {
    fn from(mut sum: ExactSum) -> Form {
        sum.carry();
        let first = sum.chunks.iter().position(|chunk| *chunk != 0).unwrap_or(0);
        let end = sum.chunks.iter().rposition(|chunk| *chunk != 0).map_or(0, |last| last + 1);
        Form { first, chunks: sum.chunks[first.min(end)..end].to_vec(), special: sum.special }
    }
}

impl From<Form> for ExactSum {
    /// Chunks beyond the range, or larger than a chunk, are not from a saved sum: they are cut, never a panic.
    fn from(form: Form) -> ExactSum {
        let mut sum = ExactSum { special: form.special, ..ExactSum::new() };
        for (chunk, saved) in sum.chunks.iter_mut().skip(form.first).zip(form.chunks) {
            *chunk = saved.clamp(-(1 << 40), 1 << 40);
        }
        sum.carry();
        sum
    }
}

crate::vectorised! {
    /// The sum of a block's values in one fixed order, which the compiler can vectorise.
    ///
    /// Value `i` goes to the partial sum `i % 8`; the eight partial sums `s` are added as
    /// `((s0 + s4) + (s2 + s6)) + ((s1 + s5) + (s3 + s7))`. The order depends on nothing but the length, so a block's sum has
    /// the same bits everywhere; blocks are then added in an [`ExactSum`].
    pub fn block_sum(values: &[f64]) -> f64 {
        let mut s = [0.0; 8];
        let eights = values.chunks_exact(8);
        let rest = eights.remainder();
        for eight in eights {
            for k in 0..8 {
                s[k] += eight[k];
            }
        }
        for (s, value) in s.iter_mut().zip(rest) {
            *s += value;
        }
        ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))
    }
}

#[cfg(test)]
mod tests {
    //! Guards: the value is the exact sum rounded once, in the whole range, whatever the order and grouping. A test
    //! with friendly numbers would pass for a plain sum too, so the terms cancel and span many exponents.
    #![allow(clippy::float_cmp, reason = "the promise is equality to the bit")]
    use super::*;
    use crate::numeric::Level;
    use proptest::prelude::*;

    fn sum(terms: &[f64]) -> f64 {
        terms.iter().copied().collect::<ExactSum>().value()
    }

    #[test]
    fn single_numbers_come_back() {
        for term in [0.0, 1.0, -1.5, 0.1, f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324, -5e-324, 4.4e-308, 1e-310] {
            assert_eq!(sum(&[term]).to_bits(), term.to_bits(), "{term:e}");
        }
        assert_eq!(sum(&[-0.0]).to_bits(), 0.0_f64.to_bits());
        assert_eq!(sum(&[]).to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn rounds_once_to_nearest_even() {
        let ulp = f64::EPSILON;
        assert_eq!(sum(&[1.0, ulp / 2.0]), 1.0);
        assert_eq!(sum(&[1.0 + ulp, ulp / 2.0]), 1.0 + 2.0 * ulp);
        assert_eq!(sum(&[1.0, ulp / 2.0, 5e-324]), 1.0 + ulp);
        assert_eq!(sum(&[1.0, ulp / 2.0, -5e-324]), 1.0);
        assert_eq!(sum(&[-1.0, -ulp / 2.0, -5e-324]), -1.0 - ulp);
        // All ones: rounding carries into the next power of two.
        assert_eq!(sum(&[9_007_199_254_740_991.0, 0.5]), 9_007_199_254_740_992.0);
    }

    #[test]
    fn the_ends_of_the_range() {
        assert_eq!(sum(&[f64::MAX, f64::MAX]), f64::INFINITY);
        assert_eq!(sum(&[f64::MIN, f64::MIN]), f64::NEG_INFINITY);
        assert_eq!(sum(&[f64::MAX, f64::MAX, -f64::MAX]), f64::MAX);
        // Half an ulp above the largest number rounds to infinity, less than that does not.
        let ulp = f64::MAX - f64::from_bits(f64::MAX.to_bits() - 1);
        assert_eq!(sum(&[f64::MAX, ulp / 2.0]), f64::INFINITY);
        assert_eq!(sum(&[f64::MAX, ulp / 2.0, -5e-324]), f64::MAX);
        assert_eq!(sum(&[1e-310, -1e-310, 5e-324]), 5e-324);
        assert_eq!(sum(&[f64::MIN_POSITIVE, -5e-324]), f64::from_bits((1 << 52) - 1));
    }

    #[test]
    fn what_is_no_number_is_remembered() {
        assert_eq!(sum(&[1.0, f64::INFINITY, -1e300]), f64::INFINITY);
        assert_eq!(sum(&[f64::NEG_INFINITY, 1.0]), f64::NEG_INFINITY);
        assert!(sum(&[f64::NEG_INFINITY, 1.0, f64::INFINITY]).is_nan());
        assert!(sum(&[f64::NAN, f64::INFINITY]).is_nan());
    }

    #[test]
    fn carries_are_moved_on_in_time() {
        // As many of the largest chunk as one can hold, by merging: doubling 40 times.
        let mut doubling = sum_of(f64::MAX);
        let mut small = sum_of(-1.0);
        for _ in 0..40 {
            let copy = doubling.clone();
            doubling.merge(&copy);
            let copy = small.clone();
            small.merge(&copy);
        }
        assert_eq!(small.value(), -(2.0_f64.powi(40)));
        assert_eq!(doubling.value(), f64::INFINITY);
        let mut back = sum_of(-f64::MAX);
        for _ in 0..40 {
            let copy = back.clone();
            back.merge(&copy);
        }
        back.add(3.0);
        doubling.merge(&back);
        assert_eq!(doubling.value(), 3.0);
    }

    fn sum_of(term: f64) -> ExactSum {
        [term].into_iter().collect()
    }

    #[test]
    fn block_sums_have_the_same_bits_at_every_level() {
        let values: Vec<f64> = (0..256).map(|i| (f64::from(i) * 0.7 - 61.3) / 3.0).collect();
        let highest = Level::current();
        for length in [0, 1, 7, 8, 9, 100, 255, 256] {
            let mut sums = Vec::new();
            for level in Level::available() {
                level.set().unwrap();
                sums.push(block_sum(&values[..length]).to_bits());
            }
            highest.set().unwrap();
            assert!(sums.iter().all(|bits| *bits == sums[0]));
            // Each of at most 256 / 8 + 3 additions rounds by half an ulp of at most the sum of magnitudes.
            let magnitude: f64 = values[..length].iter().map(|x| x.abs()).sum();
            assert!((f64::from_bits(sums[0]) - sum(&values[..length])).abs() <= 35.0 * f64::EPSILON * magnitude);
        }
    }

    /// Numbers whose sum an `i128` holds exactly in units of `2^-60`.
    fn moderate() -> impl Strategy<Value = f64> {
        ((-(1_i64 << 53))..(1_i64 << 53), -60_i32..11)
            .prop_map(|(mantissa, exponent)| mantissa as f64 * 2.0_f64.powi(exponent))
    }

    fn wild() -> impl Strategy<Value = f64> {
        use prop::num::f64::{NEGATIVE, NORMAL, POSITIVE, SUBNORMAL, ZERO};
        prop_oneof![POSITIVE | NEGATIVE | NORMAL | SUBNORMAL | ZERO, -10.0..10.0_f64]
    }

    proptest! {
        #[test]
        fn the_value_is_the_exact_sum_rounded_once(terms in prop::collection::vec(moderate(), 0..60)) {
            let units: i128 = terms.iter().map(|term| (term * 2.0_f64.powi(60)) as i128).sum();
            prop_assert_eq!(sum(&terms), units as f64 / 2.0_f64.powi(60));
        }

        #[test]
        fn any_order_and_grouping_gives_the_same_bits(
            terms in prop::collection::vec(wild(), 0..80),
            keys in prop::collection::vec(any::<(u32, u8)>(), 80),
        ) {
            let whole = sum(&terms);
            let mut order: Vec<usize> = (0..terms.len()).collect();
            order.sort_by_key(|i| keys[*i].0);
            let mut groups = vec![ExactSum::new(); 8];
            for i in order {
                groups[usize::from(keys[i].1 % 8)].add(terms[i]);
            }
            let mut merged = ExactSum::new();
            // Grouped as a tree, through the saved form.
            for pair in groups.chunks(2) {
                let text = serde_json::to_string(&pair[0]).unwrap();
                let mut half: ExactSum = serde_json::from_str(&text).unwrap();
                half.merge(&pair[1]);
                merged.merge(&half);
            }
            prop_assert_eq!(merged.value().to_bits(), whole.to_bits());
            prop_assert_eq!(merged, terms.iter().copied().collect::<ExactSum>());
        }

        #[test]
        fn a_sum_and_its_opposite_cancel(terms in prop::collection::vec(wild(), 0..80), rest in wild()) {
            let mut all = terms.clone();
            all.push(rest);
            all.extend(terms.iter().rev().map(|term| -term));
            prop_assert_eq!(sum(&all), rest);
        }
    }
}
