//! Who gets the proceeds where facilities have security of their own: liens by rank, then the estate.

use super::liquidation::Collateral;
use super::month::Stepper;
use super::paths::Paths;
use super::payment::share;
use super::proceeds::Due;
use crate::credit::facility::Facility;
use crate::credit::liquidation::LiquidationView;
use crate::credit::obligor::{ObligorBlock, ObligorPlan};
use crate::credit::security::Recourse;
use crate::market::{OwnLane, OwnLanes};
use crate::numeric::{Lane, PATHS, Step};
use crate::vectorised;

/// The liens on the holdings of a borrower.
pub(super) struct Liens {
    /// By holding.
    held: Vec<Held>,
    /// Received from what nobody has a lien on: cash.
    pub(super) free: OwnLane,
    /// By facility: whether what its security does not pay is a claim on the estate.
    has_recourse: Vec<bool>,
    /// By facility: what its security, not yet sold, is worth to it.
    covered: Vec<OwnLane>,
    /// By facility: the holdings that secure it, if it names them.
    own_security: Vec<Option<Vec<usize>>>,
}

/// A holding, as lenders see it.
struct Held {
    /// Facilities with a lien on it, by rank.
    ranks: Vec<Vec<usize>>,
    /// Proceeds of the sale at hand.
    proceeds: OwnLane,
}

impl Liens {
    /// `holders`: by holding, positions of the facilities with a lien on it. `ranks`: all facilities by rank.
    pub(super) fn new(
        holders: &[Vec<usize>],
        ranks: &[Vec<usize>],
        facilities: &[Facility],
        plan: &mut ObligorPlan<'_>,
    ) -> Liens {
        let among = |holders: &[usize], rank: &[usize]| -> Vec<usize> {
            rank.iter().copied().filter(|facility| holders.contains(facility)).collect()
        };
        let mut held = Vec::with_capacity(holders.len());
        for holders in holders {
            let ranks = ranks.iter().map(|rank| among(holders, rank)).filter(|rank| !rank.is_empty()).collect();
            held.push(Held { ranks, proceeds: plan.state() });
        }
        let named = |(position, facility): (usize, &Facility)| {
            let is_named = facility.security.as_ref().is_some_and(|security| !security.on.is_empty());
            let of = || (0..holders.len()).filter(|holding| holders[*holding].contains(&position)).collect();
            is_named.then(of)
        };
        Liens {
            held,
            free: plan.state(),
            has_recourse: facilities
                .iter()
                .map(|facility| facility.security.as_ref().is_none_or(|security| security.recourse == Recourse::Full))
                .collect(),
            covered: facilities.iter().map(|_| plan.state()).collect(),
            own_security: facilities.iter().enumerate().map(named).collect(),
        }
    }

    /// Where the proceeds of a holding are kept.
    pub(super) fn proceeds(&self, holding: usize) -> OwnLane {
        self.held[holding].proceeds
    }

    /// The holdings that secure the facility at a position, if it has security of its own.
    pub(super) fn security(&self, position: usize) -> Option<&[usize]> {
        self.own_security[position].as_deref()
    }

    /// Whether two facilities have a lien on the same thing.
    pub(super) fn share_a_lien(&self, one: usize, other: usize) -> bool {
        let has = |held: &Held, position| held.ranks.iter().flatten().any(|facility| *facility == position);
        self.held.iter().any(|held| has(held, one) & has(held, other))
    }

    /// Before the proceeds of a date are counted.
    pub(super) fn clear(&self, own: &mut OwnLanes<'_>) {
        own[self.free].fill(0.0);
        for held in &self.held {
            own[held.proceeds].fill(0.0);
        }
    }
}

impl Collateral {
    /// What these holdings would bring if everything were sold at the planned pace, and no other borrower sold.
    pub(super) fn executable_of(
        &self,
        holdings: &[usize],
        own: &OwnLanes<'_>,
        liquidation: &LiquidationView<'_>,
        step: Step,
        lanes: [&mut Lane; 3],
    ) {
        self.worth(holdings.iter().map(|holding| &self.holdings[*holding]), own, liquidation, step, lanes);
    }
}

