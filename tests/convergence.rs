//! A study of convergence is runs that stand alone, matched and paired: a cell is the run that it says it is, to the bit, in whatever pieces the study is run;
//! and what is matched is matched in the paths that are simulated, for coins, rents and resale values alike. A test of the rows alone
//! would miss a mechanism that is put into the scenario wrongly.
#![allow(
    clippy::unwrap_used,
    clippy::float_cmp,
    reason = "a test fails by panicking; the promise is equality to the bit"
)]

#[path = "support/collect.rs"]
mod collect;

use collect::Collect;
use haircut::Error;
use haircut::credit::Feedback;
use haircut::engine::Control;
use haircut::market::{Constant, DependenceModel};
use haircut::measure::{DefaultTable, Estimate, LossDistribution};
use haircut::scenario::Scenario;
use haircut::study::convergence::{Convergence, Finished, MechanismComovement, Row, Sweep, csv};
use std::ops::ControlFlow;

const SCENARIO: &str = r#"
title = "Two coins"
simulation = { months = 3, paths = 3000, seed = 4 }
factors = [
    { name = "btc", model = "gbm", initial = 100, drift = 0, volatility = 0.5 },
    { name = "eth", model = "gbm", initial = 100, drift = 0.1, volatility = 1.0 },
]
dependence = { kind = "constant", correlation = [["btc", "eth", 0.25]] }
liquidation = { feedback = "on", assets = [
    { name = "btc", price = "btc", depth_per_month = 10, impact = 0.5 },
    { name = "eth", price = "eth", depth_per_month = 10, impact = 0.5 },
] }

[[borrowers]]
name = "A"
cash = 0
liquidation = { delay = 0, over = 0.08 }
treasury = [{ asset = "btc", units = 10 }]
facilities = [{ name = "loan", lender = "bank", principal = 800, coupon = 0, amortisation = "bullet", maturity = 0.2 }]

[[borrowers]]
name = "B"
cash = 0
liquidation = { delay = 0, over = 0.08 }
treasury = [{ asset = "eth", units = 10 }]
facilities = [{ name = "loan", lender = "bank", principal = 700, coupon = 0, amortisation = "bullet", maturity = 0.2 }]
"#;

const SWEEP: &str = r#"
title = "Two coins under five mechanisms"
stress_correlation = [0.5, 0.9]
frequency = [0.2]
leverage = [1.0, 1.25]
pair = ["A", "B"]
sections = 3
factors = [{ name = "btc", excess_kurtosis = 0.8 }, { name = "eth", excess_kurtosis = 0.5 }]
mechanisms = [
    { mechanism = "constant" },
    { mechanism = "regimes", mean_years = 0.3 },
    { mechanism = "stress_driven", reversion = 4, width = 1 },
    { mechanism = "common_jumps", tilt = 0.3 },
    { mechanism = "feedback" },
]
"#;

fn scenario() -> Scenario {
    Scenario::from_toml("two.toml", SCENARIO).unwrap()
}

fn sweep(text: &str) -> Sweep {
    Sweep::from_toml("study.toml", text).unwrap()
}

fn study(text: &str) -> Convergence {
    Convergence::new(scenario(), sweep(text)).unwrap_or_else(|error| panic!("{error}"))
}

const GO: &Control<'static> = &|_| ControlFlow::Continue(());

fn find<'a>(rows: &'a [Row], mechanism: &str, stress: f64, leverage: f64, quantity: &str, of: &str) -> &'a Row {
    let found = rows.iter().find(|row| {
        row.mechanism == mechanism
            && row.stress_correlation == stress
            && row.leverage == leverage
            && row.quantity == quantity
            && row.of == of
    });
    found.unwrap_or_else(|| panic!("no row {mechanism} {stress} {leverage} {quantity} {of}"))
}

