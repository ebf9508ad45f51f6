//! The credit side against numbers from outside: amortisation tables, deals, worked examples, structural models of
//! default. A weaker test (that there is a default, that a loss is positive) would miss a wrong date, sign or discount.
#![allow(clippy::float_cmp, reason = "exact degenerate cases are compared exactly")]
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up should say where")]

mod ledger;

use haircut::Simulation;
use haircut::credit::{
    Amortisation, Asset, Book, Borrower, CashTrap, Cause, Contract, Coupon, Disposal, Distribution, Draws, Extension,
    Facility, Feedback, Fleet, Floating, Funding, LiquidationMarket, Miners, Refinancing, Repaid, Reserve, Sweep,
    Treasury,
};
use haircut::measure::DefaultTable;
use haircut::numeric::{PATHS, TimeGrid};
use ledger::{
    Ledger, Record, assert_cents, assert_rounding, cash_cow, facility, follow, liquid, script, scripted, trading, tree,
};

fn nothing_for_sale() -> LiquidationMarket {
    LiquidationMarket::default()
}

/// A borrower with ample cash, so that it pays what is due.
fn rich(facilities: impl Into<Vec<Facility>>) -> Borrower {
    Borrower { cash: 1e9, facilities: facilities.into(), ..Borrower::new("rich") }
}

mod amortisation {
    //! F01, F02, F05 of the reference cases.
    use super::*;

    /// Level payment mortgage: 200,000 at 7.5 % / 12 over 180 months pays 1,854.0247 a month (Excel PMT).
    #[test]
    fn a_level_mortgage_pays_the_annuity() {
        let every = 1.0 / 12.0;
        let mortgage = facility("mortgage", 200e3, 0.075, Amortisation::Level { every, profile_rate: None }, 15.0);
        let record = follow(scripted([]), nothing_for_sale(), rich([mortgage]), 181, 12);
        for (step, due) in record.row("debt_service_due", 0).into_iter().enumerate() {
            assert_rounding(due, if step < 180 { 1854.0247200054619 } else { 0.0 });
        }
        for (step, balance) in [(1, 199395.97527999454), (0, 200e3), (180, 0.0), (181, 0.0)] {
            assert_rounding(record.at("balance", step, 0), balance);
        }
        let interest = record.row("debt_service_paid", 0).iter().sum::<f64>() - 200e3;
        assert_cents(interest, 133724.45);
    }

    /// The example of numpy-financial's `ipmt`: 2,500 at 8.24 % / 12 over 12 months.
    #[test]
    fn a_level_loan_pays_the_interest_of_the_published_table() {
        let every = 1.0 / 12.0;
        let loan = facility("loan", 2500.0, 0.0824, Amortisation::Level { every, profile_rate: None }, 1.0);
        let record = follow(scripted([]), nothing_for_sale(), rich([loan]), 12, 12);
        let interest = [
            17.166666666666668,
            15.789337457350777,
            14.402550587464257,
            13.006241114404524,
            11.600343649629737,
            10.18479235559687,
            8.759520942678298,
            7.324462666057678,
            5.879550322604295,
            4.424716247725826,
            2.9598923121998877,
            1.4850099189833388,
        ];
        for (step, interest) in (1..).zip(interest) {
            let repaid = record.at("balance", step - 1, 0) - record.at("balance", step, 0);
            assert_rounding(record.at("debt_service_due", step, 0) - repaid, interest);
        }
        assert_rounding(record.at("balance", 12, 0), 0.0);
    }

    /// A bullet of 1,000 at 10 % over three years pays 100, 100, 1,100, worth par at 10 %.
    #[test]
    fn a_bullet_is_worth_par_at_its_coupon() {
        let record = follow(
            scripted([]),
            nothing_for_sale(),
            rich([facility("bullet", 1000.0, 0.10, Amortisation::Bullet, 3.0)]),
            4,
            1,
        );
        let paid = record.row("debt_service_paid", 0);
        assert_eq!(paid, [100.0, 100.0, 1100.0, 0.0]);
        let value: f64 = paid.iter().zip(1..).map(|(paid, year)| paid / 1.1_f64.powi(year)).sum();
        assert_rounding(value, 1000.0);
    }

    /// Straight, interest-only, balloon and custom, by hand; and a floating coupon that is reset in advance.
    #[test]
    fn every_other_amortisation_by_hand() {
        let due = |facility: Facility, steps| {
            let rate = script([0.04, 0.05, 0.06, 0.07, 0.08, 0.09]);
            follow(scripted([("rate", rate)]), nothing_for_sale(), rich([facility]), steps, 2)
                .row("debt_service_due", 0)
        };
        let straight = Amortisation::Straight { every: 0.5, instalment: None };
        assert_eq!(due(facility("straight", 400.0, 0.10, straight.clone(), 2.0), 5), [120.0, 115.0, 110.0, 105.0, 0.0]);
        let waiting = Facility { interest_only: 1.0, ..facility("io", 400.0, 0.10, straight, 2.0) };
        assert_eq!(due(waiting, 5), [20.0, 20.0, 220.0, 210.0, 0.0]);
        let balloon = Amortisation::Straight { every: 0.5, instalment: Some(50.0) };
        assert_eq!(due(facility("balloon", 400.0, 0.10, balloon, 2.0), 4), [70.0, 67.5, 65.0, 262.5]);
        let custom = Amortisation::Custom(vec![(1.0, 100.0), (0.5, 50.0)]);
        assert_eq!(due(facility("custom", 400.0, 0.10, custom, 2.0), 4), [70.0, 117.5, 12.5, 262.5]);
        // Fixed at the start of the half-year: 4 % + 1 %, 5 % + 1 %, ..; a floor of 6.5 % lifts the first three.
        let floating = |floor| Facility {
            coupon: Coupon::Floating(Floating { series: "rate".into(), spread: 0.01, floor }),
            ..facility("floating", 400.0, 0.0, Amortisation::Bullet, 10.0)
        };
        for (due, expected) in due(floating(0.0), 4).into_iter().zip([10.0, 12.0, 14.0, 16.0]) {
            assert_rounding(due, expected);
        }
        for (due, expected) in due(floating(0.065), 4).into_iter().zip([15.0, 15.0, 15.0, 16.0]) {
            assert_rounding(due, expected);
        }
        // A level profile of its own rate under a floating coupon: instalments 190.476.., 209.523.. at 10 %.
        let profile = Amortisation::Level { every: 1.0, profile_rate: Some(0.10) };
        let level = Facility { amortisation: profile, maturity: 2.0, ..floating(0.0) };
        let due = due(level, 4);
        assert_rounding(due[1], 12.0 + 400.0 / 2.1);
        assert_rounding(due[3], 400.0 * 1.1 / 2.1 * (1.0 + 0.08 / 2.0));
    }

    /// On a grid that skips dates, instalments fall on the next date and nothing is lost.
    #[test]
    fn dates_between_grid_dates_fall_on_the_next() {
        let loan = facility("loan", 300.0, 0.0, Amortisation::Straight { every: 1.0 / 12.0, instalment: None }, 0.25);
        let borrower = rich([loan]);
        let run = |dates: &[f64]| {
            let grid = TimeGrid::new(dates).unwrap();
            let simulation = Simulation::new(scripted([]), Book::new([borrower.clone()])).grid(grid).paths(1);
            simulation.run(Ledger("rich".into())).unwrap().row("debt_service_due", 0)
        };
        assert_eq!(run(&[0.1, 0.2, 0.3]), [100.0, 100.0, 100.0]);
        assert_eq!(run(&[0.05, 0.17, 1.0]), [0.0, 200.0, 100.0]);
        assert_eq!(run(&[2.0]), [300.0]);
        // A maturity beyond the horizon does not come.
        assert_eq!(run(&[0.1]), [100.0]);
    }
}

