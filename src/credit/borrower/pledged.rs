//! Pledged coins, sold for what is short once the loans behind which they stand need them no more.

use super::coins::{Holding, sell_on};
use super::metrics::Metric;
use super::month::{Month, Stepper};
use super::payment::Means;
use crate::credit::liquidation::LiquidationView;
use crate::credit::schedule::ROUNDING;
use crate::market::OwnLanes;
use crate::numeric::{Lane, PATHS, Step};
use crate::vectorised;

/// Coins that are pledged.
pub(super) struct Pledge {
    pub(super) holding: Holding,
    /// The facilities with a lien on them.
    pub(super) facilities: Vec<usize>,
}

/// What keeps coins pledged.
#[derive(Clone, Copy)]
enum Still {
    /// Anything that is owed.
    Owed,
    /// What does not fall due today; and anything, if the loan may go on.
    NotDue,
    /// What does not fall due today, though the loan might have gone on.
    NotDueAtAll,
}

impl Stepper {
    /// Sells pledged coins for what is short: those whose loans are repaid; and on the day on which all of a loan falls due that
    /// cannot go on, those that secure it, where with them everything is paid.
    pub(super) fn sell_pledged(
        &self,
        own: &mut OwnLanes<'_>,
        liquidation: &LiquidationView<'_>,
        step: Step,
        short: &mut Lane,
        [owed, value]: [&mut Lane; 2],
    ) {
        for pledge in &self.pledged {
            self.owed_on(pledge, step, own, owed, Still::Owed);
            let [cash, units] = own.many([self.cash, pledge.holding.units]);
            sell_free(liquidation.mark(pledge.holding.asset), owed, units, cash, short);
        }
        self.sell_all_due(own, liquidation, step, short, [owed, value], Still::NotDue);
    }

    /// The same for loans that might have gone on, on paths on which nothing was borrowed again.
    pub(super) fn sell_refused(
        &self,
        own: &mut OwnLanes<'_>,
        liquidation: &LiquidationView<'_>,
        step: Step,
        means: Means,
        month: &mut Month<'_>,
    ) {
        let debt = &self.debt;
        let goes_on =
            |pledge: &Pledge| pledge.facilities.iter().any(|index| debt.facilities[*index].rollover.is_some());
        if !self.pledged.iter().any(goes_on) {
            return;
        }
        let Month { due, short, spare: [need, owed, value, before], .. } = month;
        **need = **short;
        for raised in debt.facilities.iter().filter_map(|facility| facility.raised(means)) {
            leave_granted(&own[raised], need);
        }
        **before = **need;
        self.sell_all_due(own, liquidation, step, need, [owed, value], Still::NotDueAtAll);
        cover(before, due, need, &mut own[self.cash], short);
        if self.metrics.wants(Metric::TreasurySales) {
            for i in 0..PATHS {
                value[i] = before[i] - need[i];
            }
            self.metrics.add(own, Metric::TreasurySales, value);
        }
    }

    /// Sells coins whose loans fall due altogether, where with them everything is paid.
    fn sell_all_due(
        &self,
        own: &mut OwnLanes<'_>,
        liquidation: &LiquidationView<'_>,
        step: Step,
        short: &mut Lane,
        [owed, value]: [&mut Lane; 2],
        still: Still,
    ) {
        value.fill(0.0);
        for pledge in &self.pledged {
            self.owed_on(pledge, step, own, owed, still);
            let units = &own[pledge.holding.units];
            add_free(liquidation.mark(pledge.holding.asset), owed, units, value);
        }
        refuse(short, value);
        for pledge in &self.pledged {
            self.owed_on(pledge, step, own, owed, still);
            let [cash, units] = own.many([self.cash, pledge.holding.units]);
            sell_against(liquidation.mark(pledge.holding.asset), [owed, value], units, cash, short);
        }
    }

    /// What the loans that coins are pledged to are owed, of what counts.
    fn owed_on(&self, pledge: &Pledge, step: Step, own: &OwnLanes<'_>, owed: &mut Lane, still: Still) {
        owed.fill(0.0);
        for facility in pledge.facilities.iter().map(|index| &self.debt.facilities[*index]) {
            let balance = facility.balance(step.index, own);
            let goes_on = facility.rollover.is_some();
            for i in 0..PATHS {
                let due = own[facility.due][i];
                let counts = match still {
                    Still::Owed => due,
                    Still::NotDue if goes_on => due,
                    Still::NotDue | Still::NotDueAtAll => 0.0,
                };
                owed[i] += balance.on(i) + counts;
            }
        }
    }
}

vectorised! {
    /// Nothing is needed where something was borrowed again.
    fn leave_granted(raised: &Lane, need: &mut Lane) {
        for i in 0..PATHS {
            need[i] = if raised[i] > 0.0 { 0.0 } else { need[i] };
        }
    }

    /// Where all that was needed has been raised nothing is short, and nothing is left of cash.
    fn cover(before: &Lane, due: &Lane, need: &Lane, cash: &mut Lane, short: &mut Lane) {
        for i in 0..PATHS {
            let covered = (before[i] > 0.0) & (need[i] <= ROUNDING * due[i]);
            cash[i] = if covered { 0.0 } else { cash[i] };
            short[i] = if covered { 0.0 } else { short[i] };
        }
    }

    fn sell_free(mark: &Lane, owed: &Lane, units: &mut Lane, cash: &mut Lane, need: &mut Lane) {
        for i in 0..PATHS {
            let is_free = (owed[i] <= 0.0) & (mark[i] > 0.0);
            sell_on(mark[i], is_free, &mut units[i], &mut cash[i], &mut need[i]);
        }
    }

    fn add_free(mark: &Lane, owed: &Lane, units: &Lane, value: &mut Lane) {
        for i in 0..PATHS {
            let worth = units[i] * mark[i];
            let is_free = (owed[i] <= 0.0) & (mark[i] > 0.0);
            value[i] += if is_free { worth } else { 0.0 };
        }
    }

    /// Leaves no value where it does not cover all that is short.
    fn refuse(short: &Lane, value: &mut Lane) {
        for i in 0..PATHS {
            value[i] = if value[i] >= short[i] { value[i] } else { 0.0 };
        }
    }

    fn sell_against(mark: &Lane, terms: [&mut Lane; 2], units: &mut Lane, cash: &mut Lane, need: &mut Lane) {
        let [owed, value] = terms;
        for i in 0..PATHS {
            let is_free = (owed[i] <= 0.0) & (mark[i] > 0.0) & (value[i] > 0.0);
            sell_on(mark[i], is_free, &mut units[i], &mut cash[i], &mut need[i]);
        }
    }
}
