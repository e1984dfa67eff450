//! Bytes as hexadecimal text, for hashes, IDs and keys.

use std::fmt::Write as _;

/// Two lower-case digits for each byte.
pub fn hex_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn each_byte_has_two_digits() {
        assert_eq!(super::hex_text(&[0, 10, 255]), "000aff");
    }
}
