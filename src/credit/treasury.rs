//! Coins on the balance sheet.

use super::fleet::LARGEST;
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// Coins that a borrower holds and sells, in the listed order, when cash does not cover what is due.
///
/// They are worth the mark of their class. What is sold to meet a payment goes at the mark, without impact: it is small
/// beside the turnover of a coin. A management may sell some earlier ([`CoinSales`](super::CoinSales)). Those that are not [pledged](super::Security) are sold before anything is left unpaid or
/// refinanced, so a lender finds none of them unless they are worth nothing; those that are back their loan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Treasury {
    /// Class of the [`LiquidationMarket`](super::LiquidationMarket).
    pub asset: String,
    /// How many coins.
    pub units: f64,
}

impl Treasury {
    pub(super) fn validate(&self) -> Result<(), Error> {
        check::within("units", self.units, 0.0, LARGEST)
    }
}
