//! Covenants: the examples of docs/credit.md to the cent, and the cases in which they must change nothing. The laws of
//! `tests/borrower.rs` and the recomputation meet covenants at random; neither would show that a waiver is not a default, or that a
//! covenant that cannot bind leaves every bit alone.
#![allow(clippy::float_cmp, reason = "exact degenerate cases are compared exactly")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should say where")]

mod ledger;

use haircut::credit::{
    Acceleration, Amortisation, Book, Borrower, Cause, CoinSales, Contract, ContractTerm, Covenant, CovenantTest,
    Delivery, Distribution, EquityCure, Fleet, Outlay, Quantity, Response, TakeOrPay, Treasury,
};
use haircut::market::{Counterparty, Market};
use haircut::measure::EventCounts;
use haircut::numeric::{PATHS, TimeGrid};
use haircut::{Error, Simulation};
use ledger::random::{borrowers, cases, worlds};
use ledger::{
    FacilityLedger, Ledger, Record, assert_cents, cash_cow, facility, follow, liquid, script, scripted, trading,
};
use proptest::prelude::*;

const NAME: &str = "someone";

/// Machines that earn 1,000,000 a year at a rent of one, and a loan of 2,000,000 at 10 % repaid 300,000 a year.
fn company() -> Borrower {
    Borrower {
        cash: 100_000.0,
        fleets: vec![cash_cow("gpu", 100.0, 1_000_000.0, "rent")],
        facilities: vec![facility(
            "loan",
            2_000_000.0,
            0.1,
            Amortisation::Straight { every: 1.0, instalment: Some(300_000.0) },
            6.0,
        )],
        distribution: Some(Distribution { share: 1.0, floor: 100_000.0 }),
        ..Borrower::new(NAME)
    }
}

fn dscr(at_least: f64, years: f64) -> CovenantTest {
    CovenantTest::Dscr { at_least, years }
}

fn default_covenant(test: CovenantTest, cure: f64, waiver: f64) -> Covenant {
    Covenant { acceleration: Some(Acceleration { cure, waiver }), ..Covenant::new("default", test) }
}

/// Years of rents from time zero, machines at 30,000.
fn years(rents: &[f64], borrower: Borrower) -> Record {
    let market = scripted([("rent", script(rents)), ("gpu", script([30_000.0]))]);
    follow(market, trading([liquid("gpu", "gpu")]), borrower, rents.len() - 1, 1)
}

/// docs/credit.md, "a lock-up and a default".
#[test]
fn a_breach_locks_up_sweeps_and_accelerates() {
    let lock_up = Covenant { sweep: 0.5, ..Covenant::new("lock-up", dscr(1.3, 1.0)) };
    let borrower = Borrower { covenants: vec![lock_up, default_covenant(dscr(1.1, 1.0), 1.0, 0.0)], ..company() };
    // Service 500,000, 470,000, 440,000 less what is swept.
    let record = years(&[1.0, 0.8, 0.6, 0.47, 0.46, 0.9], borrower);
    let row = |metric: &str| record.row(metric, 0);
    // Year 1: 800 / 500 = 1.6; owners get 300,000. Year 2: 600 / 470 = 1.2766: locked; of 230,000 a half is swept.
    assert_cents(row("distributed")[0], 300_000.0);
    assert_eq!(row("distributed")[1..4], [0.0; 3]);
    assert_cents(row("distributed")[4], 520_491.25);
    assert_cents(row("prepaid")[1], 115_000.0);
    assert_cents(row("balance")[1], 1_285_000.0);
    // Year 3: 300,000 + 128,500 = 428,500; 470 / 428.5 = 1.0969, below both. 115,000 + 41,500 = 156,500, of which half is swept.
    assert_cents(row("debt_service_due")[2], 428_500.0);
    assert_cents(row("prepaid")[2], 78_250.0);
    assert_cents(row("balance")[2], 906_750.0);
    // Year 4: 300,000 + 90,675; 460 / 390.675 = 1.1775: the default covenant holds again.
    assert_cents(row("debt_service_due")[3], 390_675.0);
    assert_eq!(row("breach"), [0.0, 1.0, 1.0, 0.0, 0.0]);
    assert_eq!(row("lock_up"), [0.0, 1.0, 1.0, 1.0, 0.0]);
    assert_eq!(row("acceleration"), [0.0; 5]);
    assert!(record.default_step[0].is_infinite());
}

