//! What matched markets share, and what a matched market is.

use crate::market::{DependenceModel, Gbm, Market, Merton, Model};
use crate::numeric::Correlation;
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// What the log returns of several prices over one step shall have under every [`Mechanism`](super::Mechanism): volatility,
/// kurtosis and correlations.
///
/// ```
/// use haircut::market::Margins;
/// use haircut::numeric::Correlation;
/// use haircut::study::{Margin, Mechanism, Target};
/// let target = Target {
///     step: 1.0 / 12.0,
///     margins: vec![Margin::new("btc", 0.6, 0.8), Margin::new("gpu", 0.4, 0.8)],
///     correlation: Correlation::equal(2, 0.3)?,
///     own_jumps_per_year: 1.0,
/// };
/// let stress = Correlation::equal(2, 0.8)?;
/// let regimes = Mechanism::Regimes { stress, share: 0.2, mean_years: 0.5, degrees_of_freedom: None };
/// let regimes = target.matched(&regimes)?;
/// let t = target.matched(&Mechanism::StudentT { margins: Margins::StudentT, degrees_of_freedom: None })?;
/// assert!(t.unmatched(1e-9).is_empty());
/// // A price that varies more in stress has a lower mean there: the only thing that is not shared.
/// assert!(regimes.unmatched(1e-9).iter().all(|miss| miss.what.starts_with("skewness")));
/// assert_eq!(regimes.market()?.factors().count(), 2);
/// # Ok::<(), haircut::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Length of the step over which margins and correlations are those of the target, in years; above 0, at most 10.
    pub step: f64,
    /// Each price, and the law of its log returns.
    pub margins: Vec<Margin>,
    /// Pearson's correlations of the log returns.
    pub correlation: Correlation,
    /// Jumps per year of a price's own, which give it the kurtosis that its mechanism does not: see
    /// [`Mechanism`](super::Mechanism); 0.01 to 100.
    pub own_jumps_per_year: f64,
}

/// One price of a [`Target`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Margin {
    /// The factor.
    pub name: String,
    /// Price at time zero.
    pub initial: f64,
    /// Growth rate of the expected price, per year.
    pub drift: f64,
    /// Standard deviation of the log return per square root of a year, jumps and regimes included; 0.001 to 10.
    pub volatility: f64,
    /// Kurtosis of the log return over the step, less 3; 0 to 1000.
    pub excess_kurtosis: f64,
}

impl Margin {
    /// A price that starts at 1 and does not grow in the mean.
    pub fn new(name: impl Into<String>, volatility: f64, excess_kurtosis: f64) -> Self {
        Margin { name: name.into(), initial: 1.0, drift: 0.0, volatility, excess_kurtosis }
    }
}

impl Target {
    pub(super) fn check(&self) -> Result<(), Error> {
        check::positive("step", self.step)?;
        check::within("step", self.step, 0.0, 10.0)?;
        check::within("own_jumps_per_year", self.own_jumps_per_year, 0.01, 100.0)?;
        if self.margins.len() < 2 {
            return Err(Error::invalid("margins", self.margins.len(), "must be at least two"));
        }
        if self.correlation.size() != self.margins.len() {
            let expected = format!("must have one row for each of the {} margins", self.margins.len());
            return Err(Error::invalid("correlation", format!("{} rows", self.correlation.size()), expected));
        }
        for (position, margin) in self.margins.iter().enumerate() {
            let located = |error: Error| error.within(format!("margins[{position}]"));
            check::within("volatility", margin.volatility, 0.001, 10.0).map_err(located)?;
            check::within("excess_kurtosis", margin.excess_kurtosis, 0.0, 1000.0).map_err(located)?;
        }
        Ok(())
    }
}

/// A market made for a [`Target`], and what its log returns have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Matched {
    /// What was asked for.
    pub target: Target,
    /// The factors, by name.
    pub factors: Vec<(String, Model)>,
    /// How they move together.
    pub dependence: DependenceModel,
    /// Volatility of each factor's log return, by the closed form of what was made.
    pub volatility: Vec<f64>,
    /// Its skewness, which is not solved for.
    pub skewness: Vec<f64>,
    /// Its kurtosis less 3.
    pub excess_kurtosis: Vec<f64>,
    /// The correlations.
    pub correlation: Vec<Vec<f64>>,
}

