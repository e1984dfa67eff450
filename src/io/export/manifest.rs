//! The manifest of an export, as JSON and CSV. It lists each file with its SHA-256, so that changes can be detected later.

use crate::{Error, Result};
use labrum_core::{hex::hex_text, whole_file};
use labrum_dicom::seg::Authorship;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    result,
};

/// Name of the file with all COCO annotations in the export folder.
pub(super) const COCO: &str = "coco.json";
/// Names of the two manifest files in the export folder.
pub(super) const NAMES: [&str; 2] = ["manifest.json", "manifest.csv"];

/// The columns of the CSV file.
const COLUMNS: [&str; 8] = [
    "case", "series", "modality", "slices", "labels", "file", "bytes", "sha256",
];

/// The manifest of an export.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Manifest {
    /// Program and version.
    pub program: String,
    /// Time of the export, ISO 8601.
    pub made_at: String,
    /// True if the files were de-identified.
    pub deidentified: bool,
    /// True if everything requested was written.
    pub complete: bool,
    /// True if a person cancelled the export.
    pub stopped: bool,
    /// Cases that were written.
    pub cases: Vec<ManifestCase>,
    /// Cases that could not be written.
    pub failed: Vec<FailedCase>,
    /// Files of earlier unfinished exports in the folder that belong to none of the cases.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<FileEntry>,
}

/// A case that was written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ManifestCase {
    /// Name of the case; empty if the files were de-identified.
    pub case: String,
    /// Series Instance UID; for image files the path.
    pub series: String,
    /// Modality; empty for image files.
    pub modality: String,
    /// Number of slices with masks.
    pub slices: usize,
    /// The labels and who made them.
    pub labels: Vec<LabelEntry>,
    /// Labels that a person marked as absent in the case.
    pub nothing_of: Vec<String>,
    /// The files.
    pub files: Vec<FileEntry>,
    /// Warnings for the user.
    pub warnings: Vec<String>,
    /// Requested formats that cannot store these masks.
    pub not_written: Vec<NotWritten>,
    /// SHA-256 of masks, names and options: if it is the same, so are the files.
    pub made_from: String,
}

/// A format in which a case was not written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NotWritten {
    /// Name of the format on the command line.
    pub format: String,
    /// Why it was not written.
    pub reason: String,
}

/// A label of a case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabelEntry {
    /// Value in the masks.
    pub value: u8,
    /// Name of the label.
    pub name: String,
    /// AUTOMATIC, SEMIAUTOMATIC or MANUAL.
    pub algorithm_type: String,
    /// Name and version of the model; empty if a person drew the label.
    pub model: String,
    /// SHA-256 of the model weights; empty if unknown.
    pub weights_sha256: String,
}

impl LabelEntry {
    pub(super) fn new(value: u8, name: &str, author: &Authorship) -> Self {
        let by_model = author.algorithm_type.defined_term() != "MANUAL";
        let model = format!("{} {}", author.model, author.model_version)
            .trim()
            .to_owned();
        Self {
            value,
            name: name.to_owned(),
            algorithm_type: author.algorithm_type.defined_term().to_owned(),
            model: if by_model { model } else { String::new() },
            weights_sha256: if by_model {
                author.weights.clone()
            } else {
                String::new()
            },
        }
    }
}

/// A written file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Path relative to the export folder, with `/`.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of the content, hexadecimal.
    pub sha256: String,
}

impl FileEntry {
    /// The entry of an existing file.
    pub(super) fn for_file(folder: &Path, path: &Path) -> Result<Self> {
        let (sha256, bytes) =
            sha256_and_length(path).map_err(|e| Error::at_path("verify", path, e))?;
        Ok(Self {
            path: Self::relative_path(folder, path),
            bytes,
            sha256,
        })
    }

    /// A path relative to the export folder, with `/`.
    pub(super) fn relative_path(folder: &Path, path: &Path) -> String {
        let below = path.strip_prefix(folder).unwrap_or(path);
        let parts: Vec<_> = below
            .components()
            .map(|c| c.as_os_str().to_string_lossy())
            .collect();
        parts.join("/")
    }
}

/// The SHA-256 of a file in hexadecimal, and its size in bytes.
pub(super) fn sha256_and_length(path: &Path) -> io::Result<(String, u64)> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut bytes = 0;
    let mut piece = vec![0; 1 << 16];
    loop {
        match file.read(&mut piece)? {
            0 => break,
            length => {
                hash.update(piece.get(..length).unwrap_or_default());
                bytes += length as u64;
            }
        }
    }
    Ok((hex_text(&hash.finalize()), bytes))
}

/// A case that could not be written.
#[derive(Clone, Debug, Serialize)]
pub struct FailedCase {
    /// Name of the case; its number if the files are de-identified.
    pub case: String,
    /// Why it could not be written.
    pub reason: String,
}

impl Manifest {
    /// Paths of the two manifest files in `folder`.
    pub(super) fn file_paths(folder: &Path) -> [PathBuf; 2] {
        NAMES.map(|name| folder.join(name))
    }

    /// Writes both files and returns their paths.
    pub(super) fn write_files(&self, folder: &Path) -> Result<[PathBuf; 2]> {
        let [json, csv] = Self::file_paths(folder);
        let tried = "write the manifest";
        let bytes = serde_json::to_vec_pretty(self).map_err(|e| Error::at_path(tried, &json, e))?;
        whole_file::write_atomically(&json, tried, |file| file.write_all(&bytes))?;
        let table = self.to_csv().map_err(|e| Error::at_path(tried, &csv, e))?;
        whole_file::write_atomically(&csv, tried, |file| file.write_all(&table))?;
        Ok([json, csv])
    }

    fn to_csv(&self) -> result::Result<Vec<u8>, String> {
        let mut table = csv::Writer::from_writer(Vec::new());
        table.write_record(COLUMNS).map_err(|e| e.to_string())?;
        for case in &self.cases {
            let labels: Vec<String> = case
                .labels
                .iter()
                .map(|label| format!("{} {}", label.name, label.algorithm_type))
                .collect();
            let labels = labels.join("; ");
            let slices = case.slices.to_string();
            for file in &case.files {
                let bytes = file.bytes.to_string();
                let row = [
                    &case.case,
                    &case.series,
                    &case.modality,
                    &slices,
                    &labels,
                    &file.path,
                    &bytes,
                    &file.sha256,
                ];
                table.write_record(row).map_err(|e| e.to_string())?;
            }
        }
        table.into_inner().map_err(|e| e.to_string())
    }
}
