//! Guards: a scenario with a mistake is refused with file, line, field and what would be right, and never by a panic. A
//! weaker test, that an error comes at all, would pass with a message that names no line.

use haircut::Error;
use haircut::scenario::Scenario;
use proptest::prelude::*;

const GOOD: &str = r#"title = "One loan"
discount = "sofr.discount"

[simulation]
months = 12
paths = 512
seed = 7

[[factors]]
name = "sofr"
model = "short_rate"
initial = 0.036
mean = 0.034
reversion = 0.3
volatility = 0.009

[[factors]]
name = "btc"
model = "gbm"
initial = 61_500
drift = 0.05
volatility = 0.65

[[factors]]
name = "rent"
model = "deflating_rent"
initial = 2.5
deflation = 0.1
reversion = 0.5
volatility = 0.3

[dependence]
kind = "regimes"
transitions = { mean_years = [0.69, 0.12] }
[[dependence.regimes]]
name = "calm"
correlation = [["btc", "rent", 0.1]]
[[dependence.regimes]]
name = "stress"
volatility = { btc = 1.4 }
correlation = [["btc", "rent", 0.5]]

[[liquidation.assets]]
name = "btc"
price = "btc"
depth_per_month = 20_000
impact = 0.1
[[liquidation.assets]]
name = "gpu"
price = "rent"

[[borrowers]]
name = "Miner"
cash = 1e6
liquidation = { delay = 0.25, over = 0.5 }
[[borrowers.treasury]]
asset = "btc"
units = 100
[[borrowers.fleets]]
name = "machines"
asset = "gpu"
units = 1_000
capex_usd_per_unit = 50_000
power_kw_per_unit = 1.4
pue = 1.2
power_usd_per_kwh = 0.05
opex_usd_per_unit_hour = 0.3
rent = "rent"
utilisation = 0.9
contracts = [
  { share = 0.4, rate_usd_per_unit_hour = 2.2, until = 0.5 },
  { share = 0.4, rate_usd_per_unit_hour = 2.4, until = 0.9 },
]
[[borrowers.facilities]]
name = "loan"
lender = "bank"
principal = 5e6
coupon = { series = "sofr", spread = 0.05 }
amortisation = { straight = { every = 0.25 } }
maturity = 0.75
[[borrowers.facilities]]
name = "notes"
lender = "fund"
principal = 1e6
coupon = 0.1
amortisation = "bullet"
maturity = 2

[[tranches]]
name = "equity"
attachment = 0.1
detachment = 0.2
"#;

/// Line on which the `number`th occurrence of a text stands.
fn line_of(text: &str, number: usize) -> usize {
    let at = GOOD.match_indices(text).nth(number).map(|(at, _)| at).unwrap_or_else(|| panic!("{text}"));
    GOOD[..at].matches('\n').count() + 1
}

/// The error of the file in which the `number`th `old` has become `new`.
fn broken(old: &str, number: usize, new: &str) -> Error {
    let at = GOOD.match_indices(old).nth(number).map(|(at, _)| at).unwrap_or_else(|| panic!("{old}"));
    let text = format!("{}{new}{}", &GOOD[..at], &GOOD[at + old.len()..]);
    match Scenario::from_toml("loan.toml", &text).and_then(|scenario| scenario.simulation()) {
        Ok(_) => panic!("{old} -> {new} was accepted"),
        Err(error) => error,
    }
}

#[test]
fn the_good_file_is_good() {
    let scenario = Scenario::from_toml("loan.toml", GOOD).unwrap();
    let simulation = scenario.simulation().unwrap();
    // And is read back as it was written.
    let again = Scenario::from_toml("again.toml", &scenario.to_toml().unwrap()).unwrap();
    assert_eq!(again.simulation().unwrap().digest(), simulation.digest());
}

