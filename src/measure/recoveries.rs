//! What comes back? Recovery and internal rate of return by claim.

use super::facility_cash::FacilityCash;
use super::observed::{Observed, check_levels};
use super::pool::Pool;
use super::returns::{Search, internal_rate, internal_rates};
use super::sums::RatioSums;
use super::{Block, Confidence, Estimate, ExactSum, Measure, MeasurePlan, Run, StepBlock, block_sum};
use crate::Error;
use crate::numeric::{Lane, PATHS};
use serde::{Deserialize, Serialize};

/// Recovery of every claim of a pool, and its internal rate of return: of expected cash, and its distribution over paths with default and without. The result is
/// one [`Recovery`] for each facility.
///
/// ```text
/// recovery            = E[sum of recovered] / E[exposure at default]                                    in money of its day
/// discounted recovery = E[sum of D(t) recovered(t)] / E[D(default) exposure at default]                 one less the LGD
/// return              : E[sum of c(t) (1 + r)^-t] = 0,   c = interest + principal + recovered - drawn   of expected cash
/// path's return       : the same of the path's own cash
/// ```
///
/// What still performs at the horizon counts as repaid at par on that date. A path that gets nothing back returns -100 %; cash that changes its sign more than once may have
/// more than one return, and one of them counts.
///
/// *Standard errors.* Of recoveries those of ratios; of quantiles Woodruff's; of the return of expected cash by 32 sections of the blocks (Asmussen and Glynn 2007,
/// III.5), with Student's t of 31 degrees of freedom.
///
/// Needs the metrics of a facility's cash, as [`FairSpread`](super::FairSpread). Memory for each worker: about 20 kB per facility and date, and 40 kB for
/// each power of two that its returns span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Recoveries {
    of: Pool,
    levels: Vec<f64>,
    confidence: Confidence,
}

impl Default for Recoveries {
    fn default() -> Self {
        Recoveries { of: Pool::Book, levels: vec![0.05, 0.25, 0.5, 0.75, 0.95], confidence: Confidence::default() }
    }
}

impl Recoveries {
    /// Of every facility of the book.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Of a part of the book.
    #[must_use]
    pub fn of(self, pool: Pool) -> Self {
        Recoveries { of: pool, ..self }
    }

    /// Levels of the quantiles of returns, each between 0 and 1; 5, 25, 50, 75 and 95 % unless told otherwise.
    #[must_use]
    pub fn levels(self, levels: impl Into<Vec<f64>>) -> Self {
        Recoveries { levels: levels.into(), ..self }
    }

    /// Sets how often the intervals cover: 95 % unless told otherwise.
    #[must_use]
    pub fn confidence(self, confidence: Confidence) -> Self {
        Recoveries { confidence, ..self }
    }
}

/// What comes back of one facility.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Recovery {
    /// Name of the obligor.
    pub obligor: String,
    /// Name of the facility.
    pub facility: String,
    /// Recovered over exposure at default, in money of its day, all defaults together.
    pub recovery: Estimate,
    /// The same with both discounted to time zero.
    pub discounted_recovery: Estimate,
    /// Internal rate of return of expected cash, a year.
    pub expected_return: Estimate,
    /// Returns of paths without default.
    pub repaid: Returns,
    /// Returns of paths with default.
    pub defaulted: Returns,
}

/// The distribution of a path's internal rate of return.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Returns {
    /// Probability of such a path.
    pub probability: Estimate,
    /// Quantiles given that, in the order of the levels.
    pub quantiles: Vec<Estimate>,
}

/// Sections of the blocks, for the error of the return of expected cash.
const SECTIONS: usize = 32;

/// One worker's share of [`Recoveries`].
#[derive(Debug, Clone)]
pub struct RecoveryPartial {
    facilities: Vec<Account>,
    /// Length of each step.
    lengths: Vec<f64>,
    /// Paths in each section.
    sections: Vec<u64>,
    search: Box<Search>,
    terms: Box<Lane>,
    rates: Box<Lane>,
}

#[derive(Debug, Clone)]
struct Account {
    lane: (usize, usize),
    cash: FacilityCash,
    /// Of exposure and what is recovered; in money of the day, and discounted.
    recovery: RatioSums,
    discounted: RatioSums,
    repaid: Observed,
    defaulted: Observed,
    /// Sums of cash by section and date, time zero first.
    expected: Vec<ExactSum>,
    /// Scratch: cash by date, and what is recovered on each path.
    flows: Vec<Lane>,
    recovered: Box<Lane>,
    worth: Box<Lane>,
}

impl Measure for Recoveries {
    type Partial = RecoveryPartial;
    type Output = Vec<Recovery>;

    fn plan(&self, plan: &mut MeasurePlan<'_>) -> Result<RecoveryPartial, Error> {
        check_levels(&self.levels)?;
        plan.observe_steps();
        let dates = plan.run().grid.steps() + 1;
        let lanes = self.of.lanes(plan.run())?;
        let mut account = |lane| {
            Ok(Account {
                lane,
                cash: FacilityCash::plan(plan, lane)?,
                recovery: RatioSums::default(),
                discounted: RatioSums::default(),
                repaid: Observed::streaming(),
                defaulted: Observed::streaming(),
                expected: vec![ExactSum::new(); SECTIONS * dates],
                flows: vec![Lane::ZERO; dates],
                recovered: Box::default(),
                worth: Box::default(),
            })
        };
        Ok(RecoveryPartial {
            facilities: lanes.into_iter().map(&mut account).collect::<Result<_, Error>>()?,
            lengths: plan.run().grid.iter().map(|step| step.length).collect(),
            sections: vec![0; SECTIONS],
            search: Box::default(),
            terms: Box::default(),
            rates: Box::default(),
        })
    }

