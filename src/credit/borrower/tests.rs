//! Guards: the vectorised month and the month by hand are one and the same, on every path of borrowers at random. The
//! laws in `tests/borrower.rs` would not see a difference that obeys them.

#[path = "../../../tests/ledger/mod.rs"]
mod ledger;

use super::Borrower;
use crate::Error;
use crate::credit::{Book, Obligor, ObligorPlan, ObligorStepper};
use ledger::Ledger;
use ledger::random::{borrowers, cases, worlds};
use proptest::prelude::*;

/// The same borrower, every path of it stepped by hand.
#[derive(Debug)]
struct ByHand(Borrower);

impl Obligor for ByHand {
    fn name(&self) -> &str {
        &self.0.name
    }

    fn plan(&self, plan: &mut ObligorPlan<'_>) -> Result<Box<dyn ObligorStepper>, Error> {
        let mut stepper = self.0.stepper(plan)?;
        stepper.everything_by_hand = true;
        Ok(Box::new(stepper))
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn the_month_by_hand_has_the_same_bits(world in worlds(), borrower in borrowers("either")) {
        let run = |book: Book| world.simulation(book.discount("discount")).run(Ledger("either".into())).unwrap();
        prop_assert_eq!(run(Book::new([borrower.clone()])), run(Book::new([ByHand(borrower)])));
    }
}
