//! Notes on a pool's cash: what each class receives, defers, loses, and should earn.

use super::facility_cash::FacilityCash;
use super::note_results::{CashResults, NoteDate, NoteResult};
use super::pool::Pool;
use super::sums::{MeanSums, RatioSums, tally};
use super::waterfall::{Class, Proceeds, Tests, pay};
use super::{Block, Confidence, Measure, MeasurePlan, Run, StepBlock, Tally};
use crate::credit::Coupon;
use crate::market::ReadLane;
use crate::numeric::{Lane, PATHS};
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// A class of notes that a pool's cash pays.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// Its name in the results.
    pub name: String,
    /// Owed at time zero, USD.
    pub notional: f64,
    /// Interest on what is owed, deferred interest included; a floating one is reset at the start of each step.
    pub coupon: Coupon,
    /// The least ratio of what performs to what is owed to this class and those above, 1.2 for instance; no test without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overcollateralisation: Option<f64>,
    /// The least ratio of the interest that the pool pays to the interest due to this class and those above; no test without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interest_coverage: Option<f64>,
}

impl Note {
    /// A class without tests.
    #[must_use]
    pub fn new(name: impl Into<String>, notional: f64, coupon: Coupon) -> Self {
        Note { name: name.into(), notional, coupon, overcollateralisation: None, interest_coverage: None }
    }
}

/// A cash waterfall on the cash of a pool: notes in order of seniority with coverage tests, and what is left for their owners. The result is
/// [`CashResults`].
///
/// On every date the pool brings interest proceeds `I` (`NAME.interest_paid` of its facilities) and principal proceeds `P` (`NAME.principal_paid` and
/// `NAME.recovered` less `NAME.drawn` after time zero), and the notes of coupon `c_k` and balance `B_k` are due `c_k B_k tau`. Then
///
/// 1. class by class from the most senior: interest, from all cash, interest proceeds first. What is missing is added to the class's balance. Then its tests,
///    ```text
///    overcollateralisation = (performing + principal proceeds not yet spent) / sum of B_j, j <= k     >= its trigger
///    interest coverage     = I / sum of interest due of the classes j <= k                            >= its trigger
///    ```
///    If the first is not met, interest proceeds repay notes from the most senior until it is; where they do not suffice, or the second is not met, all
///    cash repays this class and those above.
/// 2. Principal proceeds that are left repay notes from the most senior.
/// 3. The rest goes to the owners. Draws that exceed all cash of a date are paid in by them.
///
/// What performs is the balance, and what is due and unpaid within grace, of facilities whose obligor has not defaulted. At the horizon it counts as
/// repaid at par, and what is then unpaid of a note is its loss. Cash in equals cash out, on every path and date.
///
/// The fair spread of a note is that over its own coupon at which it is worth its notional, to first order: `(notional - E[sum of D cash]) / E[sum of D tau B]`.
///
/// F. J. Fabozzi, H. A. Davis, M. Choudhry, *Introduction to Structured Finance*, Wiley 2006, chapter 6 (coverage tests and diversion).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CashTranches {
    /// From the most senior.
    notes: Vec<Note>,
    #[serde(default)]
    of: Pool,
    #[serde(default)]
    confidence: Confidence,
}

impl CashTranches {
    /// Notes, from the most senior, on the cash of the whole book.
    pub fn new(notes: impl IntoIterator<Item = Note>) -> Self {
        CashTranches { notes: notes.into_iter().collect(), of: Pool::Book, confidence: Confidence::default() }
    }

    /// The pool whose cash pays: the book unless told otherwise.
    #[must_use]
    pub fn of(self, pool: Pool) -> Self {
        CashTranches { of: pool, ..self }
    }

    /// Sets how often the intervals cover: 95 % unless told otherwise.
    #[must_use]
    pub fn confidence(self, confidence: Confidence) -> Self {
        CashTranches { confidence, ..self }
    }

    fn validate(&self) -> Result<(), Error> {
        if self.notes.is_empty() {
            return Err(Error::invalid("notes", "[]", "must have at least one class"));
        }
        for (position, note) in self.notes.iter().enumerate() {
            let locate = |error: Error| error.within(format!("notes[{position}]"));
            let Note { name, notional, coupon, overcollateralisation, interest_coverage } = note;
            check::named("name", name).map_err(locate)?;
            check::positive("notional", *notional).map_err(locate)?;
            match coupon {
                Coupon::Fixed(rate) => check::within("coupon", *rate, 0.0, 10.0),
                Coupon::Floating(floating) => check::within("coupon.spread", floating.spread, 0.0, 10.0)
                    .and(check::within("coupon.floor", floating.floor, 0.0, 10.0)),
            }
            .map_err(locate)?;
            for (field, least) in
                [("overcollateralisation", overcollateralisation), ("interest_coverage", interest_coverage)]
            {
                least.map_or(Ok(()), |least| check::positive(field, least)).map_err(locate)?;
            }
            if self.notes[..position].iter().any(|other| other.name == *name) {
                return Err(locate(Error::Duplicate { field: "name".into(), name: name.clone() }));
            }
        }
        Ok(())
    }
}

