//! What not knowing the parameters does to the results: `haircut run --parameter-uncertainty`.

use crate::Failure;
use crate::money::{amount, count, number_of, plain_percent};
use crate::report::{LEVELS, Report};
use crate::tables::{level, section, short, table};
use haircut::measure::{Band, DefaultTable, Defaults, LossDistribution, Losses};
use haircut::scenario::{Scenario, Uncertainty};
use haircut::{Error, Simulation};
use serde::Serialize;
use std::fmt::Write;

/// Results over parameter sets.
#[derive(Debug, Serialize)]
pub(crate) struct ParameterUncertainty {
    /// Draws that were thrown away, for the scenario was not valid with them.
    rejected: u64,
    /// The numbers that are not known.
    parameters: Vec<Uncertainty>,
    /// Their values, set by set.
    draws: Vec<Vec<f64>>,
    /// What became of the results.
    results: Vec<Uncertain>,
}

/// One result over the sets.
#[derive(Debug, Serialize)]
struct Uncertain {
    #[serde(flatten)]
    quantity: Quantity,
    /// The result with the numbers of the scenario.
    stated: f64,
    band: Band,
}

#[derive(Debug, Clone, Serialize)]
struct Quantity {
    name: String,
    unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
enum Unit {
    #[serde(rename = "USD")]
    Usd,
    #[serde(rename = "probability")]
    Probability,
}

/// What is asked of each set, with its names.
fn quantities(defaults: &Defaults, losses: &Losses) -> Result<Vec<(Quantity, f64)>, Error> {
    let usd = |name: String, value: f64| (Quantity { name, unit: Unit::Usd }, value);
    let share = |name: String, value: f64| (Quantity { name, unit: Unit::Probability }, value);
    let mut all = vec![usd("expected loss".into(), losses.mean().value)];
    for at in LEVELS {
        all.push(usd(format!("VaR {} %", level(at)), losses.quantile(at)?.value));
    }
    for at in LEVELS {
        all.push(usd(format!("ES {} %", level(at)), losses.expected_shortfall(at)?.value));
    }
    let count = defaults.obligors.len();
    if count > 1 {
        let mean = defaults.obligors.iter().map(|obligor| obligor.probability.value).sum::<f64>() / count as f64;
        all.push(share("PD, mean of borrowers".into(), mean));
    }
    all.extend(
        defaults.obligors.iter().map(|obligor| share(format!("PD {}", obligor.name), obligor.probability.value)),
    );
    Ok(all)
}

/// Draws the sets and runs them.
pub(crate) fn run(
    scenario: &Scenario,
    sets: usize,
    prepare: impl Fn(Simulation) -> Simulation,
    defaults: &Defaults,
    losses: &Losses,
) -> Result<ParameterUncertainty, Failure> {
    let drawn = scenario.parameter_sets(sets)?;
    let stated = quantities(defaults, losses)?;
    let measure = (DefaultTable::new(), LossDistribution::new());
    // What the levels of a quantile can be was seen in the run with the numbers as stated.
    let values = |(defaults, losses): &(Defaults, Losses)| {
        let all = quantities(defaults, losses).unwrap_or_default();
        all.into_iter().map(|(_, value)| value).collect()
    };
    let bands = drawn.bands(&measure, values, prepare)?;
    let results = stated.into_iter().zip(bands).map(|((quantity, stated), band)| Uncertain { quantity, stated, band });
    Ok(ParameterUncertainty {
        rejected: drawn.rejected,
        parameters: scenario.uncertainties().to_vec(),
        results: results.collect(),
        draws: drawn.sets.into_iter().map(|set| set.values).collect(),
    })
}

/// Nothing can be said where nothing is stated.
pub(crate) fn check(scenario: &Scenario) -> Result<(), Error> {
    if scenario.uncertainties().is_empty() {
        let expected =
            "needs numbers with an error in the scenario: { value = 0.60, error = 0.05 } or { low = 0.3, high = 0.6 }";
        return Err(Error::invalid("parameter-uncertainty", "no number", expected));
    }
    Ok(())
}

impl ParameterUncertainty {
    /// The table for the terminal.
    pub(crate) fn table(&self, report: &Report, text: &mut String) {
        let mut rows = table(1, &["", "as stated", "mean", "5 % to 95 %", "parameters", "Monte Carlo"]);
        for Uncertain { quantity, stated, band } in &self.results {
            let write = |value: f64| match quantity.unit {
                Unit::Usd => amount(value),
                Unit::Probability => plain_percent(value),
            };
            rows.add_row([
                short(&quantity.name, 26),
                write(*stated),
                write(band.mean),
                format!("{} to {}", write(band.lower), write(band.upper)),
                format!("{} ± {}", write(band.parameter_deviation), write(band.parameter_deviation_error)),
                write(band.monte_carlo_error),
            ]);
        }
        let sets = number_of(self.draws.len(), "parameter set");
        let title = format!(
            "Parameter uncertainty: {sets} of {} (PD in %)",
            number_of(self.parameters.len(), "uncertain number")
        );
        section(text, &title, &rows);
        let _ = writeln!(text, "parameters is the standard deviation that they cause, ± its error; Monte Carlo is the");
        let _ = writeln!(text, "standard error that {} paths leave in the result of one set.", count(report.run.paths));
        if self.rejected > 0 {
            let _ = writeln!(text, "{} not valid and drawn anew.", number_of(self.rejected as usize, "draw"));
        }
    }

    /// The table for a file.
    pub(crate) fn csv(&self) -> String {
        let mut text = "result,unit,stated,mean,mean_error,lower_05,upper_95,parameter_deviation,\
                        parameter_deviation_error,monte_carlo_error,total_deviation\n"
            .to_owned();
        for Uncertain { quantity: Quantity { name, unit }, stated, band } in &self.results {
            let unit = if *unit == Unit::Usd { "USD" } else { "probability" };
            let Band { mean, mean_error, lower, upper, .. } = band;
            let name = name.replace('"', "\"\"");
            let _ = writeln!(
                text,
                "\"{name}\",{unit},{stated},{mean},{mean_error},{lower},{upper},{},{},{},{}",
                band.parameter_deviation, band.parameter_deviation_error, band.monte_carlo_error, band.total_deviation,
            );
        }
        text
    }
}
