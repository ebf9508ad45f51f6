//! What is the correlation matrix nearest to one that is none?

use super::Correlation;
use super::correlation::{ROUNDING, near, square};
use crate::Error;
use nalgebra::{DMatrix, SymmetricEigen};
use serde::{Deserialize, Serialize};

/// What [`nearest_correlation`] found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Nearest {
    /// The nearest correlation matrix.
    pub correlation: Correlation,
    /// How far the given matrix was from it: the Frobenius norm of the difference, the root of the sum of its squares.
    pub distance: f64,
}

/// The correlation matrix nearest to a symmetric matrix, in the Frobenius norm.
///
/// For mending a matrix that was put together pair by pair. It is an explicit call because it changes the numbers that
/// were given; the [distance](Nearest::distance) says how much.
///
/// Alternating projections onto the semidefinite matrices (negative eigenvalues set to zero) and those of unit
/// diagonal, with Dykstra's correction: N. J. Higham, *Computing the nearest correlation matrix: a problem from
/// finance*, IMA J. Numer. Anal. 22 (2002) 329–343, [doi:10.1093/imanum/22.3.329](https://doi.org/10.1093/imanum/22.3.329), algorithm 3.3.
/// It stops when an iteration moves nothing by more than `1e-13`, or after 10,000 iterations (convergence is linear).
/// The last iterate is scaled to unit diagonal, which keeps it semidefinite.
///
/// ```
/// use haircut::numeric::nearest_correlation;
/// let nearest = nearest_correlation(&[[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]])?;
/// assert!((nearest.correlation.entry(0, 1).unwrap() - 0.7607).abs() < 5e-5);
/// # Ok::<(), haircut::Error>(())
/// ```
///
/// # Errors
/// [`Error::Invalid`] for a matrix that is not square, is not symmetric, or has an entry that is no number or beyond 1000,
/// which no estimate of a correlation is.
pub fn nearest_correlation<R: AsRef<[f64]>>(rows: &[R]) -> Result<Nearest, Error> {
    let size = rows.len();
    let given = square(rows)?;
    for (position, entry) in given.iter().enumerate() {
        let (row, column) = (position / size, position % size);
        let mirrored = given[column * size + row];
        if !near(*entry, 0.0, 1000.0) || !near(*entry, mirrored, ROUNDING * entry.abs().max(1.0)) {
            let expected = format!("must lie between -1000 and 1000 and equal [{column}][{row}] = {mirrored}");
            return Err(Error::invalid(format!("[{row}][{column}]"), entry, expected));
        }
    }
    if size == 0 {
        return Ok(Nearest { correlation: Correlation::identity(0), distance: 0.0 });
    }

    let mut y = DMatrix::from_row_slice(size, size, &given);
    let mut correction = DMatrix::zeros(size, size);
    for _ in 0..10_000 {
        let shifted = &y - &correction;
        let semidefinite = without_negative_eigenvalues(shifted.clone());
        correction = &semidefinite - &shifted;
        let before = std::mem::replace(&mut y, semidefinite);
        y.fill_diagonal(1.0);
        let moved = y.iter().zip(before.iter()).fold(0.0_f64, |most, (a, b)| most.max((a - b).abs()));
        if moved <= 1e-13 {
            break;
        }
    }

    let semidefinite = without_negative_eigenvalues(y);
    let mut entries = vec![0.0; size * size];
    for row in 0..size {
        for column in 0..size {
            let scale = (semidefinite[(row, row)] * semidefinite[(column, column)]).sqrt();
            let entry = if row == column { 1.0 } else { semidefinite[(row, column)] / scale };
            entries[row * size + column] = entry;
        }
    }
    let correlation = Correlation::checked(size, entries)?;
    let squares = correlation.rows().flatten().zip(&given).map(|(near, far)| (near - far) * (near - far));
    let distance = squares.sum::<f64>().sqrt();
    Ok(Nearest { correlation, distance })
}

/// The projection onto the semidefinite matrices: `V max(D, 0) V^T`.
///
/// The product is written out: nalgebra's goes through a matrix kernel that chooses its instructions at run time,
/// and with them its last bits.
fn without_negative_eigenvalues(matrix: DMatrix<f64>) -> DMatrix<f64> {
    let size = matrix.nrows();
    let SymmetricEigen { eigenvectors, eigenvalues } = SymmetricEigen::new(matrix);
    let mut result = DMatrix::zeros(size, size);
    for row in 0..size {
        for column in 0..=row {
            let mut sum = 0.0;
            for k in 0..size {
                if eigenvalues[k] > 0.0 {
                    sum += eigenvalues[k] * eigenvectors[(row, k)] * eigenvectors[(column, k)];
                }
            }
            result[(row, column)] = sum;
            result[(column, row)] = sum;
        }
    }
    result
}

