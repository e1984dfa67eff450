//! Label maps and masks of single labels in pictures, found by the names that the export gives them.

use super::{Imported, TRIED, is_picture, name};
use crate::{
    Error, Result,
    domain::{label::Label, mask::Mask, study::Series},
    io::{
        export::{Names, labels_beside, read_labels, safe_name},
        label_file::{self, MaskOf},
        picture,
    },
};
use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
};

/// A picture that belongs to a slice.
pub(super) struct Picture {
    path: PathBuf,
    /// Its page, 0-based.
    frame: u32,
    slice: usize,
    /// Of a mask of one label, the part of its name that names the label.
    label: Option<String>,
}

/// What the export calls the label maps of the slices, without their ending.
pub(super) fn names(series: &Series) -> Vec<String> {
    Names::new(series, &mut HashSet::new()).slices
}

/// What the pictures of a series are called, and what they are not.
pub(super) struct Wanted {
    names: Vec<String>,
    series: String,
    /// The slices themselves, which are no masks of themselves.
    own: HashSet<PathBuf>,
}

impl Wanted {
    /// Of this series.
    pub(super) fn of(series: &Series) -> Self {
        let paths: HashSet<&PathBuf> = series.slices.iter().map(|s| &s.source.path).collect();
        let Names { slices: names, series } = Names::new(series, &mut HashSet::new());
        Self { names, series, own: paths.into_iter().filter_map(|p| p.canonicalize().ok()).collect() }
    }

    /// The picture `path`, where it is one and is called like a slice.
    pub(super) fn picture(&self, path: &Path) -> Option<Picture> {
        let stem = path.file_stem()?.to_str()?;
        let fits = |(slice, name): (usize, &String)| {
            let rest = stem.strip_prefix(name.as_str())?;
            let label = rest.strip_prefix('.');
            (rest.is_empty() || label.is_some()).then(|| (name.len(), slice, label.map(str::to_owned)))
        };
        // The longest name: "a.b.png" is rather the label map of "a.b" than label "b" of "a".
        let (_, slice, label) = self.names.iter().enumerate().filter_map(fits).max_by_key(|(n, ..)| *n)?;
        let is_no_mask =
            label.as_deref().is_some_and(|l| l.split('.').any(|p| ["overlay", "probability"].contains(&p)));
        if is_no_mask || self.is_own(path) || !is_picture(path) {
            return None;
        }
        Some(Picture { path: path.to_owned(), frame: 0, slice, label })
    }

    /// The pictures of slices in `path`: one, or the pages of a stack that is called like the file of the series.
    pub(super) fn pictures(&self, path: &Path) -> Vec<Picture> {
        let is_stack = self.names.len() > 1 && path.file_stem().is_some_and(|stem| stem == self.series.as_str());
        let stack = || if is_stack && !self.is_own(path) { Picture::pages(path, self.names.len()) } else { None };
        self.picture(path).map(|one| vec![one]).or_else(stack).unwrap_or_default()
    }

    fn is_own(&self, path: &Path) -> bool {
        path.canonicalize().is_ok_and(|real| self.own.contains(&real))
    }
}

impl Picture {
    /// The label maps of all slices, as pages of one file whatever it is called; `None` where it has not as many pages.
    pub(super) fn pages(path: &Path, slices: usize) -> Option<Vec<Self>> {
        if slices == 1 {
            return is_picture(path).then(|| vec![Self { path: path.to_owned(), frame: 0, slice: 0, label: None }]);
        }
        let mut parts = picture::probe(path).ok()?.parts.into_iter();
        let frames = parts.next().filter(|part| part.frames.len() == slices)?.frames;
        let page = |(slice, frame)| Self { path: path.to_owned(), frame, slice, label: None };
        Some(frames.into_iter().enumerate().map(page).collect())
    }
}

/// Label maps where there are some, else masks of single labels.
pub(super) fn import(pictures: Vec<Picture>, series: &Series) -> Result<Imported> {
    let mut notes = Vec::new();
    let mut labels = described(&pictures, series, &mut notes)?;
    let (maps, masks): (Vec<Picture>, Vec<Picture>) = pictures.into_iter().partition(|p| p.label.is_none());
    let masks = if maps.is_empty() {
        single_labels(&masks, series, &mut labels, &mut notes)?
    } else {
        label_maps(&maps, series, &mut labels, &mut notes)?
    };
    Ok(Imported { labels, masks: masks.into_iter().collect(), notes })
}

