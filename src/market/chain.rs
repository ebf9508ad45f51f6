//! A continuous-time Markov chain with a handful of states: its algebra, and its switches drawn one by one.

use super::factor::FactorPlan;
use super::regimes::thresholds;
use crate::Error;
use crate::numeric::kernel::{exp, ln};
use crate::numeric::{Lane, PATHS};
use crate::sample::{StreamKey, event};

/// A generator: rates of leaving per year off the diagonal, rows that sum to zero.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Generator(Vec<Vec<f64>>);

impl Generator {
    pub(super) fn new(rows: &[Vec<f64>]) -> Result<Self, Error> {
        let size = rows.len();
        let mut generator = rows.to_vec();
        for (i, row) in rows.iter().enumerate() {
            if row.len() != size {
                let expected = format!("must have {size} entries, one for each regime");
                return Err(Error::invalid(format!("[{i}]"), format!("a row of {}", row.len()), expected));
            }
            let mut leaving = 0.0;
            for (j, rate) in row.iter().enumerate() {
                if i != j && !(0.0..=10_000.0).contains(rate) {
                    return Err(Error::invalid(format!("[{i}][{j}]"), rate, "must lie between 0 and 10000 per year"));
                }
                leaving += if i == j { 0.0 } else { *rate };
            }
            // Written so that a diagonal that is not a number is refused too.
            let sums_to_zero = (row[i] + leaving).abs() <= 1e-9 * leaving.max(1.0);
            if !sums_to_zero {
                return Err(Error::invalid(
                    format!("[{i}][{i}]"),
                    row[i],
                    format!("must be {}, for a row sums to zero", -leaving),
                ));
            }
            generator[i][i] = -leaving;
        }
        Ok(Generator(generator))
    }

    /// P = exp(Q t), rows to states at the end.
    ///
    /// Uniformised, `P = e^(-l t) exp((Q + l) t)` with `l` the largest rate of leaving, every term of the series is
    /// positive and nothing cancels; scaled down by `2^-s` until 12 terms are beyond rounding, then squared `s` times. Rows are
    /// scaled to sum to 1 each time.
    pub(super) fn transition(&self, time: f64) -> Vec<Vec<f64>> {
        let size = self.0.len();
        let largest = (0..size).fold(0.0_f64, |largest, i| largest.max(-self.0[i][i]));
        let mut squarings = 0;
        let mut scaled = time;
        while largest * scaled > 0.125 {
            scaled *= 0.5;
            squarings += 1;
        }
        let mut positive = self.0.clone();
        for (i, row) in positive.iter_mut().enumerate() {
            row[i] += largest;
            row.iter_mut().for_each(|entry| *entry *= scaled);
        }
        let mut transition = identity(size);
        // Horner: 1 + A (1 + A/2 (1 + A/3 (..))).
        for term in (1..=12).rev() {
            transition = product(&positive, &transition);
            for (i, row) in transition.iter_mut().enumerate() {
                row.iter_mut().for_each(|entry| *entry /= f64::from(term));
                row[i] += 1.0;
            }
        }
        let factor = exp(-largest * scaled);
        transition.iter_mut().flatten().for_each(|entry| *entry *= factor);
        normalise(&mut transition);
        for _ in 0..squarings {
            transition = product(&transition, &transition);
            normalise(&mut transition);
        }
        transition
    }

    /// The rate of leaving each state, per year.
    pub(super) fn leaving(&self) -> Vec<f64> {
        self.0.iter().enumerate().map(|(state, row)| -row[state]).collect()
    }

    /// Where the chain goes when it leaves a state; a state that is never left keeps itself.
    pub(super) fn destinations(&self, state: usize) -> Vec<f64> {
        let leaving = -self.0[state][state];
        let to = |(other, rate): (usize, &f64)| match (other == state, leaving > 0.0) {
            (false, true) => rate / leaving,
            (true, false) => 1.0,
            _ => 0.0,
        };
        self.0[state].iter().enumerate().map(to).collect()
    }

    /// The distribution at time zero: the one given, checked, or that of the long run.
    pub(super) fn distribution(&self, field: &str, given: Option<&[f64]>) -> Result<Vec<f64>, Error> {
        let Some(given) = given else { return self.stationary(field) };
        if given.len() != self.0.len() {
            let expected = format!("must have one probability for each of the {} regimes", self.0.len());
            return Err(Error::invalid(field, format!("{} numbers", given.len()), expected));
        }
        for (position, probability) in given.iter().enumerate() {
            crate::check::within(&format!("{field}[{position}]"), *probability, 0.0, 1.0)?;
        }
        let total: f64 = given.iter().sum();
        if (total - 1.0).abs() > 1e-9 {
            return Err(Error::invalid(field, format!("a sum of {total}"), "must sum to 1"));
        }
        Ok(given.iter().map(|probability| probability / total).collect())
    }

