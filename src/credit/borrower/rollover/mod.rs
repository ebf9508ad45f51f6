//! What happens at maturity to what cannot be paid: borrowed again, extended, left to trap cash, or in default.

mod clause;

use self::clause::{Clause, Kind};
use super::debt::{Debt, PlannedFacility};
use super::metrics::Metric;
use super::month::{Month, Stepper};
use super::paths::{Paths, each};
use super::payment::{Means, NOTHING};
use crate::Error;
use crate::credit::facility::Facility;
use crate::credit::liquidation::LiquidationView;
use crate::credit::obligor::ObligorPlan;
use crate::credit::schedule::{ROUNDING, SAME_DATE};
use crate::market::{OwnLane, OwnLanes, ReadLanes};
use crate::numeric::{Lane, PATHS, Step};
use crate::sample::StreamKey;
use crate::vectorised;

/// How a facility may go on after its maturity.
pub(super) struct Rollover {
    /// The first that applies is taken.
    clauses: Vec<Clause>,
    /// Which paths mature in this step: one, else zero.
    matures: OwnLane,
    /// Owed on, by borrowing again or else, in this step.
    pub(super) raised: OwnLane,
    /// Which clause applies, counted from one.
    chosen: OwnLane,
    /// How much a clause allows.
    room: OwnLane,
    /// Whether a cash trap is on: one, else zero.
    pub(super) trapped: OwnLane,
}

impl Rollover {
    /// Plans the clauses of the facility at `position`, if it has any.
    pub(super) fn new(
        facility: &Facility,
        position: usize,
        plan: &mut ObligorPlan<'_>,
    ) -> Result<Option<Rollover>, Error> {
        let clauses = Clause::of(facility, position, plan)?;
        if clauses.is_empty() {
            return Ok(None);
        }
        Ok(Some(Rollover {
            clauses,
            matures: plan.room(),
            raised: plan.room(),
            chosen: plan.room(),
            room: plan.room(),
            trapped: plan.state(),
        }))
    }
}

/// What clauses look at, by path: lanes of all facilities, for use at a maturity.
pub(super) struct Prospects {
    /// All collateral, and that of the facility at hand, at executable prices.
    everything: OwnLane,
    executable: OwnLane,
    marked: OwnLane,
    /// Cash flow of the step.
    cash_flow: OwnLane,
    /// All debt after this date's payments, and that of the same or a senior rank.
    owed: OwnLane,
    ahead: OwnLane,
    /// Of the facility at hand the coupon of the step, and the principal that matures.
    rate: OwnLane,
    principal: OwnLane,
    /// Whether some facility may not go on: one, else zero.
    refused: OwnLane,
}

impl Prospects {
    pub(super) fn new(plan: &mut ObligorPlan<'_>) -> Prospects {
        Prospects {
            everything: plan.room(),
            executable: plan.room(),
            marked: plan.room(),
            cash_flow: plan.room(),
            owed: plan.room(),
            ahead: plan.room(),
            rate: plan.room(),
            principal: plan.room(),
            refused: plan.room(),
        }
    }
}

/// What the funding market needs to know of a block.
#[derive(Clone, Copy)]
pub(super) struct Requests<'a> {
    pub(super) read: ReadLanes<'a>,
    pub(super) key: &'a StreamKey,
    pub(super) first_path: u64,
}

