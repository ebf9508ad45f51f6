//! Fits against what they were simulated from: the crate's own factors on irregular dates, fitted, must give their parameters back
//! within four standard errors at every seed, and intervals must cover as often as they say. An estimate alone could be right with
//! errors that are too large or too small; hence the coverage, held to the binomial law of its count.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/collect.rs"]
mod collect;
#[path = "support/fits.rs"]
mod fits;

use fits::{alone, assert_coverage, assert_recovered, irregular, simulate, student_t_prices};
use haircut::calibrate::{self, Fit, Information, Series};
use haircut::market::{
    BlockReward, DeflatingRent, Gbm, Market, Merton, NetworkHashrate, Obsolescence, ShortRate, Utilisation,
};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rand_distr::{Distribution, Gamma};

#[test]
fn gbm_comes_back() {
    let model = Gbm { initial: 100.0, drift: 0.15, volatility: 0.6 };
    let truth = [("drift", 0.15), ("volatility", 0.6)];
    let paths = simulate(alone(model), &[("x", 100.0)], &irregular(500, 52.0), 1000, 1);
    let fits: Vec<_> = paths.iter().map(|path| calibrate::gbm(&path[0]).unwrap()).collect();
    for (seed, fit) in fits.iter().take(20).enumerate() {
        assert_recovered(&format!("path {seed}"), fit, &truth);
    }
    assert_coverage("gbm", &fits, &truth);
}

#[test]
fn the_checks_of_this_file_can_fail() {
    let model = Gbm { initial: 100.0, drift: 0.15, volatility: 0.6 };
    let paths = simulate(alone(model), &[("x", 100.0)], &irregular(500, 52.0), 300, 1);
    let fits = |stretch: f64| -> Vec<_> {
        let mut fits: Vec<_> = paths.iter().map(|path| calibrate::gbm(&path[0]).unwrap()).collect();
        for parameter in fits.iter_mut().flat_map(|fit| &mut fit.parameters) {
            parameter.lower = parameter.value - stretch * (parameter.value - parameter.lower);
            parameter.upper = parameter.value + stretch * (parameter.upper - parameter.value);
        }
        fits
    };
    let fails = |check: &dyn Fn()| std::panic::catch_unwind(std::panic::AssertUnwindSafe(check)).is_err();
    let volatility = [("volatility", 0.6)];
    assert!(!fails(&|| assert_coverage("as they are", &fits(1.0), &volatility)));
    // Errors two thirds of what they should be.
    assert!(fails(&|| assert_coverage("too small", &fits(0.67), &volatility)));
    // A fifth too large, six standard errors.
    let truth = [("drift", 0.15), ("volatility", 0.6 * 1.2)];
    assert!(fails(&|| assert_recovered("another volatility", &fits(1.0)[0], &truth)));
}

#[test]
fn gbm_is_the_closed_form() {
    let series = Series::new([0.0, 0.1, 0.4, 0.5, 1.0, 1.2], [100.0, 90.0, 130.0, 120.0, 170.0, 140.0]).unwrap();
    let fit = calibrate::gbm(&series).unwrap();
    let changes: Vec<(f64, f64)> = series
        .years()
        .windows(2)
        .zip(series.values().windows(2))
        .map(|(years, values)| (years[1] - years[0], (values[1] / values[0]).ln()))
        .collect();
    let (count, span) = (5.0, 1.2);
    let mean = 1.4_f64.ln() / span;
    let variance = changes.iter().map(|(length, r)| (r - mean * length).powi(2) / length).sum::<f64>() / count;
    let volatility = variance.sqrt();
    assert!((fit.model.volatility - volatility).abs() < 1e-9);
    assert!((fit.model.drift - (mean + 0.5 * variance)).abs() < 1e-9);
    // Information of mean and volatility is T / v^2 and 2 n / v^2; the drift is the mean plus v^2 / 2.
    let errors = [(variance / span + variance * variance / (2.0 * count)).sqrt(), volatility / (2.0 * count).sqrt()];
    for (parameter, error) in fit.parameters.iter().zip(errors) {
        // Central differences of second order: a step of 1/20 error leaves about 1e-3.
        assert!((parameter.standard_error / error - 1.0).abs() < 2e-3, "{parameter} {error}");
    }
    let density = |(length, r): &(f64, f64)| {
        let (distance, variance) = (r - mean * length, variance * length);
        -0.5 * (std::f64::consts::TAU * variance).ln() - distance * distance / (2.0 * variance)
    };
    assert!((fit.log_likelihood - changes.iter().map(density).sum::<f64>()).abs() < 1e-9);
    assert!((fit.aic() - (4.0 - 2.0 * fit.log_likelihood)).abs() < 1e-12);
}

