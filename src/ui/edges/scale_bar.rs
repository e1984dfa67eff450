//! The scale bar at the bottom left, and the scale of the image below it.

use super::{AROUND, PictureEdges, SearchDirection, annotation_font};
use crate::{session::view::ViewPlacement, ui::theme::ON_CANVAS};
use egui::{Align2, Color32, Pos2, Stroke, vec2};
use labrum_core::image::Image;

impl PictureEdges<'_> {
    /// A scale bar of a round length at the bottom left. `mm_per_point` gives the scale, in mm per point of the screen, for
    /// a bar that starts at a point of the screen.
    pub(in crate::ui) fn scale_bar(&mut self, mm_per_point: impl Fn(Pos2) -> Option<f64>) {
        let Some(wanted) = mm_per_point(self.room.left_bottom()) else {
            return;
        };
        let Some((length, width)) = scale_bar_length(wanted) else {
            return;
        };
        let words = if length >= 10.0 {
            format!("{:.0} cm", length / 10.0)
        } else {
            format!("{length} mm")
        };
        let galley = self
            .painter
            .layout_no_wrap(words, annotation_font(), ON_CANVAS);
        let size = vec2(
            width.max(galley.size().x + AROUND.x) + 1.0,
            galley.size().y + 8.0,
        );
        let Some(place) = self.find_free_rect(Align2::LEFT_BOTTOM, size, &[SearchDirection::Up])
        else {
            return;
        };
        // After moving up, it may lie on an ultrasound region with another scale.
        if mm_per_point(place.left_bottom()) != Some(wanted) {
            return;
        }
        let left = place.left_bottom() + vec2(0.0, -2.0);
        for (shift, color) in [(1.0, Color32::from_black_alpha(200)), (0.0, ON_CANVAS)] {
            let start = left + vec2(shift, shift);
            let stroke = Stroke::new(1.5, color);
            self.painter
                .line_segment([start, start + vec2(width, 0.0)], stroke);
            for x in [0.0, width] {
                self.painter
                    .line_segment([start + vec2(x, -4.0), start + vec2(x, 0.0)], stroke);
            }
        }
        let at = Align2::LEFT_BOTTOM.anchor_size(left + vec2(0.0, -6.0), galley.size());
        self.painter
            .rect_filled(at.expand2(AROUND), 3.0, Color32::from_black_alpha(150));
        self.painter.galley(at.min, galley, ON_CANVAS);
        self.taken.push(place);
    }
}

/// The scale across the screen, in mm per point, under a scale bar that starts at `start`; `None` if the bar would cover
/// regions of different scales, or none.
pub(in crate::ui) fn mm_per_point(
    image: &Image,
    start: Pos2,
    placement: ViewPlacement,
) -> Option<f64> {
    let scale = image.length_scale();
    // On a rotated image the bar lies along a column.
    let along = usize::from(placement.turn.swaps_axes());
    let points_per_pixel = f64::from(placement.scale[along]);
    if let Some(common) = scale.uniform_spacing() {
        return Some([common.column, common.row][along] / points_per_pixel);
    }
    let first = pixel_under(image, start, placement)?;
    let spacing = scale.spacing_at(first[0], first[1])?;
    let mm = [spacing.column, spacing.row][along] / points_per_pixel;
    let (_, length) = scale_bar_length(mm)?;
    let last = pixel_under(image, start + vec2(length, 0.0), placement)?;
    let covered = first[along].min(last[along])..=first[along].max(last[along]);
    let same = if along == 0 {
        scale.along_row(first[1], covered)
    } else {
        scale.along_column(first[0], covered)
    };
    same.map(|_| mm)
}

/// Column and row of the pixel at a screen position; `None` outside the image.
fn pixel_under(image: &Image, at: Pos2, placement: ViewPlacement) -> Option<[usize; 2]> {
    let [x, y] = placement.image_from_screen([at.x, at.y]);
    let is_inside =
        x >= 0.0 && y >= 0.0 && (x as usize) < image.columns && (y as usize) < image.rows;
    is_inside.then_some([x as usize, y as usize])
}

/// The length of the scale bar in mm and in points.
fn scale_bar_length(mm_per_point: f64) -> Option<(f32, f32)> {
    let points_per_mm = (1.0 / mm_per_point) as f32;
    let lengths = [0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0];
    let length = lengths.into_iter().find(|l| l * points_per_mm >= 60.0)?;
    Some((length, length * points_per_mm))
}