/// What a [`Matched`] market does not share with its target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unmatched {
    /// Which quantity: "volatility of btc", "skewness of btc", "excess kurtosis of btc", "correlation of btc and gpu".
    pub what: String,
    /// As the target has it; no skewness.
    pub wanted: f64,
    /// As the market has it.
    pub reached: f64,
}

impl Matched {
    /// Everything that misses the target by more than a tolerance: relative for volatilities, absolute for the others.
    #[must_use]
    pub fn unmatched(&self, tolerance: f64) -> Vec<Unmatched> {
        let margins = &self.target.margins;
        let mut all = Vec::new();
        let mut compare = |what: String, wanted: f64, reached: f64, scale: f64| {
            let close = (wanted - reached).abs() <= tolerance * scale;
            if !close {
                all.push(Unmatched { what, wanted, reached });
            }
        };
        for (row, margin) in margins.iter().enumerate() {
            compare(
                format!("volatility of {}", margin.name),
                margin.volatility,
                self.volatility[row],
                margin.volatility,
            );
            compare(format!("skewness of {}", margin.name), 0.0, self.skewness[row], 1.0);
            let kurtosis = self.excess_kurtosis[row];
            compare(format!("excess kurtosis of {}", margin.name), margin.excess_kurtosis, kurtosis, 1.0);
            for (column, other) in margins[..row].iter().enumerate() {
                let wanted = self.target.correlation.entry(row, column).unwrap_or(0.0);
                let what = format!("correlation of {} and {}", other.name, margin.name);
                compare(what, wanted, self.correlation[row][column], 1.0);
            }
        }
        all
    }

    /// The market.
    ///
    /// # Errors
    /// When a factor's name, level or drift is refused, as by [`MarketBuilder::build`](crate::market::MarketBuilder::build).
    pub fn market(&self) -> Result<Market, Error> {
        let mut market = Market::builder();
        for (name, model) in &self.factors {
            market = market.shared_factor(name.clone(), model.clone().into());
        }
        market.shared_dependence(self.dependence.clone().into()).build()
    }
}

/// A price with jumps of its own, and what they leave to its driver.
pub(super) struct Own {
    pub(super) model: Model,
    /// Variance of the diffusion per year.
    pub(super) diffusion: f64,
    pub(super) excess_kurtosis: f64,
}

/// Least share of the variance that is left to the diffusion, which alone is correlated.
pub(super) const LEAST: f64 = 0.01;

impl Own {
    /// A [`Gbm`], or a [`Merton`] whose symmetric jumps have the kurtosis.
    ///
    /// ```text
    /// excess kurtosis = lambda D 3 b^4 / (v^2 D)^2,   diffusion = v^2 - lambda b^2
    /// ```
    pub(super) fn new(target: &Target, margin: &Margin) -> Self {
        let Margin { initial, drift, volatility, excess_kurtosis, .. } = *margin;
        let variance = volatility * volatility;
        let per_year = target.own_jumps_per_year;
        // Share of the variance that the jumps take.
        let share = (per_year * target.step * excess_kurtosis / 3.0).sqrt().min(1.0 - LEAST);
        if share <= 0.0 {
            return Own {
                model: Model::Gbm(Gbm { initial, drift, volatility }),
                diffusion: variance,
                excess_kurtosis: 0.0,
            };
        }
        let diffusion = variance * (1.0 - share);
        let jump_volatility = (variance * share / per_year).sqrt();
        let merton = Merton {
            initial,
            drift,
            volatility: diffusion.sqrt(),
            jumps_per_year: per_year,
            jump_mean: 0.0,
            jump_volatility,
        };
        let reached = 3.0 * share * share / (per_year * target.step);
        Own { model: Model::Merton(merton), diffusion, excess_kurtosis: reached }
    }
}
