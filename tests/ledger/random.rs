//! Borrowers, markets and grids at random, for laws that hold for every one of them.

use super::Script;
use haircut::Simulation;
use haircut::credit::{
    Acceleration, Amortisation, Asset, Backstop, Book, Borrower, Buyers, CashTrap, CoinSales, Conditions, Contract,
    ContractTerm, Conversion, Coupon, Covenant, CovenantTest, Delivery, DepthUnit, Disposal, Distribution, Draws,
    EquityCure, Extension, Facility, Feedback, Fleet, Floating, Funding, Hired, ImpactForm, Lien, LiquidationMarket,
    Losses, Margin, Miners, Outlay, Prepayment, Quantity, Recourse, Refinancing, Repaid, Reserve, Response, Security,
    Settlement, SoftCall, Sponsor, StepIn, SupportForm, Sweep, TakeOrPay, Tax, Treasury,
};
use haircut::market::Curve;
use haircut::numeric::{PATHS, TimeGrid};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// A seeded run of so many cases.
pub fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        rng_seed: RngSeed::Fixed(20_261_121),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

const STEPS: usize = 15;

/// Four different paths, in a tenth of the places zero.
fn scripts(low: f64, high: f64) -> impl Strategy<Value = Script> {
    let level = prop_oneof![9 => low..high, 1 => Just(0.0)];
    vec(vec(level, STEPS + 1), 4).prop_map(Script)
}

/// When a counterparty defaults on four paths, if it does.
fn failures() -> impl Strategy<Value = Script> {
    let date = prop_oneof![2 => 0.01..3.0, 1 => Just(f64::INFINITY)];
    vec(date, 4).prop_map(|dates| Script(dates.into_iter().map(|date| vec![date; STEPS + 1]).collect()))
}

/// A discount factor that never rises.
fn discounts() -> impl Strategy<Value = Script> {
    vec(vec(0.9..=1.0_f64, STEPS), 4).prop_map(|rows| {
        let row = |factors: Vec<f64>| {
            let mut discount = 1.0;
            std::iter::once(1.0)
                .chain(factors.into_iter().map(move |factor| {
                    discount *= factor;
                    discount
                }))
                .collect()
        };
        Script(rows.into_iter().map(row).collect())
    })
}

fn grids() -> impl Strategy<Value = TimeGrid> {
    prop_oneof![
        Just(TimeGrid::monthly(STEPS).unwrap()),
        Just(TimeGrid::regular(STEPS, 4).unwrap()),
        vec(0.01..0.6, STEPS).prop_map(|gaps: Vec<f64>| {
            let mut date = 0.0;
            let dates: Vec<f64> = gaps
                .into_iter()
                .map(|gap| {
                    date += gap;
                    date
                })
                .collect();
            TimeGrid::new(dates).unwrap()
        }),
    ]
}

fn quantity(number: std::ops::Range<f64>, series: &'static str) -> impl Strategy<Value = Quantity> {
    prop_oneof![number.prop_map(Quantity::Number), Just(Quantity::Series(series.into()))]
}

fn backstops() -> impl Strategy<Value = Backstop> {
    let fee = (0.0..1e6, 0.0..1e6).prop_map(|(now, later)| Curve::dated([[0.0, now], [2.0, later]]));
    (option::of(Just("guarantor".to_owned())), option::of(fee))
        .prop_map(|(guarantor, termination_fee)| Backstop { guarantor, termination_fee })
}

/// Who rents, how long the share is empty after a default, who steps in, what was paid in advance.
fn tenancies() -> impl Strategy<Value = (Option<String>, f64, Option<Backstop>, Option<Prepayment>)> {
    let prepayment = (0.0..1e7, 0.01..=1.0_f64, option::of(0.01..2.0_f64))
        .prop_map(|(usd, credited, received)| Prepayment { usd, credited, received });
    let void = prop_oneof![Just(0.0), 0.0..1.0];
    let tenant = (option::of(Just("tenant".to_owned())), void, option::of(backstops()));
    (tenant, option::weighted(0.3, prepayment)).prop_map(|((tenant, reletting_delay, backstop), prepayment)| {
        let backstop = backstop.filter(|_| tenant.is_some());
        (tenant, reletting_delay, backstop, prepayment)
    })
}

