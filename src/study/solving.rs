//! The parameters that a mechanism must have for a target, in closed form or by inverting one.

use super::mixture::{TCopula, TwoNormals, crossing};
use super::target::{LEAST, Margin, Own, Target};
use crate::market::{
    CommonJumps, Constant, Correlations, DependenceModel, Gbm, Model, Regime, Regimes, StressDriven, StudentT,
};
use crate::numeric::{Correlation, kernel, nearest_correlation};
use crate::{Error, check};

/// Builds a matrix pair by pair, and mends it where it is none.
fn solve(size: usize, entry: impl Fn(usize, usize) -> f64) -> Result<Correlation, Error> {
    let mut rows = vec![vec![1.0; size]; size];
    for row in 0..size {
        for column in 0..row {
            let rho = entry(row, column).clamp(-100.0, 100.0);
            (rows[row][column], rows[column][row]) = (rho, rho);
        }
    }
    match Correlation::from_rows(&rows) {
        Ok(correlation) => Ok(correlation),
        Err(_) => Ok(nearest_correlation(&rows)?.correlation),
    }
}

fn entry(matrix: &Correlation, row: usize, column: usize) -> f64 {
    matrix.entry(row, column).unwrap_or(0.0)
}

/// A [`Matched`] without its target and names.
pub(super) struct Solved {
    pub(super) models: Vec<Model>,
    pub(super) dependence: DependenceModel,
    pub(super) volatility: Vec<f64>,
    pub(super) skewness: Vec<f64>,
    pub(super) excess_kurtosis: Vec<f64>,
    pub(super) correlation: Vec<Vec<f64>>,
}

/// What lies between the matrix of a dependence and the correlations of its drivers: nothing, or a t copula.
pub(super) struct Drivers(Option<(f64, TCopula)>);

impl Drivers {
    pub(super) fn new(degrees_of_freedom: Option<f64>) -> Result<Self, Error> {
        let Some(freedom) = degrees_of_freedom else { return Ok(Drivers(None)) };
        check::within("degrees_of_freedom", freedom, 2.01, 1e6)?;
        Ok(Drivers(Some((freedom, TCopula::new(freedom)))))
    }

    /// The correlation of drivers for an entry of the matrix.
    fn pearson(&self, rho: f64) -> f64 {
        self.0.as_ref().map_or(rho, |(_, copula)| copula.pearson(rho))
    }

    /// The entry for a correlation of drivers: odd in it, and increasing.
    fn entry(&self, wanted: f64) -> f64 {
        self.0
            .as_ref()
            .map_or(wanted, |(_, copula)| crossing(0.0, 1.0, |rho| copula.pearson(rho) - wanted.abs()).copysign(wanted))
    }

    fn on(&self, base: DependenceModel) -> DependenceModel {
        match &self.0 {
            None => base,
            Some((freedom, _)) => DependenceModel::StudentT(Box::new(StudentT::new(*freedom, base).normal_margins())),
        }
    }
}

/// The matrix by rows, from an entry below the diagonal.
fn rows(size: usize, entry: impl Fn(usize, usize) -> f64) -> Vec<Vec<f64>> {
    let of = |row: usize, column: usize| if row == column { 1.0 } else { entry(row.max(column), row.min(column)) };
    (0..size).map(|row| (0..size).map(|column| of(row, column)).collect()).collect()
}

fn gbm(margin: &Margin, volatility: f64) -> Model {
    Model::Gbm(Gbm { initial: margin.initial, drift: margin.drift, volatility })
}

/// Prices with own jumps, and the correlations of drivers that such prices need.
struct Diluted {
    own: Vec<Own>,
    /// Root of the diffusion's share of the variance.
    share: Vec<f64>,
}

impl Diluted {
    fn new(target: &Target) -> Self {
        let own: Vec<Own> = target.margins.iter().map(|margin| Own::new(target, margin)).collect();
        let share = own.iter().zip(&target.margins);
        let share = share.map(|(own, margin)| own.diffusion.sqrt() / margin.volatility).collect();
        Diluted { own, share }
    }

    /// The correlation of drivers under which returns have that of the target.
    fn wanted(&self, target: &Target, row: usize, column: usize) -> f64 {
        entry(&target.correlation, row, column) / (self.share[row] * self.share[column])
    }

    /// What is there when drivers have this correlation.
    fn solved(self, target: &Target, dependence: DependenceModel, driver: impl Fn(usize, usize) -> f64) -> Solved {
        let share = &self.share;
        let correlation = rows(share.len(), |row, column| driver(row, column) * share[row] * share[column]);
        Solved {
            dependence,
            volatility: target.margins.iter().map(|margin| margin.volatility).collect(),
            skewness: vec![0.0; share.len()],
            excess_kurtosis: self.own.iter().map(|own| own.excess_kurtosis).collect(),
            correlation,
            models: self.own.into_iter().map(|own| own.model).collect(),
        }
    }
}

