//! Dependences against their laws: the correlation asked for is the one realised between unlike factors, regimes have the
//! moments of the mixture, and the degenerate cases are the simpler dependence to the bit. A correlation of levels would
//! hide a driver that is correlated with the wrong neighbour, so the drivers themselves are recovered from the levels.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/collect.rs"]
mod collect;

use collect::{Collect, Collected, assert_correlation, assert_mean, assert_normal, assert_share};
use haircut::credit::Book;
use haircut::market::{
    Constant, DeflatingRent, DependenceModel, Gbm, Market, MarketBuilder, Merton, Regime, Regimes, ShortRate,
    Transitions, Utilisation,
};
use haircut::numeric::{Correlation, TimeGrid};
use haircut::{Error, Simulation};

const PATHS: u64 = 1 << 20;
const LENGTH: f64 = 1.0 / 12.0;

fn collect(market: MarketBuilder, grid: TimeGrid, paths: u64, series: &[&str], steps: &[usize]) -> Collected {
    let market = market.build().unwrap();
    Simulation::new(market, Book::default()).grid(grid).paths(paths).seed(99).run(Collect::new(series, steps)).unwrap()
}

fn btc() -> Gbm {
    Gbm { initial: 95_000.0, drift: 0.05, volatility: 0.6 }
}

fn rent() -> DeflatingRent {
    DeflatingRent {
        initial: 2.0,
        deflation: 0.2,
        sensitivity: 0.0,
        adoption: None,
        scarcity: 0.2,
        usual_scarcity: None,
        reversion: 0.9,
        volatility: 0.35,
        deflation_deviation: 0.0,
        jumps: None,
    }
}

fn sofr() -> ShortRate {
    ShortRate { initial: 0.036, mean: 0.03, reversion: 0.3, volatility: 0.012 }
}

fn utilisation() -> Utilisation {
    Utilisation { initial: 0.9, usual: 0.8, reversion: 2.0, volatility: 0.9, demand: None }
}

fn unlike() -> MarketBuilder {
    Market::builder().factor("btc", btc()).factor("rent", rent()).factor("sofr", sofr()).factor("use", utilisation())
}

const UNLIKE: [&str; 4] = ["btc", "rent", "sofr", "use"];

/// The driver of each factor of [`unlike`] in the step of a month to `step`, from the levels at its ends.
fn drivers(seen: &Collected, step: usize) -> [Vec<f64>; 4] {
    let ou = |reversion: f64, volatility: f64| {
        let decay = (-reversion * LENGTH).exp();
        (decay, volatility * ((1.0 - decay * decay) / (2.0 * reversion)).sqrt())
    };
    let recover = |series: &str, f: &dyn Fn(f64, f64) -> f64| {
        let (before, after) = (seen.of(series, step - 1), seen.of(series, step));
        before.iter().zip(after).map(|(before, after)| f(*before, *after)).collect::<Vec<f64>>()
    };
    let (start, end) = ((step - 1) as f64 * LENGTH, step as f64 * LENGTH);
    let scarcity = |level: f64, time: f64| (level / 2.0).ln() + 0.2 * time + 0.2;
    let odds = |share: f64| (share / (1.0 - share)).ln() - (0.8_f64 / 0.2).ln();
    let ((rent_decay, rent_noise), (rate_decay, rate_noise), (use_decay, use_noise)) =
        (ou(0.9, 0.35), ou(0.3, 0.012), ou(2.0, 0.9));
    [
        recover("btc", &|a, b| ((b / a).ln() - (0.05 - 0.18) * LENGTH) / (0.6 * LENGTH.sqrt())),
        recover("rent", &|a, b| (scarcity(b, end) - scarcity(a, start) * rent_decay) / rent_noise),
        recover("sofr", &|a, b| (b - 0.03 - (a - 0.03) * rate_decay) / rate_noise),
        recover("use", &|a, b| (odds(b) - odds(a) * use_decay) / use_noise),
    ]
}

