//! A stress maps a scenario to a scenario: what it says is changed, nothing else, and two of them compose. A run that merely
//! differs under stress would pass with a parameter that is not the one named; hence the comparison with the file that was
//! changed by hand, by bits.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/collect.rs"]
mod collect;

use collect::Collect;
use haircut::market::{Change, Curve, Model};
use haircut::measure::LossDistribution;
use haircut::scenario::{Scenario, Shift, Stress};
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

fn read(file: &str) -> Scenario {
    Scenario::read(folder().join(file)).unwrap()
}

fn by(multiplier: f64) -> Change {
    Change::Multiply(Curve::Always(multiplier))
}

fn falling() -> Change {
    Change::Multiply(Curve::dated([[0.25, 1.0], [1.0, 0.5]]))
}

/// Every bit of the published series and of the losses.
fn bits(scenario: &Scenario) -> (Vec<u64>, String) {
    let simulation = scenario.simulation().unwrap().paths(500);
    let series = ["btc", "hashprice", "gpu_rent", "asic", "sofr"];
    let (seen, losses) = simulation.run((Collect::new(&series, &[0, 1, 12, 40]), LossDistribution::new())).unwrap();
    (seen.bits(), serde_json::to_string(&losses).unwrap())
}

#[test]
fn a_parameter_is_the_one_that_is_named() {
    let base = read("d4_hybrid_miner.toml");
    let stress = Stress::new(
        "by path",
        [
            Shift::parameter("factors.btc.volatility", by(1.5)),
            Shift::parameter("factors.hashprice.reward.halvings[0]", Change::Add(Curve::Always(-0.5))),
            Shift::parameter("factors.hashrate.reward.halvings.0", Change::Add(Curve::Always(-0.5))),
            Shift::parameter("liquidation.assets.*.depth_per_month", by(0.25)),
            Shift::parameter("borrowers[0].cash", Change::Set(Curve::Always(1e6))),
        ],
    );
    let stressed = stress.apply(&base).unwrap();
    let mut by_hand = base.clone();
    for named in &mut by_hand.factors {
        match &mut named.model {
            Model::Merton(btc) => btc.volatility *= 1.5,
            Model::Hashprice(hashprice) => hashprice.reward.halvings[0] -= 0.5,
            Model::NetworkHashrate(network) => network.reward.halvings[0] -= 0.5,
            _ => {}
        }
    }
    by_hand.liquidation.assets.iter_mut().for_each(|asset| asset.depth_per_month *= 0.25);
    by_hand.borrowers[0].cash = 1e6;
    // The numbers are the same; by hand the coin's volatility keeps the error that the file states of it.
    assert_eq!(stressed.simulation().unwrap().digest(), by_hand.simulation().unwrap().digest());
    let known =
        |scenario: &Scenario| scenario.uncertainties().iter().all(|one| one.parameter != "factors.btc.volatility");
    assert_eq!((known(&stressed), known(&by_hand)), (true, false));
    assert_eq!(bits(&stressed), bits(&by_hand));
    assert!(bits(&stressed) != bits(&base));
}

