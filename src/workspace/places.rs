//! Locations of the images of cases: the last known path, else the path relative to the workspace, which may have been
//! moved together with the images. Paths are saved as absolute; relative paths of older versions are tried from several
//! folders.

use super::Workspace;
use crate::Result;
use labrum_core::{
    journal::{CaseDescription, SliceDescription},
    learning::SnapshotSlice,
};
use rusqlite::{Connection, OptionalExtension};
use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
    ffi::OsString,
    fs, iter,
    path::{self, Component, Path, PathBuf},
};

/// Number of files of a folder that are checked one by one before the folder is listed instead: on a network share that
/// is one request instead of one per slice.
const FEW: u32 = 4;

/// Looks up image paths for a workspace.
pub(super) struct ImagePlaces {
    /// The folder of the workspace, absolute.
    folder: PathBuf,
    /// For each folder the number of files checked, and its contents once it was listed.
    folders: RefCell<HashMap<PathBuf, (u32, HashSet<OsString>)>>,
}

impl ImagePlaces {
    /// For a workspace in `folder`.
    pub(super) fn for_workspace(folder: &Path) -> Self {
        Self {
            folder: absolute_path(folder),
            folders: RefCell::default(),
        }
    }

    /// The current path of a file: `stored` is its last known path, `beside` its path relative to the workspace.
    /// Returns the last known path if it is not found.
    pub(super) fn find_image(&self, stored: &str, beside: Option<&str>) -> PathBuf {
        let stored = Path::new(stored);
        let mut candidates = vec![absolute_path(stored)];
        candidates.extend(beside.map(|beside| without_dots(&self.folder.join(beside))));
        if stored.is_relative() {
            // A relative path of an older version, whose base folder is unknown.
            candidates.push(without_dots(&self.folder.join(stored)));
            let parent = self.folder.parent();
            candidates.extend(parent.map(|parent| without_dots(&parent.join(stored))));
        }
        let there = candidates
            .iter()
            .position(|path| self.is_there(path))
            .unwrap_or(0);
        candidates.swap_remove(there)
    }

    fn is_there(&self, path: &Path) -> bool {
        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
            return false;
        };
        let mut folders = self.folders.borrow_mut();
        let (asked, names) = folders.entry(folder.to_owned()).or_default();
        *asked = asked.saturating_add(1);
        if *asked == FEW {
            let entries = fs::read_dir(folder).into_iter().flatten();
            names.extend(entries.filter_map(|entry| Some(entry.ok()?.file_name())));
        }
        // Not on systems with case-insensitive file systems, where the spelling may differ from the listing.
        let is_listed = *asked >= FEW && cfg!(not(any(windows, target_os = "macos")));
        if is_listed {
            names.contains(name)
        } else {
            path.exists()
        }
    }

    /// The path of a file relative to the workspace; `None` if there is none.
    pub(super) fn relative_path(&self, path: &Path) -> Option<String> {
        let from = without_dots(&self.folder);
        let to = without_dots(&absolute_path(path));
        let from: Vec<Component> = from.components().collect();
        let to: Vec<Component> = to.components().collect();
        let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
        if !matches!(
            from.get(common.checked_sub(1)?),
            Some(Component::RootDir | Component::Normal(_))
        ) {
            return None;
        }
        let up = iter::repeat_n("..".to_owned(), from.len() - common);
        let down = to
            .get(common..)?
            .iter()
            .map(|part| part.as_os_str().to_string_lossy().into_owned());
        Some(up.chain(down).collect::<Vec<_>>().join("/"))
    }
}

/// Makes a path absolute without accessing the disk.
pub fn absolute_path(path: &Path) -> PathBuf {
    path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// Removes `.` and `..` from a path lexically.
fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if plain.file_name().is_some() => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}

