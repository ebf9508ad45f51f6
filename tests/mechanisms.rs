//! The mechanisms by which factors fall together, against their laws: t drivers, correlations that rise with stress, systemic jumps,
//! and each on top of the others. A correlation matrix alone would not tell them apart (all have one), so what is tested is the
//! shape of the joint law: joint tails, conditional covariances, common sizes and counts, and the degenerate cases to the bit.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/collect.rs"]
mod collect;
#[path = "support/world.rs"]
mod world;

use collect::{
    Collect, Collected, assert_correlation, assert_cumulants, assert_distribution, assert_mean, assert_normal,
    assert_share,
};
use haircut::credit::Book;
use haircut::market::{
    CommonJumps, Constant, Correlations, DeflatingRent, Dependence, DependenceModel, Gbm, JumpSize, Margins, Market,
    MarketBuilder, Merton, Regime, Regimes, ShortRate, StressDriven, StressIndex, StudentT, Utilisation,
};
use haircut::numeric::Correlation;
use haircut::{Error, Simulation};
use statrs::distribution::{ChiSquared, ContinuousCDF, StudentsT};

const PATHS: u64 = 1 << 20;
const LENGTH: f64 = 1.0 / 12.0;
const VOLATILITY: f64 = 0.6;
const DRIFT: f64 = 0.05;

fn collect(market: MarketBuilder, months: usize, paths: u64, series: &[&str], steps: &[usize]) -> Collected {
    let simulation = Simulation::new(market.build().unwrap(), Book::default()).months(months).paths(paths).seed(99);
    simulation.run(Collect::new(series, steps)).unwrap()
}

fn coin() -> Gbm {
    Gbm { initial: 1.0, drift: DRIFT, volatility: VOLATILITY }
}

/// Two prices.
fn pair() -> MarketBuilder {
    Market::builder().factor("a", coin()).factor("b", coin())
}

fn rent() -> DeflatingRent {
    DeflatingRent {
        initial: 2.0,
        deflation: 0.2,
        sensitivity: 0.0,
        adoption: None,
        scarcity: 0.2,
        reversion: 0.9,
        volatility: 0.35,
        usual_scarcity: None,
        deflation_deviation: 0.0,
        jumps: None,
    }
}

/// Factors of several kinds.
fn unlike() -> MarketBuilder {
    Market::builder()
        .factor("a", coin())
        .factor("rent", rent())
        .factor("sofr", ShortRate { initial: 0.036, mean: 0.03, reversion: 0.3, volatility: 0.012 })
        .factor("use", Utilisation { initial: 0.9, usual: 0.8, reversion: 2.0, volatility: 0.9, demand: None })
}

const UNLIKE: [&str; 4] = ["a", "rent", "sofr", "use"];

/// The driver of a price in the step of a month to `step`.
fn driver(seen: &Collected, price: &str, step: usize) -> Vec<f64> {
    let (before, after) = (seen.of(price, step - 1), seen.of(price, step));
    let mean = (DRIFT - 0.5 * VOLATILITY * VOLATILITY) * LENGTH;
    let of = |(before, after): (&f64, &f64)| ((after / before).ln() - mean) / (VOLATILITY * LENGTH.sqrt());
    before.iter().zip(after).map(of).collect()
}

fn products(a: &[f64], b: &[f64]) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| a * b).collect()
}

/// The share of concordant less that of discordant pairs, each path once.
fn assert_kendall(what: &str, a: &[f64], b: &[f64], tau: f64) {
    let signs: Vec<f64> =
        a.chunks_exact(2).zip(b.chunks_exact(2)).map(|(a, b)| ((a[0] - a[1]) * (b[0] - b[1])).signum()).collect();
    assert_mean(what, signs.iter().copied(), tau, (1.0 - tau * tau).sqrt());
}

const FREEDOM: [f64; 3] = [2.01, 3.7, 30.0];

#[test]
fn the_mixing_variable_is_one_chi_square_for_all_drivers() {
    let pairs = [("a", "rent", 0.5), ("sofr", "use", -0.4)];
    for freedom in FREEDOM {
        let dependence = StudentT::new(freedom, Constant::pairs(pairs));
        let series = ["a", "rent", "sofr", "use", "dependence.mixing"];
        let seen = collect(unlike().dependence(dependence), 7, PATHS / 4, &series, &[0, 1, 6, 7]);
        let law = ChiSquared::new(freedom).unwrap();
        for step in [1, 7] {
            let chi_square: Vec<f64> =
                seen.of("dependence.mixing", step).iter().map(|size| (freedom - 2.0) / (size * size)).collect();
            assert_distribution(&format!("{freedom}"), &chi_square, |x| law.cdf(x));
        }
        let (first, last) = (seen.of("dependence.mixing", 1), seen.of("dependence.mixing", 7));
        // Independent from step to step: the sign of the distance from the median.
        let median = ((freedom - 2.0) / law.inverse_cdf(0.5)).sqrt();
        let signs = first.iter().zip(last).map(|(a, b)| ((a - median) * (b - median)).signum());
        assert_mean("steps", signs, 0.0, 1.0);
        assert!(seen.of("dependence.mixing", 0).iter().all(|size| (size - 1.0).abs() <= 0.0));
        // The drivers are those of the base times it: on the price, whose driver is known, and so on the sum of squares of all.
        let plain = collect(unlike().dependence(Constant::pairs(pairs)), 7, PATHS / 4, &UNLIKE, &[0, 1]);
        for factor in ["a", "rent"] {
            let shock = |seen: &Collected| -> Vec<f64> {
                match factor {
                    "a" => driver(seen, "a", 1),
                    _ => {
                        let decay = (-0.9 * LENGTH).exp();
                        let noise = 0.35 * ((1.0 - decay * decay) / 1.8).sqrt();
                        let of = |rent: &f64| ((rent / 2.0).ln() + 0.2 * LENGTH + 0.2 - 0.2 * decay) / noise;
                        seen.of("rent", 1).iter().map(of).collect()
                    }
                }
            };
            for ((mixed, plain), size) in shock(&seen).iter().zip(shock(&plain)).zip(first) {
                // Beyond that a price leaves the range of numbers.
                if mixed.abs() < 1000.0 {
                    assert!((mixed - size * plain).abs() < 1e-11 * (1.0 + size), "{factor}: {mixed}, {size} {plain}");
                }
            }
        }
    }
}

