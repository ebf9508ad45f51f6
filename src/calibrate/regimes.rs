//! Calm and wild spells of a price.

use super::fit::Fit;
use super::likelihood::{Likelihood, Scale};
use super::normal_log_density;
use super::series::{Interval, Series};
use crate::market::{Gbm, PriceRegime, Regime, RegimeGbm, Regimes, Transitions};
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// A price and the regimes that modulate it: add both to a market.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegimeMarket {
    /// The price in the calm regime.
    pub price: Gbm,
    /// Regimes `calm` and `stress`, with the volatility multiplier and the drift shift of the price in stress, and
    /// today's probabilities.
    pub regimes: Regimes,
}

/// Fits a price that is calm or in stress: [`Gbm`] modulated by [`Regimes`], by the exact likelihood of Hamilton's
/// filter.
///
/// ```text
/// ln S_i - ln S_{i-1} ~ normal((mu_s - v_s^2 / 2) D_i, v_s^2 D_i),    s the regime at the start of the interval
/// P(s -> other in D) = pi_other (1 - e^(-(q_0 + q_1) D)),    q_s = 1 / mean years of s,    pi_other = q_s / (q_0 + q_1)
/// ```
///
/// on any dates; the first regime has the probabilities of the long run, the last ones are those of the filter and
/// become the model's `initial`. `factor` is the name of the price in the market. Parameters: `drift`, `volatility`,
/// `mean_years` of `calm` and of `stress`, where stress is what has the greater volatility.
///
/// **Limits.** As with every mixture, a regime may shrink onto single observations; each volatility is held above a
/// twentieth of the whole, and the best of several starts is taken. Regimes shorter than the distance of the dates are
/// not seen. With one regime too many the parameters are hardly determined and AIC is as a rule worse than that of
/// [`gbm`](super::gbm); the usual law of the likelihood ratio does not hold then.
///
/// Source: J. D. Hamilton, Econometrica 57 (1989) 357-384, doi:10.2307/1912559.
///
/// # Errors
/// Fewer than 60 prices, a price that is not above zero, or prices that grow without any noise.
pub fn regimes(prices: &Series, factor: &str) -> Result<Fit<RegimeMarket>, Error> {
    check::named("factor", factor)?;
    switching(prices, |p, today| RegimeMarket {
        price: Gbm { initial: prices.last(), drift: p[0], volatility: p[2] },
        regimes: Regimes {
            regimes: vec![
                Regime::new("calm"),
                Regime::new("stress").volatility(factor, p[3] / p[2]).drift(factor, p[1] - p[0]),
            ],
            transitions: Some(Transitions::MeanYears([p[4], p[5]])),
            initial: Some(vec![1.0 - today, today]),
            chain: None,
        },
    })
}

/// Fits [`RegimeGbm`], a price with a chain of its own: the first regime is calm, the second stress.
///
/// The same fit as [`regimes`], with the same parameters. The filter lets a regime last over whole intervals, while
/// this model switches within them too: so spells must be many dates long (months and daily dates); where they are not,
/// [`regimes`] on a grid of the series' own dates is what was fitted.
///
/// # Errors
/// As [`regimes`].
pub fn regime_gbm(prices: &Series) -> Result<Fit<RegimeGbm>, Error> {
    switching(prices, |p, today| RegimeGbm {
        initial: prices.last(),
        regimes: vec![PriceRegime { drift: p[0], volatility: p[2] }, PriceRegime { drift: p[1], volatility: p[3] }],
        transitions: Some(Transitions::MeanYears([p[4], p[5]])),
        initial_regime: Some(vec![1.0 - today, today]),
        chain: None,
    })
}

