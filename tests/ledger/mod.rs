//! For tests of obligors: factors that follow a script, so that every path is known beforehand, and a measure that keeps
//! every metric of every path and step.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should say where")]

pub mod random;
pub mod watch;

use haircut::credit::{
    Amortisation, Asset, Book, Borrower, Cause, Facility, Feedback, Fleet, LiquidationMarket, Quantity,
};
use haircut::market::{Factor, FactorBlock, FactorPlan, FactorStepper, Market, OwnLane};
use haircut::measure::{Block, Measure, MeasurePlan, MetricLane, Run, StepBlock};
use haircut::numeric::PATHS;
use haircut::{Error, Simulation};
use std::collections::HashMap;

/// A factor whose level at the end of step `k` on path `p` is `rows[p % rows.len()][k]`; the last column goes on. As a counterparty it
/// defaults at the date that its level is.
#[derive(Debug, Clone)]
pub struct Script(pub Vec<Vec<f64>>);

struct ScriptStepper {
    rows: Vec<Vec<f64>>,
    level: OwnLane,
    defaulted_at: OwnLane,
}

impl Factor for Script {
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error> {
        Ok(Box::new(ScriptStepper {
            rows: self.0.clone(),
            level: plan.level(),
            defaulted_at: plan.publish("defaulted_at"),
        }))
    }
}

impl ScriptStepper {
    fn set(&self, block: &mut FactorBlock<'_>) {
        for i in 0..PATHS {
            let row = &self.rows[(block.first_path as usize + i) % self.rows.len()];
            let level = row[block.step.index.min(row.len() - 1)];
            block.own[self.level][i] = level;
            block.own[self.defaulted_at][i] = level;
        }
    }
}

impl FactorStepper for ScriptStepper {
    fn start(&self, block: &mut FactorBlock<'_>) {
        self.set(block);
    }
    fn step(&self, block: &mut FactorBlock<'_>) {
        self.set(block);
    }
}

/// One row for all paths.
pub fn script(levels: impl Into<Vec<f64>>) -> Script {
    Script(vec![levels.into()])
}

/// `V0` times every sequence of `up` and `down` over `steps` steps; path `p` takes the moves of its binary digits,
/// the last step the lowest digit, 0 for up.
pub fn tree(initial: f64, up: f64, down: f64, steps: u32) -> Script {
    let row = |path: u32| {
        let mut level = initial;
        std::iter::once(initial)
            .chain((0..steps).map(move |step| {
                level *= if path >> (steps - 1 - step) & 1 == 0 { up } else { down };
                level
            }))
            .collect()
    };
    Script((0..1 << steps).map(row).collect())
}

/// A metric by step (`[0]` at time zero) and path.
pub type History = Vec<Vec<f64>>;

/// Everything that became of one obligor.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    pub metrics: HashMap<String, History>,
    pub default_step: Vec<f64>,
    pub cause: Vec<Option<Cause>>,
    pub discount: Vec<f64>,
    /// By facility and path.
    pub exposure: Vec<Vec<f64>>,
    pub loss: Vec<Vec<f64>>,
}

impl Record {
    pub fn at(&self, metric: &str, step: usize, path: usize) -> f64 {
        self.metrics[metric][step][path]
    }

    /// A metric over the steps, time zero left out, of one path.
    pub fn row(&self, metric: &str, path: usize) -> Vec<f64> {
        self.metrics[metric][1..].iter().map(|step| step[path]).collect()
    }
}

pub const METRICS: [&str; 41] = [
    "revenue",
    "operating_cost",
    "cfads",
    "debt_service_due",
    "debt_service_paid",
    "treasury_sales",
    "drawn",
    "capex",
    "tax",
    "refinanced",
    "prepaid",
    "distributed",
    "injected",
    "converted",
    "proceeds",
    "operated",
    "seized",
    "claims_paid",
    "preferred_paid",
    "residual_to_owners",
    "dscr",
    "cash",
    "reserve",
    "balance",
    "arrears",
    "ltv_mark",
    "ltv_executable",
    "coins",
    "free_coins",
    "breach",
    "lock_up",
    "waiver",
    "equity_cure",
    "acceleration",
    "extension",
    "support",
    "exchanged",
    "shares",
    "margin_call",
    "margin_top_up",
    "margin_sale",
];

