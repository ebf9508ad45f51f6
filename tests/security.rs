//! Security, recourse and pledged coins against the worked examples of `docs/credit.md`, to the cent. The laws of
//! `tests/borrower.rs` and the recomputation of `tests/recomputation` hold for borrowers at random; here the numbers can be followed.
#![allow(clippy::float_cmp, reason = "exact degenerate cases are compared exactly")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should say where")]

mod ledger;

use haircut::Simulation;
use haircut::credit::{
    Amortisation, Asset, Book, Borrower, Cause, Disposal, Facility, Fleet, Lien, Recourse, Refinancing, Security,
    Treasury,
};
use ledger::{Ledger, Record, Script, assert_cents, cash_cow, facility, follow, liquid, scripted, trading};

fn bullet(name: &str, principal: f64, coupon: f64, years: f64, security: Security) -> Facility {
    Facility { security: Some(security), ..facility(name, principal, coupon, Amortisation::Bullet, years) }
}

fn fleet(name: &str, asset: &str, units: f64) -> Fleet {
    Fleet { name: name.into(), ..cash_cow(asset, units, 0.0, 1.0) }
}

fn coins(units: f64) -> Vec<Treasury> {
    vec![Treasury { asset: "coin".into(), units }]
}

fn recovered(record: &Record, name: &str, path: usize) -> f64 {
    record.row(&format!("{name}.recovered"), path).iter().sum()
}

/// A first and a second lien on old machines, a loan against five coins, two notes without security, preferred owners.
fn stack() -> Borrower {
    Borrower {
        fleets: vec![fleet("old", "old", 100.0), fleet("new", "new", 50.0)],
        treasury: coins(5.0),
        facilities: vec![
            bullet("first", 500e3, 0.0, 1.0, Security::on([Lien::whole("old")])),
            bullet("second", 200e3, 0.0, 1.0, Security::on([Lien::whole("old")])),
            bullet(
                "coin loan",
                100e3,
                0.0,
                1.0,
                Security { recourse: Recourse::Limited, ..Security::on([Lien::part("coin", 5.0)]) },
            ),
            bullet("A", 300e3, 0.0, 1.0, Security::unsecured()),
            bullet("B", 100e3, 0.0, 1.0, Security::unsecured()),
        ],
        preferred_usd: 50e3,
        ..Borrower::new("stack")
    }
}

#[test]
fn liens_then_the_estate_then_owners() {
    let row = |level: f64| vec![level, level];
    let market = scripted([
        ("old", Script([6e3, 12e3, 6e3].map(row).into())),
        ("new", Script(vec![row(3e3)])),
        ("coin", Script([30e3, 30e3, 10e3].map(row).into())),
    ]);
    let costly = |name: &str| Asset { moving_cost: 0.1, ..liquid(name, name) };
    let trade = trading([costly("old"), costly("new"), liquid("coin", "coin")]);
    let record = follow(market, trade, stack(), 1, 1);
    let expected = [
        ("first", [500e3, 500e3, 500e3]),
        ("second", [92_857.14, 200e3, 78_571.43]),
        ("coin loan", [100e3, 100e3, 50e3]),
        ("A", [99_107.14, 300e3, 72_321.43]),
        ("B", [33_035.71, 100e3, 24_107.14]),
    ];
    for path in 0..3 {
        assert_eq!((record.default_step[path], record.cause[path]), (1.0, Some(Cause::Maturity)));
        for (index, (name, recoveries)) in expected.iter().enumerate() {
            assert_cents(recovered(&record, name, path), recoveries[path]);
            assert_cents(record.exposure[index][path] - record.loss[index][path], recoveries[path]);
        }
        assert_cents(record.at("preferred_paid", 1, path), [0.0, 50e3, 0.0][path]);
        assert_cents(record.at("residual_to_owners", 1, path), [0.0, 115e3, 0.0][path]);
    }
}

