//! Coin models against their laws: option values from their characteristic functions and from published tables, moments,
//! compensated means, the distribution of the variance, and the degenerate cases, in which one model is another one.
//!
//! A mean alone would pass with price and variance driven by unrelated normals, or with jumps of the wrong sign: options at
//! several strikes see skewness and tails.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/affine.rs"]
mod affine;
#[path = "support/collect.rs"]
mod collect;

use affine::{Affine, JumpLaw};
use collect::{Collect, Collected, assert_cumulants, assert_distribution, assert_mean, assert_share, map};
use haircut::Simulation;
use haircut::credit::Book;
use haircut::market::{
    Bates, Constant, Factor, Gbm, Heston, Kou, Market, MarketBuilder, PriceRegime, Regime, RegimeGbm, Regimes, Svcj,
    Transitions,
};
use haircut::numeric::TimeGrid;

const PATHS: u64 = 1 << 20;

fn collect(market: MarketBuilder, grid: TimeGrid, series: &[&str], steps: &[usize]) -> Collected {
    let market = market.build().unwrap();
    Simulation::new(market, Book::default()).grid(grid).paths(PATHS).seed(11).run(Collect::new(series, steps)).unwrap()
}

fn alone(factor: impl Factor + 'static) -> MarketBuilder {
    Market::builder().factor("x", factor)
}

/// This many equal steps up to `years`.
fn equal(steps: u32, years: f64) -> TimeGrid {
    TimeGrid::new((1..=steps).map(|step| f64::from(step) * years / f64::from(steps)).collect::<Vec<_>>()).unwrap()
}

/// Values at `years` on a grid of two unequal steps and on one of eleven.
fn at_two_step_sizes(market: &dyn Fn() -> MarketBuilder, years: f64, series: &[&str]) -> Vec<(String, Vec<Vec<f64>>)> {
    let grids = [TimeGrid::new([0.4 * years, years]).unwrap(), equal(11, years)];
    let seen = grids.map(|grid| {
        let steps = grid.steps();
        let seen = collect(market(), grid, series, &[steps]);
        (format!("{steps} steps"), series.iter().map(|name| seen.of(name, steps).to_vec()).collect())
    });
    seen.into()
}

fn mean_and_deviation(sample: &[f64]) -> (f64, f64) {
    let count = sample.len() as f64;
    let mean = sample.iter().sum::<f64>() / count;
    (mean, (sample.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count).sqrt())
}

/// A simulated value against an exact one: five of its standard errors and, for a scheme that discretises, a stated bias.
fn assert_value(what: &str, sample: &[f64], exact: f64, bias: f64) {
    let (mean, deviation) = mean_and_deviation(sample);
    let bound = 5.0 * deviation / (sample.len() as f64).sqrt() + bias;
    assert!((mean - exact).abs() <= bound, "{what}: {mean} against {exact}, allowed {bound} of which {bias} is bias");
}

#[derive(Clone, Copy)]
enum Kind {
    Call,
    Put,
}
use Kind::{Call, Put};

/// A simulated option value against an exact one. The price, whose mean the models keep exactly, takes its share of the error.
fn assert_option(what: &str, prices: &[f64], forward: f64, payoffs: &[f64], exact: f64, bias: f64) {
    let (mean, price_mean) = (mean_and_deviation(payoffs).0, mean_and_deviation(prices).0);
    let (mut both, mut square) = (0.0, 0.0);
    for (payoff, price) in payoffs.iter().zip(prices) {
        both += (payoff - mean) * (price - price_mean);
        square += (price - price_mean) * (price - price_mean);
    }
    let slope = both / square;
    let controlled: Vec<f64> = payoffs.iter().zip(prices).map(|(y, x)| y - slope * (x - forward)).collect();
    assert_value(what, &controlled, exact, bias);
}

/// Discounted pay-offs of a European option.
fn payoffs(kind: Kind, strike: f64, discount: f64, prices: &[f64]) -> Vec<f64> {
    let sign = match kind {
        Call => 1.0,
        Put => -1.0,
    };
    map(prices, |price| discount * (sign * (price - strike)).max(0.0))
}

// ---- Kou ----