/// Keeps everything about one obligor.
#[derive(Debug, Clone)]
pub struct Ledger(pub String);

/// Keeps what became of one obligor and asks for none of its metrics.
#[derive(Debug, Clone)]
#[allow(dead_code, reason = "not every test that has this file uses it")]
pub struct Unwatched(pub Ledger);

impl Measure for Unwatched {
    type Partial = LedgerPartial;
    type Output = Record;

    fn plan(&self, plan: &mut MeasurePlan<'_>) -> Result<LedgerPartial, Error> {
        let open = Record { default_step: vec![plan.run().obligor(&self.0.0)? as f64], ..Record::default() };
        Ok(LedgerPartial { lanes: Vec::new(), blocks: Vec::new(), open })
    }

    fn record(&self, partial: &mut LedgerPartial, block: &Block<'_>) {
        self.0.record(partial, block);
    }

    fn merge(&self, into: &mut LedgerPartial, from: LedgerPartial) {
        self.0.merge(into, from);
    }

    fn finish(&self, partial: LedgerPartial, run: &Run) -> Record {
        self.0.finish(partial, run)
    }
}

/// The metrics of each facility, after its name and a dot.
pub const FACILITY_METRICS: [&str; 8] =
    ["balance", "claim", "drawn", "capitalised", "interest_paid", "principal_paid", "converted", "recovered"];

/// Keeps everything about one obligor and each of its facilities.
#[derive(Debug, Clone)]
pub struct FacilityLedger(pub Ledger);

impl Measure for FacilityLedger {
    type Partial = LedgerPartial;
    type Output = Record;

    fn plan(&self, plan: &mut MeasurePlan<'_>) -> Result<LedgerPartial, Error> {
        let mut partial = self.0.plan(plan)?;
        let name = &self.0.0;
        let obligor = plan.run().obligor(name)?;
        for facility in plan.run().obligors[obligor].facilities.clone() {
            for metric in FACILITY_METRICS {
                let metric = format!("{}.{metric}", facility.name);
                partial.lanes.push((metric.clone(), plan.metric(name, &metric)?));
            }
        }
        Ok(partial)
    }

    fn observe(&self, partial: &mut LedgerPartial, block: &StepBlock<'_>) {
        self.0.observe(partial, block);
    }

    fn record(&self, partial: &mut LedgerPartial, block: &Block<'_>) {
        self.0.record(partial, block);
    }

    fn merge(&self, into: &mut LedgerPartial, from: LedgerPartial) {
        self.0.merge(into, from);
    }

    fn finish(&self, partial: LedgerPartial, run: &Run) -> Record {
        self.0.finish(partial, run)
    }
}

pub struct LedgerPartial {
    lanes: Vec<(String, MetricLane)>,
    /// By block: first path and record.
    blocks: Vec<(u64, Record)>,
    open: Record,
}

impl Measure for Ledger {
    type Partial = LedgerPartial;
    type Output = Record;

    fn plan(&self, plan: &mut MeasurePlan<'_>) -> Result<LedgerPartial, Error> {
        plan.observe_steps();
        let lane = |metric: &&str| Ok(((*metric).to_owned(), plan.metric(&self.0, metric)?));
        let lanes = METRICS.iter().map(lane).collect::<Result<_, Error>>()?;
        let open = Record { default_step: vec![plan.run().obligor(&self.0)? as f64], ..Record::default() };
        Ok(LedgerPartial { lanes, blocks: Vec::new(), open })
    }

    fn observe(&self, partial: &mut LedgerPartial, block: &StepBlock<'_>) {
        for (name, lane) in &partial.lanes {
            let history = partial.open.metrics.entry(name.clone()).or_default();
            history.push(block.metric(*lane).to_vec());
        }
    }

