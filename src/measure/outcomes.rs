//! What becomes of an obligor? One label for each path.

use super::{Block, Confidence, Estimate, Measure, MeasurePlan, MetricLane, Run, StepBlock, Tally};
use crate::Error;
use crate::error::check;
use crate::numeric::{Lane, PATHS};
use serde::{Deserialize, Serialize};

/// What became of an obligor on a path: the first of these, from below, that is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// A business like a utility: nothing is owed at the horizon, and the DSCR has never been below the bar.
    UtilityMoat,
    /// None of the others.
    MuddledThrough,
    /// Lenders gave time: a waiver, an extension, or a repayment date that passed into a cash trap.
    Extended,
    /// A sponsor gave support.
    StrategicBailout,
    /// Default.
    DebtTrap,
}

impl Fate {
    /// Every fate, in the order in which they are declared.
    pub const ALL: [Fate; 5] =
        [Fate::UtilityMoat, Fate::MuddledThrough, Fate::Extended, Fate::StrategicBailout, Fate::DebtTrap];
}

/// The probability of each [`Fate`] of every obligor: labels that exclude one another, one for each path. The result is
/// one [`ObligorFates`] for each obligor.
///
/// It looks at metrics, so that obligors of your own take part: `dscr`, `balance` and `arrears`, which every obligor has to
/// publish that is asked for, and `waiver`, `extension` and `support` if it does. What matures counts as due in `dscr`.
///
/// **Errors.** The five counts add up to the number of paths. Without weights the probabilities so add up to one (to the rounding of
/// five quotients); each has the error of a proportion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcomes {
    bar: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    obligor: Option<String>,
}

impl Outcomes {
    /// Of every obligor that publishes what is needed; `bar` is the DSCR of a utility, 1.3 say.
    #[must_use]
    pub fn new(bar: f64) -> Self {
        Outcomes { bar, obligor: None }
    }

    /// Of one obligor.
    #[must_use]
    pub fn of(self, obligor: impl Into<String>) -> Self {
        Outcomes { obligor: Some(obligor.into()), ..self }
    }
}

/// What became of one obligor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ObligorFates {
    /// Name of the obligor.
    pub obligor: String,
    /// In the order of [`Fate::ALL`].
    pub fates: Vec<FateProbability>,
}

impl ObligorFates {
    /// The probability of one of them.
    #[must_use]
    pub fn probability(&self, fate: Fate) -> Estimate {
        self.fates[fate as usize].probability
    }
}

/// How often one fate was met.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FateProbability {
    /// Which.
    pub fate: Fate,
    /// On how many paths.
    pub paths: u64,
    /// Its probability.
    pub probability: Estimate,
}

/// One worker's share of [`Outcomes`].
#[derive(Debug, Clone)]
pub struct OutcomePartial(Vec<Labels>);

#[derive(Debug, Clone)]
struct Labels {
    obligor: usize,
    /// `dscr`, `balance`, `arrears`.
    needed: [MetricLane; 3],
    time: Vec<MetricLane>,
    support: Option<MetricLane>,
    tallies: [Tally; 5],
    /// Scratch of the block at hand: the lowest DSCR, and whether time, or support, was given.
    lowest: Box<Lane>,
    eased: Box<Lane>,
    supported: Box<Lane>,
    owed: Box<Lane>,
}

fn add(values: &[f64], sum: &mut Lane) {
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum += value;
    }
}

impl Labels {
    fn label(&self, path: usize, is_default: bool, bar: f64) -> Fate {
        if is_default {
            Fate::DebtTrap
        } else if self.supported[path] > 0.0 {
            Fate::StrategicBailout
        } else if self.eased[path] > 0.0 {
            Fate::Extended
        } else if self.owed[path] <= 0.0 && self.lowest[path] >= bar {
            Fate::UtilityMoat
        } else {
            Fate::MuddledThrough
        }
    }
}

impl Measure for Outcomes {
    type Partial = OutcomePartial;
    type Output = Vec<ObligorFates>;

    fn plan(&self, plan: &mut MeasurePlan<'_>) -> Result<OutcomePartial, Error> {
        check::within("bar", self.bar, 0.0, 1e6)?;
        plan.observe_steps();
        let names: Vec<String> = plan.run().obligors.iter().map(|obligor| obligor.name.clone()).collect();
        let asked = match &self.obligor {
            Some(obligor) => vec![plan.run().obligor(obligor)?],
            None => (0..names.len()).collect(),
        };
        let mut labels = Vec::new();
        for obligor in asked {
            let name = &names[obligor];
            let mut metric = |kind: &str| plan.metric(name, kind);
            let needed = match (metric("dscr"), metric("balance"), metric("arrears")) {
                (Ok(dscr), Ok(balance), Ok(arrears)) => [dscr, balance, arrears],
                (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) if self.obligor.is_some() => {
                    return Err(error);
                }
                _ => continue,
            };
            labels.push(Labels {
                obligor,
                needed,
                time: ["waiver", "extension"].iter().filter_map(|kind| metric(kind).ok()).collect(),
                support: metric("support").ok(),
                tallies: Default::default(),
                lowest: Box::default(),
                eased: Box::default(),
                supported: Box::default(),
                owed: Box::default(),
            });
        }
        Ok(OutcomePartial(labels))
    }

    fn observe(&self, partial: &mut OutcomePartial, block: &StepBlock<'_>) {
        for Labels { needed: [dscr, balance, arrears], time, support, lowest, eased, supported, owed, .. } in
            &mut partial.0
        {
            if block.step().index == 0 {
                lowest.fill(f64::INFINITY);
                eased.fill(0.0);
                supported.fill(0.0);
            }
            // Nothing is due on the first date, which has no DSCR.
            if block.step().index > 0 {
                for (lowest, dscr) in lowest.iter_mut().zip(block.metric(*dscr)) {
                    *lowest = lowest.min(*dscr);
                }
            }
            time.iter().for_each(|lane| add(block.metric(*lane), eased));
            support.iter().for_each(|lane| add(block.metric(*lane), supported));
            owed.fill(0.0);
            add(block.metric(*balance), owed);
            add(block.metric(*arrears), owed);
        }
    }

    fn record(&self, partial: &mut OutcomePartial, block: &Block<'_>) {
        for labels in &mut partial.0 {
            let default_step = block.default_step(labels.obligor);
            for (path, weight) in block.weights().iter().enumerate().take(PATHS) {
                let fate = labels.label(path, default_step[path].is_finite(), self.bar);
                labels.tallies[fate as usize].add(*weight);
            }
        }
    }

    fn merge(&self, into: &mut OutcomePartial, from: OutcomePartial) {
        for (into, from) in into.0.iter_mut().zip(&from.0) {
            into.tallies.iter_mut().zip(&from.tallies).for_each(|(into, from)| into.merge(from));
        }
    }

    fn finish(&self, partial: OutcomePartial, run: &Run) -> Vec<ObligorFates> {
        let confidence = Confidence::default();
        let of = |labels: Labels| ObligorFates {
            obligor: run.obligors[labels.obligor].name.clone(),
            fates: Fate::ALL
                .into_iter()
                .zip(&labels.tallies)
                .map(|(fate, tally)| FateProbability {
                    fate,
                    paths: tally.count(),
                    probability: tally.probability(run.paths, confidence),
                })
                .collect(),
        };
        partial.0.into_iter().map(of).collect()
    }
}
