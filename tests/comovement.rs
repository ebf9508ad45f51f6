//! Statistics of two series against closed forms, and the two promises that a closed form does not make: intervals cover as often as they say, in clusters too, and the
//! test of asymmetry rejects a true null as often as it says and finds a false one. All samples are seeded.
#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test fails by panicking; exact degenerate cases")]

use haircut::comovement::{
    AsymmetrySettings, ComovementSettings, EllipticalPair, Pairs, Side, Tail, Threshold, asymmetry, comovement,
    kendall, pearson, rolling, spearman, tail,
};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{ChiSquared, Distribution, StandardNormal};
use std::f64::consts::{FRAC_2_PI, PI};

/// Normal pairs; t pairs where degrees of freedom are given.
fn sample(random: &mut StdRng, count: usize, rho: f64, freedom: Option<f64>) -> (Vec<f64>, Vec<f64>) {
    let draw = |random: &mut StdRng| {
        let [a, b]: [f64; 2] = std::array::from_fn(|_| StandardNormal.sample(random));
        let size = freedom.map_or(1.0, |nu| (nu / ChiSquared::new(nu).unwrap().sample(random)).sqrt());
        (size * a, size * (rho * a + (1.0 - rho * rho).sqrt() * b))
    };
    (0..count).map(|_| draw(random)).unzip()
}

fn pairs(random: &mut StdRng, count: usize, rho: f64, freedom: Option<f64>) -> Pairs {
    let (x, y) = sample(random, count, rho, freedom);
    Pairs::new(x, y).unwrap()
}

/// Over batches: the mean of a statistic against what it should be, in standard errors of the batches' mean.
fn unbiased(name: &str, batches: &[f64], expected: f64) {
    let n = batches.len() as f64;
    let mean = batches.iter().sum::<f64>() / n;
    let error = (batches.iter().map(|b| (b - mean) * (b - mean)).sum::<f64>() / (n - 1.0) / n).sqrt();
    assert!((mean - expected).abs() < 5.5 * error, "{name}: {mean} ± {error} against {expected}");
}

#[test]
fn correlations_of_elliptical_laws() {
    for (rho, freedom) in [(0.6, None), (-0.3, Some(4.0))] {
        let mut random = StdRng::seed_from_u64(3);
        let batches: Vec<Pairs> = (0..40).map(|_| pairs(&mut random, 5_000, rho, freedom)).collect();
        let of = |statistic: fn(&Pairs, &[f64]) -> f64| -> Vec<f64> {
            batches.iter().map(|batch| statistic(batch, &vec![1.0; batch.len()])).collect()
        };
        unbiased("kendall", &of(kendall), FRAC_2_PI * f64::asin(rho));
        if freedom.is_none() {
            unbiased("pearson", &of(pearson), rho);
            unbiased("spearman", &of(spearman), 6.0 / PI * f64::asin(rho / 2.0));
        }
    }
}

#[test]
fn exceedances_are_those_of_the_null() {
    for (rho, freedom) in [(0.5, f64::INFINITY), (0.3, 5.0)] {
        let law = EllipticalPair::new(rho, freedom).unwrap();
        let mut random = StdRng::seed_from_u64(5);
        let batches: Vec<Pairs> =
            (0..40).map(|_| pairs(&mut random, 20_000, rho, freedom.is_finite().then_some(freedom))).collect();
        for threshold in [Threshold::Quantile(0.1), Threshold::Quantile(0.5), Threshold::Deviations(1.0)] {
            for side in [Side::Lower, Side::Upper] {
                let tails: Vec<Tail> =
                    batches.iter().map(|batch| tail(batch, &vec![1.0; batch.len()], threshold, side)).collect();
                let of = |f: fn(&Tail) -> f64| tails.iter().map(f).collect::<Vec<_>>();
                unbiased("correlation", &of(|t| t.correlation), law.exceedance_correlation(threshold));
                unbiased("dependence", &of(|t| t.dependence), law.dependence(threshold));
            }
        }
    }
}

