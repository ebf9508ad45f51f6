//! Guards: every scenario that ships parses, builds, runs, and is what its comments say; the hand arithmetic of D1, D2 and D4
//! is what the model computes when nothing moves.

use haircut::Error;
use haircut::credit::Coupon;
use haircut::market::{DependenceModel, Gbm, History, Model};
use haircut::measure::{Block, DefaultTable, LossDistribution, Measure, MeasurePlan, MetricLane, Run, StepBlock};
use haircut::numeric::TimeGrid;
use haircut::scenario::Scenario;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

fn read(file: &str) -> Scenario {
    Scenario::read(folder().join(file)).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn every_file_parses_builds_and_runs() {
    let mut files = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        files += 1;
        let scenario = Scenario::read(&path).unwrap_or_else(|error| panic!("{error}"));
        assert!(scenario.simulation.paths >= 100_000, "{}: asks for few paths", path.display());
        let simulation = scenario.simulation().unwrap_or_else(|error| panic!("{error}")).paths(512);
        let (defaults, losses) = simulation.run((DefaultTable::new(), LossDistribution::new())).unwrap();
        let debt: f64 = defaults.obligors.iter().map(|obligor| obligor.total.principal).sum();
        let mean = losses.mean().value;
        assert!((0.0..debt).contains(&mean), "{}: mean loss {mean} of {debt}", path.display());
        assert!(losses.maximum().unwrap() < debt, "{}", path.display());
    }
    assert_eq!(files, 10);
}

/// The names by which a file calls the variants of an enum: serde lists them where it knows none of that name.
fn known<T: serde::de::DeserializeOwned>(tag: &str) -> BTreeSet<String> {
    let error = toml::from_str::<T>(&format!("{tag} = \"unheard of\"")).err().expect("no such name").to_string();
    let (_, list) = error.split_once("expected one of ").expect("a list of names");
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Every `tag = "name"` that stands in a table, at any depth.
fn tagged(value: &toml::Value, tag: &str, found: &mut BTreeSet<String>) {
    match value {
        toml::Value::Table(table) => {
            found.extend(table.get(tag).and_then(toml::Value::as_str).map(str::to_owned));
            table.values().for_each(|value| tagged(value, tag, found));
        }
        toml::Value::Array(values) => values.iter().for_each(|value| tagged(value, tag, found)),
        _ => {}
    }
}

/// A model that stands in no file is one that nobody has an example of.
#[test]
fn every_model_and_every_dependence_stands_in_a_scenario() {
    let (mut models, mut dependences) = (BTreeSet::new(), BTreeSet::new());
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let scenario: toml::Table = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
            tagged(&scenario["factors"], "model", &mut models);
            if let Some(dependence) = scenario.get("dependence") {
                tagged(dependence, "kind", &mut dependences);
            }
        }
    }
    assert_eq!(models, known::<Model>("model"));
    assert_eq!(dependences, known::<DependenceModel>("kind"));
}

/// The widest run that ships, with everything in it: the same bits at every instruction set.
#[test]
fn the_book_has_the_same_bits_at_every_level() {
    let simulation = read("book.toml").simulation().unwrap().paths(700);
    let runs = haircut::numeric::Level::available().into_iter().map(|level| {
        level.set().unwrap();
        // As text, since what is undefined is equal to nothing, itself included.
        serde_json::to_string(&simulation.run((DefaultTable::new(), LossDistribution::new())).unwrap()).unwrap()
    });
    let runs: Vec<_> = runs.collect();
    assert!(runs.iter().all(|run| *run == runs[0]));
}

#[test]
fn the_book_is_what_it_says() {
    let book = read("book.toml");
    assert!((40..=60).contains(&book.borrowers.len()));
    let debt: f64 = book.borrowers.iter().flat_map(|borrower| &borrower.facilities).map(|f| f.principal).sum();
    assert!((90e9..110e9).contains(&debt), "{debt}");
    for asset in &book.liquidation.assets {
        assert!(asset.depth_per_month.is_finite() && asset.impact > 0.0, "{}", asset.name);
    }
    // The sums in the head of the file.
    let text = std::fs::read_to_string(folder().join("book.toml")).unwrap();
    let head = format!("# The book: {} borrowers that owe {:.0} bn USD", book.borrowers.len(), debt / 1e9);
    assert!(text.starts_with(&head), "{head}");
}

