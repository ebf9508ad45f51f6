//! What a machine is worth by what it earns: the tabulated strip against the integral of Black's formula on every date, against
//! simulation from the path's state, and where it is known without either. A table that is right at its knots and wrong between
//! them, or a state that is left out, shows in none of its own numbers.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/collect.rs"]
mod collect;

use collect::{Collect, Collected};
use haircut::Simulation;
use haircut::credit::Book;
use haircut::market::{
    ConditionSeries, CreditConditions, DeflatingRent, EarningPower, ListJumps, Market, MarketBuilder, Obsolescence,
    Transitions,
};
use haircut::numeric::TimeGrid;
use statrs::distribution::{ContinuousCDF, Normal};

const HOURS: f64 = 8760.0;
/// What the documentation of `EarningPower` promises.
const TOLERANCE: f64 = 5e-4;

/// An H100: 0.7 kW of its own and its share of the node, 2.3 USD an hour.
fn machine() -> EarningPower {
    EarningPower {
        rent: "rent".into(),
        rent_share: 1.0,
        utilisation: 0.85,
        power_kw_per_unit: 1.28,
        pue: 1.3,
        power_usd_per_kwh: 0.08,
        opex_usd_per_unit_hour: 0.4,
        cost_growth: 0.02,
        life: 6.0,
        discount: 0.12,
        scrap: 1_500.0,
    }
}

fn rent() -> DeflatingRent {
    DeflatingRent {
        initial: 2.3,
        deflation: 0.15,
        deflation_deviation: 0.0,
        sensitivity: 0.0,
        adoption: None,
        scarcity: 0.2,
        usual_scarcity: None,
        reversion: 0.6,
        volatility: 0.35,
        jumps: None,
    }
}

fn frontier(cadence_variation: f64) -> Obsolescence {
    Obsolescence {
        cadence: 2.2,
        cadence_variation,
        age: 0.8,
        gain: 0.53,
        gain_volatility: 0.1,
        ramp: 0.75,
        pending: 0.2,
        roadmap: vec![],
        excitation: None,
    }
}

fn cost(machine: &EarningPower) -> f64 {
    machine.power_kw_per_unit * machine.pue * machine.power_usd_per_kwh + machine.opex_usd_per_unit_hour
}

/// All that is spent on running it, discounted.
fn running(machine: &EarningPower) -> f64 {
    let rate = machine.discount - machine.cost_growth;
    HOURS * cost(machine) * (1.0 - (-rate * machine.life).exp()) / rate
}

fn seen(market: MarketBuilder, months: usize, paths: u64, series: &[&str], steps: &[usize]) -> Collected {
    let simulation = Simulation::new(market.build().unwrap(), Book::default()).months(months).paths(paths).seed(5);
    simulation.run(Collect::new(series, steps)).unwrap()
}

/// The integral of f over 0 to `years`, which bends like the square root of time at 0: the midpoint rule in that square root.
fn integral(years: f64, f: impl Fn(f64) -> f64) -> f64 {
    let cells = 2_000;
    let mid = |cell: i32| (f64::from(cell) + 0.5) / f64::from(cells);
    (0..cells).map(|cell| 2.0 * mid(cell) * f(years * mid(cell) * mid(cell))).sum::<f64>() * years / f64::from(cells)
}

/// What is left of `life` years at a date, from a rent and its scarcity, where nothing is launched: Black's formula on every date.
fn strip(machine: &EarningPower, law: &DeflatingRent, date: f64, rent: f64, scarcity: f64) -> f64 {
    let normal = Normal::standard();
    let (earned, today) =
        (machine.rent_share * machine.utilisation * rent, cost(machine) * (machine.cost_growth * date).exp());
    let call = |s: f64| {
        let decay = (-law.reversion * s).exp();
        let variance = law.volatility * law.volatility * (1.0 - decay * decay) / (2.0 * law.reversion)
            + (law.deflation_deviation * s).powi(2);
        let forward = earned * (-law.deflation * s + (decay - 1.0) * scarcity + 0.5 * variance).exp();
        let strike = today * (machine.cost_growth * s).exp();
        let deviation = variance.sqrt();
        let first = (forward / strike).ln() / deviation + 0.5 * deviation;
        (-machine.discount * s).exp() * (forward * normal.cdf(first) - strike * normal.cdf(first - deviation))
    };
    HOURS * integral((machine.life - date).max(0.0), call)
}

