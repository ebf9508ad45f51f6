//! From a t driver to the normal one of equal rank.

use super::constant::CHUNK;
use crate::numeric::kernel::{exp, exp_m1, ln_normal, normal_quantile, sin_cos_2pi};
use crate::numeric::{Lane, PATHS};

/// The map `x -> Q(t_nu(x))` of a t variate to the standard normal of equal rank, to within 1e-9.
///
/// With T the t variate (in its usual scale, T = Z sqrt(nu / W)) and
///
/// ```text
/// y = ln(1 + T^2 / nu),   s = y / (y + 10)
/// ```
///
/// the normal is `sign(T) sqrt(y) p(s)` with p smooth: it tends to sqrt(nu) as nu grows and falls slowly in y, for the density of T is a
/// power of e^-y, and the poles of what is left stand at y = 2 pi i, far from the range of s. A polynomial of degree 16 that
/// interpolates p on y <= 81 / nu meets it to 1e-9; beyond lie values past 8.5 (probability 2e-17), which take that of the end.
///
/// p comes from the tail of t in the variable u = sqrt(nu y), close to the normal itself:
///
/// ```text
/// P(T > t(u)) = integral from u to infinity of f / (2 integral from 0 of f),   f(u) = exp(-u^2 (1 - 1 / nu) / 2) sqrt(y / (e^y - 1))
/// ```
#[derive(Debug, Clone)]
pub(crate) struct NormalMargin {
    /// 1 / (nu - 2): T^2 / nu = (m z)^2 / (nu - 2), where m z has variance 1.
    per_variance: f64,
    /// Largest T^2 / nu.
    most: f64,
    /// s to -1 .. 1, as a ratio: (n_0 + n_1 y) / (y + 10).
    numerator: [f64; 2],
    /// p by powers of that.
    coefficients: [f64; COUNT],
}

const COUNT: usize = 17;
const KNEE: f64 = 10.0;
/// Largest u.
const FURTHEST: f64 = 9.0;

impl NormalMargin {
    /// For more than 2 degrees of freedom.
    pub(crate) fn new(freedom: f64) -> Self {
        let largest = FURTHEST * FURTHEST / freedom;
        let scale = 2.0 * (largest + KNEE) / largest;
        let cosine = |numerator: usize| sin_cos_2pi(numerator as f64 / (4 * COUNT) as f64).1;
        // From the largest node down, so that tails add up.
        let (mut tails, mut roots) = ([0.0; COUNT], [0.0; COUNT]);
        let mut tail = integral(freedom, FURTHEST, FURTHEST + 4.0);
        let mut above = FURTHEST;
        for node in 0..COUNT {
            let s = (cosine(2 * node + 1) + 1.0) / scale;
            let u = (freedom * KNEE * s / (1.0 - s)).sqrt();
            tail += integral(freedom, u, above);
            (tails[node], roots[node], above) = (tail, u, u);
        }
        let whole = tail + integral(freedom, 0.0, above);
        let values: [f64; COUNT] = std::array::from_fn(|node| {
            let normal = -normal_quantile(0.5 * tails[node] / whole);
            normal / roots[node] * freedom.sqrt()
        });
        NormalMargin {
            per_variance: 1.0 / (freedom - 2.0),
            most: exp_m1(largest),
            numerator: [-KNEE, scale - 1.0],
            coefficients: interpolate(&values, cosine),
        }
    }

    /// Turns a normal driver and the mixing variable into the driver with normal margins.
    pub(crate) fn apply(&self, mixing: &Lane, driver: &mut Lane) {
        map(self, mixing, driver);
    }
}

/// The integral of f over an interval, by Gauss's rule of five points on panels no wider than 1/8.
fn integral(freedom: f64, from: f64, to: f64) -> f64 {
    const NODES: [(f64, f64); 3] = [
        // Half of its weight: it is counted on both sides.
        (0.0, 0.142_222_222_222_222_22),
        (0.538_469_310_105_683_1, 0.239_314_335_249_683_23),
        (0.906_179_845_938_664, 0.118_463_442_528_094_54),
    ];
    let f = |u: f64| {
        let y = u * u / freedom;
        let ratio = if y > 0.0 { y / exp_m1(y) } else { 1.0 };
        exp(-0.5 * u * u * (1.0 - 1.0 / freedom)) * ratio.sqrt()
    };
    let panels = ((to - from) * 8.0).ceil();
    let width = (to - from) / panels;
    let mut sum = 0.0;
    for panel in 0..panels as usize {
        let middle = from + width * (panel as f64 + 0.5);
        for (node, weight) in NODES {
            let distance = 0.5 * width * node;
            sum += weight * width * (f(middle - distance) + f(middle + distance));
        }
    }
    sum
}

/// The polynomial, by powers, that has these values at the nodes cos(pi (2 k + 1) / (2 n)).
fn interpolate(values: &[f64; COUNT], cosine: impl Fn(usize) -> f64) -> [f64; COUNT] {
    let mut coefficients = [0.0; COUNT];
    // Chebyshev's polynomials of this order and the one before, by powers.
    let (mut before, mut now) = ([0.0; COUNT], [0.0; COUNT]);
    now[0] = 1.0;
    for order in 0..COUNT {
        let share = if order == 0 { 1.0 } else { 2.0 } / COUNT as f64;
        let weight: f64 =
            values.iter().enumerate().map(|(node, value)| share * value * cosine((2 * node + 1) * order)).sum();
        let mut next = [0.0; COUNT];
        for power in 0..=order {
            coefficients[power] += weight * now[power];
            if power + 1 < COUNT {
                next[power + 1] = if order == 0 { now[power] } else { 2.0 * now[power] };
            }
        }
        for power in 0..order {
            next[power] -= before[power];
        }
        (before, now) = (now, next);
    }
    coefficients
}

