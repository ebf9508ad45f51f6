//! Tax and outlays: the examples of docs/credit.md to the cent, and the cases in which they must change nothing. The laws of `tests/borrower.rs` and the
//! recomputation meet them at random.
#![allow(clippy::float_cmp, reason = "exact degenerate cases are compared exactly")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should say where")]

mod ledger;

use haircut::credit::{Amortisation, Book, Borrower, Losses, Outlay, Settlement, Tax, Treasury};
use haircut::numeric::TimeGrid;
use haircut::{Error, Simulation};
use ledger::random::{borrowers, cases, worlds};
use ledger::{Ledger, Record, assert_cents, cash_cow, facility, follow, liquid, script, scripted, trading};
use proptest::prelude::*;

const NAME: &str = "someone";

fn tax() -> Tax {
    Tax {
        rate: 0.25,
        depreciation_usd_per_year: 150_000.0,
        depreciated_until: 3.0,
        losses: Losses::CarriedForward,
        settlement: Settlement::Step,
    }
}

/// Machines that earn 1,000,000 a year at a rent of one, and a loan of 1,000,000 at 10 % due in year 9.
fn company() -> Borrower {
    Borrower {
        fleets: vec![cash_cow("gpu", 100.0, 1_000_000.0, "rent")],
        facilities: vec![facility("loan", 1_000_000.0, 0.1, Amortisation::Bullet, 9.0)],
        ..Borrower::new(NAME)
    }
}

fn years(borrower: Borrower) -> Record {
    let rents = script([1.0, 0.2, 0.4, 0.3, 0.3]);
    let market = scripted([("rent", rents), ("gpu", script([9_000.0])), ("btc", script([60_000.0]))]);
    follow(market, trading([liquid("gpu", "gpu"), liquid("btc", "btc")]), borrower, 4, 1)
}

/// docs/credit.md, "tax".
#[test]
fn losses_reduce_the_tax_of_later_years() {
    let record = years(Borrower { tax: Some(tax()), ..company() });
    // 200 - 100 - 150; 150 - 50; 300 - 100 - 150; 300 - 100: thousands.
    for (found, expected) in record.row("tax", 0).into_iter().zip([0.0, 25_000.0, 12_500.0, 50_000.0]) {
        assert_cents(found, expected);
    }
    for (found, expected) in record.row("cfads", 0).into_iter().zip([200e3, 375e3, 287_500.0, 250e3]) {
        assert_cents(found, expected);
    }
    assert_cents(record.row("dscr", 0)[1], 3.75);
    assert_cents(record.row("revenue", 0)[1], 400_000.0);
    assert_cents(record.row("cash", 0)[3], 712_500.0);
    let forfeited = years(Borrower { tax: Some(Tax { losses: Losses::Forfeited, ..tax() }), ..company() });
    assert_cents(forfeited.row("tax", 0)[1], 37_500.0);
}

/// docs/credit.md, "a tax year": half-years of 275, -75, -75, -75, 225 and 225 thousands of profit.
#[test]
fn a_tax_year_sets_losses_of_a_step_against_its_profits() {
    let run = |settlement, losses| {
        let rents = script([1.0, 0.8, 0.1, 0.1, 0.1, 0.7, 0.7, 0.7]);
        let market = scripted([("rent", rents), ("gpu", script([9_000.0]))]);
        let borrower = Borrower { tax: Some(Tax { settlement, losses, ..tax() }), ..company() };
        follow(market, trading([liquid("gpu", "gpu")]), borrower, 7, 2)
    };
    // In the last half-year, beyond depreciation, a year begins that does not end.
    for (settlement, losses, expected) in [
        (Settlement::Step, Losses::CarriedForward, [68_750.0, 0.0, 0.0, 0.0, 0.0, 56_250.0, 75_000.0]),
        (Settlement::Step, Losses::Forfeited, [68_750.0, 0.0, 0.0, 0.0, 56_250.0, 56_250.0, 75_000.0]),
        (Settlement::Year, Losses::CarriedForward, [0.0, 50_000.0, 0.0, 0.0, 0.0, 75_000.0, 0.0]),
        (Settlement::Year, Losses::Forfeited, [0.0, 50_000.0, 0.0, 0.0, 0.0, 112_500.0, 0.0]),
    ] {
        let row = run(settlement, losses).row("tax", 0);
        assert_eq!(row.len(), expected.len());
        row.into_iter().zip(expected).for_each(|(found, expected)| assert_cents(found, expected));
    }
    let record = run(Settlement::Year, Losses::CarriedForward);
    assert_cents(record.row("cfads", 0)[1], 0.0);
    assert_cents(record.row("cash", 0)[5], 825_000.0);
}

