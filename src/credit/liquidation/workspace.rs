//! The market at work on one block: marks, the queue of a step, its clearing, and what marks remember.

use super::{AssetLane, DepthUnit, Feedback, LiquidationPlan, PlannedAsset};
use crate::market::ReadLanes;
use crate::numeric::{Lane, PATHS, Step, kernel};
use crate::vectorised;

/// The state of the liquidation market on one block, one lane per asset class.
pub(in super::super) struct LiquidationWorkspace {
    /// Marks at which the step began.
    pub(super) open: Vec<Lane>,
    /// Marks that everyone sees: those at which the step began, unless clearing within the step has lowered them.
    pub(super) mark: Vec<Lane>,
    pub(super) queued: Vec<Lane>,
    /// Whether anything of a class is queued on any path.
    pub(super) is_queued: Vec<bool>,
    /// What was queued when the step was last cleared, for counting rounds.
    cleared: Vec<Lane>,
    pub(super) net_price: Vec<Lane>,
    /// Multipliers of the depth; of meaning where there are conditions.
    pub(super) multiplier: Vec<Lane>,
    /// Depression of the mark that passes, and that stays.
    depression: Vec<Lane>,
    lasting: Vec<Lane>,
    /// Rounds of clearing in this step.
    pub(super) rounds: Lane,
    step: usize,
    is_depressed: bool,
    any_queued: bool,
    pace: Lane,
    share: Lane,
}

impl LiquidationPlan {
    pub(in super::super) fn workspace(&self) -> LiquidationWorkspace {
        let lanes = || vec![Lane::ZERO; self.assets.len()];
        LiquidationWorkspace {
            open: lanes(),
            mark: lanes(),
            queued: lanes(),
            is_queued: vec![false; self.assets.len()],
            cleared: lanes(),
            net_price: lanes(),
            multiplier: lanes(),
            depression: lanes(),
            lasting: lanes(),
            rounds: Lane::ZERO,
            step: 0,
            is_depressed: false,
            any_queued: false,
            pace: Lane::ZERO,
            share: Lane::ZERO,
        }
    }
}

impl LiquidationWorkspace {
    pub(in super::super) fn start(&mut self) {
        self.depression.fill(Lane::ZERO);
        self.lasting.fill(Lane::ZERO);
        self.is_depressed = false;
        self.any_queued = true;
        self.empty();
    }

    /// Sets the marks and the depths of this step.
    pub(in super::super) fn open(&mut self, plan: &LiquidationPlan, series: ReadLanes<'_>, step: Step) {
        self.step = step.index;
        for (index, planned) in plan.assets.iter().enumerate() {
            let price = &series[planned.price];
            if self.is_depressed {
                depressed_marks(price, &self.depression[index], &self.lasting[index], &mut self.open[index]);
            } else {
                self.open[index] = *price;
            }
            if planned.asset.scrap > 0.0 {
                floor(planned.asset.scrap, &mut self.open[index]);
            }
            self.mark[index] = self.open[index];
            if let Some(conditions) = &planned.conditions {
                conditions.multiplier(series, &mut self.multiplier[index]);
            }
        }
    }

    /// Prices what has been queued so far; false when nothing has been queued since it was last called.
    ///
    /// Within the step marks fall to the price that the sale leaves.
    pub(in super::super) fn clear(&mut self, plan: &LiquidationPlan, step: Step) -> bool {
        if !self.any_queued {
            return false;
        }
        let mut moved = Lane::ZERO;
        for (queued, cleared) in self.queued.iter().zip(&mut self.cleared) {
            moves(queued, cleared, &mut moved);
        }
        if count(&moved, &mut self.rounds) == 0 {
            return false;
        }
        for (index, planned) in plan.assets.iter().enumerate() {
            self.price(planned, index, step);
            let (open, share) = (&self.open[index], &self.share);
            self.net_price[index] = *share;
            net_prices(open, planned.net(), &mut self.net_price[index]);
            if plan.feedback == Feedback::WithinStep {
                scaled(open, share, &mut self.mark[index]);
                if planned.asset.scrap > 0.0 {
                    floor(planned.asset.scrap, &mut self.mark[index]);
                }
            }
        }
        true
    }

    /// Pace at which a class is sold, and the share of the mark that this leaves.
    fn price(&mut self, planned: &PlannedAsset, index: usize, step: Step) {
        let per_unit = planned.unit_pace[step.index] / (12.0 * step.length);
        let (open, multiplier) = (&self.open[index], &self.multiplier[index]);
        planned.paces(&self.queued[index], per_unit, open, multiplier, &mut self.pace);
        self.share = self.pace;
        planned.asset.form.shares(open, &mut self.share);
    }

