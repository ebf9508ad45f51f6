//! How do factors that fall together change what a lender loses? The same scenario under rival mechanisms, matched to one another, on the same
//! random numbers.

mod background;
mod cell;
mod comoving;
mod quantity;
mod row;
mod sweep;

use self::cell::{Base, Made};
use self::quantity::{Measures, Quantity, Results};
use crate::engine::{Comparison, Control, Paired};
use crate::measure::{DefaultTable, FairSpread, LossDistribution, Tranches};
use crate::scenario::Scenario;
use crate::{Error, Simulation, sample};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::Path;

pub use comoving::{ComovingFactors, MechanismComovement};
pub use quantity::Unit;
pub use row::{Row, csv};
pub use sweep::{Converging, Explanation, Named, Sweep};

/// A study of correlation convergence on a scenario, checked from end to end: what it holds will run.
///
/// Every cell of the sweep is a [`Simulation`]; cells that come to the same one (a mechanism without a stress correlation, at any) are run once. All share seed
/// and names, so a ratio of two cells has the error of the paired ratio ([`Comparison`]). Two references run beside each leverage: `independent`, and
/// `constant`, the Gaussian drivers matched like all others.
///
/// ```
/// use haircut::scenario::Scenario;
/// use haircut::study::convergence::{Convergence, Sweep};
/// let scenario = Scenario::from_toml("two.toml", r#"
///     title = "A coin and a machine"
///     simulation = { months = 2, paths = 512, seed = 1 }
///     factors = [
///         { name = "coin", model = "gbm", initial = 1, drift = 0, volatility = 0.6 },
///         { name = "machine", model = "gbm", initial = 1, drift = 0, volatility = 0.4 },
///     ]
///     borrowers = [{ name = "A", cash = 1, liquidation = { delay = 0, over = 1 }, facilities = [
///         { name = "loan", lender = "bank", principal = 1, coupon = 0, amortisation = "bullet", maturity = 0.1 },
///     ] }]
/// "#)?;
/// let sweep = Sweep::from_toml("study.toml", r#"
///     title = "Two factors"
///     stress_correlation = [0.5, 0.9]
///     frequency = [0.2]
///     correlation = 0.3
///     sections = 2
///     factors = [{ name = "coin", excess_kurtosis = 0.8 }, { name = "machine", excess_kurtosis = 0.8 }]
///     mechanisms = [{ mechanism = "constant" }, { mechanism = "regimes", mean_years = 0.3 }]
/// "#)?;
/// let study = Convergence::new(scenario, sweep)?;
/// // The two references, and regimes at two correlations.
/// assert_eq!(study.runs(), 4);
/// let rows = study.run()?;
/// // Regimes give prices a little skewness, which is not matched and said to be so.
/// assert!(rows.iter().all(|row| row.unmatched.is_empty() || row.mechanism == "regimes"));
/// # Ok::<(), haircut::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Convergence {
    sweep: Sweep,
    quantities: Vec<Quantity>,
    cells: Vec<Cell>,
    /// Each simulation once, by its name.
    runs: Vec<(String, Simulation)>,
    seed: u64,
    threads: Option<usize>,
}

/// One combination of a sweep.
#[derive(Debug, Clone)]
struct Cell {
    mechanism: String,
    stress_correlation: f64,
    frequency: f64,
    leverage: f64,
    unmatched: String,
    /// Names of its own run and of the references'.
    run: String,
    independent: String,
    constant: String,
}

/// What has been run of a [`Convergence`] so far: it can be written to a file, and read back to go on from there.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finished {
    /// Digest of quantities, sections, paths, seed and this crate's version.
    digest: String,
    numbers: Option<Paired>,
}

/// Simulations that run side by side, so that threads have enough to do while memory stays that of a few.
const SIDE_BY_SIDE: usize = 4;

