//! Study, series and slice without pixels, as used by the case list and the exporters.

use super::{
    cine::{CineHint, TimePoint},
    geometry::{PixelSpacing, Plane},
    patient::Patient,
    presentation::{ImageKey, PresentationState},
    scale::{Scale, ScaledRegion},
};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Location of the pixels of one slice.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Source {
    /// The file.
    #[serde(with = "os_path")]
    pub path: PathBuf,
    /// 0-based frame of a multi-frame file.
    pub frame: u32,
}

/// One slice of a series: a DICOM frame or an image file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// Location of its pixels.
    pub source: Source,
    /// SOP Instance UID; `None` for an image file. If different images have the same UID, it is followed by [`SHARED`]
    /// and a distinguishing suffix; it is then not a valid UID, and references to the UID are ambiguous.
    pub sop_instance_uid: Option<String>,
    /// Instance Number.
    pub instance_number: Option<i64>,
    /// Position and orientation in the patient.
    pub plane: Option<Plane>,
    /// Slice Thickness, mm, greater than 0.
    pub thickness: Option<f64>,
    /// Pixel spacing.
    pub spacing: Option<PixelSpacing>,
    /// Regions with their own scale (ultrasound).
    pub regions: Vec<ScaledRegion>,
}

/// Separates a UID shared by different images from its distinguishing suffix.
pub const SHARED: char = '#';

impl Slice {
    /// A slice with nothing but a source.
    pub fn from_source(source: Source) -> Self {
        Self {
            source,
            sop_instance_uid: None,
            instance_number: None,
            plane: None,
            thickness: None,
            spacing: None,
            regions: Vec::new(),
        }
    }

    /// Scale for measuring lengths on it.
    pub fn length_scale(&self) -> Scale {
        Scale {
            spacing: self.spacing,
            regions: self.regions.clone(),
        }
    }

    /// The SOP Instance UID as stored in the file; other slices may have the same.
    pub fn uid_in_file(&self) -> Option<&str> {
        self.sop_instance_uid
            .as_deref()
            .and_then(|uid| uid.split(SHARED).next())
    }

    /// Its identity for presentation states; `None` for an image file, or if other images share its UID.
    pub fn image_key(&self) -> Option<ImageKey<'_>> {
        let uid = self.sop_instance_uid.as_deref();
        uid.filter(|_| !self.shares_its_uid()).map(|uid| ImageKey {
            uid,
            frame: self.source.frame + 1,
        })
    }

    /// True if different images have its SOP Instance UID.
    pub fn shares_its_uid(&self) -> bool {
        self.sop_instance_uid
            .as_deref()
            .is_some_and(|uid| uid.contains(SHARED))
    }
}

/// Kind of file of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// DICOM instances.
    Dicom,
    /// Image files that are not DICOM: PNG, JPEG, TIFF, BMP, WebP or NIfTI.
    Picture,
}

/// Slices of equal size that belong together; a 4D series is split into one per time point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Series Instance UID, with a suffix for parts of a split series; the path for image files. Unique in a catalog.
    pub id: String,
    /// DICOM or image file.
    pub kind: Kind,
    /// Modality: "MR"; empty for image files.
    pub modality: String,
    /// Series Description, or the name of an image file.
    pub description: String,
    /// Series Number.
    pub number: Option<i64>,
    /// Series Date as YYYY-MM-DD; empty if unknown.
    pub date: String,
    /// Series Time as HH:MM:SS or HH:MM; empty if unknown.
    pub time: String,
    /// Body Part Examined, in upper case as in the file; empty if unknown.
    pub body_part: String,
    /// Transfer Syntax UID of the first instance; empty for image files.
    pub transfer_syntax: String,
    /// SOP Class UID of the first instance; empty for image files.
    pub sop_class: String,
    /// Frame of Reference UID.
    pub frame_of_reference_uid: Option<String>,
    /// Width of every slice.
    pub columns: usize,
    /// Height of every slice.
    pub rows: usize,
    /// True for colour images.
    pub color: bool,
    /// Slices, sorted by position, then by instance number.
    pub slices: Vec<Slice>,
    /// Remarks for the user: "slice spacing is uneven".
    pub notes: Vec<String>,
    /// Presentation states that refer to its slices, newest first.
    pub presentations: Vec<PresentationState>,
    /// Which of several times it is; `None` if its slices were acquired at one time only.
    pub time_point: Option<TimePoint>,
    /// How its files ask to be played.
    pub cine: CineHint,
}

impl Series {
    /// Width and height of its slices in pixels.
    pub fn columns_and_rows(&self) -> (usize, usize) {
        (self.columns, self.rows)
    }

    /// A grey-level series with nothing but slices and their size in pixels.
    pub fn from_slices(kind: Kind, columns: usize, rows: usize, slices: Vec<Slice>) -> Self {
        Self {
            id: String::new(),
            kind,
            modality: String::new(),
            description: String::new(),
            number: None,
            date: String::new(),
            time: String::new(),
            body_part: String::new(),
            transfer_syntax: String::new(),
            sop_class: String::new(),
            frame_of_reference_uid: None,
            columns,
            rows,
            color: false,
            slices,
            notes: Vec::new(),
            presentations: Vec::new(),
            time_point: None,
            cine: CineHint::default(),
        }
    }

    /// Median distance between adjacent slices, mm; `None` without geometry or with only one slice.
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

/// The series of one examination.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Study {
    /// Study Instance UID; the folder for image files.
    pub id: String,
    /// Study Description, or the folder's name.
    pub description: String,
    /// Study Date as YYYY-MM-DD; empty if unknown.
    pub date: String,
    /// Study Time as HH:MM:SS or HH:MM; empty if unknown.
    pub time: String,
    /// Who was examined; all empty for image files. Never written to a log.
    pub patient: Patient,
    /// Series, sorted by number, then by description.
    pub series: Vec<Series>,
}

/// A skipped file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedOver {
    /// Path of the file.
    pub path: PathBuf,
    /// Reason, a clause: "not an image (RT Plan Storage)".
    pub reason: String,
    /// True if it is an image that could not be read (shown as an error), false if it is not an image.
    pub is_failure: bool,
    /// True for a segmentation or structure set, which can be imported as masks.
    pub has_masks: bool,
}

/// Everything found at the paths that the user opened.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalog {
    /// Studies, in the order in which they were found.
    pub studies: Vec<Study>,
    /// Skipped files.
    pub passed_over: Vec<PassedOver>,
}

/// Status of a case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Status {
    /// No mask yet.
    #[default]
    New,
    /// A proposal that has not been reviewed.
    Proposed,
    /// Mask drawn or changed by a person.
    Corrected,
    /// Accepted.
    Accepted,
    /// Skipped.
    Skipped,
}

impl Status {
    /// Name in workspaces and in machine-readable output.
    pub fn storage_name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Proposed => "proposed",
            Self::Corrected => "corrected",
            Self::Accepted => "accepted",
            Self::Skipped => "skipped",
        }
    }

    /// Parses [`Self::storage_name`]; unknown names are new.
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

/// Serde support for paths that are not valid Unicode, which serde itself rejects.
pub mod os_path {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::{
        ffi::OsString,
        path::{Path, PathBuf},
    };

    /// Serializes the path in the system's own encoding.
    pub fn serialize<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
        path.as_os_str().serialize(to)
    }

    /// Deserializes a path in the system's own encoding.
    pub fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<PathBuf, D::Error> {
        OsString::deserialize(from).map(PathBuf::from)
    }
}
