//! Amounts and probabilities as people read them.

use haircut::measure::Estimate;

/// An amount of USD in the unit that suits it: `812 m`, `36.5 bn`.
pub(crate) fn amount(usd: f64) -> String {
    let size = usd.abs();
    match () {
        () if !usd.is_finite() => "-".into(),
        () if size >= 0.99995e9 => figures(usd / 1e9, "bn"),
        () if size >= 0.99995e6 => figures(usd / 1e6, "m"),
        () if size >= 0.5 => figures(usd / 1e3, "k"),
        () => "0".into(),
    }
}

/// Three significant figures and a unit.
fn figures(value: f64, unit: &str) -> String {
    let places = match value.abs() {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        _ => 2,
    };
    format!("{value:.places$} {unit}")
}

/// An estimate of an amount, value and standard error in the unit of the larger one: `3.34 ± 0.02 bn`.
pub(crate) fn estimate(amount: &Estimate) -> String {
    let Estimate { value, standard_error, .. } = *amount;
    if !value.is_finite() {
        return "-".into();
    }
    let size = value.abs().max(if standard_error.is_finite() { standard_error } else { 0.0 });
    let (unit, name) = match size {
        size if size >= 1e9 => (1e9, "bn"),
        size if size >= 1e6 => (1e6, "m"),
        size if size > 0.0 => (1e3, "k"),
        _ => return "0".into(),
    };
    format!("{} {name}", with_error(value / unit, standard_error / unit))
}

/// An estimate of a share in percent: `12.34 ± 0.05`; for something never seen, the bound: `< 0.002`.
pub(crate) fn percent(share: &Estimate) -> String {
    if !share.value.is_finite() {
        return "-".into();
    }
    if share.value == 0.0 {
        return if share.upper > 0.0 && share.upper.is_finite() {
            format!("< {}", bound(100.0 * share.upper))
        } else {
            "0".into()
        };
    }
    with_error(100.0 * share.value, 100.0 * share.standard_error)
}

/// An upper bound with one significant figure, rounded up.
fn bound(value: f64) -> String {
    let places = (-value.log10().floor()).clamp(0.0, 9.0) as usize;
    let scale = 10_f64.powi(places as i32);
    format!("{:.places$}", (value * scale).ceil() / scale)
}

/// Value and standard error, both to the first figure of the error, but to no more than four places.
fn with_error(value: f64, error: f64) -> String {
    if !error.is_finite() {
        return format!("{value:.2} ± ?");
    }
    let places = if error > 0.0 { (-error.log10().floor()).clamp(0.0, 4.0) as usize } else { 2 };
    format!("{value:.places$} ± {error:.places$}")
}

/// A share in percent without its error.
pub(crate) fn plain_percent(share: f64) -> String {
    match 100.0 * share {
        share if !share.is_finite() => "-".into(),
        0.0 => "0".into(),
        share if share.abs() < 0.095 => format!("{share:.3}"),
        share if share.abs() < 9.95 => format!("{share:.2}"),
        share => format!("{share:.1}"),
    }
}

/// `200000` as `200,000`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of things: `1 borrower`, `51 borrowers`.
pub(crate) fn number_of(number: usize, thing: &str) -> String {
    format!("{} {thing}{}", count(number as u64), if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    //! Guards: units change where they should, and an error is never printed with more figures than it has.
    use super::*;
    use haircut::measure::Confidence;

    #[test]
    fn amounts_have_three_figures_and_a_unit() {
        let cases = [
            (0.0, "0"),
            (812.3e6, "812 m"),
            (36.54e9, "36.5 bn"),
            (999.96e6, "1.00 bn"),
            (1.5e3, "1.50 k"),
            (-20e6, "-20.0 m"),
            (f64::NAN, "-"),
        ];
        for (usd, text) in cases {
            assert_eq!(amount(usd), text);
        }
        assert_eq!((count(7), count(1_234), count(123_456_789)), ("7".into(), "1,234".into(), "123,456,789".into()));
    }

    #[test]
    fn what_was_never_seen_has_a_bound() {
        let never = Estimate::proportion(0, 100_000, Confidence::default());
        assert_eq!(percent(&never), "< 0.004");
        let some = Estimate::proportion(3_410, 100_000, Confidence::default());
        assert_eq!(percent(&some), "3.41 ± 0.06");
        assert_eq!(percent(&Estimate::undefined(10, Confidence::default())), "-");
    }
}
