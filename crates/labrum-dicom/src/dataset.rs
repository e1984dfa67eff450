//! A parsed dataset, and access to its values as texts, numbers and items.

use dicom_core::{Tag, VR};
use std::collections::BTreeMap;

/// The value of an element.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// A short value, kept in memory.
    Bytes(Vec<u8>),
    /// A long value, left in the file.
    Far {
        /// Offset of the first byte.
        at: u64,
        /// Length in bytes.
        length: u64,
    },
    /// The items of a sequence.
    Items(Vec<DataSet>),
}

/// An element without its tag.
#[derive(Clone, Debug)]
pub(crate) struct Element {
    /// The VR in the file, or in the dictionary if the file has none.
    pub(crate) vr: VR,
    /// Its value.
    pub(crate) value: Value,
}

/// The elements of a dataset, or of an item of a sequence.
#[derive(Clone, Debug, Default)]
pub(crate) struct DataSet {
    /// Elements by tag.
    pub(crate) elements: BTreeMap<Tag, Element>,
    /// True if numbers are big endian.
    pub(crate) big_endian: bool,
}

impl DataSet {
    /// The element with this tag.
    pub(crate) fn get(&self, tag: Tag) -> Option<&Element> {
        self.elements.get(&tag)
    }

    /// True if the element exists and has a value.
    pub(crate) fn has_value(&self, tag: Tag) -> bool {
        match self.get(tag).map(|e| &e.value) {
            Some(Value::Bytes(b)) => !b.is_empty(),
            Some(Value::Far { .. }) => true,
            Some(Value::Items(items)) => !items.is_empty(),
            None => false,
        }
    }

    /// The items of a sequence; empty if it is missing.
    pub(crate) fn sequence_items(&self, tag: Tag) -> &[DataSet] {
        match self.get(tag).map(|e| &e.value) {
            Some(Value::Items(items)) => items,
            _ => &[],
        }
    }

    /// The first item of a sequence.
    pub(crate) fn first_item(&self, tag: Tag) -> Option<&DataSet> {
        self.sequence_items(tag).first()
    }

    /// The bytes of a short value.
    pub(crate) fn value_bytes(&self, tag: Tag) -> Option<&[u8]> {
        match self.get(tag).map(|e| &e.value) {
            Some(Value::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// A value in the default character set (codes, UIDs, dates), without padding; `None` if it is empty.
    pub(crate) fn text_value(&self, tag: Tag) -> Option<String> {
        let text = String::from_utf8_lossy(self.value_bytes(tag)?);
        let text = text.trim_matches(is_padding);
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// All values of a text element.
    pub(crate) fn text_values(&self, tag: Tag) -> Vec<String> {
        let text = self.text_value(tag).unwrap_or_default();
        if text.is_empty() {
            return Vec::new();
        }
        text.split('\\')
            .map(|part| part.trim_matches(is_padding).to_owned())
            .collect()
    }

    /// All values as numbers, whatever their VR; values that are not numbers are skipped.
    pub(crate) fn numeric_values(&self, tag: Tag) -> Vec<f64> {
        self.get(tag)
            .map_or_else(Vec::new, |element| self.numbers_as(tag, element.vr))
    }

    /// Like [`Self::numeric_values`], with a given VR, as for private attributes, whose VR may be missing in the file.
    pub(crate) fn numbers_as(&self, tag: Tag, vr: VR) -> Vec<f64> {
        let Some(bytes) = self.value_bytes(tag) else {
            return Vec::new();
        };
        match vr {
            VR::US | VR::OW => self.parse_words(bytes, |word| u16::from_le_bytes(word).into()),
            VR::SS => self.parse_words(bytes, |word| i16::from_le_bytes(word).into()),
            VR::UL => self.parse_words(bytes, |word| u32::from_le_bytes(word).into()),
            VR::SL => self.parse_words(bytes, |word| i32::from_le_bytes(word).into()),
            VR::FL | VR::OF => self.parse_words(bytes, |word| f32::from_le_bytes(word).into()),
            VR::FD | VR::OD => self.parse_words(bytes, f64::from_le_bytes),
            VR::UV => self.parse_words(bytes, |word| u64::from_le_bytes(word) as f64),
            VR::SV => self.parse_words(bytes, |word| i64::from_le_bytes(word) as f64),
            _ => self
                .text_values(tag)
                .iter()
                .filter_map(|t| parse_decimal(t))
                .collect(),
        }
    }

    /// The first value as a number.
    pub(crate) fn numeric_value(&self, tag: Tag) -> Option<f64> {
        self.numeric_values(tag).first().copied()
    }

    /// The first value as a whole number.
    pub(crate) fn integer_value(&self, tag: Tag) -> Option<i64> {
        self.numeric_value(tag)
            .filter(|v| v.is_finite())
            .map(|v| v as i64)
    }

    /// The first `N` values; `None` if there are fewer or one is not finite.
    pub(crate) fn numeric_array<const N: usize>(&self, tag: Tag) -> Option<[f64; N]> {
        let values = self.numeric_values(tag);
        let first: [f64; N] = values.get(..N)?.try_into().ok()?;
        first.iter().all(|v| v.is_finite()).then_some(first)
    }

    /// A two-byte value of VR "US or SS", which is signed if the pixels are.
    pub(crate) fn pixel_number(&self, tag: Tag, signed: bool) -> Option<f64> {
        let value = self.numeric_value(tag)?;
        let short = self
            .get(tag)
            .is_some_and(|e| matches!(e.vr, VR::US | VR::OW));
        Some(if signed && short {
            f64::from(value as u16 as i16)
        } else {
            value
        })
    }

    /// Numbers of `N` bytes, each passed to `read` in little endian.
    fn parse_words<const N: usize>(&self, bytes: &[u8], read: impl Fn([u8; N]) -> f64) -> Vec<f64> {
        let words = bytes.as_chunks::<N>().0.iter();
        words
            .map(|stored| {
                let mut word = *stored;
                if self.big_endian {
                    word.reverse();
                }
                read(word)
            })
            .collect()
    }
}

fn is_padding(c: char) -> bool {
    c == '\0' || c.is_whitespace()
}

/// Accepts a decimal comma, which some writers use instead of a point.
fn parse_decimal(text: &str) -> Option<f64> {
    text.trim()
        .replace(',', ".")
        .parse()
        .ok()
        .filter(|v: &f64| v.is_finite())
}
