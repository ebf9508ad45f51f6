//! How two of the converging factors move together under each mechanism: what is matched, and what is left to differ.

use super::sweep::{Explanation, Named};
use super::{Cell, Convergence};
use crate::Error;
use crate::comovement::{SeriesPair, SimulatedComovement};
use serde::{Deserialize, Serialize};

/// Two converging factors whose log changes over a step are compared, mechanism by mechanism, on all paths and steps of the study.
///
/// | field | meaning | range |
/// | --- | --- | --- |
/// | `factors` | their names | two of the sweep's `factors` |
/// | `stress_correlation` | which of the sweep's; the highest by default | |
/// | `kept_pairs` | pairs of changes behind ranks and quantiles ([`SeriesPair`]); 524,288 by default | 1,000 to 67,108,864 |
///
/// Stress is as frequent as the first of the sweep's frequencies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComovingFactors {
    /// The two.
    pub factors: (String, String),
    /// Correlation in stress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stress_correlation: Option<f64>,
    /// Pairs that are kept.
    #[serde(default = "usual_kept")]
    pub kept_pairs: u64,
}

fn usual_kept() -> u64 {
    1 << 19
}

impl ComovingFactors {
    /// Two factors at the highest of the sweep's correlations in stress.
    pub fn new(one: impl Into<String>, other: impl Into<String>) -> Self {
        ComovingFactors { factors: (one.into(), other.into()), stress_correlation: None, kept_pairs: usual_kept() }
    }

    pub(super) fn measure(&self) -> SeriesPair {
        SeriesPair::of(self.factors.0.as_str(), self.factors.1.as_str()).kept_pairs(self.kept_pairs)
    }
}

/// How the two move together under one mechanism.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MechanismComovement {
    /// Name of the mechanism in the sweep.
    pub mechanism: String,
    /// Correlation in stress.
    pub stress_correlation: f64,
    /// Share of steps in stress.
    pub frequency: f64,
    /// What was found on its paths.
    pub found: SimulatedComovement,
    /// What is not matched, as in [`Row::unmatched`](super::Row::unmatched).
    pub unmatched: String,
}

impl Convergence {
    /// How the two factors of the sweep's `comovement` move together under each mechanism, on the paths of the study; empty where none are named. Forced sales
    /// move no factor, so `feedback` is left out.
    ///
    /// # Errors
    /// None that a study which was built could have.
    pub fn comovements(&self) -> Result<Vec<MechanismComovement>, Error> {
        let Some(wanted) = &self.sweep.comovement else { return Ok(Vec::new()) };
        let highest = self.sweep.stress_correlation.iter().copied().fold(f64::MIN, f64::max);
        let stress = wanted.stress_correlation.unwrap_or(highest);
        // A sweep that was checked has one of each at least.
        let first = |list: &[f64]| list.first().copied().unwrap_or(f64::NAN);
        let (frequency, leverage) = (first(&self.sweep.frequency), first(&self.sweep.leverage));
        let moving = self.sweep.mechanisms.iter().filter(|named| named.explanation != Explanation::Feedback);
        let found = |named: &&Named| {
            let simulation = self.simulation(named.label(), stress, frequency, leverage)?.without_book();
            let simulation = self.threads.iter().fold(simulation, |simulation, threads| simulation.threads(*threads));
            let same = |cell: &&Cell| {
                let numbers = [cell.stress_correlation - stress, cell.frequency - frequency];
                cell.mechanism == named.label() && numbers.iter().all(|difference| difference.abs() <= 0.0)
            };
            Ok(MechanismComovement {
                mechanism: named.label().to_owned(),
                stress_correlation: stress,
                frequency,
                found: simulation.run(wanted.measure())?,
                unmatched: self.cells.iter().find(same).map_or_else(String::new, |cell| cell.unmatched.clone()),
            })
        };
        // Paths take little time beside ranks and quantiles, each mechanism's in one thread.
        #[cfg(feature = "parallel")]
        if self.threads.is_none() {
            use rayon::prelude::*;
            return moving.collect::<Vec<_>>().par_iter().map(found).collect();
        }
        moving.map(|named| found(&named)).collect()
    }
}
