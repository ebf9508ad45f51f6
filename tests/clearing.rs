//! The clearing of a network at one date: payments by hand, laws over random networks. Iterating until numbers stop would
//! pass most of these and miss what matters: the greatest of several solutions, reached from above, in counted rounds.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should say where")]

use haircut::Error;
use haircut::credit::{Clearing, ClearingNetwork};
use proptest::prelude::*;

#[track_caller]
fn assert_cents(actual: &[f64], expected: &[f64]) {
    assert_eq!(actual.len(), expected.len());
    for (actual, expected) in actual.iter().zip(expected) {
        assert!((actual - expected).abs() < 0.005, "{actual} is not {expected} to the cent");
    }
}

/// A owes B 60 and C 40, B owes C 80, C owes A 50; they have 30, 20 and 10. The numbers of `docs/credit.md`.
fn three() -> ClearingNetwork {
    ClearingNetwork::new(&[[0.0, 60.0, 40.0], [0.0, 0.0, 80.0], [50.0, 0.0, 0.0]], &[30.0, 20.0, 10.0]).unwrap()
}

#[test]
fn a_default_drags_another_one_down() {
    let cleared = three().clear();
    assert_cents(&cleared.payments, &[80.0, 68.0, 50.0]);
    assert_cents(&cleared.equity, &[0.0, 0.0, 60.0]);
    assert_eq!((cleared.defaulted, cleared.rounds), (vec![true, true, false], 2));
}

#[test]
fn costs_of_default_are_lost_to_all() {
    let cleared = three().recovering(0.5, 0.8).unwrap().clear();
    assert_cents(&cleared.payments, &[55.0, 36.4, 50.0]);
    assert_cents(&cleared.equity, &[0.0, 0.0, 18.4]);
    assert_eq!(cleared.rounds, 2);
}

/// A owes B 100; B owes A 90 and an outsider 30; they have 5 and 10. In default both pay with what the other pays.
#[test]
fn two_in_default_pay_with_what_the_other_pays() {
    let owed = [[0.0, 100.0, 0.0], [90.0, 0.0, 30.0], [0.0; 3]];
    let network = ClearingNetwork::new(&owed, &[5.0, 10.0, 0.0]).unwrap();
    let cleared = network.clear();
    assert_cents(&cleared.payments, &[50.0, 60.0, 0.0]);
    assert_cents(&cleared.equity, &[0.0, 0.0, 15.0]);
    assert_eq!((cleared.rounds, network.owed()), (1, [100.0, 120.0, 0.0].as_slice()));
    // With costs: pA = 0.6 x 5 + 0.9 x 0.75 pB, pB = 0.6 x 10 + 0.9 pA.
    let cleared = network.recovering(0.6, 0.9).unwrap().clear();
    assert_cents(&cleared.payments, &[17.96, 22.17, 0.0]);
}

/// Two who owe each other 100 and outsiders 10, and have 20: each is solvent if the other is. Both in default is a solution
/// too; the greatest is returned.
#[test]
fn the_greatest_of_two_solutions() {
    let owed = [[0.0, 100.0, 10.0], [100.0, 0.0, 10.0], [0.0; 3]];
    let network = ClearingNetwork::new(&owed, &[20.0, 20.0, 0.0]).unwrap().recovering(0.5, 0.5).unwrap();
    let least = 55.0 / 3.0;
    assert_cents(&network.response(&[least, least, 0.0]), &[18.33, 18.33, 0.0]);
    let cleared = network.clear();
    assert_cents(&cleared.payments, &[110.0, 110.0, 0.0]);
    assert_cents(&cleared.equity, &[10.0, 10.0, 20.0]);
    assert_eq!(cleared.rounds, 0);
    // A euro less than what keeps them afloat, and both fall, all the way down.
    let network = ClearingNetwork::new(&owed, &[9.0, 9.0, 0.0]).unwrap().recovering(0.5, 0.5).unwrap();
    assert_cents(&network.clear().payments, &[8.25, 8.25, 0.0]);
}

#[test]
fn nothing_owed_nothing_paid() {
    let nobody: [[f64; 0]; 0] = [];
    assert_eq!(ClearingNetwork::new(&nobody, &[]).unwrap().clear().payments, Vec::<f64>::new());
    let cleared = ClearingNetwork::new(&[[0.0, 0.0], [0.0, 0.0]], &[3.0, 0.0]).unwrap().clear();
    assert_eq!((cleared.payments, cleared.equity, cleared.rounds), (vec![0.0; 2], vec![3.0, 0.0], 0));
    // A ring without money in which everyone owes the same: it nets out.
    let ring = [[0.0, 7.0, 0.0], [0.0, 0.0, 7.0], [7.0, 0.0, 0.0]];
    assert_eq!(ClearingNetwork::new(&ring, &[0.0; 3]).unwrap().clear().payments, [7.0; 3]);
}

