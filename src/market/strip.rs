//! A strip of calls on a rent, tabulated.

use super::coming_launches::ComingLaunches;
use super::ou::OuStep;
use super::outlook::{Outlook, Terms};
use crate::Error;
use crate::numeric::kernel::exp;
use crate::numeric::{Lane, PATHS, gauss_legendre};

/// What is known of a machine on a date: ln of rent over cost, scarcity above its usual level, performance pending, and an age.
#[derive(Debug, Clone, Copy)]
struct State {
    log: f64,
    scarcity: f64,
    pending: f64,
    age: usize,
}

/// The value of a strip of calls, `integral_0^n e^(-r s) E_t[(R_(t+s) - c_(t+s))^+] ds` for a cost of 1 today, as a sum over few dates
/// of functions of one variable each:
///
/// ```text
/// sum_j w_j(n) G_j(ln R / c + (e^(-k s_j) - 1) x + ..)
/// ```
///
/// The call of a date depends on the state only through the logarithm of its forward, which is linear in the state: so the number of
/// state variables costs nothing, and each G_j is a table of a line. Dates are Gauss's in the square root of time, where the strip is
/// smooth, fixed for the run; what is left of a life changes the weights, which integrate the polynomial through all dates. Each
/// table is a cubic in each interval, with the value and slope of Black's formula at its ends.
pub(super) struct Strip {
    terms: Terms,
    nodes: Vec<Node>,
    /// Above this logarithm no call is in doubt, and the strip is a line in the rent.
    top: f64,
    /// Ages per year.
    ages: f64,
}

struct Node {
    years: f64,
    recall: f64,
    pending: f64,
    low: f64,
    /// Intervals per log.
    inverse: f64,
    /// By age: what launches to come add to the logarithm; empty where there are none.
    shifts: Vec<f64>,
    /// Value, and slope per interval, for each row of ages.
    knots: Vec<[f64; 2]>,
}

/// Points of a table, and rows of them, one for each so many ages, where the age matters.
const KNOTS: usize = 256;
const ROWS: usize = 32;
const AGES_IN_ROW: usize = 8;
const AGES: usize = ComingLaunches::AGES;
/// As long as a table of ages is, for a reason of arithmetic: a power of two.
const ROOM: usize = AGES.next_power_of_two();
const _: () = assert!(AGES == AGES_IN_ROW * (ROWS - 1) + 1);

impl Strip {
    /// How far a tabulated value may be from the integral: by this share of it and of all running costs.
    pub(super) const TOLERANCE: f64 = 5e-4;

    /// Tabulates with as many dates as the tolerance needs.
    pub(super) fn new(outlook: &Outlook<'_>, terms: Terms) -> Result<Self, Error> {
        let checks = Check::all(outlook, terms);
        for dates in [6, 8, 12, 16, 24, 32, 48] {
            let strip = Strip::with_dates(dates, outlook, terms);
            if checks.iter().all(|check| strip.passes(check)) {
                return Ok(strip);
            }
        }
        let expected = "must be shorter, or rents, launches, costs and discount move less: the value cannot be tabulated to 0.05 %";
        Err(Error::invalid("life", terms.life, expected))
    }

