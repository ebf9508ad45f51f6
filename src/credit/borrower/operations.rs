//! What a borrower earns and spends in a step, before any debt.

use super::Borrower;
use super::hiring::Hiring;
use super::letting::{Letting, Sight, Spare};
use crate::credit::fleet::HOURS;
use crate::credit::miners::DAYS;
use crate::credit::obligor::ObligorPlan;
use crate::credit::schedule::step_of;
use crate::credit::{Fleet, Hired};
use crate::market::{OwnLanes, ReadLane, ReadLanes};
use crate::numeric::{Lane, PATHS, Step, TimeGrid, kernel};
use crate::sample::{Stream, StreamKey};
use crate::{Error, vectorised};

/// The operations of a borrower, with everything that is the same on every path added up beforehand. Vectors are by
/// step; `[0]` belongs to time zero and is zero.
pub(super) struct Operations {
    /// Contracted revenue, and spot revenue at constant rent and utilisation, in USD.
    pub(super) revenue: Vec<f64>,
    /// Costs at constant prices, in USD.
    pub(super) cost: Vec<f64>,
    pub(super) spot: Vec<Spot>,
    pub(super) power: Vec<Power>,
    pub(super) mining: Vec<Mining>,
    hirings: Vec<Hiring>,
    /// Fleets of which it differs from path to path what is let.
    lettings: Vec<Letting>,
    /// Prepayments received, in USD.
    pub(super) receipts: Vec<f64>,
    receives: bool,
    /// Annualised standard deviation of the log of the borrower's own revenue factor.
    volatility: f64,
}

/// Revenue of units that are let at a rent or a utilisation that moves.
pub(super) struct Spot {
    /// USD at a rent and utilisation of one (or at the constant one of the two).
    pub(super) amount: Vec<f64>,
    pub(super) rent: Option<ReadLane>,
    pub(super) utilisation: Option<ReadLane>,
}

/// Power at a price that moves.
pub(super) struct Power {
    pub(super) kwh: Vec<f64>,
    pub(super) price: ReadLane,
}

/// Machines that run while they pay their power.
pub(super) struct Mining {
    /// USD at a hashprice of one, or at the constant one.
    pub(super) revenue: Vec<f64>,
    pub(super) hashprice: Option<ReadLane>,
    /// USD at a power price of one, or at the constant one.
    pub(super) power: Vec<f64>,
    pub(super) price: Option<ReadLane>,
}

/// The largest rent, hashprice or price of power that a description may give as a number.
const LARGEST_PRICE: f64 = 1e6;

/// A level that does not move.
pub(super) static ONE: Lane = Lane::splat(1.0);

/// `rate` a year on each step of the grid.
fn by_step(grid: &TimeGrid, rate: f64) -> Vec<f64> {
    std::iter::once(0.0).chain(grid.iter().map(|step| rate * step.length)).collect()
}

fn add(into: &mut [f64], from: &[f64]) {
    for (into, from) in into.iter_mut().zip(from) {
        *into += from;
    }
}

impl Operations {
    /// Plans fleets and miners that have been validated.
    pub(super) fn new(borrower: &Borrower, plan: &mut ObligorPlan<'_>) -> Result<Operations, Error> {
        let grid = plan.grid();
        let mut operations = Operations {
            revenue: vec![0.0; grid.steps() + 1],
            cost: by_step(grid, borrower.overhead_usd_per_year),
            spot: Vec::new(),
            power: Vec::new(),
            mining: Vec::new(),
            hirings: Vec::new(),
            lettings: Vec::new(),
            receipts: vec![0.0; grid.steps() + 1],
            receives: false,
            volatility: borrower.revenue_volatility,
        };
        for (index, fleet) in borrower.fleets.iter().enumerate() {
            operations
                .add_fleet(&borrower.name, fleet, plan)
                .map_err(|error| error.within(format!("fleets[{index}]")))?;
        }
        for (index, hired) in borrower.hired.iter().enumerate() {
            operations.add_hired(hired, plan).map_err(|error| error.within(format!("hired[{index}]")))?;
        }
        for (index, miners) in borrower.miners.iter().enumerate() {
            operations.add_miners(miners, plan).map_err(|error| error.within(format!("miners[{index}]")))?;
        }
        Ok(operations)
    }

