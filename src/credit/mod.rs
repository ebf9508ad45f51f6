//! Who owes, when do they default, and what is lost?
//!
//! A [`Book`] holds the [`Obligor`]s and the [`LiquidationMarket`] into which defaulted collateral is sold.

mod book;
mod liquidation;
mod obligor;

pub use book::{Book, ObligorInfo};
pub(crate) use book::{BookPlan, BookWorkspace};
pub use liquidation::{Asset, AssetLane, Feedback, LiquidationMarket, LiquidationView};
pub use obligor::{Cause, FacilityInfo, FacilityLane, Obligor, ObligorBlock, ObligorPlan, ObligorStepper, Outcome};
