//! How strongly do Gaussian drivers move together? Correlation matrices and their factors.

use crate::Error;
use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

/// A correlation matrix: symmetric, ones on the diagonal, entries in [-1, 1], positive semidefinite.
///
/// It is checked when it is built and never mended in silence; for a matrix that fails (pairwise estimates
/// over different windows often do) call [`nearest_correlation`](super::nearest_correlation) on purpose.
///
/// **Tolerance.** Symmetry and the unit diagonal are exact to `2^-44` and then made exact; the smallest
/// eigenvalue may be as low as `-n 2^-44` (about `-6e-14 n`), which is what rounding the entries of an exactly singular
/// matrix and computing its eigenvalues can do, and no more.
///
/// In a file it is a list of rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Vec<f64>>", into = "Vec<Vec<f64>>")]
pub struct Correlation {
    size: usize,
    /// All entries, row by row.
    entries: Vec<f64>,
}

/// The lower triangular factor `L` of a correlation matrix `C = L L^T`, for turning independent normals `e`
/// into correlated ones, `z = L e`.
///
/// Rows are packed one after the other: row `i` holds `L[i][0] ..= L[i][i]`, so a row is one contiguous slice.
#[derive(Debug, Clone, PartialEq)]
pub struct Cholesky {
    size: usize,
    packed: Vec<f64>,
}

/// What rounding may do to an entry or, times the size, to an eigenvalue.
pub(super) const ROUNDING: f64 = 1.0 / (1_u64 << 44) as f64;

impl Correlation {
    /// Independent drivers.
    #[must_use]
    pub fn identity(size: usize) -> Self {
        let mut entries = vec![0.0; size * size];
        for position in 0..size {
            entries[position * size + position] = 1.0;
        }
        Correlation { size, entries }
    }

    /// Every pair of `size` drivers has the correlation `rho`.
    ///
    /// # Errors
    /// As [`Correlation::from_rows`]: `rho` must lie between `-1 / (size - 1)` and 1.
    pub fn equal(size: usize, rho: f64) -> Result<Self, Error> {
        let mut matrix = Self::identity(size);
        for row in 0..size {
            for column in 0..size {
                if row != column {
                    matrix.entries[row * size + column] = rho;
                }
            }
        }
        Self::checked(size, matrix.entries)
    }

    /// A matrix given by its rows.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the entry `[row][column]` that is out of range, not symmetric or not 1 on the diagonal;
    /// [`Error::NotPositiveSemidefinite`] with the smallest eigenvalue.
    pub fn from_rows<R: AsRef<[f64]>>(rows: &[R]) -> Result<Self, Error> {
        Self::checked(rows.len(), square(rows)?)
    }

    pub(super) fn checked(size: usize, mut entries: Vec<f64>) -> Result<Self, Error> {
        for row in 0..size {
            for column in 0..size {
                let (entry, mirrored) = (entries[row * size + column], entries[column * size + row]);
                let field = || format!("[{row}][{column}]");
                if row == column && !near(entry, 1.0, ROUNDING) {
                    return Err(Error::invalid(field(), entry, "must be 1, for it is on the diagonal"));
                }
                if !near(entry, 0.0, 1.0 + ROUNDING) {
                    return Err(Error::invalid(field(), entry, "must lie between -1 and 1"));
                }
                if !near(entry, mirrored, ROUNDING) {
                    let expected = format!("must equal [{column}][{row}] = {mirrored}, for the matrix is symmetric");
                    return Err(Error::invalid(field(), entry, expected));
                }
            }
        }
        for row in 0..size {
            entries[row * size + row] = 1.0;
            for column in 0..row {
                let entry = entries[row * size + column].clamp(-1.0, 1.0);
                entries[row * size + column] = entry;
                entries[column * size + row] = entry;
            }
        }
        let matrix = Correlation { size, entries };
        let smallest_eigenvalue = matrix.smallest_eigenvalue();
        if smallest_eigenvalue < -(size as f64) * ROUNDING {
            return Err(Error::NotPositiveSemidefinite { field: String::new(), smallest_eigenvalue });
        }
        Ok(matrix)
    }

    /// How many drivers there are.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// The correlation of two drivers, where there are such.
    #[must_use]
    pub fn entry(&self, row: usize, column: usize) -> Option<f64> {
        (row < self.size && column < self.size).then(|| self.entries[row * self.size + column])
    }

