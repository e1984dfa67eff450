//! Whose image it is: as `FOLDER/subjects.csv` says (columns `name` and `subject`), else a pattern that a person gives, else
//! the number that the name of its file begins with (`010_2HC.png` is of subject `010`), else the whole name.
//!
//! Dates and UIDs (`20200314_7.png`, `1.2.840.113619.2.55.png`) begin with numbers, too, but name nobody.

use super::{DatasetPair, normalized_stem};
use crate::{Error, Result};
use labrum_core::naming::compose_accents;
use regex::Regex;
use std::{
    cell::RefCell,
    collections::HashMap,
    path::{Path, PathBuf},
    str::FromStr,
    time::SystemTime,
};

/// What to do where subjects are not as they should be.
pub(super) const ADVICE: &str = "Say whose each image is in subjects.csv in that folder (columns name and subject), or with \
     --subject-pattern, a regular expression: \"^P([0-9]+)\" takes 12 from P12_left.png.";

/// What part of a name names the subject: the group `subject` of a regular expression, else its first group, else all
/// that it matches.
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
        let failed = |e: regex::Error| {
            Error::new(
                format!("find subjects by \"{text}\""),
                format!("it is no regular expression ({e})"),
            )
            .with_advice("\"^P([0-9]+)\" takes 12 from P12_left.png.")
        };
        Regex::new(&compose_accents(text)).map(Self).map_err(failed)
    }
}

impl SubjectPattern {
    /// Whose image of this name it is; `None` where the pattern says nothing of it.
    fn match_subject(&self, name: &str) -> Option<String> {
        let found = self.0.captures(name)?;
        let group = found
            .name("subject")
            .or_else(|| found.get(1))
            .or_else(|| found.get(0))?;
        Some(group.as_str().to_owned()).filter(|subject| !subject.is_empty())
    }
}

