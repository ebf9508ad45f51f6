//! One number over many parameter sets: how much of its spread is the parameters, how much is chance.

use crate::Error;
use serde::{Deserialize, Serialize};

/// What not knowing the parameters does to a result, beside what the paths do to it.
///
/// Each of `K` parameter sets is run on the same paths (common random numbers), which are cut into `B` batches. With `y_kb` the result of
/// set `k` on batch `b`,
///
/// ```text
/// y_kb = mean + a_k + e_b + e_kb,    a: the parameters,  e_b: paths, alike for all sets,  e_kb: paths, each set its own
/// ```
///
/// The spread of the sets' results `x_k` over all batches holds `a` and what is left of `e_kb`; so, with the residual mean square
/// `R = sum (y_kb - y_k. - y_.b + y_..)^2 / ((K - 1) (B - 1))`,
///
/// ```text
/// parameters:   variance of a = S^2 - R / B,    S^2 = sum (x_k - x.)^2 / (K - 1);  zero where that is negative
/// Monte Carlo:  variance of one set's result = mean over k of sum_b (y_kb - y_k.)^2 / (B (B - 1))
/// total:        the sum of both
/// ```
///
/// That `e_b` is common to all sets keeps it out of the first line: the band is parameter risk, and not the luck of the seed.
///
/// Source: two-way analysis of variance with one observation in a cell, H. Scheffé, *The Analysis of Variance* (1959), chapter 4;
/// for simulation: R. C. H. Cheng, W. Holland, "Sensitivity of computer simulation experiments to errors in input data", J. Statist.
/// Comput. Simul. 57 (1997) 219-241, doi:10.1080/00949659708811809.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Band {
    /// The result of each set, on all paths.
    pub values: Vec<f64>,
    /// Their mean.
    pub mean: f64,
    /// Its standard error: `sqrt(variance of a / K + variance of the batches' means / B)`.
    pub mean_error: f64,
    /// The 5 % quantile of the values (linear between neighbours). It holds the noise of the paths too.
    pub lower: f64,
    /// The 95 % quantile of the values.
    pub upper: f64,
    /// Standard deviation that the parameters cause.
    pub parameter_deviation: f64,
    /// Its standard error, from the fourth moment of the values; of the order of `parameter_deviation / sqrt(2 K)`. Where the
    /// deviation is zero, the root of the error of the variance.
    pub parameter_deviation_error: f64,
    /// Standard error that the paths leave in the result of one set.
    pub monte_carlo_error: f64,
    /// `sqrt(parameter_deviation^2 + monte_carlo_error^2)`.
    pub total_deviation: f64,
}

