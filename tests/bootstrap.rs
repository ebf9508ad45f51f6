//! The bootstrap against its law given the history: moments of sums in closed form, the law of the blocks, what was together stays
//! together; and the cases that are exact. The mean and the variance of single rows alone would hold too if the blocks were
//! shuffled, so sums over several rows and the rows themselves are looked at.
#![allow(
    clippy::unwrap_used,
    clippy::float_cmp,
    reason = "a test fails by panicking; what is exact is compared exactly"
)]

#[path = "support/collect.rs"]
mod collect;

use collect::{Collect, Collected, assert_mean, map};
use haircut::calibrate::{self, Series};
use haircut::credit::Book;
use haircut::market::{Bootstrap, Constant, History, Market, ResampledSeries};
use haircut::numeric::TimeGrid;
use haircut::numeric::kernel::exp;
use haircut::{Error, Simulation};

/// Pseudo-random numbers in [-1/2, 1/2), of which an autoregression is made.
fn autoregression(count: usize, memory: f64, seed: u64) -> Vec<f64> {
    let (mut word, mut value) = (seed, 0.0);
    let mut next = || {
        word = (word * 1_103_515_245 + 12_345) % 2_147_483_648;
        value = memory * value + (word as f64 / 2_147_483_648.0 - 0.5);
        value
    };
    (0..count).map(|_| next()).collect()
}

/// Two series that have memory, and have part of their noise in common; multiples of 2^-20, so that sums are exact.
fn rows(count: usize) -> Vec<[f64; 2]> {
    let (a, b) = (autoregression(count, 0.6, 12_345), autoregression(count, -0.4, 999));
    let short = |x: f64| (0.1 * x * 1_048_576.0).round() / 1_048_576.0;
    a.iter().zip(&b).map(|(a, b)| [short(*a), short(0.5 * a + b)]).collect()
}

fn past(rows: &[[f64; 2]], rows_per_year: f64, mean_block: f64) -> Bootstrap {
    Bootstrap {
        series: vec![ResampledSeries::new("a", 100.0), ResampledSeries::new("b", 2.0)],
        history: History::returns(rows.to_vec()),
        rows_per_year,
        mean_block,
    }
}

fn run(bootstrap: Bootstrap, grid: TimeGrid, paths: u64, steps: &[usize]) -> Result<Collected, Error> {
    let market = Market::builder().factor("past", bootstrap).build()?;
    Simulation::new(market, Book::default())
        .grid(grid)
        .paths(paths)
        .seed(20_261_121)
        .run(Collect::new(&["past", "past.a", "past.b"], steps))
}

/// sum over the circle of (x_i - mean)(y_{i + lag} - mean) / N.
fn covariance(x: &[f64], y: &[f64], lag: usize) -> f64 {
    let count = x.len();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / count as f64;
    let (a, b) = (mean(x), mean(y));
    (0..count).map(|i| (x[i] - a) * (y[(i + lag) % count] - b)).sum::<f64>() / count as f64
}

/// The covariance of two sums over `rows` resampled rows.
fn of_sums(x: &[f64], y: &[f64], rows: usize, mean_block: f64) -> f64 {
    let stays = |lag: usize| (1.0 - 1.0 / mean_block).powi(lag as i32);
    let lagged = |lag: usize| (rows - lag) as f64 * stays(lag) * (covariance(x, y, lag) + covariance(y, x, lag));
    rows as f64 * covariance(x, y, 0) + (1..rows).map(lagged).sum::<f64>()
}

fn columns(rows: &[[f64; 2]]) -> [Vec<f64>; 2] {
    [rows.iter().map(|row| row[0]).collect(), rows.iter().map(|row| row[1]).collect()]
}

