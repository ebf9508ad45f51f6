//! A measure of one's own: the share of months in which a coin stands below its price of today.
//!     cargo run --release --example own_measure
#![allow(clippy::print_stdout, reason = "an example shows its results")]

use haircut::credit::Book;
use haircut::market::{Gbm, Market, ReadLane};
use haircut::measure::{Block, Confidence, Estimate, ExactSum, Measure, MeasurePlan, Run, StepBlock};
use haircut::numeric::Lane;
use haircut::numeric::kernel::normal_cdf;
use haircut::{Error, Simulation};

/// The series, and the level below which it is under water.
#[derive(Debug)]
struct TimeUnderWater(&'static str, f64);

/// What one worker accumulates: sums that merge exactly, so that threads do not change the result, and scratch.
struct Partial {
    lane: ReadLane,
    months: Box<Lane>,
    sums: [ExactSum; 2],
}

impl Measure for TimeUnderWater {
    type Partial = Partial;
    type Output = Estimate;

    fn plan(&self, plan: &mut MeasurePlan<'_>) -> Result<Partial, Error> {
        plan.observe_steps();
        Ok(Partial { lane: plan.series(self.0)?, months: Box::new(Lane::ZERO), sums: Default::default() })
    }

    // Every step of a block, time zero first, and then its record.
    fn observe(&self, partial: &mut Partial, block: &StepBlock<'_>) {
        if block.step().index == 0 {
            *partial.months = Lane::ZERO;
            return;
        }
        for (months, level) in partial.months.iter_mut().zip(block.series(partial.lane)) {
            *months += if *level < self.1 { 1.0 } else { 0.0 };
        }
    }

    fn record(&self, partial: &mut Partial, block: &Block<'_>) {
        for (months, weight) in partial.months.iter().zip(block.weights()) {
            partial.sums[0].add(weight * months);
            partial.sums[1].add((weight * months) * (weight * months));
        }
    }

    fn merge(&self, into: &mut Partial, from: Partial) {
        into.sums.iter_mut().zip(&from.sums).for_each(|(into, from)| into.merge(from));
    }

    fn finish(&self, partial: Partial, run: &Run) -> Estimate {
        let [sum, squares] = partial.sums.map(|sum| sum.value());
        Estimate::mean(run.paths, sum, squares, Confidence::default()).scaled(1.0 / run.grid.steps() as f64)
    }
}

fn main() -> Result<(), Error> {
    let market = Market::builder().factor("btc", Gbm { initial: 61_500.0, drift: 0.15, volatility: 0.65 }).build()?;
    let measure = TimeUnderWater("btc", 61_500.0);
    let share = Simulation::new(market, Book::default()).months(36).paths(100_000).run(measure)?;
    // P(S_t < S_0) = N((v^2 / 2 - drift) sqrt(t) / v), averaged over the months.
    let below = |month: i32| normal_cdf((0.5 * 0.65 * 0.65 - 0.15) * (f64::from(month) / 12.0).sqrt() / 0.65);
    let exact = (1..=36).map(below).sum::<f64>() / 36.0;
    println!("{share:.4} of the months are under water, in closed form {exact:.4}");
    assert!((share.value - exact).abs() < 5.0 * share.standard_error);
    Ok(())
}
