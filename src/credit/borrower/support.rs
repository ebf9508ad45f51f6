//! What a sponsor does on the paths that would default. By index, as a default is: few paths are there, and few times.

use super::Looks;
use super::covenants::Covenants;
use super::debt::PlannedFacility;
use super::margin::Look;
use super::metrics::Metric;
use super::month::{DEFAULTS, SHORT, Stepper};
use super::standing::Flags;
use crate::Error;
use crate::credit::facility::Facility;
use crate::credit::obligor::{ObligorBlock, ObligorPlan};
use crate::credit::quantity::Reading;
use crate::credit::schedule::ROUNDING;
use crate::credit::shared::SharedLane;
use crate::credit::sponsor::{Sponsor, SupportForm};
use crate::market::OwnLane;
use crate::numeric::kernel;
use crate::sample::{StreamName, event};

/// A sponsor at work.
pub(super) struct PlannedSponsor {
    terms: Sponsor,
    state: Reading,
    conditions: Reading,
    /// What it has given, by path.
    given: OwnLane,
    /// What it has for all who name it, and what is left of that.
    commitment: Option<(f64, SharedLane)>,
    last: Option<LastGift>,
    /// By facility the part of its claim that is converted.
    converted: Vec<f64>,
    /// The stream of its resolve, which all share who name it.
    stream: StreamName,
}

/// What a sponsor has given on the last date on which it gave anything, for borrowers that are looked at again within a step.
struct LastGift {
    /// Index of the step.
    step: OwnLane,
    amount: OwnLane,
}

/// What a sponsor does for one facility on one path.
struct Relief {
    /// Claim that becomes shares.
    converted: f64,
    /// Arrears that are paid.
    paid: f64,
    /// Principal not yet due that is repaid.
    repaid: f64,
}

impl PlannedSponsor {
    pub(super) fn new(
        terms: &Sponsor,
        facilities: &[Facility],
        looks: Looks,
        plan: &mut ObligorPlan<'_>,
    ) -> Result<PlannedSponsor, Error> {
        let part = |facility: &Facility| match &terms.form {
            SupportForm::DebtForEquity { facilities, share } if facilities.contains(&facility.name) => *share,
            _ => 0.0,
        };
        let stream = format!("sponsor/{}", terms.name);
        // Asked for by those without a commitment too: who forgets it where others have one is told so.
        let left = plan.shared("sponsor.commitment", &stream, terms.commitment.unwrap_or(f64::INFINITY))?;
        Ok(PlannedSponsor {
            state: terms.state.plan(plan, "sponsor.state", 0.0, 1.0)?,
            conditions: terms.conditions.plan(plan, "sponsor.conditions", -1e6, 1e6)?,
            given: plan.state(),
            commitment: terms.commitment.map(|whole| (whole, left)),
            last: (looks == Looks::Again).then(|| LastGift { step: plan.state(), amount: plan.state() }),
            converted: facilities.iter().map(part).collect(),
            stream: StreamName::new(&stream),
            terms: terms.clone(),
        })
    }

    /// What it has given on this date.
    fn given_today(&self, path: usize, block: &ObligorBlock<'_>) -> f64 {
        let last = self.last.as_ref().filter(|last| block.own[last.step][path] >= block.step.index as f64);
        last.map_or(0.0, |last| block.own[last.amount][path])
    }

