//! Matched markets share what they are to share: volatility, kurtosis and correlation of simulated log returns are those of the target under every
//! mechanism, and what a mechanism cannot have is told. Comparing the closed forms with themselves would miss a wrong closed form, so
//! everything is simulated.
#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test fails by panicking; exact degenerate cases")]

#[path = "support/collect.rs"]
mod collect;

use collect::Collect;
use haircut::Simulation;
use haircut::credit::Book;
use haircut::market::{DependenceModel, Margins, Model};
use haircut::numeric::{Correlation, TimeGrid};
use haircut::sample::Digest;
use haircut::study::{Margin, Matched, Mechanism, Target};
use std::fmt::Write as _;

const PATHS: u64 = 1 << 20;
const STEP: f64 = 1.0 / 12.0;
const NAMES: [&str; 3] = ["btc", "gpu", "hyg"];

fn target(kurtosis: [f64; 3]) -> Target {
    let margin = |position: usize| Margin {
        initial: 100.0,
        drift: 0.05,
        ..Margin::new(NAMES[position], [0.6, 0.4, 0.15][position], kurtosis[position])
    };
    let rows = [[1.0, 0.3, -0.2], [0.3, 1.0, 0.1], [-0.2, 0.1, 1.0]];
    Target {
        step: STEP,
        margins: (0..3).map(margin).collect(),
        correlation: Correlation::from_rows(&rows).unwrap(),
        own_jumps_per_year: 3.0,
    }
}

fn stress() -> Correlation {
    Correlation::from_rows(&[[1.0, 0.8, -0.5], [0.8, 1.0, -0.3], [-0.5, -0.3, 1.0]]).unwrap()
}

