//! Mining: what a block pays, the network that is drawn to its marginal cost, and the difficulty that lags it. The retarget is an exact
//! recursion; one that is right on a grid of days and wrong on months, or right but for its clip, would show in no long-run mean.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/collect.rs"]
mod collect;

use collect::{Collect, Collected, assert_normal, map};
use haircut::credit::Book;
use haircut::market::{
    BlockReward, Difficulty, Factor, FactorBlock, FactorPlan, FactorStepper, Gbm, Hashprice, Market, MarketBuilder,
    NetworkHashrate, OwnLane, PowerPrice,
};
use haircut::numeric::TimeGrid;
use haircut::{Error, Simulation};

const PATHS: u64 = 1 << 20;
/// Years of 2016 blocks at ten minutes each.
const PERIOD: f64 = 14.0 / 365.0;

fn collect(market: MarketBuilder, grid: TimeGrid, paths: u64, series: &[&str]) -> Collected {
    let steps: Vec<usize> = (0..=grid.steps()).collect();
    let market = market.build().unwrap();
    Simulation::new(market, Book::default()).grid(grid).paths(paths).seed(7).run(Collect::new(series, &steps)).unwrap()
}

fn flat(initial: f64) -> Gbm {
    Gbm { initial, drift: 0.0, volatility: 0.0 }
}

fn days(days: &[f64]) -> TimeGrid {
    TimeGrid::new(days.iter().map(|day| day / 365.0).collect::<Vec<_>>()).unwrap()
}

/// The same level on every path: one at time zero and one at the end of each step.
#[derive(Debug, Clone)]
struct Levels(Vec<f64>);

struct LevelsStepper(Vec<f64>, OwnLane);

impl Factor for Levels {
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error> {
        Ok(Box::new(LevelsStepper(self.0.clone(), plan.level())))
    }
}

impl FactorStepper for LevelsStepper {
    fn start(&self, block: &mut FactorBlock<'_>) {
        self.step(block);
    }
    fn step(&self, block: &mut FactorBlock<'_>) {
        block.own[self.1].fill(self.0[block.step.index]);
    }
}

/// What a block pays, without fees.
fn reward() -> BlockReward {
    BlockReward { subsidy: 3.125, fees: 0.0, fee_series: None, halvings: vec![1.25] }
}

/// A network at 700 EH/s that is drawn to 144 * 3.125 * 80000 / (1000 * 45) = 800, at 1.5 a year, while a coin costs 80,000 USD.
fn network(volatility: f64) -> NetworkHashrate {
    NetworkHashrate {
        initial: 700.0,
        elasticity: 0.6,
        lag: 0.4,
        volatility,
        coin: "btc".into(),
        marginal_cost: 45.0,
        efficiency_gain: 0.0,
        reward: BlockReward { halvings: vec![], ..reward() },
    }
}

#[test]
fn hashprice_by_hand() {
    // 86400e15 / (difficulty 2^32) (subsidy + fees) price, at the difficulty that makes blocks ten minutes long.
    let hashprice = |reward| Hashprice { coin: "btc".into(), hashrate: "network".into(), reward };
    let market = Market::builder()
        .factor("btc", flat(95_000.0))
        .factor("network", flat(1_000.0))
        .factor("plain", hashprice(reward()))
        .factor("fees", hashprice(BlockReward { fees: 0.125, halvings: vec![0.5, 1.25], ..reward() }));
    let seen = collect(market, TimeGrid::new([1.0, 1.25, 2.0]).unwrap(), 256, &["plain", "fees"]);
    let difficulty = 1_000e18 * 600.0 / 2.0_f64.powi(32);
    let formula = 86_400e15 / (difficulty * 2.0_f64.powi(32)) * 3.125 * 95_000.0;
    assert!((formula - 42.75).abs() < 1e-12);
    let expected = [
        ("plain", [42.75, 42.75, 21.375, 21.375]),
        ("fees", [44.46, 13.68 * (1.5625 + 0.125), 13.68 * (0.78125 + 0.125), 13.68 * (0.78125 + 0.125)]),
    ];
    for (series, values) in expected {
        for (step, value) in values.into_iter().enumerate() {
            assert!(seen.of(series, step).iter().all(|h| (h / value - 1.0).abs() < 1e-14), "{series} at {step}");
        }
    }
}

