//! DICOMweb: QIDO-RS to find, WADO-RS to receive, STOW-RS to send (PS3.18).

mod fetch;

use super::{
    Object,
    failure::server_error,
    http::HttpLine,
    json,
    patience::{Guarded, run_cancellable},
};
use crate::{Error, ErrorKind, Result};
use dicom_core::Tag;
use dicom_dictionary_std::tags;
use labrum_core::{
    pacs::{FoundStudies, Query, RemoteInstance, RemoteSeries, Secret, Server, is_uid},
    progress::Cancel,
};
use serde_json::Value;
use std::{
    collections::HashSet,
    fs::File,
    io::{self, Read},
};

const JSON: &str = "application/dicom+json";
/// Maximum size of a JSON answer in bytes.
const MOST_JSON: u64 = 64 << 20;
/// Number of objects requested in one query.
const PAGE: usize = 1000;
/// Maximum number of objects in a series.
const MOST_INSTANCES: usize = 1_000_000;

/// A DICOMweb server.
#[derive(Clone)]
pub(super) struct WebClient(HttpLine);

impl WebClient {
    pub(super) fn new(server: &Server, secret: Option<&Secret>) -> Result<Self> {
        HttpLine::new(server, secret).map(Self)
    }

    pub(super) fn echo(&self, cancel: &Cancel) -> Result<()> {
        self.query_datasets("connect over DICOMweb", "studies?limit=1".into(), cancel)
            .map(drop)
    }

    pub(super) fn find_studies(&self, query: &Query, cancel: &Cancel) -> Result<FoundStudies> {
        let tried = "find studies";
        let most = query.study_limit();
        let mut asked = UrlQuery::new(&[
            tags::STUDY_DESCRIPTION,
            tags::MODALITIES_IN_STUDY,
            tags::NUMBER_OF_STUDY_RELATED_SERIES,
            tags::NUMBER_OF_STUDY_RELATED_INSTANCES,
        ]);
        let dates = query.study_date_range().map_err(|day| {
            Error::new(tried, format!("\"{day}\" is not a date"))
                .with_advice("Write dates as 2026-01-31.")
        })?;
        asked.match_on("PatientName", &query.name_pattern().unwrap_or_default());
        asked.match_on("PatientID", &query.patient_id);
        asked.match_on("StudyDate", &dates.unwrap_or_default());
        asked.match_on("ModalitiesInStudy", &query.modality.to_uppercase());
        asked.match_on("AccessionNumber", &query.accession);
        asked.match_on("StudyInstanceUID", &query.study_uid);
        asked.match_on("limit", &(most + 1).to_string());
        let found = self.query_datasets(tried, format!("studies?{}", asked.0), cancel)?;
        let mut studies: Vec<_> = found.iter().filter_map(json::parse_study).collect();
        let is_cut = studies.len() > most;
        studies.truncate(most);
        Ok(FoundStudies { studies, is_cut })
    }

    pub(super) fn find_series(&self, study: &str, cancel: &Cancel) -> Result<Vec<RemoteSeries>> {
        let tried = "list the series";
        let asked = UrlQuery::new(&[
            tags::SERIES_DESCRIPTION,
            tags::NUMBER_OF_SERIES_RELATED_INSTANCES,
        ]);
        let path = format!(
            "studies/{}/series?{}",
            self.check_uid(tried, study)?,
            asked.0
        );
        Ok(self
            .query_datasets(tried, path, cancel)?
            .iter()
            .filter_map(json::parse_series)
            .collect())
    }

    pub(super) fn find_instances(
        &self,
        study: &str,
        series: &str,
        cancel: &Cancel,
    ) -> Result<Vec<RemoteInstance>> {
        let tried = "list the objects";
        let path = format!(
            "studies/{}/series/{}/instances",
            self.check_uid(tried, study)?,
            self.check_uid(tried, series)?
        );
        let mut seen = HashSet::new();
        let mut all = Vec::new();
        while all.len() < MOST_INSTANCES {
            let page = self.query_datasets(
                tried,
                format!("{path}?limit={PAGE}&offset={}", all.len()),
                cancel,
            )?;
            let before = all.len();
            // A server that does not support offsets returns the same page again.
            all.extend(
                page.iter()
                    .filter_map(json::parse_instance)
                    .filter(|i| seen.insert(i.sop_uid.clone())),
            );
            if all.len() == before || page.len() < PAGE {
                break;
            }
        }
        Ok(all)
    }

