//! What does an assumption change? Descriptions that differ in one thing alone.
//!
//! [`Target::matched`] makes a market for each [`Mechanism`] by which factors fall together, so that all of them have the same volatilities, the
//! same kurtosis and the same correlations: what then differs in a result is the shape of dependence and nothing else.
//!
//! With the feature `scenario`, [`convergence`] does so on a scenario, over a sweep of mechanisms, correlations in stress, frequencies and leverage.

#[cfg(feature = "scenario")]
pub mod convergence;
mod matching;
mod mixture;
mod solving;
mod target;

pub use matching::Mechanism;
pub use target::{Margin, Matched, Target, Unmatched};
