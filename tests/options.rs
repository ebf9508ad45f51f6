//! Option values of every coin model, from published tables and from their characteristic functions: a mean alone would pass with price
//! and variance driven by unrelated normals, or with jumps of the wrong sign.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/affine.rs"]
mod affine;
#[path = "support/coins.rs"]
mod coins;
#[path = "support/collect.rs"]
mod collect;

use affine::{Affine, JumpLaw};
use coins::Kind::{self, Call, Put};
use coins::{
    alone, assert_option, assert_value, at_two_step_sizes, bates, collect, equal, payoffs, printed, regime_gbm, svcj,
};
use collect::map;
use haircut::market::{Heston, Kou, Merton, Svcj};
use statrs::distribution::{ContinuousCDF, Normal};

// ---- Merton ----

/// A call by Merton's series: Black and Scholes, given the number of jumps.
fn merton_call(merton: &Merton, strike: f64, rate: f64, years: f64) -> f64 {
    let Merton { initial, volatility, jumps_per_year, jump_mean, jump_volatility, .. } = *merton;
    let kappa = (jump_mean + 0.5 * jump_volatility * jump_volatility).exp() - 1.0;
    let normal = Normal::standard();
    let (mut weight, mut sum) = ((-jumps_per_year * years).exp(), 0.0);
    // At a mean of 5 jumps or fewer a count of 60 has a probability below 1e-30.
    for count in 0..60 {
        let jumps = f64::from(count);
        let variance = volatility * volatility * years + jumps * jump_volatility * jump_volatility;
        let growth =
            (rate - jumps_per_year * kappa) * years + jumps * (jump_mean + 0.5 * jump_volatility * jump_volatility);
        let forward = initial * growth.exp();
        let above = ((forward / strike).ln() + 0.5 * variance) / variance.sqrt();
        sum += weight * (forward * normal.cdf(above) - strike * normal.cdf(above - variance.sqrt()));
        weight *= jumps_per_year * years / (jumps + 1.0);
    }
    sum * (-rate * years).exp()
}

/// Case A13: E. G. Haug, The Complete Guide to Option Pricing Formulas (1998), page 9, calls on 100 at a rate of 0.08 and a volatility of 0.25 of which
/// jumps of mean zero are the share gamma; with the entries that QuantLib corrected (jumpdiffusion.cpp, testMerton76). By (gamma, strike): one and five and ten jumps a year,
/// each to 0.1, 0.25 and 0.5 years.
#[allow(clippy::approx_constant, reason = "3.14 is a price")]
const HAUG: [(f64, f64, [f64; 9]); 15] = [
    (0.25, 80.0, [20.67, 21.74, 23.63, 20.65, 21.70, 23.61, 20.64, 21.70, 23.61]),
    (0.25, 90.0, [11.00, 12.74, 15.40, 10.98, 12.75, 15.42, 10.98, 12.75, 15.42]),
    (0.25, 100.0, [3.42, 5.88, 8.95, 3.51, 5.96, 9.02, 3.53, 5.97, 9.03]),
    (0.25, 110.0, [0.55, 2.11, 4.67, 0.56, 2.16, 4.73, 0.56, 2.17, 4.74]),
    (0.25, 120.0, [0.10, 0.64, 2.23, 0.06, 0.63, 2.25, 0.05, 0.62, 2.25]),
    (0.5, 80.0, [20.72, 21.83, 23.71, 20.66, 21.73, 23.63, 20.65, 21.71, 23.61]),
    (0.5, 90.0, [11.04, 12.72, 15.34, 11.02, 12.76, 15.41, 11.00, 12.75, 15.41]),
    (0.5, 100.0, [3.14, 5.58, 8.71, 3.39, 5.87, 8.96, 3.46, 5.93, 9.00]),
    (0.5, 110.0, [0.53, 1.93, 4.42, 0.58, 2.11, 4.67, 0.57, 2.14, 4.71]),
    (0.5, 120.0, [0.19, 0.71, 2.15, 0.10, 0.66, 2.23, 0.07, 0.64, 2.24]),
    (0.75, 80.0, [20.79, 21.96, 23.86, 20.68, 21.78, 23.67, 20.66, 21.74, 23.64]),
    (0.75, 90.0, [11.11, 12.75, 15.30, 11.09, 12.78, 15.39, 11.04, 12.76, 15.40]),
    (0.75, 100.0, [2.70, 5.08, 8.24, 3.16, 5.71, 8.85, 3.33, 5.85, 8.95]),
    (0.75, 110.0, [0.54, 1.69, 3.99, 0.62, 2.05, 4.57, 0.60, 2.11, 4.66]),
    (0.75, 120.0, [0.29, 0.84, 2.09, 0.15, 0.71, 2.21, 0.11, 0.67, 2.23]),
];

