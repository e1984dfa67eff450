//! Keyboard shortcuts: the defaults, and the user's changes.

use super::command::{COMMANDS, Shortcut, UserCommand};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::BTreeMap};

/// Shortcuts that differ from the defaults. A command with an empty list has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Keys {
    chosen: BTreeMap<UserCommand, Vec<Shortcut>>,
}

impl Keys {
    /// The shortcuts of a command; the first one is displayed.
    pub fn shortcuts_for(&self, command: UserCommand) -> Cow<'_, [Shortcut]> {
        match self.chosen.get(&command) {
            Some(keys) => Cow::Borrowed(keys),
            None => self.free_defaults(command.table_entry().shortcuts),
        }
    }

    /// The default shortcuts of a command except those that the user gave to another one, maybe in an older version.
    fn free_defaults(&self, defaults: &'static [Shortcut]) -> Cow<'_, [Shortcut]> {
        if defaults.iter().any(|key| self.is_chosen(key)) {
            let free = defaults.iter().filter(|key| !self.is_chosen(key));
            return Cow::Owned(free.copied().collect());
        }
        Cow::Borrowed(defaults)
    }

    /// True if the user gave the shortcut to a command.
    fn is_chosen(&self, key: &Shortcut) -> bool {
        self.chosen.values().any(|keys| keys.contains(key))
    }

    /// The command of a shortcut.
    pub fn command_for(&self, pressed: &Shortcut) -> Option<UserCommand> {
        COMMANDS
            .iter()
            .map(|e| e.command)
            .find(|c| self.shortcuts_for(*c).contains(pressed))
    }

    /// True if the shortcuts of the command differ from the defaults.
    pub fn is_changed(&self, command: UserCommand) -> bool {
        self.chosen.contains_key(&command)
    }

    /// Replaces the shortcuts of a command by this one. A command that had it before loses it and is returned.
    pub fn assign_shortcut(&mut self, command: UserCommand, key: Shortcut) -> Option<UserCommand> {
        let loser = self.command_for(&key).filter(|c| *c != command);
        if let Some(loser) = loser {
            let left = self
                .shortcuts_for(loser)
                .iter()
                .filter(|k| **k != key)
                .copied()
                .collect();
            self.set_shortcuts(loser, left);
        }
        self.set_shortcuts(command, vec![key]);
        loser
    }

    /// Restores the default shortcuts of a command, except those that other commands have now.
    pub fn reset_shortcuts(&mut self, command: UserCommand) {
        self.chosen.insert(command, Vec::new());
        let free = command
            .table_entry()
            .shortcuts
            .iter()
            .filter(|k| self.command_for(k).is_none())
            .copied()
            .collect();
        self.set_shortcuts(command, free);
    }

    /// Restores the default shortcuts of all commands.
    pub fn reset_all(&mut self) {
        self.chosen.clear();
    }

    fn set_shortcuts(&mut self, command: UserCommand, keys: Vec<Shortcut>) {
        if keys == command.table_entry().shortcuts {
            self.chosen.remove(&command);
        } else {
            self.chosen.insert(command, keys);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn key(key: &'static str) -> Shortcut {
        Shortcut {
            ctrl: false,
            shift: false,
            key,
        }
    }

    #[test]
    fn a_key_belongs_to_one_command() {
        let mut keys = Keys::default();
        assert_eq!(keys.command_for(&key("B")), Some(UserCommand::ToolBrush));
        assert_eq!(
            keys.assign_shortcut(UserCommand::ToolEraser, key("B")),
            Some(UserCommand::ToolBrush)
        );
        assert_eq!(keys.command_for(&key("B")), Some(UserCommand::ToolEraser));
        assert!(keys.shortcuts_for(UserCommand::ToolBrush).is_empty());
        assert_eq!(keys.command_for(&key("E")), None);
        keys.reset_shortcuts(UserCommand::ToolEraser);
        keys.reset_shortcuts(UserCommand::ToolBrush);
        assert_eq!(keys, Keys::default());
    }

    #[test]
    fn a_chosen_key_is_not_taken_by_the_default_of_a_newer_command() {
        let chosen = BTreeMap::from([(UserCommand::ToolPull, vec![key("K")])]);
        let keys = Keys { chosen };
        assert_eq!(keys.command_for(&key("K")), Some(UserCommand::ToolPull));
        assert!(keys.shortcuts_for(UserCommand::ToolClick).is_empty());
    }

    #[test]
    fn chosen_keys_survive_serialisation() {
        let mut keys = Keys::default();
        keys.assign_shortcut(UserCommand::Undo, key("F2"));
        let text = serde_json::to_string(&keys).unwrap();
        assert_eq!(serde_json::from_str::<Keys>(&text).unwrap(), keys);
    }
}
