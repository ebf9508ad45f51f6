//! Dates of the calendar as years on one axis.

use crate::Error;

/// Days in a year: dates become years by the mean length of a calendar year, so that decades stay decades.
const DAYS_PER_YEAR: f64 = 365.25;

/// Years since 1970-01-01 of an ISO date, `2024-03-15`, or of the first day of a month, `2024-03`: days over 365.25.
///
/// # Errors
/// [`Error::Invalid`] when it is no such date, or no day of the calendar.
pub fn years_of(date: &str) -> Result<f64, Error> {
    days_of(date.trim())
        .map(|days| days as f64 / DAYS_PER_YEAR)
        .ok_or_else(|| Error::invalid("date", format!("\"{date}\""), "must be a date such as 2024-03-15 or 2024-03"))
}

fn days_of(date: &str) -> Option<i64> {
    let mut parts = date.split('-');
    let (year, month, day) = (digits(parts.next()?, 4)?, digits(parts.next()?, 2)?, parts.next());
    let day = day.map_or(Some(1), |day| digits(day, 2))?;
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let longest = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if parts.next().is_some() || day < 1 || day > longest {
        return None;
    }
    // Years that begin in March end with the leap day: months then have a regular number of days before them, and
    // 719,468 days lie between 0000-03-01 and 1970-01-01.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (century, of_century) = (year.div_euclid(100), year.rem_euclid(100));
    Some(century * 146_097 / 4 + of_century * 1461 / 4 + (153 * month + 2) / 5 + day - 1 - 719_468)
}

/// A number of exactly so many digits.
fn digits(text: &str, count: usize) -> Option<i64> {
    if text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    //! Guards: days are those of the calendar, and what is no date is refused.
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        // By Unix time: `date -u -d 2024-02-29 +%s` over 86400.
        for (date, days) in [
            ("1970-01-01", 0),
            ("1970-02", 31),
            ("2000-03-01", 11_017),
            ("2024-02-29", 19_782),
            ("2026-06-05", 20_609),
            ("1900-03-01", -25_508),
        ] {
            assert_eq!(days_of(date), Some(days), "{date}");
        }
        // Every day is followed by the next, across leap years and the century that is none.
        let mut before = days_of("1899-12-31").unwrap();
        for year in 1900..2101 {
            for month in 1..13 {
                for day in 1..32 {
                    if let Some(days) = days_of(&format!("{year}-{month:02}-{day:02}")) {
                        assert_eq!(days, before + 1);
                        before = days;
                    }
                }
            }
        }
        assert_eq!(before, 47_846, "2100-12-31");
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for date in ["", "2024", "2024-13-01", "2023-02-29", "1900-02-29", "2024-3-1", "2024-03-15T00", "24-03-15", "-"]
        {
            assert!(years_of(date).is_err(), "{date}");
        }
    }
}
