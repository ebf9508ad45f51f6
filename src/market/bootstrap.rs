//! The past itself as a model: blocks of a history, drawn anew.

use super::factor::{Factor, FactorBlock, FactorPlan, FactorStepper};
use super::history::History;
use super::lanes::OwnLane;
use super::range;
use super::sparse::{CHUNK, Hits, event_words};
use crate::numeric::kernel::{exp, ln_1p};
use crate::numeric::{Lane, PATHS, Step};
use crate::sample::{StreamKey, event};
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// Several prices or other levels, moved together by blocks of their own history: the stationary block bootstrap.
///
/// ```text
/// S_i(t) = S_i(0) exp(sum of r_i[row] over the rows drawn up to t)
/// next row: with probability 1 / b any row, all alike; else the one that followed in the history, after the last the first
/// ```
///
/// | symbol | field | unit | range |
/// | --- | --- | --- | --- |
/// | | `series` | what is published, see [`ResampledSeries`] | one or more |
/// | r | `history` | log returns, a row for each date and in it one for each series, see [`History`] | |
/// | f | `rows_per_year` | rows a year: 365.25 for days of a coin, 252 for days of an exchange, 12 for months | 0.01 to 100,000; at most 1,000,000 rows in a step |
/// | b | `mean_block` | rows: mean length of a block; 1 draws each row alone | 1 to 1e9 |
///
/// A row is drawn whole. So what happened together happens together: correlations, joint jumps and their asymmetry stay as they
/// were, and within a block so do trends and clusters of volatility. What is longer than a block is lost.
/// [`calibrate::mean_block`](crate::calibrate::mean_block) proposes a length.
///
/// **Moments.** With `c_k` the circular autocovariance of a series (mean `m`, `N` rows) and `p = 1 / b`, the log return over `n` rows has,
/// given the history, the mean `n m` and the variance
///
/// ```text
/// n c_0 + 2 sum_{k=1}^{n-1} (n - k) (1 - p)^k c_k,    c_k = (1 / N) sum_i (r_i - m) (r_{(i + k) mod N} - m)
/// ```
///
/// and two series have the covariance of the same form. Nothing is compensated: the growth is that of the history, or what
/// [`ResampledSeries::growth`] says.
///
/// **Dates.** At time `t`, `floor(f t)` rows have been drawn (up to a millionth of a row), so any grid will do: of 365.25 rows a year a
/// month takes 30 or 31. Between rows the levels stand still. Returns are rounded to 2^-40 (1e-12) and so their sums are exact: a path
/// has the same bits at a date whatever the dates before it.
///
/// No Gaussian driver: the dependence neither correlates nor modulates it, and what is to move with the history must be in it. Publishes each series as
/// `factor.series`, and as its own level the row drawn last, counted from 0 (-1 at time zero).
///
/// **Draws.** Block j of a path is event j of the factor's key, whatever the dates: its first row and its length.
///
/// Source: D. N. Politis, J. P. Romano, "The stationary bootstrap", J. Amer. Statist. Assoc. 89 (1994) 1303-1313,
/// doi:10.1080/01621459.1994.10476870.
///
/// ```
/// use haircut::market::{Bootstrap, History, Market, ResampledSeries};
/// let months = [[0.10, 0.06], [-0.20, -0.11], [0.04, 0.01]];
/// let past = Bootstrap {
///     series: vec![ResampledSeries::new("btc", 61_500.0), ResampledSeries::new("rent", 2.5)],
///     history: History::returns(months),
///     rows_per_year: 12.0,
///     mean_block: 2.0,
/// };
/// // Others read `past.btc` and `past.rent`.
/// assert!(Market::builder().factor("past", past).build().is_ok());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bootstrap {
    /// What is published, in the order of the columns of the history.
    pub series: Vec<ResampledSeries>,
    /// Log returns on record.
    pub history: History,
    /// Rows of the history a year.
    pub rows_per_year: f64,
    /// Mean length of a block, in rows.
    pub mean_block: f64,
}

/// One series of a [`Bootstrap`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResampledSeries {
    /// Its name: it is published as `factor.name`.
    pub name: String,
    /// Level at time zero, above zero.
    pub initial: f64,
    /// Mean of the log return a year, -10 to 10, instead of that of the history (which few years do not know); each row is shifted
    /// alike.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub growth: Option<f64>,
}

impl ResampledSeries {
    /// A series that grows as it did.
    pub fn new(name: impl Into<String>, initial: f64) -> Self {
        ResampledSeries { name: name.into(), initial, growth: None }
    }
}

/// Rows in a step: more are a mistake of units.
const MOST_ROWS: f64 = 1e6;

