//! A history to be resampled, and how long its blocks should be.

use super::series::Series;
use crate::Error;
use crate::market::{Bootstrap, History, ResampledSeries};
use crate::numeric::kernel::ln;

/// The history of several prices as a [`Bootstrap`], which publishes them under these names from their newest values on: rows as often
/// as they were observed, blocks as long as [`mean_block`] says.
///
/// # Errors
/// As [`history`] and [`mean_block`], or where there is not one name for each series.
pub fn bootstrap(names: &[&str], series: &[Series]) -> Result<Bootstrap, Error> {
    if names.len() != series.len() {
        let expected = format!("must be one for each of the {} series", series.len());
        return Err(Error::invalid("names", format!("{} names", names.len()), expected));
    }
    let (history, rows_per_year) = history(series)?;
    let mean_block = mean_block(&history)?;
    let latest = |(name, series): (&&str, &Series)| ResampledSeries::new(*name, series.last());
    let series = names.iter().zip(series).map(latest).collect();
    Ok(Bootstrap { series, history, rows_per_year, mean_block })
}

/// The log returns of several prices, side by side, and how many rows there are a year.
///
/// A row goes from one date that all series have to the next such date: dates that some lack are left out. Rows are taken as
/// equally long, as days of an exchange are, weekends or not; a real gap (longer than five rows) is refused.
///
/// # Errors
/// No series, fewer than two common dates, a price that is not above zero, a gap.
pub fn history(series: &[Series]) -> Result<(History, f64), Error> {
    for (position, series) in series.iter().enumerate() {
        // Names the price that has no logarithm.
        series.logarithms().map_err(|error| error.within(format!("[{position}]")))?;
    }
    let (years, values) = Series::aligned(series);
    let (Some(first), Some(last), true) = (years.first(), years.last(), years.len() > 1) else {
        return Err(Error::invalid("series", format!("{} common dates", years.len()), "must be at least 2"));
    };
    let row = (last - first) / (years.len() - 1) as f64;
    let gap = years.windows(2).enumerate().find(|(_, dates)| dates[1] - dates[0] > 5.0 * row);
    if let Some((position, dates)) = gap {
        let passed = format!("{:.4} years after the date before it", dates[1] - dates[0]);
        let expected = format!("must be at most {:.4}, five rows: a history has no gaps", 5.0 * row);
        return Err(Error::invalid(format!("series[{}].date", position + 1), passed, expected));
    }
    // The kernel's logarithm, for these numbers go into a run as they are.
    let returns =
        (1..years.len()).map(|at| values.iter().map(|prices| ln(prices[at]) - ln(prices[at - 1])).collect::<Vec<_>>());
    Ok((History::returns(returns), 1.0 / row))
}

/// The mean length of a block, in rows, that makes the resampled variance of a mean best: the longest that any series asks for, by its
/// returns or by their absolute values (so that clusters of volatility are kept).
///
/// ```text
/// b = (G^2 / g^2)^(1/3) N^(1/3),   g = sum_k w(k / M) c_k,   G = sum_k w(k / M) |k| c_k,   -M <= k <= M
/// ```
///
/// with the autocovariances `c_k`, the flat-top window `w(x) = min(1, 2 (1 - |x|))`, `M = 2 m` and `m` the lag after which five
/// autocorrelations lie within `2 sqrt(log10 N / N)`; `M` is at most `ceil(sqrt N) + 5` and `b` at most `ceil(min(3 sqrt N, N / 3))`. At least 1.
///
/// Source: D. N. Politis, H. White, "Automatic block-length selection for the dependent bootstrap", Econometric Reviews 23 (2004)
/// 53-70, doi:10.1081/ETC-120028836; corrected in A. Patton, D. N. Politis, H. White, 28 (2009) 372-375,
/// doi:10.1080/07474930802459016.
///
/// # Errors
/// Fewer than 20 rows, rows of unequal length, a table that is not read yet.
pub fn mean_block(history: &History) -> Result<f64, Error> {
    let History::Returns(rows) = history else {
        return Err(Error::invalid("history", "a table", "must be read before"));
    };
    let series = rows.first().map_or(0, Vec::len);
    if rows.len() < LAGS * 4 || rows.iter().any(|row| row.len() != series) {
        let expected = format!("must be {} or more, of one length", LAGS * 4);
        return Err(Error::invalid("history.returns", format!("{} rows", rows.len()), expected));
    }
    let columns = (0..series).flat_map(|column| {
        let returns: Vec<f64> = rows.iter().map(|row| row[column]).collect();
        let sizes = centred(&returns).iter().map(|rest| rest.abs()).collect();
        [returns, sizes]
    });
    Ok(columns.map(|column| block_length(&column)).fold(1.0, f64::max))
}

/// Autocorrelations in a row that must be small.
const LAGS: usize = 5;

fn centred(values: &[f64]) -> Vec<f64> {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter().map(|value| value - mean).collect()
}

/// The length for one series of 20 values or more; 1 where it does not vary.
fn block_length(values: &[f64]) -> f64 {
    let (rests, count) = (centred(values), values.len() as f64);
    let widest = (count.sqrt().ceil() as usize + LAGS).min(values.len() - 1);
    let covariance = |lag: usize| rests.iter().zip(&rests[lag..]).map(|(a, b)| a * b).sum::<f64>() / count;
    let covariances: Vec<f64> = (0..=widest).map(covariance).collect();
    // What rounding of a constant looks like.
    if covariances[0] <= f64::EPSILON * values.iter().map(|value| value * value).sum::<f64>() / count {
        return 1.0;
    }
    let small = 2.0 * (count.log10() / count).sqrt() * covariances[0];
    let dies = (1..=widest - LAGS).find(|lag| covariances[lag + 1..=lag + LAGS].iter().all(|c| c.abs() < small));
    // A white series dies at once, and then M is 2 as well.
    let window = dies.map_or(widest, |lag| (2 * lag).min(widest));
    let (mut level, mut slope) = (covariances[0], 0.0);
    for (lag, covariance) in covariances.iter().enumerate().take(window + 1).skip(1) {
        let weight = (2.0 * (1.0 - lag as f64 / window as f64)).min(1.0);
        level += 2.0 * weight * covariance;
        slope += 2.0 * weight * lag as f64 * covariance;
    }
    let most = (3.0 * count.sqrt()).min(count / 3.0).ceil();
    let length = ((slope / level).powi(2) * count).cbrt();
    if length.is_finite() { length.clamp(1.0, most) } else { most }
}
