//! A small world that uses every door of the engine: a factor with a driver, state and own draws, a factor that reads
//! another, obligors that sell into one liquidation market, and a measure whose result is a digest of every bit it saw.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use haircut::credit::{
    Asset, AssetLane, Book, Cause, LiquidationMarket, Obligor, ObligorBlock, ObligorPlan, ObligorStepper,
};
use haircut::market::{DriverLane, Factor, FactorBlock, FactorPlan, FactorStepper, Market, OwnLane, ReadLane};
use haircut::measure::{Block, Measure, MeasurePlan, MetricLane, Run, StepBlock};
use haircut::numeric::PATHS;
use haircut::{Error, Simulation};

/// A random walk with a uniform kick of its own: `level += 0.1 Z + 0.01 (U - 1/2)`, from 1.
#[derive(Debug, Clone)]
pub struct Walk;

struct WalkStepper {
    driver: DriverLane,
    level: OwnLane,
}

impl Factor for Walk {
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error> {
        Ok(Box::new(WalkStepper { driver: plan.driver(), level: plan.level() }))
    }
}

impl FactorStepper for WalkStepper {
    fn start(&self, block: &mut FactorBlock<'_>) {
        block.own[self.level].fill(1.0);
    }

    fn step(&self, block: &mut FactorBlock<'_>) {
        let mut kick = haircut::numeric::Lane::ZERO;
        block.stream.uniforms(&mut kick);
        let level = &mut block.own[self.level];
        for i in 0..PATHS {
            level[i] += 0.1 * block.drivers[self.driver][i] + 0.01 * (kick[i] - 0.5);
        }
    }
}

/// The running minimum of another series.
#[derive(Debug, Clone)]
pub struct Lowest(pub String);

struct LowestStepper {
    of: ReadLane,
    level: OwnLane,
}

impl Factor for Lowest {
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error> {
        Ok(Box::new(LowestStepper { of: plan.read("of", &self.0)?, level: plan.level() }))
    }
}

impl FactorStepper for LowestStepper {
    fn start(&self, block: &mut FactorBlock<'_>) {
        block.own[self.level].0 = block.read[self.of].0;
    }

    fn step(&self, block: &mut FactorBlock<'_>) {
        let level = &mut block.own[self.level];
        for i in 0..PATHS {
            level[i] = level[i].min(block.read[self.of][i]);
        }
    }
}

/// Owes 1, backed by one unit of the asset; defaults when the asset's mark, times a shock of its own, is under `barrier`.
#[derive(Debug, Clone)]
pub struct Pledge {
    pub name: String,
    pub barrier: f64,
}

struct PledgeStepper {
    barrier: f64,
    asset: AssetLane,
    sold: OwnLane,
    shown: Option<OwnLane>,
}

impl Obligor for Pledge {
    fn name(&self) -> &str {
        &self.name
    }

    fn plan(&self, plan: &mut ObligorPlan<'_>) -> Result<Box<dyn ObligorStepper>, Error> {
        haircut::check::finite("barrier", self.barrier)?;
        plan.facility("loan", "bank", 1.0)?;
        let (asset, sold, shown) = (plan.asset("asset", "coin")?, plan.state(), plan.metric("mark"));
        Ok(Box::new(PledgeStepper { barrier: self.barrier, asset, sold, shown }))
    }
}

impl ObligorStepper for PledgeStepper {
    fn start(&self, block: &mut ObligorBlock<'_>) {
        block.own[self.sold].fill(0.0);
        block.outcome.cause.fill(Cause::Margin);
    }

    fn step(&self, block: &mut ObligorBlock<'_>) {
        let mut shock = haircut::numeric::Lane::ZERO;
        block.stream.normals(&mut shock);
        if let Some(shown) = self.shown {
            block.own[shown].0 = block.liquidation.mark(self.asset).0;
        }
        let sold = &mut block.own[self.sold];
        for i in 0..PATHS {
            sold[i] = 0.0;
            let mark = block.liquidation.mark(self.asset)[i] + 0.02 * shock[i];
            if mark < self.barrier && block.outcome.default_step[i].is_infinite() {
                block.outcome.default_step[i] = block.step.index as f64;
                block.outcome.discount[i] = block.discount[i];
                block.outcome.exposure[0][i] = 1.0;
                block.outcome.loss[0][i] = block.discount[i];
                sold[i] = 1.0;
                block.liquidation.sell(self.asset, i, 1.0);
            }
        }
    }

    fn settle(&self, block: &mut ObligorBlock<'_>) {
        let price = block.liquidation.net_price(self.asset);
        for i in 0..PATHS {
            block.outcome.loss[0][i] -= (block.own[self.sold][i] * price[i]).clamp(0.0, 1.0) * block.discount[i];
        }
    }
}