    /// Ends the step: marks remember what was sold, recover from what was sold before, and the queue is emptied.
    pub(in super::super) fn close(&mut self, plan: &LiquidationPlan, step: Step) {
        if plan.feedback != Feedback::Off && (self.any_queued || self.is_depressed) {
            for (index, planned) in plan.assets.iter().enumerate() {
                let asset = &planned.asset;
                let kept = kernel::exp(-std::f64::consts::LN_2 * step.length / asset.recovery_half_life);
                if self.is_queued[index] {
                    self.price(planned, index, step);
                    asset.form.concessions(&self.share, &mut self.pace);
                    depress(&self.pace, [asset.persistence, kept], &mut self.depression[index]);
                    if asset.permanent > 0.0 {
                        depress(&self.pace, [asset.permanent, 1.0], &mut self.lasting[index]);
                    }
                    self.is_depressed = true;
                } else if self.is_depressed {
                    recover(kept, &mut self.depression[index]);
                }
            }
        }
        self.empty();
    }

    /// Empties the queue.
    pub(in super::super) fn empty(&mut self) {
        if self.any_queued {
            for index in 0..self.queued.len() {
                self.queued[index].fill(0.0);
                self.cleared[index].fill(0.0);
                self.is_queued[index] = false;
            }
            self.rounds.fill(0.0);
            self.any_queued = false;
        }
    }

    pub(in super::super) fn view<'a>(&'a mut self, plan: &'a LiquidationPlan) -> LiquidationView<'a> {
        LiquidationView { plan, workspace: self }
    }
}

impl PlannedAsset {
    /// Paces at which so many units are sold on each path, at a pace of `per_unit` for one unit, or one USD.
    fn paces(&self, units: &Lane, per_unit: f64, mark: &Lane, multiplier: &Lane, pace: &mut Lane) {
        match self.asset.depth_unit {
            DepthUnit::Units => paces(units, per_unit, pace),
            DepthUnit::Usd => paces_of_money(units, mark, per_unit, pace),
        }
        if self.conditions.is_some() {
            divide(multiplier, pace);
        }
    }

    fn net(&self) -> [f64; 3] {
        [self.kept, self.asset.moving_usd_per_unit, self.asset.scrap]
    }
}

/// What a seller keeps of a mark of which a share is left.
#[inline(always)]
fn net(mark: f64, share: f64, [kept, moving, scrap]: [f64; 3]) -> f64 {
    let price = mark * share * kept - moving;
    if price > scrap { price } else { scrap }
}

#[inline(always)]
fn hurried(price: f64, patience: f64, scrap: f64) -> f64 {
    let hurried = price * patience;
    if hurried > scrap { hurried } else { scrap }
}

vectorised! {
    fn depressed_marks(price: &Lane, depression: &Lane, lasting: &Lane, mark: &mut Lane) {
        for i in 0..PATHS {
            mark[i] = price[i] * kernel::exp(-(depression[i] + lasting[i]));
        }
    }

    /// Nobody values a unit below what its scrap brings.
    fn floor(scrap: f64, mark: &mut Lane) {
        for i in 0..PATHS {
            let priced = mark[i];
            mark[i] = if priced < scrap { scrap } else { priced };
        }
    }

    fn paces(units: &Lane, per_unit: f64, pace: &mut Lane) {
        for i in 0..PATHS {
            pace[i] = per_unit * units[i];
        }
    }

    fn paces_of_money(units: &Lane, mark: &Lane, per_usd: f64, pace: &mut Lane) {
        for i in 0..PATHS {
            let usd = if mark[i] > 0.0 { units[i] * mark[i] } else { 0.0 };
            pace[i] = per_usd * usd;
        }
    }

    fn divide(multiplier: &Lane, pace: &mut Lane) {
        for i in 0..PATHS {
            pace[i] /= multiplier[i];
        }
    }

    /// Turns the shares of a lane into net prices.
    fn net_prices(mark: &Lane, terms: [f64; 3], share: &mut Lane) {
        for i in 0..PATHS {
            share[i] = net(mark[i], share[i], terms);
        }
    }

    fn hurry(patience: f64, scrap: f64, price: &mut Lane) {
        for i in 0..PATHS {
            price[i] = hurried(price[i], patience, scrap);
        }
    }

    fn queue(units: &Lane, queued: &mut Lane) {
        for i in 0..PATHS {
            queued[i] += units[i];
        }
    }

    fn scaled(open: &Lane, share: &Lane, mark: &mut Lane) {
        for i in 0..PATHS {
            mark[i] = open[i] * share[i];
        }
    }

    fn depress(concession: &Lane, terms: [f64; 2], depression: &mut Lane) {
        let [remembered, kept] = terms;
        for i in 0..PATHS {
            depression[i] = remembered.mul_add(concession[i], depression[i]) * kept;
        }
    }

    fn recover(kept: f64, depression: &mut Lane) {
        for i in 0..PATHS {
            depression[i] *= kept;
        }
    }

    /// Marks the paths on which more is queued than was cleared.
    fn moves(queued: &Lane, cleared: &mut Lane, moved: &mut Lane) {
        for i in 0..PATHS {
            moved[i] = if queued[i] > cleared[i] { 1.0 } else { moved[i] };
            cleared[i] = queued[i];
        }
    }

    /// Adds a round to the marked paths, and counts them.
    fn count(moved: &Lane, rounds: &mut Lane) -> u64 {
        let mut paths = 0;
        for i in 0..PATHS {
            rounds[i] += moved[i];
            paths += u64::from(moved[i] > 0.0);
        }
        paths
    }
}

