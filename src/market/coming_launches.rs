//! What generations that are not launched yet will do to a rent.

use super::obsolescence::Obsolescence;
use crate::Error;
use crate::numeric::kernel::{exp, ln};

/// The law of the decline `B = beta sum g_j (1 - e^(-(t - T_j) / ramp))` by the launches `T_j` of the next `t` years, when the newest
/// generation is `a` years old: `E[e^(-p B)]` for p = 1 and 2, which gives the mean of what is left of a rent and its variance.
///
/// ```text
/// m(t)    = S(t) + integral_0^t phi(t - w) m(t - w) dF(w),     phi(u) = E[exp(-p beta g (1 - e^(-u / ramp)))]
/// m(t, a) = (S(a + t) + integral_0^t phi(t - w) m(t - w) dF(a + w)) / S(a)
/// ```
///
/// with the distribution `F = 1 - S` of the gaps: the first launch, if any, and from then on the same again. Solved on equal
/// spacing with the trapezoid of `phi m` over the exact probability of each cell: an error of second order, and none where
/// `phi` is 1. Source: D. R. Cox, *Renewal Theory* (1962), section 4.
pub(super) struct ComingLaunches {
    /// Years between two points.
    spacing: f64,
    /// S at 0, spacing, 2 spacing, ..
    survival: Vec<f64>,
    /// phi(u) m(u) at 0, spacing, .., for p = 1 and 2.
    renewed: [Vec<f64>; 2],
    /// Points between two ages.
    stride: usize,
}

impl ComingLaunches {
    /// Ages that are told apart.
    pub(super) const AGES: usize = 249;
    /// Points within the life of a machine, at least and at most.
    const POINTS: (f64, f64) = (512.0, 8192.0);
    /// Launches of which nobody knows the date better than this share of the cadence: buyers of a clock do not either.
    const LEAST_VARIATION: f64 = 0.1;

    /// For a machine that lives `life` years, with a rent that falls by `sensitivity` for each log of adopted performance.
    pub(super) fn new(frontier: &Obsolescence, sensitivity: f64, life: f64) -> Result<Self, Error> {
        let variation = frontier.cadence_variation.max(Self::LEAST_VARIATION);
        let gap = Gap::new(frontier.cadence, variation);
        let (least, most) = Self::POINTS;
        let points = (8.0 * life / (variation.min(1.0) * frontier.cadence)).ceil().max(least);
        if points > most {
            let longest = most / 8.0 * variation.min(1.0) * frontier.cadence;
            return Err(Error::invalid("life", life, format!("must be at most {longest} years with so many launches")));
        }
        let points = points as usize;
        let spacing = life / points as f64;
        // Ages up to where hardly a gap is longer.
        let oldest = frontier.cadence * (1.0 + 6.0 * variation);
        let stride = (oldest / (Self::AGES - 1) as f64 / spacing).ceil() as usize;
        let ages = stride * (Self::AGES - 1);
        let survival: Vec<f64> = (0..=points + ages).map(|point| gap.survival(spacing * point as f64)).collect();
        let renewed = [1.0, 2.0].map(|power| {
            let mean = power * sensitivity * frontier.gain;
            let variance =
                (power * sensitivity * frontier.gain_volatility) * (power * sensitivity * frontier.gain_volatility);
            let adopted = |years: f64| if frontier.ramp == 0.0 { 1.0 } else { 1.0 - exp(-years / frontier.ramp) };
            let hit = |point: usize| {
                let adopted = adopted(spacing * point as f64);
                exp(adopted * (0.5 * variance * adopted - mean))
            };
            let mut renewed = vec![hit(0)];
            for point in 1..=points {
                let sum = convolve(&survival, 0, point, &renewed);
                // The trapezoid of the first cell holds the value that is looked for.
                let first = 0.5 * (survival[0] - survival[1]) * hit(point);
                renewed.push(hit(point) * (survival[point] + sum) / (1.0 - first));
            }
            renewed
        });
        Ok(ComingLaunches { spacing, survival, renewed, stride })
    }

