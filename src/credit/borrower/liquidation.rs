//! From default to the last recovery: sales of collateral, proceeds by rank.

use super::Disposal;
use super::claims::Liens;
use super::coins::Holding;
use super::month::Stepper;
use super::paths::{Few, Paths, each};
use super::payment::NOTHING;
use super::standing::{self, Count};
use crate::credit::liquidation::{AssetLane, LiquidationView};
use crate::credit::obligor::ObligorBlock;
use crate::credit::schedule::SAME_DATE;
use crate::market::{OwnLane, OwnLanes};
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

    /// What selling everything at the planned pace would bring, if no other borrower sold.
    pub(super) fn executable(
        &self,
        own: &OwnLanes<'_>,
        liquidation: &LiquidationView<'_>,
        step: Step,
        lanes: [&mut Lane; 3],
    ) {
        self.worth(self.holdings.iter(), own, liquidation, step, lanes);
    }

    /// What these holdings would bring if everything were sold at the planned pace.
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
            pace.fill(0.0);
            for sold in self.of_class(holding.asset) {
                add_pace(&own[sold.units], months, pace);
            }
            liquidation.executable_prices(holding.asset, pace, price);
            liquidation.hurry(holding.asset, holding.patience, price);
            add_value(&own[holding.units], price, value);
        }
    }

    /// What [`Collateral::executable`] gives, on one path.
    pub(super) fn executable_on(
        &self,
        path: usize,
        own: &OwnLanes<'_>,
        liquidation: &LiquidationView<'_>,
        step: Step,
    ) -> f64 {
        let months = self.months(step);
        let worth = |holding: &Holding| {
            let pace = self.of_class(holding.asset).fold(0.0, |pace, sold| pace + own[sold.units][path] / months);
            let price = liquidation.executable_price(holding.asset, path, pace);
            own[holding.units][path] * liquidation.hurried(holding.asset, holding.patience, price)
        };
        self.holdings.iter().fold(0.0, |value, holding| value + worth(holding))
    }

    /// All that is sold into the same market: it depresses one price.
    fn of_class(&self, asset: AssetLane) -> impl Iterator<Item = &Holding> {
        self.holdings.iter().filter(move |holding| holding.asset == asset)
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

    /// The part of the units of a holding that is sold in one step; infinite for all of them at once.
    fn part(&self, step: Step) -> f64 {
        if self.disposal.over <= step.length { f64::INFINITY } else { step.length / self.disposal.over }
    }

    /// Units of a holding up for sale on the paths in liquidation that `stood` as performing, and of those behind a loan with a margin
    /// clause what its lender sells anywhere; counts the paths.
    fn offered(
        &self,
        paths: Paths<'_>,
        holding: &Holding,
        [standing, sale_from]: [OwnLane; 2],
        step: Step,
        own: &mut OwnLanes<'_>,
        [stood, offered]: [&mut Lane; 2],
    ) -> u64 {
        let terms = [step.end + SAME_DATE, holding.initial, self.part(step)];
        let sellers = if let Some(moved) = holding.moved {
            let [standing, sale_from, units, moved] = own.many([standing, sale_from, holding.units, moved]);
            offer(paths, terms, [stood, standing, sale_from], moved, units, offered)
        } else {
            let [standing, sale_from, units] = own.many([standing, sale_from, holding.units]);
            offer(paths, terms, [stood, standing, sale_from], &NOTHING, units, offered)
        };
        let Some(called) = &holding.called else { return sellers };
        let [standing, units, part, queued] = own.many([standing, holding.units, called.sale.part, called.queued]);
        sellers + seize([standing, units], part, queued, offered)
    }

    /// The price that the seller of a holding gets on each path.
    fn price(
        &self,
        holding: &Holding,
        own: &OwnLanes<'_>,
        liquidation: &LiquidationView<'_>,
        [price, now]: [&mut Lane; 2],
    ) {
        price.clone_from(liquidation.net_price(holding.asset));
        liquidation.hurry(holding.asset, holding.patience, price);
        if let Some(called) = &holding.called {
            now.clone_from(liquidation.net_price(holding.asset));
            liquidation.hurry(holding.asset, called.patience, now);
            price_at_once(&own[called.sale.part], now, price);
        }
    }
}

