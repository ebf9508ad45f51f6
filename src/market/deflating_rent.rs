//! The rent of a GPU: it deflates on trend and still rises in a shortage.

use super::decline::Decline;
use super::factor::{Factor, FactorBlock, FactorPlan, FactorStepper};
use super::jumps;
use super::lanes::{DriverLane, OwnLane, ReadLane};
use super::ou::OuStep;
use super::per_step::PerStep;
use super::range;
use super::shots::{self, Shots};
use crate::Error;
use crate::numeric::kernel::ln;
use crate::numeric::{Lane, PATHS};
use crate::sample::{StreamKey, event};
use serde::{Deserialize, Serialize};

/// Rent of one generation of GPUs: a falling trend, pushed down by newer generations, times a mean-reverting scarcity.
///
/// ```text
/// ln R_t = ln R_0 - delta t - beta (A_t - A_0) + (x_t - x_0) + J_t,    dx = k (u - x) dt + v dW
/// ```
///
/// | symbol | field | unit | range |
/// | --- | --- | --- | --- |
/// | R_0 | `initial` | USD per GPU-hour, the rent of today | above zero |
/// | delta | `deflation` | per year, in logs: 0.22 to 0.51 is 20 to 40 % a year | -10 to 10 |
/// | | `deflation_deviation` | per year: delta is drawn once per path, normal about `deflation`; 0 by default | 0 to 10 |
/// | beta | `sensitivity` | log of rent per log of adopted performance per dollar | -100 to 100 |
/// | A | `adoption` | series of an [`Obsolescence`](super::Obsolescence), such as `frontier.adoption`; none by default | |
/// | x_0 | `scarcity` | log: how far today's rent stands above (or below) its trend; 0 by default | -100 to 100 |
/// | u | `usual_scarcity` | log: series of what scarcity returns to, `funding.scarcity` of [`CreditConditions`](super::CreditConditions) say; 0 without | |
/// | k | `reversion` | per year; the half-life of a shortage is 0.69 / k | 0 to 10000 |
/// | v | `volatility` | per square root of a year | 0 to 10 |
/// | J | `jumps` | see [`ListJumps`]; none by default | |
///
/// Rent is two-sided. The level starts at `initial`; with `scarcity` above zero it stands that much above its trend and
/// comes back to it. The mean of the rent is not `exp(-delta t)`: add half the variance of x, `v^2 (1 - e^(-2kt)) / (4k)`,
/// half that of an uncertain deflation, `deflation_deviation^2 t^2 / 2`, and for jumps `lambda t (exp(m + s^2 / 2) - 1)`.
///
/// What scarcity returns to in a step is the series as it was at the start of the step. So a funding market that shuts lets
/// rents sink by `1 - e^(-k t)` of its value in `t` years, and not at once.
///
/// The step is exact, given the adoption at its end and that series. The deflation of a path and its jumps are event draws, independent of
/// everything else; without them the rent has the bits that it has without these fields. One Gaussian driver, named as the factor. Publishes its level, and x as `scarcity`. Modulated, x has the volatility
/// `m v` and gains `d (1 - e^(-k D)) / k` in the step.
///
/// Source: a one-factor log-OU price (E. S. Schwartz, "The stochastic behavior of commodity prices", J. Finance 52 (1997)
/// 923-973, doi:10.1111/j.1540-6261.1997.tb02721.x, model 1) about a falling trend.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeflatingRent {
    /// Rent at time zero, USD per GPU-hour.
    pub initial: f64,
    /// Fall of the logarithm per year.
    pub deflation: f64,
    /// Standard deviation, from path to path, of that fall.
    #[serde(default)]
    pub deflation_deviation: f64,
    /// Fall of the logarithm per unit of adopted log performance.
    #[serde(default)]
    pub sensitivity: f64,
    /// The series of adoption that pushes rents down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adoption: Option<String>,
    /// By how much the logarithm of today's rent stands above its trend.
    #[serde(default)]
    pub scarcity: f64,
    /// The series of what scarcity returns to, in logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usual_scarcity: Option<String>,
    /// Speed at which scarcity fades, per year.
    pub reversion: f64,
    /// Volatility of scarcity per square root of a year.
    pub volatility: f64,
    /// Changes of the list price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jumps: Option<ListJumps>,
}

/// Changes of a list price: it stands still for months and then moves at once, up or down, for good.
///
/// `J_t = sum of Y_1 .. Y_N`, `N ~ Poisson(lambda t)`, `Y ~ normal(m, s)` in logs: cumulant n of `J_t` is `lambda t E[Y^n]`. Jumps are
/// not compensated: their mean, `lambda m` a year, comes on top of the deflation.
///
/// | symbol | field | unit | range |
/// | --- | --- | --- | --- |
/// | lambda | `per_year` | per year | 0 to 1000; at most 100 in the longest step |
/// | m | `mean` | log | -10 to 10 |
/// | s | `deviation` | log; 0 by default | 0 to 10 |
///
/// Jump j of a path is event j of the factor's key, its size and the gap after it, whatever the dates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListJumps {
    /// Expected number per year.
    pub per_year: f64,
    /// Mean of the logarithm of a jump.
    pub mean: f64,
    /// Standard deviation of that logarithm.
    #[serde(default)]
    pub deviation: f64,
}

