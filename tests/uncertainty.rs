//! Numbers that are known with an error: without the question they are plain numbers to the bit; drawn, they have the law that is
//! stated, and what they do to a default probability is what direct integration says. A band that only looked wide enough could be
//! the noise of the paths.
#![allow(
    clippy::unwrap_used,
    clippy::float_cmp,
    reason = "a test fails by panicking; what is exact is compared exactly"
)]

use haircut::market::Model;
use haircut::measure::{DefaultTable, Defaults, LossDistribution};
use haircut::numeric::kernel::normal_cdf;
use haircut::scenario::{ParameterLaw, Scenario};

/// A loan of 60 against a coin of 100, due after a year: it fails where the coin is below 60 then.
fn loan(volatility: &str, more: &str) -> String {
    format!(
        r#"title = "A coin and a loan"
[simulation]
grid = {{ dates = [1.0] }}
paths = 32_768
seed = 3
[[factors]]
name = "btc"
model = "gbm"
initial = 100
drift = 0.05
volatility = {volatility}
[[factors]]
name = "eth"
model = "gbm"
initial = 1
drift = 0
volatility = 0.7
{more}
[[liquidation.assets]]
name = "btc"
price = "btc"
[[borrowers]]
name = "miner"
liquidation = {{ delay = 0, over = 0 }}
[[borrowers.treasury]]
asset = "btc"
units = 1
[[borrowers.facilities]]
name = "loan"
lender = "bank"
principal = 60
coupon = 0.0
amortisation = "bullet"
maturity = 1
"#
    )
}

fn read(text: &str) -> Scenario {
    Scenario::from_toml("loan.toml", text).unwrap_or_else(|error| panic!("{error}"))
}

fn probability(volatility: f64) -> f64 {
    normal_cdf(((0.6_f64).ln() - 0.05 + 0.5 * volatility * volatility) / volatility)
}

fn pd(defaults: &Defaults) -> Vec<f64> {
    vec![defaults["miner"].probability.value]
}

#[test]
fn the_loan_is_the_one_of_the_closed_form() {
    let (defaults, _) =
        read(&loan("0.6", "")).simulation().unwrap().run((DefaultTable::new(), LossDistribution::new())).unwrap();
    let p = probability(0.6);
    let deviation = (p * (1.0 - p) / 32_768.0).sqrt();
    assert!((pd(&defaults)[0] - p).abs() < 5.0 * deviation, "{} {p}", pd(&defaults)[0]);
}

#[test]
fn unasked_it_is_a_plain_number() {
    let correlation =
        |number: &str| format!("[dependence]\nkind = \"constant\"\ncorrelation = [[\"eth\", \"btc\", {number}]]\n");
    let plain = read(&loan("0.6", &correlation("0.25")));
    let stated = read(&loan("{ value = 0.6, error = 0.05 }", &correlation("{ low = 0, high = 0.5 }")));
    assert!(plain.uncertainties().is_empty());
    let named: Vec<(&str, ParameterLaw)> =
        stated.uncertainties().iter().map(|one| (one.parameter.as_str(), one.law)).collect();
    let expected = [
        ("dependence.correlation[eth, btc]", ParameterLaw::Uniform { low: 0.0, high: 0.5 }),
        ("factors.btc.volatility", ParameterLaw::Normal { error: 0.05 }),
    ];
    assert_eq!(named, expected);
    assert_eq!(plain.simulation().unwrap().digest(), stated.simulation().unwrap().digest());
    let run = |scenario: &Scenario| scenario.simulation().unwrap().run(DefaultTable::new()).unwrap();
    assert_eq!(run(&plain), run(&stated));
    // Written and read again it still knows its errors.
    let again = read(&stated.to_toml().unwrap());
    assert_eq!(again.uncertainties(), stated.uncertainties());
    assert_eq!(again.simulation().unwrap().digest(), plain.simulation().unwrap().digest());
    assert!(plain.to_toml().unwrap().contains("volatility = 0.6\n"));
}

