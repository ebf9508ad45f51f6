//! Tenants and guarantors: their defaults have the law of their hazard on any grid, given the states and the index on its dates; a higher
//! hazard brings each default forward. A probability at one date would pass with a default that is drawn anew in each step
//! at the wrong time; hence the times themselves, and equality path by path between grids.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::float_cmp, reason = "levels are 0 or 1")]

#[path = "support/collect.rs"]
mod collect;

use collect::{Collect, Collected, assert_mean, assert_share};
use haircut::Simulation;
use haircut::credit::Book;
use haircut::market::{Counterparty, CreditConditions, Gbm, Market, MarketBuilder, Transitions};
use haircut::numeric::TimeGrid;
use nalgebra::DMatrix;

const PATHS: u64 = 1 << 18;
const RATES: [[f64; 3]; 3] = [[-0.9, 0.7, 0.2], [1.6, -2.5, 0.9], [0.4, 2.6, -3.0]];
const HAZARD: [f64; 3] = [0.02, 0.1, 0.6];

fn run(market: MarketBuilder, dates: &[f64], series: &[&str], steps: &[usize]) -> Collected {
    let grid = TimeGrid::new(dates.to_vec()).unwrap();
    let simulation = Simulation::new(market.build().unwrap(), Book::default()).grid(grid).paths(PATHS).seed(11);
    simulation.run(Collect::new(series, steps)).unwrap()
}

fn plain(hazard: f64) -> MarketBuilder {
    Market::builder().factor("tenant", Counterparty::hazard(hazard))
}

const BOTH: [&str; 2] = ["tenant", "tenant.defaulted_at"];

#[test]
fn times_of_default_are_exponential_on_any_grid() {
    let coarse = run(plain(0.3), &[1.0, 4.0], &BOTH, &[0, 1, 2]);
    let fine: Vec<f64> = (1..=16).map(|quarter| f64::from(quarter) / 4.0).collect();
    let fine = run(plain(0.3), &fine, &BOTH, &[0, 4, 16]);
    assert!(coarse.of("tenant", 0).iter().all(|level| *level == 1.0));
    for (step, years) in [(1, 1.0), (2, 4.0_f64)] {
        let times = coarse.of("tenant.defaulted_at", step);
        assert_share("survival", coarse.of("tenant", step), |level| level == 1.0, (-0.3 * years).exp());
        // Uniform after the law's own transformation, up to the date.
        for part in [0.1, 0.35, 0.8] {
            assert_share("time", times, |time| time <= part * years, 1.0 - (-0.3 * part * years).exp());
        }
        for (time, level) in times.iter().zip(coarse.of("tenant", step)) {
            assert!(if *level == 1.0 { *time == f64::INFINITY } else { *time > 0.0 && *time <= years });
        }
        let known = fine.of("tenant.defaulted_at", [4, 16][step - 1]);
        let is_same = |(a, b): (&f64, &f64)| a == b || (a - b).abs() < 1e-12 * years;
        assert!(times.iter().zip(known).all(is_same));
    }
}

/// P(no default by t_n) = p_0 prod_k [diag(exp(-h D_k)) exp(Q D_k)] 1, and the same for two dates.
#[test]
fn survival_is_that_of_the_chain() {
    let funding = CreditConditions {
        states: ["open", "tight", "shut"].map(String::from).into(),
        transitions: Transitions::Generator(RATES.map(Vec::from).into()),
        initial_state: Some(vec![0.6, 0.3, 0.1]),
        series: [].into(),
    };
    let tenant = Counterparty { hazard: HAZARD.into(), chain: Some("funding".into()), index: None, elasticity: 0.0 };
    for dates in [vec![0.8, 2.0], vec![0.25, 0.5, 1.0, 2.0]] {
        let market = Market::builder().factor("funding", funding.clone()).factor("tenant", tenant.clone());
        let steps: Vec<usize> = (1..=dates.len()).collect();
        let seen = run(market, &dates, &["tenant", "funding"], &steps);
        let mut law = DMatrix::from_row_slice(1, 3, &[0.6, 0.3, 0.1]);
        let mut before = 0.0;
        for (step, date) in steps.iter().zip(&dates) {
            let length = date - before;
            let stays = DMatrix::from_fn(3, 3, |i, j| if i == j { (-HAZARD[i] * length).exp() } else { 0.0 });
            law = law * stays * (DMatrix::from_fn(3, 3, |i, j| RATES[i][j]) * length).exp();
            assert_share("survival", seen.of("tenant", *step), |level| level == 1.0, law.sum());
            // Jointly with the state.
            let both: Vec<f64> =
                seen.of("tenant", *step).iter().zip(seen.of("funding", *step)).map(|(a, c)| a * (c + 1.0)).collect();
            for state in 0..3 {
                assert_share("both", &both, |value| value == state as f64 + 1.0, law[(0, state)]);
            }
            before = *date;
        }
    }
}

