//! How much of the loss of a book does each link carry? The links of `scenarios/book.toml` are switched off one after the other, on common random
//! numbers: the table of `docs/credit.md`.
//!
//!     cargo run --release --features scenario --example links
//!     cargo run --release --features scenario --example links -- scenarios/book.toml 20000      # fewer paths
#![allow(clippy::print_stdout, reason = "an example shows its results")]

use haircut::Error;
use haircut::credit::{Feedback, Quantity};
use haircut::engine::Comparison;
use haircut::market::Model;
use haircut::measure::{LossDistribution, Losses};
use haircut::scenario::Scenario;

/// Forced sales leave everyone's marks alone.
fn feedback(scenario: &mut Scenario) {
    scenario.liquidation.feedback = Feedback::Off;
}

/// Nothing is tested, so nothing is breached, cured or accelerated.
fn covenants(scenario: &mut Scenario) {
    for borrower in &mut scenario.borrowers {
        borrower.covenants.clear();
        borrower.equity_cure = None;
    }
}

/// Sponsors help nobody.
fn support(scenario: &mut Scenario) {
    scenario.borrowers.iter_mut().for_each(|borrower| borrower.sponsor = None);
}

/// Tenants keep their contracts, and those who pay by what they use, at a fixed rent or beyond a minimum, go on using what they use today.
fn tenants(scenario: &mut Scenario) {
    let hold = |used: &mut Quantity| {
        let Quantity::Series(name) = &*used else { return };
        let factor = scenario.factors.iter().find(|factor| factor.name == *name);
        if let Some(Model::Utilisation(utilisation)) = factor.map(|factor| &factor.model) {
            *used = Quantity::Number(utilisation.initial);
        }
    };
    for fleet in scenario.borrowers.iter_mut().flat_map(|borrower| &mut borrower.fleets) {
        if matches!(fleet.rent, Quantity::Number(_)) {
            hold(&mut fleet.utilisation);
        }
        for contract in &mut fleet.contracts {
            (contract.tenant, contract.backstop) = (None, None);
            if let Some(terms) = &mut contract.take_or_pay {
                hold(&mut terms.usage);
            }
        }
    }
}

/// Lenders sell at once and never operate.
fn operation(scenario: &mut Scenario) {
    scenario.borrowers.iter_mut().for_each(|borrower| borrower.step_in = None);
}

/// A link, and how it is switched off.
type Link = (&'static str, fn(&mut Scenario));

const LINKS: [Link; 5] = [
    ("feedback", feedback),
    ("covenants", covenants),
    ("support", support),
    ("tenants", tenants),
    ("operation", operation),
];

fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().unwrap_or_else(|| "scenarios/book.toml".to_owned());
    let base = Scenario::read(&file)?;
    let paths = arguments.next().and_then(|paths| paths.parse().ok()).unwrap_or(base.simulation.paths);
    let run = |switched_off: &[Link]| -> Result<_, Error> {
        let mut scenario = base.clone();
        switched_off.iter().for_each(|(_, switch_off)| switch_off(&mut scenario));
        Ok(scenario.simulation()?.paths(paths))
    };
    let mut runs = vec![("none", run(&[])?)];
    for link in LINKS {
        runs.push((link.0, run(&[link])?));
    }
    runs.push(("all five", run(&LINKS)?));
    let measure = LossDistribution::exact();
    let compared = Comparison::of(runs).run(
        measure,
        &[
            ("EL", &|losses: &Losses| Ok(losses.mean().scaled(1e-9))),
            ("VaR", &|losses| Ok(losses.quantile(0.99)?.scaled(1e-9))),
            ("ES", &|losses| Ok(losses.expected_shortfall(0.99)?.scaled(1e-9))),
        ],
    )?;
    println!("{paths} paths, bn USD; with a link off, and what it carries: the loss with none off less that\n");
    println!("| off | EL | VaR 99 % | ES 99 % | of EL | of VaR 99 % | of ES 99 % |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    let names: Vec<String> = compared.runs().map(str::to_owned).collect();
    for name in &names {
        let value = |quantity| compared.value(name, quantity);
        print!("| {name} | {:.3} | {:.2} | {:.2} |", value("EL")?, value("VaR")?, value("ES")?);
        if name == "none" {
            print!(" | | |");
        } else {
            let carries = |quantity| compared.difference("none", name, quantity);
            print!(" {:.3} | {:.2} | {:.2} |", carries("EL")?, carries("VaR")?, carries("ES")?);
        }
        println!();
    }
    Ok(())
}
