//! A number from a simulation, and how sure it is.

use super::Confidence;
use serde::{Deserialize, Serialize};
use std::fmt;

/// An estimated number with its standard error and its interval.
///
/// What cannot be known from the paths that there are is not zero: a standard error that one path cannot give, and a bound that lies
/// beyond the largest loss seen, are infinite; a value that does not exist is NaN, with NaN for the rest.
///
/// ```
/// use haircut::measure::{Confidence, Estimate};
/// let default = Estimate::proportion(3_410, 100_000, Confidence::default());
/// assert_eq!(default.to_string(), "0.03410 ± 0.00057");
/// assert_eq!(default.scaled(100.0).to_string(), "3.410 ± 0.057");
/// assert!(default.lower < 0.0341 && 0.0341 < default.upper);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The estimate.
    #[serde(with = "super::extended")]
    pub value: f64,
    /// Standard deviation of the estimate over runs with other seeds, itself estimated.
    #[serde(with = "super::extended")]
    pub standard_error: f64,
    /// Lower end of the interval.
    #[serde(with = "super::extended")]
    pub lower: f64,
    /// Upper end of the interval.
    #[serde(with = "super::extended")]
    pub upper: f64,
    /// How often such an interval covers the true value.
    pub confidence: f64,
    /// Paths behind it.
    pub paths: u64,
}

impl Estimate {
    /// A value that does not exist: NaN throughout.
    #[must_use]
    pub fn undefined(paths: u64, confidence: Confidence) -> Self {
        Self::around(f64::NAN, f64::NAN, f64::NAN, paths, confidence)
    }

    /// A value with an interval of so many standard errors to either side.
    pub(super) fn around(value: f64, standard_error: f64, reach: f64, paths: u64, confidence: Confidence) -> Self {
        // Without spread the interval is the point, however far it might reach.
        let half = if standard_error == 0.0 { 0.0 } else { reach * standard_error };
        let (lower, upper) = (value - half, value + half);
        Estimate { value, standard_error, lower, upper, confidence: confidence.level(), paths }
    }

    /// A value with its standard error, itself estimated with so many degrees of freedom: the interval is Student's.
    #[must_use]
    pub fn with_freedom(value: f64, standard_error: f64, freedom: f64, paths: u64, confidence: Confidence) -> Self {
        Self::around(value, standard_error, confidence.t(freedom), paths, confidence)
    }

    /// The mean of `x` over paths.
    ///
    /// ```text
    /// m = S / n,   standard error = sqrt((Q / n - m^2) / (n - 1)),   interval by Student's t with n - 1 degrees of freedom
    /// ```
    ///
    /// `sum` is `S`, the sum of `x`, and `squares` is `Q`, the sum of its squares. On weighted paths `x` is the weight times
    /// the quantity. The subtraction loses the digits by which `m^2` exceeds the variance; a negative rest is rounding and counts as zero.
    #[must_use]
    pub fn mean(paths: u64, sum: f64, squares: f64, confidence: Confidence) -> Self {
        let n = paths as f64;
        let mean = sum / n;
        let variance = clip(squares / n - mean * mean);
        let standard_error = if paths == 1 { f64::INFINITY } else { (variance / (n - 1.0)).sqrt() };
        Self::around(mean, standard_error, confidence.t(n - 1.0), paths, confidence)
    }

    /// The ratio of two means over the same paths, `R = sum of y / sum of x`: a loss given default, an exposure given default.
    ///
    /// ```text
    /// standard error = sqrt( m/(m-1) sum of (y - R x)^2 ) / |sum of x|,   m = (sum of x)^2 / sum of x^2
    /// ```
    ///
    /// by the delta method (W. G. Cochran, *Sampling Techniques*, 2.11), with the effective number `m` of paths that count: most paths have
    /// no default and so `x = 0`. Where all others have the same `x`, `m` is their number, and the standard error that of a mean of
    /// so many. The interval is Student's with `m - 1` degrees of freedom; a single default says nothing about the spread, its standard error is infinite.
    ///
    /// `[x, y, xx, xy, yy]` are the sums of `x`, `y` and their products over the paths. Undefined when the
    /// sum of `x` is zero: nothing is known of a loss given default without a default.
    #[must_use]
    pub fn ratio(paths: u64, [x, y, xx, xy, yy]: [f64; 5], confidence: Confidence) -> Self {
        if x == 0.0 || !x.is_finite() {
            return Self::undefined(paths, confidence);
        }
        let ratio = y / x;
        // The terms cancel to their last bits where y is a fixed share of x.
        let rounding = 8.0 * f64::EPSILON * (yy + ratio * ratio * xx);
        let residual = yy - 2.0 * ratio * xy + ratio * ratio * xx;
        let residual = if residual <= rounding { 0.0 } else { residual };
        let effective = x * x / xx;
        let freedom = effective - 1.0;
        if freedom < 1e-9 {
            return Self::around(ratio, f64::INFINITY, 1.0, paths, confidence);
        }
        let standard_error = (effective / freedom * residual).sqrt() / x.abs();
        Self::around(ratio, standard_error, confidence.t(freedom), paths, confidence)
    }

