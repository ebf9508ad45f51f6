//! Handles to lanes and streams, given out when a model is planned, and the views that they index.
//!
//! A model asks for what it needs once, by name, and keeps the handles; stepping is then free of look-ups and cannot fail.

use crate::numeric::Lane;
use crate::sample::{Stream, StreamKey};
use std::ops::{Index, IndexMut, Range};

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
pub struct OwnLanes<'a> {
    /// Those of all models of a kind, and their rooms.
    lanes: &'a mut [Lane],
    /// Where the lanes of this one are, and how many.
    first: usize,
    count: usize,
    /// Where rooms are.
    rooms: usize,
}

/// Handles from here on are rooms: lanes that all models of a kind use in turn.
const ROOM: usize = 1 << (usize::BITS - 1);

impl OwnLane {
    /// The handle of a room.
    pub(crate) fn room(number: usize) -> OwnLane {
        OwnLane(ROOM | number)
    }
}

impl<'a> OwnLanes<'a> {
    /// All of these lanes, and no room.
    pub(crate) fn new(lanes: &'a mut [Lane]) -> Self {
        let count = lanes.len();
        OwnLanes { lanes, first: 0, count, rooms: count }
    }

    /// A range of these lanes, and as rooms all that follow `rooms`.
    pub(crate) fn with_rooms(lanes: &'a mut [Lane], own: Range<usize>, rooms: usize) -> Self {
        OwnLanes { lanes, first: own.start, count: own.len(), rooms }
    }
}

impl OwnLanes<'_> {
    /// Where a lane is among all; beyond the end if it is not of this model.
    #[inline(always)]
    fn place(&self, OwnLane(lane): OwnLane) -> usize {
        let room = self.rooms.wrapping_add(lane ^ ROOM);
        if lane < self.count { self.first + lane } else { room }
    }

    /// Several lanes at once, each to be written.
    ///
    /// # Panics
    /// When the same handle is given twice.
    #[inline]
    pub fn many<const COUNT: usize>(&mut self, lanes: [OwnLane; COUNT]) -> [&mut Lane; COUNT] {
        let places = lanes.map(|lane| self.place(lane));
        match self.lanes.get_disjoint_mut(places) {
            Ok(lanes) => lanes,
            Err(_) => panic!("the same lane was asked for twice"),
        }
    }
}

impl OwnLanes<'_> {
    /// The lanes from one handle to another, both included: those that were asked for from the one to the other.
    #[inline]
    pub fn from_to(&mut self, first: OwnLane, last: OwnLane) -> &mut [Lane] {
        let (first, last) = (self.place(first), self.place(last));
        &mut self.lanes[first..=last]
    }
}

impl Index<OwnLane> for OwnLanes<'_> {
    type Output = Lane;
    #[inline]
    fn index(&self, lane: OwnLane) -> &Lane {
        &self.lanes[self.place(lane)]
    }
}

impl IndexMut<OwnLane> for OwnLanes<'_> {
    #[inline]
    fn index_mut(&mut self, lane: OwnLane) -> &mut Lane {
        let place = self.place(lane);
        &mut self.lanes[place]
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
