//! Fleets of which it differs from path to path what is let: tenants default or use a part, machines are late.
//!
//! A fleet whose tenants may default is planned as if they did not; what is here is the difference, on blocks where one has. What is invoiced of a
//! contract by use is not planned, but what it leaves to be let at spot is. A fleet that is delivered at random is not planned at all, and everything is here.

use super::metering::{Meter, Place};
use super::operations::ONE;
use super::paths::{Paths, each};
use crate::credit::Fleet;
use crate::credit::contract::{Terms, greater, lesser};
use crate::credit::delivery::{ContractTerm, Delivered};
use crate::credit::fleet::HOURS;
use crate::credit::obligor::ObligorPlan;
use crate::credit::quantity::Reading;
use crate::credit::schedule::step_of;
use crate::market::{Curve, OwnLane, OwnLanes, ReadLane, ReadLanes};
use crate::numeric::{Lane, PATHS, Step};
use crate::sample::StreamKey;
use crate::{Error, vectorised};

/// A fleet whose letting differs from path to path.
pub(super) struct Letting {
    /// Name of the fleet.
    fleet: String,
    contracts: Vec<Tenancy>,
    /// When the machines were delivered.
    delivered: OwnLane,
    known: Delivered,
    /// Shape and scale of the delay, and the stream from which it is drawn.
    delay: Option<([f64; 2], String)>,
    /// By how much of the delivery's date contracts are moved: none or all.
    moved: f64,
    /// USD a year of running machines at a rent, utilisation and price of power of one, or the constant ones.
    spot: f64,
    opex: f64,
    power: f64,
    rent: Option<ReadLane>,
    utilisation: Option<ReadLane>,
    price: Option<ReadLane>,
}

/// A contract and who is behind it.
struct Tenancy {
    terms: Terms,
    meter: Option<Meter>,
    /// The part of its hours that is used.
    usage: Reading,
    tenant: Option<ReadLane>,
    backstop: Option<Behind>,
    /// Step, date and amount of a prepayment.
    prepayment: Option<(usize, f64, f64)>,
}

struct Behind {
    guarantor: Option<ReadLane>,
    fee: Option<Curve>,
}

/// What a borrower sees: the market, its own lanes, and which defaults it knows of.
#[derive(Clone, Copy)]
pub(super) struct Sight<'a> {
    pub(super) read: ReadLanes<'a>,
    pub(super) own: &'a OwnLanes<'a>,
    /// Defaults until then are known.
    pub(super) now: f64,
    /// The paths that it looks at.
    pub(super) paths: Paths<'a>,
}

/// The lanes of a pass, for use within it.
pub(super) type Spare<'a> = [&'a mut Lane; 3];

fn defaulted_at(plan: &ObligorPlan<'_>, field: &str, name: Option<&String>) -> Result<Option<ReadLane>, Error> {
    name.map(|name| plan.read(field, &format!("{name}.defaulted_at"))).transpose()
}

impl Letting {
    /// What is not the same on every path of this fleet; `None` where everything is.
    pub(super) fn plan(
        obligor: &str,
        fleet: &Fleet,
        [rent, utilisation, price]: [Reading; 3],
        plan: &mut ObligorPlan<'_>,
    ) -> Result<Option<Letting>, Error> {
        let mut contracts = Vec::with_capacity(fleet.contracts.len());
        for (index, contract) in fleet.contracts.iter().enumerate() {
            let field = |name: &str| format!("contracts[{index}].{name}");
            let tenant = defaulted_at(plan, &field("tenant"), contract.tenant.as_ref())?;
            let backstop = match &contract.backstop {
                Some(backstop) => Some(Behind {
                    guarantor: defaulted_at(plan, &field("backstop.guarantor"), backstop.guarantor.as_ref())?,
                    fee: backstop.termination_fee.clone(),
                }),
                None => None,
            };
            let prepayment = contract.prepayment.and_then(|prepayment| {
                let received = prepayment.received?;
                Some((step_of(plan.grid(), received)?, received, prepayment.usd))
            });
            let usage = match &contract.take_or_pay {
                None => Reading { constant: 1.0, series: None },
                Some(take_or_pay) => take_or_pay.usage.plan(plan, &field("take_or_pay.usage"), 0.0, 1.0)?,
            };
            let meter = Meter::plan(contract, usage.series, plan);
            contracts.push(Tenancy { terms: contract.terms(fleet.units), meter, usage, tenant, backstop, prepayment });
        }
        let delay = fleet.delivery.and_then(|delivery| delivery.gamma());
        let is_alike = |contract: &Tenancy| contract.tenant.is_none() & contract.usage.series.is_none();
        if delay.is_none() && contracts.iter().all(is_alike) {
            return Ok(None);
        }
        let hours = HOURS * fleet.units;
        let is_moved = fleet.delivery.is_some_and(|delivery| delivery.contracts == ContractTerm::FromDelivery);
        Ok(Some(Letting {
            fleet: fleet.name.clone(),
            contracts,
            delivered: plan.state(),
            known: fleet.delivered(),
            delay: delay.map(|gamma| (gamma, format!("obligor/{obligor}/{}/delivery", fleet.name))),
            moved: if is_moved { 1.0 } else { 0.0 },
            spot: hours * fleet.rent_share * rent.constant * utilisation.constant,
            opex: hours * fleet.opex_usd_per_unit_hour,
            power: hours * fleet.power_kw_per_unit * fleet.pue * price.constant,
            rent: rent.series,
            utilisation: utilisation.series,
            price: price.series,
        }))
    }