#[test]
fn values_are_the_strip_of_calls() {
    // An H100; one whose trend is uncertain; rents that hardly revert, near the end of a short life; dear power.
    let uncertain = DeflatingRent { deflation_deviation: 0.1, ..rent() };
    let slow = DeflatingRent { reversion: 0.05, volatility: 0.5, deflation: 0.3, ..rent() };
    let quick = DeflatingRent { reversion: 4.0, volatility: 1.2, ..rent() };
    let short = EarningPower { life: 2.6, ..machine() };
    let dear = EarningPower { power_usd_per_kwh: 0.9, cost_growth: -0.05, discount: 0.0, ..machine() };
    for (machine, law) in
        [(machine(), rent()), (machine(), uncertain), (short, slow), (dear.clone(), rent()), (dear, quick)]
    {
        let market = Market::builder().factor("rent", law.clone()).factor("value", machine.clone());
        let steps = [0, 1, 7, 30, 31, 59];
        let seen = seen(market, 60, 256, &["rent", "rent.scarcity", "value"], &steps);
        let mut above = 0;
        for step in steps {
            let [rents, scarcities, values] = ["rent", "rent.scarcity", "value"].map(|name| seen.of(name, step));
            for path in (0..256).step_by(if step == 0 { 256 } else { 5 }) {
                let date = step as f64 / 12.0;
                let exact = strip(&machine, &law, date, rents[path], scarcities[path]);
                let bound = TOLERANCE * (exact + running(&machine));
                let value = values[path];
                assert!((value - exact.max(machine.scrap)).abs() <= bound, "{law:?}, {step}: {value} against {exact}");
                above += i32::from(value > machine.scrap);
            }
        }
        assert!(above > 40, "{law:?}: {above}");
    }
}

/// The value of the strip by simulation from a state, with its standard error. The dates are those of a rule for the integral.
fn nested(machine: &EarningPower, now: &World, date: f64, paths: u64) -> (f64, f64) {
    let life = machine.life - date;
    let dates = 40;
    let mid = |cell: i32| (f64::from(cell) + 0.5) / f64::from(dates);
    let times: Vec<f64> = (0..dates).map(|cell| life * mid(cell) * mid(cell)).collect();
    let steps: Vec<usize> = (1..=times.len()).collect();
    let market = now.market().build().unwrap();
    let simulation = Simulation::new(market, Book::default()).grid(TimeGrid::new(times.clone()).unwrap());
    let seen = simulation.paths(paths).seed(77).run(Collect::new(&["rent"], &steps)).unwrap();
    let mut totals = vec![0.0; paths as usize];
    for (cell, (time, step)) in (0..).zip(times.iter().zip(steps)) {
        let weight = HOURS * life * 2.0 * mid(cell) / f64::from(dates) * (-machine.discount * time).exp();
        let strike = cost(machine) * (machine.cost_growth * (date + time)).exp();
        for (total, rent) in totals.iter_mut().zip(seen.of("rent", step)) {
            *total += weight * (machine.rent_share * machine.utilisation * rent - strike).max(0.0);
        }
    }
    let mean = totals.iter().sum::<f64>() / paths as f64;
    let square = totals.iter().map(|total| (total - mean) * (total - mean)).sum::<f64>() / paths as f64;
    (mean, (square / paths as f64).sqrt())
}

/// A law of rent with the launches that press on it, to be simulated from its state on a date.
struct World {
    rent: DeflatingRent,
    frontier: Option<Obsolescence>,
}

impl World {
    fn market(&self) -> MarketBuilder {
        let frontier = self.frontier.iter().fold(Market::builder(), |market, f| market.factor("frontier", f.clone()));
        frontier.factor("rent", self.rent.clone())
    }

