//! Sums over a window of years that ends with the step, on any grid.

use crate::credit::obligor::ObligorPlan;
use crate::credit::schedule::SAME_DATE;
use crate::market::{OwnLane, OwnLanes};
use crate::numeric::{Lane, PATHS, Step, TimeGrid};
use crate::vectorised;

/// Running totals of a flow since time zero, in a ring of lanes; the sum over a window is the difference of two.
///
/// What has left the window leaves its rounding: 2^-53 of all that has flowed since time zero, and nothing where nothing has. That is
/// far below [`ROUNDING`](crate::credit::schedule::ROUNDING) of any flow that matters, and a window of any length costs the same.
pub(super) struct Window {
    spans: Spans,
    /// Totals up to the last steps, one more than a window overlaps.
    ring: Vec<OwnLane>,
}

/// The steps that a window overlaps: from `first` on, of which the window covers a part.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Span {
    first: usize,
    part: f64,
}

fn span(grid: &TimeGrid, last: usize, years: f64) -> Option<Span> {
    let begin = grid.time(last) - years;
    if begin < -SAME_DATE {
        return None;
    }
    let first = 1 + grid.dates()[..last - 1].partition_point(|end| *end <= begin + SAME_DATE);
    let (start, end) = (grid.time(first - 1), grid.time(first));
    let is_whole = first == last || begin <= start + SAME_DATE;
    Some(Span { first, part: if is_whole { 1.0 } else { (end - begin) / (end - start) } })
}

/// What a window covers at the end of each step.
enum Spans {
    /// So many whole steps, as on a regular grid.
    Steps(usize),
    /// By step, from the first; `None` until a whole window has passed.
    Each(Vec<Option<Span>>),
}

impl Spans {
    fn new(spans: Vec<Option<Span>>, longest: usize) -> Spans {
        let whole = |(span, last): (&Option<Span>, usize)| {
            let first = (last + 1).checked_sub(longest).filter(|first| *first > 0);
            *span == first.map(|first| Span { first, part: 1.0 })
        };
        match spans.iter().zip(1..).all(whole) {
            true => Spans::Steps(longest),
            false => Spans::Each(spans),
        }
    }

    fn at(&self, step: usize) -> Option<Span> {
        match self {
            Spans::Steps(steps) => (step >= *steps).then(|| Span { first: step + 1 - steps, part: 1.0 }),
            Spans::Each(spans) => spans[step - 1],
        }
    }
}

impl Window {
    pub(super) fn new(years: f64, plan: &mut ObligorPlan<'_>) -> Window {
        let grid = plan.grid();
        let spans: Vec<_> = (1..=grid.steps()).map(|last| span(grid, last, years)).collect();
        let overlapped = spans.iter().zip(1..).filter_map(|(span, last)| span.map(|span| last - span.first + 1));
        let longest = overlapped.max().unwrap_or(1);
        Window { spans: Spans::new(spans, longest), ring: (0..=longest).map(|_| plan.state()).collect() }
    }

    /// The total up to the end of a step.
    pub(super) fn total(&self, step: usize) -> OwnLane {
        self.ring[step % self.ring.len()]
    }

    /// The lanes of the totals before a step and after it.
    pub(super) fn around(&self, step: usize) -> [OwnLane; 2] {
        [self.total(step - 1), self.total(step)]
    }

    /// The totals at the end of the window that ends with the step and at its beginning, of which the sum is the difference; `None` until a whole
    /// window has passed. `spare` is for a window that begins within a step.
    pub(super) fn ends<'a>(&self, step: Step, own: &'a OwnLanes<'_>, spare: &'a mut Lane) -> Option<[&'a Lane; 2]> {
        let Span { first, part } = self.spans.at(step.index)?;
        let before = &own[self.total(first - 1)];
        if part < 1.0 {
            within(1.0 - part, [before, &own[self.total(first)]], spare);
            return Some([&own[self.total(step.index)], spare]);
        }
        Some([&own[self.total(step.index)], before])
    }

    /// The sum over the window that ends with a step of amounts that are the same on every path, by step from the first.
    pub(super) fn sum_of(&self, step: usize, amounts: &[f64]) -> f64 {
        self.spans
            .at(step)
            .map_or(0.0, |Span { first, part }| part * amounts[first - 1] + amounts[first..step].iter().sum::<f64>())
    }
}

vectorised! {
    /// The total when a part of a step has passed.
    fn within(passed: f64, totals: [&Lane; 2], total: &mut Lane) {
        let [before, after] = totals;
        for i in 0..PATHS {
            total[i] = before[i] + passed * (after[i] - before[i]);
        }
    }
}

#[cfg(test)]
mod tests {
    //! Guards: which steps a window covers, on grids that do and do not divide it. A test of a covenant would see a wrong month only if it
    //! turned a breach.
    use super::*;

    #[test]
    fn a_window_covers_its_years_on_any_grid() {
        let monthly = TimeGrid::monthly(24).unwrap_or_else(|error| panic!("{error}"));
        let whole = |first| Some(Span { first, part: 1.0 });
        assert_eq!(span(&monthly, 11, 1.0), None);
        assert_eq!(span(&monthly, 12, 1.0), whole(1));
        assert_eq!(span(&monthly, 15, 1.0), whole(4));
        assert_eq!(span(&monthly, 15, 0.25), whole(13));
        // Shorter than the step: the step.
        assert_eq!(span(&monthly, 3, 0.01), whole(3));
        let uneven = TimeGrid::new(vec![0.5, 1.0, 2.0, 2.25]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(span(&uneven, 2, 1.0), whole(1));
        assert_eq!(span(&uneven, 3, 1.0), whole(3));
        // From 1.25 to 2.25: three quarters of the third step.
        assert_eq!(span(&uneven, 4, 1.0), Some(Span { first: 3, part: 0.75 }));
    }
}