impl Factor for Bootstrap {
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error> {
        if self.series.is_empty() {
            return Err(Error::invalid("series", "none", "must name one series or more"));
        }
        for (position, series) in self.series.iter().enumerate() {
            let field = |name: &str| format!("series[{position}].{name}");
            check::named(&field("name"), &series.name)?;
            if series.name.contains('.') {
                return Err(Error::invalid(field("name"), format!("\"{}\"", series.name), "must not contain a dot"));
            }
            range::level(&field("initial"), series.initial)?;
            if let Some(growth) = series.growth {
                range::rate(&field("growth"), growth)?;
            }
        }
        check::within("rows_per_year", self.rows_per_year, 0.01, 1e5)?;
        check::within("mean_block", self.mean_block, 1.0, 1e9)?;
        let calendar = Calendar { rows_per_year: self.rows_per_year };
        let longest = plan.grid().iter().fold(0.0_f64, |longest, step| longest.max(calendar.rows(step)));
        if longest > MOST_ROWS {
            let expected = format!("must be lower: a step takes {longest} rows, and {MOST_ROWS} at most");
            return Err(Error::invalid("rows_per_year", self.rows_per_year, expected));
        }
        let rows = self.history.checked(self.series.len())?;
        let mut planned = Vec::with_capacity(self.series.len());
        for (position, series) in self.series.iter().enumerate() {
            let growth = series.growth.map(|growth| growth / self.rows_per_year);
            planned.push(Planned {
                initial: series.initial,
                path: running_sums(&column(rows, position, growth), longest as usize),
                level: plan.publish(&series.name),
                sum: plan.state(),
            });
        }
        let (at, left, blocks) = (plan.state(), plan.state(), plan.state());
        Ok(Box::new(Stepper {
            calendar,
            blocks_of: Blocks { rows: rows.len() as f64, scale: -1.0 / ln_1p(-1.0 / self.mean_block) },
            series: planned,
            row: plan.level(),
            at,
            left,
            blocks,
        }))
    }
}

/// The returns of one series, multiples of 2^-40, of which every sum below 8192 is exact.
fn column(rows: &[Vec<f64>], position: usize, growth: Option<f64>) -> Vec<f64> {
    const UNIT: f64 = 1.0 / (1_u64 << 40) as f64;
    let mean = rows.iter().map(|row| row[position]).sum::<f64>() / rows.len() as f64;
    let shift = growth.map_or(0.0, |growth| growth - mean);
    rows.iter().map(|row| ((row[position] + shift) / UNIT).round_ties_even() * UNIT).collect()
}

/// Entry i is the sum of the first i returns of the history, which begins again after its end; so far that a stretch of `most`
/// rows from any row lies within.
fn running_sums(returns: &[f64], most: usize) -> Vec<f64> {
    let mut sum = 0.0;
    let mut sums = Vec::with_capacity(returns.len() + most + 1);
    sums.push(sum);
    for value in returns.iter().cycle().take(returns.len() + most) {
        sum += value;
        sums.push(sum);
    }
    sums
}

/// Which rows belong to which dates.
#[derive(Debug, Clone, Copy)]
struct Calendar {
    rows_per_year: f64,
}

impl Calendar {
    /// Rows that are over at a date; a millionth of a row is rounding.
    fn over(self, date: f64) -> f64 {
        self.rows_per_year.mul_add(date, 1e-6).floor()
    }

    fn rows(self, step: Step) -> f64 {
        self.over(step.end) - self.over(step.start)
    }
}

/// The law of a block: it begins anywhere, and has `1 + floor(scale E)` rows, E exponential. That is geometric with the mean `b` for
/// `scale = -1 / ln(1 - 1/b)`.
#[derive(Debug, Clone, Copy)]
struct Blocks {
    /// Rows of the history.
    rows: f64,
    scale: f64,
}

impl Blocks {
    #[inline(always)]
    fn first(self, word: u64) -> f64 {
        let (row, last) = ((event::uniform(word) * self.rows).floor(), self.rows - 1.0);
        // A uniform is below 1 by 2^-53 at least, but its product with the rows may round up to all of them.
        if row < last { row } else { last }
    }

    #[inline(always)]
    fn length(self, word: u64) -> f64 {
        1.0 + (self.scale * event::exponential(word)).floor()
    }

    /// The row where a stretch that began at `row` ends, exclusive, back in the history: exact, for these are whole numbers.
    #[inline(always)]
    fn wrap(self, row: f64) -> f64 {
        (-self.rows).mul_add((row / self.rows).floor(), row)
    }
}

struct Planned {
    initial: f64,
    path: Vec<f64>,
    level: OwnLane,
    /// Log return since time zero.
    sum: OwnLane,
}

struct Stepper {
    calendar: Calendar,
    blocks_of: Blocks,
    series: Vec<Planned>,
    row: OwnLane,
    /// The row that comes next while the block lasts.
    at: OwnLane,
    /// Rows left of the block.
    left: OwnLane,
    /// Blocks so far.
    blocks: OwnLane,
}

impl FactorStepper for Stepper {
    fn start(&self, block: &mut FactorBlock<'_>) {
        block.own[self.row].fill(-1.0);
        for lane in [self.at, self.left, self.blocks] {
            block.own[lane].fill(0.0);
        }
        for series in &self.series {
            block.own[series.level].fill(series.initial);
            block.own[series.sum].fill(0.0);
        }
    }

