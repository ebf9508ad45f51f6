//! `haircut dependence`: how two series move together, and whether it is more than a fat tail.

use crate::calibrate::condition;
use crate::comovement::{self, correlations, tail_columns, tail_fields, threshold};
use crate::tables::{section, table};
use crate::{Failure, files, plots};
use clap::Args;
use haircut::Error;
use haircut::calibrate::{self, Series, years_of};
use haircut::comovement::{
    Asymmetry, AsymmetrySettings, Changes, Comovement, ComovementSettings, RollingCorrelation, Threshold, asymmetry,
    rolling,
};
use serde::Serialize;
use std::fmt::Write;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The table, a CSV whose first line names its columns.
    file: PathBuf,
    /// The two columns of prices or rents; COLUMN@FILE takes one from another table.
    #[arg(long, required = true, value_name = "A,B", value_delimiter = ',', num_args = 1)]
    columns: Vec<String>,
    /// Column of the dates, such as 2024-03-15 or 2024-03; by default the first of each table.
    #[arg(long, value_name = "COLUMN")]
    date: Option<String>,
    /// Only lines that hold this text in this column, in tables that have it.
    #[arg(long, value_name = "COLUMN=TEXT", value_parser = condition)]
    only: Vec<(String, String)>,
    /// Only from this date on.
    #[arg(long, value_name = "DATE", value_parser = years_of)]
    from: Option<f64>,
    /// Only before this date.
    #[arg(long, value_name = "DATE", value_parser = years_of)]
    to: Option<f64>,
    /// A change over more days than this is a gap and left out; by default five times the usual interval.
    #[arg(long, value_name = "DAYS")]
    longest: Option<f64>,
    /// Where tails begin, as probabilities.
    #[arg(long, value_name = "Q,..", value_delimiter = ',')]
    quantiles: Vec<f64>,
    /// Where tails begin, in standard deviations from the mean; besides the quantiles.
    #[arg(long, value_name = "C,..", value_delimiter = ',', default_value = "1")]
    deviations: Vec<f64>,
    /// An index (VIX, say) by whose value on the day that a change ends regimes are told apart; COLUMN@FILE for another table.
    #[arg(long, value_name = "COLUMN", requires = "bounds")]
    regime: Option<String>,
    /// The index's bounds between the regimes.
    #[arg(long, value_name = "X,..", value_delimiter = ',', requires = "regime")]
    bounds: Vec<f64>,
    /// Changes in a window of the rolling correlation.
    #[arg(long, default_value_t = 90, value_name = "CHANGES")]
    window: usize,
    /// Replications of the bootstrap and of the test.
    #[arg(long, default_value_t = 999, value_name = "NUMBER")]
    replications: usize,
    /// Seed of both.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write results.json, levels.csv, rolling.csv and exceedance.svg to this folder.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

/// Everything that was found, as it stands in a JSON file.
#[derive(Debug, Serialize)]
pub(crate) struct Found {
    pub(crate) columns: [String; 2],
    /// Changes left out for a gap.
    gaps: usize,
    /// First and last date, years since 1970.
    from: f64,
    to: f64,
    pub(crate) all: Comovement,
    test: Asymmetry,
    /// The t copula by Kendall's tau and likelihood; none for fewer than 50 changes.
    copula: Option<Copula>,
    regimes: Vec<Regime>,
    rolling: Vec<RollingCorrelation>,
}

#[derive(Debug, Serialize)]
struct Copula {
    correlation: [f64; 2],
    degrees_of_freedom: [f64; 2],
    tail_dependence: f64,
}

#[derive(Debug, Serialize)]
struct Regime {
    name: String,
    changes: usize,
    /// None for fewer than 20 changes.
    found: Option<Comovement>,
}