    /// The value on some paths against simulation from the state that they have come to.
    fn check(&self, what: &str, machine: &EarningPower) {
        let names = ["rent", "rent.scarcity", "value", "frontier", "frontier.adoption", "frontier.age"];
        let names = if self.frontier.is_some() { &names[..] } else { &names[..3] };
        let steps = [0, 12, 30, 48];
        let seen = seen(self.market().factor("value", machine.clone()), 60, 256, names, &steps);
        for (step, path) in [(0, 0), (12, 14), (12, 15), (30, 10), (30, 13), (48, 11), (48, 12)] {
            let of = |name| seen.of(name, step)[path];
            let rent = DeflatingRent { initial: of("rent"), scarcity: of("rent.scarcity"), ..self.rent.clone() };
            let pending = || of("frontier") - of("frontier.adoption");
            let frontier = self.frontier.as_ref().map(|frontier| Obsolescence {
                age: of("frontier.age"),
                pending: pending(),
                ..frontier.clone()
            });
            let now = World { rent, frontier };
            let (mean, error) = nested(machine, &now, step as f64 / 12.0, 1 << 16);
            let bound = 5.0 * error + TOLERANCE * (mean + running(machine));
            let value = of("value");
            assert!(value > machine.scrap, "{what}: nothing is compared");
            assert!((value - mean).abs() <= bound, "{what}, {step}, {path}: {value} against {mean}, allowed {bound}");
        }
    }
}

/// A rent that is pressed by adoption.
fn pressed(sensitivity: f64) -> DeflatingRent {
    DeflatingRent { sensitivity, adoption: Some("frontier.adoption".into()), deflation: 0.05, ..rent() }
}

#[test]
fn values_are_what_simulation_from_the_state_gives() {
    let machine = EarningPower { scrap: 0.0, ..machine() };
    let jumps = Some(ListJumps { per_year: 2.7, mean: -0.03, deviation: 0.17 });
    let list = DeflatingRent { jumps, volatility: 0.15, deflation_deviation: 0.05, ..rent() };
    World { rent: rent(), frontier: None }.check("no launches", &machine);
    World { rent: list, frontier: None }.check("list jumps", &machine);
}

#[test]
fn launches_to_come_are_in_the_value() {
    let machine = EarningPower { scrap: 0.0, ..machine() };
    for (what, variation, sensitivity) in [
        ("as on record", 0.25, 0.4),
        ("hard pressed", 0.25, 1.0),
        ("a Poisson process", 1.0, 0.4),
        ("a clock", 0.0, 0.4),
    ] {
        World { rent: pressed(sensitivity), frontier: Some(frontier(variation)) }.check(what, &machine);
    }
}

