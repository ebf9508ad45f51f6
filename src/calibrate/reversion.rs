//! The likelihood of a process that comes back to a line, at any dates.

use super::fit::Fit;
use super::likelihood::{Likelihood, Scale};
use super::series::Interval;
use super::{normal_log_density, simplex};
use crate::Error;
use nalgebra::{SMatrix, SVector};

/// What the exact step over one interval says about the `LINES` coefficients of the line that the process comes back
/// to: `response = sum_j coefficient_j line_j + noise`, given the speed `k` of the return.
pub(super) struct Row<const LINES: usize> {
    pub(super) response: f64,
    pub(super) line: [f64; LINES],
}

/// An Ornstein–Uhlenbeck process about a line with `LINES` coefficients:
///
/// ```text
/// response_i(k) = sum_j b_j line_ij(k) + v sqrt((1 - e^(-2 k D_i)) / (2 k)) Z_i
/// ```
///
/// Given `k`, coefficients and `v` are those of weighted least squares; so the likelihood is searched along `k` alone,
/// from half-lives of two spans down to a thirtieth of the middle interval, and its highest point is not missed.
pub(super) struct Reversion<'a, const LINES: usize> {
    pub(super) changes: &'a [Interval],
    pub(super) row: &'a dyn Fn(&Interval, f64) -> Row<LINES>,
    /// The parameters that the coefficients are on their scales; `reversion` and `volatility` come before and after
    /// them.
    pub(super) names: [(&'static str, Scale); LINES],
}

impl<const LINES: usize> Reversion<'_, LINES> {
    /// Fits; `build` is given the speed, the parameters of the line and the volatility.
    pub(super) fn fit<M>(&self, build: impl FnOnce(f64, [f64; LINES], f64) -> M) -> Result<Fit<M>, Error> {
        let span: f64 = self.changes.iter().map(|change| change.length).sum();
        let mut lengths: Vec<f64> = self.changes.iter().map(|change| change.length).collect();
        lengths.sort_by(f64::total_cmp);
        let (slowest, fastest) = (0.35 / span, 20.0 / lengths[lengths.len() / 2]);
        let cost = |speed: f64| {
            let (coefficients, volatility) = self.regress(speed);
            -self.log_likelihood(speed, &coefficients, volatility)
        };
        let logarithm = simplex::minimise_on(&|at| cost(at.exp()), slowest.ln(), fastest.ln(), 81);
        let (coefficients, volatility) = self.regress(logarithm.exp());
        let usable = volatility > 0.0 && volatility.is_finite() && coefficients.iter().all(|b| b.is_finite());
        if !usable {
            return Err(Error::invalid(
                "series",
                format!("volatility {volatility}"),
                "must vary about what it comes back to: there is no noise to fit",
            ));
        }
        let mut parameters = vec![("reversion", Scale::Positive)];
        parameters.extend(self.names);
        parameters.push(("volatility", Scale::Positive));
        let within = slowest..fastest;
        let evaluate = |p: &[f64]| {
            let coefficients = std::array::from_fn(|line| self.names[line].1.inward(p[1 + line]));
            let searched = within.contains(&p[0]);
            if searched { self.log_likelihood(p[0], &coefficients, p[LINES + 1]) } else { f64::NAN }
        };
        let likelihood = Likelihood { parameters: &parameters, logarithm: &evaluate, observations: self.changes.len() };
        let line = coefficients.iter().zip(self.names).map(|(coefficient, (_, scale))| scale.outward(*coefficient));
        let near: Vec<f64> = std::iter::once(logarithm.exp()).chain(line).chain(std::iter::once(volatility)).collect();
        likelihood.fit(&near, |p| build(p[0], std::array::from_fn(|line| p[1 + line]), p[LINES + 1]))
    }

    /// Coefficients and volatility by weighted least squares, given the speed.
    fn regress(&self, speed: f64) -> ([f64; LINES], f64) {
        let mut normal = SMatrix::<f64, LINES, LINES>::zeros();
        let mut right = SVector::<f64, LINES>::zeros();
        let rows: Vec<(Row<LINES>, f64)> =
            self.changes.iter().map(|change| ((self.row)(change, speed), spread(speed, change.length))).collect();
        for (row, variance) in &rows {
            let line = SVector::from(row.line);
            normal += line * line.transpose() / *variance;
            right += line * (row.response / variance);
        }
        let coefficients =
            normal.cholesky().map_or_else(|| SVector::from([f64::NAN; LINES]), |factor| factor.solve(&right));
        let rest = |row: &Row<LINES>| row.response - coefficients.dot(&SVector::from(row.line));
        let squares: f64 = rows.iter().map(|(row, variance)| rest(row) * rest(row) / variance).sum();
        // Rounding of the responses is no noise.
        let size: f64 = rows.iter().map(|(row, variance)| row.response * row.response / variance).sum();
        let squares = if squares > 1e-24 * size { squares } else { 0.0 };
        (coefficients.into(), (squares / rows.len() as f64).sqrt())
    }

    fn log_likelihood(&self, speed: f64, coefficients: &[f64; LINES], volatility: f64) -> f64 {
        let density = |change: &Interval| {
            let Row { response, line } = (self.row)(change, speed);
            let mean: f64 = line.iter().zip(coefficients).map(|(line, b)| line * b).sum();
            normal_log_density(response - mean, volatility * volatility * spread(speed, change.length))
        };
        self.changes.iter().map(density).sum()
    }
}

/// (1 - e^(-2 k D)) / (2 k): the variance of the noise of a step for a volatility of 1.
fn spread(speed: f64, length: f64) -> f64 {
    -(-2.0 * speed * length).exp_m1() / (2.0 * speed)
}