/// A third of contracts is paid for by use, or by a minimum.
fn uses() -> impl Strategy<Value = Option<TakeOrPay>> {
    let minimum = prop_oneof![1 => Just(0.0), 1 => Just(1.0), 4 => 0.0..=1.0_f64];
    let terms = (minimum, quantity(0.0..1.0, "utilisation"));
    option::weighted(1.0 / 3.0, terms.prop_map(|(minimum, usage)| TakeOrPay { minimum, usage }))
}

fn contracts() -> impl Strategy<Value = Vec<Contract>> {
    let contract = (0.0..0.5, 0.0..4.0, 0.5..=1.0_f64, 0.0..1.0, 0.01..3.0, (tenancies(), uses()));
    vec(contract, 0..3).prop_map(|contracts| {
        let contract = |(share, rate_usd_per_unit_hour, collected, from, length, (tenancy, take_or_pay))| {
            let (tenant, reletting_delay, backstop, prepayment) = tenancy;
            Contract {
                collected,
                take_or_pay,
                from,
                tenant,
                reletting_delay,
                backstop,
                prepayment,
                ..Contract::new(share, rate_usd_per_unit_hour, from + length)
            }
        };
        contracts.into_iter().map(contract).collect()
    })
}

prop_compose! {
    fn deliveries()(
        at in prop_oneof![Just(0.0), 0.0..1.0],
        (delay_mean, deviation) in prop_oneof![Just((0.0, 0.0)), (0.01..0.5, prop_oneof![Just(0.0), 0.1..2.0])],
        ramp in prop_oneof![Just(0.0), 0.0..1.0],
        contracts in prop_oneof![Just(ContractTerm::Dates), Just(ContractTerm::FromDelivery)],
    ) -> Delivery {
        Delivery { at, delay_mean, delay_deviation: deviation * delay_mean, ramp, contracts }
    }
}

fn fleets() -> impl Strategy<Value = Vec<Fleet>> {
    let units = prop_oneof![5 => 1.0..1500.0, 1 => Just(0.0)];
    let fleet = (
        units,
        0.0..2.0,
        quantity(0.0..0.2, "power"),
        0.0..0.6,
        quantity(0.0..4.0, "rent"),
        0.2..1.5,
        quantity(0.0..1.0, "utilisation"),
        (contracts(), option::weighted(0.3, deliveries())),
    );
    let fleet = fleet.prop_map(
        |(
            units,
            power_kw_per_unit,
            power_usd_per_kwh,
            opex_usd_per_unit_hour,
            rent,
            rent_share,
            utilisation,
            (contracts, delivery),
        )| Fleet {
            name: String::new(),
            asset: "gpu".into(),
            units,
            capex_usd_per_unit: 30e3,
            power_kw_per_unit,
            pue: 1.25,
            power_usd_per_kwh,
            opex_usd_per_unit_hour,
            rent,
            rent_share,
            utilisation,
            contracts,
            delivery,
        },
    );
    vec(fleet, 0..3).prop_map(|mut fleets| {
        for (index, fleet) in fleets.iter_mut().enumerate() {
            fleet.name = format!("fleet {index}");
        }
        fleets
    })
}

fn miners() -> impl Strategy<Value = Vec<Miners>> {
    let miners = (0.0..0.5, 10.0..40.0, quantity(0.0..80.0, "hashprice"), quantity(0.0..0.1, "power"), 0.0..1e6);
    vec(miners, 0..2).prop_map(|miners| {
        let miners_of =
            |(hashrate_eh_s, efficiency_j_per_th, hashprice, power_usd_per_kwh, opex_usd_per_year)| Miners {
                name: "miners".into(),
                asset: "asic".into(),
                units: hashrate_eh_s * 1000.0,
                hashrate_eh_s,
                efficiency_j_per_th,
                hashprice,
                power_usd_per_kwh,
                opex_usd_per_year,
            };
        miners.into_iter().map(miners_of).collect()
    })
}

