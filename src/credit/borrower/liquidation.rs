//! From default to the last recovery: sales of collateral, proceeds by rank.

use super::Disposal;
use super::claims::Liens;
use super::coins::Holding;
use super::metrics::Metric;
use super::month::Stepper;
use super::paths::{Few, Paths, each};
use super::payment::share;
use super::standing::{self, Count};
use crate::credit::liquidation::LiquidationView;
use crate::credit::obligor::ObligorBlock;
use crate::credit::schedule::{ROUNDING, SAME_DATE};
use crate::market::OwnLanes;
use crate::numeric::{Lane, PATHS, Step};
use crate::vectorised;

/// What secures the debt: fleets, miners and coins, and how they would be sold.
pub(super) struct Collateral {
    pub(super) holdings: Vec<Holding>,
    /// Who has a lien on which, if some facility says so; else all have one on everything.
    pub(super) liens: Option<Liens>,
    pub(super) disposal: Disposal,
    /// Length of the first step, which sets the pace of a sale at time zero.
    first_step: f64,
}

impl Collateral {
    pub(super) fn new(holdings: Vec<Holding>, liens: Option<Liens>, disposal: Disposal, first_step: f64) -> Collateral {
        Collateral { holdings, liens, disposal, first_step }
    }

    /// Months over which all units are sold. Sales are made once a step: a shorter plan still takes one.
    fn months(&self, step: Step) -> f64 {
        let length = if step.index == 0 { self.first_step } else { step.length };
        12.0 * self.disposal.over.max(length)
    }

    /// What selling everything at the planned pace would bring, if nobody else sold.
    pub(super) fn executable(
        &self,
        own: &OwnLanes<'_>,
        liquidation: &LiquidationView<'_>,
        step: Step,
        lanes: [&mut Lane; 3],
    ) {
        self.worth(self.holdings.iter(), own, liquidation, step, lanes);
    }

    pub(super) fn worth<'a>(
        &self,
        holdings: impl Iterator<Item = &'a Holding>,
        own: &OwnLanes<'_>,
        liquidation: &LiquidationView<'_>,
        step: Step,
        [value, pace, price]: [&mut Lane; 3],
    ) {
        let months = self.months(step);
        value.fill(0.0);
        for holding in holdings {
            let units = &own[holding.units];
            for i in 0..PATHS {
                pace[i] = units[i] / months;
            }
            liquidation.executable_prices(holding.asset, pace, price);
            liquidation.hurry(holding.asset, holding.patience, price);
            add_value(units, price, value);
        }
    }

    /// The collateral at marks.
    pub(super) fn marked(&self, own: &OwnLanes<'_>, liquidation: &LiquidationView<'_>, value: &mut Lane) {
        value.fill(0.0);
        for holding in &self.holdings {
            add_value(&own[holding.units], liquidation.mark(holding.asset), value);
        }
    }

    /// Before the proceeds of a date are counted.
    fn clear_proceeds(&self, own: &mut OwnLanes<'_>) {
        if let Some(liens) = &self.liens {
            liens.clear(own);
        }
    }

    /// Remembers the proceeds so far, where they are told apart.
    fn note_proceeds(&self, proceeds: &Lane, before: &mut Lane) {
        if self.liens.is_some() {
            before.clone_from(proceeds);
        }
    }

    /// Proceeds since `before`, which are those of one holding, go to the facilities with a lien on it.
    fn keep_apart(&self, holding: usize, before: &Lane, proceeds: &Lane, own: &mut OwnLanes<'_>) {
        if let Some(liens) = &self.liens {
            add_difference(proceeds, before, &mut own[liens.proceeds(holding)]);
        }
    }

    /// The units of one holding that make one part of its sale in this step; infinite for all of them.
    fn part(&self, holding: &Holding, step: Step) -> f64 {
        if self.disposal.over <= step.length {
            return f64::INFINITY;
        }
        holding.initial * (step.length / self.disposal.over)
    }
}