/// Looks, and gives the text for standard output.
pub(crate) fn dependence(options: &Options) -> Result<String, Failure> {
    let [one, other] = &options.columns[..] else {
        return Err(Error::invalid("columns", options.columns.join(","), "must be two").into());
    };
    let series = [read(options, one)?, read(options, other)?];
    let longest = options.longest.map(|days| days / 365.25);
    let changes = Changes::new(&series[0], &series[1], longest)?;
    let defaults = ComovementSettings::default();
    let mut thresholds = match options.quantiles.is_empty() {
        true => defaults.thresholds.clone(),
        false => options.quantiles.iter().copied().map(Threshold::Quantile).collect(),
    };
    thresholds.extend(options.deviations.iter().copied().map(Threshold::Deviations));
    let settings =
        ComovementSettings { thresholds, replications: options.replications, seed: options.seed, ..defaults };
    let test =
        AsymmetrySettings { replications: options.replications, seed: options.seed, ..AsymmetrySettings::default() };
    let prices = Series::new(changes.dates.clone(), vec![0.0; changes.dates.len()])?;
    let copula = match changes.pairs.len() < 50 {
        true => None,
        false => {
            let fit = calibrate::student_t(&series)?;
            let of = |name: &str| fit.parameter(name).map_or([f64::NAN; 2], |p| [p.value, p.standard_error]);
            Some(Copula {
                correlation: of("correlation[0][1]"),
                degrees_of_freedom: of("degrees_of_freedom"),
                tail_dependence: fit.model.tail_dependence(0, 1).unwrap_or(f64::NAN),
            })
        }
    };
    let found = Found {
        columns: [one, other].map(|column| named(column)),
        gaps: changes.gaps,
        from: prices.years()[0],
        to: prices.years()[prices.len() - 1],
        all: haircut::comovement::comovement(&changes.pairs, &settings)?,
        test: asymmetry(&changes.pairs, &test)?,
        copula,
        regimes: regimes(options, &changes, &settings)?,
        rolling: if changes.pairs.len() < options.window {
            Vec::new()
        } else {
            rolling(&changes.pairs, options.window)?
        },
    };
    let mut text = describe(&found, options);
    if let Some(folder) = &options.out {
        files::create_folder(folder)?;
        let json = serde_json::to_string_pretty(&found).map_err(|error| Failure::Output(error.to_string()))?;
        for (name, content) in [
            ("results.json", json),
            ("levels.csv", levels_csv(&found.all)),
            ("rolling.csv", rolling_csv(&found.rolling, &changes)),
            ("exceedance.svg", plots::exceedance(found.columns.each_ref().map(String::as_str), &found.all.levels)?),
        ] {
            files::write(&folder.join(name), &content)?;
            let _ = writeln!(text, "written: {}", folder.join(name).display());
        }
    }
    Ok(text)
}

/// The column, with the name of its table where it has one of its own.
fn named(column: &str) -> String {
    match column.split_once('@') {
        Some((column, file)) => {
            let stem = Path::new(file).file_stem().unwrap_or_default().to_string_lossy().into_owned();
            format!("{column}@{stem}")
        }
        None => column.to_owned(),
    }
}

/// COLUMN or COLUMN@FILE, cut to the dates.
fn read(options: &Options, column: &str) -> Result<Series, Error> {
    let (column, file) = match column.split_once('@') {
        Some((column, file)) => (column, Path::new(file)),
        None => (column, options.file.as_path()),
    };
    let table = std::fs::read_to_string(file)
        .map_err(|error| Error::invalid("file", file.display(), format!("must be a table to read: {error}")))?;
    let header: Vec<&str> = table
        .lines()
        .next()
        .unwrap_or_default()
        .split(',')
        .map(|cell| cell.trim_matches([' ', '"', '\u{feff}']))
        .collect();
    let date = options.date.as_deref().filter(|date| header.contains(date)).unwrap_or(header[0]);
    let conditions: Vec<_> = options.only.iter().filter(|(name, _)| header.contains(&name.as_str())).collect();
    let keep = |cell: &dyn Fn(&str) -> String| conditions.iter().all(|(name, text)| cell(name) == *text);
    let (from, to) = (options.from.unwrap_or(f64::NEG_INFINITY), options.to.unwrap_or(f64::INFINITY));
    let series = Series::from_csv(&table, date, column, keep).map_err(|error| error.within(file.display()))?;
    Ok(series.between(from, to))
}

fn regimes(options: &Options, changes: &Changes, settings: &ComovementSettings) -> Result<Vec<Regime>, Error> {
    let Some(column) = &options.regime else { return Ok(Vec::new()) };
    if options.bounds.windows(2).any(|pair| pair[0] >= pair[1]) || options.bounds.iter().any(|bound| !bound.is_finite())
    {
        return Err(Error::invalid("bounds", format!("{:?}", options.bounds), "must be increasing numbers"));
    }
    let index = read(options, column)?;
    let name = column.split('@').next().unwrap_or_default();
    let count = options.bounds.len();
    let one = |position: usize| -> Result<Regime, Error> {
        let low = position.checked_sub(1).map_or(f64::NEG_INFINITY, |before| options.bounds[before]);
        let high = options.bounds.get(position).copied().unwrap_or(f64::INFINITY);
        let name = match position {
            0 => format!("{name} < {high}"),
            last if last == count => format!("{name} >= {low}"),
            _ => format!("{name} {low} to {high}"),
        };
        // A regime of which there is next to nothing is no mistake of the whole.
        let part = changes.on(&index, |value| low <= value && value < high);
        let changes = part.as_ref().map_or(0, |part| part.pairs.len());
        let found = match part {
            Ok(part) if changes >= 20 => Some(haircut::comovement::comovement(&part.pairs, settings)?),
            _ => None,
        };
        Ok(Regime { name, changes, found })
    };
    (0..=count).map(one).collect()
}

