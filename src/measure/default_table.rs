//! Who defaults when and why, with whom, and what it costs.

use super::joint::{self, Mask};
use super::sample::ones;
use super::{Block, Confidence, Estimate, ExactSum, Measure, MeasurePlan, Run, Tally};
use crate::Error;
use crate::credit::Cause;
use crate::numeric::{Lane, PATHS};
use crate::vectorised;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Index;

/// Default probabilities by step and cause, joint defaults, exposure and loss given default, by obligor, facility and
/// lender. The result is [`Defaults`].
///
/// Memory: about 5 kB per facility and obligor, 48 bytes per obligor and step, 48 bytes per pair of obligors, for each worker.
#[derive(Debug, Clone, Copy, Default)]
pub struct DefaultTable {
    confidence: Confidence,
}

impl DefaultTable {
    /// The table, with intervals of 95 %.
    #[must_use]
    pub fn new() -> Self {
        DefaultTable::default()
    }

    /// Sets how often the intervals cover.
    #[must_use]
    pub fn confidence(mut self, confidence: Confidence) -> Self {
        self.confidence = confidence;
        self
    }
}

/// What a [`DefaultTable`] reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Defaults {
    /// End of each step, in years: the dates of the cumulative probabilities.
    pub dates: Vec<f64>,
    /// The obligors, in the order of the book.
    pub obligors: Vec<ObligorDefaults>,
    /// The lenders, by name.
    pub lenders: Vec<Credit>,
    /// Defaults of each obligor.
    own: Vec<Tally>,
    /// Joint defaults of all pairs `a < b`: (0,1), (0,2), .., (1,2), ..
    joint: Vec<Tally>,
    confidence: Confidence,
    paths: u64,
}

/// One obligor in [`Defaults`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ObligorDefaults {
    /// Name.
    pub name: String,
    /// Probability of default up to the horizon.
    pub probability: Estimate,
    /// Probability of default up to the end of each step.
    pub cumulative: Vec<Estimate>,
    /// Probability of default up to the horizon by cause, in the order of [`Cause::ALL`].
    pub causes: Vec<(Cause, Estimate)>,
    /// All facilities together.
    pub total: Credit,
    /// Each facility, in order of seniority.
    pub facilities: Vec<Credit>,
}

/// What was lent and what is lost: a facility, an obligor, a lender.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Credit {
    /// Name of the facility, obligor or lender.
    pub name: String,
    /// Who bears the loss; of an obligor as a whole, nobody in particular.
    pub lender: Option<String>,
    /// Amount owed at time zero.
    pub principal: f64,
    /// Expected loss, discounted to time zero.
    pub expected_loss: Estimate,
    /// Mean exposure at default, given that there is one, in money of the day of default. Undefined without any default.
    pub exposure_at_default: Estimate,
    /// Discounted loss over discounted exposure, all defaults together. Undefined without any default.
    pub loss_given_default: Estimate,
}

impl Defaults {
    /// One obligor by name.
    #[must_use]
    pub fn get(&self, obligor: &str) -> Option<&ObligorDefaults> {
        self.obligors.iter().find(|found| found.name == obligor)
    }

    /// Probability that both default up to the horizon; of an obligor with itself its own probability.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is no such obligor.
    pub fn joint(&self, a: &str, b: &str) -> Result<Estimate, Error> {
        let (a, b) = (self.position(a)?, self.position(b)?);
        if a == b {
            return Ok(self.obligors[a].probability);
        }
        let pair = joint::pair(a.min(b), a.max(b), self.obligors.len());
        Ok(self.joint[pair].probability(self.paths, self.confidence))
    }

    /// Default correlation: that of the two default indicators, `(p_ab - p_a p_b) / sqrt(p_a (1 - p_a) p_b (1 - p_b))`, with the
    /// standard error of the delta method. [Undefined](Estimate::is_defined) where one of them never or always defaults.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is no such obligor.
    pub fn correlation(&self, a: &str, b: &str) -> Result<Estimate, Error> {
        let (a, b) = (self.position(a)?, self.position(b)?);
        let both = match a == b {
            true => self.own[a],
            false => self.joint[joint::pair(a.min(b), a.max(b), self.obligors.len())],
        };
        Ok(joint::correlation(&self.own[a], &self.own[b], &both, self.paths, self.confidence))
    }

