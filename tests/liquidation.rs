//! The market for collateral: how a price falls with what is sold, who pays for it, what remembers it. A test that only
//! saw prices fall would miss a pace taken per step instead of per month, or a seller who pays for another's sale twice.
#![allow(clippy::float_cmp, reason = "exact degenerate cases are compared exactly")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should say where")]

mod ledger;

use haircut::credit::{
    Amortisation, Asset, AssetLane, Book, Borrower, Buyers, Conditions, DepthUnit, Disposal, Feedback, ImpactForm,
    LiquidationMarket, Obligor, ObligorBlock, ObligorPlan, ObligorStepper,
};
use haircut::market::OwnLane;
use haircut::numeric::{PATHS, TimeGrid};
use haircut::{Error, Simulation};
use ledger::watch::Watch;
use ledger::{
    Ledger, Record, Script, assert_cents, assert_rounding, cash_cow, facility, follow, liquid, script, scripted,
    trading,
};

/// Defaults on the first date and sells its units over some years.
fn seller(name: &str, units: f64, over: f64) -> Borrower {
    Borrower {
        fleets: vec![cash_cow("gpu", units, 0.0, 1.0)],
        facilities: vec![facility("loan", 1e9, 0.12, Amortisation::Bullet, 50.0)],
        liquidation: Disposal { delay: 0.0, over },
        ..Borrower::new(name)
    }
}

fn gpu() -> Asset {
    Asset { depth_per_month: 100.0, impact: 0.3, ..liquid("gpu", "price") }
}

fn sell(asset: Asset, borrower: Borrower, steps: usize, per_year: u32) -> Record {
    follow(scripted([("price", script([10.0]))]), trading([asset]), borrower, steps, per_year)
}

fn proceeds(record: &Record) -> f64 {
    record.row("proceeds", 0).iter().sum()
}

/// The concession depends on units a month, not on how fine the grid is: 600 units over half a year are one month's depth a
/// month, on any grid, and cost exp(-0.3).
#[test]
fn the_price_depends_on_the_pace_and_not_on_the_grid() {
    for per_year in [12, 24, 52, 365] {
        let record = sell(gpu(), seller("a", 600.0, 0.5), per_year as usize, per_year);
        // Half a year of weeks or days is 26 or 182.5 steps: the last sale may be smaller than the others.
        let expected = 6000.0 * (-0.3_f64).exp();
        let slack = 6000.0 * 0.3 / f64::from(per_year);
        assert!((proceeds(&record) - expected).abs() <= slack, "{per_year}: {} {expected}", proceeds(&record));
    }
    assert_rounding(proceeds(&sell(gpu(), seller("a", 600.0, 0.5), 12, 12)), 6000.0 * (-0.3_f64).exp());
}

/// More sold at once, lower price, never below scrap; deeper, higher price, and the mark itself in the limit.
#[test]
fn the_price_falls_with_quantity_and_rises_with_depth() {
    let price = |asset: Asset, units: f64| proceeds(&sell(asset, seller("a", units, 0.0), 1, 12)) / units;
    let mut last = 10.0;
    for units in [1.0, 10.0, 100.0, 500.0, 1000.0] {
        let now = price(gpu(), units);
        assert_rounding(now, 10.0 * (-0.3 * units / 100.0).exp());
        assert!(now < last);
        last = now;
    }
    let floored = Asset { scrap: 2.0, moving_cost: 0.1, ..gpu() };
    assert_rounding(price(floored.clone(), 100.0), 9.0 * (-0.3_f64).exp());
    assert_rounding(price(floored, 1e5), 2.0);
    let mut last = 0.0;
    for depth_per_month in [10.0, 100.0, 1000.0, 1e6] {
        let now = price(Asset { depth_per_month, ..gpu() }, 50.0);
        assert!(now > last);
        last = now;
    }
    assert_eq!(price(Asset { depth_per_month: f64::INFINITY, ..gpu() }, 50.0), 10.0);
}

