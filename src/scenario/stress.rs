//! A stress: named numbers and paths of a scenario moved by given amounts, and nothing else.

use super::description::{NamedModel, Scenario};
use crate::Error;
use crate::credit::{Borrower, LiquidationMarket};
use crate::market::{Change, Curve, DependenceModel, Market};
use serde::{Deserialize, Serialize};
use toml::Value;

/// A deterministic overlay of a scenario: shifts of parameters, of launch dates, of the paths of published series.
///
/// It maps a description to a description and touches nothing else: draws are keyed by name, so base and stressed run have
/// common random numbers, and what is not shifted, nor reads what is, keeps its bits.
///
/// ```
/// use haircut::scenario::Stress;
/// let stress: Stress = toml::from_str(r#"
///     name = "rents fall and power is dear"
///     [[shifts]]
///     series = "*_rent"                                   # every series of that name
///     multiply = [[0, 1.0], [0.5, 0.6], [1.5, 0.6], [3, 1.0]]   # straight lines between dates, in years
///     [[shifts]]
///     parameter = "factors.power.usual"                   # a number of the description
///     add = 0.02
/// "#).unwrap();
/// let twice = stress.clone().then(stress);
/// assert_eq!(twice.shifts.len(), 4);
/// ```
///
/// A number that a parameter shift moves is known from then on: an error that the scenario states of it is dropped.
///
/// Stresses **compose**: [`Stress::then`] applies one after the other. That is associative, and [`Stress::none`] is its identity, to the
/// bit. Shifts act in their order; multipliers of 0.6 and 0.5 are one of 0.3.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stress {
    /// Its name, by which a scenario or the command line calls it.
    pub name: String,
    /// What it stands for, where its numbers come from.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// What is moved, in order.
    #[serde(default)]
    pub shifts: Vec<Shift>,
}

/// One thing that is moved, and how.
///
/// In a file one of `series` and `parameter`, and one of `add`, `multiply` and `set`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Form", into = "Form")]
pub struct Shift {
    /// What.
    pub target: Target,
    /// How.
    pub change: Change,
}

/// What a [`Shift`] moves.
///
/// A `*` stands for any text within a name. A name without it must exist; one with it may fit nothing, so that one stress
/// serves many scenarios. But a stress that moves nothing at all is refused.
#[derive(Debug, Clone, PartialEq)]
pub enum Target {
    /// A published series of a factor, `hopper_rent` or `frontier.adoption`: its path, as everyone but the factor itself
    /// sees it.
    Series(String),
    /// A number of the description by its path, with parts of a list by name or position: `factors.frontier.age`,
    /// `factors.hashprice.reward.halvings[0]`, `dependence.regimes.stress.volatility.btc`, `liquidation.assets.*.depth_per_month`.
    Parameter(String),
}

/// A shift as a file has it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    series: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    add: Option<Curve>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    multiply: Option<Curve>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    set: Option<Curve>,
}

impl TryFrom<Form> for Shift {
    type Error = &'static str;

    fn try_from(form: Form) -> Result<Self, Self::Error> {
        let target = match (form.series, form.parameter) {
            (Some(series), None) => Target::Series(series),
            (None, Some(parameter)) => Target::Parameter(parameter),
            _ => return Err("a shift needs one of `series` and `parameter`"),
        };
        let change = match (form.add, form.multiply, form.set) {
            (Some(curve), None, None) => Change::Add(curve),
            (None, Some(curve), None) => Change::Multiply(curve),
            (None, None, Some(curve)) => Change::Set(curve),
            _ => return Err("a shift needs one of `add`, `multiply` and `set`"),
        };
        Ok(Shift { target, change })
    }
}

impl From<Shift> for Form {
    fn from(Shift { target, change }: Shift) -> Self {
        let mut form = Form { series: None, parameter: None, add: None, multiply: None, set: None };
        match target {
            Target::Series(series) => form.series = Some(series),
            Target::Parameter(parameter) => form.parameter = Some(parameter),
        }
        match change {
            Change::Add(curve) => form.add = Some(curve),
            Change::Multiply(curve) => form.multiply = Some(curve),
            Change::Set(curve) => form.set = Some(curve),
        }
        form
    }
}

impl Shift {
    /// Moves the path of a series.
    pub fn series(series: impl Into<String>, change: Change) -> Self {
        Shift { target: Target::Series(series.into()), change }
    }

