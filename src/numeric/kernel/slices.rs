//! The kernels over slices, compiled for every instruction set.

use super::normal::{is_middle, quantile_middle, quantile_tail};
use super::{exp, ln, normal_cdf, sin_cos_2pi};

/// Values handled at once where tails are set apart.
const CHUNK: usize = 256;

/// The quantile of each probability of a chunk: the middle formula on all, then the tails (15 % of uniform
/// probabilities) gathered, computed side by side, and put back. The same bits as one by one, in half the time.
#[inline(always)]
fn quantile_chunk(chunk: &mut [f64]) {
    let mut place = [0_usize; CHUNK];
    let mut tail = [0.5; CHUNK];
    let mut tails = 0;
    for (index, p) in chunk.iter().enumerate().take(CHUNK) {
        place[tails] = index;
        tail[tails] = *p;
        // At most `index + 1` afterwards: the next place exists as long as there is a next value.
        tails += usize::from(!is_middle(*p));
    }
    for p in chunk.iter_mut() {
        *p = quantile_middle(*p);
    }
    for p in &mut tail[..tails] {
        *p = quantile_tail(*p);
    }
    for (index, z) in place[..tails].iter().zip(&tail[..tails]) {
        chunk[*index] = *z;
    }
}

crate::vectorised! {
    /// [`exp`] of each value, in place.
    pub fn exp_in_place(values: &mut [f64]) {
        for value in values { *value = exp(*value); }
    }

    /// [`exp`] of each value of `from`, written to `to`; as many as the shorter has.
    pub fn exp_into(from: &[f64], to: &mut [f64]) {
        for (to, from) in to.iter_mut().zip(from) { *to = exp(*from); }
    }

    /// [`ln`] of each value, in place.
    pub fn ln_in_place(values: &mut [f64]) {
        for value in values { *value = ln(*value); }
    }

    /// [`ln`] of each value of `from`, written to `to`; as many as the shorter has.
    pub fn ln_into(from: &[f64], to: &mut [f64]) {
        for (to, from) in to.iter_mut().zip(from) { *to = ln(*from); }
    }

    /// [`sin_cos_2pi`] of each turn, written to `sin` and `cos`; as many as the shortest has.
    pub fn sin_cos_2pi_into(turns: &[f64], sin: &mut [f64], cos: &mut [f64]) {
        for ((turn, sin), cos) in turns.iter().zip(sin).zip(cos) {
            (*sin, *cos) = sin_cos_2pi(*turn);
        }
    }

    /// [`normal_quantile`](super::normal_quantile) of each probability, in place.
    pub fn normal_quantile_in_place(probabilities: &mut [f64]) {
        for chunk in probabilities.chunks_mut(CHUNK) {
            quantile_chunk(chunk);
        }
    }

    /// [`normal_quantile`](super::normal_quantile) of each probability, written to `to`; as many as the shorter has.
    pub fn normal_quantile_into(probabilities: &[f64], to: &mut [f64]) {
        for (to, from) in to.chunks_mut(CHUNK).zip(probabilities.chunks(CHUNK)) {
            let count = to.len().min(from.len());
            let (to, from) = (&mut to[..count], &from[..count]);
            to.copy_from_slice(from);
            quantile_chunk(to);
        }
    }

    /// [`normal_cdf`] of each value, in place.
    pub fn normal_cdf_in_place(values: &mut [f64]) {
        for value in values { *value = normal_cdf(*value); }
    }

    /// [`normal_cdf`] of each value of `from`, written to `to`; as many as the shorter has.
    pub fn normal_cdf_into(from: &[f64], to: &mut [f64]) {
        for (to, from) in to.iter_mut().zip(from) { *to = normal_cdf(*from); }
    }
}
