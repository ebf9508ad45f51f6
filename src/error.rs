//! The one error type of the crate, and the checks that build it.

/// What was wrong with a description, told so that the reader can mend it.
///
/// Everything a user can pass is checked when it is built; a simulation that has been built cannot fail.
/// `field` is a path such as `factors.btc.volatility` or `borrowers[3].facilities[0].coupon`.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// A value outside its range.
    #[error("{field} = {value}: {expected}")]
    Invalid {
        /// Path of the field.
        field: String,
        /// The value that was given.
        value: String,
        /// What would be right.
        expected: String,
    },
    /// A name that refers to nothing.
    #[error("{field} = \"{name}\": no such {kind}; there is {known}")]
    Unknown {
        /// Path of the field.
        field: String,
        /// What kind of thing was looked for: a factor, an asset, an obligor.
        kind: &'static str,
        /// The name that was not found.
        name: String,
        /// The names that exist, comma-separated.
        known: String,
    },
    /// The same name given twice where names must differ.
    #[error("{field} = \"{name}\": the name is already taken; names must differ")]
    Duplicate {
        /// Path of the field.
        field: String,
        /// The name.
        name: String,
    },
    /// A correlation matrix with a negative eigenvalue.
    #[error(
        "{field}: not positive semidefinite, its smallest eigenvalue is {smallest_eigenvalue:e}; \
         mend the entries or call `nearest_correlation` on purpose"
    )]
    NotPositiveSemidefinite {
        /// Path of the field.
        field: String,
        /// The smallest eigenvalue found.
        smallest_eigenvalue: f64,
    },
    /// Partial results that do not belong together.
    #[error("cannot merge: {reason}")]
    Merge {
        /// Why the two partial results may not be merged.
        reason: String,
    },
    /// A scenario file that cannot be read as one.
    #[error("{}: {message}", place(file, *line))]
    Scenario {
        /// The file, as it was given.
        file: String,
        /// Line, counted from 1; 0 when no line is known.
        line: usize,
        /// What is wrong and what would be right.
        message: String,
    },
}

/// `file:line`, or the file alone when no line is known.
fn place(file: &str, line: usize) -> String {
    if line == 0 { file.to_owned() } else { format!("{file}:{line}") }
}

impl Error {
    /// A value outside its range: `field = value: expected`.
    pub fn invalid(field: impl Into<String>, value: impl std::fmt::Display, expected: impl Into<String>) -> Self {
        Error::Invalid { field: field.into(), value: value.to_string(), expected: expected.into() }
    }

    /// The same error with its field seen from one level further out: `volatility` within
    /// `factors.btc` is `factors.btc.volatility`.
    #[must_use]
    pub fn within(mut self, outer: impl std::fmt::Display) -> Self {
        match &mut self {
            Error::Invalid { field, .. }
            | Error::Unknown { field, .. }
            | Error::Duplicate { field, .. }
            | Error::NotPositiveSemidefinite { field, .. } => {
                *field = if field.is_empty() {
                    outer.to_string()
                } else if field.starts_with('[') {
                    format!("{outer}{field}")
                } else {
                    format!("{outer}.{field}")
                };
            }
            Error::Merge { .. } | Error::Scenario { .. } => {}
        }
        self
    }

    /// Path of the field that is wrong, where one is.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        match self {
            Error::Invalid { field, .. }
            | Error::Unknown { field, .. }
            | Error::Duplicate { field, .. }
            | Error::NotPositiveSemidefinite { field, .. } => Some(field),
            Error::Merge { .. } | Error::Scenario { .. } => None,
        }
    }
}

/// Checks of a single number, each answered by [`Error::Invalid`] with the field and what would be right.
///
/// A user's own factor or obligor may use them too.
pub mod check {
    use super::Error;

    fn ensure(ok: bool, field: &str, value: f64, expected: &str) -> Result<(), Error> {
        if ok { Ok(()) } else { Err(Error::invalid(field, value, expected)) }
    }

    /// `value` is a finite number.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is not.
    pub fn finite(field: &str, value: f64) -> Result<(), Error> {
        ensure(value.is_finite(), field, value, "must be a finite number")
    }

    /// `value` is finite and above zero.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is not.
    pub fn positive(field: &str, value: f64) -> Result<(), Error> {
        ensure(value.is_finite() && value > 0.0, field, value, "must be above zero")
    }

    /// `value` is finite and not below zero.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is not.
    pub fn not_negative(field: &str, value: f64) -> Result<(), Error> {
        ensure(value.is_finite() && value >= 0.0, field, value, "must be zero or above")
    }

    /// `low <= value <= high`.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is not.
    pub fn within(field: &str, value: f64, low: f64, high: f64) -> Result<(), Error> {
        ensure(value >= low && value <= high, field, value, &format!("must lie between {low} and {high}"))
    }

    /// `low < value < high`.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is not.
    pub fn strictly_within(field: &str, value: f64, low: f64, high: f64) -> Result<(), Error> {
        ensure(value > low && value < high, field, value, &format!("must lie strictly between {low} and {high}"))
    }

    /// `name` is not empty.
    ///
    /// # Errors
    /// [`Error::Invalid`] when it is.
    pub fn named(field: &str, name: &str) -> Result<(), Error> {
        if name.trim().is_empty() {
            return Err(Error::invalid(field, "\"\"", "must be a name, not empty"));
        }
        Ok(())
    }
}
