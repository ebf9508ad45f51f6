//! What a management does in time of need.

use super::covenant::Covenant;
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// What is cut while a covenant is breached: from the step after the first date of the breach to that after its last.
///
/// ```text
/// overhead of the step = (1 - overhead_cut) overhead D          outlays of the step = (1 - outlays_cut) sum of outlays
/// ```
///
/// An outlay that is cut is dropped, not put off. That a breach stops what owners take, and may sweep cash, is the covenant's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Response {
    /// Name of the covenant, a lock-up at a comfortable level say.
    pub covenant: String,
    /// Part of the overhead that is saved, 0 to 1.
    #[serde(default)]
    pub overhead_cut: f64,
    /// Part of each outlay that is not spent, 0 to 1.
    #[serde(default)]
    pub outlays_cut: f64,
}

impl Response {
    /// Checks it beside the covenants that there are, and finds its own among them.
    pub(super) fn validate(&self, covenants: &[Covenant]) -> Result<usize, Error> {
        check::within("overhead_cut", self.overhead_cut, 0.0, 1.0)?;
        check::within("outlays_cut", self.outlays_cut, 0.0, 1.0)?;
        covenants.iter().position(|covenant| covenant.name == self.covenant).ok_or_else(|| Error::Unknown {
            field: "covenant".into(),
            kind: "covenant of the borrower",
            name: self.covenant.clone(),
            known: covenants.iter().map(|covenant| covenant.name.as_str()).collect::<Vec<_>>().join(", "),
        })
    }
}
