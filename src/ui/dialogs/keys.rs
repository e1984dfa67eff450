//! Lists what keys and mouse do, and changes the shortcuts of commands.

use super::sheet;
use crate::{
    session::{
        Action, Actions, Session,
        command::{COMMANDS, CommandEntry, Menu, Shortcut, UserCommand},
        keys::Keys,
        mouse::MouseHabit,
    },
    ui::{
        shortcuts, theme,
        widgets::{explanation_text, icon_button, name_column},
    },
};
use egui::{Button, Event, Key, Modifiers, RichText, Ui, vec2};
use egui_material_icons::icons::ICON_RESTART_ALT;

/// Mouse actions and keys that cannot be changed. What the mouse buttons do is chosen in the settings.
const FIXED: [(&str, &str); 18] = [
    ("Next and previous slice", "Wheel"),
    ("Zoom at the pointer", "Ctrl+Wheel"),
    ("Brush size", "Shift+Wheel"),
    ("Pan with any tool", "Space+Drag"),
    (
        "Move the crosshair with a drawing tool",
        "Shift+Drag (not with the Click tool)",
    ),
    ("Erase or subtract while drawing", "Hold Alt or Ctrl"),
    (
        "Click tool: remove from the object",
        "Right-click, or hold Alt or Ctrl",
    ),
    ("Click tool: box, scribble", "Drag, Shift+Drag"),
    ("Click tool: next object, discard object", "Enter, Esc"),
    (
        "Close a polygon or a live wire",
        "Double-click, Enter, or click the first point",
    ),
    ("Hide the mask temporarily", "Hold H"),
    ("Move a polygon point", "Drag it"),
    (
        "Remove the last point",
        "Backspace or Undo while drawing the line",
    ),
    ("Next and previous control", "Tab, Shift+Tab"),
    (
        "Return keyboard focus to the image",
        "Esc, or click the image",
    ),
    ("Press the blue button of a dialog", "Enter"),
    (
        "Context menu of case, label or image",
        "Right-click (not on the image with the Click tool)",
    ),
    ("Open images", "Drop files or folders onto the window"),
];

/// The command that waits for a key, and the message about the last change.
#[derive(Default)]
pub(crate) struct KeysDialog {
    waiting: Option<UserCommand>,
    told: String,
}

impl KeysDialog {
    /// Shows the dialog; true once it is done.
    pub(super) fn show_dialog(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        actions: &mut Actions,
    ) -> bool {
        let mut keys = session.settings.keys.clone();
        self.capture_shortcut(ui, &mut keys);
        sheet::show_body(ui, "Keys and mouse", |ui| {
            explanation_text(
                ui,
                "Click a shortcut to change it. To change the mouse buttons, open File > Settings.",
            );
            show_mouse_lines(ui, session.settings.mouse);
            for menu in Menu::ALL {
                group_heading(ui, menu.display_label());
                for entry in COMMANDS.iter().filter(|e| e.menu == menu) {
                    show_named_line(ui, entry.label.trim_end_matches("..."), |ui| {
                        self.show_shortcut_button(ui, entry, &mut keys)
                    });
                }
            }
        });
        let close = sheet::show_below_body(ui, |ui| {
            ui.label(
                RichText::new(&self.told)
                    .size(12.0)
                    .color(theme::current_colors(ui).warning),
            );
            ui.horizontal(|ui| {
                let is_changed = keys != Keys::default();
                let reset = ui.add_enabled(is_changed, Button::new("Reset all shortcuts"));
                if reset
                    .on_disabled_hover_text("All shortcuts have their default keys")
                    .clicked()
                {
                    keys.reset_all();
                    self.told = "All shortcuts were reset to their default keys.".into();
                }
                sheet::show_button_row(ui, |ui| sheet::main_button(ui, "Close", None))
            })
            .inner
        });
        if keys != session.settings.keys {
            let mut settings = session.settings.clone();
            settings.keys = keys;
            actions.push(Action::SetSettings(settings));
        }
        close
    }

