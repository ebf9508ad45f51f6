//! The regime of the funding market and those who read it: the states are those of the chain at every date, a lag is a lag
//! to the moment, rents follow what they are told. A share at one date would pass with a chain that is drawn anew on each
//! date; hence joint shares of two dates, and equality path by path between grids.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::float_cmp, reason = "states are small whole numbers")]

#[path = "support/collect.rs"]
mod collect;

use collect::{Collect, Collected, assert_mean, assert_share, map};
use haircut::Simulation;
use haircut::credit::Book;
use haircut::market::{
    ConditionSeries, Constant, CreditConditions, DeflatingRent, Factor, Gbm, Market, MarketBuilder, PriceRegime,
    Regime, RegimeGbm, Regimes, Transitions,
};
use haircut::numeric::TimeGrid;
use nalgebra::DMatrix;

const PATHS: u64 = 1 << 20;
const RATES: [[f64; 3]; 3] = [[-0.9, 0.7, 0.2], [1.6, -2.5, 0.9], [0.4, 2.6, -3.0]];

fn series(values: [f64; 3], lag: f64) -> ConditionSeries {
    ConditionSeries { values: values.into(), lag }
}

fn funding() -> CreditConditions {
    CreditConditions {
        states: ["open", "tight", "shut"].map(String::from).into(),
        transitions: Transitions::Generator(RATES.map(Vec::from).into()),
        initial_state: Some(vec![0.6, 0.3, 0.1]),
        series: [
            ("availability".to_owned(), series([1.0, 0.5, 0.0], 0.0)),
            ("delayed".to_owned(), series([0.0, 1.0, 2.0], 0.5)),
            ("scarcity".to_owned(), series([0.05, -0.1, -0.4], 0.5)),
            ("support".to_owned(), series([1.0, 0.6, 0.2], 1.0 / 3.0)),
        ]
        .into(),
    }
}

fn alone(factor: impl Factor + 'static) -> MarketBuilder {
    Market::builder().factor("funding", factor)
}

fn run(market: MarketBuilder, grid: TimeGrid, paths: u64, series: &[&str], steps: &[usize]) -> Collected {
    let market = market.build().unwrap();
    Simulation::new(market, Book::default()).grid(grid).paths(paths).seed(7).run(Collect::new(series, steps)).unwrap()
}

fn transition(years: f64) -> DMatrix<f64> {
    (DMatrix::from_fn(3, 3, |i, j| RATES[i][j]) * years).exp()
}

#[test]
fn states_are_those_of_the_chain_at_every_date() {
    let initial = [0.6, 0.3, 0.1];
    // Joint shares of 0.8 and 2 years, on a coarse grid and on a fine one.
    let (before, after) = (transition(0.8), transition(1.2));
    for (dates, steps) in [(vec![0.8, 2.0], [1, 2]), (vec![0.2, 0.4, 0.8, 1.1, 2.0], [3, 5])] {
        let seen = run(alone(funding()), TimeGrid::new(dates).unwrap(), PATHS, &["funding"], &steps);
        let [first, second] = steps.map(|step| seen.of("funding", step));
        let both: Vec<f64> = first.iter().zip(second).map(|(a, b)| 3.0 * a + b).collect();
        for i in 0..3 {
            let at_first: f64 = (0..3).map(|start| initial[start] * before[(start, i)]).sum();
            assert_share("first", first, |state| state == i as f64, at_first);
            for j in 0..3 {
                assert_share("both", &both, |state| state == (3 * i + j) as f64, at_first * after[(i, j)]);
            }
        }
    }
    // By default the long run, in which the chain stays: p Q = 0.
    let seen = run(
        alone(CreditConditions { initial_state: None, ..funding() }),
        TimeGrid::new([0.3]).unwrap(),
        PATHS,
        &["funding"],
        &[0, 1],
    );
    let long_run = transition(200.0);
    for step in [0, 1] {
        for state in 0..3 {
            assert_share("long run", seen.of("funding", step), |value| value == state as f64, long_run[(0, state)]);
        }
    }
}

