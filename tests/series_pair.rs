//! How two series move together on simulated paths, as a measure: closed forms of elliptical laws and of regimes, errors that cover on changes that cluster within a
//! path, the same bits in any grouping, and exact degenerate cases. A sample of the whole would not see that the sums of all paths and the kept ones are
//! put together wrongly, so both are compared with every value collected.
#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test fails by panicking; exact degenerate cases")]

#[path = "support/collect.rs"]
mod collect;

use collect::Collect;
use haircut::Simulation;
use haircut::comovement::{
    EllipticalPair, Pairs, SeriesPair, SimulatedComovement, States, StepChange, Threshold, kendall, pearson, spearman,
};
use haircut::credit::Book;
use haircut::market::{Constant, Dependence, Gbm, Market, MarketBuilder, Merton, Regime, Regimes, ShortRate, StudentT};
use haircut::measure::Estimate;
use std::f64::consts::{FRAC_2_PI, PI};

fn price(volatility: f64) -> Gbm {
    Gbm { initial: 100.0, drift: 0.05, volatility }
}

fn two(dependence: impl Dependence + 'static) -> MarketBuilder {
    Market::builder().factor("btc", price(0.6)).factor("gpu", price(0.3)).dependence(dependence)
}

fn constant(rho: f64) -> Constant {
    Constant::pairs([("btc", "gpu", rho)])
}

/// Calm and stress that last: volatility four times as high in stress, so that the squares of a path's changes hang together.
fn spells() -> Regimes {
    let calm = Regime::new("calm").correlation([("btc", "gpu", 0.1)]).volatility("btc", 0.5).volatility("gpu", 0.5);
    let stress = Regime::new("stress").correlation([("btc", "gpu", 0.8)]).volatility("btc", 2.0).volatility("gpu", 2.0);
    Regimes::pair(calm, stress, [1.5, 0.5])
}

fn run(market: MarketBuilder, paths: u64, months: usize) -> Simulation {
    Simulation::new(market.build().unwrap(), Book::default()).months(months).paths(paths).seed(3)
}

/// 5.5 standard errors, which are themselves known to one part in eight.
fn near(what: &str, estimate: Estimate, truth: f64) {
    assert!((estimate.value - truth).abs() < 5.5 * estimate.standard_error, "{what}: {estimate} against {truth}");
}

#[test]
fn elliptical_laws_have_their_closed_forms() {
    let levels = [0.05, 0.2, 0.5].map(Threshold::Quantile);
    for (rho, freedom) in [(0.6, f64::INFINITY), (-0.3, f64::INFINITY), (0.4, 5.0)] {
        let market = match freedom.is_finite() {
            true => two(StudentT::new(freedom, constant(rho))),
            false => two(constant(rho)),
        };
        let pair = SeriesPair::of("btc", "gpu").thresholds(levels).kept_pairs(100_000);
        let found = run(market, 20_000, 12).run(pair).unwrap().all;
        assert_eq!((found.pairs, found.kept), (240_000, 99_996));
        let (law, comovement) = (EllipticalPair::new(rho, freedom).unwrap(), found.comovement);
        near("pearson", comovement.pearson, rho);
        near("kendall", comovement.kendall, FRAC_2_PI * f64::asin(rho));
        if freedom.is_infinite() {
            near("spearman", comovement.spearman, 6.0 / PI * f64::asin(0.5 * rho));
        } else {
            near("nu", comovement.degrees_of_freedom, freedom);
            near("tail dependence", comovement.tail_dependence, law.tail_dependence());
        }
        for level in &comovement.levels {
            let what = format!("{rho} {freedom} {:?}", level.threshold);
            let (correlation, dependence) =
                (law.exceedance_correlation(level.threshold), law.dependence(level.threshold));
            for estimate in [level.lower_correlation, level.upper_correlation] {
                near(&what, estimate, correlation);
            }
            for estimate in [level.lower_dependence, level.upper_dependence] {
                near(&what, estimate, dependence);
            }
            near(&what, level.asymmetry, 0.0);
            // The null of the pair that it is: rho as estimated, which moves it by less than the error of rho.
            let null = if freedom.is_infinite() { level.normal_correlation } else { level.student_correlation };
            assert!((null - correlation).abs() < 0.05, "{what}: {null} {correlation}");
        }
        // Errors are what they are for so many independent normal pairs: (1 - rho^2) / sqrt(n), known to one part in eight.
        if freedom.is_infinite() {
            let told = comovement.pearson.standard_error / ((1.0 - rho * rho) / 240_000_f64.sqrt());
            assert!((told - 1.0).abs() < 5.0 / 62_f64.sqrt(), "{told}");
        }
    }
}

