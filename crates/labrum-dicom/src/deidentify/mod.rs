//! DICOM files without what tells who the patient is: the Basic Application Level Confidentiality Profile (PS3.15 Annex E),
//! with UIDs replaced consistently, on request with dates shifted instead of removed (Retain Longitudinal Temporal
//! Information With Modified Dates Option).
//!
//! Where the profile says nothing about an attribute, it stays, with four exceptions on the safe side: names of persons,
//! dates, UIDs that are no standard ones, and texts in which the patient's name or ID occurs are treated as if they were in
//! the table. Private attributes go. Pixels are not touched: text that is burned into them is warned of.

mod dataset;
mod dates;
mod profile;
mod secret;

pub use secret::SecretKey;

use super::rewrite::{Rewritten, open_object};
use dataset::Cleaner;
use dicom_dictionary_std::{tags, uids};
use dicom_object::{InMemDicomObject, meta::FileMetaTableBuilder};
use labrum_core::{
    Error, Result,
    containment::{self, Plain},
    study::os_path,
    whole_file,
};
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

const TRIED: &str = "remove the patient from";
/// Modalities whose pixels often show text: what Burned In Annotation does not rule out there is warned of.
const OFTEN_BURNED_IN: [&str; 9] = ["US", "ES", "XC", "OT", "GM", "RF", "XA", "IVUS", "DOC"];

/// What becomes of dates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Dates {
    /// They are removed, or replaced by 1900-01-01 where there must be one.
    #[default]
    Remove,
    /// They move back by a number of days that is the patient's own and secret.
    Shift,
}

/// How files lose the patient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deidentification {
    /// What UIDs, pseudonyms and shifts come from. Exports with one key fit together.
    pub key: SecretKey,
    /// What becomes of dates.
    pub dates: Dates,
}

/// A file that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deidentified {
    /// Its SOP Instance UID; empty where the source has none.
    pub sop_instance_uid: String,
    /// What a person should look at.
    pub warnings: Vec<String>,
}

impl Deidentification {
    /// Writes the DICOM file `source` without the patient as `out`, whose folder must exist.
    ///
    /// The file is read back before it takes its name. Both are read in a child process. Errors and warnings name the
    /// source's path only in errors.
    ///
    /// # Errors
    /// Where the source cannot be read whole, or `out` not be written.
    pub fn write_file(&self, source: &Path, out: &Path) -> Result<Deidentified> {
        let Rewritten { bytes, about } = containment::read_in_child(Deidentify {
            path: source.to_owned(),
            how: self.clone(),
        })?;
        let check = |written: &Path| match containment::read_in_child(Verify {
            path: source.to_owned(),
            written: written.to_owned(),
            how: self.clone(),
        }) {
            Ok(Plain(true)) => Ok(()),
            _ => Err(
                Error::at_path(TRIED, out, "what was written is not what was meant")
                    .with_advice("Nothing was saved. Please report this."),
            ),
        };
        whole_file::write_checked(out, TRIED, |w| w.write_all(&bytes), check)?;
        Ok(about)
    }

    /// What is to be written: for the child.
    fn rewrite_dataset(&self, source: &Path) -> Result<Rewritten> {
        let failed = |reason: String| Error::at_path(TRIED, source, reason);
        let file = open_object(source).map_err(failed)?;
        let mut warnings: Vec<String> = burned_in(&file).into_iter().collect();
        let syntax = file
            .meta()
            .transfer_syntax()
            .trim_end_matches(['\0', ' '])
            .to_owned();
        let mut cleaner = Cleaner::for_file(self, &file);
        let clean = cleaner.clean_dataset(file.into_inner());
        warnings.append(&mut cleaner.warnings);
        let uid = clean
            .get(tags::SOP_INSTANCE_UID)
            .and_then(|e| e.to_str().ok());
        let sop_instance_uid = uid
            .map(|uid| uid.trim_end_matches(['\0', ' ']).to_owned())
            .unwrap_or_default();
        let meta = FileMetaTableBuilder::new()
            .transfer_syntax(&syntax)
            .implementation_class_uid(super::IMPLEMENTATION_CLASS_UID)
            .implementation_version_name(super::IMPLEMENTATION_VERSION_NAME);
        let clean = clean.with_meta(meta).map_err(|e| failed(e.to_string()))?;
        let mut bytes = Vec::new();
        clean
            .write_all(&mut bytes)
            .map_err(|e| failed(e.to_string()))?;
        Ok(Rewritten {
            bytes,
            about: Deidentified {
                sop_instance_uid,
                warnings,
            },
        })
    }

    /// Whether `written` holds the pixels of `source` and nothing that names its patient: for the child.
    fn verify_written(&self, source: &Path, written: &Path) -> bool {
        let (Ok(source), Ok(written)) = (open_object(source), open_object(written)) else {
            return false;
        };
        same_pixels(&written, &source) && Cleaner::for_file(self, &source).is_clean(&written)
    }
}

/// A DICOM file without its patient.
#[derive(Serialize, Deserialize)]
pub struct Deidentify {
    #[serde(with = "os_path")]
    path: PathBuf,
    how: Deidentification,
}

