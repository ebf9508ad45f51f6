//! The ranges that the parameters of the built-in models share.
//!
//! They are far wider than any market and narrow enough to catch a mistake of units (60 for 60 %) and to keep every
//! coefficient finite.

use crate::Error;

fn ensure(ok: bool, field: &str, value: f64, expected: &str) -> Result<(), Error> {
    if ok { Ok(()) } else { Err(Error::invalid(field, value, expected)) }
}

/// A growth or decline per year.
pub(super) fn rate(field: &str, value: f64) -> Result<(), Error> {
    ensure(value.abs() <= 10.0, field, value, "must lie between -10 and 10; it is per year, and 0.05 is 5 %")
}

/// A volatility per square root of a year, or the standard deviation of a logarithm.
pub(super) fn volatility(field: &str, value: f64) -> Result<(), Error> {
    ensure((0.0..=10.0).contains(&value), field, value, "must lie between 0 and 10; 0.6 is 60 %")
}

/// A speed of mean reversion per year.
pub(super) fn reversion(field: &str, value: f64) -> Result<(), Error> {
    ensure(
        (0.0..=10_000.0).contains(&value),
        field,
        value,
        "must lie between 0 and 10000 per year; the half-life is 0.69 / reversion",
    )
}

/// A logarithm of a ratio, or how strongly one responds to another.
pub(super) fn logarithm(field: &str, value: f64) -> Result<(), Error> {
    ensure(value.abs() <= 100.0, field, value, "must lie between -100 and 100")
}

/// A price or another quantity above zero.
pub(super) fn level(field: &str, value: f64) -> Result<(), Error> {
    ensure((1e-100..=1e100).contains(&value), field, value, "must be above zero (1e-100 to 1e100)")
}

/// A quantity that may be zero.
pub(super) fn amount(field: &str, value: f64) -> Result<(), Error> {
    ensure((0.0..=1e100).contains(&value), field, value, "must be zero or above")
}

#[cfg(test)]
mod tests {
    //! Guards: whatever is not a number is out of every range.
    use super::*;

    #[test]
    fn what_is_not_a_number_is_out_of_range() {
        for check in [rate, volatility, reversion, logarithm, level, amount] {
            for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                assert!(check("field", value).is_err());
            }
            assert!(check("field", 1.0).is_ok());
        }
    }
}