/// The labels that a file beside the pictures describes; none without one.
fn described(pictures: &[Picture], series: &Series, notes: &mut Vec<String>) -> Result<Vec<Label>> {
    let name = Names::new(series, &mut HashSet::new()).series;
    let folder = pictures.first().and_then(|p| p.path.parent()).unwrap_or(Path::new("."));
    match labels_beside(folder, &name) {
        Some(path) => read_labels(&path),
        None => {
            notes.push("there is no labels.json beside the pictures, so the codes of the labels are not known".into());
            Ok(Vec::new())
        }
    }
}

fn label_maps(
    maps: &[Picture],
    series: &Series,
    labels: &mut Vec<Label>,
    notes: &mut Vec<String>,
) -> Result<BTreeMap<usize, Mask>> {
    let mut masks = BTreeMap::new();
    let named = labels.len();
    for map in maps {
        let mask = read(map, series, notes)?;
        let highest = mask.labels().iter().copied().max().unwrap_or(0);
        for i in labels.len()..usize::from(highest) {
            labels.push(Label::named(format!("Label {}", i + 1), i));
        }
        if masks.insert(map.slice, mask).is_some() {
            let reason = format!("two label maps are of slice {}", map.slice + 1);
            return Err(Error::at(TRIED, &map.path, reason).advise("Leave one of them out."));
        }
    }
    if named > 0 && labels.len() > named {
        notes.push(format!("the values {} to {} are in no list of labels", named + 1, labels.len()));
    }
    if labels.is_empty() {
        labels.push(Label::named("Label 1", 0));
    }
    Ok(masks)
}

fn single_labels(
    pictures: &[Picture],
    series: &Series,
    labels: &mut Vec<Label>,
    notes: &mut Vec<String>,
) -> Result<BTreeMap<usize, Mask>> {
    let mut values: BTreeMap<usize, Vec<u8>> = BTreeMap::new();
    let mut overlapping = 0;
    for picture in pictures {
        let part = picture.label.as_deref().unwrap_or_default();
        let index = labels.iter().position(|l| safe_name(&l.name) == part).unwrap_or_else(|| {
            labels.push(Label::named(part, labels.len()));
            labels.len() - 1
        });
        let label =
            u8::try_from(index + 1).map_err(|_| Error::at(TRIED, &picture.path, "there are over 255 labels"))?;
        let mask = read(picture, series, notes)?;
        let of_slice = values.entry(picture.slice).or_insert_with(|| vec![0; mask.labels().len()]);
        for (old, _) in of_slice.iter_mut().zip(mask.labels()).filter(|(_, value)| **value != 0) {
            overlapping += usize::from(*old != 0);
            *old = label;
        }
    }
    if overlapping > 0 {
        notes.push(format!("labels overlap in {overlapping} pixels, the later label was taken there"));
    }
    let mask = |(slice, values)| Some((slice, Mask::from_labels(series.columns, series.rows, values)?));
    Ok(values.into_iter().filter_map(mask).collect())
}

/// A mask of the size of the slices, as it lies on its slice.
fn read(picture: &Picture, series: &Series, notes: &mut Vec<String>) -> Result<Mask> {
    let path = picture.path.as_path();
    let size = (series.columns, series.rows);
    let image = series.slices.get(picture.slice).map(|slice| MaskOf { source: slice.source.clone(), size });
    let (mask, note) = label_file::decode(path, picture.frame, image.as_ref())?;
    notes.extend(note.filter(|note| !notes.contains(note)));
    let (columns, rows) = (mask.columns(), mask.rows());
    if (columns, rows) != size {
        let reason = format!("it is {columns} x {rows} pixels, the image {} x {}", series.columns, series.rows);
        let advice = format!("\"{}\" must be a mask of that very image, not scaled or cropped.", name(path));
        return Err(Error::at(TRIED, path, reason).advise(advice));
    }
    Ok(mask)
}