    fn add_fleet(&mut self, obligor: &str, fleet: &Fleet, plan: &mut ObligorPlan<'_>) -> Result<(), Error> {
        let rent = fleet.rent.plan(plan, "rent", 0.0, LARGEST_PRICE)?;
        let utilisation = fleet.utilisation.plan(plan, "utilisation", 0.0, 1.0)?;
        let price = fleet.power_usd_per_kwh.plan(plan, "power_usd_per_kwh", 0.0, LARGEST_PRICE)?;
        for prepayment in fleet.contracts.iter().filter_map(|contract| contract.prepayment) {
            if let Some(step) = prepayment.received.and_then(|received| step_of(plan.grid(), received)) {
                self.receipts[step] += prepayment.usd;
                self.receives = true;
            }
        }
        if let Some(letting) = Letting::plan(obligor, fleet, [rent, utilisation, price], plan)? {
            let is_late = letting.is_late();
            self.lettings.push(letting);
            if is_late {
                return Ok(());
            }
        }
        let grid = plan.grid();
        let lettings: Vec<_> = grid.iter().map(|step| fleet.letting(step.start, step.end, step.length)).collect();
        let hours = by_step(grid, fleet.units * HOURS);
        let spot_share = fleet.rent_share * rent.constant * utilisation.constant;
        let mut spot = vec![0.0; hours.len()];
        for (letting, step) in lettings.iter().zip(1..) {
            self.revenue[step] += hours[step] * letting.contracted - letting.credit;
            spot[step] = hours[step] * letting.spot * spot_share;
        }
        if rent.series.is_none() && utilisation.series.is_none() {
            add(&mut self.revenue, &spot);
        } else if spot.iter().any(|amount| *amount > 0.0) {
            self.spot.push(Spot { amount: spot, rent: rent.series, utilisation: utilisation.series });
        }
        let by_step = |rate: f64| {
            let mut amounts = by_step(grid, rate);
            amounts.iter_mut().skip(1).zip(&lettings).for_each(|(amount, letting)| *amount *= letting.running);
            amounts
        };
        add(&mut self.cost, &by_step(fleet.units * HOURS * fleet.opex_usd_per_unit_hour));
        let power = by_step(fleet.units * HOURS * fleet.power_kw_per_unit * fleet.pue * price.constant);
        match price.series {
            None => add(&mut self.cost, &power),
            Some(series) => self.power.push(Power { kwh: power, price: series }),
        }
        Ok(())
    }

    fn add_hired(&mut self, hired: &Hired, plan: &ObligorPlan<'_>) -> Result<(), Error> {
        let price = hired.price.plan(plan, "price", 0.0, LARGEST_PRICE)?;
        let demand = hired.demand.plan(plan, "demand", 0.0, 1.0)?;
        let rent = hired.rent.plan(plan, "rent", 0.0, LARGEST_PRICE)?;
        let hours = by_step(plan.grid(), hired.units * HOURS);
        let revenue: Vec<f64> = hours.iter().map(|hours| hours * price.constant * demand.constant).collect();
        if price.series.is_none() && demand.series.is_none() {
            add(&mut self.revenue, &revenue);
        } else {
            self.spot.push(Spot { amount: revenue, rent: price.series, utilisation: demand.series });
        }
        let hours: Vec<f64> = hours.iter().map(|hours| hours * hired.rent_share).collect();
        self.hirings.extend(Hiring::plan(&hours, [demand, rent], hired.committed, &mut self.cost));
        Ok(())
    }

