//! Probabilities from counts and from weights, with intervals that hold for rare events.

use super::binomial::beta_quantile;
use super::{Confidence, Estimate};

impl Estimate {
    /// A probability from a count: Wilson's interval.
    ///
    /// ```text
    /// p = k / n,   (p + z^2/2n ± z sqrt(p (1 - p) / n + z^2/4n^2)) / (1 + z^2/n)
    /// ```
    ///
    /// The standard error is half the width of this interval for `z = 1`: that is `sqrt(p (1 - p) / n)` but for a few events, and it is not
    /// zero when nothing, or everything, happened, where the textbook formula claims certainty.
    ///
    /// E. B. Wilson, *Probable inference, the law of succession, and statistical inference*, JASA 22 (1927) 209–212,
    /// [doi:10.1080/01621459.1927.10502953](https://doi.org/10.1080/01621459.1927.10502953); R. G. Newcombe, Stat. Med. 17 (1998) 857–872.
    #[must_use]
    pub fn proportion(count: u64, paths: u64, confidence: Confidence) -> Self {
        let (p, n) = (count as f64 / paths as f64, paths as f64);
        let (_, standard_error) = wilson(p, n, 1.0);
        let (center, half) = wilson(p, n, confidence.z());
        // At the ends the interval reaches to the end exactly, which rounding might miss.
        let lower = if count == 0 { 0.0 * p } else { center - half };
        let upper = if count == paths { 1.0 + 0.0 * p } else { center + half };
        Estimate { value: p, standard_error, lower, upper, confidence: confidence.level(), paths }
    }

    /// A probability from the weights of the paths on which the event happened, see [`Tally::probability`](super::Tally::probability).
    pub(super) fn weighted_proportion(weight: f64, squares: f64, paths: u64, confidence: Confidence) -> Self {
        if !(weight.is_finite() && squares.is_finite()) {
            return Self::undefined(paths, confidence);
        }
        let plain = Self::mean(paths, weight, squares, confidence);
        let (p, variance) = (plain.value, plain.standard_error * plain.standard_error);
        let equivalent = p * (1.0 - p) / variance;
        if !(p > 0.0 && p < 1.0 && equivalent.is_finite() && equivalent > 0.0) {
            return plain;
        }
        let (center, half) = wilson(p, equivalent, confidence.z());
        Estimate { lower: center - half, upper: center + half, ..plain }
    }

    /// A probability from a count, with the exact interval of Clopper and Pearson instead of Wilson's: it covers at least as often
    /// as stated for every true probability, and is wider.
    ///
    /// ```text
    /// lower: I_x(k, n - k + 1) = (1 - c) / 2,   upper: I_x(k + 1, n - k) = (1 + c) / 2
    /// ```
    ///
    /// C. J. Clopper, E. S. Pearson, Biometrika 26 (1934) 404–413, [doi:10.1093/biomet/26.4.404](https://doi.org/10.1093/biomet/26.4.404).
    #[must_use]
    pub fn clopper_pearson(count: u64, paths: u64, confidence: Confidence) -> Self {
        let wilson = Self::proportion(count, paths, confidence);
        if paths == 0 || count > paths {
            return Self::undefined(paths, confidence);
        }
        let (k, n, tail) = (count as f64, paths as f64, confidence.tail());
        let lower = if count == 0 { 0.0 } else { beta_quantile(tail, k, n - k + 1.0) };
        let upper = if count == paths { 1.0 } else { beta_quantile(1.0 - tail, k + 1.0, n - k) };
        Estimate { lower, upper, ..wilson }
    }
}

/// Center and half width of Wilson's interval.
fn wilson(p: f64, n: f64, z: f64) -> (f64, f64) {
    let z2n = z * z / n;
    ((p + 0.5 * z2n) / (1.0 + z2n), z * ((p * (1.0 - p) + 0.25 * z2n) / n).sqrt() / (1.0 + z2n))
}

#[cfg(test)]
mod tests {
    //! Guards: the intervals are the published ones, what was never seen is not certain, and the intervals cover as often as they say.
    #![allow(clippy::float_cmp, reason = "degenerate cases are exact")]
    use super::*;
    use crate::measure::Tally;
    use crate::measure::binomial::normal_quantile;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    fn near(estimate: Estimate, lower: f64, upper: f64, tolerance: f64) {
        assert!(
            (estimate.lower - lower).abs() < tolerance && (estimate.upper - upper).abs() < tolerance,
            "{estimate:?}"
        );
    }

    /// Newcombe (1998), Stat. Med. 17, 857–872, table I; 81/263 also statsmodels `proportion_confint`. The digits beyond
    /// the four printed are from an independent computation.
    #[test]
    fn published_intervals_of_wilson_and_of_clopper_and_pearson() {
        let c = Confidence::default();
        near(Estimate::proportion(81, 263, c), 0.255_288_519_878_274_2, 0.366_209_576_982_800_04, 1e-10);
        near(Estimate::proportion(15, 148, c), 0.062_386_399_530_736_3, 0.160_487_241_723_308_03, 1e-10);
        near(Estimate::proportion(0, 20, c), 0.0, 0.161_125_158_052_819_38, 1e-10);
        near(Estimate::proportion(1, 29, c), 0.006_113_214_292_762_653, 0.171_755_218_793_202_88, 1e-10);
        near(Estimate::clopper_pearson(81, 263, c), 0.252_736_745_585_271_26, 0.367_621_922_601_351_35, 1e-9);
        near(Estimate::clopper_pearson(15, 148, c), 0.057_844_010_083_448_576, 0.161_650_490_349_479, 1e-9);
        near(Estimate::clopper_pearson(0, 20, c), 0.0, 0.168_433_470_983_085_3, 1e-9);
        near(Estimate::clopper_pearson(1, 29, c), 0.000_872_646_883_579_922_8, 0.177_644_295_489_222_9, 1e-9);
    }

