//! Sums over a window of years that ends with the step, on any grid.

use crate::credit::obligor::ObligorPlan;
use crate::credit::schedule::SAME_DATE;
use crate::market::{OwnLane, OwnLanes};
use crate::numeric::{Lane, PATHS, Step, TimeGrid};
use crate::vectorised;

/// The last steps of a flow, in a ring of lanes.
///
/// Sums are made anew each step, from the oldest on: a running sum would keep the rounding of what has left the window.
pub(super) struct Window {
    /// By step, from the first; `None` until a whole window has passed.
    spans: Vec<Option<Span>>,
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

impl Window {
    pub(super) fn new(years: f64, plan: &mut ObligorPlan<'_>) -> Window {
        let grid = plan.grid();
        let spans: Vec<_> = (1..=grid.steps()).map(|last| span(grid, last, years)).collect();
        let overlapped = spans.iter().zip(1..).filter_map(|(span, last)| span.map(|span| last - span.first + 1));
        let longest = overlapped.max().unwrap_or(1);
        Window { spans, ring: (0..longest).map(|_| plan.state()).collect() }
    }

    /// The lane of a step's flow.
    pub(super) fn slot(&self, step: usize) -> OwnLane {
        self.ring[step % self.ring.len()]
    }

    /// The sum over the window that ends with the step; false until a whole window has passed.
    pub(super) fn sum(&self, step: Step, own: &OwnLanes<'_>, sum: &mut Lane) -> bool {
        let Some(Span { first, part }) = self.spans[step.index - 1] else { return false };
        begin(part, &own[self.slot(first)], sum);
        // Four at a time, in the same order: the sum stays in registers.
        let mut later = first + 1;
        while later + 3 <= step.index {
            let four = [0, 1, 2, 3].map(|next| &own[self.slot(later + next)]);
            add_four(four, sum);
            later += 4;
        }
        for later in later..=step.index {
            add(&own[self.slot(later)], sum);
        }
        true
    }

    /// The sum over the window that ends with a step of amounts that are the same on every path, by step from the first.
    pub(super) fn sum_of(&self, step: usize, amounts: &[f64]) -> f64 {
        self.spans[step - 1]
            .map_or(0.0, |Span { first, part }| part * amounts[first - 1] + amounts[first..step].iter().sum::<f64>())
    }
}

vectorised! {
    fn begin(part: f64, flow: &Lane, sum: &mut Lane) {
        for i in 0..PATHS {
            sum[i] = part * flow[i];
        }
    }

    fn add_four(flows: [&Lane; 4], sum: &mut Lane) {
        let [first, second, third, fourth] = flows;
        for i in 0..PATHS {
            sum[i] = (((sum[i] + first[i]) + second[i]) + third[i]) + fourth[i];
        }
    }

    fn add(flow: &Lane, sum: &mut Lane) {
        for i in 0..PATHS {
            sum[i] += flow[i];
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
