//! Whatever a user writes into a factor is either refused by field, when the market is built, or runs: it never panics and
//! never hangs. Every parameter of every factor is tried with values that must not be taken; then all together with anything
//! at all, and what is accepted is simulated.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/collect.rs"]
mod collect;

use collect::Collect;
use haircut::credit::Book;
use haircut::market::{Factor, Market, Model};
use haircut::numeric::TimeGrid;
use haircut::{Error, Simulation};
use proptest::prelude::*;
use std::sync::Arc;

/// Each factor with every parameter written out, and what it publishes.
const FACTORS: [&str; 26] = [
    "model = 'gbm'\ninitial = 95000.0\ndrift = 0.05\nvolatility = 0.6",
    "model = 'merton'\ninitial = 95000.0\ndrift = 0.05\nvolatility = 0.5\njumps_per_year = 6.0\njump_mean = -0.02\n\
     jump_volatility = 0.12",
    "model = 'deflating_rent'\ninitial = 2.3\ndeflation = 0.15\nsensitivity = 0.2\nadoption = 'frontier.adoption'\n\
     scarcity = 0.1\nusual_scarcity = 'frontier'\nreversion = 0.6\nvolatility = 0.3\ndeflation_deviation = 0.1\n\
     jumps = { per_year = 2.7, mean = -0.03, deviation = 0.17 }",
    "model = 'obsolescence'\ncadence = 2.1\ncadence_variation = 0.3\nage = 0.8\ngain = 0.53\ngain_volatility = 0.1\n\
     ramp = 0.5\npending = 0.2",
    "model = 'resale'\ninitial = 28000.0\nfloor = 1500.0\nwear = 0.2\nsensitivity = 0.3\nadoption = 'frontier.adoption'\n\
     reversion = 1.0\nvolatility = 0.2\nshock = { generations = 'frontier.generations', mean = 0.2, deviation = 0.1 }",
    "model = 'utilisation'\ninitial = 0.85\nusual = 0.8\nreversion = 1.5\nvolatility = 0.7",
    "model = 'short_rate'\ninitial = 0.036\nmean = 0.03\nreversion = 0.4\nvolatility = 0.01",
    "model = 'network_hashrate'\ninitial = 1000.0\nelasticity = 0.5\nlag = 0.4\nvolatility = 0.19\ncoin = 'btc'\n\
     marginal_cost = 40.0\nefficiency_gain = 0.2\nreward = { subsidy = 3.125, fees = 0.05, halvings = [1.6, 5.6] }",
    "model = 'hashprice'\ncoin = 'btc'\nhashrate = 'btc'\nreward = { subsidy = 3.125, fees = 0.05, fee_series = 'frontier', \
     halvings = [1.6] }",
    "model = 'kou'\ninitial = 95000.0\ndrift = 0.05\nvolatility = 0.5\njumps_per_year = 6.0\nup_share = 0.4\nup_mean = 0.1\n\
     down_mean = 0.15",
    "model = 'heston'\ninitial = 95000.0\ndrift = 0.05\nvariance = 0.4\nmean_variance = 0.5\nreversion = 3.0\n\
     volatility_of_variance = 1.0\ncorrelation = -0.3",
    "model = 'bates'\ninitial = 95000.0\ndrift = 0.05\nvariance = 0.4\nmean_variance = 0.5\nreversion = 3.0\n\
     volatility_of_variance = 1.0\ncorrelation = -0.3\njumps_per_year = 4.0\njump_mean = -0.05\njump_volatility = 0.15",
    "model = 'svcj'\ninitial = 95000.0\ndrift = 0.05\nvariance = 0.4\nmean_variance = 0.5\nreversion = 3.0\n\
     volatility_of_variance = 1.0\ncorrelation = -0.3\njumps_per_year = 4.0\njump_mean = -0.05\njump_volatility = 0.15\n\
     variance_jump_mean = 0.2\njump_correlation = -0.2",
    "model = 'regime_gbm'\ninitial = 95000.0\nregimes = [{ drift = 0.5, volatility = 0.5 }, { drift = -0.6, volatility = 0.9 }]\n\
     transitions = { mean_years = [1.5, 0.8] }\ninitial_regime = [0.25, 0.75]",
    "model = 'power_price'\ninitial = 0.06\nusual = 0.05\nreversion = 1.4\nvolatility = 0.35\nspikes_per_year = 5.0\n\
     spike_mean = 0.5\nspike_volatility = 0.25\nspike_reversion = 9.0",
    "model = 'cir'\ninitial = 0.05\nmean = 0.03\nreversion = 0.4\nvolatility = 0.12",
    "model = 'credit_conditions'\nstates = ['open', 'tight', 'shut']\ninitial_state = [1.0, 0.0, 0.0]\n\
     transitions = { generator = [[-0.35, 0.3, 0.05], [0.8, -1.2, 0.4], [0.2, 1.3, -1.5]] }\n\
     series = { depth = { values = [1.0, 0.5, 0.15], lag = 0.75 } }",
    "model = 'bootstrap'\nrows_per_year = 252.0\nmean_block = 20.0\nseries = [{ name = 'a', initial = 3.0, growth = 0.1 }, \
     { name = 'b', initial = 9.0 }]\nhistory = { returns = [[0.1, 0.2], [-0.3, 0.1]] }",
    "model = 'obsolescence'\ncadence = 2.1\ncadence_variation = 1.0\nage = 0.8\ngain = 0.53\ngain_volatility = 0.1\n\
     ramp = 0.5\npending = 0.2\nroadmap = [0.4, 1.4]\nexcitation = { branching = 0.4, reversion = 2.0, intensity = 0.9 }",
    "model = 'tier_rent'\nrent = 'btc'\ntier = 'frontier.tier'\nbehind = 1.0\nfractions = [1.0, 0.6, 0.35]",
    "model = 'demand_shift'\nparity = 0.85\ndrift = 0.6\nvolatility = 0.9\nthreshold = 0.95\nremaining = 0.4\nramp = 0.8",
    "model = 'unit_cost'\ninitial = 3.0\nfloor = 0.02\ndeflation = 2.3\nlong_run_deflation = 0.4\nreversion = 0.9\n\
     volatility = 0.5",
    "model = 'utilisation'\ninitial = 0.85\nusual = 0.8\nreversion = 1.5\nvolatility = 0.7\ndemand = 'frontier.tier'",
    "model = 'earning_power'\nrent = 'rent'\nrent_share = 0.9\nutilisation = 0.85\npower_kw_per_unit = 1.28\npue = 1.3\n\
     power_usd_per_kwh = 0.08\nopex_usd_per_unit_hour = 0.4\ncost_growth = 0.02\nlife = 6.0\ndiscount = 0.12\nscrap = 1500.0",
    "model = 'difficulty'\nhashrate = 'btc'\ninitial = 990.0\nfound = 0.4",
    "model = 'counterparty'\nhazard = [0.01, 0.2]\nchain = 'frontier.generations'\nindex = 'btc'\nelasticity = 1.5",
];