fn kou() -> Kou {
    Kou {
        initial: 1.0,
        drift: 0.0,
        volatility: 0.6,
        jumps_per_year: 4.0,
        up_share: 0.45,
        up_mean: 1.0 / 12.0,
        down_mean: 0.125,
    }
}

/// Cumulants of ln S_T: the diffusion's, and lambda T E[Y^n] = lambda T n! (p a^n + (1 - p) (-b)^n).
fn kou_cumulants(kou: &Kou, years: f64) -> [f64; 8] {
    let Kou { drift, volatility, jumps_per_year, up_share: p, up_mean: a, down_mean: b, .. } = *kou;
    let kappa = p / (1.0 - a) + (1.0 - p) / (1.0 + b) - 1.0;
    let mut factorial = 1.0;
    let mut cumulants = std::array::from_fn(|k| {
        let n = k as i32 + 1;
        factorial *= f64::from(n);
        jumps_per_year * years * factorial * (p * a.powi(n) + (1.0 - p) * (-b).powi(n))
    });
    cumulants[0] += (drift - jumps_per_year * kappa - 0.5 * volatility * volatility) * years;
    cumulants[1] += volatility * volatility * years;
    cumulants
}

#[test]
fn kou_has_the_cumulants_of_its_law() {
    // Case A26: mu 0.1 without compensation, sigma 0.6, lambda 4, p 0.45, eta 12 and 8, T 1: mean -0.025 (mu plus jumps), variance
    // 0.45375, skewness -0.0639006, excess kurtosis 0.0727283, E exp 1.2204162.
    let uncompensated = 0.1 + 0.18;
    let kappa = 0.45 * 12.0 / 11.0 + 0.55 * 8.0 / 9.0 - 1.0;
    let kou = Kou { drift: uncompensated + 4.0 * kappa, ..kou() };
    let cumulants = kou_cumulants(&kou, 1.0);
    assert!((cumulants[0] + 0.025).abs() < 1e-14 && (cumulants[1] - 0.45375).abs() < 1e-14);
    assert!((cumulants[2] / cumulants[1].powf(1.5) + 0.063_900_621_472_555_58).abs() < 1e-12);
    assert!((cumulants[3] / cumulants[1].powi(2) - 0.072_728_284_599_058_46).abs() < 1e-12);
    assert!((kou.drift.exp() - 1.220_416_164_709_667_2).abs() < 1e-12);
    for (what, values) in at_two_step_sizes(&|| alone(kou.clone()), 1.0, &["x"]) {
        assert_cumulants(&what, &map(&values[0], f64::ln), cumulants);
        assert_value(&what, &values[0], kou.drift.exp(), 0.0);
    }
    // Rare and large jumps, and so many that most steps have several.
    for (jumps_per_year, years) in [(0.3, 4.0), (60.0, 0.5)] {
        let kou = Kou { jumps_per_year, up_mean: 0.2, down_mean: 0.3, volatility: 0.2, ..kou.clone() };
        for (what, values) in at_two_step_sizes(&|| alone(kou.clone()), years, &["x"]) {
            assert_cumulants(&what, &map(&values[0], f64::ln), kou_cumulants(&kou, years));
        }
    }
}

#[test]
fn kou_jumps_are_exponential_on_both_sides() {
    // Nothing moves but jumps, one in a step at most (nearly).
    let (lambda, length) = (0.5, 0.02);
    let kou = Kou { volatility: 0.0, jumps_per_year: lambda, up_mean: 0.25, down_mean: 0.4, up_share: 0.3, ..kou() };
    let seen = collect(alone(kou), TimeGrid::new([length]).unwrap(), &["x"], &[1]);
    let kappa = 0.3 / 0.75 + 0.7 / 1.4 - 1.0;
    let sizes = map(seen.of("x", 1), |s| s.ln() + lambda * kappa * length);
    let jumped: Vec<f64> = sizes.iter().copied().filter(|x| x.abs() > 1e-12).collect();
    assert_share("jumps", &sizes, |x| x.abs() > 1e-12, 1.0 - (-lambda * length).exp());
    // Two in a step, 0.5 % of those that jump, add exponentials: a distance of at most 0.005, below Kolmogorov's bound.
    assert_distribution(
        "sizes",
        &jumped,
        |x| {
            if x < 0.0 { 0.7 * (x / 0.4).exp() } else { 1.0 - 0.3 * (-x / 0.25).exp() }
        },
    );
}