    /// The distribution that the chain keeps: p Q = 0. `field` is the one to be given where there is no such.
    ///
    /// By state reduction, without a subtraction: W. K. Grassmann, M. I. Taksar, D. P. Heyman, "Regenerative analysis and
    /// steady state distributions for Markov chains", Oper. Res. 33 (1985) 1107-1116, doi:10.1287/opre.33.5.1107.
    fn stationary(&self, field: &str) -> Result<Vec<f64>, Error> {
        if !self.is_irreducible() {
            let expected = "must be given, for not every regime can be reached from every other";
            return Err(Error::invalid(field, "none", expected));
        }
        let size = self.0.len();
        let mut rates = self.0.clone();
        for last in (1..size).rev() {
            let leaving: f64 = rates[last][..last].iter().sum();
            for i in 0..last {
                rates[i][last] /= leaving;
                for j in 0..last {
                    if i != j {
                        rates[i][j] += rates[i][last] * rates[last][j];
                    }
                }
            }
        }
        let mut distribution = vec![1.0];
        for state in 1..size {
            distribution.push((0..state).map(|i| distribution[i] * rates[i][state]).sum());
        }
        let total: f64 = distribution.iter().sum();
        Ok(distribution.into_iter().map(|weight| weight / total).collect())
    }
}

impl Generator {
    /// Whether every state can be reached from every other.
    fn is_irreducible(&self) -> bool {
        let size = self.0.len();
        let mut reached: Vec<Vec<bool>> =
            self.0.iter().map(|row| row.iter().map(|rate| *rate > 0.0).collect()).collect();
        for via in 0..size {
            for from in 0..size {
                for to in 0..size {
                    reached[from][to] |= reached[from][via] & reached[via][to];
                }
            }
        }
        (0..size).all(|from| (0..size).all(|to| from == to || reached[from][to]))
    }
}

/// A chain whose switches happen at their own times, ready to be drawn.
///
/// The state at time zero and the length of its stay are event 0 of a path, the k-th switch and the stay after it are event
/// k: no date moves a switch.
#[derive(Debug)]
pub(super) struct Chain {
    /// Mean years in each state; infinite where it is never left.
    stay: Vec<f64>,
    /// Thresholds of the distribution at time zero.
    initial: Vec<f64>,
    /// Thresholds of the destinations, state by state.
    destinations: Vec<Vec<f64>>,
}

/// Expected switches in a step. They are drawn one by one: more than these are a mistake of units.
const MOST_SWITCHES: f64 = 1000.0;

impl Chain {
    /// `transitions` is the field that an error is to name.
    pub(super) fn plan(
        transitions: &str,
        generator: &Generator,
        initial: &[f64],
        plan: &FactorPlan<'_>,
    ) -> Result<Self, Error> {
        let leaving = generator.leaving();
        let longest = plan.grid().iter().fold(0.0_f64, |longest, step| longest.max(step.length));
        let most = leaving.iter().copied().fold(0.0, f64::max) * longest;
        if most > MOST_SWITCHES {
            let expected = format!("must be at most {MOST_SWITCHES} in a step");
            return Err(Error::invalid(transitions, format!("{most} switches"), expected));
        }
        Ok(Chain {
            destinations: (0..leaving.len()).map(|state| thresholds(&generator.destinations(state))).collect(),
            stay: leaving.iter().map(|rate| 1.0 / rate).collect(),
            initial: thresholds(initial),
        })
    }

    /// Sets the state at time zero and the time of the first switch, path by path.
    pub(super) fn start(&self, key: StreamKey, first_path: u64, state: &mut Lane, next: &mut Lane) {
        start(self, key, first_path, state, next);
    }

    /// Switch `number` of a path, counted from 1: where it leads, and how long that lasts.
    #[inline(always)]
    pub(super) fn switch(&self, from: usize, key: StreamKey, path: u64, number: f64) -> (usize, f64) {
        self.enter(&self.destinations[from], key.event(path, number as u64))
    }

    /// The state that an event leads to, and how long it lasts.
    #[inline(always)]
    fn enter(&self, thresholds: &[f64], words: [u64; 4]) -> (usize, f64) {
        let uniform = event::uniform(words[0]);
        let state = thresholds.iter().filter(|threshold| uniform >= **threshold).count();
        (state, -ln(event::uniform(words[1])) * self.stay[state])
    }
}

