//! Andersen's step of a price whose variance is a square-root process: what [`Heston`](super::Heston),
//! [`Bates`](super::Bates) and [`Svcj`](super::Svcj) are made of.

use super::factor::Modulation;
use super::jumps::factor;
use super::ou::{mean_decay, mean_response};
use super::per_step::PerStep;
use super::range;
use crate::numeric::kernel::{exp, ln, normal_survival};
use crate::numeric::{Lane, PATHS, Step, TimeGrid};
use crate::{Error, check};

/// The parameters that the three models share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parameters {
    /// Of the expected price; a model with jumps takes their compensation off before.
    pub(super) drift: f64,
    pub(super) variance: f64,
    pub(super) mean_variance: f64,
    pub(super) reversion: f64,
    pub(super) volatility_of_variance: f64,
    pub(super) correlation: f64,
}

impl Parameters {
    pub(super) fn check(&self) -> Result<(), Error> {
        check::within("variance", self.variance, 0.0, 100.0)?;
        check::within("mean_variance", self.mean_variance, 0.0, 100.0)?;
        range::reversion("reversion", self.reversion)?;
        let volatility = self.volatility_of_variance;
        let (zero, usual) = (volatility.abs() <= 0.0, (1e-4..=10.0).contains(&volatility));
        if !(zero | usual) {
            let expected = "must be 0, or lie between 0.0001 and 10";
            return Err(Error::invalid("volatility_of_variance", volatility, expected));
        }
        check::within("correlation", self.correlation, -1.0, 1.0)
    }
}

/// Moves price and variance over a step by the quadratic-exponential scheme with martingale correction (QE-M).
///
/// The variance of the end has the first two moments of its law given that of the start: a squared normal `a (b + z)^2` where
/// its variance is at most 3/2 of its mean squared, else zero with a probability and exponential. The price moves by
///
/// ```text
/// ln S'/S = mu D - ln M - K3 V / 2 + K2 V' + sqrt(K3 V + K4 V') w,    M = E[exp((K2 + K4 / 2) V') | V]
/// K2 = l rho / s - g2 D / 2,   K3 = g1 D (1 - rho^2),   K4 = g2 D (1 - rho^2)
/// l = sqrt(2 / (b (1 + e^(-kD)))),   g2 = (1 - b) / (1 - e^(-kD)) = 1 - g1,   b = (1 - e^(-kD)) / (kD)
/// ```
///
/// so that E[S' | S, V] = S exp(mu D) to rounding. The coefficients are chosen to be right where Andersen leaves a choice: with g1
/// and g2 the mean of the integral of the variance is exact; with l (Andersen's 1 + g2 k D) the noise that the price shares with
/// the variance has the variance rho^2 V D, whatever k D is, so that for a small s the price is lognormal on any grid.
/// All tend to his (g = 1/2, l = 1 + k D / 2) for short steps; on long ones the bias of options is a fraction.
///
/// `z` and `w` are turned out of the price's driver Z and the variance's own driver X: `z = rho Z + r X`, `w = r Z - rho X`,
/// `r^2 = 1 - rho^2`. They are independent normals if Z and X are, and `rho z + r w = Z`: so Z is the noise of the price as a
/// whole.
pub(super) struct QuadraticExponential {
    correlation: f64,
    steps: PerStep<Move>,
}

enum Move {
    /// With volatility of variance.
    Random(Scheme),
    /// Without: the variance is a curve, and the price lognormal, exactly.
    Certain(Curve),
}

#[derive(Debug, Clone, Copy)]
struct Scheme {
    length: f64,
    /// mu D.
    growth: f64,
    /// Mean of V': `level + decay V`.
    level: f64,
    decay: f64,
    /// Variance of V': `spread V + base`.
    spread: f64,
    base: f64,
    /// l rho / s, the part of K2 that the multiplier of the volatility multiplies once.
    lever: f64,
    /// g1 D and g2 D.
    first: f64,
    second: f64,
    /// rho^2.
    square: f64,
    /// Up to here M exists whatever V is, with room to spare.
    most: f64,
}

#[derive(Debug, Clone, Copy)]
struct Curve {
    length: f64,
    growth: f64,
    /// V' = `level + decay V`.
    level: f64,
    decay: f64,
    /// Integral of the variance: `base + response V`.
    base: f64,
    response: f64,
}

