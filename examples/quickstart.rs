//! One borrower in one market: how likely is a default, and what is lost?
//!
//!     cargo run --release --example quickstart
#![allow(clippy::print_stdout, reason = "an example shows its results")]

use haircut::credit::{Amortisation, Asset, Book, Borrower, Contract, Disposal, Distribution, Facility};
use haircut::credit::{Feedback, Fleet, LiquidationMarket};
use haircut::market::{Constant, Gbm, Market};
use haircut::measure::{DefaultTable, LossDistribution};
use haircut::{Error, Simulation};

fn main() -> Result<(), Error> {
    // What moves: the rent of a GPU, and the price at which it can be sold.
    let market = Market::builder()
        .factor("rent", Gbm { initial: 2.40, drift: -0.15, volatility: 0.35 }) // USD per GPU-hour
        .factor("resale", Gbm { initial: 21_500.0, drift: -0.25, volatility: 0.30 }) // USD per GPU
        .dependence(Constant::pairs([("rent", "resale", 0.6)]))
        .build()?;

    // Who owes: ten thousand GPUs, half of them let for a year, a loan of 150 million over three years.
    let mut borrower = Borrower::new("Neo-cloud");
    borrower.cash = 10e6;
    borrower.grace = 0.25; // years
    borrower.distribution = Some(Distribution { share: 1.0, floor: 10e6 });
    borrower.liquidation = Disposal { delay: 0.25, over: 0.5 };
    borrower.fleets.push(Fleet {
        name: "H100".into(),
        asset: "h100".into(),
        units: 10_000.0,
        capex_usd_per_unit: 36_000.0,
        power_kw_per_unit: 1.4,
        pue: 1.25,
        power_usd_per_kwh: 0.06.into(),
        opex_usd_per_unit_hour: 0.30,
        rent: "rent".into(),
        rent_share: 1.0,
        utilisation: 0.80.into(),
        contracts: vec![Contract { collected: 0.95, ..Contract::new(0.5, 2.20, 1.0) }],
        delivery: None,
    });
    borrower.facilities.push(Facility {
        amortisation: Amortisation::Straight { every: 0.25, instalment: None },
        ..Facility::bullet("loan", "bank", 150e6, 0.11, 3.0)
    });

    // Who buys its GPUs after a default: 2,000 a month, at a concession of 35 %.
    let h100 = Asset { depth_per_month: 2_000.0, impact: 0.43, ..Asset::liquid("h100", "resale") };
    let book = Book::new([borrower]).liquidation(LiquidationMarket { assets: vec![h100], feedback: Feedback::On });

    let simulation = Simulation::new(market, book).months(36).paths(100_000).seed(7);
    let (defaults, losses) = simulation.run((DefaultTable::new(), LossDistribution::new()))?;
    let probability = defaults["Neo-cloud"].probability;
    let shortfall = losses.expected_shortfall(0.99)?;
    println!(
        "default probability {probability:.4}, expected loss {:.0} USD, ES 99 % {shortfall:.0} USD",
        losses.mean()
    );

    assert!(probability.lower > 0.02 && probability.upper < 0.60);
    assert!(shortfall.value > losses.quantile(0.99)?.value && shortfall.value < 150e6);
    Ok(())
}
