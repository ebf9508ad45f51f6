//! Debt: what was borrowed, what it costs, how it is repaid.

use super::conversion::Conversion;
use super::draws::{Draws, Repaid};
use super::fleet::LARGEST;
use super::margin::Margin;
use super::maturity::{CashTrap, Extension, Refinancing, rate};
use super::security::Security;
use super::surplus::{Reserve, Sweep};
use crate::numeric::TimeGrid;
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// A loan or a note, drawn in full at time zero.
///
/// Interest of a step of `D` years is `balance x rate x D`, paid at its end. A date falls on the first date of the grid
/// that is not before it; a date beyond the horizon does not come in the run.
///
/// ```
/// use haircut::credit::{Amortisation, Facility};
/// let loan = Facility {
///     amortisation: Amortisation::Straight { every: 0.25, instalment: Some(115e6) },
///     interest_only: 0.75,
///     ..Facility::bullet("term loan", "bank", 2_300e6, 0.15, 5.0)
/// };
/// // Sixteen quarters of 5 %, from month 12 to month 57; a fifth of the loan is left for the day of maturity.
/// assert_eq!(loan.principal - 16.0 * 115e6, 0.2 * loan.principal);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facility {
    /// Name; facilities of a borrower have different ones.
    pub name: String,
    /// Who lent, and bears the loss.
    pub lender: String,
    /// Owed at time zero, in USD.
    pub principal: f64,
    /// What is lent after time zero.
    #[serde(default)]
    pub draws: Option<Draws>,
    /// Rate of interest.
    pub coupon: Coupon,
    /// Share of the interest that is not paid but added to what is owed ("paid in kind"), until the first renewal at a
    /// maturity.
    #[serde(default)]
    pub pik: f64,
    /// How the principal is repaid.
    pub amortisation: Amortisation,
    /// Years in which interest alone is paid; the first instalment falls one period later.
    #[serde(default)]
    pub interest_only: f64,
    /// When whatever is left is due, in years from today.
    pub maturity: f64,
    /// Place in the order of payment and of recovery, the lowest first; facilities of one rank share pro rata. Without
    /// it the order of the list is the rank. Either every facility of a borrower has one or none has.
    #[serde(default)]
    pub rank: Option<u32>,
    /// What it has a lien on; without it everything that the borrower has and has not given away in parts.
    #[serde(default)]
    pub security: Option<Security>,
    /// What its coins must be worth, where coins that secure it alone are to be topped up when they fall.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<Margin>,
    /// Whether it may become shares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversion: Option<Conversion>,
    /// Whether what cannot be paid at maturity may be borrowed again. The clauses are tried in this order; where none
    /// applies the borrower defaults.
    #[serde(default)]
    pub refinancing: Option<Refinancing>,
    /// Whether its maturity may be extended.
    #[serde(default)]
    pub extension: Option<Extension>,
    /// Whether its maturity is an anticipated repayment date.
    #[serde(default)]
    pub cash_trap: Option<CashTrap>,
    /// An account that holds its debt service of the months ahead.
    #[serde(default)]
    pub reserve: Option<Reserve>,
    /// Cash left after debt service that repays it ahead of schedule.
    #[serde(default)]
    pub sweep: Option<Sweep>,
}

/// Rate of interest a year, as a decimal: 0.08 is 8 %.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a rate or `{ series = .., spread = .., floor = .. }`")]
pub enum Coupon {
    /// The same throughout.
    Fixed(f64),
    /// Reset from a rate factor at the start of each step.
    Floating(Floating),
}

/// A coupon of `max(series, floor) + spread`, fixed at the start of a step and paid at its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Floating {
    /// Series with the reference rate.
    pub series: String,
    /// Margin over it; zero or above.
    pub spread: f64,
    /// The least that the reference counts as; zero or above.
    #[serde(default)]
    pub floor: f64,
}