    /// Whether it is that of a fleet.
    pub(super) fn is_of(&self, fleet: &Fleet) -> bool {
        self.fleet == fleet.name
    }

    /// Whether the fleet is delivered at random: then nothing of it is planned.
    pub(super) fn is_late(&self) -> bool {
        self.delay.is_some()
    }

    /// Whether the rent at spot, or how much is let, moves.
    pub(super) fn moves(&self) -> bool {
        self.rent.is_some() | self.utilisation.is_some()
    }

    /// Draws the delay of each path.
    pub(super) fn start(&self, own: &mut OwnLanes<'_>, key: &StreamKey, first_path: u64) {
        for meter in self.contracts.iter().filter_map(|contract| contract.meter.as_ref()) {
            meter.start(own);
        }
        let delivered = &mut own[self.delivered];
        delivered.fill(self.known.at);
        if let Some(([shape, scale], name)) = &self.delay {
            let key = key.named(name);
            for path in 0..PATHS {
                delivered[path] += scale * key.gamma(first_path + path as u64, 0, *shape);
            }
        }
    }

    /// Sets what contracts bring in a step, in USD, and the years of running machines that are let at spot, beside what was planned;
    /// false if that is nothing. Of what tenants use beyond their minimum a part counts.
    fn look(&self, dates: [f64; 2], counts: f64, sight: Sight<'_>, [ends, value, spot]: &mut Spare<'_>) -> bool {
        let (delivered, paths) = (&sight.own[self.delivered], sight.paths);
        let mut differs = self.is_late();
        paths.fill(value, 0.0);
        if self.is_late() {
            run(paths, self.known.ramp, dates, delivered, spot);
        } else {
            paths.fill(spot, 0.0);
        }
        for contract in &self.contracts {
            let is_over = !self.is_late() && dates[0] >= contract.terms.until + self.moved * self.known.at;
            let (terms, is_kept) = (&contract.terms, is_over || !contract.ends(sight, ends));
            let planned = || match self.is_late() {
                true => [0.0; 2],
                false => terms.let_in(dates, self.moved * self.known.at, self.known, f64::INFINITY),
            };
            match &contract.meter {
                Some(_) if is_over => {}
                // Kept, and nothing is credited: its full rate is known, and what it leaves to be let at spot was planned.
                Some(meter) if is_kept & !self.is_late() & !terms.is_prepaid() => {
                    differs = true;
                    meter.bill(terms, planned()[0], counts, sight, value);
                }
                Some(meter) => {
                    differs = true;
                    if is_kept {
                        paths.fill(ends, f64::INFINITY);
                    }
                    // Invoices have been added up until the step, or today where it is to come.
                    let since = if dates[1] > sight.now { sight.now } else { dates[0] };
                    let place = Place { since, planned: planned()[1], ..self.place(dates) };
                    meter.let_out(terms, &place, counts, sight, [delivered, ends], [value, spot]);
                }
                None if self.is_late() | !is_kept => {
                    differs = true;
                    if is_kept {
                        paths.fill(ends, f64::INFINITY);
                    }
                    let delivery = [self.known.ramp, self.moved];
                    let_out(paths, terms, dates, delivery, planned(), delivered, ends, value, spot);
                }
                None => {}
            }
        }
        differs
    }

    /// A step in which nothing was planned.
    fn place(&self, dates: [f64; 2]) -> Place {
        Place { dates, since: dates[0], delivery: [self.known.ramp, self.moved], planned: 0.0 }
    }