/// A coupon whose series has been found.
#[derive(Debug, Clone, Copy)]
enum Rate {
    Fixed(f64),
    Floating { series: ReadLane, spread: f64, floor: f64 },
}

/// One worker's share of [`CashTranches`].
#[derive(Debug, Clone)]
pub struct CashPartial {
    cash: Vec<FacilityCash>,
    tests: Vec<Tests>,
    notes: Vec<Account>,
    residual: MeanSums,
    called: MeanSums,
    /// Scratch: the waterfall of one path.
    classes: Vec<Class>,
    /// Scratch: what the pool brings.
    interest: Box<Lane>,
    principal: Box<Lane>,
    performing: Box<Lane>,
    /// Scratch: value today of what owners received and paid in so far.
    received: Box<Lane>,
    paid_in: Box<Lane>,
    terms: Box<Lane>,
}

#[derive(Debug, Clone)]
struct Account {
    rate: Rate,
    /// Less than this is rounding, USD.
    rounding: f64,
    dates: Vec<DateSums>,
    lost: Tally,
    deferred: Tally,
    loss: MeanSums,
    /// Of the annuity, `x`, and notional less value, `y`.
    spread: RatioSums,
    /// Of the notional-weighted time `sum of B tau` and the notional; the average life.
    life: MeanSums,
    /// Scratch, by path: balance, this step's coupon, whether any interest was deferred, annuity, value, years.
    balance: Box<Lane>,
    coupon: Box<Lane>,
    ever_deferred: Box<Lane>,
    annuity: Box<Lane>,
    shortfall: Box<Lane>,
    years: Box<Lane>,
    uncovered: Box<Lane>,
}

#[derive(Debug, Clone, Default)]
struct DateSums {
    balance: MeanSums,
    uncovered: Tally,
}

/// A balance below this share of the notional is rounding.
const ROUNDING: f64 = 1e-12;

impl Measure for CashTranches {
    type Partial = CashPartial;
    type Output = CashResults;

    fn plan(&self, plan: &mut MeasurePlan<'_>) -> Result<CashPartial, Error> {
        self.validate()?;
        plan.observe_steps();
        let lanes = self.of.lanes(plan.run())?;
        let cash = lanes.into_iter().map(|lane| FacilityCash::plan(plan, lane)).collect::<Result<_, _>>()?;
        let steps = plan.run().grid.steps();
        let account = |(position, note): (usize, &Note)| {
            let rate = match &note.coupon {
                Coupon::Fixed(rate) => Rate::Fixed(*rate),
                Coupon::Floating(floating) => Rate::Floating {
                    series: plan
                        .series(&floating.series)
                        .map_err(|error| error.within(format!("notes[{position}].coupon")))?,
                    spread: floating.spread,
                    floor: floating.floor,
                },
            };
            Ok(Account {
                rate,
                rounding: ROUNDING * note.notional,
                dates: vec![DateSums::default(); steps],
                lost: Tally::new(),
                deferred: Tally::new(),
                loss: MeanSums::default(),
                spread: RatioSums::default(),
                life: MeanSums::default(),
                balance: Box::default(),
                coupon: Box::default(),
                ever_deferred: Box::default(),
                annuity: Box::default(),
                shortfall: Box::default(),
                years: Box::default(),
                uncovered: Box::default(),
            })
        };
        let tests = |note: &Note| Tests {
            overcollateralisation: note.overcollateralisation,
            interest_coverage: note.interest_coverage,
        };
        Ok(CashPartial {
            cash,
            tests: self.notes.iter().map(tests).collect(),
            notes: self.notes.iter().enumerate().map(account).collect::<Result<_, Error>>()?,
            residual: MeanSums::default(),
            called: MeanSums::default(),
            classes: vec![Class::default(); self.notes.len()],
            interest: Box::default(),
            principal: Box::default(),
            performing: Box::default(),
            received: Box::default(),
            paid_in: Box::default(),
            terms: Box::default(),
        })
    }

    fn observe(&self, partial: &mut CashPartial, block: &StepBlock<'_>) {
        let (step, discount, weights) = (block.step(), block.discount(), block.weights());
        if step.index == 0 {
            partial.received.fill(0.0);
            partial.paid_in.fill(0.0);
            for (account, note) in partial.notes.iter_mut().zip(&self.notes) {
                account.balance.fill(note.notional);
                let Account { ever_deferred, annuity, shortfall, years, .. } = account;
                for lane in [ever_deferred, annuity, years] {
                    lane.fill(0.0);
                }
                shortfall.fill(note.notional);
            }
        } else {
            partial.collect(block);
            for path in 0..block.paths() {
                partial.pay(path, step.length, discount[path]);
            }
            let CashPartial { notes, terms, .. } = partial;
            for account in notes {
                let sums = &mut account.dates[step.index - 1];
                sums.balance.add(&account.balance, weights, terms);
                sums.uncovered.merge(&tally(&account.uncovered, weights, |uncovered| uncovered > 0.0));
            }
        }
        for account in &mut partial.notes {
            match account.rate {
                Rate::Fixed(rate) => account.coupon.fill(rate),
                Rate::Floating { series, spread, floor } => {
                    for (coupon, reference) in account.coupon.iter_mut().zip(block.series(series)) {
                        *coupon = if *reference > floor { *reference } else { floor } + spread;
                    }
                }
            }
        }
    }

