//! Laws that hold for every borrower, tested on borrowers, markets and grids at random: money is conserved, claims are
//! paid in order, losses are bounded by exposures, more debt never means fewer defaults, nothing is ever NaN; and bad
//! descriptions are refused by name. An example would miss the combination that nobody thought of.
#![allow(clippy::float_cmp, reason = "where bits are promised, bits are compared")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should say where")]

mod ledger;

use haircut::credit::{
    Amortisation, Book, Borrower, CashTrap, Contract, Coupon, Disposal, Distribution, Draws, Extension, Facility,
    Feedback, Fleet, Floating, Funding, Lien, Miners, Quantity, Recourse, Refinancing, Repaid, Reserve, Security,
    StepIn, Sweep, Treasury,
};
use haircut::market::{Gbm, Market};
use haircut::measure::Liquidations;
use haircut::numeric::{Level, PATHS, TimeGrid};
use haircut::{Error, Simulation};
use ledger::random::{World, borrowers, cases, worlds};
use ledger::{FacilityLedger, Ledger, METRICS, Record, cash_cow, facility, liquid, script, scripted, trading};
use proptest::prelude::*;

const NAME: &str = "someone";

fn run(world: &World, borrower: &Borrower) -> Record {
    world.simulation(Book::new([borrower.clone()])).run(Ledger(NAME.into())).unwrap()
}

/// Rounding of sums of this size: some tens of operations, each to one part in 10^16.
fn rounding(sizes: &[f64]) -> f64 {
    1e-6 + 1e-11 * sizes.iter().map(|size| size.abs()).sum::<f64>()
}

fn pairs(count: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..count).flat_map(move |first| (0..count).map(move |second| (first, second)))
}

