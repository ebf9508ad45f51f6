//! Margin calls: the examples of docs/credit.md to the cent, and the cases in which a clause must change nothing. The laws of
//! `tests/borrower.rs` and the recomputation meet margin calls at random; neither would show which of its answers a call gets, or what a
//! weekend does.
#![allow(clippy::float_cmp, reason = "exact degenerate cases are compared exactly")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should say where")]

mod ledger;

use haircut::credit::{
    Acceleration, Amortisation, Asset, Book, Borrower, Cause, Covenant, CovenantTest, Facility, ImpactForm, Lien,
    LiquidationMarket, Margin, Security, Sponsor, SupportForm, Treasury,
};
use haircut::numeric::TimeGrid;
use haircut::{Error, Simulation};
use ledger::random::{borrowers, cases, worlds};
use ledger::{
    FacilityLedger, Ledger, Record, Script, assert_cents, assert_rounding, cash_cow, facility, follow, liquid,
    scripted, trading,
};
use proptest::prelude::*;

const NAME: &str = "holder";

/// Called at 133 % for 143 %, two days to cure, sold at once below 115 %.
fn terms() -> Margin {
    Margin { liquidation: 1.15, cure: 2.0 / 365.0, ..Margin::new(1.43, 1.33) }
}

/// 1,000,000 owed without interest against twenty of 23 coins, and 100,000 in cash.
fn holder(margin: Margin) -> Borrower {
    let loan = Facility {
        security: Some(Security::on([Lien::part("coin", 20.0)])),
        margin: Some(margin),
        ..facility("loan", 1e6, 0.0, Amortisation::Bullet, 1.0)
    };
    Borrower {
        cash: 100e3,
        treasury: vec![Treasury { asset: "coin".into(), units: 23.0 }],
        facilities: vec![loan],
        ..Borrower::new(NAME)
    }
}

/// Prices of the coin in thousands, from time zero, by path.
fn coins<const DAYS: usize>(rows: &[[f64; DAYS]]) -> Script {
    Script(rows.iter().map(|row| row.map(|price| 1e3 * price).to_vec()).collect())
}

fn days<const DAYS: usize>(borrower: Borrower, rows: &[[f64; DAYS]]) -> Record {
    follow(scripted([("coin", coins(rows))]), trading([liquid("coin", "coin")]), borrower, DAYS - 1, 365)
}

/// Four days that are the same everywhere, and what may come then.
const ROWS: [[f64; 7]; 4] = [
    [75.0, 70.0, 65.0, 58.0, 52.0, 51.0, 50.0],
    [75.0, 70.0, 65.0, 58.0, 52.0, 44.0, 44.0],
    [75.0, 70.0, 65.0, 58.0, 52.0, 39.0, 39.0],
    [75.0, 70.0, 65.0, 58.0, 52.0, 56.0, 52.5],
];

