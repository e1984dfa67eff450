//! Masks from COCO JSON ("Data format" of cocodataset.org): polygons, and run lengths as numbers or as text. Images are
//! matched by SOP Instance UID and frame, as in files written by Labrum, else by the end of their path.

use super::TRIED;
use crate::{Error, ErrorKind, Result};
use labrum_core::{
    import::{
        ImportedMasks, MaskChoice,
        choice::{Offered, Taken, tell_apart},
        overlap::Painter,
    },
    label::Label,
    mask::Mask,
    region::{Region, Span},
    study::{Series, Slice},
    tools::polygon,
};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    result,
};

/// Maximum size of a file in bytes.
const MOST_BYTES: u64 = 1 << 28;
/// Maximum number of labels in a mask.
const MOST_LABELS: usize = 255;

#[derive(Deserialize)]
struct CocoFile {
    images: Vec<ImageEntry>,
    annotations: Vec<AnnotationEntry>,
    categories: Vec<CategoryEntry>,
}

#[derive(Deserialize)]
struct ImageEntry {
    id: i64,
    file_name: String,
    #[serde(default)]
    width: Option<usize>,
    #[serde(default)]
    height: Option<usize>,
    /// 1-based; only in files written by Labrum.
    #[serde(default)]
    frame: Option<u32>,
    #[serde(default)]
    sop_instance_uid: Option<String>,
}

#[derive(Deserialize)]
struct CategoryEntry {
    id: i64,
    name: String,
}

#[derive(Deserialize)]
struct AnnotationEntry {
    image_id: i64,
    category_id: i64,
    #[serde(default)]
    segmentation: Option<ShapeEntry>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum ShapeEntry {
    Polygons(Vec<Vec<f64>>),
    Runs { counts: Counts, size: [usize; 2] },
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Counts {
    Numbers(Vec<u64>),
    Text(String),
}

/// True for a JSON file with images, annotations and categories.
pub(super) fn is_coco(path: &Path) -> bool {
    let is_json = path
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
    is_json
        && fs::metadata(path).is_ok_and(|about| about.len() <= MOST_BYTES)
        && fs::read(path).is_ok_and(|bytes| names_all_parts(&bytes))
}

/// True for text that contains the names of the three lists of a COCO file.
fn names_all_parts(json: &[u8]) -> bool {
    ["\"images\"", "\"annotations\"", "\"categories\""]
        .iter()
        .all(|part| memchr::memmem::find(json, part.as_bytes()).is_some())
}

fn read_file(path: &Path) -> result::Result<CocoFile, String> {
    let bytes = fs::read(path).map_err(|e| e.to_string())?;
    serde_json::from_slice(&bytes).map_err(|e| format!("not a COCO file ({e})"))
}

/// The masks of a series.
///
/// # Errors
/// If the file refers to no image of the series ([`ErrorKind::NotFound`]), several images match one slice, sizes differ, or a
/// shape is not valid.
pub(super) fn import_masks(
    path: &Path,
    series: &Series,
    choice: &MaskChoice,
) -> Result<ImportedMasks> {
    let coco = read_file(path).map_err(|reason| Error::at_path(TRIED, path, reason))?;
    let mut pictures: Vec<(usize, &ImageEntry)> = Vec::new();
    for (index, slice) in series.slices.iter().enumerate() {
        let picture = picture_of(&coco.images, slice)
            .map_err(|reason| Error::at_path(TRIED, path, reason))?;
        pictures.extend(picture.map(|picture| (index, picture)));
    }
    if pictures.is_empty() {
        return Err(
            Error::at_path(TRIED, path, "it does not refer to any of these images")
                .of_kind(ErrorKind::NotFound),
        );
    }
    let (columns, rows) = series.columns_and_rows();
    let of_other_size = pictures
        .iter()
        .find(|(_, picture)| !picture.fits_size(columns, rows));
    if let Some((_, picture)) = of_other_size {
        let [w, h] = [picture.width, picture.height].map(Option::unwrap_or_default);
        let reason = format!(
            "\"{}\" has {w} x {h} pixels in this file, but the image has {columns} x {rows}",
            picture.file_name
        );
        return Err(Error::at_path(TRIED, path, reason).with_advice(
            "The annotations must be for the image itself, not for a scaled or cropped copy.",
        ));
    }
    paint_annotations(&coco, &pictures, [columns, rows], choice)
        .map_err(|reason| Error::at_path(TRIED, path, reason))
}

impl ImageEntry {
    /// True unless it states a different size.
    fn fits_size(&self, columns: usize, rows: usize) -> bool {
        self.width.is_none_or(|width| width == columns)
            && self.height.is_none_or(|height| height == rows)
    }

    /// True if its frame number is that of the slice; without a number it is the first frame.
    fn is_frame_of(&self, slice: &Slice) -> bool {
        self.frame.unwrap_or(1) == slice.source.frame + 1
    }

    fn has_uid_of(&self, slice: &Slice) -> bool {
        self.sop_instance_uid.is_some() && self.sop_instance_uid.as_deref() == slice.uid_in_file()
    }

    /// True if `path` ends with its file name, or at least has the same last part.
    fn is_named_like(&self, path: &Path) -> bool {
        let name: PathBuf = self.file_name.split(['/', '\\']).collect();
        path.ends_with(&name) || name.file_name() == path.file_name()
    }

    /// Number of parts that its file name and `path` have in common, counted from the end.
    fn count_shared_parts(&self, path: &Path) -> usize {
        let parts: Vec<&str> = self.file_name.split(['/', '\\']).collect();
        let own = path
            .components()
            .rev()
            .map(|part| part.as_os_str().to_string_lossy().into_owned());
        parts
            .iter()
            .rev()
            .zip(own)
            .take_while(|(a, b)| **a == b.as_str())
            .count()
    }
}

/// The image entry of a slice; `None` if there is none.
fn picture_of<'a>(
    pictures: &'a [ImageEntry],
    slice: &Slice,
) -> result::Result<Option<&'a ImageEntry>, String> {
    let by_uid = pictures
        .iter()
        .find(|picture| picture.has_uid_of(slice) && picture.is_frame_of(slice));
    if by_uid.is_some() {
        return Ok(by_uid);
    }
    let path = &slice.source.path;
    let named: Vec<&ImageEntry> = pictures
        .iter()
        .filter(|picture| picture.is_frame_of(slice) && picture.is_named_like(path))
        .collect();
    // Prefer the longest match: for "x/a/1.png" rather "a/1.png" than "b/1.png".
    let best = named
        .iter()
        .map(|picture| picture.count_shared_parts(path))
        .max()
        .unwrap_or(0);
    let mut fitting = named
        .into_iter()
        .filter(|picture| picture.count_shared_parts(path) == best);
    match (fitting.next(), fitting.next()) {
        (Some(one), Some(other)) => Err(format!(
            "\"{}\" and \"{}\" in this file both match {}",
            one.file_name,
            other.file_name,
            path.display()
        )),
        (found, _) => Ok(found),
    }
}