    pub(super) fn has_instance(
        &self,
        study: &str,
        series: &str,
        sop: &str,
        cancel: &Cancel,
    ) -> Result<bool> {
        let tried = "look up the object";
        let series = self.check_uid(tried, series)?;
        let path = format!(
            "studies/{}/series/{series}/instances",
            self.check_uid(tried, study)?
        );
        let path = format!("{path}?SOPInstanceUID={}", self.check_uid(tried, sop)?);
        let found = match self.query_datasets(tried, path, cancel) {
            // Some servers answer 404 for an unknown study.
            Err(error) if error.kind == ErrorKind::NotFound => return Ok(false),
            found => found?,
        };
        Ok(found
            .iter()
            .filter_map(json::parse_instance)
            .any(|i| i.sop_uid == sop))
    }

    pub(super) fn store_object(&self, object: &Object, cancel: &Cancel) -> Result<()> {
        let tried = "send an object";
        let path = format!("studies/{}", self.check_uid(tried, &object.study_uid)?);
        let client = self.clone();
        let object = object.clone();
        let guard = cancel.clone();
        run_cancellable(&self.0.server, tried, cancel, move || {
            client.post_object(tried, &path, &object, guard)
        })
    }

    fn post_object(&self, tried: &str, path: &str, object: &Object, guard: Cancel) -> Result<()> {
        let file = File::open(&object.path).map_err(|e| object.read_error(e))?;
        let length = file.metadata().map_err(|e| object.read_error(e))?.len();
        let boundary = format!("labrum-{}", uuid::Uuid::new_v4().simple());
        let head = format!("--{boundary}\r\nContent-Type: application/dicom\r\n\r\n").into_bytes();
        let tail = format!("\r\n--{boundary}--\r\n").into_bytes();
        let total = head.len() as u64 + length + tail.len() as u64;
        let body = io::Cursor::new(head)
            .chain(file.take(length))
            .chain(io::Cursor::new(tail));
        let mut body = Guarded {
            inner: body,
            cancel: guard,
        };
        let request = self
            .0
            .post(path, JSON)
            .header(
                "content-type",
                format!("multipart/related; type=\"application/dicom\"; boundary={boundary}"),
            )
            .header("content-length", total.to_string());
        let answer = request.send(ureq::SendBody::from_reader(&mut body));
        let mut answer = answer.map_err(|e| self.0.transport_error(tried, &e, true))?;
        let status = answer.status();
        let text = answer
            .body_mut()
            .with_config()
            .limit(MOST_JSON)
            .read_to_vec();
        if let Some(verdict) = text
            .as_deref()
            .ok()
            .and_then(|text| store_verdict(text, &object.sop_uid))
        {
            return verdict
                .map_err(|reason| server_error(ErrorKind::Refused, &self.0.server, tried, reason));
        }
        match text {
            // Sent, but the answer is incomplete: the server is asked later whether it has the object.
            Err(error) => Err(self.0.transport_error(tried, &error, true)),
            Ok(_) if status.is_success() => Ok(()),
            Ok(_) => Err(self.0.status_error(tried, &mut answer)),
        }
    }

    fn get_response(
        &self,
        tried: &str,
        path: &str,
        accept: &str,
    ) -> Result<ureq::http::Response<ureq::Body>> {
        self.0
            .get(path, accept)
            .call()
            .map_err(|e| self.0.transport_error(tried, &e, false))
    }

