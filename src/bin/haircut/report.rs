//! Everything that a run reports, as it stands in a JSON file.

use crate::curve::CurvePoint;
use crate::stress::Stressed;
use crate::structure::Structure;
use crate::uncertainty::ParameterUncertainty;
use haircut::measure::{Credit, Defaults, Estimate, Histogram, Losses, Run};
use serde::Serialize;

/// Levels at which VaR and ES are reported.
pub(crate) const LEVELS: [f64; 3] = [0.95, 0.99, 0.999];

/// Bars of the loss histogram.
const BARS: usize = 60;

/// The results of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Title of the scenario.
    pub(crate) title: String,
    /// File of the scenario.
    pub(crate) scenario: String,
    /// Version of this tool.
    pub(crate) version: &'static str,
    /// Dates, obligors, paths and seed.
    pub(crate) run: RunSize,
    /// Debt at time zero, USD.
    pub(crate) exposure: f64,
    /// The loss of the whole book, discounted, USD.
    pub(crate) portfolio: Portfolio,
    /// Cumulative defaults of the book by date.
    pub(crate) curve: Vec<CurvePoint>,
    /// Default probabilities, joint defaults, exposures and losses by borrower, facility and lender.
    pub(crate) defaults: Defaults,
    /// Tranches, fair spreads, coverage, forced sales, where these were asked for.
    #[serde(flatten)]
    pub(crate) structure: Structure,
    /// The same over parameter sets, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parameter_uncertainty: Option<ParameterUncertainty>,
    /// The same under each stress that was asked for, beside the base.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) stresses: Vec<Stressed>,
}

/// How large the run was.
#[derive(Debug, Serialize)]
pub(crate) struct RunSize {
    /// Paths simulated.
    pub(crate) paths: u64,
    /// Seed.
    pub(crate) seed: u64,
    /// Steps of the grid.
    pub(crate) steps: usize,
    /// Last date, years.
    pub(crate) horizon_years: f64,
}

/// The loss distribution, as far as it is reported.
#[derive(Debug, Serialize)]
pub(crate) struct Portfolio {
    /// Expected loss.
    pub(crate) expected_loss: Estimate,
    /// Standard deviation.
    pub(crate) standard_deviation: Estimate,
    /// Smallest loss of any path.
    pub(crate) minimum: Option<f64>,
    /// Largest loss of any path.
    pub(crate) maximum: Option<f64>,
    /// VaR and ES by level.
    pub(crate) tail: Vec<Tail>,
    /// Probabilities of losses by size; the last bar holds the largest loss.
    pub(crate) histogram: Option<Histogram>,
}

/// VaR and ES at one level.
#[derive(Debug, Serialize)]
pub(crate) struct Tail {
    /// The level.
    pub(crate) level: f64,
    /// Value at risk: the quantile of the loss.
    pub(crate) value_at_risk: Estimate,
    /// Expected shortfall: the mean of the worst `1 - level`.
    pub(crate) expected_shortfall: Estimate,
}

impl Portfolio {
    pub(crate) fn new(losses: &Losses) -> Result<Self, haircut::Error> {
        let tail = |level| {
            Ok(Tail {
                level,
                value_at_risk: losses.quantile(level)?,
                expected_shortfall: losses.expected_shortfall(level)?,
            })
        };
        let maximum = losses.maximum();
        let histogram = match maximum {
            Some(largest) if largest > 0.0 && largest.is_finite() => {
                let width = round_up(largest * (1.0 + 1e-9) / BARS as f64);
                let bars = (largest / width).floor() as usize + 1;
                let edges: Vec<f64> = (0..=bars).map(|bar| bar as f64 * width).collect();
                Some(losses.histogram(&edges)?)
            }
            _ => None,
        };
        Ok(Portfolio {
            expected_loss: losses.mean(),
            standard_deviation: losses.standard_deviation(),
            minimum: losses.minimum(),
            maximum,
            tail: LEVELS.into_iter().map(tail).collect::<Result<_, haircut::Error>>()?,
            histogram,
        })
    }
}

/// The next of 1, 2, 2.5, 5 times a power of ten.
pub(crate) fn round_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 2.5, 5.0, 10.0];
    power * steps.into_iter().find(|step| *step * power >= value).unwrap_or(10.0)
}

impl Report {
    pub(crate) fn size(run: &Run) -> RunSize {
        RunSize { paths: run.paths, seed: run.seed, steps: run.grid.steps(), horizon_years: run.grid.horizon() }
    }

    /// All facilities with the names of their borrowers, those with the largest expected loss first.
    pub(crate) fn facilities(&self) -> Vec<(&str, &Credit)> {
        let of = |obligor: &'_ haircut::measure::ObligorDefaults| obligor.facilities.len();
        let mut all = Vec::with_capacity(self.defaults.obligors.iter().map(of).sum());
        for obligor in &self.defaults.obligors {
            all.extend(obligor.facilities.iter().map(|facility| (obligor.name.as_str(), facility)));
        }
        all.sort_by(|a, b| b.1.expected_loss.value.total_cmp(&a.1.expected_loss.value));
        all
    }
}
