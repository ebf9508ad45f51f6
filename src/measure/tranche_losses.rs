//! What is reported of a tranche.

use super::Estimate;
use serde::{Deserialize, Serialize};

/// What a tranche loses and what it should earn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TrancheLosses {
    /// Name of the tranche.
    pub name: String,
    /// Attachment, as a share of the pool's notional.
    pub attachment: f64,
    /// Detachment, as a share of the pool's notional.
    pub detachment: f64,
    /// Notional of the tranche, USD.
    pub notional: f64,
    /// Probability that the pool's loss at the horizon exceeds the attachment: the tranche's PD.
    pub probability: Estimate,
    /// Probability that nothing of the tranche is left at the horizon.
    pub exhausted: Estimate,
    /// Expected loss at the horizon, in money of its day, USD.
    pub expected_loss: Estimate,
    /// Expected value today of the losses: the loss leg, USD.
    pub loss_leg: Estimate,
    /// Expected value today of a premium of 1 a year on what is left of the tranche: the premium leg, USD times years.
    pub premium_leg: Estimate,
    /// The fair spread, a year: what a premium on the outstanding notional must be to pay for the losses.
    pub spread: Estimate,
    /// By date.
    pub dates: Vec<TrancheDate>,
}

/// One date of a tranche.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TrancheDate {
    /// The date in years.
    pub years: f64,
    /// Probability that the pool's loss exceeds the attachment on this date.
    pub probability: Estimate,
    /// Expected loss of the tranche by this date, in money of its day, USD.
    pub expected_loss: Estimate,
}