#[test]
fn stresses_compose() {
    let base = read("d4_hybrid_miner.toml");
    let a = Stress::new("a", [Shift::series("btc", falling()), Shift::parameter("factors.asic.drift", by(2.0))]);
    let b = Stress::new(
        "b",
        [
            Shift::parameter("factors.asic.drift", Change::Add(Curve::Always(-0.1))),
            Shift::series("btc", Change::Add(Curve::Always(-5_000.0))),
            Shift::series("*_rent", by(0.8)),
        ],
    );
    let c = Stress::new("c", [Shift::series("btc", by(0.9)), Shift::parameter("factors.sofr.mean", by(1.5))]);

    let left = a.clone().then(b.clone()).then(c.clone());
    let right = a.clone().then(b.clone().then(c.clone()));
    assert_eq!(left, right);
    // One stress of both is both, one after the other; and order matters.
    let at_once = a.clone().then(b.clone()).apply(&base).unwrap();
    let in_turn = b.apply(&a.apply(&base).unwrap()).unwrap();
    assert_eq!(at_once.to_toml().unwrap(), in_turn.to_toml().unwrap());
    assert_eq!(bits(&at_once), bits(&in_turn));
    let reversed = b.clone().then(a.clone()).apply(&base).unwrap();
    assert!(bits(&reversed) != bits(&at_once));

    // The identity, on both sides, and applied: the same bits, and the same run.
    assert_eq!((Stress::none().then(a.clone()), a.clone().then(Stress::none())), (a.clone(), a.clone()));
    let same = Stress::none().apply(&base).unwrap();
    assert_eq!(bits(&same), bits(&base));
    assert_eq!(same.simulation().unwrap().digest(), base.simulation().unwrap().digest());
    // A multiplier of one and an addition of nothing are another description of the same numbers.
    let idle = Stress::new("idle", [Shift::series("btc", by(1.0)), Shift::parameter("factors.sofr.mean", by(1.0))]);
    assert_eq!(bits(&idle.apply(&base).unwrap()), bits(&base));
}

#[test]
fn what_is_stressed_stays_as_it_was() {
    let base = read("d4_hybrid_miner.toml");
    let (text, before) = (base.to_toml().unwrap(), bits(&base));
    let stressed = base.under("crypto_winter_2022").unwrap();
    assert!(bits(&stressed) != before);
    assert_eq!((base.to_toml().unwrap(), bits(&base)), (text, before));
}

/// Draws belong to names: what a stress neither shifts nor touches through others keeps its bits.
#[test]
fn what_is_not_shifted_keeps_its_bits() {
    let base = read("d4_hybrid_miner.toml");
    let seen = |scenario: &Scenario, series: &[&str]| {
        scenario.simulation().unwrap().paths(500).run(Collect::new(series, &[0, 1, 12, 40])).unwrap().bits()
    };
    let stress =
        Stress::new("coin", [Shift::series("btc", falling()), Shift::parameter("factors.btc.jump_mean", by(3.0))]);
    let stressed = stress.apply(&base).unwrap();
    let others = ["sofr", "sofr.discount", "gpu_rent", "gpu_worth", "asic"];
    assert_eq!(seen(&stressed, &others), seen(&base, &others));
    for touched in ["btc", "hashrate", "hashprice"] {
        assert!(seen(&stressed, &[touched]) != seen(&base, &[touched]), "{touched}");
    }
}