    fn step(&self, block: &mut FactorBlock<'_>) {
        let rows = self.calendar.rows(block.step);
        if rows < 1.0 {
            return;
        }
        let [from, to, due, first, length, ..] = block.scratch;
        due.fill(rows);
        // What is left of the block that each path is in, and then block after block for those who are not done.
        let [at, left] = block.own.many([self.at, self.left]);
        go_on(self.blocks_of, at, left, due, from, to);
        for series in &self.series {
            add(&series.path, from, to, &mut block.own[series.sum]);
        }
        loop {
            let mut hits = Hits::new();
            hits.at_least(due, 1.0);
            if hits.is_empty() {
                break;
            }
            let [at, left, blocks] = block.own.many([self.at, self.left, self.blocks]);
            draw(self.blocks_of, block.key, block.first_path, &hits, blocks, first, length);
            begin(self.blocks_of, &hits, first, length, at, left, blocks, due, from, to);
            for series in &self.series {
                add_to(&series.path, &hits, from, to, &mut block.own[series.sum]);
            }
        }
        let [at, row] = block.own.many([self.at, self.row]);
        last_row(self.blocks_of.rows, at, row);
        for series in &self.series {
            let [level, sum] = block.own.many([series.level, series.sum]);
            price(series.initial, sum, level);
        }
    }
}

/// A whole number, 0 to 2^32 - 1, as an index: faster than a conversion that must think of all others.
#[inline(always)]
fn index(whole: f64) -> usize {
    const LAST_BIT_IS_ONE: f64 = (1_u64 << 52) as f64;
    (whole + LAST_BIT_IS_ONE).to_bits() as u32 as usize
}

crate::vectorised! {
    /// Takes from each block what is due and left, and tells the stretch.
    fn go_on(blocks: Blocks, at: &mut Lane, left: &mut Lane, due: &mut Lane, from: &mut Lane, to: &mut Lane) {
        for path in 0..PATHS {
            // Loaded before the choice: else the compiler chooses an address, path by path.
            let (here, wanted) = (left[path], due[path]);
            let rows = if here < wanted { here } else { wanted };
            let end = at[path] + rows;
            from[path] = at[path];
            to[path] = end;
            at[path] = blocks.wrap(end);
            left[path] = here - rows;
            due[path] = wanted - rows;
        }
    }

    /// First row and length of the next block of each of these paths, packed.
    fn draw(
        blocks: Blocks, key: &StreamKey, first_path: u64, hits: &Hits, count: &Lane, first: &mut Lane, length: &mut Lane,
    ) {
        for start in (0..hits.count()).step_by(CHUNK) {
            let paths = &hits.packed()[start..start + CHUNK];
            let mut number = [0; CHUNK];
            for position in 0..CHUNK {
                number[position] = index(count[usize::from(paths[position]) % PATHS]) as u64;
            }
            let words = event_words(*key, first_path, paths, |position| number[position]);
            let (mut row, mut rows) = ([0.0; CHUNK], [0.0; CHUNK]);
            for position in 0..CHUNK {
                row[position] = blocks.first(words[0][position]);
            }
            for position in 0..CHUNK {
                rows[position] = blocks.length(words[1][position]);
            }
            first[start..start + CHUNK].copy_from_slice(&row);
            length[start..start + CHUNK].copy_from_slice(&rows);
        }
    }

    /// Begins the blocks, and takes from them what is due.
    fn begin(
        blocks: Blocks, hits: &Hits, first: &Lane, length: &Lane, at: &mut Lane, left: &mut Lane, count: &mut Lane,
        due: &mut Lane, from: &mut Lane, to: &mut Lane,
    ) {
        for (position, path) in hits.paths().enumerate() {
            let rows = if length[position] < due[path] { length[position] } else { due[path] };
            count[path] += 1.0;
            from[path] = first[position];
            to[path] = first[position] + rows;
            at[path] = blocks.wrap(to[path]);
            left[path] = length[position] - rows;
            due[path] -= rows;
        }
    }

    fn add(path_of: &[f64], from: &Lane, to: &Lane, sum: &mut Lane) {
        for path in 0..PATHS {
            sum[path] += path_of[index(to[path])] - path_of[index(from[path])];
        }
    }

    fn add_to(path_of: &[f64], hits: &Hits, from: &Lane, to: &Lane, sum: &mut Lane) {
        for path in hits.paths() {
            sum[path] += path_of[index(to[path])] - path_of[index(from[path])];
        }
    }

    fn last_row(rows: f64, at: &Lane, row: &mut Lane) {
        for path in 0..PATHS {
            row[path] = if at[path] < 1.0 { rows - 1.0 } else { at[path] - 1.0 };
        }
    }

    fn price(initial: f64, sum: &Lane, level: &mut Lane) {
        for path in 0..PATHS {
            level[path] = initial * exp(sum[path]);
        }
    }
}
