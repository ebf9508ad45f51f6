//! How miners answer to what they earn.

use super::fit::Fit;
use super::likelihood::Scale;
use super::reversion::{Reversion, Row};
use super::series::{Interval, Series};
use crate::market::{BlockReward, NetworkHashrate};
use crate::{Error, check};

/// Fits [`NetworkHashrate`] to a network's hash rate [EH/s] and to what its miners earn [USD per day, subsidy and
/// fees].
///
/// ```text
/// ln H_i = e^(-k D_i) ln H_{i-1} + (1 - e^(-k D_i)) ln H*_i + v sqrt((1 - e^(-2 k D_i)) / (2 k)) Z_i
/// ln H*_i = ln(earnings_i / 1000) - ln c_0 + g t_i,    t counted from the newest date
/// ```
///
/// on the dates that both series have. Parameters: `reversion` (k, which the model has as `elasticity` 1 over `lag`),
/// `marginal_cost` (c_0, USD per PH/s per day, today), `efficiency_gain` (g) and `volatility`. `coin` and `reward` are
/// passed on to the model.
///
/// **Limits.** Daily hash rates are estimated from few blocks and their noise looks like a fast return: use weekly or
/// monthly means.
///
/// # Errors
/// Fewer than seven common dates, a value that is not above zero, or a hash rate that does not vary about its target.
pub fn network_hashrate(
    hashrate: &Series,
    earnings: &Series,
    coin: &str,
    reward: BlockReward,
) -> Result<Fit<NetworkHashrate>, Error> {
    check::named("coin", coin)?;
    let (years, values) = Series::aligned(&[
        hashrate.logarithms().map_err(|error| error.within("hashrate"))?,
        earnings.logarithms().map_err(|error| error.within("earnings"))?,
    ]);
    let [rates, paid] = &values[..] else { return Err(Error::invalid("series", 0, "must be two")) };
    let rates = Series::new(years.clone(), rates.clone())?;
    rates.at_least(6)?;
    let today = years.last().copied().unwrap_or(f64::NAN);
    let target = |date: f64| {
        let position = years.partition_point(|year| *year < date).min(paid.len() - 1);
        paid[position] - 1000.0_f64.ln()
    };
    let row = |change: &Interval, speed: f64| {
        let pulled = -(-speed * change.length).exp_m1();
        let response = change.after - (1.0 - pulled) * change.before - pulled * target(change.end);
        Row { response, line: [-pulled, pulled * (change.end - today)] }
    };
    let names = [("marginal_cost", Scale::Positive), ("efficiency_gain", Scale::Real)];
    Reversion { changes: &rates.intervals(), row: &row, names }.fit(
        |reversion, [marginal_cost, efficiency_gain], volatility| NetworkHashrate {
            initial: rates.last().exp(),
            elasticity: 1.0,
            lag: 1.0 / reversion,
            volatility,
            coin: coin.to_owned(),
            marginal_cost,
            efficiency_gain,
            reward,
        },
    )
}
