//! A clause by which a facility may go on after its maturity: how much it allows, and the loan that it begins.

use super::{Prospects, Requests, Rollover, is_number};
use crate::Error;
use crate::credit::borrower::apart::Apart;
use crate::credit::facility::Facility;
use crate::credit::obligor::ObligorPlan;
use crate::credit::quantity::Reading;
use crate::market::{OwnLane, OwnLanes};
use crate::numeric::{Lane, PATHS, Step, kernel};
use crate::sample::event;
use crate::vectorised;

pub(super) struct Clause {
    pub(super) kind: Kind,
    years: f64,
    margin: f64,
    /// Part that is due at the end and not before.
    balloon: f64,
    pub(super) fee: f64,
    /// How often it may be taken, and has been.
    pub(super) most: f64,
    pub(super) taken: OwnLane,
}

pub(super) enum Kind {
    Refinancing { advance_rate: f64, dscr: Option<f64>, funding: Option<PlannedFunding> },
    Extension { dscr: Option<f64>, ltv: Option<f64> },
    CashTrap,
}

pub(super) struct PlannedFunding {
    availability: Reading,
    threshold: Option<f64>,
    /// First of the events of this facility, one a step.
    first_event: u64,
}

/// Where the events of funding begin among those of a borrower; each facility has so many.
const FUNDING: u64 = 1 << 48;
const EVENTS: u64 = 1 << 32;

impl Clause {
    /// The clauses of the facility at `position`, in the order in which they are taken.
    pub(super) fn of(facility: &Facility, position: usize, plan: &mut ObligorPlan<'_>) -> Result<Vec<Clause>, Error> {
        let mut clauses = Vec::new();
        if let Some(terms) = &facility.refinancing {
            let funding = match &terms.funding {
                None => None,
                Some(funding) => Some(PlannedFunding {
                    availability: funding.availability.plan(plan, "refinancing.funding.availability", 0.0, 1.0)?,
                    threshold: funding.threshold,
                    first_event: FUNDING + EVENTS * position as u64,
                }),
            };
            clauses.push(Clause {
                kind: Kind::Refinancing { advance_rate: terms.advance_rate, dscr: terms.dscr, funding },
                years: terms.tenor,
                margin: terms.spread,
                balloon: terms.balloon,
                fee: 0.0,
                most: f64::from(terms.renewals),
                taken: plan.state(),
            });
        }
        if let Some(terms) = &facility.extension {
            clauses.push(Clause {
                kind: Kind::Extension { dscr: terms.dscr, ltv: terms.ltv },
                years: terms.years,
                margin: terms.spread,
                balloon: 1.0,
                fee: terms.fee,
                most: f64::from(terms.times),
                taken: plan.state(),
            });
        }
        if let Some(terms) = &facility.cash_trap {
            clauses.push(Clause {
                kind: Kind::CashTrap,
                years: terms.years,
                margin: terms.spread,
                balloon: 1.0,
                fee: 0.0,
                most: 1.0,
                taken: plan.state(),
            });
        }
        Ok(clauses)
    }

    /// Whether it gives time rather than new money.
    pub(super) fn extends(&self) -> bool {
        matches!(self.kind, Kind::Extension { .. } | Kind::CashTrap)
    }

    /// How much it allows: `room`.
    pub(super) fn test(
        &self,
        rollover: &Rollover,
        prospects: &Prospects,
        step: Step,
        own: &mut OwnLanes<'_>,
        due: &Lane,
    ) {
        match &self.kind {
            Kind::Refinancing { advance_rate, dscr, .. } => {
                let [executable, room] = own.many([prospects.executable, rollover.room]);
                advance(*advance_rate, executable, room);
                if let Some(dscr) = dscr {
                    let terms = [1.0 / (step.length * dscr), self.years, self.margin];
                    let [cash_flow, rate, room] = own.many([prospects.cash_flow, prospects.rate, rollover.room]);
                    carry(terms, cash_flow, rate, room);
                }
                let [ahead, room] = own.many([prospects.ahead, rollover.room]);
                leave(ahead, room);
            }
            Kind::Extension { dscr, ltv } => {
                own[rollover.room].fill(f64::INFINITY);
                if let Some(dscr) = dscr {
                    let [cash_flow, principal, room] =
                        own.many([prospects.cash_flow, prospects.principal, rollover.room]);
                    cover(*dscr, cash_flow, due, principal, room);
                }
                if let Some(ltv) = ltv {
                    let [owed, marked, room] = own.many([prospects.owed, prospects.marked, rollover.room]);
                    secure(*ltv, owed, marked, room);
                }
            }
            Kind::CashTrap => own[rollover.room].fill(f64::INFINITY),
        }
    }

