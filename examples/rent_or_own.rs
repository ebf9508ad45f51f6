//! One demand served in two ways: by machines that are rented, and by machines that are owned and financed. The difference is what it is worth to be
//! able to shrink.
//!
//!     cargo run --release --example rent_or_own
#![allow(clippy::print_stdout, reason = "an example shows its results")]

use haircut::credit::{Amortisation, Asset, Book, Borrower, Disposal, Facility, Fleet, Hired, LiquidationMarket};
use haircut::engine::Comparison;
use haircut::market::{Constant, Gbm, Market, Utilisation};
use haircut::measure::{Block, Confidence, Estimate, ExactSum, Measure, MeasurePlan, MetricLane, Run, StepBlock};
use haircut::numeric::Lane;
use haircut::{Error, Simulation};

/// What the owners of the company have at the horizon: its cash, or what a liquidation left them. Machines of five years count for nothing.
#[derive(Debug, Clone)]
struct OwnersWealth;

#[derive(Clone)]
struct Partial {
    lanes: [MetricLane; 2],
    wealth: Box<Lane>,
    residual: Box<Lane>,
    sums: [ExactSum; 2],
    worse: ExactSum,
}

impl Measure for OwnersWealth {
    type Partial = Partial;
    /// The mean, and the probability that it is below half of what was put in.
    type Output = [Estimate; 2];

    fn plan(&self, plan: &mut MeasurePlan<'_>) -> Result<Partial, Error> {
        plan.observe_steps();
        let lanes = [plan.metric("company", "cash")?, plan.metric("company", "residual_to_owners")?];
        Ok(Partial {
            lanes,
            wealth: Box::default(),
            residual: Box::default(),
            sums: Default::default(),
            worse: ExactSum::default(),
        })
    }

    fn observe(&self, partial: &mut Partial, block: &StepBlock<'_>) {
        if block.step().index == 0 {
            partial.residual.fill(0.0);
        }
        let paid = block.metric(partial.lanes[1]);
        partial.residual.iter_mut().zip(paid).for_each(|(residual, paid)| *residual += paid);
        let cash = block.metric(partial.lanes[0]).iter().zip(partial.residual.iter());
        partial.wealth.iter_mut().zip(cash).for_each(|(wealth, (cash, residual))| *wealth = cash + residual);
    }

    fn record(&self, partial: &mut Partial, block: &Block<'_>) {
        for (wealth, weight) in partial.wealth.iter().zip(block.weights()) {
            partial.sums[0].add(weight * wealth);
            partial.sums[1].add((weight * wealth) * (weight * wealth));
            partial.worse.add(if *wealth < 0.5 * EQUITY { *weight } else { 0.0 });
        }
    }

    fn merge(&self, into: &mut Partial, from: Partial) {
        into.sums.iter_mut().zip(&from.sums).for_each(|(into, from)| into.merge(from));
        into.worse.merge(&from.worse);
    }

    fn finish(&self, partial: Partial, run: &Run) -> [Estimate; 2] {
        let [sum, squares] = partial.sums.map(|sum| sum.value());
        let worse = partial.worse.value();
        [
            Estimate::mean(run.paths, sum, squares, Confidence::default()),
            Estimate::mean(run.paths, worse, worse, Confidence::default()),
        ]
    }
}

const UNITS: f64 = 10_000.0;
const CAPEX: f64 = 36_000.0 * UNITS;
/// What the owners put in: three tenths of the machines, or cash.
const EQUITY: f64 = 0.3 * CAPEX;

fn simulation(company: Borrower) -> Result<Simulation, Error> {
    let demand = Utilisation { initial: 0.85, usual: 0.75, reversion: 0.8, volatility: 1.2, demand: None };
    let market = Market::builder()
        .factor("rent", Gbm { initial: 2.40, drift: -0.15, volatility: 0.35 }) // USD per GPU-hour
        .factor("price", Gbm { initial: 3.20, drift: -0.15, volatility: 0.30 }) // what customers pay for the tokens of an hour
        .factor("demand", demand)
        .factor("resale", Gbm { initial: 30_000.0, drift: -0.30, volatility: 0.30 })
        .dependence(Constant::pairs([("rent", "price", 0.7), ("demand", "price", 0.4), ("rent", "resale", 0.6)]))
        .build()?;
    let h100 = Asset { depth_per_month: 2_000.0, impact: 0.43, ..Asset::liquid("h100", "resale") };
    let book =
        Book::new([company]).liquidation(LiquidationMarket { assets: vec![h100], ..LiquidationMarket::default() });
    Ok(Simulation::new(market, book).months(60).paths(1 << 16).seed(15))
}

fn main() -> Result<(), Error> {
    let owner = Borrower {
        cash: 15e6,
        fleets: vec![Fleet {
            name: "H100".into(),
            asset: "h100".into(),
            units: UNITS,
            capex_usd_per_unit: 36_000.0,
            power_kw_per_unit: 1.4,
            pue: 1.25,
            power_usd_per_kwh: 0.06.into(),
            opex_usd_per_unit_hour: 0.30,
            rent: "price".into(),
            rent_share: 1.0,
            utilisation: "demand".into(),
            contracts: vec![],
            delivery: None,
        }],
        facilities: vec![Facility {
            amortisation: Amortisation::Level { every: 0.25, profile_rate: None },
            ..Facility::bullet("loan", "bank", 0.7 * CAPEX + 15e6, 0.11, 5.0)
        }],
        grace: 0.25,
        liquidation: Disposal { delay: 0.25, over: 0.5 },
        ..Borrower::new("company")
    };
    let renter = |committed| Borrower {
        cash: EQUITY,
        hired: vec![Hired { committed, ..Hired::new("cloud", UNITS, "price", "demand", "rent") }],
        ..Borrower::new("company")
    };
    let runs = [("own", simulation(owner)?), ("rent", simulation(renter(0.0))?), ("half", simulation(renter(0.5))?)];
    let mean = |wealth: &[Estimate; 2]| Ok(wealth[0].scaled(1e-6));
    let worse = |wealth: &[Estimate; 2]| Ok(wealth[1].scaled(100.0));
    let compared = Comparison::of(runs).run(OwnersWealth, &[("mean", &mean), ("worse", &worse)])?;
    println!(
        "owners put in {:.0} million; at the horizon they have, and on so many paths less than half of it",
        EQUITY / 1e6
    );
    for run in ["own", "rent", "half"] {
        println!("{run:5} {:.1} million, {:.2} %", compared.value(run, "mean")?, compared.value(run, "worse")?);
    }
    for run in ["rent", "half"] {
        let (mean, worse) = (compared.difference(run, "own", "mean")?, compared.difference(run, "own", "worse")?);
        println!("{run:5} less own {mean:.1} million, {worse:.2} points");
        assert!(
            mean.standard_error
                < compared.value("own", "mean")?.standard_error.hypot(compared.value(run, "mean")?.standard_error)
        );
    }
    Ok(())
}
