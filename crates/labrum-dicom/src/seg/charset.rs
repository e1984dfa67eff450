//! The character set of a segmentation, for the texts copied from the source and those added.

use dicom_encoding::text::{SpecificCharacterSet, TextCodec};

/// Specific Character Set (0008,0005) of a written object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Charset {
    /// Only ASCII: the element is omitted.
    Ascii,
    /// ISO_IR 192.
    Utf8,
    /// The character set of the source, as in its element.
    Source(String),
}

impl Charset {
    /// The character set of the bytes `copied` from the source.
    ///
    /// `named` is the element of the source. If it is missing or not a defined term, the character set is guessed from
    /// the bytes; the returned flag is true if it was a guess. `own_is_ascii`: the texts to be added are ASCII.
    pub(crate) fn for_copied_texts<'a>(
        named: Option<&str>,
        copied: impl Iterator<Item = &'a [u8]> + Clone,
        own_is_ascii: bool,
    ) -> (Self, bool) {
        match named.map(normalised_term) {
            Some(name) if name == "ISO_IR 192" => (Self::Utf8, false),
            Some(name) if name.split('\\').all(is_defined) && name.chars().any(|c| c != '\\') => {
                (Self::Source(name), false)
            }
            _ if copied.clone().all(<[u8]>::is_ascii) => (
                if own_is_ascii {
                    Self::Ascii
                } else {
                    Self::Utf8
                },
                false,
            ),
            _ if copied
                .clone()
                .all(|bytes| std::str::from_utf8(bytes).is_ok()) =>
            {
                (Self::Utf8, true)
            }
            _ => (Self::Source("ISO_IR 100".into()), true),
        }
    }

    /// The value of the element; `None` if it is omitted.
    pub(crate) fn defined_term(&self) -> Option<&str> {
        match self {
            Self::Ascii => None,
            Self::Utf8 => Some("ISO_IR 192"),
            Self::Source(term) => Some(term),
        }
    }

    /// `text` in this character set; characters that it lacks become question marks.
    pub(crate) fn encode_text(&self, text: &str) -> Vec<u8> {
        match self {
            Self::Utf8 => text.as_bytes().to_vec(),
            // With several values, text without escape sequences would be in the first one.
            Self::Source(term) if !term.contains('\\') => {
                let encoded =
                    SpecificCharacterSet::from_code(term).and_then(|codec| codec.encode(text).ok());
                encoded.unwrap_or_else(|| with_question_marks(text))
            }
            _ => with_question_marks(text),
        }
    }
}

fn with_question_marks(text: &str) -> Vec<u8> {
    text.chars()
        .map(|c| if c.is_ascii() { c as u8 } else { b'?' })
        .collect()
}

/// Corrects common misspellings: `ISO-IR 100`, `ISO_IR_100`, `iso_ir100`, `ISO2022 IR 87`.
pub(crate) fn normalised_term(named: &str) -> String {
    let terms: Vec<String> = named.split('\\').map(normalise_single_term).collect();
    // ASCII has a term only for code extensions.
    if terms.len() == 1 && matches!(terms[0].as_str(), "ISO_IR 6" | "ISO 2022 IR 6") {
        return String::new();
    }
    terms.join("\\")
}

/// Corrects one value of the element.
fn normalise_single_term(term: &str) -> String {
    let digits: String = term
        .chars()
        .rev()
        .take_while(char::is_ascii_digit)
        .collect();
    let number: String = digits.chars().rev().collect();
    let upper = term.trim().to_uppercase().replace(['_', '-'], " ");
    let letters = upper
        .trim_end_matches(|c: char| c.is_ascii_digit())
        .replace(' ', "");
    match letters.as_str() {
        "ISOIR" => format!("ISO_IR {number}"),
        "ISO2022IR" => format!("ISO 2022 IR {number}"),
        "UTF" => "ISO_IR 192".into(),
        _ => term.trim().to_uppercase(),
    }
}

/// True for a defined term of PS3.3 C.12.1.1.2, or an empty value, which the first of several may be.
fn is_defined(term: &str) -> bool {
    const SINGLE: [&str; 14] = [
        "100", "101", "109", "110", "144", "127", "126", "138", "148", "203", "13", "166", "192",
        "6",
    ];
    const MULTI: [&str; 4] = ["87", "159", "149", "58"];
    matches!(term, "" | "GB18030" | "GBK")
        || term
            .strip_prefix("ISO_IR ")
            .is_some_and(|number| SINGLE.contains(&number))
        || term.strip_prefix("ISO 2022 IR ").is_some_and(|number| {
            number != "192" && (SINGLE.contains(&number) || MULTI.contains(&number))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(named: Option<&str>, copied: &[u8], own_is_ascii: bool) -> (Charset, bool) {
        Charset::for_copied_texts(named, [copied].into_iter(), own_is_ascii)
    }

    #[test]
    fn the_sources_character_set_is_kept() {
        assert_eq!(
            of(Some("ISO_IR 100"), b"x", true),
            (Charset::Source("ISO_IR 100".into()), false)
        );
        assert_eq!(
            of(Some("\\ISO 2022 IR 87"), b"x", true).0.defined_term(),
            Some("\\ISO 2022 IR 87")
        );
        assert_eq!(
            of(Some("ISO-IR 100"), b"x", true).0.defined_term(),
            Some("ISO_IR 100")
        );
    }

    #[test]
    fn without_a_usable_character_set_text_is_ascii_or_utf_8() {
        for named in [None, Some(""), Some("ISO_IR 6"), Some("nonsense")] {
            assert_eq!(of(named, b"Doe^Jane", true).0.defined_term(), None);
            assert_eq!(
                of(named, b"Doe^Jane", false).0.defined_term(),
                Some("ISO_IR 192")
            );
        }
    }

    #[test]
    fn without_a_declaration_the_bytes_decide() {
        assert_eq!(of(None, "Müller".as_bytes(), true), (Charset::Utf8, true));
        assert_eq!(
            of(None, b"M\xfcller", true),
            (Charset::Source("ISO_IR 100".into()), true)
        );
    }

    #[test]
    fn own_texts_are_written_in_the_sources_character_set() {
        assert_eq!(
            Charset::Source("ISO_IR 100".into()).encode_text("Tête"),
            b"T\xeate"
        );
        assert_eq!(
            Charset::Source("ISO 2022 IR 6\\ISO 2022 IR 87".into()).encode_text("Tête"),
            b"T?te"
        );
        assert_eq!(Charset::Utf8.encode_text("頭"), "頭".as_bytes());
    }
}
