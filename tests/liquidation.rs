//! The market for collateral: how a price falls with what is sold, who pays for it, what remembers it. A test that only
//! saw prices fall would miss a pace taken per step instead of per month, or a seller who pays for another's sale twice.
#![allow(clippy::float_cmp, reason = "exact degenerate cases are compared exactly")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should say where")]

mod ledger;

use haircut::credit::{Amortisation, Asset, Book, Borrower, Disposal, Feedback, LiquidationMarket};
use haircut::numeric::TimeGrid;
use haircut::{Error, Simulation};
use ledger::{Ledger, Record, assert_rounding, cash_cow, facility, follow, liquid, script, scripted, trading};

/// Defaults on the first date and sells its units over some years.
fn seller(name: &str, units: f64, over: f64) -> Borrower {
    Borrower {
        fleets: vec![cash_cow("gpu", units, 0.0, 1.0)],
        facilities: vec![facility("loan", 1e9, 0.12, Amortisation::Bullet, 50.0)],
        liquidation: Disposal { delay: 0.0, over },
        ..Borrower::new(name)
    }
}

fn gpu() -> Asset {
    Asset { depth_per_month: 100.0, impact: 0.3, ..liquid("gpu", "price") }
}

fn sell(asset: Asset, borrower: Borrower, steps: usize, per_year: u32) -> Record {
    follow(scripted([("price", script([10.0]))]), trading([asset]), borrower, steps, per_year)
}

fn proceeds(record: &Record) -> f64 {
    record.row("proceeds", 0).iter().sum()
}

/// The concession depends on units a month, not on how fine the grid is: 600 units over half a year are one month's depth a
/// month, on any grid, and cost exp(-0.3).
#[test]
fn the_price_depends_on_the_pace_and_not_on_the_grid() {
    for per_year in [12, 24, 52, 365] {
        let record = sell(gpu(), seller("a", 600.0, 0.5), per_year as usize, per_year);
        // Half a year of weeks or days is 26 or 182.5 steps: the last sale may be smaller than the others.
        let expected = 6000.0 * (-0.3_f64).exp();
        let slack = 6000.0 * 0.3 / f64::from(per_year);
        assert!((proceeds(&record) - expected).abs() <= slack, "{per_year}: {} {expected}", proceeds(&record));
    }
    assert_rounding(proceeds(&sell(gpu(), seller("a", 600.0, 0.5), 12, 12)), 6000.0 * (-0.3_f64).exp());
}

/// More sold at once, lower price, never below scrap; deeper, higher price, and the mark itself in the limit.
#[test]
fn the_price_falls_with_quantity_and_rises_with_depth() {
    let price = |asset: Asset, units: f64| proceeds(&sell(asset, seller("a", units, 0.0), 1, 12)) / units;
    let mut last = 10.0;
    for units in [1.0, 10.0, 100.0, 500.0, 1000.0] {
        let now = price(gpu(), units);
        assert_rounding(now, 10.0 * (-0.3 * units / 100.0).exp());
        assert!(now < last);
        last = now;
    }
    let floored = Asset { scrap: 2.0, moving_cost: 0.1, ..gpu() };
    assert_rounding(price(floored.clone(), 100.0), 9.0 * (-0.3_f64).exp());
    assert_rounding(price(floored, 1e5), 2.0);
    let mut last = 0.0;
    for depth_per_month in [10.0, 100.0, 1000.0, 1e6] {
        let now = price(Asset { depth_per_month, ..gpu() }, 50.0);
        assert!(now > last);
        last = now;
    }
    assert_eq!(price(Asset { depth_per_month: f64::INFINITY, ..gpu() }, 50.0), 10.0);
}

