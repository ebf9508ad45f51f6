//! Vasicek's large pool: given the common normal, the share of defaults is certain.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should say where")]

use haircut::credit::{Book, Obligor, ObligorBlock, ObligorPlan, ObligorStepper};
use haircut::market::Market;
use haircut::numeric::{Lane, TimeGrid, kernel};
use haircut::{Error, Simulation};

/// Loses `lgd P(default | Z)` of 1 in one step.
#[derive(Debug, Clone, Copy)]
pub struct LargePool {
    pub pd: f64,
    pub correlation: f64,
    pub lgd: f64,
}

impl Obligor for LargePool {
    fn name(&self) -> &str {
        "pool"
    }
    fn plan(&self, plan: &mut ObligorPlan<'_>) -> Result<Box<dyn ObligorStepper>, Error> {
        plan.facility("loans", "bank", 1.0)?;
        Ok(Box::new(*self))
    }
}

impl ObligorStepper for LargePool {
    fn start(&self, _block: &mut ObligorBlock<'_>) {}
    fn step(&self, block: &mut ObligorBlock<'_>) {
        let mut common = Lane::ZERO;
        block.stream.normals(&mut common);
        let threshold = kernel::normal_quantile(self.pd);
        for (loss, common) in block.outcome.loss[0].iter_mut().zip(common.iter()) {
            let given = (threshold - self.correlation.sqrt() * common) / (1.0 - self.correlation).sqrt();
            *loss = self.lgd * kernel::normal_cdf(given);
        }
    }
}

impl LargePool {
    /// A year of it alone.
    pub fn year(self) -> Simulation {
        let grid = TimeGrid::new([1.0]).unwrap();
        Simulation::new(Market::builder().build().unwrap(), Book::default().obligor(self)).grid(grid)
    }
}
