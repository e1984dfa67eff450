//! C-FIND in the Study Root model (PS3.4 C.6.2).

use super::super::json::format_date;
use super::{
    command::{CommandSet, FIND_RQ, RESPONSE},
    line::{Association, uncompressed_syntaxes},
};
use crate::{Error, ErrorKind, Result};
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_encoding::TransferSyntaxIndex;
use dicom_object::InMemDicomObject;
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;
use labrum_core::{
    pacs::{FoundStudies, Query, RemoteInstance, RemoteSeries, RemoteStudy, Server, is_uid},
    progress::Cancel,
};
use std::str::FromStr;

/// Maximum number of objects in a series.
const MOST_INSTANCES: usize = 1_000_000;

/// The keys of a query with the values to match; an empty value matches all.
pub(super) struct Identifier(InMemDicomObject);

impl Identifier {
    pub(super) fn at_level(level: &str) -> Self {
        let mut object = InMemDicomObject::new_empty();
        object.put(DataElement::new(
            tags::SPECIFIC_CHARACTER_SET,
            VR::CS,
            "ISO_IR 192",
        ));
        object.put(DataElement::new(tags::QUERY_RETRIEVE_LEVEL, VR::CS, level));
        Self(object)
    }

    pub(super) fn with_key(mut self, tag: Tag, vr: VR, value: &str) -> Self {
        let value = value.trim();
        let value = if value.is_empty() {
            PrimitiveValue::Empty
        } else {
            PrimitiveValue::from(value)
        };
        self.0.put(DataElement::new(tag, vr, value));
        self
    }

    /// With a list of UIDs, any of which matches.
    pub(super) fn with_any(mut self, tag: Tag, values: &[&str]) -> Self {
        let values = values.iter().map(|v| (*v).to_owned()).collect();
        self.0
            .put(DataElement::new(tag, VR::UI, PrimitiveValue::Strs(values)));
        self
    }

    pub(super) fn to_bytes(&self, syntax: &str) -> Result<Vec<u8>, String> {
        let syntax = TransferSyntaxRegistry
            .get(syntax)
            .ok_or("the server chose an unknown transfer syntax")?;
        let mut bytes = Vec::new();
        self.0
            .write_dataset_with_ts(&mut bytes, syntax)
            .map_err(|error| error.to_string())?;
        Ok(bytes)
    }
}

/// The results of a query, at most `most`.
fn send_query(
    server: &Server,
    tried: &'static str,
    identifier: &Identifier,
    most: usize,
    cancel: &Cancel,
) -> Result<Vec<InMemDicomObject>> {
    let class = uids::STUDY_ROOT_QUERY_RETRIEVE_INFORMATION_MODEL_FIND;
    let mut line = Association::connect_to(
        server,
        tried,
        cancel,
        vec![(class.into(), uncompressed_syntaxes())],
        &[],
    )?;
    let context = line.context_for_class(class, None)?;
    let syntax = line.syntax_of(context);
    let bytes = identifier
        .to_bytes(&syntax)
        .map_err(|e| line.error_of_kind(ErrorKind::Other, e))?;
    line.send_message(
        context,
        &CommandSet::new_request(FIND_RQ, class).with_priority(),
        Some(&mut bytes.as_slice()),
    )?;
    let mut found = Vec::new();
    loop {
        let answer = line.next_message()?;
        if answer.command.command_field() != FIND_RQ | RESPONSE {
            return Err(line.error_of_kind(ErrorKind::Refused, "unexpected answer"));
        }
        if answer.command.has_data() {
            let data = line.short_data()?;
            let syntax = TransferSyntaxRegistry.get(&syntax);
            let read = syntax
                .map(|syntax| InMemDicomObject::read_dataset_with_ts(data.as_slice(), syntax));
            match read {
                Some(Ok(object)) => found.push(object),
                _ => return Err(line.error_of_kind(ErrorKind::Refused, "the answer is damaged")),
            }
        }
        if !answer.command.is_pending() {
            line.expect_success(&answer)?;
            line.release();
            return Ok(found);
        }
        if found.len() >= most {
            line.abort();
            return Ok(found);
        }
    }
}

fn text_value(object: &InMemDicomObject, tag: Tag) -> String {
    let text = object.element(tag).ok().and_then(|e| e.to_str().ok());
    text.map_or(String::new(), |text| {
        text.trim_matches(['\0', ' ']).to_owned()
    })
}

fn number_value<T: FromStr>(object: &InMemDicomObject, tag: Tag) -> Option<T> {
    text_value(object, tag).parse().ok()
}