/// Case D01-r0.5 of an independent computation: exceedance correlation of a normal pair of correlation 0.5 at one deviation and at one and a half.
#[test]
fn exceedance_correlation_of_a_normal_pair_at_a_deviation() {
    let pair = SeriesPair::of("btc", "gpu").thresholds([1.0, 1.5].map(Threshold::Deviations)).kept_pairs(300_000);
    let found = run(two(constant(0.5)), 20_000, 24).run(pair).unwrap().all.comovement;
    for (level, expected) in found.levels.iter().zip([0.178_924_101_238_663_45, 0.145_481_881_800_549_05]) {
        near("falls", level.lower_correlation, expected);
        near("rises", level.upper_correlation, expected);
        assert!(level.lower_correlation.standard_error < 0.02);
    }
}

#[test]
fn sums_of_all_paths_and_ranks_of_kept_ones_are_those_of_the_values() {
    let simulation = run(two(spells()), 700, 6);
    let steps: Vec<usize> = (0..=6).collect();
    let seen = simulation.run(Collect::new(&["btc", "gpu"], &steps)).unwrap();
    let changes = |name: &str, paths: usize| -> Vec<f64> {
        let of = |path: usize| {
            let values: Vec<f64> = (0..=6).map(|step| seen.of(name, step)[path]).collect();
            values.windows(2).map(|pair| (pair[1] / pair[0]).ln()).collect::<Vec<_>>()
        };
        (0..paths).flat_map(of).collect()
    };
    let pairs = |paths: usize| Pairs::new(changes("btc", paths), changes("gpu", paths)).unwrap();
    // 1,803 pairs are 300 paths of six steps, which end within the second block.
    let found = simulation.run(SeriesPair::of("btc", "gpu").kept_pairs(1_803)).unwrap().all;
    assert_eq!((found.pairs, found.kept), (4_200, 1_800));
    let (all, kept) = (pairs(700), pairs(300));
    // Rounding: changes of 0.2 as differences of logarithms of 100.
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-11, "{a} {b}");
    close(found.comovement.pearson.value, pearson(&all, &[1.0; 4_200]));
    close(found.comovement.kendall.value, kendall(&kept, &[1.0; 1_800]));
    close(found.comovement.spearman.value, spearman(&kept, &[1.0; 1_800]));
    let mean = |power: i32, about: f64| all.x().iter().map(|x| (x - about).powi(power)).sum::<f64>() / 4_200.0;
    let (m, deviation) = (mean(1, 0.0), mean(2, mean(1, 0.0)).sqrt());
    let moments = found.moments[0];
    close(moments.mean.value, m);
    close(moments.standard_deviation.value, deviation);
    close(moments.skewness.value, mean(3, m) / deviation.powi(3));
    close(moments.excess_kurtosis.value, mean(4, m) / deviation.powi(4) - 3.0);
    // The jackknife by its definition, over the remainders of path numbers by 32.
    let without = |group: usize| {
        let weights: Vec<f64> = (0..4_200).map(|at| f64::from(u8::from(at / 6 % 32 != group))).collect();
        pearson(&all, &weights)
    };
    let replications: Vec<f64> = (0..32).map(without).collect();
    let centre = replications.iter().sum::<f64>() / 32.0;
    let squares: f64 = replications.iter().map(|one| (one - centre) * (one - centre)).sum();
    close(found.comovement.pearson.standard_error, (31.0 / 32.0 * squares).sqrt());
}

#[test]
fn moments_are_those_of_the_law() {
    let jumps = Merton {
        initial: 1.0,
        drift: 0.1,
        volatility: 0.5,
        jumps_per_year: 3.0,
        jump_mean: -0.1,
        jump_volatility: 0.15,
    };
    let market = Market::builder().factor("btc", jumps).factor("gpu", price(0.3));
    let found = run(market, 60_000, 12).run(SeriesPair::of("btc", "gpu").kept_pairs(1_000)).unwrap().all;
    // Cumulants of a month: jumps have E[J^k] lambda D.
    let (m, s) = (-0.1_f64, 0.15_f64 * 0.15);
    let rate = 3.0 / 12.0;
    let variance = 0.25 / 12.0 + rate * (m * m + s);
    let growth = (m + 0.5 * s).exp() - 1.0;
    let mean = (0.1 - 0.125 - 3.0 * growth) / 12.0 + rate * m;
    let [btc, gpu] = found.moments;
    near("mean", btc.mean, mean);
    near("deviation", btc.standard_deviation, variance.sqrt());
    near("skewness", btc.skewness, rate * (m * m * m + 3.0 * m * s) / variance.powf(1.5));
    near("kurtosis", btc.excess_kurtosis, rate * (m.powi(4) + 6.0 * m * m * s + 3.0 * s * s) / variance.powi(2));
    near("normal skewness", gpu.skewness, 0.0);
    near("normal kurtosis", gpu.excess_kurtosis, 0.0);
    near("independent", found.comovement.pearson, 0.0);
}

