//! Notes that become shares: the examples of docs/credit.md to the cent, and the cases in which a conversion must change nothing. The
//! recomputation meets them at random; it would not show that the lowest conversion price goes first because of the dilution.
#![allow(clippy::float_cmp, reason = "exact degenerate cases are compared exactly")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should say where")]

mod ledger;

use haircut::credit::{
    Amortisation, Book, Borrower, Cause, Conversion, Coupon, Draws, Facility, LiquidationMarket, Refinancing, Repaid,
    Treasury,
};
use haircut::measure::FairSpread;
use haircut::numeric::TimeGrid;
use haircut::{Error, Simulation};
use ledger::random::{borrowers, cases, worlds};
use ledger::{
    FacilityLedger, Ledger, Record, Script, assert_cents, assert_rounding, facility, follow, liquid, scripted, trading,
};
use proptest::prelude::*;

const NAME: &str = "issuer";

fn note(name: &str, principal: f64, price: f64, put: Option<f64>) -> Facility {
    Facility {
        conversion: Some(Conversion { price, put }),
        ..facility(name, principal, 0.0, Amortisation::Bullet, 3.0)
    }
}

/// A hundred coins, a thousand shares, and notes.
fn issuer(facilities: Vec<Facility>) -> Borrower {
    Borrower {
        treasury: vec![Treasury { asset: "coin".into(), units: 100.0 }],
        shares: 1_000.0,
        facilities,
        ..Borrower::new(NAME)
    }
}

/// Years at prices of the coin that stay, by path.
fn years(borrower: Borrower, prices: &[f64]) -> Record {
    let market = scripted([("coin", Script(prices.iter().map(|price| vec![*price]).collect()))]);
    follow(market, trading([liquid("coin", "coin")]), borrower, 4, 1)
}

/// docs/credit.md, "one note": the put is in year 1.
#[test]
fn a_note_becomes_shares_or_a_claim() {
    let record = years(issuer(vec![note("A", 400e3, 500.0, Some(1.0))]), &[10e3, 9e3, 3.9e3]);
    // 600 a share before, 555.56 after: 800 shares.
    assert_eq!(record.row("exchanged", 0), [400e3, 0.0, 0.0, 0.0]);
    assert_eq!(record.row("shares", 0), [1_800.0; 4]);
    assert_eq!(record.row("treasury_sales", 0), [0.0; 4]);
    assert_eq!(record.at("balance", 1, 0), 0.0);
    assert_cents(record.at("coins", 1, 0) / record.at("shares", 1, 0), 555.56);
    // Not above 500: money, from 44.44 coins.
    assert_eq!(record.at("exchanged", 1, 1), 0.0);
    assert_cents(record.at("treasury_sales", 1, 1), 400e3);
    assert_cents(record.at("coins", 1, 1), 500e3);
    // 390,000 for 400,000.
    assert_eq!((record.default_step[2], record.cause[2]), (1.0, Some(Cause::Maturity)));
    assert_cents(record.exposure[0][2], 10e3);
    for path in [0, 1] {
        assert_eq!((record.default_step[path], record.loss[0][path]), (f64::INFINITY, 0.0));
        assert_cents(record.at("A.principal_paid", 1, path), 400e3);
    }
    // Without a put nothing happens before year 3.
    let record = years(issuer(vec![note("A", 400e3, 500.0, None)]), &[10e3]);
    assert_eq!(record.row("exchanged", 0), [0.0, 0.0, 400e3, 0.0]);
}

/// docs/credit.md, "two notes": what the first takes dilutes the second.
#[test]
fn the_lowest_conversion_price_goes_first() {
    let notes = |swapped: bool| {
        let mut notes = vec![note("A", 400e3, 500.0, None), note("B", 300e3, 560.0, None)];
        if swapped {
            notes.reverse();
        }
        issuer(notes)
    };
    for swapped in [false, true] {
        let record = years(notes(swapped), &[13e3, 14e3]);
        // 600 a share; 555.56 after A, which is less than 560.
        assert_cents(record.at("exchanged", 3, 0), 400e3);
        assert_cents(record.at("treasury_sales", 3, 0), 300e3);
        assert_rounding(record.at("shares", 3, 0), 1_800.0);
        // 700 a share; 611.11 after A, 599.39 after both.
        assert_cents(record.at("exchanged", 3, 1), 700e3);
        assert_rounding(record.at("shares", 3, 1), 1_800.0 + 300e3 / 560.0);
        assert_cents(record.at("coins", 3, 1) / record.at("shares", 3, 1), 599.39);
    }
}