#[test]
fn the_correlation_asked_for_is_realised_between_unlike_factors() {
    let rows = [[1.0, 0.5, -0.3, 0.1], [0.5, 1.0, 0.2, 0.6], [-0.3, 0.2, 1.0, 0.0], [0.1, 0.6, 0.0, 1.0]];
    let dependence = Constant::new(Correlation::from_rows(&rows).unwrap());
    let seen = collect(unlike().dependence(dependence), TimeGrid::monthly(7).unwrap(), PATHS, &UNLIKE, &[0, 1, 6, 7]);
    for step in [1, 7] {
        let drivers = drivers(&seen, step);
        for (a, row) in rows.iter().enumerate() {
            assert_normal(UNLIKE[a], &drivers[a], 0.0, 1.0);
            for (b, correlation) in row.iter().enumerate().take(a) {
                let what = format!("{} and {} in step {step}", UNLIKE[a], UNLIKE[b]);
                assert_correlation(&what, &drivers[a], &drivers[b], *correlation);
            }
        }
    }
    // From step to step nothing is shared.
    let (first, last) = (drivers(&seen, 1), drivers(&seen, 7));
    for a in 0..4 {
        assert_correlation("steps", &first[a], &last[a], 0.0);
    }
}

#[test]
fn pairs_are_the_matrix_with_zeros() {
    let rows = [[1.0, 0.0, 0.4, 0.0], [0.0, 1.0, 0.0, -0.2], [0.4, 0.0, 1.0, 0.0], [0.0, -0.2, 0.0, 1.0]];
    let matrix = unlike().dependence(Constant::new(Correlation::from_rows(&rows).unwrap()));
    let pairs = unlike().dependence(Constant::pairs([("sofr", "btc", 0.4), ("rent", "use", -0.2)]));
    let run = |market| collect(market, TimeGrid::monthly(9).unwrap(), 5_000, &UNLIKE, &[1, 9]).bits();
    assert_eq!(run(matrix), run(pairs));
}

#[test]
fn the_identity_is_no_dependence() {
    let run = |market| collect(market, TimeGrid::monthly(9).unwrap(), 5_000, &UNLIKE, &[1, 9]).bits();
    let independent = run(unlike());
    assert_eq!(run(unlike().dependence(Constant::new(Correlation::identity(4)))), independent);
    assert_eq!(run(unlike().dependence(Constant::pairs([("btc", "rent", 0.0)]))), independent);
    assert_ne!(run(unlike().dependence(Constant::pairs([("btc", "rent", 0.1)]))), independent);
}

#[test]
fn equal_regimes_are_one_constant_dependence() {
    let pairs = [("btc", "rent", 0.5), ("sofr", "use", -0.4), ("rent", "use", 0.3)];
    let run = |market| collect(market, TimeGrid::monthly(9).unwrap(), 5_000, &UNLIKE, &[1, 9]).bits();
    let constant = run(unlike().dependence(Constant::pairs(pairs)));
    let regime = |name: &str| Regime::new(name).correlation(pairs);
    let two = Regimes::pair(regime("calm"), regime("stress"), [0.5, 0.25]);
    assert_eq!(run(unlike().dependence(two)), constant);
    // The same through the other kernels: three regimes, and modulation by 1 and 0 made with a regime that never comes.
    let three = Regimes {
        regimes: vec![
            regime("a"),
            regime("b"),
            regime("never").volatility("btc", 3.0).volatility("sofr", 2.0).drift("rent", 1.0).drift("use", 1.0),
        ],
        transitions: Some(Transitions::Generator(vec![
            vec![-2.0, 2.0, 0.0],
            vec![3.0, -3.0, 0.0],
            vec![1.0, 1.0, -2.0],
        ])),
        initial: Some(vec![0.5, 0.5, 0.0]),
        chain: None,
    };
    assert_eq!(run(unlike().dependence(three)), constant);
}

