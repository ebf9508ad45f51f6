//! A series read from a table.

use super::series::Series;
use crate::Error;

impl Series {
    /// Reads two columns of a comma-separated table whose first line names them: the dates (`2024-03-15`, `2024-03`)
    /// and the values.
    ///
    /// Cells may be quoted. Lines whose value is empty are left out: they are gaps. `keep` sees the cells of each line
    /// by the name of their column, and says whether the line is wanted (one GPU of many, say).
    ///
    /// ```
    /// use haircut::calibrate::Series;
    /// let table = "month,gpu,rent\n2024-01,H100,4.8\n2024-01,A100,2.1\n2024-02,H100,\n2024-03,H100,4.5\n";
    /// let rent = Series::from_csv(table, "month", "rent", |cell| cell("gpu") == "H100")?;
    /// assert_eq!(rent.values(), [4.8, 4.5]);
    /// # Ok::<(), haircut::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Unknown`] for a column that is not there; [`Error::Invalid`] with the line for a value that is no number; and as
    /// [`Series::dated`].
    pub fn from_csv(
        table: &str,
        date: &str,
        value: &str,
        keep: impl Fn(&dyn Fn(&str) -> String) -> bool,
    ) -> Result<Self, Error> {
        let mut lines = table.lines();
        let header = cells(lines.next().unwrap_or_default().trim_start_matches('\u{feff}'));
        let column = |name: &str| header.iter().position(|cell| cell == name);
        let known = |field: &str, name: &str| {
            column(name).ok_or_else(|| Error::Unknown {
                field: field.to_owned(),
                kind: "column",
                name: name.to_owned(),
                known: header.join(", "),
            })
        };
        let (dates, values) = (known("date", date)?, known("column", value)?);
        let mut observations = Vec::new();
        for (line, text) in (2..).zip(lines) {
            let row = cells(text);
            let at = |position: Option<usize>| position.and_then(|at| row.get(at)).cloned().unwrap_or_default();
            let cell = at(Some(values));
            if cell.is_empty() || !keep(&|name| at(column(name))) {
                continue;
            }
            let number: f64 = cell
                .parse()
                .map_err(|_| Error::invalid(format!("line {line}, {value}"), &cell, "must be a number, or empty"))?;
            observations.push((at(Some(dates)), number));
        }
        Series::dated(observations)
    }
}

/// The cells of one line; a quote within a quoted cell is doubled.
fn cells(line: &str) -> Vec<String> {
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                push(&mut cells, '"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(String::new()),
            other => push(&mut cells, other),
        }
    }
    cells.iter().map(|cell| cell.trim().to_owned()).collect()
}

fn push(cells: &mut [String], letter: char) {
    if let Some(cell) = cells.last_mut() {
        cell.push(letter);
    }
}

#[cfg(test)]
mod tests {
    //! Guards: quoted cells are one cell; what is wrong is told with its line.
    use super::*;

    #[test]
    fn quoted_cells_are_one_cell() {
        assert_eq!(cells("a,\"b, \"\"c\"\"\",,d "), ["a", "b, \"c\"", "", "d"]);
        assert_eq!(cells(""), [""]);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let read = |table: &str| Series::from_csv(table, "date", "x", |_| true);
        assert_eq!(read("date,x\n2024-01,1\n\n2024-02,\n2024-03,2").unwrap().values(), [1.0, 2.0]);
        assert_eq!(read("date,x\n2024-01,one").unwrap_err().field(), Some("line 2, x"));
        assert_eq!(read("date,y\n2024-01,1").unwrap_err().field(), Some("column"));
        assert_eq!(read("").unwrap_err().field(), Some("date"));
        assert!(read("date,x\n2024-01,NaN").is_err());
    }
}