#[test]
fn the_fitted_law_is_the_one_that_made_the_sample() {
    let mut random = StdRng::seed_from_u64(8);
    let settings = ComovementSettings { replications: 60, mean_block: Some(1.0), ..ComovementSettings::default() };
    let found = comovement(&pairs(&mut random, 6_000, 0.5, Some(4.0)), &settings).unwrap();
    let near = |estimate: haircut::measure::Estimate, truth: f64| {
        assert!((estimate.value - truth).abs() < 5.5 * estimate.standard_error, "{estimate} against {truth}");
    };
    near(found.student_correlation, 0.5);
    near(found.degrees_of_freedom, 4.0);
    near(found.tail_dependence, EllipticalPair::new(0.5, 4.0).unwrap().tail_dependence());
    assert!(found.degrees_of_freedom.standard_error < 0.5 && found.tail_dependence.standard_error < 0.03);
    // A normal sample is told from a t one.
    let normal = comovement(&pairs(&mut random, 6_000, 0.5, None), &settings).unwrap();
    assert!(normal.degrees_of_freedom.value > 25.0);
}

#[test]
fn intervals_cover_as_often_as_they_say() {
    // Clusters: the size of both changes is common and lasts ten rows in the mean, so that squares are correlated in time. An error for independent rows
    // covers Pearson's correlation far less often.
    let (runs, rows, rho) = (150, 300, 0.5);
    let settings = ComovementSettings {
        thresholds: vec![Threshold::Quantile(0.5)],
        replications: 99,
        ..ComovementSettings::default()
    };
    let thresholds = Threshold::Quantile(0.5);
    let mut random = StdRng::seed_from_u64(21);
    let cluster = |random: &mut StdRng, rows: usize| {
        let (mut x, mut y) = sample(random, rows, rho, None);
        let mut size = 1.0;
        for i in 0..rows {
            if i == 0 || random.random::<f64>() < 0.1 {
                size = if random.random::<f64>() < 0.25 { 3.0 } else { 1.0 };
            }
            x[i] *= size;
            y[i] *= size;
        }
        Pairs::new(x, y).unwrap()
    };
    let long = cluster(&mut random, 400_000);
    let truth = tail(&long, &vec![1.0; long.len()], thresholds, Side::Lower).correlation;
    let (mut pearson, mut kendall, mut falls, mut naive) = (0, 0, 0, 0);
    for _ in 0..runs {
        let sample = cluster(&mut random, rows);
        let found = comovement(&sample, &settings).unwrap();
        let covers = |e: haircut::measure::Estimate, truth: f64| i32::from(e.lower <= truth && truth <= e.upper);
        pearson += covers(found.pearson, rho);
        kendall += covers(found.kendall, FRAC_2_PI * rho.asin());
        falls += covers(found.levels[0].lower_correlation, truth);
        let reach = 1.96 * (1.0 - found.pearson.value.powi(2)) / (rows as f64).sqrt();
        naive += i32::from((found.pearson.value - rho).abs() < reach);
    }
    let deviation = (f64::from(runs) * 0.95 * 0.05).sqrt();
    for (name, count) in [("pearson", pearson), ("kendall", kendall), ("falls", falls)] {
        assert!((f64::from(count) - 0.95 * f64::from(runs)).abs() < 5.0 * deviation, "{name} covers {count} of {runs}");
    }
    assert!(f64::from(naive) < 0.95 * f64::from(runs) - 5.0 * deviation, "independent rows: {naive} of {runs}");
}

