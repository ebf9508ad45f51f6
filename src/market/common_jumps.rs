//! Systemic events: jumps that hit several factors at once.

use super::constant::Mix;
use super::correlations::Correlations;
use super::dependence::{Dependence, DependenceBlock, DependencePlan, DependenceStepper};
use super::jumps::{Counts, count_and_place};
use super::lanes::{JumpLane, OwnLane, OwnStream};
use super::model::DependenceModel;
use super::range;
use super::sparse::{CHUNK, Hits};
use crate::numeric::kernel::exp_m1;
use crate::numeric::{Lane, PATHS};
use crate::sample::{StreamKey, event};
use crate::{Error, check};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Systemic events on top of another dependence: at the times of a Poisson process a named set of factors jumps together.
///
/// ```text
/// N ~ Poisson(lambda D) events in a step,   each adds Y ~ normal(m, S) to the logarithms,   S_ij = s_i s_j C_ij
/// what a factor is sent:  sum of Y_i - lambda kappa_i D,   kappa_i = exp(m_i + s_i^2 / 2) - 1,   so E[exp(.)] = 1
/// ```
///
/// A price S becomes `S exp(.)` at the end of the step: its `drift` stays the growth of its mean, and the covariance of two log
/// returns is `lambda D (m_i m_j + s_i s_j C_ij)` more. A mean-reverting factor (`DeflatingRent`, `PowerPrice`, `Resale`,
/// `NetworkHashrate`) has it added to its logarithm (of the premium over scrap), where it fades as any shock does.
/// Factors that take jumps: those and `Gbm`, `Merton`, `Kou`, `Heston`, `Bates`, `Svcj`, `RegimeGbm`, `UnitCost` (its premium). Others are refused.
///
/// | symbol | field | unit | range |
/// | --- | --- | --- | --- |
/// | | `name` | what the events are called; "jumps" by default | not empty |
/// | lambda | `per_year` | events per year | 0 to 1000; at most 100 in the longest step |
/// | m_i, s_i | `jumps`, by factor: `mean`, `volatility` | log | -10 to 10; 0 to 10 |
/// | C | `correlation` | of the jumps, pairs of factors, or a matrix in the alphabetical order of their names; none by default | |
/// | | `base` | any dependence; none (independent drivers) by default | |
///
/// Two kinds of events are one `CommonJumps` on top of another, with another name.
///
/// **Draws.** One uniform per path and step from the stream `dependence/NAME`, whose Poisson quantile is the count; where there
/// are events, one normal for each factor from the event of (path, step) of `dependence/NAME/FACTOR`: the sum of N normal vectors is
/// normal. So a higher intensity adds events and takes none away, and another factor in the set changes no draw of the others.
/// Publishes the number of events so far as `dependence.NAME`.
///
/// With an intensity of zero it is `base` to the bit.
///
/// Source: D. Duffie, N. Garleanu, "Risk and valuation of collateralized debt obligations", Financial Analysts J. 57 (2001) 41-59,
/// doi:10.2469/faj.v57.n1.2418 (common jumps); R. C. Merton (1976), doi:10.1016/0304-405X(76)90022-2 (compensated normal jumps).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommonJumps<Base = DependenceModel> {
    /// What the events are called.
    #[serde(default = "usual_name")]
    pub name: String,
    /// Expected number of events per year.
    pub per_year: f64,
    /// The jump of each factor that is hit.
    pub jumps: BTreeMap<String, JumpSize>,
    /// Correlations between the jumps of an event.
    #[serde(default)]
    pub correlation: Correlations,
    /// How the drivers move.
    #[serde(default)]
    pub base: Base,
}

fn usual_name() -> String {
    "jumps".into()
}

/// The logarithm of one factor's jump in an event of [`CommonJumps`]: normal.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JumpSize {
    /// Its mean.
    pub mean: f64,
    /// Its standard deviation.
    #[serde(default)]
    pub volatility: f64,
}

impl<Base> CommonJumps<Base> {
    /// Events on top of another dependence, which hit nothing yet.
    #[must_use]
    pub fn new(per_year: f64, base: Base) -> Self {
        let (jumps, correlation) = (BTreeMap::new(), Correlations::independent());
        CommonJumps { name: usual_name(), per_year, jumps, correlation, base }
    }

    /// Sets the jump of a factor, mean and standard deviation of its logarithm.
    #[must_use]
    pub fn jump(mut self, factor: impl Into<String>, mean: f64, volatility: f64) -> Self {
        self.jumps.insert(factor.into(), JumpSize { mean, volatility });
        self
    }

    /// Sets the correlations of jumps by pairs of factors.
    #[must_use]
    pub fn correlation<A: Into<String>, B: Into<String>>(self, pairs: impl IntoIterator<Item = (A, B, f64)>) -> Self {
        CommonJumps { correlation: Correlations::pairs(pairs), ..self }
    }

    /// Sets what the events are called.
    #[must_use]
    pub fn name(self, name: impl Into<String>) -> Self {
        CommonJumps { name: name.into(), ..self }
    }
}

