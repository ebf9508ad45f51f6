//! What a token costs: it falls far faster than the rent of the machine that computes it.

use super::factor::{Factor, FactorBlock, FactorPlan, FactorStepper};
use super::integrated_ou::IntegratedOu;
use super::jumps;
use super::lanes::{DriverLane, OwnLane};
use super::range;
use crate::Error;
use crate::numeric::{Lane, PATHS};
use serde::{Deserialize, Serialize};

/// Price of a million tokens of one quality: its deflation is itself uncertain, and calms down.
///
/// ```text
/// C_t = F + (C_0 - F) exp(-integral_0^t delta ds),    d delta = k (theta - delta) dt + v dW
/// ```
///
/// | symbol | field | unit | range |
/// | --- | --- | --- | --- |
/// | C_0 | `initial` | USD per million tokens, the price of today | above zero, at least `floor` |
/// | F | `floor` | USD per million tokens: what the power for them costs; 0 by default | 0 or above |
/// | delta_0 | `deflation` | per year, in logs, today: 2.2 is a ninth after a year, 6.8 a nine-hundredth | -10 to 10 |
/// | theta | `long_run_deflation` | per year, in logs: 0.22 to 0.51 is 20 to 40 % a year | -10 to 10 |
/// | k | `reversion` | per year: half of the way is gone after 0.69 / k | 0 to 10000 |
/// | v | `volatility` | of the deflation, per year per square root of a year | 0 to 10 |
///
/// It is an index of its own and no rent: software makes a token cheaper on the same machine. What a tenant earns on a GPU-hour is
/// `C` times the tokens of an hour; what the machine's owner earns is a [`DeflatingRent`](super::DeflatingRent). The premium over the floor is
/// lognormal: with `B = (1 - e^(-k t)) / k`
///
/// ```text
/// mean of the log -theta t - (delta_0 - theta) B,    variance s^2 = v^2 (t - 2 B + (1 - e^(-2kt)) / (2k)) / k^2
/// E[C_t] = F + (C_0 - F) exp(-theta t - (delta_0 - theta) B + s^2 / 2)
/// ```
///
/// Deflation and its integral are jointly exact on any dates: it is the step of [`ShortRate`](super::ShortRate), with a second normal from
/// the factor's own stream. One Gaussian driver, named as the factor and signed as the price: where it is high, deflation falls.
/// Publishes its level and `deflation`. Modulated, both noises are multiplied by `m`, and the premium grows by `d` more per year;
/// a jump that a dependence sends multiplies the premium.
///
/// Source: the joint step: P. Glasserman, *Monte Carlo Methods in Financial Engineering* (2003), section 3.3. How fast tokens became cheaper:
/// B. Cottier, B. Snodin, D. Owen, T. Adamczewski, "LLM inference prices have fallen rapidly but unequally across tasks", Epoch AI
/// (2025-03-12): 9 to 900 times a year, by task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitCost {
    /// Price at time zero, USD per million tokens.
    pub initial: f64,
    /// Price that is never undercut, USD per million tokens.
    #[serde(default)]
    pub floor: f64,
    /// Fall of the logarithm per year, at time zero.
    pub deflation: f64,
    /// Mean of that fall in the long run.
    pub long_run_deflation: f64,
    /// Speed at which it goes there, per year.
    pub reversion: f64,
    /// Volatility of the fall, per square root of a year.
    pub volatility: f64,
}

impl Factor for UnitCost {
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error> {
        range::level("initial", self.initial)?;
        range::amount("floor", self.floor)?;
        if self.floor > self.initial {
            let expected = format!("must be at most the initial price, {}", self.initial);
            return Err(Error::invalid("floor", self.floor, expected));
        }
        range::rate("deflation", self.deflation)?;
        range::rate("long_run_deflation", self.long_run_deflation)?;
        range::reversion("reversion", self.reversion)?;
        range::volatility("volatility", self.volatility)?;
        let (mean, reversion, volatility) = (-self.long_run_deflation, self.reversion, self.volatility);
        Ok(Box::new(Stepper {
            initial: self.initial,
            floor: self.floor,
            start: self.deflation,
            joint: IntegratedOu::growing(plan.grid(), mean, reversion, volatility),
            level: plan.level(),
            deflation: plan.publish("deflation"),
            rate: plan.state(),
            growth: plan.state(),
            driver: plan.driver(),
        }))
    }
}

struct Stepper {
    initial: f64,
    floor: f64,
    start: f64,
    joint: IntegratedOu,
    level: OwnLane,
    deflation: OwnLane,
    /// Minus the deflation.
    rate: OwnLane,
    /// What is left of the premium.
    growth: OwnLane,
    driver: DriverLane,
}

impl FactorStepper for Stepper {
    fn start(&self, block: &mut FactorBlock<'_>) {
        block.own[self.level].fill(self.initial);
        block.own[self.deflation].fill(self.start);
        block.own[self.rate].fill(-self.start);
        block.own[self.growth].fill(1.0);
    }

    fn step(&self, block: &mut FactorBlock<'_>) {
        self.joint.step(block, self.driver, self.rate, self.growth);
        jumps::multiply(block.jump, &mut block.own[self.growth]);
        let [level, deflation, rate, growth] = block.own.many([self.level, self.deflation, self.rate, self.growth]);
        price(self.floor, self.initial - self.floor, rate, growth, deflation, level);
    }

    fn takes_jumps(&self) -> bool {
        true
    }
}

crate::vectorised! {
    fn price(floor: f64, premium: f64, rate: &Lane, growth: &Lane, deflation: &mut Lane, level: &mut Lane) {
        for path in 0..PATHS {
            deflation[path] = -rate[path];
            // Finite, so that a premium of nothing stays nothing.
            let grown = if growth[path] < f64::MAX { growth[path] } else { f64::MAX };
            level[path] = premium.mul_add(grown, floor);
        }
    }
}
