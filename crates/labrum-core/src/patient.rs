//! The patient of a study: for the screen only, never for a log, a file of settings or the workspace.

use serde::{Deserialize, Serialize};
use std::{array, fmt};

/// Who was examined. `Debug` shows nothing of it, so that it cannot get into a log by accident.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patient {
    /// Patient ID (0010,0020); empty if unknown.
    pub id: String,
    /// Patient's Name (0010,0010) as in the file, with all its groups and components; empty if unknown.
    pub name: String,
    /// Patient's Birth Date (0010,0030) as YYYY-MM-DD; empty if unknown.
    pub birth_date: String,
    /// Patient's Sex (0010,0040): "F", "M" or "O"; empty if unknown.
    pub sex: String,
}

impl Patient {
    /// The name for display, see [`readable_name`].
    pub fn display_name(&self) -> String {
        readable_name(&self.name)
    }
}

impl fmt::Debug for Patient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Patient(not shown)")
    }
}

/// A person name of DICOM (PS3.5 6.2.1.2) for display: "Adams, Rev. John Robert Quincy, B.A." for
/// `Adams^John Robert^Quincy^Rev.^B.A.`, and "Yamada, Tarou (山田 太郎)" where there is an ideographic group.
///
/// The phonetic group only repeats how the name is pronounced; it is shown if there is no other.
pub fn readable_name(stored: &str) -> String {
    // Several names, of which DICOM allows only one here, are separated by backslashes.
    let first = stored.split('\\').next().unwrap_or_default();
    let mut groups = first.split('=');
    let alphabetic = in_western_order(groups.next().unwrap_or_default());
    let ideographic = with_spaces(groups.next().unwrap_or_default());
    let phonetic = with_spaces(groups.next().unwrap_or_default());
    match (alphabetic.is_empty(), ideographic.is_empty()) {
        (false, false) => format!("{alphabetic} ({ideographic})"),
        (false, true) => alphabetic,
        (true, false) => ideographic,
        (true, true) => phonetic,
    }
}

/// "Family, Prefix Given Middle, Suffix".
fn in_western_order(group: &str) -> String {
    let [family, given, middle, prefix, suffix] = components(group);
    let called = join_known(&[prefix, given, middle], " ");
    join_known(&[family, &called, suffix], ", ")
}

/// Family name, given name, middle name, prefix and suffix of a group.
fn components(group: &str) -> [&str; 5] {
    let mut all = group.split('^').map(str::trim);
    array::from_fn(|_| all.next().unwrap_or_default())
}

/// The components of a group in their order, with spaces between them.
fn with_spaces(group: &str) -> String {
    join_known(&components(group), " ")
}

fn join_known(parts: &[&str], separator: &str) -> String {
    let known: Vec<&str> = parts.iter().copied().filter(|p| !p.is_empty()).collect();
    known.join(separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_as_people_read_them() {
        for (stored, shown) in [
            ("Doe^Jane", "Doe, Jane"),
            ("DOE^JANE^^^", "DOE, JANE"),
            ("Doe", "Doe"),
            ("^Jane", "Jane"),
            // The examples of PS3.5 6.2.1.2.
            (
                "Adams^John Robert Quincy^^Rev.^B.A. M.Div.",
                "Adams, Rev. John Robert Quincy, B.A. M.Div.",
            ),
            (
                "Morrison-Jones^Susan^^^Ph.D., Chief Executive Officer",
                "Morrison-Jones, Susan, Ph.D., Chief Executive Officer",
            ),
            // Those of PS3.5 H.3, I.2, J.3 and K.2.
            (
                "Yamada^Tarou=山田^太郎=やまだ^たろう",
                "Yamada, Tarou (山田 太郎)",
            ),
            ("Hong^Gildong=洪^吉洞=홍^길동", "Hong, Gildong (洪 吉洞)"),
            ("Wang^XiaoDong=王^小東", "Wang, XiaoDong (王 小東)"),
            ("=山田^太郎", "山田 太郎"),
            ("==やまだ^たろう", "やまだ たろう"),
            ("Zhang^XiaoDong=张^小东=", "Zhang, XiaoDong (张 小东)"),
            ("Doe^Jane\\Roe^Jane", "Doe, Jane"),
            ("^^^^", ""),
            ("", ""),
        ] {
            assert_eq!(readable_name(stored), shown, "{stored}");
        }
    }

    #[test]
    fn debug_shows_nothing_of_a_patient() {
        let patient = Patient {
            id: "4711".into(),
            name: "Doe^Jane".into(),
            birth_date: "1957-03-02".into(),
            sex: "F".into(),
        };
        let text = format!("{patient:?} {patient:#?}");
        for secret in ["4711", "Doe", "Jane", "1957", "F\""] {
            assert!(!text.contains(secret), "{secret} is in {text}");
        }
    }
}
