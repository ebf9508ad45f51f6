//! Lanes that obligors of a book share, and lanes that they use in turn: a user's own obligors take from one amount, in the order of the book, and may take from what a
//! built-in borrower's sponsor has. A test of sponsors alone would not show that the facility is anybody's.
#![allow(clippy::float_cmp, reason = "where bits are promised, bits are compared")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should say where")]

mod ledger;

use haircut::credit::{
    Amortisation, Book, Borrower, Obligor, ObligorBlock, ObligorPlan, ObligorStepper, SharedLane, Sponsor, SupportForm,
};
use haircut::market::{Gbm, Market, OwnLane, ReadLane};
use haircut::measure::DefaultTable;
use haircut::numeric::{PATHS, TimeGrid};
use haircut::{Error, Simulation};
use ledger::watch::Watch;
use ledger::{Ledger, Record, cash_cow, facility, liquid, script, scripted, trading};

/// Takes what its series says from an amount that it shares, for as long as there is so much; defaults when there is not.
#[derive(Debug, Clone)]
struct Taker {
    name: &'static str,
    pool: &'static str,
    start: f64,
    series: &'static str,
}

struct Taking {
    series: ReadLane,
    pool: SharedLane,
    /// What is left after it has taken.
    left: Option<OwnLane>,
}

impl Obligor for Taker {
    fn name(&self) -> &str {
        self.name
    }
    fn plan(&self, plan: &mut ObligorPlan<'_>) -> Result<Box<dyn ObligorStepper>, Error> {
        let pool = plan.shared("start", self.pool, self.start)?;
        plan.facility("loan", "bank", 1.0)?;
        Ok(Box::new(Taking { series: plan.read("series", self.series)?, pool, left: plan.metric("left") }))
    }
}