/// docs/credit.md, "an outlay".
#[test]
fn outlays_are_paid_from_cash() {
    let outlay = Outlay { at: 2.5, usd: 150_000.0 };
    let record = years(Borrower { tax: Some(tax()), outlays: vec![outlay], ..company() });
    assert_eq!(record.row("capex", 0), [0.0, 0.0, 150_000.0, 0.0]);
    assert_cents(record.row("cfads", 0)[2], 287_500.0);
    assert_cents(record.row("cash", 0)[2], 412_500.0);
    // What cash does not cover is raised from coins; 100 + 375 - 100 + 287.5 - 100: thousands.
    let outlay = Outlay { at: 3.0, usd: 600_000.0 };
    let treasury = vec![Treasury { asset: "btc".into(), units: 2.0 }];
    let record = years(Borrower { tax: Some(tax()), outlays: vec![outlay], treasury, ..company() });
    assert_cents(record.row("treasury_sales", 0)[2], 37_500.0);
    assert!(record.default_step[0].is_infinite());
    let record = years(Borrower { tax: Some(tax()), outlays: vec![outlay], ..company() });
    assert_cents(record.row("debt_service_paid", 0)[2], 62_500.0);
    assert_eq!(record.default_step[0], 3.0);
}

proptest! {
    #![proptest_config(cases(64))]

    /// A tax of nothing, and nothing spent, change no bit.
    #[test]
    fn nothing_taxed_and_nothing_spent_change_no_bit(world in worlds(), borrower in borrowers(NAME)) {
        let run = |borrower: Borrower| world.simulation(Book::new([borrower])).run(Ledger(NAME.into())).unwrap();
        let plain = Borrower { tax: None, outlays: vec![], ..borrower };
        let free = Borrower { tax: Some(Tax { rate: 0.0, ..tax() }), ..plain.clone() };
        let idle = Borrower { outlays: vec![Outlay { at: 0.3, usd: 0.0 }, Outlay { at: 100.0, usd: 1e9 }], ..plain.clone() };
        let plain = run(plain);
        prop_assert_eq!(&run(free), &plain);
        prop_assert_eq!(&run(idle), &plain);
    }

    /// On a grid of years, or of longer steps, a tax year is a step.
    #[test]
    fn a_year_that_is_a_step_changes_no_bit(mut world in worlds(), borrower in borrowers(NAME), are_longer in any::<bool>()) {
        world.grid = TimeGrid::new((1..=15).map(|step| f64::from(step) * if are_longer { 1.3 } else { 1.0 }).collect::<Vec<_>>()).unwrap();
        let run = |settlement| {
            let borrower = Borrower { tax: Some(Tax { settlement, ..tax() }), ..borrower.clone() };
            world.simulation(Book::new([borrower])).run(Ledger(NAME.into())).unwrap()
        };
        prop_assert_eq!(run(Settlement::Year), run(Settlement::Step));
    }
}

#[test]
fn every_bad_field_is_refused_by_its_name() {
    let with_tax = |tax| Borrower { tax: Some(tax), ..Borrower::new(NAME) };
    let with_outlay = |outlay| Borrower { outlays: vec![outlay], ..Borrower::new(NAME) };
    let bad = [
        ("tax.rate", with_tax(Tax { rate: 1.1, ..tax() })),
        ("tax.depreciation_usd_per_year", with_tax(Tax { depreciation_usd_per_year: -1.0, ..tax() })),
        ("tax.depreciated_until", with_tax(Tax { depreciated_until: f64::NAN, ..tax() })),
        ("outlays[0].at", with_outlay(Outlay { at: 0.0, usd: 1.0 })),
        ("outlays[0].usd", with_outlay(Outlay { at: 1.0, usd: -1.0 })),
    ];
    for (expected, borrower) in bad {
        let simulation =
            Simulation::new(scripted([("rent", script([1.0]))]), Book::new([borrower])).months(12).paths(256);
        let Error::Invalid { field, .. } = simulation.run(Ledger(NAME.into())).unwrap_err() else {
            panic!("{expected}")
        };
        assert_eq!(field, format!("obligors[0].{expected}"));
    }
    let text =
        "rate = 0.25\ndepreciation_usd_per_year = 150000.0\ndepreciated_until = 3.0\nlosses = \"carried_forward\"";
    assert_eq!(toml::from_str::<Tax>(text).unwrap(), tax());
    let by_year = Tax { settlement: Settlement::Year, ..tax() };
    assert_eq!(toml::from_str::<Tax>(&format!("{text}\nsettlement = \"year\"")).unwrap(), by_year);
}
