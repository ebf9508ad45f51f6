//! `haircut converge`: rival explanations of why factors fall together, beside one another.

use crate::money::{amount, count};
use crate::tables::{level, section, short, table};
use crate::{Failure, comovement, converge_plots, files, run};
use clap::Args;
use haircut::engine::Progress;
use haircut::measure::Estimate;
use haircut::study::convergence::{Convergence, Finished, Row, csv};
use std::fmt::Write as _;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The study, a TOML file that names a scenario.
    file: PathBuf,
    /// Paths of each simulation, instead of those of the study.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    paths: Option<u64>,
    /// Seed, instead of that of the study.
    #[arg(long)]
    seed: Option<u64>,
    /// Threads; by default one for each core. The results do not depend on it.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Write rows.csv, rows.json, plots as SVG and state.toml to this folder, and what two factors have in common where the study names them. A study that was interrupted goes on from the state
    /// that it finds there: what has finished is not run again.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

pub(crate) fn converge(options: &Options) -> Result<String, Failure> {
    let study = Convergence::read_with(&options.file, |sweep| {
        sweep.paths = options.paths.or(sweep.paths);
        sweep.seed = options.seed.or(sweep.seed);
    })?;
    let study = match options.threads {
        Some(threads) => study.threads(threads.into()),
        None => study,
    };
    let state = options.out.as_ref().map(|folder| folder.join("state.toml"));
    let mut finished = Finished::default();
    if let (Some(folder), Some(state)) = (&options.out, &state) {
        files::create_folder(folder)?;
        finished = read(state)?;
    }
    let before = study.finished(&finished)?;
    if before > 0 {
        let _ = writeln!(std::io::stderr(), "{before} of {} simulations had finished before", study.runs());
    }

    let began = Instant::now();
    let bar = run::progress_bar(study.paths() * study.runs() as u64);
    loop {
        let so_far = study.paths() * study.finished(&finished)? as u64;
        bar.set_position(so_far);
        let progress = |progress: Progress| {
            bar.set_position(so_far + progress.paths_done);
            ControlFlow::Continue(())
        };
        if !study.advance(&mut finished, &progress)? {
            break;
        }
        if let Some(state) = &state {
            write(state, &finished)?;
        }
    }
    bar.finish_and_clear();
    let ran = study.runs() - before;
    let _ = writeln!(
        std::io::stderr(),
        "{ran} simulations of {} paths in {:.1} s",
        count(study.paths()),
        began.elapsed().as_secs_f64()
    );

    let rows = study.rows(&finished)?;
    let comovements = study.comovements()?;
    let mut text = tables(&study, &rows);
    comovement::by_mechanism(&mut text, &comovements);
    if let Some(folder) = &options.out {
        let json = serde_json::to_string_pretty(&rows).map_err(|error| Failure::Output(error.to_string()))?;
        let mut written = vec![("rows.csv", csv(&rows)), ("rows.json", json)];
        written.extend(converge_plots::all(study.sweep(), &rows)?);
        if !comovements.is_empty() {
            let json =
                serde_json::to_string_pretty(&comovements).map_err(|error| Failure::Output(error.to_string()))?;
            written.push(("comovement.csv", comovement::csv_by_mechanism(&comovements)));
            written.push(("comovement.json", json));
            written.push(("exceedance.svg", converge_plots::exceedance(&comovements)?));
        }
        text.push('\n');
        for (name, content) in written {
            files::write(&folder.join(name), &content)?;
            let _ = writeln!(text, "written: {}", folder.join(name).display());
        }
    }
    Ok(text)
}

/// What has finished, where something has.
fn read(state: &Path) -> Result<Finished, Failure> {
    let text = match std::fs::read_to_string(state) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Finished::default()),
        Err(error) => return Err(Failure::Output(format!("{}: {error}", state.display()))),
    };
    toml::from_str(&text)
        .map_err(|error| Failure::Output(format!("{}: not a state of a study: {}", state.display(), error.message())))
}

/// Written beside and then moved, so that whoever is interrupted leaves the state before or the state after.
fn write(state: &Path, finished: &Finished) -> Result<(), Failure> {
    let text = toml::to_string(finished).map_err(|error| Failure::Output(error.to_string()))?;
    let beside = state.with_extension("new");
    files::write(&beside, &text)?;
    std::fs::rename(&beside, state).map_err(|error| Failure::Output(format!("{}: {error}", state.display())))
}

