//! What operating is worth to a lender on a date, at the levels of that date.

use super::operations::{Mining, ONE, Operations, add_product, add_product_of_two, mine, subtract};
use crate::market::{ReadLane, ReadLanes};
use crate::numeric::Lane;

/// What the steps in which a lender would operate are worth on a date, by date: what does not depend on the market, and amounts at a level
/// of one of what does. Beside what differs from path to path ([`Operations::expect`]).
pub(super) struct Outlook {
    certain: Vec<f64>,
    spot: Vec<Vec<f64>>,
    power: Vec<Vec<f64>>,
    /// Of revenue and of power.
    mining: Vec<[Vec<f64>; 2]>,
}

impl Operations {
    /// Plans what operations are worth of which a share of revenue is kept. `weigh` gives by date the worth of amounts by step: agreed, or falling with
    /// the market.
    pub(super) fn plan_outlook(&self, kept: f64, weigh: impl Fn(&[f64], Promise) -> Vec<f64>) -> Outlook {
        let agreed = |amounts: &[f64]| weigh(amounts, Promise::Agreed);
        let keep = |mut worth: Vec<f64>| {
            worth.iter_mut().for_each(|worth| *worth *= kept);
            worth
        };
        let expected = |amounts: &[f64]| keep(weigh(amounts, Promise::Expected));
        let earned = agreed(&self.revenue).into_iter().zip(agreed(&self.receipts));
        let certain =
            earned.zip(agreed(&self.cost)).map(|((revenue, receipts), cost)| kept * (revenue + receipts) - cost);
        let mined = |mining: &Mining| match mining.hashprice {
            Some(_) => expected(&mining.revenue),
            None => keep(agreed(&mining.revenue)),
        };
        Outlook {
            certain: certain.collect(),
            spot: self.spot.iter().map(|spot| expected(&spot.amount)).collect(),
            power: self.power.iter().map(|power| agreed(&power.kwh)).collect(),
            mining: self.mining.iter().map(|mining| [mined(mining), agreed(&mining.power)]).collect(),
        }
    }

    /// What revenue, of which a share is kept, less cost is worth at the levels of this step. Without the own revenue factor, of mean one.
    pub(super) fn outlook(
        &self,
        outlook: &Outlook,
        step: usize,
        read: ReadLanes<'_>,
        worth: &mut Lane,
        spare: &mut Lane,
    ) {
        let level = |series: Option<ReadLane>| series.map_or(&ONE, |series| read.lane(series));
        worth.fill(outlook.certain[step]);
        for (spot, amounts) in self.spot.iter().zip(&outlook.spot) {
            add_product_of_two(amounts[step], level(spot.rent), level(spot.utilisation), worth);
        }
        for (power, kwh) in self.power.iter().zip(&outlook.power) {
            add_product(-kwh[step], read.lane(power.price), worth);
        }
        for (mining, [mined, power]) in self.mining.iter().zip(&outlook.mining) {
            // Runs for as long as it is planned, or not at all.
            spare.fill(0.0);
            mine([mined[step], power[step]], level(mining.hashprice), level(mining.price), worth, spare);
            subtract(spare, worth);
        }
    }
}

/// What an amount to come depends on.
#[derive(Clone, Copy)]
pub(super) enum Promise {
    /// Nothing.
    Agreed,
    /// The market, at its level of the day.
    Expected,
}
