//! A parameter that is either a number or a series of the market.

use super::obligor::ObligorPlan;
use crate::market::ReadLane;
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// A quantity of a description: a number that stays, or the name of a series that moves.
///
/// In a file `rent = 2.4` is the number and `rent = "h100_rent"` the series.
///
/// ```
/// use haircut::credit::Quantity;
/// assert_eq!(Quantity::from(2.4), Quantity::Number(2.4));
/// assert_eq!(Quantity::from("h100_rent"), Quantity::Series("h100_rent".into()));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number or the name of a series")]
pub enum Quantity {
    /// The same on every path and date.
    Number(f64),
    /// A series of a factor (`h100_rent`, `frontier.adoption`), at the end of the step.
    Series(String),
}

impl From<f64> for Quantity {
    fn from(number: f64) -> Self {
        Quantity::Number(number)
    }
}

impl From<&str> for Quantity {
    fn from(series: &str) -> Self {
        Quantity::Series(series.to_owned())
    }
}

/// A quantity, planned: a constant times a series, where there is one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// The number; 1 for a series.
    pub(super) constant: f64,
    pub(super) series: Option<ReadLane>,
}

impl Quantity {
    /// Checks a number against `low ..= high` and looks a series up.
    pub(super) fn plan(&self, plan: &ObligorPlan<'_>, field: &str, low: f64, high: f64) -> Result<Reading, Error> {
        match self {
            Quantity::Number(number) => {
                check::within(field, *number, low, high)?;
                Ok(Reading { constant: *number, series: None })
            }
            Quantity::Series(name) => Ok(Reading { constant: 1.0, series: Some(plan.read(field, name)?) }),
        }
    }
}
