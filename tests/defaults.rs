//! The default table against a recount by hand of every path, and its laws. A test on means alone would miss a pair or a
//! cause that is counted in the wrong place.
#![allow(clippy::float_cmp, reason = "counts are exact")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use haircut::credit::{Book, Cause, Obligor, ObligorBlock, ObligorPlan, ObligorStepper};
use haircut::measure::{Block, DefaultTable, Measure, MeasurePlan, PathLosses, Run};
use haircut::numeric::PATHS;
use haircut::{Error, Simulation};
use support::simulation;

/// Everything, path by path: (path, obligor, step, exposure, loss).
#[derive(Debug)]
struct Recount;

type Row = (u64, usize, f64, f64, f64);

impl Measure for Recount {
    type Partial = Vec<Row>;
    type Output = Vec<Row>;

    fn plan(&self, _plan: &mut MeasurePlan<'_>) -> Result<Vec<Row>, Error> {
        Ok(Vec::new())
    }

    fn record(&self, partial: &mut Vec<Row>, block: &Block<'_>) {
        for obligor in 0..block.obligors() {
            for i in 0..block.paths() {
                let step = block.default_step(obligor)[i];
                let (exposure, loss) = (block.exposure(obligor, 0)[i], block.loss(obligor, 0)[i]);
                partial.push((block.first_path() + i as u64, obligor, step, exposure, loss));
            }
        }
    }

    fn merge(&self, into: &mut Vec<Row>, mut from: Vec<Row>) {
        into.append(&mut from);
    }

    fn finish(&self, mut partial: Vec<Row>, _run: &Run) -> Vec<Row> {
        partial.sort_by_key(|row| (row.0, row.1));
        partial
    }
}

#[test]
fn the_table_is_the_recount() {
    let (table, rows, losses) = simulation().run((DefaultTable::new(), Recount, PathLosses::new())).unwrap();
    let paths = 40 * 256 + 77;
    assert_eq!(rows.len(), 5 * paths);
    let n = paths as f64;
    for obligor in 0..5 {
        let own: Vec<&Row> = rows.iter().filter(|row| row.1 == obligor).collect();
        let result = &table[&*format!("pledge {obligor}")];
        for (index, cumulative) in result.cumulative.iter().enumerate() {
            let count = own.iter().filter(|row| row.2 <= (index + 1) as f64).count();
            assert_eq!(cumulative.value, count as f64 / n);
        }
        assert_eq!(result.probability, result.cumulative[23]);
        let defaults: Vec<&&Row> = own.iter().filter(|row| row.2.is_finite()).collect();
        for (cause, probability) in &result.causes {
            let expected = if *cause == Cause::Margin { defaults.len() } else { 0 };
            assert_eq!(probability.value, expected as f64 / n, "{cause:?}");
        }
        let loss: f64 = own.iter().map(|row| row.4).sum();
        let squares: f64 = own.iter().map(|row| row.4 * row.4).sum();
        let exposure: f64 = defaults.iter().map(|row| row.3).sum();
        let near = |a: f64, b: f64| assert!((a / b - 1.0).abs() < 1e-12, "{a} {b}");
        near(result.total.expected_loss.value, loss / n);
        near(result.total.expected_loss.standard_error, ((squares / n - (loss / n) * (loss / n)) / (n - 1.0)).sqrt());
        near(result.total.exposure_at_default.value, exposure / defaults.len() as f64);
        near(result.total.loss_given_default.value, loss / exposure);
        assert_eq!(result.facilities[0].expected_loss, result.total.expected_loss);
        for other in 0..obligor {
            let both = rows.chunks(5).filter(|path| path[obligor].2.is_finite() && path[other].2.is_finite()).count();
            let joint = table.joint(&format!("pledge {obligor}"), &format!("pledge {other}")).unwrap();
            assert_eq!(joint.value, both as f64 / n, "{obligor} {other}");
        }
    }
    let total: f64 = rows.iter().map(|row| row.4).sum();
    assert_eq!(table.lenders.len(), 1);
    assert!((table.lenders[0].expected_loss.value / (total / n) - 1.0).abs() < 1e-12);
    assert!((losses.iter().map(|loss| loss.loss).sum::<f64>() / total - 1.0).abs() < 1e-12);
    assert!(losses.iter().zip(0..).all(|(loss, path)| loss.path == path && loss.weight == 1.0));
}

