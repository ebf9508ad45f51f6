//! Guards: quantiles and expected shortfall are those of the general definition, exact in the exact mode and within the stated bound
//! in the streaming one; their errors are those of theory and their intervals cover; weights and atoms are honoured; merging is exact to the bit.
#![allow(clippy::float_cmp, reason = "degenerate cases and merging are exact")]

use super::super::binomial::normal_quantile;
use super::super::bins::QuantileBins;
use super::super::order::Order;
use super::super::sample::Sample;
use super::*;
use proptest::prelude::*;
use rand::{RngExt, SeedableRng, rngs::StdRng};

fn exact(losses: &[f64]) -> Losses {
    Losses::exact(losses, Confidence::default())
}

fn modes() -> [Order; 2] {
    [Order::Exact(Sample::default()), Order::Streaming(QuantileBins::new())]
}

fn weighted(order: Order, losses: &[f64], weights: &[f64]) -> Losses {
    let mut all = Losses::new(order, Confidence::default());
    for (losses, weights) in losses.chunks(256).zip(weights.chunks(256)) {
        all.record(losses, weights);
    }
    all.finish();
    all
}

fn streaming(losses: &[f64]) -> Losses {
    weighted(Order::Streaming(QuantileBins::new()), losses, &vec![1.0; losses.len()])
}

fn normals(count: usize, seed: u64) -> Vec<f64> {
    let mut random = StdRng::seed_from_u64(seed);
    (0..count).map(|_| normal_quantile(random.random::<f64>().max(1e-17))).collect()
}

/// Mean and standard deviation.
fn summary(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, (values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (n - 1.0)).sqrt())
}

#[test]
fn infinite_losses_are_above_every_bound() {
    for losses in [exact, streaming] {
        let losses = losses(&[f64::INFINITY, 1.0, -2.0, f64::NEG_INFINITY]);
        assert_eq!(losses.exceedance(0.0).value, 0.5);
        assert_eq!(losses.exceedance(1e308).value, 0.25);
        let histogram = losses.histogram(&[-3.0, 0.0, 5.0]).unwrap();
        let shares: Vec<f64> = histogram.bars.iter().map(|bar| bar.value).collect();
        assert_eq!((histogram.below.value, shares, histogram.above.value), (0.25, vec![0.25; 2], 0.25));
    }
}

/// Losses 0, 10, 50, 100 with probabilities 0.90, 0.06, 0.03, 0.01 at level 0.95, by hand: P(L <= 10) = 0.96, so the quantile is 10;
/// ES = (100 x 0.01 + 50 x 0.03 + 10 x 0.01) / 0.05 = 52, where the mean of the losses above the quantile would say 62.5.
#[test]
fn atoms_by_hand() {
    let losses = [vec![0.0; 90], vec![10.0; 6], vec![50.0; 3], vec![100.0]].concat();
    for distribution in [exact(&losses), streaming(&losses)] {
        assert_eq!(distribution.quantile(0.95).unwrap().value, 10.0);
        assert_eq!(distribution.expected_shortfall(0.95).unwrap().value, 52.0);
        // (L - 10)+ is 40 three times and 90 once: sum 210, squares 12,900; the standard error of its mean over 0.05.
        let expected = ((12_900.0 / 100.0 - 2.1 * 2.1) / 99.0_f64).sqrt() / 0.05;
        assert!((distribution.expected_shortfall(0.95).unwrap().standard_error - expected).abs() < 1e-12);
        assert_eq!(distribution.expected_shortfall(0.0).unwrap().value, distribution.mean().value);
        assert_eq!(
            (distribution.quantile(0.9).unwrap().value, distribution.quantile(0.96).unwrap().value),
            (0.0, 10.0)
        );
        assert_eq!(
            (distribution.quantile(0.961).unwrap().value, distribution.quantile(1.0).unwrap().value),
            (50.0, 100.0)
        );
        assert_eq!(distribution.quantile(0.0).unwrap().value, 0.0);
        assert_eq!((distribution.exceedance(10.0).value, distribution.exceedance(-1.0).value), (0.04, 1.0));
        assert_eq!((distribution.minimum(), distribution.maximum()), (Some(0.0), Some(100.0)));
        assert!((distribution.mean().value - 3.1).abs() < 1e-14);
    }
    // The same law by weights, on four paths each drawn with probability 1/4.
    for order in modes() {
        let distribution = weighted(order, &[100.0, 0.0, 50.0, 10.0], &[0.04, 3.6, 0.12, 0.24]);
        assert_eq!(distribution.quantile(0.95).unwrap().value, 10.0);
        assert!((distribution.expected_shortfall(0.95).unwrap().value - 52.0).abs() < 1e-12);
    }
}

