//! Tranches against Hull and White's table by way of an exact oracle, the large pool in closed form, a worked example, and the
//! laws that slices of one loss obey. A test of expected losses alone would miss a premium that accrues on what is lost already.
#![allow(clippy::float_cmp, reason = "exact degenerate cases are compared exactly")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/large_pool.rs"]
mod large_pool;
mod ledger;
mod support;

use haircut::credit::{Book, Obligor, ObligorBlock, ObligorPlan, ObligorStepper};
use haircut::market::{Market, OwnLane};
use haircut::measure::{Estimate, LossDistribution, Pool, Tranche, TrancheLosses, Tranches};
use haircut::numeric::{Lane, PATHS, TimeGrid};
use haircut::{Error, Simulation, vectorised};
use large_pool::LargePool;
use ledger::{assert_rounding, script, scripted};
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

/// A loan whose loss, in money of its day, is listed by step and path; the lanes of the paths go round.
#[derive(Debug, Clone)]
struct Listed {
    name: &'static str,
    owed: f64,
    /// By path, the change of the loss in each step.
    changes: Vec<Vec<f64>>,
}

impl Obligor for Listed {
    fn name(&self) -> &str {
        self.name
    }

    fn plan(&self, plan: &mut ObligorPlan<'_>) -> Result<Box<dyn ObligorStepper>, Error> {
        plan.facility("loan", if self.name == "A" { "bank" } else { "fund" }, self.owed)?;
        Ok(Box::new(self.clone()))
    }
}

