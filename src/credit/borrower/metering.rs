//! Contracts of which the invoices follow what the tenant uses.

use super::letting::Sight;
use super::paths::{Paths, each};
use crate::credit::contract::{Contract, Terms};
use crate::credit::delivery::Delivered;
use crate::credit::obligor::ObligorPlan;
use crate::market::{OwnLane, OwnLanes, ReadLane, ReadLanes};
use crate::numeric::{Lane, PATHS};
use crate::vectorised;

/// What a tenant uses, and what it has been invoiced.
pub(super) struct Meter {
    usage: ReadLane,
    /// Invoiced so far, in USD; kept where a prepayment is credited against it.
    invoiced: OwnLane,
}

/// How a contract lies in a step.
pub(super) struct Place {
    pub(super) dates: [f64; 2],
    /// Until when invoices have been added up.
    pub(super) since: f64,
    /// Years of the ramp of the machines, and whether terms move with their delivery: one, else zero.
    pub(super) delivery: [f64; 2],
    /// Years of running machines that were planned to be under it.
    pub(super) planned: f64,
}

impl Meter {
    /// The meter of a contract of which a series says what is used, if it is not the same on every path what is invoiced.
    pub(super) fn plan(contract: &Contract, usage: Option<ReadLane>, plan: &mut ObligorPlan<'_>) -> Option<Meter> {
        let differs = contract.invoiced().is_none();
        usage.filter(|_| differs).map(|usage| Meter { usage, invoiced: plan.state() })
    }

    pub(super) fn start(&self, own: &mut OwnLanes<'_>) {
        own[self.invoiced].fill(0.0);
    }

    /// Adds what is invoiced where so much would be at full use; of use beyond the minimum a part counts.
    pub(super) fn bill(&self, terms: &Terms, usd: f64, counts: f64, sight: Sight<'_>, value: &mut Lane) {
        bill(sight.paths, terms, [usd, counts], sight.read.lane(self.usage), value);
    }

    /// Adds what a contract brings in a step, and takes the years under it from those that are let at spot, both beside what was planned.
    pub(super) fn let_out(
        &self,
        terms: &Terms,
        place: &Place,
        counts: f64,
        sight: Sight<'_>,
        [delivered, ends]: [&Lane; 2],
        [value, spot]: [&mut Lane; 2],
    ) {
        let read = [sight.read.lane(self.usage), &sight.own[self.invoiced], delivered, ends];
        let_out(sight.paths, terms, place, counts, read, value, spot);
    }

    /// Adds the invoices of a step to those before.
    pub(super) fn note(
        &self,
        terms: &Terms,
        place: &Place,
        read: ReadLanes<'_>,
        own: &mut OwnLanes<'_>,
        delivered: OwnLane,
        ends: &Lane,
    ) {
        let [delivered, invoiced] = own.many([delivered, self.invoiced]);
        add_invoices(terms, place, [read.lane(self.usage), delivered, ends], invoiced);
    }
}

vectorised! {
    fn bill(paths: Paths<'_>, terms: &Terms, amounts: [f64; 2], usage: &Lane, value: &mut Lane) {
        let [usd, counts] = amounts;
        each!(i in paths, {
            value[i] += usd * terms.invoiced(usage[i], counts);
        });
    }

    fn let_out(
        paths: Paths<'_>, terms: &Terms, place: &Place, counts: f64, read: [&Lane; 4], value: &mut Lane, spot: &mut Lane
    ) {
        let [usage, invoiced, delivered, ends] = read;
        let Place { dates, since, delivery: [ramp, moved], planned } = *place;
        each!(i in paths, {
            let (machines, later) = (Delivered { at: delivered[i], ramp }, moved * delivered[i]);
            let [let_years, void] = terms.years_in(dates, later, machines, ends[i]);
            let [waited, _] = terms.years_in([since, dates[0]], later, machines, ends[i]);
            let a_year = terms.usd_per_year * terms.invoiced(usage[i], 1.0);
            let before = invoiced[i] + a_year * waited;
            let credit = terms.credited(before + a_year * let_years) - terms.credited(before);
            // Multiplied as `bill` does, so that a path keeps its bits whatever ends beside it.
            value[i] += terms.usd_per_year * let_years * terms.invoiced(usage[i], counts) - credit;
            spot[i] -= terms.share * (let_years + void) - planned;
        });
    }

    fn add_invoices(terms: &Terms, place: &Place, read: [&Lane; 3], invoiced: &mut Lane) {
        let [usage, delivered, ends] = read;
        let [ramp, moved] = place.delivery;
        for i in 0..PATHS {
            let machines = Delivered { at: delivered[i], ramp };
            let [let_years, _] = terms.years_in(place.dates, moved * delivered[i], machines, ends[i]);
            invoiced[i] += terms.usd_per_year * terms.invoiced(usage[i], 1.0) * let_years;
        }
    }
}
