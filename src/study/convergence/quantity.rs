//! What is reported of every cell.

use crate::Error;
use crate::measure::{
    Confidence, DefaultTable, Defaults, Estimate, FairSpread, FairSpreads, LossDistribution, Losses, Measure,
    TrancheLosses, Tranches,
};
use serde::{Deserialize, Serialize};

pub(super) type Measures = (DefaultTable, LossDistribution, Tranches, FairSpread);
pub(super) type Results = (Defaults, Losses, <Tranches as Measure>::Output, FairSpreads);

/// Unit of a [`Row`](super::Row)'s value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unit {
    /// From 0 to 1.
    Probability,
    /// From -1 to 1.
    Correlation,
    /// Money of today, US dollars.
    Usd,
    /// A rate per year, as a decimal.
    PerYear,
}

impl Unit {
    /// As it stands in a table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Unit::Probability => "probability",
            Unit::Correlation => "correlation",
            Unit::Usd => "USD",
            Unit::PerYear => "per year",
        }
    }
}

#[derive(Debug, Clone)]
enum Asked {
    MeanDefault,
    MeanJoint,
    PooledCorrelation,
    Default(String),
    Joint(String, String),
    Correlation(String, String),
    Mean,
    ValueAtRisk(f64),
    ExpectedShortfall(f64),
    Tranche(usize),
    FairSpread,
}

/// A number of a cell: its name, of what, and how it is read.
#[derive(Debug, Clone)]
pub(super) struct Quantity {
    pub(super) name: &'static str,
    pub(super) of: String,
    pub(super) unit: Unit,
    /// Both, as one name.
    pub(super) key: String,
    asked: Asked,
}

impl Quantity {
    pub(super) fn all(obligors: usize, pair: Option<&(String, String)>, level: f64, tranches: &[String]) -> Vec<Self> {
        let mut all = Vec::new();
        let mut add = |name: &'static str, of: String, unit, asked| {
            all.push(Quantity { name, key: format!("{name} {of}"), of, unit, asked });
        };
        let book = || "book".to_owned();
        add("PD", "mean of borrowers".into(), Unit::Probability, Asked::MeanDefault);
        if obligors > 1 {
            add("joint PD", "mean of pairs".into(), Unit::Probability, Asked::MeanJoint);
            add("default correlation", "pooled".into(), Unit::Correlation, Asked::PooledCorrelation);
        }
        if let Some((a, b)) = pair {
            add("PD", a.clone(), Unit::Probability, Asked::Default(a.clone()));
            add("PD", b.clone(), Unit::Probability, Asked::Default(b.clone()));
            let both = || format!("{a} and {b}");
            add("joint PD", both(), Unit::Probability, Asked::Joint(a.clone(), b.clone()));
            add("default correlation", both(), Unit::Correlation, Asked::Correlation(a.clone(), b.clone()));
        }
        add("EL", book(), Unit::Usd, Asked::Mean);
        add("VaR", book(), Unit::Usd, Asked::ValueAtRisk(level));
        add("ES", book(), Unit::Usd, Asked::ExpectedShortfall(level));
        for (position, name) in tranches.iter().enumerate() {
            add("tranche EL", name.clone(), Unit::Usd, Asked::Tranche(position));
        }
        add("fair spread", book(), Unit::PerYear, Asked::FairSpread);
        all
    }

    /// Whether its error must come from the sections, for it has none of its own.
    pub(super) fn is_sectioned(&self) -> bool {
        matches!(self.asked, Asked::MeanDefault | Asked::MeanJoint | Asked::PooledCorrelation)
    }

    pub(super) fn read(&self, (defaults, losses, tranches, spreads): &Results) -> Result<Estimate, Error> {
        let plain = |value: f64| {
            let estimate = Estimate::undefined(losses.paths(), Confidence::default());
            Estimate { value, standard_error: f64::INFINITY, ..estimate }
        };
        match &self.asked {
            Asked::MeanDefault => Ok(plain(Pooled::new(defaults)?.default)),
            Asked::MeanJoint => Ok(plain(Pooled::new(defaults)?.joint)),
            Asked::PooledCorrelation => Ok(plain(Pooled::new(defaults)?.correlation)),
            Asked::Default(name) => defaults.joint(name, name),
            Asked::Joint(a, b) => defaults.joint(a, b),
            Asked::Correlation(a, b) => defaults.correlation(a, b),
            Asked::Mean => Ok(losses.mean()),
            Asked::ValueAtRisk(level) => losses.quantile(*level),
            Asked::ExpectedShortfall(level) => losses.expected_shortfall(*level),
            Asked::Tranche(position) => {
                let none = Estimate::undefined(losses.paths(), Confidence::default());
                Ok(tranches.get(*position).map_or(none, |tranche: &TrancheLosses| tranche.expected_loss))
            }
            Asked::FairSpread => Ok(spreads.pool.fair),
        }
    }
}

/// Means over borrowers and over pairs of them.
struct Pooled {
    default: f64,
    joint: f64,
    /// `sum of (p_ab - p_a p_b) / sum of sqrt(p_a (1 - p_a) p_b (1 - p_b))` over the pairs.
    correlation: f64,
}

impl Pooled {
    fn new(defaults: &Defaults) -> Result<Self, Error> {
        let all: Vec<(&str, f64)> =
            defaults.obligors.iter().map(|obligor| (obligor.name.as_str(), obligor.probability.value)).collect();
        let (mut joint, mut covariance, mut scale) = (0.0, 0.0, 0.0);
        for (position, (a, p)) in all.iter().enumerate() {
            for (b, q) in &all[..position] {
                let both = defaults.joint(a, b)?.value;
                joint += both;
                covariance += both - p * q;
                scale += (p * (1.0 - p) * q * (1.0 - q)).sqrt();
            }
        }
        let count = all.len() as f64;
        let pairs = 0.5 * count * (count - 1.0);
        Ok(Pooled {
            default: all.iter().map(|(_, p)| p).sum::<f64>() / count,
            joint: joint / pairs,
            correlation: covariance / scale,
        })
    }
}