#[test]
fn kou_options_have_the_published_values() {
    // Case A15 (d'Halluin, Forsyth, Labahn 2005 and others): K 100, r 0.05, T 0.25, sigma 0.15, lambda 0.1, p 0.3445, eta 3.0465, 3.0775.
    let published =
        [(90.0, 0.672_677_331_632_454_6), (100.0, 3.973_478_849_679_577_4), (110.0, 11.794_582_990_254_723)];
    for (initial, value) in published {
        let kou = Kou {
            initial,
            drift: 0.05,
            volatility: 0.15,
            jumps_per_year: 0.1,
            up_share: 0.3445,
            up_mean: 1.0 / 3.0465,
            down_mean: 1.0 / 3.0775,
        };
        for (what, values) in at_two_step_sizes(&|| alone(kou.clone()), 0.25, &["x"]) {
            let payoffs = payoffs(Call, 100.0, (-0.0125_f64).exp(), &values[0]);
            assert_value(&format!("{what}, S {initial}"), &payoffs, value, 0.0);
        }
    }
}

#[test]
fn kou_without_jumps_is_gbm() {
    let grid = TimeGrid::monthly(12).unwrap();
    let gbm = Gbm { initial: 80.0, drift: 0.1, volatility: 0.7 };
    let none = Kou { initial: 80.0, drift: 0.1, volatility: 0.7, jumps_per_year: 0.0, ..kou() };
    let seen = collect(alone(none.clone()), grid.clone(), &["x"], &[1, 12]);
    let reference = collect(alone(gbm), grid.clone(), &["x"], &[1, 12]).bits();
    assert_eq!(seen.bits(), reference);
    let still = Kou { jumps_per_year: 6.0, up_mean: 0.0, down_mean: 0.0, ..none };
    assert_eq!(collect(alone(still), grid, &["x"], &[1, 12]).bits(), reference, "jumps of size zero");
}

// ---- Heston ----

fn heston() -> Heston {
    Heston {
        initial: 1.0,
        drift: 0.05,
        variance: 0.3,
        mean_variance: 0.4,
        reversion: 2.0,
        volatility_of_variance: 0.8,
        correlation: -0.3,
    }
}

/// The parameters of a published case, in the order in which they are printed: v0, kappa, theta, sigma, rho.
fn printed(
    [variance, reversion, mean_variance, volatility_of_variance, correlation]: [f64; 5],
    initial: f64,
    drift: f64,
) -> Heston {
    Heston { initial, drift, variance, mean_variance, reversion, volatility_of_variance, correlation }
}

fn affine(heston: &Heston) -> Affine {
    Affine {
        drift: heston.drift,
        variance: heston.variance,
        mean_variance: heston.mean_variance,
        reversion: heston.reversion,
        volatility_of_variance: heston.volatility_of_variance,
        correlation: heston.correlation,
        jumps: None,
    }
}

struct Published {
    name: &'static str,
    heston: Heston,
    rate: f64,
    years: f64,
    steps: u32,
    options: Vec<(Kind, f64, f64)>,
    /// What the scheme is allowed to be off by, in units of the price at time zero.
    bias: f64,
}

