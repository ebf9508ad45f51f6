//! How well the numbers of a scenario are known, and parameter sets drawn from that.

use super::description::Scenario;
use crate::measure::{Band, Measure};
use crate::numeric::PATHS;
use crate::sample::{StreamKey, event};
use crate::{Error, Simulation};
use serde::Serialize;
use std::fmt;
use toml::{Table, Value};

/// A number of a scenario that is known with an error.
///
/// In the file, `{ value = 0.60, error = 0.05 }` stands for 0.60 with a standard error of 0.05, and `{ low = 0.3, high = 0.6 }` for
/// anything in between. Either may stand wherever a number of a factor, the dependence, the liquidation market or a borrower does. A
/// run takes the value, or the middle of the range, as if it stood there plainly.
///
/// Numbers are unknown each by itself, unless they share a name: `{ low = 0.0, high = 0.45, shared = "coin and compute" }` is as far up its
/// range, or as many errors above its value, as all others that share the name are. So a row of correlations moves as one, and stays one that
/// a market can have where both ends are.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Uncertainty {
    /// The number's place, `factors.btc.volatility`: by the names of factors, regimes, borrowers and pairs, where they have one.
    pub parameter: String,
    /// How it may differ.
    pub law: ParameterLaw,
    /// The name of the draw, where other numbers share it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared: Option<String>,
    #[serde(skip)]
    place: Place,
}

/// The law of a number that is not known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum ParameterLaw {
    /// Normal about the value.
    Normal {
        /// Standard error, zero or above.
        error: f64,
    },
    /// Uniform.
    Uniform {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
}

impl ParameterLaw {
    /// The number of these words; `value` is the one of the scenario.
    fn draw(self, value: f64, words: [u64; 4]) -> f64 {
        match self {
            ParameterLaw::Normal { error } => error.mul_add(event::normals(words[0], words[1]).0, value),
            ParameterLaw::Uniform { low, high } => (high - low).mul_add(event::uniform(words[0]), low),
        }
    }
}

/// Where a number stands.
#[derive(Debug, Clone, PartialEq)]
struct Place(Vec<Step>);

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Key(String),
    /// The table of this name in an array.
    Named(String),
    /// The pair of these two in an array.
    Pair(String, String),
    Index(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(name) | Step::Named(name) if position == 0 => write!(f, "{name}")?,
                Step::Key(name) | Step::Named(name) => write!(f, ".{name}")?,
                Step::Pair(one, other) => write!(f, "[{one}, {other}]")?,
                // The third of a pair is its number: there is no other.
                Step::Index(_) if matches!(self.0.get(position.wrapping_sub(1)), Some(Step::Pair(..))) => {}
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

impl Place {
    fn deeper(&self, step: Step) -> Self {
        Place([&self.0[..], &[step]].concat())
    }

    /// The value there, if there is one.
    fn find<'a>(&self, table: &'a mut Table) -> Option<&'a mut Value> {
        let (Step::Key(first), rest) = self.0.split_first()? else { return None };
        rest.iter().try_fold(table.get_mut(first)?, |value, step| match (value, step) {
            (Value::Table(table), Step::Key(key)) => table.get_mut(key),
            (Value::Array(array), Step::Index(index)) => array.get_mut(*index),
            (Value::Array(array), step) => {
                array.iter_mut().enumerate().find(|(at, one)| step_to(one, *at) == *step).map(|(_, one)| one)
            }
            _ => None,
        })
    }
}

/// How an element of an array is called.
fn step_to(element: &Value, index: usize) -> Step {
    match element {
        Value::Table(table) => match table.get("name") {
            Some(Value::String(name)) => Step::Named(name.clone()),
            _ => Step::Index(index),
        },
        Value::Array(array) => match &array[..] {
            [Value::String(one), Value::String(other), _] => Step::Pair(one.clone(), other.clone()),
            _ => Step::Index(index),
        },
        _ => Step::Index(index),
    }
}

