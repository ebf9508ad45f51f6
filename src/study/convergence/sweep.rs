//! What a study of convergence asks: the description, as a file holds it.

use super::comoving::ComovingFactors;
use crate::measure::Tranche;
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// A study of correlation convergence: which factors fall together in stress, by which mechanisms, how strongly, how often, and for borrowers
/// with how much debt.
///
/// Every combination of `mechanisms`, `stress_correlation`, `frequency` and `leverage` is a cell, and every cell is the scenario with its converging
/// factors matched: same volatility, same kurtosis, same unconditional correlation ([`Target`](super::super::Target)). What differs is how they fall together.
///
/// | field | meaning | range |
/// | --- | --- | --- |
/// | `scenario` | a scenario's file, relative to this one | |
/// | `paths`, `seed` | instead of those of the scenario | |
/// | `factors` | the factors that converge | two or more, of two groups or more |
/// | `correlation` | unconditional correlation of log returns of factors of different groups; the scenario's by default | -1 to 1 |
/// | `own_jumps_per_year` | see [`Target`](super::super::Target); 3 by default | 0.01 to 100 |
/// | `mechanisms` | see [`Explanation`] | |
/// | `stress_correlation` | of factors of different groups, in stress | 0 to 1 |
/// | `frequency` | share of steps that are stressed | 0.001 to 0.9 |
/// | `leverage` | multiplier of the principal of every facility, its draws and its instalments; 1 by default | 0.01 to 100 |
/// | `pair` | two borrowers whose joint default is reported | |
/// | `comovement` | two converging factors whose changes are compared by mechanism ([`ComovingFactors`]); none by default | |
/// | `level` | of VaR and ES; 0.99 by default | 0 to 1, strictly |
/// | `tranches` | bounds as shares of the principal; 0, 3, 7, 15 and 100 % by default | |
/// | `sections` | parts of the paths by which paired errors are found ([`Comparison`](crate::engine::Comparison)); 16 by default | 2 or more |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sweep {
    /// What the study is called.
    pub title: String,
    /// File of the scenario, relative to that of the study. In code the scenario is given as it is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub scenario: String,
    /// Paths, instead of those of the scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paths: Option<u64>,
    /// Seed, instead of that of the scenario.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Unconditional correlation between groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation: Option<f64>,
    /// Jumps per year of a price's own, where the mechanism leaves it normal.
    #[serde(default = "three")]
    pub own_jumps_per_year: f64,
    /// Correlations in stress.
    pub stress_correlation: Vec<f64>,
    /// Shares of steps that are stressed.
    pub frequency: Vec<f64>,
    /// Multipliers of every principal.
    #[serde(default = "once")]
    pub leverage: Vec<f64>,
    /// Two borrowers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pair: Option<(String, String)>,
    /// Two converging factors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comovement: Option<ComovingFactors>,
    /// Level of VaR and ES.
    #[serde(default = "usual_level")]
    pub level: f64,
    /// Bounds of tranches.
    #[serde(default = "usual_tranches")]
    pub tranches: Vec<f64>,
    /// Sections of the paths.
    #[serde(default = "usual_sections")]
    pub sections: usize,
    /// The factors that converge.
    pub factors: Vec<Converging>,
    /// The mechanisms that are compared.
    pub mechanisms: Vec<Named>,
}

fn three() -> f64 {
    3.0
}

fn once() -> Vec<f64> {
    vec![1.0]
}

fn usual_level() -> f64 {
    0.99
}

fn usual_tranches() -> Vec<f64> {
    vec![0.0, 0.03, 0.07, 0.15, 1.0]
}

fn usual_sections() -> usize {
    16
}

/// A factor that converges: `Gbm`, `Merton`, `DeflatingRent` or `Resale` of the scenario.
///
/// Matched is its log return over a step; of a rent or a resale value, which revert, the random part of it: the innovation of scarcity, and of the
/// noise of the premium over scrap. Its law is that of the scenario's model unless told otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Converging {
    /// Its name in the scenario.
    pub name: String,
    /// Factors of one group keep their correlation in stress, or have that of the stress if it is higher; those of different groups converge. A factor is a
    /// group of its own unless told otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Volatility per square root of a year, jumps included; 0.001 to 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub volatility: Option<f64>,
    /// Kurtosis over a step, less 3; 0 to 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excess_kurtosis: Option<f64>,
}

