//! The costs of compute and of money against their laws: a million paths, two step sizes, and degenerate cases to the bit.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/collect.rs"]
mod collect;

use collect::{Collect, Collected, assert_cumulants, assert_mean, assert_normal, map};
use haircut::Simulation;
use haircut::credit::Book;
use haircut::market::{Cir, DeflatingRent, Factor, ListJumps, Market, PowerPrice, Regime, Regimes, ShortRate};
use haircut::numeric::TimeGrid;
use haircut::numeric::kernel;

const PATHS: u64 = 1 << 20;

fn run(factor: impl Factor + 'static, dates: &[f64], paths: u64, series: &[&str]) -> Collected {
    let market = Market::builder().factor("x", factor).build().unwrap();
    let grid = TimeGrid::new(dates).unwrap();
    let steps: Vec<usize> = (1..=dates.len()).collect();
    Simulation::new(market, Book::default()).grid(grid).paths(paths).seed(7).run(Collect::new(series, &steps)).unwrap()
}

/// A coarse grid of unequal steps and a fine one, to the same date.
fn grids(years: f64) -> [Vec<f64>; 2] {
    [vec![0.4 * years, years], (1..=6).map(|step| f64::from(step) * years / 6.0).collect()]
}

/// Values of series at the end of each grid.
fn at_the_end(factor: &(impl Factor + Clone + 'static), years: f64, series: &[&str]) -> Vec<(String, Vec<Vec<f64>>)> {
    let of = |dates: Vec<f64>| {
        let seen = run(factor.clone(), &dates, PATHS, series);
        let values = series.iter().map(|name| seen.of(name, dates.len()).to_vec()).collect();
        (format!("{} steps", dates.len()), values)
    };
    grids(years).into_iter().map(of).collect()
}

/// E[Y^n] of a normal, n = 0 to 8.
fn normal_moments(mean: f64, deviation: f64) -> [f64; 9] {
    let mut moments = [1.0; 9];
    moments[1] = mean;
    for n in 2..=8 {
        moments[n] = mean * moments[n - 1] + (n - 1) as f64 * deviation * deviation * moments[n - 2];
    }
    moments
}

/// Simpson's rule, of error below 1e-12 for what is integrated here.
fn integral(f: impl Fn(f64) -> f64, end: f64) -> f64 {
    let intervals = 2_000;
    let step = end / f64::from(intervals);
    let weight = |k: i32| {
        if k == 0 || k == intervals {
            1.0
        } else if k % 2 == 1 {
            4.0
        } else {
            2.0
        }
    };
    (0..=intervals).map(|k| weight(k) * f(step * f64::from(k))).sum::<f64>() * step / 3.0
}

fn power() -> PowerPrice {
    PowerPrice {
        initial: 0.06,
        usual: 0.05,
        reversion: 1.4,
        volatility: 0.35,
        spikes_per_year: 5.0,
        spike_mean: 0.5,
        spike_volatility: 0.25,
        spike_reversion: 9.0,
    }
}

#[test]
fn power_is_a_log_ou_and_shot_noise() {
    let power = power();
    let years = 0.8;
    // Campbell's theorem: cumulant n of the shots is lambda E[Y^n] (1 - e^(-n b t)) / (n b).
    let moments = normal_moments(power.spike_mean, power.spike_volatility);
    let mut cumulants: [f64; 8] = std::array::from_fn(|index| {
        let speed = (index + 1) as f64 * power.spike_reversion;
        power.spikes_per_year * moments[index + 1] * (1.0 - (-speed * years).exp()) / speed
    });
    let decay = (-power.reversion * years).exp();
    let variance = power.volatility * power.volatility * (1.0 - decay * decay) / (2.0 * power.reversion);
    let mean = power.usual.ln() + (power.initial / power.usual).ln() * decay;
    cumulants[0] += mean;
    cumulants[1] += variance;
    // E[e^(n y)] for n = 1 and 2.
    let shots = |n: f64| {
        let shot = |s: f64| {
            let left = n * (-power.spike_reversion * s).exp();
            (power.spike_mean * left + 0.5 * (power.spike_volatility * left).powi(2)).exp() - 1.0
        };
        power.spikes_per_year * integral(shot, years)
    };
    let level = (mean + 0.5 * variance + shots(1.0)).exp();
    let square = (2.0 * mean + 2.0 * variance + shots(2.0)).exp();
    for (what, values) in at_the_end(&power, years, &["x"]) {
        assert_cumulants(&what, &map(&values[0], f64::ln), cumulants);
        assert_mean(&what, values[0].iter().copied(), level, (square - level * level).sqrt());
    }
}

#[test]
fn spikes_do_not_depend_on_the_dates() {
    // Nothing but spikes; with a reversion of 0 they stay, with 9 they fade.
    for spike_reversion in [0.0, 9.0] {
        let power = PowerPrice { volatility: 0.0, initial: 0.05, spike_reversion, ..power() };
        let [coarse, fine] = grids(2.0).map(|dates| {
            let seen = run(power.clone(), &dates, 1 << 14, &["x"]);
            seen.of("x", dates.len()).to_vec()
        });
        assert!(coarse.iter().zip(&fine).all(|(a, b)| (a / b - 1.0).abs() < 1e-12), "{spike_reversion}");
        assert!(coarse.iter().any(|price| *price > 0.06));
    }
}

#[test]
fn power_without_spikes_is_the_log_ou() {
    let dates = grids(2.0)[1].clone();
    let still = PowerPrice { initial: 1.3, usual: 1.0, spikes_per_year: 0.0, ..power() };
    // Another model of the crate that is a log-OU too, where its trend is 1.
    let ou = DeflatingRent {
        initial: 1.3,
        deflation: 0.0,
        sensitivity: 0.0,
        adoption: None,
        scarcity: kernel::ln(1.3),
        usual_scarcity: None,
        reversion: still.reversion,
        volatility: still.volatility,
        deflation_deviation: 0.0,
        jumps: None,
    };
    let expected = run(ou, &dates, 1 << 14, &["x"]).bits();
    assert_eq!(run(still.clone(), &dates, 1 << 14, &["x"]).bits(), expected);
    // Spikes of no size are none.
    let flat = PowerPrice { spikes_per_year: 5.0, spike_mean: 0.0, spike_volatility: 0.0, ..still };
    assert_eq!(run(flat, &dates, 1 << 14, &["x"]).bits(), expected);
}

fn rate() -> Cir {
    Cir { initial: 0.05, mean: 0.03, reversion: 0.4, volatility: 0.12 }
}

/// P(0, T) = A e^(-B r_0): Cox, Ingersoll, Ross (1985), equation 23 without a premium for risk.
fn bond(cir: &Cir, years: f64) -> f64 {
    let Cir { initial, mean, reversion, volatility } = *cir;
    let h = (reversion * reversion + 2.0 * volatility * volatility).sqrt();
    let growth = (h * years).exp() - 1.0;
    let bottom = 2.0 * h + (reversion + h) * growth;
    let a =
        (2.0 * h * (0.5 * (reversion + h) * years).exp() / bottom).powf(2.0 * reversion * mean / volatility.powi(2));
    a * (-2.0 * growth / bottom * initial).exp()
}

#[test]
fn square_root_rates_have_their_mean_and_variance() {
    // The second never comes near zero; the third is at zero most of the time: 2 k theta / v^2 is 0.1.
    let far = Cir { initial: 0.4, mean: 0.5, reversion: 2.0, volatility: 0.1 };
    let near = Cir { initial: 0.01, mean: 0.02, reversion: 0.5, volatility: 0.45 };
    for cir in [rate(), far, near] {
        let Cir { initial, mean, reversion, volatility } = cir;
        let (years, square) = (2.0, volatility * volatility);
        let decay = (-reversion * years).exp();
        // The law is c times a noncentral chi-square of d degrees of freedom and noncentrality l: cumulants
        // c^n 2^(n-1) (n-1)! (d + n l).
        let c = square * (1.0 - decay) / (4.0 * reversion);
        let (d, l) = (4.0 * reversion * mean / square, initial * decay / c);
        let mut weight = c;
        let cumulants: [f64; 8] = std::array::from_fn(|index| {
            let n = (index + 1) as f64;
            let cumulant = weight * (d + n * l);
            weight *= 2.0 * c * n;
            cumulant
        });
        let expected = mean + (initial - mean) * decay;
        assert!((cumulants[0] / expected - 1.0).abs() < 1e-14);
        for (dates, (what, values)) in grids(years).iter().zip(at_the_end(&cir, years, &["x"])) {
            assert!(values[0].iter().all(|rate| *rate >= 0.0));
            assert_mean(&format!("{what}, mean"), values[0].iter().copied(), expected, cumulants[1].sqrt());
            let squares = map(&values[0], |rate| (rate - expected).powi(2));
            // The scheme keeps the variance. The error of the sample's is made of the fourth moment of the scheme, not of the rate.
            let [second, fourth] = scheme_moments(&cir, dates, expected);
            assert!((second / cumulants[1] - 1.0).abs() < 1e-5, "{what}: {second} against {}", cumulants[1]);
            let spread = (fourth - second * second).sqrt();
            assert_mean(&format!("{what}, variance"), squares.iter().copied(), cumulants[1], spread);
        }
    }
}

/// The law of one step of the documented scheme from a rate.
enum Scheme {
    /// a (b + Z)^2.
    Square { a: f64, b: f64 },
    /// Zero with probability 1 - q, else exponential.
    Exponential { q: f64, mean: f64 },
}

impl Scheme {
    fn new(cir: &Cir, length: f64, rate: f64) -> Self {
        let Cir { mean, reversion, volatility, .. } = *cir;
        let (decay, square) = ((-reversion * length).exp(), volatility * volatility);
        let response = (1.0 - decay) / reversion;
        let e = mean + (rate - mean) * decay;
        let variance = rate * square * decay * response + mean * square * reversion * response * response / 2.0;
        let ratio = variance / (e * e);
        if ratio <= 1.5 {
            let b = (2.0 / ratio - 1.0 + (2.0 / ratio * (2.0 / ratio - 1.0)).sqrt()).sqrt();
            Scheme::Square { a: e / (1.0 + b * b), b }
        } else {
            let q = 2.0 / (ratio + 1.0);
            Scheme::Exponential { q, mean: e / q }
        }
    }

    /// E[(r' - centre)^n] for n = 2 and 4.
    fn moments(&self, centre: f64) -> [f64; 2] {
        let raw: [f64; 5] = match *self {
            Scheme::Square { a, b } => {
                let normal = normal_moments(b, 1.0);
                std::array::from_fn(|n| a.powi(n as i32) * normal[2 * n])
            }
            Scheme::Exponential { q, mean } => {
                let factorials = [1.0, 1.0, 2.0, 6.0, 24.0];
                std::array::from_fn(|n| if n == 0 { 1.0 } else { q * factorials[n] * mean.powi(n as i32) })
            }
        };
        let second = raw[2] - 2.0 * centre * raw[1] + centre * centre;
        let fourth = raw[4] - 4.0 * centre * raw[3] + 6.0 * centre.powi(2) * raw[2] - 4.0 * centre.powi(3) * raw[1];
        [second, fourth + centre.powi(4)]
    }

    /// E[f(r')], by sums over equal spacing: of the normal, and by Simpson's rule of the root of the exponential.
    fn expectation(&self, mut f: impl FnMut(f64, f64)) {
        match *self {
            Scheme::Square { a, b } => {
                for k in -320..=320 {
                    let z = f64::from(k) / 40.0;
                    f(a * (b + z) * (b + z), (-0.5 * z * z).exp() / (40.0 * std::f64::consts::TAU.sqrt()));
                }
            }
            Scheme::Exponential { q, mean } => {
                f(0.0, 1.0 - q);
                for k in 0..=600_u32 {
                    let root = f64::from(k) / 100.0;
                    let simpson = if k % 2 == 1 { 4.0 } else { 2.0 } / 300.0;
                    f(mean * root * root, q * simpson * 2.0 * root * (-root * root).exp());
                }
            }
        }
    }
}

/// The second and fourth moments about `centre` of the scheme after several steps: the expectations of the last step, integrated back over
/// the steps before it; as a function of the root of the rate, in lines between 6,000 points, which make an error below 1e-5.
fn scheme_moments(cir: &Cir, dates: &[f64], centre: f64) -> [f64; 2] {
    let lengths: Vec<f64> = std::iter::once(dates[0]).chain(dates.windows(2).map(|pair| pair[1] - pair[0])).collect();
    let horizon = dates[dates.len() - 1];
    let top = cir.initial.max(cir.mean).sqrt() + 6.0 * cir.volatility * horizon.sqrt();
    let points = 6_000;
    let rate = |point: usize| (top * point as f64 / points as f64).powi(2);
    let mut later: Option<Vec<[f64; 2]>> = None;
    for (step, &length) in lengths.iter().enumerate().rev() {
        let expectation = |rate: f64| {
            let scheme = Scheme::new(cir, length, rate);
            let Some(later) = &later else { return scheme.moments(centre) };
            let mut sums = [0.0; 2];
            scheme.expectation(|drawn, weight| {
                let place = (drawn.sqrt() / top * points as f64).min(points as f64 - 1e-6);
                let (low, part) = (place as usize, place.fract());
                for (sum, n) in sums.iter_mut().zip(0..) {
                    *sum += weight * (later[low][n] + part * (later[low + 1][n] - later[low][n]));
                }
            });
            sums
        };
        if step == 0 {
            return expectation(cir.initial);
        }
        later = Some((0..=points).map(|point| expectation(rate(point))).collect());
    }
    unreachable!("a grid has a step")
}

fn deviation(sample: &[f64]) -> f64 {
    let mean = sample.iter().sum::<f64>() / sample.len() as f64;
    (sample.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / sample.len() as f64).sqrt()
}

#[test]
fn bonds_have_the_price_of_cox_ingersoll_and_ross() {
    let near = Cir { initial: 0.01, mean: 0.02, reversion: 0.5, volatility: 0.45 };
    for cir in [rate(), near] {
        for (years, steps) in [(2.0, 24_u32), (5.0, 5), (5.0, 1)] {
            let dates: Vec<f64> = (1..=steps).map(|step| f64::from(step) * years / f64::from(steps)).collect();
            let seen = run(cir.clone(), &dates, PATHS, &["x.discount"]);
            let discount = seen.of("x.discount", dates.len());
            let price = bond(&cir, years);
            // What the scheme leaves out, and an upper bound of it: the mean discount is low, by no more than this.
            let length = years / f64::from(steps);
            let bias = cir.volatility.powi(2) * cir.mean.max(cir.initial) * length * length * years / 24.0;
            let error = 5.0 * deviation(discount) / (PATHS as f64).sqrt();
            let off = discount.iter().map(|value| value - price).sum::<f64>() / PATHS as f64;
            assert!(
                off < error && off > -error - bias,
                "{cir:?}, {steps} steps: {off:e}, allowed {error:e} and {bias:e}"
            );
        }
    }
}

#[test]
fn square_root_rates_without_volatility_are_vasiceks() {
    let Cir { initial, mean, reversion, .. } = rate();
    let series = ["x", "x.discount"];
    for dates in grids(3.0) {
        let still = run(Cir { volatility: 0.0, ..rate() }, &dates, 512, &series);
        let vasicek = run(ShortRate { initial, mean, reversion, volatility: 0.0 }, &dates, 512, &series);
        assert_eq!(still.bits(), vasicek.bits());
    }
}

#[test]
fn a_neutral_regime_changes_no_bit() {
    let market = || Market::builder().factor("power", power()).factor("rate", rate());
    let neutral = Regime::new("neutral").volatility("power", 1.0).drift("rate", 0.0);
    let regimes = Regimes::pair(neutral.clone(), Regime { name: "other".into(), ..neutral }, [1.0, 0.5]);
    let seen = [market(), market().dependence(regimes)].map(|market| {
        let simulation = Simulation::new(market.build().unwrap(), Book::default()).months(18).paths(1_000).seed(3);
        simulation.run(Collect::new(&["power", "rate", "rate.discount"], &[1, 18])).unwrap().bits()
    });
    assert_eq!(seen[0], seen[1]);
}

fn list_rent() -> DeflatingRent {
    DeflatingRent {
        initial: 2.3,
        deflation: 0.2,
        sensitivity: 0.0,
        adoption: None,
        scarcity: 0.3,
        usual_scarcity: None,
        reversion: 0.9,
        volatility: 0.25,
        deflation_deviation: 0.15,
        jumps: Some(ListJumps { per_year: 2.7, mean: -0.03, deviation: 0.17 }),
    }
}

#[test]
fn uncertain_deflation_and_list_jumps_have_their_cumulants() {
    let rent = list_rent();
    let years = 2.5;
    let decay = (-rent.reversion * years).exp();
    let noise = rent.volatility * rent.volatility * (1.0 - decay * decay) / (2.0 * rent.reversion);
    let variance = noise + (rent.deflation_deviation * years).powi(2);
    let mean = rent.initial.ln() - rent.deflation * years + rent.scarcity * (decay - 1.0);
    let (intensity, m, s) = (2.7 * years, -0.03, 0.17);
    let moments = normal_moments(m, s);
    let mut cumulants: [f64; 8] = std::array::from_fn(|index| intensity * moments[index + 1]);
    cumulants[0] += mean;
    cumulants[1] += variance;
    let exponential = |n: f64| intensity * ((n * m + 0.5 * n * n * s * s).exp() - 1.0);
    let level = (mean + 0.5 * variance + exponential(1.0)).exp();
    let square = (2.0 * mean + 2.0 * variance + exponential(2.0)).exp();
    for (what, values) in at_the_end(&rent, years, &["x"]) {
        assert_cumulants(&what, &map(&values[0], f64::ln), cumulants);
        assert_mean(&what, values[0].iter().copied(), level, (square - level * level).sqrt());
    }
}

#[test]
fn the_deflation_of_a_path_is_drawn_once() {
    // Nothing else moves: the logarithm of each path is a line, and the slopes are normal.
    let rent = DeflatingRent { scarcity: 0.0, volatility: 0.0, jumps: None, ..list_rent() };
    let seen = run(rent, &[0.5, 2.0], PATHS, &["x"]);
    let slopes = [(1, 0.5), (2, 2.0)].map(|(step, t)| map(seen.of("x", step), |r| -(r / 2.3).ln() / t));
    assert!(slopes[0].iter().zip(&slopes[1]).all(|(a, b)| (a - b).abs() < 1e-14));
    assert_normal("slope", &slopes[1], 0.2, 0.15 * 0.15);
}

#[test]
fn rent_without_uncertainty_and_jumps_is_plain() {
    let dates = grids(2.0)[1].clone();
    let bits = |rent: DeflatingRent| run(rent, &dates, 1 << 12, &["x"]).bits();
    let plain = DeflatingRent { deflation_deviation: 0.0, jumps: None, ..list_rent() };
    // Never, and of no size; as a file of the time before these fields has it, too.
    let never = ListJumps { per_year: 0.0, mean: -0.03, deviation: 0.17 };
    let flat = ListJumps { per_year: 2.7, mean: 0.0, deviation: 0.0 };
    for jumps in [never, flat] {
        assert_eq!(bits(DeflatingRent { jumps: Some(jumps), ..plain.clone() }), bits(plain.clone()));
    }
    let file = "initial = 2.3\ndeflation = 0.2\nscarcity = 0.3\nreversion = 0.9\nvolatility = 0.25";
    assert_eq!(toml::from_str::<DeflatingRent>(file).unwrap(), plain);
}
