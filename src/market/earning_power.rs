//! What a used GPU is worth to whoever lets it on.

use super::coming_launches::ComingLaunches;
use super::deflating_rent::DeflatingRent;
use super::factor::{Factor, FactorBlock, FactorPlan, FactorStepper};
use super::lanes::{OwnLane, ReadLane};
use super::obsolescence::Obsolescence;
use super::outlook::{Outlook, Terms};
use super::range;
use super::strip::{Known, Strip};
use crate::numeric::kernel::{exp, ln};
use crate::numeric::{Lane, PATHS};
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// Resale value of one generation of hardware by what it can still earn: it is let in every hour in which the rent pays its running
/// cost and is off in the others, until it is worn out; what cannot earn is scrap. The structural form beside
/// [`Resale`](super::Resale).
///
/// ```text
/// V_t = max(S, 8760 integral_t^L e^(-r (s - t)) E_t[(f u R_s - c_s)^+] ds),    c_s = (kW PUE power + opex) e^(g s)
/// ```
///
/// | symbol | field | unit | range |
/// | --- | --- | --- | --- |
/// | R | `rent` | a [`DeflatingRent`] declared before, USD per unit-hour | |
/// | f | `rent_share` | rent of this tier as a multiple of `rent`; 1 by default | 0 to 1000 |
/// | u | `utilisation` | share of the hours that is let, as buyers expect it | 0 to 1 |
/// | kW | `power_kw_per_unit` | kW | 0 to 1e6 |
/// | PUE | `pue` | power of the site over power of the machines; 1 by default | 1 to 10 |
/// | power | `power_usd_per_kwh` | USD per kWh today, as buyers expect it | 0 to 1e6 |
/// | opex | `opex_usd_per_unit_hour` | USD per unit-hour today; 0 by default | 0 to 1e6 |
/// | g | `cost_growth` | per year; 0 by default | -10 to 10 |
/// | L | `life` | years from time zero until it is worn out | 0.01 to 100 |
/// | r | `discount` | per year, continuous: what a buyer of machines wants to earn | -10 to 10 |
/// | S | `scrap` | USD per unit; 0 by default | 0 or above |
///
/// A strip of calls on rent with the running cost as strike. E_t is the expectation under the law of the rent as it is described,
/// given the path's state on the date: rent, scarcity, what `usual_scarcity` says, adoption and what is launched but not adopted,
/// and the age of the newest generation. Each date's rent is taken as lognormal with its exact mean and second moment, given that state; that
/// is its law but for launches to come and list jumps. Buyers take the present `usual_scarcity` to last, know the mean deflation
/// and its deviation and learn no more of it, and see no regimes. Launches that excite one another or that are known beforehand are refused.
///
/// Tabulated once per run. The value of the strip is within `0.0005 (V + K)` of the integral, K the discounted cost of running the machine from
/// today to L; parameters for which the tables cannot be that good are refused. No driver, no draws, nothing to modulate.
/// Publishes its level.
///
/// Source: a plant as a strip of options on its margin (R. McDonald, D. Siegel, "Investment and the valuation of firms when there is an
/// option to shut down", Int. Econ. Rev. 26 (1985) 331-349, doi:10.2307/2526587); a call on a lognormal forward (F. Black, "The pricing of commodity
/// contracts", J. Financial Economics 3 (1976) 167-179, doi:10.1016/0304-405X(76)90024-6).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EarningPower {
    /// Name of the factor that is the machine's rent.
    pub rent: String,
    /// Rent of this tier as a multiple of it.
    #[serde(default = "one")]
    pub rent_share: f64,
    /// Share of the hours that is let.
    pub utilisation: f64,
    /// Power of one unit, kW.
    pub power_kw_per_unit: f64,
    /// Power of the site over power of the machines.
    #[serde(default = "one")]
    pub pue: f64,
    /// Price of power, USD per kWh.
    pub power_usd_per_kwh: f64,
    /// Cost of running a unit besides power, USD per unit-hour.
    #[serde(default)]
    pub opex_usd_per_unit_hour: f64,
    /// Growth of both costs per year.
    #[serde(default)]
    pub cost_growth: f64,
    /// Years from time zero until the machine is worn out.
    pub life: f64,
    /// Rate per year at which buyers discount.
    pub discount: f64,
    /// What a machine fetches that earns nothing, USD per unit.
    #[serde(default)]
    pub scrap: f64,
}

fn one() -> f64 {
    1.0
}

/// Hours in a year of 365 days, as a borrower's fleet counts them.
const HOURS: f64 = 8760.0;

/// A machine that costs nothing to run is taken as one that costs this share of what it earns.
const LEAST_COST: f64 = 1e-9;

impl EarningPower {
    fn check(&self) -> Result<(), Error> {
        check::within("rent_share", self.rent_share, 0.0, 1e3)?;
        check::within("utilisation", self.utilisation, 0.0, 1.0)?;
        check::within("power_kw_per_unit", self.power_kw_per_unit, 0.0, 1e6)?;
        check::within("pue", self.pue, 1.0, 10.0)?;
        check::within("power_usd_per_kwh", self.power_usd_per_kwh, 0.0, 1e6)?;
        check::within("opex_usd_per_unit_hour", self.opex_usd_per_unit_hour, 0.0, 1e6)?;
        range::rate("cost_growth", self.cost_growth)?;
        check::within("life", self.life, 0.01, 100.0)?;
        range::rate("discount", self.discount)?;
        range::amount("scrap", self.scrap)
    }

