//! Series simulated with the crate's own factors, to be fitted, and what a fit of them must be.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::collect::Collect;
use haircut::Simulation;
use haircut::calibrate::{Fit, Information, Series};
use haircut::credit::Book;
use haircut::market::{Market, MarketBuilder};
use haircut::numeric::TimeGrid;
use rand_distr::{ChiSquared, Distribution, StandardNormal};

/// Dates at irregular distances: `per_year` of them a year on average, each between half and one and a half times as far.
pub(crate) fn irregular(steps: usize, per_year: f64) -> Vec<f64> {
    let mut date = 0.0;
    (0..steps)
        .map(|step| {
            // A fixed irregular pattern; 0.618.. spreads evenly over (0, 1).
            date += (0.5 + (step as f64 * 0.618_033_988_749_894_8).fract()) / per_year;
            date
        })
        .collect()
}

/// Simulated series of several factors, path by path: `[path][factor]`.
pub(crate) fn simulate(
    market: MarketBuilder,
    names: &[(&str, f64)],
    dates: &[f64],
    paths: u64,
    seed: u64,
) -> Vec<Vec<Series>> {
    let steps: Vec<usize> = (0..=dates.len()).collect();
    let series: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
    let seen = Simulation::new(market.build().unwrap(), Book::default())
        .grid(TimeGrid::new(dates).unwrap())
        .paths(paths)
        .seed(seed)
        .run(Collect::new(&series, &steps[1..]))
        .unwrap();
    let years: Vec<f64> = std::iter::once(0.0).chain(dates.iter().copied()).collect();
    (0..paths as usize)
        .map(|path| {
            let values = |name: &str, initial: f64| -> Vec<f64> {
                let after = steps[1..].iter().map(|step| seen.of(name, *step)[path]);
                std::iter::once(initial).chain(after).collect()
            };
            names.iter().map(|(name, at)| Series::new(years.clone(), values(name, *at)).unwrap()).collect()
        })
        .collect()
}

pub(crate) fn alone(factor: impl haircut::market::Factor + 'static) -> MarketBuilder {
    Market::builder().factor("x", factor)
}

/// Every parameter within four standard errors of what was simulated, on the scale on which its interval is made.
pub(crate) fn assert_recovered<M>(what: &str, fit: &Fit<M>, truth: &[(&str, f64)]) {
    assert_eq!(fit.information, Information::Definite, "{what}\n{fit}");
    assert_eq!(fit.parameters.len(), truth.len());
    for (name, expected) in truth {
        let parameter = fit.parameter(name).unwrap();
        // The interval reaches 1.96 standard errors to either side, further on the longer side of a skewed one.
        let reach = if *expected > parameter.value {
            (expected - parameter.value) / (parameter.upper - parameter.value)
        } else {
            (parameter.value - expected) / (parameter.value - parameter.lower)
        };
        assert!(reach * 1.96 <= 4.0, "{what}: {parameter}, simulated with {expected}");
    }
}

/// 95 % intervals cover within five standard errors of the binomial law.
pub(crate) fn assert_coverage<M>(what: &str, fits: &[Fit<M>], truth: &[(&str, f64)]) {
    for (name, expected) in truth {
        let covers = |fit: &Fit<M>| {
            let parameter = fit.parameter(name).unwrap();
            parameter.lower <= *expected && *expected <= parameter.upper
        };
        let share = fits.iter().filter(|fit| covers(fit)).count() as f64 / fits.len() as f64;
        let bound = 5.0 * (0.95 * 0.05 / fits.len() as f64).sqrt();
        assert!((share - 0.95).abs() <= bound, "{what}, {name}: covered {share}, allowed 0.95 ± {bound}");
    }
}

/// Prices whose changes have the t dependence with normal, gamma-mixed drivers.
pub(crate) fn student_t_prices(rho: f64, degrees_of_freedom: Option<f64>, count: usize, seed: u64) -> [Series; 2] {
    let mut random = <rand::rngs::StdRng as rand::SeedableRng>::seed_from_u64(seed);
    let (mut a, mut b) = (vec![100.0], vec![50.0]);
    for step in 0..count {
        let (x, y): (f64, f64) = (StandardNormal.sample(&mut random), StandardNormal.sample(&mut random));
        let scale = degrees_of_freedom.map_or(1.0, |nu| (nu / ChiSquared::new(nu).unwrap().sample(&mut random)).sqrt());
        let (x, y) = (scale * x, scale * (rho * x + (1.0 - rho * rho).sqrt() * y));
        a.push(a[step] * (0.01 * x).exp());
        // Another margin: the dependence does not see it.
        b.push(b[step] * (0.02 * y.sinh().clamp(-20.0, 20.0)).exp());
    }
    let years: Vec<f64> = (0..=count).map(|step| step as f64 / 250.0).collect();
    [a, b].map(|values| Series::new(years.clone(), values).unwrap())
}
