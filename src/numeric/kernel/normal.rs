//! The standard normal distribution and its quantile.

use super::{exp, horner, ln};

/// Coefficients of Wichura's algorithm AS 241 (PPND16): numerator and denominator for the middle, the tails, and
/// the far tails.
#[allow(clippy::excessive_precision, reason = "the coefficients as they were published")]
const MIDDLE: [[f64; 8]; 2] = [
    [
        3.3871328727963666080,
        1.3314166789178437745e2,
        1.9715909503065514427e3,
        1.3731693765509461125e4,
        4.5921953931549871457e4,
        6.7265770927008700853e4,
        3.3430575583588128105e4,
        2.5090809287301226727e3,
    ],
    [
        1.0,
        4.2313330701600911252e1,
        6.8718700749205790830e2,
        5.3941960214247511077e3,
        2.1213794301586595867e4,
        3.9307895800092710610e4,
        2.8729085735721942674e4,
        5.2264952788528545610e3,
    ],
];
#[allow(clippy::excessive_precision, reason = "the coefficients as they were published")]
const TAIL: [[f64; 8]; 2] = [
    [
        1.42343711074968357734,
        4.63033784615654529590,
        5.76949722146069140550,
        3.64784832476320460504,
        1.27045825245236838258,
        2.41780725177450611770e-1,
        2.27238449892691845833e-2,
        7.74545014278341407640e-4,
    ],
    [
        1.0,
        2.05319162663775882187,
        1.67638483018380384940,
        6.89767334985100004550e-1,
        1.48103976427480074590e-1,
        1.51986665636164571966e-2,
        5.47593808499534494600e-4,
        1.05075007164441684324e-9,
    ],
];
#[allow(clippy::excessive_precision, reason = "the coefficients as they were published")]
const FAR: [[f64; 8]; 2] = [
    [
        6.65790464350110377720,
        5.46378491116411436990,
        1.78482653991729133580,
        2.96560571828504891230e-1,
        2.65321895265761230930e-2,
        1.24266094738807843860e-3,
        2.71155556874348757815e-5,
        2.01033439929228813265e-7,
    ],
    [
        1.0,
        5.99832206555887937690e-1,
        1.36929880922735805310e-1,
        1.48753612908506148525e-2,
        7.86869131145613259100e-4,
        1.84631831751005468180e-5,
        1.42151175831644588870e-7,
        2.04426310338993978564e-15,
    ],
];

/// The standard normal quantile: z with P(Z <= z) = p.
///
/// Range: p in \[0, 1\]; the ends give -inf and inf, anything outside NaN. Relative error below 1e-15 down to the
/// smallest positive p (for p close to 1 the spacing of p itself is what limits the upper tail: pass the small
/// probability and change the sign). Source: M. J. Wichura, Algorithm AS 241, Applied Statistics 37 (1988) 477-484,
/// doi:10.2307/2347330.
///
/// ```
/// use haircut::numeric::kernel::normal_quantile;
/// assert_eq!(normal_quantile(0.5), 0.0);
/// assert!((normal_quantile(0.975) - 1.959963984540054).abs() < 1e-14);
/// ```
#[inline(always)]
#[must_use]
pub fn normal_quantile(p: f64) -> f64 {
    if is_middle(p) { quantile_middle(p) } else { quantile_tail(p) }
}

/// Where AS 241 uses its middle formula; not so for NaN.
#[inline(always)]
pub(super) fn is_middle(p: f64) -> bool {
    (p - 0.5).abs() <= 0.425
}

#[inline(always)]
pub(super) fn quantile_middle(p: f64) -> f64 {
    let q = p - 0.5;
    let r = q.mul_add(-q, 0.180625);
    q * horner(r, &MIDDLE[0]) / horner(r, &MIDDLE[1])
}

/// For p outside the middle, 0 and 1 and what is no probability included.
#[inline(always)]
pub(super) fn quantile_tail(p: f64) -> f64 {
    let q = p - 0.5;
    let small = if q < 0.0 { p } else { 1.0 - p };
    let root = (-ln(small)).sqrt();
    let far = root > 5.0;
    let r = root - 1.6;
    let (near_over, near_under) = (horner(r, &TAIL[0]), horner(r, &TAIL[1]));
    let r = root - 5.0;
    let (far_over, far_under) = (horner(r, &FAR[0]), horner(r, &FAR[1]));
    let over = if far { far_over } else { near_over };
    let under = if far { far_under } else { near_under };
    // At 0 and 1 the root is infinite, and the ratio of two infinities would be NaN.
    let z = if small == 0.0 { f64::INFINITY } else { over / under };
    z.copysign(q)
}

/// Coefficients in t = (x - 5) / (x + 5) of (x + 5) exp(x^2 / 2) P(Z > x) for x >= 0: the Chebyshev expansion of
/// degree 24 over t in [-1, 1], computed with 60 digits and written in powers of t; its relative error is 5e-17.
const MILLS: [f64; 25] = [
    0.769193049750063,
    -0.665382502890057,
    0.49530561596997624,
    -0.3135331566712814,
    0.16502036617039925,
    -0.06911863870707162,
    0.020795066799424885,
    -0.002993376758978478,
    -0.000797869391016416,
    0.0005448989683735629,
    -5.937579729300215e-05,
    -4.9762327924579515e-05,
    1.6681606239553063e-05,
    3.979361513829216e-06,
    -2.7706673577333692e-06,
    -3.335427141231054e-07,
    4.3630855178173227e-07,
    3.8571448567257587e-08,
    -7.037836390945866e-08,
    -6.940847374044867e-09,
    1.1239006700979712e-08,
    1.2713759260278231e-09,
    -1.5336075571599545e-09,
    -1.331210743010702e-10,
    1.2469361647253148e-10,
];

/// The standard normal distribution function P(Z <= x).
///
/// P(Z > x) = exp(-x^2 / 2) R(x) for x >= 0, with R (half the scaled complementary error function) from a polynomial in
/// (x - 5) / (x + 5). Relative error below 1e-15 in both tails, as long as the result is a normal number (x > -37.5);
/// for the upper tail use [`normal_survival`].
///
/// ```
/// use haircut::numeric::kernel::normal_cdf;
/// assert_eq!(normal_cdf(0.0), 0.5);
/// assert!((normal_cdf(-10.0) / 7.61985302416052606597e-24 - 1.0).abs() < 1e-14);
/// ```
#[inline(always)]
#[must_use]
pub fn normal_cdf(x: f64) -> f64 {
    // Beyond 40 the tail rounds to zero. NaN passes through.
    let size = x.abs();
    let size = if size > 40.0 { 40.0 } else { size };
    let inverse = 1.0 / (size + 5.0);
    let ratio = horner((size - 5.0) * inverse, &MILLS) * inverse;
    // exp magnifies the rounding error of x^2 by x^2: carry what the square lost.
    let square = size * size;
    let lost = size.mul_add(size, -square);
    let density = exp(-0.5 * square);
    let density = (density * -0.5).mul_add(lost, density);
    let tail = density * ratio;
    let tail = if size == 0.0 { 0.5 } else { tail };
    if x > 0.0 { 1.0 - tail } else { tail }
}

/// P(Z > x), without the cancellation of `1 - normal_cdf(x)` in the upper tail.
#[inline(always)]
#[must_use]
pub fn normal_survival(x: f64) -> f64 {
    normal_cdf(-x)
}
