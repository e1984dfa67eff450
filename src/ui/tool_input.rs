//! Mouse input on the canvas: turns events into actions of the active tool, the view, or window/level.

mod amounts;
mod context;
mod results;

use super::stream::{EventStream, Heard, WindowEvent};
use crate::session::{
    Actions, Session,
    mouse::{DragAction, HeldKey, MouseButton, MouseHabit},
    tool_options::ToolKind,
    tools::{PointerInput, PointerPhase},
};
use amounts::{dragged_zoom, take_whole_part, wheel_notches};
pub(super) use context::EventContext;
use egui::{CursorIcon, Modifiers, PointerButton, Pos2, Rect, Response, Ui, Vec2};
use results::{EventResult, action_for_result};

/// Zoom factor per notch of the wheel with Ctrl.
const ZOOM_PER_NOTCH: f32 = 1.22;

/// Two clicks within this distance, in points, are a double-click, independent of the time between them: a slow display
/// must not change the result.
const SAME_PLACE: f32 = 6.0;

/// If the pointer leaves the window with a button down and does not return within this time, in seconds,
/// the gesture ends.
const GONE: f64 = 0.5;

/// The gesture in progress.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Gesture {
    #[default]
    None,
    /// Draw with the active tool.
    Draw,
    /// Anything else, with the button that was pressed.
    Navigate(DragAction, PointerButton),
}

impl Gesture {
    fn pointer_button(self) -> Option<PointerButton> {
        match self {
            Self::None => None,
            Self::Draw => Some(PointerButton::Primary),
            Self::Navigate(_, button) => Some(button),
        }
    }
}

/// Mouse state of a view.
#[derive(Debug, Default)]
pub(crate) struct ToolInput {
    gesture: Gesture,
    /// Last position of the pointer.
    last: Option<Pos2>,
    pressed_at: Pos2,
    /// The pointer has moved too far from `pressed_at` for a click.
    is_drag: bool,
    /// Position of the last click, if nothing else was done since.
    clicked: Option<Pos2>,
    /// Time at which the pointer left the window with a button down, in seconds.
    gone: Option<f64>,
    /// The last input sent to the tool, to detect changes while no button is down.
    hover: Option<(ToolKind, PointerInput)>,
    /// The mouse has moved since the last hover input.
    has_moved: bool,
    slices: f32,
    notches: f32,
    /// Position of a right-click whose context menu has not been opened yet.
    pub(super) menu: Option<Pos2>,
}

impl ToolInput {
    /// Handles an event; returns the resulting actions.
    pub(super) fn handle_event(
        &mut self,
        heard: &Heard,
        around: &EventContext,
        session: &Session,
    ) -> Actions {
        let mut told = Vec::new();
        self.dispatch_event(heard, around, &mut told);
        told.into_iter()
            .filter_map(|told| action_for_result(told, around, session))
            .collect()
    }

    /// Updates the tool's pointer position. Call before a command (it may draw there) and before drawing a frame.
    pub(super) fn sync_pointer(
        &mut self,
        now: &Heard,
        around: &EventContext,
        session: &Session,
    ) -> Actions {
        let mut told = Vec::new();
        self.update_hover(now, around, &mut told);
        told.into_iter()
            .filter_map(|told| action_for_result(told, around, session))
            .collect()
    }

    /// True while a mouse button is held for a gesture.
    pub(super) fn has_gesture(&self) -> bool {
        self.gesture != Gesture::None
    }

    /// Ends all gestures, because the view is no longer shown.
    pub(super) fn let_go(&mut self) {
        self.gesture = Gesture::None;
        self.hover = None;
        self.gone = None;
    }

    /// The rectangle on the screen that is being dragged to set the window.
    pub(super) fn dragged_region(&self) -> Option<Rect> {
        let marks = matches!(self.gesture, Gesture::Navigate(DragAction::WindowRegion, _));
        let to = self.last.filter(|_| marks && self.is_drag)?;
        Some(Rect::from_two_pos(self.pressed_at, to))
    }

