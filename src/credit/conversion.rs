//! Notes that may become shares.

use super::facility::{Amortisation, Facility};
use super::fleet::LARGEST;
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// The holder's choice between money and shares, for a note that is repaid at once.
///
/// It is made once: on the date of the put if there is one, else at maturity. With the assets of the borrower at marks, its cash with the cash flow
/// of the step, everything that it owes (this note included), its shares `N` and the conversion price `K`,
///
/// ```text
/// S = (assets + cash - owed) / N         equity value per share before the conversion
/// ```
///
/// a principal `F` becomes `F / K` shares if `S > K`, and is a claim in cash if not. Afterwards a share is worth `(N S + F) / (N + F / K)`, between `K` and
/// `S`: so the holder does not lose by it, and to ask for `S > K` before is to ask for it after the dilution. Of notes that choose on the same date
/// the lowest conversion price is first, and the next looks at what that leaves.
///
/// A note that is converted is no longer owed: no loss, and to its lender repaid at par. What cannot be paid in cash is a loan that cannot be repaid at
/// maturity: its [`Refinancing`](super::Refinancing) and other clauses apply, else it is a default, cause [`Cause::Maturity`](super::Cause).
///
/// ```
/// use haircut::credit::{Conversion, Facility};
/// // Due in six years; the holder may ask for its money after one and a half.
/// let note = Facility {
///     conversion: Some(Conversion { price: 25.91, put: Some(1.5) }),
///     ..Facility::bullet("0 % 2032", "funds", 1_000e6, 0.0, 6.0)
/// };
/// assert!(note.conversion.is_some());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conversion {
    /// USD of principal a share.
    pub price: f64,
    /// When the holder may ask for its money before maturity, in years from today.
    #[serde(default)]
    pub put: Option<f64>,
}

impl Conversion {
    pub(super) fn validate(&self, note: &Facility) -> Result<(), Error> {
        check::within("price", self.price, 1e-9, LARGEST)?;
        if let Some(put) = self.put
            && !(put > note.interest_only && put <= note.maturity)
        {
            let expected = format!("must fall after the start and not after the maturity, {}", note.maturity);
            return Err(Error::invalid("put", put, expected));
        }
        if note.amortisation != Amortisation::Bullet || note.draws.is_some() {
            let what = if note.draws.is_some() { "`draws`" } else { "instalments" };
            let expected = "must be of a note that is lent at once and repaid at once";
            return Err(Error::invalid("price", format!("{}, with {what}", self.price), expected));
        }
        Ok(())
    }
}

impl Facility {
    /// The facility with the date on which its holder chooses for its maturity.
    pub(super) fn decided(&self) -> Facility {
        let put = self.conversion.and_then(|conversion| conversion.put);
        Facility { maturity: put.unwrap_or(self.maturity), ..self.clone() }
    }
}