#[test]
fn t_drivers_have_variance_one_and_their_correlation() {
    let freedom = 12.0;
    let dependence = StudentT::new(freedom, Constant::pairs([("a", "b", 0.6)]));
    let seen = collect(pair().dependence(dependence), 1, PATHS, &["a", "b"], &[0, 1]);
    let (a, b) = (driver(&seen, "a", 1), driver(&seen, "b", 1));
    let t = StudentsT::new(0.0, ((freedom - 2.0) / freedom).sqrt(), freedom).unwrap();
    // E[m^2] = 1, E[m^4] = (nu - 2) / (nu - 4), E[m^8] = (nu - 2)^3 / ((nu - 4) (nu - 6) (nu - 8)), times moments of normals.
    let fourth = (freedom - 2.0) / (freedom - 4.0);
    let eighth = (freedom - 2.0).powi(3) / ((freedom - 4.0) * (freedom - 6.0) * (freedom - 8.0));
    for x in [&a, &b] {
        assert_distribution("t", x, |x| t.cdf(x));
        assert_mean("mean", x.iter().copied(), 0.0, 1.0);
        assert_mean("variance", x.iter().map(|x| x * x), 1.0, (3.0 * fourth - 1.0).sqrt());
        assert_mean("fourth moment", x.iter().map(|x| x.powi(4)), 3.0 * fourth, (105.0 * eighth).sqrt());
    }
    let product = products(&a, &b);
    // E[z^2 z'^2] = 1 + 2 rho^2.
    assert_mean("covariance", product.iter().copied(), 0.6, (fourth * (1.0 + 2.0 * 0.36) - 0.36).sqrt());
    assert_kendall("t", &a, &b, 0.409_665_529_398_266_9);
}

/// P(both below their own quantile q): that of the normal law, times a ratio (bivariate t against normal at correlation 1/2).
const JOINT: [(f64, f64); 4] = [
    (0.05, 0.012_189_428_767_174_904),
    (0.01, 0.001_293_924_418_264_657),
    (0.005, 0.000_496_295_841_977_162_6),
    (0.001, 0.000_054_259_168_194_567_18),
];

#[test]
fn joint_tails_are_those_of_the_t_copula() {
    // Cases D04, D06.
    for (freedom, ratios) in [
        (3.0_f64, [1.500_724_396_718_863_3, 2.547_150_692_890_993_7, 3.255_380_067_147_208, 5.825_437_825_137_062]),
        (4.0, [1.389_479_429_120_11, 2.223_301_692_052_129, 2.790_613_874_746_65, 4.856_196_277_246_56]),
        (8.0, [1.203_731_219_897_249_7, 1.646_810_546_908_612_3, 1.943_857_657_139_164, 3.000_634_669_911_937]),
    ] {
        let t = StudentsT::new(0.0, ((freedom - 2.0) / freedom).sqrt(), freedom).unwrap();
        for margins in [Margins::StudentT, Margins::Normal] {
            let base = Constant::pairs([("a", "b", 0.5)]);
            let dependence = StudentT { degrees_of_freedom: freedom, margins, base };
            let seen = collect(pair().dependence(dependence), 1, 2 * PATHS, &["a", "b"], &[0, 1]);
            let (a, b) = (driver(&seen, "a", 1), driver(&seen, "b", 1));
            for ((q, gaussian), ratio) in JOINT.into_iter().zip(ratios) {
                let what = format!("{freedom}, {margins:?}, {q}");
                let bound = match margins {
                    Margins::StudentT => t.inverse_cdf(q),
                    Margins::Normal => statrs::distribution::Normal::standard().inverse_cdf(q),
                };
                let lower: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a.max(*b)).collect();
                let upper: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a.min(*b)).collect();
                assert_share(&what, &lower, |both| both < bound, ratio * gaussian);
                assert_share(&what, &upper, |both| both > -bound, ratio * gaussian);
                assert_share(&what, &a, |a| a < bound, q);
            }
            // 2 / pi asin(1/2).
            assert_kendall(&format!("{freedom}, {margins:?}"), &a, &b, 1.0 / 3.0);
        }
    }
}

