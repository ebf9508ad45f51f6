//! Paired differences: their values against the runs alone, their errors against a recount by sections and against many seeds. A test of the
//! value alone would miss that the noise which two runs share must not count.
#![allow(clippy::float_cmp, reason = "the promise is equality to the bit")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/large_pool.rs"]
mod large_pool;
mod support;

use haircut::credit::Book;
use haircut::engine::{Compared, Comparison, Quantity};
use haircut::measure::{Confidence, Estimate, LossDistribution, Losses, PathLosses, Pool};
use haircut::numeric::{PATHS, kernel};
use haircut::{Error, Simulation};
use large_pool::LargePool;
use std::ops::ControlFlow;

const QUANTITIES: &[Quantity<'static, Losses>] = &[
    ("EL", &|losses| Ok(losses.mean())),
    ("VaR", &|losses| losses.quantile(0.95)),
    ("ES", &|losses| losses.expected_shortfall(0.95)),
];

/// Pledges whose barriers are moved by some amount.
fn run(shift: f64) -> Simulation {
    let pledges = support::pledges(5).into_iter().map(|p| support::Pledge { barrier: p.barrier + shift, ..p });
    let book = Book::new(pledges.collect::<Vec<_>>()).liquidation(support::liquidation());
    Simulation::new(support::market(), book).months(24).paths(40 * PATHS as u64 + 77).seed(11)
}

fn comparison() -> Comparison {
    Comparison::of([("base", run(0.0)), ("looser", run(-0.05)), ("same", run(0.0))]).sections(7)
}

/// The errors again, from the losses of every path.
#[test]
fn values_and_errors_are_the_recount() {
    let compared = comparison().run(LossDistribution::exact(), QUANTITIES).unwrap();
    let paths = [run(0.0), run(-0.05)].map(|run| run.run(PathLosses::new()).unwrap());
    let losses = paths.map(|paths| paths.iter().map(|path| path.loss).collect::<Vec<_>>());
    let n = losses[0].len();
    let distribution = |losses: &[f64]| Losses::exact(losses, Confidence::default());
    for (name, read) in QUANTITIES {
        let value = |run: usize, from: usize, to: usize| read(&distribution(&losses[run][from..to])).unwrap().value;
        let whole = [value(0, 0, n), value(1, 0, n)];
        let (difference, ratio) = (whole[1] - whole[0], whole[1] / whole[0]);
        let (mut of_difference, mut of_ratio) = (0.0, 0.0);
        for section in 0..7 {
            // 41 blocks, the last one of 77 paths.
            let bound = |section: usize| (41 * section / 7 * PATHS).min(n);
            let (from, to) = (bound(section), bound(section + 1));
            let share = (to - from) as f64 / n as f64;
            let part = [value(0, from, to), value(1, from, to)];
            of_difference += (share * (part[1] - part[0] - difference)).powi(2);
            of_ratio += (share * (part[1] - ratio * part[0]) / whole[0]).powi(2);
        }
        let near = |estimate: Estimate, value: f64, sum: f64| {
            let error = (7.0 / 6.0 * sum).sqrt();
            assert!((estimate.value / value - 1.0).abs() < 1e-12, "{name}: {estimate} against {value}");
            assert!((estimate.standard_error / error - 1.0).abs() < 1e-9, "{name}: {estimate} against {error}");
            // Student's t with six degrees of freedom: 2.4469.
            assert!(((estimate.upper - estimate.value) / error - 2.4469).abs() < 1e-4);
            assert_eq!(estimate.paths, n as u64);
        };
        near(compared.difference("looser", "base", name).unwrap(), difference, of_difference);
        near(compared.ratio("looser", "base", name).unwrap(), ratio, of_ratio);
        assert_eq!(compared.value("looser", name).unwrap(), read(&distribution(&losses[1])).unwrap());
    }
}

#[test]
fn a_run_compared_is_the_run_alone_and_one_with_itself_is_no_difference() {
    let compared = comparison().run(LossDistribution::exact(), QUANTITIES).unwrap();
    for (name, shift) in [("base", 0.0), ("looser", -0.05)] {
        assert_eq!(*compared.output(name).unwrap(), run(shift).run(LossDistribution::exact()).unwrap());
    }
    for quantity in compared.quantities() {
        let difference = compared.difference("same", "base", quantity).unwrap();
        assert_eq!((difference.value, difference.standard_error, difference.upper), (0.0, 0.0, 0.0));
        let ratio = compared.ratio("same", "base", quantity).unwrap();
        assert_eq!((ratio.value, ratio.standard_error), (1.0, 0.0));
    }
    assert_eq!(compared.runs().collect::<Vec<_>>(), ["base", "looser", "same"]);
}