mod deals {
    //! Real structures at zero volatility against a spreadsheet.
    use super::*;

    /// 79,900 H100 against 2,300 MUSD: CoreWeave's first delayed-draw term loan, 115 MUSD a quarter after month 12. Terms:
    /// 10-Q; 36 kUSD a unit, 1.4 kW x 1.25 x 0.06 USD, 0.30 USD/h other costs, 15 % and the rent are assumptions.
    fn hopper_loan(rent: f64) -> Borrower {
        let fleet = Fleet {
            name: "H100".into(),
            asset: "h100".into(),
            units: 79_900.0,
            capex_usd_per_unit: 36_000.0,
            power_kw_per_unit: 1.4,
            pue: 1.25,
            power_usd_per_kwh: 0.06.into(),
            opex_usd_per_unit_hour: 0.30,
            rent: 0.0.into(),
            rent_share: 1.0,
            utilisation: 0.0.into(),
            contracts: vec![Contract { collected: 0.95, ..Contract::new(1.0, rent, 3.0) }],
            delivery: None,
        };
        let loan = Facility {
            interest_only: 1.0,
            ..facility("DDTL", 2300e6, 0.15, Amortisation::Straight { every: 0.25, instalment: Some(115e6) }, 5.0)
        };
        Borrower { cash: 500e6, fleets: vec![fleet], facilities: vec![loan], ..Borrower::new("Hopper") }
    }

    /// The same year in a spreadsheet: months in rows, no code shared with the crate.
    fn spreadsheet(rent: f64, months: std::ops::RangeInclusive<usize>) -> (f64, f64) {
        let (mut balance, mut cfads, mut service) = (2300e6, 0.0, 0.0);
        for month in 1..=*months.end() {
            let interest = balance * 0.15 / 12.0;
            let principal = if month > 12 && month % 3 == 0 { 115e6 } else { 0.0 };
            balance -= principal;
            if months.contains(&month) {
                let hours = 79_900.0 * 8760.0 / 12.0;
                cfads += hours * (0.95 * rent - 1.4 * 1.25 * 0.06 - 0.30);
                service += interest + principal;
            }
        }
        (cfads, service)
    }

    /// DSCR of the first year with instalments, months 13 to 24, of 2.11, 1.68, 1.26 and 0.92 at 2.90, 2.40, 1.90, 1.50 USD/h.
    #[test]
    fn the_hopper_loan_covers_its_service_as_the_spreadsheet_says() {
        for (rent, dscr) in [(2.90, 2.11), (2.40, 1.68), (1.90, 1.26), (1.50, 0.92)] {
            let h100 = scripted([("price", script([30e3]))]);
            let record = follow(h100, trading([liquid("h100", "price")]), hopper_loan(rent), 36, 12);
            let sum = |metric: &str, months: std::ops::RangeInclusive<usize>| {
                months.map(|month| record.at(metric, month, 0)).sum::<f64>()
            };
            for months in [1..=12, 13..=24, 25..=36] {
                let (cfads, service) = spreadsheet(rent, months.clone());
                assert_rounding(sum("cfads", months.clone()), cfads);
                assert_rounding(sum("debt_service_due", months), service);
            }
            let year_one = sum("cfads", 13..=24) / sum("debt_service_due", 13..=24);
            assert!((year_one - dscr).abs() < 0.005, "{rent} USD/h: {year_one}, not {dscr}");
        }
        let borrower = hopper_loan(2.40);
        assert_eq!(borrower.capex(), 79_900.0 * 36_000.0);
        assert!((borrower.debt() / borrower.capex() - 0.80).abs() < 0.001, "loan to cost of 80 %");
    }

    /// A hybrid miner (MARA type): 60.4 EH/s at 18.5 J/TH and 4 c/kWh earns 415 MUSD a year at a hashprice of 36.6
    /// USD/PH/day, 248 at 29.0; at 17 it is switched off.
    #[test]
    fn the_miner_earns_the_margin_of_the_spreadsheet() {
        let miners = Miners {
            name: "fleet".into(),
            asset: "asic".into(),
            units: 60_400.0,
            hashrate_eh_s: 60.4,
            efficiency_j_per_th: 18.5,
            hashprice: "hashprice".into(),
            power_usd_per_kwh: 0.04.into(),
            opex_usd_per_year: 0.0,
        };
        let borrower = Borrower { miners: vec![miners], ..Borrower::new("miner") };
        // 60,400 PH x 365 d x hashprice; 60.4e6 TH/s x 18.5 J/TH = 1,117,400 kW.
        let (per_dollar, power) = (60_400.0 * 365.0, 1_117_400.0 * 8760.0 * 0.04);
        for (hashprice, expected, rounded) in
            [(36.6, 36.6 * per_dollar - power, 415e6), (29.0, 29.0 * per_dollar - power, 248e6), (17.0, 0.0, 0.0)]
        {
            let market = scripted([("hashprice", script([hashprice])), ("asic_price", script([10.0]))]);
            let record = follow(market, trading([liquid("asic", "asic_price")]), borrower.clone(), 12, 12);
            let margin: f64 = record.row("cfads", 0).iter().sum();
            assert_rounding(margin, expected);
            assert!((margin - rounded).abs() < 0.5e6, "{hashprice}: {margin}");
        }
    }
}

mod worked_examples {
    //! The examples of `docs/credit.md`, to the cent.
    use super::*;

    fn refinancing(advance_rate: f64, tenor: f64, spread: f64) -> Option<Refinancing> {
        Some(Refinancing::straight(advance_rate, tenor, spread))
    }

    /// Two lenders of one rank and a junior one. Year 1 pays 90,000 of 60,000 + 60,000: 45,000 each. Year 2 pays a third of
    /// 76,500 + 78,000, then default: half of 651,000 + 352,000 is recovered, nothing of the junior 100,000.
    #[test]
    fn lenders_of_one_rank_share() {
        let of_rank = |rank, loan| Facility { rank: Some(rank), ..loan };
        let bullet = |name, principal, coupon| facility(name, principal, coupon, Amortisation::Bullet, 5.0);
        let borrower = Borrower {
            fleets: vec![cash_cow("machine", 100.0, 1.0, "cash flow")],
            facilities: vec![
                of_rank(7, bullet("c", 100_000.0, 0.0)),
                of_rank(2, bullet("a", 600_000.0, 0.1)),
                of_rank(2, bullet("b", 300_000.0, 0.2)),
            ],
            grace: 1.0,
            ..Borrower::new("borrower")
        };
        let market = scripted([("cash flow", script([0.0, 90e3, 51.5e3])), ("price", script([5015.0]))]);
        let record = follow(market, trading([liquid("machine", "price")]), borrower, 2, 1);
        let rows = [
            ("a.interest_paid", [45_000.0, 25_500.0]),
            ("b.interest_paid", [45_000.0, 26_000.0]),
            ("a.claim", [15_000.0, 325_500.0]),
            ("b.claim", [15_000.0, 176_000.0]),
            ("c.claim", [0.0, 100_000.0]),
            ("a.balance", [600_000.0, 0.0]),
            ("a.recovered", [0.0, 325_500.0]),
            ("b.recovered", [0.0, 176_000.0]),
            ("c.recovered", [0.0, 0.0]),
            ("a.principal_paid", [0.0, 0.0]),
        ];
        for (metric, amounts) in rows {
            for (found, amount) in record.row(metric, 0).into_iter().zip(amounts) {
                assert_cents(found, amount);
            }
        }
        assert_eq!(record.at("a.drawn", 0, 0), 600_000.0);
        for (exposure, expected) in record.exposure.iter().zip([100_000.0, 651_000.0, 352_000.0]) {
            assert_cents(exposure[0], expected);
        }
    }

