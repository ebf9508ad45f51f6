//! The smallest value of a function of few variables, without derivatives.

/// Nelder and Mead's simplex from `start`, with first steps of the given size, until the values at the corners differ
/// by less than `tolerance` or 400 steps per variable are made. A value that is no number counts as infinite: a wall.
///
/// J. A. Nelder, R. Mead, "A simplex method for function minimization", Computer J. 7 (1965) 308-313,
/// doi:10.1093/comjnl/7.4.308. A likelihood of at most six parameters wants no more than this, followed by Newton's
/// steps; so the crate needs no optimiser of others.
pub(super) fn minimise(function: &dyn Fn(&[f64]) -> f64, start: &[f64], steps: &[f64], tolerance: f64) -> Vec<f64> {
    let size = start.len();
    let value = |point: &[f64]| {
        let value = function(point);
        if value.is_nan() { f64::INFINITY } else { value }
    };
    let mut corners: Vec<(f64, Vec<f64>)> = Vec::with_capacity(size + 1);
    corners.push((value(start), start.to_vec()));
    for (axis, step) in steps.iter().enumerate().take(size) {
        let mut corner = start.to_vec();
        corner[axis] += step;
        corners.push((value(&corner), corner));
    }
    for _ in 0..400 * size {
        corners.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (best, worst) = (corners[0].0, corners[size].0);
        if (worst - best) < tolerance {
            break;
        }
        let mut centre = vec![0.0; size];
        for (_, corner) in &corners[..size] {
            for (sum, coordinate) in centre.iter_mut().zip(corner) {
                *sum += coordinate / size as f64;
            }
        }
        // From the centre of the others, away from the worst corner: 1 mirrors it, 2 goes on, 1/2 and -1/2 come back.
        let from = corners[size].1.clone();
        let along = |reach: f64| {
            let point: Vec<f64> =
                centre.iter().zip(&from).map(|(centre, from)| centre + reach * (centre - from)).collect();
            (value(&point), point)
        };
        let mirrored = along(1.0);
        let replacement = if mirrored.0 < best {
            let further = along(2.0);
            Some(if further.0 < mirrored.0 { further } else { mirrored })
        } else if mirrored.0 < corners[size - 1].0 {
            Some(mirrored)
        } else {
            let nearer = if mirrored.0 < worst { along(0.5) } else { along(-0.5) };
            (nearer.0 < mirrored.0.min(worst)).then_some(nearer)
        };
        match replacement {
            Some(corner) => corners[size] = corner,
            None => {
                let best = corners[0].1.clone();
                for (at, corner) in &mut corners[1..] {
                    for (coordinate, best) in corner.iter_mut().zip(&best) {
                        *coordinate = 0.5 * (*coordinate + best);
                    }
                    *at = value(corner);
                }
            }
        }
    }
    corners.sort_by(|a, b| a.0.total_cmp(&b.0));
    corners.swap_remove(0).1
}

/// Where a function of one variable is smallest between `low` and `high`: the best of `points` (at least 3) equally
/// spaced ones, refined by golden section between its neighbours, to 1e-7 of the whole.
pub(super) fn minimise_on(function: &dyn Fn(f64) -> f64, low: f64, high: f64, points: usize) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_894_8;
    let spacing = (high - low) / (points - 1) as f64;
    let mut best = (f64::INFINITY, low);
    for point in 0..points {
        let at = low + spacing * point as f64;
        let value = function(at);
        if value < best.0 {
            best = (value, at);
        }
    }
    let (mut left, mut right) = ((best.1 - spacing).max(low), (best.1 + spacing).min(high));
    let (mut a, mut b) = (right - GOLDEN * (right - left), left + GOLDEN * (right - left));
    let (mut at_a, mut at_b) = (function(a), function(b));
    while right - left > 1e-7 * (high - low) {
        if at_a <= at_b {
            (right, b, at_b) = (b, a, at_a);
            a = right - GOLDEN * (right - left);
            at_a = function(a);
        } else {
            (left, a, at_a) = (a, b, at_b);
            b = left + GOLDEN * (right - left);
            at_b = function(b);
        }
    }
    0.5 * (left + right)
}

#[cfg(test)]
mod tests {
    //! Guards: known minima are found, walls and hopeless functions end.
    use super::*;

    #[test]
    fn known_minima_are_found() {
        // Rosenbrock's valley, minimum 0 at (1, 1).
        let valley = |x: &[f64]| (1.0 - x[0]).powi(2) + 100.0 * (x[1] - x[0] * x[0]).powi(2);
        let found = minimise(&valley, &[-1.2, 1.0], &[0.5, 0.5], 1e-9);
        assert!((found[0] - 1.0).abs() < 1e-3 && (found[1] - 1.0).abs() < 1e-3, "{found:?}");
        let bowl = |x: &[f64]| x.iter().zip(1..).map(|(x, i)| f64::from(i) * (x - f64::from(i)).powi(2)).sum();
        let found = minimise(&bowl, &[0.0; 5], &[0.3; 5], 1e-9);
        assert!(found.iter().zip(1..).all(|(x, i)| (x - f64::from(i)).abs() < 1e-3), "{found:?}");
        let found = minimise_on(&|x| (x - 0.7).cosh(), -3.0, 3.0, 20);
        assert!((found - 0.7).abs() < 1e-6);
    }

    #[test]
    fn walls_and_hopeless_functions_end() {
        let wall = |x: &[f64]| if x[0] < 1.0 { f64::NAN } else { x[0] };
        assert!((minimise(&wall, &[3.0], &[1.0], 1e-9)[0] - 1.0).abs() < 1e-6);
        assert_eq!(minimise(&|_| f64::NAN, &[3.0], &[1.0], 1e-9), [3.0]);
        assert!(minimise_on(&|_| f64::NAN, 0.0, 1.0, 5).is_finite());
    }
}
