//! Merton's jump diffusion from prices.

use super::fit::Fit;
use super::likelihood::{Likelihood, Scale};
use super::series::{Interval, Series};
use crate::Error;
use crate::market::Merton;
use std::f64::consts::TAU;

/// Fits [`Merton`] to prices: the largest likelihood of a mixture of Poisson-many normals.
///
/// ```text
/// p(r | D) = sum_n e^(-lambda D) (lambda D)^n / n!  phi(r; (mu - lambda kappa - v^2 / 2) D + n m, v^2 D + n s^2)
/// ```
///
/// Exact on irregular dates; terms are summed until what is left of the Poisson law is below 1e-14. Parameters:
/// `drift`, `volatility`, `jumps_per_year`, `jump_mean`, `jump_volatility`.
///
/// **Limits.** The likelihood of such a mixture is unbounded where the diffusion shrinks onto one observation (N. M.
/// Kiefer, Econometrica 46 (1978) 427-434, doi:10.2307/1913910), so `v` is held above a twentieth of the whole
/// volatility, and the best of several starts is taken: jumps taken to be what lies beyond 2.5, 3.5 or 5 robust
/// deviations. Without jumps in the prices, intensity and sizes are not determined, and the fit says so.
///
/// # Errors
/// Fewer than 30 prices, a price that is not above zero, or prices that grow without any noise.
pub fn merton(prices: &Series) -> Result<Fit<Merton>, Error> {
    prices.at_least(29)?;
    let changes = prices.logarithms()?.intervals();
    let (mean, variance) = super::growth(&changes)?;
    let (whole, years) = (variance.sqrt(), prices.span());
    let longest = changes.iter().fold(0.0_f64, |longest, change| longest.max(change.length));
    let logarithm = |p: &[f64]| {
        let &[drift, volatility, intensity, jump_mean, jump_volatility] = p else { return f64::NAN };
        let within = volatility > 0.05 * whole
            && volatility < 10.0
            && intensity > 0.01 / years
            && intensity < 1000.0
            && intensity * longest < 100.0
            && jump_mean.abs() < 10.0
            && jump_volatility > 1e-4 * whole
            && jump_volatility < 10.0;
        if !within {
            return f64::NAN;
        }
        log_likelihood(&changes, drift, volatility, intensity, jump_mean, jump_volatility)
    };
    let parameters = [
        ("drift", Scale::Real),
        ("volatility", Scale::Positive),
        ("jumps_per_year", Scale::Positive),
        ("jump_mean", Scale::Real),
        ("jump_volatility", Scale::Positive),
    ];
    let likelihood = Likelihood { parameters: &parameters, logarithm: &logarithm, observations: changes.len() };
    let starts = [2.5, 3.5, 5.0].map(|threshold| start(&changes, mean, variance, years, threshold));
    let near = likelihood.climb(&starts, 0.2);
    likelihood.fit(&near, |p| Merton {
        initial: prices.last(),
        drift: p[0],
        volatility: p[1],
        jumps_per_year: p[2],
        jump_mean: p[3],
        jump_volatility: p[4],
    })
}

/// Jumps taken to be the changes beyond so many robust deviations.
fn start(changes: &[Interval], mean: f64, variance: f64, years: f64, threshold: f64) -> Vec<f64> {
    let standard: Vec<f64> = changes.iter().map(|c| (c.after - c.before - mean * c.length) / c.length.sqrt()).collect();
    let mut sizes: Vec<f64> = standard.iter().map(|z| z.abs()).collect();
    sizes.sort_by(f64::total_cmp);
    // 0.6745 is the upper quartile of a normal; where half of the prices stand still, the whole volatility will do.
    let robust = sizes[sizes.len() / 2] / 0.6745;
    let robust = if robust > 0.1 * variance.sqrt() { robust } else { variance.sqrt() };
    let (mut jumps, mut calm) = (Vec::new(), Vec::new());
    for (change, z) in changes.iter().zip(standard) {
        if z.abs() > threshold * robust { jumps.push(change.after - change.before) } else { calm.push(z) }
    }
    let square = |values: &[f64]| values.iter().map(|x| x * x).sum::<f64>() / values.len().max(1) as f64;
    let volatility = square(&calm).sqrt().max(0.2 * variance.sqrt());
    let jump_mean = jumps.iter().sum::<f64>() / jumps.len().max(1) as f64;
    let spread = (square(&jumps) - jump_mean * jump_mean).max(0.0).sqrt();
    let step = (variance * years / changes.len() as f64).sqrt();
    let jump_volatility = if jumps.len() > 1 && spread > 0.1 * step { spread } else { 2.0 * step };
    let intensity = (jumps.len().max(1) as f64 / years).min(500.0);
    vec![mean + 0.5 * variance, volatility, intensity, jump_mean, jump_volatility]
}