impl Stepper {
    /// The paths in liquidation, where they are few and nobody looks at the others.
    fn few_liquidating(&self, own: &OwnLanes<'_>) -> Option<Few> {
        let needs_lanes = self.makes_every_pass | self.metrics.any | self.collateral.liens.is_some();
        let count = self.tally.count(own, Count::Liquidating);
        if needs_lanes { None } else { Few::liquidating(&own[self.standing], count) }
    }

    /// Puts up for sale what is planned for this date, on paths that `stood` as performing when that was noted; on the last date values the
    /// rest.
    pub(super) fn offer(&self, block: &mut ObligorBlock<'_>, stood: Option<OwnLane>) {
        let step = block.step;
        let [proceeds, offered, pace, unsold, price, before, stood_then, _] = &mut *block.scratch;
        let own = &mut block.own;
        let is_last = step.index == self.steps;
        let few = self.few_liquidating(own);
        let paths = Few::or_all(few.as_ref());
        paths.fill(proceeds, 0.0);
        paths.fill(unsold, 0.0);
        offered.fill(0.0);
        // All of them, but for those who had defaulted before marks moved within the step.
        paths.copy(stood.map_or(&NOTHING, |stood| &own[stood]), stood_then);
        self.collateral.clear_proceeds(own);
        for (position, holding) in self.collateral.holdings.iter().enumerate() {
            let lanes = [self.standing, self.sale_from];
            let sellers = self.collateral.offered(paths, holding, lanes, step, own, [stood_then, offered]);
            if is_last {
                // Valued at the pace of the whole plan, though only a part is left.
                let planned: f64 = self.collateral.of_class(holding.asset).map(|sold| sold.initial).sum();
                pace.fill(planned / self.collateral.months(step));
                block.liquidation.executable_prices(holding.asset, pace, price);
                block.liquidation.hurry(holding.asset, holding.patience, price);
                self.collateral.note_proceeds(proceeds, before);
                let [standing, units] = own.many([self.standing, holding.units]);
                value_rest(paths, [stood_then, standing], offered, price, units, proceeds);
            }
            if let Some(called) = &holding.called {
                leave_queued(offered, &mut own[called.queued]);
            }
            if sellers > 0 {
                block.liquidation.offer(holding.asset, offered);
            }
            add(paths, &own[holding.units], unsold);
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
        let [proceeds, offered, price, before, now, stood, ..] = &mut *block.scratch;
        let own = &mut block.own;
        let mut sellers = 0;
        let few = self.few_liquidating(own);
        let paths = Few::or_all(few.as_ref());
        paths.fill(proceeds, 0.0);
        offered.fill(0.0);
        paths.fill(stood, 0.0);
        self.collateral.clear_proceeds(own);
        for (position, holding) in self.collateral.holdings.iter().enumerate() {
            if let Some(called) = &holding.called {
                offered.clone_from(&own[called.queued]);
                sellers += 1;
                self.collateral.price(holding, own, &block.liquidation, [price, now]);
                self.collateral.note_proceeds(proceeds, before);
                let [standing, units, received] = own.many([self.standing, holding.units, called.sale.proceeds]);
                take_apart([standing, offered, price], units, received, proceeds);
                self.collateral.keep_apart(position, before, proceeds, own);
                continue;
            }
            let lanes = [self.standing, self.sale_from];
            let selling = self.collateral.offered(paths, holding, lanes, step, own, [stood, offered]);
            if selling == 0 {
                continue;
            }
            sellers += selling;
            self.collateral.note_proceeds(proceeds, before);
            if holding.patience < 1.0 {
                self.collateral.price(holding, own, &block.liquidation, [price, now]);
                take(paths, offered, price, &mut own[holding.units], proceeds);
            } else {
                take(paths, offered, block.liquidation.net_price(holding.asset), &mut own[holding.units], proceeds);
            }
            self.collateral.keep_apart(position, before, proceeds, own);
        }
        if sellers == 0 {
            return;
        }
        self.receive(paths, block);
        if self.tally.any(&block.own, Count::Called) {
            self.settle_calls(block);
        }
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
    fn offer(
        paths: Paths<'_>, terms: [f64; 3], state: [&Lane; 3], moved: &Lane, units: &Lane, offered: &mut Lane
    ) -> u64 {
        let [now, initial, share] = terms;
        let [stood, standing, sale_from] = state;
        let mut sellers = 0;
        each!(i in paths, {
            let whole = initial + moved[i];
            // The last sale takes what rounding would leave over.
            let part = whole * share;
            let is_more = (part > 0.0) & (units[i] - part > SAME_DATE * whole);
            let amount = if is_more { part } else { units[i] };
            let is_open = standing::is_liquidating(standing[i]) & standing::is_performing(stood[i]);
            let is_selling = is_open & (now >= sale_from[i]);
            offered[i] = if is_selling { amount } else { 0.0 };
            sellers += u64::from(is_selling);
        });
        sellers
    }

    /// Where the lender sells a part of the units, it offers that at least, and what is up for sale already; counts those paths.
    fn seize(state: [&Lane; 2], part: &Lane, queued: &Lane, offered: &mut Lane) -> u64 {
        let [standing, units] = state;
        let mut sellers = 0;
        for i in 0..PATHS {
            let is_open = standing[i] < standing::CLOSED;
            let seized = if is_open { part[i] * units[i] } else { 0.0 };
            let more = if seized > offered[i] { seized } else { offered[i] };
            offered[i] = if queued[i] > more { queued[i] } else { more };
            sellers += u64::from(is_open & (part[i] > 0.0));
        }
        sellers
    }

    /// What is offered becomes what is offered beside what was up for sale; that is then all of it.
    fn leave_queued(offered: &mut Lane, queued: &mut Lane) {
        for i in 0..PATHS {
            let all = offered[i];
            offered[i] = all - queued[i];
            queued[i] = all;
        }
    }

    /// A lender with a margin clause sells at once.
    fn price_at_once(part: &Lane, now: &Lane, price: &mut Lane) {
        for i in 0..PATHS {
            price[i] = if part[i] > 0.0 { now[i] } else { price[i] };
        }
    }

    fn add_pace(units: &Lane, months: f64, pace: &mut Lane) {
        for i in 0..PATHS {
            pace[i] += units[i] / months;
        }
    }

    /// On paths in liquidation counts what is not offered at the price; only what is offered is left.
    fn value_rest(
        paths: Paths<'_>, state: [&Lane; 2], offered: &Lane, price: &Lane, units: &mut Lane, value: &mut Lane
    ) {
        let [stood, standing] = state;
        each!(i in paths, {
            let rest = (units[i] - offered[i]) * price[i];
            let is_open = standing::is_liquidating(standing[i]) & standing::is_performing(stood[i]);
            let is_valued = is_open & (units[i] > offered[i]);
            value[i] += if is_valued { rest } else { 0.0 };
            units[i] = if is_valued { offered[i] } else { units[i] };
        });
    }

    /// Proceeds of a loan that goes on are its lender's alone.
    fn take_apart(read: [&Lane; 3], units: &mut Lane, received: &mut Lane, proceeds: &mut Lane) {
        let [standing, offered, price] = read;
        for i in 0..PATHS {
            let amount = offered[i] * price[i];
            let goes_on = standing::is_performing(standing[i]);
            received[i] += if goes_on { amount } else { 0.0 };
            proceeds[i] += if goes_on { 0.0 } else { amount };
            let left = units[i] - offered[i];
            units[i] = if left > 0.0 { left } else { 0.0 };
        }
    }

    fn take(paths: Paths<'_>, offered: &Lane, price: &Lane, units: &mut Lane, proceeds: &mut Lane) {
        each!(i in paths, {
            proceeds[i] += offered[i] * price[i];
            units[i] -= offered[i];
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
