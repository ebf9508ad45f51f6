//! The description itself, and how it becomes a simulation.

use super::stress::{self, Shift, Stress};
use super::tables;
use super::uncertainty::{self, Uncertainty};
use super::{diagnosis, document};
use crate::credit::{Book, Borrower, LiquidationMarket};
use crate::market::{DependenceModel, Market, Model};
use crate::measure::{Block, Measure, MeasurePlan, Run, Tranche, Tranches};
use crate::numeric::TimeGrid;
use crate::{Error, Simulation};
use serde::{Deserialize, Serialize};
use std::path::Path;
use toml::Table;

/// A market, a book, dates, paths and a seed, as a TOML file holds them.
///
/// ```
/// use haircut::scenario::Scenario;
/// let scenario = Scenario::from_toml("loan.toml", r#"
///     title = "A coin and nothing else"
///
///     [simulation]
///     months = 12
///     paths = 1_000
///     seed = 7
///
///     [[factors]]
///     name = "btc"
///     model = "gbm"
///     initial = 61_500      # USD
///     drift = 0.05          # a year
///     volatility = -0.65    # a year, in logs
/// "#);
/// let error = scenario.and_then(|scenario| scenario.simulation()).unwrap_err();
/// assert!(error.to_string().starts_with("loan.toml:14: factors.btc.volatility = -0.65: "), "{error}");
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// One line that says what is simulated.
    pub title: String,
    /// What it is for, where its numbers come from.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The series that holds the discount factor, `sofr.discount` for a short rate named `sofr`; without it losses are
    /// not discounted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount: Option<String>,
    /// Dates, paths and seed.
    pub simulation: Sampling,
    /// The risk factors, in order: each may read those before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub factors: Vec<NamedModel>,
    /// How their drivers move together; independent without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dependence: Option<DependenceModel>,
    /// The market into which collateral is sold.
    #[serde(default)]
    pub liquidation: LiquidationMarket,
    /// Who owes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub borrowers: Vec<Borrower>,
    /// Tranches on the loss of the whole book, for [`Scenario::tranches`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tranches: Vec<Tranche>,
    /// Series of the factors whose paths are moved in every run, in order; each by its `series`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shifts: Vec<Shift>,
    /// Stresses under which it can be run, by name: see [`Scenario::under`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stresses: Vec<Stress>,
    #[serde(skip)]
    source: Option<Source>,
    /// Which numbers are known with an error.
    #[serde(skip)]
    uncertainties: Vec<Uncertainty>,
}

/// When the world is looked at, and how often it is drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sampling {
    /// Monthly steps; or else `grid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub months: Option<usize>,
    /// Any other grid: `{ steps = 520, per_year = 52 }` or `{ dates = [0.5, 1.0] }`; or else `months`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grid: Option<TimeGrid>,
    /// Paths.
    pub paths: u64,
    /// The seed: the same seed gives the same bits.
    pub seed: u64,
}

/// A factor under its name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NamedModel {
    /// Name of the factor, to which series, correlations and borrowers refer.
    pub name: String,
    /// Which model, with its parameters.
    #[serde(flatten)]
    pub model: Model,
}

/// The text that a scenario was read from, to find the line of a mistake that shows later.
#[derive(Debug, Clone)]
struct Source {
    file: String,
    text: String,
}