    /// 4,000 at 10 %, repaid 1,000 a year. Year 1 pays 1,000 of 1,400: the interest of 400, and 600 of principal. Year 2
    /// pays all of 300 + 1,000 + 400 x 1.1: 340 of interest and 1,400 of principal.
    #[test]
    fn a_payment_goes_to_interest_first() {
        let straight = Amortisation::Straight { every: 1.0, instalment: None };
        let borrower = Borrower {
            fleets: vec![cash_cow("machine", 1.0, 1.0, "cash flow")],
            facilities: vec![facility("loan", 4000.0, 0.1, straight, 4.0)],
            grace: 2.0,
            ..Borrower::new("borrower")
        };
        let market = scripted([("cash flow", script([0.0, 1000.0, 1740.0])), ("price", script([0.0]))]);
        let record = follow(market, trading([liquid("machine", "price")]), borrower, 2, 1);
        for (metric, amounts) in [
            ("loan.interest_paid", [400.0, 340.0]),
            ("loan.principal_paid", [600.0, 1400.0]),
            ("loan.claim", [400.0, 0.0]),
            ("loan.balance", [3000.0, 2000.0]),
        ] {
            for (found, amount) in record.row(metric, 0).into_iter().zip(amounts) {
                assert_cents(found, amount);
            }
        }
    }

    /// One loan of 1,000,000 at 8 % that is due in year 1, machines worth `mark`, cash flow by year, all cash to owners.
    fn balloon(loan: Facility, cash_flow: &[f64], mark: f64) -> Record {
        let borrower = Borrower {
            fleets: vec![cash_cow("machine", 100.0, 1.0, "cash flow")],
            facilities: vec![loan],
            distribution: Some(Distribution { share: 1.0, floor: 0.0 }),
            ..Borrower::new("borrower")
        };
        let cash_flow = std::iter::once(0.0).chain(cash_flow.iter().copied()).collect::<Vec<_>>();
        let years = cash_flow.len() - 1;
        let market = scripted([("cash flow", script(cash_flow)), ("price", script([mark / 100.0]))]);
        follow(market, trading([liquid("machine", "price")]), borrower, years, 1)
    }

    fn a_million() -> Facility {
        facility("loan", 1e6, 0.08, Amortisation::Bullet, 1.0)
    }

    fn assert_rows<const YEARS: usize>(record: &Record, rows: &[(&str, [f64; YEARS])]) {
        for (metric, amounts) in rows {
            for (found, amount) in record.row(metric, 0).into_iter().zip(amounts) {
                assert!((found - amount).abs() < 0.005, "{metric}: {found}, not {amount}");
            }
        }
    }

    /// Refinanced up to what cash flow carries: at 10 % over 10 years an annuity is worth 6.1445671 times itself. 130,000 / 1.25
    /// carries 639,034.98, less than the 950,000 missing; 200,000 / 1.25 carries 983,130.74, more than 880,000.
    #[test]
    fn a_balloon_is_refinanced_to_what_cash_flow_carries() {
        let clause = |funding| {
            let terms = Refinancing { dscr: Some(1.25), balloon: 0.5, ..Refinancing::straight(0.6, 10.0, 0.02) };
            Facility { refinancing: Some(Refinancing { funding, ..terms }), ..a_million() }
        };
        let refused = balloon(clause(None), &[130e3, 0.0], 2e6);
        assert_eq!((refused.default_step[0], refused.cause[0]), (1.0, Some(Cause::Maturity)));
        assert_cents(refused.exposure[0][0], 950_000.0);
        let granted = balloon(clause(None), &[200e3, 200e3], 2e6);
        assert_rows(
            &granted,
            &[
                ("refinanced", [880_000.0, 0.0]),
                ("loan.interest_paid", [80_000.0, 88_000.0]),
                ("loan.principal_paid", [1_000_000.0, 44_000.0]),
                ("loan.balance", [880_000.0, 836_000.0]),
                ("distributed", [0.0, 68_000.0]),
            ],
        );
        // Lenders who do not lend.
        let funding = |availability: f64| Some(Funding { availability: availability.into(), threshold: Some(0.5) });
        assert!(balloon(clause(funding(0.5)), &[200e3, 200e3], 2e6).default_step[0].is_infinite());
        assert_eq!(balloon(clause(funding(0.49)), &[200e3, 200e3], 2e6).default_step[0], 1.0);
    }

    /// A market that is open with probability 0.3 lends on three paths of ten: a binomial proportion.
    #[test]
    fn the_funding_market_is_open_as_often_as_it_says() {
        let funding = Some(Funding { availability: 0.3.into(), threshold: None });
        let refinancing = Some(Refinancing { funding, ..Refinancing::straight(1.0, 1.0, 0.0) });
        let borrower = Borrower {
            fleets: vec![cash_cow("machine", 100.0, 1.0, 0.0)],
            facilities: vec![Facility { refinancing, ..facility("loan", 100.0, 0.0, Amortisation::Bullet, 1.0) }],
            ..Borrower::new("borrower")
        };
        let paths = 1 << 16;
        let book = Book::new([borrower]).liquidation(trading([liquid("machine", "price")]));
        let simulation = Simulation::new(scripted([("price", script([10.0]))]), book);
        let defaults = simulation.months(12).paths(paths).run(DefaultTable::new()).unwrap();
        let error = (0.3 * 0.7 / paths as f64).sqrt();
        assert!((defaults["borrower"].probability.value - 0.7).abs() < 5.0 * error);
    }

    /// An anticipated repayment date: 780,000 stay owed at 10 %, and what is left of 300,000 a year repays them, until the final
    /// maturity in year 4.
    #[test]
    fn trapped_cash_repays_the_loan() {
        let cash_trap = Some(CashTrap { years: 3.0, spread: 0.02 });
        let record = balloon(Facility { cash_trap, ..a_million() }, &[300e3, 300e3, 300e3, 500e3], 0.0);
        assert!(record.default_step[0].is_infinite());
        assert_rows(
            &record,
            &[
                ("refinanced", [780_000.0, 0.0, 0.0, 0.0]),
                ("debt_service_due", [1_080_000.0, 78_000.0, 55_800.0, 345_180.0]),
                ("prepaid", [0.0, 222_000.0, 244_200.0, 0.0]),
                ("loan.balance", [780_000.0, 558_000.0, 313_800.0, 0.0]),
                ("distributed", [0.0, 0.0, 0.0, 154_820.0]),
            ],
        );
        // With less, the final maturity is a default.
        let record = balloon(Facility { cash_trap, ..a_million() }, &[300e3, 300e3, 300e3, 300e3], 0.0);
        assert_eq!((record.default_step[0], record.cause[0]), (4.0, Some(Cause::Maturity)));
        assert_cents(record.exposure[0][0], 45_180.0);
    }

