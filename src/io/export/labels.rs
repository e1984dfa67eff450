//! `labels.json` beside label maps: what their values mean, since pictures cannot say it.

use crate::{Error, Result};
use labrum_core::{
    label::{Code, Label},
    whole_file,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// Name of the file; of a second series with other labels in one folder it stands behind the name of the series.
const NAME: &str = "labels.json";
/// No such file is larger.
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

/// Writes what the values of label maps in `folder` mean, and tells the file; `None` where it is there already.
///
/// # Errors
/// Where the file cannot be written, or files of those names are something else.
pub fn write_labels(folder: &Path, series: &str, labels: &[Label]) -> Result<Option<PathBuf>> {
    write_labels_but(folder, series, labels, &[])
}

/// As [`write_labels`], without `gaps`: values that are no labels.
pub(super) fn write_labels_but(
    folder: &Path,
    series: &str,
    labels: &[Label],
    gaps: &[u8],
) -> Result<Option<PathBuf>> {
    const TRIED: &str = "write the names of the labels";
    let is_listed = |(value, label): &(u8, &Label)| !gaps.contains(value) && !label.is_gone();
    let labels = (1..=255u8).zip(labels).filter(is_listed);
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
    let [first, second] = [folder.join(NAME), folder.join(format!("{series}.{NAME}"))];
    let json = serde_json::to_vec_pretty(&file).map_err(|e| Error::at_path(TRIED, &first, e))?;
    let holds = |path: &Path| std::fs::read(path).is_ok_and(|bytes| bytes == json);
    let path = if !first.exists() || holds(&first) {
        first
    } else {
        second
    };
    if holds(&path) {
        return Ok(None);
    }
    if path.exists() && read_labels(&path).is_err() {
        return Err(
            Error::at_path(TRIED, &path, "a file of that name holds something else")
                .with_advice("Choose another folder."),
        );
    }
    whole_file::write_atomically(&path, TRIED, |w| w.write_all(&json))?;
    Ok(Some(path))
}

/// The file about label maps of `series` in `folder`, where there is one.
pub fn labels_beside(folder: &Path, series: &str) -> Option<PathBuf> {
    [format!("{series}.{NAME}"), NAME.to_owned()]
        .into_iter()
        .map(|name| folder.join(name))
        .find(|path| path.is_file())
}

/// Reads a file that [`write_labels`] wrote, or one like it: only value and name are needed. Values between that it does not
/// name are labels by number.
///
/// # Errors
/// Where it cannot be read or is no list of labels.
pub fn read_labels(path: &Path) -> Result<Vec<Label>> {
    LabelList::read_file(path).map(|list| list.dense_labels())
}

/// Labels by their values in label maps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelList(BTreeMap<u8, Label>);

impl LabelList {
    /// As [`read_labels`].
    ///
    /// # Errors
    /// As there.
    pub fn read_file(path: &Path) -> Result<Self> {
        let failed = |reason: String| Error::at_path("read the names of the labels", path, reason);
        let size = std::fs::metadata(path)
            .map_err(|e| failed(e.to_string()))?
            .len();
        if size > MOST_BYTES {
            return Err(failed("it is too large for a list of labels".into()));
        }
        let bytes = std::fs::read(path).map_err(|e| failed(labrum_core::reason_of(&e)))?;
        let file: File = serde_json::from_slice(&bytes)
            .map_err(|e| failed(format!("it is no list of labels ({e})")))?;
        Ok(Self::from_labels(
            file.labels
                .into_iter()
                .map(|entry| (entry.value, entry.into_label())),
        ))
    }

    /// Of these labels.
    pub fn from_labels(labels: impl IntoIterator<Item = (u8, Label)>) -> Self {
        Self(labels.into_iter().filter(|(value, _)| *value > 0).collect())
    }

    /// The values that it names.
    pub fn named_values(&self) -> BTreeSet<u8> {
        self.0.keys().copied().collect()
    }

    /// The label of a value, where it is named.
    pub fn label_for(&self, value: u8) -> Option<&Label> {
        self.0.get(&value)
    }

    /// The labels of the values 1..=n; those that are not named by number.
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
    fn labels_come_back_with_their_codes() {
        let folder = tempfile::tempdir().unwrap();
        let path = write_labels(folder.path(), "a", &labels())
            .unwrap()
            .unwrap();
        assert_eq!(path, folder.path().join("labels.json"));
        assert_eq!(read_labels(&path).unwrap(), labels());
        assert_eq!(
            write_labels(folder.path(), "b", &labels()).unwrap(),
            None,
            "one file for all series of one kind"
        );
        assert_eq!(labels_beside(folder.path(), "b").unwrap(), path);
    }

    #[test]
    fn other_labels_get_a_file_of_their_own_and_foreign_files_stay() {
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
    fn a_short_list_will_do_and_another_one_is_refused() {
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
                .contains("no list of labels")
        );
    }
}
