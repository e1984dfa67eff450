//! `labels.json` beside label maps: what their values mean, since pictures cannot say it.

use crate::{
    Error, Result,
    domain::label::{Code, Label, PALETTE},
    io::whole_file,
};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Name of the file; of a second series with other labels in one folder it stands behind the name of the series.
const NAME: &str = "labels.json";
/// No such file is larger.
const MOST_BYTES: u64 = 1 << 20;

#[derive(Serialize, Deserialize)]
struct File {
    labels: Vec<Entry>,
}

/// One label, by its value in the label map.
#[derive(Serialize, Deserialize)]
struct Entry {
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
    const TRIED: &str = "write the names of the labels";
    let entries = (1..=255u8).zip(labels).map(|(value, label)| Entry {
        value,
        name: label.name.clone(),
        color: Some(label.color),
        category: Some(label.category.clone()),
        concept: Some(label.concept.clone()),
        modifiers: label.modifiers.clone(),
    });
    let file = File { labels: entries.collect() };
    let [first, second] = [folder.join(NAME), folder.join(format!("{series}.{NAME}"))];
    let json = serde_json::to_vec_pretty(&file).map_err(|e| Error::at(TRIED, &first, e))?;
    let holds = |path: &Path| std::fs::read(path).is_ok_and(|bytes| bytes == json);
    let path = if !first.exists() || holds(&first) { first } else { second };
    if holds(&path) {
        return Ok(None);
    }
    if path.exists() && read_labels(&path).is_err() {
        return Err(
            Error::at(TRIED, &path, "a file of that name holds something else").advise("Choose another folder.")
        );
    }
    whole_file::write(&path, TRIED, |w| w.write_all(&json))?;
    Ok(Some(path))
}

/// The file about label maps of `series` in `folder`, where there is one.
pub fn labels_beside(folder: &Path, series: &str) -> Option<PathBuf> {
    [format!("{series}.{NAME}"), NAME.to_owned()].into_iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

/// Reads a file that [`write_labels`] wrote, or one like it: only value and name are needed.
///
/// # Errors
/// Where it cannot be read or is no list of labels.
pub fn read_labels(path: &Path) -> Result<Vec<Label>> {
    let failed = |reason: String| Error::at("read the names of the labels", path, reason);
    let size = std::fs::metadata(path).map_err(|e| failed(e.to_string()))?.len();
    if size > MOST_BYTES {
        return Err(failed("it is too large for a list of labels".into()));
    }
    let bytes = std::fs::read(path).map_err(|e| failed(e.to_string()))?;
    let file: File = serde_json::from_slice(&bytes).map_err(|e| failed(format!("it is no list of labels ({e})")))?;
    let count = file.labels.iter().map(|entry| usize::from(entry.value)).max().unwrap_or(0);
    let mut labels: Vec<Label> = (0..count).map(|i| Label::named(format!("Label {}", i + 1), i)).collect();
    for entry in file.labels {
        let Some(index) = usize::from(entry.value).checked_sub(1) else { continue };
        let plain = Label::named(entry.name, index);
        labels[index] = Label {
            color: entry.color.unwrap_or(PALETTE[index % PALETTE.len()]),
            category: entry.category.unwrap_or_else(|| plain.category.clone()),
            concept: entry.concept.unwrap_or_else(|| plain.concept.clone()),
            modifiers: entry.modifiers,
            ..plain
        };
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn labels() -> Vec<Label> {
        let mut liver = Label::named("Liver", 0);
        liver.concept = Code::new("10200004", "SCT", "Liver");
        liver.modifiers = vec![Code::new("7771000", "SCT", "Left")];
        vec![liver, Label { color: [1, 2, 3], ..Label::named("Größe \"x\"", 1) }]
    }

    #[test]
    fn labels_come_back_with_their_codes() {
        let folder = tempfile::tempdir().unwrap();
        let path = write_labels(folder.path(), "a", &labels()).unwrap().unwrap();
        assert_eq!(path, folder.path().join("labels.json"));
        assert_eq!(read_labels(&path).unwrap(), labels());
        assert_eq!(write_labels(folder.path(), "b", &labels()).unwrap(), None, "one file for all series of one kind");
        assert_eq!(labels_beside(folder.path(), "b").unwrap(), path);
    }

    #[test]
    fn other_labels_get_a_file_of_their_own_and_foreign_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("labels.json"), "[1]").unwrap();
        let path = write_labels(folder.path(), "a", &labels()).unwrap().unwrap();
        assert_eq!(path, folder.path().join("a.labels.json"));
        assert_eq!(labels_beside(folder.path(), "a").unwrap(), path);
        assert_eq!(std::fs::read(folder.path().join("labels.json")).unwrap(), b"[1]");
        std::fs::write(&path, "{}").unwrap();
        assert!(write_labels(folder.path(), "a", &labels()).is_err());
    }

    #[test]
    fn a_short_list_will_do_and_another_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.json");
        std::fs::write(&path, r#"{"labels": [{"value": 2, "name": "Cyst"}]}"#).unwrap();
        let names: Vec<String> = read_labels(&path).unwrap().into_iter().map(|l| l.name).collect();
        assert_eq!(names, ["Label 1", "Cyst"]);
        std::fs::write(&path, r#"{"labels": [{"value": 256, "name": "Cyst"}]}"#).unwrap();
        assert!(read_labels(&path).unwrap_err().to_string().contains("no list of labels"));
    }
}
