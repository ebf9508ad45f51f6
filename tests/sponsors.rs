//! Sponsors: the examples of docs/credit.md to the cent, who is helped when and how often, and the cases in which a sponsor must change
//! nothing. The recomputation meets sponsors whose help is certain; it would not show odds, or a resolve that borrowers do not share.
#![allow(clippy::float_cmp, reason = "exact degenerate cases are compared exactly")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should say where")]

mod ledger;

use haircut::credit::{
    Acceleration, Amortisation, Book, Borrower, Cause, Covenant, CovenantTest, Facility, Quantity, Sponsor, SupportForm,
};
use haircut::market::{Counterparty, Gbm, Market};
use haircut::measure::{Fate, Outcomes};
use haircut::numeric::{PATHS, TimeGrid};
use haircut::{Error, Simulation};
use ledger::random::{borrowers, cases, worlds};
use ledger::{
    FacilityLedger, Ledger, Record, assert_cents, cash_cow, facility, follow, liquid, script, scripted, trading,
};
use proptest::prelude::*;

const NAME: &str = "someone";

/// Certain, if the sponsor is able to.
const CERTAIN: f64 = 700.0;

fn bullet(name: &str, principal: f64, coupon: f64, maturity: f64) -> Facility {
    facility(name, principal, coupon, Amortisation::Bullet, maturity)
}

/// Machines that earn 1,000,000 a year at a rent of one.
fn company(facilities: impl Into<Vec<Facility>>, sponsor: Sponsor) -> Borrower {
    Borrower {
        fleets: vec![cash_cow("gpu", 100.0, 1_000_000.0, "rent")],
        facilities: facilities.into(),
        sponsor: Some(sponsor),
        ..Borrower::new(NAME)
    }
}

/// Years of rents from time zero, machines at 9,000.
fn years(rents: &[f64], borrower: Borrower) -> Record {
    let market = scripted([("rent", script(rents)), ("gpu", script([9_000.0]))]);
    follow(market, trading([liquid("gpu", "gpu")]), borrower, rents.len() - 1, 1)
}

/// docs/credit.md, "a line of liquidity".
#[test]
fn liquidity_pays_what_is_unpaid() {
    let run = |capacity| {
        let sponsor = Sponsor::new("cloud", SupportForm::Liquidity, capacity, CERTAIN);
        years(&[1.0, 0.12, 0.04, 0.15], company([bullet("loan", 1_000_000.0, 0.1, 3.0)], sponsor))
    };
    let record = run(100_000.0);
    // Year 2: 20,000 + 40,000 against 100,000; year 3: 150,000 against 1,100,000, and 60,000 are left.
    assert_eq!(record.row("support", 0), [0.0, 1.0, 0.0]);
    assert_cents(record.row("injected", 0)[1], 40_000.0);
    assert_cents(record.row("debt_service_paid", 0)[1], 100_000.0);
    assert_cents(record.row("loan.interest_paid", 0)[1], 100_000.0);
    assert_cents(record.row("cash", 0)[1], 0.0);
    assert_eq!((record.default_step[0], record.cause[0]), (3.0, Some(Cause::Maturity)));
    assert_cents(record.exposure[0][0], 950_000.0);
    let record = run(39_999.0);
    assert_eq!((record.default_step[0], record.cause[0]), (2.0, Some(Cause::Payment)));
    assert_cents(record.exposure[0][0], 1_040_000.0);
    // 40,000 + 950,000.
    assert!(run(990_000.0).default_step[0].is_infinite() && run(989_999.0).default_step[0] == 3.0);
}

