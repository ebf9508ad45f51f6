//! The debt of a borrower, planned: what is due on each date, as long as nothing is unpaid and after.

use super::operations::Amount;
use crate::Error;
use crate::credit::facility::{Coupon, Facility, Floating, Refinancing};
use crate::credit::obligor::ObligorPlan;
use crate::credit::schedule::{ROUNDING, SAME_DATE, Schedule};
use crate::market::{OwnLane, OwnLanes, ReadLane, ReadLanes};
use crate::numeric::{Lane, PATHS};
use crate::vectorised;

/// So that one path's amounts by facility fit on the stack.
pub(super) const MOST_FACILITIES: usize = 16;

/// One path's amounts by facility, in order of seniority; unused ones are zero.
pub(super) type ByFacility = [f64; MOST_FACILITIES];

/// All facilities of a borrower.
pub(super) struct Debt {
    pub(super) facilities: Vec<PlannedFacility>,
    /// Due on each date on every path: interest of fixed coupons and all scheduled principal.
    fixed: Vec<f64>,
    /// Sum of the scheduled balances after each date.
    pub(super) balance: Vec<f64>,
}

pub(super) struct PlannedFacility {
    schedule: Schedule,
    coupon: PlannedCoupon,
    /// Due and unpaid; after default the whole claim.
    pub(super) arrears: OwnLane,
    renewal: Option<Renewal>,
}

enum PlannedCoupon {
    Fixed(f64),
    Floating {
        reference: ReadLane,
        terms: Floating,
        /// The rate of the current period, set at its start.
        rate: OwnLane,
    },
}

/// The loan into which a facility has been refinanced, on the paths on which it has.
struct Renewal {
    terms: Refinancing,
    /// Owed and not yet due.
    balance: OwnLane,
    /// Repaid a year.
    pace: OwnLane,
    /// Date of the last instalment.
    ends: OwnLane,
}

/// What is due on one date on one path.
pub(super) struct Due {
    /// How many facilities there are.
    count: usize,
    pub(super) amount: ByFacility,
    pub(super) total: f64,
}

impl Debt {
    pub(super) fn new(facilities: &[Facility], plan: &mut ObligorPlan<'_>) -> Result<Debt, Error> {
        let mut planned = Vec::with_capacity(facilities.len());
        let mut fixed = vec![0.0; plan.grid().steps() + 1];
        let mut balance = vec![0.0; plan.grid().steps() + 1];
        for (index, facility) in facilities.iter().enumerate() {
            let schedule = Schedule::new(facility, plan.grid());
            let coupon = match &facility.coupon {
                Coupon::Fixed(rate) => PlannedCoupon::Fixed(*rate),
                Coupon::Floating(terms) => {
                    let field = format!("facilities[{index}].coupon.series");
                    let reference = plan.read(&field, &terms.series)?;
                    PlannedCoupon::Floating { reference, terms: terms.clone(), rate: plan.state() }
                }
            };
            for step in plan.grid().iter() {
                let interest = match coupon {
                    PlannedCoupon::Fixed(rate) => schedule.balance[step.index - 1] * rate * step.length,
                    PlannedCoupon::Floating { .. } => 0.0,
                };
                fixed[step.index] += interest + schedule.principal[step.index];
            }
            for (sum, owed) in balance.iter_mut().zip(&schedule.balance) {
                *sum += owed;
            }
            plan.facility(&facility.name, &facility.lender, facility.principal)?;
            let renewal = facility.refinancing.clone().map(|terms| Renewal {
                terms,
                balance: plan.state(),
                pace: plan.state(),
                ends: plan.state(),
            });
            planned.push(PlannedFacility { schedule, coupon, arrears: plan.state(), renewal });
        }
        Ok(Debt { facilities: planned, fixed, balance })
    }

    /// Sets the lanes at time zero.
    pub(super) fn start(&self, own: &mut OwnLanes<'_>, read: ReadLanes<'_>) {
        for facility in &self.facilities {
            own[facility.arrears].fill(0.0);
            if let Some(renewal) = &facility.renewal {
                for lane in [renewal.balance, renewal.pace, renewal.ends] {
                    own[lane].fill(0.0);
                }
            }
        }
        self.reset(own, read);
    }

