//! Who bears the loss of a pool? Slices of it, from the first loss to the last, and the spread that pays for each.

use super::pool::Pool;
use super::sums::{MeanSums, RatioSums, tally};
use super::tranche_losses::{TrancheDate, TrancheLosses};
use super::{Block, Confidence, Estimate, Measure, MeasurePlan, Run, StepBlock, Tally};
use crate::numeric::{Lane, PATHS};
use crate::vectorised;
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// A slice of a pool's loss, between two shares of its notional.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tranche {
    /// Its name in the results.
    pub name: String,
    /// The share of the notional that is lost before the tranche loses anything, from 0.
    pub attachment: f64,
    /// The share of the notional at which nothing of the tranche is left, above the attachment, up to 1.
    pub detachment: f64,
}

impl Tranche {
    /// A tranche from one share of the notional to another.
    #[must_use]
    pub fn new(name: impl Into<String>, attachment: f64, detachment: f64) -> Self {
        Tranche { name: name.into(), attachment, detachment }
    }
}

/// Synthetic tranches on the loss of a pool: probability and amount of their losses by date, and the spread that pays for them. The
/// result is one [`TrancheLosses`] for each.
///
/// ```text
/// L(t) = sum over dates u <= t of (X(u) - X(u-)) / D(u)      the pool's loss in money of its day, USD
/// T(t) = min(max(L(t) - a N, 0), (d - a) N)                  what the tranche has lost of its notional (d - a) N
/// loss leg    = sum over dates of D(t) (T(t) - T(t-))
/// premium leg = sum over dates of D(t) tau (T(t) - T(t-))    accrued on what is lost, paid when it is lost
///             + sum over payment dates of D(t) tau ((d - a) N - T(t))
/// spread      = E[loss leg] / E[premium leg]
/// ```
///
/// `X` is the loss that the facilities of the pool record, discounted; `D` the book's discount factor on the path; `N` the notional, the principal of the
/// pool at time zero unless another is given; `a` and `d` attachment and detachment; `tau` the years since the last
/// payment date. A premium is paid on every date of the grid, or every `premium_every` years.
///
/// **A default is a loss in full until money comes back.** An obligor records its exposure on the day of default and takes off what is recovered
/// when it is; so a tranche is written down at default and up again with recoveries, and its loss leg has the time value of that. What was written up earns
/// premium from then on. `L` may exceed `N` where facilities are drawn after time zero: what is above the highest detachment is nobody's.
///
/// *Standard errors.* Of a spread that of the ratio of two means ([`Estimate::ratio`]), of probabilities Wilson's, of amounts that of a mean.
///
/// Source: J. Hull, A. White, *Valuation of a CDO and an n-th to default CDS without Monte Carlo simulation*, J. Derivatives 12(2) (2004) 8–23,
/// [doi:10.3905/jod.2004.450964](https://doi.org/10.3905/jod.2004.450964).
///
/// Memory: about 1.2 kB per tranche and date for each worker, whatever the number of paths.
///
/// ```
/// use haircut::measure::{Pool, Tranche, Tranches};
/// let bank = Tranches::new([Tranche::new("equity", 0.0, 0.05), Tranche::new("senior", 0.05, 1.0)])
///     .of(Pool::Lender("First Bank".into()))
///     .premium_every(0.25);
/// assert_ne!(bank, Tranches::consecutive([0.0, 0.05, 1.0]));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tranches {
    /// In the order of the results. They may overlap and leave gaps.
    tranches: Vec<Tranche>,
    #[serde(default)]
    of: Pool,
    /// USD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    notional: Option<f64>,
    /// Years between payments of premium.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    premium_every: Option<f64>,
    #[serde(default)]
    confidence: Confidence,
}

impl Tranches {
    /// Tranches on the loss of the whole book.
    pub fn new(tranches: impl IntoIterator<Item = Tranche>) -> Self {
        Tranches {
            tranches: tranches.into_iter().collect(),
            of: Pool::Book,
            notional: None,
            premium_every: None,
            confidence: Confidence::default(),
        }
    }

    /// Tranches that share their bounds: `[0.0, 0.03, 0.07, 1.0]` makes three, called `0-3 %`, `3-7 %`, `7-100 %`.
    pub fn consecutive(bounds: impl IntoIterator<Item = f64>) -> Self {
        let bounds: Vec<f64> = bounds.into_iter().collect();
        // To the hundredth of a basis point, so that 7 % is not 7.000000000000001.
        let percent = |bound: f64| (bound * 1e8).round() / 1e6;
        let tranche =
            |pair: &[f64]| Tranche::new(format!("{}-{} %", percent(pair[0]), percent(pair[1])), pair[0], pair[1]);
        Self::new(bounds.windows(2).map(tranche))
    }

    /// The pool whose loss is cut up: the book unless told otherwise.
    #[must_use]
    pub fn of(self, pool: Pool) -> Self {
        Tranches { of: pool, ..self }
    }

