//! Do joint falls go together more than joint rises, by more than a fat tail explains?

use super::fit::{StudentPair, student_pair};
use super::pairs::Pairs;
use super::resampling::{block_of, stream, uniform};
use super::statistics::check_thresholds;
use super::tails::{Side, Threshold, tail};
use crate::{Error, check};
use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};
use std::f64::consts::TAU;

/// How [`asymmetry`] is tested.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AsymmetrySettings {
    /// The thresholds that are taken together.
    pub thresholds: Vec<Threshold>,
    /// Samples under each null, 19 to 100,000: the smallest p-value is one over their number plus one.
    pub replications: usize,
    /// Length of the blocks whose signs are turned together; by default what the memory of the series asks for.
    pub mean_block: Option<f64>,
    /// Seed of the samples.
    pub seed: u64,
}

impl Default for AsymmetrySettings {
    fn default() -> Self {
        let thresholds = [0.1, 0.2, 0.35].map(Threshold::Quantile).into();
        AsymmetrySettings { thresholds, replications: 999, mean_block: None, seed: 1 }
    }
}

/// The test of "more than a fat tail".
///
/// ```text
/// d_k = rho-(q_k) - rho+(q_k),   J = d' S^-1 d,   D = mean of d_k / s_k
/// ```
///
/// with rho- and rho+ the exceedance correlations of joint falls and rises, S the covariance of d over samples that the null makes and s_k^2 its
/// diagonal. J is the statistic of Hong, Tu and Zhou, with the covariance and the law of the null itself in place of an asymptotic one, which
/// rejects too often with few joint exceedances. Two nulls:
///
/// - **fitted t**: samples from the bivariate t law that fits best, independent in time. A fat tail with the same correlation;
/// - **symmetric**: the sample itself about its place, with the signs of whole blocks turned at random, both series at once. Every law with
///   symmetric tails, of whatever fatness, and with the calm and wild spells that the series have.
///
/// A p-value is (1 + samples at least as extreme) / (1 + samples). Where margins are skewed J sees that too: it is a test of the pair, not of its copula.
///
/// Source: Y. Hong, J. Tu, G. Zhou, "Asymmetries in stock returns: statistical tests and economic evaluation", Review of Financial
/// Studies 20 (2007) 1547-1581, doi:10.1093/rfs/hhm037. On fat tails that read as contagion: R. Campbell, C. Forbes, K. Koedijk, P. Kofman,
/// "Increasing correlations or just fat tails?", Journal of Empirical Finance 15 (2008) 287-309, doi:10.1016/j.jempfin.2007.01.001.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Asymmetry {
    /// J under the fitted t law; NaN where no threshold has enough joint exceedances.
    #[serde(with = "crate::measure::extended")]
    pub statistic: f64,
    /// Its p-value: are falls and rises unlike?
    #[serde(with = "crate::measure::extended")]
    pub student_p_value: f64,
    /// The p-value of D: do falls go together more?
    #[serde(with = "crate::measure::extended")]
    pub student_falls_p_value: f64,
    /// The p-value of J under the symmetric null.
    #[serde(with = "crate::measure::extended")]
    pub symmetric_p_value: f64,
    /// The p-value of D under the symmetric null.
    #[serde(with = "crate::measure::extended")]
    pub symmetric_falls_p_value: f64,
    /// Length of the blocks whose signs were turned.
    pub mean_block: f64,
    /// What the fitted t law gives at each threshold.
    pub levels: Vec<NullLevel>,
}

/// The exceedance correlations of samples of the fitted t law, as large as the one tested.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct NullLevel {
    /// The threshold.
    pub threshold: Threshold,
    /// Falls in the sample tested; NaN with too few.
    #[serde(with = "crate::measure::extended")]
    pub lower_correlation: f64,
    /// Rises.
    #[serde(with = "crate::measure::extended")]
    pub upper_correlation: f64,
    /// 2.5 % of the t samples lie below (falls and rises together, which have one law).
    #[serde(with = "crate::measure::extended")]
    pub student_lower: f64,
    /// And 2.5 % above.
    #[serde(with = "crate::measure::extended")]
    pub student_upper: f64,
    /// The p-value of the falls alone: t samples whose correlation is as high. The fitted parameters are taken as known.
    #[serde(with = "crate::measure::extended")]
    pub lower_p_value: f64,
}

