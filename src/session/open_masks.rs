//! The masks that are being edited. Those of all other slices are stored packed with their cases.

use super::{job::SliceKey, live::Live, tools::Place};
use labrum_core::mask::Mask;
use std::collections::HashMap;

/// Masks that are being edited, unpacked.
#[derive(Debug, Default)]
pub struct OpenMasks {
    /// The mask of the slice on the screen.
    pub(super) live: Option<Live>,
    /// Masks of other slices that a brush is painting on.
    pub(super) others: HashMap<SliceKey, Mask>,
    /// The slice whose pixel values are being computed.
    pub(super) valued: Option<SliceKey>,
    /// Changes whenever a mask may have changed.
    pub(super) clock: u64,
}

impl OpenMasks {
    /// Size of the slice on the screen, columns and rows.
    pub(super) fn slice_size(&self) -> (usize, usize) {
        self.live
            .as_ref()
            .map_or((0, 0), |l| l.mask().columns_and_rows())
    }

    /// The pixel at a position on the slice on the screen.
    pub(super) fn pixel_at(&self, [x, y]: Place) -> Option<(usize, usize)> {
        let (columns, rows) = self.slice_size();
        let inside = x >= 0.0 && y >= 0.0 && x < columns as f64 && y < rows as f64;
        inside.then_some((x as usize, y as usize))
    }
}