    #[test]
    fn an_event_never_seen_is_not_certain_not_to_happen() {
        let c = Confidence::default();
        let never = Estimate::proportion(0, 1000, c);
        assert_eq!((never.value, never.lower), (0.0, 0.0));
        assert!(never.standard_error > 4e-4 && never.upper > 3e-3);
        let always = Estimate::proportion(1000, 1000, c);
        assert_eq!((always.value, always.upper), (1.0, 1.0));
        assert!((always.standard_error - never.standard_error).abs() < 1e-15);
        assert!(!Estimate::proportion(0, 0, c).is_defined());
        assert!(!Estimate::clopper_pearson(0, 0, c).is_defined());
        // With many events it is the textbook standard error.
        let p = Estimate::proportion(250_000, 1_000_000, c);
        assert!((p.standard_error / (0.25_f64 * 0.75 / 1e6).sqrt() - 1.0).abs() < 2e-6);
        // Four million events in a hundred million: the two intervals agree to a few per mille of their width.
        let (wilson, exact) =
            (Estimate::proportion(4_000_000, 100_000_000, c), Estimate::clopper_pearson(4_000_000, 100_000_000, c));
        let width = wilson.upper - wilson.lower;
        assert!((wilson.lower - exact.lower).abs() < 3e-3 * width && (wilson.upper - exact.upper).abs() < 3e-3 * width);
    }

    /// P(Z > 3) by drawing with mean 3 and weighting: p, second moment per path in closed form. Reference: exp(shift^2) Phi(-c - shift),
    /// computed independently: p = 0.0013498980316300933, E[w^2 1] = 7.99440248964939e-6.
    #[test]
    fn weighted_probability_of_a_shifted_normal() {
        let (p, second) = (0.001_349_898_031_630_093_3, 7.994_402_489_649_39e-6_f64);
        let paths = 200_000_u64;
        let theory = ((second - p * p) / paths as f64).sqrt();
        let mut random = StdRng::seed_from_u64(7);
        let mut tally = Tally::new();
        for _ in 0..paths {
            let z = 3.0 + normal_quantile(random.random::<f64>());
            if z > 3.0 {
                tally.add((4.5 - 3.0 * z).exp());
            }
        }
        let estimate = tally.probability(paths, Confidence::default());
        assert!((estimate.value - p).abs() < 5.0 * theory, "{estimate:?}");
        // The standard error is itself an estimate; the fourth moment is below 40 second^2, so 5 deviations are below 0.04.
        assert!((estimate.standard_error / theory - 1.0).abs() < 0.04);
        assert!(estimate.lower > 0.0 && estimate.lower < p && p < estimate.upper);
    }

    /// Of `runs` intervals at 95 % so many miss: within 5 standard deviations of the binomial law.
    #[test]
    fn intervals_cover_as_often_as_they_say() {
        let mut random = StdRng::seed_from_u64(11);
        let (runs, paths, p) = (4000, 400_u64, 0.1);
        let (mut wilson, mut exact, mut mean) = (0, 0, 0);
        for _ in 0..runs {
            let uniforms: Vec<f64> = (0..paths).map(|_| random.random::<f64>()).collect();
            let count = uniforms.iter().filter(|u| **u < p).count() as u64;
            let covers = |e: Estimate, truth: f64| i32::from(e.lower <= truth && truth <= e.upper);
            wilson += covers(Estimate::proportion(count, paths, Confidence::default()), p);
            exact += covers(Estimate::clopper_pearson(count, paths, Confidence::default()), p);
            let squares = uniforms.iter().map(|u| u * u).sum();
            mean += covers(Estimate::mean(paths, uniforms.iter().sum(), squares, Confidence::default()), 0.5);
        }
        let expected = 0.95 * f64::from(runs);
        let deviation = (f64::from(runs) * 0.95 * 0.05).sqrt();
        assert!((f64::from(mean) - expected).abs() < 5.0 * deviation, "{mean}");
        // A count is discrete: for n = 400, p = 0.1 Wilson covers 0.9497 (exact sum over the binomial law), Clopper–Pearson 0.9581.
        assert!(
            (f64::from(wilson) - exact_coverage(paths, p, Estimate::proportion) * f64::from(runs)).abs()
                < 5.0 * deviation
        );
        assert!(
            (f64::from(exact) - exact_coverage(paths, p, Estimate::clopper_pearson) * f64::from(runs)).abs()
                < 5.0 * deviation
        );
        assert!(exact_coverage(paths, p, Estimate::clopper_pearson) >= 0.95);
        assert!((exact_coverage(paths, p, Estimate::proportion) - 0.95).abs() < 0.01);
    }

    fn exact_coverage(paths: u64, p: f64, interval: fn(u64, u64, Confidence) -> Estimate) -> f64 {
        let mut chance = (1.0 - p).powi(paths as i32);
        let mut covered = 0.0;
        for count in 0..=paths {
            let estimate = interval(count, paths, Confidence::default());
            if estimate.lower <= p && p <= estimate.upper {
                covered += chance;
            }
            chance *= (paths - count) as f64 / (count + 1) as f64 * p / (1.0 - p);
        }
        covered
    }
}