#[test]
fn a_cell_is_the_run_alone() {
    let study = study(SWEEP);
    // References and constant (the same), feedback: once for each debt; three mechanisms at two correlations each.
    assert_eq!(study.runs(), 2 * (2 + 1 + 3 * 2));
    let rows = study.run().unwrap();
    for (mechanism, stress, leverage) in [("regimes", 0.9, 1.0), ("common_jumps", 0.5, 1.25), ("feedback", 0.9, 1.25)] {
        let alone = study.simulation(mechanism, stress, 0.2, leverage).unwrap();
        let (defaults, losses) = alone.run((DefaultTable::new(), LossDistribution::new())).unwrap();
        let value = |quantity, of| find(&rows, mechanism, stress, leverage, quantity, of).value;
        assert_eq!(value("ES", "book"), losses.expected_shortfall(0.99).unwrap());
        assert_eq!(value("EL", "book"), losses.mean());
        assert_eq!(value("PD", "B"), defaults["B"].probability);
        let joint = defaults.joint("A", "B").unwrap();
        assert_eq!(value("joint PD", "A and B"), joint);
        // One pair: its mean is itself.
        assert_eq!(value("joint PD", "mean of pairs").value, joint.value);
        let mean = 0.5 * (defaults["A"].probability.value + defaults["B"].probability.value);
        assert_eq!(value("PD", "mean of borrowers").value, mean);
        let pooled = value("default correlation", "pooled").value;
        let own = value("default correlation", "A and B").value;
        assert!((pooled - own).abs() < 1e-12, "{pooled} {own}");
    }
    // A mechanism over itself, and what has no stress at any.
    let own = find(&rows, "constant", 0.5, 1.0, "ES", "book");
    assert_eq!((own.to_constant.value, own.to_constant.standard_error), (1.0, 0.0));
    let other = find(&rows, "constant", 0.9, 1.0, "ES", "book");
    assert_eq!((own.value, own.to_independent), (other.value, other.to_independent));
    let ratio = find(&rows, "regimes", 0.9, 1.0, "ES", "book").to_constant.value;
    assert_eq!(ratio, find(&rows, "regimes", 0.9, 1.0, "ES", "book").value.value / own.value.value);
}

/// Without kurtosis and without forced sales `constant` is the scenario; and debt is scaled as by hand.
#[test]
fn without_a_mechanism_it_is_the_scenario() {
    let plain = SWEEP
        .replace("excess_kurtosis = 0.8", "excess_kurtosis = 0")
        .replace("excess_kurtosis = 0.5", "excess_kurtosis = 0");
    let study = study(&plain);
    let mut same = scenario();
    same.liquidation.feedback = Feedback::Off;
    for leverage in [1.0, 1.25] {
        let mut same = same.clone();
        for borrower in &mut same.borrowers {
            borrower.facilities[0].principal *= leverage;
        }
        let measures = || (DefaultTable::new(), LossDistribution::new());
        let cell = study.simulation("constant", 0.5, 0.2, leverage).unwrap().run(measures()).unwrap();
        assert_eq!(cell, same.simulation().unwrap().run(measures()).unwrap());
        let cell = study.simulation("feedback", 0.5, 0.2, leverage).unwrap().run(measures()).unwrap();
        same.liquidation.feedback = Feedback::On;
        assert_eq!(cell, same.simulation().unwrap().run(measures()).unwrap());
    }
}

