//! A loss distribution, and what can be read off it.

use super::Confidence;
use super::Tally;
use super::binomial::binomial_quantile;
use super::estimate::{Estimate, clip};
use super::moments::Moments;
use super::order::{Order, Place};
use crate::Error;
use crate::error::check;
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;

/// The distribution of a loss over paths: its mean, standard deviation, quantiles, expected shortfall, histogram, each with its
/// error.
///
/// It is what [`LossDistribution`](super::LossDistribution) reports, and can be built from any losses with [`Losses::exact`].
///
/// **Precision.** In the exact mode order statistics are exact. In the streaming mode a quantile, and an expected shortfall of positive losses, is within
/// `2^-9` (0.2 %) of what the exact mode gives from the same paths, and exact for an atom of the distribution; mean, standard deviation and extremes are the same to the bit.
///
/// **Weights.** With likelihood weights `w` (importance sampling) the law of the loss is estimated from its tail,
///
/// ```text
/// P(L > x) = (1/n) sum of w 1{L > x},
/// ```
///
/// divided by the number of paths `n` and not by the sum of the weights: that is unbiased, and in the tail, where weights are small when sampling
/// aims there, it does not take in the noise of the rest of the paths (P. Glasserman, P. Heidelberger, P. Shahabuddin, *Variance
/// reduction techniques for estimating value-at-risk*, Management Science 46 (2000) 1349–1364,
/// [doi:10.1287/mnsc.46.10.1349.12274](https://doi.org/10.1287/mnsc.46.10.1349.12274)). The other side of it: `P(L > x)` for very low `x` is the mean weight, which is 1 only within its error, so low quantiles
/// want plain paths. With all weights 1 there is no difference.
///
/// **Independence.** Errors are for independent paths.
///
/// A loss that is no number is counted above every other and makes what depends on it NaN. Without any path, or with weights whose sum is
/// out of range, estimates are [undefined](Estimate::is_defined).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Losses {
    moments: Moments,
    order: Order,
    confidence: Confidence,
}

/// Probabilities of a loss by size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    /// Limits of the bars; a bar holds the losses `edges[i] <= L < edges[i + 1]`.
    pub edges: Vec<f64>,
    /// Probability of each bar.
    pub bars: Vec<Estimate>,
    /// Probability of a loss below the first edge.
    pub below: Estimate,
    /// Probability of a loss at or above the last edge.
    pub above: Estimate,
    /// Paths whose loss is no number.
    pub undefined: u64,
}

impl Losses {
    pub(super) fn new(order: Order, confidence: Confidence) -> Self {
        Losses { moments: Moments::new(), order, confidence }
    }

    /// The distribution of given losses, all of weight 1.
    #[must_use]
    pub fn exact(losses: &[f64], confidence: Confidence) -> Self {
        let mut all = Self::new(Order::Exact(super::sample::Sample::default()), confidence);
        for block in losses.chunks(crate::numeric::PATHS) {
            all.record(block, &[1.0; crate::numeric::PATHS][..block.len()]);
        }
        all.finish();
        all
    }

    pub(super) fn record(&mut self, losses: &[f64], weights: &[f64]) {
        self.moments.record(losses, weights);
        self.order.record(losses, weights);
    }

    pub(super) fn merge(&mut self, other: Losses) {
        self.moments.merge(&other.moments);
        self.order.merge(other.order);
    }

    pub(super) fn finish(&mut self) {
        self.order.finish();
    }

    /// Paths behind the distribution.
    #[must_use]
    pub fn paths(&self) -> u64 {
        self.moments.all().count()
    }

    /// The mean of the weights, 1 within its error; exactly 1 without importance sampling.
    #[must_use]
    pub fn mean_weight(&self) -> Estimate {
        let all = self.moments.all();
        Estimate::mean(self.paths(), all.weight(), all.squared_weight(), self.confidence)
    }

    /// The expected loss, `(1/n) sum of w L`.
    #[must_use]
    pub fn mean(&self) -> Estimate {
        self.moments.mean(self.confidence)
    }

    /// The standard deviation of the loss.
    ///
    /// ```text
    /// s^2 = 1/(n-1) sum of w (L - m)^2,   se(s)^2 = (sum of w^2 (L - m)^4 / n - s^4) / (4 n s^2)
    /// ```
    ///
    /// The standard error is the delta method's; M. G. Kendall, A. Stuart, *The Advanced Theory of Statistics* I, 10.8.
    #[must_use]
    pub fn standard_deviation(&self) -> Estimate {
        self.moments.standard_deviation(self.confidence)
    }