impl Convergence {
    /// A study of a scenario.
    ///
    /// # Errors
    /// Whatever is wrong with the sweep or the scenario, by its field.
    pub fn new(scenario: Scenario, sweep: Sweep) -> Result<Self, Error> {
        sweep.check()?;
        cell::check_pair(&scenario, sweep.pair.as_ref())?;
        if scenario.borrowers.is_empty() {
            return Err(Error::invalid("borrowers", "[]", "must be one or more").within("scenario"));
        }
        let base = Base::new(scenario, &sweep)?;
        let mut runs: Vec<(String, Simulation)> = Vec::new();
        let mut add = |made: &Made, leverage: f64| {
            let simulation = base.scenario(made, leverage).simulation()?;
            let name = format!("{:032x}", simulation.digest());
            if !runs.iter().any(|(other, _)| *other == name) {
                runs.push((name.clone(), simulation));
            }
            Ok::<_, Error>(name)
        };
        let references = [Explanation::Independent, Explanation::Constant];
        let references = references.map(|reference| base.made(&reference, 0.0, 0.5));
        let [independent, constant] = references;
        let (independent, constant) = (independent?, constant?);
        let mut beside = Vec::new();
        for leverage in &sweep.leverage {
            beside.push((*leverage, add(&independent, *leverage)?, add(&constant, *leverage)?));
        }
        let mut cells = Vec::new();
        for (position, named) in sweep.mechanisms.iter().enumerate() {
            let explanation = &named.explanation;
            let mut last: Option<Made> = None;
            for frequency in &sweep.frequency {
                for stress in &sweep.stress_correlation {
                    let made = match last.take() {
                        Some(made) if !explanation.has_stress() => made,
                        _ => base
                            .made(explanation, *stress, *frequency)
                            .map_err(|error| cell::located(position, error))?,
                    };
                    for (leverage, independent, constant) in &beside {
                        cells.push(Cell {
                            mechanism: named.label().to_owned(),
                            stress_correlation: *stress,
                            frequency: *frequency,
                            leverage: *leverage,
                            unmatched: made.misses().join("; "),
                            run: add(&made, *leverage)?,
                            independent: independent.clone(),
                            constant: constant.clone(),
                        });
                    }
                    last = Some(made);
                }
            }
        }
        let tranches: Vec<String> = sweep.slices().into_iter().map(|tranche| tranche.name).collect();
        let obligors = base.scenario.borrowers.len();
        let quantities = Quantity::all(obligors, sweep.pair.as_ref(), sweep.level, &tranches);
        let seed = base.scenario.simulation.seed;
        let study = Convergence { sweep, quantities, cells, runs, seed, threads: None };
        // What is wrong with tranches or sections is told now.
        study.comparison(0..1).shard(0..0, study.measures(), &[])?;
        Ok(study)
    }

    /// Reads a study and the scenario that it names, relative to its own folder.
    ///
    /// # Errors
    /// [`Error::Scenario`] with file, line and field for whatever is wrong in either file.
    pub fn read(file: impl AsRef<Path>) -> Result<Self, Error> {
        Self::read_with(file, |_| {})
    }

    /// [`Convergence::read`] with something changed in the sweep: the number of paths, say.
    ///
    /// # Errors
    /// As [`Convergence::read`].
    pub fn read_with(file: impl AsRef<Path>, change: impl FnOnce(&mut Sweep)) -> Result<Self, Error> {
        let name = file.as_ref().display().to_string();
        let text = std::fs::read_to_string(&file).map_err(|error| {
            let message = format!("cannot be read: {error}");
            Error::Scenario { file: name.clone(), line: 0, message }
        })?;
        let mut sweep = Sweep::from_toml(&name, &text)?;
        change(&mut sweep);
        let located = |error: Error| match error.field().map(str::to_owned) {
            Some(field) => crate::scenario::located(&name, &text, &error, &field),
            None => error,
        };
        if sweep.scenario.is_empty() {
            let expected = "must be the file of a scenario, relative to the study's";
            return Err(located(Error::invalid("scenario", "none", expected)));
        }
        let folder = file.as_ref().parent().unwrap_or(Path::new(""));
        Self::new(Scenario::read(folder.join(&sweep.scenario))?, sweep).map_err(located)
    }

    /// Uses this many threads instead of the current rayon pool. The results do not depend on it.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// The description.
    #[must_use]
    pub fn sweep(&self) -> &Sweep {
        &self.sweep
    }

