//! The result of a study of convergence as a table: one number of one cell in each row.

use super::quantity::Unit;
use crate::measure::Estimate;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// One number of one cell.
///
/// In a CSV ([`csv`]) an estimate has four columns, `NAME`, `NAME_standard_error`, `NAME_lower_95` and `NAME_upper_95`, empty where undefined:
///
/// | column | meaning |
/// | --- | --- |
/// | `mechanism` | the name in the sweep |
/// | `stress_correlation`, `frequency`, `leverage` | those of the cell; a mechanism that has no stress has the same numbers at each |
/// | `quantity` | `PD`, `joint PD`, `default correlation`, `EL`, `VaR`, `ES`, `tranche EL`, `fair spread` |
/// | `of` | a borrower, a pair, a tranche; `mean of borrowers`, `mean of pairs`, `pooled`, `book` |
/// | `unit` | `probability`, `correlation`, `USD`, `per year` |
/// | `value` | the number, with its own error; for means of borrowers and pairs that by sections |
/// | `to_independent` | its ratio to that of independent factors, with the paired error |
/// | `to_constant` | its ratio to that of matched Gaussian drivers, with the paired error |
/// | `unmatched` | what the cell's factors do not share with the target; empty if nothing |
///
/// PD and joint PD are those up to the horizon. EL, VaR and ES are of the book's loss, discounted as the scenario says; a tranche's is its expected loss at the horizon in money of that day.
/// The pooled default correlation is `sum of (p_ab - p_a p_b) / sum of sqrt(p_a (1 - p_a) p_b (1 - p_b))` over all pairs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Row {
    /// Name of the mechanism.
    pub mechanism: String,
    /// Correlation in stress.
    pub stress_correlation: f64,
    /// Share of steps in stress.
    pub frequency: f64,
    /// Multiplier of every principal.
    pub leverage: f64,
    /// What is estimated.
    pub quantity: String,
    /// Of what.
    pub of: String,
    /// In which unit.
    pub unit: Unit,
    /// The estimate.
    pub value: Estimate,
    /// Its ratio to that of independent factors.
    pub to_independent: Estimate,
    /// Its ratio to that of matched Gaussian drivers.
    pub to_constant: Estimate,
    /// What is not matched.
    pub unmatched: String,
}

impl Row {
    /// Paths that it takes to know the value to a relative standard error: `(standard error / value / error)^2` times the paths behind it. NaN where
    /// the value is zero or undefined.
    #[must_use]
    pub fn paths_for(&self, relative_error: f64) -> f64 {
        let Estimate { value, standard_error, paths, .. } = self.value;
        let ratio = standard_error / value / relative_error;
        if value == 0.0 { f64::NAN } else { ratio * ratio * paths as f64 }
    }
}

/// Rows as a CSV, with a header.
#[must_use]
pub fn csv(rows: &[Row]) -> String {
    let columns = |name: &str| format!("{name},{name}_standard_error,{name}_lower_95,{name}_upper_95");
    let numbers = ["value", "to_independent", "to_constant"].map(columns).join(",");
    let mut text = format!("mechanism,stress_correlation,frequency,leverage,quantity,of,unit,{numbers},unmatched\n");
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let number = |value: f64| if value.is_finite() { value.to_string() } else { String::new() };
    let fields = |Estimate { value, standard_error, lower, upper, .. }: &Estimate| {
        [*value, *standard_error, *lower, *upper].map(number).join(",")
    };
    for row in rows {
        let Row { stress_correlation, frequency, leverage, .. } = row;
        // Writing into a text cannot fail.
        let _ = writeln!(
            text,
            "{},{stress_correlation},{frequency},{leverage},{},{},{},{},{}",
            quoted(&row.mechanism),
            quoted(&row.quantity),
            quoted(&row.of),
            quoted(row.unit.name()),
            [&row.value, &row.to_independent, &row.to_constant].map(fields).join(","),
            quoted(&row.unmatched),
        );
    }
    text
}