#[test]
fn merton_comes_back() {
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
    for seed in 1..=3 {
        let paths = simulate(alone(model.clone()), &[("x", 100.0)], &irregular(2000, 365.0), 1, seed);
        let fit = calibrate::merton(&paths[0][0]).unwrap();
        assert_recovered(&format!("seed {seed}"), &fit, &truth);
        assert!(fit.aic() < calibrate::gbm(&paths[0][0]).unwrap().aic());
    }
}

#[test]
fn rent_comes_back() {
    let model = DeflatingRent {
        initial: 3.0,
        deflation: 0.2,
        sensitivity: 0.0,
        adoption: None,
        scarcity: 0.0,
        usual_scarcity: None,
        reversion: 3.0,
        volatility: 0.25,
        deflation_deviation: 0.0,
        jumps: None,
    };
    // 40 years of months: 170 half-lives, where the lean of the estimate of k (4 / T = 0.1) is small beside its error.
    let dates = irregular(480, 12.0);
    let paths = simulate(alone(model), &[("x", 3.0)], &dates, 400, 3);
    let truth = [("reversion", 3.0), ("deflation", 0.2), ("volatility", 0.25)];
    let fits: Vec<_> = paths.iter().map(|path| calibrate::deflating_rent(&path[0]).unwrap()).collect();
    for (seed, (fit, path)) in fits.iter().zip(&paths).take(20).enumerate() {
        // Scarcity is how far the newest rent stands above the trend that was simulated: 3 e^(-0.2 t).
        let scarcity = (path[0].values().last().unwrap() / 3.0).ln() + 0.2 * dates.last().unwrap();
        let all = [truth[0], ("scarcity", scarcity), truth[1], truth[2]];
        assert_recovered(&format!("path {seed}"), fit, &all);
    }
    assert_coverage("rent", &fits, &truth);
}

#[test]
fn rates_and_shares_come_back() {
    let dates = irregular(480, 12.0);
    let rate = ShortRate { initial: 0.03, mean: 0.04, reversion: 2.0, volatility: 0.02 };
    let share = Utilisation { initial: 0.9, usual: 0.85, reversion: 2.0, volatility: 0.8, demand: None };
    let market = Market::builder().factor("rate", rate).factor("share", share);
    let paths = simulate(market, &[("rate", 0.03), ("share", 0.9)], &dates, 300, 4);
    let rates: Vec<_> = paths.iter().map(|path| calibrate::short_rate(&path[0]).unwrap()).collect();
    let shares: Vec<_> = paths.iter().map(|path| calibrate::utilisation(&path[1]).unwrap()).collect();
    let truth = [("reversion", 2.0), ("mean", 0.04), ("volatility", 0.02)];
    let usual = [("reversion", 2.0), ("usual", 0.85), ("volatility", 0.8)];
    for path in 0..20 {
        assert_recovered("rate", &rates[path], &truth);
        assert_recovered("share", &shares[path], &usual);
    }
    assert_coverage("rate", &rates, &truth);
    assert_coverage("share", &shares, &usual);
}

#[test]
fn a_level_is_a_rate_of_logarithms() {
    // The log-OU fit of prices and the OU fit of their logarithms are one.
    let dates = irregular(120, 12.0);
    let rate = ShortRate { initial: 0.0, mean: 0.3, reversion: 2.0, volatility: 0.4 };
    let paths = simulate(alone(rate), &[("x", 0.0)], &dates, 1, 5);
    let level = calibrate::short_rate(&paths[0][0]).unwrap();
    let price = calibrate::mean_reverting(&paths[0][0].map(f64::exp).unwrap()).unwrap();
    let newest = paths[0][0].values().last().unwrap();
    let close = |a: f64, b: f64| (a - b).abs() < 1e-6;
    assert!(close(price.model.scarcity, newest - level.model.mean));
    assert!(close(price.model.reversion, level.model.reversion) && close(price.log_likelihood, level.log_likelihood));
}

