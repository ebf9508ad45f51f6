//! Machines that are rented rather than owned: the example of docs/credit.md to the cent, what the two ways share to the bit, and the difference
//! of the two on common random numbers. The recomputation meets rented machines at random.
#![allow(clippy::float_cmp, reason = "exact degenerate cases are compared exactly")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should say where")]

mod ledger;

use haircut::credit::{Amortisation, Book, Borrower, Fleet, Hired, Quantity, StepIn};
use haircut::engine::Comparison;
use haircut::market::{Gbm, Market, Utilisation};
use haircut::measure::Fan;
use haircut::{Error, Simulation};
use ledger::{Ledger, Record, assert_cents, cash_cow, facility, follow, liquid, script, scripted, trading};

const NAME: &str = "someone";

fn renter(hired: Hired) -> Borrower {
    Borrower { hired: vec![hired], ..Borrower::new(NAME) }
}

fn owner() -> Borrower {
    let fleet = Fleet {
        power_kw_per_unit: 2.0,
        power_usd_per_kwh: 0.1.into(),
        opex_usd_per_unit_hour: 0.3,
        rent_share: 1.0,
        utilisation: "demand".into(),
        ..cash_cow("gpu", 1000.0, 0.0, 3.0)
    };
    let loan = facility("loan", 20e6, 0.1, Amortisation::Level { every: 1.0, profile_rate: None }, 3.0);
    Borrower { fleets: vec![fleet], facilities: vec![loan], ..Borrower::new(NAME) }
}

/// Three years of demand and rent.
fn years(demand: [f64; 4], rent: [f64; 4], borrower: Borrower) -> Record {
    let market = scripted([("demand", script(demand)), ("rent", script(rent)), ("gpu", script([9_000.0]))]);
    follow(market, trading([liquid("gpu", "gpu")]), borrower, 3, 1)
}

/// docs/credit.md, "rent or own".
#[test]
fn an_owner_pays_for_what_is_not_asked_for() {
    let (demand, rent) = ([0.9, 0.9, 0.5, 0.3], [2.0, 2.0, 2.0, 1.5]);
    let hired = Hired::new("cloud", 1000.0, 3.0, "demand", "rent");
    let record = years(demand, rent, renter(hired.clone()));
    let cfads = record.row("cfads", 0);
    assert_cents(cfads[0], 7_884_000.0);
    assert_cents(cfads[1], 4_380_000.0);
    assert_cents(cfads[2], 3_942_000.0);
    assert_cents(record.row("cash", 0)[2], 16_206_000.0);
    let own = years(demand, rent, owner());
    let cfads = own.row("cfads", 0);
    assert_cents(cfads[0], 19_272_000.0);
    assert_cents(cfads[1], 8_760_000.0);
    assert_cents(cfads[2], 3_504_000.0);
    assert_cents(own.row("debt_service_paid", 0)[2], 8_042_296.07);
    assert_cents(own.row("cash", 0)[2], 7_409_111.78);
    // The same revenue, whoever owns the machines.
    assert_eq!(own.row("revenue", 0), record.row("revenue", 0));
    // Half of the machines are paid for in any case.
    let committed = years(demand, rent, renter(Hired { committed: 0.5, ..hired.clone() }));
    assert_cents(committed.row("cfads", 0)[2], 1_314_000.0);
    // A tenth above the market.
    let dear = years(demand, rent, renter(Hired { rent_share: 1.1, ..hired }));
    assert_cents(dear.row("operating_cost", 0)[0], 1.1 * 15_768_000.0);
    // Where demand stays the owner is ahead.
    let hired = Hired::new("cloud", 1000.0, 3.0, "demand", "rent");
    let (own, rented) = ([0.9; 4], [2.0; 4]);
    assert_cents(years(own, rented, owner()).row("cash", 0)[2], 33_689_111.78);
    assert_cents(years(own, rented, renter(hired)).row("cash", 0)[2], 23_652_000.0);
}

