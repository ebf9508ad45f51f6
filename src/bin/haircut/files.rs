//! Results in files: JSON, CSV, SVG.

use crate::report::Report;
use crate::{Failure, plots, stress};
use haircut::measure::Estimate;
use std::fmt::Write;
use std::path::Path;

/// Creates a folder, and the folders around it.
pub(crate) fn create_folder(folder: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(folder).map_err(|error| Failure::Output(format!("{}: {error}", folder.display())))
}

/// Opens a file for writing and leaves what is in it.
pub(crate) fn open(file: &Path) -> Result<(), Failure> {
    let opened = std::fs::OpenOptions::new().append(true).create(true).open(file);
    opened.map(|_| ()).map_err(|error| Failure::Output(format!("{}: {error}", file.display())))
}

/// Writes the whole report.
pub(crate) fn json(file: &Path, report: &Report) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(report).map_err(|error| Failure::Output(error.to_string()))?;
    write(file, &text)
}

/// Writes the report, tables and plots; gives the names of the files.
pub(crate) fn folder(folder: &Path, report: &Report) -> Result<Vec<&'static str>, Failure> {
    json(&folder.join("results.json"), report)?;
    let mut written = vec!["results.json"];
    let texts = [
        ("borrowers.csv", borrowers(report)),
        ("facilities.csv", facilities(report)),
        ("default_curve.csv", default_curve(report)),
        ("losses.csv", losses(report)),
        ("losses.svg", plots::losses(report)?),
        ("default_curves.svg", plots::default_curves(report)?),
    ];
    for (name, text) in texts {
        write(&folder.join(name), &text)?;
        written.push(name);
    }
    if let Some(uncertainty) = &report.parameter_uncertainty {
        write(&folder.join("parameter_uncertainty.csv"), &uncertainty.csv())?;
        written.push("parameter_uncertainty.csv");
    }
    if !report.stresses.is_empty() {
        write(&folder.join("stresses.csv"), &stress::csv(&report.stresses))?;
        written.push("stresses.csv");
    }
    for (name, text) in report.structure.files() {
        write(&folder.join(name), &text)?;
        written.push(name);
    }
    Ok(written)
}

/// Writes a text to a file.
pub(crate) fn write(file: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(file, text).map_err(|error| Failure::Output(format!("{}: {error}", file.display())))
}

/// A text as a CSV field.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

/// An estimate as four CSV fields; empty where it is undefined.
pub(crate) fn fields(estimate: &Estimate) -> String {
    let field = |value: f64| if value.is_finite() { format!("{value}") } else { String::new() };
    let Estimate { value, standard_error, lower, upper, .. } = *estimate;
    [value, standard_error, lower, upper].map(field).join(",")
}

/// The names of those four.
pub(crate) fn columns(name: &str) -> String {
    format!("{name},{name}_standard_error,{name}_lower_95,{name}_upper_95")
}

fn borrowers(report: &Report) -> String {
    let mut text = format!(
        "borrower,principal_usd,{},{},{},{}",
        columns("default_probability"),
        columns("expected_loss_usd"),
        columns("exposure_at_default_usd"),
        columns("loss_given_default"),
    );
    let causes = report.defaults.obligors.first().map_or(&[][..], |obligor| &obligor.causes);
    for (cause, _) in causes {
        let _ = write!(text, ",{}_probability", format!("{cause:?}").to_lowercase());
    }
    text.push('\n');
    for obligor in &report.defaults.obligors {
        let total = &obligor.total;
        let _ = write!(
            text,
            "{},{},{},{},{},{}",
            quoted(&obligor.name),
            total.principal,
            fields(&obligor.probability),
            fields(&total.expected_loss),
            fields(&total.exposure_at_default),
            fields(&total.loss_given_default),
        );
        for (_, probability) in &obligor.causes {
            let _ = write!(text, ",{}", probability.value);
        }
        text.push('\n');
    }
    text
}

fn facilities(report: &Report) -> String {
    let mut text = format!(
        "borrower,facility,lender,principal_usd,{},{},{}\n",
        columns("expected_loss_usd"),
        columns("exposure_at_default_usd"),
        columns("loss_given_default"),
    );
    for obligor in &report.defaults.obligors {
        for facility in &obligor.facilities {
            let _ = writeln!(
                text,
                "{},{},{},{},{},{},{}",
                quoted(&obligor.name),
                quoted(&facility.name),
                quoted(facility.lender.as_deref().unwrap_or("")),
                facility.principal,
                fields(&facility.expected_loss),
                fields(&facility.exposure_at_default),
                fields(&facility.loss_given_default),
            );
        }
    }
    text
}

/// The book and every borrower, date by date.
fn default_curve(report: &Report) -> String {
    let mut text = format!("years,of,{}\n", columns("cumulative_default_probability"));
    for point in &report.curve {
        let _ = writeln!(text, "{},\"the book's debt\",{}", point.years, fields(&point.debt_share));
    }
    for obligor in &report.defaults.obligors {
        for (years, probability) in report.defaults.dates.iter().zip(&obligor.cumulative) {
            let _ = writeln!(text, "{years},{},{}", quoted(&obligor.name), fields(probability));
        }
    }
    text
}

fn losses(report: &Report) -> String {
    let mut text = format!("loss_from_usd,loss_to_usd,{}\n", columns("probability"));
    if let Some(histogram) = &report.portfolio.histogram {
        for (edges, bar) in histogram.edges.windows(2).zip(&histogram.bars) {
            let _ = writeln!(text, "{},{},{}", edges[0], edges[1], fields(bar));
        }
    }
    text
}
