//! The tables of prices that a scenario points to, read from beside it.

use super::description::NamedModel;
use crate::Error;
use crate::calibrate::{self, Series};
use crate::market::{Bootstrap, History, Model, PriceTable};
use std::path::Path;

/// How far the rows of a table may be from what the model says of them, as a share.
const RATE_TOLERANCE: f64 = 0.02;

/// Puts the returns of each history in the place of its table.
pub(super) fn read(factors: &mut [NamedModel], folder: &Path) -> Result<(), Error> {
    for factor in factors {
        if let Model::Bootstrap(bootstrap) = &mut factor.model
            && let History::Table(table) = &bootstrap.history
        {
            bootstrap.history =
                load(bootstrap, table, folder).map_err(|error| error.within(&factor.name).within("factors"))?;
        }
    }
    Ok(())
}

fn load(bootstrap: &Bootstrap, table: &PriceTable, folder: &Path) -> Result<History, Error> {
    let file = format!("\"{}\"", table.file);
    let text = std::fs::read_to_string(folder.join(&table.file))
        .map_err(|error| Error::invalid("history.file", &file, format!("cannot be read: {error}")))?;
    let series = table.columns.iter().enumerate().map(|(position, column)| {
        Series::from_csv(&text, &table.date, column, |_| true).map_err(|error| match error {
            Error::Unknown { field, kind, name, known } => {
                let field = if field == "date" { field } else { format!("columns[{position}]") };
                Error::Unknown { field: format!("history.{field}"), kind, name, known }
            }
            error => Error::invalid("history.file", &file, error.to_string()),
        })
    });
    let series = series.collect::<Result<Vec<_>, _>>()?;
    let (history, rows_per_year) =
        calibrate::history(&series).map_err(|error| Error::invalid("history.file", &file, error.to_string()))?;
    let stated = bootstrap.rows_per_year;
    // Written so that what is no number is refused too.
    let near = (stated / rows_per_year - 1.0).abs() <= RATE_TOLERANCE;
    if !near {
        let expected = format!("must be near {rows_per_year:.2}: so often has {file} a row");
        return Err(Error::invalid("rows_per_year", stated, expected));
    }
    Ok(history)
}