#[test]
fn without_error_every_set_is_the_run_itself() {
    let stated = read(&loan("{ value = 0.6, error = 0 }", ""));
    let base = stated.simulation().unwrap().run(DefaultTable::new()).unwrap();
    let sets = stated.parameter_sets(3).unwrap();
    assert_eq!((sets.sets.len(), sets.rejected), (3, 0));
    for set in &sets.sets {
        assert_eq!(set.scenario.simulation().unwrap().digest(), stated.simulation().unwrap().digest());
    }
    let band = &sets.bands(&DefaultTable::new(), pd, |simulation| simulation).unwrap()[0];
    assert_eq!(band.values, [pd(&base)[0]; 3]);
    assert_eq!((band.mean, band.lower, band.upper), (band.values[0], band.values[0], band.values[0]));
    assert_eq!(band.parameter_deviation, 0.0);
    // The error of a proportion, from 16 batches: a chi-square of 15 degrees of freedom each, the same for all sets.
    let p = pd(&base)[0];
    let ratio = band.monte_carlo_error.powi(2) / (p * (1.0 - p) / 32_768.0);
    assert!((ratio - 1.0).abs() < 5.0 * (2.0_f64 / 15.0).sqrt(), "{ratio}");
}

#[test]
fn draws_have_the_stated_law_and_a_name_of_their_own() {
    let more = "[dependence]\nkind = \"constant\"\ncorrelation = [[\"eth\", \"btc\", { low = -0.5, high = 0.25 }]]\n";
    let volatility = "{ value = 0.6, error = 0.05 }";
    let both = read(&loan(volatility, more)).parameter_sets(4000).unwrap();
    assert_eq!(both.rejected, 0);
    let column = |index: usize| -> Vec<f64> { both.sets.iter().map(|set| set.values[index]).collect() };
    let moments = |values: &[f64]| {
        let mean = values.iter().sum::<f64>() / 4000.0;
        (mean, values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 4000.0)
    };
    let root = 4000.0_f64.sqrt();
    let ((mean, variance), normal) = (moments(&column(1)), 0.05_f64.powi(2));
    assert!((mean - 0.6).abs() < 5.0 * 0.05 / root && (variance / normal - 1.0).abs() < 5.0 * 2.0_f64.sqrt() / root);
    let ((mean, variance), uniform) = (moments(&column(0)), 0.75_f64.powi(2) / 12.0);
    assert!((mean + 0.125).abs() < 5.0 * uniform.sqrt() / root && column(0).iter().all(|r| (-0.5..=0.25).contains(r)));
    // The kurtosis of a uniform law is 9/5.
    assert!((variance / uniform - 1.0).abs() < 5.0 * 0.8_f64.sqrt() / root, "{variance} {uniform}");
    // The draw of a number does not depend on what else is uncertain, and is what the scenario of the set has.
    let alone = read(&loan(volatility, "")).parameter_sets(10).unwrap();
    for (alone, both) in alone.sets.iter().zip(&both.sets) {
        assert_eq!(alone.values[0], both.values[1]);
        let Model::Gbm(btc) = &both.scenario.factors[0].model else { panic!("a gbm") };
        assert_eq!(btc.volatility, both.values[1]);
        assert!(both.scenario.uncertainties().is_empty());
    }
    // What the program did to the scenario since it was read is kept.
    let mut changed = read(&loan(volatility, ""));
    changed.simulation.paths = 300;
    changed.factors.swap(0, 1);
    let set = &changed.parameter_sets(1).unwrap().sets[0];
    assert_eq!((set.scenario.simulation.paths, set.values[0]), (300, alone.sets[0].values[0]));
    changed.factors.remove(1);
    changed.borrowers.clear();
    changed.liquidation = Default::default();
    assert_eq!(changed.parameter_sets(1).unwrap_err().field(), Some("factors.btc.volatility"));
}

