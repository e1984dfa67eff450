//! The mouse on the canvas: every move becomes what the tool in hand, the view or the window are told, in order.

use super::stream::{EventStream, Heard, WindowEvent};
use crate::session::{
    Action, Session,
    job::Loaded,
    ortho::OrthoAction,
    tools::{Place, PointerInput, PointerPhase, ToolKind},
    view::{Canvas, ViewPlacement},
};
use egui::{CursorIcon, Modifiers, MouseWheelUnit, PointerButton, Pos2, Response, Ui, Vec2};
use labrum_core::{image::Window, stack::ViewPlane};

/// Points of a touchpad that make one slice, or one notch of a brush.
const POINTS_PER_NOTCH: f32 = 30.0;

/// A picture is enlarged by so much for each notch of the wheel with Ctrl.
const ZOOM_PER_NOTCH: f32 = 1.22;

/// A second click on the same place is a double-click: within so many points of the first, however long after it. What
/// counts is what was clicked, not how fast the window is drawn.
const SAME_PLACE: f32 = 6.0;

/// A pointer that left the window with a button down and does not come back for so many seconds has let go.
const GONE: f64 = 0.5;

/// What the buttons that are down do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Gesture {
    #[default]
    None,
    /// The tool in hand draws.
    Draw,
    /// The picture moves.
    Pan(PointerButton),
    /// Grey levels change.
    Window,
    /// The place that all orthogonal views go through moves.
    Cross,
}

impl Gesture {
    fn pointer_button(self) -> Option<PointerButton> {
        match self {
            Self::None => None,
            Self::Draw | Self::Cross => Some(PointerButton::Primary),
            Self::Pan(button) => Some(button),
            Self::Window => Some(PointerButton::Secondary),
        }
    }
}

/// What a view remembers of the mouse.
#[derive(Debug, Default)]
pub(crate) struct ToolInput {
    gesture: Gesture,
    /// Where the pointer was last.
    last: Option<Pos2>,
    pressed_at: Pos2,
    /// Where was clicked, and nothing else done since.
    clicked: Option<Pos2>,
    /// Since when the pointer is outside of the window with a button down.
    gone: Option<f64>,
    /// What the tool was told last while no button was down.
    hover: Option<(ToolKind, PointerInput)>,
    /// The mouse has moved since then.
    has_moved: bool,
    slices: f32,
    notches: f32,
    /// Where a click with the right button asked for the menu of the picture, until that is opened.
    pub(super) menu: Option<Pos2>,
}

/// What an event is read with: the state of things when it came.
pub(super) struct EventContext {
    plane: ViewPlane,
    placement: ViewPlacement,
    tool: ToolKind,
    /// Orthogonal views are shown: with nothing to draw with, or with Shift, a drag moves the place they go through.
    is_linked: bool,
    /// Where keys moved the tool to.
    keyed: Option<Place>,
    time: f64,
    /// Events of the wheel for one notch.
    notch: f32,
}

impl EventContext {
    /// A view that stands at `canvas`; `None` where there is nothing to see in it.
    pub(super) fn for_view(
        session: &Session,
        plane: ViewPlane,
        canvas: Canvas,
        time: f64,
        notch: f32,
    ) -> Option<Self> {
        let placement = match plane {
            ViewPlane::Slice => session.current_case().map(|case| {
                case.view
                    .place_picture(canvas, session.picture_extent(case))
            })?,
            plane => {
                let view = session.ortho_views()?.across(plane)?;
                view.view.place_picture(canvas, view.picture_extent())
            }
        };
        Some(Self {
            plane,
            placement,
            tool: session.active_tool(),
            is_linked: session.ortho_views().is_some(),
            keyed: session
                .keyed_pointer()
                .filter(|_| plane == ViewPlane::Slice),
            time,
            notch,
        })
    }

    fn pointer_input(&self, phase: PointerPhase, at: Pos2, modifiers: Modifiers) -> PointerInput {
        let [x, y] = self.placement.image_from_screen([at.x, at.y]);
        let erases = modifiers.alt || modifiers.ctrl || modifiers.command;
        PointerInput {
            phase,
            at: [f64::from(x), f64::from(y)],
            erases,
            scale: f64::from(self.placement.scale[0]),
        }
    }