#[test]
fn one_loss_on_every_path_is_exact() {
    for order in modes() {
        let distribution = weighted(order, &[0.1; 1000], &[1.0; 1000]);
        for estimate in
            [distribution.mean(), distribution.quantile(0.9).unwrap(), distribution.expected_shortfall(0.9).unwrap()]
        {
            assert_eq!((estimate.value, estimate.standard_error), (0.1, 0.0));
            assert_eq!((estimate.lower, estimate.upper), (0.1, 0.1));
        }
        assert_eq!(distribution.standard_deviation().value, 0.0);
    }
}

#[test]
fn what_the_paths_cannot_tell_is_not_zero() {
    let none = exact(&[]);
    for estimate in [
        none.mean(),
        none.standard_deviation(),
        none.quantile(0.5).unwrap(),
        none.expected_shortfall(0.5).unwrap(),
        none.exceedance(1.0),
    ] {
        assert!(!estimate.is_defined() && !(estimate.standard_error == 0.0));
    }
    assert_eq!((none.minimum(), none.maximum()), (None, None));
    let few = exact(&normals(100, 1));
    // One path in a thousand is not among a hundred.
    assert_eq!(few.quantile(0.999).unwrap().upper, f64::INFINITY);
    assert_eq!(few.quantile(0.999).unwrap().standard_error, f64::INFINITY);
    assert_eq!(few.expected_shortfall(0.999).unwrap().standard_error, f64::INFINITY);
    for end in [0.0, 1.0] {
        assert_eq!(few.quantile(end).unwrap().standard_error, f64::INFINITY);
    }
    for level in [-0.1, 1.1, f64::NAN] {
        assert_eq!(few.quantile(level).unwrap_err().field(), Some("level"));
        assert!(few.expected_shortfall(level).is_err());
    }
    // A loss that is no number is above every other.
    for order in modes() {
        let broken = weighted(order, &[1.0, 2.0, f64::NAN, 3.0], &[1.0; 4]);
        assert_eq!(broken.quantile(0.75).unwrap().value, 3.0);
        assert!(broken.quantile(0.9).unwrap().value.is_nan() && broken.expected_shortfall(0.5).unwrap().value.is_nan());
        assert!(broken.mean().value.is_nan() && broken.standard_deviation().value.is_nan());
        assert_eq!((broken.minimum(), broken.maximum()), (Some(1.0), Some(3.0)));
        let histogram = broken.histogram(&[0.0, 2.5]).unwrap();
        assert_eq!((histogram.undefined, histogram.bars[0].value, histogram.above.value), (1, 0.5, 0.25));
    }
    // A weight that is none.
    let broken = weighted(Order::Exact(Sample::default()), &[1.0, 2.0], &[1.0, -1.0]);
    assert!(!broken.quantile(0.5).unwrap().is_defined() && !broken.expected_shortfall(0.5).unwrap().is_defined());
}

/// David and Nagaraja: for n = 100 and the median, ranks 40 and 61 cover with probability 0.9648.
#[test]
fn interval_of_the_median_by_ranks() {
    let losses: Vec<f64> = (1..=100).map(f64::from).collect();
    let median = exact(&losses).quantile(0.5).unwrap();
    assert_eq!((median.value, median.lower, median.upper), (50.0, 40.0, 61.0));
    // A rank that rounding would move: 0.55 x 100 is 55.00000000000001 in floating point.
    assert_eq!(exact(&losses).quantile(0.55).unwrap().value, 55.0);
    assert_eq!(exact(&losses).quantile(0.551).unwrap().value, 56.0);
}

