//! The reference workloads on the public API: markets, obligors and measures as a user of the crate would write them.
//!
//! W1: three correlated geometric Brownian motions, W2: a Merton jump diffusion, W3 and W3m: fifty borrowers that share
//! coin, rent and resale risk, S1: a static one-factor portfolio of a hundred names.
#![allow(unreachable_pub, dead_code, reason = "a module of an example, a bench and a test, each using its part")]

use haircut::credit::{Book, Cause, Obligor, ObligorBlock, ObligorPlan, ObligorStepper};
use haircut::market::{
    Constant, DeflatingRent, DriverLane, Factor, FactorBlock, FactorPlan, FactorStepper, Gbm, Market, Merton, OwnLane,
    ReadLane,
};
use haircut::measure::{
    Block, DefaultTable, ExactSum, LossDistribution, Measure, MeasurePlan, Run, StepBlock, block_sum,
};
use haircut::numeric::{Lane, PATHS, TimeGrid, kernel};
use haircut::{Error, Simulation, vectorised};

/// Months of every workload but S1.
pub const STEPS: usize = 60;
/// Borrowers of W3.
pub const BORROWERS: usize = 50;
/// Names of S1.
pub const NAMES: usize = 100;

// ---------------------------------------------------------------------------------------------------------- W1, W2

/// Three correlated geometric Brownian motions.
pub fn w1(paths: u64, seed: u64, threads: usize) -> Result<Vec<f64>, Error> {
    let gbm = |drift, volatility| Gbm { initial: 1.0, drift, volatility };
    let market = Market::builder()
        .factor("a", gbm(-0.30, 0.35))
        .factor("b", gbm(-0.25, 0.45))
        .factor("c", gbm(0.05, 0.75))
        .dependence(Constant::pairs([("a", "b", 0.6), ("a", "c", 0.3), ("b", "c", 0.4)]))
        .build()?;
    let simulation = Simulation::new(market, Book::default()).months(STEPS).paths(paths).seed(seed).threads(threads);
    let [last, lowest] = [Reduce::Last, Reduce::Lowest];
    let (a, b, c, low) = simulation.run((
        PathMean { series: "a", reduce: last },
        PathMean { series: "b", reduce: last },
        PathMean { series: "c", reduce: last },
        PathMean { series: "c", reduce: lowest },
    ))?;
    Ok(vec![a, b, c, low])
}

/// One Merton jump diffusion: its mean, and how often it falls below 0.4.
pub fn w2(paths: u64, seed: u64, threads: usize) -> Result<Vec<f64>, Error> {
    let market = Market::builder().factor("coin", coin()).build()?;
    let simulation = Simulation::new(market, Book::default()).months(STEPS).paths(paths).seed(seed).threads(threads);
    let (mean, below) = simulation.run((
        PathMean { series: "coin", reduce: Reduce::Last },
        PathMean { series: "coin", reduce: Reduce::EverBelow(0.4) },
    ))?;
    Ok(vec![mean, below])
}

fn coin() -> Merton {
    Merton { initial: 1.0, drift: 0.05, volatility: 0.60, jumps_per_year: 0.5, jump_mean: -0.2, jump_volatility: 0.3 }
}

/// What a path is reduced to.
#[derive(Debug, Clone, Copy)]
pub enum Reduce {
    /// The level at the horizon.
    Last,
    /// The lowest level on the dates, time zero included.
    Lowest,
    /// 1 if the level is ever below this, else 0.
    EverBelow(f64),
}

/// A measure of our own: the mean over paths of something about one series.
#[derive(Debug, Clone, Copy)]
pub struct PathMean {
    /// The series.
    pub series: &'static str,
    /// What of it.
    pub reduce: Reduce,
}

/// One worker's share of a [`PathMean`].
pub struct PathSum {
    lane: ReadLane,
    extreme: Box<Lane>,
    sum: ExactSum,
}

impl Measure for PathMean {
    type Partial = PathSum;
    type Output = f64;

    fn plan(&self, plan: &mut MeasurePlan<'_>) -> Result<PathSum, Error> {
        plan.observe_steps();
        Ok(PathSum { lane: plan.series(self.series)?, extreme: Box::new(Lane::ZERO), sum: ExactSum::new() })
    }