/// Says of each pair whose it is, and tells what a person should know about it. Before, `subject` is the name of its file.
pub(super) fn assign_subjects(
    pairs: &mut [DatasetPair],
    folder: &Path,
    pattern: Option<&SubjectPattern>,
) -> Result<Option<String>> {
    let path = folder.join("subjects.csv");
    let table = read_table(&path)?;
    let in_table = |pair: &DatasetPair| table.get(&pair.name).or_else(|| table.get(&pair.subject));
    if !table.is_empty() && !pairs.iter().any(|pair| in_table(pair).is_some()) {
        let reason = "none of the names in it is that of an image";
        return Err(Error::at_path("use the subjects", &path, reason)
            .with_advice("Names are those of the files in images/."));
    }
    let mut unnamed = 0;
    for pair in pairs {
        // All pages of a file are of one subject.
        let file = &pair.subject;
        pair.subject = match (in_table(pair), pattern) {
            (Some(subject), _) => subject.clone(),
            (None, Some(pattern)) => pattern.match_subject(file).ok_or_else(|| {
                let reason = format!(
                    "--subject-pattern \"{}\" finds no subject in its name",
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
        let images = if unnamed == 1 { "1 image has a name".into() } else { format!("{unnamed} images have names") };
        format!(
            "{images} that begin with a date or a UID, which name no subject: each is taken for a subject of its own. Where \
             several are of one patient, say so in subjects.csv or with --subject-pattern"
        )
    }))
}

/// Whose image it is, as far as its name says.
fn from_name(name: &str) -> String {
    named_in(name).unwrap_or_else(|| name.to_owned())
}

/// The subject that a name names; `None` where it names nobody.
fn named_in(name: &str) -> Option<String> {
    let digits: String = name.chars().take_while(char::is_ascii_digit).collect();
    match uid_prefix(name) {
        // What stands behind a UID numbers the pictures that it names.
        Some(uid) => Some(uid.to_owned()),
        None if digits.is_empty() || names_nobody(name) => None,
        None => Some(digits),
    }
}

/// A table, its file, and when that was changed last.
type KnownTable = (PathBuf, Option<SystemTime>, HashMap<String, String>);

/// Whose picture the file `path` is, by the same rule as in a folder: as subjects.csv beside it or in the folder above says,
/// else as its name does; `None` where neither says more than that it is a picture of its own.
///
/// # Errors
/// Where there is a subjects.csv that cannot be read.
pub fn of_picture(path: &Path) -> Result<Option<String>> {
    thread_local! {
        /// The table that was read last: pictures come folder by folder.
        static LAST: RefCell<Option<KnownTable>> = const { RefCell::new(None) };
    }
    let name = normalized_stem(&path.file_name().unwrap_or_default().to_string_lossy());
    let folders = path
        .ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join("subjects.csv"));
    for file in folders.filter(|file| file.is_file()) {
        let changed = std::fs::metadata(&file)
            .and_then(|about| about.modified())
            .ok();
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

/// True for names that begin with a date or an identifier of a file rather than of a person.
fn names_nobody(name: &str) -> bool {
    uid_prefix(name).is_some() || begins_with_date(name) || begins_with_hash(name)
}

/// The DICOM UID that the name begins with: numbers with dots between them.
fn uid_prefix(name: &str) -> Option<&str> {
    let end = name
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(name.len());
    let uid = name.get(..end)?.trim_end_matches('.');
    let parts: Vec<&str> = uid.split('.').collect();
    let is_root = matches!(parts.first(), Some(&("0" | "1" | "2")));
    (parts.len() >= 4 && is_root && parts.iter().all(|part| !part.is_empty())).then_some(uid)
}

/// 20200314, 20200314T1200, 2020-03-14, 2020_03_14, 2020.03.14, 14-03-2020.
fn begins_with_date(name: &str) -> bool {
    let number = |text: &str| text.parse::<u32>().ok();
    let is_date = |year: Option<u32>, month: Option<u32>, day: Option<u32>| {
        year.is_some_and(|y| (1900..2100).contains(&y))
            && month.is_some_and(|m| (1..=12).contains(&m))
            && day.is_some_and(|d| (1..=31).contains(&d))
    };
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let count = digits(name);
    // With the time behind it, or without.
    if matches!(count, 8 | 12 | 14) {
        return is_date(number(&name[..4]), number(&name[4..6]), number(&name[6..8]));
    }
    let mut parts = name.split(['-', '_', '.', ' ']);
    let (Some(first), Some(second), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let third = &rest[..digits(rest)];
    match (first.len(), second.len(), third.len()) {
        (4, 2, 2) => is_date(number(first), number(second), number(third)),
        (2, 2, 4) => is_date(number(third), number(second), number(first)),
        _ => false,
    }
}

/// Hexadecimal digits with letters among them, as hashes and UUIDs are written.
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

/// What `subjects.csv` says, by name without ending; nothing where there is no such file.
fn read_table(path: &Path) -> Result<HashMap<String, String>> {
    if !path.exists() {
        return Ok(HashMap::new());
    }
    let failed = |reason: String| {
        Error::at_path("read the subjects", path, reason)
            .with_advice("Its first line must be \"name,subject\".")
    };
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_path(path)
        .map_err(|e| failed(e.to_string()))?;
    let headers = reader.headers().map_err(|e| failed(e.to_string()))?.clone();
    let column = |title: &str| {
        let is_it = |h: &str| h.trim_start_matches('\u{feff}').eq_ignore_ascii_case(title);
        headers
            .iter()
            .position(is_it)
            .ok_or_else(|| failed(format!("it has no column \"{title}\"")))
    };
    let (name, subject) = (column("name")?, column("subject")?);
    let mut subjects = HashMap::new();
    for record in reader.records() {
        let record = record.map_err(|e| failed(e.to_string()))?;
        let (name, subject) = (
            record.get(name).unwrap_or_default(),
            record.get(subject).unwrap_or_default(),
        );
        if subject.is_empty() {
            return Err(failed(format!("\"{name}\" has no subject")));
        }
        subjects.insert(normalized_stem(name), compose_accents(subject));
    }
    Ok(subjects)
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
    fn a_picture_is_of_whom_the_table_beside_or_above_it_or_its_name_says() {
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
    fn uids_and_dates_are_no_subjects() {
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
            "pictures of one series are of one subject"
        );
    }

    #[test]
    fn a_pattern_takes_its_group_or_all_that_it_matches() {
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
                .contains("no regular expression")
        );
    }
}