#[test]
fn the_hand_arithmetic_of_the_book_is_right() {
    // "# Year one at today's prices: .. debt service 784 m": of fixed coupons it is what the model has due, to rounding.
    let text = std::fs::read_to_string(folder().join("book.toml")).unwrap();
    let mut book = read("book.toml");
    book.simulation.months = Some(12);
    let named: Vec<String> = book.borrowers.iter().map(|borrower| borrower.name.clone()).collect();
    let due = book.simulation().unwrap().paths(1024).run(Sums("debt_service_due", named.clone(), Over::Steps)).unwrap();
    for (name, due) in named.iter().zip(due) {
        let (_, rest) = text.split_once(&format!("\n# {name}: ")).unwrap_or_else(|| panic!("{name} has no comment"));
        let Some((_, told)) = rest.split_once("debt service ") else { panic!("{name} has no debt service") };
        let told: f64 = told.split(' ').next().unwrap().replace(',', "").parse().unwrap();
        // Half a million of rounding, and half a per cent for what the short rate does to floating coupons in a year.
        assert!((due / 1e6 - told).abs() < 0.6 + 0.005 * told, "{name}: {} m, the comment says {told} m", due / 1e6);
    }
}

#[test]
fn a_history_lies_beside_the_scenario() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("history");
    std::fs::create_dir_all(&folder).unwrap();
    let prices = "month,coin,rent,note\n2024-01,100,2,\n2024-02,200,1,\"a, b\"\n2024-03,50,4,\n2024-04,100,4,\n";
    std::fs::write(folder.join("prices.csv"), prices).unwrap();
    let text = r#"title = "past"
[simulation]
months = 24
paths = 512
seed = 1
[[factors]]
name = "past"
model = "bootstrap"
rows_per_year = 12.1
mean_block = 3
history = { file = "prices.csv", date = "month", columns = ["rent", "coin"] }
series = [{ name = "gpu", initial = 2.5 }, { name = "btc", initial = 60_000, growth = 0.1 }]
"#;
    let file = folder.join("past.toml");
    let file = file.to_str().unwrap();
    let scenario = Scenario::from_toml(file, text).unwrap_or_else(|error| panic!("{error}"));
    assert!(scenario.simulation().is_ok());
    let Model::Bootstrap(model) = &scenario.factors[0].model else { panic!("a bootstrap") };
    let ln = haircut::numeric::kernel::ln;
    let row = |rent: [f64; 2], coin: [f64; 2]| [ln(rent[1]) - ln(rent[0]), ln(coin[1]) - ln(coin[0])];
    let rows = [row([2.0, 1.0], [100.0, 200.0]), row([1.0, 4.0], [200.0, 50.0]), row([4.0, 4.0], [50.0, 100.0])];
    assert_eq!(model.history, History::returns(rows));
    // Written again it needs no table.
    let again = Scenario::from_toml("elsewhere.toml", &scenario.to_toml().unwrap()).unwrap();
    assert_eq!(again.factors[0].model, scenario.factors[0].model);
    // What is wrong with a table is told at its place.
    for (from, to, line, told) in [
        ("prices.csv", "no.csv", 11, "factors.past.history.file = \"no.csv\": cannot be read"),
        (
            "\"rent\"",
            "\"rents\"",
            11,
            "factors.past.history.columns[0] = \"rents\": no such column; there is month, coin",
        ),
        ("\"month\"", "\"date\"", 11, "factors.past.history.date = \"date\": no such column"),
        ("\"rent\"", "\"note\"", 11, "line 3, note = a, b: must be a number"),
        ("12.1", "252.0", 9, "factors.past.rows_per_year = 252: must be near 12.04"),
        ("3\n", "0.5\n", 10, "factors.past.mean_block = 0.5"),
        ("60_000", "-1.0", 12, "factors.past.series[1].initial = -1"),
    ] {
        let scenario = Scenario::from_toml(file, &text.replace(from, to)).and_then(|scenario| scenario.simulation());
        let error = scenario.map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(&format!("past.toml:{line}: ")) && error.contains(told), "{error}");
    }
}

