//! Machines that are let by the hour.

use super::contract::{Contract, whole};
use super::delivery::{ContractTerm, Delivered, Delivery};
use super::quantity::Quantity;
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// Hours in a year of 365 days.
pub(super) const HOURS: f64 = 8760.0;

/// The largest number of a description: of USD, units, hours. Beyond it sums of money lose their cents, and a product of
/// a few of them its finiteness.
pub(super) const LARGEST: f64 = 1e15;

/// A fleet of one generation of accelerators: what it earns, what it costs to run, and as what class it is collateral.
///
/// In a step of `D` years, with `n` units, contracts `c` of share `s_c`, rate `r_c` and collected part `l_c` that are in
/// force for a part `a_c` of the step, spot rent `R` and utilisation `u` at the end of the step:
///
/// ```text
/// revenue = 8760 D n [ sum_c a_c s_c r_c l_c w_c + (1 - sum_c a_c s_c) rent_share R u ]  USD; w_c see TakeOrPay
/// power   = 8760 D n kW PUE price                                                      USD, drawn by all units
/// other   = 8760 D n opex                                                              USD
/// ```
///
/// | symbol | field | unit |
/// | --- | --- | --- |
/// | `n` | `units` | machines |
/// | `R` | `rent` | USD per unit-hour |
/// | `u` | `utilisation` | part of the hours, 0 to 1 |
/// | `kW` | `power_kw_per_unit` | kW at the socket of one unit |
/// | `price` | `power_usd_per_kwh` | USD per kWh |
/// | `opex` | `opex_usd_per_unit_hour` | USD per unit-hour |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fleet {
    /// Name, for errors and reports.
    pub name: String,
    /// Class of the [`LiquidationMarket`](super::LiquidationMarket) in which the units are sold.
    pub asset: String,
    /// How many machines.
    pub units: f64,
    /// What one of them cost, in USD. Paid before the run begins: for loan-to-cost in reports, not for cash.
    pub capex_usd_per_unit: f64,
    /// Power of one unit, in kW.
    pub power_kw_per_unit: f64,
    /// Power usage effectiveness: power drawn by the site over power drawn by the machines, at least 1.
    pub pue: f64,
    /// Price of power, in USD per kWh.
    pub power_usd_per_kwh: Quantity,
    /// Cost of running a unit besides power, in USD per unit-hour.
    pub opex_usd_per_unit_hour: f64,
    /// Spot rent, in USD per unit-hour.
    pub rent: Quantity,
    /// Rent of this fleet as a multiple of `rent`, for a tier above or below the one that the series prices.
    #[serde(default = "whole")]
    pub rent_share: f64,
    /// Part of the hours for which units outside contracts are let.
    pub utilisation: Quantity,
    /// Shares of the fleet that are let at fixed rates.
    #[serde(default)]
    pub contracts: Vec<Contract>,
    /// When the machines arrive, where they are not there yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<Delivery>,
}

/// What contracts make of one step of a fleet.
pub(super) struct Letting {
    /// Sum of active share x rate x collected and invoiced part, in USD per unit-hour; without contracts of which it differs from path to path
    /// what is invoiced.
    pub(super) contracted: f64,
    /// Share of the units under contracts and not used, of contracts of which it is the same on every path what is used.
    pub(super) unused: f64,
    /// Share of the units let at spot.
    pub(super) spot: f64,
    /// Share of the units that run.
    pub(super) running: f64,
    /// What is credited against prepayments, in USD.
    pub(super) credit: f64,
}

impl Fleet {
    pub(super) fn validate(&self) -> Result<(), Error> {
        check::named("name", &self.name)?;
        check::within("units", self.units, 0.0, LARGEST)?;
        check::within("capex_usd_per_unit", self.capex_usd_per_unit, 0.0, LARGEST)?;
        check::within("power_kw_per_unit", self.power_kw_per_unit, 0.0, 1e6)?;
        check::within("pue", self.pue, 1.0, 10.0)?;
        check::within("opex_usd_per_unit_hour", self.opex_usd_per_unit_hour, 0.0, 1e6)?;
        check::within("rent_share", self.rent_share, 0.0, 1e3)?;
        if let Some(delivery) = &self.delivery {
            delivery.validate().map_err(|error| error.within("delivery"))?;
        }
        for (index, contract) in self.contracts.iter().enumerate() {
            contract.validate().map_err(|error| error.within(format!("contracts[{index}]")))?;
        }
        // The sum of shares rises only where a contract begins.
        for begin in self.contracts.iter().map(|contract| contract.from) {
            let is_active = |contract: &Contract| contract.from <= begin && begin < contract.until;
            let active = || self.contracts.iter().enumerate().filter(|(_, contract)| is_active(contract));
            let shares: f64 = active().map(|(_, contract)| contract.share).sum();
            if let Some((last, contract)) = active().next_back().filter(|_| shares > 1.0 + 1e-9) {
                return Err(Error::invalid(
                    format!("contracts[{last}].share"),
                    contract.share,
                    format!("shares in force at {begin} years must add up to at most 1, not {shares}"),
                ));
            }
        }
        Ok(())
    }

    /// The delivery without the delay that is not known.
    pub(super) fn delivered(&self) -> Delivered {
        self.delivery.map_or(Delivered::BEFORE, |delivery| delivery.known())
    }

    /// What contracts make of the step from `start` to `end` if tenants pay and machines arrive without a delay that is not known.
    pub(super) fn letting(&self, start: f64, end: f64, length: f64) -> Letting {
        let machines = self.delivered();
        let later = match &self.delivery {
            Some(Delivery { contracts: ContractTerm::FromDelivery, .. }) => machines.at,
            _ => 0.0,
        };
        // Part of the step for which a unit runs between two dates: exact on any grid.
        let part = |from: f64, to: f64| ((machines.running(to) - machines.running(from)) / length).clamp(0.0, 1.0);
        let (mut contracted, mut share, mut unused, mut credit) = (0.0, 0.0, 0.0, 0.0);
        for contract in &self.contracts {
            let (from, until) = (contract.from + later, contract.until + later);
            let let_share = part(start.max(from), end.min(until)) * contract.share;
            share += let_share;
            unused += let_share * (1.0 - contract.used().unwrap_or(1.0));
            let Some(invoiced) = contract.invoiced() else { continue };
            contracted += let_share * contract.rate_usd_per_unit_hour * contract.collected * invoiced;
            credit += contract.terms(self.units).credit(from, until, [start, end], machines);
        }
        let running = if machines.at + machines.ramp > start { part(start, end) } else { 1.0 };
        // A fleet that is let as a whole has no spot share, whatever the rounding of its parts.
        let spot = running - share;
        Letting { contracted, unused, spot: if spot > 1e-12 { spot } else { 0.0 }, running, credit }
    }
}
