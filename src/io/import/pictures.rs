//! Label maps and masks of single labels in pictures, found by the names that the export gives them.

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

/// A picture that belongs to a slice.
pub(super) struct SlicePicture {
    path: PathBuf,
    /// Its page, 0-based.
    frame: u32,
    slice: usize,
    /// Of a mask of one label, the part of its name that names the label.
    label: Option<String>,
}

/// What the export calls the label maps of the slices, without their ending.
pub(super) fn label_map_names(series: &Series) -> Vec<String> {
    Names::new(series, &mut HashSet::new()).slices
}

/// What the pictures of a series are called, and what they are not.
pub(super) struct PictureNames {
    names: Vec<String>,
    series: String,
    /// The slices themselves, which are no masks of themselves.
    own: HashSet<PathBuf>,
}

impl PictureNames {
    /// Of this series.
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

    /// The picture `path`, where it is one and is called like a slice.
    pub(super) fn match_picture(&self, path: &Path) -> Option<SlicePicture> {
        let stem = path.file_stem()?.to_str()?;
        let fits = |(slice, name): (usize, &String)| {
            let rest = stem.strip_prefix(name.as_str())?;
            let label = rest.strip_prefix('.');
            (rest.is_empty() || label.is_some())
                .then(|| (name.len(), slice, label.map(str::to_owned)))
        };
        // The longest name: "a.b.png" is rather the label map of "a.b" than label "b" of "a".
        let (_, slice, label) = self
            .names
            .iter()
            .enumerate()
            .filter_map(fits)
            .max_by_key(|(n, ..)| *n)?;
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

    /// The pictures of slices in `path`: one, or the pages of a stack that is called like the file of the series.
    pub(super) fn match_pictures(&self, path: &Path) -> Vec<SlicePicture> {
        let is_stack = self.names.len() > 1
            && path
                .file_stem()
                .is_some_and(|stem| stem == self.series.as_str());
        let stack = || {
            if is_stack && !self.is_own(path) {
                SlicePicture::from_stack_pages(path, self.names.len())
            } else {
                None
            }
        };
        self.match_picture(path)
            .map(|one| vec![one])
            .or_else(stack)
            .unwrap_or_default()
    }

    fn is_own(&self, path: &Path) -> bool {
        path.canonicalize()
            .is_ok_and(|real| self.own.contains(&real))
    }
}

impl SlicePicture {
    /// The label maps of all slices, as pages of one file whatever it is called; `None` where it has not as many pages.
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
        let page = |(slice, frame)| Self {
            path: path.to_owned(),
            frame,
            slice,
            label: None,
        };
        Some(frames.into_iter().enumerate().map(page).collect())
    }
}

/// Label maps where there are some, else masks of single labels.
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
            notes.push("there is no labels.json beside the pictures, so the codes of the labels are not known".into());
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

/// The labels that a file beside the pictures describes.
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
            let reason = format!("two label maps are of slice {}", map.slice + 1);
            return Err(
                Error::at_path(TRIED, &map.path, reason).with_advice("Leave one of them out.")
            );
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
            .map_err(|_| Error::at_path(TRIED, &picture.path, "there are over 255 labels"))?;
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
    let name = |label: u8| {
        labels
            .get(usize::from(label) - 1)
            .map_or("", |l| l.name.as_str())
    };
    for (label, pixels) in covered {
        notes.push(format!(
            "other labels lie over {pixels} pixels of \"{}\" and were taken there",
            name(label)
        ));
    }
    let mask = |(slice, values)| {
        Some((
            slice,
            Mask::from_labels(series.columns, series.rows, values)?,
        ))
    };
    Ok((values.into_iter().filter_map(mask).collect(), labels))
}

/// The label of which `part` of a file's name is the name; exactly, else as file systems see it.
fn place_of(part: &str, files: &[String]) -> Option<usize> {
    let exact = compose_accents(part);
    let alike = fold_case_and_accents(&part.replace('.', "_"));
    files
        .iter()
        .position(|f| *f == exact)
        .or_else(|| files.iter().position(|f| fold_case_and_accents(f) == alike))
}

/// What values the pictures hold.
fn values_of(pictures: &[SlicePicture]) -> Result<Vec<(PathBuf, MaskValues)>> {
    let values = |picture: &SlicePicture| {
        Ok((
            picture.path.clone(),
            label_file::decode_values(&picture.path, picture.frame)?,
        ))
    };
    pictures.iter().map(values).collect()
}

/// A mask of the size of the slices, as it lies on its slice.
fn read_mask(
    picture: &SlicePicture,
    series: &Series,
    reading: ValueReading,
    notes: &mut Vec<String>,
) -> Result<Mask> {
    let path = picture.path.as_path();
    let size = (series.columns, series.rows);
    let image = series.slices.get(picture.slice).map(|slice| MaskOf {
        source: slice.source.clone(),
        size,
    });
    let (mask, note) = label_file::decode_mask(path, picture.frame, reading, image.as_ref())?;
    notes.extend(note.filter(|note| !notes.contains(note)));
    let (columns, rows) = (mask.columns(), mask.rows());
    if (columns, rows) != size {
        let reason = format!(
            "it is {columns} x {rows} pixels, the image {} x {}",
            series.columns, series.rows
        );
        let advice = format!(
            "\"{}\" must be a mask of that very image, not scaled or cropped.",
            file_name(path)
        );
        return Err(Error::at_path(TRIED, path, reason).with_advice(advice));
    }
    Ok(mask)
}
