//! Monte Carlo stress testing of GPU-backed and crypto-collateralised credit.
//!
//! Lenders finance perishable silicon with long, rigid debt; miners pledge volatile coins to buy more of it; in stress, coin
//! prices, compute rents and resale values fall together into a secondary market without depth. `haircut` simulates
//! rents, obsolescence, resale values and coins, walks every borrower through its months, sells the collateral of those
//! that default into a market of finite depth, and reports default probabilities and loss distributions with their errors.
//!
//! Its goals, in order of weight: right; reproducible to the bit; fast without a special build; open to your own models;
//! small.
//!
//! # The nouns
//!
//! | noun | what it is |
//! | --- | --- |
//! | [`Factor`](market::Factor) | one stochastic risk factor, stepped for a block of paths at once |
//! | [`Dependence`](market::Dependence) | how the Gaussian drivers of all factors move together |
//! | [`Market`](market::Market) | named factors, in order, with their dependence |
//! | [`Obligor`](credit::Obligor) | what can default: a [`Borrower`](credit::Borrower), or your own |
//! | [`Book`](credit::Book) | the obligors, and the [`LiquidationMarket`](credit::LiquidationMarket) that ties them |
//! | [`Simulation`] | a market, a book, dates, a number of paths, a seed |
//! | [`Measure`](measure::Measure) | an aggregation over paths; tuples of measures are measures |
//! | [`Estimate`](measure::Estimate) | a value with its standard error and interval |
//! | [`Target`](study::Target), [`Mechanism`](study::Mechanism) | what markets shall share, and how their factors fall together |
//! | [`Series`](calibrate::Series), [`Fit`](calibrate::Fit) | observations with their dates, and the model that they give |
//!
//! # Conventions
//!
//! Time is in years from today, rates are decimals a year, money is in USD. A month is a twelfth of a year, a year has
//! 8,760 hours. Losses are discounted to time zero if the [`Book`](credit::Book) names a discount series, and counted from
//! the lender's side: positive is bad.
//!
//! # Features
//!
//! - `parallel` (default): run blocks of paths on all cores with rayon. The results do not depend on it.
//! - `scenario`: read a whole run (market, book, grid, paths) from a TOML scenario.
//! - `plot`: the plots that the command line tool writes, as SVG.
//! - `cli`: the command line tool `haircut`.

// So that helpers of the tests serve unit tests too.
#[cfg(test)]
extern crate self as haircut;

pub mod calibrate;
pub mod comovement;
pub mod credit;
pub mod engine;
mod error;
pub mod market;
pub mod measure;
pub mod numeric;
pub mod sample;
#[cfg(feature = "scenario")]
pub mod scenario;
pub mod study;

pub use engine::Simulation;
pub use error::{Error, check};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