fn published() -> Vec<Published> {
    let lewis = printed([0.04, 4.0, 0.25, 1.0, -0.5], 100.0, -0.01);
    vec![
        Published {
            name: "A01, Lewis",
            heston: lewis,
            rate: 0.01,
            years: 1.0,
            steps: 32,
            options: vec![
                (Put, 80.0, 7.958_878_113_256_787),
                (Call, 100.0, 16.070_154_917_028_82),
                (Call, 120.0, 9.024_913_483_457_836),
            ],
            bias: 2e-4,
        },
        Published {
            name: "A04, correlation +0.8",
            heston: printed([0.3, 1.16, 0.2, 0.8, 0.8], 1.05, 0.3),
            rate: 0.7,
            years: 0.249_277_640_541_956_72,
            steps: 12,
            options: vec![(Put, 1.05, 0.063_285_130_897_714_93)],
            bias: 2e-4,
        },
        Published {
            name: "A07, Broadie-Kaya 1",
            heston: printed([0.010201, 6.21, 0.019, 0.61, -0.7], 100.0, 0.0319),
            rate: 0.0319,
            years: 1.0,
            steps: 32,
            options: vec![(Call, 100.0, 6.806_113_313_462_03)],
            bias: 2e-4,
        },
        Published {
            name: "A08, Broadie-Kaya 2",
            heston: printed([0.09, 2.0, 0.09, 1.0, -0.3], 100.0, 0.05),
            rate: 0.05,
            years: 5.0,
            steps: 60,
            options: vec![(Call, 100.0, 34.999_758_351_183_8)],
            bias: 2e-4,
        },
        Published {
            name: "A10-I, Andersen I",
            heston: printed([0.04, 0.5, 0.04, 1.0, -0.9], 100.0, 0.0),
            rate: 0.0,
            years: 10.0,
            steps: 80,
            options: vec![
                (Call, 60.0, 44.329_975_070_174_314),
                (Call, 100.0, 13.084_670_136_992_4),
                (Call, 140.0, 0.295_774_435_797_994_8),
            ],
            bias: 2e-4,
        },
        Published {
            name: "A10-II, Andersen II",
            heston: printed([0.04, 0.3, 0.04, 0.9, -0.5], 100.0, 0.0),
            rate: 0.0,
            years: 15.0,
            steps: 60,
            options: vec![
                (Call, 60.0, 45.286_863_969_981_46),
                (Call, 100.0, 16.649_222_920_358_667),
                (Call, 140.0, 5.138_190_493_784_833),
            ],
            bias: 2e-4,
        },
        Published {
            name: "A05, Kahl-Jaeckel",
            heston: printed([0.16, 1.0, 0.16, 2.0, -0.8], 100.0, 0.0),
            rate: 0.0,
            years: 10.0,
            steps: 80,
            options: vec![(Call, 200.0, 4.952_114_720_879_763)],
            bias: 2e-4,
        },
    ]
}

#[test]
fn heston_options_have_the_published_values() {
    for Published { name, heston, rate, years, steps, options, bias } in published() {
        let seen = collect(alone(heston.clone()), equal(steps, years), &["x"], &[steps as usize]);
        let prices = seen.of("x", steps as usize);
        let forward = heston.initial * (heston.drift * years).exp();
        for (kind, strike, value) in options {
            let payoffs = payoffs(kind, strike, (-rate * years).exp(), prices);
            assert_option(&format!("{name}, K {strike}"), prices, forward, &payoffs, value, bias * heston.initial);
        }
    }
}

/// The bias against the step: what `docs/models.md` shows, of the hardest case (A05, Kahl-Jaeckel).
#[test]
fn the_bias_of_the_variance_scheme_falls_with_the_step() {
    let heston = printed([0.16, 1.0, 0.16, 2.0, -0.8], 100.0, 0.0);
    for (steps, bias) in [(10, -2.042), (20, -0.760), (40, -0.228)] {
        let seen = collect(alone(heston.clone()), equal(steps, 10.0), &["x"], &[steps as usize]);
        let prices = seen.of("x", steps as usize);
        let payoffs = payoffs(Call, 200.0, 1.0, prices);
        // The table's own sampling error, 0.017, counts once more.
        assert_option(&format!("{steps} steps"), prices, 100.0, &payoffs, 4.952_114_720_879_763 + bias, 5.0 * 0.0175);
    }
}

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

// ---- Bates ----

