//! Guards: a pass that is left out because no path of the block needs it changes no bit, on every path of borrowers at
//! random. So what becomes of a path does not depend on the paths beside it, which the laws in `tests/borrower.rs` would
//! not see.

#[path = "../../../tests/ledger/mod.rs"]
mod ledger;

use super::Borrower;
use crate::Error;
use crate::credit::{Book, Obligor, ObligorPlan, ObligorStepper};
use ledger::random::{borrowers, cases, worlds};
use ledger::{Ledger, Unwatched};
use proptest::prelude::*;

/// The same borrower, with every pass made.
#[derive(Debug)]
struct Unabridged(Borrower);

impl Obligor for Unabridged {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn plan(&self, plan: &mut ObligorPlan<'_>) -> Result<Box<dyn ObligorStepper>, Error> {
        let mut stepper = self.0.stepper(plan)?;
        stepper.makes_every_pass = true;
        Ok(Box::new(stepper))
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn what_no_path_needs_changes_no_bit(world in worlds(), borrower in borrowers("either")) {
        let run = |book: Book| world.simulation(book.discount("discount")).run(Ledger("either".into())).unwrap();
        prop_assert_eq!(run(Book::new([borrower.clone()])), run(Book::new([Unabridged(borrower)])));
    }

    /// Where nobody looks at metrics, what goes wrong on few paths is stepped by index: twelve of a block here, beside 244 of one kind.
    #[test]
    fn few_paths_by_index_are_what_they_are_in_lanes(mut world in worlds(), borrower in borrowers("either")) {
        for (_, script) in &mut world.series {
            let usual = script.0[0].clone();
            script.0.resize(64, usual);
        }
        let run = |book: Book| world.simulation(book.discount("discount")).run(Unwatched(Ledger("either".into()))).unwrap();
        prop_assert_eq!(run(Book::new([borrower.clone()])), run(Book::new([Unabridged(borrower)])));
    }
}
