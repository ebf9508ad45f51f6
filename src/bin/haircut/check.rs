//! `haircut check`: validate a scenario and say what is in it.

use crate::Failure;
use crate::first_year::{FirstYear, Glance};
use crate::money::{amount, count, number_of, plain_percent};
use crate::tables::{section, short, table, years};
use clap::Args;
use haircut::credit::{Borrower, DepthUnit};
use haircut::market::{Correlations, DependenceModel, Regime};
use haircut::numeric::TimeGrid;
use haircut::scenario::Scenario;
use serde_json::Value;
use std::fmt::Write;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The scenario, a TOML file.
    file: PathBuf,
}

/// Paths behind the look at the first year.
const PATHS: u64 = 1024;

/// Validates the scenario and gives the text for standard output.
pub(crate) fn check(options: &Options) -> Result<String, Failure> {
    let scenario = Scenario::read(&options.file)?;
    let simulation = scenario.simulation()?;
    let grid = scenario.simulation.grid()?;
    let first: Vec<f64> = grid.dates().iter().copied().filter(|date| *date <= 1.0 + 1e-9).collect();
    let first = if first.is_empty() { vec![grid.horizon()] } else { first };
    let year = first.last().copied().unwrap_or(0.0);
    let glances = simulation.grid(TimeGrid::new(first)?).paths(PATHS).run(FirstYear)?;

    let mut text = String::new();
    let _ = writeln!(text, "{}: valid", options.file.display());
    let _ = writeln!(text, "{}", scenario.title);
    let _ = writeln!(
        text,
        "{} paths of {} steps to {}, seed {}; losses {}",
        count(scenario.simulation.paths),
        grid.steps(),
        years(grid.horizon()),
        scenario.simulation.seed,
        match &scenario.discount {
            Some(series) => format!("discounted with {series}"),
            None => "not discounted".into(),
        },
    );
    factors(&mut text, &scenario);
    dependence(&mut text, &scenario);
    assets(&mut text, &scenario);
    book(&mut text, &scenario, &glances, year);
    maturities(&mut text, &scenario, grid.horizon());
    Ok(text)
}

fn factors(text: &mut String, scenario: &Scenario) {
    let mut table = table(3, &["factor", "model", "parameters"]);
    for named in &scenario.factors {
        let value = serde_json::to_value(&named.model).unwrap_or_default();
        let model = value.get("model").and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut parameters: Vec<(&String, f64)> = value
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| value.as_f64().filter(|number| *number != 0.0).map(|number| (name, number)))
            .collect();
        parameters.sort_by_key(|(name, _)| *name != "initial");
        let parameters: Vec<String> = parameters.iter().map(|(name, number)| format!("{name} {number}")).collect();
        table.add_row([short(&named.name, 20), model, short(&parameters.join(", "), 58)]);
    }
    section(text, &number_of(scenario.factors.len(), "factor"), &table);
}

fn dependence(text: &mut String, scenario: &Scenario) {
    let pairs = |correlations: &Correlations| match correlations {
        Correlations::Pairs(pairs) => format!("{} correlated pairs", pairs.len()),
        Correlations::Matrix(matrix) => format!("a matrix of {} drivers", matrix.size()),
    };
    let mut told = Vec::new();
    let mut next = scenario.dependence.as_ref();
    while let Some(model) = next.take() {
        told.push(match model {
            DependenceModel::Constant(constant) => format!("constant, {}", pairs(&constant.correlation)),
            DependenceModel::Regimes(regimes) => {
                let of = |regime: &Regime| format!("{} ({})", regime.name, pairs(&regime.correlation));
                format!("regimes {}", regimes.regimes.iter().map(of).collect::<Vec<_>>().join(", "))
            }
            DependenceModel::StressDriven(stress) => {
                format!("stress driven, calm ({}), stress ({})", pairs(&stress.calm), pairs(&stress.stress))
            }
            DependenceModel::StudentT(fat) => {
                next = Some(&fat.base);
                format!("student t of {} degrees of freedom", fat.degrees_of_freedom)
            }
            DependenceModel::CommonJumps(jumps) => {
                next = Some(&jumps.base);
                format!(
                    "{} events a year ({}) that hit {}",
                    jumps.per_year,
                    jumps.name,
                    number_of(jumps.jumps.len(), "factor")
                )
            }
            _ => "given".into(),
        });
    }
    let told = if told.is_empty() { "none: all drivers are independent".into() } else { told.join("; on ") };
    let _ = writeln!(text, "\nDependence: {told}");
}