/// sum over regimes of initial prod_k diag(e^(growth D)) P(D): what a product of step growths that depend on the regime at the
/// start of the step has for its mean. P by the closed form of two regimes.
fn mixture(mean_years: [f64; 2], growth: [f64; 2], grid: &TimeGrid) -> f64 {
    let [leave, back] = mean_years.map(|years| 1.0 / years);
    let mut weights = [back / (leave + back), leave / (leave + back)];
    for step in grid.iter() {
        let mixed = 1.0 - (-(leave + back) * step.length).exp();
        let (gone, returned) = (leave / (leave + back) * mixed, back / (leave + back) * mixed);
        let grown = [weights[0] * (growth[0] * step.length).exp(), weights[1] * (growth[1] * step.length).exp()];
        weights = [grown[0] * (1.0 - gone) + grown[1] * returned, grown[0] * gone + grown[1] * (1.0 - returned)];
    }
    weights[0] + weights[1]
}

#[test]
fn regimes_have_the_moments_of_the_mixture() {
    let mean_years = [1.2, 0.4];
    let (multiplier, shift) = (1.7, -0.35);
    let gpu = Gbm { initial: 1.0, drift: -0.1, volatility: 0.4 };
    let coin = Gbm { initial: 1.0, drift: 0.05, volatility: 0.5 };
    let calm = Regime::new("calm").correlation([("coin", "gpu", 0.1)]);
    let stress = Regime::new("stress")
        .correlation([("coin", "gpu", 0.8)])
        .volatility("coin", multiplier)
        .drift("coin", shift)
        .drift("gpu", -0.2);
    let regimes = Regimes::pair(calm, stress, mean_years);
    for grid in [TimeGrid::new([1.0, 2.0]).unwrap(), TimeGrid::monthly(24).unwrap()] {
        let market =
            Market::builder().factor("coin", coin.clone()).factor("gpu", gpu.clone()).dependence(regimes.clone());
        let steps = grid.steps();
        let seen = collect(market, grid.clone(), PATHS, &["coin", "gpu", "dependence.regime"], &[0, 1, steps]);
        let (coins, gpus) = (seen.of("coin", steps), seen.of("gpu", steps));
        let volatility = [0.5, 0.5 * multiplier];
        // E S^p grows at p mu + p (p - 1) / 2 v^2; of a product of two prices at the sum of the drifts and rho v w.
        let power = |p: f64| {
            let rate = |regime: usize| {
                let drift = 0.05 + [0.0, shift][regime];
                p * drift + 0.5 * p * (p - 1.0) * volatility[regime] * volatility[regime]
            };
            mixture(mean_years, [rate(0), rate(1)], &grid)
        };
        let what = format!("{steps} steps");
        let [first, second, fourth] = [1.0, 2.0, 4.0].map(power);
        assert_mean(&what, coins.iter().copied(), first, (second - first * first).sqrt());
        assert_mean(&what, coins.iter().map(|s| s * s), second, (fourth - second * second).sqrt());
        let cross = |p: f64| {
            let rate = |regime: usize| {
                let (v, w, rho) = (volatility[regime], 0.4, [0.1, 0.8][regime]);
                let drift = 0.05 + [0.0, shift][regime] - 0.1 + [0.0, -0.2][regime];
                p * drift + 0.5 * p * (p - 1.0) * (v * v + w * w) + p * p * rho * v * w
            };
            mixture(mean_years, [rate(0), rate(1)], &grid)
        };
        let (product, square) = (cross(1.0), cross(2.0));
        let products = coins.iter().zip(gpus).map(|(a, b)| a * b);
        assert_mean(&what, products, product, (square - product * product).sqrt());
        // The chain starts and stays in the long run's law.
        for step in [0, 1, steps] {
            assert_share(&what, seen.of("dependence.regime", step), |regime| regime > 0.5, 0.25);
        }
    }
    // As steps shrink the mixture tends to initial exp((Q + diag(growth)) T) 1; at second order in the step, since P keeps
    // both the stationary law (on the left) and 1 (on the right), so half a step of it may be put at either end.
    let continuous = {
        // Two states: the eigenvalues of [[g0 - a, a], [b, g1 - b]].
        let ([a, b], [g0, g1]) = (mean_years.map(|years: f64| 1.0 / years), [0.05, 0.05 + shift]);
        let (m, half) = (0.5 * (g0 - a + g1 - b), 0.5 * ((g0 - a - g1 + b).powi(2) + 4.0 * a * b).sqrt());
        let (c, s) = ((half * 2.0).cosh() * (m * 2.0).exp(), (half * 2.0).sinh() / half * (m * 2.0).exp());
        let entry = |row: [f64; 2], i: usize| c * [1.0, 1.0][i] + s * (row[0] + row[1] - m);
        0.75 * entry([g0 - a, a], 0) + 0.25 * entry([b, g1 - b], 1)
    };
    let rates = [0.05, 0.05 + shift];
    let error = |steps: usize| {
        let per_year = u32::try_from(steps / 2).unwrap();
        mixture(mean_years, rates, &TimeGrid::regular(steps, per_year).unwrap()) - continuous
    };
    let (coarse, fine) = (error(240), error(480));
    assert!(coarse.abs() < 1e-5 && (coarse / fine - 4.0).abs() < 0.01, "{coarse} {fine}");
}