impl ListJumps {
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Shots, Error> {
        shots::check_intensity("per_year", self.per_year, plan)?;
        range::rate("mean", self.mean)?;
        range::volatility("deviation", self.deviation)?;
        // A list price stays where it has been put.
        Ok(Shots::plan(plan, self.per_year, self.mean, self.deviation, 0.0))
    }
}

impl Factor for DeflatingRent {
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error> {
        range::level("initial", self.initial)?;
        range::rate("deflation", self.deflation)?;
        range::volatility("deflation_deviation", self.deflation_deviation)?;
        range::logarithm("sensitivity", self.sensitivity)?;
        range::logarithm("scarcity", self.scarcity)?;
        range::reversion("reversion", self.reversion)?;
        range::volatility("volatility", self.volatility)?;
        let decline = Decline::plan(plan, self.adoption.as_deref(), self.sensitivity)?;
        let jumps = match &self.jumps {
            Some(jumps) => {
                let shots = jumps.plan(plan).map_err(|error| error.within("jumps"))?;
                (jumps.per_year > 0.0).then_some(shots)
            }
            None => None,
        };
        let usual = match &self.usual_scarcity {
            Some(series) => Some(Usual {
                series: plan.read("usual_scarcity", series)?,
                level: plan.state(),
                share: PerStep::new(plan.grid(), |length| {
                    self.reversion * OuStep::new(self.reversion, 0.0, length).response
                }),
            }),
            None => None,
        };
        let uncertain = (self.deflation_deviation > 0.0).then(|| plan.state());
        let sum = (jumps.is_some() || uncertain.is_some()).then(|| plan.state());
        Ok(Box::new(Stepper {
            initial: self.initial,
            deflation_deviation: self.deflation_deviation,
            uncertain,
            jumps,
            sum,
            scarcity: self.scarcity,
            usual,
            trend: ln(self.initial) - self.scarcity,
            deflation: self.deflation,
            decline,
            steps: PerStep::new(plan.grid(), |length| OuStep::new(self.reversion, self.volatility, length)),
            level: plan.level(),
            state: plan.publish("scarcity"),
            driver: plan.driver(),
        }))
    }
}

/// What scarcity returns to.
struct Usual {
    series: ReadLane,
    /// It, at the start of the step.
    level: OwnLane,
    /// 1 - e^(-k D), the share of the way that is gone in a step.
    share: PerStep<f64>,
}

struct Stepper {
    initial: f64,
    scarcity: f64,
    usual: Option<Usual>,
    trend: f64,
    deflation: f64,
    deflation_deviation: f64,
    /// By how much the path's deflation is above the mean.
    uncertain: Option<OwnLane>,
    jumps: Option<Shots>,
    /// x and what is added to it, where something is.
    sum: Option<OwnLane>,
    decline: Decline,
    steps: PerStep<OuStep>,
    level: OwnLane,
    state: OwnLane,
    driver: DriverLane,
}

impl FactorStepper for Stepper {
    fn start(&self, block: &mut FactorBlock<'_>) {
        block.own[self.level].fill(self.initial);
        block.own[self.state].fill(self.scarcity);
        if let Some(usual) = &self.usual {
            block.own[usual.level] = block.read[usual.series];
        }
        self.decline.start(block);
        if let Some(uncertain) = self.uncertain {
            draw_deflation(self.deflation_deviation, block.key, block.first_path, &mut block.own[uncertain]);
        }
        if let Some(jumps) = &self.jumps {
            jumps.start(block);
        }
    }

    fn step(&self, block: &mut FactorBlock<'_>) {
        let normal = &block.drivers[self.driver];
        self.steps.at(block.step).advance(normal, block.modulation, &mut block.own[self.state]);
        if let Some(usual) = &self.usual {
            let [state, level] = block.own.many([self.state, usual.level]);
            add(*usual.share.at(block.step), level, state);
            *level = block.read[usual.series];
        }
        jumps::add(block.jump, &mut block.own[self.state]);
        let mut state = self.state;
        if let Some(sum) = self.sum {
            block.own[sum] = block.own[self.state];
            if let Some(uncertain) = self.uncertain {
                let [sum, uncertain] = block.own.many([sum, uncertain]);
                add(-block.step.end, uncertain, sum);
            }
            if let Some(jumps) = &self.jumps {
                jumps.step(block);
                let [sum, jumped] = block.own.many([sum, jumps.sum]);
                add(1.0, jumped, sum);
            }
            state = sum;
        }
        self.decline.value(block, self.trend - self.deflation * block.step.end, state, self.level);
    }

    fn takes_jumps(&self) -> bool {
        true
    }
}

/// The event that holds the deflation of a path; no jump ever has this number.
const DEFLATION: u64 = 1 << 61;

crate::vectorised! {
    fn draw_deflation(deviation: f64, key: &StreamKey, first_path: u64, uncertain: &mut Lane) {
        for path in 0..PATHS {
            let words = key.event(first_path + path as u64, DEFLATION);
            uncertain[path] = deviation * event::normals(words[0], words[1]).0;
        }
    }

    fn add(weight: f64, what: &Lane, sum: &mut Lane) {
        for path in 0..PATHS {
            sum[path] = what[path].mul_add(weight, sum[path]);
        }
    }
}
