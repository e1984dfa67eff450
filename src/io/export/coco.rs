//! Writes COCO JSON (object detection, "Data format" of cocodataset.org): images, categories, and an annotation with the
//! exact mask for each label on each image. A label without holes is stored as polygons along its pixel edges (`iscrowd` 0).
//! Polygons cannot represent holes, so a label with holes is stored as uncompressed run lengths (`iscrowd` 1).

use crate::{Error, Result};
use labrum_core::{
    boundary::trace_contours, label::Label, mask::Mask, naming::told_apart, study::Series,
    whole_file,
};
use serde::Serialize;
use std::path::Path;

const TRIED: &str = "write the COCO annotations";

/// A data set to which series are added.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CocoWriter {
    info: Info,
    images: Vec<CocoImage>,
    annotations: Vec<CocoAnnotation>,
    categories: Vec<CocoCategory>,
}

#[derive(Clone, Debug, Serialize)]
struct Info {
    description: &'static str,
    version: &'static str,
}

impl Default for Info {
    fn default() -> Self {
        Self {
            description: "Segmentations by Labrum",
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

#[derive(Clone, Debug, Serialize)]
struct CocoImage {
    id: usize,
    file_name: String,
    width: usize,
    height: usize,
    /// 1-based frame in the file.
    frame: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    sop_instance_uid: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct CocoAnnotation {
    id: usize,
    image_id: usize,
    category_id: usize,
    segmentation: CocoShape,
    area: usize,
    /// x, y, width, height.
    bbox: [usize; 4],
    iscrowd: u8,
}

#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
enum CocoShape {
    /// x, y of each corner, one list per polygon.
    Polygons(Vec<Vec<f64>>),
    Runs(RunLengths),
}

#[derive(Clone, Debug, Serialize)]
struct RunLengths {
    /// Lengths of alternating runs outside and inside the label, column by column.
    counts: Vec<u32>,
    /// Height, width.
    size: [usize; 2],
}

#[derive(Clone, Debug, Serialize)]
struct CocoCategory {
    id: usize,
    name: String,
    supercategory: String,
}

impl CocoWriter {
    /// Adds the slices of a series with their masks. `names` are the file names of the images. Labels of one series become
    /// different categories even if they have the same name; labels with the same name in several series share a category.
    pub fn add_series(
        &mut self,
        series: &Series,
        names: &[String],
        masks: &[Mask],
        labels: &[Label],
    ) {
        let called = told_apart(standing_labels(labels).map(|(_, label)| label.name.as_str()));
        let categories: Vec<(u8, usize)> = standing_labels(labels)
            .zip(called)
            .map(|((value, label), name)| (value, self.category_id(label, name)))
            .collect();
        for ((slice, name), mask) in series.slices.iter().zip(names).zip(masks) {
            let image_id = self.images.len() + 1;
            self.images.push(CocoImage {
                id: image_id,
                file_name: name.clone(),
                width: mask.columns(),
                height: mask.rows(),
                frame: slice.source.frame + 1,
                sop_instance_uid: slice.uid_in_file().map(str::to_owned),
            });
            for &(label, category_id) in &categories {
                let region = mask.label_region(label);
                if region.is_empty() {
                    continue;
                }
                let bounds = region.bounds();
                let segmentation = label_shape(mask, label);
                self.annotations.push(CocoAnnotation {
                    id: self.annotations.len() + 1,
                    image_id,
                    category_id,
                    area: region.len(),
                    bbox: [
                        bounds.columns.start,
                        bounds.rows.start,
                        bounds.columns.len(),
                        bounds.rows.len(),
                    ],
                    iscrowd: u8::from(matches!(segmentation, CocoShape::Runs(_))),
                    segmentation,
                });
            }
        }
    }

    /// The file name of each slice of a series.
    pub fn file_names(series: &Series) -> Vec<String> {
        series
            .slices
            .iter()
            .map(|slice| {
                let name = slice.source.path.file_name().unwrap_or_default();
                name.to_string_lossy().into_owned()
            })
            .collect()
    }

    fn category_id(&mut self, label: &Label, name: String) -> usize {
        if let Some(known) = self.categories.iter().find(|c| c.name == name) {
            return known.id;
        }
        let id = self.categories.len() + 1;
        let supercategory = label.category.meaning.clone();
        self.categories.push(CocoCategory {
            id,
            name,
            supercategory,
        });
        id
    }

    /// Writes the file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_file(&self, path: &Path) -> Result<()> {
        let bytes = serde_json::to_vec(self).map_err(|e| Error::at_path(TRIED, path, e))?;
        whole_file::write_atomically(path, TRIED, |file| file.write_all(&bytes))
    }
}

/// The labels with their mask values, without labels that are gone.
fn standing_labels(labels: &[Label]) -> impl Iterator<Item = (u8, &Label)> {
    (1..=255u8)
        .zip(labels)
        .filter(|(_, label)| !label.is_gone())
}

/// Polygons, or run lengths for a label with holes.
fn label_shape(mask: &Mask, label: u8) -> CocoShape {
    let rings = trace_contours(mask, label);
    match rings.iter().any(|ring| ring.is_hole) {
        true => CocoShape::Runs(run_lengths(mask, label)),
        false => CocoShape::Polygons(
            rings
                .into_iter()
                .map(|ring| ring.points.into_iter().flatten().collect())
                .collect(),
        ),
    }
}

fn run_lengths(mask: &Mask, label: u8) -> RunLengths {
    let (columns, rows) = mask.columns_and_rows();
    let mut counts = vec![0];
    let mut is_inside = false;
    for index in 0..columns * rows {
        let value = mask
            .pixel_labels()
            .get(index % rows * columns + index / rows)
            == Some(&label);
        if value != is_inside {
            counts.push(0);
            is_inside = value;
        }
        if let Some(last) = counts.last_mut() {
            *last += 1;
        }
    }
    RunLengths {
        counts,
        size: [rows, columns],
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn run_lengths_are_column_major_and_begin_with_background() {
        let mask = Mask::from_labels(3, 2, vec![1, 0, 0, 1, 1, 0]).unwrap();
        assert_eq!(run_lengths(&mask, 1).counts, [0, 2, 1, 1, 2]);
        assert_eq!(run_lengths(&mask, 1).size, [2, 3]);
        assert_eq!(run_lengths(&mask, 2).counts, [6]);
    }

    #[test]
    fn labels_without_holes_are_polygons_and_labels_with_holes_are_run_lengths() {
        let series = crate::io::export::series::tests::clip(1);
        let mask =
            Mask::from_labels(5, 3, vec![1, 1, 1, 0, 2, 1, 0, 1, 0, 0, 1, 1, 1, 0, 2]).unwrap();
        let mut coco = CocoWriter::default();
        coco.add_series(
            &series,
            &["clip.dcm".into()],
            &[mask],
            &[Label::with_name("Ring", 0), Label::with_name("Dots", 1)],
        );
        let json = serde_json::to_value(&coco).unwrap();
        let [ring, dots] = [0, 1].map(|i| &json["annotations"][i]);
        assert_eq!(
            (&ring["iscrowd"], &ring["segmentation"]["size"]),
            (&1.into(), &serde_json::json!([3, 5]))
        );
        let corners = serde_json::json!([
            [4.0, 0.0, 5.0, 0.0, 5.0, 1.0, 4.0, 1.0],
            [4.0, 2.0, 5.0, 2.0, 5.0, 3.0, 4.0, 3.0]
        ]);
        assert_eq!(
            (&dots["iscrowd"], &dots["segmentation"], &dots["area"]),
            (&0.into(), &corners, &2.into())
        );
    }

    #[test]
    fn labels_with_the_same_name_are_separate_categories_shared_by_all_series() {
        let series = crate::io::export::series::tests::clip(1);
        let mask = Mask::from_labels(2, 2, vec![1, 2, 2, 3]).unwrap();
        let labels: Vec<Label> = ["Lesion", "Lesion", "Liver"]
            .iter()
            .enumerate()
            .map(|(i, n)| Label::with_name(*n, i))
            .collect();
        let mut coco = CocoWriter::default();
        for _ in 0..2 {
            coco.add_series(
                &series,
                &["clip.dcm".into()],
                std::slice::from_ref(&mask),
                &labels,
            );
        }
        let names: Vec<&str> = coco.categories.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["Lesion", "Lesion (2)", "Liver"]);
        let areas: Vec<(usize, usize)> = coco
            .annotations
            .iter()
            .map(|a| (a.category_id, a.area))
            .collect();
        assert_eq!(areas, [(1, 1), (2, 2), (3, 1), (1, 1), (2, 2), (3, 1)]);
    }
}