/// The same, when it lasts.
#[test]
fn a_breach_that_lasts_for_the_cure_period_accelerates() {
    let borrower = |waiver, equity_cure| Borrower {
        covenants: vec![default_covenant(dscr(1.1, 1.0), 1.0, waiver)],
        equity_cure,
        distribution: None,
        ..company()
    };
    let rents = [1.0, 0.8, 0.5, 0.4, 0.4];
    // 500 / 470 = 1.0638 in year 2; 400 / 440 in year 3, one year later.
    let record = years(&rents, borrower(0.0, None));
    assert_eq!((record.default_step[0], record.cause[0]), (3.0, Some(Cause::Covenant)));
    assert_eq!(record.row("breach", 0), [0.0, 1.0, 0.0, 0.0]);
    assert_eq!(record.row("acceleration", 0), [0.0, 0.0, 1.0, 0.0]);
    // After the payments of the day: three instalments of six.
    assert_cents(record.exposure[0][0], 1_100_000.0);
    // Its cash of 100,000 + 300,000 + 30,000 - 40,000 goes to the claim on that day; the machines bring more than the rest.
    assert_cents(record.row("seized", 0)[2], 390_000.0);
    assert_cents(record.row("claims_paid", 0)[2], 1_100_000.0);
    assert_cents(record.row("cash", 0)[2], 0.0);
    // A waiver that is certain: nothing but the lock-up follows.
    let record = years(&rents, borrower(1.0, None));
    assert!(record.default_step[0].is_infinite());
    assert_eq!(record.row("waiver", 0), [0.0, 1.0, 0.0, 0.0]);
    assert_eq!(record.row("lock_up", 0), [0.0, 1.0, 1.0, 1.0]);
    // Owners put in 1.1 x 440,000 - 400,000 = 84,000 in year 3; in year 4 1.1 x 410,000 - 400,000 = 51,000 begins another breach.
    let cure = EquityCure { most: 84_000.0, times: 1, availability: 1.0.into() };
    let record = years(&rents, borrower(0.0, Some(cure.clone())));
    assert_cents(record.row("injected", 0)[2], 84_000.0);
    assert_eq!(record.row("equity_cure", 0), [0.0, 0.0, 1.0, 0.0]);
    assert_eq!(record.row("breach", 0), [0.0, 1.0, 0.0, 1.0]);
    // 100,000 + 800,000 - 500,000 + 500,000 - 470,000 + 400,000 - 440,000 + 84,000.
    assert_cents(record.row("cash", 0)[2], 474_000.0);
    assert!(record.default_step[0].is_infinite());
    for cure in [
        EquityCure { most: 83_999.0, ..cure.clone() },
        EquityCure { times: 0, ..cure.clone() },
        EquityCure { availability: Quantity::Number(0.99), ..cure },
    ] {
        assert_eq!(years(&rents, borrower(0.0, Some(cure))).default_step[0], 3.0);
    }
}

/// docs/credit.md, "a response": what is cut from the year after a breach begins to the year after it ends.
#[test]
fn a_management_cuts_while_a_covenant_is_breached() {
    let run = |overhead_cut, outlays_cut| {
        let borrower = Borrower {
            overhead_usd_per_year: 200_000.0,
            outlays: vec![Outlay { at: 2.0, usd: 50_000.0 }, Outlay { at: 3.0, usd: 80_000.0 }],
            covenants: vec![Covenant::new("lock-up", dscr(1.3, 1.0))],
            response: Some(Response { overhead_cut, outlays_cut, ..Response::new("lock-up") }),
            ..company()
        };
        years(&[1.0, 1.0, 0.8, 0.8, 0.8], borrower)
    };
    // CFADS 800, 600, 660, 600 against service of 500, 470, 440, 410, in thousands: 1.6, 1.2766, 1.5, 1.4634.
    let record = run(0.3, 1.0);
    let row = |metric: &str| record.row(metric, 0);
    assert_eq!(row("lock_up"), [0.0, 1.0, 0.0, 0.0]);
    assert_eq!(row("capex"), [0.0, 50_000.0, 0.0, 0.0]);
    for (metric, expected) in [
        ("operating_cost", [200e3, 200e3, 140e3, 200e3]),
        ("cfads", [800e3, 600e3, 660e3, 600e3]),
        ("revenue", [1e6, 800e3, 800e3, 800e3]),
    ] {
        row(metric).into_iter().zip(expected).for_each(|(found, expected)| assert_cents(found, expected));
    }
    // 180,000 are kept in year 2; owners get what exceeds 100,000 a year later.
    assert_cents(row("cash")[1], 180_000.0);
    assert_cents(row("distributed")[2], 300_000.0);
    // A quarter less spent.
    assert_cents(run(0.0, 0.25).row("capex", 0)[2], 60_000.0);
    let idle = run(0.0, 0.0);
    assert_cents(idle.row("cfads", 0)[2], 600_000.0);
    assert_cents(idle.row("capex", 0)[2], 80_000.0);
}