#[test]
fn a_deficiency_is_what_unsold_security_does_not_cover() {
    let market = scripted([("gpu", Script(vec![vec![1e3, 1e3, 500.0, 500.0]]))]);
    let borrower = Borrower {
        fleets: vec![fleet("pledged", "gpu", 60.0), fleet("free", "gpu", 100.0)],
        facilities: vec![
            bullet("A", 100e3, 0.0, 1.0, Security::on([Lien::whole("pledged")])),
            bullet("B", 100e3, 0.0, 1.0, Security::unsecured()),
        ],
        liquidation: Disposal { delay: 0.0, over: 2.0 },
        ..Borrower::new("slow")
    };
    let record = follow(market, trading([liquid("gpu", "gpu")]), borrower, 3, 1);
    for (name, [first, second]) in [("A", [44_285.71, 24_693.88]), ("B", [35_714.29, 15_306.12])] {
        assert_cents(record.at(&format!("{name}.recovered"), 1, 0), first);
        assert_cents(record.at(&format!("{name}.recovered"), 2, 0), second);
    }
}

/// Twelve coins, ten of them pledged to a loan; a note; machines that earn 100,000 a year.
fn holder(loan: Facility) -> Borrower {
    Borrower {
        fleets: vec![cash_cow("gpu", 1.0, 100e3, 1.0)],
        treasury: coins(12.0),
        facilities: vec![loan, bullet("note", 180e3, 0.0, 1.0, Security::unsecured())],
        ..Borrower::new("holder")
    }
}

fn hold(loan: Facility, rows: &[[f64; 4]]) -> Record {
    let market =
        scripted([("coin", Script(rows.iter().map(|row| row.to_vec()).collect())), ("gpu", Script(vec![vec![0.0]]))]);
    follow(market, trading([liquid("coin", "coin"), liquid("gpu", "gpu")]), holder(loan), 3, 1)
}

#[test]
fn pledged_coins_pay_their_own_loan_alone() {
    let loan = bullet("loan", 500e3, 0.1, 2.0, Security::on([Lien::part("coin", 10.0)]));
    let record = hold(loan, &[[60e3, 60e3, 60e3, 60e3], [70e3, 70e3, 50e3, 50e3], [70e3, 70e3, 40e3, 40e3]]);
    // Ten coins worth 600,000 do not pay the 10,000 that the note lacks.
    assert_eq!((record.default_step[0], record.cause[0]), (1.0, Some(Cause::Maturity)));
    assert_cents(record.at("treasury_sales", 1, 0), 120e3);
    assert_cents(record.exposure[1][0], 10e3);
    // They are the loan's first, and what it leaves is the note's, then the owners'.
    assert_cents(record.at("residual_to_owners", 1, 0), 600e3 - 500e3 - 10e3);
    assert_eq!(record.loss[1][0], 0.0);
    // On the loan's own last day they pay it, if that is enough.
    assert_cents(record.at("treasury_sales", 1, 1), 130e3);
    assert_cents(record.at("free_coins", 1, 1), 10e3);
    assert_cents(record.at("coins", 1, 1), 710e3);
    assert_cents(record.at("treasury_sales", 2, 1), 450e3);
    assert_cents(record.at("coins", 2, 1), 57_142.86);
    assert_eq!(record.default_step[1], f64::INFINITY);
    // Else they are sold for the lender.
    assert_eq!((record.default_step[2], record.cause[2]), (2.0, Some(Cause::Maturity)));
    assert_cents(record.exposure[0][2], 444_285.71);
    assert_cents(record.loss[0][2], 44_285.71);
}

