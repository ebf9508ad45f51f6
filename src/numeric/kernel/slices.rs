//! The kernels over slices, compiled for every instruction set.

use super::{exp, ln, normal_cdf, normal_quantile, sin_cos_2pi};

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

    /// [`normal_quantile`] of each probability, in place.
    pub fn normal_quantile_in_place(probabilities: &mut [f64]) {
        for p in probabilities { *p = normal_quantile(*p); }
    }

    /// [`normal_quantile`] of each probability, written to `to`; as many as the shorter has.
    pub fn normal_quantile_into(probabilities: &[f64], to: &mut [f64]) {
        for (to, p) in to.iter_mut().zip(probabilities) { *to = normal_quantile(*p); }
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
