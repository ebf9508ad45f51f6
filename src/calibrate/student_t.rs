//! How fat the joint tails of several prices are.

use super::fit::{Fit, Information, Parameter};
use super::series::Series;
use super::simplex;
use crate::Error;
use crate::numeric::Correlation;
use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};
use statrs::function::gamma::ln_gamma;
use std::f64::consts::FRAC_PI_2;

/// Student's t dependence: one correlation matrix and one number of degrees of freedom, whatever the margins are.
///
/// ```text
/// C(u) = t_{nu,R}(t_nu^-1(u_1), .., t_nu^-1(u_d)),    lower tail dependence = 2 t_{nu+1}(-sqrt((nu + 1)(1 - rho) / (1 + rho)))
/// ```
///
/// The fewer the degrees of freedom, the more often all fall together; many are the normal dependence. The tails are
/// symmetric: joint rises are as likely as joint falls. Source: S. Demarta, A. J. McNeil, "The t copula and related
/// copulas", International Statistical Review 73 (2005) 111-129, doi:10.1111/j.1751-5823.2005.tb00254.x.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StudentTCopula {
    /// The matrix R.
    pub correlation: Correlation,
    /// nu.
    pub degrees_of_freedom: f64,
}

impl StudentTCopula {
    /// The chance that one of two falls as deep as its own quantile `q`, given that the other does, for ever smaller
    /// `q`.
    #[must_use]
    pub fn tail_dependence(&self, one: usize, other: usize) -> Option<f64> {
        let rho = self.correlation.entry(one, other)?;
        let nu = self.degrees_of_freedom + 1.0;
        if rho <= -1.0 {
            return Some(0.0);
        }
        let law = StudentsT::new(0.0, 1.0, nu).ok()?;
        Some(2.0 * law.cdf(-(nu * (1.0 - rho) / (1.0 + rho)).max(0.0).sqrt()))
    }
}

const FEWEST: f64 = 1.0;
const MOST: f64 = 200.0;

/// Fits the t dependence of the changes of two or more prices on the dates that all have.
///
/// ```text
/// R_ij = sin(pi tau_ij / 2),    nu = the maximum over nu of sum_i ln c_{nu,R}(u_i),    u = rank / (n + 1)
/// ```
///
/// with Kendall's tau of the log changes, each over the root of its interval; equal changes count as neither rising nor
/// falling together. It needs no model of the single prices. The likelihood reported is that of the dependence alone.
/// Standard errors are those of a jackknife that leaves out one of up to 50 successive blocks at a time, with the
/// matrix and the ranks made anew: so they hold for changes that follow each other in calm and wild spells, which the
/// curvature of the likelihood does not. Degrees of freedom are searched from 1 to 200; at 200 the dependence is as
/// good as normal, and the fit says that it is at the edge.
///
/// Sources: A. J. McNeil, R. Frey, P. Embrechts, *Quantitative Risk Management* (2015), section 7.5; J. Shao, D. Tu,
/// *The Jackknife and Bootstrap* (1995), section 2.3.
///
/// # Errors
/// Fewer than two series, fewer than 50 common changes, a price that is not above zero or does not vary, or pairwise
/// correlations that are no correlation matrix ([`nearest_correlation`](crate::numeric::nearest_correlation) mends one
/// on purpose).
pub fn student_t(prices: &[Series]) -> Result<Fit<StudentTCopula>, Error> {
    if prices.len() < 2 {
        return Err(Error::invalid("series", prices.len(), "must be at least two"));
    }
    let logarithms = prices
        .iter()
        .enumerate()
        .map(|(position, prices)| prices.logarithms().map_err(|error| error.within(format!("prices[{position}]"))))
        .collect::<Result<Vec<_>, Error>>()?;
    let (years, values) = Series::aligned(&logarithms);
    let mut changes = Vec::new();
    for values in values {
        let common = Series::new(years.clone(), values)?;
        common.at_least(50)?;
        let intervals = common.intervals();
        super::growth(&intervals)?;
        changes.push(intervals.iter().map(|c| (c.after - c.before) / c.length.sqrt()).collect::<Vec<f64>>());
    }
    fit(&changes)
}