#[test]
fn correlations_and_volatilities_are_those_of_the_regime_at_the_start() {
    let calm = Regime::new("calm").correlation([("btc", "rent", -0.2), ("sofr", "use", 0.3)]);
    let stress = Regime::new("stress").correlation([("btc", "rent", 0.7), ("rent", "use", 0.5)]);
    let stress = stress.volatility("rent", 1.5).volatility("sofr", 2.0).drift("use", -0.6);
    let market = unlike().dependence(Regimes::pair(calm, stress, [0.3, 0.3]));
    let series = ["btc", "rent", "sofr", "use", "dependence.regime"];
    let seen = collect(market, TimeGrid::monthly(3).unwrap(), PATHS, &series, &[2, 3]);
    let regime = seen.of("dependence.regime", 2);
    let all = drivers(&seen, 3);
    let within = |stress: bool, driver: &[f64]| -> Vec<f64> {
        driver.iter().zip(regime).filter(|(_, regime)| (**regime > 0.5) == stress).map(|(z, _)| *z).collect()
    };
    let calm = all.each_ref().map(|driver| within(false, driver));
    let stress = all.each_ref().map(|driver| within(true, driver));
    for driver in &calm {
        assert_normal("calm", driver, 0.0, 1.0);
    }
    // What the drift adds to the log odds in a step, in units of its noise.
    let decay = (-2.0 * LENGTH).exp();
    let shift = -0.6 * (1.0 - decay) / 2.0 / (0.9 * ((1.0 - decay * decay) / 4.0).sqrt());
    for (driver, (mean, deviation)) in stress.iter().zip([(0.0, 1.0), (0.0, 1.5), (0.0, 2.0), (shift, 1.0)]) {
        assert_normal("stress", driver, mean, deviation * deviation);
    }
    for (a, b, in_calm, in_stress) in [(0, 1, -0.2, 0.7), (2, 3, 0.3, 0.0), (1, 3, 0.0, 0.5), (0, 3, 0.0, 0.0)] {
        assert_correlation("calm", &calm[a], &calm[b], in_calm);
        assert_correlation("stress", &stress[a], &stress[b], in_stress);
    }
}

#[test]
fn three_regimes_follow_the_exponential_of_their_generator() {
    // From "a" the chain can only go on to "b" and from there to "c", where it ends: gaps of mean 1/2 and 1/3 of a year.
    let generator = vec![vec![-2.0, 2.0, 0.0], vec![0.0, -3.0, 3.0], vec![0.0, 0.0, 0.0]];
    let regimes = Regimes {
        regimes: ["a", "b", "c"].map(Regime::new).to_vec(),
        transitions: Some(Transitions::Generator(generator)),
        initial: Some(vec![1.0, 0.0, 0.0]),
        chain: None,
    };
    let market = Market::builder().factor("btc", btc()).dependence(regimes);
    let seen = collect(market, TimeGrid::monthly(12).unwrap(), PATHS, &["dependence.regime"], &[0, 1, 6, 12]);
    for step in [0, 1, 6, 12] {
        let t = step as f64 / 12.0;
        let (a, b) = ((-2.0 * t).exp(), 2.0 * ((-2.0 * t).exp() - (-3.0 * t).exp()));
        for (number, probability) in [a, b, 1.0 - a - b].into_iter().enumerate() {
            let holds = |regime: f64| (regime - number as f64).abs() < 0.5;
            assert_share(&format!("regime {number} at {step}"), seen.of("dependence.regime", step), holds, probability);
        }
    }
}