#[test]
fn pledged_coins_back_a_loan_that_rolls() {
    let refinancing = Some(Refinancing { balloon: 1.0, renewals: 2, ..Refinancing::straight(0.7, 1.0, 0.0) });
    let loan = bullet("loan", 400e3, 0.0, 2.0, Security::on([Lien::part("coin", 10.0)]));
    let record = hold(Facility { refinancing, ..loan }, &[[95e3, 95e3, 60e3, 60e3], [95e3, 95e3, 40e3, 40e3]]);
    // 80,000 in year 1 are 0.842105 coins; the other 1.157895 bring 69,473.68, or 46,315.79. 0.7 of ten coins are 420,000, or 280,000.
    assert_cents(record.at("refinanced", 2, 0), 400e3 - 100e3 - 69_473.68);
    assert_cents(record.at("coins", 2, 0), 600e3);
    assert_eq!(record.default_step[0], f64::INFINITY);
    assert_eq!(record.default_step[1], f64::INFINITY);
    assert_cents(record.at("refinanced", 2, 1), 400e3 - 100e3 - 46_315.79);
}

/// A lender who does not lend again takes its coins rather than a default, if they pay it.
#[test]
fn pledged_coins_pay_a_loan_that_nobody_rolls() {
    let refinancing = Some(Refinancing { balloon: 1.0, ..Refinancing::straight(0.3, 1.0, 0.0) });
    let loan = bullet("loan", 400e3, 0.0, 2.0, Security::on([Lien::part("coin", 10.0)]));
    let record = hold(Facility { refinancing, ..loan }, &[[95e3, 95e3, 60e3, 60e3], [95e3, 95e3, 20e3, 20e3]]);
    // 0.3 of ten coins are 180,000; 230,526.32 are missing, which 3.842105 of them bring.
    assert_cents(record.at("refinanced", 2, 0), 0.0);
    assert_cents(record.at("treasury_sales", 2, 0), 300e3);
    assert_cents(record.at("coins", 2, 0), 369_473.68);
    assert_eq!(record.default_step[0], f64::INFINITY);
    // At 20,000 all eleven bring less than 300,000.
    assert_eq!((record.default_step[1], record.cause[1]), (2.0, Some(Cause::Maturity)));
    assert_cents(record.exposure[0][1], 276_842.11);
    assert_cents(record.loss[0][1], 76_842.11);
}

/// Said in full, what holds without a word is the same: every lender has a lien on everything.
#[test]
fn a_lien_on_everything_is_no_security_of_its_own() {
    let everything = || Some(Security::on(["old", "new"].map(Lien::whole)));
    let mut borrower = Borrower { treasury: Vec::new(), ..stack() };
    borrower.facilities.iter_mut().for_each(|facility| facility.security = None);
    let row = |level: f64| vec![level, level];
    let run = |borrower: Borrower| {
        let market = scripted([("old", Script(vec![row(6e3), row(2e3)])), ("new", Script(vec![row(3e3)]))]);
        follow(market, trading([liquid("old", "old"), liquid("new", "new")]), borrower, 1, 1)
    };
    let without = run(borrower.clone());
    borrower.facilities.iter_mut().for_each(|facility| facility.security = everything());
    assert_eq!(run(borrower), without);
}

#[test]
fn what_is_pledged_twice_is_refused_with_both_names() {
    let lien = |units| Security::on([Lien::part("coin", units)]);
    let refused = |first: Security, second: Security| {
        let facilities = vec![bullet("first", 1.0, 0.0, 1.0, first), bullet("second", 1.0, 0.0, 1.0, second)];
        let borrower = Borrower { treasury: coins(10.0), facilities, ..Borrower::new("twice") };
        let book = Book::new([borrower]).liquidation(trading([liquid("coin", "coin")]));
        let market = scripted([("coin", Script(vec![vec![1.0]]))]);
        Simulation::new(market, book)
            .months(1)
            .paths(1)
            .run(Ledger("twice".into()))
            .err()
            .map(|error| error.to_string())
    };
    assert_eq!(refused(lien(6.0), lien(4.0)), None);
    assert_eq!(refused(lien(6.0), Security::on([Lien::whole("coin")])), None);
    let error = refused(lien(6.0), lien(5.0)).unwrap();
    assert!(error.contains("11 of 10 units of `coin` are given to `first` and `second`"), "{error}");
    let error = refused(lien(10.0), Security::on([Lien::whole("coin")])).unwrap();
    assert!(error.contains("10 of 10 units of `coin` are given to `first` and `second`"), "{error}");
}
