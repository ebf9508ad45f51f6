//! Which principal falls due when: "Facilities" of docs/credit.md.

use haircut::credit::{Amortisation, Coupon, Facility, Repaid};
use haircut::numeric::TimeGrid;

/// Dates closer than this, in years, are the same.
pub(crate) const SAME_DATE: f64 = 1e-9;

/// A facility by step; `[0]` is today. Interest in kind is left to whoever knows the rate.
pub(crate) struct Schedule {
    /// Principal due at the end of the step.
    pub(crate) principal: Vec<f64>,
    /// Lent at the end of the step.
    pub(crate) drawn: Vec<f64>,
    /// Promised and not lent at the start of the step.
    pub(crate) undrawn: Vec<f64>,
    /// The step of the last maturity, if that is not beyond the horizon.
    pub(crate) maturity: Option<usize>,
}

/// The first date of the grid that is not before it; today's instalments fall on the first date.
pub(crate) fn step_of(grid: &TimeGrid, date: f64) -> Option<usize> {
    (1..=grid.steps()).find(|step| grid.time(*step) >= date - SAME_DATE)
}

impl Schedule {
    pub(crate) fn new(facility: &Facility, grid: &TimeGrid) -> Self {
        let step_of = |date: f64| step_of(grid, date);
        let draws = facility.draws.as_ref().map_or(Vec::new(), |draws| draws.schedule.clone());
        let each = facility.draws.as_ref().is_some_and(|draws| draws.repaid == Repaid::Each);
        // What rounding leaves of a loan that is repaid is not owed.
        let owed = |amount: f64| if amount > 1e-12 * facility.commitment() { amount } else { 0.0 };
        let by_step = |dated: &[(f64, f64)]| {
            let mut amounts = vec![0.0; grid.steps() + 1];
            for (date, amount) in dated {
                if let Some(step) = step_of(*date) {
                    amounts[step] += amount;
                }
            }
            amounts
        };
        let drawn = by_step(&draws);
        let mut undrawn = vec![draws.iter().map(|(_, amount)| amount).sum::<f64>(); grid.steps() + 1];
        for step in 2..undrawn.len() {
            undrawn[step] = owed(undrawn[step - 1] - drawn[step - 1]);
        }
        // What is lent at one date is repaid by itself where its instalments are shares of it.
        let by_share = matches!(
            facility.amortisation,
            Amortisation::Level { .. } | Amortisation::Straight { instalment: None, .. }
        );
        let mut lent = vec![(0.0, facility.principal)];
        if each || by_share {
            lent.extend(&draws);
        }
        let later = if each || by_share { Vec::new() } else { draws.clone() };
        let mut dated = Vec::new();
        let mut last = facility.maturity;
        for (from, amount) in lent {
            let shift = if each { from } else { 0.0 };
            last = f64::max(last, facility.maturity + shift);
            let lent_before = |date: f64| later.iter().filter(move |(drawn, _)| *drawn < date - SAME_DATE);
            let mut repaid = 0.0;
            for (date, instalment) in instalments_before_maturity(facility, amount, from, shift) {
                let left = owed(amount + lent_before(date).map(|(_, drawn)| drawn).sum::<f64>() - repaid);
                let instalment = f64::min(instalment, left);
                repaid += instalment;
                dated.push((date, instalment));
            }
            let all = amount + later.iter().map(|(_, drawn)| drawn).sum::<f64>();
            dated.push((facility.maturity + shift, owed(all - repaid)));
        }
        Schedule { principal: by_step(&dated), drawn, undrawn, maturity: step_of(last) }
    }
}

/// Date and amount of each, from the table of the page, for an amount lent at a date.
fn instalments_before_maturity(facility: &Facility, amount: f64, from: f64, shift: f64) -> Vec<(f64, f64)> {
    let dated = |every: f64, of: &dyn Fn(f64, f64) -> f64| {
        let periods = ((facility.maturity - facility.interest_only) / every - SAME_DATE).ceil().max(1.0);
        let date = |j: usize| facility.interest_only + every * j as f64 + shift;
        let dates: Vec<f64> = (1..periods as usize).map(date).filter(|date| *date > from + SAME_DATE).collect();
        let count = (dates.len() + 1) as f64;
        dates.iter().zip(1..).map(|(date, j)| (*date, of(f64::from(j), count))).collect()
    };
    let rate = |profile_rate: &Option<f64>| match (profile_rate, &facility.coupon) {
        (Some(rate), _) | (None, Coupon::Fixed(rate)) => *rate,
        (None, Coupon::Floating(_)) => unreachable!("refused by the crate"),
    };
    match &facility.amortisation {
        Amortisation::Bullet => Vec::new(),
        Amortisation::Straight { every, instalment } => dated(*every, &|_, count| instalment.unwrap_or(amount / count)),
        Amortisation::Level { every, profile_rate } => {
            let growth = 1.0 + rate(profile_rate) * every;
            let annuity = |count: f64| (1..=count as i32).map(|j| growth.powi(-j)).sum::<f64>();
            dated(*every, &|j, count| amount / annuity(count) * growth.powf(j - count - 1.0))
        }
        Amortisation::Custom(instalments) => instalments.clone(),
        Amortisation::Sculpted { cfads, dscr, cap, profile_rate } => {
            let draws = facility.draws.as_ref().map_or(Vec::new(), |draws| draws.schedule.clone());
            let (mut repaid, mut last) = (0.0, 0.0);
            let mut sculpted = Vec::new();
            for (date, cash_flow) in cfads.iter().filter(|(date, _)| *date < facility.maturity - SAME_DATE) {
                // What was lent before this date, each amount for as long as it has been owed since the date before.
                let before: Vec<_> = draws.iter().filter(|(drawn, _)| *drawn < date - SAME_DATE).collect();
                let years = |drawn: f64| date - f64::max(drawn, last);
                let lent: f64 = before.iter().map(|(_, draw)| draw).sum::<f64>() + amount;
                let weighted: f64 = before.iter().map(|(drawn, draw)| draw * years(*drawn)).sum();
                let interest = rate(profile_rate) * ((amount - repaid) * (date - last) + weighted);
                let most = f64::min(lent - repaid, cap.unwrap_or(f64::INFINITY));
                let pays = *date > facility.interest_only + SAME_DATE;
                let instalment = if pays { (cash_flow / dscr - interest).max(0.0).min(most) } else { 0.0 };
                repaid += instalment;
                last = *date;
                sculpted.push((*date, instalment));
            }
            sculpted
        }
    }
}