#[test]
fn a_stress_is_read_back_as_it_was_written() {
    let text = r#"
        name = "x"
        description = "y"
        [[shifts]]
        series = "*_rent"
        multiply = [[0, 1], [0.5, 0.6]]
        [[shifts]]
        parameter = "factors.sofr.mean"
        add = 0.005
        [[shifts]]
        series = "sofr"
        set = 0.05
    "#;
    let stress = Stress::from_toml("x.toml", text).unwrap();
    assert_eq!(stress.shifts[0], Shift::series("*_rent", Change::Multiply(Curve::dated([[0.0, 1.0], [0.5, 0.6]]))));
    assert_eq!(stress.shifts[2], Shift::series("sofr", Change::Set(Curve::Always(0.05))));
    assert_eq!(Stress::from_toml("x.toml", &toml::to_string(&stress).unwrap()).unwrap(), stress);
    // Within a scenario, and lasting: shifts of the scenario itself.
    let mut base = read("d1_hopper_loan.toml");
    base.stresses.push(stress.clone());
    base.shifts.push(Shift::series("h100_rent", by(0.5)));
    let again = Scenario::from_toml("again.toml", &base.to_toml().unwrap()).unwrap();
    assert_eq!((&again.stresses, &again.shifts), (&base.stresses, &base.shifts));
    let rent = |scenario: &Scenario| {
        let seen = scenario.simulation().unwrap().paths(300).run(Collect::new(&["h100_rent"], &[12])).unwrap();
        seen.of("h100_rent", 12).to_vec()
    };
    let halves = rent(&again).into_iter().zip(rent(&read("d1_hopper_loan.toml")));
    assert!(halves.into_iter().all(|(halved, plain)| halved.to_bits() == (0.5 * plain).to_bits()));
    let stressed = again.under("x").unwrap();
    let falls = rent(&stressed).into_iter().zip(rent(&again));
    assert!(falls.into_iter().all(|(fallen, before)| fallen.to_bits() == (0.6 * before).to_bits()));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let base = read("d4_hybrid_miner.toml");
    let told =
        |shift: Shift| Stress::new("s", [Shift::series("btc", by(1.0)), shift]).apply(&base).unwrap_err().to_string();
    for (shift, expected) in [
        (Shift::series("doge", by(0.5)), "shifts[1].series = \"doge\": no such factor; there is sofr, btc,"),
        (Shift::series("btc.variance", by(0.5)), "shifts[1].factors.btc.series = \"btc.variance\": no such series"),
        (Shift::series("btc", by(-0.5)), "shifts[1].multiply = -0.5: must lie between 0"),
        (
            Shift::parameter("factors.btc.volatilty", by(2.0)),
            "shifts[1].parameter = \"factors.btc.volatilty\": no such part of the scenario; there is",
        ),
        (Shift::parameter("factors.doge.drift", by(2.0)), "shifts[1].parameter = \"factors.doge.drift\": no such part"),
        (
            Shift::parameter("factors.btc", by(2.0)),
            "shifts[1].parameter = \"factors.btc\": must lead to a number, not to a table",
        ),
        (
            Shift::parameter("simulation.seed", by(2.0)),
            "shifts[1].parameter = \"simulation.seed\": no such part of the scenario; there is borrowers, dependence, factors, liquidation",
        ),
        (Shift::parameter("factors.btc.drift", falling()), "shifts[1].multiply = a list: must be one number"),
    ] {
        let message = told(shift);
        assert!(message.starts_with(expected), "{message}\n{expected}");
    }
    // Patterns may fit nothing, but not all of them.
    let nowhere =
        Stress::new("nowhere", [Shift::series("doge*", by(0.5)), Shift::parameter("factors.doge*.drift", by(0.5))]);
    assert_eq!(nowhere.apply(&base).unwrap_err().field(), Some("shifts"));
    assert!(nowhere.then(Stress::new("btc", [Shift::series("btc*", by(0.5))])).apply(&base).is_ok());
    // What the model does not take is told by the model.
    let wild = Stress::new("wild", [Shift::parameter("factors.btc.volatility", by(100.0))]).apply(&base).unwrap();
    assert!(
        wild.simulation().unwrap_err().to_string().contains("factors.btc.volatility = 50: must lie between 0 and 10")
    );
    assert!(base.under("no such").unwrap_err().to_string().contains("no such stress; there is telecom_glut"));

    // Of a scenario's own stresses with file and line.
    let text = std::fs::read_to_string(folder().join("d1_hopper_loan.toml")).unwrap();
    let lines = text.lines().count();
    let text = text + "[[stresses]]\nname = \"own\"\n[[stresses.shifts]]\nseries = \"doge\"\nadd = 1\n";
    let error = Scenario::from_toml("loan.toml", &text).unwrap().under("own").unwrap_err().to_string();
    assert!(error.starts_with(&format!("loan.toml:{}: stresses[0].shifts[0].series = \"doge\"", lines + 4)), "{error}");
    for (from, to) in [
        ("add = 1", ""),
        ("add = 1", "add = 1\nset = 2"),
        ("series", "serie"),
        ("\"doge\"", "\"doge\"\nparameter = \"x\""),
    ] {
        let text = text.replace(from, to);
        let error = Scenario::from_toml("loan.toml", &text).unwrap_err().to_string();
        assert!(error.starts_with("loan.toml:"), "{error}");
    }
    let error =
        Stress::from_toml("s.toml", "name = 'x'\n[[shifts]]\nseries = 'btc'\nadd = 'x'\n").unwrap_err().to_string();
    assert!(error.starts_with("s.toml:2") || error.starts_with("s.toml:4"), "{error}");
}

