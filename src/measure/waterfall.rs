//! Who is paid first? One date of a cash waterfall: interest and principal of notes in their order, with coverage tests between them.

/// A class of notes at work on one path.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Class {
    /// Owed, with interest that was not paid and added to it.
    pub(super) balance: f64,
    /// Interest of this date.
    pub(super) due: f64,
    /// What the class got of it, and of its balance.
    pub(super) interest: f64,
    pub(super) principal: f64,
    /// Whether its coverage tests were met.
    pub(super) covered: bool,
}

/// The least coverage of a class and of those above it; no test where there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Tests {
    pub(super) overcollateralisation: Option<f64>,
    pub(super) interest_coverage: Option<f64>,
}

/// What a pool brings on one date.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Proceeds {
    /// Interest.
    pub(super) interest: f64,
    /// Repayments and recoveries, less what is drawn; below zero where draws exceed them.
    pub(super) principal: f64,
    /// What performs after this date.
    pub(super) performing: f64,
}

/// Pays one date and gives what is left for owners; below zero it is what they have to pay in for draws.
///
/// 1. Class by class from the most senior: interest, from all cash. What is missing is added to the class's balance. Then its tests,
///
///    ```text
///    overcollateralisation = (performing + principal proceeds not yet spent) / sum of balances of this class and those above
///    interest coverage     = interest proceeds / sum of interest due of this class and those above
///    ```
///
///    If the first is not met, interest proceeds repay notes from the most senior until it is; where they do not suffice, or the second is not met,
///    all cash repays this class and those above.
/// 2. Principal proceeds that are left repay notes from the most senior.
/// 3. The rest is the owners'.
///
/// Interest proceeds are spent first. Cash in equals cash out: interest + principal proceeds = sum of interest and principal paid + rest.
pub(super) fn pay(proceeds: Proceeds, tests: &[Tests], classes: &mut [Class]) -> f64 {
    let mut cash = proceeds.interest + proceeds.principal;
    let called = if cash < 0.0 { cash } else { 0.0 };
    cash -= called;
    let collected = if proceeds.principal > 0.0 { proceeds.principal } else { 0.0 };
    for class in classes.iter_mut() {
        class.principal = 0.0;
    }
    let mut due = 0.0;
    for (k, tests) in tests.iter().enumerate().take(classes.len()) {
        let class = &mut classes[k];
        class.interest = least(class.due, cash);
        cash -= class.interest;
        class.balance += class.due - class.interest;
        due += class.due;
        let owed = classes[..=k].iter().map(|class| class.balance).sum::<f64>();
        let unspent = least(collected, cash);
        let par = proceeds.performing + unspent;
        let interest_fails = tests.interest_coverage.is_some_and(|least| proceeds.interest < least * due);
        let missing = tests.overcollateralisation.map_or(0.0, |least| owed - par / least);
        classes[k].covered = !interest_fails && missing <= 0.0;
        if interest_fails || missing > cash - unspent {
            cash = repay(least(owed, cash), cash, classes);
        } else if missing > 0.0 {
            cash = repay(missing, cash, classes);
        }
    }
    repay(least(collected, cash), cash, classes) + called
}

/// Repays notes from the most senior with an amount of the cash, at most all of it; gives the cash that is left, never below zero.
fn repay(amount: f64, cash: f64, classes: &mut [Class]) -> f64 {
    let mut left = amount;
    for class in classes {
        let paid = least(class.balance, left);
        class.balance -= paid;
        class.principal += paid;
        left -= paid;
    }
    cash - amount + left
}

