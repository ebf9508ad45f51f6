//! The short rate of interest, and what it makes of money over time.

use super::factor::{Factor, FactorBlock, FactorPlan, FactorStepper, Modulation};
use super::lanes::{DriverLane, OwnLane};
use super::ou::{OuStep, integral_variance, mean_response};
use super::per_step::PerStep;
use super::range;
use crate::Error;
use crate::numeric::kernel::exp;
use crate::numeric::{Lane, PATHS};
use serde::{Deserialize, Serialize};

/// Vasicek's short rate, with the discount factor along each path.
///
/// ```text
/// dr = k (theta - r) dt + v dW,    discount_t = exp(-integral_0^t r ds)
/// ```
///
/// | symbol | field | unit | range |
/// | --- | --- | --- | --- |
/// | r_0 | `initial` | per year, continuously compounded | -10 to 10 |
/// | theta | `mean` | per year, the long-run mean | -10 to 10 |
/// | k | `reversion` | per year | 0 to 10000 |
/// | v | `volatility` | absolute, per year per square root of a year: 0.01 is one percentage point | 0 to 10 |
///
/// Publishes its level, the rate, and `discount`. Both are exact on the dates: rate and integral over a step are jointly
/// normal,
///
/// ```text
/// r' = theta + (r - theta) e^(-kD) + s_r Z
/// I  = theta D + (r - theta) B + s_I (rho Z + sqrt(1 - rho^2) W),     B = (1 - e^(-kD)) / k
/// s_I^2 = v^2 (D - 2 B + (1 - e^(-2kD)) / (2k)) / k^2,    rho s_r s_I = v^2 B^2 / 2
/// ```
///
/// with the Gaussian driver `Z`, named as the factor, and a second normal `W` from the factor's own stream. The rate may
/// be negative. Modulated, both noises are multiplied by `m` and `d` is added to the drift of the rate.
///
/// Source: O. Vasicek, "An equilibrium characterization of the term structure", J. Financial Economics 5 (1977) 177-188,
/// doi:10.1016/0304-405X(77)90016-2; the joint step: P. Glasserman, *Monte Carlo Methods in Financial Engineering*
/// (2003), section 3.3.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShortRate {
    /// Rate at time zero, per year.
    pub initial: f64,
    /// Mean in the long run, per year.
    pub mean: f64,
    /// Speed of the return to the mean, per year.
    pub reversion: f64,
    /// Volatility in absolute terms per square root of a year.
    pub volatility: f64,
}

impl Factor for ShortRate {
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error> {
        range::rate("initial", self.initial)?;
        range::rate("mean", self.mean)?;
        range::reversion("reversion", self.reversion)?;
        range::volatility("volatility", self.volatility)?;
        Ok(Box::new(Stepper {
            initial: self.initial,
            mean: self.mean,
            steps: PerStep::new(plan.grid(), |length| JointStep::new(self.reversion, self.volatility, length)),
            level: plan.level(),
            discount: plan.publish("discount"),
            driver: plan.driver(),
        }))
    }
}

/// Coefficients of rate and integral, both of the distance from the mean.
#[derive(Debug, Clone, Copy)]
struct JointStep {
    ou: OuStep,
    length: f64,
    /// Loading of the integral on the driver.
    shared: f64,
    /// Loading of the integral on the normal of its own.
    own: f64,
    /// What a drift of 1 per year adds to the integral.
    response: f64,
}

impl JointStep {
    fn new(reversion: f64, volatility: f64, length: f64) -> Self {
        let ou = OuStep::new(reversion, volatility, length);
        let x = reversion * length;
        let variance = volatility * volatility * length * length * length * integral_variance(x);
        let covariance = 0.5 * volatility * volatility * ou.response * ou.response;
        let shared = if ou.deviation > 0.0 { covariance / ou.deviation } else { 0.0 };
        let own = (variance - shared * shared).max(0.0).sqrt();
        JointStep { ou, length, shared, own, response: length * length * mean_response(x) }
    }
}

struct Stepper {
    initial: f64,
    mean: f64,
    steps: PerStep<JointStep>,
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
        let joint = *self.steps.at(block.step);
        let mut second = Lane::ZERO;
        block.stream.normals(&mut second);
        let normal = &block.drivers[self.driver];
        let [level, discount] = block.own.many([self.level, self.discount]);
        match block.modulation {
            None => step(self.mean, joint, normal, &second, level, discount),
            Some(Modulation { volatility, drift }) => {
                step_modulated(self.mean, joint, normal, &second, volatility, drift, level, discount);
            }
        }
    }
}

crate::vectorised! {
    fn step(mean: f64, joint: JointStep, normal: &Lane, second: &Lane, rate: &mut Lane, discount: &mut Lane) {
        for path in 0..PATHS {
            let distance = rate[path] - mean;
            let noise = joint.shared.mul_add(normal[path], joint.own * second[path]);
            let integral = distance.mul_add(joint.ou.response, mean * joint.length) + noise;
            rate[path] = mean + distance.mul_add(joint.ou.decay, joint.ou.deviation * normal[path]);
            discount[path] *= exp(-integral);
        }
    }

    /// With a multiplier of 1 and a shift of 0 the same bits as `step`.
    fn step_modulated(
        mean: f64, joint: JointStep, normal: &Lane, second: &Lane, multiplier: &Lane, shift: &Lane,
        rate: &mut Lane, discount: &mut Lane,
    ) {
        for path in 0..PATHS {
            let (multiplier, shift) = (multiplier[path], shift[path]);
            let distance = rate[path] - mean;
            let noise = joint.shared.mul_add(normal[path], joint.own * second[path]) * multiplier;
            let noise = noise + joint.response * shift;
            let integral = distance.mul_add(joint.ou.response, mean * joint.length) + noise;
            let moved = (joint.ou.deviation * multiplier) * normal[path] + joint.ou.response * shift;
            rate[path] = mean + distance.mul_add(joint.ou.decay, moved);
            discount[path] *= exp(-integral);
        }
    }
}