impl containment::Request for Deidentify {
    const NAME: &'static str = "deidentify";
    const TRIED: &'static str = TRIED;
    type Answer = Rewritten;

    fn path(&self) -> &Path {
        &self.path
    }

    fn time_limit(&self) -> Duration {
        containment::whole_file(&self.path)
    }

    fn read_in_process(self) -> Result<Rewritten> {
        self.how.rewrite_dataset(&self.path)
    }
}

/// Whether the file `written` is `path` without its patient.
#[derive(Serialize, Deserialize)]
pub struct Verify {
    #[serde(with = "os_path")]
    path: PathBuf,
    #[serde(with = "os_path")]
    written: PathBuf,
    how: Deidentification,
}

impl containment::Request for Verify {
    const NAME: &'static str = "verify";
    const TRIED: &'static str = TRIED;
    type Answer = Plain<bool>;

    fn path(&self) -> &Path {
        &self.path
    }

    fn time_limit(&self) -> Duration {
        2 * containment::whole_file(&self.path)
    }

    fn read_in_process(self) -> Result<Plain<bool>> {
        Ok(Plain(self.how.verify_written(&self.path, &self.written)))
    }
}

/// Whether the pixels may show the patient's name.
fn burned_in(file: &InMemDicomObject) -> Option<String> {
    let text = |tag| {
        file.get(tag)
            .and_then(|e| e.to_str().ok())
            .map(|t| t.trim().to_uppercase())
            .unwrap_or_default()
    };
    let says = text(tags::BURNED_IN_ANNOTATION);
    let modality = text(tags::MODALITY);
    let often = OFTEN_BURNED_IN.contains(&modality.as_str())
        || text(tags::SOP_CLASS_UID).starts_with(uids::SECONDARY_CAPTURE_IMAGE_STORAGE);
    match says.as_str() {
        "YES" => Some(
            "its header says that text is burned into the pixels, which stays: look at them".into(),
        ),
        "NO" => None,
        _ if often => Some("text may be burned into its pixels, which stays: look at them".into()),
        _ => None,
    }
}

fn same_pixels(a: &InMemDicomObject, b: &InMemDicomObject) -> bool {
    let tags = [
        tags::PIXEL_DATA,
        tags::FLOAT_PIXEL_DATA,
        tags::DOUBLE_FLOAT_PIXEL_DATA,
    ];
    tags.iter().all(|tag| match (a.get(*tag), b.get(*tag)) {
        (Some(a), Some(b)) => match (a.value().fragments(), b.value().fragments()) {
            (Some(a), Some(b)) => a == b,
            (None, None) => a.to_bytes().ok() == b.to_bytes().ok(),
            _ => false,
        },
        (None, None) => true,
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::fixture::{Fixture, IMPLICIT};
    use dicom_core::VR;

    #[test]
    fn what_a_sequence_of_unknown_kind_says_of_the_patient_goes_and_the_rest_stays() {
        let item = Fixture::empty_item()
            .with_text(tags::REFERENCED_SOP_INSTANCE_UID, VR::UI, "1.2.777.1")
            .with_text(tags::REQUESTING_PHYSICIAN, VR::PN, "Quincy^Jack")
            .with_number(tags::PHYSICAL_UNITS_X_DIRECTION, 3)
            .with_transfer_syntax(IMPLICIT)
            .to_bytes();
        let mut value = vec![0xFE, 0xFF, 0x00, 0xE0];
        value.extend((item.len() as u32).to_le_bytes());
        value.extend(item);
        let folder = tempfile::tempdir().unwrap();
        let source = Fixture::new(1, 1)
            .with_text(tags::PATIENT_ID, VR::LO, "P4711")
            .with_bytes(tags::SEQUENCE_OF_ULTRASOUND_REGIONS, VR::UN, value)
            .with_bytes(tags::REFERENCED_IMAGE_SEQUENCE, VR::UN, vec![7; 12])
            .with_pixels(&[3])
            .write_to_folder(folder.path(), "a.dcm");
        let how = Deidentification {
            key: SecretKey::from_system_random(),
            dates: Dates::Remove,
        };
        let out = folder.path().join("b.dcm");
        let done = how.write_file(&source, &out).unwrap();
        assert_eq!(
            done.warnings,
            ["ReferencedImageSequence could not be read and was removed"]
        );
        let bytes = std::fs::read(&out).unwrap();
        let holds = |text: &[u8]| bytes.windows(text.len()).any(|w| w == text);
        assert!(!holds(b"1.2.777.1") && !holds(b"Quincy") && !holds(b"P4711"));
        let back = open_object(&out).unwrap();
        let regions = back.element(tags::SEQUENCE_OF_ULTRASOUND_REGIONS).unwrap();
        let units = regions.items().unwrap()[0]
            .element(tags::PHYSICAL_UNITS_X_DIRECTION)
            .unwrap();
        assert_eq!(units.to_int::<u16>().unwrap(), 3);
    }
}
