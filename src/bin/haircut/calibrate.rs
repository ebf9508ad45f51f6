//! `haircut calibrate`: fit a model to a series and write it as a piece of a scenario.

use crate::Failure;
use clap::{Args, ValueEnum};
use haircut::Error;
use haircut::calibrate::{self, Fit, Parameter, Series, years_of};
use haircut::market::{DependenceModel, Model};
use haircut::scenario::NamedModel;
use serde::Serialize;
use std::fmt::Write;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The model.
    model: Kind,
    /// The series, a table as CSV whose first line names its columns.
    file: PathBuf,
    /// Column of the values; for student-t give it twice or more.
    #[arg(long, required = true, value_name = "COLUMN")]
    column: Vec<String>,
    /// Column of the dates, such as 2024-03-15 or 2024-03.
    #[arg(long, default_value = "date", value_name = "COLUMN")]
    date: String,
    /// Only lines that hold this text in this column.
    #[arg(long, value_name = "COLUMN=TEXT", value_parser = condition)]
    only: Vec<(String, String)>,
    /// Only from this date on.
    #[arg(long, value_name = "DATE", value_parser = years_of)]
    from: Option<f64>,
    /// Only before this date.
    #[arg(long, value_name = "DATE", value_parser = years_of)]
    to: Option<f64>,
    /// Multiplies the values: 0.01 for a rate in percent.
    #[arg(long, default_value_t = 1.0, value_name = "NUMBER")]
    scale: f64,
    /// Name of the factor in the scenario; by default the column.
    #[arg(long)]
    name: Option<String>,
    /// obsolescence: the date until which no further launch has come.
    #[arg(long, value_name = "DATE", value_parser = years_of, required_if_eq("model", "obsolescence"))]
    today: Option<f64>,
    /// obsolescence: years from launch to supply.
    #[arg(long, default_value_t = 0.0, value_name = "YEARS")]
    ramp: f64,
    /// Write the piece of a scenario to this file instead of printing it.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// Prices: normal returns.
    Gbm,
    /// Prices: normal returns and jumps.
    Merton,
    /// Prices: calm and stress, a chain of the price's own.
    RegimeGbm,
    /// Prices: calm and stress, as a chain that the whole market can share.
    Regimes,
    /// Rents that come back to a trend.
    DeflatingRent,
    /// Prices that come back to a level.
    MeanReverting,
    /// A rate that comes back to its mean.
    ShortRate,
    /// A share that comes back to its usual value.
    Utilisation,
    /// Launches: dates, with the performance of each generation as value.
    Obsolescence,
    /// Several prices: joint tails.
    StudentT,
}

fn condition(text: &str) -> Result<(String, String), String> {
    let (column, text) = text.split_once('=').ok_or("must be COLUMN=TEXT")?;
    Ok((column.to_owned(), text.to_owned()))
}

/// What a scenario takes over.
#[derive(Serialize)]
struct Piece {
    factors: Vec<NamedModel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dependence: Option<DependenceModel>,
}

