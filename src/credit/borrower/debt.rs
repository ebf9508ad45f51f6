//! The debt of a borrower, planned: what is owed and what falls due, by facility.
//!
//! As long as nothing is unpaid and nothing has been borrowed again, a facility is owed the same on every path of a block:
//! a number per step. Else what it is owed differs from path to path, and is a lane.

use super::apart::Apart;
use super::facility_metrics::FacilityMetrics;
use super::operations::Amount;
use super::paths::{Paths, each};
use super::payment::{Means, NOTHING};
use super::reserve::PlannedReserve;
use super::rollover::{Prospects, Rollover};
use super::sweep::PlannedSweep;
use super::switches::Switches;
use crate::Error;
use crate::credit::facility::{Coupon, Facility, Floating};
use crate::credit::obligor::ObligorPlan;
use crate::credit::schedule::Schedule;
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
    pub(super) order: Vec<usize>,
    /// Due on each date to all facilities with a fixed coupon, as agreed.
    fixed: Vec<f64>,
    /// Lent on each date after time zero by all facilities, and of that what becomes cash.
    pub(super) drawn: Vec<f64>,
    pub(super) kept: Vec<f64>,
    /// If any facility may go on after its maturity.
    pub(super) prospects: Option<Prospects>,
    /// Which clauses some facility has: what none has is not looked for.
    pub(super) clauses: Clauses,
}

/// Which clauses some facility of a borrower has.
pub(super) struct Clauses {
    /// It may come to be owed otherwise than as agreed.
    parts: bool,
    pub(super) sweeps: bool,
    pub(super) reserves: bool,
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
    /// If what it is owed may differ from path to path.
    pub(super) apart: Option<Apart>,
    pub(super) rollover: Option<Rollover>,
    pub(super) sweep: Option<PlannedSweep>,
    pub(super) reserve: Option<PlannedReserve>,
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

/// What somebody needs to know of what falls due.
#[derive(Clone, Copy)]
pub(super) struct Scope<'a> {
    pub(super) step: Step,
    pub(super) paths: Paths<'a>,
    /// Whether more than the amount may be looked at: the principal in it, interest in kind.
    pub(super) in_full: bool,
    /// Whether a path that performs may have something unpaid.
    pub(super) in_arrears: bool,
}

impl Scope<'_> {
    /// What is unpaid of a facility: nothing, if nothing is.
    pub(super) fn arrears(self, arrears: &Lane) -> &Lane {
        if self.in_arrears { arrears } else { &NOTHING }
    }
}

/// Whether a covenant may have facilities repaid ahead of schedule, whatever they say themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prepayment {
    AsAgreed,
    Possible,
}