/// A mistake in a number with an error: its path by indices, and what is wrong.
pub(super) type Mistake = (String, String);

/// Takes what is stated of errors out of a document, and leaves plain numbers.
pub(super) fn take(document: &mut Table) -> Result<Vec<Uncertainty>, Mistake> {
    let mut found = Vec::new();
    for (key, value) in document.iter_mut().filter(|(key, _)| *key != "simulation") {
        walk(value, &Place(vec![Step::Key(key.clone())]), key, &mut found)?;
    }
    Ok(found)
}

fn walk(value: &mut Value, place: &Place, path: &str, found: &mut Vec<Uncertainty>) -> Result<(), Mistake> {
    if let Some(Stated { number, law, shared }) = stated(value).map_err(|message| (path.to_owned(), message))? {
        *value = Value::Float(number);
        let parameter = place.to_string();
        if found.iter().any(|other| other.parameter == parameter) {
            return Err((path.to_owned(), "another number of this name has an error already".to_owned()));
        }
        found.push(Uncertainty { parameter, law, shared, place: place.clone() });
        return Ok(());
    }
    match value {
        Value::Table(table) => {
            for (key, value) in table.iter_mut() {
                walk(value, &place.deeper(Step::Key(key.clone())), &format!("{path}.{key}"), found)?;
            }
        }
        Value::Array(array) => {
            for (index, value) in array.iter_mut().enumerate() {
                let step = step_to(value, index);
                walk(value, &place.deeper(step), &format!("{path}[{index}]"), found)?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// What a table states of a number.
struct Stated {
    number: f64,
    law: ParameterLaw,
    shared: Option<String>,
}

/// The number, its law and the name of its draw, for a table that states them.
fn stated(value: &Value) -> Result<Option<Stated>, String> {
    let Value::Table(table) = value else { return Ok(None) };
    let pair = |one: &str, other: &str| match (table.get(one), table.get(other)) {
        (Some(first), Some(second)) if table.keys().all(|key| key == one || key == other || key == "shared") => {
            Some((first, second))
        }
        _ => None,
    };
    let shared = match table.get("shared") {
        None => Ok(None),
        Some(Value::String(name)) if !name.trim().is_empty() => Ok(Some(name.clone())),
        Some(other) => Err(format!("shared = {other}: must be a name")),
    };
    let number = |name: &str, value: &Value| match value {
        Value::Float(number) if number.is_finite() => Ok(*number),
        Value::Integer(number) => Ok(*number as f64),
        other => Err(format!("{name} = {other}: must be a finite number")),
    };
    if let Some((value, error)) = pair("value", "error") {
        let (value, error) = (number("value", value)?, number("error", error)?);
        if error < 0.0 {
            return Err(format!("error = {error}: must be zero or above; it is one standard error"));
        }
        return Ok(Some(Stated { number: value, law: ParameterLaw::Normal { error }, shared: shared? }));
    }
    if let Some((low, high)) = pair("low", "high") {
        let (low, high) = (number("low", low)?, number("high", high)?);
        if low > high {
            return Err(format!("low = {low}: must be at most high, {high}"));
        }
        let number = 0.5_f64.mul_add(high - low, low);
        return Ok(Some(Stated { number, law: ParameterLaw::Uniform { low, high }, shared: shared? }));
    }
    Ok(None)
}

/// Puts what is stated of errors back into a document that has plain numbers.
pub(super) fn put_back(document: &mut Table, uncertainties: &[Uncertainty]) -> Result<(), Error> {
    for uncertainty in uncertainties {
        let value = uncertainty.find(document)?;
        let number = value.clone();
        let float = |number: f64| Value::Float(number);
        let entries = match uncertainty.law {
            ParameterLaw::Normal { error } => [("value", number), ("error", float(error))],
            ParameterLaw::Uniform { low, high } => [("low", float(low)), ("high", float(high))],
        };
        let shared = uncertainty.shared.iter().map(|name| ("shared", Value::String(name.clone())));
        let entries = entries.into_iter().chain(shared);
        *value = Value::Table(entries.map(|(key, value)| (key.to_owned(), value)).collect());
    }
    Ok(())
}

impl Uncertainty {
    fn find<'a>(&self, document: &'a mut Table) -> Result<&'a mut Value, Error> {
        let gone = || Error::invalid(&self.parameter, "no number", "has an error stated, so it must be there");
        self.place.find(document).filter(|value| matches!(value, Value::Float(_))).ok_or_else(gone)
    }
}

/// Scenarios that differ in what is not known, see [`Scenario::parameter_sets`].
#[derive(Debug, Clone)]
pub struct ParameterSets {
    /// The sets.
    pub sets: Vec<ParameterSet>,
    /// How many draws were thrown away because the scenario was not valid with them.
    pub rejected: u64,
}

/// One draw of everything that is not known.
#[derive(Debug, Clone)]
pub struct ParameterSet {
    /// The scenario with these numbers.
    pub scenario: Scenario,
    /// The numbers, in the order of [`Scenario::uncertainties`].
    pub values: Vec<f64>,
}

/// Sets that may be asked for.
const MOST_SETS: usize = 10_000;

/// Draws for one set, of which none may be valid.
const MOST_DRAWS: u64 = 1000;

/// Batches into which the paths of a set are cut, to tell chance from parameters.
const BATCHES: u64 = 16;

impl Scenario {
    /// Without the errors of the numbers that are others in `before`: what has been set is known.
    pub(super) fn forget_uncertainties(self, before: &Scenario) -> Result<Self, Error> {
        if self.uncertainties().is_empty() {
            return Ok(self);
        }
        let (mut now, mut before) = (self.plain_document()?, before.plain_document()?);
        let mut kept = Vec::new();
        for uncertainty in self.uncertainties() {
            if *uncertainty.find(&mut now)? == *uncertainty.find(&mut before)? {
                kept.push(uncertainty.clone());
            }
        }
        self.with_uncertainties(kept)
    }

    /// Draws parameter sets from the errors that are stated in the file.
    ///
    /// Numbers are drawn independently of one another, but for those that share a name. A set with which the scenario is not valid (a volatility below zero, correlations
    /// that no market can have) is drawn anew as a whole, and counted: the sets have the stated law, given that they are
    /// valid. The draw of a parameter is keyed by the seed, its name, the number of the set and of the try, so a further parameter
    /// leaves the draws of the others as they were. The seed is the same in all sets: they differ by their parameters alone.
    ///
    /// # Errors
    /// No set or more than 10,000; a set for which 1000 draws were not valid, with the last one's mistake; whatever is wrong with
    /// the scenario itself.
    pub fn parameter_sets(&self, count: usize) -> Result<ParameterSets, Error> {
        if !(1..=MOST_SETS).contains(&count) {
            let expected = format!("must be between 1 and {MOST_SETS}");
            return Err(Error::invalid("parameter sets", count, expected));
        }
        self.simulation()?;
        let mut base = self.plain_document()?;
        let mut numbers = Vec::with_capacity(self.uncertainties().len());
        for uncertainty in self.uncertainties() {
            let value = uncertainty.find(&mut base)?.as_float().unwrap_or(f64::NAN);
            let name = uncertainty.shared.as_ref().unwrap_or(&uncertainty.parameter);
            let key = StreamKey::new(self.simulation.seed, &format!("parameter/{name}"));
            numbers.push((uncertainty, value, key));
        }
        let (mut sets, mut rejected) = (Vec::with_capacity(count), 0);
        for set in 0..count as u64 {
            let mut last = None;
            for attempt in 0..MOST_DRAWS {
                let draw = |(uncertainty, value, key): &(&Uncertainty, f64, StreamKey)| {
                    uncertainty.law.draw(*value, key.event(set, attempt))
                };
                let values: Vec<f64> = numbers.iter().map(draw).collect();
                let mut document = base.clone();
                for ((uncertainty, ..), value) in numbers.iter().zip(&values) {
                    *uncertainty.find(&mut document)? = Value::Float(*value);
                }
                match self.with_numbers(document).and_then(|scenario| scenario.simulation().map(|_| scenario)) {
                    Ok(scenario) => {
                        sets.push(ParameterSet { scenario, values });
                        break;
                    }
                    Err(error) => {
                        rejected += 1;
                        last = Some(error);
                    }
                }
            }
            if sets.len() as u64 == set {
                let why = last.map(|error| error.to_string()).unwrap_or_default();
                let expected = format!("must be valid once in {MOST_DRAWS} draws; state smaller errors ({why})");
                return Err(Error::invalid("parameter sets", format!("set {set}"), expected));
            }
        }
        Ok(ParameterSets { sets, rejected })
    }
}

impl ParameterSets {
    /// Runs every set, and gives the [`Band`] of each quantity that `quantities` takes from a result. `prepare` may change each simulation (its
    /// threads, say) before it runs, all alike.
    ///
    /// ```no_run
    /// use haircut::measure::LossDistribution;
    /// use haircut::scenario::Scenario;
    /// let sets = Scenario::read("scenarios/book.toml")?.parameter_sets(50)?;
    /// let bands = sets.bands(&LossDistribution::new(), |losses| vec![losses.mean().value], |simulation| simulation)?;
    /// println!("{} ± {}", bands[0].mean, bands[0].parameter_deviation);
    /// # Ok::<(), haircut::Error>(())
    /// ```
    ///
    /// # Errors
    /// Fewer than two sets, fewer than two blocks of 256 paths, or results with different numbers of quantities; and as
    /// [`Simulation::run`].
    pub fn bands<M: Measure<Partial: Clone>>(
        &self,
        measure: &M,
        quantities: impl Fn(&M::Output) -> Vec<f64>,
        prepare: impl Fn(Simulation) -> Simulation,
    ) -> Result<Vec<Band>, Error> {
        // By quantity: the value of each set, and its batches.
        let mut found: Vec<(Vec<f64>, Vec<Vec<f64>>)> = Vec::new();
        for (position, set) in self.sets.iter().enumerate() {
            let simulation = prepare(set.scenario.simulation()?);
            let blocks = simulation.blocks();
            if blocks < 2 {
                let expected = format!("must be more than {PATHS}: chance is told from two blocks or more");
                return Err(Error::invalid("paths", blocks * PATHS as u64, expected));
            }
            let batches = blocks.min(BATCHES);
            let mut whole = None;
            let mut columns: Vec<Vec<f64>> = Vec::new();
            for batch in 0..batches {
                let range = batch * blocks / batches..(batch + 1) * blocks / batches;
                let shard = simulation.shard(range, measure)?;
                columns.push(quantities(&shard.clone().finish()));
                match &mut whole {
                    None => whole = Some(shard),
                    Some(whole) => whole.merge(shard)?,
                }
            }
            let values = whole.map(|whole| quantities(&whole.finish())).unwrap_or_default();
            if position == 0 {
                found = values.iter().map(|_| (Vec::new(), Vec::new())).collect();
            }
            if values.len() != found.len() || columns.iter().any(|column| column.len() != found.len()) {
                let expected = format!("must be {}, as in the first set", found.len());
                return Err(Error::invalid("quantities", values.len(), expected));
            }
            for (quantity, (all, parts)) in found.iter_mut().enumerate() {
                all.push(values[quantity]);
                parts.push(columns.iter().map(|column| column[quantity]).collect());
            }
        }
        found.into_iter().map(|(values, batches)| Band::new(values, &batches)).collect()
    }
}
