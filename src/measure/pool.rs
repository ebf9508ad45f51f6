//! Whose loss? A part of the book.

use super::Run;
use crate::Error;
use crate::credit::FacilityInfo;
use serde::{Deserialize, Serialize};

/// The facilities whose losses are taken together: the whole book, or a named part of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Pool {
    /// Every facility of every obligor.
    #[default]
    Book,
    /// The facilities of one obligor.
    Obligor(String),
    /// One facility.
    Facility {
        /// Name of the obligor.
        obligor: String,
        /// Name of the facility within it.
        facility: String,
    },
    /// What one lender holds, over all obligors.
    Lender(String),
    /// Facilities by name, each as (obligor, facility).
    Facilities(Vec<(String, String)>),
}

impl Pool {
    /// The facilities of the pool as (obligor, facility), in the order of the book.
    pub(super) fn lanes(&self, run: &Run) -> Result<Vec<(usize, usize)>, Error> {
        let chosen = |chosen: &dyn Fn(usize, &FacilityInfo) -> bool| {
            let obligors = run.obligors.iter().enumerate();
            let lanes = obligors.flat_map(|(index, obligor)| {
                let facilities = obligor.facilities.iter().enumerate();
                facilities.filter(move |(_, info)| chosen(index, info)).map(move |(facility, _)| (index, facility))
            });
            lanes.collect::<Vec<_>>()
        };
        match self {
            Pool::Book => Ok(chosen(&|_, _| true)),
            Pool::Obligor(obligor) => {
                let obligor = run.obligor(obligor)?;
                Ok(chosen(&|index, _| index == obligor))
            }
            Pool::Facility { obligor, facility } => Ok(vec![named(run, obligor, facility)?]),
            Pool::Lender(lender) => {
                let lanes = chosen(&|_, info| info.lender == *lender);
                if lanes.is_empty() {
                    let facilities = run.obligors.iter().flat_map(|obligor| &obligor.facilities);
                    return Err(unknown("lender", lender, facilities.map(|info| info.lender.as_str())));
                }
                Ok(lanes)
            }
            Pool::Facilities(names) => {
                if names.is_empty() {
                    return Err(Error::invalid("facilities", "[]", "must name at least one facility"));
                }
                let mut lanes = Vec::with_capacity(names.len());
                for (position, (obligor, facility)) in names.iter().enumerate() {
                    let locate = |error: Error| error.within(format!("facilities[{position}]"));
                    let lane = named(run, obligor, facility).map_err(locate)?;
                    if lanes.contains(&lane) {
                        let name = format!("{obligor}, {facility}");
                        return Err(Error::Duplicate { field: format!("facilities[{position}]"), name });
                    }
                    lanes.push(lane);
                }
                lanes.sort_unstable();
                Ok(lanes)
            }
        }
    }

    /// What the facilities of the pool amount to at time zero, USD.
    pub(super) fn principal(run: &Run, lanes: &[(usize, usize)]) -> f64 {
        // Not minus zero, which an empty sum is.
        0.0 + lanes
            .iter()
            .map(|(obligor, facility)| run.obligors[*obligor].facilities[*facility].principal)
            .sum::<f64>()
    }
}

/// One facility by its names.
pub(super) fn named(run: &Run, obligor: &str, facility: &str) -> Result<(usize, usize), Error> {
    let index = run.obligor(obligor)?;
    let facilities = &run.obligors[index].facilities;
    match facilities.iter().position(|info| info.name == facility) {
        Some(position) => Ok((index, position)),
        None => Err(unknown("facility", facility, facilities.iter().map(|info| info.name.as_str()))),
    }
}

fn unknown<'a>(kind: &'static str, name: &str, known: impl Iterator<Item = &'a str>) -> Error {
    let mut known: Vec<&str> = known.collect();
    known.sort_unstable();
    known.dedup();
    Error::Unknown { field: kind.into(), kind, name: name.into(), known: known.join(", ") }
}
