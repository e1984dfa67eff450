//! What an export wrote, as JSON and as a table: each file with its SHA-256, so that it can be told years later whether it
//! is still the same.

use crate::{Error, Result};
use labrum_core::whole_file;
use labrum_dicom::seg::Authorship;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    fmt::Write as _,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

/// Name of the file of all COCO annotations in the folder of the export.
pub(super) const COCO: &str = "coco.json";
/// Names of the two files in the folder of the export.
pub(super) const NAMES: [&str; 2] = ["manifest.json", "manifest.csv"];

/// All cases of an export.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Manifest {
    /// Program and version.
    pub program: String,
    /// When, as ISO 8601.
    pub made_at: String,
    /// Whether the files lost the patient.
    pub deidentified: bool,
    /// Whether all that was asked for is there.
    pub complete: bool,
    /// Whether a person stopped it before the end.
    pub stopped: bool,
    /// What was written.
    pub cases: Vec<ManifestCase>,
    /// What could not be.
    pub failed: Vec<FailedCase>,
    /// Files of earlier exports into the folder that did not come to an end, and that stand in no case.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<FileEntry>,
}

/// A case that was written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ManifestCase {
    /// What it is called; empty where the files lost the patient.
    pub case: String,
    /// Series Instance UID; the path of a picture.
    pub series: String,
    /// Modality; empty for pictures.
    pub modality: String,
    /// Slices with masks.
    pub slices: usize,
    /// Each label and who made it.
    pub labels: Vec<LabelEntry>,
    /// Labels of which a person said that the case holds nothing.
    pub nothing_of: Vec<String>,
    /// The files.
    pub files: Vec<FileEntry>,
    /// What a person should know.
    pub warnings: Vec<String>,
    /// What was asked for and cannot hold these masks.
    pub not_written: Vec<NotWritten>,
    /// SHA-256 of masks, names and options: where it is the same, so are the files.
    pub made_from: String,
}

/// A format that a case has no file in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NotWritten {
    /// What it is called at the command line.
    pub format: String,
    /// Why.
    pub reason: String,
}

/// A label of a case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabelEntry {
    /// Its value in masks.
    pub value: u8,
    /// Its name.
    pub name: String,
    /// AUTOMATIC, SEMIAUTOMATIC or MANUAL.
    pub algorithm_type: String,
    /// Name and version of the model; empty where a person drew it.
    pub model: String,
    /// SHA-256 of the model's weights; empty where unknown.
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

/// A file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Path below the folder of the export, with `/`.
    pub path: String,
    /// Bytes.
    pub bytes: u64,
    /// SHA-256 of its content, hex.
    pub sha256: String,
}

impl FileEntry {
    /// Of a file that is there.
    pub(super) fn for_file(folder: &Path, path: &Path) -> Result<Self> {
        let (sha256, bytes) =
            sha256_and_length(path).map_err(|e| Error::at_path("read back", path, e))?;
        Ok(Self {
            path: Self::relative_path(folder, path),
            bytes,
            sha256,
        })
    }

    /// A path as seen from the folder of the export, with `/`.
    pub(super) fn relative_path(folder: &Path, path: &Path) -> String {
        let below = path.strip_prefix(folder).unwrap_or(path);
        let parts: Vec<_> = below
            .components()
            .map(|c| c.as_os_str().to_string_lossy())
            .collect();
        parts.join("/")
    }
}

/// The SHA-256 of a file in hexadecimal, and how long it is.
pub(super) fn sha256_and_length(path: &Path) -> std::io::Result<(String, u64)> {
    let mut file = File::open(path)?;
    let (mut hash, mut bytes, mut piece) = (Sha256::new(), 0, vec![0; 1 << 16]);
    loop {
        match file.read(&mut piece)? {
            0 => break,
            length => {
                hash.update(piece.get(..length).unwrap_or_default());
                bytes += length as u64;
            }
        }
    }
    Ok((to_hex(&hash.finalize()), bytes))
}

pub(super) fn to_hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A case that could not be written.
#[derive(Clone, Debug, Serialize)]
pub struct FailedCase {
    /// What it is called; its number where the files lose the patient.
    pub case: String,
    /// Why.
    pub reason: String,
}

impl Manifest {
    /// The two files in `folder`.
    pub(super) fn file_paths(folder: &Path) -> [PathBuf; 2] {
        NAMES.map(|name| folder.join(name))
    }

    /// Writes both files and tells their paths.
    pub(super) fn write_files(&self, folder: &Path) -> Result<[PathBuf; 2]> {
        let [json, csv] = Self::file_paths(folder);
        let tried = "write the manifest";
        let bytes = serde_json::to_vec_pretty(self).map_err(|e| Error::at_path(tried, &json, e))?;
        whole_file::write_atomically(&json, tried, |file| file.write_all(&bytes))?;
        let table = self.to_csv().map_err(|e| Error::at_path(tried, &csv, e))?;
        whole_file::write_atomically(&csv, tried, |file| file.write_all(&table))?;
        Ok([json, csv])
    }

    fn to_csv(&self) -> std::result::Result<Vec<u8>, String> {
        let mut table = csv::Writer::from_writer(Vec::new());
        let mut row = |cells: [&str; 8]| table.write_record(cells).map_err(|e| e.to_string());
        row([
            "case", "series", "modality", "slices", "labels", "file", "bytes", "sha256",
        ])?;
        for case in &self.cases {
            let label = |l: &LabelEntry| format!("{} {}", l.name, l.algorithm_type);
            let labels = case.labels.iter().map(label).collect::<Vec<_>>().join("; ");
            let slices = case.slices.to_string();
            for file in &case.files {
                let bytes = file.bytes.to_string();
                row([
                    &case.case,
                    &case.series,
                    &case.modality,
                    &slices,
                    &labels,
                    &file.path,
                    &bytes,
                    &file.sha256,
                ])?;
            }
        }
        table.into_inner().map_err(|e| e.to_string())
    }
}