    fn record(&self, partial: &mut LedgerPartial, block: &Block<'_>) {
        let obligor = partial.open.default_step[0] as usize;
        let facilities = 0..block.facilities(obligor);
        let default_step = block.default_step(obligor).to_vec();
        let record = Record {
            metrics: std::mem::take(&mut partial.open.metrics),
            cause: default_step
                .iter()
                .zip(block.cause(obligor))
                .map(|(step, cause)| step.is_finite().then_some(*cause))
                .collect(),
            default_step,
            discount: block.default_discount(obligor).to_vec(),
            exposure: facilities.clone().map(|f| block.exposure(obligor, f).to_vec()).collect(),
            loss: facilities.map(|f| block.loss(obligor, f).to_vec()).collect(),
        };
        partial.blocks.push((block.first_path(), record));
    }

    fn merge(&self, into: &mut LedgerPartial, from: LedgerPartial) {
        into.blocks.extend(from.blocks);
    }

    fn finish(&self, mut partial: LedgerPartial, _run: &Run) -> Record {
        partial.blocks.sort_by_key(|(first, _)| *first);
        let mut blocks = partial.blocks.into_iter().map(|(_, record)| record);
        let mut whole = blocks.next().unwrap();
        for block in blocks {
            for (name, history) in block.metrics {
                for (into, from) in whole.metrics.get_mut(&name).unwrap().iter_mut().zip(history) {
                    into.extend(from);
                }
            }
            whole.default_step.extend(block.default_step);
            whole.cause.extend(block.cause);
            whole.discount.extend(block.discount);
            for (into, from) in whole.exposure.iter_mut().zip(block.exposure) {
                into.extend(from);
            }
            for (into, from) in whole.loss.iter_mut().zip(block.loss) {
                into.extend(from);
            }
        }
        whole
    }
}

/// A market of scripted factors.
pub fn scripted(factors: impl IntoIterator<Item = (&'static str, Script)>) -> Market {
    factors.into_iter().fold(Market::builder(), |market, (name, script)| market.factor(name, script)).build().unwrap()
}

pub fn liquid(name: &str, price: &str) -> Asset {
    Asset::liquid(name, price)
}

pub fn trading(assets: impl Into<Vec<Asset>>) -> LiquidationMarket {
    LiquidationMarket { assets: assets.into(), feedback: Feedback::On }
}

/// One borrower over some steps a year on a scripted market.
pub fn follow(market: Market, trade: LiquidationMarket, borrower: Borrower, steps: usize, per_year: u32) -> Record {
    let ledger = FacilityLedger(Ledger(borrower.name.clone()));
    let grid = haircut::numeric::TimeGrid::regular(steps, per_year).unwrap();
    let book = Book::new([borrower]).liquidation(trade);
    Simulation::new(market, book).grid(grid).paths(PATHS as u64).threads(1).run(ledger).unwrap()
}

/// A fleet whose revenue is `usd_per_year` at a rent of one, without costs.
pub fn cash_cow(asset: &str, units: f64, usd_per_year: f64, rent: impl Into<Quantity>) -> Fleet {
    Fleet {
        name: format!("fleet of {asset}"),
        asset: asset.into(),
        units,
        capex_usd_per_unit: 0.0,
        power_kw_per_unit: 0.0,
        pue: 1.0,
        power_usd_per_kwh: 0.0.into(),
        opex_usd_per_unit_hour: 0.0,
        rent: rent.into(),
        rent_share: if units > 0.0 { usd_per_year / (8760.0 * units) } else { 0.0 },
        utilisation: 1.0.into(),
        contracts: Vec::new(),
        delivery: None,
    }
}

pub fn facility(name: &str, principal: f64, coupon: f64, amortisation: Amortisation, maturity: f64) -> Facility {
    Facility { amortisation, ..Facility::bullet(name, format!("lender of {name}"), principal, coupon, maturity) }
}

/// Equal to rounding: one part in 10^12, or 10^-9 near zero (amounts are USD, up to billions).
#[track_caller]
pub fn assert_rounding(actual: f64, expected: f64) {
    let bound = 1e-9_f64.max(1e-12 * expected.abs());
    assert!((actual - expected).abs() <= bound, "{actual} is not {expected}: off by {:e}", actual - expected);
}

/// Equal to the cent: what a worked example of `docs/credit.md` promises.
#[track_caller]
pub fn assert_cents(actual: f64, expected: f64) {
    assert!((actual - expected).abs() < 0.005, "{actual} is not {expected} to the cent");
}
