//! A shifted series against the one without, path by path and by bits: what is published is the shift of what was there, who
//! reads it sees the shift, and nothing else feels it, the factor itself least of all. A mean would pass with a shift that
//! leaks into the factor's own state at one step and is taken out at the next.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::float_cmp, reason = "shifts are compared by bits")]

#[path = "support/collect.rs"]
mod collect;
mod support;
#[path = "support/world.rs"]
mod world;

use collect::{Collect, Collected};
use haircut::Simulation;
use haircut::credit::Book;
use haircut::market::{Change, Curve, Gbm, Market};

const STEPS: [usize; 4] = [0, 1, 7, 24];

fn run(market: &Market, series: &[&str]) -> Collected {
    let simulation = Simulation::new(market.clone(), Book::default()).months(24).paths(1_000).seed(11);
    simulation.run(Collect::new(series, &STEPS)).unwrap()
}

fn dated() -> Curve {
    Curve::dated([[0.25, 1.0], [1.0, 0.4], [1.5, 0.4], [1.5, 0.9]])
}

#[test]
fn what_is_published_is_the_shift_of_what_was_there() {
    let market = world::factors().build().unwrap();
    let base = run(&market, &world::SERIES);
    for series in ["btc", "frontier", "frontier.adoption", "frontier.generations", "rent", "use", "sofr.discount"] {
        for change in [Change::Add(dated()), Change::Multiply(dated()), Change::Set(dated())] {
            let seen = run(&market.shifted(series, change.clone()).unwrap(), &[series]);
            for step in STEPS {
                let years = step as f64 / 12.0;
                let expected = base.of(series, step).iter().map(|value| change.apply(years, *value));
                assert!(seen.of(series, step).iter().copied().eq(expected), "{series} {change:?} on date {step}");
            }
        }
    }
}

#[test]
fn nothing_else_feels_it_but_those_who_read_it() {
    let market = world::factors().build().unwrap();
    let names: Vec<String> = market.series().unwrap();
    assert!(world::SERIES.iter().all(|name| names.contains(&(*name).to_owned())), "{names:?}");
    let base = run(&market, &world::SERIES);
    let readers = [
        ("btc", vec!["btc", "hashrate", "hashprice"]),
        ("frontier", vec!["frontier"]),
        ("frontier.adoption", vec!["frontier.adoption", "rent", "resale"]),
        ("frontier.generations", vec!["frontier.generations", "resale"]),
        ("hashrate", vec!["hashrate", "hashprice"]),
        ("rent", vec!["rent"]),
    ];
    for (series, touched) in readers {
        let seen = run(&market.shifted(series, Change::Multiply(Curve::Always(0.5))).unwrap(), &world::SERIES);
        for name in world::SERIES {
            let same = STEPS.iter().all(|step| base.of(name, *step) == seen.of(name, *step));
            assert_eq!(same, !touched.contains(&name), "{series} halved, {name}");
        }
    }
    // The market that was given is what it was.
    assert_eq!(run(&market, &world::SERIES).bits(), base.bits());
}

/// Half the coin's price is half the hashprice of the same network: by hand, through the reader.
#[test]
fn a_reader_computes_with_the_shifted_series() {
    let reward = haircut::market::BlockReward { subsidy: 3.125, fees: 0.0, fee_series: None, halvings: vec![] };
    let market = Market::builder()
        .factor("btc", Gbm { initial: 80_000.0, drift: 0.0, volatility: 0.6 })
        .factor("network", haircut::market::Gbm { initial: 900.0, drift: 0.3, volatility: 0.2 })
        .factor("hashprice", haircut::market::Hashprice { coin: "btc".into(), hashrate: "network".into(), reward })
        .build()
        .unwrap();
    let halved = market.shifted("btc", Change::Multiply(Curve::Always(0.5))).unwrap();
    let (base, seen) = (run(&market, &["hashprice"]), run(&halved, &["hashprice"]));
    for step in STEPS {
        // A power of two is exact.
        assert!(base.of("hashprice", step).iter().zip(seen.of("hashprice", step)).all(|(a, b)| 0.5 * a == *b));
    }
    // 144 blocks of 3.125 coins at 40,000 USD over 900,000 PH/s.
    assert!(seen.of("hashprice", 0).iter().all(|value| (value - 20.0).abs() < 1e-12));
}

