//! What a facility is meant to repay, date by date.
//!
//! While nothing is unpaid the balance of a facility is the same on every path: a number per step, not a lane.

use super::draws::Repaid;
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
    /// `[0]` is time zero.
    pub(super) dates: Vec<Agreed>,
    /// The step of maturity, if within the horizon.
    pub(super) matures: Option<usize>,
    /// Share of the interest that is added to the balance.
    pub(super) pik: f64,
    /// What rounding may leave of it when it is repaid.
    pub(super) negligible: f64,
}

/// What was agreed for a date, side by side: a step looks at all of it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Agreed {
    /// Owed and not yet due after it.
    pub(super) balance: f64,
    /// Falls due.
    pub(super) principal: f64,
    /// Lent, after time zero.
    pub(super) drawn: f64,
    /// Due for what is not yet drawn.
    pub(super) fee: f64,
    /// Interest added to the balance, if the coupon is fixed.
    pub(super) capitalised: f64,
}

impl Schedule {
    /// The schedule of a facility that has been validated. With a floating coupon and interest in kind the balance is that
    /// without this interest.
    pub(super) fn new(facility: &Facility, grid: &TimeGrid) -> Schedule {
        let negligible = ROUNDING * facility.commitment();
        let mut dates = vec![Agreed::default(); grid.steps() + 1];
        dates[0].balance = facility.principal;
        let mut schedule =
            Schedule { dates, matures: step_of(grid, facility.last_maturity()), pik: facility.pik, negligible };
        let draws = facility.draws.as_ref().map_or(&[][..], |draws| &draws.schedule);
        let mut add = |date: f64, amount: f64| {
            if let Some(step) = step_of(grid, date) {
                schedule.dates[step].principal += amount;
            }
        };
        for Loan { amount, from, shift, later } in loans(facility) {
            let mut left = amount;
            let mut later = later.into_iter().peekable();
            for (date, instalment) in instalments(facility, amount, from, shift) {
                while let Some((_, drawn)) = later.next_if(|(drawn, _)| *drawn < date - SAME_DATE) {
                    left += drawn;
                }
                // What rounding leaves of a loan that is repaid is not owed: a borrower could default on it.
                let instalment = instalment.clamp(0.0, left);
                left = if left - instalment > negligible { left - instalment } else { 0.0 };
                add(date, instalment);
            }
            left += later.map(|(_, drawn)| drawn).sum::<f64>();
            add(facility.maturity + shift, left);
        }
        let fee = facility.draws.as_ref().map_or(0.0, |draws| draws.commitment_fee);
        let mut undrawn: f64 = draws.iter().map(|(_, amount)| amount).sum();
        for (date, amount) in draws {
            if let Some(step) = step_of(grid, *date) {
                schedule.dates[step].drawn += amount;
            }
        }
        for step in grid.iter() {
            let k = step.index;
            let owed = schedule.dates[k - 1].balance;
            let date = &mut schedule.dates[k];
            date.fee = fee * undrawn * step.length;
            undrawn -= date.drawn;
            undrawn = if undrawn > negligible { undrawn } else { 0.0 };
            if let Coupon::Fixed(rate) = facility.coupon {
                date.capitalised = owed * rate * step.length * facility.pik;
            }
            // Within a step lending comes first: a draw may fall on the date on which it is repaid.
            let grown = owed + date.capitalised + date.drawn;
            let is_over = schedule.matures.is_some_and(|matures| k >= matures);
            // All that is left, as where paths differ.
            if is_over {
                date.principal = grown;
            }
            let rest = grown - date.principal;
            // Everything is due by maturity: no rounding may be left over.
            date.balance = if is_over || rest <= negligible { 0.0 } else { rest };
        }
        schedule
    }

    /// What `step` adds to interest per unit of the rate, and what else is due at its end.
    pub(super) fn accruing(&self, step: Step) -> [f64; 2] {
        [self.dates[step.index - 1].balance * step.length * (1.0 - self.pik), self.beside_interest(step)]
    }

    /// Interest and what else is due at the end of `step` at a rate that is fixed.
    pub(super) fn service(&self, step: Step, rate: f64) -> f64 {
        self.dates[step.index - 1].balance * rate * step.length * (1.0 - self.pik) + self.beside_interest(step)
    }

    fn beside_interest(&self, step: Step) -> f64 {
        let Agreed { principal, fee, .. } = self.dates[step.index];
        principal + fee
    }
}