impl Workspace {
    /// Saves the new location of the files of known cases, slice by slice; other slices and unknown cases are left
    /// unchanged.
    ///
    /// # Errors
    /// If the database cannot be written ([`ErrorKind::Disk`](crate::ErrorKind::Disk)): then nothing is changed.
    pub fn relocate_images(&mut self, cases: &[CaseDescription]) -> Result<()> {
        let places = ImagePlaces::for_workspace(&self.folder);
        self.write_transaction("save the location of the images in the workspace", |t| {
            let mut update = t.prepare_cached(
                "UPDATE slice SET path = ?4, beside = ?5
                 WHERE scan_id = (SELECT id FROM scan WHERE identity = ?1) AND frame = ?2 AND sop_instance_uid IS ?3",
            )?;
            for case in cases {
                for SliceDescription { source, sop_instance_uid } in &case.slices {
                    let path = absolute_path(&source.path);
let beside = places.relative_path(&source.path);
                    update.execute((&case.identity, source.frame, sop_instance_uid, path.to_string_lossy(), beside))?;
                }
            }
            Ok(())
        })
    }

    /// Updates the relative paths of all images after the workspace was moved without them.
    pub(super) fn note_places(&mut self) -> Result<()> {
        let places = ImagePlaces::for_workspace(&self.folder);
        self.write_transaction("save the location of the images in the workspace", |t| {
            let paths = stored_paths(t)?;
            let mut update = t.prepare_cached("UPDATE slice SET beside = ?2 WHERE path = ?1")?;
            for path in paths.iter().filter(|path| Path::new(path).is_absolute()) {
                update.execute((path, places.relative_path(Path::new(path))))?;
            }
            Ok(())
        })
    }
}

impl Workspace {
    /// Updates the image paths of slices.
    pub(super) fn find_images(
        &mut self,
        mut slices: Vec<SnapshotSlice>,
    ) -> Result<Vec<SnapshotSlice>> {
        let places = ImagePlaces::for_workspace(&self.folder);
        self.read_database("find the images of the workspace", |c| {
            let mut query = c.prepare_cached("SELECT beside FROM slice WHERE path = ?1 LIMIT 1")?;
            for slice in &mut slices {
                let path = slice.source.path.to_string_lossy();
                let beside: Option<Option<String>> =
                    query.query_row([&path], |r| r.get(0)).optional()?;
                slice.source.path = places.find_image(&path, beside.flatten().as_deref());
            }
            Ok(slices)
        })
    }
}

fn stored_paths(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    connection
        .prepare_cached("SELECT DISTINCT path FROM slice")?
        .query_map((), |r| r.get(0))?
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    #[cfg(unix)]
    fn paths_of_images_are_stored_relative_to_the_workspace() {
        let places = ImagePlaces::for_workspace(Path::new("/data/work"));
        let way = |path: &str| places.relative_path(Path::new(path)).unwrap();
        assert_eq!(way("/data/scans/a.png"), "../scans/a.png");
        assert_eq!(way("/data/work/a.png"), "a.png");
        assert_eq!(way("/data/work/../scans/./a.png"), "../scans/a.png");
        assert_eq!(way("/a.png"), "../../a.png");
    }

    #[test]
    fn an_image_is_found_by_its_old_path_or_else_relative_to_the_workspace() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in ["old", "new/scans", "new/work"] {
            std::fs::create_dir_all(root.join(name)).unwrap();
        }
        std::fs::write(root.join("new/scans/a.png"), "a").unwrap();
        let places = ImagePlaces::for_workspace(&root.join("new/work"));
        let old = root.join("old/scans/a.png");
        let found = |beside| places.find_image(&old.to_string_lossy(), beside);
        assert_eq!(found(Some("../scans/a.png")), root.join("new/scans/a.png"));
        assert_eq!(found(Some("../scans/b.png")), old);
        assert_eq!(found(None), old);
        std::fs::create_dir_all(root.join("old/scans")).unwrap();
        std::fs::write(&old, "a").unwrap();
        let places = ImagePlaces::for_workspace(&root.join("new/work"));
        assert_eq!(
            places.find_image(&old.to_string_lossy(), Some("../scans/a.png")),
            old,
            "the old path has priority"
        );
    }

    #[test]
    fn a_relative_path_is_tried_from_the_workspace_and_its_parent_folder() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::create_dir_all(root.join("polyps-of-this-test")).unwrap();
        std::fs::write(root.join("polyps-of-this-test/a.png"), "a").unwrap();
        let typed = "polyps-of-this-test/a.png";
        assert_eq!(
            ImagePlaces::for_workspace(root).find_image(typed, None),
            root.join(typed)
        );
        assert_eq!(
            ImagePlaces::for_workspace(&root.join("work")).find_image(typed, None),
            root.join(typed)
        );
    }
}
