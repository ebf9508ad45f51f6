//! What newer generations do to the price of an older one.

use super::factor::{FactorBlock, FactorPlan};
use super::lanes::{OwnLane, ReadLane};
use crate::Error;
use crate::numeric::kernel::exp;
use crate::numeric::{Lane, PATHS};

/// The factor exp(c + x - beta (A_t - A_0)) of [`DeflatingRent`](super::DeflatingRent) and [`Resale`](super::Resale):
/// a constant of the step, a state, and the adoption of newer generations, where one is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decline(Option<Pressure>);

#[derive(Debug, Clone, Copy)]
struct Pressure {
    sensitivity: f64,
    adoption: ReadLane,
    /// Adoption at time zero.
    base: OwnLane,
}

impl Decline {
    pub(super) fn plan(plan: &mut FactorPlan<'_>, adoption: Option<&str>, sensitivity: f64) -> Result<Self, Error> {
        match adoption {
            Some(series) => {
                let adoption = plan.read("adoption", series)?;
                Ok(Decline(Some(Pressure { sensitivity, adoption, base: plan.state() })))
            }
            None if sensitivity != 0.0 => {
                let expected = "must be 0 without `adoption`, the series that it is a sensitivity to";
                Err(Error::invalid("sensitivity", sensitivity, expected))
            }
            None => Ok(Decline(None)),
        }
    }

    /// Remembers the adoption at time zero.
    pub(super) fn start(self, block: &mut FactorBlock<'_>) {
        if let Some(Pressure { adoption, base, .. }) = self.0 {
            block.own[base] = *block.read.lane(adoption);
        }
    }

    /// Sets `value` to exp(c + x - beta (A_t - A_0)).
    pub(super) fn value(self, block: &mut FactorBlock<'_>, constant: f64, state: OwnLane, value: OwnLane) {
        match self.0 {
            None => {
                let [value, state] = block.own.many([value, state]);
                plain(constant, state, value);
            }
            Some(Pressure { sensitivity, adoption, base }) => {
                let adoption = block.read.lane(adoption);
                let [value, state, base] = block.own.many([value, state, base]);
                pressed(constant, state, sensitivity, adoption, base, value);
            }
        }
    }
}

crate::vectorised! {
    fn plain(constant: f64, state: &Lane, value: &mut Lane) {
        for path in 0..PATHS {
            value[path] = exp(constant + state[path]);
        }
    }

    fn pressed(constant: f64, state: &Lane, sensitivity: f64, adoption: &Lane, base: &Lane, value: &mut Lane) {
        for path in 0..PATHS {
            let adopted = adoption[path] - base[path];
            value[path] = exp((-sensitivity).mul_add(adopted, constant + state[path]));
        }
    }
}