/// Cash flow in parts of the principal, at times in parts of that to maturity, scaled below; some of it below zero.
fn sculpted() -> impl Strategy<Value = Amortisation> {
    let cash_flow = prop_oneof![4 => 0.0..0.6, 1 => Just(0.0), 1 => -0.2..0.0];
    (vec(cash_flow, 1..6), 1.0..2.0, option::of(0.0..1e6), 0.0..0.3).prop_map(|(cfads, dscr, cap, rate)| {
        let count = cfads.len() as f64;
        let cfads = cfads.into_iter().zip(1..).map(|(amount, j)| (f64::from(j) / count, amount)).collect();
        Amortisation::Sculpted { cfads, dscr, cap, profile_rate: Some(rate) }
    })
}

/// Dates in parts of the time to maturity, amounts in parts of the principal, scaled below.
fn draws() -> impl Strategy<Value = Draws> {
    let spent = prop_oneof![2 => Just(1.0), 1 => 0.0..1.0];
    (vec((0.01..0.95_f64, 0.0..0.5), 0..3), 0.0..0.02, any::<bool>(), spent).prop_map(
        |(schedule, commitment_fee, each, spent)| {
            let repaid = if each { Repaid::Each } else { Repaid::Together };
            Draws { schedule, commitment_fee, repaid, spent }
        },
    )
}

fn amortisations() -> impl Strategy<Value = Amortisation> {
    prop_oneof![
        Just(Amortisation::Bullet),
        (0.02..1.0, option::of(0.0..1e6)).prop_map(|(every, instalment)| Amortisation::Straight { every, instalment }),
        (0.02..1.0, 0.0..0.5).prop_map(|(every, rate)| Amortisation::Level { every, profile_rate: Some(rate) }),
        // Parts of the principal and of the time to maturity, scaled below.
        vec((0.01..=1.0_f64, 0.0..0.3), 0..4).prop_map(Amortisation::Custom),
        sculpted(),
    ]
}

/// What may happen at maturity.
pub type Clauses = (Option<Refinancing>, Option<Extension>, Option<CashTrap>, Option<Sweep>);

fn clauses() -> impl Strategy<Value = Clauses> {
    let funding = (quantity(0.0..1.0, "utilisation"), option::of(0.0..1.0_f64))
        .prop_map(|(availability, threshold)| Funding { availability, threshold });
    let refinancing = (
        (0.0..=1.0_f64, 0.05..3.0, 0.0..0.05),
        option::of(0.5..3.0),
        prop_oneof![Just(0.0), 0.0..=1.0_f64],
        0..3_u32,
        option::weighted(0.3, funding),
    );
    let refinancing = refinancing.prop_map(|((advance_rate, tenor, spread), dscr, balloon, renewals, funding)| {
        Refinancing { dscr, balloon, renewals, funding, ..Refinancing::straight(advance_rate, tenor, spread) }
    });
    let extension = (0.05..1.0, 0.0..0.1, 0.0..0.05, option::of(0.0..2.0_f64), option::of(0.1..2.0_f64), 0..3_u32)
        .prop_map(|(years, fee, spread, dscr, ltv, times)| Extension { years, fee, spread, dscr, ltv, times });
    let trap = (0.05..2.0, 0.0..0.05).prop_map(|(years, spread)| CashTrap { years, spread });
    let sweep = (0.0..=1.0_f64, prop_oneof![Just(0.0), 0.0..1e6]).prop_map(|(share, floor)| Sweep { share, floor });
    let [rarely, seldom] = [0.25, 0.15];
    (
        option::of(refinancing),
        option::weighted(rarely, extension),
        option::weighted(seldom, trap),
        option::weighted(rarely, sweep),
    )
}

/// Part of the time to maturity in which nothing is repaid, and whether there are shares at its end.
type Choice = (f64, Option<Conversion>);

/// Puts and the date of a call in parts of the time to maturity, scaled below.
fn conversions() -> impl Strategy<Value = Conversion> {
    let puts = vec(0.05..=1.0_f64, 0..4).prop_map(|mut puts| {
        puts.sort_by(f64::total_cmp);
        puts.dedup();
        puts
    });
    let hold_above = prop_oneof![2 => Just(1.0), 1 => Just(0.0), 2 => 0.0..1.0_f64];
    let call = (0.0..1.0_f64, 1.0..2.0_f64).prop_map(|(from, above)| SoftCall { from, above });
    (0.1..50.0, puts, hold_above, option::weighted(0.3, call)).prop_map(|(price, puts, hold_above, call)| Conversion {
        price,
        puts,
        hold_above,
        call,
    })
}

