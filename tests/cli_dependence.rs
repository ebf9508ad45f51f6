//! Guards: `haircut dependence` as a user meets it: two tables joined by their dates, the numbers of the library on the terminal and in the files, a picture, errors that
//! name what is wrong.

use haircut::calibrate::Series;
use haircut::comovement::{Changes, ComovementSettings, comovement};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn haircut(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_haircut")).args(arguments).output().expect("the tool starts")
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Three hundred days of two prices in tables of their own; the second lacks every seventh day.
fn tables() -> [String; 2] {
    let (mut one, mut other) = (String::from("date,coin,index\n"), String::from("day,chip\n"));
    for day in 0..300_u32 {
        let date = format!("2024-{:02}-{:02}", day / 28 % 12 + 1, day % 28 + 1);
        let wave = |speed: f64| (speed * f64::from(day * day)).sin();
        one.push_str(&format!("{date},{},{}\n", (4.0 + 0.1 * wave(0.7)).exp(), 20.0 + 10.0 * wave(0.1)));
        if day % 7 != 6 {
            other.push_str(&format!("{date},{}\n", (2.0 + 0.1 * wave(0.7) + 0.1 * wave(1.3)).exp()));
        }
    }
    [one, other]
}

#[test]
fn the_tool_says_what_the_library_finds() {
    let [one, other] = tables();
    let (first, second, out) = (file("coin.csv"), file("chip.csv"), file("dependence"));
    std::fs::write(&first, &one).expect("written");
    std::fs::write(&second, &other).expect("written");
    let columns = format!("coin,chip@{}", second.display());
    let arguments = ["dependence", first.to_str().expect("a path"), "--columns", &columns, "--replications", "99"];
    let more = ["--regime", "index", "--bounds", "15,25", "--window", "30", "--out", out.to_str().expect("a path")];
    let output = haircut(&[&arguments[..], &more[..]].concat());
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let series = |table: &str, date, column| Series::from_csv(table, date, column, |_| true).expect("a series");
    let changes = Changes::new(&series(&one, "date", "coin"), &series(&other, "day", "chip"), None).expect("changes");
    let settings = ComovementSettings { replications: 99, ..ComovementSettings::default() };
    let found = comovement(&changes.pairs, &settings).expect("statistics");
    let told = format!("{:.2} ± {:.2}", found.pearson.value, found.pearson.standard_error);
    assert!(
        printed.contains(&told) && printed.contains("index >= 25") && printed.contains("More than a fat tail?"),
        "{printed}"
    );
    let json = std::fs::read_to_string(out.join("results.json")).expect("a file");
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["all"]["kendall"]["value"].as_f64(), Some(found.kendall.value));
    assert_eq!(json["columns"][1], "chip@chip");
    let levels = std::fs::read_to_string(out.join("levels.csv")).expect("a file");
    // Eight quantiles, one deviation, the names; as many fields in each.
    assert_eq!(levels.lines().count(), 10);
    let fields: Vec<usize> = levels.lines().map(|line| line.split(',').count()).collect();
    assert!(fields.iter().all(|count| *count == fields[0]), "{fields:?}");
    let rolling = std::fs::read_to_string(out.join("rolling.csv")).expect("a file");
    assert_eq!(rolling.lines().count(), 1 + changes.pairs.len() - 29);
    let picture = std::fs::read_to_string(out.join("exceedance.svg")).expect("a file");
    assert!(picture.contains("joint falls") && picture.contains("fitted t pair"));
}

#[test]
fn what_is_wrong_is_named() {
    let path = file("wrong.csv");
    std::fs::write(&path, &tables()[0]).expect("written");
    let path = path.to_str().expect("a path");
    for (arguments, told) in [
        (&["--columns", "coin"][..], "must be two"),
        (&["--columns", "coin,gold"], "no such column"),
        (&["--columns", "coin,chip@nowhere.csv"], "must be a table to read"),
        (&["--columns", "coin,index", "--regime", "index", "--bounds", "3,2"], "must be increasing"),
        (&["--columns", "coin,index", "--quantiles", "0.7"], "quantile"),
    ] {
        let output = haircut(&[&["dependence", path][..], arguments].concat());
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && error.contains(told), "{arguments:?}: {error}");
    }
}