#[test]
fn the_network_is_drawn_to_its_marginal_cost() {
    let market = |network: NetworkHashrate| Market::builder().factor("btc", flat(80_000.0)).factor("x", network);
    // H* = 144 * 3.125 * 80000 / (1000 * 45) = 800 EH/s, approached at 1.5 a year.
    for grid in [
        TimeGrid::new([0.48, 1.2]).unwrap(),
        TimeGrid::new((1..=11).map(|k| f64::from(k) * 1.2 / 11.0).collect::<Vec<_>>()).unwrap(),
    ] {
        let steps = grid.steps();
        let seen = collect(market(network(0.2)), grid, PATHS, &["x"]);
        let decay = (-1.8_f64).exp();
        let mean = 800.0_f64.ln() + (700.0_f64 / 800.0).ln() * decay;
        let what = format!("{steps} steps");
        assert_normal(&what, &map(seen.of("x", steps), f64::ln), mean, 0.04 * (1.0 - decay * decay) / 3.0);
    }
    // In the long run hashprice is the cost, which efficiency lowers; a halving halves the network.
    let long = NetworkHashrate { reward: reward(), ..network(0.0) };
    let price = Hashprice { coin: "btc".into(), hashrate: "x".into(), reward: reward() };
    let seen = collect(
        market(long.clone()).factor("price", price.clone()),
        TimeGrid::regular(40, 1).unwrap(),
        256,
        &["x", "price"],
    );
    assert!((seen.of("price", 40)[0] / 45.0 - 1.0).abs() < 1e-12 && (seen.of("x", 40)[0] / 400.0 - 1.0).abs() < 1e-12);
    // With efficiency the network runs after a target that rises by 0.3 in each step of a year: a lag of 0.3 e^-1.5 / (1 - e^-1.5).
    let efficient = NetworkHashrate { efficiency_gain: 0.3, ..long };
    let seen = collect(market(efficient).factor("price", price), TimeGrid::regular(40, 1).unwrap(), 256, &["price"]);
    let lag = 0.3 * (-1.5_f64).exp() / (1.0 - (-1.5_f64).exp());
    assert!((seen.of("price", 40)[0].ln() - (45.0_f64.ln() - 12.0 + lag)).abs() < 1e-12);
}

#[test]
fn hashprice_closes_on_the_marginal_cost_by_half_in_each_half_life() {
    // The coin costs the same throughout. The halving comes in the fourth half-life of ln 2 / 1.5 = 0.462 years.
    let half_life = 0.4 * 2.0_f64.ln() / 0.6;
    let reward = BlockReward { fees: 0.125, halvings: vec![3.5 * half_life], ..reward() };
    let network = NetworkHashrate { reward: reward.clone(), ..network(0.0) };
    let price = Hashprice { coin: "btc".into(), hashrate: "network".into(), reward };
    let market = Market::builder().factor("btc", flat(80_000.0)).factor("network", network).factor("hashprice", price);
    let grid = TimeGrid::new((1..=9).map(|k| f64::from(k) * half_life).collect::<Vec<_>>()).unwrap();
    let seen = collect(market, grid, 256, &["hashprice"]);
    // 144 * 3.25 * 80000 / 700000 = 53.486 USD against 45.
    let mut gap = (53.485_714_285_714_29_f64 / 45.0).ln();
    for step in 0..=9 {
        let hashprice = seen.of("hashprice", step)[0];
        assert!((hashprice / 45.0 - gap.exp()).abs() < 1e-13, "{step}: {hashprice} against {}", 45.0 * gap.exp());
        // A block pays 3.25 coins and then 1.6875.
        gap = 0.5 * (gap + if step == 3 { (1.6875_f64 / 3.25).ln() } else { 0.0 });
    }
    assert!(gap.abs() < 0.006);
}