fn mechanisms() -> [(&'static str, Mechanism); 9] {
    let normal = |freedom| Mechanism::StudentT { margins: Margins::Normal, degrees_of_freedom: Some(freedom) };
    let regimes =
        |degrees_of_freedom| Mechanism::Regimes { stress: stress(), share: 0.2, mean_years: 0.5, degrees_of_freedom };
    let jumps = |per_year, correlation, tilt, degrees_of_freedom| Mechanism::CommonJumps {
        per_year,
        correlation,
        tilt,
        degrees_of_freedom,
    };
    [
        ("constant", Mechanism::Constant),
        ("student t", Mechanism::StudentT { margins: Margins::StudentT, degrees_of_freedom: None }),
        ("t copula", normal(3.0)),
        ("regimes", regimes(None)),
        ("stress driven", Mechanism::StressDriven { stress: stress(), reversion: 1.0, begin: 0.0, full: 2.0 }),
        ("common jumps, skewed", jumps(2.0, 0.5, 0.4, None)),
        ("common jumps, symmetric", jumps(6.0, 0.0, 0.0, None)),
        ("t copula on regimes", regimes(Some(4.0))),
        ("jumps on a t copula", jumps(4.0, 0.3, 0.2, Some(4.0))),
    ]
}

/// Log returns over the second step: the law is the same in every one.
fn returns(matched: &Matched, paths: u64) -> Vec<Vec<f64>> {
    let market = matched.market().unwrap();
    let grid = TimeGrid::new([STEP, 2.0 * STEP]).unwrap();
    let simulation = Simulation::new(market, Book::default()).grid(grid).paths(paths).seed(5);
    let seen = simulation.run(Collect::new(&NAMES, &[1, 2])).unwrap();
    let of = |name: &&str| seen.of(name, 2).iter().zip(seen.of(name, 1)).map(|(a, b)| (a / b).ln()).collect();
    NAMES.iter().map(of).collect()
}

/// The mean of a sample against that of its law, with the error of the sample itself: 5.5 of them.
fn assert_near(what: &str, sample: impl Iterator<Item = f64> + Clone, mean: f64) {
    let count = sample.clone().count() as f64;
    let distance = sample.clone().map(|x| x - mean).sum::<f64>() / count;
    let square = sample.map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
    let bound = 5.5 * (square / count).sqrt();
    assert!(distance.abs() < bound, "{what}: {} against {mean}, allowed {bound}", mean + distance);
}

/// What is matched is simulated: the same bits on every machine. Minted once; a change is a *value change* (CHANGELOG).
#[test]
fn matched_parameters_mean_what_they_meant() {
    let golden = [
        ("constant", 0x3761_68df_e357_188b_b892_287f_cafd_6dc4),
        ("student t", 0xa931_2553_19c1_9a51_b232_d4df_5dc1_9f7f),
        ("t copula", 0x71e8_8df7_3228_372d_dca5_586d_30ae_5774),
        ("regimes", 0x79c7_3bed_da59_b3bd_787a_0832_8847_c4c3),
        ("stress driven", 0xce2c_f1d4_b05d_07f8_94a7_fcb6_7766_bb4b),
        ("common jumps, skewed", 0x7133_f8c2_b55b_d244_7c15_9db0_619e_b22b),
        ("common jumps, symmetric", 0x4f8e_b2d0_087c_6914_fbf8_977a_bdf8_4b74),
        ("t copula on regimes", 0x2cb2_1bf1_32a7_6518_f821_977e_622c_e9e8),
        ("jumps on a t copula", 0x5940_0b7f_59c9_3f20_5fe1_88d5_ca71_b7c8),
    ];
    let digest = |mechanism: &Mechanism| {
        let market = target([1.2, 0.8, 0.3]).matched(mechanism).unwrap().market().unwrap();
        let grid = TimeGrid::new([STEP, 2.0 * STEP]).unwrap();
        let seen = Simulation::new(market, Book::default()).grid(grid).paths(256).seed(5);
        let seen = seen.run(Collect::new(&NAMES, &[2])).unwrap();
        let mut digest = Digest::new();
        for level in NAMES.iter().flat_map(|name| seen.of(name, 2)) {
            write!(digest, "{:016x}", level.to_bits()).unwrap();
        }
        digest.value()
    };
    let now = mechanisms().map(|(name, mechanism)| (name, digest(&mechanism)));
    assert!(now == golden, "{}", now.map(|(name, digest)| format!("\n(\"{name}\", {digest:#034x}),")).concat());
}

#[test]
fn every_mechanism_has_the_margins_and_correlations_of_the_target() {
    for (name, mechanism) in mechanisms() {
        // A t law has one kurtosis for all, and moments enough for its errors only if it is small.
        let unlike = if name == "student t" { [0.45; 3] } else { [1.2, 0.8, 0.3] };
        for kurtosis in [unlike, [0.0; 3]] {
            let target = target(kurtosis);
            let matched = target.matched(&mechanism).unwrap();
            let told = matched.unmatched(1e-9);
            assert!(told.iter().all(|miss| miss.what.starts_with("skewness")), "{name}: {told:?}");
            // Without kurtosis nothing jumps and regimes are alike.
            let skewed = name.contains("regimes") || name.contains("jumps") && !name.contains("symmetric");
            assert_eq!(told.len(), if skewed && kurtosis[0] > 0.0 { 3 } else { 0 }, "{name}: {told:?}");
            let returns = returns(&matched, PATHS);
            let mut standardised = Vec::new();
            for (row, sample) in returns.iter().enumerate() {
                let what = format!("{name}, {}, kurtosis {}", NAMES[row], kurtosis[row]);
                // About the mean of the sample, which is nearer to the law's than anything that is tested here.
                let mean = sample.iter().sum::<f64>() / sample.len() as f64;
                let deviation = target.margins[row].volatility * STEP.sqrt();
                let z: Vec<f64> = sample.iter().map(|x| (x - mean) / deviation).collect();
                assert_near(&format!("{what}: variance"), z.iter().map(|z| z * z), 1.0);
                assert_near(&format!("{what}: skewness"), z.iter().map(|z| z.powi(3)), matched.skewness[row]);
                assert_near(&format!("{what}: kurtosis"), z.iter().map(|z| z.powi(4)), 3.0 + kurtosis[row]);
                standardised.push(z);
            }
            for row in 0..3 {
                for column in 0..row {
                    let product = standardised[row].iter().zip(&standardised[column]).map(|(a, b)| a * b);
                    let rho = target.correlation.entry(row, column).unwrap();
                    assert_near(&format!("{name}, {kurtosis:?}: {row}, {column}"), product, rho);
                }
            }
        }
    }
}

#[test]
fn prices_grow_as_the_target_says() {
    for (name, mechanism) in mechanisms() {
        if name == "student t" {
            continue;
        }
        let matched = target([1.2, 0.8, 0.3]).matched(&mechanism).unwrap();
        let market = matched.market().unwrap();
        let simulation = Simulation::new(market, Book::default()).months(12).paths(PATHS / 4).seed(5);
        let seen = simulation.run(Collect::new(&["btc", "gpu"], &[12])).unwrap();
        for price in ["btc", "gpu"] {
            assert_near(&format!("{name}, {price}"), seen.of(price, 12).iter().copied(), 100.0 * 0.05_f64.exp());
        }
    }
}

/// The share of paths on which the first two fall below their own quantile, which is that of the sample.
fn joint_falls(returns: &[Vec<f64>], probability: f64) -> f64 {
    let below = |sample: &[f64]| {
        let mut sorted = sample.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        sorted[(probability * sorted.len() as f64) as usize]
    };
    let (a, b) = (&returns[0], &returns[1]);
    let (first, second) = (below(a), below(b));
    let both = a.iter().zip(b).filter(|(a, b)| **a < first && **b < second).count();
    both as f64 / a.len() as f64
}

#[test]
fn what_differs_is_how_they_fall_together() {
    // Normal margins, where jumps and t margins have nothing to give; and fat ones, which own jumps give to single prices only.
    for (kurtosis, differ) in [
        (0.0, ["t copula", "regimes", "stress driven"]),
        (1.2, ["student t", "common jumps, skewed", "common jumps, symmetric"]),
    ] {
        let target = target([kurtosis; 3]);
        let joint = |mechanism| joint_falls(&returns(&target.matched(mechanism).unwrap(), PATHS), 0.01);
        let constant = joint(&Mechanism::Constant);
        for (name, mechanism) in mechanisms().iter().filter(|(name, _)| differ.contains(name)) {
            let share = joint(mechanism);
            let error = ((share + constant) / PATHS as f64).sqrt();
            assert!(share - constant > 5.0 * error, "{name}: {share} against {constant}");
        }
    }
}

#[test]
fn without_kurtosis_prices_are_lognormal_and_a_mechanism_without_effect_is_constant() {
    let target = target([0.0; 3]);
    let constant = target.matched(&Mechanism::Constant).unwrap();
    assert!(constant.factors.iter().all(|(_, model)| matches!(model, Model::Gbm(_))));
    let DependenceModel::Constant(matrix) = &constant.dependence else { panic!("{:?}", constant.dependence) };
    assert_eq!(matrix.correlation, target.correlation.clone().into());
    let t = target.matched(&Mechanism::StudentT { margins: Margins::StudentT, degrees_of_freedom: None }).unwrap();
    let DependenceModel::StudentT(t) = &t.dependence else { panic!("{t:?}") };
    assert_eq!(t.degrees_of_freedom, f64::INFINITY);
    let same = Mechanism::Regimes {
        stress: target.correlation.clone(),
        share: 0.3,
        mean_years: 1.0,
        degrees_of_freedom: None,
    };
    let DependenceModel::Regimes(regimes) = target.matched(&same).unwrap().dependence else { panic!() };
    for regime in &regimes.regimes {
        let matrix = regime.correlation.matrix(&NAMES.map(String::from)).unwrap();
        for (row, column) in [(1, 0), (2, 0), (2, 1)] {
            let difference = matrix.entry(row, column).unwrap() - target.correlation.entry(row, column).unwrap();
            assert!(difference.abs() < 1e-12);
        }
        assert!(regime.volatility.values().all(|multiplier| (multiplier - 1.0).abs() < 1e-12));
    }
}

#[test]
fn what_cannot_be_matched_is_told() {
    let told = |target: &Target, mechanism: &Mechanism| -> Vec<String> {
        let matched = target.matched(mechanism).unwrap();
        assert!(matched.market().is_ok());
        let all = matched.unmatched(1e-6).into_iter().map(|unmatched| unmatched.what);
        all.filter(|what| !what.starts_with("skewness")).collect()
    };
    // So much stress that calm would have to be below -1.
    let low = Target { correlation: Correlation::identity(3), ..target([0.0; 3]) };
    let stress = Correlation::equal(3, 0.9).unwrap();
    let often = Mechanism::Regimes { stress: stress.clone(), share: 0.7, mean_years: 1.0, degrees_of_freedom: None };
    let all = ["correlation of btc and gpu", "correlation of btc and hyg", "correlation of gpu and hyg"];
    assert_eq!(told(&low, &often), all);
    let mut reached = low.matched(&often).unwrap().unmatched(1e-6);
    reached.retain(|unmatched| all.contains(&unmatched.what.as_str()));
    assert!(reached.iter().all(|unmatched| unmatched.wanted == 0.0 && unmatched.reached > 0.4), "{reached:?}");
    let driven = Mechanism::StressDriven { stress, reversion: 1.0, begin: -2.0, full: -1.0 };
    assert_eq!(told(&low, &driven), all);
    // More kurtosis than own or common jumps can have, or two normals.
    let fat = target([200.0, 0.5, 0.5]);
    assert!(told(&fat, &Mechanism::Constant).contains(&"excess kurtosis of btc".to_owned()));
    let jumps = Mechanism::CommonJumps { per_year: 2.0, correlation: 0.5, tilt: 0.4, degrees_of_freedom: None };
    assert!(told(&fat, &jumps).contains(&"excess kurtosis of btc".to_owned()));
    let mostly = Mechanism::Regimes { stress: stress_of(0.5), share: 0.5, mean_years: 1.0, degrees_of_freedom: None };
    assert!(told(&fat, &mostly).contains(&"excess kurtosis of btc".to_owned()));
    // One t law has one kurtosis.
    let t = Mechanism::StudentT { margins: Margins::StudentT, degrees_of_freedom: None };
    let unlike = ["excess kurtosis of btc", "excess kurtosis of gpu", "excess kurtosis of hyg"];
    assert_eq!(told(&target([1.2, 0.8, 0.3]), &t), unlike);
    // Jumps that come together make more correlation than was asked for.
    let together = Mechanism::CommonJumps { per_year: 2.0, correlation: 1.0, tilt: 1.0, degrees_of_freedom: None };
    let apart = Target { correlation: Correlation::identity(3), ..target([4.0; 3]) };
    assert_eq!(told(&apart, &together), all);
}

fn stress_of(rho: f64) -> Correlation {
    Correlation::equal(3, rho).unwrap()
}

#[test]
fn bad_targets_and_mechanisms_are_refused_by_field() {
    let good = target([0.5; 3]);
    let field = |target: &Target, mechanism: &Mechanism| {
        target.matched(mechanism).unwrap_err().field().unwrap_or_default().to_owned()
    };
    let of = |change: &dyn Fn(&mut Target)| {
        let mut bad = good.clone();
        change(&mut bad);
        field(&bad, &Mechanism::Constant)
    };
    assert_eq!(of(&|bad| bad.step = 0.0), "step");
    assert_eq!(of(&|bad| bad.step = f64::NAN), "step");
    assert_eq!(of(&|bad| bad.own_jumps_per_year = 0.0), "own_jumps_per_year");
    assert_eq!(of(&|bad| bad.margins.truncate(1)), "margins");
    assert_eq!(of(&|bad| bad.correlation = Correlation::identity(2)), "correlation");
    assert_eq!(of(&|bad| bad.margins[1].volatility = -0.1), "margins[1].volatility");
    assert_eq!(of(&|bad| bad.margins[2].excess_kurtosis = -0.1), "margins[2].excess_kurtosis");
    let mechanism = |mechanism| field(&good, &mechanism);
    let regimes = |share, mean_years, size| Mechanism::Regimes {
        stress: Correlation::identity(size),
        share,
        mean_years,
        degrees_of_freedom: None,
    };
    assert_eq!(mechanism(regimes(0.0, 1.0, 3)), "mechanism.share");
    assert_eq!(mechanism(regimes(0.2, f64::NAN, 3)), "mechanism.mean_years");
    assert_eq!(mechanism(regimes(0.2, 1.0, 2)), "mechanism.stress");
    let driven = |reversion, begin, full| Mechanism::StressDriven { stress: stress(), reversion, begin, full };
    assert_eq!(mechanism(driven(-1.0, 0.0, 1.0)), "mechanism.reversion");
    assert_eq!(mechanism(driven(1.0, f64::NAN, 1.0)), "mechanism.begin");
    assert_eq!(mechanism(driven(1.0, 1.0, 1.0)), "mechanism.full");
    let jumps =
        |per_year, correlation, tilt| Mechanism::CommonJumps { per_year, correlation, tilt, degrees_of_freedom: None };
    assert_eq!(mechanism(jumps(0.0, 0.5, 0.5)), "mechanism.per_year");
    assert_eq!(mechanism(jumps(1.0, -0.5, 0.5)), "mechanism.correlation");
    assert_eq!(mechanism(jumps(1.0, 0.5, 1.5)), "mechanism.tilt");
    let t = |margins, degrees_of_freedom| Mechanism::StudentT { margins, degrees_of_freedom };
    assert_eq!(mechanism(t(Margins::Normal, None)), "mechanism.degrees_of_freedom");
    assert_eq!(mechanism(t(Margins::Normal, Some(2.0))), "mechanism.degrees_of_freedom");
    assert_eq!(mechanism(t(Margins::StudentT, Some(5.0))), "mechanism.degrees_of_freedom");
    // A name is the market's affair.
    let mut nameless = good.clone();
    nameless.margins[0].name = " ".into();
    assert!(nameless.matched(&Mechanism::Constant).unwrap().market().is_err());
}

#[test]
fn targets_and_mechanisms_are_read_back_as_they_were_written() {
    for (_, mechanism) in mechanisms() {
        let text = toml::to_string(&mechanism).unwrap();
        assert_eq!(toml::from_str::<Mechanism>(&text).unwrap(), mechanism, "{text}");
        let matched = target([0.5; 3]).matched(&mechanism).unwrap();
        let text = serde_json::to_string(&matched).unwrap();
        assert_eq!(serde_json::from_str::<Matched>(&text).unwrap(), matched, "{text}");
    }
}