impl ObligorStepper for Listed {
    fn start(&self, _block: &mut ObligorBlock<'_>) {}

    fn step(&self, block: &mut ObligorBlock<'_>) {
        for path in 0..PATHS {
            let row = &self.changes[path % self.changes.len()];
            let change = row.get(block.step.index - 1).copied().unwrap_or(0.0);
            block.outcome.loss[0][path] += block.discount[path] * change;
        }
    }
}

fn near(estimate: Estimate, value: f64) {
    assert_rounding(estimate.value, value);
}

/// docs/measures.md, "Tranches": two loans of 60 and 40, four half-years, two equally likely paths.
#[test]
fn two_loans_by_hand() {
    let loans = [
        // On path 0 A defaults in the first half-year with 30 and 18 come back in the third; B loses 20 in the second.
        Listed { name: "A", owed: 60.0, changes: vec![vec![30.0, 0.0, -18.0, 0.0], vec![0.0]] },
        Listed { name: "B", owed: 40.0, changes: vec![vec![0.0, 20.0], vec![0.0]] },
    ];
    let curve = script([1.0, 0.98, 0.96, 0.94, 0.92]);
    let run = |measure: Tranches| {
        let book = Book::new(loans.clone()).discount("curve");
        let grid = TimeGrid::regular(4, 2).unwrap();
        Simulation::new(scripted([("curve", curve.clone())]), book).grid(grid).paths(256).run(measure).unwrap()
    };
    let all = run(Tranches::consecutive([0.0, 0.1, 0.4, 1.0]));
    assert_eq!(all.iter().map(|tranche| &*tranche.name).collect::<Vec<_>>(), ["0-10 %", "10-40 %", "40-100 %"]);
    // The pool's loss on path 0: 30, 50, 32, 32. So the tranches have lost
    for (tranche, lost) in all.iter().zip([[10.0, 10.0, 10.0, 10.0], [20.0, 30.0, 22.0, 22.0], [0.0, 10.0, 0.0, 0.0]]) {
        for (date, lost) in tranche.dates.iter().zip(lost) {
            near(date.expected_loss, 0.5 * lost);
            near(date.probability, if lost > 0.0 { 0.5 } else { 0.0 });
        }
    }
    let [equity, mezzanine, senior] = &all[..] else { panic!("three tranches") };
    assert_eq!((equity.notional, mezzanine.notional, senior.notional), (10.0, 30.0, 60.0));
    near(equity.loss_leg, 0.5 * (0.98 * 10.0));
    // 0.98 x 20 + 0.96 x 10 - 0.94 x 8, and 0.96 x 10 - 0.94 x 10.
    near(mezzanine.loss_leg, 0.5 * 21.68);
    near(senior.loss_leg, 0.5 * 0.2);
    // Premium of 1 a year on what was left when the half-year began: path 0 has 30, 10, 0, 8 in the mezzanine.
    let annuity = 0.5 * (0.98 + 0.96 + 0.94 + 0.92);
    near(mezzanine.premium_leg, 0.5 * 0.5 * (0.98 * 30.0 + 0.96 * 10.0 + 0.92 * 8.0) + 0.5 * annuity * 30.0);
    near(mezzanine.spread, 10.84 / (0.25 * (29.4 + 9.6 + 7.36) + 0.5 * 1.9 * 30.0));
    assert_eq!((equity.exhausted.value, mezzanine.exhausted.value, senior.exhausted.value), (0.5, 0.0, 0.0));
    // Premium once a year: on path 0 of the mezzanine 20 and 10 are lost with half a year and a year accrued, nothing is left
    // to be paid in the second half-year; 8 come back with half a year of accrual taken off, and earn a year at the end.
    let yearly = &run(Tranches::consecutive([0.1, 0.4]).premium_every(1.0))[0];
    let path_0 = 0.98 * 20.0 * 0.5 + 0.96 * 10.0 * 1.0 + 0.94 * (-8.0) * 0.5 + 0.92 * 8.0 * 1.0;
    near(yearly.premium_leg, 0.5 * path_0 + 0.5 * (0.96 + 0.92) * 30.0);
    assert_eq!(yearly.loss_leg, mezzanine.loss_leg);
    // A part of the book, and a notional of its own.
    let fund = &run(Tranches::consecutive([0.25, 0.75]).of(Pool::Lender("fund".into())))[0];
    assert_eq!(fund.notional, 20.0);
    near(fund.expected_loss, 5.0);
    let listed = Pool::Facilities(vec![("B".into(), "loan".into())]);
    assert_eq!(&run(Tranches::consecutive([0.25, 0.75]).of(listed))[0], fund);
    near(run(Tranches::consecutive([0.0, 0.5]).notional(20.0))[0].expected_loss, 5.0);
}

/// The whole loss in one slice is the book's; slices side by side are the whole.
#[test]
fn slices_add_up_to_the_loss() {
    let bounds = [0.0, 0.1, 0.35, 0.6, 1.0];
    let measures = (Tranches::consecutive([0.0, 1.0]), Tranches::consecutive(bounds), LossDistribution::exact());
    let (whole, slices, losses) = support::simulation().run(measures).unwrap();
    let one = &whole[0];
    assert_eq!(one.notional, 5.0);
    // The book of this run does not discount; its sums of a thousand terms are exact to rounding.
    let ratio = |a: Estimate, b: Estimate| {
        (a.value / b.value - 1.0).abs().max((a.standard_error / b.standard_error - 1.0).abs())
    };
    assert!(ratio(one.expected_loss, losses.mean()) < 1e-12 && ratio(one.loss_leg, losses.mean()) < 1e-12);
    assert_eq!(one.probability, losses.exceedance(1e-9));
    let sum = |of: fn(&TrancheLosses) -> f64| slices.iter().map(of).sum::<f64>();
    assert_rounding(sum(|slice| slice.expected_loss.value), one.expected_loss.value);
    assert_rounding(sum(|slice| slice.loss_leg.value), one.loss_leg.value);
    assert_rounding(sum(|slice| slice.premium_leg.value), one.premium_leg.value);
    for (index, date) in one.dates.iter().enumerate() {
        assert_rounding(
            slices.iter().map(|slice| slice.dates[index].expected_loss.value).sum(),
            date.expected_loss.value,
        );
    }
    // F07 of the worked cases: a loss of 11.5 % fills 0-3, 3-7 and 4.5 points of 7-15 %.
    let loan = Listed { name: "A", owed: 1.0, changes: vec![vec![0.115]] };
    let bounds = [0.0, 0.03, 0.07, 0.15, 0.30, 1.0];
    let run = Simulation::new(Market::builder().build().unwrap(), Book::new([loan])).months(1).paths(1);
    for (slice, lost) in run.run(Tranches::consecutive(bounds)).unwrap().iter().zip([0.03, 0.04, 0.045, 0.0, 0.0]) {
        assert_rounding(slice.expected_loss.value, lost);
    }
}

#[test]
fn a_loss_recovered_in_full_is_none() {
    // Thirds that do not cancel in binary, discounted by a factor that has no short form.
    let third = 1.0 / 3.0;
    let loan = Listed { name: "A", owed: 1.0, changes: vec![vec![1.0, -third, -third, -third, 0.0]] };
    let book = Book::new([loan]).discount("curve");
    let curve = script([1.0, 0.99 / 1.1, 0.97 / 1.1, 0.95 / 1.1, 0.91 / 1.1]);
    let run = Simulation::new(scripted([("curve", curve)]), book).months(5).paths(300);
    let slice = &run.run(Tranches::consecutive([0.0, 1.0])).unwrap()[0];
    assert_eq!((slice.dates[0].probability.value, slice.dates[3].probability.value), (1.0, 0.0));
    assert_eq!((slice.probability.value, slice.expected_loss.value), (0.0, 0.0));
    assert!(slice.loss_leg.value > 0.0, "what comes back late is worth less");
}

#[test]
fn any_threads_and_any_shards_give_the_same_bits() {
    let measure = Tranches::consecutive([0.0, 0.2, 1.0]);
    let one = support::simulation().threads(1).run(measure.clone()).unwrap();
    for threads in [2, 3, 8] {
        assert_eq!(support::simulation().threads(threads).run(measure.clone()).unwrap(), one);
    }
    let shard = |blocks| support::simulation().shard(blocks, measure.clone()).unwrap();
    let mut last = shard(30..41);
    last.merge(shard(0..30)).unwrap();
    assert_eq!(last.finish(), one);
    let text = toml::to_string(&measure).unwrap();
    assert_eq!(toml::from_str::<Tranches>(&text).unwrap(), measure, "{text}");
    let json = serde_json::to_string(&one).unwrap();
    assert_eq!(serde_json::from_str::<Vec<TrancheLosses>>(&json).unwrap(), one);
}

#[test]
fn mistakes_are_told_by_their_field() {
    let one = |attachment, detachment| Tranches::new([Tranche::new("a", attachment, detachment)]);
    for (measure, field) in [
        (Tranches::new([]), "tranches"),
        (one(0.1, 0.1), "tranches[0].detachment"),
        (one(0.2, 0.1), "tranches[0].detachment"),
        (one(-0.1, 0.1), "tranches[0].attachment"),
        (one(f64::NAN, 0.1), "tranches[0].attachment"),
        (one(0.0, 1.1), "tranches[0].detachment"),
        (Tranches::new([Tranche::new("", 0.0, 0.1)]), "tranches[0].name"),
        (Tranches::new([Tranche::new("a", 0.0, 0.1), Tranche::new("a", 0.1, 0.2)]), "tranches[1].name"),
        (one(0.0, 0.1).notional(0.0), "notional"),
        (one(0.0, 0.1).premium_every(-1.0), "premium_every"),
        (one(0.0, 0.1).of(Pool::Lender("nobody".into())), "lender"),
        (one(0.0, 0.1).of(Pool::Obligor("nobody".into())), "obligor"),
        (one(0.0, 0.1).of(Pool::Facilities(Vec::new())), "facilities"),
        (one(0.0, 0.1).of(Pool::Facilities(vec![("pledge 1".into(), "bond".into())])), "facilities[0].facility"),
        (one(0.0, 0.1).of(Pool::Facilities(vec![("pledge 1".into(), "loan".into()); 2])), "facilities[1]"),
    ] {
        let error = support::simulation().run(measure).unwrap_err();
        assert_eq!(error.field(), Some(field), "{error}");
    }
    let nobody = Simulation::new(support::market(), Book::default()).run(one(0.0, 0.1)).unwrap_err();
    assert_eq!(nobody.field(), Some("notional"), "{nobody}");
}

/// How many standard errors an estimate may be off.
const Z: f64 = 5.0;

#[track_caller]
fn assert_sampled(what: &str, estimate: Estimate, expected: f64) {
    let z = (estimate.value - expected) / estimate.standard_error;
    assert!(z.abs() < Z, "{what}: {estimate} against {expected}, z = {z:.2}");
}

mod vasicek {
    //! Vasicek's large pool, in closed form.
    use super::*;