impl<Base: Dependence> Dependence for CommonJumps<Base> {
    fn plan(&self, plan: &mut DependencePlan<'_>) -> Result<Box<dyn DependenceStepper>, Error> {
        check::named("name", &self.name)?;
        let counts = Counts::new(plan.grid(), "per_year", self.per_year)?;
        if self.jumps.is_empty() {
            return Err(Error::invalid("jumps", "none", "must name at least one factor"));
        }
        let base = self.base.plan(plan).map_err(|error| error.within("base"))?;
        let names: Vec<String> = self.jumps.keys().cloned().collect();
        let mix = Mix::new(&self.correlation.matrix(&names)?);
        let events = plan.publish(&self.name);
        let (uniform, stream) = (plan.state(), plan.stream(&self.name));
        let mut hit = Vec::with_capacity(names.len());
        for (name, JumpSize { mean, volatility }) in &self.jumps {
            let located = |error: Error| error.within(name).within("jumps");
            range::rate("mean", *mean).map_err(located)?;
            range::volatility("volatility", *volatility).map_err(located)?;
            hit.push(Hit {
                mean: *mean,
                volatility: *volatility,
                per_year: -self.per_year * exp_m1(mean + 0.5 * volatility * volatility),
                lane: plan.jump("jumps", name)?,
                stream: plan.stream(&format!("{}/{name}", self.name)),
                normal: plan.state(),
            });
        }
        Ok(Box::new(Stepper { base, counts, mix, hit, events, uniform, stream }))
    }
}

struct Stepper {
    base: Box<dyn DependenceStepper>,
    counts: Counts,
    mix: Mix,
    hit: Vec<Hit>,
    /// Events so far.
    events: OwnLane,
    uniform: OwnLane,
    stream: OwnStream,
}

/// One factor that is hit.
struct Hit {
    mean: f64,
    volatility: f64,
    /// What the logarithm is given per year, so that events leave the mean as it is.
    per_year: f64,
    lane: JumpLane,
    stream: OwnStream,
    /// Normals of the paths with events, packed.
    normal: OwnLane,
}

impl DependenceStepper for Stepper {
    fn start(&self, block: &mut DependenceBlock<'_>) {
        self.base.start(block);
        block.own[self.events].fill(0.0);
    }

    fn step(&self, block: &mut DependenceBlock<'_>) {
        self.base.step(block);
        for Hit { per_year, lane, .. } in &self.hit {
            shift(per_year * block.step.length, &mut block.jumps[*lane]);
        }
        let [uniform, events] = block.own.many([self.uniform, self.events]);
        let Some((table, hits)) = self.counts.draw(block.step, &mut block.streams[self.stream], uniform) else {
            return;
        };
        count(table, &hits, uniform, events);
        for Hit { stream, normal, .. } in &self.hit {
            draw(block.streams.key(*stream), block.first_path, block.step.index as u64, &hits, &mut block.own[*normal]);
        }
        if let [first, .., last] = &self.hit[..] {
            self.mix.apply(block.own.from_to(first.normal, last.normal));
        }
        for Hit { mean, volatility, lane, normal, .. } in &self.hit {
            let [counts, normal] = block.own.many([self.uniform, *normal]);
            land(*mean, *volatility, &hits, counts, normal, &mut block.jumps[*lane]);
        }
    }

    fn modulates(&self) -> bool {
        self.base.modulates()
    }
}

crate::vectorised! {
    fn shift(by: f64, jump: &mut Lane) {
        for path in 0..PATHS {
            jump[path] += by;
        }
    }

    /// The number of events on each path that has some, packed, in place of its uniform.
    fn count(table: &[f64], hits: &Hits, uniform: &mut Lane, events: &mut Lane) {
        for start in (0..hits.count()).step_by(CHUNK) {
            let packed = &mut uniform[start..start + CHUNK];
            let (counts, _) = count_and_place(table, packed);
            packed.copy_from_slice(&counts);
        }
        for (position, path) in hits.paths().enumerate() {
            events[path] += uniform[position];
        }
    }

    /// A normal for each path that has events, packed; what lies behind the last is of other paths.
    fn draw(key: &StreamKey, first_path: u64, step: u64, hits: &Hits, normals: &mut Lane) {
        for start in (0..hits.count()).step_by(CHUNK) {
            for position in start..start + CHUNK {
                let words = key.event(first_path + u64::from(hits.packed()[position % PATHS]), step);
                normals[position % PATHS] = event::normals(words[0], words[1]).0;
            }
        }
    }

    /// Adds the sum of N jumps: normal of mean N m and variance N s^2.
    fn land(mean: f64, volatility: f64, hits: &Hits, counts: &Lane, normals: &Lane, jump: &mut Lane) {
        for (position, path) in hits.paths().enumerate() {
            let (count, normal) = (counts[position], normals[position]);
            jump[path] += (count.sqrt() * volatility).mul_add(normal, count * mean);
        }
    }
}