    fn record(&self, partial: &mut CashPartial, block: &Block<'_>) {
        let CashPartial { notes, residual, called, received, paid_in, terms, .. } = partial;
        let weights = block.weights();
        for account in notes {
            account.lost.merge(&tally(&account.balance, weights, |balance| balance > account.rounding));
            account.deferred.merge(&tally(&account.ever_deferred, weights, |deferred| deferred > 0.0));
            account.loss.add(&account.balance, weights, terms);
            account.spread.add(&account.annuity, &account.shortfall, weights, terms);
            account.life.add(&account.years, weights, terms);
        }
        residual.add(received, weights, terms);
        called.add(paid_in, weights, terms);
    }

    fn merge(&self, into: &mut CashPartial, from: CashPartial) {
        into.residual.merge(&from.residual);
        into.called.merge(&from.called);
        for (into, from) in into.notes.iter_mut().zip(&from.notes) {
            into.lost.merge(&from.lost);
            into.deferred.merge(&from.deferred);
            into.loss.merge(&from.loss);
            into.spread.merge(&from.spread);
            into.life.merge(&from.life);
            for (into, from) in into.dates.iter_mut().zip(&from.dates) {
                into.balance.merge(&from.balance);
                into.uncovered.merge(&from.uncovered);
            }
        }
    }

    fn finish(&self, partial: CashPartial, run: &Run) -> CashResults {
        let (paths, confidence) = (run.paths, self.confidence);
        let note = |(note, account): (&Note, &Account)| {
            let date = |(sums, years): (&DateSums, &f64)| NoteDate {
                years: *years,
                balance: sums.balance.mean(paths, confidence),
                uncovered: sums.uncovered.probability(paths, confidence),
            };
            NoteResult {
                name: note.name.clone(),
                notional: note.notional,
                probability: account.lost.probability(paths, confidence),
                deferred: account.deferred.probability(paths, confidence),
                expected_loss: account.loss.mean(paths, confidence),
                excess: account.spread.ratio(paths, confidence),
                life: account.life.mean(paths, confidence).scaled(1.0 / note.notional),
                dates: account.dates.iter().zip(run.grid.dates()).map(date).collect(),
            }
        };
        CashResults {
            notes: self.notes.iter().zip(&partial.notes).map(note).collect(),
            residual: partial.residual.mean(paths, confidence),
            paid_in: partial.called.mean(paths, confidence),
        }
    }
}

impl CashPartial {
    /// Adds up what the pool brings in this step.
    fn collect(&mut self, block: &StepBlock<'_>) {
        let CashPartial { cash, interest, principal, performing, terms, .. } = self;
        for lane in [&mut *interest, &mut *principal, &mut *performing] {
            lane.fill(0.0);
        }
        for facility in cash {
            let step = facility.at(block);
            step.performing(block.step().index, terms);
            for path in 0..block.paths() {
                interest[path] += step.interest[path];
                principal[path] += (step.principal[path] + step.recovered[path]) - step.drawn[path];
                performing[path] += terms[path];
            }
        }
        if block.is_last() {
            for path in 0..PATHS {
                principal[path] += performing[path];
                performing[path] = 0.0;
            }
        }
    }

    /// The waterfall of one path.
    fn pay(&mut self, path: usize, length: f64, discount: f64) {
        let CashPartial { tests, notes, classes, interest, principal, performing, received, paid_in, .. } = self;
        for (class, account) in classes.iter_mut().zip(notes.iter_mut()) {
            let balance = account.balance[path];
            account.annuity[path] += discount * (length * balance);
            account.years[path] += length * balance;
            *class = Class { balance, due: account.coupon[path] * balance * length, ..Class::default() };
        }
        let proceeds = Proceeds { interest: interest[path], principal: principal[path], performing: performing[path] };
        let rest = pay(proceeds, tests, classes);
        for (class, account) in classes.iter().zip(notes.iter_mut()) {
            account.balance[path] = class.balance;
            account.shortfall[path] -= discount * (class.interest + class.principal);
            account.uncovered[path] = if class.covered { 0.0 } else { 1.0 };
            account.ever_deferred[path] += if class.due - class.interest > account.rounding { 1.0 } else { 0.0 };
        }
        if rest > 0.0 {
            received[path] += discount * rest;
        } else {
            paid_in[path] -= discount * rest;
        }
    }
}
