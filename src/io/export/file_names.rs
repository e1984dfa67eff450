//! Names of files: such as every file system takes, and no two the same.

use labrum_core::{
    label::Label,
    naming::{compose_accents, fold_case_and_accents},
};
use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

/// No name is longer, in bytes, so that what is put behind it finds its place among the 255 of a file system.
const LONGEST: usize = 120;
/// The part of a name that stands for a label.
const LONGEST_LABEL: usize = 80;
/// What stands behind the name of a slice for files that are no masks of a label.
pub(crate) const NO_LABELS: [&str; 2] = ["overlay", "probability"];
/// What Windows keeps for devices, whatever the ending.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// The part of a file's name that stands for each label, in their order: no two the same, where upper and lower case, the
/// way in which accents are written or what file systems refuse make no difference.
///
/// All that write or read a file for each label go by this one list.
pub(crate) fn label_file_names(labels: &[Label]) -> Vec<String> {
    let mut taken: HashSet<String> = NO_LABELS.iter().map(|name| (*name).to_owned()).collect();
    // A dot would part it as it parts the slice's name from the label's.
    let part = |label: &Label| {
        truncate_bytes(&sanitize_name(&label.name).replace('.', "_"), LONGEST_LABEL).to_owned()
    };
    labels
        .iter()
        .map(|label| unique_name(&part(label), &mut taken))
        .collect()
}

/// The name of a file without its ending, which may be of two parts: "head.nii.gz".
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
    // DICOM files often have UIDs for names: what stands behind the last dot is no ending there.
    match path.extension().and_then(|e| e.to_str()) {
        Some(ending) if ending.len() <= 4 && !ending.bytes().all(|b| b.is_ascii_digit()) => path
            .file_stem()
            .map_or(whole, |stem| stem.to_string_lossy().into_owned()),
        _ => whole,
    }
}

/// The innermost folder that all these folders lie in; `None` where there is none.
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

/// `wanted`, or with a number behind it where it is taken.
pub(super) fn unique_name(wanted: &str, taken: &mut HashSet<String>) -> String {
    let mut name = wanted.to_owned();
    let mut number = 2;
    // File systems of Windows and macOS do not tell upper from lower case, nor all of them how accents are written.
    while !taken.insert(fold_case_and_accents(&name)) {
        name = format!("{wanted}-{number}");
        number += 1;
    }
    name
}

/// A name that every file system takes, and otherwise as it was: those of masks must be those of their images.
pub(super) fn sanitize_name(name: &str) -> String {
    let keep = |c: char| {
        if c.is_control() || r#"/\:*?"<>|"#.contains(c) {
            '_'
        } else {
            c
        }
    };
    let name: String = compose_accents(name).chars().map(keep).collect();
    let name = truncate_bytes(&name, LONGEST)
        .trim()
        .trim_matches('.')
        .trim();
    let is_device = |name: &str| {
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
    };
    match name {
        "" => "image".into(),
        name if is_device(name) => format!("_{name}"),
        name => name.to_owned(),
    }
}

/// At most so many bytes of a text, whole characters.
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
    fn labels_of_one_name_have_files_of_their_own() {
        assert_eq!(
            files(&["Lesion", "Lesion", "Liver", "Lesion"]),
            ["Lesion", "Lesion-2", "Liver", "Lesion-3"]
        );
        assert_eq!(files(&["a", "a", "a-2"]), ["a", "a-2", "a-2-2"]);
    }

    #[test]
    fn a_name_stays_as_it_was_but_for_what_a_file_system_refuses() {
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
    fn so_have_names_that_a_file_system_may_take_for_one() {
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
    fn no_label_is_called_like_an_overlay_and_none_has_a_dot() {
        assert_eq!(
            files(&["Overlay", "probability", "T1.5"]),
            ["Overlay-2", "probability-2", "T1_5"]
        );
    }

    #[test]
    fn long_names_stay_within_what_a_file_system_takes() {
        let long = "\u{e9}".repeat(200);
        let names = files(&[&long, &long]);
        assert!(
            names.iter().all(|name| name.len() <= LONGEST_LABEL + 2),
            "{names:?}"
        );
        assert_ne!(names[0], names[1]);
    }

    #[test]
    fn what_windows_keeps_for_devices_is_no_name() {
        assert_eq!(
            ["CON", "nul.series", "com1", "Connor"].map(sanitize_name),
            ["_CON", "_nul.series", "_com1", "Connor"]
        );
    }
}
