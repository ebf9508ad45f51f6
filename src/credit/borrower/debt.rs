//! The debt of a borrower, planned: what is owed and what falls due, by facility.
//!
//! As long as nothing is unpaid and nothing has been borrowed again, a facility is owed the same on every path of a block:
//! a number per step. Else what it is owed differs from path to path, and is a lane.

use super::metrics::FacilityMetrics;
use super::operations::Amount;
use super::renewal::Renewal;
use crate::Error;
use crate::credit::facility::{Coupon, Facility, Floating};
use crate::credit::obligor::ObligorPlan;
use crate::credit::schedule::{SAME_DATE, Schedule};
use crate::market::{OwnLane, OwnLanes, ReadLane, ReadLanes};
use crate::numeric::{Lane, PATHS, Step};
use crate::vectorised;

/// All facilities of a borrower, as listed.
pub(super) struct Debt {
    pub(super) facilities: Vec<PlannedFacility>,
    /// Positions of the facilities by rank, the first paid first; those of one rank share.
    pub(super) ranks: Vec<Vec<usize>>,
    /// Positions of the facilities with a fixed coupon, then of those with a floating one: the order in which what is due
    /// is added up, with or without the shortcut of `fixed`.
    order: Vec<usize>,
    /// Due on each date to all facilities with a fixed coupon, as agreed.
    fixed: Vec<f64>,
}

pub(super) struct PlannedFacility {
    pub(super) schedule: Schedule,
    coupon: PlannedCoupon,
    /// Due and unpaid; after default the whole claim.
    pub(super) arrears: OwnLane,
    /// Due in this step: interest, principal, and arrears with their interest.
    pub(super) due: OwnLane,
    /// Of that, what cash did not cover in this step.
    pub(super) unpaid: OwnLane,
    pub(super) renewal: Option<Renewal>,
    pub(super) metrics: FacilityMetrics,
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

impl Debt {
    pub(super) fn new(facilities: &[Facility], plan: &mut ObligorPlan<'_>) -> Result<Debt, Error> {
        let mut planned = Vec::with_capacity(facilities.len());
        let mut fixed = vec![0.0; plan.grid().steps() + 1];
        let mut order = Vec::with_capacity(facilities.len());
        for (index, facility) in facilities.iter().enumerate() {
            let schedule = Schedule::new(facility, plan.grid());
            let coupon = match &facility.coupon {
                Coupon::Fixed(rate) => {
                    for step in plan.grid().iter() {
                        fixed[step.index] += schedule.service(step, *rate);
                    }
                    order.push(index);
                    PlannedCoupon::Fixed(*rate)
                }
                Coupon::Floating(terms) => {
                    let field = format!("facilities[{index}].coupon.series");
                    let reference = plan.read(&field, &terms.series)?;
                    PlannedCoupon::Floating { reference, terms: terms.clone(), rate: plan.state() }
                }
            };
            plan.facility(&facility.name, &facility.lender, facility.principal)?;
            planned.push(PlannedFacility {
                schedule,
                coupon,
                arrears: plan.state(),
                due: plan.state(),
                unpaid: plan.state(),
                renewal: facility.refinancing.clone().map(|terms| Renewal::new(terms, plan)),
                metrics: FacilityMetrics::new(&facility.name, plan),
            });
        }
        let is_floating = |index: &usize| matches!(facilities[*index].coupon, Coupon::Floating(_));
        order.extend((0..facilities.len()).filter(is_floating));
        Ok(Debt { facilities: planned, ranks: ranks(facilities), order, fixed })
    }

    /// Sets the lanes at time zero.
    pub(super) fn start(&self, own: &mut OwnLanes<'_>, read: ReadLanes<'_>) {
        // Lanes come zeroed: nothing is unpaid or renewed.
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

    /// Whether what some facility is owed, arrears aside, differs from path to path.
    pub(super) fn is_apart(&self, own: &OwnLanes<'_>) -> bool {
        self.facilities.iter().any(|facility| facility.is_apart(own))
    }

    /// Due in `step` to all facilities, if nothing is unpaid or renewed: the amount if it is the same on every path, else
    /// `due` holds it.
    pub(super) fn scheduled(&self, step: Step, own: &OwnLanes<'_>, due: &mut Lane) -> Option<f64> {
        let fixed = self.fixed[step.index];
        let mut is_same = true;
        for facility in self.order.iter().map(|index| &self.facilities[*index]) {
            if let PlannedCoupon::Floating { rate, .. } = &facility.coupon {
                let terms = facility.schedule.accruing(step);
                if is_same {
                    set_service(fixed, terms, &own[*rate], due);
                    is_same = false;
                } else {
                    add_service(terms, &own[*rate], due);
                }
            }
        }
        is_same.then_some(fixed)
    }

    /// Due in `step` by facility, whatever has happened; `total` is the sum, the same to the bit as [`Debt::scheduled`] on
    /// paths on which nothing has. Loans that were renewed move past this date. Called once a step.
    pub(super) fn fall_due(&self, step: Step, own: &mut OwnLanes<'_>, total: &mut Lane) {
        total.fill(0.0);
        for facility in self.order.iter().map(|index| &self.facilities[*index]) {
            facility.fall_due(step, own, total);
        }
    }
}

/// Positions by rank. Without ranks the order of the list is the rank.
fn ranks(facilities: &[Facility]) -> Vec<Vec<usize>> {
    let rank = |index: usize| facilities[index].rank.map_or(index, |rank| rank as usize);
    let mut positions: Vec<usize> = (0..facilities.len()).collect();
    positions.sort_by_key(|index| rank(*index));
    positions.chunk_by(|a, b| rank(*a) == rank(*b)).map(<[usize]>::to_vec).collect()
}

impl PlannedFacility {
    /// Whether the facility, as first agreed, matures in this step.
    pub(super) fn matures(&self, step: usize) -> bool {
        self.schedule.matures == Some(step)
    }