/// What is lost by taking launches to come as lognormal where they are hardest: a Poisson process, each launch taking 41 % of the rent.
#[test]
fn poisson_launches_of_a_hard_pressed_rent_are_worth_more_than_the_table_says() {
    let machine = EarningPower { scrap: 0.0, ..machine() };
    let (frontier, law) = (frontier(1.0), pressed(1.0));
    let market = Market::builder()
        .factor("frontier", frontier.clone())
        .factor("rent", law.clone())
        .factor("value", machine.clone());
    let value = seen(market, 1, 1, &["value"], &[0]).of("value", 0)[0];
    // Simulated are the launches alone: given them rent is lognormal on every date, and the call is Black's. What the forwards are worth on average
    // is known (E[e^-B] = exp(integral of (phi - 1) / cadence)), so only the rest of the call has a sampling error.
    let paths = 1 << 16;
    let dates = 40;
    let mid = |cell: i32| (f64::from(cell) + 0.5) / f64::from(dates);
    let times: Vec<f64> = (0..dates).map(|cell| machine.life * mid(cell) * mid(cell)).collect();
    let steps: Vec<usize> = (1..=times.len()).collect();
    let still = DeflatingRent { volatility: 0.0, ..law.clone() };
    let market = Market::builder().factor("frontier", frontier.clone()).factor("rent", still.clone());
    let simulation =
        Simulation::new(market.build().unwrap(), Book::default()).grid(TimeGrid::new(times.clone()).unwrap());
    let launched = simulation.paths(paths).seed(77).run(Collect::new(&["rent"], &steps)).unwrap();
    let normal = Normal::standard();
    let (mut rests, mut forwards) = (vec![0.0; paths as usize], 0.0);
    for (cell, (&time, step)) in (0..).zip(times.iter().zip(steps)) {
        let weight = HOURS * machine.life * 2.0 * mid(cell) / f64::from(dates) * (-machine.discount * time).exp();
        let strike = cost(&machine) * (machine.cost_growth * time).exp();
        let decay = (-law.reversion * time).exp();
        let variance = law.volatility * law.volatility * (1.0 - decay * decay) / (2.0 * law.reversion);
        let earned = machine.utilisation * (0.5 * variance).exp();
        for (rest, rent) in rests.iter_mut().zip(launched.of("rent", step)) {
            let forward = earned * rent;
            let first = (forward / strike).ln() / variance.sqrt() + 0.5 * variance.sqrt();
            let call = forward * normal.cdf(first) - strike * normal.cdf(first - variance.sqrt());
            *rest += weight * (call - forward);
        }
        // Launches to come, and what of the last one is not adopted.
        let adopted = |years: f64| 1.0 - (-years / frontier.ramp).exp();
        let hit = |years: f64| {
            let a = law.sensitivity * adopted(years);
            (-a * frontier.gain + 0.5 * (a * frontier.gain_volatility).powi(2)).exp() - 1.0
        };
        let known =
            -law.deflation * time + (decay - 1.0) * law.scarcity - law.sensitivity * frontier.pending * adopted(time);
        forwards += weight * earned * law.initial * (known + integral(time, hit) / frontier.cadence).exp();
    }
    let mean = rests.iter().sum::<f64>() / paths as f64;
    let error = (rests.iter().map(|rest| (rest - mean).powi(2)).sum::<f64>() / paths as f64 / paths as f64).sqrt();
    let exact = forwards + mean;
    let whole = exact + running(&machine);
    let low = (exact - value) / whole;
    let bound = 5.0 * error / whole + TOLERANCE;
    // 2^20 paths: 0.672 % with an error of 0.006 %.
    assert!((low - 0.006_72).abs() <= bound, "low by {low} of V + K, allowed {bound}");
    assert!(bound < 0.002, "{bound}");
}

/// The first value of a run.
fn first(rent: DeflatingRent, machine: EarningPower) -> f64 {
    let market = Market::builder().factor("rent", rent).factor("value", machine);
    seen(market, 1, 1, &["value"], &[0]).of("value", 0)[0]
}

/// A rent of which everything is known.
fn certain() -> DeflatingRent {
    DeflatingRent { scarcity: 0.0, volatility: 0.0, ..rent() }
}

#[test]
fn a_certain_rent_earns_until_it_pays_no_more() {
    // By hand: 2 USD less 0.5 an hour for a year, not discounted, are 13,140.
    let plain = EarningPower { power_kw_per_unit: 1.0, pue: 1.0, power_usd_per_kwh: 0.5, ..machine() };
    let plain = EarningPower { opex_usd_per_unit_hour: 0.0, cost_growth: 0.0, utilisation: 1.0, ..plain };
    let flat = EarningPower { life: 1.0, discount: 0.0, ..plain.clone() };
    let value = first(DeflatingRent { initial: 2.0, deflation: 0.0, ..certain() }, flat);
    assert!((value - 13_140.0).abs() <= TOLERANCE * (13_140.0 + 4_380.0), "{value}");
    // At a deflation of 0.5 a year 2 USD cover 0.5 for 2 ln 4 = 2.77 of six years, and what is lost later is not paid.
    let falling = DeflatingRent { initial: 2.0, deflation: 0.5, ..certain() };
    let pays = 2.0 * 4.0_f64.ln();
    let paid = |rate: f64| (1.0 - (-rate * pays).exp()) / rate;
    let exact = HOURS * (2.0 * paid(0.62) - 0.5 * paid(0.12));
    let value = first(falling, plain.clone());
    assert!((value - exact).abs() <= TOLERANCE * (exact + running(&plain)), "{value} against {exact}");
}

