//! Monte Carlo stress testing of GPU-backed and crypto-collateralised credit.

mod error;
pub mod numeric;

pub use error::{Error, check};