/// Its dates so many times as late, the last at most at the maturity.
pub(crate) fn scaled(mut conversion: Conversion, times: f64, maturity: f64) -> Conversion {
    conversion.puts.iter_mut().for_each(|put| *put = f64::min(*put * times, maturity));
    conversion.call.iter_mut().for_each(|call| call.from = f64::min(call.from * times, maturity));
    conversion
}

fn facilities() -> impl Strategy<Value = Vec<Facility>> {
    let principal = prop_oneof![6 => 1e4..2e7, 1 => Just(0.0)];
    let coupon = prop_oneof![
        3 => (0.0..0.3_f64).prop_map(Coupon::Fixed),
        1 => Just(Coupon::Fixed(0.0)),
        1 => Just(Coupon::Fixed(1.0)),
        3 => (0.0..0.1, 0.0..0.05).prop_map(|(spread, floor)| {
            Coupon::Floating(Floating { series: "rate".into(), spread, floor })
        }),
    ];
    let reserve =
        (0.0..24.0, prop_oneof![Just(0.0), 0.0..1e5]).prop_map(|(months, initial)| Reserve { months, initial });
    let reserve = option::weighted(0.2, reserve);
    let pik = prop_oneof![4 => Just(0.0), 1 => 0.0..=1.0_f64];
    let facility = (
        principal,
        coupon,
        amortisations(),
        (0.0..0.8, option::weighted(0.15, conversions())),
        0.02..4.0,
        clauses(),
        option::weighted(0.25, draws()),
        pik,
        reserve,
    );
    // In a third of the cases other ranks than the order of the list, often with two of one rank.
    let ranks = option::weighted(1.0 / 3.0, [0..3_u32, 0..3, 0..3]);
    (vec(facility, 0..4), ranks).prop_map(|(facilities, ranks)| {
        let facility = |(
            index,
            (principal, coupon, mut amortisation, (waiting, conversion), maturity, clauses, mut draws, pik, reserve),
        ): (usize, (f64, _, _, Choice, f64, Clauses, Option<Draws>, _, _))| {
            if conversion.is_some() {
                (amortisation, draws) = (Amortisation::Bullet, None);
            }
            if let Amortisation::Custom(instalments) = &mut amortisation {
                for (years, amount) in instalments {
                    *years *= maturity;
                    *amount *= principal;
                }
            }
            if let Amortisation::Sculpted { cfads, .. } = &mut amortisation {
                for (years, amount) in cfads {
                    *years *= maturity;
                    *amount *= principal;
                }
            }
            if let Some(draws) = &mut draws {
                for (years, amount) in &mut draws.schedule {
                    *years *= maturity;
                    *amount *= principal;
                }
                let is_share = matches!(
                    amortisation,
                    Amortisation::Bullet | Amortisation::Level { .. } | Amortisation::Straight { instalment: None, .. }
                );
                draws.repaid = if is_share { draws.repaid } else { Repaid::Together };
            }
            Facility {
                draws,
                pik,
                reserve,
                coupon,
                amortisation,
                interest_only: if conversion.is_some() { 0.0 } else { waiting * maturity },
                conversion: conversion.map(|conversion| scaled(conversion, maturity, maturity)),
                refinancing: clauses.0,
                extension: clauses.1,
                cash_trap: clauses.2,
                sweep: clauses.3,
                ..Facility::bullet(format!("facility {index}"), "lender", principal, 0.0, maturity)
            }
        };
        let mut facilities: Vec<_> = facilities.into_iter().enumerate().map(facility).collect();
        for (facility, rank) in facilities.iter_mut().zip(ranks.iter().flatten()) {
            facility.rank = Some(*rank);
        }
        facilities
    })
}

