//! A DICOM file as it is sent: what it is called, and that it is whole.

use crate::{Error, ErrorKind, Result};
use labrum_core::pacs::is_uid;
use labrum_dicom::read_identity;
use std::path::{Path, PathBuf};

/// A DICOM file with the UIDs that name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// The file.
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
    /// Reads what a file is called.
    ///
    /// # Errors
    /// Where it is no DICOM file, is damaged, or does not name itself, its class, its series and its study.
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
                format!("it has no {name} that is one"),
            )),
            None => Ok(object),
        }
    }
}

/// Sees that a file is the object that was asked for.
///
/// # Errors
/// Where it is another one or none at all.
pub(super) fn check_identity(path: &Path, sop_uid: &str) -> Result<()> {
    let tried = "check what the server sent";
    let found = read_identity(path)
        .map_err(|reason| Error::new(tried, reason).of_kind(ErrorKind::Mismatch))?;
    if found.sop_uid != sop_uid {
        let what = if found.sop_uid.is_empty() {
            "no object with a name"
        } else {
            &found.sop_uid
        };
        let reason = format!("{sop_uid} was asked for and {what} came");
        return Err(Error::new(tried, reason).of_kind(ErrorKind::Mismatch));
    }
    Ok(())
}
