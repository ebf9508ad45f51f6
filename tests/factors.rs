//! Each factor against its law: moments at two step sizes with a million paths, distributions where they are known, and the
//! degenerate cases, which are exact. A mean alone would pass with a step that lacks its sqrt(D) on another grid, or
//! with one driver used twice; hence two grids, four moments and the Kolmogorov distance.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/collect.rs"]
mod collect;

use collect::{
    Collect, Collected, assert_correlation, assert_cumulants, assert_distribution, assert_mean, assert_normal,
    assert_share, map,
};
use haircut::Simulation;
use haircut::credit::Book;
use haircut::market::{
    DeflatingRent, Factor, Gbm, LaunchShock, Market, MarketBuilder, Merton, Obsolescence, Resale, ShortRate,
    Utilisation,
};
use haircut::numeric::TimeGrid;
use statrs::distribution::{ContinuousCDF, Discrete, Gamma, Normal, Poisson};

const PATHS: u64 = 1 << 20;

fn collect(market: MarketBuilder, grid: TimeGrid, series: &[&str], steps: &[usize]) -> Collected {
    let market = market.build().unwrap();
    Simulation::new(market, Book::default()).grid(grid).paths(PATHS).seed(7).run(Collect::new(series, steps)).unwrap()
}

fn alone(factor: impl Factor + 'static) -> MarketBuilder {
    Market::builder().factor("x", factor)
}

/// The values at `years`, on a coarse grid and on a fine one: (what, values by series).
fn at_two_step_sizes(market: &dyn Fn() -> MarketBuilder, years: f64, series: &[&str]) -> Vec<(String, Vec<Vec<f64>>)> {
    let grids = [TimeGrid::new([0.4 * years, years]).unwrap(), TimeGrid::new(vec_of(11, years)).unwrap()];
    let mut all = Vec::new();
    for grid in grids {
        let steps = grid.steps();
        let seen = collect(market(), grid, series, &[steps]);
        let values = series.iter().map(|name| seen.of(name, steps).to_vec()).collect();
        all.push((format!("{steps} steps"), values));
    }
    all
}

fn vec_of(steps: u32, years: f64) -> Vec<f64> {
    (1..=steps).map(|step| f64::from(step) * years / f64::from(steps)).collect()
}

/// A mean and standard deviation of exp(X), X normal.
fn lognormal(mean: f64, variance: f64) -> (f64, f64) {
    let level = (mean + 0.5 * variance).exp();
    (level, level * (variance.exp() - 1.0).sqrt())
}

#[test]
fn gbm_is_lognormal() {
    let (initial, drift, volatility, years) = (50.0, 0.07, 0.45, 3.0);
    for (what, values) in at_two_step_sizes(&|| alone(Gbm { initial, drift, volatility }), years, &["x"]) {
        let variance = volatility * volatility * years;
        let mean = (drift - 0.5 * volatility * volatility) * years;
        assert_normal(&what, &map(&values[0], |s| (s / initial).ln()), mean, variance);
        let (level, deviation) = lognormal(mean, variance);
        assert!((level - (drift * years).exp()).abs() < 1e-14);
        assert_mean(&what, values[0].iter().map(|s| s / initial), level, deviation);
    }
}

#[test]
fn gbm_without_volatility_is_its_growth() {
    let seen = collect(
        alone(Gbm { initial: 50.0, drift: -0.3, volatility: 0.0 }),
        TimeGrid::monthly(60).unwrap(),
        &["x"],
        &[0, 60],
    );
    assert!(seen.of("x", 0).iter().all(|s| s.to_bits() == 50.0_f64.to_bits()));
    assert!(seen.of("x", 60).iter().all(|s| (s / (50.0 * (-1.5_f64).exp()) - 1.0).abs() < 1e-14));
}

/// Cumulants of ln S_T / S_0 for Merton: the diffusion's, and lambda T E[Y^n].
fn merton_cumulants(merton: &Merton, years: f64) -> [f64; 8] {
    let Merton { drift, volatility, jumps_per_year, jump_mean, jump_volatility, .. } = *merton;
    let compensation = jumps_per_year * ((jump_mean + 0.5 * jump_volatility * jump_volatility).exp() - 1.0);
    let mut moments = [1.0; 9];
    moments[1] = jump_mean;
    for n in 2..=8 {
        moments[n] = jump_mean * moments[n - 1] + (n - 1) as f64 * jump_volatility * jump_volatility * moments[n - 2];
    }
    let mut cumulants = [0.0; 8];
    for n in 1..=8 {
        cumulants[n - 1] = jumps_per_year * years * moments[n];
    }
    cumulants[0] += (drift - compensation - 0.5 * volatility * volatility) * years;
    cumulants[1] += volatility * volatility * years;
    cumulants
}

