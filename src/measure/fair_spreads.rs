//! What should a loan pay? The spread at which its expected cash is worth what is lent.

use super::facility_cash::FacilityCash;
use super::pool::Pool;
use super::sums::RatioSums;
use super::{Block, Confidence, Estimate, Measure, MeasurePlan, Run, StepBlock};
use crate::Error;
use crate::numeric::{Lane, PATHS};
use crate::vectorised;
use serde::{Deserialize, Serialize};

/// The fair spread of every facility of a pool, and of the pool as a whole, from simulated cash. The result is [`FairSpreads`].
///
/// ```text
/// A = E[ sum over steps of D(t) tau B(t-) 1{performing at t} ]                               annuity: what a spread of 1 a year is worth
/// V = E[ sum over dates of D(t) (interest + principal + recovered - drawn) ]                 value to the lender, less what it lent
/// M = E[ sum over steps of (D(t) interest - B(t-) (D(t-) - D(t)) 1{performing at t}) ]       interest paid over the riskless rate
/// contractual = M / A,   excess = -V / A,   fair = contractual + excess
/// ```
///
/// `B(t-)` is the balance at the start of a step of length `tau`, `D` the book's discount factor on the path. `fair` is the spread over the riskless rate of `D` at
/// which the loan is worth par with everything else as it is: draws, repayments, recoveries. `excess` is how much it exceeds what is paid. It is of
/// first order: a borrower that pays more does not default more often.
///
/// What still performs at the horizon counts as repaid at par on that date. Without a discount series nothing is discounted, and `contractual` is the
/// whole interest.
///
/// **Which measure.** Spreads are expectations under the law that the market describes. Drifts as they are seen give the compensation for expected loss; drifts less
/// the price of risk (`drift - price of risk x volatility`, of a coin or a rent) give the risk-adjusted spread. That is a second
/// description of the market, and [`Comparison`](crate::engine::Comparison) gives the risk premium as a paired difference.
///
/// Needs the metrics `NAME.drawn`, `NAME.interest_paid`, `NAME.principal_paid`, `NAME.recovered`, `NAME.balance` and `NAME.claim` of every facility, which
/// [`Borrower`](crate::credit::Borrower) publishes.
///
/// *Standard errors.* Those of ratios of two means, [`Estimate::ratio`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FairSpread {
    of: Pool,
    confidence: Confidence,
}

impl FairSpread {
    /// Fair spreads of all facilities of the book.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Of a part of the book.
    #[must_use]
    pub fn of(self, pool: Pool) -> Self {
        FairSpread { of: pool, ..self }
    }

    /// Sets how often the intervals cover: 95 % unless told otherwise.
    #[must_use]
    pub fn confidence(self, confidence: Confidence) -> Self {
        FairSpread { confidence, ..self }
    }
}

/// What [`FairSpread`] reports.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FairSpreads {
    /// Each facility, in the order of the book.
    pub facilities: Vec<SpreadOf>,
    /// All facilities together.
    pub pool: SpreadOf,
}

/// Spreads of one facility, or of a pool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SpreadOf {
    /// Name of the obligor; of a pool, none.
    pub obligor: Option<String>,
    /// Name of the facility; of a pool, none.
    pub facility: Option<String>,
    /// Value today of what the lender receives less what it lends, USD.
    pub value: Estimate,
    /// Value today of a spread of 1 a year while the loan performs, USD times years.
    pub annuity: Estimate,
    /// Spread over the riskless rate that is paid, a year.
    pub contractual: Estimate,
    /// Spread over the riskless rate that is fair, a year.
    pub fair: Estimate,
    /// Fair less contractual, a year: what the loan pays too little.
    pub excess: Estimate,
}

/// One worker's share of a [`FairSpread`].
#[derive(Debug, Clone)]
pub struct SpreadPartial {
    facilities: Vec<Account>,
    pool: Account,
    /// Discount factor one step ago.
    discount: Box<Lane>,
    /// Scratch.
    net: Box<Lane>,
    sum: Box<Lane>,
}

#[derive(Debug, Clone, Default)]
struct Account {
    cash: Option<FacilityCash>,
    /// Of the annuity, `x`, and minus the value, the margin, and the sum of both, `y`.
    excess: RatioSums,
    contractual: RatioSums,
    fair: RatioSums,
    /// Scratch: the balance one step ago, and what has come together on each path.
    balance: Box<Lane>,
    annuity: Box<Lane>,
    lost: Box<Lane>,
    margin: Box<Lane>,
}

impl Account {
    fn clear(&mut self) {
        for lane in [&mut self.balance, &mut self.annuity, &mut self.lost, &mut self.margin] {
            lane.fill(0.0);
        }
    }

    fn record(&mut self, weights: &[f64], sum: &mut Lane, terms: &mut Lane) {
        self.excess.add(&self.annuity, &self.lost, weights, terms);
        self.contractual.add(&self.annuity, &self.margin, weights, terms);
        sum.0 = self.lost.0;
        add(&self.margin, sum);
        self.fair.add(&self.annuity, sum, weights, terms);
    }

