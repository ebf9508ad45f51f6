//! A company that earns with machines, holds coins and owes money.

mod apart;
mod claims;
mod coins;
mod conversion;
mod covenants;
mod debt;
mod default;
mod facility_metrics;
mod hiring;
mod inventory;
mod letting;
mod liquidation;
mod margin;
mod metering;
mod metrics;
mod month;
mod operations;
mod outlook;
mod paths;
mod payment;
mod pledged;
mod proceeds;
mod reserve;
mod response;
mod rollover;
mod standing;
mod step_in;
mod support;
mod sweep;
mod switches;
mod taxes;
mod window;

use self::conversion::Conversions;
use self::covenants::Covenants;
use self::debt::{Debt, Prepayment};
use self::inventory::Inventory;
use self::liquidation::Collateral;
use self::metrics::Metrics;
use self::month::Stepper;
use self::operations::Operations;
use self::response::PlannedResponse;
use self::standing::Tally;
use self::step_in::PlannedStepIn;
pub use self::step_in::StepIn;
use self::support::PlannedSponsor;
use self::taxes::PlannedTax;
use super::covenant::{Covenant, EquityCure};
use super::facility::Facility;
use super::fleet::{Fleet, LARGEST};
use super::hired::Hired;
use super::miners::Miners;
use super::obligor::{Obligor, ObligorPlan, ObligorStepper};
use super::response::Response;
use super::sponsor::Sponsor;
use super::tax::{Outlay, Tax};
use super::treasury::Treasury;
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// A company that earns with machines, holds coins and owes money: what the crate is about.
///
/// Each step, on each path (`docs/credit.md` has the equations and examples worked by hand):
///
/// 1. **Cash flow available for debt service**, CFADS = revenue - power - other costs - overhead - tax.
/// 2. **Debt service**: interest, scheduled principal and arrears, paid from cash and CFADS, senior facilities first. What
///    is missing comes from the treasury, sold in the listed order at the mark.
/// 3. **Refinancing**: if something is still missing on a date on which a facility matures, that facility may be
///    borrowed again against collateral at its *executable* value ([`Refinancing`](super::Refinancing)).
/// 4. **Default**: at once if a facility cannot be repaid at maturity ([`Cause::Maturity`](super::Cause)), or when
///    something has been unpaid for `grace` years ([`Cause::Payment`](super::Cause)), or by a [`Covenant`] ([`Cause::Covenant`](super::Cause)), unless a [`Sponsor`] prevents it; or where coins fall below their loan ([`Margin`](super::Margin)). What is missed meanwhile bears
///    interest at the coupon, and all is well again when it is paid. All facilities accelerate together.
/// 5. **Liquidation**: after `liquidation.delay` the fleets, miners and coins are sold over `liquidation.over` years into
///    the [`LiquidationMarket`](super::LiquidationMarket), and the proceeds pay the claims, senior first. There is no
///    revenue after default, unless a [`StepIn`] clause lets lenders operate first. What is unsold at the horizon counts at its executable price.
/// 6. **Distribution** of part of the cash to the owners, if nothing is unpaid and no covenant is breached.
///
/// The loss of a facility is `D(t) EAD - sum_j D(t_j) recovery_j`, with the discount factor `D` of the book. Claims bear
/// no interest after default.
///
/// Metrics that measures may observe, each per step and in USD unless said otherwise: `revenue`, `operating_cost`, `cfads`,
/// `debt_service_due`, `debt_service_paid`, `treasury_sales`, `drawn`, `capex` (what draws and outlays paid for), `tax`, `refinanced` (owed on at maturity), `prepaid`, `distributed`, `proceeds` (of which `operated` is what lenders earned
/// by operating, `seized` the cash of the day of default), `claims_paid`,
/// `preferred_paid`, `residual_to_owners`, `injected` (by owners, to cure, and by a sponsor), `converted` (debt that became shares by a sponsor), `exchanged` (that holders of notes took in shares); `breach`, `lock_up`, `waiver`, `equity_cure`, `acceleration`, `extension`, `support`, `margin_call` (how many in the step); `margin_top_up` (coins
/// at marks and cash put up, by a sponsor too), `margin_sale` (what lenders' sales of coins brought while their loans go on); `dscr` (CFADS over debt service due; infinite when nothing is due, 0 after default); and at the
/// end of the step `cash` (below zero: operating bills that nothing covered), `reserve`, `balance` (principal not yet due),
/// `arrears` (due and unpaid; after default the claims), `ltv_mark` and `ltv_executable` (balance and arrears over the
/// collateral at marks, and at what selling all of it at the planned pace would bring), `shares`, `coins` and `free_coins` (all at marks, and those that
/// no facility names as its security). And of each facility, after its
/// name and a dot: `drawn`, `interest_paid`, `principal_paid`, `converted`, `recovered`; and at the end of the step `balance` and `claim`
/// (due and unpaid, after default the claim).
///
/// ```
/// use haircut::Simulation;
/// use haircut::credit::{Asset, Book, Borrower, Facility, LiquidationMarket, Treasury};
/// use haircut::market::{Gbm, Market};
/// use haircut::measure::DefaultTable;
///
/// // A coin, and a bond that nothing but the coin can repay: Merton's model of default.
/// let bond = Facility::bullet("bond", "fund", 70.0, 0.0, 3.0);
/// let borrower = Borrower {
///     treasury: vec![Treasury { asset: "coin".into(), units: 1.0 }],
///     facilities: vec![bond],
///     ..Borrower::new("holder")
/// };
/// let market = Market::builder().factor("coin", Gbm { initial: 100.0, drift: 0.03, volatility: 0.4 }).build()?;
/// let trade = LiquidationMarket { assets: vec![Asset::liquid("coin", "coin")], ..LiquidationMarket::default() };
/// let book = Book::new([borrower]).liquidation(trade);
/// let defaults = Simulation::new(market, book).months(36).paths(1 << 16).run(DefaultTable::new())?;
/// assert!((defaults["holder"].probability.value - 0.3827).abs() < 0.01);
/// # Ok::<(), haircut::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Borrower {
    /// Name, which keys results and the borrower's own random stream.
    pub name: String,
    /// Cash at time zero, in USD.
    #[serde(default)]
    pub cash: f64,
    /// Costs besides those of fleets and miners, in USD a year.
    #[serde(default)]
    pub overhead_usd_per_year: f64,
    /// Annualised standard deviation `s` of an independent lognormal factor on each step's revenue, of mean one:
    /// `exp(s sqrt(D) Z - s^2 D / 2)`.
    #[serde(default)]
    pub revenue_volatility: f64,
    /// What the state takes of profits.
    #[serde(default)]
    pub tax: Option<Tax>,
    /// What is spent on machines and buildings to come.
    #[serde(default)]
    pub outlays: Vec<Outlay>,
    /// What is cut and sold while a covenant is breached.
    #[serde(default)]
    pub response: Option<Response>,
    /// Machines let by the hour.
    #[serde(default)]
    pub fleets: Vec<Fleet>,
    /// Machines that it rents itself.
    #[serde(default)]
    pub hired: Vec<Hired>,
    /// Machines that mine.
    #[serde(default)]
    pub miners: Vec<Miners>,
    /// Coins, in the order in which they are sold.
    #[serde(default)]
    pub treasury: Vec<Treasury>,
    /// Debt, in order of seniority unless facilities have ranks.
    #[serde(default)]
    pub facilities: Vec<Facility>,
    /// Shares at time zero, which convertible notes need.
    #[serde(default)]
    pub shares: f64,
    /// What preferred owners are to get in a liquidation before common ones, in USD.
    #[serde(default)]
    pub preferred_usd: f64,
    /// What is promised to lenders beside payment, in the order in which it is tested.
    #[serde(default)]
    pub covenants: Vec<Covenant>,
    /// Money with which owners cure breaches of covenants.
    #[serde(default)]
    pub equity_cure: Option<EquityCure>,
    /// Who may keep the borrower from a default.
    #[serde(default)]
    pub sponsor: Option<Sponsor>,
    /// Years for which something may stay unpaid before it is a default; 0 is none.
    #[serde(default)]
    pub grace: f64,
    /// What owners take out.
    #[serde(default)]
    pub distribution: Option<Distribution>,
    /// How collateral is sold after a default.
    pub liquidation: Disposal,
    /// Whether lenders may operate the machines before they sell them, where that is worth more to them; without it they sell.
    #[serde(default)]
    pub step_in: Option<StepIn>,
}

