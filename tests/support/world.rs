//! Markets that hold one of each built-in factor, under each way of moving together.
#![allow(dead_code, reason = "each test file uses a part of it")]

use haircut::market::{
    Bates, BlockReward, Bootstrap, Change, Cir, CommonJumps, ConditionSeries, Constant, Correlations, Counterparty,
    CreditConditions, Curve, DeflatingRent, DemandShift, Difficulty, EarningPower, Excitation, Gbm, Hashprice, Heston,
    History, Kou, LaunchShock, ListJumps, Market, MarketBuilder, Merton, NetworkHashrate, Obsolescence, PowerPrice,
    PriceRegime, Regime, RegimeGbm, Regimes, Resale, ResampledSeries, ShortRate, StressDriven, StudentT, Svcj,
    TierRent, Transitions, UnitCost, Utilisation,
};

/// A market with its name and what it publishes.
pub(crate) type World = (&'static str, Market, &'static [&'static str]);

/// What [`factors`] publish.
pub(crate) const SERIES: [&str; 13] = [
    "eth",
    "btc",
    "frontier",
    "frontier.adoption",
    "frontier.generations",
    "frontier.age",
    "rent",
    "resale",
    "use",
    "sofr",
    "sofr.discount",
    "hashrate",
    "hashprice",
];

/// One of each built-in factor, coupled where factors can be.
pub(crate) fn factors() -> MarketBuilder {
    let reward = BlockReward { subsidy: 3.125, fees: 0.05, fee_series: None, halvings: vec![1.6] };
    Market::builder()
        .factor("eth", Gbm { initial: 3_000.0, drift: 0.04, volatility: 0.8 })
        .factor(
            "btc",
            Merton {
                initial: 95_000.0,
                drift: 0.05,
                volatility: 0.5,
                jumps_per_year: 6.0,
                jump_mean: -0.02,
                jump_volatility: 0.12,
            },
        )
        .factor(
            "frontier",
            Obsolescence {
                cadence: 0.7,
                cadence_variation: 0.5,
                age: 0.3,
                gain: 0.5,
                gain_volatility: 0.1,
                ramp: 0.5,
                pending: 0.2,
                roadmap: Vec::new(),
                excitation: None,
            },
        )
        .factor(
            "rent",
            DeflatingRent {
                initial: 2.3,
                deflation: 0.15,
                sensitivity: 0.2,
                adoption: Some("frontier.adoption".into()),
                scarcity: 0.1,
                usual_scarcity: None,
                reversion: 0.6,
                volatility: 0.3,
                deflation_deviation: 0.0,
                jumps: None,
            },
        )
        .factor(
            "resale",
            Resale {
                initial: 28_000.0,
                floor: 1_500.0,
                wear: 0.2,
                sensitivity: 0.3,
                adoption: Some("frontier.adoption".into()),
                shock: Some(LaunchShock { generations: "frontier.generations".into(), mean: 0.2, deviation: 0.1 }),
                reversion: 1.0,
                volatility: 0.2,
            },
        )
        .factor("use", Utilisation { initial: 0.85, usual: 0.8, reversion: 1.5, volatility: 0.7, demand: None })
        .factor("sofr", ShortRate { initial: 0.036, mean: 0.03, reversion: 0.4, volatility: 0.01 })
        .factor(
            "hashrate",
            NetworkHashrate {
                initial: 1_000.0,
                elasticity: 0.5,
                lag: 0.4,
                volatility: 0.19,
                coin: "btc".into(),
                marginal_cost: 40.0,
                efficiency_gain: 0.2,
                reward: reward.clone(),
            },
        )
        .factor("hashprice", Hashprice { coin: "btc".into(), hashrate: "hashrate".into(), reward })
}

/// What [`coins`] publish.
pub(crate) const COINS: [&str; 10] = [
    "kou",
    "heston",
    "heston.variance",
    "bates",
    "bates.variance",
    "svcj",
    "svcj.variance",
    "bull",
    "bull.regime",
    "follower",
];

/// One of each coin model that [`factors`] do not have.
pub(crate) fn coins() -> MarketBuilder {
    let (initial, drift, variance, mean_variance, reversion) = (95_000.0, 0.05, 0.4, 0.5, 3.0);
    let regime = |drift, volatility| PriceRegime { drift, volatility };
    let bull = RegimeGbm {
        initial,
        regimes: vec![regime(0.5, 0.5), regime(-0.6, 0.9)],
        transitions: Some(Transitions::MeanYears([0.8, 0.4])),
        initial_regime: None,
        chain: None,
    };
    Market::builder()
        .factor(
            "kou",
            Kou { initial, drift, volatility: 0.6, jumps_per_year: 9.0, up_share: 0.4, up_mean: 0.1, down_mean: 0.15 },
        )
        // So much volatility of variance that both branches of the scheme are taken.
        .factor(
            "heston",
            Heston {
                initial,
                drift,
                variance,
                mean_variance,
                reversion: 1.0,
                volatility_of_variance: 2.0,
                correlation: -0.6,
            },
        )
        .factor(
            "bates",
            Bates {
                initial,
                drift,
                variance,
                mean_variance,
                reversion,
                volatility_of_variance: 1.0,
                correlation: 0.3,
                jumps_per_year: 4.0,
                jump_mean: -0.05,
                jump_volatility: 0.15,
            },
        )
        .factor(
            "svcj",
            Svcj {
                initial,
                drift,
                variance,
                mean_variance,
                reversion,
                volatility_of_variance: 1.0,
                correlation: -0.3,
                jumps_per_year: 30.0,
                jump_mean: -0.02,
                jump_volatility: 0.05,
                variance_jump_mean: 0.1,
                jump_correlation: -0.2,
            },
        )
        .factor("bull", bull.clone())
        .factor("follower", RegimeGbm { transitions: None, chain: Some("bull.regime".into()), ..bull })
}

/// What [`costs`] publish.
pub(crate) const COSTS: [&str; 4] = ["power", "cir", "cir.discount", "list"];

/// Electricity, with so many spikes that a step often holds several, and a rate of interest that is often near zero, and
/// a list price of rent.
pub(crate) fn costs() -> MarketBuilder {
    let power = PowerPrice {
        initial: 0.06,
        usual: 0.05,
        reversion: 1.4,
        volatility: 0.35,
        spikes_per_year: 8.0,
        spike_mean: 0.5,
        spike_volatility: 0.25,
        spike_reversion: 9.0,
    };
    let list = DeflatingRent {
        initial: 2.3,
        deflation: 0.15,
        sensitivity: 0.0,
        adoption: None,
        scarcity: 0.1,
        usual_scarcity: None,
        reversion: 0.6,
        volatility: 0.3,
        deflation_deviation: 0.1,
        jumps: Some(ListJumps { per_year: 2.7, mean: -0.03, deviation: 0.17 }),
    };
    let cir = Cir { initial: 0.05, mean: 0.03, reversion: 0.5, volatility: 0.25 };
    Market::builder().factor("power", power).factor("cir", cir).factor("list", list)
}

/// What [`conditions`] publish.
pub(crate) const CONDITIONS: [&str; 6] =
    ["funding", "funding.availability", "funding.delayed", "let", "coin", "coin.regime"];

/// The funding market, a rent that it draws up and down, and a coin that follows it.
pub(crate) fn conditions() -> MarketBuilder {
    let series = |values: [f64; 3], lag| ConditionSeries { values: values.into(), lag };
    let funding = CreditConditions {
        states: ["open", "tight", "shut"].map(String::from).into(),
        transitions: Transitions::Generator(vec![vec![-0.9, 0.7, 0.2], vec![1.6, -2.5, 0.9], vec![0.4, 2.6, -3.0]]),
        initial_state: None,
        series: [
            ("availability".into(), series([1.0, 0.5, 0.0], 0.0)),
            ("delayed".into(), series([0.05, -0.1, -0.4], 0.4)),
            ("shut".into(), series([0.0, 0.0, 1.0], 0.0)),
        ]
        .into(),
    };
    let rent = DeflatingRent {
        initial: 2.3,
        deflation: 0.15,
        sensitivity: 0.0,
        adoption: None,
        scarcity: 0.1,
        usual_scarcity: Some("funding.delayed".into()),
        reversion: 0.9,
        volatility: 0.3,
        deflation_deviation: 0.0,
        jumps: None,
    };
    let regime = |drift, volatility| PriceRegime { drift, volatility };
    let coin = RegimeGbm {
        initial: 95_000.0,
        regimes: vec![regime(0.3, 0.5), regime(0.0, 0.6), regime(-0.6, 0.9)],
        transitions: None,
        initial_regime: None,
        chain: Some("funding".into()),
    };
    Market::builder().factor("funding", funding).factor("let", rent).factor("coin", coin)
}

/// What [`counterparties`] publish, but for the time of a default that has not come.
pub(crate) const COUNTERPARTIES: [&str; 3] = ["funding", "equity", "tenant"];

/// A tenant whose hazard follows the funding market and a share price.
pub(crate) fn counterparties() -> MarketBuilder {
    let funding = CreditConditions {
        states: ["open", "tight", "shut"].map(String::from).into(),
        transitions: Transitions::Generator(vec![vec![-0.9, 0.7, 0.2], vec![1.6, -2.5, 0.9], vec![0.4, 2.6, -3.0]]),
        initial_state: None,
        series: [].into(),
    };
    let tenant = Counterparty {
        hazard: vec![0.02, 0.1, 0.5],
        chain: Some("funding".into()),
        index: Some("equity".into()),
        elasticity: 1.5,
    };
    let equity = Gbm { initial: 100.0, drift: 0.05, volatility: 0.4 };
    Market::builder().factor("funding", funding).factor("equity", equity).factor("tenant", tenant)
}

/// What [`history`] publishes.
pub(crate) const HISTORY: [&str; 3] = ["past", "past.coin", "past.rent"];

/// Half a year of days, of which a month takes 30 or 31; several blocks in a step.
pub(crate) fn history() -> MarketBuilder {
    let day = |day: u32| {
        // Any numbers of the size of daily returns.
        let shake = f64::from(day * day * 31 % 10_007) / 10_007.0 - 0.5;
        [0.08 * shake, 0.02 * shake + 0.01 * (f64::from(day * 37 % 11) / 10.0 - 0.5)]
    };
    let past = Bootstrap {
        series: vec![
            ResampledSeries::new("coin", 61_500.0),
            ResampledSeries { growth: Some(-0.15), ..ResampledSeries::new("rent", 2.5) },
        ],
        history: History::returns((0..180).map(day)),
        rows_per_year: 365.25,
        mean_block: 8.0,
    };
    Market::builder().factor("past", past)
}

/// What [`mining`] publishes.
pub(crate) const MINING: [&str; 4] = ["fees", "network", "difficulty", "earned"];

/// A miner's income: fees of their own, and a difficulty that lags a network which grows and shrinks fast.
pub(crate) fn mining() -> MarketBuilder {
    let fees = PowerPrice {
        initial: 0.02,
        usual: 0.03,
        reversion: 4.0,
        volatility: 1.4,
        spikes_per_year: 4.0,
        spike_mean: 1.5,
        spike_volatility: 0.5,
        spike_reversion: 20.0,
    };
    let reward = BlockReward { subsidy: 3.125, fees: 0.01, fee_series: Some("fees".into()), halvings: vec![1.6] };
    let network = NetworkHashrate {
        initial: 1_000.0,
        elasticity: 1.2,
        lag: 0.4,
        volatility: 0.8,
        coin: "btc".into(),
        marginal_cost: 40.0,
        efficiency_gain: 0.2,
        reward: reward.clone(),
    };
    Market::builder()
        .factor("btc", Gbm { initial: 95_000.0, drift: 0.05, volatility: 0.6 })
        .factor("fees", fees)
        .factor("network", network)
        .factor("difficulty", Difficulty { hashrate: "network".into(), initial: Some(950.0), found: 0.4 })
        .factor("earned", Hashprice { coin: "btc".into(), hashrate: "difficulty".into(), reward })
}

/// What [`machines`] publish.
pub(crate) const MACHINES: [&str; 3] = ["pressed.scarcity", "worth", "tier"];

/// What machines are worth by what they earn, where launches press on rents and where list prices jump.
pub(crate) fn machines() -> MarketBuilder {
    let frontier = Obsolescence {
        cadence: 1.7,
        cadence_variation: 0.4,
        age: 0.3,
        gain: 0.5,
        gain_volatility: 0.1,
        ramp: 0.5,
        pending: 0.2,
        roadmap: vec![],
        excitation: None,
    };
    let rent = DeflatingRent {
        initial: 2.3,
        deflation: 0.1,
        sensitivity: 0.3,
        adoption: Some("frontier.adoption".into()),
        scarcity: 0.1,
        usual_scarcity: None,
        reversion: 0.6,
        volatility: 0.3,
        deflation_deviation: 0.0,
        jumps: None,
    };
    let jumps = Some(ListJumps { per_year: 2.7, mean: -0.03, deviation: 0.17 });
    let list = DeflatingRent { sensitivity: 0.0, adoption: None, deflation_deviation: 0.05, jumps, ..rent.clone() };
    let worth = EarningPower {
        rent: "pressed".into(),
        rent_share: 1.0,
        utilisation: 0.85,
        power_kw_per_unit: 1.28,
        pue: 1.3,
        power_usd_per_kwh: 0.08,
        opex_usd_per_unit_hour: 0.4,
        cost_growth: 0.02,
        life: 5.0,
        discount: 0.12,
        scrap: 0.0,
    };
    let tier = EarningPower { rent: "list".into(), rent_share: 0.6, ..worth.clone() };
    Market::builder()
        .factor("frontier", frontier)
        .factor("pressed", rent)
        .factor("list", list)
        .factor("worth", worth)
        .factor("tier", tier)
}

/// A market whose funding, rent and coin are moved, each in another way.
fn shifted(market: &Market) -> Market {
    let until = Curve::dated([[0.5, 1.0], [1.0, 0.0], [2.0, 0.0], [2.0, 1.0]]);
    let market = market.shifted("funding.availability", Change::Multiply(until)).unwrap();
    let market = market.shifted("let", Change::Add(Curve::dated([[0.0, 0.0], [1.0, -0.5]]))).unwrap();
    market.shifted("coin", Change::Multiply(Curve::Always(0.7))).unwrap()
}

/// What [`inference`] publishes.
pub(crate) const INFERENCE: [&str; 8] =
    ["rivals.generations", "rivals.age", "rivals.tier", "demoted", "demand", "demand.parity", "let", "tokens"];

/// A fleet that serves tokens: rivals answer one another's launches after two that are known, tiers are demoted, demand leaves.
pub(crate) fn inference() -> MarketBuilder {
    let rivals = Obsolescence {
        cadence: 0.5,
        cadence_variation: 1.0,
        age: 0.1,
        gain: 0.3,
        gain_volatility: 0.1,
        ramp: 0.3,
        pending: 0.0,
        roadmap: vec![0.2, 0.45],
        excitation: Some(Excitation { branching: 0.5, reversion: 3.0, intensity: None }),
    };
    let rent = DeflatingRent {
        initial: 4.0,
        deflation: 0.1,
        sensitivity: 0.0,
        adoption: None,
        scarcity: 0.0,
        reversion: 0.6,
        volatility: 0.3,
        deflation_deviation: 0.0,
        jumps: None,
        usual_scarcity: None,
    };
    let demoted =
        TierRent { rent: "rent".into(), tier: "rivals.tier".into(), behind: 0.5, fractions: vec![1.0, 0.7, 0.4, 0.3] };
    let demand = DemandShift { parity: 0.85, drift: 0.6, volatility: 0.9, threshold: 0.95, remaining: 0.4, ramp: 0.8 };
    let tokens = UnitCost {
        initial: 3.0,
        floor: 0.02,
        deflation: 2.3,
        long_run_deflation: 0.4,
        reversion: 0.9,
        volatility: 0.5,
    };
    Market::builder()
        .factor("rivals", rivals)
        .factor("rent", rent)
        .factor("demoted", demoted)
        .factor("demand", demand)
        .factor(
            "let",
            Utilisation { initial: 0.85, usual: 0.8, reversion: 1.5, volatility: 0.7, demand: Some("demand".into()) },
        )
        .factor("tokens", tokens)
}

/// The factors under each way of moving together.
pub(crate) fn markets() -> Vec<World> {
    let pairs = [("btc", "rent", 0.4), ("eth", "btc", 0.8), ("rent", "resale", 0.6), ("use", "sofr", -0.3)];
    let stressed = [("btc", "rent", 0.5), ("eth", "btc", 0.7), ("rent", "resale", 0.4), ("sofr", "btc", 0.2)];
    let calm = Regime::new("calm").correlation(pairs);
    let stress = Regime::new("stress").correlation(stressed).volatility("btc", 1.6).drift("rent", -0.3);
    let crisis = Regime::new("crisis").correlation([("eth", "rent", 0.9)]).volatility("use", 2.0).drift("sofr", 0.02);
    let generator = vec![vec![-0.8, 0.6, 0.2], vec![2.0, -3.0, 1.0], vec![1.0, 3.0, -4.0]];
    let three = Regimes {
        regimes: vec![calm.clone(), stress.clone(), crisis],
        transitions: Some(Transitions::Generator(generator)),
        initial: Some(vec![0.5, 0.25, 0.25]),
        chain: None,
    };
    let shut = Regime::new("shut").correlation([("let", "coin", 0.7)]).volatility("let", 1.5).drift("coin", -0.3);
    let credit = Regimes::following("funding.shut", [Regime::new("open"), shut]);
    let of_coins = [("kou", "heston", 0.6), ("heston", "svcj", 0.7), ("heston.variance", "svcj.variance", 0.5)];
    let volatile = Regime::new("volatile").correlation(of_coins);
    let volatile = ["kou", "heston", "bates", "svcj", "bull"]
        .iter()
        .fold(volatile, |regime, coin| regime.volatility(*coin, 1.5).drift(*coin, -0.2));
    let coins_regimes = Regimes::pair(Regime::new("calm").correlation(of_coins), volatile, [1.0, 0.5]);
    let dear = Regime::new("dear").correlation([("power", "cir", 0.4)]).volatility("power", 1.4).drift("power", 0.5);
    let dear = dear.volatility("cir", 1.3).drift("cir", -0.01).volatility("list", 1.2);
    let costs_regimes = Regimes::pair(Regime::new("calm"), dear, [1.0, 0.5]);
    let fat = StudentT::new(4.0, Regimes::pair(calm.clone(), stress.clone(), [1.0, 0.5]));
    let copula = StudentT::new(2.5, Constant::pairs(of_coins)).normal_margins();
    let converging = StressDriven::drawdown("btc", 0.1, 0.4);
    let converging = converging.calm(Correlations::pairs(pairs)).stress(Correlations::pairs(stressed));
    let events = CommonJumps::new(2.0, converging.clone()).correlation([("btc", "rent", 0.5)]);
    let events = [("eth", -0.2), ("btc", -0.15), ("rent", -0.1), ("resale", -0.1), ("hashrate", 0.05)]
        .into_iter()
        .fold(events, |events, (factor, mean)| events.jump(factor, mean, 0.1));
    let crash = ["kou", "heston", "bates", "svcj", "bull"]
        .iter()
        .fold(CommonJumps::new(12.0, copula.clone()), |crash, coin| crash.jump(*coin, -0.02, 0.05));
    let glut = Regime::new("glut").correlation([("rent", "tokens", 0.6), ("demand", "tokens", -0.4)]);
    let glut = glut.volatility("demand", 1.4).drift("demand", 0.5).volatility("tokens", 1.5).drift("tokens", -0.3);
    let inference_regimes = Regimes::pair(Regime::new("calm"), glut, [1.0, 0.5]);
    vec![
        ("student t on two regimes", factors().dependence(fat).build().unwrap(), &SERIES),
        ("stress driven", factors().dependence(converging).build().unwrap(), &SERIES),
        ("common jumps, stress driven", factors().dependence(events).build().unwrap(), &SERIES),
        ("coins, common jumps on a t copula", coins().dependence(crash).build().unwrap(), &COINS),
        ("independent", factors().build().unwrap(), &SERIES),
        ("constant", factors().dependence(Constant::pairs(pairs)).build().unwrap(), &SERIES),
        ("two regimes", factors().dependence(Regimes::pair(calm, stress, [1.0, 0.5])).build().unwrap(), &SERIES),
        ("three regimes", factors().dependence(three).build().unwrap(), &SERIES),
        ("coins, independent", coins().build().unwrap(), &COINS),
        ("coins, two regimes", coins().dependence(coins_regimes).build().unwrap(), &COINS),
        ("costs, independent", costs().build().unwrap(), &COSTS),
        ("costs, two regimes", costs().dependence(costs_regimes).build().unwrap(), &COSTS),
        ("conditions, independent", conditions().build().unwrap(), &CONDITIONS),
        ("conditions, regimes that follow", conditions().dependence(credit).build().unwrap(), &CONDITIONS),
        ("history", history().build().unwrap(), &HISTORY),
        ("conditions, shifted", shifted(&conditions().build().unwrap()), &CONDITIONS),
        ("inference, independent", inference().build().unwrap(), &INFERENCE),
        ("inference, two regimes", inference().dependence(inference_regimes).build().unwrap(), &INFERENCE),
        ("machines", machines().build().unwrap(), &MACHINES),
        ("mining", mining().build().unwrap(), &MINING),
        ("counterparties", counterparties().build().unwrap(), &COUNTERPARTIES),
    ]
}
