//! Integrals of smooth functions.

use super::kernel::sin_cos_2pi;

/// Nodes and weights of Gauss and Legendre on \[0, 1\]: exact for polynomials of degree `2 points - 1`.
///
/// Nodes are the zeros of the Legendre polynomial by Newton's method, from `cos(pi (i + 3/4) / (points + 1/2))`. Source:
/// P. J. Davis, P. Rabinowitz, *Methods of Numerical Integration* (1984), section 2.7.
pub(crate) fn gauss_legendre(points: usize) -> Vec<(f64, f64)> {
    let order = points as f64;
    let rule = (0..points).map(|i| {
        let (_, mut x) = sin_cos_2pi((i as f64 + 0.75) / (order + 0.5) / 2.0);
        let mut slope = 1.0;
        // Newton doubles the digits: from three to all of them in four rounds.
        for _ in 0..6 {
            let (mut before, mut value) = (1.0, x);
            for n in 2..=points {
                let n = n as f64;
                (before, value) = (value, ((2.0 * n - 1.0) * x * value - (n - 1.0) * before) / n);
            }
            slope = order * (x * value - before) / (x * x - 1.0);
            x -= value / slope;
        }
        (0.5 * (1.0 - x), 1.0 / ((1.0 - x * x) * slope * slope))
    });
    rule.collect()
}

#[cfg(test)]
mod tests {
    //! Guards: the rule is exact to its degree and not beyond.
    use super::*;

    #[test]
    fn polynomials_up_to_the_degree_are_integrated_exactly() {
        for points in [2_usize, 5, 8, 48, 64] {
            let rule = gauss_legendre(points);
            let integral = |degree: i32| rule.iter().map(|(x, w)| w * x.powi(degree)).sum::<f64>();
            let last = 2 * points as i32 - 1;
            for degree in 0..=last {
                assert!((integral(degree) * f64::from(degree + 1) - 1.0).abs() < 1e-13, "{points}, {degree}");
            }
            assert!(points > 8 || (integral(last + 1) * f64::from(last + 2) - 1.0).abs() > 1e-12);
        }
    }
}