#[test]
fn with_the_lag_of_the_difficulty_hashprice_closes_a_period_later() {
    // Days, for two years before and two after a halving.
    let reward = BlockReward { halvings: vec![2.0], ..reward() };
    let network = NetworkHashrate { reward: reward.clone(), ..network(0.0) };
    let difficulty = Difficulty { hashrate: "network".into(), initial: None, found: 0.0 };
    let price = |hashrate: &str| Hashprice { coin: "btc".into(), hashrate: hashrate.into(), reward: reward.clone() };
    let market = Market::builder()
        .factor("btc", flat(80_000.0))
        .factor("network", network)
        .factor("difficulty", difficulty)
        .factor("at once", price("network"))
        .factor("lagged", price("difficulty"));
    let seen =
        collect(market, TimeGrid::regular(1460, 365).unwrap(), 256, &["network", "difficulty", "at once", "lagged"]);
    let level = |series: &str, day: usize| seen.of(series, day)[0];
    let mut behind = 0;
    for day in 0..=1460_usize {
        // The mean of the last whole period lies within two periods before: 28 days, 10 % more where blocks are slow, and a day of the
        // line between dates. The hash rate rises to the halving and falls from there.
        let before = day.saturating_sub(32);
        let between = if before < 729 && day >= 729 { 729 } else { day };
        let rates = [before, between, day].map(|day| level("network", day));
        let (low, high) = rates.iter().fold((f64::MAX, 0.0_f64), |(low, high), rate| (low.min(*rate), high.max(*rate)));
        let difficulty = level("difficulty", day);
        assert!(difficulty >= low * (1.0 - 1e-12) && difficulty <= high * (1.0 + 1e-12), "{day}: {difficulty}");
        // Hashprice is what the difficulty, not the hash rate, makes it.
        let ratio = level("lagged", day) * difficulty / (level("at once", day) * level("network", day));
        assert!((ratio - 1.0).abs() < 1e-14);
        let gaps = ["at once", "lagged"].map(|series| (level(series, day) / 45.0).ln().abs());
        behind += i32::from(gaps[1] > gaps[0] * (1.5 * 0.5 * PERIOD).exp());
    }
    // In the mean by one period, hardly ever by less than half of one.
    assert!(behind > 1380, "{behind}");
    assert!((level("lagged", 1460) / 45.0 - 1.0).abs() < 0.05 && level("lagged", 730) < 0.52 * 45.0);
}

fn difficulty(hashrate: &str, initial: f64, found: f64) -> Difficulty {
    Difficulty { hashrate: hashrate.into(), initial: Some(initial), found }
}

#[test]
fn difficulty_by_hand() {
    // From 1000 EH/s. With 1200 the period takes 14 / 1.2 = 11.67 days. With 5000 it takes 2.8 days and the change is clipped to 4000, which takes
    // 11.2 more. With 100 it takes 140 days, 250 takes 35 more. With half of it found at 1200 EH/s, 5.83 days are left.
    let market = Market::builder()
        .factor("h1200", flat(1_200.0))
        .factor("h5000", flat(5_000.0))
        .factor("h100", flat(100.0))
        .factor("more", difficulty("h1200", 1_000.0, 0.0))
        .factor("much more", difficulty("h5000", 1_000.0, 0.0))
        .factor("less", difficulty("h100", 1_000.0, 0.0))
        .factor("half", difficulty("h1200", 1_000.0, 0.5))
        .factor("as ever", Difficulty { hashrate: "h1200".into(), initial: None, found: 0.3 });
    let dates = [2.7, 2.9, 5.8, 5.9, 11.6, 11.7, 13.9, 14.1, 139.0, 141.0, 174.0, 176.0, 400.0];
    let series = ["more", "much more", "less", "half", "as ever"];
    let seen = collect(market, days(&dates), 256, &series);
    for (step, day) in std::iter::once(0.0).chain(dates).enumerate() {
        let expected = [
            if day < 14.0 / 1.2 { 1_000.0 } else { 1_200.0 },
            if day < 2.8 {
                1_000.0
            } else if day < 14.0 {
                4_000.0
            } else {
                5_000.0
            },
            if day < 140.0 {
                1_000.0
            } else if day < 175.0 {
                250.0
            } else {
                100.0
            },
            if day < 7.0 / 1.2 { 1_000.0 } else { 1_200.0 },
            1_200.0,
        ];
        for (name, expected) in series.iter().zip(expected) {
            let values = seen.of(name, step);
            assert!(values.iter().all(|d| (d / expected - 1.0).abs() < 1e-13), "{name}, day {day}: {}", values[0]);
        }
    }
}

