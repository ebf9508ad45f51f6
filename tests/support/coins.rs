//! Coins to test with, and option values with their errors.
//!
//! A mean alone would pass with price and variance driven by unrelated normals, or with jumps of the wrong sign: options at
//! several strikes see skewness and tails.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::collect::{Collect, Collected, map};
use haircut::Simulation;
use haircut::credit::Book;
use haircut::market::{Bates, Factor, Heston, Kou, Market, MarketBuilder, PriceRegime, RegimeGbm, Svcj, Transitions};
use haircut::numeric::TimeGrid;

pub(crate) const PATHS: u64 = 1 << 20;

pub(crate) fn collect(market: MarketBuilder, grid: TimeGrid, series: &[&str], steps: &[usize]) -> Collected {
    let market = market.build().unwrap();
    Simulation::new(market, Book::default()).grid(grid).paths(PATHS).seed(11).run(Collect::new(series, steps)).unwrap()
}

pub(crate) fn alone(factor: impl Factor + 'static) -> MarketBuilder {
    Market::builder().factor("x", factor)
}

/// This many equal steps up to `years`.
pub(crate) fn equal(steps: u32, years: f64) -> TimeGrid {
    TimeGrid::new((1..=steps).map(|step| f64::from(step) * years / f64::from(steps)).collect::<Vec<_>>()).unwrap()
}

/// Values at `years` on a grid of two unequal steps and on one of eleven.
pub(crate) fn at_two_step_sizes(
    market: &dyn Fn() -> MarketBuilder,
    years: f64,
    series: &[&str],
) -> Vec<(String, Vec<Vec<f64>>)> {
    let grids = [TimeGrid::new([0.4 * years, years]).unwrap(), equal(11, years)];
    let seen = grids.map(|grid| {
        let steps = grid.steps();
        let seen = collect(market(), grid, series, &[steps]);
        (format!("{steps} steps"), series.iter().map(|name| seen.of(name, steps).to_vec()).collect())
    });
    seen.into()
}

pub(crate) fn mean_and_deviation(sample: &[f64]) -> (f64, f64) {
    let count = sample.len() as f64;
    let mean = sample.iter().sum::<f64>() / count;
    (mean, (sample.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count).sqrt())
}

/// A simulated value against an exact one: five of its standard errors and, for a scheme that discretises, a stated bias.
pub(crate) fn assert_value(what: &str, sample: &[f64], exact: f64, bias: f64) {
    let (mean, deviation) = mean_and_deviation(sample);
    let bound = 5.0 * deviation / (sample.len() as f64).sqrt() + bias;
    assert!((mean - exact).abs() <= bound, "{what}: {mean} against {exact}, allowed {bound} of which {bias} is bias");
}

#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Call,
    Put,
}

use Kind::{Call, Put};

/// A simulated option value against an exact one. The price, whose mean the models keep exactly, takes its share of the error.
pub(crate) fn assert_option(what: &str, prices: &[f64], forward: f64, payoffs: &[f64], exact: f64, bias: f64) {
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
pub(crate) fn payoffs(kind: Kind, strike: f64, discount: f64, prices: &[f64]) -> Vec<f64> {
    let sign = match kind {
        Call => 1.0,
        Put => -1.0,
    };
    map(prices, |price| discount * (sign * (price - strike)).max(0.0))
}

pub(crate) fn kou() -> Kou {
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

pub(crate) fn heston() -> Heston {
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
pub(crate) fn printed(
    [variance, reversion, mean_variance, volatility_of_variance, correlation]: [f64; 5],
    initial: f64,
    drift: f64,
) -> Heston {
    Heston { initial, drift, variance, mean_variance, reversion, volatility_of_variance, correlation }
}

pub(crate) fn bates(heston: &Heston, jumps_per_year: f64, jump_mean: f64, jump_volatility: f64) -> Bates {
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

pub(crate) fn svcj() -> Svcj {
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

pub(crate) fn regime_gbm(mean_years: [f64; 2], initial_regime: Option<Vec<f64>>) -> RegimeGbm {
    RegimeGbm {
        initial: 1.0,
        regimes: vec![PriceRegime { drift: 0.05, volatility: 0.15 }, PriceRegime { drift: 0.05, volatility: 0.25 }],
        transitions: Some(Transitions::MeanYears(mean_years)),
        initial_regime,
        chain: None,
    }
}