/// CFADS over the first year, and what is due, with spot rent and hashprice held at given numbers.
fn first_year(mut scenario: Scenario, rent: f64, hashprice: f64) -> (f64, f64) {
    scenario.simulation.months = Some(12);
    for borrower in &mut scenario.borrowers {
        for fleet in &mut borrower.fleets {
            fleet.rent = rent.into();
        }
        for miners in &mut borrower.miners {
            miners.hashprice = hashprice.into();
        }
    }
    let name = vec![scenario.borrowers[0].name.clone()];
    let simulation = scenario.simulation().expect("a good scenario").paths(256);
    let run = |metric| simulation.run(Sums(metric, name.clone(), Over::Steps)).expect("a known metric")[0];
    (run("cfads"), run("debt_service_due"))
}

#[test]
fn the_dscr_of_the_hopper_loan_is_2_11_1_68_1_26_and_0_92() {
    for (rent, dscr) in [(2.90, 2.11), (2.40, 1.68), (1.90, 1.26), (1.50, 0.92)] {
        let mut scenario = read("d1_hopper_loan.toml");
        let loan = &mut scenario.borrowers[0];
        // As in the comment: everything let at this rent, principal repaid from the first quarter on.
        loan.fleets[0].contracts[0].rate_usd_per_unit_hour = rent;
        loan.facilities[0].interest_only = 0.0;
        loan.cash = 1e9;
        let (cfads, due) = first_year(scenario, rent, 0.0);
        assert!((cfads / due - dscr).abs() < 0.005, "{rent}: {}", cfads / due);
    }
}

#[test]
fn the_dscr_of_the_neo_cloud_is_1_90_1_29_and_0_84() {
    let dscr = |share: f64, used: f64, has_customer: bool| {
        let mut scenario = read("neocloud_inference.toml");
        let borrower = &mut scenario.borrowers[0];
        borrower.cash = 1e9;
        let fleet = &mut borrower.fleets[0];
        fleet.utilisation = used.into();
        fleet.contracts[0].take_or_pay.as_mut().unwrap().usage = used.into();
        fleet.contracts.truncate(usize::from(has_customer));
        let (cfads, due) = first_year(scenario, 3.75 * share, 0.0);
        assert!((due / 1e6 - 77.75).abs() < 0.01, "{due}");
        cfads / due
    };
    for (share, expected, without_a_third, alone) in
        [(0.60, 1.90, 1.08, 1.95), (0.40, 1.29, 0.68, 1.09), (0.25, 0.84, 0.38, 0.44)]
    {
        let third = 0.85 * 2.0 / 3.0;
        for (found, expected) in [
            (dscr(share, 0.85, true), expected),
            (dscr(share, third, true), without_a_third),
            (dscr(share, 0.85, false), alone),
        ] {
            assert!((found - expected).abs() < 0.005, "{share}: {found}");
        }
    }
}

#[test]
fn the_hyperscaler_contract_earns_1_261_and_owes_851() {
    let (cfads, due) = first_year(read("d2_iren_microsoft.toml"), 1.0, 0.0);
    assert!((cfads / 1e6 - 1261.0).abs() < 1.0, "{cfads}");
    assert!((due / 1e6 - 851.0).abs() < 1.0, "{due}");
}

#[test]
fn the_miner_earns_337_today_and_186_more_at_36_6() {
    // Without a fee the comment's round hashprices: 415 m at 36.6 and 247 m at 29.0, overhead of 60 m and GPUs at 168 m.
    let cfads = |hashprice| first_year(read("d4_hybrid_miner.toml"), 4.50, hashprice).0 / 1e6;
    let side = 168.0 - 60.0;
    for (hashprice, margin) in [(36.6, 415.0), (29.0, 247.8), (28.13, 228.6)] {
        assert!((cfads(hashprice) - margin - side).abs() < 1.0, "{hashprice}: {}", cfads(hashprice) - side);
    }
}

#[test]
fn the_coins_of_the_miner_cover_its_notes_2_02_1_47_0_99_and_0_64_times() {
    for (price, cover, unencumbered) in
        [(126e3, 2.02, 1.36), (92e3, 1.47, 0.99), (61.5e3, 0.99, 0.66), (40e3, 0.64, 0.43)]
    {
        let mut scenario = read("d4_hybrid_miner.toml");
        scenario.simulation.months = Some(1);
        let coin = scenario.factors.iter_mut().find(|factor| factor.name == "btc").unwrap();
        let Model::Merton(model) = &mut coin.model else { panic!("a coin that jumps") };
        model.initial = price;
        let borrower = &scenario.borrowers[0];
        let notes = borrower.facilities.iter().filter(|facility| facility.lender == "convertible funds");
        let notes: f64 = notes.map(|facility| facility.principal).sum();
        assert!((notes - 3_298e6).abs() < 1.0, "{notes}");
        let name = vec![borrower.name.clone()];
        let simulation = scenario.simulation().unwrap().paths(256);
        let at_start = |metric| simulation.run(Sums(metric, name.clone(), Over::Start)).unwrap()[0];
        assert!((at_start("coins") / notes - cover).abs() < 0.005, "{price}");
        assert!((at_start("free_coins") / notes - unencumbered).abs() < 0.005, "{price}");
    }
}