    /// Whether it gives so much on a path. Where marks have fallen within the step the odds are those of all that the date takes, so that
    /// they do not hang on the number of rounds.
    fn gives(&self, need: f64, look: Look, path: usize, block: &ObligorBlock<'_>) -> bool {
        let Sponsor { capacity, intercept, state_weight, conditions_weight, need_weight, .. } = self.terms;
        let read = |reading: Reading| reading.constant * reading.series.map_or(1.0, |series| block.read[series][path]);
        let state = read(self.state).clamp(0.0, 1.0);
        let mut able = capacity * state - block.own[self.given][path];
        if let Some((whole, left)) = self.commitment {
            able = able.min(block.shared[left][path] - whole * (1.0 - state));
        }
        if !((need > 0.0) & (need * (1.0 - ROUNDING) <= able)) {
            return false;
        }
        let asked = if look == Look::Again { need + self.given_today(path, block) } else { need };
        // Above zero: something is needed, and it is at most the capacity.
        let odds = intercept + state_weight * state + conditions_weight * read(self.conditions)
            - need_weight * (asked / capacity);
        let [word, ..] = block.key.of(self.stream).event(block.first_path + path as u64, 0);
        event::uniform(word) * (1.0 + kernel::exp(-odds)) < 1.0
    }

    fn relief(&self, position: usize, [arrears, balance]: [f64; 2]) -> Relief {
        match self.terms.form {
            SupportForm::Liquidity => Relief { converted: 0.0, paid: arrears, repaid: 0.0 },
            SupportForm::DebtForEquity { .. } => {
                let converted = self.converted[position] * (arrears + balance);
                let paid = if converted < arrears { arrears - converted } else { 0.0 };
                Relief { converted, paid, repaid: 0.0 }
            }
            SupportForm::Takeover { .. } => Relief { converted: 0.0, paid: arrears, repaid: balance },
        }
    }
}

/// Among the scratch lanes, where the collateral at marks is kept for a takeover.
const MARKED: usize = 4;

impl Stepper {
    /// Has the sponsor prevent defaults for what is unpaid; how many paths stay marked.
    pub(super) fn support(&self, block: &mut ObligorBlock<'_>, defaulting: u64) -> u64 {
        let Some(sponsor) = &self.sponsor else { return defaulting };
        self.value(sponsor, block);
        let mut left = defaulting;
        for path in Flags::of(&block.scratch[DEFAULTS]) {
            if self.rescue(sponsor, Look::First, path, block) {
                block.scratch[DEFAULTS][path] = 0.0;
                left -= 1;
            }
        }
        left
    }

    /// Has the sponsor prevent an acceleration for a breach that lacks so much, on one path.
    pub(super) fn support_breach(
        &self,
        covenants: &Covenants,
        position: usize,
        lack: f64,
        look: Look,
        path: usize,
        block: &mut ObligorBlock<'_>,
    ) -> bool {
        let Some(sponsor) = &self.sponsor else { return false };
        if sponsor.terms.form == SupportForm::Liquidity {
            let helps = sponsor.gives(lack, look, path, block) && self.mend(covenants, position, lack, path, block);
            if helps {
                self.count_support(sponsor, [lack, lack], look, path, block);
            }
            return helps;
        }
        self.value(sponsor, block);
        self.rescue(sponsor, look, path, block)
    }

    /// Whether the sponsor has converted debt, or bought the borrower, on this date: that is once.
    pub(super) fn is_restructured_today(&self, path: usize, block: &ObligorBlock<'_>) -> bool {
        let restructures = |sponsor: &&PlannedSponsor| sponsor.terms.form != SupportForm::Liquidity;
        self.sponsor.as_ref().filter(restructures).is_some_and(|sponsor| sponsor.given_today(path, block) > 0.0)
    }

    /// What a takeover looks at.
    fn value(&self, sponsor: &PlannedSponsor, block: &mut ObligorBlock<'_>) {
        if matches!(sponsor.terms.form, SupportForm::Takeover { .. }) {
            self.collateral.marked(&block.own, &block.liquidation, &mut block.scratch[MARKED]);
        }
    }

