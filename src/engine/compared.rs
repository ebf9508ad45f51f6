//! Runs beside one another: values, differences, ratios, with paired errors.

use crate::Error;
use crate::measure::{Confidence, Estimate};

/// What a section of the paths gave: the quantities, run by run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Section {
    pub(super) index: usize,
    pub(super) paths: u64,
    pub(super) values: Vec<Vec<f64>>,
}

/// The result of a [`Comparison`](super::Comparison): each run's own result, and differences and ratios of the quantities with their paired errors.
#[derive(Debug, Clone, PartialEq)]
pub struct Compared<O> {
    quantities: Vec<String>,
    runs: Vec<(String, O, Vec<Estimate>)>,
    sections: Vec<Section>,
    confidence: Confidence,
}

impl<O> Compared<O> {
    pub(super) fn new(
        quantities: Vec<String>,
        runs: Vec<(String, O, Vec<Estimate>)>,
        sections: Vec<Section>,
        confidence: Confidence,
    ) -> Self {
        Compared { quantities, runs, sections, confidence }
    }

    /// Names of the runs, in their order.
    pub fn runs(&self) -> impl Iterator<Item = &str> {
        self.runs.iter().map(|(name, ..)| name.as_str())
    }

    /// Names of the quantities, in their order.
    pub fn quantities(&self) -> impl Iterator<Item = &str> {
        self.quantities.iter().map(String::as_str)
    }

    /// The measure's result of one run, over all paths: what the run alone would give.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is no run of that name.
    pub fn output(&self, run: &str) -> Result<&O, Error> {
        Ok(&self.runs[self.run(run)?].1)
    }

    /// A quantity of one run, with its own error.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is no run or quantity of that name.
    pub fn value(&self, run: &str, quantity: &str) -> Result<Estimate, Error> {
        Ok(self.runs[self.run(run)?].2[self.quantity(quantity)?])
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
        let (first, second, quantity) = (self.run(first)?, self.run(second)?, self.quantity(quantity)?);
        let whole = [first, second].map(|run| self.runs[run].2[quantity].value);
        let paths: u64 = self.sections.iter().map(|section| section.paths).sum();
        let value = value(whole);
        if value.is_nan() {
            return Ok(Estimate::undefined(paths, self.confidence));
        }
        let count = self.sections.len() as f64;
        let mut sum = 0.0;
        for part in &self.sections {
            let away = section(whole, [first, second].map(|run| part.values[run][quantity])) - value;
            let share = part.paths as f64 / paths as f64;
            sum += share * share * away * away;
        }
        let error = (count / (count - 1.0) * sum).sqrt();
        // One section, or a section in which the quantity does not exist, tells nothing of the spread.
        let error = if count > 1.0 && error.is_finite() { error } else { f64::INFINITY };
        Ok(Estimate::with_freedom(value, error, count - 1.0, paths, self.confidence))
    }

    fn run(&self, name: &str) -> Result<usize, Error> {
        let position = self.runs.iter().position(|(run, ..)| run == name);
        position.ok_or_else(|| unknown("run", name, &mut self.runs()))
    }

    fn quantity(&self, name: &str) -> Result<usize, Error> {
        let position = self.quantities.iter().position(|quantity| quantity == name);
        position.ok_or_else(|| unknown("quantity", name, &mut self.quantities()))
    }
}

fn unknown(kind: &'static str, name: &str, known: &mut dyn Iterator<Item = &str>) -> Error {
    let known = known.collect::<Vec<_>>().join(", ");
    Error::Unknown { field: kind.into(), kind, name: name.to_owned(), known }
}