    /// Space is held, or there is nothing to draw with: a drag moves the picture.
    fn drag_pans(&self, has_space: bool) -> bool {
        self.tool == ToolKind::Look || has_space
    }
}

/// What came of an event.
#[derive(Clone, Copy, Debug, PartialEq)]
enum EventResult {
    Pressed,
    Input(PointerInput),
    Panned(Vec2),
    Windowed(Vec2),
    Crossed(Pos2),
    Zoomed(f32, Pos2),
    Slices(i64),
    Notches(i64),
}

impl ToolInput {
    /// Takes something that happened; returns what is asked for.
    pub(super) fn handle_event(
        &mut self,
        heard: &Heard,
        around: &EventContext,
        session: &Session,
    ) -> Vec<Action> {
        let mut told = Vec::new();
        self.dispatch_event(heard, around, &mut told);
        told.into_iter()
            .filter_map(|told| action_for_result(told, around, session))
            .collect()
    }

    /// Tells the tool where the pointer is: before a command, which may draw there, and before the window is drawn.
    pub(super) fn sync_pointer(
        &mut self,
        now: &Heard,
        around: &EventContext,
        session: &Session,
    ) -> Vec<Action> {
        let mut told = Vec::new();
        self.update_hover(now, around, &mut told);
        told.into_iter()
            .filter_map(|told| action_for_result(told, around, session))
            .collect()
    }

    /// The view is gone, and with it what the buttons that are down did in it.
    pub(super) fn let_go(&mut self) {
        (self.gesture, self.hover, self.gone) = (Gesture::None, None, None);
    }

    /// Shows by the pointer what a press would do.
    pub(super) fn show_cursor(&self, ui: &Ui, response: &Response, session: &Session) {
        if response.contains_pointer() || self.gesture != Gesture::None {
            let has_space =
                EventStream::current_pointer_event(ui.ctx()).is_some_and(|now| now.has_space);
            ui.set_cursor_icon(self.cursor_icon(
                session.active_tool(),
                session.ortho_views().is_some(),
                has_space,
            ));
        }
        if self.gone.is_some() {
            ui.ctx().request_repaint_after_secs(GONE as f32);
        }
    }

    fn dispatch_event(
        &mut self,
        heard: &Heard,
        around: &EventContext,
        told: &mut Vec<EventResult>,
    ) {
        let Some(at) = heard.at.or(self.last) else {
            return;
        };
        match heard.what {
            WindowEvent::Moved => self.pointer_moved(at, heard, around, told),
            WindowEvent::Pressed(button) => self.button_pressed(at, button, heard, around, told),
            WindowEvent::Released(button) => self.button_released(at, button, heard, around, told),
            WindowEvent::Wheel { unit, delta } if heard.over == Some(around.plane) => {
                self.clicked = None;
                self.wheel_turned(
                    wheel_notches(unit, delta, around.notch),
                    at,
                    heard.modifiers,
                    told,
                );
            }
            WindowEvent::Pinched(factor) if heard.over == Some(around.plane) => {
                told.push(EventResult::Zoomed(factor, at))
            }
            WindowEvent::Command(_) => self.clicked = None,
            WindowEvent::Gone if self.gesture == Gesture::None => self.last = None,
            WindowEvent::Gone => self.gone = Some(around.time),
            WindowEvent::Unfocused => self.end_gesture(heard, around, told),
            _ => {}
        }
    }

    fn pointer_moved(
        &mut self,
        at: Pos2,
        heard: &Heard,
        around: &EventContext,
        told: &mut Vec<EventResult>,
    ) {
        let delta = self.last.map_or(Vec2::ZERO, |last| at - last);
        self.has_moved |= self.last != Some(at);
        self.last = Some(at);
        self.gone = None;
        match self.gesture {
            Gesture::None => {}
            Gesture::Draw => self.send_draw_input(PointerPhase::Drag, at, heard, around, told),
            Gesture::Pan(_) => told.push(EventResult::Panned(delta)),
            Gesture::Window => told.push(EventResult::Windowed(delta)),
            Gesture::Cross => told.push(EventResult::Crossed(at)),
        }
    }