    /// Simulations that it takes.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.runs.len()
    }

    /// Paths of each.
    #[must_use]
    pub fn paths(&self) -> u64 {
        // There are the references at least.
        self.runs.first().map_or(0, |(_, run)| run.path_count())
    }

    /// Runs everything.
    ///
    /// # Errors
    /// What a quantity answers that cannot be read. Everything else has been checked.
    pub fn run(&self) -> Result<Vec<Row>, Error> {
        let mut finished = Finished::default();
        while self.advance(&mut finished, &|_| ControlFlow::Continue(()))? {}
        self.rows(&finished)
    }

    /// Runs the next few simulations that have not finished, and says whether any was left. What `control` ends early is not kept.
    ///
    /// In whichever pieces a study is run, its rows are the same to the bit.
    ///
    /// # Errors
    /// [`Error::Merge`] when what has finished is of another study; else as [`Convergence::run`].
    pub fn advance(&self, finished: &mut Finished, control: &Control<'_>) -> Result<bool, Error> {
        self.check(finished)?;
        let done: Vec<&str> = finished.numbers.iter().flat_map(Paired::runs).collect();
        let next = (0..self.runs.len()).filter(|run| !done.contains(&self.runs[*run].0.as_str()));
        let next: Vec<usize> = next.take(SIDE_BY_SIDE).collect();
        if next.is_empty() {
            return Ok(false);
        }
        let readers: Vec<_> =
            self.quantities.iter().map(|quantity| move |results: &Results| quantity.read(results)).collect();
        let quantities: Vec<crate::engine::Quantity<'_, Results>> =
            self.quantities.iter().zip(&readers).map(|(quantity, read)| (quantity.key.as_str(), read as _)).collect();
        let compared = self.comparison(next).run_with(self.measures(), &quantities, control)?.into_numbers();
        if compared.paths() < self.paths() {
            return Ok(true);
        }
        finished.digest = self.digest();
        match &mut finished.numbers {
            None => finished.numbers = Some(compared),
            Some(numbers) => numbers.join(compared)?,
        }
        Ok(true)
    }

    /// The rows of every cell that has finished, with its references.
    ///
    /// # Errors
    /// [`Error::Merge`] when what has finished is of another study.
    pub fn rows(&self, finished: &Finished) -> Result<Vec<Row>, Error> {
        self.check(finished)?;
        let Some(numbers) = &finished.numbers else { return Ok(Vec::new()) };
        let done = |name: &String| numbers.runs().any(|run| run == name);
        let mut rows = Vec::new();
        for cell in
            self.cells.iter().filter(|cell| [&cell.run, &cell.independent, &cell.constant].into_iter().all(done))
        {
            for quantity in &self.quantities {
                let key = quantity.key.as_str();
                rows.push(Row {
                    mechanism: cell.mechanism.clone(),
                    stress_correlation: cell.stress_correlation,
                    frequency: cell.frequency,
                    leverage: cell.leverage,
                    quantity: quantity.name.to_owned(),
                    of: quantity.of.clone(),
                    unit: quantity.unit,
                    value: match quantity.is_sectioned() {
                        true => numbers.sectioned(&cell.run, key)?,
                        false => numbers.value(&cell.run, key)?,
                    },
                    to_independent: numbers.ratio(&cell.run, &cell.independent, key)?,
                    to_constant: numbers.ratio(&cell.run, &cell.constant, key)?,
                    unmatched: cell.unmatched.clone(),
                });
            }
        }
        Ok(rows)
    }

    /// How many simulations have finished.
    ///
    /// # Errors
    /// [`Error::Merge`] when they are of another study.
    pub fn finished(&self, finished: &Finished) -> Result<usize, Error> {
        self.check(finished)?;
        let done: Vec<&str> = finished.numbers.iter().flat_map(Paired::runs).collect();
        Ok(self.runs.iter().filter(|(name, _)| done.contains(&name.as_str())).count())
    }

    /// One simulation of the sweep, to be run alone.
    ///
    /// # Errors
    /// [`Error::Unknown`] when no cell is of that mechanism, stress correlation, frequency and leverage.
    pub fn simulation(
        &self,
        mechanism: &str,
        stress_correlation: f64,
        frequency: f64,
        leverage: f64,
    ) -> Result<&Simulation, Error> {
        let same = |a: f64, b: f64| (a - b).abs() <= 0.0;
        let cell = self.cells.iter().find(|cell| {
            cell.mechanism == mechanism
                && same(cell.stress_correlation, stress_correlation)
                && same(cell.frequency, frequency)
                && same(cell.leverage, leverage)
        });
        let found = cell.and_then(|cell| self.runs.iter().find(|(name, _)| *name == cell.run));
        found.map(|(_, simulation)| simulation).ok_or_else(|| Error::Unknown {
            field: "cell".into(),
            kind: "cell",
            name: format!("{mechanism}, {stress_correlation}, {frequency}, {leverage}"),
            known: "every combination of the sweep's lists".into(),
        })
    }

    fn measures(&self) -> Measures {
        (DefaultTable::new(), LossDistribution::streaming(), Tranches::new(self.sweep.slices()), FairSpread::new())
    }

    fn comparison(&self, runs: impl IntoIterator<Item = usize>) -> Comparison {
        let prepared = |run: usize| {
            let (name, simulation) = self.runs[run].clone();
            (name, self.threads.iter().fold(simulation, |simulation, threads| simulation.threads(*threads)))
        };
        Comparison::of(runs.into_iter().map(prepared)).sections(self.sweep.sections)
    }

    /// Of what numbers must share to stand beside one another. The runs have digests of their own for names.
    fn digest(&self) -> String {
        let mut digest = sample::Digest::new();
        let keys: Vec<&str> = self.quantities.iter().map(|quantity| quantity.key.as_str()).collect();
        // Writing into a digest cannot fail.
        let _ = write!(
            digest,
            "{}|{keys:?}|{:?}|{}|{}|{}|{:?}",
            env!("CARGO_PKG_VERSION"),
            self.sweep.level,
            self.sweep.sections,
            self.paths(),
            self.seed,
            self.measures()
        );
        format!("{:032x}", digest.value())
    }

    fn check(&self, finished: &Finished) -> Result<(), Error> {
        let Some(numbers) = &finished.numbers else { return Ok(()) };
        let (own, other) = (self.digest(), &finished.digest);
        if own != *other {
            return Err(Error::Merge {
                reason: format!("what has finished is of another study: digests {own} and {other}"),
            });
        }
        numbers.check()
    }
}
