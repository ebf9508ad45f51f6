//! Every value of some series at some steps, path by path, and the statistics that laws are tested with.
//!
//! Bounds are five theoretical standard errors; a distribution is refused below p = 1e-6.
#![allow(dead_code, reason = "each test file uses a part of it")]

use haircut::Error;
use haircut::market::ReadLane;
use haircut::measure::{Block, Measure, MeasurePlan, Run, StepBlock};

/// Asks for these series at these steps.
#[derive(Debug)]
pub(crate) struct Collect {
    series: Vec<String>,
    steps: Vec<usize>,
}

impl Collect {
    pub(crate) fn new(series: &[&str], steps: &[usize]) -> Self {
        Collect { series: series.iter().map(|name| (*name).to_owned()).collect(), steps: steps.to_vec() }
    }
}

pub(crate) struct Partial {
    lanes: Vec<ReadLane>,
    /// First path, then the values of series 0 at step 0, of series 1 at step 0, ..
    blocks: Vec<(u64, Vec<Vec<f64>>)>,
}

/// The values.
pub(crate) struct Collected {
    series: Vec<String>,
    steps: Vec<usize>,
    values: Vec<Vec<f64>>,
}

impl Collected {
    /// The values of a series at a step, one per path.
    pub(crate) fn of(&self, series: &str, step: usize) -> &[f64] {
        let series = self.series.iter().position(|name| name == series).expect("a series that was asked for");
        let step = self.steps.iter().position(|other| *other == step).expect("a step that was asked for");
        &self.values[step * self.series.len() + series]
    }

    /// The bits of everything, to be compared.
    pub(crate) fn bits(&self) -> Vec<u64> {
        self.values.iter().flatten().map(|value| value.to_bits()).collect()
    }

    /// All values of one path.
    pub(crate) fn path(&self, path: usize) -> Vec<u64> {
        self.values.iter().map(|values| values[path].to_bits()).collect()
    }
}

impl Measure for Collect {
    type Partial = Partial;
    type Output = Collected;

    fn plan(&self, plan: &mut MeasurePlan<'_>) -> Result<Partial, Error> {
        plan.observe_steps();
        let lanes = self.series.iter().map(|name| plan.series(name)).collect::<Result<_, _>>()?;
        Ok(Partial { lanes, blocks: Vec::new() })
    }

    fn observe(&self, partial: &mut Partial, block: &StepBlock<'_>) {
        if block.step().index == 0 {
            partial.blocks.push((block.first_path(), Vec::new()));
        }
        if self.steps.contains(&block.step().index) {
            let (_, values) = partial.blocks.last_mut().expect("the block began at step 0");
            values.extend(partial.lanes.iter().map(|lane| block.series(*lane).to_vec()));
        }
    }

