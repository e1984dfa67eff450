//! Crosshair and frame colours of orthogonal views.

use crate::session::view::ViewPlacement;
use egui::{Color32, Painter, Rect, Stroke, StrokeKind, vec2};
use labrum_core::stack::{Pane, ViewPlane};

/// The colour of a view's frame and of its line in the other views (colour-blind safe palette of Okabe and
/// Ito).
fn plane_color(plane: ViewPlane) -> Color32 {
    match plane {
        ViewPlane::Slice => Color32::from_rgb(240, 228, 66),
        ViewPlane::Column => Color32::from_rgb(86, 180, 233),
        ViewPlane::Row => Color32::from_rgb(230, 159, 0),
    }
}

/// Paints where the other views intersect this one, with a gap around the common point.
pub(super) fn paint_crosshair(
    painter: &Painter,
    rect: Rect,
    pane: &Pane,
    place: [f64; 2],
    placement: ViewPlacement,
) {
    const OPEN: f32 = 10.0;
    let [x, y] = placement.screen_from_image(place.map(|v| v as f32));
    // The line of a plane that is vertical on an upright view lies across a rotated one.
    let [down, across] = placement
        .turn
        .swapped(pane.crossing_planes())
        .map(|plane| Stroke::new(1.0, plane_color(plane).gamma_multiply(0.75)));
    for (from, to) in [(rect.top(), y - OPEN), (y + OPEN, rect.bottom())] {
        if to > from {
            painter.vline(x, from..=to, down);
        }
    }
    for (from, to) in [(rect.left(), x - OPEN), (x + OPEN, rect.right())] {
        if to > from {
            painter.hline(from..=to, y, across);
        }
    }
}

/// Paints a mark in the colour of the view, and a frame around the active view.
pub(super) fn paint_frame(painter: &Painter, rect: Rect, plane: ViewPlane, is_active: bool) {
    let mark = Rect::from_min_size(rect.min, vec2(28.0, 3.0));
    painter.rect_filled(mark, 0.0, plane_color(plane));
    if is_active {
        painter.rect_stroke(
            rect.shrink(0.5),
            0.0,
            Stroke::new(1.0, plane_color(plane)),
            StrokeKind::Inside,
        );
    }
}
