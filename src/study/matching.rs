//! Markets that share volatility, kurtosis and correlation, and differ in how their factors fall together.

use super::mixture::{TCopula, TwoNormals, crossing};
use super::target::{LEAST, Margin, Matched, Own, Target};
use crate::market::{
    CommonJumps, Constant, Correlations, DependenceModel, Gbm, Margins, Model, Regime, Regimes, StressDriven, StudentT,
};
use crate::numeric::{Correlation, nearest_correlation};
use crate::{Error, check};
use serde::{Deserialize, Serialize};
use statrs::distribution::{Continuous, ContinuousCDF, Normal};

/// A way of falling together, and those of its parameters that are not solved for.
///
/// The others are, so that log returns over the target's step have the target's volatilities, kurtosis and correlations:
///
/// | mechanism | kurtosis from | correlation from |
/// | --- | --- | --- |
/// | `Constant` | own jumps | the matrix, higher as jumps dilute it |
/// | `StudentT`, t margins | nu = 4 + 6 / kurtosis, one for all | the matrix of the base |
/// | `StudentT`, normal margins | own jumps | the same, and higher as the copula dilutes it |
/// | `Regimes` | multipliers of volatility in calm and stress | the calm matrix, given that of stress |
/// | `StressDriven` | own jumps | the calm matrix, given that of stress and the mean weight |
/// | `CommonJumps` | the sizes of the common jumps | the matrix of the diffusions |
/// | `Regimes`, `CommonJumps` with a t copula | as without it | the same matrix, higher as the copula dilutes it |
///
/// **Own jumps** make the price a [`Merton`](crate::market::Merton) whose jumps are symmetric and independent of everything; without kurtosis
/// to give it is a [`Gbm`]. Their share of the variance is `sqrt(lambda D kurtosis / 3)`.
///
/// Matched are second and fourth moments. Third ones are not: common jumps that go down make returns skewed, and regimes do a little, for a price must have a lower
/// mean where it varies more. [`Matched::skewness`] says by how much, and [`Matched::unmatched`] tells it.
///
/// Not to be had in closed form, and so not here: a weight that follows a drawdown (its mean depends on the path and the date), a t copula on it, and jumps on regimes.
///
/// Regimes start from the law of the long run and the index of stress from its own, so every step has the same law. Over several steps
/// correlations stay, and kurtosis falls as it does: like 1 over the number of steps where steps are independent, more slowly under
/// regimes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "mechanism", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Mechanism {
    /// [`Constant`].
    Constant,
    /// [`StudentT`] on [`Constant`].
    StudentT {
        /// The law of each driver.
        margins: Margins,
        /// Degrees of freedom: needed for normal margins, for t margins given by the kurtosis.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        degrees_of_freedom: Option<f64>,
    },
    /// [`Regimes`], calm and stress.
    Regimes {
        /// Correlations of the drivers in stress.
        stress: Correlation,
        /// Share of the time in stress, 0.001 to 0.999.
        share: f64,
        /// Mean years that stress lasts.
        mean_years: f64,
        /// Degrees of freedom of a t copula of the drivers in both, whose margins stay normal; none by default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        degrees_of_freedom: Option<f64>,
    },
    /// [`StressDriven`] with an index of its own.
    StressDriven {
        /// Correlations of the drivers in full stress.
        stress: Correlation,
        /// Speed of the index's return to its mean, per year.
        reversion: f64,
        /// Where the weight of stress leaves 0, in standard deviations of the index.
        begin: f64,
        /// Where it reaches 1.
        full: f64,
    },
    /// [`CommonJumps`] on [`Constant`].
    CommonJumps {
        /// Events per year, 0.01 to 100.
        per_year: f64,
        /// Correlation of the jumps of any two factors about their means, 0 to 1.
        correlation: f64,
        /// Share of a jump's mean square that its mean has, and that is down: 0 (symmetric) to 1 (one size).
        tilt: f64,
        /// Degrees of freedom of a t copula of the drivers, whose margins stay normal; none by default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        degrees_of_freedom: Option<f64>,
    },
}

impl Target {
    /// The market of a mechanism that has this target, as far as there is one: ask [`Matched::unmatched`].
    ///
    /// Where a matrix that is solved for is no correlation matrix the nearest one is taken, and where a kurtosis is out of reach
    /// the most that there is.
    ///
    /// # Errors
    /// When a parameter of the target or the mechanism is out of range; located in `mechanism` for the latter.
    pub fn matched(&self, mechanism: &Mechanism) -> Result<Matched, Error> {
        self.check()?;
        mechanism.matched(self).map_err(|error| error.within("mechanism"))
    }
}

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
struct Solved {
    models: Vec<Model>,
    dependence: DependenceModel,
    volatility: Vec<f64>,
    skewness: Vec<f64>,
    excess_kurtosis: Vec<f64>,
    correlation: Vec<Vec<f64>>,
}

/// What lies between the matrix of a dependence and the correlations of its drivers: nothing, or a t copula.
struct Drivers(Option<(f64, TCopula)>);

