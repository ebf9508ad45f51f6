//! The stream of uniforms and normals of one (seed, name, block).

use super::StreamKey;
use super::counter::threefry;
use crate::numeric::kernel::{ln_normal, sin_cos_octant};
use crate::numeric::{Lane, PATHS};
use rand_core::TryRng;
use std::convert::Infallible;
use std::f64::consts::FRAC_PI_2;

/// Generators side by side.
pub(crate) const LANES: usize = 64;

/// One 64-bit word per generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(64))]
struct Words([u64; LANES]);

/// State of the 64 generators, word by word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Generators([Words; 4]);

impl Generators {
    /// The state with this word of this lane.
    pub(super) fn of(state: impl Fn(usize, usize) -> u64) -> Self {
        Generators(std::array::from_fn(|word| Words(std::array::from_fn(|lane| state(word, lane)))))
    }
}

/// A stream of uniforms and normals: 64 generators side by side, started from (seed, name, block).
///
/// How it is made, and why so: [the module](super).
///
/// ```
/// use haircut::numeric::Lane;
/// use haircut::sample::{Stream, StreamKey};
///
/// let key = StreamKey::new(7, "factor/btc");
/// let mut stream = Stream::new(&key, 3);
/// let (mut first, mut again) = (Lane::ZERO, Lane::ZERO);
/// stream.normals(&mut first);
/// stream.restart(&key, 3);
/// stream.normals(&mut again);
/// assert_eq!(first, again);
/// ```
#[derive(Debug, Clone)]
pub struct Stream {
    generators: Generators,
    buffer: Words,
    used: usize,
}

impl Default for Stream {
    /// The stream of seed 0 with an empty name, block 0: a place to [`restart`](Stream::restart) in.
    fn default() -> Self {
        Stream::new(&StreamKey::new(0, ""), 0)
    }
}

impl Stream {
    /// The stream of this key and block, at its start.
    #[must_use]
    pub fn new(key: &StreamKey, block: u64) -> Self {
        let mut stream = Stream { generators: Generators::of(|_, _| 0), buffer: Words([0; LANES]), used: LANES };
        stream.restart(key, block);
        stream
    }

    /// Makes this the stream of another key and block, at its start; no allocation. Blocks differ up to 2^58.
    pub fn restart(&mut self, key: &StreamKey, block: u64) {
        start(key.counter(block.wrapping_mul(LANES as u64)), &mut self.generators);
        self.used = LANES;
    }

    /// One uniform per path: u = max(k, 1/2) 2^-53 with k uniform on the integers of \[0, 2^53), so 0 < u < 1.
    pub fn uniforms(&mut self, lane: &mut Lane) {
        fill_uniforms(&mut self.generators, lane);
    }

    /// One standard normal per path: Box-Muller pairs of paths 64 apart, |z| <= 8.5, within 1.5e-15 of the exact
    /// transform of their words.
    pub fn normals(&mut self, lane: &mut Lane) {
        fill_normals(&mut self.generators, lane);
    }

    /// The next word of each generator. (Words drawn one by one through the generator trait come from a buffer of 64,
    /// which is filled by a call of this, and which lanes drawn in between do not touch.)
    pub fn words(&mut self, words: &mut [u64; LANES]) {
        fill_words(&mut self.generators, words);
    }
}

/// The words one by one, for the samplers of other crates off the hot path.
impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.try_next_u64().map(|word| (word >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        if self.used >= LANES {
            fill_words(&mut self.generators, &mut self.buffer.0);
            self.used = 0;
        }
        let word = self.buffer.0[self.used];
        self.used += 1;
        Ok(word)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            let word = self.try_next_u64()?.to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(())
    }
}

/// One step of xoshiro256++ (D. Blackman, S. Vigna, "Scrambled linear pseudorandom number generators", ACM TOMS 47
/// (2021) 36, doi:10.1145/3460772).
#[inline(always)]
fn step(s: &mut [u64; 4]) -> u64 {
    let word = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
    let t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = s[3].rotate_left(45);
    word
}