    /// An extension by a year for 1 %: 180,000 cover the interest of 80,000 more than 1.2 times, and 900,000 are less than 90 % of
    /// 1,100,000. A year later 909,000 at 9 % are due, and it has been extended often enough.
    #[test]
    fn a_maturity_is_extended_for_a_fee() {
        let extension =
            Some(Extension { years: 1.0, fee: 0.01, spread: 0.01, dscr: Some(1.2), ltv: Some(0.9), times: 1 });
        let loan = Facility { extension, ..a_million() };
        let record = balloon(loan.clone(), &[180e3, 180e3], 1.1e6);
        assert_rows(
            &record,
            &[
                ("refinanced", [900_000.0, 0.0]),
                ("loan.capitalised", [9_000.0, 0.0]),
                ("debt_service_due", [1_080_000.0, 990_810.0]),
            ],
        );
        assert_eq!((record.default_step[0], record.cause[0]), (2.0, Some(Cause::Maturity)));
        assert_cents(record.exposure[0][0], 810_810.0);
        for (cash_flow, mark, exposure) in [(180e3, 0.99e6, 900e3), (95e3, 1.1e6, 985e3)] {
            let refused = balloon(loan.clone(), &[cash_flow, 0.0], mark);
            assert_eq!(refused.default_step[0], 1.0);
            assert_cents(refused.exposure[0][0], exposure);
        }
    }

    /// Half of the cash above 50,000 repays a loan of five instalments ahead of schedule, the last ones first.
    #[test]
    fn excess_cash_repays_the_last_instalments_first() {
        let loan = Facility {
            sweep: Some(Sweep { share: 0.5, floor: 50e3 }),
            ..facility("loan", 1e6, 0.1, Amortisation::Straight { every: 1.0, instalment: None }, 5.0)
        };
        let borrower = Borrower {
            fleets: vec![cash_cow("machine", 1.0, 450e3, 1.0)],
            facilities: vec![loan],
            ..Borrower::new("borrower")
        };
        let market = scripted([("price", script([0.0]))]);
        let record = follow(market, trading([liquid("machine", "price")]), borrower, 5, 1);
        assert_rows(
            &record,
            &[
                ("debt_service_due", [300_000.0, 275_000.0, 243_750.0, 85_937.5, 0.0]),
                ("prepaid", [50_000.0, 112_500.0, 159_375.0, 0.0, 0.0]),
                ("loan.balance", [750_000.0, 437_500.0, 78_125.0, 0.0, 0.0]),
                ("loan.principal_paid", [250_000.0, 312_500.0, 359_375.0, 78_125.0, 0.0]),
                ("cash", [100_000.0, 162_500.0, 209_375.0, 573_437.5, 1_023_437.5]),
            ],
        );
    }

    /// Base-case cash flow 300, 50, -20, 900, 300 against a loan of 1,000 at 10 %, DSCR 1.25, at most 500 at a time: 240 less
    /// interest of 100; 40 does not cover 86; nothing; 720 less 86 is capped; the rest is due at maturity.
    #[test]
    fn instalments_are_sculpted_to_a_base_case() {
        let cfads = vec![(1.0, 300.0), (2.0, 50.0), (3.0, -20.0), (4.0, 900.0), (5.0, 300.0)];
        let sculpted = Amortisation::Sculpted { cfads, dscr: 1.25, cap: Some(500.0), profile_rate: None };
        let record = pay_in_full(facility("loan", 1000.0, 0.1, sculpted, 5.0), 5);
        assert_rows(
            &record,
            &[
                ("loan.principal_paid", [140.0, 0.0, 0.0, 500.0, 360.0]),
                ("loan.interest_paid", [100.0, 86.0, 86.0, 86.0, 36.0]),
                ("loan.balance", [860.0, 860.0, 860.0, 360.0, 0.0]),
            ],
        );
    }

    /// A borrower who can pay anything.
    fn pay_in_full(loan: Facility, years: usize) -> Record {
        let borrower = Borrower { cash: 1e9, facilities: vec![loan], ..Borrower::new("borrower") };
        follow(scripted([("price", script([1.0]))]), nothing_for_sale(), borrower, years, 1)
    }

    /// 400 today, 300 after a year and 300 after two; 1 % on what is not drawn; 10 % interest. Repaid together in year 5, in equal
    /// instalments from year 1 on, each over the dates that are left: 80, then 80 + 75, then 80 + 75 + 100.
    #[test]
    fn draws_are_repaid_together_or_each_by_itself() {
        let draws = |repaid| {
            Some(Draws { schedule: vec![(1.0, 300.0), (2.0, 300.0)], commitment_fee: 0.01, repaid, spent: 1.0 })
        };
        let straight = Amortisation::Straight { every: 1.0, instalment: None };
        let loan = Facility { draws: draws(Repaid::Together), ..facility("loan", 400.0, 0.1, straight, 5.0) };
        let record = pay_in_full(loan, 5);
        assert_rows(
            &record,
            &[
                ("loan.drawn", [300.0, 300.0, 0.0, 0.0, 0.0]),
                ("capex", [300.0, 300.0, 0.0, 0.0, 0.0]),
                ("loan.principal_paid", [80.0, 155.0, 255.0, 255.0, 255.0]),
                ("loan.balance", [620.0, 765.0, 510.0, 255.0, 0.0]),
                // 40 and 1 % of 600; 62 and 1 % of 300; then interest alone.
                ("loan.interest_paid", [46.0, 65.0, 76.5, 51.0, 25.5]),
            ],
        );
        // Each by itself, two years after it was drawn.
        let bullet = facility("loan", 400.0, 0.1, Amortisation::Bullet, 2.5);
        let record = pay_in_full(Facility { draws: draws(Repaid::Each), ..bullet }, 5);
        assert_rows(
            &record,
            &[
                ("loan.principal_paid", [0.0, 0.0, 400.0, 300.0, 300.0]),
                ("loan.balance", [700.0, 1000.0, 600.0, 300.0, 0.0]),
            ],
        );
        // A sculpted loan counts the draw in the interest of its base case from the day on which it was drawn.
        let cfads = vec![(1.5, 200.0), (2.5, 200.0)];
        let sculpted = Amortisation::Sculpted { cfads, dscr: 1.0, cap: None, profile_rate: None };
        let loan = Facility { draws: draws(Repaid::Together), ..facility("loan", 400.0, 0.1, sculpted, 3.0) };
        // 200 - (60 + 15) = 125, then 200 - (575 x 10 % + 300 x 5 %) = 127.5; the rest in year 3.
        assert_rows(&pay_in_full(loan, 3), &[("loan.principal_paid", [0.0, 125.0, 875.0])]);
    }

    /// Interest of 10 % of which 40 % is added to a bullet of 1,000: 60 paid and 40 added, 62.4 and 41.6, 64.896 and 43.264 which
    /// falls due at once. At a rate that moves the same with 10 %, 20 %, 5 %.
    #[test]
    fn interest_in_kind_is_added_to_the_balance() {
        let loan = Facility { pik: 0.4, ..facility("loan", 1000.0, 0.1, Amortisation::Bullet, 3.0) };
        assert_rows(
            &pay_in_full(loan.clone(), 3),
            &[
                ("loan.interest_paid", [60.0, 62.4, 64.896]),
                ("loan.capitalised", [40.0, 41.6, 43.264]),
                ("loan.principal_paid", [0.0, 0.0, 1124.864]),
                ("loan.balance", [1040.0, 1081.6, 0.0]),
            ],
        );
        let coupon = Coupon::Floating(Floating { series: "rate".into(), spread: 0.0, floor: 0.0 });
        let borrower =
            Borrower { cash: 1e9, facilities: vec![Facility { coupon, ..loan }], ..Borrower::new("borrower") };
        let market = scripted([("rate", script([0.1, 0.2, 0.05, 0.3]))]);
        assert_rows(
            &follow(market, nothing_for_sale(), borrower, 3, 1),
            &[
                ("loan.interest_paid", [60.0, 124.8, 33.696]),
                ("loan.capitalised", [40.0, 83.2, 22.464]),
                ("loan.balance", [1040.0, 1123.2, 0.0]),
                ("loan.principal_paid", [0.0, 0.0, 1145.664]),
            ],
        );
    }