/// Correlations that share a name move as one; what is normal shares its distance in errors.
#[test]
fn shared_draws_are_one() {
    let pair = |other: &str, high: f64| {
        format!("[\"btc\", \"{other}\", {{ low = 0, high = {high}, shared = \"coin and compute\" }}]")
    };
    let factor = |name: &str| {
        let drift = "{ value = 0.1, error = 0.02, shared = \"drift\" }";
        format!("[[factors]]\nname = \"{name}\"\nmodel = \"gbm\"\ninitial = 1\ndrift = {drift}\nvolatility = 0.5\n")
    };
    // With 0.7 between rent and machine, 0.8 of the one with the coin needs some of the other: drawn alone they would often not do.
    let pairs = format!("[{}, {}, [\"rent\", \"gpu\", 0.7]]", pair("rent", 0.8), pair("gpu", 0.4));
    let dependence = format!("[dependence]\nkind = \"constant\"\ncorrelation = {pairs}\n");
    let scenario = read(&loan("0.6", &format!("{}{}{dependence}", factor("rent"), factor("gpu"))));
    assert_eq!(scenario.uncertainties().iter().filter(|one| one.shared.is_some()).count(), 4);
    assert_eq!(read(&scenario.to_toml().unwrap()).uncertainties(), scenario.uncertainties());
    let sets = scenario.parameter_sets(500).unwrap();
    assert_eq!(sets.rejected, 0);
    let parameters: Vec<&str> = scenario.uncertainties().iter().map(|one| one.parameter.as_str()).collect();
    let at = |name: &str| parameters.iter().position(|other| *other == name).unwrap();
    for set in &sets.sets {
        let of = |name: &str| set.values[at(name)];
        assert_eq!(of("dependence.correlation[btc, rent]"), 2.0 * of("dependence.correlation[btc, gpu]"));
        assert_eq!(of("factors.rent.drift"), of("factors.gpu.drift"));
    }
}

/// A volatility of 0.1 ± 0.1 is below zero for one draw in six: such sets are drawn anew, and counted.
#[test]
fn what_is_not_valid_is_drawn_anew() {
    let scenario = read(&loan("{ value = 0.1, error = 0.1 }", ""));
    let count = 2000;
    let sets = scenario.parameter_sets(count).unwrap();
    let q = normal_cdf(-1.0);
    // Negative binomial: mean q / (1 - q) a set, variance q / (1 - q)^2.
    let (mean, deviation) = (q / (1.0 - q), q.sqrt() / (1.0 - q));
    let rejected = sets.rejected as f64 / count as f64;
    assert!((rejected - mean).abs() < 5.0 * deviation / (count as f64).sqrt(), "{rejected} {mean}");
    assert!(sets.sets.iter().all(|set| set.values[0] >= 0.0));
    // The mean of the law that is left: 0.1 + 0.1 phi(1) / Phi(1), and its variance.
    let density = (-0.5_f64).exp() / (2.0 * std::f64::consts::PI).sqrt();
    let tilt = density / (1.0 - q);
    let deviation = 0.1 * (1.0 - tilt - tilt * tilt).sqrt();
    let mean = sets.sets.iter().map(|set| set.values[0]).sum::<f64>() / count as f64;
    assert!((mean - 0.1 - 0.1 * tilt).abs() < 5.0 * deviation / (count as f64).sqrt(), "{mean}");
    // Where next to nothing is valid, it is told and not tried for ever.
    let hopeless = read(&loan("{ low = -1e9, high = 1e9 }", "")).parameter_sets(5).unwrap_err();
    let told = hopeless.to_string();
    assert!(told.contains("must be valid once in 1000 draws") && told.contains("factors.btc.volatility"), "{told}");
}

