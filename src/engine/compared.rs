//! Runs beside one another: values, differences, ratios, with paired errors.

use super::paired::Paired;
use crate::Error;
use crate::measure::Estimate;

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
    outputs: Vec<O>,
    numbers: Paired,
}

impl<O> Compared<O> {
    pub(super) fn new(outputs: Vec<O>, numbers: Paired) -> Self {
        Compared { outputs, numbers }
    }

    /// Names of the runs, in their order.
    pub fn runs(&self) -> impl Iterator<Item = &str> {
        self.numbers.runs()
    }

    /// Names of the quantities, in their order.
    pub fn quantities(&self) -> impl Iterator<Item = &str> {
        self.numbers.quantities()
    }

    /// The measure's result of one run, over all paths: what the run alone would give.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is no run of that name.
    pub fn output(&self, run: &str) -> Result<&O, Error> {
        Ok(&self.outputs[self.numbers.run(run)?])
    }

    /// A quantity of one run, with its own error.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is no run or quantity of that name.
    pub fn value(&self, run: &str, quantity: &str) -> Result<Estimate, Error> {
        self.numbers.value(run, quantity)
    }

    /// A quantity of one run less that of another, with the paired error.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is no run or quantity of that name.
    pub fn difference(&self, run: &str, less: &str, quantity: &str) -> Result<Estimate, Error> {
        self.numbers.difference(run, less, quantity)
    }

    /// A quantity of one run over that of another, with the paired error: an amplification, say. [Undefined](Estimate::is_defined) where the other is zero.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is no run or quantity of that name.
    pub fn ratio(&self, run: &str, over: &str, quantity: &str) -> Result<Estimate, Error> {
        self.numbers.ratio(run, over, quantity)
    }

    /// The numbers alone, to be kept, written to a file, or joined with those of runs at another time.
    #[must_use]
    pub fn into_numbers(self) -> Paired {
        self.numbers
    }
}

pub(super) fn unknown(kind: &'static str, name: &str, known: &mut dyn Iterator<Item = &str>) -> Error {
    let known = known.collect::<Vec<_>>().join(", ");
    Error::Unknown { field: kind.into(), kind, name: name.to_owned(), known }
}