impl ObligorStepper for Taking {
    fn start(&self, _block: &mut ObligorBlock<'_>) {}

    fn step(&self, block: &mut ObligorBlock<'_>) {
        for path in 0..PATHS {
            let (asked, left) = (block.read[self.series][path], &mut block.shared[self.pool][path]);
            if asked <= *left {
                *left -= asked;
            } else if block.outcome.default_step[path].is_infinite() {
                block.outcome.default_step[path] = block.step.index as f64;
                block.outcome.exposure[0][path] = 1.0;
                block.outcome.loss[0][path] = 1.0;
            }
            if let Some(lane) = self.left {
                block.own[lane][path] = *left;
            }
        }
    }
}

fn taker(name: &'static str, series: &'static str) -> Taker {
    Taker { name, pool: "pool", start: 10.0, series }
}

#[test]
fn what_one_takes_the_next_finds_gone() {
    let market = scripted([("little", script([0.0, 1.0, 2.0, 2.0])), ("much", script([0.0, 3.0, 2.0, 3.0]))]);
    let other = Taker { pool: "other", start: 4.5, ..taker("c", "little") };
    let book = Book::new([taker("a", "little"), taker("b", "much"), other]);
    // More blocks than one: each begins with what there is.
    let run = Simulation::new(market, book).grid(TimeGrid::regular(3, 1).unwrap()).paths(3 * PATHS as u64).threads(1);
    let left =
        |of: &str| run.run(Watch { of: of.into(), metrics: vec!["left".into()] }).unwrap().remove("left").unwrap();
    let (a, b, c) = (left("a"), left("b"), left("c"));
    for path in 0..3 * PATHS {
        // 10 - 1 - 3 = 6, - 2 - 2 = 2, - 2 = 0: nothing is left for the second; the third has its own.
        assert_eq!([1, 2, 3].map(|step| a[step][path]), [9.0, 4.0, 0.0]);
        assert_eq!([1, 2, 3].map(|step| b[step][path]), [6.0, 2.0, 0.0]);
        assert_eq!([1, 2, 3].map(|step| c[step][path]), [3.5, 1.5, 1.5]);
    }
    let table = run.run(DefaultTable::new()).unwrap();
    assert_eq!(["a", "b", "c"].map(|name| table[name].probability.value), [0.0, 1.0, 1.0]);
}

/// What is left on a path hangs on that path alone, whoever runs it.
#[test]
fn threads_and_shards_change_no_bit() {
    let walk = Gbm { initial: 1.0, drift: 0.0, volatility: 0.8 };
    let market = Market::builder().factor("x", walk.clone()).factor("y", walk).build().unwrap();
    let book = Book::new([taker("a", "x"), taker("b", "y")]);
    let run = Simulation::new(market, book).months(8).paths(5000).seed(7);
    let table = |threads| run.clone().threads(threads).run(DefaultTable::new()).unwrap();
    let alone = table(1);
    assert!(alone["a"].probability.value > 0.1 && alone["b"].probability.value < 0.99);
    assert_eq!(table(3), alone);
    let mut shard = run.shard(7..run.blocks(), DefaultTable::new()).unwrap();
    shard.merge(run.shard(0..7, DefaultTable::new()).unwrap()).unwrap();
    assert_eq!(shard.finish(), alone);
}

/// A user's own obligor may draw on the commitment of a borrower's sponsor.
#[test]
fn a_sponsor_is_anybodys() {
    let run = |first: bool| -> Record {
        let sponsor =
            Sponsor { commitment: Some(50_000.0), ..Sponsor::new("cloud", SupportForm::Liquidity, 50_000.0, 700.0) };
        let borrower = Borrower {
            fleets: vec![cash_cow("gpu", 100.0, 60_000.0, 1.0)],
            facilities: vec![facility("loan", 1e6, 0.1, Amortisation::Bullet, 9.0)],
            sponsor: Some(sponsor),
            ..Borrower::new("someone")
        };
        let taker = Taker { name: "taker", pool: "sponsor/cloud", start: 50_000.0, series: "asked" };
        let book = if first { Book::new([taker]).obligor(borrower) } else { Book::new([borrower]).obligor(taker) };
        let market = scripted([("asked", script([0.0, 20_000.0])), ("gpu", script([9_000.0]))]);
        let book = book.liquidation(trading([liquid("gpu", "gpu")]));
        let run = Simulation::new(market, book).grid(TimeGrid::regular(1, 1).unwrap()).paths(PATHS as u64);
        run.run(Ledger("someone".into())).unwrap()
    };
    // 40,000 are needed; of 50,000 the other has taken 20,000, or comes too late.
    assert_eq!(run(true).default_step[0], 1.0);
    assert_eq!(run(false).at("injected", 1, 0), 40_000.0);
}

#[test]
fn another_start_is_refused_with_both_names() {
    let refused = |starts: [f64; 2]| {
        let takers = [Taker { start: starts[0], ..taker("a", "x") }, Taker { start: starts[1], ..taker("b", "x") }];
        let run = Simulation::new(scripted([("x", script([1.0]))]), Book::new(takers)).months(1).paths(1);
        let error = run.run(DefaultTable::new()).unwrap_err();
        (error.field().unwrap().to_owned(), error.to_string())
    };
    let (field, message) = refused([1.0, 2.0]);
    assert_eq!(field, "obligors[1].start");
    assert!(["must be 1,", "`a`", "`b`", "`pool`"].iter().all(|part| message.contains(part)), "{message}");
    assert_eq!(refused([f64::NAN, 1.0]).0, "obligors[0].start");
}

/// Defaults where twice its series is above five; it works that out in a room, or in a lane of its own.
#[derive(Debug, Clone)]
struct Doubler {
    name: &'static str,
    series: &'static str,
    in_room: bool,
}

struct Doubling {
    series: ReadLane,
    doubled: OwnLane,
    kept: OwnLane,
}

impl Obligor for Doubler {
    fn name(&self) -> &str {
        self.name
    }
    fn plan(&self, plan: &mut ObligorPlan<'_>) -> Result<Box<dyn ObligorStepper>, Error> {
        plan.facility("loan", "bank", 1.0)?;
        let series = plan.read("series", self.series)?;
        let doubled = if self.in_room { plan.room() } else { plan.state() };
        Ok(Box::new(Doubling { series, doubled, kept: plan.state() }))
    }
}

impl ObligorStepper for Doubling {
    fn start(&self, _block: &mut ObligorBlock<'_>) {}

    fn step(&self, block: &mut ObligorBlock<'_>) {
        // Both at once: a room is none of the obligor's other lanes.
        let [doubled, kept] = block.own.many([self.doubled, self.kept]);
        for path in 0..PATHS {
            doubled[path] = 2.0 * block.read[self.series][path];
            kept[path] += doubled[path];
        }
        for path in 0..PATHS {
            if block.own[self.doubled][path] > 5.0 && block.outcome.default_step[path].is_infinite() {
                block.outcome.default_step[path] = block.step.index as f64;
                block.outcome.exposure[0][path] = block.own[self.kept][path];
                block.outcome.loss[0][path] = block.own[self.kept][path];
            }
        }
    }
}

#[test]
fn a_room_is_a_lane_for_the_while() {
    let run = |in_room: bool| {
        let market = scripted([("little", script([0.0, 1.0, 2.0, 2.75])), ("much", script([0.0, 3.0, 2.0, 3.0]))]);
        let doubler = |name, series| Doubler { name, series, in_room };
        let book = Book::new([doubler("a", "little"), doubler("b", "much"), doubler("c", "little")]);
        let grid = TimeGrid::regular(3, 1).unwrap();
        Simulation::new(market, book).grid(grid).paths(3 * PATHS as u64).threads(1).run(DefaultTable::new()).unwrap()
    };
    let rooms = run(true);
    for (name, sum) in [("a", 2.0 + 4.0 + 5.5), ("b", 6.0), ("c", 2.0 + 4.0 + 5.5)] {
        assert_eq!((rooms[name].probability.value, rooms[name].total.exposure_at_default.value), (1.0, sum), "{name}");
    }
    assert_eq!(format!("{rooms:?}"), format!("{:?}", run(false)));
}
