//! Handles to lanes and streams, given out when a model is planned, and the views that they index.
//!
//! A model asks for what it needs once, by name, and keeps the handles; stepping is then free of look-ups and cannot fail.

use crate::numeric::Lane;
use crate::sample::{Stream, StreamKey};
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

/// A stream of a dependence's own, beside the one that every dependence has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnStream(pub(crate) usize);

/// The lane of the log jumps that a dependence sends to one factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JumpLane(pub(crate) usize);

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

impl OwnLanes<'_> {
    /// The lanes from one handle to another, both included: those that were asked for from the one to the other.
    #[inline]
    pub fn from_to(&mut self, first: OwnLane, last: OwnLane) -> &mut [Lane] {
        &mut self.0[first.0..=last.0]
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

/// The further streams of a dependence, indexed by [`OwnStream`].
#[derive(Debug)]
pub struct OwnStreams<'a> {
    pub(crate) streams: &'a mut [Stream],
    pub(crate) keys: &'a [StreamKey],
}

impl OwnStreams<'_> {
    /// The key of a stream, for draws tied to a path and an event.
    #[inline]
    #[must_use]
    pub fn key(&self, stream: OwnStream) -> &StreamKey {
        &self.keys[stream.0]
    }
}

impl Index<OwnStream> for OwnStreams<'_> {
    type Output = Stream;
    #[inline]
    fn index(&self, stream: OwnStream) -> &Stream {
        &self.streams[stream.0]
    }
}

impl IndexMut<OwnStream> for OwnStreams<'_> {
    #[inline]
    fn index_mut(&mut self, stream: OwnStream) -> &mut Stream {
        &mut self.streams[stream.0]
    }
}

/// The log jumps of this step by factor, indexed by [`JumpLane`].
#[derive(Debug)]
pub struct JumpLanes<'a>(pub(crate) &'a mut [Lane]);

impl Index<JumpLane> for JumpLanes<'_> {
    type Output = Lane;
    #[inline]
    fn index(&self, lane: JumpLane) -> &Lane {
        &self.0[lane.0]
    }
}

impl IndexMut<JumpLane> for JumpLanes<'_> {
    #[inline]
    fn index_mut(&mut self, lane: JumpLane) -> &mut Lane {
        &mut self.0[lane.0]
    }
}
