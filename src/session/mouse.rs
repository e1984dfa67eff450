//! What dragging with the mouse does on a view: as in Labrum, or as in another program.

use serde::{Deserialize, Serialize};

/// The program whose mouse buttons the views have. The left button is for the Pan tool; with any other tool it draws.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MouseHabit {
    /// Those of Labrum.
    #[default]
    Labrum,
    /// Those of viewers in hospitals, by default: OHIF, Horos, OsiriX.
    Pacs,
    /// Those of slice views in 3D Slicer, with its window/level tool.
    Slicer,
    /// Those of ITK-SNAP in its crosshair mode.
    ItkSnap,
}

/// A button of the mouse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MouseButton {
    /// The left, or primary one.
    Left,
    /// The middle one, or the wheel.
    Middle,
    /// The right, or secondary one.
    Right,
}

impl MouseButton {
    /// All buttons.
    pub const ALL: [Self; 3] = [Self::Left, Self::Middle, Self::Right];
}

/// A key that is held while the mouse is dragged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeldKey {
    /// None.
    None,
    /// Shift.
    Shift,
    /// Ctrl; on a Mac, Cmd too.
    Ctrl,
    /// Alt.
    Alt,
}

/// What a drag does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DragAction {
    /// Moves the image.
    Pan,
    /// Zooms around the place of the press.
    Zoom,
    /// Changes window and level: across the width, up and down the centre.
    Window,
    /// Sets window and level from the values in a rectangle.
    WindowRegion,
    /// Moves the crosshair of orthogonal views; pans a single view.
    Crosshair,
}

/// A row of the table of a habit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DragEntry {
    /// The button.
    pub button: MouseButton,
    /// The key that is held.
    pub held: HeldKey,
    /// What it does.
    pub action: DragAction,
}

const fn entry(button: MouseButton, held: HeldKey, action: DragAction) -> DragEntry {
    DragEntry {
        button,
        held,
        action,
    }
}

use DragAction as D;
use HeldKey as K;
use MouseButton as B;

/// Labrum's own.
const LABRUM: &[DragEntry] = &[
    entry(B::Left, K::None, D::Crosshair),
    entry(B::Middle, K::None, D::Pan),
    entry(B::Right, K::None, D::Window),
    entry(B::Right, K::Shift, D::WindowRegion),
];

/// OHIF 3 (`cornerstone.overlayViewportTools`) and Horos (left, middle and right; Cmd with the left pans). The other
/// rows are for what these have on their toolbars.
const PACS: &[DragEntry] = &[
    entry(B::Left, K::None, D::Window),
    entry(B::Left, K::Ctrl, D::Pan),
    entry(B::Left, K::Shift, D::Crosshair),
    entry(B::Middle, K::None, D::Pan),
    entry(B::Right, K::None, D::Zoom),
    entry(B::Right, K::Ctrl, D::Window),
    entry(B::Right, K::Shift, D::WindowRegion),
];

/// 3D Slicer 5 (`vtkMRMLSliceIntersectionWidget`). Ctrl with the left and keys with the right button are added for what
/// it has on its toolbar, or for moves without a button.
const SLICER: &[DragEntry] = &[
    entry(B::Left, K::None, D::Window),
    entry(B::Left, K::Shift, D::Pan),
    entry(B::Left, K::Ctrl, D::Crosshair),
    entry(B::Middle, K::None, D::Pan),
    entry(B::Right, K::None, D::Zoom),
    entry(B::Right, K::Ctrl, D::Window),
    entry(B::Right, K::Shift, D::WindowRegion),
];

/// ITK-SNAP 4 (`CrosshairsInteractionMode`). Keys with the right button are added: it has window and level in a dialog.
const ITK_SNAP: &[DragEntry] = &[
    entry(B::Left, K::None, D::Crosshair),
    entry(B::Left, K::Ctrl, D::Zoom),
    entry(B::Left, K::Alt, D::Pan),
    entry(B::Middle, K::None, D::Pan),
    entry(B::Right, K::None, D::Zoom),
    entry(B::Right, K::Ctrl, D::Window),
    entry(B::Right, K::Shift, D::WindowRegion),
];

impl MouseHabit {
    /// All habits, Labrum's own first.
    pub const ALL: [Self; 4] = [Self::Labrum, Self::Pacs, Self::Slicer, Self::ItkSnap];

