//! Stresses beside the base: `haircut run --stress`.

use crate::money::{amount, estimate, percent, plain_percent};
use crate::report::{LEVELS, Report};
use crate::tables::{level, section, short, table};
use crate::{Failure, files};
use haircut::engine::Compared;
use haircut::measure::{Defaults, Estimate, Losses};
use haircut::scenario::{Scenario, Shift, Stress};
use haircut::{Error, Simulation};
use serde::Serialize;
use std::fmt::Write;

/// Sections for the paired errors: few, so that each has paths far out in the tail.
pub(crate) const SECTIONS: usize = 16;

/// Borrowers that are listed unless all are asked for.
const BORROWERS: usize = 12;

/// One stress beside the base.
#[derive(Debug, Serialize)]
pub(crate) struct Stressed {
    name: String,
    description: String,
    shifts: Vec<Shift>,
    results: Vec<Moved>,
}

/// One result in both runs.
#[derive(Debug, Serialize)]
struct Moved {
    name: String,
    unit: Unit,
    base: Estimate,
    stressed: Estimate,
    /// With the error of the paired difference.
    difference: Estimate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
enum Unit {
    #[serde(rename = "USD")]
    Usd,
    #[serde(rename = "probability")]
    Probability,
}

/// What a run is asked for.
#[derive(Debug, Clone)]
enum Asked {
    Mean,
    ValueAtRisk(f64),
    ExpectedShortfall(f64),
    /// The default probability of the borrower at this position.
    Borrower(usize),
}

/// A quantity under its name.
#[derive(Debug, Clone)]
pub(crate) struct Quantity {
    pub(crate) name: String,
    asked: Asked,
}

impl Quantity {
    /// Losses of the book, and the default probability of each borrower.
    pub(crate) fn all(scenario: &Scenario) -> Vec<Quantity> {
        let of = |name: String, asked| Quantity { name, asked };
        let mut all = vec![of("expected loss".into(), Asked::Mean)];
        all.extend(LEVELS.map(|at| of(format!("VaR {} %", level(at)), Asked::ValueAtRisk(at))));
        all.extend(LEVELS.map(|at| of(format!("ES  {} %", level(at)), Asked::ExpectedShortfall(at))));
        let borrowers = scenario.borrowers.iter().enumerate();
        all.extend(
            borrowers.map(|(position, borrower)| of(format!("PD {}", borrower.name), Asked::Borrower(position))),
        );
        all
    }

    pub(crate) fn read(&self, defaults: &Defaults, losses: &Losses) -> Result<Estimate, Error> {
        match self.asked {
            Asked::Mean => Ok(losses.mean()),
            Asked::ValueAtRisk(level) => losses.quantile(level),
            Asked::ExpectedShortfall(level) => losses.expected_shortfall(level),
            // The borrowers of the run are those of the scenario, in their order.
            Asked::Borrower(position) => Ok(defaults.obligors[position].probability),
        }
    }

    fn unit(&self) -> Unit {
        if matches!(self.asked, Asked::Borrower(_)) { Unit::Probability } else { Unit::Usd }
    }
}

/// A stress as the command line names it, and the run under it.
pub(crate) struct Run {
    pub(crate) stress: Stress,
    pub(crate) simulation: Simulation,
}

/// Finds a stress: one of the scenario's own, one that ships, or a file; several with a `+` between them, one after the other.
pub(crate) fn find(scenario: &Scenario, names: &str) -> Result<Run, Failure> {
    let mut stressed = scenario.clone();
    let mut all = Stress::none();
    for name in names.split('+') {
        let stress = if name.ends_with(".toml") {
            let stress = Stress::read(name)?;
            stressed = stress.apply(&stressed).map_err(|error| error.within(name))?;
            stress
        } else {
            stressed = stressed.under(name)?;
            scenario.stress(name)?
        };
        all = all.then(stress);
    }
    // By the name that was asked for, so that two files with one name inside stay apart.
    all.name = names.to_owned();
    Ok(Run { stress: all, simulation: stressed.simulation()? })
}

impl Stressed {
    pub(crate) fn new<O>(compared: &Compared<O>, quantities: &[Quantity], stress: Stress) -> Result<Self, Error> {
        let Stress { name, description, shifts } = stress;
        let moved = |quantity: &Quantity| {
            Ok(Moved {
                name: quantity.name.clone(),
                unit: quantity.unit(),
                base: compared.value(BASE, &quantity.name)?,
                stressed: compared.value(&name, &quantity.name)?,
                difference: compared.difference(&name, BASE, &quantity.name)?,
            })
        };
        let results = quantities.iter().map(moved).collect::<Result<_, Error>>()?;
        Ok(Stressed { name, description, shifts, results })
    }

    /// The tables for the terminal.
    pub(crate) fn tables(&self, report: &Report, all: bool, text: &mut String) {
        let mut rows = table(1, &["", "base", "stressed", "difference", "% of debt"]);
        let (losses, mut borrowers): (Vec<&Moved>, Vec<&Moved>) =
            self.results.iter().partition(|moved| moved.unit == Unit::Usd);
        for moved in losses {
            rows.add_row([
                moved.name.clone(),
                amount(moved.base.value),
                amount(moved.stressed.value),
                estimate(&moved.difference),
                plain_percent(moved.difference.value / report.exposure),
            ]);
        }
        section(text, &format!("Under {}: loss of the book, discounted to today", self.name), &rows);
        borrowers.sort_by(|a, b| b.difference.value.total_cmp(&a.difference.value));
        let shown = if all { borrowers.len() } else { BORROWERS.min(borrowers.len()) };
        let mut rows = table(1, &["borrower", "PD base", "PD stressed", "difference"]);
        for moved in &borrowers[..shown] {
            rows.add_row([
                short(moved.name.trim_start_matches("PD "), 30),
                percent(&moved.base),
                percent(&moved.stressed),
                percent(&moved.difference),
            ]);
        }
        let rest = match borrowers.len() - shown {
            0 => String::new(),
            rest => format!("; {rest} more with --all"),
        };
        section(text, &format!("Under {}: the largest changes of PD, in %{rest}", self.name), &rows);
        let _ = writeln!(text, "± of a difference is that of the paired one: both runs have the same random numbers.");
    }

    fn csv(&self, text: &mut String) {
        for Moved { name, unit, base, stressed, difference } in &self.results {
            let unit = if *unit == Unit::Usd { "USD" } else { "probability" };
            let numbers = [base, stressed, difference].map(files::fields).join(",");
            let _ = writeln!(text, "{},{},{unit},{numbers}", files::quoted(&self.name), files::quoted(name));
        }
    }
}

/// The name of the run without a stress.
pub(crate) const BASE: &str = "base";

/// The file with every stress.
pub(crate) fn csv(stresses: &[Stressed]) -> String {
    let mut text = format!(
        "stress,result,unit,{},{},{}\n",
        files::columns("base"),
        files::columns("stressed"),
        files::columns("difference")
    );
    stresses.iter().for_each(|stressed| stressed.csv(&mut text));
    text
}