/// Fits, and gives the text for standard output.
pub(crate) fn calibrate(options: &Options) -> Result<String, Failure> {
    let several = matches!(options.model, Kind::StudentT);
    if options.column.len() > 1 && !several {
        let expected = "must be one; only student-t takes several";
        return Err(Error::invalid("column", options.column.join(", "), expected).into());
    }
    let table = std::fs::read_to_string(&options.file)
        .map_err(|error| Error::invalid("file", options.file.display(), format!("must be a table to read: {error}")))?;
    let series =
        options.column.iter().map(|column| read(options, &table, column)).collect::<Result<Vec<_>, Error>>()?;
    if several {
        let fit = calibrate::student_t(&series)?;
        let mut text = describe(options, &series, &fit);
        for one in 0..series.len() {
            for other in one + 1..series.len() {
                if let Some(share) = fit.model.tail_dependence(one, other) {
                    let names = (&options.column[one], &options.column[other]);
                    let _ = writeln!(text, "tail dependence of {} and {}: {share:.3}", names.0, names.1);
                }
            }
        }
        return match &options.out {
            None => Ok(text),
            Some(file) => {
                Err(Error::invalid("out", file.display(), "must be left out: no scenario holds a t dependence").into())
            }
        };
    }
    let series = &series[0];
    let name = options.name.as_ref().unwrap_or(&options.column[0]);
    match options.model {
        Kind::Gbm => finish(options, series, calibrate::gbm(series)?.map(|m| (Model::Gbm(m), None))),
        Kind::Merton => finish(options, series, calibrate::merton(series)?.map(|m| (Model::Merton(m), None))),
        Kind::RegimeGbm => finish(options, series, calibrate::regime_gbm(series)?.map(|m| (Model::RegimeGbm(m), None))),
        Kind::Regimes => {
            let fit = calibrate::regimes(series, name)?;
            finish(options, series, fit.map(|m| (Model::Gbm(m.price), Some(DependenceModel::Regimes(m.regimes)))))
        }
        Kind::DeflatingRent => {
            let fit = calibrate::deflating_rent(series)?;
            finish(options, series, fit.map(|m| (Model::DeflatingRent(m), None)))
        }
        Kind::MeanReverting => {
            let fit = calibrate::mean_reverting(series)?;
            finish(options, series, fit.map(|m| (Model::DeflatingRent(m), None)))
        }
        Kind::ShortRate => finish(options, series, calibrate::short_rate(series)?.map(|m| (Model::ShortRate(m), None))),
        Kind::Utilisation => {
            finish(options, series, calibrate::utilisation(series)?.map(|m| (Model::Utilisation(m), None)))
        }
        // The command line asks for `today` with launches.
        Kind::Obsolescence | Kind::StudentT => {
            let fit = calibrate::obsolescence(series, options.today.unwrap_or(f64::NAN), options.ramp)?;
            finish(options, series, fit.map(|m| (Model::Obsolescence(m), None)))
        }
    }
}

/// One column, cut to the dates and scaled.
fn read(options: &Options, table: &str, column: &str) -> Result<Series, Error> {
    let keep = |cell: &dyn Fn(&str) -> String| options.only.iter().all(|(name, text)| cell(name) == *text);
    let (from, to) = (options.from.unwrap_or(f64::NEG_INFINITY), options.to.unwrap_or(f64::INFINITY));
    Series::from_csv(table, &options.date, column, keep)?.between(from, to).map(|value| value * options.scale)
}

/// What was fitted, with its errors.
fn describe<M>(options: &Options, series: &[Series], fit: &Fit<M>) -> String {
    let model = options.model.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    let mut text = format!("{model}: {} of {}", options.column.join(", "), file_name(&options.file));
    if let [series] = series {
        let _ = write!(text, ", {} values over {:.2} years", series.len(), series.span());
    }
    let _ = writeln!(text, "\n± is one standard error, ( ) the 95 % interval");
    let _ = writeln!(text, "{fit}");
    text
}

fn file_name(file: &Path) -> String {
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The text, with the piece of a scenario in it or in its file.
fn finish(options: &Options, series: &Series, fit: Fit<(Model, Option<DependenceModel>)>) -> Result<String, Failure> {
    let mut text = describe(options, std::slice::from_ref(series), &fit);
    let head: String = text.lines().map(|line| format!("# {line}\n")).collect();
    let name = options.name.clone().unwrap_or_else(|| options.column[0].clone());
    let (model, dependence) = fit.model;
    let piece = Piece { factors: vec![NamedModel { name, model }], dependence };
    let body = toml::to_string(&piece).map_err(|error| Failure::Output(error.to_string()))?;
    let piece = format!("{head}{}", annotated(&body, &fit.parameters));
    match &options.out {
        None => {
            let _ = write!(text, "\n{piece}");
        }
        Some(file) => {
            std::fs::write(file, piece).map_err(|error| Failure::Output(format!("{}: {error}", file.display())))?;
            let _ = writeln!(text, "written: {}", file.display());
        }
    }
    Ok(text)
}

/// Each fitted parameter with its error behind it.
fn annotated(body: &str, parameters: &[Parameter]) -> String {
    let mut text = String::new();
    for line in body.lines() {
        let fitted = line.split_once(" = ").and_then(|(key, _)| parameters.iter().find(|p| p.name == key));
        let _ = match fitted.map(Parameter::to_string) {
            Some(told) => writeln!(text, "{line} # {}", told.split_once(" = ").map_or("", |(_, rest)| rest)),
            None => writeln!(text, "{line}"),
        };
    }
    text
}
