//! The same bits at every instruction set of the machine: the promise behind "same seed, same bits".
//!
//! [`Level::set`] switches the whole process, so everything that needs it stands in this file, in one test.
//! Sampling the range evenly would miss most exponents; the arguments here are random bit patterns, so that all
//! exponents, subnormals, both infinities and NaN come up, besides the edges written out.

use haircut::numeric::kernel::{
    exp, exp_in_place, exp_into, exp_m1, ln, ln_1p, ln_in_place, ln_into, normal_cdf, normal_cdf_in_place,
    normal_cdf_into, normal_quantile, normal_quantile_in_place, normal_quantile_into, normal_survival, sin_cos_2pi,
    sin_cos_2pi_into,
};
use haircut::numeric::{Lane, Level, PATHS};
use haircut::sample::{Stream, StreamKey, event};
use rand::Rng as _;

haircut::vectorised! {
    fn exp_m1_into(from: &[f64], to: &mut [f64]) {
        for (to, from) in to.iter_mut().zip(from) { *to = exp_m1(*from); }
    }
    fn ln_1p_into(from: &[f64], to: &mut [f64]) {
        for (to, from) in to.iter_mut().zip(from) { *to = ln_1p(*from); }
    }
    fn survival_into(from: &[f64], to: &mut [f64]) {
        for (to, from) in to.iter_mut().zip(from) { *to = normal_survival(*from); }
    }
    fn scalars_into(from: &[f64], to: &mut [f64]) {
        for (to, from) in to.iter_mut().zip(from) {
            *to = exp(*from) + ln(*from) + normal_cdf(*from) + normal_quantile(*from) + sin_cos_2pi(*from).0;
        }
    }
}

fn arguments() -> Vec<f64> {
    let mut arguments = vec![0.0, f64::INFINITY, f64::NAN, f64::MAX, f64::MIN_POSITIVE, f64::from_bits(1), 0.5, 1.0];
    arguments.extend([709.782_712_893_384, 709.782_712_893_384_1, 708.396, 745.133_219, 746.0, 710.0, 0.075, 0.925]);
    arguments.extend([5.0, 37.5, 40.0, 0.25, 0.125, 4_503_599_627_370_496.0, 1.388_794_386_496_4e-11]);
    for k in 0..arguments.len() {
        let x = arguments[k];
        arguments.push(-x);
        for neighbour in [x.to_bits().wrapping_add(1), x.to_bits().wrapping_sub(1)] {
            arguments.push(f64::from_bits(neighbour));
        }
    }
    let mut stream = Stream::new(&StreamKey::new(11, "arguments"), 0);
    for k in 0..300_000 {
        let word = stream.next_u64();
        let unit = event::uniform(word);
        arguments.push(match k % 4 {
            0 => f64::from_bits(word),
            1 => unit,
            2 => unit.mul_add(1500.0, -750.0),
            _ => unit.mul_add(80.0, -40.0),
        });
    }
    arguments
}

/// Bits, with all NaN taken as one: IEEE 754 leaves the sign and payload of a NaN to the machine.
fn bits(values: &[f64]) -> Vec<u64> {
    values.iter().map(|x| if x.is_nan() { u64::MAX } else { x.to_bits() }).collect()
}

fn everything(arguments: &[f64]) -> Vec<(&'static str, Vec<u64>)> {
    let mut all = Vec::new();
    let mut out = vec![0.0; arguments.len()];
    type Into = fn(&[f64], &mut [f64]);
    let into: [(&str, Into); 8] = [
        ("exp_into", exp_into),
        ("ln_into", ln_into),
        ("normal_quantile_into", normal_quantile_into),
        ("normal_cdf_into", normal_cdf_into),
        ("exp_m1", exp_m1_into),
        ("ln_1p", ln_1p_into),
        ("normal_survival", survival_into),
        ("scalars", scalars_into),
    ];
    for (name, function) in into {
        function(arguments, &mut out);
        all.push((name, bits(&out)));
    }
    type InPlace = fn(&mut [f64]);
    let in_place: [(&str, InPlace); 4] = [
        ("exp_in_place", exp_in_place),
        ("ln_in_place", ln_in_place),
        ("normal_quantile_in_place", normal_quantile_in_place),
        ("normal_cdf_in_place", normal_cdf_in_place),
    ];
    for (name, function) in in_place {
        out.copy_from_slice(arguments);
        function(&mut out);
        all.push((name, bits(&out)));
    }
    let mut cos = out.clone();
    sin_cos_2pi_into(arguments, &mut out, &mut cos);
    all.push(("sin", bits(&out)));
    all.push(("cos", bits(&cos)));

    let mut lane = Lane::ZERO;
    let mut stream = Stream::default();
    let (mut uniforms, mut normals, mut words) = (Vec::new(), Vec::new(), Vec::new());
    for block in 0..50 {
        stream.restart(&StreamKey::new(block % 7, "levels"), block);
        for _ in 0..5 {
            stream.uniforms(&mut lane);
            uniforms.extend(bits(&lane[..]));
            stream.normals(&mut lane);
            normals.extend(bits(&lane[..]));
            let mut more = [0; 64];
            stream.words(&mut more);
            words.extend(more);
            words.push(stream.next_u64());
        }
    }
    assert_eq!(normals.len(), 250 * PATHS);
    all.extend([("uniforms", uniforms), ("normals", normals), ("words", words)]);
    all
}

#[test]
fn every_level_gives_the_bits_of_the_plainest() {
    let arguments = arguments();
    let widest = Level::detect();
    Level::Baseline.set().expect("every machine has the baseline");
    let expected = everything(&arguments);
    for level in Level::available() {
        level.set().expect("the level is available");
        for ((name, ours), (_, plain)) in everything(&arguments).iter().zip(&expected) {
            if let Some(k) = (0..plain.len()).find(|k| ours[*k] != plain[*k]) {
                panic!(
                    "{name} at {level:?}: value {k} (argument {:?}) is {:?}, not {:?}",
                    arguments.get(k),
                    f64::from_bits(ours[k]),
                    f64::from_bits(plain[k]),
                );
            }
        }
    }
    widest.set().expect("the level was detected");
}