/// A sponsor waits for as long as lenders do, and pays open bills too.
#[test]
fn support_comes_at_the_end_of_grace() {
    let sponsor = Sponsor::new("cloud", SupportForm::Liquidity, 1e9, CERTAIN);
    let borrower = Borrower {
        grace: 1.0,
        overhead_usd_per_year: 30_000.0,
        ..company([bullet("loan", 1_000_000.0, 0.1, 9.0)], sponsor)
    };
    // Year 2: all of 100,000 missed, and 10,000 of bills. Year 3: 110,000 + 100,000 due, 20,000 and last year's bills in cash flow.
    let record = years(&[1.0, 0.13, 0.02, 0.06, 0.13], borrower);
    assert_eq!(record.row("support", 0), [0.0, 0.0, 1.0, 0.0]);
    assert_cents(record.row("cash", 0)[1], -10_000.0);
    assert_cents(record.row("arrears", 0)[1], 100_000.0);
    assert_cents(record.row("injected", 0)[2], 190_000.0);
    // Interest first: 100,000 of the step, 10,000 on arrears, 100,000 of last year's.
    assert_cents(record.row("loan.interest_paid", 0)[2], 210_000.0);
    assert_cents(record.row("arrears", 0)[2], 0.0);
    assert!(record.default_step[0].is_infinite());
}

/// docs/credit.md, "debt for equity".
#[test]
fn converted_claims_are_a_loss_and_no_default() {
    let run = |named: &str, share, capacity| {
        let form = SupportForm::DebtForEquity { facilities: vec![named.into()], share };
        let loans = [bullet("senior", 600_000.0, 0.08, 4.0), bullet("note", 400_000.0, 0.1, 4.0)];
        let borrower = company(loans, Sponsor::new("maker", form, capacity, CERTAIN));
        let market = scripted([
            ("rent", script([1.0, 0.06, 0.07])),
            ("gpu", script([9_000.0])),
            ("discount", script([1.0, 0.95, 0.9])),
        ]);
        let book = Book::new([borrower]).liquidation(trading([liquid("gpu", "gpu")])).discount("discount");
        let grid = TimeGrid::regular(2, 1).unwrap();
        let simulation = Simulation::new(market, book).grid(grid).paths(PATHS as u64).threads(1);
        simulation.run(FacilityLedger(Ledger(NAME.into()))).unwrap()
    };
    // Due 48,000 + 40,000, of which 60,000 are there: the note lacks 28,000. 60 % of 428,000 become shares.
    let record = run("note", 0.6, 256_800.0);
    assert_cents(record.row("converted", 0)[0], 256_800.0);
    assert_cents(record.row("note.converted", 0)[0], 256_800.0);
    assert_eq!(record.row("injected", 0)[0], 0.0);
    assert_cents(record.row("note.balance", 0)[0], 171_200.0);
    assert_cents(record.row("note.interest_paid", 0)[0], 12_000.0);
    assert_cents(record.loss[1][0], 0.95 * 256_800.0);
    assert_eq!((record.loss[0][0], record.exposure[1][0]), (0.0, 0.0));
    assert!(record.default_step[0].is_infinite());
    // Year 2: 48,000 + 17,120 due of 70,000.
    assert_cents(record.row("debt_service_due", 0)[1], 65_120.0);
    assert_cents(record.row("cash", 0)[1], 4_880.0);
    assert_eq!(run("note", 0.6, 256_799.0).default_step[0], 1.0);
    // A tenth of the senior loan instead: the sponsor pays what the note lacks.
    let record = run("senior", 0.1, 88_000.0);
    assert_cents(record.row("converted", 0)[0], 60_000.0);
    assert_cents(record.row("injected", 0)[0], 28_000.0);
    assert_cents(record.row("senior.balance", 0)[0], 540_000.0);
    assert_cents(record.row("note.interest_paid", 0)[0], 40_000.0);
    assert_eq!(run("senior", 0.1, 87_999.0).default_step[0], 1.0);
}

