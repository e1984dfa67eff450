//! UIDs of results that depend only on the model and the images, so that a server that receives a result twice keeps one.

use crate::{Error, Result};
use dicom_core::{DataElement, VR};
use dicom_dictionary_std::tags;
use labrum_core::whole_file;
use sha2::{Digest, Sha256};
use std::path::Path;

/// Series and SOP Instance UID of the segmentation of a series by a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultName {
    /// Series Instance UID.
    pub series_uid: String,
    /// SOP Instance UID.
    pub sop_uid: String,
}

impl ResultName {
    /// The UIDs for a segmented series (or a part of one), the SHA-256 of the model weights and the export format.
    pub fn new(series: &str, model_sha256: &str, form: &str) -> Self {
        let work = format!("{series}\n{model_sha256}\n{form}");
        Self {
            series_uid: uid_of(&format!("labrum series\n{work}")),
            sop_uid: uid_of(&format!("labrum object\n{work}")),
        }
    }
}

/// A UID under 2.25 (PS3.5 B.2) from a version 8 UUID (RFC 9562) made of the first bytes of a SHA-256.
fn uid_of(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let mut bytes = [0; 16];
    bytes
        .iter_mut()
        .zip(digest.iter())
        .for_each(|(to, from)| *to = *from);
    format!(
        "2.25.{}",
        uuid::Builder::from_custom_bytes(bytes)
            .into_uuid()
            .as_u128()
    )
}

/// Replaces the series and SOP Instance UIDs of a DICOM file that Labrum wrote.
///
/// # Errors
/// If the file cannot be read or written.
pub fn rename_object(path: &Path, name: &ResultName) -> Result<()> {
    let tried = "set the UIDs of the result";
    let mut object = dicom_object::open_file(path).map_err(|e| Error::at_path(tried, path, e))?;
    object.put(DataElement::new(
        tags::SERIES_INSTANCE_UID,
        VR::UI,
        name.series_uid.clone(),
    ));
    object.put(DataElement::new(
        tags::SOP_INSTANCE_UID,
        VR::UI,
        name.sop_uid.clone(),
    ));
    object
        .meta_mut()
        .media_storage_sop_instance_uid
        .clone_from(&name.sop_uid);
    object.meta_mut().update_information_group_length();
    let mut bytes = Vec::new();
    object
        .write_all(&mut bytes)
        .map_err(|e| Error::at_path(tried, path, e))?;
    drop(object);
    whole_file::write_checked(
        path,
        tried,
        |out| out.write_all(&bytes),
        |path| super::object::check_identity(path, &name.sop_uid),
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use labrum_core::pacs::is_uid;
    use labrum_dicom::fixture::Fixture;

    #[test]
    fn the_same_result_gets_the_same_uids() {
        let name = ResultName::new("1.2", "abc", "seg");
        assert_eq!(name, ResultName::new("1.2", "abc", "seg"));
        assert!(
            is_uid(&name.series_uid) && is_uid(&name.sop_uid) && name.series_uid != name.sop_uid
        );
        for other in [
            ("1.3", "abc", "seg"),
            ("1.2", "abd", "seg"),
            ("1.2", "abc", "seg-labelmap"),
        ] {
            assert_ne!(name, ResultName::new(other.0, other.1, other.2));
        }
    }

    #[test]
    fn only_the_series_and_instance_uid_of_an_object_change() {
        let folder = tempfile::tempdir().unwrap();
        let written = Fixture::new(2, 1)
            .with_pixels(&[1, 2])
            .write_to_folder(folder.path(), "plain.dcm");
        let path = folder.path().join("whole.dcm");
        let read = dicom_object::from_reader(std::fs::File::open(&written).unwrap());
        let Ok(read) = read else { return };
        read.write_to_file(&path).unwrap();
        let name = ResultName::new("1.2", "abc", "seg");
        rename_object(&path, &name).unwrap();
        let object = crate::io::pacs::Object::from_file(&path).unwrap();
        assert_eq!(
            (object.sop_uid, object.series_uid),
            (name.sop_uid, name.series_uid)
        );
        assert_eq!(object.study_uid, "1.2.3");
    }
}