    pub(super) fn is_apart(&self, own: &OwnLanes<'_>) -> bool {
        self.renewal.as_ref().is_some_and(|renewal| renewal.is_apart(own))
    }

    /// What it has raised by borrowing again in the step in which it matures.
    pub(super) fn raised(&self, matures: Option<usize>) -> Option<OwnLane> {
        self.renewal.as_ref().filter(|_| matures.is_some_and(|step| self.matures(step))).map(|renewal| renewal.raised)
    }

    /// Owed after `step` and not yet due.
    pub(super) fn balance<'a>(&self, step: usize, own: &'a OwnLanes<'_>) -> Amount<'a> {
        match &self.renewal {
            Some(renewal) if renewal.is_apart(own) => Amount::Each(&own[renewal.balance]),
            _ => Amount::Same(self.schedule.balance[step]),
        }
    }

    /// Principal that falls due in `step`.
    pub(super) fn principal<'a>(&self, step: usize, own: &'a OwnLanes<'_>) -> Amount<'a> {
        match &self.renewal {
            Some(renewal) if renewal.is_apart(own) => Amount::Each(&own[renewal.instalment]),
            _ => Amount::Same(self.schedule.principal[step]),
        }
    }

    fn fall_due(&self, step: Step, own: &mut OwnLanes<'_>, total: &mut Lane) {
        if let Some(renewal) = self.renewal.as_ref().filter(|renewal| renewal.is_apart(own)) {
            let terms = [renewal.terms.spread, step.length, step.end + SAME_DATE];
            let Renewal { ends, pace, balance, instalment, .. } = *renewal;
            match self.coupon {
                PlannedCoupon::Fixed(rate) => {
                    let [ends, pace, arrears, balance, instalment, due] =
                        own.many([ends, pace, self.arrears, balance, instalment, self.due]);
                    fall_due_fixed(rate, terms, [ends, pace, arrears], [balance, instalment, due, total]);
                }
                PlannedCoupon::Floating { rate, .. } => {
                    let [rate, ends, pace, arrears, balance, instalment, due] =
                        own.many([rate, ends, pace, self.arrears, balance, instalment, self.due]);
                    fall_due_floating(rate, terms, [ends, pace, arrears], [balance, instalment, due, total]);
                }
            }
            return;
        }
        match &self.coupon {
            PlannedCoupon::Fixed(rate) => {
                let [arrears, due] = own.many([self.arrears, self.due]);
                add_fixed([self.schedule.service(step, *rate), 1.0 + rate * step.length], arrears, due, total);
            }
            PlannedCoupon::Floating { rate, .. } => {
                let [rate, arrears, due] = own.many([*rate, self.arrears, self.due]);
                add_floating(self.schedule.accruing(step), step.length, rate, arrears, due, total);
            }
        }
    }
}

/// What the loan into which a facility was renewed is due, on the paths on which it was; arrears everywhere.
#[inline(always)]
fn fall_due(
    rate: impl Fn(usize) -> f64,
    [spread, length, now]: [f64; 3],
    [ends, pace, arrears]: [&Lane; 3],
    [balance, instalment, due, total]: [&mut Lane; 4],
) {
    for i in 0..PATHS {
        // The end is zero until the facility is renewed.
        let margin = if ends[i] > 0.0 { spread } else { 0.0 };
        let accrual = (rate(i) + margin) * length;
        let owed = balance[i];
        let agreed = pace[i] * length;
        let part = if agreed < owed { agreed } else { owed };
        let repaid = if now >= ends[i] { owed } else { part };
        let amount = (owed * accrual + repaid) + arrears[i] * (1.0 + accrual);
        balance[i] = owed - repaid;
        instalment[i] = repaid;
        due[i] = amount;
        total[i] += amount;
    }
}

vectorised! {
    fn float(terms: [f64; 2], reference: &Lane, rate: &mut Lane) {
        let [floor, spread] = terms;
        for i in 0..PATHS {
            rate[i] = if reference[i] > floor { reference[i] } else { floor } + spread;
        }
    }

    fn set_service(other: f64, terms: [f64; 2], rate: &Lane, due: &mut Lane) {
        let [accruing, principal] = terms;
        for i in 0..PATHS {
            due[i] = other + (accruing * rate[i] + principal);
        }
    }

    fn add_service(terms: [f64; 2], rate: &Lane, due: &mut Lane) {
        let [accruing, principal] = terms;
        for i in 0..PATHS {
            due[i] += accruing * rate[i] + principal;
        }
    }

    fn add_fixed(terms: [f64; 2], arrears: &Lane, due: &mut Lane, total: &mut Lane) {
        let [service, growth] = terms;
        for i in 0..PATHS {
            let amount = service + arrears[i] * growth;
            due[i] = amount;
            total[i] += amount;
        }
    }

    fn add_floating(
        terms: [f64; 2], length: f64, rate: &Lane, arrears: &Lane, due: &mut Lane, total: &mut Lane
    ) {
        let [accruing, principal] = terms;
        for i in 0..PATHS {
            let amount = (accruing * rate[i] + principal) + arrears[i] * (1.0 + rate[i] * length);
            due[i] = amount;
            total[i] += amount;
        }
    }

    fn fall_due_fixed(rate: f64, terms: [f64; 3], read: [&Lane; 3], state: [&mut Lane; 4]) {
        fall_due(|_| rate, terms, read, state);
    }

    fn fall_due_floating(rate: &Lane, terms: [f64; 3], read: [&Lane; 3], state: [&mut Lane; 4]) {
        fall_due(|i| rate[i], terms, read, state);
    }
}
