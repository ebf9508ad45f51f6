//! What is reported? Aggregations of finished blocks, each with its error.
//!
//! A [`Measure`] sees every block, keeps a partial result that merges exactly, and gives a typed result. Tuples of
//! measures are measures, and so are an `Option` and a list of one kind. `docs/measures.md` has examples worked by hand.

mod band;
mod binomial;
mod bins;
mod cash_tranches;
mod collateral_illusion;
mod confidence;
mod credit_sums;
mod default_table;
mod defaults;
mod estimate;
mod event_counts;
mod exact_sum;
pub(crate) mod extended;
mod facility_cash;
mod fair_spreads;
mod fan;
mod joint;
mod liquidations;
mod loss_distribution;
mod losses;
mod moments;
mod note_results;
mod observed;
mod order;
mod outcomes;
mod path_losses;
mod pool;
mod proportion;
mod recoveries;
mod returns;
mod sample;
mod sums;
mod tally;
mod tranche_losses;
mod tranches;
mod view;
mod waterfall;

pub use band::Band;
pub use cash_tranches::{CashPartial, CashTranches, Note};
pub use collateral_illusion::{CollateralIllusion, Illusion, IllusionDate, IllusionPartial};
pub use confidence::Confidence;
pub use default_table::{DefaultCounts, DefaultTable};
pub use defaults::{Credit, Defaults, ObligorDefaults};
pub use estimate::Estimate;
pub use event_counts::{EventCount, EventCounts, EventPartial};
pub use exact_sum::{ExactSum, block_sum};
pub use fair_spreads::{FairSpread, FairSpreads, SpreadOf, SpreadPartial};
pub use fan::{Fan, FanDate, FanPartial};
pub use liquidations::{Liquidation, LiquidationDate, LiquidationPartial, Liquidations};
pub use loss_distribution::{LossDistribution, LossPartial};
pub use losses::{Histogram, Losses};
pub use note_results::{CashResults, NoteDate, NoteResult};
pub use outcomes::{Fate, FateProbability, ObligorFates, OutcomePartial, Outcomes};
pub use path_losses::{PathLoss, PathLosses};
pub use pool::Pool;
pub use recoveries::{Recoveries, Recovery, RecoveryPartial, Returns};
pub use tally::Tally;
pub use tranche_losses::{TrancheDate, TrancheLosses};
pub use tranches::{Tranche, TranchePartial, Tranches};
pub use view::{Block, MeasurePlan, MetricLane, Run, StepBlock};
pub(crate) use view::{Requests, metrics_of};

use crate::Error;
use std::fmt::Debug;

/// An aggregation over paths: the description of what is wanted.
///
/// Each worker keeps one partial, records the blocks that it simulated, and at the end all partials are merged in no
/// particular order. For a run to give the same bits on any number of threads, merging must be associative and
/// commutative to the bit: integer counts, [`ExactSum`]s, sorted values; never a plain sum of `f64`.
///
/// Weights: [`Block::weights`] holds a likelihood weight per path, 1 unless paths are drawn from another law. A measure
/// must use it.
///
/// `Debug` must print what is asked for: its text tells the shards of one measure from those of another.
pub trait Measure: Debug + Send + Sync {
    /// What one worker accumulates. It also holds the handles that planning gave, and scratch lanes if it needs some.
    type Partial: Send;
    /// The result.
    type Output;

