//! What a management does in time of need.

use super::covenant::Covenant;
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// What is cut and sold while a covenant is breached: from the step after the first date of the breach to that after its last.
///
/// ```text
/// overhead of the step = (1 - overhead_cut) overhead D          outlays of the step = (1 - outlays_cut) sum of outlays
/// ```
///
/// An outlay that is cut is dropped, not put off. That a breach stops what owners take, and may sweep cash, is the covenant's own.
/// [`CoinSales`] are coins sold early.
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
    /// What is sold of coins before cash is short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coin_sales: Option<CoinSales>,
}

/// Free coins that a management sells early: those that no facility names as its security.
///
/// Of each kind of which there were `n` at time zero and `h` are held, in a step of `D` years,
///
/// ```text
/// sold = min( max(0, h - kept n),  (1 - kept) n min(1, D / over) )
/// ```
///
/// at the mark of the end of the step and without impact, like what [`Treasury`](super::Treasury) sells for a payment. What they bring is cash before the payments of the
/// step, and no part of CFADS.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoinSales {
    /// Years in which all but what is kept would be sold, in equal parts; 0 is at once.
    pub over: f64,
    /// Part of the coins at time zero that is kept, 0 to 1.
    #[serde(default)]
    pub kept: f64,
}

impl Response {
    /// A response to the breach of a covenant that does nothing: set the other fields as needed.
    #[must_use]
    pub fn new(covenant: impl Into<String>) -> Self {
        Response { covenant: covenant.into(), overhead_cut: 0.0, outlays_cut: 0.0, coin_sales: None }
    }

    /// Checks it beside the covenants that there are, and finds its own among them.
    pub(super) fn validate(&self, covenants: &[Covenant]) -> Result<usize, Error> {
        check::within("overhead_cut", self.overhead_cut, 0.0, 1.0)?;
        check::within("outlays_cut", self.outlays_cut, 0.0, 1.0)?;
        if let Some(CoinSales { over, kept }) = self.coin_sales {
            check::within("coin_sales.over", over, 0.0, 1e3)?;
            check::within("coin_sales.kept", kept, 0.0, 1.0)?;
        }
        covenants.iter().position(|covenant| covenant.name == self.covenant).ok_or_else(|| Error::Unknown {
            field: "covenant".into(),
            kind: "covenant of the borrower",
            name: self.covenant.clone(),
            known: covenants.iter().map(|covenant| covenant.name.as_str()).collect::<Vec<_>>().join(", "),
        })
    }
}
