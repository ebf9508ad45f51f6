//! The short rate of Cox, Ingersoll and Ross: it moves less the closer to zero it is, and is never below.

use super::factor::{Factor, FactorBlock, FactorPlan, FactorStepper, Modulation};
use super::lanes::{DriverLane, OwnLane};
use super::ou::{mean_decay, mean_response};
use super::per_step::PerStep;
use super::range;
use super::sparse::{CHUNK, Hits};
use crate::numeric::kernel::{exp, ln, normal_survival};
use crate::numeric::{Lane, PATHS};
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// The square-root short rate, with the discount factor along each path.
///
/// ```text
/// dr = k (theta - r) dt + v sqrt(r) dW,    discount_t = exp(-integral_0^t r ds)
/// ```
///
/// | symbol | field | unit | range |
/// | --- | --- | --- | --- |
/// | r_0 | `initial` | per year, continuously compounded | 0 to 10 |
/// | theta | `mean` | per year, the long-run mean | 0 to 10 |
/// | k | `reversion` | per year | 0 to 10000 |
/// | v | `volatility` | per year: near a rate of 0.04 it is 0.2 v in absolute terms | 0 to 10 |
///
/// Publishes its level, the rate, and `discount`. The rate takes the quadratic-exponential step (QE): given r, r' has the mean and
/// variance of its exact law, the noncentral chi-square,
///
/// ```text
/// e = theta + (r - theta) e^(-kD),    s^2 = r v^2 e^(-kD) B + theta v^2 k B^2 / 2,    B = (1 - e^(-kD)) / k
/// r' = a (b + Z)^2                    where s^2 <= 3/2 e^2, with a and b to match
/// r' = 0 with probability 1 - q, else exponential with mean e / q,    q = 2 e^2 / (s^2 + e^2)    elsewhere
/// ```
///
/// both monotone in the driver `Z`. So mean, variance and autocovariance of the rate are exact on any dates; its shape is nearly so.
/// The integral over the step has its exact mean given r, and moves with r' as the exact one does on average:
///
/// ```text
/// I = theta D + (r - theta) B + c (r' - e),    c = Cov(I, r' | r) / s^2
/// ```
///
/// **Bias.** What is left out is the variance of I given r and r', about v^2 r D^3 / 12 a step: the mean discount over T years is
/// low, relatively by no more than about v^2 max(r_0, theta) D^2 T / 24. With rates of 4 %, v 0.1 and T 10 that is 0.000001 on months
/// and 0.0002 on years.
///
/// Nothing is assumed of 2 k theta >= v^2: the rate may reach zero. One Gaussian driver, named as the factor; no other draws.
/// Modulated, v is multiplied by `m` and the rate's drift gains `d`, as far as its mean stays above zero.
///
/// Source: J. C. Cox, J. E. Ingersoll, S. A. Ross, "A theory of the term structure of interest rates", Econometrica 53 (1985)
/// 385-407, doi:10.2307/1911242; the step: L. B. G. Andersen, "Simple and efficient simulation of the Heston stochastic volatility
/// model", J. Computational Finance 11 (2008) 1-42, doi:10.21314/JCF.2008.189.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cir {
    /// Rate at time zero, per year.
    pub initial: f64,
    /// Mean in the long run, per year.
    pub mean: f64,
    /// Speed of the return to the mean, per year.
    pub reversion: f64,
    /// Volatility at a rate of 1, per square root of a year.
    pub volatility: f64,
}

impl Factor for Cir {
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error> {
        check::within("initial", self.initial, 0.0, 10.0)?;
        check::within("mean", self.mean, 0.0, 10.0)?;
        range::reversion("reversion", self.reversion)?;
        range::volatility("volatility", self.volatility)?;
        Ok(Box::new(Stepper {
            initial: self.initial,
            steps: PerStep::new(plan.grid(), |length| SquareRootStep::new(self, length)),
            level: plan.level(),
            discount: plan.publish("discount"),
            driver: plan.driver(),
        }))
    }
}

