//! Covenants on the loan to value, tested again where sales have lowered marks within the step.
//!
//! Few paths have such sales, and fewer a breach: who is in breach is found by a pass over lanes, what follows goes by index.

use super::{Covenants, LACK, PlannedCovenant};
use crate::credit::borrower::margin::{Look, add_mark};
use crate::credit::borrower::metrics::Metric;
use crate::credit::borrower::month::{DEFAULTS, Stepper};
use crate::credit::borrower::paths::Paths;
use crate::credit::borrower::payment::why;
use crate::credit::borrower::standing::{Flags, is_performing};
use crate::credit::obligor::{ObligorBlock, ObligorPlan};
use crate::market::OwnLane;
use crate::numeric::{Lane, PATHS};
use crate::vectorised;

/// The marks at which covenants were last tested.
pub(super) struct Sight {
    /// In its first place, the step in which they were last tested again.
    step: OwnLane,
    /// The marks of everything, added up.
    seen: OwnLane,
    /// Where marks have fallen since: one, else zero.
    fallen: OwnLane,
}

impl Sight {
    pub(super) fn new(plan: &mut ObligorPlan<'_>) -> Sight {
        Sight { step: plan.state(), seen: plan.state(), fallen: plan.state() }
    }
}

impl Stepper {
    /// Tests again where marks have fallen since the last test of this date.
    pub(in super::super) fn test_covenants_again(&self, block: &mut ObligorBlock<'_>) {
        let Some((covenants, sight)) = self.covenants.as_ref().and_then(|all| Some((all, all.sight.as_ref()?))) else {
            return;
        };
        if self.see(sight, block) == 0 {
            return;
        }
        let index = block.step.index;
        let is_tested = |covenant: &PlannedCovenant| covenant.is_tested_again & (index >= covenant.first);
        for (position, covenant) in covenants.list.iter().enumerate().filter(|(_, covenant)| is_tested(covenant)) {
            if self.lack(covenants, covenant, block).is_none_or(|lacking| lacking == 0) {
                continue;
            }
            let [lack, _, owed, ..] = &mut *block.scratch;
            self.debt.owed(Paths::All, block.step, &block.own, owed);
            let own = &block.own;
            if fail([&own[self.standing], &own[sight.fallen], owed, &own[covenant.breached]], lack) == 0 {
                continue;
            }
            block.scratch[DEFAULTS].fill(0.0);
            let mut accelerated = 0;
            for path in Flags::of(&block.scratch[LACK]) {
                if self.accelerates(covenants, position, path, block) {
                    block.scratch[DEFAULTS][path] = why::COVENANT;
                    accelerated += 1;
                }
            }
            if accelerated > 0 {
                self.default(block);
            }
        }
    }

    /// Marks the paths on which marks have fallen since the last test; counts them.
    fn see(&self, sight: &Sight, block: &mut ObligorBlock<'_>) -> u64 {
        let own = &mut block.own;
        let [marks, ..] = &mut *block.scratch;
        let assets = || self.collateral.holdings.iter().map(|holding| holding.asset);
        let step = block.step.index as f64;
        if own[sight.step][0] < step {
            own[sight.step][0] = step;
            own[sight.seen].fill(0.0);
            assets().for_each(|asset| add_mark(block.liquidation.opening_mark(asset), &mut own[sight.seen]));
        }
        marks.fill(0.0);
        assets().for_each(|asset| add_mark(block.liquidation.mark(asset), marks));
        let [seen, fallen] = own.many([sight.seen, sight.fallen]);
        fall(marks, seen, fallen)
    }

    /// Whether a breach at lower marks accelerates the debt of a path: nobody waives or cures it.
    fn accelerates(&self, covenants: &Covenants, position: usize, path: usize, block: &mut ObligorBlock<'_>) -> bool {
        if self.is_restructured_today(path, block) {
            return false;
        }
        let covenant = &covenants.list[position];
        let (now, own) = (block.step.end, &mut block.own);
        own[covenant.breached][path] = 1.0;
        covenant.is_breached.set(own, true);
        // What had begun on this date and was cured is the same breach, and nobody waived it.
        if own[covenant.since][path] < now {
            own[covenant.since][path] = now;
            own[covenant.waived][path] = 0.0;
            self.metrics.add_on(own, Metric::Breach, path, 1.0);
            if let Some(lane) = covenant.breach {
                own[lane][path] += 1.0;
            }
            let waiver = covenant.acceleration.map_or(0.0, |acceleration| acceleration.waiver);
            if covenant.is_waived(waiver, block.first_path + path as u64, block.step.index as u64, block.key) {
                block.own[covenant.waived][path] = 1.0;
                self.metrics.add_on(&mut block.own, Metric::Waiver, path, 1.0);
                return false;
            }
        }
        if self.cure_on(covenants, position, Look::Again, path, block) {
            block.own[covenant.breached][path] = 0.0;
            return false;
        }
        self.metrics.add_on(&mut block.own, Metric::Acceleration, path, 1.0);
        true
    }
}

vectorised! {
    /// Where marks are below those that were seen; then these are.
    fn fall(marks: &Lane, seen: &mut Lane, fallen: &mut Lane) -> u64 {
        let mut paths = 0;
        for i in 0..PATHS {
            let is_lower = marks[i] < seen[i];
            fallen[i] = if is_lower { 1.0 } else { 0.0 };
            seen[i] = marks[i];
            paths += u64::from(is_lower);
        }
        paths
    }

    /// Leaves a lack where a breach begins at marks that have fallen; counts those paths.
    fn fail(read: [&Lane; 4], lack: &mut Lane) -> u64 {
        let [standing, fallen, owed, breached] = read;
        let mut paths = 0;
        for i in 0..PATHS {
            let is_breach = (lack[i] > 0.0) & (owed[i] > 0.0) & (breached[i] == 0.0);
            let counts = is_breach & (fallen[i] > 0.0) & is_performing(standing[i]);
            lack[i] = if counts { lack[i] } else { 0.0 };
            paths += u64::from(counts);
        }
        paths
    }
}
