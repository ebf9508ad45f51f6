//! What a normal or a t dependence would show in its tails: the null beside which joint falls are judged.

use super::tails::Threshold;
use crate::numeric::kernel::normal_cdf;
use crate::{Error, check};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};
use std::f64::consts::{PI, TAU};

/// A pair of equal margins with a bivariate t law, or a bivariate normal one where the degrees of freedom are infinite.
///
/// ```text
/// (X, Y) = sqrt(nu / V) (Z_1, Z_2),   corr(Z_1, Z_2) = rho,   V chi-square with nu degrees of freedom
/// ```
///
/// Its tails are symmetric. Exceedance correlations need a variance, so nu is above 2.
///
/// The moments of a normal pair above a threshold h, with L = P(Z_1 > h, Z_2 > h), phi and Q density and tail of the normal law, and
/// k = h sqrt((1 - rho) / (1 + rho)), are (S. Rosenbaum, JRSS B 23 (1961) 405-408, doi:10.1111/j.2517-6161.1961.tb00422.x)
///
/// ```text
/// L          = Q(h)^2 + 1/(2 pi) int_0^{asin rho} exp(-h^2 / (1 + sin t)) dt
/// L E[Z_1]   = (1 + rho) phi(h) Q(k)
/// L E[Z_1^2] = L + (1 + rho^2) h phi(h) Q(k) + rho sqrt(1 - rho^2) / (2 pi) exp(-h^2 / (1 + rho))
/// L E[Z_1 Z_2] = rho L + 2 rho h phi(h) Q(k) + sqrt(1 - rho^2) / (2 pi) exp(-h^2 / (1 + rho))
/// ```
///
/// The integral by Gauss and Legendre; those of the t law are the mean of these over V, by the trapezoidal rule in ln V, which converges
/// exponentially. Ten digits agree with direct integration of the density.
///
/// ```
/// use haircut::comovement::{EllipticalPair, Threshold};
/// let normal = EllipticalPair::new(0.5, f64::INFINITY)?;
/// let value = normal.exceedance_correlation(Threshold::Deviations(1.0));
/// assert!((value - 0.178_924_101_238_7).abs() < 1e-9);
/// # Ok::<(), haircut::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EllipticalPair {
    correlation: f64,
    #[serde(with = "crate::measure::extended")]
    degrees_of_freedom: f64,
}

impl EllipticalPair {
    /// A pair with this correlation, from -1 to 1, and degrees of freedom above 2; infinite for a normal pair.
    ///
    /// # Errors
    /// [`Error::Invalid`] where either is out of range.
    pub fn new(correlation: f64, degrees_of_freedom: f64) -> Result<Self, Error> {
        check::within("correlation", correlation, -1.0, 1.0)?;
        if degrees_of_freedom.is_nan() || degrees_of_freedom <= 2.0 {
            let expected = "must be above 2, or infinite: an exceedance correlation needs a variance";
            return Err(Error::invalid("degrees_of_freedom", degrees_of_freedom, expected));
        }
        Ok(EllipticalPair { correlation, degrees_of_freedom })
    }

    /// Of numbers in range.
    pub(super) fn known(correlation: f64, degrees_of_freedom: f64) -> Self {
        EllipticalPair { correlation, degrees_of_freedom }
    }

    /// rho.
    #[must_use]
    pub fn correlation(&self) -> f64 {
        self.correlation
    }

    /// nu.
    #[must_use]
    pub fn degrees_of_freedom(&self) -> f64 {
        self.degrees_of_freedom
    }

    /// The correlation of the two given that both are beyond the threshold; falls and rises alike. NaN where that never happens.
    #[must_use]
    pub fn exceedance_correlation(&self, threshold: Threshold) -> f64 {
        if self.correlation >= 1.0 {
            return 1.0;
        }
        let [l, first, second, product] = self.moments(self.standard(threshold));
        let (mean, second, product) = (first / l, second / l, product / l);
        (product - mean * mean) / (second - mean * mean)
    }

    /// The chance that one is beyond the threshold given that the other is: the quantile-dependence curve.
    #[must_use]
    pub fn dependence(&self, threshold: Threshold) -> f64 {
        let h = self.standard(threshold);
        let single = match self.student() {
            Some(law) => law.cdf(-h),
            None => upper(h),
        };
        match self.correlation {
            rho if rho >= 1.0 => 1.0,
            _ => (self.moments(h)[0] / single).clamp(0.0, 1.0),
        }
    }

    /// The limit of [`dependence`](Self::dependence) far out: 0 for a normal pair, `2 t_{nu+1}(-sqrt((nu + 1)(1 - rho) / (1 + rho)))` for a t pair.
    #[must_use]
    pub fn tail_dependence(&self) -> f64 {
        let rho = self.correlation;
        if rho >= 1.0 {
            return 1.0;
        }
        if rho <= -1.0 || self.degrees_of_freedom.is_infinite() {
            return 0.0;
        }
        let nu = self.degrees_of_freedom + 1.0;
        StudentsT::new(0.0, 1.0, nu).map_or(0.0, |law| 2.0 * law.cdf(-(nu * (1.0 - rho) / (1.0 + rho)).sqrt()))
    }

