//! The corners of a view: patient, study and slice, as far as there is room for them beside the other annotations.

use super::{AROUND, PictureEdges, SearchDirection, block_rect, nearest_free_rect};
use crate::{session::information::ImageInformation, ui::theme::ON_CANVAS};
use egui::{Align, Align2, Color32, Galley, Rect, pos2};
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
        // The text lies on the edge of the room, its background goes beyond it, as that of the title does.
        let room = self.room.expand2(AROUND);
        for count in (1..=laid.len()).rev() {
            let size = block_rect(&laid[..count]).size() + 2.0 * AROUND;
            if let Some(place) = nearest_free_rect(room, &self.taken, anchor, size, &[way]) {
                return self.paint_lines(&laid[..count], anchor, place);
            }
        }
    }

    /// Paints lines on a dark background that fills `place`, aligned to the side of `anchor`.
    fn paint_lines(&mut self, lines: &[Arc<Galley>], anchor: Align2, place: Rect) {
        self.painter
            .rect_filled(place, 3.0, Color32::from_black_alpha(150));
        let inner = place.shrink2(AROUND);
        let mut top = inner.top();
        for line in lines {
            let left = match anchor.x() {
                Align::Max => inner.right() - line.size().x,
                _ => inner.left(),
            };
            self.painter
                .galley(pos2(left, top), line.clone(), ON_CANVAS);
            top += line.size().y;
        }
        self.taken.push(place);
    }
}
