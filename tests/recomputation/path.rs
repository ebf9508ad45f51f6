//! What a borrower sees of one path: the levels of the series, and the prices of collateral.

use crate::ledger::random::World;
use haircut::credit::{Conditions, Coupon, DepthUnit, Facility, Feedback, ImpactForm, Quantity};

pub(crate) struct Path<'a> {
    pub(crate) world: &'a World,
    pub(crate) row: usize,
    /// By asset: log depression of the mark by forced sales of earlier steps, that part which passes and that which stays.
    depression: Vec<[f64; 2]>,
    /// By asset: the share of the mark that the sales of this step leave so far, where they are seen within it.
    left: Vec<f64>,
    /// By asset: whether that fell in the last round.
    pub(crate) fallen: Vec<bool>,
}

impl<'a> Path<'a> {
    pub(crate) fn new(world: &'a World, row: usize) -> Self {
        let assets = world.trade.assets.len();
        Path { world, row, depression: vec![[0.0; 2]; assets], left: vec![1.0; assets], fallen: vec![false; assets] }
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

    /// What everyone sees: the mark at which the step began, less what sales within it have taken.
    pub(crate) fn mark(&self, asset: usize, step: usize) -> f64 {
        self.at_least_scrap(asset, self.opening_mark(asset, step) * self.left[asset])
    }

    fn opening_mark(&self, asset: usize, step: usize) -> f64 {
        let [passing, lasting] = self.depression[asset];
        let class = &self.world.trade.assets[asset];
        let mark = self.level(&class.price, step) * f64::exp(-passing - lasting);
        self.at_least_scrap(asset, mark)
    }

    /// A unit is worth its scrap, where it has any.
    fn at_least_scrap(&self, asset: usize, mark: f64) -> f64 {
        let scrap = self.world.trade.assets[asset].scrap;
        if scrap > 0.0 { f64::max(mark, scrap) } else { mark }
    }

    /// A step begins: nothing is sold yet.
    pub(crate) fn open(&mut self) {
        self.left.fill(1.0);
    }

    /// Within the step marks fall to what these sales leave.
    pub(crate) fn lower(&mut self, step: usize, sold: &[f64]) {
        let months = 12.0 * self.years(step);
        for (asset, units) in sold.iter().enumerate() {
            let mark = self.opening_mark(asset, step);
            let left = f64::exp(-self.concession(asset, step, mark, units / months));
            let before = self.mark(asset, step);
            self.left[asset] = left;
            // What is worth nothing, or its scrap, stays there.
            self.fallen[asset] = self.mark(asset, step) < before;
        }
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

    /// The logarithm of what is left of a mark, below one, when so many units are sold a month.
    fn concession(&self, asset: usize, step: usize, mark: f64, units_per_month: f64) -> f64 {
        let class = &self.world.trade.assets[asset];
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

    /// What a unit would bring at the mark when so many of them were sold a month.
    pub(crate) fn executable(&self, asset: usize, step: usize, units_per_month: f64) -> f64 {
        self.net_price(asset, step, self.mark(asset, step), units_per_month)
    }

    /// What a unit brings when all sell so many a month.
    pub(crate) fn price(&self, asset: usize, step: usize, units_per_month: f64) -> f64 {
        self.net_price(asset, step, self.opening_mark(asset, step), units_per_month)
    }

    fn net_price(&self, asset: usize, step: usize, mark: f64, units_per_month: f64) -> f64 {
        let class = &self.world.trade.assets[asset];
        let paid = mark * f64::exp(-self.concession(asset, step, mark, units_per_month));
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
            let mark = self.opening_mark(asset, step);
            let concession = self.concession(asset, step, mark, units / (12.0 * years));
            let [passing, lasting] = &mut self.depression[asset];
            *passing = (*passing + class.persistence * concession) * f64::exp2(-years / class.recovery_half_life);
            *lasting += class.permanent * concession;
        }
    }
}
