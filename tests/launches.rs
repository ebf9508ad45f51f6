//! When generations are launched and what the older ones earn then: launches that excite one another, dates that are known, tiers.
//! A mean alone would pass with launches that cluster too much or too little; hence variances with their exact fourth moments, the chance of
//! no launch date by date, and degenerate cases to the bit.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/collect.rs"]
mod collect;

use collect::{Collect, Collected, assert_mean, assert_share, map};
use haircut::Simulation;
use haircut::credit::Book;
use haircut::market::{DeflatingRent, Excitation, Gbm, Market, MarketBuilder, Obsolescence, TierRent};
use haircut::numeric::TimeGrid;
use statrs::distribution::{Discrete, Poisson};

const PATHS: u64 = 1 << 20;

fn collect(market: MarketBuilder, dates: &[f64], paths: u64, series: &[&str]) -> Collected {
    let steps: Vec<usize> = (0..=dates.len()).collect();
    let simulation = Simulation::new(market.build().unwrap(), Book::default()).grid(TimeGrid::new(dates).unwrap());
    simulation.paths(paths).seed(7).run(Collect::new(series, &steps)).unwrap()
}

fn alone(frontier: &Obsolescence) -> MarketBuilder {
    Market::builder().factor("x", frontier.clone())
}

/// A coarse grid of unequal steps and a fine one, to the same date.
fn grids(years: f64) -> [Vec<f64>; 2] {
    [vec![0.4 * years, years], (1..=6).map(|step| f64::from(step) * years / 6.0).collect()]
}

fn poisson(cadence: f64) -> Obsolescence {
    Obsolescence {
        cadence,
        cadence_variation: 1.0,
        age: 0.0,
        gain: 0.5,
        gain_volatility: 0.2,
        ramp: 0.75,
        pending: 0.0,
        roadmap: vec![],
        excitation: None,
    }
}

/// Rivals who answer one another.
struct Hawkes {
    background: f64,
    jump: f64,
    reversion: f64,
    /// Intensity at time zero.
    now: f64,
}

impl Hawkes {
    fn of(frontier: &Obsolescence) -> Self {
        let Excitation { branching, reversion, intensity } = frontier.excitation.clone().unwrap();
        let background = (1.0 - branching) / frontier.cadence;
        let jump = branching * reversion;
        let now = intensity.unwrap_or(background + jump * (-reversion * frontier.age).exp());
        Hawkes { background, jump, reversion, now }
    }

    /// P(no launch until t) = exp(-integral of the intensity).
    fn none(&self, t: f64) -> f64 {
        let excess = (self.now - self.background) * (1.0 - (-self.reversion * t).exp()) / self.reversion;
        (-self.background * t - excess).exp()
    }

    /// Mean and variance as the documentation has them.
    fn mean_and_variance(&self, t: f64) -> (f64, f64) {
        let &Hawkes { background, jump, reversion, now } = self;
        let k = reversion - jump;
        let long_run = background * reversion / k;
        let (a, f) = (now - long_run, (-k * t).exp());
        let whole = (1.0 - f) / k;
        let square = jump * jump;
        let (first, second, third) = (
            square * long_run / (2.0 * k) + jump * long_run,
            square * a / k + jump * a,
            square * long_run / (2.0 * k) + square * a / k,
        );
        let mean = long_run * t + a * whole;
        let covariances = first * (t - whole) + second * (whole - t * f) - third * (whole - (1.0 - f * f) / (2.0 * k));
        (mean, mean + 2.0 * covariances / k)
    }

