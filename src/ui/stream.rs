//! Every event of the window in the order in which it came, however many a frame holds.
//!
//! Before the toolkit sees the events of a frame they go through here, one after the other. What is for the canvas, and
//! the keys of commands, is taken out and handed to the window as one row; the rest goes to the controls. Two rules make
//! that independent of how many events a frame holds:
//!
//! - What a person did before something else is carried out before it. Where controls have to do something first (a
//!   button that was clicked, a text that was typed), the rest waits for the next frame.
//! - A press means what was on the screen. After whatever opens a dialog or moves the canvas, the rest waits until that
//!   has been drawn: text that is typed at once goes to the field of the dialog.

use super::shortcuts;
use crate::session::{command::UserCommand, keys::Keys};
use egui::{
    Context, Event, Key, LayerId, Modifiers, MouseWheelUnit, Plugin, PointerButton, Pos2, RawInput,
    Rect, Response, Ui, Vec2,
};
use labrum_core::stack::ViewPlane;
use std::collections::VecDeque;

/// Where a view of the picture stood when the window was drawn last.
#[derive(Clone, Copy, Debug)]
pub(super) struct ViewTarget {
    pub(super) plane: ViewPlane,
    pub(super) rect: Rect,
    pub(super) layer: LayerId,
}

impl ViewTarget {
    /// A view that answers to presses. Where the edge of the panel beside it is dragged, none counts for it.
    pub(super) fn from_response(ui: &Ui, response: &Response, plane: ViewPlane) -> Self {
        let mut rect = response.interact_rect;
        rect.max.x -= ui.style().interaction.resize_grab_radius_side;
        Self {
            plane,
            rect,
            layer: response.layer_id,
        }
    }
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum WindowEvent {
    /// The key of a command was pressed.
    Command(UserCommand),
    /// The pointer moved.
    Moved,
    /// A button went down on a view.
    Pressed(PointerButton),
    /// A button that went down on a view went up, wherever.
    Released(PointerButton),
    /// The wheel was turned over a view.
    Wheel { unit: MouseWheelUnit, delta: Vec2 },
    /// Two fingers moved apart, or together, over a view.
    Pinched(f32),
    /// The pointer left the window.
    Gone,
    /// The window lost the keyboard.
    Unfocused,
}

/// Something that happened, with what counted then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard {
    pub(super) what: WindowEvent,
    /// Where the pointer was.
    pub(super) at: Option<Pos2>,
    /// The view that it was on.
    pub(super) over: Option<ViewPlane>,
    pub(super) modifiers: Modifiers,
    /// Space was held, and no control had the keyboard.
    pub(super) has_space: bool,
}

/// Who an event is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Receiver {
    /// The row of the window.
    Row,
    /// A control; `true` where what it does may change the window.
    Control(bool),
    /// Both, or nobody in particular.
    Anyone,
    /// Nobody.
    Nobody,
}

/// The events of the window; a plugin of the toolkit, which shows them here before it looks at them.
#[derive(Default)]
pub(super) struct EventStream {
    /// Not looked at yet.
    waiting: VecDeque<Event>,
    /// For the window, not taken yet.
    heard: VecDeque<Heard>,
    targets: Vec<ViewTarget>,
    keys: Keys,
    has_dialog: bool,
    /// So many passes are drawn before the next event is looked at.
    hold: u8,
    modifiers: Modifiers,
    has_space: bool,
    at: Option<Pos2>,
    over: Option<ViewPlane>,
    /// Buttons that went down on a view and are not up yet.
    down: Vec<PointerButton>,
    keys_down: Vec<Key>,
    /// A key of a command was taken: the letter that comes with it is no text.
    takes_letter: bool,
}

impl EventStream {
    /// Has the events of a window come through here.
    pub(super) fn install_plugin(ctx: &Context) {
        ctx.add_plugin(Self::default());
    }

    /// The next thing that happened and is not done yet.
    pub(super) fn pop_next_event(ctx: &Context) -> Option<Heard> {
        ctx.with_plugin(|stream: &mut Self| stream.heard.pop_front())
            .flatten()
    }

    /// What counts once all that happened is done.
    pub(super) fn current_pointer_event(ctx: &Context) -> Option<Heard> {
        ctx.with_plugin(|stream: &mut Self| stream.as_heard(WindowEvent::Moved))
    }

    /// True once nothing waits, for tests.
    #[cfg(test)]
    pub(super) fn is_idle(ctx: &Context) -> bool {
        ctx.with_plugin(|stream: &mut Self| stream.waiting.is_empty() && stream.hold == 0)
            .unwrap_or(true)
    }

    /// Tells where the views stand now, which keys there are, and whether a dialog has the keyboard.
    pub(super) fn update_targets(
        ctx: &Context,
        targets: Vec<ViewTarget>,
        keys: &Keys,
        has_dialog: bool,
    ) {
        ctx.with_plugin(|stream: &mut Self| {
            stream.targets = targets;
            if stream.keys != *keys {
                stream.keys = keys.clone();
            }
            // A dialog that opened is drawn, and has the keyboard, before anything goes to it.
            if has_dialog && !stream.has_dialog {
                stream.hold = stream.hold.max(1);
            }
            stream.has_dialog = has_dialog;
        });
    }

