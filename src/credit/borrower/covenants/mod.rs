//! Covenants at work: what is remembered of them.

mod again;
mod breach;
mod lack;

use self::again::Sight;
use super::Borrower;
use super::operations::Operations;
use super::switches::{Switch, Switches};
use super::window::Window;
use crate::Error;
use crate::credit::Fleet;
use crate::credit::covenant::{Acceleration, Covenant, CovenantTest, EquityCure};
use crate::credit::fleet::Letting;
use crate::credit::obligor::ObligorPlan;
use crate::credit::quantity::Reading;
use crate::credit::schedule::SAME_DATE;
use crate::market::{OwnLane, OwnLanes};

/// Among the scratch lanes what a test lacks.
const LACK: usize = 0;

/// All covenants of a borrower, as listed.
pub(super) struct Covenants {
    list: Vec<PlannedCovenant>,
    /// Cash flow over the windows of the tests of debt service, each length once.
    flows: Vec<Flows>,
    equity: Option<PlannedEquity>,
    /// Whether any looks at what is let.
    has_lettings: bool,
    /// Where owners get nothing: one, else zero.
    locked: OwnLane,
    /// Whether they may on some path of the block at this date; else both are of no meaning.
    locks: Switch,
    /// The share of cash that repays debt.
    swept: OwnLane,
    prepaid: OwnLane,
    /// If some test is made again where marks fall within the step.
    sight: Option<Sight>,
}

struct Flows {
    years: f64,
    cfads: Window,
    service: Window,
}

struct PlannedCovenant {
    test: Test,
    /// Position of one before it that asks for more of the same: where that holds, so does this.
    implied_by: Option<usize>,
    /// Whether it does not hold on some path of the block at this date.
    fails: Switch,
    /// The step of the first test.
    first: usize,
    sweep: f64,
    acceleration: Option<Acceleration>,
    /// Whether a breach lasts: one, else zero.
    breached: OwnLane,
    /// Whether it does on any path of the block.
    is_breached: Switch,
    /// Its first date.
    since: OwnLane,
    /// Whether it is waived: one, else zero.
    waived: OwnLane,
    /// First of the events of this covenant, one a step.
    first_event: u64,
    breach: Option<OwnLane>,
    /// Whether it is tested again where marks fall within the step.
    is_tested_again: bool,
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
        occupancy: Occupancy,
        utilisation: Reading,
        running: Running,
    },
}

/// For how many years of a step a unit of a fleet is used under contracts, and may be let at spot.
enum Occupancy {
    /// The same on every path: both, by step.
    Planned(Vec<[f64; 2]>),
    /// Which of the lettings of the operations.
    ByPath(usize),
}

/// For how many years of the window a unit of a fleet runs.
enum Running {
    /// By step.
    Planned(Vec<f64>),
    ByPath(Window),
}

struct PlannedEquity {
    terms: EquityCure,
    availability: Reading,
    paid: OwnLane,
    taken: OwnLane,
    /// The step of the last cure, if some test is made again.
    last: Option<OwnLane>,
}

/// Where the events of covenants begin among those of a borrower; each covenant has so many.
const WAIVERS: u64 = 1 << 50;
const EVENTS: u64 = 1 << 32;

