//! Kernels and streams, one lane (256 values) at a time, at every instruction set of the machine.
//!
//! `cargo bench --bench kernels`; one group with `cargo bench --bench kernels -- normal`. Throughput in elements.
#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use haircut::numeric::kernel::{
    exp, exp_into, ln_into, normal_cdf_into, normal_quantile_in_place, normal_quantile_into, sin_cos_2pi_into,
};
use haircut::numeric::{Lane, Level, PATHS};
use haircut::sample::{Stream, StreamKey};
use rand::RngExt as _;
use std::hint::black_box;

haircut::vectorised! {
    /// The heart of an obligor's step: a lognormal asset, a payment, a masked default.
    /// The asset starts anew each time: fed back, it would sink among subnormal numbers and time those.
    fn obligor_step(normals: &Lane, initial: &Lane, asset: &mut Lane, cash: &mut Lane, alive: &mut Lane) {
        for path in 0..PATHS {
            let value = initial[path] * exp(normals[path].mul_add(0.15, -0.011_25));
            let left = value.mul_add(0.02, cash[path]) - 1.9;
            let fails = (left < 0.0) & (alive[path] > 0.0);
            asset[path] = value;
            cash[path] = if fails { 0.0 } else { left };
            alive[path] = if fails { 0.0 } else { alive[path] };
        }
    }
}

/// The whole of a group, once for each level.
fn at_each_level(
    criterion: &mut Criterion,
    name: &str,
    elements: usize,
    bench: impl Fn(&mut BenchmarkGroup<'_, WallTime>, String),
) {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(elements as u64));
    for level in Level::available() {
        level.set().expect("the level is available");
        bench(&mut group, format!("{level:?}"));
    }
    group.finish();
}

fn stream() -> Stream {
    Stream::new(&StreamKey::new(1, "bench"), 0)
}

fn kernels(criterion: &mut Criterion) {
    let (mut unit, mut wide) = (Lane::ZERO, Lane::ZERO);
    stream().uniforms(&mut unit);
    stream().normals(&mut wide);
    type Into = fn(&[f64], &mut [f64]);
    let functions: [(&str, &Lane, Into); 4] = [
        ("exp", &wide, exp_into),
        ("ln", &unit, ln_into),
        ("quantile", &unit, normal_quantile_into),
        ("cdf", &wide, normal_cdf_into),
    ];
    for (name, from, function) in functions {
        at_each_level(criterion, name, PATHS, |group, level| {
            let mut to = Lane::ZERO;
            group.bench_function(level, |b| b.iter(|| function(black_box(&from[..]), black_box(&mut to[..]))));
        });
    }
    at_each_level(criterion, "sin_cos", PATHS, |group, level| {
        let (mut sin, mut cos) = (Lane::ZERO, Lane::ZERO);
        group.bench_function(level, |b| {
            b.iter(|| sin_cos_2pi_into(black_box(&unit[..]), black_box(&mut sin[..]), black_box(&mut cos[..])));
        });
    });
}

fn streams(criterion: &mut Criterion) {
    let mut lane = Lane::ZERO;
    at_each_level(criterion, "uniform", PATHS, |group, level| {
        let (mut stream, mut lane) = (stream(), lane);
        group.bench_function(level, |b| b.iter(|| stream.uniforms(black_box(&mut lane))));
    });
    at_each_level(criterion, "normal", PATHS, |group, level| {
        let (mut stream, mut lane) = (stream(), lane);
        group.bench_function(level, |b| b.iter(|| stream.normals(black_box(&mut lane))));
    });
    at_each_level(criterion, "normal by quantile", PATHS, |group, level| {
        let (mut stream, mut lane) = (stream(), lane);
        group.bench_function(level, |b| {
            b.iter(|| {
                stream.uniforms(black_box(&mut lane));
                normal_quantile_in_place(black_box(&mut lane[..]));
            });
        });
    });
    at_each_level(criterion, "obligor step", PATHS, |group, level| {
        let (mut stream, mut lane) = (stream(), lane);
        let initial = Lane::splat(100.0);
        let (mut asset, mut cash, mut alive) = (Lane::ZERO, Lane::splat(1.0), Lane::splat(1.0));
        group.bench_function(level, |b| {
            b.iter(|| {
                stream.normals(&mut lane);
                obligor_step(&lane, &initial, black_box(&mut asset), black_box(&mut cash), black_box(&mut alive));
            });
        });
    });
    at_each_level(criterion, "stream restart", 1, |group, level| {
        let (mut stream, key, mut block) = (stream(), StreamKey::new(1, "bench"), 0);
        group.bench_function(level, |b| {
            b.iter(|| {
                block += 1;
                stream.restart(black_box(&key), block);
            });
        });
    });
    let mut stream = stream();
    let mut group = criterion.benchmark_group("one by one");
    group.throughput(Throughput::Elements(1));
    group.bench_function("generator trait", |b| b.iter(|| stream.random::<u64>()));
    let (key, mut path) = (StreamKey::new(1, "bench"), 0);
    group.bench_function("event", |b| {
        b.iter(|| {
            path += 1;
            key.event(path, 3)
        });
    });
    group.bench_function("event gamma", |b| {
        b.iter(|| {
            path += 1;
            key.gamma(path, 3, 2.5)
        });
    });
    group.finish();
    stream.normals(&mut lane);
    black_box(lane);
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(std::time::Duration::from_millis(300)).measurement_time(std::time::Duration::from_secs(1));
    targets = kernels, streams
}
criterion_main!(benches);
