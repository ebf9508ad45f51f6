//! The statistical quality of the streams, at the places where generators that are seeded carelessly fail: neighbouring
//! seeds, names, blocks and lanes, the pair that one Box-Muller turn gives, and the tails past five sigma.
//!
//! One correlation over one pair of streams would miss a weak dependence that all pairs share; so products are
//! pooled over many pairs. Bounds are 5 standard errors, or a probability of 1e-6, and everything is seeded.

use haircut::numeric::kernel::normal_cdf;
use haircut::numeric::{Lane, PATHS};
use haircut::sample::{Stream, StreamKey, event};
use rand::{Rng as _, RngExt as _};
use statrs::distribution::{Beta, ContinuousCDF, DiscreteCDF, Gamma, Poisson};
use std::collections::HashSet;

const DRAWS: usize = 10_000_000;
const LANES_IN_DRAWS: usize = DRAWS / PATHS;

/// `P(sqrt(n) D > 2.70) < 1e-6` for Kolmogorov's statistic D of n draws: 2 exp(-2 x^2) = 9.3e-7.
const KOLMOGOROV: f64 = 2.70;

/// Kolmogorov's statistic times sqrt(n), for values that should be uniform on (0, 1).
fn kolmogorov(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let n = values.len() as f64;
    let distance = values
        .iter()
        .enumerate()
        .fold(0.0_f64, |d, (k, u)| d.max((u - k as f64 / n).abs()).max(((k + 1) as f64 / n - u).abs()));
    distance * n.sqrt()
}

/// Chi-square over equal cells of (0, 1), as a standard normal (Wilson and Hilferty).
fn chi_square(values: &[f64], cells: usize) -> f64 {
    let mut counts = vec![0_u64; cells];
    for u in values {
        counts[((u * cells as f64) as usize).min(cells - 1)] += 1;
    }
    standardised(&counts, values.len() as f64 / cells as f64)
}

fn standardised(counts: &[u64], expected: f64) -> f64 {
    let chi: f64 = counts.iter().map(|count| (*count as f64 - expected).powi(2) / expected).sum();
    let freedom = (counts.len() - 1) as f64;
    let spread = 2.0 / (9.0 * freedom);
    ((chi / freedom).cbrt() - (1.0 - spread)) / spread.sqrt()
}

fn draw(stream: &mut Stream, lanes: usize, fill: fn(&mut Stream, &mut Lane)) -> Vec<f64> {
    let mut lane = Lane::ZERO;
    let mut values = Vec::with_capacity(lanes * PATHS);
    for _ in 0..lanes {
        fill(stream, &mut lane);
        values.extend_from_slice(&lane[..]);
    }
    values
}

/// A sum of products whose terms have mean 0 and variance 1, as a standard normal.
#[derive(Default)]
struct Pooled {
    sum: f64,
    terms: f64,
}

impl Pooled {
    fn add(&mut self, product: f64) {
        self.sum += product;
        self.terms += 1.0;
    }

    fn z(&self) -> f64 {
        assert!(self.terms >= 1e5, "too few terms to say anything: {}", self.terms);
        self.sum / self.terms.sqrt()
    }

    fn check(&self, what: &str) {
        assert!(self.z().abs() < 5.0, "{what}: z = {}", self.z());
    }
}

/// Correlations of two sets of normals that should be independent: values, squares, and value with square.
struct Dependence {
    what: String,
    values: Pooled,
    squares: Pooled,
    mixed: Pooled,
}

impl Dependence {
    fn new(what: impl Into<String>) -> Self {
        Dependence {
            what: what.into(),
            values: Pooled::default(),
            squares: Pooled::default(),
            mixed: Pooled::default(),
        }
    }

    fn add(&mut self, a: f64, b: f64) {
        self.values.add(a * b);
        // z^2 has mean 1 and variance 2.
        self.squares.add(0.5 * (a * a - 1.0) * (b * b - 1.0));
        self.mixed.add(std::f64::consts::FRAC_1_SQRT_2 * (a * a - 1.0) * b);
    }

    fn check(&self) {
        self.values.check(&format!("{}, values", self.what));
        self.squares.check(&format!("{}, squares", self.what));
        self.mixed.check(&format!("{}, square and value", self.what));
    }
}