/// Regimes have the mean of their correlations: half of the time 0.25, half of it 0.75.
#[test]
fn a_scenario_of_regimes_has_the_correlations_of_the_long_run() {
    let regimes = r#"
[dependence]
kind = "regimes"
transitions = { mean_years = [0.5, 0.5] }
regimes = [
    { name = "calm", correlation = [["btc", "eth", 0.25]] },
    { name = "stress", correlation = [["btc", "eth", 0.75]], volatility = { btc = 3 } },
]
"#;
    let one = r#"dependence = { kind = "constant", correlation = [["btc", "eth", 0.25]] }"#;
    let text = SCENARIO.replace(one, "") + regimes;
    let plain = SWEEP
        .replace("excess_kurtosis = 0.8", "excess_kurtosis = 0")
        .replace("excess_kurtosis = 0.5", "excess_kurtosis = 0");
    let study = Convergence::new(Scenario::from_toml("two.toml", &text).unwrap(), sweep(&plain)).unwrap();
    let mut same = scenario();
    same.liquidation.feedback = Feedback::Off;
    same.dependence = Some(DependenceModel::Constant(Constant::pairs([("btc", "eth", 0.5)])));
    let measures = || (DefaultTable::new(), LossDistribution::new());
    let cell = study.simulation("constant", 0.5, 0.2, 1.0).unwrap().run(measures()).unwrap();
    assert_eq!(cell, same.simulation().unwrap().run(measures()).unwrap());
}

#[test]
fn pieces_and_threads_leave_the_rows_as_they_are() {
    let study = study(SWEEP);
    let whole = study.run().unwrap();
    let mut finished = Finished::default();
    assert!(study.rows(&finished).unwrap().is_empty());
    let mut pieces = 0;
    while study.clone().threads(1 + pieces).advance(&mut finished, GO).unwrap() {
        pieces += 1;
        // As a file has it.
        finished = toml::from_str(&toml::to_string(&finished).unwrap()).unwrap();
        assert_eq!(study.finished(&finished).unwrap(), study.runs().min(4 * pieces));
    }
    assert_eq!(pieces, study.runs().div_ceil(4));
    assert_eq!(csv(&study.rows(&finished).unwrap()), csv(&whole));
    // What is stopped is not kept.
    let mut stopped = Finished::default();
    assert!(study.advance(&mut stopped, &|_| ControlFlow::Break(())).unwrap());
    assert_eq!(study.finished(&stopped).unwrap(), 0);
    // Another correlation is found among the finished, with the references; another level is another study.
    let further = self::study(&SWEEP.replace("[0.5, 0.9]", "[0.5, 0.7, 0.9]"));
    assert_eq!(further.finished(&finished).unwrap(), study.runs());
    assert_eq!(further.runs(), study.runs() + 2 * 3);
    let other = self::study(&SWEEP.replace("sections = 3", "sections = 3\nlevel = 0.95"));
    assert!(matches!(other.finished(&finished), Err(Error::Merge { .. })));
    let seed = self::study(&SWEEP.replace("sections = 3", "sections = 3\nseed = 5"));
    assert!(matches!(seed.advance(&mut finished, GO), Err(Error::Merge { .. })));
}

const THREE: &str = r#"
title = "A coin, a rent and a machine"
simulation = { months = 1, paths = 262144, seed = 9 }
factors = [
    { name = "btc", model = "merton", initial = 1, drift = 0, volatility = 0.5, jumps_per_year = 12, jump_mean = 0, jump_volatility = 0.1 },
    { name = "rent", model = "deflating_rent", initial = 1, deflation = 0.2, reversion = 3, volatility = 0.3 },
    { name = "resale", model = "resale", initial = 1, wear = 0.1, reversion = 2, volatility = 0.4 },
    { name = "power", model = "gbm", initial = 1, drift = 0, volatility = 0.2 },
]
dependence = { kind = "constant", correlation = [["btc", "rent", 0.2], ["btc", "resale", 0.2], ["rent", "resale", 0.5], ["rent", "power", 0.3]] }

[[borrowers]]
name = "A"
cash = 2
liquidation = { delay = 0, over = 1 }
facilities = [{ name = "loan", lender = "bank", principal = 1, coupon = 0, amortisation = "bullet", maturity = 0.05 }]
"#;