#[test]
fn merton_has_the_cumulants_of_its_law() {
    // Case A27 of the project's reference values: mu 0.1 without compensation, sigma 0.6, lambda 4, jumps (-0.05, 0.12), T 1:
    // mean -0.1, variance 0.4276, skewness -0.032688, excess kurtosis 0.018471, E exp 1.118974.
    let compensation = 4.0 * ((-0.05 + 0.5 * 0.0144_f64).exp() - 1.0);
    let drift = 0.1 + 0.18 + compensation;
    let merton =
        Merton { initial: 1.0, drift, volatility: 0.6, jumps_per_year: 4.0, jump_mean: -0.05, jump_volatility: 0.12 };
    let cumulants = merton_cumulants(&merton, 1.0);
    assert!((cumulants[0] + 0.1).abs() < 1e-14 && (cumulants[1] - 0.4276).abs() < 1e-14);
    assert!((cumulants[2] / cumulants[1].powf(1.5) + 0.032_688_097_970_582_745).abs() < 1e-12);
    assert!((cumulants[3] / cumulants[1].powi(2) - 0.018_471_272_645_811_33).abs() < 1e-12);
    assert!((drift.exp() - 1.118_973_744_862_346_5).abs() < 1e-14);
    for (what, values) in at_two_step_sizes(&|| alone(merton.clone()), 1.0, &["x"]) {
        assert_cumulants(&what, &map(&values[0], f64::ln), cumulants);
        // Var S / (E S)^2 + 1 is E S^2 / (E S)^2: the jumps' second exponential moment replaces the first.
        let second = (0.36 + 4.0 * ((-0.1 + 2.0 * 0.0144_f64).exp() - 1.0) - 2.0 * compensation).exp();
        assert_mean(&what, values[0].iter().copied(), drift.exp(), drift.exp() * (second - 1.0).sqrt());
    }
    // Rare and large jumps, where skewness and kurtosis are far from normal: workload W2 of the peers.
    let rare = Merton { jumps_per_year: 0.5, jump_mean: -0.2, jump_volatility: 0.3, drift: 0.05, ..merton };
    for (what, values) in at_two_step_sizes(&|| alone(rare.clone()), 5.0, &["x"]) {
        assert_cumulants(&what, &map(&values[0], f64::ln), merton_cumulants(&rare, 5.0));
    }
}

#[test]
fn merton_jumps_are_poisson_and_their_sizes_normal() {
    // Nothing moves but jumps. With the same seed the counts are the same whatever the sizes: equal sizes show the count.
    for (jumps_per_year, length) in [(0.5, 1.0 / 12.0), (6.0, 0.5)] {
        let jumps = |jump_volatility| Merton {
            initial: 1.0,
            drift: 0.0,
            volatility: 0.0,
            jumps_per_year,
            jump_mean: 0.3,
            jump_volatility,
        };
        let logarithms = |merton: Merton| {
            let seen = collect(alone(merton.clone()), TimeGrid::new([length]).unwrap(), &["x"], &[1]);
            let second = 0.5 * merton.jump_volatility * merton.jump_volatility;
            let compensation = jumps_per_year * ((merton.jump_mean + second).exp() - 1.0);
            map(seen.of("x", 1), |s| s.ln() + compensation * length)
        };
        let counts = map(&logarithms(jumps(0.0)), |x| (x / 0.3).round());
        let poisson = Poisson::new(jumps_per_year * length).unwrap();
        for count in 0..8_u32 {
            let probability = poisson.pmf(u64::from(count));
            assert_share("count", &counts, |n| n.to_bits() == f64::from(count).to_bits(), probability);
        }
        let sizes = logarithms(jumps(0.2));
        for count in [1.0, 2.0, 3.0] {
            let with = sizes.iter().zip(&counts).filter(|(_, n)| (*n - count).abs() < 0.5);
            let sizes: Vec<f64> = with.map(|(x, _)| *x).collect();
            assert!(!sizes.is_empty());
            assert_normal(&format!("{count} jumps"), &sizes, 0.3 * count, 0.04 * count);
        }
    }
}

