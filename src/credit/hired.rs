//! Machines that are rented rather than owned.

use super::contract::whole;
use super::fleet::LARGEST;
use super::quantity::Quantity;
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// Machines that a company rents by the hour to serve its customers: the other way to serve the demand of a [`Fleet`](super::Fleet).
///
/// In a step of `D` years, with the levels at its end,
///
/// ```text
/// revenue = 8760 D n u q                             USD
/// cost    = 8760 D n max(u, committed) rent_share p       USD
/// ```
///
/// | symbol | field | unit |
/// | --- | --- | --- |
/// | `n` | `units` | machines that serve a demand of one |
/// | `u` | `demand` | as a part of `n`, 0 to 1 |
/// | `q` | `price` | USD per unit-hour that customers pay |
/// | `p` | `rent` | USD per unit-hour that the company pays, power and housing included |
///
/// There is no capex and nothing to pledge or to sell, and what is not needed is not paid, but for what is `committed`. An owner of the same machines
/// ([`Fleet`](super::Fleet) with `rent = q` and `utilisation = u`) earns the same and pays power, other costs and debt service
/// instead. On common random numbers, as two borrowers of one book or two runs of a [`Comparison`](crate::engine::Comparison), the
/// difference of the two is what the option to shrink is worth.
///
/// ```
/// use haircut::credit::Hired;
/// let hired = Hired { committed: 0.5, ..Hired::new("cloud", 1000.0, "token_price", "demand", "h100_rent") };
/// assert_eq!(hired.rent_share, 1.0);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hired {
    /// Name, for errors and reports.
    pub name: String,
    /// How many machines serve all of the demand.
    pub units: f64,
    /// What customers pay, in USD per unit-hour.
    pub price: Quantity,
    /// What is asked for, as a part of `units`.
    pub demand: Quantity,
    /// Market rent, in USD per unit-hour.
    pub rent: Quantity,
    /// What this company pays as a multiple of it: below one for a reserved price, above for a large cloud's.
    #[serde(default = "whole")]
    pub rent_share: f64,
    /// Part of the units that is paid for whether it is needed or not, 0 to 1.
    #[serde(default)]
    pub committed: f64,
}

impl Hired {
    /// So many machines at the market's rent, paid for as they are needed.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        units: f64,
        price: impl Into<Quantity>,
        demand: impl Into<Quantity>,
        rent: impl Into<Quantity>,
    ) -> Self {
        let (price, demand, rent) = (price.into(), demand.into(), rent.into());
        Hired { name: name.into(), units, price, demand, rent, rent_share: 1.0, committed: 0.0 }
    }

    pub(super) fn validate(&self) -> Result<(), Error> {
        check::named("name", &self.name)?;
        check::within("units", self.units, 0.0, LARGEST)?;
        check::within("rent_share", self.rent_share, 0.0, 1e3)?;
        check::within("committed", self.committed, 0.0, 1.0)
    }
}
