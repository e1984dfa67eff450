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
    /// The same with other values for the labels: label `i` becomes `values[i - 1]`; without a value, background.
    pub fn remap_labels(self, values: &[u8]) -> Self {
        if values
            .iter()
            .enumerate()
            .all(|(i, v)| usize::from(*v) == i + 1)
            && values.len() >= self.probabilities.len()
        {
            return self;
        }
        let (columns, rows) = (self.mask.columns(), self.mask.rows());
        let mask = self.mask.remap_labels(values);
        let most = values.iter().copied().max().map_or(0, usize::from);
        let mut probabilities = vec![vec![0; columns * rows]; most];
        for (map, value) in self.probabilities.into_iter().zip(values) {
            if let Some(place) = usize::from(*value)
                .checked_sub(1)
                .and_then(|i| probabilities.get_mut(i))
            {
                // Labels that were merged share a value.
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

    /// Probability 0..=1 of `label` at pixel `index`; of background for label 0.
    pub fn label_probability(&self, label: u8, index: usize) -> f32 {
        let of = |map: &Vec<u16>| f32::from(map[index]) / 65535.0;
        match label {
            0 => (1.0 - self.probabilities.iter().map(of).sum::<f32>()).max(0.0),
            l => self.probabilities.get(usize::from(l) - 1).map_or(0.0, of),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn labels_get_the_values_of_the_workspace() {
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