/// By hand: v^2 = 0.25 + 12 x 0.01 = 0.37 and K = 12 x 3 x 1e-4 / (0.37^2 / 12) = 0.31556 for the coin; over a month rents have
/// 0.09 (1 - e^-0.5) / 6 and resale values 0.16 (1 - e^(-1/3)) / 4. The coin's driver has sqrt(0.25 / 0.37) of its deviation, so 0.2 becomes 0.16440.
#[test]
fn what_is_simulated_is_matched() {
    let text = r#"
title = "Matched"
stress_correlation = [0.8]
frequency = [0.2]
factors = [
    { name = "btc" },
    { name = "rent", group = "compute", excess_kurtosis = 0.6 },
    { name = "resale", group = "compute", excess_kurtosis = 0.4 },
]
mechanisms = [
    { mechanism = "constant" },
    { mechanism = "student_t", degrees_of_freedom = 4 },
    { mechanism = "regimes", mean_years = 0.3 },
    { mechanism = "stress_driven", reversion = 4, width = 1 },
    { mechanism = "common_jumps", tilt = 0 },
]
"#;
    let study = Convergence::new(Scenario::from_toml("three.toml", THREE).unwrap(), sweep(text)).unwrap();
    let names = ["btc", "rent", "resale", "power"];
    let variance: [f64; 4] =
        [0.37 / 12.0, 0.09 * (1.0 - (-0.5_f64).exp()) / 6.0, 0.16 * (1.0 - (-1.0_f64 / 3.0).exp()) / 4.0, 0.04 / 12.0];
    let kurtosis = [0.315_558, 0.6, 0.4, 0.0];
    let across = 0.2 * (0.25_f64 / 0.37).sqrt();
    for mechanism in ["constant", "student_t", "regimes", "stress_driven", "common_jumps"] {
        let simulation = study.simulation(mechanism, 0.8, 0.2, 1.0).unwrap();
        let seen = simulation.run(Collect::new(&names, &[1])).unwrap();
        // Where the log return lies in the mean is no matter here.
        let centred = |name: &&str| {
            let logs: Vec<f64> = seen.of(name, 1).iter().map(|level| level.ln()).collect();
            let mean = logs.iter().sum::<f64>() / logs.len() as f64;
            logs.into_iter().map(|log| log - mean).collect::<Vec<f64>>()
        };
        let returns: Vec<Vec<f64>> = names.iter().map(centred).collect();
        // The mean of a sample against that of its law, by the error of the sample: 5.5 of them; the centring costs 1 / paths. What the mixture of regimes
        // has for the growth of prices, (b - a)^2 / 4, a rent has not: below 0.3 % of its variance.
        let near = |what: &str, sample: Vec<f64>, mean: f64, allowed: f64| {
            let count = sample.len() as f64;
            let away = sample.iter().sum::<f64>() / count - mean;
            let square = sample.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
            let bound = 5.5 * (square / count).sqrt() + allowed * mean.abs();
            assert!(away.abs() < bound, "{mechanism}, {what}: {} against {mean}, allowed {bound}", mean + away);
        };
        let closed = if mechanism == "regimes" { 0.005 } else { 0.0 };
        for (index, name) in names.iter().enumerate() {
            let of = &returns[index];
            near(&format!("variance of {name}"), of.iter().map(|x| x * x).collect(), variance[index], closed);
            let fourth = (3.0 + kurtosis[index]) * variance[index] * variance[index];
            near(&format!("fourth moment of {name}"), of.iter().map(|x| x.powi(4)).collect(), fourth, 2.0 * closed);
        }
        let pairs = [(0, 1, across, closed), (0, 2, across, closed), (1, 2, 0.5, closed)];
        for (a, b, rho, closed) in pairs {
            let product = returns[a].iter().zip(&returns[b]).map(|(x, y)| x * y).collect();
            let mean = rho * (variance[a] * variance[b]).sqrt();
            near(&format!("{} with {}", names[a], names[b]), product, mean, closed);
        }
        let product: Vec<f64> = returns[0].iter().zip(&returns[3]).map(|(x, y)| x * y).collect();
        near("coin with power, which have nothing in common", product, 0.0, 0.0);
    }
}