#[derive(Debug, Clone, Copy)]
struct SquareRootStep {
    mean: f64,
    decay: f64,
    /// (1 - e^(-kD)) / k: what the distance from the mean, and a drift of 1 per year to the rate, add.
    response: f64,
    /// theta D.
    level: f64,
    /// What a drift of 1 per year adds to the integral.
    drift_response: f64,
    /// s^2 = `spread` r + `base`.
    spread: f64,
    base: f64,
    /// Cov(I, r') = `shared` r + `shared_base`.
    shared: f64,
    shared_base: f64,
}

impl SquareRootStep {
    fn new(cir: &Cir, length: f64) -> Self {
        let x = cir.reversion * length;
        let square = cir.volatility * cir.volatility;
        let decay = exp(-x);
        let response = length * mean_decay(x);
        SquareRootStep {
            mean: cir.mean,
            decay,
            response,
            level: cir.mean * length,
            drift_response: length * length * mean_response(x),
            spread: square * decay * response,
            base: 0.5 * square * cir.mean * cir.reversion * response * response,
            // The integral over s of e^(-k (D - s)) Var(r_s | r).
            shared: square * decay * length * length * mean_response(x),
            shared_base: 0.5 * square * cir.mean * length * length * start_response(x),
        }
    }
}

/// (1 - e^(-2 x) - 2 x e^(-x)) / x^2, which is x / 3 near 0. For x >= 0.
fn start_response(x: f64) -> f64 {
    if x < 0.5 {
        // 2 e^(-x) (sinh x - x) / x^2 = 2 e^(-x) (x / 3! + x^3 / 5! + ..).
        let (mut term, mut sum) = (x / 6.0, 0.0);
        for n in 2..10 {
            sum += term;
            let n = f64::from(n);
            term *= x * x / (2.0 * n * (2.0 * n + 1.0));
        }
        2.0 * exp(-x) * sum
    } else {
        (1.0 - exp(-2.0 * x) - 2.0 * x * exp(-x)) / (x * x)
    }
}

struct Stepper {
    initial: f64,
    steps: PerStep<SquareRootStep>,
    level: OwnLane,
    discount: OwnLane,
    driver: DriverLane,
}

impl FactorStepper for Stepper {
    fn start(&self, block: &mut FactorBlock<'_>) {
        block.own[self.level].fill(self.initial);
        block.own[self.discount].fill(1.0);
    }

    fn step(&self, block: &mut FactorBlock<'_>) {
        let coefficients = *self.steps.at(block.step);
        let normal = &block.drivers[self.driver];
        let [expected, integral, slope, ratio, ..] = block.scratch;
        let [rate, discount] = block.own.many([self.level, self.discount]);
        match block.modulation {
            None => conditional(coefficients, rate, expected, integral, slope, ratio),
            Some(Modulation { volatility, drift }) => {
                conditional_modulated(coefficients, volatility, drift, rate, expected, integral, slope, ratio);
            }
        }
        quadratic(normal, expected, ratio, rate);
        let mut low = Hits::new();
        low.at_least(ratio, MOST_QUADRATIC);
        if !low.is_empty() {
            exponential(&low, normal, expected, ratio, rate);
        }
        pay(expected, integral, slope, rate, discount);
    }
}

/// Up to this ratio of variance and squared mean the square of a normal is taken.
const MOST_QUADRATIC: f64 = 1.5;

/// The law at the end of the step of one path, given its rate at the start: mean of the rate, mean of the integral, c, and
/// s^2 / e^2.
#[inline(always)]
fn law(step: SquareRootStep, rate: f64, multiplier: f64, shift: f64) -> [f64; 4] {
    let distance = rate - step.mean;
    let expected = step.mean + distance.mul_add(step.decay, step.response * shift);
    let expected = if expected > 0.0 { expected } else { 0.0 };
    let squared = multiplier * multiplier;
    let variance = rate.mul_add(step.spread, step.base) * squared;
    let covariance = rate.mul_add(step.shared, step.shared_base) * squared;
    let integral = distance.mul_add(step.response, step.level) + step.drift_response * shift;
    // Without variance nothing moves with the rate, and the ratio is 0 whatever the mean.
    let slope = if variance > 0.0 { covariance / variance } else { 0.0 };
    let ratio = if variance > 0.0 { variance / expected / expected } else { 0.0 };
    [expected, integral, slope, ratio]
}