    /// Resets floating coupons for the period that begins.
    pub(super) fn reset(&self, own: &mut OwnLanes<'_>, read: ReadLanes<'_>) {
        for facility in &self.facilities {
            if let PlannedCoupon::Floating { reference, terms, rate } = &facility.coupon {
                float([terms.floor, terms.spread], read.lane(*reference), &mut own[*rate]);
            }
        }
    }

    /// Due in `step` on a path on which nothing is unpaid or refinanced; `due` is filled only if it differs from path to
    /// path.
    pub(super) fn scheduled<'a>(&self, step: usize, length: f64, own: &OwnLanes<'_>, due: &'a mut Lane) -> Amount<'a> {
        let mut is_same = true;
        for facility in &self.facilities {
            let accruing = facility.schedule.balance[step - 1] * length;
            if let PlannedCoupon::Floating { rate, .. } = &facility.coupon {
                if is_same {
                    set_interest(self.fixed[step], accruing, &own[*rate], due);
                    is_same = false;
                } else {
                    add_interest(accruing, &own[*rate], due);
                }
            }
        }
        if is_same { Amount::Same(self.fixed[step]) } else { Amount::Each(due) }
    }

    /// Due in `step` on one path, whatever has happened on it. On a path on which nothing has, the total has the same
    /// bits as [`Debt::scheduled`].
    pub(super) fn due(&self, step: usize, length: f64, end: f64, own: &OwnLanes<'_>, path: usize) -> Due {
        let mut amount = [0.0; MOST_FACILITIES];
        let mut total = self.fixed[step];
        for (amount, facility) in amount.iter_mut().zip(&self.facilities) {
            let accruing = facility.schedule.balance[step - 1] * length;
            let interest = match &facility.coupon {
                PlannedCoupon::Fixed(rate) => facility.schedule.balance[step - 1] * rate * length,
                PlannedCoupon::Floating { rate, .. } => {
                    let interest = accruing * own[*rate][path];
                    total += interest;
                    interest
                }
            };
            *amount = interest + facility.schedule.principal[step];
        }
        for (amount, facility) in amount.iter_mut().zip(&self.facilities) {
            let extra = facility.beside_schedule(length, end, own, path);
            *amount += extra;
            total += extra;
        }
        Due { count: self.facilities.len(), amount, total }
    }

    /// Owed after `step` and not yet due, by facility.
    pub(super) fn outstanding(&self, step: usize, own: &OwnLanes<'_>, path: usize) -> ByFacility {
        let mut balance = [0.0; MOST_FACILITIES];
        for (balance, facility) in balance.iter_mut().zip(&self.facilities) {
            *balance = facility.schedule.balance[step] + facility.renewed(own, path);
        }
        balance
    }

    /// What the facilities that mature in this step borrow again to raise `missing`, most junior first, if the
    /// collateral, worth `executable`, allows all of it.
    pub(super) fn refinance(
        &self,
        step: usize,
        due: &Due,
        available: f64,
        executable: impl FnOnce() -> f64,
        outstanding: &ByFacility,
    ) -> Option<ByFacility> {
        if !self.facilities.iter().any(|facility| facility.matures(step) && facility.renewal.is_some()) {
            return None;
        }
        let mut raised = [0.0; MOST_FACILITIES];
        let mut missing = due.total - available;
        for (index, facility) in self.facilities.iter().enumerate().rev() {
            if facility.matures(step) && facility.renewal.is_some() {
                raised[index] = missing.min(due.amount[index]).max(0.0);
                missing -= raised[index];
            }
        }
        let (_, unpaid) = pay(available, due, &raised);
        let executable = executable();
        let mut senior = 0.0;
        for (index, facility) in self.facilities.iter().enumerate() {
            if let Some(renewal) = &facility.renewal {
                let capacity = (renewal.terms.advance_rate * executable - senior).max(0.0);
                if raised[index] > capacity {
                    return None;
                }
            }
            senior += outstanding[index] + unpaid[index] + raised[index];
        }
        Some(raised)
    }