    /// Adds what is invoiced in a step to what has been, where prepayments are credited against it.
    pub(super) fn invoice(&self, step: Step, read: ReadLanes<'_>, own: &mut OwnLanes<'_>, ends: &mut Lane) {
        for contract in self.contracts.iter().filter(|contract| contract.terms.is_prepaid()) {
            let Some(meter) = &contract.meter else { continue };
            if !contract.ends(Sight { read, own, now: step.end, paths: Paths::All }, ends) {
                ends.fill(f64::INFINITY);
            }
            meter.note(&contract.terms, &self.place([step.start, step.end]), read, own, self.delivered, ends);
        }
    }

    /// Sets for how many years of a step a unit runs, is used under contracts, and may be let at spot.
    pub(super) fn occupy(&self, step: Step, sight: Sight<'_>, ends: &mut Lane, [running, used, spot]: [&mut Lane; 3]) {
        let delivered = &sight.own[self.delivered];
        let place = self.place([step.start, step.end]);
        run(sight.paths, self.known.ramp, place.dates, delivered, running);
        spot.clone_from(running);
        used.fill(0.0);
        for contract in &self.contracts {
            if !contract.ends(sight, ends) {
                ends.fill(f64::INFINITY);
            }
            let Tenancy { terms, usage, .. } = contract;
            let series = usage.series.map_or(&ONE, |series| sight.read.lane(series));
            occupy(terms, &place, usage.constant, [series, delivered, ends], used, spot);
        }
    }

    /// Adds what operations bring in a step beside what was planned.
    pub(super) fn operate(
        &self,
        step: Step,
        sight: Sight<'_>,
        revenue: &mut Lane,
        cost: &mut Lane,
        spare: &mut Spare<'_>,
    ) {
        let dates = [step.start, step.end];
        if !self.look(dates, 1.0, sight, spare) {
            return;
        }
        let level = |series: Option<ReadLane>| series.map_or(&ONE, |series| sight.read.lane(series));
        let [running, value, spot] = spare;
        earn(sight.paths, [1.0, self.spot], [value, spot, level(self.rent), level(self.utilisation)], revenue);
        if self.is_late() {
            run(sight.paths, self.known.ramp, dates, &sight.own[self.delivered], running);
            burn(sight.paths, [self.opex, self.power], running, level(self.price), cost);
        }
    }

    /// Adds fees of guarantors, and takes off prepayments that do not come.
    pub(super) fn receive(&self, step: Step, Sight { read, own, now, .. }: Sight<'_>, revenue: &mut Lane) {
        for Tenancy { terms, tenant, backstop, prepayment, .. } in &self.contracts {
            let Some(tenant) = tenant.map(|tenant| read.lane(tenant)) else { continue };
            if let Some((_, date, usd)) = prepayment.filter(|(due, ..)| *due == step.index) {
                for path in 0..PATHS {
                    let is_gone = (tenant[path] <= date) & (tenant[path] <= now);
                    revenue[path] -= if is_gone { usd } else { 0.0 };
                }
            }
            let Some(Behind { guarantor, fee: Some(fee) }) = backstop else { continue };
            let guarantor = guarantor.map(|guarantor| read.lane(guarantor));
            for path in 0..PATHS {
                let date = tenant[path];
                let until = terms.until + self.moved * own[self.delivered][path];
                let is_kept = guarantor.is_none_or(|guarantor| guarantor[path] > date);
                if date > step.start && date <= step.end && date <= now && date < until && is_kept {
                    revenue[path] += fee.at(date);
                }
            }
        }
    }

    /// Whether a step to come may bring something beside what was planned, as things stand.
    pub(super) fn may_differ(&self, sight: Sight<'_>, ends: &mut Lane) -> bool {
        let mut may_differ = |contract: &Tenancy| {
            contract.meter.is_some() || contract.prepayment.is_some() || contract.ends(sight, ends)
        };
        self.is_late() || self.contracts.iter().any(&mut may_differ)
    }

