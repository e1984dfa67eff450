//! Statistics of the pixels under the labels of a mask.

use labrum_core::{
    image::Image,
    mask::Mask,
    measurement::{ValueStatistics, region_statistics, value_unit},
};

/// The values of the pixels of each label on a slice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MaskValues {
    /// For each label that occurs: its value in the mask, and one entry for each channel of the image.
    pub labels: Vec<(u8, Vec<ValueStatistics>)>,
    /// Unit of the values: "HU"; empty if there is none.
    pub unit: String,
}

impl MaskValues {
    /// The values of the pixels of an image under a mask.
    pub fn of_mask(mask: &Mask, image: &Image) -> Self {
        let mut occurs = [false; 256];
        for label in mask.pixel_labels() {
            occurs[usize::from(*label)] = true;
        }
        let labels = (1..=u8::MAX).filter(|label| occurs[usize::from(*label)]);
        Self {
            labels: labels
                .map(|label| (label, region_statistics(image, &mask.label_region(label))))
                .collect(),
            unit: value_unit(image).to_owned(),
        }
    }

    /// The statistics of a label, one for each channel; empty if the label does not occur.
    pub fn of_label(&self, label: u8) -> &[ValueStatistics] {
        let found = self.labels.iter().find(|(value, _)| *value == label);
        found.map_or(&[], |(_, values)| values.as_slice())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use labrum_core::image::Pixels;

    #[test]
    fn every_label_has_the_values_of_its_own_pixels() {
        let image = Image {
            unit: Some("HU".into()),
            ..Image::new(3, 2, Pixels::I16(vec![-100, 40, 60, 7, 8, 9])).unwrap()
        };
        let mask = Mask::from_labels(3, 2, vec![0, 4, 4, 2, 0, 2]).unwrap();
        let values = MaskValues::of_mask(&mask, &image);
        assert_eq!(values.unit, "HU");
        let labels: Vec<u8> = values.labels.iter().map(|(label, _)| *label).collect();
        assert_eq!(labels, [2, 4]);
        assert_eq!(
            (values.of_label(4)[0].mean, values.of_label(2)[0].mean),
            (50.0, 8.0)
        );
        assert_eq!(values.of_label(1), []);
    }
}