crate::vectorised! {
    fn map(margin: &NormalMargin, mixing: &Lane, driver: &mut Lane) {
        let NormalMargin { per_variance, most, numerator, coefficients } = *margin;
        for start in (0..PATHS).step_by(CHUNK) {
            let (mut at, mut root) = ([0.0; CHUNK], [0.0; CHUNK]);
            for path in 0..CHUNK {
                let mixed = mixing[start + path] * driver[start + path];
                let q = mixed * mixed * per_variance;
                let q = if q < most { q } else { most };
                let u = 1.0 + q;
                // What the sum lost; near 1 a division by u would not change it, and beyond it is lost in the logarithm.
                let lost = if q < 1.0 { q - (u - 1.0) } else { 0.0 };
                let y = ln_normal(u) + lost;
                at[path] = numerator[1].mul_add(y, numerator[0]) / (y + KNEE);
                root[path] = y.sqrt();
            }
            // Two by two, so that the chain of sums is half as long.
            for path in 0..CHUNK {
                let (at, square) = (at[path], at[path] * at[path]);
                let mut value = coefficients[COUNT - 1];
                for pair in (0..COUNT / 2).rev() {
                    let low = coefficients[2 * pair + 1].mul_add(at, coefficients[2 * pair]);
                    value = value.mul_add(square, low);
                }
                let normal = driver[start + path];
                driver[start + path] = (root[path] * value).copysign(normal);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    //! Guards: the map is that of the two distribution functions, in the middle and far out, for any degrees of freedom; it is odd,
    //! and it ends.
    #![allow(clippy::float_cmp, reason = "an odd function is odd to the bit")]
    use super::*;

    #[test]
    fn the_map_keeps_ranks() {
        // t variates of variance 1 and the normals of equal rank, by 40-digit arithmetic (incomplete beta function and error function).
        let table: [(f64, &[(f64, f64)]); 6] = [
            (
                2.01,
                &[
                    (0.02, 0.249_084_201_158_980_72),
                    (0.3, 1.954_561_271_044_470_2),
                    (1.1, 2.878_033_865_002_188_4),
                    (2.5, 3.362_559_412_048_354),
                    (6.0, 3.820_775_892_541_029),
                    (40.0, 4.675_136_419_887_189),
                    (3000.0, 6.219_050_728_188_55),
                ],
            ),
            (
                2.5,
                &[
                    (0.02, 0.040_550_890_232_122_744),
                    (0.3, 0.584_288_764_339_941_3),
                    (1.1, 1.607_727_739_372_692),
                    (2.5, 2.364_297_933_991_515),
                    (6.0, 3.068_270_933_163_859_6),
                    (40.0, 4.276_218_646_742_563),
                    (3000.0, 6.257_840_482_216_773),
                ],
            ),
            (
                3.7,
                &[
                    (0.02, 0.027_597_408_931_083_277),
                    (0.3, 0.408_788_137_678_227_3),
                    (1.1, 1.323_477_267_727_962),
                    (2.5, 2.255_095_990_883_423_6),
                    (6.0, 3.221_623_127_716_081_4),
                    (40.0, 4.852_146_358_585_699),
                    (3000.0, 7.395_204_094_191_754),
                ],
            ),
            (
                5.0,
                &[
                    (0.02, 0.024_567_668_741_286_23),
                    (0.3, 0.365_855_937_267_407_56),
                    (1.1, 1.240_430_947_947_715_8),
                    (2.5, 2.268_958_700_827_806),
                    (6.0, 3.443_967_246_546_311_6),
                    (40.0, 5.446_121_367_616_469_5),
                    (3000.0, 8.483_878_716_466_322),
                ],
            ),
            (
                12.0,
                &[
                    (0.02, 0.021_457_488_673_175_658),
                    (0.3, 0.321_150_027_776_76),
                    (1.1, 1.146_874_431_999_659_5),
                    (2.5, 2.366_081_623_520_176_3),
                    (6.0, 4.202_428_000_883_695),
                    (40.0, 7.705_951_306_854_919),
                ],
            ),
            (
                200.0,
                &[
                    (0.02, 0.020_075_636_026_566_03),
                    (0.3, 0.301_100_495_283_309_34),
                    (1.1, 1.102_479_889_492_766_8),
                    (2.5, 2.489_992_263_257_397),
                    (6.0, 5.773_089_035_685_245),
                ],
            ),
        ];
        for (freedom, pairs) in table {
            let margin = NormalMargin::new(freedom);
            for (variate, normal) in pairs {
                for sign in [1.0, -1.0] {
                    // A size of 8 stands for any.
                    let mut lane = Lane::splat(sign * variate / 8.0);
                    margin.apply(&Lane::splat(8.0), &mut lane);
                    let missed = lane[7] - sign * normal;
                    assert!(missed.abs() < 1e-9, "{freedom}: {variate} to {}, {missed}", lane[7]);
                    assert_eq!(lane[0], lane[PATHS - 1]);
                }
            }
        }
        // Nearly normal: nearly nothing moves. Beyond the range: the end.
        let mut lane = Lane::splat(1.25);
        NormalMargin::new(1e6).apply(&Lane::splat(1.0), &mut lane);
        assert!((lane[0] - 1.25).abs() < 2e-6);
        let mut lane = Lane::splat(1e200);
        NormalMargin::new(3.0).apply(&Lane::splat(1e6), &mut lane);
        assert!(lane[0] > 8.5 && lane[0] < 10.0, "{}", lane[0]);
    }
}