    fn merge(&mut self, other: &Account) {
        self.excess.merge(&other.excess);
        self.contractual.merge(&other.contractual);
        self.fair.merge(&other.fair);
    }

    fn finish(&self, name: Option<(&str, &str)>, run: &Run, confidence: Confidence) -> SpreadOf {
        SpreadOf {
            obligor: name.map(|(obligor, _)| obligor.to_owned()),
            facility: name.map(|(_, facility)| facility.to_owned()),
            value: self.excess.numerator(run.paths, confidence).scaled(-1.0),
            annuity: self.excess.denominator(run.paths, confidence),
            contractual: self.contractual.ratio(run.paths, confidence),
            fair: self.fair.ratio(run.paths, confidence),
            excess: self.excess.ratio(run.paths, confidence),
        }
    }
}

/// A step as lanes see it: its length, its index, and the discount factors at its two ends.
#[derive(Debug, Clone, Copy)]
struct Time<'a> {
    length: f64,
    index: f64,
    start: &'a Lane,
    end: &'a [f64],
}

vectorised! {
    fn accrue(
        net: &Lane,
        interest: &[f64],
        default_step: &[f64],
        time: Time<'_>,
        before: &Lane,
        annuity: &mut Lane,
        lost: &mut Lane,
        margin: &mut Lane,
    ) {
        let Time { length, index, start, end } = time;
        for i in 0..end.len().min(interest.len()).min(default_step.len()).min(PATHS) {
            let balance = if default_step[i] > index { before[i] } else { 0.0 };
            annuity[i] += end[i] * (length * balance);
            lost[i] -= end[i] * net[i];
            margin[i] += end[i] * interest[i] - balance * (start[i] - end[i]);
        }
    }

    fn add(values: &Lane, into: &mut Lane) {
        for i in 0..PATHS {
            into[i] += values[i];
        }
    }
}

impl Measure for FairSpread {
    type Partial = SpreadPartial;
    type Output = FairSpreads;

    fn plan(&self, plan: &mut MeasurePlan<'_>) -> Result<SpreadPartial, Error> {
        plan.observe_steps();
        let lanes = self.of.lanes(plan.run())?;
        let mut account = |lane| Ok(Account { cash: Some(FacilityCash::plan(plan, lane)?), ..Account::default() });
        Ok(SpreadPartial {
            facilities: lanes.into_iter().map(&mut account).collect::<Result<_, Error>>()?,
            pool: Account::default(),
            discount: Box::default(),
            net: Box::default(),
            sum: Box::default(),
        })
    }

    fn observe(&self, partial: &mut SpreadPartial, block: &StepBlock<'_>) {
        let SpreadPartial { facilities, discount, net, .. } = partial;
        let (step, now) = (block.step(), block.discount());
        if step.index == 0 {
            discount[..now.len()].copy_from_slice(now);
        }
        for account in facilities {
            let Account { cash: Some(cash), balance, annuity, lost, margin, .. } = &mut *account else { continue };
            let cash = cash.at(block);
            if step.index == 0 {
                for lane in [&mut *balance, &mut *annuity, &mut *lost, &mut *margin] {
                    lane.fill(0.0);
                }
            }
            cash.net(block.is_last(), step.index, net);
            let time = Time { length: step.length, index: step.index as f64, start: &*discount, end: now };
            accrue(net, cash.interest, cash.default_step, time, balance, annuity, lost, margin);
            balance[..cash.balance.len()].copy_from_slice(cash.balance);
        }
        discount[..now.len()].copy_from_slice(now);
    }

    fn record(&self, partial: &mut SpreadPartial, block: &Block<'_>) {
        let SpreadPartial { facilities, pool, net, sum, .. } = partial;
        let weights = block.weights();
        pool.clear();
        for account in facilities {
            add(&account.annuity, &mut pool.annuity);
            add(&account.lost, &mut pool.lost);
            add(&account.margin, &mut pool.margin);
            account.record(weights, sum, net);
        }
        pool.record(weights, sum, net);
    }

    fn merge(&self, into: &mut SpreadPartial, from: SpreadPartial) {
        into.pool.merge(&from.pool);
        into.facilities.iter_mut().zip(&from.facilities).for_each(|(into, from)| into.merge(from));
    }

    fn finish(&self, partial: SpreadPartial, run: &Run) -> FairSpreads {
        // The pool was found when the run was planned, so its names are there.
        let lanes = self.of.lanes(run).unwrap_or_default();
        let name = |(obligor, facility): &(usize, usize)| {
            let obligor = &run.obligors[*obligor];
            (obligor.name.as_str(), obligor.facilities[*facility].name.as_str())
        };
        let facilities = lanes.iter().zip(&partial.facilities);
        FairSpreads {
            facilities: facilities
                .map(|(lane, account)| account.finish(Some(name(lane)), run, self.confidence))
                .collect(),
            pool: partial.pool.finish(None, run, self.confidence),
        }
    }
}
