//! Moments of the two mixtures that matching needs: two normals, and a t copula of normals. What is found is simulated, so it has the same bits on every
//! machine: kernels, not the platform's functions.

use crate::market::NormalMargin;
use crate::numeric::{Lane, PATHS, gauss_legendre, kernel};

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
        let most = kernel::ln(1e6);
        of(kernel::exp(bisect(0.0, most, |ratio| of(kernel::exp(ratio)).excess_kurtosis() - excess_kurtosis)))
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
/// integral over s and an angle of smooth functions: Gauss's rule in s, and the mean over equal angles. It errs by 2e-8 at 3 degrees of freedom and less above,
/// by 1e-6 at 2.01, where a variate passes zero steeply. The normals are those that the simulation makes.
pub(super) struct TCopula {
    freedom: f64,
    margin: NormalMargin,
    /// Nodes and weights on 0 to 1.
    radii: Vec<(f64, f64)>,
}

/// Half a circle: opposite angles have the same product.
const ANGLES: usize = PATHS / 2;
const RADII: usize = 32;
/// Beyond lies a probability of 2e-16.
const FURTHEST: f64 = 8.5;

impl TCopula {
    /// For more than 2 degrees of freedom.
    pub(super) fn new(freedom: f64) -> Self {
        TCopula { freedom, margin: NormalMargin::new(freedom), radii: gauss_legendre(RADII) }
    }

    /// The correlation of the normals for a correlation of the t variates.
    pub(super) fn pearson(&self, rho: f64) -> f64 {
        let rest = (1.0 - rho * rho).max(0.0).sqrt();
        // Both variates at every angle.
        let mut circle = Lane::ZERO;
        for angle in 0..ANGLES {
            let (sin, cos) = kernel::sin_cos_2pi((angle as f64 + 0.5) / (2 * ANGLES) as f64);
            (circle[angle], circle[ANGLES + angle]) = (cos, rho * cos + rest * sin);
        }
        let at = |(node, weight): &(f64, f64)| {
            let s = FURTHEST * node;
            // Of variates that have variance 1.
            let radius = ((self.freedom - 2.0) * kernel::exp_m1(s * s / self.freedom)).sqrt();
            let mut normals = circle;
            self.margin.apply(&Lane::splat(radius), &mut normals);
            let products: f64 = (0..ANGLES).map(|angle| normals[angle] * normals[ANGLES + angle]).sum();
            FURTHEST * weight * s * kernel::exp(-0.5 * s * s) * products / ANGLES as f64
        };
        self.radii.iter().map(at).sum()
    }
}

#[cfg(test)]
mod tests {
    //! Guards: the correlation under a t copula is that of the two distribution functions, and is what it must be at its ends. A simulation of
    //! the matched market would show three digits of it.
    use super::*;

    #[test]
    fn the_copula_has_the_correlation_of_its_distribution_functions() {
        // By SciPy's distribution functions of t and the normal, with 12,000 angles and 120 nodes, at 0.1, 0.5, 0.9 and 0.99.
        let table = [
            (2.01, 3e-6, [0.094_190_173_659, 0.475_889_324_913, 0.884_406_629_602, 0.987_587_490_448]),
            (3.0, 5e-8, [0.096_751_502_167, 0.486_863_684_548, 0.892_475_823_265, 0.988_996_813_169]),
            (4.0, 1e-8, [0.097_972_639_611, 0.491_942_520_358, 0.895_710_147_065, 0.989_464_321_492]),
            (12.0, 1e-8, [0.099_740_727_145, 0.499_009_062_266, 0.899_537_814_808, 0.989_946_353_701]),
        ];
        for (freedom, bound, expected) in table {
            let copula = TCopula::new(freedom);
            for (rho, expected) in [0.1, 0.5, 0.9, 0.99].into_iter().zip(expected) {
                let found = copula.pearson(rho);
                assert!((found - expected).abs() < bound, "{freedom}, {rho}: {found} for {expected}");
                assert!((copula.pearson(-rho) + found).abs() < bound);
            }
            assert!(copula.pearson(0.0).abs() < 1e-14 && (copula.pearson(1.0) - 1.0).abs() < bound);
        }
        // Nearly normal.
        assert!((TCopula::new(1e6).pearson(0.5) - 0.5).abs() < 1e-6);
    }
}