/// docs/credit.md, "a takeover".
#[test]
fn a_takeover_repays_everything_or_nothing() {
    let run = |valuation, capacity| {
        let loans = [bullet("senior", 600_000.0, 0.08, 4.0), bullet("note", 400_000.0, 0.1, 4.0)];
        let sponsor = Sponsor::new("maker", SupportForm::Takeover { valuation }, capacity, CERTAIN);
        years(&[1.0, 0.06, 0.07], company(loans, sponsor))
    };
    // 1,000,000 and 28,000 unpaid, of machines worth 1.2 x 900,000 to the sponsor.
    let record = run(1.2, 1_028_000.0);
    assert_cents(record.row("injected", 0)[0], 1_028_000.0);
    assert_cents(record.row("prepaid", 0)[0], 1_000_000.0);
    assert_cents(record.row("note.principal_paid", 0)[0], 400_000.0);
    assert_eq!(record.row("balance", 0), [0.0, 0.0]);
    assert_cents(record.row("cash", 0)[1], 70_000.0);
    assert_eq!(record.loss, vec![vec![0.0; PATHS]; 2]);
    assert!(record.default_step[0].is_infinite());
    assert_eq!(run(1.14, 1e9).default_step[0], 1.0);
    assert_eq!(run(1.2, 1_027_999.0).default_step[0], 1.0);
}

/// docs/credit.md: where a covenant would accelerate, liquidity is what the test lacks; another form ends the breach.
#[test]
fn a_sponsor_prevents_an_acceleration() {
    let run = |form, capacity| {
        let test = CovenantTest::Dscr { at_least: 1.1, years: 1.0 };
        let acceleration = Some(Acceleration { cure: 1.0, waiver: 0.0 });
        let loan =
            facility("loan", 2_000_000.0, 0.1, Amortisation::Straight { every: 1.0, instalment: Some(300_000.0) }, 6.0);
        let borrower = Borrower {
            cash: 100_000.0,
            covenants: vec![Covenant { acceleration, ..Covenant::new("default", test) }],
            ..company([loan], Sponsor::new("cloud", form, capacity, CERTAIN))
        };
        years(&[1.0, 0.8, 0.5, 0.4, 0.5], borrower)
    };
    // The example of covenants: 1.1 x 440,000 - 400,000.
    let record = run(SupportForm::Liquidity, 84_000.0);
    assert_cents(record.row("injected", 0)[2], 84_000.0);
    assert_cents(record.row("cash", 0)[2], 474_000.0);
    assert_eq!(record.row("support", 0), [0.0, 0.0, 1.0, 0.0]);
    assert_eq!(record.row("equity_cure", 0), [0.0; 4]);
    assert_eq!(run(SupportForm::Liquidity, 83_999.0).default_step[0], 3.0);
    // Half of what is owed then, 1,100,000: 250,000 of principal and 55,000 of interest are due in year 4.
    let record = run(SupportForm::DebtForEquity { facilities: vec!["loan".into()], share: 0.5 }, 1e9);
    assert_cents(record.row("converted", 0)[2], 550_000.0);
    assert_cents(record.row("debt_service_due", 0)[3], 355_000.0);
    assert_eq!(record.row("breach", 0), [0.0, 1.0, 0.0, 0.0]);
    assert!(record.default_step[0].is_infinite());
    let record = run(SupportForm::Takeover { valuation: 2.0 }, 1e9);
    assert_cents(record.row("prepaid", 0)[2], 1_100_000.0);
    assert_eq!(record.row("debt_service_due", 0)[3], 0.0);
}

/// Two borrowers of one sponsor over a year, in this order: A lacks 40,000, B 30,000.
fn share(names: [&str; 2], terms: &Sponsor) -> [Record; 2] {
    let borrower = |name: &str| {
        let (principal, cfads) = if name == "A" { (1_000_000.0, 60_000.0) } else { (1_200_000.0, 90_000.0) };
        let borrower = company([bullet("loan", principal, 0.1, 9.0)], terms.clone());
        Borrower { name: name.into(), fleets: vec![cash_cow("gpu", 100.0, cfads, "rent")], ..borrower }
    };
    let market = scripted([("rent", script([1.0])), ("gpu", script([9_000.0]))]);
    let book = Book::new(names.map(borrower)).liquidation(trading([liquid("gpu", "gpu")]));
    let simulation = Simulation::new(market, book).grid(TimeGrid::regular(1, 1).unwrap()).paths(PATHS as u64);
    simulation.run((Ledger("A".into()), Ledger("B".into()))).unwrap().into()
}

