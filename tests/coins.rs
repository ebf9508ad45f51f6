//! Coins without jumps against their laws: moments, compensated means, the distribution of the variance, regimes, and the degenerate cases, in which one
//! model is another one. Jumps are in `jump_coins.rs`, option values in `options.rs`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/coins.rs"]
mod coins;
#[path = "support/collect.rs"]
mod collect;

use coins::Kind::Call;
use coins::{
    PATHS, alone, assert_option, assert_value, at_two_step_sizes, bates, collect, equal, heston, kou, payoffs, printed,
    regime_gbm, svcj,
};
use collect::{Collect, assert_cumulants, assert_mean, assert_share, map};
use haircut::Simulation;
use haircut::credit::Book;
use haircut::market::{
    Constant, Gbm, Heston, Kou, MarketBuilder, PriceRegime, Regime, RegimeGbm, Regimes, Transitions,
};
use haircut::numeric::TimeGrid;

// ---- Heston ----

#[test]
fn heston_keeps_its_moments_on_any_grid() {
    // Case A24: v0 0.09, kappa 1.5, theta 0.04, sigma 0.6, T 0.75: mean and variance of V. The scheme keeps both exactly.
    let a24 = printed([0.09, 1.5, 0.04, 0.6, -0.6], 1.0, 0.07);
    for (what, values) in at_two_step_sizes(&|| alone(a24.clone()), 0.75, &["x", "x.variance"]) {
        let (mean, variance) = (0.056_232_623_367_917_484, 0.006_925_122_635_660_875);
        assert_mean(&what, values[1].iter().copied(), mean, f64::sqrt(variance));
        assert_value(&format!("{what}, spread"), &map(&values[1], |v| (v - mean) * (v - mean)), variance, 0.0);
        assert_value(&what, &values[0], (0.07_f64 * 0.75).exp(), 0.0);
        assert!(values[1].iter().all(|v| *v >= 0.0));
    }
    // Case A25: P(V <= 0.02), on 75 steps; the scheme's law of a variance near zero is an approximation: 0.004 is allowed.
    let seen = collect(alone(a24), equal(75, 0.75), &["x.variance"], &[75]);
    assert_value(
        "A25",
        &map(seen.of("x.variance", 75), |v| f64::from(u8::from(v <= 0.02))),
        0.490_574_566_966_797_24,
        4e-3,
    );
    // Case A23: mu 0.05, T 2, v0 0.3, kappa 2, theta 0.4, sigma 0.8, rho -0.3: mean and variance of the log return, on weeks;
    // 2e-4 and 1e-3 are allowed to the scheme.
    let seen = collect(alone(heston()), equal(104, 2.0), &["x"], &[104]);
    let returns = map(seen.of("x", 104), f64::ln);
    assert_value("A23 mean", &returns, -0.275_457_890_972_218_4, 2e-4);
    let squares = map(&returns, |x| (x + 0.275_457_890_972_218_4).powi(2));
    assert_value("A23 variance", &squares, 0.836_490_255_963_612_2, 1e-3);
}

#[test]
fn compensated_prices_grow_at_their_drift() {
    // Where it is hardest: the variance mostly at zero, correlations of both signs, coarse steps, and modulated.
    let hard = [
        printed([0.16, 1.0, 0.16, 2.0, -0.8], 1.0, 0.1),
        printed([0.04, 0.5, 0.04, 1.0, 0.4], 1.0, 0.1),
        printed([0.3, 1.16, 0.2, 0.8, 0.8], 1.0, -0.2),
        printed([0.5, 6.0, 0.4, 0.0001, -1.0], 1.0, 0.1),
    ];
    for heston in hard {
        for (what, values) in at_two_step_sizes(&|| alone(heston.clone()), 1.5, &["x"]) {
            assert_value(&what, &values[0], (1.5 * heston.drift).exp(), 0.0);
        }
        let regime = |name: &str| Regime::new(name).volatility("x", 1.4).drift("x", 0.3);
        let both = || alone(heston.clone()).dependence(Regimes::pair(regime("one"), regime("two"), [1.0, 1.0]));
        for (what, values) in at_two_step_sizes(&both, 1.5, &["x"]) {
            assert_value(&format!("{what}, modulated"), &values[0], (1.5 * (heston.drift + 0.3)).exp(), 0.0);
        }
    }
    for (what, values) in at_two_step_sizes(&|| alone(svcj()), 1.0, &["x"]) {
        assert_value(&what, &values[0], svcj().drift.exp(), 0.0);
    }
    for (what, values) in at_two_step_sizes(&|| alone(bates(&heston(), 6.0, -0.1, 0.2)), 1.0, &["x"]) {
        assert_value(&what, &values[0], 0.05_f64.exp(), 0.0);
    }
}