/// A walk of the user's own, with state, a driver and draws from its stream, and the running minimum that reads it.
#[test]
fn a_factor_of_ones_own_is_shifted_like_any() {
    let market = Market::builder()
        .factor("coin", support::Walk)
        .factor("low", support::Lowest("coin".into()))
        .factor("other", support::Walk)
        .build()
        .unwrap();
    let names = ["coin", "low", "other"];
    let base = run(&market, &names);
    let up = run(&market.shifted("coin", Change::Add(Curve::Always(0.25))).unwrap(), &names);
    for step in STEPS {
        let raised = |value: &f64| value + 0.25;
        assert!(up.of("coin", step).iter().copied().eq(base.of("coin", step).iter().map(raised)));
        // Rounding is monotone: the least of the raised values is the raised least value.
        assert!(up.of("low", step).iter().copied().eq(base.of("low", step).iter().map(raised)));
        assert_eq!(up.of("other", step), base.of("other", step));
    }
}

#[test]
fn shifts_act_one_after_the_other() {
    let market = world::factors().build().unwrap();
    let (twice, more) = (Change::Multiply(Curve::Always(2.0)), Change::Add(dated()));
    let apply = |changes: [&Change; 2]| {
        let shifted = changes.iter().fold(market.clone(), |m, change| m.shifted("btc", (*change).clone()).unwrap());
        run(&shifted, &["btc", "hashprice", "eth"])
    };
    let base = run(&market, &["btc", "eth"]);
    let (one, other) = (apply([&twice, &more]), apply([&more, &twice]));
    for step in STEPS {
        let amount = dated().at(step as f64 / 12.0);
        let pairs = |seen: &Collected| {
            base.of("btc", step).iter().copied().zip(seen.of("btc", step).to_vec()).collect::<Vec<_>>()
        };
        assert!(pairs(&one).iter().all(|(before, after)| 2.0 * before + amount == *after));
        assert!(pairs(&other).iter().all(|(before, after)| 2.0 * (before + amount) == *after));
        assert_eq!((one.of("eth", step), other.of("eth", step)), (base.of("eth", step), base.of("eth", step)));
    }
    assert_eq!(apply([&Change::Multiply(Curve::Always(1.0)); 2]).of("btc", 24), base.of("btc", 24));
}

#[test]
fn what_is_wrong_is_told_by_field() {
    let market = world::factors().build().unwrap();
    let field = |series: &str, change| {
        market.shifted(series, change).map(|_| ()).unwrap_err().field().unwrap_or_default().to_owned()
    };
    let half = || Change::Multiply(Curve::Always(0.5));
    assert_eq!(field("doge", half()), "series");
    assert_eq!(field("frontier.speed", half()), "factors.frontier.series");
    assert_eq!(field("", half()), "series");
    assert_eq!(field("btc", Change::Multiply(Curve::Always(-0.5))), "factors.btc.multiply");
    assert_eq!(field("btc", Change::Set(Curve::dated([[1.0, 1.0], [0.5, 2.0]]))), "factors.btc.set[1]");
}

/// Another shift is another run: shards of the two are never merged.
#[test]
fn a_shift_is_part_of_the_digest() {
    let market = world::factors().build().unwrap();
    let digest = |market: Market| Simulation::new(market, Book::default()).digest();
    let shifted = |by| digest(market.shifted("btc", Change::Multiply(Curve::Always(by))).unwrap());
    assert!(shifted(0.5) != digest(market.clone()) && shifted(0.5) != shifted(0.4) && shifted(0.5) == shifted(0.5));
}
