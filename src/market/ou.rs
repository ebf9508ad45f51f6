//! The exact step of an Ornstein–Uhlenbeck process, which several factors are made of.

use super::factor::Modulation;
use crate::numeric::kernel::exp;
use crate::numeric::{Lane, PATHS};

/// The exact step of dx = -k x dt + v dW over a length `D`:
///
/// ```text
/// x' = x e^(-k D) + v sqrt((1 - e^(-2 k D)) / (2 k)) z
/// ```
///
/// and, modulated (volatility `m v`, drift `d` more per year), with `m` on the second term and `d (1 - e^(-k D)) / k` more.
/// `k` = 0 is a Brownian motion. Source: P. Glasserman, *Monte Carlo Methods in Financial Engineering* (2003), section 3.3.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct OuStep {
    /// e^(-k D).
    pub(super) decay: f64,
    /// Standard deviation of the noise.
    pub(super) deviation: f64,
    /// What a drift of 1 per year adds over the step, (1 - e^(-k D)) / k.
    pub(super) response: f64,
}

impl OuStep {
    pub(super) fn new(reversion: f64, volatility: f64, length: f64) -> Self {
        OuStep {
            decay: exp(-reversion * length),
            deviation: volatility * (length * mean_decay(2.0 * reversion * length)).sqrt(),
            response: length * mean_decay(reversion * length),
        }
    }

    /// Moves a lane of states by one step.
    pub(super) fn advance(self, normal: &Lane, modulation: Option<Modulation<'_>>, state: &mut Lane) {
        match modulation {
            None => advance(self, normal, state),
            Some(Modulation { volatility, drift }) => advance_modulated(self, normal, volatility, drift, state),
        }
    }
}

crate::vectorised! {
    fn advance(ou: OuStep, normal: &Lane, state: &mut Lane) {
        for path in 0..PATHS {
            state[path] = state[path].mul_add(ou.decay, ou.deviation * normal[path]);
        }
    }

    /// With a multiplier of 1 and a shift of 0 the same bits as `advance`.
    fn advance_modulated(ou: OuStep, normal: &Lane, multiplier: &Lane, shift: &Lane, state: &mut Lane) {
        for path in 0..PATHS {
            let noise = (ou.deviation * multiplier[path]) * normal[path];
            state[path] = state[path].mul_add(ou.decay, noise + ou.response * shift[path]);
        }
    }
}

/// The mean of e^(-s) over 0 <= s <= x: (1 - e^(-x)) / x, and 1 at x = 0. For x >= 0.
pub(super) fn mean_decay(x: f64) -> f64 {
    if x < 0.5 { series(x, |_| 1.0, 1) } else { (1.0 - exp(-x)) / x }
}

/// (x - (1 - e^(-x))) / x^2, and 1/2 at x = 0: what a constant drift adds to the time integral. For x >= 0.
pub(super) fn mean_response(x: f64) -> f64 {
    if x < 0.5 { series(x, |_| 1.0, 2) } else { (x - (1.0 - exp(-x))) / (x * x) }
}

/// (x - 2 (1 - e^(-x)) + (1 - e^(-2 x)) / 2) / x^3, and 1/3 at x = 0: the variance of the time integral. For x >= 0.
pub(super) fn integral_variance(x: f64) -> f64 {
    if x < 0.5 {
        // The power n has the factor 2^(n-1) - 2 in the numerator.
        series(x, |n| (1_u64 << (n - 1)) as f64 - 2.0, 3)
    } else {
        (x - 2.0 * (1.0 - exp(-x)) + 0.5 * (1.0 - exp(-2.0 * x))) / (x * x * x)
    }
}

/// sum over n >= first of (-x)^(n - first) weight(n) / n!, for 0 <= x < 1/2, where 24 terms are beyond rounding.
/// The closed forms lose digits there.
fn series(x: f64, weight: impl Fn(u32) -> f64, first: u32) -> f64 {
    let mut factorial: f64 = (1..=first).map(f64::from).product();
    let mut power = 1.0;
    let mut sum = 0.0;
    for n in first..first + 24 {
        sum += power * weight(n) / factorial;
        power *= -x;
        factorial *= f64::from(n + 1);
    }
    sum
}

#[cfg(test)]
mod tests {
    //! Guards: the series and the closed forms are the same functions, and the limits are right.
    use super::*;

    #[test]
    fn series_and_closed_forms_agree() {
        // Values by 40-digit arithmetic at x = 0.25 and 0.75, on either side of the switch.
        type Function = fn(f64) -> f64;
        let cases: [(Function, [f64; 2]); 3] = [
            (mean_decay, [0.884_796_867_714_380_5, 0.703_511_263_011_980_4]),
            (mean_response, [0.460_812_529_142_477_9, 0.395_318_315_984_026_16]),
            (integral_variance, [0.277_519_122_335_553_6, 0.197_139_023_188_893_63]),
        ];
        for (function, values) in cases {
            for (x, value) in [0.25, 0.75].into_iter().zip(values) {
                assert!((function(x) / value - 1.0).abs() < 1e-13, "{x}: {}", function(x));
            }
        }
    }

    #[test]
    fn limits_at_zero() {
        let near = |a: f64, b: f64| (a - b).abs() < 1e-15;
        assert!(near(mean_decay(0.0), 1.0) && near(mean_response(0.0), 0.5) && near(integral_variance(0.0), 1.0 / 3.0));
        let brownian = OuStep::new(0.0, 0.3, 0.25);
        assert!(near(brownian.decay, 1.0) && near(brownian.deviation, 0.15) && near(brownian.response, 0.25));
    }

    #[test]
    fn two_half_steps_are_one_step() {
        // Variance of the whole: decay^2 of the first half's noise plus the second half's.
        let (whole, half) = (OuStep::new(1.7, 0.4, 0.5), OuStep::new(1.7, 0.4, 0.25));
        let variance = (half.decay * half.deviation).powi(2) + half.deviation.powi(2);
        assert!((whole.deviation.powi(2) - variance).abs() < 1e-15);
        assert!((whole.decay - half.decay * half.decay).abs() < 1e-15);
        assert!((whole.response - half.response * (1.0 + half.decay)).abs() < 1e-15);
    }
}