/// Exact mean and standard deviation of order statistics of standard normals (integrals of the beta law, computed
/// independently): the quantile at level i/n is the i-th smallest of n.
#[test]
fn quantiles_have_the_moments_of_order_statistics() {
    for (count, rank, mean, deviation) in [
        (1000, 990, 2.305_759_346_497_227, 0.115_449_287_868_070_99),
        (1000, 991, 2.343_124_610_323_37, 0.119_851_907_380_790_2),
        (100, 95, 1.591_227_417_237_118_6, 0.203_032_065_744_826_82),
    ] {
        let runs = 2000;
        let values: Vec<f64> = normals(count * runs, 5)
            .chunks(count)
            .map(|losses| exact(losses).quantile(rank as f64 / count as f64).unwrap().value)
            .collect();
        let (m, s) = summary(&values);
        assert!((m - mean).abs() < 5.0 * deviation / (runs as f64).sqrt(), "{m} {mean}");
        // The law of an order statistic is close to normal: sd(s) / s = sqrt(1 / 2R), and 10 % for its kurtosis.
        assert!((s / deviation - 1.0).abs() < 5.5 / (2.0 * runs as f64).sqrt(), "{s} {deviation}");
    }
}

/// The mean of the k largest of n standard normals: exact expectation, below the true expected shortfall by the bias stated.
#[test]
fn expected_shortfall_has_its_exact_expectation() {
    for (count, tail, expectation, deviation) in [
        (1000, 10, 2.646_952_508_615_391_3, 0.145),
        (10_000, 100, 2.663_360_082_988_068_4, 0.045_9),
        (200, 2, 2.579_848_644_757_466_2, 0.33),
    ] {
        let runs = 4_000_000 / count;
        let level = 1.0 - tail as f64 / count as f64;
        let values: Vec<f64> = normals(count * runs, 6)
            .chunks(count)
            .map(|losses| exact(losses).expected_shortfall(level).unwrap().value)
            .collect();
        let (m, s) = summary(&values);
        assert!((m - expectation).abs() < 5.0 * deviation / (runs as f64).sqrt(), "{m} {expectation}");
        assert!(s < 1.3 * deviation, "the bound above is meant: {s}");
    }
}

/// Asymptotic standard errors for the standard normal: sqrt(a (1-a) / n) / f(q) and sd((X-q)+) / ((1-a) sqrt(n)).
#[test]
fn standard_errors_are_those_of_theory() {
    for (level, count, of_quantile, of_shortfall) in [
        (0.95, 1000, 0.066_824_856_576_843_62, 0.077_968_262_333_955_4),
        (0.99, 10_000, 0.037_332_361_269_649_65, 0.045_883_622_623_562_69),
    ] {
        let runs = 4_000_000 / count;
        let (mut quantile, mut shortfall) = (Vec::new(), Vec::new());
        for losses in normals(count * runs, 8).chunks(count) {
            let distribution = exact(losses);
            quantile.push(distribution.quantile(level).unwrap().standard_error);
            shortfall.push(distribution.expected_shortfall(level).unwrap().standard_error);
        }
        // The theory is asymptotic: in the tail of k = n (1 - a) losses its relative error is of the order 1/k (discretisation).
        let asymptotic = 1.0 / (count as f64 * (1.0 - level));
        for (reported, theory) in [(quantile, of_quantile), (shortfall, of_shortfall)] {
            let (m, s) = summary(&reported);
            let sampling = 5.0 * s / theory / (runs as f64).sqrt();
            assert!(
                (m / theory - 1.0).abs() < sampling + 2.0 * asymptotic,
                "{level} {count}: {} {sampling}",
                m / theory
            );
        }
    }
}

