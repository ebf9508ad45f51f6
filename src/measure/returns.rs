//! The internal rate of return of dated cash, of a block of paths and of one list.

use crate::numeric::{Lane, PATHS, kernel};
use crate::vectorised;

/// Continuous rates between which a return is looked for: -99.995 % and 14,741 % a year.
const LOWEST: f64 = -10.0;
const HIGHEST: f64 = 5.0;
/// Halvings of that range: to 2^-50 of it, 1.4e-14.
const HALVINGS: usize = 50;

/// Lanes for use within the search.
#[derive(Debug, Clone, Default)]
pub(super) struct Search {
    low: Lane,
    high: Lane,
    middle: Lane,
    factor: Lane,
    value: Lane,
}

vectorised! {
    fn halve(low: &Lane, high: &Lane, middle: &mut Lane) {
        for i in 0..PATHS {
            middle[i] = 0.5 * (low[i] + high[i]);
        }
    }

    /// exp(-rate x length)
    fn discount(rate: &Lane, length: f64, factor: &mut Lane) {
        for i in 0..PATHS {
            factor[i] = kernel::exp(-(rate[i] * length));
        }
    }

    fn step_back(cash: &Lane, factor: &Lane, value: &mut Lane) {
        for i in 0..PATHS {
            value[i] = value[i] * factor[i] + cash[i];
        }
    }

    /// The value falls with the rate: where it is above zero the root is higher.
    fn narrow(value: &Lane, middle: &Lane, low: &mut Lane, high: &mut Lane) {
        for i in 0..PATHS {
            let is_above = value[i] > 0.0;
            low[i] = if is_above { middle[i] } else { low[i] };
            high[i] = if is_above { high[i] } else { middle[i] };
        }
    }

    fn annual(rate: &Lane, low_end: &Lane, high_end: &Lane, into: &mut Lane) {
        for i in 0..PATHS {
            let rate_of_return = kernel::exp_m1(rate[i]);
            let found = if low_end[i] > 0.0 { rate_of_return } else { -1.0 };
            into[i] = if high_end[i] >= 0.0 { f64::INFINITY } else { found };
        }
    }
}

/// The rate `r` a year with `sum of c_k (1 + r)^-t_k = 0` on each path, for cash `c_0 .. c_n` and the lengths of the steps between. A lender that gets nothing back has -1, one
/// that never lends, or gains beyond all bounds, has infinity. Cash that changes its sign more than once may have more than one; it is then one of them.
pub(super) fn internal_rates(cash: &[Lane], lengths: &[f64], search: &mut Search, into: &mut Lane) {
    let Search { low, high, middle, factor, value } = search;
    let value_at = |rate: &Lane, value: &mut Lane, factor: &mut Lane| {
        let mut before = f64::NAN;
        value.0 = cash.last().map_or([0.0; PATHS], |last| last.0);
        for (cash, length) in cash.iter().zip(lengths).rev() {
            if length.to_bits() != before.to_bits() {
                discount(rate, *length, factor);
                before = *length;
            }
            step_back(cash, factor, value);
        }
    };
    low.fill(LOWEST);
    high.fill(HIGHEST);
    for _ in 0..HALVINGS {
        halve(low, high, middle);
        value_at(middle, value, factor);
        narrow(value, middle, low, high);
    }
    halve(low, high, middle);
    // What the ends of the range are worth tells whether there is a root within it.
    high.fill(HIGHEST);
    value_at(high, value, factor);
    let above = *value;
    low.fill(LOWEST);
    value_at(low, value, factor);
    annual(middle, value, &above, into);
}

/// The same for one list of cash; NaN where there is no root in the range.
pub(super) fn internal_rate(cash: &[f64], dates: &[f64]) -> f64 {
    let value = |rate: f64| cash.iter().zip(dates).map(|(cash, date)| cash * (-rate * date).exp()).sum::<f64>();
    if value(LOWEST) <= 0.0 {
        // Nothing comes back, or no number.
        return if cash.iter().all(|cash| *cash <= 0.0) && cash.iter().any(|cash| *cash < 0.0) {
            -1.0
        } else {
            f64::NAN
        };
    }
    if value(HIGHEST) >= 0.0 {
        return f64::NAN;
    }
    let (mut low, mut high) = (LOWEST, HIGHEST);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if value(middle) > 0.0 { low = middle } else { high = middle }
    }
    (0.5 * (low + high)).exp_m1()
}

#[cfg(test)]
mod tests {
    //! Guards: returns by hand, at the ends of the range too, and the block form against the list.
    use super::*;

    #[test]
    fn by_hand() {
        let of = |cash: &[f64], dates: &[f64]| {
            let lengths: Vec<f64> = dates.windows(2).map(|pair| pair[1] - pair[0]).collect();
            let lanes: Vec<Lane> = cash.iter().map(|cash| Lane::splat(*cash)).collect();
            let mut into = Lane::ZERO;
            internal_rates(&lanes, &lengths, &mut Search::default(), &mut into);
            (internal_rate(cash, dates), into[255])
        };
        for (cash, dates, expected) in [
            (&[-100.0, 10.0, 110.0][..], &[0.0, 1.0, 2.0][..], 0.10),
            (&[-100.0, 121.0], &[0.0, 2.0], 0.10),
            // Half comes back after half a year: 0.25 - 1.
            (&[-100.0, 0.0, 50.0], &[0.0, 0.25, 0.5], -0.75),
            // Spreadsheet example: -70,000, 12,000, 15,000, 18,000, 21,000, 26,000 gives 8.663 %.
            (&[-70e3, 12e3, 15e3, 18e3, 21e3, 26e3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0], 0.086_630_948_036_531_66),
        ] {
            let (list, lane) = of(cash, dates);
            assert!(
                (list - expected).abs() < 1e-12 && (lane - expected).abs() < 1e-12,
                "{list} {lane} against {expected}"
            );
        }
        let (list, lane) = of(&[-100.0, 0.0], &[0.0, 1.0]);
        assert!((list + 1.0).abs() < 1e-15 && (lane + 1.0).abs() < 1e-15);
        let (list, lane) = of(&[0.0, 5.0], &[0.0, 1.0]);
        assert!(list.is_nan() && lane.is_infinite());
    }
}
