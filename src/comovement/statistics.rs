//! All statistics of two series at once, with their errors and their nulls.

use super::correlations::{kendall, pearson, spearman};
use super::elliptical::EllipticalPair;
use super::fit::{FEWEST, MOST, StudentPair, student_pair};
use super::pairs::Pairs;
use super::resampling::{block_of, redraw, spread, stream};
use super::tails::{Side, Tail, Threshold, tail};
use crate::measure::{Confidence, Estimate};
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// What [`comovement`] looks at, and how its errors are found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ComovementSettings {
    /// Where the tails begin.
    pub thresholds: Vec<Threshold>,
    /// Replications of the bootstrap, 50 to 100,000.
    pub replications: usize,
    /// Mean length of the bootstrap's blocks, in pairs; by default what the memory of the series asks for.
    pub mean_block: Option<f64>,
    /// Seed of the bootstrap.
    pub seed: u64,
    /// How often intervals cover.
    pub confidence: Confidence,
}

impl Default for ComovementSettings {
    fn default() -> Self {
        ComovementSettings {
            thresholds: [0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5].map(Threshold::Quantile).into(),
            replications: 500,
            mean_block: None,
            seed: 1,
            confidence: Confidence::default(),
        }
    }
}

impl ComovementSettings {
    fn check(&self) -> Result<(), Error> {
        check_thresholds(&self.thresholds)?;
        if !(50..=100_000).contains(&self.replications) {
            return Err(Error::invalid("replications", self.replications, "must be between 50 and 100,000"));
        }
        self.mean_block.map_or(Ok(()), |block| check::within("mean_block", block, 1.0, 1e6))
    }
}

pub(super) fn check_thresholds(thresholds: &[Threshold]) -> Result<(), Error> {
    for (position, threshold) in thresholds.iter().enumerate() {
        threshold.check().map_err(|error| error.within(format!("thresholds[{position}]")))?;
    }
    Ok(())
}

/// How two series move together. The `paths` of its estimates are pairs, or those in the tail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Comovement {
    /// Pairs.
    pub observations: usize,
    /// Mean length of the blocks behind the errors, in pairs.
    pub mean_block: f64,
    /// Pearson's correlation.
    pub pearson: Estimate,
    /// Spearman's.
    pub spearman: Estimate,
    /// Kendall's.
    pub kendall: Estimate,
    /// rho of the bivariate t law that fits best.
    pub student_correlation: Estimate,
    /// Its degrees of freedom, 2.1 to 200; near 200 it is as good as normal.
    pub degrees_of_freedom: Estimate,
    /// Its tail dependence, below and above alike.
    pub tail_dependence: Estimate,
    /// Each threshold.
    pub levels: Vec<Level>,
}

/// The tails at one threshold, beside their nulls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Level {
    /// The threshold.
    pub threshold: Threshold,
    /// Exceedance correlation of joint falls.
    pub lower_correlation: Estimate,
    /// Of joint rises.
    pub upper_correlation: Estimate,
    /// Falls less rises.
    pub asymmetry: Estimate,
    /// Chance that one falls as deep given that the other does: the quantile-dependence curve, and lower tail dependence far out.
    pub lower_dependence: Estimate,
    /// The same of rises.
    pub upper_dependence: Estimate,
    /// Exceedance correlation of a normal pair with Pearson's correlation.
    #[serde(with = "crate::measure::extended")]
    pub normal_correlation: f64,
    /// Exceedance correlation of the fitted t pair.
    #[serde(with = "crate::measure::extended")]
    pub student_correlation: f64,
    /// Dependence at the threshold of the normal pair.
    #[serde(with = "crate::measure::extended")]
    pub normal_dependence: f64,
    /// Dependence at the threshold of the fitted t pair.
    #[serde(with = "crate::measure::extended")]
    pub student_dependence: f64,
}