#[test]
fn sums_have_the_moments_that_the_history_gives_them() {
    let history = rows(40);
    let [a, b] = columns(&history);
    let paths = 1 << 20;
    for (mean_block, rows_per_month) in [(1.0, 3), (4.0, 3), (4.0, 40), (25.0, 7)] {
        let bootstrap = past(&history, 12.0 * rows_per_month as f64, mean_block);
        let seen = run(bootstrap, TimeGrid::monthly(2).unwrap(), paths, &[1, 2]).unwrap();
        let growth =
            |series: &str, step: usize, initial: f64| map(seen.of(series, step), |level| (level / initial).ln());
        for step in [1, 2] {
            let rows = rows_per_month * step;
            let what = format!("blocks of {mean_block}, {rows} rows");
            let (x, y) = (growth("past.a", step, 100.0), growth("past.b", step, 2.0));
            let mean = |column: &[f64]| rows as f64 * column.iter().sum::<f64>() / 40.0;
            let (mean_x, mean_y) = (mean(&a), mean(&b));
            let variance = [of_sums(&a, &a, rows, mean_block), of_sums(&b, &b, rows, mean_block)];
            assert_mean(&format!("{what}, mean a"), x.iter().copied(), mean_x, variance[0].sqrt());
            assert_mean(&format!("{what}, mean b"), y.iter().copied(), mean_y, variance[1].sqrt());
            // The error of a second moment is itself estimated: 5.5 of them in place of 5.
            let second = |what: &str, products: Vec<f64>, expected: f64| {
                let square =
                    products.iter().map(|p| (p - expected) * (p - expected)).sum::<f64>() / products.len() as f64;
                assert_mean(what, products.into_iter(), expected, 1.1 * square.sqrt());
            };
            second(&format!("{what}, variance a"), map(&x, |x| (x - mean_x) * (x - mean_x)), variance[0]);
            second(&format!("{what}, variance b"), map(&y, |y| (y - mean_y) * (y - mean_y)), variance[1]);
            let joint = x.iter().zip(&y).map(|(x, y)| (x - mean_x) * (y - mean_y)).collect();
            second(&format!("{what}, covariance"), joint, of_sums(&a, &b, rows, mean_block));
        }
    }
}

/// Over as many rows as the history has, the variance is N times that of a mean in Politis and Romano (1994), lemma 1.
#[test]
fn the_variance_is_the_published_one() {
    let [a, _] = columns(&rows(40));
    let (count, mean_block) = (40, 6.0_f64);
    let mean = a.iter().sum::<f64>() / 40.0;
    let open = |lag: usize| (0..count - lag).map(|i| (a[i] - mean) * (a[i + lag] - mean)).sum::<f64>() / 40.0;
    let stays = |lag: usize| (1.0 - 1.0 / mean_block).powi(lag as i32);
    let weight = |lag: usize| (1.0 - lag as f64 / 40.0) * stays(lag) + lag as f64 / 40.0 * stays(count - lag);
    let published = 40.0 * (open(0) + 2.0 * (1..count).map(|lag| weight(lag) * open(lag)).sum::<f64>());
    let ours = of_sums(&a, &a, count, mean_block);
    assert!((published / ours - 1.0).abs() < 1e-12, "{published} {ours}");
}

#[test]
fn blocks_begin_anywhere_and_last_as_they_should() {
    let (count, mean_block, steps) = (17, 5.0, 24);
    let all: Vec<usize> = (0..=steps).collect();
    let bootstrap = past(&rows(count), 12.0, mean_block);
    let seen = run(bootstrap, TimeGrid::monthly(steps).unwrap(), 1 << 18, &all).unwrap();
    assert!(seen.of("past", 0).iter().all(|row| *row == -1.0));
    for step in [1, 2, steps] {
        for row in 0..count {
            let share = 1.0 / count as f64;
            collect::assert_share("a row", seen.of("past", step), |seen| seen == row as f64, share);
        }
    }
    // The next row follows, unless a block ends and the new one does not happen to begin there.
    let follows = |path: usize, step: usize| {
        (seen.of("past", step)[path] + 1.0) % count as f64 == seen.of("past", step + 1)[path]
    };
    let goes_on = 1.0 - (1.0 - 1.0 / count as f64) / mean_block;
    for length in [1, 2, 3, 7, 15] {
        let unbroken = |path| if (3..3 + length).all(|step| follows(path, step)) { 1.0 } else { 0.0 };
        let probability = goes_on.powi(length as i32);
        let deviation = (probability * (1.0 - probability)).sqrt();
        assert_mean(&format!("{length} rows on"), (0..1 << 18).map(unbroken), probability, deviation);
    }
    // And the levels are those of the rows.
    let history = rows(count);
    for path in 0..1000 {
        let mut sum = 0.0;
        for step in 1..=steps {
            sum += history[seen.of("past", step)[path] as usize][1];
            assert_eq!(seen.of("past.b", step)[path], 2.0 * exp(sum));
        }
    }
}

#[test]
fn one_row_is_growth_without_chance() {
    for mean_block in [1.0, 3.0] {
        let bootstrap = past(&[[0.0078125, -0.25]], 252.0, mean_block);
        let seen = run(bootstrap, TimeGrid::monthly(6).unwrap(), 300, &[1, 6]).unwrap();
        for (step, rows) in [(1, 21.0), (6, 126.0)] {
            assert!(seen.of("past.a", step).iter().all(|level| *level == 100.0 * exp(0.0078125 * rows)));
            assert!(seen.of("past.b", step).iter().all(|level| *level == 2.0 * exp(-0.25 * rows)));
        }
    }
}

