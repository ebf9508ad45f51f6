//! Shot noise: jumps at the times of a Poisson process, each of which decays from then on.

use super::factor::{FactorBlock, FactorPlan};
use super::lanes::OwnLane;
use super::per_step::PerStep;
use super::sparse::{CHUNK, Hits, event_words};
use crate::numeric::kernel::exp;
use crate::numeric::{Lane, PATHS};
use crate::sample::{StreamKey, event};
use crate::{Error, check};

/// y_t = sum over arrivals T_j <= t of Y_j e^(-b (t - T_j)), with `per_year` arrivals a year and Y_j ~ normal(mean, deviation).
/// It starts at zero; b = 0 is a compound Poisson process.
///
/// Exact on any dates: an arrival acts at its own time. Arrival j is event j of the factor's key, its size and the gap after
/// it: they do not depend on the dates, nor sizes on the intensity.
#[derive(Debug, Clone)]
pub(super) struct Shots {
    gap: f64,
    mean: f64,
    deviation: f64,
    reversion: f64,
    /// What is left of a shot one step later.
    decay: PerStep<f64>,
    pub(super) sum: OwnLane,
    next: OwnLane,
    count: OwnLane,
}

/// Arrivals are drawn one by one: more than these in a step are a mistake of units.
const MOST: f64 = 100.0;

/// The event that holds the date of the first arrival; no arrival ever has this number.
const FIRST: u64 = 1 << 62;

/// Checks an intensity; `field` is its name.
pub(super) fn check_intensity(field: &str, per_year: f64, plan: &FactorPlan<'_>) -> Result<(), Error> {
    check::within(field, per_year, 0.0, 1000.0)?;
    let longest = plan.grid().iter().fold(0.0_f64, |longest, step| longest.max(step.length));
    if per_year * longest > MOST {
        let expected = format!("must be at most {MOST} in the longest step, which is {longest} years");
        return Err(Error::invalid(field, per_year, expected));
    }
    Ok(())
}

impl Shots {
    /// Asks for its lanes; the parameters have been checked.
    pub(super) fn plan(plan: &mut FactorPlan<'_>, per_year: f64, mean: f64, deviation: f64, reversion: f64) -> Self {
        Shots {
            // Without arrivals the first one is infinitely far.
            gap: 1.0 / per_year,
            mean,
            deviation,
            reversion,
            decay: PerStep::new(plan.grid(), |length| exp(-reversion * length)),
            sum: plan.state(),
            next: plan.state(),
            count: plan.state(),
        }
    }

    pub(super) fn start(&self, block: &mut FactorBlock<'_>) {
        block.own[self.sum].fill(0.0);
        block.own[self.count].fill(0.0);
        first_arrivals(self.gap, block.key, block.first_path, &mut block.own[self.next]);
    }

    /// Moves the sum to the end of the step.
    pub(super) fn step(&self, block: &mut FactorBlock<'_>) {
        let end = block.step.end;
        let [sum, next, count] = block.own.many([self.sum, self.next, self.count]);
        let decay = *self.decay.at(block.step);
        if decay < 1.0 {
            fade(decay, sum);
        }
        let mut hits = Hits::new();
        hits.at_most(next, end);
        while !hits.is_empty() {
            let shot = Shot { gap: self.gap, mean: self.mean, deviation: self.deviation, reversion: self.reversion };
            arrive(shot, end, *block.key, block.first_path, &hits, sum, next, count);
            hits.keep_at_most(next, end);
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Shot {
    gap: f64,
    mean: f64,
    deviation: f64,
    reversion: f64,
}

crate::vectorised! {
    fn first_arrivals(gap: f64, key: &StreamKey, first_path: u64, next: &mut Lane) {
        for path in 0..PATHS {
            next[path] = gap * event::exponential(key.event(first_path + path as u64, FIRST)[0]);
        }
    }

    fn fade(decay: f64, sum: &mut Lane) {
        for path in 0..PATHS {
            sum[path] *= decay;
        }
    }

    /// The next arrival of each of these paths. Words 1 and 2 of event j are its size, word 0 is the gap after it.
    fn arrive(
        shot: Shot, end: f64, key: StreamKey, first_path: u64, hits: &Hits, sum: &mut Lane, next: &mut Lane, count: &mut Lane,
    ) {
        for start in (0..hits.count()).step_by(CHUNK) {
            let paths = &hits.packed()[start..start + CHUNK];
            let (mut number, mut date) = ([0; CHUNK], [0.0; CHUNK]);
            for position in 0..CHUNK {
                let path = usize::from(paths[position]) % PATHS;
                number[position] = count[path] as u64;
                date[position] = next[path];
            }
            let words = event_words(key, first_path, paths, |position| number[position]);
            let (mut size, mut left, mut gap) = ([0.0; CHUNK], [0.0; CHUNK], [0.0; CHUNK]);
            for position in 0..CHUNK {
                let normal = event::normals(words[1][position], words[2][position]).0;
                size[position] = shot.deviation.mul_add(normal, shot.mean);
                left[position] = exp(-shot.reversion * (end - date[position]));
                gap[position] = shot.gap * event::exponential(words[0][position]);
            }
            let within = hits.count().min(start + CHUNK) - start;
            for position in 0..within {
                let path = usize::from(paths[position]) % PATHS;
                sum[path] = size[position].mul_add(left[position], sum[path]);
                count[path] += 1.0;
                next[path] += gap[position];
            }
        }
    }
}