/// Two in five borrowers have covenants, and half of those owners who cure.
fn promises() -> impl Strategy<Value = (Vec<Covenant>, Option<EquityCure>)> {
    let years = || prop_oneof![0.01..1.0_f64, Just(0.25)];
    let test = prop_oneof![
        2 => (0.2..2.0, years()).prop_map(|(at_least, years)| CovenantTest::Dscr { at_least, years }),
        1 => (0.2..2.0).prop_map(|at_most| CovenantTest::Ltv { at_most }),
        1 => (0.0..3e6).prop_map(|at_least| CovenantTest::Liquidity { at_least }),
        1 => (0.0..0.8, years()).prop_map(|(at_least, years)| {
            CovenantTest::Utilisation { fleet: "fleet 0".into(), at_least, years }
        }),
    ];
    let acceleration =
        (prop_oneof![Just(0.0), 0.0..0.8], 0.0..=1.0_f64).prop_map(|(cure, waiver)| Acceleration { cure, waiver });
    let from = prop_oneof![2 => Just(0.0), 1 => 0.0..1.0];
    let sweep = prop_oneof![2 => Just(0.0), 1 => 0.0..=1.0_f64];
    let covenant = (test, from, sweep, option::of(acceleration)).prop_map(|(test, from, sweep, acceleration)| {
        Covenant { from, sweep, acceleration, ..Covenant::new("", test) }
    });
    let equity = (1e5..1e9, 0..4_u32, quantity(0.0..1.0, "utilisation"))
        .prop_map(|(most, times, availability)| EquityCure { most, times, availability });
    (option::weighted(0.4, vec(covenant, 1..4)).prop_map(Option::unwrap_or_default), option::of(equity))
}

/// The covenants, named; of utilisation where there is a fleet.
fn kept(mut covenants: Vec<Covenant>, fleets: &[Fleet]) -> Vec<Covenant> {
    covenants.retain(|covenant| !fleets.is_empty() || !matches!(covenant.test, CovenantTest::Utilisation { .. }));
    for (index, covenant) in covenants.iter_mut().enumerate() {
        covenant.name = format!("covenant {index}");
    }
    covenants
}

/// One borrower in five pays tax, as many spend money on machines to come.
fn taxes() -> impl Strategy<Value = (Option<Tax>, Vec<Outlay>)> {
    let tax = (0.0..=0.5_f64, 0.0..1e7, 0.0..2.0, any::<[bool; 2]>());
    let tax = tax.prop_map(|(rate, depreciation_usd_per_year, depreciated_until, [are_kept, by_year])| Tax {
        rate,
        depreciation_usd_per_year,
        depreciated_until,
        losses: if are_kept { Losses::CarriedForward } else { Losses::Forfeited },
        settlement: if by_year { Settlement::Year } else { Settlement::Step },
    });
    let outlay = (0.01..3.0, 0.0..5e6).prop_map(|(at, usd)| Outlay { at, usd });
    let outlays = option::weighted(0.2, vec(outlay, 1..3)).prop_map(Option::unwrap_or_default);
    (option::weighted(0.2, tax), outlays)
}

/// What is cut of overhead and outlays while a covenant is breached, and sold of coins.
fn cuts() -> impl Strategy<Value = ([f64; 2], Option<CoinSales>)> {
    let kept = prop_oneof![Just(0.0), 0.0..=1.0_f64];
    let sales = (prop_oneof![Just(0.0), 0.0..2.0], kept).prop_map(|(over, kept)| CoinSales { over, kept });
    ([0.0..=1.0_f64, 0.0..=1.0_f64], option::of(sales))
}

/// One borrower in five rents machines too.
fn hired() -> impl Strategy<Value = Vec<Hired>> {
    let quantities = (quantity(0.0..4.0, "rent"), quantity(0.0..1.0, "utilisation"), quantity(0.0..4.0, "rent"));
    let hired = (0.0..500.0, quantities, 0.0..1.5, prop_oneof![Just(0.0), 0.0..=1.0_f64]);
    let hired = hired.prop_map(|(units, (price, demand, rent), rent_share, committed)| Hired {
        rent_share,
        committed,
        ..Hired::new("hired", units, price, demand, rent)
    });
    option::weighted(0.2, hired).prop_map(|hired| hired.into_iter().collect())
}

