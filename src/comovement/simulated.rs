//! How two series moved together on simulated paths: the result of a [`SeriesPair`](super::SeriesPair).

use super::kept_paths::Kept;
use super::pairs::Pairs;
use super::path_sums::{ChangeMoments, GROUPS, PathSums};
use super::series_pair::StepChange;
use super::statistics::{Comovement, Errors, Parts, all, assemble, undefined};
use super::tails::Threshold;
use crate::measure::{Confidence, Estimate};
use serde::{Deserialize, Serialize};

/// How two series moved together on simulated paths, over all steps and by state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SimulatedComovement {
    /// Which changes of which series.
    pub series: [StepChange; 2],
    /// All steps.
    pub all: StateComovement,
    /// The steps of each state, from the lowest; empty where none were asked for.
    pub states: Vec<StateComovement>,
    /// Pairs that are left out everywhere, since a change is no number (the logarithm of a price of zero) or the state is none.
    pub undefined: u64,
}

/// How two series moved together in the steps of one state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StateComovement {
    /// The state, `all` for all steps.
    pub state: String,
    /// Pairs on all paths: those behind Pearson's correlation and the moments.
    pub pairs: u64,
    /// Pairs on the kept paths: those behind everything else.
    pub kept: u64,
    /// The law of each series' changes.
    pub moments: [ChangeMoments; 2],
    /// How they move together. Its blocks are paths.
    pub comovement: Comovement,
}

impl StateComovement {
    pub(super) fn new(
        state: String,
        sums: &PathSums,
        kept: Kept,
        steps: usize,
        thresholds: &[Threshold],
        confidence: Confidence,
    ) -> Self {
        let (pearson, moments) = sums.finish(confidence);
        let count = kept.x.len() as u64;
        let comovement = of_kept(kept, steps, thresholds, confidence);
        let comovement = comovement.with_pearson(pearson);
        StateComovement { state, pairs: sums.pairs(), kept: count, moments, comovement }
    }
}

/// Pairs of which ranks are correlated, the first of those kept: enough for an error of 0.002, and the time for more is better spent on the tails.
const RANKED: usize = 1 << 18;
/// Pairs to which the t law is fitted, which takes longest, and is a null.
const FITTED: usize = 1 << 16;

/// Everything that needs ranks and quantiles, with errors by the jackknife that leaves out groups of paths.
fn of_kept(kept: Kept, steps: usize, thresholds: &[Threshold], confidence: Confidence) -> Comovement {
    let Kept { x, y, weights, groups } = kept;
    let first = |most: usize| Pairs::ordered(x[..x.len().min(most)].to_vec(), y[..y.len().min(most)].to_vec());
    let (ranked, fitted) = (first(RANKED), first(FITTED));
    let pairs = Pairs::ordered(x, y);
    let parts = Parts { all: &pairs, ranked: &ranked, fitted: &fitted };
    // Two values of each series at least, and enough pairs for the fit of a law with six parameters.
    if pairs.len() < 20 || !pairs.vary() {
        return undefined(pairs.len(), steps as f64, thresholds, confidence);
    }
    let (values, counts, fit) = all(&parts, &weights, thresholds, None);
    let mut rest = vec![0.0; weights.len()];
    let mut replications: Vec<Vec<f64>> = Vec::with_capacity(GROUPS);
    for left_out in (0..GROUPS as u8).filter(|group| groups.contains(group)) {
        for ((rest, weight), group) in rest.iter_mut().zip(&weights).zip(&groups) {
            *rest = if *group == left_out { 0.0 } else { *weight };
        }
        replications.push(all(&parts, &rest, thresholds, Some(fit)).0);
    }
    let freedom = replications.len() as f64 - 1.0;
    let errors = Errors { replications: &replications, factor: freedom.max(0.0).sqrt(), freedom, confidence };
    assemble(&values, &counts, pairs.len(), thresholds, steps as f64, &errors)
}

impl Comovement {
    /// With Pearson's correlation of all paths in place of that of those kept, and the null that it has.
    fn with_pearson(self, pearson: Estimate) -> Self {
        let mut found = Comovement { pearson, ..self };
        let normal = found.normal();
        for level in &mut found.levels {
            level.normal_correlation = normal.exceedance_correlation(level.threshold);
            level.normal_dependence = normal.dependence(level.threshold);
        }
        found
    }
}