    fn observe(&self, partial: &mut PathSum, block: &StepBlock<'_>) {
        let level = block.series(partial.lane);
        let kept = &mut partial.extreme[..level.len()];
        match (self.reduce, block.step().index) {
            (Reduce::Last, STEPS) | (Reduce::Lowest | Reduce::EverBelow(_), 0) => kept.copy_from_slice(level),
            (Reduce::Last, _) => {}
            (Reduce::Lowest | Reduce::EverBelow(_), _) => keep_lower(level, kept),
        }
    }

    fn record(&self, partial: &mut PathSum, block: &Block<'_>) {
        let kept = &mut partial.extreme[..block.paths()];
        if let Reduce::EverBelow(barrier) = self.reduce {
            kept.iter_mut().for_each(|low| *low = f64::from(u8::from(*low < barrier)));
        }
        kept.iter_mut().zip(block.weights()).for_each(|(value, weight)| *value *= weight);
        partial.sum.add(block_sum(kept));
    }

    fn merge(&self, into: &mut PathSum, from: PathSum) {
        into.sum.merge(&from.sum);
    }

    fn finish(&self, partial: PathSum, run: &Run) -> f64 {
        partial.sum.value() / run.paths as f64
    }
}

vectorised! {
    fn keep_lower(level: &[f64], kept: &mut [f64]) {
        for (kept, level) in kept.iter_mut().zip(level) {
            *kept = if *level < *kept { *level } else { *kept };
        }
    }
}

// --------------------------------------------------------------------------------------------------------------- W3

/// Resale value `exp(-0.35 t) 0.65^N exp(0.2 e - 0.02)`, N Poisson with rate 0.5 a year: a factor of our own.
#[derive(Debug)]
struct LaunchedResale;

struct LaunchedResaleStepper {
    driver: DriverLane,
    level: OwnLane,
    launches: OwnLane,
    /// P(N <= k) of a month, k = 0..4.
    cumulative: [f64; 4],
}

impl Factor for LaunchedResale {
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error> {
        let rate: f64 = 0.5 / 12.0;
        let mut probability = kernel::exp(-rate);
        let mut total = 0.0;
        let cumulative = std::array::from_fn(|count| {
            total += probability;
            probability *= rate / (count + 1) as f64;
            total
        });
        Ok(Box::new(LaunchedResaleStepper {
            driver: plan.driver(),
            level: plan.level(),
            launches: plan.state(),
            cumulative,
        }))
    }
}

impl FactorStepper for LaunchedResaleStepper {
    fn start(&self, block: &mut FactorBlock<'_>) {
        block.own[self.level].fill(1.0);
        block.own[self.launches].fill(0.0);
    }

    fn step(&self, block: &mut FactorBlock<'_>) {
        let [uniform, ..] = block.scratch;
        block.stream.uniforms(uniform);
        let [level, launches] = block.own.many([self.level, self.launches]);
        resale(block.step.end, &self.cumulative, uniform, &block.drivers[self.driver], launches, level);
    }
}

vectorised! {
    fn resale(time: f64, cumulative: &[f64; 4], uniform: &Lane, normal: &Lane, launches: &mut Lane, level: &mut Lane) {
        const LN_065: f64 = -0.430_782_916_092_454_3;
        let age = (-0.35f64).mul_add(time, -0.02);
        for i in 0..PATHS {
            let mut count = launches[i];
            for bound in cumulative {
                count += if uniform[i] >= *bound { 1.0 } else { 0.0 };
            }
            launches[i] = count;
            level[i] = kernel::exp(LN_065.mul_add(count, 0.2f64.mul_add(normal[i], age)));
        }
    }
}