proptest! {
    #![proptest_config(cases(128))]

    /// Sources equal uses on every path and step: no money appears or vanishes.
    #[test]
    fn cash_is_conserved(world in worlds(), borrower in borrowers(NAME)) {
        let record = run(&world, &borrower);
        for step in 1..=world.grid.steps() {
            for path in 0..PATHS {
                let at = |metric: &str| record.at(metric, step, path);
                let sources = [
                    record.at("cash", step - 1, path), record.at("reserve", step - 1, path), at("revenue"), at("treasury_sales"), at("drawn"), at("refinanced"), at("injected"), at("proceeds"), at("margin_sale"),
                ];
                let uses = [
                    at("operating_cost"), at("debt_service_paid"), at("prepaid"), at("capex"), at("tax"), at("distributed"), at("claims_paid"),
                    at("preferred_paid"), at("residual_to_owners"), at("seized"), at("cash"), at("reserve"),
                ];
                let gap = sources.iter().sum::<f64>() - uses.iter().sum::<f64>();
                prop_assert!(gap.abs() <= rounding(&[sources.as_slice(), &uses].concat()), "step {step} path {path}: {gap}");
                prop_assert!((at("revenue") - at("operating_cost") - at("tax") - at("cfads")).abs() <= rounding(&sources));
                let flows = [
                    "revenue", "operating_cost", "debt_service_due", "debt_service_paid", "treasury_sales", "refinanced",
                    "drawn", "capex", "tax", "prepaid", "reserve", "distributed", "proceeds", "claims_paid", "residual_to_owners", "balance", "arrears",
                ];
                for metric in flows {
                    prop_assert!(at(metric) >= -rounding(&uses), "{metric} = {} in step {step}", at(metric));
                }
                prop_assert!(at("debt_service_paid") <= at("debt_service_due") + rounding(&uses));
            }
        }
    }

    /// What is owed moves by what is paid, borrowed and accrued, and after default only by what is recovered.
    #[test]
    fn debt_is_accounted_for(world in worlds(), borrower in borrowers(NAME)) {
        let record = run(&world, &borrower);
        for path in 0..PATHS {
            let default = record.default_step[path];
            for step in 1..=world.grid.steps() {
                let at = |metric: &str| record.at(metric, step, path);
                let owed = at("balance") + at("arrears");
                let before = record.at("balance", step - 1, path) + record.at("arrears", step - 1, path);
                let slack = rounding(&[owed, before, at("debt_service_due")]);
                if (step as f64) < default {
                    // Interest can only add.
                    prop_assert!(owed >= before - at("debt_service_paid") - at("prepaid") - at("converted") - at("exchanged") + at("refinanced") + at("drawn") - slack);
                } else if step as f64 == default {
                    let exposure: f64 = record.exposure.iter().map(|exposure| exposure[path]).sum();
                    prop_assert!((owed + at("claims_paid") - exposure).abs() <= slack + rounding(&[exposure]));
                } else {
                    prop_assert!((owed - before + at("claims_paid")).abs() <= slack);
                    prop_assert!(at("balance") == 0.0 && at("revenue") == 0.0 && at("debt_service_due") == 0.0);
                }
            }
        }
    }

    /// A junior facility recovers something only if every senior one is whole; those of one rank lose the same share.
    #[test]
    fn claims_are_paid_in_order(world in worlds(), borrower in borrowers(NAME)) {
        let mut borrower = borrower;
        borrower.facilities.iter_mut().for_each(|facility| (facility.security, facility.margin) = (None, None));
        // What became shares is a loss, and no claim.
        borrower.sponsor = None;
        let record = run(&world, &borrower);
        let rank = |index: usize| borrower.facilities[index].rank.map_or(index, |rank| rank as usize);
        for path in 0..PATHS {
            for (senior, junior) in pairs(borrower.facilities.len()) {
                let of = |index: usize| (record.exposure[index][path], record.loss[index][path]);
                let ((owed, lost), (exposure, loss)) = (of(senior), of(junior));
                // A reserve account is its facility's own, whatever its rank.
                if [senior, junior].iter().any(|facility| borrower.facilities[*facility].reserve.is_some()) {
                    continue;
                }
                if rank(senior) < rank(junior) {
                    prop_assert!(lost <= rounding(&[exposure]) || exposure - loss <= rounding(&[exposure]));
                } else if rank(senior) == rank(junior) {
                    prop_assert!((lost * exposure - loss * owed).abs() <= rounding(&[owed]) * exposure.max(1.0));
                }
            }
        }
    }

    /// On the same collateral a junior lender without recourse gets nothing before its senior is whole; preferred and
    /// common owners get nothing before all lenders with recourse are, and common ones nothing before preferred ones.
    #[test]
    fn liens_are_paid_in_order(world in worlds(), borrower in borrowers(NAME)) {
        let borrower = Borrower { sponsor: None, ..borrower };
        let record = run(&world, &borrower);
        let whole = |facility: &Facility| -> Option<Vec<Lien>> {
            let security = facility.security.as_ref()?;
            security.on.iter().all(|lien| matches!(lien, Lien::Whole(_))).then(|| security.on.clone())
        };
        let rank = |index: usize| borrower.facilities[index].rank.map_or(index, |rank| rank as usize);
        let is_limited = |facility: &Facility| {
            facility.security.as_ref().is_some_and(|security| security.recourse == Recourse::Limited)
        };
        for path in 0..PATHS {
            for (senior, junior) in pairs(borrower.facilities.len()) {
                let [first, second] = [senior, junior].map(|index| &borrower.facilities[index]);
                let (Some(first), Some(liens)) = (whole(first), whole(second)) else { continue };
                let is_alone = second.reserve.is_none();
                if rank(senior) < rank(junior) && is_alone && is_limited(second) && liens.iter().all(|lien| first.contains(lien)) {
                    let of = |index: usize| (record.exposure[index][path], record.loss[index][path]);
                    let ((_, lost), (exposure, loss)) = (of(senior), of(junior));
                    prop_assert!(lost <= rounding(&[exposure]) || exposure - loss <= rounding(&[exposure]));
                }
            }
            let total = |metric: &str| record.row(metric, path).iter().sum::<f64>();
            let lost: f64 = (0..borrower.facilities.len())
                .filter(|index| !is_limited(&borrower.facilities[*index]))
                .map(|index| record.loss[index][path])
                .sum();
            let [preferred, common] = ["preferred_paid", "residual_to_owners"].map(total);
            let slack = rounding(&[borrower.debt(), preferred, common]);
            prop_assert!(preferred + common <= slack || lost <= slack, "{preferred} {common} {lost}");
            prop_assert!(common <= slack || preferred >= borrower.preferred_usd - slack);
            prop_assert!(preferred <= borrower.preferred_usd + slack);
        }
    }

    /// What the facilities are paid, lent, owed and recover adds up to what the borrower pays, borrows and owes; principal
    /// moves by what is drawn and repaid; and asking for it changes no bit of anything else.
    #[test]
    fn facilities_add_up_to_the_borrower(world in worlds(), borrower in borrowers(NAME)) {
        let ledger = FacilityLedger(Ledger(NAME.into()));
        let mut record = world.simulation(Book::new([borrower.clone()])).run(ledger).unwrap();
        let sum = |metric: &str, step: usize, path: usize| -> f64 {
            let of = |facility: &Facility| record.at(&format!("{}.{metric}", facility.name), step, path);
            borrower.facilities.iter().map(of).sum()
        };
        for path in 0..PATHS {
            for step in 0..=world.grid.steps() {
                let at = |metric: &str| record.at(metric, step, path);
                let serviced = sum("interest_paid", step, path) + sum("principal_paid", step, path);
                let drawn = if step == 0 { borrower.debt() } else { at("refinanced") + at("drawn") };
                for (parts, whole) in [
                    (serviced, at("debt_service_paid") + at("prepaid") + at("exchanged")), (sum("balance", step, path), at("balance")),
                    (sum("claim", step, path), at("arrears")), (sum("recovered", step, path), at("claims_paid")),
                    (sum("drawn", step, path), drawn), (sum("converted", step, path), at("converted")),
                ] {
                    prop_assert!((parts - whole).abs() <= rounding(&[whole, borrower.debt()]), "{parts} {whole}");
                }
            }
            for facility in &borrower.facilities {
                let mut owed = 0.0;
                for step in 0..=world.grid.steps() {
                    let at = |metric: &str| record.at(&format!("{}.{metric}", facility.name), step, path);
                    // Shares are taken for interest and principal together.
                    if at("converted") > 0.0 {
                        break;
                    }
                    owed += at("drawn") + at("capitalised") - at("principal_paid");
                    let slack = rounding(&[facility.principal, at("claim")]);
                    prop_assert!(at("interest_paid") >= -slack && at("principal_paid") >= -slack && owed >= -slack);
                    if (step as f64) < record.default_step[path] {
                        // What is owed and due is principal that was not repaid and interest that was not paid.
                        let unpaid = at("balance") + at("claim") - owed;
                        prop_assert!(unpaid >= -slack && (at("claim") > 0.0 || unpaid <= slack), "{unpaid}");
                    }
                }
            }
        }
        record.metrics.retain(|metric, _| METRICS.contains(&metric.as_str()));
        prop_assert_eq!(record, run(&world, &borrower));
    }

    /// With rates that are not negative the discounted loss lies between nothing and the discounted exposure; without
    /// default there is neither.
    #[test]
    fn a_loss_lies_between_nothing_and_the_exposure(world in worlds(), borrower in borrowers(NAME)) {
        let book = Book::new([borrower]).discount("discount");
        let record = world.simulation(book).run(Ledger(NAME.into())).unwrap();
        for (exposure, loss) in record.exposure.iter().zip(&record.loss) {
            for path in 0..PATHS {
                let converted: f64 = record.row("converted", path).iter().sum();
                let bound = exposure[path] * record.discount[path] + converted;
                prop_assert!(loss[path] >= -rounding(&[bound]) && loss[path] <= bound + rounding(&[bound]));
                let is_default = record.default_step[path].is_finite();
                prop_assert!(is_default || (exposure[path] == 0.0 && (loss[path] == 0.0 || converted > 0.0)));
                prop_assert_eq!(record.default_step[path].is_finite(), record.cause[path].is_some());
            }
        }
    }

    /// On common random numbers a path that defaults goes on defaulting when all debt is multiplied.
    #[test]
    fn more_debt_never_means_fewer_defaults(world in worlds(), borrower in borrowers(NAME), times in 1.0..3.0) {
        let mut borrower = borrower;
        for facility in &mut borrower.facilities {
            facility.draws.iter_mut().for_each(|draws| draws.spent = 1.0);
            // It keeps money from the owners: more debt may keep more.
            facility.reserve = None;
            // An earlier call repays earlier.
            facility.margin = None;
            // And so does a holder who asks for money because shares are worth less.
            if let Some(conversion) = &mut facility.conversion {
                (conversion.puts, conversion.call) = (Vec::new(), None);
            }
        }
        // Of a loan with two clauses more debt may be refused the first, which repays, and get the second, which waits.
        for facility in &mut borrower.facilities {
            if facility.refinancing.is_some() {
                (facility.extension, facility.cash_trap) = (None, None);
            }
        }
        // Another first date of a breach is another draw of its waiver, and an earlier cure may leave none for later.
        borrower.covenants.clear();
        borrower.response = None;
        // A conversion or a takeover that comes earlier leaves less to owe later.
        borrower.sponsor = None;
        // A loss that owners did not bear, who had taken their cash, shelters profits to come.
        borrower.tax = None;
        // While something is unpaid owners get nothing, and that is there later.
        borrower.distribution = None;
        let mut more = borrower.clone();
        for facility in &mut more.facilities {
            facility.principal *= times;
            // Nor may more debt be more cash.
            if let Some(draws) = &mut facility.draws {
                draws.spent = 1.0;
                draws.schedule.iter_mut().for_each(|(_, amount)| *amount *= times);
            }
            match &mut facility.amortisation {
                Amortisation::Straight { instalment: Some(instalment), .. } => *instalment *= times,
                Amortisation::Sculpted { cfads, cap, .. } => {
                    cfads.iter_mut().for_each(|(_, amount)| *amount *= times);
                    cap.iter_mut().for_each(|cap| *cap *= times);
                }
                Amortisation::Custom(instalments) => instalments.iter_mut().for_each(|(_, amount)| *amount *= times),
                _ => {}
            }
        }
        let (less, more) = (run(&world, &borrower), run(&world, &more));
        for path in 0..PATHS {
            prop_assert!(more.default_step[path] <= less.default_step[path], "path {path}");
        }
    }

    #[test]
    fn nothing_is_ever_nan(world in worlds(), borrower in borrowers(NAME)) {
        let record = run(&world, &borrower);
        for metric in METRICS {
            prop_assert!(record.metrics[metric].iter().flatten().all(|value| !value.is_nan()), "{metric}");
        }
        prop_assert!(record.loss.iter().chain(&record.exposure).flatten().all(|value| value.is_finite()));
    }

    /// No debt, no default, whatever happens.
    #[test]
    fn no_debt_no_default(world in worlds(), borrower in borrowers(NAME)) {
        let record = run(&world, &Borrower { facilities: Vec::new(), sponsor: None, ..borrower });
        prop_assert!(record.default_step.iter().all(|step| step.is_infinite()));
    }

    /// The same bits at every level of instruction sets.
    #[test]
    fn the_instruction_set_changes_no_bit(world in worlds(), borrower in borrowers(NAME)) {
        let reference = run(&world, &borrower);
        for level in Level::available() {
            level.set().unwrap();
            prop_assert_eq!(&run(&world, &borrower), &reference);
        }
    }

    /// With infinite depth a sale moves no price: feedback on and off agree to the bit, for everyone in the book.
    #[test]
    fn infinite_depth_is_no_feedback(world in worlds(), borrower in borrowers(NAME), mut other in borrowers("other")) {
        if let (Some(sponsor), Some(same)) = (&borrower.sponsor, &mut other.sponsor) {
            same.commitment = sponsor.commitment;
        }
        let run = |feedback| {
            let mut world = world.clone();
            world.trade.feedback = feedback;
            for asset in &mut world.trade.assets {
                asset.depth_per_month = f64::INFINITY;
            }
            let book = Book::new([borrower.clone(), other.clone()]);
            world.simulation(book).run((Ledger(NAME.into()), Ledger("other".into()))).unwrap()
        };
        let without = run(Feedback::Off);
        prop_assert_eq!(&run(Feedback::On), &without);
        prop_assert_eq!(&run(Feedback::WithinStep), &without);
    }

    /// Any numbers at all: an answer or an error, never a panic.
    #[test]
    fn any_numbers_give_an_answer_or_an_error(
        world in worlds(), borrower in borrowers(NAME), numbers in proptest::collection::vec(any::<f64>(), 12), which in 0..12_usize,
    ) {
        let mut borrower = borrower;
        let number = numbers[which];
        match which {
            0 => borrower.cash = number,
            1 => borrower.overhead_usd_per_year = number,
            2 => borrower.revenue_volatility = number,
            3 => borrower.grace = number,
            4 => borrower.liquidation = Disposal { delay: number, over: numbers[0] },
            5 => borrower.distribution = Some(Distribution { share: number, floor: numbers[0] }),
            6 => borrower.treasury.push(Treasury { asset: "btc".into(), units: number }),
            7 => borrower.fleets.iter_mut().for_each(|fleet| fleet.rent = Quantity::Number(number)),
            8 => borrower.fleets.iter_mut().for_each(|fleet| fleet.units = number),
            9 => borrower.facilities.iter_mut().for_each(|facility| facility.maturity = number),
            10 => borrower.facilities.iter_mut().for_each(|facility| facility.coupon = Coupon::Fixed(number)),
            _ => borrower.facilities.iter_mut().for_each(|facility| {
                facility.amortisation = Amortisation::Custom(vec![(numbers[0], number), (numbers[1], numbers[2])]);
            }),
        }
        if let Ok(record) = world.simulation(Book::new([borrower])).run(Ledger(NAME.into())) {
            prop_assert!(record.loss.iter().flatten().all(|loss| !loss.is_nan()));
        }
    }

    #[test]
    fn a_borrower_is_read_back_as_it_was_written(borrower in borrowers(NAME)) {
        let text = toml::to_string(&borrower).unwrap();
        prop_assert_eq!(toml::from_str::<Borrower>(&text).unwrap(), borrower, "{}", text);
    }
}