#[test]
fn normal_margins_keep_the_law_of_every_factor_and_all_ranks() {
    let base = Constant::pairs([("a", "b", 0.7)]);
    let t = StudentT::new(2.5, base);
    let [fat, normal] = [t.clone(), t.normal_margins()]
        .map(|dependence| collect(pair().dependence(dependence), 60, PATHS / 4, &["a", "b"], &[0, 1, 60]));
    for price in ["a", "b"] {
        assert_normal(price, &driver(&normal, price, 1), 0.0, 1.0);
        let years = 5.0;
        let (mean, spread) = (f64::exp(DRIFT * years), (VOLATILITY * VOLATILITY * years).exp_m1().sqrt());
        assert_mean(price, normal.of(price, 60).iter().copied(), mean, mean * spread);
        // The order of the paths is the same.
        let order = |values: &[f64]| {
            let mut order: Vec<usize> = (0..values.len()).collect();
            order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
            order
        };
        let (ours, theirs) = (order(normal.of(price, 1)), order(fat.of(price, 1)));
        // Neighbours that differ by a rounding may change places.
        let sorted = |by: &[usize], values: &[f64]| by.iter().map(|path| values[*path]).collect::<Vec<f64>>();
        for (one, other) in sorted(&ours, normal.of(price, 1)).iter().zip(sorted(&theirs, normal.of(price, 1))) {
            assert!((one / other - 1.0).abs() < 1e-9, "{price}: {one}, {other}");
        }
    }
}

#[test]
fn infinitely_many_degrees_of_freedom_are_the_base() {
    let pairs = [("a", "rent", 0.5), ("sofr", "use", -0.4)];
    let run = |market| collect(market, 9, 5_000, &UNLIKE, &[1, 9]).bits();
    let constant = run(unlike().dependence(Constant::pairs(pairs)));
    for margins in [Margins::StudentT, Margins::Normal] {
        let dependence = StudentT { degrees_of_freedom: f64::INFINITY, margins, base: Constant::pairs(pairs) };
        assert_eq!(run(unlike().dependence(dependence)), constant);
    }
    assert_ne!(run(unlike().dependence(StudentT::new(1e6, Constant::pairs(pairs)))), constant);
}

fn rows() -> [Correlation; 2] {
    let calm = [[1.0, 0.1, -0.3, 0.0], [0.1, 1.0, 0.0, 0.2], [-0.3, 0.0, 1.0, 0.0], [0.0, 0.2, 0.0, 1.0]];
    let stress = [[1.0, 0.8, -0.6, 0.5], [0.8, 1.0, -0.5, 0.6], [-0.6, -0.5, 1.0, -0.3], [0.5, 0.6, -0.3, 1.0]];
    [Correlation::from_rows(&calm).unwrap(), Correlation::from_rows(&stress).unwrap()]
}

fn four() -> MarketBuilder {
    ["a", "b", "c", "d"].into_iter().fold(Market::builder(), |market, name| market.factor(name, coin()))
}

const FOUR: [&str; 4] = ["a", "b", "c", "d"];

/// An index that stands still, so that the weight is `w`, from a place s of the curve.
fn still(s: f64) -> StressDriven {
    let [calm, stress] = rows();
    let index = StressIndex::Ou { reversion: 0.0, initial: Some(s) };
    StressDriven { calm: calm.into(), stress: stress.into(), index, begin: 0.0, full: 1.0 }
}

#[test]
fn the_covariance_given_the_weight_is_the_mixture() {
    // 3 s^2 - 2 s^3 = 0.3.
    let third = 0.363_257_491_090_567_6;
    let [calm, stress] = rows();
    for (s, w) in [(-1.0, 0.0), (0.0, 0.0), (third, 0.3), (1.0, 1.0), (7.0, 1.0)] {
        let series = ["a", "b", "c", "d", "dependence.stress"];
        let seen = collect(four().dependence(still(s)), 2, PATHS, &series, &[0, 1, 2]);
        assert!(seen.of("dependence.stress", 2).iter().all(|weight| (weight - w).abs() < 1e-14));
        let drivers = FOUR.map(|name| driver(&seen, name, 2));
        for row in 0..4 {
            assert_normal(FOUR[row], &drivers[row], 0.0, 1.0);
            for column in 0..row {
                let entry = |matrix: &Correlation| matrix.entry(row, column).unwrap();
                let rho = (1.0 - w) * entry(&calm) + w * entry(&stress);
                let what = format!("{row}, {column} at {w}");
                assert_correlation(&what, &drivers[row], &drivers[column], rho);
                assert_kendall(&what, &drivers[row], &drivers[column], std::f64::consts::FRAC_2_PI * rho.asin());
            }
        }
        // Nothing is shared from step to step.
        assert_correlation("steps", &driver(&seen, "a", 1), &drivers[0], 0.0);
    }
}

#[test]
fn without_stress_it_is_the_calm_matrix_to_the_bit() {
    let run = |market: MarketBuilder| collect(market, 9, 5_000, &FOUR, &[1, 9]).bits();
    let [calm, _] = rows();
    let constant = run(four().dependence(Constant::new(calm.clone())));
    assert_eq!(run(four().dependence(still(0.0))), constant);
    assert_ne!(run(four().dependence(still(0.5))), constant);
    let never = StressDriven { calm: calm.into(), ..StressDriven::drawdown("a", 1.5, 2.0) };
    assert_eq!(run(four().dependence(never)), constant);
    // No correlation at all is no dependence; a driver without any is left alone whatever the stress.
    assert_eq!(run(four().dependence(StressDriven::drawdown("a", 0.1, 0.2))), run(four()));
    let some = StressDriven::drawdown("a", 0.1, 0.2).stress(Correlations::pairs([("a", "b", 0.9)]));
    let alone = |market: MarketBuilder| collect(market, 9, 5_000, &["c", "d"], &[1, 9]).bits();
    assert_eq!(alone(four().dependence(some)), alone(four()));
}