    /// Moves refinanced loans past this date: their instalments have fallen due.
    pub(super) fn roll(&self, length: f64, end: f64, own: &mut OwnLanes<'_>, path: usize) {
        for renewal in self.facilities.iter().filter_map(|facility| facility.renewal.as_ref()) {
            own[renewal.balance][path] -= renewal.instalment(length, end, own, path);
        }
    }

    /// Begins the loans that have been raised.
    pub(super) fn begin(&self, end: f64, raised: &ByFacility, own: &mut OwnLanes<'_>, path: usize) {
        for (facility, raised) in self.facilities.iter().zip(raised) {
            if let Some(renewal) = facility.renewal.as_ref().filter(|_| *raised > 0.0) {
                own[renewal.balance][path] = *raised;
                own[renewal.pace][path] = raised / renewal.terms.tenor;
                own[renewal.ends][path] = end + renewal.terms.tenor;
            }
        }
    }

    /// Sum over the facilities.
    pub(super) fn sum(&self, amounts: &ByFacility) -> f64 {
        amounts[..self.facilities.len()].iter().sum()
    }

    /// Whether some facility has been refinanced on this path and still owes.
    pub(super) fn renewed(&self, own: &OwnLanes<'_>, path: usize) -> bool {
        self.facilities.iter().any(|facility| facility.renewed(own, path) > 0.0)
    }
}

impl PlannedFacility {
    /// Whether the facility, as first agreed, matures in this step.
    pub(super) fn matures(&self, step: usize) -> bool {
        self.schedule.matures == Some(step)
    }

    fn renewed(&self, own: &OwnLanes<'_>, path: usize) -> f64 {
        self.renewal.as_ref().map_or(0.0, |renewal| own[renewal.balance][path])
    }

    /// Due on one path besides the schedule: arrears with their interest, and service of the refinanced loan.
    fn beside_schedule(&self, length: f64, end: f64, own: &OwnLanes<'_>, path: usize) -> f64 {
        let coupon = match &self.coupon {
            PlannedCoupon::Fixed(rate) => *rate,
            PlannedCoupon::Floating { rate, .. } => own[*rate][path],
        };
        let owed = self.renewed(own, path);
        let (spread, instalment) = match &self.renewal {
            // `ends` is zero until the facility has been refinanced.
            Some(renewal) if own[renewal.ends][path] > 0.0 => {
                (renewal.terms.spread, renewal.instalment(length, end, own, path))
            }
            _ => (0.0, 0.0),
        };
        let accrual = (coupon + spread) * length;
        let arrears = own[self.arrears][path];
        arrears * (1.0 + accrual) + owed * accrual + instalment
    }
}

impl Renewal {
    fn instalment(&self, length: f64, end: f64, own: &OwnLanes<'_>, path: usize) -> f64 {
        let owed = own[self.balance][path];
        if end >= own[self.ends][path] - SAME_DATE { owed } else { owed.min(own[self.pace][path] * length) }
    }
}

/// Pays what is due, less what has been raised by refinancing, from `available`, senior facilities first: what is left
/// of it, and what stays unpaid by facility.
pub(super) fn pay(available: f64, due: &Due, raised: &ByFacility) -> (f64, ByFacility) {
    let mut left = available.max(0.0);
    let mut unpaid = [0.0; MOST_FACILITIES];
    for ((unpaid, amount), raised) in unpaid.iter_mut().zip(&due.amount[..due.count]).zip(raised) {
        let asked = amount - raised;
        let paid = asked.min(left);
        left -= paid;
        *unpaid = if asked - paid > ROUNDING * due.total { asked - paid } else { 0.0 };
    }
    // Bills that operations could not pay stay as they are.
    (if available < 0.0 { available } else { left }, unpaid)
}

vectorised! {
    fn float(terms: [f64; 2], reference: &Lane, rate: &mut Lane) {
        let [floor, spread] = terms;
        for i in 0..PATHS {
            rate[i] = if reference[i] > floor { reference[i] } else { floor } + spread;
        }
    }

    fn set_interest(other: f64, accruing: f64, rate: &Lane, due: &mut Lane) {
        for i in 0..PATHS {
            due[i] = other + accruing * rate[i];
        }
    }

    fn add_interest(accruing: f64, rate: &Lane, due: &mut Lane) {
        for i in 0..PATHS {
            due[i] += accruing * rate[i];
        }
    }
}
