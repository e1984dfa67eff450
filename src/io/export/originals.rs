//! Protects input files: no output may replace one.

use crate::{Error, Result};
use labrum_core::naming::fold_case_and_accents;
use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

/// Refuses if one of the `outputs` would replace a `given` input file, even through another path to it, or another output.
///
/// # Errors
/// The error names the first such file.
pub fn refuse_originals<'a>(
    given: impl IntoIterator<Item = &'a Path>,
    outputs: &[PathBuf],
) -> Result<()> {
    let given: HashSet<PathBuf> = given
        .into_iter()
        .filter_map(|path| path.canonicalize().ok())
        .collect();
    let in_place_of_one = outputs
        .iter()
        .find(|file| file.canonicalize().is_ok_and(|real| given.contains(&real)));
    if let Some(file) = in_place_of_one {
        return Err(Error::at_path(
            "write",
            file,
            "this is an input file, and input files are never changed",
        )
        .with_advice("Choose another folder."));
    }
    let mut seen = HashSet::new();
    match outputs
        .iter()
        .find(|file| !seen.insert(fold_case_and_accents(&file.to_string_lossy())))
    {
        None => Ok(()),
        Some(file) => Err(
            Error::at_path("write", file, "two output files would have this name")
                .with_advice("Write them to two folders, or rename an image or a label."),
        ),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn overwriting_an_input_is_refused_however_its_path_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let [a, b] = ["a.png", "b.png"].map(|name| folder.path().join(name));
        std::fs::write(&a, "a").unwrap();
        std::fs::write(&b, "b").unwrap();
        let roundabout = folder
            .path()
            .join(".")
            .join("..")
            .join(folder.path().file_name().unwrap())
            .join("a.png");
        for output in [&a, &roundabout] {
            let error = refuse_originals(
                [a.as_path()],
                &[folder.path().join("c.png"), output.clone()],
            )
            .unwrap_err();
            assert!(error.to_string().contains("never changed"), "{error}");
        }
        refuse_originals([a.as_path()], &[b, folder.path().join("c.png")]).unwrap();
    }

    #[test]
    fn two_outputs_with_the_same_name_are_refused() {
        let paths = |names: [&str; 2]| names.map(PathBuf::from);
        for names in [["a.b.png", "a.b.png"], ["a.Cyst.png", "a.cyst.png"]] {
            let error = refuse_originals([], &paths(names)).unwrap_err().to_string();
            assert!(
                error.contains("two output files would have this name"),
                "{error}"
            );
        }
        refuse_originals([], &paths(["a.Cyst.png", "a.Cyst-2.png"])).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn an_input_is_recognised_through_a_link_to_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let (real, link) = (folder.path().join("real"), folder.path().join("link"));
        std::fs::create_dir(&real).unwrap();
        std::fs::write(real.join("a.png"), "a").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        assert!(refuse_originals([real.join("a.png").as_path()], &[link.join("a.png")]).is_err());
    }
}