/// The weight of a drawdown from 10 to 40 %.
fn weight(drawdown: f64) -> f64 {
    let s = ((drawdown - 0.1) / 0.3).clamp(0.0, 1.0);
    s * s * (3.0 - 2.0 * s)
}

#[test]
fn correlations_rise_with_the_drawdown_at_the_start_of_the_step() {
    let [calm, stress] = rows();
    let dependence = StressDriven::drawdown("a", 0.1, 0.4).calm(calm.clone().into()).stress(stress.clone().into());
    let series = ["a", "b", "c", "d", "dependence.stress"];
    let months = 6;
    let steps: Vec<usize> = (0..=months).collect();
    let seen = collect(four().dependence(dependence.clone()), months, PATHS, &series, &steps);
    // The weight is that of the path's own prices, one step before.
    let mut stressed = 0;
    for path in (0..PATHS as usize).step_by(101) {
        let mut highest = 0.0_f64;
        for step in 1..=months {
            let price = seen.of("a", step - 1)[path];
            highest = highest.max(price);
            let (ours, expected) = (seen.of("dependence.stress", step)[path], weight(1.0 - price / highest));
            assert!((ours - expected).abs() < 1e-13, "{ours} {expected}");
            stressed += usize::from(expected > 0.5);
        }
    }
    assert!(stressed > 1000);
    assert!(seen.of("dependence.stress", 0).iter().all(|weight| weight.abs() <= 0.0));
    // E[(z_i z_j - C_ij(w)) g(w)] = 0 for any g, and given w the product has variance 1 + C_ij^2.
    let drivers = FOUR.map(|name| driver(&seen, name, months));
    let weights = seen.of("dependence.stress", months);
    for row in 0..4 {
        assert_normal(FOUR[row], &drivers[row], 0.0, 1.0);
        for column in 0..row {
            let entry = |matrix: &Correlation| matrix.entry(row, column).unwrap();
            let rho = |w: f64| (1.0 - w) * entry(&calm) + w * entry(&stress);
            for g in [|_: f64| 1.0, |w: f64| w, |w: f64| f64::from(u8::from(w >= 1.0))] {
                let mut square = 0.0;
                let sample: Vec<f64> = products(&drivers[row], &drivers[column])
                    .iter()
                    .zip(weights)
                    .map(|(product, w)| {
                        square += g(*w) * g(*w) * (1.0 + rho(*w) * rho(*w));
                        (product - rho(*w)) * g(*w)
                    })
                    .collect();
                let deviation = (square / sample.len() as f64).sqrt();
                assert_mean(&format!("{row}, {column}"), sample.iter().copied(), 0.0, deviation);
            }
        }
    }
    // A peak above today's price is a drawdown from the first step on.
    let index = StressIndex::Drawdown { of: "a".into(), peak: 1.6 };
    let seen = collect(four().dependence(StressDriven { index, ..dependence }), 1, 256, &["dependence.stress"], &[1]);
    assert!(seen.of("dependence.stress", 1).iter().all(|w| (w - weight(0.375)).abs() < 1e-14));
}

#[test]
fn an_index_of_its_own_is_a_stationary_ou() {
    let reversion = 0.7;
    let dependence = StressDriven::ou(reversion, 0.0, 2.0).stress(Correlations::pairs([("a", "b", 0.9)]));
    let seen = collect(pair().dependence(dependence), 13, PATHS, &["a", "b", "dependence.stress"], &[0, 1, 13]);
    let (first, last) = (seen.of("dependence.stress", 1), seen.of("dependence.stress", 13));
    let normal = statrs::distribution::Normal::standard();
    for weights in [first, last] {
        assert_share("calm", weights, |w| w <= 0.0, 0.5);
        assert_share("full", weights, |w| w >= 1.0, normal.cdf(-2.0));
        // The weight is 1/2 at one standard deviation.
        assert_share("half", weights, |w| w > 0.5, normal.cdf(-1.0));
    }
    // Both below zero, a year apart: 1/4 + asin(e^-k) / (2 pi).
    let both: Vec<f64> = first.iter().zip(last).map(|(a, b)| a.max(*b)).collect();
    let rho = (-reversion).exp();
    assert_share("a year apart", &both, |w| w <= 0.0, 0.25 + rho.asin() / std::f64::consts::TAU);
    // The index knows nothing of the prices.
    let calm: Vec<f64> = last.iter().map(|w| if *w <= 0.0 { 1.0 } else { -1.0 }).collect();
    assert_mean("prices", driver(&seen, "a", 1).iter().zip(&calm).map(|(z, sign)| z * sign), 0.0, 1.0);
}

/// Events of two prices.
fn events(per_year: f64) -> CommonJumps<Constant> {
    CommonJumps::new(per_year, Constant::pairs([("a", "b", 0.3)]))
        .jump("a", -0.25, 0.1)
        .jump("b", -0.15, 0.2)
        .correlation([("a", "b", 0.5)])
}

