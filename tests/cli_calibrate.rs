//! Guards: `haircut calibrate` as a user meets it: what it prints, the piece of a scenario that it writes, its exit codes. The
//! piece is read back as a scenario and must be the model that the library fits: text alone could look right and not parse.

use haircut::calibrate::{self, Series};
use haircut::market::{BlockReward, Constant, DependenceModel, Model, StudentT};
use haircut::scenario::Scenario;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn haircut(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_haircut")).args(arguments).output().expect("the tool starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Ninety months of two prices of unlike sizes, no two changes alike; every tenth rent is missing, and other lines are mixed in.
fn table() -> String {
    let mut table = String::from("month,gpu,rent,coin\n");
    for month in 0..90_u32 {
        let date = format!("{}-{:02}", 2019 + month / 12, month % 12 + 1);
        let wave = |speed: f64| (speed * f64::from(month)).sin();
        let (coin, rent) = ((10.0 + 0.3 * wave(2.3) + 0.2 * wave(0.7)).exp(), 3.0 + wave(1.9) * 0.2 + wave(0.3) * 0.4);
        let rent = if month % 10 == 9 { String::new() } else { rent.to_string() };
        table.push_str(&format!("{date},H100,{rent},{coin}\n{date},\"A100, used\",1.0,\n"));
    }
    table
}

fn scenario(piece: &str) -> Scenario {
    let head = "title = \"piece\"\n[simulation]\nmonths = 12\npaths = 256\nseed = 1\n";
    let scenario = Scenario::from_toml("piece.toml", &format!("{head}{piece}")).expect("a scenario");
    assert!(scenario.simulation().is_ok());
    scenario
}

#[test]
fn the_piece_is_the_model_that_the_library_fits() {
    let (series, out) = (file("series.csv"), file("rent.toml"));
    std::fs::write(&series, table()).expect("written");
    let series = series.to_str().expect("a path");
    let common = ["--date", "month", "--only", "gpu=H100", "--name", "x"];
    let rent = Series::from_csv(&table(), "month", "rent", |cell| cell("gpu") == "H100").expect("a series");
    let coin = Series::from_csv(&table(), "month", "coin", |cell| cell("gpu") == "H100").expect("a series");
    assert_eq!(rent.len(), 81);

    let arguments = ["calibrate", "mean-reverting", series, "--column", "rent", "--out", out.to_str().expect("a path")];
    let output = haircut(&[&arguments[..], &common[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let fit = calibrate::mean_reverting(&rent).expect("a fit");
    let printed = text(&output.stdout);
    assert!(printed.contains(&fit.to_string()) && printed.contains("81 values") && printed.contains("written: "));
    assert!(printed.lines().filter(|line| !line.starts_with("written")).all(|line| line.chars().count() <= 100));
    let piece = std::fs::read_to_string(out).expect("a file");
    let told = fit.parameter("reversion").expect("a parameter").to_string();
    assert!(piece.contains(&format!("# {}", told.trim_start_matches("reversion = "))), "{piece}");
    assert_eq!(scenario(&piece).factors[0].model, Model::DeflatingRent(fit.model));
    assert_eq!(scenario(&piece).factors[0].name, "x");

    // Without a file the piece stands behind the fit; from and to cut the series.
    let arguments = ["calibrate", "gbm", series, "--column", "coin", "--from", "2020-01", "--to", "2024-01"];
    let output = haircut(&[&arguments[..], &common[..]].concat());
    let printed = text(&output.stdout);
    let year = |date| calibrate::years_of(date).expect("a date");
    let fit = calibrate::gbm(&coin.between(year("2020-01"), year("2024-01"))).expect("a fit");
    let piece = printed.split_once("\n\n").expect("two parts").1;
    assert_eq!(scenario(piece).factors[0].model, Model::Gbm(fit.model));

    // A price and its regimes are two parts of a scenario.
    let output = haircut(&[&["calibrate", "regimes", series, "--column", "coin"][..], &common[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let printed = text(&output.stdout);
    assert!(scenario(printed.split_once("\n\n").expect("two parts").1).dependence.is_some());
}

#[test]
fn joint_tails_take_several_columns() {
    let series = file("joint.csv");
    std::fs::write(&series, table()).expect("written");
    let series = series.to_str().expect("a path");
    let arguments = ["calibrate", "student-t", series, "--column", "rent", "--column", "coin"];
    let output = haircut(&[&arguments[..], &["--date", "month", "--only", "gpu=H100"]].concat());
    let printed = text(&output.stdout);
    assert!(
        printed.contains("degrees_of_freedom") && printed.contains("tail dependence of rent and coin"),
        "{printed}"
    );
    // The piece is the t copula between factors of the columns' names.
    let of = |column| {
        Series::from_csv(&table(), "month", column, |cell: &dyn Fn(&str) -> String| cell("gpu") == "H100")
            .expect("a series")
    };
    let fit = calibrate::student_t(&[of("rent"), of("coin")]).expect("a fit");
    let pair = ("rent", "coin", fit.model.correlation.entry(0, 1).expect("an entry"));
    let base = DependenceModel::Constant(Constant::pairs([pair]));
    let expected = StudentT::new(fit.model.degrees_of_freedom, base).normal_margins();
    let piece = printed.rsplit_once("\n\n# ").expect("two parts").1;
    let factor = |name: &str| {
        format!("[[factors]]\nname = \"{name}\"\nmodel = \"gbm\"\ninitial = 1\ndrift = 0\nvolatility = 0.5\n")
    };
    let whole = format!("# {piece}\n{}{}", factor("rent"), factor("coin"));
    assert_eq!(scenario(&whole).dependence, Some(DependenceModel::StudentT(Box::new(expected))));
}

#[test]
fn a_hash_rate_takes_what_miners_earn_beside_it() {
    // Miners earn 30 USD per PH/s and day at first, and the hash rate follows with noise.
    let mut table = String::from("date,ehs,usd\n");
    let mut logarithm = 1000.0_f64.ln();
    for month in 0..80_u32 {
        let wave = |speed: f64| (speed * f64::from(month)).sin();
        let earnings = 30e6 * (0.02 * f64::from(month) + 0.3 * wave(0.2)).exp();
        logarithm += 0.1 * ((earnings / 1000.0 / 28.0).ln() - logarithm) + 0.05 * wave(2.3);
        table.push_str(&format!("{}-{:02},{},{earnings}\n", 2019 + month / 12, month % 12 + 1, logarithm.exp()));
    }
    let series = file("hashrate.csv");
    std::fs::write(&series, &table).expect("written");
    let arguments = ["calibrate", "network-hashrate", series.to_str().expect("a path"), "--column", "ehs", "--column"];
    let more = ["usd", "--coin", "btc", "--fees", "0.03", "--halving", "1.8", "--halving", "5.8", "--name", "hashrate"];
    let output = haircut(&[&arguments[..], &more[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let of = |column| Series::from_csv(&table, "date", column, |_| true).expect("a series");
    let reward = BlockReward { subsidy: 3.125, fees: 0.03, fee_series: None, halvings: vec![1.8, 5.8] };
    let fit = calibrate::network_hashrate(&of("ehs"), &of("usd"), "btc", reward).expect("a fit");
    let printed = text(&output.stdout);
    assert!(printed.contains(&fit.to_string()), "{printed}");
    let piece = printed.split_once("\n\n").expect("two parts").1;
    // The speed has its error at the lag, which is what the model has.
    assert!(piece.lines().any(|line| line.starts_with("lag = ") && line.contains("# ")), "{piece}");
    let coin = "[[factors]]\nname = \"btc\"\nmodel = \"gbm\"\ninitial = 61_500\ndrift = 0.1\nvolatility = 0.6\n";
    assert_eq!(scenario(&format!("{coin}{piece}")).factors[1].model, Model::NetworkHashrate(fit.model));
}

#[test]
fn a_history_is_written_with_its_returns() {
    let series = file("past.csv");
    std::fs::write(&series, table()).expect("written");
    let arguments =
        ["calibrate", "bootstrap", series.to_str().expect("a path"), "--column", "rent", "--column", "coin"];
    let output = haircut(&[&arguments[..], &["--date", "month", "--only", "gpu=H100"]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let of = |column| Series::from_csv(&table(), "month", column, |cell| cell("gpu") == "H100").expect("a series");
    let model = calibrate::bootstrap(&["rent", "coin"], &[of("rent"), of("coin")]).expect("a history");
    let printed = text(&output.stdout);
    let (told, piece) = printed.split_once("\n\n").expect("two parts");
    assert!(told.contains("80 rows") && told.lines().all(|line| line.chars().count() <= 100), "{told}");
    assert_eq!(scenario(piece).factors[0].name, "past");
    assert_eq!(scenario(piece).factors[0].model, Model::Bootstrap(model));
}

#[test]
fn wrong_series_and_wrong_use_are_told() {
    let series = file("wrong.csv");
    std::fs::write(&series, "date,x\n2024-01,1\n2024-01,2\n").expect("written");
    let series = series.to_str().expect("a path");
    for (arguments, code, told) in [
        (&["gbm", series, "--column", "x"][..], 1, "series[1].date = 2024-01: must be after"),
        (&["gbm", series, "--column", "y"], 1, "no such column; there is date, x"),
        (&["gbm", series, "--column", "x", "--column", "date"], 1, "must be one"),
        (&["gbm", "no/such/file.csv", "--column", "x"], 1, "no/such/file.csv"),
        (&["gbm", series], 2, "--column"),
        (&["gbm", series, "--column", "x", "--from", "yesterday"], 2, "must be a date"),
        (&["gbm", series, "--column", "x", "--only", "x"], 2, "must be COLUMN=TEXT"),
        (&["student-t", series, "--column", "x"], 1, "must be 2 or more"),
        (&["network-hashrate", series, "--column", "x", "--coin", "btc"], 1, "must be two: the hash rate"),
        (&["network-hashrate", series, "--column", "x", "--column", "x"], 2, "--coin"),
        (&["obsolescence", series, "--column", "x"], 2, "--today"),
        (&["guess", series, "--column", "x"], 2, "mean-reverting"),
    ] {
        let output = haircut(&[&["calibrate"], arguments].concat());
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {message}");
        assert!(message.contains(told), "{arguments:?}: {message}");
        assert!(output.stdout.is_empty());
    }
}
