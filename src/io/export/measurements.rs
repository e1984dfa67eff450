//! Area, perimeter, diameter and volume of a series as CSV and JSON, with units and the source of the spacing.

use crate::{Error, Result};
use labrum_core::{
    geometry::SpacingSource,
    label::Label,
    mask::Mask,
    measure::{label_volume, measure_all},
    naming::told_apart,
    scale::NoLength,
    study::{Series, Slice},
    whole_file,
};
use serde::Serialize;
use std::path::Path;

const TRIED: &str = "write the measurements";

/// The measurements on a series.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measurements {
    /// Series Instance UID; for image files the path.
    pub series: String,
    /// Every label on every slice that contains it, in order of slices.
    pub slices: Vec<SliceMeasurement>,
    /// Every label with a volume; empty if pixel or slice spacing is not known in mm.
    pub volumes: Vec<VolumeMeasurement>,
}

/// One label on one slice: a row of the table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SliceMeasurement {
    /// Name of the source file, without its folders.
    pub file: String,
    /// 1-based frame in the file.
    pub frame: u32,
    /// 1-based number in the series, as displayed.
    pub slice: usize,
    /// SOP Instance UID of the slice; empty for image files.
    pub sop_instance_uid: Option<String>,
    /// Value of the label in the mask.
    pub label: u8,
    /// Name of the label, with a number if several have the same name.
    pub name: String,
    /// Number of pixels.
    pub pixels: usize,
    /// Unit of lengths: "mm" or "px".
    pub unit: &'static str,
    /// Area in `unit` squared.
    pub area: f64,
    /// Perimeter in `unit`.
    pub perimeter: f64,
    /// Longest diameter in `unit`.
    pub longest_diameter: f64,
    /// Ends of the longest diameter in pixel coordinates; the first pixel covers 0..1.
    pub diameter_x1: f64,
    /// See `diameter_x1`.
    pub diameter_y1: f64,
    /// See `diameter_x1`.
    pub diameter_x2: f64,
    /// See `diameter_x1`.
    pub diameter_y2: f64,
    /// Distance between rows in mm.
    pub row_spacing_mm: Option<f64>,
    /// Distance between columns in mm.
    pub column_spacing_mm: Option<f64>,
    /// Source of the spacing: the DICOM attribute, "NIfTI header" or "picture".
    pub spacing_source: Option<&'static str>,
    /// Why lengths are in pixels; empty if they are in mm.
    pub unit_reason: Option<&'static str>,
}

/// One label over the whole series.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VolumeMeasurement {
    /// Value of the label in the mask.
    pub label: u8,
    /// Name of the label, with a number if several have the same name.
    pub name: String,
    /// Volume in mm³.
    pub volume_mm3: f64,
    /// Slice spacing that was used, in mm.
    pub slice_spacing_mm: f64,
}

impl Measurements {
    /// Measures all labels on all slices of `series`, which may be a part of a series. For each slice, `masks` holds its mask
    /// and `places` its 0-based index in the whole series.
    pub fn from_masks(series: &Series, places: &[usize], masks: &[Mask], labels: &[Label]) -> Self {
        let count = labels.len().min(255) as u8;
        let names = told_apart(labels.iter().map(|label| label.name.as_str()));
        let mut slices = Vec::new();
        for ((slice, place), mask) in series.slices.iter().zip(places).zip(masks) {
            let file = slice
                .source
                .path
                .file_name()
                .map(|n| n.to_string_lossy().into_owned())
                .unwrap_or_default();
            slices.extend(
                measure_all(mask, count, &slice.length_scale())
                    .into_iter()
                    .map(|m| {
                        let physical = m.spacing.ok();
                        let [[x1, y1], [x2, y2]] = m.longest_diameter.ends;
                        SliceMeasurement {
                            file: file.clone(),
                            frame: slice.source.frame + 1,
                            slice: place + 1,
                            sop_instance_uid: slice.uid_in_file().map(str::to_owned),
                            label: m.label,
                            name: names[usize::from(m.label) - 1].clone(),
                            pixels: m.pixels,
                            unit: m.unit.symbol(),
                            area: round_decimals(m.area),
                            perimeter: round_decimals(m.perimeter),
                            longest_diameter: round_decimals(m.longest_diameter.length),
                            diameter_x1: x1,
                            diameter_y1: y1,
                            diameter_x2: x2,
                            diameter_y2: y2,
                            row_spacing_mm: physical.map(|s| s.row),
                            column_spacing_mm: physical.map(|s| s.column),
                            spacing_source: physical.map(|s| source_name(s.source)),
                            unit_reason: m.spacing.err().map(NoLength::reason_clause),
                        }
                    }),
            );
        }
        Self {
            series: series.id.clone(),
            slices,
            volumes: volume_measurements(series, masks, &names),
        }
    }

