//! Masks from COCO JSON ("Data format" of cocodataset.org): polygons, run lengths as numbers and run lengths as text. Images
//! are known by SOP Instance UID and frame, as our own files name them, else by the end of their path.

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
    path::{Path, PathBuf},
};

/// No such file is larger.
const MOST_BYTES: u64 = 1 << 28;
/// More labels do not fit in a mask.
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
    /// 1-based; of our own files.
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

/// True for a JSON file that speaks of images, annotations and categories.
pub(super) fn is_coco(path: &Path) -> bool {
    let is_json = path
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
    let is_small = || std::fs::metadata(path).is_ok_and(|about| about.len() <= MOST_BYTES);
    let parts = ["\"images\"", "\"annotations\"", "\"categories\""];
    let holds = |bytes: Vec<u8>| {
        parts
            .iter()
            .all(|part| memchr::memmem::find(&bytes, part.as_bytes()).is_some())
    };
    is_json && is_small() && std::fs::read(path).is_ok_and(holds)
}

fn read_file(path: &Path) -> std::result::Result<CocoFile, String> {
    let bytes = std::fs::read(path).map_err(|e| e.to_string())?;
    serde_json::from_slice(&bytes).map_err(|e| format!("it is no COCO file ({e})"))
}

/// The masks of a series.
///
/// # Errors
/// Where the file names no image of the series ([`ErrorKind::NotFound`]), several images fit one slice, sizes differ, or a shape
/// makes no sense.
pub(super) fn import_masks(
    path: &Path,
    series: &Series,
    choice: &MaskChoice,
) -> Result<ImportedMasks> {
    let failed = |reason: String| Error::at_path(TRIED, path, reason);
    let coco = read_file(path).map_err(failed)?;
    let mut pictures: Vec<(usize, &ImageEntry)> = Vec::new();
    for (index, slice) in series.slices.iter().enumerate() {
        pictures.extend(
            picture_of(&coco.images, slice)
                .map_err(failed)?
                .map(|picture| (index, picture)),
        );
    }
    if pictures.is_empty() {
        return Err(failed("it names none of these images".into()).of_kind(ErrorKind::NotFound));
    }
    let (columns, rows) = (series.columns, series.rows);
    let other_size = |(_, p): &&(usize, &ImageEntry)| {
        p.width.is_some_and(|w| w != columns) || p.height.is_some_and(|h| h != rows)
    };
    if let Some((_, picture)) = pictures.iter().find(other_size) {
        let [w, h] = [picture.width, picture.height].map(Option::unwrap_or_default);
        let reason = format!(
            "\"{}\" is {w} x {h} pixels in it, the image {columns} x {rows}",
            picture.file_name
        );
        return Err(failed(reason)
            .with_advice("The annotations must be of that very image, not scaled or cropped."));
    }
    paint_annotations(&coco, &pictures, [columns, rows], choice).map_err(failed)
}

/// The picture that a slice is; `None` where there is none.
fn picture_of<'a>(
    pictures: &'a [ImageEntry],
    slice: &Slice,
) -> std::result::Result<Option<&'a ImageEntry>, String> {
    let frame = |picture: &ImageEntry| picture.frame.unwrap_or(1) == slice.source.frame + 1;
    let by_uid = |picture: &&ImageEntry| {
        picture.sop_instance_uid.is_some()
            && picture.sop_instance_uid.as_deref() == slice.uid_in_file()
    };
    if let Some(found) = pictures
        .iter()
        .find(|picture| by_uid(picture) && frame(picture))
    {
        return Ok(Some(found));
    }
    let path = &slice.source.path;
    let named = |picture: &&ImageEntry| {
        let name: PathBuf = picture.file_name.split(['/', '\\']).collect();
        frame(picture) && (path.ends_with(&name) || name.file_name() == path.file_name())
    };
    // As much of the path as possible: "a/1.png" rather than "b/1.png".
    let alike = |picture: &&ImageEntry| {
        let parts: Vec<&str> = picture.file_name.split(['/', '\\']).collect();
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
    };
    let fitting: Vec<&ImageEntry> = pictures.iter().filter(named).collect();
    let best = fitting.iter().map(alike).max().unwrap_or(0);
    let mut fitting = fitting.into_iter().filter(|picture| alike(picture) == best);
    match (fitting.next(), fitting.next()) {
        (Some(one), Some(other)) => Err(format!(
            "\"{}\" and \"{}\" in it may both be {}",
            one.file_name,
            other.file_name,
            path.display()
        )),
        (found, _) => Ok(found),
    }
}

