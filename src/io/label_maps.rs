//! Folders of label maps for many images. One rule for what the values mean is found for all of them, as for training.

use super::{
    export::{LabelList, Names, labels_beside},
    label_file::{self, MaskOf},
    label_values::{self, MaskValues, ValueRule},
    picture,
};
use crate::{Error, Result};
use labrum_core::{
    label::Label,
    mask::Mask,
    naming::fold_case_and_accents,
    study::{Kind, Series},
};
use rayon::prelude::*;
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

const TRIED: &str = "use the mask";

/// Label maps that share one rule.
#[derive(Debug)]
pub struct LabelMaps {
    /// By file name without extension, in folded case and without accents.
    files: HashMap<String, Vec<PathBuf>>,
    rule: ValueRule,
    list: LabelList,
}

/// A label of label maps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapLabel {
    /// The label; a generic one with the value as its number if it is not in a label list.
    pub label: Label,
    /// Its value in the maps.
    pub value: u8,
    /// True if a label list next to the maps defines it.
    pub is_named: bool,
}

impl LabelMaps {
    /// Finds label maps for image files in `paths`, files or folders; `None` if no name matches a slice of `images`.
    ///
    /// # Errors
    /// If a map or a label list cannot be read, or values are not labels or are ambiguous ([`label_values::find_rule`]).
    pub fn find_for_images(
        paths: &[PathBuf],
        images: &[&Series],
        threshold: Option<u16>,
    ) -> Result<Option<Self>> {
        let pictures: Vec<&Series> = images
            .iter()
            .copied()
            .filter(|series| series.kind == Kind::Picture)
            .collect();
        let wanted: HashSet<String> = pictures
            .iter()
            .flat_map(|series| map_names(series))
            .collect();
        let own: HashSet<&Path> = pictures
            .iter()
            .flat_map(|series| &series.slices)
            .map(|slice| slice.source.path.as_path())
            .collect();
        let mut files: HashMap<String, Vec<PathBuf>> = HashMap::new();
        for path in all_files(paths)? {
            let Some(name) = path
                .file_stem()
                .map(|stem| fold_case_and_accents(&stem.to_string_lossy()))
            else {
                continue;
            };
            if wanted.contains(&name)
                && !own.contains(path.as_path())
                && picture::format_at(&path).is_some()
            {
                files.entry(name).or_default().push(path);
            }
        }
        let maps: Vec<&PathBuf> = files.values().flatten().collect();
        let Some(folder) = maps.first().and_then(|path| path.parent()) else {
            return Ok(None);
        };
        // In the same places as for training: next to the masks, or in the folder above.
        let beside =
            labels_beside(folder, "masks").or_else(|| labels_beside(folder.parent()?, "masks"));
        let list = beside.map(|path| LabelList::read_file(&path)).transpose()?;
        let mut set: Vec<(PathBuf, MaskValues)> = maps
            .par_iter()
            .map(|path| Ok(((*path).clone(), label_file::mask_values(path, 0)?)))
            .collect::<Result<_>>()?;
        set.sort_by(|(a, _), (b, _)| a.cmp(b));
        let rule = label_values::find_rule(
            &set,
            list.as_ref().map(LabelList::named_values).as_ref(),
            threshold,
        )?;
        Ok(Some(Self {
            files,
            rule,
            list: list.unwrap_or_default(),
        }))
    }

    /// The rule that was found for the values, as a message for the user.
    pub fn values_note(&self) -> Option<&str> {
        self.rule.note.as_deref()
    }

    /// The labels that the maps hold.
    pub fn labels(&self) -> Vec<MapLabel> {
        let values: BTreeSet<u8> = self
            .rule
            .labels
            .iter()
            .copied()
            .filter(|value| *value > 0)
            .collect();
        values
            .into_iter()
            .map(|value| self.label_of_value(value))
            .collect()
    }

    fn label_of_value(&self, value: u8) -> MapLabel {
        let named = self.list.label_for(value).cloned();
        MapLabel {
            is_named: named.is_some(),
            label: named.unwrap_or_else(|| Label::by_number(value)),
            value,
        }
    }

    /// The masks of a series with their slice indices; the labels are the values of the maps. Of several maps with the same
    /// name, the one whose folders match those of the image is taken. Empty if no name matches a slice.
    ///
    /// # Errors
    /// If a map cannot be read or differs in size, or if several maps match one slice.
    pub fn masks_for_series(&self, series: &Series) -> Result<Vec<(usize, Mask)>> {
        let size = series.columns_and_rows();
        let mut masks = Vec::new();
        for (index, (slice, name)) in series.slices.iter().zip(map_names(series)).enumerate() {
            let Some(path) = self.file_for_image(&name, &slice.source.path)? else {
                continue;
            };
            let of = MaskOf {
                source: slice.source.clone(),
                size,
            };
            let (mask, _) = label_file::read_on(path, 0, self.rule.reading, &of)?;
            let (columns, rows) = mask.columns_and_rows();
            if (columns, rows) != size {
                let reason = format!(
                    "the mask has {columns} x {rows} pixels, but its image has {} x {}",
                    size.0, size.1
                );
                return Err(Error::at_path(TRIED, path, reason)
                    .with_advice("Save the mask in the size of its image."));
            }
            masks.push((index, mask));
        }
        Ok(masks)
    }