    /// The rows in their order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        self.entries.chunks_exact(self.size.max(1))
    }

    /// Whether all drivers are independent.
    #[must_use]
    pub fn is_identity(&self) -> bool {
        *self == Self::identity(self.size)
    }

    /// The smallest eigenvalue; 1 for no drivers.
    #[must_use]
    pub fn smallest_eigenvalue(&self) -> f64 {
        if self.size == 0 {
            return 1.0;
        }
        DMatrix::from_row_slice(self.size, self.size, &self.entries).symmetric_eigenvalues().min()
    }

    /// The lower triangular `L` with `L L^T = C`.
    ///
    /// ```text
    /// L[j][j] = sqrt(C[j][j] - sum_{k<j} L[j][k]^2),   L[i][j] = (C[i][j] - sum_{k<j} L[i][k] L[j][k]) / L[j][j]
    /// ```
    ///
    /// A semidefinite matrix (two drivers of correlation 1, say) is factored too: where the number under the root
    /// is no more than rounding, `n 2^-44`, driver `j` is a combination of those before it and its column is zero.
    ///
    /// The loop is plain and in fixed order, so that the factor has the same bits on every machine.
    #[must_use]
    pub fn cholesky(&self) -> Cholesky {
        let size = self.size;
        let tolerance = size as f64 * ROUNDING;
        let mut packed = vec![0.0; size * (size + 1) / 2];
        for row in 0..size {
            let start = row * (row + 1) / 2;
            for column in 0..row {
                let other = column * (column + 1) / 2;
                let mut rest = self.entries[row * size + column];
                for k in 0..column {
                    rest -= packed[start + k] * packed[other + k];
                }
                let pivot = packed[other + column];
                packed[start + column] = if pivot > 0.0 { rest / pivot } else { 0.0 };
            }
            let mut rest = 1.0;
            for k in 0..row {
                rest -= packed[start + k] * packed[start + k];
            }
            packed[start + row] = if rest > tolerance { rest.sqrt() } else { 0.0 };
        }
        Cholesky { size, packed }
    }
}

impl Cholesky {
    /// How many drivers there are.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// All rows one after the other, each up to the diagonal.
    #[must_use]
    pub fn packed(&self) -> &[f64] {
        &self.packed
    }

    /// Row `i` up to the diagonal: `i + 1` entries; empty where there is no such row.
    #[inline]
    #[must_use]
    pub fn row(&self, i: usize) -> &[f64] {
        let start = i * (i + 1) / 2;
        self.packed.get(start..=start + i).unwrap_or_default()
    }
}

impl TryFrom<Vec<Vec<f64>>> for Correlation {
    type Error = Error;

    fn try_from(rows: Vec<Vec<f64>>) -> Result<Self, Error> {
        Correlation::from_rows(&rows)
    }
}

impl From<Correlation> for Vec<Vec<f64>> {
    fn from(matrix: Correlation) -> Self {
        matrix.rows().map(<[f64]>::to_vec).collect()
    }
}

/// Whether two numbers differ by no more than a tolerance; never when one is not a number.
pub(super) fn near(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance
}

