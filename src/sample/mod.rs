//! Where does randomness come from?
//!
//! A [`Stream`] gives lanes of uniforms and normals, keyed by (seed, name, block); [`StreamKey::event`] gives sparse draws,
//! keyed by (seed, name, path, index), whose words [`event`] turns into variates. Nothing else in the crate makes
//! randomness: the same key gives the same bits on any machine, thread and instruction set, and adding a factor
//! or an obligor leaves the draws of all others as they were.
//!
//! # The generator
//!
//! 64 generators xoshiro256++ side by side, their state word by word in arrays that one plain loop steps. Lane l of
//! block b starts from the Threefry-4x64-20 image of the counter (seed, name, 64 b + l), where the name is its FNV-1a hash
//! of 128 bits. Threefry is a bijection of 256 bits for its (fixed, zero) key: two lanes start alike only if seed, hash,
//! block and lane are the same. That two lanes ever overlap within a run of L draws each has probability below (number of
//! lanes)^2 L / 2^256.
//!
//! One step hands out 64 words. A lane of 256 uniforms takes four steps; a lane of normals takes the first and second
//! pair of steps for a Box-Muller pair each, whose halves go to paths 64 apart.
//!
//! # Why these
//!
//! Measured on one core of an AMD Zen 5 at 3.5 GHz, ns per value (`cargo bench --bench kernels`; the alternatives by
//! hand-written intrinsics):
//!
//! | | AVX2 | AVX-512 |
//! | --- | ---: | ---: |
//! | uniform, xoshiro256++, 64 lanes (this) | 0.47 | 0.18 |
//! | uniform, Philox4x32-10 | 1.74 | 0.61 |
//! | uniform, xoshiro256++ one by one | 1.18 | 1.18 |
//! | normal, Box-Muller on xoshiro256++ (this) | 1.28 | 0.58 |
//! | the same, intrinsics | 1.25 | 0.58 |
//! | normal, Box-Muller on Philox4x32-10 | 2.79 | 1.34 |
//! | normal, quantile on xoshiro256++ (`normal_quantile_in_place`) | 2.63 | 2.02 |
//! | normal, ziggurat on xoshiro256++ | 1.61 | 1.96 |
//! | normal, ziggurat one by one (rand_distr) | 1.96 | 1.96 |
//!
//! - A counter-based generator for every draw would make the keys simpler still, and costs twice as much a
//!   normal. Here the counter-based one starts the streams (0.15 us a block with AVX-512, 0.43 with AVX2, for 64 lanes), and
//!   draws what is sparse.
//! - Box-Muller takes a fixed number of words, has no branch, and its error (1.5e-15 absolute) is below what any
//!   test of the distribution sees. Its radius comes from 52 bits, so |z| <= 8.5; beyond lie 2e-17 of the law. Points of a
//!   quasi-random sequence or of strata go through [`normal_quantile`](crate::numeric::kernel::normal_quantile) instead,
//!   which keeps their order.
//! - With 8 generators in small arrays the compiler kept the loop scalar (1.3 ns a uniform); with 64 in arrays of their own
//!   it uses whole vectors. The state (2 KB) is read and written once per lane of 256 values.
//! - xoshiro256++ passes BigCrush and PractRand; linear dependencies that remain in other generators of the family are
//!   broken by its output function. `tests/streams.rs` holds neighbouring seeds, names, blocks and paths to independence.

mod counter;
mod digest;
pub mod event;
mod key;
#[cfg(test)]
mod known_answers;
mod stream;

pub use digest::Digest;
pub use key::{StreamKey, StreamName};
pub use stream::Stream;