/// The laws above would hold for borrowers to whom nothing ever happens: these default for either cause, refinance, cure,
/// sell coins, sell collateral over several steps, pay owners, and leave something over after claims.
#[test]
fn the_borrowers_at_random_meet_every_fate() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::new(cases(1));
    let mut fates = std::collections::BTreeMap::new();
    let mut count = |fate: &'static str, happened: bool| *fates.entry(fate).or_insert(0) += u32::from(happened);
    for _ in 0..1000 {
        let world = worlds().new_tree(&mut runner).unwrap().current();
        let borrower = borrowers(NAME).new_tree(&mut runner).unwrap().current();
        let record = run(&world, &borrower);
        // The four rows of the scripts.
        for path in 0..4 {
            let row = |metric: &str| record.row(metric, path);
            let some = |metric: &str| row(metric).iter().any(|value| *value > 0.0);
            let default = record.default_step[path];
            count("survival", default.is_infinite() && !borrower.facilities.is_empty());
            count("payment default", record.cause[path] == Some(haircut::credit::Cause::Payment));
            count("covenant default", record.cause[path] == Some(haircut::credit::Cause::Covenant));
            count("lock-up", some("lock_up"));
            count("waiver", some("waiver"));
            count("equity cure", some("equity_cure"));
            count("support", some("support"));
            count("converted", some("converted"));
            count("maturity default", record.cause[path] == Some(haircut::credit::Cause::Maturity));
            count("refinancing", some("refinanced"));
            count("refinanced and defaulted", some("refinanced") && default.is_finite());
            let arrears = row("arrears");
            let cured = arrears
                .windows(2)
                .enumerate()
                .any(|(step, pair)| pair[0] > 0.0 && pair[1] == 0.0 && ((step + 2) as f64) < default);
            count("cure", cured);
            count("coins sold", some("treasury_sales"));
            count("sale in parts", row("proceeds").iter().filter(|proceeds| **proceeds > 0.0).count() > 2);
            count("let by the lender", some("operated"));
            count("owners paid", some("distributed"));
            count("something left over", some("residual_to_owners"));
            count(
                "partial loss",
                record
                    .loss
                    .iter()
                    .zip(&record.exposure)
                    .any(|(loss, exposure)| loss[path] > 1.0 && loss[path] < exposure[path] - 1.0),
            );
            count("open bills", row("cash").iter().any(|cash| *cash < 0.0));
        }
    }
    println!("{fates:?}");
    assert!(fates.values().all(|count| *count >= 10), "of 4000 paths: {fates:?}");
}

