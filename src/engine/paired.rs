//! The numbers of runs that share their random numbers, section by section: what a paired error needs, and all that it needs.

use super::compared::unknown;
use crate::Error;
use crate::measure::{Confidence, Estimate};
use serde::{Deserialize, Serialize};

/// Quantities of several runs on common random numbers, over all paths and over each section of them: values, differences and ratios with
/// their paired errors, small enough to be written to a file.
///
/// What was run at different times can be [joined](Paired::join): each run then stands beside every other as if all had been run together.
/// [`Comparison`](super::Comparison) has the formulae.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Paired {
    quantities: Vec<String>,
    confidence: Confidence,
    seed: u64,
    /// Each section's number and its paths.
    sections: Vec<(usize, u64)>,
    runs: Vec<PairedRun>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PairedRun {
    pub(super) name: String,
    /// By section, then by quantity.
    pub(super) sections: Vec<Vec<f64>>,
    pub(super) estimates: Vec<Estimate>,
}

impl Paired {
    pub(super) fn new(
        quantities: Vec<String>,
        confidence: Confidence,
        seed: u64,
        sections: Vec<(usize, u64)>,
        runs: Vec<PairedRun>,
    ) -> Self {
        Paired { quantities, confidence, seed, sections, runs }
    }

    /// Names of the runs, in their order.
    pub fn runs(&self) -> impl Iterator<Item = &str> {
        self.runs.iter().map(|run| run.name.as_str())
    }

    /// Names of the quantities, in their order.
    pub fn quantities(&self) -> impl Iterator<Item = &str> {
        self.quantities.iter().map(String::as_str)
    }

    /// Paths behind each number.
    #[must_use]
    pub fn paths(&self) -> u64 {
        self.sections.iter().map(|(_, paths)| paths).sum()
    }

    /// Adds runs of the same quantities over the same sections.
    ///
    /// # Errors
    /// [`Error::Merge`] when quantities, seed, sections or confidence differ, or a run is in both.
    pub fn join(&mut self, other: Paired) -> Result<(), Error> {
        let merge = |reason: String| Err(Error::Merge { reason });
        if self.quantities != other.quantities || self.confidence != other.confidence {
            return merge("the runs are of different quantities".into());
        }
        if self.seed != other.seed || self.sections != other.sections {
            return merge("the runs have other seeds or sections, so they do not share their random numbers".into());
        }
        if let Some(both) = other.runs().find(|name| self.run(name).is_ok()) {
            return merge(format!("both have the run \"{both}\""));
        }
        self.runs.extend(other.runs);
        Ok(())
    }

    /// A quantity of one run, with its own error.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is no run or quantity of that name.
    pub fn value(&self, run: &str, quantity: &str) -> Result<Estimate, Error> {
        Ok(self.runs[self.run(run)?].estimates[self.quantity(quantity)?])
    }

    /// A quantity of one run, with the error by sections: for what has no error of its own.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is no run or quantity of that name.
    pub fn sectioned(&self, run: &str, quantity: &str) -> Result<Estimate, Error> {
        self.combine([run, run], quantity, |[y, _]| y, |_, [y, _]| y)
    }

    /// A quantity of one run less that of another, with the paired error.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is no run or quantity of that name.
    pub fn difference(&self, run: &str, less: &str, quantity: &str) -> Result<Estimate, Error> {
        self.combine([run, less], quantity, |[y, x]| y - x, |_, [y, x]| y - x)
    }

    /// A quantity of one run over that of another, with the paired error: an amplification, say. [Undefined](Estimate::is_defined) where the other is zero.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is no run or quantity of that name.
    pub fn ratio(&self, run: &str, over: &str, quantity: &str) -> Result<Estimate, Error> {
        // The residual of the delta method, y - R x over x, added to R: its distance from R is what counts.
        self.combine(
            [run, over],
            quantity,
            |[y, x]| if x == 0.0 { f64::NAN } else { y / x },
            |[y, x], [of_section, over_section]| y / x + (of_section - y / x * over_section) / x,
        )
    }

    /// `value` of the whole, and how far `section` lies from it over the sections.
    fn combine(
        &self,
        [first, second]: [&str; 2],
        quantity: &str,
        value: impl Fn([f64; 2]) -> f64,
        section: impl Fn([f64; 2], [f64; 2]) -> f64,
    ) -> Result<Estimate, Error> {
        let runs = [&self.runs[self.run(first)?], &self.runs[self.run(second)?]];
        let quantity = self.quantity(quantity)?;
        let whole = runs.map(|run| run.estimates[quantity].value);
        let paths = self.paths();
        let value = value(whole);
        if value.is_nan() {
            return Ok(Estimate::undefined(paths, self.confidence));
        }
        let count = self.sections.len() as f64;
        let mut sum = 0.0;
        for (position, (_, of_section)) in self.sections.iter().enumerate() {
            let away = section(whole, runs.map(|run| run.sections[position][quantity])) - value;
            let share = *of_section as f64 / paths as f64;
            sum += share * share * away * away;
        }
        let error = (count / (count - 1.0) * sum).sqrt();
        // One section, or a section in which the quantity does not exist, tells nothing of the spread.
        let error = if count > 1.0 && error.is_finite() { error } else { f64::INFINITY };
        Ok(Estimate::with_freedom(value, error, count - 1.0, paths, self.confidence))
    }

    pub(super) fn run(&self, name: &str) -> Result<usize, Error> {
        let position = self.runs().position(|run| run == name);
        position.ok_or_else(|| unknown("run", name, &mut self.runs()))
    }

    fn quantity(&self, name: &str) -> Result<usize, Error> {
        let position = self.quantities.iter().position(|quantity| quantity == name);
        position.ok_or_else(|| unknown("quantity", name, &mut self.quantities()))
    }

    /// Whether every run has a number for each quantity and section: what was read from a file may not.
    ///
    /// # Errors
    /// [`Error::Merge`] when something is missing.
    pub fn check(&self) -> Result<(), Error> {
        let whole = |values: &Vec<f64>| values.len() == self.quantities.len();
        let complete = |run: &PairedRun| {
            run.estimates.len() == self.quantities.len()
                && run.sections.len() == self.sections.len()
                && run.sections.iter().all(whole)
        };
        match self.runs.iter().find(|run| !complete(run)) {
            None => Ok(()),
            Some(run) => Err(Error::Merge { reason: format!("numbers of the run \"{}\" are missing", run.name) }),
        }
    }
}