/// What stands in the file, which occurrence, what it becomes; the text on whose line the mistake is to be found, which
/// occurrence; how the message begins, and what else it says.
type Case = (&'static str, usize, &'static str, &'static str, usize, &'static str, &'static str);

#[rustfmt::skip]
const CASES: &[Case] = &[
    // Syntax.
    ("drift = 0.05", 0, "drift = = 0.05", "drift", 0, "", "extra `=`"),
    ("paths = 512", 0, "paths = 512\npaths = 1", "seed = 7", 0, "", "duplicate key"),
    // Fields that do not exist.
    ("seed = 7", 0, "sed = 7", "seed", 0, "simulation.sed: unknown field `sed`", "did you mean `seed`?"),
    ("[simulation]", 0, "[simulations]", "[simulation]", 0, "simulations: unknown field", "did you mean `simulation`?"),
    ("volatility = 0.65", 0, "volatilty = 0.65", "volatility = 0.65", 0, "factors.btc.volatilty: unknown field", "did you mean `volatility`?"),
    ("kind = ", 0, "kinds = ", "[dependence]", 0, "dependence", "missing field `kind`"),
    ("transitions", 0, "transition", "transitions", 0, "dependence.transition: unknown field", "did you mean `transitions`?"),
    ("impact", 0, "impakt", "impact", 0, "liquidation.assets[0].impakt: unknown field", "did you mean `impact`?"),
    ("principal = 5e6", 0, "principle = 5e6", "principal = 5e6", 0, "borrowers[0].facilities[0].principle: unknown field", "did you mean `principal`? (borrower \"Miner\")"),
    ("spread = 0.05", 0, "spraed = 0.05", "spread", 0, "borrowers[0].facilities[0].coupon", "expected a rate or"),
    ("pue = 1.2", 0, "puee = 1.2", "pue", 0, "borrowers[0].fleets[0].puee: unknown field", "did you mean `pue`?"),
    // Fields that are missing.
    ("seed = 7", 0, "", "[simulation]", 0, "simulation: missing field `seed`", ""),
    ("volatility = 0.65", 0, "", "[[factors]]", 1, "factors.btc: missing field `volatility`", ""),
    ("maturity = 2", 0, "", "[[borrowers.facilities]]", 1, "borrowers[0].facilities[1]: missing field `maturity`", ""),
    ("share = 0.4, ", 1, "", "share", 1, "borrowers[0].fleets[0].contracts[1]: missing field `share`", ""),
    ("name = \"rent\"", 0, "", "[[factors]]", 2, "factors[2]: missing field `name`", ""),
    // Values of the wrong kind.
    ("months = 12", 0, "months = 1.5", "months", 0, "simulation.months: invalid type", "expected a whole number"),
    ("months = 12", 0, "months = -12", "months", 0, "simulation.months: invalid value", "expected a whole number"),
    ("drift = 0.05", 0, "drift = \"high\"", "drift", 0, "factors.btc.drift: invalid type", "expected a number"),
    ("volatility = 0.65", 0, "volatility = [1]", "volatility = 0.65", 0, "factors.btc.volatility: invalid type", "expected a number"),
    ("\"gbm\"", 0, "\"gbn\"", "\"gbm\"", 0, "factors.btc.model: unknown variant `gbn`", "did you mean `gbm`?"),
    ("principal = 1e6", 0, "principal = [1e6]", "principal = 1e6", 0, "borrowers[0].facilities[1].principal: invalid type", "expected a number"),
    ("rent = \"rent\"", 0, "rent = true", "rent = \"rent\"", 0, "borrowers[0].fleets[0].rent", "expected a number or the name of a series"),
    ("\"bullet\"", 0, "\"bulet\"", "\"bullet\"", 0, "borrowers[0].facilities[1].amortisation: unknown variant", "did you mean `bullet`?"),
    // Values out of range, found when the description is built.
    ("months = 12", 0, "months = 0", "months", 0, "simulation.months = 0", "must be between 1 and"),
    ("months = 12", 0, "months = 12\ngrid = { months = 3 }", "months", 0, "simulation.months = 12", "keep one"),
    ("months = 12", 0, "", "[simulation]", 0, "simulation.months = none", "must be given"),
    ("paths = 512", 0, "paths = 0", "paths", 0, "simulation.paths = 0", "must be at least 1"),
    ("volatility = 0.65", 0, "volatility = -0.65", "volatility = 0.65", 0, "factors.btc.volatility = -0.65", "must"),
    ("volatility = 0.65", 0, "volatility = nan", "volatility = 0.65", 0, "factors.btc.volatility = NaN", "must"),
    ("[0.69, 0.12]", 0, "[0.69, -0.12]", "transitions", 0, "dependence.transitions", ""),
    ("\"rent\", 0.5", 0, "\"rent\", 1.5", "\"rent\", 0.5", 0, "dependence.regimes[1].correlation[0][2] = 1.5", "must lie between -1 and 1"),
    ("btc = 1.4", 0, "btc = -1.4", "btc = 1.4", 0, "dependence.regimes[1].volatility.btc = -1.4", "must"),
    ("impact = 0.1", 0, "impact = -0.1", "impact", 0, "liquidation.assets[0].impact = -0.1", "must lie between 0 and 1000000"),
    ("principal = 5e6", 0, "principal = -5e6", "principal = 5e6", 0, "borrowers[0].facilities[0].principal = -5000000", "(borrower \"Miner\")"),
    ("coupon = 0.1", 0, "coupon = 10", "coupon = 0.1", 0, "borrowers[0].facilities[1].coupon = 10", "must"),
    ("every = 0.25", 0, "every = 0", "every", 0, "borrowers[0].facilities[0].amortisation.straight.every = 0", "must"),
    ("until = 0.9", 0, "until = -0.9", "until = 0.9", 0, "borrowers[0].fleets[0].contracts[1].until = -0.9", "must"),
    ("share = 0.4", 1, "share = 0.7", "share = 0.4", 1, "borrowers[0].fleets[0].contracts[1].share = 0.7", "must add up to at most 1"),
    ("detachment = 0.2", 0, "detachment = 0.1", "detachment", 0, "tranches[0].detachment = 0.1", "must be above the attachment"),
    ("attachment = 0.1", 0, "", "[[tranches]]", 0, "tranches[0]: missing field `attachment`", ""),
    // References to nothing, names taken twice.
    ("price = \"btc\"", 0, "price = \"bct\"", "price = \"btc\"", 0, "liquidation.assets[0].price = \"bct\"", "there is"),
    ("\"sofr.discount\"", 0, "\"sofr.discont\"", "discount", 0, "discount = \"sofr.discont\"", "there is"),
    ("[\"btc\", \"rent\", 0.1]", 0, "[\"btc\", \"rents\", 0.1]", "\"rent\", 0.1", 0, "dependence.regimes[0].correlation[0][1] = \"rents\"", "no such driver"),
    ("asset = \"gpu\"", 0, "asset = \"gpus\"", "asset = \"gpu\"", 0, "borrowers[0].fleets[0].asset = \"gpus\"", "there is btc, gpu"),
    ("series = \"sofr\"", 0, "series = \"libor\"", "series", 0, "borrowers[0].facilities[0].coupon.series = \"libor\"", "there is"),
    ("name = \"rent\"", 0, "name = \"btc\"", "name = \"rent\"", 0, "factors[2].name = \"btc\"", "already taken"),
];

#[test]
fn every_mistake_has_its_line_and_its_field() {
    let mut wrong = Vec::new();
    for &(old, number, new, place, which, begins, says) in CASES {
        let error = broken(old, number, new);
        let line = line_of(place, which);
        let told = error.to_string();
        let Error::Scenario { file, line: found, message } = &error else { panic!("{told}") };
        if file != "loan.toml" || *found != line || !message.starts_with(begins) || !message.contains(says) {
            wrong.push(format!("{old} -> {new}: expected line {line}, `{begins} .. {says}`, got\n    {told}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = Scenario::read("no/such/file.toml").unwrap_err();
    assert!(error.to_string().starts_with("no/such/file.toml: cannot be read"), "{error}");
}

/// A good file with something wrong anywhere: a byte gone, a byte changed, a line gone, a line twice, two lines exchanged.
fn mutated() -> impl Strategy<Value = String> {
    let replacement = prop::sample::select(vec![
        "", "0", "-1", "9", "1e308", "nan", "inf", "\"", "[", "]", "{", "=", ".", "\n", "x", "ü",
    ]);
    let bytes = (any::<prop::sample::Index>(), 0_usize..4, replacement).prop_map(|(at, length, new)| {
        let at = at.index(GOOD.len());
        format!("{}{new}{}", &GOOD[..at], &GOOD[(at + length).min(GOOD.len())..])
    });
    let value = prop::sample::select(vec![
        "0",
        "-3",
        "1e308",
        "5e-324",
        "inf",
        "nan",
        "true",
        "\"\"",
        "\"btc\"",
        "[]",
        "{}",
        "[[1, 2]]",
        "1979-05-27",
    ]);
    let values = (any::<prop::sample::Index>(), value).prop_map(|(line, value)| {
        let lines: Vec<&str> = GOOD.lines().collect();
        let which = line.index(lines.len());
        let changed = match lines[which].split_once('=') {
            Some((key, _)) => format!("{key}= {value}"),
            None => String::new(),
        };
        lines
            .iter()
            .enumerate()
            .map(|(at, line)| if at == which { changed.as_str() } else { line })
            .collect::<Vec<_>>()
            .join("\n")
    });
    let lines = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0_usize..3).prop_map(|(a, b, how)| {
        let mut lines: Vec<&str> = GOOD.lines().collect();
        let (a, b) = (a.index(lines.len()), b.index(lines.len()));
        match how {
            0 => drop(lines.remove(a)),
            1 => lines.insert(b, lines[a]),
            _ => lines.swap(a, b),
        }
        lines.join("\n")
    });
    prop_oneof![bytes, values, lines]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_mistake_makes_it_panic(text in mutated()) {
        if let Err(error) = Scenario::from_toml("loan.toml", &text).and_then(|scenario| scenario.simulation()) {
            prop_assert!(matches!(&error, Error::Scenario { message, .. } if !message.is_empty()), "{error:?}");
        }
    }

    #[test]
    fn no_text_makes_it_panic(text in ".{0,200}") {
        let _ = Scenario::from_toml("loan.toml", &text).and_then(|scenario| scenario.simulation());
    }
}
