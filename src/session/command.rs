//! Every command of the app with its name, its explanation and its key: menus, palette, keys and help read this list.

/// A key press, in words that any toolkit can be told in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shortcut {
    /// Ctrl, or Cmd on a Mac.
    pub ctrl: bool,
    /// Shift.
    pub shift: bool,
    /// Name of the key: "O", "Enter", "PageUp".
    pub key: &'static str,
}

/// Under which menu a command stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Menu {
    /// Open, export, settings.
    File,
    /// What is seen and how.
    View,
    /// The model.
    Model,
    /// Going through cases and doubtful places.
    Review,
    /// Keys, licences.
    Help,
}

impl Menu {
    /// All menus, from left to right.
    pub const ALL: [Self; 5] = [Self::File, Self::View, Self::Model, Self::Review, Self::Help];

    /// What the menu is called.
    pub fn label(self) -> &'static str {
        match self {
            Self::File => "File",
            Self::View => "View",
            Self::Model => "Model",
            Self::Review => "Review",
            Self::Help => "Help",
        }
    }
}

/// What a user can ask for by menu, palette or key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // each is explained by its entry in the table below
pub enum UserCommand {
    OpenFiles,
    OpenFolder,
    OpenPath,
    Export,
    CloseAll,
    Settings,
    Quit,
    CycleViewMode,
    ShowFill,
    ShowOutline,
    ShowConfidence,
    ShowNothing,
    ToggleMeasurements,
    NextSlice,
    PreviousSlice,
    ForwardSlices,
    BackSlices,
    FirstSlice,
    LastSlice,
    ZoomIn,
    ZoomOut,
    ZoomFit,
    ZoomActual,
    WindowPreset1,
    WindowPreset2,
    WindowPreset3,
    WindowPreset4,
    WindowAuto,
    WindowReset,
    TogglePanels,
    ToggleTheme,
    Palette,
    SegmentSlice,
    SegmentSeries,
    OpenModel,
    ToggleAutoRun,
    Cancel,
    NextDoubtful,
    PreviousDoubtful,
    Accept,
    Skip,
    NextCase,
    PreviousCase,
    Keys,
    About,
}

/// What the table says about a command.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The command.
    pub command: UserCommand,
    /// Its menu.
    pub menu: Menu,
    /// Its name; "..." at the end where more is asked before anything happens.
    pub label: &'static str,
    /// One sentence.
    pub tooltip: &'static str,
    /// Its keys, the first is the one that is shown.
    pub shortcuts: &'static [Shortcut],
}

const fn key(key: &'static str) -> Shortcut {
    Shortcut { ctrl: false, shift: false, key }
}

const fn ctrl(key: &'static str) -> Shortcut {
    Shortcut { ctrl: true, shift: false, key }
}

const fn shift(key: &'static str) -> Shortcut {
    Shortcut { ctrl: false, shift: true, key }
}

const fn entry(
    command: UserCommand,
    menu: Menu,
    label: &'static str,
    tooltip: &'static str,
    shortcuts: &'static [Shortcut],
) -> Entry {
    Entry { command, menu, label, tooltip, shortcuts }
}

