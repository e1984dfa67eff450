//! Maps the values of foreign masks to the labels of a model.

use super::mask::Mask;

/// The model label for each mask value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelTable([u8; 256]);

impl LabelTable {
    /// `places` holds the mask value of each label 1, 2 and so on. All other values become labels after these, which no
    /// model proposes.
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
        // Background always stays background.
        table[0] = 0;
        Self(table)
    }

    /// The label for a mask value.
    pub fn map_label(&self, value: u8) -> u8 {
        self.0[usize::from(value)]
    }

    /// Maps all values of a mask.
    pub fn map_mask(&self, mask: &Mask) -> Mask {
        let (columns, rows) = mask.columns_and_rows();
        let labels = mask
            .pixel_labels()
            .iter()
            .map(|value| self.map_label(*value))
            .collect();
        Mask::from_labels(columns, rows, labels).unwrap_or_else(|| Mask::new_blank(columns, rows))
    }
}