#[test]
fn common_jumps_have_their_moments_and_leave_growth_alone() {
    for (months, per_year) in [(24, 0.8), (2, 30.0)] {
        let years = months as f64 / 12.0;
        let seen = collect(pair().dependence(events(per_year)), months, PATHS, &["a", "b"], &[months]);
        let (a, b) = (seen.of("a", months), seen.of("b", months));
        // E[a^p b^q] = exp(T (p mu + q mu + .. + lambda (E[e^(p X + q Y)] - 1 - p kappa_a - q kappa_b))).
        let kappa = |mean: f64, volatility: f64| (mean + 0.5 * volatility * volatility).exp() - 1.0;
        let moment = |p: f64, q: f64| {
            let (v, w) = (0.1 * p, 0.2 * q);
            let jump = (-0.25 * p - 0.15 * q + 0.5 * (v * v + w * w) + 0.5 * v * w).exp() - 1.0;
            let jump = jump - p * kappa(-0.25, 0.1) - q * kappa(-0.15, 0.2);
            let square = VOLATILITY * VOLATILITY;
            let diffusion = 0.5 * (p * (p - 1.0) + q * (q - 1.0)) * square + 0.3 * p * q * square;
            (years * ((p + q) * DRIFT + diffusion + per_year * jump)).exp()
        };
        let deviation = |p: f64, q: f64| (moment(2.0 * p, 2.0 * q) - moment(p, q).powi(2)).sqrt();
        let what = format!("{months} months");
        assert!((moment(1.0, 0.0) - (DRIFT * years).exp()).abs() < 1e-14);
        assert_mean(&what, a.iter().copied(), moment(1.0, 0.0), deviation(1.0, 0.0));
        assert_mean(&what, b.iter().copied(), moment(0.0, 1.0), deviation(0.0, 1.0));
        assert_mean(&what, a.iter().map(|a| a.sqrt()), moment(0.5, 0.0), deviation(0.5, 0.0));
        assert_mean(&what, products(a, b).into_iter(), moment(1.0, 1.0), deviation(1.0, 1.0));
        assert_mean(&what, a.iter().zip(b).map(|(a, b)| (a * b).sqrt()), moment(0.5, 0.5), deviation(0.5, 0.5));
        // Log returns: cumulants of the sum of both, with the eighth.
        let logarithms: Vec<f64> = a.iter().zip(b).map(|(a, b)| (a * b).ln()).collect();
        let (mean, variance) = (-0.4, 0.01 + 0.04 + 2.0 * 0.5 * 0.1 * 0.2);
        let mut raw = [1.0, mean, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        for n in 2..=8 {
            raw[n] = mean * raw[n - 1] + (n - 1) as f64 * variance * raw[n - 2];
        }
        let square = VOLATILITY * VOLATILITY;
        let drift = 2.0 * DRIFT - square - per_year * (kappa(-0.25, 0.1) + kappa(-0.15, 0.2));
        let mut cumulants = [0.0; 8];
        for n in 1..=8 {
            cumulants[n - 1] = per_year * years * raw[n];
        }
        cumulants[0] += drift * years;
        cumulants[1] += 2.0 * 1.3 * square * years;
        assert_cumulants(&what, &logarithms, cumulants);
    }
}

#[test]
fn events_are_poisson_and_their_sizes_normal() {
    let series = ["a", "b", "dependence.jumps"];
    let quiet = |jump: CommonJumps<Constant>| {
        let still = Gbm { initial: 1.0, drift: 0.0, volatility: 0.0 };
        let market = Market::builder().factor("a", still.clone()).factor("b", still).dependence(jump);
        collect(market, 3, PATHS, &series, &[1, 2, 3])
    };
    let seen = quiet(events(6.0));
    for (step, mean) in [(1, 0.5_f64), (3, 1.5)] {
        let counts = seen.of("dependence.jumps", step);
        let mut probability = (-mean).exp();
        for count in 0..5 {
            let holds = |events: f64| (events - f64::from(count)).abs() < 0.5;
            assert_share(&format!("{count} events"), counts, holds, probability);
            probability *= mean / f64::from(count + 1);
        }
    }
    let kappa = [(-0.25_f64 + 0.005).exp() - 1.0, (-0.15_f64 + 0.02).exp() - 1.0];
    for count in [1.0, 2.0] {
        let of = |name: &str, kappa: f64| -> Vec<f64> {
            let paths = seen.of(name, 1).iter().zip(seen.of("dependence.jumps", 1));
            let some = paths.filter(|(_, events)| (**events - count).abs() < 0.5);
            some.map(|(price, _)| price.ln() + 6.0 * kappa * LENGTH).collect()
        };
        let (a, b) = (of("a", kappa[0]), of("b", kappa[1]));
        assert_normal("a", &a, -0.25 * count, 0.01 * count);
        assert_normal("b", &b, -0.15 * count, 0.04 * count);
        assert_correlation("sizes", &a, &b, 0.5);
    }
    // A path without events only has what compensates them.
    let none = seen.of("a", 3).iter().zip(seen.of("dependence.jumps", 3)).filter(|(_, events)| **events < 0.5);
    assert!(none.clone().count() > 1000);
    for (price, _) in none {
        assert!((price.ln() + 6.0 * kappa[0] * 0.25).abs() < 1e-14);
    }
}

#[test]
fn a_jump_of_known_size_arrives_at_every_factor_that_takes_it() {
    // By the number of events so far: exp(m N - lambda kappa t) on a price; the first step alone on what reverts.
    let (per_year, mean) = (4.0, -0.3_f64);
    let ratio = |events: f64, years: f64| (mean * events - per_year * mean.exp_m1() * years).exp();
    type World = (fn() -> MarketBuilder, &'static [&'static str]);
    let worlds: [World; 3] = [
        (world::coins, &["kou", "heston", "bates", "svcj", "bull", "follower"]),
        (world::factors, &["eth", "btc", "rent", "resale", "hashrate"]),
        (world::costs, &["power", "list"]),
    ];
    for (market, hit) in worlds {
        for factor in hit {
            let months = if ["rent", "resale", "hashrate", "power", "list"].contains(factor) { 1 } else { 14 };
            let jumps = CommonJumps::new(per_year, DependenceModel::default()).jump(*factor, mean, 0.0);
            let jumped =
                collect(market().dependence(jumps), months, 2_000, &[factor, "dependence.jumps"], &[0, months]);
            let plain = collect(market(), months, 2_000, &[factor], &[months]);
            let floor = if *factor == "resale" { 1_500.0 } else { 0.0 };
            let mut most = 0.0_f64;
            for path in 0..2_000 {
                let events = jumped.of("dependence.jumps", months)[path];
                let expected = ratio(events, months as f64 / 12.0);
                let (ours, without) = (jumped.of(factor, months)[path] - floor, plain.of(factor, months)[path] - floor);
                assert!((ours / without / expected - 1.0).abs() < 1e-11, "{factor}: {ours} {without} {expected}");
                most = most.max(events);
            }
            assert!(most > 1.0, "{factor}");
            assert!(jumped.of("dependence.jumps", 0).iter().all(|events| events.abs() <= 0.0));
        }
    }
}

