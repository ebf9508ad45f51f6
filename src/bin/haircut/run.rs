//! `haircut run`: simulate and report.

use crate::curve::{BookCurve, CurvePoint};
use crate::money::count;
use crate::report::{Portfolio, Report};
use crate::stress::{self, Stressed};
use crate::structure::{self, Structure};
use crate::{Failure, comovement, files, tables, uncertainty};
use clap::Args;
use haircut::Simulation;
use haircut::comovement::{SeriesPair, States};
use haircut::engine::{Comparison, Progress, Quantity};
use haircut::measure::{Block, DefaultTable, Defaults, LossDistribution, Losses, Measure, MeasurePlan, Run};
use haircut::scenario::Scenario;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::{Duration, Instant};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The scenario, a TOML file.
    pub(crate) file: PathBuf,
    /// Paths, instead of those of the scenario.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    paths: Option<u64>,
    /// Seed, instead of that of the scenario.
    #[arg(long)]
    seed: Option<u64>,
    /// Threads; by default one for each core. The results do not depend on it.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Write the full results to this JSON file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the full results, tables as CSV and plots as SVG to this folder.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Also run this many parameter sets, drawn from the errors that the scenario states, and report what they do to losses
    /// and default probabilities, beside the Monte Carlo error.
    #[arg(long, value_name = "SETS", value_parser = clap::value_parser!(u16).range(2..))]
    parameter_uncertainty: Option<u16>,
    /// Also run under this stress, on the same random numbers, and print base beside stressed: one of the scenario's own, one
    /// that ships (telecom_glut, crypto_winter_2022, hopper_rent_collapse, early_next_generation, shut_funding_market), or a
    /// TOML file; `A+B` is A and then B. May be given more than once.
    #[arg(long, value_name = "NAME")]
    stress: Vec<String>,
    /// Also report the fair spread of every facility beside what it pays, from simulated cash.
    #[arg(long)]
    spreads: bool,
    /// Also report debt beside what its collateral would bring, through time, and forced sales with their discounts.
    #[arg(long)]
    coverage: bool,
    /// Also report how two series move together, by changes over a step: correlations, exceedance correlations and dependence in the
    /// tails, beside a normal and a fitted t pair. Log changes, or NAME:difference for a rate. May be given more than once.
    #[arg(long, value_name = "A,B", value_parser = comovement::pair)]
    comovement: Vec<SeriesPair>,
    /// The same by state: a series and bounds between states (dependence.regime=0.5), read at the start of each step, or at its end with
    /// @end (dependence.stress@end=0.2,0.8).
    #[arg(long, value_name = "SERIES=X,..", value_parser = comovement::states, requires = "comovement")]
    states: Option<States>,
    /// Print every facility, not only those with the largest expected loss.
    #[arg(long)]
    all: bool,
}

