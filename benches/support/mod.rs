//! What benches share: a measure that looks at nothing, and the choice of an instruction set.
#![allow(dead_code, unreachable_pub, reason = "each bench uses a part of it")]

use haircut::Error;
use haircut::measure::{Block, Measure, MeasurePlan, Run};
use haircut::numeric::Level;

/// Counts paths.
#[derive(Debug)]
pub struct Count;

impl Measure for Count {
    type Partial = u64;
    type Output = u64;

    fn plan(&self, _plan: &mut MeasurePlan<'_>) -> Result<u64, Error> {
        Ok(0)
    }
    fn record(&self, partial: &mut u64, block: &Block<'_>) {
        *partial += block.paths() as u64;
    }
    fn merge(&self, into: &mut u64, from: u64) {
        *into += from;
    }
    fn finish(&self, partial: u64, _run: &Run) -> u64 {
        partial
    }
}

/// Goes to the instruction set that `LEVEL` in the environment names, if it does.
pub fn lower_level() {
    if let Ok(name) = std::env::var("LEVEL") {
        let level = Level::available().into_iter().find(|level| format!("{level:?}") == name);
        level.and_then(|level| level.set().ok()).expect("a level of this machine");
    }
}
