//! Study, series and slice as the case list and the exporters know them: all but the pixels.

use super::{
    geometry::{PixelSpacing, Plane},
    scale::{Scale, ScaledRegion},
};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Where the pixels of one slice are.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Source {
    /// The file.
    #[serde(with = "os_path")]
    pub path: PathBuf,
    /// 0-based frame of a multi-frame file.
    pub frame: u32,
}

/// One slice of a series: a DICOM frame or a picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// Where its pixels are.
    pub source: Source,
    /// SOP Instance UID; `None` for a picture. Where different images carry one, [`SHARED`] and what tells them apart stand
    /// behind it: then it is no UID, and nothing that names the UID means this slice alone.
    pub sop_instance_uid: Option<String>,
    /// Instance Number.
    pub instance_number: Option<i64>,
    /// Place in the patient.
    pub plane: Option<Plane>,
    /// Distance between pixels.
    pub spacing: Option<PixelSpacing>,
    /// Parts with scales of their own (ultrasound).
    pub regions: Vec<ScaledRegion>,
}

/// What parts a UID that different images carry from what tells them apart.
pub const SHARED: char = '#';

impl Slice {
    /// A slice of which no more is known than where its pixels are.
    pub fn from_source(source: Source) -> Self {
        Self {
            source,
            sop_instance_uid: None,
            instance_number: None,
            plane: None,
            spacing: None,
            regions: Vec::new(),
        }
    }

    /// What lengths on it are.
    pub fn length_scale(&self) -> Scale {
        Scale {
            spacing: self.spacing,
            regions: self.regions.clone(),
        }
    }

    /// The SOP Instance UID as it is in the file, which other slices may carry, too.
    pub fn uid_in_file(&self) -> Option<&str> {
        self.sop_instance_uid
            .as_deref()
            .and_then(|uid| uid.split(SHARED).next())
    }

    /// True where different images carry its SOP Instance UID.
    pub fn shares_its_uid(&self) -> bool {
        self.sop_instance_uid
            .as_deref()
            .is_some_and(|uid| uid.contains(SHARED))
    }
}

/// What kind of file a series came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// DICOM instances.
    Dicom,
    /// PNG, JPEG, TIFF, BMP, WebP or NIfTI: files of others than the scanner.
    Picture,
}

/// Slices that belong together and have one size; a 4D series is split into one for each time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Series Instance UID, with a suffix for parts of a split one; the path for pictures. Unique in a study list.
    pub id: String,
    /// DICOM or picture.
    pub kind: Kind,
    /// Modality: "MR"; empty for pictures.
    pub modality: String,
    /// Series Description, or the file name of a picture.
    pub description: String,
    /// Series Number.
    pub number: Option<i64>,
    /// Body Part Examined, upper case as in the file; empty where unknown.
    pub body_part: String,
    /// Transfer Syntax UID of the first instance; empty for pictures.
    pub transfer_syntax: String,
    /// SOP Class UID of the first instance; empty for pictures.
    pub sop_class: String,
    /// Frame of Reference UID.
    pub frame_of_reference_uid: Option<String>,
    /// Width of every slice.
    pub columns: usize,
    /// Height of every slice.
    pub rows: usize,
    /// Colour.
    pub color: bool,
    /// In order of place, then of instance number.
    pub slices: Vec<Slice>,
    /// What a user should know: "slice spacing is uneven".
    pub notes: Vec<String>,
}

impl Series {
    /// A series in grey levels of which no more is known than its slices and their size in pixels.
    pub fn from_slices(kind: Kind, columns: usize, rows: usize, slices: Vec<Slice>) -> Self {
        Self {
            id: String::new(),
            kind,
            modality: String::new(),
            description: String::new(),
            number: None,
            body_part: String::new(),
            transfer_syntax: String::new(),
            sop_class: String::new(),
            frame_of_reference_uid: None,
            columns,
            rows,
            color: false,
            slices,
            notes: Vec::new(),
        }
    }

    /// Median distance between neighbouring slices, mm; `None` without geometry or with one slice.
    pub fn slice_spacing(&self) -> Option<f64> {
        let at: Vec<f64> = self
            .slices
            .iter()
            .filter_map(|s| s.plane.map(|p| p.distance_along_normal()))
            .collect();
        let mut gaps: Vec<f64> = at
            .windows(2)
            .map(|w| (w[1] - w[0]).abs())
            .filter(|g| *g > 1e-4)
            .collect();
        gaps.sort_by(f64::total_cmp);
        gaps.get(gaps.len() / 2).copied()
    }
}

/// Series of one examination.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Study {
    /// Study Instance UID; the folder for pictures.
    pub id: String,
    /// Study Description, or the folder's name.
    pub description: String,
    /// Study Date as YYYY-MM-DD; empty where unknown.
    pub date: String,
    /// Patient ID; empty where unknown. Never written to a log.
    pub patient_id: String,
    /// Patient's Name; empty where unknown. Never written to a log.
    pub patient_name: String,
    /// In order of number, then description.
    pub series: Vec<Series>,
}

/// A file that was looked at and not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// Which.
    pub path: PathBuf,
    /// Why, as a clause: "not an image (RT Plan Storage)".
    pub reason: String,
    /// True where it is an image that could not be read (shown as an error), false where it is no image.
    pub is_failure: bool,
    /// True for a segmentation or structure set: masks that can be taken in.
    pub has_masks: bool,
}

/// All that was found at the paths a user opened.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalog {
    /// Studies in order of first sight.
    pub studies: Vec<Study>,
    /// Everything else.
    pub passed_over: Vec<PassedOver>,
}

/// Where a case stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Status {
    /// No mask yet.
    #[default]
    New,
    /// The model's mask, not looked at.
    Proposed,
    /// Changed by a person.
    Corrected,
    /// Signed off.
    Accepted,
    /// Left out.
    Skipped,
}

impl Status {
    /// What it is called in a workspace and to programs.
    pub fn storage_name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Proposed => "proposed",
            Self::Corrected => "corrected",
            Self::Accepted => "accepted",
            Self::Skipped => "skipped",
        }
    }

    /// The status of this name; a new case has any other.
    pub fn from_storage_name(name: &str) -> Self {
        match name {
            "proposed" => Self::Proposed,
            "corrected" => Self::Corrected,
            "accepted" => Self::Accepted,
            "skipped" => Self::Skipped,
            _ => Self::New,
        }
    }
}

/// Paths as the system has them: serde's own way refuses those that are no Unicode.
/// For paths that need not be Unicode.
pub mod os_path {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::{
        ffi::OsString,
        path::{Path, PathBuf},
    };

    /// As the system has it.
    pub fn serialize<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
        path.as_os_str().serialize(to)
    }

    /// As the system has it.
    pub fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<PathBuf, D::Error> {
        OsString::deserialize(from).map(PathBuf::from)
    }
}