#[test]
fn one_block_is_the_history_from_another_day_on() {
    let history = rows(40);
    let steps: Vec<usize> = (0..=60).collect();
    let seen = run(past(&history, 12.0, 1e9), TimeGrid::monthly(60).unwrap(), 2048, &steps).unwrap();
    for path in 0..2048 {
        let first = seen.of("past", 1)[path] as usize;
        let mut sum = 0.0;
        for step in 1..=60 {
            sum += history[(first + step - 1) % 40][0];
            assert_eq!(seen.of("past.a", step)[path], 100.0 * exp(sum));
        }
    }
}

#[test]
fn a_path_is_the_same_on_any_dates() {
    let bootstrap = past(&rows(300), 365.25, 9.0);
    let days: Vec<f64> = (1..=731).map(|day| f64::from(day) / 365.25).collect();
    let daily = run(bootstrap.clone(), TimeGrid::new(days).unwrap(), 600, &[31, 366, 731]).unwrap();
    let dates = [31.0 / 365.25, 366.0 / 365.25, 731.0 / 365.25];
    let coarse = run(bootstrap.clone(), TimeGrid::new(dates).unwrap(), 600, &[1, 2, 3]).unwrap();
    assert_eq!(daily.bits(), coarse.bits());
    // A month has 30 rows or 31, a year 365 or 366; on a finer grid the levels stand still between rows.
    let monthly = run(bootstrap.clone(), TimeGrid::monthly(24).unwrap(), 600, &[12, 24]).unwrap();
    let days: Vec<f64> = [365.0, 730.0].map(|day: f64| day / 365.25).to_vec();
    assert_eq!(monthly.bits(), run(bootstrap, TimeGrid::new(days).unwrap(), 600, &[1, 2]).unwrap().bits());
    let hours: Vec<f64> = (1..=4).map(|quarter| f64::from(quarter) / 1461.0).collect();
    let seen = run(past(&rows(300), 365.25, 9.0), TimeGrid::new(hours).unwrap(), 300, &[0, 1, 3, 4]).unwrap();
    assert_eq!((seen.of("past.a", 1), seen.of("past.a", 3)), (seen.of("past.a", 0), seen.of("past.a", 0)));
    assert_ne!(seen.of("past.a", 4), seen.of("past.a", 0));
}

#[test]
fn growth_replaces_that_of_the_history() {
    let mut bootstrap = past(&rows(36), 12.0, 1e9);
    bootstrap.series[1].growth = Some(-0.07);
    let seen = run(bootstrap, TimeGrid::monthly(36).unwrap(), 300, &[36]).unwrap();
    // The whole circle, whatever its beginning: three years of growth; 36 returns are rounded to 2^-40 each.
    let exact = 2.0 * exp(-0.21);
    assert!(seen.of("past.b", 36).iter().all(|level| (level / exact - 1.0).abs() < 36.0 / (1_u64 << 40) as f64));
    let [a, _] = columns(&rows(36));
    assert!(seen.of("past.a", 36).iter().all(|level| *level == 100.0 * exp(a.iter().sum::<f64>())));
}

#[test]
fn what_is_wrong_is_told_by_field() {
    let good = past(&rows(5), 12.0, 2.0);
    let field = |bootstrap: Bootstrap| {
        let error = Market::builder().factor("past", bootstrap).build().unwrap_err();
        error.field().unwrap_or_default().to_owned()
    };
    let history = |history: History| Bootstrap { history, ..good.clone() };
    let series = |series: Vec<ResampledSeries>| Bootstrap { series, ..good.clone() };
    let named = |name: &str| ResampledSeries::new(name, 1.0);
    let none: [Vec<f64>; 0] = [];
    assert_eq!(field(history(History::returns(none))), "factors.past.history.returns");
    assert_eq!(field(history(History::returns([vec![0.1, 0.1], vec![0.1]]))), "factors.past.history.returns[1]");
    assert_eq!(field(history(History::returns([[0.1, f64::NAN]]))), "factors.past.history.returns[0][1]");
    assert_eq!(field(history(History::returns([[0.1, 9.0]; 60]))), "factors.past.history.returns[55][1]");
    let table = "file = 'prices.csv'\ncolumns = ['a', 'b']";
    assert_eq!(field(history(toml::from_str(table).unwrap())), "factors.past.history.file");
    assert_eq!(field(series(Vec::new())), "factors.past.series");
    assert_eq!(field(series(vec![named("a"), named("")])), "factors.past.series[1].name");
    assert_eq!(field(series(vec![named("a"), named("b.c")])), "factors.past.series[1].name");
    assert_eq!(field(series(vec![named("a"), named("a")])), "factors.past");
    let daily = past(&rows(5), 1e5, 2.0);
    let market = Market::builder().factor("past", daily).build().unwrap();
    let years = Simulation::new(market, Book::default()).grid(TimeGrid::new([11.0]).unwrap());
    let error = years.run(Collect::new(&["past"], &[1])).map(|_| ()).unwrap_err();
    assert_eq!(error.field(), Some("factors.past.rows_per_year"));
    // It has no driver to correlate.
    let market = Market::builder().factor("past", good).dependence(Constant::pairs([("past", "past.a", 0.5)]));
    assert_eq!(market.build().unwrap_err().field(), Some("dependence.correlation[0][0]"));
}

