//! Rents, rates and shares that come back to a level or a trend.

use super::fit::Fit;
use super::likelihood::Scale;
use super::reversion::{Reversion, Row};
use super::series::{Interval, Series};
use crate::market::{DeflatingRent, ShortRate, Utilisation};
use crate::{Error, check};

/// Fits [`DeflatingRent`] to rents, or to another price that comes back to a trend: the exact likelihood of a trend
/// with a mean-reverting scarcity about it.
///
/// ```text
/// ln R_i = a - delta t_i + x_i,    x_i = e^(-k D_i) x_{i-1} + v sqrt((1 - e^(-2 k D_i)) / (2 k)) Z_i
/// ```
///
/// given the first rent, with `t` counted from the newest one. Parameters: `reversion` (k), `deflation` (delta),
/// `scarcity` (how far the newest rent stands above the trend, `ln R_n - a`) and `volatility` (v). Adoption is not
/// observed: `sensitivity` is 0, and the trend holds all of the decline.
///
/// **Limits.** Trend and slow reversion look alike over few years. Estimates of `k` lean upwards by about `4 / T` over
/// `T` years (C. Y. Tang, S. X. Chen, J. Econometrics 149 (2009) 65-81, doi:10.1016/j.jeconom.2008.11.001, for a level;
/// more with a trend): use series of many half-lives, or a range. The likelihood is searched from half-lives of two
/// spans of the series; where it is highest at that edge, or flat, the fit says so and has no errors: the trend is not
/// told apart from the return, and
/// [`mean_reverting`] or [`gbm`](super::gbm) is the model to use.
///
/// # Errors
/// Fewer than six rents, one that is not above zero, or rents that do not vary about a trend.
pub fn deflating_rent(rents: &Series) -> Result<Fit<DeflatingRent>, Error> {
    rents.at_least(5)?;
    let logarithms = rents.logarithms()?;
    let (newest, today) = (logarithms.last(), rents.years().last().copied().unwrap_or(f64::NAN));
    let row = |change: &Interval, speed: f64| {
        let decay = (-speed * change.length).exp();
        // Of the distances from the newest rent, so that the coefficients are scarcity and deflation themselves.
        let response = (change.after - newest) - decay * (change.before - newest);
        let line = [decay - 1.0, -((change.end - today) - decay * (change.start - today))];
        Row { response, line }
    };
    let names = [("scarcity", Scale::Real), ("deflation", Scale::Real)];
    Reversion { changes: &logarithms.intervals(), row: &row, names }.fit(
        |reversion, [scarcity, deflation], volatility| DeflatingRent {
            initial: rents.last(),
            deflation,
            sensitivity: 0.0,
            adoption: None,
            scarcity,
            usual_scarcity: None,
            reversion,
            volatility,
            deflation_deviation: 0.0,
            jumps: None,
        },
    )
}

/// Fits [`DeflatingRent`] without a trend, that is a log-OU price (Schwartz's first model), to prices that come back to
/// a level.
///
/// ```text
/// ln R_i = a + x_i,    x_i = e^(-k D_i) x_{i-1} + v sqrt((1 - e^(-2 k D_i)) / (2 k)) Z_i
/// ```
///
/// Parameters: `reversion`, `scarcity` (`ln R_n - a`), `volatility`. The likelihood is of the same changes as that of
/// [`deflating_rent`] and [`gbm`](super::gbm), so their AIC and BIC say whether there is a trend, and whether there is a return.
///
/// # Errors
/// Fewer than five prices, one that is not above zero, or prices that do not vary.
pub fn mean_reverting(prices: &Series) -> Result<Fit<DeflatingRent>, Error> {
    prices.at_least(4)?;
    let logarithms = prices.logarithms()?;
    let newest = logarithms.last();
    levels(&logarithms.map(|value| newest - value)?, ("scarcity", Scale::Real), |reversion, scarcity, volatility| {
        DeflatingRent {
            initial: prices.last(),
            deflation: 0.0,
            sensitivity: 0.0,
            adoption: None,
            scarcity,
            usual_scarcity: None,
            reversion,
            volatility,
            deflation_deviation: 0.0,
            jumps: None,
        }
    })
}

/// Fits [`ShortRate`] (Vasicek) to a rate: 0.05 is 5 %.
///
/// Parameters: `reversion`, `mean`, `volatility`; the likelihood is that of the rate given its first value.
///
/// # Errors
/// Fewer than five rates, or rates that do not vary.
pub fn short_rate(rates: &Series) -> Result<Fit<ShortRate>, Error> {
    rates.at_least(4)?;
    levels(rates, ("mean", Scale::Real), |reversion, mean, volatility| ShortRate {
        initial: rates.last(),
        mean,
        reversion,
        volatility,
    })
}

/// Fits [`Utilisation`] to shares strictly between 0 and 1: an OU process of `ln(u / (1 - u))`.
///
/// Parameters: `reversion`, `usual`, `volatility`.
///
/// # Errors
/// Fewer than five shares, one outside of (0, 1), or shares that do not vary.
pub fn utilisation(shares: &Series) -> Result<Fit<Utilisation>, Error> {
    shares.at_least(4)?;
    for (position, share) in shares.values().iter().enumerate() {
        check::strictly_within(&format!("series[{position}].value"), *share, 0.0, 1.0)?;
    }
    let logits = shares.map(|share| (share / (1.0 - share)).ln())?;
    levels(&logits, ("usual", Scale::Share), |reversion, usual, volatility| Utilisation {
        initial: shares.last(),
        usual,
        reversion,
        volatility,
        demand: None,
    })
}

/// An OU process about a level.
fn levels<M>(
    values: &Series,
    name: (&'static str, Scale),
    build: impl FnOnce(f64, f64, f64) -> M,
) -> Result<Fit<M>, Error> {
    let changes = values.intervals();
    super::growth(&changes)?;
    let row = |change: &Interval, speed: f64| {
        let decay = (-speed * change.length).exp();
        Row { response: change.after - decay * change.before, line: [-(-speed * change.length).exp_m1()] }
    };
    Reversion { changes: &changes, row: &row, names: [name] }
        .fit(|reversion, [level], volatility| build(reversion, level, volatility))
}
