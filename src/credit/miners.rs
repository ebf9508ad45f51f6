//! Machines that mine coins.

use super::fleet::LARGEST;
use super::quantity::Quantity;
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// Days in a year, to go with a hashprice per day.
pub(super) const DAYS: f64 = 365.0;

/// A fleet of mining machines, which runs while it pays its power.
///
/// In a step of `D` years, with hash rate `H` (EH/s), efficiency `e` (J/TH) and hashprice `h` (USD per PH/s and day):
///
/// ```text
/// revenue = 1000 H h 365 D                  USD (1 EH/s = 1000 PH/s)
/// power   = 1000 H e 8760 D price           USD (1 EH/s at 1 J/TH draws 1000 kW)
/// margin  = max(0, revenue - power)         switched off while it does not pay its power
/// ```
///
/// The other costs, `opex_usd_per_year`, run on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Miners {
    /// Name, for errors and reports.
    pub name: String,
    /// Class of the [`LiquidationMarket`](super::LiquidationMarket) in which the machines are sold.
    pub asset: String,
    /// What is for sale: machines, or PH/s, as the class counts them.
    pub units: f64,
    /// Hash rate, in EH/s.
    pub hashrate_eh_s: f64,
    /// Energy per hash, in J/TH.
    pub efficiency_j_per_th: f64,
    /// Revenue of hash rate, in USD per PH/s and day.
    pub hashprice: Quantity,
    /// Price of power, in USD per kWh.
    pub power_usd_per_kwh: Quantity,
    /// Other costs, in USD a year.
    pub opex_usd_per_year: f64,
}

impl Miners {
    pub(super) fn validate(&self) -> Result<(), Error> {
        check::named("name", &self.name)?;
        check::within("units", self.units, 0.0, LARGEST)?;
        check::within("hashrate_eh_s", self.hashrate_eh_s, 0.0, 1e9)?;
        check::within("efficiency_j_per_th", self.efficiency_j_per_th, 0.0, 1e6)?;
        check::within("opex_usd_per_year", self.opex_usd_per_year, 0.0, LARGEST)
    }
}
