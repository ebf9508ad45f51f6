//! Sell or operate: the lender's choice at a default, what it earns, and the price of haste. Laws over random borrowers
//! would hold for a lender that always chooses the worse of the two.
#![allow(clippy::float_cmp, reason = "exact degenerate cases are compared exactly")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should say where")]

mod ledger;

use haircut::Simulation;
use haircut::credit::{Amortisation, Asset, Book, Borrower, Contract, Disposal, StepIn};
use haircut::numeric::{PATHS, TimeGrid};
use ledger::random::{borrowers, cases, worlds};
use ledger::{Ledger, Record, Script, assert_cents, assert_rounding, cash_cow, facility, follow, liquid, script};
use ledger::{scripted, trading};
use proptest::prelude::*;

/// The example of `docs/credit.md`: half a year to take over, two years of letting.
fn terms() -> StepIn {
    StepIn {
        delay: 0.5,
        horizon: 2.0,
        discount_rate: 0.10,
        revenue_decline: 0.20,
        price_decline: 0.10,
        operator_share: 0.10,
    }
}

/// A thousand machines that earn 3,000,000 a year at a rent of 1 and cost 1,000,000; 8,000,000 are due in year 1.
fn neocloud(step_in: Option<StepIn>) -> Borrower {
    Borrower {
        overhead_usd_per_year: 1e6,
        fleets: vec![cash_cow("gpu", 1000.0, 3e6, "rent")],
        facilities: vec![facility("loan", 8e6, 0.0, Amortisation::Bullet, 1.0)],
        step_in,
        ..Borrower::new("neocloud")
    }
}

/// By path: the rent of year 1, and then 0.9, 0.3, 0.8; machines at 3,000, in year 4 at 2,600.
fn years(rents: &[f64], borrower: Borrower) -> Record {
    let rows = rents.iter().map(|rent| vec![1.0, *rent, 0.9, 0.3, 0.8]).collect();
    let price = script([3000.0, 3000.0, 3000.0, 3000.0, 2600.0]);
    follow(scripted([("rent", Script(rows)), ("price", price)]), trading([liquid("gpu", "price")]), borrower, 4, 1)
}

#[test]
fn the_lender_takes_the_better_of_the_two() {
    let record = years(&[1.0, 0.6, 2.0], neocloud(Some(terms())));
    // Operated: 0.5 (2.7 x 0.9 - 1), nothing in a year that does not pay its cost, 0.5 (2.7 x 0.8 - 1), and the sale.
    assert_rounding(record.exposure[0][0], 6e6);
    assert_eq!(record.row("operated", 0), [0.0, 715_000.0, 0.0, 580_000.0]);
    assert_cents(record.row("proceeds", 0)[3], 580_000.0 + 2_600_000.0);
    assert_cents(record.loss[0][0], 2_105_000.0);
    // At a rent of 0.6 a sale is better; at 2 it repays the claim, and waiting cannot do more.
    for (path, claim) in [(1, 7.2e6), (2, 3e6)] {
        assert_rounding(record.exposure[0][path], claim);
        assert_eq!(record.row("operated", path), [0.0; 4]);
        assert_eq!(record.row("proceeds", path), [3e6, 0.0, 0.0, 0.0]);
        assert_rounding(record.loss[0][path], claim - 3e6);
    }
    // Without the clause everything is sold.
    let record = years(&[1.0], neocloud(None));
    assert_eq!(record.row("proceeds", 0), [3e6, 0.0, 0.0, 0.0]);
}

/// The choice is made at 3,208,798 against 3,000,000: it turns where the executable value passes 3,530,660.
#[test]
fn the_choice_turns_where_the_page_says() {
    let income = 0.5 * f64::exp(-0.1) * (2.7 * f64::exp(-0.2) - 1.0)
        + f64::exp(-0.2) * (2.7 * f64::exp(-0.4) - 1.0)
        + 0.5 * f64::exp(-0.3) * (2.7 * f64::exp(-0.6) - 1.0);
    assert_cents(1e6 * income + 3e6 * f64::exp(-0.5), 3_208_798.46);
    let even = 1e6 * income / (1.0 - f64::exp(-0.5));
    for (price, is_operated) in [(even / 1000.0 * (1.0 - 1e-9), true), (even / 1000.0 * (1.0 + 1e-9), false)] {
        let market = scripted([("rent", script([1.0])), ("price", script([price]))]);
        let record = follow(market, trading([liquid("gpu", "price")]), neocloud(Some(terms())), 4, 1);
        assert_eq!(record.at("operated", 2, 0) > 0.0, is_operated, "{price}");
    }
}

/// Contracts hold what spot rents are expected to lose, and only until they end.
#[test]
fn contracts_count_until_they_end() {
    let contract = |until: f64| Contract::new(1.0, 3e6 / (8760.0 * 1000.0), until);
    let terms = StepIn { delay: 0.0, horizon: 2.0, revenue_decline: 10.0, price_decline: 0.0, ..terms() };
    // Two years under contract are worth e^-0.1 1.7 + e^-0.2 1.7 and the sale; one year leaves a loss of e^-0.2 in the other.
    for (until, worth) in [
        (3.0, 1.7 * (f64::exp(-0.1) + f64::exp(-0.2))),
        (2.0, 1.7 * f64::exp(-0.1) + f64::exp(-0.2) * (2.7 * f64::exp(-20.0) - 1.0)),
    ] {
        let even = 1e6 * worth / (1.0 - f64::exp(-0.2));
        for (price, is_operated) in [(0.999 * even, true), (1.001 * even, false)] {
            let mut borrower = neocloud(Some(terms));
            borrower.fleets[0].contracts = vec![contract(until)];
            borrower.facilities[0].principal = 1e9;
            let market = scripted([("rent", script([1.0])), ("price", script([price / 1000.0]))]);
            let record = follow(market, trading([liquid("gpu", "price")]), borrower, 4, 1);
            assert_eq!(record.at("operated", 2, 0) > 0.0, is_operated, "{until} {price}");
        }
    }
}