#[cfg(test)]
mod tests {
    //! Guards: the published examples of the paper, and that whatever is mended passes the check of a correlation matrix.
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn highams_published_examples() {
        // Higham (2002), section 4: the 3 x 3 matrix, entries 0.7607 and 0.1573, distance 0.5278.
        let near = nearest_correlation(&[[1.0, 1.0, 0.0], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0]]).unwrap();
        let entry = |i, j| near.correlation.entry(i, j).unwrap();
        assert!((entry(0, 1) - 0.7607).abs() < 5e-5 && (entry(1, 2) - 0.7607).abs() < 5e-5);
        assert!((entry(0, 2) - 0.1573).abs() < 5e-5);
        assert!((near.distance - 0.5278).abs() < 5e-5);
        // The same by hand: with entries a, b, a the optimum lies on the singular boundary b = 2 a^2 - 1 and makes
        // (1 - a)^2 * 2 + b^2 smallest: 8 a^3 - 2 a - 2 = 0 after division by 2.
        let mut a: f64 = 0.76;
        for _ in 0..50 {
            a -= (8.0 * a * a * a - 2.0 * a - 2.0) / (24.0 * a * a - 2.0);
        }
        assert!((entry(0, 1) - a).abs() < 1e-9 && (entry(0, 2) - (2.0 * a * a - 1.0)).abs() < 1e-9);
        assert!(near.correlation.smallest_eigenvalue() > -1e-15 * 3.0);

        // Higham (2002), section 4: the 4 x 4 tridiagonal matrix, distance 2.13.
        let near = nearest_correlation(&[
            [2.0, -1.0, 0.0, 0.0],
            [-1.0, 2.0, -1.0, 0.0],
            [0.0, -1.0, 2.0, -1.0],
            [0.0, 0.0, -1.0, 2.0],
        ])
        .unwrap();
        let published = [
            [1.0, -0.8084, 0.1916, 0.1068],
            [-0.8084, 1.0, -0.6562, 0.1916],
            [0.1916, -0.6562, 1.0, -0.8084],
            [0.1068, 0.1916, -0.8084, 1.0],
        ];
        for (i, row) in published.iter().enumerate() {
            for (j, printed) in row.iter().enumerate() {
                assert!((near.correlation.entry(i, j).unwrap() - printed).abs() < 5e-5);
            }
        }
        assert!((near.distance - 2.13).abs() < 5e-3);
    }

    #[test]
    fn a_correlation_matrix_is_its_own_nearest() {
        let rows = [[1.0, 0.3, -0.2], [0.3, 1.0, 0.5], [-0.2, 0.5, 1.0]];
        let near = nearest_correlation(&rows).unwrap();
        assert!(near.distance < 1e-14);
    }

    proptest! {
        /// Any symmetric matrix is mended into one that passes the check and factors.
        #[test]
        fn what_is_mended_passes(size in 1_usize..9, entries in prop::collection::vec(-1.5_f64..1.5, 64)) {
            let rows: Vec<Vec<f64>> = (0..size)
                .map(|i| (0..size).map(|j| if i == j { 1.0 } else { entries[i.min(j) * 8 + i.max(j) - 1] }).collect())
                .collect();
            let near = nearest_correlation(&rows).unwrap();
            prop_assert!(near.correlation.smallest_eigenvalue() >= -(size as f64) * ROUNDING);
            let again = Correlation::from_rows(&near.correlation.rows().collect::<Vec<_>>());
            prop_assert_eq!(again, Ok(near.correlation));
        }

        #[test]
        fn bad_matrices_are_errors_never_panics(
            size in 0_usize..5,
            entries in prop::collection::vec(prop_oneof![prop::num::f64::ANY, -2.0_f64..2.0], 25),
        ) {
            let rows: Vec<&[f64]> = (0..size).map(|i| &entries[i * 5..i * 5 + size]).collect();
            if let Ok(near) = nearest_correlation(&rows) {
                prop_assert!(near.distance.is_finite());
            }
        }
    }
}
