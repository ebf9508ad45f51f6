//! The law of a quantity over those paths on which it is there.

use super::bins::QuantileBins;
use super::order::Order;
use super::sample::Sample;
use super::{Confidence, Estimate, Tally};
use crate::Error;
use crate::error::check;
use crate::numeric::PATHS;
use serde::{Deserialize, Serialize};

/// Values of the paths on which a quantity is finite and wanted, kept exactly or in bins, with their quantiles.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Observed {
    order: Order,
    all: Tally,
}

impl Observed {
    /// Bins of relative width `2^-9`: 40 kB for each power of two that the values span.
    pub(super) fn streaming() -> Self {
        Observed { order: Order::Streaming(QuantileBins::new()), all: Tally::new() }
    }

    /// Every value.
    pub(super) fn exact() -> Self {
        Observed { order: Order::Exact(Sample::default()), all: Tally::new() }
    }

    /// Adds the paths of a block on which the value is finite and wanted.
    pub(super) fn add(&mut self, values: &[f64], weights: &[f64], wanted: impl Fn(usize) -> bool) {
        let (mut kept, mut weighing) = ([0.0; PATHS], [0.0; PATHS]);
        let mut count = 0;
        for (path, (value, weight)) in values.iter().zip(weights).enumerate().take(PATHS) {
            if value.is_finite() && wanted(path) {
                kept[count] = *value;
                weighing[count] = *weight;
                count += 1;
            }
        }
        self.all.merge(&Tally::block(&weighing[..count]));
        self.order.record(&kept[..count], &weighing[..count]);
    }

    pub(super) fn merge(&mut self, other: Observed) {
        self.order.merge(other.order);
        self.all.merge(&other.all);
    }

    /// To be called once, when everything is recorded.
    pub(super) fn finish(&mut self) {
        self.order.finish();
    }

    /// Probability that the quantity is there.
    pub(super) fn share(&self, paths: u64, confidence: Confidence) -> Estimate {
        self.all.probability(paths, confidence)
    }

    /// The smallest value that is reached with a conditional probability of at least `a`, given that the quantity is there.
    ///
    /// With the weight `W` of the paths on which it is, their effective number `m = W^2 / sum of w^2` and `s = W sqrt(a (1 - a) / m)`, the interval
    /// is between the values above which there is a weight of `W (1 - a) ± z s` (R. S. Woodruff, JASA 47 (1952) 635–646), and the
    /// standard error half of it at `z = 1`. A bound beyond the paths that there are is infinite.
    pub(super) fn quantile(&self, level: f64, confidence: Confidence) -> Estimate {
        let paths = self.all.count();
        let (weight, squares) = (self.all.weight(), self.all.squared_weight());
        let rank = weight * level;
        let whole = rank.round();
        // A rank that is whole but for rounding is whole.
        let rank = if (rank - whole).abs() <= weight * f64::EPSILON * 4.0 { whole } else { rank };
        let target = weight - rank;
        let Some(place) = (paths > 0 && weight.is_finite()).then(|| self.order.place(target)).flatten() else {
            return Estimate::undefined(paths, confidence);
        };
        let deviation = (level * (1.0 - level) * squares).sqrt();
        let at = |above: f64| match () {
            () if above < 0.0 => f64::INFINITY,
            () if above >= weight => f64::NEG_INFINITY,
            () => self.order.place(above).map_or(f64::NAN, |place| place.loss),
        };
        let reach = |z: f64| (at(target + z * deviation).min(place.loss), at(target - z * deviation).max(place.loss));
        let (low, high) = reach(1.0);
        let (lower, upper) = reach(confidence.z());
        let standard_error = 0.5 * (high - low);
        Estimate { value: place.loss, standard_error, lower, upper, confidence: confidence.level(), paths }
    }
}

/// Levels strictly between 0 and 1.
pub(super) fn check_levels(levels: &[f64]) -> Result<(), Error> {
    if levels.is_empty() {
        return Err(Error::invalid("levels", "[]", "must have at least one level"));
    }
    for (position, level) in levels.iter().enumerate() {
        check::strictly_within(&format!("levels[{position}]"), *level, 0.0, 1.0)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    //! Guards: only paths on which the quantity is there count, and the error of a conditional quantile is valid, with weights too.
    #![allow(clippy::float_cmp, reason = "order statistics are exact")]
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    #[test]
    fn by_hand() {
        let mut observed = Observed::exact();
        let values = [5.0, f64::INFINITY, 1.0, f64::NAN, 3.0, 9.0];
        observed.add(&values, &[1.0; 6], |path| path != 5);
        observed.finish();
        let c = Confidence::default();
        assert_eq!(observed.share(6, c).value, 0.5);
        assert_eq!([0.3, 0.5, 0.9].map(|level| observed.quantile(level, c).value), [1.0, 3.0, 5.0]);
        let none = Observed::exact();
        assert!(!none.quantile(0.5, c).is_defined() && none.share(6, c).value == 0.0);
    }

    /// The 80 % quantile of a uniform that is there on two paths of three, over 1,000 runs of 900 paths: mean, error, coverage; plain and weighted.
    #[test]
    fn errors_are_those_of_many_runs() {
        let mut random = StdRng::seed_from_u64(8);
        for light in [1.0, 0.5] {
            let (runs, level) = (1000.0, 0.8);
            let (mut covered, mut off, mut square) = (0.0, 0.0, 0.0);
            for _ in 0..1000 {
                let mut observed = Observed::exact();
                for _ in 0..4 {
                    let values: [f64; 225] = std::array::from_fn(|_| random.random());
                    let weights: [f64; 225] =
                        std::array::from_fn(|_| if random.random::<f64>() < 0.5 { light } else { 2.0 - light });
                    observed.add(&values, &weights, |path| path % 3 != 0);
                }
                observed.finish();
                let estimate = observed.quantile(level, Confidence::default());
                covered += f64::from(estimate.lower <= level && level <= estimate.upper) / runs;
                off += (estimate.value - level) / runs;
                square += ((estimate.value - level) / estimate.standard_error).powi(2) / runs;
            }
            // Effective paths: 600, less by 1 + variance of the weights. The bias of an order statistic is of the order of one rank, 1/600 (discretisation), and the
            // spacing of ranks makes the error vary by about a twentieth.
            let effective = 600.0 / (1.0 + (1.0 - light) * (1.0 - light));
            let deviation = (level * (1.0 - level) / effective).sqrt();
            assert!(off.abs() < 5.0 * deviation / runs.sqrt() + 1.0 / 600.0, "{light}: {off}");
            assert!((square - 1.0).abs() < 5.0 * (2.0 / runs).sqrt() + 0.05, "{light}: {square}");
            assert!((covered - 0.95).abs() < 5.0 * (0.95 * 0.05 / runs).sqrt() + 0.005, "{light}: {covered}");
        }
    }
}