/// The fit; `build` is given the parameters and today's probability of stress.
fn switching<M>(prices: &Series, build: impl FnOnce(&[f64], f64) -> M) -> Result<Fit<M>, Error> {
    prices.at_least(59)?;
    let changes = prices.logarithms()?.intervals();
    let (mean, variance) = super::growth(&changes)?;
    let (whole, years) = (variance.sqrt(), prices.span());
    let shortest = changes.iter().fold(f64::INFINITY, |shortest, change| shortest.min(change.length));
    let logarithm = |p: &[f64]| {
        let &[calm_drift, stress_drift, calm, stress, calm_years, stress_years] = p else { return f64::NAN };
        let lasting = |mean: f64| mean > 0.3 * shortest && mean < 100.0 * years;
        let moving = |volatility: f64| volatility > 0.05 * whole && volatility < 50.0 * whole;
        if !(lasting(calm_years) && lasting(stress_years) && moving(calm) && moving(stress)) {
            return f64::NAN;
        }
        filter(&changes, [calm_drift, stress_drift], [calm, stress], [calm_years, stress_years]).0
    };
    let parameters = [
        ("calm.drift", Scale::Real),
        ("stress.drift", Scale::Real),
        ("calm.volatility", Scale::Positive),
        ("stress.volatility", Scale::Positive),
        ("calm.mean_years", Scale::Positive),
        ("stress.mean_years", Scale::Positive),
    ];
    let likelihood = Likelihood { parameters: &parameters, logarithm: &logarithm, observations: changes.len() };
    let step = years / changes.len() as f64;
    let start = |lasting: f64| vec![mean, mean, 0.6 * whole, 1.5 * whole, 2.0 * lasting * step, lasting * step];
    let mut near = likelihood.climb(&[start(3.0), start(12.0), start(60.0)], 0.3);
    // Whichever name the search gave to which: calm is the one that moves less.
    if let [.., calm, stress, _, _] = near[..]
        && calm > stress
    {
        for pair in near.chunks_exact_mut(2) {
            pair.swap(0, 1);
        }
    }
    likelihood.fit(&near, |p| {
        let today = filter(&changes, [p[0], p[1]], [p[2], p[3]], [p[4], p[5]]).1;
        build(p, today)
    })
}

/// Log-likelihood, and the probability of the second regime at the end.
fn filter(changes: &[Interval], drifts: [f64; 2], volatilities: [f64; 2], mean_years: [f64; 2]) -> (f64, f64) {
    let rates = mean_years.map(|years| 1.0 / years);
    let total = rates[0] + rates[1];
    let stressed_for_long = rates[0] / total;
    let mut stressed = stressed_for_long;
    let mut sum = 0.0;
    for change in changes {
        let value = change.after - change.before;
        let density = |regime: usize| {
            let variance = volatilities[regime] * volatilities[regime];
            normal_log_density(value - (drifts[regime] - 0.5 * variance) * change.length, variance * change.length)
        };
        let (calm, stress) = (density(0), density(1));
        // Relative to the larger one, so that a change that is far out in both is not lost.
        let top = calm.max(stress);
        let joint = [(1.0 - stressed) * (calm - top).exp(), stressed * (stress - top).exp()];
        let both = joint[0] + joint[1];
        sum += top + both.ln();
        let after = joint[1] / both;
        stressed = stressed_for_long + (after - stressed_for_long) * (-total * change.length).exp();
    }
    (sum, stressed.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    //! Guards: the filter is the sum over all paths of regimes.
    use super::*;

    #[test]
    fn the_filter_is_the_sum_over_all_paths() {
        let change = |length: f64, value: f64| Interval { start: 0.0, end: length, length, before: 0.0, after: value };
        let changes = [change(0.1, 0.05), change(0.02, -0.2), change(0.3, 0.1), change(0.05, 0.0)];
        let (drifts, volatilities, years) = ([0.1, -0.5], [0.4, 1.1], [0.5, 0.2]);
        let (q0, q1) = (1.0 / years[0], 1.0 / years[1]);
        let mut likelihood = 0.0;
        let mut stressed = 0.0;
        // Five regimes: one per interval and the one after the last.
        for path in 0..32_u32 {
            let regime = |at: usize| (path >> at & 1) as usize;
            let mut weight = if regime(0) == 1 { q0 / (q0 + q1) } else { q1 / (q0 + q1) };
            for (at, c) in changes.iter().enumerate() {
                let (v, mu) = (volatilities[regime(at)], drifts[regime(at)]);
                let (mean, variance) = ((mu - 0.5 * v * v) * c.length, v * v * c.length);
                weight *=
                    (-(c.after - mean).powi(2) / (2.0 * variance)).exp() / (std::f64::consts::TAU * variance).sqrt();
                let gone = 1.0 - (-(q0 + q1) * c.length).exp();
                let leave = gone * if regime(at) == 0 { q0 } else { q1 } / (q0 + q1);
                weight *= if regime(at + 1) == regime(at) { 1.0 - leave } else { leave };
            }
            likelihood += weight;
            stressed += weight * f64::from(path >> 4 & 1);
        }
        let (logarithm, today) = filter(&changes, drifts, volatilities, years);
        assert!((logarithm - likelihood.ln()).abs() < 1e-12 && (today - stressed / likelihood).abs() < 1e-12);
    }
}
