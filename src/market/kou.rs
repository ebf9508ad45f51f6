//! Kou's jump diffusion: a price with small jumps often and large ones sometimes, up and down unlike.

use super::factor::{Factor, FactorBlock, FactorPlan, FactorStepper};
use super::gbm::LogNormalGrowth;
use super::jumps::{Counts, count_and_place, factor, further_words, largest, multiply};
use super::lanes::{DriverLane, OwnLane};
use super::range;
use super::sparse::{CHUNK, Hits};
use crate::Error;
use crate::numeric::kernel::ln;
use crate::numeric::{Lane, PATHS};
use crate::sample::{StreamKey, event};
use serde::{Deserialize, Serialize};

/// A price with normal returns and, at the times of a Poisson process, jumps whose logarithms are exponential on either side: a
/// coin that crashes more than it leaps.
///
/// ```text
/// S' = S exp((mu - lambda kappa - v^2 / 2) D + v sqrt(D) Z + sum_{i <= N} Y_i)
/// N ~ Poisson(lambda D),   Y = E a with probability p, else -E b,   E ~ exponential of mean 1
/// kappa = p / (1 - a) + (1 - p) / (1 + b) - 1,   E[S_t] = S_0 exp(mu t)
/// ```
///
/// | symbol | field | unit | range |
/// | --- | --- | --- | --- |
/// | S_0 | `initial` | money | above zero |
/// | mu | `drift` | per year; jumps are compensated, so it is the growth rate of the mean | -10 to 10 |
/// | v | `volatility` | per square root of a year, of the diffusion alone | 0 to 10 |
/// | lambda | `jumps_per_year` | per year | 0 to 1000; `lambda D` at most 100 |
/// | p | `up_share` | share of jumps that go up | 0 to 1 |
/// | a | `up_mean` | log, the mean jump up; Kou's 1 / eta_1 | 0 to 0.99 (at 1 the mean price is infinite) |
/// | b | `down_mean` | log, the mean jump down, as a positive number; Kou's 1 / eta_2 | 0 to 10 |
///
/// The step is exact. One Gaussian driver, named as the factor, moves the diffusion; jumps are independent of everything else.
/// Publishes its level. Modulated, the diffusion has volatility `m v` and the drift is `mu + d`; jumps stay.
///
/// **Draws.** One uniform per path and step, from the factor's own stream, whether or not there is a jump: its Poisson quantile
/// is the count, and its place within the cell of that count, uniform again, is the first jump by the inverse of the
/// distribution. Where there are more, they come from event draws tied to (path, step). So two runs with other jump
/// parameters see the same uniforms, and a higher intensity adds jumps and takes none away.
///
/// With an intensity of zero it is [`Gbm`](super::Gbm) to the bit.
///
/// Source: S. G. Kou, "A jump-diffusion model for option pricing", Management Science 48 (2002) 1086-1101,
/// doi:10.1287/mnsc.48.8.1086.166.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kou {
    /// Price at time zero.
    pub initial: f64,
    /// Growth rate of the expected price, per year, jumps included.
    pub drift: f64,
    /// Volatility of the diffusion per square root of a year.
    pub volatility: f64,
    /// Expected number of jumps per year.
    pub jumps_per_year: f64,
    /// Probability that a jump goes up.
    pub up_share: f64,
    /// Mean of the logarithm of a jump up.
    pub up_mean: f64,
    /// Mean of the logarithm of a jump down, as a positive number.
    pub down_mean: f64,
}

impl Factor for Kou {
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error> {
        range::level("initial", self.initial)?;
        range::rate("drift", self.drift)?;
        range::volatility("volatility", self.volatility)?;
        let counts = Counts::new(plan.grid(), "jumps_per_year", self.jumps_per_year)?;
        crate::check::within("up_share", self.up_share, 0.0, 1.0)?;
        crate::check::within("up_mean", self.up_mean, 0.0, 0.99)?;
        crate::check::within("down_mean", self.down_mean, 0.0, 10.0)?;
        // kappa, written so that small jumps lose no digits.
        let (up, down) = (self.up_mean, self.down_mean);
        let kappa = self.up_share * up / (1.0 - up) - (1.0 - self.up_share) * down / (1.0 + down);
        Ok(Box::new(Stepper {
            initial: self.initial,
            growth: LogNormalGrowth::new(plan.grid(), self.drift - self.jumps_per_year * kappa, self.volatility),
            counts,
            sizes: Sizes::new(self),
            level: plan.level(),
            driver: plan.driver(),
        }))
    }
}

