//! Who defaults together, and how strongly do two defaults go together?

use super::Confidence;
use super::Tally;
use super::estimate::{Estimate, clip};
use super::sample::ones;

/// The correlation of the indicators of two events.
///
/// ```text
/// rho = (p_ab - p_a p_b) / sqrt(p_a (1 - p_a) p_b (1 - p_b))
/// ```
///
/// with the probabilities of the first, the second and both. The standard error is the delta method's: with the derivatives `g` of `rho` by the three
/// probabilities it is that of the mean of `w (g_ab AB + g_a A + g_b B)` over paths, `A` and `B` being the indicators. The interval is normal, within [-1, 1].
///
/// Undefined where an event never or always happens.
pub(super) fn correlation(a: &Tally, b: &Tally, both: &Tally, paths: u64, confidence: Confidence) -> Estimate {
    let n = paths as f64;
    let [p_a, p_b, p_ab] = [a, b, both].map(|tally| tally.weight() / n);
    let [s_a, s_b, s_ab] = [a, b, both].map(|tally| tally.squared_weight() / n);
    let (spread_a, spread_b) = (p_a * (1.0 - p_a), p_b * (1.0 - p_b));
    let spread = (spread_a * spread_b).sqrt();
    if !(spread_a > 0.0 && spread_b > 0.0) || paths < 2 {
        return Estimate::undefined(paths, confidence);
    }
    let rho = (p_ab - p_a * p_b) / spread;
    let g_ab = 1.0 / spread;
    let g_a = -p_b / spread - rho * (1.0 - 2.0 * p_a) / (2.0 * spread_a);
    let g_b = -p_a / spread - rho * (1.0 - 2.0 * p_b) / (2.0 * spread_b);
    let all = g_ab + g_a + g_b;
    let mean = g_ab * p_ab + g_a * p_a + g_b * p_b;
    let second = s_ab * all * all + (s_a - s_ab) * g_a * g_a + (s_b - s_ab) * g_b * g_b;
    let standard_error = (clip(second - mean * mean) / (n - 1.0)).sqrt();
    let estimate = Estimate::around(rho, standard_error, confidence.z(), paths, confidence);
    Estimate { lower: estimate.lower.max(-1.0), upper: estimate.upper.min(1.0), ..estimate }
}

/// Position of the pair `a < b` among `count` in the order (0,1), (0,2), .., (1,2), ..
pub(super) fn pair(a: usize, b: usize, count: usize) -> usize {
    a * (2 * count - a - 1) / 2 + b - a - 1
}

/// One bit per path of a block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Mask([u64; 4]);

impl Mask {
    pub(super) fn of_defaults(default_step: &[f64]) -> Self {
        let mut mask = Mask::default();
        for (word, steps) in mask.0.iter_mut().zip(default_step.chunks(64)) {
            for (bit, step) in steps.iter().enumerate() {
                *word |= u64::from(*step < f64::INFINITY) << bit;
            }
        }
        mask
    }

    fn and(self, other: Mask) -> Mask {
        Mask(std::array::from_fn(|word| self.0[word] & other.0[word]))
    }

    fn count(self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }

    pub(super) fn paths(self) -> impl Iterator<Item = usize> {
        self.0.into_iter().enumerate().flat_map(|(word, mut bits)| {
            std::iter::from_fn(move || {
                let bit = bits.trailing_zeros();
                bits &= bits.wrapping_sub(1);
                (bit < 64).then_some(64 * word + bit as usize)
            })
        })
    }
}

