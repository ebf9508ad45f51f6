//! Fat joint tails: one mixing variable for all drivers.

use super::dependence::{Dependence, DependenceBlock, DependencePlan, DependenceStepper};
use super::lanes::{OwnLane, OwnStream};
use super::model::DependenceModel;
use super::normal_margin::NormalMargin;
use super::sparse::Hits;
use crate::numeric::kernel::ln;
use crate::numeric::{Lane, PATHS};
use crate::sample::StreamKey;
use crate::{Error, check};
use serde::{Deserialize, Serialize};

/// Drivers that are large together: what another dependence has made of them, times one random size per path and step that all
/// drivers share.
///
/// ```text
/// x_i = m z_i,   m = sqrt((nu - 2) / W),   W ~ chi-square of nu degrees of freedom,   E[m^2] = 1
/// ```
///
/// with `z` the drivers of `base`. Under a [`Constant`](super::Constant) base x is multivariate t with variance 1 and the base's
/// correlation; under [`Regimes`](super::Regimes) it is so within each regime. Even drivers without correlation are large together.
///
/// | symbol | field | range |
/// | --- | --- | --- |
/// | nu | `degrees_of_freedom` | 2.01 to 1e6; or infinite, which is `base` to the bit |
/// | | `margins` | see [`Margins`]; t by default |
/// | | `base` | any dependence; none (independent drivers) by default |
///
/// **Draws.** One normal and one uniform per path and step from the stream `dependence/mixing`: the first try of Marsaglia and Tsang's
/// rejection, taken on 95 % of paths and more; the other paths take an event draw. Two runs with other degrees of freedom see the same
/// ones. Publishes m as `dependence.mixing`: at each date the size of the step that ends there, 1 at time zero.
///
/// Source: S. Demarta, A. J. McNeil, "The t copula and related copulas", International Statistical Review 73 (2005) 111-129,
/// doi:10.1111/j.1751-5823.2005.tb00254.x. Gamma variates: G. Marsaglia, W. W. Tsang, ACM TOMS 26 (2000) 363-372,
/// doi:10.1145/358407.358414.
///
/// ```
/// use haircut::market::{Constant, Gbm, Market, StudentT};
/// let price = |initial| Gbm { initial, drift: 0.05, volatility: 0.5 };
/// let dependence = StudentT::new(4.0, Constant::pairs([("btc", "gpu", 0.3)])).normal_margins();
/// let market =
///     Market::builder().factor("btc", price(95_000.0)).factor("gpu", price(30_000.0)).dependence(dependence).build()?;
/// assert_eq!(market.factors().count(), 2);
/// # Ok::<(), haircut::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudentT<Base = DependenceModel> {
    /// Degrees of freedom of the mixing variable.
    pub degrees_of_freedom: f64,
    /// The law of each driver.
    #[serde(default)]
    pub margins: Margins,
    /// What makes the drivers that are mixed.
    #[serde(default)]
    pub base: Base,
}

/// The law of each driver under [`StudentT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Margins {
    /// Student's t with variance 1: single shocks are fat-tailed too. A factor that takes the exponential of its driver has no finite
    /// mean then; its `drift` says where the median goes, `S_0 exp((mu - v^2 / 2) t)`.
    #[default]
    StudentT,
    /// Standard normal: t copula, `x -> Q(t_nu(x))`. Every factor keeps the law that it has alone, its expected growth included.
    Normal,
}

impl<Base> StudentT<Base> {
    /// Fat joint tails on top of another dependence.
    #[must_use]
    pub fn new(degrees_of_freedom: f64, base: Base) -> Self {
        StudentT { degrees_of_freedom, margins: Margins::StudentT, base }
    }

    /// The same dependence of drivers that are normal one by one.
    #[must_use]
    pub fn normal_margins(self) -> Self {
        StudentT { margins: Margins::Normal, ..self }
    }
}

