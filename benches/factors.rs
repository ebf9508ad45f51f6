//! What a path-step of each factor and dependence costs, through the public API: one thread, 60 monthly steps, an empty book, and a
//! measure that looks at nothing. The engine's own share is that of the market without a factor. `LEVEL=Avx2` (or `Baseline`)
//! in the environment measures a lower instruction set.

#![allow(missing_docs, reason = "criterion's macros make undocumented items")]

mod support;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use haircut::Simulation;
use haircut::credit::Book;
use haircut::market::{
    Bates, BlockReward, Bootstrap, Cir, ConditionSeries, Constant, Counterparty, CreditConditions, DeflatingRent,
    DemandShift, Difficulty, EarningPower, Excitation, Gbm, Hashprice, Heston, History, Kou, LaunchShock, ListJumps,
    Market, MarketBuilder, Merton, NetworkHashrate, Obsolescence, PowerPrice, PriceRegime, Regime, RegimeGbm, Regimes,
    Resale, ResampledSeries, ShortRate, Svcj, TierRent, Transitions, UnitCost, Utilisation,
};
use haircut::numeric::Correlation;
use std::hint::black_box;
use support::{Count, lower_level};

const PATHS: u64 = 16_384;
const STEPS: u64 = 60;

fn bench(criterion: &mut Criterion, group: &str, markets: Vec<(&str, MarketBuilder)>) {
    let mut group = criterion.benchmark_group(group);
    group.throughput(Throughput::Elements(PATHS * STEPS)).sample_size(20);
    for (name, market) in markets {
        let market = market.build().expect("a market of this file");
        let simulation = Simulation::new(market, Book::default()).months(60).paths(PATHS).seed(1).threads(1);
        group.bench_function(name, |bencher| bencher.iter(|| black_box(simulation.run(Count).expect("a run"))));
    }
    group.finish();
}

fn btc() -> Gbm {
    Gbm { initial: 95_000.0, drift: 0.05, volatility: 0.6 }
}

fn merton(jumps_per_year: f64) -> Merton {
    Merton { initial: 1.0, drift: 0.05, volatility: 0.6, jumps_per_year, jump_mean: -0.2, jump_volatility: 0.3 }
}

fn kou(jumps_per_year: f64) -> Kou {
    Kou { initial: 1.0, drift: 0.05, volatility: 0.6, jumps_per_year, up_share: 0.4, up_mean: 0.1, down_mean: 0.15 }
}

/// A coin whose variance stays away from zero.
fn heston() -> Heston {
    Heston {
        initial: 1.0,
        drift: 0.05,
        variance: 0.4,
        mean_variance: 0.5,
        reversion: 3.0,
        volatility_of_variance: 1.0,
        correlation: -0.3,
    }
}

/// The case of Kahl and Jaeckel, nearly always close to zero.
fn extinct() -> Heston {
    let (variance, mean_variance, reversion, correlation) = (0.16, 0.16, 1.0, -0.8);
    Heston { variance, mean_variance, reversion, volatility_of_variance: 2.0, correlation, ..heston() }
}

fn bates(jumps_per_year: f64) -> Bates {
    let Heston { initial, drift, variance, mean_variance, reversion, volatility_of_variance, correlation } = heston();
    let (jump_mean, jump_volatility) = (-0.2, 0.3);
    Bates {
        initial,
        drift,
        variance,
        mean_variance,
        reversion,
        volatility_of_variance,
        correlation,
        jumps_per_year,
        jump_mean,
        jump_volatility,
    }
}

fn svcj(jumps_per_year: f64) -> Svcj {
    let Heston { initial, drift, variance, mean_variance, reversion, volatility_of_variance, correlation } = heston();
    Svcj {
        initial,
        drift,
        variance,
        mean_variance,
        reversion,
        volatility_of_variance,
        correlation,
        jumps_per_year,
        jump_mean: -0.1,
        jump_volatility: 0.2,
        variance_jump_mean: 0.3,
        jump_correlation: -0.2,
    }
}

