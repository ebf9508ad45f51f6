//! No allocation while stepping, and memory that does not grow with paths.
//!
//! Every thread counts its allocations here, so this file holds nothing else.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod ledger;
mod support;
#[path = "support/world.rs"]
mod world;

use haircut::comovement::{SeriesPair, States};
use haircut::credit::{Book, Coupon};
use haircut::measure::{
    Block, CashTranches, CollateralIllusion, DefaultTable, EventCounts, FairSpread, Fan, Liquidations,
    LossDistribution, Measure, MeasurePlan, Note, Recoveries, Run, Tranches,
};
use haircut::numeric::PATHS;
use haircut::{Error, Simulation};
use proptest::strategy::{Strategy, ValueTree};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

thread_local! {
    /// Of this thread alone, on which the runs are: the threads of the test harness allocate when they please.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system allocator as it came.
#[allow(unsafe_code, reason = "a counting allocator cannot be written without it")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: as this function's own contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as this function's own contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(run: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    run();
    ALLOCATIONS.get() - before
}

/// Looks at nothing.
#[derive(Debug)]
struct Nothing;

impl Measure for Nothing {
    type Partial = ();
    type Output = ();

    fn plan(&self, _plan: &mut MeasurePlan<'_>) -> Result<(), Error> {
        Ok(())
    }
    fn record(&self, (): &mut (), _block: &Block<'_>) {}
    fn merge(&self, (): &mut (), (): ()) {}
    fn finish(&self, (): (), _run: &Run) {}
}

#[test]
fn ten_times_the_blocks_and_steps_allocate_no_more() {
    let run = |blocks: u64, months: usize| {
        allocations(|| {
            let simulation = support::simulation().months(months).paths(blocks * PATHS as u64).threads(1);
            simulation.run(support::Digest { metric_of: Some("pledge 1") }).unwrap();
        })
    };
    run(1, 24);
    let few = run(4, 24);
    assert!(few > 0, "the counter counts");
    assert_eq!(run(40, 24), few);
    assert_eq!(run(4, 240), few);

    // Every built-in factor and dependence.
    for (name, market, _) in world::markets() {
        let run = |blocks: u64| {
            let simulation = Simulation::new(market.clone(), Book::default()).paths(blocks * PATHS as u64).threads(1);
            allocations(|| simulation.run(Nothing).unwrap())
        };
        run(1);
        assert_eq!(run(40), run(4), "{name}");
    }
    // Borrowers at random, who pay, sell, refinance, default and are liquidated.
    let mut runner = proptest::test_runner::TestRunner::new(ledger::random::cases(1));
    let mut draw = || {
        let world = ledger::random::worlds().new_tree(&mut runner).unwrap().current();
        (world, ledger::random::borrowers("someone").new_tree(&mut runner).unwrap().current())
    };
    for _ in 0..20 {
        let (world, borrower) = draw();
        let run = |blocks: u64| {
            let simulation = world.simulation(Book::new([borrower.clone()])).paths(blocks * PATHS as u64);
            allocations(|| simulation.run(Nothing).unwrap())
        };
        assert_eq!(run(20), run(2), "{borrower:?}");
    }
}

/// A measure keeps as much after 66 blocks as after 33, when bins and sections that values of a script can fill are filled: its paths repeat.
fn keeps_its_size<M: Measure + Clone>(name: &str, simulation: &Simulation, measure: &M) {
    let run = |blocks: u64| {
        let simulation = simulation.clone().paths(blocks * PATHS as u64);
        allocations(|| drop(simulation.run(measure.clone()).unwrap()))
    };
    run(1);
    assert_eq!(run(66), run(33), "{name}");
}

#[test]
fn measures_allocate_no_more_for_more_paths() {
    let mut runner = proptest::test_runner::TestRunner::new(ledger::random::cases(1));
    for _ in 0..3 {
        let world = ledger::random::worlds().new_tree(&mut runner).unwrap().current();
        let mut borrower = ledger::random::borrowers("someone").new_tree(&mut runner).unwrap().current();
        // A shock of its own has other values in every block.
        borrower.revenue_volatility = 0.0;
        let principal: f64 = borrower.facilities.iter().map(|facility| facility.principal).sum();
        let assets: Vec<String> = world.trade.assets.iter().map(|asset| asset.name.clone()).collect();
        let simulation = world.simulation(Book::new([borrower]));
        let notes = CashTranches::new([Note::new("senior", 0.6 * principal.max(1.0), Coupon::Fixed(0.05))]);
        keeps_its_size("default table", &simulation, &DefaultTable::new());
        keeps_its_size("losses", &simulation, &LossDistribution::streaming());
        keeps_its_size("tranches", &simulation, &Tranches::consecutive([0.0, 0.1, 1.0]).notional(principal.max(1.0)));
        keeps_its_size("cash tranches", &simulation, &notes);
        keeps_its_size("fair spread", &simulation, &FairSpread::new());
        keeps_its_size("fan", &simulation, &Fan::of("someone", "cash"));
        keeps_its_size("events", &simulation, &EventCounts::new(["drawn", "refinanced"]));
        keeps_its_size("coverage", &simulation, &CollateralIllusion::new());
        keeps_its_size("recoveries", &simulation, &Recoveries::new());
        keeps_its_size("liquidations", &simulation, &Liquidations::of(assets));
    }
    for (name, market, series) in world::markets().into_iter().step_by(3) {
        if let [one, other, ..] = series {
            let simulation = Simulation::new(market, Book::default()).months(12).threads(1);
            // A kept block and a half, all of it in the second state.
            let states = States::at_end(*one, [f64::MIN]);
            let pair = SeriesPair::of(*one, *other).by(states).thresholds([]).kept_pairs(384 * 12);
            keeps_its_size(name, &simulation, &pair);
        }
    }
}
