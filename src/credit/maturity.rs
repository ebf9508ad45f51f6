//! What may happen at maturity to a loan that cannot be paid: borrow again, extend, or trap cash.

use super::fleet::LARGEST;
use super::quantity::Quantity;
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// Borrowing again, at maturity, what could not be paid.
///
/// With the amount missing `x`, the executable value of the collateral `V`, the cash flow available for debt service of the
/// step at its yearly rate `C`, the new rate `r` (coupon plus `spread`, per year) and the tenor `T`, it is granted if
///
/// ```text
/// x <= max(0, min(advance_rate V, C / dscr a(r, T)) - debt of the same or a senior rank),    a = (1 - (1 + r)^-T) / r
/// ```
///
/// and the funding market is open. All of it is granted or nothing. It is repaid straight over `tenor`, but for the `balloon`,
/// by the same lender, and may be borrowed again when it matures.
///
/// ```
/// use haircut::credit::{Funding, Refinancing};
/// // Lenders lend three quarters of what the machines would fetch, and not more than cash flow repays 1.3 times.
/// let clause = Refinancing {
///     dscr: Some(1.3),
///     funding: Some(Funding { availability: "funding.availability".into(), threshold: None }),
///     ..Refinancing::straight(0.75, 3.0, 0.02)
/// };
/// assert_eq!(clause.renewals, 1);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refinancing {
    /// Part of the executable collateral value that is lent against, 0 to 1.
    pub advance_rate: f64,
    /// Times that the new loan's debt service is to be covered; without it the collateral alone decides.
    #[serde(default)]
    pub dscr: Option<f64>,
    /// Years over which it is repaid.
    pub tenor: f64,
    /// Added to the coupon.
    pub spread: f64,
    /// Part of it that is not repaid before the end of the tenor, 0 to 1.
    #[serde(default)]
    pub balloon: f64,
    /// How often it may be borrowed again, the first time included.
    #[serde(default = "once")]
    pub renewals: u32,
    /// Whether lenders lend at all; without it they always do.
    #[serde(default)]
    pub funding: Option<Funding>,
}

/// When the funding market is open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Funding {
    /// How easily money is to be had, 0 to 1: a number, or a series.
    pub availability: Quantity,
    /// The market is open while availability is at least this. Without it availability is the probability that a request
    /// finds the market open, drawn for each path, facility and date by itself.
    #[serde(default)]
    pub threshold: Option<f64>,
}

/// A later maturity for what could not be paid, if tests hold.
///
/// The lender waits `years` more. Meanwhile interest runs at the coupon plus `spread`, and nothing is repaid. A fee of `fee`
/// times the amount is added to it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extension {
    /// Years until the new maturity.
    pub years: f64,
    /// Part of the amount extended that the lender asks for it.
    #[serde(default)]
    pub fee: f64,
    /// Added to the coupon.
    #[serde(default)]
    pub spread: f64,
    /// The least cash flow of the step over what is due in it besides the principal that matures.
    #[serde(default)]
    pub dscr: Option<f64>,
    /// The most debt, the amount extended included, over the collateral at marks.
    #[serde(default)]
    pub ltv: Option<f64>,
    /// How often it may be extended.
    #[serde(default = "once")]
    pub times: u32,
}

/// An anticipated repayment date: what could not be paid at maturity stays, and all cash that is left after debt service
/// repays it, until a final maturity.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CashTrap {
    /// Years from the maturity to the final one.
    pub years: f64,
    /// Added to the coupon meanwhile.
    #[serde(default)]
    pub spread: f64,
}

fn once() -> u32 {
    1
}

/// The highest rate a description may have: a coupon of 8 instead of 0.08 is a mistake that is worth catching at once.
const HIGHEST_RATE: f64 = 5.0;

pub(super) fn rate(field: &str, value: f64) -> Result<(), Error> {
    check::within(field, value, 0.0, HIGHEST_RATE)
}

/// The years that a loan may go on: a shorter time is none.
fn years(field: &str, value: f64) -> Result<(), Error> {
    check::within(field, value, 1e-6, 1e3)
}

impl Refinancing {
    /// A loan against collateral, repaid straight, once: set the other fields as needed.
    #[must_use]
    pub fn straight(advance_rate: f64, tenor: f64, spread: f64) -> Self {
        Refinancing { advance_rate, dscr: None, tenor, spread, balloon: 0.0, renewals: 1, funding: None }
    }

    pub(super) fn validate(&self) -> Result<(), Error> {
        check::within("advance_rate", self.advance_rate, 0.0, 1.0)?;
        if let Some(dscr) = self.dscr {
            check::within("dscr", dscr, 1e-6, LARGEST)?;
        }
        years("tenor", self.tenor)?;
        rate("spread", self.spread)?;
        check::within("balloon", self.balloon, 0.0, 1.0)?;
        if let Some(Funding { threshold: Some(threshold), .. }) = self.funding {
            check::within("funding.threshold", threshold, 0.0, 1.0)?;
        }
        Ok(())
    }
}

impl Extension {
    pub(super) fn validate(&self) -> Result<(), Error> {
        years("years", self.years)?;
        check::within("fee", self.fee, 0.0, 1.0)?;
        rate("spread", self.spread)?;
        if let Some(dscr) = self.dscr {
            check::within("dscr", dscr, 0.0, LARGEST)?;
        }
        if let Some(ltv) = self.ltv {
            check::within("ltv", ltv, 0.0, LARGEST)?;
        }
        Ok(())
    }
}

impl CashTrap {
    pub(super) fn validate(&self) -> Result<(), Error> {
        years("years", self.years)?;
        rate("spread", self.spread)
    }
}
