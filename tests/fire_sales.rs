//! Clearing within a step: sales lower marks, marks bring sales, until nobody sells more. A test of one round would not see
//! whether it stops at the greatest fixed point, on the path where it is due, whoever shares the block.
#![allow(clippy::float_cmp, reason = "exact degenerate cases are compared exactly")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should say where")]

mod ledger;

use haircut::credit::{
    Acceleration, Amortisation, Asset, AssetLane, Book, Borrower, Cause, Covenant, CovenantTest, EquityCure,
    FacilityLane, Feedback, ImpactForm, LiquidationMarket, Obligor, ObligorBlock, ObligorPlan, ObligorStepper, Sponsor,
    SupportForm, Treasury,
};
use haircut::market::OwnLane;
use haircut::numeric::{PATHS, TimeGrid};
use haircut::{Error, Simulation, check};
use ledger::random::cases;
use ledger::watch::Watch;
use ledger::{Ledger, Record, Script, assert_cents, assert_rounding, facility, liquid, script, scripted};
use proptest::prelude::*;

/// Holds coins on margin: sells all of them when debt exceeds a share of their value at marks.
#[derive(Debug, Clone, PartialEq)]
struct Holder {
    name: String,
    units: f64,
    debt: f64,
    limit: f64,
}

struct Holding {
    holder: Holder,
    asset: AssetLane,
    loan: FacilityLane,
    /// Units up for sale in this step.
    sold: OwnLane,
    shortfall: Option<OwnLane>,
}

impl Obligor for Holder {
    fn name(&self) -> &str {
        &self.name
    }
    fn plan(&self, plan: &mut ObligorPlan<'_>) -> Result<Box<dyn ObligorStepper>, Error> {
        check::positive("limit", self.limit)?;
        let asset = plan.asset("asset", "coin")?;
        let loan = plan.facility("loan", "bank", self.debt)?;
        Ok(Box::new(Holding {
            holder: self.clone(),
            asset,
            loan,
            sold: plan.state(),
            shortfall: plan.metric("shortfall"),
        }))
    }
}

