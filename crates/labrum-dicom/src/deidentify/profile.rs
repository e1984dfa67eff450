//! The table of attributes and actions of the Basic Application Level Confidentiality Profile (PS3.15 Annex E).

use dicom_core::{
    Tag,
    dictionary::{DataDictionary, DataDictionaryEntry},
};
use dicom_dictionary_std::StandardDataDictionary;
use std::{collections::HashMap, sync::OnceLock};

const TABLE: &str = include_str!("profile.txt");

/// What happens to an attribute. If the table leaves a choice, the action that every IOD allows is taken, so that a
/// conformant source gives a conformant result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProfileAction {
    /// X: remove it.
    Remove,
    /// Z, X/Z: keep it without a value.
    Empty,
    /// D, Z/D, X/D, X/Z/D: replace its value by a dummy of the same VR.
    Dummy,
    /// U, and X/Z/U*: replace UIDs, also within the items of a sequence.
    Replace,
}

/// The action for a public attribute; `None` if the table does not list it.
pub(super) fn action_for_tag(tag: Tag) -> Option<ProfileAction> {
    match tag.group() {
        // Curve data; overlay data and comments.
        0x5000..=0x50ff => return Some(ProfileAction::Remove),
        0x6000..=0x60ff if matches!(tag.element(), 0x3000 | 0x4000) => {
            return Some(ProfileAction::Remove);
        }
        _ => {}
    }
    action_table().get(&tag).copied()
}

fn action_table() -> &'static HashMap<Tag, ProfileAction> {
    static TABLE: OnceLock<HashMap<Tag, ProfileAction>> = OnceLock::new();
    TABLE.get_or_init(|| {
        table_entries()
            .filter_map(|(name, action)| Some((tag_of(name)?, action)))
            .collect()
    })
}

/// The lines of the table, keywords or tags in parentheses, with their actions.
fn table_entries() -> impl Iterator<Item = (&'static str, ProfileAction)> {
    let mut section = ProfileAction::Remove;
    let lines = TABLE
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter_map(move |line| match line.strip_prefix('[') {
        Some(name) => {
            section = match name {
                "X]" => ProfileAction::Remove,
                "Z]" | "X/Z]" => ProfileAction::Empty,
                "U]" | "X/Z/U*]" => ProfileAction::Replace,
                _ => ProfileAction::Dummy,
            };
            None
        }
        None => Some((line, section)),
    })
}

fn tag_of(name: &str) -> Option<Tag> {
    match name.strip_prefix('(') {
        Some(_) => name.parse().ok(),
        None => StandardDataDictionary
            .by_name(name)
            .map(|entry| entry.tag()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::panic)]
    use super::*;
    use dicom_dictionary_std::tags;

    #[test]
    fn every_table_row_names_a_different_attribute() {
        let mut seen = HashMap::new();
        for (name, action) in table_entries() {
            let tag = tag_of(name).unwrap_or_else(|| panic!("{name} is not known"));
            assert_eq!(seen.insert(tag, action), None, "{name} is listed twice");
        }
        assert!(seen.len() > 600, "{}", seen.len());
    }

    #[test]
    fn persons_places_and_dates_are_removed_or_replaced() {
        for (tag, expected) in [
            (tags::PATIENT_NAME, ProfileAction::Empty),
            (tags::PATIENT_BIRTH_DATE, ProfileAction::Empty),
            (tags::INSTITUTION_NAME, ProfileAction::Dummy),
            (tags::INSTITUTION_ADDRESS, ProfileAction::Remove),
            (tags::STUDY_DATE, ProfileAction::Empty),
            (tags::SERIES_DESCRIPTION, ProfileAction::Remove),
            (tags::SOP_INSTANCE_UID, ProfileAction::Replace),
            (tags::SOURCE_IMAGE_SEQUENCE, ProfileAction::Replace),
            (Tag(0x6002, 0x3000), ProfileAction::Remove),
        ] {
            assert_eq!(action_for_tag(tag), Some(expected), "{tag}");
        }
        assert_eq!(action_for_tag(tags::ROWS), None);
        assert_eq!(action_for_tag(tags::SOP_CLASS_UID), None);
    }
}
