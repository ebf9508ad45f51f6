//! The laws that every built-in factor keeps, one suite run over all of them: paths differ, a shorter run or a run of fewer
//! paths is a prefix to the bit, and neither threads nor the instruction set change a bit. Means and variances would hide
//! most of these faults (a path used twice, a stream that depends on scheduling), so everything is compared by bits.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/collect.rs"]
mod collect;

use collect::Collect;
use haircut::Simulation;
use haircut::credit::Book;
use haircut::market::{
    BlockReward, Constant, DeflatingRent, Gbm, Hashprice, LaunchShock, Market, MarketBuilder, Merton, NetworkHashrate,
    Obsolescence, Regime, Regimes, Resale, ShortRate, Utilisation,
};
use haircut::numeric::Level;
use std::collections::HashSet;

/// What every market of this file publishes.
const SERIES: [&str; 13] = [
    "eth",
    "btc",
    "frontier",
    "frontier.adoption",
    "frontier.generations",
    "frontier.age",
    "rent",
    "resale",
    "use",
    "sofr",
    "sofr.discount",
    "hashrate",
    "hashprice",
];

/// One of each built-in factor, coupled where factors can be.
fn factors() -> MarketBuilder {
    let reward = BlockReward { subsidy: 3.125, fees: 0.05, halvings: vec![1.6] };
    Market::builder()
        .factor("eth", Gbm { initial: 3_000.0, drift: 0.04, volatility: 0.8 })
        .factor(
            "btc",
            Merton {
                initial: 95_000.0,
                drift: 0.05,
                volatility: 0.5,
                jumps_per_year: 6.0,
                jump_mean: -0.02,
                jump_volatility: 0.12,
            },
        )
        .factor(
            "frontier",
            Obsolescence {
                cadence: 0.7,
                cadence_variation: 0.5,
                age: 0.3,
                gain: 0.5,
                gain_volatility: 0.1,
                ramp: 0.5,
                pending: 0.2,
            },
        )
        .factor(
            "rent",
            DeflatingRent {
                initial: 2.3,
                deflation: 0.15,
                sensitivity: 0.2,
                adoption: Some("frontier.adoption".into()),
                scarcity: 0.1,
                reversion: 0.6,
                volatility: 0.3,
            },
        )
        .factor(
            "resale",
            Resale {
                initial: 28_000.0,
                floor: 1_500.0,
                wear: 0.2,
                sensitivity: 0.3,
                adoption: Some("frontier.adoption".into()),
                shock: Some(LaunchShock { generations: "frontier.generations".into(), mean: 0.2, deviation: 0.1 }),
                reversion: 1.0,
                volatility: 0.2,
            },
        )
        .factor("use", Utilisation { initial: 0.85, usual: 0.8, reversion: 1.5, volatility: 0.7 })
        .factor("sofr", ShortRate { initial: 0.036, mean: 0.03, reversion: 0.4, volatility: 0.01 })
        .factor(
            "hashrate",
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
        .factor("hashprice", Hashprice { coin: "btc".into(), hashrate: "hashrate".into(), reward })
}

/// The factors under each way of moving together.
fn markets() -> Vec<(&'static str, Market)> {
    let pairs = [("btc", "rent", 0.4), ("eth", "btc", 0.8), ("rent", "resale", 0.6), ("use", "sofr", -0.3)];
    let stressed = [("btc", "rent", 0.5), ("eth", "btc", 0.7), ("rent", "resale", 0.4), ("sofr", "btc", 0.2)];
    let calm = Regime::new("calm").correlation(pairs);
    let stress = Regime::new("stress").correlation(stressed).volatility("btc", 1.6).drift("rent", -0.3);
    let crisis = Regime::new("crisis").correlation([("eth", "rent", 0.9)]).volatility("use", 2.0).drift("sofr", 0.02);
    let generator = vec![vec![-0.8, 0.6, 0.2], vec![2.0, -3.0, 1.0], vec![1.0, 3.0, -4.0]];
    let three = Regimes {
        regimes: vec![calm.clone(), stress.clone(), crisis],
        transitions: haircut::market::Transitions::Generator(generator),
        initial: Some(vec![0.5, 0.25, 0.25]),
    };
    vec![
        ("independent", factors().build().unwrap()),
        ("constant", factors().dependence(Constant::pairs(pairs)).build().unwrap()),
        ("two regimes", factors().dependence(Regimes::pair(calm, stress, [1.0, 0.5])).build().unwrap()),
        ("three regimes", factors().dependence(three).build().unwrap()),
    ]
}

fn run(market: &Market) -> Simulation {
    Simulation::new(market.clone(), Book::default()).months(30).paths(3_000).seed(20_261_121)
}

const STEPS: [usize; 4] = [0, 1, 13, 30];

#[test]
fn no_two_paths_are_the_same() {
    for (name, market) in markets() {
        let seen = run(&market).run(Collect::new(&SERIES, &STEPS)).unwrap();
        let paths: HashSet<Vec<u64>> = (0..3_000).map(|path| seen.path(path)).collect();
        assert_eq!(paths.len(), 3_000, "{name}");
        for series in SERIES {
            let values: HashSet<u64> = seen.of(series, 30).iter().map(|value| value.to_bits()).collect();
            let least = if series == "frontier.generations" { 5 } else { 2_990 };
            assert!(values.len() >= least, "{name}, {series}: {} values on 3000 paths", values.len());
            assert!(seen.of(series, 30).iter().all(|value| value.is_finite()), "{name}, {series}");
        }
    }
}

#[test]
fn a_shorter_run_is_a_prefix() {
    for (name, market) in markets() {
        let long = run(&market).run(Collect::new(&SERIES, &[0, 1, 13])).unwrap();
        let short = run(&market).months(13).run(Collect::new(&SERIES, &[0, 1, 13])).unwrap();
        assert_eq!(long.bits(), short.bits(), "{name}");
    }
}

#[test]
fn fewer_paths_are_the_first_ones() {
    for (name, market) in markets() {
        let many = run(&market).run(Collect::new(&SERIES, &STEPS)).unwrap();
        let few = run(&market).paths(700).run(Collect::new(&SERIES, &STEPS)).unwrap();
        assert!((0..700).all(|path| many.path(path) == few.path(path)), "{name}");
    }
}

#[test]
fn threads_change_no_bit() {
    for (name, market) in markets() {
        let reference = run(&market).threads(1).run(Collect::new(&SERIES, &STEPS)).unwrap().bits();
        for threads in [2, 3, 8] {
            let bits = run(&market).threads(threads).run(Collect::new(&SERIES, &STEPS)).unwrap().bits();
            assert_eq!(bits, reference, "{name}, {threads} threads");
        }
    }
}

#[test]
fn the_instruction_set_changes_no_bit() {
    for (name, market) in markets() {
        let mut reference = None;
        for level in Level::available() {
            level.set().unwrap();
            let bits = run(&market).threads(1).run(Collect::new(&SERIES, &STEPS)).unwrap().bits();
            assert_eq!(*reference.get_or_insert_with(|| bits.clone()), bits, "{name}, {level:?}");
        }
        Level::detect().set().unwrap();
    }
}

/// A draw belongs to its factor's name: another factor, another parameter elsewhere, or another order of unrelated factors
/// changes nothing.
#[test]
fn a_factor_draws_the_same_whatever_stands_beside_it() {
    let seen = run(&factors().build().unwrap()).run(Collect::new(&["eth"], &STEPS)).unwrap();
    let alone =
        Market::builder().factor("eth", Gbm { initial: 3_000.0, drift: 0.04, volatility: 0.8 }).build().unwrap();
    assert_eq!(run(&alone).run(Collect::new(&["eth"], &STEPS)).unwrap().bits(), seen.bits());
}

/// The bits of every series at every step of every path, as one number: the same on every machine, with and without the
/// feature `parallel`, debug or release. A change here is a value change: it needs its reason and a line in the CHANGELOG.
#[test]
fn values_are_those_on_record() {
    const RECORD: [(&str, u64); 4] = [
        ("independent", 0x5d08_7b5a_0db5_d971),
        ("constant", 0x4c8e_22f1_1abe_b92d),
        ("two regimes", 0x2ba4_02c4_c343_4977),
        ("three regimes", 0xb597_1305_6824_f171),
    ];
    let steps: Vec<usize> = (0..=30).collect();
    let seen = markets().into_iter().map(|(name, market)| {
        let bits = run(&market).paths(1_000).run(Collect::new(&SERIES, &steps)).unwrap().bits();
        // FNV-1a, word by word.
        let hash =
            bits.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, word| (hash ^ word).wrapping_mul(0x0000_0100_0000_01b3));
        (name, hash)
    });
    let seen: Vec<(&str, u64)> = seen.collect();
    assert!(seen == RECORD, "{seen:#018x?}");
}