impl ObligorStepper for Holding {
    fn start(&self, _block: &mut ObligorBlock<'_>) {}

    fn step(&self, block: &mut ObligorBlock<'_>) {
        block.own[self.sold].fill(0.0);
        self.react(block);
    }

    fn react(&self, block: &mut ObligorBlock<'_>) {
        let Holder { units, debt, limit, .. } = self.holder;
        for path in 0..PATHS {
            let value = units * block.liquidation.mark(self.asset)[path];
            if block.outcome.default_step[path].is_infinite() && debt > limit * value {
                block.outcome.default_step[path] = block.step.index as f64;
                block.outcome.cause[path] = Cause::Margin;
                block.outcome.exposure[self.loan.index()][path] = debt;
                block.own[self.sold][path] = units;
                block.liquidation.sell(self.asset, path, units);
            }
        }
    }

    fn settle(&self, block: &mut ObligorBlock<'_>) {
        for path in 0..PATHS {
            let sold = block.own[self.sold][path];
            if sold > 0.0 {
                let proceeds = sold * block.liquidation.net_price(self.asset)[path];
                let shortfall = (self.holder.debt - proceeds).max(0.0);
                block.outcome.loss[self.loan.index()][path] = shortfall;
                if let Some(lane) = self.shortfall {
                    block.own[lane][path] = shortfall;
                }
            }
        }
    }
}

fn holder(name: &str, units: f64, debt: f64, limit: f64) -> Holder {
    Holder { name: name.into(), units, debt, limit }
}

/// Five hundred a month at a concession of 1; others buy without limit at 50.
fn coin() -> Asset {
    Asset { depth_per_month: 500.0, impact: 1.0, form: ImpactForm::Bounded { floor: 50.0 }, ..liquid("coin", "price") }
}

struct Cleared {
    mark: Vec<f64>,
    volume: Vec<f64>,
    rounds: Vec<f64>,
    /// By path and holder.
    losses: Vec<Vec<f64>>,
}

/// One month in which the price falls from 100 to `price`, by path.
fn clear(holders: &[Holder], asset: Asset, feedback: Feedback, prices: &[f64]) -> Cleared {
    let levels = prices.iter().map(|price| vec![100.0, *price]).collect();
    let trade = LiquidationMarket { assets: vec![asset], feedback };
    let book = Book::new(holders.to_vec()).liquidation(trade);
    let simulation = Simulation::new(scripted([("price", Script(levels))]), book).months(1).paths(prices.len() as u64);
    let simulation = simulation.threads(1);
    let watched = simulation.run(Watch::market(&["coin.mark", "coin.volume", "rounds"])).unwrap();
    let at_end = |metric: &str| watched[metric][1].clone();
    let mut losses = vec![Vec::new(); prices.len()];
    for holder in holders {
        let watch = Watch { of: holder.name.clone(), metrics: vec!["shortfall".into()] };
        for (path, loss) in simulation.run(watch).unwrap()["shortfall"][1].iter().enumerate() {
            losses[path].push(*loss);
        }
    }
    Cleared { mark: at_end("coin.mark"), volume: at_end("coin.volume"), rounds: at_end("rounds"), losses }
}

/// The example of `docs/credit.md`: at 90 A is called and sells 100; at 82.75 B is called too and sells 150; at 74.26 C is not.
#[test]
fn two_sellers_in_the_market_of_cont_and_schaanning() {
    let holders = [holder("a", 100.0, 8200.0, 0.9), holder("b", 150.0, 10_500.0, 0.8), holder("c", 200.0, 9000.0, 0.8)];
    let within = clear(&holders, coin(), Feedback::WithinStep, &[90.0]);
    assert_cents(within.mark[0], 74.26);
    assert_eq!((within.volume[0], within.rounds[0]), (250.0, 2.0));
    assert_cents(within.losses[0][0], 773.88);
    assert_eq!(within.losses[0][1..], [0.0, 0.0]);
    // From step to step: A sells alone, at 82.75.
    let later = clear(&holders, coin(), Feedback::On, &[90.0]);
    assert_eq!((later.mark[0], later.volume[0], later.rounds[0]), (90.0, 100.0, 1.0));
    assert_eq!(later.losses[0], [0.0; 3]);
    // Nobody is called, nothing is cleared.
    let calm = clear(&holders, coin(), Feedback::WithinStep, &[95.0]);
    assert_eq!((calm.mark[0], calm.volume[0], calm.rounds[0]), (95.0, 0.0, 0.0));
}

/// With a limit of 0.9 B keeps its coins if only A sells, and would have to sell if it sold: two fixed points, 82.75 and
/// 74.26. The greater one is found.
#[test]
fn the_greatest_of_two_fixed_points() {
    let holders = [holder("a", 100.0, 8200.0, 0.9), holder("b", 150.0, 10_500.0, 0.9)];
    let cleared = clear(&holders, coin(), Feedback::WithinStep, &[90.0]);
    assert_cents(cleared.mark[0], 82.75);
    assert_eq!((cleared.volume[0], cleared.rounds[0]), (100.0, 1.0));
}

/// Without limit to the depth there is nothing to react to: as from step to step, and without feedback, to the bit.
#[test]
fn an_infinite_depth_is_no_feedback() {
    let holders = [holder("a", 100.0, 8200.0, 0.9), holder("b", 150.0, 10_500.0, 0.8)];
    let prices: Vec<f64> = (0..200).map(|step| 50.0 + 0.31 * f64::from(step)).collect();
    for form in [ImpactForm::Exponential, ImpactForm::Linear, ImpactForm::Bounded { floor: 50.0 }] {
        let endless = Asset { depth_per_month: f64::INFINITY, form, ..coin() };
        let run = |feedback| {
            let cleared = clear(&holders, endless.clone(), feedback, &prices);
            (cleared.mark, cleared.volume, cleared.losses)
        };
        assert_eq!(run(Feedback::WithinStep), run(Feedback::Off));
        assert_eq!(run(Feedback::WithinStep), run(Feedback::On));
        assert_eq!(run(Feedback::WithinStep).0, prices);
    }
}

/// What the market remembers is the whole sale of the step, once.
#[test]
fn marks_remember_the_clearing() {
    let holders = [holder("a", 100.0, 8200.0, 0.9), holder("b", 150.0, 10_500.0, 0.8)];
    let sticky = Asset { form: ImpactForm::Exponential, persistence: 0.5, permanent: 0.25, ..coin() };
    let asset = Asset { recovery_half_life: 1.0 / 12.0, ..sticky };
    let trade = LiquidationMarket { assets: vec![asset], feedback: Feedback::WithinStep };
    let book = Book::new(holders).liquidation(trade);
    let market = scripted([("price", script([100.0, 90.0, 90.0]))]);
    let marks = Simulation::new(market, book).months(3).paths(1).run(Watch::market(&["coin.mark"])).unwrap();
    // 250 of 500: pace 0.5. Then 0.125 + 0.125, then 0.0625 + 0.125.
    for (step, depression) in [(0, 0.0), (1, 0.5), (2, 0.25), (3, 0.1875)] {
        let level: f64 = if step == 0 { 100.0 } else { 90.0 };
        assert_rounding(marks["coin.mark"][step][0], level * f64::exp(-depression));
    }
}

prop_compose! {
    fn books()(
        holders in proptest::collection::vec((10.0..200.0, 0.5..0.95, 0.6..0.99), 1..7),
        prices in proptest::collection::vec(40.0..100.0, 1..40),
        depth in 50.0..3000.0,
        form in prop_oneof![
            Just(ImpactForm::Exponential), Just(ImpactForm::Linear), Just(ImpactForm::Bounded { floor: 45.0 }),
        ],
    ) -> (Vec<Holder>, Vec<f64>, Asset) {
        let holder = |(index, (units, ltv, limit)): (usize, (f64, f64, f64))| {
            holder(&format!("holder {index}"), units, ltv * units * 80.0, limit)
        };
        let holders = holders.into_iter().enumerate().map(holder).collect();
        (holders, prices, Asset { depth_per_month: depth, form, ..coin() })
    }
}

/// The price when so many are sold in a month.
fn price(asset: &Asset, open: f64, units: f64) -> f64 {
    let pace = units / asset.depth_per_month;
    match asset.form {
        ImpactForm::Exponential => open * f64::exp(-pace),
        ImpactForm::Linear => open * f64::max(1.0 - pace, 1e-6),
        ImpactForm::Bounded { floor } => {
            let floor = f64::min(floor, open);
            floor + (open - floor) * f64::exp(-pace)
        }
    }
}

/// Fewest units over all sets of holders of which each would sell at the price that the set makes, and no other would;
/// nothing when a limit is too near to tell.
fn least_sale(holders: &[Holder], asset: &Asset, open: f64) -> Option<f64> {
    let mut least = f64::INFINITY;
    for set in 0..1_u32 << holders.len() {
        let chosen = |index: usize| set >> index & 1 == 1;
        let units: f64 = (0..holders.len()).filter(|index| chosen(*index)).map(|index| holders[index].units).sum();
        let mark = price(asset, open, units);
        let mut fixed = true;
        for (index, holder) in holders.iter().enumerate() {
            let distance = holder.debt / (holder.limit * holder.units * mark) - 1.0;
            if distance.abs() < 1e-9 {
                return None;
            }
            fixed &= (distance > 0.0) == chosen(index);
        }
        if fixed {
            least = f64::min(least, units);
        }
    }
    Some(least)
}

proptest! {
    #![proptest_config(cases(150))]

    /// Against a search through all sets of sellers.
    #[test]
    fn it_is_the_greatest_fixed_point((holders, prices, asset) in books()) {
        let cleared = clear(&holders, asset.clone(), Feedback::WithinStep, &prices);
        for (path, open) in prices.iter().enumerate() {
            let Some(units) = least_sale(&holders, &asset, *open) else { continue };
            prop_assert!((cleared.volume[path] - units).abs() < 1e-9, "{} {units}", cleared.volume[path]);
            let mark = price(&asset, *open, units);
            prop_assert!((cleared.mark[path] - mark).abs() < 1e-12 * open, "{} {mark}", cleared.mark[path]);
            prop_assert!(cleared.rounds[path] <= holders.len() as f64);
        }
    }

    /// A path clears the same alone and among others.
    #[test]
    fn a_path_clears_alone((holders, prices, asset) in books()) {
        let together = clear(&holders, asset.clone(), Feedback::WithinStep, &prices);
        let first = clear(&holders, asset, Feedback::WithinStep, &prices[..1]);
        prop_assert_eq!((together.mark[0], together.volume[0]), (first.mark[0], first.volume[0]));
        prop_assert_eq!((together.rounds[0], &together.losses[0]), (first.rounds[0], &first.losses[0]));
    }

    /// A deeper market has higher marks, fewer sales and smaller losses.
    #[test]
    fn it_is_monotone_in_depth((holders, prices, asset) in books(), factor in 1.0..5.0) {
        let deeper = Asset { depth_per_month: factor * asset.depth_per_month, ..asset.clone() };
        let shallow = clear(&holders, asset, Feedback::WithinStep, &prices);
        let deep = clear(&holders, deeper, Feedback::WithinStep, &prices);
        for path in 0..prices.len() {
            prop_assert!(deep.mark[path] >= shallow.mark[path]);
            // Summed in another order, perhaps.
            prop_assert!(deep.volume[path] <= shallow.volume[path] + 1e-9);
            for (deep, shallow) in deep.losses[path].iter().zip(&shallow.losses[path]) {
                prop_assert!(deep <= &(shallow + 1e-9));
            }
        }
    }
}

/// On a daily grid as on a monthly one: depth is counted a month.
#[test]
fn a_day_has_a_thirtieth_of_the_depth() {
    let trade = LiquidationMarket { assets: vec![coin()], feedback: Feedback::WithinStep };
    let book = Book::new([holder("a", 100.0, 8200.0, 0.9)]).liquidation(trade);
    let simulation = Simulation::new(scripted([("price", script([100.0, 90.0]))]), book).paths(1);
    let daily = simulation.grid(TimeGrid::regular(1, 365).unwrap()).run(Watch::market(&["coin.mark"])).unwrap();
    // 100 in a day is 3041.67 a month.
    assert_rounding(daily["coin.mark"][1][0], 50.0 + 40.0 * f64::exp(-100.0 * 365.0 / (12.0 * 500.0)));
}

/// Borrowers whose loan accelerates at once when it exceeds a share of the collateral at marks.
mod covenants {
    use super::*;