/// All entries row by row, of a matrix that must be square.
pub(super) fn square<R: AsRef<[f64]>>(rows: &[R]) -> Result<Vec<f64>, Error> {
    let size = rows.len();
    let mut entries = Vec::with_capacity(size * size);
    for (position, row) in rows.iter().enumerate() {
        let row = row.as_ref();
        if row.len() != size {
            let expected = format!("must have {size} entries, as there are {size} rows");
            return Err(Error::invalid(format!("[{position}]"), format!("a row of {}", row.len()), expected));
        }
        entries.extend_from_slice(row);
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    //! Guards: every defect of a matrix is refused with its entry; `L L^T = C` also where `C` is singular.
    #![allow(clippy::float_cmp, reason = "degenerate cases are exact")]
    use super::*;
    use proptest::prelude::*;

    fn product(factor: &Cholesky, i: usize, j: usize) -> f64 {
        factor.row(i).iter().zip(factor.row(j)).map(|(a, b)| a * b).sum()
    }

    fn worst(matrix: &Correlation) -> f64 {
        let factor = matrix.cholesky();
        let mut worst = 0.0_f64;
        for (i, row) in matrix.rows().enumerate() {
            for (j, entry) in row.iter().enumerate() {
                worst = worst.max((product(&factor, i, j) - entry).abs());
            }
        }
        worst
    }

    #[test]
    fn independent_drivers_pass_through_unchanged() {
        let factor = Correlation::identity(4).cholesky();
        assert!(Correlation::identity(4).is_identity());
        for i in 0..4 {
            assert!(factor.row(i).iter().enumerate().all(|(j, &entry)| entry == if i == j { 1.0 } else { 0.0 }));
        }
        assert!(factor.row(4).is_empty());
        assert!(Correlation::identity(0).cholesky().packed().is_empty());
        assert!(Correlation::from_rows::<[f64; 0]>(&[]).is_ok());
    }

    #[test]
    fn perfectly_correlated_drivers_are_one_driver() {
        for size in 2..8 {
            let factor = Correlation::equal(size, 1.0).unwrap().cholesky();
            for i in 0..size {
                assert!(factor.row(i).iter().enumerate().all(|(j, &entry)| entry == if j == 0 { 1.0 } else { 0.0 }));
            }
        }
        let factor = Correlation::from_rows(&[[1.0, -1.0], [-1.0, 1.0]]).unwrap().cholesky();
        assert_eq!(factor.packed(), [1.0, -1.0, 0.0]);
    }

    #[test]
    fn a_singular_matrix_is_factored() {
        // The third driver is 0.6 times the first plus 0.8 times the second; the fourth is of its own.
        let matrix = Correlation::from_rows(&[
            [1.0, 0.0, 0.6, 0.3],
            [0.0, 1.0, 0.8, 0.2],
            [0.6, 0.8, 1.0, 0.34],
            [0.3, 0.2, 0.34, 1.0],
        ])
        .unwrap();
        assert_eq!(matrix.cholesky().row(2)[2], 0.0);
        assert!(worst(&matrix) < 1e-15);
    }

    #[test]
    fn the_known_factor_of_two_drivers() {
        let factor = Correlation::equal(2, 0.6).unwrap().cholesky();
        assert_eq!(factor.packed()[..2], [1.0, 0.6]);
        assert!((factor.packed()[2] - 0.8).abs() < 1e-16);
    }

    #[test]
    fn defects_are_refused_by_entry() {
        let field = |rows: &[[f64; 2]]| Correlation::from_rows(rows).unwrap_err().field().unwrap().to_owned();
        assert_eq!(field(&[[1.0, 0.5], [0.4, 1.0]]), "[0][1]");
        assert_eq!(field(&[[1.0, 0.5], [0.5, 0.9]]), "[1][1]");
        assert_eq!(field(&[[1.0, 1.5], [1.5, 1.0]]), "[0][1]");
        assert_eq!(field(&[[1.0, f64::NAN], [f64::NAN, 1.0]]), "[0][1]");
        assert_eq!(Correlation::from_rows(&[vec![1.0], vec![0.0, 1.0]]).unwrap_err().field(), Some("[0]"));
        match Correlation::equal(3, -0.6).unwrap_err() {
            // An equal correlation rho has the eigenvalues 1 - rho and 1 + (n - 1) rho.
            Error::NotPositiveSemidefinite { smallest_eigenvalue, .. } => {
                assert!((smallest_eigenvalue + 0.2).abs() < 1e-14);
            }
            other => panic!("{other}"),
        }
        assert!(Correlation::equal(3, -0.5).is_ok());
        assert!(Correlation::equal(3, -0.5 - 1e-12).is_err());
    }

    #[test]
    fn a_matrix_is_read_back_as_it_was_written() {
        let matrix = Correlation::from_rows(&[[1.0, 0.3], [0.3, 1.0]]).unwrap();
        let text = serde_json::to_string(&matrix).unwrap();
        assert_eq!(text, "[[1.0,0.3],[0.3,1.0]]");
        assert_eq!(serde_json::from_str::<Correlation>(&text).unwrap(), matrix);
        assert!(serde_json::from_str::<Correlation>("[[1.0,2.0],[2.0,1.0]]").is_err());
    }

    proptest! {
        /// Gram matrices of random unit vectors, the general correlation matrix of any rank.
        #[test]
        fn gram_matrices_factor(size in 1_usize..9, rank in 1_usize..9, entries in prop::collection::vec(-1.0_f64..1.0, 64)) {
            let mut vectors: Vec<Vec<f64>> = (0..size).map(|i| entries[i * 8..i * 8 + rank.min(8)].to_vec()).collect();
            for vector in &mut vectors {
                let norm = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
                prop_assume!(norm > 0.1);
                vector.iter_mut().for_each(|x| *x /= norm);
            }
            let rows: Vec<Vec<f64>> = vectors
                .iter()
                .map(|a| vectors.iter().map(|b| a.iter().zip(b).map(|(a, b)| a * b).sum()).collect())
                .collect();
            let matrix = Correlation::from_rows(&rows).unwrap();
            prop_assert!(worst(&matrix) <= (size as f64 * ROUNDING).sqrt());
        }

        #[test]
        fn bad_matrices_are_errors_never_panics(
            size in 0_usize..5,
            entries in prop::collection::vec(prop_oneof![prop::num::f64::ANY, -2.0_f64..2.0], 25),
        ) {
            let rows: Vec<&[f64]> = (0..size).map(|i| &entries[i * 5..i * 5 + size]).collect();
            if let Ok(matrix) = Correlation::from_rows(&rows) {
                for (row, given) in matrix.rows().zip(&rows) {
                    prop_assert!(row.iter().zip(*given).all(|(a, b)| near(*a, *b, ROUNDING)));
                }
            }
        }
    }
}
