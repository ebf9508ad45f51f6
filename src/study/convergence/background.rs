//! The scenario around the factors that converge: their own laws in it, and the correlations that everything else keeps.

use super::sweep::Converging;
use crate::Error;
use crate::market::{Constant, Correlations, DependenceModel, Gbm, Merton, Model};
use crate::numeric::kernel::exp_m1;
use crate::numeric::{Correlation, nearest_correlation};
use crate::study::target::Margin;

/// Correlations of all drivers in the long run.
pub(super) fn long_run(dependence: &DependenceModel, drivers: &[String]) -> Result<Vec<Vec<f64>>, Error> {
    let rows = |correlations: &Correlations| {
        let matrix = correlations.matrix(drivers)?;
        Ok(matrix.rows().map(<[f64]>::to_vec).collect::<Vec<_>>())
    };
    match dependence {
        DependenceModel::Constant(constant) => rows(&constant.correlation),
        DependenceModel::StudentT(mixed) => long_run(&mixed.base, drivers),
        DependenceModel::CommonJumps(events) => long_run(&events.base, drivers),
        DependenceModel::Regimes(regimes) => {
            let mut mean = vec![vec![0.0; drivers.len()]; drivers.len()];
            for (share, regime) in regimes.long_run()?.iter().zip(&regimes.regimes) {
                for (into, from) in mean.iter_mut().zip(rows(&regime.correlation)?) {
                    into.iter_mut().zip(from).for_each(|(into, from)| *into += share * from);
                }
            }
            for (position, row) in mean.iter_mut().enumerate() {
                row[position] = 1.0;
            }
            Ok(mean)
        }
        DependenceModel::StressDriven(_) => {
            let expected = "must have correlations of the long run, which no closed form gives for this kind";
            Err(Error::invalid("kind", "\"stress_driven\"", expected))
        }
    }
}

/// A factor of the scenario that converges, as far as matching sees it.
#[derive(Debug, Clone)]
pub(super) struct Margins {
    pub(super) margin: Margin,
    /// Root of the share of the variance that the driver has, in the scenario.
    pub(super) driven: f64,
    /// Deviation of the innovation over a step against that of a walk: below 1 for what reverts.
    reach: f64,
}

impl Margins {
    pub(super) fn new(factor: &Converging, model: &Model, step: f64) -> Result<Self, Error> {
        let walk = |initial, drift, volatility| (initial, drift, volatility, 0.0, 1.0, 1.0);
        // Variance of the innovation: v^2 (1 - e^(-2 k D)) / (2 k).
        let reverting = |volatility: f64, reversion: f64| {
            let twice = 2.0 * reversion * step;
            let reach = if twice > 0.0 { (-exp_m1(-twice) / twice).sqrt() } else { 1.0 };
            (1.0, 0.0, volatility * reach, 0.0, 1.0, reach)
        };
        let (initial, drift, volatility, kurtosis, driven, reach) = match model {
            Model::Gbm(price) => walk(price.initial, price.drift, price.volatility),
            Model::Merton(price) => {
                let Merton { initial, drift, volatility, jumps_per_year, jump_mean, jump_volatility } = *price;
                let (m, s) = (jump_mean * jump_mean, jump_volatility * jump_volatility);
                let variance = volatility * volatility + jumps_per_year * (m + s);
                let fourth = jumps_per_year * (m * m + 6.0 * m * s + 3.0 * s * s);
                let kurtosis = fourth / (variance * variance * step);
                (initial, drift, variance.sqrt(), kurtosis, volatility / variance.sqrt(), 1.0)
            }
            Model::DeflatingRent(rent) => reverting(rent.volatility, rent.reversion),
            Model::Resale(resale) => reverting(resale.volatility, resale.reversion),
            _ => {
                let expected = "must be a factor of the models gbm, merton, deflating_rent or resale";
                return Err(Error::invalid("name", format!("\"{}\"", factor.name), expected));
            }
        };
        let volatility = factor.volatility.map_or(volatility, |volatility| volatility * reach);
        let excess_kurtosis = factor.excess_kurtosis.unwrap_or(kurtosis);
        let margin = Margin { name: factor.name.clone(), initial, drift, volatility, excess_kurtosis };
        Ok(Margins { margin, driven, reach })
    }