/// The index falls by half a year on a known path: hazards 0.05, 0.1, 0.2 with an elasticity of 1, 0.05, 0.2, 0.8 with 2.
#[test]
fn survival_follows_the_index() {
    let index = Gbm { initial: 80.0, drift: -2.0 * std::f64::consts::LN_2, volatility: 0.0 };
    for elasticity in [1.0, 2.0] {
        let tenant = Counterparty { hazard: vec![0.05], chain: None, index: Some("index".into()), elasticity };
        let market = Market::builder().factor("index", index.clone()).factor("tenant", tenant);
        let seen = run(market, &[0.5, 1.0, 1.5], &["tenant"], &[1, 2, 3]);
        let mut spent = 0.0;
        for step in 0..3_u8 {
            spent += 0.5 * 0.05 * 2.0_f64.powf(elasticity * f64::from(step));
            assert_share("survival", seen.of("tenant", 1 + usize::from(step)), |level| level == 1.0, (-spent).exp());
        }
    }
    // On a random path, the mean of exp(-integral): the hazard of a step is that at its start.
    let index = Gbm { initial: 80.0, drift: 0.0, volatility: 0.4 };
    let tenant = Counterparty { hazard: vec![0.1], chain: None, index: Some("index".into()), elasticity: 1.5 };
    let market = Market::builder().factor("index", index).factor("tenant", tenant);
    let seen = run(market, &[1.0, 2.0], &["tenant", "index"], &[1, 2]);
    // Of each path the probability, given the path; the error is that of draws with these probabilities.
    let survival = |price: &f64| (-0.1 - 0.1 * (80.0 / price).powf(1.5)).exp();
    let given: Vec<f64> = seen.of("index", 1).iter().map(survival).collect();
    let difference = seen.of("tenant", 2).iter().zip(&given).map(|(level, p)| level - p);
    let variance = given.iter().map(|p| p * (1.0 - p)).sum::<f64>() / PATHS as f64;
    assert_mean("given the path", difference, 0.0, variance.sqrt());
}

#[test]
fn higher_hazards_bring_every_default_forward_and_none_brings_none() {
    let times = |hazard| run(plain(hazard), &[1.0, 2.5], &BOTH, &[2]);
    let (low, high) = (times(0.1), times(0.2));
    let (low, high) = (low.of("tenant.defaulted_at", 2), high.of("tenant.defaulted_at", 2));
    assert!(low.iter().zip(high).all(|(low, high)| high < low || *low == f64::INFINITY));
    assert!(
        low.iter().zip(high).filter(|(low, _)| low.is_finite()).all(|(low, high)| (low / high - 2.0).abs() < 1e-12)
    );
    assert!(times(0.0).of("tenant.defaulted_at", 2).iter().all(|time| *time == f64::INFINITY));
}

#[test]
fn two_tenants_fail_independently() {
    let market = plain(0.3).factor("other", Counterparty::hazard(0.3));
    let seen = run(market, &[1.0], &["tenant", "other"], &[1]);
    let both: Vec<f64> = seen.of("tenant", 1).iter().zip(seen.of("other", 1)).map(|(a, b)| a + b).collect();
    assert_share("both survive", &both, |sum| sum == 2.0, (-0.6_f64).exp());
}

#[test]
fn descriptions_that_make_no_sense_are_refused_by_field() {
    let field = |counterparty: Counterparty| {
        let market = Market::builder().factor("tenant", counterparty).build();
        market.unwrap_err().field().unwrap_or_default().to_owned()
    };
    let plain = Counterparty::hazard(0.1);
    assert_eq!(field(Counterparty { hazard: vec![], ..plain.clone() }), "factors.tenant.hazard");
    assert_eq!(field(Counterparty { hazard: vec![0.1, 0.2], ..plain.clone() }), "factors.tenant.chain");
    assert_eq!(field(Counterparty { elasticity: 1.0, ..plain.clone() }), "factors.tenant.elasticity");
    assert_eq!(field(Counterparty { chain: Some("nobody".into()), ..plain.clone() }), "factors.tenant.chain");
    assert_eq!(field(Counterparty { index: Some("nobody".into()), ..plain }), "factors.tenant.index");
}
