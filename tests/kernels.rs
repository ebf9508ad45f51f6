//! The accuracy that the kernels state, against values computed with 160 bits (`kernel_values.txt`, made by
//! `kernel_values.py`), and against the platform's functions on a dense grid.
//!
//! A table alone could miss a bad point between its lines; a comparison with the platform alone could not tell which of
//! the two is off by an ulp. So the table carries the stated bound, and the dense grid that bound plus one ulp.
#![allow(clippy::float_cmp, reason = "kernels are held to exact values where they promise them")]

use haircut::numeric::kernel::{
    exp, exp_bounded, exp_in_place, exp_into, exp_m1, ln, ln_1p, ln_in_place, ln_into, normal_cdf, normal_cdf_in_place,
    normal_cdf_into, normal_quantile, normal_quantile_in_place, normal_quantile_into, normal_survival, sin_cos_2pi,
    sin_cos_2pi_into,
};
use haircut::sample::event;

/// Distance from `x` to the next number of larger size.
fn ulp(x: f64) -> f64 {
    let size = x.abs().min(f64::from_bits(f64::MAX.to_bits() - 1));
    f64::from_bits(size.to_bits() + 1) - size
}

struct Line {
    x: f64,
    high: f64,
    low: f64,
}

impl Line {
    fn error(&self, value: f64) -> f64 {
        ((value - self.high) - self.low).abs()
    }
}

fn table(function: &str) -> Vec<Line> {
    let lines: Vec<Line> = include_str!("kernel_values.txt")
        .lines()
        .filter(|line| line.split(' ').next() == Some(function))
        .map(|line| {
            let mut numbers = line
                .split(' ')
                .skip(1)
                .map(|bits| f64::from_bits(u64::from_str_radix(bits, 16).expect("hexadecimal bits")));
            let mut next = || numbers.next().expect("three numbers");
            Line { x: next(), high: next(), low: next() }
        })
        .collect();
    assert!(lines.len() >= 400, "{function}: only {} values", lines.len());
    lines
}

fn hold(function: &str, bound: f64, error: impl Fn(&Line) -> f64) {
    let (mut worst, mut at) = (0.0, 0.0);
    for line in table(function) {
        let e = error(&line);
        assert!(e.is_finite(), "{function}({:e})", line.x);
        if e > worst {
            (worst, at) = (e, line.x);
        }
    }
    assert!(worst > 0.0, "{function}: no rounding error at all is not believable");
    assert!(worst <= bound, "{function}: error {worst:e} at {at:e}");
}

fn hold_in_ulp(function: &str, bound: f64, f: impl Fn(f64) -> f64) {
    hold(function, bound, |line| line.error(f(line.x)) / ulp(line.high))
}

fn hold_relative(function: &str, bound: f64, f: impl Fn(f64) -> f64) {
    hold(function, bound, |line| line.error(f(line.x)) / line.high.abs())
}

#[test]
fn exp_within_1_1_ulp() {
    hold_in_ulp("exp", 1.1, exp);
}

#[test]
fn bounded_exp_has_the_bits_of_exp() {
    let ends = [0.0, -0.0, 5e-324, 700.0, -700.0, 700.1, -700.1, f64::MAX, f64::MIN, f64::INFINITY, f64::NEG_INFINITY];
    let dense = (0..2_000_000u32).map(|i| 801.0 * (f64::from(i) / 1_000_000.0 - 1.0));
    for x in ends.into_iter().chain(dense) {
        assert_eq!(exp_bounded(x).to_bits(), exp(x.clamp(-700.0, 700.0)).to_bits(), "{x:e}");
    }
    assert!(exp_bounded(f64::NAN).is_nan());
}

#[test]
fn exp_m1_within_2_5_ulp() {
    hold_in_ulp("exp_m1", 2.5, exp_m1);
}

#[test]
fn ln_within_1_ulp() {
    hold_in_ulp("ln", 1.0, ln);
}

#[test]
fn ln_1p_within_2_ulp() {
    hold_in_ulp("ln_1p", 2.0, ln_1p);
}

#[test]
fn sine_and_cosine_within_3e_16() {
    hold("sin_2pi", 3e-16, |line| line.error(sin_cos_2pi(line.x).0));
    hold("cos_2pi", 3e-16, |line| line.error(sin_cos_2pi(line.x).1));
}

/// Promised: 4e-15 down to 1e-300. Kept: 1e-15 down to the smallest positive number.
#[test]
fn quantile_within_1e_15_relative() {
    hold_relative("quantile", 1e-15, normal_quantile);
}

/// Promised: 1e-14 in both tails. Kept: 1e-15 where the result is a normal number.
#[test]
fn cdf_within_1e_15_relative_in_both_tails() {
    hold_relative("cdf", 1e-15, normal_cdf);
    hold_relative("cdf", 1e-15, |x| normal_survival(-x));
}

