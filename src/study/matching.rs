//! Markets that share volatility, kurtosis and correlation, and differ in how their factors fall together.

use super::solving::{Drivers, common_jumps, constant, regimes, stress_driven, student_t, t_copula};
use super::target::{Matched, Target};
use crate::market::{Margins, StressDriven};
use crate::numeric::Correlation;
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// A way of falling together, and those of its parameters that are not solved for.
///
/// The others are, so that log returns over the target's step have the target's volatilities, kurtosis and correlations:
///
/// | mechanism | kurtosis from | correlation from |
/// | --- | --- | --- |
/// | `Constant` | own jumps | the matrix, higher as jumps dilute it |
/// | `StudentT`, t margins | nu = 4 + 6 / kurtosis, one for all | the matrix of the base |
/// | `StudentT`, normal margins | own jumps | the same, and higher as the copula dilutes it |
/// | `Regimes` | multipliers of volatility in calm and stress | the calm matrix, given that of stress |
/// | `StressDriven` | own jumps | the calm matrix, given that of stress and the mean weight |
/// | `CommonJumps` | the sizes of the common jumps | the matrix of the diffusions |
/// | `Regimes`, `CommonJumps` with a t copula | as without it | the same matrix, higher as the copula dilutes it |
///
/// **Own jumps** make the price a [`Merton`](crate::market::Merton) whose jumps are symmetric and independent of everything; without kurtosis
/// to give it is a [`Gbm`](crate::market::Gbm). Their share of the variance is `sqrt(lambda D kurtosis / 3)`.
///
/// Matched are second and fourth moments. Third ones are not: common jumps that go down make returns skewed, and regimes do a little, for a price must have a lower
/// mean where it varies more. [`Matched::skewness`] says by how much, and [`Matched::unmatched`] tells it.
///
/// Not to be had in closed form, and so not here: a weight that follows a drawdown (its mean depends on the path and the date), a t copula on it, and jumps on regimes.
///
/// Regimes start from the law of the long run and the index of stress from its own, so every step has the same law. Over several steps
/// correlations stay, and kurtosis falls as it does: like 1 over the number of steps where steps are independent, more slowly under
/// regimes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "mechanism", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Mechanism {
    /// [`Constant`](crate::market::Constant).
    Constant,
    /// [`StudentT`](crate::market::StudentT) on [`Constant`](crate::market::Constant).
    StudentT {
        /// The law of each driver.
        margins: Margins,
        /// Degrees of freedom: needed for normal margins, for t margins given by the kurtosis.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        degrees_of_freedom: Option<f64>,
    },
    /// [`Regimes`](crate::market::Regimes), calm and stress.
    Regimes {
        /// Correlations of the drivers in stress.
        stress: Correlation,
        /// Share of the time in stress, 0.001 to 0.999.
        share: f64,
        /// Mean years that stress lasts.
        mean_years: f64,
        /// Degrees of freedom of a t copula of the drivers in both, whose margins stay normal; none by default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        degrees_of_freedom: Option<f64>,
    },
    /// [`StressDriven`] with an index of its own.
    StressDriven {
        /// Correlations of the drivers in full stress.
        stress: Correlation,
        /// Speed of the index's return to its mean, per year.
        reversion: f64,
        /// Where the weight of stress leaves 0, in standard deviations of the index.
        begin: f64,
        /// Where it reaches 1.
        full: f64,
    },
    /// [`CommonJumps`](crate::market::CommonJumps) on [`Constant`](crate::market::Constant).
    CommonJumps {
        /// Events per year, 0.01 to 100.
        per_year: f64,
        /// Correlation of the jumps of any two factors about their means, 0 to 1.
        correlation: f64,
        /// Share of a jump's mean square that its mean has, and that is down: 0 (symmetric) to 1 (one size).
        tilt: f64,
        /// Degrees of freedom of a t copula of the drivers, whose margins stay normal; none by default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        degrees_of_freedom: Option<f64>,
    },
}

impl Target {
    /// The market of a mechanism that has this target, as far as there is one: ask [`Matched::unmatched`].
    ///
    /// Where a matrix that is solved for is no correlation matrix the nearest one is taken, and where a kurtosis is out of reach
    /// the most that there is.
    ///
    /// # Errors
    /// When a parameter of the target or the mechanism is out of range; located in `mechanism` for the latter.
    pub fn matched(&self, mechanism: &Mechanism) -> Result<Matched, Error> {
        self.check()?;
        mechanism.matched(self).map_err(|error| error.within("mechanism"))
    }
}

impl Mechanism {
    fn matched(&self, target: &Target) -> Result<Matched, Error> {
        let solved = match self {
            Mechanism::Constant => constant(target)?,
            Mechanism::StudentT { margins: Margins::StudentT, degrees_of_freedom } => {
                if let Some(freedom) = degrees_of_freedom {
                    let expected = "must be left out: the kurtosis says what it is";
                    return Err(Error::invalid("degrees_of_freedom", freedom, expected));
                }
                student_t(target)?
            }
            Mechanism::StudentT { margins: Margins::Normal, degrees_of_freedom } => {
                let Some(freedom) = *degrees_of_freedom else {
                    return Err(Error::invalid("degrees_of_freedom", "none", "must be given for normal margins"));
                };
                t_copula(target, &Drivers::new(Some(freedom))?)?
            }
            Mechanism::Regimes { stress, share, mean_years, degrees_of_freedom } => {
                sized("stress", stress, target)?;
                check::within("share", *share, 0.001, 0.999)?;
                check::within("mean_years", *mean_years, 1e-3, 1e3)?;
                regimes(target, stress, *share, *mean_years, &Drivers::new(*degrees_of_freedom)?)?
            }
            Mechanism::StressDriven { stress, reversion, begin, full } => {
                sized("stress", stress, target)?;
                check::within("begin", *begin, -8.0, 8.0)?;
                check::within("full", *full, -8.0, 8.0)?;
                if full <= begin {
                    return Err(Error::invalid("full", full, format!("must be above begin, {begin}")));
                }
                check::within("reversion", *reversion, 0.0, 10_000.0)?;
                stress_driven(target, stress, StressDriven::ou(*reversion, *begin, *full))?
            }
            Mechanism::CommonJumps { per_year, correlation, tilt, degrees_of_freedom } => {
                check::within("per_year", *per_year, 0.01, 100.0)?;
                check::within("correlation", *correlation, 0.0, 1.0)?;
                check::within("tilt", *tilt, 0.0, 1.0)?;
                common_jumps(target, *per_year, *correlation, *tilt, &Drivers::new(*degrees_of_freedom)?)?
            }
        };
        let names = target.margins.iter().map(|margin| margin.name.clone());
        Ok(Matched {
            target: target.clone(),
            factors: names.zip(solved.models).collect(),
            dependence: solved.dependence,
            volatility: solved.volatility,
            skewness: solved.skewness,
            excess_kurtosis: solved.excess_kurtosis,
            correlation: solved.correlation,
        })
    }
}

fn sized(field: &str, matrix: &Correlation, target: &Target) -> Result<(), Error> {
    if matrix.size() == target.margins.len() {
        return Ok(());
    }
    let expected = format!("must have one row for each of the {} margins", target.margins.len());
    Err(Error::invalid(field, format!("{} rows", matrix.size()), expected))
}
