//! Handles window events strictly in the order in which they arrive, however many there are in a frame.
//!
//! Events pass through here one by one before egui sees them. Canvas input and command shortcuts are removed and
//! queued for the window; all others go on to the controls. Two rules make the result independent of how events are
//! spread over frames:
//!
//! - Earlier input is carried out before later input. If a control must react first (a clicked button, typed text), the
//!   remaining events wait for the next frame.
//! - A press refers to what was on the screen. After an event that opens a dialog or moves the canvas, the remaining
//!   events wait until the change has been drawn: text typed right away goes to the field of the new dialog.

mod commands;

use super::shortcuts;
use crate::session::{command::UserCommand, keys::Keys};
use commands::{moves_canvas, repeats_while_held};
use egui::{
    Context, Event, Key, LayerId, Modifiers, MouseWheelUnit, Plugin, PointerButton, Pos2, RawInput,
    Rect, Response, Ui, Vec2,
};
use labrum_core::stack::ViewPlane;
use std::{collections::VecDeque, mem};

/// Position of an image view when the window was last drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct ViewTarget {
    pub(super) plane: ViewPlane,
    /// Its number, if it is a view beside the active one: it gets no input, but becomes active first.
    pub(super) inactive: Option<usize>,
    pub(super) rect: Rect,
    pub(super) layer: LayerId,
}

impl ViewTarget {
    /// The target of a view, without the strip at its right where the edge of the panel can be dragged.
    pub(super) fn from_response(ui: &Ui, response: &Response, plane: ViewPlane) -> Self {
        let mut rect = response.interact_rect;
        rect.max.x -= ui.style().interaction.resize_grab_radius_side;
        Self {
            plane,
            inactive: None,
            rect,
            layer: response.layer_id,
        }
    }
}

/// An event for the canvas, or a command.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum WindowEvent {
    /// The shortcut of a command was pressed.
    Command(UserCommand),
    /// The pointer moved.
    Moved,
    /// A mouse button was pressed on a view.
    Pressed(PointerButton),
    /// A mouse button that was pressed on a view was released anywhere.
    Released(PointerButton),
    /// The wheel was turned over a view.
    Wheel { unit: MouseWheelUnit, delta: Vec2 },
    /// Pinch gesture over a view, with its zoom factor.
    Pinched(f32),
    /// The pointer left the window.
    Gone,
    /// The window lost keyboard focus.
    Unfocused,
}

/// An event with the state of pointer and keys at that time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard {
    pub(super) what: WindowEvent,
    /// Where the pointer was.
    pub(super) at: Option<Pos2>,
    /// The view under the pointer.
    pub(super) over: Option<ViewPlane>,
    /// Number of the view under the pointer, if it is not active: `over` is `None` then.
    pub(super) inactive: Option<usize>,
    pub(super) modifiers: Modifiers,
    /// Space was held and no control had keyboard focus.
    pub(super) has_space: bool,
}

/// The receiver of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Receiver {
    /// The queue of the window.
    Row,
    /// A control; `true` if its reaction may change the window.
    Control(bool),
    /// Both.
    Anyone,
    /// Discarded.
    Nobody,
}

/// The events of the window. An egui plugin, so that it sees events before egui does.
#[derive(Default)]
pub(super) struct EventStream {
    /// Not yet distributed.
    waiting: VecDeque<Event>,
    /// Queued for the window.
    heard: VecDeque<Heard>,
    targets: Vec<ViewTarget>,
    keys: Keys,
    has_dialog: bool,
    /// Number of passes to draw before the next event is handled.
    hold: u8,
    modifiers: Modifiers,
    has_space: bool,
    at: Option<Pos2>,
    over: Option<ViewPlane>,
    inactive: Option<usize>,
    /// Mouse buttons that were pressed on a view and are still down.
    down: Vec<PointerButton>,
    keys_down: Vec<Key>,
    /// A shortcut was consumed; the text event that comes with it must be dropped.
    takes_letter: bool,
}

impl EventStream {
    /// Installs the plugin.
    pub(super) fn install_plugin(ctx: &Context) {
        ctx.add_plugin(Self::default());
    }

