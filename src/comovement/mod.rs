//! How strongly do two series move together, and is it more than a fat tail?
//!
//! [`Pairs`] holds the changes of two series; [`comovement`] gives their correlations (Pearson, Spearman, Kendall), their exceedance
//! correlations and their dependence in the tails, each with an error that holds for changes in calm and wild spells, and beside them what a
//! bivariate normal and a fitted bivariate t would have ([`EllipticalPair`]). [`asymmetry`] tests whether joint falls go together
//! more than joint rises by more than a fat tail explains.
//! [`SeriesPair`] is all of that (but for the test) on simulated paths, as a [`Measure`](crate::measure::Measure).
//! `docs/convergence.md` has the equations and what public series say.

mod asymmetry;
mod changes;
mod correlations;
mod elliptical;
mod fit;
mod kept_paths;
mod pairs;
mod path_sums;
mod resampling;
mod rolling;
mod series_pair;
mod simulated;
mod statistics;
mod tails;

pub use asymmetry::{Asymmetry, AsymmetrySettings, NullLevel, asymmetry};
pub use changes::Changes;
pub use correlations::{kendall, pearson, spearman};
pub use elliptical::EllipticalPair;
pub use pairs::Pairs;
pub use path_sums::ChangeMoments;
pub use rolling::{RollingCorrelation, rolling};
pub use series_pair::{SeriesPair, SeriesPairPartial, States, StepChange};
pub use simulated::{SimulatedComovement, StateComovement};
pub use statistics::{Comovement, ComovementSettings, Level, comovement};
pub use tails::{Side, Tail, Threshold, tail};
