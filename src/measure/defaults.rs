//! Default probabilities, joint defaults, exposures and losses, as they are reported.

use super::joint;
use super::{Confidence, Estimate, Tally};
use crate::Error;
use crate::credit::Cause;
use serde::{Deserialize, Serialize};
use std::ops::Index;

/// What a [`DefaultTable`](super::DefaultTable) reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Defaults {
    /// End of each step, in years: the dates of the cumulative probabilities.
    pub dates: Vec<f64>,
    /// The obligors, in the order of the book.
    pub obligors: Vec<ObligorDefaults>,
    /// The lenders, by name.
    pub lenders: Vec<Credit>,
    /// Defaults of each obligor.
    pub(super) own: Vec<Tally>,
    /// Joint defaults of all pairs `a < b`: (0,1), (0,2), .., (1,2), ..
    pub(super) joint: Vec<Tally>,
    pub(super) confidence: Confidence,
    pub(super) paths: u64,
}

/// One obligor in [`Defaults`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ObligorDefaults {
    /// Name.
    pub name: String,
    /// Probability of default up to the horizon.
    pub probability: Estimate,
    /// Probability of default up to the end of each step.
    pub cumulative: Vec<Estimate>,
    /// Probability of default up to the horizon by cause, in the order of [`Cause::ALL`].
    pub causes: Vec<(Cause, Estimate)>,
    /// All facilities together.
    pub total: Credit,
    /// Each facility, in order of seniority.
    pub facilities: Vec<Credit>,
}

/// What was lent and what is lost: a facility, an obligor, a lender.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Credit {
    /// Name of the facility, obligor or lender.
    pub name: String,
    /// Who bears the loss; of an obligor as a whole, nobody in particular.
    pub lender: Option<String>,
    /// Amount owed at time zero.
    pub principal: f64,
    /// Expected loss, discounted to time zero.
    pub expected_loss: Estimate,
    /// Mean exposure at default, given that there is one, in money of the day of default. Undefined without any default.
    pub exposure_at_default: Estimate,
    /// Discounted loss over discounted exposure of all claims that defaulted, together. Undefined without any default. A debt that became shares without a
    /// default is a loss, but no part of this.
    pub loss_given_default: Estimate,
}

impl Defaults {
    /// One obligor by name.
    #[must_use]
    pub fn get(&self, obligor: &str) -> Option<&ObligorDefaults> {
        self.obligors.iter().find(|found| found.name == obligor)
    }

    /// Probability that both default up to the horizon; of an obligor with itself its own probability.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is no such obligor.
    pub fn joint(&self, a: &str, b: &str) -> Result<Estimate, Error> {
        let (a, b) = (self.position(a)?, self.position(b)?);
        if a == b {
            return Ok(self.obligors[a].probability);
        }
        let pair = joint::pair(a.min(b), a.max(b), self.obligors.len());
        Ok(self.joint[pair].probability(self.paths, self.confidence))
    }

    /// Default correlation: that of the two default indicators, `(p_ab - p_a p_b) / sqrt(p_a (1 - p_a) p_b (1 - p_b))`, with the
    /// standard error of the delta method. [Undefined](Estimate::is_defined) where one of them never or always defaults.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is no such obligor.
    pub fn correlation(&self, a: &str, b: &str) -> Result<Estimate, Error> {
        let (a, b) = (self.position(a)?, self.position(b)?);
        let both = match a == b {
            true => self.own[a],
            false => self.joint[joint::pair(a.min(b), a.max(b), self.obligors.len())],
        };
        Ok(joint::correlation(&self.own[a], &self.own[b], &both, self.paths, self.confidence))
    }

    fn position(&self, name: &str) -> Result<usize, Error> {
        self.obligors.iter().position(|obligor| obligor.name == name).ok_or_else(|| Error::Unknown {
            field: "obligor".into(),
            kind: "obligor",
            name: name.to_owned(),
            known: self.obligors.iter().map(|obligor| obligor.name.as_str()).collect::<Vec<_>>().join(", "),
        })
    }
}

/// An obligor by name, as in a map.
///
/// # Panics
/// When there is no obligor of that name; [`Defaults::get`] does not.
impl Index<&str> for Defaults {
    type Output = ObligorDefaults;

    fn index(&self, obligor: &str) -> &ObligorDefaults {
        match self.get(obligor) {
            Some(found) => found,
            None => panic!("no obligor is named \"{obligor}\""),
        }
    }
}
