//! Borrowing again at maturity what cannot be paid, if the collateral allows it.

use super::debt::{Debt, PlannedFacility};
use super::metrics::Metric;
use super::month::{Month, Stepper};
use crate::credit::facility::Refinancing;
use crate::credit::liquidation::LiquidationView;
use crate::credit::obligor::ObligorPlan;
use crate::market::{OwnLane, OwnLanes};
use crate::numeric::{Lane, PATHS, Step};
use crate::vectorised;

/// The loan into which a facility has been refinanced, on the paths on which it has.
pub(super) struct Renewal {
    pub(super) terms: Refinancing,
    /// In its first place, on how many paths of the block the facility has been renewed.
    paths: OwnLane,
    /// Owed and not yet due.
    pub(super) balance: OwnLane,
    /// Repaid a year.
    pub(super) pace: OwnLane,
    /// Date of the last instalment; zero until the facility is renewed.
    pub(super) ends: OwnLane,
    /// Principal due in this step.
    pub(super) instalment: OwnLane,
    /// Borrowed again in this step.
    pub(super) raised: OwnLane,
}

impl Renewal {
    pub(super) fn new(terms: Refinancing, plan: &mut ObligorPlan<'_>) -> Renewal {
        Renewal {
            terms,
            paths: plan.state(),
            balance: plan.state(),
            pace: plan.state(),
            ends: plan.state(),
            instalment: plan.state(),
            raised: plan.state(),
        }
    }

    pub(super) fn is_apart(&self, own: &OwnLanes<'_>) -> bool {
        own[self.paths][0] > 0.0
    }
}

impl Stepper {
    /// Lets the facilities that mature in this step borrow again what is short, most junior first, and pays with it, if
    /// the collateral allows all of it. False when none matures that may.
    pub(super) fn refinance(
        &self,
        own: &mut OwnLanes<'_>,
        liquidation: &LiquidationView<'_>,
        step: Step,
        month: &mut Month<'_>,
    ) -> bool {
        let debt = &self.debt;
        if debt.renewing(step.index).next().is_none() {
            return false;
        }
        let [need, price, pace, executable] = &mut month.spare;
        self.collateral.executable(own, liquidation, step, [executable, pace, price]);
        **need = *month.short;
        for (facility, renewal) in debt.renewing(step.index).rev() {
            let [due, raised] = own.many([facility.due, renewal.raised]);
            raise(due, need, raised);
        }
        debt.pay(own, self.cash, Some(step.index), &mut month.spare);
        let [senior, refused, others, executable] = &mut month.spare;
        senior.fill(0.0);
        refused.fill(0.0);
        for rank in &debt.ranks {
            for index in rank {
                let Some((_, renewal)) = debt.facilities[*index].renewing(step.index) else { continue };
                **others = **senior;
                for other in rank.iter().filter(|other| *other != index) {
                    debt.facilities[*other].add_owed(step.index, own, others);
                }
                refuse(renewal.terms.advance_rate, executable, others, &own[renewal.raised], refused);
            }
            for index in rank {
                debt.facilities[*index].add_owed(step.index, own, senior);
            }
        }
        for (facility, renewal) in debt.renewing(step.index) {
            // What fell due in this step, as agreed, before paths go apart.
            own[renewal.instalment].fill(facility.schedule.principal[step.index]);
            let [raised, balance, pace, ends] = own.many([renewal.raised, renewal.balance, renewal.pace, renewal.ends]);
            let tenor = renewal.terms.tenor;
            let paths = begin([tenor, step.end + tenor], refused, raised, balance, pace, ends);
            own[renewal.paths][0] += paths as f64;
            self.metrics.add_own(own, Metric::Refinanced, renewal.raised);
        }
        // Those who were refused pay without.
        debt.pay(own, self.cash, Some(step.index), &mut month.spare);
        true
    }
}

impl Debt {
    /// The facilities that mature in this step and may be borrowed again, senior first.
    fn renewing(&self, step: usize) -> impl DoubleEndedIterator<Item = (&PlannedFacility, &Renewal)> {
        self.ranks.iter().flatten().filter_map(move |index| self.facilities[*index].renewing(step))
    }
}

impl PlannedFacility {
    fn renewing(&self, step: usize) -> Option<(&PlannedFacility, &Renewal)> {
        self.renewal.as_ref().filter(|_| self.matures(step)).map(|renewal| (self, renewal))
    }

    /// Adds what is owed after this step's payments: not yet due, unpaid, borrowed again.
    fn add_owed(&self, step: usize, own: &OwnLanes<'_>, sum: &mut Lane) {
        let balance = self.balance(step, own);
        let raised = self.raised(Some(step));
        for i in 0..PATHS {
            sum[i] += balance.on(i) + own[self.unpaid][i] + raised.map_or(0.0, |raised| own[raised][i]);
        }
    }
}

vectorised! {
    /// Raises what is needed, up to what is due.
    fn raise(due: &Lane, need: &mut Lane, raised: &mut Lane) {
        for i in 0..PATHS {
            let (needed, most) = (need[i], due[i]);
            raised[i] = if needed < most { needed } else { most };
            need[i] = needed - raised[i];
        }
    }

    fn refuse(advance_rate: f64, executable: &Lane, senior: &Lane, raised: &Lane, refused: &mut Lane) {
        for i in 0..PATHS {
            let room = advance_rate * executable[i] - senior[i];
            let capacity = if room > 0.0 { room } else { 0.0 };
            refused[i] = if raised[i] > capacity { 1.0 } else { refused[i] };
        }
    }

    /// Begins the loans that are granted; counts them.
    fn begin(
        terms: [f64; 2], refused: &Lane, raised: &mut Lane, balance: &mut Lane, pace: &mut Lane, ends: &mut Lane
    ) -> u64 {
        let [tenor, end] = terms;
        let mut paths = 0;
        for i in 0..PATHS {
            let granted = (raised[i] > 0.0) & (refused[i] == 0.0);
            let amount = if granted { raised[i] } else { 0.0 };
            let a_year = amount / tenor;
            raised[i] = amount;
            balance[i] = if granted { amount } else { balance[i] };
            pace[i] = if granted { a_year } else { pace[i] };
            ends[i] = if granted { end } else { ends[i] };
            paths += u64::from(granted);
        }
        paths
    }
}