/// What is put in December 2027 is money today; where coins are worth three hundred times as much it stays, and becomes shares in March 2030.
#[test]
fn the_notes_of_the_miner_are_put_or_become_shares() {
    for (price, months, repaid, shares) in
        [(70e3, 18, 0.5..1.0, 0.0), (2e7, 18, 0.0..1e-9, 0.0), (2e7, 45, 1.0 - 1e-9..1.0 + 1e-9, 1_000e6)]
    {
        let mut scenario = read("d4_hybrid_miner.toml");
        scenario.simulation.months = Some(months);
        let coin = scenario.factors.iter_mut().find(|factor| factor.name == "btc").unwrap();
        let Model::Merton(model) = &mut coin.model else { panic!("a coin that jumps") };
        model.initial = price;
        let name = vec![scenario.borrowers[0].name.clone()];
        let simulation = scenario.simulation().unwrap().paths(256);
        let sum = |metric| simulation.run(Sums(metric, name.clone(), Over::Steps)).unwrap()[0];
        assert!((sum("exchanged") - shares).abs() < 1.0, "{} at {price}", sum("exchanged"));
        let part = sum("0 % 2030.principal_paid") / 1_000e6;
        assert!(repaid.contains(&part), "{part} at {price}");
    }
}

#[test]
fn the_miner_at_spot_earns_57_and_owes_38() {
    let mut scenario = read("miner_at_spot.toml");
    scenario.borrowers.truncate(1);
    let debt = |scenario: &Scenario| scenario.borrowers[0].facilities[0].principal;
    assert!((debt(&scenario) - 90e6).abs() < 1.0);
    // Interest at today's rate for all of the year, and cash so that nobody defaults within it.
    scenario.borrowers[0].cash = 1e9;
    scenario.borrowers[0].facilities[0].coupon = Coupon::Fixed(0.0362 + 0.07);
    let at = |power: f64| {
        let mut scenario = scenario.clone();
        scenario.borrowers[0].miners[0].power_usd_per_kwh = power.into();
        first_year(scenario, 0.0, 28.2)
    };
    let (cfads, due) = at(0.045);
    assert!((cfads / 1e6 - 56.8).abs() < 0.1, "{cfads}");
    assert!((due / 1e6 - 38.4).abs() < 0.05 && (cfads / due - 1.48).abs() < 0.005, "{due}");
    // It stops at 6.9 cents: then nothing is earned, and the overhead is paid.
    assert!(at(0.0690).0 > -15e6 + 1e4 && (at(0.0692).0 + 15e6).abs() < 1.0);
}

/// The scenario with counterparties that never default.
fn kept(file: &str) -> Scenario {
    let mut scenario = read(file);
    for factor in &mut scenario.factors {
        if let Model::Counterparty(company) = &mut factor.model {
            company.hazard.fill(0.0);
        }
    }
    scenario
}

#[test]
fn the_lease_of_the_chips_pays_both_classes_and_no_more() {
    let (cfads, due) = first_year(kept("d3_tpu_vehicle.toml"), 1.0, 0.0);
    assert!((cfads / 1e6 - 7_328.3).abs() < 0.1, "{cfads}");
    assert!((due / 1e6 - 7_328.2).abs() < 0.1, "{due}");
    // Nothing is lost while the tenant pays, though nothing is to spare either.
    let losses = kept("d3_tpu_vehicle.toml").simulation().unwrap().paths(256).run(LossDistribution::new()).unwrap();
    assert!(losses.maximum().unwrap() <= 0.0);
}