    /// The datasets that a query returns.
    fn query_datasets(
        &self,
        tried: &'static str,
        path: String,
        cancel: &Cancel,
    ) -> Result<Vec<Value>> {
        let client = self.clone();
        let guard = cancel.clone();
        run_cancellable(&self.0.server, tried, cancel, move || {
            let mut answer = client.get_response(tried, &path, JSON)?;
            if answer.status() == 204 {
                return Ok(Vec::new());
            }
            if !answer.status().is_success() {
                return Err(client.0.status_error(tried, &mut answer));
            }
            let mut text = Vec::new();
            let body = answer.body_mut().with_config().limit(MOST_JSON).reader();
            Guarded {
                inner: body,
                cancel: guard,
            }
            .read_to_end(&mut text)
            .map_err(|e| client.0.transport_error(tried, &line_error(e), false))?;
            if text.is_empty() {
                return Ok(Vec::new());
            }
            json::parse_datasets(&text).ok_or_else(|| {
                client
                    .0
                    .invalid_answer(tried, "the answer is not DICOMweb JSON")
            })
        })
    }

    /// Checks a UID before it becomes part of a URL.
    fn check_uid<'a>(&self, tried: &str, uid: &'a str) -> Result<&'a str> {
        match is_uid(uid) {
            true => Ok(uid),
            false => Err(server_error(
                ErrorKind::Refused,
                &self.0.server,
                tried,
                format!("\"{uid}\" is not a valid UID"),
            )),
        }
    }
}

/// Unwraps the HTTP error inside an I/O error from a reader.
fn line_error(error: io::Error) -> ureq::Error {
    let kind = error.kind();
    let words = error.to_string();
    match error
        .into_inner()
        .map(|inner| inner.downcast::<ureq::Error>())
    {
        Some(Ok(inner)) => *inner,
        Some(Err(other)) => ureq::Error::Io(io::Error::new(kind, other)),
        None => ureq::Error::Io(io::Error::new(kind, words)),
    }
}

/// Whether the server stored the object, or the reason why not; `None` if the answer does not mention it.
fn store_verdict(text: &[u8], sop: &str) -> Option<Result<(), String>> {
    let datasets = json::parse_datasets(text)?;
    if let Some(failed) = item_about_object(&datasets, tags::FAILED_SOP_SEQUENCE, sop) {
        let reason: u32 = json::element_text(failed, tags::FAILURE_REASON)
            .parse()
            .unwrap_or_default();
        return Some(match reason {
            // Duplicate: the server already has it.
            0x0111 => Ok(()),
            _ => Err(failure_reason(reason)),
        });
    }
    item_about_object(&datasets, tags::REFERENCED_SOP_SEQUENCE, sop).map(|_| Ok(()))
}

/// The first item of a sequence that refers to the object.
fn item_about_object<'a>(datasets: &'a [Value], sequence: Tag, sop: &str) -> Option<&'a Value> {
    datasets
        .iter()
        .flat_map(|dataset| json::sequence_items(dataset, sequence))
        .find(|item| json::element_text(item, tags::REFERENCED_SOP_INSTANCE_UID) == sop)
}

/// Failure Reason (0008,1197) as text, PS3.18 I.2.2 and PS3.4 B.2.3.
pub(super) fn failure_reason(reason: u32) -> String {
    let words = match reason {
        0xA700..=0xA7FF => "the server is out of resources",
        0xA900..=0xA9FF => "the server does not accept this type of object",
        0xC000..=0xCFFF => "the server cannot understand the object",
        0x0122 => "the server does not support this SOP class",
        0x0124 => "this user does not have permission to send the object",
        0x0110 => "the server could not process the object",
        _ => "the server rejected the object",
    };
    format!("{words} (reason {reason:04X})")
}

/// The query part of a URL.
struct UrlQuery(String);

impl UrlQuery {
    fn new(fields: &[Tag]) -> Self {
        let fields = fields
            .iter()
            .map(|tag| format!("includefield={:04X}{:04X}", tag.0, tag.1));
        Self(fields.collect::<Vec<_>>().join("&"))
    }

    /// Adds a matching key, unless its value is empty.
    fn match_on(&mut self, name: &str, value: &str) {
        let value = value.trim();
        if !value.is_empty() {
            self.0
                .push_str(&format!("&{name}={}", percent_encode(value)));
        }
    }
}

/// Encodes text for a URL: all bytes except letters, digits and `-._~*` as %XX.
fn percent_encode(text: &str) -> String {
    text.bytes().map(percent_encode_byte).collect()
}

fn percent_encode_byte(byte: u8) -> String {
    match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'*' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    }
}

#[cfg(test)]
mod tests;
