//! Drawn measurements on the image: lines, handles, and the values beside them.

use super::{
    edges::{SearchDirection, nearest_free_place},
    tool_overlay::{LIGHT, RIM, screen_point},
};
use crate::session::{Session, case::Case, measurements::ShownMeasurement, view::ViewPlacement};
use egui::{
    Align2, Color32, FontId, Painter, Pos2, Rect, Shape, Stroke, Vec2, epaint::PathStroke, pos2,
    vec2,
};
use labrum_core::stack::ViewPlane;

/// Colour of the selected measurement; lines have a dark rim, so that they are visible on bright and on dark tissue.
const SELECTED: Color32 = Color32::from_rgb(255, 214, 64);

/// Radius of a handle, and of those of a line with many, in points.
const HANDLE: f32 = 4.5;
const SMALL_HANDLE: f32 = 2.5;

/// Padding between values and the edge of their dark ground, in points.
const AROUND: Vec2 = vec2(4.0, 2.0);

/// Half the length of the lines of a point, in points.
const CROSS: f32 = 7.0;

/// The measurements that a view shows.
pub(super) struct DrawnView {
    shown: Vec<ShownMeasurement>,
}

impl DrawnView {
    /// Those of a view; `slice` is the slice that the slice view shows. Screenshots have no handles.
    pub(super) fn of_session(session: &Session, plane: ViewPlane, slice: usize) -> Self {
        if !session.shows_drawn() {
            return Self { shown: Vec::new() };
        }
        let mut shown = session.shown_measurements(plane, slice);
        if session.screenshot_content().is_some() {
            for one in &mut shown {
                one.handles = Vec::new();
                one.is_selected = false;
            }
        }
        Self { shown }
    }

    /// Those on a slice in a view that is not active.
    pub(super) fn beside(session: &Session, case: &Case, slice: usize) -> Self {
        let shown = match session.shows_drawn() {
            true => session.measurements_beside(case, slice),
            false => Vec::new(),
        };
        Self { shown }
    }

    /// Paints lines and handles, with the values beside them.
    pub(super) fn paint(&self, painter: &Painter, placement: ViewPlacement) {
        self.paint_shapes(painter, placement);
        let mut taken = Vec::with_capacity(self.shown.len());
        for shown in &self.shown {
            paint_values(painter, shown, placement, &mut taken);
        }
    }

    /// Paints lines and handles alone.
    pub(super) fn paint_shapes(&self, painter: &Painter, placement: ViewPlacement) {
        for shown in &self.shown {
            paint_shape(painter, shown, placement);
        }
    }
}

fn color_of(shown: &ShownMeasurement) -> Color32 {
    if shown.is_selected { SELECTED } else { LIGHT }
}

fn paint_shape(painter: &Painter, shown: &ShownMeasurement, placement: ViewPlacement) {
    let color = color_of(shown);
    for line in &shown.lines {
        let points: Vec<Pos2> = line.iter().map(|p| screen_point(placement, *p)).collect();
        for (width, color) in [(3.5, RIM), (1.5, color)] {
            painter.add(Shape::line(points.clone(), PathStroke::new(width, color)));
        }
    }
    if let Some(point) = shown.point {
        paint_cross(painter, screen_point(placement, point), color);
    }
    let radius = if shown.handles.len() > 8 {
        SMALL_HANDLE
    } else {
        HANDLE
    };
    for handle in &shown.handles {
        let at = screen_point(placement, *handle);
        painter.circle(at, radius, color, Stroke::new(1.5, RIM));
    }
}

/// A cross with a gap in the middle, so that the pixel stays visible.
fn paint_cross(painter: &Painter, at: Pos2, color: Color32) {
    for (width, color) in [(3.5, RIM), (1.5, color)] {
        let stroke = Stroke::new(width, color);
        for way in [
            vec2(1.0, 0.0),
            vec2(-1.0, 0.0),
            vec2(0.0, 1.0),
            vec2(0.0, -1.0),
        ] {
            painter.line_segment([at + way * 2.5, at + way * CROSS], stroke);
        }
    }
}

/// The points of a measurement on the screen.
fn points_on_screen(shown: &ShownMeasurement, placement: ViewPlacement) -> Vec<Pos2> {
    let points = shown.lines.iter().flatten().chain(&shown.point);
    points.map(|p| screen_point(placement, *p)).collect()
}

