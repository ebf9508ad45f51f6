//! Contracts that may end early and machines that arrive late: the examples of `docs/credit.md` to the cent, the law of the delay, and
//! cases without tenants or delay, which must be what they were to the bit. Random borrowers with all of it are recomputed in
//! `tests/recomputation`.
#![allow(clippy::float_cmp, reason = "exact degenerate cases are compared exactly")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should say where")]

mod ledger;

use haircut::credit::{
    Amortisation, Backstop, Book, Borrower, Contract, ContractTerm, CovenantTest, Delivery, Fleet, Prepayment,
    Quantity, StepIn, TakeOrPay,
};
use haircut::market::{Counterparty, Curve, Market};
use haircut::numeric::TimeGrid;
use haircut::{Error, Simulation};
use ledger::random::{World, borrowers, cases, worlds};
use ledger::scripted;
use ledger::{
    Ledger, Record, Script, assert_cents, assert_rounding, cash_cow, facility, follow, liquid, script, trading,
};
use proptest::prelude::*;

const NEVER: f64 = f64::INFINITY;

/// A thousand machines, 80 % of them let at 3 USD for three years, the rest at spot: 2 USD, for half of the hours.
fn landlord(contract: Contract) -> Borrower {
    let fleet = Fleet {
        contracts: vec![Contract { tenant: Some("tenant".into()), reletting_delay: 0.25, ..contract }],
        rent_share: 1.0,
        utilisation: 0.5.into(),
        ..cash_cow("gpu", 1000.0, 0.0, 2.0)
    };
    Borrower { fleets: vec![fleet], ..Borrower::new("landlord") }
}

fn eighty_percent() -> Contract {
    Contract::new(0.8, 3.0, 3.0)
}

/// Yearly revenues if tenant and guarantor default on these dates, by path.
fn years(borrower: Borrower, failures: &[[f64; 2]], steps: usize, per_year: u32) -> Record {
    let rows = |who: usize| Script(failures.iter().map(|dates| vec![dates[who]]).collect());
    let market = scripted([("tenant", rows(0)), ("guarantor", rows(1)), ("price", script([1.0]))]);
    follow(market, trading([liquid("gpu", "price")]), borrower, steps, per_year)
}

fn assert_row(record: &Record, path: usize, expected: &[f64]) {
    let row = record.row("revenue", path);
    assert_eq!(row.len(), expected.len());
    row.into_iter().zip(expected).for_each(|(revenue, expected)| assert_cents(revenue, *expected));
}

#[test]
fn a_tenant_that_fails_leaves_a_void_and_then_spot_rents() {
    let record = years(landlord(eighty_percent()), &[[NEVER, NEVER], [1.25, NEVER], [3.5, NEVER]], 4, 1);
    let kept = [22_776_000.0, 22_776_000.0, 22_776_000.0, 8_760_000.0];
    assert_row(&record, 0, &kept);
    assert_row(&record, 1, &[22_776_000.0, 10_512_000.0, 8_760_000.0, 8_760_000.0]);
    // After the contract nothing is left to fail.
    assert_row(&record, 2, &kept);
    // On months the same years.
    let monthly = years(landlord(eighty_percent()), &[[1.25, NEVER]], 48, 12).row("revenue", 0);
    for (year, expected) in monthly.chunks(12).zip([22_776_000.0, 10_512_000.0, 8_760_000.0, 8_760_000.0]) {
        assert_cents(year.iter().sum(), expected);
    }
}

#[test]
fn a_backstop_pays_a_fee_or_pays_the_rate_on() {
    let fee = Curve::dated([[0.0, 1300e6], [4.0, 742e6]]);
    let guarantor = Some("guarantor".to_owned());
    let with = |termination_fee, guarantor| {
        landlord(Contract { backstop: Some(Backstop { guarantor, termination_fee }), ..eighty_percent() })
    };
    let failures = [[1.25, NEVER], [1.25, 1.0], [NEVER, 1.0], [1.25, 2.5], [3.5, NEVER]];
    let kept = [22_776_000.0, 22_776_000.0, 22_776_000.0, 8_760_000.0];
    let lost = [22_776_000.0, 10_512_000.0, 8_760_000.0, 8_760_000.0];
    let record = years(with(Some(fee.clone()), guarantor.clone()), &failures, 4, 1);
    let paid = [22_776_000.0, 1_136_137_000.0, 8_760_000.0, 8_760_000.0];
    for (path, expected) in [paid, lost, kept, paid, kept].iter().enumerate() {
        assert_row(&record, path, expected);
    }
    let record = years(with(None, guarantor), &failures, 4, 1);
    let over = [22_776_000.0, 22_776_000.0, 14_016_000.0, 8_760_000.0];
    for (path, expected) in [kept, lost, kept, over, kept].iter().enumerate() {
        assert_row(&record, path, expected);
    }
    // A guarantor that is not named does not fail.
    assert_row(&years(with(Some(fee), None), &failures, 4, 1), 1, &paid);
    assert_row(&years(with(None, None), &failures, 4, 1), 1, &kept);
}

