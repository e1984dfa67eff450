//! Values of a label over a whole series, as they are written: diameters, volume, and statistics of all its pixels.

use super::tables::round_decimals;
use labrum_core::measurement::{Channel, SeriesMeasurement};
use serde::Serialize;

/// A label over the whole series.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LabelOverSeries {
    /// Value of the label in the mask.
    pub label: u8,
    /// Name of the label, with a number if several have the same name.
    pub name: String,
    /// Number of slices that contain it.
    pub slices: usize,
    /// Number of pixels on all slices.
    pub pixels: usize,
    /// Volume in mm³; empty if pixel or slice spacing is not known in mm.
    pub volume_mm3: Option<f64>,
    /// Unit of lengths: "mm" or "px".
    pub unit: &'static str,
    /// Longest diameter on any slice, in `unit`.
    pub longest_diameter: f64,
    /// 1-based number of the slice with the longest diameter.
    pub longest_diameter_slice: usize,
    /// Short axis on that slice, in `unit`.
    pub short_axis: f64,
    /// Mean of the values of all pixels; empty for colour images and if they cannot be read.
    pub mean: Option<f64>,
    /// Standard deviation of the values.
    pub standard_deviation: Option<f64>,
    /// Lowest value.
    pub minimum: Option<f64>,
    /// Highest value.
    pub maximum: Option<f64>,
    /// Unit of the values: "HU".
    pub value_unit: Option<String>,
    /// Mean of red, green and blue of a colour image, 0 to 255.
    pub mean_rgb: Option<[f64; 3]>,
}

impl LabelOverSeries {
    /// The values of a label with a name. `slice_spacing` in mm, if it is known.
    pub(super) fn new(
        measured: &SeriesMeasurement,
        name: &str,
        slice_spacing: Option<f64>,
        value_unit: Option<String>,
    ) -> Self {
        let of_channel = |channel| measured.values.iter().find(|v| v.channel == channel);
        let grey = of_channel(None);
        let colors = Channel::ALL.map(|channel| of_channel(Some(channel)).map(|v| v.mean));
        Self {
            label: measured.label,
            name: name.to_owned(),
            slices: measured.slices,
            pixels: measured.pixels,
            volume_mm3: measured.volume(slice_spacing).map(round_decimals),
            unit: measured.unit.symbol(),
            longest_diameter: round_decimals(measured.longest_diameter),
            longest_diameter_slice: measured.longest_slice + 1,
            short_axis: round_decimals(measured.short_axis),
            mean: grey.map(|v| round_decimals(v.mean)),
            standard_deviation: grey.map(|v| round_decimals(v.deviation)),
            minimum: grey.map(|v| round_decimals(v.minimum)),
            maximum: grey.map(|v| round_decimals(v.maximum)),
            value_unit,
            mean_rgb: match colors {
                [Some(red), Some(green), Some(blue)] => {
                    Some([red, green, blue].map(round_decimals))
                }
                _ => None,
            },
        }
    }
}
