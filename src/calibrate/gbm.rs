//! Geometric Brownian motion from prices: the fit in closed form.

use super::fit::Fit;
use super::likelihood::{Likelihood, Scale};
use super::normal_log_density;
use super::series::Series;
use crate::Error;
use crate::market::Gbm;

/// Fits [`Gbm`] to prices.
///
/// ```text
/// r_i = ln S_i - ln S_{i-1} ~ normal((mu - v^2 / 2) D_i, v^2 D_i)
/// m = sum r_i / sum D_i,    v^2 = (1 / n) sum (r_i - m D_i)^2 / D_i,    mu = m + v^2 / 2
/// ```
///
/// Exact on irregular dates. The drift is known only to about `v / sqrt(T)` over `T` years, however dense the dates
/// are. Parameters: `drift`, `volatility`.
///
/// ```
/// use haircut::calibrate::{self, Series};
/// let price = Series::dated([("2024-01", 100.0), ("2024-02", 110.0), ("2024-04", 95.0), ("2024-05", 105.0)])?;
/// let fit = calibrate::gbm(&price)?;
/// assert!((fit.model.volatility - 0.343).abs() < 0.001);
/// assert!(!fit.parameter("drift").unwrap().is_resolved(), "three months say nothing about the drift");
/// # Ok::<(), haircut::Error>(())
/// ```
///
/// # Errors
/// Fewer than three prices, a price that is not above zero, or prices that grow without any noise.
pub fn gbm(prices: &Series) -> Result<Fit<Gbm>, Error> {
    prices.at_least(2)?;
    let changes = prices.logarithms()?.intervals();
    let (mean, variance) = super::growth(&changes)?;
    let logarithm = |p: &[f64]| {
        let (drift, volatility) = (p[0], p[1]);
        let variance = volatility * volatility;
        changes
            .iter()
            .map(|c| normal_log_density(c.after - c.before - (drift - 0.5 * variance) * c.length, variance * c.length))
            .sum()
    };
    let parameters = [("drift", Scale::Real), ("volatility", Scale::Positive)];
    let likelihood = Likelihood { parameters: &parameters, logarithm: &logarithm, observations: changes.len() };
    likelihood.fit(&[mean + 0.5 * variance, variance.sqrt()], |p| Gbm {
        initial: prices.last(),
        drift: p[0],
        volatility: p[1],
    })
}
