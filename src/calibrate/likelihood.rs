//! The maximum of a likelihood, and how sharp it is.

use super::fit::{Fit, Information, Parameter};
use super::simplex;
use crate::Error;
use nalgebra::{DMatrix, DVector};

/// On which scale a parameter is searched, and its interval made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scale {
    /// As it is.
    Real,
    /// On its logarithm, so it stays positive.
    Positive,
    /// On its log odds, so it stays between 0 and 1.
    Share,
}

impl Scale {
    pub(super) fn inward(self, value: f64) -> f64 {
        match self {
            Scale::Real => value,
            Scale::Positive => value.ln(),
            Scale::Share => (value / (1.0 - value)).ln(),
        }
    }

    pub(super) fn outward(self, working: f64) -> f64 {
        match self {
            Scale::Real => working,
            Scale::Positive => working.exp(),
            Scale::Share => 1.0 / (1.0 + (-working).exp()),
        }
    }

    /// Derivative of the parameter by what is searched.
    fn slope(self, working: f64) -> f64 {
        match self {
            Scale::Real => 1.0,
            Scale::Positive => working.exp(),
            Scale::Share => self.outward(working) * (1.0 - self.outward(working)),
        }
    }
}

/// A log-likelihood of named parameters; not finite where they are out of range.
pub(super) struct Likelihood<'a> {
    pub(super) parameters: &'a [(&'static str, Scale)],
    pub(super) logarithm: &'a dyn Fn(&[f64]) -> f64,
    /// How many changes were observed.
    pub(super) observations: usize,
}

/// The normal quantile of a two-sided 95 % interval.
const REACH: f64 = 1.959_963_984_540_054;