/// Of one list of changes per price, all of one length.
fn fit(changes: &[Vec<f64>]) -> Result<Fit<StudentTCopula>, Error> {
    let (size, count) = (changes.len(), changes[0].len());
    let blocks = (count / 10).min(50);
    let length = count / blocks;
    // The oldest changes that fill no block are never left out.
    let spare = count - blocks * length;
    let concordance: Vec<Concordance> = pairs(size)
        .map(|(row, column)| Concordance::count(&changes[row], &changes[column], spare, length, blocks))
        .collect();
    let matrix = |left_out: Option<usize>| {
        let mut matrix = DMatrix::identity(size, size);
        for ((row, column), concordance) in pairs(size).zip(&concordance) {
            let rho = (FRAC_PI_2 * concordance.tau(left_out)).sin();
            matrix[(row, column)] = rho;
            matrix[(column, row)] = rho;
        }
        matrix
    };
    let whole = matrix(None);
    let rows: Vec<Vec<f64>> = whole.row_iter().map(|row| row.iter().copied().collect()).collect();
    let correlation = Correlation::from_rows(&rows).map_err(|error| error.within("correlation"))?;
    let all = ranks(changes, None);
    let sample = Sample::new(&all, &whole).ok_or_else(|| {
        Error::invalid(
            "correlation",
            "a singular matrix",
            "must be positive definite: one price follows from the others",
        )
    })?;
    let cost = |logarithm: f64| -sample.log_likelihood(&Quantiles::new(logarithm.exp(), count));
    let at = simplex::minimise_on(&cost, FEWEST.ln(), MOST.ln(), 16);
    let degrees_of_freedom = at.exp();

    let step = 0.1;
    let near = [at - step, at, at + step];
    let edge = near[0] < FEWEST.ln() || near[2] > MOST.ln();
    let tables = near.map(|at| Quantiles::new(at.exp(), count - length));
    let mut replicates: Vec<Vec<f64>> = Vec::with_capacity(blocks);
    for block in 0..blocks {
        let start = spare + block * length;
        let matrix = matrix(Some(block));
        let rest = ranks(changes, Some(start..start + length));
        let peak = Sample::new(&rest, &matrix).map_or(f64::NAN, |sample| {
            let [a, b, c] = [0, 1, 2].map(|table| sample.log_likelihood(&tables[table]));
            // The vertex of the parabola through three points: one step of Newton's method from the estimate.
            at + 0.5 * step * (a - c) / (a - 2.0 * b + c)
        });
        replicates.push(pairs(size).map(|pair| matrix[pair]).chain(std::iter::once(peak)).collect());
    }
    let mut covariance = jackknife(&replicates);
    let last = covariance.len() - 1;
    // From the logarithm of the degrees of freedom to themselves.
    for other in 0..=last {
        covariance[last][other] *= degrees_of_freedom;
        covariance[other][last] *= degrees_of_freedom;
    }
    let known = covariance.iter().flatten().all(|entry| entry.is_finite());
    let information = if edge || !known {
        for other in 0..=last {
            covariance[last][other] = f64::INFINITY;
            covariance[other][last] = f64::INFINITY;
        }
        Information::Edge { parameter: "degrees_of_freedom".to_owned() }
    } else {
        Information::Definite
    };
    let mut parameters: Vec<Parameter> = pairs(size)
        .enumerate()
        .map(|(position, (row, column))| {
            let (value, error) = (whole[(row, column)], covariance[position][position].sqrt());
            Parameter {
                name: format!("correlation[{row}][{column}]"),
                value,
                standard_error: error,
                lower: (value - REACH * error).max(-1.0),
                upper: (value + REACH * error).min(1.0),
            }
        })
        .collect();
    let error = covariance[last][last].sqrt();
    parameters.push(Parameter {
        name: "degrees_of_freedom".to_owned(),
        value: degrees_of_freedom,
        standard_error: error,
        lower: degrees_of_freedom * (-REACH * error / degrees_of_freedom).exp(),
        upper: degrees_of_freedom * (REACH * error / degrees_of_freedom).exp(),
    });
    Ok(Fit {
        model: StudentTCopula { correlation, degrees_of_freedom },
        parameters,
        covariance,
        log_likelihood: -cost(at),
        observations: count,
        information,
    })
}

