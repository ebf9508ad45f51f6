//! Whether money can be had: the regime of the funding market.

use super::by_regime::choose;
use super::chain::Chain;
use super::factor::{Factor, FactorBlock, FactorPlan, FactorStepper};
use super::lanes::OwnLane;
use super::regimes::{Regimes, Transitions};
use super::sparse::Hits;
use crate::numeric::Lane;
use crate::sample::StreamKey;
use crate::{Error, check};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The regime of the funding market, open, tight or shut say: a Markov chain that whoever depends on credit reads, each with
/// its own number and its own delay.
///
/// ```text
/// P(c_{t+D} = j | c_t = i) = exp(Q D)[i][j]
/// series: s_t = values[c_{t - lag}],   and values[c_0] until t reaches the lag
/// ```
///
/// | symbol | field | unit | range |
/// | --- | --- | --- | --- |
/// | c | `states` | names of the states, from the most open | 2 to 16, all different |
/// | Q | `transitions` | how states follow one another, as in [`Regimes`] | |
/// | | `initial_state` | probability of each state at time zero; by default those of the long run | sum 1 |
/// | s | `series` | what to publish, by name, see [`ConditionSeries`]; none by default | |
///
/// **Publishes** its level, the state on each date counted from 0, and each of `series` under its name. A borrower that
/// refinances reads whether lenders lend (`funding.availability`), the secondary market how deep it is (`funding.depth`), a sponsor
/// what it can give (`funding.support`), rents how scarce compute is (`funding.scarcity`, see
/// [`DeflatingRent`](super::DeflatingRent)). Credit peaks before technology does: give the rents' series a lag of 6 to 18
/// months. To let credit follow the others, give the lag to what reads credit directly. The values 0, 1, 2 with a lag are the
/// state itself, delayed. One chain for the market: [`RegimeGbm`](super::RegimeGbm) and [`Counterparty`](super::Counterparty)
/// follow this one by name (`chain`); the dependence [`Regimes`] has a chain of its own.
///
/// Exact on any dates: switches happen at their own times, and a delayed series is that of the very moment `lag` ago, on a
/// date of the grid or not. Nothing is known of the time before time zero: the first state is held to have lasted.
/// No Gaussian driver, nothing to modulate. Draws are events (the state at time zero and its stay are event 0, the k-th
/// switch is event k), so neither dates nor lags nor values move a switch.
///
/// Source: the chain of J. D. Hamilton, "A new approach to the economic analysis of nonstationary time series and the business
/// cycle", Econometrica 57 (1989) 357-384, doi:10.2307/1912559; that funding and market liquidity shut together, M. K.
/// Brunnermeier, L. H. Pedersen, "Market liquidity and funding liquidity", Rev. Financ. Stud. 22 (2009) 2201-2238,
/// doi:10.1093/rfs/hhn098.
///
/// ```
/// use haircut::market::{ConditionSeries, CreditConditions, Market, Transitions};
/// let funding = CreditConditions {
///     states: ["open", "tight", "shut"].map(String::from).into(),
///     transitions: Transitions::Generator(vec![
///         vec![-0.35, 0.3, 0.05],
///         vec![0.8, -1.2, 0.4],
///         vec![0.2, 1.3, -1.5],
///     ]),
///     initial_state: Some(vec![1.0, 0.0, 0.0]),
///     series: [
///         ("availability".into(), ConditionSeries { values: vec![1.0, 0.5, 0.0], lag: 0.0 }),
///         ("scarcity".into(), ConditionSeries { values: vec![0.0, -0.1, -0.4], lag: 0.75 }),
///     ]
///     .into(),
/// };
/// assert!(Market::builder().factor("funding", funding).build().is_ok());
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreditConditions {
    /// Names of the states.
    pub states: Vec<String>,
    /// How they follow one another.
    pub transitions: Transitions,
    /// Probability of each state at time zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_state: Option<Vec<f64>>,
    /// What others read, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub series: BTreeMap<String, ConditionSeries>,
}

/// A number for each state of [`CreditConditions`], published at once or with a delay.
///
/// | field | unit | range |
/// | --- | --- | --- |
/// | `values` | that of whoever reads it: a share, a multiplier, a logarithm | -1e6 to 1e6, one for each state |
/// | `lag` | years; 0 by default | 0 to 100 |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConditionSeries {
    /// Its value in each state.
    pub values: Vec<f64>,
    /// Years by which it follows the state.
    #[serde(default)]
    pub lag: f64,
}