#[test]
fn a_jump_diffusion_in_stress_keeps_its_expected_growth() {
    let merton = Merton {
        initial: 1.0,
        drift: 0.1,
        volatility: 0.4,
        jumps_per_year: 3.0,
        jump_mean: -0.1,
        jump_volatility: 0.2,
    };
    let stress = Regime::new("stress").volatility("btc", 1.8).drift("btc", -0.3);
    let regimes = Regimes { initial: Some(vec![0.0, 1.0]), ..Regimes::pair(Regime::new("calm"), stress, [1.0, 1e9]) };
    let market = Market::builder().factor("btc", merton).dependence(regimes);
    let seen = collect(market, TimeGrid::monthly(12).unwrap(), PATHS, &["btc"], &[12]);
    let jumps = 3.0 * ((-0.2 + 2.0 * 0.04_f64).exp() - 2.0 * (-0.1 + 0.02_f64).exp() + 1.0);
    let mean = (0.1_f64 - 0.3).exp();
    assert_mean(
        "stress",
        seen.of("btc", 12).iter().copied(),
        mean,
        mean * ((0.72_f64 * 0.72 + jumps).exp() - 1.0).sqrt(),
    );
}

/// What is wrong with a dependence is told by its field.
fn refused(dependence: impl haircut::market::Dependence + 'static) -> Error {
    unlike().dependence(dependence).build().unwrap_err()
}