#[test]
fn merton_without_jumps_is_gbm() {
    let grid = TimeGrid::monthly(12).unwrap();
    let merton = Merton {
        initial: 80.0,
        drift: 0.1,
        volatility: 0.7,
        jumps_per_year: 0.0,
        jump_mean: -0.3,
        jump_volatility: 0.2,
    };
    let gbm = Gbm { initial: 80.0, drift: 0.1, volatility: 0.7 };
    let seen = collect(alone(merton), grid.clone(), &["x"], &[1, 12]);
    assert_eq!(seen.bits(), collect(alone(gbm), grid, &["x"], &[1, 12]).bits());
}

/// A rent without adoption.
fn rent(initial: f64, deflation: f64, scarcity: f64, reversion: f64, volatility: f64) -> DeflatingRent {
    DeflatingRent {
        initial,
        deflation,
        sensitivity: 0.0,
        adoption: None,
        scarcity,
        usual_scarcity: None,
        reversion,
        volatility,
        deflation_deviation: 0.0,
        jumps: None,
    }
}

#[test]
fn rent_is_a_log_ou_about_its_trend() {
    // Case E01: x_0 ln 2, kappa 1.2, theta 0.33647, sigma 0.35, T 2.
    let theta = 0.336_472_236_621_212_9;
    let e01 = rent(2.0, 0.0, 2.0_f64.ln() - theta, 1.2, 0.35);
    // Case E02: the mean level falls by 0.3 a year and the OU runs after it, theta = x_0 = ln 2, T 3. The OU about the line that
    // it follows with a lag of 0.3 / 1.2 starts that much below it.
    let e02 = rent(2.0, 0.3, -0.3 / 1.2, 1.2, 0.35);
    let cases = [
        (e01, 2.0, [0.368_829_057_524_950_7, 0.050_621_606_661_039_6, 1.483_107_962_918_297, 0.337_955_940_825_843_6]),
        (
            e02,
            3.0,
            [0.036_316_249_948_122_215, 0.051_003_559_682_697_43, 1.063_768_752_890_673, 0.243_337_280_624_012_9],
        ),
    ];
    for (rent, years, [mean, variance, level, deviation]) in cases {
        for (what, values) in at_two_step_sizes(&|| alone(rent.clone()), years, &["x"]) {
            assert_normal(&what, &map(&values[0], f64::ln), mean, variance);
            assert_mean(&what, values[0].iter().copied(), level, deviation);
        }
    }
}

#[test]
fn scarcity_is_stationary_with_its_autocorrelation() {
    // Case E05: kappa 2, sigma 0.6: variance 0.09, autocorrelation at half a year e^-1.
    let grid = TimeGrid::new([10.0, 10.5]).unwrap();
    let seen = collect(alone(rent(1.0, 0.0, 0.0, 2.0, 0.6)), grid, &["x"], &[1, 2]);
    let (early, late) = (map(seen.of("x", 1), f64::ln), map(seen.of("x", 2), f64::ln));
    assert_normal("stationary", &late, 0.0, 0.09);
    assert_correlation("autocorrelation", &early, &late, 0.367_879_441_171_442_33);
}

#[test]
fn rent_without_volatility_is_its_formula() {
    let frontier = Obsolescence {
        cadence: 1.5,
        cadence_variation: 0.0,
        age: 0.5,
        gain: 0.6,
        gain_volatility: 0.0,
        ramp: 0.4,
        pending: 0.25,
        roadmap: Vec::new(),
        excitation: None,
    };
    let rent =
        DeflatingRent { sensitivity: 0.7, adoption: Some("frontier.adoption".into()), ..rent(2.5, 0.2, 0.3, 0.9, 0.0) };
    let market = Market::builder().factor("frontier", frontier).factor("x", rent);
    let series = ["x", "frontier", "frontier.adoption", "frontier.generations", "frontier.age"];
    let seen = collect(market, TimeGrid::monthly(40).unwrap(), &series, &[0, 5, 12, 13, 40]);
    for step in [0, 5, 12, 13, 40] {
        let t = step as f64 / 12.0;
        // Launches at 1.0 and 2.5 years; adoption begins 0.25 behind.
        let launches: Vec<f64> = [1.0, 2.5].into_iter().filter(|launch| *launch <= t).collect();
        let adopted = |since: f64| 1.0 - (-since / 0.4_f64).exp();
        let adoption = -0.25 * (-t / 0.4).exp() + launches.iter().map(|launch| 0.6 * adopted(t - launch)).sum::<f64>();
        let age = t - launches.last().copied().unwrap_or(-0.5);
        let logarithm = 2.5_f64.ln() - 0.2 * t - 0.7 * (adoption + 0.25) + 0.3 * ((-0.9 * t).exp() - 1.0);
        let expected = [logarithm.exp(), 0.6 * launches.len() as f64, adoption, launches.len() as f64, age];
        for (series, expected) in series.iter().zip(expected) {
            let value = seen.of(series, step)[77];
            assert!((value - expected).abs() < 1e-13, "{series} at {step}: {value} against {expected}");
        }
    }
}

