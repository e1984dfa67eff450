//! Values of a label over a whole series: diameters, volume, and statistics of all its pixels.

use super::tables::round_decimals;
use labrum_core::{
    measure::Measurement,
    measurement::{Channel, ValueStatistics, merge_statistics},
};
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
    #[serde(skip)]
    values: Vec<ValueStatistics>,
}

impl LabelOverSeries {
    /// Adds a label on a slice to its values over the series: its name, and the 1-based number of the slice.
    pub(super) fn add_slice(
        all: &mut Vec<Self>,
        m: &Measurement,
        (name, slice): (&str, usize),
        values: &[ValueStatistics],
    ) {
        let at = match all.iter().position(|known| known.label == m.label) {
            Some(at) => at,
            None => {
                all.push(Self::new(m, name));
                all.len() - 1
            }
        };
        all[at].add(m, slice, values);
    }

    fn new(m: &Measurement, name: &str) -> Self {
        Self {
            label: m.label,
            name: name.to_owned(),
            slices: 0,
            pixels: 0,
            volume_mm3: None,
            unit: m.unit.symbol(),
            longest_diameter: 0.0,
            longest_diameter_slice: 0,
            short_axis: 0.0,
            mean: None,
            standard_deviation: None,
            minimum: None,
            maximum: None,
            value_unit: None,
            mean_rgb: None,
            values: Vec::new(),
        }
    }

    fn add(&mut self, m: &Measurement, slice: usize, values: &[ValueStatistics]) {
        self.slices += 1;
        self.pixels += m.pixels;
        let longest = round_decimals(m.longest_diameter.length);
        if longest > self.longest_diameter || self.longest_diameter_slice == 0 {
            self.longest_diameter = longest;
            self.longest_diameter_slice = slice;
            self.short_axis = round_decimals(m.short_axis.length);
            self.unit = m.unit.symbol();
        }
        merge_statistics(&mut self.values, values);
        let of_channel = |channel| self.values.iter().find(|v| v.channel == channel);
        let grey = of_channel(None);
        self.mean = grey.map(|v| round_decimals(v.mean));
        self.standard_deviation = grey.map(|v| round_decimals(v.deviation));
        self.minimum = grey.map(|v| round_decimals(v.minimum));
        self.maximum = grey.map(|v| round_decimals(v.maximum));
        let colors = Channel::ALL.map(|channel| of_channel(Some(channel)).map(|v| v.mean));
        self.mean_rgb = match colors {
            [Some(red), Some(green), Some(blue)] => Some([red, green, blue].map(round_decimals)),
            _ => None,
        };
    }
}
