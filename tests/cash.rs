//! Measures on a lender's cash: fair spreads and cash waterfalls, by hand, against closed forms, and conserved. A test of expected values on one
//! deal would miss who pays whom.
#![allow(clippy::float_cmp, reason = "exact degenerate cases are compared exactly")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod ledger;

use haircut::credit::{
    Book, Cause, Coupon, FacilityLane, Floating, Obligor, ObligorBlock, ObligorPlan, ObligorStepper,
};
use haircut::market::{Market, OwnLane};
use haircut::measure::{CashResults, CashTranches, Estimate, FairSpread, FairSpreads, LossDistribution, Note, Pool};
use haircut::numeric::{Lane, PATHS, TimeGrid};
use haircut::{Error, Simulation};
use ledger::{assert_rounding, script, scripted};

/// What the lender sees of a loan in one step: drawn, interest, principal, recovered, balance, claim.
type Flows = [f64; 6];

const KINDS: [&str; 6] = ["drawn", "interest_paid", "principal_paid", "recovered", "balance", "claim"];

/// A loan whose flows are listed by path and step, time zero first; the paths go round. It defaults in the step that is listed.
#[derive(Debug, Clone)]
struct Listed {
    name: &'static str,
    flows: Vec<Vec<Flows>>,
    defaults: Vec<f64>,
}

struct Published {
    listed: Listed,
    lanes: Vec<Option<OwnLane>>,
    facility: FacilityLane,
}

fn publish(plan: &mut ObligorPlan<'_>) -> Vec<Option<OwnLane>> {
    KINDS.map(|kind| plan.metric(&format!("loan.{kind}"))).to_vec()
}

impl Obligor for Listed {
    fn name(&self) -> &str {
        self.name
    }
    fn plan(&self, plan: &mut ObligorPlan<'_>) -> Result<Box<dyn ObligorStepper>, Error> {
        let facility = plan.facility("loan", "bank", self.flows[0][0][0])?;
        Ok(Box::new(Published { listed: self.clone(), lanes: publish(plan), facility }))
    }
}

impl Published {
    fn show(&self, block: &mut ObligorBlock<'_>) {
        let Listed { flows, defaults, .. } = &self.listed;
        for path in 0..PATHS {
            let row = path % flows.len();
            let flows = flows[row].get(block.step.index).copied().unwrap_or_default();
            for (lane, value) in self.lanes.iter().zip(flows) {
                if let Some(lane) = lane {
                    block.own[*lane][path] = value;
                }
            }
            if block.step.index > 0 && defaults[row] == block.step.index as f64 {
                block.outcome.default_step[path] = defaults[row];
                block.outcome.exposure[self.facility.index()][path] = 1.0;
            }
        }
    }
}

impl ObligorStepper for Published {
    fn start(&self, block: &mut ObligorBlock<'_>) {
        self.show(block);
    }
    fn step(&self, block: &mut ObligorBlock<'_>) {
        self.show(block);
    }
}

fn near(estimate: Estimate, value: f64) {
    assert_rounding(estimate.value, value);
}

const NEVER: f64 = f64::INFINITY;

mod spreads {
    use super::*;