    fn student(&self) -> Option<StudentsT> {
        if self.degrees_of_freedom.is_infinite() {
            None
        } else {
            StudentsT::new(0.0, 1.0, self.degrees_of_freedom).ok()
        }
    }

    /// The threshold on the scale of X, whose variance is nu / (nu - 2).
    fn standard(&self, threshold: Threshold) -> f64 {
        let nu = self.degrees_of_freedom;
        match (threshold, self.student()) {
            (Threshold::Deviations(deviations), None) => deviations,
            (Threshold::Deviations(deviations), Some(_)) => deviations * (nu / (nu - 2.0)).sqrt(),
            (Threshold::Quantile(q), None) => -Normal::standard().inverse_cdf(q),
            (Threshold::Quantile(q), Some(law)) => -law.inverse_cdf(q),
        }
    }

    /// `[P, P E[X], P E[X^2], P E[X Y]]` of both above h.
    fn moments(&self, h: f64) -> [f64; 4] {
        let angle = self.correlation.asin();
        // Equal nodes for all thresholds of the mixture: exp(-h^2 s) at these s.
        let nodes: Vec<(f64, f64)> = legendre()
            .into_iter()
            .map(|(node, weight)| (1.0 / (1.0 + (0.5 * angle * (1.0 + node)).sin()), 0.5 * angle * weight))
            .collect();
        let nu = self.degrees_of_freedom;
        if nu.is_infinite() {
            return normal_moments(h, self.correlation, &nodes);
        }
        // ln V / nu has the density exp(nu / 2 (u - e^u)), but for a constant; its second moment needs exp(-u) more.
        let exponent = |u: f64| 0.5 * nu * (u - u.exp() + 1.0);
        let step = 0.15_f64.min(0.25 * (2.0 / nu).sqrt());
        let mut total = 0.0;
        let mut sums = [0.0; 4];
        let mut add = |u: f64| {
            // Each power of the size sqrt(nu / V) goes into the exponent: alone it would overflow.
            let weight = |power: f64| (exponent(u) - 0.5 * power * u).exp();
            let [l, first, second, product] = normal_moments(h * (0.5 * u).exp(), self.correlation, &nodes);
            total += weight(0.0);
            let terms = [weight(0.0) * l, weight(1.0) * first, weight(2.0) * second, weight(2.0) * product];
            sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
            exponent(u) - u.min(0.0)
        };
        add(0.0);
        for direction in [1.0, -1.0] {
            let mut at = 1.0;
            while add(direction * at * step) > -40.0 {
                at += 1.0;
            }
        }
        sums.map(|sum| sum / total)
    }
}

/// The tail of the normal law.
fn upper(h: f64) -> f64 {
    normal_cdf(-h)
}

/// The moments of a normal pair; the nodes hold 1 / (1 + sin t) and weights of dt.
fn normal_moments(h: f64, rho: f64, nodes: &[(f64, f64)]) -> [f64; 4] {
    let integral: f64 = nodes.iter().map(|(inverse, weight)| weight * (-h * h * inverse).exp()).sum();
    let l = upper(h).powi(2) + integral / TAU;
    let phi = (-0.5 * h * h).exp() / TAU.sqrt();
    let edge = phi * upper(h * ((1.0 - rho) / (1.0 + rho)).sqrt());
    let corner = (1.0 - rho * rho).sqrt() / TAU * (-h * h / (1.0 + rho)).exp();
    [l, (1.0 + rho) * edge, l + (1.0 + rho * rho) * h * edge + rho * corner, rho * l + 2.0 * rho * h * edge + corner]
}

