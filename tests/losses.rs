//! Loss distributions through the engine, against the losses of every path: scopes, modes, threads and shards. A test of the
//! statistics alone, which stands beside them, would miss a facility left out or a block merged twice.
#![allow(clippy::float_cmp, reason = "the promise is equality to the bit")]

mod support;

use haircut::Error;
use haircut::measure::{Confidence, LossDistribution, Losses, PathLosses};
use support::simulation;

#[test]
fn the_book_is_the_losses_of_every_path() {
    let measures = (LossDistribution::exact(), LossDistribution::streaming(), PathLosses::new());
    let (exact, streaming, paths) = simulation().run(measures).unwrap();
    let losses: Vec<f64> = paths.iter().map(|path| path.loss).collect();
    assert_eq!(exact, Losses::exact(&losses, Confidence::default()));
    assert_eq!(exact.paths(), 40 * 256 + 77);
    assert_eq!((exact.mean(), exact.standard_deviation()), (streaming.mean(), streaming.standard_deviation()));
    assert_eq!((exact.minimum(), exact.maximum()), (streaming.minimum(), streaming.maximum()));

    let mut sorted = losses;
    sorted.sort_by(f64::total_cmp);
    for level in [0.1, 0.5, 0.9, 0.99, 0.999] {
        let rank = (level * sorted.len() as f64).ceil() as usize;
        let (e, s) = (exact.quantile(level).unwrap(), streaming.quantile(level).unwrap());
        assert_eq!(e.value, sorted[rank - 1]);
        assert!((s.value / e.value - 1.0).abs() <= 1.0 / 512.0 || s.value == e.value, "{level}: {s} {e}");
        let (e, s) = (exact.expected_shortfall(level).unwrap(), streaming.expected_shortfall(level).unwrap());
        assert!((s.value / e.value - 1.0).abs() <= 1.0 / 512.0, "{level}: {s} {e}");
        // Errors follow the same bins: 1 % is ample, as they are estimates of three digits at best.
        assert!((s.standard_error / e.standard_error - 1.0).abs() < 0.01, "{level}: {s} {e}");
    }
}

#[test]
fn scopes_add_up() {
    let measures = (
        LossDistribution::new(),
        LossDistribution::new().of_lender("bank"),
        LossDistribution::new().of_obligor("pledge 2"),
        LossDistribution::new().of_facility("pledge 2", "loan"),
    );
    let (book, bank, obligor, facility) = simulation().run(measures).unwrap();
    // One lender holds every loan, and an obligor has one.
    assert_eq!(book, bank);
    assert_eq!(obligor, facility);
    assert!(obligor.mean().value > 0.0 && obligor.mean().value < book.mean().value);
}

#[test]
fn names_that_do_not_exist_are_told() {
    let error = |measure| simulation().run::<LossDistribution>(measure).unwrap_err();
    for (measure, known) in [
        (LossDistribution::new().of_obligor("nobody"), "pledge 4"),
        (LossDistribution::new().of_facility("nobody", "loan"), "pledge 4"),
        (LossDistribution::new().of_facility("pledge 1", "bond"), "loan"),
        (LossDistribution::new().of_lender("nobody"), "bank"),
    ] {
        let error = error(measure);
        assert!(matches!(error, Error::Unknown { .. }) && error.to_string().contains(known), "{error}");
    }
}

#[test]
fn any_threads_and_any_shards_give_the_same_bits() {
    for measure in [LossDistribution::exact(), LossDistribution::streaming()] {
        let one = simulation().threads(1).run(measure.clone()).unwrap();
        for threads in [2, 3, 8] {
            assert_eq!(simulation().threads(threads).run(measure.clone()).unwrap(), one);
        }
        let shard = |blocks| simulation().shard(blocks, measure.clone()).unwrap();
        let mut last = shard(30..41);
        let mut middle = shard(7..30);
        middle.merge(shard(0..7)).unwrap();
        last.merge(middle).unwrap();
        assert_eq!(last.finish(), one);
    }
}

#[test]
fn results_and_descriptions_are_read_back_as_they_were_written() {
    for measure in [LossDistribution::exact(), LossDistribution::streaming().of_facility("pledge 2", "loan")] {
        let text = toml::to_string(&measure).unwrap();
        assert_eq!(toml::from_str::<LossDistribution>(&text).unwrap(), measure, "{text}");
        let result = simulation().run(measure).unwrap();
        let text = serde_json::to_string(&result).unwrap();
        assert_eq!(serde_json::from_str::<Losses>(&text).unwrap(), result);
    }
    assert_eq!(toml::from_str::<LossDistribution>("").unwrap(), LossDistribution::new());
}