    /// Takes the next queued event.
    pub(super) fn pop_next_event(ctx: &Context) -> Option<Heard> {
        ctx.with_plugin(|stream: &mut Self| stream.heard.pop_front())
            .flatten()
    }

    /// Queues an event again, as the next one: the view under the pointer has become active for it.
    pub(super) fn hear_again(ctx: &Context, heard: Heard) {
        let heard = Heard {
            over: Some(ViewPlane::Slice),
            inactive: None,
            ..heard
        };
        ctx.with_plugin(|stream: &mut Self| stream.heard.push_front(heard));
    }

    /// The current state of pointer and keys, after all queued events.
    pub(super) fn current_pointer_event(ctx: &Context) -> Option<Heard> {
        ctx.with_plugin(|stream: &mut Self| stream.as_heard(WindowEvent::Moved))
    }

    /// True if no events are waiting, for tests.
    #[cfg(test)]
    pub(super) fn is_idle(ctx: &Context) -> bool {
        ctx.with_plugin(|stream: &mut Self| stream.waiting.is_empty() && stream.hold == 0)
            .unwrap_or(true)
    }

    /// Sets the positions of the views, the shortcuts, and whether a dialog is open.
    pub(super) fn update_targets(
        ctx: &Context,
        targets: Vec<ViewTarget>,
        keys: &Keys,
        has_dialog: bool,
    ) {
        ctx.with_plugin(|stream: &mut Self| {
            let has_several = has_inactive(&targets) || has_inactive(&stream.targets);
            stream.targets = targets;
            if stream.keys != *keys {
                stream.keys = keys.clone();
            }
            // A new dialog must be drawn and focused before it receives input.
            if has_dialog && !stream.has_dialog {
                stream.hold = stream.hold.max(1);
            }
            stream.has_dialog = has_dialog;
            // Another view may be active now, and the pointer need not have moved.
            if let Some(at) = stream.at.filter(|_| has_several) {
                stream.move_to(ctx, at);
            }
        });
    }

    fn as_heard(&self, what: WindowEvent) -> Heard {
        Heard {
            what,
            at: self.at,
            over: self.over,
            inactive: self.inactive,
            modifiers: self.modifiers,
            has_space: self.has_space,
        }
    }

    fn push_event(&mut self, what: WindowEvent) {
        let heard = self.as_heard(what);
        self.heard.push_back(heard);
    }

    /// The topmost view at a position.
    fn target_at(&self, ctx: &Context, at: Pos2) -> Option<ViewTarget> {
        if self.has_dialog || egui::Popup::is_any_open(ctx) {
            return None;
        }
        let target = self
            .targets
            .iter()
            .find(|target| target.rect.contains(at))?;
        ctx.layer_id_at(at)
            .is_none_or(|layer| layer == target.layer)
            .then_some(*target)
    }

    fn move_to(&mut self, ctx: &Context, at: Pos2) {
        let target = self.target_at(ctx, at);
        self.at = Some(at);
        self.inactive = target.and_then(|target| target.inactive);
        self.over = target
            .filter(|target| target.inactive.is_none())
            .map(|target| target.plane);
    }

    /// The receiver of an event in the current state.
    fn event_receiver(&self, ctx: &Context, event: &Event) -> Receiver {
        let has_keyboard =
            self.has_dialog || ctx.egui_wants_keyboard_input() || egui::Popup::is_any_open(ctx);
        match event {
            Event::PointerButton {
                pos, pressed: true, ..
            } => match self.target_at(ctx, *pos) {
                Some(_) => Receiver::Row,
                None => Receiver::Control(false),
            },
            Event::PointerButton { button, .. } if self.down.contains(button) => Receiver::Row,
            Event::PointerButton { .. } => Receiver::Control(true),
            Event::MouseWheel { .. } | Event::Zoom(_) => {
                match self.at.and_then(|at| self.target_at(ctx, at)) {
                    Some(_) => Receiver::Row,
                    None => Receiver::Control(false),
                }
            }
            Event::Key {
                key,
                pressed: true,
                modifiers,
                ..
            } => match self.command_for_key(ctx, *key, *modifiers) {
                Some(_) => Receiver::Row,
                None if has_keyboard => Receiver::Control(may_trigger_control(*key, ctx)),
                None => Receiver::Anyone,
            },
            Event::Text(_) if self.takes_letter => Receiver::Nobody,
            Event::Text(_) | Event::Ime(_) | Event::Paste(_) | Event::Copy | Event::Cut
                if has_keyboard =>
            {
                Receiver::Control(false)
            }
            Event::AccessKitActionRequest(_) => Receiver::Control(true),
            _ => Receiver::Anyone,
        }
    }