pub(super) fn constant(target: &Target) -> Result<Solved, Error> {
    let diluted = Diluted::new(target);
    let matrix = solve(target.margins.len(), |row, column| diluted.wanted(target, row, column))?;
    let dependence = DependenceModel::Constant(Constant::new(matrix.clone()));
    Ok(diluted.solved(target, dependence, |row, column| entry(&matrix, row, column)))
}

pub(super) fn student_t(target: &Target) -> Result<Solved, Error> {
    let margins = &target.margins;
    let kurtosis = margins.iter().map(|margin| margin.excess_kurtosis).sum::<f64>() / margins.len() as f64;
    // Beyond 1e6 there is only the normal.
    let freedom = if kurtosis > 6.0 / (1e6 - 4.0) { 4.0 + 6.0 / kurtosis } else { f64::INFINITY };
    let matrix = target.correlation.clone();
    let base = DependenceModel::Constant(Constant::new(matrix.clone()));
    Ok(Solved {
        models: margins.iter().map(|margin| gbm(margin, margin.volatility)).collect(),
        dependence: DependenceModel::StudentT(Box::new(StudentT::new(freedom, base))),
        volatility: margins.iter().map(|margin| margin.volatility).collect(),
        skewness: vec![0.0; margins.len()],
        excess_kurtosis: vec![6.0 / (freedom - 4.0); margins.len()],
        correlation: rows(margins.len(), |row, column| entry(&matrix, row, column)),
    })
}

pub(super) fn t_copula(target: &Target, drivers: &Drivers) -> Result<Solved, Error> {
    let diluted = Diluted::new(target);
    let size = target.margins.len();
    let matrix = solve(size, |row, column| drivers.entry(diluted.wanted(target, row, column)))?;
    let dependence = drivers.on(DependenceModel::Constant(Constant::new(matrix.clone())));
    Ok(diluted.solved(target, dependence, |row, column| drivers.pearson(entry(&matrix, row, column))))
}

pub(super) fn regimes(
    target: &Target,
    stress: &Correlation,
    share: f64,
    mean_years: f64,
    drivers: &Drivers,
) -> Result<Solved, Error> {
    let margins = &target.margins;
    let of = |margin: &Margin| {
        let variance = margin.volatility * margin.volatility * target.step;
        TwoNormals::new(share, variance, margin.excess_kurtosis)
    };
    let laws: Vec<TwoNormals> = margins.iter().map(of).collect();
    let between = |row: usize, column: usize| share * (1.0 - share) * laws[row].distance() * laws[column].distance();
    let in_stress = |row: usize, column: usize| {
        let rho = drivers.pearson(entry(stress, row, column));
        share * rho * (laws[row].stress * laws[column].stress).sqrt() + between(row, column)
    };
    let in_calm = |row: usize, column: usize| (1.0 - share) * (laws[row].calm * laws[column].calm).sqrt();
    let whole = |row: usize, column: usize| (laws[row].variance() * laws[column].variance()).sqrt();
    let calm = solve(margins.len(), |row, column| {
        let wanted = entry(&target.correlation, row, column) * whole(row, column);
        drivers.entry((wanted - in_stress(row, column)) / in_calm(row, column))
    })?;
    let correlation = rows(margins.len(), |row, column| {
        let rho = drivers.pearson(entry(&calm, row, column));
        (in_calm(row, column) * rho + in_stress(row, column)) / whole(row, column)
    });
    let mut quiet = Regime::new("calm").matrix(calm);
    let mut wild = Regime::new("stress").matrix(stress.clone());
    for (margin, law) in margins.iter().zip(&laws) {
        let multiplier = |variance: f64| (variance / target.step).sqrt() / margin.volatility;
        quiet = quiet.volatility(margin.name.clone(), multiplier(law.calm));
        wild = wild.volatility(margin.name.clone(), multiplier(law.stress));
    }
    let dependence = Regimes::pair(quiet, wild, [mean_years * (1.0 - share) / share, mean_years]);
    Ok(Solved {
        models: margins.iter().map(|margin| gbm(margin, margin.volatility)).collect(),
        dependence: drivers.on(DependenceModel::Regimes(dependence)),
        volatility: laws.iter().map(|law| (law.variance() / target.step).sqrt()).collect(),
        skewness: laws.iter().map(|law| law.skewness()).collect(),
        excess_kurtosis: laws.iter().map(|law| law.excess_kurtosis()).collect(),
        correlation,
    })
}