#[test]
fn the_test_of_asymmetry_has_its_size_and_finds_what_is_there() {
    let settings = AsymmetrySettings {
        thresholds: vec![Threshold::Quantile(0.15), Threshold::Quantile(0.3)],
        replications: 99,
        mean_block: Some(1.0),
        ..AsymmetrySettings::default()
    };
    let (runs, rows) = (300, 200);
    let mut random = StdRng::seed_from_u64(34);
    let mut rejected = [0; 4];
    for run in 0..runs {
        let freedom = [Some(4.0), Some(12.0)][run % 2];
        let found = asymmetry(&pairs(&mut random, rows, 0.4, freedom), &settings).unwrap();
        let p_values = [
            found.student_p_value,
            found.student_falls_p_value,
            found.symmetric_p_value,
            found.symmetric_falls_p_value,
        ];
        for (count, p_value) in rejected.iter_mut().zip(p_values) {
            *count += i32::from(p_value <= 0.1);
        }
    }
    let (expected, deviation) = (0.1 * runs as f64, (runs as f64 * 0.1 * 0.9).sqrt());
    for count in rejected {
        assert!((f64::from(count) - expected).abs() < 5.0 * deviation, "{rejected:?} of {runs} rejected at 10 %");
    }
    // Falls with correlation 0.95, everything else independent, and a bystander whose tails are fat alone.
    let skewed = |random: &mut StdRng| {
        let (x, mut y) = sample(random, 1_000, 0.0, None);
        let (_, close) = sample(random, 1_000, 0.0, None);
        for i in 0..1_000 {
            if x[i] < -0.5 {
                y[i] = 0.95 * x[i] + (1.0_f64 - 0.95 * 0.95).sqrt() * close[i];
            }
        }
        Pairs::new(x, y).unwrap()
    };
    let found = asymmetry(&skewed(&mut random), &settings).unwrap();
    assert_eq!((found.student_p_value, found.symmetric_falls_p_value), (0.01, 0.01), "{found:?}");
    assert!(found.levels[1].lower_correlation > found.levels[1].student_upper);
    let fat = asymmetry(&pairs(&mut random, 1_000, 0.4, Some(3.0)), &settings).unwrap();
    assert!(fat.student_p_value > 0.02 && fat.symmetric_p_value > 0.02, "{fat:?}");
}

#[test]
fn the_symmetric_null_keeps_its_size_in_spells() {
    // Symmetric changes whose sizes hang together in time: GARCH(1,1) of both with correlation 0.4, and regimes of 20 rows with correlation 0.2 or, at three times the
    // size, 0.8.
    let settings = AsymmetrySettings { replications: 99, ..AsymmetrySettings::default() };
    let (runs, rows) = (150, 300);
    let mut random = StdRng::seed_from_u64(77);
    let garch = |random: &mut StdRng| {
        let (x, y) = sample(random, rows, 0.4, None);
        let spells = |z: Vec<f64>| {
            let mut variance = 1.0;
            let change = |z: f64| {
                let change = z * f64::sqrt(variance);
                variance = 0.03 + 0.10 * change * change + 0.87 * variance;
                change
            };
            z.into_iter().map(change).collect::<Vec<_>>()
        };
        Pairs::new(spells(x), spells(y)).unwrap()
    };
    let regimes = |random: &mut StdRng| {
        let (calm, stress) = (sample(random, rows, 0.2, None), sample(random, rows, 0.8, None));
        let mut is_wild = false;
        let change = |row: usize| {
            if row == 0 || random.random::<f64>() < 0.05 {
                is_wild = random.random::<f64>() < 0.25;
            }
            if is_wild { (3.0 * stress.0[row], 3.0 * stress.1[row]) } else { (calm.0[row], calm.1[row]) }
        };
        let (x, y): (Vec<f64>, Vec<f64>) = (0..rows).map(change).unzip();
        Pairs::new(x, y).unwrap()
    };
    let mut rejected = [[0; 2]; 2];
    for _ in 0..runs {
        for (counts, pairs) in rejected.iter_mut().zip([garch(&mut random), regimes(&mut random)]) {
            let found = asymmetry(&pairs, &settings).unwrap();
            counts[0] += i32::from(found.symmetric_p_value <= 0.1);
            counts[1] += i32::from(found.symmetric_falls_p_value <= 0.1);
        }
    }
    let (expected, deviation) = (0.1 * f64::from(runs), (f64::from(runs) * 0.1 * 0.9).sqrt());
    for counts in rejected {
        assert!(
            counts.into_iter().all(|count| f64::from(count) < expected + 5.0 * deviation),
            "{rejected:?} of {runs}"
        );
        assert!(counts[1] > 0, "it never rejects: {rejected:?} of {runs}");
    }
}