/// \[1, 2) from the upper 52 bits.
#[inline(always)]
fn one_to_two(word: u64) -> f64 {
    f64::from_bits((word >> 12) | 0x3FF0_0000_0000_0000)
}

/// max(k, 1/2) 2^-53 with k the upper 53 bits. The lowest of the 53 is subtracted as 1 - 2^-53 in place of 1: both the
/// conversion and the difference are exact, and no instruction is needed that AVX2 lacks.
#[inline(always)]
pub(crate) fn open_uniform(word: u64) -> f64 {
    let almost_one = f64::from_bits(0x3FF0_0000_0000_0000 - ((word >> 11) & 1));
    let u = one_to_two(word) - almost_one;
    const LEAST: f64 = 1.0 / 18_014_398_509_481_984.0;
    if u < LEAST { LEAST } else { u }
}

/// Two words to two independent normals (Box-Muller).
///
/// With v in (0, 1] from the first word, an angle a in \[-pi/4, pi/4) and two signs from the second:
/// sqrt(-2 ln v) (cos(a + pi/4), sin(a + pi/4)) is sqrt(-ln v) (cos a - sin a, cos a + sin a), a point of the first
/// quadrant, and the signs choose among the four: no quadrant has to be selected.
#[inline(always)]
pub(crate) fn normal_pair(first: u64, second: u64) -> (f64, f64) {
    let radius = (0.0 - ln_normal(2.0 - one_to_two(first))).sqrt();
    let (sin, cos) = sin_cos_octant((one_to_two(second) - 1.5) * FRAC_PI_2);
    const SIGN: u64 = 1 << 63;
    let a = radius * (cos + sin);
    let b = radius * (cos - sin);
    (f64::from_bits(a.to_bits() ^ (second << 63)), f64::from_bits(b.to_bits() ^ ((second << 62) & SIGN)))
}

crate::vectorised! {
    pub(super) fn start(counter: [u64; 4], generators: &mut Generators) {
        let [s0, s1, s2, s3] = &mut generators.0;
        for lane in 0..LANES {
            let last = counter[3].wrapping_add(lane as u64);
            let s = threefry([0; 4], [counter[0], counter[1], counter[2], last]);
            s0.0[lane] = s[0];
            s1.0[lane] = s[1];
            s2.0[lane] = s[2];
            s3.0[lane] = s[3];
        }
    }

    pub(super) fn fill_words(generators: &mut Generators, words: &mut [u64; LANES]) {
        let [s0, s1, s2, s3] = &mut generators.0;
        for lane in 0..LANES {
            let mut s = [s0.0[lane], s1.0[lane], s2.0[lane], s3.0[lane]];
            words[lane] = step(&mut s);
            [s0.0[lane], s1.0[lane], s2.0[lane], s3.0[lane]] = s;
        }
    }

    fn fill_uniforms(generators: &mut Generators, uniforms: &mut Lane) {
        let [s0, s1, s2, s3] = &mut generators.0;
        for lane in 0..LANES {
            let mut s = [s0.0[lane], s1.0[lane], s2.0[lane], s3.0[lane]];
            for draw in 0..PATHS / LANES {
                uniforms[draw * LANES + lane] = open_uniform(step(&mut s));
            }
            [s0.0[lane], s1.0[lane], s2.0[lane], s3.0[lane]] = s;
        }
    }

    fn fill_normals(generators: &mut Generators, normals: &mut Lane) {
        let [s0, s1, s2, s3] = &mut generators.0;
        for lane in 0..LANES {
            let mut s = [s0.0[lane], s1.0[lane], s2.0[lane], s3.0[lane]];
            for pair in 0..PATHS / LANES / 2 {
                let (first, second) = (step(&mut s), step(&mut s));
                let (a, b) = normal_pair(first, second);
                normals[2 * pair * LANES + lane] = a;
                normals[(2 * pair + 1) * LANES + lane] = b;
            }
            [s0.0[lane], s1.0[lane], s2.0[lane], s3.0[lane]] = s;
        }
    }
}