/// Counts the paths on which two obligors both default, for every pair. Where all weights are 1 the count is the tally.
pub(super) fn count(defaulted: &[Mask], weights: &[f64], joint: &mut [Tally]) {
    let ordinary = ones(weights);
    let mut pairs = joint.iter_mut();
    for (index, first) in defaulted.iter().enumerate() {
        for (second, pair) in defaulted[index + 1..].iter().zip(&mut pairs) {
            let both = first.and(*second);
            if ordinary {
                pair.merge(&Tally::of(u64::from(both.count())));
            } else {
                both.paths().for_each(|path| pair.add(weights[path]));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    //! Guards: pairs are counted as one counts them by hand; the correlation by hand, its error against theory and simulation, with weights too.
    use super::*;
    use rand::{RngExt, SeedableRng, rngs::StdRng};

    /// A recount path by path, with plain and with likelihood weights, for blocks in full and in part.
    #[test]
    fn joint_defaults_are_the_recount() {
        let mut random = StdRng::seed_from_u64(19);
        for (paths, plain) in [(256, true), (256, false), (77, true), (77, false), (1, false)] {
            let steps: Vec<Vec<f64>> = (0..5)
                .map(|obligor| {
                    let step = |u: f64| if u < 0.15 * f64::from(obligor) { (u * 40.0).ceil() } else { f64::INFINITY };
                    (0..paths).map(|_| step(random.random())).collect()
                })
                .collect();
            let weights: Vec<f64> =
                (0..paths).map(|_| if plain { 1.0 } else { 2.0 * random.random::<f64>() }).collect();
            let masks: Vec<Mask> = steps.iter().map(|steps| Mask::of_defaults(steps)).collect();
            let mut joint = vec![Tally::new(); 10];
            count(&masks, &weights, &mut joint);
            for b in 0..5 {
                for a in 0..b {
                    let mut expected = Tally::new();
                    for path in 0..paths {
                        if steps[a][path].is_finite() && steps[b][path].is_finite() {
                            expected.add(weights[path]);
                        }
                    }
                    assert_eq!(joint[pair(a, b, 5)], expected, "{a} {b} of {paths}");
                }
            }
        }
    }

    #[test]
    fn by_hand() {
        let c = Confidence::default();
        // Independent in the table itself: 40 of 100, half of each. Then the error is 1 / sqrt(n - 1).
        let none = correlation(&Tally::of(40), &Tally::of(50), &Tally::of(20), 100, c);
        assert!(none.value.abs() < 1e-15 && (none.standard_error - 1.0 / 99.0_f64.sqrt()).abs() < 1e-15);
        // One event twice, and an event with its opposite.
        let same = correlation(&Tally::of(30), &Tally::of(30), &Tally::of(30), 100, c);
        assert!((same.value - 1.0).abs() < 1e-14 && same.standard_error < 1e-8 && same.upper <= 1.0);
        let opposite = correlation(&Tally::of(30), &Tally::of(70), &Tally::of(0), 100, c);
        assert!((opposite.value + 1.0).abs() < 1e-14 && opposite.standard_error < 1e-8);
        for never in [Tally::of(0), Tally::of(100)] {
            assert!(!correlation(&never, &Tally::of(30), &Tally::of(0), 100, c).is_defined());
        }
    }

    /// A happens with 0.2; B is A with probability 0.4 and a fresh event of 0.2 otherwise: correlation 0.4. Half of the paths have
    /// weight 0.5 and half 1.5, by a coin of its own, which keeps all probabilities and raises the error.
    #[test]
    fn errors_are_those_of_many_runs() {
        let mut random = StdRng::seed_from_u64(17);
        for light in [1.0, 0.5] {
            let (runs, paths) = (2000, 1000);
            let mut covered = 0;
            let mut standardised = 0.0;
            for _ in 0..runs {
                let mut tallies = [Tally::new(); 3];
                for _ in 0..paths {
                    let weight = if random.random::<f64>() < 0.5 { light } else { 2.0 - light };
                    let a = random.random::<f64>() < 0.2;
                    let b = if random.random::<f64>() < 0.4 { a } else { random.random::<f64>() < 0.2 };
                    for (tally, happened) in tallies.iter_mut().zip([a, b, a && b]) {
                        if happened {
                            tally.add(weight);
                        }
                    }
                }
                let [a, b, both] = &tallies;
                let estimate = correlation(a, b, both, paths, Confidence::default());
                covered += i32::from(estimate.lower <= 0.4 && 0.4 <= estimate.upper);
                standardised += ((estimate.value - 0.4) / estimate.standard_error).powi(2) / f64::from(runs);
            }
            // Sampling, and an asymptotic error of the order of one over the number of joint events, about 100.
            let deviation = (0.95 * 0.05 / f64::from(runs)).sqrt();
            assert!((f64::from(covered) / f64::from(runs) - 0.95).abs() < 5.0 * deviation + 0.01, "{light} {covered}");
            assert!((standardised - 1.0).abs() < 5.0 * (2.0 / f64::from(runs)).sqrt() + 0.02, "{light} {standardised}");
        }
    }
}
