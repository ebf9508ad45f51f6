//! 95 % intervals of the fits that take long must cover as often as they say: jumps, regimes, the hash rate, the t dependence. A fit alone could be right
//! with errors that are too small, and a few seeds would not show it. Shares over many more series are in `docs/calibration.md`; the quick fits are covered in
//! `calibration.rs`, with the test that shows that the check can fail.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/collect.rs"]
mod collect;
#[path = "support/fits.rs"]
mod fits;

use fits::{alone, assert_coverage, irregular, simulate, student_t_prices};
use haircut::calibrate;
use haircut::market::{
    BlockReward, Gbm, Market, Merton, NetworkHashrate, PriceRegime, Regime, RegimeGbm, Regimes, Transitions,
};

#[test]
fn jumps_are_covered() {
    let model = Merton {
        initial: 100.0,
        drift: 0.2,
        volatility: 0.5,
        jumps_per_year: 12.0,
        jump_mean: -0.04,
        jump_volatility: 0.12,
    };
    let truth = [
        ("drift", 0.2),
        ("volatility", 0.5),
        ("jumps_per_year", 12.0),
        ("jump_mean", -0.04),
        ("jump_volatility", 0.12),
    ];
    let paths = simulate(alone(model), &[("x", 100.0)], &irregular(1000, 365.0), 80, 11);
    let fits: Vec<_> = paths.iter().map(|path| calibrate::merton(&path[0]).unwrap()).collect();
    assert_coverage("merton", &fits, &truth);
}

#[test]
fn regimes_of_the_market_are_covered() {
    let truth = [
        ("calm.drift", 0.3),
        ("stress.drift", -0.4),
        ("calm.volatility", 0.4),
        ("stress.volatility", 1.0),
        ("calm.mean_years", 0.4),
        ("stress.mean_years", 0.15),
    ];
    let stress = Regime::new("stress").volatility("x", 2.5).drift("x", -0.7);
    let market = alone(Gbm { initial: 100.0, drift: 0.3, volatility: 0.4 }).dependence(Regimes::pair(
        Regime::new("calm"),
        stress,
        [0.4, 0.15],
    ));
    let paths = simulate(market, &[("x", 100.0)], &irregular(1500, 250.0), 80, 12);
    let fits: Vec<_> = paths.iter().map(|path| calibrate::regimes(&path[0], "x").unwrap()).collect();
    assert_coverage("regimes", &fits, &truth);
}

#[test]
fn regimes_of_a_coin_are_covered() {
    let truth = [
        ("calm.drift", 0.3),
        ("stress.drift", -0.4),
        ("calm.volatility", 0.4),
        ("stress.volatility", 1.0),
        ("calm.mean_years", 0.4),
        ("stress.mean_years", 0.2),
    ];
    let model = RegimeGbm {
        initial: 100.0,
        regimes: vec![PriceRegime { drift: 0.3, volatility: 0.4 }, PriceRegime { drift: -0.4, volatility: 1.0 }],
        transitions: Some(Transitions::MeanYears([0.4, 0.2])),
        initial_regime: None,
        chain: None,
    };
    let paths = simulate(alone(model), &[("x", 100.0)], &irregular(1500, 250.0), 80, 13);
    let fits: Vec<_> = paths.iter().map(|path| calibrate::regime_gbm(&path[0]).unwrap()).collect();
    assert_coverage("regime gbm", &fits, &truth);
}

#[test]
fn the_response_of_the_hash_rate_is_covered() {
    let reward = BlockReward { subsidy: 3.125, fees: 0.1, fee_series: None, halvings: Vec::new() };
    let hashrate = NetworkHashrate {
        initial: 900.0,
        elasticity: 1.0,
        lag: 0.4,
        volatility: 0.2,
        coin: "btc".to_owned(),
        marginal_cost: 40.0,
        efficiency_gain: 0.25,
        reward: reward.clone(),
    };
    let market = Market::builder()
        .factor("btc", Gbm { initial: 95_000.0, drift: 0.1, volatility: 0.6 })
        .factor("hashrate", hashrate);
    let dates = irregular(600, 52.0);
    let cost_now = 40.0 * (-0.25 * dates.last().unwrap()).exp();
    let paths = simulate(market, &[("btc", 95_000.0), ("hashrate", 900.0)], &dates, 300, 14);
    let fits: Vec<_> = paths
        .iter()
        .map(|path| {
            let earnings = path[0].map(|price| 144.0 * 3.225 * price).unwrap();
            calibrate::network_hashrate(&path[1], &earnings, "btc", reward.clone()).unwrap()
        })
        .collect();
    let truth = [("reversion", 2.5), ("marginal_cost", cost_now), ("efficiency_gain", 0.25), ("volatility", 0.2)];
    assert_coverage("hash rate", &fits, &truth);
}

#[test]
fn the_t_dependence_is_covered() {
    for (degrees_of_freedom, days, series) in [(5.0, 300, 200), (4.0, 1000, 100)] {
        let fits: Vec<_> = (0..series)
            .map(|seed| {
                calibrate::student_t(&student_t_prices(0.6, Some(degrees_of_freedom), days, 100 + seed)).unwrap()
            })
            .collect();
        let truth = [("correlation[0][1]", 0.6), ("degrees_of_freedom", degrees_of_freedom)];
        assert_coverage(&format!("student t, {days} days"), &fits, &truth);
    }
}
