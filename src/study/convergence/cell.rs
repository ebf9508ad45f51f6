//! The scenario of a cell: its converging factors matched under a mechanism, its debt scaled.

use super::background::{Frame, Margins, long_run, mended};
use super::sweep::{Explanation, Sweep};
use crate::credit::{Amortisation, Facility, Feedback};
use crate::market::{CommonJumps, DependenceModel, Margins as DriverMargins, Model};
use crate::numeric::Correlation;
use crate::numeric::kernel::ln;
use crate::scenario::Scenario;
use crate::study::matching::Mechanism;
use crate::study::mixture::bisect;
use crate::study::solving::mean_weight;
use crate::study::target::{Matched, Target, Unmatched};
use crate::{Error, check};

/// Misses above this are reported.
const TOLERANCE: f64 = 1e-6;

/// A scenario whose converging factors are to be matched.
#[derive(Debug, Clone)]
pub(super) struct Base {
    pub(super) scenario: Scenario,
    margins: Vec<Margins>,
    groups: Vec<String>,
    /// Of the scenario's factors, by position.
    factors: Vec<usize>,
    /// Of their drivers.
    places: Vec<usize>,
    /// Correlations of all drivers in the long run.
    rows: Vec<Vec<f64>>,
    target: Target,
}

/// What a mechanism makes of the scenario, whatever the debt.
#[derive(Debug, Clone)]
pub(super) struct Made {
    matched: Matched,
    dependence: DependenceModel,
    feedback: Feedback,
    /// What misses the target.
    pub(super) unmatched: Vec<Unmatched>,
    /// The most that a correlation was moved to make a matrix.
    pub(super) moved: f64,
}

