//! Area, perimeter, diameters, ellipse, values and volume of the labels of a series as CSV and JSON, with units and the
//! source of the spacing.

use super::{
    drawn::DrawnRow,
    label_series::LabelOverSeries,
    label_times::LabelOverTime,
    tables::{TRIED, round_decimals, source_name, write_table, write_text},
};
use crate::{Error, Result};
use labrum_core::{
    image::Image,
    label::Label,
    mask::Mask,
    measure::{Measurement, label_volume, measure_all},
    measurement::{
        Channel, SeriesMeasurement, ValueStatistics, measure_series, region_statistics, value_unit,
    },
    naming::{file_name_text, told_apart},
    scale::NoLength,
    study::{Series, Slice},
};
use serde::Serialize;
use std::path::Path;

/// The measurements on a series.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measurements {
    /// Series Instance UID; for image files the path.
    pub series: String,
    /// Every label on every slice that contains it, in order of slices.
    pub slices: Vec<SliceMeasurement>,
    /// Every label with a volume; empty if pixel or slice spacing is not known in mm.
    pub volumes: Vec<VolumeMeasurement>,
    /// Every label that occurs, over the whole series.
    pub labels: Vec<LabelOverSeries>,
    /// The measurements that were drawn.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub drawn: Vec<DrawnRow>,
    /// The labels over all times of the series, if it has several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub over_time: Vec<LabelOverTime>,
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
    /// Largest width perpendicular to the longest diameter, in `unit`.
    pub short_axis: f64,
    /// Long axis of the fitted ellipse in `unit`.
    pub ellipse_long_axis: f64,
    /// Short axis of the fitted ellipse in `unit`: the biparietal diameter of a fetal head.
    pub ellipse_short_axis: f64,
    /// Circumference of the fitted ellipse in `unit`: the head circumference of a fetal head.
    pub ellipse_circumference: f64,
    /// 4 pi area / perimeter².
    pub circularity: f64,
    /// Mean of the values of the pixels; empty for colour images and if they cannot be read.
    pub mean: Option<f64>,
    /// Standard deviation of the values.
    pub standard_deviation: Option<f64>,
    /// Lowest value.
    pub minimum: Option<f64>,
    /// Highest value.
    pub maximum: Option<f64>,
    /// Unit of the values: "HU".
    pub value_unit: Option<String>,
    /// Mean of the red values of a colour image, 0 to 255.
    pub mean_red: Option<f64>,
    /// See `mean_red`.
    pub mean_green: Option<f64>,
    /// See `mean_red`.
    pub mean_blue: Option<f64>,
}

/// A slice with its mask and, if they can be read, its pixels.
struct MeasuredSlice<'a> {
    slice: &'a Slice,
    /// 0-based index in the whole series.
    place: usize,
    mask: &'a Mask,
    image: Option<Image>,
}

