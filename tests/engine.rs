//! The promises of the engine: results that do not depend on threads, shards, merge order or an early end; streams keyed
//! by name. Each is tested on a digest of every bit that a measure can see, since equal means would hide a swapped path.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use haircut::credit::{Book, Feedback, LiquidationMarket};
use haircut::market::Market;
use haircut::numeric::PATHS;
use haircut::{Error, Simulation};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicU64, Ordering};
use support::{Digest, Lowest, Pledge, Walk, liquidation, market, pledges, simulation};

const ALL: Digest = Digest { metric_of: Some("pledge 3") };

#[test]
fn same_bits_on_any_number_of_threads() {
    let reference = simulation().threads(1).run(ALL).unwrap();
    assert!(reference.2 > 1000, "the world must have defaults for this test to mean something: {}", reference.2);
    for threads in [2, 3, 8] {
        assert_eq!(simulation().threads(threads).run(ALL).unwrap(), reference, "{threads} threads");
    }
    assert_eq!(simulation().run(ALL).unwrap(), reference, "the current pool");
}

#[test]
fn another_seed_another_result() {
    assert_ne!(simulation().run(ALL).unwrap().0, simulation().seed(12).run(ALL).unwrap().0);
}

#[test]
fn shards_merge_in_any_order_and_grouping() {
    let whole = simulation().run(ALL).unwrap();
    let shard = |blocks| simulation().shard(blocks, ALL).unwrap();
    let mut backwards = shard(30..41);
    backwards.merge(shard(7..30)).unwrap();
    backwards.merge(shard(0..7)).unwrap();
    assert_eq!(backwards.blocks(), std::slice::from_ref(&(0..41)));
    assert_eq!(backwards.finish(), whole);

    let mut odd = shard(0..1);
    let mut rest = shard(20..41);
    rest.merge(shard(1..2)).unwrap();
    rest.merge(shard(2..20)).unwrap();
    odd.merge(rest).unwrap();
    assert_eq!(odd.finish(), whole);
}

#[test]
fn shards_refuse_another_run_and_the_same_block_twice() {
    let mut shard = simulation().shard(0..10, ALL).unwrap();
    let other = simulation().seed(12).shard(10..20, ALL).unwrap();
    assert!(matches!(shard.merge(other), Err(Error::Merge { .. })));
    let other = simulation().shard(10..20, Digest { metric_of: None }).unwrap();
    assert!(matches!(shard.merge(other), Err(Error::Merge { .. })));
    let twice = simulation().shard(9..12, ALL).unwrap();
    assert!(matches!(shard.merge(twice), Err(Error::Merge { .. })));
    assert!(simulation().shard(0..42, ALL).is_err());
    // Refused merges leave the shard as it was.
    shard.merge(simulation().shard(10..41, ALL).unwrap()).unwrap();
    assert_eq!(shard.finish(), simulation().run(ALL).unwrap());
}

#[test]
fn the_digest_tells_runs_apart_but_not_thread_counts() {
    let digest = simulation().digest();
    assert_eq!(simulation().threads(3).digest(), digest);
    assert_ne!(simulation().seed(12).digest(), digest);
    assert_ne!(simulation().paths(10).digest(), digest);
    assert_ne!(simulation().months(23).digest(), digest);
}