/// A lender that is paid while it operates gives the machines back.
#[test]
fn a_lender_that_is_paid_leaves() {
    let mut borrower = neocloud(Some(StepIn { price_decline: -1.0, delay: 0.0, ..terms() }));
    borrower.facilities[0].principal = 3.5e6;
    let market = scripted([("rent", script([1.0])), ("price", script([1000.0]))]);
    let record = follow(market, trading([liquid("gpu", "price")]), borrower, 4, 1);
    // 1,500,000 are missing in year 1; 1,700,000 come in in year 2.
    assert_rounding(record.exposure[0][0], 1.5e6);
    assert_eq!(record.row("operated", 0), [0.0, 1.7e6, 0.0, 0.0]);
    assert_eq!(record.row("residual_to_owners", 0), [0.0, 2e5, 0.0, 0.0]);
    assert_rounding(record.loss[0][0], 0.0);
}

/// What the time planned for a sale leaves of the price: at once 60 %, over a quarter 80 %; scrap is the least.
#[test]
fn a_sale_in_haste_costs() {
    let gpu = Asset { time_to_sell: vec![(0.0, 0.6), (0.5, 1.0)], scrap: 650.0, ..liquid("gpu", "price") };
    for (over, price, share) in [(0.0, 3000.0, 0.6), (0.25, 3000.0, 0.8), (1.0, 3000.0, 1.0), (0.0, 1000.0, 0.65)] {
        let borrower = Borrower { liquidation: Disposal { delay: 0.0, over }, ..neocloud(None) };
        let market = scripted([("rent", script([1.0])), ("price", script([price]))]);
        let record = follow(market, trading([gpu.clone()]), borrower, 30, 12);
        assert_rounding(record.row("proceeds", 0).iter().sum(), 1000.0 * price * share);
        assert_rounding(record.at("ltv_executable", 0, 0), 8e6 / (1000.0 * price * share));
    }
}

fn run(world: &ledger::random::World, borrower: &Borrower) -> Record {
    world.simulation(Book::new([borrower.clone()]).discount("discount")).run(Ledger(borrower.name.clone())).unwrap()
}

proptest! {
    #![proptest_config(cases(100))]

    /// A lender to whom waiting is worth nothing sells: to the bit as without the clause.
    #[test]
    fn a_clause_that_is_never_used_changes_no_bit(world in worlds(), borrower in borrowers("one")) {
        let never = StepIn { delay: 20.0, horizon: 20.0, discount_rate: 10.0, ..terms() };
        let mut sale = borrower.clone();
        sale.liquidation.delay = 0.0;
        sale.hired.clear();
        // Where lenders have security of their own the clause is refused.
        sale.facilities.iter_mut().for_each(|facility| (facility.security, facility.margin) = (None, None));
        let [with, without] =
            [Some(never), None].map(|step_in| run(&world, &Borrower { step_in, ..sale.clone() }));
        prop_assert_eq!(with, without);
    }
}

/// The choice of a path does not depend on the paths beside it: a block in which all but one perform.
#[test]
fn a_path_is_operated_alone() {
    let rents: Vec<f64> = (0..PATHS).map(|path| if path == 7 { 1.0 } else { 4.0 }).collect();
    let together = years(&rents, Borrower { revenue_volatility: 0.3, ..neocloud(Some(terms())) });
    let alone = years(&[1.0], Borrower { revenue_volatility: 0.3, ..neocloud(Some(terms())) });
    assert!(together.at("operated", 2, 7) > 0.0);
    for metric in ["operated", "proceeds", "claims_paid"] {
        assert_eq!(together.row(metric, 7), alone.row(metric, 7), "{metric}");
    }
    assert_eq!(together.loss[0][7], alone.loss[0][7]);
}

/// On any grid: half a year to take over and half a year of letting at 2,000,000 a year are 1,000,000, whatever the step.
#[test]
fn what_is_earned_does_not_depend_on_the_grid() {
    for per_year in [1, 2, 4, 12, 52] {
        let terms = StepIn { horizon: 0.5, operator_share: 0.0, price_decline: 0.0, discount_rate: 0.0, ..terms() };
        let market = scripted([("rent", script([1.0])), ("price", script([3000.0]))]);
        let grid = TimeGrid::regular(3 * per_year as usize, per_year).unwrap();
        let book = Book::new([neocloud(Some(terms))]).liquidation(trading([liquid("gpu", "price")]));
        let record = Simulation::new(market, book).grid(grid).paths(1).run(Ledger("neocloud".into())).unwrap();
        assert_rounding(record.row("operated", 0).iter().sum(), 1e6);
    }
}