/// The band of a default probability under an uncertain volatility against direct integration.
#[test]
fn the_band_is_that_of_direct_integration() {
    let (value, error, count) = (0.6, 0.08, 160);
    let sets = read(&loan("{ value = 0.6, error = 0.08 }", "")).parameter_sets(count).unwrap();
    let band = &sets.bands(&DefaultTable::new(), pd, |simulation| simulation.threads(2)).unwrap()[0];
    // Moments of the probability over the normal law of the volatility, by the trapezoidal rule over 8 deviations.
    let moment = |f: &dyn Fn(f64) -> f64| {
        let (step, mut sum, mut mass) = (0.002, 0.0, 0.0);
        for i in -3500..=3500 {
            let z = f64::from(i) * step;
            let weight = (-0.5 * z * z).exp();
            sum += weight * f(probability(value + error * z));
            mass += weight;
        }
        sum / mass
    };
    let mean = moment(&|p| p);
    let variance = moment(&|p| (p - mean).powi(2));
    let fourth = moment(&|p| (p - mean).powi(4));
    let k = count as f64;
    // What the paths of all sets have in common, and each set's parameter.
    let of_paths = mean * (1.0 - mean) / 32_768.0;
    assert!((band.mean - mean).abs() < 5.0 * (variance / k + of_paths).sqrt(), "{} {mean}", band.mean);
    // Of the own noise of the sets at most 2 of_paths is in the variance, and it is taken out.
    let error_of_variance = ((fourth - variance * variance) / k).sqrt() + 2.0 * of_paths / k.sqrt();
    let seen = band.parameter_deviation.powi(2);
    assert!((seen - variance).abs() < 5.0 * error_of_variance, "{} {}", seen.sqrt(), variance.sqrt());
    let stated = band.parameter_deviation_error * 2.0 * band.parameter_deviation;
    // Of m4 - S^4, by its influence function.
    let third = moment(&|p| (p - mean).powi(3));
    let influence = |p: f64| {
        let x = p - mean;
        x.powi(4) - fourth - 4.0 * third * x - 2.0 * variance * (x * x - variance)
    };
    let of_square = fourth - variance * variance;
    let relative_error = 0.5 * (moment(&|p| influence(p).powi(2)) / k).sqrt() / of_square;
    assert!((stated / (of_square / k).sqrt() - 1.0).abs() < 5.0 * relative_error, "{stated}");
    // The probability rises with the volatility, so its quantiles are those of the volatility; the error of an empirical quantile
    // is sqrt(q (1 - q) / K) over the density.
    for (seen, z) in [(band.lower, -1.644_853_626_951_472_7), (band.upper, 1.644_853_626_951_472_7)] {
        let exact = probability(value + error * z);
        let slope = (probability(value + error * (z + 0.01)) - probability(value + error * (z - 0.01))) / 0.02;
        let density = (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt() / slope;
        let bound = 5.0 * ((0.05 * 0.95 / k).sqrt() / density + of_paths.sqrt());
        assert!((seen - exact).abs() < bound, "{seen} {exact}, allowed {bound}");
    }
    assert!(band.parameter_deviation > 5.0 * band.monte_carlo_error, "the parameters are what is seen");
}

#[test]
fn mistakes_are_told_with_their_line() {
    for (volatility, told) in [
        ("{ value = 0.6, error = -0.1 }", "loan.toml:11: factors.btc.volatility: error = -0.1: must be zero or above"),
        (
            "{ value = \"x\", error = 0.1 }",
            "loan.toml:11: factors.btc.volatility: value = \"x\": must be a finite number",
        ),
        ("{ value = 0.6, error = inf }", "loan.toml:11: factors.btc.volatility: error = inf: must be a finite number"),
        ("{ low = 0.7, high = 0.6 }", "loan.toml:11: factors.btc.volatility: low = 0.7: must be at most high, 0.6"),
        ("{ value = 0.6 }", "loan.toml:11: factors.btc.volatility"),
        (
            "{ value = 0.6, error = 0.1, shared = 3 }",
            "loan.toml:11: factors.btc.volatility: shared = 3: must be a name",
        ),
        ("{ value = 0.6, error = 0.1, same = \"x\" }", "loan.toml:11: factors.btc.volatility"),
        ("{ value = -0.6, error = 0.1 }", "loan.toml:11: factors.btc.volatility = -0.6"),
    ] {
        let result = Scenario::from_toml("loan.toml", &loan(volatility, "")).and_then(|scenario| scenario.simulation());
        let error = result.map(|_| ()).unwrap_err().to_string();
        assert!(error.starts_with(told), "{error}");
    }
    // Paths are no parameter.
    let paths = loan("0.6", "").replace("32_768", "{ low = 100, high = 200 }");
    let error = Scenario::from_toml("loan.toml", &paths).map(|_| ()).unwrap_err().to_string();
    assert!(error.starts_with("loan.toml:4: simulation.paths"), "{error}");
    let good = read(&loan("{ value = 0.6, error = 0.1 }", ""));
    assert_eq!(good.parameter_sets(0).unwrap_err().field(), Some("parameter sets"));
    let mut small = good;
    small.simulation.paths = 256;
    let sets = small.parameter_sets(2).unwrap();
    assert_eq!(sets.bands(&DefaultTable::new(), pd, |s| s).unwrap_err().field(), Some("paths"));
}
