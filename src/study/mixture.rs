//! Moments of the two mixtures that matching needs: two normals, and a t copula of normals.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};
use std::f64::consts::PI;

/// The log return of a price over a step under two regimes: normal with variance `calm` or `stress` and, for the price to grow as it should,
/// with a mean of minus half of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct TwoNormals {
    /// Probability of stress.
    pub(super) share: f64,
    pub(super) calm: f64,
    pub(super) stress: f64,
}

impl TwoNormals {
    /// The one of this variance and excess kurtosis; or of the largest kurtosis that it can have.
    pub(super) fn new(share: f64, variance: f64, excess_kurtosis: f64) -> Self {
        let of = |ratio: f64| {
            // In the ratio the variance only grows.
            let calm =
                bisect(0.0, variance, |calm| TwoNormals { share, calm, stress: ratio * calm }.variance() - variance);
            TwoNormals { share, calm, stress: ratio * calm }
        };
        if excess_kurtosis <= 0.0 {
            return of(1.0);
        }
        // The kurtosis grows with the logarithm of the ratio.
        let most = 1e6_f64.ln();
        of(bisect(0.0, most, |ratio| of(ratio.exp()).excess_kurtosis() - excess_kurtosis).exp())
    }

    /// By how much the mean in stress lies above that in calm.
    pub(super) fn distance(self) -> f64 {
        0.5 * (self.calm - self.stress)
    }

    fn offsets(self) -> [f64; 2] {
        let distance = self.distance();
        [-self.share * distance, (1.0 - self.share) * distance]
    }

    pub(super) fn variance(self) -> f64 {
        let [calm, stress] = self.offsets();
        (1.0 - self.share) * (self.calm + calm * calm) + self.share * (self.stress + stress * stress)
    }

    pub(super) fn skewness(self) -> f64 {
        let third = |variance: f64, offset: f64| offset * (3.0 * variance + offset * offset);
        let [calm, stress] = self.offsets();
        let whole = (1.0 - self.share) * third(self.calm, calm) + self.share * third(self.stress, stress);
        whole / (self.variance() * self.variance().sqrt())
    }

    pub(super) fn excess_kurtosis(self) -> f64 {
        let fourth = |variance: f64, offset: f64| {
            let square = offset * offset;
            3.0 * variance * variance + 6.0 * variance * square + square * square
        };
        let [calm, stress] = self.offsets();
        let whole = (1.0 - self.share) * fourth(self.calm, calm) + self.share * fourth(self.stress, stress);
        whole / (self.variance() * self.variance()) - 3.0
    }
}

/// Where an increasing function crosses zero, or the end that is nearer to it.
pub(super) fn bisect(mut low: f64, mut high: f64, f: impl Fn(f64) -> f64) -> f64 {
    if f(high) <= 0.0 {
        return high;
    }
    if f(low) >= 0.0 {
        return low;
    }
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            break;
        }
        if f(middle) < 0.0 { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// The same for a smooth function that costs much: false position with Illinois weights, some ten calls to the last bits.
pub(super) fn crossing(low: f64, high: f64, f: impl Fn(f64) -> f64) -> f64 {
    let (mut a, mut b) = ((low, f(low)), (high, f(high)));
    if b.1 <= 0.0 {
        return high;
    }
    if a.1 >= 0.0 {
        return low;
    }
    let mut above = None;
    let mut last = low;
    for _ in 0..100 {
        let at = (b.1 * a.0 - a.1 * b.0) / (b.1 - a.1);
        let value = f(at);
        if (at - last).abs() <= 1e-15 || value == 0.0 {
            return at;
        }
        last = at;
        let is_above = value > 0.0;
        // The end that stays twice counts half, lest it stay for ever.
        let weight = if above == Some(is_above) { 0.5 } else { 1.0 };
        if is_above {
            (a.1, b) = (a.1 * weight, (at, value));
        } else {
            (b.1, a) = (b.1 * weight, (at, value));
        }
        above = Some(is_above);
    }
    last
}

/// Pearson's correlation of the normals that have a t copula.
///
/// The radius of a bivariate t is `r = sqrt(nu (e^(s^2 / nu) - 1))` with `s` that of two independent normals, so the mean of the product is an
/// integral over s and an angle of smooth functions: Simpson's rule in s, and the mean over equal angles.
pub(super) struct TCopula {
    freedom: f64,
    law: StudentsT,
}

const ANGLES: usize = 96;
const RADII: usize = 120;

impl TCopula {
    pub(super) fn new(freedom: f64) -> Option<Self> {
        Some(TCopula { freedom, law: StudentsT::new(0.0, 1.0, freedom).ok()? })
    }

    fn normal(&self, variate: f64) -> f64 {
        // From the lower side, where probabilities keep their digits.
        let tail = self.law.cdf(-variate.abs()).max(1e-300);
        (-Normal::standard().inverse_cdf(tail)).max(0.0).copysign(variate)
    }

    /// The correlation of the normals for a correlation of the t variates.
    pub(super) fn pearson(&self, rho: f64) -> f64 {
        let width = 8.5 / RADII as f64;
        let rest = (1.0 - rho * rho).max(0.0).sqrt();
        let mut sum = 0.0;
        for step in 1..=RADII {
            let s = width * step as f64;
            let simpson = if step == RADII {
                1.0
            } else if step % 2 == 1 {
                4.0
            } else {
                2.0
            };
            let weight = simpson * width / 3.0 * s * (-0.5 * s * s).exp();
            let radius = (self.freedom * (s * s / self.freedom).exp_m1()).sqrt();
            // Opposite angles have the same product: half a circle is enough.
            let circle: f64 = (0..ANGLES)
                .map(|angle| {
                    let (sin, cos) = (PI * (angle as f64 + 0.5) / ANGLES as f64).sin_cos();
                    self.normal(radius * cos) * self.normal(radius * (rho * cos + rest * sin))
                })
                .sum();
            sum += weight * circle / ANGLES as f64;
        }
        sum
    }
}