    /// Years of an age.
    pub(super) fn years_of(&self, age: usize) -> f64 {
        self.spacing * (self.stride * age) as f64
    }

    /// The logarithms of E[e^(-B)] and E[e^(-2 B)] over so many years, from an age.
    pub(super) fn logarithms(&self, age: usize, years: f64) -> [f64; 2] {
        let last = self.renewed[0].len() - 1;
        let place = (years / self.spacing).clamp(0.0, last as f64);
        let before = (place as usize).min(last - 1);
        let part = place - before as f64;
        let start = self.stride * age;
        // Where next to no gap is longer than the age, it is as good as the last one that some are.
        let start = self.survival[..=start].iter().rposition(|left| *left > 1e-9).unwrap_or(0);
        [0, 1].map(|moment| {
            let at = |point: usize| {
                let renewed = &self.renewed[moment];
                let first = if point == 0 {
                    0.0
                } else {
                    0.5 * (self.survival[start] - self.survival[start + 1]) * renewed[point]
                };
                let left =
                    self.survival[start + point] + convolve(&self.survival, start, point, &renewed[..point]) + first;
                ln(left / self.survival[start])
            };
            let (low, high) = (at(before), at(before + 1));
            low + part * (high - low)
        })
    }
}

/// The trapezoid of `renewed` over the probabilities of the cells from `start`, without the value at `point` itself.
fn convolve(survival: &[f64], start: usize, point: usize, renewed: &[f64]) -> f64 {
    let mut sum = 0.0;
    for cell in 1..=point {
        let probability = survival[start + cell - 1] - survival[start + cell];
        let later = if cell == 1 { 0.0 } else { renewed[point - cell + 1] };
        sum += probability * 0.5 * (renewed[point - cell] + later);
    }
    sum
}

/// The gamma law of the years between launches.
struct Gap {
    shape: f64,
    scale: f64,
    /// ln Gamma(shape + 1).
    factorial: f64,
}

impl Gap {
    fn new(mean: f64, variation: f64) -> Self {
        let shape = 1.0 / (variation * variation);
        Gap { shape, scale: mean / shape, factorial: ln_factorial(shape) }
    }

    /// P(gap > years): the series of the incomplete gamma function, or its continued fraction (NIST DLMF 8.7.1, 8.9.2).
    fn survival(&self, years: f64) -> f64 {
        let (a, x) = (self.shape, years / self.scale);
        if x <= 0.0 {
            return 1.0;
        }
        // x^a e^(-x) / Gamma(a + 1).
        let front = exp(a * ln(x) - x - self.factorial);
        if x < a + 1.0 {
            let (mut term, mut sum) = (1.0, 1.0);
            for n in 1..1000 {
                term *= x / (a + f64::from(n));
                sum += term;
                if term < 1e-17 * sum {
                    break;
                }
            }
            1.0 - front * sum
        } else {
            // Lentz's method.
            let mut b = x + 1.0 - a;
            let mut c = 1e300;
            let mut d = 1.0 / b;
            let mut fraction = d;
            for n in 1..1000 {
                let n = f64::from(n);
                let over = n * (a - n);
                b += 2.0;
                d = 1.0 / (over * d + b);
                c = b + over / c;
                let change = c * d;
                fraction *= change;
                if (change - 1.0).abs() < 1e-16 {
                    break;
                }
            }
            front * a * fraction
        }
    }
}

/// ln Gamma(x + 1) for x >= 0: Stirling's series beyond 12, which has an error below 1e-16 there, and the recurrence before
/// (NIST DLMF 5.11.1).
pub(super) fn ln_factorial(x: f64) -> f64 {
    let (mut z, mut product) = (x + 1.0, 1.0);
    while z < 12.0 {
        product *= z;
        z += 1.0;
    }
    let square = 1.0 / (z * z);
    let series = (1.0 / 12.0
        + square * (-1.0 / 360.0 + square * (1.0 / 1260.0 + square * (-1.0 / 1680.0 + square / 1188.0))))
        / z;
    // ln(2 pi) / 2.
    (z - 0.5) * ln(z) - z + 0.918_938_533_204_672_7 + series - ln(product)
}