    /// The same in other units: `scaled(100.0)` of a probability is in percent.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        let (a, b) = (self.lower * factor, self.upper * factor);
        Estimate {
            value: self.value * factor,
            standard_error: self.standard_error * factor.abs(),
            lower: a.min(b),
            upper: a.max(b),
            ..self
        }
    }

    /// Whether there is a value at all.
    #[must_use]
    pub fn is_defined(&self) -> bool {
        !self.value.is_nan()
    }
}

/// A variance that rounding made negative is zero; NaN stays.
pub(super) fn clip(variance: f64) -> f64 {
    if variance < 0.0 { 0.0 } else { variance }
}

/// `value ± standard error`, to two digits of the standard error, or to the precision that the format asks for.
impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Estimate { value, standard_error, .. } = *self;
        if value.is_nan() {
            return f.pad("undefined");
        }
        let ordinary = standard_error > 0.0 && standard_error.is_finite();
        let text = if let Some(places) = f.precision() {
            format!("{value:.places$} ± {standard_error:.places$}")
        } else if ordinary && value.abs().max(standard_error) >= 1e-4 && value.abs() < 1e15 {
            let places = (1.0 - standard_error.log10().floor()).clamp(0.0, 17.0) as usize;
            format!("{value:.places$} ± {standard_error:.places$}")
        } else if ordinary {
            let digits = (value.abs().log10().floor() - standard_error.log10().floor() + 1.0).clamp(1.0, 17.0) as usize;
            format!("{value:.digits$e} ± {standard_error:.1e}")
        } else {
            format!("{value} ± {standard_error}")
        };
        f.pad_integral(true, "", &text)
    }
}

#[cfg(test)]
mod tests {
    //! Guards: the intervals are the published ones, what is not known is not zero, and the intervals cover as often as they say.
    #![allow(clippy::float_cmp, reason = "degenerate cases are exact")]
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    #[test]
    fn means_by_hand() {
        // 1, 2, 3, 4: mean 2.5, variance 5/3, standard error sqrt(5/12), t of 3 degrees 3.182446.
        let mean = Estimate::mean(4, 10.0, 30.0, Confidence::default());
        let standard_error = (5.0_f64 / 12.0).sqrt();
        assert_eq!(mean.value, 2.5);
        assert!((mean.standard_error - standard_error).abs() < 1e-15);
        assert!((mean.upper - 2.5 - 3.182_446_305_284_263 * standard_error).abs() < 1e-9);
        // One path says nothing about the spread; none nothing at all.
        let one = Estimate::mean(1, 5.0, 25.0, Confidence::default());
        assert_eq!((one.value, one.standard_error, one.lower), (5.0, f64::INFINITY, f64::NEG_INFINITY));
        assert!(!Estimate::mean(0, 0.0, 0.0, Confidence::default()).is_defined());
        // No spread: exactly the point.
        let flat = Estimate::mean(8, 24.0, 72.0, Confidence::default());
        assert_eq!((flat.standard_error, flat.lower, flat.upper), (0.0, 3.0, 3.0));
    }