/// Everyone who sells in a step gets the price of what all of them sell.
#[test]
fn sellers_of_a_step_share_one_price() {
    let book = Book::new([seller("a", 30.0, 0.0), seller("b", 70.0, 0.0)]).liquidation(trading([gpu()]));
    let simulation = Simulation::new(scripted([("price", script([10.0]))]), book).months(1).paths(1);
    let (a, b) = simulation.run((Ledger("a".into()), Ledger("b".into()))).unwrap();
    assert_rounding(proceeds(&a), 300.0 * (-0.3_f64).exp());
    assert_rounding(proceeds(&b), 700.0 * (-0.3_f64).exp());
    // In the order of the book or in the other one.
    let book = Book::new([seller("b", 70.0, 0.0), seller("a", 30.0, 0.0)]).liquidation(trading([gpu()]));
    let simulation = Simulation::new(scripted([("price", script([10.0]))]), book).months(1).paths(1);
    assert_eq!(simulation.run(Ledger("a".into())).unwrap(), a);
}

/// Persistent impact adds up over the months of a sale and halves with its half-life; without feedback there is none.
#[test]
fn a_long_sale_depresses_its_own_marks() {
    let sticky = Asset { persistence: 0.5, recovery_half_life: 1.0 / 12.0, ..gpu() };
    let record = sell(sticky.clone(), seller("a", 300.0, 0.25), 4, 12);
    // 100 a month: x = 1. Depression (0 + 0.15) / 2 = 0.075, (0.075 + 0.15) / 2 = 0.1125.
    for (step, depression) in [(1, 0.0), (2, 0.075), (3, 0.1125)] {
        assert_rounding(record.at("proceeds", step, 0), 1000.0 * (-0.3_f64 - depression).exp());
    }
    let trade = LiquidationMarket { assets: vec![sticky], feedback: Feedback::Off };
    let record = follow(scripted([("price", script([10.0]))]), trade, seller("a", 300.0, 0.25), 4, 12);
    assert_eq!(record.row("proceeds", 0)[..3], [record.at("proceeds", 1, 0); 3]);
}

/// LTV on marks beside LTV on what can be executed: the collateral illusion, by hand.
#[test]
fn marks_flatter() {
    let borrower = Borrower { cash: 1e9, ..seller("a", 300.0, 0.25) };
    let record = sell(Asset { moving_cost: 0.2, ..gpu() }, borrower, 2, 12);
    for step in 0..=2 {
        assert_rounding(record.at("ltv_mark", step, 0), 1e9 / 3000.0);
        assert_rounding(record.at("ltv_executable", step, 0), 1e9 / (3000.0 * 0.8 * (-0.3_f64).exp()));
    }
}

#[test]
fn every_bad_asset_is_refused_by_its_field() {
    type Spoil = fn(&mut Asset);
    let spoils: [(&str, Spoil); 14] = [
        ("name", |a| a.name.clear()),
        ("price", |a| a.price = "no_such_series".into()),
        ("depth_per_month", |a| a.depth_per_month = 0.0),
        ("depth_per_month", |a| a.depth_per_month = f64::NAN),
        ("depth_per_month", |a| a.depth_per_month = f64::MIN_POSITIVE),
        ("impact", |a| a.impact = -0.1),
        ("impact", |a| a.impact = f64::INFINITY),
        ("impact", |a| a.impact = f64::MAX),
        ("moving_cost", |a| a.moving_cost = 1.0),
        ("moving_cost", |a| a.moving_cost = f64::NAN),
        ("scrap", |a| a.scrap = -1.0),
        ("persistence", |a| a.persistence = 1.5),
        ("recovery_half_life", |a| a.recovery_half_life = 0.0),
        ("recovery_half_life", |a| a.recovery_half_life = f64::NAN),
    ];
    let run = |trade: LiquidationMarket| -> Result<(), Error> {
        let book = Book::default().liquidation(trade);
        let simulation = Simulation::new(scripted([("price", script([1.0]))]), book).paths(1);
        simulation.grid(TimeGrid::monthly(1)?).run(haircut::measure::PathLosses).map(|_| ())
    };
    run(trading([gpu()])).unwrap();
    for (field, spoil) in spoils {
        let mut bad = Asset { name: "bad".into(), ..gpu() };
        spoil(&mut bad);
        let error = run(trading([gpu(), bad])).expect_err(field);
        assert_eq!(error.field(), Some(format!("liquidation.assets[1].{field}").as_str()), "{error}");
    }
    let error = run(trading([gpu(), gpu()])).unwrap_err();
    assert!(matches!(&error, Error::Duplicate { field, .. } if field == "liquidation.assets[1].name"), "{error}");
}
