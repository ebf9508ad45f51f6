//! `haircut calibrate`: fit a model to a series and write it as a piece of a scenario.

use crate::Failure;
use clap::{Args, ValueEnum};
use haircut::Error;
use haircut::calibrate::{self, Fit, Parameter, Series, years_of};
use haircut::market::{BlockReward, Constant, DependenceModel, History, Model, StudentT};
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
    /// Column of the values; for student-t give it twice or more, for bootstrap as often as there are series, for
    /// network-hashrate twice: the hash rate (EH/s), then what miners earn (USD per day).
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
    /// Multiplies the values (of every column): 0.01 for a rate in percent.
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
    /// network-hashrate: the factor of the coin in the scenario.
    #[arg(long, value_name = "FACTOR", required_if_eq("model", "network-hashrate"))]
    coin: Option<String>,
    /// network-hashrate: coins per block from today on.
    #[arg(long, default_value_t = 3.125, value_name = "COINS")]
    subsidy: f64,
    /// network-hashrate: fees per block, in coins.
    #[arg(long, default_value_t = 0.0, value_name = "COINS")]
    fees: f64,
    /// network-hashrate: years from today to a halving of the subsidy; give it once for each.
    #[arg(long, value_name = "YEARS")]
    halving: Vec<f64>,
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
    /// Hash rate and earnings of miners: how miners answer to what they earn.
    NetworkHashrate,
    /// Several prices: joint tails.
    StudentT,
    /// Several prices: the history itself, to be resampled by blocks.
    Bootstrap,
}

impl Kind {
    /// How many columns it takes.
    fn columns(self) -> std::ops::RangeInclusive<usize> {
        match self {
            Kind::StudentT => 2..=usize::MAX,
            Kind::Bootstrap => 1..=usize::MAX,
            Kind::NetworkHashrate => 2..=2,
            _ => 1..=1,
        }
    }
}

pub(crate) fn condition(text: &str) -> Result<(String, String), String> {
    let (column, text) = text.split_once('=').ok_or("must be COLUMN=TEXT")?;
    Ok((column.to_owned(), text.to_owned()))
}

/// What a scenario takes over.
#[derive(Serialize)]
struct Piece {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    factors: Vec<NamedModel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dependence: Option<DependenceModel>,
}

/// Fits, and gives the text for standard output.
pub(crate) fn calibrate(options: &Options) -> Result<String, Failure> {
    let columns = options.model.columns();
    if !columns.contains(&options.column.len()) {
        let expected = match (columns.start(), columns.end()) {
            (1, 1) => "must be one; only student-t, network-hashrate and bootstrap take several".to_owned(),
            (2, 2) => "must be two: the hash rate, then what miners earn a day".to_owned(),
            (least, _) => format!("must be {least} or more"),
        };
        return Err(Error::invalid("column", options.column.join(", "), expected).into());
    }
    let table = std::fs::read_to_string(&options.file)
        .map_err(|error| Error::invalid("file", options.file.display(), format!("must be a table to read: {error}")))?;
    let series =
        options.column.iter().map(|column| read(options, &table, column)).collect::<Result<Vec<_>, Error>>()?;
    let (all, series) = (&series[..], &series[0]);
    let name = options.name.as_ref().unwrap_or(&options.column[0]);
    match options.model {
        Kind::Gbm => finish(options, all, calibrate::gbm(series)?.map(|m| (Model::Gbm(m), None))),
        Kind::Merton => finish(options, all, calibrate::merton(series)?.map(|m| (Model::Merton(m), None))),
        Kind::RegimeGbm => finish(options, all, calibrate::regime_gbm(series)?.map(|m| (Model::RegimeGbm(m), None))),
        Kind::Regimes => {
            let fit = calibrate::regimes(series, name)?;
            finish(options, all, fit.map(|m| (Model::Gbm(m.price), Some(DependenceModel::Regimes(m.regimes)))))
        }
        Kind::DeflatingRent => {
            let fit = calibrate::deflating_rent(series)?;
            finish(options, all, fit.map(|m| (Model::DeflatingRent(m), None)))
        }
        Kind::MeanReverting => {
            let fit = calibrate::mean_reverting(series)?;
            finish(options, all, fit.map(|m| (Model::DeflatingRent(m), None)))
        }
        Kind::ShortRate => finish(options, all, calibrate::short_rate(series)?.map(|m| (Model::ShortRate(m), None))),
        Kind::Utilisation => {
            finish(options, all, calibrate::utilisation(series)?.map(|m| (Model::Utilisation(m), None)))
        }
        // The command line asks for `today` with launches, and for the coin with a hash rate.
        Kind::Obsolescence => {
            let fit = calibrate::obsolescence(series, options.today.unwrap_or(f64::NAN), options.ramp)?;
            finish(options, all, fit.map(|m| (Model::Obsolescence(m), None)))
        }
        Kind::NetworkHashrate => {
            let reward = BlockReward {
                subsidy: options.subsidy,
                fees: options.fees,
                fee_series: None,
                halvings: options.halving.clone(),
            };
            let coin = options.coin.as_deref().unwrap_or_default();
            let fit = calibrate::network_hashrate(series, &all[1], coin, reward)?;
            // The model has the speed of return as an elasticity of 1 over a lag.
            let lag = fit.parameter("reversion").map(|reversion| Parameter {
                name: "lag".into(),
                value: 1.0 / reversion.value,
                standard_error: reversion.standard_error / (reversion.value * reversion.value),
                lower: 1.0 / reversion.upper,
                upper: 1.0 / reversion.lower,
            });
            finish_with(options, all, fit.map(|m| (Model::NetworkHashrate(m), None)), lag)
        }
        Kind::StudentT => joint_tails(options, all),
        Kind::Bootstrap => past(options, all),
    }
}