#[test]
fn a_period_within_a_step_is_as_long_as_its_work() {
    // From 1000 to 1400 EH/s in 28 days: 1000 t + 400 / 28 t^2 / 2 = 14000 at t = 12.825 days, where the hash rate is sqrt(1.4e6) = 1183.216 and the mean
    // since time zero 1091.608. The next 14 days' worth of that is done at sqrt(1.4e6 + 2 * 400 / 28 * 14 * 1091.608) = 1355.23, day 24.866.
    let then = 1.4e6_f64.sqrt();
    let first = 0.5 * (1_000.0 + then);
    let last = (1.4e6 + 400.0 * first).sqrt();
    let second = 0.5 * (then + last);
    assert!((first - 1_091.608).abs() < 1e-3 && (last - 1_355.228).abs() < 1e-3 && (second - 1_269.222).abs() < 1e-3);
    let line = |dates: &[f64]| {
        let levels = std::iter::once(&0.0).chain(dates).map(|day| 1_000.0 + 400.0 / 28.0 * day).collect();
        let market = Market::builder().factor("h", Levels(levels)).factor("d", difficulty("h", 1_000.0, 0.0));
        let seen = collect(market, days(dates), 256, &["d"]);
        (1..=dates.len()).map(|step| seen.of("d", step)[0]).collect::<Vec<_>>()
    };
    let near =
        |value: f64, expected: f64| assert!((value / expected - 1.0).abs() < 1e-13, "{value} against {expected}");
    near(line(&[28.0])[0], second);
    // On any dates.
    let values = line(&[1.0, 12.8, 12.9, 17.0, 24.8, 24.9, 28.0]);
    for (value, expected) in values.into_iter().zip([1_000.0, 1_000.0, first, first, first, second, second]) {
        near(value, expected);
    }
    let (coarse, fine) = (line(&[400.0]), line(&(1..=800).map(|k| 0.5 * f64::from(k)).collect::<Vec<_>>()));
    assert!((coarse[0] / fine[799] - 1.0).abs() < 1e-12 && coarse[0] > 6_000.0, "{} {}", coarse[0], fine[799]);
}

#[test]
fn while_the_hash_rate_grows_blocks_come_faster() {
    // A period takes tau with tau e^(g tau) = T, and each change is by e^(g tau) = e^W(g T).
    for growth in [0.405_f64, 1.5, -0.7] {
        let levels = (0..=1095).map(|day| 1_000.0 * (growth * f64::from(day) / 365.0).exp()).collect();
        let market = Market::builder().factor("h", Levels(levels)).factor("d", difficulty("h", 1_000.0, 0.0));
        let seen = collect(market, TimeGrid::regular(1095, 365).unwrap(), 256, &["d"]);
        let mut changes: Vec<f64> = (365..=1095).map(|day| seen.of("d", day)[0]).collect();
        changes.dedup();
        let mut w = growth * PERIOD;
        for _ in 0..50 {
            w -= (w * w.exp() - growth * PERIOD) / (w.exp() * (1.0 + w));
        }
        assert!(changes.len() > 48, "{growth}: {} changes", changes.len());
        // The line of a day lies above the curve by (g / 365)^2 / 8 of it at most.
        let bound = 2.0 * (growth / 365.0).powi(2) / 8.0;
        for pair in changes.windows(2) {
            assert!(
                (pair[1] / pair[0] / w.exp() - 1.0).abs() < bound,
                "{growth}: {} against {}",
                pair[1] / pair[0],
                w.exp()
            );
        }
        // As the documentation has it: 1.5 % for 50 % a year.
        assert!(!(0.0..0.5).contains(&growth) || (w.exp() - 1.015).abs() < 0.0005);
    }
}