/// The reciprocal of another series, so that fifty borrowers multiply instead of divide.
#[derive(Debug)]
struct Reciprocal(&'static str);

struct ReciprocalStepper {
    of: ReadLane,
    level: OwnLane,
}

impl Factor for Reciprocal {
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error> {
        Ok(Box::new(ReciprocalStepper { of: plan.read("of", self.0)?, level: plan.level() }))
    }
}

impl FactorStepper for ReciprocalStepper {
    fn start(&self, block: &mut FactorBlock<'_>) {
        self.step(block);
    }

    fn step(&self, block: &mut FactorBlock<'_>) {
        let level = &mut block.own[self.level];
        for (level, of) in level.iter_mut().zip(block.read[self.of].iter()) {
            *level = 1.0 / of;
        }
    }
}

/// A borrower of W3: rent revenue with a shock of its own, level debt service, a coin treasury; an obligor of our own.
#[derive(Debug)]
struct Miner {
    name: String,
    revenue: f64,
    coins: f64,
}

const DEBT: f64 = 70.0;
const RATE: f64 = 0.11 / 12.0;

fn payment() -> f64 {
    let growth = (0..STEPS).fold(1.0, |growth, _| growth * (1.0 + RATE));
    DEBT * RATE / (1.0 - 1.0 / growth)
}

impl Miner {
    fn number(index: usize) -> Self {
        let cover = 1.1 + 0.7 * index as f64 / 49.0;
        Miner {
            name: format!("borrower {index}"),
            revenue: cover * payment() / 0.7,
            coins: 0.20 * DEBT * ((7 * index) % 50) as f64 / 49.0,
        }
    }
}

struct MinerStepper {
    price: ReadLane,
    per_price: ReadLane,
    rent: ReadLane,
    resale: ReadLane,
    cash: OwnLane,
    coins: OwnLane,
    revenue: f64,
    outflow: f64,
    first_cash: f64,
    first_coins: f64,
    /// Balance before the payment of month m, m = 1..=60.
    balance: Vec<f64>,
}

impl Obligor for Miner {
    fn name(&self) -> &str {
        &self.name
    }

    fn plan(&self, plan: &mut ObligorPlan<'_>) -> Result<Box<dyn ObligorStepper>, Error> {
        plan.facility("loan", "lender", DEBT)?;
        let mut balance = vec![0.0, DEBT];
        for month in 1..STEPS {
            balance.push(balance[month] * (1.0 + RATE) - payment());
        }
        Ok(Box::new(MinerStepper {
            price: plan.read("price", "coin")?,
            per_price: plan.read("per_price", "per_coin")?,
            rent: plan.read("rent", "rent")?,
            resale: plan.read("resale", "resale")?,
            cash: plan.state(),
            coins: plan.state(),
            revenue: self.revenue,
            outflow: 0.3 * self.revenue + payment(),
            first_cash: 3.0 * payment(),
            first_coins: self.coins,
            balance,
        }))
    }
}

impl ObligorStepper for MinerStepper {
    fn start(&self, block: &mut ObligorBlock<'_>) {
        block.own[self.cash].fill(self.first_cash);
        block.own[self.coins].fill(self.first_coins);
        block.outcome.cause.fill(Cause::Payment);
    }

    fn step(&self, block: &mut ObligorBlock<'_>) {
        let [shock, ..] = block.scratch;
        block.stream.normals(shock);
        let [cash, coins] = block.own.many([self.cash, self.coins]);
        let failed = month(
            self.revenue,
            self.outflow,
            shock,
            &block.read[self.rent],
            &block.read[self.price],
            &block.read[self.per_price],
            cash,
            coins,
        );
        if failed < 0.0 {
            fail(
                block.step.index as f64,
                self.balance[block.step.index],
                &block.read[self.resale],
                cash,
                block.outcome.default_step,
                &mut block.outcome.exposure[0],
                &mut block.outcome.loss[0],
            );
        }
    }
}

vectorised! {
    /// Cash and coins after the month; below zero when the cash of some path is.
    fn month(
        revenue: f64,
        outflow: f64,
        shock: &Lane,
        rent: &Lane,
        price: &Lane,
        per_price: &Lane,
        cash: &mut Lane,
        coins: &mut Lane,
    ) -> f64 {
        let mut lowest = [0.0f64; 8];
        for chunk in 0..PATHS / 8 {
            for lane in 0..8 {
                let i = 8 * chunk + lane;
                let shock = kernel::exp(0.15f64.mul_add(shock[i], -0.01125));
                let before_sale = (revenue * rent[i]).mul_add(shock, cash[i] - outflow);
                let covered = (before_sale < 0.0) & (coins[i].mul_add(price[i], before_sale) >= 0.0);
                let after = if covered { 0.0 } else { before_sale };
                let sold = if covered { before_sale } else { 0.0 };
                coins[i] = sold.mul_add(per_price[i], coins[i]);
                cash[i] = after;
                lowest[lane] = if after < lowest[lane] { after } else { lowest[lane] };
            }
        }
        lowest.iter().fold(0.0, |a, b| if *b < a { *b } else { a })
    }

    /// Default of the paths with cash below zero. Infinite cash keeps them out from then on.
    fn fail(
        step: f64,
        balance: f64,
        resale: &Lane,
        cash: &mut Lane,
        default_step: &mut Lane,
        exposure: &mut Lane,
        loss: &mut Lane,
    ) {
        for i in 0..PATHS {
            let failed = cash[i] < 0.0;
            let shortfall = (-60.0f64).mul_add(resale[i], balance);
            let shortfall = if shortfall > 0.0 { shortfall } else { 0.0 };
            default_step[i] = if failed { step } else { default_step[i] };
            exposure[i] = if failed { balance } else { exposure[i] };
            loss[i] = if failed { shortfall } else { loss[i] };
            cash[i] = if failed { f64::INFINITY } else { cash[i] };
        }
    }
}

/// The run of W3 (`trend` -0.30) or W3m (-0.05).
pub fn w3_simulation(trend: f64) -> Result<Simulation, Error> {
    let market = Market::builder()
        .factor("coin", coin())
        .factor("per_coin", Reciprocal("coin"))
        .factor(
            "rent",
            DeflatingRent {
                initial: 1.0,
                deflation: -trend,
                reversion: 1.5,
                volatility: 0.35,
                sensitivity: 0.0,
                adoption: None,
                scarcity: 0.0,
                usual_scarcity: None,
                deflation_deviation: 0.0,
                jumps: None,
            },
        )
        .factor("resale", LaunchedResale)
        .dependence(Constant::pairs([("coin", "rent", 0.6)]))
        .build()?;
    Ok(Simulation::new(market, Book::new((0..BORROWERS).map(Miner::number))).months(STEPS))
}

/// Expected loss, VaR and ES at 99 and 99.9 %, and the default probability of every borrower.
pub fn w3(trend: f64, paths: u64, seed: u64, threads: usize) -> Result<Vec<f64>, Error> {
    let simulation = w3_simulation(trend)?.paths(paths).seed(seed).threads(threads);
    let (losses, defaults) = simulation.run((LossDistribution::exact(), DefaultTable::new()))?;
    let mut values = losses_at(&losses, &[0.99, 0.999])?;
    values.extend(defaults.obligors.iter().map(|obligor| obligor.probability.value));
    Ok(values)
}

// --------------------------------------------------------------------------------------------------------------- S1

/// Which copula joins the names of S1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copula {
    /// One Gaussian factor.
    Gaussian,
    /// Student t with four degrees of freedom.
    Student4,
}