/// docs/credit.md, "one commitment for two".
#[test]
fn what_is_given_to_one_is_not_there_for_the_other() {
    let sponsor = Sponsor::new("cloud", SupportForm::Liquidity, 50_000.0, CERTAIN);
    let of = |commitment: f64| Sponsor { commitment: Some(commitment), ..sponsor.clone() };
    let defaults = |records: &[Record; 2]| records.each_ref().map(|record| record.default_step[0].is_finite());
    let first = share(["A", "B"], &of(50_000.0));
    assert_eq!(defaults(&first), [false, true]);
    assert_cents(first[0].at("injected", 1, 0), 40_000.0);
    assert_cents(first[1].exposure[0][0], 1_230_000.0);
    let swapped = share(["B", "A"], &of(50_000.0));
    assert_eq!(defaults(&swapped), [true, false]);
    assert_cents(swapped[1].at("injected", 1, 0), 30_000.0);
    assert_cents(swapped[0].exposure[0][0], 1_040_000.0);
    // Twice as much is enough for both, and so are 70,000.
    assert_eq!(defaults(&share(["A", "B"], &of(100_000.0))), [false; 2]);
    assert_eq!(defaults(&share(["A", "B"], &of(70_000.0))), [false; 2]);
    assert_eq!(defaults(&share(["A", "B"], &of(69_999.0))), [false, true]);
    // 0.8 x 80,000 - 40,000 = 24,000; of 90,000 it is 32,000.
    let in_state = |commitment| Sponsor { state: 0.8.into(), ..of(commitment) };
    assert_eq!(defaults(&share(["A", "B"], &in_state(80_000.0))), [false, true]);
    assert_eq!(defaults(&share(["A", "B"], &in_state(90_000.0))), [false; 2]);
    // Without a commitment what it gives to others reduces nothing.
    assert_eq!(defaults(&share(["A", "B"], &sponsor)), [false; 2]);
}

/// Who names the same sponsor names the same commitment.
#[test]
fn two_commitments_of_one_sponsor_are_refused_with_both_names() {
    let refused = |commitments: [Option<f64>; 2]| {
        let borrower = |name: &str, commitment| {
            let sponsor = Sponsor { commitment, ..Sponsor::new("cloud", SupportForm::Liquidity, 1e6, 0.0) };
            Borrower { name: name.into(), ..company([bullet("loan", 1e6, 0.1, 9.0)], sponsor) }
        };
        let book = Book::new([borrower("A", commitments[0]), borrower("B", commitments[1])]);
        let market = scripted([("rent", script([1.0])), ("gpu", script([1.0]))]);
        let book = book.liquidation(trading([liquid("gpu", "gpu")]));
        Simulation::new(market, book).months(1).paths(1).run(Ledger("A".into()))
    };
    for commitments in [[Some(1e6), Some(2e6)], [None, Some(1e6)], [Some(1e6), None]] {
        let error = refused(commitments).unwrap_err();
        assert_eq!(error.field(), Some("obligors[1].sponsor.commitment"), "{error}");
        assert!(["`A`", "`B`", "`sponsor/cloud`"].iter().all(|name| error.to_string().contains(name)), "{error}");
    }
    assert!(refused([Some(1e6); 2]).is_ok() && refused([None; 2]).is_ok());
}

