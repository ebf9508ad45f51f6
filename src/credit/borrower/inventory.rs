//! What a borrower has, as holdings that can be sold, and who has a lien on each.

use super::Borrower;
use super::claims::Liens;
use super::coins::{Called, Holding};
use super::margin::{ForcedSale, MarginLoan};
use super::pledged::Pledge;
use crate::Error;
use crate::credit::Margin;
use crate::credit::obligor::ObligorPlan;
use crate::credit::security::Pledges;

/// Fleets, then miners, then coins; of each what is not given away in parts, then the parts.
pub(super) struct Inventory {
    items: Vec<Item>,
    margins: Vec<MarginLoan>,
    /// Whether some facility says what secures it.
    has_security: bool,
}

struct Item {
    /// Position among all things that the borrower has.
    thing: usize,
    holding: Holding,
    are_coins: bool,
    /// Positions of the facilities that name it.
    pledged_to: Vec<usize>,
    /// Positions of the facilities with a lien on it.
    holders: Vec<usize>,
}

impl Inventory {
    pub(super) fn new(borrower: &Borrower, plan: &mut ObligorPlan<'_>) -> Result<Inventory, Error> {
        let fleets = borrower.fleets.iter().map(|fleet| (fleet.name.as_str(), fleet.units));
        let miners = borrower.miners.iter().map(|miners| (miners.name.as_str(), miners.units));
        let coins = borrower.treasury.iter().map(|coins| (coins.asset.as_str(), coins.units));
        let things: Vec<(&str, f64)> = fleets.chain(miners).chain(coins).collect();
        let claims: Vec<_> =
            borrower.facilities.iter().map(|facility| (facility.name.as_str(), facility.security.as_ref())).collect();
        let pledges = Pledges::new(&things, &claims)?;

        let fleets = borrower.fleets.iter().map(|fleet| ("fleets", &fleet.asset));
        let miners = borrower.miners.iter().map(|miners| ("miners", &miners.asset));
        let coins = borrower.treasury.iter().map(|coins| ("treasury", &coins.asset));
        let lists = fleets.enumerate().chain(miners.enumerate()).chain(coins.enumerate());
        let over = borrower.liquidation.over;
        let mut items = Vec::with_capacity(things.len());
        for (thing, (index, (list, asset))) in lists.enumerate() {
            let asset = plan.asset(&format!("{list}[{index}].asset"), asset)?;
            let are_coins = list == "treasury";
            let given: f64 = pledges.parts[thing].iter().map(|(_, units)| units).sum();
            let rest = (things[thing].1 - given).max(0.0);
            let named = |position: &&usize| borrower.facilities[**position].security.is_some();
            items.push(Item {
                thing,
                holding: Holding::new(asset, rest, over, plan),
                are_coins,
                pledged_to: pledges.whole[thing].iter().filter(named).copied().collect(),
                holders: pledges.whole[thing].clone(),
            });
            for (position, units) in &pledges.parts[thing] {
                items.push(Item {
                    thing,
                    holding: Holding::new(asset, *units, over, plan),
                    are_coins,
                    pledged_to: vec![*position],
                    holders: vec![*position],
                });
            }
        }
        let has_security = claims.iter().any(|(_, security)| security.is_some());
        let mut inventory = Inventory { items, margins: Vec::new(), has_security };
        for (position, facility) in borrower.facilities.iter().enumerate() {
            if let Some(terms) = facility.margin {
                inventory.add_margin(position, terms, borrower, plan)?;
            }
        }
        Ok(inventory)
    }

    /// Finds the coins behind a loan with a margin clause, and the free coins of their classes.
    fn add_margin(
        &mut self,
        position: usize,
        terms: Margin,
        borrower: &Borrower,
        plan: &mut ObligorPlan<'_>,
    ) -> Result<(), Error> {
        let refuse =
            |expected: String| Err(Error::invalid(format!("facilities[{position}].margin"), "given", expected));
        let secures = |item: &Item| item.are_coins && item.pledged_to.contains(&position);
        let items: Vec<usize> = (0..self.items.len()).filter(|index| secures(&self.items[*index])).collect();
        if items.is_empty() {
            return refuse("must be with `security` on coins of the treasury".into());
        }
        let sale = ForcedSale { part: plan.state(), proceeds: plan.state() };
        let mut coins = Vec::with_capacity(items.len());
        for index in items {
            let Item { thing, ref holders, .. } = self.items[index];
            if let Some(other) = holders.iter().find(|holder| **holder != position) {
                let other = &borrower.facilities[*other].name;
                return refuse(format!("must be with coins that secure it alone: `{other}` has a lien on them too"));
            }
            let is_free = |item: &Item| item.thing == thing && item.pledged_to.is_empty();
            let free = self.items.iter().position(is_free);
            if let (Some(release), None) = (terms.release, free) {
                let field = format!("facilities[{position}].margin.release");
                let expected = "must be with liens on parts of coins of which the rest is free";
                return Err(Error::invalid(field, release, expected));
            }
            for index in free.into_iter().chain(free.map(|_| index)) {
                let holding = &mut self.items[index].holding;
                holding.moved = holding.moved.or_else(|| Some(plan.state()));
            }
            let holding = &mut self.items[index].holding;
            holding.called = Some(Called { sale, queued: plan.state(), patience: plan.patience(holding.asset, 0.0) });
            coins.push((*holding, free));
        }
        let coins = coins.into_iter().map(|(coins, free)| (coins, free.map(|index| self.items[index].holding)));
        let coins = coins.collect();
        self.margins.push(MarginLoan::new(position, terms, coins, sale, plan));
        Ok(())
    }

    /// The loans with a margin clause, senior first.
    pub(super) fn margins(&mut self, ranks: &[Vec<usize>]) -> Vec<MarginLoan> {
        let place = |loan: &MarginLoan| ranks.iter().flatten().position(|index| *index == loan.facility);
        self.margins.sort_by_key(place);
        std::mem::take(&mut self.margins)
    }

    /// All that is sold after a default.
    pub(super) fn holdings(&self) -> Vec<Holding> {
        self.items.iter().map(|item| item.holding).collect()
    }

    /// Coins that may be sold for any payment.
    pub(super) fn free_coins(&self) -> Vec<Holding> {
        self.items.iter().filter(|item| item.are_coins & item.pledged_to.is_empty()).map(|item| item.holding).collect()
    }

    /// Coins that stand behind a loan.
    pub(super) fn pledged_coins(&self) -> Vec<Pledge> {
        let pledged = self.items.iter().filter(|item| item.are_coins & !item.pledged_to.is_empty());
        pledged.map(|item| Pledge { holding: item.holding, facilities: item.pledged_to.clone() }).collect()
    }

    /// The liens on the holdings, if some facility says what secures it.
    pub(super) fn liens(&self, borrower: &Borrower, ranks: &[Vec<usize>], plan: &mut ObligorPlan<'_>) -> Option<Liens> {
        let holders: Vec<Vec<usize>> = self.items.iter().map(|item| item.holders.clone()).collect();
        self.has_security.then(|| Liens::new(&holders, ranks, &borrower.facilities, plan))
    }
}