    fn position(&self, name: &str) -> Result<usize, Error> {
        self.obligors.iter().position(|obligor| obligor.name == name).ok_or_else(|| Error::Unknown {
            field: "obligor".into(),
            kind: "obligor",
            name: name.to_owned(),
            known: self.obligors.iter().map(|obligor| obligor.name.as_str()).collect::<Vec<_>>().join(", "),
        })
    }
}

/// An obligor by name, as in a map.
///
/// # Panics
/// When there is no obligor of that name; [`Defaults::get`] does not.
impl Index<&str> for Defaults {
    type Output = ObligorDefaults;

    fn index(&self, obligor: &str) -> &ObligorDefaults {
        match self.get(obligor) {
            Some(found) => found,
            None => panic!("no obligor is named \"{obligor}\""),
        }
    }
}

/// One worker's share of a [`DefaultTable`].
#[derive(Debug, Clone)]
pub struct DefaultCounts {
    obligors: Vec<ObligorCounts>,
    /// Position of each lender among `lenders`, by obligor and facility.
    lender_of: Vec<Vec<usize>>,
    lenders: Vec<Moments>,
    joint: Vec<Tally>,
    /// Scratch: one bit per path of the block, by obligor.
    defaulted: Vec<Mask>,
    /// Scratch: what the facilities of the obligor at hand add up to.
    together: Gathered,
    /// Scratch: the same by lender.
    by_lender: Vec<Gathered>,
}

#[derive(Debug, Clone)]
struct ObligorCounts {
    /// Defaults in each step.
    steps: Vec<Tally>,
    causes: [Tally; Cause::ALL.len()],
    /// All facilities together, where there are several.
    total: Moments,
    facilities: Vec<Moments>,
    /// Scratch: defaults of one block by step, then by cause.
    block: Vec<u32>,
}

impl ObligorCounts {
    /// Counts the defaults of one block by step and by cause.
    fn count(&mut self, defaulted: Mask, steps: &[f64], causes: &[Cause], weights: &[f64]) {
        let last = self.steps.len();
        // Steps are whole numbers from 1 on, so the cast is exact; one beyond the grid counts as the last.
        let step_of = |path: usize| (steps[path] as usize).clamp(1, last) - 1;
        if ones(weights) {
            // Whole numbers first, then one tally for each.
            for path in defaulted.paths() {
                self.block[step_of(path)] += 1;
                self.block[last + causes[path] as usize] += 1;
            }
            for (tally, count) in self.steps.iter_mut().chain(&mut self.causes).zip(&mut self.block) {
                if *count > 0 {
                    tally.merge(&Tally::of(u64::from(std::mem::take(count))));
                }
            }
        } else {
            for path in defaulted.paths() {
                self.steps[step_of(path)].add(weights[path]);
                self.causes[causes[path] as usize].add(weights[path]);
            }
        }
    }

    /// All facilities together.
    fn total(&self) -> &Moments {
        match self.facilities.as_slice() {
            [one] => one,
            _ => &self.total,
        }
    }

    /// Defaults in any step.
    fn defaults(&self) -> Tally {
        self.steps.iter().fold(Tally::new(), |mut sum, step| {
            sum.merge(step);
            sum
        })
    }
}

/// Exact sums over paths of weighted loss `l`, discounted exposure `d`, exposure `e` and default indicator `1`.
#[derive(Debug, Clone, Default)]
struct Moments {
    /// l, ll, d, dd, ld, e, ee, e1, 1, 11
    sums: [ExactSum; SUMS],
}

const SUMS: usize = 10;

impl Moments {
    fn add(&mut self, loss: &[f64], exposure: &[f64], discount: &[f64], weights: &[f64]) {
        self.add_terms(block_moments(loss, exposure, discount, weights));
    }

    fn add_gathered(&mut self, gathered: &Gathered, weights: &[f64]) {
        self.add_terms(gathered_moments(&gathered.loss[..], &gathered.exposure[..], &gathered.discounted[..], weights));
    }

    fn add_terms(&mut self, terms: [f64; SUMS]) {
        for (sum, term) in self.sums.iter_mut().zip(terms) {
            sum.add(term);
        }
    }

