//! The binomial law, for intervals of probabilities and ranks.
//!
//! The incomplete beta function is written out here because that of `statrs` stops after 140 terms of its continued
//! fraction, and counts of millions need more.

use statrs::distribution::{ContinuousCDF, Normal};
use statrs::function::gamma::ln_gamma;

/// The standard-normal quantile.
pub(super) fn normal_quantile(probability: f64) -> f64 {
    Normal::standard().inverse_cdf(probability)
}

/// The quantile of Student's t above the median, for any number of degrees of freedom above zero, whole or not.
///
/// From `P(|T| > t) = I_x(df/2, 1/2)` with `x = df / (df + t^2)`; beyond 10,000 degrees by the expansion of Cornish and Fisher,
/// whose error is of the order `df^-3`.
pub(super) fn student_quantile(probability: f64, freedom: f64) -> f64 {
    if freedom > 1e4 {
        let z = normal_quantile(probability);
        let (z2, z3) = (z * z, z * z * z);
        return z + (z3 + z) / (4.0 * freedom) + z3 * (5.0 * z2 + 16.0 + 3.0 / z2) / (96.0 * freedom * freedom);
    }
    // With y = 1 - x the tail is 1 - I_y(1/2, df/2), and t^2 = df y / (1 - y).
    let x = beta_quantile(2.0 * (1.0 - probability), 0.5 * freedom, 0.5);
    (freedom * (1.0 - x) / x).sqrt()
}

/// `I_x(a, b)`, the regularised incomplete beta function, for `a, b > 0`.
///
/// The continued fraction of DLMF 8.17.22, evaluated by Lentz's method; it needs about `sqrt(max(a, b))` terms.
pub(super) fn incomplete_beta(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta(b, a, 1.0 - x);
    }
    let front = (ln_gamma(a + b) - ln_gamma(a) - ln_gamma(b) + a * x.ln() + b * (-x).ln_1p()).exp() / a;
    let tiny = 1e-300;
    let away = |value: f64| if value.abs() < tiny { tiny } else { value };
    let mut c = 1.0;
    let mut d = 1.0 / away(1.0 - (a + b) * x / (a + 1.0));
    let mut fraction = d;
    for m in 1..200_000 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / away(1.0 + even * d);
        c = away(1.0 + even / c);
        fraction *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / away(1.0 + odd * d);
        c = away(1.0 + odd / c);
        let change = d * c;
        fraction *= change;
        if (change - 1.0).abs() < 1e-15 {
            break;
        }
    }
    front * fraction
}

/// The `x` with `I_x(a, b) = probability`, by halving: 1e-14 relative.
pub(super) fn beta_quantile(probability: f64, a: f64, b: f64) -> f64 {
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    while high - low > 1e-14 * high && high > 1e-300 {
        let middle = 0.5 * (low + high);
        if incomplete_beta(a, b, middle) < probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// `P(X <= successes)` for `X` binomial.
fn binomial_cdf(successes: u64, trials: u64, probability: f64) -> f64 {
    if successes >= trials {
        return 1.0;
    }
    incomplete_beta((trials - successes) as f64, successes as f64 + 1.0, 1.0 - probability)
}

/// The smallest `k` with `P(X <= k) >= level` for `X` binomial.
///
/// Above a variance of 1e6 by the normal quantile with its skewness correction, which is then within one of the exact one.
pub(super) fn binomial_quantile(level: f64, trials: u64, probability: f64) -> u64 {
    let mean = trials as f64 * probability;
    let variance = mean * (1.0 - probability);
    if variance > 1e6 {
        let z = normal_quantile(level);
        let skewed = mean + variance.sqrt() * z + (1.0 - 2.0 * probability) * (z * z - 1.0) / 6.0;
        return (skewed.round().max(0.0) as u64).min(trials);
    }
    let (mut low, mut high) = (0, trials);
    while low < high {
        let middle = low + (high - low) / 2;
        if binomial_cdf(middle, trials, probability) >= level {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    //! Guards: the special functions behind the intervals, against closed forms and tables, small and huge.
    use super::*;

    #[test]
    fn incomplete_beta_of_simple_shapes() {
        for x in [0.0, 1e-9, 0.1, 0.5, 0.77, 0.999, 1.0] {
            // I_x(a, 1) = x^a and I_x(1, b) = 1 - (1 - x)^b.
            for shape in [0.5, 1.0, 3.0, 40.0] {
                assert!((incomplete_beta(shape, 1.0, x) - x.powf(shape)).abs() < 1e-13);
                assert!((incomplete_beta(1.0, shape, x) - (1.0 - (1.0 - x).powf(shape))).abs() < 1e-13);
            }
        }
        // The median of a symmetric law, with millions behind it.
        assert!((incomplete_beta(5e7, 5e7, 0.5) - 0.5).abs() < 1e-6);
    }

    #[test]
    fn student_quantiles_of_the_table() {
        // Any table of Student's t, upper 2.5 % points.
        for (freedom, printed) in [(1.0, 12.7062), (2.0, 4.3027), (10.0, 2.2281), (100.0, 1.9840), (1e5, 1.9600)] {
            let t = student_quantile(0.975, freedom);
            assert!((t - printed).abs() < 5.1e-5, "{freedom}: {t}");
        }
        // Where the expansion takes over both agree.
        assert!((student_quantile(0.975, 9_999.999) - student_quantile(0.975, 10_000.001)).abs() < 1e-9);
    }

    #[test]
    fn binomial_quantiles() {
        // B(10, 1/2): P(X <= 1) = 11/1024, P(X <= 2) = 56/1024.
        assert_eq!(binomial_quantile(0.025, 10, 0.5), 2);
        assert_eq!(binomial_quantile(0.01, 10, 0.5), 1);
        assert_eq!(binomial_quantile(0.975, 10, 0.5), 8);
        assert_eq!(binomial_quantile(1.0 - 1e-12, 10, 0.5), 10);
        // The normal shortcut is within one of the exact search.
        let exact = |level: f64, trials: u64, p: f64| {
            let (mut low, mut high) = (0, trials);
            while low < high {
                let middle = low + (high - low) / 2;
                if binomial_cdf(middle, trials, p) >= level { high = middle } else { low = middle + 1 }
            }
            low
        };
        for (trials, p) in [(100_000_000, 0.02), (2_000_000_000, 0.0006), (10_000_000, 0.7)] {
            for level in [0.025, 0.5, 0.995] {
                let quick = binomial_quantile(level, trials, p);
                assert!(quick.abs_diff(exact(level, trials, p)) <= 1, "{trials} {p} {level}");
            }
        }
    }
}