/// Paints the annotations of these pictures over each other, smaller labels over larger ones.
fn paint_annotations(
    coco: &CocoFile,
    pictures: &[(usize, &ImageEntry)],
    [columns, rows]: [usize; 2],
    choice: &MaskChoice,
) -> std::result::Result<ImportedMasks, String> {
    let number = |id: i64| u32::try_from(id).unwrap_or(u32::MAX);
    let offered: Vec<Offered<'_>> = coco
        .categories
        .iter()
        .map(|c| Offered {
            number: number(c.id),
            name: &c.name,
        })
        .collect();
    let taken = Taken::from_choice(&offered, choice)?;
    if taken.indices.len() > MOST_LABELS {
        return Err(format!(
            "it has {} categories, and a mask holds {MOST_LABELS}: choose some with --only",
            taken.indices.len()
        ));
    }
    let regions = collect_regions(coco, pictures, [columns, rows], &taken)?;
    let size = |i: usize| {
        regions[i]
            .values()
            .flatten()
            .map(Region::len)
            .sum::<usize>()
    };
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
    for category in taken.lowest_first(size) {
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
        .map(|i| number(coco.categories[*i].id))
        .collect();
    let sizes: Vec<usize> = taken.indices.iter().map(|i| size(*i)).collect();
    let report = painter.taken_labels(&numbers, &sizes);
    let mask = |(slice, values)| Some((slice, Mask::from_labels(columns, rows, values)?));
    Ok(ImportedMasks {
        labels,
        masks: masks.into_iter().filter_map(mask).collect(),
        notes,
        taken: report,
        ..ImportedMasks::default()
    })
}

/// Of each category that is taken, its shapes on the slices.
fn collect_regions(
    coco: &CocoFile,
    pictures: &[(usize, &ImageEntry)],
    [columns, rows]: [usize; 2],
    taken: &Taken,
) -> std::result::Result<Vec<BTreeMap<usize, Vec<Region>>>, String> {
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
        let category =
            category.ok_or_else(|| format!("it has no category {}", annotation.category_id))?;
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

fn shape_region(
    shape: &ShapeEntry,
    columns: usize,
    rows: usize,
) -> std::result::Result<Region, String> {
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
            "run lengths in it are of {} x {} pixels, the image has {columns} x {rows}",
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

/// Runs outside and inside in turn, column after column.
fn region_from_runs(
    counts: &[u64],
    columns: usize,
    rows: usize,
) -> std::result::Result<Region, String> {
    let wrong = || "run lengths in it do not fill the image".to_owned();
    let (mut at, mut spans) = (0usize, Vec::new());
    for (turn, count) in counts.iter().enumerate() {
        let end = usize::try_from(*count)
            .ok()
            .and_then(|count| at.checked_add(count));
        let end = end.filter(|end| *end <= columns * rows).ok_or_else(wrong)?;
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
        Err(wrong())
    }
}

/// Run lengths as pycocotools packs them: five bits in a letter, the differences to the run before the last.
fn unpack_run_lengths(text: &str) -> std::result::Result<Vec<u64>, String> {
    let wrong = || "run lengths in it are damaged".to_owned();
    let mut counts: Vec<i64> = Vec::new();
    let mut letters = text.bytes();
    while let Some(first) = letters.next() {
        let (mut letter, mut value, mut shift) = (first, 0i64, 0u32);
        loop {
            let bits = i64::from(
                letter
                    .checked_sub(48)
                    .filter(|bits| *bits < 64)
                    .ok_or_else(wrong)?,
            );
            if shift > 55 {
                return Err(wrong());
            }
            value |= (bits & 0x1f) << shift;
            shift += 5;
            if bits & 0x20 == 0 {
                if bits & 0x10 != 0 {
                    value |= -1 << shift;
                }
                break;
            }
            letter = letters.next().ok_or_else(wrong)?;
        }
        if let Some(before) = counts.len().checked_sub(2).filter(|_| counts.len() > 2) {
            value = value.checked_add(counts[before]).ok_or_else(wrong)?;
        }
        counts.push(value);
    }
    counts
        .into_iter()
        .map(|count| u64::try_from(count).map_err(|_| wrong()))
        .collect()
}

#[cfg(test)]
mod tests;