/// Volatility of all, of which `share` is jumps.
fn haug(share: f64, jumps_per_year: f64) -> Merton {
    let jump_volatility = 0.25 * (share / jumps_per_year).sqrt();
    Merton {
        initial: 100.0,
        drift: 0.08,
        volatility: 0.25 * (1.0 - share).sqrt(),
        jumps_per_year,
        jump_mean: -0.5 * jump_volatility * jump_volatility,
        jump_volatility,
    }
}

#[test]
fn merton_options_have_the_published_values() {
    for (group, jumps_per_year) in [1.0, 5.0, 10.0].into_iter().enumerate() {
        for (position, years) in [0.1, 0.25, 0.5].into_iter().enumerate() {
            for share in [0.25, 0.5, 0.75] {
                let merton = haug(share, jumps_per_year);
                let found = at_two_step_sizes(&|| alone(merton.clone()), years, &["x"]);
                for (_, strike, row) in HAUG.iter().filter(|(gamma, ..)| gamma.total_cmp(&share).is_eq()) {
                    let (value, printed) = (merton_call(&merton, *strike, 0.08, years), row[3 * group + position]);
                    // Two printed digits; the farthest entry, 23.61, is 0.0068 off.
                    assert!((value - printed).abs() < 0.007, "{share} {strike}: {value}, printed {printed}");
                    for (what, values) in &found {
                        let what = format!("{what}, gamma {share}, K {strike}, {jumps_per_year} a year, T {years}");
                        let payoffs = payoffs(Call, *strike, (-0.08 * years).exp(), &values[0]);
                        assert_option(&what, &values[0], 100.0 * (0.08 * years).exp(), &payoffs, value, 0.0);
                    }
                }
            }
        }
    }
    // Case A14 (Y. d'Halluin, P. Forsyth, K. Vetzal 2005 and others), rare crashes: K 100, r 0.05, T 0.25, sigma 0.15, lambda 0.1, jumps of -0.9 ± 0.45.
    for (initial, value) in
        [(90.0, 0.527_638_024_760_358_1), (100.0, 4.391_245_689_202_632), (110.0, 12.643_405_833_395_182)]
    {
        let merton = Merton {
            initial,
            drift: 0.05,
            volatility: 0.15,
            jumps_per_year: 0.1,
            jump_mean: -0.9,
            jump_volatility: 0.45,
        };
        assert!((merton_call(&merton, 100.0, 0.05, 0.25) - value).abs() < 1e-9);
        for (what, values) in at_two_step_sizes(&|| alone(merton.clone()), 0.25, &["x"]) {
            let payoffs = payoffs(Call, 100.0, (-0.0125_f64).exp(), &values[0]);
            assert_value(&format!("{what}, S {initial}"), &payoffs, value, 0.0);
        }
    }
}

// ---- Kou ----

#[test]
fn kou_options_have_the_published_values() {
    // Case A15 (d'Halluin, Forsyth, Labahn 2005 and others): K 100, r 0.05, T 0.25, sigma 0.15, lambda 0.1, p 0.3445, eta 3.0465, 3.0775.
    let published =
        [(90.0, 0.672_677_331_632_454_6), (100.0, 3.973_478_849_679_577_4), (110.0, 11.794_582_990_254_723)];
    for (initial, value) in published {
        let kou = Kou {
            initial,
            drift: 0.05,
            volatility: 0.15,
            jumps_per_year: 0.1,
            up_share: 0.3445,
            up_mean: 1.0 / 3.0465,
            down_mean: 1.0 / 3.0775,
        };
        for (what, values) in at_two_step_sizes(&|| alone(kou.clone()), 0.25, &["x"]) {
            let payoffs = payoffs(Call, 100.0, (-0.0125_f64).exp(), &values[0]);
            assert_value(&format!("{what}, S {initial}"), &payoffs, value, 0.0);
        }
    }
    // Case A17 (V. Surkov 2009, table C.2), jumps of a third up and a half down, one in five years.
    let wide = Kou {
        initial: 1.0,
        drift: 0.0,
        volatility: 0.2,
        jumps_per_year: 0.2,
        up_share: 0.5,
        up_mean: 1.0 / 3.0,
        down_mean: 0.5,
    };
    for (what, values) in at_two_step_sizes(&|| alone(wide.clone()), 0.2, &["x"]) {
        assert_value(&what, &payoffs(Call, 1.0, 1.0, &values[0]), 0.042_647_804_970_119_44, 0.0);
    }
}

