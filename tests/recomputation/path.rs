//! What a borrower sees of one path: the levels of the series, and the prices of collateral.

use crate::ledger::random::World;
use haircut::credit::{Conditions, Coupon, DepthUnit, Facility, Feedback, ImpactForm, Quantity};

pub(crate) struct Path<'a> {
    pub(crate) world: &'a World,
    pub(crate) row: usize,
    /// By asset: log depression of the mark by forced sales of earlier steps, that part which passes and that which stays.
    depression: Vec<[f64; 2]>,
}

impl<'a> Path<'a> {
    pub(crate) fn new(world: &'a World, row: usize) -> Self {
        Path { world, row, depression: vec![[0.0; 2]; world.trade.assets.len()] }
    }

    pub(crate) fn steps(&self) -> usize {
        self.world.grid.steps()
    }

    pub(crate) fn time(&self, step: usize) -> f64 {
        self.world.grid.time(step)
    }

    pub(crate) fn years(&self, step: usize) -> f64 {
        self.time(step) - self.time(step - 1)
    }

    pub(crate) fn level(&self, series: &str, step: usize) -> f64 {
        let (_, script) = self.world.series.iter().find(|(name, _)| *name == series).unwrap();
        script.0[self.row][step]
    }

    pub(crate) fn read(&self, quantity: &Quantity, step: usize) -> f64 {
        match quantity {
            Quantity::Number(number) => *number,
            Quantity::Series(series) => self.level(series, step),
        }
    }

    /// The rate of a step, which is that of its start.
    pub(crate) fn rate(&self, facility: &Facility, step: usize) -> f64 {
        match &facility.coupon {
            Coupon::Fixed(rate) => *rate,
            Coupon::Floating(floating) => {
                f64::max(self.level(&floating.series, step - 1), floating.floor) + floating.spread
            }
        }
    }

    pub(crate) fn asset(&self, name: &str) -> usize {
        self.world.trade.assets.iter().position(|asset| asset.name == name).unwrap()
    }

    pub(crate) fn mark(&self, asset: usize, step: usize) -> f64 {
        let [passing, lasting] = self.depression[asset];
        let class = &self.world.trade.assets[asset];
        let mark = self.level(&class.price, step) * f64::exp(-passing - lasting);
        // A unit is worth its scrap, where it has any.
        if class.scrap > 0.0 { f64::max(mark, class.scrap) } else { mark }
    }

    /// What buyers absorb in a month, in units or USD.
    fn depth(&self, asset: usize, step: usize) -> f64 {
        let class = &self.world.trade.assets[asset];
        let multiplier = match &class.conditions {
            None => 1.0,
            Some(Conditions::Multiplier(series)) => f64::max(self.level(series, step), 1e-9),
            Some(Conditions::States { state, multipliers }) => {
                let state = f64::max(self.level(state, step), 0.0);
                // The nearest state, a half going up.
                multipliers[usize::min((state + 0.5).floor() as usize, multipliers.len() - 1)]
            }
        };
        let years = class.age + self.time(step);
        class.depth_per_month * class.buyers.share() * multiplier * f64::exp2(-years / class.depth_half_life)
    }

    /// The logarithm of what is left of the mark, below one, when so many units are sold a month.
    fn concession(&self, asset: usize, step: usize, units_per_month: f64) -> f64 {
        let (class, mark) = (&self.world.trade.assets[asset], self.mark(asset, step));
        let sold = if class.depth_unit == DepthUnit::Usd { units_per_month * mark } else { units_per_month };
        let pace = class.impact * sold / self.depth(asset, step);
        let left = match class.form {
            ImpactForm::Exponential => return pace,
            ImpactForm::Linear => 1.0 - pace,
            ImpactForm::Bounded { floor } if mark > floor => (floor + (mark - floor) * f64::exp(-pace)) / mark,
            ImpactForm::Bounded { .. } => 1.0,
        };
        -f64::ln(f64::max(left, 1e-6))
    }

    /// What a unit brings when so many of them are sold a month.
    pub(crate) fn net_price(&self, asset: usize, step: usize, units_per_month: f64) -> f64 {
        let class = &self.world.trade.assets[asset];
        let paid = self.mark(asset, step) * f64::exp(-self.concession(asset, step, units_per_month));
        let kept = (1.0 - class.moving_cost) * f64::exp(-class.idle * class.idle_decline);
        f64::max(paid * kept - class.moving_usd_per_unit, class.scrap)
    }

    /// The marks of the next step remember what was sold in this one, by asset.
    pub(crate) fn remember(&mut self, step: usize, sold: &[f64]) {
        if self.world.trade.feedback == Feedback::Off {
            return;
        }
        let years = self.years(step);
        for (asset, units) in sold.iter().enumerate() {
            let class = &self.world.trade.assets[asset];
            let concession = self.concession(asset, step, units / (12.0 * years));
            let [passing, lasting] = &mut self.depression[asset];
            *passing = (*passing + class.persistence * concession) * f64::exp2(-years / class.recovery_half_life);
            *lasting += class.permanent * concession;
        }
    }
}
