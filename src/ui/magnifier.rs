//! The magnifier: the image around the pointer, enlarged. The pixel under the pointer stays under it, so that tools can be
//! used through it.

use super::{
    stream::EventStream,
    tool_overlay::{LIGHT, RIM},
};
use crate::session::{Session, view::ViewPlacement};
use egui::{Painter, Pos2, Rect, Stroke, StrokeKind, Ui, Vec2};
use labrum_core::stack::ViewPlane;

/// Side of the magnified area, in points, and its largest share of the view.
const SIDE: f32 = 240.0;
const SHARE: f32 = 0.6;

/// How much larger the image is shown.
const FACTOR: f32 = 3.0;

/// A magnified part of a view.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Magnified {
    /// Where it is on the screen, within the view.
    pub(super) rect: Rect,
    /// Where the image is for it.
    pub(super) placement: ViewPlacement,
}

impl Magnified {
    /// The part of a view at `rect` that is to be magnified; `None` if the magnifier is off, the pointer elsewhere, or the
    /// view is drawn for a screenshot.
    pub(super) fn under_pointer(
        ui: &Ui,
        session: &Session,
        plane: ViewPlane,
        rect: Rect,
        placement: ViewPlacement,
    ) -> Option<Self> {
        let now = EventStream::current_pointer_event(ui.ctx())?;
        let at = now.at.filter(|_| now.over == Some(plane))?;
        let is_on = session.viewports.magnifier && session.screenshot_content().is_none();
        is_on.then(|| Self::around(at, rect, placement))
    }

    /// The magnified surroundings of a point of a view.
    fn around(at: Pos2, view: Rect, placement: ViewPlacement) -> Self {
        let side = SIDE.min(view.width().min(view.height()) * SHARE);
        let rect = Rect::from_center_size(at, Vec2::splat(side)).intersect(view);
        let [x, y] = placement.origin;
        let origin = [at.x - (at.x - x) * FACTOR, at.y - (at.y - y) * FACTOR];
        let placement = ViewPlacement {
            scale: placement.scale.map(|s| s * FACTOR),
            origin,
            ..placement
        };
        Self { rect, placement }
    }

    /// Paints a rim around it.
    pub(super) fn paint_rim(&self, painter: &Painter) {
        for (width, color) in [(4.0, RIM), (1.5, LIGHT)] {
            let stroke = Stroke::new(width, color);
            painter.rect_stroke(self.rect, 0.0, stroke, StrokeKind::Inside);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::turn::Turn;
    use egui::pos2;

    #[test]
    fn the_pixel_under_the_pointer_stays_and_its_surroundings_are_enlarged() {
        let view = Rect::from_min_max(pos2(100.0, 50.0), pos2(900.0, 650.0));
        for turn in Turn::all() {
            let placement = ViewPlacement {
                scale: [2.0, 3.0],
                origin: [310.0, 270.0],
                turn,
            };
            let at = pos2(420.0, 333.0);
            let magnified = Magnified::around(at, view, placement);
            let [x, y] = placement.image_from_screen([at.x, at.y]);
            let [a, b] = magnified.placement.image_from_screen([at.x, at.y]);
            assert!((x - a).abs() < 1e-3 && (y - b).abs() < 1e-3);
            let size = magnified.placement.size_on_screen([1.0, 1.0]);
            assert_eq!(size, placement.size_on_screen([FACTOR, FACTOR]));
        }
    }

    #[test]
    fn the_magnified_part_stays_within_its_view() {
        let placement = ViewPlacement::upright([1.0; 2], [0.0; 2]);
        let view = Rect::from_min_max(pos2(100.0, 50.0), pos2(900.0, 650.0));
        for at in [pos2(101.0, 51.0), pos2(500.0, 300.0), pos2(899.0, 640.0)] {
            let rect = Magnified::around(at, view, placement).rect;
            assert!(view.contains_rect(rect) && rect.contains(at), "{rect:?}");
        }
        let small = Rect::from_min_max(pos2(0.0, 0.0), pos2(100.0, 200.0));
        let rect = Magnified::around(small.center(), small, placement).rect;
        assert_eq!(rect.size(), Vec2::splat(60.0));
    }
}
