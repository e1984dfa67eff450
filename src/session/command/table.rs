//! The table of all commands, in the order of the menus.

mod appearance;
mod cine;
mod file_and_edit;
mod measure;
mod model_and_review;
mod view_and_tools;

use super::{CommandEntry, Menu, Shortcut, UserCommand};
use appearance::APPEARANCE;
use cine::CINE;
use file_and_edit::FILE_AND_EDIT;
use measure::MEASURE;
use model_and_review::MODEL_TO_HELP;
use view_and_tools::VIEW_AND_TOOLS;

const fn plain_key(key: &'static str) -> Shortcut {
    Shortcut {
        ctrl: false,
        shift: false,
        key,
    }
}

const fn ctrl_key(key: &'static str) -> Shortcut {
    Shortcut {
        ctrl: true,
        shift: false,
        key,
    }
}

const fn shift_key(key: &'static str) -> Shortcut {
    Shortcut {
        ctrl: false,
        shift: true,
        key,
    }
}

const fn ctrl_shift(key: &'static str) -> Shortcut {
    Shortcut {
        ctrl: true,
        shift: true,
        key,
    }
}

const fn command_entry(
    command: UserCommand,
    menu: Menu,
    label: &'static str,
    tooltip: &'static str,
    shortcuts: &'static [Shortcut],
) -> CommandEntry {
    CommandEntry {
        command,
        menu,
        label,
        tooltip,
        shortcuts,
    }
}

/// Number of commands.
const COUNT: usize = FILE_AND_EDIT.len()
    + APPEARANCE.len()
    + CINE.len()
    + VIEW_AND_TOOLS.len()
    + MEASURE.len()
    + MODEL_TO_HELP.len();

/// The commands of all menus, one after the other.
const fn join_menus() -> [CommandEntry; COUNT] {
    let menus = [
        FILE_AND_EDIT,
        APPEARANCE,
        CINE,
        VIEW_AND_TOOLS,
        MEASURE,
        MODEL_TO_HELP,
    ];
    let mut all = [FILE_AND_EDIT[0]; COUNT];
    let (mut filled, mut menu) = (0, 0);
    while menu < menus.len() {
        let mut entry = 0;
        while entry < menus[menu].len() {
            all[filled] = menus[menu][entry];
            filled += 1;
            entry += 1;
        }
        menu += 1;
    }
    all
}

/// All commands in the order of the menus.
pub const COMMANDS: &[CommandEntry] = &join_menus();
