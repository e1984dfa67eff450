//! The corners of a view: patient, study and slice, as far as there is room for them beside the other annotations.

use super::{AROUND, PictureEdges, SearchDirection, block_rect};
use crate::session::information::ImageInformation;
use egui::{Align2, Galley};
use std::sync::Arc;

/// Maximum width of the lines on the left and on the right, as fractions of the width of the view: they fit side by side.
const LEFT_SHARE: f32 = 0.56;
const RIGHT_SHARE: f32 = 0.42;

/// Narrower lines than this, in points, would be little more than an ellipsis.
const LEAST_WIDTH: f32 = 30.0;

impl PictureEdges<'_> {
    /// The patient below the title in the top left corner.
    pub(in crate::ui) fn write_patient(&mut self, information: &ImageInformation) {
        let lines = &information.patient;
        self.write_where_free(Align2::LEFT_TOP, SearchDirection::Down, lines, LEFT_SHARE);
    }

    /// The study in the top right corner, and the slice in the bottom left one.
    pub(in crate::ui) fn write_study_and_slice(&mut self, information: &ImageInformation) {
        for (anchor, way, lines, share) in [
            (
                Align2::RIGHT_TOP,
                SearchDirection::Down,
                &information.study,
                RIGHT_SHARE,
            ),
            (
                Align2::LEFT_BOTTOM,
                SearchDirection::Up,
                &information.slice,
                LEFT_SHARE,
            ),
        ] {
            self.write_where_free(anchor, way, lines, share);
        }
    }

    /// Writes as many of the lines as there is free room for near a corner, from the first on.
    fn write_where_free(
        &mut self,
        anchor: Align2,
        way: SearchDirection,
        lines: &[String],
        share: f32,
    ) {
        let width = self.room.width() * share - 2.0 * AROUND.x;
        if width < LEAST_WIDTH {
            return;
        }
        let laid: Vec<Arc<Galley>> = lines
            .iter()
            .map(|line| self.truncate_line(line, width))
            .collect();
        for count in (1..=laid.len()).rev() {
            let size = block_rect(&laid[..count]).size();
            if let Some(place) = self.find_text_rect(anchor, size, &[way]) {
                return self.paint_lines(&laid[..count], anchor, place);
            }
        }
    }
}
