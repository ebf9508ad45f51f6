//! Covenants: what a borrower promises beside payment, and what follows when it does not hold.

use super::facility::Facility;
use super::fleet::LARGEST;
use super::quantity::Quantity;
use super::schedule::SAME_DATE;
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// A promise that is tested at the end of each step, while anything is owed.
///
/// **Breach, waiver, cure and default are four events.** A breach begins on the first date on which the test fails and lasts
/// until a date on which it holds. From that date on
///
/// 1. owners get nothing (lock-up), and `sweep` of the cash left after debt service repays debt;
/// 2. with [`acceleration`](Covenant::acceleration) lenders waive the breach with a probability, drawn on its first date: then it has
///    no further consequence than the first;
/// 3. if not, and the breach has lasted for the cure period, owners cure it if their [`EquityCure`] goes so far;
/// 4. else all facilities accelerate: a default, cause [`Cause::Covenant`](super::Cause).
///
/// Tests are made after the payments of the date, before sweeps and owners, in the order of the list. A loan to value whose breach accelerates
/// at once is tested again where the market clears within the step ([`Feedback::WithinStep`](super::Feedback::WithinStep)) and marks have fallen.
/// A borrower may have several covenants on one figure: a lock-up at a DSCR of 1.2 and a default at 1.05.
///
/// ```
/// use haircut::credit::{Acceleration, Covenant, CovenantTest};
/// let test = CovenantTest::Dscr { at_least: 1.05, years: 1.0 };
/// let covenant = Covenant { acceleration: Some(Acceleration { cure: 0.125, waiver: 0.5 }), ..Covenant::new("default", test) };
/// assert_eq!(covenant.sweep, 0.0);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Covenant {
    /// Name; the covenants of a borrower have different ones. Metric `NAME.breach`.
    pub name: String,
    /// What is promised.
    pub test: CovenantTest,
    /// The date of the first test, in years from today.
    #[serde(default)]
    pub from: f64,
    /// Share of the cash left after debt service that repays debt while the test fails, 0 to 1.
    #[serde(default)]
    pub sweep: f64,
    /// If a breach can become a default.
    #[serde(default)]
    pub acceleration: Option<Acceleration>,
}

/// What a covenant promises.
///
/// A window of `years` ends on the date of the test. A step that began before the window counts for the part that lies in it; the
/// last step counts whole. The first test is made when a whole window has passed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum CovenantTest {
    /// `sum of CFADS >= at_least x sum of debt service` over the window. Debt service is interest and principal as they fall due; neither
    /// what falls due on the day of maturity nor arrears are of it.
    Dscr {
        /// Times.
        at_least: f64,
        /// Length of the window, in years.
        years: f64,
    },
    /// `balance + arrears <= at_most x collateral at marks`.
    Ltv {
        /// As a decimal: 0.8 is 80 %.
        at_most: f64,
    },
    /// `cash + free coins at marks >= at_least`; free are the coins that no facility names as its security.
    Liquidity {
        /// USD.
        at_least: f64,
    },
    /// Of the hours for which a fleet's machines run in the window the part that is let: those under contracts, or of them what is
    /// [used](super::TakeOrPay), and of the rest the spot utilisation. A share that stands empty after its tenant's default is not let. Where nothing runs yet, it holds.
    Utilisation {
        /// Name of the fleet.
        fleet: String,
        /// From 0 to 1.
        at_least: f64,
        /// Length of the window, in years.
        years: f64,
    },
}

/// How a breach becomes a default.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acceleration {
    /// Years from the first date of a breach to the date on which debt accelerates, if it still lasts; 0 is at once.
    pub cure: f64,
    /// Probability that lenders waive a breach, 0 to 1. Drawn for each path, covenant and first date by itself.
    #[serde(default)]
    pub waiver: f64,
}

/// Money with which owners cure breaches that would accelerate the debt.
///
/// A cure is what the test lacks: of a DSCR it is cash, and counts as CFADS of that step in all windows to come; of a
/// liquidity it is cash; of an LTV it repays debt, senior first. A want of utilisation has no cure. Owners cure a breach as a whole or not at all: up to
/// `times`, and `most x availability` less what they have put in. What marks that fall within a step ask for is one cure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EquityCure {
    /// What all cures together may come to, in USD.
    pub most: f64,
    /// How many there may be.
    pub times: u32,
    /// The part of `most` that owners can find at the time, 0 to 1: a number, or a series.
    #[serde(default = "all")]
    pub availability: Quantity,
}

fn all() -> Quantity {
    Quantity::Number(1.0)
}

impl Covenant {
    /// A covenant whose breach locks up distributions and does nothing else: set the other fields as needed.
    #[must_use]
    pub fn new(name: impl Into<String>, test: CovenantTest) -> Self {
        Covenant { name: name.into(), test, from: 0.0, sweep: 0.0, acceleration: None }
    }

    pub(super) fn validate(&self) -> Result<(), Error> {
        check::named("name", &self.name)?;
        if self.name.contains('.') {
            return Err(Error::invalid("name", &self.name, "must be without a dot, which metrics use: `name.breach`"));
        }
        self.test.validate().map_err(|error| error.within("test"))?;
        check::within("from", self.from, 0.0, 1e3)?;
        check::within("sweep", self.sweep, 0.0, 1.0)?;
        if let Some(acceleration) = &self.acceleration {
            check::within("acceleration.cure", acceleration.cure, 0.0, 1e3)?;
            check::within("acceleration.waiver", acceleration.waiver, 0.0, 1.0)?;
        }
        Ok(())
    }

    /// Whether facilities may be repaid ahead of schedule because of it.
    pub(super) fn prepays(&self) -> bool {
        self.sweep > 0.0 || (self.acceleration.is_some() && matches!(self.test, CovenantTest::Ltv { .. }))
    }

    /// Whether it is tested again where marks fall within the step: a breach at lower marks would accelerate the debt on the same date.
    pub(super) fn is_tested_again(&self) -> bool {
        let is_at_once = self.acceleration.is_some_and(|acceleration| acceleration.cure <= SAME_DATE);
        is_at_once && matches!(self.test, CovenantTest::Ltv { .. })
    }

    /// Whether its name is that of a facility, whose metrics bear it.
    pub(super) fn is_named_as(&self, facilities: &[Facility]) -> bool {
        facilities.iter().any(|facility| facility.name == self.name)
    }
}

impl CovenantTest {
    fn validate(&self) -> Result<(), Error> {
        match self {
            CovenantTest::Dscr { at_least, years } => {
                check::within("dscr.at_least", *at_least, 1e-6, 1e6)?;
                check::within("dscr.years", *years, 1e-6, LONGEST_WINDOW)
            }
            CovenantTest::Ltv { at_most } => check::within("ltv.at_most", *at_most, 1e-6, 1e6),
            CovenantTest::Liquidity { at_least } => check::within("liquidity.at_least", *at_least, 0.0, LARGEST),
            CovenantTest::Utilisation { at_least, years, .. } => {
                check::within("utilisation.at_least", *at_least, 0.0, 1.0)?;
                check::within("utilisation.years", *years, 1e-6, LONGEST_WINDOW)
            }
        }
    }
}

impl EquityCure {
    pub(super) fn validate(&self) -> Result<(), Error> {
        check::within("most", self.most, 0.0, LARGEST)
    }
}

/// In years.
const LONGEST_WINDOW: f64 = 10.0;
