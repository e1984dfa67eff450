//! Measurements that were drawn: their values from the pixels in the files, as a table and as a DICOM SR.

use super::tables::{round_decimals, source_name, write_table};
use crate::{Result, io::open};
use labrum_core::{
    image::Image,
    measurement::{
        DrawnMeasurement, Measured, MeasurementPlace, QuantityKind, Surface, measure_on_view,
        measure_shape,
    },
    naming::file_name_text,
    scale::NoLength,
    study::{Series, Slice},
};
use labrum_dicom::report::{self, Reported};
use serde::Serialize;
use std::path::Path;

/// The measurements that were drawn on a series, with their values.
#[derive(Clone, Debug)]
pub struct DrawnOnSeries {
    /// The whole series, as it is written.
    pub series: Series,
    /// The measurements with their values.
    pub measured: Vec<(DrawnMeasurement, Measured)>,
}

/// A measurement: a row of the table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DrawnRow {
    /// Name of the source file, without its folders; empty for a measurement across the slices.
    pub file: String,
    /// 1-based frame in the file.
    pub frame: Option<u32>,
    /// 1-based number in the series, as displayed.
    pub slice: Option<usize>,
    /// SOP Instance UID of the slice; empty for image files.
    pub sop_instance_uid: Option<String>,
    /// Name of the measurement.
    pub name: String,
    /// What was drawn: "cobb-angle".
    pub kind: &'static str,
    /// Meaning of the coded finding.
    pub finding: Option<String>,
    /// Who drew it; empty if unknown, and in de-identified exports.
    pub author: String,
    /// Unit of lengths: "mm" or "px".
    pub unit: &'static str,
    /// Length in `unit`.
    pub length: Option<f64>,
    /// Long axis in `unit`.
    pub long_axis: Option<f64>,
    /// Short axis in `unit`.
    pub short_axis: Option<f64>,
    /// Angle or Cobb angle in degrees.
    pub angle: Option<f64>,
    /// Area in `unit` squared.
    pub area: Option<f64>,
    /// Perimeter in `unit`.
    pub perimeter: Option<f64>,
    /// Mean of the values, or the value of a point; of colour images three, separated by spaces.
    pub mean: Option<String>,
    /// Standard deviation of the values.
    pub standard_deviation: Option<String>,
    /// Lowest value.
    pub minimum: Option<String>,
    /// Highest value.
    pub maximum: Option<String>,
    /// Unit of the values: "HU".
    pub value_unit: Option<String>,
    /// Points in pixel coordinates, "x y x y"; the first pixel covers 0..1.
    pub points: String,
    /// Source of the spacing.
    pub spacing_source: Option<&'static str>,
    /// Why lengths are in pixels; empty if they are in mm.
    pub unit_reason: Option<&'static str>,
    /// UID that stays with the measurement from one export to the next.
    pub tracking_uid: String,
}

/// The columns of the table, for a table without rows.
const COLUMNS: [&str; 24] = [
    "file",
    "frame",
    "slice",
    "sop_instance_uid",
    "name",
    "kind",
    "finding",
    "author",
    "unit",
    "length",
    "long_axis",
    "short_axis",
    "angle",
    "area",
    "perimeter",
    "mean",
    "standard_deviation",
    "minimum",
    "maximum",
    "value_unit",
    "points",
    "spacing_source",
    "unit_reason",
    "tracking_uid",
];

impl DrawnOnSeries {
    /// Measures `drawn` on `series`, slice by slice, with the pixels in the files.
    ///
    /// # Errors
    /// If the pixels of a slice with a region or a point cannot be read.
    pub fn measure(series: &Series, drawn: &[DrawnMeasurement]) -> Result<Self> {
        let mut in_order: Vec<&DrawnMeasurement> = drawn.iter().collect();
        in_order.sort_by_key(|measurement| measurement.slice());
        let mut measured = Vec::with_capacity(drawn.len());
        // The pixels of one slice at a time.
        let mut loaded: Option<(usize, Image)> = None;
        for measurement in in_order {
            let slice = measurement
                .slice()
                .and_then(|index| Some((index, series.slices.get(index)?)));
            let Some((index, slice)) = slice else {
                if let MeasurementPlace::View(frame) = &measurement.place {
                    let values = measure_on_view(&measurement.shape, frame);
                    measured.push((measurement.clone(), values));
                }
                continue;
            };
            if loaded.as_ref().is_none_or(|(known, _)| *known != index) {
                loaded = Some((index, open::load_slice(&slice.source, series.kind)?));
            }
            let image = loaded.as_ref().map(|(_, image)| image);
            measured.push((
                measurement.clone(),
                measure_on(measurement, series, slice, image),
            ));
        }
        Ok(Self {
            series: series.clone(),
            measured,
        })
    }

