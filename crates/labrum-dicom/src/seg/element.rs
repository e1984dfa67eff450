//! Helpers that create the elements of a dataset.

use crate::{IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME};
use dicom_core::{DataElement, PrimitiveValue, Tag, VR, value::DataSetSequence};
use dicom_dictionary_std::tags;
use dicom_object::{InMemDicomObject, mem::InMemElement, meta::FileMetaTableBuilder};
use labrum_core::{Error, Result, label::Code};
use uuid::Uuid;

/// A dataset, or an item of a sequence.
pub(crate) type Item = InMemDicomObject;

/// A text element in the default character set; an empty text becomes an element without a value.
pub(crate) fn text_element(tag: Tag, vr: VR, value: impl Into<String>) -> InMemElement {
    let value: String = value.into();
    if value.is_empty() {
        empty_element(tag, vr)
    } else {
        DataElement::new(tag, vr, PrimitiveValue::from(value))
    }
}

/// A text element whose bytes are already in the character set of the dataset.
pub(crate) fn encoded_text_element(tag: Tag, vr: VR, mut bytes: Vec<u8>) -> InMemElement {
    if bytes.is_empty() {
        return empty_element(tag, vr);
    }
    // The encoder would write bytes of these VRs as numbers.
    if matches!(vr, VR::DS | VR::IS) {
        return text_element(tag, vr, String::from_utf8_lossy(&bytes));
    }
    if bytes.len() % 2 == 1 {
        bytes.push(if vr == VR::UI { 0 } else { b' ' });
    }
    DataElement::new(tag, vr, PrimitiveValue::U8(bytes.into()))
}

/// An element without a value.
pub(crate) fn empty_element(tag: Tag, vr: VR) -> InMemElement {
    DataElement::new(tag, vr, PrimitiveValue::Empty)
}

/// Unsigned 16-bit values.
pub(crate) fn u16_element(tag: Tag, values: &[u16]) -> InMemElement {
    DataElement::new(tag, VR::US, PrimitiveValue::U16(values.into()))
}

/// Unsigned 32-bit values.
pub(crate) fn u32_element(tag: Tag, values: &[u32]) -> InMemElement {
    DataElement::new(tag, VR::UL, PrimitiveValue::U32(values.into()))
}

/// The tag of an attribute as a value.
pub(crate) fn tag_element(tag: Tag, value: Tag) -> InMemElement {
    DataElement::new(tag, VR::AT, PrimitiveValue::Tags([value].as_slice().into()))
}

/// Decimal strings.
pub(crate) fn decimal_element(tag: Tag, values: &[f64]) -> InMemElement {
    text_element(
        tag,
        VR::DS,
        values
            .iter()
            .map(|v| decimal_string(*v))
            .collect::<Vec<_>>()
            .join("\\"),
    )
}

/// A sequence.
pub(crate) fn sequence_element(tag: Tag, items: Vec<Item>) -> InMemElement {
    DataElement::new(tag, VR::SQ, DataSetSequence::from(items))
}

/// An item with these elements.
pub(crate) fn sequence_item(elements: impl IntoIterator<Item = InMemElement>) -> Item {
    Item::from_element_iter(elements)
}

/// Adds elements to a dataset; the last one with a tag replaces earlier ones.
pub(crate) fn put_all(dataset: &mut Item, elements: impl IntoIterator<Item = InMemElement>) {
    for element in elements {
        dataset.put(element);
    }
}

/// A sequence with one coded concept.
pub(crate) fn code_sequence(tag: Tag, code: &Code) -> InMemElement {
    sequence_element(tag, vec![code_item(code)])
}

/// The item of a coded concept. Its meaning is shortened to 64 characters.
pub(crate) fn code_item(code: &Code) -> Item {
    let short = code.value.len() <= 16;
    let value = if short {
        text_element(tags::CODE_VALUE, VR::SH, &code.value)
    } else {
        text_element(tags::LONG_CODE_VALUE, VR::UC, &code.value)
    };
    let scheme = text_element(tags::CODING_SCHEME_DESIGNATOR, VR::SH, &code.scheme);
    let meaning = text_element(
        tags::CODE_MEANING,
        VR::LO,
        printable_ascii(&code.meaning, 64),
    );
    sequence_item([value, scheme, meaning])
}

/// `text` in printable ASCII without backslashes, at most `most` characters.
pub(crate) fn printable_ascii(text: &str, most: usize) -> String {
    text.chars()
        .take(most)
        .map(|c| {
            if (c.is_ascii_graphic() || c == ' ') && c != '\\' {
                c
            } else {
                '?'
            }
        })
        .collect()
}

/// `text` with control characters and backslashes replaced by spaces, at most `most` characters.
pub(crate) fn one_line(text: &str, most: usize) -> String {
    text.chars()
        .map(|c| if c.is_control() || c == '\\' { ' ' } else { c })
        .take(most)
        .collect()
}

/// The shortest decimal string (VR DS: at most 16 characters) that is nearest to `value`.
pub(crate) fn decimal_string(value: f64) -> String {
    let value = if value.is_finite() { value } else { 0.0 };
    let plain = format!("{value}");
    if plain.len() <= 16 {
        return plain;
    }
    let rounded = (0..16)
        .rev()
        .map(|digits| format!("{value:.digits$}"))
        .find(|s| s.len() <= 16);
    match rounded {
        // Very small or huge values keep more digits with an exponent.
        Some(s) if value.abs() >= 1e-4 => s,
        _ => (0..12)
            .rev()
            .map(|digits| format!("{value:.digits$e}"))
            .find(|s| s.len() <= 16)
            .unwrap_or("0".into()),
    }
}

/// A new UID under 2.25, PS3.5 B.2.
pub(crate) fn new_uid() -> String {
    format!("2.25.{}", Uuid::new_v4().as_u128())
}

/// Encodes a new object as a file in this transfer syntax; `tried` is used in errors.
pub(crate) fn file_bytes(dataset: Item, syntax: &str, tried: &'static str) -> Result<Vec<u8>> {
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax(syntax)
        .implementation_class_uid(IMPLEMENTATION_CLASS_UID)
        .implementation_version_name(IMPLEMENTATION_VERSION_NAME);
    let file = dataset.with_meta(meta).map_err(|e| Error::new(tried, e))?;
    let mut bytes = Vec::new();
    file.write_all(&mut bytes)
        .map_err(|e| Error::new(tried, e))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn decimal_strings_fit_and_keep_their_value() {
        for value in [
            0.0,
            -1.0,
            1.0 / 3.0,
            -123_456.789_012_345_6,
            1e-9 / 3.0,
            -1e20 / 3.0,
            0.976_562_5,
            -0.1 - 0.2,
        ] {
            let s = decimal_string(value);
            assert!(s.len() <= 16, "{s}");
            let back: f64 = s.parse().unwrap();
            assert!(
                (back - value).abs() <= value.abs() * 1e-8,
                "{value} became {s}"
            );
        }
    }

    #[test]
    fn uids_are_valid_and_differ() {
        let (a, b) = (new_uid(), new_uid());
        assert!(a != b && a.len() <= 64 && a.starts_with("2.25."));
    }
}
