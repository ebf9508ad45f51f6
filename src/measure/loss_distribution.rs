//! How much is lost, and how badly can it go?

use super::bins::QuantileBins;
use super::losses::Losses;
use super::order::Order;
use super::sample::Sample;
use super::{Block, Confidence, Measure, MeasurePlan, Run};
use crate::Error;
use crate::credit::FacilityInfo;
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
    of: Scope,
    confidence: Confidence,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mode {
    #[default]
    Streaming,
    Exact,
}

/// Whose loss.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Scope {
    #[default]
    Book,
    Obligor(String),
    Facility {
        obligor: String,
        facility: String,
    },
    Lender(String),
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
        LossDistribution { of: Scope::Obligor(obligor.into()), ..self }
    }

    /// The loss of one facility.
    #[must_use]
    pub fn of_facility(self, obligor: impl Into<String>, facility: impl Into<String>) -> Self {
        LossDistribution { of: Scope::Facility { obligor: obligor.into(), facility: facility.into() }, ..self }
    }

    /// The loss of one lender, over all obligors.
    #[must_use]
    pub fn of_lender(self, lender: impl Into<String>) -> Self {
        LossDistribution { of: Scope::Lender(lender.into()), ..self }
    }

    /// Sets how often the intervals cover: 95 % unless told otherwise.
    #[must_use]
    pub fn confidence(self, confidence: Confidence) -> Self {
        LossDistribution { confidence, ..self }
    }

    /// The obligors and facilities whose losses are added, in their order; none for all of them.
    fn lanes(&self, run: &Run) -> Result<Option<Vec<(usize, usize)>>, Error> {
        let chosen = |chosen: &dyn Fn(usize, &FacilityInfo) -> bool| {
            let obligors = run.obligors.iter().enumerate();
            let lanes = obligors.flat_map(|(index, obligor)| {
                let facilities = obligor.facilities.iter().enumerate();
                facilities.filter(move |(_, info)| chosen(index, info)).map(move |(facility, _)| (index, facility))
            });
            lanes.collect::<Vec<_>>()
        };
        let unknown = |kind: &'static str, name: &str, known: &mut dyn Iterator<Item = &str>| {
            let mut known: Vec<&str> = known.collect();
            known.sort_unstable();
            known.dedup();
            Error::Unknown { field: kind.into(), kind, name: name.into(), known: known.join(", ") }
        };
        let lanes = match &self.of {
            Scope::Book => return Ok(None),
            Scope::Obligor(obligor) => {
                let obligor = run.obligor(obligor)?;
                chosen(&|index, _| index == obligor)
            }
            Scope::Facility { obligor, facility } => {
                let obligor = run.obligor(obligor)?;
                let lanes = chosen(&|index, info| index == obligor && info.name == *facility);
                if lanes.is_empty() {
                    let mut known = run.obligors[obligor].facilities.iter().map(|info| info.name.as_str());
                    return Err(unknown("facility", facility, &mut known));
                }
                lanes
            }
            Scope::Lender(lender) => {
                let lanes = chosen(&|_, info| info.lender == *lender);
                if lanes.is_empty() {
                    let facilities = run.obligors.iter().flat_map(|obligor| &obligor.facilities);
                    return Err(unknown("lender", lender, &mut facilities.map(|info| info.lender.as_str())));
                }
                lanes
            }
        };
        Ok(Some(lanes))
    }
}

/// One worker's share of a [`LossDistribution`].
#[derive(Debug, Clone)]
pub struct LossPartial {
    losses: Losses,
    lanes: Option<Vec<(usize, usize)>>,
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
        let lanes = self.lanes(plan.run())?;
        Ok(LossPartial { losses: Losses::new(order, self.confidence), lanes, total: Box::default() })
    }

    fn record(&self, partial: &mut LossPartial, block: &Block<'_>) {
        let LossPartial { losses, lanes, total } = partial;
        match lanes {
            None => block.total_loss(total),
            Some(lanes) => {
                total.fill(0.0);
                for (obligor, facility) in lanes {
                    for (total, loss) in total.iter_mut().zip(block.loss(*obligor, *facility)) {
                        *total += loss;
                    }
                }
            }
        }
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
