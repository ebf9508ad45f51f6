//! A table of points, read along straight lines and level beyond its ends.

use crate::{Error, check};

/// Points with rising positions and shares above 0 and at most 1.
pub(super) fn validate(field: &str, points: &[(f64, f64)]) -> Result<(), Error> {
    if points.is_empty() {
        return Err(Error::invalid(field, "[]", "must have a point"));
    }
    for (index, (position, share)) in points.iter().enumerate() {
        let at = |part: usize| format!("{field}[{index}][{part}]");
        check::not_negative(&at(0), *position)?;
        if index > 0 && points[index - 1].0 >= *position {
            return Err(Error::invalid(at(0), position, "must be above the point before it"));
        }
        if !(*share > 0.0 && *share <= 1.0) {
            return Err(Error::invalid(at(1), share, "must be above 0 and at most 1"));
        }
    }
    Ok(())
}

/// The share at a position; 1 for a table without points.
pub(super) fn read(points: &[(f64, f64)], position: f64) -> f64 {
    let after = points.iter().position(|(at, _)| *at >= position);
    match (after, points.last()) {
        (Some(0), _) => points[0].1,
        (Some(after), _) => {
            let ((left, from), (right, to)) = (points[after - 1], points[after]);
            if position < right { from + (to - from) * ((position - left) / (right - left)) } else { to }
        }
        (None, last) => last.map_or(1.0, |(_, share)| *share),
    }
}

#[cfg(test)]
mod tests {
    use super::{read, validate};

    #[test]
    fn a_table_is_read_along_straight_lines() {
        let table = [(40.0, 0.8), (130.0, 0.3)];
        let expected = [(0.0, 0.8), (40.0, 0.8), (85.0, 0.55), (130.0, 0.3), (600.0, 0.3)];
        for (position, share) in expected {
            assert!((read(&table, position) - share).abs() < 1e-15, "{position}");
        }
        assert!((read(&[], 3.0) - 1.0).abs() < 1e-15);
    }

    #[test]
    fn a_bad_table_is_refused_by_its_point() {
        let field = |points: &[(f64, f64)]| validate("t", points).unwrap_err().field().map(str::to_owned);
        assert_eq!(field(&[]).as_deref(), Some("t"));
        assert_eq!(field(&[(-1.0, 0.5)]).as_deref(), Some("t[0][0]"));
        assert_eq!(field(&[(1.0, 0.5), (1.0, 0.6)]).as_deref(), Some("t[1][0]"));
        assert_eq!(field(&[(1.0, 0.5), (2.0, 0.0)]).as_deref(), Some("t[1][1]"));
        assert_eq!(field(&[(1.0, f64::NAN)]).as_deref(), Some("t[0][1]"));
        assert_eq!(field(&[(1.0, 1.1)]).as_deref(), Some("t[0][1]"));
    }
}