    /// Adds what a step to come is worth at the levels of today: weights of what was agreed, above zero, of what moves with the market, and the
    /// share of revenue that is kept.
    pub(super) fn expect(
        &self,
        step: Step,
        [agreed, expected, kept]: [f64; 3],
        sight: Sight<'_>,
        worth: &mut Lane,
        spare: &mut Spare<'_>,
    ) {
        let dates = [step.start, step.end];
        let level = |series: Option<ReadLane>| series.map_or(&ONE, |series| sight.read.lane(series));
        if self.look(dates, expected / agreed, sight, spare) {
            let [running, value, spot] = spare;
            let weight = if self.moves() { expected } else { agreed };
            let weights = [kept * agreed, kept * weight * self.spot];
            earn(sight.paths, weights, [value, spot, level(self.rent), level(self.utilisation)], worth);
            if self.is_late() {
                run(sight.paths, self.known.ramp, dates, &sight.own[self.delivered], running);
                burn(sight.paths, [-agreed * self.opex, -agreed * self.power], running, level(self.price), worth);
            }
        }
        if self.contracts.iter().any(|contract| contract.prepayment.is_some_and(|(due, ..)| due == step.index)) {
            let [_, missing, _] = spare;
            missing.fill(0.0);
            self.receive(step, sight, missing);
            earn(sight.paths, [kept * agreed, 0.0], [missing, &ONE, &ONE, &ONE], worth);
        }
    }
}

impl Tenancy {
    /// Sets when the contract is ended by a default that is known; false if none is.
    fn ends(&self, Sight { read, now, paths, .. }: Sight<'_>, ends: &mut Lane) -> bool {
        let Some(tenant) = self.tenant else { return false };
        match &self.backstop {
            Some(Behind { guarantor: None, fee: None }) => false,
            Some(Behind { guarantor: Some(guarantor), fee: None }) => {
                last(paths, now, read.lane(tenant), read.lane(*guarantor), ends)
            }
            _ => known(paths, now, read.lane(tenant), ends),
        }
    }
}

vectorised! {
    fn known(paths: Paths<'_>, now: f64, tenant: &Lane, ends: &mut Lane) -> bool {
        let mut any = false;
        each!(i in paths, {
            let is_known = tenant[i] <= now;
            ends[i] = if is_known { tenant[i] } else { f64::INFINITY };
            any |= is_known;
        });
        any
    }

    fn last(paths: Paths<'_>, now: f64, tenant: &Lane, guarantor: &Lane, ends: &mut Lane) -> bool {
        let mut any = false;
        each!(i in paths, {
            let date = greater(tenant[i], guarantor[i]);
            let is_known = date <= now;
            ends[i] = if is_known { date } else { f64::INFINITY };
            any |= is_known;
        });
        any
    }

    /// Years of running machines in a step.
    fn run(paths: Paths<'_>, ramp: f64, dates: [f64; 2], delivered: &Lane, running: &mut Lane) {
        each!(i in paths, {
            let machines = Delivered { at: delivered[i], ramp };
            running[i] = machines.running(dates[1]) - machines.running(dates[0]);
        });
    }

    fn let_out(
        paths: Paths<'_>, terms: &Terms, dates: [f64; 2], delivery: [f64; 2], planned: [f64; 2], delivered: &Lane, ends: &Lane,
        value: &mut Lane, spot: &mut Lane,
    ) {
        let [ramp, moved] = delivery;
        each!(i in paths, {
            let machines = Delivered { at: delivered[i], ramp };
            let [usd, years] = terms.let_in(dates, moved * delivered[i], machines, ends[i]);
            value[i] += usd - planned[0];
            spot[i] -= years - planned[1];
        });
    }

    fn occupy(terms: &Terms, place: &Place, constant: f64, read: [&Lane; 3], used: &mut Lane, spot: &mut Lane) {
        let [usage, delivered, ends] = read;
        let [ramp, moved] = place.delivery;
        for i in 0..PATHS {
            let machines = Delivered { at: delivered[i], ramp };
            let [let_years, void] = terms.years_in(place.dates, moved * delivered[i], machines, ends[i]);
            let part = greater(0.0, lesser(1.0, constant * usage[i]));
            used[i] += terms.share * let_years * part;
            spot[i] -= terms.share * (let_years + void);
        }
    }

    fn earn(paths: Paths<'_>, weights: [f64; 2], read: [&Lane; 4], sum: &mut Lane) {
        let [value, spot, rent, utilisation] = read;
        each!(i in paths, {
            sum[i] += weights[0] * value[i] + weights[1] * spot[i] * rent[i] * utilisation[i];
        });
    }

    fn burn(paths: Paths<'_>, amounts: [f64; 2], running: &Lane, price: &Lane, sum: &mut Lane) {
        each!(i in paths, {
            sum[i] += (amounts[0] + amounts[1] * price[i]) * running[i];
        });
    }
}