fn least(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

#[cfg(test)]
mod tests {
    //! Guards: who is paid what, by hand to the cent, and that cash in is cash out whatever comes. A test of sums alone would miss a junior class paid first.
    use super::*;
    use proptest::prelude::*;

    fn due(classes: &mut [Class], coupons: &[f64]) {
        for (class, coupon) in classes.iter_mut().zip(coupons) {
            class.due = coupon * class.balance;
        }
    }

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-10, "{a} against {b}");
    }

    /// Two classes, 60 at 5 % and 30 at 10 %, nothing for owners before the notes are repaid: a test that is never met after the last class's interest
    /// makes it so. Worked cases F06 and F06b.
    #[test]
    fn everything_repays_notes_in_order() {
        let never = [Tests::default(), Tests { overcollateralisation: Some(1e9), interest_coverage: None }];
        let follow = |cash: &[f64], expected: &[[f64; 7]]| {
            let mut classes = [60.0, 30.0].map(|balance| Class { balance, ..Class::default() });
            for (cash, expected) in cash.iter().zip(expected) {
                due(&mut classes, &[0.05, 0.10]);
                let rest = pay(Proceeds { interest: *cash, ..Proceeds::default() }, &never, &mut classes);
                let [a, b] = classes;
                let got = [a.interest, b.interest, a.principal, b.principal, a.balance, b.balance, rest];
                got.into_iter().zip(expected).for_each(|(got, expected)| near(got, *expected));
            }
        };
        let expected = [
            [3.0, 3.0, 24.0, 0.0, 36.0, 30.0, 0.0],
            [1.8, 3.0, 5.2, 0.0, 30.8, 30.0, 0.0],
            [1.54, 3.0, 30.8, 30.0, 0.0, 0.0, 4.66],
        ];
        follow(&[30.0, 10.0, 70.0], &expected);
        follow(&[4.0, 100.0], &[[3.0, 1.0, 0.0, 0.0, 60.0, 32.0, 0.0], [3.0, 3.2, 60.0, 32.0, 0.0, 0.0, 1.8]]);
    }

    /// docs/measures.md, "Cash waterfall": the dates of the example.
    #[test]
    fn tests_divert_interest_until_they_are_met() {
        let tests = [1.4, 1.1].map(|least| Tests { overcollateralisation: Some(least), interest_coverage: None });
        let mut classes = [60.0, 30.0].map(|balance| Class { balance, ..Class::default() });
        for (interest, principal, performing, expected) in [
            (8.0, 10.0, 85.0, [3.0, 3.0, 12.0, 0.0, 0.0]),
            (7.0, 5.0, 80.0, [2.4, 3.0, 5.0 + 8.0 / 11.0, 0.0, 9.6 / 11.0]),
            (2.0, 50.0, 0.0, [46.5 / 22.0, 3.0, 465.0 / 11.0, 49.0 - 976.5 / 22.0, 0.0]),
        ] {
            due(&mut classes, &[0.05, 0.10]);
            let rest = pay(Proceeds { interest, principal, performing }, &tests, &mut classes);
            let [a, b] = classes;
            let got = [a.interest, b.interest, a.principal, b.principal, rest];
            got.into_iter().zip(expected).for_each(|(got, expected)| near(got, expected));
        }
    }

    /// Interest of 4 covers 3 + 3 by two thirds, less than one: all cash repays notes.
    #[test]
    fn uncovered_interest_repays_with_all_cash() {
        let tests = [Tests::default(), Tests { overcollateralisation: None, interest_coverage: Some(1.0) }];
        let mut classes = [60.0, 30.0].map(|balance| Class { balance, ..Class::default() });
        due(&mut classes, &[0.05, 0.10]);
        let rest = pay(Proceeds { interest: 4.0, principal: 70.0, performing: 500.0 }, &tests, &mut classes);
        let [a, b] = classes;
        assert!(a.covered && !b.covered);
        // 74 less 6 of interest: 60 and 8.
        [a.principal, b.principal, b.balance, rest]
            .into_iter()
            .zip([60.0, 8.0, 22.0, 0.0])
            .for_each(|(x, y)| near(x, y));
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 4000,
            rng_seed: proptest::test_runner::RngSeed::Fixed(7),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        /// Whatever comes: cash in is cash out, nothing is below zero, what is owed moves by what is due and paid, and no class is repaid before those above it
        /// but from principal proceeds or a failed test.
        #[test]
        fn cash_is_conserved(
            dates in prop::collection::vec((0.0..20.0_f64, -5.0..60.0_f64, 0.0..150.0_f64), 1..12),
            par in prop::option::of(0.5..3.0_f64),
            interest in prop::option::of(0.5..3.0_f64),
        ) {
            let tests = [par, None, par].map(|overcollateralisation| Tests { overcollateralisation, interest_coverage: interest });
            let mut classes = [60.0, 30.0, 10.0].map(|balance| Class { balance, ..Class::default() });
            for (interest, principal, performing) in dates {
                due(&mut classes, &[0.05, 0.10, 0.2]);
                let before = classes;
                let rest = pay(Proceeds { interest, principal, performing }, &tests, &mut classes);
                let paid: f64 = classes.iter().map(|class| class.interest + class.principal).sum();
                prop_assert!((interest + principal - paid - rest).abs() < 1e-9);
                prop_assert!(rest >= 0.0 || (interest + principal < 0.0 && paid == 0.0));
                for (k, (before, now)) in before.iter().zip(&classes).enumerate() {
                    prop_assert!(now.balance >= 0.0 && now.interest >= 0.0 && now.principal >= 0.0);
                    prop_assert!((before.balance + before.due - now.interest - now.principal - now.balance).abs() < 1e-9);
                    // A junior class is repaid only when those above it are.
                    prop_assert!(now.principal <= 0.0 || classes[..k].iter().all(|above| above.balance <= 1e-9));
                    prop_assert!(now.interest >= now.due || classes[k + 1..].iter().all(|below| below.interest <= 1e-9));
                }
            }
        }
    }
}
