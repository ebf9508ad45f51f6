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
//! | function | largest error | over |
//! | --- | --- | --- |
//! | [`exp`] | 1.1 ulp | all reals; gradual underflow and overflow as IEEE has them |
//! | [`exp_m1`] | 2 ulp | all reals |
//! | [`ln`] | 1 ulp | all positive reals, subnormals included |
//! | [`ln_1p`] | 2 ulp | above -1 |
//! | [`sin_cos_2pi`] | 3e-16 absolute | all reals |
//! | [`normal_quantile`] | 4e-15 relative | (0, 1), down to the smallest positive number |
//! | [`normal_cdf`] | 1e-14 relative | all reals, both tails, while the result is a normal number |

mod exp;
mod ln;
mod normal;
mod slices;
mod trig;

pub use exp::{exp, exp_m1};
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