/// Runs the scenario and gives the text for standard output.
pub(crate) fn run(options: &Options) -> Result<String, Failure> {
    let mut scenario = Scenario::read(&options.file)?;
    scenario.simulation.paths = options.paths.unwrap_or(scenario.simulation.paths);
    scenario.simulation.seed = options.seed.unwrap_or(scenario.simulation.seed);
    let prepare = |simulation: Simulation| match options.threads {
        Some(threads) => simulation.threads(threads.into()),
        None => simulation,
    };
    let simulation = prepare(scenario.simulation()?);
    if options.parameter_uncertainty.is_some() {
        uncertainty::check(&scenario)?;
    }
    // Where nothing can be written, it is better to know before the simulation than after it.
    if let Some(folder) = &options.out {
        files::create_folder(folder)?;
    }
    if let Some(file) = &options.json {
        files::open(file)?;
    }

    let stressed: Vec<stress::Run> =
        options.stress.iter().map(|names| stress::find(&scenario, names)).collect::<Result<_, _>>()?;

    let began = Instant::now();
    let bar = progress_bar(scenario.simulation.paths * (1 + stressed.len() as u64));
    let progress = |progress: Progress| {
        bar.set_position(progress.paths_done);
        ControlFlow::Continue(())
    };
    let by = |pair: &SeriesPair| options.states.iter().fold(pair.clone(), |pair, states| pair.by(states.clone()));
    let pairs = options.comovement.iter().map(by).collect();
    let structure = structure::measures(&scenario, options.spreads, options.coverage, pairs);
    let measures = (TheRun, DefaultTable::new(), LossDistribution::new(), BookCurve, structure);
    let mut stresses = Vec::with_capacity(stressed.len());
    let (run, defaults, losses, curve, structure) = if stressed.is_empty() {
        simulation.run_with(measures, &progress)?
    } else {
        let (runs, described): (Vec<_>, Vec<_>) =
            stressed.into_iter().map(|run| ((run.stress.name.clone(), prepare(run.simulation)), run.stress)).unzip();
        let asked = stress::Quantity::all(&scenario);
        let readers: Vec<_> = asked
            .iter()
            .map(|quantity| move |(_, defaults, losses, ..): &Results| quantity.read(defaults, losses))
            .collect();
        let quantities: Vec<Quantity<'_, Results>> =
            asked.iter().zip(&readers).map(|(quantity, reader)| (quantity.name.as_str(), reader as _)).collect();
        let all = std::iter::once((stress::BASE.to_owned(), simulation)).chain(runs);
        let compared = Comparison::of(all).sections(stress::SECTIONS).run_with(measures, &quantities, &progress)?;
        for stress in described {
            stresses.push(Stressed::new(&compared, &asked, stress)?);
        }
        compared.output(stress::BASE)?.clone()
    };
    bar.finish_and_clear();
    // The time a run takes is no result: it stays out of standard output, which is the same for any number of threads.
    let _ = writeln!(std::io::stderr(), "{} paths in {:.1} s", count(run.paths), began.elapsed().as_secs_f64());

    let parameter_uncertainty = match options.parameter_uncertainty {
        Some(sets) => Some(uncertainty::run(&scenario, sets.into(), prepare, &defaults, &losses)?),
        None => None,
    };

    let report = Report {
        title: scenario.title,
        scenario: options.file.display().to_string(),
        version: env!("CARGO_PKG_VERSION"),
        run: Report::size(&run),
        exposure: run.obligors.iter().flat_map(|obligor| &obligor.facilities).map(|f| f.principal).sum(),
        portfolio: Portfolio::new(&losses)?,
        curve,
        defaults,
        structure: Structure::new(structure),
        parameter_uncertainty,
        stresses,
    };
    let mut text = tables::run(&report, options.all);
    if let Some(file) = &options.json {
        files::json(file, &report)?;
        text.push_str(&format!("\nwritten: {}\n", file.display()));
    }
    if let Some(folder) = &options.out {
        let written = files::folder(folder, &report)?;
        text.push('\n');
        for file in written {
            text.push_str(&format!("written: {}\n", folder.join(file).display()));
        }
    }
    Ok(text)
}

/// What the measures of a run give.
type Results = (Run, Defaults, Losses, Vec<CurvePoint>, structure::Results);

/// On standard error, and only where that is a terminal.
pub(crate) fn progress_bar(paths: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(paths), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {percent:>3} %  {human_pos} paths  {eta} left") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// A measure that only says what the run was: dates, obligors, paths.
#[derive(Debug)]
struct TheRun;

impl Measure for TheRun {
    type Partial = ();
    type Output = Run;

    fn plan(&self, _plan: &mut MeasurePlan<'_>) -> Result<(), haircut::Error> {
        Ok(())
    }
    fn record(&self, _partial: &mut (), _block: &Block<'_>) {}
    fn merge(&self, _into: &mut (), _from: ()) {}
    fn finish(&self, _partial: (), run: &Run) -> Run {
        run.clone()
    }
}