/// Tests two series.
///
/// # Errors
/// Fewer than 20 pairs; no threshold, or one out of range; too few replications.
pub fn asymmetry(pairs: &Pairs, settings: &AsymmetrySettings) -> Result<Asymmetry, Error> {
    check_thresholds(&settings.thresholds)?;
    if settings.thresholds.is_empty() {
        return Err(Error::invalid("thresholds", "none", "must be at least one"));
    }
    if !(19..=100_000).contains(&settings.replications) {
        return Err(Error::invalid("replications", settings.replications, "must be between 19 and 100,000"));
    }
    if pairs.len() < 20 {
        return Err(Error::invalid("pairs", pairs.len(), "must be at least 20"));
    }
    settings.mean_block.map_or(Ok(()), |block| check::within("mean_block", block, 1.0, 1e6))?;
    let mean_block = settings.mean_block.map_or_else(|| block_of(pairs), Ok)?;
    let ones = vec![1.0; pairs.len()];
    let fit = student_pair(pairs, &ones, None);
    let found = tails(pairs, &settings.thresholds);
    let samples = |name: &str, draw: &dyn Fn(&mut crate::sample::Stream) -> Pairs| -> Vec<Vec<[f64; 2]>> {
        let one = |at: usize| tails(&draw(&mut stream(settings.seed, name, at)), &settings.thresholds);
        (0..settings.replications).map(one).collect()
    };
    let student = samples("comovement.student", &|stream| student_sample(&fit, pairs.len(), stream));
    let turned = samples("comovement.symmetric", &|stream| turned_sample(pairs, fit.place, mean_block, stream));
    let (statistic, student_p_value, student_falls_p_value) = compare(&found, &student);
    let (_, symmetric_p_value, symmetric_falls_p_value) = compare(&found, &turned);
    let level = |(index, threshold): (usize, &Threshold)| {
        let [lower_correlation, upper_correlation] = found[index];
        let mut both: Vec<f64> = student.iter().flat_map(|one| one[index]).filter(|value| value.is_finite()).collect();
        both.sort_by(f64::total_cmp);
        let quantile = |p: f64| both.get((p * both.len() as f64) as usize).copied().unwrap_or(f64::NAN);
        let as_high = student.iter().filter(|one| one[index][0] >= lower_correlation).count();
        let known = student.iter().filter(|one| one[index][0].is_finite()).count();
        let lower_p_value = if lower_correlation.is_finite() && known > 0 {
            (1 + as_high) as f64 / (1 + known) as f64
        } else {
            f64::NAN
        };
        NullLevel {
            threshold: *threshold,
            lower_correlation,
            upper_correlation,
            student_lower: quantile(0.025),
            student_upper: quantile(0.975),
            lower_p_value,
        }
    };
    let levels = settings.thresholds.iter().enumerate().map(level).collect();
    Ok(Asymmetry {
        statistic,
        student_p_value,
        student_falls_p_value,
        symmetric_p_value,
        symmetric_falls_p_value,
        mean_block,
        levels,
    })
}

/// Exceedance correlations of falls and rises by threshold.
fn tails(pairs: &Pairs, thresholds: &[Threshold]) -> Vec<[f64; 2]> {
    let ones = vec![1.0; pairs.len()];
    let of =
        |threshold: &Threshold| [Side::Lower, Side::Upper].map(|side| tail(pairs, &ones, *threshold, side).correlation);
    thresholds.iter().map(of).collect()
}

/// As many pairs of a bivariate t law. The squared distance has P(R^2 > r) = (1 + r / nu)^(-nu / 2), so it is inverted.
fn student_sample(fit: &StudentPair, count: usize, stream: &mut crate::sample::Stream) -> Pairs {
    let (nu, [xx, _, yy], rho) = (fit.degrees_of_freedom, fit.scatter, fit.law().correlation());
    let (x_size, y_size, rest) = (xx.sqrt(), yy.sqrt(), (1.0 - rho * rho).max(0.0).sqrt());
    let draw = |_| {
        let radius = (nu * (uniform(stream).powf(-2.0 / nu) - 1.0)).sqrt();
        let (sin, cos) = (TAU * uniform(stream)).sin_cos();
        (fit.place[0] + x_size * radius * cos, fit.place[1] + y_size * radius * (rho * cos + rest * sin))
    };
    let (x, y) = (0..count).map(draw).unzip();
    Pairs::ordered(x, y)
}

/// The sample about its place with the signs of blocks of random length turned.
fn turned_sample(pairs: &Pairs, place: [f64; 2], mean_block: f64, stream: &mut crate::sample::Stream) -> Pairs {
    let mut sign = 1.0;
    let turn = |(position, (x, y)): (usize, (&f64, &f64))| {
        if position == 0 || uniform(stream) * mean_block < 1.0 {
            sign = if uniform(stream) < 0.5 { 1.0 } else { -1.0 };
        }
        (sign * (x - place[0]), sign * (y - place[1]))
    };
    let (x, y) = pairs.x().iter().zip(pairs.y()).enumerate().map(turn).unzip();
    Pairs::ordered(x, y)
}

/// J and the p-values of J and D, over the thresholds that the sample and nearly all samples of the null have.
fn compare(found: &[[f64; 2]], null: &[Vec<[f64; 2]>]) -> (f64, f64, f64) {
    let difference = |one: &[[f64; 2]], index: usize| one[index][0] - one[index][1];
    let used: Vec<usize> = (0..found.len())
        .filter(|index| {
            let known = null.iter().filter(|one| difference(one, *index).is_finite()).count();
            difference(found, *index).is_finite() && 100 * known >= 95 * null.len()
        })
        .collect();
    let vector =
        |one: &[[f64; 2]]| DVector::from_iterator(used.len(), used.iter().map(|index| difference(one, *index)));
    let samples: Vec<DVector<f64>> =
        null.iter().map(|one| vector(one)).filter(|one| one.iter().all(|value| value.is_finite())).collect();
    if used.is_empty() || samples.len() < 2 {
        return (f64::NAN, f64::NAN, f64::NAN);
    }
    // The null has d = 0 in the mean, by symmetry.
    let count = samples.len() as f64;
    let mut covariance = samples.iter().fold(DMatrix::zeros(used.len(), used.len()), |sum, d| sum + d * d.transpose());
    covariance /= count;
    let sizes: Vec<f64> = covariance.diagonal().iter().map(|variance| variance.sqrt()).collect();
    let Some(factor) = covariance.cholesky() else { return (f64::NAN, f64::NAN, f64::NAN) };
    let joint = |d: &DVector<f64>| d.dot(&factor.solve(d));
    let mean = |d: &DVector<f64>| d.iter().zip(&sizes).map(|(d, size)| d / size).sum::<f64>();
    let data = vector(found);
    let p_value = |of: &dyn Fn(&DVector<f64>) -> f64| {
        let extreme = samples.iter().filter(|one| of(one) >= of(&data)).count();
        (1 + extreme) as f64 / (1.0 + count)
    };
    (joint(&data), p_value(&joint), p_value(&mean))
}
