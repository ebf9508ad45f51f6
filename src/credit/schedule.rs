//! What a facility is meant to repay, date by date.
//!
//! While nothing is unpaid the balance of a facility is the same on every path: a number per step, not a lane.

use super::facility::{Amortisation, Coupon, Facility};
use crate::numeric::{Step, TimeGrid};

/// Two dates closer than this, in years (a thirtieth of a second), are the same.
pub(super) const SAME_DATE: f64 = 1e-9;

/// An amount smaller than this part of what it is left of is rounding.
pub(super) const ROUNDING: f64 = 1e-12;

/// The first step of the grid that ends not before `date`; `None` when that is beyond the horizon.
pub(super) fn step_of(grid: &TimeGrid, date: f64) -> Option<usize> {
    let position = grid.dates().partition_point(|end| *end < date - SAME_DATE);
    (position < grid.steps()).then_some(position + 1)
}

/// The principal of a facility on a grid, as agreed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Schedule {
    /// Owed and not yet due after each date, `[0]` at time zero.
    pub(super) balance: Vec<f64>,
    /// Falls due on each date, `[0]` unused.
    pub(super) principal: Vec<f64>,
    /// The step of maturity, if within the horizon.
    pub(super) matures: Option<usize>,
}

impl Schedule {
    /// The schedule of a facility that has been validated.
    pub(super) fn new(facility: &Facility, grid: &TimeGrid) -> Schedule {
        // What rounding leaves of a loan that is repaid is not owed: a borrower could default on it.
        let rest = |owed: f64| if owed > ROUNDING * facility.principal { owed } else { 0.0 };
        let mut principal = vec![0.0; grid.steps() + 1];
        let mut left = facility.principal;
        for (date, amount) in instalments(facility) {
            let amount = amount.clamp(0.0, left);
            left = rest(left - amount);
            if let Some(step) = step_of(grid, date) {
                principal[step] += amount;
            }
        }
        let matures = step_of(grid, facility.maturity);
        if let Some(step) = matures {
            principal[step] += left;
        }
        let mut owed = facility.principal;
        let mut balance = Vec::with_capacity(principal.len());
        for (step, due) in principal.iter().enumerate() {
            // Everything is due by maturity: no rounding may be left over.
            owed = if matures.is_some_and(|matures| step >= matures) { 0.0 } else { rest(owed - due) };
            balance.push(owed);
        }
        Schedule { balance, principal, matures }
    }

    /// What rounding may leave of it when it is repaid.
    pub(super) fn negligible(&self) -> f64 {
        ROUNDING * self.balance[0]
    }

    /// What `step` adds to interest per unit of the rate, and principal due at its end.
    pub(super) fn accruing(&self, step: Step) -> [f64; 2] {
        [self.balance[step.index - 1] * step.length, self.principal[step.index]]
    }

    /// Interest and principal due at the end of `step` at a rate that is fixed.
    pub(super) fn service(&self, step: Step, rate: f64) -> f64 {
        self.balance[step.index - 1] * rate * step.length + self.principal[step.index]
    }
}

/// Instalments before maturity, in order: (date, amount). What they leave is due at maturity.
fn instalments(facility: &Facility) -> Vec<(f64, f64)> {
    // Instalments, the one at maturity included; a last period may be shorter.
    let count = |every: f64| ((facility.maturity - facility.interest_only) / every - SAME_DATE).ceil().max(1.0);
    let date = |every: f64, number: f64| facility.interest_only + every * number;
    match &facility.amortisation {
        Amortisation::Bullet => Vec::new(),
        Amortisation::Straight { every, instalment } => {
            let count = count(*every);
            let amount = instalment.unwrap_or(facility.principal / count);
            (1..count as u32).map(|number| (date(*every, f64::from(number)), amount)).collect()
        }
        Amortisation::Level { every, profile_rate } => {
            let rate = match (profile_rate, &facility.coupon) {
                (Some(rate), _) | (None, Coupon::Fixed(rate)) => *rate,
                // Refused by validation.
                (None, Coupon::Floating(floating)) => floating.spread,
            };
            let count = count(*every);
            // The annuity P / sum_j v^j repays A v^(count + 1 - j) in period j: exact as the rate goes to zero, without a
            // power function, and without the rounding that a balance carried forward would gather.
            let mut discount = 1.0;
            let discounts: Vec<f64> = (0..count as u32)
                .map(|_| {
                    discount /= 1.0 + rate * every;
                    discount
                })
                .collect();
            let payment = facility.principal / discounts.iter().sum::<f64>();
            let repaid = discounts.iter().rev().map(|discount| payment * discount);
            (1..count as u32).zip(repaid).map(|(number, amount)| (date(*every, f64::from(number)), amount)).collect()
        }
        Amortisation::Custom(instalments) => {
            let mut instalments = instalments.clone();
            instalments.sort_by(|a, b| a.0.total_cmp(&b.0));
            instalments
        }
    }
}
