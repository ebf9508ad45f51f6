//! The command line tool `haircut`: a scenario in, default probabilities and a loss distribution out.

mod calibrate;
mod check;
mod comovement;
mod converge;
mod converge_plots;
mod curve;
mod dependence;
mod files;
mod first_year;
mod heat;
mod money;
mod plots;
mod report;
mod run;
mod stress;
mod structure;
mod tables;
mod uncertainty;

use clap::{Parser, Subcommand};
use std::io::Write;
use std::process::ExitCode;

/// Monte Carlo stress testing of GPU-backed and crypto-collateralised credit.
#[derive(Debug, Parser)]
#[command(name = "haircut", version, about, after_help = AFTER)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

const AFTER: &str = "\
Exit codes:
  0  done
  1  the scenario or the series is wrong; where, and what would be right, stand on stderr
  2  wrong use of the command line
  3  a result could not be written

Example:
  haircut run scenarios/book.toml --out out";

#[derive(Debug, Subcommand)]
enum Command {
    /// Simulate a scenario and report default probabilities and losses.
    Run(run::Options),
    /// Validate a scenario and say what is in it, without simulating it.
    Check(check::Options),
    /// Fit a model to a series of observations, with standard errors, and write it as a piece of a scenario.
    Calibrate(calibrate::Options),
    /// Say how two series move together, by quantile and regime, beside a normal and a fat-tailed null.
    Dependence(dependence::Options),
    /// Compare explanations of why factors fall together, matched to one another, over correlations in stress, frequencies
    /// and leverage.
    Converge(converge::Options),
}

/// Why the tool ends early.
#[derive(Debug)]
enum Failure {
    Scenario(haircut::Error),
    Output(String),
}

impl From<haircut::Error> for Failure {
    fn from(error: haircut::Error) -> Self {
        Failure::Scenario(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Failure::Output(error.to_string())
    }
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Run(options) => run::run(&options),
        Command::Check(options) => check::check(&options),
        Command::Calibrate(options) => calibrate::calibrate(&options),
        Command::Dependence(options) => dependence::dependence(&options),
        Command::Converge(options) => converge::converge(&options),
    };
    let (message, code) = match result {
        // Who closes the pipe early, `head` say, has seen enough.
        Ok(text) => match std::io::stdout().write_all(text.as_bytes()) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => (error.to_string(), 3),
            _ => return ExitCode::SUCCESS,
        },
        Err(Failure::Scenario(error)) => (error.to_string(), 1),
        Err(Failure::Output(message)) => (message, 3),
    };
    // Nothing can be done if not even this can be written.
    let _ = writeln!(std::io::stderr(), "{message}");
    ExitCode::from(code)
}
