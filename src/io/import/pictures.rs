//! Label maps and single-label masks in image files, matched by the file names that the export uses.

use super::{TRIED, file_name, is_picture, meaning};
use crate::{
    Error, Result,
    io::{
        export::{LabelList, NO_LABELS, Names, label_file_names, labels_beside},
        label_file::{self, MaskOf},
        label_values::{self, MaskValues, ValueReading, ValueRule},
        picture,
    },
};
use labrum_core::{
    import::{ImportedMasks, MaskChoice},
    label::Label,
    mask::Mask,
    naming::{compose_accents, fold_case_and_accents, told_apart},
    study::Series,
};
use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
};

/// A mask file that belongs to a slice.
pub(super) struct SlicePicture {
    path: PathBuf,
    /// Page, 0-based.
    frame: u32,
    slice: usize,
    /// The label name in the file name of a single-label mask; `None` for a label map.
    label: Option<String>,
}

/// The file names that the export uses for the label maps of the slices, without extension.
pub(super) fn label_map_names(series: &Series) -> Vec<String> {
    Names::new(series, &mut HashSet::new()).slices
}

/// Expected names of the mask files of a series.
pub(super) struct PictureNames {
    names: Vec<String>,
    series: String,
    /// The files of the series itself, which are never its masks.
    own: HashSet<PathBuf>,
}

impl PictureNames {
    /// The names for a series.
    pub(super) fn for_series(series: &Series) -> Self {
        let paths: HashSet<&PathBuf> = series.slices.iter().map(|s| &s.source.path).collect();
        let Names {
            slices: names,
            series,
        } = Names::new(series, &mut HashSet::new());
        Self {
            names,
            series,
            own: paths
                .into_iter()
                .filter_map(|p| p.canonicalize().ok())
                .collect(),
        }
    }

    /// `path` as a mask, if it is an image file named like a slice.
    pub(super) fn match_picture(&self, path: &Path) -> Option<SlicePicture> {
        let stem = path.file_stem()?.to_str()?;
        let fitting = self.names.iter().enumerate().filter_map(|(slice, name)| {
            let rest = stem.strip_prefix(name.as_str())?;
            let label = rest.strip_prefix('.');
            (rest.is_empty() || label.is_some())
                .then(|| (name.len(), slice, label.map(str::to_owned)))
        });
        // Prefer the longest name: "a.b.png" is the label map of "a.b" rather than label "b" of "a".
        let (_, slice, label) = fitting.max_by_key(|(length, ..)| *length)?;
        let is_no_mask = label
            .as_deref()
            .is_some_and(|l| l.split('.').any(|p| NO_LABELS.contains(&p)));
        if is_no_mask || self.is_own(path) || !is_picture(path) {
            return None;
        }
        Some(SlicePicture {
            path: path.to_owned(),
            frame: 0,
            slice,
            label,
        })
    }

    /// The masks in `path`: one, or the pages of a stack named like the series.
    pub(super) fn match_pictures(&self, path: &Path) -> Vec<SlicePicture> {
        self.match_picture(path)
            .map(|one| vec![one])
            .or_else(|| self.match_stack(path))
            .unwrap_or_default()
    }

    /// The pages of a stack named like the series; `None` for any other file.
    fn match_stack(&self, path: &Path) -> Option<Vec<SlicePicture>> {
        let is_stack = self.names.len() > 1
            && path
                .file_stem()
                .is_some_and(|stem| stem == self.series.as_str());
        if is_stack && !self.is_own(path) {
            SlicePicture::from_stack_pages(path, self.names.len())
        } else {
            None
        }
    }

    fn is_own(&self, path: &Path) -> bool {
        path.canonicalize()
            .is_ok_and(|real| self.own.contains(&real))
    }
}

impl SlicePicture {
    /// The pages of a file, whatever its name, as label maps of all slices; `None` if the numbers differ.
    pub(super) fn from_stack_pages(path: &Path, slices: usize) -> Option<Vec<Self>> {
        if slices == 1 {
            return is_picture(path).then(|| {
                vec![Self {
                    path: path.to_owned(),
                    frame: 0,
                    slice: 0,
                    label: None,
                }]
            });
        }
        let mut parts = picture::probe_header(path).ok()?.parts.into_iter();
        let frames = parts
            .next()
            .filter(|part| part.frames.len() == slices)?
            .frames;
        let pages = frames.into_iter().enumerate().map(|(slice, frame)| Self {
            path: path.to_owned(),
            frame,
            slice,
            label: None,
        });
        Some(pages.collect())
    }
}

/// Imports label maps if there are any, else single-label masks.
pub(super) fn import_masks(
    pictures: Vec<SlicePicture>,
    series: &Series,
    choice: &MaskChoice,
) -> Result<ImportedMasks> {
    let mut notes = Vec::new();
    let list = read_label_list(&pictures, series)?;
    let (maps, masks): (Vec<SlicePicture>, Vec<SlicePicture>) =
        pictures.into_iter().partition(|p| p.label.is_none());
    let (masks, labels) = if maps.is_empty() {
        if list.is_none() {
            notes.push(
                "there is no labels.json next to the masks, so the codes of the labels are unknown"
                    .into(),
            );
        }
        single_labels(&masks, series, list, choice, &mut notes)?
    } else {
        label_maps(&maps, series, list, choice, &mut notes)?
    };
    let names = told_apart(labels.iter().map(|label| label.name.as_str()));
    let labels = labels
        .into_iter()
        .zip(names)
        .map(|(label, name)| Label { name, ..label })
        .collect();
    Ok(ImportedMasks {
        labels,
        masks: masks.into_iter().collect(),
        notes,
        ..ImportedMasks::default()
    })
}

