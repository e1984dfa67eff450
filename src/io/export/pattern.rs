//! The file name pattern of an export, with placeholders.

use super::file_names::{sanitize_name, unique_name};
use crate::{Error, Result};
use labrum_core::study::{Kind, Series};
use std::collections::HashSet;
use std::{fmt, path::PathBuf, str::FromStr};

/// The placeholders and their meanings.
pub const PLACEHOLDERS: [(&str, &str); 7] = [
    (
        "{study}",
        "Study Description; for image files, their subfolders below the common folder; otherwise \
         the Study Instance UID",
    ),
    ("{study-uid}", "Study Instance UID"),
    (
        "{series}",
        "Series Description, or the name of an image file; otherwise the Series Instance UID",
    ),
    ("{series-uid}", "Series Instance UID"),
    ("{modality}", "Modality"),
    ("{date}", "Study Date as YYYY-MM-DD"),
    ("{label}", "Names of the labels in the masks"),
];

/// A pattern such as `{study}/{series}_{label}` for the folders and the beginning of the file names of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Default for Pattern {
    fn default() -> Self {
        Self("{study}/{series}".into())
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Pattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let plain = PLACEHOLDERS
            .iter()
            .fold(text.to_owned(), |text, (name, _)| text.replace(name, "x"));
        if let Some(at) = plain.find(['{', '}']) {
            let reason = format!("unknown placeholder: {}", &plain[at..]);
            return Err(pattern_error(text, &reason));
        }
        if plain.starts_with('/') || plain.contains('\\') || plain.split('/').any(is_no_name) {
            return Err(pattern_error(
                text,
                "the names must stay inside the export folder",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

/// The error for a pattern that is not valid; it lists the placeholders.
fn pattern_error(text: &str, reason: &str) -> Error {
    let known: Vec<&str> = PLACEHOLDERS.iter().map(|(name, _)| *name).collect();
    Error::new(format!("use the file name pattern \"{text}\""), reason)
        .with_advice(format!("Available placeholders: {}.", known.join(" ")))
}

/// True for a part of a path that is empty, "." or "..".
fn is_no_name(part: &str) -> bool {
    part.trim().is_empty() || part == "." || part == ".."
}

/// The values of the placeholders.
pub(super) struct PatternValues<'a> {
    pub(super) study: &'a str,
    /// Subfolders of an image file below the common folder.
    pub(super) tree: Vec<String>,
    pub(super) study_uid: &'a str,
    pub(super) date: &'a str,
    pub(super) series: &'a Series,
    /// Names of the labels in the masks.
    pub(super) labels: Vec<&'a str>,
}

impl Pattern {
    /// The subfolder of the export folder and the beginning of the file names, unique for each case. `taken` holds those of
    /// previous cases.
    pub(super) fn output_location(
        &self,
        values: &PatternValues<'_>,
        taken: &mut HashSet<String>,
    ) -> (PathBuf, String) {
        let uid = values.series.id.split('#').next().unwrap_or_default();
        let description = match values.series.kind {
            // Without the extension.
            Kind::Picture => values
                .series
                .description
                .rsplit_once('.')
                .map_or("", |(name, _)| name)
                .to_owned(),
            Kind::Dicom => values.series.description.clone(),
        };
        let series_uid = match values.series.kind {
            Kind::Picture => text_or(&description, "picture"),
            Kind::Dicom => uid.to_owned(),
        };
        let label = if values.labels.is_empty() {
            "nothing".to_owned()
        } else {
            values.labels.join("+")
        };
        let filled = [
            ("{study}", text_or(values.study, values.study_uid)),
            ("{study-uid}", values.study_uid.to_owned()),
            ("{series}", text_or(&description, &series_uid)),
            ("{series-uid}", series_uid.clone()),
            ("{modality}", text_or(&values.series.modality, "picture")),
            ("{date}", text_or(values.date, "undated")),
            ("{label}", label),
        ];
        let parts = self
            .0
            .split('/')
            .flat_map(|part| match (part, values.tree.as_slice()) {
                ("{study}", [_, ..]) if values.series.kind == Kind::Picture => {
                    values.tree.iter().map(|f| sanitize_name(f)).collect()
                }
                _ => vec![filled_part(part, &filled)],
            });
        let path: Vec<String> = parts.collect();
        let whole = unique_name(&path.join("/"), taken);
        match whole.rsplit_once('/') {
            Some((folder, name)) => (folder.into(), name.to_owned()),
            None => (PathBuf::new(), whole),
        }
    }
}

/// The text, or `other` if it is blank.
fn text_or(text: &str, other: &str) -> String {
    if text.trim().is_empty() {
        other.to_owned()
    } else {
        text.to_owned()
    }
}

/// Fills in the placeholders of a file or folder name; slashes in the values do not create folders.
fn filled_part(part: &str, values: &[(&str, String)]) -> String {
    let name = values
        .iter()
        .fold(part.to_owned(), |text, (placeholder, value)| {
            text.replace(placeholder, value)
        });
    sanitize_name(&name)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::series::tests::clip;
    use super::*;

    fn place(pattern: &str, description: &str, taken: &mut HashSet<String>) -> String {
        let series = Series {
            description: description.into(),
            ..clip(1)
        };
        let labels = vec!["Head", "Left hip"];
        let values = PatternValues {
            study: "",
            tree: Vec::new(),
            study_uid: "1.2",
            date: "2024-01-31",
            series: &series,
            labels,
        };
        let (folder, name) = pattern
            .parse::<Pattern>()
            .unwrap()
            .output_location(&values, taken);
        folder.join(name).display().to_string()
    }

    #[test]
    fn placeholders_are_filled_in_and_their_values_create_no_folders() {
        let none = &mut HashSet::new();
        assert_eq!(
            place("{study}/{series}_{label}", "T1 axial", none),
            "1.2/T1 axial_Head+Left hip"
        );
        assert_eq!(
            place("{date}-{modality}/{series-uid}", "x", none),
            "2024-01-31-US/1.2.3"
        );
        assert_eq!(
            place("{series}", "../../etc/passwd", none),
            "_.._etc_passwd"
        );
        assert_eq!(place("{series}", "  ", none), "1.2.3");
    }

    #[test]
    fn two_cases_never_share_a_name() {
        let taken = &mut HashSet::new();
        assert_eq!(place("a/{series}", "Scan", taken), "a/Scan");
        assert_eq!(place("a/{series}", "scan", taken), "a/scan-2");
    }

    #[test]
    fn invalid_patterns_and_those_outside_the_folder_are_refused() {
        for pattern in [
            "",
            "/tmp/{series}",
            "../{series}",
            "a//b",
            "{patient}",
            "{series",
            "a\\b",
            "a/",
            "{study}/..",
        ] {
            assert!(pattern.parse::<Pattern>().is_err(), "{pattern}");
        }
        let message = "{patient}/x".parse::<Pattern>().unwrap_err().to_string();
        assert!(
            message.contains("{patient}") && message.contains("{series}"),
            "{message}"
        );
    }
}