impl Likelihood<'_> {
    fn outward(&self, working: &[f64]) -> Vec<f64> {
        self.parameters.iter().zip(working).map(|((_, scale), at)| scale.outward(*at)).collect()
    }

    /// Minus the log-likelihood, infinite where there is none.
    fn cost(&self, working: &[f64]) -> f64 {
        let cost = -(self.logarithm)(&self.outward(working));
        if cost.is_nan() { f64::INFINITY } else { cost }
    }

    /// The best of what is reached from several starts; `step` is the size of the first steps, on the working scale.
    ///
    /// A thousandth of a log-likelihood is enough to tell which start leads highest; from there a second simplex goes on, for the
    /// first may have collapsed on the way; Newton's steps do the rest.
    pub(super) fn climb(&self, starts: &[Vec<f64>], step: f64) -> Vec<f64> {
        let search = |at: &[f64], step: f64, tolerance: f64| {
            simplex::minimise(&|point| self.cost(point), at, &vec![step; at.len()], tolerance)
        };
        let mut best: Option<(f64, Vec<f64>)> = None;
        for start in starts {
            let at: Vec<f64> =
                self.parameters.iter().zip(start).map(|((_, scale), value)| scale.inward(*value)).collect();
            let at = search(&at, step, 1e-3);
            let cost = self.cost(&at);
            if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, at));
            }
        }
        best.map(|(_, at)| self.outward(&search(&at, 0.3 * step, 1e-6))).unwrap_or_default()
    }

    /// Newton's steps from `near` to the maximum, and the standard errors there; an error where `near` has no
    /// likelihood.
    pub(super) fn fit<M>(&self, near: &[f64], build: impl FnOnce(&[f64]) -> M) -> Result<Fit<M>, Error> {
        let mut at: Vec<f64> =
            self.parameters.iter().zip(near).map(|((_, scale), value)| scale.inward(*value)).collect();
        if !self.cost(&at).is_finite() {
            let expected = "must be such that the model, within its ranges, can have made it";
            return Err(Error::invalid("series", format!("likelihood {}", (-self.cost(&at)).exp()), expected));
        }
        let mut curvature = self.curvature(&at);
        for _ in 0..12 {
            let Some(better) = curvature.as_ref().ok().and_then(|curvature| self.newton(&at, curvature)) else { break };
            at = better;
            curvature = self.curvature(&at);
        }
        let size = at.len();
        let (information, covariance) = match curvature {
            Err(axis) => (Information::Edge { parameter: self.parameters[axis].0.to_owned() }, None),
            Ok(curvature) => self.invert(&curvature),
        };
        let unknown = || DMatrix::from_element(size, size, f64::INFINITY);
        let covariance = covariance.unwrap_or_else(unknown);
        let values = self.outward(&at);
        let slope = |axis: usize| self.parameters[axis].1.slope(at[axis]);
        let parameters = (0..size)
            .map(|axis| {
                let (name, scale) = self.parameters[axis];
                let deviation = covariance[(axis, axis)].sqrt();
                Parameter {
                    name: name.to_owned(),
                    value: values[axis],
                    standard_error: deviation * slope(axis),
                    lower: scale.outward(at[axis] - REACH * deviation),
                    upper: scale.outward(at[axis] + REACH * deviation),
                }
            })
            .collect();
        let scaled = |row: usize, column: usize| covariance[(row, column)] * slope(row) * slope(column);
        Ok(Fit {
            model: build(&values),
            parameters,
            covariance: (0..size).map(|row| (0..size).map(|column| scaled(row, column)).collect()).collect(),
            log_likelihood: -self.cost(&at),
            observations: self.observations,
            information,
        })
    }

    /// One step of Newton's method, shortened until it does not lead up; none at the maximum or where there is no
    /// better point.
    fn newton(&self, at: &[f64], curvature: &Curvature) -> Option<Vec<f64>> {
        let direction = curvature.second.clone().cholesky()?.solve(&curvature.first);
        let gain = direction.dot(&curvature.first);
        if gain < 1e-12 {
            return None;
        }
        let cost = self.cost(at);
        (0..12).map(|halvings| 0.5_f64.powi(halvings)).find_map(|share| {
            let point: Vec<f64> = at.iter().zip(direction.iter()).map(|(at, step)| at - share * step).collect();
            (self.cost(&point) < cost).then_some(point)
        })
    }

    /// First and second derivatives of the cost by central differences; the axis where the function ends, if it does.
    ///
    /// A step is a twentieth of what the curvature along its axis says the standard error is: the cost then changes by
    /// about 1e-3, far above its rounding, and the next term of its series by 1e-3 of that.
    fn curvature(&self, at: &[f64]) -> Result<Curvature, usize> {
        let size = at.len();
        let moved = |moves: &[(usize, f64)]| {
            let mut point = at.to_vec();
            for (axis, by) in moves {
                point[*axis] += by;
            }
            self.cost(&point)
        };
        let centre = moved(&[]);
        let mut steps = Vec::with_capacity(size);
        let mut first = DVector::zeros(size);
        let mut second = DMatrix::zeros(size, size);
        for axis in 0..size {
            let unit = 1.0 + at[axis].abs();
            let mut step = 1e-4 * unit;
            let (mut up, mut down) = (centre, centre);
            for _ in 0..4 {
                (up, down) = (moved(&[(axis, step)]), moved(&[(axis, -step)]));
                if !(up.is_finite() && down.is_finite()) {
                    return Err(axis);
                }
                let curved = (up + down - 2.0 * centre) / (step * step);
                let wanted =
                    if curved > 0.0 { (0.05 / curved.sqrt()).clamp(1e-8 * unit, 0.05 * unit) } else { 0.01 * unit };
                if (0.5..2.0).contains(&(wanted / step)) {
                    break;
                }
                step = wanted;
                (up, down) = (moved(&[(axis, step)]), moved(&[(axis, -step)]));
            }
            if !(up.is_finite() && down.is_finite()) {
                return Err(axis);
            }
            first[axis] = (up - down) / (2.0 * step);
            second[(axis, axis)] = (up + down - 2.0 * centre) / (step * step);
            steps.push(step);
        }
        for row in 0..size {
            for column in 0..row {
                let (a, b) = (steps[row], steps[column]);
                let corner = |a: f64, b: f64| moved(&[(row, a), (column, b)]);
                let mixed = (corner(a, b) - corner(a, -b) - corner(-a, b) + corner(-a, -b)) / (4.0 * a * b);
                if !mixed.is_finite() {
                    return Err(row);
                }
                second[(row, column)] = mixed;
                second[(column, row)] = mixed;
            }
        }
        Ok(Curvature { first, second })
    }

    /// The covariance of the estimates, where the information is definite and the slope is gone.
    fn invert(&self, curvature: &Curvature) -> (Information, Option<DMatrix<f64>>) {
        let second = &curvature.second;
        // Each parameter in units of its own curvature, so that one eigenvalue can be compared with another.
        let unit = second.diagonal().map(|entry| entry.abs().max(f64::MIN_POSITIVE).sqrt());
        let scaled = DMatrix::from_fn(second.nrows(), second.ncols(), |row, column| {
            second[(row, column)] / (unit[row] * unit[column])
        });
        let smallest_eigenvalue = scaled.clone().symmetric_eigenvalues().min();
        // The differences are good to about 1e-8 of the curvature: below that, a direction is flat.
        let inverse = scaled.cholesky().filter(|_| smallest_eigenvalue > 1e-7).map(|factor| factor.inverse());
        let Some(inverse) = inverse else {
            return (Information::Indefinite { smallest_eigenvalue }, None);
        };
        let covariance = DMatrix::from_fn(second.nrows(), second.ncols(), |row, column| {
            inverse[(row, column)] / (unit[row] * unit[column])
        });
        // How far the top still is, in standard errors, along each axis: at a maximum nothing is left.
        let away = &covariance * &curvature.first;
        let axis = (0..away.len()).find(|axis| away[*axis].abs() > 0.05 * covariance[(*axis, *axis)].sqrt());
        match axis {
            Some(axis) => (Information::Edge { parameter: self.parameters[axis].0.to_owned() }, None),
            None => (Information::Definite, Some(covariance)),
        }
    }
}