/// An obligor's view of the liquidation market in one step.
pub struct LiquidationView<'a> {
    plan: &'a LiquidationPlan,
    workspace: &'a mut LiquidationWorkspace,
}

impl std::fmt::Debug for LiquidationView<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiquidationView").field("assets", &self.plan.names()).finish()
    }
}

impl LiquidationView<'_> {
    /// Marks of one class in this step, in USD per unit: what books and loan-to-value tests show.
    #[inline]
    #[must_use]
    pub fn mark(&self, asset: AssetLane) -> &Lane {
        &self.workspace.mark[asset.0]
    }

    /// Marks of one class with which the step began, before what is sold within it: an obligor that looks again
    /// ([`ObligorStepper::react`](crate::credit::ObligorStepper::react)) sees by them on which paths marks have fallen.
    #[inline]
    #[must_use]
    pub fn opening_mark(&self, asset: AssetLane) -> &Lane {
        &self.workspace.open[asset.0]
    }

    /// Puts units of a class up for sale on one path of the block in this step.
    #[inline]
    pub fn sell(&mut self, asset: AssetLane, path: usize, units: f64) {
        self.workspace.queued[asset.0][path] += units;
        self.workspace.is_queued[asset.0] = true;
        self.workspace.any_queued = true;
    }

    /// Puts units of a class up for sale on every path of the block in this step.
    #[inline]
    pub fn offer(&mut self, asset: AssetLane, units: &Lane) {
        queue(units, &mut self.workspace.queued[asset.0]);
        self.workspace.is_queued[asset.0] = true;
        self.workspace.any_queued = true;
    }

    /// Net price per unit that every patient seller of the class got in this step. Of meaning in
    /// [`ObligorStepper::settle`](crate::credit::ObligorStepper::settle) only.
    #[inline]
    #[must_use]
    pub fn net_price(&self, asset: AssetLane) -> &Lane {
        &self.workspace.net_price[asset.0]
    }

    /// Net price per unit if `units` a month were sold on one path and nobody else sold: the executable price of
    /// collateral, beside its mark.
    #[inline]
    #[must_use]
    pub fn executable_price(&self, asset: AssetLane, path: usize, units_per_month: f64) -> f64 {
        let planned = &self.plan.assets[asset.0];
        let mark = self.workspace.mark[asset.0][path];
        let sold = match planned.asset.depth_unit {
            DepthUnit::Units => units_per_month,
            DepthUnit::Usd => units_per_month * mark.max(0.0),
        };
        let unit_pace = planned.unit_pace[self.workspace.step];
        let mut pace = unit_pace * sold;
        if planned.conditions.is_some() {
            pace /= self.workspace.multiplier[asset.0][path];
        }
        let share = if unit_pace > 0.0 { planned.asset.form.share(mark, pace) } else { 1.0 };
        net(mark, share, planned.net())
    }

    /// The price of a seller with this patience, of one path ([`hurry`](LiquidationView::hurry)).
    pub(in super::super) fn hurried(&self, asset: AssetLane, patience: f64, price: f64) -> f64 {
        if patience < 1.0 { hurried(price, patience, self.plan.assets[asset.0].asset.scrap) } else { price }
    }

    /// [`executable_price`](LiquidationView::executable_price) on every path of the block.
    #[inline]
    pub fn executable_prices(&self, asset: AssetLane, units_per_month: &Lane, prices: &mut Lane) {
        let planned = &self.plan.assets[asset.0];
        let (mark, unit_pace) = (&self.workspace.mark[asset.0], planned.unit_pace[self.workspace.step]);
        if unit_pace > 0.0 {
            planned.paces(units_per_month, unit_pace, mark, &self.workspace.multiplier[asset.0], prices);
            planned.asset.form.shares(mark, prices);
        } else {
            prices.fill(1.0);
        }
        net_prices(mark, planned.net(), prices);
    }

    /// Turns net or executable prices into those of a seller with this [patience](super::Asset::patience); never below
    /// scrap.
    #[inline]
    pub fn hurry(&self, asset: AssetLane, patience: f64, prices: &mut Lane) {
        if patience < 1.0 {
            hurry(patience, self.plan.assets[asset.0].asset.scrap, prices);
        }
    }
}