    #[test]
    fn ratios_by_hand() {
        let c = Confidence::default();
        // x = (1, 2, 3), y = (1, 1, 4): R = 1, residuals (0, -1, 1), m = 36/14, m/(m-1) = 18/11: sqrt(36/11) / 6.
        let ratio = Estimate::ratio(3, [6.0, 6.0, 14.0, 15.0, 18.0], c);
        assert_eq!(ratio.value, 1.0);
        assert!((ratio.standard_error - (1.0_f64 / 11.0).sqrt()).abs() < 1e-15);
        // With x the indicator of an event it is the mean over the events, whatever the paths: y = 1, 2, 3, 4 of a thousand.
        let (ratio, mean) = (Estimate::ratio(1000, [4.0, 10.0, 4.0, 10.0, 30.0], c), Estimate::mean(4, 10.0, 30.0, c));
        assert!((ratio.standard_error - mean.standard_error).abs() < 1e-15 && (ratio.upper - mean.upper).abs() < 1e-12);
        // y = x / 2 on every path: known exactly, also where the terms do not cancel in floating point.
        let exact = Estimate::ratio(3, [6.0, 3.0, 14.0, 7.0, 3.5], c);
        assert_eq!((exact.value, exact.standard_error), (0.5, 0.0));
        let (x, xx) = (0.1 + 0.7, 0.1 * 0.1 + 0.7 * 0.7);
        assert_eq!(Estimate::ratio(2, [x, 0.3 * x, xx, 0.3 * xx, 0.09 * xx], c).standard_error, 0.0);
        // One event, none.
        let one = Estimate::ratio(500, [2.0, 1.0, 4.0, 2.0, 1.0], c);
        assert_eq!((one.value, one.standard_error, one.upper), (0.5, f64::INFINITY, f64::INFINITY));
        assert!(!Estimate::ratio(3, [0.0; 5], c).is_defined());
    }

    /// The mean of a uniform over the tenth of the paths on which an event happens: it covers, and the error is that of theory.
    #[test]
    fn ratios_cover_as_often_as_they_say() {
        let mut random = StdRng::seed_from_u64(13);
        let (runs, mut covered, mut deviations) = (4000, 0, Vec::new());
        for _ in 0..runs {
            let (mut x, mut y, mut yy) = (0.0, 0.0, 0.0);
            for _ in 0..300 {
                if random.random::<f64>() < 0.1 {
                    let value = random.random::<f64>();
                    (x, y, yy) = (x + 1.0, y + value, yy + value * value);
                }
            }
            let estimate = Estimate::ratio(300, [x, y, x, y, yy], Confidence::default());
            covered += i32::from(estimate.lower <= 0.5 && 0.5 <= estimate.upper);
            deviations.push((estimate.value - 0.5) / estimate.standard_error);
        }
        // About 30 events each: Student's interval for uniforms is right to 0.1 %.
        let deviation = (0.95 * 0.05 / f64::from(runs)).sqrt();
        assert!((f64::from(covered) / f64::from(runs) - 0.95).abs() < 5.0 * deviation + 0.001, "{covered}");
        // The standardised error has the variance of Student's t with 29 degrees, 29/27, and the kurtosis 3.24.
        let variance = deviations.iter().map(|d| d * d).sum::<f64>() / f64::from(runs);
        assert!(
            (variance - 29.0 / 27.0).abs() < 5.0 * (2.24 / f64::from(runs)).sqrt() * 29.0 / 27.0 + 0.01,
            "{variance}"
        );
    }

    #[test]
    fn reads_well() {
        let show = |value: f64, standard_error: f64| {
            Estimate::around(value, standard_error, 2.0, 100, Confidence::default()).to_string()
        };
        assert_eq!(show(3.41234, 0.0234), "3.412 ± 0.023");
        assert_eq!(show(1_234_567.8, 890.1), "1234568 ± 890");
        assert_eq!(show(-0.5, 0.1), "-0.50 ± 0.10");
        assert_eq!(show(1.2345e-7, 3.1e-9), "1.235e-7 ± 3.1e-9");
        assert_eq!(show(0.0, 5e-4), "0.00000 ± 0.00050");
        assert_eq!(show(7.0, 0.0), "7 ± 0");
        assert_eq!(show(7.0, f64::INFINITY), "7 ± inf");
        assert_eq!(show(f64::NAN, f64::NAN), "undefined");
        assert_eq!(format!("{:.2}", Estimate::mean(4, 10.0, 30.0, Confidence::default())), "2.50 ± 0.65");
    }

    #[test]
    fn is_read_back_as_it_was_written_even_when_infinite() {
        for estimate in [
            Estimate::mean(1, 5.0, 25.0, Confidence::default()),
            Estimate::proportion(3, 100, Confidence::new(0.99).unwrap()),
        ] {
            let text = serde_json::to_string(&estimate).unwrap();
            assert_eq!(serde_json::from_str::<Estimate>(&text).unwrap(), estimate);
            let text = toml::to_string(&estimate).unwrap();
            assert_eq!(toml::from_str::<Estimate>(&text).unwrap(), estimate);
        }
        let undefined = serde_json::to_string(&Estimate::undefined(0, Confidence::default())).unwrap();
        assert!(!serde_json::from_str::<Estimate>(&undefined).unwrap().is_defined());
        assert!(serde_json::from_str::<Confidence>("1.0").is_err());
    }
}
