//! Who gets what a sale brings: claims by rank, open bills, owners.

use super::metrics::Metric;
use super::month::Stepper;
use super::paths::{Paths, each};
use super::payment::share;
use crate::credit::obligor::ObligorBlock;
use crate::credit::schedule::ROUNDING;
use crate::market::OwnLanes;
use crate::numeric::{Lane, PATHS};
use crate::vectorised;

/// What lenders have lost, as long as it is not recovered.
pub(super) struct Due<'a> {
    pub(super) discount: &'a Lane,
    pub(super) exposure: &'a [Lane],
    pub(super) loss: &'a mut [Lane],
}

impl Due<'_> {
    /// A facility recovers so much.
    pub(super) fn reduce(&mut self, paths: Paths<'_>, facility: usize, recovered: &Lane) {
        reduce_loss(paths, self.discount, recovered, &self.exposure[facility], &mut self.loss[facility]);
    }
}

impl Stepper {
    /// Pays claims by their liens, then open bills, then preferred and common owners, from the proceeds in the first scratch
    /// lane.
    pub(super) fn receive(&self, paths: Paths<'_>, block: &mut ObligorBlock<'_>) {
        match &self.collateral.liens {
            Some(liens) => self.pay_liens(liens, block),
            None => self.pay_ranks(paths, block),
        }
        let [proceeds, left, _, _, _, _, paid, ..] = &mut *block.scratch;
        let own = &mut block.own;
        self.metrics.add(own, Metric::Proceeds, proceeds);
        if self.metrics.wants(Metric::ClaimsPaid) {
            for i in 0..PATHS {
                paid[i] = proceeds[i] - left[i];
            }
            self.metrics.add(own, Metric::ClaimsPaid, paid);
        }
        pay_bills(paths, &mut own[self.cash], left);
        if let Some((preference, received)) = self.preferred {
            pay_preferred(paths, preference, &mut own[received], left, paid);
            self.metrics.add(own, Metric::PreferredPaid, paid);
        }
        self.metrics.add(own, Metric::ResidualToOwners, left);
    }

    /// Pays all claims by rank; what is left of the proceeds in the first scratch lane stays in the second.
    fn pay_ranks(&self, paths: Paths<'_>, block: &mut ObligorBlock<'_>) {
        let [proceeds, left, _, _, asked, part, recovered, ..] = &mut *block.scratch;
        let (own, outcome) = (&mut block.own, &mut block.outcome);
        let mut due = Due { discount: block.discount, exposure: &*outcome.exposure, loss: &mut *outcome.loss };
        paths.copy(proceeds, left);
        for rank in &self.debt.ranks {
            self.pay_rank(paths, rank, own, left, [asked, part, recovered], &mut due);
        }
    }

    /// Pays the claims of one rank from what is left, pro rata.
    pub(super) fn pay_rank(
        &self,
        paths: Paths<'_>,
        rank: &[usize],
        own: &mut OwnLanes<'_>,
        left: &mut Lane,
        [asked, part, recovered]: [&mut Lane; 3],
        due: &mut Due<'_>,
    ) {
        let is_alone = rank.len() == 1;
        if !is_alone {
            paths.fill(asked, 0.0);
            for index in rank {
                add(paths, &own[self.debt.facilities[*index].arrears], asked);
            }
            share(paths, asked, left, part);
        }
        for index in rank {
            let facility = &self.debt.facilities[*index];
            let claim = &mut own[facility.arrears];
            if is_alone {
                recover(paths, claim, left, recovered);
            } else {
                recover_part(paths, part, claim, recovered);
            }
            due.reduce(paths, *index, recovered);
            facility.metrics.show_recovery(own, recovered);
        }
    }
}

vectorised! {
    fn add(paths: Paths<'_>, amount: &Lane, sum: &mut Lane) {
        each!(i in paths, {
            sum[i] += amount[i];
        });
    }

    fn recover(paths: Paths<'_>, claim: &mut Lane, left: &mut Lane, recovered: &mut Lane) {
        each!(i in paths, {
            let (all, rest) = (claim[i], left[i]);
            recovered[i] = if all < rest { all } else { rest };
            claim[i] = all - recovered[i];
            left[i] = rest - recovered[i];
        });
    }

    fn recover_part(paths: Paths<'_>, part: &Lane, claim: &mut Lane, recovered: &mut Lane) {
        each!(i in paths, {
            recovered[i] = claim[i] * part[i];
            claim[i] -= recovered[i];
        });
    }

    fn reduce_loss(paths: Paths<'_>, discount: &Lane, recovered: &Lane, exposure: &Lane, loss: &mut Lane) {
        each!(i in paths, {
            let rest = loss[i] - discount[i] * recovered[i];
            // A claim paid in full at the discount of its default is no loss, not 1e-10 of one.
            loss[i] = if rest.abs() <= ROUNDING * exposure[i] { 0.0 } else { rest };
        });
    }

    /// Bills that operations could not pay are paid from what claims have left.
    fn pay_bills(paths: Paths<'_>, cash: &mut Lane, left: &mut Lane) {
        each!(i in paths, {
            let open = if cash[i] < 0.0 { -cash[i] } else { 0.0 };
            let paid = if open < left[i] { open } else { left[i] };
            cash[i] += paid;
            left[i] -= paid;
        });
    }

    /// Preferred owners get up to their preference, in all.
    fn pay_preferred(paths: Paths<'_>, preference: f64, received: &mut Lane, left: &mut Lane, paid: &mut Lane) {
        each!(i in paths, {
            let owed = preference - received[i];
            let owed = if owed > 0.0 { owed } else { 0.0 };
            paid[i] = if owed < left[i] { owed } else { left[i] };
            received[i] += paid[i];
            left[i] -= paid[i];
        });
    }
}