/// The share of steps in stress is the frequency, as each mechanism has it.
#[test]
fn the_frequency_is_the_share_of_steps_in_stress() {
    let text = SWEEP.replace("[0.2]", "[0.15]");
    let mut scenario = scenario();
    scenario.simulation.paths = 1 << 18;
    let study = Convergence::new(scenario, sweep(&text)).unwrap();
    for (mechanism, series) in
        [("regimes", "dependence.regime"), ("stress_driven", "dependence.stress"), ("common_jumps", "dependence.jumps")]
    {
        let simulation = study.simulation(mechanism, 0.5, 0.15, 1.0).unwrap();
        let seen = simulation.run(Collect::new(&[series], &[1])).unwrap();
        let weights: Vec<f64> = seen.of(series, 1).iter().map(|weight| weight.min(1.0)).collect();
        let count = weights.len() as f64;
        let mean = weights.iter().sum::<f64>() / count;
        let square = weights.iter().map(|weight| (weight - mean).powi(2)).sum::<f64>() / count;
        let bound = 5.0 * (square / count).sqrt();
        assert!((mean - 0.15).abs() < bound, "{mechanism}: {mean}, allowed {bound}");
    }
}

/// Coins without anything in common, and borrowers with one of them each: joint defaults are the product.
#[test]
fn independent_factors_have_independent_defaults() {
    let mut scenario = scenario();
    scenario.simulation.paths = 1 << 17;
    let study = Convergence::new(
        scenario,
        sweep(&SWEEP.replace("{ mechanism = \"constant\" }", "{ mechanism = \"independent\" }")),
    )
    .unwrap();
    let defaults = study.simulation("independent", 0.5, 0.2, 1.0).unwrap().run(DefaultTable::new()).unwrap();
    let correlation = defaults.correlation("A", "B").unwrap();
    assert!(defaults.joint("A", "B").unwrap().value > 0.01, "too few defaults to tell");
    assert!(correlation.value.abs() < 5.0 * correlation.standard_error, "{correlation}");
    let matched = study.simulation("regimes", 0.9, 0.2, 1.0).unwrap().run(DefaultTable::new()).unwrap();
    let correlation = matched.correlation("A", "B").unwrap();
    assert!(correlation.value > 5.0 * correlation.standard_error, "{correlation}");
}

#[test]
fn what_cannot_be_matched_stands_in_the_rows() {
    // With stress in nine of ten steps there is no kurtosis of 0.8 to be had: at most 3 (1 - p) / p; and 0.9 x 0.9 is more than 0.25.
    let study = study(&SWEEP.replace("frequency = [0.2]", "frequency = [0.9]"));
    let rows = study.run().unwrap();
    let row = find(&rows, "regimes", 0.9, 1.0, "ES", "book");
    assert!(row.unmatched.contains("excess kurtosis of btc is 0.3"), "{}", row.unmatched);
    assert!(row.unmatched.contains("not 0.8000"), "{}", row.unmatched);
    assert!(find(&rows, "constant", 0.9, 1.0, "ES", "book").unmatched.is_empty());
}