/// docs/credit.md, "odds".
#[test]
fn support_is_as_likely_as_it_says() {
    let sponsor = |name: &str| Sponsor {
        state: 0.8.into(),
        state_weight: 2.0,
        conditions: "funding".into(),
        conditions_weight: 1.0,
        need_weight: 1.5,
        ..Sponsor::new(name, SupportForm::Liquidity, 100_000.0, -1.0)
    };
    let of = |borrower: &str, sponsor: Sponsor| Borrower {
        name: borrower.into(),
        ..company([bullet("loan", 1_000_000.0, 0.1, 3.0)], sponsor)
    };
    let well = of("well", Sponsor { state: 1.0.into(), ..sponsor("cloud") });
    let book = [of("one", sponsor("cloud")), of("two", sponsor("cloud")), of("other", sponsor("maker")), well];
    let market = scripted([("rent", script([1.0, 0.06])), ("gpu", script([9_000.0])), ("funding", script([0.5]))]);
    let book = Book::new(book).liquidation(trading([liquid("gpu", "gpu")]));
    let grid = TimeGrid::regular(1, 1).unwrap();
    let paths = 1_u64 << 15;
    let ledgers = (Ledger("one".into()), Ledger("two".into()), Ledger("other".into()), Ledger("well".into()));
    let run = Simulation::new(market, book).grid(grid).paths(paths);
    let (one, two, other, well) = run.run(ledgers).unwrap();
    let helped = |record: &Record| -> Vec<bool> { record.metrics["support"][1].iter().map(|n| *n > 0.0).collect() };
    // -1 + 2 x 0.8 + 0.5 - 1.5 x 40 / 100 = 0.5.
    let expected = 1.0 / (1.0 + f64::exp(-0.5));
    for record in [&one, &other] {
        let share = helped(record).iter().filter(|helped| **helped).count() as f64 / paths as f64;
        assert!((share - expected).abs() < 5.0 * (expected * (1.0 - expected) / paths as f64).sqrt(), "{share}");
    }
    // One sponsor has one resolve; another has its own; a sponsor that is better off never gives less.
    assert_eq!(helped(&one), helped(&two));
    let both = std::iter::zip(helped(&one), helped(&other)).filter(|(one, other)| *one && *other).count() as f64;
    let product = expected * expected;
    assert!((both / paths as f64 - product).abs() < 5.0 * (product * (1.0 - product) / paths as f64).sqrt());
    assert!(std::iter::zip(helped(&one), helped(&well)).all(|(one, well)| well || !one));
    assert!(helped(&well) != helped(&one));
}

/// A sponsor that is certain turns every default into a bailout, and nothing else into one.
#[test]
fn every_default_that_would_be_is_a_bailout() {
    let run = |sponsor: Option<Sponsor>| {
        let borrower = Borrower {
            cash: 100_000.0,
            sponsor,
            grace: 0.25,
            ..company([bullet("loan", 2_000_000.0, 0.1, 2.0)], Sponsor::new("", SupportForm::Liquidity, 0.0, 0.0))
        };
        let walk = Gbm { initial: 0.9, drift: 0.1, volatility: 0.5 };
        let market = Market::builder().factor("rent", walk.clone()).factor("gpu", Gbm { initial: 9e3, ..walk }).build();
        let book = Book::new([borrower]).liquidation(trading([liquid("gpu", "gpu")]));
        Simulation::new(market.unwrap(), book).months(24).paths(10_000).run(Outcomes::new(1.3)).unwrap().remove(0)
    };
    let (alone, helped) = (run(None), run(Some(Sponsor::new("cloud", SupportForm::Liquidity, 1e15, CERTAIN))));
    let paths = |fates: &haircut::measure::ObligorFates, fate: Fate| fates.fates[fate as usize].paths;
    assert!(paths(&alone, Fate::DebtTrap) > 1000 && paths(&alone, Fate::DebtTrap) < 9000);
    assert_eq!(paths(&helped, Fate::StrategicBailout), paths(&alone, Fate::DebtTrap));
    assert_eq!(paths(&helped, Fate::DebtTrap), 0);
    for fates in [&alone, &helped] {
        assert_eq!(fates.fates.iter().map(|fate| fate.paths).sum::<u64>(), 10_000);
        let sum: f64 = fates.fates.iter().map(|fate| fate.probability.value).sum();
        assert!((sum - 1.0).abs() < 1e-15, "{sum}");
    }
    // Between the two, some of each.
    let unsure = run(Some(Sponsor { need_weight: 1.0, ..Sponsor::new("cloud", SupportForm::Liquidity, 1e6, 0.0) }));
    let [saved, lost] = [Fate::StrategicBailout, Fate::DebtTrap].map(|fate| paths(&unsure, fate));
    assert!(saved > 100 && lost > 100);
    assert_eq!(saved + lost, paths(&alone, Fate::DebtTrap));
}