    fn run(pool: LargePool, paths: u64, seed: u64, measure: Tranches) -> Vec<TrancheLosses> {
        pool.year().paths(paths).seed(seed).run(measure).unwrap()
    }

    /// Expected loss of a tranche as a share of its width: cases B07 and HO-B05, by the closed form with the bivariate normal law, checked by
    /// quadrature to 2e-8.
    #[test]
    fn expected_tranche_losses_are_those_of_the_closed_form() {
        let b07 = LargePool { pd: 0.05, correlation: 0.25, lgd: 0.6 };
        let expected = [0.582433897650841, 0.19672872633214458, 0.04898395334627582, 0.0008695502935140252];
        let slices = run(b07, 1 << 18, 5, Tranches::consecutive([0.0, 0.03, 0.07, 0.15, 1.0]));
        for (slice, expected) in slices.iter().zip(expected) {
            assert_sampled(&slice.name, slice.expected_loss.scaled(1.0 / slice.notional), expected);
        }
        let held_out = LargePool { pd: 0.08, correlation: 0.3, lgd: 0.55 };
        let slice = &run(held_out, 1 << 18, 6, Tranches::consecutive([0.04, 0.09]))[0];
        assert_sampled("4-9 %", slice.expected_loss.scaled(1.0 / slice.notional), 0.2343867);
        // P(loss > a) = P(Z < ..): the tranche's PD in closed form.
        let normal = Normal::standard();
        let z = ((1.0_f64 - 0.3).sqrt() * normal.inverse_cdf(0.04 / 0.55) - normal.inverse_cdf(0.08)) / 0.3_f64.sqrt();
        assert_sampled("PD of 4-9 %", slice.probability, 1.0 - normal.cdf(z));
    }