    /// The scenario's model with the diffusion of the matched one, and the deviation of jumps of its own that it cannot have itself.
    pub(super) fn model(&self, before: &Model, matched: &Model) -> (Model, Option<f64>) {
        let (diffusion, jumps) = match matched {
            Model::Merton(Merton { volatility, jump_volatility, .. }) => (*volatility, Some(*jump_volatility)),
            Model::Gbm(Gbm { volatility, .. }) => (*volatility, None),
            // Matching makes no other.
            _ => (self.margin.volatility, None),
        };
        let volatility = diffusion / self.reach;
        match before {
            Model::DeflatingRent(rent) => {
                let mut rent = rent.clone();
                rent.volatility = volatility;
                (Model::DeflatingRent(rent), jumps)
            }
            Model::Resale(resale) => {
                let mut resale = resale.clone();
                resale.volatility = volatility;
                (Model::Resale(resale), jumps)
            }
            _ => (matched.clone(), None),
        }
    }
}

/// The matrices of a few drivers put into that of all.
pub(super) struct Frame<'a> {
    /// Correlations of all drivers.
    pub(super) rows: &'a [Vec<f64>],
    /// Positions of the few.
    pub(super) places: &'a [usize],
    /// The most that any correlation was moved to make a matrix.
    pub(super) moved: f64,
}

impl Frame<'_> {
    /// The same dependence of all drivers.
    pub(super) fn around(&mut self, dependence: DependenceModel) -> Result<DependenceModel, Error> {
        Ok(match dependence {
            DependenceModel::Constant(constant) => {
                DependenceModel::Constant(Constant { correlation: self.whole(constant.correlation)? })
            }
            DependenceModel::Regimes(mut regimes) => {
                for regime in &mut regimes.regimes {
                    regime.correlation = self.whole(std::mem::take(&mut regime.correlation))?;
                }
                DependenceModel::Regimes(regimes)
            }
            DependenceModel::StressDriven(mut driven) => {
                driven.calm = self.whole(driven.calm)?;
                driven.stress = self.whole(driven.stress)?;
                DependenceModel::StressDriven(driven)
            }
            DependenceModel::StudentT(mut mixed) => {
                mixed.base = self.around(mixed.base)?;
                DependenceModel::StudentT(mixed)
            }
            DependenceModel::CommonJumps(mut events) => {
                events.base = self.around(events.base)?;
                DependenceModel::CommonJumps(events)
            }
        })
    }

    fn whole(&mut self, few: Correlations) -> Result<Correlations, Error> {
        // Matching makes matrices of its margins, in their order.
        let Correlations::Matrix(few) = few else { return Ok(few) };
        let mut rows = self.rows.to_vec();
        for (row, at) in few.rows().zip(self.places) {
            row.iter().zip(self.places).for_each(|(rho, column)| rows[*at][*column] = *rho);
        }
        Ok(mended(rows, &mut self.moved)?.into())
    }
}

/// The matrix, or the nearest one; `moved` grows to the most by which a correlation differs.
pub(super) fn mended(rows: Vec<Vec<f64>>, moved: &mut f64) -> Result<Correlation, Error> {
    if let Ok(correlation) = Correlation::from_rows(&rows) {
        return Ok(correlation);
    }
    let nearest = nearest_correlation(&rows)?.correlation;
    for (before, after) in rows.iter().zip(nearest.rows()) {
        let most = before.iter().zip(after).map(|(before, after)| (before - after).abs());
        *moved = most.fold(*moved, f64::max);
    }
    Ok(nearest)
}