/// 76,000 GB300 for 1,940 MUSD a year (IREN and Microsoft): a fifth of 9,700 MUSD in advance, and CFADS of 1,261 MUSD.
#[test]
fn a_prepayment_is_credited_against_invoices() {
    let rate = 1940e6 / (8760.0 * 76_000.0);
    let iren = |credited, received| {
        let prepayment = Some(Prepayment { usd: 1940e6, credited, received });
        let contract = Contract { tenant: Some("tenant".into()), prepayment, ..Contract::new(1.0, rate, 5.0) };
        let fleet = Fleet { contracts: vec![contract], ..cash_cow("gpu", 76_000.0, 0.0, 0.0) };
        Borrower { fleets: vec![fleet], overhead_usd_per_year: 0.15 * 1940e6, ..Borrower::new("IREN") }
    };
    let failures = [[NEVER, NEVER], [2.5, NEVER], [0.25, NEVER]];
    let record = years(iren(0.2, None), &failures, 6, 1);
    assert_row(&record, 0, &[1552e6, 1552e6, 1552e6, 1552e6, 1552e6, 0.0]);
    assert_cents(record.at("cfads", 1, 0), 1261e6);
    assert_row(&record, 1, &[1552e6, 1552e6, 776e6, 0.0, 0.0, 0.0]);
    // Half of each invoice is used up after two years; received in half a year, if the tenant is there.
    let record = years(iren(0.5, Some(0.5)), &failures, 6, 1);
    assert_row(&record, 0, &[970e6 + 1940e6, 970e6, 1940e6, 1940e6, 1940e6, 0.0]);
    assert_row(&record, 1, &[970e6 + 1940e6, 970e6, 970e6, 0.0, 0.0, 0.0]);
    assert_row(&record, 2, &[242.5e6, 0.0, 0.0, 0.0, 0.0, 0.0]);
}

/// The landlord's contract with a minimum of 60 %, used as a series says; by year, or by month with the same usage all year.
fn used(prepayment: Option<Prepayment>, per_year: usize, failure: f64) -> Record {
    let take_or_pay = Some(TakeOrPay { minimum: 0.6, usage: "usage".into() });
    let borrower = landlord(Contract { take_or_pay, prepayment, ..eighty_percent() });
    let usage = [0.9, 0.5, 1.2, 0.3].iter().flat_map(|usage| vec![*usage; per_year]);
    let usage = std::iter::once(0.0).chain(usage).collect::<Vec<_>>();
    let market = scripted([("tenant", script([failure])), ("price", script([1.0])), ("usage", script(usage))]);
    follow(market, trading([liquid("gpu", "price")]), borrower, 4 * per_year, per_year as u32)
}

/// docs/credit.md, "a minimum": what is used is paid for, and six tenths in any case.
#[test]
fn what_is_not_used_is_paid_for_up_to_the_minimum() {
    let prepaid = Some(Prepayment { usd: 20e6, credited: 0.5, received: None });
    for (prepayment, failure, expected) in [
        (None, NEVER, [20_673_600.0, 14_366_400.0, 22_776_000.0, 8_760_000.0]),
        (None, 1.25, [20_673_600.0, 8_409_600.0, 8_760_000.0, 8_760_000.0]),
        // Half of 18,921,600, 12,614,400 and 21,024,000, until 20 million are used up.
        (prepaid, NEVER, [11_212_800.0, 8_059_200.0, 18_544_000.0, 8_760_000.0]),
        (prepaid, 1.25, [11_212_800.0, 6_832_800.0, 8_760_000.0, 8_760_000.0]),
    ] {
        for per_year in [1, 12] {
            let row = used(prepayment, per_year, failure).row("revenue", 0);
            for (year, expected) in row.chunks(per_year).zip(expected) {
                assert_cents(year.iter().sum(), expected);
            }
        }
    }
}

