//! Who defaults when and why, with whom, and what it costs.

use super::credit_sums::{CreditSums, Gathered, gather};
use super::defaults::{Defaults, ObligorDefaults};
use super::joint::{self, Mask};
use super::sample::ones;
use super::{Block, Confidence, Estimate, Measure, MeasurePlan, Run, Tally};
use crate::Error;
use crate::credit::Cause;
use std::collections::BTreeMap;

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

/// One worker's share of a [`DefaultTable`].
#[derive(Debug, Clone)]
pub struct DefaultCounts {
    obligors: Vec<ObligorCounts>,
    /// Position of each lender among `lenders`, by obligor and facility.
    lender_of: Vec<Vec<usize>>,
    lenders: Vec<CreditSums>,
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
    total: CreditSums,
    facilities: Vec<CreditSums>,
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
    fn total(&self) -> &CreditSums {
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

impl Measure for DefaultTable {
    type Partial = DefaultCounts;
    type Output = Defaults;

    fn plan(&self, plan: &mut MeasurePlan<'_>) -> Result<DefaultCounts, Error> {
        let run = plan.run();
        let lenders = lenders(run);
        let obligors = run.obligors.iter().map(|obligor| ObligorCounts {
            steps: vec![Tally::new(); run.grid.steps()],
            causes: [Tally::new(); Cause::ALL.len()],
            total: CreditSums::default(),
            facilities: vec![CreditSums::default(); obligor.facilities.len()],
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
            lenders: vec![CreditSums::default(); lenders.len()],
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