    /// The notional of which attachments are shares, USD, instead of the pool's principal at time zero.
    #[must_use]
    pub fn notional(self, usd: f64) -> Self {
        Tranches { notional: Some(usd), ..self }
    }

    /// Years between payments of premium, a quarter for instance; on every date of the grid unless told otherwise.
    #[must_use]
    pub fn premium_every(self, years: f64) -> Self {
        Tranches { premium_every: Some(years), ..self }
    }

    /// Sets how often the intervals cover: 95 % unless told otherwise.
    #[must_use]
    pub fn confidence(self, confidence: Confidence) -> Self {
        Tranches { confidence, ..self }
    }

    fn validate(&self) -> Result<(), Error> {
        if self.tranches.is_empty() {
            return Err(Error::invalid("tranches", "[]", "must have at least one tranche"));
        }
        for (position, tranche) in self.tranches.iter().enumerate() {
            let locate = |error: Error| error.within(format!("tranches[{position}]"));
            let Tranche { name, attachment, detachment } = tranche;
            check::named("name", name).map_err(locate)?;
            check::within("attachment", *attachment, 0.0, 1.0).map_err(locate)?;
            check::within("detachment", *detachment, 0.0, 1.0).map_err(locate)?;
            if detachment <= attachment {
                let expected = format!("must be above the attachment, {attachment}");
                return Err(locate(Error::invalid("detachment", detachment, expected)));
            }
            if self.tranches[..position].iter().any(|other| other.name == *name) {
                return Err(locate(Error::Duplicate { field: "name".into(), name: name.clone() }));
            }
        }
        if let Some(notional) = self.notional {
            check::positive("notional", notional)?;
        }
        if let Some(every) = self.premium_every {
            check::positive("premium_every", every)?;
        }
        Ok(())
    }

    /// For each step whether premium is paid at its end: a date of payment falls on the first date of the grid that is not before it. The last date pays
    /// what has accrued.
    fn payments(&self, run: &Run) -> Vec<bool> {
        let mut due = 0.0;
        let mut payments: Vec<bool> = (run.grid.iter())
            .map(|step| match self.premium_every {
                None => true,
                Some(every) => {
                    let paid = step.end >= due + every - 1e-9;
                    if paid {
                        due = ((step.end + 1e-9) / every).floor() * every;
                    }
                    paid
                }
            })
            .collect();
        if let Some(last) = payments.last_mut() {
            *last = true;
        }
        payments
    }
}

/// One worker's share of [`Tranches`].
#[derive(Debug, Clone)]
pub struct TranchePartial {
    lanes: Vec<(usize, usize)>,
    payments: Vec<bool>,
    slices: Vec<Slice>,
    /// Years since the last payment of premium.
    accrued: f64,
    /// Scratch: the discounted loss of the pool now and one step ago, and the loss in money of its day.
    now: Box<Lane>,
    before: Box<Lane>,
    loss: Box<Lane>,
    terms: Box<Lane>,
}

/// One tranche at work.
#[derive(Debug, Clone)]
struct Slice {
    bounds: Bounds,
    dates: Vec<DateSums>,
    exhausted: Tally,
    /// Of the premium leg, x, and the loss leg, y.
    legs: RatioSums,
    /// Scratch: what the tranche has lost, and its two legs so far.
    lost: Box<Lane>,
    premium_leg: Box<Lane>,
    loss_leg: Box<Lane>,
}

/// Sums over paths on one date.
#[derive(Debug, Clone, Default)]
struct DateSums {
    hit: Tally,
    lost: MeanSums,
}

/// Where a tranche begins, how thick it is, and what counts as nothing, USD.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    attachment: f64,
    width: f64,
    rounding: f64,
}

/// Years of premium that have accrued on what is lost, and that are paid on what is left.
#[derive(Debug, Clone, Copy)]
struct Premium {
    accrued: f64,
    paid: f64,
}

vectorised! {
    /// Adds what the pool has lost since the step before to its loss in money of the day.
    fn add_losses(now: &Lane, before: &Lane, discount: &[f64], loss: &mut Lane) {
        for i in 0..discount.len().min(PATHS) {
            let change = now[i] - before[i];
            let of_the_day = if discount[i] > 0.0 { change / discount[i] } else { 0.0 };
            loss[i] += if change == 0.0 { 0.0 } else { of_the_day };
        }
    }

    /// One step of a tranche. What exceeds the attachment by less than `rounding` is the rest of a loss that was recovered in full.
    fn absorb(
        loss: &Lane,
        discount: &[f64],
        bounds: Bounds,
        premium: Premium,
        lost: &mut Lane,
        premium_leg: &mut Lane,
        loss_leg: &mut Lane,
    ) {
        let Bounds { attachment, width, rounding } = bounds;
        let Premium { accrued, paid } = premium;
        for i in 0..discount.len().min(PATHS) {
            let above = loss[i] - attachment;
            let above = if above > rounding { above } else { 0.0 };
            let total = if above < width { above } else { width };
            let change = total - lost[i];
            loss_leg[i] += discount[i] * change;
            premium_leg[i] += discount[i] * (accrued * change + paid * (width - total));
            lost[i] = total;
        }
    }
}

