//! Elementary functions whose bits do not depend on the machine.
//!
//! `exp`, `ln`, sine and cosine of a whole turn, and the standard normal distribution and its quantile, made only
//! of operations that IEEE 754 makes exact (`+ - * / sqrt`, written-out `mul_add`, comparisons, integers). So a
//! path's arithmetic gives the same bits on every machine and at every [`Level`](super::Level); the platform's
//! libm does not.
//!
//! Each function is branch-free and `#[inline(always)]`: call it in a plain loop inside a function made by
//! [`vectorised!`](crate::vectorised) and the loop becomes vector code at every level. (Called elsewhere on
//! x86-64, the result is the same, but `mul_add` is a library call: right for set-up, slow in a loop.) The slice
//! forms `*_in_place` and `*_into` are such loops already.
//!
//! | function | error promised | found | over |
//! | --- | --- | --- | --- |
//! | [`exp`] | 1.1 ulp | 1.02 | all reals; gradual underflow and overflow as IEEE has them |
//! | [`exp_bounded`] | 1.1 ulp | 1.02 | -700 to 700, and its value at the nearer end outside |
//! | [`exp_m1`] | 2.5 ulp | 2.08 | all reals |
//! | [`ln`] | 1 ulp | 0.83 | all positive reals, subnormals included |
//! | [`ln_1p`] | 2 ulp | 1.42 | above -1 |
//! | [`sin_cos_2pi`] | 3e-16 absolute | 1.5e-16 | all reals |
//! | [`normal_quantile`] | 1e-15 relative | 6.9e-16 | (0, 1), down to the smallest positive number |
//! | [`normal_cdf`] | 1e-15 relative | 7.4e-16 | all reals, both tails, while the result is a normal number |
//!
//! (Found: the largest error among 30,000 to 120,000 random arguments of each, against 160-bit values; the tests hold
//! the promises against a table of such values, and against the platform's functions on a dense grid.)
//!
//! # What the compiler turns into vectors, and what it does not
//!
//! Learned by counting instructions at each level; a loop of your own does well to keep to it.
//!
//! - Explicit `mul_add`, inside a `vectorised!` function: one instruction. Outside: a call.
//! - `if a < b { x } else { y }` with both sides computed becomes a blend; `if x > high { high } else { x }` becomes one
//!   `min` that lets NaN through. `&&` and early exits become jumps: use `&` and select at the end.
//! - No conversion between `f64` and `i64` in the loop: AVX2 has none. Add 1.5 * 2^52 and use the low bits ([`exp`]),
//!   or put an exponent of 2^52 in front of an integer ([`ln`]). Right shifts of 64-bit integers must be of `u64`.
//! - Coefficients in a `const` array, read by a loop of constant length ("Horner's scheme"): unrolled. Its long
//!   dependency chain costs nothing, since the values of a lane are independent; Estrin's shorter chain was no faster here.
//!   A scheme that folds an array level by level stayed a loop and made [`exp`] eight times slower.
//! - A state kept in a small array that is indexed by a loop variable stays in memory and the loop over lanes scalar; four
//!   named variables, or a loop over structure-of-arrays with the lane as index, become vectors (the streams' seeding
//!   went from 1.2 us to 0.15).
//! - Where an expensive branch is rare, gather its cases, compute them side by side and put them back:
//!   [`normal_quantile_in_place`] takes 2.1 ns with AVX2 where computing both branches everywhere takes 5.3.

mod exp;
mod ln;
mod normal;
mod slices;
mod trig;

pub use exp::{exp, exp_bounded, exp_m1};
pub(crate) use ln::ln_normal;
pub use ln::{ln, ln_1p};
pub use normal::{normal_cdf, normal_quantile, normal_survival};
pub use slices::{
    exp_in_place, exp_into, ln_in_place, ln_into, normal_cdf_in_place, normal_cdf_into, normal_quantile_in_place,
    normal_quantile_into, sin_cos_2pi_into,
};
pub use trig::sin_cos_2pi;
pub(crate) use trig::sin_cos_octant;

/// The upper 32 bits of ln 2: its product with an exponent is exact.
const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
/// ln 2 - [`LN_2_HIGH`].
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// c0 + x (c1 + x (c2 + ...)).
#[inline(always)]
fn horner<const TERMS: usize>(x: f64, coefficients: &[f64; TERMS]) -> f64 {
    let mut sum = coefficients[TERMS - 1];
    let mut k = TERMS - 1;
    while k > 0 {
        k -= 1;
        sum = sum.mul_add(x, coefficients[k]);
    }
    sum
}