/// A price that falls below what scrap brings leaves the mark at scrap: that is what the sale gets, at no discount; above scrap nothing is
/// different. Of marks that sales depress the same.
#[test]
fn a_unit_is_worth_its_scrap() {
    let shown = |price: [f64; 3], asset: Asset| {
        let book = Book::new([seller("a", 10.0, 0.0)]).liquidation(trading([asset]));
        let simulation = Simulation::new(scripted([("price", script(price))]), book).months(2).paths(1);
        let metrics = ["gpu.mark", "gpu.proceeds", "gpu.discount"];
        let shown = simulation.run(Watch::market(&metrics)).unwrap();
        metrics.map(|metric| [1, 2].map(|step| shown[metric][step][0]))
    };
    let scrap = Asset { scrap: 8.0, moving_cost: 0.1, ..liquid("gpu", "price") };
    assert_eq!(shown([10.0, 5.0, 5.0], scrap.clone()), [[8.0, 8.0], [80.0, 0.0], [0.0, 0.0]]);
    let [mark, proceeds, discount] = shown([10.0, 8.5, 9.0], scrap.clone());
    assert_eq!((mark, proceeds), ([8.5, 9.0], [80.0, 0.0]));
    assert_rounding(discount[0], 0.5 / 8.5);
    // 10 units at a pace of a tenth of the depth: e^-0.5 of 10 is 6.07, so scrap; half of the impact stays: 10 e^-0.25 = 7.79.
    let thin = Asset { depth_per_month: 100.0, impact: 5.0, persistence: 0.5, ..scrap };
    let [mark, proceeds, discount] = shown([10.0, 10.0, 10.0], thin);
    assert_eq!((mark, proceeds), ([10.0, 8.0], [80.0, 0.0]));
    assert_rounding(discount[0], 0.2);
}

/// Everyone who sells in a step gets the price of what all of them sell.
#[test]
fn sellers_of_a_step_share_one_price() {
    let book = Book::new([seller("a", 30.0, 0.0), seller("b", 70.0, 0.0)]).liquidation(trading([gpu()]));
    let simulation = Simulation::new(scripted([("price", script([10.0]))]), book).months(1).paths(1);
    let (a, b) = simulation.run((Ledger("a".into()), Ledger("b".into()))).unwrap();
    assert_rounding(proceeds(&a), 300.0 * (-0.3_f64).exp());
    assert_rounding(proceeds(&b), 700.0 * (-0.3_f64).exp());
    // In the order of the book or in the other one.
    let book = Book::new([seller("b", 70.0, 0.0), seller("a", 30.0, 0.0)]).liquidation(trading([gpu()]));
    let simulation = Simulation::new(scripted([("price", script([10.0]))]), book).months(1).paths(1);
    assert_eq!(simulation.run(Ledger("a".into())).unwrap(), a);
}

/// Persistent impact adds up over the months of a sale and halves with its half-life; without feedback there is none.
#[test]
fn a_long_sale_depresses_its_own_marks() {
    let sticky = Asset { persistence: 0.5, recovery_half_life: 1.0 / 12.0, ..gpu() };
    let record = sell(sticky.clone(), seller("a", 300.0, 0.25), 4, 12);
    // 100 a month: x = 1. Depression (0 + 0.15) / 2 = 0.075, (0.075 + 0.15) / 2 = 0.1125.
    for (step, depression) in [(1, 0.0), (2, 0.075), (3, 0.1125)] {
        assert_rounding(record.at("proceeds", step, 0), 1000.0 * (-0.3_f64 - depression).exp());
    }
    let trade = LiquidationMarket { assets: vec![sticky], feedback: Feedback::Off };
    let record = follow(scripted([("price", script([10.0]))]), trade, seller("a", 300.0, 0.25), 4, 12);
    assert_eq!(record.row("proceeds", 0)[..3], [record.at("proceeds", 1, 0); 3]);
}

