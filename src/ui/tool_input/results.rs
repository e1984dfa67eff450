//! What mouse events on a view result in, and the actions for it.

use super::{EventContext, amounts::dragged_window};
use crate::session::{Action, Session, ortho::OrthoAction, tools::PointerInput};
use egui::{Pos2, Vec2};
use labrum_core::stack::ViewPlane;

/// The effect of an event.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum EventResult {
    Pressed,
    Input(PointerInput),
    Panned(Vec2),
    Windowed(Vec2),
    WindowRegion(Pos2, Pos2),
    Crossed(Pos2),
    Zoomed(f32, Pos2),
    Slices(i64),
    Notches(i64),
}

/// The action for an event result.
pub(super) fn action_for_result(
    told: EventResult,
    around: &EventContext,
    session: &Session,
) -> Option<Action> {
    let across = (around.plane != ViewPlane::Slice).then_some(around.plane);
    Some(match (told, across) {
        (EventResult::Pressed, _) => {
            session
                .viewports
                .ortho_views()
                .filter(|ortho| ortho.active != around.plane)?;
            Action::Ortho(OrthoAction::Activate(around.plane))
        }
        (EventResult::Input(input), None) => Action::Pointer(input),
        (EventResult::Input(input), Some(plane)) => {
            Action::Ortho(OrthoAction::Pointer(plane, input))
        }
        (EventResult::Panned(by), None) => Action::Pan(by.into()),
        (EventResult::Panned(by), Some(plane)) => Action::Ortho(OrthoAction::Pan(plane, by.into())),
        (EventResult::Windowed(by), _) => {
            let (case, loaded) = session.cases.current_case().zip(session.current_loaded())?;
            Action::SetWindow(dragged_window(session.window_of(case, loaded), loaded, by))
        }
        (EventResult::WindowRegion(from, to), across) => {
            let [from, to] = [from, to].map(|at| around.image_place(at));
            match across {
                None => Action::WindowOfRegion { from, to },
                Some(plane) => Action::Ortho(OrthoAction::WindowOfRegion(plane, from, to)),
            }
        }
        (EventResult::Crossed(at), _) => {
            let place = around.image_place(at);
            Action::Ortho(OrthoAction::Cross(around.plane, place))
        }
        (EventResult::Zoomed(factor, at), None) => Action::Zoom {
            factor,
            pointer: at.into(),
        },
        (EventResult::Zoomed(factor, at), Some(plane)) => {
            Action::Ortho(OrthoAction::Zoom(plane, factor, at.into()))
        }
        (EventResult::Slices(by), None) => Action::ScrollSlices(by),
        (EventResult::Slices(by), Some(plane)) => Action::Ortho(OrthoAction::Scroll(plane, by)),
        (EventResult::Notches(by), _) => Action::ResizeTool(by),
    })
}