/// docs/credit.md, "coins sold early": 1.5 of four a year, down to one.
#[test]
fn a_management_sells_coins_while_a_covenant_is_breached() {
    let run = |over| {
        let coin_sales = Some(CoinSales { over, kept: 0.25 });
        let borrower = Borrower {
            treasury: vec![Treasury { asset: "btc".into(), units: 4.0 }],
            covenants: vec![Covenant::new("lock-up", dscr(1.3, 1.0))],
            response: Some(Response { coin_sales, ..Response::new("lock-up") }),
            ..company()
        };
        let rents = script([1.0, 0.8, 0.6, 0.5, 0.45, 0.9]);
        let coins = script([70e3, 60e3, 50e3, 40e3, 30e3, 20e3]);
        let market = scripted([("rent", rents), ("gpu", script([30_000.0])), ("btc", coins)]);
        follow(market, trading([liquid("gpu", "gpu"), liquid("btc", "btc")]), borrower, 5, 1)
    };
    // 1.6, 1.2766, 1.1364, 1.0976, 2.3684: breached from year 2 to year 4, sold from year 3 to year 5.
    let record = run(2.0);
    assert_eq!(record.row("lock_up", 0), [0.0, 1.0, 1.0, 1.0, 0.0]);
    for (metric, expected) in [
        ("treasury_sales", [0.0, 0.0, 60e3, 45e3, 0.0]),
        ("free_coins", [240e3, 200e3, 100e3, 30e3, 20e3]),
        ("cash", [100e3, 230e3, 350e3, 435e3, 100e3]),
        ("cfads", [800e3, 600e3, 500e3, 450e3, 900e3]),
    ] {
        record.row(metric, 0).into_iter().zip(expected).for_each(|(found, expected)| assert_cents(found, expected));
    }
    assert_cents(record.row("distributed", 0)[4], 855_000.0);
    // At once; and half of the pace.
    assert_eq!(run(0.0).row("treasury_sales", 0), [0.0, 0.0, 120e3, 0.0, 0.0]);
    assert_eq!(run(4.0).row("treasury_sales", 0), [0.0, 0.0, 30e3, 22.5e3, 15e3]);
}

/// docs/credit.md, "a loan to value that is cured": the owners' money repays the loan.
#[test]
fn a_cure_of_the_loan_to_value_repays_the_loan() {
    let borrower = |most| Borrower {
        covenants: vec![default_covenant(CovenantTest::Ltv { at_most: 0.6 }, 0.0, 0.0)],
        equity_cure: Some(EquityCure { most, times: 2, availability: 1.0.into() }),
        ..company()
    };
    let run = |most| {
        let market = scripted([("rent", script([1.0])), ("gpu", script([40_000.0, 30_000.0, 20_000.0, 20_000.0]))]);
        follow(market, trading([liquid("gpu", "gpu")]), borrower(most), 3, 1)
    };
    // 1,700,000 against 0.6 x 3,000,000; 1,400,000 against 1,200,000.
    let record = run(200_000.0);
    assert_cents(record.row("injected", 0)[1], 200_000.0);
    assert_cents(record.row("prepaid", 0)[1], 200_000.0);
    assert_cents(record.row("balance", 0)[1], 1_200_000.0);
    assert_cents(record.row("ltv_mark", 0)[1], 0.6);
    assert_cents(record.at("loan.principal_paid", 2, 0), 500_000.0);
    assert!(record.default_step[0].is_infinite());
    let record = run(199_999.0);
    assert_eq!((record.default_step[0], record.cause[0]), (2.0, Some(Cause::Covenant)));
}