/// Relative to the notional.
const ROUNDING: f64 = 1e-12;

impl Measure for Tranches {
    type Partial = TranchePartial;
    type Output = Vec<TrancheLosses>;

    fn plan(&self, plan: &mut MeasurePlan<'_>) -> Result<TranchePartial, Error> {
        self.validate()?;
        plan.observe_steps();
        let run = plan.run();
        let lanes = self.of.lanes(run)?;
        let notional = self.notional.unwrap_or_else(|| Pool::principal(run, &lanes));
        if !(notional > 0.0 && notional.is_finite()) {
            let expected = "must be above zero; give one, as the facilities of the pool have no principal at time zero";
            return Err(Error::invalid("notional", notional, expected));
        }
        let slice = |tranche: &Tranche| Slice {
            bounds: Bounds {
                attachment: tranche.attachment * notional,
                width: tranche.detachment * notional - tranche.attachment * notional,
                rounding: ROUNDING * notional,
            },
            dates: vec![DateSums::default(); run.grid.steps()],
            exhausted: Tally::new(),
            legs: RatioSums::default(),
            lost: Box::default(),
            premium_leg: Box::default(),
            loss_leg: Box::default(),
        };
        Ok(TranchePartial {
            payments: self.payments(run),
            slices: self.tranches.iter().map(slice).collect(),
            lanes,
            accrued: 0.0,
            now: Box::default(),
            before: Box::default(),
            loss: Box::default(),
            terms: Box::default(),
        })
    }

    fn observe(&self, partial: &mut TranchePartial, block: &StepBlock<'_>) {
        let TranchePartial { lanes, payments, slices, accrued, now, before, loss, terms } = partial;
        let step = block.step();
        if step.index == 0 {
            loss.fill(0.0);
            block.losses(lanes, before);
            *accrued = 0.0;
            for slice in slices {
                for lane in [&mut slice.lost, &mut slice.premium_leg, &mut slice.loss_leg] {
                    lane.fill(0.0);
                }
            }
            return;
        }
        let (discount, weights) = (block.discount(), block.weights());
        block.losses(lanes, now);
        add_losses(now, before, discount, loss);
        std::mem::swap(now, before);
        *accrued += step.length;
        let pays = payments[step.index - 1];
        let premium = Premium { accrued: *accrued, paid: if pays { *accrued } else { 0.0 } };
        for Slice { bounds, dates, lost, premium_leg, loss_leg, .. } in slices {
            absorb(loss, discount, *bounds, premium, lost, premium_leg, loss_leg);
            let sums = &mut dates[step.index - 1];
            sums.hit.merge(&tally(lost, weights, |lost| lost > 0.0));
            sums.lost.add(lost, weights, terms);
        }
        if pays {
            *accrued = 0.0;
        }
    }

    fn record(&self, partial: &mut TranchePartial, block: &Block<'_>) {
        let TranchePartial { slices, terms, .. } = partial;
        let weights = block.weights();
        for Slice { bounds, exhausted, legs, lost, premium_leg, loss_leg, .. } in slices {
            exhausted.merge(&tally(lost, weights, |lost| lost >= bounds.width - bounds.rounding));
            legs.add(premium_leg, loss_leg, weights, terms);
        }
    }

    fn merge(&self, into: &mut TranchePartial, from: TranchePartial) {
        for (into, from) in into.slices.iter_mut().zip(&from.slices) {
            into.exhausted.merge(&from.exhausted);
            into.legs.merge(&from.legs);
            for (into, from) in into.dates.iter_mut().zip(&from.dates) {
                into.hit.merge(&from.hit);
                into.lost.merge(&from.lost);
            }
        }
    }

    fn finish(&self, partial: TranchePartial, run: &Run) -> Vec<TrancheLosses> {
        let (paths, confidence) = (run.paths, self.confidence);
        let finish = |(tranche, slice): (&Tranche, &Slice)| {
            let date = |(sums, years): (&DateSums, &f64)| TrancheDate {
                years: *years,
                probability: sums.hit.probability(paths, confidence),
                expected_loss: sums.lost.mean(paths, confidence),
            };
            let dates: Vec<TrancheDate> = slice.dates.iter().zip(run.grid.dates()).map(date).collect();
            let undefined = Estimate::undefined(paths, confidence);
            TrancheLosses {
                name: tranche.name.clone(),
                attachment: tranche.attachment,
                detachment: tranche.detachment,
                notional: slice.bounds.width,
                probability: dates.last().map_or(undefined, |last| last.probability),
                exhausted: slice.exhausted.probability(paths, confidence),
                expected_loss: dates.last().map_or(undefined, |last| last.expected_loss),
                loss_leg: slice.legs.numerator(paths, confidence),
                premium_leg: slice.legs.denominator(paths, confidence),
                spread: slice.legs.ratio(paths, confidence),
                dates,
            }
        };
        self.tranches.iter().zip(&partial.slices).map(finish).collect()
    }
}
