//! Returns on record, all series side by side.

use crate::{Error, check};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a [`Bootstrap`](super::Bootstrap) draws from: the log returns of several series, row by row, oldest first.
///
/// In a file, either the returns themselves or a table of prices (levels, above zero) as CSV, which lies beside the scenario:
///
/// ```toml
/// history = { returns = [[0.10, 0.06], [-0.20, -0.11]] }
/// # or
/// # history = { file = "prices.csv", columns = ["btc_usd", "rent_usd"] }
/// ```
///
/// A table is read when the [scenario](crate::scenario) is; in code [`calibrate::history`](crate::calibrate::history) makes one of series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Form", into = "Form")]
pub enum History {
    /// A row for each date, in it one log return for each series.
    Returns(Arc<[Vec<f64>]>),
    /// A table that is still to be read.
    Table(PriceTable),
}

/// A table of prices in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceTable {
    /// The file, from the folder of the scenario; its first line names the columns.
    pub file: String,
    /// The column of the dates, such as 2024-03-15 or 2024-03.
    #[serde(default = "date")]
    pub date: String,
    /// The columns of the prices, in the order of the series.
    pub columns: Vec<String>,
}

fn date() -> String {
    "date".to_owned()
}

impl History {
    /// Log returns, row by row, in each row one for each series.
    pub fn returns<R: Into<Vec<f64>>>(rows: impl IntoIterator<Item = R>) -> Self {
        History::Returns(rows.into_iter().map(Into::into).collect())
    }

    /// The rows, with as many numbers in each as there are series, all of a size that prices can have.
    pub(super) fn checked(&self, series: usize) -> Result<&[Vec<f64>], Error> {
        let rows = match self {
            History::Returns(rows) => rows,
            History::Table(table) => {
                let expected = "must be read before: a scenario that is read from a file does it";
                return Err(Error::invalid("history.file", format!("\"{}\"", table.file), expected));
            }
        };
        if rows.is_empty() {
            return Err(Error::invalid("history.returns", "no row", "must have one row or more"));
        }
        let mut levels = vec![0.0_f64; series];
        for (position, row) in rows.iter().enumerate() {
            let field = format!("history.returns[{position}]");
            if row.len() != series {
                let expected = format!("must have one return for each of the {series} series");
                return Err(Error::invalid(field, format!("{} numbers", row.len()), expected));
            }
            for (column, (value, level)) in row.iter().zip(&mut levels).enumerate() {
                check::within(&format!("{field}[{column}]"), *value, -10.0, 10.0)?;
                *level += value;
                if level.abs() > 500.0 {
                    let expected = "must be log returns: up to this row they multiply a level by more than e^500";
                    return Err(Error::invalid(format!("{field}[{column}]"), value, expected));
                }
            }
        }
        Ok(rows)
    }
}

/// How a history stands in a file.
#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "expected `{ returns = [[..], ..] }` or `{ file = .., columns = [..] }`")]
enum Form {
    Returns(Returns),
    Table(PriceTable),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Returns {
    returns: Vec<Vec<f64>>,
}

impl From<Form> for History {
    fn from(form: Form) -> Self {
        match form {
            Form::Returns(Returns { returns }) => History::returns(returns),
            Form::Table(table) => History::Table(table),
        }
    }
}

impl From<History> for Form {
    fn from(history: History) -> Self {
        match history {
            History::Returns(rows) => Form::Returns(Returns { returns: rows.to_vec() }),
            History::Table(table) => Form::Table(table),
        }
    }
}
