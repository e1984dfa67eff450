//! De-identifies a dataset, including the items of its sequences.

use super::{
    Dates, Deidentification, SecretKey,
    dates::moved_back,
    profile::{ProfileAction, action_for_tag},
};
use dicom_core::{
    DataElement, PrimitiveValue, Tag, VR,
    dictionary::{DataDictionary, DataDictionaryEntry},
    header::Header,
    value::{DataSetSequence, Value},
};
use dicom_dictionary_std::{StandardDataDictionary, tags, uids};
use dicom_encoding::TransferSyntaxIndex;
use dicom_object::{InMemDicomObject, mem::InMemElement};
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

/// Other Patient IDs: retired, but still found in files.
const OTHER_PATIENT_IDS: Tag = Tag(0x0010, 0x1000);
/// UIDs of terminologies, which identify no instance.
const KEPT_UIDS: [Tag; 3] = [
    tags::CODING_SCHEME_UID,
    tags::CONTEXT_UID,
    tags::MAPPING_RESOURCE_UID,
];
/// Dates that are removed even if the other dates are shifted: the option does not cover them.
const ALWAYS_REMOVED: [Tag; 4] = [
    tags::PATIENT_BIRTH_DATE,
    tags::PATIENT_BIRTH_DATE_IN_ALTERNATIVE_CALENDAR,
    tags::PATIENT_DEATH_DATE_IN_ALTERNATIVE_CALENDAR,
    tags::LAST_MENSTRUAL_DATE,
];
/// Shorter parts of names and IDs are not searched for: they occur in other texts by chance.
const SHORTEST_PART: usize = 3;

/// Cleans the datasets of one file.
pub(super) struct Cleaner<'a> {
    key: &'a SecretKey,
    dates: Dates,
    pseudonym: String,
    days: u32,
    /// Lower-case parts of the patient's names and IDs.
    known: Vec<String>,
    pub(super) warnings: Vec<String>,
}

impl<'a> Cleaner<'a> {
    pub(super) fn for_file(how: &'a Deidentification, file: &InMemDicomObject) -> Self {
        let id = trimmed_text(file, tags::PATIENT_ID).unwrap_or_default();
        let name = trimmed_text(file, tags::PATIENT_NAME).unwrap_or_default();
        let pseudonym = how.key.patient_pseudonym(&id, &name);
        let others = [
            tags::OTHER_PATIENT_NAMES,
            tags::PATIENT_BIRTH_NAME,
            tags::ACCESSION_NUMBER,
            OTHER_PATIENT_IDS,
        ];
        let others: Vec<String> = others
            .into_iter()
            .filter_map(|tag| trimmed_text(file, tag))
            .collect();
        let mut known: Vec<String> = others
            .iter()
            .chain([&id, &name])
            .flat_map(|text| lower_case_parts(text))
            .collect();
        known.retain(|part| part.chars().count() >= SHORTEST_PART);
        Self {
            key: &how.key,
            dates: how.dates,
            days: how.key.date_shift_days(&pseudonym),
            pseudonym,
            known,
            warnings: Vec::new(),
        }
    }

    /// The de-identified dataset of the file, with the attributes that say how it was de-identified.
    pub(super) fn clean_dataset(&mut self, dataset: InMemDicomObject) -> InMemDicomObject {
        let mut clean = self.items_clean(dataset);
        let shifted = self.dates == Dates::Shift;
        clean.put(text_element(tags::PATIENT_NAME, VR::PN, &self.pseudonym));
        clean.put(text_element(tags::PATIENT_ID, VR::LO, &self.pseudonym));
        clean.put(text_element(tags::PATIENT_IDENTITY_REMOVED, VR::CS, "YES"));
        clean.put(text_element(
            tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED,
            VR::CS,
            if shifted { "MODIFIED" } else { "REMOVED" },
        ));
        let method = concat!(
            "Labrum ",
            env!("CARGO_PKG_VERSION"),
            ", DICOM PS3.15 Basic Profile"
        );
        clean.put(text_element(tags::DEIDENTIFICATION_METHOD, VR::LO, method));
        let mut codes = vec![code_item(
            "113100",
            "Basic Application Confidentiality Profile",
        )];
        if shifted {
            codes.push(code_item(
                "113107",
                "Retain Longitudinal Temporal Information Modified Dates Option",
            ));
        }
        clean.put(DataElement::new(
            tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE,
            VR::SQ,
            DataSetSequence::from(codes),
        ));
        clean
    }

    /// True if the dataset has no private attributes and no part of the patient's name or ID.
    pub(super) fn is_clean(&self, dataset: &InMemDicomObject) -> bool {
        dataset
            .iter()
            .all(|e| e.tag().group() % 2 == 0 && !self.names_patient(e) && self.has_clean_items(e))
    }