/// LTV on marks beside LTV on what can be executed: the collateral illusion, by hand.
#[test]
fn marks_flatter() {
    let borrower = Borrower { cash: 1e9, ..seller("a", 300.0, 0.25) };
    let record = sell(Asset { moving_cost: 0.2, ..gpu() }, borrower, 2, 12);
    for step in 0..=2 {
        assert_rounding(record.at("ltv_mark", step, 0), 1e9 / 3000.0);
        assert_rounding(record.at("ltv_executable", step, 0), 1e9 / (3000.0 * 0.8 * (-0.3_f64).exp()));
    }
}

/// Two fleets of a class are sold into one market: 300 machines are 300 machines, in `ltv_executable`, at a default and at the horizon.
#[test]
fn fleets_of_a_class_share_one_depth() {
    let whole = Borrower { cash: 1e9, ..seller("a", 300.0, 0.25) };
    let mut split = whole.clone();
    split.fleets.push(whole.fleets[0].clone());
    for (fleet, (name, units)) in split.fleets.iter_mut().zip([("old", 100.0), ("new", 200.0)]) {
        (fleet.name, fleet.units) = (name.into(), units);
    }
    let record = sell(Asset { moving_cost: 0.2, ..gpu() }, split.clone(), 2, 12);
    assert_rounding(record.at("ltv_executable", 1, 0), 1e9 / (3000.0 * 0.8 * (-0.3_f64).exp()));
    // In default before the horizon, and all of it unsold there.
    let proceeds = |borrower: &Borrower| {
        let late = Borrower { cash: 0.0, liquidation: Disposal { delay: 1.0, over: 0.25 }, ..borrower.clone() };
        sell(gpu(), late, 2, 12).row("proceeds", 0).iter().sum::<f64>()
    };
    assert_rounding(proceeds(&whole), 3000.0 * (-0.3_f64).exp());
    assert_rounding(proceeds(&split), 3000.0 * (-0.3_f64).exp());
}

const FORMS: [ImpactForm; 3] = [ImpactForm::Exponential, ImpactForm::Linear, ImpactForm::Bounded { floor: 4000.0 }];

/// A machine at 10,000 USD, 100 of which find a buyer in a month at a concession of 0.4: the examples of `docs/credit.md`.
fn machine() -> Asset {
    Asset { depth_per_month: 100.0, impact: 0.4, ..liquid("gpu", "price") }
}