impl MeasuredSlice<'_> {
    /// Statistics of the values of the pixels of a label; empty if the pixels are not known.
    fn values_of(&self, label: u8) -> Vec<ValueStatistics> {
        let image = self.image.as_ref();
        image.map_or_else(Vec::new, |image| {
            region_statistics(image, &self.mask.label_region(label))
        })
    }

    fn row(&self, m: &Measurement, values: &[ValueStatistics], name: &str) -> SliceMeasurement {
        let of_channel = |channel| values.iter().find(|v| v.channel == channel);
        let grey = of_channel(None);
        let mean_of = |channel| of_channel(Some(channel)).map(|v| round_decimals(v.mean));
        let unit = self.image.as_ref().map(value_unit);
        let physical = m.spacing.ok();
        let [[x1, y1], [x2, y2]] = m.longest_diameter.ends;
        let [long, short] = m.ellipse.axes.map(round_decimals);
        SliceMeasurement {
            file: file_name_text(&self.slice.source.path),
            frame: self.slice.source.frame + 1,
            slice: self.place + 1,
            sop_instance_uid: self.slice.uid_in_file().map(str::to_owned),
            label: m.label,
            name: name.to_owned(),
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
            short_axis: round_decimals(m.short_axis.length),
            ellipse_long_axis: long,
            ellipse_short_axis: short,
            ellipse_circumference: round_decimals(m.ellipse.circumference()),
            circularity: round_decimals(m.circularity()),
            mean: grey.map(|v| round_decimals(v.mean)),
            standard_deviation: grey.map(|v| round_decimals(v.deviation)),
            minimum: grey.map(|v| round_decimals(v.minimum)),
            maximum: grey.map(|v| round_decimals(v.maximum)),
            value_unit: unit.filter(|unit| !unit.is_empty()).map(str::to_owned),
            mean_red: mean_of(Channel::Red),
            mean_green: mean_of(Channel::Green),
            mean_blue: mean_of(Channel::Blue),
        }
    }
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
    /// and `places` its 0-based index in the whole series; `read` gives its pixels, or `None` if they cannot be read.
    pub fn from_masks(
        series: &Series,
        places: &[usize],
        masks: &[Mask],
        labels: &[Label],
        read: &mut dyn FnMut(&Slice) -> Option<Image>,
    ) -> Self {
        let count = labels.len().min(255) as u8;
        let names = told_apart(labels.iter().map(|label| label.name.as_str()));
        let (mut slices, mut found) = (Vec::new(), Vec::new());
        for ((slice, place), mask) in series.slices.iter().zip(places).zip(masks) {
            let measured = measure_all(mask, count, &slice.length_scale());
            if measured.is_empty() {
                continue;
            }
            let here = MeasuredSlice {
                slice,
                place: *place,
                mask,
                image: read(slice),
            };
            for m in measured {
                let values = here.values_of(m.label);
                slices.push(here.row(&m, &values, &names[usize::from(m.label) - 1]));
                found.push((*place, m, values));
            }
        }
        let over_series = measure_series(found.iter().map(|(at, m, values)| (*at, m, &values[..])));
        let of_label = |measured: &SeriesMeasurement| {
            let row = slices.iter().find(|row| row.label == measured.label);
            let unit = row.and_then(|row: &SliceMeasurement| row.value_unit.clone());
            let name = &names[usize::from(measured.label) - 1];
            LabelOverSeries::new(measured, name, series.slice_spacing(), unit)
        };
        Self {
            series: series.id.clone(),
            volumes: volume_measurements(series, masks, &names),
            labels: over_series.iter().map(of_label).collect(),
            slices,
            drawn: Vec::new(),
            over_time: Vec::new(),
        }
    }

    /// Writes the measurements on slices as CSV with a header line.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_csv(&self, path: &Path) -> Result<()> {
        write_table(path, &COLUMNS, &self.slices)
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
const COLUMNS: [&str; 32] = [
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
    "short_axis",
    "ellipse_long_axis",
    "ellipse_short_axis",
    "ellipse_circumference",
    "circularity",
    "mean",
    "standard_deviation",
    "minimum",
    "maximum",
    "value_unit",
    "mean_red",
    "mean_green",
    "mean_blue",
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use labrum_core::{
        geometry::{PixelSpacing, Plane, SpacingSource},
        image::Pixels,
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
        // Values 100 and 101, 102, ... on the first slice, and 1000 more on the second.
        let mut read = |slice: &Slice| {
            let first = 100 + 1000 * u16::from(slice.source.path.ends_with("slice-1.dcm"));
            Image::new(4, 4, Pixels::U16((first..first + 16).collect()))
        };
        let masks = [mask.clone(), mask];
        Measurements::from_masks(&series, &[4, 5], &masks, &labels, &mut read)
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
            lines[1].contains(",0.5,0.5,Pixel Spacing,,"),
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
    fn values_are_those_of_the_pixels_of_the_label_on_each_slice_and_over_the_series() {
        let m = measured(mm(0.5));
        // Pixels 5, 6, 13 and 14 of the image: 105, 106, 113 and 114, and the same plus 1000.
        assert_eq!(
            (m.slices[0].mean, m.slices[1].mean),
            (Some(109.5), Some(1109.5))
        );
        assert_eq!(m.slices[0].minimum, Some(105.0));
        // 4.5, 3.5, 3.5 and 4.5 from the mean: the mean of the squares is 16.25.
        assert_eq!(m.slices[0].standard_deviation, Some(4.0311));
        let whole = &m.labels[0];
        assert_eq!(
            (whole.slices, whole.pixels, whole.mean),
            (2, 8, Some(609.5))
        );
        assert_eq!((whole.minimum, whole.maximum), (Some(105.0), Some(1114.0)));
        assert_eq!(whole.volume_mm3, Some(6.0));
        assert_eq!(whole.longest_diameter_slice, 5);
        assert_eq!(m.slices[0].mean_red, None);
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
