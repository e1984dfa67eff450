//! Reads whole objects and writes them again, with other values or in another transfer syntax. Like all untrusted
//! files, they are read in a child process.

use super::file::{DicomFile, Unreadable};
use dicom_encoding::TransferSyntaxIndex;
use dicom_object::{
    FileDicomObject, InMemDicomObject, OpenFileOptions, meta::FileMetaTableBuilder,
};
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;
use labrum_core::{
    Error, Result,
    containment::{self, Answer, MEMORY, RawBytes},
    study::os_path,
};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    io::{self, ErrorKind, Read},
    path::{Path, PathBuf},
    result,
    time::Duration,
};

const TRIED: &str = "prepare {path} for sending";

/// The new content of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// The whole file, or the dataset alone.
    pub bytes: Vec<u8>,
    /// Its UID, and warnings for the user.
    pub about: Deidentified,
}

/// Summary of a de-identified file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deidentified {
    /// Its SOP Instance UID; empty if the source has none.
    pub sop_instance_uid: String,
    /// Warnings for the user.
    pub warnings: Vec<String>,
}

impl Answer for Rewritten {
    /// Number of bytes, and the summary.
    type Head = (u64, Deidentified);

    fn into_parts(self) -> (Self::Head, Vec<Box<dyn RawBytes>>) {
        (
            (self.bytes.len() as u64, self.about),
            vec![Box::new(self.bytes)],
        )
    }

    fn from_parts((length, about): Self::Head, rest: &mut dyn Read) -> io::Result<Self> {
        Ok(Self {
            bytes: containment::receive_bytes(rest, length)?,
            about,
        })
    }
}

/// The dataset of a file, converted to another uncompressed transfer syntax, without file meta information.
///
/// # Errors
/// If the file cannot be read completely, or the transfer syntax is unknown.
pub fn encoded_as(path: &Path, syntax: &str) -> Result<Vec<u8>> {
    let request = Encode {
        path: path.to_owned(),
        syntax: syntax.to_owned(),
    };
    containment::read_in_child(request).map(|rewritten| rewritten.bytes)
}

/// Request to convert a dataset to another transfer syntax.
#[derive(Serialize, Deserialize)]
pub struct Encode {
    #[serde(with = "os_path")]
    path: PathBuf,
    syntax: String,
}

impl containment::Request for Encode {
    const NAME: &'static str = "encode";
    const TRIED: &'static str = TRIED;
    type Answer = Rewritten;

    fn path(&self) -> &Path {
        &self.path
    }

    fn time_limit(&self) -> Duration {
        containment::whole_file(&self.path)
    }

    fn read_in_process(self) -> Result<Rewritten> {
        encode_in_process(&self.path, &self.syntax)
    }
}

/// Reads a whole file, after the tolerant reader has checked its lengths. The error is the reason.
pub(super) fn open_object(
    path: &Path,
) -> result::Result<FileDicomObject<InMemDicomObject>, String> {
    let look = DicomFile::open(path).map_err(|why| match why {
        Unreadable::NotDicom => "not a DICOM file".to_owned(),
        Unreadable::Failed(reason) => reason,
    })?;
    if let Some(reason) = look.broken {
        return Err(reason);
    }
    if let Ok(file) = OpenFileOptions::new().open_file(path) {
        return Ok(file);
    }
    // The file meta information is missing or lacks elements that dicom-object requires.
    let syntax = TransferSyntaxRegistry
        .get(&look.transfer_syntax)
        .ok_or("the transfer syntax is unknown")?;
    let bytes = fs::read(path).map_err(|error| match error.kind() {
        ErrorKind::OutOfMemory => {
            format!(
                "reading the file takes more than {} GiB of memory",
                MEMORY >> 30
            )
        }
        _ => labrum_core::reason_of(&error),
    })?;
    let dataset = usize::try_from(look.data_start)
        .ok()
        .and_then(|start| bytes.get(start..))
        .unwrap_or_default();
    let data = InMemDicomObject::read_dataset_with_ts(dataset, syntax);
    let data = data.map_err(|e| e.to_string())?;
    data.with_meta(FileMetaTableBuilder::new().transfer_syntax(&look.transfer_syntax))
        .map_err(|e| e.to_string())
}

/// Like [`encoded_as`], in this process.
fn encode_in_process(path: &Path, syntax: &str) -> Result<Rewritten> {
    let object = open_object(path).map_err(|reason| Error::at_path(TRIED, path, reason))?;
    let target = TransferSyntaxRegistry
        .get(syntax)
        .ok_or_else(|| Error::at_path(TRIED, path, "the requested transfer syntax is unknown"))?;
    let mut bytes = Vec::new();
    object
        .write_dataset_with_ts(&mut bytes, target)
        .map_err(|error| Error::at_path(TRIED, path, error))?;
    Ok(Rewritten {
        bytes,
        about: Deidentified {
            sop_instance_uid: String::new(),
            warnings: Vec::new(),
        },
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::fixture::{EXPLICIT, Fixture, IMPLICIT};

    #[test]
    fn the_same_values_are_written_in_another_encoding() {
        let folder = tempfile::tempdir().unwrap();
        let file = Fixture::new(2, 1).with_pixels(&[3, 4]);
        let path = file.write_to_folder(folder.path(), "a.dcm");
        assert_eq!(
            encoded_as(&path, EXPLICIT).unwrap(),
            file.without_meta().to_bytes()
        );
        let implicit = encoded_as(&path, IMPLICIT).unwrap();
        assert!(implicit.ends_with(&[3, 0, 4, 0]) && !implicit.windows(2).any(|w| w == b"OW"));
    }

    #[test]
    fn a_length_beyond_the_end_of_the_file_is_named_in_the_error() {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = Fixture::new(2, 1)
            .with_bytes(
                dicom_dictionary_std::tags::ICC_PROFILE,
                dicom_core::VR::OB,
                vec![0; 4],
            )
            .to_bytes();
        let at = bytes
            .windows(8)
            .position(|w| w == [0x28, 0, 0, 0x20, b'O', b'B', 0, 0])
            .unwrap()
            + 8;
        bytes[at..at + 4].copy_from_slice(&0xF000_0000u32.to_le_bytes());
        let path = folder.path().join("lies.dcm");
        std::fs::write(&path, bytes).unwrap();
        let error = encoded_as(&path, IMPLICIT).unwrap_err();
        assert!(
            error.reason.contains("length of 4026531840 bytes"),
            "{error}"
        );
    }
}