struct Stepper {
    initial: f64,
    growth: LogNormalGrowth,
    counts: Counts,
    sizes: Sizes,
    level: OwnLane,
    driver: DriverLane,
}

impl FactorStepper for Stepper {
    fn start(&self, block: &mut FactorBlock<'_>) {
        block.own[self.level].fill(self.initial);
    }

    fn step(&self, block: &mut FactorBlock<'_>) {
        let [uniform, ..] = block.scratch;
        let level = &mut block.own[self.level];
        self.growth.step(block.step, &block.drivers[self.driver], block.modulation, level);
        if let Some((table, hits)) = self.counts.draw(block.step, block.stream, uniform) {
            jump(table, self.sizes, *block.key, block.first_path, block.step.index, &hits, uniform, level);
        }
        multiply(block.jump, level);
    }

    fn takes_jumps(&self) -> bool {
        true
    }
}

/// The law of a jump's logarithm.
#[derive(Clone, Copy)]
struct Sizes {
    up_share: f64,
    /// 1 / p and 1 / (1 - p); infinite, and then not used, where the share is zero.
    per_up: f64,
    per_down: f64,
    up_mean: f64,
    down_mean: f64,
}

impl Sizes {
    fn new(kou: &Kou) -> Self {
        let Kou { up_share, up_mean, down_mean, .. } = *kou;
        Sizes { up_share, per_up: 1.0 / up_share, per_down: 1.0 / (1.0 - up_share), up_mean, down_mean }
    }

    /// The quantile, taken from the outer ends of both tails inwards: u below p is a jump up of survival u / p.
    #[inline(always)]
    fn of(self, uniform: f64) -> f64 {
        let up = uniform < self.up_share;
        let (survival_up, survival_down) = (uniform * self.per_up, (1.0 - uniform) * self.per_down);
        let survival = if up { survival_up } else { survival_down };
        let scale = if up { -self.up_mean } else { self.down_mean };
        scale * ln(survival)
    }
}

crate::vectorised! {
    /// Multiplies the paths that jump by their jumps. `uniform` is used up.
    fn jump(
        table: &[f64], sizes: Sizes, key: StreamKey, first_path: u64, step: usize, hits: &Hits, uniform: &mut Lane,
        level: &mut Lane,
    ) {
        // Those with several jumps, packed once more: where they stand among the hits, and how many they have (below 200: the table of a mean of
        // 100 ends there).
        let (mut several, mut counts, mut many) = ([0_u8; PATHS], [0_u8; PATHS], 0);
        for start in (0..hits.count()).step_by(CHUNK) {
            let packed = &mut uniform[start..start + CHUNK];
            let (count, place) = count_and_place(table, packed);
            for position in 0..CHUNK {
                packed[position] = sizes.of(place[position]);
            }
            for position in 0..CHUNK {
                // Never more than there are positions, which the remainder tells the compiler.
                several[many % PATHS] = (start + position) as u8;
                counts[many % PATHS] = count[position] as u8;
                many += usize::from((count[position] > 1.0) & (start + position < hits.count()));
            }
        }
        for start in (0..many).step_by(CHUNK) {
            let (mut count, mut sum, mut paths) = ([0.0; CHUNK], [0.0; CHUNK], [0; CHUNK]);
            for position in 0..CHUNK.min(many - start) {
                let hit = usize::from(several[start + position]) % PATHS;
                count[position] = f64::from(counts[start + position]);
                sum[position] = uniform[hit];
                paths[position] = hits.packed()[hit];
            }
            let most = largest(&count);
            let mut drawn = 1.0;
            let mut round = 0;
            while drawn < most {
                for words in further_words(key, first_path, &paths, step, round) {
                    if drawn < most {
                        for position in 0..CHUNK {
                            let size = sizes.of(event::uniform(words[position]));
                            sum[position] += if count[position] > drawn { size } else { 0.0 };
                        }
                    }
                    drawn += 1.0;
                }
                round += 1;
            }
            for position in 0..CHUNK.min(many - start) {
                uniform[usize::from(several[start + position]) % PATHS] = sum[position];
            }
        }
        for start in (0..hits.count()).step_by(CHUNK) {
            for sum in &mut uniform[start..start + CHUNK] {
                *sum = factor(*sum);
            }
        }
        for (position, path) in hits.paths().enumerate() {
            level[path] *= uniform[position];
        }
    }
}