/// Nodes and weights of Gauss and Legendre on (-1, 1), by Newton's method from Tricomi's guess.
fn legendre() -> Vec<(f64, f64)> {
    const NODES: usize = 40;
    let node = |index: usize| {
        let mut x = (PI * (index as f64 + 0.75) / (NODES as f64 + 0.5)).cos();
        let mut slope = 0.0;
        for _ in 0..6 {
            let (mut before, mut value) = (1.0, x);
            for degree in 2..=NODES {
                let k = degree as f64;
                (before, value) = (value, ((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k);
            }
            slope = NODES as f64 * (x * value - before) / (x * x - 1.0);
            x -= value / slope;
        }
        (x, 2.0 / ((1.0 - x * x) * slope * slope))
    };
    (0..NODES).map(node).collect()
}

#[cfg(test)]
mod tests {
    //! Guards: closed form and quadrature against values that other programs found, and the limits between them.
    #![allow(clippy::float_cmp, clippy::unwrap_used, reason = "exact limits; a test fails by panicking")]
    use super::*;

    fn pair(rho: f64, nu: f64) -> EllipticalPair {
        EllipticalPair::new(rho, nu).unwrap()
    }

    #[test]
    fn exceedance_correlation_of_the_normal_law() {
        // Cases D01 (rho 0.2, 0.5, 0.8) and HO-D01 of an independent computation.
        for (rho, deviations, expected) in [
            (0.2, 0.0, 0.083_622_435_872_591_87),
            (0.2, 1.0, 0.049_516_118_590_302_055),
            (0.2, 2.0, 0.030_101_838_650_546_51),
            (0.5, 0.0, 0.268_747_3),
            (0.5, 1.0, 0.178_924_101_238_663_45),
            (0.5, 1.5, 0.145_481_881_800_549_05),
            (0.8, 2.0, 0.357_194_768_646_859_45),
            (0.35, 1.25, 0.091_858_05),
        ] {
            let value = pair(rho, f64::INFINITY).exceedance_correlation(Threshold::Deviations(deviations));
            let digits = if expected.to_string().len() > 12 { 1e-10 } else { 5e-8 };
            assert!((value - expected).abs() < digits, "{rho} {deviations}: {value} {expected}");
        }
    }

    #[test]
    fn exceedance_correlation_of_the_t_law() {
        // Direct integration of the bivariate t density over the quadrant above `a` (mpmath, polar coordinates, 20 digits).
        for (rho, nu, a, chance, expected) in [
            (0.5, 5.0, 1.0, 0.080_230_806_525_909_32, 0.444_109_771_724_226_8),
            (0.0, 4.5, 0.5, 0.105_750_730_378_526_19, 0.279_438_479_139_990_35),
            (-0.3, 8.0, 0.7, 0.038_127_849_591_091_04, 0.105_529_164_519_476_53),
            (0.8, 6.0, 0.0, 0.397_583_617_650_433_29, 0.677_738_438_951_876_3),
        ] {
            let law = pair(rho, nu);
            let deviations = a / (nu / (nu - 2.0_f64)).sqrt();
            let value = law.exceedance_correlation(Threshold::Deviations(deviations));
            assert!((value - expected).abs() < 1e-10, "{rho} {nu}: {value} {expected}");
            assert!((law.moments(a)[0] - chance).abs() < 1e-10);
        }
    }

    #[test]
    fn joint_quantiles_of_both_laws() {
        // Case D04: P(U < q, V < q) of the normal copula, and the ratio of the t copula's to it.
        for (rho, q, normal, ratios) in [
            (0.5, 0.05, 0.012_189_428_767_174_904, [(8.0, 1.203_731_219_897), (3.0, 1.500_724_396_719)]),
            (0.5, 0.001, 5.425_916_819_456_718e-5, [(8.0, 3.000_634_669_912), (4.0, 4.856_196_277_247)]),
            (0.7, 0.01, 0.002_668_396_488_752_565, [(8.0, 1.328_248_068_924), (3.0, 1.742_229_929_016)]),
        ] {
            let value = q * pair(rho, f64::INFINITY).dependence(Threshold::Quantile(q));
            assert!((value / normal - 1.0).abs() < 1e-8, "{rho} {q}: {value} {normal}");
            for (nu, ratio) in ratios {
                let t = q * pair(rho, nu).dependence(Threshold::Quantile(q)) / normal;
                assert!((t / ratio - 1.0).abs() < 1e-7, "{rho} {q} {nu}: {t} {ratio}");
            }
        }
    }

    #[test]
    fn tail_dependence_of_the_t_law() {
        // Case D03 with nu = 4.
        for (rho, expected) in
            [(-0.5, 0.011_724_811_004), (0.0, 0.075_586_818_422), (0.5, 0.253_169_995_1), (0.9, 0.629_811_871_192)]
        {
            assert!((pair(rho, 4.0).tail_dependence() - expected).abs() < 1e-9);
        }
        // The quantile-dependence curve ends there.
        let law = pair(0.5, 4.0);
        assert!((law.dependence(Threshold::Quantile(1e-9)) - law.tail_dependence()).abs() < 1e-3);
    }

    #[test]
    fn limits() {
        for threshold in [Threshold::Quantile(0.05), Threshold::Deviations(1.0)] {
            assert_eq!(pair(1.0, 5.0).exceedance_correlation(threshold), 1.0);
            assert_eq!(pair(1.0, f64::INFINITY).dependence(threshold), 1.0);
            // Independent normals stay independent; t pairs share their size.
            assert!(pair(0.0, f64::INFINITY).exceedance_correlation(threshold).abs() < 1e-12);
            assert!(pair(0.0, 4.0).exceedance_correlation(threshold) > 0.2);
            let (many, normal) = (pair(0.4, 1e4), pair(0.4, f64::INFINITY));
            assert!((many.exceedance_correlation(threshold) - normal.exceedance_correlation(threshold)).abs() < 1e-3);
            assert!(
                pair(0.4, 2.05).exceedance_correlation(threshold) > pair(0.4, 4.0).exceedance_correlation(threshold)
            );
        }
        assert_eq!(EllipticalPair::new(0.5, 2.0).unwrap_err().field(), Some("degrees_of_freedom"));
        assert_eq!(EllipticalPair::new(1.5, 4.0).unwrap_err().field(), Some("correlation"));
    }
}