/// The market in which a factor may read a coin and a frontier, and a machine its rent; the factor is called `x`.
fn market(model: Model) -> Result<Market, Error> {
    let parse = |text: &str| -> Arc<dyn Factor> { toml::from_str::<Model>(text).unwrap().into() };
    let market = Market::builder().shared_factor("btc", parse(FACTORS[0])).shared_factor("frontier", parse(FACTORS[3]));
    let market = match model {
        Model::EarningPower(_) => market.shared_factor("rent", parse(FACTORS[2])),
        _ => market,
    };
    market.shared_factor("x", model.into()).build()
}

/// Whether the run gives numbers on every path, in everything that the factor publishes.
fn runs(market: Market, grid: TimeGrid) -> bool {
    let steps = grid.steps();
    let series = market.series().unwrap();
    let own: Vec<&str> =
        series.iter().map(String::as_str).filter(|name| *name == "x" || name.starts_with("x.")).collect();
    let simulation = Simulation::new(market, Book::default()).grid(grid).paths(256).threads(1);
    let seen = simulation.run(Collect::new(&own, &[0, steps])).unwrap();
    own.iter().all(|name| seen.of(name, steps).iter().all(|value| !value.is_nan()))
}

/// Every number of a description, as a path of keys with its value.
fn numbers(value: &toml::Value, path: &[String]) -> Vec<Vec<String>> {
    let deeper = |key: String| [path, &[key]].concat();
    match value {
        toml::Value::Float(_) => vec![path.to_vec()],
        toml::Value::Table(table) => {
            table.iter().flat_map(|(key, value)| numbers(value, &deeper(key.clone()))).collect()
        }
        toml::Value::Array(array) => {
            array.iter().enumerate().flat_map(|(index, value)| numbers(value, &deeper(index.to_string()))).collect()
        }
        _ => Vec::new(),
    }
}

fn set(value: &mut toml::Value, path: &[String], number: f64) {
    match (value, path) {
        (value, []) => *value = toml::Value::Float(number),
        (toml::Value::Table(table), [key, rest @ ..]) => set(table.get_mut(key).unwrap(), rest, number),
        (toml::Value::Array(array), [index, rest @ ..]) => {
            set(&mut array[index.parse::<usize>().unwrap()], rest, number)
        }
        _ => unreachable!("a path of `numbers`"),
    }
}