    /// Asks for what is needed and returns an empty partial.
    ///
    /// # Errors
    /// When something asked for does not exist in this run.
    fn plan(&self, plan: &mut MeasurePlan<'_>) -> Result<Self::Partial, Error>;

    /// Sees one block at the end of one step, and at time zero (`step.index` 0); called only when
    /// [`MeasurePlan::observe_steps`] was.
    fn observe(&self, partial: &mut Self::Partial, block: &StepBlock<'_>) {
        let _ = (partial, block);
    }

    /// Records one finished block.
    fn record(&self, partial: &mut Self::Partial, block: &Block<'_>);

    /// Merges another worker's partial into this one, exactly.
    fn merge(&self, into: &mut Self::Partial, from: Self::Partial);

    /// Turns the merged partial into the result.
    fn finish(&self, partial: Self::Partial, run: &Run) -> Self::Output;
}

impl<M: Measure> Measure for &M {
    type Partial = M::Partial;
    type Output = M::Output;

    fn plan(&self, plan: &mut MeasurePlan<'_>) -> Result<Self::Partial, Error> {
        (*self).plan(plan)
    }
    fn observe(&self, partial: &mut Self::Partial, block: &StepBlock<'_>) {
        (*self).observe(partial, block);
    }
    fn record(&self, partial: &mut Self::Partial, block: &Block<'_>) {
        (*self).record(partial, block);
    }
    fn merge(&self, into: &mut Self::Partial, from: Self::Partial) {
        (*self).merge(into, from);
    }
    fn finish(&self, partial: Self::Partial, run: &Run) -> Self::Output {
        (*self).finish(partial, run)
    }
}

/// A measure that may not be asked for: then nothing is observed, recorded or reported.
impl<M: Measure> Measure for Option<M> {
    type Partial = Option<M::Partial>;
    type Output = Option<M::Output>;

    fn plan(&self, plan: &mut MeasurePlan<'_>) -> Result<Self::Partial, Error> {
        self.as_ref().map(|measure| measure.plan(plan)).transpose()
    }
    fn observe(&self, partial: &mut Self::Partial, block: &StepBlock<'_>) {
        if let (Some(measure), Some(partial)) = (self, partial) {
            measure.observe(partial, block);
        }
    }
    fn record(&self, partial: &mut Self::Partial, block: &Block<'_>) {
        if let (Some(measure), Some(partial)) = (self, partial) {
            measure.record(partial, block);
        }
    }
    fn merge(&self, into: &mut Self::Partial, from: Self::Partial) {
        if let (Some(measure), Some(into), Some(from)) = (self, into, from) {
            measure.merge(into, from);
        }
    }
    fn finish(&self, partial: Self::Partial, run: &Run) -> Self::Output {
        self.as_ref().zip(partial).map(|(measure, partial)| measure.finish(partial, run))
    }
}

/// Several measures of one kind: a result for each.
impl<M: Measure> Measure for Vec<M> {
    type Partial = Vec<M::Partial>;
    type Output = Vec<M::Output>;

    fn plan(&self, plan: &mut MeasurePlan<'_>) -> Result<Self::Partial, Error> {
        self.iter().map(|measure| measure.plan(plan)).collect()
    }
    fn observe(&self, partial: &mut Self::Partial, block: &StepBlock<'_>) {
        self.iter().zip(partial).for_each(|(measure, partial)| measure.observe(partial, block));
    }
    fn record(&self, partial: &mut Self::Partial, block: &Block<'_>) {
        self.iter().zip(partial).for_each(|(measure, partial)| measure.record(partial, block));
    }
    fn merge(&self, into: &mut Self::Partial, from: Self::Partial) {
        self.iter().zip(into).zip(from).for_each(|((measure, into), from)| measure.merge(into, from));
    }
    fn finish(&self, partial: Self::Partial, run: &Run) -> Self::Output {
        self.iter().zip(partial).map(|(measure, partial)| measure.finish(partial, run)).collect()
    }
}

macro_rules! tuple_measure {
    ($($measure:ident $index:tt),*) => {
        impl<$($measure: Measure),*> Measure for ($($measure,)*) {
            type Partial = ($($measure::Partial,)*);
            type Output = ($($measure::Output,)*);

            fn plan(&self, plan: &mut MeasurePlan<'_>) -> Result<Self::Partial, Error> {
                Ok(($(self.$index.plan(plan)?,)*))
            }
            fn observe(&self, partial: &mut Self::Partial, block: &StepBlock<'_>) {
                $(self.$index.observe(&mut partial.$index, block);)*
            }
            fn record(&self, partial: &mut Self::Partial, block: &Block<'_>) {
                $(self.$index.record(&mut partial.$index, block);)*
            }
            fn merge(&self, into: &mut Self::Partial, from: Self::Partial) {
                $(self.$index.merge(&mut into.$index, from.$index);)*
            }
            fn finish(&self, partial: Self::Partial, run: &Run) -> Self::Output {
                ($(self.$index.finish(partial.$index, run),)*)
            }
        }
    };
}

tuple_measure!(A 0);
tuple_measure!(A 0, B 1);
tuple_measure!(A 0, B 1, C 2);
tuple_measure!(A 0, B 1, C 2, D 3);
tuple_measure!(A 0, B 1, C 2, D 3, E 4);
tuple_measure!(A 0, B 1, C 2, D 3, E 4, F 5);
tuple_measure!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple_measure!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
