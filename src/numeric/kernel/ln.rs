//! The natural logarithm.

use super::{LN_2_HIGH, LN_2_LOW, horner};

/// Minimax coefficients of (ln((1 + s) / (1 - s)) - 2 s) / s^3 in powers of s^2, on |s| <= 0.1716.
const TERMS: [f64; 8] = [
    0.6666666666666666,
    0.400000000000078,
    0.2857142856733919,
    0.22222223037807243,
    0.18181738454723026,
    0.15388834677801916,
    0.1321036048513262,
    0.13604015707124079,
];

const ONE: u64 = 0x3FF0_0000_0000_0000;
const SQRT_HALF: u64 = 0x3FE6_A09E_667F_3BCD;
const MANTISSA: u64 = 0x000F_FFFF_FFFF_FFFF;
/// The bits of 2^52; an integer below 2^52 or-ed into it makes the float 2^52 + integer.
const TWO_52: u64 = 0x4330_0000_0000_0000;

/// ln(x * 2^-shift) of a positive normal number x; anything for other numbers.
///
/// x = m 2^e with m in [sqrt(1/2), sqrt(2)), f = m - 1, s = f / (2 + f): ln(m) = 2 atanh(s) = f - s (f - s^2 P(s^2)).
#[inline(always)]
fn ln_scaled(x: f64, shift: f64) -> f64 {
    let t = x.to_bits().wrapping_add(ONE - SQRT_HALF);
    let exponent = f64::from_bits((t >> 52) | TWO_52) - (4_503_599_627_370_496.0 + 1023.0 + shift);
    let mantissa = f64::from_bits((t & MANTISSA).wrapping_add(SQRT_HALF));
    let f = mantissa - 1.0;
    let s = f / (mantissa + 1.0);
    let w = s * s;
    let t = w.mul_add(-horner(w, &TERMS), f);
    let low = s.mul_add(-t, exponent * LN_2_LOW);
    exponent.mul_add(LN_2_HIGH, f + low)
}

/// ln(x) of a positive normal number, and nothing else: for loops that know their range.
#[inline(always)]
pub(crate) fn ln_normal(x: f64) -> f64 {
    ln_scaled(x, 0.0)
}

/// The natural logarithm.
///
/// Largest error 1 ulp, subnormal numbers included. ln(0) = -inf, ln(inf) = inf; ln of a negative number or NaN is NaN.
///
/// ```
/// use haircut::numeric::kernel::ln;
/// assert_eq!(ln(1.0), 0.0);
/// assert_eq!(ln(0.0), f64::NEG_INFINITY);
/// assert!(ln(-1.0).is_nan());
/// ```
#[inline(always)]
#[must_use]
pub fn ln(x: f64) -> f64 {
    let subnormal = x < f64::MIN_POSITIVE;
    let scaled = if subnormal { x * 18_014_398_509_481_984.0 } else { x };
    let shift = if subnormal { 54.0 } else { 0.0 };
    let y = ln_scaled(scaled, shift);
    let special = if x == 0.0 { f64::NEG_INFINITY } else { f64::NAN };
    let special = if x == f64::INFINITY { x } else { special };
    if (x > 0.0) & (x < f64::INFINITY) { y } else { special }
}

/// ln(1 + x), without the cancellation near zero.
///
/// Largest error 2 ulp. ln_1p(-1) = -inf, ln_1p(inf) = inf; below -1, and of NaN, it is NaN.
///
/// ```
/// use haircut::numeric::kernel::ln_1p;
/// assert_eq!(ln_1p(1e-20), 1e-20);
/// ```
#[inline(always)]
#[must_use]
pub fn ln_1p(x: f64) -> f64 {
    let u = 1.0 + x;
    // What the sum lost: 1 + x = u + lost exactly, for either order of magnitude.
    let lost = if x > 1.0 { 1.0 - (u - x) } else { x - (u - 1.0) };
    let y = ln(u) + lost / u;
    let y = if (u > 0.0) & (u < f64::INFINITY) { y } else { ln(u) };
    if x == 0.0 { x } else { y }
}
