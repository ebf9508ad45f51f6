//! From default to the last recovery: claims, sales of collateral, proceeds in order of seniority.

use super::Disposal;
use super::metrics::Metric;
use super::month::{Holding, Stepper, each_flagged, standing};
use crate::credit::obligor::{Cause, ObligorBlock};
use crate::credit::schedule::{ROUNDING, SAME_DATE};
use crate::market::OwnLanes;
use crate::numeric::{Lane, PATHS, Step};
use crate::vectorised;

/// What secures the debt: fleets, miners and coins, and how they would be sold.
pub(super) struct Collateral {
    pub(super) holdings: Vec<Holding>,
    disposal: Disposal,
    /// Length of the first step, which sets the pace of a sale at time zero.
    first_step: f64,
}

impl Collateral {
    pub(super) fn new(holdings: Vec<Holding>, disposal: Disposal, first_step: f64) -> Collateral {
        Collateral { holdings, disposal, first_step }
    }

    /// Months over which all units are sold. Sales are made once a step: a shorter plan still takes one.
    fn months(&self, step: Step) -> f64 {
        let length = if step.index == 0 { self.first_step } else { step.length };
        12.0 * self.disposal.over.max(length)
    }

    /// What selling everything at the planned pace would bring on one path, if nobody else sold.
    pub(super) fn executable(&self, block: &ObligorBlock<'_>, path: usize) -> f64 {
        self.holdings.iter().map(|holding| self.executable_value(block, path, holding)).sum()
    }

    fn executable_value(&self, block: &ObligorBlock<'_>, path: usize, holding: &Holding) -> f64 {
        let units = block.own[holding.units][path];
        units * block.liquidation.executable_price(holding.asset, path, units / self.months(block.step))
    }

    /// The collateral of one path at marks.
    pub(super) fn marked(&self, block: &ObligorBlock<'_>, path: usize) -> f64 {
        let value = |holding: &Holding| block.own[holding.units][path] * block.liquidation.mark(holding.asset)[path];
        self.holdings.iter().map(value).sum()
    }

    /// Units up for sale in a step in which sales are made.
    fn offered(&self, holding: &Holding, length: f64, own: &OwnLanes<'_>, path: usize) -> f64 {
        let units = own[holding.units][path];
        if self.disposal.over <= length {
            return units;
        }
        let part = holding.initial * (length / self.disposal.over);
        // The last sale takes what rounding would leave over.
        if units - part > SAME_DATE * holding.initial { part } else { units }
    }

    fn is_sold(&self, own: &OwnLanes<'_>, path: usize) -> bool {
        self.holdings.iter().all(|holding| own[holding.units][path] <= 0.0)
    }
}

impl Stepper {
    /// All facilities fall due; arrears become the whole claim.
    pub(super) fn accelerate(&self, block: &mut ObligorBlock<'_>, path: usize, cause: Cause) {
        let discount = block.discount[path];
        let outstanding = self.debt.outstanding(block.step.index, &block.own, path);
        for (index, (facility, outstanding)) in self.debt.facilities.iter().zip(outstanding).enumerate() {
            let claim = outstanding + block.own[facility.arrears][path];
            block.own[facility.arrears][path] = claim;
            block.outcome.exposure[index][path] = claim;
            block.outcome.loss[index][path] = discount * claim;
        }
        block.outcome.default_step[path] = block.step.index as f64;
        block.outcome.cause[path] = cause;
        block.outcome.discount[path] = discount;
        block.own[self.standing][path] = standing::LIQUIDATING;
        self.offer(block, path);
    }

    /// Puts up for sale what is planned for this date; on the last date values the rest.
    pub(super) fn offer(&self, block: &mut ObligorBlock<'_>, path: usize) {
        let is_selling = self.is_selling(block, path);
        let is_last = block.step.index + 1 == self.times.len();
        let mut proceeds = 0.0;
        for holding in &self.collateral.holdings {
            let units = block.own[holding.units][path];
            let offered =
                if is_selling { self.collateral.offered(holding, block.step.length, &block.own, path) } else { 0.0 };
            if is_last && units > offered {
                // Valued at the pace of the whole plan, though only a part is left.
                let pace = holding.initial / self.collateral.months(block.step);
                let price = block.liquidation.executable_price(holding.asset, path, pace);
                proceeds += (units - offered) * price;
                block.own[holding.units][path] = offered;
            }
            if offered > 0.0 {
                block.liquidation.sell(holding.asset, path, offered);
            }
        }
        if proceeds > 0.0 {
            self.receive(block, path, proceeds);
        }
        if self.collateral.is_sold(&block.own, path) {
            block.own[self.standing][path] = standing::CLOSED;
        }
    }

    fn is_selling(&self, block: &ObligorBlock<'_>, path: usize) -> bool {
        // A step of default is a whole number within the grid.
        let defaulted = self.times[block.outcome.default_step[path] as usize];
        block.step.end >= defaulted + self.collateral.disposal.delay - SAME_DATE
    }

    /// Takes in the proceeds of this date's sales.
    pub(super) fn settle_sales(&self, block: &mut ObligorBlock<'_>) {
        let mut liquidating = Lane::ZERO;
        if flag_liquidating(&block.own[self.standing], &mut liquidating) == 0 {
            return;
        }
        each_flagged(&liquidating, |path| {
            if !self.is_selling(block, path) {
                return;
            }
            let mut proceeds = 0.0;
            for holding in &self.collateral.holdings {
                let sold = self.collateral.offered(holding, block.step.length, &block.own, path);
                proceeds += sold * block.liquidation.net_price(holding.asset)[path];
                block.own[holding.units][path] -= sold;
            }
            self.receive(block, path, proceeds);
            // A lender that has been paid returns what is unsold.
            let is_paid = self.debt.facilities.iter().all(|facility| block.own[facility.arrears][path] <= 0.0);
            if is_paid || self.collateral.is_sold(&block.own, path) {
                block.own[self.standing][path] = standing::CLOSED;
            }
        });
    }

    /// Pays claims in order of seniority, then open bills, then the owners.
    fn receive(&self, block: &mut ObligorBlock<'_>, path: usize, proceeds: f64) {
        let discount = block.discount[path];
        let mut left = proceeds;
        for (index, facility) in self.debt.facilities.iter().enumerate() {
            let claim = &mut block.own[facility.arrears][path];
            let recovery = claim.min(left);
            *claim -= recovery;
            left -= recovery;
            let loss = &mut block.outcome.loss[index][path];
            *loss -= discount * recovery;
            // A claim paid in full at the discount of its default is no loss, not 1e-10 of one.
            if loss.abs() <= ROUNDING * block.outcome.exposure[index][path] {
                *loss = 0.0;
            }
        }
        self.metrics.add(&mut block.own, Metric::Proceeds, path, proceeds);
        self.metrics.add(&mut block.own, Metric::ClaimsPaid, path, proceeds - left);
        let bills = (-block.own[self.cash][path]).clamp(0.0, left.max(0.0));
        block.own[self.cash][path] += bills;
        self.metrics.add(&mut block.own, Metric::ResidualToOwners, path, left - bills);
    }
}

vectorised! {
    /// Marks the paths on which collateral is being sold, and counts them.
    fn flag_liquidating(standing: &Lane, liquidating: &mut Lane) -> u64 {
        let mut count = 0;
        for i in 0..PATHS {
            let is_liquidating = standing::is_liquidating(standing[i]);
            liquidating[i] = if is_liquidating { 1.0 } else { 0.0 };
            count += u64::from(is_liquidating);
        }
        count
    }
}
