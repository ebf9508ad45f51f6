//! The default curve of the book as a whole.

use haircut::Error;
use haircut::credit::ObligorInfo;
use haircut::measure::{Block, Confidence, Estimate, ExactSum, Measure, MeasurePlan, Run, block_sum};
use serde::{Deserialize, Serialize};

/// How much of the book has defaulted by each date: the share of its debt at time zero, and the number of borrowers.
///
/// Borrowers default together, so the error of the sum does not follow from theirs: the measure takes the sum path by path.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BookCurve;

/// One date of the curve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CurvePoint {
    /// Date in years.
    pub(crate) years: f64,
    /// Share of the debt of time zero whose borrower has defaulted.
    pub(crate) debt_share: Estimate,
    /// Borrowers that have defaulted.
    pub(crate) borrowers: Estimate,
    /// Probability that any borrower has defaulted.
    pub(crate) any: Estimate,
}

/// One worker's share of the curve.
#[derive(Clone)]
pub(crate) struct Sums {
    /// By step, exact sums over paths of x and x^2 for each of the three quantities.
    steps: Vec<[ExactSum; 6]>,
    /// Share of the book's debt by obligor.
    shares: Vec<f64>,
    /// Scratch: the defaults of a block as (step, path, obligor).
    defaults: Vec<(usize, usize, usize)>,
    /// Scratch: the three quantities by path.
    by_path: [Vec<f64>; 3],
    /// Scratch: what is summed.
    terms: Vec<f64>,
}

impl Measure for BookCurve {
    type Partial = Sums;
    type Output = Vec<CurvePoint>;

    fn plan(&self, plan: &mut MeasurePlan<'_>) -> Result<Sums, Error> {
        let debt = |obligor: &ObligorInfo| obligor.facilities.iter().map(|facility| facility.principal).sum();
        let debts: Vec<f64> = plan.run().obligors.iter().map(debt).collect();
        let total: f64 = debts.iter().sum();
        Ok(Sums {
            steps: (0..plan.run().grid.steps()).map(|_| Default::default()).collect(),
            shares: debts.iter().map(|debt| if total > 0.0 { debt / total } else { 0.0 }).collect(),
            defaults: Vec::new(),
            by_path: Default::default(),
            terms: Vec::new(),
        })
    }

    fn record(&self, sums: &mut Sums, block: &Block<'_>) {
        let Sums { steps, shares, defaults, by_path, terms } = sums;
        defaults.clear();
        for obligor in 0..block.obligors() {
            let happened = block.default_step(obligor).iter().enumerate().filter(|(_, step)| step.is_finite());
            defaults.extend(happened.map(|(path, step)| (*step as usize, path, obligor)));
        }
        defaults.sort_unstable();
        for quantity in by_path.iter_mut() {
            quantity.clear();
            quantity.resize(block.paths(), 0.0);
        }
        let mut next = defaults.iter().peekable();
        for (index, sums) in steps.iter_mut().enumerate() {
            while let Some((_, path, obligor)) = next.next_if(|(step, ..)| *step <= index + 1) {
                by_path[0][*path] += shares[*obligor];
                by_path[1][*path] += 1.0;
                by_path[2][*path] = 1.0;
            }
            for (quantity, sums) in by_path.iter().zip(sums.chunks_exact_mut(2)) {
                terms.clear();
                terms.extend(quantity.iter().zip(block.weights()).map(|(x, weight)| x * weight));
                sums[0].add(block_sum(terms));
                for term in terms.iter_mut() {
                    *term *= *term;
                }
                sums[1].add(block_sum(terms));
            }
        }
    }

    fn merge(&self, into: &mut Sums, from: Sums) {
        for (into, from) in into.steps.iter_mut().flatten().zip(from.steps.iter().flatten()) {
            into.merge(from);
        }
    }

    fn finish(&self, sums: Sums, run: &Run) -> Vec<CurvePoint> {
        let mean = |sum: &ExactSum, squares: &ExactSum| {
            Estimate::mean(run.paths, sum.value(), squares.value(), Confidence::default())
        };
        let point = |([s, ss, n, nn, a, aa], years): (&[ExactSum; 6], &f64)| CurvePoint {
            years: *years,
            debt_share: mean(s, ss),
            borrowers: mean(n, nn),
            any: mean(a, aa),
        };
        sums.steps.iter().zip(run.grid.dates()).map(point).collect()
    }
}