impl Band {
    /// From the result of each set on all paths, and from those on each batch, set by set.
    ///
    /// # Errors
    /// Fewer than two sets, fewer than two batches, or a set with another number of batches than the first.
    pub fn new(values: Vec<f64>, batches: &[Vec<f64>]) -> Result<Self, Error> {
        let (sets, count) = (values.len(), batches.first().map_or(0, Vec::len));
        if sets < 2 || batches.len() != sets {
            let given = format!("{sets} values, {} lists of batches", batches.len());
            return Err(Error::invalid("values", given, "must be two or more, with batches for each"));
        }
        if count < 2 || batches.iter().any(|batch| batch.len() != count) {
            return Err(Error::invalid("batches", count, "must be two or more, as many for each set"));
        }
        let (k, b) = (sets as f64, count as f64);
        // Distances from the first set: what does not depend on the parameters is zero to the bit.
        let distances: Vec<f64> = values.iter().map(|value| value - values[0]).collect();
        let centre = average(&distances);
        let power = |order: i32| distances.iter().map(|distance| (distance - centre).powi(order)).sum::<f64>();
        let spread = power(2) / (k - 1.0);

        let rows: Vec<Vec<f64>> =
            batches.iter().map(|set| set.iter().zip(&batches[0]).map(|(y, first)| y - first).collect()).collect();
        let set_means: Vec<f64> = rows.iter().map(|row| average(row)).collect();
        let batch_mean = |of: &[Vec<f64>], batch: usize| of.iter().map(|row| row[batch]).sum::<f64>() / k;
        let batch_means: Vec<f64> = (0..count).map(|batch| batch_mean(&rows, batch)).collect();
        let grand = average(&set_means);
        let residual = |set: usize, batch: usize| rows[set][batch] - set_means[set] - batch_means[batch] + grand;
        let squares: f64 = (0..sets)
            .flat_map(|set| (0..count).map(move |batch| (set, batch)))
            .map(|(s, b)| residual(s, b).powi(2))
            .sum();
        let noise = squares / ((k - 1.0) * (b - 1.0)) / b;

        let of_parameters = (spread - noise).max(0.0);
        // Var S^2 = (m4 - S^4 (K - 3) / (K - 1)) / K, without normality.
        let fourth = power(4) / k;
        let error_of_variance = ((fourth - spread * spread * (k - 3.0) / (k - 1.0)) / k).max(0.0).sqrt();
        let parameter_deviation = of_parameters.sqrt();
        let parameter_deviation_error = if of_parameters > 0.0 {
            error_of_variance / (2.0 * parameter_deviation)
        } else {
            error_of_variance.sqrt()
        };
        let of_paths = batches.iter().map(|set| variance(set) / b).sum::<f64>() / k;
        let over_sets: Vec<f64> = (0..count).map(|batch| batch_mean(batches, batch)).collect();
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        Ok(Band {
            mean: values[0] + centre,
            mean_error: (of_parameters / k + variance(&over_sets) / b).sqrt(),
            lower: quantile(&sorted, 0.05),
            upper: quantile(&sorted, 0.95),
            parameter_deviation,
            parameter_deviation_error,
            monte_carlo_error: of_paths.sqrt(),
            total_deviation: (of_parameters + of_paths).sqrt(),
            values,
        })
    }
}

