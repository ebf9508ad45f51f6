//! What is lent after time zero.

use super::facility::{Amortisation, Facility};
use super::fleet::LARGEST;
use super::maturity::rate;
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// Further lending at dates that are agreed, unless the borrower has defaulted by then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draws {
    /// (years from today, USD), before maturity.
    pub schedule: Vec<(f64, f64)>,
    /// Rate a year due at the end of each step on what was not drawn at its start.
    #[serde(default)]
    pub commitment_fee: f64,
    /// Whether draws are repaid together or each by itself.
    #[serde(default)]
    pub repaid: Repaid,
    /// Part of each draw that pays at once for what it was lent for; the rest is cash of the borrower.
    #[serde(default = "all")]
    pub spent: f64,
}

/// How draws are repaid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repaid {
    /// On the dates of the facility: a draw is repaid over those that are left, in equal instalments or payments if these
    /// are; else instalments are those of the facility as a whole.
    #[default]
    Together,
    /// Over the same time after it was drawn as what was lent today: `interest_only`, `every` and `maturity` count from
    /// each draw. A facility matures with its last draw; of earlier ones what stays unpaid is arrears.
    Each,
}

fn all() -> f64 {
    1.0
}

impl Draws {
    pub(super) fn validate(&self, facility: &Facility) -> Result<(), Error> {
        for (index, &(years, amount)) in self.schedule.iter().enumerate() {
            let field = format!("schedule[{index}]");
            if !(years > 0.0 && years < facility.maturity) {
                let expected = format!("must fall after time zero and before the maturity, {}", facility.maturity);
                return Err(Error::invalid(field, years, expected));
            }
            check::within(&field, amount, 0.0, LARGEST)?;
        }
        rate("commitment_fee", self.commitment_fee)?;
        check::within("spent", self.spent, 0.0, 1.0)?;
        let is_dated = match &facility.amortisation {
            Amortisation::Custom(_) | Amortisation::Sculpted { .. } => true,
            Amortisation::Straight { instalment, .. } => instalment.is_some(),
            Amortisation::Bullet | Amortisation::Level { .. } => false,
        };
        if self.repaid == Repaid::Each && is_dated {
            let expected = "must be \"together\" where instalments are given as dates or amounts";
            return Err(Error::invalid("repaid", "each", expected));
        }
        Ok(())
    }
}
