//! A rate that is an Ornstein–Uhlenbeck process, and what its integral has made of 1: a short rate with its discount, a
//! deflation with its price.

use super::factor::{FactorBlock, Modulation};
use super::jumps::factor;
use super::lanes::{DriverLane, OwnLane};
use super::ou::{OuStep, integral_variance, mean_response};
use super::per_step::PerStep;
use crate::numeric::{Lane, PATHS, TimeGrid};

/// dr = k (theta - r) dt + v dW with exp(+-integral of r), jointly exact: the integral takes a part of the driver, which it shares
/// with the rate, and a normal of the factor's own stream.
#[derive(Debug, Clone)]
pub(super) struct IntegratedOu {
    mean: f64,
    sign: f64,
    steps: PerStep<JointStep>,
}

impl IntegratedOu {
    /// exp(-integral): what discounts. A drift is one of the rate.
    pub(super) fn discounting(grid: &TimeGrid, mean: f64, reversion: f64, volatility: f64) -> Self {
        let steps = PerStep::new(grid, |length| JointStep::new(reversion, volatility, length));
        IntegratedOu { mean, sign: -1.0, steps }
    }

    /// exp(integral): what grows. A drift is one of what grows, and leaves the rate as it is.
    pub(super) fn growing(grid: &TimeGrid, mean: f64, reversion: f64, volatility: f64) -> Self {
        let steps = PerStep::new(grid, |length| {
            let joint = JointStep::new(reversion, volatility, length);
            JointStep { drift: 0.0, drift_integral: length, ..joint }
        });
        IntegratedOu { mean, sign: 1.0, steps }
    }

    /// Moves the rate, and multiplies `growth` by what its integral makes of 1.
    pub(super) fn step(&self, block: &mut FactorBlock<'_>, driver: DriverLane, rate: OwnLane, growth: OwnLane) {
        let joint = *self.steps.at(block.step);
        let [second, ..] = block.scratch;
        block.stream.normals(second);
        let normal = &block.drivers[driver];
        let [rate, growth] = block.own.many([rate, growth]);
        match block.modulation {
            None => step(self.mean, self.sign, joint, normal, second, rate, growth),
            Some(Modulation { volatility, drift }) => {
                step_modulated(self.mean, self.sign, joint, normal, second, volatility, drift, rate, growth);
            }
        }
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
    /// What a drift of 1 per year adds to the rate, and to the integral.
    drift: f64,
    drift_integral: f64,
}

impl JointStep {
    fn new(reversion: f64, volatility: f64, length: f64) -> Self {
        let ou = OuStep::new(reversion, volatility, length);
        let x = reversion * length;
        let variance = volatility * volatility * length * length * length * integral_variance(x);
        let covariance = 0.5 * volatility * volatility * ou.response * ou.response;
        let shared = if ou.deviation > 0.0 { covariance / ou.deviation } else { 0.0 };
        let own = (variance - shared * shared).max(0.0).sqrt();
        JointStep { ou, length, shared, own, drift: ou.response, drift_integral: length * length * mean_response(x) }
    }
}

/// What an integral makes of what has grown so far. Finite: nothing times it is nothing.
#[inline(always)]
fn product(growth: f64, integral: f64) -> f64 {
    let grown = growth * factor(integral);
    if grown < f64::MAX { grown } else { f64::MAX }
}

crate::vectorised! {
    fn step(
        mean: f64, sign: f64, joint: JointStep, normal: &Lane, second: &Lane, rate: &mut Lane, growth: &mut Lane,
    ) {
        for path in 0..PATHS {
            let distance = rate[path] - mean;
            let noise = joint.shared.mul_add(normal[path], joint.own * second[path]);
            let integral = distance.mul_add(joint.ou.response, mean * joint.length) + noise;
            rate[path] = mean + distance.mul_add(joint.ou.decay, joint.ou.deviation * normal[path]);
            growth[path] = product(growth[path], sign * integral);
        }
    }

    /// With a multiplier of 1 and a shift of 0 the same bits as `step`.
    fn step_modulated(
        mean: f64, sign: f64, joint: JointStep, normal: &Lane, second: &Lane, multiplier: &Lane, shift: &Lane,
        rate: &mut Lane, growth: &mut Lane,
    ) {
        for path in 0..PATHS {
            let (multiplier, shift) = (multiplier[path], shift[path]);
            let distance = rate[path] - mean;
            let noise = joint.shared.mul_add(normal[path], joint.own * second[path]) * multiplier;
            let noise = noise + joint.drift_integral * shift;
            let integral = distance.mul_add(joint.ou.response, mean * joint.length) + noise;
            let moved = (joint.ou.deviation * multiplier) * normal[path] + joint.drift * shift;
            rate[path] = mean + distance.mul_add(joint.ou.decay, moved);
            growth[path] = product(growth[path], sign * integral);
        }
    }
}
