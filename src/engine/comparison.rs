//! What does one change do? Several descriptions run side by side on common random numbers.

use super::compared::{Compared, Section};
use super::control::{Control, Progress};
use super::paired::{Paired, PairedRun};
use super::schedule;
use super::simulation::Simulation;
use super::worker::{Plan, Worker};
use crate::measure::{Confidence, Estimate, Measure};
use crate::{Error, check, sample};
use std::fmt::Write as _;
use std::ops::{ControlFlow, Range};
use std::sync::{Mutex, PoisonError};

/// A number that is read off a result and compared: its name, and how it is read.
pub type Quantity<'a, O> = (&'a str, &'a (dyn Fn(&O) -> Result<Estimate, Error> + Sync));

/// Simulations that differ in their descriptions and share their random numbers: what a change does, with the error of the paired
/// difference.
///
/// Streams are keyed by seed and name, so two runs that differ in one parameter differ by that parameter alone, path by path: the noise that they share
/// drops out of a difference or a ratio. The result is [`Compared`].
///
/// **Errors by sections.** The paths are divided into `K` sections of whole blocks, and every quantity is taken over each section and over all. With the
/// difference `d` over all paths, `d_b` over section `b` with its share `n_b / n` of the paths,
///
/// ```text
/// se(d)^2 = K/(K-1) sum of (n_b/n)^2 (d_b - d)^2,         interval by Student's t with K - 1 degrees of freedom
/// se(R)^2 = K/(K-1) sum of (n_b/n)^2 (y_b - R x_b)^2 / x^2    for the ratio R = y / x
/// ```
///
/// That asks nothing of a quantity but that it is estimated from paths: a mean, a quantile, an expected shortfall, a fair spread, a correlation, of whatever
/// measure. A section must be large enough to estimate it at all: where it is undefined in some section the error is infinite. For means there may be
/// as many sections as blocks; for a tail at level `a` a section should have tens of paths beyond it, `n (1 - a) / K`. The bias that a quantile or a ratio has on the few paths
/// of a section widens the error, never narrows it. (S. Asmussen, P. W. Glynn, *Stochastic Simulation*, Springer 2007, III.5, "sectioning".)
///
/// Sections are fixed by the number of paths, not by threads: the same seed gives the same bits, errors included.
///
/// ```
/// use haircut::credit::Book;
/// use haircut::engine::Comparison;
/// use haircut::market::{Gbm, Market};
/// # use haircut::measure::LossDistribution;
/// # use haircut::Simulation;
/// let run = |volatility| {
///     let coin = Gbm { initial: 1.0, drift: 0.0, volatility };
///     Ok::<_, haircut::Error>(Simulation::new(Market::builder().factor("btc", coin).build()?, Book::default()).paths(4096))
/// };
/// let compared = Comparison::of([("calm", run(0.5)?), ("stressed", run(0.9)?)])
///     .run(LossDistribution::new(), &[("EL", &|losses| Ok(losses.mean())), ("ES", &|losses| losses.expected_shortfall(0.99))])?;
/// assert_eq!(compared.difference("stressed", "calm", "ES")?.value, 0.0); // an empty book loses nothing
/// # Ok::<(), haircut::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Comparison {
    runs: Vec<(String, Simulation)>,
    sections: usize,
    confidence: Confidence,
}

impl Comparison {
    /// Descriptions under their names. All must have the same seed and number of paths; threads are those of the first. One alone is there to be
    /// [joined](super::Paired::join) with others.
    pub fn of<N: Into<String>>(runs: impl IntoIterator<Item = (N, Simulation)>) -> Self {
        let runs = runs.into_iter().map(|(name, simulation)| (name.into(), simulation)).collect();
        Comparison { runs, sections: 64, confidence: Confidence::default() }
    }

    /// Sets the number of sections: 64 unless told otherwise, and never more than there are blocks.
    #[must_use]
    pub fn sections(self, sections: usize) -> Self {
        Comparison { sections, ..self }
    }

