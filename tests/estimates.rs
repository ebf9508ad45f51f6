//! Every reported number against its closed form, over many seeds: it is unbiased, its standard error is the spread that it has over
//! seeds, and its interval covers as often as it says. A test of one run would pass with errors that are wrong by half.
//!
//! A one-period Gaussian portfolio: obligor `i` defaults if `sqrt(r) Z + sqrt(1 - r) e_i < c_i`, and loses a uniform share of what it owes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use haircut::credit::{Book, Cause, Obligor, ObligorBlock, ObligorPlan, ObligorStepper};
use haircut::market::{DriverLane, Factor, FactorBlock, FactorPlan, FactorStepper, Market, OwnLane, ReadLane};
use haircut::measure::{DefaultTable, Defaults, Estimate, LossDistribution, Losses};
use haircut::numeric::{Lane, PATHS};
use haircut::{Error, Simulation};
use statrs::distribution::{Continuous, ContinuousCDF, Normal};

const LOADING: f64 = 0.4;
const OWED: f64 = 100.0;
const PATHS_A_RUN: u64 = 4000;
const RUNS: u64 = 600;

/// The common normal.
#[derive(Debug)]
struct Common;

impl Factor for Common {
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error> {
        Ok(Box::new(CommonStepper(plan.driver(), plan.level())))
    }
}

struct CommonStepper(DriverLane, OwnLane);

impl FactorStepper for CommonStepper {
    fn start(&self, block: &mut FactorBlock<'_>) {
        block.own[self.1].fill(0.0);
    }

    fn step(&self, block: &mut FactorBlock<'_>) {
        block.own[self.1].0 = block.drivers[self.0].0;
    }
}

#[derive(Debug)]
struct Name {
    name: String,
    threshold: f64,
}

impl Obligor for Name {
    fn name(&self) -> &str {
        &self.name
    }

    fn plan(&self, plan: &mut ObligorPlan<'_>) -> Result<Box<dyn ObligorStepper>, Error> {
        plan.facility("loan", "bank", OWED)?;
        Ok(Box::new(NameStepper { threshold: self.threshold, common: plan.read("common", "common")? }))
    }
}

struct NameStepper {
    threshold: f64,
    common: ReadLane,
}