/// The mean of s^2 (3 - 2 s), s = (x - begin) / (full - begin) held between 0 and 1, over a standard normal x.
pub(super) fn mean_weight(begin: f64, full: f64) -> f64 {
    const PANELS: usize = 2000;
    let density = |x: f64| kernel::exp(-0.5 * x * x) / std::f64::consts::TAU.sqrt();
    let width = (full - begin) / PANELS as f64;
    let f = |place: f64| {
        let s = place / PANELS as f64;
        s * s * (3.0 - 2.0 * s) * density(begin + place * width)
    };
    // Simpson's rule.
    let sum: f64 =
        (0..PANELS).map(|panel| panel as f64).map(|panel| f(panel) + 4.0 * f(panel + 0.5) + f(panel + 1.0)).sum();
    sum * width / 6.0 + kernel::normal_survival(full)
}

pub(super) fn stress_driven(target: &Target, stress: &Correlation, index: StressDriven) -> Result<Solved, Error> {
    let diluted = Diluted::new(target);
    let weight = mean_weight(index.begin, index.full);
    let calm = solve(target.margins.len(), |row, column| {
        (diluted.wanted(target, row, column) - weight * entry(stress, row, column)) / (1.0 - weight)
    })?;
    let mean =
        |row: usize, column: usize| (1.0 - weight) * entry(&calm, row, column) + weight * entry(stress, row, column);
    let index = index.calm(Correlations::Matrix(calm.clone())).stress(Correlations::Matrix(stress.clone()));
    Ok(diluted.solved(target, DependenceModel::StressDriven(index), mean))
}

pub(super) fn common_jumps(
    target: &Target,
    per_year: f64,
    correlation: f64,
    tilt: f64,
    drivers: &Drivers,
) -> Result<Solved, Error> {
    let margins = &target.margins;
    // E[Y^4] over E[Y^2]^2.
    let peak = tilt * tilt + 6.0 * tilt * (1.0 - tilt) + 3.0 * (1.0 - tilt) * (1.0 - tilt);
    let variances = |margin: &Margin| {
        let variance = margin.volatility * margin.volatility;
        let share = (per_year * target.step * margin.excess_kurtosis / peak).sqrt().min(1.0 - LEAST);
        (variance * (1.0 - share), variance * share / per_year, share)
    };
    let parts: Vec<(f64, f64, f64)> = margins.iter().map(variances).collect();
    let jumps = |row: usize, column: usize| {
        per_year * (parts[row].1 * parts[column].1).sqrt() * (tilt + (1.0 - tilt) * correlation)
    };
    let diffusion = |row: usize, column: usize| (parts[row].0 * parts[column].0).sqrt();
    let whole = |row: usize, column: usize| margins[row].volatility * margins[column].volatility;
    let matrix = solve(margins.len(), |row, column| {
        let wanted = entry(&target.correlation, row, column) * whole(row, column) - jumps(row, column);
        drivers.entry(wanted / diffusion(row, column))
    })?;
    let reached = rows(margins.len(), |row, column| {
        let rho = drivers.pearson(entry(&matrix, row, column));
        (rho * diffusion(row, column) + jumps(row, column)) / whole(row, column)
    });
    let base = drivers.on(DependenceModel::Constant(Constant::new(matrix)));
    let mut events = CommonJumps::new(per_year, base);
    for (margin, (_, square, _)) in margins.iter().zip(&parts) {
        events = events.jump(margin.name.clone(), -(tilt * square).sqrt(), ((1.0 - tilt) * square).sqrt());
    }
    let pairs = (0..margins.len()).flat_map(|row| (0..row).map(move |column| (row, column)));
    let pairs = pairs.map(|(row, column)| (margins[row].name.clone(), margins[column].name.clone(), correlation));
    let events = events.correlation(pairs);
    // E[Y^3] = -b^3 (h^(3/2) + 3 h^(1/2) (1 - h)).
    let lean = -(tilt.sqrt() * (tilt + 3.0 * (1.0 - tilt)));
    let skewness = |(margin, (_, square, _)): (&Margin, &(f64, f64, f64))| {
        let variance = margin.volatility * margin.volatility * target.step;
        per_year * target.step * square * square.sqrt() * lean / (variance * variance.sqrt())
    };
    Ok(Solved {
        skewness: margins.iter().zip(&parts).map(skewness).collect(),
        models: margins.iter().zip(&parts).map(|(margin, (diffusion, ..))| gbm(margin, diffusion.sqrt())).collect(),
        dependence: DependenceModel::CommonJumps(Box::new(events)),
        volatility: margins.iter().map(|margin| margin.volatility).collect(),
        excess_kurtosis: parts.iter().map(|(_, _, share)| peak * share * share / (per_year * target.step)).collect(),
        correlation: reached,
    })
}
