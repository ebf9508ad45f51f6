//! Notes that may become shares.

use super::facility::{Amortisation, Facility};
use super::fleet::LARGEST;
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// The holder's choice between money and shares, for a note that is repaid at once.
///
/// With the assets of the borrower at marks, its cash with the cash flow of the step, everything that it owes (this note included), its shares `N` and the
/// conversion price `K`,
///
/// ```text
/// S = (assets + cash - owed) / N         equity value per share before the conversion
/// ```
///
/// and a principal of `F`,
///
/// | on | if | then |
/// | --- | --- | --- |
/// | each date since `call.from` | `S > call.above K` | it becomes `F / K` shares: the issuer calls it, and shares are worth more than its price |
/// | the date of a put | `S > hold_above K` | the holder stays |
/// | | else | `F` is due in cash |
/// | maturity | `S > K` | it becomes `F / K` shares |
/// | | else | `F` is due in cash |
///
/// **Why so.** The holder of a note that may be converted has at least the shares: while `S > K` they are worth more than its principal, so it does not ask for that.
/// Nor does it convert before it must, which gives up the interest, the claim and the choice for nothing (as with a call on a share without dividends: Ingersoll 1977). So
/// above `K` it stays, at any volatility and for any credit. Below, staying is worth what the choice to come is: `hold_above` says down to which share of `K` that is more
/// than the money today; 1 is the holder who does not trust the borrower, and for the borrower the one to plan for.
///
/// At maturity a share is worth `(N S + F) / (N + F / K)` after the conversion, between `K` and `S`: so the holder does not lose by it, and to ask for `S > K` before is to
/// ask for it after the dilution. Of notes that choose on the same date the lowest conversion price is first, and the next looks at what that leaves.
///
/// A note that is converted is no longer owed: no loss, and to its lender repaid at par. What cannot be paid in cash is a loan that cannot be repaid at
/// maturity: its [`Refinancing`](super::Refinancing) and other clauses apply, else it is a default, cause [`Cause::Maturity`](super::Cause). A loan that goes on after a
/// put is no note any more.
///
/// Source: J. E. Ingersoll, "A contingent-claims valuation of convertible securities", Journal of Financial Economics 4 (1977) 289-321,
/// doi:10.1016/0304-405X(77)90004-6.
///
/// ```
/// use haircut::credit::{Conversion, Facility};
/// // Due in six years; the holder may ask for its money after one and a half and after three.
/// let note = Facility {
///     conversion: Some(Conversion { puts: vec![1.5, 3.0], ..Conversion::at_maturity(25.91) }),
///     ..Facility::bullet("0 % 2032", "funds", 1_000e6, 0.0, 6.0)
/// };
/// assert!(note.conversion.is_some());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conversion {
    /// USD of principal a share.
    pub price: f64,
    /// When the holder may ask for its money before maturity, in years from today, in order.
    #[serde(default)]
    pub puts: Vec<f64>,
    /// On the date of a put the holder stays while a share is worth more than this part of the price, 0 to 1.
    #[serde(default = "price_itself")]
    pub hold_above: f64,
    /// When the issuer has the note become shares before maturity.
    #[serde(default)]
    pub call: Option<SoftCall>,
}

/// The issuer's right to call a note whose shares are worth more than its price, which it uses at once.
///
/// It calls at par, so the holder converts: the note becomes shares on the first date since `from` on which `S > above K` (see [`Conversion`]).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoftCall {
    /// Years from today until when it may not be called.
    pub from: f64,
    /// Times the price that a share must be worth, at least 1; 1.3 in most notes.
    pub above: f64,
}

fn price_itself() -> f64 {
    1.0
}

impl Conversion {
    /// A choice at maturity alone, at so many USD of principal a share: set the other fields as needed.
    #[must_use]
    pub fn at_maturity(price: f64) -> Self {
        Conversion { price, puts: Vec::new(), hold_above: price_itself(), call: None }
    }

    pub(super) fn validate(&self, note: &Facility) -> Result<(), Error> {
        check::within("price", self.price, 1e-9, LARGEST)?;
        let mut last = note.interest_only;
        for (index, put) in self.puts.iter().enumerate() {
            if !(*put > last && *put <= note.maturity) {
                let before = if index == 0 { "start" } else { "put before it" };
                let expected =
                    format!("must fall after the {before}, {last}, and not after the maturity, {}", note.maturity);
                return Err(Error::invalid(format!("puts[{index}]"), put, expected));
            }
            last = *put;
        }
        check::within("hold_above", self.hold_above, 0.0, 1.0)?;
        if let Some(SoftCall { from, above }) = self.call {
            check::within("call.from", from, 0.0, note.maturity)?;
            check::within("call.above", above, 1.0, 1e3)?;
        }
        if note.amortisation != Amortisation::Bullet || note.draws.is_some() {
            let what = if note.draws.is_some() { "`draws`" } else { "instalments" };
            let expected = "must be of a note that is lent at once and repaid at once";
            return Err(Error::invalid("price", format!("{}, with {what}", self.price), expected));
        }
        Ok(())
    }
}