    /// Over 400 seeds the spread of a mezzanine slice is unbiased, its error is its deviation, and the interval covers 95 %.
    #[test]
    fn the_error_of_a_spread_is_valid() {
        let pool = LargePool { pd: 0.05, correlation: 0.25, lgd: 0.6 };
        let runs = 400;
        // One payment a year from now on what there was: the loss over the notional.
        let truth = 0.19672872633214458;
        let (mut covered, mut standardised, mut off) = (0, 0.0, 0.0);
        for seed in 0..runs {
            let spread = run(pool, 2048, seed, Tranches::consecutive([0.03, 0.07]))[0].spread;
            covered += i32::from(spread.lower <= truth && truth <= spread.upper);
            standardised += ((spread.value - truth) / spread.standard_error).powi(2);
            off += (spread.value - truth) / spread.standard_error;
        }
        let runs = runs as f64;
        assert!(off.abs() / runs < 5.0 / runs.sqrt(), "biased by {} errors", off / runs);
        assert!((standardised / runs - 1.0).abs() < 5.0 * (2.0 / runs).sqrt(), "{}", standardised / runs);
        assert!((f64::from(covered) / runs - 0.95).abs() < 5.0 * (0.95 * 0.05 / runs).sqrt(), "{covered}");
    }
}

mod hull_white {
    //! A hundred names of hazard 1 % and recovery 40 % over five years, joined by a one-factor copula of normal or t laws: Hull and White
    //! (2004), table 7, as QuantLib's test suite has it (test-suite/cdo.cpp, hwData7, commit 2a13d455), recomputed to full precision.
    use super::*;

    const NAMES: usize = 100;
    const QUARTERS: usize = 20;
    const LGD: f64 = 0.6;
    const RATE: f64 = 0.05;
    const BOUNDS: [f64; 5] = [0.0, 0.03, 0.06, 0.10, 1.0];

    /// Law of the common or the own part of a name, of variance one.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Law {
        Normal,
        Student5,
    }

    impl Law {
        fn cdf(self, x: f64) -> f64 {
            match self {
                Law::Normal => Normal::standard().cdf(x),
                Law::Student5 => StudentsT::new(0.0, 0.6_f64.sqrt(), 5.0).unwrap().cdf(x),
            }
        }

        fn density(self, x: f64) -> f64 {
            use statrs::distribution::Continuous;
            match self {
                Law::Normal => Normal::standard().pdf(x),
                Law::Student5 => StudentsT::new(0.0, 0.6_f64.sqrt(), 5.0).unwrap().pdf(x),
            }
        }

        fn draw(self, block: &mut ObligorBlock<'_>, into: &mut Lane) {
            block.stream.normals(into);
            if self == Law::Student5 {
                let [square, normal, ..] = block.scratch;
                square.fill(0.0);
                for _ in 0..5 {
                    block.stream.normals(normal);
                    add_square(normal, square);
                }
                // T / sqrt(5/3) = Z sqrt(5 / chi^2) sqrt(3/5).
                for i in 0..PATHS {
                    into[i] *= (3.0 / square[i]).sqrt();
                }
            }
        }
    }