    /// The command for a key. While a control or menu has focus, only shortcuts with Ctrl count, except undo and redo
    /// in a text field.
    fn command_for_key(
        &self,
        ctx: &Context,
        key: Key,
        modifiers: Modifiers,
    ) -> Option<UserCommand> {
        let is_typing = ctx.egui_wants_keyboard_input() || egui::Popup::is_any_open(ctx);
        if self.has_dialog || modifiers.alt || (is_typing && !modifiers.command) {
            return None;
        }
        let command =
            shortcuts::from_key_press(key, modifiers).and_then(|s| self.keys.command_for(&s))?;
        let is_of_text = matches!(
            command,
            UserCommand::Undo | UserCommand::Redo | UserCommand::UndoAnywhere
        ) && ctx.text_edit_focused();
        (!is_of_text).then_some(command)
    }

    /// Queues an event for the window; returns the event that egui should see instead, if any.
    fn accept_event(&mut self, ctx: &Context, event: Event) -> Option<Event> {
        match event {
            Event::PointerButton {
                pos,
                button,
                pressed: true,
                modifiers,
            } => {
                self.modifiers = modifiers;
                self.move_to(ctx, pos);
                if !self.down.contains(&button) {
                    self.down.push(button);
                }
                // A press on the canvas takes keyboard focus from the controls.
                ctx.memory_mut(|m| {
                    m.stop_text_input();
                    m.focused().into_iter().for_each(|id| m.surrender_focus(id));
                });
                self.push_event(WindowEvent::Pressed(button));
                Some(Event::PointerMoved(pos))
            }
            Event::PointerButton {
                pos,
                button,
                modifiers,
                ..
            } => {
                self.modifiers = modifiers;
                self.move_to(ctx, pos);
                self.down.retain(|down| *down != button);
                self.push_event(WindowEvent::Released(button));
                Some(Event::PointerMoved(pos))
            }
            Event::MouseWheel {
                unit,
                delta,
                modifiers,
                ..
            } => {
                let held = mem::replace(&mut self.modifiers, modifiers);
                self.push_event(WindowEvent::Wheel { unit, delta });
                self.modifiers = held;
                None
            }
            Event::Zoom(factor) => {
                self.push_event(WindowEvent::Pinched(factor));
                None
            }
            Event::Key { key, modifiers, .. } => {
                let command = self.command_for_key(ctx, key, modifiers)?;
                self.takes_letter = !modifiers.command;
                // Held keys repeat, except for commands such as Accept.
                if !self.hold_down(key) || repeats_while_held(command) {
                    let held = mem::replace(&mut self.modifiers, modifiers);
                    self.push_event(WindowEvent::Command(command));
                    self.modifiers = held;
                }
                None
            }
            event => Some(event),
        }
    }

    /// Updates the state of pointer and keys from an event that also goes to egui.
    fn track_event(&mut self, ctx: &Context, event: &Event) {
        match *event {
            Event::PointerMoved(at) => {
                self.move_to(ctx, at);
                self.push_event(WindowEvent::Moved);
            }
            Event::PointerButton { pos, .. } => self.move_to(ctx, pos),
            Event::PointerGone => {
                self.at = None;
                self.over = None;
                self.inactive = None;
                self.push_event(WindowEvent::Gone);
            }
            Event::WindowFocused(false) => {
                self.has_space = false;
                self.down.clear();
                self.keys_down.clear();
                self.push_event(WindowEvent::Unfocused);
            }
            Event::ModifiersChanged(modifiers) => self.modifiers = modifiers,
            Event::Key {
                key, pressed: true, ..
            } => {
                self.hold_down(key);
                self.has_space |=
                    key == Key::Space && !self.has_dialog && !ctx.egui_wants_keyboard_input();
            }
            Event::Key { key, .. } => {
                self.keys_down.retain(|down| *down != key);
                self.has_space &= key != Key::Space;
            }
            _ => {}
        }
    }