#[test]
fn the_table_has_the_same_bits_on_any_threads() {
    let run = |threads| simulation().threads(threads).run(DefaultTable::new()).unwrap();
    let one = run(1);
    assert!([2, 3, 8].into_iter().all(|threads| run(threads) == one));
}

#[test]
fn correlation_and_names() {
    let table = simulation().run(DefaultTable::new()).unwrap();
    let own = table.correlation("pledge 1", "pledge 1").unwrap();
    assert!((own.value - 1.0).abs() < 1e-12);
    let pair = table.correlation("pledge 3", "pledge 4").unwrap();
    assert!(pair.lower > 0.3 && pair.upper < 1.0, "one coin drives both: {pair}");
    assert!(table.joint("pledge 1", "nobody").unwrap_err().to_string().contains("pledge 4"));
    assert!(table.get("nobody").is_none());
}

#[test]
fn no_default_leaves_the_loss_given_default_undefined() {
    let calm =
        Book::new([support::Pledge { name: "safe".into(), barrier: -100.0 }]).liquidation(support::liquidation());
    let table = Simulation::new(support::market(), calm).months(3).paths(300).run(DefaultTable::new()).unwrap();
    let safe = &table["safe"];
    assert_eq!((safe.probability.value, safe.total.expected_loss.value), (0.0, 0.0));
    assert!(safe.probability.upper > 0.0, "300 paths do not prove that it never happens");
    assert!(!safe.total.loss_given_default.is_defined() && !safe.total.exposure_at_default.is_defined());
    assert!(!table.correlation("safe", "safe").unwrap().is_defined());
}

/// Every fourth path defaults on 100 and loses 40; the next one loses 30 without a default, as where debt becomes shares.
#[derive(Debug, Clone)]
struct Exchange;

impl Obligor for Exchange {
    fn name(&self) -> &str {
        "exchange"
    }
    fn plan(&self, plan: &mut ObligorPlan<'_>) -> Result<Box<dyn ObligorStepper>, Error> {
        plan.facility("loan", "bank", 100.0)?;
        plan.facility("other", "bank", 10.0)?;
        Ok(Box::new(Exchange))
    }
}

impl ObligorStepper for Exchange {
    fn start(&self, _block: &mut ObligorBlock<'_>) {}

    fn step(&self, block: &mut ObligorBlock<'_>) {
        let outcome = &mut block.outcome;
        for path in (0..PATHS).step_by(4) {
            outcome.default_step[path] = 1.0;
            (outcome.exposure[0][path], outcome.loss[0][path]) = (100.0, 40.0);
            outcome.loss[0][path + 1] = 30.0;
            // Of the other nothing was left to default on.
            outcome.loss[1][path] = 6.0;
        }
    }
}

#[test]
fn a_loss_without_a_default_is_no_part_of_the_loss_given_default() {
    let book = Book::new([Exchange]);
    let table = Simulation::new(support::market(), book).months(1).paths(512).run(DefaultTable::new()).unwrap();
    let [loan, other] = &table["exchange"].facilities[..] else { panic!("two facilities") };
    assert_eq!((loan.expected_loss.value, loan.exposure_at_default.value), (17.5, 100.0));
    assert_eq!(loan.loss_given_default.value, 0.4);
    assert_eq!(other.expected_loss.value, 1.5);
    assert!(!other.loss_given_default.is_defined());
    // Together, of the borrower as of the lender.
    for all in [&table["exchange"].total, &table.lenders[0]] {
        assert_eq!((all.expected_loss.value, all.loss_given_default.value), (19.0, 0.4));
    }
}

#[test]
fn results_are_read_back_as_they_were_written() {
    let (table, losses) =
        simulation().run((DefaultTable::new(), haircut::measure::LossDistribution::streaming())).unwrap();
    let value = serde_json::to_value((&table, &losses)).unwrap();
    let read: (haircut::measure::Defaults, haircut::measure::Losses) = serde_json::from_value(value).unwrap();
    assert_eq!(read, (table, losses));
}
