//! Where does randomness come from? (Interim: replaced by the lanes of xoshiro256++.)
mod digest;
pub use digest::Digest;

use crate::numeric::{Lane, PATHS};

/// Key of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamKey {
    name: u128,
    seed: u64,
}
impl StreamKey {
    /// A key.
    #[must_use]
    pub fn new(seed: u64, name: &str) -> Self {
        StreamKey {
            name: {
                let mut digest = Digest::new();
                let _ = std::fmt::Write::write_str(&mut digest, name);
                digest.value()
            },
            seed,
        }
    }
}
/// A stream.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    state: u64,
}
impl Stream {
    /// Puts the stream at the beginning of a block.
    pub fn restart(&mut self, key: &StreamKey, block: u64) {
        self.state = key.seed ^ (key.name as u64) ^ block.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
    /// Uniforms.
    pub fn uniforms(&mut self, lane: &mut Lane) {
        for i in 0..PATHS {
            lane[i] = ((self.next() >> 11) as f64).max(0.5) * (1.0 / (1u64 << 53) as f64);
        }
    }
    /// Normals.
    pub fn normals(&mut self, lane: &mut Lane) {
        let (mut a, mut b) = (Lane::ZERO, Lane::ZERO);
        self.uniforms(&mut a);
        self.uniforms(&mut b);
        for i in 0..PATHS {
            lane[i] = (-2.0 * a[i].ln()).sqrt() * (std::f64::consts::TAU * b[i]).cos();
        }
    }
}