impl Debt {
    pub(super) fn new(
        facilities: &[Facility],
        prepayment: Prepayment,
        switches: &mut Switches,
        plan: &mut ObligorPlan<'_>,
    ) -> Result<Debt, Error> {
        let mut planned = Vec::with_capacity(facilities.len());
        let mut fixed = vec![0.0; plan.grid().steps() + 1];
        let mut drawn = vec![0.0; plan.grid().steps() + 1];
        let mut kept = drawn.clone();
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
            plan.facility(&facility.name, &facility.lender, facility.commitment())?;
            let spent = facility.draws.as_ref().map_or(1.0, |draws| draws.spent);
            for (step, date) in schedule.dates.iter().enumerate() {
                drawn[step] += date.drawn;
                kept[step] += (1.0 - spent) * date.drawn;
            }
            let rollover =
                Rollover::new(facility, index, plan).map_err(|error| error.within(format!("facilities[{index}]")))?;
            // Interest in kind at a rate that moves.
            let schedule_floats = facility.pik > 0.0 && matches!(coupon, PlannedCoupon::Floating { .. });
            let is_prepaid =
                prepayment == Prepayment::Possible || facility.margin.is_some() || facility.conversion.is_some();
            let is_swept = facility.sweep.is_some() || facility.cash_trap.is_some();
            planned.push(PlannedFacility {
                coupon,
                arrears: plan.state(),
                due: plan.room(),
                unpaid: plan.room(),
                apart: (rollover.is_some() || is_swept || is_prepaid || schedule_floats)
                    .then(|| Apart::new(switches, plan)),
                reserve: facility.reserve.map(|terms| PlannedReserve::new(terms, &schedule, plan)),
                sweep: is_swept.then(|| PlannedSweep::new(facility.sweep, plan)),
                rollover,
                metrics: FacilityMetrics::new(&facility.name, plan),
                schedule,
            });
        }
        let is_floating = |index: &usize| matches!(facilities[*index].coupon, Coupon::Floating(_));
        order.extend((0..facilities.len()).filter(is_floating));
        let rolls = planned.iter().any(|facility| facility.rollover.is_some());
        let prospects = rolls.then(|| Prospects::new(plan));
        let clauses = Clauses {
            parts: planned.iter().any(|facility| facility.apart.is_some()),
            sweeps: planned.iter().any(|facility| facility.sweep.is_some()),
            reserves: planned.iter().any(|facility| facility.reserve.is_some()),
        };
        Ok(Debt { facilities: planned, ranks: ranks(facilities), order, fixed, drawn, kept, prospects, clauses })
    }

    /// Sets the lanes at time zero.
    pub(super) fn start(&self, own: &mut OwnLanes<'_>, read: ReadLanes<'_>) {
        // Lanes come zeroed: nothing is unpaid or has been rolled over.
        for reserve in self.facilities.iter().filter_map(|facility| facility.reserve.as_ref()) {
            reserve.start(own);
        }
        for facility in &self.facilities {
            if let (Some(apart), PlannedCoupon::Floating { .. }) = (&facility.apart, &facility.coupon)
                && facility.schedule.pik > 0.0
            {
                apart.part(&facility.schedule, 0, own);
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

    /// Whether what some facility is owed, arrears aside, differs from path to path.
    pub(super) fn is_apart(&self, own: &OwnLanes<'_>) -> bool {
        self.clauses.parts && self.facilities.iter().any(|facility| facility.is_apart(own))
    }

    /// Whether a facility that matures in this step has a clause by which it may go on.
    pub(super) fn may_go_on(&self, step: usize) -> bool {
        self.prospects.is_some()
            && self.facilities.iter().any(|facility| facility.rollover.is_some() && facility.matures(step))
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
    pub(super) fn fall_due(&self, scope: Scope<'_>, own: &mut OwnLanes<'_>, total: &mut Lane) {
        scope.paths.fill(total, 0.0);
        for facility in self.order.iter().map(|index| &self.facilities[*index]) {
            facility.fall_due(scope, own, total);
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

    /// The lanes of what it is owed, if that differs from path to path in this block.
    fn parted(&self, own: &OwnLanes<'_>) -> Option<&Apart> {
        self.apart.as_ref().filter(|apart| apart.is_parted(own))
    }

    pub(super) fn is_apart(&self, own: &OwnLanes<'_>) -> bool {
        self.parted(own).is_some()
    }

    /// Whether it matures on another date than agreed on some path of this block.
    pub(super) fn is_redated(&self, own: &OwnLanes<'_>) -> bool {
        self.apart.as_ref().is_some_and(|apart| apart.is_redated(own))
    }

    /// Owed after `step` and not yet due.
    pub(super) fn balance<'a>(&self, step: usize, own: &'a OwnLanes<'_>) -> Amount<'a> {
        self.parted(own)
            .map_or(Amount::Same(self.schedule.dates[step].balance), |apart| Amount::Each(&own[apart.balance]))
    }

    /// Principal that falls due in `step`.
    pub(super) fn principal<'a>(&self, step: usize, own: &'a OwnLanes<'_>) -> Amount<'a> {
        let agreed = Amount::Same(self.schedule.dates[step].principal);
        self.parted(own).map_or(agreed, |apart| Amount::Each(&own[apart.instalment]))
    }

    /// What it owes on in this step, if it is paid with that.
    pub(super) fn raised(&self, means: Means) -> Option<OwnLane> {
        match means {
            Means::Cash => None,
            Means::CashAndRollover => self.rollover.as_ref().map(|rollover| rollover.raised),
        }
    }

    /// Interest that is added to the balance in `step`.
    pub(super) fn capitalised<'a>(&self, step: usize, own: &'a OwnLanes<'_>) -> Amount<'a> {
        let agreed = Amount::Same(self.schedule.dates[step].capitalised);
        self.parted(own).map_or(agreed, |apart| Amount::Each(&own[apart.capitalised]))
    }

    /// The coupon of the step.
    pub(super) fn rate<'a>(&self, own: &'a OwnLanes<'_>) -> Amount<'a> {
        match &self.coupon {
            PlannedCoupon::Fixed(rate) => Amount::Same(*rate),
            PlannedCoupon::Floating { rate, .. } => Amount::Each(&own[*rate]),
        }
    }

    /// The same as a lane.
    pub(super) fn copy_rate(&self, own: &mut OwnLanes<'_>, into: OwnLane) {
        match &self.coupon {
            PlannedCoupon::Fixed(rate) => own[into].fill(*rate),
            PlannedCoupon::Floating { rate, .. } => own[into] = own[*rate],
        }
    }

    fn fall_due(&self, scope: Scope<'_>, own: &mut OwnLanes<'_>, total: &mut Lane) {
        if let Some(apart) = self.parted(own) {
            let (schedule, lanes) = (&self.schedule, [self.arrears, self.due]);
            match &self.coupon {
                PlannedCoupon::Fixed(rate) => apart.fall_due_fixed(schedule, *rate, scope, lanes, own, total),
                PlannedCoupon::Floating { rate, .. } => {
                    apart.fall_due_floating(schedule, *rate, scope, lanes, own, total);
                }
            }
            return;
        }
        let Scope { paths, step, .. } = scope;
        match &self.coupon {
            PlannedCoupon::Fixed(rate) => {
                let [arrears, due] = own.many([self.arrears, self.due]);
                let terms = [self.schedule.service(step, *rate), 1.0 + rate * step.length];
                add_fixed(paths, terms, scope.arrears(arrears), due, total);
            }
            PlannedCoupon::Floating { rate, .. } => {
                let [rate, arrears, due] = own.many([*rate, self.arrears, self.due]);
                let arrears = scope.arrears(arrears);
                add_floating(paths, self.schedule.accruing(step), step.length, rate, arrears, due, total);
            }
        }
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

    fn add_fixed(paths: Paths<'_>, terms: [f64; 2], arrears: &Lane, due: &mut Lane, total: &mut Lane) {
        let [service, growth] = terms;
        each!(i in paths, {
            let amount = service + arrears[i] * growth;
            due[i] = amount;
            total[i] += amount;
        });
    }

    fn add_floating(
        paths: Paths<'_>, terms: [f64; 2], length: f64, rate: &Lane, arrears: &Lane, due: &mut Lane, total: &mut Lane
    ) {
        let [accruing, principal] = terms;
        each!(i in paths, {
            let amount = (accruing * rate[i] + principal) + arrears[i] * (1.0 + rate[i] * length);
            due[i] = amount;
            total[i] += amount;
        });
    }
}