impl Base {
    pub(super) fn new(mut scenario: Scenario, sweep: &Sweep) -> Result<Self, Error> {
        scenario.simulation.paths = sweep.paths.unwrap_or(scenario.simulation.paths);
        scenario.simulation.seed = sweep.seed.unwrap_or(scenario.simulation.seed);
        // What is wrong with the scenario itself is told first, and as the scenario tells it.
        scenario.simulation()?;
        let Some(step) = scenario.simulation.grid()?.equal_length() else {
            let expected = "must have steps of equal length, over which margins are matched";
            return Err(Error::invalid("scenario", format!("\"{}\"", sweep.scenario), expected));
        };
        let drivers = scenario.market()?.drivers()?;
        let dependence = scenario.dependence.clone().unwrap_or_default();
        let rows = long_run(&dependence, &drivers).map_err(|error| error.within("dependence").within("scenario"))?;
        let (mut margins, mut factors, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for (position, factor) in sweep.factors.iter().enumerate() {
            let located = |error: Error| error.within(format!("factors[{position}]"));
            let unknown = || {
                let known = scenario.factors.iter().map(|named| named.name.as_str()).collect::<Vec<_>>().join(", ");
                Error::Unknown { field: "name".into(), kind: "factor", name: factor.name.clone(), known }
            };
            let at = scenario.factors.iter().position(|named| named.name == factor.name);
            let at = at.ok_or_else(|| located(unknown()))?;
            margins.push(Margins::new(factor, &scenario.factors[at].model, step).map_err(located)?);
            // The driver of each of these models has the factor's name.
            let place = drivers.iter().position(|driver| *driver == factor.name).ok_or_else(|| located(unknown()))?;
            factors.push(at);
            places.push(place);
        }
        let groups: Vec<String> = sweep.factors.iter().map(|factor| factor.group().to_owned()).collect();
        let own = |row: usize, column: usize| {
            let across = sweep.correlation.filter(|_| groups[row] != groups[column]);
            across.unwrap_or(rows[places[row]][places[column]] * margins[row].driven * margins[column].driven)
        };
        let correlation = Correlation::from_rows(&square(groups.len(), own))?;
        let target = Target {
            step,
            margins: margins.iter().map(|margins| margins.margin.clone()).collect(),
            correlation,
            own_jumps_per_year: sweep.own_jumps_per_year,
        };
        Ok(Base { scenario, margins, groups, factors, places, rows, target })
    }

    fn across(&self, row: usize, column: usize) -> bool {
        self.groups[row] != self.groups[column]
    }

    fn unconditional(&self, row: usize, column: usize) -> f64 {
        self.target.correlation.entry(row, column).unwrap_or(0.0)
    }

    /// Matches the mechanism.
    pub(super) fn made(&self, explanation: &Explanation, stress: f64, frequency: f64) -> Result<Made, Error> {
        let size = self.groups.len();
        let mut moved = 0.0;
        let mut target = self.target.clone();
        let mut in_stress = || {
            let of = |row, column| match self.across(row, column) {
                true => stress,
                false => self.unconditional(row, column).max(stress),
            };
            mended(square(size, of), &mut moved)
        };
        let mechanism = match *explanation {
            Explanation::Constant | Explanation::Feedback => Mechanism::Constant,
            Explanation::Independent => {
                let of = |row, column| match self.across(row, column) {
                    true => 0.0,
                    false => self.unconditional(row, column),
                };
                target.correlation = mended(square(size, of), &mut moved)?;
                Mechanism::Constant
            }
            Explanation::StudentT { degrees_of_freedom: Some(freedom) } => {
                Mechanism::StudentT { margins: DriverMargins::Normal, degrees_of_freedom: Some(freedom) }
            }
            Explanation::StudentT { degrees_of_freedom: None } => {
                if self.rows.len() != size {
                    let expected =
                        "must be given where factors that do not converge have drivers, which would have the t law too";
                    return Err(Error::invalid("degrees_of_freedom", "none", expected));
                }
                Mechanism::StudentT { margins: DriverMargins::StudentT, degrees_of_freedom: None }
            }
            Explanation::Regimes { mean_years, degrees_of_freedom } => {
                Mechanism::Regimes { stress: in_stress()?, share: frequency, mean_years, degrees_of_freedom }
            }
            Explanation::StressDriven { reversion, width } => {
                // The further up the window of the index lies, the less weight there is.
                let centre = bisect(-8.0, 8.0, |at| frequency - mean_weight(at - 0.5 * width, at + 0.5 * width));
                let (begin, full) = (centre - 0.5 * width, centre + 0.5 * width);
                Mechanism::StressDriven { stress: in_stress()?, reversion, begin, full }
            }
            Explanation::CommonJumps { tilt, degrees_of_freedom } => {
                let per_year = -ln(1.0 - frequency) / target.step;
                Mechanism::CommonJumps { per_year, correlation: stress, tilt, degrees_of_freedom }
            }
        };
        let feedback = match (explanation, self.scenario.liquidation.feedback) {
            (Explanation::Feedback, Feedback::Off) => {
                let expected = "needs a scenario whose liquidation.feedback is not off";
                return Err(Error::invalid("mechanism", "feedback", expected));
            }
            (Explanation::Feedback, feedback) => feedback,
            _ => Feedback::Off,
        };
        let mut matched = target.matched(&mechanism)?;
        // A rent or a resale value has no mean that depends on the regime, and so no skewness from it.
        if let Explanation::Regimes { .. } = explanation {
            for (skewness, at) in matched.skewness.iter_mut().zip(&self.factors) {
                let is_price = matches!(self.scenario.factors[*at].model, Model::Gbm(_) | Model::Merton(_));
                *skewness = if is_price { *skewness } else { 0.0 };
            }
        }
        let mut frame = Frame { rows: &self.rows, places: &self.places, moved };
        let mut dependence = frame.around(matched.dependence.clone())?;
        let moved = frame.moved;
        for ((margins, (name, model)), at) in self.margins.iter().zip(&matched.factors).zip(&self.factors) {
            if let (_, Some(deviation)) = margins.model(&self.scenario.factors[*at].model, model) {
                let own = CommonJumps::new(self.target.own_jumps_per_year, dependence);
                let own = own.name(format!("{name} jumps")).jump(name.clone(), 0.0, deviation);
                dependence = DependenceModel::CommonJumps(Box::new(own));
            }
        }
        let unmatched = matched.unmatched(TOLERANCE);
        Ok(Made { matched, dependence, feedback, unmatched, moved })
    }

    /// The scenario under it.
    pub(super) fn scenario(&self, made: &Made, leverage: f64) -> Scenario {
        let mut scenario = self.scenario.clone();
        for ((margins, (_, model)), at) in self.margins.iter().zip(&made.matched.factors).zip(&self.factors) {
            let named = &mut scenario.factors[*at];
            named.model = margins.model(&named.model, model).0;
        }
        scenario.dependence = Some(made.dependence.clone());
        scenario.liquidation.feedback = made.feedback;
        scenario.borrowers.iter_mut().flat_map(|borrower| &mut borrower.facilities).for_each(|facility| {
            scale(facility, leverage);
        });
        scenario
    }
}

/// Principal, what is drawn later, and the amounts in which it is repaid.
fn scale(facility: &mut Facility, leverage: f64) {
    facility.principal *= leverage;
    let amounts = |dated: &mut Vec<(f64, f64)>| dated.iter_mut().for_each(|(_, amount)| *amount *= leverage);
    facility.draws.iter_mut().for_each(|draws| amounts(&mut draws.schedule));
    match &mut facility.amortisation {
        Amortisation::Straight { instalment: Some(instalment), .. } => *instalment *= leverage,
        Amortisation::Custom(instalments) => amounts(instalments),
        // CFADS / dscr is interest and principal: so many times as much of the same cash flow.
        Amortisation::Sculpted { dscr, cap, .. } => {
            *dscr /= leverage;
            cap.iter_mut().for_each(|cap| *cap *= leverage);
        }
        Amortisation::Straight { .. } | Amortisation::Bullet | Amortisation::Level { .. } => {}
    }
}

fn square(size: usize, entry: impl Fn(usize, usize) -> f64) -> Vec<Vec<f64>> {
    let of = |row: usize, column: usize| if row == column { 1.0 } else { entry(row.max(column), row.min(column)) };
    (0..size).map(|row| (0..size).map(|column| of(row, column)).collect()).collect()
}

impl Made {
    /// What the cell does not share with the others, in words; empty if nothing.
    pub(super) fn misses(&self) -> Vec<String> {
        let told = |miss: &Unmatched| format!("{} is {:.4}, not {:.4}", miss.what, miss.reached, miss.wanted);
        let mut misses: Vec<String> = self.unmatched.iter().map(told).collect();
        if self.moved > TOLERANCE {
            misses.push(format!("correlations were moved by up to {:.4} to make a matrix", self.moved));
        }
        misses
    }
}

/// An error of a mechanism, by its place in the sweep.
pub(super) fn located(position: usize, error: Error) -> Error {
    // Matching speaks of the mechanism that it was given.
    let error = match error {
        Error::Invalid { field, value, expected } => {
            let field = field.strip_prefix("mechanism.").unwrap_or(&field).to_owned();
            Error::Invalid { field, value, expected }
        }
        error => error,
    };
    error.within(format!("mechanisms[{position}]"))
}

/// The pair must be two borrowers of the scenario.
pub(super) fn check_pair(scenario: &Scenario, pair: Option<&(String, String)>) -> Result<(), Error> {
    let Some((a, b)) = pair else { return Ok(()) };
    for (position, name) in [a, b].into_iter().enumerate() {
        check::named(&format!("pair[{position}]"), name)?;
        if !scenario.borrowers.iter().any(|borrower| borrower.name == *name) {
            let known = scenario.borrowers.iter().map(|borrower| borrower.name.as_str()).collect::<Vec<_>>().join(", ");
            let field = format!("pair[{position}]");
            return Err(Error::Unknown { field, kind: "borrower", name: name.clone(), known });
        }
    }
    if a == b {
        return Err(Error::Duplicate { field: "pair[1]".into(), name: b.clone() });
    }
    Ok(())
}
