//! Preview of the active tool over the image: brush ring, line with points, stripe colour of the changed area.

use crate::session::{
    Session,
    job::SliceKey,
    tools::{Place, Preview},
    view::ViewPlacement,
};
use egui::{Color32, Painter, Pos2, Rect, Shape, Stroke, epaint::PathStroke, pos2, vec2};
use labrum_core::label::PALETTE;
use std::f32::consts::TAU;

/// Lines over the image are light with a dark rim, visible on bright and on dark tissue.
pub(super) const LIGHT: Color32 = Color32::from_rgb(245, 246, 248);
pub(super) const RIM: Color32 = Color32::from_black_alpha(170);

/// Number of points of a brush ring.
const CORNERS: usize = 72;

/// Paints the preview of the active tool on slice `shown`.
pub(super) fn paint_tool_preview(
    painter: &Painter,
    session: &Session,
    shown: SliceKey,
    placement: ViewPlacement,
) {
    if session.live_mask().is_none_or(|l| l.slice_key() != shown) {
        return;
    }
    let preview = session.tools.tool_preview();
    if let Some((center, radii)) = preview.ring {
        paint_brush_ring(painter, placement, center, radii);
    }
    paint_drawn_line(painter, preview, placement);
}

/// Colour of the stripes over the area that the active tool would change: the colour of the label it
/// would get, or light grey if the tool erases or restores.
pub(super) fn stripe_color(session: &Session) -> [f32; 3] {
    let place = usize::from(session.tools.tool_preview().label).checked_sub(1);
    // With no labels yet, the first stroke creates one in the first palette colour.
    let color = place.map(|i| {
        session
            .labels
            .all_labels()
            .get(i)
            .map_or(PALETTE[0], |l| l.color)
    });
    color.map_or([0.96; 3], |color| color.map(|c| f32::from(c) / 255.0))
}

/// The exact ellipse of a brush; a cross if it is too small to see.
pub(super) fn paint_brush_ring(
    painter: &Painter,
    placement: ViewPlacement,
    center: Place,
    radii: Place,
) {
    let middle = screen_point(placement, center);
    let [across, down] = placement.size_on_screen(radii.map(|r| r as f32));
    let size = vec2(across, down);
    if size.max_elem() < 2.0 {
        for (width, color) in [(3.0, RIM), (1.0, LIGHT)] {
            let stroke = Stroke::new(width, color);
            painter.hline(middle.x - 5.0..=middle.x + 5.0, middle.y, stroke);
            painter.vline(middle.x, middle.y - 5.0..=middle.y + 5.0, stroke);
        }
        return;
    }
    let points: Vec<Pos2> = (0..CORNERS)
        .map(|i| {
            let angle = i as f32 / CORNERS as f32 * TAU;
            middle + size * vec2(angle.cos(), angle.sin())
        })
        .collect();
    for (width, color) in [(3.0, RIM), (1.25, LIGHT)] {
        painter.add(Shape::closed_line(
            points.clone(),
            PathStroke::new(width, color),
        ));
    }
}

/// The rectangle that is being dragged to set the window from its values.
pub(super) fn paint_dragged_region(painter: &Painter, rect: Rect) {
    let corners = [
        rect.left_top(),
        rect.right_top(),
        rect.right_bottom(),
        rect.left_bottom(),
        rect.left_top(),
    ];
    for (width, color) in [(3.0, RIM), (1.25, LIGHT)] {
        let stroke = Stroke::new(width, color);
        painter.extend(Shape::dashed_line(&corners, stroke, 5.0, 4.0));
    }
}

/// The line being drawn with its movable points; the closing segment is dashed.
fn paint_drawn_line(painter: &Painter, preview: &Preview, placement: ViewPlacement) {
    let line: Vec<Pos2> = preview
        .line
        .iter()
        .map(|p| screen_point(placement, *p))
        .collect();
    for (width, color) in [(3.5, RIM), (1.5, LIGHT)] {
        painter.add(Shape::line(line.clone(), PathStroke::new(width, color)));
    }
    if let [first, _, .., last] = line[..]
        && preview.is_closed
    {
        painter.extend(Shape::dashed_line(
            &[last, first],
            Stroke::new(3.0, RIM),
            5.0,
            4.0,
        ));
        painter.extend(Shape::dashed_line(
            &[last, first],
            Stroke::new(1.25, LIGHT),
            5.0,
            4.0,
        ));
    }
    let can_close = preview.points.len() >= 3;
    for (i, place) in preview.points.iter().enumerate() {
        let radius = if i == 0 && can_close { 6.0 } else { 3.5 };
        painter.circle(
            screen_point(placement, *place),
            radius,
            LIGHT,
            Stroke::new(1.5, RIM),
        );
    }
}

/// Screen position of a position on the image.
pub(super) fn screen_point(placement: ViewPlacement, [x, y]: Place) -> Pos2 {
    let [x, y] = placement.screen_from_image([x as f32, y as f32]);
    pos2(x, y)
}