/// Cash paid to owners at the end of each step in which nothing is unpaid: `share x max(0, cash - floor)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distribution {
    /// Share of the cash above the floor, 0 to 1.
    pub share: f64,
    /// Cash that stays, in USD.
    pub floor: f64,
}

/// How collateral is sold: when it begins, and over how long.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disposal {
    /// Years between default and the first sale.
    pub delay: f64,
    /// Years over which equal amounts are sold; 0 is all at once.
    pub over: f64,
}

/// How often something of a borrower may look at marks in a step: again where they have fallen within it, if the market clears so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looks {
    Once,
    Again,
}

impl Looks {
    fn of(borrower: &Borrower) -> Looks {
        let has_margin = borrower.facilities.iter().any(|facility| facility.margin.is_some());
        let is_tested_again = borrower.covenants.iter().any(Covenant::is_tested_again);
        if has_margin || is_tested_again { Looks::Again } else { Looks::Once }
    }
}

/// The longest grace period, in years. Arrears that compound for longer are no longer about a missed payment.
const LONGEST_GRACE: f64 = 10.0;

impl Borrower {
    /// A company that has nothing and owes nothing, to be filled in; after a default everything is sold at once.
    pub fn new(name: impl Into<String>) -> Self {
        Borrower {
            name: name.into(),
            cash: 0.0,
            overhead_usd_per_year: 0.0,
            revenue_volatility: 0.0,
            tax: None,
            outlays: Vec::new(),
            response: None,
            fleets: Vec::new(),
            hired: Vec::new(),
            miners: Vec::new(),
            treasury: Vec::new(),
            facilities: Vec::new(),
            shares: 0.0,
            preferred_usd: 0.0,
            covenants: Vec::new(),
            equity_cure: None,
            sponsor: None,
            grace: 0.0,
            distribution: None,
            liquidation: Disposal { delay: 0.0, over: 0.0 },
            step_in: None,
        }
    }