    /// The rows of the table, in order of slices.
    pub fn rows(&self) -> Vec<DrawnRow> {
        self.measured
            .iter()
            .map(|(drawn, measured)| self.row(drawn, measured))
            .collect()
    }

    fn row(&self, drawn: &DrawnMeasurement, measured: &Measured) -> DrawnRow {
        let slice = drawn.slice().and_then(|i| self.series.slices.get(i));
        let value = |kind| measured.value_of(kind).map(round_decimals);
        let angle = value(QuantityKind::Angle).or(value(QuantityKind::CobbAngle));
        let physical = measured.spacing.ok();
        let mean = texts_of(measured, QuantityKind::Mean);
        let points: Vec<String> = drawn
            .shape
            .points()
            .iter()
            .flatten()
            .map(f64::to_string)
            .collect();
        DrawnRow {
            file: slice.map_or_else(String::new, |s| file_name_text(&s.source.path)),
            frame: slice.map(|s| s.source.frame + 1),
            slice: drawn.slice().map(|index| index + 1),
            sop_instance_uid: slice.and_then(Slice::uid_in_file).map(str::to_owned),
            name: drawn.name.clone(),
            kind: drawn.shape.kind().storage_name(),
            finding: drawn.finding.as_ref().map(|code| code.meaning.clone()),
            author: drawn.author.clone(),
            unit: measured.unit().symbol(),
            length: value(QuantityKind::Length),
            long_axis: value(QuantityKind::LongAxis),
            short_axis: value(QuantityKind::ShortAxis),
            angle,
            area: value(QuantityKind::Area),
            perimeter: value(QuantityKind::Perimeter),
            mean: mean.or_else(|| texts_of(measured, QuantityKind::Value)),
            standard_deviation: texts_of(measured, QuantityKind::Deviation),
            minimum: texts_of(measured, QuantityKind::Minimum),
            maximum: texts_of(measured, QuantityKind::Maximum),
            value_unit: unit_of_values(measured),
            points: points.join(" "),
            spacing_source: physical.map(|s| source_name(s.source)),
            unit_reason: measured.spacing.err().map(NoLength::reason_clause),
            tracking_uid: drawn.tracking_uid(),
        }
    }

    /// Writes the table as CSV with a header line.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_csv(&self, path: &Path) -> Result<()> {
        write_table(path, &COLUMNS, &self.rows())
    }

    /// Writes a DICOM SR with the persons who drew as observers; returns warnings.
    ///
    /// # Errors
    /// If the images are not DICOM, or if the file cannot be written.
    pub fn write_report(&self, path: &Path) -> Result<Vec<String>> {
        let reported: Vec<Reported<'_>> = self
            .measured
            .iter()
            .map(|(drawn, measured)| Reported { drawn, measured })
            .collect();
        let mut observers: Vec<String> = Vec::new();
        for (drawn, _) in &self.measured {
            if !drawn.author.is_empty() && !observers.contains(&drawn.author) {
                observers.push(drawn.author.clone());
            }
        }
        Ok(report::write_file(path, &self.series, &reported, &observers)?.warnings)
    }
}

fn measure_on(
    drawn: &DrawnMeasurement,
    series: &Series,
    slice: &Slice,
    image: Option<&Image>,
) -> Measured {
    let scale = image.map_or_else(|| slice.length_scale(), Image::length_scale);
    let surface = Surface {
        columns: series.columns,
        rows: series.rows,
        scale: &scale,
        image,
    };
    measure_shape(&drawn.shape, &surface)
}

/// All values of a kind as text, separated by spaces: three for colour images.
fn texts_of(measured: &Measured, kind: QuantityKind) -> Option<String> {
    let values = measured.quantities.iter().filter(|q| q.kind == kind);
    let texts: Vec<String> = values
        .map(|q| round_decimals(q.value).to_string())
        .collect();
    (!texts.is_empty()).then(|| texts.join(" "))
}

/// The unit of the values of pixels.
fn unit_of_values(measured: &Measured) -> Option<String> {
    let of_values = measured.quantities.iter().find(|q| {
        matches!(q.kind, QuantityKind::Mean | QuantityKind::Value) && !q.unit.symbol().is_empty()
    });
    of_values.map(|q| q.unit.symbol().to_owned())
}