    /// True also for an element that is not a sequence.
    fn has_clean_items(&self, element: &InMemElement) -> bool {
        element
            .value()
            .items()
            .unwrap_or_default()
            .iter()
            .all(|item| self.is_clean(item))
    }

    fn items_clean(&mut self, dataset: InMemDicomObject) -> InMemDicomObject {
        let mut out = InMemDicomObject::new_empty();
        for element in dataset {
            if let Some(element) = self.clean_element(element) {
                out.put(element);
            }
        }
        out
    }

    fn clean_element(&mut self, element: InMemElement) -> Option<InMemElement> {
        let tag = element.tag();
        let Some(element) = with_known_vr(element) else {
            self.warnings.push(format!(
                "{} could not be read and was removed",
                element_alias(tag)
            ));
            return None;
        };
        let vr = element.vr();
        // Private attributes, group lengths (they would be wrong now) and unknown elements.
        let is_unknown = vr == VR::UN && StandardDataDictionary.by_tag(tag).is_none();
        if tag.group() % 2 == 1 || tag.element() == 0 || is_unknown {
            return None;
        }
        let is_day = matches!(vr, VR::DA | VR::DT | VR::TM) && !ALWAYS_REMOVED.contains(&tag);
        if is_day && self.dates == Dates::Shift && (action_for_tag(tag).is_some() || vr != VR::TM) {
            return Some(self.shift_dates(element));
        }
        match action_for_tag(tag).or_else(|| self.action_beside(&element)) {
            Some(ProfileAction::Remove) => None,
            Some(ProfileAction::Empty) => Some(DataElement::new(tag, vr, empty_value(vr))),
            Some(ProfileAction::Dummy) => Some(self.dummy_element(element)),
            Some(ProfileAction::Replace) if vr == VR::UI => Some(self.replace_uids(element)),
            Some(ProfileAction::Replace) | None => Some(self.keep_element(element)),
        }
    }

    /// The action for attributes that the table does not list but that may identify the patient.
    fn action_beside(&mut self, element: &InMemElement) -> Option<ProfileAction> {
        let tag = element.tag();
        let vr = element.vr();
        match vr {
            VR::PN => Some(ProfileAction::Empty),
            VR::DA | VR::DT => Some(ProfileAction::Dummy),
            VR::UI if !KEPT_UIDS.contains(&tag) => Some(ProfileAction::Replace),
            VR::UN => self.names_patient(element).then_some(ProfileAction::Remove),
            _ => {
                let found = self.names_patient(element);
                if found {
                    let name = element_alias(tag);
                    self.warnings.push(format!(
                        "{name} contained part of the patient's name or ID and was replaced"
                    ));
                }
                found.then_some(ProfileAction::Dummy)
            }
        }
    }