impl ConditionSeries {
    /// Far beyond any share, multiplier or logarithm.
    const LARGEST: f64 = 1e6;

    fn check(&self, states: usize) -> Result<(), Error> {
        if self.values.len() != states {
            let expected = format!("must have one value for each of the {states} states");
            return Err(Error::invalid("values", format!("{} numbers", self.values.len()), expected));
        }
        for (position, value) in self.values.iter().enumerate() {
            check::within(&format!("values[{position}]"), *value, -Self::LARGEST, Self::LARGEST)?;
        }
        check::within("lag", self.lag, 0.0, 100.0)
    }
}

impl CreditConditions {
    fn check(&self) -> Result<(), Error> {
        let states = self.states.len();
        if !(2..=Regimes::MOST).contains(&states) {
            let expected = format!("must be between 2 and {} states", Regimes::MOST);
            return Err(Error::invalid("states", states, expected));
        }
        for (position, name) in self.states.iter().enumerate() {
            let field = format!("states[{position}]");
            check::named(&field, name)?;
            if self.states[..position].contains(name) {
                return Err(Error::Duplicate { field, name: name.clone() });
            }
        }
        for (name, series) in &self.series {
            check::named("series", name)?;
            if name.contains('.') {
                return Err(Error::invalid("series", format!("\"{name}\""), "must be a name without a dot"));
            }
            series.check(states).map_err(|error| error.within(name).within("series"))?;
        }
        Ok(())
    }
}

impl Factor for CreditConditions {
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error> {
        self.check()?;
        let generator = self.transitions.generator(self.states.len())?;
        let initial = generator.distribution("initial_state", self.initial_state.as_deref())?;
        let chain = Chain::plan("transitions", &generator, &initial, plan)?;
        let mut walks = vec![Walk::plan(plan, 0.0, plan.level())];
        for (name, ConditionSeries { values, lag }) in &self.series {
            let at = walks.iter().position(|walk| walk.lag.total_cmp(lag).is_eq());
            let at = at.unwrap_or_else(|| {
                let state = plan.state();
                walks.push(Walk::plan(plan, *lag, state));
                walks.len() - 1
            });
            walks[at].series.push((values.clone(), plan.publish(name)));
        }
        Ok(Box::new(Stepper { chain, walks }))
    }
}

/// The chain as it was `lag` years ago. Events belong to a path and a number, so each delay walks through the same ones
/// when their time comes, and no history is kept.
struct Walk {
    lag: f64,
    state: OwnLane,
    /// The time of the next switch, in years from today.
    next: OwnLane,
    /// Switches so far.
    switches: OwnLane,
    /// Values by state, and the lane that shows them.
    series: Vec<(Vec<f64>, OwnLane)>,
}

impl Walk {
    fn plan(plan: &mut FactorPlan<'_>, lag: f64, state: OwnLane) -> Self {
        Walk { lag, state, next: plan.state(), switches: plan.state(), series: Vec::new() }
    }

    fn show(&self, block: &mut FactorBlock<'_>) {
        for (values, lane) in &self.series {
            let [state, shown] = block.own.many([self.state, *lane]);
            choose(values, state, shown);
        }
    }
}

struct Stepper {
    chain: Chain,
    walks: Vec<Walk>,
}

impl FactorStepper for Stepper {
    fn start(&self, block: &mut FactorBlock<'_>) {
        for walk in &self.walks {
            let [state, next] = block.own.many([walk.state, walk.next]);
            self.chain.start(*block.key, block.first_path, state, next);
            walk.show(block);
        }
    }

    fn step(&self, block: &mut FactorBlock<'_>) {
        for walk in &self.walks {
            let end = block.step.end - walk.lag;
            let mut hits = Hits::new();
            hits.at_most(&block.own[walk.next], end);
            if !hits.is_empty() {
                let lanes = block.own.many([walk.state, walk.next, walk.switches]);
                switch(&self.chain, *block.key, block.first_path, end, &hits, lanes);
                walk.show(block);
            }
        }
    }
}

crate::vectorised! {
    /// Walks these paths through their switches up to `end`.
    fn switch(chain: &Chain, key: StreamKey, first_path: u64, end: f64, hits: &Hits, lanes: [&mut Lane; 3]) {
        let [state, next, switches] = lanes;
        for path in hits.paths() {
            while next[path] <= end {
                switches[path] += 1.0;
                let (entered, stay) = chain.switch(state[path] as usize, key, first_path + path as u64, switches[path]);
                state[path] = entered as f64;
                next[path] += stay;
            }
        }
    }
}