fn extension(years: f64) -> Extension {
    Extension { years, fee: 0.0, spread: 0.0, dscr: None, ltv: None, times: 1 }
}

fn draws(schedule: Vec<(f64, f64)>) -> Draws {
    Draws { schedule, commitment_fee: 0.0, repaid: Repaid::Together, spent: 1.0 }
}

fn sculpted(cfads: Vec<(f64, f64)>, dscr: f64) -> Amortisation {
    Amortisation::Sculpted { cfads, dscr, cap: None, profile_rate: None }
}

/// One of everything.
fn complete() -> Borrower {
    let contract = Contract { collected: 0.95, ..Contract::new(0.6, 2.0, 2.0) };
    let miners = Miners {
        name: "miners".into(),
        asset: "gpu".into(),
        units: 10.0,
        hashrate_eh_s: 1.0,
        efficiency_j_per_th: 20.0,
        hashprice: 40.0.into(),
        power_usd_per_kwh: 0.05.into(),
        opex_usd_per_year: 1e5,
    };
    let floating = Coupon::Floating(Floating { series: "price".into(), spread: 0.02, floor: 0.01 });
    let level = |name: &str, rate| {
        let amortisation = Amortisation::Level { every: 0.25, profile_rate: rate };
        Facility { amortisation, ..facility(name, 1e5, 0.1, Amortisation::Bullet, 3.0) }
    };
    Borrower {
        fleets: vec![Fleet {
            contracts: vec![contract.clone(), Contract { share: 0.4, ..contract }],
            ..cash_cow("gpu", 10.0, 1e5, 1.0)
        }],
        miners: vec![miners],
        treasury: vec![Treasury { asset: "gpu".into(), units: 1.0 }],
        facilities: vec![
            facility("a", 1e6, 0.1, Amortisation::Straight { every: 0.25, instalment: None }, 3.0),
            Facility { coupon: floating, ..level("b", Some(0.05)) },
            facility("c", 1e5, 0.1, Amortisation::Custom(vec![(1.0, 5e4)]), 3.0),
        ],
        distribution: Some(Distribution { share: 0.5, floor: 0.0 }),
        ..Borrower::new("complete")
    }
}

