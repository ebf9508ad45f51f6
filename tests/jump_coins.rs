//! Coins that jump against their laws: cumulants, sizes, counts, jumps of price and variance together, and the degenerate cases in which one model
//! is another one. Their option values are in `options.rs`, Merton's moments in `factors.rs`.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/affine.rs"]
mod affine;
#[path = "support/coins.rs"]
mod coins;
#[path = "support/collect.rs"]
mod collect;

use affine::{Affine, JumpLaw};
use coins::Kind::Call;
use coins::{
    alone, assert_option, assert_value, at_two_step_sizes, bates, collect, equal, heston, kou, mean_and_deviation,
    payoffs, svcj,
};
use collect::{assert_cumulants, assert_distribution, assert_share, map};
use haircut::market::{Gbm, Kou, Svcj};
use haircut::numeric::TimeGrid;

// ---- Kou ----

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

// ---- Bates ----

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
    let jumps = JumpLaw { variance_mean: 0.0, ..JumpLaw::of(&alone_in_price) };
    let value = Affine { jumps: Some(jumps), ..Affine::of(&heston()) }.call(1.0, 1.0, 1.0);
    for market in [alone(alone_in_price), alone(bates(&heston(), 3.0, -0.05, 0.1))] {
        let seen = collect(market, equal(24, 1.0), &["x"], &[24]);
        let payoffs = payoffs(Call, 1.0, 1.0, seen.of("x", 24));
        assert_option("price jumps", seen.of("x", 24), 0.05_f64.exp(), &payoffs, value, 2e-4);
    }
}