impl Stepper {
    /// Pays the liens on each holding by rank, then from the estate what security does not cover, pro rata; what is left stays in
    /// the second scratch lane.
    pub(super) fn pay_liens(&self, liens: &Liens, block: &mut ObligorBlock<'_>) {
        let step = block.step;
        let [_, estate, rest, _, asked, part, recovered, price] = &mut *block.scratch;
        let (own, outcome) = (&mut block.own, &mut block.outcome);
        let mut due = Due { discount: block.discount, exposure: &*outcome.exposure, loss: &mut *outcome.loss };
        estate.clone_from(&own[liens.free]);
        for held in &liens.held {
            rest.clone_from(&own[held.proceeds]);
            for rank in &held.ranks {
                self.pay_rank(Paths::All, rank, own, rest, [asked, part, recovered], &mut due);
            }
            add(rest, estate);
        }
        // What each could still get from its own security, if it were sold now.
        for covered in &liens.covered {
            own[*covered].fill(0.0);
        }
        for (holding, held) in liens.held.iter().enumerate().filter(|(_, held)| !held.ranks.is_empty()) {
            self.collateral.executable_of(&[holding], own, &block.liquidation, step, [rest, recovered, price]);
            for rank in &held.ranks {
                asked.fill(0.0);
                for index in rank {
                    let [claim, covered] = own.many([self.debt.facilities[*index].arrears, liens.covered[*index]]);
                    ask_uncovered(claim, covered, asked);
                }
                share(Paths::All, asked, rest, part);
                for index in rank {
                    let [claim, covered] = own.many([self.debt.facilities[*index].arrears, liens.covered[*index]]);
                    cover(claim, part, covered);
                }
            }
        }
        self.pay_estate(liens, own, estate, [asked, part, recovered], &mut due);
        // Owners get nothing before lenders with recourse have everything, whatever their security may come to be worth.
        for covered in &liens.covered {
            own[*covered].fill(0.0);
        }
        self.pay_estate(liens, own, estate, [asked, part, recovered], &mut due);
    }

    /// Divides the estate among the claims with recourse in proportion to what is not covered.
    fn pay_estate(
        &self,
        liens: &Liens,
        own: &mut OwnLanes<'_>,
        estate: &mut Lane,
        [asked, part, recovered]: [&mut Lane; 3],
        due: &mut Due<'_>,
    ) {
        asked.fill(0.0);
        let entitled = || (0..self.debt.facilities.len()).filter(|index| liens.has_recourse[*index]);
        for index in entitled() {
            let [claim, covered] = own.many([self.debt.facilities[index].arrears, liens.covered[index]]);
            ask_uncovered(claim, covered, asked);
        }
        share(Paths::All, asked, estate, part);
        for index in entitled() {
            let facility = &self.debt.facilities[index];
            let [claim, covered] = own.many([facility.arrears, liens.covered[index]]);
            recover_uncovered(part, covered, claim, recovered);
            due.reduce(Paths::All, index, recovered);
            facility.metrics.show_recovery(own, recovered);
        }
    }
}

vectorised! {
    fn add(amount: &Lane, sum: &mut Lane) {
        for i in 0..PATHS {
            sum[i] += amount[i];
        }
    }

    fn ask_uncovered(claim: &Lane, covered: &Lane, asked: &mut Lane) {
        for i in 0..PATHS {
            let open = claim[i] - covered[i];
            asked[i] += if open > 0.0 { open } else { 0.0 };
        }
    }

    fn cover(claim: &Lane, part: &Lane, covered: &mut Lane) {
        for i in 0..PATHS {
            let open = claim[i] - covered[i];
            covered[i] += if open > 0.0 { open * part[i] } else { 0.0 };
        }
    }

    fn recover_uncovered(part: &Lane, covered: &Lane, claim: &mut Lane, recovered: &mut Lane) {
        for i in 0..PATHS {
            let open = claim[i] - covered[i];
            recovered[i] = if open > 0.0 { open * part[i] } else { 0.0 };
            claim[i] -= recovered[i];
        }
    }
}
