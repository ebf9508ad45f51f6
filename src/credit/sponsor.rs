//! Sponsors: who may keep a borrower from a default.

use super::facility::Facility;
use super::fleet::LARGEST;
use super::quantity::Quantity;
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// A strategic backer of a borrower: a cloud, a chip maker, a parent.
///
/// On a date on which the borrower would default, after reserves, coins, new loans and owners' cures, the sponsor prevents it if
///
/// ```text
/// need <= capacity s - what it has given to the borrower       need <= commitment s - what it has given to all
/// and      U < 1 / (1 + exp(-(a + b s + e r - c need / capacity)))
/// ```
///
/// | symbol | field | unit |
/// | --- | --- | --- |
/// | `s` | `state` | how well the sponsor is, 0 to 1: a number or a series, such as a `Counterparty`, which is 1 until it defaults |
/// | `r` | `conditions` | of the regime: a number or a series, such as one of `CreditConditions` |
/// | `a` | `intercept` | log odds |
/// | `b` | `state_weight` | log odds per unit of `s` |
/// | `e` | `conditions_weight` | log odds per unit of `r` |
/// | `c` | `need_weight` | log odds for a need of the whole capacity |
/// | `need` | | what it would give, by its [`form`](SupportForm), in USD |
///
/// `U` is uniform, one number a path for everyone who names this sponsor: its resolve. So support does not become likely by being asked for
/// often, and borrowers of one sponsor are helped, or left alone, together. What it gives is no debt of the borrower.
///
/// The capacity is what the sponsor has for this borrower, the commitment what it has for all borrowers who name it: first come, first served,
/// and within a step in the order of the book. They must all name the same. Without it, what is given to others reduces nothing, unless `state` does.
///
/// ```
/// use haircut::credit::{Sponsor, SupportForm};
/// // Half of the time in a calm market, for a small need; seldom where credit is shut.
/// let sponsor = Sponsor {
///     conditions: "funding.availability".into(),
///     conditions_weight: 2.0,
///     need_weight: 1.0,
///     ..Sponsor::new("cloud", SupportForm::Liquidity, 500e6, -2.0)
/// };
/// assert_eq!(sponsor.capacity, 5e8);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sponsor {
    /// Name, which keys its resolve.
    pub name: String,
    /// What it does.
    pub form: SupportForm,
    /// What it may give to this borrower in all, in USD.
    pub capacity: f64,
    /// What it may give to all borrowers of the book who name it together, in USD; none is without limit.
    #[serde(default)]
    pub commitment: Option<f64>,
    /// How well it is, 0 to 1.
    #[serde(default = "well")]
    pub state: Quantity,
    /// What of the regime moves the odds.
    #[serde(default = "nothing")]
    pub conditions: Quantity,
    /// Log odds of support for a small need where `state` and `conditions` are zero.
    pub intercept: f64,
    /// What a state of 1 adds to them.
    #[serde(default)]
    pub state_weight: f64,
    /// What conditions of 1 add to them.
    #[serde(default)]
    pub conditions_weight: f64,
    /// What a need of the whole capacity takes from them; zero or above.
    #[serde(default)]
    pub need_weight: f64,
}

/// What a sponsor does for a borrower that would default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SupportForm {
    /// Pays all that is unpaid, open operating bills included; where a covenant would accelerate the debt, what the test lacks, as owners would
    /// ([`EquityCure`](super::EquityCure)); where a lender would sell coins on a margin call, what brings the ratio back to that of a call
    /// ([`Margin`](super::Margin)).
    Liquidity,
    /// The lenders of some facilities, of whom the sponsor is one, take shares for a part of their claims, and the sponsor pays
    /// what then is unpaid. What is converted is their loss, at once; a covenant that would have accelerated the debt counts as cured.
    DebtForEquity {
        /// Whose claims are converted, by name.
        facilities: Vec<String>,
        /// The part of each claim, 0 to 1: arrears first, then principal not yet due.
        share: f64,
    },
    /// Buys the borrower and repays all that is owed, due or not, if the business is worth that to it.
    Takeover {
        /// What the business is worth to the sponsor, as a multiple of the collateral at marks.
        valuation: f64,
    },
}

fn well() -> Quantity {
    Quantity::Number(1.0)
}

fn nothing() -> Quantity {
    Quantity::Number(0.0)
}

/// Log odds beyond this are certainty.
const LARGEST_ODDS: f64 = 700.0;

impl Sponsor {
    /// A sponsor that is well, with odds that neither a regime nor the need moves: set the other fields as needed.
    #[must_use]
    pub fn new(name: impl Into<String>, form: SupportForm, capacity: f64, intercept: f64) -> Self {
        Sponsor {
            name: name.into(),
            form,
            capacity,
            commitment: None,
            state: well(),
            conditions: nothing(),
            intercept,
            state_weight: 0.0,
            conditions_weight: 0.0,
            need_weight: 0.0,
        }
    }

    pub(super) fn validate(&self, known: &[Facility]) -> Result<(), Error> {
        check::named("name", &self.name)?;
        check::within("capacity", self.capacity, 0.0, LARGEST)?;
        if let Some(commitment) = self.commitment {
            check::within("commitment", commitment, 0.0, LARGEST)?;
        }
        check::within("intercept", self.intercept, -LARGEST_ODDS, LARGEST_ODDS)?;
        check::within("state_weight", self.state_weight, -LARGEST_ODDS, LARGEST_ODDS)?;
        check::within("conditions_weight", self.conditions_weight, -LARGEST_ODDS, LARGEST_ODDS)?;
        check::within("need_weight", self.need_weight, 0.0, LARGEST_ODDS)?;
        match &self.form {
            SupportForm::Liquidity => Ok(()),
            SupportForm::Takeover { valuation } => check::within("form.takeover.valuation", *valuation, 0.0, 1e6),
            SupportForm::DebtForEquity { facilities, share } => {
                check::within("form.debt_for_equity.share", *share, 0.0, 1.0)?;
                let is_known = |name: &String| known.iter().any(|facility| facility.name == *name);
                match facilities.iter().position(|name| !is_known(name)) {
                    None if facilities.is_empty() => Err(Error::invalid(
                        "form.debt_for_equity.facilities",
                        "none",
                        "must name at least one facility",
                    )),
                    None => Ok(()),
                    Some(index) => Err(Error::Unknown {
                        field: format!("form.debt_for_equity.facilities[{index}]"),
                        kind: "facility of the borrower",
                        name: facilities[index].clone(),
                        known: known.iter().map(|facility| facility.name.as_str()).collect::<Vec<_>>().join(", "),
                    }),
                }
            }
        }
    }

    /// Whether facilities may be owed less than agreed because of it.
    pub(super) fn reduces_debt(&self) -> bool {
        self.form != SupportForm::Liquidity
    }
}