    fn with_dates(dates: usize, outlook: &Outlook<'_>, terms: Terms) -> Self {
        let rent = outlook.rent;
        let ages = if outlook.launches.is_some() { AGES } else { 1 };
        let wide = OuStep::new(rent.reversion, rent.volatility, terms.life).deviation;
        let usual = if rent.usual_scarcity.is_some() { 2.0 } else { 0.0 };
        // How far scarcity and what is pending may go: beyond they are taken as there.
        let (scarcity, pending) = (rent.scarcity.abs() + 6.0 * wide + usual, if ages > 1 { 2.0 } else { 0.0 });
        let planned: Vec<_> = gauss_legendre(dates)
            .into_iter()
            .map(|(x, _)| {
                let years = terms.life * x * x;
                let laws: Vec<(f64, f64)> = (0..ages).map(|age| outlook.law(age, years)).collect();
                let jumped = outlook.jump_variance(years);
                let bounds = laws.iter().fold((f64::INFINITY, f64::NEG_INFINITY, 0.0_f64), |bounds, law| {
                    (bounds.0.min(law.0), bounds.1.max(law.0), bounds.2.max(law.1 + jumped))
                });
                let (recall, pulled) = outlook.pulls(years);
                (years, laws, bounds, recall, pulled, recall.abs() * scarcity + pulled.abs() * pending)
            })
            .collect();
        // Where the put that is left is below 1e-9 of its strike on all dates.
        let top = planned.iter().fold(0.0_f64, |top, (years, _, bounds, _, _, reach)| {
            top.max(terms.growth * years + 6.0 * bounds.2.sqrt() - bounds.0 + reach)
        });
        let nodes = planned.into_iter().map(|(years, laws, bounds, recall, pending, reach)| {
            let deviation = bounds.2.sqrt();
            let low = terms.growth * years - 6.5 * deviation - 0.5 * bounds.2 - 0.01;
            let high = (top + bounds.1 + reach).max(low + 1.0);
            let step = (high - low) / (KNOTS - 1) as f64;
            let (rows, jumps) = (ages.min(ROWS), outlook.jumps(years));
            let mut knots = Vec::with_capacity(rows * KNOTS);
            for row in 0..rows {
                let variance = laws[row * AGES_IN_ROW].1;
                let logs: [f64; KNOTS] = std::array::from_fn(|knot| low + step * knot as f64);
                let [values, slopes] = terms.calls(years, &logs, variance, &jumps);
                knots.extend(values.into_iter().zip(slopes).map(|(value, slope)| [value, slope * step]));
            }
            let room = if ages > 1 { ROOM } else { 1 };
            let shifts = (0..room).map(|age| laws[age.min(ages - 1)].0).collect();
            Node { years, recall, pending, low, inverse: 1.0 / step, shifts, knots }
        });
        let ages = match &outlook.launches {
            Some((_, launches)) => 1.0 / launches.years_of(1),
            None => 0.0,
        };
        Strip { terms, nodes: nodes.collect(), top, ages }
    }

    /// The weight of each date when `life` years are left, and the annuity of all costs.
    pub(super) fn weights(&self, life: f64) -> (Vec<f64>, f64) {
        let places: Vec<f64> = self.nodes.iter().map(|node| (node.years / self.terms.life).sqrt()).collect();
        let end = (life / self.terms.life).sqrt();
        let rule = gauss_legendre(places.len());
        let weights = places.iter().enumerate().map(|(own, place)| {
            let integrand = |x: f64| {
                let others = places.iter().enumerate().filter(|(other, _)| *other != own);
                others.fold(2.0 * x, |product, (_, other)| product * (x - other) / (place - other))
            };
            self.terms.life * end * rule.iter().map(|(x, weight)| weight * integrand(end * x)).sum::<f64>()
        });
        (weights.collect(), self.terms.annuity(life))
    }

    fn passes(&self, check: &Check) -> bool {
        let (weights, annuity) = self.weights(check.life);
        check.values.iter().all(|(state, exact)| {
            let log = state.log.min(self.top);
            let excess = exp(state.log - log);
            let mut sum = 0.0;
            for (node, weight) in self.nodes.iter().zip(&weights) {
                let moved = log + node.recall * state.scarcity + node.pending * state.pending + node.shifts[state.age];
                let (knot, part) = place::<KNOTS>((moved - node.low) * node.inverse);
                let call = match (node.knots.first_chunk(), node.knots.first_chunk::<KNOTS>()) {
                    (Some(knots), _) => between_ages(knots, state.age as f64 + ROUND, 0.0, knot, part),
                    (None, Some(knots)) => line(knots, knot, part),
                    (None, None) => f64::NAN,
                };
                sum += weight * call;
            }
            let value = sum * excess + annuity * (excess - 1.0);
            let whole = self.terms.annuity(self.terms.life);
            // Written so that what is not a number does not pass.
            (value - exact).abs() <= Self::TOLERANCE * (exact + whole)
        })
    }