#[test]
fn perfect_dependence_is_one_without_error() {
    let mut random = StdRng::seed_from_u64(55);
    let (x, _) = sample(&mut random, 500, 0.0, None);
    let found = comovement(&Pairs::new(x.clone(), x).unwrap(), &ComovementSettings::default()).unwrap();
    for estimate in [found.pearson, found.spearman, found.kendall, found.levels[3].lower_correlation] {
        assert_eq!((estimate.value, estimate.standard_error, estimate.lower, estimate.upper), (1.0, 0.0, 1.0, 1.0));
    }
    for level in &found.levels {
        assert_eq!((level.lower_dependence.value, level.upper_dependence.value), (1.0, 1.0));
        assert_eq!((level.normal_correlation, level.student_correlation), (1.0, 1.0));
    }
    // The 2 % tail of 500 has ten pairs; that of 2 % of 300 has six, and no correlation.
    assert_eq!(found.levels[0].lower_correlation.paths, 10);
    let few = comovement(&pairs(&mut random, 300, 0.9, None), &ComovementSettings::default()).unwrap();
    assert!(!few.levels[0].lower_correlation.is_defined());
}

#[test]
fn the_same_seed_gives_the_same_bits_and_bad_settings_are_refused() {
    let mut random = StdRng::seed_from_u64(89);
    let sample = pairs(&mut random, 200, 0.3, Some(4.0));
    let settings = ComovementSettings { replications: 50, ..ComovementSettings::default() };
    let found = comovement(&sample, &settings).unwrap();
    assert_eq!(
        serde_json::to_string(&found).unwrap(),
        serde_json::to_string(&comovement(&sample, &settings).unwrap()).unwrap()
    );
    let other = comovement(&sample, &ComovementSettings { seed: 2, ..settings.clone() }).unwrap();
    assert!(other.pearson.value == found.pearson.value && other.pearson.standard_error != found.pearson.standard_error);
    let field = |settings: ComovementSettings| comovement(&sample, &settings).unwrap_err().field().unwrap().to_owned();
    assert_eq!(field(ComovementSettings { replications: 10, ..settings.clone() }), "replications");
    assert_eq!(field(ComovementSettings { mean_block: Some(0.5), ..settings.clone() }), "mean_block");
    let thresholds = vec![Threshold::Quantile(0.1), Threshold::Quantile(0.7)];
    assert_eq!(field(ComovementSettings { thresholds, ..settings }), "thresholds[1].quantile");
    let bad = AsymmetrySettings { thresholds: Vec::new(), ..AsymmetrySettings::default() };
    assert_eq!(asymmetry(&sample, &bad).unwrap_err().field(), Some("thresholds"));
    assert_eq!(rolling(&sample, 5).unwrap_err().field(), Some("window"));
}

#[test]
fn rolling_correlations_and_their_errors() {
    let mut random = StdRng::seed_from_u64(144);
    let sample = pairs(&mut random, 20_000, 0.5, Some(9.0));
    let windows = rolling(&sample, 200).unwrap();
    assert_eq!((windows.len(), windows[0].end), (19_801, 199));
    let apart: Vec<_> = windows.iter().step_by(200).collect();
    unbiased("rolling", &apart.iter().map(|w| w.value).collect::<Vec<_>>(), 0.5 * (1.0 - 0.75 * 1.4 / 400.0));
    // Errors are as large as the spread of windows that do not overlap; both are estimates from a hundred.
    let n = apart.len() as f64;
    let spread = (apart.iter().map(|w| (w.value - 0.5).powi(2)).sum::<f64>() / n).sqrt();
    let told = (apart.iter().map(|w| w.standard_error.powi(2)).sum::<f64>() / n).sqrt();
    assert!((spread / told - 1.0).abs() < 5.0 / (2.0 * n).sqrt(), "{spread} {told}");
    let first = Pairs::new(&sample.x()[..200], &sample.y()[..200]).unwrap();
    assert!((pearson(&first, &[1.0; 200]) - windows[0].value).abs() < 1e-14);
}
