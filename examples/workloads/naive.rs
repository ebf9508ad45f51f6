//! The same workloads as most people would write them first: rayon over paths, a scalar loop per path, `rand`'s small
//! generator and `rand_distr`'s normals. It is here so that a ratio of speeds can be taken in one run of one binary.

use super::model::{BORROWERS, STEPS};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use rand_distr::{Distribution, Poisson, StandardNormal};
use rayon::prelude::*;

const MONTH: f64 = 1.0 / 12.0;

/// Runs W1, W2, W3 or W3m; nothing for any other.
#[allow(unreachable_pub, reason = "a module of an example")]
pub fn run(work: &str, paths: u64, seed: u64) -> Option<Vec<f64>> {
    match work {
        "W1" => Some(w1(paths, seed)),
        "W2" => w2(paths, seed),
        "W3" => w3(paths, seed, -0.30),
        "W3m" => w3(paths, seed, -0.05),
        _ => None,
    }
}

fn generator(seed: u64, path: u64) -> SmallRng {
    SmallRng::seed_from_u64(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ path)
}

fn means<const N: usize>(paths: u64, path: impl Fn(u64) -> [f64; N] + Sync + Send) -> Vec<f64> {
    let add = |a: [f64; N], b: [f64; N]| std::array::from_fn(|k| a[k] + b[k]);
    let sums = (0..paths).into_par_iter().map(path).reduce(|| [0.0; N], add);
    sums.iter().map(|sum| sum / paths as f64).collect()
}

fn w1(paths: u64, seed: u64) -> Vec<f64> {
    let (drift, volatility) = ([-0.30, -0.25, 0.05], [0.35, 0.45, 0.75]);
    // The Cholesky factor of [[1, .6, .3], [.6, 1, .4], [.3, .4, 1]].
    let c = f64::sqrt(1.0 - 0.09 - 0.275 * 0.275);
    let factor = [[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [0.3, 0.275, c]];
    means(paths, |path| {
        let mut random = generator(seed, path);
        let (mut level, mut low) = ([1.0; 3], 1.0_f64);
        for _ in 0..STEPS {
            let z: [f64; 3] = std::array::from_fn(|_| random.sample(StandardNormal));
            for k in 0..3 {
                let w: f64 = (0..=k).map(|j| factor[k][j] * z[j]).sum();
                let (m, v): (f64, f64) = (drift[k], volatility[k]);
                level[k] *= ((m - 0.5 * v * v) * MONTH + v * MONTH.sqrt() * w).exp();
            }
            low = low.min(level[2]);
        }
        [level[0], level[1], level[2], low]
    })
}

/// The Merton coin of W2 and W3.
struct Coin {
    drift: f64,
    deviation: f64,
    jumps: Poisson<f64>,
}

impl Coin {
    fn new() -> Option<Self> {
        let compensation = 0.5 * (f64::exp(-0.2 + 0.045) - 1.0);
        Some(Coin {
            drift: (0.05 - 0.18 - compensation) * MONTH,
            deviation: 0.6 * MONTH.sqrt(),
            jumps: Poisson::new(0.5 * MONTH).ok()?,
        })
    }

    fn growth(&self, random: &mut SmallRng, z: f64) -> f64 {
        let mut x = self.drift + self.deviation * z;
        for _ in 0..self.jumps.sample(random) as u32 {
            x += -0.2 + 0.3 * random.sample::<f64, _>(StandardNormal);
        }
        x.exp()
    }
}

fn w2(paths: u64, seed: u64) -> Option<Vec<f64>> {
    let coin = Coin::new()?;
    Some(means(paths, |path| {
        let mut random = generator(seed, path);
        let (mut level, mut low) = (1.0, 1.0_f64);
        for _ in 0..STEPS {
            let z = random.sample(StandardNormal);
            level *= coin.growth(&mut random, z);
            low = low.min(level);
        }
        [level, if low < 0.4 { 1.0 } else { 0.0 }]
    }))
}

fn w3(paths: u64, seed: u64, trend: f64) -> Option<Vec<f64>> {
    let coin = Coin::new()?;
    let launches = Poisson::new(0.5 * MONTH).ok()?;
    let rate: f64 = 0.11 / 12.0;
    let payment = 70.0 * rate / (1.0 - (1.0 + rate).powi(-60));
    let mut balance = vec![70.0];
    for month in 0..STEPS {
        balance.push(balance[month] * (1.0 + rate) - payment);
    }
    let revenue: Vec<f64> = (0..BORROWERS).map(|i| (1.1 + 0.7 * i as f64 / 49.0) * payment / 0.7).collect();
    let (decay, deviation) = (f64::exp(-1.5 * MONTH), 0.35 * ((1.0 - f64::exp(-3.0 * MONTH)) / 3.0).sqrt());
    let mut losses = vec![0.0; paths as usize];
    let defaults = losses.par_iter_mut().enumerate().fold(
        || [0u64; BORROWERS],
        |mut defaults, (path, loss)| {
            let mut random = generator(seed, path as u64);
            let mut cash = [3.0 * payment; BORROWERS];
            let mut coins: [f64; BORROWERS] = std::array::from_fn(|i| 14.0 * ((7 * i) % 50) as f64 / 49.0);
            let mut alive = [true; BORROWERS];
            let (mut price, mut scarcity, mut launched) = (1.0, 0.0, 0.0);
            for month in 1..=STEPS {
                let time = month as f64 * MONTH;
                let z: f64 = random.sample(StandardNormal);
                let with = 0.6 * z + 0.8 * random.sample::<f64, _>(StandardNormal);
                price *= coin.growth(&mut random, z);
                scarcity = scarcity * decay + deviation * with;
                let rent = (trend * time + scarcity).exp();
                launched += launches.sample(&mut random);
                let noise: f64 = random.sample(StandardNormal);
                let resale = (-0.35 * time + launched * 0.65_f64.ln() + 0.2 * noise - 0.02).exp();
                for i in 0..BORROWERS {
                    if !alive[i] {
                        continue;
                    }
                    let shock = (0.15 * random.sample::<f64, _>(StandardNormal) - 0.01125).exp();
                    cash[i] += revenue[i] * rent * shock - 0.3 * revenue[i] - payment;
                    if cash[i] < 0.0 {
                        if coins[i] * price >= -cash[i] {
                            coins[i] += cash[i] / price;
                            cash[i] = 0.0;
                        } else {
                            alive[i] = false;
                            defaults[i] += 1;
                            *loss += (balance[month - 1] - 60.0 * resale).max(0.0);
                        }
                    }
                }
            }
            defaults
        },
    );
    let defaults = defaults.reduce(|| [0; BORROWERS], |a, b| std::array::from_fn(|i| a[i] + b[i]));
    losses.sort_unstable_by(f64::total_cmp);
    let mut values = vec![losses.iter().sum::<f64>() / paths as f64];
    for level in [0.99, 0.999] {
        let tail = &losses[(level * paths as f64) as usize..];
        values.extend([tail[0], tail.iter().sum::<f64>() / tail.len() as f64]);
    }
    values.extend(defaults.iter().map(|count| *count as f64 / paths as f64));
    Some(values)
}