#[test]
fn heston_without_volatility_of_variance_is_gbm() {
    let grid = TimeGrid::new([0.1, 0.5, 2.0]).unwrap();
    let gbm = Gbm { initial: 80.0, drift: 0.1, volatility: 0.6 };
    let reference = collect(alone(gbm), grid.clone(), &["x"], &[1, 3]);
    let constant = |volatility_of_variance| Heston {
        initial: 80.0,
        drift: 0.1,
        variance: 0.36,
        mean_variance: 0.36,
        reversion: 1.5,
        volatility_of_variance,
        correlation: -0.7,
    };
    // At the smallest volatility of variance paths are Gbm's but for a deviation of that order: the driver is the same one.
    for (volatility, allowed) in [(0.0, 1e-13), (1e-4, 2e-3)] {
        let seen = collect(alone(constant(volatility)), grid.clone(), &["x"], &[1, 3]);
        for step in [1, 3] {
            let pairs = seen.of("x", step).iter().zip(reference.of("x", step));
            let worst = pairs.map(|(a, b)| (a / b).ln().abs()).fold(0.0, f64::max);
            assert!(worst < allowed, "{volatility}, step {step}: {worst}");
        }
    }
    // Away from its mean the variance is a curve, and the price lognormal with its integral.
    let curve = Heston { variance: 0.8, volatility_of_variance: 0.0, ..constant(0.0) };
    for (what, values) in at_two_step_sizes(&|| alone(curve.clone()), 2.0, &["x", "x.variance"]) {
        let integral = 0.36 * 2.0 + 0.44 * (1.0 - (-3.0_f64).exp()) / 1.5;
        let normal = [0.2 - 0.5 * integral, integral, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        assert_cumulants(&what, &map(&values[0], |s| (s / 80.0).ln()), normal);
        let end = 0.36 + 0.44 * (-3.0_f64).exp();
        assert!(values[1].iter().all(|v| (v / end - 1.0).abs() < 1e-13), "{what}");
    }
}

#[test]
fn the_market_correlates_the_price_and_the_model_its_variance() {
    // On a step of a day returns and changes of the variance are nearly those of the Brownian motions; 0.004 is allowed to the step.
    let calm = Heston { variance: 0.4, mean_variance: 0.4, volatility_of_variance: 0.5, correlation: -0.6, ..heston() };
    let gbm = Gbm { initial: 1.0, drift: 0.0, volatility: 0.5 };
    let pairs = [("x", "y", 0.7), ("x.variance", "y", 0.3)];
    let market = alone(calm).factor("y", gbm).dependence(Constant::pairs(pairs));
    let seen = collect(market, TimeGrid::new([1.0 / 365.0]).unwrap(), &["x", "y", "x.variance"], &[1]);
    let (price, other) = (map(seen.of("x", 1), f64::ln), map(seen.of("y", 1), f64::ln));
    let near = |what: &str, a: &[f64], b: &[f64], rho: f64| {
        let realised = collect::sample_correlation(a, b);
        assert!((realised - rho).abs() < 5.0 * (1.0 - rho * rho) / 1024.0 + 4e-3, "{what}: {realised} against {rho}");
    };
    near("price and market", &price, &other, 0.7);
    near("price and variance", &price, seen.of("x.variance", 1), -0.6);
    near("variance and market", seen.of("x.variance", 1), &other, -0.6 * 0.7 + 0.8 * 0.3);
}

#[test]
fn a_multiplier_of_the_volatility_is_a_scale_of_the_variance() {
    // m sqrt(V) with (V_0, theta, s) is sqrt(V) with (m^2 V_0, m^2 theta, m s): the same path, to rounding.
    let regime = |name: &str| Regime::new(name).volatility("x", 1.5).drift("x", -0.2);
    let modulated = alone(heston()).dependence(Regimes::pair(regime("one"), regime("two"), [1.0, 1.0]));
    let Heston { variance, mean_variance, volatility_of_variance, drift, .. } = heston();
    let scaled = Heston {
        variance: 2.25 * variance,
        mean_variance: 2.25 * mean_variance,
        volatility_of_variance: 1.5 * volatility_of_variance,
        drift: drift - 0.2,
        ..heston()
    };
    let grid = TimeGrid::monthly(24).unwrap();
    let one = collect(modulated, grid.clone(), &["x", "x.variance"], &[24]);
    let other = collect(alone(scaled), grid, &["x", "x.variance"], &[24]);
    let pairs = one.of("x", 24).iter().zip(other.of("x", 24));
    assert!(pairs.map(|(a, b)| (a / b - 1.0).abs()).fold(0.0, f64::max) < 1e-9);
    let pairs = one.of("x.variance", 24).iter().zip(other.of("x.variance", 24));
    assert!(pairs.map(|(a, b)| (2.25 * a - b).abs()).fold(0.0, f64::max) < 1e-9);
}

#[test]
fn a_neutral_regime_changes_no_bit() {
    type Coin = fn() -> MarketBuilder;
    let models: [(&str, Coin); 6] = [
        ("kou", || alone(Kou { jumps_per_year: 9.0, ..kou() })),
        ("heston", || alone(heston())),
        ("heston without volatility", || alone(Heston { volatility_of_variance: 0.0, ..heston() })),
        ("bates", || alone(bates(&heston(), 6.0, -0.1, 0.2))),
        ("svcj", || alone(svcj())),
        ("regime gbm", || alone(regime_gbm([1.0, 0.5], None))),
    ];
    let other = Gbm { initial: 1.0, drift: 0.0, volatility: 0.5 };
    let run = |market: MarketBuilder| {
        let simulation = Simulation::new(market.build().unwrap(), Book::default()).months(24).paths(20_000).seed(3);
        simulation.run(Collect::new(&["x"], &[1, 24])).unwrap().bits()
    };
    for (what, market) in models {
        let calm = Regimes::pair(Regime::new("calm"), Regime::new("stress").volatility("y", 2.0), [1.0, 1.0]);
        let modulated = market().factor("y", other.clone()).dependence(calm);
        assert_eq!(run(market()), run(modulated), "{what}");
    }
}

#[test]
fn a_correlation_without_a_mean_is_refused() {
    // rho s D of about 3, with k D of about 2: the scheme's price would have an infinite mean.
    let wild = Heston { correlation: 0.9, volatility_of_variance: 3.5, reversion: 2.25, ..heston() };
    let run = |years: f64| {
        let simulation = Simulation::new(alone(wild.clone()).build().unwrap(), Book::default()).paths(1);
        simulation.grid(TimeGrid::new([years]).unwrap()).run(Collect::new(&["x"], &[1])).map(|_| ())
    };
    assert!(run(0.25).is_ok());
    assert_eq!(run(1.0).unwrap_err().field(), Some("factors.x.correlation"));
}

// ---- RegimeGbm ----

#[test]
fn regimes_and_means_of_a_regime_gbm_are_those_of_its_chain() {
    let (mean_years, years) = ([0.7, 0.3], 1.2);
    let (a, b) = (1.0 / mean_years[0], 1.0 / mean_years[1]);
    let unlike = RegimeGbm {
        regimes: vec![PriceRegime { drift: 0.6, volatility: 0.3 }, PriceRegime { drift: -0.9, volatility: 0.8 }],
        ..regime_gbm(mean_years, Some(vec![0.2, 0.8]))
    };
    for (what, values) in at_two_step_sizes(&|| alone(unlike.clone()), years, &["x", "x.regime"]) {
        let stationary = a / (a + b);
        let second = stationary + (0.8 - stationary) * (-(a + b) * years).exp();
        assert_share(&what, &values[1], |regime| regime > 0.5, second);
        // E[S_T] = p exp((Q + diag mu) T) 1: m' = M m from m = 1, by Runge-Kutta.
        let slope = |m: [f64; 2]| [(0.6 - a) * m[0] + a * m[1], b * m[0] + (-0.9 - b) * m[1]];
        let (mut m, h) = ([1.0, 1.0], years / 2_000.0);
        for _ in 0..2_000 {
            let at = |k: [f64; 2], by: f64| [m[0] + by * k[0], m[1] + by * k[1]];
            let k1 = slope(m);
            let k2 = slope(at(k1, 0.5 * h));
            let k3 = slope(at(k2, 0.5 * h));
            let k4 = slope(at(k3, h));
            m = [0, 1].map(|i| m[i] + h / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]));
        }
        assert_value(&what, &values[0], 0.2 * m[0] + 0.8 * m[1], 0.0);
    }
    // The default start is the long run, in which the chain then stays.
    let seen = collect(alone(regime_gbm(mean_years, None)), TimeGrid::new([0.3]).unwrap(), &["x.regime"], &[0, 1]);
    for step in [0, 1] {
        assert_share("long run", seen.of("x.regime", step), |regime| regime > 0.5, a / (a + b));
    }
    // Three regimes, one of which is never left.
    let generator = vec![vec![-2.0, 1.5, 0.5], vec![1.0, -2.0, 1.0], vec![0.0, 0.0, 0.0]];
    let absorbing = RegimeGbm {
        regimes: vec![PriceRegime { drift: 0.0, volatility: 0.1 }; 3],
        transitions: Some(Transitions::Generator(generator)),
        ..regime_gbm(mean_years, Some(vec![1.0, 0.0, 0.0]))
    };
    for (what, values) in at_two_step_sizes(&|| alone(absorbing.clone()), 1.0, &["x.regime"]) {
        // Of the two transient states, with generator ((-2, 1.5), (1, -2)): eigenvalues -2 +- sqrt(1.5).
        let root = 1.5_f64.sqrt();
        let (fast, slow) = ((-2.0 - root).exp(), (-2.0 + root).exp());
        let first = 0.5 * (fast + slow);
        let second = 1.5 * (slow - fast) / (2.0 * root);
        assert_share(&what, &values[0], |regime| regime < 0.5, first);
        assert_share(&what, &values[0], |regime| regime > 1.5, 1.0 - first - second);
    }
}

