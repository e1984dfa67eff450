//! Reads measurement reports: groups of measurements with their coordinates, as far as they follow TID 1500.

use super::{
    PRODUCT,
    codes::{self, is_term},
};
use crate::{
    dataset::DataSet,
    file::{DicomFile, Unreadable, read_value},
    references::uid_and_frames,
    text::decoded_text,
};
use dicom_dictionary_std::{tags, uids};
use labrum_core::{
    Error, ErrorKind, Result,
    containment::{self, Plain},
    file_bytes::FileBytes,
    guard::catch_panic,
    label::Code,
    study::os_path,
};
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    result,
};

const TRIED: &str = "read the measurement report";

/// The deepest content tree that is followed; TID 1500 needs six levels.
const DEEPEST: usize = 32;

/// Maximum number of groups in a report.
const MOST_GROUPS: usize = 20_000;

/// A measurement report.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MeasurementReport {
    /// Names of the persons who observed; empty if there are none.
    pub observers: Vec<String>,
    /// Its measurement groups, in order.
    pub groups: Vec<ReportGroup>,
    /// This program wrote it: what lies in the patient was drawn on an orthogonal view, never on a slice.
    pub is_own: bool,
}

/// A measurement group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReportGroup {
    /// Tracking Identifier; empty if there is none.
    pub name: String,
    /// Tracking Unique Identifier.
    pub uid: Option<String>,
    /// Finding.
    pub finding: Option<Code>,
    /// Coordinates of regions and of values, in order.
    pub coordinates: Vec<ReportCoordinates>,
}

/// Coordinates in a measurement group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportCoordinates {
    /// The concept of the value that was measured there, or of the region.
    pub concept: Code,
    /// Graphic Type: "POLYLINE".
    pub graphic: String,
    /// Values per point: 2 on an image (column, row), 3 in the patient (mm).
    pub dimensions: usize,
    /// The values, point by point.
    pub values: Vec<f64>,
    /// SOP Instance UID of the image with its 1-based frames; `None` for coordinates in the patient.
    pub image: Option<(String, Vec<u32>)>,
    /// Frame of Reference UID of coordinates in the patient.
    pub frame_of_reference: Option<String>,
}

fn is_report_class(class: &str) -> bool {
    [
        uids::COMPREHENSIVE_SR_STORAGE,
        uids::COMPREHENSIVE3_DSR_STORAGE,
        uids::ENHANCED_SR_STORAGE,
        uids::EXTENSIBLE_SR_STORAGE,
    ]
    .contains(&class)
}

/// Reads a measurement report.
///
/// # Errors
/// If the file is not a structured report ([`ErrorKind::NotFound`]), or is damaged.
pub fn read_file(path: &Path) -> Result<MeasurementReport> {
    let request = ReadReport {
        path: path.to_owned(),
    };
    containment::read_in_child(request).map(|report| report.0)
}

/// Request for a measurement report.
#[derive(Serialize, Deserialize)]
pub struct ReadReport {
    #[serde(with = "os_path")]
    path: PathBuf,
}

impl containment::Request for ReadReport {
    const NAME: &'static str = "report";
    const TRIED: &'static str = TRIED;
    type Answer = Plain<MeasurementReport>;

    fn path(&self) -> &Path {
        &self.path
    }

    fn read_in_process(self) -> Result<Self::Answer> {
        decode_file(&self.path).map(Plain)
    }
}

/// As [`read_file`], in this process.
pub(super) fn decode_file(path: &Path) -> Result<MeasurementReport> {
    let file = match DicomFile::open(path) {
        Ok(file) if is_report_class(&file.sop_class) => file,
        Ok(_) => return Err(no_report(path, "not a structured report with measurements")),
        Err(Unreadable::NotDicom) => return Err(no_report(path, "not a DICOM file")),
        Err(Unreadable::Failed(reason)) => return Err(Error::at_path(TRIED, path, reason)),
    };
    catch_panic(|| parse_file(file))
        .unwrap_or_else(|| Err("the file is damaged".into()))
        .map_err(|reason| Error::at_path(TRIED, path, reason))
}

/// The error for a file of another kind.
fn no_report(path: &Path, reason: &str) -> Error {
    Error::at_path(TRIED, path, reason).of_kind(ErrorKind::NotFound)
}

fn parse_file(mut file: DicomFile) -> result::Result<MeasurementReport, String> {
    let DicomFile { bytes, data, .. } = &mut file;
    let mut reader = TreeReader {
        charset: data.text_values(tags::SPECIFIC_CHARACTER_SET),
        bytes,
        report: MeasurementReport::default(),
    };
    let manufacturer = data.text_value(tags::MANUFACTURER);
    reader.report.is_own = manufacturer.as_deref() == Some(PRODUCT);
    for item in data.sequence_items(tags::CONTENT_SEQUENCE) {
        if has_name(item, codes::PERSON_NAME) {
            let name = decoded_text(item, tags::PERSON_NAME, &reader.charset);
            reader.report.observers.push(person_name(&name));
        }
    }
    reader.find_groups(data, 0)?;
    Ok(reader.report)
}

