//! Every command of the app with its name, its explanation and its key: menus, palette, keys and help read this list.

use super::tools::ToolKind;
use serde::{Deserialize, Serialize};

/// A key press, in words that any toolkit can be told in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(into = "String")]
pub struct Shortcut {
    /// Ctrl, or Cmd on a Mac.
    pub ctrl: bool,
    /// Shift.
    pub shift: bool,
    /// Name of the key, one of [`KEY_NAMES`]: "O", "Enter", "PageUp".
    pub key: &'static str,
}

/// The keys that a command can have.
#[rustfmt::skip]
pub const KEY_NAMES: &[&str] = &[
    "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T", "U", "V", "W", "X",
    "Y", "Z", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8", "F9", "F10",
    "F11", "F12", "ArrowDown", "ArrowLeft", "ArrowRight", "ArrowUp", "Escape", "Tab", "Backspace", "Enter", "Space",
    "Insert", "Delete", "Home", "End", "PageUp", "PageDown", "Minus", "Plus", "Equals", "Comma", "Period", "Semicolon",
    "Colon", "Slash", "Backslash", "Pipe", "Questionmark", "Quote", "Backtick", "OpenBracket", "CloseBracket",
];

impl Shortcut {
    /// The press of a key of this name; `None` where no command can have it.
    pub fn named(ctrl: bool, shift: bool, name: &str) -> Option<Self> {
        KEY_NAMES.iter().find(|known| **known == name).map(|key| Self { ctrl, shift, key })
    }
}

impl From<Shortcut> for String {
    fn from(s: Shortcut) -> Self {
        format!("{}{}{}", if s.ctrl { "Ctrl+" } else { "" }, if s.shift { "Shift+" } else { "" }, s.key)
    }
}

impl<'de> Deserialize<'de> for Shortcut {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (ctrl, rest) = text.strip_prefix("Ctrl+").map_or((false, text.as_str()), |rest| (true, rest));
        let (shift, name) = rest.strip_prefix("Shift+").map_or((false, rest), |rest| (true, rest));
        Self::named(ctrl, shift, name).ok_or_else(|| serde::de::Error::custom(format!("there is no key \"{text}\"")))
    }
}

/// Under which menu a command stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Menu {
    /// Open, export, settings.
    File,
    /// Undo, and what changes a label.
    Edit,
    /// What is seen and how.
    View,
    /// What draws.
    Tools,
    /// The model.
    Model,
    /// Going through cases and doubtful places.
    Review,
    /// Keys, licences.
    Help,
}

impl Menu {
    /// All menus, from left to right.
    pub const ALL: [Self; 7] = [Self::File, Self::Edit, Self::View, Self::Tools, Self::Model, Self::Review, Self::Help];

    /// What the menu is called.
    pub fn label(self) -> &'static str {
        match self {
            Self::File => "File",
            Self::Edit => "Edit",
            Self::View => "View",
            Self::Tools => "Tools",
            Self::Model => "Model",
            Self::Review => "Review",
            Self::Help => "Help",
        }
    }
}

