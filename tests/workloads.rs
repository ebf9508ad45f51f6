//! The reference workloads against closed forms and against reference values of an independent program (plain scalar Rust
//! with another generator, four million paths), so that what is measured for speed is also right; and the same bits at
//! every instruction set for whole runs.
#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test fails by panicking; a VaR on an atom is exact")]

#[path = "../examples/workloads/model.rs"]
mod model;

use haircut::numeric::Level;
use model::run;

fn within(name: &str, value: f64, expected: f64, standard_error: f64) {
    let z = (value - expected) / standard_error;
    assert!(z.abs() < 5.0, "{name}: {value} against {expected}, z = {z:.2}");
}

/// W1: the means in closed form, `exp(5 mu)`, and the mean lowest level of c.
#[test]
fn w1_is_right() {
    let paths = 1_000_000;
    let values = run("W1", paths, 5, 4).unwrap();
    for (k, (drift, volatility)) in [(-0.30, 0.35_f64), (-0.25, 0.45), (0.05, 0.75)].into_iter().enumerate() {
        let mean = f64::exp(5.0 * drift);
        let deviation = mean * (f64::exp(5.0 * volatility * volatility) - 1.0).sqrt();
        within("mean", values[k], mean, deviation / (paths as f64).sqrt());
    }
    let deviation = 8.279300e-04 * REFERENCE_BATCH.sqrt();
    within("lowest", values[3], 0.271509691581, joint_error(deviation, paths));
}

/// W2: the mean in closed form, `exp(0.25)`, and how often the coin falls below 0.4.
#[test]
fn w2_is_right() {
    let paths = 1_000_000;
    let values = run("W2", paths, 6, 4).unwrap();
    // Variance of a Merton level: E S^2 = exp((2 mu + sigma^2 + lambda (E Y^2 - 2 E Y + 1)) T).
    let (first, second) = (f64::exp(-0.2 + 0.045), f64::exp(-0.4 + 0.18));
    let square = f64::exp((0.1 + 0.36 + 0.5 * (second - 2.0 * first + 1.0)) * 5.0);
    within("mean", values[0], f64::exp(0.25), ((square - f64::exp(0.5)) / paths as f64).sqrt());
    let below = 0.65755175_f64;
    within("below 0.4", values[1], below, joint_error((below * (1.0 - below)).sqrt(), paths));
}

/// W3m: expected loss, VaR, ES and default probabilities of fifty borrowers.
#[test]
fn w3m_is_right() {
    let paths = 400_000;
    let values = run("W3m", paths, 7, 4).unwrap();
    // (name, reference, standard deviation over batches of 100,000 paths)
    let portfolio = [
        ("el", 95.141110251, 0.476161),
        ("var99", 866.647650010, 6.474899),
        ("es99", 1105.885388997, 9.569351),
        ("var999", 1425.267473867, 19.847859),
        ("es999", 1615.006353565, 24.999618),
    ];
    for ((name, reference, batch), value) in portfolio.into_iter().zip(&values) {
        within(name, *value, reference, joint_error(batch * REFERENCE_BATCH.sqrt(), paths));
    }
    let probabilities = [
        (0, 0.5911195),
        (5, 0.2954647),
        (10, 0.2207045),
        (15, 0.1612140),
        (20, 0.0680323),
        (25, 0.0433993),
        (30, 0.0274635),
        (35, 0.0109142),
        (40, 0.0064915),
        (45, 0.0038897),
        (49, 0.0018412),
    ];
    for (borrower, p) in probabilities {
        let deviation = f64::sqrt(p * (1.0 - p));
        within("pd", values[5 + borrower], p, joint_error(deviation, paths));
    }
}

/// S1: a hundred names, PD 1 %, one factor with asset correlation 0.2. Exact values by quadrature over the factor (and the
/// mixing variable) of the binomial law; the VaR is an atom of probability well above the sampling error, so it is met exactly.
#[test]
fn s1_is_right() {
    let paths = 1_000_000;
    for (work, deviation, var, es) in [
        ("S1", 1.831_742_359_838_603_8, 16.0, 19.925_434_688_230_222),
        ("S1t", 3.898_362_558_792_705_5, 45.0, 54.399_898_729_622_78),
    ] {
        let values = run(work, paths, 8, 4).unwrap();
        within("el", values[0], 1.0, deviation / (paths as f64).sqrt());
        assert_eq!(values[1], var, "{work}: VaR");
        // ES - VaR = E(L - v)+ / 0.001, and (L - v)+ lies between 0 and 100 - v: Var <= (100 - v) E(L - v)+.
        let excess = 0.001 * (es - var);
        within("es", values[2], es, ((100.0 - var) * excess / paths as f64).sqrt() / 0.001);
    }
}

/// Whole runs have the same bits at every level: kernels, streams, factors, an obligor, the measures.
#[test]
fn whole_runs_have_the_same_bits_at_every_level() {
    let bits = |work| run(work, 3000, 9, 2).unwrap().into_iter().map(f64::to_bits).collect::<Vec<_>>();
    for work in ["W1", "W2", "W3", "W3m", "S1", "S1t"] {
        let runs = Level::available().into_iter().map(|level| {
            level.set().unwrap();
            bits(work)
        });
        let runs: Vec<_> = runs.collect();
        assert!(runs.iter().all(|run| *run == runs[0]), "{work}");
    }
}

/// Paths in one batch of the reference, and paths in all of it.
const REFERENCE_BATCH: f64 = 100_000.0;
const REFERENCE_PATHS: f64 = 4_000_000.0;

/// Standard error of the difference to the reference, when one path has this standard deviation.
fn joint_error(deviation: f64, paths: u64) -> f64 {
    deviation * (1.0 / paths as f64 + 1.0 / REFERENCE_PATHS).sqrt()
}