/// Every form of support, by a sponsor who is able to give it more often than not.
fn sponsors() -> impl Strategy<Value = Sponsor> {
    let form = prop_oneof![
        2 => Just(SupportForm::Liquidity),
        1 => (0.0..=1.0_f64, any::<bool>()).prop_map(|(share, both)| SupportForm::DebtForEquity {
            facilities: ["facility 1", "facility 0"][usize::from(!both)..].iter().map(|name| (*name).into()).collect(),
            share,
        }),
        2 => (0.0..10.0_f64).prop_map(|valuation| SupportForm::Takeover { valuation }),
    ];
    let capacity = prop_oneof![4 => 1e5..1e9, 1 => Just(0.0)];
    let odds = (-3.0..6.0, -2.0..4.0, -2.0..2.0, 0.0..3.0);
    (form, capacity, quantity(0.5..1.0, "utilisation"), quantity(-1.0..1.0, "utilisation"), odds).prop_map(
        |(form, capacity, state, conditions, (intercept, state_weight, conditions_weight, need_weight))| Sponsor {
            state,
            conditions,
            state_weight,
            conditions_weight,
            need_weight,
            // In a third of the cases, a part of it.
            commitment: (need_weight < 1.0).then_some(0.5 * capacity),
            ..Sponsor::new("sponsor", form, capacity, intercept)
        },
    )
}

/// The sponsor, if it names only facilities that there are.
fn able(sponsor: Option<Sponsor>, facilities: &[Facility]) -> Option<Sponsor> {
    let mut sponsor = sponsor?;
    if let SupportForm::DebtForEquity { facilities: named, .. } = &mut sponsor.form {
        named.retain(|name| facilities.iter().any(|facility| facility.name == *name));
        if named.is_empty() {
            sponsor.form = SupportForm::Liquidity;
        }
    }
    Some(sponsor)
}

prop_compose! {
    fn step_ins()(
        delay in prop_oneof![Just(0.0), 0.0..0.5],
        horizon in 0.0..2.0,
        discount_rate in 0.0..0.3,
        revenue_decline in -0.2..0.6,
        price_decline in -0.3..0.6,
        operator_share in prop_oneof![Just(0.0), 0.0..0.3],
    ) -> StepIn {
        StepIn { delay, horizon, discount_rate, revenue_decline, price_decline, operator_share }
    }
}

fn margins() -> impl Strategy<Value = Margin> {
    let release = option::weighted(0.3, 1.0..1.5);
    let cure = prop_oneof![Just(0.0), 0.0..0.5];
    (1.01..4.0, 0.5..=1.0_f64, prop_oneof![Just(0.0), 0.5..=1.0_f64], cure, release).prop_map(
        |(initial, call, liquidation, cure, release)| {
            let call = f64::min(call * initial, initial);
            let liquidation = f64::min(liquidation * call, call);
            Margin { initial, call, liquidation, cure, release: release.map(|more| more * initial) }
        },
    )
}

/// Security by facility: of each thing a lien on the whole, a part, or nothing; never pledged twice.
type Securities = Option<Vec<Option<(Vec<u8>, bool, Option<Margin>)>>>;

fn securities() -> impl Strategy<Value = Securities> {
    let security = (vec(0..4_u8, 6), any::<bool>(), option::weighted(0.8, margins()));
    option::weighted(0.4, vec(option::weighted(0.7, security), 4))
}

/// Gives the facilities of a borrower security.
fn secure(borrower: &mut Borrower, securities: Securities) {
    let Some(securities) = securities else { return };
    let fleets = borrower.fleets.iter().map(|fleet| (fleet.name.clone(), fleet.units));
    let miners = borrower.miners.iter().map(|miners| (miners.name.clone(), miners.units));
    let coins = borrower.treasury.iter().map(|coins| (coins.asset.clone(), coins.units));
    let things: Vec<_> = fleets.chain(miners).chain(coins).collect();
    for (facility, security) in borrower.facilities.iter_mut().zip(securities) {
        let Some((kinds, is_limited, margin)) = security else { continue };
        let lien = |((name, units), kind): (&(String, f64), u8)| match kind {
            0 => Some(Lien::whole(name)),
            // Up to three facilities.
            1 if *units > 0.0 => Some(Lien::part(name, 0.3 * units)),
            _ => None,
        };
        let on: Vec<_> = things.iter().zip(kinds).filter_map(lien).collect();
        let recourse = if is_limited && !on.is_empty() { Recourse::Limited } else { Recourse::Full };
        facility.security = Some(Security { on, recourse });
        facility.margin = margin;
        // Nobody says which of the lenders would operate.
        borrower.step_in = None;
    }
    keep_margins(borrower);
}

