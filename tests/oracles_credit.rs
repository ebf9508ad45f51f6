//! The credit side against numbers from outside: amortisation tables, deals, worked examples, structural models of
//! default. A weaker test (that there is a default, that a loss is positive) would miss a wrong date, sign or discount.

mod ledger;

use haircut::credit::{
    Amortisation, Asset, Book, Borrower, Cause, Contract, Coupon, Disposal, Facility, Feedback, Fleet, Floating,
    LiquidationMarket, Miners, Refinancing, Treasury,
};
use haircut::numeric::{PATHS, TimeGrid};
use haircut::{Error, Simulation};
use ledger::{
    Ledger, assert_cents, assert_rounding, cash_cow, facility, follow, liquid, script, scripted, trading, tree,
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
            contracts: vec![Contract {
                share: 1.0,
                rate_usd_per_unit_hour: rent,
                collected: 0.95,
                from: 0.0,
                until: 3.0,
            }],
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
