//! User-given names: comparing them, and numbering duplicates.

use icu_normalizer::ComposingNormalizerBorrowed;
use std::{collections::HashSet, iter, path::Path};

/// File name of a path for display; the whole path if it has none.
pub fn file_name_text(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

/// Normalizes a name to Unicode NFC: macOS writes "é" as "e" with a combining accent, which looks the same.
pub fn compose_accents(name: &str) -> String {
    ComposingNormalizerBorrowed::new_nfc()
        .normalize(name)
        .into_owned()
}

/// Key that is equal for names that a file system may treat as the same: it ignores case and Unicode normalization.
pub fn fold_case_and_accents(name: &str) -> String {
    compose_accents(&compose_accents(name).to_lowercase())
}

/// Makes names unique, in order, by appending a number to repeated ones: "Lesion", "Lesion (2)".
pub fn told_apart<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let names: Vec<String> = names.into_iter().map(compose_accents).collect();
    // Do not invent a name that another item already has.
    let given: HashSet<&String> = names.iter().collect();
    let mut taken = HashSet::new();
    let mut distinct = Vec::with_capacity(names.len());
    for name in &names {
        let numbered = (2..)
            .map(|number| format!("{name} ({number})"))
            .filter(|n| !given.contains(n));
        let free = iter::once(name.clone())
            .chain(numbered)
            .find(|name| !taken.contains(name));
        let free = free.unwrap_or_else(|| name.clone());
        taken.insert(free.clone());
        distinct.push(free);
    }
    distinct
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_are_numbered_and_others_stay() {
        let names = [
            "Lesion",
            "Liver",
            "Lesion",
            "Lesion (2)",
            "Lesion",
            "lesion",
        ];
        assert_eq!(
            told_apart(names),
            [
                "Lesion",
                "Liver",
                "Lesion (3)",
                "Lesion (2)",
                "Lesion (4)",
                "lesion"
            ]
        );
    }

    #[test]
    fn composed_and_combining_accents_are_equal() {
        assert_eq!(compose_accents("fe\u{301}mur"), "f\u{e9}mur");
        assert_eq!(
            fold_case_and_accents("FE\u{301}MUR"),
            fold_case_and_accents("f\u{e9}mur")
        );
        assert_eq!(
            told_apart(["f\u{e9}mur", "fe\u{301}mur"]),
            ["f\u{e9}mur", "f\u{e9}mur (2)"]
        );
    }
}
