//! Labels of paths: each by hand, exclusive, and together every path. A test of probabilities alone would miss a path with two labels or none.
#![allow(clippy::float_cmp, reason = "counts of paths are whole numbers")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should say where")]

mod ledger;

use haircut::credit::{Book, Borrower, Obligor, ObligorBlock, ObligorPlan, ObligorStepper};
use haircut::market::{Market, OwnLane};
use haircut::measure::{Confidence, DefaultTable, Estimate, Fate, Outcomes};
use haircut::numeric::PATHS;
use haircut::{Error, Simulation};
use ledger::random::{borrowers, cases, worlds};
use proptest::prelude::*;

const KINDS: [&str; 6] = ["dscr", "balance", "arrears", "waiver", "extension", "support"];

/// What is published in each step, by path: the paths go round. One that is negative in `dscr` defaults in that step.
#[derive(Debug, Clone)]
struct Told {
    rows: Vec<Vec<[f64; 6]>>,
    kinds: usize,
}

struct Teller {
    told: Told,
    lanes: Vec<Option<OwnLane>>,
}

impl Obligor for Told {
    fn name(&self) -> &str {
        "told"
    }
    fn plan(&self, plan: &mut ObligorPlan<'_>) -> Result<Box<dyn ObligorStepper>, Error> {
        plan.facility("loan", "bank", 1.0)?;
        let lanes = KINDS[..self.kinds].iter().map(|kind| plan.metric(kind)).collect();
        Ok(Box::new(Teller { told: self.clone(), lanes }))
    }
}

impl ObligorStepper for Teller {
    fn start(&self, block: &mut ObligorBlock<'_>) {
        let _ = block;
    }
    fn step(&self, block: &mut ObligorBlock<'_>) {
        for path in 0..PATHS {
            let now = self.told.rows[path % self.told.rows.len()][block.step.index - 1];
            for (lane, value) in self.lanes.iter().zip(now) {
                if let Some(lane) = lane {
                    block.own[*lane][path] = value;
                }
            }
            if now[0] < 0.0 && block.outcome.default_step[path].is_infinite() {
                block.outcome.default_step[path] = block.step.index as f64;
            }
        }
    }
}

/// docs/measures.md, "Outcomes".
#[test]
fn every_path_has_one_label() {
    let good = [1.4, 10.0, 0.0, 0.0, 0.0, 0.0];
    let repaid = [1.3, 0.0, 0.0, 0.0, 0.0, 0.0];
    let rows = vec![
        vec![good, repaid],
        // At the bar is not below it; below it, in arrears or still in debt is muddling through.
        vec![[1.29, 10.0, 0.0, 0.0, 0.0, 0.0], repaid],
        vec![good, [1.3, 0.0, 1.0, 0.0, 0.0, 0.0]],
        vec![good, good],
        vec![[1.4, 10.0, 0.0, 1.0, 0.0, 0.0], repaid],
        vec![good, [1.3, 0.0, 0.0, 0.0, 1.0, 0.0]],
        vec![[0.5, 10.0, 0.0, 1.0, 0.0, 2e6], repaid],
        vec![[0.5, 10.0, 0.0, 1.0, 0.0, 2e6], [-1.0, 0.0, 0.0, 0.0, 0.0, 0.0]],
    ];
    let expected = [1, 3, 2, 1, 1];
    let told = Told { rows, kinds: 6 };
    let run = |told: Told, outcomes: Outcomes| {
        let market = Market::builder().build().unwrap();
        // Not a whole number of blocks.
        Simulation::new(market, Book::new([told])).months(2).paths(1000).run(outcomes)
    };
    let result = &run(told.clone(), Outcomes::new(1.3)).unwrap()[0];
    let counts: Vec<u64> = result.fates.iter().map(|fate| fate.paths).collect();
    // Path p of a block takes row p mod 8, and blocks begin with a multiple of 8; 1000 is one too.
    assert_eq!(counts, expected.map(|rows| rows * 125));
    for (fate, rows) in Fate::ALL.into_iter().zip(expected) {
        let estimate = result.probability(fate);
        assert_eq!(estimate.value, rows as f64 / 8.0);
        assert_eq!(estimate, Estimate::proportion(rows * 125, 1000, Confidence::default()));
    }
    assert_eq!(result.fates.iter().map(|fate| fate.probability.value).sum::<f64>(), 1.0);
    // Who publishes less: without events a path muddles through.
    let fewer = &run(Told { kinds: 3, ..told.clone() }, Outcomes::new(1.3)).unwrap()[0];
    assert_eq!(fewer.fates[Fate::DebtTrap as usize].paths, 125);
    assert_eq!(fewer.fates[Fate::StrategicBailout as usize].paths + fewer.fates[Fate::Extended as usize].paths, 0);
    // And who lacks what is needed is left out, or refused where it was asked for.
    let lacking = Told { kinds: 2, ..told.clone() };
    assert!(run(lacking.clone(), Outcomes::new(1.3)).unwrap().is_empty());
    assert!(matches!(run(lacking, Outcomes::new(1.3).of("told")).unwrap_err(), Error::Unknown { .. }));
    assert!(matches!(run(told, Outcomes::new(f64::NAN)).unwrap_err(), Error::Invalid { .. }));
}

proptest! {
    #![proptest_config(cases(64))]

    /// Of a borrower: counts add up to the paths, and those in the debt trap are those that default.
    #[test]
    fn labels_of_borrowers_add_up(world in worlds(), borrower in borrowers("someone")) {
        let measures = (Outcomes::new(1.2), DefaultTable::new());
        let (fates, defaults) = world.simulation(Book::new([borrower as Borrower])).run(measures).unwrap();
        prop_assert_eq!(fates[0].fates.iter().map(|fate| fate.paths).sum::<u64>(), PATHS as u64);
        prop_assert_eq!(fates[0].probability(Fate::DebtTrap), defaults["someone"].probability);
    }
}
