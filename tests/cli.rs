//! Guards: the command line tool as a user meets it: exit codes, what stands in the tables, files that hold the library's own
//! results, the same output whatever the number of threads. Calling its functions would not see the process.

use haircut::comovement::{SeriesPair, States};
use haircut::measure::{DefaultTable, LossDistribution};
use haircut::scenario::Scenario;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn haircut(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_haircut"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the tool starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// An empty folder of a test's own.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// Every line that stands in a terminal must fit into it.
fn fits(text: &str) {
    for line in text.lines().filter(|line| !line.starts_with("written: ")) {
        assert!(line.chars().count() <= 100, "{} columns: {line}", line.chars().count());
    }
}

#[test]
fn a_run_prints_what_was_asked_for() {
    let output = haircut(&["run", "scenarios/book.toml", "--paths", "2000"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    fits(&printed);
    for line in [
        "A book of GPU-backed and coin-backed credit",
        "2,000 paths of 5.00 years, seed 20260630: 51 borrowers with 9",
        "expected loss",
        "VaR 95 %",
        "VaR 99.9 %",
        "ES  99.9 %",
        "Cumulative defaults of the book",
        "Borrowers, the largest expected loss first",
        "Facilities, the largest expected loss first (59 more with --all)",
        "Lenders",
        "Tensor One",
    ] {
        assert!(printed.contains(line), "{line} is not in\n{printed}");
    }
    // No bar where nobody watches; the time, which is no result, stands apart.
    let told = text(&output.stderr);
    assert!(told.starts_with("2,000 paths in ") && told.lines().count() == 1, "{told}");
}

#[test]
fn tranches_spreads_and_coverage_are_reported_where_asked_for() {
    let folder = folder("structure");
    let out = folder.join("out");
    let asked = ["run", "scenarios/book.toml", "--paths", "1500", "--spreads", "--coverage", "--out"];
    let output = haircut(&[&asked[..], &[out.to_str().expect("a path")]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    fits(&printed);
    for line in [
        "Tranches on the loss of the book",
        "mezzanine",
        "Spreads over the riskless rate",
        "Debt beside what its collateral would bring",
        "Forced sales, expected",
    ] {
        assert!(printed.contains(line), "{line} is not in\n{printed}");
    }
    let lines = |file: &str| std::fs::read_to_string(out.join(file)).expect("a table").lines().count();
    // A header; three tranches over 60 months; 71 facilities and all; 51 borrowers over 61 dates.
    assert_eq!(lines("tranches.csv"), 1 + 3 * 60);
    assert_eq!(lines("spreads.csv"), 1 + 71 + 1);
    assert_eq!(lines("coverage.csv"), 1 + 51 * 61);
    // The numbers are the library's, and slices that cover everything lose what the book loses.
    let json: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(out.join("results.json")).expect("results")).expect("JSON");
    let scenario = Scenario::read("scenarios/book.toml").expect("the book");
    let simulation = scenario.simulation().expect("a simulation").paths(1500);
    let tranches = simulation.run(scenario.tranches()).expect("results").expect("tranches");
    assert_eq!(json["tranches"], serde_json::to_value(&tranches).expect("JSON"));
    let legs: f64 = tranches.iter().map(|tranche| tranche.loss_leg.value).sum();
    let expected_loss = json["portfolio"]["expected_loss"]["value"].as_f64().expect("a number");
    assert!((legs / expected_loss - 1.0).abs() < 1e-9, "{legs} against {expected_loss}");
    let pool = &json["spreads"]["pool"];
    assert!(pool["fair"]["value"].as_f64() > Some(0.0), "{pool}");
}

#[test]
fn how_two_series_move_together_is_reported_where_asked_for() {
    let out = folder("comovement").join("out");
    let asked = ["run", "scenarios/book.toml", "--paths", "600", "--comovement", "btc,hopper_rent"];
    let more = ["--comovement", "btc,sofr:difference", "--states", "dependence.regime=0.5", "--out"];
    let output = haircut(&[&asked[..], &more, &[out.to_str().expect("a path")]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    fits(&printed);
    for line in ["log changes of btc and differences of sofr", "dependence.regime >= 0.5", "Exceedance correlation"] {
        assert!(printed.contains(line), "{line} is not in\n{printed}");
    }
    // A header; two pairs in all and in two states at eight quantiles; as many fields in each.
    let table = std::fs::read_to_string(out.join("comovement.csv")).expect("a table");
    assert_eq!(table.lines().count(), 1 + 2 * 3 * 8);
    assert!(
        table.lines().all(|line| line.split(',').count() == 44 + 24),
        "{}",
        table.lines().next().unwrap_or_default()
    );
    // The numbers are the library's.
    let json: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(out.join("results.json")).expect("results")).expect("JSON");
    let simulation = Scenario::read("scenarios/book.toml").expect("the book").simulation().expect("a simulation");
    let pair = SeriesPair::of("btc", "hopper_rent").by(States::at_start("dependence.regime", [0.5]));
    let found = simulation.paths(600).run(pair).expect("results");
    assert_eq!(json["comovement"][0], serde_json::to_value(&found).expect("JSON"));
    for (argument, message) in [("btc", "A,B"), ("btc,sofr:ratio", "no kind of change")] {
        let output = haircut(&["run", "scenarios/book.toml", "--comovement", argument]);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(message), "{}", text(&output.stderr));
    }
}

#[test]
fn results_do_not_depend_on_threads() {
    let run = |threads: &str, folder: &Path| {
        let file = folder.join(threads);
        let file = file.to_str().expect("a path");
        let paths = ["run", "scenarios/d4_hybrid_miner.toml", "--paths", "3000", "--threads", threads, "--json", file];
        let output = haircut(&paths);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        (text(&output.stdout).replace(file, ""), std::fs::read_to_string(file).expect("results"))
    };
    let folder = folder("threads");
    assert_eq!(run("1", &folder), run("3", &folder));
}

#[test]
fn parameter_uncertainty_stands_beside_the_run() {
    let folder = folder("uncertainty");
    let file = folder.join("miner.toml");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/d4_hybrid_miner.toml");
    let uncertain = std::fs::read_to_string(shipped).expect("a scenario").replacen(
        "initial = 61_500 ",
        "initial = { low = 50e3, high = 73e3 } ",
        1,
    );
    std::fs::write(&file, uncertain).expect("written");
    let (file, out) = (file.to_str().expect("a path"), folder.join("out"));
    let plain = haircut(&["run", file, "--paths", "3000"]);
    let asked =
        ["run", file, "--paths", "3000", "--parameter-uncertainty", "5", "--out", out.to_str().expect("a path")];
    let asked = haircut(&asked);
    assert_eq!(asked.status.code(), Some(0), "{}", text(&asked.stderr));
    let printed = text(&asked.stdout);
    fits(&printed);
    // The run itself is the same.
    let rest = printed.strip_prefix(&text(&plain.stdout)).expect("the run and more");
    for line in ["Parameter uncertainty: 5 parameter sets of ", "expected loss", "ES 99.9 %", "PD Hybrid miner"] {
        assert!(rest.contains(line), "{line} is not in\n{rest}");
    }
    let csv = std::fs::read_to_string(out.join("parameter_uncertainty.csv")).expect("a table");
    assert_eq!(csv.lines().count(), 1 + 7 + 1);
    let json: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(out.join("results.json")).expect("results")).expect("JSON");
    let uncertainty = &json["parameter_uncertainty"];
    let places: Vec<&str> = uncertainty["parameters"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["parameter"].as_str())
        .collect();
    let place = places.iter().position(|place| *place == "factors.btc.initial").expect("the coin's price");
    // Each set is the scenario with its numbers.
    let results = uncertainty["results"].as_array().expect("a list");
    let miner = results.iter().find(|one| one["name"] == "PD Hybrid miner").expect("the miner");
    assert_eq!(miner["stated"], json["defaults"]["obligors"][0]["probability"]["value"]);
    let mut scenario = Scenario::read(file).unwrap();
    scenario.simulation.paths = 3000;
    let sets = scenario.parameter_sets(5).unwrap().sets;
    for (index, set) in sets.iter().enumerate() {
        let defaults = set.scenario.simulation().unwrap().run(DefaultTable::new()).unwrap();
        assert_eq!(miner["band"]["values"][index], defaults["Hybrid miner"].probability.value);
        assert_eq!(uncertainty["draws"][index][place], set.values[place]);
    }
    let none = folder.join("none.toml");
    let plain = "title = \"none\"\n[simulation]\nmonths = 1\npaths = 1000\nseed = 1\n";
    std::fs::write(&none, plain).expect("written");
    let output = haircut(&["run", none.to_str().expect("a path"), "--parameter-uncertainty", "5"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("{ value = 0.60, error = 0.05 }"), "{}", text(&output.stderr));
}

#[test]
fn the_json_is_what_the_library_gives() {
    let file = folder("json").join("results.json");
    let arguments = ["run", "scenarios/d1_hopper_loan.toml", "--paths", "5000", "--seed", "11", "--json"];
    let output = haircut(&[&arguments[..], &[file.to_str().expect("a path")]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let written: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&file).expect("results")).expect("JSON");

    let scenario = Scenario::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/d1_hopper_loan.toml")).unwrap();
    let simulation = scenario.simulation().unwrap().paths(5000).seed(11);
    let (defaults, losses) = simulation.run((DefaultTable::new(), LossDistribution::new())).unwrap();
    // Through a text, as the tool writes it: the exact tallies hold integers beyond what a `Value` is built from.
    fn json(value: impl serde::Serialize) -> serde_json::Value {
        serde_json::from_str(&serde_json::to_string(&value).expect("JSON")).expect("JSON")
    }
    assert!(defaults["Hopper loan"].probability.value > 0.0);
    assert_eq!(written["defaults"], json(&defaults));
    assert_eq!(written["portfolio"]["expected_loss"], json(losses.mean()));
    for (index, level) in [0.95, 0.99, 0.999].into_iter().enumerate() {
        let tail = &written["portfolio"]["tail"][index];
        assert_eq!(tail["level"], level);
        assert_eq!(tail["value_at_risk"], json(losses.quantile(level).unwrap()));
        assert_eq!(tail["expected_shortfall"], json(losses.expected_shortfall(level).unwrap()));
    }
    assert_eq!((&written["run"]["paths"], &written["run"]["seed"]), (&5000.into(), &11.into()));
    // Of a book of one borrower the curve of the book is that of the borrower.
    let curve = written["curve"].as_array().expect("a curve");
    for (point, probability) in curve.iter().zip(&defaults["Hopper loan"].cumulative) {
        let share = point["debt_share"]["value"].as_f64().expect("a number");
        assert!((share - probability.value).abs() < 1e-12, "{point}");
    }
    assert_eq!(curve.len(), 56);
}

#[test]
fn a_folder_holds_tables_and_plots() {
    let folder = folder("out").join("deep/in/it");
    let out = folder.to_str().expect("a path");
    let output = haircut(&["run", "scenarios/book.toml", "--paths", "1000", "--out", out, "--all"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let read =
        |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let rows = |name: &str| {
        let table = read(name);
        let columns = table.lines().next().expect("a header").split(',').count();
        // Names may hold commas, in quotes.
        let fields = |line: &str| line.split('"').step_by(2).map(|part| part.matches(',').count()).sum::<usize>() + 1;
        assert!(table.lines().all(|line| fields(line) == columns), "{name}");
        table.lines().count() - 1
    };
    assert_eq!((rows("borrowers.csv"), rows("facilities.csv")), (51, 71));
    assert_eq!(rows("default_curve.csv"), 60 * (51 + 1));
    assert!(rows("losses.csv") > 10);
    serde_json::from_str::<serde_json::Value>(&read("results.json")).expect("JSON");
    for plot in ["losses.svg", "default_curves.svg"] {
        let plot = read(plot);
        assert!(plot.starts_with("<svg") && plot.trim_end().ends_with("</svg>"), "{plot}");
        assert!(plot.contains("mid-2026"));
    }
    assert!(read("losses.svg").contains("VaR 99.9 %") && read("default_curves.svg").contains("the book&apos;s debt"));
}

#[test]
fn a_book_without_losses_is_reported_too() {
    let folder = folder("none");
    let out = folder.to_str().expect("a path");
    let output = haircut(&["run", "scenarios/d2_iren_microsoft.toml", "--paths", "1000", "--out", out]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    // Nothing was seen, which is no proof: Wilson's bound is 3.84 / 1003.84, rounded up.
    assert!(printed.contains("< 0.4"), "{printed}");
}

#[test]
fn check_says_what_is_in_a_scenario() {
    let output = haircut(&["check", "scenarios/book.toml"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    fits(&printed);
    for line in [
        "scenarios/book.toml: valid",
        "hopper_rent",
        "regimes calm",
        "months of depth",
        "Tensor One",
        "51 borrowers",
        "beyond the horizon",
    ] {
        assert!(printed.contains(line), "{line} is not in\n{printed}");
    }
}

#[test]
fn a_wrong_scenario_is_answered_with_file_and_line() {
    let file = folder("wrong").join("wrong.toml");
    let good = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/d1_hopper_loan.toml"))
        .expect("a file");
    let line = good.lines().position(|line| line.starts_with("power_kw_per_unit")).expect("a line") + 1;
    for (old, new, told) in [
        ("power_kw_per_unit = 1.4", "power_kw_per_unit = -1.4", "borrowers[0].fleets[0].power_kw_per_unit = -1.4"),
        ("power_kw_per_unit = 1.4", "power_kw = 1.4", "unknown field `power_kw`"),
    ] {
        std::fs::write(&file, good.replace(old, new)).expect("a file");
        let name = file.to_str().expect("a path");
        for command in ["run", "check"] {
            let output = haircut(&[command, name]);
            let message = text(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{message}");
            assert!(message.starts_with(&format!("{name}:{line}: ")) && message.contains(told), "{message}");
            assert!(output.stdout.is_empty());
        }
    }
    let output = haircut(&["run", "no/such/file.toml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("no/such/file.toml: cannot be read"));
}

#[test]
fn wrong_use_has_its_own_code() {
    for arguments in [
        &["run"][..],
        &["walk", "scenarios/book.toml"],
        &["run", "scenarios/book.toml", "--paths", "0"],
        &["run", "scenarios/book.toml", "--paths", "many"],
        &["run", "scenarios/book.toml", "--threads", "0"],
    ] {
        assert_eq!(haircut(arguments).status.code(), Some(2), "{arguments:?}");
    }
    let help = text(&haircut(&["--help"]).stdout);
    assert!(help.contains("Exit codes:") && help.contains("haircut run scenarios/book.toml --out out"), "{help}");
    // A file stands where the folder should.
    let file = folder("unwritable").join("file");
    std::fs::write(&file, "").expect("a file");
    let output =
        haircut(&["run", "scenarios/d1_hopper_loan.toml", "--paths", "256", "--out", file.to_str().expect("a path")]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    // A folder that is not there. Told before the simulation, which says how long it took.
    let json = file.join("results.json");
    let output =
        haircut(&["run", "scenarios/d1_hopper_loan.toml", "--paths", "256", "--json", json.to_str().expect("a path")]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(!text(&output.stderr).contains("256 paths"), "{}", text(&output.stderr));
}

/// Base and stressed run are those that each would be alone, and the difference is theirs.
#[test]
fn a_stress_stands_beside_the_base() {
    let folder = folder("stress");
    let file = folder.join("results.json");
    let out = folder.join("out");
    let scenario = "scenarios/d1_hopper_loan.toml";
    let idle = folder.join("idle.toml");
    std::fs::write(&idle, "name = \"idle\"\n[[shifts]]\nseries = \"h100_rent\"\nmultiply = 1\n").expect("a file");
    let [file, out, idle] = [&file, &out, &idle].map(|path| path.to_str().expect("a path"));
    let both = format!("hopper_rent_collapse+{idle}");
    let asked = ["--stress", "hopper_rent_collapse", "--stress", idle, "--stress", &both];
    let size = ["run", scenario, "--paths", "10000", "--seed", "5"];
    let output = haircut(&[&size[..], &asked, &["--json", file, "--out", out]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    assert!(printed.contains("Under hopper_rent_collapse: loss of the book, discounted to today"), "{printed}");
    // Without a stress the same is printed, less its tables.
    let plain = text(&haircut(&size).stdout);
    assert!(printed.starts_with(plain.trim_end()), "{plain}");

    let read = |path: &Path| std::fs::read_to_string(path).expect("results");
    let written: serde_json::Value = serde_json::from_str(&read(Path::new(file))).expect("JSON");
    let scenario = Scenario::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(scenario)).unwrap();
    let alone = |scenario: &Scenario| {
        let simulation = scenario.simulation().unwrap().paths(10_000).seed(5);
        simulation.run((DefaultTable::new(), LossDistribution::new())).unwrap()
    };
    let (base, stressed) = (alone(&scenario), alone(&scenario.under("hopper_rent_collapse").unwrap()));
    let results = |stress: usize| written["stresses"][stress]["results"].as_array().expect("results");
    let value = |moved: &serde_json::Value, of: &str| moved[of]["value"].as_f64().expect("a number");
    let expected = [
        ("expected loss", base.1.mean().value, stressed.1.mean().value),
        (
            "ES  99 %",
            base.1.expected_shortfall(0.99).unwrap().value,
            stressed.1.expected_shortfall(0.99).unwrap().value,
        ),
        ("PD Hopper loan", base.0["Hopper loan"].probability.value, stressed.0["Hopper loan"].probability.value),
    ];
    for (name, base, stressed) in expected {
        let moved = results(0).iter().find(|moved| moved["name"] == name).expect("a quantity");
        for (of, number) in [("base", base), ("stressed", stressed), ("difference", stressed - base)] {
            assert_eq!(value(moved, of).to_bits(), number.to_bits(), "{name}, {of}");
        }
        assert!(stressed > base && moved["difference"]["standard_error"].as_f64().unwrap() > 0.0, "{name}");
    }
    // What moves nothing makes no difference, without any error; and one after the other is both.
    assert!(results(1).iter().all(|moved| value(moved, "difference") == 0.0));
    assert!(results(1).iter().all(|moved| moved["difference"]["standard_error"] == 0.0));
    assert!(results(0).iter().zip(results(2)).all(|(one, both)| one["stressed"] == both["stressed"]));
    let table = read(&Path::new(out).join("stresses.csv"));
    assert_eq!(table.lines().count(), 1 + 3 * 8, "{table}");

    let output = haircut(&["run", "scenarios/d1_hopper_loan.toml", "--stress", "no_such"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no such stress; there is telecom_glut"), "{}", text(&output.stderr));
}

#[test]
fn a_study_says_what_is_matched_and_what_differs() {
    let out = folder("exceedance");
    let out_text = out.to_str().expect("a path");
    let study = "scenarios/convergence/exceedance_study.toml";
    let output = haircut(&["converge", study, "--paths", "1024", "--out", out_text]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    fits(&printed);
    for part in ["What is matched", "What differs", "normal pair", "jumps, t copula", "skewness of btc is -0."] {
        assert!(printed.contains(part), "{part} is not in\n{printed}");
    }
    let read = |file: &str| std::fs::read_to_string(out.join(file)).expect(file);
    // Nine mechanisms at eight quantiles, as many fields in each but for the commas in their names.
    let table = read("comovement.csv");
    assert_eq!(table.lines().count(), 1 + 9 * 8);
    let fields = |line: &str| line.replace(", ", " ").split(',').count();
    assert!(table.lines().all(|line| fields(line) == 1 + 44 + 24), "{}", table.lines().next().unwrap_or_default());
    assert!(read("exceedance.svg").contains("stress_driven") && read("comovement.json").contains("t law"));
    // A map by debt where there is more than one.
    let study = "scenarios/convergence/frequency_study.toml";
    let output = haircut(&["converge", study, "--paths", "256", "--out", out.join("maps").to_str().expect("a path")]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(read("maps/heat.svg").contains("share of steps in stress"));
    assert!(read("maps/heat_leverage.svg").contains("debt, times that of the scenario"));
}

#[test]
fn a_study_of_convergence_goes_on_where_it_was() {
    let out = folder("converge");
    let out_text = out.to_str().expect("a path");
    let study = "scenarios/convergence/two_collaterals_study.toml";
    let arguments = ["converge", study, "--paths", "4096", "--out", out_text];
    let first = haircut(&arguments);
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    let printed = text(&first.stdout);
    fits(&printed);
    for part in
        ["Coins and machines under six mechanisms", "regimes", "any", "Paths to a relative standard error of 1 %"]
    {
        assert!(printed.contains(part), "{part} is not in\n{printed}");
    }
    let read = |file: &str| std::fs::read_to_string(out.join(file)).expect(file);
    let files = ["rows.csv", "rows.json", "es.svg", "es_ratio.svg", "joint_default.svg", "heat.svg", "state.toml"];
    let before = files.map(read);
    // Seven mechanisms, ten correlations; 3 means, 4 of the pair, EL, VaR, ES, 4 tranches, a spread.
    assert_eq!(before[0].lines().count(), 1 + 7 * 10 * 15);
    assert!(before[2].starts_with("<svg") && before[2].contains("common_jumps"));
    let again = haircut(&[&arguments[..], &["--threads", "2"]].concat());
    assert!(text(&again.stderr).contains("34 of 34 simulations had finished before"), "{}", text(&again.stderr));
    assert_eq!(text(&again.stdout), printed);
    assert_eq!(files.map(read), before);
    // A state of other paths is refused, not mixed in.
    let other = haircut(&["converge", study, "--paths", "512", "--out", out_text]);
    assert_eq!(other.status.code(), Some(1), "{}", text(&other.stderr));
    assert!(text(&other.stderr).contains("cannot merge"), "{}", text(&other.stderr));
    let unknown = haircut(&["converge", "scenarios/book.toml"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown.stderr).contains("scenarios/book.toml:"), "{}", text(&unknown.stderr));
}
