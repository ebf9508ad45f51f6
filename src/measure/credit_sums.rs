//! Loss and exposure of a facility, an obligor or a lender, summed over paths.

use super::{Confidence, Credit, Estimate, ExactSum, Run};
use crate::numeric::{Lane, PATHS};
use crate::vectorised;

/// Exact sums over paths of weighted loss `l`, discounted exposure `d`, exposure `e`, default indicator `1` and loss on what defaulted `m`.
#[derive(Debug, Clone, Default)]
pub(super) struct CreditSums {
    /// l, ll, d, dd, md, e, ee, e1, 1, 11, m, mm
    sums: [ExactSum; SUMS],
}

const SUMS: usize = 12;

impl CreditSums {
    pub(super) fn add(&mut self, loss: &[f64], exposure: &[f64], discount: &[f64], weights: &[f64]) {
        self.add_terms(block_moments(loss, exposure, discount, weights));
    }

    pub(super) fn add_gathered(&mut self, gathered: &Gathered, weights: &[f64]) {
        self.add_terms(gathered_moments(gathered, weights));
    }

    fn add_terms(&mut self, terms: [f64; SUMS]) {
        for (sum, term) in self.sums.iter_mut().zip(terms) {
            sum.add(term);
        }
    }

    pub(super) fn merge(&mut self, other: &CreditSums) {
        for (sum, other) in self.sums.iter_mut().zip(&other.sums) {
            sum.merge(other);
        }
    }

    pub(super) fn credit(
        &self,
        name: &str,
        lender: Option<&str>,
        principal: f64,
        run: &Run,
        confidence: Confidence,
    ) -> Credit {
        let [l, ll, d, dd, md, e, ee, e1, n, nn, m, mm] = std::array::from_fn(|k| self.sums[k].value());
        Credit {
            name: name.to_owned(),
            lender: lender.map(str::to_owned),
            principal,
            expected_loss: Estimate::mean(run.paths, l, ll, confidence),
            exposure_at_default: Estimate::ratio(run.paths, [n, e, nn, e1, ee], confidence),
            loss_given_default: Estimate::ratio(run.paths, [d, m, dd, md, mm], confidence),
        }
    }
}

/// The sums of [`CreditSums`] over a block, in the fixed order of [`block_sum`](super::block_sum). An exposure above zero is
/// a default.
#[inline(always)]
fn moments(weights: &[f64], terms: impl Fn(usize) -> [f64; 4]) -> [f64; SUMS] {
    let mut sums = [[0.0; 8]; SUMS];
    let mut add = |slot: usize, path: usize| {
        let (w, [loss, discounted, exposure, lost]) = (weights[path], terms(path));
        let (l, d, e, m) = (w * loss, w * discounted, w * exposure, w * lost);
        let n = if exposure > 0.0 { w } else { 0.0 };
        for (sum, term) in sums.iter_mut().zip([l, l * l, d, d * d, m * d, e, e * e, e * n, n, n * n, m, m * m]) {
            sum[slot] += term;
        }
    };
    let whole = weights.len() - weights.len() % 8;
    for first in (0..whole).step_by(8) {
        for slot in 0..8 {
            add(slot, first + slot);
        }
    }
    for path in whole..weights.len() {
        add(path - whole, path);
    }
    sums.map(|s| ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7])))
}

vectorised! {
    fn block_moments(loss: &[f64], exposure: &[f64], discount: &[f64], weights: &[f64]) -> [f64; SUMS] {
        let paths = weights.len();
        let (loss, exposure, discount) = (&loss[..paths], &exposure[..paths], &discount[..paths]);
        moments(weights, |path| {
            let lost = if exposure[path] > 0.0 { loss[path] } else { 0.0 };
            [loss[path], exposure[path] * discount[path], exposure[path], lost]
        })
    }

    fn gathered_moments(gathered: &Gathered, weights: &[f64]) -> [f64; SUMS] {
        let Gathered { loss, discounted, exposure, lost } = gathered;
        let paths = weights.len();
        let (loss, discounted) = (&loss[..paths], &discounted[..paths]);
        let (exposure, lost) = (&exposure[..paths], &lost[..paths]);
        moments(weights, |path| [loss[path], discounted[path], exposure[path], lost[path]])
    }
}

/// Loss, discounted exposure, exposure, and loss of those that defaulted, of several facilities together, path by path.
#[derive(Debug, Clone, Default)]
pub(super) struct Gathered {
    loss: Box<Lane>,
    discounted: Box<Lane>,
    exposure: Box<Lane>,
    lost: Box<Lane>,
}

impl Gathered {
    pub(super) fn clear(&mut self) {
        self.loss.fill(0.0);
        self.discounted.fill(0.0);
        self.exposure.fill(0.0);
        self.lost.fill(0.0);
    }
}

vectorised! {
    pub(super) fn gather(loss: &[f64], exposure: &[f64], discount: &[f64], into: &mut Gathered) {
        let Gathered { loss: all, discounted, exposure: exposures, lost } = into;
        let paths = loss.len().min(exposure.len()).min(discount.len()).min(PATHS);
        for i in 0..paths {
            all[i] += loss[i];
            discounted[i] += exposure[i] * discount[i];
            exposures[i] += exposure[i];
            lost[i] += if exposure[i] > 0.0 { loss[i] } else { 0.0 };
        }
    }
}