    /// Moves a number of the description.
    pub fn parameter(parameter: impl Into<String>, change: Change) -> Self {
        Shift { target: Target::Parameter(parameter.into()), change }
    }
}

impl Stress {
    /// The stress that leaves everything as it is.
    #[must_use]
    pub fn none() -> Self {
        Stress { name: "none".into(), description: String::new(), shifts: Vec::new() }
    }

    /// A stress of these shifts.
    pub fn new(name: impl Into<String>, shifts: impl Into<Vec<Shift>>) -> Self {
        Stress { name: name.into(), description: String::new(), shifts: shifts.into() }
    }

    /// This one, then the other.
    #[must_use]
    pub fn then(mut self, other: Stress) -> Self {
        let Stress { name, description, shifts } = other;
        if shifts.is_empty() {
            return self;
        }
        if self.shifts.is_empty() {
            return Stress { name, description, shifts };
        }
        self.name = format!("{}, {name}", self.name);
        if !description.is_empty() {
            self.description = format!("{}\n{description}", self.description).trim_start().to_owned();
        }
        self.shifts.extend(shifts);
        self
    }

    /// The scenario under this stress; the one given stays as it is.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a name that is not there, [`Error::Invalid`] for a change that is out of range or a path that
    /// leads to no number, each by its place in `shifts`; a stress that has shifts and moves nothing. A number
    /// that the model does not take is found by [`Scenario::simulation`].
    pub fn apply(&self, scenario: &Scenario) -> Result<Scenario, Error> {
        let mut stressed = scenario.clone();
        let mut moved = self.shifts.is_empty();
        let located = |index: usize| move |error: Error| error.within(format!("shifts[{index}]"));
        let numbers = self.shifts.iter().enumerate().filter_map(|(index, shift)| match &shift.target {
            Target::Parameter(path) => Some((index, path, &shift.change)),
            Target::Series(_) => None,
        });
        let mut numbers = numbers.peekable();
        if numbers.peek().is_some() {
            let mut parts = Parts::of(scenario)?;
            for (index, path, change) in numbers {
                moved |= change_numbers(&mut parts, path, change).map_err(located(index))?;
            }
            Parts::put(parts, &mut stressed)?;
            stressed = stressed.forget_uncertainties(scenario)?;
        }
        let mut market = None;
        for (index, shift) in self.shifts.iter().enumerate() {
            let Target::Series(series) = &shift.target else { continue };
            let before = match market {
                Some(market) => market,
                None => stressed.market()?,
            };
            let (after, found) = move_series(before, series, &shift.change).map_err(located(index))?;
            market = Some(after);
            moved |= found;
            stressed.shifts.push(shift.clone());
        }
        if moved {
            return Ok(stressed);
        }
        Err(Error::invalid("shifts", format!("\"{}\"", self.name), "must move something that this scenario has"))
    }
}

/// Moves the series of a market by the shifts of a scenario, in order.
pub(super) fn shifted(mut market: Market, shifts: &[Shift]) -> Result<Market, Error> {
    for (index, Shift { target, change }) in shifts.iter().enumerate() {
        let located = |error: Error| error.within(format!("shifts[{index}]"));
        let Target::Series(series) = target else {
            let expected = "must be a series; write a parameter where it stands, or shift it by a stress";
            return Err(located(Error::invalid("parameter", "a path", expected)));
        };
        (market, _) = move_series(market, series, change).map_err(located)?;
    }
    Ok(market)
}

/// The market with one series moved, or all that fit a pattern; and whether there was one.
fn move_series(mut market: Market, pattern: &str, change: &Change) -> Result<(Market, bool), Error> {
    change.check()?;
    if !pattern.contains('*') {
        return Ok((market.shifted(pattern, change.clone())?, true));
    }
    let of_factors = |name: &String| fits(pattern, name) && !name.starts_with("dependence.");
    let series: Vec<String> = market.series()?.into_iter().filter(of_factors).collect();
    for series in &series {
        market = market.shifted(series, change.clone())?;
    }
    Ok((market, !series.is_empty()))
}

/// What parameters are numbers of.
#[derive(Serialize, Deserialize)]
struct Parts {
    factors: Vec<NamedModel>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dependence: Option<DependenceModel>,
    liquidation: LiquidationMarket,
    borrowers: Vec<Borrower>,
}