#[test]
fn a_machine_that_costs_nothing_to_run_is_an_annuity_of_forwards() {
    let free = EarningPower { power_usd_per_kwh: 0.0, opex_usd_per_unit_hour: 0.0, ..machine() };
    let law = rent();
    let forward = |s: f64| {
        let decay = (-law.reversion * s).exp();
        let variance = law.volatility * law.volatility * (1.0 - decay * decay) / (2.0 * law.reversion);
        law.initial * (-law.deflation * s + law.scarcity * (decay - 1.0) + 0.5 * variance - free.discount * s).exp()
    };
    let exact = HOURS * free.utilisation * integral(free.life, forward);
    let value = first(law.clone(), free);
    assert!((value - exact).abs() <= TOLERANCE * exact, "{value} against {exact}");
}

#[test]
fn what_cannot_earn_is_scrap() {
    // Worn out after two years; and a rent that does not pay the power, of which all is known.
    let market = Market::builder().factor("rent", rent()).factor("value", EarningPower { life: 2.0, ..machine() });
    let worn = seen(market, 36, 512, &["value"], &[12, 24, 25, 36]);
    assert!(worn.of("value", 12).iter().any(|value| *value > 5_000.0));
    assert!(
        [24, 25, 36]
            .iter()
            .all(|step| worn.of("value", *step).iter().all(|value| value.to_bits() == 1_500_f64.to_bits()))
    );
    let cheap = DeflatingRent { initial: 0.3, ..certain() };
    assert_eq!(first(cheap, machine()).to_bits(), 1_500_f64.to_bits());
    // Idle machines earn nothing at any rent.
    assert_eq!(first(rent(), EarningPower { utilisation: 0.0, ..machine() }).to_bits(), 1_500_f64.to_bits());
}

#[test]
fn a_tier_of_half_the_rent_is_worth_what_half_a_rent_makes() {
    let half = first(rent(), EarningPower { rent_share: 0.5, ..machine() });
    let low = first(DeflatingRent { initial: 1.15, ..rent() }, machine());
    assert!((half / low - 1.0).abs() < 1e-13 && half > 1_500.0, "{half} {low}");
}

#[test]
fn scarcity_returns_to_what_is_usual_now() {
    // Rents 0.2 above the trend and drawn to 0.4 below it, as far as anyone knows, are 0.6 above where they go.
    let funding = CreditConditions {
        states: vec!["open".into(), "shut".into()],
        transitions: Transitions::MeanYears([2.0, 1.0]),
        initial_state: Some(vec![0.0, 1.0]),
        series: [("scarcity".to_owned(), ConditionSeries { values: vec![0.0, -0.4], lag: 0.0 })].into(),
    };
    let drawn = DeflatingRent { usual_scarcity: Some("funding.scarcity".into()), ..rent() };
    let market = Market::builder().factor("funding", funding).factor("rent", drawn).factor("value", machine());
    let names = ["rent", "rent.scarcity", "funding.scarcity", "value"];
    let seen = seen(market, 24, 256, &names, &[0, 24]);
    for step in [0, 24] {
        let date = step as f64 / 12.0;
        for path in (0..256).step_by(if step == 0 { 256 } else { 9 }) {
            let [rent_now, scarcity, usual, value] = names.map(|name| seen.of(name, step)[path]);
            let exact = strip(&machine(), &rent(), date, rent_now, scarcity - usual);
            let bound = TOLERANCE * (exact + running(&machine()));
            assert!((value - exact.max(1_500.0)).abs() <= bound, "{step}, {path}: {value} against {exact}");
        }
    }
}
