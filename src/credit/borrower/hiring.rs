//! What rented machines cost, by what is asked of them.

use super::operations::ONE;
use crate::credit::quantity::Reading;
use crate::market::{ReadLane, ReadLanes};
use crate::numeric::{Lane, PATHS};
use crate::vectorised;

/// Rented machines of which cost differs from path to path.
pub(super) struct Hiring {
    /// USD by step at a demand and a rent of one, or at the constant rent.
    amount: Vec<f64>,
    demand: Reading,
    committed: f64,
    rent: Option<ReadLane>,
}

/// The part of the machines that is paid for.
#[inline(always)]
fn paid_for(demand: f64, committed: f64) -> f64 {
    if demand > committed { demand } else { committed }
}

impl Hiring {
    /// Years and units come in `hours`, by step; what is the same on every path is added to `cost`.
    pub(super) fn plan(
        hours: &[f64],
        [demand, rent]: [Reading; 2],
        committed: f64,
        cost: &mut [f64],
    ) -> Option<Hiring> {
        let amount: Vec<f64> = hours.iter().map(|hours| hours * rent.constant).collect();
        if demand.series.is_none() && rent.series.is_none() {
            let part = paid_for(demand.constant, committed);
            cost.iter_mut().zip(&amount).for_each(|(cost, amount)| *cost += part * amount);
            return None;
        }
        Some(Hiring { amount, demand, committed, rent: rent.series })
    }

    pub(super) fn pay(&self, step: usize, read: ReadLanes<'_>, cost: &mut Lane) {
        let amount = self.amount[step];
        match (self.demand.series, self.rent) {
            (Some(demand), Some(rent)) => {
                pay([amount, self.committed], read.lane(demand), read.lane(rent), cost);
            }
            (Some(demand), None) => pay([amount, self.committed], read.lane(demand), &ONE, cost),
            (None, rent) => {
                let part = paid_for(self.demand.constant, self.committed);
                pay([amount * part, 1.0], &ONE, rent.map_or(&ONE, |rent| read.lane(rent)), cost);
            }
        }
    }
}

vectorised! {
    fn pay(terms: [f64; 2], demand: &Lane, rent: &Lane, cost: &mut Lane) {
        let [amount, committed] = terms;
        for i in 0..PATHS {
            cost[i] += amount * paid_for(demand[i], committed) * rent[i];
        }
    }
}