#[test]
fn intervals_cover() {
    // Standard normal at 0.95: quantile and expected shortfall in closed form, standard deviation 1.
    let (level, q, es) = (0.95, 1.644_853_626_951_472_2, 2.062_712_807_507_425_7);
    let (count, runs) = (2000, 2000);
    let mut covered = [0; 4];
    for losses in normals(count * runs, 9).chunks(count) {
        let (exact, streaming) = (exact(losses), streaming(losses));
        let estimates = [
            (exact.quantile(level).unwrap(), q),
            (exact.expected_shortfall(level).unwrap(), es),
            (exact.standard_deviation(), 1.0),
            (streaming.quantile(level).unwrap(), q),
        ];
        for (covered, (estimate, truth)) in covered.iter_mut().zip(estimates) {
            *covered += i32::from(estimate.lower <= truth && truth <= estimate.upper);
        }
    }
    let deviation = (0.95 * 0.05 / runs as f64).sqrt();
    // The ranks cover at least as stated and, with 100 losses in the tail, at most 2 % more. Skewness costs the
    // normal intervals of ES and standard deviation of the order 1/k and 1/n: 1.5 % and 0.2 %.
    for (covered, below, above) in
        [(covered[0], 0.0, 0.02), (covered[1], 0.015, 0.0), (covered[2], 0.002, 0.0), (covered[3], 0.005, 0.02)]
    {
        let share = f64::from(covered) / runs as f64;
        assert!(share > 0.95 - below - 5.0 * deviation && share < 0.95 + above + 5.0 * deviation, "{share}");
    }
}

/// Drawing with mean 3 and weighting by exp(4.5 - 3 z): the standard normal's 0.9987 quantile is near 3.
#[test]
fn weighted_quantile_and_shortfall() {
    // Closed forms at a = 0.999: q = 3.0902, ES = phi(q) / (1 - a).
    let (level, q, es) = (0.999, 3.090_232_306_167_813_5, 3.367_090_077_063_996);
    let (count, runs) = (4096, 200);
    for order in modes() {
        let (mut quantiles, mut shortfalls) = (Vec::new(), Vec::new());
        let (mut of_quantile, mut of_shortfall) = (0, 0);
        for shifts in normals(count * runs, 10).chunks(count) {
            let losses: Vec<f64> = shifts.iter().map(|z| z + 3.0).collect();
            let weights: Vec<f64> = losses.iter().map(|z| (4.5 - 3.0 * z).exp()).collect();
            let distribution = weighted(order.clone(), &losses, &weights);
            for (kept, estimate, covered, truth) in [
                (&mut quantiles, distribution.quantile(level).unwrap(), &mut of_quantile, q),
                (&mut shortfalls, distribution.expected_shortfall(level).unwrap(), &mut of_shortfall, es),
            ] {
                kept.push((estimate.value, estimate.standard_error));
                *covered += i32::from(estimate.lower <= truth && truth <= estimate.upper);
            }
        }
        for (kept, truth) in [(quantiles, q), (shortfalls, es)] {
            let (m, s) = summary(&kept.iter().map(|(value, _)| *value).collect::<Vec<_>>());
            let (reported, _) = summary(&kept.iter().map(|(_, error)| *error).collect::<Vec<_>>());
            let bias = if matches!(order, Order::Streaming(_)) { truth / 1024.0 } else { 0.0 };
            assert!((m - truth).abs() < 5.0 * s / (runs as f64).sqrt() + bias, "{m} {truth}");
            assert!((s / reported - 1.0).abs() < 5.5 / (2.0 * runs as f64).sqrt(), "{s} {reported}");
            // Plain paths would need a hundred times as many.
            assert!(s < 0.02);
        }
        let least = 0.95 * runs as f64 - 5.0 * (0.95 * 0.05 * runs as f64).sqrt();
        assert!([of_quantile, of_shortfall].iter().all(|covered| f64::from(*covered) > least));
    }
}

#[test]
fn histograms_leave_nothing_out() {
    let losses: Vec<f64> = (0..1000).map(f64::from).collect();
    for distribution in [exact(&losses), streaming(&losses)] {
        let histogram = distribution.histogram(&[100.0, 200.0, 500.0]).unwrap();
        let shares = [&histogram.below, &histogram.bars[0], &histogram.bars[1], &histogram.above].map(|bar| bar.value);
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        // 2^-9 of 500 is one loss.
        for (share, expected) in shares.iter().zip([0.1, 0.1, 0.3, 0.5]) {
            assert!((share - expected).abs() <= 0.001 + 1e-12, "{shares:?}");
        }
    }
    assert_eq!(exact(&losses).histogram(&[100.0, 200.0]).unwrap().bars[0].value, 0.1);
    for edges in [&[1.0][..], &[1.0, 1.0], &[1.0, f64::NAN], &[f64::NEG_INFINITY, 1.0]] {
        assert!(exact(&losses).histogram(edges).is_err());
    }
}