    /// docs/measures.md, "Fair spread": 100 lent for two years at 8 %, discount factors 0.95 and 0.90. On one path of two it defaults in year 2 with 60 recovered.
    #[test]
    fn a_loan_by_hand() {
        let good =
            vec![[100.0, 0.0, 0.0, 0.0, 100.0, 0.0], [0.0, 8.0, 10.0, 0.0, 90.0, 0.0], [0.0, 7.2, 90.0, 0.0, 0.0, 0.0]];
        let bad = vec![good[0], good[1], [0.0, 0.0, 0.0, 60.0, 0.0, 37.2]];
        let loan = Listed { name: "A", flows: vec![good, bad], defaults: vec![NEVER, 2.0] };
        let market = scripted([("curve", script([1.0, 0.95, 0.90]))]);
        let run = |measure: FairSpread| -> FairSpreads {
            let book = Book::new([loan.clone()]).discount("curve");
            let grid = TimeGrid::regular(2, 1).unwrap();
            Simulation::new(market.clone(), book).grid(grid).paths(256).run(measure).unwrap()
        };
        let result = run(FairSpread::new());
        let spread = &result.facilities[0];
        assert_eq!((spread.obligor.as_deref(), spread.facility.as_deref()), (Some("A"), Some("loan")));
        // 0.95 x 18 + 0.90 x 97.2 = 104.58, and 0.95 x 18 + 0.90 x 60 = 71.10; 87.84 less 100.
        near(spread.value, -12.16);
        // 0.95 x 100 + 0.90 x 90 = 176, and 95 where the second year defaults.
        near(spread.annuity, 135.5);
        near(spread.excess, 12.16 / 135.5);
        // Interest less the riskless 100 x 0.05 and 90 x 0.05: 7.6 - 5 + 6.48 - 4.5 and 7.6 - 5.
        near(spread.contractual, 0.5 * (4.58 + 2.6) / 135.5);
        near(spread.fair, (12.16 + 3.59) / 135.5);
        assert_eq!(result.pool.fair, spread.fair);
        assert_eq!(run(FairSpread::new().of(Pool::Lender("bank".into()))).facilities, result.facilities);
    }

    /// Defaults with probability `p` in each step, pays `coupon` and recovers `recovery` of one at default.
    #[derive(Debug, Clone)]
    struct Hazard {
        probability: f64,
        coupon: f64,
        recovery: f64,
    }

    struct Stepper {
        hazard: Hazard,
        lanes: Vec<Option<OwnLane>>,
    }

    impl Obligor for Hazard {
        fn name(&self) -> &str {
            "hazard"
        }
        fn plan(&self, plan: &mut ObligorPlan<'_>) -> Result<Box<dyn ObligorStepper>, Error> {
            plan.facility("loan", "bank", 1.0)?;
            Ok(Box::new(Stepper { hazard: self.clone(), lanes: publish(plan) }))
        }
    }

    impl Stepper {
        fn publish(&self, block: &mut ObligorBlock<'_>, kind: usize, path: usize, value: f64) {
            if let Some(lane) = self.lanes[kind] {
                block.own[lane][path] = value;
            }
        }
    }

    impl ObligorStepper for Stepper {
        fn start(&self, block: &mut ObligorBlock<'_>) {
            for path in 0..PATHS {
                self.publish(block, 0, path, 1.0);
                self.publish(block, 4, path, 1.0);
            }
        }
        fn step(&self, block: &mut ObligorBlock<'_>) {
            let Hazard { probability, coupon, recovery } = self.hazard;
            let mut uniform = Lane::ZERO;
            block.stream.uniforms(&mut uniform);
            for path in 0..PATHS {
                let was_alive = block.outcome.default_step[path] == NEVER;
                let defaults = was_alive && uniform[path] < probability;
                if defaults {
                    block.outcome.default_step[path] = block.step.index as f64;
                    block.outcome.cause[path] = Cause::Payment;
                    block.outcome.exposure[0][path] = 1.0;
                    block.outcome.loss[0][path] = block.discount[path] * (1.0 - recovery);
                }
                let alive = was_alive && !defaults;
                self.publish(block, 0, path, 0.0);
                self.publish(block, 1, path, if alive { coupon * block.step.length } else { 0.0 });
                self.publish(block, 3, path, if defaults { recovery } else { 0.0 });
                self.publish(block, 4, path, if alive { 1.0 } else { 0.0 });
            }
        }
    }