/// Reads the label list next to the masks, if there is one.
fn read_label_list(pictures: &[SlicePicture], series: &Series) -> Result<Option<LabelList>> {
    let name = Names::new(series, &mut HashSet::new()).series;
    let folder = pictures
        .first()
        .and_then(|p| p.path.parent())
        .unwrap_or(Path::new("."));
    labels_beside(folder, &name)
        .map(|path| LabelList::read_file(&path))
        .transpose()
}

type Masks = (BTreeMap<usize, Mask>, Vec<Label>);

fn label_maps(
    maps: &[SlicePicture],
    series: &Series,
    list: Option<LabelList>,
    choice: &MaskChoice,
    notes: &mut Vec<String>,
) -> Result<Masks> {
    let named = list.as_ref().map(LabelList::named_values);
    let ValueRule {
        reading,
        labels: present,
        note,
    } = label_values::find_rule(&values_of(maps)?, named.as_ref(), choice.threshold)?;
    notes.extend(note);
    let mut masks = BTreeMap::new();
    for map in maps {
        if masks
            .insert(map.slice, read_mask(map, series, reading, notes)?)
            .is_some()
        {
            let reason = format!("there are two label maps for slice {}", map.slice + 1);
            return Err(Error::at_path(TRIED, &map.path, reason).with_advice("Remove one of them."));
        }
    }
    let (table, labels) = meaning::resolve_labels(&present, list, choice, notes);
    masks
        .values_mut()
        .for_each(|mask| *mask = table.map_mask(mask));
    Ok((masks, labels))
}

fn single_labels(
    pictures: &[SlicePicture],
    series: &Series,
    list: Option<LabelList>,
    choice: &MaskChoice,
    notes: &mut Vec<String>,
) -> Result<Masks> {
    let reading = label_values::of_single_labels(&values_of(pictures)?, choice.threshold)?;
    let mut labels = list.unwrap_or_default().dense_labels();
    let mut files = label_file_names(&labels);
    let mut values: BTreeMap<usize, Vec<u8>> = BTreeMap::new();
    let mut covered: BTreeMap<u8, usize> = BTreeMap::new();
    for picture in pictures {
        let part = picture.label.as_deref().unwrap_or_default();
        let index = place_of(part, &files).unwrap_or_else(|| {
            labels.push(Label::with_name(compose_accents(part), labels.len()));
            files.push(compose_accents(part));
            labels.len() - 1
        });
        let label = u8::try_from(index + 1)
            .map_err(|_| Error::at_path(TRIED, &picture.path, "there are more than 255 labels"))?;
        let mask = read_mask(picture, series, reading, notes)?;
        let of_slice = values
            .entry(picture.slice)
            .or_insert_with(|| vec![0; mask.pixel_labels().len()]);
        for (old, _) in of_slice
            .iter_mut()
            .zip(mask.pixel_labels())
            .filter(|(_, value)| **value != 0)
        {
            if *old != 0 && *old != label {
                *covered.entry(*old).or_default() += 1;
            }
            *old = label;
        }
    }
    for (label, pixels) in covered {
        notes.push(format!(
            "{pixels} pixels of \"{}\" were overwritten by overlapping labels",
            name_of_label(&labels, label)
        ));
    }
    let masks = values
        .into_iter()
        .filter_map(|(slice, values)| {
            let mask = Mask::from_labels(series.columns, series.rows, values)?;
            Some((slice, mask))
        })
        .collect();
    Ok((masks, labels))
}

/// The name of a label by its value in the masks.
fn name_of_label(labels: &[Label], value: u8) -> &str {
    labels
        .get(usize::from(value) - 1)
        .map_or("", |label| label.name.as_str())
}

/// The index of the label named by `part` of a file name: an exact match, else one that ignores case and accents.
fn place_of(part: &str, files: &[String]) -> Option<usize> {
    let exact = compose_accents(part);
    let alike = fold_case_and_accents(&part.replace('.', "_"));
    files
        .iter()
        .position(|f| *f == exact)
        .or_else(|| files.iter().position(|f| fold_case_and_accents(f) == alike))
}

/// The values that occur in each mask file.
fn values_of(pictures: &[SlicePicture]) -> Result<Vec<(PathBuf, MaskValues)>> {
    pictures
        .iter()
        .map(|picture| {
            let values = label_file::decode_values(&picture.path, picture.frame)?;
            Ok((picture.path.clone(), values))
        })
        .collect()
}

/// Reads a mask in the orientation of its slice and checks its size.
fn read_mask(
    picture: &SlicePicture,
    series: &Series,
    reading: ValueReading,
    notes: &mut Vec<String>,
) -> Result<Mask> {
    let path = picture.path.as_path();
    let size = series.columns_and_rows();
    let image = series.slices.get(picture.slice).map(|slice| MaskOf {
        source: slice.source.clone(),
        size,
    });
    let (mask, note) = label_file::decode_mask(path, picture.frame, reading, image.as_ref())?;
    notes.extend(note.filter(|note| !notes.contains(note)));
    let (columns, rows) = mask.columns_and_rows();
    if (columns, rows) != size {
        let reason = format!(
            "the mask has {columns} x {rows} pixels, but the image has {} x {}",
            series.columns, series.rows
        );
        let advice = format!(
            "\"{}\" must be a mask of the image itself, not of a scaled or cropped copy.",
            file_name(path)
        );
        return Err(Error::at_path(TRIED, path, reason).with_advice(advice));
    }
    Ok(mask)
}
