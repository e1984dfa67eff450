//! The object that the network found for prompts on a slice, in compact form: probabilities, pixels and outline.

use labrum_core::{
    boundary::trace_contours,
    mask::{Mask, Rule},
    prompts::{level_of_probability, probability_of_level},
    region::{PixelRect, Region},
};

/// Pixels of at least this probability, in steps of 1/255, belong to the object: 0.5.
const THRESHOLD: u8 = 128;

/// The network's answer to prompts: one object.
#[derive(Clone, Debug, PartialEq)]
pub struct ClickedObject {
    columns: usize,
    rows: usize,
    /// Probability of each pixel, 0..=255, row after row. Empty once it was dropped.
    levels: Vec<u8>,
    region: Region,
    rings: Vec<Vec<[f32; 2]>>,
    confidence: f32,
}

impl ClickedObject {
    /// An object from the probability of each pixel, 0..=1, row after row. Missing values count as 0.
    pub fn from_probabilities(probabilities: &[f32], columns: usize, rows: usize) -> Self {
        let probabilities = probabilities.iter().copied();
        let mut levels: Vec<u8> = probabilities.map(level_of_probability).collect();
        levels.resize(columns * rows, 0);
        Self::from_levels(levels, columns, rows)
    }

    /// An object from a connected component of a mask that is to be corrected: probability 1 inside, 0 outside.
    pub fn from_piece(piece: &Region, columns: usize, rows: usize) -> Self {
        Self::from_levels(certain_levels(piece, columns, rows), columns, rows)
    }

    fn from_levels(levels: Vec<u8>, columns: usize, rows: usize) -> Self {
        let region = Region::from_fn(&PixelRect::full_frame(columns, rows), |column, row| {
            levels[row * columns + column] >= THRESHOLD
        });
        let inside = levels.iter().filter(|level| **level >= THRESHOLD);
        let sum: f64 = inside.map(|level| f64::from(*level)).sum();
        let confidence = sum / 255.0 / region.len().max(1) as f64;
        Self {
            rings: outline_of(&region, columns, rows),
            confidence: confidence as f32,
            columns,
            rows,
            levels,
            region,
        }
    }

    /// True if it was found on an image of this size.
    pub fn has_size(&self, columns: usize, rows: usize) -> bool {
        (self.columns, self.rows) == (columns, rows)
    }

    /// The object without the probabilities of its pixels, which need a byte for each pixel of the image.
    pub fn without_probabilities(&self) -> Self {
        Self {
            levels: Vec::new(),
            region: self.region.clone(),
            rings: self.rings.clone(),
            ..*self
        }
    }

    /// The probability of each pixel, 0..=1 in steps of 1/255, row after row. Once these were dropped: 1 inside, 0
    /// outside.
    pub fn probabilities(&self) -> Vec<f32> {
        if self.levels.is_empty() {
            let certain = certain_levels(&self.region, self.columns, self.rows);
            return levels_to_probabilities(&certain);
        }
        levels_to_probabilities(&self.levels)
    }

    /// The pixels with a probability of at least 0.5.
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// Its smoothed outlines, in pixels from the upper left corner of the image. The last point of each is joined to the
    /// first.
    pub fn rings(&self) -> &[Vec<[f32; 2]>] {
        &self.rings
    }

    /// Mean probability of its pixels, 0..=1; 0 without pixels.
    pub fn confidence(&self) -> f32 {
        self.confidence
    }
}

fn levels_to_probabilities(levels: &[u8]) -> Vec<f32> {
    let levels = levels.iter().copied();
    levels.map(probability_of_level).collect()
}

/// The highest level inside of a region, 0 outside.
fn certain_levels(region: &Region, columns: usize, rows: usize) -> Vec<u8> {
    let mut levels = vec![0; columns * rows];
    for span in region.spans() {
        levels[span.row * columns + span.start..span.row * columns + span.end].fill(u8::MAX);
    }
    levels
}

fn outline_of(region: &Region, columns: usize, rows: usize) -> Vec<Vec<[f32; 2]>> {
    let mut mask = Mask::new_blank(columns, rows);
    mask.paint_region(region, 1, &Rule::FREE);
    trace_contours(&mask, 1)
        .iter()
        .map(|contour| {
            let points = contour.taubin_smoothed().points;
            points.iter().map(|p| p.map(|v| v as f32)).collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_from_a_probability_of_one_half_on_are_of_the_object() {
        let found = ClickedObject::from_probabilities(&[0.0, 0.49, 0.5, 0.9, 1.0, 0.2], 3, 2);
        let inside: Vec<bool> = (0..6)
            .map(|i| found.region().contains(i % 3, i / 3))
            .collect();
        assert_eq!(inside, [false, false, true, true, true, false]);
        assert!((found.confidence() - 0.8).abs() < 0.01);
        assert!((found.probabilities()[1] - 0.49).abs() < 0.003);
    }

    #[test]
    fn an_object_without_pixels_has_no_outline_and_no_confidence() {
        let found = ClickedObject::from_probabilities(&[], 4, 3);
        assert!(found.region().is_empty() && found.rings().is_empty());
        assert_eq!(found.confidence(), 0.0);
        assert!(found.has_size(4, 3) && !found.has_size(3, 4));
    }

    #[test]
    fn an_object_without_its_probabilities_keeps_its_pixels() {
        let found = ClickedObject::from_probabilities(&[0.0, 0.49, 0.5, 0.9, 1.0, 0.2], 3, 2);
        let small = found.without_probabilities();
        assert_eq!(small.region(), found.region());
        assert_eq!(small.confidence(), found.confidence());
        assert_eq!(small.probabilities(), [0.0, 0.0, 1.0, 1.0, 1.0, 0.0]);
    }

    #[test]
    fn a_piece_is_certain() {
        let square = PixelRect {
            columns: 2..6,
            rows: 1..4,
        };
        let piece = Region::from_fn(&square, |_, _| true);
        let found = ClickedObject::from_piece(&piece, 8, 8);
        assert_eq!(found.region(), &piece);
        assert_eq!((found.confidence(), found.rings().len()), (1.0, 1));
    }
}
