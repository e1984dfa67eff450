//! Keys: from the table of commands to the toolkit and back to words.

use crate::session::command::{COMMANDS, Shortcut, UserCommand};
use egui::{Context, Event, Key};

/// The commands whose keys were pressed in this frame. While a control or a menu has the keyboard, only keys with Ctrl.
pub(crate) fn pressed(ctx: &Context) -> Vec<UserCommand> {
    let is_typing = ctx.egui_wants_keyboard_input() || egui::Popup::is_any_open(ctx);
    let mut found = Vec::new();
    ctx.input_mut(|input| {
        input.events.retain(|event| {
            let Event::Key { key, pressed: true, modifiers, .. } = event else { return true };
            if modifiers.alt || (is_typing && !modifiers.command) {
                return true;
            }
            // "+" needs Shift on many keyboards.
            let shift = modifiers.shift && !matches!(key, Key::Plus | Key::Equals);
            match find(*key, modifiers.command, shift) {
                Some(command) => {
                    found.push(command);
                    false
                }
                None => true,
            }
        });
    });
    found
}

fn find(key: Key, ctrl: bool, shift: bool) -> Option<UserCommand> {
    let matches = |s: &Shortcut| s.ctrl == ctrl && s.shift == shift && Key::from_name(s.key) == Some(key);
    COMMANDS.iter().find(|e| e.shortcuts.iter().any(matches)).map(|e| e.command)
}

/// A key as people read it: "Ctrl+Shift+O".
pub(crate) fn words(shortcut: &Shortcut) -> String {
    let key = match shortcut.key {
        "ArrowDown" => "Down",
        "ArrowUp" => "Up",
        "ArrowLeft" => "Left",
        "ArrowRight" => "Right",
        "Plus" => "+",
        "Minus" => "-",
        "Equals" => "=",
        "Comma" => ",",
        "Escape" => "Esc",
        "PageUp" => "Page Up",
        "PageDown" => "Page Down",
        key => key,
    };
    let ctrl = if cfg!(target_os = "macos") { "Cmd+" } else { "Ctrl+" };
    format!("{}{}{key}", if shortcut.ctrl { ctrl } else { "" }, if shortcut.shift { "Shift+" } else { "" })
}

/// The first key of a command in words; empty where it has none.
pub(crate) fn key_of(command: UserCommand) -> String {
    command.entry().shortcuts.first().map(words).unwrap_or_default()
}

/// The explanation of a command with its key.
pub(crate) fn tooltip(command: UserCommand) -> String {
    match key_of(command) {
        key if key.is_empty() => command.tooltip().to_owned(),
        key => format!("{} ({key})", command.tooltip()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_table_is_known_to_the_toolkit() {
        for entry in COMMANDS {
            for shortcut in entry.shortcuts {
                assert!(Key::from_name(shortcut.key).is_some(), "{shortcut:?}");
            }
        }
    }

    #[test]
    fn shift_tells_commands_apart() {
        assert_eq!(find(Key::N, false, false), Some(UserCommand::NextDoubtful));
        assert_eq!(find(Key::N, false, true), Some(UserCommand::PreviousDoubtful));
        assert_eq!(find(Key::O, true, true), Some(UserCommand::OpenFolder));
    }
}
