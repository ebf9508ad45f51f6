//! Measures that follow obligors through time: fans, event counts, coverage of debt, recoveries and returns, forced sales; each on paths whose history is
//! listed, so that every number is known by hand.
#![allow(clippy::float_cmp, reason = "counts and order statistics are exact")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod ledger;

use haircut::credit::{Asset, AssetLane, Book, LiquidationMarket, Obligor, ObligorBlock, ObligorPlan, ObligorStepper};
use haircut::market::{Market, OwnLane};
use haircut::measure::{
    CollateralIllusion, Estimate, EventCounts, Fan, FanDate, Liquidations, Measure, Pool, Recoveries, Recovery,
};
use haircut::numeric::{Lane, PATHS, TimeGrid};
use haircut::{Error, Simulation};
use ledger::{assert_rounding, script, scripted};

const NEVER: f64 = f64::INFINITY;
const NONE: f64 = f64::INFINITY;

/// Publishes listed metrics: by name, path and step, time zero first; the paths go round. Defaults, with an exposure, in the step that is listed.
#[derive(Debug, Clone)]
struct Listed {
    name: &'static str,
    metrics: Vec<(&'static str, Vec<Vec<f64>>)>,
    defaults: Vec<f64>,
    exposure: f64,
}

struct Stepper {
    listed: Listed,
    lanes: Vec<Option<OwnLane>>,
}

impl Obligor for Listed {
    fn name(&self) -> &str {
        self.name
    }
    fn plan(&self, plan: &mut ObligorPlan<'_>) -> Result<Box<dyn ObligorStepper>, Error> {
        plan.facility("loan", "bank", 100.0)?;
        let lanes = self.metrics.iter().map(|(name, _)| plan.metric(name)).collect();
        Ok(Box::new(Stepper { listed: self.clone(), lanes }))
    }
}

impl Stepper {
    fn show(&self, block: &mut ObligorBlock<'_>) {
        for path in 0..PATHS {
            for (lane, (_, rows)) in self.lanes.iter().zip(&self.listed.metrics) {
                if let Some(lane) = lane {
                    let row = &rows[(block.first_path as usize + path) % rows.len()];
                    block.own[*lane][path] = row.get(block.step.index).copied().unwrap_or(0.0);
                }
            }
            let default = self.listed.defaults[(block.first_path as usize + path) % self.listed.defaults.len()];
            if block.step.index > 0 && default == block.step.index as f64 {
                block.outcome.default_step[path] = default;
                block.outcome.discount[path] = block.discount[path];
                block.outcome.exposure[0][path] = self.listed.exposure;
            }
        }
    }
}

impl ObligorStepper for Stepper {
    fn start(&self, block: &mut ObligorBlock<'_>) {
        self.show(block);
    }
    fn step(&self, block: &mut ObligorBlock<'_>) {
        self.show(block);
    }
}

fn yearly(obligors: Vec<Listed>, steps: usize, paths: u64) -> Simulation {
    let market = scripted([("curve", script([1.0, 0.95, 0.90]))]);
    let grid = TimeGrid::regular(steps, 1).unwrap();
    Simulation::new(market, Book::new(obligors).discount("curve")).grid(grid).paths(paths)
}

fn near(estimate: Estimate, value: f64) {
    assert_rounding(estimate.value, value);
}

/// The same bits on any threads and shards, by their text, which has every digit and knows what is undefined.
fn same_bits<M: Measure + Clone>(simulation: &Simulation, measure: &M)
where
    M::Output: std::fmt::Debug,
{
    let text = |threads| format!("{:?}", simulation.clone().threads(threads).run(measure.clone()).unwrap());
    let one = text(1);
    assert!([2, 3, 8].into_iter().all(|threads| text(threads) == one));
    let mut last = simulation.shard(1..simulation.blocks(), measure.clone()).unwrap();
    last.merge(simulation.shard(0..1, measure.clone()).unwrap()).unwrap();
    assert_eq!(format!("{:?}", last.finish()), one);
}

/// Four paths: a DSCR that falls; nothing due in year 2 on one; a default in year 2 on another.
fn coverage() -> Listed {
    let dscr = vec![vec![2.0, 1.5, 1.0], vec![2.0, 1.25, NONE], vec![2.0, 0.75, 0.5], vec![2.0, 1.0, 0.25]];
    let breach = vec![vec![0.0, 0.0, 1.0], vec![0.0; 3], vec![0.0, 1.0, 1.0], vec![0.0, 1.0, 0.0]];
    Listed {
        name: "A",
        metrics: vec![("dscr", dscr), ("breach", breach)],
        defaults: vec![NEVER, NEVER, NEVER, 2.0],
        exposure: 1.0,
    }
}

#[test]
fn a_fan_by_hand() {
    let simulation = yearly(vec![coverage()], 2, 4 * 300);
    let fan = Fan::of("A", "dscr").levels([0.25, 0.5, 0.9]);
    for fan in [fan.clone().exact(), fan] {
        let dates: Vec<FanDate> = simulation.run(fan).unwrap();
        let quantiles = |date: usize| dates[date].quantiles.iter().map(|q| q.value).collect::<Vec<_>>();
        assert_eq!(dates.iter().map(|date| date.years).collect::<Vec<_>>(), [0.0, 1.0, 2.0]);
        assert_eq!(dates.iter().map(|date| date.share.value).collect::<Vec<_>>(), [1.0, 1.0, 0.5]);
        assert_eq!(quantiles(0), [2.0; 3]);
        assert_eq!(quantiles(1), [0.75, 1.0, 1.5]);
        assert_eq!(quantiles(2), [0.5, 0.5, 1.0]);
        assert_eq!(dates[2].quantiles[0].paths, 600);
    }
    same_bits(&simulation, &Fan::of("A", "dscr"));
    let told = |measure: Fan| simulation.run(measure).unwrap_err().field().unwrap().to_owned();
    assert_eq!(told(Fan::of("nobody", "dscr")), "obligor");
    assert_eq!(told(Fan::of("A", "nothing")), "metric");
    assert_eq!(told(Fan::of("A", "dscr").levels([])), "levels");
    assert_eq!(told(Fan::of("A", "dscr").levels([0.5, 1.0])), "levels[1]");
}

#[test]
fn events_by_hand() {
    let quiet = Listed { name: "B", metrics: vec![("waiver", vec![vec![0.0]])], ..coverage() };
    let simulation = yearly(vec![coverage(), quiet], 2, 4 * 300);
    let counts = simulation.run(EventCounts::new(["breach", "waiver"])).unwrap();
    let [breach, waiver] = &counts[..] else { panic!("one kind of each") };
    assert_eq!((&*breach.obligor, &*breach.kind, &*waiver.obligor, &*waiver.kind), ("A", "breach", "B", "waiver"));
    // Two of four paths in year 1; 1, 0, 2 and 1 events by year 2.
    let values = |estimates: &[Estimate]| estimates.iter().map(|e| e.value).collect::<Vec<_>>();
    assert_eq!((values(&breach.expected), values(&breach.any)), (vec![0.5, 1.0], vec![0.5, 0.75]));
    assert_eq!((values(&waiver.expected), values(&waiver.any)), (vec![0.0; 2], vec![0.0; 2]));
    assert!(waiver.any[1].upper > 0.0, "what was never seen has a bound");
    same_bits(&simulation, &EventCounts::new(["breach"]));
    let error = simulation.run(EventCounts::new(["breach", "nothing"])).unwrap_err();
    assert!(matches!(&error, Error::Unknown { name, .. } if name == "nothing"), "{error}");
    assert_eq!(simulation.run(EventCounts::new(["waiver"]).of("A")).unwrap_err().field(), Some("metric"));
    assert_eq!(simulation.run(EventCounts::new(Vec::<String>::new())).unwrap_err().field(), Some("kinds"));
}

/// docs/measures.md, "Collateral illusion": 100 owed, over four years, on two paths.
#[test]
fn an_illusion_by_hand() {
    let listed = Listed {
        name: "A",
        metrics: vec![
            ("balance", vec![vec![100.0, 75.0, 50.0, 25.0, 0.0], vec![100.0, 75.0, 70.0, 0.0, 0.0]]),
            ("arrears", vec![vec![0.0], vec![0.0, 0.0, 5.0, 80.0, 80.0]]),
            ("ltv_mark", vec![vec![0.5, 0.5, 0.5, 0.25, 0.0], vec![0.5, 0.75, 1.25, NONE, NONE]]),
            ("ltv_executable", vec![vec![0.8, 0.75, 0.5, 0.5, 0.0], vec![0.8, 1.5, NONE, NONE, NONE]]),
        ],
        defaults: vec![NEVER, 3.0],
        exposure: 80.0,
    };
    let other = Listed { name: "B", metrics: Vec::new(), ..listed.clone() };
    let simulation = yearly(vec![listed, other], 4, 600);
    let illusions = simulation.run(CollateralIllusion::new()).unwrap();
    let [illusion] = &illusions[..] else { panic!("B publishes no LTV") };
    let dates = &illusion.dates;
    let rows = [
        // LTV on marks and executable, underwater, hidden, ever
        [100.0 / 200.0, 100.0 / 125.0, 0.0, 0.0, 0.0],
        [150.0 / (150.0 + 100.0), 150.0 / (100.0 + 50.0), 0.5, 0.5, 0.5],
        [125.0 / (100.0 + 60.0), 125.0 / 100.0, 0.5, 0.0, 0.5],
        [25.0 / 100.0, 25.0 / 50.0, 0.0, 0.0, 0.5],
    ];
    for (date, [mark, executable, underwater, hidden, ever]) in dates.iter().zip(rows) {
        near(date.ltv_mark, mark);
        near(date.ltv_executable, executable);
        assert_eq!([date.underwater.value, date.hidden.value, date.ever.value], [underwater, hidden, ever]);
    }
    // Nothing is owed on the last date.
    assert!(!dates[4].ltv_mark.is_defined());
    near(illusion.debt_life, 0.5 * (100.0 + 75.0 + 50.0 + 25.0 + 100.0 + 75.0 + 75.0) / 100.0);
    near(illusion.uncovered_life, 0.5 * (75.0 + 75.0) / 100.0);
    near(illusion.covered, 0.5 * (4.0 + 1.0));
    same_bits(&simulation, &CollateralIllusion::new());
    let alone = simulation.run(CollateralIllusion::new().of("A")).unwrap();
    assert_eq!((alone[0].covered, &alone[0].dates[1]), (illusion.covered, &dates[1]));
    assert_eq!(simulation.run(CollateralIllusion::new().of("B")).unwrap_err().field(), Some("metric"));
}

/// The loan of docs/measures.md, "Fair spread".
fn loan() -> Listed {
    Listed {
        name: "A",
        metrics: vec![
            ("loan.drawn", vec![vec![100.0]]),
            ("loan.interest_paid", vec![vec![0.0, 8.0, 7.2], vec![0.0, 8.0, 0.0]]),
            ("loan.principal_paid", vec![vec![0.0, 10.0, 90.0], vec![0.0, 10.0, 0.0]]),
            ("loan.recovered", vec![vec![0.0], vec![0.0, 0.0, 60.0]]),
            ("loan.balance", vec![vec![100.0, 90.0, 0.0]]),
            ("loan.claim", vec![vec![0.0], vec![0.0, 0.0, 37.2]]),
        ],
        defaults: vec![NEVER, 2.0],
        exposure: 97.2,
    }
}

#[test]
fn recoveries_by_hand() {
    let simulation = yearly(vec![loan()], 2, 600);
    let recoveries: Vec<Recovery> = simulation.run(Recoveries::new().levels([0.5])).unwrap();
    let [recovery] = &recoveries[..] else { panic!("one facility") };
    near(recovery.recovery, 60.0 / 97.2);
    near(recovery.discounted_recovery, 60.0 / 97.2);
    // 100 = 18 v + x v^2.
    let rate = |x: f64| 2.0 * x / (-18.0 + (324.0 + 400.0 * x).sqrt()) - 1.0;
    assert_rounding(rate(97.2), 0.08);
    near(recovery.repaid.quantiles[0], 0.08);
    near(recovery.defaulted.quantiles[0], rate(60.0));
    assert_eq!((recovery.repaid.probability.value, recovery.defaulted.probability.value), (0.5, 0.5));
    near(recovery.expected_return, rate(78.6));
    same_bits(&yearly(vec![loan()], 2, 3000), &Recoveries::new());
    let none = simulation.run(Recoveries::new().of(Pool::Lender("nobody".into()))).unwrap_err();
    assert_eq!(none.field(), Some("lender"));
    assert_eq!(simulation.run(Recoveries::new().levels([0.0])).unwrap_err().field(), Some("levels[0]"));
}

/// Lends 1 and gets 1.3 after a year, or with probability 0.3 only 0.4: an expected return of 3 %, whose error over runs is sqrt(0.21 x 0.81 / n).
#[derive(Debug)]
struct Gamble;

struct Gambling {
    lanes: [Option<OwnLane>; 6],
}

impl Obligor for Gamble {
    fn name(&self) -> &str {
        "gamble"
    }
    fn plan(&self, plan: &mut ObligorPlan<'_>) -> Result<Box<dyn ObligorStepper>, Error> {
        plan.facility("loan", "bank", 1.0)?;
        let kinds = ["drawn", "interest_paid", "principal_paid", "recovered", "balance", "claim"];
        Ok(Box::new(Gambling { lanes: kinds.map(|kind| plan.metric(&format!("loan.{kind}"))) }))
    }
}

impl ObligorStepper for Gambling {
    fn start(&self, block: &mut ObligorBlock<'_>) {
        if let Some(drawn) = self.lanes[0] {
            block.own[drawn].fill(1.0);
        }
    }
    fn step(&self, block: &mut ObligorBlock<'_>) {
        let mut uniform = Lane::ZERO;
        block.stream.uniforms(&mut uniform);
        if let [Some(drawn), _, Some(principal), ..] = self.lanes {
            block.own[drawn].fill(0.0);
            for (path, uniform) in uniform.iter().enumerate() {
                block.own[principal][path] = if *uniform < 0.3 { 0.4 } else { 1.3 };
            }
        }
    }
}

#[test]
fn the_error_of_an_expected_return_is_valid() {
    let runs = 300;
    let (mut covered, mut off, mut square) = (0.0, 0.0, 0.0);
    for seed in 0..runs {
        let market = Market::builder().build().unwrap();
        let grid = TimeGrid::new([1.0]).unwrap();
        let run = Simulation::new(market, Book::default().obligor(Gamble)).grid(grid).paths(32 * 256).seed(seed);
        let estimate = run.run(Recoveries::new()).unwrap()[0].expected_return;
        let away = (estimate.value - 0.03) / estimate.standard_error;
        off += away;
        square += away * away;
        covered += f64::from(estimate.lower <= 0.03 && 0.03 <= estimate.upper);
    }
    // Student's t with 31 degrees of freedom: variance 31/29, and of its square 2 (31/29)^2 (30/27).
    let (n, variance) = (runs as f64, 31.0 / 29.0);
    assert!(off.abs() / n < 5.0 * (variance / n).sqrt(), "{}", off / n);
    assert!(
        (square / n - variance).abs() < 5.0 * (2.0 * variance * variance * 30.0 / 27.0 / n).sqrt(),
        "{}",
        square / n
    );
    assert!((covered / n - 0.95).abs() < 5.0 * (0.95 * 0.05 / n).sqrt(), "{}", covered / n);
}

/// Sells listed units of an asset in month 1: 100 on one path of two, 50 on the other.
#[derive(Debug)]
struct Seller;

struct Selling(AssetLane);

impl Obligor for Seller {
    fn name(&self) -> &str {
        "seller"
    }
    fn plan(&self, plan: &mut ObligorPlan<'_>) -> Result<Box<dyn ObligorStepper>, Error> {
        Ok(Box::new(Selling(plan.asset("asset", "gpu")?)))
    }
}

impl ObligorStepper for Selling {
    fn start(&self, _block: &mut ObligorBlock<'_>) {}
    fn step(&self, block: &mut ObligorBlock<'_>) {
        if block.step.index == 1 {
            for path in 0..PATHS {
                block.liquidation.sell(self.0, path, if path % 2 == 0 { 100.0 } else { 50.0 });
            }
        }
    }
}

#[test]
fn forced_sales_by_hand() {
    let gpu = Asset { depth_per_month: 100.0, impact: 0.2, ..Asset::liquid("gpu", "price") };
    let trade = LiquidationMarket { assets: vec![gpu], ..LiquidationMarket::default() };
    let market = scripted([("price", script([20.0, 10.0, 10.0]))]);
    let simulation = Simulation::new(market, Book::default().obligor(Seller).liquidation(trade)).months(2).paths(600);
    let sales = &simulation.run(Liquidations::of(["gpu"])).unwrap()[0];
    assert_eq!((sales.units.value, sales.any.value, sales.dates[1].units.value), (75.0, 1.0, 0.0));
    // Net prices 10 e^-0.2 and 10 e^-0.1.
    let brings = [1000.0 * (-0.2_f64).exp(), 500.0 * (-0.1_f64).exp()];
    near(sales.proceeds, 0.5 * (brings[0] + brings[1]));
    near(sales.discount, 1.0 - (brings[0] + brings[1]) / 1500.0);
    near(sales.dates[0].discount, sales.discount.value);
    assert!(!sales.dates[1].discount.is_defined());
    same_bits(&simulation, &Liquidations::of(["gpu"]));
    assert_eq!(simulation.run(Liquidations::of(["coin"])).unwrap_err().field(), Some("metric"));
    assert_eq!(simulation.run(Liquidations::of(Vec::<String>::new())).unwrap_err().field(), Some("assets"));
}

#[test]
fn descriptions_and_results_are_read_back_as_they_were_written() {
    fn check<T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) {
        let text = serde_json::to_string(value).unwrap();
        assert_eq!(serde_json::from_str::<T>(&text).unwrap(), *value, "{text}");
    }
    check(&Fan::of("A", "dscr").exact());
    check(&EventCounts::new(["breach"]).of("A"));
    check(&CollateralIllusion::new().of("A"));
    check(&Recoveries::new().of(Pool::Lender("bank".into())));
    check(&Liquidations::of(["gpu"]));
    let simulation = yearly(vec![coverage(), Listed { name: "B", ..loan() }], 2, 600);
    check(&simulation.run(Fan::of("A", "dscr")).unwrap());
    check(&simulation.run(EventCounts::new(["breach"])).unwrap());
    check(&simulation.run(Recoveries::new().of(Pool::Obligor("B".into()))).unwrap());
}
