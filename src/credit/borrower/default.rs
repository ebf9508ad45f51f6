//! Default: all that is owed falls due. The one part of the month that goes by index: a path defaults once.

use super::metrics::Metric;
use super::month::Stepper;
use super::paths::Paths;
use super::payment::why;
use super::standing::{self, Flags};
use crate::credit::obligor::ObligorBlock;

impl Stepper {
    /// Accelerates all facilities on the paths that are marked to default; arrears become the whole claim.
    ///
    /// The scratch lanes of what is short and of who defaults are left alone.
    pub(super) fn default(&self, block: &mut ObligorBlock<'_>) {
        let (step, own, outcome) = (block.step, &mut block.own, &mut block.outcome);
        let [seized, .., defaults] = &mut *block.scratch;
        let mut is_any = false;
        for path in Flags::of(defaults) {
            let discount = block.discount[path];
            for (index, facility) in self.debt.facilities.iter().enumerate() {
                let claim = facility.balance(step.index, own).on(path) + own[facility.arrears][path];
                // A reserve account pays its own claim at once.
                let mut left = claim;
                if let Some(reserve) = &facility.reserve {
                    let account = std::mem::take(&mut own[reserve.account][path]);
                    let paid = claim.min(account);
                    left = if claim - paid > facility.schedule.negligible { claim - paid } else { 0.0 };
                    own[self.cash][path] += account - paid;
                    self.metrics.add_claims_paid(own, path, paid);
                    facility.metrics.add_recovered(own, path, paid);
                }
                own[facility.arrears][path] = left;
                if let Some(apart) = &facility.apart {
                    own[apart.balance][path] = 0.0;
                }
                outcome.exposure[index][path] = claim;
                // Beside what was converted before.
                outcome.loss[index][path] += discount * left;
            }
            outcome.cause[path] = why::cause(defaults[path]);
            outcome.default_step[path] = step.index as f64;
            outcome.discount[path] = discount;
            own[self.standing][path] = standing::LIQUIDATING;
            own[self.sale_from][path] = step.end + self.collateral.disposal.delay;
            self.tally.default(own);
            // Cash that is left goes to claims.
            if own[self.cash][path] > 0.0 {
                if !is_any {
                    seized.fill(0.0);
                }
                seized[path] = std::mem::take(&mut own[self.cash][path]);
                is_any = true;
            }
        }
        if is_any {
            self.metrics.add(own, Metric::Seized, seized);
            if let Some(liens) = &self.collateral.liens {
                liens.clear(own);
                own[liens.free].clone_from(seized);
            }
            self.receive(Paths::All, block);
        }
        if is_any | self.has_reserves() {
            self.close_paid(Paths::All, block);
        }
        self.choose(block);
    }
}
