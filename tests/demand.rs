//! What is asked of compute: the price of a token, and the demand that leaves when open models catch up. The time of a first passage is easily late
//! on a grid; so it is compared with its law by Kolmogorov's test on a coarse grid and on a fine one, and together with where it ends.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/collect.rs"]
mod collect;

use collect::{
    Collect, Collected, assert_correlation, assert_distribution, assert_mean, assert_normal, assert_share, map,
};
use haircut::Simulation;
use haircut::credit::Book;
use haircut::market::{
    CommonJumps, DemandShift, DependenceModel, Gbm, Market, MarketBuilder, Regime, Regimes, ShortRate, UnitCost,
    Utilisation,
};
use haircut::numeric::TimeGrid;
use statrs::distribution::{ContinuousCDF, Normal};

const PATHS: u64 = 1 << 20;

fn collect(market: MarketBuilder, dates: &[f64], paths: u64, series: &[&str]) -> Collected {
    let steps: Vec<usize> = (0..=dates.len()).collect();
    let simulation = Simulation::new(market.build().unwrap(), Book::default()).grid(TimeGrid::new(dates).unwrap());
    simulation.paths(paths).seed(7).run(Collect::new(series, &steps)).unwrap()
}

/// A coarse grid of unequal steps and a fine one, to the same date.
fn grids(years: f64) -> [Vec<f64>; 2] {
    [vec![0.4 * years, years], (1..=8).map(|step| f64::from(step) * years / 8.0).collect()]
}

fn tokens() -> UnitCost {
    UnitCost { initial: 3.0, floor: 0.05, deflation: 2.3, long_run_deflation: 0.4, reversion: 0.9, volatility: 0.5 }
}

#[test]
fn token_prices_and_their_deflation_are_jointly_normal() {
    let (cost, years) = (tokens(), 2.5);
    let UnitCost { deflation, long_run_deflation: theta, reversion: k, volatility: v, .. } = cost;
    let decay = (-k * years).exp();
    let whole = (1.0 - decay) / k;
    let mean = -theta * years - (deflation - theta) * whole;
    let variance = v * v * (years - 2.0 * whole + (1.0 - decay * decay) / (2.0 * k)) / (k * k);
    let spread = v * v * (1.0 - decay * decay) / (2.0 * k);
    let covariance = -0.5 * v * v * whole * whole;
    for dates in grids(years) {
        let what = format!("{} steps", dates.len());
        let market = Market::builder().factor("x", cost.clone());
        let seen = collect(market, &dates, PATHS, &["x", "x.deflation"]);
        let last = dates.len();
        let logarithms = map(seen.of("x", last), |price| ((price - 0.05) / 2.95).ln());
        assert_normal(&what, &logarithms, mean, variance);
        assert_normal(&what, seen.of("x.deflation", last), theta + (deflation - theta) * decay, spread);
        let correlation = covariance / (variance * spread).sqrt();
        assert_correlation(&what, &logarithms, seen.of("x.deflation", last), correlation);
        let level = 2.95 * (mean + 0.5 * variance).exp();
        let deviation = level * (variance.exp() - 1.0).sqrt();
        assert_mean(&what, seen.of("x", last).iter().copied(), 0.05 + level, deviation);
    }
}

#[test]
fn a_token_price_is_a_short_rate_turned_over() {
    // The growth of the price is the rate, with the same draws: the price is 1 over the discount.
    let cost = UnitCost { initial: 1.0, floor: 0.0, ..tokens() };
    let rate = ShortRate { initial: -2.3, mean: -0.4, reversion: 0.9, volatility: 0.5 };
    for dates in grids(2.0) {
        let price = collect(Market::builder().factor("x", cost.clone()), &dates, 1 << 12, &["x", "x.deflation"]);
        let bond = collect(Market::builder().factor("x", rate.clone()), &dates, 1 << 12, &["x", "x.discount"]);
        for step in 1..=dates.len() {
            assert_eq!(map(price.of("x.deflation", step), |delta| -delta), bond.of("x", step));
            let pairs = price.of("x", step).iter().zip(bond.of("x.discount", step));
            assert!(pairs.clone().all(|(price, discount)| (price * discount - 1.0).abs() < 1e-13));
        }
    }
}

#[test]
fn a_steady_deflation_is_its_formula() {
    // From 3 USD to a ninth of the premium after a year of ln 9, by hand: 0.05 + 2.95 / 9 = 0.3777778.
    let ninth = 9.0_f64.ln();
    let cost = UnitCost { deflation: ninth, long_run_deflation: ninth, volatility: 0.0, ..tokens() };
    let seen = collect(Market::builder().factor("x", cost), &[0.3, 1.0], 256, &["x"]);
    assert!(seen.of("x", 2).iter().all(|price| (price - 0.377_777_777_777_777_8).abs() < 1e-14));
    // Deflation that fades: the integral of 0.4 + 1.9 e^(-0.9 t).
    let cost = UnitCost { volatility: 0.0, ..tokens() };
    let seen = collect(Market::builder().factor("x", cost), &[0.3, 1.0], 256, &["x", "x.deflation"]);
    let fallen = 0.4 + 1.9 * (1.0 - (-0.9_f64).exp()) / 0.9;
    assert!(seen.of("x", 2).iter().all(|price| (price - (0.05 + 2.95 * (-fallen).exp())).abs() < 1e-14));
    assert!(seen.of("x.deflation", 2).iter().all(|d| (d - (0.4 + 1.9 * (-0.9_f64).exp())).abs() < 1e-14));
}