#[test]
fn launches_come_back() {
    let model = Obsolescence {
        cadence: 2.0,
        cadence_variation: 0.3,
        age: 0.0,
        gain: 0.5,
        gain_volatility: 0.2,
        ramp: 0.0,
        pending: 0.0,
        roadmap: Vec::new(),
        excitation: None,
    };
    // Watched on fine dates for 80 years: the date of a launch is the date less its age then, up to rounding.
    let dates: Vec<f64> = (1..=1600).map(|step| f64::from(step) * 0.05).collect();
    let names = [("x", 0.0), ("x.age", 0.0), ("x.generations", 0.0)];
    let paths = simulate(alone(model), &names, &dates, 300, 6);
    let truth = [("cadence", 2.0), ("cadence_variation", 0.3), ("gain", 0.5), ("gain_volatility", 0.2)];
    let fits: Vec<_> = paths
        .iter()
        .map(|path| {
            let [frontier, age, count] = &path[..] else { unreachable!() };
            let (mut years, mut performances, mut seen) = (vec![0.0], vec![1.0], 0.0);
            for step in 1..=dates.len() {
                if count.values()[step] > seen {
                    // Two launches in one step, at distances of 2 ± 0.6 years, do not happen in these paths.
                    assert!(count.values()[step] < seen + 1.5);
                    seen = count.values()[step];
                    years.push(dates[step - 1] - age.values()[step]);
                    performances.push(frontier.values()[step].exp());
                }
            }
            calibrate::obsolescence(&Series::new(years, performances).unwrap(), 80.0, 0.75).unwrap()
        })
        .collect();
    for (path, fit) in fits.iter().take(20).enumerate() {
        assert_recovered(&format!("path {path}"), fit, &truth);
    }
    assert_coverage("launches", &fits, &truth);
    assert!((fits[0].model.ramp - 0.75).abs() < 1e-15 && fits[0].model.age > 0.0);
}

#[test]
fn hashrate_comes_back() {
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
    let span = dates.last().unwrap();
    let paths = simulate(market, &[("btc", 95_000.0), ("hashrate", 900.0)], &dates, 20, 7);
    // The fit tells the cost of the newest date.
    let truth = [
        ("reversion", 2.5),
        ("marginal_cost", 40.0 * (-0.25 * span).exp()),
        ("efficiency_gain", 0.25),
        ("volatility", 0.2),
    ];
    for path in &paths {
        let earnings = path[0].map(|price| 144.0 * 3.225 * price).unwrap();
        let fit = calibrate::network_hashrate(&path[1], &earnings, "btc", reward.clone()).unwrap();
        assert_recovered("hashrate", &fit, &truth);
        assert!((fit.model.lag * fit.parameter("reversion").unwrap().value - 1.0).abs() < 1e-12);
    }
}

#[test]
fn regimes_come_back() {
    use haircut::market::{Regime, Regimes};
    let truth = [
        ("calm.drift", 0.3),
        ("stress.drift", -0.4),
        ("calm.volatility", 0.4),
        ("stress.volatility", 1.0),
        ("calm.mean_years", 0.4),
        ("stress.mean_years", 0.15),
    ];
    let stress = Regime::new("stress").volatility("x", 2.5).drift("x", -0.7);
    for seed in 1..=3 {
        let market = alone(Gbm { initial: 100.0, drift: 0.3, volatility: 0.4 }).dependence(Regimes::pair(
            Regime::new("calm"),
            stress.clone(),
            [0.4, 0.15],
        ));
        let paths = simulate(market, &[("x", 100.0)], &irregular(2500, 250.0), 1, seed);
        let fit = calibrate::regimes(&paths[0][0], "x").unwrap();
        assert_recovered(&format!("seed {seed}"), &fit, &truth);
        assert!(fit.aic() < calibrate::gbm(&paths[0][0]).unwrap().aic());
        // What was fitted is a market that can be simulated.
        let fitted = Market::builder().factor("x", fit.model.price).dependence(fit.model.regimes);
        assert!(fitted.build().is_ok());
    }
}

#[test]
fn a_chain_of_its_own_comes_back() {
    use haircut::market::{PriceRegime, RegimeGbm, Transitions};
    let truth = [
        ("calm.drift", 0.3),
        ("stress.drift", -0.4),
        ("calm.volatility", 0.4),
        ("stress.volatility", 1.0),
        ("calm.mean_years", 0.8),
        ("stress.mean_years", 0.4),
    ];
    let model = RegimeGbm {
        initial: 100.0,
        regimes: vec![PriceRegime { drift: 0.3, volatility: 0.4 }, PriceRegime { drift: -0.4, volatility: 1.0 }],
        transitions: Some(Transitions::MeanYears([0.8, 0.4])),
        initial_regime: None,
        chain: None,
    };
    for seed in 1..=3 {
        // Spells of 200 and 100 dates: a switch within an interval is one in a hundred.
        let paths = simulate(alone(model.clone()), &[("x", 100.0)], &irregular(2500, 250.0), 1, seed);
        let fit = calibrate::regime_gbm(&paths[0][0]).unwrap();
        assert_recovered(&format!("seed {seed}"), &fit, &truth);
        let regimes = calibrate::regimes(&paths[0][0], "x").unwrap().model.regimes;
        assert_eq!(fit.model.initial_regime, regimes.initial);
        assert_eq!(fit.model.transitions, regimes.transitions);
        assert!(alone(fit.model).build().is_ok());
    }
}