    /// The smallest loss; none where no loss is a number.
    #[must_use]
    pub fn minimum(&self) -> Option<f64> {
        self.moments.minimum()
    }

    /// The largest loss; none where no loss is a number.
    #[must_use]
    pub fn maximum(&self) -> Option<f64> {
        self.moments.maximum()
    }

    /// The quantile of the loss at a level `a`, the value at risk.
    ///
    /// ```text
    /// v = inf { x : P(L > x) <= 1 - a },   with weights 1: the order statistic of rank ceil(n a)
    /// ```
    ///
    /// A product `n a` that differs from a whole number by rounding alone is that number.
    ///
    /// *Interval.* With weights 1 the order statistics `r` and `s` between which the quantile lies whatever the law of the loss, by the binomial law of the
    /// number of losses below it: `P(B < r) <= (1 - c) / 2`, `P(B >= s) <= (1 - c) / 2` for `B ~ Bin(n, a)` (H. A. David, H. N. Nagaraja, *Order Statistics*, 7.1). Otherwise the
    /// quantiles of the tail probabilities `1 - a ± z se` with the standard error of the weighted tail probability (R. S. Woodruff, JASA 47 (1952) 635–646). A bound beyond
    /// the paths that there are is infinite.
    ///
    /// *Standard error.* `sqrt(a (1 - a) / n) / f(v)`, where the density `f` is read off the spacing of the order statistics two standard
    /// deviations of the rank to either side (one, where two are out of the sample; infinite where one is). It does not depend on the confidence.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a level that is not between 0 and 1.
    pub fn quantile(&self, level: f64) -> Result<Estimate, Error> {
        check::within("level", level, 0.0, 1.0)?;
        Ok(self.quantile_at(level))
    }

    fn quantile_at(&self, level: f64) -> Estimate {
        let paths = self.paths();
        let Some((tail, Place { loss, reached })) =
            self.tail(level).and_then(|tail| Some((tail, self.order.place(tail)?)))
        else {
            return Estimate::undefined(paths, self.confidence);
        };
        let n = paths as f64;
        let (below, above, deviation);
        if self.moments.all().all_ones() {
            let rank = |level_of_rank: f64| binomial_quantile(level_of_rank, paths, level) as f64;
            below = n - rank(self.confidence.tail());
            above = n - rank(1.0 - self.confidence.tail()) - 1.0;
            deviation = (n * level * (1.0 - level)).sqrt();
        } else {
            let p = reached.weight() / n;
            deviation = n * (clip(reached.squared_weight() / n - p * p) / (n - 1.0)).sqrt();
            below = tail + self.confidence.z() * deviation;
            above = tail - self.confidence.z() * deviation;
        }
        let spread = |deviations: f64| {
            let (low, high) = (self.at(tail + deviations * deviation), self.at(tail - deviations * deviation));
            (high - low) / (2.0 * deviations)
        };
        // At the ends of the scale the rank does not vary at all, which says nothing about the law beyond the sample.
        let standard_error = [2.0, 1.0].map(spread).into_iter().find(|error| error.is_finite() && deviation > 0.0);
        Estimate {
            value: loss,
            standard_error: standard_error.unwrap_or(f64::INFINITY),
            lower: self.at(below).min(loss),
            upper: self.at(above).max(loss),
            confidence: self.confidence.level(),
            paths,
        }
    }

    /// The expected shortfall at a level `a`: the mean of the worst `1 - a` of the law.
    ///
    /// ```text
    /// ES = 1/(1-a) [ E[L 1{L > v}] + v (1 - a - P(L > v)) ] = v + E[(L - v)+] / (1 - a)
    /// ```
    ///
    /// with the quantile `v`. The general definition, right where the law has atoms too: C. Acerbi, D. Tasche, *On the coherence of expected shortfall*, J. Banking
    /// Finance 26 (2002) 1487–1503, [doi:10.1016/S0378-4266(02)00283-2](https://doi.org/10.1016/S0378-4266(02)00283-2).
    ///
    /// *Standard error.* `sd(w (L - v)+) / ((1 - a) sqrt(n))`: the error of `v` does not count at first order, since `v` makes the expression smallest
    /// (R. T. Rockafellar, S. Uryasev, J. Risk 2 (2000) 21–41). It is infinite where less than one path is in the tail. The interval is Student's with one degree of freedom less than there are paths above `v`.
    ///
    /// *Bias.* The mean of the `k` largest of `n` losses is below the true value by the order of `1/k` of the distance to the quantile; it matters where
    /// `k = n (1 - a)` is a few tens or less.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a level that is not between 0 and 1.
    pub fn expected_shortfall(&self, level: f64) -> Result<Estimate, Error> {
        check::within("level", level, 0.0, 1.0)?;
        Ok(self.shortfall_at(level))
    }

