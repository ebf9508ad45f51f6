//! An obligor of one's own: Merton's firm (1974), which defaults at the horizon if its assets do not cover its debt.
//!
//!     cargo run --release --example own_obligor
#![allow(clippy::print_stdout, reason = "an example shows its results")]

use haircut::credit::{Book, Cause, FacilityLane, Obligor, ObligorBlock, ObligorPlan, ObligorStepper};
use haircut::market::{Gbm, Market, ReadLane};
use haircut::measure::DefaultTable;
use haircut::numeric::PATHS;
use haircut::numeric::kernel::{ln, normal_cdf};
use haircut::{Error, Simulation, check};

/// Assets that follow a factor, and a zero-coupon debt due on the last date.
#[derive(Debug, Clone)]
struct Firm {
    assets: String,
    debt: f64,
}

struct Stepper {
    assets: ReadLane,
    debt: f64,
    facility: FacilityLane,
    last: usize,
}

impl Obligor for Firm {
    fn name(&self) -> &str {
        "firm"
    }
    fn plan(&self, plan: &mut ObligorPlan<'_>) -> Result<Box<dyn ObligorStepper>, Error> {
        check::positive("debt", self.debt)?;
        let assets = plan.read("assets", &self.assets)?;
        let facility = plan.facility("bond", "holders", self.debt)?;
        Ok(Box::new(Stepper { assets, debt: self.debt, facility, last: plan.grid().steps() }))
    }
}

impl ObligorStepper for Stepper {
    fn start(&self, _block: &mut ObligorBlock<'_>) {} // no state; the outcome has been cleared

    fn step(&self, block: &mut ObligorBlock<'_>) {
        if block.step.index < self.last {
            return;
        }
        let (assets, discount, outcome) = (block.read.lane(self.assets), block.discount, &mut block.outcome);
        for path in 0..PATHS {
            if assets[path] < self.debt {
                outcome.default_step[path] = block.step.index as f64;
                outcome.cause[path] = Cause::Maturity;
                outcome.discount[path] = discount[path];
                outcome.exposure[self.facility.index()][path] = self.debt;
                outcome.loss[self.facility.index()][path] = discount[path] * (self.debt - assets[path]);
            }
        }
    }
}

fn main() -> Result<(), Error> {
    let (value, debt, drift, volatility, years) = (100.0, 80.0, 0.03, 0.25, 2.0_f64);
    let market = Market::builder().factor("assets", Gbm { initial: value, drift, volatility }).build()?;
    let book = Book::new([Firm { assets: "assets".into(), debt }]);
    let defaults = Simulation::new(market, book).months(24).paths(400_000).seed(1).run(DefaultTable::new())?;
    let estimate = defaults["firm"].probability;
    let distance = (ln(value / debt) + (drift - 0.5 * volatility * volatility) * years) / (volatility * years.sqrt());
    let exact = normal_cdf(-distance); // P(V_T < debt)
    println!("default probability {estimate:.5}, in closed form {exact:.5}");
    assert!((estimate.value - exact).abs() < 5.0 * (exact * (1.0 - exact) / 400_000.0).sqrt());
    Ok(())
}