/// How much of every asset class the borrowers hold, against what its buyers absorb.
fn assets(text: &mut String, scenario: &Scenario) {
    if scenario.liquidation.assets.is_empty() {
        return;
    }
    let mut table = table(2, &["asset", "price", "held", "depth a month", "months of depth"]);
    for asset in &scenario.liquidation.assets {
        let held: f64 = scenario.borrowers.iter().map(|borrower| units(borrower, &asset.name)).sum();
        let depth = asset.initial_depth();
        let is_usd = asset.depth_unit == DepthUnit::Usd;
        table.add_row([
            asset.name.clone(),
            asset.price.clone(),
            count(held as u64),
            match (depth.is_finite(), is_usd) {
                (false, _) => "no limit".into(),
                (true, false) => count(depth as u64),
                (true, true) => format!("{} USD", count(depth as u64)),
            },
            // Of money so many as the price will say.
            if is_usd { "by price".into() } else { format!("{:.1}", held / depth) },
        ]);
    }
    let feedback = format!("{:?}", scenario.liquidation.feedback).to_lowercase();
    section(text, &format!("Collateral and its market, in units (feedback {feedback})"), &table);
}

fn units(borrower: &Borrower, asset: &str) -> f64 {
    let fleets = borrower.fleets.iter().filter(|fleet| fleet.asset == asset).map(|fleet| fleet.units);
    let miners = borrower.miners.iter().filter(|miners| miners.asset == asset).map(|miners| miners.units);
    let coins = borrower.treasury.iter().filter(|treasury| treasury.asset == asset).map(|treasury| treasury.units);
    fleets.chain(miners).chain(coins).sum()
}

fn book(text: &mut String, scenario: &Scenario, glances: &[Glance], year: f64) {
    if scenario.borrowers.is_empty() {
        let _ = writeln!(text, "\nNo borrowers: a run simulates the market alone.");
        return;
    }
    let header = ["borrower", "debt", "capex", "LTC %", "LTV %", "CFADS", "service", "DSCR", "matures"];
    let mut table = table(1, &header);
    let mut sums = [0.0; 4];
    for (borrower, glance) in scenario.borrowers.iter().zip(glances) {
        let (debt, capex) = (debt(borrower), capex(borrower));
        for (sum, part) in sums.iter_mut().zip([debt, capex, glance.cfads, glance.due]) {
            *sum += part;
        }
        // Mining machines and coins have no cost in a description, so a loan to cost would mislead.
        let whole = borrower.miners.is_empty() && borrower.treasury.is_empty();
        table.add_row([
            short(&borrower.name, 20),
            amount(debt),
            amount(capex),
            if whole && capex > 0.0 { plain_percent(debt / capex) } else { "-".into() },
            plain_percent(glance.ltv),
            amount(glance.cfads),
            amount(glance.due),
            ratio(glance.cfads, glance.due),
            last_maturity(borrower),
        ]);
    }
    table.add_row([
        number_of(scenario.borrowers.len(), "borrower"),
        amount(sums[0]),
        amount(sums[1]),
        String::new(),
        String::new(),
        amount(sums[2]),
        amount(sums[3]),
        ratio(sums[2], sums[3]),
        String::new(),
    ]);
    let title = format!(
        "Book (LTC: loan to cost; LTV at marks; CFADS and debt service: means of the first {}, {} paths)",
        years(year),
        count(PATHS)
    );
    section(text, &title, &table);
}

fn debt(borrower: &Borrower) -> f64 {
    borrower.facilities.iter().map(|facility| facility.principal).sum()
}

fn capex(borrower: &Borrower) -> f64 {
    borrower.fleets.iter().map(|fleet| fleet.units * fleet.capex_usd_per_unit).sum()
}

fn ratio(cfads: f64, due: f64) -> String {
    if due > 0.5 { format!("{:.2}", cfads / due) } else { "-".into() }
}

fn last_maturity(borrower: &Borrower) -> String {
    let last = borrower.facilities.iter().map(|facility| facility.maturity).fold(0.0, f64::max);
    if last > 0.0 { years(last) } else { "-".into() }
}

/// Principal by the year in which its facility matures.
fn maturities(text: &mut String, scenario: &Scenario, horizon: f64) {
    let facilities: Vec<_> = scenario.borrowers.iter().flat_map(|borrower| &borrower.facilities).collect();
    if facilities.is_empty() {
        return;
    }
    let mut table = table(1, &["matures in year", "facilities", "principal at time zero"]);
    let within = |from: f64, to: f64| {
        let of: Vec<_> = facilities.iter().filter(|f| f.maturity > from && f.maturity <= to).collect();
        (of.len() as u64, of.iter().map(|f| f.principal).sum::<f64>())
    };
    for year in 0..horizon.ceil() as u32 {
        let (number, principal) = within(f64::from(year), f64::from(year + 1).min(horizon));
        table.add_row([(year + 1).to_string(), count(number), amount(principal)]);
    }
    let (number, principal) = within(horizon, f64::INFINITY);
    table.add_row(["beyond the horizon".into(), count(number), amount(principal)]);
    section(text, "Maturities", &table);
}
