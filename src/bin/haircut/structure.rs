//! Tranches, fair spreads, how debt is covered and how series move together, beside a run: what the scenario or the command line asks for.

use crate::comovement;
use crate::files::{columns, fields, quoted};
use crate::money::{amount, estimate, percent, plain_percent};
use crate::tables::{section, short, table};
use haircut::comovement::{SeriesPair, SimulatedComovement};
use haircut::measure::{
    CollateralIllusion, Estimate, FairSpread, FairSpreads, Illusion, Liquidation, Liquidations, SpreadOf,
    TrancheLosses, Tranches,
};
use haircut::scenario::Scenario;
use serde::Serialize;
use std::fmt::Write;

/// The measures, none of which need be asked for.
pub(crate) type Measures =
    (Option<Tranches>, Option<FairSpread>, Option<CollateralIllusion>, Option<Liquidations>, Vec<SeriesPair>);

/// Which of them are.
pub(crate) fn measures(scenario: &Scenario, spreads: bool, coverage: bool, pairs: Vec<SeriesPair>) -> Measures {
    let assets = scenario.liquidation.assets.iter().map(|asset| asset.name.clone());
    let sales = coverage && !scenario.liquidation.assets.is_empty();
    (
        scenario.tranches(),
        spreads.then(FairSpread::new),
        coverage.then(CollateralIllusion::new),
        sales.then(|| Liquidations::of(assets)),
        pairs,
    )
}

/// Their results.
#[derive(Debug, Serialize)]
pub(crate) struct Structure {
    /// Tranches on the loss of the book.
    #[serde(skip_serializing_if = "Option::is_none")]
    tranches: Option<Vec<TrancheLosses>>,
    /// Fair spread of every facility.
    #[serde(skip_serializing_if = "Option::is_none")]
    spreads: Option<FairSpreads>,
    /// LTV on marks and on executable value, by borrower.
    #[serde(skip_serializing_if = "Option::is_none")]
    coverage: Option<Vec<Illusion>>,
    /// Forced sales by class of collateral.
    #[serde(skip_serializing_if = "Option::is_none")]
    liquidations: Option<Vec<Liquidation>>,
    /// How pairs of series move together.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    comovement: Vec<SimulatedComovement>,
}

/// What they report.
pub(crate) type Results = (
    Option<Vec<TrancheLosses>>,
    Option<FairSpreads>,
    Option<Vec<Illusion>>,
    Option<Vec<Liquidation>>,
    Vec<SimulatedComovement>,
);

/// A rate in basis points.
fn basis_points(rate: &Estimate) -> String {
    let Estimate { value, standard_error, .. } = rate.scaled(1e4);
    // Nothing has no sign.
    let value = if value.abs() < 0.05 { 0.0 } else { value };
    match () {
        () if !value.is_finite() => "-".into(),
        () if !standard_error.is_finite() => format!("{value:.0} ± ?"),
        () if standard_error < 0.05 => format!("{value:.0}"),
        () if standard_error < 1.0 => format!("{value:.1} ± {standard_error:.1}"),
        () => format!("{value:.0} ± {standard_error:.0}"),
    }
}

fn years(years: &Estimate) -> String {
    if years.value.is_finite() { format!("{:.2}", years.value) } else { "-".into() }
}

impl Structure {
    pub(crate) fn new((tranches, spreads, coverage, liquidations, comovement): Results) -> Self {
        Structure { tranches, spreads, coverage, liquidations, comovement }
    }

    /// The tables on the terminal; `listed` of the facilities and borrowers, those first that lack most.
    pub(crate) fn tables(&self, listed: usize, text: &mut String) {
        if let Some(tranches) = &self.tranches {
            let mut table = table(1, &["tranche", "from %", "to %", "notional", "PD %", "EL", "EL %", "spread, bp"]);
            for tranche in tranches {
                table.add_row([
                    short(&tranche.name, 20),
                    plain_percent(tranche.attachment),
                    plain_percent(tranche.detachment),
                    amount(tranche.notional),
                    percent(&tranche.probability),
                    estimate(&tranche.expected_loss),
                    plain_percent(tranche.expected_loss.value / tranche.notional),
                    basis_points(&tranche.spread),
                ]);
            }
            section(text, "Tranches on the loss of the book", &table);
        }
        if let Some(spreads) = &self.spreads {
            spread_table(spreads, listed, text);
        }
        if let Some(coverage) = &self.coverage {
            coverage_table(coverage, listed, text);
        }
        if let Some(liquidations) = &self.liquidations {
            let mut table = table(1, &["collateral", "units", "proceeds", "any sale, %", "discount, %"]);
            for sales in liquidations {
                table.add_row([
                    short(&sales.asset, 24),
                    format!("{:.0}", sales.units.value),
                    estimate(&sales.proceeds),
                    percent(&sales.any),
                    percent(&sales.discount),
                ]);
            }
            section(text, "Forced sales, expected, and their discount to the mark", &table);
        }
        self.comovement.iter().for_each(|found| comovement::simulated(text, found));
    }