#[test]
fn a_rent_forgets_its_jumps_as_any_shock() {
    // ln R less its trend is the sum over steps k of e^(-kappa (n - k) D) jump_k and the OU's own noise.
    let (per_year, mean, volatility, months) = (3.0, -0.2_f64, 0.1_f64, 12);
    let jumps = CommonJumps::new(per_year, DependenceModel::default()).jump("rent", mean, volatility);
    let seen = collect(unlike().dependence(jumps), months, PATHS, &["rent"], &[months]);
    let decay = (-0.9 * LENGTH).exp();
    let mut raw = [1.0, mean, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0];
    for n in 2..=8 {
        raw[n] = mean * raw[n - 1] + (n - 1) as f64 * volatility * volatility * raw[n - 2];
    }
    let kappa = (mean + 0.5 * volatility * volatility).exp_m1();
    let mut cumulants = [0.0; 8];
    for back in 0..months {
        let left = decay.powi(back as i32);
        for n in 1..=8 {
            cumulants[n - 1] += per_year * LENGTH * raw[n] * left.powi(n as i32);
        }
        cumulants[0] -= per_year * LENGTH * kappa * left;
    }
    cumulants[0] += 2.0_f64.ln() - 0.2 - 0.2 + 0.2 * (-0.9_f64).exp();
    cumulants[1] += 0.35 * 0.35 * (1.0 - (-1.8_f64).exp()) / 1.8;
    let logarithms: Vec<f64> = seen.of("rent", months).iter().map(|rent| rent.ln()).collect();
    assert_cumulants("rent", &logarithms, cumulants);
}

#[test]
fn events_that_never_come_are_the_base() {
    let run = |market: MarketBuilder| collect(market, 9, 5_000, &["a", "b"], &[1, 9]).bits();
    let base = run(pair().dependence(Constant::pairs([("a", "b", 0.3)])));
    assert_eq!(run(pair().dependence(events(0.0))), base);
    assert_ne!(run(pair().dependence(events(0.1))), base);
    let series = ["kou", "heston", "bates", "svcj", "bull"];
    let coins = |market: MarketBuilder| collect(market, 9, 5_000, &series, &[1, 9]).bits();
    let none = series
        .iter()
        .fold(CommonJumps::new(0.0, DependenceModel::default()), |jumps, coin| jumps.jump(*coin, -0.3, 0.2));
    assert_eq!(coins(world::coins().dependence(none)), coins(world::coins()));
}

#[test]
fn draws_of_events_belong_to_names() {
    let three = || pair().factor("c", coin());
    let series = ["a", "b", "dependence.jumps"];
    let run = |jumps: CommonJumps<Constant>| collect(three().dependence(jumps), 24, 5_000, &series, &[1, 24]);
    let two = run(events(2.0));
    // One factor more in the set.
    assert_eq!(run(events(2.0).jump("c", -0.4, 0.1)).bits(), two.bits());
    // A higher intensity takes no event away.
    let more = run(events(3.0));
    let counts = |seen: &Collected| seen.of("dependence.jumps", 24).to_vec();
    assert!(counts(&two).iter().zip(counts(&more)).all(|(few, many)| *few <= many));
    assert!(counts(&two).iter().sum::<f64>() < counts(&more).iter().sum());
    // Another kind of event leaves the first as it was; what both send to a factor adds up.
    let crash = || CommonJumps::new(1.0, events(2.0)).name("crash").jump("b", -0.5, 0.0);
    let market = three().dependence(crash());
    let both = collect(market, 24, 5_000, &["a", "b", "dependence.jumps", "dependence.crash"], &[24]);
    assert_eq!(both.of("a", 24), two.of("a", 24));
    assert_eq!(counts(&both), counts(&two));
    for path in 0..5_000 {
        let factor = (-0.5 * both.of("dependence.crash", 24)[path] - 2.0 * (-0.5_f64).exp_m1()).exp();
        let ratio = both.of("b", 24)[path] / two.of("b", 24)[path];
        assert!((ratio / factor - 1.0).abs() < 1e-12, "{ratio} {factor}");
    }
}