/// What a user can ask for by menu, palette or key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs)] // each is explained by its entry in the table below
pub enum UserCommand {
    OpenFiles,
    OpenFolder,
    OpenPath,
    OpenFromServer,
    Export,
    SendToServer,
    SendQueue,
    ImportMasks,
    ImportFound,
    Workspace,
    NewWorkspace,
    FindImages,
    ChooseTask,
    RemoveCase,
    CloseAll,
    Settings,
    Quit,
    Undo,
    Redo,
    UndoAnywhere,
    RedoAnywhere,
    Grow,
    Shrink,
    Smooth,
    FillHoles,
    RemoveIslands,
    KeepLargest,
    EmptyLabel,
    NothingHere,
    NothingElsewhere,
    CopyFromPrevious,
    CopyFromNext,
    Interpolate,
    MoveToLabel,
    MergeLabel,
    RemoveLabel,
    CycleViewMode,
    ShowFill,
    ShowOutline,
    ShowConfidence,
    ShowDifference,
    ShowNothing,
    ToggleMeasurements,
    ToggleOverlays,
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
    ToggleOrtho,
    NextView,
    TogglePanels,
    ToggleCases,
    ToggleTheme,
    Palette,
    ToolLook,
    ToolBrush,
    ToolEraser,
    ToolSmartBrush,
    ToolPolygon,
    ToolLasso,
    ToolLiveWire,
    ToolFill,
    ToolPull,
    LargerBrush,
    SmallerBrush,
    NextLabel,
    PreviousLabel,
    PointerLeft,
    PointerRight,
    PointerUp,
    PointerDown,
    DrawAtPointer,
    SegmentSlice,
    SegmentSeries,
    OpenModel,
    ToggleAutoRun,
    AcceptProposal,
    AcceptAllProposals,
    Train,
    PauseTraining,
    CancelTraining,
    Versions,
    WorkReport,
    Cancel,
    NextDoubtful,
    PreviousDoubtful,
    Accept,
    Skip,
    NextCase,
    PreviousCase,
    FindCase,
    Keys,
    Messages,
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

const fn ctrl_shift(key: &'static str) -> Shortcut {
    Shortcut { ctrl: true, shift: true, key }
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
    &[
        entry(C::OpenFiles, File, "Open files...", "Open pictures or DICOM files", &[ctrl("O")]),
        entry(C::OpenFolder, File, "Open folder...", "Open a folder and all folders in it", &[ctrl_shift("O")]),
        entry(C::OpenPath, File, "Open path...", "Type or paste the path of a file or folder", &[ctrl("L")]),
        entry(C::OpenFromServer, File, "Open from server...", "Find a study on a PACS and open it", &[ctrl("R")]),
        entry(C::Export, File, "Export...", "Write masks, overlays or measurements to a folder", &[ctrl("S")]),
        entry(
            C::SendToServer,
            File,
            "Send to server...",
            "Send the segmentation into its study on a PACS",
            &[ctrl_shift("S")],
        ),
        entry(C::SendQueue, File, "What is being sent...", "What waits to be sent, and what became of the rest", &[]),
        entry(
            C::ImportMasks,
            File,
            "Import masks...",
            "Take masks from DICOM-SEG, RT Structure Sets or label maps",
            &[ctrl("I")],
        ),
        entry(
            C::ImportFound,
            File,
            "Take in masks found",
            "Take masks from the DICOM-SEG or RT Structure Set that was opened with the images",
            &[ctrl_shift("I")],
        ),
        entry(C::Workspace, File, "Workspace...", "Where the work is kept: open, name or move it", &[]),
        entry(
            C::NewWorkspace,
            File,
            "New workspace...",
            "Begin another task, with its own cases, labels and model",
            &[],
        ),
        entry(
            C::FindImages,
            File,
            "Find the images...",
            "Look in a folder for images of the workspace that have moved",
            &[],
        ),
        entry(C::ChooseTask, File, "Task...", "Which cases share labels: begin a new task, or choose one", &[]),
        entry(
            C::RemoveCase,
            File,
            "Remove the case from the list",
            "Its work is kept, and there again when it is opened again",
            &[ctrl("Delete")],
        ),
        entry(C::CloseAll, File, "Close all", "Close all cases and go back to the start", &[ctrl("W")]),
        entry(C::Settings, File, "Settings...", "Device, model and look", &[ctrl("Comma")]),
        entry(C::Quit, File, "Quit", "Leave Labrum", &[ctrl("Q")]),
        entry(C::Undo, Edit, "Undo", "Take the last step in this case back", &[ctrl("Z")]),
        entry(
            C::Redo,
            Edit,
            "Redo",
            "Do the step again that was taken back in this case",
            &[ctrl("Y"), ctrl_shift("Z")],
        ),
        entry(
            C::UndoAnywhere,
            Edit,
            "Undo in any case",
            "Go to the case in which the last step was done, and take it back",
            &[ctrl("U")],
        ),
        entry(
            C::RedoAnywhere,
            Edit,
            "Redo in any case",
            "Go to the case in which a step was taken back last, and do it again",
            &[ctrl_shift("U")],
        ),
        entry(C::Grow, Edit, "Grow", "Make the label larger by the margin", &[ctrl("Plus"), ctrl("Equals")]),
        entry(C::Shrink, Edit, "Shrink", "Make the label smaller by the margin", &[ctrl("Minus")]),
        entry(C::Smooth, Edit, "Smooth", "Smooth the boundary of the label", &[ctrl("M")]),
        entry(C::FillHoles, Edit, "Fill holes", "Fill what the label encloses", &[ctrl("H")]),
        entry(C::RemoveIslands, Edit, "Remove islands", "Remove small pieces of the label", &[]),
        entry(C::KeepLargest, Edit, "Keep the largest", "Remove all pieces of the label but the largest", &[ctrl("K")]),
        entry(C::EmptyLabel, Edit, "Empty the label", "Remove the label from this slice", &[key("Delete")]),
        entry(
            C::NothingHere,
            Edit,
            "Nothing here",
            "Say that this slice holds nothing of the label in hand; what there is of it goes",
            &[shift("Delete")],
        ),
        entry(
            C::NothingElsewhere,
            Edit,
            "Nothing on the other slices",
            "Say that all slices without the label in hand hold nothing of it",
            &[],
        ),
        entry(
            C::CopyFromPrevious,
            Edit,
            "Copy from previous slice",
            "The label as on the slice before",
            &[key("Comma")],
        ),
        entry(C::CopyFromNext, Edit, "Copy from next slice", "The label as on the slice after", &[key("Period")]),
        entry(C::Interpolate, Edit, "Interpolate", "Draw the label on slices between drawn ones", &[key("I")]),
        entry(C::MoveToLabel, Edit, "Move to another label...", "Give what has the label in hand another one", &[]),
        entry(
            C::MergeLabel,
            Edit,
            "Merge the label...",
            "Make all masks of the label in hand those of another one",
            &[],
        ),
        entry(
            C::RemoveLabel,
            Edit,
            "Remove the label...",
            "Take the label in hand and its masks out of the workspace",
            &[],
        ),
        entry(C::CycleViewMode, View, "Next view mode", "Fill, outline, confidence, difference, hidden", &[key("O")]),
        entry(C::ShowFill, View, "Show as fill", "Fill the mask with the colour of its label", &[]),
        entry(C::ShowOutline, View, "Show as outline", "Draw the boundary in the colour of its label", &[]),
        entry(C::ShowConfidence, View, "Show confidence", "Colour the boundary by how sure the model is", &[]),
        entry(
            C::ShowDifference,
            View,
            "Show difference",
            "What was drawn against what the model proposed",
            &[key("D")],
        ),
        entry(C::ShowNothing, View, "Hide the mask", "Show the picture alone; hold H to hide for a moment", &[]),
        entry(
            C::ToggleMeasurements,
            View,
            "Measurements on the picture",
            "Show the longest diameter on the picture",
            &[key("M")],
        ),
        entry(
            C::ToggleOverlays,
            View,
            "Drawings of the file",
            "Show overlays: what is drawn into a picture's file",
            &[],
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
        entry(
            C::ToggleOrtho,
            View,
            "Orthogonal views",
            "Axial, sagittal and coronal side by side, linked",
            &[key("F2")],
        ),
        entry(C::NextView, View, "Next orthogonal view", "Keys go to the next of the three views", &[key("F6")]),
        entry(C::TogglePanels, View, "Panels", "Show or hide the panels", &[key("F9")]),
        entry(C::ToggleCases, View, "Case list", "Show or hide the case list alone", &[shift("F9")]),
        entry(C::ToggleTheme, View, "Light theme", "Light instead of dark", &[]),
        entry(C::Palette, View, "Command palette...", "Find a command by its name", &[ctrl("P")]),
        entry(C::ToolLook, Tools, "Look", "Draw nothing; a drag moves the picture", &[key("V")]),
        entry(C::ToolBrush, Tools, "Brush", "Paint the label", &[key("B")]),
        entry(C::ToolEraser, Tools, "Eraser", "Paint background", &[key("E")]),
        entry(C::ToolSmartBrush, Tools, "Smart brush", "Paint up to the edges of the image", &[key("S")]),
        entry(C::ToolPolygon, Tools, "Polygon", "Click the corners of an area", &[key("P")]),
        entry(C::ToolLasso, Tools, "Lasso", "Draw round an area", &[key("L")]),
        entry(C::ToolLiveWire, Tools, "Live wire", "A line that follows the edges of the image", &[key("X")]),
        entry(C::ToolFill, Tools, "Fill area", "Fill or empty a connected area", &[key("G")]),
        entry(C::ToolPull, Tools, "Pull boundary", "Move a piece of the boundary", &[key("U")]),
        entry(C::LargerBrush, Tools, "Larger brush", "A larger brush, or a longer pull", &[key("CloseBracket")]),
        entry(C::SmallerBrush, Tools, "Smaller brush", "A smaller brush, or a shorter pull", &[key("OpenBracket")]),
        entry(C::NextLabel, Tools, "Next label", "Draw with the next label", &[key("W")]),
        entry(C::PreviousLabel, Tools, "Previous label", "Draw with the label before", &[key("Q")]),
        entry(C::PointerLeft, Tools, "Pointer left", "Move the tool one pixel to the left", &[shift("ArrowLeft")]),
        entry(C::PointerRight, Tools, "Pointer right", "Move the tool one pixel to the right", &[shift("ArrowRight")]),
        entry(C::PointerUp, Tools, "Pointer up", "Move the tool one pixel up", &[shift("ArrowUp")]),
        entry(C::PointerDown, Tools, "Pointer down", "Move the tool one pixel down", &[shift("ArrowDown")]),
        entry(C::DrawAtPointer, Tools, "Draw at the pointer", "Click where the tool is", &[key("C")]),
        entry(C::SegmentSlice, Model, "Segment this slice", "Run the model on this slice", &[key("R")]),
        entry(C::SegmentSeries, Model, "Segment the series", "Run the model on every slice", &[shift("R")]),
        entry(C::OpenModel, Model, "Open model...", "Use a model from a .safetensors file", &[]),
        entry(C::ToggleAutoRun, Model, "Run by itself", "Run a model on what is opened where one fits", &[]),
        entry(
            C::AcceptProposal,
            Model,
            "Accept the proposal here",
            "Make the mask of this slice what the model proposed",
            &[key("T")],
        ),
        entry(
            C::AcceptAllProposals,
            Model,
            "Accept all proposals",
            "Make the mask of every slice what the model proposed",
            &[shift("T")],
        ),
        entry(C::Train, Model, "Train now", "Learn from the accepted cases, in the background", &[ctrl("T")]),
        entry(C::PauseTraining, Model, "Pause training", "Let the training wait, or go on", &[]),
        entry(C::CancelTraining, Model, "Cancel training", "Stop the training; the model stays as it is", &[]),
        entry(C::Versions, Model, "Versions...", "All versions of the model: compare, activate, export", &[ctrl("G")]),
        entry(C::WorkReport, Model, "Work report...", "What the work cost, and whether learning saves any", &[]),
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
        entry(C::NextCase, Review, "Next case", "The next case of the list", &[ctrl("PageDown")]),
        entry(C::PreviousCase, Review, "Previous case", "The case before in the list", &[ctrl("PageUp")]),
        entry(C::FindCase, Review, "Find a case", "Search the case list by name", &[ctrl("F")]),
        entry(C::Keys, Help, "Keys and mouse", "What the keys and the mouse do", &[key("F1")]),
        entry(C::Messages, Help, "Messages...", "What failed since the start, to be read again or copied", &[]),
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

    /// True where it changes a mask.
    pub fn draws(self) -> bool {
        let changes = matches!(self.entry().menu, Menu::Edit)
            && !self.is_about_labels()
            && !matches!(self, Self::Undo | Self::Redo | Self::UndoAnywhere | Self::RedoAnywhere);
        changes || matches!(self, Self::AcceptProposal | Self::AcceptAllProposals | Self::DrawAtPointer)
    }

    /// True where it asks what is to become of a label.
    fn is_about_labels(self) -> bool {
        matches!(self, Self::MoveToLabel | Self::MergeLabel | Self::RemoveLabel)
    }

    /// The tool that it takes in hand.
    pub fn tool(self) -> Option<ToolKind> {
        Some(match self {
            Self::ToolLook => ToolKind::Look,
            Self::ToolBrush => ToolKind::Brush,
            Self::ToolEraser => ToolKind::Eraser,
            Self::ToolSmartBrush => ToolKind::SmartBrush,
            Self::ToolPolygon => ToolKind::Polygon,
            Self::ToolLasso => ToolKind::Lasso,
            Self::ToolLiveWire => ToolKind::LiveWire,
            Self::ToolFill => ToolKind::Fill,
            Self::ToolPull => ToolKind::Pull,
            _ => return None,
        })
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
