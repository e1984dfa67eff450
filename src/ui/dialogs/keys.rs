//! Keys and mouse: what they do, and other keys for commands.

use super::sheet;
use crate::{
    session::{
        Action, Session,
        command::{COMMANDS, CommandEntry, Menu, Shortcut, UserCommand},
        keys::Keys,
    },
    ui::{
        shortcuts, theme,
        widgets::{explanation_text, icon_button, name_column},
    },
};
use egui::{Button, Event, Key, Modifiers, RichText, Ui, vec2};
use egui_material_icons::icons::ICON_RESTART_ALT;

/// What the mouse does, and the keys that are held: these stay as they are.
const FIXED: [(&str, &str); 15] = [
    ("Next and previous slice", "Wheel"),
    ("Zoom at the pointer", "Ctrl+Wheel"),
    ("Size of the brush", "Shift+Wheel"),
    (
        "Move the picture",
        "Drag with the middle button, or Space+Drag",
    ),
    (
        "Window: width across, centre up and down",
        "Drag with the right button",
    ),
    ("Erase or subtract while drawing", "Hold Alt or Ctrl"),
    (
        "Close a polygon or a live wire",
        "Double-click, Enter, or click the first point",
    ),
    ("Hide the mask for a moment", "Hold H"),
    ("Move a corner of a polygon", "Drag it"),
    (
        "Take back the last corner",
        "Backspace or Undo while the line is drawn",
    ),
    ("Go through the controls, and back", "Tab, Shift+Tab"),
    ("Give the keys back to the picture", "Esc, or a click on it"),
    ("Press the blue button of a dialog", "Enter"),
    (
        "Menu of a case, a label, the picture",
        "Click with the right button",
    ),
    ("Open", "Drop files or folders on the window"),
];

/// Which command waits for a key, and what the last change did.
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
        actions: &mut Vec<Action>,
    ) -> bool {
        let mut keys = session.settings.keys.clone();
        self.capture_shortcut(ui, &mut keys);
        sheet::show_body(ui, "Keys and mouse", |ui| {
            explanation_text(ui, "Click a key to change it.");
            group_heading(ui, "Mouse and held keys");
            for (what, how) in FIXED {
                show_named_line(ui, what, |ui| {
                    ui.label(how);
                });
            }
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
                let reset = ui.add_enabled(is_changed, Button::new("Usual keys for all"));
                if reset
                    .on_disabled_hover_text("All keys are the usual ones")
                    .clicked()
                {
                    keys.reset_all();
                    self.told = "All keys are the usual ones again.".into();
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

    /// The key of a command: a click on it waits for another.
    fn show_shortcut_button(&mut self, ui: &mut Ui, entry: &CommandEntry, keys: &mut Keys) {
        let (command, name) = (entry.command, entry.label.trim_end_matches("..."));
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
            .accessible_name(format!("Key of {name}"))
            .clicked()
        {
            self.waiting = if is_waiting { None } else { Some(command) };
            self.told = if is_waiting {
                String::new()
            } else {
                format!("Press a key for {name}, or Esc.")
            };
        }
        if keys.is_changed(command)
            && icon_button(ui, ICON_RESTART_ALT, &format!("Usual key for {name}")).clicked()
        {
            keys.reset_shortcuts(command);
            self.told = format!("{name} has its usual keys again, but for those that others have.");
        }
    }

    /// Takes the key that is pressed for the command that waits.
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
                    format!(" {} has it no more.", label_without_ellipsis(l))
                });
                self.told = format!(
                    "{words} is for {} now.{lost}",
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

/// The key that was pressed, or why no command can have it; no words where the user thought better of it.
fn validate_shortcut(key: Key, modifiers: Modifiers) -> Result<Shortcut, &'static str> {
    let is_alone = !modifiers.command && !modifiers.shift;
    match key {
        Key::Escape => return Err(""),
        Key::Space => return Err("Space is held to move the picture. Press another key."),
        Key::Tab => return Err("Tab goes through the controls. Press another key."),
        Key::H if is_alone => return Err("H is held to hide the mask. Press another key."),
        _ if modifiers.alt => return Err("Alt is held to erase. Press a key without it."),
        _ => {}
    }
    shortcuts::from_key_press(key, modifiers).ok_or("This key cannot be used. Press another one.")
}

fn label_without_ellipsis(command: UserCommand) -> &'static str {
    command.display_label().trim_end_matches("...")
}

fn group_heading(ui: &mut Ui, words: &str) {
    ui.add_space(8.0);
    ui.label(
        RichText::new(words)
            .size(12.0)
            .color(theme::current_colors(ui).dimmed),
    );
}

/// A name on the left, and what belongs to it in a column of its own.
fn show_named_line(ui: &mut Ui, name: &str, more: impl FnOnce(&mut Ui)) {
    ui.horizontal(|ui| {
        // As high as the button for the usual key: no row moves when that appears.
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
    fn keys_that_are_held_belong_to_no_command() {
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