/// What a stress sets is known; what it does not touch is as uncertain as before.
#[test]
fn a_shifted_number_is_known() {
    let text = std::fs::read_to_string(folder().join("d1_hopper_loan.toml")).unwrap();
    let loose = text.replacen("[[factors]]\nname = \"utilisation\"\n", "[[factors]]\nname = \"spare\"\nmodel = \"gbm\"\ninitial = 1\ndrift = { value = 0.1, error = 0.05 }\nvolatility = { low = 0.2, high = 0.4 }\n\n[[factors]]\nname = \"utilisation\"\n", 1);
    let base = Scenario::from_toml(folder().join("loose.toml").to_str().unwrap(), &loose).unwrap();
    let of_spare = |scenario: &Scenario| {
        let all = scenario.uncertainties().iter().map(|uncertainty| uncertainty.parameter.clone());
        all.filter(|name| name.starts_with("factors.spare")).collect::<Vec<_>>()
    };
    assert_eq!(of_spare(&base), ["factors.spare.drift", "factors.spare.volatility"]);
    let stress = Stress::new("wild", [Shift::parameter("factors.spare.volatility", by(2.0))]);
    let stressed = stress.apply(&base).unwrap();
    assert_eq!(of_spare(&stressed), ["factors.spare.drift"]);
    assert!(stressed.to_toml().unwrap().contains("volatility = 0.6"));
    let other = Stress::new("other", [Shift::parameter("factors.h100_rent.volatility", by(2.0))]).apply(&base).unwrap();
    assert_eq!(of_spare(&other), of_spare(&base));
}

/// Every stress that ships is about the book, moves what it says, and gives the source of every number.
#[test]
fn presets_are_about_the_book() {
    let book = read("book.toml");
    let presets = Stress::presets().unwrap();
    let mut files = 0;
    for entry in std::fs::read_dir(folder().join("stress")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let stress = Stress::from_toml("preset", &text).unwrap();
        assert_eq!(path.file_stem().unwrap().to_str().unwrap(), stress.name);
        assert!(presets.contains(&stress) && stress.description.len() > 80, "{}", stress.name);
        // A number is sourced on its line, in brackets, or marked as an assumption.
        let numbers = text.lines().map(str::trim).filter(|line| {
            let key = line.split('=').next().unwrap().trim();
            !line.ends_with('[') && (["add", "multiply", "set"].contains(&key) || line.starts_with('['))
        });
        // Headers of tables are in brackets too.
        let numbers = numbers.filter(|line| *line != "[[shifts]]");
        let unsourced: Vec<&str> = numbers
            .filter(|line| !line.split_once('#').is_some_and(|(_, said)| said.contains('[') || said.contains("(A)")))
            .collect();
        assert!(unsourced.is_empty(), "{}: {unsourced:#?}", stress.name);
        files += 1;
    }
    assert_eq!((files, presets.len()), (5, 5));
    let mean = |scenario: &Scenario| {
        let losses = scenario.simulation().unwrap().paths(2_000).run(LossDistribution::new()).unwrap();
        losses.mean().value
    };
    let base = mean(&book);
    for preset in &presets {
        let stressed = book.under(&preset.name).unwrap();
        // Every shift meets something in the book.
        for shift in &preset.shifts {
            let one = Stress::new("one", [shift.clone()]).apply(&book);
            assert!(one.is_ok(), "{}: {shift:?}", preset.name);
        }
        assert!(mean(&stressed) > base, "{}", preset.name);
    }
}
