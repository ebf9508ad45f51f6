//! Runs one reference workload on the public API and prints one JSON line, so that it can stand beside other programs on
//! the same work: `workloads W1|W2|W3|W3m|S1|S1t THREADS PATHS REPEATS [baseline|avx2|avx512|naive]`. The last word lowers
//! the instruction set, or runs the plain scalar program of `naive.rs` instead (W1, W2, W3, W3m).
//!
//! Every repeat has its own seed; the results are averaged over the repeats, the times are listed.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints its result")]

mod model;
mod naive;

use haircut::Error;
use haircut::numeric::Level;
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    match measured(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!(
                "{error}\nusage: workloads W1|W2|W3|W3m|S1|S1t THREADS PATHS REPEATS [baseline|avx2|avx512|naive]"
            );
            ExitCode::from(2)
        }
    }
}

fn measured(arguments: &[String]) -> Result<String, Error> {
    let number = |position: usize, field: &str| {
        let text = arguments.get(position).map_or("", String::as_str);
        text.parse::<u64>().map_err(|_| Error::invalid(field, format!("\"{text}\""), "must be a whole number"))
    };
    let work = arguments.first().map_or("", String::as_str);
    let (threads, paths, repeats) = (number(1, "threads")?, number(2, "paths")?, number(3, "repeats")?.max(1));
    let variant = arguments.get(4).map(String::as_str);
    match variant {
        None | Some("naive") => {}
        Some("baseline") => Level::Baseline.set()?,
        Some("avx2") => Level::Avx2.set()?,
        Some("avx512") => Level::Avx512.set()?,
        Some(other) => return Err(Error::invalid("level", other, "must be baseline, avx2, avx512 or naive")),
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads as usize).build();
    let pool = pool.map_err(|error| Error::invalid("threads", threads, error.to_string()))?;
    let run = |seed: u64, paths: u64| match variant {
        Some("naive") => pool
            .install(|| naive::run(work, paths, seed))
            .ok_or_else(|| Error::invalid("workload", work, "must be W1, W2, W3 or W3m for the naive program")),
        _ => model::run(work, paths, seed, threads as usize),
    };
    let peer = match variant {
        Some("naive") => "naive".to_owned(),
        _ => format!("haircut-{:?}", Level::current()),
    };
    run(1, paths / 10 + 1000)?;
    let (mut seconds, mut total) = (Vec::new(), Vec::new());
    for repeat in 0..repeats {
        let start = Instant::now();
        let values = run(10 + repeat, paths)?;
        seconds.push(start.elapsed().as_secs_f64());
        total.resize(values.len(), 0.0);
        total.iter_mut().zip(values).for_each(|(total, value)| *total += value);
    }
    total.iter_mut().for_each(|value| *value /= repeats as f64);
    let names = model::result_names(work);
    let mut results: Vec<String> =
        names.iter().zip(&total).map(|(name, value)| format!("\"{name}\":{value:.12}")).collect();
    if total.len() > names.len() {
        results.push(format!("\"pd\":{:?}", &total[names.len()..]));
    }
    Ok(format!(
        "{{\"peer\":\"{peer}\",\"work\":\"{work}\",\"threads\":{threads},\"n\":{paths},\"secs\":{seconds:?},\"res\":{{{}}},\"rss_mb\":{:.1}}}",
        results.join(","),
        peak_memory_mb(),
    ))
}

/// Peak resident memory of this process, where the system tells.
fn peak_memory_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).map_or(f64::NAN, |kb| kb / 1024.0)
}