#[test]
fn uniforms_are_uniform() {
    let values = draw(&mut Stream::new(&StreamKey::new(1, "uniform"), 0), LANES_IN_DRAWS, Stream::uniforms);
    assert!(values.iter().all(|u| *u > 0.0 && *u < 1.0));
    assert!(chi_square(&values, 1_000).abs() < 5.0);
    // The lowest bits, which a poor conversion loses: position within a cell of width 2^-30.
    let low: Vec<f64> = values.iter().map(|u| (u * 1_073_741_824.0).fract()).collect();
    assert!(chi_square(&low, 1 << 12).abs() < 5.0);
    // Pairs of successive draws of a path, on a square of 64 x 64.
    let mut square = vec![0; 4096];
    for two in values.chunks_exact(2 * PATHS) {
        for path in 0..PATHS {
            square[(two[path] * 64.0) as usize * 64 + (two[path + PATHS] * 64.0) as usize] += 1;
        }
    }
    assert!(standardised(&square, (values.len() / 2) as f64 / 4096.0).abs() < 5.0);
    assert!(kolmogorov(values) < KOLMOGOROV);
}

#[test]
fn normals_are_normal() {
    let values = draw(&mut Stream::new(&StreamKey::new(1, "normal"), 0), LANES_IN_DRAWS, Stream::normals);
    let n = values.len() as f64;
    // E z^k, and the variance of z^k, of the standard normal: (2k-1)!! - (E z^k)^2.
    for (power, mean, variance) in
        [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0), (5, 0.0, 945.0), (6, 15.0, 10_170.0)]
    {
        let moment = values.iter().map(|z| z.powi(power)).sum::<f64>() / n;
        let z = (moment - mean) / f64::sqrt(variance / n);
        assert!(z.abs() < 5.0, "moment {power} is {moment}: z = {z}");
    }
    let uniform: Vec<f64> = values.iter().map(|z| normal_cdf(*z)).collect();
    assert!(chi_square(&uniform, 1_000).abs() < 5.0);
    assert!(kolmogorov(uniform) < KOLMOGOROV);
}

/// Counts beyond 3.5 to 6 sigma in 4e8 normals, each side by itself, within a probability of 1e-6 of the Poisson law.
#[test]
fn tails_hold_past_five_sigma() {
    const LANES: u64 = 1_600_000;
    const BOUNDS: [f64; 6] = [3.5, 4.0, 4.5, 5.0, 5.5, 6.0];
    let mut stream = Stream::new(&StreamKey::new(3, "tails"), 0);
    let mut lane = Lane::ZERO;
    let mut beyond = [[0_u64; 6]; 2];
    for _ in 0..LANES {
        stream.normals(&mut lane);
        let rare: u32 = lane.iter().map(|z| u32::from(z.abs() > BOUNDS[0])).sum();
        if rare > 0 {
            for z in lane.iter().filter(|z| z.abs() > BOUNDS[0]) {
                for (k, bound) in BOUNDS.iter().enumerate() {
                    beyond[usize::from(*z > 0.0)][k] += u64::from(z.abs() > *bound);
                }
            }
        }
    }
    for counts in beyond {
        for (count, bound) in counts.into_iter().zip(BOUNDS) {
            let expected = (LANES * PATHS as u64) as f64 * normal_cdf(-bound);
            let law = Poisson::new(expected).unwrap();
            let below = law.cdf(count);
            let above = if count == 0 { 1.0 } else { law.sf(count - 1) };
            assert!(below.min(above) > 1e-6, "{count} beyond {bound}, expected {expected}");
        }
    }
}

#[test]
fn the_open_interval_is_open() {
    assert_eq!(event::uniform(0).to_bits(), (0.5_f64.powi(54)).to_bits());
    assert_eq!(event::uniform(u64::MAX).to_bits(), (1.0 - 0.5_f64.powi(53)).to_bits());
    // k 2^-53 with k the upper 53 bits, for every single bit.
    for bit in 0..53 {
        assert_eq!(event::uniform(1 << (bit + 11)).to_bits(), (0.5_f64.powi(53 - bit)).to_bits());
    }
    assert_eq!(event::uniform(0x7FF).to_bits(), (0.5_f64.powi(54)).to_bits());
    // The least and the greatest radius of Box-Muller: finite.
    for (first, second) in [(0, 0), (u64::MAX, 0), (0, u64::MAX), (u64::MAX, u64::MAX)] {
        let (a, b) = event::normals(first, second);
        assert!(a.is_finite() && b.is_finite() && a.abs() < 8.6 && b.abs() < 8.6);
    }
}

