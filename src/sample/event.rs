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

/// Where the tries of the second gamma variate of one event begin.
const SECOND: u64 = 1 << 63;

impl StreamKey {
    /// A gamma variate with this shape and scale 1, for the `index`th event of `path`. It has the bits of that event for
    /// itself; tries that are rejected take theirs from further counters.
    ///
    /// Range: shape above 0 and finite, else NaN. Below shape 1 it is G(a + 1) U^(1/a), which may round to zero. Source:
    /// G. Marsaglia, W. W. Tsang, "A simple method for generating gamma variables", ACM TOMS 26 (2000) 363-372,
    /// doi:10.1145/358407.358414.
    #[inline(always)]
    #[must_use]
    pub fn gamma(self, path: u64, index: u64, shape: f64) -> f64 {
        exp(self.ln_gamma_variate(path, index, shape, 0))
    }

    /// A beta variate, G(a) / (G(a) + G(b)) with two gamma variates, for the `index`th event of `path`.
    ///
    /// Range: both shapes above 0 and finite, else NaN. Values closer to 0 than 1e-300 or to 1 than 1e-16 round to it.
    #[inline(always)]
    #[must_use]
    pub fn beta(self, path: u64, index: u64, a: f64, b: f64) -> f64 {
        let x = self.ln_gamma_variate(path, index, a, 0);
        let y = self.ln_gamma_variate(path, index, b, SECOND);
        // By logarithms: with small shapes both variates may round to zero, and their ratio would be lost.
        1.0 / (1.0 + exp(y - x))
    }

    #[inline(always)]
    fn ln_gamma_variate(self, path: u64, index: u64, shape: f64, first: u64) -> f64 {
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
            let ln_v = ln(v);
            // False, too, where v is not positive and its logarithm NaN.
            if ln(u) < (0.5 * z).mul_add(z, d * (1.0 - v + ln_v)) {
                // Bounded, so that a difference of two such logarithms is never inf - inf.
                let boost = if shape < 1.0 { (ln(uniform(words[3])) / shape).max(f64::MIN / 4.0) } else { 0.0 };
                return ln(d) + ln_v + boost;
            }
            attempt = attempt.wrapping_add(1);
        }
    }
}