    /// Begins the loans that it grants.
    pub(super) fn begin(&self, number: f64, rollover: &Rollover, apart: &Apart, step: Step, own: &mut OwnLanes<'_>) {
        apart.redate(own);
        let traps = if matches!(self.kind, Kind::CashTrap) { 1.0 } else { 0.0 };
        let terms = [number, 1.0 + self.fee, 1.0 - self.balloon, self.years, step.end, self.margin, traps];
        let [chosen, raised, taken, balance, pace, ends, margin, trapped] = own.many([
            rollover.chosen,
            rollover.raised,
            self.taken,
            apart.balance,
            apart.pace,
            apart.ends,
            apart.margin,
            rollover.trapped,
        ]);
        begin(terms, chosen, raised, taken, [balance, pace, ends, margin, trapped]);
    }
}

impl PlannedFunding {
    /// Leaves no room on the paths on which lenders do not lend.
    pub(super) fn close(&self, rollover: &Rollover, requests: Requests<'_>, step: Step, own: &mut OwnLanes<'_>) {
        let Reading { constant, series } = self.availability;
        for i in 0..PATHS {
            if own[rollover.raised][i] > 0.0 {
                let available = constant * series.map_or(1.0, |series| requests.read[series][i]);
                let least = self.threshold.unwrap_or_else(|| {
                    let path = requests.first_path + i as u64;
                    let [word, ..] = requests.key.event(path, self.first_event + step.index as u64);
                    event::uniform(word)
                });
                let is_open = available >= least;
                own[rollover.room][i] = if is_open { own[rollover.room][i] } else { -1.0 };
            }
        }
    }
}

vectorised! {
    fn advance(advance_rate: f64, executable: &Lane, room: &mut Lane) {
        for i in 0..PATHS {
            room[i] = advance_rate * executable[i];
        }
    }

    /// Not more than the cash flow carries: its part a year, times the annuity of the tenor.
    fn carry(terms: [f64; 3], cash_flow: &Lane, rate: &Lane, room: &mut Lane) {
        let [part, tenor, margin] = terms;
        for i in 0..PATHS {
            let rate = rate[i] + margin;
            let least = if rate > 1e-9 { rate } else { 1e-9 };
            let annuity = -kernel::exp_m1(-tenor * kernel::ln_1p(least)) / least;
            let carried = part * cash_flow[i] * annuity;
            room[i] = if carried < room[i] { carried } else { room[i] };
        }
    }

    fn leave(ahead: &Lane, room: &mut Lane) {
        for i in 0..PATHS {
            let left = room[i] - ahead[i];
            room[i] = if left > 0.0 { left } else { 0.0 };
        }
    }

    fn cover(dscr: f64, cash_flow: &Lane, due: &Lane, principal: &Lane, room: &mut Lane) {
        for i in 0..PATHS {
            room[i] = if cash_flow[i] >= dscr * (due[i] - principal[i]) { room[i] } else { -1.0 };
        }
    }

    fn secure(ltv: f64, owed: &Lane, marked: &Lane, room: &mut Lane) {
        for i in 0..PATHS {
            room[i] = if owed[i] <= ltv * marked[i] { room[i] } else { -1.0 };
        }
    }

    fn begin(terms: [f64; 7], chosen: &Lane, raised: &Lane, taken: &mut Lane, state: [&mut Lane; 5]) {
        let [number, with_fee, part, years, now, spread, traps] = terms;
        let [balance, pace, ends, margin, trapped] = state;
        for i in 0..PATHS {
            let is_begun = is_number(chosen[i], number);
            let amount = raised[i] * with_fee;
            let a_year = amount * part / years;
            balance[i] = if is_begun { amount } else { balance[i] };
            pace[i] = if is_begun { a_year } else { pace[i] };
            ends[i] = if is_begun { now + years } else { ends[i] };
            margin[i] = if is_begun { spread } else { margin[i] };
            trapped[i] = if is_begun { traps } else { trapped[i] };
            taken[i] += if is_begun { 1.0 } else { 0.0 };
        }
    }
}