/// The streams that a run keeps apart: neighbouring seeds, blocks, and names that differ in one letter. Neighbours are
/// compared draw by draw, and shifted by one draw.
#[test]
fn neighbouring_streams_are_independent() {
    const PAIRS: u64 = 200;
    const LANES: usize = 8;
    let name = |k: u64| format!("obligor/{k}");
    type Neighbours = fn(u64, &dyn Fn(u64) -> String) -> [(StreamKey, u64); 2];
    let cases: [(&str, Neighbours); 4] = [
        ("seeds", |k, _| [(StreamKey::new(k, "btc"), 5), (StreamKey::new(k + 1, "btc"), 5)]),
        ("blocks", |k, _| [(StreamKey::new(9, "btc"), k), (StreamKey::new(9, "btc"), k + 1)]),
        ("names", |k, name| [(StreamKey::new(9, &name(k)), 5), (StreamKey::new(9, &name(k + 1)), 5)]),
        ("seed against block", |k, _| [(StreamKey::new(k + 1, "btc"), k), (StreamKey::new(k, "btc"), k + 1)]),
    ];
    for (what, neighbours) in cases {
        let mut together = Dependence::new(format!("neighbouring {what}"));
        let mut shifted = Dependence::new(format!("neighbouring {what}, one draw later"));
        for k in 0..PAIRS {
            let [(a, block_a), (b, block_b)] = neighbours(2 * k, &name);
            let a = draw(&mut Stream::new(&a, block_a), LANES, Stream::normals);
            let b = draw(&mut Stream::new(&b, block_b), LANES, Stream::normals);
            for i in 0..a.len() {
                together.add(a[i], b[i]);
                shifted.add(a[i], b[(i + PATHS) % b.len()]);
            }
        }
        together.check();
        shifted.check();
    }
}

/// Within a stream: between paths at every distance that the layout could favour (neighbouring lanes, the two halves
/// of a Box-Muller pair at distance 64, the two pairs at 128), and between successive draws of a path.
#[test]
fn paths_and_draws_are_independent() {
    const LANES: usize = 4_000;
    let values = draw(&mut Stream::new(&StreamKey::new(4, "within"), 1), LANES, Stream::normals);
    for distance in [1, 2, 4, 8, 32, 63, 64, 65, 127, 128, 192] {
        let mut dependence = Dependence::new(format!("paths {distance} apart"));
        for lane in values.chunks_exact(PATHS) {
            for path in 0..PATHS - distance {
                dependence.add(lane[path], lane[path + distance]);
            }
        }
        dependence.check();
    }
    for steps in 1..=8 {
        let mut dependence = Dependence::new(format!("draws {steps} steps apart"));
        for k in 0..values.len() - steps * PATHS {
            dependence.add(values[k], values[k + steps * PATHS]);
        }
        dependence.check();
    }
}

/// The first words over neighbouring seeds, names and blocks: each of the 64 bits is set half the time, and half of the
/// bits change from one to the next (a linear generator that is seeded by a counter fails here).
#[test]
fn first_words_do_not_know_their_neighbours() {
    const STARTS: u64 = 4_096;
    type Start = fn(u64) -> (StreamKey, u64);
    let starts: [(&str, Start); 3] = [
        ("seed", |k| (StreamKey::new(k, "btc"), 0)),
        ("block", |k| (StreamKey::new(1, "btc"), k)),
        ("name", |k| (StreamKey::new(1, &format!("factor/{k}")), 0)),
    ];
    for (what, start) in starts {
        let mut stream = Stream::default();
        let mut before = [0; 64];
        let (mut set, mut changed) = ([0_u64; 64], [0_u64; 64]);
        for k in 0..STARTS {
            let (key, block) = start(k);
            stream.restart(&key, block);
            let mut words = [0; 64];
            stream.words(&mut words);
            for (word, last) in words.iter().zip(&before) {
                for bit in 0..64 {
                    set[bit] += word >> bit & 1;
                    changed[bit] += (word ^ last) >> bit & 1;
                }
            }
            before = words;
        }
        let n = (STARTS * 64) as f64;
        for counts in [set, changed] {
            for (bit, count) in counts.iter().enumerate() {
                let z = (*count as f64 - 0.5 * n) / (0.25 * n).sqrt();
                assert!(z.abs() < 5.0, "{what}, bit {bit}: z = {z}");
            }
        }
    }
}