/// Derivatives of minus the log-likelihood on the working scale.
struct Curvature {
    first: DVector<f64>,
    second: DMatrix<f64>,
}

#[cfg(test)]
mod tests {
    //! Guards: errors are those of the known information; a flat or open likelihood says so.
    use super::*;

    #[test]
    fn errors_are_those_of_the_known_information() {
        // Normal sample of mean 2, variance 9, 50 values, written by its sufficient statistics; the information is
        // known.
        let (count, mean, variance) = (50.0, 2.0, 9.0);
        let logarithm = |p: &[f64]| {
            let (m, s) = (p[0], p[1]);
            -count * (s.ln() + 0.5 * (variance + (mean - m) * (mean - m)) / (s * s))
        };
        let parameters = [("mean", Scale::Real), ("deviation", Scale::Positive)];
        let likelihood = Likelihood { parameters: &parameters, logarithm: &logarithm, observations: 50 };
        let near = likelihood.climb(&[vec![0.0, 1.0]], 0.5);
        let fit = likelihood.fit(&near, <[f64]>::to_vec).unwrap();
        assert_eq!(fit.information, Information::Definite);
        // Differences over a twentieth of an error leave up to 1e-3 errors in place, and 1e-4 of the curvature.
        for (parameter, (value, error)) in fit.parameters.iter().zip([(2.0, 3.0 / 50.0_f64.sqrt()), (3.0, 0.3)]) {
            assert!((parameter.value - value).abs() < 1e-3 * error, "{parameter}");
            assert!((parameter.standard_error / error - 1.0).abs() < 1e-3, "{parameter}");
        }
        assert!((fit.parameters[1].lower / (3.0 * (-REACH * 0.1).exp()) - 1.0).abs() < 1e-3);
        assert!(fit.covariance[0][1].abs() < 1e-6);
        assert!((fit.aic() - (4.0 - 2.0 * fit.log_likelihood)).abs() < 1e-12);
        assert!((fit.bic() - (2.0 * 50.0_f64.ln() - 2.0 * fit.log_likelihood)).abs() < 1e-12);
    }

    #[test]
    fn a_flat_or_open_likelihood_says_so() {
        let parameters = [("a", Scale::Real), ("b", Scale::Real)];
        let flat = |p: &[f64]| -(p[0] + p[1]).powi(2);
        let likelihood = Likelihood { parameters: &parameters, logarithm: &flat, observations: 1 };
        let fit = likelihood.fit(&[0.0, 0.0], |_| ()).unwrap();
        assert!(matches!(fit.information, Information::Indefinite { .. }), "{:?}", fit.information);
        assert!(fit.parameters.iter().all(|p| p.standard_error == f64::INFINITY && !p.is_resolved()));
        assert!(fit.to_string().contains("not determined"));

        let open = |p: &[f64]| if p[1] > 1.0 { f64::NAN } else { p[1] - p[0] * p[0] };
        let likelihood = Likelihood { parameters: &parameters, logarithm: &open, observations: 1 };
        let near = likelihood.climb(&[vec![0.0, 0.0]], 0.3);
        let fit = likelihood.fit(&near, |_| ()).unwrap();
        assert_eq!(fit.information, Information::Edge { parameter: "b".to_owned() });
        assert!(fit.to_string().contains("b is at the edge"));
    }
}