#[test]
fn a_common_jump_hits_the_premium_of_a_token_price() {
    // Nothing else moves: it is a coin without volatility under the same events, the floor aside.
    let still =
        UnitCost { initial: 2.5, floor: 0.5, deflation: 0.0, long_run_deflation: 0.0, volatility: 0.0, ..tokens() };
    let coin = Gbm { initial: 2.0, drift: 0.0, volatility: 0.0 };
    let jumps = || CommonJumps::new(2.0, DependenceModel::default()).jump("x", -0.2, 0.3);
    let dates = grids(2.0)[1].clone();
    let price = collect(Market::builder().factor("x", still).dependence(jumps()), &dates, 1 << 12, &["x"]);
    let coin = collect(Market::builder().factor("x", coin).dependence(jumps()), &dates, 1 << 12, &["x"]);
    assert_eq!(price.of("x", 8), map(coin.of("x", 8), |coin| coin + 0.5));
    assert!(price.of("x", 8).iter().any(|price| *price < 2.4));
}

fn shift(drift: f64, volatility: f64) -> DemandShift {
    DemandShift { parity: 0.8, drift, volatility, threshold: 0.95, remaining: 0.4, ramp: 0.75 }
}

fn log_odds(share: f64) -> f64 {
    (share / (1.0 - share)).ln()
}

/// The law of the time at which a Brownian motion reaches a level above it.
struct Passage {
    level: f64,
    drift: f64,
    volatility: f64,
    normal: Normal,
}

impl Passage {
    fn of(shift: &DemandShift) -> Self {
        let level = log_odds(shift.threshold) - log_odds(shift.parity);
        Passage { level, drift: shift.drift, volatility: shift.volatility, normal: Normal::new(0.0, 1.0).unwrap() }
    }

    /// P(T <= t).
    fn by(&self, t: f64) -> f64 {
        let &Passage { level, drift, volatility, normal } = self;
        let spread = volatility * t.sqrt();
        let image = (2.0 * drift * level / (volatility * volatility)).exp();
        normal.cdf((drift * t - level) / spread) + image * normal.cdf(-(drift * t + level) / spread)
    }

    /// P(T > t, and the motion has moved by z at most), z up to the level.
    fn stays_below(&self, t: f64, z: f64) -> f64 {
        let &Passage { level, drift, volatility, normal } = self;
        let spread = volatility * t.sqrt();
        let image = (2.0 * drift * level / (volatility * volatility)).exp();
        normal.cdf((z - drift * t) / spread) - image * normal.cdf((z - 2.0 * level - drift * t) / spread)
    }
}

#[test]
fn parity_is_reached_at_its_time() {
    // Nearly always within the run; by chance alone; seldom.
    for shift in [shift(0.8, 0.6), shift(0.0, 0.9), shift(-0.4, 1.2)] {
        let law = Passage::of(&shift);
        let years = 4.0;
        for dates in grids(years) {
            let what = format!("{shift:?}, {} steps", dates.len());
            let market = Market::builder().factor("x", shift.clone());
            let seen = collect(market, &dates, PATHS, &["x", "x.parity"]);
            for (step, date) in (1..).zip(&dates) {
                assert_share(&what, seen.of("x", step), |share| share < 1.0, law.by(*date));
            }
            // The share that is left tells the time.
            let last = seen.of("x", dates.len());
            let left: Vec<f64> = last.iter().copied().filter(|share| *share < 1.0).collect();
            let times = map(&left, |share| years + 0.75 * ((share - 0.4) / 0.6).ln());
            assert_distribution(&what, &times, |t| if t > 0.0 { law.by(t) / law.by(years) } else { 0.0 });
            // Where those are who have not reached it.
            let moved = map(seen.of("x.parity", dates.len()), |parity| log_odds(parity) - log_odds(0.8));
            for z in [-1.0, 0.0, 0.7, 1.3] {
                let below = last.iter().zip(&moved).map(|(share, moved)| f64::from(*share >= 1.0 && *moved <= z));
                let below: Vec<f64> = below.collect();
                assert_share(&format!("{what}, {z}"), &below, |hit| hit > 0.5, law.stays_below(years, z));
            }
            let variance = shift.volatility * shift.volatility * years;
            assert_normal(&what, &moved, shift.drift * years, variance);
        }
    }
}

