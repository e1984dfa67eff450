//! A DICOM file to be sent, with its UIDs.

use crate::{Error, ErrorKind, Result};
use labrum_core::pacs::is_uid;
use labrum_dicom::read_identity;
use std::path::{Path, PathBuf};

/// A DICOM file with the UIDs that identify it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Path of the file.
    pub path: PathBuf,
    /// SOP Class UID.
    pub sop_class: String,
    /// SOP Instance UID.
    pub sop_uid: String,
    /// Study Instance UID.
    pub study_uid: String,
    /// Series Instance UID.
    pub series_uid: String,
    /// Transfer Syntax UID.
    pub transfer_syntax: String,
}

impl Object {
    /// Reads the UIDs of a file.
    ///
    /// # Errors
    /// If it is not a DICOM file, is damaged, or lacks a UID of the object, its class, its series or its study.
    pub fn from_file(path: &Path) -> Result<Self> {
        let tried = "read the DICOM file";
        let found = read_identity(path).map_err(|reason| Error::at_path(tried, path, reason))?;
        let object = Self {
            path: path.to_owned(),
            sop_class: found.sop_class,
            sop_uid: found.sop_uid,
            study_uid: found.study_uid,
            series_uid: found.series_uid,
            transfer_syntax: found.transfer_syntax,
        };
        let uids = [
            (&object.sop_class, "SOP Class UID"),
            (&object.sop_uid, "SOP Instance UID"),
            (&object.study_uid, "Study Instance UID"),
            (&object.series_uid, "Series Instance UID"),
        ];
        let wrong = uids
            .into_iter()
            .find(|(uid, _)| !is_uid(uid))
            .map(|(_, name)| name);
        match wrong {
            Some(name) => Err(Error::at_path(
                tried,
                path,
                format!("the {name} is missing or not valid"),
            )),
            None => Ok(object),
        }
    }

    /// The error if the file cannot be read while it is sent.
    pub(super) fn read_error(&self, reason: impl ToString) -> Error {
        Error::at_path("read the file to send", &self.path, reason)
    }
}

/// Verifies that a file is the object with this SOP Instance UID.
///
/// # Errors
/// If it is a different object or not a DICOM file.
pub(super) fn check_identity(path: &Path, sop_uid: &str) -> Result<()> {
    let tried = "verify the received object";
    let found = read_identity(path)
        .map_err(|reason| Error::new(tried, reason).of_kind(ErrorKind::Mismatch))?;
    if found.sop_uid != sop_uid {
        let what = if found.sop_uid.is_empty() {
            "one without a UID"
        } else {
            &found.sop_uid
        };
        let reason = format!("requested object {sop_uid}, received {what}");
        return Err(Error::new(tried, reason).of_kind(ErrorKind::Mismatch));
    }
    Ok(())
}
