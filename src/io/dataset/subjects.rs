//! The subject of an image: from `FOLDER/subjects.csv` (columns `name` and `subject`), else from a pattern given by the user,
//! else the number at the beginning of the file name (`010_2HC.png` is of subject `010`), else the whole name.
//!
//! Dates and UIDs (`20200314_7.png`, `1.2.840.113619.2.55.png`) also begin with numbers, but do not identify a subject.

use super::{DatasetPair, normalized_stem};
use crate::{Error, Result};
use labrum_core::naming::compose_accents;
use regex::Regex;
use std::{
    cell::RefCell,
    collections::HashMap,
    fs,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    str::FromStr,
    time::SystemTime,
};

/// Advice for errors about subjects.
pub(super) const ADVICE: &str = "List the subject of each image in subjects.csv in that folder \
     (columns name and subject), or use --subject-pattern with a regular expression: \
     \"^P([0-9]+)\" takes 12 from P12_left.png.";

/// Which part of a name identifies the subject: the group `subject` of a regular expression, else its first group, else the
/// whole match.
#[derive(Clone, Debug)]
pub struct SubjectPattern(Regex);

impl PartialEq for SubjectPattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for SubjectPattern {}

impl FromStr for SubjectPattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Regex::new(&compose_accents(text)).map(Self).map_err(|e| {
            Error::new(
                format!("use the subject pattern \"{text}\""),
                format!("not a valid regular expression ({e})"),
            )
            .with_advice("\"^P([0-9]+)\" takes 12 from P12_left.png.")
        })
    }
}

impl SubjectPattern {
    /// The subject in a name; `None` if the pattern does not match.
    fn match_subject(&self, name: &str) -> Option<String> {
        let found = self.0.captures(name)?;
        let group = found
            .name("subject")
            .or_else(|| found.get(1))
            .or_else(|| found.get(0))?;
        Some(group.as_str().to_owned()).filter(|subject| !subject.is_empty())
    }
}

/// Sets the subject of each pair, which is the file name before, and returns a remark for the user.
pub(super) fn assign_subjects(
    pairs: &mut [DatasetPair],
    folder: &Path,
    pattern: Option<&SubjectPattern>,
) -> Result<Option<String>> {
    let path = folder.join("subjects.csv");
    let table = read_table(&path)?;
    let is_any_named = pairs
        .iter()
        .any(|pair| subject_in_table(&table, pair).is_some());
    if !table.is_empty() && !is_any_named {
        let reason = "none of its names matches an image";
        return Err(Error::at_path("use the subjects", &path, reason)
            .with_advice("Use the names of the files in images/."));
    }
    let mut unnamed = 0;
    for pair in pairs {
        // All pages of a file belong to one subject.
        let file = &pair.subject;
        pair.subject = match (subject_in_table(&table, pair), pattern) {
            (Some(subject), _) => subject.clone(),
            (None, Some(pattern)) => pattern.match_subject(file).ok_or_else(|| {
                let reason = format!(
                    "--subject-pattern \"{}\" does not match its name",
                    pattern.0
                );
                Error::at_path("use the image", &pair.image, reason).with_advice(ADVICE)
            })?,
            (None, None) => {
                unnamed += usize::from(names_nobody(file));
                from_name(file)
            }
        };
    }
    Ok((unnamed > 0).then(|| {
        let images = if unnamed == 1 {
            "1 image has a name".into()
        } else {
            format!("{unnamed} images have names")
        };
        format!(
            "{images} that begin with a date or a UID, which does not identify a subject: each \
             is treated as a subject of its own. If several belong to one patient, use \
             subjects.csv or --subject-pattern"
        )
    }))
}

/// The subject in the table for the name of an image, or else for that of its file.
fn subject_in_table<'a>(
    table: &'a HashMap<String, String>,
    pair: &DatasetPair,
) -> Option<&'a String> {
    table.get(&pair.name).or_else(|| table.get(&pair.subject))
}

/// The subject in a name, or else the whole name.
fn from_name(name: &str) -> String {
    named_in(name).unwrap_or_else(|| name.to_owned())
}

/// The subject in a name; `None` if the name identifies nobody.
fn named_in(name: &str) -> Option<String> {
    let digits: String = name.chars().take_while(char::is_ascii_digit).collect();
    match uid_prefix(name) {
        // A suffix after a UID numbers the images of the same subject.
        Some(uid) => Some(uid.to_owned()),
        None if digits.is_empty() || names_nobody(name) => None,
        None => Some(digits),
    }
}