#[test]
fn switches_do_not_depend_on_the_dates() {
    let market = || alone(regime_gbm([0.5, 0.2], None));
    let fine = collect(market(), TimeGrid::monthly(36).unwrap(), &["x.regime"], &[36]);
    let coarse = collect(market(), TimeGrid::new([3.0]).unwrap(), &["x.regime"], &[1]);
    assert!(fine.bits() == coarse.bits());
}

#[test]
fn equal_regimes_are_gbm() {
    let grid = TimeGrid::new([0.1, 0.5, 2.0]).unwrap();
    let equal = PriceRegime { drift: 0.1, volatility: 0.6 };
    let gbm = Gbm { initial: 1.0, drift: 0.1, volatility: 0.6 };
    let own = RegimeGbm { regimes: vec![equal.clone(); 2], ..regime_gbm([0.4, 0.3], None) };
    let seen = collect(alone(own), grid.clone(), &["x"], &[1, 3]);
    let reference = collect(alone(gbm), grid, &["x"], &[1, 3]);
    for step in [1, 3] {
        let pairs = seen.of("x", step).iter().zip(reference.of("x", step));
        assert!(pairs.map(|(a, b)| (a / b - 1.0).abs()).fold(0.0, f64::max) < 1e-13);
    }
}

#[test]
fn a_follower_has_the_regime_of_its_leader() {
    let leader = regime_gbm([0.5, 0.2], None);
    let rates = [0.4, -0.8];
    let follower = RegimeGbm {
        regimes: rates.map(|drift| PriceRegime { drift, volatility: 0.0 }).to_vec(),
        transitions: None,
        chain: Some("x.regime".into()),
        ..leader.clone()
    };
    let market = alone(leader).factor("y", follower);
    let seen = collect(market, TimeGrid::new([0.3, 0.7, 1.0]).unwrap(), &["x.regime", "y", "y.regime"], &[0, 1, 2, 3]);
    for step in 0..=3 {
        assert_eq!(seen.of("x.regime", step), seen.of("y.regime", step));
    }
    for path in 0..PATHS as usize {
        let regime = |step| rates[seen.of("x.regime", step)[path] as usize];
        let grown = 0.3 * regime(0) + 0.4 * regime(1) + 0.3 * regime(2);
        assert!((seen.of("y", 3)[path] / grown.exp() - 1.0).abs() < 1e-13);
    }
}

#[test]
fn the_statistics_of_this_file_can_fail() {
    let prices: Vec<f64> = (0..10_000).map(|k| 1.0 + 0.1 * ((f64::from(k) * 0.618_034) % 1.0 - 0.5)).collect();
    let fails = |test: &(dyn Fn() + std::panic::RefUnwindSafe)| std::panic::catch_unwind(test).is_err();
    assert_value("right", &prices, 1.0, 0.0);
    assert!(fails(&|| assert_value("shifted", &prices, 1.01, 0.0)));
    let calls = payoffs(Call, 1.0, 1.0, &prices);
    assert_option("right", &prices, 1.0, &calls, 0.0125, 0.0);
    assert!(fails(&|| assert_option("wrong value", &prices, 1.0, &calls, 0.0135, 0.0)));
    assert!(fails(&|| assert_option("wrong forward", &prices, 1.01, &calls, 0.0125, 0.0)));
}
