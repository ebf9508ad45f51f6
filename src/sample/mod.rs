//! Where does randomness come from?
//!
//! Streams of uniforms and normals keyed by (seed, name, block), and sparse draws keyed by (seed, name, path, event).

mod counter;
mod digest;
pub mod event;
mod key;
#[cfg(test)]
mod known_answers;
mod stream;

pub use digest::Digest;
pub use key::StreamKey;
pub use stream::Stream;