crate::vectorised! {
    fn conditional(
        step: SquareRootStep, rate: &Lane, expected: &mut Lane, integral: &mut Lane, slope: &mut Lane, ratio: &mut Lane,
    ) {
        for path in 0..PATHS {
            [expected[path], integral[path], slope[path], ratio[path]] = law(step, rate[path], 1.0, 0.0);
        }
    }

    /// With a multiplier of 1 and a shift of 0 the same bits as `conditional`.
    fn conditional_modulated(
        step: SquareRootStep, multiplier: &Lane, shift: &Lane, rate: &Lane, expected: &mut Lane, integral: &mut Lane,
        slope: &mut Lane, ratio: &mut Lane,
    ) {
        for path in 0..PATHS {
            [expected[path], integral[path], slope[path], ratio[path]] =
                law(step, rate[path], multiplier[path], shift[path]);
        }
    }

    /// r' = a (b + Z)^2 with 2 e^2 / s^2 = w, b^2 = w - 1 + sqrt(w (w - 1)), a = e / (1 + b^2).
    fn quadratic(normal: &Lane, expected: &Lane, ratio: &Lane, rate: &mut Lane) {
        for path in 0..PATHS {
            let ratio = if ratio[path] < MOST_QUADRATIC { ratio[path] } else { MOST_QUADRATIC };
            // By 1 / b^2, which is 0 without variance: 1 + b^2 = w + sqrt(w (w - 1)) = (2 + sqrt(2 (2 - ratio))) / ratio.
            let inverse = ratio / (2.0 + (2.0 * (2.0 - ratio)).sqrt());
            let root = (1.0 - inverse).sqrt() + inverse.sqrt() * normal[path];
            rate[path] = expected[path] * (root * root);
        }
    }

    fn exponential(low: &Hits, normal: &Lane, expected: &Lane, ratio: &Lane, rate: &mut Lane) {
        for start in (0..low.count()).step_by(CHUNK) {
            let paths = &low.packed()[start..start + CHUNK];
            let (mut survival, mut mean, mut share) = ([0.0; CHUNK], [0.0; CHUNK], [0.0; CHUNK]);
            for position in 0..CHUNK {
                let path = usize::from(paths[position]) % PATHS;
                (survival[position], mean[position], share[position]) = (normal[path], expected[path], ratio[path]);
            }
            for position in 0..CHUNK {
                let tail = normal_survival(survival[position]);
                survival[position] = if tail < 1e-300 { 1e-300 } else { tail };
            }
            for position in 0..CHUNK {
                // The probability of not being zero.
                let probability = 2.0 / (share[position] + 1.0);
                let above = mean[position] / probability * ln(probability / survival[position]);
                mean[position] = if survival[position] < probability { above } else { 0.0 };
            }
            for position in 0..CHUNK.min(low.count() - start) {
                rate[usize::from(paths[position]) % PATHS] = mean[position];
            }
        }
    }

    fn pay(expected: &Lane, integral: &Lane, slope: &Lane, rate: &Lane, discount: &mut Lane) {
        for path in 0..PATHS {
            let integral = integral[path] + slope[path] * (rate[path] - expected[path]);
            let integral = if integral > 0.0 { integral } else { 0.0 };
            discount[path] *= exp(-integral);
        }
    }
}

#[cfg(test)]
mod tests {
    //! Guards: the series and the closed form are the same function.
    use super::*;

    #[test]
    fn series_and_closed_form_agree() {
        for x in [0.1, 0.3, 0.499_999] {
            let closed: f64 = (1.0 - exp(-2.0 * x) - 2.0 * x * exp(-x)) / (x * x);
            assert!((start_response(x) / closed - 1.0).abs() < 1e-12, "{x}");
        }
        assert!((start_response(1e-9) / (1e-9 / 3.0) - 1.0).abs() < 1e-8 && start_response(0.0).abs() <= 0.0);
    }
}
