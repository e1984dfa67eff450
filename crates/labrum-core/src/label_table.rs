//! The values of masks of others, and the labels of a model that they are.

use super::mask::Mask;

/// The label of a model for each value of masks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelTable([u8; 256]);

impl LabelTable {
    /// That of labels 1, 2 and so on which have these values in the masks. Other values become labels behind them, so that
    /// no model has found them.
    pub fn new(places: &[Option<u8>]) -> Self {
        let mut table = [0; 256];
        for (value, label) in places.iter().zip(1..=255u8) {
            if let Some(value) = value {
                table[usize::from(*value)] = label;
            }
        }
        let mut behind = u8::try_from(places.len()).unwrap_or(u8::MAX);
        for value in 1..256 {
            if table[value] == 0 {
                behind = behind.saturating_add(1);
                table[value] = behind;
            }
        }
        // Background stays background, whatever was asked for.
        table[0] = 0;
        Self(table)
    }

    /// The label of a value.
    pub fn map_label(&self, value: u8) -> u8 {
        self.0[usize::from(value)]
    }

    /// A mask in these labels.
    pub fn map_mask(&self, mask: &Mask) -> Mask {
        let (columns, rows) = (mask.columns(), mask.rows());
        let labels = mask
            .pixel_labels()
            .iter()
            .map(|value| self.map_label(*value))
            .collect();
        Mask::from_labels(columns, rows, labels).unwrap_or_else(|| Mask::new_blank(columns, rows))
    }
}