/// How a principal `P` is repaid between `interest_only` and maturity.
///
/// Instalments fall at `interest_only + every`, `interest_only + 2 every`, .. and at maturity, where what is left is due.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Amortisation {
    /// All at maturity.
    Bullet,
    /// Equal instalments: `P / count`, or a given amount and the rest as a balloon.
    Straight {
        /// Years between instalments.
        every: f64,
        /// USD per instalment; without it the loan is repaid in full.
        #[serde(default)]
        instalment: Option<f64>,
    },
    /// Equal payments of interest and principal together: the annuity `A = P / sum_j (1 + i)^-j`, `i = rate x every`;
    /// the instalment is `A` less `i` times the balance.
    Level {
        /// Years between instalments.
        every: f64,
        /// Rate that shapes the instalments; needed with a floating coupon, which it replaces for this purpose.
        #[serde(default)]
        profile_rate: Option<f64>,
    },
    /// Given instalments as (years from today, USD), and the rest as a balloon.
    Custom(Vec<(f64, f64)>),
    /// Instalments that leave the cash flow expected in a base case `dscr` times the debt service:
    /// `clamp(CFADS / dscr - interest, 0, min(balance, cap))`, and the rest as a balloon. So nothing is repaid where cash flow
    /// does not cover the interest, is zero or is below zero.
    Sculpted {
        /// Cash flow of the base case as (years from today, USD since the date before).
        cfads: Vec<(f64, f64)>,
        /// Times that it is to cover interest and principal.
        dscr: f64,
        /// The most of an instalment, in USD.
        #[serde(default)]
        cap: Option<f64>,
        /// Rate of the base case; needed with a floating coupon, which it replaces for this purpose.
        #[serde(default)]
        profile_rate: Option<f64>,
    },
}

/// The result of a clause's own check, with its field.
fn within(field: &str, checked: Option<Result<(), Error>>) -> Result<(), Error> {
    checked.unwrap_or(Ok(())).map_err(|error| error.within(field))
}

impl Facility {
    /// A loan at a fixed coupon, repaid at maturity, without any further clause: set the other fields as needed.
    #[must_use]
    pub fn bullet(
        name: impl Into<String>,
        lender: impl Into<String>,
        principal: f64,
        coupon: f64,
        maturity: f64,
    ) -> Self {
        Facility {
            name: name.into(),
            lender: lender.into(),
            principal,
            draws: None,
            coupon: Coupon::Fixed(coupon),
            pik: 0.0,
            amortisation: Amortisation::Bullet,
            interest_only: 0.0,
            maturity,
            rank: None,
            security: None,
            margin: None,
            conversion: None,
            refinancing: None,
            extension: None,
            cash_trap: None,
            reserve: None,
            sweep: None,
        }
    }

