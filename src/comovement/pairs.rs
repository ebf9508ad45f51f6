//! The changes of two series, side by side.

use crate::{Error, check};

/// Two series of equal length, changes at the same times, with the order of each: what all statistics are computed from.
///
/// A statistic takes weights, one per pair: 1 for a plain sample, a count for a resample, zero for what is left out, a likelihood
/// weight for a simulated path. So a resample is a weighting and nothing is sorted twice.
///
/// ```
/// use haircut::comovement::{Pairs, kendall};
/// let pairs = Pairs::new([0.01, -0.02, 0.03, 0.00], [0.02, -0.01, 0.01, -0.02])?;
/// // Of six pairs of dates four agree and two do not.
/// assert_eq!(kendall(&pairs, &[1.0; 4]), 2.0 / 6.0);
/// # Ok::<(), haircut::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Pairs {
    pub(super) x: Margin,
    pub(super) y: Margin,
}

/// One of the two.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Margin {
    pub(super) values: Vec<f64>,
    /// Positions from the smallest value to the largest.
    pub(super) order: Vec<usize>,
    /// For each position how many different values are smaller.
    pub(super) ranks: Vec<usize>,
}

impl Margin {
    fn new(values: Vec<f64>) -> Self {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
        let mut ranks = vec![0; values.len()];
        let mut rank = 0;
        for pair in order.windows(2) {
            rank += usize::from(values[pair[0]] < values[pair[1]]);
            ranks[pair[1]] = rank;
        }
        Margin { values, order, ranks }
    }

    pub(super) fn distinct(&self) -> usize {
        self.order.last().map_or(0, |last| self.ranks[*last] + 1)
    }
}

impl Pairs {
    /// Two series of changes (log returns, say) at the same times.
    ///
    /// # Errors
    /// [`Error::Invalid`] for lists of unequal length, for fewer than three pairs, for a value that is not a number within 1e100 of zero, and for a
    /// series that does not vary: it has no correlation.
    pub fn new(x: impl Into<Vec<f64>>, y: impl Into<Vec<f64>>) -> Result<Self, Error> {
        let (x, y) = (x.into(), y.into());
        if x.len() != y.len() {
            let expected = format!("must be one for each of the {} values of x", x.len());
            return Err(Error::invalid("y", format!("{} values", y.len()), expected));
        }
        if x.len() < 3 {
            return Err(Error::invalid("x", format!("{} values", x.len()), "must be at least 3"));
        }
        for (name, values) in [("x", &x), ("y", &y)] {
            for (position, value) in values.iter().enumerate() {
                check::within(&format!("{name}[{position}]"), *value, -1e100, 1e100)?;
            }
            if values.iter().copied().fold(f64::MAX, f64::min) >= values.iter().copied().fold(f64::MIN, f64::max) {
                return Err(Error::invalid(name, format!("{} throughout", values[0]), "must vary"));
            }
        }
        Ok(Self::ordered(x, y))
    }

    /// Of values that are known to be numbers.
    pub(super) fn ordered(x: Vec<f64>, y: Vec<f64>) -> Self {
        Pairs { x: Margin::new(x), y: Margin::new(y) }
    }

    /// Whether both series have two values or more.
    pub(super) fn vary(&self) -> bool {
        self.x.distinct() > 1 && self.y.distinct() > 1
    }

    /// How many pairs there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.x.values.len()
    }

    /// Never: three are the fewest.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.x.values.is_empty()
    }

    /// The first series.
    #[must_use]
    pub fn x(&self) -> &[f64] {
        &self.x.values
    }

    /// The second series.
    #[must_use]
    pub fn y(&self) -> &[f64] {
        &self.y.values
    }
}

#[cfg(test)]
mod tests {
    //! Guards: every defect is refused by name.
    use super::*;

    #[test]
    fn defects_are_refused_by_name() {
        let field = |x: &[f64], y: &[f64]| Pairs::new(x, y).err().and_then(|error| error.field().map(str::to_owned));
        assert_eq!(field(&[1.0, 2.0, 3.0], &[1.0, 2.0, 1.0]), None);
        assert_eq!(field(&[1.0, 2.0], &[1.0, 2.0]).as_deref(), Some("x"));
        assert_eq!(field(&[1.0, 2.0, 3.0], &[1.0, 2.0]).as_deref(), Some("y"));
        assert_eq!(field(&[1.0, f64::NAN, 3.0], &[1.0, 2.0, 1.0]).as_deref(), Some("x[1]"));
        assert_eq!(field(&[1.0, 2.0, 3.0], &[1.0, 2.0, f64::INFINITY]).as_deref(), Some("y[2]"));
        assert_eq!(field(&[1.0, 2.0, 3.0], &[0.1, 0.1, 0.1]).as_deref(), Some("y"));
    }
}