/// Paints the annotations of these images, smaller labels on top of larger ones.
fn paint_annotations(
    coco: &CocoFile,
    pictures: &[(usize, &ImageEntry)],
    [columns, rows]: [usize; 2],
    choice: &MaskChoice,
) -> result::Result<ImportedMasks, String> {
    let offered: Vec<Offered<'_>> = coco
        .categories
        .iter()
        .map(|c| Offered {
            number: category_number(c.id),
            name: &c.name,
        })
        .collect();
    let taken = Taken::from_choice(&offered, choice)?;
    if taken.indices.len() > MOST_LABELS {
        return Err(format!(
            "the file has {} categories, but a mask can hold only {MOST_LABELS}: choose some with \
             --only",
            taken.indices.len()
        ));
    }
    let regions = collect_regions(coco, pictures, [columns, rows], &taken)?;
    let mut labels: Vec<Label> = taken
        .indices
        .iter()
        .enumerate()
        .map(|(place, i)| Label::with_name(coco.categories[*i].name.trim(), place))
        .collect();
    let mut notes: Vec<String> = tell_apart(&mut labels).into_iter().collect();
    let mut painter = Painter::default();
    let mut masks: BTreeMap<usize, Vec<u8>> = pictures
        .iter()
        .map(|(slice, _)| (*slice, vec![0; columns * rows]))
        .collect();
    for category in taken.lowest_first(|i| count_pixels(&regions[i])) {
        let Some(label) = taken.indices.iter().position(|i| *i == category) else {
            continue;
        };
        for (slice, shapes) in &regions[category] {
            let Some(mask) = masks.get_mut(slice) else {
                continue;
            };
            for span in shapes.iter().flat_map(Region::spans) {
                let row =
                    mask.get_mut(span.row * columns + span.start..span.row * columns + span.end);
                row.into_iter()
                    .flatten()
                    .for_each(|pixel| painter.paint_pixel(pixel, label as u8 + 1));
            }
        }
    }
    notes.extend(painter.overlap_notes(&labels));
    let numbers: Vec<u32> = taken
        .indices
        .iter()
        .map(|i| category_number(coco.categories[*i].id))
        .collect();
    let sizes: Vec<usize> = taken
        .indices
        .iter()
        .map(|i| count_pixels(&regions[*i]))
        .collect();
    let report = painter.taken_labels(&numbers, &sizes);
    Ok(ImportedMasks {
        labels,
        masks: masks
            .into_iter()
            .filter_map(|(slice, values)| Some((slice, Mask::from_labels(columns, rows, values)?)))
            .collect(),
        notes,
        taken: report,
        ..ImportedMasks::default()
    })
}

