//! A measure that keeps some metrics of one obligor, or of the market for collateral, on every path and step.

use super::History;
use haircut::Error;
use haircut::measure::{Block, Measure, MeasurePlan, MetricLane, Run, StepBlock};
use std::collections::HashMap;

/// What is watched: metrics, and of whom.
#[derive(Debug, Clone)]
pub struct Watch {
    pub of: String,
    pub metrics: Vec<String>,
}

pub struct Watched {
    lanes: Vec<MetricLane>,
    /// By block: first path, and by metric and step the paths.
    blocks: Vec<(u64, Vec<History>)>,
    open: Vec<History>,
}

impl Watch {
    /// Metrics of the market for collateral.
    pub fn market(metrics: &[&str]) -> Watch {
        Watch { of: "liquidation".into(), metrics: metrics.iter().map(|metric| (*metric).to_owned()).collect() }
    }
}

impl Measure for Watch {
    type Partial = Watched;
    type Output = HashMap<String, History>;

    fn plan(&self, plan: &mut MeasurePlan<'_>) -> Result<Watched, Error> {
        plan.observe_steps();
        let lanes = self.metrics.iter().map(|metric| plan.metric(&self.of, metric)).collect::<Result<_, _>>()?;
        Ok(Watched { lanes, blocks: Vec::new(), open: vec![Vec::new(); self.metrics.len()] })
    }

    fn observe(&self, partial: &mut Watched, block: &StepBlock<'_>) {
        for (lane, history) in partial.lanes.iter().zip(&mut partial.open) {
            history.push(block.metric(*lane).to_vec());
        }
    }

    fn record(&self, partial: &mut Watched, block: &Block<'_>) {
        let finished = vec![Vec::new(); self.metrics.len()];
        partial.blocks.push((block.first_path(), std::mem::replace(&mut partial.open, finished)));
    }

    fn merge(&self, into: &mut Watched, from: Watched) {
        into.blocks.extend(from.blocks);
    }

    fn finish(&self, mut partial: Watched, run: &Run) -> HashMap<String, History> {
        partial.blocks.sort_by_key(|(first, _)| *first);
        let mut whole = vec![vec![Vec::new(); run.grid.steps() + 1]; self.metrics.len()];
        for (_, histories) in partial.blocks {
            for (whole, history) in whole.iter_mut().zip(histories) {
                for (whole, paths) in whole.iter_mut().zip(history) {
                    whole.extend(paths);
                }
            }
        }
        self.metrics.iter().cloned().zip(whole).collect()
    }
}