/// Two prices under mechanisms matched to one another: volatility, kurtosis and correlation within their errors of the target, exceedance correlations apart from those of
/// matched Gaussian drivers by more than theirs.
#[test]
fn matched_mechanisms_share_margins_and_differ_in_their_tails() {
    let text = r#"
title = "Shapes"
stress_correlation = [0.5, 0.9]
frequency = [0.15]
correlation = 0.25
comovement = { factors = ["btc", "eth"], kept_pairs = 40_000 }
factors = [{ name = "btc", excess_kurtosis = 1 }, { name = "eth", excess_kurtosis = 1 }]
mechanisms = [
    { mechanism = "constant" },
    { name = "t copula", mechanism = "student_t", degrees_of_freedom = 4 },
    { name = "t law", mechanism = "student_t" },
    { mechanism = "regimes", mean_years = 0.25 },
    { name = "regimes, t copula", mechanism = "regimes", mean_years = 0.25, degrees_of_freedom = 4 },
    { mechanism = "common_jumps", tilt = 0 },
    { name = "jumps, t copula", mechanism = "common_jumps", tilt = 0.3, degrees_of_freedom = 4 },
    { mechanism = "feedback" },
]
"#;
    let mut scenario = scenario();
    scenario.simulation.paths = 40_000;
    let volatility: Vec<f64> = ["btc", "eth"]
        .map(|name| {
            let named = scenario.factors.iter().find(|named| named.name == name).unwrap();
            let haircut::market::Model::Gbm(price) = &named.model else { panic!("{name} is no gbm") };
            price.volatility
        })
        .into();
    let study = Convergence::new(scenario.clone(), sweep(text)).unwrap();
    let all = study.comovements().unwrap();
    let names: Vec<&str> = all.iter().map(|one| one.mechanism.as_str()).collect();
    let expected = ["constant", "t copula", "t law", "regimes", "regimes, t copula", "common_jumps", "jumps, t copula"];
    assert_eq!(names, expected, "forced sales move no factor");
    // Falls below the medians.
    let falls_of = |one: &MechanismComovement| one.found.all.comovement.levels[7].lower_correlation;
    let gaussian = falls_of(&all[0]);
    for one in &all {
        assert_eq!((one.stress_correlation, one.frequency), (0.9, 0.15));
        let near = |what: &str, estimate: Estimate, truth: f64| {
            let away = (estimate.value - truth).abs();
            assert!(away < 5.5 * estimate.standard_error, "{}, {what}: {estimate} against {truth}", one.mechanism);
        };
        near("correlation", one.found.all.comovement.pearson, 0.25);
        for (moments, volatility) in one.found.all.moments.iter().zip(&volatility) {
            near("deviation", moments.standard_deviation, volatility / 12_f64.sqrt());
            near("kurtosis", moments.excess_kurtosis, 1.0);
        }
        // What is not matched is told, to four places, and is what there is.
        let told = one.unmatched.split("skewness of btc is ").nth(1).and_then(|rest| rest.split(',').next());
        near("skewness", one.found.all.moments[0].skewness, told.map_or(0.0, |skewness| skewness.parse().unwrap()));
        if one.mechanism != "constant" {
            let (falls, error) = (falls_of(one), falls_of(one).standard_error.hypot(gaussian.standard_error));
            assert!(falls.value - gaussian.value > 5.0 * error, "{}: {falls} against {gaussian}", one.mechanism);
        }
    }
    // Nothing is asked for, nothing is run; threads leave every bit.
    let small = Convergence::new(scenario.clone(), sweep(&text.replace("40_000", "1_000"))).unwrap();
    let bits = |study: &Convergence| serde_json::to_string(&study.comovements().unwrap()).unwrap();
    assert_eq!(bits(&small.clone().threads(1)), bits(&small));
    let silent = text.lines().filter(|line| !line.starts_with("comovement")).collect::<Vec<_>>().join("\n");
    assert!(Convergence::new(scenario.clone(), sweep(&silent)).unwrap().comovements().unwrap().is_empty());
    let field = |from: &str, to: &str| {
        let error = Convergence::new(scenario.clone(), sweep(&text.replace(from, to))).unwrap_err();
        error.field().unwrap_or_default().to_owned()
    };
    let pair = r#"factors = ["btc", "eth"], kept_pairs = 40_000"#;
    assert_eq!(field(pair, r#"factors = ["btc", "rent"]"#), "comovement.factors[1]");
    assert_eq!(field(pair, r#"factors = ["btc", "btc"]"#), "comovement.factors[1]");
    assert_eq!(field("kept_pairs = 40_000", "kept_pairs = 10"), "comovement.kept_pairs");
    assert_eq!(field("kept_pairs = 40_000", "stress_correlation = 0.7"), "comovement.stress_correlation");
    // A t law would be that of a price which does not converge too.
    let error =
        Convergence::new(Scenario::from_toml("three.toml", THREE).unwrap(), sweep(&silent.replace("eth", "rent")));
    assert_eq!(error.unwrap_err().field(), Some("mechanisms[2].degrees_of_freedom"));
}

#[test]
fn mistakes_are_told_by_field() {
    let cases = [
        ("name = \"btc\"", "name = \"btx\"", "factors[0].name = \"btx\": no such factor; there is btc, eth"),
        (
            "stress_correlation = [0.5, 0.9]",
            "stress_correlation = [0.5, 1.5]",
            "stress_correlation[1] = 1.5: must lie between 0 and 1",
        ),
        (
            "stress_correlation = [0.5, 0.9]",
            "stress_correlation = []",
            "stress_correlation = []: must be one number or more",
        ),
        ("frequency = [0.2]", "frequency = [0.2, 0.2]", "frequency[1] = 0.2: must stand there once"),
        ("leverage = [1.0, 1.25]", "leverage = [0.0]", "leverage[0] = 0: must lie between 0.01 and 100"),
        ("[\"A\", \"B\"]", "[\"A\", \"C\"]", "pair[1] = \"C\": no such borrower; there is A, B"),
        ("[\"A\", \"B\"]", "[\"A\", \"A\"]", "pair[1] = \"A\": the name is already taken"),
        ("sections = 3", "sections = 1", "sections = 1: must be at least two"),
        ("sections = 3", "tranches = [0.1, 0.1]", "tranches[1] = 0.1: must be above the bound before it, 0.1"),
        ("sections = 3", "level = 1.0", "level = 1: must lie strictly between 0 and 1"),
        (
            "{ name = \"eth\", ",
            "{ name = \"eth\", group = \"btc\", ",
            "factors = one group: must be of two groups or more",
        ),
        ("mean_years = 0.3", "mean_years = 0", "mechanisms[1].mean_years = 0: must lie between 0.001 and 1000"),
        ("width = 1", "width = 0", "mechanisms[2].width = 0: must lie between 0.001 and 4"),
        ("tilt = 0.3", "tilt = 2", "mechanisms[3].tilt = 2: must lie between 0 and 1"),
        (
            "{ mechanism = \"feedback\" }",
            "{ mechanism = \"constant\" }",
            "mechanisms[4].name = \"constant\": the name is already taken",
        ),
    ];
    for (from, to, expected) in cases {
        assert!(SWEEP.contains(from), "{from}");
        let error = Convergence::new(scenario(), sweep(&SWEEP.replace(from, to))).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}\n{expected}");
    }
    let no_sales =
        Scenario::from_toml("two.toml", &SCENARIO.replace("feedback = \"on\"", "feedback = \"off\"")).unwrap();
    let error = Convergence::new(no_sales, sweep(SWEEP)).unwrap_err().to_string();
    assert!(error.starts_with("mechanisms[4].mechanism = feedback: needs a scenario"), "{error}");
    let coin = r#"model = "gbm", initial = 100, drift = 0.1, volatility = 1.0"#;
    let share = r#"model = "utilisation", initial = 0.5, usual = 0.5, reversion = 1, volatility = 1"#;
    let other = Scenario::from_toml("two.toml", &SCENARIO.replace(coin, share)).unwrap();
    let error = Convergence::new(other, sweep(SWEEP)).unwrap_err().to_string();
    assert!(error.starts_with("factors[1].name = \"eth\": must be a factor of the models gbm"), "{error}");
    let driven = r#"dependence = { kind = "stress_driven", index = { ou = { reversion = 1 } }, begin = 0, full = 1 }"#;
    let one = r#"dependence = { kind = "constant", correlation = [["btc", "eth", 0.25]] }"#;
    let driven = Scenario::from_toml("two.toml", &SCENARIO.replace(one, driven)).unwrap();
    let error = Convergence::new(driven, sweep(SWEEP)).unwrap_err().to_string();
    assert!(error.starts_with("scenario.dependence.kind = \"stress_driven\""), "{error}");
    for (from, to, part) in [
        ("\"regimes\"", "\"regime\"", "unknown variant `regime`"),
        ("tilt = 0.3", "tilted = 0.3", "tilt"),
        ("title =", "titel =", "unknown field `titel`"),
    ] {
        let error = Sweep::from_toml("study.toml", &SWEEP.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(error.starts_with("study.toml:") && error.contains(part), "{error}");
    }
    assert_eq!(sweep(&toml::to_string(&sweep(SWEEP)).unwrap()), sweep(SWEEP));
    // From a file they have the line.
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("studies");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("two.toml"), SCENARIO).unwrap();
    let file = folder.join("study.toml");
    let read = |from: &str, to: &str| {
        let text = SWEEP.replacen("title =", "scenario = \"two.toml\"\ntitle =", 1).replacen(from, to, 1);
        std::fs::write(&file, text).unwrap();
        Convergence::read(&file).map(|study| study.runs()).map_err(|error| error.to_string())
    };
    assert_eq!(read("", ""), Ok(18));
    for (from, to, told) in [
        ("frequency = [0.2]", "frequency = [0.95]", "study.toml:5: frequency[0] = 0.95: must lie between"),
        ("tilt = 0.3", "tilt = 2", "study.toml:14: mechanisms[3].tilt = 2: must lie between 0 and 1"),
        ("scenario = \"two.toml\"", "", "study.toml:1: scenario = none: must be the file"),
        ("name = \"eth\"", "name = \"etc\"", "study.toml:9: factors[1].name = \"etc\": no such factor"),
    ] {
        let error = read(from, to).unwrap_err();
        assert!(error.contains(told), "{error}");
    }
}

#[test]
fn the_csv_has_its_columns() {
    let study = study(SWEEP);
    let rows = study.run().unwrap();
    let text = csv(&rows);
    let estimate = |name: &str| {
        [name.into(), format!("{name}_standard_error"), format!("{name}_lower_95"), format!("{name}_upper_95")]
    };
    let mut columns: Vec<String> =
        ["mechanism", "stress_correlation", "frequency", "leverage", "quantity", "of", "unit"].map(String::from).into();
    columns.extend(["value", "to_independent", "to_constant"].into_iter().flat_map(estimate));
    columns.push("unmatched".into());
    assert_eq!(text.lines().next().unwrap(), columns.join(","));
    // 3 means, 4 of the pair, EL, VaR, ES, 4 tranches, a spread; 5 mechanisms, 2 correlations, 2 debts.
    assert_eq!(rows.len(), 15 * 5 * 2 * 2);
    assert_eq!(text.lines().count(), 1 + rows.len());
    let row = find(&rows, "regimes", 0.9, 1.25, "VaR", "book");
    let value = row.value;
    let line = format!("\"regimes\",0.9,0.2,1.25,\"VaR\",\"book\",\"USD\",{},{},", value.value, value.standard_error);
    assert!(text.lines().any(|text| text.starts_with(&line)), "{line}");
    // The documented columns are these.
    let documented = include_str!("../src/study/convergence/row.rs");
    for column in ["mechanism", "quantity", "of", "unit", "value", "to_independent", "to_constant", "unmatched"] {
        assert!(documented.contains(&format!("/// | `{column}` |")), "{column}");
    }
    // (error / value / 1 %)^2 paths.
    let paths = (value.standard_error / value.value).powi(2) * 3000.0 / 1e-4;
    assert!((row.paths_for(0.01) / paths - 1.0).abs() < 1e-12);
}