impl QuadraticExponential {
    /// # Errors
    /// When the correlation is so high and a step so long that the corrected price would have an infinite mean.
    pub(super) fn new(grid: &TimeGrid, parameters: Parameters) -> Result<Self, Error> {
        let steps = PerStep::new(grid, |length| Move::new(parameters, length));
        for step in grid.iter() {
            if let Move::Random(scheme) = steps.at(step)
                && scheme.lever - 0.5 * scheme.second * scheme.square > scheme.most
            {
                let expected = format!("must be lower for a step of {} years: the mean would be infinite", step.length);
                return Err(Error::invalid("correlation", parameters.correlation, expected));
            }
        }
        Ok(QuadraticExponential { correlation: parameters.correlation, steps })
    }

    pub(super) fn step(
        &self,
        step: Step,
        [price, own]: [&Lane; 2],
        modulation: Option<Modulation<'_>>,
        level: &mut Lane,
        variance: &mut Lane,
    ) {
        let rho = self.correlation;
        match (self.steps.at(step), modulation) {
            (Move::Random(scheme), None) => advance(*scheme, rho, price, own, level, variance),
            (Move::Random(scheme), Some(Modulation { volatility, drift })) => {
                advance_modulated(*scheme, rho, price, own, volatility, drift, level, variance);
            }
            (Move::Certain(curve), None) => follow(*curve, price, level, variance),
            (Move::Certain(curve), Some(Modulation { volatility, drift })) => {
                follow_modulated(*curve, price, volatility, drift, level, variance);
            }
        }
    }
}

impl Move {
    fn new(parameters: Parameters, length: f64) -> Self {
        let Parameters { drift, mean_variance, reversion, volatility_of_variance, correlation, .. } = parameters;
        let x = reversion * length;
        let decay = exp(-x);
        let response = length * mean_decay(x);
        // 1 - e^(-x), without its cancellation.
        let gone = reversion * response;
        let level = mean_variance * gone;
        let growth = drift * length;
        if volatility_of_variance <= 0.0 {
            let base = mean_variance * (length * x * mean_response(x));
            return Move::Certain(Curve { length, growth, level, decay, base, response });
        }
        let square = volatility_of_variance * volatility_of_variance;
        let second = length * mean_response(x) / mean_decay(x);
        Move::Random(Scheme {
            length,
            growth,
            level,
            decay,
            spread: square * decay * response,
            base: 0.5 * level * square * response,
            lever: correlation / volatility_of_variance * (2.0 * length / (response * (1.0 + decay))).sqrt(),
            first: length - second,
            second,
            square: correlation * correlation,
            // Var V' / E V' is at most s^2 (1 - e^(-kD)) / k for every V, and both forms of M exist while
            // (K2 + K4 / 2) times that is below 1.
            most: 0.95 / (square * response),
        })
    }
}

/// Paths that are worked on at once: a chunk without a path in the exponential regime skips its formulas.
const CHUNK: usize = 16;

/// The state of a chunk after the variance has moved.
struct Moved {
    variance: [f64; CHUNK],
    /// ln M.
    correction: [f64; CHUNK],
}

/// The variance at the end and the correction ln E[exp(A V')].
#[inline(always)]
fn move_variance(scheme: &Scheme, before: &[f64], normal: &[f64; CHUNK], exponent: &[f64; CHUNK]) -> Moved {
    let mut moved = Moved { variance: [0.0; CHUNK], correction: [0.0; CHUNK] };
    let (mut mean, mut twice) = ([0.0; CHUNK], [0.0; CHUNK]);
    for path in 0..CHUNK {
        let expected = before[path].mul_add(scheme.decay, scheme.level);
        // So that an extinct variance is not 0 / 0 below.
        let expected = if expected < 1e-100 { 1e-100 } else { expected };
        let spread = before[path].mul_add(scheme.spread, scheme.base);
        // 2 / psi = 2 mean^2 / variance.
        let ratio = 2.0 * expected * expected / spread;
        mean[path] = expected;
        twice[path] = ratio;
        let ratio = if ratio > 1e20 { 1e20 } else { ratio };
        let ratio = if ratio < 1.0 { 1.0 } else { ratio };
        let b_square = (ratio - 1.0) + (ratio * (ratio - 1.0)).sqrt();
        let a = expected / (1.0 + b_square);
        let root = b_square.sqrt() + normal[path];
        let left = (-2.0 * a).mul_add(exponent[path], 1.0);
        moved.variance[path] = a * root * root;
        moved.correction[path] = exponent[path] * a * b_square / left - 0.5 * ln(left);
    }
    // psi above 3/2.
    let exponential = |ratio: f64| ratio < 4.0 / 3.0;
    let mut any = false;
    for path in 0..CHUNK {
        any |= exponential(twice[path]);
    }
    if any {
        // The tail in a loop of its own: with both logarithms it would want more registers than there are.
        let mut survival = [0.0; CHUNK];
        for path in 0..CHUNK {
            let tail = normal_survival(normal[path]);
            survival[path] = if tail < 1e-300 { 1e-300 } else { tail };
        }
        for path in 0..CHUNK {
            // The probability of not being zero, 2 / (psi + 1), and the mean of those that are not.
            let share = 2.0 * twice[path] / (twice[path] + 2.0);
            let size = mean[path] / share;
            let logarithm = ln(share / survival[path]);
            let variance = if logarithm > 0.0 { size * logarithm } else { 0.0 };
            let x = exponent[path] * size;
            let correction = ln(share * x / (1.0 - x) + 1.0);
            let (quadratic, corrected) = (moved.variance[path], moved.correction[path]);
            let here = exponential(twice[path]);
            moved.variance[path] = if here { variance } else { quadratic };
            moved.correction[path] = if here { correction } else { corrected };
        }
    }
    moved
}