/// Machines that cost nothing to own or to rent are the same to the bit, and constants are series that do not move.
#[test]
fn for_nothing_renting_is_owning() {
    let company = |borrower: Borrower| Borrower {
        revenue_volatility: 0.3,
        facilities: vec![facility("loan", 20e6, 0.1, Amortisation::Bullet, 2.0)],
        ..borrower
    };
    let fleet = Fleet { rent_share: 1.0, utilisation: "demand".into(), ..cash_cow("gpu", 700.0, 0.0, "price") };
    let own = company(Borrower { fleets: vec![fleet], ..Borrower::new(NAME) });
    let run = |borrower: Borrower| {
        let utilisation = Utilisation { initial: 0.8, usual: 0.7, reversion: 1.0, volatility: 0.9, demand: None };
        let market = Market::builder().factor("price", Gbm { initial: 3.0, drift: -0.2, volatility: 0.4 });
        let market = market.factor("demand", utilisation).factor("rent", script([2.0])).factor("gpu", script([0.0]));
        let book = Book::new([borrower]).liquidation(trading([liquid("gpu", "gpu")]));
        Simulation::new(market.build().unwrap(), book).months(30).paths(512).run(Ledger(NAME.into())).unwrap()
    };
    let free = Hired { rent_share: 0.0, ..Hired::new("cloud", 700.0, "price", "demand", "rent") };
    assert_eq!(run(company(renter(free.clone()))), run(own.clone()));
    assert_eq!(run(company(renter(Hired { rent: 0.0.into(), ..free.clone() }))), run(own));
    let paid = Hired { rent_share: 1.0, ..free };
    let of = |rent: Quantity| run(company(renter(Hired { rent, ..paid.clone() })));
    assert_eq!(of(2.0.into()), of("rent".into()));
}

/// The difference of the two on common random numbers has a smaller error than the two alone.
#[test]
fn the_difference_is_paired() {
    let simulation = |borrower: Borrower| {
        let utilisation = Utilisation { initial: 0.8, usual: 0.7, reversion: 1.0, volatility: 0.9, demand: None };
        let market = Market::builder().factor("rent", Gbm { initial: 2.0, drift: -0.2, volatility: 0.3 });
        let market = market.factor("demand", utilisation).factor("gpu", script([9_000.0])).build().unwrap();
        let book = Book::new([borrower]).liquidation(trading([liquid("gpu", "gpu")]));
        Simulation::new(market, book).months(36).paths(1 << 14).threads(1)
    };
    let unlevered = Borrower { facilities: Vec::new(), ..owner() };
    let rented = renter(Hired::new("cloud", 1000.0, 3.0, "demand", "rent"));
    let median = |fan: &Vec<haircut::measure::FanDate>| Ok(fan[36].quantiles[0]);
    let compared = Comparison::of([("own", simulation(unlevered)), ("rent", simulation(rented))])
        .run(Fan::of(NAME, "cash").levels([0.5]).exact(), &[("median", &median)])
        .unwrap();
    let [own, rent] = ["own", "rent"].map(|run| compared.value(run, "median").unwrap());
    let difference = compared.difference("own", "rent", "median").unwrap();
    assert_eq!(difference.value, own.value - rent.value);
    assert!(difference.standard_error < own.standard_error.hypot(rent.standard_error));
}

#[test]
fn every_bad_field_is_refused_by_its_name() {
    let good = || Hired::new("cloud", 1.0, 3.0, 0.5, 2.0);
    let step_in = StepIn {
        delay: 0.0,
        horizon: 1.0,
        discount_rate: 0.1,
        revenue_decline: 0.0,
        price_decline: 0.0,
        operator_share: 0.0,
    };
    let bad = [
        ("hired[0].name", renter(Hired { name: String::new(), ..good() })),
        ("hired[0].units", renter(Hired { units: -1.0, ..good() })),
        ("hired[0].price", renter(Hired { price: f64::NAN.into(), ..good() })),
        ("hired[0].demand", renter(Hired { demand: 1.1.into(), ..good() })),
        ("hired[0].demand", renter(Hired { demand: "nobody".into(), ..good() })),
        ("hired[0].rent", renter(Hired { rent: (-1.0).into(), ..good() })),
        ("hired[0].rent_share", renter(Hired { rent_share: -0.1, ..good() })),
        ("hired[0].committed", renter(Hired { committed: 1.1, ..good() })),
        ("hired[1].name", Borrower { hired: vec![good(), good()], ..Borrower::new(NAME) }),
        ("step_in", Borrower { step_in: Some(step_in), ..renter(good()) }),
    ];
    for (expected, borrower) in bad {
        let market = scripted([("rent", script([1.0]))]);
        let error =
            Simulation::new(market, Book::new([borrower])).months(12).paths(256).run(Ledger(NAME.into())).unwrap_err();
        let (Error::Invalid { field, .. } | Error::Unknown { field, .. } | Error::Duplicate { field, .. }) = &error
        else {
            panic!("{error}")
        };
        assert_eq!(*field, format!("obligors[0].{expected}"), "{error}");
    }
    let text = "name = \"cloud\"\nunits = 1.0\nprice = 3.0\ndemand = 0.5\nrent = 2.0";
    assert_eq!(toml::from_str::<Hired>(text).unwrap(), good());
}
