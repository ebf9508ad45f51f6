//! What the first year looks like on average: enough for a glance at a book before it is simulated.

use haircut::Error;
use haircut::measure::{Block, ExactSum, Measure, MeasurePlan, MetricLane, Run, StepBlock, block_sum};

/// Mean CFADS and debt service over all steps, and LTV at marks at the end of the first, by obligor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FirstYear;

/// One obligor in the result of [`FirstYear`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Glance {
    /// Mean CFADS over the run, USD.
    pub(crate) cfads: f64,
    /// Mean debt service due over the run, USD.
    pub(crate) due: f64,
    /// Mean balance over collateral at marks after the first step.
    pub(crate) ltv: f64,
}

/// Handles and sums: CFADS, debt service due, LTV.
pub(crate) struct Sums {
    metrics: Vec<[MetricLane; 3]>,
    sums: Vec<[ExactSum; 3]>,
}

impl Measure for FirstYear {
    type Partial = Sums;
    type Output = Vec<Glance>;

    fn plan(&self, plan: &mut MeasurePlan<'_>) -> Result<Sums, Error> {
        plan.observe_steps();
        let names: Vec<String> = plan.run().obligors.iter().map(|obligor| obligor.name.clone()).collect();
        let mut metrics = Vec::with_capacity(names.len());
        for name in &names {
            metrics.push([
                plan.metric(name, "cfads")?,
                plan.metric(name, "debt_service_due")?,
                plan.metric(name, "ltv_mark")?,
            ]);
        }
        Ok(Sums { sums: metrics.iter().map(|_| Default::default()).collect(), metrics })
    }

    fn observe(&self, partial: &mut Sums, block: &StepBlock<'_>) {
        if block.step().index == 0 {
            return;
        }
        for ([cfads, due, ltv], sums) in partial.metrics.iter().zip(&mut partial.sums) {
            sums[0].add(block_sum(block.metric(*cfads)));
            sums[1].add(block_sum(block.metric(*due)));
            if block.step().index == 1 {
                sums[2].add(block_sum(block.metric(*ltv)));
            }
        }
    }

    fn record(&self, _partial: &mut Sums, _block: &Block<'_>) {}

    fn merge(&self, into: &mut Sums, from: Sums) {
        for (into, from) in into.sums.iter_mut().flatten().zip(from.sums.iter().flatten()) {
            into.merge(from);
        }
    }

    fn finish(&self, partial: Sums, run: &Run) -> Vec<Glance> {
        let paths = run.paths as f64;
        let glance = |[cfads, due, ltv]: &[ExactSum; 3]| Glance {
            cfads: cfads.value() / paths,
            due: due.value() / paths,
            ltv: ltv.value() / paths,
        };
        partial.sums.iter().map(glance).collect()
    }
}
