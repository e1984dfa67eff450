//! Reads the regions (ROIs) of a structure set: names, colours, codes and contours in mm.

use crate::{
    dataset::DataSet,
    file::{DicomFile, Unreadable, read_value},
    references::{ReferencedSeries, uid_and_frames},
    text::decoded_text,
};
use dicom_dictionary_std::{tags, uids};
use labrum_core::{
    Error, Result,
    guard::catch_panic,
    label::{Code, Label},
};
use std::{collections::BTreeMap, path::Path, result};

const TRIED: &str = "read the structure set";
/// Maximum number of points in a file; a large plan has a few hundred thousand.
const MOST_POINTS: usize = 20_000_000;

/// The content of a structure set.
#[derive(Clone, Debug, Default)]
pub(super) struct StructureSet {
    /// Regions with contours, in the order of ROI Contour Sequence.
    pub(super) structures: Vec<RegionOfInterest>,
    /// Its Frame of Reference UIDs.
    pub(super) frames_of_reference: Vec<String>,
    /// The series that it refers to.
    pub(super) series: Vec<ReferencedSeries>,
    /// Remarks for the user.
    pub(super) notes: Vec<String>,
}

/// A region of interest (ROI).
#[derive(Clone, Debug)]
pub(super) struct RegionOfInterest {
    /// ROI Number.
    pub(super) number: u32,
    /// Its name, colour and code.
    pub(super) label: Label,
    /// Frame of Reference UID of the region, if the file has one.
    pub(super) frame_of_reference: Option<String>,
    /// Contours that enclose an area.
    pub(super) contours: Vec<RegionContour>,
    /// Number of other contours by Contour Geometric Type.
    pub(super) without_area: BTreeMap<String, usize>,
}

/// A closed contour.
#[derive(Clone, Debug)]
pub(super) struct RegionContour {
    /// Points in patient coordinates, mm.
    pub(super) points: Vec<[f64; 3]>,
    /// Contour Image Sequence: SOP Instance UIDs, each with its 1-based frames.
    pub(super) sources: Vec<(String, Vec<u32>)>,
    /// CLOSEDPLANAR_XOR: areas enclosed by an even number of these contours are outside.
    pub(super) is_xor: bool,
}

/// True if `path` is an RT Structure Set.
pub fn is_structure_set(path: &Path) -> bool {
    DicomFile::open(path).is_ok_and(|file| file.sop_class == uids::RT_STRUCTURE_SET_STORAGE)
}

/// Reads all regions.
///
/// # Errors
/// If the file is not a structure set, or is damaged.
pub(super) fn read_regions(path: &Path) -> Result<StructureSet> {
    let file = DicomFile::open(path).map_err(|unreadable| {
        let reason = match unreadable {
            Unreadable::NotDicom => "not a DICOM file".to_owned(),
            Unreadable::Failed(reason) => reason,
        };
        Error::at_path(TRIED, path, reason)
    })?;
    catch_panic(|| parse_file(file))
        .unwrap_or_else(|| Err("the file is damaged".into()))
        .map_err(|reason| Error::at_path(TRIED, path, reason))
}

fn parse_file(mut file: DicomFile) -> result::Result<StructureSet, String> {
    if file.sop_class != uids::RT_STRUCTURE_SET_STORAGE {
        return Err("not an RT Structure Set".into());
    }
    let mut set = StructureSet::default();
    if let Some(broken) = &file.broken {
        set.notes.push(format!(
            "the file is damaged and was read only in part: {broken}"
        ));
    }
    let DicomFile { bytes, data, .. } = &mut file;
    let charset = data.text_values(tags::SPECIFIC_CHARACTER_SET);
    for item in data.sequence_items(tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE) {
        push_unique(
            &mut set.frames_of_reference,
            item.text_value(tags::FRAME_OF_REFERENCE_UID),
        );
        let studies = item.sequence_items(tags::RT_REFERENCED_STUDY_SEQUENCE);
        let series = studies
            .iter()
            .flat_map(|study| study.sequence_items(tags::RT_REFERENCED_SERIES_SEQUENCE));
        set.series.extend(series.map(referenced_series));
    }
    let regions = data.sequence_items(tags::STRUCTURE_SET_ROI_SEQUENCE);
    for region in regions {
        push_unique(
            &mut set.frames_of_reference,
            region.text_value(tags::REFERENCED_FRAME_OF_REFERENCE_UID),
        );
    }
    let mut points = 0;
    for item in data.sequence_items(tags::ROI_CONTOUR_SEQUENCE) {
        let number = item.integer_value(tags::REFERENCED_ROI_NUMBER);
        let region = regions
            .iter()
            .find(|region| region.integer_value(tags::ROI_NUMBER) == number && number.is_some());
        let index = set.structures.len();
        let label = region_label(data, item, region, number, index, &charset);
        let frame_of_reference =
            region.and_then(|r| r.text_value(tags::REFERENCED_FRAME_OF_REFERENCE_UID));
        let number = number
            .and_then(|n| u32::try_from(n).ok())
            .unwrap_or(index as u32 + 1);
        let mut structure = RegionOfInterest {
            number,
            label,
            frame_of_reference,
            contours: Vec::new(),
            without_area: BTreeMap::new(),
        };
        for contour in item.sequence_items(tags::CONTOUR_SEQUENCE) {
            let raw = read_value(bytes, contour, tags::CONTOUR_DATA).unwrap_or_default();
            let line = parse_coordinates(&raw)
                .ok_or("Contour Data contains values that are not numbers")?;
            points += line.len();
            if points > MOST_POINTS {
                return Err(format!("its contours have more than {MOST_POINTS} points"));
            }
            let kind = contour
                .text_value(tags::CONTOUR_GEOMETRIC_TYPE)
                .unwrap_or_else(|| "CLOSED_PLANAR".into());
            match kind.as_str() {
                "CLOSED_PLANAR" | "CLOSEDPLANAR_XOR" if line.len() > 2 => {
                    structure.contours.push(RegionContour {
                        points: line,
                        sources: contour_images(contour),
                        is_xor: kind == "CLOSEDPLANAR_XOR",
                    })
                }
                _ => *structure.without_area.entry(kind).or_default() += 1,
            }
        }
        if !structure.contours.is_empty() || !structure.without_area.is_empty() {
            set.structures.push(structure);
        }
    }
    Ok(set)
}