    fn shortfall_at(&self, level: f64) -> Estimate {
        let paths = self.paths();
        let Some((tail, place)) = self.tail(level).and_then(|tail| Some((tail, self.order.place(tail)?))) else {
            return Estimate::undefined(paths, self.confidence);
        };
        let threshold = place.loss;
        let n = paths as f64;
        if tail <= 0.0 {
            let largest = self.maximum().unwrap_or(f64::NAN);
            return Estimate::around(largest, f64::INFINITY, 1.0, paths, self.confidence);
        }
        let excess = self.order.excess(threshold);
        let value = threshold + excess.sum / tail;
        let mean = excess.sum / n;
        let variance = clip(excess.squares / n - mean * mean);
        let standard_error =
            if tail < 1.0 || paths < 2 { f64::INFINITY } else { n / tail * (variance / (n - 1.0)).sqrt() };
        let reach = self.confidence.t(excess.count as f64 - 1.0);
        Estimate::around(value, standard_error, reach, paths, self.confidence)
    }

    /// The probability of a loss above `x`. In the streaming mode losses within `2^-9` of `x` may be counted on either side.
    #[must_use]
    pub fn exceedance(&self, x: f64) -> Estimate {
        let mut above = Tally::new();
        self.order.descend(|group| {
            if group.middle() > x || group.mean.is_nan() {
                above.merge(&group.tally);
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        above.probability(self.paths(), self.confidence)
    }

    /// The probabilities of the ranges between increasing edges, and of what lies beyond them: nothing is left out.
    /// In the streaming mode losses within `2^-9` of an edge may be counted on either side of it.
    ///
    /// # Errors
    /// [`Error::Invalid`] for fewer than two edges, or edges that are no numbers or do not increase.
    pub fn histogram(&self, edges: &[f64]) -> Result<Histogram, Error> {
        if edges.len() < 2 {
            return Err(Error::invalid("edges", edges.len(), "must be at least two"));
        }
        for (position, pair) in edges.windows(2).enumerate() {
            check::finite(&format!("edges[{position}]"), pair[0])?;
            check::finite(&format!("edges[{}]", position + 1), pair[1])?;
            if pair[1] <= pair[0] {
                let expected = format!("must be above {}", pair[0]);
                return Err(Error::invalid(format!("edges[{}]", position + 1), pair[1], expected));
            }
        }
        // Bar 0 is what is below, the last one what is above.
        let mut bars = vec![Tally::new(); edges.len() + 1];
        let mut undefined = Tally::new();
        self.order.descend(|group| {
            let bar = edges.partition_point(|edge| *edge <= group.middle());
            if group.mean.is_nan() { &mut undefined } else { &mut bars[bar] }.merge(&group.tally);
            ControlFlow::Continue(())
        });
        let probability = |tally: &Tally| tally.probability(self.paths(), self.confidence);
        Ok(Histogram {
            edges: edges.to_vec(),
            below: probability(&bars[0]),
            above: probability(&bars[edges.len()]),
            bars: bars[1..edges.len()].iter().map(probability).collect(),
            undefined: undefined.count(),
        })
    }

    /// The weight above a quantile, `n (1 - a)`; none for no path, or weights that cannot be summed.
    fn tail(&self, level: f64) -> Option<f64> {
        let n = self.paths() as f64;
        if n == 0.0 || self.moments.all().weight().is_infinite() {
            return None;
        }
        let rank = n * level;
        let whole = rank.round();
        let rounding = n * (1.0 / (1_u64 << 50) as f64);
        Some(n - if (rank - whole).abs() <= rounding { whole } else { rank })
    }

    /// The loss above which there is so much weight; infinite beyond the sample.
    fn at(&self, weight: f64) -> f64 {
        if weight < 0.0 {
            f64::INFINITY
        } else if weight >= self.moments.all().weight() {
            f64::NEG_INFINITY
        } else {
            self.order.place(weight).map_or(f64::NAN, |place| place.loss)
        }
    }
}

#[cfg(test)]
#[path = "losses_tests.rs"]
mod tests;