fn bull_and_bear() -> RegimeGbm {
    let regime = |drift, volatility| PriceRegime { drift, volatility };
    RegimeGbm {
        initial: 1.0,
        regimes: vec![regime(0.5, 0.5), regime(-0.6, 0.9)],
        transitions: Some(Transitions::MeanYears([1.5, 0.8])),
        initial_regime: None,
        chain: None,
    }
}

fn frontier() -> Obsolescence {
    Obsolescence {
        cadence: 2.2,
        cadence_variation: 0.25,
        age: 0.0,
        gain: 0.53,
        gain_volatility: 0.1,
        ramp: 0.75,
        pending: 0.0,
        roadmap: Vec::new(),
        excitation: None,
    }
}

/// Rivals who answer two launches of five.
fn rivals() -> Obsolescence {
    let excitation = Some(Excitation { branching: 0.4, reversion: 2.0, intensity: None });
    Obsolescence { cadence: 1.0, cadence_variation: 1.0, excitation, ..frontier() }
}

fn shift() -> DemandShift {
    DemandShift { parity: 0.8, drift: 0.6, volatility: 0.8, threshold: 0.95, remaining: 0.4, ramp: 1.0 }
}

fn rent() -> DeflatingRent {
    DeflatingRent {
        initial: 2.3,
        deflation: 0.15,
        sensitivity: 0.0,
        adoption: None,
        scarcity: 0.1,
        usual_scarcity: None,
        reversion: 0.6,
        volatility: 0.3,
        deflation_deviation: 0.0,
        jumps: None,
    }
}

fn resale() -> Resale {
    Resale {
        initial: 28_000.0,
        floor: 1_500.0,
        wear: 0.2,
        sensitivity: 0.0,
        adoption: None,
        shock: None,
        reversion: 1.0,
        volatility: 0.2,
    }
}

fn earning() -> EarningPower {
    EarningPower {
        rent: "rent".into(),
        rent_share: 1.0,
        utilisation: 0.85,
        power_kw_per_unit: 1.28,
        pue: 1.3,
        power_usd_per_kwh: 0.08,
        opex_usd_per_unit_hour: 0.4,
        cost_growth: 0.0,
        life: 6.0,
        discount: 0.12,
        scrap: 1_500.0,
    }
}

fn power(spikes_per_year: f64) -> PowerPrice {
    PowerPrice {
        initial: 0.06,
        usual: 0.05,
        reversion: 1.4,
        volatility: 0.35,
        spikes_per_year,
        spike_mean: 0.5,
        spike_volatility: 0.25,
        spike_reversion: 9.0,
    }
}

fn funding<const COUNT: usize>(series: [(&str, f64); COUNT]) -> CreditConditions {
    let series = series.map(|(name, lag)| (name.to_owned(), ConditionSeries { values: vec![1.0, 0.5, 0.0], lag }));
    CreditConditions {
        states: ["open", "tight", "shut"].map(String::from).into(),
        transitions: Transitions::Generator(vec![vec![-0.35, 0.3, 0.05], vec![0.8, -1.2, 0.4], vec![0.2, 1.3, -1.5]]),
        initial_state: None,
        series: series.into(),
    }
}

/// Ten years of rows of three series.
fn past(rows_per_year: f64, mean_block: f64) -> Bootstrap {
    let row = |row: u32| [3, 5, 7].map(|prime| 0.05 * (f64::from(row * row * prime % 97) / 97.0 - 0.5));
    Bootstrap {
        series: ["coin", "rent", "machine"].map(|name| ResampledSeries::new(name, 1.0)).to_vec(),
        history: History::returns((0..10 * rows_per_year as u32).map(row)),
        rows_per_year,
        mean_block,
    }
}

fn alone() -> MarketBuilder {
    Market::builder()
}

