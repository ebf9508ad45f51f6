//! A loan against coins whose borrower must put up more when they fall.

use super::schedule::SAME_DATE;
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// A margin clause: what the coins that secure a loan must be worth, and what happens when they are not.
///
/// Ratios are *collateral over loan*, as lenders against coins quote them: 1.43 is 143 %, a loan-to-value of 70 %. After the payments of each
/// step, with the coins `u_h` that secure the loan alone at marks `m_h` and all that is owed on it, due or not,
///
/// ```text
/// V = sum_h u_h m_h          D = balance + arrears          ratio = V / D
/// ```
///
/// 1. `V < call D` begins a **call**, which asks for a ratio of `initial`. The borrower puts up free coins of the same classes, in the order of the
///    treasury, worth up to `initial D - V`; then repays from cash up to `D - V / initial`. At a ratio of `initial`, however it comes about, the call is over.
/// 2. While that is not reached the call is open. When it has been for `cure` years, or at once where `V < liquidation D`, a [`Sponsor`](super::Sponsor) of the form
///    [`Liquidity`](super::SupportForm) may repay `D - V / initial`, all of it or nothing; else the lender sells the part
///
/// ```text
/// f = min(1, (initial D - V) / ((initial - 1) V))
/// ```
///
///    of the coins of each class into the [`LiquidationMarket`](super::LiquidationMarket), where its own sale moves the price; at marks that is what brings the ratio back
///    to `initial`. The proceeds repay the loan, what is due first, and the call is over.
/// 3. Where then `V <= D` no sale restores anything: all the coins are sold at once, and the borrower is in default, cause
///    [`Cause::Margin`](super::Cause).
/// 4. With `release`, `V > release D` gives coins back until the ratio is `initial`.
///
/// All of this goes by the dates of the grid: on a daily one without weekends the step from Friday to Monday is the weekend gap.
///
/// ```
/// use haircut::credit::{Facility, Lien, Margin, Security};
/// // A call at 133 % is to be answered within a day; at 120 % the lender does not wait.
/// let margin = Margin { liquidation: 1.2, cure: 1.0 / 365.0, ..Margin::new(1.43, 1.33) };
/// let loan = Facility {
///     security: Some(Security::on([Lien::part("btc", 2_000.0)])),
///     margin: Some(margin),
///     ..Facility::bullet("coin loan", "bank", 100e6, 0.09, 1.0)
/// };
/// assert_eq!(loan.margin.map(|margin| margin.release), Some(None));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Margin {
    /// Collateral over loan that a call asks for; above 1.
    pub initial: f64,
    /// Collateral over loan below which a call begins; at most `initial`.
    pub call: f64,
    /// Collateral over loan below which the lender sells at once; at most `call`, 0 for never.
    #[serde(default)]
    pub liquidation: f64,
    /// Years for which a call may stay open; 0 is none.
    #[serde(default)]
    pub cure: f64,
    /// Collateral over loan above which coins are given back; at least `initial`, none for never.
    #[serde(default)]
    pub release: Option<f64>,
}

/// The greatest ratio, and the least one that a call asks for: a sale restores it by one over what it is above one.
const GREATEST: f64 = 1e6;
const LEAST: f64 = 1.000_001;

impl Margin {
    /// A clause without cure time: what a call lacks is put up on the same date, or sold.
    #[must_use]
    pub fn new(initial: f64, call: f64) -> Self {
        Margin { initial, call, liquidation: 0.0, cure: 0.0, release: None }
    }

    pub(super) fn validate(&self) -> Result<(), Error> {
        check::within("initial", self.initial, LEAST, GREATEST)?;
        check::within("call", self.call, 0.0, self.initial)?;
        check::within("liquidation", self.liquidation, 0.0, self.call)?;
        check::within("cure", self.cure, 0.0, 1e3)?;
        if let Some(release) = self.release {
            check::within("release", release, self.initial, GREATEST)?;
        }
        Ok(())
    }

    /// Whether a call that began so many years ago may stay open no longer.
    pub(super) fn is_over(&self, years: f64) -> bool {
        years >= self.cure - SAME_DATE
    }

    /// The part of the coins whose sale at marks brings the ratio back to what a call asks for.
    pub(super) fn part(&self, secured: f64, owed: f64) -> f64 {
        if secured > owed {
            ((self.initial * owed - secured) / ((self.initial - 1.0) * secured)).clamp(0.0, 1.0)
        } else {
            1.0
        }
    }
}