    /// Sets how often the intervals cover: 95 % unless told otherwise.
    #[must_use]
    pub fn confidence(self, confidence: Confidence) -> Self {
        Comparison { confidence, ..self }
    }

    /// Runs every description with the measure and compares the quantities.
    ///
    /// # Errors
    /// Whatever is wrong with a description or the measure, under the name of the run; names, seeds or paths that do not fit together; and what a quantity
    /// answers that cannot be read.
    pub fn run<M>(&self, measure: M, quantities: &[Quantity<'_, M::Output>]) -> Result<Compared<M::Output>, Error>
    where
        M: Measure,
        M::Partial: Clone,
    {
        self.run_with(measure, quantities, &|_| ControlFlow::Continue(()))
    }

    /// [`Comparison::run`], watched: `control` is told of the progress, over all descriptions together, and may end it early, after a whole section.
    ///
    /// # Errors
    /// As [`Comparison::run`].
    pub fn run_with<M>(
        &self,
        measure: M,
        quantities: &[Quantity<'_, M::Output>],
        control: &Control<'_>,
    ) -> Result<Compared<M::Output>, Error>
    where
        M: Measure,
        M::Partial: Clone,
    {
        self.run_sections(0..self.count(), measure, quantities, control)?.finish(quantities)
    }

    /// Runs some of the sections, to be merged with the rest in any order and grouping.
    ///
    /// # Errors
    /// As [`Comparison::run`], or when the range reaches beyond [`Comparison::count`].
    pub fn shard<M>(
        &self,
        sections: Range<usize>,
        measure: M,
        quantities: &[Quantity<'_, M::Output>],
    ) -> Result<ComparisonShard<M>, Error>
    where
        M: Measure,
        M::Partial: Clone,
    {
        if sections.start > sections.end || sections.end > self.count() {
            let expected = format!("must be a range within 0..{}", self.count());
            return Err(Error::invalid("sections", format!("{sections:?}"), expected));
        }
        self.run_sections(sections, measure, quantities, &|_| ControlFlow::Continue(()))
    }

    /// Sections that the paths are divided into.
    #[must_use]
    pub fn count(&self) -> usize {
        let blocks = self.runs.first().map_or(0, |(_, run)| run.blocks());
        self.sections.min(usize::try_from(blocks).unwrap_or(usize::MAX))
    }

    /// The blocks of a section: as many in each as possible, whatever is left in the later ones.
    fn blocks(&self, section: usize) -> Range<u64> {
        let blocks = u128::from(self.runs.first().map_or(0, |(_, run)| run.blocks()));
        // At most `blocks`, so the cast is exact.
        let bound = |section: usize| (blocks * section as u128 / self.count().max(1) as u128) as u64;
        bound(section)..bound(section + 1)
    }

    fn validate(&self) -> Result<(), Error> {
        let Some((_, first)) = self.runs.first() else {
            return Err(Error::invalid("runs", "[]", "must have at least one"));
        };
        if self.sections < 2 {
            return Err(Error::invalid("sections", self.sections, "must be at least two, for there to be an error"));
        }
        for (position, (name, run)) in self.runs.iter().enumerate() {
            let locate = |error: Error| error.within(format!("runs[{position}]"));
            check::named("name", name).map_err(locate)?;
            if self.runs[..position].iter().any(|(other, _)| other == name) {
                return Err(locate(Error::Duplicate { field: "name".into(), name: name.clone() }));
            }
            for (field, value, expected) in [("paths", run.paths, first.paths), ("seed", run.seed, first.seed)] {
                if value != expected {
                    let expected = format!("must be that of the first run, {expected}, to share its random numbers");
                    return Err(locate(Error::invalid(field, value, expected)));
                }
            }
        }
        Ok(())
    }

    fn digest(&self, measure: &impl Measure) -> u128 {
        let mut digest = sample::Digest::new();
        // Writing into a digest cannot fail.
        let _ = write!(digest, "{}|{measure:?}", self.sections);
        for (name, run) in &self.runs {
            let _ = write!(digest, "|{name}|{:032x}", run.digest());
        }
        digest.value()
    }

    fn run_sections<M>(
        &self,
        sections: Range<usize>,
        measure: M,
        quantities: &[Quantity<'_, M::Output>],
        control: &Control<'_>,
    ) -> Result<ComparisonShard<M>, Error>
    where
        M: Measure,
        M::Partial: Clone,
    {
        self.validate()?;
        for (position, (name, _)) in quantities.iter().enumerate() {
            if quantities[..position].iter().any(|(other, _)| other == name) {
                return Err(Error::Duplicate { field: format!("quantities[{position}]"), name: (*name).to_owned() });
            }
        }
        let named = |name: &str, error: Error| error.within(format!("runs.{name}"));
        let plan = |(name, run): &(String, Simulation)| run.plan(&measure).map_err(|error| named(name, error));
        let plans = self.runs.iter().map(plan).collect::<Result<Vec<Plan>, Error>>()?;
        let empty = |plan: &Plan| plan.partial(&measure).map(Mutex::new);
        let totals = plans.iter().map(empty).collect::<Result<Vec<_>, _>>()?;

        let queue = Mutex::new(Queue {
            next: sections.start * plans.len(),
            end: sections.end * plans.len(),
            paths_done: 0,
            read: Vec::new(),
        });
        let asked = plans.len() as u64 * self.paths_in(&plans[0], sections.clone());
        let work = |()| {
            let claim = || lock(&queue).claim();
            while let Some(task) = claim() {
                let (section, run) = (task / plans.len(), task % plans.len());
                let read = self.simulate(section, &plans[run], &measure, quantities, &totals[run]);
                let read = read.map_err(|error| named(&self.runs[run].0, error));
                let mut queue = lock(&queue);
                queue.paths_done += self.paths_in(&plans[run], section..section + 1);
                let failed = read.is_err();
                queue.read.push((task, read));
                let progress = Progress { paths_done: queue.paths_done, paths: asked };
                if failed || control(progress).is_break() {
                    // What has begun of a section is finished for every description.
                    queue.end = queue.end.min(queue.next.next_multiple_of(plans.len()));
                }
            }
        };
        let threads = self.runs[0].1.threads;
        let workers = (sections.len() * plans.len()).clamp(1, schedule::available(threads));
        schedule::everywhere(vec![(); workers], threads, &work)?;

        let mut read = queue.into_inner().unwrap_or_else(PoisonError::into_inner).read;
        read.sort_by_key(|(task, _)| *task);
        let read = read.into_iter().map(|(_, read)| read).collect::<Result<Vec<_>, Error>>()?;
        let done = read.chunks_exact(plans.len()).zip(sections);
        let done = done.map(|(values, section)| Section {
            index: section,
            paths: self.paths_in(&plans[0], section..section + 1),
            values: values.to_vec(),
        });
        Ok(ComparisonShard {
            digest: self.digest(&measure),
            comparison: self.clone(),
            runs: plans.iter().map(|plan| plan.run().clone()).collect(),
            partials: totals
                .into_iter()
                .map(|total| total.into_inner().unwrap_or_else(PoisonError::into_inner))
                .collect(),
            sections: done.collect(),
            measure,
        })
    }

    /// Simulates a section of one run, adds it to the total and reads the quantities off it.
    fn simulate<M>(
        &self,
        section: usize,
        plan: &Plan,
        measure: &M,
        quantities: &[Quantity<'_, M::Output>],
        total: &Mutex<M::Partial>,
    ) -> Result<Vec<f64>, Error>
    where
        M: Measure,
        M::Partial: Clone,
    {
        // Workspaces of all runs at once would be many; one costs nothing beside a section.
        let mut worker = Worker::new(plan);
        let mut partial = plan.partial(measure)?;
        for block in self.blocks(section) {
            worker.simulate(block, measure, &mut partial);
        }
        measure.merge(&mut lock(total), partial.clone());
        let mut run = plan.run().clone();
        run.paths = self.paths_in(plan, section..section + 1);
        read(&measure.finish(partial, &run), quantities)
            .map(|read| read.iter().map(|estimate| estimate.value).collect())
    }

    fn paths_in(&self, plan: &Plan, sections: Range<usize>) -> u64 {
        let blocks = |section| self.blocks(section);
        if sections.is_empty() {
            0
        } else {
            plan.paths_in(&(blocks(sections.start).start..blocks(sections.end - 1).end))
        }
    }
}

fn read<O>(output: &O, quantities: &[Quantity<'_, O>]) -> Result<Vec<Estimate>, Error> {
    quantities.iter().map(|(name, read)| read(output).map_err(|error| error.within(name))).collect()
}

/// No holder of these locks can panic but with a panic that ends the run.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sections by run, handed out one at a time in order, all runs of a section one after the other.
struct Queue {
    next: usize,
    end: usize,
    paths_done: u64,
    read: Vec<(usize, Result<Vec<f64>, Error>)>,
}

impl Queue {
    fn claim(&mut self) -> Option<usize> {
        let task = self.next;
        (task < self.end).then(|| {
            self.next += 1;
            task
        })
    }
}

/// The partial result of some sections of a [`Comparison`], to be merged with the rest in any order and grouping.
pub struct ComparisonShard<M: Measure> {
    digest: u128,
    comparison: Comparison,
    measure: M,
    runs: Vec<crate::measure::Run>,
    partials: Vec<M::Partial>,
    /// Ascending.
    sections: Vec<Section>,
}

impl<M: Measure> std::fmt::Debug for ComparisonShard<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ComparisonShard")
            .field("digest", &self.digest)
            .field("sections", &self.sections)
            .finish_non_exhaustive()
    }
}

impl<M: Measure> ComparisonShard<M> {
    /// Adds another shard of the same comparison.
    ///
    /// # Errors
    /// [`Error::Merge`] when the other shard is of another comparison or measure, or shares a section with this one.
    pub fn merge(&mut self, other: ComparisonShard<M>) -> Result<(), Error> {
        if self.digest != other.digest {
            let reason = format!(
                "the shards are of different comparisons or measures: digests {:032x} and {:032x}",
                self.digest, other.digest
            );
            return Err(Error::Merge { reason });
        }
        let known = |section: &&Section| self.sections.iter().any(|own| own.index == section.index);
        if let Some(section) = other.sections.iter().find(known) {
            return Err(Error::Merge { reason: format!("both shards have section {}", section.index) });
        }
        for (into, from) in self.partials.iter_mut().zip(other.partials) {
            self.measure.merge(into, from);
        }
        self.sections.extend(other.sections);
        self.sections.sort_by_key(|section| section.index);
        Ok(())
    }

    /// The result over the sections covered.
    ///
    /// # Errors
    /// What a quantity answers that cannot be read.
    pub fn finish(self, quantities: &[Quantity<'_, M::Output>]) -> Result<Compared<M::Output>, Error> {
        let paths = self.sections.iter().map(|section| section.paths).sum();
        let mut outputs = Vec::with_capacity(self.runs.len());
        let mut numbers = Vec::with_capacity(self.runs.len());
        let described = self.runs.into_iter().zip(self.partials).zip(&self.comparison.runs).enumerate();
        for (position, ((mut run, partial), (name, _))) in described {
            run.paths = paths;
            let output = self.measure.finish(partial, &run);
            let estimates = read(&output, quantities).map_err(|error| error.within(format!("runs.{name}")))?;
            let sections = self.sections.iter().map(|section| section.values[position].clone()).collect();
            numbers.push(PairedRun { name: name.clone(), sections, estimates });
            outputs.push(output);
        }
        let names = quantities.iter().map(|(name, _)| (*name).to_owned()).collect();
        let sections = self.sections.iter().map(|section| (section.index, section.paths)).collect();
        let seed = self.comparison.runs.first().map_or(0, |(_, run)| run.seed);
        Ok(Compared::new(outputs, Paired::new(names, self.comparison.confidence, seed, sections, numbers)))
    }
}