/// The field of a path as errors write it.
fn field(path: &[String]) -> String {
    path.iter().fold("factors.x".to_owned(), |field, key| {
        if key.parse::<usize>().is_ok() { format!("{field}[{key}]") } else { format!("{field}.{key}") }
    })
}

#[test]
fn every_factor_is_read_back_as_it_was_written() {
    for text in FACTORS {
        let model: Model = toml::from_str(text).unwrap();
        let written = toml::to_string(&model).unwrap();
        assert_eq!(toml::from_str::<Model>(&written).unwrap(), model, "{written}");
        assert!(
            toml::from_str::<Model>(&format!("{text}\ncolour = 1.0")).is_err(),
            "unknown fields are refused: {text}"
        );
        assert!(runs(market(model).unwrap(), TimeGrid::monthly(24).unwrap()), "{text}");
    }
}

#[test]
fn every_parameter_is_checked_by_its_own_name() {
    let mut checked = 0;
    for text in FACTORS {
        let description: toml::Value = toml::from_str(text).unwrap();
        for path in numbers(&description, &[]) {
            for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1e9, 1e300] {
                let mut description = description.clone();
                set(&mut description, &path, bad);
                let model: Model = description.try_into().unwrap();
                let error = market(model).unwrap_err();
                assert_eq!(error.field(), Some(field(&path).as_str()), "{bad:e}: {error}");
                checked += 1;
            }
        }
    }
    assert!(checked > 200, "{checked}");
}