#[test]
fn no_two_streams_start_alike() {
    let mut seen = HashSet::new();
    let mut stream = Stream::default();
    for seed in [0, 1, 2, u64::MAX] {
        for name in ["", "a", "b", "ab", "ba", "btc", "eth"] {
            let key = StreamKey::new(seed, name);
            for block in (0..64).chain([1 << 32, (1 << 58) - 1]) {
                stream.restart(&key, block);
                let mut words = [0; 64];
                stream.words(&mut words);
                for word in words {
                    assert!(seen.insert(word), "seed {seed}, name {name:?}, block {block}");
                }
            }
        }
    }
}

#[test]
fn a_restarted_stream_is_a_new_one() {
    let key = StreamKey::new(8, "again");
    let mut used = Stream::new(&StreamKey::new(1, "other"), 3);
    let mut lane = Lane::ZERO;
    used.normals(&mut lane);
    // A word taken one by one leaves others buffered; a restart must drop them.
    let _ = used.next_u64();
    used.restart(&key, 17);
    let mut new = Stream::new(&key, 17);
    for _ in 0..3 {
        assert_eq!(used.next_u64(), new.next_u64());
        let mut other = Lane::ZERO;
        used.uniforms(&mut lane);
        new.uniforms(&mut other);
        assert_eq!(lane, other);
        used.normals(&mut lane);
        new.normals(&mut other);
        assert_eq!(lane, other);
    }
}

/// The samplers of `rand` draw from the same words, in the order of the lanes.
#[test]
fn the_generator_trait_hands_out_the_words() {
    let key = StreamKey::new(8, "words");
    let (mut stream, mut blocks) = (Stream::new(&key, 0), Stream::new(&key, 0));
    let mut words = [0; 64];
    for _ in 0..3 {
        blocks.words(&mut words);
        for word in words {
            assert_eq!(stream.next_u64(), word);
        }
    }
    blocks.words(&mut words);
    assert_eq!(u64::from(stream.next_u32()), words[0] >> 32);
    let mut bytes = [0; 11];
    stream.fill_bytes(&mut bytes);
    assert_eq!(bytes[..8], words[1].to_le_bytes());
    assert_eq!(bytes[8..], words[2].to_le_bytes()[..3]);

    let mean = (0..100_000).map(|_| stream.random::<f64>()).sum::<f64>() / 1e5;
    assert!((mean - 0.5).abs() < 5.0 * f64::sqrt(1.0 / 12.0 / 1e5));
}

/// Events of neighbouring paths and neighbouring indices of a path, and events against the stream of the same name.
#[test]
fn events_are_independent() {
    const PATHS_DRAWN: u64 = 100_000;
    let key = StreamKey::new(6, "jumps");
    let normal = |path, index| {
        let words = key.event(path, index);
        event::normals(words[0], words[1]).0
    };
    let mut paths = Dependence::new("events of neighbouring paths");
    let mut indices = Dependence::new("successive events of a path");
    let mut swapped = Dependence::new("event (i, j) against (j, i)");
    let mut stream = Dependence::new("events against the stream of the same name");
    let plain = draw(&mut Stream::new(&key, 0), 400, Stream::normals);
    for path in 0..PATHS_DRAWN + 100 {
        for index in 0..2 {
            paths.add(normal(path, index), normal(path + 1, index));
        }
        indices.add(normal(path, 0), normal(path, 1));
        swapped.add(normal(path + 2, 1), normal(1, path + 2));
        stream.add(normal(path, 0), plain[path as usize]);
    }
    for dependence in [paths, indices, swapped, stream] {
        dependence.check();
    }
    // The words of one event.
    let mut words = [Pooled::default(), Pooled::default(), Pooled::default()];
    for path in 0..PATHS_DRAWN + 100 {
        let event = key.event(path, 3).map(|word| (event::uniform(word) - 0.5) * 12.0_f64.sqrt());
        for k in 0..3 {
            words[k].add(event[k] * event[k + 1]);
        }
    }
    for pooled in words {
        pooled.check("words of an event");
    }
}