/// Several prices: how they fall together, for factors of the columns' names with whatever models of their own.
fn joint_tails(options: &Options, series: &[Series]) -> Result<String, Failure> {
    let fit = calibrate::student_t(series)?;
    let mut text = describe(options, series, &fit);
    for one in 0..series.len() {
        for other in one + 1..series.len() {
            if let Some(share) = fit.model.tail_dependence(one, other) {
                let names = (&options.column[one], &options.column[other]);
                let _ = writeln!(text, "tail dependence of {} and {}: {share:.3}", names.0, names.1);
            }
        }
    }
    let freedom = fit.model.degrees_of_freedom;
    if freedom < LEAST_FREEDOM {
        let expected =
            format!("must be at least {LEAST_FREEDOM} for a scenario to hold it; leave out `--out` to see the fit");
        return match options.out {
            None => Ok(text),
            Some(_) => Err(Error::invalid("degrees_of_freedom", freedom, expected).into()),
        };
    }
    let names = &options.column;
    let pairs = (0..names.len()).flat_map(|one| (one + 1..names.len()).map(move |other| (one, other)));
    let pairs = pairs.filter_map(|(one, other)| {
        Some((names[one].clone(), names[other].clone(), fit.model.correlation.entry(one, other)?))
    });
    let base = DependenceModel::Constant(Constant::pairs(pairs));
    let dependence = DependenceModel::StudentT(Box::new(StudentT::new(freedom, base).normal_margins()));
    write_piece(options, text, Piece { factors: Vec::new(), dependence: Some(dependence) }, &fit.parameters)
}

/// What a dependence of a scenario takes.
const LEAST_FREEDOM: f64 = 2.01;

/// A history, with the returns in the piece of a scenario.
fn past(options: &Options, series: &[Series]) -> Result<String, Failure> {
    let names: Vec<&str> = options.column.iter().map(String::as_str).collect();
    let model = calibrate::bootstrap(&names, series)?;
    let rows = match &model.history {
        History::Returns(rows) => rows.len(),
        History::Table(_) => 0,
    };
    let text = format!(
        "bootstrap: {} of {}\n{rows} rows, {:.4} a year; blocks of {:.2} rows in the mean\n",
        options.column.join(", "),
        file_name(&options.file),
        model.rows_per_year,
        model.mean_block,
    );
    write_piece(options, text, piece(options, "past", Model::Bootstrap(model), None), &[])
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

type Pieces = (Model, Option<DependenceModel>);

/// The text, with the piece of a scenario in it or in its file.
fn finish(options: &Options, series: &[Series], fit: Fit<Pieces>) -> Result<String, Failure> {
    finish_with(options, series, fit, None)
}

/// The same, with a parameter that the fit has under another name.
fn finish_with(
    options: &Options,
    series: &[Series],
    fit: Fit<Pieces>,
    further: Option<Parameter>,
) -> Result<String, Failure> {
    let text = describe(options, series, &fit);
    let parameters: Vec<Parameter> = fit.parameters.into_iter().chain(further).collect();
    let (model, dependence) = fit.model;
    write_piece(options, text, piece(options, &options.column[0], model, dependence), &parameters)
}

/// A factor, under the name that was asked for, and its dependence.
fn piece(options: &Options, name: &str, model: Model, dependence: Option<DependenceModel>) -> Piece {
    let name = options.name.clone().unwrap_or_else(|| name.to_owned());
    Piece { factors: vec![NamedModel { name, model }], dependence }
}

/// The text as a comment over the piece, which goes behind the text or to its file.
fn write_piece(options: &Options, mut text: String, piece: Piece, parameters: &[Parameter]) -> Result<String, Failure> {
    let head: String = text.lines().map(|line| format!("# {line}\n")).collect();
    let body = toml::to_string(&piece).map_err(|error| Failure::Output(error.to_string()))?;
    let piece = format!("{head}{}", annotated(&body, parameters));
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