/// A counterparty that has defaulted helps nobody.
#[test]
fn a_sponsor_may_fail_itself() {
    let sponsor = Sponsor { state: "maker".into(), ..Sponsor::new("maker", SupportForm::Liquidity, 1e9, CERTAIN) };
    let borrower = company([bullet("loan", 1_000_000.0, 0.1, 9.0)], sponsor);
    let market = Market::builder().factor("maker", Counterparty::hazard(0.5)).factor("rent", script([1.0, 0.1, 0.06]));
    let market = market.factor("gpu", script([9_000.0])).build().unwrap();
    let book = Book::new([borrower]).liquidation(trading([liquid("gpu", "gpu")]));
    let grid = TimeGrid::regular(2, 1).unwrap();
    let paths = 1_u64 << 14;
    let record = Simulation::new(market, book).grid(grid).paths(paths).run(Ledger(NAME.into())).unwrap();
    // Year 1 pays itself; year 2 lacks 40,000, which the sponsor pays if it has survived.
    let share = record.metrics["support"][2].iter().sum::<f64>() / paths as f64;
    let expected = f64::exp(-1.0);
    assert!((share - expected).abs() < 5.0 * (expected * (1.0 - expected) / paths as f64).sqrt(), "{share}");
    assert!(
        record
            .default_step
            .iter()
            .zip(&record.metrics["support"][2])
            .all(|(at, helped)| at.is_finite() == (*helped == 0.0))
    );
}

proptest! {
    #![proptest_config(cases(64))]

    /// A sponsor without money, or one that never helps, changes no bit, whatever it would do.
    #[test]
    fn a_sponsor_without_money_changes_no_bit(world in worlds(), borrower in borrowers(NAME)) {
        let run = |borrower: Borrower| world.simulation(Book::new([borrower])).run(Ledger(NAME.into())).unwrap();
        let Some(sponsor) = borrower.sponsor.clone() else { return Ok(()) };
        let alone = run(Borrower { sponsor: None, ..borrower.clone() });
        let poor = Sponsor { capacity: 0.0, ..sponsor.clone() };
        prop_assert_eq!(&run(Borrower { sponsor: Some(poor), ..borrower.clone() }), &alone);
        let spent = Sponsor { commitment: Some(0.0), ..sponsor.clone() };
        prop_assert_eq!(&run(Borrower { sponsor: Some(spent), ..borrower.clone() }), &alone);
        let gone = Sponsor { state: 0.0.into(), ..sponsor };
        prop_assert_eq!(&run(Borrower { sponsor: Some(gone), ..borrower }), &alone);
    }

    /// A commitment that is never used up is none, and one that is the capacity of the only borrower is that.
    #[test]
    fn a_commitment_that_does_not_bind_changes_no_bit(world in worlds(), borrower in borrowers(NAME)) {
        let run = |commitment| {
            let mut borrower = borrower.clone();
            borrower.sponsor.iter_mut().for_each(|sponsor| sponsor.commitment = commitment);
            world.simulation(Book::new([borrower])).run(Ledger(NAME.into())).unwrap()
        };
        let without = run(None);
        prop_assert_eq!(&run(Some(1e15)), &without);
        prop_assert_eq!(&run(borrower.sponsor.as_ref().map(|sponsor| sponsor.capacity)), &without);
    }
}

