//! Generations of hardware from their launch dates.

use super::fit::Fit;
use super::likelihood::{Likelihood, Scale};
use super::normal_log_density;
use super::series::Series;
use crate::market::Obsolescence;
use crate::{Error, check};
use statrs::function::gamma::{checked_gamma_ur, ln_gamma};

/// Fits [`Obsolescence`] to launches: their dates, and the performance per dollar (or per watt) of each generation in
/// any unit.
///
/// ```text
/// ln L = sum_i ln f(g_i) + ln P(gap > age) + sum_i ln phi(ln(P_i / P_{i-1}); g, s)
/// f the gamma density of mean tau and coefficient of variation c
/// ```
///
/// `today` is the date to which no further launch has come: the last gap is not over, and counts as longer than `age`,
/// the years from the newest launch to `today`. Leaving it out would make the cadence too short. `ramp` (years from
/// launch to supply) is not seen in launch dates and is passed on. Parameters: `cadence`, `cadence_variation`, and,
/// unless all performances are equal, `gain` and `gain_volatility`.
///
/// **Limits.** Launches are few: five gaps give the cadence within about a fifth and say little of its variation, which
/// comes out low by a factor of about `sqrt(1 - 1 / gaps)`.
///
/// # Errors
/// Fewer than four launches, a performance that is not above zero, gaps or gains that are all equal, a ramp out of
/// range, or a `today` before the newest launch.
pub fn obsolescence(launches: &Series, today: f64, ramp: f64) -> Result<Fit<Obsolescence>, Error> {
    launches.at_least(3)?;
    check::within("ramp", ramp, 0.0, 100.0)?;
    check::finite("today", today)?;
    let age = today - launches.years().last().copied().unwrap_or(f64::NAN);
    if age.is_nan() || age < 0.0 {
        return Err(Error::invalid("today", today, "must not be before the newest launch"));
    }
    let intervals = launches.logarithms()?.intervals();
    let gaps: Vec<f64> = intervals.iter().map(|interval| interval.length).collect();
    let gains: Vec<f64> = intervals.iter().map(|interval| interval.after - interval.before).collect();
    let gained = gains.iter().any(|gain| *gain != 0.0);
    let (cadence, spread) = mean_and_deviation(&gaps);
    let (gain, gain_spread) = mean_and_deviation(&gains);
    if !(0.01..=1000.0).contains(&cadence) {
        let expected = "must have gaps of 0.01 to 1000 years on average; dates are in years";
        return Err(Error::invalid("series", format!("gaps of {cadence} years"), expected));
    }
    if spread < 0.01 * cadence {
        let expected = "must differ: launches like a clock have cadence_variation = 0 and need no fit";
        return Err(Error::invalid("series", format!("gaps of {cadence} years each"), expected));
    }
    if gained && gain_spread < 1e-12 * gain.abs() {
        let expected = "must differ, or be zero: for equal gains fit the launches with equal performances";
        return Err(Error::invalid("series", format!("gains of {gain} each"), expected));
    }
    let logarithm = |p: &[f64]| {
        let gaps = renewal(&gaps, age, p[0], p[1]);
        match p {
            [_, _, gain, deviation] => {
                gaps + gains.iter().map(|g| normal_log_density(g - gain, deviation * deviation)).sum::<f64>()
            }
            _ => gaps,
        }
    };
    let parameters = [
        ("cadence", Scale::Positive),
        ("cadence_variation", Scale::Positive),
        ("gain", Scale::Real),
        ("gain_volatility", Scale::Positive),
    ];
    let used = if gained { 4 } else { 2 };
    let likelihood = Likelihood { parameters: &parameters[..used], logarithm: &logarithm, observations: gaps.len() };
    let start = [cadence.max(0.5 * age), (spread / cadence).max(0.05), gain, gain_spread];
    let near = likelihood.climb(&[start[..used].to_vec()], 0.2);
    likelihood.fit(&near, |p| Obsolescence {
        cadence: p[0],
        cadence_variation: p[1],
        age,
        gain: p.get(2).copied().unwrap_or(0.0),
        gain_volatility: p.get(3).copied().unwrap_or(0.0),
        ramp,
        pending: 0.0,
        roadmap: Vec::new(),
        excitation: None,
    })
}

/// Log-likelihood of gaps and of a last one that is longer than `age`.
fn renewal(gaps: &[f64], age: f64, cadence: f64, variation: f64) -> f64 {
    if !(0.01..4.0).contains(&variation) || !(0.001..10_000.0).contains(&cadence) {
        return f64::NAN;
    }
    let shape = 1.0 / (variation * variation);
    let scale = cadence / shape;
    let constant = -ln_gamma(shape) - shape * scale.ln();
    let complete: f64 = gaps.iter().map(|gap| (shape - 1.0) * gap.ln() - gap / scale + constant).sum();
    let censored = if age > 0.0 { checked_gamma_ur(shape, age / scale).map_or(f64::NAN, f64::ln) } else { 0.0 };
    complete + censored
}

fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / count;
    (mean, variance.sqrt())
}

#[cfg(test)]
mod tests {
    //! Guards: the likelihood by hand.
    use super::*;

    #[test]
    fn the_likelihood_by_hand() {
        // A Poisson process of rate 1/2: -ln 2 - g / 2 for each gap, -age / 2 for the open one.
        let value = renewal(&[1.0, 3.0, 2.5], 1.5, 2.0, 1.0);
        assert!((value - (-3.0 * 2.0_f64.ln() - 0.5 * 8.0)).abs() < 1e-12, "{value}");
        // Erlang of shape 4 and scale 1/2: g^3 e^(-2 g) 16 / 6; beyond x, e^(-2 x) (1 + 2 x + 2 x^2 + 4 x^3 / 3).
        let value = renewal(&[1.0, 3.0], 0.5, 2.0, 0.5);
        let density = |g: f64| 3.0 * g.ln() - 2.0 * g + (16.0_f64 / 6.0).ln();
        let beyond = -1.0 + (1.0 + 1.0 + 0.5 + 4.0 / 24.0_f64).ln();
        assert!((value - (density(1.0) + density(3.0) + beyond)).abs() < 1e-12, "{value}");
    }
}
