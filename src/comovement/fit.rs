//! The bivariate t law that fits best.

use super::elliptical::EllipticalPair;
use super::pairs::Pairs;

/// Degrees of freedom are looked for between these; at the upper end the law is as good as normal.
pub(super) const FEWEST: f64 = 2.1;
pub(super) const MOST: f64 = 200.0;

/// A bivariate t law with its place and size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct StudentPair {
    pub(super) place: [f64; 2],
    /// xx, xy, yy of the scatter matrix.
    pub(super) scatter: [f64; 3],
    pub(super) degrees_of_freedom: f64,
}

impl StudentPair {
    pub(super) fn law(&self) -> EllipticalPair {
        let [xx, xy, yy] = self.scatter;
        EllipticalPair::known((xy / (xx * yy).sqrt()).clamp(-1.0, 1.0), self.degrees_of_freedom)
    }
}

/// Maximum likelihood of weighted pairs, from a first guess or from the moments.
///
/// ```text
/// density = |S|^(-1/2) / (2 pi) (1 + d / nu)^(-(nu + 2) / 2),   d = (z - m)' S^-1 (z - m)
/// ```
///
/// by the algorithm ECME: m and S are means with weights (nu + 2) / (nu + d), then nu takes a step of Newton's on the likelihood itself (C. Liu,
/// D. B. Rubin, "ML estimation of the t distribution using EM and its extensions", Statistica Sinica 5 (1995) 19-39). Pairs on one line have no
/// such law: they get the normal one.
pub(super) fn student_pair(pairs: &Pairs, weights: &[f64], guess: Option<StudentPair>) -> StudentPair {
    let total: f64 = weights.iter().sum();
    let observations = || pairs.x().iter().zip(pairs.y()).zip(weights).map(|((x, y), w)| (*x, *y, *w));
    let mut fit = guess.unwrap_or_else(|| {
        let mean = |of: &dyn Fn(f64, f64) -> f64| observations().map(|(x, y, w)| w * of(x, y)).sum::<f64>() / total;
        let (x, y) = (mean(&|x, _| x), mean(&|_, y| y));
        let scatter =
            [mean(&|a, _| (a - x) * (a - x)), mean(&|a, b| (a - x) * (b - y)), mean(&|_, b| (b - y) * (b - y))];
        StudentPair { place: [x, y], scatter, degrees_of_freedom: 8.0 }
    });
    let mut distances = vec![0.0; weights.len()];
    for _ in 0..200 {
        let before = fit;
        let nu = fit.degrees_of_freedom;
        if !measure(&fit, pairs, &mut distances) {
            return StudentPair { degrees_of_freedom: MOST, ..fit };
        }
        let (mut sum, mut x_sum, mut y_sum) = (0.0, 0.0, 0.0);
        for ((x, y, w), distance) in observations().zip(&distances) {
            let weight = w * (nu + 2.0) / (nu + distance);
            sum += weight;
            x_sum += weight * x;
            y_sum += weight * y;
        }
        let place = [x_sum / sum, y_sum / sum];
        let mut scatter = [0.0; 3];
        for ((x, y, w), distance) in observations().zip(&distances) {
            let weight = w * (nu + 2.0) / (nu + distance) / total;
            let (x, y) = (x - place[0], y - place[1]);
            scatter[0] += weight * x * x;
            scatter[1] += weight * x * y;
            scatter[2] += weight * y * y;
        }
        fit = StudentPair { place, scatter, ..fit };
        if !measure(&fit, pairs, &mut distances) {
            return StudentPair { degrees_of_freedom: MOST, ..before };
        }
        // The slope of the likelihood in ln nu, and its own slope by a difference.
        let slope = |nu: f64| -> f64 {
            let term =
                |distance: f64| 0.5 * (nu + 2.0) * distance / (nu + distance) - 0.5 * nu * (distance / nu).ln_1p();
            distances.iter().zip(weights).map(|(distance, w)| if *w == 0.0 { 0.0 } else { w * term(*distance) }).sum()
        };
        const APART: f64 = 0.05;
        let (low, high) = (slope(nu * (-APART).exp()), slope(nu * APART.exp()));
        let curvature = (high - low) / (2.0 * APART);
        let middle = 0.5 * (low + high);
        // Where it is not concave, a step uphill.
        let step = if curvature < 0.0 { -middle / curvature } else { middle.signum() };
        fit.degrees_of_freedom = (nu * step.clamp(-0.7, 0.7).exp()).clamp(FEWEST, MOST);
        let moved = (fit.degrees_of_freedom / nu).ln().abs()
            + (fit.scatter[0] / before.scatter[0]).ln().abs()
            + (fit.scatter[2] / before.scatter[2]).ln().abs()
            + (fit.law().correlation() - before.law().correlation()).abs();
        if moved < 1e-6 {
            break;
        }
    }
    fit
}

/// The distances d; false where the scatter is singular.
fn measure(fit: &StudentPair, pairs: &Pairs, distances: &mut [f64]) -> bool {
    let ([xx, xy, yy], [mx, my]) = (fit.scatter, fit.place);
    let determinant = xx * yy - xy * xy;
    // Also where one of them is no number.
    let regular = determinant > 1e-12 * xx * yy;
    for ((x, y), distance) in pairs.x().iter().zip(pairs.y()).zip(distances) {
        let (x, y) = (x - mx, y - my);
        *distance = ((yy * x * x - 2.0 * xy * x * y + xx * y * y) / determinant).max(0.0);
    }
    regular
}