    fn at_most(limit: f64, cure: f64, waiver: f64) -> Vec<Covenant> {
        let acceleration = Some(Acceleration { cure, waiver });
        vec![Covenant { acceleration, ..Covenant::new("ltv", CovenantTest::Ltv { at_most: limit }) }]
    }

    /// A borrower that does what the holder does.
    fn borrower(of: &Holder) -> Borrower {
        Borrower {
            treasury: vec![Treasury { asset: "coin".into(), units: of.units }],
            facilities: vec![facility("loan", of.debt, 0.0, Amortisation::Bullet, 10.0)],
            covenants: at_most(of.limit, 0.0, 0.0),
            ..Borrower::new(of.name.clone())
        }
    }

    /// The three of the example.
    fn three() -> [Borrower; 3] {
        [("a", 100.0, 8200.0, 0.9), ("b", 150.0, 10_500.0, 0.8), ("c", 200.0, 9000.0, 0.8)]
            .map(|(name, units, debt, limit)| borrower(&holder(name, units, debt, limit)))
    }

    /// A month in which the price falls from 100 to 90: what became of the borrowers, the mark, what was sold, the rounds.
    fn month(borrowers: [Borrower; 3], feedback: Feedback) -> ([Record; 3], [f64; 3]) {
        let book = Book::new(borrowers).liquidation(LiquidationMarket { assets: vec![coin()], feedback });
        let simulation = Simulation::new(scripted([("price", script([100.0, 90.0]))]), book).months(1).paths(1);
        let ledgers = (Ledger("a".into()), Ledger("b".into()), Ledger("c".into()));
        let metrics = ["coin.mark", "coin.volume", "rounds"];
        let ((a, b, c), market) = simulation.run((ledgers, Watch::market(&metrics))).unwrap();
        ([a, b, c], metrics.map(|metric| market[metric][1][0]))
    }