    fn button_pressed(
        &mut self,
        at: Pos2,
        button: PointerButton,
        heard: &Heard,
        around: &EventContext,
        told: &mut Vec<EventResult>,
    ) {
        if self.gesture.pointer_button() == Some(button) {
            // Nobody said that it went up.
            self.end_gesture(heard, around, told);
        }
        self.has_moved |= self.last != Some(at);
        self.last = Some(at);
        if self.gesture != Gesture::None || heard.over != Some(around.plane) {
            return;
        }
        let crosses = around.is_linked && !heard.has_space;
        let crosses = crosses && (around.tool == ToolKind::Look || heard.modifiers.shift);
        self.gesture = match button {
            PointerButton::Primary if crosses => Gesture::Cross,
            PointerButton::Primary if !around.drag_pans(heard.has_space) => Gesture::Draw,
            PointerButton::Primary | PointerButton::Middle => Gesture::Pan(button),
            PointerButton::Secondary => Gesture::Window,
            _ => return,
        };
        told.push(EventResult::Pressed);
        self.pressed_at = at;
        match self.gesture {
            Gesture::Cross => told.push(EventResult::Crossed(at)),
            Gesture::Draw => self.send_draw_input(PointerPhase::Press, at, heard, around, told),
            _ => {}
        }
    }

    /// Tells the tool what the hand does; it knows then where the pointer is.
    fn send_draw_input(
        &mut self,
        phase: PointerPhase,
        at: Pos2,
        heard: &Heard,
        around: &EventContext,
        told: &mut Vec<EventResult>,
    ) {
        let input = around.pointer_input(phase, at, heard.modifiers);
        self.hover = Some((around.tool, input));
        told.push(EventResult::Input(input));
    }

    fn button_released(
        &mut self,
        at: Pos2,
        button: PointerButton,
        heard: &Heard,
        around: &EventContext,
        told: &mut Vec<EventResult>,
    ) {
        self.last = Some(at);
        if self.gesture.pointer_button() != Some(button) {
            return;
        }
        if self.gesture == Gesture::Draw {
            self.send_draw_input(PointerPhase::Release, at, heard, around, told);
            let is_click = at.distance(self.pressed_at) <= SAME_PLACE;
            let before = self.clicked.take().filter(|_| is_click);
            if before.is_some_and(|place| place.distance(at) <= SAME_PLACE) {
                self.send_draw_input(PointerPhase::DoubleClick, at, heard, around, told);
            } else if is_click {
                self.clicked = Some(at);
            }
        }
        // A drag has changed the grey levels; a click has not.
        if self.gesture == Gesture::Window && at.distance(self.pressed_at) <= SAME_PLACE {
            self.menu = Some(at);
        }
        self.gesture = Gesture::None;
        self.gone = None;
    }

    /// Ends the gesture where the pointer was last: what was drawn is kept.
    fn end_gesture(&mut self, heard: &Heard, around: &EventContext, told: &mut Vec<EventResult>) {
        if let (Gesture::Draw, Some(at)) = (self.gesture, self.last) {
            self.send_draw_input(PointerPhase::Release, at, heard, around, told);
        }
        self.gesture = Gesture::None;
        self.gone = None;
    }

    /// Ends a gesture whose end was not told, and tells the tool where the pointer is.
    fn update_hover(&mut self, now: &Heard, around: &EventContext, told: &mut Vec<EventResult>) {
        if self.gesture != Gesture::None
            && self.gone.is_some_and(|since| around.time - since >= GONE)
        {
            self.end_gesture(now, around, told);
        }
        if self.gesture != Gesture::None {
            return;
        }
        let is_over = around.tool != ToolKind::Look && now.over == Some(around.plane);
        let hover = self.last.filter(|_| is_over).map(|at| {
            let input = around.pointer_input(PointerPhase::Hover, at, now.modifiers);
            // Keys moved the tool away from a mouse that rests.
            let keyed = around.keyed.filter(|_| !self.has_moved);
            (
                around.tool,
                PointerInput {
                    at: keyed.unwrap_or(input.at),
                    ..input
                },
            )
        });
        self.has_moved &= hover.is_none();
        match (hover, self.hover) {
            (Some(now), before) if before != Some(now) => told.push(EventResult::Input(now.1)),
            (None, Some((_, before))) => told.push(EventResult::Input(PointerInput {
                phase: PointerPhase::Leave,
                ..before
            })),
            _ => {}
        }
        self.hover = hover;
    }