    /// Sets `value` to the strip, for a cost of 1.
    pub(super) fn value(
        &self,
        weights: &[f64],
        annuity: f64,
        known: &Known<'_>,
        [at, part, young, older]: [&mut Lane; 4],
        value: &mut Lane,
    ) {
        value.fill(0.0);
        if let Some((_, age)) = known.launches {
            locate_age(self.ages, age, young, older);
        }
        for (node, weight) in self.nodes.iter().zip(weights) {
            let &Node { recall, low, inverse, .. } = node;
            match (known.launches, node.knots.first_chunk(), node.shifts.first_chunk(), node.knots.first_chunk()) {
                (Some((pending, _)), Some(knots), Some(shifts), _) => {
                    shift(shifts, young, older, at);
                    locate_pressed([recall, node.pending], low, inverse, known.log, known.scarcity, pending, at, part);
                    add_aged(*weight, knots, young, older, at, part, value);
                }
                (_, _, _, Some(knots)) => {
                    let shift = node.shifts.first().copied().unwrap_or(0.0);
                    locate(recall, shift - low, inverse, known.log, known.scarcity, at, part);
                    add(*weight, knots, at, part, value);
                }
                _ => {}
            }
        }
        extend(annuity, known.excess, value);
    }

    pub(super) fn top(&self) -> f64 {
        self.top
    }
}

/// The state of a block of paths.
pub(super) struct Known<'a> {
    /// ln of rent over cost, up to the strip's top.
    pub(super) log: &'a Lane,
    /// Rent over cost over what `log` says.
    pub(super) excess: &'a Lane,
    pub(super) scarcity: &'a Lane,
    /// What is launched and not adopted, and the age of the newest generation.
    pub(super) launches: Option<(&'a Lane, &'a Lane)>,
}

/// Values of the integral itself with one remaining life, by many dates and Black's formula on each.
struct Check {
    life: f64,
    values: Vec<(State, f64)>,
}

/// Rents over cost that are checked, from a fifth to fifteen.
const LOGS: usize = 20;

impl Check {
    fn log(place: usize) -> f64 {
        0.23 * place as f64 - 1.6
    }

    fn all(outlook: &Outlook<'_>, terms: Terms) -> Vec<Check> {
        let rent = outlook.rent;
        let wide = OuStep::new(rent.reversion, rent.volatility, terms.life).deviation;
        let (ages, pending): (&[usize], &[f64]) =
            if outlook.launches.is_some() { (&[0, 4, 36, 68, 124], &[0.0, 0.4]) } else { (&[0], &[0.0]) };
        let lives = [1.0, 0.73, 0.41, 0.17].map(|share| share * terms.life);
        lives
            .into_iter()
            .map(|life| {
                let mut values = Vec::new();
                for &age in ages {
                    let dates: Vec<_> = gauss_legendre(64)
                        .into_iter()
                        .map(|(x, weight)| {
                            let years = life * x * x;
                            let [law, pulls] = [outlook.law(age, years), outlook.pulls(years)];
                            (2.0 * life * x * weight, years, law, pulls, outlook.jumps(years))
                        })
                        .collect();
                    for &pending in pending {
                        for scarcity in [-2.0 * wide, rent.scarcity, 2.0 * wide] {
                            let mut sums = [0.0; LOGS];
                            for (weight, years, (mean, variance), (recall, pulled), jumps) in &dates {
                                let moved = mean + recall * scarcity + pulled * pending;
                                let logs: [f64; LOGS] = std::array::from_fn(|place| Self::log(place) + moved);
                                let [calls, _] = terms.calls(*years, &logs, *variance, jumps);
                                sums.iter_mut().zip(calls).for_each(|(sum, call)| *sum += weight * call);
                            }
                            values.extend(sums.into_iter().enumerate().map(|(place, exact)| {
                                (State { log: Self::log(place), scarcity, pending, age }, exact)
                            }));
                        }
                    }
                }
                Check { life, values }
            })
            .collect()
    }
}

/// Rounds to an integer, whose lowest bits are then the lowest bits of the sum.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// The interval between so many points in which a place lies, from 0, in the lowest bits of a number, and where in it. At the end of
/// one interval and the beginning of the next a table has the same value.
#[inline(always)]
fn place<const POINTS: usize>(place: f64) -> (f64, f64) {
    let place = if place > 0.0 { place } else { 0.0 };
    let last = (POINTS - 1) as f64 - 1e-9;
    let place = if place < last { place } else { last };
    let rounded = (place - 0.5) + ROUND;
    (rounded, place - (rounded - ROUND))
}

