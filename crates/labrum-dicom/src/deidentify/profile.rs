//! The table of attributes and actions of the Basic Application Level Confidentiality Profile (PS3.15 Annex E).

use dicom_core::{
    Tag,
    dictionary::{DataDictionary, DataDictionaryEntry},
};
use dicom_dictionary_std::StandardDataDictionary;
use std::{collections::HashMap, sync::OnceLock};

const TABLE: &str = include_str!("profile.txt");

/// What happens to an attribute. Where the table leaves a choice, the one that every object's definition allows is taken,
/// so that a conformant source gives a conformant result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// X: it is removed.
    Remove,
    /// Z, X/Z: it stays without a value.
    Empty,
    /// D, Z/D, X/D, X/Z/D: it gets a dummy value of its VR.
    Dummy,
    /// U, and X/Z/U*: UIDs are replaced, in the items of a sequence too.
    Replace,
}

/// What the table says about a public attribute; `None` where it is not in it.
pub(super) fn action(tag: Tag) -> Option<Action> {
    match tag.group() {
        // Curve data; overlay data and comments.
        0x5000..=0x50ff => return Some(Action::Remove),
        0x6000..=0x60ff if matches!(tag.element(), 0x3000 | 0x4000) => return Some(Action::Remove),
        _ => {}
    }
    table().get(&tag).copied()
}

fn table() -> &'static HashMap<Tag, Action> {
    static TABLE: OnceLock<HashMap<Tag, Action>> = OnceLock::new();
    TABLE.get_or_init(|| entries().filter_map(|(name, action)| Some((tag_of(name)?, action))).collect())
}

/// Keywords, or tags in brackets, with their actions.
fn entries() -> impl Iterator<Item = (&'static str, Action)> {
    let mut section = Action::Remove;
    let lines = TABLE.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter_map(move |line| match line.strip_prefix('[') {
        Some(name) => {
            section = match name {
                "X]" => Action::Remove,
                "Z]" | "X/Z]" => Action::Empty,
                "U]" | "X/Z/U*]" => Action::Replace,
                _ => Action::Dummy,
            };
            None
        }
        None => Some((line, section)),
    })
}

fn tag_of(name: &str) -> Option<Tag> {
    match name.strip_prefix('(') {
        Some(_) => name.parse().ok(),
        None => StandardDataDictionary.by_name(name).map(|entry| entry.tag()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]
    use super::*;
    use dicom_dictionary_std::tags;

    #[test]
    fn every_line_of_the_table_names_an_attribute_once() {
        let mut seen = HashMap::new();
        for (name, action) in entries() {
            let tag = tag_of(name).unwrap_or_else(|| panic!("{name} is not known"));
            assert_eq!(seen.insert(tag, action), None, "{name} is there twice");
        }
        assert!(seen.len() > 600, "{}", seen.len());
    }

    #[test]
    fn what_names_a_person_a_place_or_a_day_does_not_stay() {
        for (tag, expected) in [
            (tags::PATIENT_NAME, Action::Empty),
            (tags::PATIENT_BIRTH_DATE, Action::Empty),
            (tags::INSTITUTION_NAME, Action::Dummy),
            (tags::INSTITUTION_ADDRESS, Action::Remove),
            (tags::STUDY_DATE, Action::Empty),
            (tags::SERIES_DESCRIPTION, Action::Remove),
            (tags::SOP_INSTANCE_UID, Action::Replace),
            (tags::SOURCE_IMAGE_SEQUENCE, Action::Replace),
            (Tag(0x6002, 0x3000), Action::Remove),
        ] {
            assert_eq!(action(tag), Some(expected), "{tag}");
        }
        assert_eq!(action(tags::ROWS), None);
        assert_eq!(action(tags::SOP_CLASS_UID), None);
    }
}
