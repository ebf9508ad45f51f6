//! Draws for rare events: words of [`StreamKey::event`] to uniforms, normals, gamma and beta variates.
//!
//! Off the hot path: jump sizes, launch dates, recoveries.

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
        let law = GammaLaw::new(shape);
        let mut attempt = first;
        loop {
            let (is_accepted, ln_variate) = law.attempt(self.attempt(path, index, attempt));
            if is_accepted {
                return ln_variate;
            }
            attempt = attempt.wrapping_add(1);
        }
    }

    /// [`beta`](StreamKey::beta) for the events `(paths[i], indices[i])` with i below `count`, the same to the bit; the others are of no meaning. All
    /// are tried at once, which vectorises.
    #[inline(always)]
    pub(crate) fn betas<const SIZE: usize>(
        self,
        [paths, indices]: [&[u64; SIZE]; 2],
        count: usize,
        [a, b]: [f64; 2],
    ) -> [f64; SIZE] {
        let x = self.ln_gamma_variates([paths, indices], count, a, 0);
        let mut variates = self.ln_gamma_variates([paths, indices], count, b, SECOND);
        for i in 0..SIZE {
            variates[i] = 1.0 / (1.0 + exp(variates[i] - x[i]));
        }
        variates
    }

    #[inline(always)]
    fn ln_gamma_variates<const SIZE: usize>(
        self,
        [paths, indices]: [&[u64; SIZE]; 2],
        count: usize,
        shape: f64,
        first: u64,
    ) -> [f64; SIZE] {
        let mut variates = [f64::NAN; SIZE];
        if !(shape > 0.0 && shape < f64::INFINITY) {
            return variates;
        }
        let law = GammaLaw::new(shape);
        let mut pending = [0_u64; SIZE];
        pending[..count.min(SIZE)].fill(1);
        let mut attempt = first;
        while pending.iter().any(|pending| *pending != 0) {
            let mut words = [[0; SIZE]; 4];
            for i in 0..SIZE {
                [words[0][i], words[1][i], words[2][i], words[3][i]] = self.attempt(paths[i], indices[i], attempt);
            }
            for i in 0..SIZE {
                let (is_accepted, ln_variate) = law.attempt([words[0][i], words[1][i], words[2][i], words[3][i]]);
                let is_taken = (pending[i] != 0) & is_accepted;
                variates[i] = if is_taken { ln_variate } else { variates[i] };
                pending[i] = if is_accepted { 0 } else { pending[i] };
            }
            attempt = attempt.wrapping_add(1);
        }
        variates
    }
}

/// The law of a gamma variate with scale 1.
#[derive(Clone, Copy)]
struct GammaLaw {
    shape: f64,
    d: f64,
    c: f64,
    ln_d: f64,
}

impl GammaLaw {
    #[inline(always)]
    fn new(shape: f64) -> GammaLaw {
        let raised = if shape < 1.0 { shape + 1.0 } else { shape };
        let d = raised - 1.0 / 3.0;
        GammaLaw { shape, d, c: 1.0 / (9.0 * d).sqrt(), ln_d: ln(d) }
    }

    /// Whether a try is accepted; then the logarithm of the variate.
    #[inline(always)]
    fn attempt(self, words: [u64; 4]) -> (bool, f64) {
        let GammaLaw { shape, d, c, ln_d } = self;
        let (z, _) = normals(words[0], words[1]);
        let u = uniform(words[2]);
        let root = c.mul_add(z, 1.0);
        let v = root * root * root;
        let ln_v = ln(v);
        // False, too, where v is not positive and its logarithm NaN.
        let is_accepted = ln(u) < (0.5 * z).mul_add(z, d * (1.0 - v + ln_v));
        // Bounded, so that a difference of two such logarithms is never inf - inf.
        let boost = if shape < 1.0 { (ln(uniform(words[3])) / shape).max(f64::MIN / 4.0) } else { 0.0 };
        (is_accepted, ln_d + ln_v + boost)
    }
}