    /// Display name.
    pub fn display_name(self) -> &'static str {
        match self {
            Self::Labrum => "Labrum",
            Self::Pacs => "PACS viewer",
            Self::Slicer => "3D Slicer",
            Self::ItkSnap => "ITK-SNAP",
        }
    }

    /// What it means, in a sentence.
    pub fn summary(self) -> &'static str {
        match self {
            Self::Labrum => {
                "Dragging moves the image, or the crosshair of orthogonal views; the middle button pans, the right button changes window/level."
            }
            Self::Pacs => {
                "As in OHIF and Horos: dragging changes window/level, the middle button pans, the right button zooms."
            }
            Self::Slicer => {
                "As in 3D Slicer: dragging changes window/level, the middle button or Shift pans, the right button zooms."
            }
            Self::ItkSnap => {
                "As in ITK-SNAP: dragging moves the crosshair, the middle button pans, the right button zooms."
            }
        }
    }

    /// The table of the habit: each button without a key, and some with one.
    pub fn drag_entries(self) -> &'static [DragEntry] {
        match self {
            Self::Labrum => LABRUM,
            Self::Pacs => PACS,
            Self::Slicer => SLICER,
            Self::ItkSnap => ITK_SNAP,
        }
    }

    /// What a drag does with the Pan tool, or with a button that tools do not use. A key that is not in the table makes no
    /// difference.
    pub fn drag_action(self, button: MouseButton, held: HeldKey) -> DragAction {
        self.action_in_table(button, held)
            .or_else(|| self.action_in_table(button, HeldKey::None))
            .unwrap_or(DragAction::Pan)
    }

    fn action_in_table(self, button: MouseButton, held: HeldKey) -> Option<DragAction> {
        let mut entries = self.drag_entries().iter();
        let found = entries.find(|e| (e.button, e.held) == (button, held));
        found.map(|e| e.action)
    }

    /// True if dragging up zooms in; else dragging down does.
    pub fn zooms_in_upwards(self) -> bool {
        self == Self::ItkSnap
    }

    /// How to use the Pan tool, for the status bar; with orthogonal views if `is_linked`.
    pub fn pan_tool_hint(self, is_linked: bool) -> &'static str {
        match self.drag_action(MouseButton::Left, HeldKey::None) {
            DragAction::Crosshair if is_linked => {
                "Drag to move the crosshair; drag with the middle button to pan"
            }
            DragAction::Window => "Drag to change window/level; drag with the middle button to pan",
            _ => "Drag to move the image",
        }
    }

    /// The table in words: what is done, and how, as in "Zoom (down: in, up: out)", "Drag with the right button".
    pub fn help_lines(self) -> Vec<(&'static str, String)> {
        self.drag_entries()
            .iter()
            .map(|entry| (self.action_label(entry.action), drag_text(*entry)))
            .collect()
    }

    fn action_label(self, action: DragAction) -> &'static str {
        match action {
            DragAction::Pan => "Pan",
            DragAction::Zoom if self.zooms_in_upwards() => "Zoom (up: in, down: out)",
            DragAction::Zoom => "Zoom (down: in, up: out)",
            DragAction::Window => "Window (left/right: width, up/down: level)",
            DragAction::WindowRegion => "Window from the values in a rectangle",
            DragAction::Crosshair => "Move the crosshair, or pan a single view",
        }
    }
}

fn drag_text(entry: DragEntry) -> String {
    let held = match entry.held {
        HeldKey::None => "",
        HeldKey::Shift => "Shift+",
        HeldKey::Ctrl => "Ctrl+",
        HeldKey::Alt => "Alt+",
    };
    let with = match entry.button {
        MouseButton::Left => "the Pan tool",
        MouseButton::Middle => "the middle button",
        MouseButton::Right => "the right button",
    };
    format!("{held}Drag with {with}")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::session::settings::Settings;

    #[test]
    fn every_table_has_each_button_once_without_a_key_and_no_row_twice() {
        for habit in MouseHabit::ALL {
            let entries = habit.drag_entries();
            for button in MouseButton::ALL {
                for held in [HeldKey::None, HeldKey::Shift, HeldKey::Ctrl, HeldKey::Alt] {
                    let rows = entries
                        .iter()
                        .filter(|e| (e.button, e.held) == (button, held));
                    let count = rows.count();
                    let is_fine = count <= 1 && (held != HeldKey::None || count == 1);
                    assert!(is_fine, "{habit:?}: {count} of {button:?}, {held:?}");
                }
            }
        }
    }

    #[test]
    fn whatever_the_habit_there_is_a_way_to_pan_and_to_change_the_window_while_a_tool_draws() {
        for habit in MouseHabit::ALL {
            let can = |action| {
                let mut entries = habit.drag_entries().iter();
                entries.any(|e| e.button != MouseButton::Left && e.action == action)
            };
            assert!(can(DragAction::Pan) && can(DragAction::Window), "{habit:?}");
        }
    }

    #[test]
    fn a_key_that_is_not_in_the_table_makes_no_difference() {
        let habit = MouseHabit::Labrum;
        let action = |button, held| habit.drag_action(button, held);
        assert_eq!(
            action(MouseButton::Left, HeldKey::Ctrl),
            DragAction::Crosshair
        );
        assert_eq!(action(MouseButton::Middle, HeldKey::Shift), DragAction::Pan);
        assert_eq!(action(MouseButton::Right, HeldKey::Alt), DragAction::Window);
    }

    #[test]
    fn older_settings_have_the_mouse_of_labrum_and_a_choice_is_kept() {
        let old: Settings = serde_json::from_str(r#"{"theme":"light"}"#).unwrap();
        assert_eq!(old.mouse, MouseHabit::Labrum);
        for mouse in MouseHabit::ALL {
            let settings = Settings {
                mouse,
                ..Settings::default()
            };
            let text = serde_json::to_string(&settings).unwrap();
            let read: Settings = serde_json::from_str(&text).unwrap();
            assert_eq!(read.mouse, mouse);
        }
    }
}