#[test]
fn bad_dependences_are_refused_by_field() {
    let field = |error: Error| error.field().unwrap_or_default().to_owned();
    let error = refused(Constant::pairs([("btc", "rent", 0.9), ("rent", "use", 0.9), ("btc", "use", -0.9)]));
    let Error::NotPositiveSemidefinite { field: place, smallest_eigenvalue } = error else { panic!("{error}") };
    // The matrix of -0.9, 0.9, 0.9 has the eigenvalues 1.9, 1.9 and -0.8.
    assert!(place == "dependence.correlation" && (smallest_eigenvalue + 0.8).abs() < 1e-12);
    assert_eq!(field(refused(Constant::pairs([("btc", "gpu", 0.5)]))), "dependence.correlation[0][1]");
    assert_eq!(field(refused(Constant::pairs([("btc", "btc", 0.5)]))), "dependence.correlation[0]");
    assert_eq!(field(refused(Constant::pairs([("btc", "rent", f64::NAN)]))), "dependence.correlation[0][2]");
    let twice = Constant::pairs([("btc", "rent", 0.5), ("rent", "btc", 0.5)]);
    assert_eq!(field(refused(twice)), "dependence.correlation[1]");
    assert_eq!(field(refused(Constant::new(Correlation::identity(3)))), "dependence.correlation");

    let (calm, stress) = (Regime::new("calm"), Regime::new("stress"));
    let pair = |calm: &Regime, stress: &Regime| Regimes::pair(calm.clone(), stress.clone(), [1.0, 0.5]);
    let stressed = |regime: Regime| field(refused(pair(&calm, &regime)));
    assert_eq!(stressed(stress.clone().correlation([("btc", "rent", 1.5)])), "dependence.regimes[1].correlation[0][2]");
    assert_eq!(stressed(stress.clone().volatility("gpu", 2.0)), "dependence.regimes[1].volatility");
    assert_eq!(stressed(stress.clone().volatility("btc", -1.0)), "dependence.regimes[1].volatility.btc");
    assert_eq!(stressed(stress.clone().drift("btc", f64::INFINITY)), "dependence.regimes[1].drift.btc");
    assert_eq!(stressed(Regime::new("calm")), "dependence.regimes[1].name");
    assert_eq!(stressed(Regime::new(" ")), "dependence.regimes[1].name");
    let years = |years| field(refused(Regimes::pair(calm.clone(), stress.clone(), years)));
    assert_eq!(years([0.0, 1.0]), "dependence.transitions.mean_years[0]");
    assert_eq!(years([1.0, f64::NAN]), "dependence.transitions.mean_years[1]");
    let initial = |initial: Vec<f64>| field(refused(pair(&calm, &stress).initial(initial)));
    assert_eq!(initial(vec![1.0]), "dependence.initial");
    assert_eq!(initial(vec![0.5, 0.6]), "dependence.initial");
    assert_eq!(initial(vec![-0.5, 1.5]), "dependence.initial[0]");
    let generator = |rows: Vec<Vec<f64>>| {
        field(refused(Regimes { transitions: Some(Transitions::Generator(rows)), ..pair(&calm, &stress) }))
    };
    assert_eq!(generator(vec![vec![0.0]]), "dependence.transitions.generator");
    assert_eq!(generator(vec![vec![-1.0, 1.0], vec![1.0, 1.0]]), "dependence.transitions.generator[1][1]");
    assert_eq!(generator(vec![vec![-1.0, 1.0], vec![0.0, 0.0]]), "dependence.initial");
    let chain = |transitions: bool, chain: Option<&str>, initial: Option<Vec<f64>>| {
        let own = pair(&calm, &stress);
        let transitions = own.transitions.clone().filter(|_| transitions);
        field(refused(Regimes { transitions, chain: chain.map(String::from), initial, ..own }))
    };
    assert_eq!(chain(false, None, None), "dependence.transitions");
    assert_eq!(chain(true, Some("btc"), None), "dependence.chain");
    assert_eq!(chain(false, Some("funding"), None), "dependence.chain");
    assert_eq!(chain(false, Some("btc"), Some(vec![0.5, 0.5])), "dependence.initial");
    assert_eq!(field(Regimes::following("btc", [calm.clone()]).long_run().unwrap_err()), "transitions");
    let none = Regimes { regimes: vec![], ..pair(&calm, &stress) };
    assert_eq!(field(refused(none)), "dependence.regimes");
}

#[test]
fn dependences_are_read_back_as_they_were_written() {
    let stress = Regime::new("stress").matrix(Correlation::equal(2, 0.5).unwrap()).volatility("btc", 1.5);
    let models = [
        DependenceModel::Constant(Constant::pairs([("btc", "rent", 0.3)])),
        DependenceModel::Constant(Constant::new(Correlation::equal(3, 0.25).unwrap())),
        DependenceModel::Regimes(Regimes::pair(Regime::new("calm"), stress, [2.0, 0.5]).initial([1.0, 0.0])),
        DependenceModel::Regimes(Regimes::following("funding", [Regime::new("open"), Regime::new("shut")])),
    ];
    for model in models {
        let text = toml::to_string(&model).unwrap();
        assert_eq!(toml::from_str::<DependenceModel>(&text).unwrap(), model, "{text}");
    }
    let text = "kind = \"regimes\"\ntransitions = { mean_years = [2.0, 0.5] }\n\
                [[regimes]]\nname = \"calm\"\n[[regimes]]\nname = \"stress\"\ncorrelation = [[\"btc\", \"rent\", 0.6]]\n";
    let stress = Regime::new("stress").correlation([("btc", "rent", 0.6)]);
    let expected = DependenceModel::Regimes(Regimes::pair(Regime::new("calm"), stress, [2.0, 0.5]));
    assert_eq!(toml::from_str::<DependenceModel>(text).unwrap(), expected);
    let indefinite = "kind = \"constant\"\ncorrelation = [[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]]";
    let message = toml::from_str::<DependenceModel>(indefinite).unwrap_err().to_string();
    assert!(message.contains("smallest eigenvalue is -8"), "{message}");
    assert!(toml::from_str::<DependenceModel>("kind = \"constant\"\ncorrelation = []\nstrength = 1.0").is_err());
}