/// All commands in the order of the menus.
pub const COMMANDS: &[Entry] = {
    use Menu::*;
    use UserCommand as C;
    const CTRL_SHIFT_O: Shortcut = Shortcut { ctrl: true, shift: true, key: "O" };
    &[
        entry(C::OpenFiles, File, "Open files...", "Open pictures or DICOM files", &[ctrl("O")]),
        entry(C::OpenFolder, File, "Open folder...", "Open a folder and all folders in it", &[CTRL_SHIFT_O]),
        entry(C::OpenPath, File, "Open path...", "Type or paste the path of a file or folder", &[ctrl("L")]),
        entry(C::Export, File, "Export...", "Write masks, overlays or measurements to a folder", &[ctrl("S")]),
        entry(C::CloseAll, File, "Close all", "Close all cases and go back to the start", &[ctrl("W")]),
        entry(C::Settings, File, "Settings...", "Device, model and look", &[ctrl("Comma")]),
        entry(C::Quit, File, "Quit", "Leave Labrum", &[ctrl("Q")]),
        entry(C::CycleViewMode, View, "Next view mode", "Fill, outline, confidence, hidden", &[key("O")]),
        entry(C::ShowFill, View, "Show as fill", "Fill the mask with the colour of its label", &[]),
        entry(C::ShowOutline, View, "Show as outline", "Draw the boundary in the colour of its label", &[]),
        entry(C::ShowConfidence, View, "Show confidence", "Colour the boundary by how sure the model is", &[]),
        entry(C::ShowNothing, View, "Hide the mask", "Show the picture alone; hold H to hide for a moment", &[]),
        entry(
            C::ToggleMeasurements,
            View,
            "Measurements on the picture",
            "Show the longest diameter on the picture",
            &[key("M")],
        ),
        entry(C::NextSlice, View, "Next slice", "One slice on", &[key("ArrowDown"), key("ArrowRight")]),
        entry(C::PreviousSlice, View, "Previous slice", "One slice back", &[key("ArrowUp"), key("ArrowLeft")]),
        entry(C::ForwardSlices, View, "10 slices on", "Ten slices on", &[key("PageDown")]),
        entry(C::BackSlices, View, "10 slices back", "Ten slices back", &[key("PageUp")]),
        entry(C::FirstSlice, View, "First slice", "To the first slice", &[key("Home")]),
        entry(C::LastSlice, View, "Last slice", "To the last slice", &[key("End")]),
        entry(C::ZoomIn, View, "Zoom in", "Larger, about the middle", &[key("Plus"), key("Equals")]),
        entry(C::ZoomOut, View, "Zoom out", "Smaller, about the middle", &[key("Minus")]),
        entry(C::ZoomFit, View, "Fit to window", "The whole picture", &[key("F")]),
        entry(C::ZoomActual, View, "1:1", "One pixel of the picture on one pixel of the screen", &[key("0")]),
        entry(C::WindowPreset1, View, "Window preset 1", "The first window of the list", &[key("1")]),
        entry(C::WindowPreset2, View, "Window preset 2", "The second window of the list", &[key("2")]),
        entry(C::WindowPreset3, View, "Window preset 3", "The third window of the list", &[key("3")]),
        entry(C::WindowPreset4, View, "Window preset 4", "The fourth window of the list", &[key("4")]),
        entry(C::WindowAuto, View, "Auto window", "A window from the values of this slice", &[key("A")]),
        entry(C::WindowReset, View, "Reset window", "The window of the file", &[shift("A")]),
        entry(C::TogglePanels, View, "Panels", "Show or hide the panels", &[key("Tab")]),
        entry(C::ToggleTheme, View, "Light theme", "Light instead of dark", &[]),
        entry(C::Palette, View, "Command palette...", "Find a command by its name", &[ctrl("P")]),
        entry(C::SegmentSlice, Model, "Segment this slice", "Run the model on this slice", &[key("R")]),
        entry(C::SegmentSeries, Model, "Segment the series", "Run the model on every slice", &[shift("R")]),
        entry(C::OpenModel, Model, "Open model...", "Use a model from a .safetensors file", &[]),
        entry(C::ToggleAutoRun, Model, "Run by itself", "Run a model on what is opened where one fits", &[]),
        entry(C::Cancel, Model, "Cancel", "Stop what is in hand", &[key("Escape")]),
        entry(C::NextDoubtful, Review, "Next doubtful boundary", "Where the model is least sure", &[key("N")]),
        entry(
            C::PreviousDoubtful,
            Review,
            "Previous doubtful boundary",
            "Back to the doubtful place before",
            &[shift("N")],
        ),
        entry(C::Accept, Review, "Accept and next", "Sign off this case and go to the next", &[key("Enter")]),
        entry(C::Skip, Review, "Skip", "Leave this case out and go to the next", &[key("Backspace")]),
        entry(
            C::NextCase,
            Review,
            "Next case",
            "The next case of the list",
            &[Shortcut { ctrl: true, shift: false, key: "PageDown" }],
        ),
        entry(
            C::PreviousCase,
            Review,
            "Previous case",
            "The case before in the list",
            &[Shortcut { ctrl: true, shift: false, key: "PageUp" }],
        ),
        entry(C::Keys, Help, "Keys and mouse", "What the keys and the mouse do", &[key("F1")]),
        entry(C::About, Help, "About Labrum", "Version, device and licences", &[]),
    ]
};

impl UserCommand {
    /// What the table says about it.
    pub fn entry(self) -> &'static Entry {
        COMMANDS.iter().find(|e| e.command == self).unwrap_or(&COMMANDS[0])
    }

    /// Its name.
    pub fn label(self) -> &'static str {
        self.entry().label
    }

    /// Its explanation.
    pub fn tooltip(self) -> &'static str {
        self.entry().tooltip
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_commands_share_a_key_or_a_name() {
        let mut keys = HashSet::new();
        let mut names = HashSet::new();
        for entry in COMMANDS {
            assert!(names.insert(entry.label), "{} is there twice", entry.label);
            for shortcut in entry.shortcuts {
                assert!(keys.insert(*shortcut), "{shortcut:?} is there twice");
            }
        }
    }

    #[test]
    fn every_command_is_in_the_table() {
        assert_eq!(UserCommand::About.label(), "About Labrum");
        assert!(COMMANDS.iter().all(|e| e.command.entry().command == e.command));
        assert_eq!(COMMANDS.len(), UserCommand::About as usize + 1);
    }
}
