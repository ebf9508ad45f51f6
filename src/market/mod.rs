//! What moves? Risk factors and how they move together.
//!
//! A [`Market`] is a list of named [`Factor`]s, in order, with a [`Dependence`] between their Gaussian drivers.
//!
//! | what moves | factor |
//! | --- | --- |
//! | a coin | [`Gbm`], [`Merton`], [`Kou`], [`Heston`], [`Bates`], [`Svcj`], [`RegimeGbm`] |
//! | mining | [`NetworkHashrate`], [`Difficulty`], [`Hashprice`] |
//! | compute | [`Obsolescence`], [`DeflatingRent`], [`TierRent`], [`Resale`], [`EarningPower`], [`Utilisation`], [`DemandShift`], [`UnitCost`], [`PowerPrice`] |
//! | money | [`ShortRate`], [`Cir`], [`CreditConditions`] |
//! | a tenant, a guarantor, a sponsor | [`Counterparty`] |
//! | anything on record | [`Bootstrap`] |
//!
//! Together they move by a [`Constant`] correlation matrix, by [`Regimes`], or by correlations that rise as a price falls
//! ([`StressDriven`]); on top of any of these may come fat joint tails ([`StudentT`]) and jumps that hit several at once
//! ([`CommonJumps`]).

mod bates;
mod block_reward;
mod bootstrap;
mod by_regime;
mod chain;
mod cir;
mod coming_launches;
mod common_jumps;
mod constant;
mod correlations;
mod counterparty;
mod credit_conditions;
mod decline;
mod deflating_rent;
mod demand_shift;
mod dependence;
mod difficulty;
mod earning_power;
mod factor;
mod gbm;
mod hashprice;
mod heston;
mod history;
mod integrated_ou;
mod jumps;
mod kou;
mod lanes;
mod launches;
mod merton;
mod model;
mod network_hashrate;
mod normal_margin;
mod obsolescence;
mod ou;
mod outlook;
mod per_step;
mod plan;
mod power_price;
mod quadratic_exponential;
mod range;
mod regime_gbm;
mod regimes;
mod resale;
mod shift;
mod short_rate;
mod shots;
mod sparse;
mod stress_driven;
mod strip;
mod student_t;
mod svcj;
mod tier_rent;
mod unit_cost;
mod utilisation;

pub use bates::Bates;
pub use block_reward::BlockReward;
pub use bootstrap::{Bootstrap, ResampledSeries};
pub use cir::Cir;
pub use common_jumps::{CommonJumps, JumpSize};
pub use constant::Constant;
pub use correlations::Correlations;
pub use counterparty::Counterparty;
pub use credit_conditions::{ConditionSeries, CreditConditions};
pub use deflating_rent::{DeflatingRent, ListJumps};
pub use demand_shift::DemandShift;
pub use dependence::{Dependence, DependenceBlock, DependencePlan, DependenceStepper};
pub use difficulty::Difficulty;
pub use earning_power::EarningPower;
pub use factor::{Factor, FactorBlock, FactorPlan, FactorStepper, Modulation};
pub use gbm::Gbm;
pub use hashprice::Hashprice;
pub use heston::Heston;
pub use history::{History, PriceTable};
pub use kou::Kou;
pub use lanes::{
    DriverLane, Drivers, JumpLane, JumpLanes, OwnLane, OwnLanes, OwnStream, OwnStreams, ReadLane, ReadLanes,
};
pub use launches::Excitation;
pub use merton::Merton;
pub use model::{DependenceModel, Model};
pub use network_hashrate::NetworkHashrate;
pub(crate) use normal_margin::NormalMargin;
pub use obsolescence::Obsolescence;
pub use plan::{Market, MarketBuilder};
pub(crate) use plan::{MarketPlan, MarketWorkspace, START};
pub use power_price::PowerPrice;
pub use regime_gbm::{PriceRegime, RegimeGbm};
pub use regimes::{Regime, Regimes, Transitions};
pub use resale::{LaunchShock, Resale};
pub use shift::{Change, Curve};
pub use short_rate::ShortRate;
pub use stress_driven::{StressDriven, StressIndex};
pub use student_t::{Margins, StudentT};
pub use svcj::Svcj;
pub use tier_rent::TierRent;
pub use unit_cost::UnitCost;
pub use utilisation::Utilisation;
