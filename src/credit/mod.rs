//! Who owes, when do they default, and what is lost?
//!
//! A [`Book`] holds the [`Obligor`]s and the [`LiquidationMarket`] into which defaulted collateral is sold.

mod book;
mod borrower;
mod clearing;
mod contract;
mod conversion;
mod covenant;
mod delivery;
mod draws;
mod facility;
mod fleet;
mod hired;
mod liquidation;
mod margin;
mod maturity;
mod miners;
mod obligor;
mod quantity;
mod response;
mod schedule;
mod security;
mod shared;
mod sponsor;
mod surplus;
mod tax;
mod treasury;

pub use book::{Book, ObligorInfo};
pub(crate) use book::{BookPlan, BookWorkspace};
pub use borrower::{Borrower, Disposal, Distribution, StepIn};
pub use clearing::{Clearing, ClearingNetwork};
pub use contract::{Backstop, Contract, Prepayment, TakeOrPay};
pub use conversion::{Conversion, SoftCall};
pub use covenant::{Acceleration, Covenant, CovenantTest, EquityCure};
pub use delivery::{ContractTerm, Delivery};
pub use draws::{Draws, Repaid};
pub use facility::{Amortisation, Coupon, Facility, Floating};
pub use fleet::Fleet;
pub use hired::Hired;
pub use liquidation::{
    Asset, AssetLane, Buyers, Conditions, DepthUnit, Feedback, ImpactForm, LiquidationMarket, LiquidationView,
};
pub use margin::Margin;
pub use maturity::{CashTrap, Extension, Funding, Refinancing};
pub use miners::Miners;
pub use obligor::{Cause, FacilityInfo, FacilityLane, Obligor, ObligorBlock, ObligorPlan, ObligorStepper, Outcome};
pub use quantity::Quantity;
pub use response::{CoinSales, Response};
pub use security::{Lien, Recourse, Security};
pub use shared::{SharedLane, SharedLanes};
pub use sponsor::{Sponsor, SupportForm};
pub use surplus::{Reserve, Sweep};
pub use tax::{Losses, Outlay, Settlement, Tax};
pub use treasury::Treasury;