fn average(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The sample variance, of two values or more.
fn variance(values: &[f64]) -> f64 {
    let mean = values[0] + average(&values.iter().map(|value| value - values[0]).collect::<Vec<_>>());
    values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (values.len() - 1) as f64
}

/// Type 7 of R. J. Hyndman, Y. Fan, Amer. Statist. 50 (1996) 361-365.
fn quantile(sorted: &[f64], level: f64) -> f64 {
    let place = level * (sorted.len() - 1) as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    let share = place - below as f64;
    share.mul_add(sorted[above] - sorted[below], sorted[below])
}

#[cfg(test)]
mod tests {
    //! Guards: the decomposition by hand, zero where nothing depends on the parameters, and that common noise is no parameter risk.
    #![allow(clippy::float_cmp, reason = "what is exact is compared exactly")]
    use super::*;
    use crate::sample::{StreamKey, event};

    #[test]
    fn the_decomposition_by_hand() {
        // Two sets, two batches: x = 2 and 5, S^2 = 4.5. Distances of the second set from the first: 2 and 4; residuals are
        // +-1/2, R = 1, so the parameters have 4.5 - 1/2. Within the sets the variances are 2 and 8, over 2 batches 1 and 4.
        let band = Band::new(vec![2.0, 5.0], &[vec![1.0, 3.0], vec![3.0, 7.0]]).unwrap();
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-14, "{a} {b}");
        near(band.mean, 3.5);
        near(band.parameter_deviation, 2.0);
        near(band.monte_carlo_error, 2.5_f64.sqrt());
        near(band.total_deviation, 6.5_f64.sqrt());
        // Batch means 2 and 5: variance 4.5 over 2; and 4 over 2 sets.
        near(band.mean_error, 4.25_f64.sqrt());
        near(band.lower, 2.15);
        near(band.upper, 4.85);
        // m4 = 1.5^4; S^4 has the factor (2 - 3) / (2 - 1).
        near(band.parameter_deviation_error, ((5.0625 + 20.25) / 2.0_f64).sqrt() / 4.0);
    }

    #[test]
    fn what_does_not_depend_on_the_parameters_has_no_parameter_risk() {
        let batches = vec![0.1, 0.3, 0.7, 0.2];
        let band = Band::new(vec![0.325; 3], &[batches.clone(), batches.clone(), batches]).unwrap();
        assert_eq!((band.parameter_deviation, band.parameter_deviation_error), (0.0, 0.0));
        assert_eq!((band.mean, band.lower, band.upper), (0.325, 0.325, 0.325));
        assert!(band.monte_carlo_error > 0.0 && band.total_deviation == band.monte_carlo_error);
    }

    #[test]
    fn bad_tables_are_refused() {
        let field = |values: Vec<f64>, batches: &[Vec<f64>]| {
            Band::new(values, batches).unwrap_err().field().unwrap_or_default().to_owned()
        };
        assert_eq!(field(vec![1.0], &[vec![1.0, 2.0]]), "values");
        assert_eq!(field(vec![1.0, 2.0], &[vec![1.0, 2.0]]), "values");
        assert_eq!(field(vec![1.0, 2.0], &[vec![1.0], vec![1.0]]), "batches");
        assert_eq!(field(vec![1.0, 2.0], &[vec![1.0, 2.0], vec![1.0]]), "batches");
    }

    /// Over many tables: a_k of deviation 0.3, common noise of 2, own noise of 0.8. The variance of the parameters is met without
    /// bias, though the own noise alone has 0.16 of it (of 0.09).
    #[test]
    fn the_variance_of_the_parameters_is_unbiased() {
        let (tables, sets, count) = (4000, 12, 4);
        let key = StreamKey::new(5, "band");
        let normal = |table: u64, index: u64| {
            let words = key.event(table, index);
            event::normals(words[0], words[1]).0
        };
        let (mut sum, mut squares) = (0.0, 0.0);
        for table in 0..tables {
            let batches: Vec<Vec<f64>> = (0..sets)
                .map(|set| {
                    let parameter = 0.3 * normal(table, set);
                    let noise =
                        |batch| 2.0 * normal(table, 100 + batch) + 0.8 * normal(table, 1000 * (set + 1) + batch);
                    (0..count).map(|batch| parameter + noise(batch)).collect()
                })
                .collect();
            let values: Vec<f64> = batches.iter().map(|set| average(set)).collect();
            // Without the floor at zero, which would be a bias: S^2 - R / B again.
            let band = Band::new(values.clone(), &batches).unwrap();
            let spread = variance(&values);
            let variance = if band.parameter_deviation > 0.0 {
                band.parameter_deviation.powi(2)
            } else {
                spread - residual_noise(&batches)
            };
            sum += variance;
            squares += variance * variance;
        }
        let mean = sum / tables as f64;
        // Var = 2 (0.09 + 0.16)^2 / 11 + 2 * 0.16^2 / 33 for each table.
        let deviation = (2.0 * 0.25_f64.powi(2) / 11.0 + 2.0 * 0.16_f64.powi(2) / 33.0).sqrt();
        assert!((mean - 0.09).abs() < 5.0 * deviation / (tables as f64).sqrt(), "{mean}");
        let seen = squares / tables as f64 - mean * mean;
        // A mean of k squares of deviation a has the fourth cumulant 48 a^8 / k^3.
        let cumulant = 48.0 * (0.25_f64.powi(4) / 11.0_f64.powi(3) + 0.16_f64.powi(4) / 33.0_f64.powi(3));
        let error = ((2.0 * deviation.powi(4) + cumulant) / tables as f64).sqrt();
        assert!((seen - deviation * deviation).abs() < 5.0 * error, "{seen} {deviation}");
    }

    /// R / B, written another way: the variance of each set's batches, less what is common.
    fn residual_noise(batches: &[Vec<f64>]) -> f64 {
        let (sets, count) = (batches.len() as f64, batches[0].len() as f64);
        let within: f64 = batches.iter().map(|set| variance(set)).sum();
        let common: Vec<f64> =
            (0..batches[0].len()).map(|batch| batches.iter().map(|set| set[batch]).sum::<f64>() / sets).collect();
        (within - sets * variance(&common)) / (sets - 1.0) / count
    }
}
