//! Covenants at work: what is remembered of them.

mod breach;
mod lack;

use super::Borrower;
use super::window::Window;
use crate::Error;
use crate::credit::Fleet;
use crate::credit::covenant::{Acceleration, Covenant, CovenantTest, EquityCure};
use crate::credit::obligor::ObligorPlan;
use crate::credit::quantity::Reading;
use crate::credit::schedule::SAME_DATE;
use crate::market::{OwnLane, OwnLanes};

/// All covenants of a borrower, as listed.
pub(super) struct Covenants {
    list: Vec<PlannedCovenant>,
    /// Cash flow over the windows of the tests of debt service, each length once.
    flows: Vec<Flows>,
    equity: Option<PlannedEquity>,
    /// Owed after the payments of the step, due or not.
    pub(super) owed: OwnLane,
    /// Where owners get nothing: one, else zero.
    pub(super) locked: OwnLane,
    /// The share of cash that repays debt.
    swept: OwnLane,
    prepaid: OwnLane,
}

struct Flows {
    years: f64,
    cfads: Window,
    service: Window,
    /// The sums of both over the window of this step, once they are made.
    sums: [OwnLane; 2],
}

struct PlannedCovenant {
    test: Test,
    /// The step of the first test.
    first: usize,
    sweep: f64,
    acceleration: Option<Acceleration>,
    /// Whether a breach lasts: one, else zero.
    breached: OwnLane,
    /// Its first date.
    since: OwnLane,
    /// Whether it is waived: one, else zero.
    waived: OwnLane,
    /// First of the events of this covenant, one a step.
    first_event: u64,
    breach: Option<OwnLane>,
}

enum Test {
    /// Which of the flows.
    Dscr {
        at_least: f64,
        flows: usize,
    },
    Ltv {
        at_most: f64,
    },
    Liquidity {
        at_least: f64,
    },
    Utilisation {
        at_least: f64,
        /// Years let.
        lettings: Window,
        /// Part of the fleet that is not under contract, by step.
        spot: Vec<f64>,
        utilisation: Reading,
        /// What the window covers, by step.
        covered: Vec<f64>,
    },
}

struct PlannedEquity {
    terms: EquityCure,
    availability: Reading,
    paid: OwnLane,
    taken: OwnLane,
}

/// Where the events of covenants begin among those of a borrower; each covenant has so many.
const WAIVERS: u64 = 1 << 50;
const EVENTS: u64 = 1 << 32;

impl Covenants {
    /// Plans the covenants of a borrower that has been validated, if it has any.
    pub(super) fn new(borrower: &Borrower, plan: &mut ObligorPlan<'_>) -> Result<Option<Covenants>, Error> {
        if borrower.covenants.is_empty() {
            return Ok(None);
        }
        let mut flows: Vec<Flows> = Vec::new();
        let mut list = Vec::with_capacity(borrower.covenants.len());
        for (index, covenant) in borrower.covenants.iter().enumerate() {
            let test = match &covenant.test {
                CovenantTest::Dscr { at_least, years } => {
                    let known = flows.iter().position(|flows| flows.years.to_bits() == years.to_bits());
                    let flows = known.unwrap_or_else(|| {
                        let (cfads, service) = (Window::new(*years, plan), Window::new(*years, plan));
                        flows.push(Flows { years: *years, cfads, service, sums: [plan.state(), plan.state()] });
                        flows.len() - 1
                    });
                    Test::Dscr { at_least: *at_least, flows }
                }
                CovenantTest::Ltv { at_most } => Test::Ltv { at_most: *at_most },
                CovenantTest::Liquidity { at_least } => Test::Liquidity { at_least: *at_least },
                CovenantTest::Utilisation { fleet, at_least, years } => {
                    let Some(fleet) = borrower.fleets.iter().find(|known| known.name == *fleet) else {
                        return Err(unknown(borrower, index, fleet));
                    };
                    if let Some(why) = differs(fleet) {
                        return Err(Error::invalid(
                            format!("covenants[{index}].test.utilisation.fleet"),
                            &fleet.name,
                            format!(
                                "must be a fleet of which as much is under contract on every path: this one has {why}"
                            ),
                        ));
                    }
                    let lettings = Window::new(*years, plan);
                    let grid = plan.grid();
                    let dates = grid.dates();
                    Test::Utilisation {
                        at_least: *at_least,
                        spot: grid.iter().map(|step| fleet.letting(step.start, step.end, step.length).spot).collect(),
                        covered: (1..=grid.steps()).map(|step| lettings.years(step, dates)).collect(),
                        utilisation: fleet.utilisation.plan(plan, "utilisation", 0.0, 1.0)?,
                        lettings,
                    }
                }
            };
            list.push(PlannedCovenant::new(covenant, test, index, plan));
        }
        let equity = match &borrower.equity_cure {
            None => None,
            Some(terms) => Some(PlannedEquity {
                availability: terms.availability.plan(plan, "equity_cure.availability", 0.0, 1.0)?,
                terms: terms.clone(),
                paid: plan.state(),
                taken: plan.state(),
            }),
        };
        Ok(Some(Covenants {
            list,
            flows,
            equity,
            owed: plan.state(),
            locked: plan.state(),
            swept: plan.state(),
            prepaid: plan.state(),
        }))
    }

    /// Where a covenant is breached: one, else zero.
    pub(super) fn breached(&self, position: usize) -> OwnLane {
        self.list[position].breached
    }

    /// Whether any metric of a covenant has been asked for.
    pub(super) fn has_metrics(&self) -> bool {
        self.list.iter().any(|covenant| covenant.breach.is_some())
    }

    /// Before a step: nothing has happened.
    pub(super) fn clear_metrics(&self, own: &mut OwnLanes<'_>) {
        for lane in self.list.iter().filter_map(|covenant| covenant.breach) {
            own[lane].fill(0.0);
        }
    }
}

/// What may make the part of a fleet that is under contract differ from the plan, if anything may.
fn differs(fleet: &Fleet) -> Option<&'static str> {
    match fleet.delivery {
        Some(_) => Some("`delivery`"),
        None if fleet.contracts.iter().any(|contract| contract.tenant.is_some()) => Some("a contract with `tenant`"),
        None => {
            let in_part = fleet.contracts.iter().any(|contract| contract.take_or_pay.is_some());
            in_part.then_some("a contract with `take_or_pay`")
        }
    }
}

fn unknown(borrower: &Borrower, index: usize, fleet: &str) -> Error {
    let known: Vec<&str> = borrower.fleets.iter().map(|fleet| fleet.name.as_str()).collect();
    Error::Unknown {
        field: format!("covenants[{index}].test.utilisation.fleet"),
        kind: "fleet of the borrower",
        name: fleet.to_owned(),
        known: known.join(", "),
    }
}

impl PlannedCovenant {
    fn new(covenant: &Covenant, test: Test, position: usize, plan: &mut ObligorPlan<'_>) -> PlannedCovenant {
        PlannedCovenant {
            test,
            first: 1 + plan.grid().dates().partition_point(|end| *end < covenant.from - SAME_DATE),
            sweep: covenant.sweep,
            acceleration: covenant.acceleration,
            breached: plan.state(),
            since: plan.state(),
            waived: plan.state(),
            first_event: WAIVERS + EVENTS * position as u64,
            breach: plan.metric(&format!("{}.breach", covenant.name)),
        }
    }
}