/// A margin clause stays where coins secure the loan alone, and coins are given back where the rest of them is free.
fn keep_margins(borrower: &mut Borrower) {
    let is_whole = |facility: &Facility, asset: &str| {
        let liens = facility.security.iter().flat_map(|security| &security.on);
        facility.security.is_some() && liens.into_iter().any(|lien| *lien == Lien::whole(asset))
    };
    let taken: Vec<&str> = ["btc", "eth"]
        .into_iter()
        .filter(|asset| borrower.facilities.iter().any(|facility| is_whole(facility, asset)))
        .collect();
    for facility in &mut borrower.facilities {
        let liens: Vec<Lien> = facility.security.iter().flat_map(|security| security.on.clone()).collect();
        let part_of = |asset: &str| liens.iter().any(|lien| matches!(lien, Lien::Part { of, .. } if of == asset));
        let holds = ["btc", "eth"].map(part_of);
        let is_alone = !["btc", "eth"].iter().any(|asset| liens.contains(&Lien::whole(*asset)));
        let is_free = ["btc", "eth"].iter().zip(holds).all(|(asset, held)| !held || !taken.contains(asset));
        facility.margin = facility
            .margin
            .filter(|_| is_alone && holds.contains(&true))
            .map(|margin| Margin { release: margin.release.filter(|_| is_free), ..margin });
    }
}

prop_compose! {
    pub fn borrowers(name: &'static str)(
        cash in prop_oneof![Just(0.0), 0.0..1e7],
        overhead_usd_per_year in prop_oneof![Just(0.0), 0.0..1e6],
        revenue_volatility in prop_oneof![Just(0.0), 0.0..1.0],
        fleets in fleets(),
        miners in miners(),
        coins in vec(0.0..100.0, 0..3),
        facilities in facilities(),
        grace in prop_oneof![Just(0.0), 0.0..1.0],
        distribution in option::of((0.0..=1.0_f64, 0.0..1e6)),
        delay in prop_oneof![Just(0.0), 0.0..1.0],
        over in prop_oneof![Just(0.0), 0.0..2.0],
        (step_in, (covenants, equity_cure)) in (option::of(step_ins()), promises()),
        preferred_usd in prop_oneof![2 => Just(0.0), 1 => 0.0..1e6],
        securities in securities(),
        (sponsor, hired, shares, (tax, outlays), cuts) in (option::weighted(0.3, sponsors()), hired(), 1e4..1e6, taxes(), option::of(cuts())),
    ) -> Borrower {
        let treasury = coins.into_iter().zip(["btc", "eth"]);
        let covenants = kept(covenants, &fleets);
        let sponsor = able(sponsor, &facilities);
        let response = cuts.zip(covenants.first()).map(|(([overhead_cut, outlays_cut], coin_sales), covenant)| Response {
            covenant: covenant.name.clone(),
            overhead_cut,
            outlays_cut,
            coin_sales,
        });
        let mut borrower = Borrower {
            cash,
            overhead_usd_per_year,
            revenue_volatility,
            tax,
            outlays,
            response,
            fleets,
            miners,
            // A lender operates nothing that is rented.
            step_in: step_in.filter(|_| hired.is_empty()),
            hired,
            treasury: treasury.map(|(units, asset)| Treasury { asset: asset.into(), units }).collect(),
            facilities,
            grace,
            distribution: distribution.map(|(share, floor)| Distribution { share, floor }),
            liquidation: Disposal { delay, over },
            preferred_usd,
            shares,
            covenants,
            equity_cure,
            sponsor,
            ..Borrower::new(name)
        };
        secure(&mut borrower, securities);
        borrower
    }
}