#[cfg(test)]
mod tests {
    //! Guards: the gamma law; a Poisson process, whose moments are a closed form at any age; no launch where nothing is gained.
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use statrs::distribution::{ContinuousCDF, Gamma};

    fn frontier(cadence_variation: f64) -> Obsolescence {
        Obsolescence {
            cadence: 2.0,
            cadence_variation,
            age: 0.0,
            gain: 0.5,
            gain_volatility: 0.2,
            ramp: 0.75,
            pending: 0.0,
            roadmap: vec![],
            excitation: None,
        }
    }

    #[test]
    fn gaps_are_gamma() {
        for variation in [0.1, 0.25, 0.7, 1.0, 2.0, 4.0] {
            let gap = Gap::new(2.0, variation);
            let shape: f64 = 1.0 / (variation * variation);
            let law = Gamma::new(shape, shape / 2.0).unwrap();
            for years in [0.01, 0.5, 1.0, 1.9, 2.0, 2.3, 3.0, 6.0, 20.0] {
                let (survival, expected) = (gap.survival(years), law.sf(years));
                assert!((survival - expected).abs() < 1e-12, "{variation}, {years}: {survival} {expected}");
            }
        }
    }

    #[test]
    fn poisson_launches_have_their_closed_form() {
        // E[e^(-p B)] = exp(integral_0^t (phi(u) - 1) du / tau), whatever the age.
        let launches = ComingLaunches::new(&frontier(1.0), 0.4, 5.0).unwrap();
        let rule = crate::numeric::gauss_legendre(40);
        for years in [0.0, 0.3, 1.7, 5.0] {
            for (moment, p) in [1.0, 2.0].into_iter().enumerate() {
                let integrand = |u: f64| {
                    let adopted = 1.0 - (-u / 0.75_f64).exp();
                    (-p * 0.4 * 0.5 * adopted + 0.5 * (p * 0.4 * 0.2 * adopted).powi(2)).exp() - 1.0
                };
                let exact = rule.iter().map(|(x, w)| w * integrand(x * years)).sum::<f64>() * years / 2.0;
                for age in [0, 1, 100, 248] {
                    // The trapezoid and the interpolation: (5 / 512)^2 / 8 times a curvature below 1.
                    let value = launches.logarithms(age, years)[moment];
                    assert!((value - exact).abs() < 1.3e-5, "{years}, {p}, {age}: {value} against {exact}");
                }
            }
        }
    }

    #[test]
    fn without_gain_nothing_happens() {
        let still = Obsolescence { gain: 0.0, gain_volatility: 0.0, ..frontier(0.25) };
        let launches = ComingLaunches::new(&still, 0.4, 5.0).unwrap();
        for age in [0, 7, 248] {
            assert!(launches.logarithms(age, 4.3).iter().all(|value| value.abs() < 1e-8), "{age}");
        }
    }

    #[test]
    fn a_clock_that_is_due_strikes_soon() {
        // The least variation is a tenth of the cadence: an age of 1.6 cadences is six deviations late.
        let launches =
            ComingLaunches::new(&Obsolescence { gain_volatility: 0.0, ramp: 0.0, ..frontier(0.0) }, 0.4, 5.0).unwrap();
        let late = (0..ComingLaunches::AGES)
            .min_by_key(|age| ((launches.years_of(*age) - 2.6) * 1000.0).abs() as u64)
            .unwrap();
        let [mean, square] = launches.logarithms(late, 1.0);
        assert!((mean + 0.2).abs() < 1e-3 && (square + 0.4).abs() < 1e-3, "{mean} {square}");
        let [fresh, _] = launches.logarithms(0, 1.0);
        assert!(fresh.abs() < 1e-3, "{fresh}");
    }
}