// ---- Heston ----

struct Published {
    name: &'static str,
    heston: Heston,
    rate: f64,
    years: f64,
    steps: u32,
    options: Vec<(Kind, f64, f64)>,
    /// What the scheme is allowed to be off by, in units of the price at time zero.
    bias: f64,
}

fn published() -> Vec<Published> {
    let lewis = printed([0.04, 4.0, 0.25, 1.0, -0.5], 100.0, -0.01);
    vec![
        Published {
            name: "A01, Lewis",
            heston: lewis,
            rate: 0.01,
            years: 1.0,
            steps: 32,
            options: vec![
                (Put, 80.0, 7.958_878_113_256_787),
                (Call, 100.0, 16.070_154_917_028_82),
                (Call, 120.0, 9.024_913_483_457_836),
            ],
            bias: 2e-4,
        },
        Published {
            name: "A02, QuantLib",
            heston: printed([0.1, 3.16, 0.09, 0.4, -0.2], 1.0, 0.0025),
            rate: 0.0225,
            years: 0.249_277_640_541_956_72,
            steps: 8,
            options: vec![(Call, 1.05, 0.040_477_451_491_374_16)],
            bias: 2e-4,
        },
        Published {
            name: "A03, Wilmott",
            heston: printed([0.09, 1.2, 0.08, 1.8, -0.45], 0.979_218_964_569_459_6, 0.03),
            rate: 0.05,
            years: 0.7,
            steps: 32,
            options: vec![
                (Call, 0.9, 0.133_036_975_995_074),
                (Call, 1.0, 0.064_101_650_884_345_7),
                (Call, 1.1, 0.027_065_002_526_705_5),
            ],
            bias: 2e-4,
        },
        Published {
            name: "A04, correlation +0.8",
            heston: printed([0.3, 1.16, 0.2, 0.8, 0.8], 1.05, 0.3),
            rate: 0.7,
            years: 0.249_277_640_541_956_72,
            steps: 12,
            options: vec![(Put, 1.05, 0.063_285_130_897_714_93)],
            bias: 2e-4,
        },
        Published {
            name: "A07, Broadie-Kaya 1",
            heston: printed([0.010201, 6.21, 0.019, 0.61, -0.7], 100.0, 0.0319),
            rate: 0.0319,
            years: 1.0,
            steps: 32,
            options: vec![(Call, 100.0, 6.806_113_313_462_03)],
            bias: 2e-4,
        },
        Published {
            name: "A08, Broadie-Kaya 2",
            heston: printed([0.09, 2.0, 0.09, 1.0, -0.3], 100.0, 0.05),
            rate: 0.05,
            years: 5.0,
            steps: 60,
            options: vec![(Call, 100.0, 34.999_758_351_183_8)],
            bias: 2e-4,
        },
        Published {
            name: "A10-I, Andersen I",
            heston: printed([0.04, 0.5, 0.04, 1.0, -0.9], 100.0, 0.0),
            rate: 0.0,
            years: 10.0,
            steps: 80,
            options: vec![
                (Call, 60.0, 44.329_975_070_174_314),
                (Call, 100.0, 13.084_670_136_992_4),
                (Call, 140.0, 0.295_774_435_797_994_8),
            ],
            bias: 2e-4,
        },
        Published {
            name: "A10-II, Andersen II",
            heston: printed([0.04, 0.3, 0.04, 0.9, -0.5], 100.0, 0.0),
            rate: 0.0,
            years: 15.0,
            steps: 60,
            options: vec![
                (Call, 60.0, 45.286_863_969_981_46),
                (Call, 100.0, 16.649_222_920_358_667),
                (Call, 140.0, 5.138_190_493_784_833),
            ],
            bias: 2e-4,
        },
        Published {
            name: "A05, Kahl-Jaeckel",
            heston: printed([0.16, 1.0, 0.16, 2.0, -0.8], 100.0, 0.0),
            rate: 0.0,
            years: 10.0,
            steps: 80,
            options: vec![(Call, 200.0, 4.952_114_720_879_763)],
            bias: 2e-4,
        },
    ]
}