#[test]
fn any_threads_and_any_shards_give_the_same_bits() {
    let on = |threads: usize| {
        let runs = [("base", run(0.0).threads(threads)), ("looser", run(-0.05)), ("same", run(0.0))];
        Comparison::of(runs).sections(7).run(LossDistribution::streaming(), QUANTITIES).unwrap()
    };
    let one = on(1);
    assert!([2, 3, 8].into_iter().all(|threads| on(threads) == one));
    let shard = |sections| comparison().shard(sections, LossDistribution::streaming(), QUANTITIES).unwrap();
    let mut last = shard(5..7);
    let mut first = shard(2..5);
    first.merge(shard(0..2)).unwrap();
    last.merge(first).unwrap();
    assert!(matches!(last.merge(shard(3..4)), Err(Error::Merge { .. })));
    let other = comparison().sections(8).shard(0..1, LossDistribution::streaming(), QUANTITIES).unwrap();
    assert!(matches!(last.merge(other), Err(Error::Merge { .. })));
    assert_eq!(last.finish(QUANTITIES).unwrap(), one);
    assert!(comparison().shard(5..8, LossDistribution::streaming(), QUANTITIES).is_err());
}

/// Ended early, it is the comparison of fewer paths: whole sections, the same for every run.
#[test]
fn ended_early_it_has_whole_sections() {
    let run_with = |compare: Comparison, stop_at: u64| -> Compared<Losses> {
        compare
            .run_with(LossDistribution::exact(), QUANTITIES, &|progress| {
                if progress.paths_done >= stop_at { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .unwrap()
    };
    let whole = run_with(comparison(), u64::MAX);
    assert_eq!(whole, comparison().run(LossDistribution::exact(), QUANTITIES).unwrap());
    let early = run_with(Comparison::of([("a", run(0.0).threads(1)), ("b", run(-0.05))]).sections(41), 10 * 256);
    let paths = early.output("a").unwrap().paths();
    assert_eq!((paths, early.output("b").unwrap().paths()), (5 * 256, 5 * 256));
    assert_eq!(*early.output("b").unwrap(), run(-0.05).paths(paths).run(LossDistribution::exact()).unwrap());
}

#[test]
fn runs_that_are_joined_are_runs_compared() {
    let numbers = |runs: Vec<(&str, Simulation)>| {
        let compared = Comparison::of(runs).sections(7).run(LossDistribution::new(), QUANTITIES);
        compared.unwrap().into_numbers()
    };
    let together = numbers(vec![("base", run(0.0)), ("looser", run(-0.05))]);
    let mut joined = numbers(vec![("base", run(0.0))]);
    joined.join(numbers(vec![("looser", run(-0.05))])).unwrap();
    assert_eq!(joined, together);
    assert!(together.ratio("looser", "base", "ES").unwrap().standard_error > 0.0);
    // Of a mean the error by sections is near its own: some 30 % with six degrees of freedom, so 5 of those.
    let (own, sectioned) = (together.value("base", "EL").unwrap(), together.sectioned("base", "EL").unwrap());
    assert_eq!(own.value, sectioned.value);
    assert!((sectioned.standard_error / own.standard_error - 1.0).abs() < 5.0 / 12.0_f64.sqrt());
    let refused = |other| matches!(together.clone().join(other), Err(Error::Merge { .. }));
    assert!(refused(numbers(vec![("base", run(0.0))])), "the same run twice");
    assert!(refused(numbers(vec![("other", run(0.0).seed(3))])), "other random numbers");
    assert!(refused(numbers(vec![("other", run(0.0).paths(40 * PATHS as u64))])), "other sections");
}

#[test]
fn mistakes_are_told() {
    let field = |comparison: Comparison| {
        comparison.run(LossDistribution::new(), QUANTITIES).unwrap_err().field().unwrap_or_default().to_owned()
    };
    let pair = |other: Simulation| Comparison::of([("a", run(0.0)), ("b", other)]);
    assert_eq!(field(Comparison::of(Vec::<(String, Simulation)>::new())), "runs");
    assert_eq!(field(pair(run(0.0).seed(3))), "runs[1].seed");
    assert_eq!(field(pair(run(0.0).paths(3))), "runs[1].paths");
    assert_eq!(field(pair(run(0.0)).sections(1)), "sections");
    assert_eq!(field(Comparison::of([("a", run(0.0)), ("a", run(0.1))])), "runs[1].name");
    assert_eq!(field(pair(run(f64::NAN))), "runs.b.obligors[0].barrier");
    let nobody = LossDistribution::new().of(Pool::Obligor("nobody".into()));
    let error = pair(run(0.1)).run(nobody, QUANTITIES).unwrap_err();
    assert_eq!(error.field(), Some("runs.a.obligor"));
    let wrong: &[Quantity<'_, Losses>] = &[("ES", &|losses| losses.expected_shortfall(95.0))];
    let error = pair(run(0.1)).run(LossDistribution::new(), wrong).unwrap_err();
    assert_eq!(error.field(), Some("runs.a.ES.level"));
    let twice: &[Quantity<'_, Losses>] = &[("EL", &|losses| Ok(losses.mean())), ("EL", &|losses| Ok(losses.mean()))];
    assert!(matches!(pair(run(0.1)).run(LossDistribution::new(), twice), Err(Error::Duplicate { .. })));
    let compared = pair(run(0.1)).run(LossDistribution::new(), QUANTITIES).unwrap();
    for error in [compared.difference("a", "c", "EL").unwrap_err(), compared.ratio("a", "b", "PD").unwrap_err()] {
        assert!(matches!(error, Error::Unknown { .. }) && error.to_string().contains("there is"), "{error}");
    }
    // Too few paths for a section of its own to have an error.
    let few = Comparison::of([("a", run(0.0).paths(256)), ("b", run(0.1).paths(256))]);
    let few = few.run(LossDistribution::new(), QUANTITIES).unwrap().difference("b", "a", "EL").unwrap();
    assert!(few.value > 0.0 && few.standard_error.is_infinite());
}

/// Vasicek's quantile: the loss at the `level` quantile of `-Z`.
fn quantile(pool: LargePool, level: f64) -> f64 {
    let (p, z) = (kernel::normal_quantile(pool.pd), kernel::normal_quantile(level));
    kernel::normal_cdf((p + pool.correlation.sqrt() * z) / (1.0 - pool.correlation).sqrt())
}

/// Its expected shortfall, by the midpoint rule over the levels.
fn shortfall(pool: LargePool, level: f64) -> f64 {
    let cells = 20_000;
    let cell = |k: i32| quantile(pool, level + (1.0 - level) * (f64::from(k) + 0.5) / f64::from(cells));
    (0..cells).map(cell).sum::<f64>() / f64::from(cells)
}

/// Over 300 seeds: unbiased, the error is the deviation over seeds, the intervals cover 95 %, for mean, quantile and shortfall, differences and ratios.
#[test]
fn paired_errors_are_valid() {
    let (a, b) =
        (LargePool { pd: 0.04, correlation: 0.15, lgd: 1.0 }, LargePool { pd: 0.05, correlation: 0.25, lgd: 1.0 });
    let truth = |pool: LargePool| [pool.pd, quantile(pool, 0.95), shortfall(pool, 0.95)];
    let (of_a, of_b) = (truth(a), truth(b));
    let runs = 300;
    let mut seen = vec![Vec::new(); 6];
    let (mut paired, mut apart) = (0.0, 0.0);
    for seed in 0..runs {
        let run = |pool: LargePool| pool.year().paths(16 * 1024).seed(seed);
        let compared = Comparison::of([("a", run(a)), ("b", run(b))]).sections(16);
        let compared = compared.run(LossDistribution::exact(), QUANTITIES).unwrap();
        for (k, (quantity, _)) in QUANTITIES.iter().enumerate() {
            let difference = compared.difference("b", "a", quantity).unwrap();
            let ratio = compared.ratio("b", "a", quantity).unwrap();
            let own = ["a", "b"].map(|run| compared.value(run, quantity).unwrap().standard_error);
            paired += difference.standard_error.powi(2);
            apart += own[0] * own[0] + own[1] * own[1];
            seen[2 * k].push((difference, of_b[k] - of_a[k]));
            seen[2 * k + 1].push((ratio, of_b[k] / of_a[k]));
        }
    }
    // One normal moves both losses, so most of the noise drops out.
    assert!(paired < 0.25 * apart, "{paired} against {apart}");
    for (k, seen) in seen.iter().enumerate() {
        let n = seen.len() as f64;
        let t = |(estimate, truth): &(Estimate, f64)| (estimate.value - truth) / estimate.standard_error;
        let mean = seen.iter().map(t).sum::<f64>() / n;
        let square = seen.iter().map(|seen| t(seen) * t(seen)).sum::<f64>() / n;
        let covered = seen.iter().filter(|(e, truth)| e.lower <= *truth && *truth <= e.upper).count() as f64 / n;
        // t with 15 degrees of freedom has variance 15/13, and its square the variance 2 (15/13)^2 (14/11). The bias of a tail of 800 paths and of a
        // section's tail of 51 is of the order of 1/51 of the error (discretisation).
        let rare = 1.0 / 51.0;
        let variance = 15.0 / 13.0;
        assert!(mean.abs() < 5.0 * (variance / n).sqrt() + rare, "{k}: biased by {mean} errors");
        let deviation = (2.0 * variance * variance * 14.0 / 11.0 / n).sqrt();
        assert!((square - variance).abs() < 5.0 * deviation + rare, "{k}: {square}");
        assert!((covered - 0.95).abs() < 5.0 * (0.95 * 0.05 / n).sqrt() + rare, "{k}: covered {covered}");
    }
}
