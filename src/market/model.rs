//! The built-in models by name, for descriptions that come from a file.

use super::bates::Bates;
use super::bootstrap::Bootstrap;
use super::cir::Cir;
use super::common_jumps::CommonJumps;
use super::constant::Constant;
use super::correlations::Correlations;
use super::counterparty::Counterparty;
use super::credit_conditions::CreditConditions;
use super::deflating_rent::DeflatingRent;
use super::demand_shift::DemandShift;
use super::dependence::{Dependence, DependencePlan, DependenceStepper};
use super::difficulty::Difficulty;
use super::earning_power::EarningPower;
use super::factor::Factor;
use super::gbm::Gbm;
use super::hashprice::Hashprice;
use super::heston::Heston;
use super::kou::Kou;
use super::merton::Merton;
use super::network_hashrate::NetworkHashrate;
use super::obsolescence::Obsolescence;
use super::power_price::PowerPrice;
use super::regime_gbm::RegimeGbm;
use super::regimes::Regimes;
use super::resale::Resale;
use super::short_rate::ShortRate;
use super::stress_driven::StressDriven;
use super::student_t::StudentT;
use super::svcj::Svcj;
use super::tier_rent::TierRent;
use super::unit_cost::UnitCost;
use super::utilisation::Utilisation;
use crate::Error;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Any built-in factor, told apart in a file by `model`.
///
/// ```
/// use haircut::market::{Market, Model};
/// let model: Model = toml::from_str(r#"
///     model = "gbm"
///     initial = 95000.0
///     drift = 0.05
///     volatility = 0.6
/// "#).unwrap();
/// assert!(Market::builder().shared_factor("btc", model.into()).build().is_ok());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "model", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Model {
    /// [`Gbm`].
    Gbm(Gbm),
    /// [`Merton`].
    Merton(Merton),
    /// [`Kou`].
    Kou(Kou),
    /// [`Heston`].
    Heston(Heston),
    /// [`Bates`].
    Bates(Bates),
    /// [`Svcj`].
    Svcj(Svcj),
    /// [`RegimeGbm`].
    RegimeGbm(RegimeGbm),
    /// [`DeflatingRent`].
    DeflatingRent(DeflatingRent),
    /// [`Obsolescence`].
    Obsolescence(Obsolescence),
    /// [`TierRent`].
    TierRent(TierRent),
    /// [`Resale`].
    Resale(Resale),
    /// [`EarningPower`].
    EarningPower(EarningPower),
    /// [`Utilisation`].
    Utilisation(Utilisation),
    /// [`DemandShift`].
    DemandShift(DemandShift),
    /// [`UnitCost`].
    UnitCost(UnitCost),
    /// [`PowerPrice`].
    PowerPrice(PowerPrice),
    /// [`ShortRate`].
    ShortRate(ShortRate),
    /// [`Cir`].
    Cir(Cir),
    /// [`CreditConditions`].
    CreditConditions(CreditConditions),
    /// [`Counterparty`].
    Counterparty(Counterparty),
    /// [`NetworkHashrate`].
    NetworkHashrate(NetworkHashrate),
    /// [`Difficulty`].
    Difficulty(Difficulty),
    /// [`Hashprice`].
    Hashprice(Hashprice),
    /// [`Bootstrap`].
    Bootstrap(Bootstrap),
}

impl From<Model> for Arc<dyn Factor> {
    fn from(model: Model) -> Self {
        match model {
            Model::Gbm(factor) => Arc::new(factor),
            Model::Merton(factor) => Arc::new(factor),
            Model::Kou(factor) => Arc::new(factor),
            Model::Heston(factor) => Arc::new(factor),
            Model::Bates(factor) => Arc::new(factor),
            Model::Svcj(factor) => Arc::new(factor),
            Model::RegimeGbm(factor) => Arc::new(factor),
            Model::DeflatingRent(factor) => Arc::new(factor),
            Model::Obsolescence(factor) => Arc::new(factor),
            Model::TierRent(factor) => Arc::new(factor),
            Model::Resale(factor) => Arc::new(factor),
            Model::EarningPower(factor) => Arc::new(factor),
            Model::Utilisation(factor) => Arc::new(factor),
            Model::DemandShift(factor) => Arc::new(factor),
            Model::UnitCost(factor) => Arc::new(factor),
            Model::PowerPrice(factor) => Arc::new(factor),
            Model::ShortRate(factor) => Arc::new(factor),
            Model::Cir(factor) => Arc::new(factor),
            Model::CreditConditions(factor) => Arc::new(factor),
            Model::Counterparty(factor) => Arc::new(factor),
            Model::NetworkHashrate(factor) => Arc::new(factor),
            Model::Difficulty(factor) => Arc::new(factor),
            Model::Hashprice(factor) => Arc::new(factor),
            Model::Bootstrap(factor) => Arc::new(factor),
        }
    }
}

/// Any built-in dependence, told apart in a file by `kind`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum DependenceModel {
    /// [`Constant`].
    Constant(Constant),
    /// [`Regimes`].
    Regimes(Regimes),
    /// [`StressDriven`].
    StressDriven(StressDriven),
    /// [`StudentT`].
    StudentT(Box<StudentT>),
    /// [`CommonJumps`].
    CommonJumps(Box<CommonJumps>),
}

/// Independent drivers.
impl Default for DependenceModel {
    fn default() -> Self {
        DependenceModel::Constant(Constant { correlation: Correlations::independent() })
    }
}

impl Dependence for DependenceModel {
    fn plan(&self, plan: &mut DependencePlan<'_>) -> Result<Box<dyn DependenceStepper>, Error> {
        match self {
            DependenceModel::Constant(dependence) => dependence.plan(plan),
            DependenceModel::Regimes(dependence) => dependence.plan(plan),
            DependenceModel::StressDriven(dependence) => dependence.plan(plan),
            DependenceModel::StudentT(dependence) => dependence.plan(plan),
            DependenceModel::CommonJumps(dependence) => dependence.plan(plan),
        }
    }
}

impl From<DependenceModel> for Arc<dyn Dependence> {
    fn from(model: DependenceModel) -> Self {
        match model {
            DependenceModel::Constant(dependence) => Arc::new(dependence),
            DependenceModel::Regimes(dependence) => Arc::new(dependence),
            DependenceModel::StressDriven(dependence) => Arc::new(dependence),
            DependenceModel::StudentT(dependence) => Arc::new(*dependence),
            DependenceModel::CommonJumps(dependence) => Arc::new(*dependence),
        }
    }
}