    fn merge(&mut self, other: &Moments) {
        for (sum, other) in self.sums.iter_mut().zip(&other.sums) {
            sum.merge(other);
        }
    }

    fn credit(&self, name: &str, lender: Option<&str>, principal: f64, run: &Run, confidence: Confidence) -> Credit {
        let [l, ll, d, dd, ld, e, ee, e1, n, nn] = std::array::from_fn(|k| self.sums[k].value());
        Credit {
            name: name.to_owned(),
            lender: lender.map(str::to_owned),
            principal,
            expected_loss: Estimate::mean(run.paths, l, ll, confidence),
            exposure_at_default: Estimate::ratio(run.paths, [n, e, nn, e1, ee], confidence),
            loss_given_default: Estimate::ratio(run.paths, [d, l, dd, ld, ll], confidence),
        }
    }
}

/// The sums of [`Moments`] over a block, in the fixed order of [`block_sum`](super::block_sum). An exposure above zero is
/// a default.
#[inline(always)]
fn moments(weights: &[f64], terms: impl Fn(usize) -> [f64; 3]) -> [f64; SUMS] {
    let mut sums = [[0.0; 8]; SUMS];
    let mut add = |slot: usize, path: usize| {
        let (w, [loss, discounted, exposure]) = (weights[path], terms(path));
        let (l, d, e) = (w * loss, w * discounted, w * exposure);
        let n = if exposure > 0.0 { w } else { 0.0 };
        for (sum, term) in sums.iter_mut().zip([l, l * l, d, d * d, l * d, e, e * e, e * n, n, n * n]) {
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
        moments(weights, |path| [loss[path], exposure[path] * discount[path], exposure[path]])
    }

    fn gathered_moments(loss: &[f64], exposure: &[f64], discounted: &[f64], weights: &[f64]) -> [f64; SUMS] {
        let paths = weights.len();
        let (loss, exposure, discounted) = (&loss[..paths], &exposure[..paths], &discounted[..paths]);
        moments(weights, |path| [loss[path], discounted[path], exposure[path]])
    }
}

/// Loss, discounted exposure and exposure of several facilities together, path by path.
#[derive(Debug, Clone, Default)]
struct Gathered {
    loss: Box<Lane>,
    discounted: Box<Lane>,
    exposure: Box<Lane>,
}

impl Gathered {
    fn clear(&mut self) {
        self.loss.fill(0.0);
        self.discounted.fill(0.0);
        self.exposure.fill(0.0);
    }
}

vectorised! {
    fn gather(loss: &[f64], exposure: &[f64], discount: &[f64], into: &mut Gathered) {
        let Gathered { loss: all, discounted, exposure: exposures } = into;
        let paths = loss.len().min(exposure.len()).min(discount.len()).min(PATHS);
        for i in 0..paths {
            all[i] += loss[i];
            discounted[i] += exposure[i] * discount[i];
            exposures[i] += exposure[i];
        }
    }
}

impl Measure for DefaultTable {
    type Partial = DefaultCounts;
    type Output = Defaults;

    fn plan(&self, plan: &mut MeasurePlan<'_>) -> Result<DefaultCounts, Error> {
        let run = plan.run();
        let lenders = lenders(run);
        let obligors = run.obligors.iter().map(|obligor| ObligorCounts {
            steps: vec![Tally::new(); run.grid.steps()],
            causes: [Tally::new(); Cause::ALL.len()],
            total: Moments::default(),
            facilities: vec![Moments::default(); obligor.facilities.len()],
            block: vec![0; run.grid.steps() + Cause::ALL.len()],
        });
        let lender_of = run.obligors.iter().map(|obligor| {
            let position = |lender: &String| lenders.keys().position(|name| name == lender).unwrap_or_default();
            obligor.facilities.iter().map(|facility| position(&facility.lender)).collect()
        });
        let count = run.obligors.len();
        Ok(DefaultCounts {
            obligors: obligors.collect(),
            lender_of: lender_of.collect(),
            lenders: vec![Moments::default(); lenders.len()],
            joint: vec![Tally::new(); count * count.saturating_sub(1) / 2],
            defaulted: vec![Mask::default(); count],
            together: Gathered::default(),
            by_lender: vec![Gathered::default(); lenders.len()],
        })
    }

    fn record(&self, partial: &mut DefaultCounts, block: &Block<'_>) {
        let DefaultCounts { obligors, lender_of, lenders, joint, defaulted, together, by_lender } = partial;
        let weights = block.weights();
        by_lender.iter_mut().for_each(Gathered::clear);
        for (index, counts) in obligors.iter_mut().enumerate() {
            let (steps, causes) = (block.default_step(index), block.cause(index));
            defaulted[index] = Mask::of_defaults(steps);
            counts.count(defaulted[index], steps, causes, weights);
            let discount = block.default_discount(index);
            let several = counts.facilities.len() > 1;
            if several {
                together.clear();
            }
            for (facility, moments) in counts.facilities.iter_mut().enumerate() {
                let (loss, exposure) = (block.loss(index, facility), block.exposure(index, facility));
                moments.add(loss, exposure, discount, weights);
                gather(loss, exposure, discount, &mut by_lender[lender_of[index][facility]]);
                if several {
                    gather(loss, exposure, discount, together);
                }
            }
            if several {
                counts.total.add_gathered(together, weights);
            }
        }
        for (lender, gathered) in lenders.iter_mut().zip(by_lender) {
            lender.add_gathered(gathered, weights);
        }
        joint::count(defaulted, weights, joint);
    }

    fn merge(&self, into: &mut DefaultCounts, from: DefaultCounts) {
        for (into, from) in into.obligors.iter_mut().zip(&from.obligors) {
            into.steps.iter_mut().zip(&from.steps).for_each(|(into, from)| into.merge(from));
            into.causes.iter_mut().zip(&from.causes).for_each(|(into, from)| into.merge(from));
            into.total.merge(&from.total);
            into.facilities.iter_mut().zip(&from.facilities).for_each(|(into, from)| into.merge(from));
        }
        into.lenders.iter_mut().zip(&from.lenders).for_each(|(into, from)| into.merge(from));
        into.joint.iter_mut().zip(&from.joint).for_each(|(into, from)| into.merge(from));
    }

    fn finish(&self, partial: DefaultCounts, run: &Run) -> Defaults {
        let confidence = self.confidence;
        let obligors = run.obligors.iter().zip(&partial.obligors).map(|(info, counts)| {
            let cumulative: Vec<Estimate> = counts
                .steps
                .iter()
                .scan(Tally::new(), |sum, step| {
                    sum.merge(step);
                    Some(sum.probability(run.paths, confidence))
                })
                .collect();
            let causes = Cause::ALL.into_iter().zip(&counts.causes);
            let facilities = info.facilities.iter().zip(&counts.facilities);
            ObligorDefaults {
                name: info.name.clone(),
                probability: cumulative.last().copied().unwrap_or(Estimate::undefined(run.paths, confidence)),
                cumulative,
                causes: causes.map(|(cause, tally)| (cause, tally.probability(run.paths, confidence))).collect(),
                total: counts.total().credit(
                    &info.name,
                    None,
                    info.facilities.iter().map(|facility| facility.principal).sum(),
                    run,
                    confidence,
                ),
                facilities: facilities
                    .map(|(facility, moments)| {
                        moments.credit(&facility.name, Some(&facility.lender), facility.principal, run, confidence)
                    })
                    .collect(),
            }
        });
        let lenders = lenders(run).into_iter().zip(&partial.lenders);
        Defaults {
            dates: run.grid.iter().map(|step| step.end).collect(),
            obligors: obligors.collect(),
            lenders: lenders
                .map(|((lender, principal), moments)| moments.credit(lender, Some(lender), principal, run, confidence))
                .collect(),
            own: partial.obligors.iter().map(ObligorCounts::defaults).collect(),
            joint: partial.joint,
            confidence,
            paths: run.paths,
        }
    }
}

/// Every lender with what it is owed at time zero.
fn lenders(run: &Run) -> BTreeMap<&str, f64> {
    let mut lenders = BTreeMap::new();
    for facility in run.obligors.iter().flat_map(|obligor| &obligor.facilities) {
        *lenders.entry(facility.lender.as_str()).or_insert(0.0) += facility.principal;
    }
    lenders
}