    fn run(hazard: Hazard, paths: u64) -> FairSpreads {
        let curve: Vec<f64> = (0..=20).map(|quarter| (-0.05 * 0.25 * f64::from(quarter)).exp()).collect();
        let book = Book::new([hazard]).discount("curve");
        let grid = TimeGrid::regular(20, 4).unwrap();
        let run = Simulation::new(scripted([("curve", script(curve))]), book).grid(grid).paths(paths).seed(3);
        run.run(FairSpread::new()).unwrap()
    }

    /// A loan at par on every date: 1 = (1-p) + (1-p) D s tau + p R D, so s = p (1 - R D) / ((1-p) D tau) with one step's discount factor D.
    #[test]
    fn a_constant_hazard_has_its_closed_form() {
        let (p, recovery, tau) = (0.01, 0.4, 0.25);
        let d = (-0.05_f64 * tau).exp();
        let fair = p * (1.0 - recovery * d) / ((1.0 - p) * d * tau);
        let contractual = 0.08 - (1.0 / d - 1.0) / tau;
        let spread = run(Hazard { probability: p, coupon: 0.08, recovery }, 1 << 16).pool;
        let z = |estimate: Estimate, value: f64| (estimate.value - value) / estimate.standard_error;
        assert!(z(spread.fair, fair).abs() < 5.0, "{} against {fair}", spread.fair);
        assert!(z(spread.excess, fair - contractual).abs() < 5.0, "{} against {}", spread.excess, fair - contractual);
        // What is paid while it performs does not vary.
        near(spread.contractual, contractual);
        // The expected number of quarters alive, each discounted.
        let annuity: f64 = (1..=20).map(|k| tau * (d * (1.0 - p)).powi(k)).sum();
        assert!(z(spread.annuity, annuity).abs() < 5.0);
        // Paying the fair spread, it is worth par.
        let paying = run(Hazard { probability: p, coupon: fair + (1.0 / d - 1.0) / tau, recovery }, 1 << 16).pool;
        assert!(z(paying.value, 0.0).abs() < 5.0 && z(paying.excess, 0.0).abs() < 5.0, "{}", paying.value);
    }

    #[test]
    fn without_default_nothing_is_fair() {
        let spread = run(Hazard { probability: 0.0, coupon: 0.08, recovery: 0.0 }, 300).pool;
        assert!(spread.fair.value.abs() < 1e-14 && spread.fair.standard_error < 1e-9, "{}", spread.fair);
        near(spread.excess, -spread.contractual.value);
    }