/// A series that stays is its number: where machines are there, arrive on a known date or late at random, with a tenant who fails, a prepayment, and a
/// lender that chooses. The number is planned beforehand, the series billed step by step.
#[test]
fn usage_that_stays_is_a_number() {
    let random = Delivery { delay_deviation: 0.2, contracts: ContractTerm::FromDelivery, ..late() };
    // Where the lender operates, and sells: it turns where what is still to be credited does.
    let mut choices = [0; 2];
    for (delivery, price) in [None, Some(late()), Some(random)]
        .into_iter()
        .flat_map(|delivery| (8..32).map(move |price| (delivery, 2_500.0 * f64::from(price))))
    {
        let run = |usage: Quantity| {
            let contract = Contract {
                tenant: Some("tenant".into()),
                reletting_delay: 0.25,
                take_or_pay: Some(TakeOrPay { minimum: 0.3, usage }),
                prepayment: Some(Prepayment { usd: 8e6, credited: 0.4, received: None }),
                ..Contract::new(0.7, 3.0, 1.7)
            };
            let fleet =
                Fleet { rent_share: 1.0, contracts: vec![contract], delivery, ..cash_cow("gpu", 1000.0, 0.0, "rent") };
            let terms = StepIn {
                delay: 0.0,
                horizon: 2.0,
                discount_rate: 0.1,
                revenue_decline: 0.0,
                price_decline: 0.0,
                operator_share: 0.1,
            };
            let borrower = Borrower {
                cash: 6e6,
                overhead_usd_per_year: 2e6,
                fleets: vec![fleet],
                facilities: vec![facility("loan", 2e8, 0.0, Amortisation::Bullet, 1.0)],
                step_in: Some(terms),
                ..Borrower::new("landlord")
            };
            let failures = Script([NEVER, 1.25, 2.0, NEVER].map(|date| vec![date]).into());
            let market = scripted([
                ("tenant", failures),
                ("rent", script([0.5])),
                ("price", script([price])),
                ("usage", script([0.8])),
            ]);
            follow(market, trading([liquid("gpu", "price")]), borrower, 12, 4)
        };
        let (number, series) = (run(0.8.into()), run("usage".into()));
        assert_eq!(number.default_step, series.default_step);
        for path in 0..64 {
            let mut operated = 0.0;
            for metric in ["revenue", "operated"] {
                for (number, series) in number.row(metric, path).into_iter().zip(series.row(metric, path)) {
                    assert_cents(series, number);
                    operated += if metric == "operated" { number } else { 0.0 };
                }
            }
            choices[usize::from(operated > 0.0)] += 1;
        }
    }
    assert!(choices.iter().all(|paths| *paths > 300), "{choices:?}");
}

fn late() -> Delivery {
    Delivery { at: 0.5, delay_mean: 0.25, delay_deviation: 0.0, ramp: 0.5, contracts: ContractTerm::Dates }
}

fn delivered(delivery: Delivery, contracts: Vec<Contract>) -> Borrower {
    let fleet = Fleet {
        opex_usd_per_unit_hour: 1.0,
        rent_share: 1.0,
        contracts,
        delivery: Some(delivery),
        ..cash_cow("gpu", 1000.0, 0.0, 3.0)
    };
    Borrower { fleets: vec![fleet], ..Borrower::new("builder") }
}

