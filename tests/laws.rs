//! The laws that every built-in factor keeps, one suite run over all of them: paths differ, a shorter run or a run of fewer
//! paths is a prefix to the bit, and neither threads nor the instruction set change a bit. Means and variances would hide
//! most of these faults (a path used twice, a stream that depends on scheduling), so everything is compared by bits.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/collect.rs"]
mod collect;
#[path = "support/world.rs"]
mod world;

use collect::Collect;
use haircut::Simulation;
use haircut::credit::Book;
use haircut::market::{Gbm, Market};
use haircut::numeric::Level;
use std::collections::HashSet;
use world::{factors, markets};

fn run(market: &Market) -> Simulation {
    Simulation::new(market.clone(), Book::default()).months(30).paths(3_000).seed(20_261_121)
}

const STEPS: [usize; 4] = [0, 1, 13, 30];

#[test]
fn no_two_paths_are_the_same() {
    for (name, market, series) in markets() {
        let seen = run(&market).run(Collect::new(series, &STEPS)).unwrap();
        let paths: HashSet<Vec<u64>> = (0..3_000).map(|path| seen.path(path)).collect();
        assert_eq!(paths.len(), 3_000, "{name}");
        for series in series.iter().copied() {
            let values: HashSet<u64> = seen.of(series, 30).iter().map(|value| value.to_bits()).collect();
            let least = match series {
                "frontier.generations" => 5,
                "tenant" => 2,
                "bull.regime" => 2,
                "funding" | "funding.availability" | "funding.delayed" | "coin.regime" => 3,
                "rivals.generations" => 10,
                // After the roadmap some paths have no launch.
                "rivals.age" | "rivals.tier" => 2_500,
                // All of it is left on the paths that have not crossed.
                "demand" => 1_000,
                // A variance of zero is one value, and a third of the paths have it.
                "heston.variance" => 2_000,
                // A row of half a year.
                "past" => 170,
                // Some of the rates are zero.
                "cir" => 2_000,
                _ => 2_990,
            };
            assert!(values.len() >= least, "{name}, {series}: {} values on 3000 paths", values.len());
            assert!(seen.of(series, 30).iter().all(|value| value.is_finite()), "{name}, {series}");
        }
    }
}

#[test]
fn a_shorter_run_is_a_prefix() {
    for (name, market, series) in markets() {
        let long = run(&market).run(Collect::new(series, &[0, 1, 13])).unwrap();
        let short = run(&market).months(13).run(Collect::new(series, &[0, 1, 13])).unwrap();
        assert_eq!(long.bits(), short.bits(), "{name}");
    }
}

#[test]
fn fewer_paths_are_the_first_ones() {
    for (name, market, series) in markets() {
        let many = run(&market).run(Collect::new(series, &STEPS)).unwrap();
        let few = run(&market).paths(700).run(Collect::new(series, &STEPS)).unwrap();
        assert!((0..700).all(|path| many.path(path) == few.path(path)), "{name}");
    }
}

#[test]
fn threads_change_no_bit() {
    for (name, market, series) in markets() {
        let reference = run(&market).threads(1).run(Collect::new(series, &STEPS)).unwrap().bits();
        for threads in [2, 3, 8] {
            let bits = run(&market).threads(threads).run(Collect::new(series, &STEPS)).unwrap().bits();
            assert_eq!(bits, reference, "{name}, {threads} threads");
        }
    }
}

#[test]
fn the_instruction_set_changes_no_bit() {
    for (name, market, series) in markets() {
        let mut reference = None;
        for level in Level::available() {
            level.set().unwrap();
            let bits = run(&market).threads(1).run(Collect::new(series, &STEPS)).unwrap().bits();
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
    const RECORD: [(&str, u64); 21] = [
        ("student t on two regimes", 0x7f3f_7c28_e167_afc2),
        ("stress driven", 0xb490_7cca_05b6_e045),
        ("common jumps, stress driven", 0x939b_bd4d_9054_9700),
        ("coins, common jumps on a t copula", 0x6283_cc81_23ff_2a3a),
        ("independent", 0x5d08_7b5a_0db5_d971),
        ("constant", 0x4c8e_22f1_1abe_b92d),
        ("two regimes", 0x2ba4_02c4_c343_4977),
        ("three regimes", 0xb597_1305_6824_f171),
        ("coins, independent", 0xc876_1175_4d6a_900b),
        ("coins, two regimes", 0x43b2_4da5_edae_7962),
        ("costs, independent", 0xd6b7_a402_1779_ed63),
        ("costs, two regimes", 0x6b51_1796_ffc5_c751),
        ("conditions, independent", 0xa184_dad5_a0f1_0004),
        ("conditions, regimes that follow", 0x96e6_759c_2593_03b6),
        ("history", 0x63c1_8a7c_013f_8dfd),
        ("conditions, shifted", 0xeca0_1a58_3d01_84e0),
        ("inference, independent", 0x43af_b488_963c_bfc2),
        ("inference, two regimes", 0xbd9c_447d_9783_ca09),
        ("machines", 0x34ff_e324_6723_34ed),
        ("mining", 0xabfe_08d1_f0d6_12c2),
        ("counterparties", 0xe88e_0b07_075a_6dfc),
    ];
    let steps: Vec<usize> = (0..=30).collect();
    let seen = markets().into_iter().map(|(name, market, series)| {
        let bits = run(&market).paths(1_000).run(Collect::new(series, &steps)).unwrap().bits();
        // FNV-1a, word by word.
        let hash =
            bits.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, word| (hash ^ word).wrapping_mul(0x0000_0100_0000_01b3));
        (name, hash)
    });
    let seen: Vec<(&str, u64)> = seen.collect();
    assert!(seen == RECORD, "{seen:#018x?}");
}
