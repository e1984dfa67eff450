//! The panels around the canvas.

pub(super) mod cases;
mod cine;
pub(super) mod context;
pub(super) mod inspector;
mod labels;
pub(super) mod looking;
mod mask_values;
mod measurements;
pub(super) mod menu;
mod operations;
pub(super) mod scrubber;
pub(super) mod status;
pub(super) mod toasts;
pub(super) mod tools;
mod training;
mod volume_curves;
pub(super) mod welcome;

use egui::{Align2, Color32, Context, FontId, Id, LayerId, Order};

/// Hint while files are dragged over the window.
pub(super) fn drop_hint(ctx: &Context) {
    if ctx.input(|i| i.raw.hovered_files.is_empty()) {
        return;
    }
    let painter = ctx.layer_painter(LayerId::new(Order::Foreground, Id::unique("drop")));
    let rect = ctx.content_rect();
    painter.rect_filled(rect, 0.0, Color32::from_black_alpha(180));
    painter.text(
        rect.center(),
        Align2::CENTER_CENTER,
        "Drop to open",
        FontId::proportional(24.0),
        Color32::WHITE,
    );
}
