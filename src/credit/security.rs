//! What a lender can take: liens on fleets, miners and coins, and recourse to the rest.

use super::fleet::LARGEST;
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// What secures a facility after a default.
///
/// The proceeds of each thing pay the facilities that have a lien on it, by their [rank](super::Facility::rank): first lien, second
/// lien, or one rank pro rata. What they leave, and what nobody has a lien on, is the estate, which all claims with recourse share in
/// proportion to what their security does not cover (`docs/credit.md` has the equations). No lien at all is an unsecured
/// claim. Coins with a lien are *pledged*: they are not sold to pay others while the loan is owed.
///
/// ```
/// use haircut::credit::{Facility, Lien, Security};
/// // 17,357 coins stand behind this loan alone; the notes have a claim on what is left.
/// let loan = Facility { security: Some(Security::on([Lien::part("btc", 17_357.0)])), ..Facility::bullet("loan", "bank", 350e6, 0.09, 1.0) };
/// let notes = Facility { security: Some(Security::unsecured()), ..Facility::bullet("notes", "funds", 3_298e6, 0.0, 5.0) };
/// assert!(notes.security.is_some_and(|security| security.on.is_empty()));
/// # assert!(loan.security.is_some());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Security {
    /// The things that it has a lien on; none for an unsecured claim.
    pub on: Vec<Lien>,
    /// Whether the lender has a claim beyond them.
    #[serde(default)]
    pub recourse: Recourse,
}

/// A claim on the proceeds of a thing that the borrower has: a fleet or miners by name, coins by asset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected the name of a fleet, miners or coins, or `{ of = .., units = .. }`")]
pub enum Lien {
    /// On all of it that is not given away in parts, beside the liens of others on it.
    Whole(String),
    /// On a part of it, which secures nobody else.
    Part {
        /// Name of the fleet or miners, or asset of the coins.
        of: String,
        /// How many units.
        units: f64,
    },
}

/// What a lender may claim that its security has not paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recourse {
    /// The deficiency is a claim on the estate.
    #[default]
    Full,
    /// Nothing: the lender has its security and that is all.
    Limited,
}

impl Lien {
    /// On all of a thing.
    pub fn whole(of: impl Into<String>) -> Self {
        Lien::Whole(of.into())
    }

    /// On so many units of it, alone.
    pub fn part(of: impl Into<String>, units: f64) -> Self {
        Lien::Part { of: of.into(), units }
    }

    fn of(&self) -> &str {
        match self {
            Lien::Whole(of) | Lien::Part { of, .. } => of,
        }
    }
}

impl Security {
    /// Liens, with recourse to the estate.
    pub fn on(liens: impl Into<Vec<Lien>>) -> Self {
        Security { on: liens.into(), recourse: Recourse::Full }
    }

    /// A claim on the estate alone.
    #[must_use]
    pub fn unsecured() -> Self {
        Security::on([])
    }

    pub(super) fn validate(&self) -> Result<(), Error> {
        for (index, lien) in self.on.iter().enumerate() {
            if let Lien::Part { units, .. } = lien {
                check::within(&format!("on[{index}].units"), *units, 0.0, LARGEST)?;
            }
            if self.on[..index].iter().any(|other| other.of() == lien.of()) {
                return Err(Error::Duplicate { field: format!("on[{index}]"), name: lien.of().to_owned() });
            }
        }
        if self.on.is_empty() && self.recourse == Recourse::Limited {
            return Err(Error::invalid("recourse", "limited", "must be full for a claim without a lien"));
        }
        Ok(())
    }
}

/// Who has a lien on what.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pledges {
    /// By thing: the units given to one facility alone, by its position, in the order of facilities.
    pub(super) parts: Vec<Vec<(usize, f64)>>,
    /// By thing: positions of the facilities with a lien on the rest of it.
    pub(super) whole: Vec<Vec<usize>>,
}

impl Pledges {
    /// Finds the things, given as (name, units), that the facilities, given as (name, security), have liens on. A facility
    /// that says nothing has one on the whole of everything.
    pub(super) fn new(things: &[(&str, f64)], facilities: &[(&str, Option<&Security>)]) -> Result<Pledges, Error> {
        let mut pledges = Pledges { parts: vec![Vec::new(); things.len()], whole: vec![Vec::new(); things.len()] };
        for (position, (_, security)) in facilities.iter().enumerate() {
            let Some(security) = security else {
                pledges.whole.iter_mut().for_each(|holders| holders.push(position));
                continue;
            };
            for (index, lien) in security.on.iter().enumerate() {
                let field = || format!("facilities[{position}].security.on[{index}]");
                let mut found = (0..things.len()).filter(|thing| things[*thing].0 == lien.of());
                let Some(thing) = found.next() else {
                    let known: Vec<_> = things.iter().map(|(name, _)| *name).collect();
                    return Err(Error::Unknown {
                        field: field(),
                        kind: "fleet, miners or coins of the borrower",
                        name: lien.of().to_owned(),
                        known: known.join(", "),
                    });
                };
                if found.next().is_some() {
                    return Err(Error::invalid(
                        field(),
                        lien.of(),
                        "must be the name of one thing that the borrower has",
                    ));
                }
                match lien {
                    Lien::Whole(_) => pledges.whole[thing].push(position),
                    Lien::Part { units, .. } => pledges.parts[thing].push((position, *units)),
                }
                pledges
                    .refuse_double(thing, things[thing], facilities)
                    .map_err(|expected| Error::invalid(field(), lien.of(), expected))?;
            }
        }
        Ok(pledges)
    }

    /// The same units must not secure two who do not know of each other.
    fn refuse_double(
        &self,
        thing: usize,
        (name, units): (&str, f64),
        facilities: &[(&str, Option<&Security>)],
    ) -> Result<(), String> {
        let given: f64 = self.parts[thing].iter().map(|(_, units)| units).sum();
        let named = |position: &usize| facilities[*position].1.is_some();
        let mut holders: Vec<&str> = self.parts[thing].iter().map(|(position, _)| facilities[*position].0).collect();
        let is_overdrawn = given > units * (1.0 + 1e-12);
        // A lien on the rest of what is given away in full is a lien on nothing.
        let others = self.whole[thing].iter().filter(|position| named(position));
        let is_empty = !holders.is_empty() && given >= units && others.clone().next().is_some();
        if is_empty {
            holders.extend(others.map(|position| facilities[*position].0));
        }
        if is_overdrawn | is_empty {
            let holders: Vec<_> = holders.iter().map(|holder| format!("`{holder}`")).collect();
            return Err(format!(
                "must not be pledged twice: {given} of {units} units of `{name}` are given to {}",
                holders.join(" and ")
            ));
        }
        Ok(())
    }
}