/// A digest of everything that a measure can see, path by path; equal only if every bit is. The digests of single paths
/// are added with wrap-around, so it merges exactly.
#[derive(Debug, Clone, Copy, Default)]
pub struct Digest {
    pub metric_of: Option<&'static str>,
}

pub struct DigestPartial {
    pub sum: u64,
    pub paths: u64,
    pub defaults: u64,
    series: Vec<ReadLane>,
    metric: Option<MetricLane>,
}

fn mixed(words: impl IntoIterator<Item = u64>) -> u64 {
    words.into_iter().fold(0x243F_6A88_85A3_08D3, |hash: u64, word| {
        let z = (hash ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (z ^ (z >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9)
    })
}

impl Measure for Digest {
    type Partial = DigestPartial;
    type Output = (u64, u64, u64);

    fn plan(&self, plan: &mut MeasurePlan<'_>) -> Result<DigestPartial, Error> {
        plan.observe_steps();
        let series = vec![plan.series("coin")?, plan.series("low")?];
        let metric = self.metric_of.map(|obligor| plan.metric(obligor, "mark")).transpose()?;
        Ok(DigestPartial { sum: 0, paths: 0, defaults: 0, series, metric })
    }

    fn observe(&self, partial: &mut DigestPartial, block: &StepBlock<'_>) {
        for i in 0..block.paths() {
            let place = [block.first_path() + i as u64, block.step().index as u64];
            let seen = partial.series.iter().map(|lane| block.series(*lane)[i].to_bits());
            let metric = partial.metric.map(|lane| block.metric(lane)[i].to_bits());
            partial.sum = partial.sum.wrapping_add(mixed(place.into_iter().chain(seen).chain(metric)));
        }
    }

    fn record(&self, partial: &mut DigestPartial, block: &Block<'_>) {
        partial.paths += block.paths() as u64;
        for obligor in 0..block.obligors() {
            for i in 0..block.paths() {
                let words = [
                    block.first_path() + i as u64,
                    obligor as u64,
                    block.default_step(obligor)[i].to_bits(),
                    block.exposure(obligor, 0)[i].to_bits(),
                    block.loss(obligor, 0)[i].to_bits(),
                    block.weights()[i].to_bits(),
                ];
                partial.defaults += u64::from(block.default_step(obligor)[i].is_finite());
                partial.sum = partial.sum.wrapping_add(mixed(words));
            }
        }
    }

    fn merge(&self, into: &mut DigestPartial, from: DigestPartial) {
        into.sum = into.sum.wrapping_add(from.sum);
        into.paths += from.paths;
        into.defaults += from.defaults;
    }

    fn finish(&self, partial: DigestPartial, run: &Run) -> (u64, u64, u64) {
        assert_eq!(run.paths, partial.paths, "the run counts the paths that were recorded");
        (partial.sum, partial.paths, partial.defaults)
    }
}

pub fn market() -> Market {
    Market::builder().factor("coin", Walk).factor("low", Lowest("coin".into())).build().unwrap()
}

pub fn liquidation() -> LiquidationMarket {
    let coin = Asset {
        depth_per_month: 2.0,
        impact: 0.3,
        persistence: 0.5,
        recovery_half_life: 0.5,
        ..Asset::liquid("coin", "coin")
    };
    LiquidationMarket { assets: vec![coin], ..LiquidationMarket::default() }
}

pub fn pledges(count: usize) -> Vec<Pledge> {
    (0..count).map(|i| Pledge { name: format!("pledge {i}"), barrier: 0.5 + 0.05 * i as f64 }).collect()
}

/// A run that uses every part of the engine; its last block counts only in part.
pub fn simulation() -> Simulation {
    let book = Book::new(pledges(5)).liquidation(liquidation());
    Simulation::new(market(), book).months(24).paths(40 * PATHS as u64 + 77).seed(11)
}

/// Number of paths on which one obligor defaults.
#[derive(Debug)]
pub struct Defaults {
    pub obligor: usize,
}

impl Measure for Defaults {
    type Partial = u64;
    type Output = u64;

    fn plan(&self, _plan: &mut MeasurePlan<'_>) -> Result<u64, Error> {
        Ok(0)
    }

    fn record(&self, partial: &mut u64, block: &Block<'_>) {
        *partial += block.default_step(self.obligor).iter().filter(|step| step.is_finite()).count() as u64;
    }

    fn merge(&self, into: &mut u64, from: u64) {
        *into += from;
    }

    fn finish(&self, partial: u64, _run: &Run) -> u64 {
        partial
    }
}
