//! Two borrowers at random who sell into one market, chosen so that much goes wrong before the horizon.

use crate::ledger::random::{World, borrowers, features, scaled, worlds};
use haircut::credit::{
    Acceleration, Amortisation, Asset, Borrower, Covenant, CovenantTest, Facility, Feedback, Lien, LiquidationMarket,
    Quantity, Sponsor, SupportForm,
};
use proptest::option;
use proptest::prelude::*;

/// A world with its borrowers.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) world: World,
    pub(crate) borrowers: [Borrower; 2],
}

prop_compose! {
    fn assets(name: &'static str)(
        depth_per_month in 1.0..5e3,
        impact in 0.0..1.0,
        moving_cost in 0.0..0.3,
        scrap in prop_oneof![2 => Just(0.0), 1 => 0.0..500.0],
        persistence in 0.0..=1.0_f64,
        recovery_half_life in 0.05..2.0,
        features in features(),
    ) -> Asset {
        features.of(Asset {
            depth_per_month, impact, moving_cost, scrap, persistence, recovery_half_life, ..Asset::liquid(name, name)
        })
    }
}

prop_compose! {
    fn trades()(
        assets in [assets("gpu"), assets("asic"), assets("btc"), assets("eth")],
        feedback in prop_oneof![4 => Just(Feedback::On), 1 => Just(Feedback::Off), 3 => Just(Feedback::WithinStep)],
    ) -> LiquidationMarket {
        LiquidationMarket { assets: assets.into(), feedback }
    }
}

/// Moves a facility's maturity, and every other date of it in proportion.
fn mature(facility: &mut Facility, maturity: f64) {
    let scale = maturity / facility.maturity;
    facility.maturity = maturity;
    facility.interest_only *= scale;
    facility.conversion = facility.conversion.take().map(|conversion| scaled(conversion, scale, maturity));
    if let Amortisation::Custom(dated) | Amortisation::Sculpted { cfads: dated, .. } = &mut facility.amortisation {
        for (date, _) in dated {
            *date = f64::min(*date * scale, maturity);
        }
    }
    for (date, _) in facility.draws.iter_mut().flat_map(|draws| &mut draws.schedule) {
        *date = f64::min(*date * scale, 0.99 * maturity);
    }
}

/// Loans with a margin clause are as large as their coins cover so many times at time zero, hardly a coin is free, and a sponsor has a line for them.
fn lend_against_coins(borrower: &mut Borrower, world: &World, cover: f64) {
    let price =
        |asset: &str| world.series.iter().find(|(name, _)| *name == asset).map_or(0.0, |(_, script)| script.0[0][0]);
    for facility in borrower.facilities.iter_mut().filter(|facility| facility.margin.is_some()) {
        let liens = facility.security.iter().flat_map(|security| &security.on);
        let value = |lien: &Lien| match lien {
            Lien::Part { of, units } => units * price(of),
            Lien::Whole(_) => 0.0,
        };
        facility.principal = liens.map(value).sum::<f64>() / cover;
        facility.amortisation = Amortisation::Bullet;
        facility.interest_only = 0.0;
        facility.draws = None;
        borrower.cash = 0.0;
        if let Some(sponsor) = &mut borrower.sponsor {
            (sponsor.form, sponsor.intercept) = (SupportForm::Liquidity, sponsor.intercept.abs());
        }
        for fleet in &mut borrower.fleets {
            (fleet.utilisation, fleet.contracts) = (Quantity::Number(0.1), Vec::new());
        }
    }
    for coins in borrower.treasury.iter_mut().filter(|_| borrower.facilities.iter().any(|f| f.margin.is_some())) {
        let liens =
            borrower.facilities.iter().flat_map(|facility| &facility.security).flat_map(|security| &security.on);
        let given = |lien: &Lien| match lien {
            Lien::Part { of, units } if *of == coins.asset => *units,
            _ => 0.0,
        };
        coins.units = 1.01 * liens.map(given).sum::<f64>();
    }
}

prop_compose! {
    /// Half of the books mature within the shortest horizon; in a third one borrower's facilities mature together.
    pub(crate) fn cases()(
        world in worlds(),
        mut trade in trades(),
        mut first in borrowers("first"),
        mut second in borrowers("second"),
        haste in prop_oneof![Just(1.0), Just(0.3)],
        together in option::weighted(1.0 / 3.0, 0.1..1.2),
        cover in option::weighted(0.7, 1.0..4.0),
        commitment in option::weighted(0.7, 1e4..5e6),
        (limits, waived) in ([0.3..3.0_f64, 0.3..3.0], 0.0..0.6_f64),
    ) -> Case {
        // A sponsor with a commitment to somebody has one to both.
        if commitment.is_some() {
            let of_any = |sponsor: &Option<Sponsor>| {
                sponsor.clone().map(|sponsor| match sponsor.form {
                    SupportForm::DebtForEquity { .. } => Sponsor { form: SupportForm::Liquidity, ..sponsor },
                    _ => sponsor,
                })
            };
            let shared = [of_any(&first.sponsor), of_any(&second.sponsor)];
            first.sponsor = first.sponsor.or(shared[1].clone());
            second.sponsor = second.sponsor.or(shared[0].clone());
        }
        // Where sales are seen within the step there are few buyers, and who owes more than a share of its collateral sells too.
        if trade.feedback == Feedback::WithinStep {
            trade.assets.iter_mut().for_each(|asset| asset.depth_per_month *= 0.02);
            for (borrower, at_most) in [&mut first, &mut second].into_iter().zip(limits) {
                let acceleration = Some(Acceleration { cure: 0.0, waiver: waived });
                let test = CovenantTest::Ltv { at_most };
                borrower.covenants.push(Covenant { acceleration, ..Covenant::new("at once", test) });
                for margin in borrower.facilities.iter_mut().filter_map(|facility| facility.margin.as_mut()) {
                    margin.call = margin.initial;
                }
            }
        }
        for borrower in [&mut first, &mut second] {
            // Its own shock is drawn by the crate from a stream; everything else here is known beforehand.
            borrower.revenue_volatility = 0.0;
            // So is the delay of a delivery.
            for delivery in borrower.fleets.iter_mut().filter_map(|fleet| fleet.delivery.as_mut()) {
                delivery.delay_deviation = 0.0;
            }
            // Nor is a waiver that is drawn known beforehand.
            for acceleration in borrower.covenants.iter_mut().flat_map(|covenant| &mut covenant.acceleration) {
                acceleration.waiver = acceleration.waiver.round();
            }
            // Nor is a sponsor's resolve: here it always helps, or never.
            if let Some(sponsor) = &mut borrower.sponsor {
                sponsor.intercept = if sponsor.intercept > 0.0 { 300.0 } else { -300.0 };
                sponsor.commitment = commitment;
            }
            for facility in &mut borrower.facilities {
                mature(facility, haste * facility.maturity);
                // A threshold that is drawn is not known beforehand either.
                if let Some(funding) = facility.refinancing.as_mut().and_then(|clause| clause.funding.as_mut()) {
                    funding.threshold = funding.threshold.or(Some(0.5));
                }
            }
        }
        if let Some(cover) = cover {
            lend_against_coins(&mut second, &world, cover);
            if cover > 2.0 {
                lend_against_coins(&mut first, &world, cover);
            }
        }
        for facility in &mut first.facilities {
            mature(facility, together.unwrap_or(facility.maturity));
        }
        Case { world: World { trade, ..world }, borrowers: [first, second] }
    }
}