#[test]
fn machines_earn_and_cost_once_they_run() {
    let cfads = |borrower| years(borrower, &[[NEVER; 2]], 8, 4).row("cfads", 0);
    let expected = [0.0, 0.0, 0.0, 1_095_000.0, 3_285_000.0, 4_380_000.0, 4_380_000.0, 4_380_000.0];
    for (cash, expected) in cfads(delivered(late(), vec![])).into_iter().zip(expected) {
        assert_cents(cash, expected);
    }
    // A year at 4 USD: until year one, or from delivery in nine months to 1.75; one USD more than spot.
    let contract = vec![Contract::new(1.0, 4.0, 1.0)];
    let extra = |term: ContractTerm| {
        let with = cfads(delivered(Delivery { contracts: term, ..late() }, contract.clone()));
        with.into_iter().zip(expected).map(|(with, without)| with - without).collect::<Vec<_>>()
    };
    let quarters = [0.0625, 0.1875, 0.25, 0.25, 0.0].map(|years| 8_760_000.0 * years);
    for (term, count) in [(ContractTerm::Dates, 1), (ContractTerm::FromDelivery, 4)] {
        for (quarter, extra) in extra(term).into_iter().enumerate() {
            let expected = if (3..3 + count).contains(&quarter) { quarters[quarter - 3] } else { 0.0 };
            assert_cents(extra, expected);
        }
    }
}

/// One step of fifty years: what was not earned at 8,760,000 USD a year is the delay.
#[test]
fn delays_have_the_gamma_law_and_belong_to_the_fleet() {
    const PATHS: u64 = 1 << 15;
    let delays = |borrower: Borrower, seed: u64| -> Vec<f64> {
        let book = Book::new([borrower]).liquidation(trading([liquid("gpu", "price")]));
        let market = scripted([("price", script([1.0]))]);
        let grid = TimeGrid::new([50.0]).unwrap();
        let run = Simulation::new(market, book).grid(grid).paths(PATHS).seed(seed).threads(1);
        let revenue = run.run(Ledger("builder".into())).unwrap().metrics["revenue"][1].clone();
        revenue.into_iter().map(|usd| 50.0 - usd / (3.0 * 8_760_000.0)).collect()
    };
    let random = Delivery { at: 0.0, delay_mean: 0.25, delay_deviation: 0.25, ramp: 0.0, ..late() };
    let seen = delays(delivered(random, vec![]), 5);
    // Mean and deviation a quarter: exponential. Its variance is estimated with the error of a fourth moment of 9.
    let n = PATHS as f64;
    let mean = seen.iter().sum::<f64>() / n;
    let variance = seen.iter().map(|delay| (delay - 0.25) * (delay - 0.25)).sum::<f64>() / n;
    assert!((mean - 0.25).abs() < 5.0 * 0.25 / n.sqrt(), "{mean}");
    assert!((variance - 0.0625).abs() < 5.0 * 0.0625 * (9.0_f64 - 1.0).sqrt() / n.sqrt(), "{variance}");
    let p = (-2.0_f64).exp();
    let share = seen.iter().filter(|delay| **delay > 0.5).count() as f64 / n;
    assert!((share - p).abs() < 5.0 * (p * (1.0 - p) / n).sqrt(), "{share}");
    // What else the borrower has moves no draw; another seed does.
    let mut richer = delivered(random, vec![]);
    richer.cash = 1e6;
    richer.overhead_usd_per_year = 1e3;
    assert_eq!(delays(richer, 5), seen);
    assert_ne!(delays(delivered(random, vec![]), 6), seen);
}

fn run(world: &World, borrower: &Borrower) -> Record {
    world.simulation(Book::new([borrower.clone()]).discount("discount")).run(Ledger(borrower.name.clone())).unwrap()
}

proptest! {
    #![proptest_config(cases(100))]

    /// Tenants that never fail are no tenants, and machines that are there are not late: to the bit.
    #[test]
    fn without_defaults_and_delays_no_bit_changes(mut world in worlds(), borrower in borrowers("one")) {
        for (_, script) in world.series.iter_mut().filter(|(name, _)| *name == "tenant") {
            script.0.iter_mut().flatten().for_each(|date| *date = NEVER);
        }
        let (mut with, mut without) = (borrower.clone(), borrower);
        for fleet in &mut with.fleets {
            let there = Delivery { at: 0.0, delay_mean: 0.0, delay_deviation: 0.0, ramp: 0.0, contracts: ContractTerm::FromDelivery };
            fleet.delivery = Some(there);
        }
        for fleet in &mut without.fleets {
            fleet.delivery = None;
            for contract in &mut fleet.contracts {
                contract.tenant = None;
                contract.backstop = None;
            }
        }
        prop_assert_eq!(run(&world, &with), run(&world, &without));
    }

    /// What is paid for in full whether used or not is a contract without the clause: to the bit.
    #[test]
    fn a_minimum_of_all_changes_no_bit(world in worlds(), borrower in borrowers("one")) {
        let (mut with, mut without) = (borrower.clone(), borrower);
        // A covenant on a fleet's utilisation counts what is used.
        with.covenants.retain(|covenant| !matches!(covenant.test, CovenantTest::Utilisation { .. }));
        with.response = None;
        (without.covenants, without.response) = (with.covenants.clone(), None);
        for (index, contract) in with.fleets.iter_mut().flat_map(|fleet| &mut fleet.contracts).enumerate() {
            let usage = if index % 2 == 0 { "utilisation".into() } else { 0.3.into() };
            contract.take_or_pay = Some(TakeOrPay { minimum: 1.0, usage });
        }
        for contract in without.fleets.iter_mut().flat_map(|fleet| &mut fleet.contracts) {
            contract.take_or_pay = None;
        }
        prop_assert_eq!(run(&world, &with), run(&world, &without));
    }
}

