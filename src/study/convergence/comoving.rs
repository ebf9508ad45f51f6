//! How two of the converging factors move together under each mechanism: what is matched, and what is left to differ.

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