/// Gamma and beta by their distribution functions, below, at and above shape 1.
#[test]
fn gamma_and_beta_follow_their_laws() {
    const DRAWS: u64 = 50_000;
    let key = StreamKey::new(6, "recovery");
    for (number, shape) in [0.3, 1.0, 2.5, 40.0].into_iter().enumerate() {
        let law = Gamma::new(shape, 1.0).unwrap();
        let values = (0..DRAWS).map(|path| law.cdf(key.gamma(path, number as u64, shape))).collect();
        let d = kolmogorov(values);
        assert!(d < KOLMOGOROV, "gamma({shape}): {d}");
    }
    for (number, (a, b)) in [(0.5, 0.5), (2.0, 3.5), (8.0, 1.0)].into_iter().enumerate() {
        let law = Beta::new(a, b).unwrap();
        let values = (0..DRAWS).map(|path| law.cdf(key.beta(path, 10 + number as u64, a, b))).collect();
        let d = kolmogorov(values);
        assert!(d < KOLMOGOROV, "beta({a}, {b}): {d}");
    }
    let exponential = (0..DRAWS).map(|path| 1.0 - (-event::exponential(key.event(path, 20)[0])).exp()).collect();
    assert!(kolmogorov(exponential) < KOLMOGOROV);
    for shape in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(key.gamma(0, 0, shape).is_nan());
        assert!(key.beta(0, 0, shape, 1.0).is_nan());
        assert!(key.beta(0, 0, 1.0, shape).is_nan());
    }
    // Tiny shapes put nearly all mass at 0 and 1; the ratio must not become 0 / 0.
    for path in 0..1_000 {
        for shape in [1e-3, 1e-310] {
            let x = key.beta(path, 30, shape, shape);
            assert!((0.0..=1.0).contains(&x), "{x}");
        }
    }
}

/// The checks of this file, given what they are there to find.
#[test]
fn the_checks_can_fail() {
    let uniform = draw(&mut Stream::new(&StreamKey::new(2, "checks"), 0), 4_000, Stream::uniforms);
    assert!(kolmogorov(uniform.clone()) < KOLMOGOROV);
    assert!(chi_square(&uniform, 100).abs() < 5.0);
    // A grid of 8 bits, a density that rises by one part in 50, a value that never comes.
    let coarse: Vec<f64> = uniform.iter().map(|u| (u * 256.0).floor() / 256.0).collect();
    assert!(kolmogorov(coarse) > KOLMOGOROV);
    let slanted: Vec<f64> = uniform.iter().map(|u| u.powf(1.02)).collect();
    assert!(kolmogorov(slanted.clone()) > KOLMOGOROV);
    assert!(chi_square(&slanted, 100) > 5.0);
    let hole: Vec<f64> = uniform.iter().map(|u| if (0.500..0.501).contains(u) { 0.51 } else { *u }).collect();
    assert!(chi_square(&hole, 1_000) > 5.0);

    // A shared radius, a shared value in one pair of a hundred, and seeds that share their stream.
    let z = draw(&mut Stream::new(&StreamKey::new(2, "checks"), 0), 4_000, Stream::normals);
    let (half, rest) = z.split_at(z.len() / 2);
    let found = |pair: &dyn Fn(usize) -> (f64, f64)| {
        let mut dependence = Dependence::new("planted");
        for k in 0..half.len() {
            let (a, b) = pair(k);
            dependence.add(a, b);
        }
        [dependence.values.z(), dependence.squares.z(), dependence.mixed.z()].map(|z| z.abs() > 5.0)
    };
    assert_eq!(found(&|k| (half[k], rest[k])), [false; 3]);
    assert!(found(&|k| (half[k], if half[k].abs() < 1.0 { rest[k] * 1.05 } else { rest[k] }))[1]);
    assert!(found(&|k| (half[k], if k % 100 == 0 { half[k] } else { rest[k] }))[0]);
    assert!(found(&|k| (half[k], rest[k] + 0.02 * (half[k] * half[k] - 1.0)))[2]);
}