/// The normal quantile of a two-sided 95 % interval.
const REACH: f64 = 1.959_963_984_540_054;

/// Every pair once, in the order of the rows.
fn pairs(size: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..size).flat_map(move |row| (row + 1..size).map(move |column| (row, column)))
}

/// Concordant less discordant pairs between any two blocks of observations; the last one holds the spare ones.
struct Concordance {
    counts: Vec<Vec<f64>>,
    sizes: Vec<usize>,
}

impl Concordance {
    fn count(x: &[f64], y: &[f64], spare: usize, length: usize, blocks: usize) -> Self {
        let block = |position: usize| if position < spare { blocks } else { (position - spare) / length };
        let mut counts = vec![vec![0.0; blocks + 1]; blocks + 1];
        for i in 0..x.len() {
            let row = &mut counts[block(i)];
            for j in 0..i {
                let product = (x[i] - x[j]) * (y[i] - y[j]);
                row[block(j)] += f64::from(i8::from(product > 0.0) - i8::from(product < 0.0));
            }
        }
        let mut sizes = vec![length; blocks];
        sizes.push(spare);
        Concordance { counts, sizes }
    }

    /// Kendall's tau of all, or without one block.
    fn tau(&self, left_out: Option<usize>) -> f64 {
        let kept = |block: &usize| Some(*block) != left_out;
        let blocks = || (0..self.sizes.len()).filter(kept);
        let count = blocks().map(|block| self.sizes[block]).sum::<usize>() as f64;
        let sum: f64 = blocks().map(|row| blocks().map(|column| self.counts[row][column]).sum::<f64>()).sum();
        2.0 * sum / (count * (count - 1.0))
    }
}

/// The rank (from 0) of each change among those of its price, without the ones left out; ties in their order in time.
fn ranks(changes: &[Vec<f64>], left_out: Option<std::ops::Range<usize>>) -> Vec<Vec<usize>> {
    let kept = |position: &usize| left_out.as_ref().is_none_or(|range| !range.contains(position));
    changes
        .iter()
        .map(|changes| {
            let kept: Vec<f64> = (0..changes.len()).filter(kept).map(|position| changes[position]).collect();
            let mut order: Vec<usize> = (0..kept.len()).collect();
            order.sort_by(|a, b| kept[*a].total_cmp(&kept[*b]));
            let mut ranks = vec![0; kept.len()];
            for (rank, position) in order.into_iter().enumerate() {
                ranks[position] = rank;
            }
            ranks
        })
        .collect()
}

/// Quantiles of Student's t at `rank / (n + 1)`, by rank.
struct Quantiles {
    degrees_of_freedom: f64,
    values: Vec<f64>,
}

impl Quantiles {
    fn new(degrees_of_freedom: f64, count: usize) -> Self {
        let mut values = vec![0.0; count];
        if let Ok(law) = StudentsT::new(0.0, 1.0, degrees_of_freedom) {
            for rank in 0..count / 2 {
                let value = law.inverse_cdf((rank + 1) as f64 / (count + 1) as f64);
                values[rank] = value;
                values[count - 1 - rank] = -value;
            }
        }
        Quantiles { degrees_of_freedom, values }
    }
}

/// Ranks with the inverse and the determinant of their matrix.
struct Sample<'a> {
    ranks: &'a [Vec<usize>],
    inverse: DMatrix<f64>,
    log_determinant: f64,
}

impl<'a> Sample<'a> {
    fn new(ranks: &'a [Vec<usize>], matrix: &DMatrix<f64>) -> Option<Self> {
        let factor = matrix.clone().cholesky()?;
        let log_determinant = 2.0 * factor.l().diagonal().iter().map(|entry| entry.ln()).sum::<f64>();
        Some(Sample { ranks, inverse: factor.inverse(), log_determinant })
    }