#[test]
fn each_state_has_its_own_correlation() {
    let pair = SeriesPair::of("btc", "gpu").by(States::at_start("dependence.regime", [0.5])).kept_pairs(60_000);
    let found = run(two(spells()), 20_000, 12).run(pair).unwrap();
    let [calm, stress] = &found.states[..] else { panic!("two states") };
    assert_eq!((calm.state.as_str(), stress.state.as_str()), ("dependence.regime < 0.5", "dependence.regime >= 0.5"));
    assert_eq!((calm.pairs + stress.pairs, calm.kept + stress.kept), (found.all.pairs, found.all.kept));
    assert_eq!(found.undefined, 0);
    for (state, rho, volatility) in [(calm, 0.1, 0.3), (stress, 0.8, 1.2)] {
        near("pearson", state.comovement.pearson, rho);
        near("kendall", state.comovement.kendall, FRAC_2_PI * f64::asin(rho));
        near("deviation", state.moments[0].standard_deviation, volatility / 12_f64.sqrt());
        let level = &state.comovement.levels[4];
        let normal = EllipticalPair::new(rho, f64::INFINITY).unwrap();
        near("exceedance", level.lower_correlation, normal.exceedance_correlation(level.threshold));
    }
    // At the end of a step stands the regime of the next: correlations are mixed up.
    let late = SeriesPair::of("btc", "gpu").by(States::at_end("dependence.regime", [0.5])).kept_pairs(1_000);
    let late = run(two(spells()), 20_000, 12).run(late).unwrap();
    let mixed = late.states[0].comovement.pearson;
    assert!((mixed.value - 0.1) > 10.0 * mixed.standard_error, "{mixed}");
}

/// Of 150 runs of 256 paths so many intervals hold the truth, on changes whose sizes hang together within a path. Errors for independent changes would
/// cover Pearson's correlation far less often.
#[test]
fn intervals_cover_on_clustered_changes() {
    let pair = SeriesPair::of("btc", "gpu").thresholds([Threshold::Quantile(0.5)]).kept_pairs(1_000);
    let truth = run(two(spells()), 60_000, 24).run(pair.clone().kept_pairs(1 << 17)).unwrap().all.comovement;
    // Closed form: (0.75 x 0.25 x 0.1 + 0.25 x 4 x 0.8) / (0.75 x 0.25 + 0.25 x 4), but for the means of some thousandths.
    let rho = (0.75 * 0.25 * 0.1 + 0.8) / (0.75 * 0.25 + 1.0);
    near("the truth", truth.pearson, rho);
    let (runs, mut pearson, mut kendall, mut falls, mut naive) = (150, 0, 0, 0, 0);
    for seed in 0..runs {
        let found = run(two(spells()), 256, 24).seed(1_000 + seed).run(pair.clone()).unwrap().all;
        let covers = |e: Estimate, truth: f64| i32::from(e.lower <= truth && truth <= e.upper);
        let comovement = found.comovement;
        pearson += covers(comovement.pearson, rho);
        kendall += covers(comovement.kendall, truth.kendall.value);
        falls += covers(comovement.levels[0].lower_correlation, truth.levels[0].lower_correlation.value);
        let reach = 1.96 * (1.0 - comovement.pearson.value.powi(2)) / (found.pairs as f64).sqrt();
        naive += i32::from((comovement.pearson.value - rho).abs() < reach);
    }
    // Sampling of 150 runs, of 41 kept paths each.
    let deviation = (0.95 * 0.05 / f64::from(runs as i32)).sqrt();
    for (name, count) in [("pearson", pearson), ("kendall", kendall), ("falls", falls)] {
        let share = f64::from(count) / runs as f64;
        assert!((share - 0.95).abs() < 5.0 * deviation, "{name} covers {share}");
    }
    assert!(f64::from(naive) / (runs as f64) < 0.95 - 5.0 * deviation, "independent pairs cover {naive} of {runs}");
}