    /// E[N^j] for j = 0 to 4, by the moment equations: with the generator G of (lambda, N), d E[l^i N^j] / dt = E[G l^i N^j], where
    ///
    /// G l^i N^j = b (mu - l) i l^(i-1) N^j + l ((l + c)^i (N + 1)^j - l^i N^j)
    ///
    /// has no power above i + j: a closed linear system, here of order 4, by Runge-Kutta.
    fn moments(&self, t: f64) -> [f64; 5] {
        const ORDER: usize = 4;
        type Moments = [[f64; ORDER + 1]; ORDER + 1];
        let binomial = |n: usize, k: usize| (0..k).fold(1.0, |product, i| product * (n - i) as f64 / (i + 1) as f64);
        let slope = |m: &Moments| {
            let mut slope = [[0.0; ORDER + 1]; ORDER + 1];
            for i in 0..=ORDER {
                for j in 0..=ORDER - i {
                    let mut sum = 0.0;
                    if i > 0 {
                        sum += self.reversion * i as f64 * (self.background * m[i - 1][j] - m[i][j]);
                    }
                    for p in 0..=i {
                        for q in 0..=j {
                            if (p, q) != (i, j) {
                                let weight = binomial(i, p) * binomial(j, q) * self.jump.powi((i - p) as i32);
                                sum += weight * m[p + 1][q];
                            }
                        }
                    }
                    slope[i][j] = sum;
                }
            }
            slope
        };
        let moved = |m: &Moments, slope: &Moments, h: f64| -> Moments {
            std::array::from_fn(|i| std::array::from_fn(|j| m[i][j] + h * slope[i][j]))
        };
        let mut moments: Moments =
            std::array::from_fn(|i| std::array::from_fn(|j| if j == 0 { self.now.powi(i as i32) } else { 0.0 }));
        let steps = 4_000;
        let h = t / f64::from(steps);
        for _ in 0..steps {
            let one = slope(&moments);
            let two = slope(&moved(&moments, &one, 0.5 * h));
            let three = slope(&moved(&moments, &two, 0.5 * h));
            let four = slope(&moved(&moments, &three, h));
            for (weight, slope) in [(1.0, &one), (2.0, &two), (2.0, &three), (1.0, &four)] {
                moments = moved(&moments, slope, weight * h / 6.0);
            }
        }
        moments[0]
    }
}

fn rivals(branching: f64, reversion: f64, intensity: Option<f64>) -> Obsolescence {
    Obsolescence { excitation: Some(Excitation { branching, reversion, intensity }), ..poisson(1.25) }
}

#[test]
fn launches_that_excite_have_their_mean_and_variance() {
    // From what today's launch has left; calm at first; so excited that most launches are answers.
    let cases = [
        (rivals(0.4, 2.0, None), 3.0),
        (rivals(0.6, 4.0, Some(0.32)), 2.0),
        (Obsolescence { age: 0.5, ..rivals(0.85, 1.5, Some(4.0)) }, 4.0),
    ];
    for (frontier, years) in cases {
        let hawkes = Hawkes::of(&frontier);
        let (mean, variance) = hawkes.mean_and_variance(years);
        let [_, first, second, third, fourth] = hawkes.moments(years);
        assert!((first / mean - 1.0).abs() < 1e-9 && ((second - first * first) / variance - 1.0).abs() < 1e-9);
        let central = fourth - 4.0 * third * mean + 6.0 * second * mean * mean - 3.0 * mean.powi(4);
        for dates in grids(years) {
            let what = format!("{:?}, {} steps", frontier.excitation, dates.len());
            let seen = collect(alone(&frontier), &dates, PATHS, &["x.generations"]);
            let counts = seen.of("x.generations", dates.len());
            assert_mean(&what, counts.iter().copied(), mean, variance.sqrt());
            let squares = map(counts, |n| (n - mean) * (n - mean));
            let deviation = (central - variance * variance).sqrt();
            assert_mean(&format!("{what}, variance"), squares.iter().copied(), variance, deviation);
            for (step, date) in (1..).zip(&dates) {
                assert_share(&what, seen.of("x.generations", step), |n| n < 0.5, hawkes.none(*date));
            }
        }
    }
}

#[test]
fn a_launch_excites_the_next() {
    // One at 0.5 that is known; the wait after it is that of what was there before and of what it adds.
    let frontier = Obsolescence { roadmap: vec![0.5], ..rivals(0.5, 3.0, Some(2.0)) };
    let hawkes = Hawkes::of(&frontier);
    let excess = (hawkes.now - hawkes.background) * (-1.5_f64).exp() + hawkes.jump;
    let after = Hawkes { now: hawkes.background + excess, ..hawkes };
    let dates = [0.4, 0.55, 0.7, 1.0, 2.0, 4.0];
    let seen = collect(alone(&frontier), &dates, PATHS, &["x.generations"]);
    assert!(seen.of("x.generations", 1).iter().all(|n| *n < 0.5));
    for (step, date) in (1..).zip(dates).skip(1) {
        let counts = seen.of("x.generations", step);
        assert!(counts.iter().all(|n| *n > 0.5));
        assert_share(&format!("{date}"), counts, |n| n < 1.5, after.none(date - 0.5));
    }
}