    pub(super) fn validate(&self) -> Result<(), Error> {
        check::named("name", &self.name)?;
        if self.name.contains('.') {
            return Err(Error::invalid("name", &self.name, "must be without a dot, which metrics use: `name.balance`"));
        }
        check::named("lender", &self.lender)?;
        check::within("principal", self.principal, 0.0, LARGEST)?;
        match &self.coupon {
            Coupon::Fixed(coupon) => rate("coupon", *coupon)?,
            Coupon::Floating(floating) => {
                rate("coupon.spread", floating.spread)?;
                rate("coupon.floor", floating.floor)?;
            }
        }
        check::within("pik", self.pik, 0.0, 1.0)?;
        check::positive("maturity", self.maturity)?;
        check::not_negative("interest_only", self.interest_only)?;
        if self.interest_only >= self.maturity {
            return Err(Error::invalid(
                "interest_only",
                self.interest_only,
                format!("must be before the maturity, {}", self.maturity),
            ));
        }
        match &self.amortisation {
            Amortisation::Bullet => {}
            Amortisation::Straight { every, instalment } => {
                self.validate_period(*every)?;
                if let Some(instalment) = instalment {
                    check::within("amortisation.straight.instalment", *instalment, 0.0, LARGEST)?;
                }
            }
            Amortisation::Level { every, profile_rate } => {
                self.validate_period(*every)?;
                self.validate_profile("amortisation.level.profile_rate", *profile_rate)?;
            }
            Amortisation::Custom(instalments) => self.validate_instalments(instalments)?,
            Amortisation::Sculpted { cfads, dscr, cap, profile_rate } => {
                for (index, (years, cash_flow)) in cfads.iter().enumerate() {
                    let field = format!("amortisation.sculpted.cfads[{index}]");
                    self.validate_date(&field, *years)?;
                    check::within(&field, *cash_flow, -LARGEST, LARGEST)?;
                }
                check::within("amortisation.sculpted.dscr", *dscr, 1e-6, LARGEST)?;
                if let Some(cap) = cap {
                    check::within("amortisation.sculpted.cap", *cap, 0.0, LARGEST)?;
                }
                self.validate_profile("amortisation.sculpted.profile_rate", *profile_rate)?;
            }
        }
        within("security", self.security.as_ref().map(Security::validate))?;
        within("margin", self.margin.as_ref().map(Margin::validate))?;
        within("conversion", self.conversion.as_ref().map(|conversion| conversion.validate(self)))?;
        within("draws", self.draws.as_ref().map(|draws| draws.validate(self)))?;
        within("refinancing", self.refinancing.as_ref().map(Refinancing::validate))?;
        within("extension", self.extension.as_ref().map(Extension::validate))?;
        within("cash_trap", self.cash_trap.as_ref().map(CashTrap::validate))?;
        within("reserve", self.reserve.as_ref().map(Reserve::validate))?;
        within("sweep", self.sweep.as_ref().map(Sweep::validate))?;
        Ok(())
    }

    fn validate_period(&self, every: f64) -> Result<(), Error> {
        let field = match self.amortisation {
            Amortisation::Level { .. } => "amortisation.level.every",
            _ => "amortisation.straight.every",
        };
        check::positive(field, every)?;
        if (self.maturity - self.interest_only) / every > TimeGrid::MOST_STEPS as f64 {
            let expected = format!("must give at most {} instalments until maturity", TimeGrid::MOST_STEPS);
            return Err(Error::invalid(field, every, expected));
        }
        Ok(())
    }

    fn validate_profile(&self, field: &str, profile_rate: Option<f64>) -> Result<(), Error> {
        match (profile_rate, &self.coupon) {
            (Some(profile), _) => rate(field, profile),
            (None, Coupon::Fixed(_)) => Ok(()),
            (None, Coupon::Floating(_)) => Err(Error::invalid(field, "none", "must be given with a floating coupon")),
        }
    }

    fn validate_date(&self, field: &str, years: f64) -> Result<(), Error> {
        if !(years > 0.0 && years <= self.maturity) {
            let expected = format!("must fall after time zero and not after the maturity, {}", self.maturity);
            return Err(Error::invalid(field, years, expected));
        }
        Ok(())
    }

    /// What is lent in all, in USD.
    #[must_use]
    pub fn commitment(&self) -> f64 {
        let draws = self.draws.iter().flat_map(|draws| &draws.schedule);
        self.principal + draws.map(|(_, amount)| amount).sum::<f64>()
    }

    /// When its last draw is due.
    pub(super) fn last_maturity(&self) -> f64 {
        let draws = self.draws.iter().filter(|draws| draws.repaid == Repaid::Each).flat_map(|draws| &draws.schedule);
        self.maturity + draws.map(|(years, _)| *years).fold(0.0, f64::max)
    }

    fn validate_instalments(&self, instalments: &[(f64, f64)]) -> Result<(), Error> {
        let mut sum = 0.0;
        for (index, &(years, amount)) in instalments.iter().enumerate() {
            let field = format!("amortisation.custom[{index}]");
            self.validate_date(&field, years)?;
            check::within(&field, amount, 0.0, LARGEST)?;
            sum += amount;
        }
        if sum > self.commitment() * (1.0 + 1e-9) {
            return Err(Error::invalid(
                "amortisation.custom",
                sum,
                format!("must add up to at most the principal, {}", self.commitment()),
            ));
        }
        Ok(())
    }
}