impl Stepper {
    /// The paths in liquidation, where they are few and nobody looks at the others.
    fn few_liquidating(&self, own: &OwnLanes<'_>) -> Option<Few> {
        let needs_lanes = self.makes_every_pass | self.metrics.any | self.collateral.liens.is_some();
        let count = self.tally.count(own, Count::Liquidating);
        if needs_lanes { None } else { Few::liquidating(&own[self.standing], count) }
    }

    /// Puts up for sale what is planned for this date; on the last date values the rest.
    pub(super) fn offer(&self, block: &mut ObligorBlock<'_>) {
        let step = block.step;
        let [proceeds, offered, pace, unsold, price, before, ..] = &mut *block.scratch;
        let own = &mut block.own;
        let is_last = step.index == self.steps;
        let few = self.few_liquidating(own);
        let paths = Few::or_all(few.as_ref());
        paths.fill(proceeds, 0.0);
        paths.fill(unsold, 0.0);
        offered.fill(0.0);
        self.collateral.clear_proceeds(own);
        for (position, holding) in self.collateral.holdings.iter().enumerate() {
            let terms = [step.end + SAME_DATE, self.collateral.part(holding, step), SAME_DATE * holding.initial];
            let [standing, sale_from, units] = own.many([self.standing, self.sale_from, holding.units]);
            let sellers = offer(paths, terms, standing, sale_from, units, offered);
            if is_last {
                // Valued at the pace of the whole plan, though only a part is left.
                pace.fill(holding.initial / self.collateral.months(step));
                block.liquidation.executable_prices(holding.asset, pace, price);
                block.liquidation.hurry(holding.asset, holding.patience, price);
                self.collateral.note_proceeds(proceeds, before);
                value_rest(paths, standing, offered, price, units, proceeds);
            }
            if sellers > 0 {
                block.liquidation.offer(holding.asset, offered);
            }
            add(paths, units, unsold);
            if is_last {
                self.collateral.keep_apart(position, before, proceeds, own);
            }
        }
        if is_last {
            self.receive(paths, block);
        }
        let [_, _, claims, unsold, ..] = &mut *block.scratch;
        paths.fill(claims, f64::INFINITY);
        let closed = close(paths, unsold, claims, &mut block.own[self.standing]);
        self.tally.close(&mut block.own, closed);
    }

    /// Takes in the proceeds of this date's sales.
    pub(super) fn settle_sales(&self, block: &mut ObligorBlock<'_>) {
        let step = block.step;
        let [proceeds, offered, price, before, ..] = &mut *block.scratch;
        let own = &mut block.own;
        let mut sellers = 0;
        let few = self.few_liquidating(own);
        let paths = Few::or_all(few.as_ref());
        paths.fill(proceeds, 0.0);
        offered.fill(0.0);
        self.collateral.clear_proceeds(own);
        for (position, holding) in self.collateral.holdings.iter().enumerate() {
            let terms = [step.end + SAME_DATE, self.collateral.part(holding, step), SAME_DATE * holding.initial];
            let [standing, sale_from, units] = own.many([self.standing, self.sale_from, holding.units]);
            sellers += offer(paths, terms, standing, sale_from, units, offered);
            **price = **block.liquidation.net_price(holding.asset);
            block.liquidation.hurry(holding.asset, holding.patience, price);
            self.collateral.note_proceeds(proceeds, before);
            take(paths, offered, price, units, proceeds);
            self.collateral.keep_apart(position, before, proceeds, own);
        }
        if sellers == 0 {
            return;
        }
        self.receive(paths, block);
        self.close_paid(paths, block);
    }

    /// A lender that has been paid returns what is unsold, and one that has sold everything goes.
    pub(super) fn close_paid(&self, paths: Paths<'_>, block: &mut ObligorBlock<'_>) {
        let [unsold, claims, ..] = &mut *block.scratch;
        paths.fill(unsold, 0.0);
        for holding in &self.collateral.holdings {
            add(paths, &block.own[holding.units], unsold);
        }
        paths.fill(claims, 0.0);
        for facility in &self.debt.facilities {
            add(paths, &block.own[facility.arrears], claims);
        }
        let closed = close(paths, unsold, claims, &mut block.own[self.standing]);
        self.tally.close(&mut block.own, closed);
    }

