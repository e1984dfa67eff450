//! The views beside each other: where they are, the frame around the active one, and how another becomes active.

use super::{
    canvas::{self, CanvasState},
    case_drag,
    stream::{EventStream, Heard, WindowEvent},
    tool_input::ToolInput,
};
use crate::session::{
    Action, Actions, Session,
    layout::ViewLayout,
    panes::{MOST_PANES, PaneAction},
    tool_options::ToolKind,
};
use egui::{Color32, Context, PointerButton, Rect, Stroke, StrokeKind, Ui, UiBuilder, pos2};

/// Gap between two views, in points.
const GAP: f32 = 4.0;

/// The frame of the active view, of a view that a case is held over, and of the others.
const ACTIVE: Stroke = Stroke {
    width: 2.0,
    color: Color32::from_rgb(86, 180, 233),
};
const TARGET: Stroke = Stroke {
    width: 3.0,
    color: Color32::from_rgb(240, 228, 66),
};
const OTHER: Stroke = Stroke {
    width: 1.0,
    color: Color32::from_rgb(64, 66, 70),
};

/// Where the views are, row by row.
fn split_by_layout(room: Rect, layout: ViewLayout) -> Vec<Rect> {
    let [columns, rows] = layout.grid_size();
    let mut places = Vec::with_capacity(layout.pane_count());
    for row in 0..rows {
        for column in 0..columns {
            let [left, right] = nth_part(room.left(), room.right(), column, columns);
            let [top, bottom] = nth_part(room.top(), room.bottom(), row, rows);
            places.push(Rect::from_min_max(pos2(left, top), pos2(right, bottom)));
        }
    }
    places
}

/// The start and the end of one of `count` equal parts, with gaps between them.
fn nth_part(start: f32, end: f32, index: usize, count: usize) -> [f32; 2] {
    let step = (end - start + GAP) / count as f32;
    let low = match index {
        0 => start,
        index => (start + step * index as f32).round(),
    };
    let high = match index + 1 {
        next if next == count => end,
        next => (start + step * next as f32).round() - GAP,
    };
    [low, high]
}

/// Shows the views of the layout beside each other.
pub(super) fn show_views(
    ui: &mut Ui,
    session: &Session,
    states: &mut [CanvasState; MOST_PANES],
    actions: &mut Actions,
) {
    let places = split_by_layout(ui.available_rect_before_wrap(), session.settings.layout);
    for (pane, (rect, state)) in places.into_iter().zip(states).enumerate() {
        let builder = UiBuilder::new().max_rect(rect).id_salt(("pane", pane));
        ui.scope_builder(builder, |ui| {
            let view = canvas::show_slice(ui, session, pane, state, actions);
            // A screenshot has no frame around the active view.
            if session.screenshot_content().is_none() {
                let stroke = frame_of(session, pane, case_drag::is_held_over(&view));
                ui.painter_at(rect)
                    .rect_stroke(rect, 0.0, stroke, StrokeKind::Inside);
            }
        });
    }
}

fn frame_of(session: &Session, pane: usize, is_target: bool) -> Stroke {
    if is_target {
        TARGET
    } else if pane == session.panes.active_index() {
        ACTIVE
    } else {
        OTHER
    }
}

/// Makes the view active that an event came to; false if it came to no other view than the active one. The event then
/// counts there, except for a press that would draw: it only makes the view active.
pub(super) fn activate_by_event(
    ctx: &Context,
    session: &Session,
    heard: &Heard,
    active: &ToolInput,
    actions: &mut Actions,
) -> bool {
    let Some(pane) = heard.inactive.filter(|_| !active.has_gesture()) else {
        return false;
    };
    let draws = match heard.what {
        WindowEvent::Pressed(button) => draws_by(session.tools.active_tool(), button, heard),
        WindowEvent::Wheel { .. } | WindowEvent::Pinched(_) => false,
        _ => return false,
    };
    actions.push(Action::Pane(PaneAction::Activate(pane)));
    if !draws {
        EventStream::hear_again(ctx, *heard);
    }
    true
}

/// True if a press of this button draws on the active view.
fn draws_by(tool: ToolKind, button: PointerButton, heard: &Heard) -> bool {
    match button {
        PointerButton::Primary => tool != ToolKind::Look && !heard.has_space,
        PointerButton::Secondary => tool == ToolKind::Click,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn views_fill_the_room_without_overlapping() {
        let room = Rect::from_min_max(pos2(10.0, 20.0), pos2(811.0, 621.0));
        for layout in [
            ViewLayout::One,
            ViewLayout::SideBySide,
            ViewLayout::Stacked,
            ViewLayout::Four,
        ] {
            let places = split_by_layout(room, layout);
            assert_eq!(places.len(), layout.pane_count());
            let all = places.iter().fold(Rect::NOTHING, |all, r| all.union(*r));
            assert_eq!(all, room, "{layout:?}");
            let area: f32 = places.iter().map(Rect::area).sum();
            assert!(area > 0.98 * room.area(), "{layout:?}");
            for (i, a) in places.iter().enumerate() {
                assert!(
                    places[i + 1..].iter().all(|b| !a.intersects(*b)),
                    "{layout:?}"
                );
            }
        }
    }
}
