//! No allocation while stepping, and memory that does not grow with paths.
//!
//! Every thread counts its allocations here, so this file holds nothing else.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod ledger;
mod support;
#[path = "support/world.rs"]
mod world;

use haircut::credit::Book;
use haircut::measure::{Block, Measure, MeasurePlan, Run};
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