/// Path and modification time of a table, and its content.
type KnownTable = (PathBuf, Option<SystemTime>, HashMap<String, String>);

/// The subject of the image file `path`, by the same rule as in a folder: from the subjects.csv next to it or in the folder
/// above, else from its name; `None` if neither identifies one.
///
/// # Errors
/// If a subjects.csv exists but cannot be read.
pub fn of_picture(path: &Path) -> Result<Option<String>> {
    thread_local! {
        /// The table read last, as images are usually processed folder by folder.
        static LAST: RefCell<Option<KnownTable>> = const { RefCell::new(None) };
    }
    let name = normalized_stem(&path.file_name().unwrap_or_default().to_string_lossy());
    let folders = path
        .ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join("subjects.csv"));
    for file in folders.filter(|file| file.is_file()) {
        let changed = fs::metadata(&file).and_then(|about| about.modified()).ok();
        let known = LAST.with_borrow(|last| {
            let (_, _, table) = last
                .as_ref()
                .filter(|(path, at, _)| *path == file && *at == changed)?;
            Some(table.get(&name).cloned())
        });
        let subject = match known {
            Some(subject) => subject,
            None => {
                let table = read_table(&file)?;
                let subject = table.get(&name).cloned();
                LAST.set(Some((file, changed, table)));
                subject
            }
        };
        if subject.is_some() {
            return Ok(subject);
        }
    }
    Ok(named_in(&name))
}

/// True for names that begin with a date, or with an identifier of a file instead of a person.
fn names_nobody(name: &str) -> bool {
    uid_prefix(name).is_some() || begins_with_date(name) || begins_with_hash(name)
}

/// The DICOM UID at the beginning of the name: numbers separated by dots.
fn uid_prefix(name: &str) -> Option<&str> {
    let end = name
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(name.len());
    let uid = name.get(..end)?.trim_end_matches('.');
    let parts: Vec<&str> = uid.split('.').collect();
    let is_root = matches!(parts.first(), Some(&("0" | "1" | "2")));
    (parts.len() >= 4 && is_root && parts.iter().all(|part| !part.is_empty())).then_some(uid)
}