fn generations(cadence: f64, cadence_variation: f64, age: f64) -> Obsolescence {
    Obsolescence {
        cadence,
        cadence_variation,
        age,
        gain: 0.5,
        gain_volatility: 0.2,
        ramp: 0.75,
        pending: 0.0,
        roadmap: Vec::new(),
        excitation: None,
    }
}

#[test]
fn launches_are_a_renewal_process() {
    // Cases E09 (shape 2, mean gap 2, t 5) and E10 (shape 3.5, mean gap 2, t 6): P(none), mean, variance, E q^N.
    let cases = [
        (
            2.0_f64,
            5.0,
            0.7_f64,
            [0.040_427_681_994_512_74, 2.250_011_349_982_441_5, 1.312_386_500_046_769_4, 0.485_012_054_199_066_1],
        ),
        (
            3.5,
            6.0,
            0.6,
            [0.003_770_150_051_146_115, 2.642_856_238_117_449_6, 0.933_681_339_151_976_7, 0.291_273_694_441_842_5],
        ),
    ];
    for (shape, years, q, [none, mean, variance, generating]) in cases {
        // P(N >= n) is that of n gaps within the time, and n gaps are gamma too: all moments, those that errors are made of as well.
        let reached =
            |n: u32| if n == 0 { 1.0 } else { Gamma::new(f64::from(n) * shape, 0.5 * shape).unwrap().cdf(years) };
        let law: Vec<(f64, f64)> = (0..60).map(|n| (f64::from(n), reached(n) - reached(n + 1))).collect();
        let expected = |f: &dyn Fn(f64) -> f64| law.iter().map(|(n, probability)| probability * f(*n)).sum::<f64>();
        let moment = |power: i32| expected(&|n| (n - mean).powi(power));
        // The renewal equation was solved numerically, to 6e-8 of the mean.
        assert!((law[0].1 - none).abs() < 1e-9 && moment(1).abs() < 1e-7 && (moment(2) - variance).abs() < 1e-9);
        assert!((expected(&|n| q.powf(n)) - generating).abs() < 1e-9);
        let frontier = generations(2.0, 1.0 / shape.sqrt(), 0.0);
        for (what, values) in at_two_step_sizes(&|| alone(frontier.clone()), years, &["x.generations"]) {
            let counts = &values[0];
            assert_share(&what, counts, |n| n < 0.5, none);
            assert_mean(&what, counts.iter().copied(), mean, variance.sqrt());
            let squares = map(counts, |n| (n - mean) * (n - mean));
            assert_mean(&what, squares.iter().copied(), variance, (moment(4) - variance * variance).sqrt());
            let powers = map(counts, |n| q.powf(n));
            let square = expected(&|n| q.powf(2.0 * n));
            assert_mean(&what, powers.iter().copied(), generating, (square - generating * generating).sqrt());
        }
    }
}