    fn file_for_image(&self, name: &str, image: &Path) -> Result<Option<&PathBuf>> {
        let Some(files) = self.files.get(name) else {
            return Ok(None);
        };
        let best = files
            .iter()
            .map(|file| count_shared_folders(file, image))
            .max();
        let mut fitting = files
            .iter()
            .filter(|file| Some(count_shared_folders(file, image)) == best);
        match (fitting.next(), fitting.next()) {
            (Some(one), Some(other)) => {
                let reason = format!(
                    "\"{}\" may also be the mask of image \"{}\"",
                    other.display(),
                    image.display()
                );
                Err(Error::at_path(TRIED, one, reason).with_advice(
                    "Put the masks into folders with the same names as those of the images.",
                ))
            }
            (found, _) => Ok(found),
        }
    }
}

/// Number of folder names that two files have in common, counted from the innermost.
fn count_shared_folders(one: &Path, other: &Path) -> usize {
    folders_outwards(one)
        .zip(folders_outwards(other))
        .take_while(|(a, b)| a == b)
        .count()
}

/// The names of the folders that contain a file, innermost first.
fn folders_outwards(path: &Path) -> impl Iterator<Item = &OsStr> {
    path.parent()
        .into_iter()
        .flat_map(|folder| folder.components().rev())
        .map(|part| part.as_os_str())
}

/// The expected file names of the label maps of a series, without extension.
fn map_names(series: &Series) -> Vec<String> {
    Names::new(series, &mut HashSet::new())
        .slices
        .iter()
        .map(|name| fold_case_and_accents(name))
        .collect()
}

/// The files themselves, and those in and below the folders.
fn all_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        fs::metadata(path)
            .map_err(|e| Error::at_path("read the masks", path, labrum_core::reason_of(&e)))?;
        for entry in walkdir::WalkDir::new(path).sort_by_file_name() {
            let entry = entry.map_err(|e| Error::at_path("read the masks", path, e))?;
            if entry.file_type().is_file() {
                files.push(entry.into_path());
            }
        }
    }
    Ok(files)
}

/// Other files that may hold masks of a series: all files that are not image files, and single-label image files whose names
/// match its slices.
///
/// # Errors
/// If a path cannot be read.
pub fn other_mask_files(paths: &[PathBuf], series: &Series) -> Result<Vec<PathBuf>> {
    let names = map_names(series);
    let mut files = all_files(paths)?;
    files.retain(|path| picture::format_at(path).is_none() || is_called_like_one(path, &names));
    Ok(files)
}

/// True if the file name is one of `names`, optionally followed by a label name (`image.liver.png`).
fn is_called_like_one(path: &Path, names: &[String]) -> bool {
    let stem = path
        .file_stem()
        .map(|stem| fold_case_and_accents(&stem.to_string_lossy()))
        .unwrap_or_default();
    names.iter().any(|name| {
        stem.strip_prefix(name.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::io::open;
    use image::{GrayImage, Luma};

    fn grey(path: PathBuf, values: [u8; 4]) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        GrayImage::from_fn(2, 2, |x, y| Luma([values[(y * 2 + x) as usize]]))
            .save(path)
            .unwrap();
    }

    fn series(folder: &Path) -> Vec<Series> {
        let catalog =
            open::read_catalog(&[folder.to_owned()], &mut |_| {}, &Default::default()).unwrap();
        catalog
            .studies
            .into_iter()
            .flat_map(|study| study.series)
            .collect()
    }

    #[test]
    fn one_value_rule_applies_to_all_label_maps_of_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let (images, masks) = (folder.path().join("images"), folder.path().join("masks"));
        for (name, values) in [("a", [0, 1, 200, 200]), ("b", [0, 200, 0, 0])] {
            grey(images.join(format!("{name}.png")), [9; 4]);
            grey(masks.join(format!("{name}.png")), values);
        }
        grey(images.join("c.png"), [9; 4]);
        let series = series(&images);
        let all: Vec<&Series> = series.iter().collect();
        let maps = LabelMaps::find_for_images(std::slice::from_ref(&masks), &all, None)
            .unwrap()
            .unwrap();
        assert_eq!(
            maps.labels()
                .iter()
                .map(|label| label.value)
                .collect::<Vec<_>>(),
            [1, 200]
        );
        let of = |i: usize| maps.masks_for_series(&series[i]).unwrap();
        assert_eq!(of(1)[0].1.pixel_labels(), [0, 200, 0, 0]);
        assert!(of(2).is_empty(), "this image has no mask");
        assert!(
            LabelMaps::find_for_images(&[images], &all, None)
                .unwrap()
                .is_none(),
            "images must not be taken for their own masks"
        );
    }

    #[test]
    fn in_folder_trees_masks_are_matched_to_images_by_relative_path() {
        let folder = tempfile::tempdir().unwrap();
        let (images, masks) = (folder.path().join("images"), folder.path().join("masks"));
        for (subject, value) in [("s1", 1), ("s2", 2)] {
            grey(images.join(subject).join("a.png"), [9; 4]);
            grey(masks.join(subject).join("a.png"), [value; 4]);
        }
        let series = series(&images);
        let maps = LabelMaps::find_for_images(
            std::slice::from_ref(&masks),
            &series.iter().collect::<Vec<_>>(),
            None,
        )
        .unwrap()
        .unwrap();
        let value = |i: usize| {
            maps.masks_for_series(&series[i]).unwrap()[0]
                .1
                .pixel_labels()[0]
        };
        assert_eq!([value(0), value(1)], [1, 2]);
        grey(folder.path().join("more/a.png"), [1; 4]);
        grey(folder.path().join("other/a.png"), [1; 4]);
        let both = ["more", "other"].map(|name| folder.path().join(name));
        let maps = LabelMaps::find_for_images(&both, &series.iter().collect::<Vec<_>>(), None)
            .unwrap()
            .unwrap();
        assert!(
            maps.masks_for_series(&series[0])
                .unwrap_err()
                .to_string()
                .contains("may also be the mask of image")
        );
    }
}