#[test]
fn launches_that_excite_nothing_are_poisson() {
    let series = ["x", "x.adoption", "x.generations", "x.age", "x.tier"];
    for age in [0.0, 0.7, 9.0] {
        for dates in grids(5.0) {
            let plain = Obsolescence { age, ..poisson(1.25) };
            let excitation = Some(Excitation { branching: 0.0, reversion: 2.0, intensity: None });
            let excited = Obsolescence { excitation, ..plain.clone() };
            let bits = |frontier| collect(alone(frontier), &dates, 1 << 13, &series).bits();
            assert_eq!(bits(&plain), bits(&excited));
        }
    }
}

#[test]
fn launches_that_excite_do_not_depend_on_the_dates() {
    let series = ["x", "x.generations", "x.age", "x.tier"];
    let [coarse, fine] = grids(5.0).map(|dates| {
        let seen = collect(alone(&rivals(0.6, 2.0, None)), &dates, 1 << 14, &series);
        series.map(|name| seen.of(name, dates.len()).to_vec())
    });
    assert!(coarse[..2] == fine[..2]);
    for (coarse, fine) in coarse.iter().zip(&fine).skip(2) {
        assert!(coarse.iter().zip(fine).all(|(a, b)| (a - b).abs() < 1e-12));
    }
}

#[test]
fn a_roadmap_comes_first() {
    // A clock after two known launches: everything is known.
    let clock = Obsolescence { cadence_variation: 0.0, age: 3.0, roadmap: vec![0.3, 1.0], ..poisson(0.75) };
    let dates = [0.2, 0.3, 0.9, 1.0, 1.7, 1.75, 3.3];
    let seen = collect(alone(&clock), &dates, 1 << 10, &["x.generations", "x.age"]);
    let expected = [(0.0, 3.2), (1.0, 0.0), (1.0, 0.6), (2.0, 0.0), (2.0, 0.7), (3.0, 0.0), (5.0, 0.05)];
    for (step, (generations, age)) in (1..).zip(expected) {
        assert!(seen.of("x.generations", step).iter().all(|n| (n - generations).abs() < 0.5));
        assert!(seen.of("x.age", step).iter().all(|value| (value - age).abs() < 1e-14));
    }
    // At random after them: the wait is an ordinary gap, whatever the age today.
    let frontier = Obsolescence { age: 0.9, roadmap: vec![0.3, 1.0], ..poisson(1.25) };
    let seen = collect(alone(&frontier), &[1.5, 3.0], PATHS, &["x", "x.generations"]);
    for (step, date) in [(1, 1.5), (2, 3.0)] {
        let law = Poisson::new((date - 1.0) / 1.25).unwrap();
        for more in 0..4_u32 {
            let holds = |n: f64| (n - 2.0 - f64::from(more)).abs() < 0.5;
            assert_share("after the roadmap", seen.of("x.generations", step), holds, law.pmf(u64::from(more)));
        }
    }
    // The gains are those of the launches without a roadmap, wherever as many have come.
    let plain = collect(alone(&poisson(1.25)), &[1.5, 3.0], PATHS, &["x", "x.generations"]);
    let both = |seen: &Collected| {
        let pairs = seen.of("x", 2).iter().zip(seen.of("x.generations", 2));
        pairs.map(|(level, count)| (level.to_bits(), count.to_bits())).collect::<Vec<_>>()
    };
    let pairs = both(&seen).into_iter().zip(both(&plain)).filter(|(a, b)| a.1 == b.1);
    let same: Vec<bool> = pairs.map(|(a, b)| a.0 == b.0).collect();
    assert!(same.len() > 100_000 && same.iter().all(|same| *same));
}

#[test]
fn tiers_are_launches_as_they_are_adopted() {
    // With a gain of 1 a launch what is adopted of the frontier is what is adopted of the launches.
    let unit = Obsolescence { gain: 1.0, gain_volatility: 0.0, ..rivals(0.5, 2.0, None) };
    let series = ["x.tier", "x.adoption"];
    let seen = collect(alone(&unit), &grids(5.0)[1], 1 << 12, &series);
    assert_eq!(map(seen.of("x.tier", 6), f64::sqrt), map(seen.of("x.adoption", 6), f64::sqrt));
    // At once they are the launches.
    let at_once = Obsolescence { ramp: 0.0, ..unit };
    let seen = collect(alone(&at_once), &grids(5.0)[1], 1 << 12, &["x.tier", "x.generations"]);
    assert_eq!(seen.of("x.tier", 6), seen.of("x.generations", 6));
}

