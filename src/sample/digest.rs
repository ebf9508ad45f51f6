//! A digest of text, for names and descriptions.

use std::fmt;

/// FNV-1a with 128 bits (Fowler, Noll and Vo; RFC 9923), fed with text.
///
/// It tells names and descriptions apart; it is no defence against somebody who looks for a collision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest(u128);

impl Digest {
    /// The digest of no text.
    #[must_use]
    pub const fn new() -> Self {
        Digest(0x6C62_272E_07BB_0142_62B8_2175_6295_C58D)
    }

    /// The digest of the text so far.
    #[must_use]
    pub const fn value(self) -> u128 {
        self.0
    }
}

impl Default for Digest {
    fn default() -> Self {
        Digest::new()
    }
}

impl fmt::Write for Digest {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013B);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Digest;
    use std::fmt::Write as _;

    /// Vectors of the reference implementation (fnv-1a, 128 bits).
    #[test]
    fn known_answers() {
        for (text, value) in [
            ("", 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128),
            ("a", 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964),
            ("foobar", 0x343e_1662_793c_64bf_6f0d_3597_ba44_6f18),
        ] {
            let mut digest = Digest::new();
            digest.write_str(text).unwrap();
            assert_eq!(digest.value(), value, "{text}");
        }
    }
}