    /// Whether the sponsor rids a path of all that is unpaid; then it has.
    fn rescue(&self, sponsor: &PlannedSponsor, look: Look, path: usize, block: &mut ObligorBlock<'_>) -> bool {
        let step = block.step.index;
        let owed = |facility: &PlannedFacility, block: &ObligorBlock<'_>| {
            [block.own[facility.arrears][path], facility.balance(step, &block.own).on(path)]
        };
        let cash = block.own[self.cash][path];
        let bills = if cash < 0.0 { -cash } else { 0.0 };
        let (mut claims, mut paid, mut converted) = (0.0, bills, 0.0);
        for (position, facility) in self.debt.facilities.iter().enumerate() {
            let [arrears, balance] = owed(facility, block);
            let relief = sponsor.relief(position, [arrears, balance]);
            claims += arrears + balance;
            paid += relief.paid + relief.repaid;
            converted += relief.converted;
        }
        if let SupportForm::Takeover { valuation } = sponsor.terms.form {
            let is_worth_it = claims * (1.0 - ROUNDING) <= valuation * block.scratch[MARKED][path];
            if !is_worth_it {
                return false;
            }
        }
        if !sponsor.gives(paid + converted, look, path, block) {
            return false;
        }
        let discount = block.discount[path];
        for (position, facility) in self.debt.facilities.iter().enumerate() {
            let [arrears, balance] = owed(facility, block);
            let relief = sponsor.relief(position, [arrears, balance]);
            let own = &mut block.own;
            own[facility.arrears][path] = 0.0;
            let beyond = if relief.converted > arrears { relief.converted - arrears } else { 0.0 };
            let less = beyond + relief.repaid;
            if let Some(apart) = facility.apart.as_ref().filter(|_| less > 0.0) {
                apart.part(&facility.schedule, step, own);
                let rest = balance - less;
                own[apart.balance][path] = if rest > facility.schedule.negligible { rest } else { 0.0 };
            }
            facility.metrics.show_relief(own, path, [arrears, relief.paid, relief.repaid, relief.converted]);
            self.metrics.add_on(own, Metric::DebtServicePaid, path, relief.paid);
            self.metrics.add_on(own, Metric::Prepaid, path, relief.repaid);
            self.metrics.add_on(own, Metric::Converted, path, relief.converted);
            block.outcome.loss[position][path] += discount * relief.converted;
        }
        block.own[self.cash][path] += bills;
        block.own[self.missed][path] = f64::INFINITY;
        block.scratch[SHORT][path] = 0.0;
        self.count_support(sponsor, [paid + converted, paid], look, path, block);
        true
    }

    /// Has the sponsor meet a margin call that the borrower cannot, on one path: with so much the loan is repaid.
    pub(super) fn support_call(
        &self,
        facility: usize,
        need: f64,
        look: Look,
        path: usize,
        block: &mut ObligorBlock<'_>,
    ) -> bool {
        let Some(sponsor) = self.sponsor.as_ref().filter(|sponsor| sponsor.terms.form == SupportForm::Liquidity) else {
            return false;
        };
        if !sponsor.gives(need, look, path, block) {
            return false;
        }
        self.repay_called(facility, path, need, block.step, &mut block.own);
        if block.own[self.missed][path].is_infinite() {
            block.scratch[SHORT][path] = 0.0;
        }
        self.metrics.add_on(&mut block.own, Metric::MarginTopUp, path, need);
        self.count_support(sponsor, [need, need], look, path, block);
        true
    }

    fn count_support(
        &self,
        sponsor: &PlannedSponsor,
        [given, paid]: [f64; 2],
        look: Look,
        path: usize,
        block: &mut ObligorBlock<'_>,
    ) {
        let today = sponsor.given_today(path, block);
        let own = &mut block.own;
        own[sponsor.given][path] += given;
        if let Some((_, left)) = sponsor.commitment {
            block.shared[left][path] -= given;
        }
        if let Some(last) = &sponsor.last {
            own[last.step][path] = block.step.index as f64;
            own[last.amount][path] = today + given;
        }
        // What lower marks of one date ask for more is the same event.
        let goes_on = look == Look::Again && today > 0.0;
        self.metrics.add_on(own, Metric::Support, path, if goes_on { 0.0 } else { 1.0 });
        self.metrics.add_on(own, Metric::Injected, path, paid);
    }
}
