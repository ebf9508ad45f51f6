//! One loop, several instruction sets: dispatch at run time.
//!
//! A kernel is a plain loop over slices. [`vectorised!`](crate::vectorised) compiles it once for each
//! level of [`Level`] and calls the best one that the machine has. The kernels use only operations
//! that IEEE 754 makes exact (`+ - * / sqrt`, written-out `mul_add`, comparisons, integers), so the
//! level decides the speed and never the bits.
//!
//! Why not the `multiversion` crate, whose generated code is the same: its choice cannot be lowered in
//! a running process, and "the same bits at every level" is a promise that must be tested. This module
//! is the only one with `unsafe`, which calling a function of a wider instruction set needs; each call
//! is guarded by the run-time detection of exactly the features that the function is compiled with.

use crate::Error;
use std::sync::atomic::{AtomicU8, Ordering};

/// An instruction set that kernels are compiled for, from the plainest to the widest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum Level {
    /// What the target guarantees: SSE2 on x86-64 (where `mul_add` is a slow library call), NEON on AArch64.
    Baseline = 1,
    /// x86-64 with AVX2 and FMA.
    Avx2 = 2,
    /// x86-64 with AVX-512 F, DQ, VL, BW, CD.
    Avx512 = 3,
}

static CURRENT: AtomicU8 = AtomicU8::new(0);

impl Level {
    /// The widest level that this machine has.
    #[must_use]
    pub fn detect() -> Level {
        #[cfg(target_arch = "x86_64")]
        {
            if std::arch::is_x86_feature_detected!("avx512f")
                && std::arch::is_x86_feature_detected!("avx512dq")
                && std::arch::is_x86_feature_detected!("avx512vl")
                && std::arch::is_x86_feature_detected!("avx512bw")
                && std::arch::is_x86_feature_detected!("avx512cd")
                && std::arch::is_x86_feature_detected!("avx2")
                && std::arch::is_x86_feature_detected!("fma")
                && std::arch::is_x86_feature_detected!("bmi2")
            {
                return Level::Avx512;
            }
            if std::arch::is_x86_feature_detected!("avx2")
                && std::arch::is_x86_feature_detected!("fma")
                && std::arch::is_x86_feature_detected!("bmi2")
            {
                return Level::Avx2;
            }
        }
        Level::Baseline
    }

    /// Every level that this machine has, from the plainest.
    #[must_use]
    pub fn available() -> Vec<Level> {
        [Level::Baseline, Level::Avx2, Level::Avx512].into_iter().filter(|level| *level <= Level::detect()).collect()
    }

    /// The level in use: the widest one, unless [`Level::set`] lowered it.
    #[inline]
    #[must_use]
    pub fn current() -> Level {
        match CURRENT.load(Ordering::Relaxed) {
            1 => Level::Baseline,
            2 => Level::Avx2,
            3 => Level::Avx512,
            _ => {
                let level = Level::detect();
                CURRENT.store(level as u8, Ordering::Relaxed);
                level
            }
        }
    }

    /// Makes the whole process use this level from now on. Results do not change, only speed: this is for
    /// tests and measurements.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the machine does not have the level.
    pub fn set(self) -> Result<(), Error> {
        if self > Level::detect() {
            return Err(Error::invalid(
                "level",
                format!("{self:?}"),
                format!("must be at most {:?}, the widest that this machine has", Level::detect()),
            ));
        }
        CURRENT.store(self as u8, Ordering::Relaxed);
        Ok(())
    }
}

/// Compiles a function for every [`Level`](crate::numeric::Level) and dispatches at run time.
///
/// The body should be a loop over slices or [`Lane`](crate::numeric::Lane)s without branches that depend on the data
/// (`&` instead of `&&`, a selection instead of a jump), so that the compiler vectorises it. Functions that the body
/// calls must be `#[inline(always)]` to be compiled for the level too. The function takes no generic parameters and no
/// `self`. The expansion calls functions of wider instruction sets, so a crate that uses it cannot
/// `forbid(unsafe_code)`; it may deny it.
///
/// ```
/// haircut::vectorised! {
///     /// y = a x + y.
///     fn axpy(a: f64, x: &[f64], y: &mut [f64]) {
///         for (y, x) in y.iter_mut().zip(x) {
///             *y = a.mul_add(*x, *y);
///         }
///     }
/// }
/// let mut y = [1.0, 2.0];
/// axpy(2.0, &[10.0, 20.0], &mut y);
/// assert_eq!(y, [21.0, 42.0]);
/// ```
#[macro_export]
macro_rules! vectorised {
    ($(
        $(#[$meta:meta])*
        $vis:vis fn $name:ident($($arg:ident : $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block
    )*) => {$(
        $(#[$meta])*
        #[allow(
            unsafe_code,
            clippy::too_many_arguments,
            reason = "dispatch to a function compiled for instruction sets that were detected at run time; kernels take their lanes one by one"
        )]
        $vis fn $name($($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            fn body($($arg: $ty),*) $(-> $ret)? $body

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw,avx512cd,avx2,fma,bmi2")]
            fn avx512($($arg: $ty),*) $(-> $ret)? {
                body($($arg),*)
            }

            #[cfg(target_arch = "x86_64")]
            #[target_feature(enable = "avx2,fma,bmi2")]
            fn avx2($($arg: $ty),*) $(-> $ret)? {
                body($($arg),*)
            }

            match $crate::numeric::Level::current() {
                // SAFETY: `Level::current` is never above what `Level::detect` found on this machine.
                #[cfg(target_arch = "x86_64")]
                $crate::numeric::Level::Avx512 => unsafe { avx512($($arg),*) },
                // SAFETY: as above.
                #[cfg(target_arch = "x86_64")]
                $crate::numeric::Level::Avx2 => unsafe { avx2($($arg),*) },
                _ => body($($arg),*),
            }
        }
    )*};
}