#[test]
fn references_and_combinations_are_checked() {
    let refused = |text: &str, from: &str, to: &str| {
        assert!(text.contains(from));
        let model: Model = toml::from_str(&text.replace(from, to)).unwrap();
        market(model).unwrap_err().field().unwrap_or_default().to_owned()
    };
    assert_eq!(refused(FACTORS[2], "frontier.adoption", "frontier.speed"), "factors.x.adoption");
    assert_eq!(refused(FACTORS[2], "adoption = 'frontier.adoption'\n", ""), "factors.x.sensitivity");
    assert_eq!(refused(FACTORS[4], "frontier.adoption", "x"), "factors.x.adoption");
    assert_eq!(refused(FACTORS[4], "frontier.generations", "launches"), "factors.x.shock.generations");
    assert_eq!(refused(FACTORS[4], "deviation = 0.1", "deviation = 0.4"), "factors.x.shock.deviation");
    assert_eq!(refused(FACTORS[4], "floor = 1500.0", "floor = 28001.0"), "factors.x.floor");
    assert_eq!(
        refused(FACTORS[3], "cadence_variation = 0.3\nage = 0.8", "cadence_variation = 0.0\nage = 2.1"),
        "factors.x.age"
    );
    assert_eq!(refused(FACTORS[7], "coin = 'btc'", "coin = 'eth'"), "factors.x.coin");
    assert_eq!(refused(FACTORS[8], "hashrate = 'btc'", "hashrate = ''"), "factors.x.hashrate");
    assert_eq!(refused(FACTORS[8], "'frontier'", "'x'"), "factors.x.reward.fee_series");
    assert_eq!(refused(FACTORS[24], "'btc'", "'x'"), "factors.x.hashrate");
    assert_eq!(refused(FACTORS[24], "found = 0.4", "found = 1.1"), "factors.x.found");
    assert_eq!(refused(FACTORS[7], "[1.6, 5.6]", "[1.6, 1.6]"), "factors.x.reward.halvings[1]");
    assert_eq!(refused(FACTORS[8], "subsidy = 3.125, fees = 0.05", "subsidy = 0.0"), "factors.x.reward.subsidy");
    assert_eq!(
        refused(FACTORS[10], "volatility_of_variance = 1.0", "volatility_of_variance = 0.00001"),
        "factors.x.volatility_of_variance"
    );
    assert_eq!(refused(FACTORS[12], "jump_correlation = -0.2", "jump_correlation = 5.0"), "factors.x.jump_correlation");
    let own = "transitions = { mean_years = [1.5, 0.8] }\ninitial_regime = [0.25, 0.75]";
    assert_eq!(refused(FACTORS[13], own, ""), "factors.x.transitions");
    assert_eq!(refused(FACTORS[13], own, "chain = 'x.regime'"), "factors.x.chain");
    assert_eq!(refused(FACTORS[13], own, "chain = 'btc'\ninitial_regime = [1.0, 0.0]"), "factors.x.initial_regime");
    assert_eq!(refused(FACTORS[13], own, &format!("{own}\nchain = 'btc'")), "factors.x.chain");
    assert_eq!(refused(FACTORS[13], "[0.25, 0.75]", "[0.25, 0.25]"), "factors.x.initial_regime");
    let absorbing = "transitions = { generator = [[-1.0, 1.0], [0.0, 0.0]] }";
    assert_eq!(refused(FACTORS[13], own, absorbing), "factors.x.initial_regime");
    assert_eq!(
        refused(FACTORS[13], "mean_years = [1.5, 0.8]", "generator = [[-1.0, 1.0]]"),
        "factors.x.transitions.generator"
    );
    assert_eq!(
        refused(FACTORS[13], "[{ drift = 0.5, volatility = 0.5 }, { drift = -0.6, volatility = 0.9 }]", "[]"),
        "factors.x.regimes"
    );
    assert_eq!(refused(FACTORS[2], "usual_scarcity = 'frontier'", "usual_scarcity = 'x'"), "factors.x.usual_scarcity");
    assert_eq!(refused(FACTORS[16], "['open', 'tight', 'shut']", "['open']"), "factors.x.states");
    assert_eq!(refused(FACTORS[16], "'tight'", "'open'"), "factors.x.states[1]");
    assert_eq!(refused(FACTORS[16], "'tight'", "' '"), "factors.x.states[1]");
    assert_eq!(refused(FACTORS[16], "[1.0, 0.0, 0.0]", "[1.0, 0.0]"), "factors.x.initial_state");
    assert_eq!(refused(FACTORS[16], "[1.0, 0.5, 0.15]", "[1.0, 0.5]"), "factors.x.series.depth.values");
    assert_eq!(refused(FACTORS[16], "{ depth", "{ 'a.b'"), "factors.x.series");
    assert_eq!(refused(FACTORS[16], ", [0.2, 1.3, -1.5]", ""), "factors.x.transitions.generator");
    let value = FACTORS[23];
    assert_eq!(refused(value, "rent = 'rent'", "rent = 'rents'"), "factors.x.rent");
    assert_eq!(refused(value, "rent = 'rent'", "rent = 'btc'"), "factors.x.rent");
    // Rents of 10 % of volatility a day over a hundred years: no table of a line is fine enough.
    assert_eq!(refused(value, "life = 6.0\ndiscount = 0.12", "life = 100.0\ndiscount = -3.0"), "factors.x.life");
    // So many switches that a month would hold more than can be meant.
    let many = FACTORS[13].replace("mean_years = [1.5, 0.8]", "mean_years = [0.00011, 0.8]");
    let many = market(toml::from_str(&many).unwrap()).unwrap();
    let run = |grid| Simulation::new(many.clone(), Book::default()).paths(1).grid(grid).run(Collect::new(&["x"], &[1]));
    assert!(run(TimeGrid::monthly(1).unwrap()).is_ok());
    let error = run(TimeGrid::new([1.0]).unwrap()).map(|_| ()).unwrap_err();
    assert_eq!(error.field(), Some("factors.x.transitions"));
    // So many jumps that a month would hold more than the table of counts can.
    let merton: Model = toml::from_str(&FACTORS[1].replace("jumps_per_year = 6.0", "jumps_per_year = 900.0")).unwrap();
    let built = market(merton).unwrap();
    let yearly = Simulation::new(built, Book::default()).grid(TimeGrid::new([1.0]).unwrap());
    let error = yearly.run(Collect::new(&["x"], &[1])).map(|_| ()).unwrap_err();
    assert_eq!(error.field(), Some("factors.x.jumps_per_year"));
    let power: Model = toml::from_str(&FACTORS[14].replace("per_year = 5.0", "per_year = 900.0")).unwrap();
    let yearly = Simulation::new(market(power).unwrap(), Book::default()).grid(TimeGrid::new([1.0]).unwrap());
    let error = yearly.run(Collect::new(&["x"], &[1])).map(|_| ()).unwrap_err();
    assert_eq!(error.field(), Some("factors.x.spikes_per_year"));
    // Launches are drawn one by one: a step that holds thousands of them would take for ever.
    let frontier: Model = toml::from_str(&FACTORS[3].replace("cadence = 2.1", "cadence = 0.9")).unwrap();
    let ages = Simulation::new(market(frontier).unwrap(), Book::default()).grid(TimeGrid::new([1000.0]).unwrap());
    let error = ages.run(Collect::new(&["x"], &[1])).map(|_| ()).unwrap_err();
    assert_eq!(error.field(), Some("factors.x.cadence"));
    let containing = |part: &str| *FACTORS.iter().find(|text| text.contains(part)).unwrap();
    let [excited, tier, shift, tokens, let_to] =
        ["excitation", "tier_rent", "demand_shift", "unit_cost", "demand = "].map(containing);
    assert_eq!(refused(excited, "branching = 0.4", "branching = 1.0"), "factors.x.excitation.branching");
    assert_eq!(refused(excited, "intensity = 0.9", "intensity = 0.2"), "factors.x.excitation.intensity");
    assert_eq!(refused(excited, "cadence_variation = 1.0", "cadence_variation = 0.9"), "factors.x.cadence_variation");
    assert_eq!(refused(excited, "[0.4, 1.4]", "[0.4, 0.4]"), "factors.x.roadmap[1]");
    assert_eq!(refused(excited, "[0.4, 1.4]", "[0.0, 1.4]"), "factors.x.roadmap[0]");
    // A clock whose next launch is announced may be late.
    let clock = "cadence_variation = 0.0\nage = 2.1\nroadmap = [0.5]";
    let late = FACTORS[3].replace("cadence_variation = 0.3\nage = 0.8", clock);
    assert!(market(toml::from_str(&late).unwrap()).is_ok());
    assert_eq!(refused(tier, "'frontier.tier'", "'frontier.tiers'"), "factors.x.tier");
    assert_eq!(refused(tier, "'btc'", "'x'"), "factors.x.rent");
    assert_eq!(refused(tier, "[1.0, 0.6, 0.35]", "[]"), "factors.x.fractions");
    assert_eq!(refused(tier, "[1.0, 0.6, 0.35]", "[0.5, 0.6]"), "factors.x.fractions[1]");
    assert_eq!(refused(shift, "parity = 0.85", "parity = 1.0"), "factors.x.parity");
    assert_eq!(refused(tokens, "floor = 0.02", "floor = 3.1"), "factors.x.floor");
    assert_eq!(refused(let_to, "'frontier.tier'", "'x'"), "factors.x.demand");
    assert_eq!(
        refused(FACTORS[8], "subsidy = 3.125, fees = 0.05", "subsidy = 1e-310, fees = 0.0"),
        "factors.x.reward.subsidy"
    );
}