/// docs/credit.md, "a call".
#[test]
fn a_call_is_answered_with_coins_then_cash_then_by_the_lender() {
    let record = days(holder(terms()), &ROWS);
    let at = |metric: &str, day: usize, path: usize| record.at(metric, day, path);
    for path in 0..4 {
        // Day 1: 1.40. Day 2: 1.30, two coins. Day 3: 1.276, one coin and 67,132.87. Day 4: 1.282, the rest of the cash.
        let row = record.row("margin_call", path);
        assert_eq!(row[..4], [0.0, 1.0, 1.0, 1.0]);
        assert_cents(at("margin_top_up", 2, path), 130_000.0);
        assert_cents(at("free_coins", 2, path), 65_000.0);
        assert_cents(at("margin_top_up", 3, path), 58_000.0 + 67_132.87);
        assert_cents(at("balance", 3, path), 932_867.13);
        assert_cents(at("margin_top_up", 4, path), 32_867.13);
        assert_cents(at("balance", 4, path), 900_000.0);
        assert_eq!(at("cash", 4, path), 0.0);
        assert_eq!(row[4..], [0.0; 2]);
    }
    // Two days later nothing has come: 318,604.65 of 1,150,000 are sold.
    assert_eq!(at("margin_sale", 5, 0), 0.0);
    assert_cents(at("margin_sale", 6, 0), 318_604.65);
    assert_cents(at("balance", 6, 0), 581_395.35);
    assert_cents(at("coins", 6, 0), 831_395.35);
    assert_rounding(at("coins", 6, 0) / at("balance", 6, 0), 1.43);
    // 1.1244: the lender does not wait.
    assert_cents(at("margin_sale", 5, 1), 639_534.88);
    assert_cents(at("balance", 5, 1), 260_465.12);
    assert_eq!(at("margin_sale", 6, 1), 0.0);
    // 897,000 for 900,000: no sale restores it.
    assert_eq!((record.default_step[2], record.cause[2]), (5.0, Some(Cause::Margin)));
    assert_cents(record.exposure[0][2], 900_000.0);
    assert_cents(at("proceeds", 5, 2), 897_000.0);
    assert_cents(record.loss[0][2], 3_000.0);
    // 1.4311: the call is over, and 1.3417 begins no other.
    assert_eq!(record.row("margin_sale", 3), [0.0; 6]);
    for path in [0, 1, 3] {
        assert!(record.default_step[path].is_infinite());
    }
}

/// From Friday to Monday is one step of three days: a call that was open on Friday is over on Monday, at Monday's price.
#[test]
fn a_weekend_is_a_step() {
    let dates = [1.0, 2.0, 3.0, 4.0, 7.0].map(|day| day / 365.0);
    let market = scripted([("coin", coins(&[[75.0, 70.0, 65.0, 58.0, 52.0, 50.0]]))]);
    let book = Book::new([holder(terms())]).liquidation(trading([liquid("coin", "coin")]));
    let simulation = Simulation::new(market, book).grid(TimeGrid::new(dates).unwrap()).paths(1);
    let record = simulation.run(FacilityLedger(Ledger(NAME.into()))).unwrap();
    assert_eq!(record.row("margin_call", 0), [0.0, 1.0, 1.0, 1.0, 0.0]);
    assert_cents(record.at("margin_sale", 5, 0), 318_604.65);
    assert_cents(record.at("loan.principal_paid", 5, 0), 318_604.65);
}

/// What is above the release goes back until the ratio is that of a call.
#[test]
fn coins_are_given_back_above_the_release() {
    let margin = Margin { release: Some(1.8), ..terms() };
    let record = days(holder(margin), &[[75.0, 89.0, 91.0, 100.0]]);
    // 1.78; then 1.82: 1,430,000 of 1,820,000 stay, 15.714286 coins; at 100,000 they are worth 1.5714 times the loan.
    assert_cents(record.at("free_coins", 1, 0), 3.0 * 89e3);
    assert_cents(record.at("free_coins", 2, 0), 23.0 * 91e3 - 1_430_000.0);
    assert_cents(record.at("free_coins", 3, 0), 728_571.43);
}

/// A lender's sale moves the price: half of a day's depth at an impact of 0.2 leaves 0.9 of the mark to it, and 0.95 to the next day.
#[test]
fn a_forced_sale_has_its_impact() {
    let depth_per_month = 2.0 * 6.372_093_023_255_814 * 365.0 / 12.0;
    let asset = Asset {
        depth_per_month,
        impact: 0.2,
        form: ImpactForm::Linear,
        permanent: f64::ln(0.95) / f64::ln(0.9),
        ..liquid("coin", "coin")
    };
    let rows = [[75.0, 70.0, 65.0, 58.0, 52.0, 51.0, 50.0, 50.0]];
    let record = follow(scripted([("coin", coins(&rows))]), trading([asset]), holder(terms()), 7, 365);
    assert_cents(record.at("margin_sale", 6, 0), 0.9 * 318_604.65);
    assert_cents(record.at("balance", 6, 0), 900_000.0 - 286_744.19);
    // 16.627907 coins at 47,500 are 1.2879 of 613,255.81: another call, with two days of its own.
    assert_cents(record.at("coins", 7, 0), 789_825.58);
    assert_eq!(record.row("margin_call", 0), [0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0]);
}

