//! Handing out blocks to workers.
//!
//! Workers claim small runs of blocks from one counter, so a core that is shared with something else slows only itself
//! down. The claims are consecutive and each is finished before its worker looks at a cancellation; so what has been
//! simulated is always a prefix of the blocks.

use super::worker::{Plan, Worker};
use crate::Error;
use crate::measure::Measure;
use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Runs the blocks; gives the merged partial and the blocks that were done.
pub(super) fn run<M: Measure>(
    plan: &Plan,
    measure: &M,
    blocks: Range<u64>,
    threads: Option<usize>,
    report: &(dyn Fn(u64) -> ControlFlow<()> + Sync),
) -> Result<(M::Partial, Range<u64>), Error> {
    let workers = usize::try_from(blocks.end - blocks.start).unwrap_or(usize::MAX).clamp(1, available(threads));
    let queue = Queue {
        next: AtomicU64::new(blocks.start),
        end: blocks.end,
        // Some tens of claims per worker: even at the end no worker waits long for another.
        claim: ((blocks.end - blocks.start) / (64 * workers as u64)).clamp(1, 16),
        cancelled: AtomicBool::new(false),
        paths_done: AtomicU64::new(0),
    };
    let partials = (0..workers).map(|_| plan.partial(measure)).collect::<Result<Vec<_>, _>>()?;
    let work = |mut partial: M::Partial| {
        let mut worker = Worker::new(plan);
        while let Some(claimed) = queue.claim() {
            for block in claimed.clone() {
                worker.simulate(block, measure, &mut partial);
            }
            queue.done(plan.paths_in(&claimed), report);
        }
        partial
    };
    let mut partials = everywhere(partials, threads, &work)?.into_iter();
    let mut merged = match partials.next() {
        Some(partial) => partial,
        None => plan.partial(measure)?,
    };
    for partial in partials {
        measure.merge(&mut merged, partial);
    }
    let done = queue.next.into_inner().min(blocks.end);
    Ok((merged, blocks.start..done))
}

struct Queue {
    next: AtomicU64,
    end: u64,
    claim: u64,
    cancelled: AtomicBool,
    paths_done: AtomicU64,
}

impl Queue {
    fn claim(&self) -> Option<Range<u64>> {
        if self.cancelled.load(Ordering::Relaxed) {
            return None;
        }
        let start = self.next.fetch_add(self.claim, Ordering::Relaxed);
        (start < self.end).then(|| start..(start + self.claim).min(self.end))
    }

    fn done(&self, paths: u64, report: &(dyn Fn(u64) -> ControlFlow<()> + Sync)) {
        let done = self.paths_done.fetch_add(paths, Ordering::Relaxed) + paths;
        if report(done).is_break() {
            self.cancelled.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(feature = "parallel")]
pub(super) fn available(threads: Option<usize>) -> usize {
    threads.unwrap_or_else(rayon::current_num_threads)
}

#[cfg(not(feature = "parallel"))]
pub(super) fn available(_threads: Option<usize>) -> usize {
    1
}

/// Runs one worker per partial, in parallel where that is compiled in.
#[cfg(feature = "parallel")]
pub(super) fn everywhere<P: Send>(
    partials: Vec<P>,
    threads: Option<usize>,
    work: &(impl Fn(P) -> P + Sync),
) -> Result<Vec<P>, Error> {
    use rayon::prelude::*;
    // One task per worker: `with_max_len(1)` keeps rayon from putting two of them into one.
    let all = |partials: Vec<P>| partials.into_par_iter().with_max_len(1).map(work).collect();
    match threads {
        Some(_) if partials.len() == 1 => Ok(partials.into_iter().map(work).collect()),
        // No more threads than there are workers, however many were asked for.
        Some(threads) => rayon::ThreadPoolBuilder::new()
            .num_threads(partials.len())
            .build()
            .map(|pool| pool.install(|| all(partials)))
            .map_err(|error| Error::invalid("threads", threads, format!("no such pool of threads: {error}"))),
        None => Ok(all(partials)),
    }
}

#[cfg(not(feature = "parallel"))]
pub(super) fn everywhere<P: Send>(
    partials: Vec<P>,
    _threads: Option<usize>,
    work: &(impl Fn(P) -> P + Sync),
) -> Result<Vec<P>, Error> {
    Ok(partials.into_iter().map(work).collect())
}
