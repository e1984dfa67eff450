//! The label list `labels.json` next to label maps, which defines their values.

use crate::{Error, Result};
use labrum_core::{
    label::{Code, Label},
    whole_file,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Name of the file. If another series in the same folder has other labels, its list is named `SERIES.labels.json`.
const NAME: &str = "labels.json";
/// Maximum size of a file in bytes.
const MOST_BYTES: u64 = 1 << 20;

#[derive(Serialize, Deserialize)]
struct File {
    labels: Vec<LabelEntryJson>,
}

/// One label, by its value in the label map.
#[derive(Serialize, Deserialize)]
struct LabelEntryJson {
    value: u8,
    name: String,
    #[serde(default)]
    color: Option<[u8; 3]>,
    #[serde(default)]
    category: Option<Code>,
    #[serde(default)]
    concept: Option<Code>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    modifiers: Vec<Code>,
}

/// Writes the label list for label maps in `folder` and returns its path; `None` if the same list already exists.
///
/// # Errors
/// If the file cannot be written, or other files have its possible names.
pub fn write_labels(folder: &Path, series: &str, labels: &[Label]) -> Result<Option<PathBuf>> {
    write_labels_but(folder, series, labels, &[])
}

/// As [`write_labels`], but without the values in `gaps`.
pub(super) fn write_labels_but(
    folder: &Path,
    series: &str,
    labels: &[Label],
    gaps: &[u8],
) -> Result<Option<PathBuf>> {
    const TRIED: &str = "write the label list";
    let labels = (1..=255u8)
        .zip(labels)
        .filter(|(value, label)| !gaps.contains(value) && !label.is_gone());
    let entries = labels.map(|(value, label)| LabelEntryJson {
        value,
        name: label.name.clone(),
        color: Some(label.color),
        category: Some(label.category.clone()),
        concept: Some(label.concept.clone()),
        modifiers: label.modifiers.clone(),
    });
    let file = File {
        labels: entries.collect(),
    };
    let first = folder.join(NAME);
    let second = folder.join(format!("{series}.{NAME}"));
    let json = serde_json::to_vec_pretty(&file).map_err(|e| Error::at_path(TRIED, &first, e))?;
    let path = if !first.exists() || holds_bytes(&first, &json) {
        first
    } else {
        second
    };
    if holds_bytes(&path, &json) {
        return Ok(None);
    }
    if path.exists() && read_labels(&path).is_err() {
        return Err(
            Error::at_path(TRIED, &path, "a different file with this name exists")
                .with_advice("Choose another folder."),
        );
    }
    whole_file::write_atomically(&path, TRIED, |w| w.write_all(&json))?;
    Ok(Some(path))
}

/// True if a file contains exactly these bytes.
fn holds_bytes(path: &Path, bytes: &[u8]) -> bool {
    fs::read(path).is_ok_and(|found| found == bytes)
}

/// The label list for label maps of `series` in `folder`, if there is one.
pub fn labels_beside(folder: &Path, series: &str) -> Option<PathBuf> {
    [format!("{series}.{NAME}"), NAME.to_owned()]
        .into_iter()
        .map(|name| folder.join(name))
        .find(|path| path.is_file())
}

/// Reads a label list in the format of [`write_labels`]; only value and name are required. Undefined values in between become
/// labels named by number.
///
/// # Errors
/// If the file cannot be read or is not a label list.
pub fn read_labels(path: &Path) -> Result<Vec<Label>> {
    LabelList::read_file(path).map(|list| list.dense_labels())
}

/// Labels by their values in label maps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelList(BTreeMap<u8, Label>);

impl LabelList {
    /// Reads a label list.
    ///
    /// # Errors
    /// As [`read_labels`].
    pub fn read_file(path: &Path) -> Result<Self> {
        let size = fs::metadata(path).map_err(|e| list_error(path, e))?.len();
        if size > MOST_BYTES {
            return Err(list_error(path, "the file is too large for a label list"));
        }
        let bytes = fs::read(path).map_err(|e| list_error(path, labrum_core::reason_of(&e)))?;
        let file: File = serde_json::from_slice(&bytes)
            .map_err(|e| list_error(path, format!("not a label list ({e})")))?;
        Ok(Self::from_labels(
            file.labels
                .into_iter()
                .map(|entry| (entry.value, entry.into_label())),
        ))
    }

    /// A list of labels with their values; value 0 is ignored.
    pub fn from_labels(labels: impl IntoIterator<Item = (u8, Label)>) -> Self {
        Self(labels.into_iter().filter(|(value, _)| *value > 0).collect())
    }

    /// The values in the list.
    pub fn named_values(&self) -> BTreeSet<u8> {
        self.0.keys().copied().collect()
    }

    /// The label of a value, if it is in the list.
    pub fn label_for(&self, value: u8) -> Option<&Label> {
        self.0.get(&value)
    }

    /// The labels of the values 1..=n; missing ones are named by number.
    pub fn dense_labels(&self) -> Vec<Label> {
        let highest = self.0.keys().next_back().copied().unwrap_or(0);
        (1..=highest)
            .map(|value| {
                self.label_for(value)
                    .cloned()
                    .unwrap_or_else(|| Label::by_number(value))
            })
            .collect()
    }
}

/// The error for a label list that cannot be read.
fn list_error(path: &Path, reason: impl ToString) -> Error {
    Error::at_path("read the label list", path, reason)
}

impl LabelEntryJson {
    fn into_label(self) -> Label {
        let plain = Label::by_number(self.value);
        Label {
            name: if self.name.trim().is_empty() {
                plain.name.clone()
            } else {
                self.name
            },
            color: self.color.unwrap_or(plain.color),
            category: self.category.unwrap_or_else(|| plain.category.clone()),
            concept: self.concept.unwrap_or_else(|| plain.concept.clone()),
            modifiers: self.modifiers,
            ..plain
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn labels() -> Vec<Label> {
        let mut liver = Label::with_name("Liver", 0);
        liver.concept = Code::new("10200004", "SCT", "Liver");
        liver.modifiers = vec![Code::new("7771000", "SCT", "Left")];
        vec![
            liver,
            Label {
                color: [1, 2, 3],
                ..Label::with_name("Größe \"x\"", 1)
            },
        ]
    }

    #[test]
    fn labels_are_read_back_with_their_codes() {
        let folder = tempfile::tempdir().unwrap();
        let path = write_labels(folder.path(), "a", &labels())
            .unwrap()
            .unwrap();
        assert_eq!(path, folder.path().join("labels.json"));
        assert_eq!(read_labels(&path).unwrap(), labels());
        assert_eq!(
            write_labels(folder.path(), "b", &labels()).unwrap(),
            None,
            "one file for all series with these labels"
        );
        assert_eq!(labels_beside(folder.path(), "b").unwrap(), path);
    }

    #[test]
    fn different_labels_get_their_own_file_and_foreign_files_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("labels.json"), "[1]").unwrap();
        let path = write_labels(folder.path(), "a", &labels())
            .unwrap()
            .unwrap();
        assert_eq!(path, folder.path().join("a.labels.json"));
        assert_eq!(labels_beside(folder.path(), "a").unwrap(), path);
        assert_eq!(
            std::fs::read(folder.path().join("labels.json")).unwrap(),
            b"[1]"
        );
        std::fs::write(&path, "{}").unwrap();
        assert!(write_labels(folder.path(), "a", &labels()).is_err());
    }

    #[test]
    fn a_partial_label_list_is_accepted_and_an_invalid_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.json");
        std::fs::write(&path, r#"{"labels": [{"value": 2, "name": "Cyst"}]}"#).unwrap();
        let names: Vec<String> = read_labels(&path)
            .unwrap()
            .into_iter()
            .map(|l| l.name)
            .collect();
        assert_eq!(names, ["Label 1", "Cyst"]);
        std::fs::write(&path, r#"{"labels": [{"value": 256, "name": "Cyst"}]}"#).unwrap();
        assert!(
            read_labels(&path)
                .unwrap_err()
                .to_string()
                .contains("not a label list")
        );
    }
}
