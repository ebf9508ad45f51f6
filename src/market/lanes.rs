//! Handles to lanes, given out when a model is planned, and the views that they index.
//!
//! A model asks for its lanes once, by name, and keeps the handles; stepping is then free of look-ups and cannot fail.

use crate::numeric::Lane;
use std::ops::{Index, IndexMut};

/// A lane that a model may read: a published series of a factor declared before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLane(pub(crate) usize);

/// A lane that belongs to a model: its level, a further published series, or private state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnLane(pub(crate) usize);

/// A Gaussian driver of a factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DriverLane(pub(crate) usize);

/// The published series of the factors, at the end of the step, read by [`ReadLane`].
#[derive(Debug, Clone, Copy)]
pub struct ReadLanes<'a>(pub(crate) &'a [Lane]);

impl Index<ReadLane> for ReadLanes<'_> {
    type Output = Lane;
    #[inline]
    fn index(&self, lane: ReadLane) -> &Lane {
        &self.0[lane.0]
    }
}

impl<'a> ReadLanes<'a> {
    /// The lane, borrowed for as long as the block and not only for as long as this view.
    #[inline]
    #[must_use]
    pub fn lane(self, lane: ReadLane) -> &'a Lane {
        &self.0[lane.0]
    }
}

/// The lanes of one model, indexed by [`OwnLane`]; they keep their values from step to step.
#[derive(Debug)]
pub struct OwnLanes<'a>(pub(crate) &'a mut [Lane]);

impl OwnLanes<'_> {
    /// Several lanes at once, each to be written.
    ///
    /// # Panics
    /// When the same handle is given twice.
    #[inline]
    pub fn many<const COUNT: usize>(&mut self, lanes: [OwnLane; COUNT]) -> [&mut Lane; COUNT] {
        match self.0.get_disjoint_mut(lanes.map(|lane| lane.0)) {
            Ok(lanes) => lanes,
            Err(_) => panic!("the same lane was asked for twice"),
        }
    }
}

impl Index<OwnLane> for OwnLanes<'_> {
    type Output = Lane;
    #[inline]
    fn index(&self, lane: OwnLane) -> &Lane {
        &self.0[lane.0]
    }
}

impl IndexMut<OwnLane> for OwnLanes<'_> {
    #[inline]
    fn index_mut(&mut self, lane: OwnLane) -> &mut Lane {
        &mut self.0[lane.0]
    }
}

/// Standard normals of this step, correlated by the dependence, indexed by [`DriverLane`].
#[derive(Debug, Clone, Copy)]
pub struct Drivers<'a>(pub(crate) &'a [Lane]);

impl Index<DriverLane> for Drivers<'_> {
    type Output = Lane;
    #[inline]
    fn index(&self, lane: DriverLane) -> &Lane {
        &self.0[lane.0]
    }
}