fn any_loss() -> impl Strategy<Value = f64> {
    prop_oneof![4 => 0.0..1e6_f64, 2 => Just(0.0), 1 => Just(45_000.0), 1 => -100.0..100.0_f64]
}

proptest! {
    #[test]
    fn any_grouping_and_order_of_blocks_gives_the_same_bits(
        blocks in prop::collection::vec((prop::collection::vec(any_loss(), 1..20), any::<u32>(), 0_usize..4), 1..12),
        plain in any::<bool>(),
    ) {
        for order in modes() {
            let empty = Losses::new(order, Confidence::default());
            let weights = |losses: &[f64]| losses.iter().map(|loss| if plain { 1.0 } else { 0.3 + (loss / 7.0).fract().abs() }).collect::<Vec<_>>();
            let mut whole = empty.clone();
            for (losses, _, _) in &blocks {
                whole.record(losses, &weights(losses));
            }
            whole.finish();
            let mut shuffled: Vec<_> = blocks.iter().collect();
            shuffled.sort_by_key(|block| block.1);
            let mut groups = vec![empty.clone(); 4];
            for (losses, _, group) in shuffled {
                groups[*group].record(losses, &weights(losses));
            }
            let mut merged = groups.pop().unwrap();
            let mut pair = groups.pop().unwrap();
            pair.merge(groups.pop().unwrap());
            merged.merge(pair);
            merged.merge(groups.pop().unwrap());
            merged.finish();
            prop_assert_eq!(&merged, &whole);
            let text = serde_json::to_string(&whole).unwrap();
            prop_assert_eq!(serde_json::from_str::<Losses>(&text).unwrap(), merged.clone());
            prop_assert_eq!(format!("{:?}", merged.expected_shortfall(0.7).unwrap()), format!("{:?}", whole.expected_shortfall(0.7).unwrap()));
        }
    }

    #[test]
    fn shortfall_is_above_the_quantile_and_quantiles_increase(
        losses in prop::collection::vec(any_loss(), 2..300),
        a in 0.0..1.0_f64,
        b in 0.0..1.0_f64,
        plain in any::<bool>(),
    ) {
        let weights: Vec<f64> = losses.iter().map(|loss| if plain { 1.0 } else { 0.3 + (loss / 7.0).fract().abs() }).collect();
        for order in modes() {
            let distribution = weighted(order, &losses, &weights);
            let (low, high) = (a.min(b), a.max(b));
            prop_assert!(distribution.quantile(low).unwrap().value <= distribution.quantile(high).unwrap().value);
            prop_assert!(distribution.expected_shortfall(low).unwrap().value >= distribution.quantile(low).unwrap().value);
            let quantile = distribution.quantile(low).unwrap();
            prop_assert!(quantile.lower <= quantile.value && quantile.value <= quantile.upper);
        }
    }

    /// The stated bound of the streaming mode, against the exact one.
    #[test]
    fn streaming_is_within_its_bound(
        losses in prop::collection::vec(prop_oneof![100.0..110.0_f64, 0.0..1e9_f64, Just(3.0)], 2..2000),
        level in 0.0..1.0_f64,
    ) {
        let (exact, streaming) = (exact(&losses), streaming(&losses));
        let (e, s) = (exact.quantile(level).unwrap(), streaming.quantile(level).unwrap());
        prop_assert!((e.value - s.value).abs() <= e.value / 512.0, "{e:?} {s:?}");
        let (e, s) = (exact.expected_shortfall(level).unwrap(), streaming.expected_shortfall(level).unwrap());
        prop_assert!((e.value - s.value).abs() <= e.value / 512.0, "{e:?} {s:?}");
        prop_assert_eq!(exact.mean(), streaming.mean());
        prop_assert_eq!(exact.standard_deviation(), streaming.standard_deviation());
        prop_assert_eq!(exact.maximum(), streaming.maximum());
    }
}