impl Comovement {
    /// The normal pair with Pearson's correlation.
    #[must_use]
    pub fn normal(&self) -> EllipticalPair {
        EllipticalPair::known(self.pearson.value, f64::INFINITY)
    }

    /// The fitted t pair.
    #[must_use]
    pub fn student(&self) -> EllipticalPair {
        EllipticalPair::known(self.student_correlation.value, self.degrees_of_freedom.value)
    }
}

/// Statistics that stand before those of the thresholds.
const FIRST: usize = 6;
/// Statistics of each threshold.
const EACH: usize = 5;

/// Pairs for the tails, and the first of them, or all, for what takes longer.
pub(super) struct Parts<'a> {
    pub(super) all: &'a Pairs,
    /// For correlations of ranks.
    pub(super) ranked: &'a Pairs,
    /// For the fit of the t law.
    pub(super) fitted: &'a Pairs,
}

impl<'a> Parts<'a> {
    fn whole(pairs: &'a Pairs) -> Self {
        Parts { all: pairs, ranked: pairs, fitted: pairs }
    }
}

/// All statistics of weighted pairs in one list, and how many pairs each tail has.
pub(super) fn all(
    parts: &Parts<'_>,
    weights: &[f64],
    thresholds: &[Threshold],
    guess: Option<StudentPair>,
) -> (Vec<f64>, Vec<[usize; 2]>, StudentPair) {
    let Parts { all: pairs, ranked, fitted } = *parts;
    let fit = student_pair(fitted, &weights[..fitted.len()], guess);
    let law = fit.law();
    let ranks = &weights[..ranked.len()];
    let first = [pearson(pairs, weights), spearman(ranked, ranks), kendall(ranked, ranks)];
    let mut values = Vec::with_capacity(FIRST + EACH * thresholds.len());
    values.extend(first);
    values.extend([law.correlation(), law.degrees_of_freedom().ln(), law.tail_dependence()]);
    let mut counts = Vec::with_capacity(thresholds.len());
    for threshold in thresholds {
        let of = |side| tail(pairs, weights, *threshold, side);
        let (lower, upper): (Tail, Tail) = (of(Side::Lower), of(Side::Upper));
        let asymmetry = lower.correlation - upper.correlation;
        values.extend([lower.correlation, upper.correlation, asymmetry, lower.dependence, upper.dependence]);
        counts.push([lower.count, upper.count]);
    }
    (values, counts, fit)
}

/// Correlations, exceedance correlations and dependence in the tails of two series, with errors by the stationary bootstrap and the nulls beside them.
///
/// The errors are the spread over resamples in blocks whose mean length the memory of the changes and of their sizes asks for
/// ([`mean_block`](crate::calibrate::mean_block)), so they hold for changes that come in calm and wild spells; intervals are Student's with as many degrees of freedom as
/// there are blocks, less one. With fewer than some thirty joint exceedances they are rough, and with fewer than [`Tail::FEWEST`] there is no correlation.
///
/// ```
/// use haircut::comovement::{ComovementSettings, Pairs, comovement};
/// let wave = |speed: f64, i: u32| (speed * f64::from(i * i)).sin();
/// let x: Vec<f64> = (0..300).map(|i| wave(0.7, i)).collect();
/// let y: Vec<f64> = (0..300).map(|i| wave(0.7, i) + wave(1.3, i)).collect();
/// let found = comovement(&Pairs::new(x, y)?, &ComovementSettings::default())?;
/// assert!((found.pearson.value - 0.5_f64.sqrt()).abs() < 5.0 * found.pearson.standard_error);
/// # Ok::<(), haircut::Error>(())
/// ```
///
/// # Errors
/// Fewer than 20 pairs; settings out of range.
pub fn comovement(pairs: &Pairs, settings: &ComovementSettings) -> Result<Comovement, Error> {
    settings.check()?;
    if pairs.len() < 20 {
        return Err(Error::invalid("pairs", pairs.len(), "must be at least 20"));
    }
    let mean_block = settings.mean_block.map_or_else(|| block_of(pairs), Ok)?;
    let mut weights = vec![1.0; pairs.len()];
    let (values, counts, fit) = all(&Parts::whole(pairs), &weights, &settings.thresholds, None);
    let replications: Vec<Vec<f64>> = (0..settings.replications)
        .map(|replication| {
            redraw(&mut stream(settings.seed, "comovement", replication), mean_block, &mut weights);
            all(&Parts::whole(pairs), &weights, &settings.thresholds, Some(fit)).0
        })
        .collect();
    let freedom = (pairs.len() as f64 / mean_block).floor() - 1.0;
    let errors = Errors { replications: &replications, factor: 1.0, freedom, confidence: settings.confidence };
    Ok(assemble(&values, &counts, pairs.len(), &settings.thresholds, mean_block, &errors))
}

