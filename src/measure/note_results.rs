//! What is reported of a cash waterfall.

use super::Estimate;
use serde::{Deserialize, Serialize};

/// What [`CashTranches`](super::CashTranches) reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CashResults {
    /// The notes, from the most senior.
    pub notes: Vec<NoteResult>,
    /// Expected value today of what is left for the owners, USD.
    pub residual: Estimate,
    /// Expected value today of what the owners pay in for draws that exceed all cash of a date, USD.
    pub paid_in: Estimate,
}

/// One class of notes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NoteResult {
    /// Name of the class.
    pub name: String,
    /// Owed at time zero, USD.
    pub notional: f64,
    /// Probability that something is unpaid at the horizon: the note's PD.
    pub probability: Estimate,
    /// Probability that interest was deferred on some date.
    pub deferred: Estimate,
    /// Expected balance that is unpaid at the horizon, deferred interest included, in money of that day, USD.
    pub expected_loss: Estimate,
    /// What has to be added to the coupon, a year, for the note to be worth its notional.
    pub excess: Estimate,
    /// Average life of the notional, years: the time for which it is owed.
    pub life: Estimate,
    /// By date.
    pub dates: Vec<NoteDate>,
}

/// One date of a class of notes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NoteDate {
    /// The date in years.
    pub years: f64,
    /// Expected balance after the date's payments, USD.
    pub balance: Estimate,
    /// Probability that a coverage test of the class is not met on the date, before it is mended.
    pub uncovered: Estimate,
}
