//! The stresses that ship with the crate, as files of `scenarios/stress` with their sources.

use super::stress::Stress;
use crate::Error;
use std::path::Path;

const PRESETS: [(&str, &str); 5] = [
    ("telecom_glut.toml", include_str!("../../scenarios/stress/telecom_glut.toml")),
    ("crypto_winter_2022.toml", include_str!("../../scenarios/stress/crypto_winter_2022.toml")),
    ("hopper_rent_collapse.toml", include_str!("../../scenarios/stress/hopper_rent_collapse.toml")),
    ("early_next_generation.toml", include_str!("../../scenarios/stress/early_next_generation.toml")),
    ("shut_funding_market.toml", include_str!("../../scenarios/stress/shut_funding_market.toml")),
];

impl Stress {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Scenario`] when it cannot be read, or is not a stress.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let file = path.as_ref().display().to_string();
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::from_toml(&file, &text),
            Err(error) => Err(Error::Scenario { file, line: 0, message: format!("cannot be read: {error}") }),
        }
    }

    /// Reads a stress from a text; `file` is the name by which an error calls it.
    ///
    /// # Errors
    /// [`Error::Scenario`] with the line, for bad syntax, unknown and missing fields and wrong types.
    pub fn from_toml(file: &str, text: &str) -> Result<Self, Error> {
        toml::from_str(text).map_err(|error: toml::de::Error| {
            let line = error.span().map_or(0, |span| 1 + text[..span.start].matches('\n').count());
            Error::Scenario { file: file.to_owned(), line, message: error.message().replace('\n', "; ") }
        })
    }

    /// The stresses that ship with the crate: a glut as in telecoms, the winter of coins of 2022, a collapse of Hopper rents, an
    /// early next generation, a funding market that shuts. Their files, with the source of every number, are in
    /// `scenarios/stress`.
    ///
    /// # Errors
    /// None: a test reads them all.
    pub fn presets() -> Result<Vec<Stress>, Error> {
        PRESETS.iter().map(|(file, text)| Stress::from_toml(file, text)).collect()
    }
}
