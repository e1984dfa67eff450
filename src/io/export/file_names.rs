//! File names that are unique and valid on every file system.

use labrum_core::{
    label::Label,
    naming::{compose_accents, fold_case_and_accents},
};
use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

/// Maximum length of a name in bytes, so that a name with suffixes stays within the usual limit of 255.
const LONGEST: usize = 120;
/// Maximum length in bytes of the part of a name that stands for a label.
const LONGEST_LABEL: usize = 80;
/// Suffixes of files that are not masks of a label.
pub(crate) const NO_LABELS: [&str; 2] = ["overlay", "probability"];
/// Names that Windows reserves for devices, with any extension.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// The part of a file name that stands for each label, in the same order. The names are unique even if case, the encoding of
/// accents and forbidden characters are ignored.
///
/// Both reading and writing of files per label use this list.
pub(crate) fn label_file_names(labels: &[Label]) -> Vec<String> {
    let mut taken: HashSet<String> = NO_LABELS.iter().map(|name| (*name).to_owned()).collect();
    labels
        .iter()
        .map(|label| {
            // A dot separates the name of the slice from that of the label.
            let name = sanitize_name(&label.name).replace('.', "_");
            unique_name(truncate_bytes(&name, LONGEST_LABEL), &mut taken)
        })
        .collect()
}

/// The name of a file without its extension, which may have two parts: "head.nii.gz".
pub(crate) fn without_ending(path: &Path) -> String {
    let whole = path
        .file_name()
        .map_or("image".into(), |name| name.to_string_lossy().into_owned());
    let packed = whole
        .len()
        .checked_sub(".nii.gz".len())
        .and_then(|at| whole.split_at_checked(at));
    if let Some((name, _)) =
        packed.filter(|(name, ending)| !name.is_empty() && ending.eq_ignore_ascii_case(".nii.gz"))
    {
        return name.to_owned();
    }
    // DICOM files are often named by UIDs, whose last part is not an extension.
    match path.extension().and_then(|e| e.to_str()) {
        Some(ending) if ending.len() <= 4 && !ending.bytes().all(|b| b.is_ascii_digit()) => path
            .file_stem()
            .map_or(whole, |stem| stem.to_string_lossy().into_owned()),
        _ => whole,
    }
}

/// The innermost folder that contains all these folders; `None` if there is none.
pub(crate) fn common_folder<'a>(folders: impl IntoIterator<Item = &'a Path>) -> Option<PathBuf> {
    folders
        .into_iter()
        .map(Path::to_owned)
        .reduce(|common, folder| {
            common
                .components()
                .zip(folder.components())
                .take_while(|(a, b)| a == b)
                .map(|(part, _)| part)
                .collect()
        })
}

/// `wanted`, with a number appended if it is taken.
pub(super) fn unique_name(wanted: &str, taken: &mut HashSet<String>) -> String {
    let mut name = wanted.to_owned();
    let mut number = 2;
    // File systems may ignore case (Windows, macOS) and the encoding of accents.
    while !taken.insert(fold_case_and_accents(&name)) {
        name = format!("{wanted}-{number}");
        number += 1;
    }
    name
}

/// A valid name for every file system, changed as little as possible because names of masks must match those of images.
pub(super) fn sanitize_name(name: &str) -> String {
    let name: String = compose_accents(name)
        .chars()
        .map(replace_forbidden)
        .collect();
    let name = truncate_bytes(&name, LONGEST)
        .trim()
        .trim_matches('.')
        .trim();
    match name {
        "" => "image".into(),
        name if is_device_name(name) => format!("_{name}"),
        name => name.to_owned(),
    }
}

/// Replaces a character that is not allowed in file names by an underscore.
fn replace_forbidden(c: char) -> char {
    if c.is_control() || r#"/\:*?"<>|"#.contains(c) {
        '_'
    } else {
        c
    }
}

/// True for names that Windows reserves for devices and ports, such as "nul" or "COM1.txt".
fn is_device_name(name: &str) -> bool {
    let base = name
        .split('.')
        .next()
        .unwrap_or_default()
        .trim()
        .to_lowercase();
    let port = ["com", "lpt"]
        .iter()
        .find_map(|port| base.strip_prefix(port));
    DEVICES.contains(&base.as_str())
        || port.is_some_and(|n| n.len() == 1 && n.bytes().all(|b| b.is_ascii_digit()))
}

/// Truncates a text to at most `bytes` bytes of whole characters.
fn truncate_bytes(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &[&str]) -> Vec<String> {
        let labels: Vec<Label> = names
            .iter()
            .enumerate()
            .map(|(i, name)| Label::with_name(*name, i))
            .collect();
        label_file_names(&labels)
    }

    #[test]
    fn labels_with_the_same_name_get_distinct_file_names() {
        assert_eq!(
            files(&["Lesion", "Lesion", "Liver", "Lesion"]),
            ["Lesion", "Lesion-2", "Liver", "Lesion-3"]
        );
        assert_eq!(files(&["a", "a", "a-2"]), ["a", "a-2", "a-2-2"]);
    }

    #[test]
    fn only_characters_that_file_systems_refuse_are_replaced() {
        assert_eq!(
            sanitize_name("\u{ab}name\u{bb}, 5 % & #2 'x' [a]{b}=~!@"),
            "\u{ab}name\u{bb}, 5 % & #2 'x' [a]{b}=~!@"
        );
        assert_eq!(
            sanitize_name("a\\b:c*d?e\"f<g>h|i\u{7}j"),
            "a_b_c_d_e_f_g_h_i_j"
        );
    }

    #[test]
    fn names_that_a_file_system_may_treat_as_equal_get_distinct_file_names() {
        assert_eq!(files(&["Cyst", "cyst"]), ["Cyst", "cyst-2"]);
        assert_eq!(
            files(&["f\u{e9}mur", "fe\u{301}mur"]),
            ["f\u{e9}mur", "f\u{e9}mur-2"]
        );
        assert_eq!(
            files(&["left/right", "left:right"]),
            ["left_right", "left_right-2"]
        );
        assert_eq!(files(&["", " ", ".."]), ["image", "image-2", "image-3"]);
    }

    #[test]
    fn label_files_have_no_dot_and_never_the_name_of_an_overlay() {
        assert_eq!(
            files(&["Overlay", "probability", "T1.5"]),
            ["Overlay-2", "probability-2", "T1_5"]
        );
    }

    #[test]
    fn long_names_are_shortened_to_the_limit_of_file_systems() {
        let long = "\u{e9}".repeat(200);
        let names = files(&[&long, &long]);
        assert!(
            names.iter().all(|name| name.len() <= LONGEST_LABEL + 2),
            "{names:?}"
        );
        assert_ne!(names[0], names[1]);
    }

    #[test]
    fn reserved_device_names_of_windows_are_avoided() {
        assert_eq!(
            ["CON", "nul.series", "com1", "Connor"].map(sanitize_name),
            ["_CON", "_nul.series", "_com1", "Connor"]
        );
    }
}
