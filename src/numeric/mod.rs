//! How are numbers computed, and in which units of work?
//!
//! Lanes of paths, kernels compiled for several instruction sets, correlation matrices, the time grid.

mod correlation;
mod grid;
pub mod kernel;
mod lane;
mod nearest;
mod quadrature;
mod simd;

pub use correlation::{Cholesky, Correlation};
pub use grid::{Step, TimeGrid};
pub use lane::{Lane, PATHS, Scratch};
pub use nearest::{Nearest, nearest_correlation};
pub(crate) use quadrature::gauss_legendre;
pub use simd::Level;