#[test]
fn heston_options_have_the_published_values() {
    for Published { name, heston, rate, years, steps, options, bias } in published() {
        let seen = collect(alone(heston.clone()), equal(steps, years), &["x"], &[steps as usize]);
        let prices = seen.of("x", steps as usize);
        let forward = heston.initial * (heston.drift * years).exp();
        for (kind, strike, value) in options {
            let payoffs = payoffs(kind, strike, (-rate * years).exp(), prices);
            assert_option(&format!("{name}, K {strike}"), prices, forward, &payoffs, value, bias * heston.initial);
        }
    }
}

/// The bias against the step: what `docs/models.md` shows, of the hardest case (A05, Kahl-Jaeckel).
#[test]
fn the_bias_of_the_variance_scheme_falls_with_the_step() {
    let heston = printed([0.16, 1.0, 0.16, 2.0, -0.8], 100.0, 0.0);
    for (steps, bias) in [(10, -2.042), (20, -0.760), (40, -0.228)] {
        let seen = collect(alone(heston.clone()), equal(steps, 10.0), &["x"], &[steps as usize]);
        let prices = seen.of("x", steps as usize);
        let payoffs = payoffs(Call, 200.0, 1.0, prices);
        // The table's own sampling error, 0.017, counts once more.
        assert_option(&format!("{steps} steps"), prices, 100.0, &payoffs, 4.952_114_720_879_763 + bias, 5.0 * 0.0175);
    }
}

// ---- Bates and Svcj ----

#[test]
fn bates_options_have_their_values() {
    let years = 5.002_073_508_496_145;
    let a11 = [0.0433, 0.5, 0.0433, 0.0001, 0.0];
    // (name, v0 kappa theta sigma rho, jump volatility, r, q, T, steps, strike, value): cases A11 and A12.
    let cases = [
        ("A11-1y", a11, 0.2, 0.1, 0.04, 1.0, 4, 95.0, 10.810_986_975_145_823),
        ("A11-3y", a11, 0.2, 0.1, 0.04, 3.0, 4, 95.0, 14.788_733_600_854_712),
        ("A11-5y", a11, 0.2, 0.1, 0.04, 5.0, 4, 95.0, 14.973_068_797_422_357),
        ("A12-tHout1", [0.04, 1.5, 0.04, 0.3, -0.9], 0.1, 0.025, 0.0, years, 40, 100.0, 23.523_383_177_590_716),
        ("A12-IkonenToivanen", [0.0625, 5.0, 0.16, 0.9, 0.1], 0.1, 0.1, 0.0, years, 60, 100.0, 17.064_195_332_079_386),
        ("A12-KahlJaeckel", [0.16, 1.0, 0.16, 2.0, -0.8], 0.1, 0.0, 0.0, years, 60, 100.0, 34.305_250_837_171_315),
        ("A12-Equity", [0.07, 2.0, 0.04, 0.55, -0.8], 0.1, 0.03, 0.035, years, 40, 100.0, 27.134_680_548_729_08),
    ];
    for (name, parameters, jump_volatility, rate, yield_, years, steps, strike, value) in cases {
        let bates = bates(&printed(parameters, 100.0, rate - yield_), 2.0, -0.2, jump_volatility);
        let seen = collect(alone(bates), equal(steps, years), &["x"], &[steps as usize]);
        let prices = seen.of("x", steps as usize);
        let payoffs = payoffs(Put, strike, (-rate * years).exp(), prices);
        // 0.02 % of the price at time zero is allowed to the scheme; A11 has (nearly) constant variance and no such bias.
        let bias = if name.starts_with("A11") { 0.0 } else { 0.02 };
        assert_option(name, prices, 100.0 * ((rate - yield_) * years).exp(), &payoffs, value, bias);
    }
}

#[test]
fn the_oracle_has_the_published_values() {
    for Published { name, heston, rate, years, options, .. } in published() {
        let forward = heston.initial * (heston.drift * years).exp();
        for (kind, strike, value) in options {
            let call = Affine::of(&heston).call(heston.initial, strike, years);
            let undiscounted = match kind {
                Call => call,
                Put => call - forward + strike,
            };
            let found = undiscounted * (-rate * years).exp();
            assert!((found / value - 1.0).abs() < 1e-6, "{name}, K {strike}: {found} against {value}");
        }
    }
    // Case A12 (tHout1), jumps in the price.
    let jumps = JumpLaw { per_year: 2.0, mean: -0.2, deviation: 0.1, variance_mean: 0.0, lift: 0.0 };
    let bates = Affine { jumps: Some(jumps), ..Affine::of(&printed([0.04, 1.5, 0.04, 0.3, -0.9], 100.0, 0.025)) };
    let years = 5.002_073_508_496_145;
    let put = bates.call(100.0, 100.0, years) * (-0.025 * years).exp() - 100.0 + 100.0 * (-0.025 * years).exp();
    assert!((put / 23.523_383_177_590_716 - 1.0).abs() < 1e-6, "{put}");
}

