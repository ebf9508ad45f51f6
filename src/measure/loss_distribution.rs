//! How much is lost, and how badly can it go?

use super::bins::QuantileBins;
use super::losses::Losses;
use super::order::Order;
use super::pool::Pool;
use super::sample::Sample;
use super::{Block, Confidence, Measure, MeasurePlan, Run};
use crate::Error;
use crate::numeric::Lane;
use serde::{Deserialize, Serialize};

/// The distribution of the loss of the whole book, an obligor, a facility or a lender, discounted to time zero.
/// The result is [`Losses`].
///
/// **Modes.** The streaming mode keeps bins of relative width `2^-9`: its memory does not grow with the paths (40 kB for each power of
/// two that losses span), and quantiles are within 0.2 %. The exact mode keeps and sorts every loss: 8 bytes a path, 16 with weights.
///
/// ```
/// use haircut::measure::LossDistribution;
/// let senior = LossDistribution::exact().of_facility("Neocloud A", "term loan");
/// let bank = LossDistribution::streaming().of_lender("First Bank");
/// assert_ne!(senior, bank);
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LossDistribution {
    mode: Mode,
    of: Pool,
    confidence: Confidence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    #[default]
    Streaming,
    Exact,
}

impl LossDistribution {
    /// The loss of the whole book, in the streaming mode.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The loss of the whole book, in flat memory.
    #[must_use]
    pub fn streaming() -> Self {
        Self::default()
    }

    /// The loss of the whole book, with every path kept.
    #[must_use]
    pub fn exact() -> Self {
        LossDistribution { mode: Mode::Exact, ..Self::default() }
    }

    /// The loss of one obligor's facilities.
    #[must_use]
    pub fn of_obligor(self, obligor: impl Into<String>) -> Self {
        LossDistribution { of: Pool::Obligor(obligor.into()), ..self }
    }

    /// The loss of one facility.
    #[must_use]
    pub fn of_facility(self, obligor: impl Into<String>, facility: impl Into<String>) -> Self {
        LossDistribution { of: Pool::Facility { obligor: obligor.into(), facility: facility.into() }, ..self }
    }

    /// The loss of one lender, over all obligors.
    #[must_use]
    pub fn of_lender(self, lender: impl Into<String>) -> Self {
        LossDistribution { of: Pool::Lender(lender.into()), ..self }
    }

    /// The loss of a pool of facilities.
    #[must_use]
    pub fn of(self, pool: Pool) -> Self {
        LossDistribution { of: pool, ..self }
    }

    /// Sets how often the intervals cover: 95 % unless told otherwise.
    #[must_use]
    pub fn confidence(self, confidence: Confidence) -> Self {
        LossDistribution { confidence, ..self }
    }
}

/// One worker's share of a [`LossDistribution`].
#[derive(Debug, Clone)]
pub struct LossPartial {
    losses: Losses,
    lanes: Vec<(usize, usize)>,
    /// Scratch: the loss of each path of the block.
    total: Box<Lane>,
}

impl Measure for LossDistribution {
    type Partial = LossPartial;
    type Output = Losses;

    fn plan(&self, plan: &mut MeasurePlan<'_>) -> Result<LossPartial, Error> {
        let order = match self.mode {
            Mode::Exact => Order::Exact(Sample::default()),
            Mode::Streaming => Order::Streaming(QuantileBins::new()),
        };
        let lanes = self.of.lanes(plan.run())?;
        Ok(LossPartial { losses: Losses::new(order, self.confidence), lanes, total: Box::default() })
    }

    fn record(&self, partial: &mut LossPartial, block: &Block<'_>) {
        let LossPartial { losses, lanes, total } = partial;
        block.losses(lanes, total);
        losses.record(&total[..block.paths()], block.weights());
    }

    fn merge(&self, into: &mut LossPartial, from: LossPartial) {
        into.losses.merge(from.losses);
    }

    fn finish(&self, mut partial: LossPartial, _run: &Run) -> Losses {
        partial.losses.finish();
        partial.losses
    }
}