    /// The sum of the logarithm of the density of the dependence.
    fn log_likelihood(&self, quantiles: &Quantiles) -> f64 {
        let (nu, size) = (quantiles.degrees_of_freedom, self.ranks.len());
        let d = size as f64;
        let constant = ln_gamma(0.5 * (nu + d)) + (d - 1.0) * ln_gamma(0.5 * nu)
            - d * ln_gamma(0.5 * (nu + 1.0))
            - 0.5 * self.log_determinant;
        let count = self.ranks[0].len();
        let margin: Vec<f64> = quantiles.values.iter().map(|x| 0.5 * (nu + 1.0) * (x * x / nu).ln_1p()).collect();
        let density = |at: usize| {
            let mut form = 0.0;
            let mut margins = 0.0;
            for row in 0..size {
                let x = quantiles.values[self.ranks[row][at]];
                margins += margin[self.ranks[row][at]];
                for column in 0..size {
                    form += x * self.inverse[(row, column)] * quantiles.values[self.ranks[column][at]];
                }
            }
            constant - 0.5 * (nu + d) * (form / nu).ln_1p() + margins
        };
        (0..count).map(density).sum()
    }
}

/// Covariances from replicates that each leave out one of as many blocks: (g - 1) / g times the sum of squares.
fn jackknife(replicates: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let groups = replicates.len() as f64;
    let size = replicates[0].len();
    let mean: Vec<f64> = (0..size).map(|at| replicates.iter().map(|one| one[at]).sum::<f64>() / groups).collect();
    let product = |row: usize, column: usize| {
        let sum: f64 = replicates.iter().map(|one| (one[row] - mean[row]) * (one[column] - mean[column])).sum();
        (groups - 1.0) / groups * sum
    };
    (0..size).map(|row| (0..size).map(|column| product(row, column)).collect()).collect()
}

#[cfg(test)]
mod tests {
    //! Guards: tau and the density by hand, the tail dependence of the literature.
    use super::*;

    #[test]
    fn tau_by_hand() {
        // Of six pairs of (1,2), (2,1), (3,4), (4,3) two are discordant: tau = (4 - 2) / 6.
        let (x, y) = ([1.0, 2.0, 3.0, 4.0], [2.0, 1.0, 4.0, 3.0]);
        let concordance = Concordance::count(&x, &y, 0, 2, 2);
        assert!((concordance.tau(None) - 1.0 / 3.0).abs() < 1e-15);
        // Either half alone is one discordant pair.
        assert!((concordance.tau(Some(0)) + 1.0).abs() < 1e-15);
    }

    #[test]
    fn the_density_by_hand() {
        // nu 1 and rho 0: x = tan(pi (u - 1/2)), density pi (1 + x^2)(1 + y^2) / (2 (1 + x^2 + y^2)^(3/2)). With three
        // observations u is 1/4, 1/2, 3/4, so x is -1, 0, 1.
        let ranks = vec![vec![0, 1, 2], vec![1, 2, 0]];
        let sample = Sample::new(&ranks, &DMatrix::identity(2, 2)).unwrap();
        let density =
            |x: f64, y: f64| (FRAC_PI_2 * (1.0 + x * x) * (1.0 + y * y) / (1.0 + x * x + y * y).powf(1.5)).ln();
        let hand = density(-1.0, 0.0) + density(0.0, 1.0) + density(1.0, -1.0);
        let value = sample.log_likelihood(&Quantiles::new(1.0, 3));
        assert!((value - hand).abs() < 1e-9, "{value} {hand}");
    }

    #[test]
    fn tail_dependence_of_the_literature() {
        // Demarta and McNeil (2005), table 1; rho 0.5: nu 2, 4, 10 have 0.39, 0.25, 0.08.
        for (nu, published) in [(2.0, 0.39), (4.0, 0.25), (10.0, 0.08)] {
            let copula = StudentTCopula { correlation: Correlation::equal(2, 0.5).unwrap(), degrees_of_freedom: nu };
            assert!((copula.tail_dependence(0, 1).unwrap() - published).abs() <= 0.005, "{nu}");
        }
    }
}