    vectorised! {
        fn add_square(normal: &Lane, square: &mut Lane) {
            for i in 0..PATHS {
                square[i] += normal[i] * normal[i];
            }
        }

        fn count(common: &Lane, own: &Lane, loadings: (f64, f64), threshold: f64, defaults: &mut Lane) {
            for i in 0..PATHS {
                let latent = loadings.0 * common[i] + loadings.1 * own[i];
                defaults[i] += if latent < threshold { 1.0 } else { 0.0 };
            }
        }
    }

    #[derive(Debug, Clone)]
    struct Copula {
        correlation: f64,
        common: Law,
        own: Law,
        /// Of the latent variable of a name, by quarter.
        thresholds: Vec<f64>,
    }

    impl Copula {
        fn new(correlation: f64, common: Law, own: Law) -> Self {
            let mut copula = Copula { correlation, common, own, thresholds: Vec::new() };
            let nodes = copula.nodes();
            copula.thresholds = (1..=QUARTERS)
                .map(|quarter| {
                    let probability = 1.0 - (-0.01 * 0.25 * quarter as f64).exp();
                    let (mut low, mut high) = (-40.0, 0.0);
                    for _ in 0..60 {
                        let middle = 0.5 * (low + high);
                        let p: f64 = nodes.iter().map(|(m, weight)| weight * copula.given(middle, *m)).sum();
                        if p < probability { low = middle } else { high = middle }
                    }
                    0.5 * (low + high)
                })
                .collect();
            copula
        }

        /// P(latent < threshold | common = m).
        fn given(&self, threshold: f64, m: f64) -> f64 {
            self.own.cdf((threshold - self.correlation.sqrt() * m) / (1.0 - self.correlation).sqrt())
        }

        /// The law of the common part: the trapezoidal rule in `u` with `m = sinh(u)`, whose error is below 1e-9 here.
        fn nodes(&self) -> Vec<(f64, f64)> {
            let width = 0.04;
            let node = |k: i32| {
                let u = width * f64::from(k);
                (u.sinh(), width * u.cosh() * self.common.density(u.sinh()))
            };
            (-160..=160).map(node).collect()
        }

        /// The fair spreads, by conditional independence: exact but for the quadrature.
        fn spreads(&self) -> Vec<f64> {
            let nodes = self.nodes();
            let mut expected = vec![[0.0; 4]; QUARTERS + 1];
            for (threshold, expected) in self.thresholds.iter().zip(&mut expected[1..]) {
                for (m, weight) in &nodes {
                    let p = self.given(*threshold, *m);
                    // The binomial law, name by name.
                    let mut law = [0.0; NAMES + 1];
                    law[0] = 1.0;
                    for name in 0..NAMES {
                        for k in (0..=name).rev() {
                            law[k + 1] += law[k] * p;
                            law[k] *= 1.0 - p;
                        }
                    }
                    for (k, probability) in law.iter().enumerate() {
                        let loss = LGD * k as f64 / NAMES as f64;
                        for (bounds, expected) in BOUNDS.windows(2).zip(expected.iter_mut()) {
                            *expected += weight * probability * (loss - bounds[0]).clamp(0.0, bounds[1] - bounds[0]);
                        }
                    }
                }
            }
            let spread = |tranche: usize| {
                let width = BOUNDS[tranche + 1] - BOUNDS[tranche];
                let (mut loss_leg, mut premium_leg) = (0.0, 0.0);
                for quarter in 1..=QUARTERS {
                    let end = 0.25 * quarter as f64;
                    let [middle, end] = [end - 0.125, end].map(|years| (-RATE * years).exp());
                    let lost = expected[quarter][tranche] - expected[quarter - 1][tranche];
                    loss_leg += middle * lost;
                    premium_leg += 0.25 * end * (width - expected[quarter][tranche]) + 0.125 * middle * lost;
                }
                loss_leg / premium_leg
            };
            (0..4).map(spread).collect()
        }