fn plan(borrower: Borrower) -> Result<(), Error> {
    let book = Book::new([borrower]).liquidation(trading([liquid("gpu", "price")]));
    Simulation::new(scripted([("price", script([0.05]))]), book)
        .months(12)
        .paths(1)
        .run(Ledger("complete".into()))
        .map(|_| ())
}

fn step_in() -> StepIn {
    StepIn {
        delay: 0.25,
        horizon: 1.0,
        discount_rate: 0.1,
        revenue_decline: 0.2,
        price_decline: 0.3,
        operator_share: 0.1,
    }
}

#[test]
fn every_bad_field_is_refused_by_its_name() {
    type Spoil = fn(&mut Borrower);
    let spoils: &[(&str, Spoil)] = &[
        ("name", |b| b.name = " ".into()),
        ("cash", |b| b.cash = -1.0),
        ("cash", |b| b.cash = f64::NAN),
        ("overhead_usd_per_year", |b| b.overhead_usd_per_year = f64::INFINITY),
        ("revenue_volatility", |b| b.revenue_volatility = 60.0),
        ("grace", |b| b.grace = 30.0),
        ("liquidation.delay", |b| b.liquidation.delay = -0.1),
        ("liquidation.over", |b| b.liquidation.over = f64::NAN),
        ("step_in.delay", |b| b.step_in = Some(StepIn { delay: -0.1, ..step_in() })),
        ("step_in.horizon", |b| b.step_in = Some(StepIn { horizon: f64::INFINITY, ..step_in() })),
        ("step_in.discount_rate", |b| b.step_in = Some(StepIn { discount_rate: -0.1, ..step_in() })),
        ("step_in.revenue_decline", |b| b.step_in = Some(StepIn { revenue_decline: f64::NAN, ..step_in() })),
        ("step_in.price_decline", |b| b.step_in = Some(StepIn { price_decline: 11.0, ..step_in() })),
        ("step_in.operator_share", |b| b.step_in = Some(StepIn { operator_share: 1.1, ..step_in() })),
        ("preferred_usd", |b| b.preferred_usd = -1.0),
        ("step_in", |b| {
            b.step_in = Some(step_in());
            b.facilities[1].security = Some(Security::unsecured());
        }),
        ("facilities[1].security.recourse", |b| {
            b.facilities[1].security = Some(Security { recourse: Recourse::Limited, ..Security::unsecured() });
        }),
        ("facilities[0].security.on[0]", |b| b.facilities[0].security = Some(Security::on([Lien::whole("tulips")]))),
        ("facilities[0].security.on[1]", |b| {
            b.facilities[0].security = Some(Security::on([Lien::whole("miners"), Lien::part("miners", 1.0)]));
        }),
        ("facilities[0].security.on[0]", |b| {
            b.fleets[0].name = "gpu".into();
            b.facilities[0].security = Some(Security::on([Lien::whole("gpu")]));
        }),
        ("facilities[0].security.on[0].units", |b| {
            b.facilities[0].security = Some(Security::on([Lien::part("miners", f64::NAN)]));
        }),
        ("facilities[0].security.on[0]", |b| {
            b.facilities[0].security = Some(Security::on([Lien::part("miners", 10.5)]));
        }),
        ("distribution.share", |b| b.distribution = Some(Distribution { share: 1.1, floor: 0.0 })),
        ("distribution.floor", |b| b.distribution = Some(Distribution { share: 1.0, floor: -1.0 })),
        ("fleets[0].name", |b| b.fleets[0].name.clear()),
        ("fleets[0].asset", |b| b.fleets[0].asset = "tulips".into()),
        ("fleets[0].units", |b| b.fleets[0].units = -1.0),
        ("fleets[0].capex_usd_per_unit", |b| b.fleets[0].capex_usd_per_unit = f64::NAN),
        ("fleets[0].power_kw_per_unit", |b| b.fleets[0].power_kw_per_unit = -1.0),
        ("fleets[0].pue", |b| b.fleets[0].pue = 0.9),
        ("fleets[0].power_usd_per_kwh", |b| b.fleets[0].power_usd_per_kwh = (-0.05).into()),
        ("fleets[0].opex_usd_per_unit_hour", |b| b.fleets[0].opex_usd_per_unit_hour = -1.0),
        ("fleets[0].rent", |b| b.fleets[0].rent = "no_such_rent".into()),
        ("fleets[0].rent", |b| b.fleets[0].rent = f64::NAN.into()),
        ("fleets[0].rent_share", |b| b.fleets[0].rent_share = -0.5),
        ("fleets[0].utilisation", |b| b.fleets[0].utilisation = 87.0.into()),
        ("fleets[0].contracts[1].share", |b| b.fleets[0].contracts[1].share = 0.41),
        ("fleets[0].contracts[0].collected", |b| b.fleets[0].contracts[0].collected = 95.0),
        ("fleets[0].contracts[0].rate_usd_per_unit_hour", |b| b.fleets[0].contracts[0].rate_usd_per_unit_hour = -2.0),
        ("fleets[0].contracts[1].from", |b| b.fleets[0].contracts[1].from = f64::NAN),
        ("fleets[0].contracts[1].until", |b| b.fleets[0].contracts[1].until = 0.0),
        ("fleets[1].name", |b| b.fleets.push(b.fleets[0].clone())),
        ("miners[0].asset", |b| b.miners[0].asset = "tulips".into()),
        ("miners[0].units", |b| b.miners[0].units = f64::INFINITY),
        ("miners[0].hashrate_eh_s", |b| b.miners[0].hashrate_eh_s = -1.0),
        ("miners[0].efficiency_j_per_th", |b| b.miners[0].efficiency_j_per_th = -1.0),
        ("miners[0].hashprice", |b| b.miners[0].hashprice = "no_such_price".into()),
        ("miners[0].power_usd_per_kwh", |b| b.miners[0].power_usd_per_kwh = f64::NAN.into()),
        ("miners[0].opex_usd_per_year", |b| b.miners[0].opex_usd_per_year = -1.0),
        ("treasury[0].asset", |b| b.treasury[0].asset = "tulips".into()),
        ("treasury[0].units", |b| b.treasury[0].units = -1.0),
        ("facilities[0].name", |b| b.facilities[0].name.clear()),
        ("facilities[2].name", |b| b.facilities[2].name = "b".into()),
        ("facilities[0].lender", |b| b.facilities[0].lender.clear()),
        ("facilities[0].principal", |b| b.facilities[0].principal = -1.0),
        ("facilities[0].coupon", |b| b.facilities[0].coupon = Coupon::Fixed(8.0)),
        ("facilities[1].coupon.series", |b| {
            b.facilities[1].coupon = Coupon::Floating(Floating { series: "libor".into(), spread: 0.0, floor: 0.0 });
        }),
        ("facilities[1].coupon.spread", |b| {
            b.facilities[1].coupon = Coupon::Floating(Floating { series: "price".into(), spread: -0.1, floor: 0.0 });
        }),
        ("facilities[1].coupon.floor", |b| {
            b.facilities[1].coupon = Coupon::Floating(Floating { series: "price".into(), spread: 0.0, floor: 6.0 });
        }),
        ("facilities[0].maturity", |b| b.facilities[0].maturity = 0.0),
        ("facilities[0].interest_only", |b| b.facilities[0].interest_only = 3.0),
        ("facilities[0].amortisation.straight.every", |b| {
            b.facilities[0].amortisation = Amortisation::Straight { every: 0.0, instalment: None };
        }),
        ("facilities[0].amortisation.straight.every", |b| {
            b.facilities[0].amortisation = Amortisation::Straight { every: 1e-9, instalment: None };
        }),
        ("facilities[0].amortisation.straight.instalment", |b| {
            b.facilities[0].amortisation = Amortisation::Straight { every: 0.25, instalment: Some(-1.0) };
        }),
        ("facilities[1].amortisation.level.every", |b| {
            b.facilities[1].amortisation = Amortisation::Level { every: -1.0, profile_rate: Some(0.1) };
        }),
        ("facilities[1].amortisation.level.profile_rate", |b| {
            b.facilities[1].amortisation = Amortisation::Level { every: 0.25, profile_rate: None };
        }),
        ("facilities[2].amortisation.custom[0]", |b| {
            b.facilities[2].amortisation = Amortisation::Custom(vec![(3.5, 1.0)]);
        }),
        ("facilities[2].amortisation.custom", |b| {
            b.facilities[2].amortisation = Amortisation::Custom(vec![(1.0, 6e4), (2.0, 6e4)]);
        }),
        ("facilities[0].refinancing.advance_rate", |b| {
            b.facilities[0].refinancing = Some(Refinancing::straight(70.0, 1.0, 0.0));
        }),
        ("facilities[0].refinancing.tenor", |b| {
            b.facilities[0].refinancing = Some(Refinancing::straight(0.7, 0.0, 0.0));
        }),
        ("facilities[0].refinancing.spread", |b| {
            b.facilities[0].refinancing = Some(Refinancing::straight(0.7, 1.0, f64::NAN));
        }),
        ("facilities[0].refinancing.dscr", |b| {
            b.facilities[0].refinancing = Some(Refinancing { dscr: Some(0.0), ..Refinancing::straight(0.7, 1.0, 0.0) });
        }),
        ("facilities[0].refinancing.balloon", |b| {
            b.facilities[0].refinancing = Some(Refinancing { balloon: 1.1, ..Refinancing::straight(0.7, 1.0, 0.0) });
        }),
        ("facilities[0].refinancing.funding.availability", |b| {
            let funding = Some(Funding { availability: 1.5.into(), threshold: None });
            b.facilities[0].refinancing = Some(Refinancing { funding, ..Refinancing::straight(0.7, 1.0, 0.0) });
        }),
        ("facilities[0].refinancing.funding.threshold", |b| {
            let funding = Some(Funding { availability: 0.5.into(), threshold: Some(-0.1) });
            b.facilities[0].refinancing = Some(Refinancing { funding, ..Refinancing::straight(0.7, 1.0, 0.0) });
        }),
        ("facilities[0].extension.years", |b| b.facilities[0].extension = Some(extension(0.0))),
        ("facilities[0].extension.fee", |b| {
            b.facilities[0].extension = Some(Extension { fee: 2.0, ..extension(1.0) });
        }),
        ("facilities[0].extension.spread", |b| {
            b.facilities[0].extension = Some(Extension { spread: -0.1, ..extension(1.0) });
        }),
        ("facilities[0].extension.dscr", |b| {
            b.facilities[0].extension = Some(Extension { dscr: Some(f64::NAN), ..extension(1.0) });
        }),
        ("facilities[0].extension.ltv", |b| {
            b.facilities[0].extension = Some(Extension { ltv: Some(-1.0), ..extension(1.0) });
        }),
        ("facilities[0].cash_trap.years", |b| {
            b.facilities[0].cash_trap = Some(CashTrap { years: f64::NAN, spread: 0.0 });
        }),
        ("facilities[0].cash_trap.spread", |b| {
            b.facilities[0].cash_trap = Some(CashTrap { years: 1.0, spread: 9.0 });
        }),
        ("facilities[0].pik", |b| b.facilities[0].pik = 1.5),
        ("facilities[0].draws.schedule[0]", |b| b.facilities[0].draws = Some(draws(vec![(3.0, 1.0)]))),
        ("facilities[0].draws.schedule[1]", |b| b.facilities[0].draws = Some(draws(vec![(1.0, 1.0), (2.0, -1.0)]))),
        ("facilities[0].draws.commitment_fee", |b| {
            b.facilities[0].draws = Some(Draws { commitment_fee: 8.0, ..draws(Vec::new()) });
        }),
        ("facilities[0].draws.spent", |b| {
            b.facilities[0].draws = Some(Draws { spent: f64::NAN, ..draws(Vec::new()) });
        }),
        ("facilities[2].draws.repaid", |b| {
            b.facilities[2].draws = Some(Draws { repaid: Repaid::Each, ..draws(Vec::new()) });
        }),
        ("facilities[0].amortisation.sculpted.cfads[1]", |b| {
            b.facilities[0].amortisation = sculpted(vec![(1.0, 1.0), (3.5, 1.0)], 1.2);
        }),
        ("facilities[0].amortisation.sculpted.dscr", |b| b.facilities[0].amortisation = sculpted(Vec::new(), 0.0)),
        ("facilities[1].amortisation.sculpted.profile_rate", |b| {
            b.facilities[1].amortisation = sculpted(Vec::new(), 1.2);
        }),
        ("facilities[0].amortisation.sculpted.cap", |b| {
            b.facilities[0].amortisation =
                Amortisation::Sculpted { cfads: Vec::new(), dscr: 1.2, cap: Some(-1.0), profile_rate: None };
        }),
        ("facilities[0].reserve.months", |b| b.facilities[0].reserve = Some(Reserve { months: -1.0, initial: 0.0 })),
        ("facilities[0].reserve.initial", |b| {
            b.facilities[0].reserve = Some(Reserve { months: 6.0, initial: f64::INFINITY });
        }),
        ("facilities[0].sweep.share", |b| b.facilities[0].sweep = Some(Sweep { share: 1.1, floor: 0.0 })),
        ("facilities[0].sweep.floor", |b| b.facilities[0].sweep = Some(Sweep { share: 1.0, floor: -1.0 })),
        ("facilities[0].name", |b| b.facilities[0].name = "loan 9.5 %".into()),
        ("facilities[1].rank", |b| b.facilities[0].rank = Some(1)),
    ];
    plan(complete()).unwrap();
    for (field, spoil) in spoils {
        let mut borrower = complete();
        spoil(&mut borrower);
        let error = plan(borrower).expect_err(field);
        assert_eq!(error.field(), Some(format!("obligors[0].{field}").as_str()), "{error}");
    }
}

