//! Focus ring around the control that has keyboard focus.

use super::theme;
use egui::{Rect, Stroke, StrokeKind, Ui};

/// Draws the ring. Call after all controls.
pub(super) fn paint_ring(ui: &Ui) {
    let ctx = ui.ctx();
    // `read_response` removes focus from a control after a click outside it, even if it just received focus.
    if ctx.input(|i| i.pointer.any_pressed() || i.pointer.any_released()) {
        return;
    }
    let Some(response) = ctx
        .memory(|m| m.focused())
        .and_then(|id| ctx.read_response(id))
    else {
        return;
    };
    let rect = response.rect.intersect(response.interact_rect.expand(1.0));
    if !rect.is_positive() || !rect.is_finite() {
        return;
    }
    let colors = theme::current_colors(ui);
    let painter = ctx
        .layer_painter(response.layer_id)
        .with_clip_rect(Rect::EVERYTHING);
    // Two lines, so that one is visible on any background: accent, image or panel.
    painter.rect_stroke(
        rect,
        4.0,
        Stroke::new(1.0, colors.panel),
        StrokeKind::Inside,
    );
    painter.rect_stroke(
        rect.expand(1.0),
        5.0,
        Stroke::new(2.0, colors.focus),
        StrokeKind::Middle,
    );
}