    fn as_heard(&self, what: WindowEvent) -> Heard {
        let (at, over) = (self.at, self.over);
        Heard {
            what,
            at,
            over,
            modifiers: self.modifiers,
            has_space: self.has_space,
        }
    }

    fn push_event(&mut self, what: WindowEvent) {
        let heard = self.as_heard(what);
        self.heard.push_back(heard);
    }

    /// The view that is on top at a place.
    fn target_at(&self, ctx: &Context, at: Pos2) -> Option<ViewPlane> {
        if self.has_dialog || egui::Popup::is_any_open(ctx) {
            return None;
        }
        let target = self
            .targets
            .iter()
            .find(|target| target.rect.contains(at))?;
        ctx.layer_id_at(at)
            .is_none_or(|layer| layer == target.layer)
            .then_some(target.plane)
    }

    fn move_to(&mut self, ctx: &Context, at: Pos2) {
        self.at = Some(at);
        self.over = self.target_at(ctx, at);
    }

    /// Who an event is for, as things are.
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

    /// The command of a key. While a control or a menu has the keyboard, only those with Ctrl; a text has its own undo.
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

    /// Takes an event into the row of the window; returns what the toolkit shall see of it.
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
                // Keys go to the canvas again.
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
                let held = std::mem::replace(&mut self.modifiers, modifiers);
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
                // Who holds a key goes on, but nobody signs cases off by holding one.
                if !self.hold_down(key) || repeats_while_held(command) {
                    let held = std::mem::replace(&mut self.modifiers, modifiers);
                    self.push_event(WindowEvent::Command(command));
                    self.modifiers = held;
                }
                None
            }
            event => Some(event),
        }
    }

    /// Notes what an event that the toolkit sees as well says of pointer and keys.
    fn track_event(&mut self, ctx: &Context, event: &Event) {
        match *event {
            Event::PointerMoved(at) => {
                self.move_to(ctx, at);
                self.push_event(WindowEvent::Moved);
            }
            Event::PointerButton { pos, .. } => self.move_to(ctx, pos),
            Event::PointerGone => {
                (self.at, self.over) = (None, None);
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

    /// Returns whether the key was down already.
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
    /// Goes through the events that wait, as far as this frame can take them.
    fn share_out(&mut self, ctx: &Context, controls: &mut Vec<Event>) {
        // What controls have been given in this frame: anything, and presses or turns of the wheel.
        let (mut has_some, mut has_pointer) = (false, false);
        // Something is carried out before this frame is drawn.
        let mut has_row = false;
        while let Some(event) = self.waiting.pop_front() {
            let receiver = self.event_receiver(ctx, &event);
            let has_to_wait = match (receiver, &event) {
                (Receiver::Row, _) => has_some,
                // A button that is grey until then is clicked once it no longer is.
                (Receiver::Control(_), _) if has_row => true,
                // The toolkit takes a press to be where the pointer is at the end of the frame.
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
                    let is_last = |heard: &Heard| matches!(heard.what, WindowEvent::Command(c) if moves_canvas(c));
                    if self.heard.back().is_some_and(is_last) {
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
                        // What comes of it is drawn first.
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

/// True for keys at which a control may do something that changes the window.
fn may_trigger_control(key: Key, ctx: &Context) -> bool {
    match key {
        Key::Enter | Key::Escape | Key::Tab => true,
        Key::Space => !ctx.text_edit_focused(),
        _ => false,
    }
}

/// True for commands that open a dialog or move the canvas: what comes after them waits until that is drawn.
fn moves_canvas(command: UserCommand) -> bool {
    use UserCommand as C;
    let is_dialog = matches!(
        command,
        C::OpenPath
            | C::Export
            | C::Settings
            | C::Workspace
            | C::Versions
            | C::WorkReport
            | C::OpenFromServer
    ) || matches!(
        command,
        C::SendToServer | C::SendQueue | C::Palette | C::Keys | C::Messages | C::About
    ) || matches!(command, C::NewWorkspace | C::FindImages | C::ChooseTask)
        || matches!(command, C::RemoveLabel | C::MergeLabel | C::MoveToLabel);
    is_dialog
        || matches!(
            command,
            C::TogglePanels | C::ToggleCases | C::FindCase | C::ToggleOrtho
        )
        || matches!(command, C::CloseAll | C::RemoveCase | C::Quit)
}

/// False for commands that are done once for each press, however long the key is held.
fn repeats_while_held(command: UserCommand) -> bool {
    use UserCommand as C;
    let ends_work = matches!(
        command,
        C::Accept | C::Skip | C::RemoveCase | C::NothingHere
    );
    !ends_work && !matches!(command, C::TogglePanels | C::ToggleCases | C::ToggleOrtho)
}
