//! Elementary functions.

/// e^x (interim).
#[inline(always)]
#[must_use]
pub fn exp(x: f64) -> f64 {
    x.exp()
}
