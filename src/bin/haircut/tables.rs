//! The tables that stand on the terminal, at most 100 columns wide.

use crate::curve::CurvePoint;
use crate::money::{amount, count, estimate, number_of, percent, plain_percent};
use crate::report::Report;
use comfy_table::{CellAlignment, Table, presets};
use haircut::measure::{Estimate, ObligorDefaults};
use std::fmt::Write;

/// Facilities that are listed unless all are asked for.
const FACILITIES: usize = 12;

/// A table whose first `left` columns are text and whose others are numbers.
pub(crate) fn table(left: usize, header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(header.iter().map(|title| title.to_string()));
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding(if index == 0 { (0, 1) } else { (1, 1) });
        column.set_cell_alignment(if index < left { CellAlignment::Left } else { CellAlignment::Right });
    }
    table
}

/// A table under its title, with a rule below the header.
pub(crate) fn section(text: &mut String, title: &str, table: &Table) {
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    let width = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
    let _ = writeln!(text, "\n{title}");
    for (index, line) in lines.iter().enumerate() {
        let _ = writeln!(text, "{line}");
        if index == 0 {
            let _ = writeln!(text, "{}", "─".repeat(width));
        }
    }
}

/// A name cut to a width.
pub(crate) fn short(name: &str, width: usize) -> String {
    if name.chars().count() <= width {
        return name.to_owned();
    }
    name.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// Everything about a run.
pub(crate) fn run(report: &Report, all: bool) -> String {
    let mut text = String::new();
    let size = &report.run;
    let _ = writeln!(text, "{}", report.title);
    let _ = writeln!(
        text,
        "{} paths of {:.2} years, seed {}: {} with {} USD of debt",
        count(size.paths),
        size.horizon_years,
        size.seed,
        number_of(report.defaults.obligors.len(), "borrower"),
        amount(report.exposure),
    );
    let _ = writeln!(text, "± is one standard error; < is the upper end of the 95 % interval of what was never seen.");
    portfolio(&mut text, report);
    if !report.defaults.obligors.is_empty() {
        curve(&mut text, report);
        borrowers(&mut text, report);
        facilities(&mut text, report, all);
        lenders(&mut text, report);
    }
    report.structure.tables(if all { usize::MAX } else { FACILITIES }, &mut text);
    if let Some(uncertainty) = &report.parameter_uncertainty {
        uncertainty.table(report, &mut text);
    }
    for stressed in &report.stresses {
        stressed.tables(report, all, &mut text);
    }
    text
}

fn portfolio(text: &mut String, report: &Report) {
    let mut table = table(1, &["", "USD", "% of debt"]);
    let mut row = |name: String, value: &Estimate| {
        table.add_row([name, estimate(value), share(value, report.exposure)]);
    };
    row("expected loss".into(), &report.portfolio.expected_loss);
    row("standard deviation".into(), &report.portfolio.standard_deviation);
    for tail in &report.portfolio.tail {
        row(format!("VaR {} %", level(tail.level)), &tail.value_at_risk);
    }
    for tail in &report.portfolio.tail {
        row(format!("ES  {} %", level(tail.level)), &tail.expected_shortfall);
    }
    if let Some(maximum) = report.portfolio.maximum {
        table.add_row(["largest of all paths".into(), amount(maximum), plain_percent(maximum / report.exposure)]);
    }
    section(text, "Loss of the book, discounted to today", &table);
}

fn curve(text: &mut String, report: &Report) {
    let mut table = table(1, &["after", "debt in default, %", "borrowers in default", "any default, %"]);
    for point in yearly(&report.curve) {
        table.add_row([
            years(point.years),
            percent(&point.debt_share),
            percent(&point.borrowers.scaled(0.01)),
            percent(&point.any),
        ]);
    }
    section(text, "Cumulative defaults of the book", &table);
}

fn borrowers(text: &mut String, report: &Report) {
    let dates = &report.defaults.dates;
    let horizon = format!("PD {}", dates.last().map_or_else(String::new, |date| years(*date)));
    let header = ["borrower", "debt", "PD 1 y", "PD 3 y", &horizon, "mostly", "LGD %", "EL", "EL %"];
    let mut table = table(1, &header);
    table.column_mut(5).into_iter().for_each(|column| {
        column.set_cell_alignment(CellAlignment::Left);
    });
    let mut sorted: Vec<&ObligorDefaults> = report.defaults.obligors.iter().collect();
    sorted.sort_by(|a, b| b.total.expected_loss.value.total_cmp(&a.total.expected_loss.value));
    for obligor in sorted {
        table.add_row([
            short(&obligor.name, 19),
            amount(obligor.total.principal),
            at(dates, &obligor.cumulative, 1.0),
            at(dates, &obligor.cumulative, 3.0),
            percent(&obligor.probability),
            cause(obligor),
            plain_percent(obligor.total.loss_given_default.value),
            amount(obligor.total.expected_loss.value),
            plain_percent(obligor.total.expected_loss.value / obligor.total.principal),
        ]);
    }
    section(text, "Borrowers, the largest expected loss first (PD in %)", &table);
}

fn facilities(text: &mut String, report: &Report, all: bool) {
    let mut table = table(3, &["borrower", "facility", "lender", "principal", "LGD %", "EL", "EL %"]);
    let facilities = report.facilities();
    let shown = if all { facilities.len() } else { FACILITIES.min(facilities.len()) };
    for (borrower, facility) in &facilities[..shown] {
        table.add_row([
            short(borrower, 18),
            short(&facility.name, 18),
            short(facility.lender.as_deref().unwrap_or(""), 17),
            amount(facility.principal),
            plain_percent(facility.loss_given_default.value),
            estimate(&facility.expected_loss),
            plain_percent(facility.expected_loss.value / facility.principal),
        ]);
    }
    let title = match facilities.len() - shown {
        0 => "Facilities, the largest expected loss first".to_owned(),
        rest => format!("Facilities, the largest expected loss first ({rest} more with --all)"),
    };
    section(text, &title, &table);
}

fn lenders(text: &mut String, report: &Report) {
    let mut table = table(1, &["lender", "exposure", "LGD %", "EL", "EL %"]);
    let mut lenders: Vec<_> = report.defaults.lenders.iter().collect();
    lenders.sort_by(|a, b| b.expected_loss.value.total_cmp(&a.expected_loss.value));
    for lender in lenders {
        table.add_row([
            short(&lender.name, 30),
            amount(lender.principal),
            percent(&lender.loss_given_default),
            estimate(&lender.expected_loss),
            plain_percent(lender.expected_loss.value / lender.principal),
        ]);
    }
    section(text, "Lenders", &table);
}

fn share(value: &Estimate, exposure: f64) -> String {
    if exposure > 0.0 { percent(&value.scaled(1.0 / exposure)).replace("< 0", "0") } else { "-".into() }
}

/// `0.999` as `99.9`.
pub(crate) fn level(level: f64) -> String {
    format!("{:.4}", 100.0 * level).trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `4.666` as `4.67 y`.
pub(crate) fn years(years: f64) -> String {
    format!("{years:.2}").trim_end_matches('0').trim_end_matches('.').to_owned() + " y"
}

/// The main cause of default, with its share of all where it is not the only one.
fn cause(obligor: &ObligorDefaults) -> String {
    let total = obligor.probability.value;
    let main = obligor.causes.iter().max_by(|a, b| a.1.value.total_cmp(&b.1.value));
    match main {
        Some((cause, part)) if part.value > 0.0 => {
            format!("{} {:.0} %", format!("{cause:?}").to_lowercase(), 100.0 * part.value / total)
        }
        _ => "-".into(),
    }
}

/// The probability up to a date, where the run goes that far.
fn at(dates: &[f64], cumulative: &[Estimate], years: f64) -> String {
    match dates.iter().position(|date| *date >= years - 1e-9) {
        Some(step) if cumulative[step].value == 0.0 => "0".into(),
        Some(step) => plain_percent(cumulative[step].value),
        None => "-".into(),
    }
}

/// The points at whole years, and the last one.
fn yearly(curve: &[CurvePoint]) -> impl Iterator<Item = &CurvePoint> {
    let mut due = 1.0;
    curve.iter().enumerate().filter_map(move |(index, point)| {
        let whole = point.years >= due - 1e-9;
        if whole {
            due = point.years.floor() + 1.0;
        }
        (whole || index + 1 == curve.len()).then_some(point)
    })
}