/// The number by which a category can be chosen; `u32::MAX` for an id that is out of range.
fn category_number(id: i64) -> u32 {
    u32::try_from(id).unwrap_or(u32::MAX)
}

/// Total number of pixels of a category on all slices.
fn count_pixels(shapes: &BTreeMap<usize, Vec<Region>>) -> usize {
    shapes.values().flatten().map(Region::len).sum()
}

/// The shapes of each chosen category, by slice.
fn collect_regions(
    coco: &CocoFile,
    pictures: &[(usize, &ImageEntry)],
    [columns, rows]: [usize; 2],
    taken: &Taken,
) -> result::Result<Vec<BTreeMap<usize, Vec<Region>>>, String> {
    let mut regions: Vec<BTreeMap<usize, Vec<Region>>> =
        vec![BTreeMap::new(); coco.categories.len()];
    for annotation in &coco.annotations {
        let Some((slice, _)) = pictures
            .iter()
            .find(|(_, picture)| picture.id == annotation.image_id)
        else {
            continue;
        };
        let category = coco
            .categories
            .iter()
            .position(|c| c.id == annotation.category_id);
        let category = category
            .ok_or_else(|| format!("category {} is not defined", annotation.category_id))?;
        if !taken.indices.contains(&category) {
            continue;
        }
        let Some(shape) = &annotation.segmentation else {
            continue;
        };
        regions[category]
            .entry(*slice)
            .or_default()
            .push(shape_region(shape, columns, rows)?);
    }
    Ok(regions)
}

fn shape_region(shape: &ShapeEntry, columns: usize, rows: usize) -> result::Result<Region, String> {
    match shape {
        ShapeEntry::Polygons(polygons) => {
            let mut spans: Vec<Span> = Vec::new();
            for corners in polygons {
                let points: Vec<[f64; 2]> = corners.chunks_exact(2).map(|c| [c[0], c[1]]).collect();
                spans.extend_from_slice(polygon::rasterize_polygon(&points, columns, rows).spans());
            }
            Ok(Region::from_spans(spans))
        }
        ShapeEntry::Runs { size, .. } if *size != [rows, columns] => Err(format!(
            "run lengths are for {} x {} pixels, but the image has {columns} x {rows}",
            size[1], size[0]
        )),
        ShapeEntry::Runs {
            counts: Counts::Numbers(counts),
            ..
        } => region_from_runs(counts, columns, rows),
        ShapeEntry::Runs {
            counts: Counts::Text(text),
            ..
        } => region_from_runs(&unpack_run_lengths(text)?, columns, rows),
    }
}

/// Decodes alternating runs outside and inside the shape, column by column.
fn region_from_runs(counts: &[u64], columns: usize, rows: usize) -> result::Result<Region, String> {
    const WRONG: &str = "run lengths do not match the image size";
    let mut at = 0usize;
    let mut spans = Vec::new();
    for (turn, count) in counts.iter().enumerate() {
        let end = usize::try_from(*count)
            .ok()
            .and_then(|count| at.checked_add(count));
        let end = end.filter(|end| *end <= columns * rows).ok_or(WRONG)?;
        if turn % 2 == 1 {
            spans.extend((at..end).map(|i| Span {
                row: i % rows,
                start: i / rows,
                end: i / rows + 1,
            }));
        }
        at = end;
    }
    if at == columns * rows {
        Ok(Region::from_spans(spans))
    } else {
        Err(WRONG.into())
    }
}

/// Unpacks run lengths from the text format of pycocotools: five bits per character; from the fourth run on, differences to
/// the run two before.
fn unpack_run_lengths(text: &str) -> result::Result<Vec<u64>, String> {
    const WRONG: &str = "run lengths are damaged";
    let mut counts: Vec<i64> = Vec::new();
    let mut letters = text.bytes();
    while let Some(first) = letters.next() {
        let mut letter = first;
        let mut value = 0i64;
        let mut shift = 0u32;
        loop {
            let bits = i64::from(
                letter
                    .checked_sub(48)
                    .filter(|bits| *bits < 64)
                    .ok_or(WRONG)?,
            );
            if shift > 55 {
                return Err(WRONG.into());
            }
            value |= (bits & 0x1f) << shift;
            shift += 5;
            if bits & 0x20 == 0 {
                if bits & 0x10 != 0 {
                    value |= -1 << shift;
                }
                break;
            }
            letter = letters.next().ok_or(WRONG)?;
        }
        if let Some(before) = counts.len().checked_sub(2).filter(|_| counts.len() > 2) {
            value = value.checked_add(counts[before]).ok_or(WRONG)?;
        }
        counts.push(value);
    }
    counts
        .into_iter()
        .map(|count| u64::try_from(count).map_err(|_| WRONG.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests;
