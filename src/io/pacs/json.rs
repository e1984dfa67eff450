//! Datasets in DICOM JSON (PS3.18 F), as far as queries need them.

use dicom_core::Tag;
use dicom_dictionary_std::tags;
use labrum_core::pacs::{RemoteInstance, RemoteSeries, RemoteStudy, is_uid};
use serde_json::Value;
use std::str::FromStr;

/// The datasets of an answer; `None` if it is not a list of JSON objects.
pub(super) fn parse_datasets(text: &[u8]) -> Option<Vec<Value>> {
    match serde_json::from_slice(text).ok()? {
        Value::Array(list) if list.iter().all(Value::is_object) => Some(list),
        // Some servers omit the list around a single result.
        one @ Value::Object(_) => Some(vec![one]),
        _ => None,
    }
}

/// The key of a tag, such as "0020000D".
fn tag_key(tag: Tag) -> String {
    format!("{:04X}{:04X}", tag.0, tag.1)
}

fn element_values(dataset: &Value, tag: Tag) -> &[Value] {
    dataset
        .get(tag_key(tag))
        .and_then(|element| element.get("Value"))
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// A string, number or person name as text; empty for other values.
fn value_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Object(name) => {
            let group = ["Alphabetic", "Ideographic", "Phonetic"]
                .iter()
                .find_map(|g| name.get(*g)?.as_str());
            group
                .unwrap_or_default()
                .trim_end_matches('^')
                .replace('^', " ")
                .trim()
                .to_owned()
        }
        _ => String::new(),
    }
}

pub(super) fn element_text(dataset: &Value, tag: Tag) -> String {
    element_values(dataset, tag)
        .first()
        .map(value_text)
        .unwrap_or_default()
}

fn element_number<T: FromStr>(dataset: &Value, tag: Tag) -> Option<T> {
    // Numbers may be written as 12, 12.0 or "12".
    element_text(dataset, tag)
        .trim_end_matches(".0")
        .parse()
        .ok()
}

/// The items of a sequence.
pub(super) fn sequence_items(dataset: &Value, tag: Tag) -> &[Value] {
    element_values(dataset, tag)
}

/// Formats a date as YYYY-MM-DD; empty if it is not valid.
pub(super) fn format_date(text: &str) -> String {
    // Old files have dates such as 1997.04.24.
    let text: String = text.chars().filter(|c| *c != '.').collect();
    match (text.get(..4), text.get(4..6), text.get(6..8)) {
        (Some(year), Some(month), Some(day))
            if text.len() == 8
                && text.bytes().all(|b| b.is_ascii_digit())
                && ("01"..="12").contains(&month)
                && ("01"..="31").contains(&day) =>
        {
            format!("{year}-{month}-{day}")
        }
        _ => String::new(),
    }
}

/// A study; `None` without a valid UID.
pub(super) fn parse_study(dataset: &Value) -> Option<RemoteStudy> {
    let study_uid = element_text(dataset, tags::STUDY_INSTANCE_UID);
    let modalities = element_values(dataset, tags::MODALITIES_IN_STUDY)
        .iter()
        .map(value_text)
        .filter(|m| !m.is_empty());
    is_uid(&study_uid).then(|| RemoteStudy {
        patient_name: element_text(dataset, tags::PATIENT_NAME),
        patient_id: element_text(dataset, tags::PATIENT_ID),
        date: format_date(&element_text(dataset, tags::STUDY_DATE)),
        description: element_text(dataset, tags::STUDY_DESCRIPTION),
        accession: element_text(dataset, tags::ACCESSION_NUMBER),
        modalities: modalities.collect(),
        series: element_number(dataset, tags::NUMBER_OF_STUDY_RELATED_SERIES),
        instances: element_number(dataset, tags::NUMBER_OF_STUDY_RELATED_INSTANCES),
        study_uid,
    })
}

/// A series; `None` without a valid UID.
pub(super) fn parse_series(dataset: &Value) -> Option<RemoteSeries> {
    let series_uid = element_text(dataset, tags::SERIES_INSTANCE_UID);
    is_uid(&series_uid).then(|| RemoteSeries {
        modality: element_text(dataset, tags::MODALITY),
        number: element_number(dataset, tags::SERIES_NUMBER),
        description: element_text(dataset, tags::SERIES_DESCRIPTION),
        instances: element_number(dataset, tags::NUMBER_OF_SERIES_RELATED_INSTANCES),
        series_uid,
    })
}

/// An object; `None` without a valid UID.
pub(super) fn parse_instance(dataset: &Value) -> Option<RemoteInstance> {
    let sop_uid = element_text(dataset, tags::SOP_INSTANCE_UID);
    is_uid(&sop_uid).then(|| RemoteInstance {
        sop_class: element_text(dataset, tags::SOP_CLASS_UID),
        sop_uid,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_study_is_read_from_the_json_of_servers() {
        let json = r#"[{"0020000D":{"vr":"UI","Value":["1.2.3"]},
            "00100010":{"vr":"PN","Value":[{"Alphabetic":"Doe^Jane^"}]}, "00100020":{"vr":"LO"},
            "00080020":{"vr":"DA","Value":["20260131"]}, "00080061":{"vr":"CS","Value":["CT","SEG"]},
            "00201206":{"vr":"IS","Value":[2]}, "00201208":{"vr":"IS","Value":["40"]}},
            {"0020000D":{"vr":"UI","Value":["../etc"]}}]"#;
        let found: Vec<RemoteStudy> = parse_datasets(json.as_bytes())
            .unwrap()
            .iter()
            .filter_map(parse_study)
            .collect();
        assert_eq!(found.len(), 1, "a study with an invalid UID is left out");
        assert_eq!(
            (found[0].patient_name.as_str(), found[0].date.as_str()),
            ("Doe Jane", "2026-01-31")
        );
        assert_eq!((found[0].series, found[0].instances), (Some(2), Some(40)));
        assert_eq!(found[0].modalities, ["CT", "SEG"]);
    }

    #[test]
    fn json_that_is_not_a_list_of_datasets_is_refused() {
        assert!(
            parse_datasets(b"<html>").is_none()
                && parse_datasets(b"[1]").is_none()
                && parse_datasets(b"7").is_none()
        );
        assert_eq!(parse_datasets(b"[]").unwrap().len(), 0);
    }
}