fn factors(criterion: &mut Criterion) {
    lower_level();
    let reward = BlockReward { subsidy: 3.125, fees: 0.05, fee_series: None, halvings: vec![1.6] };
    let network = NetworkHashrate {
        initial: 1_000.0,
        elasticity: 0.5,
        lag: 0.4,
        volatility: 0.19,
        coin: "btc".into(),
        marginal_cost: 40.0,
        efficiency_gain: 0.2,
        reward: reward.clone(),
    };
    let difficulty = || Difficulty { hashrate: "network".into(), initial: None, found: 0.0 };
    let fees = PowerPrice { initial: 0.02, usual: 0.027, volatility: 1.4, reversion: 4.1, ..power(0.0) };
    let moving = BlockReward { fee_series: Some("fees".into()), ..reward.clone() };
    let hashprice = Hashprice { coin: "btc".into(), hashrate: "network".into(), reward };
    let shock = LaunchShock { generations: "frontier.generations".into(), mean: 0.2, deviation: 0.1 };
    let adoption = || Some("frontier.adoption".to_owned());
    let pressed = DeflatingRent { adoption: adoption(), sensitivity: 0.2, ..rent() };
    let shocked = Resale { adoption: adoption(), sensitivity: 0.3, shock: Some(shock), ..resale() };
    let stress = Regime::new("stress").volatility("btc", 1.6).drift("btc", -0.3);
    let regimes = || Regimes::pair(Regime::new("calm"), stress.clone(), [2.0, 0.5]);
    bench(
        criterion,
        "factors",
        vec![
            ("none", alone()),
            ("gbm", alone().factor("btc", btc())),
            ("gbm modulated by two regimes", alone().factor("btc", btc()).dependence(regimes())),
            ("merton, half a jump a year", alone().factor("btc", merton(0.5))),
            ("merton, twelve jumps a year", alone().factor("btc", merton(12.0))),
            ("kou, half a jump a year", alone().factor("btc", kou(0.5))),
            ("kou, twelve jumps a year", alone().factor("btc", kou(12.0))),
            ("heston", alone().factor("btc", heston())),
            ("heston modulated by two regimes", alone().factor("btc", heston()).dependence(regimes())),
            ("heston, variance near zero", alone().factor("btc", extinct())),
            ("bates, half a jump a year", alone().factor("btc", bates(0.5))),
            ("bates, twelve jumps a year", alone().factor("btc", bates(12.0))),
            ("svcj, half a jump a year", alone().factor("btc", svcj(0.5))),
            ("svcj, twelve jumps a year", alone().factor("btc", svcj(12.0))),
            ("regime gbm", alone().factor("btc", bull_and_bear())),
            (
                "regime gbm that follows",
                alone().factor("btc", bull_and_bear()).factor(
                    "eth",
                    RegimeGbm { transitions: None, chain: Some("btc.regime".into()), ..bull_and_bear() },
                ),
            ),
            ("deflating rent", alone().factor("rent", rent())),
            (
                "deflating rent, uncertain and with list jumps",
                alone().factor(
                    "rent",
                    DeflatingRent {
                        deflation_deviation: 0.1,
                        jumps: Some(ListJumps { per_year: 2.7, mean: -0.03, deviation: 0.17 }),
                        ..rent()
                    },
                ),
            ),
            ("obsolescence", alone().factor("frontier", frontier())),
            ("obsolescence, aged", alone().factor("frontier", Obsolescence { age: 1.5, ..frontier() })),
            ("obsolescence, exciting", alone().factor("frontier", rivals())),
            (
                "obsolescence, rent and tier rent",
                alone().factor("frontier", frontier()).factor("rent", rent()).factor(
                    "tier",
                    TierRent {
                        rent: "rent".into(),
                        tier: "frontier.tier".into(),
                        behind: 0.0,
                        fractions: vec![1.0, 0.6, 0.35],
                    },
                ),
            ),
            ("obsolescence and rent", alone().factor("frontier", frontier()).factor("rent", pressed.clone())),
            ("rent and earning power", alone().factor("rent", rent()).factor("value", earning())),
            (
                "obsolescence, rent and earning power",
                alone().factor("frontier", frontier()).factor("rent", pressed).factor("value", earning()),
            ),
            ("resale", alone().factor("resale", resale())),
            ("obsolescence and resale with shocks", alone().factor("frontier", frontier()).factor("resale", shocked)),
            (
                "utilisation",
                alone().factor(
                    "use",
                    Utilisation { initial: 0.85, usual: 0.8, reversion: 1.5, volatility: 0.7, demand: None },
                ),
            ),
            ("demand shift", alone().factor("demand", shift())),
            (
                "unit cost",
                alone().factor(
                    "tokens",
                    UnitCost {
                        initial: 3.0,
                        floor: 0.05,
                        deflation: 2.3,
                        long_run_deflation: 0.4,
                        reversion: 0.9,
                        volatility: 0.5,
                    },
                ),
            ),
            ("power price, no spikes", alone().factor("power", power(0.0))),
            ("power price, five spikes a year", alone().factor("power", power(5.0))),
            (
                "short rate",
                alone().factor("sofr", ShortRate { initial: 0.036, mean: 0.03, reversion: 0.4, volatility: 0.01 }),
            ),
            ("cir", alone().factor("sofr", Cir { initial: 0.05, mean: 0.03, reversion: 0.4, volatility: 0.08 })),
            (
                "cir, near zero",
                alone().factor("sofr", Cir { initial: 0.01, mean: 0.02, reversion: 0.5, volatility: 0.45 }),
            ),
            ("counterparty", alone().factor("tenant", Counterparty::hazard(0.04))),
            ("credit conditions, state alone", alone().factor("funding", funding([]))),
            (
                "credit conditions, three series of which one late",
                alone().factor("funding", funding([("availability", 0.0), ("depth", 0.0), ("scarcity", 0.75)])),
            ),
            (
                "credit conditions and rent",
                alone()
                    .factor("funding", funding([("scarcity", 0.75)]))
                    .factor("rent", DeflatingRent { usual_scarcity: Some("funding.scarcity".into()), ..rent() }),
            ),
            ("bootstrap of months, three series", alone().factor("past", past(12.0, 6.0))),
            ("bootstrap of days, three series", alone().factor("past", past(252.0, 20.0))),
            ("gbm and network hashrate", alone().factor("btc", btc()).factor("network", network.clone())),
            (
                "gbm, network hashrate and difficulty",
                alone().factor("btc", btc()).factor("network", network.clone()).factor("difficulty", difficulty()),
            ),
            (
                "gbm, fees and network hashrate",
                alone()
                    .factor("btc", btc())
                    .factor("fees", fees)
                    .factor("network", NetworkHashrate { reward: moving, ..network.clone() }),
            ),
            (
                "gbm, network hashrate and hashprice",
                alone().factor("btc", btc()).factor("network", network).factor("price", hashprice),
            ),
        ],
    );
}