    fn names_patient(&self, element: &InMemElement) -> bool {
        let is_text = matches!(
            element.vr(),
            VR::LO | VR::SH | VR::ST | VR::LT | VR::UT | VR::UC | VR::PN | VR::AE | VR::UR | VR::UN
        );
        if !is_text {
            return false;
        }
        let text = match element.vr() {
            VR::UN => element
                .to_bytes()
                .ok()
                .map(|bytes| String::from_utf8_lossy(&bytes).to_lowercase()),
            _ => element.to_str().ok().map(|text| text.to_lowercase()),
        };
        let text = text.unwrap_or_default();
        let words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).collect();
        self.known
            .iter()
            .any(|part| words.contains(&part.as_str()) || (part.len() > 5 && text.contains(part)))
    }

    fn keep_element(&mut self, element: InMemElement) -> InMemElement {
        let tag = element.tag();
        let vr = element.vr();
        match element.into_value() {
            Value::Sequence(sequence) => {
                let items: Vec<_> = sequence
                    .into_items()
                    .into_iter()
                    .map(|item| self.items_clean(item))
                    .collect();
                DataElement::new(tag, vr, DataSetSequence::from(items))
            }
            value => DataElement::new(tag, vr, value),
        }
    }

    fn replace_uids(&self, element: InMemElement) -> InMemElement {
        let tag = element.tag();
        let vr = element.vr();
        let Ok(text) = element.to_str() else {
            return DataElement::new(tag, vr, PrimitiveValue::Empty);
        };
        let uids: Vec<String> = text
            .split('\\')
            .map(|uid| self.replace_uid(uid.trim_matches(['\0', ' '])))
            .collect();
        DataElement::new(tag, vr, PrimitiveValue::from(uids.join("\\")))
    }

    /// An empty UID stays empty.
    fn replace_uid(&self, uid: &str) -> String {
        if uid.is_empty() {
            String::new()
        } else {
            self.key.replacement_uid(uid)
        }
    }

    fn shift_dates(&self, element: InMemElement) -> InMemElement {
        let tag = element.tag();
        let vr = element.vr();
        if vr == VR::TM {
            return element;
        }
        let moved = element
            .to_str()
            .ok()
            .and_then(|text| moved_back(&text, self.days));
        DataElement::new(
            tag,
            vr,
            moved.map_or(PrimitiveValue::Empty, PrimitiveValue::from),
        )
    }

    /// Replaces the value by a dummy of the same VR; an empty value stays empty.
    fn dummy_element(&mut self, element: InMemElement) -> InMemElement {
        let tag = element.tag();
        let vr = element.vr();
        if let Value::Sequence(sequence) = element.value() {
            let items: Vec<_> = sequence
                .items()
                .iter()
                .map(|item| self.all_dummies(item.clone()))
                .collect();
            return DataElement::new(tag, vr, DataSetSequence::from(items));
        }
        if element.to_bytes().is_ok_and(|bytes| bytes.is_empty()) {
            return element;
        }
        let text = match vr {
            VR::AE | VR::CS | VR::SH => "ANON",
            VR::LO | VR::ST | VR::LT | VR::UT | VR::UC => "Removed",
            VR::UR => "urn:removed",
            VR::PN => &self.pseudonym,
            VR::AS => "000D",
            VR::DA => "19000101",
            VR::DT => "19000101000000",
            VR::TM => "000000",
            VR::DS | VR::IS => "0",
            VR::UI => return self.replace_uids(element),
            _ => return DataElement::new(tag, vr, PrimitiveValue::Empty),
        };
        DataElement::new(tag, vr, PrimitiveValue::from(text))
    }

    /// An item of a sequence that gets a dummy value: all its elements are replaced by dummies.
    fn all_dummies(&mut self, item: InMemDicomObject) -> InMemDicomObject {
        let mut out = InMemDicomObject::new_empty();
        for element in item
            .into_iter()
            .filter(|e| e.tag().group() % 2 == 0 && e.tag().element() != 0)
        {
            out.put(self.dummy_element(element));
        }
        out
    }
}

/// The text of an element, without padding.
fn trimmed_text(file: &InMemDicomObject, tag: Tag) -> Option<String> {
    file.get(tag)
        .and_then(|e| e.to_str().ok())
        .map(|text| text.trim_matches(['\0', ' ']).to_owned())
}

/// The lower-case parts of a name, also of several values.
fn lower_case_parts(text: &str) -> Vec<String> {
    text.split(['^', '=', ' ', '\\', ','])
        .map(str::to_lowercase)
        .collect()
}

/// The name of an element in warnings.
fn element_alias(tag: Tag) -> String {
    StandardDataDictionary
        .by_tag(tag)
        .map_or_else(|| tag.to_string(), |e| e.alias().to_owned())
}

/// A public element of VR UN, parsed with the VR of the dictionary, so that the items of a sequence are cleaned as
/// well. PS3.5 6.2.2: its value is implicit little endian. `None` if it cannot be parsed as such.
fn with_known_vr(element: InMemElement) -> Option<InMemElement> {
    let tag = element.tag();
    if element.vr() != VR::UN
        || StandardDataDictionary.by_tag(tag).is_none()
        || element.value().items().is_some()
    {
        return Some(element);
    }
    let value = element.to_bytes().ok()?;
    let mut alone = Vec::with_capacity(value.len() + 8);
    alone.extend([tag.group().to_le_bytes(), tag.element().to_le_bytes()].concat());
    alone.extend(u32::try_from(value.len()).ok()?.to_le_bytes());
    alone.extend(value.iter());
    let implicit = TransferSyntaxRegistry.get(uids::IMPLICIT_VR_LITTLE_ENDIAN)?;
    let mut read = InMemDicomObject::read_dataset_with_ts(alone.as_slice(), implicit).ok()?;
    read.take_element(tag).ok()
}

fn empty_value(vr: VR) -> Value<InMemDicomObject, Vec<u8>> {
    if vr == VR::SQ {
        DataSetSequence::empty().into()
    } else {
        PrimitiveValue::Empty.into()
    }
}

fn text_element(tag: Tag, vr: VR, value: &str) -> InMemElement {
    DataElement::new(tag, vr, PrimitiveValue::from(value))
}

fn code_item(value: &str, meaning: &str) -> InMemDicomObject {
    InMemDicomObject::from_element_iter([
        text_element(tags::CODE_VALUE, VR::SH, value),
        text_element(tags::CODING_SCHEME_DESIGNATOR, VR::SH, "DCM"),
        text_element(tags::CODE_MEANING, VR::LO, meaning),
    ])
}