impl Parts {
    fn of(scenario: &Scenario) -> Result<Value, Error> {
        let Scenario { factors, dependence, liquidation, borrowers, .. } = scenario.clone();
        Value::try_from(Parts { factors, dependence, liquidation, borrowers })
            .map_err(|error| Error::invalid("parameter", "the scenario", format!("cannot be read as TOML: {error}")))
    }

    fn put(value: Value, scenario: &mut Scenario) -> Result<(), Error> {
        let unread = |error: toml::de::Error| Error::invalid("shifts", "the numbers", error.message().to_owned());
        let Parts { factors, dependence, liquidation, borrowers } = Parts::deserialize(value).map_err(unread)?;
        scenario.factors = factors;
        scenario.dependence = dependence;
        scenario.liquidation = liquidation;
        scenario.borrowers = borrowers;
        Ok(())
    }
}

/// Changes the numbers that a path leads to; whether there was one.
fn change_numbers(root: &mut Value, path: &str, change: &Change) -> Result<bool, Error> {
    change.check()?;
    let (field, Curve::Always(_)) = change.curve() else {
        return Err(Error::invalid(change.curve().0, "a list", "must be one number, for a parameter has no dates"));
    };
    let steps: Vec<&str> = path.split(['.', '[', ']']).filter(|step| !step.is_empty()).collect();
    let mut changed = 0;
    visit(root, &steps, false, &mut |number| {
        *number = change.apply(0.0, *number);
        changed += 1;
        // What the model says to the new number is told by the model; but infinity is nothing to compute with.
        if number.is_nan() { Err(Error::invalid(field, *number, "must give a number")) } else { Ok(()) }
    })
    .map_err(|error| match error {
        Error::Unknown { field, kind, known, .. } => Error::Unknown { field, kind, name: path.to_owned(), known },
        Error::Invalid { value, expected, field } if field == "parameter" => {
            Error::Invalid { field, value: format!("\"{path}\""), expected: format!("{expected}, not to {value}") }
        }
        other => other,
    })?;
    Ok(changed > 0)
}

/// Visits the numbers at the end of a path. Behind a pattern (`loose`) what is not there is passed over.
fn visit(
    value: &mut Value,
    steps: &[&str],
    loose: bool,
    change: &mut impl FnMut(&mut f64) -> Result<(), Error>,
) -> Result<(), Error> {
    let [step, rest @ ..] = steps else {
        return match value {
            Value::Float(number) => change(number),
            _ if loose => Ok(()),
            other => Err(Error::invalid("parameter", format!("a {}", other.type_str()), "must lead to a number")),
        };
    };
    let pattern = step.contains('*');
    let mut known = Vec::new();
    let mut found = false;
    let mut enter = |name: &str, child: &mut Value| {
        if fits(step, name) {
            found = true;
            return visit(child, rest, loose | pattern, change);
        }
        known.push(name.to_owned());
        Ok(())
    };
    match value {
        Value::Table(table) => table.iter_mut().try_for_each(|(key, child)| enter(key, child))?,
        Value::Array(elements) => {
            for (index, element) in elements.iter_mut().enumerate() {
                let name = element.get("name").and_then(Value::as_str);
                // By name where it has one, by position always.
                let called = match name {
                    Some(name) if step.parse::<usize>().is_err() => name.to_owned(),
                    _ => index.to_string(),
                };
                enter(&called, element)?;
            }
        }
        _ => {}
    }
    if found | loose | pattern {
        return Ok(());
    }
    let (field, name) = ("parameter".to_owned(), (*step).to_owned());
    Err(Error::Unknown { field, kind: "part of the scenario", name, known: known.join(", ") })
}

/// Whether a name is what a pattern says, with `*` for any text.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((before, after)) => name.strip_prefix(before).is_some_and(|rest| {
            let starts = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
            starts.into_iter().any(|at| fits(after, &rest[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    //! Guards: patterns, which decide what a stress reaches.
    use super::*;

    #[test]
    fn a_star_is_any_text() {
        for (pattern, name, fit) in [
            ("*_rent", "hopper_rent", true),
            ("*_rent", "_rent", true),
            ("*_rent", "hopper_rents", false),
            ("h*_rent", "h100_rent", true),
            ("h*_rent", "hashrate", false),
            ("*", "anything", true),
            ("a*b*c", "a.x.b.y.c", true),
            ("a*b*c", "acb", false),
            ("btc", "btc", true),
            ("btc", "btc2", false),
            ("*é", "caféé", true),
        ] {
            assert_eq!(fits(pattern, name), fit, "{pattern} {name}");
        }
    }
}