    /// What of a draw is not spent is cash, and serves debt on the same day.
    #[test]
    fn what_of_a_draw_is_not_spent_is_cash() {
        let draws = Draws { schedule: vec![(1.0, 100.0)], commitment_fee: 0.0, repaid: Repaid::Together, spent: 0.75 };
        let loan = Facility { draws: Some(draws), ..facility("loan", 200.0, 0.1, Amortisation::Bullet, 3.0) };
        let borrower = Borrower { facilities: vec![loan], ..Borrower::new("borrower") };
        let record = follow(scripted([("price", script([1.0]))]), nothing_for_sale(), borrower, 2, 1);
        // 25 of cash against 20 of interest, then 5 against 30.
        assert_rows(&record, &[("capex", [75.0, 0.0]), ("loan.interest_paid", [20.0, 5.0])]);
        assert_eq!(record.default_step[0], 2.0);
        assert_cents(record.exposure[0][0], 325.0);
    }

    /// A reserve of a year's service of 1,000 at 10 % in five instalments. Cash flow 500, 100, 400, 400, 400.
    #[test]
    fn a_reserve_is_filled_used_and_given_back() {
        let straight = Amortisation::Straight { every: 1.0, instalment: None };
        let loan = Facility {
            reserve: Some(Reserve { months: 12.0, initial: 0.0 }),
            ..facility("loan", 1000.0, 0.1, straight, 5.0)
        };
        let borrower = Borrower {
            fleets: vec![cash_cow("machine", 1.0, 1.0, "cash flow")],
            facilities: vec![loan],
            ..Borrower::new("borrower")
        };
        let cash_flow = script([0.0, 500.0, 100.0, 400.0, 400.0, 400.0]);
        let market = scripted([("cash flow", cash_flow), ("price", script([0.0]))]);
        let record = follow(market, trading([liquid("machine", "price")]), borrower, 5, 1);
        assert!(record.default_step[0].is_infinite());
        assert_rows(
            &record,
            &[
                ("debt_service_paid", [300.0, 280.0, 260.0, 240.0, 220.0]),
                ("loan.interest_paid", [100.0, 80.0, 60.0, 40.0, 20.0]),
                ("reserve", [200.0, 20.0, 160.0, 220.0, 0.0]),
                ("cash", [0.0, 0.0, 0.0, 100.0, 500.0]),
            ],
        );
    }

    /// After a default it pays its own claim at once.
    #[test]
    fn a_reserve_pays_its_own_claim() {
        let bullet = |name, principal, coupon, years| facility(name, principal, coupon, Amortisation::Bullet, years);
        let reserve = Some(Reserve { months: 12.0, initial: 100.0 });
        let borrower = Borrower {
            fleets: vec![cash_cow("machine", 1.0, 100.0, 1.0)],
            facilities: vec![
                Facility { reserve, ..bullet("senior", 1000.0, 0.1, 5.0) },
                bullet("junior", 500.0, 0.0, 1.0),
            ],
            ..Borrower::new("borrower")
        };
        let market = scripted([("price", script([0.0]))]);
        let record = follow(market, trading([liquid("machine", "price")]), borrower, 1, 1);
        assert_eq!(record.cause[0], Some(Cause::Maturity));
        assert_cents(record.exposure[0][0], 1000.0);
        assert_cents(record.loss[0][0], 900.0);
        assert_cents(record.loss[1][0], 500.0);
        assert_rows(&record, &[("senior.recovered", [100.0]), ("claims_paid", [100.0]), ("reserve", [0.0])]);
    }

    /// F09: collateral worth 150 moves up by 1.2 or down by 0.7, twice; a loan of 100 falls due; a sale costs 15 %. Only
    /// down-down (73.50) cannot be refinanced: it sells for 62.475. PD 0.25, EL 9.38125, LGD 0.37525.
    #[test]
    fn two_period_liquidation() {
        let asset = Asset { moving_cost: 0.15, ..liquid("machine", "price") };
        let loan = Facility {
            refinancing: refinancing(1.0, 1.0, 0.0),
            ..facility("loan", 100.0, 0.0, Amortisation::Bullet, 2.0)
        };
        let borrower = Borrower {
            fleets: vec![cash_cow("machine", 1.0, 0.0, 1.0)],
            facilities: vec![loan],
            ..Borrower::new("two periods")
        };
        let record = follow(scripted([("price", tree(150.0, 1.2, 0.7, 2))]), trading([asset]), borrower, 2, 1);
        for path in 0..PATHS {
            let defaults = path % 4 == 3;
            assert_eq!(record.default_step[path], if defaults { 2.0 } else { f64::INFINITY });
            assert_eq!(record.cause[path], defaults.then_some(Cause::Maturity));
            assert_rounding(record.loss[0][path], if defaults { 37.525 } else { 0.0 });
            assert_rounding(record.at("refinanced", 2, path), if defaults { 0.0 } else { 100.0 });
        }
        let pd = record.default_step.iter().filter(|step| step.is_finite()).count() as f64 / PATHS as f64;
        let loss = record.loss[0].iter().sum::<f64>() / PATHS as f64;
        let exposure = record.exposure[0].iter().sum::<f64>() / PATHS as f64;
        assert_rounding(pd, 0.25);
        assert_rounding(loss, 9.38125);
        assert_rounding(loss / exposure, 0.37525);
    }

    /// Two facilities, a missed payment, a default a month later, a sale over two months into a market with impact,
    /// losses discounted. Every number is in docs/credit.md.
    fn two_lenders() -> Borrower {
        Borrower {
            fleets: vec![cash_cow("gpu", 1000.0, 2_400_000.0, "rent")],
            facilities: vec![
                facility("senior", 10e6, 0.12, Amortisation::Bullet, 5.0),
                facility("junior", 4e6, 0.18, Amortisation::Bullet, 5.0),
            ],
            grace: 1.0 / 12.0,
            liquidation: Disposal { delay: 1.0 / 12.0, over: 2.0 / 12.0 },
            ..Borrower::new("two lenders")
        }
    }

    fn two_lenders_market() -> haircut::market::Market {
        scripted([
            ("rent", script([1.0, 1.0, 0.0, 0.3, 1.0])),
            ("price", script([20e3, 20e3, 20e3, 20e3, 20e3, 16e3])),
            ("discount", script([1.0, 0.998, 0.995, 0.99, 0.985, 0.98])),
        ])
    }

    fn two_lenders_trade() -> LiquidationMarket {
        let gpu = Asset {
            depth_per_month: 500.0,
            impact: 0.2,
            moving_cost: 0.05,
            scrap: 1000.0,
            persistence: 0.5,
            ..liquid("gpu", "price")
        };
        trading([gpu])
    }

    fn run_two_lenders(months: usize) -> ledger::Record {
        let book = Book::new([two_lenders()]).liquidation(two_lenders_trade()).discount("discount");
        let simulation = Simulation::new(two_lenders_market(), book).months(months).paths(1);
        simulation.run(Ledger("two lenders".into())).unwrap()
    }