/// What a rate has made of 1 may leave the range of numbers, upwards and then downwards: infinite times zero is not a number, and
/// neither is a premium of nothing times one that is infinite.
#[test]
fn integrals_beyond_the_largest_number_are_numbers() {
    let years = TimeGrid::new([25.0, 50.0, 75.0, 100.0]).unwrap();
    let rate = "model = 'short_rate'\ninitial = -10.0\nmean = 10.0\nreversion = 0.01\nvolatility = 10.0";
    let tokens = "model = 'unit_cost'\ninitial = 3.0\nfloor = 3.0\ndeflation = -10.0\nlong_run_deflation = -10.0\n\
                  reversion = 0.9\nvolatility = 10.0";
    for text in [rate, tokens] {
        assert!(runs(market(toml::from_str(text).unwrap()).unwrap(), years.clone()), "{text}");
    }
}

/// Numbers of every size and sign, mostly such as are written for a rate, a price, a share.
fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![
        4 => 0.0..1.0_f64,
        2 => -12.0..12.0_f64,
        1 => prop::num::f64::ANY,
        1 => prop::sample::select(vec![0.0, -0.0, 1.0, 10.0, -10.0, 100.0, 1e-300, 1e100, 10_000.0, 0.01]),
        1 => (-100.0..100.0_f64).prop_map(|exponent| 10.0_f64.powf(exponent)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Anything in every parameter at once, on any grid: refused, or it runs to the end without a NaN.
    #[test]
    fn anything_is_refused_or_runs(
        which in 0..FACTORS.len(),
        values in prop::collection::vec(any_number(), 12),
        kept in prop::collection::vec(prop::bool::weighted(0.5), 12),
        length in prop_oneof![Just(1.0 / 365.0), Just(1.0 / 12.0), 0.01..3.0_f64],
    ) {
        let mut description: toml::Value = toml::from_str(FACTORS[which]).unwrap();
        for (path, (value, kept)) in numbers(&description, &[]).iter().zip(values.iter().zip(&kept)) {
            if !kept {
                set(&mut description, path, *value);
            }
        }
        let model: Model = description.try_into().unwrap();
        if let Ok(market) = market(model) {
            let simulation = Simulation::new(market.clone(), Book::default()).grid(TimeGrid::new([length]).unwrap());
            if simulation.paths(1).run(Collect::new(&["x"], &[])).is_ok() {
                prop_assert!(runs(market, TimeGrid::new([length, 2.0 * length, 2.5 * length]).unwrap()));
            }
        }
    }
}