#[test]
fn poisson_launches_have_closed_forms() {
    let (tau, years, ramp): (f64, f64, f64) = (1.5, 4.0, 0.75);
    // With a coefficient of variation of 1 gaps are exponential, so the age at time zero is forgotten.
    for age in [0.0, 1.0, 20.0] {
        let frontier = generations(tau, 1.0, age);
        let series = ["x", "x.adoption", "x.generations", "x.age"];
        for (what, values) in at_two_step_sizes(&|| alone(frontier.clone()), years, &series) {
            let what = format!("{what}, age {age}");
            let rate = years / tau;
            let poisson = Poisson::new(rate).unwrap();
            for count in 0..7_u32 {
                let holds = |n: f64| (n - f64::from(count)).abs() < 0.5;
                assert_share(&what, &values[2], holds, poisson.pmf(u64::from(count)));
            }
            // Compound Poisson: cumulants rate E[G^n] of a normal(0.5, 0.2).
            let mut moments = [1.0; 9];
            moments[1] = 0.5;
            for n in 2..=8 {
                moments[n] = 0.5 * moments[n - 1] + (n - 1) as f64 * 0.04 * moments[n - 2];
            }
            assert_cumulants(&format!("{what}, frontier"), &values[0], std::array::from_fn(|n| rate * moments[n + 1]));
            // Adoption is shot noise: cumulants E[G^n] / tau integral_0^t (1 - e^(-s / ramp))^n ds (Campbell).
            let mut integral = years;
            let mut cumulants = [0.0; 8];
            for n in 1..=8 {
                // d/ds (1 - e^(-s/ramp))^n: I_n = I_{n-1} - ramp (1 - e^(-t/ramp))^n / n.
                integral -= ramp * (1.0 - (-years / ramp).exp()).powi(n as i32) / n as f64;
                cumulants[n - 1] = moments[n] / tau * integral;
            }
            assert_cumulants(&format!("{what}, adoption"), &values[1], cumulants);
            // The age is exponential, but no more than the age that a path without a launch has.
            let never = (-rate).exp();
            assert_share(&what, &values[3], |a| a > years - 1e-9, never);
            assert_share(&what, &values[3], |a| a <= 1.0, 1.0 - (-1.0 / tau).exp());
        }
    }
}

#[test]
fn the_first_gap_is_longer_than_the_age() {
    // Both ways of drawing (age up to, and beyond, tau (1 + c)), for shapes above and below 1.
    for (variation, age) in [(0.5, 0.4), (0.5, 2.5), (0.5, 4.0), (0.3, 5.0), (1.5, 3.0), (1.5, 9.0)] {
        let (shape, scale) = (1.0 / (variation * variation), 2.0 * variation * variation);
        let gap = Gamma::new(shape, 1.0 / scale).unwrap();
        let grid = TimeGrid::new([0.1, 0.3, 0.7, 1.5, 4.0]).unwrap();
        let seen = collect(alone(generations(2.0, variation, age)), grid.clone(), &["x.generations"], &[1, 2, 3, 4, 5]);
        for step in 1..=5 {
            let none = gap.sf(age + grid.time(step)) / gap.sf(age);
            let what = format!("variation {variation}, age {age}, step {step}");
            assert_share(&what, seen.of("x.generations", step), |n| n < 0.5, none);
        }
    }
}

#[test]
fn launches_do_not_depend_on_the_dates() {
    let series = ["x", "x.generations", "x.adoption", "x.age"];
    let fine = collect(alone(generations(0.8, 0.4, 0.3)), TimeGrid::monthly(60).unwrap(), &series, &[60]);
    let coarse = collect(alone(generations(0.8, 0.4, 0.3)), TimeGrid::new([5.0]).unwrap(), &series, &[1]);
    for series in &series[..2] {
        assert!(fine.of(series, 60) == coarse.of(series, 1), "{series}");
    }
    for series in &series[2..] {
        let pairs = fine.of(series, 60).iter().zip(coarse.of(series, 1));
        assert!(pairs.clone().all(|(a, b)| (a - b).abs() < 1e-12), "{series}");
    }
}

#[test]
fn a_change_of_cadence_keeps_the_gains() {
    // Launches come sooner and never later; where as many have come, the frontier is the same to the bit.
    let frontiers = [1.0, 0.9].map(|cadence| {
        let grid = TimeGrid::new([5.0]).unwrap();
        collect(alone(generations(cadence, 0.3, 0.0)), grid, &["x", "x.generations"], &[1])
    });
    let [slow, fast] = frontiers.each_ref().map(|seen| seen.of("x.generations", 1));
    let [slow_frontier, fast_frontier] = frontiers.each_ref().map(|seen| seen.of("x", 1));
    assert!((0..slow.len()).all(|path| fast[path] >= slow[path]));
    let same: Vec<usize> = (0..slow.len()).filter(|path| fast[*path] <= slow[*path]).collect();
    assert!(same.len() > slow.len() / 10 && same.len() < slow.len());
    assert!(same.iter().all(|path| slow_frontier[*path].to_bits() == fast_frontier[*path].to_bits()));
}