fn describe(found: &Found, options: &Options) -> String {
    let all = &found.all;
    let mut text = String::new();
    let [one, other] = &found.columns;
    let year = |years: f64| 1970.0 + years;
    let _ = writeln!(
        text,
        "{one} and {other}: {} log changes, {:.1} to {:.1}, {} over gaps left out",
        all.observations,
        year(found.from),
        year(found.to),
        found.gaps
    );
    let block = all.mean_block;
    let _ = writeln!(text, "± is one standard error, by a bootstrap of blocks of {block:.1} changes in the mean");
    let regimes = found.regimes.iter().filter_map(|regime| Some((regime.name.as_str(), regime.found.as_ref()?)));
    let parts = std::iter::once(("all", all)).chain(regimes);
    for regime in found.regimes.iter().filter(|regime| regime.found.is_none()) {
        let _ = writeln!(text, "{}: {} changes, too few", regime.name, regime.changes);
    }
    correlations(&mut text, parts.map(|(name, found)| (name, found.observations as u64, found)));
    if let Some(copula) = &found.copula {
        let ([rho, rho_error], [nu, nu_error]) = (copula.correlation, copula.degrees_of_freedom);
        let _ = writeln!(
            text,
            "t copula: rho {rho:.2} ± {rho_error:.2}, nu {nu:.1} ± {nu_error:.1}, tail dependence {:.2}",
            copula.tail_dependence
        );
    }
    comovement::tails(&mut text, &all.levels);
    let test = &found.test;
    let tails: Vec<String> = test.levels.iter().map(|level| threshold(level.threshold)).collect();
    let p = |value: f64| if value.is_finite() { format!("{value:.3}") } else { "-".into() };
    let mut rows = table(1, &["null", "falls unlike rises: p", "falls more than rises: p"]);
    rows.add_row(["fitted t, independent in time".into(), p(test.student_p_value), p(test.student_falls_p_value)]);
    rows.add_row(["any symmetric law, in spells".into(), p(test.symmetric_p_value), p(test.symmetric_falls_p_value)]);
    section(&mut text, &format!("More than a fat tail? Tails of {} together", tails.join(", ")), &rows);
    let known = |level: &&haircut::comovement::NullLevel| level.lower_p_value.is_finite();
    for level in test.levels.iter().filter(known) {
        let _ = writeln!(
            text,
            "{}: falls {:.2}, rises {:.2}; 95 % of t samples {:.2} to {:.2}; falls as high: p {:.3}",
            threshold(level.threshold),
            level.lower_correlation,
            level.upper_correlation,
            level.student_lower,
            level.student_upper,
            level.lower_p_value,
        );
    }
    let mut values: Vec<f64> = found.rolling.iter().map(|one| one.value).filter(|value| value.is_finite()).collect();
    values.sort_by(f64::total_cmp);
    if let Some(last) = values.len().checked_sub(1) {
        let at = |share: f64| values[(share * last as f64).round() as usize];
        let mean = found.rolling.iter().map(|one| one.standard_error).sum::<f64>() / found.rolling.len() as f64;
        let _ = writeln!(
            text,
            "\nRolling over {} changes: 5, 50, 95 % of windows at {:.2}, {:.2}, {:.2}; one window's standard error {mean:.2}",
            options.window,
            at(0.05),
            at(0.5),
            at(0.95)
        );
    }
    text
}

fn levels_csv(found: &Comovement) -> String {
    let lines: Vec<String> = found.levels.iter().map(|level| tail_fields(level) + "\n").collect();
    format!("{}\n{}", tail_columns(), lines.concat())
}

fn rolling_csv(windows: &[RollingCorrelation], changes: &Changes) -> String {
    let mut text = String::from("years_since_1970,correlation,standard_error\n");
    for window in windows {
        let _ = writeln!(text, "{},{},{}", changes.dates[window.end], window.value, window.standard_error);
    }
    text
}