fn referenced_series(series: &DataSet) -> ReferencedSeries {
    let images = series.sequence_items(tags::CONTOUR_IMAGE_SEQUENCE);
    ReferencedSeries {
        uid: series
            .text_value(tags::SERIES_INSTANCE_UID)
            .unwrap_or_default(),
        class: images
            .first()
            .and_then(|i| i.text_value(tags::REFERENCED_SOP_CLASS_UID))
            .unwrap_or_default(),
        instances: images
            .iter()
            .filter_map(|i| i.text_value(tags::REFERENCED_SOP_INSTANCE_UID))
            .collect(),
    }
}

/// The images that a contour was drawn on.
fn contour_images(contour: &DataSet) -> Vec<(String, Vec<u32>)> {
    contour
        .sequence_items(tags::CONTOUR_IMAGE_SEQUENCE)
        .iter()
        .filter_map(uid_and_frames)
        .collect()
}

fn push_unique(all: &mut Vec<String>, uid: Option<String>) {
    if let Some(uid) = uid.filter(|uid| !all.contains(uid)) {
        all.push(uid);
    }
}

/// Parses x\y\z\x\y\z and so on; `None` if a value is not a number.
fn parse_coordinates(raw: &[u8]) -> Option<Vec<[f64; 3]>> {
    let text = String::from_utf8_lossy(raw);
    let text = text.trim_matches(|c: char| c == '\0' || c == '\\' || c.is_whitespace());
    if text.is_empty() {
        return Some(Vec::new());
    }
    let values: Vec<f64> = text.split('\\').map(finite_number).collect::<Option<_>>()?;
    Some(values.chunks_exact(3).map(|p| [p[0], p[1], p[2]]).collect())
}

fn finite_number(text: &str) -> Option<f64> {
    text.trim().parse::<f64>().ok().filter(|v| v.is_finite())
}

fn region_label(
    data: &DataSet,
    contours: &DataSet,
    region: Option<&DataSet>,
    number: Option<i64>,
    index: usize,
    charset: &[String],
) -> Label {
    let name = region
        .map(|r| decoded_text(r, tags::ROI_NAME, charset))
        .filter(|name| !name.is_empty());
    let number = number.unwrap_or(index as i64 + 1);
    let mut label = Label::with_name(name.unwrap_or_else(|| format!("Region {number}")), index);
    let color = contours.numeric_values(tags::ROI_DISPLAY_COLOR);
    if let [r, g, b] = color[..] {
        label.color = [r, g, b].map(|v| v.clamp(0.0, 255.0) as u8);
    }
    let observations = data.sequence_items(tags::RTROI_OBSERVATIONS_SEQUENCE);
    let observation = observations
        .iter()
        .find(|o| o.integer_value(tags::REFERENCED_ROI_NUMBER) == Some(number));
    let code = observation.and_then(|o| o.first_item(tags::RTROI_IDENTIFICATION_CODE_SEQUENCE));
    if let Some((value, scheme)) = code.and_then(|c| {
        Some((
            c.text_value(tags::CODE_VALUE)?,
            c.text_value(tags::CODING_SCHEME_DESIGNATOR)?,
        ))
    }) && scheme == "SCT"
    {
        label.concept = Code {
            value,
            scheme,
            meaning: code.map_or_else(String::new, |c| {
                decoded_text(c, tags::CODE_MEANING, charset)
            }),
        };
    }
    label
}
