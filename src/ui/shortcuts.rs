//! Converts keyboard shortcuts between the command table, egui and display text.

use crate::session::{
    command::{KEY_NAMES, Shortcut, UserCommand},
    keys::Keys,
};
use egui::{Key, Modifiers};

/// The shortcut for a key press; `None` if the key cannot be a shortcut.
pub(crate) fn from_key_press(key: Key, modifiers: Modifiers) -> Option<Shortcut> {
    let name = KEY_NAMES
        .iter()
        .find(|name| Key::from_name(name) == Some(key))?;
    // "+" needs Shift on many keyboards.
    let shift = modifiers.shift && !matches!(key, Key::Plus | Key::Equals);
    Shortcut::from_key_name(modifiers.command, shift, name)
}

/// A shortcut as shown to the user: "Ctrl+Shift+O".
pub(crate) fn display_text(shortcut: &Shortcut) -> String {
    let key = match shortcut.key {
        "ArrowDown" => "Down",
        "ArrowUp" => "Up",
        "ArrowLeft" => "Left",
        "ArrowRight" => "Right",
        "Plus" => "+",
        "Minus" => "-",
        "Equals" => "=",
        "Comma" => ",",
        "Period" => ".",
        "Semicolon" => ";",
        "Colon" => ":",
        "Slash" => "/",
        "Backslash" => "\\",
        "Pipe" => "|",
        "Questionmark" => "?",
        "Quote" => "'",
        "Backtick" => "`",
        "OpenBracket" => "[",
        "CloseBracket" => "]",
        "Escape" => "Esc",
        "PageUp" => "Page Up",
        "PageDown" => "Page Down",
        key => key,
    };
    let ctrl = if cfg!(target_os = "macos") {
        "Cmd+"
    } else {
        "Ctrl+"
    };
    format!(
        "{}{}{key}",
        if shortcut.ctrl { ctrl } else { "" },
        if shortcut.shift { "Shift+" } else { "" }
    )
}

/// The first shortcut of a command as text; empty if it has none.
pub(crate) fn key_of(keys: &Keys, command: UserCommand) -> String {
    keys.shortcuts_for(command)
        .first()
        .map(display_text)
        .unwrap_or_default()
}

/// The tooltip of a command, with its shortcut.
pub(crate) fn command_tooltip(keys: &Keys, command: UserCommand) -> String {
    match key_of(keys, command) {
        key if key.is_empty() => command.tooltip_text().to_owned(),
        key => format!("{} ({key})", command.tooltip_text()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_key_is_known_to_egui_and_has_a_unique_name() {
        let mut all = HashSet::new();
        for key in KEY_NAMES {
            assert!(Key::from_name(key).is_some(), "{key}");
            assert!(
                all.insert(display_text(&Shortcut {
                    ctrl: false,
                    shift: false,
                    key
                })),
                "{key}"
            );
        }
    }

    #[test]
    fn shift_distinguishes_commands() {
        let keys = Keys::default();
        let find =
            |key, modifiers| from_key_press(key, modifiers).and_then(|s| keys.command_for(&s));
        assert_eq!(
            find(Key::N, Modifiers::NONE),
            Some(UserCommand::NextDoubtful)
        );
        assert_eq!(
            find(Key::N, Modifiers::SHIFT),
            Some(UserCommand::PreviousDoubtful)
        );
        assert_eq!(
            find(Key::O, Modifiers::COMMAND | Modifiers::SHIFT),
            Some(UserCommand::OpenFolder)
        );
        assert_eq!(find(Key::Plus, Modifiers::SHIFT), Some(UserCommand::ZoomIn));
    }

    #[test]
    fn chosen_keys_replace_the_default_ones() {
        let mut keys = Keys::default();
        keys.assign_shortcut(
            UserCommand::ToolBrush,
            from_key_press(Key::F5, Modifiers::NONE).unwrap(),
        );
        assert_eq!(key_of(&keys, UserCommand::ToolBrush), "F5");
        assert_eq!(
            command_tooltip(&keys, UserCommand::ToolBrush),
            "Paint with the active label (F5)"
        );
    }
}
