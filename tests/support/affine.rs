//! Option values of a price with square-root variance and jumps, by Fourier inversion: an oracle that shares nothing with the
//! simulation.
//!
//! The characteristic function E[exp(z ln S_T / S_0)] = exp(A + B V_0) solves the Riccati equations of D. Duffie, J. Pan,
//! K. Singleton (Econometrica 68 (2000) 1343-1376), here by Runge-Kutta:
//!
//! ```text
//! B' = (s^2 B^2) / 2 + (rho s z - k) B + (z^2 - z) / 2
//! A' = z (mu - lambda (J(1, 0) - 1)) + k theta B + lambda (J(z, B) - 1)
//! J(z, b) = E[exp(z Y + b J)] = exp(m z + j^2 z^2 / 2) / (1 - q (b + c z))
//! ```
//!
//! and a call is worth (A. L. Lewis, Option Valuation under Stochastic Volatility (2000))
//!
//! ```text
//! C = e^(-r T) (E[S_T] - sqrt(S_0 K) / pi integral_0^inf Re[e^(i u x) phi(i u + 1/2)] / (u^2 + 1/4) du),   x = ln S_0 / K
//! ```

use haircut::market::{Heston, Svcj};
use nalgebra::Complex;

type C = Complex<f64>;

#[derive(Clone, Copy)]
pub(crate) struct JumpLaw {
    pub(crate) per_year: f64,
    pub(crate) mean: f64,
    pub(crate) deviation: f64,
    pub(crate) variance_mean: f64,
    pub(crate) lift: f64,
}

impl JumpLaw {
    pub(crate) fn of(svcj: &Svcj) -> Self {
        JumpLaw {
            per_year: svcj.jumps_per_year,
            mean: svcj.jump_mean,
            deviation: svcj.jump_volatility,
            variance_mean: svcj.variance_jump_mean,
            lift: svcj.jump_correlation,
        }
    }

    fn transform(&self, z: C, b: C) -> C {
        let price = z * self.mean + z * z * (0.5 * self.deviation * self.deviation);
        price.exp() / (C::new(1.0, 0.0) - (b + z * self.lift) * self.variance_mean)
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Affine {
    pub(crate) drift: f64,
    pub(crate) variance: f64,
    pub(crate) mean_variance: f64,
    pub(crate) reversion: f64,
    pub(crate) volatility_of_variance: f64,
    pub(crate) correlation: f64,
    pub(crate) jumps: Option<JumpLaw>,
}

impl Affine {
    pub(crate) fn of(heston: &Heston) -> Self {
        let Heston { drift, variance, mean_variance, reversion, volatility_of_variance, correlation, .. } = *heston;
        Affine { drift, variance, mean_variance, reversion, volatility_of_variance, correlation, jumps: None }
    }

    /// E[exp(z ln S_T / S_0)].
    pub(crate) fn transform(&self, z: C, years: f64) -> C {
        let s = self.volatility_of_variance;
        let one = C::new(1.0, 0.0);
        let zero = C::new(0.0, 0.0);
        let compensated = match &self.jumps {
            None => self.drift,
            Some(jumps) => self.drift - jumps.per_year * (jumps.transform(one, zero).re - 1.0),
        };
        let slope = |b: C| {
            let db = b * b * (0.5 * s * s) + b * (z * (self.correlation * s) - self.reversion) + (z * z - z) * 0.5;
            let jumps = self.jumps.map_or(zero, |jumps| (jumps.transform(z, b) - one) * jumps.per_year);
            (db, z * compensated + b * (self.reversion * self.mean_variance) + jumps)
        };
        // Far out in u the slopes grow with it.
        let steps = (200.0 * years + 4.0 * years * s * z.norm()).ceil();
        let h = years / steps;
        let (mut a, mut b) = (zero, zero);
        for _ in 0..steps as u32 {
            let (b1, a1) = slope(b);
            let (b2, a2) = slope(b + b1 * (0.5 * h));
            let (b3, a3) = slope(b + b2 * (0.5 * h));
            let (b4, a4) = slope(b + b3 * h);
            b += (b1 + b2 * 2.0 + b3 * 2.0 + b4) * (h / 6.0);
            a += (a1 + a2 * 2.0 + a3 * 2.0 + a4) * (h / 6.0);
        }
        (a + b * self.variance).exp()
    }

    /// E[max(S_T - K, 0)], not discounted.
    pub(crate) fn call(&self, initial: f64, strike: f64, years: f64) -> f64 {
        let x = (initial / strike).ln();
        let integrand = |u: f64| {
            let phi = self.transform(C::new(0.5, u), years);
            (phi * C::new(0.0, u * x).exp()).re / (u * u + 0.25)
        };
        // Panels of eight Gauss-Legendre points, until they no longer add.
        const POINTS: [(f64, f64); 4] = [
            (0.183_434_642_495_649_8, 0.362_683_783_378_362),
            (0.525_532_409_916_329, 0.313_706_645_877_887_3),
            (0.796_666_477_413_626_7, 0.222_381_034_453_374_48),
            (0.960_289_856_497_536_3, 0.101_228_536_290_376_26),
        ];
        let mut integral = 0.0;
        let mut start = 0.0;
        let mut width = 0.5;
        loop {
            let middle = start + 0.5 * width;
            let panel: f64 = POINTS
                .iter()
                .map(|(at, weight)| {
                    weight * (integrand(middle - at * 0.5 * width) + integrand(middle + at * 0.5 * width))
                })
                .sum();
            integral += 0.5 * width * panel;
            start += width;
            if start > 8.0 && panel.abs() < 1e-12 {
                break;
            }
            width = f64::min(width * 1.25, 8.0);
        }
        initial * (self.drift * years).exp() - (initial * strike).sqrt() / std::f64::consts::PI * integral
    }
}