impl<Base: Dependence> Dependence for StudentT<Base> {
    fn plan(&self, plan: &mut DependencePlan<'_>) -> Result<Box<dyn DependenceStepper>, Error> {
        let freedom = self.degrees_of_freedom;
        if freedom != f64::INFINITY {
            check::within("degrees_of_freedom", freedom, 2.01, 1e6)?;
        }
        let base = self.base.plan(plan).map_err(|error| error.within("base"))?;
        let mixing = plan.publish("mixing");
        Ok(Box::new(Stepper {
            base,
            mixing,
            mix: (freedom < f64::INFINITY).then(|| Mix {
                size: Size::new(freedom),
                margin: (self.margins == Margins::Normal).then(|| NormalMargin::new(freedom)),
                uniform: plan.state(),
                stream: plan.stream("mixing"),
            }),
        }))
    }
}

struct Stepper {
    base: Box<dyn DependenceStepper>,
    mixing: OwnLane,
    mix: Option<Mix>,
}

struct Mix {
    size: Size,
    margin: Option<NormalMargin>,
    uniform: OwnLane,
    stream: OwnStream,
}

impl DependenceStepper for Stepper {
    fn start(&self, block: &mut DependenceBlock<'_>) {
        self.base.start(block);
        block.own[self.mixing].fill(1.0);
    }

    fn step(&self, block: &mut DependenceBlock<'_>) {
        self.base.step(block);
        let Some(Mix { size, margin, uniform, stream }) = &self.mix else { return };
        let [mixing, uniform] = block.own.many([self.mixing, *uniform]);
        block.streams[*stream].normals(mixing);
        block.streams[*stream].uniforms(uniform);
        attempt(*size, uniform, mixing);
        let mut rejected = Hits::new();
        rejected.at_most(mixing, 0.0);
        if !rejected.is_empty() {
            again(*size, *block.streams.key(*stream), block.first_path, block.step.index as u64, &rejected, mixing);
        }
        for driver in block.drivers.iter_mut() {
            match margin {
                None => scale(mixing, driver),
                Some(margin) => margin.apply(mixing, driver),
            }
        }
    }

    fn modulates(&self) -> bool {
        self.base.modulates()
    }
}

/// The law of m: W / 2 is a gamma variate of shape nu / 2.
#[derive(Debug, Clone, Copy)]
struct Size {
    shape: f64,
    /// (nu - 2) / 2.
    numerator: f64,
    /// Marsaglia and Tsang's d and c.
    d: f64,
    c: f64,
}

impl Size {
    fn new(freedom: f64) -> Self {
        let shape = 0.5 * freedom;
        let d = shape - 1.0 / 3.0;
        Size { shape, numerator: 0.5 * (freedom - 2.0), d, c: 1.0 / (9.0 * d).sqrt() }
    }

    /// m for a gamma variate. The bound lies beyond what the draws resolve.
    #[inline(always)]
    fn of(self, gamma: f64) -> f64 {
        let size = (self.numerator / gamma).sqrt();
        if size < 1e6 { size } else { 1e6 }
    }
}

crate::vectorised! {
    /// Turns normals into m, or into -1 where the try is rejected.
    fn attempt(size: Size, uniform: &Lane, mixing: &mut Lane) {
        for path in 0..PATHS {
            let normal = mixing[path];
            let root = size.c.mul_add(normal, 1.0);
            let cube = root * root * root;
            // Not a number, and so rejected, where the cube is not positive.
            let bound = (0.5 * normal).mul_add(normal, size.d * (1.0 - cube + ln(cube)));
            let candidate = size.of(size.d * cube);
            mixing[path] = if ln(uniform[path]) < bound { candidate } else { -1.0 };
        }
    }

    /// The paths that were rejected.
    fn again(size: Size, key: StreamKey, first_path: u64, step: u64, rejected: &Hits, mixing: &mut Lane) {
        for path in rejected.paths() {
            mixing[path] = size.of(key.gamma(first_path + path as u64, step, size.shape));
        }
    }

    fn scale(mixing: &Lane, driver: &mut Lane) {
        for path in 0..PATHS {
            driver[path] *= mixing[path];
        }
    }
}