#[test]
fn a_lag_is_a_lag_to_the_moment() {
    let names = ["funding", "funding.availability", "funding.delayed", "funding.scarcity", "funding.support"];
    let steps: Vec<usize> = (0..=36).collect();
    let seen = run(alone(funding()), TimeGrid::monthly(36).unwrap(), 20_000, &names, &steps);
    for step in 0..=36_usize {
        let state = |step: usize| seen.of("funding", step).iter().map(|state| *state as usize);
        let same = |name: &str, values: [f64; 3], months: usize| {
            let expected = state(step.saturating_sub(months)).map(|state| values[state]);
            assert!(seen.of(name, step).iter().copied().eq(expected), "{name} on date {step}");
        };
        same("funding.availability", [1.0, 0.5, 0.0], 0);
        same("funding.delayed", [0.0, 1.0, 2.0], 6);
        same("funding.scarcity", [0.05, -0.1, -0.4], 6);
        same("funding.support", [1.0, 0.6, 0.2], 4);
    }
    assert!(seen.of("funding", 36).iter().zip(seen.of("funding.delayed", 36)).any(|(now, then)| now != then));
    // A grid that has none of the dates in between, nor any half a year before another.
    let sparse = run(alone(funding()), TimeGrid::new([5.0 / 12.0, 1.25, 3.0]).unwrap(), 20_000, &names, &[1, 2, 3]);
    for (step, month) in [(1, 5), (2, 15), (3, 36)] {
        assert!(names.iter().all(|name| sparse.of(name, step) == seen.of(name, month)), "{month}");
    }
}

#[test]
fn values_lags_and_readers_move_no_switch() {
    let plain = CreditConditions { series: [].into(), ..funding() };
    let dates = || TimeGrid::monthly(24).unwrap();
    let states = |market| run(market, dates(), 3_000, &["funding"], &[0, 7, 24]).bits();
    assert_eq!(states(alone(plain)), states(alone(funding())));
    let follower = RegimeGbm {
        initial: 1.0,
        regimes: [0.1, 0.0, -0.5].map(|drift| PriceRegime { drift, volatility: 0.0 }).into(),
        transitions: None,
        initial_regime: None,
        chain: Some("funding".into()),
    };
    let seen = run(alone(funding()).factor("coin", follower), dates(), 3_000, &["funding", "coin.regime"], &[0, 7, 24]);
    assert!([0, 7, 24].iter().all(|step| seen.of("funding", *step) == seen.of("coin.regime", *step)));
}

const DRIFTS: [f64; 3] = [0.2, 0.0, -0.6];
const VOLATILITIES: [f64; 3] = [0.4, 0.6, 1.0];
const CORRELATIONS: [f64; 3] = [0.1, 0.3, 0.8];

/// Regimes of a coin and a machine that follow a series.
fn following(series: &str) -> Regimes {
    let names = ["open", "tight", "shut"];
    let regime = |state: usize| {
        Regime::new(names[state])
            .correlation([("coin", "machine", CORRELATIONS[state])])
            .volatility("coin", VOLATILITIES[state] / VOLATILITIES[0])
            .drift("coin", DRIFTS[state] - DRIFTS[0])
    };
    Regimes::following(series, [0, 1, 2].map(regime))
}

fn coin_and_machine() -> MarketBuilder {
    let coin = Gbm { initial: 1.0, drift: DRIFTS[0], volatility: VOLATILITIES[0] };
    let machine = Gbm { initial: 1.0, drift: -0.1, volatility: 0.3 };
    alone(funding()).factor("coin", coin).factor("machine", machine)
}

#[test]
fn a_market_follows_the_funding_market_path_by_path() {
    // The coin under regimes of the market is the coin with regimes of its own that follow the same series.
    for series in ["funding", "funding.delayed"] {
        let own = RegimeGbm {
            initial: 1.0,
            regimes: [0, 1, 2].map(|i| PriceRegime { drift: DRIFTS[i], volatility: VOLATILITIES[i] }).into(),
            transitions: None,
            initial_regime: None,
            chain: Some(series.into()),
        };
        let grid = || TimeGrid::new([0.1, 0.4, 0.5, 1.3, 2.0]).unwrap();
        let followed = run(coin_and_machine().dependence(following(series)), grid(), 20_000, &["coin"], &[1, 3, 5]);
        let reference = run(alone(funding()).factor("coin", own), grid(), 20_000, &["coin"], &[1, 3, 5]);
        for step in [1, 3, 5] {
            let pairs = followed.of("coin", step).iter().zip(reference.of("coin", step));
            assert!(pairs.map(|(a, b)| (a / b - 1.0).abs()).fold(0.0, f64::max) < 1e-12, "{series}, step {step}");
        }
    }
}

