//! Guards: the scenarios about coins are what their comments say. A comment that nobody computes goes stale with the first change of a number.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/collect.rs"]
mod collect;

use collect::Collect;
use haircut::Simulation;
use haircut::credit::Book;
use haircut::market::{History, Market, Model, PriceRegime, RegimeGbm, Transitions};
use haircut::measure::DefaultTable;
use haircut::numeric::TimeGrid;
use haircut::scenario::Scenario;
use statrs::distribution::{ContinuousCDF, Normal};
use std::fmt::Write;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

/// The history of `coin_models.toml`: 3,000 days of the regimes that BTC was fitted with, from the crate's own model. It is no record of any market,
/// and its dates, from 2100 on, say so.
fn simulated_history() -> String {
    const DAYS: usize = 3000;
    let regimes = [0.325, 1.014].map(|volatility| PriceRegime { drift: 0.15, volatility });
    let coin = RegimeGbm {
        initial: 61_500.0,
        regimes: regimes.to_vec(),
        transitions: Some(Transitions::MeanYears([0.0145, 0.0077])),
        initial_regime: None,
        chain: None,
    };
    let steps: Vec<usize> = (0..=DAYS).collect();
    let seen = Simulation::new(Market::builder().factor("coin", coin).build().unwrap(), Book::default())
        .grid(TimeGrid::regular(DAYS, 365).unwrap())
        .paths(1)
        .seed(2100)
        .run(Collect::new(&["coin"], &steps))
        .unwrap();
    let mut text = "date,close_usd\n".to_owned();
    let (mut year, mut month, mut day) = (2100, 1, 1);
    for step in steps {
        writeln!(text, "{year}-{month:02}-{day:02},{:.2}", seen.of("coin", step)[0]).unwrap();
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1];
        day += 1;
        if day > days {
            (day, month) = (1, month + 1);
        }
        if month > 12 {
            (month, year) = (1, year + 1);
        }
    }
    text
}

#[test]
fn the_history_of_the_coin_is_simulated() {
    let shipped = std::fs::read_to_string(folder().join("history/simulated_coin.csv")).unwrap();
    assert!(shipped == simulated_history());
}

/// Variance of the log returns of a year.
fn variance(model: &Model) -> Option<f64> {
    let jumps = |per_year: f64, mean: f64, deviation: f64| per_year * (mean * mean + deviation * deviation);
    let square = |x: f64| x * x;
    Some(match model {
        Model::Gbm(m) => square(m.volatility),
        Model::Merton(m) => square(m.volatility) + jumps(m.jumps_per_year, m.jump_mean, m.jump_volatility),
        Model::Kou(m) => {
            let size = m.up_share * square(m.up_mean) + (1.0 - m.up_share) * square(m.down_mean);
            square(m.volatility) + 2.0 * m.jumps_per_year * size
        }
        Model::Heston(m) => m.mean_variance,
        Model::Bates(m) => m.mean_variance + jumps(m.jumps_per_year, m.jump_mean, m.jump_volatility),
        Model::Svcj(m) => {
            let storms = m.jumps_per_year * m.variance_jump_mean / m.reversion;
            assert!((m.variance - m.mean_variance - storms).abs() < 2e-3, "it starts at its mean");
            m.mean_variance + storms + jumps(m.jumps_per_year, m.jump_mean, m.jump_volatility)
        }
        Model::RegimeGbm(m) => {
            let Some(Transitions::MeanYears([calm, stress])) = m.transitions else { panic!("two regimes") };
            let [a, b] = [0, 1].map(|regime| square(m.regimes[regime].volatility));
            (calm * a + stress * b) / (calm + stress)
        }
        Model::Bootstrap(m) => {
            let History::Returns(rows) = &m.history else { panic!("a history that was read") };
            let mean = rows.iter().map(|row| row[0]).sum::<f64>() / rows.len() as f64;
            m.rows_per_year * rows.iter().map(|row| square(row[0] - mean)).sum::<f64>() / rows.len() as f64
        }
        _ => return None,
    })
}

#[test]
fn the_coins_have_the_variances_that_the_comment_says() {
    let file = folder().join("coin_models.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let scenario = Scenario::read(file).unwrap_or_else(|error| panic!("{error}"));
    let mut coins = 0;
    for factor in &scenario.factors {
        let Some(variance) = variance(&factor.model) else { continue };
        coins += 1;
        let name = if factor.name == "past" { "bootstrap" } else { &factor.name };
        let line = text.lines().find(|line| line.starts_with(&format!("#   {name} "))).unwrap();
        let told: f64 = line.rsplit(' ').next().unwrap().parse().unwrap();
        assert!((variance - told).abs() < 1.1e-3, "{name}: {variance}, told {told}");
        assert!((variance - 0.42).abs() < 0.011, "{name}: {variance}");
    }
    assert_eq!(coins, 8);
}

#[test]
fn the_loans_on_the_plain_coin_default_as_computed_by_hand() {
    let mut scenario = Scenario::read(folder().join("coin_models.toml")).unwrap();
    // The rate stays where it is, so that what is due is known: P (1 + (r + 0.06) / 52)^weeks.
    for factor in &mut scenario.factors {
        if let Model::Cir(rate) = &mut factor.model {
            (rate.mean, rate.volatility) = (rate.initial, 0.0);
        }
    }
    let table = scenario.simulation().unwrap().run(DefaultTable::new()).unwrap();
    for (name, principal, weeks, told) in [("gbm, short", 33.0, 13, 0.036), ("gbm, long", 22.3, 52, 0.093)] {
        let due = principal * (1.0 + (0.0362 + 0.06) / 52.0_f64).powi(weeks);
        let years = f64::from(weeks) / 52.0;
        let volatility = 0.648 * years.sqrt();
        let distance = ((due / 61.5).ln() - 0.15 * years + 0.5 * volatility * volatility) / volatility;
        let exact = Normal::standard().cdf(distance);
        assert!((exact - told).abs() < 6e-4, "{name}: {exact}");
        let found = table.obligors.iter().find(|obligor| obligor.name == name).unwrap();
        let pd = found.probability.value;
        let bound = 5.0 * (exact * (1.0 - exact) / 200_000.0).sqrt();
        assert!((pd - exact).abs() < bound, "{name}: {} against {exact}", pd);
    }
}