#[test]
fn parity_without_noise_is_reached_on_the_day() {
    // From 0.80 to 0.95 it is ln 19 - ln 4 = 1.5581446 in log odds: at 0.8 a year 1.9476808 years.
    let day = 1.558_144_618_046_55 / 0.8;
    for dates in [grids(5.0)[0].clone(), grids(5.0)[1].clone(), vec![1.0, 3.0, 5.0]] {
        let seen = collect(Market::builder().factor("x", shift(0.8, 0.0)), &dates, 256, &["x"]);
        for (step, date) in (1..).zip(&dates) {
            let expected = if *date < day { 1.0 } else { 0.4 + 0.6 * (-(date - day) / 0.75).exp() };
            assert!(seen.of("x", step).iter().all(|share| (share - expected).abs() < 1e-13), "{date}");
        }
    }
    // Never, and all at once today.
    let seen = collect(Market::builder().factor("x", shift(0.0, 0.0)), &[1.0, 9.0], 256, &["x"]);
    assert!(seen.of("x", 2).iter().all(|share| share.to_bits() == 1.0_f64.to_bits()));
    let passed = DemandShift { parity: 0.96, ramp: 0.0, ..shift(-0.5, 0.3) };
    let seen = collect(Market::builder().factor("x", passed), &[0.1, 9.0], 256, &["x"]);
    assert!(seen.of("x", 1).iter().all(|share| share.to_bits() == 0.4_f64.to_bits()));
}

/// Two regimes that are the same.
fn always(regime: Regime) -> Regimes {
    Regimes::pair(regime.clone(), Regime { name: "other".into(), ..regime }, [1.0, 0.5])
}

#[test]
fn a_regime_is_a_volatility_and_a_drift() {
    let dates = grids(3.0)[1].clone();
    let market = |shift| Market::builder().factor("x", shift).factor("tokens", tokens());
    let series = ["x", "x.parity", "tokens", "tokens.deflation"];
    let plain = collect(market(shift(0.5, 0.7)), &dates, 1 << 14, &series);
    let neutral = always(Regime::new("neutral").volatility("x", 1.0).drift("tokens", 0.0));
    assert_eq!(collect(market(shift(0.5, 0.7)).dependence(neutral), &dates, 1 << 14, &series).bits(), plain.bits());
    let regime =
        Regime::new("glut").volatility("x", 2.0).drift("x", 0.3).drift("tokens", -0.2).volatility("tokens", 1.5);
    let glut = collect(market(shift(0.2, 0.35)).dependence(always(regime)), &dates, 1 << 14, &series);
    for series in ["x", "x.parity"] {
        let pairs = glut.of(series, 8).iter().zip(plain.of(series, 8));
        assert!(pairs.clone().all(|(a, b)| (a - b).abs() < 1e-12), "{series}");
    }
    // Prices of tokens: 1.5 times the noise, and 0.2 a year less of the premium.
    let louder = UnitCost { volatility: 0.75, ..tokens() };
    let louder = collect(Market::builder().factor("tokens", louder), &dates, 1 << 14, &["tokens", "tokens.deflation"]);
    let pairs = glut.of("tokens", 8).iter().zip(louder.of("tokens", 8));
    assert!(pairs.clone().all(|(a, b)| ((a - 0.05) / (b - 0.05) * 0.6_f64.exp() - 1.0).abs() < 1e-9));
    let pairs = glut.of("tokens.deflation", 8).iter().zip(louder.of("tokens.deflation", 8));
    assert!(pairs.clone().all(|(a, b)| (a - b).abs() < 1e-12));
}

#[test]
fn a_fleet_is_let_to_the_demand_that_is_left() {
    let fleet = |demand: Option<&str>| Utilisation {
        initial: 0.85,
        usual: 0.8,
        reversion: 1.5,
        volatility: 0.7,
        demand: demand.map(str::to_owned),
    };
    let market = |shift: DemandShift, demand| Market::builder().factor("demand", shift).factor("x", fleet(demand));
    let dates = grids(4.0)[1].clone();
    let series = ["demand", "x"];
    let plain = collect(market(shift(0.8, 0.6), None), &dates, 1 << 12, &series);
    let shrunk = collect(market(shift(0.8, 0.6), Some("demand")), &dates, 1 << 12, &series);
    for step in 0..=8 {
        let lanes = plain.of("x", step).iter().zip(plain.of("demand", step)).zip(shrunk.of("x", step));
        assert!(lanes.clone().all(|((all, left), shrunk)| (all * left).to_bits() == shrunk.to_bits()));
    }
    // Demand that never leaves.
    let loyal = DemandShift { remaining: 1.0, ..shift(0.8, 0.6) };
    assert_eq!(collect(market(loyal, Some("demand")), &dates, 1 << 12, &["x"]).bits(), {
        collect(market(shift(0.8, 0.6), None), &dates, 1 << 12, &["x"]).bits()
    });
    let file = "initial = 0.85\nusual = 0.8\nreversion = 1.5\nvolatility = 0.7";
    assert_eq!(toml::from_str::<Utilisation>(file).unwrap(), fleet(None));
}