    /// Pays claims by their liens, then open bills, then preferred and common owners, from the proceeds in the first scratch
    /// lane.
    pub(super) fn receive(&self, paths: Paths<'_>, block: &mut ObligorBlock<'_>) {
        match &self.collateral.liens {
            Some(liens) => self.pay_liens(liens, block),
            None => self.pay_ranks(paths, block),
        }
        let [proceeds, left, _, _, _, _, paid, ..] = &mut *block.scratch;
        let own = &mut block.own;
        self.metrics.add(own, Metric::Proceeds, proceeds);
        if self.metrics.wants(Metric::ClaimsPaid) {
            for i in 0..PATHS {
                paid[i] = proceeds[i] - left[i];
            }
            self.metrics.add(own, Metric::ClaimsPaid, paid);
        }
        pay_bills(paths, &mut own[self.cash], left);
        if let Some((preference, received)) = self.preferred {
            pay_preferred(paths, preference, &mut own[received], left, paid);
            self.metrics.add(own, Metric::PreferredPaid, paid);
        }
        self.metrics.add(own, Metric::ResidualToOwners, left);
    }

    /// Pays all claims by rank; what is left of the proceeds in the first scratch lane stays in the second.
    fn pay_ranks(&self, paths: Paths<'_>, block: &mut ObligorBlock<'_>) {
        let [proceeds, left, _, _, asked, part, recovered, ..] = &mut *block.scratch;
        let (own, outcome) = (&mut block.own, &mut block.outcome);
        let mut due = Due { discount: block.discount, exposure: &*outcome.exposure, loss: &mut *outcome.loss };
        paths.copy(proceeds, left);
        for rank in &self.debt.ranks {
            self.pay_rank(paths, rank, own, left, [asked, part, recovered], &mut due);
        }
    }

    /// Pays the claims of one rank from what is left, pro rata.
    pub(super) fn pay_rank(
        &self,
        paths: Paths<'_>,
        rank: &[usize],
        own: &mut OwnLanes<'_>,
        left: &mut Lane,
        [asked, part, recovered]: [&mut Lane; 3],
        due: &mut Due<'_>,
    ) {
        let is_alone = rank.len() == 1;
        if !is_alone {
            paths.fill(asked, 0.0);
            for index in rank {
                add(paths, &own[self.debt.facilities[*index].arrears], asked);
            }
            share(paths, asked, left, part);
        }
        for index in rank {
            let facility = &self.debt.facilities[*index];
            let claim = &mut own[facility.arrears];
            if is_alone {
                recover(paths, claim, left, recovered);
            } else {
                recover_part(paths, part, claim, recovered);
            }
            due.reduce(paths, *index, recovered);
            facility.metrics.show_recovery(own, recovered);
        }
    }
}

/// What lenders have lost, as long as it is not recovered.
pub(super) struct Due<'a> {
    pub(super) discount: &'a Lane,
    pub(super) exposure: &'a [Lane],
    pub(super) loss: &'a mut [Lane],
}

impl Due<'_> {
    /// A facility recovers so much.
    pub(super) fn reduce(&mut self, paths: Paths<'_>, facility: usize, recovered: &Lane) {
        reduce_loss(paths, self.discount, recovered, &self.exposure[facility], &mut self.loss[facility]);
    }
}

