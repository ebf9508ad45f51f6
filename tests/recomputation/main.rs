//! The month, the default and the liquidation of a borrower are those of docs/credit.md, on every path.
//!
//! Two borrowers at random, who sell into one market, are computed a second time: path by path, in plain scalar code that was
//! written from the page and shares none with the crate. Dates and causes of default must be equal; amounts of every step must
//! agree to rounding. The hand-worked examples of `tests/oracles_credit.rs` show one rule each, and the laws of
//! `tests/borrower.rs` (cash is conserved, claims in order) hold for wrong rules too: a junior facility that refinances before
//! its senior one, a recovery discounted by the date of default, a sale that its own impact does not touch conserve cash all
//! the same. The crate's own comparison (`src/credit/borrower/tests.rs`) is of one code with itself.
//!
//! Left out is the own revenue shock, which is drawn inside.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should say where")]

#[path = "../ledger/mod.rs"]
mod ledger;
mod life;
mod path;
mod schedule;
mod world;

use haircut::credit::{Book, Cause, Feedback};
use ledger::{Ledger, Record};
use life::{Life, Offer};
use path::Path;
use proptest::prop_assert;
use proptest::test_runner::{TestCaseError, TestRunner};
use std::cell::RefCell;
use std::iter::zip;
use std::rc::Rc;
use world::Case;

/// The scripts of a random world have so many rows.
const ROWS: usize = 4;

/// Both borrowers on one path, with the loop between them: prices of a step from what both sell, marks from the step before or, round by round,
/// from the sales of the step.
fn recompute(case: &Case, row: usize) -> Vec<Life<'_>> {
    let mut path = Path::new(&case.world, row);
    let given_to_all = Rc::default();
    let life = |borrower| Life::new(borrower, &path, Rc::clone(&given_to_all));
    let mut lives: Vec<Life<'_>> = case.borrowers.iter().map(life).collect();
    for step in 1..=path.steps() {
        path.open();
        lives.iter_mut().for_each(|life| life.pay(&path, step));
        let mut offers: Vec<_> = lives.iter_mut().map(|life| life.offer(&path, step)).collect();
        let sum = |offers: &[Vec<Offer>]| {
            let mut sold = vec![0.0; case.world.trade.assets.len()];
            offers.iter().flatten().for_each(|offer| sold[offer.asset] += offer.units);
            sold
        };
        let mut sold = sum(&offers);
        if case.world.trade.feedback == Feedback::WithinStep && sold.iter().any(|units| *units > 0.0) {
            for _ in 0..lives.len() + 64 {
                path.lower(step, &sold);
                for (life, offers) in zip(&mut lives, &mut offers) {
                    life.react(&path, step, offers);
                }
                let before = std::mem::replace(&mut sold, sum(&offers));
                if !zip(&sold, before).any(|(now, before)| *now > before) {
                    break;
                }
            }
        }
        let months = 12.0 * path.years(step);
        let price = |asset: usize| path.price(asset, step, sold[asset] / months);
        let prices: Vec<f64> = (0..sold.len()).map(price).collect();
        for (life, offers) in zip(&mut lives, &offers) {
            life.settle(&path, step, offers, &prices);
            life.close(&path, step);
        }
        path.remember(step, &sold);
    }
    lives
}

/// What differs from the crate's record of the path, if anything does.
fn difference(life: &Life<'_>, record: &Record, row: usize) -> Option<String> {
    let step = life.default.map_or(f64::INFINITY, |(step, _)| step as f64);
    if (step, life.default.map(|(_, cause)| cause)) != (record.default_step[row], record.cause[row]) {
        let found = (record.default_step[row], record.cause[row]);
        return Some(format!("default {found:?}, recomputed {:?}", life.default));
    }
    let rounding = 1e-12 * f64::max(1.0, life.turnover);
    let differ = |what: &dyn std::fmt::Display, found: f64, expected: f64| {
        let equal = (found - expected).abs() <= rounding;
        (!equal).then(|| format!("{what} {found}, recomputed {expected}: off by {:e}", found - expected))
    };
    let facilities = (0..life.exposure.len()).find_map(|f| {
        differ(&format!("EAD of facility {f}"), record.exposure[f][row], life.exposure[f])
            .or_else(|| differ(&format!("loss of facility {f}"), record.loss[f][row], life.loss[f]))
    });
    facilities.or_else(|| {
        life.metrics.iter().find_map(|(metric, amounts)| {
            let mut steps = (1..amounts.len()).map(|step| (step, record.at(metric, step, row)));
            steps.find_map(|(step, found)| differ(&format!("{metric} of step {step}"), found, amounts[step]))
        })
    })
}

