//! How is a whole run written in a file? Market, book, dates and paths in one TOML document.
//!
//! A [`Scenario`] says everything that a [`Simulation`](crate::Simulation) needs. Whatever is wrong with it is told
//! with file, line and field, and with what would be right.

mod description;
mod diagnosis;
mod document;
mod presets;
mod stress;
mod tables;
mod uncertainty;

pub(crate) use document::located;

pub use description::{NamedModel, Sampling, Scenario};
pub use stress::{Shift, Stress, Target};
pub use uncertainty::{ParameterLaw, ParameterSet, ParameterSets, Uncertainty};