#[test]
fn a_market_that_follows_has_the_moments_of_regimes_with_the_same_chain() {
    // E[S^p M^q] = p_0 prod over steps of diag(e^(growth D)) exp(Q D) 1, as for regimes with a chain of their own.
    let grid = || TimeGrid::new([0.3, 0.8, 1.5]).unwrap();
    let moment = |p: f64, q: f64| {
        let mut weights = [0.6, 0.3, 0.1];
        for length in [0.3, 0.5, 0.7] {
            let grown: [f64; 3] = std::array::from_fn(|i| {
                let own = |power: f64, drift: f64, v: f64| power * drift + 0.5 * power * (power - 1.0) * v * v;
                let both = p * q * CORRELATIONS[i] * VOLATILITIES[i] * 0.3;
                weights[i] * (length * (own(p, DRIFTS[i], VOLATILITIES[i]) + own(q, -0.1, 0.3) + both)).exp()
            });
            let next = transition(length);
            weights = std::array::from_fn(|j| (0..3).map(|i| grown[i] * next[(i, j)]).sum());
        }
        weights.iter().sum::<f64>()
    };
    let chain = Regimes {
        transitions: Some(Transitions::Generator(RATES.map(Vec::from).into())),
        initial: Some(vec![0.6, 0.3, 0.1]),
        chain: None,
        ..following("funding")
    };
    for (what, regimes) in [("following", following("funding")), ("a chain of its own", chain)] {
        let seen = run(coin_and_machine().dependence(regimes), grid(), PATHS, &["coin", "machine"], &[3]);
        for (p, q) in [(1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.5, 0.5), (2.0, 0.0), (-1.0, 1.0)] {
            let product = seen.of("coin", 3).iter().zip(seen.of("machine", 3)).map(|(s, m)| s.powf(p) * m.powf(q));
            let deviation = (moment(2.0 * p, 2.0 * q) - moment(p, q).powi(2)).sqrt();
            assert_mean(&format!("{what}, {p} {q}"), product, moment(p, q), deviation);
        }
    }
}

#[test]
fn regimes_that_follow_one_state_are_constant() {
    let never = CreditConditions { series: [("never".to_owned(), series([0.0; 3], 0.0))].into(), ..funding() };
    let market = || {
        let coin = Gbm { initial: 1.0, drift: 0.1, volatility: 0.5 };
        alone(never.clone()).factor("coin", coin.clone()).factor("machine", coin)
    };
    let bits = |market| run(market, TimeGrid::monthly(9).unwrap(), 3_000, &["coin", "machine"], &[1, 9]).bits();
    let reference = bits(market().dependence(Constant::pairs([("coin", "machine", CORRELATIONS[0])])));
    assert_eq!(bits(market().dependence(following("funding.never"))), reference);
}

fn rent(usual_scarcity: Option<&str>) -> DeflatingRent {
    DeflatingRent {
        initial: 2.4,
        deflation: 0.2,
        deflation_deviation: 0.0,
        sensitivity: 0.0,
        adoption: None,
        scarcity: 0.1,
        usual_scarcity: usual_scarcity.map(str::to_owned),
        reversion: 0.9,
        volatility: 0.25,
        jumps: None,
    }
}

/// Shut for good, by hand: scarcity goes from 0.1 to -0.4 at the rate 0.9, and rent with it.
#[test]
fn rents_sink_to_the_level_of_a_funding_market_that_stays_shut() {
    let shut = CreditConditions {
        transitions: Transitions::Generator(vec![vec![-1.0, 1.0, 0.0], vec![1.0, -1.0, 0.0], vec![0.0; 3]]),
        initial_state: Some(vec![0.0, 0.0, 1.0]),
        series: [("scarcity".to_owned(), series([0.0, -0.1, -0.4], 0.75))].into(),
        ..funding()
    };
    let still = DeflatingRent { volatility: 0.0, ..rent(Some("funding.scarcity")) };
    let market = alone(shut).factor("rent", still);
    let seen = run(market, TimeGrid::new([0.25, 1.0, 3.0]).unwrap(), 300, &["rent"], &[0, 1, 2, 3]);
    for (step, years) in [(0, 0.0), (1, 0.25), (2, 1.0), (3, 3.0_f64)] {
        let kept = (-0.9 * years).exp();
        let expected = 2.4 * (-0.2 * years + 0.1 * (kept - 1.0) - 0.4 * (1.0 - kept)).exp();
        assert!(seen.of("rent", step).iter().all(|rent| (rent / expected - 1.0).abs() < 1e-14), "{step}");
    }
}

