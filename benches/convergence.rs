//! What each mechanism of falling together costs a path-step against `Constant`, on a market of eight and of nineteen factors like those of
//! the book scenario: one thread, 60 monthly steps, an empty book, and a measure that looks at nothing. `LEVEL=Avx2` (or
//! `Baseline`) in the environment measures a lower instruction set.
//!
//! What is claimed is a ratio, so mechanisms take turns in one process, in short runs, and the fastest run of each counts: the ratio then holds on
//! a machine that others use too, which the times of a criterion group would not.

#![allow(missing_docs, clippy::print_stdout, reason = "a program that prints a table")]

mod support;

use haircut::Simulation;
use haircut::credit::Book;
use haircut::market::{
    BlockReward, CommonJumps, Constant, Correlations, DeflatingRent, Gbm, Hashprice, Market, MarketBuilder, Merton,
    NetworkHashrate, Obsolescence, Regime, Regimes, Resale, ShortRate, StressDriven, StudentT, Utilisation,
};
use haircut::numeric::Level;
use std::hint::black_box;
use std::time::Instant;
use support::{Count, lower_level};

const PATHS: u64 = 512;
const STEPS: usize = 60;

fn rent(sensitivity: f64) -> DeflatingRent {
    DeflatingRent {
        initial: 2.3,
        deflation: 0.15,
        sensitivity,
        adoption: Some("frontier.adoption".into()),
        scarcity: 0.1,
        reversion: 0.6,
        volatility: 0.3,
        usual_scarcity: None,
        deflation_deviation: 0.0,
        jumps: None,
    }
}

fn resale() -> Resale {
    Resale {
        initial: 28_000.0,
        floor: 1_500.0,
        wear: 0.2,
        sensitivity: 0.3,
        adoption: Some("frontier.adoption".into()),
        shock: None,
        reversion: 1.0,
        volatility: 0.2,
    }
}

/// Rate, coin, mining, frontier, rent, share let, and what a machine fetches.
fn eight() -> MarketBuilder {
    let reward = BlockReward { subsidy: 3.125, fees: 0.05, fee_series: None, halvings: vec![1.6] };
    Market::builder()
        .factor("sofr", ShortRate { initial: 0.036, mean: 0.03, reversion: 0.4, volatility: 0.01 })
        .factor(
            "btc",
            Merton {
                initial: 95_000.0,
                drift: 0.05,
                volatility: 0.55,
                jumps_per_year: 1.0,
                jump_mean: -0.1,
                jump_volatility: 0.15,
            },
        )
        .factor(
            "network",
            NetworkHashrate {
                initial: 1_000.0,
                elasticity: 0.5,
                lag: 0.4,
                volatility: 0.19,
                coin: "btc".into(),
                marginal_cost: 40.0,
                efficiency_gain: 0.2,
                reward: reward.clone(),
            },
        )
        .factor("hashprice", Hashprice { coin: "btc".into(), hashrate: "network".into(), reward })
        .factor(
            "frontier",
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
            },
        )
        .factor("rent", rent(0.2))
        .factor("use", Utilisation { initial: 0.85, usual: 0.8, reversion: 1.5, volatility: 0.7, demand: None })
        .factor("resale", resale())
}

/// The same with more of what a book of many borrowers has: another rent, five clouds, three generations, two indices.
fn nineteen() -> MarketBuilder {
    let market = eight().factor("old_rent", rent(0.4));
    let share = || Utilisation { initial: 0.85, usual: 0.8, reversion: 1.5, volatility: 0.7, demand: None };
    let market = (0..5).fold(market, |market, cloud| market.factor(format!("cloud {cloud}"), share()));
    let market = (0..3).fold(market, |market, tier| market.factor(format!("tier {tier}"), resale()));
    let index = || Gbm { initial: 1.0, drift: 0.05, volatility: 0.3 };
    market.factor("hardware", index()).factor("credit", index())
}

type Pairs = Vec<(&'static str, &'static str, f64)>;

/// Coin, network, rent, use and resale all move together; in a book so do clouds and tiers with the rent.
fn pairs(large: bool, rho: f64) -> Pairs {
    let core = ["btc", "network", "rent", "use", "resale"];
    let more =
        ["old_rent", "cloud 0", "cloud 1", "cloud 2", "cloud 3", "cloud 4", "tier 0", "tier 1", "tier 2", "hardware"];
    let names: Vec<&str> = core.into_iter().chain(more).take(if large { 15 } else { 5 }).collect();
    let all = names.iter().enumerate();
    all.flat_map(|(at, one)| names[..at].iter().map(move |other| (*one, *other, rho))).collect()
}

/// Each mechanism on a market, the first two to compare with.
fn mechanisms(large: bool, market: fn() -> MarketBuilder) -> Vec<(&'static str, MarketBuilder)> {
    let constant = || Constant::pairs(pairs(large, 0.2));
    let regimes = || {
        let calm = Regime::new("calm").correlation(pairs(large, 0.2));
        let stress = Regime::new("stress").correlation(pairs(large, 0.6)).volatility("btc", 1.6).drift("rent", -0.3);
        Regimes::pair(calm, stress, [2.0, 0.5])
    };
    let stress = |index: StressDriven| {
        index.calm(Correlations::pairs(pairs(large, 0.2))).stress(Correlations::pairs(pairs(large, 0.6)))
    };
    let events = |per_year: f64| {
        let hit = ["btc", "network", "rent", "resale"].into_iter();
        hit.fold(CommonJumps::new(per_year, constant()), |jumps, factor| jumps.jump(factor, -0.2, 0.1))
    };
    vec![
        ("constant", market().dependence(constant())),
        ("independent", market()),
        ("regimes", market().dependence(regimes())),
        ("student t", market().dependence(StudentT::new(4.0, constant()))),
        ("t copula", market().dependence(StudentT::new(4.0, constant()).normal_margins())),
        ("stress driven, drawdown", market().dependence(stress(StressDriven::drawdown("btc", 0.2, 0.5)))),
        ("stress driven, own index", market().dependence(stress(StressDriven::ou(2.0, 1.0, 2.0)))),
        ("common jumps, one a year", market().dependence(events(1.0))),
        ("t copula on regimes", market().dependence(StudentT::new(4.0, regimes()).normal_margins())),
    ]
}

fn main() {
    // Run as a test, once: that it runs.
    let rounds = if std::env::args().any(|argument| argument == "--bench") { 500 } else { 1 };
    lower_level();
    for (size, large, market) in [("8 factors", false, eight as fn() -> MarketBuilder), ("19 factors", true, nineteen)]
    {
        let runs: Vec<_> = mechanisms(large, market)
            .into_iter()
            .map(|(name, market)| {
                let market = market.build().expect("a market of this file");
                (name, Simulation::new(market, Book::default()).months(STEPS).paths(PATHS).seed(1).threads(1))
            })
            .collect();
        let mut fastest = vec![f64::INFINITY; runs.len()];
        for _ in 0..rounds {
            for ((_, run), fastest) in runs.iter().zip(&mut fastest) {
                let start = Instant::now();
                black_box(run.run(Count).expect("a run"));
                *fastest = fastest.min(start.elapsed().as_secs_f64());
            }
        }
        println!("{size}, {:?}: ns per path-step, ratio to constant", Level::current());
        for ((name, _), seconds) in runs.iter().zip(&fastest) {
            let time = seconds * 1e9 / (PATHS as f64 * STEPS as f64);
            println!("{name:26} {time:7.2} {:6.2}", seconds / fastest[0]);
        }
    }
}