#[test]
fn a_series_of_fees_is_paid_beside_the_subsidy() {
    let reward = |fees, series: Option<&str>| BlockReward { fees, fee_series: series.map(Into::into), ..reward() };
    let hashprice = |reward| Hashprice { coin: "btc".into(), hashrate: "h".into(), reward };
    let network = |reward| NetworkHashrate { reward, volatility: 0.3, ..network(0.0) };
    let moving = PowerPrice {
        initial: 0.02,
        usual: 0.03,
        reversion: 4.0,
        volatility: 1.4,
        spikes_per_year: 6.0,
        spike_mean: 1.5,
        spike_volatility: 0.5,
        spike_reversion: 20.0,
    };
    let market = Market::builder()
        .factor("btc", Gbm { initial: 95_000.0, drift: 0.1, volatility: 0.5 })
        .factor("h", flat(1_000.0))
        .factor("moving", moving)
        .factor("zero", Levels(vec![0.0; 25]))
        .factor("less", Levels(vec![-0.3; 25]))
        .factor("tenth", Levels(vec![0.1; 25]))
        .factor("paid", hashprice(reward(0.05, Some("moving"))))
        .factor("plain", hashprice(reward(0.05, None)))
        .factor("none", hashprice(reward(0.05, Some("zero"))))
        .factor("below", hashprice(reward(0.05, Some("less"))))
        .factor("fixed", hashprice(reward(0.15, None)))
        .factor("as fixed", hashprice(reward(0.05, Some("tenth"))));
    let seen = collect(
        market,
        TimeGrid::monthly(24).unwrap(),
        1_024,
        &["btc", "moving", "paid", "plain", "none", "below", "fixed", "as fixed"],
    );
    for step in 0..=24_usize {
        let subsidy = if step < 15 { 3.125 } else { 1.5625 };
        let near = |a: &f64, b: f64| (a / b - 1.0).abs() < 1e-14;
        for (path, paid) in seen.of("paid", step).iter().enumerate() {
            let coins = subsidy + 0.05 + seen.of("moving", step)[path];
            assert!(near(paid, 0.144 * coins * seen.of("btc", step)[path] / 1_000.0), "{step}, {path}: {paid}");
        }
        assert!(seen.of("none", step) == seen.of("plain", step) && seen.of("below", step) == seen.of("plain", step));
        assert!(seen.of("as fixed", step).iter().zip(seen.of("fixed", step)).all(|(a, b)| near(a, *b)));
    }
    // What the network is drawn to pays the same fees.
    let hashrates = |reward| {
        let market = Market::builder()
            .factor("btc", flat(80_000.0))
            .factor("zero", Levels(vec![0.0; 25]))
            .factor("tenth", Levels(vec![0.1; 25]))
            .factor("network", network(reward));
        let seen = collect(market, TimeGrid::monthly(24).unwrap(), 256, &["network"]);
        (0..=24).flat_map(|step| seen.of("network", step).to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(map(&hashrates(reward(0.05, Some("zero"))), f64::sqrt), map(&hashrates(reward(0.05, None)), f64::sqrt));
    let (series, number) = (hashrates(reward(0.05, Some("tenth"))), hashrates(reward(0.15, None)));
    assert!(series.iter().zip(&number).all(|(a, b)| (a / b - 1.0).abs() < 1e-13));
}
