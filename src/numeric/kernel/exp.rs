//! The exponential.

use super::{LN_2_HIGH, LN_2_LOW, horner};
use std::f64::consts::LOG2_E;

/// 1.5 * 2^52 + 2046. Adding it rounds to an integer n and leaves n + 2046, twice the exponent bias more than
/// n, in the low bits: no conversion between integers and floats, which AVX2 lacks for 64 bits.
const ROUND: f64 = 6_755_399_441_055_744.0 + 2046.0;

/// Minimax coefficients of (exp(r) - 1 - r) / r^2 on |r| <= ln(2) / 2.
const TERMS: [f64; 10] = [
    0.5000000000000001,
    0.16666666666666669,
    0.041666666666624164,
    0.008333333333330065,
    0.0013888888917196719,
    0.00019841269863040545,
    2.4801521322368692e-05,
    2.7557268480310024e-06,
    2.7620075879983367e-07,
    2.5100375832561234e-08,
];

/// exp(r) - 1 of the remainder r = x - exponent ln 2.
#[inline(always)]
fn remainder_tail(x: f64, exponent: f64) -> f64 {
    let r = exponent.mul_add(-LN_2_HIGH, x);
    let r = exponent.mul_add(-LN_2_LOW, r);
    horner(r, &TERMS).mul_add(r * r, r)
}

/// exp(x) = (1 + tail) * first * second: `tail` is exp(r) - 1 for the remainder r of x by ln 2, and the power
/// of two comes as two factors, neither of which over- or underflows where their product may.
#[inline(always)]
fn parts(x: f64) -> (f64, f64, f64) {
    // Outside, exp is infinite or rounds to zero all the same. NaN passes through both selections.
    let x = if x > 710.0 { 710.0 } else { x };
    let x = if x < -746.0 { -746.0 } else { x };
    let rounded = x.mul_add(LOG2_E, ROUND);
    let tail = remainder_tail(x, rounded - ROUND);
    let bits = rounded.to_bits();
    let half = bits >> 1;
    (tail, f64::from_bits(half << 52), f64::from_bits(bits.wrapping_sub(half) << 52))
}

/// e to the power x.
///
/// exp(x) = 2^n exp(r) with n = round(x / ln 2) and r = x - n ln 2, |r| <= ln(2) / 2, and a polynomial of degree 11
/// for exp(r). Largest error 1.1 ulp. Over- and underflow are IEEE's: above 709.78 infinity, below -708.4 subnormal
/// numbers, below -745.13 zero; exp(NaN) is NaN.
///
/// ```
/// use haircut::numeric::kernel::exp;
/// assert_eq!(exp(0.0), 1.0);
/// assert_eq!(exp(f64::NEG_INFINITY), 0.0);
/// ```
#[inline(always)]
#[must_use]
pub fn exp(x: f64) -> f64 {
    let (tail, first, second) = parts(x);
    tail.mul_add(first, first) * second
}

/// Where [`exp_bounded`] stops following its argument.
const BOUND: f64 = 700.0;

/// e to the power of x held within -700 and 700, for factors that must stay finite and above zero. The bits of
/// `exp(x.clamp(-700.0, 700.0))`, at less than the cost of [`exp`]: nothing over- or underflows there. exp_bounded(NaN) is NaN.
///
/// ```
/// use haircut::numeric::kernel::{exp, exp_bounded};
/// assert_eq!(exp_bounded(-3.7), exp(-3.7));
/// assert_eq!(exp_bounded(f64::INFINITY), exp(700.0));
/// ```
#[inline(always)]
#[must_use]
pub fn exp_bounded(x: f64) -> f64 {
    let x = if x > BOUND { BOUND } else { x };
    let x = if x < -BOUND { -BOUND } else { x };
    let rounded = x.mul_add(LOG2_E, ROUND);
    let tail = remainder_tail(x, rounded - ROUND);
    // One factor 2^n, its biased exponent n + 1023.
    let power = f64::from_bits(rounded.to_bits().wrapping_sub(1023) << 52);
    tail.mul_add(power, power)
}

/// exp(x) - 1, without the cancellation near zero.
///
/// Largest error 2.5 ulp. exp_m1(-inf) = -1, exp_m1(-0) = -0, exp_m1(NaN) is NaN.
///
/// ```
/// use haircut::numeric::kernel::exp_m1;
/// assert_eq!(exp_m1(1e-20), 1e-20);
/// ```
#[inline(always)]
#[must_use]
pub fn exp_m1(x: f64) -> f64 {
    let (tail, first, second) = parts(x);
    // (1 + tail) * first * second - 1 with the 1 drawn inside: first - 1 / second, where both are powers of two.
    let inverse = f64::from_bits((2046_u64 << 52).wrapping_sub(second.to_bits()));
    let y = tail.mul_add(first, first - inverse) * second;
    if x == 0.0 { x } else { y }
}