/// Coins that are all sold for a payment which they do not cover are all gone: what rounding would leave of them is no forced sale later.
#[test]
fn coins_that_are_all_sold_are_gone() {
    let coin = Gbm { initial: 61_500.0, drift: 0.0, volatility: 0.6 };
    let borrower = Borrower {
        treasury: vec![Treasury { asset: "coin".into(), units: 17.3 }],
        facilities: vec![facility("loan", 1e9, 0.1, Amortisation::Bullet, 0.5)],
        liquidation: Disposal { delay: 0.0, over: 0.0 },
        ..Borrower::new("holder")
    };
    let book = Book::new([borrower]).liquidation(trading([liquid("coin", "coin")]));
    let simulation =
        Simulation::new(Market::builder().factor("coin", coin).build().unwrap(), book).months(8).paths(512);
    let (record, sales) = simulation.run((Ledger("holder".into()), Liquidations::of(["coin"]))).unwrap();
    assert!(record.default_step.iter().all(|step| *step == 1.0));
    assert_eq!((sales[0].units.value, sales[0].any.value), (0.0, 0.0));
}

/// Zero revenue, rates of nothing and of 100 %, no units, maturity on the first date: numbers, and the right ones.
#[test]
fn extremes_are_ordinary() {
    let market = || scripted([("price", script([0.0]))]);
    for coupon in [0.0, 1.0, 5.0] {
        for (units, maturity) in [(0.0, 1e-12), (0.0, 1.0 / 12.0), (100.0, 0.01)] {
            let borrower = Borrower {
                fleets: vec![cash_cow("gpu", units, 0.0, 0.0)],
                miners: complete()
                    .miners
                    .into_iter()
                    .map(|miners| Miners { units: 0.0, hashprice: 0.0.into(), ..miners })
                    .collect(),
                treasury: vec![Treasury { asset: "gpu".into(), units: 5.0 }],
                facilities: vec![facility("loan", 100.0, coupon, Amortisation::Bullet, maturity)],
                ..Borrower::new("extreme")
            };
            let book = Book::new([Borrower {
                miners: vec![Miners { opex_usd_per_year: 0.0, ..borrower.miners[0].clone() }],
                ..borrower
            }]);
            let book = book.liquidation(trading([liquid("gpu", "price")]));
            let record = Simulation::new(market(), book).months(3).paths(1).run(Ledger("extreme".into())).unwrap();
            assert_eq!(record.default_step[0], 1.0);
            ledger::assert_rounding(record.exposure[0][0], 100.0 * (1.0 + coupon / 12.0));
            ledger::assert_rounding(record.loss[0][0], 100.0 * (1.0 + coupon / 12.0));
            assert!(METRICS.iter().all(|metric| record.row(metric, 0).iter().all(|value| !value.is_nan())));
        }
    }
}