impl Scenario {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Scenario`] when it cannot be read, or is not a scenario.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let file = path.as_ref().display().to_string();
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::from_toml(&file, &text),
            Err(error) => Err(Error::Scenario { file, line: 0, message: format!("cannot be read: {error}") }),
        }
    }

    /// Reads a text; `file` is the name by which errors call it, and tables that the text points to lie in its folder.
    ///
    /// # Errors
    /// [`Error::Scenario`] with the line and the field, for bad syntax, unknown and missing fields and wrong types.
    /// Values out of range and references to nothing are found by [`Scenario::simulation`].
    pub fn from_toml(file: &str, text: &str) -> Result<Self, Error> {
        let source = Source { file: file.to_owned(), text: text.to_owned() };
        match diagnosis::parse(text) {
            Ok(scenario) => {
                let folder = Path::new(file).parent().unwrap_or(Path::new(""));
                let mut scenario = Scenario { source: Some(source), ..scenario };
                tables::read(&mut scenario.factors, folder).map_err(|error| scenario.locate(error))?;
                Ok(scenario)
            }
            Err((line, message)) => Err(Error::Scenario { file: source.file, line, message }),
        }
    }

    /// The scenario as a TOML text. Comments of the file that it was read from are not kept.
    ///
    /// # Errors
    /// [`Error::Scenario`] when a value cannot stand in TOML: a number of paths above 2^63, for instance.
    pub fn to_toml(&self) -> Result<String, Error> {
        if self.uncertainties.is_empty() {
            return toml::to_string(self).map_err(unwritten);
        }
        let mut document = self.plain_document()?;
        uncertainty::put_back(&mut document, &self.uncertainties)?;
        toml::to_string(&document).map_err(unwritten)
    }

    /// The numbers that are known with an error, as the file states it: `{ value = 0.60, error = 0.05 }` or
    /// `{ low = 0.3, high = 0.6 }`.
    #[must_use]
    pub fn uncertainties(&self) -> &[Uncertainty] {
        &self.uncertainties
    }

    /// The scenario as a document of plain numbers.
    pub(super) fn plain_document(&self) -> Result<Table, Error> {
        Table::try_from(self).map_err(unwritten)
    }

    /// The same scenario with the numbers of a document, all known.
    pub(super) fn with_numbers(&self, document: Table) -> Result<Self, Error> {
        let drawn = Scenario::deserialize(toml::Value::Table(document)).map_err(|error| Error::Scenario {
            file: self.source.as_ref().map_or_else(|| "scenario".into(), |source| source.file.clone()),
            line: 0,
            message: error.message().to_owned(),
        })?;
        Ok(Scenario { source: self.source.clone(), ..drawn })
    }

    /// The same scenario with errors of its numbers, each of which must be a number of the description.
    pub(super) fn with_uncertainties(self, uncertainties: Vec<Uncertainty>) -> Result<Self, Error> {
        let scenario = Scenario { uncertainties, ..self };
        if !scenario.uncertainties.is_empty() {
            uncertainty::put_back(&mut scenario.plain_document()?, &scenario.uncertainties)?;
        }
        Ok(scenario)
    }

    /// The simulation that the scenario describes, checked from end to end: what it returns will run.
    ///
    /// # Errors
    /// Whatever is wrong with a factor, the dependence, the liquidation market or a borrower: as [`Error::Scenario`]
    /// with file, line and field for a scenario that was read from a text.
    pub fn simulation(&self) -> Result<Simulation, Error> {
        self.build().map_err(|error| self.locate(error))
    }

    /// One of the scenario's own stresses, or else of [`Stress::presets`].
    ///
    /// # Errors
    /// [`Error::Unknown`] for a name that is neither.
    pub fn stress(&self, name: &str) -> Result<Stress, Error> {
        let all: Vec<Stress> = self.stresses.iter().cloned().chain(Stress::presets()?).collect();
        let known = || all.iter().map(|stress| stress.name.as_str()).collect::<Vec<_>>().join(", ");
        all.iter().find(|stress| stress.name == name).cloned().ok_or_else(|| Error::Unknown {
            field: "stress".to_owned(),
            kind: "stress",
            name: name.to_owned(),
            known: known(),
        })
    }

    /// The scenario under one of its own stresses, or one of [`Stress::presets`]; this one stays as it is.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a name that is neither; else as [`Stress::apply`], with file and line for a stress of the
    /// scenario's own.
    pub fn under(&self, stress: &str) -> Result<Scenario, Error> {
        let stressed = self.stress(stress)?.apply(self);
        stressed.map_err(|error| match self.stresses.iter().position(|own| own.name == stress) {
            Some(index) => self.locate(error.within(format!("stresses[{index}]"))),
            None => error.within(format!("stresses.{stress}")),
        })
    }

    /// The measure of the scenario's tranches; none without any.
    #[must_use]
    pub fn tranches(&self) -> Option<Tranches> {
        (!self.tranches.is_empty()).then(|| Tranches::new(self.tranches.iter().cloned()))
    }

    /// The market of the scenario, its shifts included.
    pub(crate) fn market(&self) -> Result<Market, Error> {
        let mut market = Market::builder();
        for named in &self.factors {
            market = market.shared_factor(named.name.clone(), named.model.clone().into());
        }
        if let Some(dependence) = &self.dependence {
            market = market.shared_dependence(dependence.clone().into());
        }
        stress::shifted(market.build().map_err(|error| self.number_factor(error))?, &self.shifts)
    }

    fn build(&self) -> Result<Simulation, Error> {
        let mut book = Book::new(self.borrowers.iter().cloned()).liquidation(self.liquidation.clone());
        if let Some(series) = &self.discount {
            book = book.discount(series.clone());
        }
        let simulation = Simulation::new(self.market()?, book)
            .grid(self.simulation.grid().map_err(|error| error.within("simulation"))?)
            .paths(self.simulation.paths)
            .seed(self.simulation.seed);
        // No block is run, but everything is planned.
        simulation.shard(0..0, (Nothing, self.tranches()))?;
        Ok(simulation)
    }

    /// A market knows its factors by name, which does not help where the name is what is wrong.
    fn number_factor(&self, mut error: Error) -> Error {
        let named = |name: &str| self.factors.iter().rposition(|factor| factor.name == name);
        let (field, index) = match &mut error {
            Error::Duplicate { field, name } => (field, named(name)),
            Error::Invalid { field, value, .. } => (field, named(value.trim_matches('"'))),
            _ => return error,
        };
        if let (true, Some(index)) = (field == "factors.name", index) {
            *field = format!("factors[{index}].name");
        }
        error
    }

    /// Adds file and line to an error whose field names what is wrong.
    fn locate(&self, error: Error) -> Error {
        let Some(source) = &self.source else { return error };
        let Some(field) = error.field() else { return error };
        // The book knows obligors, the run knows paths; the file has borrowers and a simulation.
        let path = match field.strip_prefix("obligors") {
            Some(rest) => format!("borrowers{rest}"),
            None if field == "paths" => "simulation.paths".to_owned(),
            None => field.to_owned(),
        };
        document::located(&source.file, &source.text, &error, &path)
    }
}

impl Sampling {
    /// The dates.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless exactly one of `months` and `grid` is given, and is in range.
    pub fn grid(&self) -> Result<TimeGrid, Error> {
        match (self.months, &self.grid) {
            (Some(months), None) => TimeGrid::monthly(months),
            (None, Some(grid)) => Ok(grid.clone()),
            (Some(months), Some(_)) => Err(Error::invalid("months", months, "must not stand beside `grid`; keep one")),
            (None, None) => Err(Error::invalid("months", "none", "must be given, or else `grid`")),
        }
    }
}

fn unwritten(error: toml::ser::Error) -> Error {
    Error::Scenario { file: "scenario".into(), line: 0, message: format!("cannot be written as TOML: {error}") }
}

/// A measure of nothing, to have a run planned.
#[derive(Debug)]
struct Nothing;

impl Measure for Nothing {
    type Partial = ();
    type Output = ();

    fn plan(&self, _plan: &mut MeasurePlan<'_>) -> Result<(), Error> {
        Ok(())
    }
    fn record(&self, _partial: &mut (), _block: &Block<'_>) {}
    fn merge(&self, _into: &mut (), _from: ()) {}
    fn finish(&self, _partial: (), _run: &Run) {}
}