vectorised! {
    fn add(paths: Paths<'_>, amount: &Lane, sum: &mut Lane) {
        each!(i in paths, {
            sum[i] += amount[i];
        });
    }

    pub(super) fn add_value(units: &Lane, price: &Lane, value: &mut Lane) {
        for i in 0..PATHS {
            value[i] += units[i] * price[i];
        }
    }

    /// Units up for sale on paths in liquidation from the date of their first sale; counts those paths.
    fn offer(paths: Paths<'_>, terms: [f64; 3], standing: &Lane, sale_from: &Lane, units: &Lane, offered: &mut Lane) -> u64 {
        let [now, part, negligible] = terms;
        let mut sellers = 0;
        each!(i in paths, {
            // The last sale takes what rounding would leave over.
            let amount = if units[i] - part > negligible { part } else { units[i] };
            let is_selling = standing::is_liquidating(standing[i]) & (now >= sale_from[i]);
            offered[i] = if is_selling { amount } else { 0.0 };
            sellers += u64::from(is_selling);
        });
        sellers
    }

    /// On paths in liquidation counts what is not offered at the price; only what is offered is left.
    fn value_rest(paths: Paths<'_>, standing: &Lane, offered: &Lane, price: &Lane, units: &mut Lane, value: &mut Lane) {
        each!(i in paths, {
            let rest = (units[i] - offered[i]) * price[i];
            let is_valued = standing::is_liquidating(standing[i]) & (units[i] > offered[i]);
            value[i] += if is_valued { rest } else { 0.0 };
            units[i] = if is_valued { offered[i] } else { units[i] };
        });
    }

    fn take(paths: Paths<'_>, offered: &Lane, price: &Lane, units: &mut Lane, proceeds: &mut Lane) {
        each!(i in paths, {
            proceeds[i] += offered[i] * price[i];
            units[i] -= offered[i];
        });
    }

    fn recover(paths: Paths<'_>, claim: &mut Lane, left: &mut Lane, recovered: &mut Lane) {
        each!(i in paths, {
            let (all, rest) = (claim[i], left[i]);
            recovered[i] = if all < rest { all } else { rest };
            claim[i] = all - recovered[i];
            left[i] = rest - recovered[i];
        });
    }

    fn recover_part(paths: Paths<'_>, part: &Lane, claim: &mut Lane, recovered: &mut Lane) {
        each!(i in paths, {
            recovered[i] = claim[i] * part[i];
            claim[i] -= recovered[i];
        });
    }

    fn reduce_loss(paths: Paths<'_>, discount: &Lane, recovered: &Lane, exposure: &Lane, loss: &mut Lane) {
        each!(i in paths, {
            let rest = loss[i] - discount[i] * recovered[i];
            // A claim paid in full at the discount of its default is no loss, not 1e-10 of one.
            loss[i] = if rest.abs() <= ROUNDING * exposure[i] { 0.0 } else { rest };
        });
    }

    /// Bills that operations could not pay are paid from what claims have left.
    fn pay_bills(paths: Paths<'_>, cash: &mut Lane, left: &mut Lane) {
        each!(i in paths, {
            let open = if cash[i] < 0.0 { -cash[i] } else { 0.0 };
            let paid = if open < left[i] { open } else { left[i] };
            cash[i] += paid;
            left[i] -= paid;
        });
    }

    /// Preferred owners get up to their preference, in all.
    fn pay_preferred(paths: Paths<'_>, preference: f64, received: &mut Lane, left: &mut Lane, paid: &mut Lane) {
        each!(i in paths, {
            let owed = preference - received[i];
            let owed = if owed > 0.0 { owed } else { 0.0 };
            paid[i] = if owed < left[i] { owed } else { left[i] };
            received[i] += paid[i];
            left[i] -= paid[i];
        });
    }

    fn add_difference(now: &Lane, before: &Lane, sum: &mut Lane) {
        for i in 0..PATHS {
            sum[i] += now[i] - before[i];
        }
    }

    /// Closes the paths in liquidation on which nothing is left to sell or to claim; counts them.
    fn close(paths: Paths<'_>, unsold: &Lane, claims: &Lane, standing: &mut Lane) -> u64 {
        let mut closed = 0;
        each!(i in paths, {
            let is_over = standing::is_liquidating(standing[i]) & ((unsold[i] <= 0.0) | (claims[i] <= 0.0));
            standing[i] = if is_over { standing::CLOSED } else { standing[i] };
            closed += u64::from(is_over);
        });
        closed
    }
}