#[test]
fn mechanisms_stack() {
    let calm = Regime::new("calm").correlation([("a", "b", 0.1)]);
    let stress = Regime::new("stress").correlation([("a", "b", 0.7)]).volatility("a", 1.8);
    let regimes = Regimes::pair(calm, stress, [1.0, 0.5]);
    let series = ["a", "b", "dependence.regime"];
    let alone = collect(pair().dependence(regimes.clone()), 24, 5_000, &series, &[12, 24]);
    let fat = StudentT::new(3.0, regimes.clone()).normal_margins();
    let jumps = CommonJumps::new(1.5, fat.clone()).jump("a", -0.2, 0.1).jump("b", -0.1, 0.05);
    // The chain is the one that it is alone, whatever stands on top of it.
    let all = collect(pair().dependence(jumps.clone()), 24, 5_000, &series, &[12, 24]);
    for step in [12, 24] {
        assert_eq!(all.of("dependence.regime", step), alone.of("dependence.regime", step));
    }
    // In stress the joint tail is that of t with the correlation and the volatility of stress.
    let seen = collect(pair().dependence(fat), 3, 2 * PATHS, &series, &[2, 3]);
    let (a, b) = (driver(&seen, "a", 3), driver(&seen, "b", 3));
    let of = |drivers: &[f64], stress: f64| -> Vec<f64> {
        let regimes = seen.of("dependence.regime", 2);
        drivers.iter().zip(regimes).filter(|(_, r)| (**r - stress).abs() < 0.5).map(|(z, _)| *z).collect()
    };
    // The mean moves with the variance, so that the price grows as it should.
    let shift = -0.5 * (1.8 * 1.8 - 1.0) * VOLATILITY * LENGTH.sqrt();
    let (a_stress, b_stress) = (of(&a, 1.0), of(&b, 1.0));
    assert_normal("stress", &a_stress, shift, 1.8 * 1.8);
    assert_kendall("stress", &a_stress, &b_stress, std::f64::consts::FRAC_2_PI * 0.7_f64.asin());
    assert_kendall("calm", &of(&a, 0.0), &of(&b, 0.0), std::f64::consts::FRAC_2_PI * 0.1_f64.asin());
    // And growth is left alone by all of them together.
    let seen = collect(pair().dependence(jumps), 24, PATHS, &["a", "b"], &[24]);
    let mean = (2.0 * DRIFT).exp();
    let jumps = 1.5 * ((-0.2_f64 + 0.005).exp_m1().powi(2) + ((-0.4_f64 + 0.02).exp() * 0.01_f64.exp_m1()));
    let square = (2.0 * (1.8 * 1.8 * VOLATILITY * VOLATILITY + jumps)).exp();
    assert_mean("growth", seen.of("a", 24).iter().copied(), mean, mean * (square - 1.0).sqrt());
    assert_mean("growth", seen.of("b", 24).iter().copied(), mean, mean * (square - 1.0).sqrt());
}

#[test]
fn merton_under_a_t_copula_grows_as_it_should() {
    let merton = Merton {
        initial: 1.0,
        drift: 0.1,
        volatility: 0.4,
        jumps_per_year: 3.0,
        jump_mean: -0.1,
        jump_volatility: 0.2,
    };
    let dependence = StudentT::new(2.5, Constant::pairs([("a", "coin", 0.6)])).normal_margins();
    let market = Market::builder().factor("a", coin()).factor("coin", merton).dependence(dependence);
    let seen = collect(market, 12, PATHS, &["coin"], &[12]);
    let jumps = 3.0 * ((-0.2 + 2.0 * 0.04_f64).exp() - 2.0 * (-0.1 + 0.02_f64).exp() + 1.0);
    let mean = 0.1_f64.exp();
    assert_mean("coin", seen.of("coin", 12).iter().copied(), mean, mean * ((0.16 + jumps).exp() - 1.0).sqrt());
}

/// What is wrong with a dependence is told by its field.
fn refused(dependence: impl Dependence + 'static) -> String {
    let error: Error = unlike().dependence(dependence).build().unwrap_err();
    error.field().unwrap_or_default().to_owned()
}

