//! How often does something happen? Counts of events that obligors publish.

use super::sums::{MeanSums, tally};
use super::{Block, Confidence, Estimate, Measure, MeasurePlan, MetricLane, Run, StepBlock, Tally};
use crate::Error;
use crate::numeric::Lane;
use serde::{Deserialize, Serialize};

/// Expected number, and probability of at least one, by date, of events that obligors publish as metrics: 0 or 1 in a step, or a count. The result is one [`EventCount`]
/// for each obligor and kind.
///
/// Breach, waiver, cure and acceleration are four events, not one: this is the measure that tells them apart. Whatever a model of your own publishes
/// counts too. Amounts do as well: then it is the expected total, and the probability that there was any.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EventCounts {
    kinds: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    obligor: Option<String>,
}

impl EventCounts {
    /// Events of these kinds, of every obligor that publishes them.
    pub fn new<N: Into<String>>(kinds: impl IntoIterator<Item = N>) -> Self {
        EventCounts { kinds: kinds.into_iter().map(Into::into).collect(), obligor: None }
    }

    /// Of one obligor, or of the market for collateral under its name.
    #[must_use]
    pub fn of(self, obligor: impl Into<String>) -> Self {
        EventCounts { obligor: Some(obligor.into()), ..self }
    }
}

/// Events of one kind of one obligor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EventCount {
    /// Name of the obligor.
    pub obligor: String,
    /// The metric.
    pub kind: String,
    /// End of each step, in years.
    pub dates: Vec<f64>,
    /// Expected number up to the end of each step.
    pub expected: Vec<Estimate>,
    /// Probability of at least one up to the end of each step.
    pub any: Vec<Estimate>,
}

/// One worker's share of [`EventCounts`].
#[derive(Debug, Clone)]
pub struct EventPartial {
    events: Vec<Events>,
    terms: Box<Lane>,
}

#[derive(Debug, Clone)]
struct Events {
    obligor: String,
    kind: String,
    lane: MetricLane,
    steps: Vec<(MeanSums, Tally)>,
    /// Scratch: the number so far.
    count: Box<Lane>,
}

impl Measure for EventCounts {
    type Partial = EventPartial;
    type Output = Vec<EventCount>;

    fn plan(&self, plan: &mut MeasurePlan<'_>) -> Result<EventPartial, Error> {
        if self.kinds.is_empty() {
            return Err(Error::invalid("kinds", "[]", "must have at least one kind of event"));
        }
        plan.observe_steps();
        let steps = plan.run().grid.steps();
        let obligors: Vec<String> = match &self.obligor {
            Some(obligor) => vec![obligor.clone()],
            None => plan.run().obligors.iter().map(|obligor| obligor.name.clone()).collect(),
        };
        let mut events = Vec::new();
        for kind in &self.kinds {
            let mut last = None;
            let known = events.len();
            for obligor in &obligors {
                match plan.metric(obligor, kind) {
                    Ok(lane) => events.push(Events {
                        obligor: obligor.clone(),
                        kind: kind.clone(),
                        lane,
                        steps: vec![Default::default(); steps],
                        count: Box::default(),
                    }),
                    Err(error) => last = Some(error),
                }
            }
            if let (Some(error), true) = (last, events.len() == known) {
                return Err(error);
            }
        }
        Ok(EventPartial { events, terms: Box::default() })
    }

    fn observe(&self, partial: &mut EventPartial, block: &StepBlock<'_>) {
        let EventPartial { events, terms } = partial;
        let (index, weights) = (block.step().index, block.weights());
        for Events { lane, steps, count, .. } in events {
            if index == 0 {
                count.fill(0.0);
                continue;
            }
            for (count, new) in count.iter_mut().zip(block.metric(*lane)) {
                *count += new;
            }
            let (expected, any) = &mut steps[index - 1];
            expected.add(count, weights, terms);
            any.merge(&tally(count, weights, |count| count > 0.0));
        }
    }

    fn record(&self, _partial: &mut EventPartial, _block: &Block<'_>) {}

    fn merge(&self, into: &mut EventPartial, from: EventPartial) {
        for (into, from) in into.events.iter_mut().zip(&from.events) {
            for ((expected, any), (more, other)) in into.steps.iter_mut().zip(&from.steps) {
                expected.merge(more);
                any.merge(other);
            }
        }
    }

    fn finish(&self, partial: EventPartial, run: &Run) -> Vec<EventCount> {
        let confidence = Confidence::default();
        let count = |events: Events| EventCount {
            obligor: events.obligor,
            kind: events.kind,
            dates: run.grid.dates().to_vec(),
            expected: events.steps.iter().map(|(expected, _)| expected.mean(run.paths, confidence)).collect(),
            any: events.steps.iter().map(|(_, any)| any.probability(run.paths, confidence)).collect(),
        };
        partial.events.into_iter().map(count).collect()
    }
}