#[test]
fn every_bad_network_is_refused_by_its_field() {
    let field = |result: Result<ClearingNetwork, Error>| result.unwrap_err().field().map(str::to_owned).unwrap();
    let square = [[0.0, 1.0], [2.0, 0.0]];
    assert_eq!(field(ClearingNetwork::new(&square, &[1.0])), "external");
    assert_eq!(field(ClearingNetwork::new(&square, &[1.0, -1.0])), "external[1]");
    assert_eq!(field(ClearingNetwork::new(&square, &[f64::NAN, 1.0])), "external[0]");
    assert_eq!(field(ClearingNetwork::new(&[vec![0.0, 1.0], vec![1.0]], &[1.0, 1.0])), "liabilities[1]");
    assert_eq!(field(ClearingNetwork::new(&[[0.0, -1.0], [2.0, 0.0]], &[1.0, 1.0])), "liabilities[0][1]");
    assert_eq!(field(ClearingNetwork::new(&[[0.0, 1.0], [2.0, 3.0]], &[1.0, 1.0])), "liabilities[1][1]");
    assert_eq!(field(ClearingNetwork::new(&[[0.0, f64::INFINITY], [2.0, 0.0]], &[1.0, 1.0])), "liabilities[0][1]");
    let network = ClearingNetwork::new(&square, &[1.0, 1.0]).unwrap();
    assert_eq!(field(network.clone().recovering(1.1, 1.0)), "of_assets");
    assert_eq!(field(network.recovering(1.0, f64::NAN)), "of_claims");
}

#[derive(Debug, Clone)]
struct Random {
    owed: Vec<Vec<f64>>,
    external: Vec<f64>,
    recovery: (f64, f64),
}

impl Random {
    fn network(&self) -> ClearingNetwork {
        let network = ClearingNetwork::new(&self.owed, &self.external).unwrap();
        network.recovering(self.recovery.0, self.recovery.1).unwrap()
    }
    fn total(&self) -> f64 {
        self.external.iter().sum::<f64>() + self.owed.iter().flatten().sum::<f64>()
    }
}

/// Up to seven members; about half of the pairs owe each other, in whole amounts so that some are just solvent.
fn networks() -> impl Strategy<Value = Random> {
    let share = || prop_oneof![Just(1.0), Just(0.0), 0.0..=1.0_f64];
    (2..8_usize, share(), share()).prop_flat_map(|(members, of_assets, of_claims)| {
        let amount = prop_oneof![2 => Just(0.0), 3 => (0..100_u32).prop_map(f64::from)];
        let owed = proptest::collection::vec(proptest::collection::vec(amount, members), members);
        let external = proptest::collection::vec((0..60_u32).prop_map(f64::from), members);
        (owed, external).prop_map(move |(mut owed, external)| {
            for (member, row) in owed.iter_mut().enumerate() {
                row[member] = 0.0;
            }
            Random { owed, external, recovery: (of_assets, of_claims) }
        })
    })
}

/// The response iterated from full payment, as plainly as can be: it falls to the greatest solution, in as many steps as it
/// takes.
fn iterated(network: &ClearingNetwork) -> Vec<f64> {
    let mut payments = network.owed().to_vec();
    for _ in 0..200_000 {
        let next = network.response(&payments);
        let moved = next.iter().zip(&payments).any(|(next, now)| (next - now).abs() > 1e-13 * (1.0 + now));
        payments = next;
        if !moved {
            break;
        }
    }
    payments
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, rng_seed: proptest::test_runner::RngSeed::Fixed(31), ..ProptestConfig::default() })]

    #[test]
    fn it_is_the_limit_from_above(random in networks()) {
        let network = random.network();
        let Clearing { payments, equity, defaulted, rounds } = network.clear();
        prop_assert!(rounds <= payments.len());
        for (member, limit) in iterated(&network).iter().enumerate() {
            // Rounding, of a system that may be nearly singular, and the end of a geometric series.
            prop_assert!((payments[member] - limit).abs() <= 1e-9 * random.total(), "{member}: {} {limit}", payments[member]);
            prop_assert_eq!(defaulted[member], payments[member] < network.owed()[member] * (1.0 - 1e-9));
            prop_assert!(!defaulted[member] || equity[member] == 0.0);
        }
    }

    #[test]
    fn without_costs_nothing_is_lost(random in networks()) {
        let random = Random { recovery: (1.0, 1.0), ..random };
        let cleared = random.network().clear();
        let (left, had) = (cleared.equity.iter().sum::<f64>(), random.external.iter().sum::<f64>());
        prop_assert!((left - had).abs() <= 1e-9 * random.total(), "{left} {had}");
    }

    #[test]
    fn more_money_or_lower_costs_never_lower_a_payment(random in networks(), gift in 0.0..50.0, member in 0..8_usize) {
        let before = random.network().clear().payments;
        let mut richer = random.clone();
        let member = member % richer.external.len();
        richer.external[member] += gift;
        let milder = Random { recovery: (f64::midpoint(random.recovery.0, 1.0), f64::midpoint(random.recovery.1, 1.0)), ..random.clone() };
        for better in [richer, milder] {
            for (before, after) in before.iter().zip(better.network().clear().payments) {
                prop_assert!(after >= before - 1e-9 * random.total(), "{before} {after}");
            }
        }
    }
}
