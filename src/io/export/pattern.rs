//! What the files of a case are called: a pattern with placeholders.

use super::file_names::{sanitize_name, unique_name};
use crate::{Error, Result};
use labrum_core::study::{Kind, Series};
use std::collections::HashSet;
use std::path::PathBuf;

/// What can stand in a pattern, and what it stands for.
pub const PLACEHOLDERS: [(&str, &str); 7] = [
    (
        "{study}",
        "Study Description, or the folders of pictures below the one that they have in common; the study's UID where it has none",
    ),
    ("{study-uid}", "Study Instance UID"),
    (
        "{series}",
        "Series Description, or the name of a picture; the series' UID where it has none",
    ),
    ("{series-uid}", "Series Instance UID"),
    ("{modality}", "modality"),
    ("{date}", "Study Date as YYYY-MM-DD"),
    ("{label}", "the labels that the masks hold"),
];

/// A pattern of names such as `{study}/{series}_{label}`: folders, and what the files of a case begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Default for Pattern {
    fn default() -> Self {
        Self("{study}/{series}".into())
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Pattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let failed = |reason: String| {
            let known: Vec<&str> = PLACEHOLDERS.iter().map(|(name, _)| *name).collect();
            Error::new(format!("name files \"{text}\""), reason)
                .with_advice(format!("It may hold {}.", known.join(" ")))
        };
        let plain = PLACEHOLDERS
            .iter()
            .fold(text.to_owned(), |text, (name, _)| text.replace(name, "x"));
        if let Some(at) = plain.find(['{', '}']) {
            return Err(failed(format!(
                "it holds a placeholder that is not known: {}",
                &plain[at..]
            )));
        }
        let bad = |part: &str| part.trim().is_empty() || part == "." || part == "..";
        if plain.starts_with('/') || plain.contains('\\') || plain.split('/').any(bad) {
            return Err(failed(
                "it must lead to a place below the folder of the export".into(),
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

/// What the placeholders stand for.
pub(super) struct PatternValues<'a> {
    pub(super) study: &'a str,
    /// Folders of a picture below the one that all have in common.
    pub(super) tree: Vec<String>,
    pub(super) study_uid: &'a str,
    pub(super) date: &'a str,
    pub(super) series: &'a Series,
    /// Names of the labels that the masks hold.
    pub(super) labels: Vec<&'a str>,
}

impl Pattern {
    /// The folder below that of the export, and the beginning of the names: of no two cases the same, whatever they
    /// are called. `taken` holds those of the cases before.
    pub(super) fn output_location(
        &self,
        values: &PatternValues<'_>,
        taken: &mut HashSet<String>,
    ) -> (PathBuf, String) {
        let uid = values.series.id.split('#').next().unwrap_or_default();
        let or = |text: &str, other: &str| {
            if text.trim().is_empty() {
                other.to_owned()
            } else {
                text.to_owned()
            }
        };
        let description = match values.series.kind {
            // Without its ending.
            Kind::Picture => values
                .series
                .description
                .rsplit_once('.')
                .map_or("", |(name, _)| name)
                .to_owned(),
            Kind::Dicom => values.series.description.clone(),
        };
        let series_uid = match values.series.kind {
            Kind::Picture => or(&description, "picture"),
            Kind::Dicom => uid.to_owned(),
        };
        let label = if values.labels.is_empty() {
            "nothing".to_owned()
        } else {
            values.labels.join("+")
        };
        let filled = [
            ("{study}", or(values.study, values.study_uid)),
            ("{study-uid}", values.study_uid.to_owned()),
            ("{series}", or(&description, &series_uid)),
            ("{series-uid}", series_uid.clone()),
            ("{modality}", or(&values.series.modality, "picture")),
            ("{date}", or(values.date, "undated")),
            ("{label}", label),
        ];
        // What is filled in makes no folders.
        let fill = |part: &str| {
            sanitize_name(
                &filled
                    .iter()
                    .fold(part.to_owned(), |t, (name, value)| t.replace(name, value)),
            )
        };
        let parts = self
            .0
            .split('/')
            .flat_map(|part| match (part, values.tree.as_slice()) {
                ("{study}", [_, ..]) if values.series.kind == Kind::Picture => {
                    values.tree.iter().map(|f| sanitize_name(f)).collect()
                }
                _ => vec![fill(part)],
            });
        let path: Vec<String> = parts.collect();
        let whole = unique_name(&path.join("/"), taken);
        match whole.rsplit_once('/') {
            Some((folder, name)) => (folder.into(), name.to_owned()),
            None => (PathBuf::new(), whole),
        }
    }
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
    fn placeholders_are_filled_in_and_make_no_folders() {
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
    fn patterns_that_lead_elsewhere_are_refused() {
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