/// An expected amount stays what it is when the borrower's own shock is switched on, and other borrowers see none of it.
#[test]
fn the_own_shock_has_mean_one_and_its_own_stream() {
    let borrower = |name: &str, volatility| Borrower {
        fleets: vec![cash_cow("gpu", 1.0, 1200.0, 1.0)],
        revenue_volatility: volatility,
        ..Borrower::new(name)
    };
    let run = |book: Vec<Borrower>, name: &str| {
        let book = Book::new(book).liquidation(trading([liquid("gpu", "price")]));
        Simulation::new(scripted([("price", script([1.0]))]), book)
            .months(12)
            .paths(1 << 14)
            .run(Ledger(name.into()))
            .unwrap()
    };
    let alone = run(vec![borrower("a", 0.5)], "a");
    let revenue: Vec<f64> = alone.metrics["revenue"][1..].iter().flatten().copied().collect();
    let count = revenue.len() as f64;
    // Variance of a lognormal of mean m: m^2 (exp(s^2 D) - 1).
    let variance = 100.0_f64.powi(2) * ((0.25_f64 / 12.0).exp() - 1.0);
    let mean = revenue.iter().sum::<f64>() / count;
    assert!((mean - 100.0).abs() < 5.0 * (variance / count).sqrt(), "{mean}");
    let spread = revenue.iter().map(|revenue| (revenue - 100.0).powi(2)).sum::<f64>() / count;
    // Fourth central moment of a lognormal below 4 variance^2 at this volatility: a generous standard error.
    assert!((spread / variance - 1.0).abs() < 5.0 * (3.0 / count).sqrt(), "{spread} {variance}");
    assert_eq!(run(vec![borrower("b", 0.3), borrower("a", 0.5)], "a"), alone);
    assert_ne!(run(vec![borrower("b", 0.5)], "b").metrics["revenue"], alone.metrics["revenue"]);
}