#[test]
fn every_bad_field_is_refused_by_its_name() {
    let good = || Sponsor::new("cloud", SupportForm::Liquidity, 1e6, 0.0);
    let shares = |facilities: &[&str], share| SupportForm::DebtForEquity {
        facilities: facilities.iter().map(|name| (*name).into()).collect(),
        share,
    };
    let bad = [
        ("name", Sponsor { name: String::new(), ..good() }),
        ("capacity", Sponsor { capacity: -1.0, ..good() }),
        ("capacity", Sponsor { capacity: f64::NAN, ..good() }),
        ("commitment", Sponsor { commitment: Some(-1.0), ..good() }),
        ("commitment", Sponsor { commitment: Some(f64::INFINITY), ..good() }),
        ("state", Sponsor { state: 1.5.into(), ..good() }),
        ("state", Sponsor { state: "nobody".into(), ..good() }),
        ("conditions", Sponsor { conditions: "nothing".into(), ..good() }),
        ("conditions", Sponsor { conditions: f64::INFINITY.into(), ..good() }),
        ("intercept", Sponsor { intercept: f64::NEG_INFINITY, ..good() }),
        ("state_weight", Sponsor { state_weight: 1e3, ..good() }),
        ("conditions_weight", Sponsor { conditions_weight: f64::NAN, ..good() }),
        ("need_weight", Sponsor { need_weight: -1.0, ..good() }),
        ("form.takeover.valuation", Sponsor { form: SupportForm::Takeover { valuation: -1.0 }, ..good() }),
        ("form.debt_for_equity.share", Sponsor { form: shares(&["loan"], 1.1), ..good() }),
        ("form.debt_for_equity.facilities", Sponsor { form: shares(&[], 0.5), ..good() }),
        ("form.debt_for_equity.facilities[1]", Sponsor { form: shares(&["loan", "lone"], 0.5), ..good() }),
    ];
    for (expected, sponsor) in bad {
        let book = Book::new([company([bullet("loan", 1e6, 0.1, 3.0)], sponsor)]);
        let market = scripted([("rent", script([1.0])), ("gpu", script([1.0]))]);
        let simulation =
            Simulation::new(market, book.liquidation(trading([liquid("gpu", "gpu")]))).months(12).paths(256);
        let error = simulation.run(Ledger(NAME.into())).unwrap_err();
        let (Error::Invalid { field, .. } | Error::Unknown { field, .. }) = &error else { panic!("{error}") };
        assert_eq!(*field, format!("obligors[0].sponsor.{expected}"), "{error}");
    }
}

#[test]
fn a_file_describes_a_sponsor() {
    let text = r#"
        name = "someone"
        liquidation = { delay = 0.0, over = 0.0 }
        [sponsor]
        name = "cloud"
        form = { takeover = { valuation = 1.2 } }
        capacity = 5e8
        commitment = 8e8
        state = "cloud"
        conditions = "funding.availability"
        intercept = -2.0
        conditions_weight = 2.0
        need_weight = 1.0
    "#;
    let borrower: Borrower = toml::from_str(text).unwrap();
    let sponsor = Sponsor {
        commitment: Some(8e8),
        state: "cloud".into(),
        conditions: Quantity::Series("funding.availability".into()),
        conditions_weight: 2.0,
        need_weight: 1.0,
        ..Sponsor::new("cloud", SupportForm::Takeover { valuation: 1.2 }, 5e8, -2.0)
    };
    assert_eq!(borrower.sponsor, Some(sponsor));
    let plain: Borrower = toml::from_str(&text.replace("{ takeover = { valuation = 1.2 } }", "\"liquidity\"")).unwrap();
    assert_eq!(plain.sponsor.unwrap().form, SupportForm::Liquidity);
}