    #[test]
    fn two_lenders_and_a_sale_over_two_months() {
        let record = run_two_lenders(7);
        let at = |metric: &str| record.row(metric, 0);
        let assert_row = |metric: &str, expected: [f64; 7]| {
            for (actual, expected) in at(metric).into_iter().zip(expected) {
                assert_cents(actual, expected);
            }
        };
        assert_row("revenue", [200_000.0, 0.0, 60_000.0, 0.0, 0.0, 0.0, 0.0]);
        assert_row("debt_service_due", [160_000.0, 160_000.0, 281_500.0, 0.0, 0.0, 0.0, 0.0]);
        assert_row("debt_service_paid", [160_000.0, 40_000.0, 60_000.0, 0.0, 0.0, 0.0, 0.0]);
        assert_row("cash", [40_000.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert_row("balance", [14e6, 14e6, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert_row("arrears", [0.0, 120_000.0, 14_221_500.0, 6_443_557.85, 813_339.37, 813_339.37, 813_339.37]);
        assert_row("proceeds", [0.0, 0.0, 0.0, 7_777_942.15, 5_630_218.48, 0.0, 0.0]);
        assert_row("claims_paid", [0.0, 0.0, 0.0, 7_777_942.15, 5_630_218.48, 0.0, 0.0]);
        assert_row("residual_to_owners", [0.0; 7]);
        assert_eq!((record.default_step[0], record.cause[0]), (3.0, Some(Cause::Payment)));
        assert_eq!(record.discount[0], 0.99);
        assert_cents(record.exposure[0][0], 10_100_600.00);
        assert_cents(record.exposure[1][0], 4_120_900.00);
        assert_cents(record.loss[0][0], 62_116.29);
        assert_cents(record.loss[1][0], 838_281.58);
    }

    /// Cut off after the first of the two sales: the other 500 units count at month 4's price for the planned pace,
    /// 15,555.88 each, so the senior lender is whole and the junior lacks nothing either.
    #[test]
    fn what_is_unsold_at_the_horizon_counts_at_its_executable_price() {
        let record = run_two_lenders(4);
        assert_cents(record.at("proceeds", 4, 0), 15_555_884.31);
        assert_cents(record.at("residual_to_owners", 4, 0), 15_555_884.31 - 14_221_500.0);
        assert_cents(record.loss[0][0], (0.99 - 0.985) * 10_100_600.0);
        assert_cents(record.loss[1][0], (0.99 - 0.985) * 4_120_900.0);
        // Default on the last date, before any sale may begin: all of it is valued.
        let record = run_two_lenders(3);
        assert_cents(record.at("proceeds", 3, 0), 15_555_884.31);
        assert_eq!(record.loss, [[0.0], [0.0]]);
    }

    /// A balloon of 500,000 meets collateral that executes at 900,000, 630,000, 450,000 on three paths.
    #[test]
    fn a_balloon_is_refinanced_against_executable_value() {
        let asset = Asset { moving_cost: 0.10, ..liquid("gpu", "price") };
        let borrower = Borrower {
            cash: 20_000.0,
            fleets: vec![cash_cow("gpu", 100.0, 100_000.0, "rent")],
            facilities: vec![
                Facility {
                    refinancing: refinancing(0.6, 2.0, 0.02),
                    ..facility("senior", 500_000.0, 0.08, Amortisation::Bullet, 1.0)
                },
                facility("junior", 100_000.0, 0.10, Amortisation::Bullet, 3.0),
            ],
            ..Borrower::new("balloon")
        };
        let price = ledger::Script(vec![vec![10e3], vec![7e3], vec![5e3], vec![10e3]]);
        let market = scripted([("price", price), ("rent", script([1.0, 1.0, 3.0, 3.2]))]);
        let record = follow(market, trading([asset]), borrower, 4, 1);
        // Path 0: 430,000 is missing, at most 0.6 x 900,000 = 540,000; repaid straight over two years at 10 %.
        let expected = [
            ("debt_service_due", [550_000.0, 268_000.0, 346_500.0, 0.0]),
            ("debt_service_paid", [550_000.0, 268_000.0, 346_500.0, 0.0]),
            ("refinanced", [430_000.0, 0.0, 0.0, 0.0]),
            ("balance", [530_000.0, 315_000.0, 0.0, 0.0]),
            ("cash", [0.0, 32_000.0, 5_500.0, 325_500.0]),
        ];
        for (metric, expected) in expected {
            for (actual, expected) in record.row(metric, 0).into_iter().zip(expected) {
                assert_cents(actual, expected);
            }
        }
        assert_eq!(record.default_step[0], f64::INFINITY);
        assert_cents(record.at("ltv_mark", 1, 0), 0.53);
        assert_rounding(record.at("ltv_executable", 1, 0), 530.0 / 900.0);
        // Path 1: 0.6 x 630,000 = 378,000 is too little. The senior lender gets the cash, then what the sale brings.
        // Path 2: the sale brings 450,000.
        for (path, [residual, senior, junior]) in [(1, [100_000.0, 0.0, 0.0]), (2, [0.0, 0.0, 80_000.0])] {
            assert_eq!((record.default_step[path], record.cause[path]), (1.0, Some(Cause::Maturity)));
            assert_cents(record.at("debt_service_paid", 1, path), 120_000.0);
            assert_cents(record.exposure[0][path], 420_000.0);
            assert_cents(record.exposure[1][path], 110_000.0);
            assert_cents(record.at("residual_to_owners", 1, path), residual);
            assert_cents(record.loss[0][path], senior);
            assert_cents(record.loss[1][path], junior);
        }
    }

    /// A payment is missed, made up for with interest, and missed again for good.
    #[test]
    fn a_missed_payment_is_cured_within_grace_or_is_a_default() {
        let borrower = Borrower {
            fleets: vec![cash_cow("gpu", 1.0, 12.0, "rent")],
            facilities: vec![facility("loan", 1000.0, 0.12, Amortisation::Bullet, 9.0)],
            grace: 0.25,
            ..Borrower::new("late")
        };
        let rent = script([0.0, 10.0, 4.0, 6.0, 25.0, 0.0]);
        let market = scripted([("rent", rent), ("price", script([500.0]))]);
        let record = follow(market, trading([liquid("gpu", "price")]), borrower, 9, 12);
        let expected = [
            ("debt_service_due", [10.0, 10.0, 16.06, 20.1606, 10.0, 15.212206, 25.36432806, 35.6179713406]),
            ("debt_service_paid", [10.0, 4.0, 6.0, 20.1606, 4.8394, 0.0, 0.0, 0.0]),
            ("cash", [0.0, 0.0, 0.0, 4.8394, 0.0, 0.0, 0.0, 0.0]),
            ("arrears", [0.0, 6.0, 10.06, 0.0, 5.1606, 15.212206, 25.36432806, 535.6179713406]),
        ];
        for (metric, expected) in expected {
            for (actual, expected) in record.row(metric, 0).into_iter().zip(expected) {
                assert_rounding(actual, expected);
            }
        }
        assert_eq!((record.default_step[0], record.cause[0]), (8.0, Some(Cause::Payment)));
        assert_rounding(record.exposure[0][0], 1035.6179713406);
        assert_rounding(record.loss[0][0], 535.6179713406);
    }

    /// Coins are sold in the listed order, at the mark, only as many as are needed; owners are paid from what is above
    /// the floor.
    #[test]
    fn coins_are_sold_in_order_and_owners_paid_above_the_floor() {
        let borrower = Borrower {
            cash: 100.0,
            fleets: vec![cash_cow("gpu", 1.0, 50.0, "rent")],
            treasury: vec![Treasury { asset: "btc".into(), units: 2.0 }, Treasury { asset: "eth".into(), units: 10.0 }],
            facilities: vec![facility("loan", 1000.0, 0.10, Amortisation::Custom(vec![(2.0, 230.0)]), 9.0)],
            distribution: Some(haircut::credit::Distribution { share: 0.5, floor: 30.0 }),
            ..Borrower::new("treasurer")
        };
        let market = scripted([
            ("rent", script([1.0])),
            ("price", script([1.0])),
            ("btc", script([90.0, 90.0, 80.0, 100.0, 100.0])),
            ("eth", script([10.0])),
        ]);
        let trade = trading([liquid("gpu", "price"), liquid("btc", "btc"), liquid("eth", "eth")]);
        let record = follow(market, trade, borrower, 4, 1);
        // Year 1: 150 - 100 = 50, of which half of 20 is distributed. Year 2: 90 against 330: 160 from all bitcoin, 80
        // from 8 ether. Year 3: 50 against 77: the last 2 ether bring 20, 7 are missing.
        let expected = [
            ("cash", [40.0, 0.0, 0.0, 0.0]),
            ("distributed", [10.0, 0.0, 0.0, 0.0]),
            ("treasury_sales", [0.0, 240.0, 20.0, 0.0]),
            ("debt_service_paid", [100.0, 330.0, 70.0, 0.0]),
            ("proceeds", [0.0, 0.0, 1.0, 0.0]),
        ];
        for (metric, expected) in expected {
            for (actual, expected) in record.row(metric, 0).into_iter().zip(expected) {
                assert_rounding(actual, expected);
            }
        }
        assert_eq!((record.default_step[0], record.cause[0]), (3.0, Some(Cause::Payment)));
        assert_rounding(record.exposure[0][0], 777.0);
        assert_rounding(record.loss[0][0], 776.0);
    }

    /// Costs that nothing covers stay open as cash below zero, and default nothing without debt.
    #[test]
    fn without_debt_nothing_defaults() {
        let borrower = Borrower {
            cash: 10.0,
            overhead_usd_per_year: 100.0,
            treasury: vec![Treasury { asset: "btc".into(), units: 1.0 }],
            ..Borrower::new("free")
        };
        let market = scripted([("btc", script([30.0]))]);
        let record = follow(market, trading([liquid("btc", "btc")]), borrower, 3, 1);
        assert_eq!(record.row("cash", 0), [-60.0, -160.0, -260.0]);
        assert_eq!(record.row("treasury_sales", 0), [30.0, 0.0, 0.0]);
        assert!(record.default_step.iter().all(|step| step.is_infinite()));
        assert!(record.row("dscr", 0).iter().all(|dscr| dscr.is_infinite()));
        assert_eq!(record.row("ltv_mark", 0), [0.0; 3]);
    }

    /// A series that is no price may fall below zero: then nothing is sold, and nothing is bought.
    #[test]
    fn a_coin_below_zero_is_not_sold() {
        let borrower = Borrower {
            overhead_usd_per_year: 100.0,
            treasury: vec![Treasury { asset: "btc".into(), units: 2.0 }],
            ..Borrower::new("holder")
        };
        let market = scripted([("btc", script([30.0, -5.0, 30.0, 30.0]))]);
        let record = follow(market, trading([liquid("btc", "btc")]), borrower, 3, 1);
        assert_eq!(record.row("treasury_sales", 0), [0.0, 60.0, 0.0]);
        assert_eq!(record.row("cash", 0), [-100.0, -140.0, -240.0]);
    }

    /// Ten times 0.1 is 1 to rounding: what rounding leaves is not owed, so a borrower with open bills does not default
    /// on it.
    #[test]
    fn a_loan_repaid_to_rounding_is_repaid() {
        let tenths = (1..=10).map(|month| (f64::from(month) / 12.0, 0.1)).collect();
        let borrower = Borrower {
            cash: 2.0,
            overhead_usd_per_year: 1.0,
            facilities: vec![facility("loan", 1.0, 0.0, Amortisation::Custom(tenths), 2.0)],
            ..Borrower::new("pedant")
        };
        let record = follow(scripted([("price", script([1.0]))]), nothing_for_sale(), borrower, 3, 1);
        assert_eq!(record.row("balance", 0), [0.0; 3]);
        assert_eq!(record.row("debt_service_due", 0)[1..], [0.0; 2]);
        assert!(record.default_step.iter().all(|step| step.is_infinite()));
        assert_rounding(record.at("cash", 3, 0), -2.0);
    }

    /// A sells 100 units into a depth of 100 a month at impact 0.1: A gets exp(-0.1), and B's mark is lower from the
    /// next month on, by exp(-0.05), exp(-0.025), .. with a half-life of a month; with feedback off it is not.
    #[test]
    fn a_forced_sale_depresses_the_marks_of_others_from_the_next_step() {
        let gpu = Asset {
            depth_per_month: 100.0,
            impact: 0.1,
            persistence: 1.0,
            recovery_half_life: 1.0 / 12.0,
            ..liquid("gpu", "price")
        };
        let seller = Borrower {
            fleets: vec![cash_cow("gpu", 100.0, 0.0, 1.0)],
            facilities: vec![facility("loan", 1200.0, 0.12, Amortisation::Bullet, 5.0)],
            ..Borrower::new("A")
        };
        let witness = Borrower {
            cash: 1e6,
            fleets: vec![cash_cow("gpu", 10.0, 0.0, 1.0)],
            facilities: vec![facility("loan", 50.0, 0.0, Amortisation::Bullet, 5.0)],
            ..Borrower::new("B")
        };
        for (feedback, depression) in [(Feedback::On, [0.0_f64, 0.05, 0.025]), (Feedback::Off, [0.0; 3])] {
            let trade = LiquidationMarket { assets: vec![gpu.clone()], feedback };
            let book = Book::new([seller.clone(), witness.clone()]).liquidation(trade);
            let simulation = Simulation::new(scripted([("price", script([10.0]))]), book).months(3).paths(1);
            let (sold, seen) = simulation.run((Ledger("A".into()), Ledger("B".into()))).unwrap();
            assert_rounding(sold.at("proceeds", 1, 0), 1000.0 * (-0.1_f64).exp());
            assert_rounding(sold.loss[0][0], 1212.0 - 1000.0 * (-0.1_f64).exp());
            for (step, depression) in (1..).zip(depression) {
                assert_rounding(seen.at("ltv_mark", step, 0), 0.5 * depression.exp());
            }
        }
    }
}

mod structural {
    //! Default when an asset's value is too low, against closed forms, at |z| < 5 with a million paths.
    use super::*;
    use haircut::Error;
    use haircut::credit::{Obligor, ObligorBlock, ObligorPlan, ObligorStepper};
    use haircut::market::{Gbm, Market, ReadLane};
    use haircut::measure::{Block, ExactSum, Measure, MeasurePlan, Run};

    const MILLION: u64 = 1 << 20;

    /// By step the number of defaults up to it; sum and sum of squares of the loss.
    #[derive(Debug)]
    struct Tally;

    #[derive(Clone)]
    struct Counts {
        by_step: Vec<u64>,
        loss: ExactSum,
        square: ExactSum,
    }

    impl Measure for Tally {
        type Partial = Counts;
        type Output = Counts;

        fn plan(&self, plan: &mut MeasurePlan<'_>) -> Result<Counts, Error> {
            let by_step = vec![0; plan.run().grid.steps() + 1];
            Ok(Counts { by_step, loss: ExactSum::default(), square: ExactSum::default() })
        }

        fn record(&self, partial: &mut Counts, block: &Block<'_>) {
            for (step, loss) in block.default_step(0).iter().zip(block.loss(0, 0)) {
                if step.is_finite() {
                    partial.by_step[*step as usize] += 1;
                }
                partial.loss.add(*loss);
                partial.square.add(loss * loss);
            }
        }

        fn merge(&self, into: &mut Counts, from: Counts) {
            for (into, from) in into.by_step.iter_mut().zip(from.by_step) {
                *into += from;
            }
            into.loss.merge(&from.loss);
            into.square.merge(&from.square);
        }

        fn finish(&self, mut partial: Counts, _run: &Run) -> Counts {
            for step in 1..partial.by_step.len() {
                partial.by_step[step] += partial.by_step[step - 1];
            }
            partial
        }
    }

    #[track_caller]
    fn assert_probability(count: u64, expected: f64) {
        let paths = MILLION as f64;
        let error = (expected * (1.0 - expected) / paths).sqrt();
        let z = (count as f64 / paths - expected) / error;
        assert!(z.abs() < 5.0, "{} is not {expected}: z = {z}", count as f64 / paths);
    }

    /// C02: V = 100, sigma 0.4, D = 70, T = 3, r = 0.03 gives a PD of 0.38273, a debt worth 55.571 and so a loss of
    /// 8.4044. Merton (1974), "On the pricing of corporate debt", doi:10.1111/j.1540-6261.1974.tb03058.x.
    #[test]
    fn merton_by_a_borrower_whose_only_asset_is_a_coin() {
        let coin = Gbm { initial: 100.0, drift: 0.03, volatility: 0.4 };
        let discount = Gbm { initial: 1.0, drift: -0.03, volatility: 0.0 };
        let market = Market::builder().factor("coin", coin).factor("discount", discount).build().unwrap();
        let borrower = Borrower {
            treasury: vec![Treasury { asset: "coin".into(), units: 1.0 }],
            facilities: vec![facility("zero", 70.0, 0.0, Amortisation::Bullet, 3.0)],
            ..Borrower::new("Merton")
        };
        let book = Book::new([borrower]).liquidation(trading([liquid("coin", "coin")])).discount("discount");
        for per_year in [1, 4] {
            let grid = TimeGrid::regular(3 * per_year, per_year as u32).unwrap();
            let simulation = Simulation::new(market.clone(), book.clone()).grid(grid).paths(MILLION).seed(2);
            let counts = simulation.run(Tally).unwrap();
            assert_eq!(counts.by_step[3 * per_year - 1], 0, "nothing is due before maturity");
            assert_probability(counts.by_step[3 * per_year], 0.3827334441941806);
            let paths = MILLION as f64;
            let mean = counts.loss.value() / paths;
            let error = ((counts.square.value() / paths - mean * mean) / paths).sqrt();
            let expected = 70.0 * (-0.09_f64).exp() - 55.57084835053212;
            assert!((mean - expected).abs() < 5.0 * error, "EL {mean} +- {error}, not {expected}");
        }
    }

    /// Defaults on the first date on which the collateral is worth less than the barrier: an obligor of one's own.
    #[derive(Debug)]
    struct Barrier(f64);

    struct BarrierStepper {
        barrier: f64,
        value: ReadLane,
    }

    impl Obligor for Barrier {
        fn name(&self) -> &str {
            "barrier"
        }

        fn plan(&self, plan: &mut ObligorPlan<'_>) -> Result<Box<dyn ObligorStepper>, Error> {
            plan.facility("loan", "bank", 1.0)?;
            Ok(Box::new(BarrierStepper { barrier: self.0, value: plan.read("value", "coin")? }))
        }
    }

    impl ObligorStepper for BarrierStepper {
        fn start(&self, _block: &mut ObligorBlock<'_>) {}

        fn step(&self, block: &mut ObligorBlock<'_>) {
            for i in 0..PATHS {
                if block.read[self.value][i] < self.barrier && block.outcome.default_step[i].is_infinite() {
                    block.outcome.default_step[i] = block.step.index as f64;
                }
            }
        }
    }

    fn first_passage(coin: Gbm, barrier: f64, steps: usize, per_year: u32) -> Vec<u64> {
        let market = Market::builder().factor("coin", coin).build().unwrap();
        let grid = TimeGrid::regular(steps, per_year).unwrap();
        let simulation = Simulation::new(market, Book::new([Barrier(barrier)])).grid(grid).paths(MILLION).seed(3);
        simulation.run(Tally).unwrap().by_step
    }

    /// C04, first passage at discrete dates: exact values by recursive quadrature.
    #[test]
    fn first_passage_at_quarterly_dates() {
        let counts = first_passage(Gbm { initial: 150.0, drift: 0.05, volatility: 0.6 }, 100.0 / 0.85, 12, 4);
        let exact = [
            0.2414994906313671,
            0.402013392679611,
            0.5018144152909183,
            0.570236972073837,
            0.6205642176154251,
            0.6594465504486171,
            0.6905793740114192,
            0.7161894887017605,
            0.7377052902330209,
            0.7560891923175923,
            0.7720157680378745,
            0.7859733951318655,
        ];
        for (count, exact) in counts[1..].iter().zip(exact) {
            assert_probability(*count, exact);
        }
    }

    /// Black and Cox (1976), doi:10.1111/j.1540-6261.1976.tb01891.x: probability that a geometric Brownian motion
    /// falls to the barrier by `years`, watched all the time.
    fn black_cox(coin: &Gbm, barrier: f64, years: f64) -> f64 {
        use statrs::distribution::{ContinuousCDF, Normal};
        let normal = Normal::standard();
        let (drift, deviation) = (coin.drift - coin.volatility * coin.volatility / 2.0, coin.volatility * years.sqrt());
        let distance = (coin.initial / barrier).ln();
        normal.cdf((-distance - drift * years) / deviation)
            + (-2.0 * drift * distance / (coin.volatility * coin.volatility)).exp()
                * normal.cdf((-distance + drift * years) / deviation)
    }

    /// C03 for the formula; C04 weekly for the simulation. Discrete dates see less than all the time: the barrier moved by
    /// exp(-0.5826 sigma sqrt(D)) (Broadie, Glasserman, Kou 1997, doi:10.1111/1467-9965.00035) accounts for it up to o(sqrt(D)):
    /// taken as a tenth of a step.
    #[test]
    fn black_cox_with_the_correction_for_discrete_dates() {
        let reference = Gbm { initial: 100.0, drift: 0.05, volatility: 0.45 };
        assert!((black_cox(&reference, 60.0, 2.0) - 0.47759537258906826).abs() < 1e-9);

        let coin = Gbm { initial: 200.0, drift: 0.0, volatility: 0.9 };
        let barrier = 100.0 / 0.8;
        let counts = first_passage(coin.clone(), barrier, 52, 52);
        for (week, exact) in
            [(4, 0.04589208038107384), (13, 0.3000747770273108), (26, 0.507080161827198), (52, 0.6918006985151794)]
        {
            assert_probability(counts[week], exact);
        }
        let shift = (-0.5826 * coin.volatility * (1.0_f64 / 52.0).sqrt()).exp();
        let corrected = black_cox(&coin, barrier * shift, 1.0);
        let seen = counts[52] as f64 / MILLION as f64;
        let (sampling, discretisation) = (5.0 * (0.25 / MILLION as f64).sqrt(), 1.0 / 520.0);
        assert!((corrected - 0.6906967778501927).abs() < 1e-4);
        assert!((seen - corrected).abs() < sampling + discretisation, "{seen} is not {corrected}");
        assert!(black_cox(&coin, barrier, 1.0) - seen > 0.04, "without the correction the formula is far off");
    }
}