/// E[(c + s Z)^n], n = 0 to 4.
fn normal_moments(mean: f64, deviation: f64) -> [f64; 5] {
    let (m, v) = (mean, deviation * deviation);
    [1.0, m, m * m + v, m * m * m + 3.0 * m * v, m.powi(4) + 6.0 * m * m * v + 3.0 * v * v]
}

/// Mean and variance of scarcity, exactly: M_r(j) = E[x^r; state j] from step to step, where a step of length D that begins in
/// state i has x' = a x + (1 - a) u_i + s Z and ends in j with probability P_ij, independently of Z.
#[test]
fn scarcity_has_the_moments_of_its_funding_market() {
    let levels = [0.05, -0.1, -0.4];
    let now = CreditConditions { series: [("scarcity".to_owned(), series(levels, 0.0))].into(), ..funding() };
    for lengths in [vec![0.7, 1.3], vec![0.25; 8]] {
        let mut date = 0.0;
        let dates: Vec<f64> = lengths
            .iter()
            .map(|length| {
                date += length;
                date
            })
            .collect();
        let mut moments: [[f64; 5]; 3] = [0.6, 0.3, 0.1].map(|p| [0, 1, 2, 3, 4].map(|r| p * 0.1_f64.powi(r)));
        for length in &lengths {
            let (kept, p) = ((-0.9 * length).exp(), transition(*length));
            let deviation = 0.25 * ((1.0 - kept * kept) / 1.8).sqrt();
            let mut next = [[0.0; 5]; 3];
            for (i, before) in moments.iter().enumerate() {
                let added = normal_moments((1.0 - kept) * levels[i], deviation);
                for r in 0..5 {
                    let binomial = [
                        [1.0, 0.0, 0.0, 0.0, 0.0],
                        [1.0, 1.0, 0.0, 0.0, 0.0],
                        [1.0, 2.0, 1.0, 0.0, 0.0],
                        [1.0, 3.0, 3.0, 1.0, 0.0],
                        [1.0, 4.0, 6.0, 4.0, 1.0],
                    ][r];
                    let moved: f64 =
                        (0..=r).map(|u| binomial[u] * kept.powi(u as i32) * before[u] * added[r - u]).sum();
                    for (j, row) in next.iter_mut().enumerate() {
                        row[r] += p[(i, j)] * moved;
                    }
                }
            }
            moments = next;
        }
        let [_, mean, second, third, fourth] =
            [0, 1, 2, 3, 4].map(|r| moments.iter().map(|state| state[r]).sum::<f64>());
        let market = alone(now.clone()).factor("rent", rent(Some("funding.scarcity")));
        let seen = run(market, TimeGrid::new(dates).unwrap(), PATHS, &["rent"], &[lengths.len()]);
        let scarcity = map(seen.of("rent", lengths.len()), |rent| (rent / 2.4).ln() + 0.2 * date + 0.1);
        let variance = second - mean * mean;
        assert_mean("scarcity", scarcity.iter().copied(), mean, variance.sqrt());
        let central = fourth - 4.0 * mean * third + 6.0 * mean * mean * second - 3.0 * mean.powi(4);
        let squares = scarcity.iter().map(|x| (x - mean) * (x - mean)).collect::<Vec<_>>();
        assert_mean("squares", squares.into_iter(), variance, (central - variance * variance).sqrt());
        // The funding market is felt: without it the mean is 0.1 e^(-0.9 t).
        assert!((mean - 0.1 * (-0.9 * date).exp()).abs() > 100.0 * variance.sqrt() / (PATHS as f64).sqrt());
    }
}

#[test]
fn rents_that_return_to_zero_are_those_that_read_nothing() {
    let nothing = CreditConditions { series: [("scarcity".to_owned(), series([0.0; 3], 0.0))].into(), ..funding() };
    let rents = |usual| {
        let market = alone(nothing.clone()).factor("rent", rent(usual));
        run(market, TimeGrid::monthly(24).unwrap(), 3_000, &["rent"], &[0, 1, 24]).bits()
    };
    assert_eq!(rents(Some("funding.scarcity")), rents(None));
}