fn dependences(criterion: &mut Criterion) {
    let prices = |count: usize| (0..count).fold(alone(), |market, i| market.factor(format!("coin {i}"), btc()));
    let equal = |size, rho| Correlation::equal(size, rho).expect("a correlation matrix");
    let regime = |name: &str, size, rho| Regime::new(name).matrix(equal(size, rho));
    let two = |size| Regimes::pair(regime("calm", size, 0.2), regime("stress", size, 0.6), [2.0, 0.5]);
    let three = |size| Regimes {
        regimes: vec![regime("calm", size, 0.2), regime("stress", size, 0.6), regime("crisis", size, 0.8)],
        transitions: Some(Transitions::Generator(vec![
            vec![-0.6, 0.5, 0.1],
            vec![2.0, -2.5, 0.5],
            vec![1.0, 2.0, -3.0],
        ])),
        initial: None,
        chain: None,
    };
    bench(
        criterion,
        "dependences",
        vec![
            ("3 gbm, independent", prices(3)),
            ("3 gbm, constant", prices(3).dependence(Constant::new(equal(3, 0.3)))),
            ("3 gbm, two regimes", prices(3).dependence(two(3))),
            ("3 gbm, three regimes", prices(3).dependence(three(3))),
            (
                "funding and 3 gbm, three regimes that follow it",
                prices(3).factor("funding", funding([])).dependence(Regimes {
                    transitions: None,
                    chain: Some("funding".into()),
                    ..three(3)
                }),
            ),
            ("10 gbm, independent", prices(10)),
            ("10 gbm, constant", prices(10).dependence(Constant::new(equal(10, 0.3)))),
            ("10 gbm, two regimes", prices(10).dependence(two(10))),
            ("10 gbm, three regimes", prices(10).dependence(three(10))),
        ],
    );
}

criterion_group!(groups, factors, dependences);
criterion_main!(groups);
