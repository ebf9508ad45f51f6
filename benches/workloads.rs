//! The reference workloads of `examples/workloads` on one thread, and how W3m scales with threads. Throughput is in the
//! workload's own unit: path-step-factors, path-steps, path-step-borrowers, path-names.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

#[path = "../examples/workloads/model.rs"]
mod model;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

fn one_thread(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("workloads");
    group.sample_size(10);
    for (work, paths) in [("W1", 1 << 16), ("W2", 1 << 17), ("W3m", 1 << 13), ("S1", 1 << 16), ("S1t", 1 << 16)] {
        group.throughput(Throughput::Elements(paths * model::units(work)));
        let mut seed = 0;
        group.bench_function(work, |bencher| {
            bencher.iter(|| {
                seed += 1;
                black_box(model::run(work, paths, seed, 1))
            });
        });
    }
    group.finish();
}

fn threads(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("threads");
    group.sample_size(10);
    let paths = 1 << 15;
    group.throughput(Throughput::Elements(paths * model::units("W3m")));
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    for count in (0..).map(|power| 1 << power).take_while(|count| *count <= cores) {
        let mut seed = 0;
        group.bench_with_input(BenchmarkId::new("W3m", count), &count, |bencher, count| {
            bencher.iter(|| {
                seed += 1;
                black_box(model::run("W3m", paths, seed, *count))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, one_thread, threads);
criterion_main!(benches);