    /// CSV files by name.
    pub(crate) fn files(&self) -> Vec<(&'static str, String)> {
        let mut files = Vec::new();
        if let Some(tranches) = &self.tranches {
            files.push(("tranches.csv", tranche_rows(tranches)));
        }
        if let Some(spreads) = &self.spreads {
            files.push(("spreads.csv", spread_rows(spreads)));
        }
        if let Some(coverage) = &self.coverage {
            files.push(("coverage.csv", coverage_rows(coverage)));
        }
        if !self.comovement.is_empty() {
            files.push(("comovement.csv", comovement::csv(&self.comovement)));
        }
        files
    }
}

fn spread_table(spreads: &FairSpreads, listed: usize, text: &mut String) {
    let mut table = table(2, &["borrower", "facility", "paid, bp", "fair, bp", "lacking, bp", "value, USD"]);
    let mut sorted: Vec<&SpreadOf> = spreads.facilities.iter().collect();
    sorted.sort_by(|a, b| b.excess.value.total_cmp(&a.excess.value));
    sorted.truncate(listed);
    for spread in sorted.into_iter().chain([&spreads.pool]) {
        table.add_row([
            short(spread.obligor.as_deref().unwrap_or("all"), 18),
            short(spread.facility.as_deref().unwrap_or(""), 18),
            basis_points(&spread.contractual),
            basis_points(&spread.fair),
            basis_points(&spread.excess),
            estimate(&spread.value),
        ]);
    }
    section(text, "Spreads over the riskless rate, paid and fair, and what the loan is worth above par", &table);
}

fn coverage_table(coverage: &[Illusion], listed: usize, text: &mut String) {
    let header =
        ["borrower", "LTV today", "executable", "ever under water %", "hidden, 1 y %", "debt y", "uncovered y"];
    let mut table = table(1, &header);
    let mut sorted: Vec<&Illusion> = coverage.iter().collect();
    sorted.sort_by(|a, b| b.uncovered_life.value.total_cmp(&a.uncovered_life.value));
    sorted.truncate(listed);
    for illusion in sorted {
        let (Some(first), Some(last)) = (illusion.dates.first(), illusion.dates.last()) else { continue };
        let year = illusion.dates.iter().find(|date| date.years >= 1.0 - 1e-9).unwrap_or(last);
        table.add_row([
            short(&illusion.obligor, 22),
            plain_percent(first.ltv_mark.value),
            plain_percent(first.ltv_executable.value),
            percent(&last.ever),
            percent(&year.hidden),
            years(&illusion.debt_life),
            years(&illusion.uncovered_life),
        ]);
    }
    section(text, "Debt beside what its collateral would bring (LTV in %; years of debt)", &table);
}

fn tranche_rows(tranches: &[TrancheLosses]) -> String {
    let mut text = format!(
        "tranche,attachment,detachment,notional_usd,years,{},{},{}\n",
        columns("default_probability"),
        columns("expected_loss_usd"),
        columns("spread")
    );
    for tranche in tranches {
        for date in &tranche.dates {
            let last = tranche.dates.last().is_some_and(|last| last.years <= date.years);
            // The spread is that of the whole term.
            let spread = if last { fields(&tranche.spread) } else { ",,,".into() };
            let _ = writeln!(
                text,
                "{},{},{},{},{},{},{},{spread}",
                quoted(&tranche.name),
                tranche.attachment,
                tranche.detachment,
                tranche.notional,
                date.years,
                fields(&date.probability),
                fields(&date.expected_loss),
            );
        }
    }
    text
}

fn spread_rows(spreads: &FairSpreads) -> String {
    let mut text = format!(
        "borrower,facility,{},{},{},{}\n",
        columns("contractual_spread"),
        columns("fair_spread"),
        columns("excess_spread"),
        columns("value_usd")
    );
    for spread in spreads.facilities.iter().chain([&spreads.pool]) {
        let _ = writeln!(
            text,
            "{},{},{},{},{},{}",
            quoted(spread.obligor.as_deref().unwrap_or("")),
            quoted(spread.facility.as_deref().unwrap_or("")),
            fields(&spread.contractual),
            fields(&spread.fair),
            fields(&spread.excess),
            fields(&spread.value),
        );
    }
    text
}

fn coverage_rows(coverage: &[Illusion]) -> String {
    let names = ["ltv_mark", "ltv_executable", "underwater_probability", "hidden_probability", "ever_probability"];
    let mut text = format!("borrower,years,{}\n", names.map(columns).join(","));
    for illusion in coverage {
        for date in &illusion.dates {
            let values = [date.ltv_mark, date.ltv_executable, date.underwater, date.hidden, date.ever];
            let values = values.map(|value| fields(&value)).join(",");
            let _ = writeln!(text, "{},{},{values}", quoted(&illusion.obligor), date.years);
        }
    }
    text
}