    fn observe(&self, partial: &mut RecoveryPartial, block: &StepBlock<'_>) {
        let (index, discount) = (block.step().index, block.discount());
        for Account { cash, flows, recovered, worth, .. } in &mut partial.facilities {
            let cash = cash.at(block);
            cash.net(block.is_last(), index, &mut flows[index]);
            if index == 0 {
                recovered.fill(0.0);
                worth.fill(0.0);
            }
            for path in 0..block.paths() {
                recovered[path] += cash.recovered[path];
                worth[path] += discount[path] * cash.recovered[path];
            }
        }
    }

    fn record(&self, partial: &mut RecoveryPartial, block: &Block<'_>) {
        let RecoveryPartial { facilities, lengths, sections, search, terms, rates } = partial;
        let weights = block.weights();
        // Always below the number of sections, so the cast is exact.
        let section = (block.first_path() / PATHS as u64 % SECTIONS as u64) as usize;
        sections[section] += block.paths() as u64;
        for account in facilities {
            let (obligor, facility) = account.lane;
            let (exposure, discount) = (block.exposure(obligor, facility), block.default_discount(obligor));
            let default_step = block.default_step(obligor);
            internal_rates(&account.flows, lengths, search, rates);
            account.repaid.add(&rates[..block.paths()], weights, |path| default_step[path] == f64::INFINITY);
            account.defaulted.add(&rates[..block.paths()], weights, |path| default_step[path] < f64::INFINITY);
            let dates = account.flows.len();
            let sums = &mut account.expected[section * dates..][..dates];
            for (sum, flow) in sums.iter_mut().zip(&account.flows) {
                for (term, (flow, weight)) in terms.iter_mut().zip(flow.iter().zip(weights)) {
                    *term = flow * weight;
                }
                sum.add(block_sum(&terms[..block.paths()]));
            }
            rates.fill(0.0);
            rates[..exposure.len()].copy_from_slice(exposure);
            account.recovery.add(rates, &account.recovered, weights, terms);
            for (worth, discount) in rates.iter_mut().zip(discount) {
                *worth *= discount;
            }
            account.discounted.add(rates, &account.worth, weights, terms);
        }
    }

    fn merge(&self, into: &mut RecoveryPartial, from: RecoveryPartial) {
        into.sections.iter_mut().zip(from.sections).for_each(|(into, from)| *into += from);
        for (into, from) in into.facilities.iter_mut().zip(from.facilities) {
            into.recovery.merge(&from.recovery);
            into.discounted.merge(&from.discounted);
            into.repaid.merge(from.repaid);
            into.defaulted.merge(from.defaulted);
            into.expected.iter_mut().zip(&from.expected).for_each(|(into, from)| into.merge(from));
        }
    }

    fn finish(&self, partial: RecoveryPartial, run: &Run) -> Vec<Recovery> {
        let (paths, confidence) = (run.paths, self.confidence);
        let dates: Vec<f64> = std::iter::once(0.0).chain(run.grid.dates().iter().copied()).collect();
        let returns = |mut observed: Observed| {
            observed.finish();
            Returns {
                probability: observed.share(paths, confidence),
                quantiles: self.levels.iter().map(|level| observed.quantile(*level, confidence)).collect(),
            }
        };
        let recovery = |account: Account| {
            let (obligor, facility) = account.lane;
            let obligor = &run.obligors[obligor];
            Recovery {
                obligor: obligor.name.clone(),
                facility: obligor.facilities[facility].name.clone(),
                recovery: account.recovery.ratio(paths, confidence),
                discounted_recovery: account.discounted.ratio(paths, confidence),
                expected_return: expected_return(&account.expected, &partial.sections, &dates, paths, confidence),
                repaid: returns(account.repaid),
                defaulted: returns(account.defaulted),
            }
        };
        partial.facilities.into_iter().map(recovery).collect()
    }
}

/// The return of expected cash, with its error by sections.
fn expected_return(sums: &[ExactSum], sections: &[u64], dates: &[f64], paths: u64, confidence: Confidence) -> Estimate {
    let whole = |date: usize| {
        let mut sum = ExactSum::new();
        (0..SECTIONS).for_each(|section| sum.merge(&sums[section * dates.len() + date]));
        sum.value()
    };
    let value = internal_rate(&(0..dates.len()).map(whole).collect::<Vec<_>>(), dates);
    let (mut count, mut sum) = (0.0, 0.0);
    for (section, in_section) in sections.iter().enumerate().filter(|(_, paths)| **paths > 0) {
        let cash: Vec<f64> = sums[section * dates.len()..][..dates.len()].iter().map(ExactSum::value).collect();
        let away = (internal_rate(&cash, dates) - value) * (*in_section as f64 / paths as f64);
        sum += away * away;
        count += 1.0;
    }
    let error = (count / (count - 1.0) * sum).sqrt();
    let error = if count > 1.0 && !error.is_nan() { error } else { f64::INFINITY };
    if value.is_nan() {
        return Estimate::undefined(paths, confidence);
    }
    Estimate::with_freedom(value, error, count - 1.0, paths, confidence)
}