impl Stepper {
    /// Lets the facilities that mature owe on what is short, most junior first, if a clause of each
    /// allows all of it. Returns what facilities are then paid with.
    pub(super) fn roll_over(
        &self,
        own: &mut OwnLanes<'_>,
        liquidation: &LiquidationView<'_>,
        step: Step,
        requests: Requests<'_>,
        month: &mut Month<'_>,
    ) -> Means {
        let debt = &self.debt;
        let Some(prospects) = debt.prospects.as_ref().filter(|_| debt.mature(month.paths, step, own)) else {
            return Means::Cash;
        };
        let [need, price, pace, value] = &mut month.spare;
        self.collateral.executable(own, liquidation, step, [value, pace, price]);
        own[prospects.everything] = **value;
        self.collateral.marked(own, liquidation, value);
        own[prospects.marked] = **value;
        for i in 0..PATHS {
            own[prospects.cash_flow][i] = month.revenue[i] - month.cost.on(i);
        }
        **need = *month.short;
        for (facility, rollover) in debt.rolling().rev() {
            let [due, matures, raised] = own.many([facility.due, rollover.matures, rollover.raised]);
            raise(due, matures, month.due, need, raised);
        }
        debt.pay(Paths::All, own, self.cash, Means::CashAndRollover, &mut month.spare);
        let [sum, price, pace, value] = &mut month.spare;
        debt.add_owed(0..debt.facilities.len(), step.index, own, sum);
        own[prospects.owed] = **sum;
        own[prospects.refused].fill(0.0);
        for (position, facility) in debt.facilities.iter().enumerate() {
            let Some(rollover) = &facility.rollover else { continue };
            let liens = self.collateral.liens.as_ref();
            if let Some((liens, held)) = liens.and_then(|liens| liens.security(position).map(|held| (liens, held))) {
                // A lien of its own: what it is worth, less the debt of others with a lien on the same.
                self.collateral.executable_of(held, own, liquidation, step, [value, pace, price]);
                own[prospects.executable] = **value;
                let beside = debt.ahead(position).filter(|other| liens.share_a_lien(position, *other));
                debt.add_owed(beside, step.index, own, sum);
            } else {
                own[prospects.executable] = own[prospects.everything];
                debt.add_owed(debt.ahead(position), step.index, own, sum);
            }
            own[prospects.ahead] = **sum;
            facility.copy_rate(own, prospects.rate);
            for i in 0..PATHS {
                own[prospects.principal][i] = facility.principal(step.index, own).on(i);
            }
            own[rollover.chosen].fill(0.0);
            for (clause, number) in rollover.clauses.iter().zip(1_u32..) {
                clause.test(rollover, prospects, step, own, month.due);
                if let Kind::Refinancing { funding: Some(funding), .. } = &clause.kind {
                    funding.close(rollover, requests, step, own);
                }
                let [raised, room, taken, chosen] =
                    own.many([rollover.raised, rollover.room, clause.taken, rollover.chosen]);
                choose([f64::from(number), clause.most], raised, room, taken, chosen);
            }
            let [raised, chosen, refused] = own.many([rollover.raised, rollover.chosen, prospects.refused]);
            refuse(raised, chosen, refused);
        }
        for (facility, rollover) in debt.rolling() {
            let Some(apart) = &facility.apart else { continue };
            let [raised, refused, chosen] = own.many([rollover.raised, prospects.refused, rollover.chosen]);
            if grant(refused, raised, chosen) == 0 {
                continue;
            }
            apart.part(&facility.schedule, step.index, own);
            for (clause, number) in rollover.clauses.iter().zip(1_u32..) {
                clause.begin(f64::from(number), rollover, apart, step, own);
                if clause.extends() {
                    self.metrics.count_chosen(own, Metric::Extension, rollover.chosen, f64::from(number));
                }
                facility.metrics.show_fee(own, [rollover.raised, rollover.chosen], [f64::from(number), clause.fee]);
            }
            facility.metrics.show_draw(own, rollover.raised);
            self.metrics.add_own(own, Metric::Refinanced, rollover.raised);
        }
        Means::CashAndRollover
    }
}

impl Debt {
    /// The facilities that have a clause, senior first.
    fn rolling(&self) -> impl DoubleEndedIterator<Item = (&PlannedFacility, &Rollover)> {
        let with_clause = |index: &usize| {
            let facility = &self.facilities[*index];
            facility.rollover.as_ref().map(|rollover| (facility, rollover))
        };
        self.ranks.iter().flatten().filter_map(with_clause)
    }