    /// What the fleets cost, in USD: the denominator of a loan-to-cost.
    #[must_use]
    pub fn capex(&self) -> f64 {
        self.fleets.iter().map(|fleet| fleet.units * fleet.capex_usd_per_unit).sum()
    }

    /// What was borrowed, in USD.
    #[must_use]
    pub fn debt(&self) -> f64 {
        self.facilities.iter().map(|facility| facility.principal).sum()
    }

    fn validate(&self) -> Result<(), Error> {
        check::within("cash", self.cash, 0.0, LARGEST)?;
        check::within("overhead_usd_per_year", self.overhead_usd_per_year, 0.0, LARGEST)?;
        check::within("revenue_volatility", self.revenue_volatility, 0.0, 10.0)?;
        check::within("preferred_usd", self.preferred_usd, 0.0, LARGEST)?;
        check::within("shares", self.shares, 0.0, LARGEST)?;
        if let Some(index) = self.facilities.iter().position(|facility| facility.conversion.is_some())
            && self.shares <= 0.0
        {
            let expected = format!("must be above 0 with `facilities[{index}].conversion`");
            return Err(Error::invalid("shares", self.shares, expected));
        }
        check::within("grace", self.grace, 0.0, LONGEST_GRACE)?;
        check::within("liquidation.delay", self.liquidation.delay, 0.0, 1e3)?;
        check::within("liquidation.over", self.liquidation.over, 0.0, 1e3)?;
        if let Some(step_in) = &self.step_in {
            step_in.validate().map_err(|error| error.within("step_in"))?;
        }
        if let (Some(_), Some(index)) = (&self.step_in, self.facilities.iter().position(|f| f.security.is_some())) {
            let expected =
                format!("must be without `facilities[{index}].security`: nobody says which lender would operate");
            return Err(Error::invalid("step_in", "given", expected));
        }
        if self.step_in.is_some() && !self.hired.is_empty() {
            let expected = "must be without `hired`: a lender operates what is collateral";
            return Err(Error::invalid("step_in", "given", expected));
        }
        if let Some(distribution) = &self.distribution {
            check::within("distribution.share", distribution.share, 0.0, 1.0)?;
            check::within("distribution.floor", distribution.floor, 0.0, LARGEST)?;
        }
        if let Some(tax) = &self.tax {
            tax.validate().map_err(|error| error.within("tax"))?;
        }
        each("outlays", &self.outlays, Outlay::validate)?;
        each("fleets", &self.fleets, Fleet::validate)?;
        each("hired", &self.hired, Hired::validate)?;
        each("miners", &self.miners, Miners::validate)?;
        each("treasury", &self.treasury, Treasury::validate)?;
        each("facilities", &self.facilities, Facility::validate)?;
        each("covenants", &self.covenants, Covenant::validate)?;
        if let Some(response) = &self.response {
            response.validate(&self.covenants).map_err(|error| error.within("response"))?;
        }
        if let Some(equity_cure) = &self.equity_cure {
            equity_cure.validate().map_err(|error| error.within("equity_cure"))?;
        }
        if let Some(sponsor) = &self.sponsor {
            sponsor.validate(&self.facilities).map_err(|error| error.within("sponsor"))?;
        }
        distinct("fleets", self.fleets.iter().map(|fleet| &fleet.name))?;
        distinct("hired", self.hired.iter().map(|hired| &hired.name))?;
        distinct("miners", self.miners.iter().map(|miners| &miners.name))?;
        distinct("facilities", self.facilities.iter().map(|facility| &facility.name))?;
        distinct("covenants", self.covenants.iter().map(|covenant| &covenant.name))?;
        if let Some(index) = self.covenants.iter().position(|covenant| covenant.is_named_as(&self.facilities)) {
            let expected = "must not be the name of a facility, which metrics bear";
            return Err(Error::invalid(format!("covenants[{index}].name"), &self.covenants[index].name, expected));
        }
        let is_ranked = self.facilities.first().is_some_and(|facility| facility.rank.is_some());
        if let Some(index) = self.facilities.iter().position(|facility| facility.rank.is_some() != is_ranked) {
            let rank = self.facilities[index].rank.map_or("none".into(), |rank| rank.to_string());
            let expected = "must be given for every facility of the borrower or for none";
            return Err(Error::invalid(format!("facilities[{index}].rank"), rank, expected));
        }
        Ok(())
    }