    #[test]
    fn an_obligor_without_cash_is_told() {
        #[derive(Debug)]
        struct Silent;
        impl Obligor for Silent {
            fn name(&self) -> &str {
                "silent"
            }
            fn plan(&self, plan: &mut ObligorPlan<'_>) -> Result<Box<dyn ObligorStepper>, Error> {
                plan.facility("loan", "bank", 1.0)?;
                Ok(Box::new(Nothing))
            }
        }
        struct Nothing;
        impl ObligorStepper for Nothing {
            fn start(&self, _block: &mut ObligorBlock<'_>) {}
            fn step(&self, _block: &mut ObligorBlock<'_>) {}
        }
        let simulation = Simulation::new(Market::builder().build().unwrap(), Book::new([Silent])).paths(1);
        let error = simulation.run(FairSpread::new()).unwrap_err();
        assert!(error.to_string().contains("loan.drawn"), "{error}");
    }
}

mod waterfalls {
    use super::*;

    fn fixed(name: &str, notional: f64, coupon: f64, least: f64) -> Note {
        Note { overcollateralisation: Some(least), ..Note::new(name, notional, Coupon::Fixed(coupon)) }
    }

    /// docs/measures.md, "Cash waterfall": a pool of two loans over three years, on one path of two with defaults.
    fn pool() -> [Listed; 2] {
        let loan = |name, good: Vec<Flows>, bad: Vec<Flows>, default| Listed {
            name,
            flows: vec![good, bad],
            defaults: vec![NEVER, default],
        };
        let a = vec![
            [55.0, 0.0, 0.0, 0.0, 55.0, 0.0],
            [0.0, 5.0, 10.0, 0.0, 45.0, 0.0],
            [0.0, 4.0, 5.0, 0.0, 40.0, 0.0],
            [0.0, 4.0, 0.0, 0.0, 40.0, 0.0],
        ];
        let bad_a = vec![a[0], a[1], a[2], [0.0, 0.0, 0.0, 10.0, 0.0, 30.0]];
        let b = vec![
            [45.0, 0.0, 0.0, 0.0, 45.0, 0.0],
            [0.0, 3.0, 0.0, 0.0, 40.0, 5.0],
            [0.0, 3.0, 0.0, 0.0, 40.0, 5.0],
            [0.0, 3.0, 5.0, 0.0, 40.0, 0.0],
        ];
        let bad_b = vec![
            b[0],
            [0.0, 3.0, 0.0, 0.0, 40.0, 0.0],
            [0.0, 3.0, 0.0, 0.0, 40.0, 0.0],
            [0.0, 2.0, 0.0, 0.0, 40.0, 0.0],
        ];
        [loan("A", a, bad_a, 3.0), loan("B", b, bad_b, NEVER)]
    }

    fn run(measure: CashTranches, discount: [f64; 4]) -> CashResults {
        let book = Book::new(pool()).discount("curve");
        let market = scripted([("curve", script(discount)), ("rate", script([0.02, 0.03, 0.01, 0.9]))]);
        let grid = TimeGrid::regular(3, 1).unwrap();
        Simulation::new(market, book).grid(grid).paths(256).run(measure).unwrap()
    }

    #[test]
    fn two_classes_by_hand() {
        let notes = [fixed("senior", 60.0, 0.05, 1.4), fixed("junior", 30.0, 0.10, 1.1)];
        let result = run(CashTranches::new(notes), [1.0, 0.95, 0.90, 0.85]);
        let [senior, junior] = &result.notes[..] else { panic!("two notes") };
        // The bad path: I 8, 7, 2; P 10, 5, 10 + 40 at the horizon; performing 85, 80, nothing after it.
        let bad_senior = [48.0, 465.0 / 11.0, 0.0];
        let bad_junior = [30.0, 30.0, 30.0 - (49.0 - 976.5 / 22.0)];
        // The good path: 95 + 10 cover 90 by 1.17 and 90 + 5 cover 80 by 1.19; 10, 5 and all the rest repay.
        for (note, bad, good) in [(senior, bad_senior, [50.0, 45.0, 0.0]), (junior, bad_junior, [30.0, 30.0, 0.0])] {
            for ((date, bad), good) in note.dates.iter().zip(bad).zip(good) {
                near(date.balance, 0.5 * (bad + good));
            }
        }
        assert_eq!(senior.probability.value, 0.0);
        assert_eq!((junior.probability.value, junior.deferred.value), (0.5, 0.0));
        near(junior.expected_loss, 0.5 * bad_junior[2]);
        assert_eq!(junior.dates.iter().map(|date| date.uncovered.value).collect::<Vec<_>>(), [0.5, 0.5, 0.5]);
        near(senior.life, 0.5 * (60.0 + 48.0 + 465.0 / 11.0 + 60.0 + 50.0 + 45.0) / 60.0);
        // The junior class gets 3 a year and in the end 30, or what there is.
        let last = [30.0, 30.0 - bad_junior[2]];
        let value = 3.0 * (0.95 + 0.90 + 0.85) + 0.85 * 0.5 * (last[0] + last[1]);
        near(junior.excess, (30.0 - value) / (30.0 * (0.95 + 0.90 + 0.85)));
        // Owners of the good path, and 9.6/11 in year 2 of the bad one.
        let good_rest = [8.0 - 6.0, 7.0 - 2.5 - 3.0, 7.0 + 85.0 - 2.25 - 3.0 - 45.0 - 30.0];
        let good = 0.95 * good_rest[0] + 0.90 * good_rest[1] + 0.85 * good_rest[2];
        near(result.residual, 0.5 * (good + 0.90 * 9.6 / 11.0));
        assert_eq!(result.paid_in.value, 0.0);
    }

    /// Without discounting all cash of the pool is with somebody in the end: notes, owners.
    #[test]
    fn cash_is_conserved() {
        for (least, coupon) in [(0.0001, 0.05), (1.2, 0.05), (1e9, 0.30)] {
            let notes = [fixed("a", 60.0, coupon, least), fixed("b", 30.0, 0.1, least), fixed("c", 20.0, 0.2, least)];
            let result = run(CashTranches::new(notes), [1.0; 4]);
            // Notional less excess times annuity is what a class got.
            let received: f64 =
                result.notes.iter().map(|note| note.notional * (1.0 - note.excess.value * note.life.value)).sum();
            // 22 of interest and 100 of principal, or 17 and 65.
            let all = 0.5 * ((22.0 + 100.0) + (17.0 + 65.0));
            assert_rounding(received + result.residual.value - result.paid_in.value, all);
        }
    }

    /// One class that owes what the pool owes, at a coupon above what the pool pays, receives all of its cash.
    #[test]
    fn one_class_of_everything_receives_all() {
        let note = Note::new("all", 100.0, Coupon::Fixed(0.5));
        let result = run(CashTranches::new([note]), [1.0; 4]);
        assert_eq!((result.residual.value, result.notes[0].deferred.value), (0.0, 1.0));
        // 8 + 10 of 50 due: 32 are added, and so on.
        near(result.notes[0].dates[0].balance, 132.0);
    }

    #[test]
    fn a_floating_coupon_is_set_at_the_start_of_the_step() {
        let coupon = Coupon::Floating(Floating { series: "rate".into(), spread: 0.01, floor: 0.015 });
        let rich = Note::new("all", 1e-3, coupon);
        let result = run(CashTranches::new([rich]), [1.0; 4]);
        // 3 % in the first year, when it is repaid too.
        near(result.notes[0].excess, -0.03);
        let slow =
            Note::new("all", 1000.0, Coupon::Floating(Floating { series: "rate".into(), spread: 0.01, floor: 0.015 }));
        let slow = run(CashTranches::new([slow]), [1.0; 4]);
        // 1000 x (1.03) - 18; that x 1.04 less 12; that x 1.025 (the floor) less 55 or 92, with 13 and 12 on the good path.
        let year = |balance: f64, rate: f64, cash: f64| balance * (1.0 + rate) - cash;
        let bad = year(year(year(1000.0, 0.03, 18.0), 0.04, 12.0), 0.025, 52.0);
        let good = year(year(year(1000.0, 0.03, 18.0), 0.04, 12.0), 0.025, 92.0);
        near(slow.notes[0].dates[2].balance, 0.5 * (bad + good));
    }

    #[test]
    fn any_threads_and_shards_give_the_same_bits_and_mistakes_are_told() {
        let measure = CashTranches::new([fixed("a", 60.0, 0.05, 1.2), fixed("b", 30.0, 0.1, 1.1)]);
        let simulation = |threads| {
            let market = Market::builder().build().unwrap();
            Simulation::new(market, Book::new(pool()))
                .grid(TimeGrid::regular(3, 1).unwrap())
                .paths(3000)
                .threads(threads)
        };
        let one = simulation(1).run(measure.clone()).unwrap();
        assert!([2, 8].into_iter().all(|threads| simulation(threads).run(measure.clone()).unwrap() == one));
        let mut last = simulation(1).shard(7..12, measure.clone()).unwrap();
        last.merge(simulation(1).shard(0..7, measure.clone()).unwrap()).unwrap();
        assert_eq!(last.finish(), one);
        assert_eq!(serde_json::from_str::<CashResults>(&serde_json::to_string(&one).unwrap()).unwrap(), one);
        assert_eq!(toml::from_str::<CashTranches>(&toml::to_string(&measure).unwrap()).unwrap(), measure);
        // A tuple of measures asks for the same metrics once.
        let (both, losses) = simulation(2).run((measure.clone(), LossDistribution::new())).unwrap();
        assert_eq!((both, losses.mean().value), (one, 0.0));
        let floating = |spread, series: &str| {
            Note::new("a", 1.0, Coupon::Floating(Floating { series: series.into(), spread, floor: 0.0 }))
        };
        for (notes, field) in [
            (vec![], "notes"),
            (vec![fixed("", 1.0, 0.05, 1.0)], "notes[0].name"),
            (vec![fixed("a", 0.0, 0.05, 1.0)], "notes[0].notional"),
            (vec![fixed("a", 1.0, -0.05, 1.0)], "notes[0].coupon"),
            (vec![fixed("a", 1.0, 0.05, 0.0)], "notes[0].overcollateralisation"),
            (
                vec![Note { interest_coverage: Some(f64::NAN), ..fixed("a", 1.0, 0.05, 1.0) }],
                "notes[0].interest_coverage",
            ),
            (vec![fixed("a", 1.0, 0.05, 1.0), fixed("a", 1.0, 0.05, 1.0)], "notes[1].name"),
            (vec![floating(-0.1, "rate")], "notes[0].coupon.spread"),
            (vec![floating(0.1, "nothing")], "notes[0].coupon.series"),
        ] {
            let error = simulation(1).run(CashTranches::new(notes)).unwrap_err();
            assert_eq!(error.field(), Some(field), "{error}");
        }
    }
}

mod borrowers {
    //! The metrics that a borrower publishes are those that the measures mean.
    use super::*;
    use haircut::credit::{Amortisation, Borrower};
    use haircut::measure::Recoveries;
    use ledger::{Script, cash_cow, facility, liquid, trading};

    /// 100 lent for two years at 8 % to a fleet that earns 8 and 108, or nothing: then it is sold for 60 in year 1, against a claim of 108.
    #[test]
    fn a_borrower_by_hand() {
        let rent = Script(vec![vec![1.0, 1.0, 13.5], vec![0.0]]);
        let market = scripted([("rent", rent), ("price", script([60.0]))]);
        let borrower = Borrower {
            fleets: vec![cash_cow("gpu", 1.0, 8.0, "rent")],
            facilities: vec![facility("loan", 100.0, 0.08, Amortisation::Bullet, 2.0)],
            ..Borrower::new("B")
        };
        let book = Book::new([borrower]).liquidation(trading([liquid("gpu", "price")]));
        let grid = TimeGrid::regular(2, 1).unwrap();
        let run = Simulation::new(market, book).grid(grid).paths(512);
        let notes = CashTranches::new([Note::new("all", 100.0, Coupon::Fixed(0.08))]);
        let (spreads, recoveries, cash) = run.run((FairSpread::new(), Recoveries::new().levels([0.5]), notes)).unwrap();
        let spread = &spreads.facilities[0];
        // 8 + 108 - 100, or 60 - 100; a spread is paid for two years, or not at all.
        near(spread.value, 0.5 * (16.0 - 40.0));
        near(spread.annuity, 0.5 * 200.0);
        near(spread.contractual, 0.08);
        near(spread.fair, 0.20);
        let recovery = &recoveries[0];
        near(recovery.recovery, 60.0 / 108.0);
        near(recovery.repaid.quantiles[0], 0.08);
        near(recovery.defaulted.quantiles[0], -0.40);
        // Notes in the loan's own form: on the bad path 8 of 60 are interest, 48 and another year's interest are lost.
        near(cash.notes[0].expected_loss, 0.5 * 48.0 * 1.08);
        assert_eq!((cash.residual.value, cash.notes[0].probability.value), (0.0, 0.5));
    }
}
