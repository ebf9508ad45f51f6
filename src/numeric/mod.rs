//! How are numbers computed, and in which units of work?
//!
//! Lanes of paths, kernels compiled for several instruction sets, correlation matrices, the time grid.

pub mod kernel;
mod lane;
mod simd;

pub use lane::{Lane, PATHS};
pub use simd::Level;