#[test]
fn the_shell_earns_55_and_then_251_and_covers_its_notes_1_78_times() {
    let shell = kept("d5_leased_shell.toml");
    let until = |months| {
        let mut shell = shell.clone();
        shell.simulation.months = Some(months);
        // Of cash flow alone: what happens to the notes at maturity is another matter.
        shell.borrowers[0].facilities.clear();
        let name = vec![shell.borrowers[0].name.clone()];
        shell.simulation().expect("a good scenario").paths(256).run(Sums("cfads", name, Over::Steps)).expect("a metric")
            [0]
            / 1e6
    };
    let income = [12, 24, 60, 72].map(until);
    assert!((income[0] - 55.0).abs() < 0.1, "{income:?}");
    assert!((income[1] - income[0] - 223.0).abs() < 0.1, "{income:?}");
    let last = income[3] - income[2];
    assert!((last - 251.0).abs() < 0.1, "{income:?}");
    // The company's 700 m that are left, and 85 m repaid.
    assert!((last / (0.08 * 700.0 + 85.0) - 1.78).abs() < 0.005, "{last}");
}

/// The dates that a metric is summed over.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Over {
    Start,
    Steps,
}

/// The mean over paths of a metric summed over time zero or all steps, by obligor.
#[derive(Debug)]
struct Sums(&'static str, Vec<String>, Over);

impl Measure for Sums {
    type Partial = (Vec<MetricLane>, Vec<f64>);
    type Output = Vec<f64>;

    fn plan(&self, plan: &mut MeasurePlan<'_>) -> Result<Self::Partial, Error> {
        plan.observe_steps();
        let lanes = self.1.iter().map(|name| plan.metric(name, self.0)).collect::<Result<Vec<_>, _>>()?;
        Ok((lanes, vec![0.0; self.1.len()]))
    }
    fn observe(&self, (lanes, sums): &mut Self::Partial, block: &StepBlock<'_>) {
        for (lane, sum) in lanes.iter().zip(sums).filter(|_| (block.step().index == 0) == (self.2 == Over::Start)) {
            *sum += block.metric(*lane).iter().sum::<f64>();
        }
    }
    fn record(&self, _partial: &mut Self::Partial, _block: &Block<'_>) {}
    fn merge(&self, into: &mut Self::Partial, from: Self::Partial) {
        for (into, from) in into.1.iter_mut().zip(from.1) {
            *into += from;
        }
    }
    fn finish(&self, (_, sums): Self::Partial, run: &Run) -> Vec<f64> {
        sums.iter().map(|sum| sum / run.paths as f64).collect()
    }
}

/// The first day of the margin loans, at prices that the file's comment works out.
#[test]
fn the_coins_of_the_margin_loans_are_called_below_57_194_and_gone_below_36_186() {
    let first_day = |price: f64, borrower: &str, metric: &'static str| {
        let mut scenario = read("margin_loan.toml");
        scenario.simulation.grid = Some(TimeGrid::regular(1, 365).unwrap());
        scenario.borrowers.retain(|known| known.name == borrower);
        scenario.factors[0].model = Model::Gbm(Gbm { initial: price, drift: 0.0, volatility: 0.0 });
        let simulation = scenario.simulation().unwrap().paths(256);
        simulation.run(Sums(metric, vec![borrower.into()], Over::Steps)).unwrap()[0]
    };
    let near =
        |actual: f64, expected: f64| assert!((actual / 1e6 - expected).abs() < 0.001, "{actual} is not {expected} m");
    assert!(first_day(57_200.0, "A day", "margin_call") < 0.5);
    assert!(first_day(57_190.0, "A day", "margin_call") > 0.5);
    near(first_day(57_000.0, "A day", "margin_top_up"), 10.453);
    near(first_day(52_000.0, "A day", "margin_top_up"), 300.0 * 0.052 + 4.534);
    // Everything put up: a sale below 39,805, by the one lender who does not wait.
    for (price, sells) in [(39_900.0, false), (39_700.0, true)] {
        assert_eq!(first_day(price, "A day", "margin_sale") > 0.0, sells);
        assert!(first_day(price, "A weekend", "margin_sale") <= 0.0);
    }
    // 36,186 and 43,003: all of the coins go.
    for (borrower, price) in [("A day", 36_186.0), ("Nothing to put up", 43_003.0)] {
        assert!(first_day(price + 1.0, borrower, "proceeds") <= 0.0);
        assert!(first_day(price - 1.0, borrower, "proceeds") > 90e6);
    }
}
