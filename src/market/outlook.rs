//! What is expected of a rent, and what a call on it is worth.

use super::coming_launches::{ComingLaunches, ln_factorial};
use super::deflating_rent::DeflatingRent;
use super::ou::OuStep;
use crate::numeric::kernel::{exp, ln, normal_cdf};

/// What a rent does from here on, as far as is known today: given its list jumps, the level in `t` years is taken as lognormal, with its
/// exact mean and its exact second moment.
pub(super) struct Outlook<'a> {
    pub(super) rent: &'a DeflatingRent,
    /// Years of delay from launch to adoption, and the launches to come.
    pub(super) launches: Option<(f64, ComingLaunches)>,
}

/// A number of list jumps: how likely it is, and what it adds to the logarithm of the mean and to the variance.
#[derive(Debug, Clone, Copy)]
pub(super) struct Jumped {
    probability: f64,
    shift: f64,
    variance: f64,
}

impl Outlook<'_> {
    /// As many jumps are normal by the central limit theorem.
    const MANY: f64 = 1000.0;

    /// ln E[R'/R] and the variance of ln R' but for jumps, in `years`, without scarcity and pending adoption, from an age.
    pub(super) fn law(&self, age: usize, years: f64) -> (f64, f64) {
        let rent = self.rent;
        let noise = OuStep::new(rent.reversion, rent.volatility, years).deviation;
        let trend = rent.deflation_deviation * years;
        let mut variance = noise * noise + trend * trend;
        let mut mean = -rent.deflation * years + 0.5 * variance;
        if let Some(jumps) = &rent.jumps {
            mean += jumps.per_year * years * (exp(jumps.mean + 0.5 * jumps.deviation * jumps.deviation) - 1.0);
        }
        if let Some((_, launches)) = &self.launches {
            let [first, second] = launches.logarithms(age, years);
            mean += first;
            variance += (second - 2.0 * first).max(0.0);
        }
        (mean, variance)
    }

    /// The mixture over the numbers of list jumps: the law of a compound Poisson sum of normals.
    pub(super) fn jumps(&self, years: f64) -> Vec<Jumped> {
        let still = Jumped { probability: 1.0, shift: 0.0, variance: 0.0 };
        let Some(jumps) = self.rent.jumps.as_ref().filter(|jumps| jumps.per_year * years > 0.0) else {
            return vec![still];
        };
        let (expected, square) = (jumps.per_year * years, jumps.deviation * jumps.deviation);
        if expected > Self::MANY {
            return vec![Jumped { variance: self.jump_variance(years), ..still }];
        }
        let (each, reach) = (jumps.mean + 0.5 * square, 8.0 * expected.sqrt() + 12.0);
        let (first, last) = ((expected - reach).max(0.0) as u32, (expected + reach) as u32);
        let mixture = (first..=last).map(f64::from).map(|count| Jumped {
            probability: exp(count * ln(expected) - expected - ln_factorial(count)),
            shift: count * each - expected * (exp(each) - 1.0),
            variance: count * square,
        });
        mixture.collect()
    }

    /// The variance of ln R' by list jumps.
    pub(super) fn jump_variance(&self, years: f64) -> f64 {
        let jumps = self.rent.jumps.as_ref();
        jumps
            .map_or(0.0, |jumps| jumps.per_year * years * (jumps.mean * jumps.mean + jumps.deviation * jumps.deviation))
    }

    /// By how much ln R' falls for each log of scarcity today, and for each log of performance that is launched and not adopted.
    pub(super) fn pulls(&self, years: f64) -> (f64, f64) {
        let recall = exp(-self.rent.reversion * years) - 1.0;
        let pending = match self.launches {
            Some((ramp, _)) if ramp > 0.0 => self.rent.sensitivity * (exp(-years / ramp) - 1.0),
            Some(_) => -self.rent.sensitivity,
            None => 0.0,
        };
        (recall, pending)
    }
}

/// What the strip costs to run and how it is discounted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// Years.
    pub(super) life: f64,
    /// Growth of the cost per year.
    pub(super) growth: f64,
    /// Per year.
    pub(super) discount: f64,
}

impl Terms {
    /// The cost of an hour in `years`, discounted, for one of today.
    fn cost(self, years: f64) -> f64 {
        exp((self.growth - self.discount) * years)
    }

    /// All costs of `life` more years.
    pub(super) fn annuity(self, life: f64) -> f64 {
        let rate = (self.discount - self.growth) * life;
        // (1 - e^(-rate)) / rate for a rate of either sign.
        let mean = if rate >= 0.0 { super::ou::mean_decay(rate) } else { super::ou::mean_decay(-rate) * exp(-rate) };
        life * mean
    }

    /// Calls on rents with the logarithms of their means in `years`, and their slopes in it.
    pub(super) fn calls<const COUNT: usize>(
        self,
        years: f64,
        logs: &[f64; COUNT],
        variance: f64,
        jumps: &[Jumped],
    ) -> [[f64; COUNT]; 2] {
        let (discount, strike) = (exp(-self.discount * years), self.cost(years));
        let [mut values, mut slopes] = [[0.0; COUNT]; 2];
        for jumped in jumps {
            // Without variance a call is what it is in the end.
            let deviation = (variance + jumped.variance).sqrt().max(1e-9);
            let weights = [jumped.probability * discount, jumped.probability * strike];
            black(weights, jumped.shift, self.growth * years, deviation, logs, &mut values, &mut slopes);
        }
        [values, slopes]
    }
}

crate::vectorised! {
    /// Adds Black's formula.
    fn black(
        weights: [f64; 2], shift: f64, strike: f64, deviation: f64, logs: &[f64], values: &mut [f64], slopes: &mut [f64],
    ) {
        for ((log, value), slope) in logs.iter().zip(values).zip(slopes) {
            let log = log + shift;
            let first = (log - strike) / deviation + 0.5 * deviation;
            let earned = weights[0] * exp(log) * normal_cdf(first);
            *slope += earned;
            *value += earned - weights[1] * normal_cdf(first - deviation);
        }
    }
}
