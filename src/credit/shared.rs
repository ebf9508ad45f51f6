//! Lanes that the obligors of a book share: what one takes, another cannot have.

use crate::Error;
use crate::numeric::Lane;
use std::ops::{Index, IndexMut};

/// A lane that obligors of a book share; see [`ObligorPlan::shared`](super::ObligorPlan::shared).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharedLane(usize);

/// The lanes that the obligors of a book share, indexed by [`SharedLane`]; they keep their values from step to step.
#[derive(Debug)]
pub struct SharedLanes<'a>(pub(super) &'a mut [Lane]);

impl Index<SharedLane> for SharedLanes<'_> {
    type Output = Lane;
    #[inline]
    fn index(&self, lane: SharedLane) -> &Lane {
        &self.0[lane.0]
    }
}

impl IndexMut<SharedLane> for SharedLanes<'_> {
    #[inline]
    fn index_mut(&mut self, lane: SharedLane) -> &mut Lane {
        &mut self.0[lane.0]
    }
}

/// What the obligors of a book share, as they ask for it.
#[derive(Debug, Default)]
pub(super) struct SharedPlan(Vec<Asked>);

#[derive(Debug)]
struct Asked {
    name: String,
    start: f64,
    /// Who asked first.
    by: String,
}

impl SharedPlan {
    pub(super) fn ask(&mut self, by: &str, field: &str, name: &str, start: f64) -> Result<SharedLane, Error> {
        if start.is_nan() {
            return Err(Error::invalid(field, start, "must be a number"));
        }
        let Some(position) = self.0.iter().position(|asked| asked.name == name) else {
            self.0.push(Asked { name: name.to_owned(), start, by: by.to_owned() });
            return Ok(SharedLane(self.0.len() - 1));
        };
        let first = &self.0[position];
        if first.start.to_bits() != start.to_bits() {
            let expected = format!("must be {}, as for `{}`: `{by}` shares `{name}` with it", first.start, first.by);
            return Err(Error::invalid(field, start, expected));
        }
        Ok(SharedLane(position))
    }

    /// By lane what it holds when a block begins.
    pub(super) fn starts(self) -> Vec<f64> {
        self.0.into_iter().map(|asked| asked.start).collect()
    }
}