/// A portfolio of names that default within one step: an obligor of our own that holds a hundred of them.
#[derive(Debug)]
struct Pool {
    copula: Copula,
}

struct PoolStepper {
    copula: Copula,
    /// Default threshold of a name's latent variable: the quantile of its marginal law at the default probability.
    threshold: f64,
}

/// The 1 % quantile of Student's t with four degrees of freedom: `-2 sqrt(q - 1)`, `q = cos(acos(a) / 3) / a`,
/// `a = sqrt(4 p (1 - p))` (Shaw 2006, J. Comput. Finance 9(4)).
const STUDENT4_QUANTILE: f64 = -3.746_947_387_979_197;

impl Obligor for Pool {
    fn name(&self) -> &str {
        "pool"
    }

    fn plan(&self, plan: &mut ObligorPlan<'_>) -> Result<Box<dyn ObligorStepper>, Error> {
        plan.facility("notes", "holder", NAMES as f64)?;
        let threshold = match self.copula {
            Copula::Gaussian => kernel::normal_quantile(0.01),
            Copula::Student4 => STUDENT4_QUANTILE,
        };
        Ok(Box::new(PoolStepper { copula: self.copula, threshold }))
    }
}

impl ObligorStepper for PoolStepper {
    fn start(&self, _block: &mut ObligorBlock<'_>) {}

    fn step(&self, block: &mut ObligorBlock<'_>) {
        let [bound, normal, chi_squared, ..] = block.scratch;
        bound.fill(self.threshold);
        if self.copula == Copula::Student4 {
            chi_squared.fill(0.0);
            for _ in 0..4 {
                block.stream.normals(normal);
                add_square(normal, chi_squared);
            }
            for (bound, chi_squared) in bound.iter_mut().zip(chi_squared.iter()) {
                *bound *= (chi_squared / 4.0).sqrt();
            }
        }
        block.stream.normals(normal);
        condition(normal, bound);
        let defaults = &mut block.outcome.loss[0];
        for _ in 0..NAMES {
            block.stream.normals(normal);
            count_defaults(normal, bound, defaults);
        }
    }
}

vectorised! {
    fn add_square(normal: &Lane, sum: &mut Lane) {
        for i in 0..PATHS {
            sum[i] = normal[i].mul_add(normal[i], sum[i]);
        }
    }

    /// The bound on a name's own normal, given the systematic one: (x - sqrt(rho) Z) / sqrt(1 - rho), rho = 0.2.
    fn condition(systematic: &Lane, bound: &mut Lane) {
        let (loading, rest) = (0.2f64.sqrt(), 1.0 / 0.8f64.sqrt());
        for i in 0..PATHS {
            bound[i] = (-loading).mul_add(systematic[i], bound[i]) * rest;
        }
    }

    fn count_defaults(normal: &Lane, bound: &Lane, defaults: &mut Lane) {
        for i in 0..PATHS {
            defaults[i] += if normal[i] <= bound[i] { 1.0 } else { 0.0 };
        }
    }
}

/// The run of S1.
pub fn s1_simulation(copula: Copula) -> Result<Simulation, Error> {
    let market = Market::builder().build()?;
    Ok(Simulation::new(market, Book::default().obligor(Pool { copula })).grid(TimeGrid::new([1.0])?))
}

/// Expected loss, VaR and ES at 99.9 %.
pub fn s1(copula: Copula, paths: u64, seed: u64, threads: usize) -> Result<Vec<f64>, Error> {
    let losses = s1_simulation(copula)?.paths(paths).seed(seed).threads(threads).run(LossDistribution::exact())?;
    losses_at(&losses, &[0.999])
}

fn losses_at(losses: &haircut::measure::Losses, levels: &[f64]) -> Result<Vec<f64>, Error> {
    let mut values = vec![losses.mean().value];
    for level in levels {
        values.push(losses.quantile(*level)?.value);
        values.push(losses.expected_shortfall(*level)?.value);
    }
    Ok(values)
}

// ----------------------------------------------------------------------------------------------------------- by name

/// Runs a workload by its name.
pub fn run(work: &str, paths: u64, seed: u64, threads: usize) -> Result<Vec<f64>, Error> {
    match work {
        "W1" => w1(paths, seed, threads),
        "W2" => w2(paths, seed, threads),
        "W3" => w3(-0.30, paths, seed, threads),
        "W3m" => w3(-0.05, paths, seed, threads),
        "S1" => s1(Copula::Gaussian, paths, seed, threads),
        "S1t" => s1(Copula::Student4, paths, seed, threads),
        _ => Err(Error::invalid("workload", format!("\"{work}\""), "must be W1, W2, W3, W3m, S1 or S1t")),
    }
}

/// Names of a workload's results, but for the default probabilities at the end.
pub fn result_names(work: &str) -> &'static [&'static str] {
    match work {
        "W1" => &["m1", "m2", "m3", "min3"],
        "W2" => &["mean", "pmin"],
        "S1" | "S1t" => &["el", "var999", "es999"],
        _ => &["el", "var99", "es99", "var999", "es999"],
    }
}

/// Units of work per path: path-step-factors of W1, path-steps of W2, path-step-borrowers of W3, path-names of S1.
pub fn units(work: &str) -> u64 {
    match work {
        "W1" => 3 * STEPS as u64,
        "W2" => STEPS as u64,
        "S1" | "S1t" => NAMES as u64,
        _ => (STEPS * BORROWERS) as u64,
    }
}