fn bates(heston: &Heston, jumps_per_year: f64, jump_mean: f64, jump_volatility: f64) -> Bates {
    let Heston { initial, drift, variance, mean_variance, reversion, volatility_of_variance, correlation } = *heston;
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

#[test]
fn bates_options_have_their_values() {
    let years = 5.002_073_508_496_145;
    let a11 = [0.0433, 0.5, 0.0433, 0.0001, 0.0];
    // (name, v0 kappa theta sigma rho, jump volatility, r, q, T, steps, strike, value): cases A11 and A12.
    let cases = [
        ("A11-1y", a11, 0.2, 0.1, 0.04, 1.0, 4, 95.0, 10.810_986_975_145_823),
        ("A11-3y", a11, 0.2, 0.1, 0.04, 3.0, 4, 95.0, 14.788_733_600_854_712),
        ("A11-5y", a11, 0.2, 0.1, 0.04, 5.0, 4, 95.0, 14.973_068_797_422_357),
        ("A12-tHout1", [0.04, 1.5, 0.04, 0.3, -0.9], 0.1, 0.025, 0.0, years, 40, 100.0, 23.523_383_177_590_716),
        ("A12-IkonenToivanen", [0.0625, 5.0, 0.16, 0.9, 0.1], 0.1, 0.1, 0.0, years, 60, 100.0, 17.064_195_332_079_386),
        ("A12-KahlJaeckel", [0.16, 1.0, 0.16, 2.0, -0.8], 0.1, 0.0, 0.0, years, 60, 100.0, 34.305_250_837_171_315),
        ("A12-Equity", [0.07, 2.0, 0.04, 0.55, -0.8], 0.1, 0.03, 0.035, years, 40, 100.0, 27.134_680_548_729_08),
    ];
    for (name, parameters, jump_volatility, rate, yield_, years, steps, strike, value) in cases {
        let bates = bates(&printed(parameters, 100.0, rate - yield_), 2.0, -0.2, jump_volatility);
        let seen = collect(alone(bates), equal(steps, years), &["x"], &[steps as usize]);
        let prices = seen.of("x", steps as usize);
        let payoffs = payoffs(Put, strike, (-rate * years).exp(), prices);
        // 0.02 % of the price at time zero is allowed to the scheme; A11 has (nearly) constant variance and no such bias.
        let bias = if name.starts_with("A11") { 0.0 } else { 0.02 };
        assert_option(name, prices, 100.0 * ((rate - yield_) * years).exp(), &payoffs, value, bias);
    }
}

#[test]
fn bates_without_jumps_is_heston() {
    let grid = TimeGrid::new([0.1, 0.5, 2.0]).unwrap();
    let series = ["x", "x.variance"];
    let reference = collect(alone(heston()), grid.clone(), &series, &[1, 3]).bits();
    for still in [bates(&heston(), 0.0, -0.2, 0.3), bates(&heston(), 4.0, 0.0, 0.0)] {
        assert_eq!(collect(alone(still), grid.clone(), &series, &[1, 3]).bits(), reference);
    }
}

// ---- SVCJ ----

fn svcj() -> Svcj {
    let Heston { initial, drift, variance, mean_variance, reversion, volatility_of_variance, correlation } = heston();
    Svcj {
        initial,
        drift,
        variance,
        mean_variance,
        reversion,
        volatility_of_variance,
        correlation,
        jumps_per_year: 3.0,
        jump_mean: -0.05,
        jump_volatility: 0.1,
        variance_jump_mean: 0.25,
        jump_correlation: -0.4,
    }
}

fn jump_law(svcj: &Svcj) -> JumpLaw {
    JumpLaw {
        per_year: svcj.jumps_per_year,
        mean: svcj.jump_mean,
        deviation: svcj.jump_volatility,
        variance_mean: svcj.variance_jump_mean,
        lift: svcj.jump_correlation,
    }
}

#[test]
fn the_oracle_has_the_published_values() {
    for Published { name, heston, rate, years, options, .. } in published() {
        let forward = heston.initial * (heston.drift * years).exp();
        for (kind, strike, value) in options {
            let call = affine(&heston).call(heston.initial, strike, years);
            let undiscounted = match kind {
                Call => call,
                Put => call - forward + strike,
            };
            let found = undiscounted * (-rate * years).exp();
            assert!((found / value - 1.0).abs() < 1e-6, "{name}, K {strike}: {found} against {value}");
        }
    }
    // Case A12 (tHout1), jumps in the price.
    let jumps = JumpLaw { per_year: 2.0, mean: -0.2, deviation: 0.1, variance_mean: 0.0, lift: 0.0 };
    let bates = Affine { jumps: Some(jumps), ..affine(&printed([0.04, 1.5, 0.04, 0.3, -0.9], 100.0, 0.025)) };
    let years = 5.002_073_508_496_145;
    let put = bates.call(100.0, 100.0, years) * (-0.025 * years).exp() - 100.0 + 100.0 * (-0.025 * years).exp();
    assert!((put / 23.523_383_177_590_716 - 1.0).abs() < 1e-6, "{put}");
}

#[test]
fn svcj_options_have_their_values() {
    // A coin, an equity index whose variance hardly moves, and a coin with several jumps in most steps.
    let equity = Svcj {
        initial: 100.0,
        drift: 0.0319,
        variance: 0.007_569,
        mean_variance: 0.008,
        reversion: 3.46,
        volatility_of_variance: 0.14,
        correlation: -0.82,
        jumps_per_year: 0.47,
        jump_mean: -0.1,
        jump_volatility: 0.0001,
        variance_jump_mean: 0.05,
        jump_correlation: -0.38,
    };
    let fast = Svcj { jumps_per_year: 30.0, variance_jump_mean: 0.05, jump_mean: 0.0, ..svcj() };
    for (name, svcj, years, steps) in [("coin", svcj(), 1.0, 24), ("equity", equity, 1.0, 24), ("fast", fast, 0.5, 12)]
    {
        let heston = printed(
            [svcj.variance, svcj.reversion, svcj.mean_variance, svcj.volatility_of_variance, svcj.correlation],
            svcj.initial,
            svcj.drift,
        );
        let oracle = Affine { jumps: Some(jump_law(&svcj)), ..affine(&heston) };
        let seen = collect(alone(svcj.clone()), equal(steps, years), &["x", "x.variance"], &[steps as usize]);
        let prices = seen.of("x", steps as usize);
        let forward = svcj.initial * (svcj.drift * years).exp();
        for strike in [0.7, 1.0, 1.4] {
            let strike = strike * svcj.initial;
            let value = oracle.call(svcj.initial, strike, years);
            // 0.02 % of the price is allowed to the scheme.
            let payoffs = payoffs(Call, strike, 1.0, prices);
            assert_option(&format!("{name}, K {strike}"), prices, forward, &payoffs, value, 2e-4 * svcj.initial);
        }
        // The mean of the variance, with the error of the toss: (k D)^2 / 12 of the jumps' part.
        let x = svcj.reversion * years;
        let jumped = svcj.jumps_per_year * svcj.variance_jump_mean * (1.0 - (-x).exp()) / svcj.reversion;
        let mean = svcj.mean_variance + (svcj.variance - svcj.mean_variance) * (-x).exp() + jumped;
        let bias = (x / f64::from(steps)).powi(2) / 12.0 * jumped;
        assert_value(name, seen.of("x.variance", steps as usize), mean, bias);
    }
}

#[test]
fn jumps_of_price_and_variance_come_together() {
    // Almost nothing moves but jumps. Given their number, the variance jumped by a gamma and the log price by c times that.
    let (lambda, length) = (2.0, 0.5);
    let svcj = Svcj {
        variance: 0.0,
        mean_variance: 0.0,
        reversion: 0.0,
        volatility_of_variance: 0.0,
        drift: 0.0,
        jumps_per_year: lambda,
        jump_mean: 0.3,
        jump_volatility: 0.0,
        variance_jump_mean: 1e-4,
        jump_correlation: 50.0,
        ..svcj()
    };
    let seen = collect(alone(svcj), TimeGrid::new([length]).unwrap(), &["x", "x.variance"], &[1]);
    let kappa = 0.3_f64.exp() / (1.0 - 0.005) - 1.0;
    let jumps = map(seen.of("x", 1), |s| s.ln() + lambda * length * kappa);
    let variance = seen.of("x.variance", 1);
    // The diffusion of a variance of 1e-4 moves the price by a hundredth at most: the count is read off the jumps of 0.3.
    let counts = map(&jumps, |x| (x / 0.3).round());
    let poisson = |n: u32| (-1.0_f64).exp() / (1..=n).map(f64::from).product::<f64>();
    for n in 0..5 {
        assert_share("count", &counts, |count| (count - f64::from(n)).abs() < 0.5, poisson(n));
    }
    for n in [1, 2, 3, 4, 5_u32] {
        let paths = (0..counts.len()).filter(|path| (counts[*path] - f64::from(n)).abs() < 0.5);
        let sizes: Vec<f64> = paths.clone().map(|path| variance[path]).collect();
        let rest: Vec<f64> = paths.map(|path| jumps[path] - 0.3 * f64::from(n) - 50.0 * variance[path]).collect();
        // Cumulants of a gamma of shape n: n (k - 1)! q^k; in units of 1e-4.
        let mut factorial = 1.0;
        let cumulants = std::array::from_fn(|k| {
            factorial *= f64::max(k as f64, 1.0);
            f64::from(n) * factorial
        });
        assert_cumulants(&format!("{n} jumps"), &map(&sizes, |v| v * 1e4), cumulants);
        // What is left is the diffusion of those whose variance jumped first: tiny, and about zero.
        assert!(rest.iter().all(|x| x.abs() < 0.15), "{n} jumps");
        let (_, deviation) = mean_and_deviation(&rest);
        assert!(deviation < 0.02, "{n} jumps: {deviation}");
    }
}

#[test]
fn svcj_without_jumps_is_heston() {
    let grid = TimeGrid::new([0.1, 0.5, 2.0]).unwrap();
    let series = ["x", "x.variance"];
    let reference = collect(alone(heston()), grid.clone(), &series, &[1, 3]).bits();
    let none = Svcj { jumps_per_year: 0.0, ..svcj() };
    let still = Svcj { jump_mean: 0.0, jump_volatility: 0.0, variance_jump_mean: 0.0, ..svcj() };
    for svcj in [none, still] {
        assert_eq!(collect(alone(svcj), grid.clone(), &series, &[1, 3]).bits(), reference);
    }
    // Jumps of the price alone have the law of Bates: the same option value.
    let alone_in_price = Svcj { variance_jump_mean: 0.0, ..svcj() };
    let jumps = JumpLaw { variance_mean: 0.0, ..jump_law(&alone_in_price) };
    let value = Affine { jumps: Some(jumps), ..affine(&heston()) }.call(1.0, 1.0, 1.0);
    for market in [alone(alone_in_price), alone(bates(&heston(), 3.0, -0.05, 0.1))] {
        let seen = collect(market, equal(24, 1.0), &["x"], &[24]);
        let payoffs = payoffs(Call, 1.0, 1.0, seen.of("x", 24));
        assert_option("price jumps", seen.of("x", 24), 0.05_f64.exp(), &payoffs, value, 2e-4);
    }
}

// ---- RegimeGbm ----

fn regime_gbm(mean_years: [f64; 2], initial_regime: Option<Vec<f64>>) -> RegimeGbm {
    RegimeGbm {
        initial: 1.0,
        regimes: vec![PriceRegime { drift: 0.05, volatility: 0.15 }, PriceRegime { drift: 0.05, volatility: 0.25 }],
        transitions: Some(Transitions::MeanYears(mean_years)),
        initial_regime,
        chain: None,
    }
}

#[test]
fn options_on_a_regime_gbm_have_their_values() {
    // Case A22: volatilities 0.15 and 0.25, intensities 0.5, r 0.05, K 100, T 1, by matrix exponential and by occupation time.
    let first = [
        (96.0, 6.922_908_161_908_244),
        (98.0, 8.083_658_120_426_065),
        (100.0, 9.339_250_160_856_068),
        (102.0, 10.684_042_917_290_892),
        (104.0, 12.111_562_802_110_871),
        (106.0, 13.614_810_089_782_747),
    ];
    let second = [(94.0, 8.228_302_756_006_054), (100.0, 11.705_071_837_822_675), (106.0, 15.771_354_987_589_866)];
    for (start, values) in [(vec![1.0, 0.0], &first[..]), (vec![0.0, 1.0], &second[..])] {
        let market = || alone(regime_gbm([2.0, 2.0], Some(start.clone())));
        for (what, found) in at_two_step_sizes(&market, 1.0, &["x"]) {
            for (initial, value) in values {
                let prices = map(&found[0], |x| initial * x);
                let payoffs = payoffs(Call, 100.0, (-0.05_f64).exp(), &prices);
                let forward = initial * 0.05_f64.exp();
                assert_option(&format!("{what}, S {initial}"), &prices, forward, &payoffs, *value, 0.0);
            }
        }
    }
}

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