crate::vectorised! {
    fn start(chain: &Chain, key: StreamKey, first_path: u64, state: &mut Lane, next: &mut Lane) {
        for path in 0..PATHS {
            let (entered, stay) = chain.enter(&chain.initial, key.event(first_path + path as u64, 0));
            state[path] = entered as f64;
            next[path] = stay;
        }
    }
}

fn identity(size: usize) -> Vec<Vec<f64>> {
    (0..size).map(|i| (0..size).map(|j| if i == j { 1.0 } else { 0.0 }).collect()).collect()
}

fn product(a: &[Vec<f64>], b: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let size = a.len();
    (0..size).map(|i| (0..size).map(|j| (0..size).map(|k| a[i][k] * b[k][j]).sum()).collect()).collect()
}

fn normalise(rows: &mut [Vec<f64>]) {
    for row in rows {
        let total: f64 = row.iter().sum();
        row.iter_mut().for_each(|entry| *entry /= total);
    }
}

#[cfg(test)]
mod tests {
    //! Guards: the closed form of two states, the semigroup, the stationary law, and refusals by entry.
    use super::*;

    fn generator() -> Generator {
        Generator::new(&[vec![-0.7, 0.5, 0.2], vec![2.0, -2.5, 0.5], vec![0.3, 3.0, -3.3]]).unwrap()
    }

    #[test]
    fn two_states_have_a_closed_form() {
        let (a, b) = (0.4, 2.3);
        let chain = Generator::new(&[vec![-a, a], vec![b, -b]]).unwrap();
        for time in [1.0 / 365.0, 1.0 / 12.0, 1.0, 30.0] {
            let gone = a / (a + b) * (1.0 - (-(a + b) * time).exp());
            let back = b / (a + b) * (1.0 - (-(a + b) * time).exp());
            let p = chain.transition(time);
            for (entry, exact) in p.iter().flatten().zip([1.0 - gone, gone, back, 1.0 - back]) {
                assert!((entry - exact).abs() < 1e-14, "{time}: {entry} {exact}");
            }
        }
        let stationary = chain.stationary("initial").unwrap();
        assert!((stationary[0] - b / (a + b)).abs() < 1e-15 && (stationary[1] - a / (a + b)).abs() < 1e-15);
    }

    #[test]
    fn transitions_compose_and_keep_the_stationary_law() {
        let chain = generator();
        let (short, long) = (chain.transition(0.3), chain.transition(0.6));
        for (entry, exact) in product(&short, &short).iter().flatten().zip(long.iter().flatten()) {
            assert!((entry - exact).abs() < 1e-14);
        }
        let law = chain.stationary("initial").unwrap();
        for j in 0..3 {
            let kept: f64 = (0..3).map(|i| law[i] * long[i][j]).sum();
            assert!((kept - law[j]).abs() < 1e-14);
        }
        // Rates that switch thousands of times in a step end in the stationary law, not in overflow.
        let fast = Generator::new(&[vec![-9000.0, 9000.0], vec![3000.0, -3000.0]]).unwrap().transition(1.0);
        assert!(fast.iter().all(|row| (row[0] - 0.25).abs() < 1e-12));
    }

    #[test]
    fn bad_generators_are_refused_by_entry() {
        let field = |rows: &[Vec<f64>]| Generator::new(rows).unwrap_err().field().unwrap_or_default().to_owned();
        assert_eq!(field(&[vec![-1.0, 1.0], vec![1.0]]), "[1]");
        assert_eq!(field(&[vec![-1.0, -1.0], vec![1.0, -1.0]]), "[0][1]");
        assert_eq!(field(&[vec![-1.0, 1.0], vec![1.0, -2.0]]), "[1][1]");
        assert_eq!(field(&[vec![f64::NAN, 1.0], vec![1.0, -1.0]]), "[0][0]");
        assert_eq!(field(&[vec![-1.0, f64::NAN], vec![1.0, -1.0]]), "[0][1]");
        let absorbing = Generator::new(&[vec![-1.0, 1.0], vec![0.0, 0.0]]).unwrap();
        assert_eq!(absorbing.stationary("initial").unwrap_err().field(), Some("initial"));
        let first = Generator::new(&[vec![0.0, 0.0], vec![1.0, -1.0]]).unwrap();
        assert_eq!(first.stationary("initial").unwrap_err().field(), Some("initial"));
    }
}
