//! What holds for a whole block, not for a path: whether some path needs a pass. All switches of a borrower lie side by side in one lane, so
//! that asking costs little.

use crate::credit::obligor::ObligorPlan;
use crate::market::{OwnLane, OwnLanes};
use crate::numeric::PATHS;

/// On or off; off when a block begins.
#[derive(Clone, Copy)]
pub(super) struct Switch {
    lane: OwnLane,
    place: usize,
}

impl Switch {
    pub(super) fn is_on(self, own: &OwnLanes<'_>) -> bool {
        own[self.lane][self.place % PATHS] > 0.0
    }

    pub(super) fn set(self, own: &mut OwnLanes<'_>, is_on: bool) {
        own[self.lane][self.place % PATHS] = if is_on { 1.0 } else { 0.0 };
    }
}

/// Gives out switches.
pub(super) struct Switches {
    lane: OwnLane,
    used: usize,
}

impl Switches {
    /// From a lane of which so many places are taken.
    pub(super) fn from(lane: OwnLane, used: usize) -> Switches {
        Switches { lane, used }
    }

    pub(super) fn next(&mut self, plan: &mut ObligorPlan<'_>) -> Switch {
        if self.used == PATHS {
            *self = Switches { lane: plan.state(), used: 0 };
        }
        self.used += 1;
        Switch { lane: self.lane, place: self.used - 1 }
    }
}