#[test]
fn student_t_comes_back() {
    for seed in 1..=6 {
        let prices = student_t_prices(0.6, Some(4.0), 1000, seed);
        let fit = calibrate::student_t(&prices).unwrap();
        assert_recovered(&format!("seed {seed}"), &fit, &[("correlation[0][1]", 0.6), ("degrees_of_freedom", 4.0)]);
        assert!((fit.model.correlation.entry(0, 1).unwrap() - fit.parameters[0].value).abs() < 1e-15);
    }
}

#[test]
fn normal_dependence_is_at_the_edge() {
    let fit = calibrate::student_t(&student_t_prices(0.5, None, 1000, 1)).unwrap();
    let nu = fit.parameter("degrees_of_freedom").unwrap();
    // Either no finite number, or one so large and so uncertain that nobody takes it for fat tails.
    assert!(nu.value > 15.0 && !nu.is_resolved(), "{fit}");
}

#[test]
fn a_short_series_shows() {
    // A year of months of a slow rent: the speed of the return cannot be known, and the fit does not hide it.
    let model = DeflatingRent {
        initial: 3.0,
        deflation: 0.15,
        sensitivity: 0.0,
        adoption: None,
        scarcity: 0.0,
        usual_scarcity: None,
        reversion: 0.5,
        volatility: 0.15,
        deflation_deviation: 0.0,
        jumps: None,
    };
    let dates: Vec<f64> = (1..=12).map(|month| f64::from(month) / 12.0).collect();
    for path in simulate(alone(model), &[("x", 3.0)], &dates, 20, 8) {
        let fit = calibrate::deflating_rent(&path[0]).unwrap();
        let reversion = fit.parameter("reversion").unwrap();
        assert!(!reversion.is_resolved(), "{fit}");
        assert!(fit.to_string().contains("interval wider than the value"));
    }
}

#[test]
fn no_return_is_at_the_edge() {
    // Accelerating prices never come back: the likelihood is highest without a return.
    let years: Vec<f64> = (0..40).map(|month| f64::from(month) / 12.0).collect();
    let values: Vec<f64> =
        (0..40).map(|month| (0.02 * f64::from(month * month) / 40.0 + 0.001 * f64::from(month % 3)).exp()).collect();
    let fit = calibrate::mean_reverting(&Series::new(years, values).unwrap()).unwrap();
    assert_ne!(fit.information, Information::Definite);
    assert!(fit.parameters.iter().all(|parameter| parameter.standard_error == f64::INFINITY));
}

#[test]
fn hopeless_series_are_refused_by_name() {
    let series = |values: &[f64]| {
        Series::new((0..values.len()).map(|day| day as f64 / 365.0).collect::<Vec<_>>(), values).unwrap()
    };
    let field = |error: haircut::Error| error.field().unwrap().to_owned();
    assert_eq!(field(calibrate::gbm(&series(&[1.0, 2.0])).unwrap_err()), "series");
    assert_eq!(field(calibrate::gbm(&series(&[1.0, 2.0, -3.0, 4.0])).unwrap_err()), "series[2].value");
    let constant = series(&[2.0; 80]);
    assert_eq!(field(calibrate::gbm(&constant).unwrap_err()), "series");
    assert_eq!(field(calibrate::merton(&constant).unwrap_err()), "series");
    assert_eq!(field(calibrate::regimes(&constant, "x").unwrap_err()), "series");
    assert_eq!(field(calibrate::deflating_rent(&constant).unwrap_err()), "series");
    assert_eq!(field(calibrate::mean_reverting(&constant).unwrap_err()), "series");
    assert_eq!(field(calibrate::short_rate(&constant).unwrap_err()), "series");
    assert_eq!(field(calibrate::utilisation(&constant).unwrap_err()), "series[0].value");
    assert_eq!(field(calibrate::student_t(&[constant.clone(), constant.clone()]).unwrap_err()), "series");
    assert_eq!(field(calibrate::student_t(&[constant]).unwrap_err()), "series");
    // One price that is the other: no density.
    let prices: Vec<f64> = (0..80).map(|day| 100.0 + f64::from(day % 2) + 0.01 * f64::from(day * day)).collect();
    assert_eq!(field(calibrate::student_t(&[series(&prices), series(&prices)]).unwrap_err()), "correlation");
    let launches = Series::new([0.0, 2.0, 4.0, 6.0], [1.0, 2.0, 3.0, 5.0]).unwrap();
    assert_eq!(field(calibrate::obsolescence(&launches, 7.0, 0.5).unwrap_err()), "series");
    let launches = Series::new([0.0, 2.0, 4.5, 6.0], [1.0, 2.0, 3.0, 5.0]).unwrap();
    assert_eq!(field(calibrate::obsolescence(&launches, 5.0, 0.5).unwrap_err()), "today");
    assert_eq!(field(calibrate::obsolescence(&launches, 7.0, -1.0).unwrap_err()), "ramp");
    assert!(calibrate::obsolescence(&launches, 7.0, 0.5).is_ok());
}