    /// Marks the paths on which facilities with a clause mature in this step; whether there are any.
    fn mature(&self, paths: Paths<'_>, step: Step, own: &mut OwnLanes<'_>) -> bool {
        let mut count = 0;
        for (facility, rollover) in self.rolling() {
            let Some(apart) = &facility.apart else { continue };
            let agreed = if facility.matures(step.index) { 1.0 } else { 0.0 };
            if apart.is_parted(own) {
                let [ends, due, matures] = own.many([apart.ends, facility.due, rollover.matures]);
                count += mature(paths, [agreed, step.end + SAME_DATE], ends, due, matures);
            } else {
                own[rollover.matures].fill(agreed);
                count += u64::from(agreed > 0.0);
            }
        }
        count > 0
    }

    /// Positions of the facilities of a senior rank than the one at `position`, and of the others of its own.
    fn ahead(&self, position: usize) -> impl Iterator<Item = usize> {
        let last = self.ranks.iter().position(|rank| rank.contains(&position)).unwrap_or_default();
        self.ranks[..=last].iter().flatten().copied().filter(move |other| *other != position)
    }

    /// Sums what facilities are owed after this step's payments: not yet due, unpaid, owed on.
    fn add_owed(&self, of: impl Iterator<Item = usize>, step: usize, own: &OwnLanes<'_>, sum: &mut Lane) {
        sum.fill(0.0);
        for facility in of.map(|index| &self.facilities[index]) {
            let balance = facility.balance(step, own);
            let raised = facility.rollover.as_ref().map_or(&NOTHING, |rollover| &own[rollover.raised]);
            for i in 0..PATHS {
                sum[i] += balance.on(i) + own[facility.unpaid][i] + raised[i];
            }
        }
    }
}

/// Whether a whole number in a lane is this one.
#[inline(always)]
pub(super) fn is_number(found: f64, number: f64) -> bool {
    (found - number).abs() < 0.5
}

vectorised! {
    /// Marks the paths on which the loan matures; counts them.
    fn mature(paths: Paths<'_>, terms: [f64; 2], ends: &Lane, due: &Lane, matures: &mut Lane) -> u64 {
        let [agreed, now] = terms;
        let mut count = 0;
        each!(i in paths, {
            let is_over = (now >= ends[i]) & (due[i] > 0.0);
            let again = if is_over { 1.0 } else { 0.0 };
            matures[i] = if ends[i] > 0.0 { again } else { agreed };
            count += u64::from(matures[i] > 0.0);
        });
        count
    }

    /// Owes on what is needed, up to what is due; nothing for what rounding has left of a need.
    fn raise(due: &Lane, matures: &Lane, total: &Lane, need: &mut Lane, raised: &mut Lane) {
        for i in 0..PATHS {
            let (needed, most) = (need[i], due[i]);
            let amount = if needed < most { needed } else { most };
            raised[i] = if (matures[i] > 0.0) & (amount > ROUNDING * total[i]) { amount } else { 0.0 };
            need[i] = needed - raised[i];
        }
    }

    fn choose(terms: [f64; 2], raised: &Lane, room: &Lane, taken: &Lane, chosen: &mut Lane) {
        let [number, most] = terms;
        for i in 0..PATHS {
            let applies = (chosen[i] == 0.0) & (raised[i] > 0.0) & (raised[i] <= room[i]) & (taken[i] < most);
            chosen[i] = if applies { number } else { chosen[i] };
        }
    }

    fn refuse(raised: &Lane, chosen: &Lane, refused: &mut Lane) {
        for i in 0..PATHS {
            refused[i] = if (raised[i] > 0.0) & (chosen[i] == 0.0) { 1.0 } else { refused[i] };
        }
    }

    /// Where a facility of the path is refused none goes on; counts the others that do.
    fn grant(refused: &Lane, raised: &mut Lane, chosen: &mut Lane) -> u64 {
        let mut paths = 0;
        for i in 0..PATHS {
            let granted = (raised[i] > 0.0) & (refused[i] == 0.0);
            raised[i] = if granted { raised[i] } else { 0.0 };
            chosen[i] = if granted { chosen[i] } else { 0.0 };
            paths += u64::from(granted);
        }
        paths
    }
}