    /// Notes a pressed key; returns true if it was already down.
    fn hold_down(&mut self, key: Key) -> bool {
        let was_down = self.keys_down.contains(&key);
        if !was_down {
            self.keys_down.push(key);
        }
        was_down
    }
}

impl Plugin for EventStream {
    fn debug_name(&self) -> &'static str {
        "stream"
    }

    fn input_hook(&mut self, ctx: &Context, input: &mut RawInput) {
        self.waiting.extend(input.events.drain(..));
        if self.hold > 0 {
            self.hold -= 1;
        } else {
            self.share_out(ctx, &mut input.events);
        }
        if !self.waiting.is_empty() {
            ctx.request_repaint();
        }
    }
}

impl EventStream {
    /// Distributes waiting events, as many as this frame can handle.
    fn share_out(&mut self, ctx: &Context, controls: &mut Vec<Event>) {
        // Whether controls have received any event, or a mouse button or wheel event, in this frame.
        let (mut has_some, mut has_pointer) = (false, false);
        // Whether an event was queued for the window in this frame.
        let mut has_row = false;
        while let Some(event) = self.waiting.pop_front() {
            let receiver = self.event_receiver(ctx, &event);
            let has_to_wait = match (receiver, &event) {
                (Receiver::Row, _) => has_some,
                // The queued event may enable the button that is clicked next.
                (Receiver::Control(_), _) if has_row => true,
                // egui assumes that a press happened at the last pointer position of the frame.
                (_, Event::PointerMoved(at)) => has_pointer && self.at != Some(*at),
                (
                    Receiver::Control(_),
                    Event::PointerButton {
                        pos, pressed: true, ..
                    },
                ) => has_some || self.at.is_some_and(|at| at != *pos && has_pointer),
                _ => false,
            };
            if has_to_wait {
                return self.waiting.push_front(event);
            }
            if matches!(event, Event::Key { .. } | Event::PointerButton { .. }) {
                self.takes_letter = false;
            }
            match receiver {
                Receiver::Row => {
                    has_row = true;
                    controls.extend(self.accept_event(ctx, event));
                    if self.heard.back().is_some_and(changes_views) {
                        return;
                    }
                }
                Receiver::Control(may_change) => {
                    self.track_event(ctx, &event);
                    has_some = true;
                    has_pointer |= matches!(
                        event,
                        Event::PointerButton { .. } | Event::MouseWheel { .. }
                    );
                    controls.push(event);
                    if may_change {
                        // Draw its effect first.
                        self.hold = 1;
                        return;
                    }
                }
                Receiver::Anyone => {
                    self.track_event(ctx, &event);
                    controls.push(event);
                }
                Receiver::Nobody => {}
            }
        }
    }
}

fn has_inactive(targets: &[ViewTarget]) -> bool {
    targets.iter().any(|target| target.inactive.is_some())
}

/// True for an event after which the views are drawn anew, before the next event is handled.
fn changes_views(heard: &Heard) -> bool {
    match heard.what {
        WindowEvent::Command(command) => moves_canvas(command),
        WindowEvent::Pressed(_) | WindowEvent::Wheel { .. } | WindowEvent::Pinched(_) => {
            heard.inactive.is_some()
        }
        _ => false,
    }
}

/// True for keys that may trigger a control.
fn may_trigger_control(key: Key, ctx: &Context) -> bool {
    match key {
        Key::Enter | Key::Escape | Key::Tab => true,
        Key::Space => !ctx.text_edit_focused(),
        _ => false,
    }
}
