//! The paths of a block that a pass is about: all of them in lanes, or few by index.
//!
//! What goes wrong goes wrong on few paths at a time: of 256, some five are short of cash in a month in which any is. A pass over
//! those costs less than one over lanes, and gives the same bits, since both run the same lines.

use super::standing::Flags;
use crate::numeric::{Lane, PATHS};

/// Which paths a pass is about. What it would do on the others changes nothing that is read later.
#[derive(Clone, Copy)]
pub(super) enum Paths<'a> {
    All,
    Few(&'a [u8]),
}

impl Paths<'_> {
    /// Sets a lane on these paths.
    pub(super) fn fill(self, lane: &mut Lane, value: f64) {
        match self {
            Paths::All => lane.fill(value),
            Paths::Few(places) => places.iter().for_each(|place| lane[usize::from(*place)] = value),
        }
    }

    /// Copies a lane on these paths.
    pub(super) fn copy(self, from: &Lane, to: &mut Lane) {
        match self {
            Paths::All => to.clone_from(from),
            Paths::Few(places) => places.iter().for_each(|place| to[usize::from(*place)] = from[usize::from(*place)]),
        }
    }
}

impl Paths<'_> {
    /// Those of them whose flag is not zero.
    pub(super) fn flags(self, flags: &Lane) -> Flags {
        match self {
            Paths::All => Flags::of(flags),
            Paths::Few(places) => Flags::among(places, flags),
        }
    }
}

/// Places of few paths.
pub(super) struct Few {
    places: [u8; Few::MOST],
    count: usize,
}

impl Few {
    /// So many are few: beyond, a pass over lanes is the faster one.
    const MOST: usize = 16;

    /// These, if they are few.
    pub(super) fn of(paths: Flags) -> Option<Few> {
        let count = paths.number() as usize;
        (count <= Few::MOST).then(|| {
            let mut places = [0; Few::MOST];
            places.iter_mut().zip(paths).for_each(|(place, path)| *place = (path % PATHS) as u8);
            Few { places, count }
        })
    }

    /// The paths whose flag is not zero, `count` of them, if they are few.
    pub(super) fn flagged(flags: &Lane, count: u64) -> Option<Few> {
        (count <= Few::MOST as u64).then(|| Few::of(Flags::of(flags))).flatten()
    }

    /// The paths of which one flag, which `count` have, or the other is not zero, if they are few.
    pub(super) fn flagged_by(first: &Lane, count: u64, second: &Lane) -> Option<Few> {
        (count <= Few::MOST as u64).then(|| Few::of(Flags::of_either(first, second))).flatten()
    }

    /// The paths on which something is missing, `count` of them, or has been since a date, if they are few.
    pub(super) fn missing(short: &Lane, count: u64, missed: &Lane) -> Option<Few> {
        (count <= Few::MOST as u64).then(|| Few::of(Flags::missing(short, missed))).flatten()
    }

    /// The paths in liquidation, `count` of them, if they are few.
    pub(super) fn liquidating(standing: &Lane, count: u64) -> Option<Few> {
        (count <= Few::MOST as u64).then(|| Few::of(Flags::liquidating(standing))).flatten()
    }

    /// These, or all paths if they are not few.
    pub(super) fn or_all(few: Option<&Few>) -> Paths<'_> {
        few.map_or(Paths::All, |few| Paths::Few(few.places.get(..few.count).unwrap_or(&[])))
    }
}

/// `for i in paths`, written out for both kinds, so that the loop over all of them becomes vector code.
macro_rules! each {
    ($i:ident in $paths:expr, $body:block) => {
        match $paths {
            $crate::credit::borrower::paths::Paths::All => {
                for $i in 0..$crate::numeric::PATHS $body
            }
            $crate::credit::borrower::paths::Paths::Few(places) => {
                for place in places {
                    let $i = usize::from(*place);
                    $body
                }
            }
        }
    };
}
pub(super) use each;