pub(super) fn query_studies(
    server: &Server,
    query: &Query,
    cancel: &Cancel,
) -> Result<FoundStudies> {
    let tried = "find studies";
    let dates = query.study_date_range().map_err(|day| {
        Error::new(tried, format!("\"{day}\" is not a date"))
            .with_advice("Write dates as 2026-01-31.")
    })?;
    let identifier = Identifier::at_level("STUDY")
        .with_key(tags::STUDY_INSTANCE_UID, VR::UI, &query.study_uid)
        .with_key(
            tags::PATIENT_NAME,
            VR::PN,
            &query.name_pattern().unwrap_or_default(),
        )
        .with_key(tags::PATIENT_ID, VR::LO, &query.patient_id)
        .with_key(tags::STUDY_DATE, VR::DA, &dates.unwrap_or_default())
        .with_key(tags::ACCESSION_NUMBER, VR::SH, &query.accession)
        .with_key(
            tags::MODALITIES_IN_STUDY,
            VR::CS,
            &query.modality.to_uppercase(),
        )
        .with_key(tags::STUDY_DESCRIPTION, VR::LO, "")
        .with_key(tags::NUMBER_OF_STUDY_RELATED_SERIES, VR::IS, "")
        .with_key(tags::NUMBER_OF_STUDY_RELATED_INSTANCES, VR::IS, "");
    let most = query.study_limit();
    let found = send_query(server, tried, &identifier, most + 1, cancel)?;
    let mut studies: Vec<RemoteStudy> = found.iter().filter_map(parse_study).collect();
    let is_cut = studies.len() > most;
    studies.truncate(most);
    Ok(FoundStudies { studies, is_cut })
}

fn parse_study(object: &InMemDicomObject) -> Option<RemoteStudy> {
    let study_uid = text_value(object, tags::STUDY_INSTANCE_UID);
    let modalities = text_value(object, tags::MODALITIES_IN_STUDY);
    is_uid(&study_uid).then(|| RemoteStudy {
        patient_name: text_value(object, tags::PATIENT_NAME)
            .trim_end_matches('^')
            .replace('^', " "),
        patient_id: text_value(object, tags::PATIENT_ID),
        date: format_date(&text_value(object, tags::STUDY_DATE)),
        description: text_value(object, tags::STUDY_DESCRIPTION),
        accession: text_value(object, tags::ACCESSION_NUMBER),
        modalities: modalities
            .split('\\')
            .map(|m| m.trim().to_owned())
            .filter(|m| !m.is_empty())
            .collect(),
        series: number_value(object, tags::NUMBER_OF_STUDY_RELATED_SERIES),
        instances: number_value(object, tags::NUMBER_OF_STUDY_RELATED_INSTANCES),
        study_uid,
    })
}

pub(super) fn query_series(
    server: &Server,
    study: &str,
    cancel: &Cancel,
) -> Result<Vec<RemoteSeries>> {
    let identifier = Identifier::at_level("SERIES")
        .with_key(tags::STUDY_INSTANCE_UID, VR::UI, study)
        .with_key(tags::SERIES_INSTANCE_UID, VR::UI, "")
        .with_key(tags::MODALITY, VR::CS, "")
        .with_key(tags::SERIES_NUMBER, VR::IS, "")
        .with_key(tags::SERIES_DESCRIPTION, VR::LO, "")
        .with_key(tags::NUMBER_OF_SERIES_RELATED_INSTANCES, VR::IS, "");
    let found = send_query(
        server,
        "list the series",
        &identifier,
        MOST_INSTANCES,
        cancel,
    )?;
    Ok(found.iter().filter_map(parse_series).collect())
}

fn parse_series(object: &InMemDicomObject) -> Option<RemoteSeries> {
    let series_uid = text_value(object, tags::SERIES_INSTANCE_UID);
    is_uid(&series_uid).then(|| RemoteSeries {
        modality: text_value(object, tags::MODALITY),
        number: number_value(object, tags::SERIES_NUMBER),
        description: text_value(object, tags::SERIES_DESCRIPTION),
        instances: number_value(object, tags::NUMBER_OF_SERIES_RELATED_INSTANCES),
        series_uid,
    })
}

pub(super) fn query_instances(
    server: &Server,
    study: &str,
    series: &str,
    cancel: &Cancel,
) -> Result<Vec<RemoteInstance>> {
    query_objects(server, "list the objects", study, series, "", cancel)
}

pub(super) fn has_instance(
    server: &Server,
    study: &str,
    series: &str,
    sop: &str,
    cancel: &Cancel,
) -> Result<bool> {
    let found = query_objects(server, "look up the object", study, series, sop, cancel)?;
    Ok(found.iter().any(|object| object.sop_uid == sop))
}

fn query_objects(
    server: &Server,
    tried: &'static str,
    study: &str,
    series: &str,
    sop: &str,
    cancel: &Cancel,
) -> Result<Vec<RemoteInstance>> {
    let identifier = Identifier::at_level("IMAGE")
        .with_key(tags::STUDY_INSTANCE_UID, VR::UI, study)
        .with_key(tags::SERIES_INSTANCE_UID, VR::UI, series)
        .with_key(tags::SOP_INSTANCE_UID, VR::UI, sop)
        .with_key(tags::SOP_CLASS_UID, VR::UI, "");
    let found = send_query(server, tried, &identifier, MOST_INSTANCES, cancel)?;
    Ok(found.iter().filter_map(parse_instance).collect())
}

fn parse_instance(object: &InMemDicomObject) -> Option<RemoteInstance> {
    let sop_uid = text_value(object, tags::SOP_INSTANCE_UID);
    is_uid(&sop_uid).then(|| RemoteInstance {
        sop_class: text_value(object, tags::SOP_CLASS_UID),
        sop_uid,
    })
}