/// Interest of the date is paid in money, cash and what is owed to others count, and what is put may be borrowed again.
#[test]
fn equity_is_after_all_debt_and_a_claim_may_be_borrowed_again() {
    let loan = facility("loan", 200e3, 0.1, Amortisation::Bullet, 9.0);
    let bond = Facility { coupon: Coupon::Fixed(0.05), ..note("A", 400e3, 500.0, Some(1.0)) };
    let borrower = |cash: f64| Borrower { cash, ..issuer(vec![loan.clone(), bond.clone()]) };
    // 1,100,000 + cash - 220,000 - 420,000 = 500,000 + cash - 40,000: 40,000 is not enough, 40,001 is.
    let record = years(borrower(40_000.0), &[11e3]);
    assert_eq!(record.at("exchanged", 1, 0), 0.0);
    let record = years(borrower(40_001.0), &[11e3]);
    assert_eq!(record.at("exchanged", 1, 0), 400e3);
    assert_cents(record.at("debt_service_paid", 1, 0), 40e3);
    assert_cents(record.at("A.interest_paid", 1, 0), 20e3);
    assert_cents(record.at("cash", 1, 0), 1.0);
    // Coins of 3,900 are lent against, for two years more, and the loan is no note any more.
    let clause = Refinancing { balloon: 1.0, ..Refinancing::straight(1.0, 2.0, 0.0) };
    let note = Facility { refinancing: Some(clause), ..note("A", 400e3, 500.0, Some(1.0)) };
    let hoard = Borrower { cash: 100e3, treasury: Vec::new(), ..issuer(vec![note]) };
    let machines = Borrower { fleets: vec![ledger::cash_cow("coin", 100.0, 0.0, 1.0)], ..hoard };
    let record = years(machines, &[3.9e3]);
    assert_cents(record.at("refinanced", 1, 0), 300e3);
    assert_cents(record.at("balance", 2, 0), 300e3);
    assert_eq!(record.row("exchanged", 0), [0.0; 4]);
}

/// Repaid at par, to the measures of a lender's cash.
#[test]
fn a_conversion_is_no_loss() {
    let run = |price: f64| {
        let market = scripted([("coin", Script(vec![vec![price]]))]);
        let book = Book::new([issuer(vec![note("A", 400e3, 500.0, Some(1.0))])]);
        let book = book.liquidation(trading([liquid("coin", "coin")]));
        Simulation::new(market, book)
            .grid(TimeGrid::regular(4, 1).unwrap())
            .paths(256)
            .run(FairSpread::new())
            .unwrap()
            .pool
    };
    assert_eq!(run(10e3).value.value, 0.0);
    assert_eq!(run(9e3).value.value, 0.0);
}

proptest! {
    #![proptest_config(cases(128))]

    /// A conversion price that no share reaches leaves every bit alone: a note is then a loan due on the date of its put.
    #[test]
    fn a_note_out_of_reach_is_a_loan(world in worlds(), borrower in borrowers(NAME)) {
        let (mut far, mut plain) = (borrower.clone(), borrower);
        for facility in &mut far.facilities {
            if let Some(conversion) = &mut facility.conversion {
                conversion.price = 1e15;
            }
        }
        for facility in &mut plain.facilities {
            let put = facility.conversion.and_then(|conversion| conversion.put);
            facility.maturity = put.unwrap_or(facility.maturity);
            facility.conversion = None;
        }
        let run = |borrower: Borrower| {
            let mut record = world.simulation(Book::new([borrower])).run(FacilityLedger(Ledger(NAME.into()))).unwrap();
            record.metrics.remove("shares");
            record
        };
        prop_assert_eq!(run(far), run(plain));
    }
}

#[test]
fn contradictory_terms_are_refused_by_name() {
    let refused = |field: &str, borrower: Borrower| -> Error {
        let trade = LiquidationMarket { assets: vec![liquid("coin", "coin")], ..LiquidationMarket::default() };
        let market = scripted([("coin", Script(vec![vec![1.0]]))]);
        let simulation = Simulation::new(market, Book::new([borrower]).liquidation(trade)).months(1).paths(1);
        let error = simulation.run(Ledger(NAME.into())).unwrap_err();
        let expected = format!("obligors[0].{field}");
        assert!(error.to_string().contains(&expected), "{error} is not about {expected}");
        error
    };
    let plain = || note("A", 400e3, 500.0, None);
    for (field, note) in [
        ("price", note("A", 1.0, 0.0, None)),
        ("price", note("A", 1.0, f64::NAN, None)),
        ("put", note("A", 1.0, 1.0, Some(3.5))),
        ("put", note("A", 1.0, 1.0, Some(0.0))),
        ("price", Facility { amortisation: Amortisation::Straight { every: 1.0, instalment: None }, ..plain() }),
        (
            "price",
            Facility {
                draws: Some(Draws { schedule: vec![], commitment_fee: 0.0, repaid: Repaid::Together, spent: 1.0 }),
                ..plain()
            },
        ),
    ] {
        refused(&format!("facilities[0].conversion.{field}"), issuer(vec![note]));
    }
    refused("shares", Borrower { shares: -1.0, ..issuer(vec![plain()]) });
    let error = refused("shares", Borrower { shares: 0.0, ..issuer(vec![plain()]) });
    assert!(error.to_string().contains("facilities[0].conversion"), "{error}");
}

/// The names that a scenario uses.
#[test]
fn a_file_describes_a_note() {
    let text = r#"
        name = "0 % 2032"
        lender = "convertible funds"
        principal = 1_025e6
        coupon = 0
        amortisation = "bullet"
        maturity = 6.17
        conversion = { price = 20.26, put = 3.52 }
    "#;
    let note: Facility = toml::from_str(text).unwrap();
    assert_eq!(note.conversion, Some(Conversion { price: 20.26, put: Some(3.52) }));
}
