//! What a model says about one slice, at the size of the slice.

use super::mask::Mask;

/// Probabilities and the mask of the likeliest labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// Likeliest label of each pixel.
    pub mask: Mask,
    /// For each label 1..=n (background left out), `columns * rows` probabilities, 0..=65535 for 0..=1.
    pub probabilities: Vec<Vec<u16>>,
}

impl Prediction {
    /// Probability 0..=1 of `label` at pixel `index`; of background for label 0.
    pub fn probability(&self, label: u8, index: usize) -> f32 {
        let of = |map: &Vec<u16>| f32::from(map[index]) / 65535.0;
        match label {
            0 => (1.0 - self.probabilities.iter().map(of).sum::<f32>()).max(0.0),
            l => self.probabilities.get(usize::from(l) - 1).map_or(0.0, of),
        }
    }
}
