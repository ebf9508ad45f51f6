//! A risk factor of one's own, a coin with a square-root diffusion, as collateral of an ordinary borrower.
//!     cargo run --release --example own_factor
#![allow(clippy::print_stdout, reason = "an example shows its results")]

use haircut::credit::{Asset, Book, Borrower, Facility, LiquidationMarket, Treasury};
use haircut::market::{DriverLane, Factor, FactorBlock, FactorPlan, FactorStepper, Market, OwnLane};
use haircut::measure::{DefaultTable, Estimate};
use haircut::numeric::{Lane, PATHS};
use haircut::{Error, Simulation, check};

/// `dS = mu S dt + v sqrt(S_0 S) dW`, by Euler's scheme, absorbed at zero: the lower the price, the wilder its returns.
#[derive(Debug, Clone)]
struct SquareRoot {
    initial: f64,
    drift: f64,
    volatility: f64,
}

/// The description, planned: the lane of its level, which others read, and its Gaussian driver.
struct Stepper(SquareRoot, OwnLane, DriverLane);

impl Factor for SquareRoot {
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error> {
        // Everything is checked here, so that stepping cannot fail.
        check::positive("initial", self.initial)?;
        check::finite("drift", self.drift)?;
        check::not_negative("volatility", self.volatility)?;
        Ok(Box::new(Stepper(self.clone(), plan.level(), plan.driver())))
    }
}

impl FactorStepper for Stepper {
    fn start(&self, block: &mut FactorBlock<'_>) {
        block.own[self.1] = Lane::splat(self.0.initial);
    }

    // Called once for 256 paths. Use `numeric::kernel` for exp and ln: the same bits on every machine.
    fn step(&self, block: &mut FactorBlock<'_>) {
        let Stepper(SquareRoot { initial, drift, volatility }, level, driver) = self;
        let (growth, noise) = (1.0 + drift * block.step.length, volatility * block.step.length.sqrt());
        let (level, normal) = (&mut block.own[*level], &block.drivers[*driver]);
        for path in 0..PATHS {
            level[path] = (growth * level[path] + noise * (initial * level[path]).sqrt() * normal[path]).max(0.0);
        }
    }
}

/// The default probability of a borrower who owes 25 million in two years and has a thousand coins of 50,000.
fn default_probability(volatility: f64) -> Result<Estimate, Error> {
    let market = Market::builder().factor("coin", SquareRoot { initial: 50_000.0, drift: 0.02, volatility }).build()?;
    let loan = Facility::bullet("loan", "bank", 25e6, 0.08, 2.0);
    let mut borrower = Borrower::new("Treasury");
    borrower.treasury.push(Treasury { asset: "coin".into(), units: 1_000.0 });
    borrower.facilities.push(loan);
    let coins = LiquidationMarket { assets: vec![Asset::liquid("coin", "coin")], ..LiquidationMarket::default() };
    let book = Book::new([borrower]).liquidation(coins);
    Ok(Simulation::new(market, book).months(24).paths(50_000).run(DefaultTable::new())?["Treasury"].probability)
}

fn main() -> Result<(), Error> {
    let (calm, wild) = (default_probability(0.3)?, default_probability(0.6)?);
    println!("default probability {calm:.4} at a volatility of 30 %, {wild:.4} at 60 %");
    assert!(default_probability(0.0)?.value == 0.0 && calm.upper < wild.lower && wild.upper < 0.6);
    let refused = default_probability(-1.0).map(|estimate| estimate.value);
    assert_eq!(refused, Err(Error::invalid("factors.coin.volatility", -1, "must be zero or above")));
    Ok(())
}
