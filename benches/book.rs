//! What a `Borrower` costs: a book of 50 through `Simulation` on one thread, in path-step-borrowers.
//!
//! The books are the workload W3m of `docs/performance.md` with the real borrower: level loans, spot rent, a coin
//! treasury, an own revenue shock, collateral sold after default. `market` is the same run without borrowers, to subtract.
//! `everything on` is `scenarios/book.toml` (with `--features scenario`).
//! `measures` is what each measure costs beside the simulation of W3m, in path-steps; `nothing` is to be subtracted.

mod support;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use haircut::Simulation;
use haircut::comovement::SeriesPair;
use haircut::credit::{
    Amortisation, Asset, Book, Borrower, Buyers, Conditions, Coupon, Facility, Feedback, Fleet, Floating, ImpactForm,
    LiquidationMarket, Refinancing, Treasury,
};
use haircut::market::{Constant, DeflatingRent, Market, Merton, Resale, ShortRate};
use haircut::measure::{
    CashTranches, CollateralIllusion, DefaultTable, EventCounts, FairSpread, Fan, Liquidations, LossDistribution,
    Measure, Note, Recoveries, Tranches,
};
use std::hint::black_box;
use support::Count;

const BORROWERS: usize = 50;
const MONTHS: usize = 60;
/// Enough that planning a book is nothing beside it.
const PATHS: u64 = 1 << 14;
/// Of a run with a measure.
const MEASURED_PATHS: u64 = 1 << 12;

fn market() -> Market {
    Market::builder()
        .factor(
            "btc",
            Merton {
                initial: 1.0,
                drift: 0.05,
                volatility: 0.6,
                jumps_per_year: 0.5,
                jump_mean: -0.2,
                jump_volatility: 0.3,
            },
        )
        .factor(
            "rent",
            DeflatingRent {
                initial: 1.0,
                deflation: 0.05,
                sensitivity: 0.0,
                adoption: None,
                scarcity: 0.0,
                usual_scarcity: None,
                reversion: 1.5,
                volatility: 0.35,
                deflation_deviation: 0.0,
                jumps: None,
            },
        )
        .factor(
            "gpu",
            Resale {
                initial: 1.0,
                floor: 0.0,
                wear: 0.35,
                sensitivity: 0.0,
                adoption: None,
                shock: None,
                reversion: 2.0,
                volatility: 0.4,
            },
        )
        .factor("sofr", ShortRate { initial: 0.04, mean: 0.04, reversion: 0.5, volatility: 0.01 })
        .dependence(Constant::pairs([("btc", "rent", 0.6)]))
        .build()
        .expect("a valid market")
}

/// What the books differ in.
#[derive(Clone, Copy)]
struct Kind {
    /// Multiplies the debt: at 0.2 nobody is ever short of cash, at 1 the PDs run from 0.2 % to 59 %.
    debt: f64,
    /// Own revenue shock.
    shock: f64,
    /// Several facilities, floating coupons, power at a price, refinancing.
    is_rich: bool,
    /// Depth that moves and ages, bounded impact with a permanent part, clearing within the step.
    is_thin: bool,
}

fn borrower(index: usize, kind: Kind) -> Borrower {
    let principal = 70.0;
    let (rate, every): (f64, f64) = (0.11, 1.0 / 12.0);
    let payment = principal * (rate * every) / (1.0 - (1.0 + rate * every).powi(-60));
    let place = index as f64 / 49.0;
    let revenue = (1.1 + 0.7 * place) * payment / 0.7;
    let loan = Facility {
        amortisation: Amortisation::Level { every, profile_rate: None },
        ..Facility::bullet("loan", "bank", principal * kind.debt, rate, 5.0)
    };
    let facilities = if kind.is_rich {
        let coupon = Coupon::Floating(Floating { series: "sofr".into(), spread: 0.06, floor: 0.0 });
        let refinancing = Some(Refinancing::straight(0.6, 1.0, 0.02));
        let straight = Amortisation::Straight { every: 0.25, instalment: Some(1.5 * kind.debt) };
        let (senior, junior) = (0.8 * loan.principal, 0.2 * loan.principal);
        vec![
            Facility { principal: senior, coupon, amortisation: straight, refinancing, maturity: 3.0, ..loan.clone() },
            Facility { name: "junior".into(), principal: junior, ..loan },
        ]
    } else {
        vec![loan]
    };
    let fleet = Fleet {
        name: "fleet".into(),
        asset: "gpu".into(),
        units: 100.0,
        capex_usd_per_unit: 1.0,
        power_kw_per_unit: 0.0,
        pue: 1.0,
        power_usd_per_kwh: 0.0.into(),
        opex_usd_per_unit_hour: 0.0,
        rent: "rent".into(),
        rent_share: revenue * 12.0 / (100.0 * 8760.0),
        utilisation: 1.0.into(),
        contracts: Vec::new(),
        delivery: None,
    };
    Borrower {
        cash: 3.0 * payment,
        overhead_usd_per_year: 12.0 * 0.3 * revenue,
        revenue_volatility: kind.shock,
        fleets: vec![fleet],
        treasury: vec![Treasury { asset: "btc".into(), units: 14.0 * ((7 * index) % 50) as f64 / 49.0 }],
        facilities,
        ..Borrower::new(format!("borrower {index}"))
    }
}