/// How many paths met each fate, so that no rule is compared on paths where it does nothing.
#[derive(Debug, Default)]
struct Fates {
    paths: usize,
    payment: usize,
    maturity: usize,
    refinanced: usize,
    refinanced_and_defaulted: usize,
    cured: usize,
    coins_sold: usize,
    owners_paid: usize,
    extended: usize,
    trapped: usize,
    rolled_over_twice: usize,
    swept: usize,
    drawn: usize,
    paid_from_reserve: usize,
    covenant: usize,
    locked: usize,
    waived: usize,
    cured_by_equity: usize,
    /// A sponsor paid, shares were taken, the debt was repaid; and help was not enough in the end.
    supported: usize,
    converted: usize,
    taken_over: usize,
    supported_and_defaulted: usize,
    /// It helped the other one.
    crowded_out: usize,
    /// Marks that fell within a step had a lender sell more, brought a cure, a default by a covenant, a default by a call.
    again: [usize; 4],
    senior_paid_and_junior_not: usize,
    sold_over_several_steps: usize,
    unsold_at_the_horizon: usize,
    let_by_the_lender: usize,
    owners_got_a_residual: usize,
    /// Where facilities have security of their own.
    paid_by_lien: usize,
    paid_by_estate: usize,
    pledged_sold: usize,
    refused_sold: usize,
    sold_early: usize,
    margin: usize,
    /// A note became shares at its maturity, was called, was asked for, was kept on the date of a put.
    notes: [usize; 4],
    /// A call was answered with coins, with cash, by a sale; coins were given back; a sponsor met one.
    margins: [usize; 5],
    preferred_paid: usize,
    both_sold: usize,
    /// A tenant was missing, a guarantor paid a fee, invoices were credited, machines were late, a minimum was paid, more than that was.
    letting: [usize; 6],
}