#[test]
fn equal_performances_fit_the_launches_alone() {
    let mut random = <rand::rngs::StdRng as rand::SeedableRng>::seed_from_u64(9);
    let gap = Gamma::new(4.0, 0.5).unwrap();
    let mut years = vec![0.0];
    for launch in 0..100 {
        years.push(years[launch] + gap.sample(&mut random));
    }
    let launches = Series::new(years.clone(), vec![1.0; years.len()]).unwrap();
    let fit = calibrate::obsolescence(&launches, *years.last().unwrap(), 1.0).unwrap();
    assert_recovered("launches", &fit, &[("cadence", 2.0), ("cadence_variation", 0.5)]);
    assert!(fit.model.gain.abs() < 1e-15 && fit.model.gain_volatility.abs() < 1e-15);
}

/// A seeded run of so many cases.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(20_261_121),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(cases(64))]

    /// Whatever is given: an error, or a fit whose numbers are numbers.
    #[test]
    fn any_series_is_fitted_or_refused(
        dates in prop::collection::vec(prop_oneof![-5.0_f64..5.0, prop::num::f64::ANY], 0..70),
        values in prop::collection::vec(prop_oneof![4 => 0.1_f64..10.0, 1 => -1.0_f64..1e9, 1 => prop::num::f64::ANY], 0..70),
        sorted in prop::bool::weighted(0.9),
        clean in prop::bool::weighted(0.8),
    ) {
        let (mut dates, mut values) = (dates, values);
        if clean {
            dates.retain(|date| date.is_finite());
            values.retain(|value| value.is_finite());
        }
        if sorted {
            dates.sort_by(f64::total_cmp);
            dates.dedup();
        }
        if clean {
            let count = dates.len().min(values.len());
            dates.truncate(count);
            values.truncate(count);
        }
        let Ok(series) = Series::new(dates, values) else { return Ok(()) };
        for series in [series.clone(), series.map(|value| value.clamp(0.01, 0.99)).unwrap()] {
            check(calibrate::gbm(&series).ok())?;
            check(calibrate::deflating_rent(&series).ok())?;
            check(calibrate::mean_reverting(&series).ok())?;
            check(calibrate::short_rate(&series).ok())?;
            check(calibrate::utilisation(&series).ok())?;
            check(calibrate::obsolescence(&series, series.years().last().copied().unwrap_or(0.0) + 0.5, 0.5).ok())?;
            check(calibrate::student_t(&[series.clone(), series.clone()]).ok())?;
            let reward = BlockReward { subsidy: 3.125, fees: 0.0, fee_series: None, halvings: Vec::new() };
            check(calibrate::network_hashrate(&series, &series, "btc", reward).ok())?;
        }
    }
}

proptest! {
    #![proptest_config(cases(6))]

    /// The slow ones, on prices in random order.
    #[test]
    fn any_price_is_fitted_or_refused(values in prop::collection::vec(prop_oneof![0.5_f64..2.0, 1e-3_f64..1e3], 62..80)) {
        let years: Vec<f64> = (0..values.len()).map(|day| day as f64 / 365.0).collect();
        let series = Series::new(years, values).unwrap();
        check(calibrate::merton(&series).ok())?;
        check(calibrate::regimes(&series, "x").ok())?;
    }
}

fn check<M>(fit: Option<Fit<M>>) -> Result<(), TestCaseError> {
    if let Some(fit) = fit {
        prop_assert!(fit.parameters.iter().all(|p| p.value.is_finite() && p.standard_error >= 0.0), "{fit}");
        prop_assert!(fit.log_likelihood.is_finite(), "{fit}");
        let definite = fit.information == Information::Definite;
        prop_assert!(!definite || fit.parameters.iter().all(|p| p.standard_error.is_finite()), "{fit}");
    }
    Ok(())
}