#[test]
fn bad_mechanisms_are_refused_by_field() {
    let base = || Constant::pairs([("a", "rent", 0.5)]);
    for freedom in [f64::NAN, 2.0, 0.0, -3.0, 2e6, f64::NEG_INFINITY] {
        assert_eq!(refused(StudentT::new(freedom, base())), "dependence.degrees_of_freedom");
    }
    let wrong = Constant::pairs([("a", "gpu", 0.5)]);
    assert_eq!(refused(StudentT::new(4.0, wrong.clone())), "dependence.base.correlation[0][1]");
    let twice = StudentT::new(4.0, StudentT::new(4.0, base()));
    let error = unlike().dependence(twice).build().unwrap_err();
    assert!(matches!(&error, Error::Duplicate { name, .. } if name == "dependence.mixing"), "{error}");

    let jumps = |per_year| CommonJumps::new(per_year, base()).jump("a", -0.2, 0.1);
    for per_year in [f64::NAN, -1.0, 1001.0] {
        assert_eq!(refused(jumps(per_year)), "dependence.per_year");
    }
    assert_eq!(refused(jumps(1.0).jump("rent", f64::NAN, 0.1)), "dependence.jumps.rent.mean");
    assert_eq!(refused(jumps(1.0).jump("rent", 0.1, -0.1)), "dependence.jumps.rent.volatility");
    assert_eq!(refused(jumps(1.0).jump("gpu", 0.1, 0.1)), "dependence.jumps");
    for factor in ["sofr", "use"] {
        let error = unlike().dependence(jumps(1.0).jump(factor, 0.1, 0.1)).build().unwrap_err().to_string();
        assert!(error.contains(factor) && error.contains("takes jumps"), "{error}");
    }
    assert_eq!(refused(CommonJumps::new(1.0, base())), "dependence.jumps");
    assert_eq!(refused(jumps(1.0).name(" ")), "dependence.name");
    assert_eq!(
        refused(jumps(1.0).jump("rent", 0.0, 0.1).correlation([("a", "use", 0.1)])),
        "dependence.correlation[0][1]"
    );
    assert_eq!(refused(CommonJumps::new(1.0, wrong.clone()).jump("a", 0.0, 0.1)), "dependence.base.correlation[0][1]");
    let twice = CommonJumps::new(1.0, jumps(1.0)).jump("a", 0.0, 0.1);
    let error = unlike().dependence(twice).build().unwrap_err();
    assert!(matches!(&error, Error::Duplicate { name, .. } if name == "dependence.jumps"), "{error}");

    let stress = |begin, full| StressDriven::drawdown("a", begin, full);
    assert_eq!(refused(stress(f64::NAN, 0.5)), "dependence.begin");
    assert_eq!(refused(stress(0.2, f64::INFINITY)), "dependence.full");
    assert_eq!(refused(stress(0.2, 0.2)), "dependence.full");
    assert_eq!(refused(StressDriven::drawdown("gpu", 0.1, 0.2)), "dependence.index.drawdown.of");
    let pairs = || Correlations::pairs([("a", "rent", 1.5)]);
    assert_eq!(refused(stress(0.1, 0.2).calm(pairs())), "dependence.calm[0][2]");
    assert_eq!(refused(stress(0.1, 0.2).stress(pairs())), "dependence.stress[0][2]");
    assert_eq!(refused(stress(0.1, 0.2).stress(Correlation::identity(3).into())), "dependence.stress");
    let index = |index| refused(StressDriven { index, ..stress(0.1, 0.2) });
    assert_eq!(index(StressIndex::Drawdown { of: "a".into(), peak: -1.0 }), "dependence.index.drawdown.peak");
    assert_eq!(index(StressIndex::Ou { reversion: -1.0, initial: None }), "dependence.index.ou.reversion");
    assert_eq!(index(StressIndex::Ou { reversion: 1.0, initial: Some(f64::NAN) }), "dependence.index.ou.initial");
}

#[test]
fn mechanisms_are_read_back_as_they_were_written() {
    let regimes = DependenceModel::Regimes(Regimes::pair(Regime::new("calm"), Regime::new("stress"), [2.0, 0.5]));
    let fat = DependenceModel::StudentT(Box::new(StudentT::new(4.5, regimes).normal_margins()));
    let jumps = CommonJumps::new(1.0, fat.clone()).jump("a", -0.2, 0.1).jump("b", -0.1, 0.0).name("crash");
    let stress = StressDriven::drawdown("btc", 0.2, 0.5).stress(Correlations::pairs([("a", "b", 0.7)]));
    let ou = StressDriven { calm: Correlation::equal(2, 0.5).unwrap().into(), ..StressDriven::ou(2.0, 1.0, 2.0) };
    let models = [
        fat,
        DependenceModel::CommonJumps(Box::new(jumps.correlation([("a", "b", 0.5)]))),
        DependenceModel::StressDriven(stress),
        DependenceModel::StressDriven(ou),
    ];
    for model in models {
        let text = toml::to_string(&model).unwrap();
        assert_eq!(toml::from_str::<DependenceModel>(&text).unwrap(), model, "{text}");
    }
    // What is left out.
    let read = |text: &str| toml::from_str::<DependenceModel>(text);
    let plain = StudentT { degrees_of_freedom: 4.0, margins: Margins::StudentT, base: DependenceModel::default() };
    let read_back = read("kind = \"student_t\"\ndegrees_of_freedom = 4.0").unwrap();
    assert_eq!(read_back, DependenceModel::StudentT(Box::new(plain)));
    let jumps = read("kind = \"common_jumps\"\nper_year = 0.5\njumps = { btc = { mean = -0.3 } }").unwrap();
    let expected = CommonJumps::new(0.5, DependenceModel::default()).jump("btc", -0.3, 0.0);
    assert_eq!(expected.jumps["btc"], JumpSize { mean: -0.3, volatility: 0.0 });
    assert_eq!(jumps, DependenceModel::CommonJumps(Box::new(expected)));
    let stress = "kind = \"stress_driven\"\nbegin = 0.2\nfull = 0.5\nindex = { drawdown = { of = \"btc\" } }";
    assert_eq!(read(stress).unwrap(), DependenceModel::StressDriven(StressDriven::drawdown("btc", 0.2, 0.5)));
    for wrong in [
        "kind = \"student_t\"\ndegrees_of_freedom = 4.0\nmargins = \"fat\"",
        "kind = \"student_t\"\ndegrees_of_freedom = 4.0\nnu = 3.0",
        "kind = \"common_jumps\"\nper_year = 0.5\njumps = { btc = { mean = -0.3, sd = 1.0 } }",
        "kind = \"stress_driven\"\nbegin = 0.2\nfull = 0.5\nindex = { drawdown = { of = \"btc\", from = 1.0 } }",
    ] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
    // A boxed model is the dependence itself.
    let shared: std::sync::Arc<dyn Dependence> = read_back.into();
    assert!(format!("{shared:?}").starts_with("StudentT {"), "{shared:?}");
}
