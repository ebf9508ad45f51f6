//! Notes that become shares: the examples of docs/credit.md to the cent, and the cases in which a conversion must change nothing. The
//! recomputation meets them at random; it would not show that the lowest conversion price goes first because of the dilution.
#![allow(clippy::float_cmp, reason = "exact degenerate cases are compared exactly")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should say where")]

mod ledger;

use haircut::credit::{
    Amortisation, Book, Borrower, Cause, Conversion, Coupon, Draws, Facility, LiquidationMarket, Refinancing, Repaid,
    SoftCall, Treasury,
};
use haircut::measure::FairSpread;
use haircut::numeric::TimeGrid;
use haircut::{Error, Simulation};
use ledger::random::{borrowers, cases, worlds};
use ledger::{
    FacilityLedger, Ledger, Record, Script, assert_cents, assert_rounding, facility, follow, liquid, scripted, trading,
};
use proptest::prelude::*;
use statrs::distribution::{ContinuousCDF, Normal};

const NAME: &str = "issuer";

fn note(name: &str, principal: f64, price: f64, puts: &[f64]) -> Facility {
    Facility {
        conversion: Some(Conversion { puts: puts.to_vec(), ..Conversion::at_maturity(price) }),
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

/// The same at prices that move, from today on.
fn moving(borrower: Borrower, prices: &[&[f64]]) -> Record {
    let market = scripted([("coin", Script(prices.iter().map(|row| row.to_vec()).collect()))]);
    follow(market, trading([liquid("coin", "coin")]), borrower, 4, 1)
}

/// docs/credit.md, "one note": due in year 1.
#[test]
fn a_note_becomes_shares_or_a_claim() {
    let one_year = Facility { maturity: 1.0, ..note("A", 400e3, 500.0, &[]) };
    let record = years(issuer(vec![one_year]), &[10e3, 9e3, 3.9e3]);
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
    // Due in year 3 nothing happens before.
    let record = years(issuer(vec![note("A", 400e3, 500.0, &[])]), &[10e3]);
    assert_eq!(record.row("exchanged", 0), [0.0, 0.0, 400e3, 0.0]);
}

/// docs/credit.md, "puts": in years 1 and 2, due in year 3.
#[test]
fn a_holder_stays_above_the_price_and_asks_for_money_below() {
    let issuer = |hold_above: f64| {
        let terms = Conversion { puts: vec![1.0, 2.0], hold_above, ..Conversion::at_maturity(500.0) };
        issuer(vec![Facility { conversion: Some(terms), ..note("A", 400e3, 500.0, &[]) }])
    };
    let prices: [&[f64]; 5] = [
        &[10e3, 10e3, 9.5e3, 10e3],
        &[10e3, 10e3, 9e3, 10e3],
        &[10e3, 10e3, 3.9e3],
        &[10e3, 10e3, 9.5e3, 3.9e3],
        &[8.5e3, 8.5e3, 8e3],
    ];
    let record = moving(issuer(1.0), &prices);
    // 600 and 550 a share: it stays; 600 at maturity.
    assert_eq!(record.row("exchanged", 0), [0.0, 0.0, 400e3, 0.0]);
    assert_eq!(record.row("balance", 0), [400e3, 400e3, 0.0, 0.0]);
    assert_eq!(record.row("treasury_sales", 0), [0.0; 4]);
    // 500 on the second date: money, from 44.44 coins; nothing is left to convert.
    assert_eq!(record.row("exchanged", 1), [0.0; 4]);
    assert_eq!(record.row("shares", 1), [1_000.0; 4]);
    assert_cents(record.at("treasury_sales", 2, 1), 400e3);
    assert_cents(record.at("A.principal_paid", 2, 1), 400e3);
    assert_cents(record.at("debt_service_paid", 2, 1), 400e3);
    assert_cents(record.at("coins", 2, 1), 500e3);
    assert_eq!((record.at("balance", 2, 1), record.default_step[1]), (0.0, f64::INFINITY));
    // 390,000 for 400,000, asked for in year 2, and due in year 3.
    for (path, year) in [(2, 2.0), (3, 3.0)] {
        assert_eq!((record.default_step[path], record.cause[path]), (year, Some(Cause::Maturity)));
        assert_cents(record.exposure[0][path], 10e3);
    }
    // 450 a share: below the price it asks at once, above 0.8 of it it stays; 400 is not above.
    assert_cents(record.at("treasury_sales", 1, 4), 400e3);
    let record = moving(issuer(0.8), &prices);
    assert_eq!(record.row("treasury_sales", 4)[0], 0.0);
    assert_cents(record.at("treasury_sales", 2, 4), 400e3);
    assert_cents(record.at("coins", 2, 4), 400e3);
}

/// docs/credit.md, "a call": on a date on which the holder could also ask for its money.
#[test]
fn an_issuer_calls_what_is_worth_more_than_its_price() {
    let called = |from: f64| {
        let call = Some(SoftCall { from, above: 1.3 });
        let terms = Conversion { puts: vec![1.0], call, ..Conversion::at_maturity(500.0) };
        issuer(vec![Facility { conversion: Some(terms), ..note("A", 400e3, 500.0, &[]) }])
    };
    let record = years(called(1.0), &[10.6e3, 10.5e3]);
    // 660 a share.
    assert_eq!(record.row("exchanged", 0), [400e3, 0.0, 0.0, 0.0]);
    assert_eq!(record.row("shares", 0), [1_800.0; 4]);
    assert_eq!((record.at("balance", 1, 0), record.at("debt_service_due", 1, 0)), (0.0, 0.0));
    assert_cents(record.at("A.principal_paid", 1, 0), 400e3);
    assert_cents(record.at("coins", 1, 0) / record.at("shares", 1, 0), 588.89);
    // 650 is not above: it stays, and converts at maturity.
    assert_eq!(record.row("exchanged", 1), [0.0, 0.0, 400e3, 0.0]);
    assert_eq!(years(called(1.5), &[10.6e3]).row("exchanged", 0), [0.0, 400e3, 0.0, 0.0]);
}

/// docs/credit.md, the table of `hold_above`: where a note that is converted or repaid at the next date is worth its principal.
#[test]
fn the_money_is_worth_more_below_the_threshold() {
    let normal = Normal::standard();
    let [rate, spread, years] = [0.04, 0.06, 2.0_f64];
    let worth = |parity: f64, volatility: f64| {
        let deviation = volatility * years.sqrt();
        let upper = (parity.ln() + (rate + 0.5 * volatility * volatility) * years) / deviation;
        parity * normal.cdf(upper) + (-(rate + spread) * years).exp() * normal.cdf(deviation - upper)
    };
    for (volatility, threshold) in [(0.4, 0.82), (0.6, 0.68), (0.8, 0.56), (1.0, 0.47)] {
        assert!(
            worth(threshold - 0.005, volatility) < 1.0 && worth(threshold + 0.005, volatility) > 1.0,
            "{volatility}"
        );
    }
}

/// docs/credit.md, "two notes": what the first takes dilutes the second.
#[test]
fn the_lowest_conversion_price_goes_first() {
    let notes = |swapped: bool| {
        let mut notes = vec![note("A", 400e3, 500.0, &[]), note("B", 300e3, 560.0, &[])];
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
    let bond = Facility { coupon: Coupon::Fixed(0.05), maturity: 1.0, ..note("A", 400e3, 500.0, &[]) };
    let borrower = |cash: f64| Borrower { cash, ..issuer(vec![loan.clone(), bond.clone()]) };
    // 1,100,000 + cash - 220,000 - 420,000 = 500,000 + cash - 40,000: 40,000 is not enough, 40,001 is.
    let record = years(borrower(40_000.0), &[11e3]);
    assert_eq!(record.at("exchanged", 1, 0), 0.0);
    let record = years(borrower(40_001.0), &[11e3]);
    assert_eq!(record.at("exchanged", 1, 0), 400e3);
    assert_cents(record.at("debt_service_paid", 1, 0), 40e3);
    assert_cents(record.at("A.interest_paid", 1, 0), 20e3);
    assert_cents(record.at("cash", 1, 0), 1.0);
    // Machines are lent against, for three years more, and the loan is no note any more: nothing happens on the date on which that was due.
    let clause = Refinancing { balloon: 1.0, ..Refinancing::straight(1.0, 3.0, 0.0) };
    let note = Facility { refinancing: Some(clause), ..note("A", 400e3, 500.0, &[1.0, 2.0]) };
    let hoard = Borrower { cash: 100e3, treasury: Vec::new(), ..issuer(vec![note]) };
    let machines = Borrower { fleets: vec![ledger::cash_cow("coin", 100.0, 0.0, 1.0)], ..hoard };
    let record = years(machines, &[3.9e3]);
    assert_cents(record.at("refinanced", 1, 0), 300e3);
    assert_eq!(record.row("balance", 0), [300e3, 300e3, 300e3, 0.0]);
    assert_eq!(record.row("exchanged", 0), [0.0; 4]);
}

/// Repaid at par, to the measures of a lender's cash.
#[test]
fn a_conversion_is_no_loss() {
    let run = |price: f64| {
        let market = scripted([("coin", Script(vec![vec![price]]))]);
        let book = Book::new([issuer(vec![note("A", 400e3, 500.0, &[1.0, 2.0])])]);
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

    /// A conversion price that no share reaches leaves every bit alone without puts, whatever the call: a note is then a loan.
    #[test]
    fn a_note_out_of_reach_is_a_loan(world in worlds(), borrower in borrowers(NAME)) {
        let (mut far, mut plain) = (borrower.clone(), borrower);
        for conversion in far.facilities.iter_mut().flat_map(|facility| &mut facility.conversion) {
            (conversion.price, conversion.puts) = (1e15, Vec::new());
        }
        for facility in &mut plain.facilities {
            facility.conversion = None;
        }
        let run = |borrower: Borrower| {
            let mut record = world.simulation(Book::new([borrower])).run(FacilityLedger(Ledger(NAME.into()))).unwrap();
            record.metrics.remove("shares");
            record
        };
        prop_assert_eq!(run(far), run(plain));
    }

    /// With puts it is a loan due on the date of the first, but for rounding; and for a reserve account, which waits for what is agreed.
    #[test]
    fn a_note_out_of_reach_is_due_at_its_first_put(world in worlds(), borrower in borrowers(NAME)) {
        let (mut far, mut plain) = (borrower.clone(), borrower);
        for facility in &mut far.facilities {
            facility.reserve = None;
            if let Some(conversion) = &mut facility.conversion {
                (conversion.price, conversion.hold_above) = (1e15, 1.0);
            }
        }
        for facility in &mut plain.facilities {
            facility.reserve = None;
            let put = facility.conversion.take().and_then(|conversion| conversion.puts.first().copied());
            facility.maturity = put.unwrap_or(facility.maturity);
        }
        let run = |borrower: Borrower| world.simulation(Book::new([borrower])).run(FacilityLedger(Ledger(NAME.into()))).unwrap();
        let (far, plain) = (run(far), run(plain));
        prop_assert_eq!((&far.default_step, &far.cause), (&plain.default_step, &plain.cause));
        for (far, plain) in far.loss.iter().flatten().zip(plain.loss.iter().flatten()) {
            prop_assert!((far - plain).abs() <= 1e-6 + 1e-9 * plain.abs(), "{} for {}", far, plain);
        }
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
    let plain = || note("A", 400e3, 500.0, &[]);
    let terms = |terms: Conversion| Facility { conversion: Some(terms), ..plain() };
    let call = |from: f64, above: f64| {
        terms(Conversion { call: Some(SoftCall { from, above }), ..Conversion::at_maturity(500.0) })
    };
    for (field, note) in [
        ("price", note("A", 1.0, 0.0, &[])),
        ("price", note("A", 1.0, f64::NAN, &[])),
        ("puts[0]", note("A", 1.0, 1.0, &[3.5])),
        ("puts[0]", note("A", 1.0, 1.0, &[0.0])),
        ("puts[1]", note("A", 1.0, 1.0, &[1.0, 1.0])),
        ("puts[2]", note("A", 1.0, 1.0, &[1.0, 2.0, f64::NAN])),
        ("hold_above", terms(Conversion { hold_above: 1.1, ..Conversion::at_maturity(500.0) })),
        ("call.from", call(3.5, 1.3)),
        ("call.above", call(1.0, 0.9)),
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
        conversion = { price = 20.26, puts = [3.52, 5.0], hold_above = 0.6, call = { from = 3, above = 1.3 } }
    "#;
    let note: Facility = toml::from_str(text).unwrap();
    let call = Some(SoftCall { from: 3.0, above: 1.3 });
    assert_eq!(note.conversion, Some(Conversion { price: 20.26, puts: vec![3.52, 5.0], hold_above: 0.6, call }));
    let least: Conversion = toml::from_str("price = 20.26").unwrap();
    assert_eq!(least, Conversion::at_maturity(20.26));
}
