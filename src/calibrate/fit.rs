//! What a fit reports: parameters with their errors, the likelihood, and the model.

use serde::Serialize;
use std::fmt;

/// A model fitted to observations.
///
/// ```text
/// AIC = 2 p - 2 ln L,    BIC = p ln n - 2 ln L
/// ```
///
/// with `p` parameters, `n` observed changes and the largest likelihood `L`: the density of the changes of what the
/// model is normal in (the logarithm of a price), given the first observation. Criteria of fits to the same changes
/// compare; lower is better.
///
/// Standard errors come from the observed information, the inverse of minus the matrix of second derivatives of `ln L`
/// at its maximum. They are those of many observations: [`Fit::information`] says whether there are errors at all, and
/// [`Parameter::is_resolved`] whether a parameter is known at all.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fit<M> {
    /// The model with its fitted parameters; it starts from the newest observation.
    pub model: M,
    /// What was fitted.
    pub parameters: Vec<Parameter>,
    /// Covariances of the estimates, in the order of [`Fit::parameters`]; infinite where there are none.
    pub covariance: Vec<Vec<f64>>,
    /// Logarithm of the largest likelihood.
    pub log_likelihood: f64,
    /// How many changes were observed.
    pub observations: usize,
    /// Whether the likelihood has a proper maximum here.
    pub information: Information,
}

/// A fitted number, with its error.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Parameter {
    /// The field of the model.
    pub name: String,
    /// The estimate.
    pub value: f64,
    /// Its standard error; infinite where the observations do not determine it.
    pub standard_error: f64,
    /// Lower end of the 95 % interval. That of a positive parameter is made on its logarithm, and is positive.
    pub lower: f64,
    /// Upper end of the 95 % interval.
    pub upper: f64,
}

/// Whether the likelihood falls to every side of the estimate, which is what a standard error stands on.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Information {
    /// It does: the standard errors hold.
    Definite,
    /// It is flat or rises in some direction: the observations do not determine the parameters, and all errors are
    /// infinite.
    Indefinite {
        /// Smallest eigenvalue of the observed information, each parameter in units of its own curvature.
        smallest_eigenvalue: f64,
    },
    /// It still rises at the edge of what was searched, or there is an edge within reach: the errors are infinite.
    Edge {
        /// The parameter that is at its edge.
        parameter: String,
    },
}

impl<M> Fit<M> {
    /// Akaike's criterion. H. Akaike, IEEE Trans. Automatic Control 19 (1974) 716-723, doi:10.1109/TAC.1974.1100705.
    #[must_use]
    pub fn aic(&self) -> f64 {
        2.0 * (self.parameters.len() as f64 - self.log_likelihood)
    }

    /// Schwarz's criterion. G. Schwarz, Annals of Statistics 6 (1978) 461-464, doi:10.1214/aos/1176344136.
    #[must_use]
    pub fn bic(&self) -> f64 {
        self.parameters.len() as f64 * (self.observations as f64).ln() - 2.0 * self.log_likelihood
    }

    /// The parameter of this name, where there is one.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }

    /// The same fit with its model made into another.
    pub fn map<N>(self, map: impl FnOnce(M) -> N) -> Fit<N> {
        let Fit { model, parameters, covariance, log_likelihood, observations, information } = self;
        Fit { model: map(model), parameters, covariance, log_likelihood, observations, information }
    }
}

impl Parameter {
    /// Whether the 95 % interval is narrower than the parameter is large. Where it is not, hardly more than the order
    /// of magnitude (or not even the sign) is known: use a range.
    #[must_use]
    pub fn is_resolved(&self) -> bool {
        self.upper - self.lower < self.value.abs()
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As many digits as leave two of the error.
        let error = self.standard_error;
        let digits =
            if error.is_finite() && error > 0.0 { (1.0 - error.log10().floor()).clamp(0.0, 12.0) as usize } else { 6 };
        write!(f, "{} = {:.digits$} ± {:.digits$}", self.name, self.value, error)?;
        write!(f, " ({:.digits$} to {:.digits$})", self.lower, self.upper)?;
        if self.is_resolved() { Ok(()) } else { write!(f, ", interval wider than the value") }
    }
}

impl<M> fmt::Display for Fit<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for parameter in &self.parameters {
            writeln!(f, "{parameter}")?;
        }
        match &self.information {
            Information::Definite => {}
            Information::Indefinite { smallest_eigenvalue } => {
                writeln!(f, "not determined: the smallest eigenvalue of the information is {smallest_eigenvalue:.1e}")?;
            }
            Information::Edge { parameter } => {
                writeln!(f, "{parameter} is at the edge of what was searched: there are no standard errors")?;
            }
        }
        write!(
            f,
            "log-likelihood {:.3}, AIC {:.2}, BIC {:.2}, {} observed changes",
            self.log_likelihood,
            self.aic(),
            self.bic(),
            self.observations
        )
    }
}