impl Covenants {
    /// Plans the covenants of a borrower that has been validated, if it has any.
    pub(super) fn new(
        borrower: &Borrower,
        operations: &Operations,
        switches: &mut Switches,
        plan: &mut ObligorPlan<'_>,
    ) -> Result<Option<Covenants>, Error> {
        if borrower.covenants.is_empty() {
            return Ok(None);
        }
        let mut flows: Vec<Flows> = Vec::new();
        let mut list: Vec<PlannedCovenant> = Vec::with_capacity(borrower.covenants.len());
        for (index, covenant) in borrower.covenants.iter().enumerate() {
            let test = match &covenant.test {
                CovenantTest::Dscr { at_least, years } => {
                    let known = flows.iter().position(|flows| flows.years.to_bits() == years.to_bits());
                    let flows = known.unwrap_or_else(|| {
                        let (cfads, service) = (Window::new(*years, plan), Window::new(*years, plan));
                        flows.push(Flows { years: *years, cfads, service });
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
                    Test::utilisation(*at_least, *years, fleet, operations, plan)?
                }
            };
            let mut covenant = PlannedCovenant::new(covenant, test, index, switches, plan);
            covenant.implied_by = list.iter().position(|other| covenant.is_implied_by(other));
            list.push(covenant);
        }
        let is_again = borrower.covenants.iter().any(Covenant::is_tested_again);
        let equity = match &borrower.equity_cure {
            None => None,
            Some(terms) => Some(PlannedEquity {
                availability: terms.availability.plan(plan, "equity_cure.availability", 0.0, 1.0)?,
                terms: terms.clone(),
                paid: plan.state(),
                taken: plan.state(),
                last: is_again.then(|| plan.state()),
            }),
        };
        Ok(Some(Covenants {
            has_lettings: list.iter().any(|covenant| matches!(covenant.test, Test::Utilisation { .. })),
            list,
            flows,
            equity,
            locked: plan.room(),
            locks: switches.next(plan),
            swept: plan.room(),
            prepaid: plan.room(),
            sight: is_again.then(|| Sight::new(plan)),
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

fn unknown(borrower: &Borrower, index: usize, fleet: &str) -> Error {
    let known: Vec<&str> = borrower.fleets.iter().map(|fleet| fleet.name.as_str()).collect();
    Error::Unknown {
        field: format!("covenants[{index}].test.utilisation.fleet"),
        kind: "fleet of the borrower",
        name: fleet.to_owned(),
        known: known.join(", "),
    }
}

impl Test {
    /// Of the years that the units of a fleet run, so many must be let.
    fn utilisation(
        at_least: f64,
        years: f64,
        fleet: &Fleet,
        operations: &Operations,
        plan: &mut ObligorPlan<'_>,
    ) -> Result<Test, Error> {
        let lettings = Window::new(years, plan);
        let letting = operations.letting_of(fleet);
        let grid = plan.grid();
        let planned: Vec<_> =
            grid.iter().map(|step| (step, fleet.letting(step.start, step.end, step.length))).collect();
        let running = match letting {
            Some((_, true)) => Running::ByPath(Window::new(years, plan)),
            _ => {
                let ran: Vec<f64> = planned.iter().map(|(step, letting)| step.length * letting.running).collect();
                Running::Planned((1..=ran.len()).map(|step| lettings.sum_of(step, &ran)).collect())
            }
        };
        let occupancy = match letting {
            Some((position, _)) => Occupancy::ByPath(position),
            None => {
                let used = |letting: &Letting| letting.running - letting.spot - letting.unused;
                let years =
                    planned.iter().map(|(step, let_out)| [used(let_out), let_out.spot].map(|part| step.length * part));
                Occupancy::Planned(years.collect())
            }
        };
        let utilisation = fleet.utilisation.plan(plan, "utilisation", 0.0, 1.0)?;
        Ok(Test::Utilisation { at_least, lettings, occupancy, utilisation, running })
    }
}

impl PlannedCovenant {
    fn new(
        covenant: &Covenant,
        test: Test,
        position: usize,
        switches: &mut Switches,
        plan: &mut ObligorPlan<'_>,
    ) -> PlannedCovenant {
        PlannedCovenant {
            test,
            implied_by: None,
            fails: switches.next(plan),
            first: 1 + plan.grid().dates().partition_point(|end| *end < covenant.from - SAME_DATE),
            sweep: covenant.sweep,
            acceleration: covenant.acceleration,
            breached: plan.state(),
            is_breached: switches.next(plan),
            since: plan.state(),
            waived: plan.state(),
            first_event: WAIVERS + EVENTS * position as u64,
            breach: plan.metric(&format!("{}.breach", covenant.name)),
            is_tested_again: covenant.is_tested_again(),
        }
    }

    /// Whether another asks for as much cover over the same window, from the same date on.
    fn is_implied_by(&self, other: &PlannedCovenant) -> bool {
        match (&self.test, &other.test) {
            (Test::Dscr { at_least, flows }, Test::Dscr { at_least: more, flows: same }) => {
                (flows == same) & (more >= at_least) & (other.first <= self.first)
            }
            _ => false,
        }
    }
}