    /// The wheel: slices, with Ctrl the zoom, with Shift the size of the tool.
    fn wheel_turned(
        &mut self,
        notches: Vec2,
        at: Pos2,
        keys: Modifiers,
        told: &mut Vec<EventResult>,
    ) {
        match (keys.command, keys.shift) {
            (true, _) if notches.y != 0.0 => {
                told.push(EventResult::Zoomed(ZOOM_PER_NOTCH.powf(notches.y), at))
            }
            (true, _) => {}
            // Downwards is the next slice, upwards a larger brush.
            (false, false) => {
                told.extend(take_whole_part(&mut self.slices, -notches.y).map(EventResult::Slices))
            }
            // Some systems turn the wheel sideways while Shift is held.
            (false, true) => told.extend(
                take_whole_part(&mut self.notches, notches.x + notches.y).map(EventResult::Notches),
            ),
        }
    }

    fn cursor_icon(&self, tool: ToolKind, is_linked: bool, has_space: bool) -> CursorIcon {
        match (self.gesture, tool) {
            (Gesture::Pan(_), _) => CursorIcon::Grabbing,
            (Gesture::Window, _) => CursorIcon::AllScroll,
            (Gesture::Draw, ToolKind::Pull) => CursorIcon::Grabbing,
            (Gesture::Cross, _) => CursorIcon::Crosshair,
            (_, ToolKind::Look) if is_linked && !has_space => CursorIcon::Crosshair,
            (_, ToolKind::Look) => CursorIcon::Default,
            _ if has_space => CursorIcon::Grab,
            (_, ToolKind::Pull) => CursorIcon::Grab,
            (_, ToolKind::Fill) => CursorIcon::Cell,
            _ => CursorIcon::Crosshair,
        }
    }
}

/// How far a wheel or a touchpad was turned, in notches of a wheel that tells each of them in so many events.
fn wheel_notches(unit: MouseWheelUnit, delta: Vec2, events: f32) -> Vec2 {
    delta
        / if unit == MouseWheelUnit::Point {
            POINTS_PER_NOTCH
        } else {
            events
        }
}

/// What the session is asked for.
fn action_for_result(
    told: EventResult,
    around: &EventContext,
    session: &Session,
) -> Option<Action> {
    let across = (around.plane != ViewPlane::Slice).then_some(around.plane);
    Some(match (told, across) {
        (EventResult::Pressed, _) => {
            session
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
            let (case, loaded) = session.current_case().zip(session.current_loaded())?;
            Action::SetWindow(dragged_window(session.window_of(case, loaded), loaded, by))
        }
        (EventResult::Crossed(at), _) => {
            let place = around.placement.image_from_screen(at.into()).map(f64::from);
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

/// Adds `by` to what is left of earlier turns and takes out what is whole, where something is.
fn take_whole_part(left: &mut f32, by: f32) -> Option<i64> {
    if by * *left < 0.0 {
        // Who turns back begins anew.
        *left = 0.0;
    }
    *left += by;
    // Ten tenths are one, however they are rounded.
    let whole = (*left + left.signum() * 1e-3).trunc();
    *left -= whole;
    (whole != 0.0).then_some(whole as i64)
}

/// The window after a drag: across changes the width, down and up the centre.
fn dragged_window(window: Window, loaded: &Loaded, delta: Vec2) -> Window {
    let per_point = (loaded.default_window.width / 300.0).max(window.width / 300.0);
    let width =
        (window.width + f64::from(delta.x) * per_point).max(loaded.default_window.width / 1000.0);
    Window {
        center: window.center + f64::from(delta.y) * per_point,
        width,
        ..window
    }
}

#[cfg(test)]
mod tests;
