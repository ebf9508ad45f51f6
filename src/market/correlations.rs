//! Correlations between named drivers, as a dependence is given them.

use crate::Error;
use crate::numeric::Correlation;
use serde::{Deserialize, Serialize};

/// Correlations between the Gaussian drivers of a market: a whole matrix, or the pairs that are not independent.
///
/// In a file, either rows in the order of the drivers or pairs by name:
///
/// ```toml
/// correlation = [[1.0, 0.3], [0.3, 1.0]]
/// # or
/// # correlation = [["btc", "h100_rent", 0.3]]
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub enum Correlations {
    /// The matrix of all drivers, in the order of the market's factors (a factor's further drivers after its first).
    Matrix(Correlation),
    /// Pairs of drivers with their correlation; every other pair is independent.
    Pairs(Vec<(String, String, f64)>),
}

impl Correlations {
    /// Pairs of drivers with their correlation; every other pair is independent.
    pub fn pairs<A: Into<String>, B: Into<String>>(pairs: impl IntoIterator<Item = (A, B, f64)>) -> Self {
        Correlations::Pairs(pairs.into_iter().map(|(a, b, rho)| (a.into(), b.into(), rho)).collect())
    }

    /// No correlation at all.
    #[must_use]
    pub fn independent() -> Self {
        Correlations::Pairs(Vec::new())
    }

    /// The matrix for these drivers.
    ///
    /// # Errors
    /// A matrix of another size; an unknown driver; a pair given twice or with itself; entries that are no correlation
    /// matrix, with the smallest eigenvalue.
    pub fn matrix(&self, drivers: &[String]) -> Result<Correlation, Error> {
        self.resolve(drivers).map_err(|error| error.within("correlation"))
    }

    pub(super) fn resolve(&self, drivers: &[String]) -> Result<Correlation, Error> {
        let size = drivers.len();
        match self {
            Correlations::Matrix(matrix) if matrix.size() == size => Ok(matrix.clone()),
            Correlations::Matrix(matrix) => {
                let expected = format!("must have one row for each of the {size} drivers: {}", drivers.join(", "));
                Err(Error::invalid("", format!("{} rows", matrix.size()), expected))
            }
            Correlations::Pairs(pairs) => {
                let mut rows = vec![vec![0.0; size]; size];
                for (position, row) in rows.iter_mut().enumerate() {
                    row[position] = 1.0;
                }
                let mut given = vec![false; size * size];
                for (position, (first, second, rho)) in pairs.iter().enumerate() {
                    let find = |side: usize, name: &String| {
                        drivers.iter().position(|driver| driver == name).ok_or_else(|| Error::Unknown {
                            field: format!("[{position}][{side}]"),
                            kind: "driver",
                            name: name.clone(),
                            known: drivers.join(", "),
                        })
                    };
                    let (a, b) = (find(0, first)?, find(1, second)?);
                    if a == b {
                        let expected = "must name two different drivers";
                        return Err(Error::invalid(
                            format!("[{position}]"),
                            format!("\"{first}\" with itself"),
                            expected,
                        ));
                    }
                    if !(-1.0..=1.0).contains(rho) {
                        return Err(Error::invalid(format!("[{position}][2]"), rho, "must lie between -1 and 1"));
                    }
                    if given[a * size + b] {
                        let pair = format!("{first}, {second}");
                        return Err(Error::invalid(
                            format!("[{position}]"),
                            pair,
                            "must be given once; it stands above",
                        ));
                    }
                    for (row, column) in [(a, b), (b, a)] {
                        rows[row][column] = *rho;
                        given[row * size + column] = true;
                    }
                }
                // What is wrong with the whole is not the fault of one entry.
                Correlation::from_rows(&rows)
            }
        }
    }
}

impl Default for Correlations {
    fn default() -> Self {
        Correlations::independent()
    }
}

impl From<Correlation> for Correlations {
    fn from(matrix: Correlation) -> Self {
        Correlations::Matrix(matrix)
    }
}

/// How correlations stand in a file.
#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "expected rows of numbers, or pairs such as [\"btc\", \"h100_rent\", 0.3]")]
enum Form {
    Pairs(Vec<(String, String, f64)>),
    Rows(Vec<Vec<f64>>),
}

impl TryFrom<Form> for Correlations {
    type Error = Error;

    fn try_from(form: Form) -> Result<Self, Error> {
        Ok(match form {
            Form::Pairs(pairs) => Correlations::Pairs(pairs),
            Form::Rows(rows) => {
                Correlations::Matrix(Correlation::from_rows(&rows).map_err(|error| error.within("correlation"))?)
            }
        })
    }
}

impl From<Correlations> for Form {
    fn from(correlations: Correlations) -> Form {
        match correlations {
            Correlations::Pairs(pairs) => Form::Pairs(pairs),
            Correlations::Matrix(matrix) => Form::Rows(matrix.into()),
        }
    }
}