/// The cubic with these values and slopes at 0 and 1.
#[inline(always)]
fn hermite([value, slope]: [f64; 2], [next, next_slope]: [f64; 2], part: f64) -> f64 {
    let rise = next - value;
    let cubic = part.mul_add(slope + next_slope - 2.0 * rise, 3.0 * rise - 2.0 * slope - next_slope);
    part.mul_add(part.mul_add(cubic, slope), value)
}

/// From a table of one row.
#[inline(always)]
fn line(knots: &[[f64; 2]; KNOTS], at: f64, part: f64) -> f64 {
    let knot = at.to_bits() as usize & (KNOTS - 1);
    hermite(knots[knot], knots[(knot + 1) & (KNOTS - 1)], part)
}

/// From a table with rows.
#[inline(always)]
fn between_ages(knots: &[[f64; 2]; KNOTS * ROWS], young: f64, older: f64, at: f64, part: f64) -> f64 {
    const LAST: usize = KNOTS * ROWS - 1;
    let age = young.to_bits() as usize & (ROOM - 1);
    let share = ((age % AGES_IN_ROW) as f64 + older) * (1.0 / AGES_IN_ROW as f64);
    let knot = age / AGES_IN_ROW * KNOTS + (at.to_bits() as usize & (KNOTS - 1));
    let low = hermite(knots[knot & LAST], knots[(knot + 1) & LAST], part);
    let high = hermite(knots[(knot + KNOTS) & LAST], knots[(knot + KNOTS + 1) & LAST], part);
    share.mul_add(high - low, low)
}

// A table is looked up path by path, and everything else is done for a lane at once: hence the two passes.
crate::vectorised! {
    /// Where each path stands in the table of a date.
    fn locate(
        recall: f64, offset: f64, inverse: f64, log: &Lane, scarcity: &Lane, at: &mut Lane, part: &mut Lane,
    ) {
        for path in 0..PATHS {
            (at[path], part[path]) = place::<KNOTS>(scarcity[path].mul_add(recall, log[path] + offset) * inverse);
        }
    }

    fn add(weight: f64, knots: &[[f64; 2]; KNOTS], at: &Lane, part: &Lane, sum: &mut Lane) {
        for path in 0..PATHS {
            sum[path] = line(knots, at[path], part[path]).mul_add(weight, sum[path]);
        }
    }

    /// Where each path stands among the ages.
    fn locate_age(ages: f64, age: &Lane, young: &mut Lane, older: &mut Lane) {
        for path in 0..PATHS {
            (young[path], older[path]) = place::<AGES>(age[path] * ages);
        }
    }

    /// What launches to come add, from an age and the next.
    fn shift(shifts: &[f64; ROOM], young: &Lane, older: &Lane, moved: &mut Lane) {
        for path in 0..PATHS {
            let young = young[path].to_bits() as usize & (ROOM - 1);
            moved[path] = older[path].mul_add(shifts[(young + 1) & (ROOM - 1)] - shifts[young], shifts[young]);
        }
    }

    /// `at` holds what launches to come add.
    fn locate_pressed(
        pulls: [f64; 2], low: f64, inverse: f64, log: &Lane, scarcity: &Lane, pending: &Lane, at: &mut Lane, part: &mut Lane,
    ) {
        for path in 0..PATHS {
            let moved = scarcity[path].mul_add(pulls[0], pending[path].mul_add(pulls[1], log[path] + at[path]));
            (at[path], part[path]) = place::<KNOTS>((moved - low) * inverse);
        }
    }

    /// Between the rows of two ages.
    fn add_aged(
        weight: f64, knots: &[[f64; 2]; KNOTS * ROWS], young: &Lane, older: &Lane, at: &Lane, part: &Lane, sum: &mut Lane,
    ) {
        for path in 0..PATHS {
            let value = between_ages(knots, young[path], older[path], at[path], part[path]);
            sum[path] = value.mul_add(weight, sum[path]);
        }
    }

    /// Beyond the top the strip is rent less cost.
    fn extend(annuity: f64, excess: &Lane, sum: &mut Lane) {
        for path in 0..PATHS {
            sum[path] = sum[path].mul_add(excess[path], annuity * (excess[path] - 1.0));
        }
    }
}