/// Walks through the content tree.
struct TreeReader<'a> {
    charset: Vec<String>,
    bytes: &'a mut FileBytes,
    report: MeasurementReport,
}

impl TreeReader<'_> {
    fn find_groups(&mut self, item: &DataSet, depth: usize) -> result::Result<(), String> {
        if depth > DEEPEST {
            return Err("its content is nested too deeply".into());
        }
        for child in item.sequence_items(tags::CONTENT_SEQUENCE) {
            if !has_name(child, codes::MEASUREMENT_GROUP) {
                self.find_groups(child, depth + 1)?;
                continue;
            }
            if self.report.groups.len() == MOST_GROUPS {
                return Err(format!("it has more than {MOST_GROUPS} measurement groups"));
            }
            let group = self.read_group(child);
            self.report.groups.push(group);
        }
        Ok(())
    }

    fn read_group(&mut self, item: &DataSet) -> ReportGroup {
        let mut group = ReportGroup::default();
        for child in item.sequence_items(tags::CONTENT_SEQUENCE) {
            let Some(concept) = concept_name(child) else {
                continue;
            };
            if is_term(&concept, codes::TRACKING_IDENTIFIER) {
                group.name = decoded_text(child, tags::TEXT_VALUE, &self.charset);
            } else if is_term(&concept, codes::TRACKING_UID) {
                group.uid = child.text_value(tags::UID);
            } else if is_term(&concept, codes::FINDING) {
                group.finding = child
                    .first_item(tags::CONCEPT_CODE_SEQUENCE)
                    .and_then(read_code);
            }
            group
                .coordinates
                .extend(self.read_coordinates(child, &concept));
            for inner in child.sequence_items(tags::CONTENT_SEQUENCE) {
                group
                    .coordinates
                    .extend(self.read_coordinates(inner, &concept));
            }
        }
        group
    }

    /// The coordinates of an item; `None` if it has none.
    fn read_coordinates(&mut self, item: &DataSet, concept: &Code) -> Option<ReportCoordinates> {
        let dimensions = match item.text_value(tags::VALUE_TYPE)?.as_str() {
            "SCOORD" => 2,
            "SCOORD3D" => 3,
            _ => return None,
        };
        let mut values = item.numeric_values(tags::GRAPHIC_DATA);
        if values.is_empty() {
            // Too long to be kept with the header.
            let bytes = read_value(self.bytes, item, tags::GRAPHIC_DATA)?;
            let singles = bytes.as_chunks::<4>().0.iter();
            values = singles.map(|b| f64::from(f32::from_le_bytes(*b))).collect();
        }
        let images = item.sequence_items(tags::CONTENT_SEQUENCE).iter();
        let image = images
            .filter_map(|image| image.first_item(tags::REFERENCED_SOP_SEQUENCE))
            .find_map(uid_and_frames);
        Some(ReportCoordinates {
            concept: concept.clone(),
            graphic: item.text_value(tags::GRAPHIC_TYPE)?,
            dimensions,
            values,
            image,
            frame_of_reference: item.text_value(tags::REFERENCED_FRAME_OF_REFERENCE_UID),
        })
    }
}

fn has_name(item: &DataSet, term: codes::Term) -> bool {
    concept_name(item).is_some_and(|name| is_term(&name, term))
}

fn concept_name(item: &DataSet) -> Option<Code> {
    item.first_item(tags::CONCEPT_NAME_CODE_SEQUENCE)
        .and_then(read_code)
}

/// The code of an item of a code sequence; `None` without a value.
fn read_code(item: &DataSet) -> Option<Code> {
    let value = item
        .text_value(tags::CODE_VALUE)
        .or_else(|| item.text_value(tags::LONG_CODE_VALUE))?;
    let [scheme, meaning] = [tags::CODING_SCHEME_DESIGNATOR, tags::CODE_MEANING]
        .map(|tag| item.text_value(tag).unwrap_or_default());
    Some(Code::new(&value, &scheme, &meaning))
}

/// A person name as it is read: "Family^Given" becomes "Given Family".
fn person_name(name: &str) -> String {
    let first_group = name.split('=').next().unwrap_or_default();
    let parts: Vec<&str> = first_group.split('^').map(str::trim).collect();
    match parts.as_slice() {
        [family, given, ..] if !given.is_empty() => format!("{given} {family}"),
        [family, ..] => (*family).to_owned(),
        [] => String::new(),
    }
}
