//! Which parameters? Series of observations made into models of the market, with their errors.
//!
//! | observed | fit | model |
//! | --- | --- | --- |
//! | prices of a coin | [`gbm`], [`merton`], [`regime_gbm`], [`regimes`] | [`Gbm`], [`Merton`], [`RegimeGbm`], [`Gbm`] with [`Regimes`] |
//! | rents, or another price that comes back to a level or a trend | [`deflating_rent`], [`mean_reverting`] | [`DeflatingRent`] |
//! | a rate, a share | [`short_rate`], [`utilisation`] | [`ShortRate`], [`Utilisation`] |
//! | launches of generations | [`obsolescence`] | [`Obsolescence`] |
//! | hash rate, coin and reward | [`network_hashrate`] | [`NetworkHashrate`] |
//! | several prices together | [`student_t`] | [`StudentTCopula`] |
//! | several prices, as they were | [`bootstrap`] (a history, no fit) | [`Bootstrap`] |
//!
//! Every fit takes [`Series`] with any distances between their dates, uses the exact law of the model over each
//! interval, and gives a [`Fit`]: the model, its parameters with standard errors and intervals, the likelihood, AIC and
//! BIC. What the observations do not determine has an infinite error; an interval wider than the parameter is reported
//! as that ([`Parameter::is_resolved`]). Bad observations are refused by position.
//!
//! This floor prepares parameters and walks no path: it uses the platform's `exp` and `ln`, so the last digits of a fit
//! may differ from machine to machine. Write the parameters down (every model has a form for files) and the simulation
//! has the same bits everywhere.
//!
//! [`Bootstrap`]: crate::market::Bootstrap
//! [`Gbm`]: crate::market::Gbm
//! [`Merton`]: crate::market::Merton
//! [`RegimeGbm`]: crate::market::RegimeGbm
//! [`Regimes`]: crate::market::Regimes
//! [`DeflatingRent`]: crate::market::DeflatingRent
//! [`ShortRate`]: crate::market::ShortRate
//! [`Utilisation`]: crate::market::Utilisation
//! [`Obsolescence`]: crate::market::Obsolescence
//! [`NetworkHashrate`]: crate::market::NetworkHashrate

mod bootstrap;
mod calendar;
mod csv;
mod fit;
mod gbm;
mod launches;
mod likelihood;
mod merton;
mod network_hashrate;
mod regimes;
mod reversion;
mod reverting;
mod series;
mod simplex;
mod student_t;

pub use bootstrap::{bootstrap, history, mean_block};
pub use calendar::years_of;
pub use fit::{Fit, Information, Parameter};
pub use gbm::gbm;
pub use launches::obsolescence;
pub use merton::merton;
pub use network_hashrate::network_hashrate;
pub use regimes::{RegimeMarket, regime_gbm, regimes};
pub use reverting::{deflating_rent, mean_reverting, short_rate, utilisation};
pub use series::Series;
pub use student_t::{StudentTCopula, student_t};

use crate::Error;
use series::Interval;

/// Mean and variance per year of changes whose variance grows with the length of the interval (the closed-form fit of a
/// Brownian motion), or an error where there is no noise or more than any model allows.
fn growth(changes: &[Interval]) -> Result<(f64, f64), Error> {
    let years: f64 = changes.iter().map(|change| change.length).sum();
    let mean = changes.iter().map(|change| change.after - change.before).sum::<f64>() / years;
    let rest = |change: &Interval| change.after - change.before - mean * change.length;
    let variance = changes.iter().map(|c| rest(c) * rest(c) / c.length).sum::<f64>() / changes.len() as f64;
    // What rounding of the values alone can look like.
    let size = changes.iter().fold(0.0_f64, |size, change| size.max(change.before.abs()).max(change.after.abs()));
    let rounding = changes.iter().map(|c| (4.0 * f64::EPSILON * size).powi(2) / c.length).sum::<f64>();
    // The range of every volatility of the market, and of every drift, with room for what jumps and regimes add.
    if !(variance <= 100.0 && mean.abs() <= 1000.0) {
        let expected = "must have a volatility of at most 10 (1000 %) per root of a year; dates are in years";
        return Err(Error::invalid("series", format!("volatility {}", variance.sqrt()), expected));
    }
    if variance > rounding / changes.len() as f64 {
        Ok((mean, variance))
    } else {
        Err(Error::invalid("series", format!("variance {variance} per year"), "must vary: there is no noise to fit"))
    }
}

/// Logarithm of the normal density at a distance from the mean.
fn normal_log_density(distance: f64, variance: f64) -> f64 {
    -0.5 * (distance * distance / variance + (std::f64::consts::TAU * variance).ln())
}