impl Drivers {
    fn new(degrees_of_freedom: Option<f64>) -> Result<Self, Error> {
        let Some(freedom) = degrees_of_freedom else { return Ok(Drivers(None)) };
        check::within("degrees_of_freedom", freedom, 2.01, 1e6)?;
        let copula = TCopula::new(freedom);
        let copula = copula.ok_or_else(|| Error::invalid("degrees_of_freedom", freedom, "must be above zero"))?;
        Ok(Drivers(Some((freedom, copula))))
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

impl Mechanism {
    fn matched(&self, target: &Target) -> Result<Matched, Error> {
        let solved = match self {
            Mechanism::Constant => constant(target)?,
            Mechanism::StudentT { margins: Margins::StudentT, degrees_of_freedom } => {
                if let Some(freedom) = degrees_of_freedom {
                    let expected = "must be left out: the kurtosis says what it is";
                    return Err(Error::invalid("degrees_of_freedom", freedom, expected));
                }
                student_t(target)?
            }
            Mechanism::StudentT { margins: Margins::Normal, degrees_of_freedom } => {
                let Some(freedom) = *degrees_of_freedom else {
                    return Err(Error::invalid("degrees_of_freedom", "none", "must be given for normal margins"));
                };
                t_copula(target, &Drivers::new(Some(freedom))?)?
            }
            Mechanism::Regimes { stress, share, mean_years, degrees_of_freedom } => {
                sized("stress", stress, target)?;
                check::within("share", *share, 0.001, 0.999)?;
                check::within("mean_years", *mean_years, 1e-3, 1e3)?;
                regimes(target, stress, *share, *mean_years, &Drivers::new(*degrees_of_freedom)?)?
            }
            Mechanism::StressDriven { stress, reversion, begin, full } => {
                sized("stress", stress, target)?;
                check::within("begin", *begin, -8.0, 8.0)?;
                check::within("full", *full, -8.0, 8.0)?;
                if full <= begin {
                    return Err(Error::invalid("full", full, format!("must be above begin, {begin}")));
                }
                check::within("reversion", *reversion, 0.0, 10_000.0)?;
                stress_driven(target, stress, StressDriven::ou(*reversion, *begin, *full))?
            }
            Mechanism::CommonJumps { per_year, correlation, tilt, degrees_of_freedom } => {
                check::within("per_year", *per_year, 0.01, 100.0)?;
                check::within("correlation", *correlation, 0.0, 1.0)?;
                check::within("tilt", *tilt, 0.0, 1.0)?;
                common_jumps(target, *per_year, *correlation, *tilt, &Drivers::new(*degrees_of_freedom)?)?
            }
        };
        let names = target.margins.iter().map(|margin| margin.name.clone());
        Ok(Matched {
            target: target.clone(),
            factors: names.zip(solved.models).collect(),
            dependence: solved.dependence,
            volatility: solved.volatility,
            skewness: solved.skewness,
            excess_kurtosis: solved.excess_kurtosis,
            correlation: solved.correlation,
        })
    }
}

fn sized(field: &str, matrix: &Correlation, target: &Target) -> Result<(), Error> {
    if matrix.size() == target.margins.len() {
        return Ok(());
    }
    let expected = format!("must have one row for each of the {} margins", target.margins.len());
    Err(Error::invalid(field, format!("{} rows", matrix.size()), expected))
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

fn constant(target: &Target) -> Result<Solved, Error> {
    let diluted = Diluted::new(target);
    let matrix = solve(target.margins.len(), |row, column| diluted.wanted(target, row, column))?;
    let dependence = DependenceModel::Constant(Constant::new(matrix.clone()));
    Ok(diluted.solved(target, dependence, |row, column| entry(&matrix, row, column)))
}

fn student_t(target: &Target) -> Result<Solved, Error> {
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

fn t_copula(target: &Target, drivers: &Drivers) -> Result<Solved, Error> {
    let diluted = Diluted::new(target);
    let size = target.margins.len();
    let matrix = solve(size, |row, column| drivers.entry(diluted.wanted(target, row, column)))?;
    let dependence = drivers.on(DependenceModel::Constant(Constant::new(matrix.clone())));
    Ok(diluted.solved(target, dependence, |row, column| drivers.pearson(entry(&matrix, row, column))))
}

fn regimes(
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
    let normal = Normal::standard();
    let width = (full - begin) / PANELS as f64;
    let f = |place: f64| {
        let s = place / PANELS as f64;
        s * s * (3.0 - 2.0 * s) * normal.pdf(begin + place * width)
    };
    // Simpson's rule.
    let sum: f64 =
        (0..PANELS).map(|panel| panel as f64).map(|panel| f(panel) + 4.0 * f(panel + 0.5) + f(panel + 1.0)).sum();
    sum * width / 6.0 + normal.sf(full)
}

fn stress_driven(target: &Target, stress: &Correlation, index: StressDriven) -> Result<Solved, Error> {
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

fn common_jumps(
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