/// True for names such as 20200314, 20200314T1200, 2020-03-14, 2020_03_14, 2020.03.14 and 14-03-2020.
fn begins_with_date(name: &str) -> bool {
    // With or without time.
    if matches!(count_leading_digits(name), 8 | 12 | 14) {
        return is_calendar_date(&name[..4], &name[4..6], &name[6..8]);
    }
    let mut parts = name.split(['-', '_', '.', ' ']);
    let (Some(first), Some(second), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let third = &rest[..count_leading_digits(rest)];
    match (first.len(), second.len(), third.len()) {
        (4, 2, 2) => is_calendar_date(first, second, third),
        (2, 2, 4) => is_calendar_date(third, second, first),
        _ => false,
    }
}

fn count_leading_digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// True for a plausible acquisition date.
fn is_calendar_date(year: &str, month: &str, day: &str) -> bool {
    is_number_within(year, 1900..=2099)
        && is_number_within(month, 1..=12)
        && is_number_within(day, 1..=31)
}

fn is_number_within(text: &str, range: RangeInclusive<u32>) -> bool {
    text.parse::<u32>()
        .is_ok_and(|number| range.contains(&number))
}

/// True for names that begin with a hash or a UUID: hexadecimal digits including letters.
fn begins_with_hash(name: &str) -> bool {
    const SHORTEST: usize = 16;
    let part = name
        .split(['_', '.', ' '])
        .next()
        .unwrap_or_default()
        .replace('-', "");
    part.len() >= SHORTEST
        && part.bytes().all(|b| b.is_ascii_hexdigit())
        && part.bytes().any(|b| b.is_ascii_alphabetic())
}

/// Reads `subjects.csv` as a map from names without extension to subjects; empty if there is no such file.
fn read_table(path: &Path) -> Result<HashMap<String, String>> {
    if !path.exists() {
        return Ok(HashMap::new());
    }
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(path)
        .map_err(|e| subjects_table_error(path, e))?;
    let headers = reader
        .headers()
        .map_err(|e| subjects_table_error(path, e))?
        .clone();
    let name_column = find_column(&headers, "name", path)?;
    let subject_column = find_column(&headers, "subject", path)?;
    let mut subjects = HashMap::new();
    for record in reader.records() {
        let record = record.map_err(|e| subjects_table_error(path, e))?;
        let name = record.get(name_column).unwrap_or_default();
        let subject = record.get(subject_column).unwrap_or_default();
        if subject.is_empty() {
            let reason = format!("\"{name}\" has no subject");
            return Err(subjects_table_error(path, reason));
        }
        subjects.insert(normalized_stem(name), compose_accents(subject));
    }
    Ok(subjects)
}

/// The index of the column with this title, ignoring case.
fn find_column(headers: &csv::StringRecord, title: &str, path: &Path) -> Result<usize> {
    headers
        .iter()
        .map(|header| header.trim_start_matches('\u{feff}'))
        .position(|header| header.eq_ignore_ascii_case(title))
        .ok_or_else(|| {
            let reason = format!("there is no column \"{title}\"");
            subjects_table_error(path, reason)
        })
}

fn subjects_table_error(path: &Path, reason: impl ToString) -> Error {
    Error::at_path("read the subjects", path, reason)
        .with_advice("Its first line must be \"name,subject\".")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_subject_is_the_leading_number_or_the_whole_name() {
        for (name, subject) in [
            ("010_2HC", "010"),
            ("010_HC", "010"),
            ("benign-12", "benign-12"),
            ("7", "7"),
        ] {
            assert_eq!(from_name(name), subject);
            assert!(!names_nobody(name));
        }
        for number in [
            "12345678_1",
            "20201399_1",
            "2020_2",
            "1_2_3",
            "1.2",
            "201_03_14",
            "2001_1_12",
        ] {
            assert!(!names_nobody(number), "{number}");
        }
    }

    #[test]
    fn the_subject_of_an_image_comes_from_a_subject_table_or_its_file_name() {
        let folder = tempfile::tempdir().unwrap();
        let images = folder.path().join("images");
        std::fs::create_dir(&images).unwrap();
        let of = |name: &str| of_picture(&images.join(name)).unwrap();
        assert_eq!(of("010_2HC.png").as_deref(), Some("010"));
        assert_eq!(of("polyp-a.png"), None);
        std::fs::write(
            folder.path().join("subjects.csv"),
            "name,subject\npolyp-a.png,Q\n",
        )
        .unwrap();
        assert_eq!(of("polyp-a.png").as_deref(), Some("Q"));
        assert_eq!(of("010_2HC.png").as_deref(), Some("010"));
        std::fs::write(images.join("subjects.csv"), "age\n7\n").unwrap();
        assert!(
            of_picture(&images.join("polyp-a.png"))
                .unwrap_err()
                .to_string()
                .contains("no column")
        );
    }

    #[test]
    fn uids_and_dates_are_not_taken_for_subjects() {
        for name in [
            "1.2.840.113619.2.55",
            "20200314_7",
            "20200314",
            "20200314120000_3",
            "2020-03-14_liver",
            "2020.03.01.20029769-p21-73_1%0",
            "14.03.2020_2",
            "2020-03-14T1200",
            "3f2a9c1b77e04d21a8c35f6e",
            "0f8fad5b-d9cb-469f-a165-70867728950e_2",
        ] {
            assert!(names_nobody(name), "{name}");
            assert_eq!(from_name(name), name);
        }
        assert_eq!(
            from_name("1.2.840.113619.2.55_003"),
            "1.2.840.113619.2.55",
            "images of one series belong to one subject"
        );
    }

    #[test]
    fn a_subject_pattern_yields_its_group_or_the_whole_match() {
        let subject = |pattern: &str, name: &str| {
            pattern
                .parse::<SubjectPattern>()
                .unwrap()
                .match_subject(name)
        };
        assert_eq!(subject("^P([0-9]+)", "P12_left").as_deref(), Some("12"));
        assert_eq!(subject("P[0-9]+", "20200314_P12").as_deref(), Some("P12"));
        assert_eq!(
            subject("(a|b)_(?P<subject>[a-z]+)", "a_anna").as_deref(),
            Some("anna")
        );
        assert_eq!(subject("^P([0-9]*)", "Pleft"), None);
        assert!(
            "(".parse::<SubjectPattern>()
                .unwrap_err()
                .to_string()
                .contains("not a valid regular expression")
        );
    }
}