    fn record(&self, _partial: &mut Partial, _block: &Block<'_>) {}

    fn merge(&self, into: &mut Partial, from: Partial) {
        into.blocks.extend(from.blocks);
    }

    fn finish(&self, mut partial: Partial, _run: &Run) -> Collected {
        partial.blocks.sort_unstable_by_key(|(first, _)| *first);
        let mut values = vec![Vec::new(); self.series.len() * self.steps.len()];
        for (_, block) in &partial.blocks {
            for (all, some) in values.iter_mut().zip(block) {
                all.extend_from_slice(some);
            }
        }
        Collected { series: self.series.clone(), steps: self.steps.clone(), values }
    }
}

/// How far a sample mean may be from the mean of its law.
const STANDARD_ERRORS: f64 = 5.0;

/// The mean of a sample against the mean and standard deviation of its law.
pub(crate) fn assert_mean(what: &str, sample: impl ExactSizeIterator<Item = f64>, mean: f64, deviation: f64) {
    let count = sample.len() as f64;
    // About the expected mean, so that no digits are lost.
    let distance = sample.map(|value| value - mean).sum::<f64>() / count;
    let bound = STANDARD_ERRORS * deviation / count.sqrt() + 1e-12 * mean.abs();
    assert!(distance.abs() <= bound, "{what}: mean {} against {mean}, allowed {bound}", mean + distance);
}

/// The share of a sample for which something holds against its probability.
pub(crate) fn assert_share(what: &str, sample: &[f64], holds: impl Fn(f64) -> bool, probability: f64) {
    let deviation = (probability * (1.0 - probability)).sqrt();
    let indicator = sample.iter().map(|value| if holds(*value) { 1.0 } else { 0.0 });
    assert_mean(what, indicator, probability, deviation);
}

/// The first four moments of a sample about the mean of its law, given the cumulants of the law from the first to the eighth.
/// The variance of (x - mean)^r is that of the law too: mu_2r - mu_r^2.
pub(crate) fn assert_cumulants(what: &str, sample: &[f64], cumulants: [f64; 8]) {
    let central = central_moments(cumulants);
    for order in 1..=4 {
        let deviation = (central[2 * order] - central[order] * central[order]).max(0.0).sqrt();
        let powers = sample.iter().map(|value| (value - cumulants[0]).powi(order as i32));
        assert_mean(&format!("{what}, moment {order}"), powers, central[order], deviation);
    }
}

/// mu_0 .. mu_8 from k_1 .. k_8: mu_n = sum_{j=2}^n C(n-1, j-1) k_j mu_{n-j}.
fn central_moments(cumulants: [f64; 8]) -> [f64; 9] {
    let mut moments = [0.0; 9];
    moments[0] = 1.0;
    for n in 2..=8 {
        let mut binomial = (n - 1) as f64;
        for j in 2..=n {
            moments[n] += binomial * cumulants[j - 1] * moments[n - j];
            binomial *= (n - j) as f64 / j as f64;
        }
    }
    moments
}

/// A sample against a normal law: four moments and the Kolmogorov distance.
pub(crate) fn assert_normal(what: &str, sample: &[f64], mean: f64, variance: f64) {
    assert_cumulants(what, sample, [mean, variance, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    let normal = statrs::distribution::Normal::new(mean, variance.sqrt()).expect("a variance above zero");
    assert_distribution(what, sample, |x| statrs::distribution::ContinuousCDF::cdf(&normal, x));
}

/// Kolmogorov's test at p = 1e-6: P(sqrt(n) D > x) = 2 exp(-2 x^2), at most, for large n.
pub(crate) fn assert_distribution(what: &str, sample: &[f64], distribution: impl Fn(f64) -> f64) {
    let mut sorted = sample.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let count = sorted.len() as f64;
    let mut distance = 0.0_f64;
    for (position, value) in sorted.iter().enumerate() {
        let probability = distribution(*value);
        distance = distance.max(probability - position as f64 / count).max((position + 1) as f64 / count - probability);
    }
    let bound = ((2.0 / 1e-6_f64).ln() / 2.0 / count).sqrt();
    assert!(distance <= bound, "{what}: Kolmogorov distance {distance}, allowed {bound}");
}

/// The correlation of two samples against that of their (nearly normal) law.
pub(crate) fn assert_correlation(what: &str, first: &[f64], second: &[f64], correlation: f64) {
    let realised = sample_correlation(first, second);
    let bound = STANDARD_ERRORS * (1.0 - correlation * correlation) / (first.len() as f64).sqrt() + 1e-12;
    assert!((realised - correlation).abs() <= bound, "{what}: {realised} against {correlation}, allowed {bound}");
}

pub(crate) fn sample_correlation(first: &[f64], second: &[f64]) -> f64 {
    let count = first.len() as f64;
    let mean = |sample: &[f64]| sample.iter().sum::<f64>() / count;
    let (a, b) = (mean(first), mean(second));
    let (mut aa, mut bb, mut ab) = (0.0, 0.0, 0.0);
    for (x, y) in first.iter().zip(second) {
        aa += (x - a) * (x - a);
        bb += (y - b) * (y - b);
        ab += (x - a) * (y - b);
    }
    ab / (aa * bb).sqrt()
}

/// f of each value.
pub(crate) fn map(sample: &[f64], f: impl Fn(f64) -> f64) -> Vec<f64> {
    sample.iter().map(|value| f(*value)).collect()
}