/// Every series that the borrowers read, and the discount factor, by name.
pub type AllSeries = Vec<(&'static str, Script)>;

prop_compose! {
    fn series()(
        rent in scripts(0.0, 4.0),
        utilisation in scripts(0.0, 1.0),
        hashprice in scripts(0.0, 80.0),
        power in scripts(0.0, 0.15),
        gpu in scripts(100.0, 40e3),
        asic in scripts(1.0, 20e3),
        btc in scripts(1e3, 120e3),
        eth in scripts(1e2, 5e3),
        rate in scripts(-0.02, 0.3),
        discount in discounts(),
        (tenant, guarantor) in (failures(), failures()),
    ) -> AllSeries {
        vec![
            ("rent", rent), ("utilisation", utilisation), ("hashprice", hashprice), ("power", power), ("gpu", gpu),
            ("asic", asic), ("btc", btc), ("eth", eth), ("rate", rate), ("discount", discount),
            ("tenant", tenant), ("guarantor", guarantor),
        ]
    }
}

/// Every form of impact, the plain one more often.
fn forms() -> impl Strategy<Value = ImpactForm> {
    prop_oneof![
        2 => Just(ImpactForm::Exponential),
        1 => Just(ImpactForm::Linear),
        1 => (1.0..2e4).prop_map(|floor| ImpactForm::Bounded { floor }),
    ]
}

/// What moves the depth: nothing, a series above zero, or one taken as states. (Where there are no buyers, the dust that rounding
/// leaves of a sale decides the price.).
fn conditions() -> impl Strategy<Value = Option<Conditions>> {
    let states = Conditions::States { state: "hashprice".into(), multipliers: vec![0.2, 1.0, 0.5] };
    prop_oneof![
        2 => Just(None),
        1 => Just(Some(Conditions::Multiplier("discount".into()))),
        1 => Just(Some(states)),
    ]
}

prop_compose! {
    /// Half of the classes have none of them.
    pub fn features()(
        form in forms(),
        in_money in any::<bool>(),
        buyers in 0.1..=1.0_f64,
        conditions in conditions(),
        (age, depth_half_life) in (0.0..5.0, 0.5..5.0),
        (moving_usd_per_unit, idle, idle_decline) in (0.0..500.0, 0.0..0.5, 0.0..0.5),
        permanent in 0.0..=1.0_f64,
        is_plain in any::<bool>(),
    ) -> Features {
        let plain = Asset::liquid("", "");
        if is_plain {
            return Features(plain);
        }
        Features(Asset {
            form,
            depth_unit: if in_money { DepthUnit::Usd } else { DepthUnit::Units },
            buyers: Buyers::Share(buyers),
            conditions,
            age,
            depth_half_life,
            moving_usd_per_unit,
            idle,
            idle_decline,
            permanent,
            time_to_sell: vec![(0.1, 0.85), (0.5, 1.0)],
            ..plain
        })
    }
}

/// Everything that a class can have besides depth in units, impact and memory.
#[derive(Debug, Clone)]
pub struct Features(Asset);

impl Features {
    /// The class with these features.
    pub fn of(&self, asset: Asset) -> Asset {
        let scale = if self.0.depth_unit == DepthUnit::Usd { 1e4 } else { 1.0 };
        Asset {
            name: asset.name,
            price: asset.price,
            depth_per_month: asset.depth_per_month * scale,
            impact: asset.impact,
            moving_cost: asset.moving_cost,
            scrap: asset.scrap,
            persistence: asset.persistence,
            permanent: self.0.permanent * (1.0 - asset.persistence),
            recovery_half_life: asset.recovery_half_life,
            ..self.0.clone()
        }
    }
}

prop_compose! {
    /// A market with impact, costs and memory for the classes that borrowers own.
    pub fn trades()(
        depth in 1.0..5e3, impact in 0.0..1.0, moving_cost in 0.0..0.3, persistence in 0.0..=1.0_f64, half_life in 0.05..2.0,
        features in features(), feedback in prop_oneof![2 => Just(Feedback::On), 1 => Just(Feedback::WithinStep)],
    ) -> LiquidationMarket {
        let sticky = |name: &str| features.of(Asset {
            depth_per_month: depth,
            impact,
            moving_cost,
            persistence,
            recovery_half_life: half_life,
            ..Asset::liquid(name, name)
        });
        let assets = vec![sticky("gpu"), sticky("asic"), Asset::liquid("btc", "btc"), Asset::liquid("eth", "eth")];
        LiquidationMarket { assets, feedback }
    }
}

/// A borrower in its world.
#[derive(Debug, Clone)]
pub struct World {
    pub series: AllSeries,
    pub trade: LiquidationMarket,
    pub grid: TimeGrid,
}

impl World {
    pub fn simulation(&self, book: Book) -> Simulation {
        Simulation::new(super::scripted(self.series.clone()), book.liquidation(self.trade.clone()))
            .grid(self.grid.clone())
            .paths(PATHS as u64)
            .threads(1)
    }
}

prop_compose! {
    pub fn worlds()(series in series(), trade in trades(), grid in grids()) -> World {
        World { series, trade, grid }
    }
}
