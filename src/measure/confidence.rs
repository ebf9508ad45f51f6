//! How often an interval covers.

use super::binomial::{normal_quantile, student_quantile};
use crate::Error;
use crate::error::check;
use serde::{Deserialize, Serialize};

/// How often an interval covers the true value: 0.95 by default.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Confidence(f64);

impl Confidence {
    /// A confidence strictly between 0 and 1.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is not.
    pub fn new(level: f64) -> Result<Self, Error> {
        check::strictly_within("confidence", level, 0.0, 1.0)?;
        Ok(Confidence(level))
    }

    /// The level.
    #[must_use]
    pub fn level(self) -> f64 {
        self.0
    }

    /// How many standard deviations a normal interval reaches to either side: 1.96 at 95 %.
    #[must_use]
    pub fn z(self) -> f64 {
        normal_quantile(0.5 + 0.5 * self.0)
    }

    /// The same for Student's t with some degrees of freedom; infinite without any.
    pub(super) fn t(self, freedom: f64) -> f64 {
        if freedom > 0.0 { student_quantile(0.5 + 0.5 * self.0, freedom) } else { f64::INFINITY }
    }

    /// What is left out on one side.
    pub(super) fn tail(self) -> f64 {
        0.5 - 0.5 * self.0
    }
}

impl Default for Confidence {
    fn default() -> Self {
        Confidence(0.95)
    }
}

impl TryFrom<f64> for Confidence {
    type Error = Error;

    fn try_from(level: f64) -> Result<Self, Error> {
        Confidence::new(level)
    }
}

impl From<Confidence> for f64 {
    fn from(confidence: Confidence) -> f64 {
        confidence.0
    }
}