/// The law of a change over one length: weight over the root of 2 pi variance, mean, and half the inverse of the
/// variance, by number of jumps.
fn mixture(
    length: f64,
    drift: f64,
    volatility: f64,
    intensity: f64,
    mean: f64,
    deviation: f64,
    terms: &mut Vec<[f64; 3]>,
) {
    let compensation = intensity * (mean + 0.5 * deviation * deviation).exp_m1();
    let growth = (drift - compensation - 0.5 * volatility * volatility) * length;
    let expected = intensity * length;
    let mut weight = (-expected).exp();
    let mut left = 1.0 - weight;
    terms.clear();
    let mut count = 0.0_f64;
    loop {
        let variance = volatility * volatility * length + count * deviation * deviation;
        terms.push([weight / (TAU * variance).sqrt(), growth + count * mean, 0.5 / variance]);
        count += 1.0;
        weight *= expected / count;
        // Beyond the mean the rest is less than a geometric series; 1000 terms are more than a mean of 100 can want.
        if (left < 1e-14 || weight < 1e-16) && count > expected || count > 1000.0 {
            return;
        }
        left -= weight;
    }
}

fn log_likelihood(
    changes: &[Interval],
    drift: f64,
    volatility: f64,
    intensity: f64,
    jump_mean: f64,
    jump_volatility: f64,
) -> f64 {
    let mut terms = Vec::new();
    let mut length = f64::NAN;
    let mut sum = 0.0;
    for change in changes {
        // Dates at equal distances, rounded: the law of the same length is made once.
        if (change.length / length - 1.0).is_nan() || (change.length / length - 1.0).abs() > 1e-9 {
            length = change.length;
            mixture(length, drift, volatility, intensity, jump_mean, jump_volatility, &mut terms);
        }
        let value = change.after - change.before;
        let density: f64 = terms
            .iter()
            .map(|&[weight, mean, precision]| weight * (-(value - mean) * (value - mean) * precision).exp())
            .sum();
        // A change that no term can explain is told apart from one that nothing can: far out, the logarithm is that of
        // the widest term.
        sum += if density > 1e-290 {
            density.ln()
        } else {
            terms
                .iter()
                .map(|&[weight, mean, precision]| {
                    weight.max(f64::MIN_POSITIVE).ln() - (value - mean) * (value - mean) * precision
                })
                .fold(f64::NEG_INFINITY, f64::max)
        };
    }
    sum
}

#[cfg(test)]
mod tests {
    //! Guards: the density is Merton's, by hand and by its integral.
    use super::*;

    fn change(length: f64, value: f64) -> Interval {
        Interval { start: 0.0, end: length, length, before: 0.0, after: value }
    }

    #[test]
    fn the_density_by_hand() {
        // 50-digit arithmetic (mpmath), 40 terms: drift 0.1, v 0.5, lambda 12, m -0.05, s 0.12, D 1/12, r -0.2 and 0.1.
        let value = log_likelihood(&[change(1.0 / 12.0, -0.2), change(1.0 / 12.0, 0.1)], 0.1, 0.5, 12.0, -0.05, 0.12);
        assert!((value - 0.763_920_963_015_863_1).abs() < 1e-12, "{value}");
    }

    #[test]
    fn the_density_has_mass_one_and_the_mean_of_the_model() {
        let (mut mass, mut growth) = (0.0, 0.0);
        let width = 1e-3;
        for cell in -6000..6000 {
            let value = f64::from(cell) * width;
            let density = log_likelihood(&[change(0.25, value)], 0.3, 0.4, 8.0, -0.1, 0.2).exp();
            mass += density * width;
            growth += density * width * value.exp();
        }
        assert!((mass - 1.0).abs() < 1e-12 && (growth / (0.3_f64 * 0.25).exp() - 1.0).abs() < 1e-12);
    }
}