    /// USD per hour at time zero.
    fn running_cost(&self) -> f64 {
        self.power_kw_per_unit * self.pue * self.power_usd_per_kwh + self.opex_usd_per_unit_hour
    }
}

impl Factor for EarningPower {
    fn plan(&self, plan: &mut FactorPlan<'_>) -> Result<Box<dyn FactorStepper>, Error> {
        self.check()?;
        let rent: &DeflatingRent = plan.description("rent", &self.rent)?;
        let mut launches = None;
        let mut frontier = None;
        if let Some(adoption) = rent.adoption.as_deref().filter(|_| rent.sensitivity != 0.0) {
            let Some(name) = adoption.strip_suffix(".adoption") else {
                let expected = format!("must be a rent that reads the adoption of an Obsolescence, not \"{adoption}\"");
                return Err(Error::invalid("rent", format!("\"{}\"", self.rent), expected));
            };
            let description: &Obsolescence = plan.description("rent", name)?;
            if description.excitation.is_some() || !description.roadmap.is_empty() {
                let expected = "must be a rent pressed by launches with neither excitation nor a roadmap";
                return Err(Error::invalid("rent", format!("\"{}\"", self.rent), expected));
            }
            launches = Some((description.ramp, ComingLaunches::new(description, rent.sensitivity, self.life)?));
            frontier = Some(Frontier {
                level: plan.read("rent", name)?,
                adoption: plan.read("rent", adoption)?,
                age: plan.read("rent", &format!("{name}.age"))?,
            });
        }
        let terms = Terms { life: self.life, growth: self.cost_growth, discount: self.discount };
        let strip = Strip::new(&Outlook { rent, launches }, terms)?;
        let earned = self.rent_share * self.utilisation;
        let cost = self.running_cost().max(LEAST_COST * (if earned > 0.0 { earned } else { 1.0 }) * rent.initial);
        let at = |date: f64| {
            let (weights, annuity) = strip.weights((self.life - date).max(0.0));
            let cost = cost * exp(self.cost_growth * date);
            Date { weights, annuity, earned: earned / cost, unit: HOURS * cost }
        };
        let dates = std::iter::once(0.0).chain(plan.grid().iter().map(|step| step.end)).map(at).collect();
        let usual = match &rent.usual_scarcity {
            Some(series) => Some(plan.read("rent", series)?),
            None => None,
        };
        Ok(Box::new(Stepper {
            dates,
            top: (strip.top(), exp(-strip.top())),
            strip,
            scrap: self.scrap,
            rent: plan.read("rent", &self.rent)?,
            scarcity: plan.read("rent", &format!("{}.scarcity", self.rent))?,
            usual,
            frontier,
            level: plan.level(),
        }))
    }
}

/// What the generations after this one have come to.
#[derive(Debug, Clone, Copy)]
struct Frontier {
    level: ReadLane,
    adoption: ReadLane,
    age: ReadLane,
}

/// What a date has of its own.
struct Date {
    weights: Vec<f64>,
    annuity: f64,
    /// Rent that is earned, over cost.
    earned: f64,
    /// USD a year for a cost of 1.
    unit: f64,
}

struct Stepper {
    /// At time zero, and at the end of each step.
    dates: Vec<Date>,
    strip: Strip,
    /// The strip's top, and e to minus it.
    top: (f64, f64),
    scrap: f64,
    rent: ReadLane,
    scarcity: ReadLane,
    usual: Option<ReadLane>,
    frontier: Option<Frontier>,
    level: OwnLane,
}

impl FactorStepper for Stepper {
    fn start(&self, block: &mut FactorBlock<'_>) {
        self.step(block);
    }

    fn step(&self, block: &mut FactorBlock<'_>) {
        let Some(date) = self.dates.get(block.step.index) else { return };
        let [log, excess, scarcity, pending, first, second, third, fourth] = block.scratch;
        let read = block.read;
        moneyness(date.earned, self.top.0, self.top.1, read.lane(self.rent), log, excess);
        let scarcity = match self.usual {
            Some(usual) => {
                difference(read.lane(self.scarcity), read.lane(usual), scarcity);
                &*scarcity
            }
            None => read.lane(self.scarcity),
        };
        let launches = match self.frontier {
            Some(frontier) => {
                difference(read.lane(frontier.level), read.lane(frontier.adoption), pending);
                Some((&*pending, read.lane(frontier.age)))
            }
            None => None,
        };
        let known = Known { log, excess, scarcity, launches };
        let level = &mut block.own[self.level];
        self.strip.value(&date.weights, date.annuity, &known, [first, second, third, fourth], level);
        above_scrap(date.unit, self.scrap, level);
    }
}

crate::vectorised! {
    /// ln of rent over cost, up to the top, and what it leaves out.
    fn moneyness(earned: f64, top: f64, inverse: f64, rent: &Lane, log: &mut Lane, excess: &mut Lane) {
        for path in 0..PATHS {
            let ratio = (earned * rent[path]).clamp(f64::MIN_POSITIVE, 1e200);
            let full = ln(ratio);
            log[path] = if full < top { full } else { top };
            let over = ratio * inverse;
            excess[path] = if over > 1.0 { over } else { 1.0 };
        }
    }

    fn difference(from: &Lane, what: &Lane, to: &mut Lane) {
        for path in 0..PATHS {
            to[path] = from[path] - what[path];
        }
    }

    fn above_scrap(unit: f64, scrap: f64, level: &mut Lane) {
        for path in 0..PATHS {
            let value = unit * level[path];
            level[path] = if value > scrap { value } else { scrap };
        }
    }
}