/// A tenant of a market, shared by two borrowers: both lose it on the same day, and none without a hazard.
#[test]
fn borrowers_share_their_tenant() {
    let run = |hazard| {
        let mut second = landlord(eighty_percent());
        second.name = "second".into();
        let book = Book::new([landlord(eighty_percent()), second]).liquidation(trading([liquid("gpu", "price")]));
        let market = Market::builder().factor("price", script([1.0])).factor("tenant", Counterparty::hazard(hazard));
        let names = (Ledger("landlord".into()), Ledger("second".into()));
        Simulation::new(market.build().unwrap(), book).months(36).paths(2_000).threads(1).run(names).unwrap()
    };
    let (first, second) = run(0.2);
    assert_eq!(first.metrics["revenue"], second.metrics["revenue"]);
    let (never, _) = run(0.0);
    let kept = never.metrics["revenue"][36][0];
    assert_cents(kept, 22_776_000.0 / 12.0);
    assert!(never.metrics["revenue"][36].iter().all(|usd| *usd == kept));
    let lost = first.metrics["revenue"][36].iter().filter(|usd| **usd < kept).count() as f64 / 2_000.0;
    let p = 1.0 - f64::exp(-0.2 * 3.0);
    assert!((lost - p).abs() < 5.0 * (p * (1.0 - p) / 2_000.0).sqrt(), "{lost}");
}

/// A lender that takes over knows which tenants have gone. Kept, the contract is worth e^-0.1 + e^-0.2 of 3,000,000 and the machines are
/// operated; gone, spot rents of nothing are left and they are sold.
#[test]
fn lenders_know_which_tenants_are_gone() {
    let terms = StepIn {
        delay: 0.0,
        horizon: 2.0,
        discount_rate: 0.1,
        revenue_decline: 0.0,
        price_decline: 0.0,
        operator_share: 0.0,
    };
    let rate = 3e6 / (8760.0 * 1000.0);
    let contract = Contract { tenant: Some("tenant".into()), ..Contract::new(1.0, rate, 3.0) };
    let fleet = Fleet { contracts: vec![contract], ..cash_cow("gpu", 1000.0, 0.0, 0.0) };
    let borrower = Borrower {
        overhead_usd_per_year: 1e6,
        fleets: vec![fleet],
        facilities: vec![facility("loan", 1e7, 0.0, Amortisation::Bullet, 1.0)],
        step_in: Some(terms),
        ..Borrower::new("landlord")
    };
    let record = years(borrower, &[[NEVER, NEVER], [1.0, NEVER], [2.5, NEVER]], 4, 1);
    assert_eq!(record.row("operated", 0), [0.0, 2e6, 2e6, 0.0]);
    assert_eq!(record.row("operated", 1), [0.0; 4]);
    // What is not known on the day of default comes as it comes.
    assert_rounding(record.at("operated", 3, 2), 0.5e6);
}