    /// The shortcut of a command; a click waits for a new key.
    fn show_shortcut_button(&mut self, ui: &mut Ui, entry: &CommandEntry, keys: &mut Keys) {
        let command = entry.command;
        let name = entry.label.trim_end_matches("...");
        let is_waiting = self.waiting == Some(command);
        let all = keys
            .shortcuts_for(command)
            .iter()
            .map(shortcuts::display_text)
            .collect::<Vec<_>>()
            .join(", ");
        let words = if is_waiting {
            "Press a key".to_owned()
        } else {
            all
        };
        let button = Button::new(words)
            .min_size(vec2(180.0, 22.0))
            .selected(is_waiting);
        if ui
            .add(button)
            .accessible_name(format!("Shortcut for {name}"))
            .clicked()
        {
            self.waiting = if is_waiting { None } else { Some(command) };
            self.told = if is_waiting {
                String::new()
            } else {
                format!("Press a key for {name}, or Esc to cancel.")
            };
        }
        if keys.is_changed(command)
            && icon_button(ui, ICON_RESTART_ALT, &format!("Reset shortcut for {name}")).clicked()
        {
            keys.reset_shortcuts(command);
            self.told = format!(
                "The shortcut for {name} was reset, except for keys that other commands use."
            );
        }
    }

    /// Assigns the pressed key to the waiting command.
    fn capture_shortcut(&mut self, ui: &Ui, keys: &mut Keys) {
        let Some(command) = self.waiting else { return };
        let mut pressed: Option<(Key, Modifiers)> = None;
        ui.input_mut(|input| {
            input.events.retain(|event| match event {
                Event::Key {
                    key,
                    pressed: true,
                    modifiers,
                    ..
                } => {
                    pressed = pressed.or(Some((*key, *modifiers)));
                    false
                }
                Event::Key { .. } | Event::Text(_) => false,
                _ => true,
            });
        });
        let Some((key, modifiers)) = pressed else {
            return;
        };
        match validate_shortcut(key, modifiers) {
            Ok(shortcut) => {
                let loser = keys.assign_shortcut(command, shortcut);
                let words = shortcuts::display_text(&shortcut);
                let lost = loser.map_or(String::new(), |l| {
                    format!(" It no longer works for {}.", label_without_ellipsis(l))
                });
                self.told = format!(
                    "{words} is now the shortcut for {}.{lost}",
                    label_without_ellipsis(command)
                );
                self.waiting = None;
            }
            Err("") => {
                self.told.clear();
                self.waiting = None;
            }
            Err(reason) => self.told = reason.to_owned(),
        }
    }
}

/// The shortcut for a key press, or why it cannot be used; an empty reason if the user cancelled.
fn validate_shortcut(key: Key, modifiers: Modifiers) -> Result<Shortcut, &'static str> {
    let is_alone = !modifiers.command && !modifiers.shift;
    match key {
        Key::Escape => return Err(""),
        Key::Space => return Err("Space is reserved for panning. Press another key."),
        Key::Tab => return Err("Tab is reserved for moving between controls. Press another key."),
        Key::H if is_alone => return Err("H is reserved for hiding the mask. Press another key."),
        _ if modifiers.alt => return Err("Alt is reserved for erasing. Press a key without Alt."),
        _ => {}
    }
    shortcuts::from_key_press(key, modifiers).ok_or("This key cannot be used. Press another key.")
}

fn label_without_ellipsis(command: UserCommand) -> &'static str {
    command.display_label().trim_end_matches("...")
}

/// What the mouse buttons do, alone and with modifier keys.
fn show_mouse_lines(ui: &mut Ui, habit: MouseHabit) {
    group_heading(
        ui,
        &format!("Mouse with modifier keys: {}", habit.display_name()),
    );
    for (what, how) in habit.help_lines() {
        show_named_line(ui, what, |ui| {
            ui.label(how);
        });
    }
    for (what, how) in FIXED {
        show_named_line(ui, what, |ui| {
            ui.label(how);
        });
    }
}

fn group_heading(ui: &mut Ui, words: &str) {
    ui.add_space(8.0);
    ui.label(
        RichText::new(words)
            .size(12.0)
            .color(theme::current_colors(ui).dimmed),
    );
}

/// A line with a name in a fixed-width column, followed by `more`.
fn show_named_line(ui: &mut Ui, name: &str, more: impl FnOnce(&mut Ui)) {
    ui.horizontal(|ui| {
        // As high as the reset button, so that no row moves when that appears.
        ui.set_min_height(27.0);
        name_column(ui, 290.0, RichText::new(name));
        more(ui);
    });
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn reserved_keys_cannot_be_shortcuts() {
        for key in [Key::Space, Key::H, Key::Tab] {
            assert!(validate_shortcut(key, Modifiers::NONE).is_err());
        }
        assert!(validate_shortcut(Key::B, Modifiers::ALT).is_err());
        assert_eq!(validate_shortcut(Key::Escape, Modifiers::NONE), Err(""));
        assert_eq!(
            validate_shortcut(Key::H, Modifiers::COMMAND).unwrap(),
            Shortcut {
                ctrl: true,
                shift: false,
                key: "H"
            }
        );
    }
}
