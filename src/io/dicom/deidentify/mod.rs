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

use super::file::{DicomFile, Unreadable};
use crate::{
    Error, Result,
    io::{guard::contained, whole_file},
};
use dataset::Cleaner;
use dicom_dictionary_std::{tags, uids};
use dicom_encoding::TransferSyntaxIndex;
use dicom_object::{FileDicomObject, InMemDicomObject, OpenFileOptions, meta::FileMetaTableBuilder};
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;
use std::path::Path;

const TRIED: &str = "remove the patient from";
/// Modalities whose pixels often show text: what Burned In Annotation does not rule out there is warned of.
const OFTEN_BURNED_IN: [&str; 9] = ["US", "ES", "XC", "OT", "GM", "RF", "XA", "IVUS", "DOC"];

/// What becomes of dates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dates {
    /// They are removed, or replaced by 1900-01-01 where there must be one.
    #[default]
    Remove,
    /// They move back by a number of days that is the patient's own and secret.
    Shift,
}

/// How files lose the patient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deidentification {
    /// What UIDs, pseudonyms and shifts come from. Exports with one key fit together.
    pub key: SecretKey,
    /// What becomes of dates.
    pub dates: Dates,
}

/// A file that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deidentified {
    /// Its SOP Instance UID; empty where the source has none.
    pub sop_instance_uid: String,
    /// What a person should look at.
    pub warnings: Vec<String>,
}

impl Deidentification {
    /// Writes the DICOM file `source` without the patient as `out`, whose folder must exist.
    ///
    /// The file is read back before it takes its name. Errors and warnings name the source's path only in errors.
    ///
    /// # Errors
    /// Where the source cannot be read whole, or `out` not be written.
    pub fn write(&self, source: &Path, out: &Path) -> Result<Deidentified> {
        let failed = |reason: String| Error::at(TRIED, source, reason);
        let file = contained(|| open(source)).unwrap_or_else(|| Err("its structure is damaged".into()));
        let file = file.map_err(failed)?;
        let mut warnings: Vec<String> = burned_in(&file).into_iter().collect();
        let syntax = file.meta().transfer_syntax().trim_end_matches(['\0', ' ']).to_owned();
        let mut cleaner = Cleaner::of(self, &file);
        let clean = cleaner.clean(file.into_inner());
        warnings.append(&mut cleaner.warnings);
        let uid = clean.get(tags::SOP_INSTANCE_UID).and_then(|e| e.to_str().ok());
        let sop_instance_uid = uid.map(|uid| uid.trim_end_matches(['\0', ' ']).to_owned()).unwrap_or_default();
        let meta = FileMetaTableBuilder::new()
            .transfer_syntax(&syntax)
            .implementation_class_uid(super::IMPLEMENTATION_CLASS_UID)
            .implementation_version_name(super::IMPLEMENTATION_VERSION_NAME);
        let clean = clean.with_meta(meta).map_err(|e| failed(e.to_string()))?;
        let mut bytes = Vec::new();
        clean.write_all(&mut bytes).map_err(|e| failed(e.to_string()))?;
        let check = |written: &Path| {
            let back = contained(|| open(written)).unwrap_or_else(|| Err("it is damaged".into()));
            let same = back.as_ref().is_ok_and(|back| same_pixels(back, &clean) && cleaner.is_clean(back));
            let wrong = || Error::at(TRIED, out, "what was written is not what was meant");
            if same { Ok(()) } else { Err(wrong().advise("Nothing was saved. Please report this.")) }
        };
        whole_file::write_checked(out, TRIED, |w| w.write_all(&bytes), check)?;
        Ok(Deidentified { sop_instance_uid, warnings })
    }
}

/// Reads a whole file, after the tolerant reader has held its lengths against its size.
fn open(path: &Path) -> std::result::Result<FileDicomObject<InMemDicomObject>, String> {
    let look = DicomFile::open(path).map_err(|why| match why {
        Unreadable::NotDicom => "it is no DICOM file".to_owned(),
        Unreadable::Failed(reason) => reason,
    })?;
    if let Some(reason) = look.broken {
        return Err(reason);
    }
    if let Ok(file) = OpenFileOptions::new().open_file(path) {
        return Ok(file);
    }
    // Without a meta header: the dataset begins at once.
    let syntax = TransferSyntaxRegistry.get(&look.transfer_syntax).ok_or("its transfer syntax is not known")?;
    let bytes = std::fs::read(path).map_err(|e| super::reason_of(&e))?;
    let start = if bytes.get(..128).is_some_and(|head| head.iter().all(|b| *b == 0)) { 128 } else { 0 };
    let data = InMemDicomObject::read_dataset_with_ts(bytes.get(start..).unwrap_or_default(), syntax);
    let data = data.map_err(|e| e.to_string())?;
    data.with_meta(FileMetaTableBuilder::new().transfer_syntax(&look.transfer_syntax)).map_err(|e| e.to_string())
}

/// Whether the pixels may show the patient's name.
fn burned_in(file: &InMemDicomObject) -> Option<String> {
    let text = |tag| file.get(tag).and_then(|e| e.to_str().ok()).map(|t| t.trim().to_uppercase()).unwrap_or_default();
    let says = text(tags::BURNED_IN_ANNOTATION);
    let modality = text(tags::MODALITY);
    let often = OFTEN_BURNED_IN.contains(&modality.as_str())
        || text(tags::SOP_CLASS_UID).starts_with(uids::SECONDARY_CAPTURE_IMAGE_STORAGE);
    match says.as_str() {
        "YES" => Some("its header says that text is burned into the pixels, which stays: look at them".into()),
        "NO" => None,
        _ if often => Some("text may be burned into its pixels, which stays: look at them".into()),
        _ => None,
    }
}

fn same_pixels(a: &InMemDicomObject, b: &InMemDicomObject) -> bool {
    let tags = [tags::PIXEL_DATA, tags::FLOAT_PIXEL_DATA, tags::DOUBLE_FLOAT_PIXEL_DATA];
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
