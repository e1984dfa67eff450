//! The values of labels over all slices of a series.

use super::{ValueStatistics, merge_statistics};
use crate::measure::{Measurement, Unit};

/// A label over the slices of a series.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesMeasurement {
    /// Label value.
    pub label: u8,
    /// Number of slices that contain it.
    pub slices: usize,
    /// Number of pixels on all slices.
    pub pixels: usize,
    /// Sum of the areas in mm²; `None` if the area on a slice is not known in mm².
    pub area: Option<f64>,
    /// Unit of the following lengths.
    pub unit: Unit,
    /// The longest diameter on any slice.
    pub longest_diameter: f64,
    /// 0-based index of the slice with the longest diameter.
    pub longest_slice: usize,
    /// The short axis on that slice.
    pub short_axis: f64,
    /// Statistics of the values of all its pixels, for each channel of a colour image.
    pub values: Vec<ValueStatistics>,
    /// Number of slices whose pixels are in `values`.
    pub valued_slices: usize,
}

impl SeriesMeasurement {
    fn new(label: u8) -> Self {
        Self {
            label,
            slices: 0,
            pixels: 0,
            area: Some(0.0),
            unit: Unit::Pixel,
            longest_diameter: 0.0,
            longest_slice: 0,
            short_axis: 0.0,
            values: Vec::new(),
            valued_slices: 0,
        }
    }

    /// The volume in mm³, from the distance between slices in mm; `None` if areas or distance are not known in mm.
    pub fn volume(&self, slice_spacing: Option<f64>) -> Option<f64> {
        Some(self.area? * slice_spacing?)
    }

    fn add(&mut self, slice: usize, m: &Measurement, values: &[ValueStatistics]) {
        let is_longer = match (self.unit, m.unit) {
            _ if self.slices == 0 => true,
            // Lengths in pixels are not compared with lengths in mm.
            (Unit::Pixel, Unit::Millimetre) => true,
            (Unit::Millimetre, Unit::Pixel) => false,
            _ => m.longest_diameter.length > self.longest_diameter,
        };
        if is_longer {
            self.unit = m.unit;
            self.longest_diameter = m.longest_diameter.length;
            self.longest_slice = slice;
            self.short_axis = m.short_axis.length;
        }
        self.slices += 1;
        self.pixels += m.pixels;
        self.area = match m.unit {
            Unit::Millimetre => self.area.map(|area| area + m.area),
            Unit::Pixel => None,
        };
        merge_statistics(&mut self.values, values);
        self.valued_slices += usize::from(!values.is_empty());
    }
}

/// The values of all labels over a series. For each label on each slice: the 0-based index of the slice, the measurement,
/// and the statistics of the values of its pixels, empty if these are not known. In order of labels.
pub fn measure_series<'a>(
    found: impl IntoIterator<Item = (usize, &'a Measurement, &'a [ValueStatistics])>,
) -> Vec<SeriesMeasurement> {
    let mut all: Vec<SeriesMeasurement> = Vec::new();
    for (slice, m, values) in found {
        let at = match all.binary_search_by_key(&m.label, |known| known.label) {
            Ok(at) => at,
            Err(at) => {
                all.insert(at, SeriesMeasurement::new(m.label));
                at
            }
        };
        all[at].add(slice, m, values);
    }
    all
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{
        geometry::{PixelSpacing, SpacingSource},
        image::{Image, Pixels},
        mask::Mask,
        measure::measure_all,
        measurement::region_statistics,
        scale::Scale,
    };

    fn mm(side: f64) -> Scale {
        Scale::from(Some(PixelSpacing {
            row: side,
            column: side,
            source: SpacingSource::PixelSpacing,
        }))
    }

    /// A mask of 8 x 4 pixels with a bar of label 2, one pixel high.
    fn bar(length: usize) -> Mask {
        let label = |i: usize| 2 * u8::from(i / 8 == 1 && i % 8 < length);
        Mask::from_labels(8, 4, (0..32).map(label).collect()).unwrap()
    }

    #[test]
    fn diameters_are_the_longest_and_volumes_and_values_those_of_all_slices() {
        let scale = mm(0.5);
        let image = Image::new(8, 4, Pixels::I16((0..32).collect())).unwrap();
        let masks = [bar(2), bar(5), Mask::new_blank(8, 4), bar(3)];
        let measured: Vec<Vec<Measurement>> =
            masks.iter().map(|m| measure_all(m, 3, &scale)).collect();
        let values: Vec<Vec<ValueStatistics>> = masks
            .iter()
            .map(|mask| region_statistics(&image, &mask.label_region(2)))
            .collect();
        let found = measured.iter().zip(&values).enumerate();
        let found = found
            .flat_map(|(slice, (all, values))| all.iter().map(move |m| (slice, m, &values[..])));
        let series = measure_series(found);
        let [label] = series.as_slice() else {
            unreachable!("{series:?}")
        };
        assert_eq!((label.label, label.slices, label.pixels), (2, 3, 10));
        assert_eq!((label.longest_slice, label.unit), (1, Unit::Millimetre));
        assert_eq!(
            label.longest_diameter,
            measured[1][0].longest_diameter.length
        );
        // Ten pixels of 0.25 mm², 4 mm apart.
        assert_eq!(label.volume(Some(4.0)), Some(10.0));
        assert_eq!(label.volume(None), None);
        // Values 8 and 9; 8 to 12; 8 to 10.
        let pooled = label.values[0];
        assert_eq!((pooled.count, label.valued_slices), (10, 3));
        assert!((pooled.mean - 9.4).abs() < 1e-12, "{pooled:?}");
        assert!(
            (pooled.deviation - 1.64f64.sqrt()).abs() < 1e-12,
            "{pooled:?}"
        );
    }

    #[test]
    fn lengths_in_pixels_do_not_hide_those_in_millimetres() {
        let long = measure_all(&bar(7), 2, &Scale::default());
        let short = measure_all(&bar(2), 2, &mm(0.5));
        let series = measure_series([(0, &long[0], &[][..]), (1, &short[0], &[][..])]);
        assert_eq!(
            (series[0].unit, series[0].longest_slice),
            (Unit::Millimetre, 1)
        );
        assert_eq!(series[0].volume(Some(4.0)), None, "one area is in pixels");
        assert_eq!(series[0].valued_slices, 0);
    }
}