impl ObligorStepper for NameStepper {
    fn start(&self, _block: &mut ObligorBlock<'_>) {}

    fn step(&self, block: &mut ObligorBlock<'_>) {
        let (mut own, mut share) = (Lane::ZERO, Lane::ZERO);
        block.stream.normals(&mut own);
        block.stream.uniforms(&mut share);
        for i in 0..PATHS {
            let value = LOADING.sqrt() * block.read[self.common][i] + (1.0 - LOADING).sqrt() * own[i];
            if value < self.threshold {
                block.outcome.default_step[i] = 1.0;
                block.outcome.cause[i] = if share[i] < 0.25 { Cause::Payment } else { Cause::Maturity };
                block.outcome.exposure[0][i] = OWED;
                block.outcome.loss[0][i] = OWED * share[i];
            }
        }
    }
}

fn normal() -> Normal {
    Normal::new(0.0, 1.0).unwrap()
}

/// Probability that both default: the integral over the common normal, by the trapezoidal rule, which is exact to rounding here.
fn both(a: f64, b: f64) -> f64 {
    let given = |c: f64, z: f64| normal().cdf((c - LOADING.sqrt() * z) / (1.0 - LOADING).sqrt());
    let steps = 2000;
    let width = 20.0 / f64::from(steps);
    (0..=steps)
        .map(|step| {
            let z = -10.0 + f64::from(step) * width;
            normal().pdf(z) * given(a, z) * given(b, z) * width
        })
        .sum()
}

/// What is known of one reported number, and what became of it over the runs.
struct Known {
    name: &'static str,
    truth: f64,
    read: fn(&Defaults, &Losses) -> Estimate,
    covered: u32,
    errors: Vec<(f64, f64)>,
}

#[test]
fn every_number_has_a_valid_error() {
    let (p_a, p_b) = (0.08, 0.2);
    let [c_a, c_b] = [p_a, p_b].map(|p| normal().inverse_cdf(p));
    let p_ab = both(c_a, c_b);
    // The loss of A is uniform up to OWED with probability p_a: P(L > x) = p_a (1 - x / OWED).
    let tail = 0.03;
    let known = |name, truth, read| Known { name, truth, read, covered: 0, errors: Vec::new() };
    let mut known = [
        known("probability", p_a, |d, _| d["A"].probability),
        known("cause", 0.25 * p_a, |d, _| d["A"].causes[0].1),
        known("joint", p_ab, |d, _| d.joint("A", "B").unwrap()),
        known("correlation", (p_ab - p_a * p_b) / (p_a * (1.0 - p_a) * p_b * (1.0 - p_b)).sqrt(), |d, _| {
            d.correlation("A", "B").unwrap()
        }),
        known("expected loss", 0.5 * p_a * OWED, |d, _| d["A"].total.expected_loss),
        known("loss given default", 0.5, |d, _| d["A"].total.loss_given_default),
        known("lender's expected loss", 0.5 * (p_a + p_b) * OWED, |d, _| d.lenders[0].expected_loss),
        known("mean", 0.5 * p_a * OWED, |_, l| l.mean()),
        known("standard deviation", OWED * (p_a / 3.0 - 0.25 * p_a * p_a).sqrt(), |_, l| l.standard_deviation()),
        known("exceedance", 0.25 * p_a, |_, l| l.exceedance(0.75 * OWED)),
        known("quantile", OWED * (1.0 - tail / p_a), |_, l| l.quantile(0.97).unwrap()),
        known("expected shortfall", OWED * (1.0 - 0.5 * tail / p_a), |_, l| l.expected_shortfall(0.97).unwrap()),
    ];
    let names = [("A", c_a), ("B", c_b)].map(|(name, threshold)| Name { name: name.into(), threshold });
    let market = Market::builder().factor("common", Common).build().unwrap();
    let run = Simulation::new(market, Book::new(names)).months(1).paths(PATHS_A_RUN);
    for seed in 0..RUNS {
        let measures = (DefaultTable::new(), LossDistribution::streaming().of_obligor("A"));
        let (defaults, losses) = run.clone().seed(seed).run(measures).unwrap();
        for known in &mut known {
            let estimate = (known.read)(&defaults, &losses);
            known.covered += u32::from(estimate.lower <= known.truth && known.truth <= estimate.upper);
            known.errors.push((estimate.value - known.truth, estimate.standard_error));
        }
        // Equal exposures leave nothing to estimate.
        let exposure = defaults["A"].total.exposure_at_default;
        assert!((exposure.value / OWED - 1.0).abs() < 1e-12 && exposure.standard_error < 1e-12 * OWED);
    }
    let runs = RUNS as f64;
    for Known { name, covered, errors, .. } in known {
        let mean = errors.iter().map(|(error, _)| error).sum::<f64>() / runs;
        let spread =
            (errors.iter().map(|(error, _)| (error - mean) * (error - mean)).sum::<f64>() / (runs - 1.0)).sqrt();
        let reported = errors.iter().map(|(_, reported)| reported).sum::<f64>() / runs;
        // The errors below are asymptotic: the tail holds 120 paths and the rarest event 80, so allow 1/80 of them (discretisation) beside sampling.
        let rare = 1.0 / 80.0;
        assert!(mean.abs() < 5.0 * spread / runs.sqrt() + rare * spread, "{name}: off by {mean}, spread {spread}");
        assert!(
            (spread / reported - 1.0).abs() < 5.0 / (2.0 * runs).sqrt() + rare,
            "{name}: {spread} against {reported}"
        );
        let share = f64::from(covered) / runs;
        assert!((share - 0.95).abs() < 5.0 * (0.95 * 0.05 / runs).sqrt() + rare, "{name}: covered {share}");
    }
}
