//! Default: all that is owed falls due. The one part of the month that goes by index: a path defaults once.

use super::month::{DEFAULTS, Stepper};
use super::payment::why;
use super::standing::{self, each_flagged};
use crate::credit::obligor::ObligorBlock;

impl Stepper {
    /// Accelerates all facilities on the paths that are marked to default; arrears become the whole claim.
    pub(super) fn default(&self, block: &mut ObligorBlock<'_>) {
        let (step, own, outcome) = (block.step, &mut block.own, &mut block.outcome);
        each_flagged(&block.scratch[DEFAULTS], |path| {
            let discount = block.discount[path];
            for (index, facility) in self.debt.facilities.iter().enumerate() {
                let claim = facility.balance(step.index, own).on(path) + own[facility.arrears][path];
                // A reserve account pays its own claim at once.
                let mut paid = 0.0;
                if let Some(reserve) = &facility.reserve {
                    let account = std::mem::take(&mut own[reserve.account][path]);
                    paid = claim.min(account);
                    own[self.cash][path] += account - paid;
                    self.metrics.add_claims_paid(own, path, paid);
                    facility.metrics.add_recovered(own, path, paid);
                }
                own[facility.arrears][path] = claim - paid;
                if let Some(apart) = &facility.apart {
                    own[apart.balance][path] = 0.0;
                }
                outcome.exposure[index][path] = claim;
                outcome.loss[index][path] = discount * (claim - paid);
            }
            outcome.cause[path] = why::cause(block.scratch[DEFAULTS][path]);
            outcome.default_step[path] = step.index as f64;
            outcome.discount[path] = discount;
            own[self.standing][path] = standing::LIQUIDATING;
            own[self.sale_from][path] = step.end + self.collateral.disposal.delay;
            self.tally.default(own);
        });
        self.choose(block);
    }
}