#[test]
fn a_run_ended_early_equals_a_run_of_fewer_paths() {
    let seen = AtomicU64::new(0);
    let stop_after_ten_blocks = |progress: haircut::engine::Progress| {
        seen.fetch_max(progress.paths_done, Ordering::Relaxed);
        if progress.paths_done >= 10 * PATHS as u64 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    for threads in [1, 3] {
        let ended = simulation().threads(threads).run_with(ALL, &stop_after_ten_blocks).unwrap();
        assert!(ended.1 >= 10 * PATHS as u64 && ended.1 < 40 * PATHS as u64, "{} paths", ended.1);
        assert_eq!(simulation().paths(ended.1).run(ALL).unwrap(), ended);
    }
    assert!(seen.load(Ordering::Relaxed) >= 10 * PATHS as u64);
}

#[test]
fn progress_reaches_the_end_once() {
    let (largest, calls) = (AtomicU64::new(0), AtomicU64::new(0));
    let watch = |progress: haircut::engine::Progress| {
        largest.fetch_max(progress.paths_done, Ordering::Relaxed);
        calls.fetch_add(u64::from(progress.paths_done == progress.paths), Ordering::Relaxed);
        ControlFlow::Continue(())
    };
    simulation().run_with(ALL, &watch).unwrap();
    assert_eq!(largest.into_inner(), 40 * PATHS as u64 + 77);
    assert_eq!(calls.into_inner(), 1);
}

#[test]
fn fewer_paths_are_a_prefix() {
    // The digest adds over paths, so the difference of two runs is the digest of the paths that only one has.
    let run = |paths| simulation().paths(paths).run(ALL).unwrap().0;
    let (short, long) = (run(PATHS as u64 + 5), run(2 * PATHS as u64));
    let rest = simulation().paths(2 * PATHS as u64).shard(1..2, ALL).unwrap().finish().0;
    let first = simulation().paths(PATHS as u64).run(ALL).unwrap().0;
    assert_eq!(first.wrapping_add(rest), long);
    let five = simulation().paths(PATHS as u64 + 5).shard(1..2, ALL).unwrap().finish().0;
    assert_eq!(first.wrapping_add(five), short);
}

/// Defaults of one pledge alone, beside how many obligors and factors there are around it.
fn defaults_of_pledge_0(market: Market, others: usize, feedback: Feedback) -> u64 {
    let mut book = Book::new([Pledge { name: "pledge 0".into(), barrier: 0.8 }]);
    for pledge in pledges(others + 1).into_iter().skip(1) {
        book = book.obligor(pledge);
    }
    let book = book.liquidation(LiquidationMarket { feedback, ..liquidation() });
    let simulation = Simulation::new(market, book).months(24).paths(5000).seed(3);
    simulation.run(support::Defaults { obligor: 0 }).unwrap()
}

#[test]
fn common_random_numbers_survive_more_obligors_and_factors() {
    let alone = defaults_of_pledge_0(market(), 0, Feedback::Off);
    assert_eq!(defaults_of_pledge_0(market(), 7, Feedback::Off), alone);
    let more = Market::builder()
        .factor("before", Walk)
        .factor("coin", Walk)
        .factor("between", Walk)
        .factor("low", Lowest("coin".into()))
        .build()
        .unwrap();
    assert_eq!(defaults_of_pledge_0(more, 7, Feedback::Off), alone);
    // With feedback the others' sales do reach it, so the test above could have failed.
    assert_ne!(defaults_of_pledge_0(market(), 7, Feedback::On), alone);
}

#[test]
fn mistakes_are_errors() {
    let fails = |simulation: Simulation, field: &str| {
        let error = simulation.run(ALL).unwrap_err();
        assert!(error.to_string().contains(field), "{error}");
    };
    fails(simulation().paths(0), "paths");
    fails(simulation().threads(0), "threads");
    fails(simulation().threads(usize::MAX), "threads");
    fails(simulation().months(0), "months");
    fails(Simulation::new(market(), Book::new(pledges(1))), "no such asset");
    let twice = [Pledge { name: "a".into(), barrier: 1.0 }, Pledge { name: "a".into(), barrier: 1.0 }];
    fails(Simulation::new(market(), Book::new(twice).liquidation(liquidation())), "obligors[1].name");
    let nan = [Pledge { name: "a".into(), barrier: f64::NAN }];
    fails(Simulation::new(market(), Book::new(nan).liquidation(liquidation())), "obligors[0].barrier");
    let unknown = simulation().run(Digest { metric_of: Some("nobody") }).unwrap_err().to_string();
    assert!(unknown.contains("no such obligor") && unknown.contains("pledge 1"), "{unknown}");
    let market = Market::builder().factor("low", Lowest("coin".into())).factor("coin", Walk).build().unwrap_err();
    assert!(market.to_string().contains("factors.low.of"), "{market}");
    assert!(Market::builder().factor("a", Walk).factor("a", Walk).build().is_err());
    assert!(Market::builder().factor("a.b", Walk).build().is_err());
    assert!(Market::builder().factor(" ", Walk).build().is_err());
}

/// A factor that shows whatever stands in its driver and modulation at time zero, under a dependence that modulates in its
/// last step only, and an obligor that defaults at once and never says why: three ways to meet what a block left behind.
mod forgetful {
    use super::support::Lowest;
    use haircut::Error;
    use haircut::credit::{Obligor, ObligorBlock, ObligorPlan, ObligorStepper};
    use haircut::market::*;

    #[derive(Debug)]
    pub(crate) struct Shown;
    struct ShownStepper(OwnLane, DriverLane);
    impl Factor for Shown {
        fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error> {
            Ok(Box::new(ShownStepper(plan.level(), plan.driver())))
        }
    }
    impl FactorStepper for ShownStepper {
        fn start(&self, block: &mut FactorBlock<'_>) {
            let modulation = block.modulation.unwrap();
            for (path, level) in block.own[self.0].iter_mut().enumerate() {
                *level = block.drivers[self.1][path] + 8.0 * modulation.volatility[path] + modulation.drift[path];
            }
        }
        fn step(&self, _block: &mut FactorBlock<'_>) {}
    }

    #[derive(Debug)]
    pub(crate) struct Late;
    struct LateStepper(usize);
    impl Dependence for Late {
        fn plan(&self, plan: &mut DependencePlan<'_>) -> Result<Box<dyn DependenceStepper>, Error> {
            Ok(Box::new(LateStepper(plan.grid().steps())))
        }
    }
    impl DependenceStepper for LateStepper {
        fn start(&self, _block: &mut DependenceBlock<'_>) {}
        fn step(&self, block: &mut DependenceBlock<'_>) {
            if block.step.index == self.0 {
                block.volatility[0].fill(2.0);
                block.drift[0].fill(0.5);
            }
        }
        fn modulates(&self) -> bool {
            true
        }
    }

    #[derive(Debug)]
    pub(crate) struct Silent;
    struct SilentStepper(ReadLane);
    impl Obligor for Silent {
        fn name(&self) -> &str {
            "silent"
        }
        fn plan(&self, plan: &mut ObligorPlan<'_>) -> Result<Box<dyn ObligorStepper>, Error> {
            plan.facility("loan", "bank", 1.0)?;
            Ok(Box::new(SilentStepper(plan.read("coin", "coin")?)))
        }
    }
    impl ObligorStepper for SilentStepper {
        fn start(&self, _block: &mut ObligorBlock<'_>) {}
        fn step(&self, block: &mut ObligorBlock<'_>) {
            for (path, step) in block.outcome.default_step.iter_mut().enumerate() {
                *step = 1.0;
                if block.first_path == 0 {
                    block.outcome.cause[path] = haircut::credit::Cause::Maturity;
                }
                block.outcome.loss[0][path] = block.read[self.0][path];
            }
        }
    }

    pub(crate) fn market() -> Market {
        Market::builder().factor("coin", Shown).factor("low", Lowest("coin".into())).dependence(Late).build().unwrap()
    }
}

#[test]
fn a_block_leaves_nothing_behind_for_the_next() {
    use haircut::measure::{DefaultTable, LossDistribution};
    let book = Book::new([forgetful::Silent]);
    let simulation = Simulation::new(forgetful::market(), book).months(3).paths(2 * PATHS as u64).threads(1);
    let run = || (DefaultTable::new(), LossDistribution::exact());
    let second_alone = simulation.shard(1..2, run()).unwrap();
    let mut shards = simulation.shard(0..1, run()).unwrap();
    shards.merge(second_alone).unwrap();
    let (whole, parts) = (simulation.run(run()).unwrap(), shards.finish());
    assert_eq!(whole.1, parts.1);
    assert_eq!(whole.0["silent"].causes, parts.0["silent"].causes);
    // Zero drivers, volatilities as they are, no drift.
    assert_eq!((whole.1.minimum(), whole.1.maximum()), (Some(8.0), Some(8.0)));
}

#[test]
fn any_number_of_paths_can_be_asked_for() {
    let most = simulation().paths(u64::MAX);
    let ended = most.threads(1).run_with(ALL, &|_| ControlFlow::Break(())).unwrap();
    assert_eq!(simulation().paths(ended.1).run(ALL).unwrap(), ended);
    let last = simulation().paths(u64::MAX).blocks() - 1;
    assert_eq!(simulation().paths(u64::MAX).shard(last..last + 1, ALL).unwrap().finish().1, PATHS as u64 - 1);
}

/// A factor that asks for the same driver, or publishes the same series, twice.
#[derive(Debug)]
struct Twice {
    driver: bool,
}

impl haircut::market::Factor for Twice {
    fn plan(
        &self,
        plan: &mut haircut::market::FactorPlan<'_>,
    ) -> Result<Box<dyn haircut::market::FactorStepper>, Error> {
        if self.driver {
            plan.driver();
            plan.driver();
        } else {
            plan.publish("x");
            plan.publish("x");
        }
        Walk.plan(plan)
    }
}

#[test]
fn a_factor_cannot_take_a_name_twice() {
    for driver in [true, false] {
        let error = Market::builder().factor("twice", Twice { driver }).build().unwrap_err();
        assert!(error.to_string().contains("factors.twice = \"twice"), "{error}");
    }
}