    fn add_miners(&mut self, miners: &crate::credit::Miners, plan: &ObligorPlan<'_>) -> Result<(), Error> {
        let grid = plan.grid();
        let hashprice = miners.hashprice.plan(plan, "hashprice", 0.0, LARGEST_PRICE)?;
        let price = miners.power_usd_per_kwh.plan(plan, "power_usd_per_kwh", 0.0, LARGEST_PRICE)?;
        // 1 EH/s is 1000 PH/s, and 1 EH/s at 1 J/TH draws 1000 kW.
        let rate = 1000.0 * miners.hashrate_eh_s;
        self.mining.push(Mining {
            revenue: by_step(grid, rate * DAYS * hashprice.constant),
            hashprice: hashprice.series,
            power: by_step(grid, rate * miners.efficiency_j_per_th * HOURS * price.constant),
            price: price.series,
        });
        add(&mut self.cost, &by_step(grid, miners.opex_usd_per_year));
        Ok(())
    }

    /// Revenue of every path in this step, in USD; and the operating cost, of which `cost` is filled only if it differs
    /// from path to path.
    pub(super) fn step<'a>(
        &self,
        date: Step,
        sight: Sight<'_>,
        stream: &mut Stream,
        revenue: &mut Lane,
        cost: &'a mut Lane,
        mut spare: Spare<'_>,
    ) -> Amount<'a> {
        let (Step { index: step, length, .. }, read) = (date, sight.read);
        let mut spots = self.spot.iter();
        match spots.next() {
            // One pass for the usual borrower, who has one fleet at spot.
            Some(first) => first.earn_first(self.revenue[step], step, read, revenue),
            None => revenue.fill(self.revenue[step]),
        }
        for spot in spots {
            spot.earn(step, read, revenue);
        }
        let is_known = self.power.is_empty() && self.mining.is_empty() && self.hirings.is_empty();
        let is_same = is_known && !self.lettings.iter().any(Letting::is_late);
        if !is_same {
            cost.fill(self.cost[step]);
            for power in &self.power {
                add_product(power.kwh[step], read.lane(power.price), cost);
            }
            for hiring in &self.hirings {
                hiring.pay(step, read, cost);
            }
            for mining in &self.mining {
                mining.run(step, read, revenue, cost);
            }
        }
        for letting in &self.lettings {
            letting.operate(date, sight, revenue, cost, &mut spare);
        }
        if self.volatility > 0.0 {
            let [shock, ..] = spare;
            stream.normals(shock);
            disturb(self.volatility * length.sqrt(), shock, revenue);
        }
        // Payments of fixed amount are not disturbed.
        if self.receives && self.receipts[step] > 0.0 {
            revenue.iter_mut().for_each(|revenue| *revenue += self.receipts[step]);
        }
        for letting in &self.lettings {
            letting.receive(date, sight, revenue);
        }
        if is_same { Amount::Same(self.cost[step]) } else { Amount::Each(cost) }
    }
}

impl Operations {
    /// Whether [`Operations::expect`] is needed.
    pub(super) fn may_differ(&self, sight: Sight<'_>, ends: &mut Lane) -> bool {
        self.lettings.iter().any(|letting| letting.may_differ(sight, ends))
    }

    /// Adds to the outlook of a day what a step to come brings that is not the same on every path; weights of what was agreed, of what
    /// moves with the market, and the share of revenue that is kept.
    pub(super) fn expect(
        &self,
        step: Step,
        weights: [f64; 3],
        sight: Sight<'_>,
        worth: &mut Lane,
        mut spare: Spare<'_>,
    ) {
        for letting in &self.lettings {
            letting.expect(step, weights, sight, worth, &mut spare);
        }
    }

    /// Where a fleet stands among those of which it differs from path to path what is let; and whether it is delivered at random.
    pub(super) fn letting_of(&self, fleet: &Fleet) -> Option<(usize, bool)> {
        let position = self.lettings.iter().position(|letting| letting.is_of(fleet))?;
        Some((position, self.lettings[position].is_late()))
    }

    /// Sets for how many years of a step a unit of such a fleet runs, is used under contracts, and may be let at spot.
    pub(super) fn occupy(&self, letting: usize, step: Step, sight: Sight<'_>, ends: &mut Lane, years: [&mut Lane; 3]) {
        self.lettings[letting].occupy(step, sight, ends, years);
    }