    /// Writes the measurements on slices as CSV with a header line.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_csv(&self, path: &Path) -> Result<()> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        if self.slices.is_empty() {
            writer
                .write_record(COLUMNS)
                .map_err(|e| Error::at_path(TRIED, path, e))?;
        }
        self.slices
            .iter()
            .try_for_each(|row| writer.serialize(row))
            .map_err(|e| Error::at_path(TRIED, path, e))?;
        let text = writer
            .into_inner()
            .map_err(|e| Error::at_path(TRIED, path, e))?;
        write_text(path, &text)
    }

    /// Writes everything as JSON.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_json(&self, path: &Path) -> Result<()> {
        let json = serde_json::to_vec_pretty(self).map_err(|e| Error::at_path(TRIED, path, e))?;
        write_text(path, &json)
    }
}

/// The columns of the CSV file, for a table without rows.
const COLUMNS: [&str; 19] = [
    "file",
    "frame",
    "slice",
    "sop_instance_uid",
    "label",
    "name",
    "pixels",
    "unit",
    "area",
    "perimeter",
    "longest_diameter",
    "diameter_x1",
    "diameter_y1",
    "diameter_x2",
    "diameter_y2",
    "row_spacing_mm",
    "column_spacing_mm",
    "spacing_source",
    "unit_reason",
];

fn volume_measurements(
    series: &Series,
    masks: &[Mask],
    names: &[String],
) -> Vec<VolumeMeasurement> {
    let Some(slice_spacing_mm) = series.slice_spacing() else {
        return Vec::new();
    };
    (1..=u8::MAX)
        .zip(names)
        .filter_map(|(label, name)| {
            let volume_mm3 = rounded_volume(series, masks, label, slice_spacing_mm)?;
            (volume_mm3 > 0.0).then(|| VolumeMeasurement {
                label,
                name: name.clone(),
                volume_mm3,
                slice_spacing_mm,
            })
        })
        .collect()
}

/// The volume of one label in mm³; `None` if the pixel spacing is not known in mm.
fn rounded_volume(
    series: &Series,
    masks: &[Mask],
    label: u8,
    slice_spacing_mm: f64,
) -> Option<f64> {
    let scales = series.slices.iter().map(Slice::length_scale);
    let volume = label_volume(masks.iter().zip(scales), label, Some(slice_spacing_mm))?;
    Some(round_decimals(volume))
}

/// The name of a source of spacing in the table.
fn source_name(source: SpacingSource) -> &'static str {
    match source {
        SpacingSource::PixelSpacing => "Pixel Spacing",
        SpacingSource::ImagerPixelSpacing => "Imager Pixel Spacing (at the detector)",
        SpacingSource::UltrasoundRegion => "Sequence of Ultrasound Regions",
        SpacingSource::AspectRatioOnly => "Pixel Aspect Ratio",
        SpacingSource::Picture => "picture",
        SpacingSource::Nifti => "NIfTI header",
    }
}