/// The lower right end of a shape on the screen, also where the image is flipped or rotated; `None` if no part of it is in
/// `room`.
fn lower_right(points: &[Pos2], room: Rect) -> Option<Pos2> {
    if !Rect::from_points(points).intersects(room) {
        return None;
    }
    let sum = |at: &Pos2| at.x + at.y;
    let ends = points.iter().copied();
    ends.max_by(|a, b| sum(a).total_cmp(&sum(b)))
}

/// The name and the values on a dark ground, at the lower right of the shape and inside of the view; `taken` is where those
/// of other measurements are.
fn paint_values(
    painter: &Painter,
    shown: &ShownMeasurement,
    placement: ViewPlacement,
    taken: &mut Vec<Rect>,
) {
    let points = points_on_screen(shown, placement);
    let anchor = lower_right(&points, painter.clip_rect());
    let Some(anchor) = anchor.filter(|_| !shown.texts.is_empty()) else {
        return;
    };
    let color = color_of(shown);
    let font = FontId::proportional(12.0);
    let text = painter.layout_no_wrap(shown.texts.join("\n"), font, color);
    let at = Align2::LEFT_TOP.anchor_size(anchor + vec2(10.0, 6.0), text.size());
    let room = painter.clip_rect().shrink(4.0);
    let ground = free_ground(moved_into(at, room).expand2(AROUND), room, taken);
    painter.rect_filled(ground, 3.0, Color32::from_black_alpha(170));
    painter.galley(ground.min + AROUND, text, color);
    taken.push(ground);
}

/// A place above or below the one that is wanted, so that values of several measurements can be read; where there is no
/// room for that, the one that is wanted.
fn free_ground(wanted: Rect, room: Rect, taken: &[Rect]) -> Rect {
    let ways = [SearchDirection::Down, SearchDirection::Up];
    nearest_free_place(wanted, room, taken, &ways).unwrap_or(wanted)
}

/// A rectangle moved into another one that has room for it.
fn moved_into(rect: Rect, room: Rect) -> Rect {
    let low = pos2(
        rect.min.x.min(room.max.x - rect.width()).max(room.min.x),
        rect.min.y.min(room.max.y - rect.height()).max(room.min.y),
    );
    Rect::from_min_size(low, rect.size())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::turn::Turn;

    #[test]
    fn values_are_moved_into_the_view() {
        let room = Rect::from_min_size(pos2(0.0, 0.0), vec2(100.0, 50.0));
        let beyond = Rect::from_min_size(pos2(90.0, 45.0), vec2(30.0, 20.0));
        assert_eq!(
            moved_into(beyond, room),
            Rect::from_min_size(pos2(70.0, 30.0), vec2(30.0, 20.0))
        );
        let inside = Rect::from_min_size(pos2(10.0, 10.0), vec2(30.0, 20.0));
        assert_eq!(moved_into(inside, room), inside);
    }

    #[test]
    fn values_of_several_measurements_do_not_overlap_where_there_is_room() {
        let room = Rect::from_min_size(pos2(0.0, 0.0), vec2(200.0, 200.0));
        let wanted = Rect::from_min_size(pos2(50.0, 80.0), vec2(60.0, 30.0));
        assert_eq!(free_ground(wanted, room, &[]), wanted);
        let mut taken = vec![wanted];
        for _ in 0..2 {
            let ground = free_ground(wanted, room, &taken);
            assert!(room.contains_rect(ground), "{ground:?}");
            assert!(taken.iter().all(|other| !other.intersects(ground)));
            taken.push(ground);
        }
        let full = [room];
        assert_eq!(free_ground(wanted, room, &full), wanted);
    }

    #[test]
    fn values_are_at_the_lower_right_on_the_screen_and_gone_with_their_shape() {
        let shown = ShownMeasurement {
            lines: vec![vec![[10.0, 20.0], [30.0, 40.0]]],
            point: None,
            handles: Vec::new(),
            texts: Vec::new(),
            is_selected: false,
        };
        let room = Rect::from_min_max(pos2(0.0, 0.0), pos2(100.0, 100.0));
        for turn in Turn::all() {
            let placement = ViewPlacement {
                turn,
                ..ViewPlacement::upright([1.0; 2], [50.0; 2])
            };
            let points = points_on_screen(&shown, placement);
            let Some(at) = lower_right(&points, room) else {
                unreachable!("{turn:?}")
            };
            assert!(points.iter().all(|p| p.x + p.y <= at.x + at.y), "{turn:?}");
            let elsewhere = room.translate(vec2(500.0, 0.0));
            assert_eq!(lower_right(&points, elsewhere), None);
        }
        assert_eq!(lower_right(&[], room), None);
    }
}