    /// Sets the mouse cursor for the gesture that a press would start.
    pub(super) fn show_cursor(&self, ui: &Ui, response: &Response, session: &Session) {
        if response.contains_pointer() || self.gesture != Gesture::None {
            let has_space =
                EventStream::current_pointer_event(ui.ctx()).is_some_and(|now| now.has_space);
            let plain = session
                .settings
                .mouse
                .drag_action(MouseButton::Left, HeldKey::None);
            let moves_crosshair =
                plain == DragAction::Crosshair && session.viewports.ortho_views().is_some();
            ui.set_cursor_icon(self.cursor_icon(
                session.tools.active_tool(),
                moves_crosshair,
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
        self.is_drag |= at.distance(self.pressed_at) > SAME_PLACE;
        match self.gesture {
            Gesture::None => {}
            Gesture::Draw => self.send_draw_input(PointerPhase::Drag, at, heard, around, told),
            // It may still become a click.
            Gesture::Navigate(_, PointerButton::Secondary)
                if around.takes_right_clicks() && !self.is_drag => {}
            Gesture::Navigate(action, _) => {
                told.extend(self.drag_result(action, at, delta, around.habit));
            }
        }
    }

    /// What a move does during a drag that does not draw.
    fn drag_result(
        &self,
        action: DragAction,
        at: Pos2,
        delta: Vec2,
        habit: MouseHabit,
    ) -> Option<EventResult> {
        Some(match action {
            DragAction::Pan => EventResult::Panned(delta),
            DragAction::Zoom if delta.y == 0.0 => return None,
            DragAction::Zoom => {
                let factor = dragged_zoom(delta, habit.zooms_in_upwards());
                EventResult::Zoomed(factor, self.pressed_at)
            }
            DragAction::Window => EventResult::Windowed(delta),
            DragAction::WindowRegion => return None,
            DragAction::Crosshair => EventResult::Crossed(at),
        })
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
            // The release was never reported.
            self.end_gesture(heard, around, told);
        }
        self.has_moved |= self.last != Some(at);
        self.last = Some(at);
        if self.gesture != Gesture::None || heard.over != Some(around.plane) {
            return;
        }
        let Some(pressed) = mouse_button(button) else {
            return;
        };
        self.gesture = match around.drag_action(pressed, heard) {
            Some(action) => Gesture::Navigate(action, button),
            None => Gesture::Draw,
        };
        told.push(EventResult::Pressed);
        self.pressed_at = at;
        self.is_drag = false;
        match self.gesture {
            Gesture::Navigate(DragAction::Crosshair, _) => told.push(EventResult::Crossed(at)),
            Gesture::Draw => self.send_draw_input(PointerPhase::Press, at, heard, around, told),
            _ => {}
        }
    }

    /// Sends input to the tool, and remembers it as the last position known to the tool.
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
        match self.gesture {
            Gesture::Navigate(DragAction::WindowRegion, _) if self.is_drag => {
                told.push(EventResult::WindowRegion(self.pressed_at, at));
            }
            Gesture::Navigate(_, PointerButton::Secondary) => {
                self.right_released(at, heard, around, told);
            }
            _ => {}
        }
        self.gesture = Gesture::None;
        self.gone = None;
    }

    /// A right-click without drag opens the context menu, or is a negative click of the Click tool.
    fn right_released(
        &mut self,
        at: Pos2,
        heard: &Heard,
        around: &EventContext,
        told: &mut Vec<EventResult>,
    ) {
        if !around.takes_right_clicks() {
            if at.distance(self.pressed_at) <= SAME_PLACE {
                self.menu = Some(at);
            }
        } else if !self.is_drag {
            let modifiers = Modifiers {
                alt: true,
                ..heard.modifiers
            };
            let taking = Heard {
                modifiers,
                ..*heard
            };
            for phase in [PointerPhase::Press, PointerPhase::Release] {
                self.send_draw_input(phase, self.pressed_at, &taking, around, told);
            }
        }
    }

    /// Ends the gesture at the last pointer position; what was drawn is kept.
    fn end_gesture(&mut self, heard: &Heard, around: &EventContext, told: &mut Vec<EventResult>) {
        if let (Gesture::Draw, Some(at)) = (self.gesture, self.last) {
            self.send_draw_input(PointerPhase::Release, at, heard, around, told);
        }
        self.gesture = Gesture::None;
        self.gone = None;
    }

    /// Ends a gesture that was lost outside the window, and updates the tool's hover position.
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
            // If the mouse has not moved, the position set by keyboard stays valid.
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

    /// Wheel: scrolls slices; with Ctrl zooms; with Shift changes the tool size.
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
            // Down for the next slice; up for a larger brush.
            (false, false) => {
                told.extend(take_whole_part(&mut self.slices, -notches.y).map(EventResult::Slices))
            }
            // Some systems report horizontal scrolling while Shift is held.
            (false, true) => told.extend(
                take_whole_part(&mut self.notches, notches.x + notches.y).map(EventResult::Notches),
            ),
        }
    }

    fn cursor_icon(&self, tool: ToolKind, moves_crosshair: bool, has_space: bool) -> CursorIcon {
        match (self.gesture, tool) {
            (Gesture::Navigate(action, _), _) => match action {
                DragAction::Pan => CursorIcon::Grabbing,
                DragAction::Zoom => CursorIcon::ZoomIn,
                DragAction::Window => CursorIcon::AllScroll,
                DragAction::WindowRegion | DragAction::Crosshair => CursorIcon::Crosshair,
            },
            (Gesture::Draw, ToolKind::Pull) => CursorIcon::Grabbing,
            (_, ToolKind::Look) if moves_crosshair && !has_space => CursorIcon::Crosshair,
            (_, ToolKind::Look) => CursorIcon::Default,
            _ if has_space => CursorIcon::Grab,
            (_, ToolKind::Pull) => CursorIcon::Grab,
            (_, ToolKind::Fill) => CursorIcon::Cell,
            _ => CursorIcon::Crosshair,
        }
    }
}

/// The button of the mouse; `None` for further ones, which do nothing.
fn mouse_button(button: PointerButton) -> Option<MouseButton> {
    match button {
        PointerButton::Primary => Some(MouseButton::Left),
        PointerButton::Middle => Some(MouseButton::Middle),
        PointerButton::Secondary => Some(MouseButton::Right),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