/// Where errors come from: see [`spread`].
pub(super) struct Errors<'a> {
    pub(super) replications: &'a [Vec<f64>],
    pub(super) factor: f64,
    pub(super) freedom: f64,
    pub(super) confidence: Confidence,
}

pub(super) fn assemble(
    values: &[f64],
    counts: &[[usize; 2]],
    observations: usize,
    thresholds: &[Threshold],
    mean_block: f64,
    errors: &Errors<'_>,
) -> Comovement {
    let estimate = |position: usize, range: (f64, f64), observations: usize| {
        let replications: Vec<f64> = errors.replications.iter().map(|one| one[position]).collect();
        spread(values[position], &replications, errors.factor, errors.freedom, range, observations, errors.confidence)
    };
    const CORRELATION: (f64, f64) = (-1.0, 1.0);
    let first = |position: usize| estimate(position, CORRELATION, observations);
    let logarithm = estimate(4, (FEWEST.ln(), MOST.ln()), observations);
    let degrees_of_freedom = Estimate {
        value: logarithm.value.exp(),
        standard_error: logarithm.standard_error * logarithm.value.exp(),
        lower: logarithm.lower.exp(),
        upper: logarithm.upper.exp(),
        ..logarithm
    };
    let normal = EllipticalPair::known(values[0], f64::INFINITY);
    let student = EllipticalPair::known(values[3], degrees_of_freedom.value);
    let levels = thresholds.iter().zip(counts).enumerate().map(|(index, (threshold, [lower, upper]))| {
        let at = FIRST + EACH * index;
        Level {
            threshold: *threshold,
            lower_correlation: estimate(at, CORRELATION, *lower),
            upper_correlation: estimate(at + 1, CORRELATION, *upper),
            asymmetry: estimate(at + 2, (-2.0, 2.0), lower + upper),
            lower_dependence: estimate(at + 3, (0.0, 1.0), *lower),
            upper_dependence: estimate(at + 4, (0.0, 1.0), *upper),
            normal_correlation: normal.exceedance_correlation(*threshold),
            student_correlation: student.exceedance_correlation(*threshold),
            normal_dependence: normal.dependence(*threshold),
            student_dependence: student.dependence(*threshold),
        }
    });
    Comovement {
        observations,
        mean_block,
        pearson: first(0),
        spearman: first(1),
        kendall: first(2),
        student_correlation: first(3),
        degrees_of_freedom,
        tail_dependence: estimate(5, (0.0, 1.0), observations),
        levels: levels.collect(),
    }
}

/// Of too few pairs, or of a series that does not vary: nothing is defined.
pub(super) fn undefined(
    observations: usize,
    mean_block: f64,
    thresholds: &[Threshold],
    confidence: Confidence,
) -> Comovement {
    let values = vec![f64::NAN; FIRST + EACH * thresholds.len()];
    let counts = vec![[0; 2]; thresholds.len()];
    let errors = Errors { replications: &[], factor: 1.0, freedom: 1.0, confidence };
    assemble(&values, &counts, observations, thresholds, mean_block, &errors)
}