/// docs/credit.md, "liquidity and utilisation".
#[test]
fn coins_are_liquid_and_a_fleet_is_let_over_a_window() {
    let borrower = Borrower {
        treasury: vec![Treasury { asset: "btc".into(), units: 2.0 }],
        covenants: vec![Covenant::new("liquid", CovenantTest::Liquidity { at_least: 250_000.0 })],
        ..company()
    };
    let market = scripted([("rent", script([0.5])), ("gpu", script([3e4])), ("btc", script([9e4, 9e4, 55e3, 75e3]))]);
    let record = follow(market, trading([liquid("gpu", "gpu"), liquid("btc", "btc")]), borrower, 3, 1);
    // 100,000 + 180,000; 130,000 + 110,000 is short; 190,000 + 150,000.
    assert_eq!(record.row("lock_up", 0), [0.0, 1.0, 0.0]);
    assert_cents(record.row("cash", 0)[1], 130_000.0);
    assert_cents(record.row("distributed", 0)[2], 90_000.0);

    let fleet = Fleet { utilisation: "let".into(), ..cash_cow("gpu", 100.0, 1_000_000.0, 1.0) };
    let name = fleet.name.clone();
    let borrower = Borrower {
        fleets: vec![fleet],
        covenants: vec![Covenant::new("let", CovenantTest::Utilisation { fleet: name, at_least: 0.7, years: 0.25 })],
        facilities: vec![facility("loan", 1_000.0, 0.0, Amortisation::Bullet, 2.0)],
        ..company()
    };
    let market = scripted([("let", script([0.9, 0.9, 0.8, 0.5, 0.7, 0.9, 0.9])), ("gpu", script([3e4]))]);
    let record = follow(market, trading([liquid("gpu", "gpu")]), borrower, 6, 12);
    // Means of three months: 0.7333, 0.6667, 0.7 (which holds), 0.8333; none before the third month.
    assert_eq!(record.row("breach", 0), [0.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
}

/// The months in which a fleet was let too little in the window before.
fn months(fleet: Fleet, at_least: f64, window: u32, series: [&[f64]; 2], failure: f64) -> Vec<f64> {
    let test = CovenantTest::Utilisation { fleet: fleet.name.clone(), at_least, years: f64::from(window) / 12.0 };
    let borrower = Borrower {
        fleets: vec![fleet],
        covenants: vec![Covenant::new("let", test)],
        facilities: vec![facility("loan", 1_000.0, 0.0, Amortisation::Bullet, 9.0)],
        ..company()
    };
    let [spot, usage] = series.map(|months| script([&[0.0], months].concat()));
    let factors = [("spot", spot), ("usage", usage), ("tenant", script([failure])), ("gpu", script([3e4]))];
    let market = scripted(factors);
    follow(market, trading([liquid("gpu", "gpu")]), borrower, 8, 12).row("lock_up", 0)
}

/// docs/credit.md, "a fleet that is let in part".
#[test]
fn a_fleet_is_let_for_what_runs_and_is_used() {
    let fleet = |contract: Contract, delivery| Fleet {
        utilisation: "spot".into(),
        contracts: vec![contract],
        delivery,
        ..cash_cow("gpu", 100.0, 1_000_000.0, 1.0)
    };
    // Six tenths let to a tenant who fails after a month and a half, empty for three: 0.9, 0.6, 0.3, 0.3, 0.525, then 0.75 of each month.
    let tenant = Contract { tenant: Some("tenant".into()), reletting_delay: 0.25, ..Contract::new(0.6, 1.0, 9.0) };
    let spot = [0.75; 8];
    let late = months(fleet(tenant.clone(), None), 0.6, 3, [&spot, &spot], 0.125);
    assert_eq!(late, [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0]);
    assert_eq!(months(fleet(tenant, None), 0.6, 3, [&spot, &spot], f64::INFINITY), [0.0; 8]);
    // After a month machines come into use over two, 0.25, 0.75 and then 1 of a month; what a contract on all of them uses counts.
    let by_use =
        |usage| Contract { take_or_pay: Some(TakeOrPay { minimum: 1.0, usage }), ..Contract::new(1.0, 1.0, 9.0) };
    let known = Delivery {
        at: 1.0 / 12.0,
        delay_mean: 0.0,
        delay_deviation: 0.0,
        ramp: 2.0 / 12.0,
        contracts: ContractTerm::Dates,
    };
    let usage = [0.9, 0.9, 0.6, 0.4, 0.4, 0.8, 0.8, 0.8];
    let delivered = || fleet(by_use("usage".into()), Some(known));
    // Nothing runs in the first month: nothing is tested.
    let by_month = [0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0];
    assert_eq!(months(delivered(), 0.5, 1, [&spot, &usage], 0.0), by_month);
    // 0.675 / 1, 1.075 / 2, 1.25 / 2.75, 1.6 / 3.
    let over_three = [0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0];
    assert_eq!(months(delivered(), 0.5, 3, [&spot, &usage], 0.0), over_three);
    // A number is planned beforehand: half of what runs.
    for (at_least, expected) in [(0.5, [0.0; 8]), (0.51, [0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])] {
        let fleet = fleet(by_use(0.5.into()), Some(known));
        assert_eq!(months(fleet, at_least, 3, [&spot, &usage], 0.0), expected);
    }
}

/// Machines that arrive at random: half of what runs is used on every path, whenever that is, so a covenant of more is breached with the first machine.
#[test]
fn a_fleet_that_is_late_is_tested_from_its_delivery() {
    let delivery =
        Delivery { at: 0.1, delay_mean: 0.3, delay_deviation: 0.2, ramp: 0.1, contracts: ContractTerm::FromDelivery };
    let contract = Contract {
        take_or_pay: Some(TakeOrPay { minimum: 0.0, usage: "half".into() }),
        ..Contract::new(1.0, 1.0, 9.0)
    };
    let fleet = Fleet { contracts: vec![contract], delivery: Some(delivery), ..cash_cow("gpu", 100.0, 0.0, 0.0) };
    let record = |at_least| {
        let test = CovenantTest::Utilisation { fleet: fleet.name.clone(), at_least, years: 0.25 };
        let borrower = Borrower {
            fleets: vec![fleet.clone()],
            covenants: vec![Covenant::new("let", test)],
            facilities: vec![facility("loan", 1_000.0, 0.0, Amortisation::Bullet, 9.0)],
            ..company()
        };
        let market = scripted([("half", script([0.5])), ("gpu", script([3e4]))]);
        follow(market, trading([liquid("gpu", "gpu")]), borrower, 12, 12)
    };
    let (held, broken) = (record(0.5), record(0.51));
    let mut first_dates = std::collections::BTreeSet::new();
    for path in 0..PATHS {
        assert_eq!(held.row("lock_up", path), [0.0; 12]);
        let first = broken.row("revenue", path).iter().position(|usd| *usd > 0.0).unwrap_or(12);
        let expected: Vec<f64> = (0..12).map(|month| if month >= first.max(2) { 1.0 } else { 0.0 }).collect();
        assert_eq!(broken.row("lock_up", path), expected);
        first_dates.insert(first);
    }
    assert!(first_dates.len() > 5, "{first_dates:?}");
}

/// One draw for each path and breach: seven breaches in ten are defaults, three are waived, and none is both.
#[test]
fn a_waiver_is_as_likely_as_it_says() {
    let borrower = Borrower { covenants: vec![default_covenant(dscr(1.1, 1.0), 0.0, 0.3)], ..company() };
    let market = scripted([("rent", script([0.5])), ("gpu", script([30_000.0]))]);
    let book = Book::new([borrower]).liquidation(trading([liquid("gpu", "gpu")]));
    let kinds = EventCounts::new(["waiver", "acceleration", "default.breach"]);
    let grid = TimeGrid::regular(3, 1).unwrap();
    let paths = 1 << 14;
    let events = Simulation::new(market, book).grid(grid).paths(paths).run(kinds).unwrap();
    let [waived, accelerated, breached] = &events[..] else { panic!("three kinds of event") };
    let bound = 5.0 * (0.3 * 0.7 / paths as f64).sqrt();
    assert!((waived.any[2].value - 0.3).abs() < bound, "{:?}", waived.any[2]);
    assert_eq!(breached.any[2].value, 1.0);
    assert_eq!(waived.expected[2].value + accelerated.expected[2].value, 1.0);
}

/// Everything that became of a borrower and each of its facilities.
fn everything(world: &ledger::random::World, borrower: &Borrower) -> Record {
    let book = Book::new([borrower.clone()]).discount("discount");
    world.simulation(book).run(FacilityLedger(Ledger(NAME.into()))).unwrap()
}

/// Covenants of every kind with every consequence that come into force after the horizon.
fn idle() -> Vec<Covenant> {
    let tests = [dscr(9.0, 0.5), CovenantTest::Ltv { at_most: 0.1 }, CovenantTest::Liquidity { at_least: 1e9 }];
    let covenant =
        |(test, name)| Covenant { from: 100.0, sweep: 1.0, ..Covenant { name, ..default_covenant(test, 0.0, 0.0) } };
    tests.into_iter().zip(["a".to_owned(), "b".to_owned(), "c".to_owned()]).map(covenant).collect()
}

proptest! {
    #![proptest_config(cases(96))]

    #[test]
    fn a_covenant_that_cannot_bind_changes_no_bit(world in worlds(), mut borrower in borrowers(NAME)) {
        borrower.covenants.clear();
        borrower.response = None;
        let plain = everything(&world, &borrower);
        borrower.covenants = idle();
        prop_assert_eq!(everything(&world, &borrower), plain);
    }

    #[test]
    fn a_certain_waiver_never_accelerates(world in worlds(), mut borrower in borrowers(NAME)) {
        for covenant in &mut borrower.covenants {
            covenant.acceleration = Some(Acceleration { cure: 0.0, waiver: 1.0 });
        }
        let mut waived = everything(&world, &borrower);
        prop_assert!(!waived.cause.contains(&Some(Cause::Covenant)));
        borrower.covenants.iter_mut().for_each(|covenant| covenant.acceleration = None);
        let mut locked = everything(&world, &borrower);
        for record in [&mut waived, &mut locked] {
            record.metrics.remove("waiver");
        }
        prop_assert_eq!(waived, locked);
    }

    #[test]
    fn a_response_that_cuts_nothing_changes_no_bit(world in worlds(), mut borrower in borrowers(NAME)) {
        let Some(response) = &mut borrower.response else { return Ok(()) };
        let coin_sales = response.coin_sales.map(|sales| CoinSales { kept: 1.0, ..sales });
        *response = Response { coin_sales, ..Response::new(response.covenant.clone()) };
        let idle = everything(&world, &borrower);
        borrower.response = None;
        prop_assert_eq!(everything(&world, &borrower), idle);
    }

    #[test]
    fn owners_without_money_cure_nothing(world in worlds(), mut borrower in borrowers(NAME)) {
        borrower.equity_cure = None;
        let none = everything(&world, &borrower);
        for (most, times) in [(0.0, 3), (1e15, 0)] {
            borrower.equity_cure = Some(EquityCure { most, times, availability: 1.0.into() });
            prop_assert_eq!(&everything(&world, &borrower), &none);
        }
    }

    /// A breach that ends a path's life, is waived or is cured is counted once, and no path is accelerated twice.
    #[test]
    fn events_are_apart(world in worlds(), borrower in borrowers(NAME)) {
        let record = everything(&world, &borrower);
        for path in 0..PATHS {
            let sum = |metric: &str| record.row(metric, path).iter().sum::<f64>();
            let is_default = record.cause[path] == Some(Cause::Covenant);
            prop_assert_eq!(sum("acceleration"), f64::from(u8::from(is_default)));
            prop_assert!(sum("waiver") + sum("equity_cure") + sum("acceleration") <= sum("breach"));
            for step in 1..=world.grid.steps() {
                let at = |metric: &str| record.at(metric, step, path);
                prop_assert!(at("lock_up") * at("distributed") == 0.0);
                // Support may be shares alone.
                prop_assert!(at("injected") == 0.0 || at("equity_cure") + at("support") > 0.0);
                prop_assert!(at("injected") > 0.0 || at("equity_cure") == 0.0);
            }
        }
    }
}

#[test]
fn every_bad_field_is_refused_by_its_name() {
    let refused = |field: &str, borrower: Borrower| {
        let market = Market::builder()
            .factor("rent", script([1.0]))
            .factor("gpu", script([30_000.0]))
            .factor("tenant", Counterparty::hazard(0.1))
            .build()
            .unwrap();
        let book = Book::new([borrower]).liquidation(trading([liquid("gpu", "gpu")]));
        let error = Simulation::new(market, book).run(EventCounts::new(["breach"])).unwrap_err();
        let text = error.to_string();
        assert!(text.contains(field), "{field} is not named: {text}");
        error
    };
    let with = |covenant: Covenant| Borrower { covenants: vec![covenant], ..company() };
    let covenant = || default_covenant(dscr(1.1, 1.0), 0.0, 0.0);
    let fleet = || "nobody".to_owned();
    for (field, covenant) in [
        ("covenants[0].name", Covenant { name: String::new(), ..covenant() }),
        ("covenants[0].name", Covenant { name: "a.b".into(), ..covenant() }),
        ("covenants[0].name", Covenant { name: "loan".into(), ..covenant() }),
        ("covenants[0].from", Covenant { from: f64::NAN, ..covenant() }),
        ("covenants[0].sweep", Covenant { sweep: 1.5, ..covenant() }),
        ("covenants[0].acceleration.cure", default_covenant(dscr(1.1, 1.0), -1.0, 0.0)),
        ("covenants[0].acceleration.waiver", default_covenant(dscr(1.1, 1.0), 0.0, 1.1)),
        ("covenants[0].test.dscr.at_least", default_covenant(dscr(0.0, 1.0), 0.0, 0.0)),
        ("covenants[0].test.dscr.years", default_covenant(dscr(1.0, 11.0), 0.0, 0.0)),
        ("covenants[0].test.ltv.at_most", default_covenant(CovenantTest::Ltv { at_most: f64::INFINITY }, 0.0, 0.0)),
        (
            "covenants[0].test.liquidity.at_least",
            default_covenant(CovenantTest::Liquidity { at_least: -1.0 }, 0.0, 0.0),
        ),
        (
            "covenants[0].test.utilisation.at_least",
            default_covenant(CovenantTest::Utilisation { fleet: fleet(), at_least: 1.5, years: 1.0 }, 0.0, 0.0),
        ),
        (
            "covenants[0].test.utilisation.fleet",
            default_covenant(CovenantTest::Utilisation { fleet: fleet(), at_least: 0.5, years: 1.0 }, 0.0, 0.0),
        ),
    ] {
        refused(field, with(covenant));
    }
    let twice = Borrower { covenants: vec![covenant(), covenant()], ..company() };
    assert!(matches!(refused("covenants[1].name", twice), Error::Duplicate { .. }));
    for (field, most, availability) in [("equity_cure.most", -1.0, 1.0), ("equity_cure.availability", 1.0, 2.0)] {
        let equity_cure = Some(EquityCure { most, times: 1, availability: availability.into() });
        refused(field, Borrower { equity_cure, ..with(covenant()) });
    }
    for (field, covenant_named, cuts) in [
        ("response.covenant", "nothing", [0.1, 0.1, 1.0, 0.5]),
        ("response.overhead_cut", "default", [1.1, 0.0, 1.0, 0.5]),
        ("response.outlays_cut", "default", [0.0, f64::NAN, 1.0, 0.5]),
        ("response.coin_sales.over", "default", [0.0, 0.0, -1.0, 0.5]),
        ("response.coin_sales.kept", "default", [0.0, 0.0, 1.0, 1.5]),
    ] {
        let [overhead_cut, outlays_cut, over, kept] = cuts;
        let coin_sales = Some(CoinSales { over, kept });
        let response = Some(Response { covenant: covenant_named.into(), overhead_cut, outlays_cut, coin_sales });
        refused(field, Borrower { response, ..with(covenant()) });
    }
}

/// The names that a scenario uses.
#[test]
fn a_file_describes_covenants() {
    let text = r#"
        name = "someone"
        equity_cure = { most = 5e6, times = 2 }
        response = { covenant = "lock-up", coin_sales = { over = 0.5 } }
        liquidation = { delay = 0.0, over = 0.0 }
        [[covenants]]
        name = "lock-up"
        test = { dscr = { at_least = 1.2, years = 1.0 } }
        sweep = 0.5
        [[covenants]]
        name = "default"
        test = { ltv = { at_most = 0.85 } }
        acceleration = { cure = 0.125, waiver = 0.5 }
    "#;
    let borrower: Borrower = toml::from_str(text).unwrap();
    let lock_up = Covenant { sweep: 0.5, ..Covenant::new("lock-up", dscr(1.2, 1.0)) };
    assert_eq!(borrower.covenants, [lock_up, default_covenant(CovenantTest::Ltv { at_most: 0.85 }, 0.125, 0.5)]);
    let coin_sales = Some(CoinSales { over: 0.5, kept: 0.0 });
    assert_eq!(borrower.response, Some(Response { coin_sales, ..Response::new("lock-up") }));
    assert_eq!(borrower.equity_cure, Some(EquityCure { most: 5e6, times: 2, availability: Quantity::Number(1.0) }));
}