#[test]
fn svcj_options_have_their_values() {
    // A coin, an equity index whose variance hardly moves, and a coin with several jumps in most steps.
    let equity = Svcj {
        initial: 100.0,
        drift: 0.0319,
        variance: 0.007_569,
        mean_variance: 0.008,
        reversion: 3.46,
        volatility_of_variance: 0.14,
        correlation: -0.82,
        jumps_per_year: 0.47,
        jump_mean: -0.1,
        jump_volatility: 0.0001,
        variance_jump_mean: 0.05,
        jump_correlation: -0.38,
    };
    let fast = Svcj { jumps_per_year: 30.0, variance_jump_mean: 0.05, jump_mean: 0.0, ..svcj() };
    for (name, svcj, years, steps) in [("coin", svcj(), 1.0, 24), ("equity", equity, 1.0, 24), ("fast", fast, 0.5, 12)]
    {
        let heston = printed(
            [svcj.variance, svcj.reversion, svcj.mean_variance, svcj.volatility_of_variance, svcj.correlation],
            svcj.initial,
            svcj.drift,
        );
        let oracle = Affine { jumps: Some(JumpLaw::of(&svcj)), ..Affine::of(&heston) };
        let seen = collect(alone(svcj.clone()), equal(steps, years), &["x", "x.variance"], &[steps as usize]);
        let prices = seen.of("x", steps as usize);
        let forward = svcj.initial * (svcj.drift * years).exp();
        for strike in [0.7, 1.0, 1.4] {
            let strike = strike * svcj.initial;
            let value = oracle.call(svcj.initial, strike, years);
            // 0.02 % of the price is allowed to the scheme.
            let payoffs = payoffs(Call, strike, 1.0, prices);
            assert_option(&format!("{name}, K {strike}"), prices, forward, &payoffs, value, 2e-4 * svcj.initial);
        }
        // The mean of the variance, with the error of the toss: (k D)^2 / 12 of the jumps' part.
        let x = svcj.reversion * years;
        let jumped = svcj.jumps_per_year * svcj.variance_jump_mean * (1.0 - (-x).exp()) / svcj.reversion;
        let mean = svcj.mean_variance + (svcj.variance - svcj.mean_variance) * (-x).exp() + jumped;
        let bias = (x / f64::from(steps)).powi(2) / 12.0 * jumped;
        assert_value(name, seen.of("x.variance", steps as usize), mean, bias);
    }
}

// ---- RegimeGbm ----

#[test]
fn options_on_a_regime_gbm_have_their_values() {
    // Case A22: volatilities 0.15 and 0.25, intensities 0.5, r 0.05, K 100, T 1, by matrix exponential and by occupation time.
    let first = [
        (96.0, 6.922_908_161_908_244),
        (98.0, 8.083_658_120_426_065),
        (100.0, 9.339_250_160_856_068),
        (102.0, 10.684_042_917_290_892),
        (104.0, 12.111_562_802_110_871),
        (106.0, 13.614_810_089_782_747),
    ];
    let second = [(94.0, 8.228_302_756_006_054), (100.0, 11.705_071_837_822_675), (106.0, 15.771_354_987_589_866)];
    for (start, values) in [(vec![1.0, 0.0], &first[..]), (vec![0.0, 1.0], &second[..])] {
        let market = || alone(regime_gbm([2.0, 2.0], Some(start.clone())));
        for (what, found) in at_two_step_sizes(&market, 1.0, &["x"]) {
            for (initial, value) in values {
                let prices = map(&found[0], |x| initial * x);
                let payoffs = payoffs(Call, 100.0, (-0.05_f64).exp(), &prices);
                let forward = initial * 0.05_f64.exp();
                assert_option(&format!("{what}, S {initial}"), &prices, forward, &payoffs, *value, 0.0);
            }
        }
    }
}