/// Metrics of the market while `units` are sold in the first month, by month (`[0]` at time zero).
fn watch(asset: Asset, units: f64, factors: &[(&'static str, Vec<f64>)], metrics: &[&str]) -> Vec<Vec<f64>> {
    let factors = factors.iter().map(|(name, levels)| (*name, script(levels.clone())));
    let book = Book::new([seller("a", units, 0.0)]).liquidation(trading([asset]));
    let simulation = Simulation::new(scripted(factors), book).months(4).paths(1);
    let watched = simulation.run(Watch::market(metrics)).unwrap();
    metrics.iter().map(|metric| watched[*metric].iter().map(|paths| paths[0]).collect()).collect()
}

fn at_ten_thousand() -> Vec<(&'static str, Vec<f64>)> {
    vec![("price", vec![10_000.0])]
}

/// Half a month's depth, pace 0.2, in each form: what the seller gets, and what marks remember of it.
#[test]
fn three_forms_of_impact() {
    let sticky = Asset { persistence: 0.5, ..machine() };
    // 10,000 r; then 10,000 r^0.5, for half of the logarithm stays.
    for (form, price, mark) in
        [(FORMS[0], 8187.31, 9048.37), (FORMS[1], 8000.00, 8944.27), (FORMS[2], 8912.38, 9440.54)]
    {
        let asset = Asset { form, ..sticky.clone() };
        let shown = watch(asset, 50.0, &at_ten_thousand(), &["gpu.proceeds", "gpu.mark", "gpu.volume", "gpu.discount"]);
        assert_cents(shown[0][1] / 50.0, price);
        assert_eq!(shown[1][..2], [10_000.0; 2]);
        assert_cents(shown[1][2], mark);
        assert_cents(shown[1][4], mark);
        assert_eq!(shown[2], [0.0, 50.0, 0.0, 0.0, 0.0]);
        assert!((shown[3][1] - (1.0 - price / 10_000.0)).abs() < 1e-6, "{}", shown[3][1]);
        assert_eq!((shown[3][0], shown[3][2]), (0.0, 0.0));
    }
    // Bounded: the floor is where everything goes in the end, and a mark below it is not moved.
    let bounded = Asset { form: FORMS[2], ..machine() };
    let price = |units: f64, level: f64| {
        watch(bounded.clone(), units, &[("price", vec![level])], &["gpu.proceeds"])[0][1] / units
    };
    assert_rounding(price(1e5, 10_000.0), 4000.0);
    assert_eq!(price(1e5, 3000.0), 3000.0);
    // Linear: the price never falls below a millionth of the mark.
    let linear = Asset { form: ImpactForm::Linear, ..machine() };
    assert_rounding(watch(linear, 1e5, &at_ten_thousand(), &["gpu.proceeds"])[0][1] / 1e5, 0.01);
}

/// Whatever the form, an infinite depth is no impact at all, deeper is dearer, more is cheaper.
#[test]
fn every_form_is_monotone_and_exact_without_limit() {
    for (form, depth_unit) in FORMS.into_iter().flat_map(|form| [(form, DepthUnit::Units), (form, DepthUnit::Usd)]) {
        let price = |depth_per_month: f64, units: f64| {
            let asset = Asset { depth_per_month, form, depth_unit, persistence: 0.5, permanent: 0.25, ..machine() };
            let shown = watch(asset, units, &at_ten_thousand(), &["gpu.proceeds", "gpu.mark"]);
            assert!(depth_per_month < f64::INFINITY || shown[1] == [10_000.0; 5]);
            shown[0][1] / units
        };
        assert_eq!(price(f64::INFINITY, 64.0), 10_000.0);
        let scale = if depth_unit == DepthUnit::Usd { 10_000.0 } else { 1.0 };
        let by_depth = [20.0, 50.0, 100.0, 1e3, 1e6].map(|depth| price(depth * scale, 10.0));
        let by_units = [100.0, 50.0, 10.0, 1.0].map(|units| price(100.0 * scale, units));
        for prices in [by_depth.as_slice(), by_units.as_slice()] {
            assert!(prices.windows(2).all(|pair| pair[0] < pair[1]), "{form:?} {depth_unit:?}: {prices:?}");
        }
    }
}

/// 5 % and 500 USD to move a unit, two months idle at 24 % a year, at half a month's depth.
#[test]
fn moving_and_idling_cost() {
    let asset =
        Asset { moving_cost: 0.05, moving_usd_per_unit: 500.0, idle: 1.0 / 6.0, idle_decline: 0.24, ..machine() };
    let price =
        |asset: &Asset, units: f64| watch(asset.clone(), units, &at_ten_thousand(), &["gpu.proceeds"])[0][1] / units;
    // 10,000 e^-0.2 x 0.95 x e^-0.04 - 500
    assert_cents(price(&asset, 50.0), 6972.96);
    assert_rounding(price(&Asset { scrap: 7000.0, ..asset }, 50.0), 7000.0);
}

/// A half of the impact recovers with a half-life of a month, a quarter stays for good.
#[test]
fn a_part_of_the_impact_passes_and_a_part_stays() {
    let asset = Asset { persistence: 0.5, permanent: 0.25, recovery_half_life: 1.0 / 12.0, ..machine() };
    // Depressions: 0.05 + 0.05, 0.025 + 0.05, 0.0125 + 0.05.
    let marks = watch(asset, 50.0, &at_ten_thousand(), &["gpu.mark"]).remove(0);
    for (step, mark) in [(1, 10_000.0), (2, 9048.37), (3, 9277.43), (4, 9394.13)] {
        assert_cents(marks[step], mark);
    }
}

/// 1,000 a month for new machines; 130 kW a rack fit 30 % of buyers; a tight market halves it; two years of age, of
/// which one is over at time zero, halve it again: 75 units a month after a year.
#[test]
fn depth_by_buyers_conditions_and_age() {
    let shares = vec![(40.0, 0.8), (130.0, 0.3)];
    let asset = Asset {
        depth_per_month: 1000.0,
        buyers: Buyers::RackDensity { kw_per_rack: 130.0, shares: shares.clone() },
        conditions: Some(Conditions::States { state: "funding".into(), multipliers: vec![1.0, 0.5, 0.15] }),
        age: 1.0,
        depth_half_life: 2.0,
        ..machine()
    };
    assert_rounding(asset.initial_depth(), 300.0 * 0.5_f64.sqrt());
    assert_rounding(Buyers::RackDensity { kw_per_rack: 85.0, shares }.share(), 0.55);
    let states = Script(vec![vec![0.0, 1.0], vec![0.0, 2.0], vec![0.0, 9.0], vec![0.0, 0.0]]);
    let run = |conditions: Conditions| {
        let asset = Asset { conditions: Some(conditions), ..asset.clone() };
        let factors = [("price", script([10_000.0])), ("funding", states.clone())];
        let trade = trading([asset.clone(), Asset { name: "idle".into(), conditions: None, ..asset }]);
        let book = Book::new([seller("a", 30.0, 0.0)]).liquidation(trade);
        let simulation = Simulation::new(scripted(factors), book).grid(TimeGrid::regular(1, 1).unwrap()).paths(4);
        simulation.run(Watch::market(&["gpu.depth", "gpu.proceeds", "idle.depth"])).unwrap()
    };
    let shown = run(asset.conditions.clone().unwrap());
    for (path, depth) in [75.0, 22.5, 22.5, 150.0].into_iter().enumerate() {
        assert_rounding(shown["gpu.depth"][1][path], depth);
        // Thirty units in a year are two and a half a month.
        assert_rounding(shown["gpu.proceeds"][1][path], 300_000.0 * (-0.4 * 2.5 / depth).exp());
        assert_rounding(shown["idle.depth"][1][path], 150.0);
    }
    // The series as the multiplier itself; zero leaves next to nothing, and no NaN.
    let shown = run(Conditions::Multiplier("funding".into()));
    for (path, depth) in [150.0, 300.0, 1350.0, 1.5e-7].into_iter().enumerate() {
        assert_rounding(shown["gpu.depth"][1][path], depth);
        assert_rounding(shown["gpu.proceeds"][1][path], 300_000.0 * (-0.4 * 2.5 / depth).exp());
    }
}

/// A million USD a month: a hundred machines at 10,000, and twice as many at 5,000.
#[test]
fn depth_in_money() {
    let asset = Asset { depth_per_month: 1e6, depth_unit: DepthUnit::Usd, ..machine() };
    let price = |level: f64, units: f64| {
        let shown = watch(asset.clone(), units, &[("price", vec![level])], &["gpu.proceeds", "gpu.depth"]);
        assert_eq!(shown[1], [1e6; 5]);
        shown[0][1] / units
    };
    assert_rounding(price(10_000.0, 50.0), 10_000.0 * (-0.2_f64).exp());
    assert_rounding(price(5_000.0, 50.0), 5_000.0 * (-0.1_f64).exp());
    // What could be executed is the same: 300 machines over three months.
    let borrower = Borrower { cash: 1e9, ..seller("a", 300.0, 0.25) };
    let record = follow(scripted([("price", script([5000.0]))]), trading([asset]), borrower, 1, 12);
    assert_rounding(record.at("ltv_executable", 1, 0), 1e9 / (300.0 * 5000.0 * (-0.2_f64).exp()));
}

/// What is shown of a sale by two into two classes; of a month without one there is no volume and no discount.
#[test]
fn the_market_shows_its_volumes_and_discounts() {
    let trade = trading([gpu(), Asset { name: "other".into(), ..gpu() }]);
    let book = Book::new([seller("a", 30.0, 0.0), seller("b", 70.0, 0.0)]).liquidation(trade);
    let simulation = Simulation::new(scripted([("price", script([10.0]))]), book).months(2).paths(300);
    let metrics = ["gpu.volume", "gpu.proceeds", "gpu.discount", "gpu.mark", "gpu.depth", "other.volume", "rounds"];
    let shown = simulation.run(Watch::market(&metrics)).unwrap();
    for path in [0, 299] {
        assert_eq!(shown["gpu.volume"][1][path], 100.0);
        assert_rounding(shown["gpu.proceeds"][1][path], 1000.0 * (-0.3_f64).exp());
        assert_rounding(shown["gpu.discount"][1][path], 1.0 - (-0.3_f64).exp());
        assert_eq!(shown["gpu.mark"][1][path], 10.0);
        assert_eq!(shown["gpu.depth"][1][path], 100.0);
        assert_eq!((shown["other.volume"][1][path], shown["rounds"][1][path]), (0.0, 1.0));
        for metric in ["gpu.volume", "gpu.proceeds", "gpu.discount", "rounds"] {
            assert_eq!((shown[metric][0][path], shown[metric][2][path]), (0.0, 0.0), "{metric}");
        }
    }
    let error = simulation.run(Watch::market(&["gpu.price"])).unwrap_err();
    assert!(error.to_string().contains("gpu.discount"), "{error}");
    // The name is the market's.
    let book = Book::new([seller("liquidation", 1.0, 0.0)]).liquidation(trading([gpu()]));
    let simulation = Simulation::new(scripted([("price", script([10.0]))]), book).months(1).paths(1);
    let error = simulation.run(haircut::measure::PathLosses).map(|_| ()).unwrap_err();
    assert_eq!(error.field(), Some("obligors[0].name"), "{error}");
}

/// The share of the price by the time that a seller has; a file may hold all of it.
#[test]
fn haste_has_a_price() {
    let day = 1.0 / 365.0;
    let table = [(7.0, 0.45), (30.0, 0.65), (90.0, 0.85), (180.0, 1.0)];
    let asset = Asset { time_to_sell: table.map(|(days, share)| (days * day, share)).to_vec(), ..machine() };
    for (days, share) in
        [(0.0, 0.45), (7.0, 0.45), (30.0, 0.65), (60.0, 0.75), (90.0, 0.85), (180.0, 1.0), (400.0, 1.0)]
    {
        assert_rounding(asset.patience(days * day), share);
    }
    assert_eq!(machine().patience(0.0), 1.0);
}

/// Sells as many units as the number of the path by lane, and as many by index.
#[derive(Debug, Clone)]
struct Trader;

struct Trading {
    asset: AssetLane,
    patience: f64,
    units: OwnLane,
    shown: [OwnLane; 3],
}

impl Obligor for Trader {
    fn name(&self) -> &str {
        "trader"
    }
    fn plan(&self, plan: &mut ObligorPlan<'_>) -> Result<Box<dyn ObligorStepper>, Error> {
        let asset = plan.asset("asset", "gpu")?;
        let shown = ["by_index", "by_lane", "in_haste"].map(|name| plan.metric(name).unwrap_or_else(|| plan.state()));
        Ok(Box::new(Trading { asset, patience: plan.patience(asset, 0.25), units: plan.state(), shown }))
    }
}

impl ObligorStepper for Trading {
    fn start(&self, block: &mut ObligorBlock<'_>) {
        for path in 0..PATHS {
            block.own[self.units][path] = path as f64;
        }
    }

    fn step(&self, block: &mut ObligorBlock<'_>) {
        let units = block.own[self.units];
        block.liquidation.offer(self.asset, &units);
        let [by_index, by_lane, in_haste] = block.own.many(self.shown);
        for path in 0..PATHS {
            block.liquidation.sell(self.asset, path, units[path]);
            by_index[path] = block.liquidation.executable_price(self.asset, path, units[path]);
        }
        block.liquidation.executable_prices(self.asset, &units, by_lane);
        *in_haste = *by_lane;
        block.liquidation.hurry(self.asset, self.patience, in_haste);
    }
}

/// A lane at a time or a path at a time: the same sales, the same prices.
#[test]
fn lanes_and_paths_agree() {
    for (form, depth_unit) in FORMS.into_iter().flat_map(|form| [(form, DepthUnit::Units), (form, DepthUnit::Usd)]) {
        let conditions = Some(Conditions::Multiplier("funding".into()));
        let depth_per_month = if depth_unit == DepthUnit::Usd { 1e6 } else { 100.0 };
        let asset = Asset {
            conditions,
            form,
            depth_unit,
            depth_per_month,
            moving_cost: 0.1,
            scrap: 4000.0,
            time_to_sell: vec![(0.25, 0.5)],
            ..machine()
        };
        let factors = [("price", script([10_000.0])), ("funding", script([0.5]))];
        let book = Book::default().obligor(Trader).liquidation(trading([asset]));
        let simulation = Simulation::new(scripted(factors), book).months(1).paths(PATHS as u64);
        let prices = ["by_index", "by_lane", "in_haste"].map(str::to_owned).to_vec();
        let prices = simulation.run(Watch { of: "trader".into(), metrics: prices }).unwrap();
        assert_eq!(prices["by_index"][1], prices["by_lane"][1], "{form:?}");
        for (hurried, patient) in prices["in_haste"][1].iter().zip(&prices["by_lane"][1]) {
            assert_eq!(*hurried, f64::max(0.5 * patient, 4000.0));
        }
        let volume = simulation.run(Watch::market(&["gpu.volume"])).unwrap();
        let expected: Vec<f64> = (0..PATHS).map(|path| 2.0 * path as f64).collect();
        assert_eq!(volume["gpu.volume"][1], expected);
    }
}

#[test]
fn a_market_is_read_from_a_file() {
    let text = r#"
        feedback = "within_step"
        [[assets]]
        name = "gpu"
        price = "price"
        depth_per_month = 1e6
        depth_unit = "usd"
        buyers = { kw_per_rack = 130, shares = [[40, 0.8], [130, 0.3]] }
        conditions = { state = "dependence.regime", multipliers = [1.0, 0.5, 0.15] }
        age = 1.5
        depth_half_life = 3.0
        impact = 0.4
        form = { bounded = { floor = 4000.0 } }
        moving_cost = 0.05
        moving_usd_per_unit = 500.0
        idle = 0.125
        idle_decline = 0.24
        time_to_sell = [[0.02, 0.45], [0.5, 1.0]]
        scrap = 100.0
        persistence = 0.5
        permanent = 0.25
        recovery_half_life = 0.5
        [[assets]]
        name = "coin"
        price = "price"
        buyers = 0.3
        conditions = "funding.depth"
        form = "linear"
    "#;
    let market: LiquidationMarket = toml::from_str(text).unwrap();
    assert_eq!(market.feedback, Feedback::WithinStep);
    assert_eq!(market.assets[0].form, ImpactForm::Bounded { floor: 4000.0 });
    assert_eq!(market.assets[1].buyers, Buyers::Share(0.3));
    assert_eq!(market.assets[1].conditions, Some(Conditions::Multiplier("funding.depth".into())));
    assert_eq!(toml::from_str::<LiquidationMarket>(&toml::to_string(&market).unwrap()).unwrap(), market);
    assert!(toml::from_str::<LiquidationMarket>(&text.replace("floor", "flor")).is_err());
}

#[test]
fn every_bad_asset_is_refused_by_its_field() {
    type Spoil = fn(&mut Asset);
    fn states(multipliers: &[f64]) -> Conditions {
        Conditions::States { state: "price".into(), multipliers: multipliers.to_vec() }
    }
    let spoils: [(&str, Spoil); 34] = [
        ("name", |a| a.name.clear()),
        ("price", |a| a.price = "no_such_series".into()),
        ("depth_per_month", |a| a.depth_per_month = 0.0),
        ("depth_per_month", |a| a.depth_per_month = f64::NAN),
        ("depth_per_month", |a| a.depth_per_month = f64::MIN_POSITIVE),
        ("impact", |a| a.impact = -0.1),
        ("impact", |a| a.impact = f64::INFINITY),
        ("impact", |a| a.impact = f64::MAX),
        ("moving_cost", |a| a.moving_cost = 1.0),
        ("moving_cost", |a| a.moving_cost = f64::NAN),
        ("scrap", |a| a.scrap = -1.0),
        ("persistence", |a| a.persistence = 1.5),
        ("recovery_half_life", |a| a.recovery_half_life = 0.0),
        ("recovery_half_life", |a| a.recovery_half_life = f64::NAN),
        ("permanent", |a| a.permanent = -0.1),
        ("permanent", |a| (a.persistence, a.permanent) = (0.7, 0.4)),
        ("permanent", |a| a.permanent = f64::NAN),
        ("age", |a| a.age = -1.0),
        ("depth_half_life", |a| a.depth_half_life = 0.0),
        ("moving_usd_per_unit", |a| a.moving_usd_per_unit = f64::INFINITY),
        ("idle", |a| a.idle = -1.0),
        ("idle_decline", |a| a.idle_decline = f64::NAN),
        ("form.bounded.floor", |a| a.form = ImpactForm::Bounded { floor: 0.0 }),
        ("buyers", |a| a.buyers = Buyers::Share(0.0)),
        ("buyers", |a| a.buyers = Buyers::Share(1.01)),
        ("buyers.kw_per_rack", |a| a.buyers = Buyers::RackDensity { kw_per_rack: -1.0, shares: vec![(1.0, 1.0)] }),
        ("buyers.shares", |a| a.buyers = Buyers::RackDensity { kw_per_rack: 1.0, shares: vec![] }),
        ("conditions", |a| a.conditions = Some(Conditions::Multiplier("nothing".into()))),
        ("conditions.state", |a| {
            a.conditions = Some(Conditions::States { state: "nothing".into(), multipliers: vec![1.0] });
        }),
        ("conditions.multipliers", |a| a.conditions = Some(states(&[]))),
        ("conditions.multipliers[1]", |a| a.conditions = Some(states(&[1.0, 0.0]))),
        ("time_to_sell[1][0]", |a| a.time_to_sell = vec![(0.5, 0.5), (0.5, 1.0)]),
        ("time_to_sell[0][1]", |a| a.time_to_sell = vec![(0.5, 1.5)]),
        ("time_to_sell[0][1]", |a| a.time_to_sell = vec![(0.5, f64::NAN)]),
    ];
    let run = |trade: LiquidationMarket| -> Result<(), Error> {
        let book = Book::default().liquidation(trade);
        let simulation = Simulation::new(scripted([("price", script([1.0]))]), book).paths(1);
        simulation.grid(TimeGrid::monthly(1)?).run(haircut::measure::PathLosses).map(|_| ())
    };
    run(trading([gpu()])).unwrap();
    for (field, spoil) in spoils {
        let mut bad = Asset { name: "bad".into(), ..gpu() };
        spoil(&mut bad);
        let error = run(trading([gpu(), bad])).expect_err(field);
        assert_eq!(error.field(), Some(format!("liquidation.assets[1].{field}").as_str()), "{error}");
    }
    let error = run(trading([gpu(), gpu()])).unwrap_err();
    assert!(matches!(&error, Error::Duplicate { field, .. } if field == "liquidation.assets[1].name"), "{error}");
}