/// A used GPU without noise or links.
fn used() -> Resale {
    Resale {
        initial: 30_000.0,
        floor: 0.0,
        wear: 0.0,
        sensitivity: 0.0,
        adoption: None,
        shock: None,
        reversion: 1.0,
        volatility: 0.0,
    }
}

#[test]
fn the_premium_of_a_used_gpu_is_lognormal() {
    let resale = Resale { floor: 2_000.0, wear: 0.25, reversion: 0.8, volatility: 0.3, ..used() };
    for (what, values) in at_two_step_sizes(&|| alone(resale.clone()), 3.0, &["x"]) {
        let variance = 0.09 * (1.0 - (-4.8_f64).exp()) / 1.6;
        assert_normal(&what, &map(&values[0], |v| ((v - 2_000.0) / 28_000.0).ln()), -0.75, variance);
    }
}

#[test]
fn launches_take_their_share_of_the_premium() {
    // Cases E06 (J 0.25, 0.5 launches a year, decay 0.2, T 3) and E07 (J beta(2, 5), 0.8 a year, decay 0.15, T 4).
    let beta = (10.0_f64 / (49.0 * 8.0)).sqrt();
    let cases = [
        (2.0, 0.25, 0.0, 0.2, 3.0, [0.377_192_353_563_156_9, 0.118_251_541_588_455_06]),
        (1.25, 2.0 / 7.0, beta, 0.15, 4.0, [0.219_965_246_780_951_3, 0.140_669_016_417_451_08]),
    ];
    for (cadence, mean, deviation, wear, years, [value, spread]) in cases {
        let shock = LaunchShock { generations: "frontier.generations".into(), mean, deviation };
        let market = || {
            let resale = Resale { wear, floor: 500.0, shock: Some(shock.clone()), ..used() };
            Market::builder().factor("frontier", generations(cadence, 1.0, 0.0)).factor("x", resale)
        };
        for (what, values) in at_two_step_sizes(&market, years, &["x"]) {
            assert_mean(&what, values[0].iter().map(|v| (v - 500.0) / 29_500.0), value, spread);
        }
    }
}

#[test]
fn a_used_gpu_without_noise_is_its_formula() {
    let frontier = Obsolescence { cadence_variation: 0.0, gain_volatility: 0.0, ..generations(1.5, 0.0, 0.5) };
    let shock = LaunchShock { generations: "frontier.generations".into(), mean: 0.2, deviation: 0.0 };
    let resale = Resale {
        floor: 1_000.0,
        wear: 0.3,
        sensitivity: 0.4,
        adoption: Some("frontier.adoption".into()),
        shock: Some(shock),
        ..used()
    };
    let market = Market::builder().factor("frontier", frontier).factor("x", resale);
    let seen = collect(market, TimeGrid::new([0.9, 1.1, 6.0]).unwrap(), &["x"], &[0, 1, 2, 3]);
    for (step, t) in [(0, 0.0), (1, 0.9), (2, 1.1), (3, 6.0)] {
        let launches: Vec<f64> = [1.0, 2.5, 4.0, 5.5].into_iter().filter(|launch| *launch <= t).collect();
        let adoption: f64 = launches.iter().map(|launch| 0.5 * (1.0 - (-(t - launch) / 0.75_f64).exp())).sum();
        let left = 0.8_f64.powi(launches.len() as i32);
        let expected = 1_000.0 + 29_000.0 * left * (-0.3 * t - 0.4 * adoption).exp();
        assert!(seen.of("x", step).iter().all(|v| (v / expected - 1.0).abs() < 1e-13), "{t}");
    }
}