/// docs/credit.md, "a sponsor of a margin loan".
#[test]
fn a_sponsor_meets_a_call_before_the_lender_sells() {
    let run = |form, capacity, row: usize| {
        let sponsor = Some(Sponsor::new("parent", form, capacity, 700.0));
        days(Borrower { sponsor, ..holder(terms()) }, &ROWS[row..=row])
    };
    let lends = |capacity, row| run(SupportForm::Liquidity, capacity, row);
    // Open for two days: 900,000 - 1,150,000 / 1.43.
    let record = lends(95_804.20, 0);
    assert_eq!(record.row("support", 0), [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
    assert_cents(record.at("injected", 6, 0), 95_804.20);
    assert_cents(record.at("margin_top_up", 6, 0), 95_804.20);
    assert_cents(record.at("balance", 6, 0), 804_195.80);
    assert_rounding(record.at("coins", 6, 0) / record.at("balance", 6, 0), 1.43);
    assert_eq!(record.row("margin_sale", 0), [0.0; 6]);
    assert_cents(lends(95_804.19, 0).at("margin_sale", 6, 0), 318_604.65);
    // At once below 1.15: 900,000 - 1,012,000 / 1.43.
    assert_cents(lends(1e9, 1).at("injected", 5, 0), 192_307.69);
    assert_cents(lends(192_307.68, 1).at("margin_sale", 5, 0), 639_534.88);
    // Below the loan it is a default that the sponsor prevents: 900,000 - 897,000 / 1.43.
    let record = lends(272_727.28, 2);
    assert_cents(record.at("injected", 5, 0), 272_727.27);
    assert!(record.default_step[0].is_infinite());
    assert_eq!(lends(272_727.26, 2).default_step[0], 5.0);
    // A call that is met by a rise is nobody's business, and shares or a takeover are no answer.
    assert_eq!(lends(1e9, 3).row("support", 0), [0.0; 6]);
    let form = SupportForm::DebtForEquity { facilities: vec!["loan".into()], share: 0.5 };
    for form in [form, SupportForm::Takeover { valuation: 10.0 }] {
        assert_eq!(run(form, 1e9, 2).default_step[0], 5.0);
    }
}

/// What is overdue counts as owed and is repaid first, and a loan that is current again has missed nothing.
#[test]
fn a_sale_pays_what_is_overdue_first() {
    // 36,500 a year are 100 a day, which nobody pays; grace of two days and a half.
    let margin = Margin { cure: 0.0, ..Margin::new(1.5, 1.5) };
    let loan = Facility {
        security: Some(Security::on([Lien::part("coin", 15.0)])),
        margin: Some(margin),
        ..facility("loan", 1e6, 0.0365, Amortisation::Bullet, 1.0)
    };
    let borrower = Borrower {
        treasury: vec![Treasury { asset: "coin".into(), units: 15.0 }],
        facilities: vec![loan],
        grace: 2.5 / 365.0,
        ..Borrower::new(NAME)
    };
    let record = days(borrower, &[[100.0, 110.0, 100.0, 100.0, 110.0]]);
    // Day 1: 1.65 of 1,000,100. Day 2: 1,000,200.01 are owed, of which 200.01 overdue; 300.015 short of 1.5 times that: twice of it is sold.
    assert_cents(record.at("arrears", 1, 0), 100.0);
    assert_cents(record.at("margin_sale", 2, 0), 600.03);
    assert_cents(record.at("arrears", 2, 0), 0.0);
    assert_cents(record.at("loan.interest_paid", 2, 0), 200.01);
    assert_cents(record.at("loan.principal_paid", 2, 0), 400.02);
    // Day 4 is two days after day 2, three after day 1: not yet a default.
    assert!(record.default_step[0].is_infinite());
    assert!(record.at("arrears", 4, 0) > 0.0);
}

fn without(borrower: &Borrower) -> Borrower {
    let mut borrower = borrower.clone();
    borrower.facilities.iter_mut().for_each(|facility| facility.margin = None);
    borrower
}

proptest! {
    #![proptest_config(cases(128))]

    /// A call that cannot come leaves every bit alone.
    #[test]
    fn a_call_that_cannot_come_changes_no_bit(world in worlds(), borrower in borrowers(NAME)) {
        let mut idle = borrower.clone();
        for margin in idle.facilities.iter_mut().filter_map(|facility| facility.margin.as_mut()) {
            *margin = Margin { call: 0.0, liquidation: 0.0, release: None, ..*margin };
        }
        let run = |borrower: Borrower| world.simulation(Book::new([borrower])).run(FacilityLedger(Ledger(NAME.into()))).unwrap();
        prop_assert_eq!(run(idle), run(without(&borrower)));
    }
}

#[test]
fn contradictory_terms_are_refused_by_name() {
    let refused = |field: &str, borrower: Borrower| -> Error {
        let book = Book::new([borrower]).liquidation(LiquidationMarket {
            assets: vec![liquid("coin", "coin"), liquid("gpu", "coin")],
            ..LiquidationMarket::default()
        });
        let market = scripted([("coin", coins(&[[1.0, 1.0]]))]);
        let error = Simulation::new(market, book).months(1).paths(1).run(Ledger(NAME.into())).unwrap_err();
        let expected = format!("obligors[0].{field}");
        assert!(error.to_string().contains(&expected), "{error} is not about {expected}");
        error
    };
    for (field, margin) in [
        ("initial", Margin::new(1.0, 0.9)),
        ("call", Margin::new(1.43, 1.44)),
        ("liquidation", Margin { liquidation: 1.34, ..terms() }),
        ("cure", Margin { cure: -1.0, ..terms() }),
        ("release", Margin { release: Some(1.42), ..terms() }),
        ("initial", Margin::new(f64::NAN, 0.9)),
    ] {
        refused(&format!("facilities[0].margin.{field}"), holder(margin));
    }
    let secured = |security: Option<Security>| {
        let mut borrower = holder(Margin { release: None, ..terms() });
        borrower.fleets = vec![cash_cow("gpu", 1.0, 0.0, 1.0)];
        borrower.facilities[0].security = security;
        borrower
    };
    refused("facilities[0].margin", secured(None));
    refused("facilities[0].margin", secured(Some(Security::on([Lien::whole("fleet of gpu")]))));
    // A lender who says nothing has a lien on what is not given away in parts.
    let mut shared = secured(Some(Security::on([Lien::whole("coin")])));
    shared.facilities.push(facility("other", 1.0, 0.0, Amortisation::Bullet, 1.0));
    let error = refused("facilities[0].margin", shared);
    assert!(error.to_string().contains("`other`"), "{error}");
    let mut whole = secured(Some(Security::on([Lien::whole("coin")])));
    whole.facilities[0].margin = Some(Margin { release: Some(2.0), ..terms() });
    refused("facilities[0].margin.release", whole);
}

/// The names that a scenario uses.
#[test]
fn a_file_describes_a_margin_loan() {
    let text = r#"
        name = "coin loan"
        lender = "bank"
        principal = 1e6
        coupon = 0.09
        amortisation = "bullet"
        maturity = 1
        security = { on = [{ of = "btc", units = 20 }] }
        margin = { initial = 1.43, call = 1.33, liquidation = 1.15, cure = 0.0055, release = 1.8 }
    "#;
    let loan: Facility = toml::from_str(text).unwrap();
    let margin = Margin { initial: 1.43, call: 1.33, liquidation: 1.15, cure: 0.0055, release: Some(1.8) };
    assert_eq!(loan.margin, Some(margin));
}

/// What coins are worth to two lenders and a third, who sell into one market within a day.
mod within_the_step {
    use super::*;
    use haircut::credit::Feedback;
    use ledger::watch::Watch;

    /// 150 % at a call below 120 %, a hundred coins and nothing else.
    fn lender(name: &str, owed: f64) -> Borrower {
        let loan = Facility {
            security: Some(Security::on([Lien::whole("coin")])),
            margin: Some(Margin::new(1.5, 1.2)),
            ..facility("loan", owed, 0.0, Amortisation::Bullet, 10.0)
        };
        Borrower {
            treasury: vec![Treasury { asset: "coin".into(), units: 100.0 }],
            facilities: vec![loan],
            ..Borrower::new(name)
        }
    }

    /// 2,000 coins a month bring the price to nothing.
    fn market(feedback: Feedback) -> LiquidationMarket {
        let asset = Asset { depth_per_month: 2e3, impact: 1.0, form: ImpactForm::Linear, ..liquid("coin", "coin") };
        LiquidationMarket { assets: vec![asset], feedback }
    }

    fn clear(first: f64, feedback: Feedback) -> ([Record; 3], Vec<f64>) {
        let book =
            Book::new([lender("A", first), lender("B", 6_450.0), lender("C", 6_000.0)]).liquidation(market(feedback));
        let coin = scripted([("coin", Script(vec![vec![100.0, 80.0]]))]);
        let simulation = Simulation::new(coin, book).months(1).paths(1);
        let ledgers = (Ledger("A".into()), Ledger("B".into()), Ledger("C".into()));
        let ((a, b, c), watched) =
            simulation.run((ledgers, Watch::market(&["coin.mark", "coin.volume", "rounds"]))).unwrap();
        let market = ["coin.mark", "coin.volume", "rounds"].map(|metric| watched[metric][1][0]);
        ([a, b, c], market.to_vec())
    }

    /// Lenders stop where they would sell a part of 1e-9 more; a round adds less than half of the round before.
    #[track_caller]
    fn near(actual: f64, expected: f64) {
        assert!((actual - expected).abs() < 1e-8 * expected, "{actual} is not {expected}");
    }

    /// docs/liquidation.md, "two margin loans".
    #[test]
    fn two_lenders_sell_at_the_greatest_fixed_point() {
        let ([a, b, c], market) = clear(7_000.0, Feedback::WithinStep);
        let sold = 800.0 - f64::sqrt(800.0 * 800.0 - 2000.0 * 104.375);
        let price = 80.0 * (1.0 - sold / 2000.0);
        near(market[0], price);
        near(market[1], sold);
        assert!(market[2] > 2.0 && market[2] < 64.0, "{} rounds", market[2]);
        for (record, owed) in [(&a, 7_000.0), (&b, 6_450.0)] {
            near(record.at("margin_sale", 1, 0), 3.0 * owed - 200.0 * price);
            near(record.at("coins", 1, 0) / record.at("balance", 1, 0), 1.5);
            assert_eq!(record.at("margin_call", 1, 0), 1.0);
        }
        assert_cents(a.at("margin_sale", 1, 0), 6_146.43);
        assert_cents(b.at("margin_sale", 1, 0), 4_496.43);
        assert_eq!((c.at("margin_call", 1, 0), c.at("balance", 1, 0)), (0.0, 6_000.0));
        // From date to date A's lender alone sells, at the mark of the date.
        let ([a, b, _], market) = clear(7_000.0, Feedback::On);
        assert_rounding(market[1], 62.5);
        assert_cents(a.at("margin_sale", 1, 0), 62.5 * 77.5);
        assert_eq!(b.at("margin_call", 1, 0), 0.0);
    }

    /// The sale of another takes the coins below the loan.
    #[test]
    fn a_default_within_the_step() {
        let ([a, b, _], market) = clear(7_400.0, Feedback::WithinStep);
        let sold = 850.0 - f64::sqrt(850.0 * 850.0 - 2000.0 * 51.875);
        near(market[1], 100.0 + sold);
        near(market[0], 80.0 * (1.0 - (100.0 + sold) / 2000.0));
        assert_eq!((a.default_step[0], a.cause[0]), (1.0, Some(Cause::Margin)));
        assert_eq!((a.exposure[0][0], a.at("coins", 1, 0)), (7_400.0, 0.0));
        assert_cents(a.loss[0][0], 53.57);
        near(b.at("coins", 1, 0) / b.at("balance", 1, 0), 1.5);
        assert!(b.default_step[0].is_infinite());
    }

    /// A call that comes within the step finds B's sponsor; if it cannot, nothing is as without it.
    #[test]
    fn a_sponsor_meets_a_call_within_the_step() {
        let run = |capacity| {
            let sponsor = Sponsor::new("parent", SupportForm::Liquidity, capacity, 700.0);
            let b = Borrower { sponsor: Some(sponsor), ..lender("B", 6_450.0) };
            let book = Book::new([lender("A", 7_000.0), b]).liquidation(market(Feedback::WithinStep));
            let coin = scripted([("coin", Script(vec![vec![100.0, 80.0]]))]);
            let simulation = Simulation::new(coin, book).months(1).paths(1);
            simulation.run((Ledger("A".into()), Ledger("B".into()), Watch::market(&["coin.volume"]))).unwrap()
        };
        // A alone: Q^2 - 1800 Q + 125,000 = 0. B is called in the second round, at 80 (1 - 70.9677 / 2000) = 77.1613.
        let (_, b, market) = run(1_305.92);
        near(market["coin.volume"][1][0], 900.0 - f64::sqrt(685_000.0));
        assert_cents(b.at("injected", 1, 0), 1_305.91);
        assert_cents(b.at("balance", 1, 0), 5_144.09);
        assert_eq!((b.at("margin_call", 1, 0), b.at("support", 1, 0), b.at("margin_sale", 1, 0)), (1.0, 1.0, 0.0));
        // With less it refuses, and goes on to.
        let (a, b, _) = run(1_305.91);
        let ([alone, other, _], _) = clear(7_000.0, Feedback::WithinStep);
        assert_eq!((&a, &b), (&alone, &other));
    }

    /// What lower marks of one date ask for more is one event, and its odds are those of all of it.
    #[test]
    fn the_odds_of_a_date_do_not_hang_on_rounds() {
        let run = |need_weight| {
            let sponsor = Sponsor { need_weight, ..Sponsor::new("parent", SupportForm::Liquidity, 500.0, 350.0) };
            let mut b = Borrower { sponsor: Some(sponsor), ..lender("B", 5_500.0) };
            b.facilities[0].margin = Some(Margin::new(1.5, 1.5));
            let book = Book::new([lender("A", 7_000.0), b]).liquidation(market(Feedback::WithinStep));
            let coin = scripted([("coin", Script(vec![vec![100.0, 80.0]]))]);
            Simulation::new(coin, book).months(1).paths(1).run(Ledger("B".into())).unwrap()
        };
        // 166.67 are missing at 80, 359.61 in all at 80 (1 - 72.353 / 2000) = 77.106.
        let record = run(0.0);
        near(record.at("injected", 1, 0), 5_500.0 - 8_000.0 / 1.5 * (1.0 - (900.0 - f64::sqrt(685_000.0)) / 2_000.0));
        assert_eq!(["margin_call", "support", "margin_sale"].map(|metric| record.at(metric, 1, 0)), [1.0, 1.0, 0.0]);
        // Log odds of 350 - 700 / 3 are certain; 350 - 1400 / 3, once as much again is asked for at 77.5, are hopeless.
        let record = run(700.0);
        assert_cents(record.at("injected", 1, 0), 166.67);
        assert!(record.at("margin_sale", 1, 0) > 0.0);
    }

    /// Coins that their own sales move.
    fn moving(mut world: ledger::random::World, feedback: Feedback, depth: f64) -> ledger::random::World {
        world.trade.feedback = feedback;
        for asset in &mut world.trade.assets {
            (asset.depth_per_month, asset.impact) = (depth, 0.5);
        }
        world
    }

    prop_compose! {
        /// Two of one sponsor, who promise that they owe no more than a share of their collateral at marks.
        fn pairs()(one in borrowers(NAME), other in borrowers("other"), shares in [0.3..1.0_f64, 0.3..1.0], waiver in 0.0..0.5) -> [Borrower; 2] {
            let mut pair = [one, other];
            let commitment = pair[0].sponsor.as_ref().and_then(|sponsor| sponsor.commitment);
            for (borrower, share) in pair.iter_mut().zip(shares) {
                borrower.sponsor.iter_mut().for_each(|sponsor| sponsor.commitment = commitment);
                let acceleration = Some(Acceleration { cure: 0.0, waiver });
                let test = CovenantTest::Ltv { at_most: 3.0 * share };
                borrower.covenants.push(Covenant { acceleration, ..Covenant::new("at once", test) });
            }
            pair
        }
    }

    proptest! {
        #![proptest_config(cases(64))]

        /// Without limit to the depth there is nothing to look at again.
        #[test]
        fn an_infinite_depth_is_no_feedback(world in worlds(), borrower in borrowers(NAME)) {
            let run = |feedback| {
                let world = moving(world.clone(), feedback, f64::INFINITY);
                world.simulation(Book::new([borrower.clone()])).run(FacilityLedger(Ledger(NAME.into()))).unwrap()
            };
            prop_assert_eq!(run(Feedback::WithinStep), run(Feedback::On));
        }

        /// What becomes of a path does not depend on those beside it, whoever sells within the step, is called, breaks a covenant or is helped.
        #[test]
        fn a_path_is_called_alone(world in worlds(), pair in pairs(), depth in 1.0..100.0) {
            let world = moving(world, Feedback::WithinStep, depth);
            let mut alone = world.clone();
            alone.series.iter_mut().for_each(|(_, script)| script.0.truncate(1));
            let run = |world: &ledger::random::World| {
                let ledgers = (Ledger(NAME.into()), Ledger("other".into()));
                let (one, other) = world.simulation(Book::new(pair.clone())).run(ledgers).unwrap();
                [one, other]
            };
            for (together, alone) in std::iter::zip(run(&world), run(&alone)) {
                prop_assert_eq!(together.default_step[0].to_bits(), alone.default_step[0].to_bits());
                prop_assert_eq!(together.cause[0], alone.cause[0]);
                for (metric, history) in &together.metrics {
                    for (step, paths) in history.iter().enumerate() {
                        prop_assert_eq!(paths[0].to_bits(), alone.at(metric, step, 0).to_bits(), "{} of step {}", metric, step);
                    }
                }
            }
        }

        /// No money appears or vanishes, whatever is done within the step.
        #[test]
        fn cash_is_conserved_within_the_step(world in worlds(), pair in pairs(), depth in 1.0..100.0) {
            let world = moving(world, Feedback::WithinStep, depth);
            for name in [NAME, "other"] {
                let record = world.simulation(Book::new(pair.clone())).run(Ledger(name.into())).unwrap();
                let sum = |metrics: &[&str], step, path| metrics.iter().map(|metric| record.at(metric, step, path)).sum::<f64>();
                for (step, path) in (1..=world.grid.steps()).flat_map(|step| (0..4).map(move |path| (step, path))) {
                    let sources = sum(&["revenue", "treasury_sales", "drawn", "refinanced", "injected", "proceeds", "margin_sale"], step, path)
                        + sum(&["cash", "reserve"], step - 1, path);
                    let uses = sum(&["operating_cost", "debt_service_paid", "prepaid", "capex", "tax", "distributed", "claims_paid"], step, path)
                        + sum(&["preferred_paid", "residual_to_owners", "seized", "cash", "reserve"], step, path);
                    let gap = (sources - uses).abs();
                    prop_assert!(gap <= 1e-6 + 1e-11 * (sources.abs() + uses.abs()), "step {} path {}: {}", step, path, gap);
                }
            }
        }
    }
}
