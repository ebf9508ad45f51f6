//! Which principal falls due when: "Facilities" of docs/credit.md.

use haircut::credit::{Amortisation, Coupon, Facility};
use haircut::numeric::TimeGrid;

/// Dates closer than this, in years, are the same.
pub(crate) const SAME_DATE: f64 = 1e-9;

/// A facility by step; `[0]` is today.
pub(crate) struct Schedule {
    /// Principal due at the end of the step.
    pub(crate) principal: Vec<f64>,
    /// The step of maturity, if that is not beyond the horizon.
    pub(crate) maturity: Option<usize>,
}

impl Schedule {
    pub(crate) fn new(facility: &Facility, grid: &TimeGrid) -> Self {
        // The first date of the grid that is not before it; today's instalments fall on the first date.
        let step_of = |date: f64| (1..=grid.steps()).find(|step| grid.time(*step) >= date - SAME_DATE);
        // What rounding leaves of a loan that is repaid is not owed.
        let owed = |amount: f64| if amount > 1e-12 * facility.principal { amount } else { 0.0 };
        let mut principal = vec![0.0; grid.steps() + 1];
        let mut left = facility.principal;
        for (date, amount) in instalments_before_maturity(facility) {
            let amount = f64::min(amount, left);
            left = owed(left - amount);
            if let Some(step) = step_of(date) {
                principal[step] += amount;
            }
        }
        let maturity = step_of(facility.maturity);
        if let Some(step) = maturity {
            principal[step] += left;
        }
        Schedule { principal, maturity }
    }
}

/// Date and amount of each, from the table of the page.
fn instalments_before_maturity(facility: &Facility) -> Vec<(f64, f64)> {
    let dated = |every: f64, amount: &dyn Fn(f64, f64) -> f64| {
        let count = ((facility.maturity - facility.interest_only) / every - SAME_DATE).ceil().max(1.0);
        let instalment = |j: usize| (facility.interest_only + every * j as f64, amount(j as f64, count));
        (1..count as usize).map(instalment).collect()
    };
    match &facility.amortisation {
        Amortisation::Bullet => Vec::new(),
        Amortisation::Straight { every, instalment } => {
            dated(*every, &|_, count| instalment.unwrap_or(facility.principal / count))
        }
        Amortisation::Level { every, profile_rate } => {
            let rate = match (profile_rate, &facility.coupon) {
                (Some(rate), _) | (None, Coupon::Fixed(rate)) => rate,
                (None, Coupon::Floating(_)) => unreachable!("refused by the crate"),
            };
            let growth = 1.0 + rate * every;
            let annuity = |count: f64| (1..=count as i32).map(|j| growth.powi(-j)).sum::<f64>();
            dated(*every, &|j, count| facility.principal / annuity(count) * growth.powf(j - count - 1.0))
        }
        Amortisation::Custom(instalments) => instalments.clone(),
    }
}