#[test]
fn prices_become_a_history() {
    let dates = ["2024-01", "2024-02", "2024-03", "2024-04", "2024-05"];
    let prices = |values: [f64; 5]| Series::dated(dates.into_iter().zip(values)).unwrap();
    let a = prices([1.0, 2.0, 4.0, 2.0, 1.0]);
    let b = Series::dated([("2024-01", 8.0), ("2024-02", 4.0), ("2024-04", 1.0), ("2024-05", 2.0)]).unwrap();
    let (history, rows_per_year) = calibrate::history(&[a.clone(), b.clone()]).unwrap();
    let two = haircut::numeric::kernel::ln(2.0);
    let History::Returns(rows) = history else { panic!("returns") };
    for (row, exact) in rows.iter().zip([[two, -two], [0.0, -2.0 * two], [-two, two]]) {
        assert!(row.iter().zip(exact).all(|(value, exact)| (value - exact).abs() < 1e-15), "{row:?}");
    }
    assert_eq!(rows.len(), 3);
    // Three rows from the first of January to the first of May.
    assert!((rows_per_year - 3.0 * 365.25 / 121.0).abs() < 1e-9);
    let field = |series: &[Series]| calibrate::history(series).unwrap_err().field().unwrap_or_default().to_owned();
    assert_eq!(field(&[]), "series");
    assert_eq!(field(&[a, Series::dated([("2024-02", 8.0), ("2024-06", 4.0)]).unwrap()]), "series");
    assert_eq!(field(&[b.map(|_| -1.0).unwrap()]), "[0].series[0].value");
    let days: Vec<f64> = (0..40).map(f64::from).chain([60.0]).collect();
    assert_eq!(field(&[Series::new(days, vec![1.0; 41]).unwrap()]), "series[40].date");
}

#[test]
fn blocks_are_as_long_as_the_memory_asks_for() {
    // The same formulas in numpy, for the returns (their absolute values ask for 7.19).
    let history = |values: &[f64]| History::returns(values.iter().map(|value| [*value]));
    let values = autoregression(1000, 0.6, 12_345);
    let length = calibrate::mean_block(&history(&values)).unwrap();
    assert!((length / 13.444_085_507_860_192 - 1.0).abs() < 1e-9, "{length}");
    // The longest of all series counts; a constant asks for nothing.
    let with = |other: f64| History::returns(values.iter().map(|value| [other, *value, other]));
    assert_eq!(calibrate::mean_block(&with(0.25)).unwrap(), length);
    assert_eq!(calibrate::mean_block(&history(&[0.1; 50])).unwrap(), 1.0);
    assert_eq!(calibrate::mean_block(&history(&values[..19])).unwrap_err().field(), Some("history.returns"));
}

#[test]
fn a_model_starts_from_the_newest_prices() {
    let growth = autoregression(200, 0.5, 7);
    let level = growth.iter().scan(0.0, |sum, growth| {
        *sum += 0.1 * growth;
        Some(sum.exp())
    });
    let months: Vec<f64> = (0..200).map(|month| f64::from(month) / 12.0).collect();
    let prices = Series::new(months, level.collect::<Vec<_>>()).unwrap();
    let model = calibrate::bootstrap(&["a", "b"], &[prices.clone(), prices.map(|x| x * x).unwrap()]).unwrap();
    let newest = *prices.values().last().unwrap();
    assert_eq!(model.series, [ResampledSeries::new("a", newest), ResampledSeries::new("b", newest * newest)]);
    assert!((model.rows_per_year - 12.0).abs() < 1e-9);
    assert_eq!(model.mean_block, calibrate::mean_block(&model.history).unwrap());
    assert_eq!(calibrate::bootstrap(&["a"], &[prices.clone(), prices]).unwrap_err().field(), Some("names"));
}