/// The words that a pair takes from the table: all sizes of radius, out to 8.49.
#[test]
fn box_muller_within_1_5e_15() {
    let pair = |line: &Line| {
        let first = line.x.to_bits();
        event::normals(first, first.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    };
    hold("box_muller_a", 1.5e-15, |line| line.error(pair(line).0));
    hold("box_muller_b", 1.5e-15, |line| line.error(pair(line).1));
}

/// Two million points, evenly in the argument and evenly in its bits. The platform's functions are within 1 ulp.
#[test]
fn dense_grid_agrees_with_the_platform() {
    const POINTS: u64 = 1_000_000;
    let close = |name: &str, x: f64, ours: f64, theirs: f64, bound: f64| {
        if theirs.is_finite() {
            let error = (ours - theirs).abs() / ulp(theirs);
            assert!(error <= bound + 1.0, "{name}({x:e}) = {ours:e}, not {theirs:e}: {error} ulp");
        } else {
            assert!(ours == theirs || (ours.is_nan() && theirs.is_nan()), "{name}({x:e}) = {ours}, not {theirs}");
        }
    };
    for k in 0..POINTS {
        let t = (k as f64 + 0.5) / POINTS as f64;
        // An odd multiplier visits every part of the 64-bit space: all exponents, both signs, NaN.
        let any = f64::from_bits(k.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        for x in [t.mul_add(1500.0, -760.0), t.mul_add(2.0, -1.0), any] {
            close("exp", x, exp(x), x.exp(), 1.1);
            close("exp_m1", x, exp_m1(x), x.exp_m1(), 2.5);
        }
        for x in [t.mul_add(1.5, 0.25), t.mul_add(0.002, 0.999), any] {
            close("ln", x, ln(x), x.ln(), 1.0);
            close("ln_1p", x - 1.0, ln_1p(x - 1.0), (x - 1.0).ln_1p(), 2.0);
        }
    }
}

#[test]
fn special_values() {
    let inf = f64::INFINITY;
    assert_eq!(exp(0.0), 1.0);
    assert_eq!(exp(-0.0), 1.0);
    assert_eq!(exp(inf), inf);
    assert_eq!(exp(-inf), 0.0);
    assert_eq!(exp(709.782_712_893_384), 1.797_693_134_862_273_2e308);
    assert_eq!(exp(709.782_712_893_384_1), inf);
    assert_eq!(exp(-745.133_219_101_941_1).to_bits(), 1);
    assert_eq!(exp(-745.133_219_101_941_2).to_bits(), 0);
    assert_eq!(exp(f64::MAX), inf);
    assert_eq!(exp(-f64::MAX), 0.0);

    assert_eq!(exp_m1(0.0).to_bits(), 0);
    assert_eq!(exp_m1(-0.0).to_bits(), (-0.0_f64).to_bits());
    assert_eq!(exp_m1(inf), inf);
    assert_eq!(exp_m1(-inf), -1.0);
    assert_eq!(exp_m1(-50.0), -1.0);

    assert_eq!(ln(1.0).to_bits(), 0);
    assert_eq!(ln(0.0), -inf);
    assert_eq!(ln(-0.0), -inf);
    assert_eq!(ln(inf), inf);
    assert!(ln(-1.0).is_nan());
    assert!(ln(-f64::from_bits(1)).is_nan());
    assert!(ln(-inf).is_nan());

    assert_eq!(ln_1p(0.0).to_bits(), 0);
    assert_eq!(ln_1p(-0.0).to_bits(), (-0.0_f64).to_bits());
    assert_eq!(ln_1p(-1.0), -inf);
    assert_eq!(ln_1p(inf), inf);
    assert!(ln_1p(-1.1).is_nan());

    for (quarter, sine, cosine) in [(0, 0.0, 1.0), (1, 1.0, 0.0), (2, 0.0, -1.0), (3, -1.0, 0.0)] {
        for turns in [0.0, 1.0, 1e6, 1e12] {
            let u = turns + 0.25 * f64::from(quarter);
            assert_eq!(sin_cos_2pi(u), (sine, cosine), "{u}");
            assert_eq!(sin_cos_2pi(-u), (-sine, cosine), "{}", -u);
        }
    }
    // From 2^51 on, half turns; from 2^52 on, whole ones.
    assert_eq!(sin_cos_2pi(2.0_f64.powi(51) + 0.5), (0.0, -1.0));
    assert_eq!(sin_cos_2pi(2.0_f64.powi(52) + 1.0), (0.0, 1.0));
    assert_eq!(sin_cos_2pi(f64::MAX), (0.0, 1.0));
    assert!(sin_cos_2pi(inf).0.is_nan() && sin_cos_2pi(inf).1.is_nan());

    assert_eq!(normal_quantile(0.5), 0.0);
    assert_eq!(normal_quantile(0.0), -inf);
    assert_eq!(normal_quantile(-0.0), -inf);
    assert_eq!(normal_quantile(1.0), inf);
    for outside in [-1e-300, -1.0, 1.0 + f64::EPSILON, 2.0, inf, -inf] {
        assert!(normal_quantile(outside).is_nan(), "{outside}");
    }
    assert!((normal_quantile(f64::from_bits(1)) + 38.467_405_617_144_34).abs() < 1e-13);

    assert_eq!(normal_cdf(0.0), 0.5);
    assert_eq!(normal_cdf(-0.0), 0.5);
    assert_eq!(normal_cdf(-inf), 0.0);
    assert_eq!(normal_cdf(inf), 1.0);
    assert_eq!(normal_cdf(-39.0), 0.0);
    assert_eq!(normal_cdf(9.0), 1.0);

    let nan = f64::NAN;
    // A payload in the low bits must not be taken for an exponent.
    for nan in [nan, -nan, f64::from_bits(0x7FF8_0000_0000_0ABC)] {
        assert!(exp(nan).is_nan() && exp_m1(nan).is_nan() && ln(nan).is_nan() && ln_1p(nan).is_nan());
        assert!(sin_cos_2pi(nan).0.is_nan() && sin_cos_2pi(nan).1.is_nan());
        assert!(normal_quantile(nan).is_nan() && normal_cdf(nan).is_nan());
    }
}

/// The quantile and the distribution are odd about the middle to the last bit where 1 - p is exact.
#[test]
fn symmetry() {
    for k in 1..1024 {
        let p = f64::from(k) / 1024.0;
        assert_eq!(normal_quantile(1.0 - p), -normal_quantile(p), "{p}");
        let z = 0.01 * f64::from(k);
        assert_eq!(normal_cdf(z), 1.0 - normal_cdf(-z), "{z}");
    }
}

/// The slice forms give the bits of the scalar ones at every length: whole vectors, remainders, chunks with tails.
#[test]
fn slices_equal_scalars() {
    for length in [0, 1, 3, 7, 8, 31, 255, 256, 257, 600] {
        let unit: Vec<f64> = (0..length).map(|k| (f64::from(k) + 0.25) / f64::from(length)).collect();
        let wide: Vec<f64> = unit.iter().map(|u| u.mul_add(80.0, -40.0)).collect();
        let mut out = vec![f64::NAN; unit.len()];
        let mut check = |name: &str,
                         from: &[f64],
                         scalar: &dyn Fn(f64) -> f64,
                         into: &dyn Fn(&[f64], &mut [f64]),
                         in_place: &dyn Fn(&mut [f64])| {
            let expected: Vec<f64> = from.iter().map(|x| scalar(*x)).collect();
            out.fill(f64::NAN);
            into(from, &mut out);
            assert_eq!(out, expected, "{name}_into");
            out.copy_from_slice(from);
            in_place(&mut out);
            assert_eq!(out, expected, "{name}_in_place");
        };
        check("exp", &wide, &exp, &exp_into, &exp_in_place);
        check("ln", &unit, &ln, &ln_into, &ln_in_place);
        check("cdf", &wide, &normal_cdf, &normal_cdf_into, &normal_cdf_in_place);
        check("quantile", &unit, &normal_quantile, &normal_quantile_into, &normal_quantile_in_place);
        // Nothing but tails, and tails at either end of a chunk.
        let tails: Vec<f64> = unit.iter().map(|u| u * 0.01).collect();
        check("quantile", &tails, &normal_quantile, &normal_quantile_into, &normal_quantile_in_place);

        let (mut sin, mut cos) = (out.clone(), out.clone());
        sin_cos_2pi_into(&wide, &mut sin, &mut cos);
        for (x, (s, c)) in wide.iter().zip(sin.iter().zip(&cos)) {
            assert_eq!((*s, *c), sin_cos_2pi(*x));
        }
    }
}

/// The shorter slice decides; the rest stays as it was.
#[test]
fn slices_of_unequal_length() {
    let from = [0.1, 0.2, 0.3];
    let mut to = [7.0; 5];
    normal_quantile_into(&from, &mut to);
    assert_eq!(to[3..], [7.0; 2]);
    assert_eq!(to[2], normal_quantile(0.3));
    let mut to = [7.0; 2];
    exp_into(&from, &mut to);
    normal_quantile_into(&from, &mut to);
    assert_eq!(to[1], normal_quantile(0.2));
}
