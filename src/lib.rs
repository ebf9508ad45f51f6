//! Monte Carlo stress testing of GPU-backed and crypto-collateralised credit.

pub mod credit;
pub mod engine;
mod error;
pub mod market;
pub mod measure;
pub mod numeric;
pub mod sample;

pub use engine::Simulation;
pub use error::{Error, check};