    /// docs/liquidation.md, "two sellers": the same of borrowers.
    #[test]
    fn lower_marks_break_a_covenant_within_the_step() {
        let ([a, b, c], [mark, volume, rounds]) = month(three(), Feedback::WithinStep);
        assert_cents(mark, 74.26);
        assert_eq!((volume, rounds), (250.0, 2.0));
        for record in [&a, &b] {
            assert_eq!((record.default_step[0], record.cause[0]), (1.0, Some(Cause::Covenant)));
            assert_eq!((record.at("breach", 1, 0), record.at("acceleration", 1, 0)), (1.0, 1.0));
        }
        assert_cents(a.loss[0][0], 773.88);
        assert_cents(b.at("residual_to_owners", 1, 0), 639.18);
        assert_eq!((b.loss[0][0], c.default_step[0], c.at("breach", 1, 0)), (0.0, f64::INFINITY, 0.0));
        // From step to step A sells alone.
        let ([a, b, _], [_, volume, _]) = month(three(), Feedback::On);
        assert_eq!((volume, a.loss[0][0], b.default_step[0]), (100.0, 0.0, f64::INFINITY));
    }

    /// A cure time, a waiver: nothing is sold that day.
    #[test]
    fn who_has_time_or_a_waiver_does_not_sell() {
        for (cure, waiver, events) in [(0.1, 0.0, [0.0, 0.0]), (0.0, 1.0, [1.0, 1.0])] {
            let [a, b, c] = three();
            let b = Borrower { covenants: at_most(0.8, cure, waiver), ..b };
            let ([_, b, _], [_, volume, rounds]) = month([a, b, c], Feedback::WithinStep);
            assert_eq!((volume, rounds, b.default_step[0]), (100.0, 1.0, f64::INFINITY));
            assert_eq!([b.at("breach", 1, 0), b.at("waiver", 1, 0)], events);
        }
    }

