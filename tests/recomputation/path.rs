//! What a borrower sees of one path: the levels of the series, and the prices of collateral.

use crate::ledger::random::World;
use haircut::credit::{Coupon, Facility, Feedback, Quantity};

pub(crate) struct Path<'a> {
    pub(crate) world: &'a World,
    pub(crate) row: usize,
    /// By asset: log depression of the mark by forced sales of earlier steps.
    depression: Vec<f64>,
}

impl<'a> Path<'a> {
    pub(crate) fn new(world: &'a World, row: usize) -> Self {
        Path { world, row, depression: vec![0.0; world.trade.assets.len()] }
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
        self.level(&self.world.trade.assets[asset].price, step) * f64::exp(-self.depression[asset])
    }

    /// What a unit brings when so many of them are sold a month.
    pub(crate) fn net_price(&self, asset: usize, step: usize, units_per_month: f64) -> f64 {
        let class = &self.world.trade.assets[asset];
        let paid = self.mark(asset, step) * f64::exp(-class.impact * units_per_month / class.depth_per_month);
        f64::max(paid * (1.0 - class.moving_cost), class.scrap)
    }

    /// The marks of the next step remember what was sold in this one, by asset.
    pub(crate) fn remember(&mut self, step: usize, sold: &[f64]) {
        if self.world.trade.feedback == Feedback::Off {
            return;
        }
        let years = self.years(step);
        for ((class, depression), units) in self.world.trade.assets.iter().zip(&mut self.depression).zip(sold) {
            let used = units / (12.0 * years * class.depth_per_month);
            *depression =
                (*depression + class.persistence * class.impact * used) * f64::exp2(-years / class.recovery_half_life);
        }
    }
}