#[test]
fn contracts_that_make_no_sense_are_refused_by_field() {
    let field = |contract: Contract, delivery: Option<Delivery>| {
        let fleet = Fleet { contracts: vec![contract], delivery, ..cash_cow("gpu", 1.0, 0.0, 1.0) };
        let borrower = Borrower { fleets: vec![fleet], ..Borrower::new("one") };
        let book = Book::new([borrower]).liquidation(trading([liquid("gpu", "price")]));
        let error: Error = Simulation::new(scripted([("price", script([1.0]))]), book)
            .months(3)
            .paths(1)
            .run(Ledger("one".into()))
            .unwrap_err();
        error.field().unwrap_or_default().rsplit_once("fleets[0].").unwrap().1.to_owned()
    };
    let plain = eighty_percent;
    let backstop = |fee| Some(Backstop { guarantor: None, termination_fee: fee });
    let by_use = |minimum, usage: Quantity| Some(TakeOrPay { minimum, usage });
    let prepaid = |usd, credited, received| Some(Prepayment { usd, credited, received });
    for (contract, expected) in [
        (Contract { tenant: Some("nobody".into()), ..plain() }, "tenant"),
        (Contract { backstop: backstop(None), ..plain() }, "tenant"),
        (
            Contract {
                tenant: Some("price".into()),
                backstop: Some(Backstop { guarantor: Some("nobody".into()), termination_fee: None }),
                ..plain()
            },
            "backstop.guarantor",
        ),
        (
            Contract { tenant: Some("price".into()), backstop: backstop(Some(Curve::Always(-1.0))), ..plain() },
            "backstop.termination_fee",
        ),
        (Contract { reletting_delay: -1.0, ..plain() }, "reletting_delay"),
        (Contract { take_or_pay: by_use(1.5, 0.5.into()), ..plain() }, "take_or_pay.minimum"),
        (Contract { take_or_pay: by_use(0.5, 1.5.into()), ..plain() }, "take_or_pay.usage"),
        (Contract { take_or_pay: by_use(1.0, "nothing".into()), ..plain() }, "take_or_pay.usage"),
        (Contract { prepayment: prepaid(-1.0, 0.5, None), ..plain() }, "prepayment.usd"),
        (Contract { prepayment: prepaid(1.0, 0.0, None), ..plain() }, "prepayment.credited"),
        (Contract { prepayment: prepaid(1.0, 0.5, Some(0.0)), ..plain() }, "prepayment.received"),
    ] {
        assert_eq!(field(contract, None), format!("contracts[0].{expected}"));
    }
    for (delivery, expected) in [
        (Delivery { at: -1.0, ..late() }, "at"),
        (Delivery { delay_mean: f64::NAN, ..late() }, "delay_mean"),
        (Delivery { delay_mean: 0.0, delay_deviation: 0.1, ..late() }, "delay_deviation"),
        (Delivery { delay_deviation: -0.1, ..late() }, "delay_deviation"),
        (Delivery { ramp: 1e9, ..late() }, "ramp"),
    ] {
        assert_eq!(field(plain(), Some(delivery)), format!("delivery.{expected}"));
    }
}

/// As `docs/credit.md` writes them in a file.
#[test]
fn contracts_and_deliveries_are_read_back_as_they_were_written() {
    let fleet: Fleet = toml::from_str(
        r#"
        name = "GB300"
        asset = "gb300"
        units = 76000
        capex_usd_per_unit = 76400
        power_kw_per_unit = 2.63
        pue = 1.2
        power_usd_per_kwh = 0.05
        opex_usd_per_unit_hour = 0.3
        rent = "rent"
        utilisation = 0.8
        delivery = { at = 0.25, delay_mean = 0.25, delay_deviation = 0.25, ramp = 0.5, contracts = "from_delivery" }
        [[contracts]]
        share = 1
        rate_usd_per_unit_hour = 2.91
        until = 5
        tenant = "openai"
        reletting_delay = 0.25
        prepayment = { usd = 1940e6, credited = 0.2 }
        take_or_pay = { minimum = 0.8, usage = "demand" }
        backstop = { guarantor = "google", termination_fee = [[0, 1300e6], [4, 742e6]] }
        "#,
    )
    .unwrap();
    assert_eq!(fleet.contracts[0].tenant.as_deref(), Some("openai"));
    assert_eq!(fleet.delivery.unwrap().contracts, ContractTerm::FromDelivery);
    assert_eq!(fleet.contracts[0].take_or_pay, Some(TakeOrPay { minimum: 0.8, usage: "demand".into() }));
    assert_eq!(toml::from_str::<Fleet>(&toml::to_string(&fleet).unwrap()).unwrap(), fleet);
}