/// One table for each frequency and leverage: joint default and ES by mechanism, with the ratio to matched Gaussian drivers.
fn tables(study: &Convergence, rows: &[Row]) -> String {
    let sweep = study.sweep();
    let mut text = String::new();
    let _ = writeln!(text, "{}", sweep.title);
    let _ = writeln!(
        text,
        "{} simulations of {} paths; ± is one standard error, of a ratio the paired one.",
        study.runs(),
        count(study.paths())
    );
    let joint = match &sweep.pair {
        Some((a, b)) => format!("{a} and {b}"),
        None => "mean of pairs".to_owned(),
    };
    let tail = level(sweep.level);
    for frequency in &sweep.frequency {
        for leverage in &sweep.leverage {
            let here = |row: &&Row| {
                row.frequency.to_bits() == frequency.to_bits() && row.leverage.to_bits() == leverage.to_bits()
            };
            let of = |of: &Row, quantity: &str, what: &str| {
                rows.iter().filter(here).find(|row| {
                    row.mechanism == of.mechanism
                        && row.stress_correlation.to_bits() == of.stress_correlation.to_bits()
                        && row.quantity == quantity
                        && row.of == what
                })
            };
            let header =
                ["mechanism", "stress", "PD %", "joint PD %", "to Gaussian", &format!("ES {tail} %"), "to Gaussian"];
            let mut table = self::table(1, &header);
            let mut efficiency = self::table(1, &["mechanism", "stress", "joint PD", &format!("ES {tail} %")]);
            let mut last: Option<&Row> = None;
            for row in rows.iter().filter(here).filter(|row| row.quantity == "ES") {
                let before = last.filter(|last| last.mechanism == row.mechanism);
                last = Some(row);
                let flat = is_flat(rows, row);
                if flat && before.is_some() {
                    continue;
                }
                let pd = of(row, "PD", "mean of borrowers");
                let joint = of(row, "joint PD", &joint);
                let percent = |row: Option<&Row>| row.map_or("-".into(), |row| with_error(&row.value.scaled(100.0)));
                let ratio = |row: Option<&Row>| row.map_or("-".into(), |row| with_error(&row.to_constant));
                let paths = |row: Option<&Row>| match row.map(|row| row.paths_for(0.01)) {
                    Some(paths) if paths.is_finite() => count(paths.ceil() as u64),
                    _ => "-".into(),
                };
                let name = if before.is_some() { String::new() } else { short(&row.mechanism, 20) };
                let stress = if flat { "any".to_owned() } else { row.stress_correlation.to_string() };
                efficiency.add_row([name.clone(), stress.clone(), paths(joint), paths(Some(row))]);
                table.add_row([
                    name,
                    stress,
                    percent(pd),
                    percent(joint),
                    ratio(joint),
                    amount(row.value.value),
                    ratio(Some(row)),
                ]);
            }
            let title = format!("Stress in {} % of steps, debt times {leverage}; joint PD: {joint}", level(*frequency));
            section(&mut text, &title, &table);
            section(&mut text, "Paths to a relative standard error of 1 %", &efficiency);
        }
    }
    let mut misses: Vec<(&str, &str)> = rows
        .iter()
        .map(|row| (row.mechanism.as_str(), row.unmatched.as_str()))
        .filter(|miss| !miss.1.is_empty())
        .collect();
    misses.dedup();
    if misses.is_empty() {
        text.push_str("\nEvery cell has the margins and the unconditional correlations of the target.\n");
    } else {
        let _ = writeln!(text, "\nNot matched (column `unmatched` of rows.csv has each cell):");
        let mut told: Vec<&str> = Vec::new();
        for (mechanism, miss) in misses {
            if !told.contains(&mechanism) {
                told.push(mechanism);
                let _ = writeln!(text, "  {mechanism}: {}", short(miss, 96 - mechanism.len().min(40)));
            }
        }
    }
    text
}

/// Whether a mechanism gives the same at every correlation in stress.
fn is_flat(rows: &[Row], row: &Row) -> bool {
    let alike = |other: &&Row| {
        other.mechanism == row.mechanism
            && other.quantity == row.quantity
            && other.of == row.of
            && other.frequency.to_bits() == row.frequency.to_bits()
            && other.leverage.to_bits() == row.leverage.to_bits()
    };
    let mut all = rows.iter().filter(alike);
    all.clone().count() > 1 && all.all(|other| other.value.value.to_bits() == row.value.value.to_bits())
}

/// Value and standard error, both to the first two figures of the error.
fn with_error(estimate: &Estimate) -> String {
    let Estimate { value, standard_error: error, .. } = *estimate;
    if !value.is_finite() {
        return "-".into();
    }
    if !error.is_finite() {
        return format!("{value:.3} ± ?");
    }
    let places = if error > 0.0 { (1.0 - error.log10().floor()).clamp(0.0, 4.0) as usize } else { 0 };
    format!("{value:.places$} ± {error:.places$}")
}