impl Converging {
    pub(super) fn group(&self) -> &str {
        self.group.as_deref().unwrap_or(&self.name)
    }
}

/// A mechanism under the name by which the rows call it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Named {
    /// The name; that of the mechanism unless told otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Which mechanism.
    #[serde(flatten)]
    pub explanation: Explanation,
}

impl Named {
    /// The name in the rows.
    #[must_use]
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(self.explanation.name())
    }
}

impl From<Explanation> for Named {
    fn from(explanation: Explanation) -> Self {
        Named { name: None, explanation }
    }
}

/// Why factors fall together: a [`Mechanism`](super::super::Mechanism) whose stress correlation and frequency the cells set.
///
/// | mechanism | stress correlation s | frequency f |
/// | --- | --- | --- |
/// | `independent` | none: factors of different groups are not correlated | |
/// | `constant` | none: the unconditional one | |
/// | `student_t`: a t copula, normal margins, or a t law | none: all steps are alike | |
/// | `regimes` | of the regime of stress | share of the time in it |
/// | `stress_driven` | at full weight | mean weight |
/// | `common_jumps` | of the jumps about their means | share of steps with an event: `f = 1 - exp(-lambda D)` |
/// | `feedback` | none: as `constant`, but forced sales move marks | |
///
/// Forced sales depress marks under `feedback` alone. With the others sellers pay for the depth that they use, and marks stay those of the factors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "mechanism", rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Explanation {
    /// Factors of different groups have nothing in common: the first reference.
    Independent,
    /// One correlation: the second reference, Gaussian drivers matched to the same margins and correlations.
    Constant,
    /// A t copula, or a t law.
    StudentT {
        /// Degrees of freedom, 2.01 to 1e6, of a t copula whose margins stay normal. Without, drivers have a t law whose degrees of freedom the kurtosis gives; all drivers of
        /// the market must converge then, for it would be the law of the others too.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        degrees_of_freedom: Option<f64>,
    },
    /// Calm and stress.
    Regimes {
        /// Mean years that stress lasts.
        mean_years: f64,
        /// Of a t copula of the drivers in both; none by default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        degrees_of_freedom: Option<f64>,
    },
    /// Correlations that follow an index.
    StressDriven {
        /// Speed of the index's return to its mean, per year.
        reversion: f64,
        /// Standard deviations of the index over which the weight goes from 0 to 1; above 0, at most 4.
        width: f64,
    },
    /// Systemic events.
    CommonJumps {
        /// Share of a jump's mean square that its mean has, and that is down, 0 to 1.
        tilt: f64,
        /// Of a t copula of the drivers; none by default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        degrees_of_freedom: Option<f64>,
    },
    /// Forced sales.
    Feedback,
}

impl Explanation {
    /// Its name, as in a file.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Explanation::Independent => "independent",
            Explanation::Constant => "constant",
            Explanation::StudentT { .. } => "student_t",
            Explanation::Regimes { .. } => "regimes",
            Explanation::StressDriven { .. } => "stress_driven",
            Explanation::CommonJumps { .. } => "common_jumps",
            Explanation::Feedback => "feedback",
        }
    }

    /// Whether stress correlation and frequency change it at all.
    pub(super) fn has_stress(&self) -> bool {
        matches!(self, Explanation::Regimes { .. } | Explanation::StressDriven { .. } | Explanation::CommonJumps { .. })
    }
}

