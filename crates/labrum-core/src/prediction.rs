//! A model's prediction for one slice, at the size of the slice.

use super::mask::Mask;

/// Probabilities, and the mask of the most likely labels.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// Most likely label of each pixel.
    pub mask: Mask,
    /// For each label 1..=n (without background), `columns * rows` probabilities, 0..=65535 for 0..=1.
    pub probabilities: Vec<Vec<u16>>,
}

impl Prediction {
    /// Renumbers the labels: label `i` becomes `values[i - 1]`, or background if there is no such value.
    pub fn remap_labels(self, values: &[u8]) -> Self {
        if values
            .iter()
            .enumerate()
            .all(|(i, v)| usize::from(*v) == i + 1)
            && values.len() >= self.probabilities.len()
        {
            return self;
        }
        let (columns, rows) = self.mask.columns_and_rows();
        let mask = self.mask.remap_labels(values);
        let most = values.iter().copied().max().map_or(0, usize::from);
        let mut probabilities = vec![vec![0; columns * rows]; most];
        for (map, value) in self.probabilities.into_iter().zip(values) {
            if let Some(place) = usize::from(*value)
                .checked_sub(1)
                .and_then(|i| probabilities.get_mut(i))
            {
                // Merged labels share a value, so their probabilities add up.
                place
                    .iter_mut()
                    .zip(map)
                    .for_each(|(sum, p)| *sum = p.saturating_add(*sum));
            }
        }
        Self {
            mask,
            probabilities,
        }
    }

    /// Probability 0..=1 of `label` (0 for background) at pixel `index`.
    pub fn label_probability(&self, label: u8, index: usize) -> f32 {
        if label == 0 {
            let of_labels = self
                .probabilities
                .iter()
                .map(|map| probability_at(map, index));
            return (1.0 - of_labels.sum::<f32>()).max(0.0);
        }
        self.probabilities
            .get(usize::from(label) - 1)
            .map_or(0.0, |map| probability_at(map, index))
    }
}

/// Converts a stored probability (0..=65535) to 0..=1.
#[inline]
fn probability_at(map: &[u16], index: usize) -> f32 {
    f32::from(map[index]) / 65535.0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn labels_are_remapped_to_the_values_of_the_workspace() {
        let mask = Mask::from_labels(3, 1, vec![0, 1, 2]).unwrap();
        let prediction = Prediction {
            mask,
            probabilities: vec![vec![1, 60_000, 3], vec![4, 5, 60_000]],
        };
        let other = prediction.clone().remap_labels(&[3, 1]);
        assert_eq!(other.mask.pixel_labels(), [0, 3, 1]);
        assert_eq!(
            other.label_probability(3, 1),
            prediction.label_probability(1, 1)
        );
        assert_eq!(
            other.label_probability(1, 2),
            prediction.label_probability(2, 2)
        );
        assert_eq!(prediction.clone().remap_labels(&[1, 2]), prediction);
        let merged = prediction.clone().remap_labels(&[2, 2]);
        assert_eq!(
            (merged.mask.pixel_labels(), merged.probabilities[1][1]),
            ([0, 2, 2].as_slice(), 60_005)
        );
    }
}