    fn stepper(&self, plan: &mut ObligorPlan<'_>) -> Result<Stepper, Error> {
        self.validate()?;
        let looks = Looks::of(self);
        let operations = Operations::new(self, plan)?;
        let is_relieved = self.sponsor.as_ref().is_some_and(Sponsor::reduces_debt);
        let prepayment = match is_relieved || self.covenants.iter().any(Covenant::prepays) {
            true => Prepayment::Possible,
            false => Prepayment::AsAgreed,
        };
        let tally = plan.state();
        let mut switches = Tally::switches(tally);
        let debt = Debt::new(&self.facilities, prepayment, &mut switches, plan)?;
        let conversions = Conversions::new(self.shares, &self.facilities, &debt, plan);
        let covenants = Covenants::new(self, &operations, &mut switches, plan)?;
        let sponsor =
            self.sponsor.as_ref().map(|terms| PlannedSponsor::new(terms, &self.facilities, looks, plan)).transpose()?;
        let outlays = Outlay::by_step(&self.outlays, plan.grid());
        let kept: Vec<f64> = debt.kept.iter().zip(&outlays).map(|(kept, spent)| kept - spent).collect();
        let step_in = self.step_in.map(|terms| PlannedStepIn::new(terms, self.liquidation, &operations, plan));
        let mut inventory = Inventory::new(self, plan)?;
        let margins = inventory.margins(&debt.ranks);
        let liens = inventory.liens(self, &debt.ranks, plan);
        let treasury = inventory.free_coins();
        let response = match (&self.response, &covenants) {
            (Some(terms), Some(covenants)) => {
                let breached = covenants.breached(terms.validate(&self.covenants)?);
                Some(PlannedResponse::new(terms, self.overhead_usd_per_year, &outlays, breached, &treasury, plan))
            }
            _ => None,
        };
        let mut metrics = Metrics::new(debt.facilities.iter().any(|facility| facility.metrics.any()), plan);
        metrics.any |= covenants.as_ref().is_some_and(Covenants::has_metrics);
        Ok(Stepper {
            steps: plan.grid().steps(),
            initial_cash: self.cash,
            cash: plan.state(),
            standing: plan.state(),
            tally: Tally(tally),
            missed: plan.state(),
            sale_from: plan.state(),
            operations,
            tax: self.tax.as_ref().map(|terms| PlannedTax::new(terms, plan)),
            kept: if kept.iter().all(|kept| *kept == 0.0) { Vec::new() } else { kept },
            outlays,
            response,
            debt,
            covenants,
            sponsor,
            treasury,
            pledged: inventory.pledged_coins(),
            stood: (looks == Looks::Again).then(|| plan.room()),
            conversions,
            margins,
            preferred: (self.preferred_usd > 0.0).then(|| (self.preferred_usd, plan.state())),
            collateral: Collateral::new(inventory.holdings(), liens, self.liquidation, plan.grid().length(1)),
            grace: self.grace,
            distribution: self.distribution,
            step_in,
            metrics,
            makes_every_pass: false,
        })
    }
}

impl Obligor for Borrower {
    fn name(&self) -> &str {
        &self.name
    }

    fn plan(&self, plan: &mut ObligorPlan<'_>) -> Result<Box<dyn ObligorStepper>, Error> {
        Ok(Box::new(self.stepper(plan)?))
    }
}

/// Validates every item of a list; the error names its position.
fn each<T>(list: &str, items: &[T], validate: impl Fn(&T) -> Result<(), Error>) -> Result<(), Error> {
    items
        .iter()
        .enumerate()
        .try_for_each(|(index, item)| validate(item).map_err(|error| error.within(format!("{list}[{index}]"))))
}

/// Refuses the second of two equal names.
fn distinct<'a>(list: &str, names: impl Iterator<Item = &'a String>) -> Result<(), Error> {
    let mut seen: Vec<&str> = Vec::new();
    for (index, name) in names.enumerate() {
        if seen.contains(&name.as_str()) {
            return Err(Error::Duplicate { field: format!("{list}[{index}].name"), name: name.clone() });
        }
        seen.push(name);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