        /// The same by simulation: names default in the middle of a quarter, premium is paid at its end.
        fn simulate(&self, paths: u64) -> Vec<TrancheLosses> {
            let curve: Vec<f64> = (0..=2 * QUARTERS).map(|step| (-RATE * 0.125 * step as f64).exp()).collect();
            let book = Book::default().obligor(self.clone()).discount("curve");
            let grid = TimeGrid::regular(2 * QUARTERS, 8).unwrap();
            let run = Simulation::new(scripted([("curve", script(curve))]), book).grid(grid).paths(paths).seed(2004);
            run.run(Tranches::consecutive(BOUNDS).premium_every(0.25)).unwrap()
        }
    }

    struct Stepper {
        copula: Copula,
        /// Names in default by the end of each quarter.
        defaults: Vec<OwnLane>,
    }

    impl Obligor for Copula {
        fn name(&self) -> &str {
            "pool"
        }
        fn plan(&self, plan: &mut ObligorPlan<'_>) -> Result<Box<dyn ObligorStepper>, Error> {
            plan.facility("names", "holder", 1.0)?;
            let defaults = (0..QUARTERS).map(|_| plan.state()).collect();
            Ok(Box::new(Stepper { copula: self.clone(), defaults }))
        }
    }

    impl ObligorStepper for Stepper {
        fn start(&self, block: &mut ObligorBlock<'_>) {
            let Copula { correlation, common, own, thresholds } = &self.copula;
            let (mut m, mut z) = (Lane::ZERO, Lane::ZERO);
            common.draw(block, &mut m);
            for _ in 0..NAMES {
                own.draw(block, &mut z);
                for (defaults, threshold) in self.defaults.iter().zip(thresholds) {
                    let loadings = (correlation.sqrt(), (1.0 - correlation).sqrt());
                    count(&m, &z, loadings, *threshold, &mut block.own[*defaults]);
                }
            }
        }

        fn step(&self, block: &mut ObligorBlock<'_>) {
            if block.step.index % 2 == 1 {
                let quarter = block.step.index / 2;
                for i in 0..PATHS {
                    let before = if quarter == 0 { 0.0 } else { block.own[self.defaults[quarter - 1]][i] };
                    let now = block.own[self.defaults[quarter]][i];
                    block.outcome.loss[0][i] += block.discount[i] * (now - before) * LGD / NAMES as f64;
                }
            }
        }
    }

    /// Basis points as recomputed, and as Hull and White print them; the second law is that of the common part.
    fn check(correlation: f64, common: Law, own: Law, paths: u64, expected: [f64; 4], printed: [f64; 4]) {
        let copula = Copula::new(correlation, common, own);
        let exact = copula.spreads();
        let simulated = copula.simulate(paths);
        for tranche in 0..4 {
            let (exact, expected, printed) = (exact[tranche] * 1e4, expected[tranche], printed[tranche]);
            let slice = &simulated[tranche];
            assert!((exact / expected - 1.0).abs() < 2e-3, "{}: {exact} against {expected}", slice.name);
            // Within 4 % or a basis point, as QuantLib allows.
            assert!((exact - printed).abs() < (0.04 * printed).max(1.0), "{}: {exact} against {printed}", slice.name);
            assert_sampled(&slice.name, slice.spread.scaled(1e4), expected);
            assert_sampled(&slice.name, slice.spread.scaled(1e4), exact);
        }
    }

    #[test]
    fn gaussian_with_little_correlation() {
        let expected = [2274.2829309584645, 455.17038857624726, 91.09177901759548, 0.7006721817878906];
        check(0.1, Law::Normal, Law::Normal, 1 << 17, expected, [2279.0, 450.0, 89.0, 1.0]);
    }

    #[test]
    fn gaussian_with_more_correlation() {
        let expected = [1487.8805779912648, 474.1201043967326, 204.24179154784278, 7.391262222435255];
        check(0.3, Law::Normal, Law::Normal, 1 << 17, expected, [1487.0, 472.0, 203.0, 7.0]);
    }

    #[test]
    fn a_common_part_with_fat_tails() {
        let expected = [1460.537910848015, 412.6307821873203, 173.4279319462078, 10.292844934055388];
        check(0.3, Law::Student5, Law::Normal, 1 << 17, expected, [1444.0, 408.0, 171.0, 10.0]);
    }

    #[test]
    fn both_parts_with_fat_tails() {
        let expected = [1_707.912_414_276_929, 361.31152183325196, 137.4014963768649, 9.469015461307865];
        check(0.3, Law::Student5, Law::Student5, 1 << 16, expected, [1713.0, 359.0, 136.0, 9.0]);
    }
}