    /// docs/liquidation.md, "cures within a step".
    #[test]
    fn what_lower_marks_ask_for_is_one_cure() {
        let marks = [0.2, 0.5].map(|pace| 50.0 + 40.0 * f64::exp(-pace));
        // Of 14,000 against 200 coins at 0.8: 760.12 are missing at 82.75, 2,118.20 at 74.26.
        let lacks = marks.map(|mark| 14_000.0 - 0.8 * 200.0 * mark);
        let run = |equity_cure, sponsor| {
            let [a, b, c] = three();
            let mut c = Borrower { equity_cure, sponsor, ..c };
            c.facilities[0].principal = 14_000.0;
            month([a, b, c], Feedback::WithinStep)
        };
        let owners = |most| Some(EquityCure { most, times: 1, availability: 1.0.into() });
        let ([_, _, c], [mark, volume, rounds]) = run(owners(2_118.21), None);
        assert_rounding(mark, marks[1]);
        assert_eq!((volume, rounds), (250.0, 2.0));
        assert_cents(c.at("injected", 1, 0), lacks[1]);
        assert_cents(c.at("balance", 1, 0), 14_000.0 - 2_118.20);
        assert_eq!(["equity_cure", "breach", "acceleration"].map(|event| c.at(event, 1, 0)), [1.0, 1.0, 0.0]);
        // A cent less: what was put in at 82.75 stays, and the rest accelerates: all 450 are sold.
        let ([_, _, c], [_, volume, rounds]) = run(owners(2_118.20), None);
        assert_eq!((volume, rounds), (450.0, 3.0));
        assert_cents(c.at("injected", 1, 0), 760.12);
        assert_cents(c.exposure[0][0], 14_000.0 - 760.12);
        assert_eq!((c.cause[0], c.at("breach", 1, 0)), (Some(Cause::Covenant), 1.0));
        // A sponsor does as owners do, by the odds of the whole; with 700 x 0.36 > 200 it would not.
        let sponsor = |capacity, need_weight, form| {
            Some(Sponsor { need_weight, ..Sponsor::new("parent", form, capacity, 200.0) })
        };
        let ([_, _, c], _) = run(None, sponsor(2_118.21, 0.0, SupportForm::Liquidity));
        assert_eq!((c.at("support", 1, 0), c.default_step[0]), (1.0, f64::INFINITY));
        assert_cents(c.at("injected", 1, 0), lacks[1]);
        let ([_, _, c], _) = run(None, sponsor(5_900.0, 700.0, SupportForm::Liquidity));
        assert_cents(c.at("injected", 1, 0), 760.12);
        assert_eq!(c.default_step[0], 1.0);
        // A tenth of the debt becomes shares once: 12,600 are more than 11,881.80, and yet the date is over.
        let form = SupportForm::DebtForEquity { facilities: vec!["loan".into()], share: 0.1 };
        let ([_, _, c], [_, volume, _]) = run(None, sponsor(1e9, 0.0, form));
        assert_eq!((c.at("converted", 1, 0), c.default_step[0], volume), (1_400.0, f64::INFINITY, 250.0));
    }

    proptest! {
        #![proptest_config(cases(60))]

        /// A built-in borrower clears as a user's own obligor with the same rule does, in any market.
        #[test]
        fn borrowers_clear_as_holders_do((holders, prices, asset) in books()) {
            let expected = clear(&holders, asset.clone(), Feedback::WithinStep, &prices);
            let levels = prices.iter().map(|price| vec![100.0, *price]).collect();
            let trade = LiquidationMarket { assets: vec![asset], feedback: Feedback::WithinStep };
            let book = Book::new(holders.iter().map(borrower)).liquidation(trade);
            let paths = prices.len() as u64;
            let simulation = Simulation::new(scripted([("price", Script(levels))]), book).months(1).paths(paths);
            let market = simulation.run(Watch::market(&["coin.mark", "coin.volume", "rounds"])).unwrap();
            prop_assert_eq!(&market["coin.mark"][1][..prices.len()], &expected.mark[..prices.len()]);
            prop_assert_eq!(&market["coin.volume"][1][..prices.len()], &expected.volume[..prices.len()]);
            prop_assert_eq!(&market["rounds"][1][..prices.len()], &expected.rounds[..prices.len()]);
            for (index, holder) in holders.iter().enumerate() {
                let record = simulation.run(Ledger(holder.name.clone())).unwrap();
                for path in 0..prices.len() {
                    let loss = expected.losses[path][index];
                    prop_assert!((record.loss[0][path] - loss).abs() <= 1e-12 * holder.debt, "{} {loss}", record.loss[0][path]);
                }
            }
        }
    }
}
