//! Reads the regions of a structure set: names, colours, codes and contours in mm.

use crate::{
    Error, Result,
    domain::label::{Code, Label},
    io::{
        dicom::{
            dataset::DataSet,
            file::{DicomFile, Unreadable, read_value},
            text::decoded,
        },
        guard::contained,
    },
};
use dicom_dictionary_std::{tags, uids};
use std::path::Path;

const TRIED: &str = "read the structure set";
/// Points of one file; a large plan has some hundred thousand.
const MOST_POINTS: usize = 20_000_000;

/// A structure set.
#[derive(Clone, Debug, Default)]
pub(super) struct StructureSet {
    /// Regions with contours, in order of their number.
    pub(super) structures: Vec<Structure>,
    /// Frame of Reference UIDs that it lies in.
    pub(super) frames_of_reference: Vec<String>,
    /// What a user should know.
    pub(super) notes: Vec<String>,
}

/// A region.
#[derive(Clone, Debug)]
pub(super) struct Structure {
    /// What it is.
    pub(super) label: Label,
    /// Closed contours: points in the patient, mm.
    pub(super) contours: Vec<Vec<[f64; 3]>>,
    /// Points and open lines that it has besides.
    pub(super) open_contours: usize,
}

/// True where `path` is an RT Structure Set.
pub(crate) fn is_structure_set(path: &Path) -> bool {
    DicomFile::open(path).is_ok_and(|file| file.sop_class == uids::RT_STRUCTURE_SET_STORAGE)
}

/// Reads all regions.
///
/// # Errors
/// Where the file is no structure set or damaged.
pub(super) fn read(path: &Path) -> Result<StructureSet> {
    let failed = |reason: String| Error::at(TRIED, path, reason);
    let file = DicomFile::open(path).map_err(|unreadable| match unreadable {
        Unreadable::NotDicom => failed("it is not a DICOM file".into()),
        Unreadable::Failed(reason) => failed(reason),
    })?;
    contained(|| parsed(file)).unwrap_or_else(|| Err("it is damaged".into())).map_err(failed)
}

fn parsed(mut file: DicomFile) -> std::result::Result<StructureSet, String> {
    if file.sop_class != uids::RT_STRUCTURE_SET_STORAGE {
        return Err("it is no RT Structure Set".into());
    }
    let mut set = StructureSet::default();
    if let Some(broken) = &file.broken {
        set.notes.push(format!("the file is damaged, what follows is missing: {broken}"));
    }
    let DicomFile { bytes, data, .. } = &mut file;
    let charset = data.texts(tags::SPECIFIC_CHARACTER_SET);
    for item in data.items(tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE) {
        remember(&mut set.frames_of_reference, item.text(tags::FRAME_OF_REFERENCE_UID));
    }
    let regions = data.items(tags::STRUCTURE_SET_ROI_SEQUENCE);
    for region in regions {
        remember(&mut set.frames_of_reference, region.text(tags::REFERENCED_FRAME_OF_REFERENCE_UID));
    }
    let mut points = 0;
    for item in data.items(tags::ROI_CONTOUR_SEQUENCE) {
        let number = item.integer(tags::REFERENCED_ROI_NUMBER);
        let region = regions.iter().find(|region| region.integer(tags::ROI_NUMBER) == number && number.is_some());
        let index = set.structures.len();
        let label = label(data, item, region, number, index, &charset);
        let mut structure = Structure { label, contours: Vec::new(), open_contours: 0 };
        for contour in item.items(tags::CONTOUR_SEQUENCE) {
            let raw = read_value(bytes, contour, tags::CONTOUR_DATA).unwrap_or_default();
            let line = coordinates(&raw).ok_or("its Contour Data are no numbers")?;
            points += line.len();
            if points > MOST_POINTS {
                return Err(format!("it has more than {MOST_POINTS} points"));
            }
            match contour.text(tags::CONTOUR_GEOMETRIC_TYPE).as_deref() {
                Some("CLOSED_PLANAR" | "CLOSEDPLANAR_XOR") | None if line.len() > 2 => structure.contours.push(line),
                _ => structure.open_contours += 1,
            }
        }
        if !structure.contours.is_empty() {
            set.structures.push(structure);
        } else if structure.open_contours > 0 {
            let name = &structure.label.name;
            set.notes.push(format!("\"{name}\" has only points and open lines and was left out"));
        }
    }
    Ok(set)
}

fn remember(all: &mut Vec<String>, uid: Option<String>) {
    if let Some(uid) = uid.filter(|uid| !all.contains(uid)) {
        all.push(uid);
    }
}

/// x\y\z\x\y\z and so on; `None` where one of them is no number.
fn coordinates(raw: &[u8]) -> Option<Vec<[f64; 3]>> {
    let text = String::from_utf8_lossy(raw);
    let text = text.trim_matches(|c: char| c == '\0' || c == '\\' || c.is_whitespace());
    if text.is_empty() {
        return Some(Vec::new());
    }
    let number = |part: &str| part.trim().parse::<f64>().ok().filter(|v| v.is_finite());
    let values: Vec<f64> = text.split('\\').map(number).collect::<Option<_>>()?;
    Some(values.chunks_exact(3).map(|p| [p[0], p[1], p[2]]).collect())
}

fn label(
    data: &DataSet,
    contours: &DataSet,
    region: Option<&DataSet>,
    number: Option<i64>,
    index: usize,
    charset: &[String],
) -> Label {
    let name = region.map(|r| decoded(r, tags::ROI_NAME, charset)).filter(|name| !name.is_empty());
    let number = number.unwrap_or(index as i64 + 1);
    let mut label = Label::named(name.unwrap_or_else(|| format!("Region {number}")), index);
    let color = contours.numbers(tags::ROI_DISPLAY_COLOR);
    if let [r, g, b] = color[..] {
        label.color = [r, g, b].map(|v| v.clamp(0.0, 255.0) as u8);
    }
    let observations = data.items(tags::RTROI_OBSERVATIONS_SEQUENCE);
    let observation = observations.iter().find(|o| o.integer(tags::REFERENCED_ROI_NUMBER) == Some(number));
    let code = observation.and_then(|o| o.item(tags::RTROI_IDENTIFICATION_CODE_SEQUENCE));
    if let Some((value, scheme)) =
        code.and_then(|c| Some((c.text(tags::CODE_VALUE)?, c.text(tags::CODING_SCHEME_DESIGNATOR)?)))
        && scheme == "SCT"
    {
        label.concept =
            Code { value, scheme, meaning: code.map_or_else(String::new, |c| decoded(c, tags::CODE_MEANING, charset)) };
    }
    label
}
