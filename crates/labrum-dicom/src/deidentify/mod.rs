//! De-identifies DICOM files by the Basic Application Level Confidentiality Profile (PS3.15 Annex E), with UIDs
//! replaced consistently and, on request, dates shifted instead of removed (Retain Longitudinal Temporal Information
//! With Modified Dates Option).
//!
//! Attributes that the profile does not list are kept, with four exceptions to be on the safe side: person names,
//! dates, UIDs that the standard does not define, and texts that contain the patient's name or ID are treated as if
//! they were listed. Private attributes are removed. Pixels are not changed; possible burned-in text causes a warning.

mod dataset;
mod dates;
mod profile;
mod secret;

pub use secret::SecretKey;

pub use super::rewrite::Deidentified;
use super::rewrite::{Rewritten, open_object};
use dataset::Cleaner;
use dicom_core::Tag;
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

const TRIED: &str = "de-identify";
/// Modalities whose images often contain burned-in text: they cause a warning unless Burned In Annotation is NO.
const OFTEN_BURNED_IN: [&str; 9] = ["US", "ES", "XC", "OT", "GM", "RF", "XA", "IVUS", "DOC"];

/// What happens to dates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Dates {
    /// They are removed, or replaced by 1900-01-01 if a date is required.
    #[default]
    Remove,
    /// They are moved back by a secret number of days, the same for all dates of a patient.
    Shift,
}

/// Options of de-identification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deidentification {
    /// Key from which UIDs, pseudonyms and date shifts are derived. Exports with the same key are consistent.
    pub key: SecretKey,
    /// What happens to dates.
    pub dates: Dates,
}

impl Deidentification {
    /// Writes the DICOM file `source`, de-identified, as `out`, whose folder must exist.
    ///
    /// The result is verified before it gets its final name. Both files are read in a child process. Errors name the
    /// path of the source, warnings do not.
    ///
    /// # Errors
    /// If the source cannot be read completely, or `out` cannot be written.
    pub fn write_file(&self, source: &Path, out: &Path) -> Result<Deidentified> {
        let Rewritten { bytes, about } = containment::read_in_child(Deidentify {
            path: source.to_owned(),
            how: self.clone(),
        })?;
        whole_file::write_checked(
            out,
            TRIED,
            |file| file.write_all(&bytes),
            |written| self.check_written(source, written, out),
        )?;
        Ok(about)
    }

    /// Verifies `written`, which is to become `out`, in a child process.
    fn check_written(&self, source: &Path, written: &Path, out: &Path) -> Result<()> {
        let verified = containment::read_in_child(Verify {
            path: source.to_owned(),
            written: written.to_owned(),
            how: self.clone(),
        });
        match verified {
            Ok(Plain(true)) => Ok(()),
            _ => Err(
                Error::at_path(TRIED, out, "the written file failed verification")
                    .with_advice("Nothing was saved. Please report this."),
            ),
        }
    }

    /// The de-identified file. Runs in the child process.
    fn rewrite_dataset(&self, source: &Path) -> Result<Rewritten> {
        let file = open_object(source).map_err(|reason| Error::at_path(TRIED, source, reason))?;
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
        let clean = clean
            .with_meta(meta)
            .map_err(|error| Error::at_path(TRIED, source, error))?;
        let mut bytes = Vec::new();
        clean
            .write_all(&mut bytes)
            .map_err(|error| Error::at_path(TRIED, source, error))?;
        Ok(Rewritten {
            bytes,
            about: Deidentified {
                sop_instance_uid,
                warnings,
            },
        })
    }

    /// True if `written` has the pixels of `source` and nothing that identifies its patient. Runs in the child process.
    fn verify_written(&self, source: &Path, written: &Path) -> bool {
        let (Ok(source), Ok(written)) = (open_object(source), open_object(written)) else {
            return false;
        };
        same_pixels(&written, &source) && Cleaner::for_file(self, &source).is_clean(&written)
    }
}

/// Request to de-identify a DICOM file.
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

/// Request to verify that `written` is the de-identified file `path`.
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

/// Warning if the image may contain burned-in text.
fn burned_in(file: &InMemDicomObject) -> Option<String> {
    let says = upper_case_text(file, tags::BURNED_IN_ANNOTATION);
    let modality = upper_case_text(file, tags::MODALITY);
    let sop_class = upper_case_text(file, tags::SOP_CLASS_UID);
    let often = OFTEN_BURNED_IN.contains(&modality.as_str())
        || sop_class.starts_with(uids::SECONDARY_CAPTURE_IMAGE_STORAGE);
    match says.as_str() {
        "YES" => Some(
            "the header says that the image contains burned-in text, which is not removed: check it"
                .into(),
        ),
        "NO" => None,
        _ if often => {
            Some("the image may contain burned-in text, which is not removed: check it".into())
        }
        _ => None,
    }
}

/// Empty if the element is missing.
fn upper_case_text(file: &InMemDicomObject, tag: Tag) -> String {
    file.get(tag)
        .and_then(|e| e.to_str().ok())
        .map(|text| text.trim().to_uppercase())
        .unwrap_or_default()
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
    fn identifying_values_in_a_sequence_with_vr_un_are_removed_and_others_kept() {
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