impl Sweep {
    /// Reads a description from a text; `file` is the name by which an error calls it.
    ///
    /// # Errors
    /// [`Error::Scenario`] with the line, for bad syntax, unknown and missing fields, unknown mechanisms and wrong types.
    pub fn from_toml(file: &str, text: &str) -> Result<Self, Error> {
        toml::from_str(text).map_err(|error: toml::de::Error| {
            let line = error.span().map_or(0, |span| 1 + text[..span.start].matches('\n').count());
            Error::Scenario { file: file.to_owned(), line, message: error.message().replace('\n', "; ") }
        })
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        each("stress_correlation", &self.stress_correlation, 0.0, 1.0)?;
        each("frequency", &self.frequency, 0.001, 0.9)?;
        each("leverage", &self.leverage, 0.01, 100.0)?;
        check::strictly_within("level", self.level, 0.0, 1.0)?;
        if let Some(correlation) = self.correlation {
            check::within("correlation", correlation, -1.0, 1.0)?;
        }
        if self.tranches.len() < 2 {
            return Err(Error::invalid("tranches", format!("{:?}", self.tranches), "must be two bounds or more"));
        }
        for (position, bound) in self.tranches.iter().enumerate() {
            let field = format!("tranches[{position}]");
            check::within(&field, *bound, 0.0, 1.0)?;
            if let Some(before) = self.tranches[..position].last().filter(|before| *before >= bound) {
                return Err(Error::invalid(field, bound, format!("must be above the bound before it, {before}")));
            }
        }
        for (position, factor) in self.factors.iter().enumerate() {
            if self.factors[..position].iter().any(|other| other.name == factor.name) {
                let field = format!("factors[{position}].name");
                return Err(Error::Duplicate { field, name: factor.name.clone() });
            }
        }
        let Some(first) = self.factors.first() else {
            return Err(Error::invalid("factors", "[]", "must be two or more"));
        };
        if self.factors.iter().all(|factor| factor.group() == first.group()) {
            return Err(Error::invalid("factors", "one group", "must be of two groups or more, to converge"));
        }
        if let Some(ComovingFactors { factors: (one, other), stress_correlation, kept_pairs }) = &self.comovement {
            for (position, name) in [one, other].into_iter().enumerate() {
                if !self.factors.iter().any(|factor| factor.name == *name) {
                    let known = self.factors.iter().map(|factor| factor.name.as_str()).collect::<Vec<_>>().join(", ");
                    let field = format!("comovement.factors[{position}]");
                    return Err(Error::Unknown { field, kind: "converging factor", name: name.clone(), known });
                }
            }
            if one == other {
                return Err(Error::Duplicate { field: "comovement.factors[1]".into(), name: other.clone() });
            }
            if let Some(stress) = stress_correlation
                && !self.stress_correlation.iter().any(|known| (known - stress).abs() <= 0.0)
            {
                let expected = "must be one of the sweep's correlations in stress";
                return Err(Error::invalid("comovement.stress_correlation", stress, expected));
            }
            check::within("comovement.kept_pairs", *kept_pairs as f64, 1e3, f64::from(1 << 26))?;
        }
        if self.mechanisms.is_empty() {
            return Err(Error::invalid("mechanisms", "[]", "must be one or more"));
        }
        for (position, named) in self.mechanisms.iter().enumerate() {
            let field = || format!("mechanisms[{position}].name");
            check::named(&field(), named.label())?;
            if self.mechanisms[..position].iter().any(|other| other.label() == named.label()) {
                return Err(Error::Duplicate { field: field(), name: named.label().to_owned() });
            }
            if let Explanation::StressDriven { width, .. } = named.explanation {
                check::within("width", width, 1e-3, 4.0)
                    .map_err(|error| error.within(format!("mechanisms[{position}]")))?;
            }
        }
        Ok(())
    }

    pub(super) fn slices(&self) -> Vec<Tranche> {
        // As `Tranches::consecutive` calls them.
        let percent = |bound: f64| (bound * 1e8).round() / 1e6;
        let slice =
            |pair: &[f64]| Tranche::new(format!("{}-{} %", percent(pair[0]), percent(pair[1])), pair[0], pair[1]);
        self.tranches.windows(2).map(slice).collect()
    }
}

/// A list that is not empty, whose numbers are in range and differ.
fn each(field: &str, values: &[f64], low: f64, high: f64) -> Result<(), Error> {
    if values.is_empty() {
        return Err(Error::invalid(field, "[]", "must be one number or more"));
    }
    for (position, value) in values.iter().enumerate() {
        check::within(&format!("{field}[{position}]"), *value, low, high)?;
        if values[..position].iter().any(|other| (other - value).abs() <= 0.0) {
            return Err(Error::invalid(format!("{field}[{position}]"), value, "must stand there once"));
        }
    }
    Ok(())
}