    /// Adds what is invoiced in a step to what has been, where that is not known beforehand.
    pub(super) fn invoice(&self, step: Step, read: ReadLanes<'_>, own: &mut OwnLanes<'_>, spare: &mut Lane) {
        for letting in &self.lettings {
            letting.invoice(step, read, own, spare);
        }
    }

    /// Sets what is drawn once a path.
    pub(super) fn start(&self, own: &mut OwnLanes<'_>, key: &StreamKey, first_path: u64) {
        for letting in &self.lettings {
            letting.start(own, key, first_path);
        }
    }
}

/// An amount by path, in USD.
#[derive(Clone, Copy)]
pub(super) enum Amount<'a> {
    /// The same on all.
    Same(f64),
    Each(&'a Lane),
}

impl Amount<'_> {
    #[inline]
    pub(super) fn on(self, path: usize) -> f64 {
        match self {
            Amount::Same(amount) => amount,
            Amount::Each(lane) => lane[path],
        }
    }

    pub(super) fn copy_to(self, lane: &mut Lane) {
        match self {
            Amount::Same(amount) => lane.fill(amount),
            Amount::Each(amounts) => lane.clone_from(amounts),
        }
    }
}

impl Spot {
    /// Sets revenue to `other` and what this fleet earns.
    fn earn_first(&self, other: f64, step: usize, read: ReadLanes<'_>, revenue: &mut Lane) {
        match (self.rent, self.utilisation) {
            (Some(series), None) | (None, Some(series)) => {
                set_product(other, self.amount[step], read.lane(series), revenue);
            }
            _ => {
                revenue.fill(other);
                self.earn(step, read, revenue);
            }
        }
    }

    fn earn(&self, step: usize, read: ReadLanes<'_>, revenue: &mut Lane) {
        let amount = self.amount[step];
        match (self.rent, self.utilisation) {
            // Wholly let under contracts in this step.
            _ if amount == 0.0 => {}
            (Some(rent), Some(utilisation)) => {
                add_product_of_two(amount, read.lane(rent), read.lane(utilisation), revenue);
            }
            (Some(series), None) | (None, Some(series)) => add_product(amount, read.lane(series), revenue),
            (None, None) => {}
        }
    }
}

impl Mining {
    fn run(&self, step: usize, read: ReadLanes<'_>, revenue: &mut Lane, cost: &mut Lane) {
        let hashprice = self.hashprice.map_or(&ONE, |series| read.lane(series));
        let price = self.price.map_or(&ONE, |series| read.lane(series));
        mine([self.revenue[step], self.power[step]], hashprice, price, revenue, cost);
    }
}

vectorised! {
    fn set_product(other: f64, amount: f64, series: &Lane, sum: &mut Lane) {
        for i in 0..PATHS {
            sum[i] = other + amount * series[i];
        }
    }

    pub(super) fn add_product(amount: f64, series: &Lane, sum: &mut Lane) {
        for i in 0..PATHS {
            sum[i] += amount * series[i];
        }
    }

    pub(super) fn add_product_of_two(amount: f64, first: &Lane, second: &Lane, sum: &mut Lane) {
        for i in 0..PATHS {
            sum[i] += amount * first[i] * second[i];
        }
    }

    pub(super) fn subtract(amount: &Lane, sum: &mut Lane) {
        for i in 0..PATHS {
            sum[i] -= amount[i];
        }
    }

    pub(super) fn mine(amounts: [f64; 2], hashprice: &Lane, price: &Lane, revenue: &mut Lane, cost: &mut Lane) {
        for i in 0..PATHS {
            let (mined, power) = (amounts[0] * hashprice[i], amounts[1] * price[i]);
            let running = mined > power;
            revenue[i] += if running { mined } else { 0.0 };
            cost[i] += if running { power } else { 0.0 };
        }
    }

    /// Multiplies revenue by a lognormal factor of mean one.
    fn disturb(deviation: f64, shock: &Lane, revenue: &mut Lane) {
        for i in 0..PATHS {
            revenue[i] *= kernel::exp(deviation.mul_add(shock[i], -0.5 * deviation * deviation));
        }
    }
}
