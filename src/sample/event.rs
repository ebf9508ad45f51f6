//! Draws for rare events: words of [`StreamKey::event`] to uniforms, normals, gamma and beta variates.
//!
//! These are scalar and off the hot path: jump sizes, launch dates, recoveries.

use super::StreamKey;
use super::stream;
use crate::numeric::kernel::{exp, ln};

/// The uniform of a word: max(k, 1/2) 2^-53 with k its upper 53 bits, so 0 < u < 1.
#[inline(always)]
#[must_use]
pub fn uniform(word: u64) -> f64 {
    stream::open_uniform(word)
}

/// The pair of independent standard normals of two words (Box-Muller).
#[inline(always)]
#[must_use]
pub fn normals(first: u64, second: u64) -> (f64, f64) {
    stream::normal_pair(first, second)
}

/// The unit exponential of a word, -ln(u).
#[inline(always)]
#[must_use]
pub fn exponential(word: u64) -> f64 {
    -ln(uniform(word))
}

impl StreamKey {
    /// A gamma variate with this shape and scale 1, for the `index`th event of `path`. It has the bits of that event for
    /// itself; tries that are rejected take theirs from further counters.
    ///
    /// Range: shape above 0, else NaN. Source: G. Marsaglia, W. W. Tsang, "A simple method for generating gamma variables", ACM TOMS
    /// 26 (2000) 363-372, doi:10.1145/358407.358414; below shape 1 by G(a) = G(a + 1) U^(1/a).
    #[must_use]
    pub fn gamma(self, path: u64, index: u64, shape: f64) -> f64 {
        self.gamma_from(path, index, shape, 0)
    }

    /// A beta variate on (0, 1), G(a) / (G(a) + G(b)), for the `index`th event of `path`.
    ///
    /// Range: both shapes above 0, else NaN.
    #[must_use]
    pub fn beta(self, path: u64, index: u64, a: f64, b: f64) -> f64 {
        const SECOND: u64 = 1 << 63;
        let x = self.gamma_from(path, index, a, 0);
        let y = self.gamma_from(path, index, b, SECOND);
        x / (x + y)
    }

    fn gamma_from(self, path: u64, index: u64, shape: f64, first: u64) -> f64 {
        if !(shape > 0.0 && shape < f64::INFINITY) {
            return f64::NAN;
        }
        let raised = if shape < 1.0 { shape + 1.0 } else { shape };
        let d = raised - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        let mut attempt = first;
        loop {
            let words = self.attempt(path, index, attempt);
            let (z, _) = normals(words[0], words[1]);
            let u = uniform(words[2]);
            let root = c.mul_add(z, 1.0);
            let v = root * root * root;
            if v > 0.0 && ln(u) < (0.5 * z).mul_add(z, d * (1.0 - v + ln(v))) {
                let boost = if shape < 1.0 { exp(ln(uniform(words[3])) / shape) } else { 1.0 };
                return d * v * boost;
            }
            attempt = attempt.wrapping_add(1);
        }
    }
}