impl Fates {
    fn count(&mut self, lives: &[Life<'_>]) {
        for life in lives {
            let ever =
                |metric: &str| life.metrics.get(metric).is_some_and(|row| row.iter().any(|amount| *amount > 0.0));
            let recovered = |f: usize| life.exposure[f] > 0.0 && life.loss[f] < 0.2 * life.exposure[f];
            let lost = |f: usize| life.loss[f] > 0.2 * life.exposure[f];
            self.paths += 1;
            self.payment += usize::from(life.default.is_some_and(|(_, cause)| cause == Cause::Payment));
            self.maturity += usize::from(life.default.is_some_and(|(_, cause)| cause == Cause::Maturity));
            self.refinanced += usize::from(ever("refinanced"));
            self.refinanced_and_defaulted += usize::from(ever("refinanced") && life.default.is_some());
            self.extended += usize::from(life.rollovers[1] > 0);
            self.trapped += usize::from(life.rollovers[2] > 0);
            self.rolled_over_twice += usize::from(life.rollovers.iter().sum::<usize>() > 1);
            self.paid_from_reserve += usize::from(life.paid_from_reserve > 0.0);
            self.drawn += usize::from(ever("drawn"));
            self.covenant += usize::from(life.default.is_some_and(|(_, cause)| cause == Cause::Covenant));
            self.locked += usize::from(ever("lock_up"));
            self.waived += usize::from(ever("waiver"));
            self.cured_by_equity += usize::from(ever("equity_cure"));
            let is_taken_over = life.is_taken_over();
            self.supported += usize::from(ever("support") && !is_taken_over);
            self.converted += usize::from(ever("converted"));
            self.taken_over += usize::from(ever("support") && is_taken_over);
            self.supported_and_defaulted += usize::from(ever("support") && life.default.is_some());
            for (paths, times) in zip(&mut self.again, life.again) {
                *paths += usize::from(times > 0);
            }
            self.crowded_out += usize::from(life.crowded_out);
            self.margin += usize::from(life.default.is_some_and(|(_, cause)| cause == Cause::Margin));
            for (paths, times) in zip(&mut self.notes, life.notes) {
                *paths += usize::from(times > 0);
            }
            for (paths, times) in zip(&mut self.margins, life.margins) {
                *paths += usize::from(times > 0);
            }
            self.swept += usize::from(ever("prepaid"));
            self.cured += usize::from(life.cures > 0);
            self.coins_sold += usize::from(ever("treasury_sales"));
            self.owners_paid += usize::from(ever("distributed"));
            self.senior_paid_and_junior_not += usize::from((1..life.loss.len()).any(|f| recovered(f - 1) && lost(f)));
            self.sold_over_several_steps += usize::from(life.steps_of_sale > 1);
            self.let_by_the_lender += usize::from(life.steps_of_letting > 0);
            for (paths, steps) in zip(&mut self.letting, life.letting) {
                *paths += usize::from(steps > 0);
            }
            self.unsold_at_the_horizon += usize::from(life.unsold);
            self.paid_by_lien += usize::from(life.by_lien);
            self.paid_by_estate += usize::from(life.by_estate);
            self.pledged_sold += usize::from(life.pledged_sold);
            self.refused_sold += usize::from(life.refused_sold);
            self.sold_early += usize::from(life.sold_early);
            self.preferred_paid += usize::from(ever("preferred_paid"));
            self.owners_got_a_residual += usize::from(ever("residual_to_owners"));
        }
        self.both_sold += usize::from(lives.iter().all(|life| life.steps_of_sale > 0));
    }

    fn assert_all_met(&self) {
        let Fates { paths, payment, maturity, refinanced, refinanced_and_defaulted, cured, .. } = self;
        let Fates { coins_sold, owners_paid, senior_paid_and_junior_not, sold_over_several_steps, .. } = self;
        let Fates { unsold_at_the_horizon, owners_got_a_residual, both_sold, let_by_the_lender, .. } = self;
        let Fates { covenant, locked, waived, cured_by_equity, .. } = self;
        assert!([covenant, locked, waived, cured_by_equity].iter().all(|count| **count > 100), "{self:?}");
        let Fates { margin, margins, notes, sold_early, .. } = self;
        assert!(*margin.min(sold_early) > 100 && margins.iter().chain(notes).all(|count| *count > 20), "{self:?}");
        let survived = paths - payment - maturity - covenant - margin;
        let common =
            [payment, maturity, &survived, coins_sold, owners_paid, sold_over_several_steps, owners_got_a_residual];
        let rare = [
            refinanced,
            refinanced_and_defaulted,
            cured,
            senior_paid_and_junior_not,
            unsold_at_the_horizon,
            both_sold,
            let_by_the_lender,
        ];
        let Fates { extended, trapped, rolled_over_twice, swept, drawn, paid_from_reserve, .. } = self;
        let Fates { paid_by_lien, paid_by_estate, pledged_sold, refused_sold, preferred_paid, .. } = self;
        let Fates { supported, converted, taken_over, supported_and_defaulted, crowded_out, .. } = self;
        let helped = [supported, converted, taken_over, supported_and_defaulted];
        assert!(helped.iter().all(|count| **count > 50) && *crowded_out > 20, "{self:?}");
        assert!(self.again[..3].iter().all(|count| *count > 10) && self.again[3] > 3, "{self:?}");
        let secured = [paid_by_lien, paid_by_estate, preferred_paid];
        assert!(secured.iter().all(|count| **count > 200) && pledged_sold.min(refused_sold) > &10, "{self:?}");
        let at_maturity = [extended, trapped, rolled_over_twice, swept, drawn, paid_from_reserve];
        assert!(self.letting.iter().all(|count| *count > 200), "{self:?}");
        assert!(at_maturity.iter().all(|count| **count > 100), "{self:?}");
        assert!(common.iter().all(|count| **count > 1000), "{self:?}");
        assert!(rare.iter().all(|count| **count > 200), "{self:?}");
    }
}

fn run(case: &Case) -> [Record; 2] {
    let names = (Ledger("first".into()), Ledger("second".into()));
    let run = case.world.simulation(Book::new(case.borrowers.clone()).discount("discount")).run(names);
    let (first, second) = run.unwrap();
    [first, second]
}

#[test]
fn every_path_is_what_the_page_says() {
    let fates = RefCell::new(Fates::default());
    let outcome = TestRunner::new(ledger::random::cases(2400)).run(&world::cases(), |case| {
        let records = run(&case);
        for row in 0..ROWS {
            let lives = recompute(&case, row);
            for (life, record) in zip(&lives, &records) {
                if let Some(difference) = difference(life, record, row) {
                    return Err(TestCaseError::fail(format!("row {row}: {difference}")));
                }
            }
            fates.borrow_mut().count(&lives);
        }
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    fates.into_inner().assert_all_met();
}

/// A dollar in a million, a step, a cause: each alone is a difference.
#[test]
fn the_comparison_can_fail() {
    let outcome = TestRunner::new(ledger::random::cases(50)).run(&world::cases(), |case| {
        let records = run(&case);
        for (life, record) in zip(recompute(&case, 0), &records).filter(|(life, _)| life.default.is_some()) {
            let amount = 1.0 + 1e-6 * life.turnover;
            let mut plants = vec![record.clone(); 5];
            plants[0].default_step[0] += 1.0;
            plants[1].cause[0] = None;
            plants[2].exposure.last_mut().unwrap()[0] += amount;
            plants[3].loss[0][0] -= amount;
            plants[4].metrics.get_mut("cash").unwrap()[1][0] += amount;
            prop_assert!(difference(&life, record, 0).is_none());
            for (index, plant) in plants.iter().enumerate() {
                prop_assert!(difference(&life, plant, 0).is_some(), "plant {index} was not seen");
            }
        }
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}