/// Rounds to four decimals, far below the precision of a pixel.
fn round_decimals(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

fn write_text(path: &Path, text: &[u8]) -> Result<()> {
    whole_file::write_checked(
        path,
        TRIED,
        |file| file.write_all(text),
        |written| match std::fs::read(written) {
            Ok(back) if back == text => Ok(()),
            Ok(_) => Err(Error::at_path(
                TRIED,
                path,
                "verification failed: the content of the file differs",
            )),
            Err(e) => Err(Error::at_path(
                TRIED,
                path,
                format!("verification failed: {e}"),
            )),
        },
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use labrum_core::{
        geometry::{PixelSpacing, Plane},
        study::{Kind, Source},
    };

    /// Two slices 3 mm apart with a square of label 1 on each.
    fn measured(spacing: Option<PixelSpacing>) -> Measurements {
        let slice = |i: usize| Slice {
            source: Source {
                path: format!("/somewhere/slice-{i}.dcm").into(),
                frame: 0,
            },
            sop_instance_uid: Some(format!("1.2.3.{i}#2")),
            instance_number: None,
            plane: Some(Plane {
                position: [0.0, 0.0, 3.0 * i as f64],
                orientation: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
            }),
            thickness: None,
            spacing,
            regions: Vec::new(),
        };
        let series = Series {
            id: "1.2.3".into(),
            modality: "CT".into(),
            ..Series::from_slices(Kind::Dicom, 4, 4, (0..2).map(slice).collect())
        };
        let mask = Mask::from_labels(
            4,
            4,
            (0..16)
                .map(|i| u8::from((5..=6).contains(&(i % 8))))
                .collect(),
        )
        .unwrap();
        let labels = [
            Label::with_name("Mass, left", 0),
            Label::with_name("Cyst", 1),
        ];
        Measurements::from_masks(&series, &[4, 5], &[mask.clone(), mask], &labels)
    }

    fn mm(side: f64) -> Option<PixelSpacing> {
        Some(PixelSpacing {
            row: side,
            column: side,
            source: SpacingSource::PixelSpacing,
        })
    }

    #[test]
    fn the_table_gives_units_and_the_source_of_the_spacing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.csv");
        measured(mm(0.5)).write_csv(&path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], COLUMNS.join(","));
        assert_eq!(lines.len(), 3);
        assert!(
            lines[1].starts_with("slice-0.dcm,1,5,1.2.3.0,1,\"Mass, left\",4,mm,1.0,"),
            "{}",
            lines[1]
        );
        assert!(
            lines[1].ends_with(",0.5,0.5,Pixel Spacing,"),
            "{}",
            lines[1]
        );
    }

    #[test]
    fn without_pixel_spacing_areas_are_in_pixels_and_there_are_no_volumes() {
        let m = measured(None);
        assert_eq!(
            (
                m.slices[0].unit,
                m.slices[0].area,
                m.slices[0].row_spacing_mm
            ),
            ("px", 4.0, None)
        );
        assert_eq!(
            m.slices[0].unit_reason,
            Some("the pixel spacing is unknown")
        );
        assert_eq!(m.volumes, []);
    }

    #[test]
    fn json_holds_the_volumes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.json");
        measured(mm(0.5)).write_json(&path).unwrap();
        let json: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert_eq!(json["volumes"][0]["volume_mm3"], 6.0);
        assert_eq!(
            json["volumes"].as_array().unwrap().len(),
            1,
            "labels that do not occur have no volume"
        );
        assert_eq!(
            json["slices"][1]["slice"], 6,
            "its number in the whole series"
        );
        assert_eq!(json["slices"][1]["sop_instance_uid"], "1.2.3.1");
    }

    #[test]
    fn a_table_without_rows_still_has_a_header() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.csv");
        Measurements {
            slices: Vec::new(),
            ..measured(None)
        }
        .write_csv(&path)
        .unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap().trim_end(),
            COLUMNS.join(",")
        );
    }
}
