//! How much is sold, and at what discount?

use super::sums::{MeanSums, RatioSums, tally};
use super::{Block, Confidence, Estimate, Measure, MeasurePlan, MetricLane, Run, StepBlock, Tally};
use crate::Error;
use crate::credit::LiquidationMarket;
use crate::numeric::{Lane, PATHS};
use crate::vectorised;
use serde::{Deserialize, Serialize};

/// Forced sales of classes of collateral: how many units, what they bring, and how far below the mark. The result is one [`Liquidation`] for each class.
///
/// ```text
/// discount(t) = 1 - E[proceeds(t)] / E[proceeds(t) / (1 - d(t))]     d: the discount of the step's price to the mark before the sales
/// ```
///
/// that is over all sales of the step, each with the money that it would have brought at the mark. Undefined where nothing is ever sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Liquidations {
    assets: Vec<String>,
}

impl Liquidations {
    /// Sales of these classes of the [`LiquidationMarket`].
    pub fn of<N: Into<String>>(assets: impl IntoIterator<Item = N>) -> Self {
        Liquidations { assets: assets.into_iter().map(Into::into).collect() }
    }
}

/// Forced sales of one class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Liquidation {
    /// Name of the class.
    pub asset: String,
    /// Units sold up to the horizon, expected.
    pub units: Estimate,
    /// What they bring, in money of the day of sale, USD, expected.
    pub proceeds: Estimate,
    /// Probability that any are sold.
    pub any: Estimate,
    /// Discount to the mark over all sales.
    pub discount: Estimate,
    /// By date.
    pub dates: Vec<LiquidationDate>,
}

/// One date of a [`Liquidation`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LiquidationDate {
    /// End of the step, in years.
    pub years: f64,
    /// Units sold in the step, expected.
    pub units: Estimate,
    /// Discount to the mark over all sales of the step.
    pub discount: Estimate,
}

/// One worker's share of [`Liquidations`].
#[derive(Debug, Clone)]
pub struct LiquidationPartial {
    assets: Vec<Sales>,
    /// Scratch.
    lost: Box<Lane>,
    marked: Box<Lane>,
    terms: Box<Lane>,
}

#[derive(Debug, Clone)]
struct Sales {
    volume: MetricLane,
    proceeds: MetricLane,
    discount: MetricLane,
    steps: Vec<(MeanSums, RatioSums)>,
    units: MeanSums,
    usd: MeanSums,
    any: Tally,
    /// Of the value at marks and what is lost against it.
    all: RatioSums,
    /// Scratch: what has come together on each path: units, proceeds, value at marks, lost against it.
    so_far: Box<[Lane; 4]>,
}

vectorised! {
    /// The value at marks of a step's sales, and what is lost against it; adds both, units and proceeds to what has come together.
    fn add_sales(sales: [&[f64]; 3], marked: &mut Lane, lost: &mut Lane, so_far: &mut [Lane; 4]) {
        let [volume, proceeds, discount] = sales;
        let [units, usd, all_marked, all_lost] = so_far;
        for i in 0..volume.len().min(proceeds.len()).min(discount.len()).min(PATHS) {
            let share = 1.0 - discount[i];
            marked[i] = if share > 0.0 { proceeds[i] / share } else { 0.0 };
            lost[i] = marked[i] - proceeds[i];
            units[i] += volume[i];
            usd[i] += proceeds[i];
            all_marked[i] += marked[i];
            all_lost[i] += lost[i];
        }
    }
}

impl Measure for Liquidations {
    type Partial = LiquidationPartial;
    type Output = Vec<Liquidation>;

    fn plan(&self, plan: &mut MeasurePlan<'_>) -> Result<LiquidationPartial, Error> {
        if self.assets.is_empty() {
            return Err(Error::invalid("assets", "[]", "must name at least one class of collateral"));
        }
        plan.observe_steps();
        let steps = plan.run().grid.steps();
        let sales = |asset: &String| {
            let mut metric = |kind: &str| plan.metric(LiquidationMarket::NAME, &format!("{asset}.{kind}"));
            Ok(Sales {
                volume: metric("volume")?,
                proceeds: metric("proceeds")?,
                discount: metric("discount")?,
                steps: vec![Default::default(); steps],
                units: MeanSums::default(),
                usd: MeanSums::default(),
                any: Tally::new(),
                all: RatioSums::default(),
                so_far: Box::default(),
            })
        };
        let assets = self.assets.iter().map(sales).collect::<Result<_, Error>>()?;
        Ok(LiquidationPartial { assets, lost: Box::default(), marked: Box::default(), terms: Box::default() })
    }

    fn observe(&self, partial: &mut LiquidationPartial, block: &StepBlock<'_>) {
        let LiquidationPartial { assets, lost, marked, terms } = partial;
        let weights = block.weights();
        for Sales { volume, proceeds, discount, steps, so_far, .. } in assets {
            if block.step().index == 0 {
                so_far.fill(Lane::ZERO);
                continue;
            }
            let sales = [*volume, *proceeds, *discount].map(|lane| block.metric(lane));
            add_sales(sales, marked, lost, so_far);
            let (units, discount) = &mut steps[block.step().index - 1];
            discount.add(marked, lost, weights, terms);
            marked[..sales[0].len()].copy_from_slice(sales[0]);
            units.add(marked, weights, terms);
        }
    }

    fn record(&self, partial: &mut LiquidationPartial, block: &Block<'_>) {
        let LiquidationPartial { assets, terms, .. } = partial;
        let weights = block.weights();
        for Sales { units, usd, any, all, so_far, .. } in assets {
            let [sold, proceeds, marked, lost] = &**so_far;
            units.add(sold, weights, terms);
            usd.add(proceeds, weights, terms);
            any.merge(&tally(sold, weights, |sold| sold > 0.0));
            all.add(marked, lost, weights, terms);
        }
    }

    fn merge(&self, into: &mut LiquidationPartial, from: LiquidationPartial) {
        for (into, from) in into.assets.iter_mut().zip(&from.assets) {
            into.units.merge(&from.units);
            into.usd.merge(&from.usd);
            into.any.merge(&from.any);
            into.all.merge(&from.all);
            for ((units, discount), (more, other)) in into.steps.iter_mut().zip(&from.steps) {
                units.merge(more);
                discount.merge(other);
            }
        }
    }

    fn finish(&self, partial: LiquidationPartial, run: &Run) -> Vec<Liquidation> {
        let (paths, confidence) = (run.paths, Confidence::default());
        let date = |((units, discount), years): (&(MeanSums, RatioSums), &f64)| LiquidationDate {
            years: *years,
            units: units.mean(paths, confidence),
            discount: discount.ratio(paths, confidence),
        };
        let liquidation = |(asset, sales): (&String, &Sales)| Liquidation {
            asset: asset.clone(),
            units: sales.units.mean(paths, confidence),
            proceeds: sales.usd.mean(paths, confidence),
            any: sales.any.probability(paths, confidence),
            discount: sales.all.ratio(paths, confidence),
            dates: sales.steps.iter().zip(run.grid.dates()).map(date).collect(),
        };
        self.assets.iter().zip(&partial.assets).map(liquidation).collect()
    }
}