fn rent() -> DeflatingRent {
    DeflatingRent {
        initial: 4.0,
        deflation: 0.1,
        sensitivity: 0.0,
        adoption: None,
        scarcity: 0.0,
        reversion: 0.6,
        volatility: 0.3,
        deflation_deviation: 0.0,
        jumps: None,
        usual_scarcity: None,
    }
}

fn tiers(tier: &str, behind: f64, fractions: &[f64]) -> TierRent {
    TierRent { rent: "rent".into(), tier: tier.into(), behind, fractions: fractions.to_vec() }
}

#[test]
fn a_demoted_fleet_earns_a_fraction() {
    // By hand: 4 USD; launches at 1.0 and 1.75, adopted at 1 / 0.75 a year.
    let clock = Obsolescence { cadence_variation: 0.0, roadmap: vec![1.0], ..poisson(0.75) };
    let flat = Gbm { initial: 4.0, drift: 0.0, volatility: 0.0 };
    let market = Market::builder()
        .factor("x", clock)
        .factor("rent", flat)
        .factor("smooth", tiers("x.tier", 0.0, &[1.0, 0.6, 0.35]))
        .factor("sudden", tiers("x.generations", 0.0, &[1.0, 0.6, 0.35]))
        .factor("older", tiers("x.generations", 1.0, &[1.0, 0.6, 0.35]));
    let series = ["smooth", "sudden", "older"];
    let seen = collect(market, &[0.5, 1.0, 1.5, 1.75, 2.0, 6.0], 256, &series);
    // After half a year 1 - e^(-2/3) = 0.4865829 of the first launch is adopted: 4 (1 - 0.4 * 0.4865829) = 3.2214673.
    let adopted = |since: f64| 1.0 - (-since / 0.75_f64).exp();
    let by_hand = 4.0 * (1.0 - 0.4 * adopted(0.5));
    assert!((by_hand - 3.221_467_3).abs() < 1e-7);
    let smooth = |b: f64| 4.0 * if b < 1.0 { 1.0 - 0.4 * b } else { (0.6 - 0.25 * (b - 1.0)).max(0.35) };
    let expected = [
        (0, [4.0, 4.0, 2.4]),
        (1, [4.0, 4.0, 2.4]),
        (2, [4.0, 2.4, 1.4]),
        (3, [by_hand, 2.4, 1.4]),
        (4, [smooth(adopted(0.75)), 1.4, 1.4]),
        (5, [smooth(adopted(1.0) + adopted(0.25)), 1.4, 1.4]),
        (6, [1.4, 1.4, 1.4]),
    ];
    for (step, values) in expected {
        for (name, value) in series.iter().zip(values) {
            assert!(seen.of(name, step).iter().all(|rent| (rent - value).abs() < 1e-12), "{name} at {step}: {value}");
        }
    }
}

#[test]
fn the_mean_of_a_tier_is_that_of_its_fractions() {
    let fractions = [1.0, 0.6, 0.35, 0.2];
    let market = || {
        let tier = tiers("x.generations", 0.0, &fractions);
        alone(&poisson(1.25)).factor("rent", rent()).factor("tier", tier)
    };
    let years = 2.0;
    let law = Poisson::new(years / 1.25).unwrap();
    // The sum over tiers of P(N = k) f_k^power: what lies beyond 60 launches is beyond rounding.
    let share =
        |power: i32| -> f64 { (0..60_u64).map(|n| law.pmf(n) * fractions[(n as usize).min(3)].powi(power)).sum() };
    let variance = 0.09 * (1.0 - (-1.2 * years).exp()) / 1.2;
    let level = 4.0 * (-0.1 * years + 0.5 * variance).exp();
    let (mean, square) = (share(1) * level, share(2) * level * level * variance.exp());
    for dates in grids(years) {
        let seen = collect(market(), &dates, PATHS, &["tier"]);
        let values = seen.of("tier", dates.len()).iter().copied();
        assert_mean(&format!("{} steps", dates.len()), values, mean, (square - mean * mean).sqrt());
    }
}

#[test]
fn a_tier_that_earns_all_is_the_rent() {
    for fractions in [&[1.0][..], &[1.0, 1.0, 1.0]] {
        let market =
            alone(&rivals(0.5, 2.0, None)).factor("rent", rent()).factor("tier", tiers("x.tier", 0.4, fractions));
        let seen = collect(market, &grids(6.0)[1], 1 << 12, &["rent", "tier"]);
        assert!((0..=6).all(|step| seen.of("rent", step) == seen.of("tier", step)));
    }
}