/// What is lent at one date and repaid by itself, or together with what is lent later.
struct Loan {
    amount: f64,
    /// When it is lent, and by how much its dates are later than those of the facility.
    from: f64,
    shift: f64,
    /// In order.
    later: Vec<(f64, f64)>,
}

fn loans(facility: &Facility) -> Vec<Loan> {
    let first = Loan { amount: facility.principal, from: 0.0, shift: 0.0, later: Vec::new() };
    let Some(draws) = &facility.draws else { return vec![first] };
    let each = |first: Loan, shifted: f64| {
        let loan = move |&(from, amount): &(f64, f64)| Loan { amount, from, shift: shifted * from, later: Vec::new() };
        std::iter::once(first).chain(draws.schedule.iter().map(loan)).collect()
    };
    match (draws.repaid, &facility.amortisation) {
        (Repaid::Each, _) => each(first, 1.0),
        (Repaid::Together, Amortisation::Straight { instalment: None, .. } | Amortisation::Level { .. }) => {
            each(first, 0.0)
        }
        (Repaid::Together, _) => vec![Loan { later: sorted(&draws.schedule), ..first }],
    }
}

/// Instalments before maturity of an amount lent at `from`, in order: (date, amount). What they leave is due at maturity.
fn instalments(facility: &Facility, lent: f64, from: f64, shift: f64) -> Vec<(f64, f64)> {
    // Instalments, the one at maturity included; a last period may be shorter.
    let dates = |every: f64| -> Vec<f64> {
        let count = ((facility.maturity - facility.interest_only) / every - SAME_DATE).ceil().max(1.0);
        let date = |number: u32| facility.interest_only + every * f64::from(number) + shift;
        (1..count as u32).map(date).filter(|date| *date > from + SAME_DATE).collect()
    };
    match &facility.amortisation {
        Amortisation::Bullet => Vec::new(),
        Amortisation::Straight { every, instalment } => {
            let dates = dates(*every);
            let amount = instalment.unwrap_or(lent / (dates.len() + 1) as f64);
            dates.into_iter().map(|date| (date, amount)).collect()
        }
        Amortisation::Level { every, profile_rate } => {
            let rate = profile(profile_rate, &facility.coupon);
            let dates = dates(*every);
            // The annuity P / sum_j v^j repays A v^(count + 1 - j) in period j: exact as the rate goes to zero, without a
            // power function, and without the rounding that a balance carried forward would gather.
            let mut discount = 1.0;
            let discounts: Vec<f64> = (0..=dates.len())
                .map(|_| {
                    discount /= 1.0 + rate * every;
                    discount
                })
                .collect();
            let payment = lent / discounts.iter().sum::<f64>();
            dates.into_iter().zip(discounts.iter().rev().map(|discount| payment * discount)).collect()
        }
        Amortisation::Custom(instalments) => sorted(instalments),
        Amortisation::Sculpted { cfads, dscr, cap, profile_rate } => {
            let rate = profile(profile_rate, &facility.coupon);
            let draws = facility.draws.as_ref().map_or(Vec::new(), |draws| sorted(&draws.schedule));
            let mut draws = draws.into_iter().peekable();
            let (mut owed, mut last, mut interest) = (lent, 0.0, 0.0);
            let sculpt = |(date, cash_flow): (f64, f64)| {
                while let Some((drawn, amount)) = draws.next_if(|(drawn, _)| *drawn < date - SAME_DATE) {
                    interest += owed * rate * (drawn - last);
                    (owed, last) = (owed + amount, drawn);
                }
                interest += owed * rate * (date - last);
                let most = f64::min(owed, cap.unwrap_or(f64::INFINITY));
                let amount = (cash_flow / dscr - interest).clamp(0.0, most);
                let amount = if date > facility.interest_only + SAME_DATE { amount } else { 0.0 };
                (owed, last, interest) = (owed - amount, date, 0.0);
                (date, amount)
            };
            let before_maturity = |(date, _): &(f64, f64)| *date < facility.maturity - SAME_DATE;
            sorted(cfads).into_iter().filter(before_maturity).map(sculpt).collect()
        }
    }
}

/// The rate that shapes instalments.
fn profile(profile_rate: &Option<f64>, coupon: &Coupon) -> f64 {
    match (profile_rate, coupon) {
        (Some(rate), _) | (None, Coupon::Fixed(rate)) => *rate,
        // Refused by validation.
        (None, Coupon::Floating(floating)) => floating.spread,
    }
}

fn sorted(dated: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut dated = dated.to_vec();
    dated.sort_by(|a, b| a.0.total_cmp(&b.0));
    dated
}