#[test]
fn any_threads_and_any_shards_give_the_same_bits() {
    let simulation = run(two(StudentT::new(4.0, spells())), 10 * 256 + 77, 12);
    let pair = || {
        let states = States::at_start("dependence.regime", [0.5]);
        SeriesPair::of("btc", "gpu").by(states).thresholds([Threshold::Quantile(0.2)]).kept_pairs(5_000)
    };
    let text = |found: &SimulatedComovement| serde_json::to_string(found).unwrap();
    let one = text(&simulation.clone().threads(1).run(pair()).unwrap());
    assert_eq!(text(&simulation.clone().threads(3).run(pair()).unwrap()), one);
    for order in [[0, 1, 2], [2, 0, 1]] {
        let ranges = [0..3, 3..9, 9..11];
        let shard = |at: usize| simulation.shard(ranges[at].clone(), pair()).unwrap();
        let mut merged = shard(order[0]);
        merged.merge(shard(order[1])).unwrap();
        merged.merge(shard(order[2])).unwrap();
        assert_eq!(text(&merged.finish()), one);
    }
    // More paths: those kept are the same.
    let more = simulation.paths(20 * 256).run(pair()).unwrap();
    let few = serde_json::from_str::<SimulatedComovement>(&one).unwrap();
    assert_eq!(more.all.comovement.kendall, few.all.comovement.kendall);
    assert!(more.all.comovement.pearson.standard_error < few.all.comovement.pearson.standard_error);
}

#[test]
fn a_series_with_itself_is_one_and_one_that_stands_still_has_none() {
    let rate = ShortRate { initial: 0.04, mean: 0.04, reversion: 0.5, volatility: 0.0 };
    let market = || two(constant(0.5)).factor("sofr", rate.clone());
    let pair = |one: StepChange, other: StepChange| SeriesPair::of(one, other).kept_pairs(3_000);
    let same = run(market(), 1_000, 6).run(pair("btc".into(), "btc".into())).unwrap().all.comovement;
    for estimate in [same.pearson, same.spearman, same.kendall, same.levels[2].lower_correlation] {
        assert_eq!((estimate.value, estimate.standard_error, estimate.lower, estimate.upper), (1.0, 0.0, 1.0, 1.0));
    }
    for level in &same.levels {
        assert_eq!((level.lower_dependence.value, level.upper_dependence.value), (1.0, 1.0));
        assert_eq!((level.normal_correlation, level.student_correlation), (1.0, 1.0));
    }
    let still = run(market(), 1_000, 6).run(pair("btc".into(), StepChange::difference("sofr"))).unwrap().all;
    let comovement = &still.comovement;
    for estimate in
        [comovement.pearson, comovement.spearman, comovement.kendall, comovement.levels[7].lower_correlation]
    {
        assert!(!estimate.is_defined(), "{estimate}");
    }
    assert!(comovement.levels[7].normal_correlation.is_nan() && !comovement.levels[7].lower_dependence.is_defined());
    assert_eq!(still.moments[1].mean.value, 0.0);
    assert!(still.moments[0].standard_deviation.is_defined() && !still.moments[1].standard_deviation.is_defined());
    // Rates below zero have no logarithm: every pair is told to be left out.
    let low = ShortRate { initial: -0.01, mean: -0.01, reversion: 0.5, volatility: 0.001 };
    let market = || two(constant(0.5)).factor("sofr", low.clone());
    let found = run(market(), 100, 6).run(pair("btc".into(), "sofr".into())).unwrap();
    assert_eq!((found.undefined, found.all.pairs, found.all.kept), (600, 0, 0));
    assert!(!found.all.comovement.pearson.is_defined());
    let found = run(market(), 2_000, 6).run(pair("btc".into(), StepChange::difference("sofr"))).unwrap();
    near("independent", found.all.comovement.pearson, 0.0);
    assert_eq!(found.undefined, 0);
}

#[test]
fn mistakes_are_told_by_their_field() {
    let field = |pair: SeriesPair| {
        let error = run(two(constant(0.5)), 256, 6).run(pair).unwrap_err();
        error.field().unwrap().to_owned()
    };
    let pair = || SeriesPair::of("btc", "gpu");
    assert_eq!(field(SeriesPair::of("btc", "nothing")), "series");
    assert_eq!(field(pair().thresholds([Threshold::Quantile(0.7)])), "thresholds[0].quantile");
    assert_eq!(field(pair().kept_pairs(10)), "kept_pairs");
    for bounds in [vec![], vec![1.0, 1.0], vec![f64::NAN]] {
        assert_eq!(field(pair().by(States::at_start("btc", bounds))), "states.bounds");
    }
    let text = serde_json::to_string(&pair().by(States::at_end("btc", [50.0]))).unwrap();
    assert_eq!(serde_json::from_str::<SeriesPair>(&text).unwrap(), pair().by(States::at_end("btc", [50.0])));
}