/// One step; `multiplier` and `shift` by path.
#[inline(always)]
fn both(
    scheme: Scheme,
    rho: f64,
    price: &Lane,
    own: &Lane,
    modulation: impl Fn(usize) -> (f64, f64),
    level: &mut Lane,
    variance: &mut Lane,
) {
    let rest = (1.0 - scheme.square).sqrt();
    for start in (0..PATHS).step_by(CHUNK) {
        let (price, own) = (&price[start..start + CHUNK], &own[start..start + CHUNK]);
        let (mut normal, mut exponent) = ([0.0; CHUNK], [0.0; CHUNK]);
        for path in 0..CHUNK {
            let (multiplier, _) = modulation(start + path);
            normal[path] = rho.mul_add(price[path], rest * own[path]);
            // K2 + K4 / 2.
            let curvature = 0.5 * scheme.second * scheme.square * multiplier;
            let wanted = multiplier * (scheme.lever - curvature);
            exponent[path] = if wanted > scheme.most { scheme.most } else { wanted };
        }
        let variance = &mut variance[start..start + CHUNK];
        let moved = move_variance(&scheme, variance, &normal, &exponent);
        let level = &mut level[start..start + CHUNK];
        for path in 0..CHUNK {
            let (multiplier, shift) = modulation(start + path);
            let other = rest.mul_add(price[path], -rho * own[path]);
            let squared = multiplier * multiplier;
            let k2 = multiplier * (scheme.lever - 0.5 * scheme.second * multiplier);
            let free = squared * (1.0 - scheme.square);
            let (before, after) = (variance[path], moved.variance[path]);
            let early = free * scheme.first * before;
            let noise = (free * scheme.second).mul_add(after, early).sqrt() * other;
            let trend = (scheme.growth + shift * scheme.length) - moved.correction[path];
            level[path] *= factor(k2.mul_add(after, trend) - 0.5 * early + noise);
            variance[path] = after;
        }
    }
}

#[inline(always)]
fn curve(curve: Curve, price: &Lane, modulation: impl Fn(usize) -> (f64, f64), level: &mut Lane, variance: &mut Lane) {
    for path in 0..PATHS {
        let (multiplier, shift) = modulation(path);
        let integral = multiplier * multiplier * variance[path].mul_add(curve.response, curve.base);
        let trend = (curve.growth + shift * curve.length) - 0.5 * integral;
        level[path] *= factor(integral.sqrt().mul_add(price[path], trend));
        variance[path] = variance[path].mul_add(curve.decay, curve.level);
    }
}

crate::vectorised! {
    fn advance(scheme: Scheme, rho: f64, price: &Lane, own: &Lane, level: &mut Lane, variance: &mut Lane) {
        both(scheme, rho, price, own, |_| (1.0, 0.0), level, variance);
    }

    /// With a multiplier of 1 and a shift of 0 the same bits as `advance`.
    fn advance_modulated(
        scheme: Scheme, rho: f64, price: &Lane, own: &Lane, multiplier: &Lane, shift: &Lane, level: &mut Lane,
        variance: &mut Lane,
    ) {
        both(scheme, rho, price, own, |path| (multiplier[path], shift[path]), level, variance);
    }

    fn follow(certain: Curve, price: &Lane, level: &mut Lane, variance: &mut Lane) {
        curve(certain, price, |_| (1.0, 0.0), level, variance);
    }

    /// With a multiplier of 1 and a shift of 0 the same bits as `follow`.
    fn follow_modulated(
        certain: Curve, price: &Lane, multiplier: &Lane, shift: &Lane, level: &mut Lane, variance: &mut Lane,
    ) {
        curve(certain, price, |path| (multiplier[path], shift[path]), level, variance);
    }
}