fn simulation(borrowers: usize, kind: Kind) -> Simulation {
    let gpu = Asset {
        moving_cost: 0.4,
        depth_per_month: 1000.0,
        impact: 0.1,
        persistence: 0.5,
        recovery_half_life: 0.5,
        ..Asset::liquid("gpu", "gpu")
    };
    let thin = Asset {
        buyers: Buyers::Share(0.5),
        conditions: Some(Conditions::Multiplier("rent".into())),
        depth_half_life: 3.0,
        form: ImpactForm::Bounded { floor: 0.05 },
        permanent: 0.1,
        ..gpu.clone()
    };
    let feedback = if kind.is_thin { Feedback::WithinStep } else { Feedback::On };
    let assets = vec![if kind.is_thin { thin } else { gpu }, Asset::liquid("btc", "btc")];
    let book = Book::new((0..borrowers).map(|index| borrower(index, kind)))
        .liquidation(LiquidationMarket { assets, feedback })
        .discount("sofr.discount");
    Simulation::new(market(), book).months(MONTHS).paths(PATHS).threads(1)
}

fn books(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("book");
    group.throughput(Throughput::Elements(PATHS * (MONTHS * BORROWERS) as u64));
    let calm = Kind { debt: 0.2, shock: 0.0, is_rich: false, is_thin: false };
    let stressed = Kind { debt: 1.0, shock: 0.52, ..calm };
    let kinds = [
        ("market", 0, calm),
        ("healthy", BORROWERS, calm),
        ("healthy, own shock", BORROWERS, Kind { shock: 0.52, ..calm }),
        ("W3m", BORROWERS, stressed),
        ("W3m, thin market", BORROWERS, Kind { is_thin: true, ..stressed }),
        ("W3m, two facilities", BORROWERS, Kind { is_rich: true, ..stressed }),
    ];
    for (name, borrowers, kind) in kinds {
        let simulation = simulation(borrowers, kind);
        let mut seed = 0;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                seed += 1;
                black_box(simulation.clone().seed(seed).run(LossDistribution::streaming()).expect("a valid run"))
            });
        });
    }
    #[cfg(feature = "scenario")]
    everything_on(&mut group);
    group.finish();
}

/// `scenarios/book.toml`: 51 borrowers with every clause that they have, on its 19 factors.
#[cfg(feature = "scenario")]
fn everything_on(group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>) {
    let book = haircut::scenario::Scenario::read("scenarios/book.toml").expect("a scenario");
    let simulation = book.simulation().expect("a valid scenario").paths(PATHS).threads(1);
    group.throughput(Throughput::Elements(PATHS * (MONTHS * book.borrowers.len()) as u64));
    let mut seed = 0;
    group.bench_function("everything on", |bencher| {
        bencher.iter(|| {
            seed += 1;
            black_box(simulation.clone().seed(seed).run(LossDistribution::streaming()).expect("a valid run"))
        });
    });
}

fn measures(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("measures");
    group.throughput(Throughput::Elements(MEASURED_PATHS * MONTHS as u64)).sample_size(10);
    let stressed = Kind { debt: 1.0, shock: 0.52, is_rich: false, is_thin: false };
    let simulation = simulation(BORROWERS, stressed).paths(MEASURED_PATHS);
    let mut row = |name: &str, run: &dyn Fn(&Simulation)| {
        group.bench_function(name, |bencher| bencher.iter(|| run(&simulation)));
    };
    fn of<M: Measure + Clone>(measure: M) -> impl Fn(&Simulation) {
        move |simulation| drop(black_box(simulation.run(measure.clone()).expect("a valid run")))
    }
    row("nothing", &|simulation| {
        black_box(simulation.run(Count).expect("a valid run"));
    });
    row("default table", &of(DefaultTable::new()));
    row("losses, streaming", &of(LossDistribution::streaming()));
    row("losses, exact", &of(LossDistribution::exact()));
    row("tranches", &of(Tranches::consecutive([0.0, 0.03, 0.07, 0.15, 1.0])));
    row("cash tranches", &of(CashTranches::new([Note::new("senior", 2_000.0, Coupon::Fixed(0.06))])));
    row("fair spread", &of(FairSpread::new()));
    row("fan", &of(Fan::of("borrower 0", "cash")));
    row("events", &of(EventCounts::new(["treasury_sales"])));
    row("coverage", &of(CollateralIllusion::new()));
    row("recoveries", &of(Recoveries::new()));
    row("liquidations", &of(Liquidations::of(["gpu", "btc"])));
    // What it costs on every path; ranks of the kept ones are taken once, at the end.
    row("series pair", &of(SeriesPair::of("btc", "rent").kept_pairs(1_000)));
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = books, measures
}
criterion_main!(benches);
