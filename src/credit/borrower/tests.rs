//! Guards: a pass that is left out because no path of the block needs it changes no bit, on every path of borrowers at
//! random. So what becomes of a path does not depend on the paths beside it, which the laws in `tests/borrower.rs` would
//! not see.

#[path = "../../../tests/ledger/mod.rs"]
mod ledger;

use super::Borrower;
use crate::Error;
use crate::credit::{Book, Obligor, ObligorPlan, ObligorStepper};
use ledger::Ledger;
use ledger::random::{borrowers, cases, worlds};
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
}