#[test]
fn a_contract_counts_for_the_part_of_a_step_for_which_it_is_in_force() {
    let contract = |share, from, until| Contract { collected: 0.5, from, ..Contract::new(share, 3.0, until) };
    let fleet = Fleet {
        contracts: vec![contract(0.5, 0.1, 0.6), contract(1.0, 1.0, 1.25)],
        rent_share: 2.0,
        utilisation: 0.5.into(),
        ..cash_cow("gpu", 10.0, 0.0, "rent")
    };
    let borrower = Borrower { fleets: vec![fleet], ..Borrower::new("landlord") };
    let grid = TimeGrid::new([0.5, 1.0, 1.25]).unwrap();
    let market = scripted([("rent", script([9.0, 1.0, 2.0, 4.0])), ("price", script([1.0]))]);
    let book = Book::new([borrower]).liquidation(trading([liquid("gpu", "price")]));
    let record = Simulation::new(market, book).grid(grid).paths(1).run(Ledger("landlord".into())).unwrap();
    // In force for 0.4 of 0.5 years, 0.1 of 0.5, and all of the last quarter, in which nothing is left for the spot market.
    let hours = 10.0 * 8760.0;
    let expected = [
        hours * 0.5 * (0.8 * 0.5 * 1.5 + (1.0 - 0.4) * 2.0 * 1.0 * 0.5),
        hours * 0.5 * (0.2 * 0.5 * 1.5 + (1.0 - 0.1) * 2.0 * 2.0 * 0.5),
        hours * 0.25 * 1.5,
    ];
    for (revenue, expected) in record.row("revenue", 0).into_iter().zip(expected) {
        ledger::assert_rounding(revenue, expected);
    }
}

#[test]
fn files_are_read_strictly() {
    let text = |facility: &str| {
        format!(
            "name = \"a\"\nliquidation = {{ delay = 0.0, over = 0.5 }}\n[[facilities]]\nname = \"f\"\nlender = \"l\"\nprincipal = 1.0\nmaturity = 1.0\n{facility}"
        )
    };
    let read = |facility: &str| toml::from_str::<Borrower>(&text(facility));
    let borrower = read("coupon = { series = \"sofr\", spread = 0.02 }\namortisation = { level = { every = 0.25, profile_rate = 0.05 } }").unwrap();
    assert_eq!(
        borrower.facilities[0].coupon,
        Coupon::Floating(Floating { series: "sofr".into(), spread: 0.02, floor: 0.0 })
    );
    assert_eq!(
        read("coupon = 0.05\namortisation = \"bullet\"").unwrap().facilities[0].amortisation,
        Amortisation::Bullet
    );
    let custom = read("coupon = 0\namortisation = { custom = [[0.5, 0.5]] }").unwrap();
    assert_eq!(custom.facilities[0].amortisation, Amortisation::Custom(vec![(0.5, 0.5)]));
    for wrong in [
        "coupon = 0.05\namortisation = \"balloon\"",
        "coupon = 0.05",
        "coupon = \"five\"\namortisation = \"bullet\"",
        "coupon = { series = \"sofr\", spraed = 0.02 }\namortisation = \"bullet\"",
        "coupon = 0.05\namortisation = { straight = { every = 0.25, instalments = 1.0 } }",
        "coupon = 0.05\namortisation = \"bullet\"\nbaloon = 1.0",
    ] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}