#[test]
fn utilisation_is_a_logit_normal() {
    let utilisation = Utilisation { initial: 0.9, usual: 0.75, reversion: 1.3, volatility: 0.8, demand: None };
    let odds = |u: f64| (u / (1.0 - u)).ln();
    for (what, values) in at_two_step_sizes(&|| alone(utilisation.clone()), 1.5, &["x"]) {
        let decay = (-1.3 * 1.5_f64).exp();
        let mean = odds(0.75) + (odds(0.9) - odds(0.75)) * decay;
        let variance = 0.64 * (1.0 - decay * decay) / 2.6;
        assert!(values[0].iter().all(|u| *u > 0.0 && *u < 1.0));
        assert_normal(&what, &map(&values[0], odds), mean, variance);
    }
    let still = Utilisation { volatility: 0.0, ..utilisation };
    let seen = collect(alone(still), TimeGrid::monthly(18).unwrap(), &["x"], &[18]);
    let exact = odds(0.75) + (odds(0.9) - odds(0.75)) * (-1.3 * 1.5_f64).exp();
    assert!((seen.of("x", 18)[0] - 1.0 / (1.0 + (-exact).exp())).abs() < 1e-14);
}

#[test]
fn short_rate_and_its_integral_are_jointly_normal() {
    // Case E03: x_0 1, kappa 0.7, theta 0.5, sigma 0.4, T 4: mean and variance of the integral, covariance with the rate.
    let rate = ShortRate { initial: 1.0, mean: 0.5, reversion: 0.7, volatility: 0.4 };
    let (mean, variance, covariance) = (2.670_849_955_267_701_4, 0.662_283_938_608_604, 0.144_012_691_994_456_7);
    for (what, values) in at_two_step_sizes(&|| alone(rate.clone()), 4.0, &["x", "x.discount"]) {
        let decay = (-2.8_f64).exp();
        let spread = 0.16 * (1.0 - decay * decay) / 1.4;
        let integral = map(&values[1], |discount| -discount.ln());
        assert_normal(&what, &values[0], 0.5 + 0.5 * decay, spread);
        assert_normal(&what, &integral, mean, variance);
        assert_correlation(&what, &values[0], &integral, covariance / (spread * variance).sqrt());
        let (bond, deviation) = lognormal(-mean, variance);
        assert_mean(&what, values[1].iter().copied(), bond, deviation);
    }
}

#[test]
fn bonds_have_vasiceks_price() {
    // P(0, T) = A e^(-B r_0): Vasicek (1977). Usual parameters, where reversion times step is small.
    let (initial, mean, reversion, volatility, years) = (0.036, 0.03, 0.15, 0.01, 5.0);
    let rate = ShortRate { initial, mean, reversion, volatility };
    let b = (1.0 - (-reversion * years).exp()) / reversion;
    let square = volatility * volatility / (reversion * reversion);
    let a = ((mean - 0.5 * square) * (b - years) - square * reversion * b * b / 4.0).exp();
    let price = a * (-b * initial).exp();
    let variance = square * (years - b - 0.5 * reversion * b * b);
    for (what, values) in at_two_step_sizes(&|| alone(rate.clone()), years, &["x.discount"]) {
        assert_mean(&what, values[0].iter().copied(), price, price * (variance.exp() - 1.0).sqrt());
    }
    let still = ShortRate { volatility: 0.0, initial: 0.03, ..rate };
    let seen = collect(alone(still), TimeGrid::monthly(60).unwrap(), &["x", "x.discount"], &[60]);
    assert!(seen.of("x", 60).iter().all(|r| (r - 0.03).abs() < 1e-16));
    assert!(seen.of("x.discount", 60).iter().all(|d| (d - (-0.15_f64).exp()).abs() < 1e-14));
}

#[test]
fn the_statistics_of_this_file_can_fail() {
    let normal = Normal::new(0.0, 1.0).unwrap();
    let sample: Vec<f64> = (0..100_000).map(|k| normal.inverse_cdf((f64::from(k) + 0.5) / 100_000.0)).collect();
    assert_distribution("right", &sample, |x| normal.cdf(x));
    let fails = |test: &(dyn Fn() + std::panic::RefUnwindSafe)| std::panic::catch_unwind(test).is_err();
    assert!(fails(&|| assert_distribution("shifted", &sample, |x| normal.cdf(x - 0.03))));
    assert!(fails(&|| assert_normal("too wide", &sample, 0.0, 0.95)));
    assert!(fails(&|| assert_mean("shifted", sample.iter().copied(), 0.02, 1.0)));
    assert!(fails(&|| assert_share("share", &sample, |x| x < 0.0, 0.51)));
    assert!(fails(&|| assert_correlation("itself", &sample, &sample, 0.9)));
}
