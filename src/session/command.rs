//! All commands with name, tooltip and shortcuts; menus, command palette, keyboard and help are built from this list.

mod table;

use super::{layout::ViewLayout, tool_options::ToolKind};
use labrum_core::{color_map::ColorMap, measurement::ShapeKind};
use serde::{Deserialize, Serialize};
pub use table::COMMANDS;

/// A key press, independent of the GUI toolkit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(into = "String")]
pub struct Shortcut {
    /// Ctrl, or Cmd on macOS.
    pub ctrl: bool,
    /// Shift.
    pub shift: bool,
    /// Name of the key, one of [`KEY_NAMES`]: "O", "Enter", "PageUp".
    pub key: &'static str,
}

/// The keys that can be assigned to a command.
#[rustfmt::skip]
pub const KEY_NAMES: &[&str] = &[
    "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T", "U", "V", "W", "X",
    "Y", "Z", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "F1", "F2", "F3", "F4", "F5", "F6", "F7", "F8", "F9", "F10",
    "F11", "F12", "ArrowDown", "ArrowLeft", "ArrowRight", "ArrowUp", "Escape", "Tab", "Backspace", "Enter", "Space",
    "Insert", "Delete", "Home", "End", "PageUp", "PageDown", "Minus", "Plus", "Equals", "Comma", "Period", "Semicolon",
    "Colon", "Slash", "Backslash", "Pipe", "Questionmark", "Quote", "Backtick", "OpenBracket", "CloseBracket",
];

impl Shortcut {
    /// The shortcut for a key of this name; `None` if the key cannot be assigned.
    pub fn from_key_name(ctrl: bool, shift: bool, name: &str) -> Option<Self> {
        KEY_NAMES
            .iter()
            .find(|known| **known == name)
            .map(|key| Self { ctrl, shift, key })
    }
}

impl From<Shortcut> for String {
    fn from(s: Shortcut) -> Self {
        format!(
            "{}{}{}",
            if s.ctrl { "Ctrl+" } else { "" },
            if s.shift { "Shift+" } else { "" },
            s.key
        )
    }
}

impl<'de> Deserialize<'de> for Shortcut {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (ctrl, rest) = text
            .strip_prefix("Ctrl+")
            .map_or((false, text.as_str()), |rest| (true, rest));
        let (shift, name) = rest
            .strip_prefix("Shift+")
            .map_or((false, rest), |rest| (true, rest));
        Self::from_key_name(ctrl, shift, name)
            .ok_or_else(|| serde::de::Error::custom(format!("unknown key \"{text}\"")))
    }
}

/// The menu that lists a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Menu {
    /// Open, export, settings.
    File,
    /// Undo, and edits of masks and labels.
    Edit,
    /// Display options, navigation and window/level.
    View,
    /// Drawing tools.
    Tools,
    /// Running and training models.
    Model,
    /// Moving through cases and uncertain regions, accepting and skipping.
    Review,
    /// Keys, messages, licences.
    Help,
}

impl Menu {
    /// All menus, from left to right.
    pub const ALL: [Self; 7] = [
        Self::File,
        Self::Edit,
        Self::View,
        Self::Tools,
        Self::Model,
        Self::Review,
        Self::Help,
    ];

    /// The name of the menu.
    pub fn display_label(self) -> &'static str {
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

/// A command that the user can run from a menu, the command palette or by a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs)] // each is explained by its entry in the table below
pub enum UserCommand {
    OpenFiles,
    OpenFolder,
    OpenPath,
    OpenFromServer,
    Export,
    SaveScreenshot,
    SaveDicomScreenshot,
    CopyScreenshot,
    SendToServer,
    SendQueue,
    ImportMasks,
    ImportFound,
    ImportMeasurements,
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
    ToggleDrawn,
    ToggleOverlays,
    NextPresentation,
    ToggleAnnotations,
    ToggleInformation,
    Header,
    NextSlice,
    PreviousSlice,
    ForwardSlices,
    BackSlices,
    FirstSlice,
    LastSlice,
    TogglePlay,
    SlowerCine,
    FasterCine,
    CineLoop,
    CineBackAndForth,
    CineOnce,
    CineTimes,
    NextTime,
    PreviousTime,
    MarkEndDiastole,
    MarkEndSystole,
    ZoomIn,
    ZoomOut,
    ZoomFit,
    ZoomActual,
    ZoomMask,
    FlipHorizontally,
    FlipVertically,
    RotateRight,
    RotateLeft,
    ToggleInterpolation,
    ToggleMagnifier,
    WindowPreset1,
    WindowPreset2,
    WindowPreset3,
    WindowPreset4,
    WindowPreset5,
    WindowPreset6,
    WindowPreset7,
    WindowPreset8,
    WindowPreset9,
    WindowAuto,
    WindowMask,
    WindowReset,
    InvertGrey,
    NextColorMap,
    ColorGrey,
    ColorHotIron,
    ColorInferno,
    ColorViridis,
    ColorRainbow,
    ResetView,
    LayoutOne,
    LayoutSideBySide,
    LayoutStacked,
    LayoutFour,
    LinkViews,
    ToggleOrtho,
    NextView,
    TogglePanels,
    ToggleCases,
    ToggleTheme,
    Palette,
    ToolLook,
    ToolClick,
    ToolBrush,
    ToolEraser,
    ToolSmartBrush,
    ToolPolygon,
    ToolLasso,
    ToolLiveWire,
    ToolFill,
    ToolPull,
    ToolMeasure,
    LargerBrush,
    SmallerBrush,
    NextLabel,
    PreviousLabel,
    PointerLeft,
    PointerRight,
    PointerUp,
    PointerDown,
    DrawAtPointer,
    MeasureLength,
    MeasureAngle,
    MeasureCobb,
    MeasureBidirectional,
    MeasureEllipse,
    MeasureRectangle,
    MeasureFreehand,
    MeasurePoint,
    NextMeasurement,
    EditMeasurement,
    DeleteMeasurement,
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
    SecondChoice,
    Accept,
    Skip,
    NextCase,
    PreviousCase,
    FindCase,
    Keys,
    Messages,
    About,
}

/// The entry of a command in the table.
#[derive(Clone, Copy, Debug)]
pub struct CommandEntry {
    /// The command.
    pub command: UserCommand,
    /// Its menu.
    pub menu: Menu,
    /// Its name; ends in "..." if it opens a dialog first.
    pub label: &'static str,
    /// One sentence.
    pub tooltip: &'static str,
    /// Its default shortcuts; the first one is displayed.
    pub shortcuts: &'static [Shortcut],
}

impl UserCommand {
    /// Its entry in the table.
    pub fn table_entry(self) -> &'static CommandEntry {
        COMMANDS
            .iter()
            .find(|e| e.command == self)
            .unwrap_or(&COMMANDS[0])
    }

    /// Its name in menus.
    pub fn display_label(self) -> &'static str {
        self.table_entry().label
    }

    /// True if it changes a mask.
    pub fn changes_mask(self) -> bool {
        let changes = matches!(self.table_entry().menu, Menu::Edit)
            && !self.is_about_labels()
            && !matches!(
                self,
                Self::Undo | Self::Redo | Self::UndoAnywhere | Self::RedoAnywhere
            );
        changes
            || matches!(
                self,
                Self::AcceptProposal
                    | Self::AcceptAllProposals
                    | Self::DrawAtPointer
                    | Self::SecondChoice
            )
    }

    /// True if it opens a dialog about a label.
    fn is_about_labels(self) -> bool {
        matches!(
            self,
            Self::MoveToLabel | Self::MergeLabel | Self::RemoveLabel
        )
    }

    /// The tool that it activates.
    pub fn tool_kind(self) -> Option<ToolKind> {
        Some(match self {
            Self::ToolLook => ToolKind::Look,
            Self::ToolClick => ToolKind::Click,
            Self::ToolBrush => ToolKind::Brush,
            Self::ToolEraser => ToolKind::Eraser,
            Self::ToolSmartBrush => ToolKind::SmartBrush,
            Self::ToolPolygon => ToolKind::Polygon,
            Self::ToolLasso => ToolKind::Lasso,
            Self::ToolLiveWire => ToolKind::LiveWire,
            Self::ToolFill => ToolKind::Fill,
            Self::ToolPull => ToolKind::Pull,
            Self::ToolMeasure => ToolKind::Measure,
            _ => return self.measure_kind().map(|_| ToolKind::Measure),
        })
    }

    /// What the Measure tool draws after it.
    pub fn measure_kind(self) -> Option<ShapeKind> {
        Some(match self {
            Self::MeasureLength => ShapeKind::Length,
            Self::MeasureAngle => ShapeKind::Angle,
            Self::MeasureCobb => ShapeKind::CobbAngle,
            Self::MeasureBidirectional => ShapeKind::Bidirectional,
            Self::MeasureEllipse => ShapeKind::Ellipse,
            Self::MeasureRectangle => ShapeKind::Rectangle,
            Self::MeasureFreehand => ShapeKind::Freehand,
            Self::MeasurePoint => ShapeKind::Point,
            _ => return None,
        })
    }

    /// The command that draws measurements of a kind.
    pub fn for_measure_kind(kind: ShapeKind) -> Self {
        match kind {
            ShapeKind::Length => Self::MeasureLength,
            ShapeKind::Angle => Self::MeasureAngle,
            ShapeKind::CobbAngle => Self::MeasureCobb,
            ShapeKind::Bidirectional => Self::MeasureBidirectional,
            ShapeKind::Ellipse => Self::MeasureEllipse,
            ShapeKind::Rectangle => Self::MeasureRectangle,
            ShapeKind::Freehand => Self::MeasureFreehand,
            ShapeKind::Point => Self::MeasurePoint,
        }
    }

    /// Index of the window preset that it applies.
    pub fn preset_index(self) -> Option<usize> {
        Some(match self {
            Self::WindowPreset1 => 0,
            Self::WindowPreset2 => 1,
            Self::WindowPreset3 => 2,
            Self::WindowPreset4 => 3,
            Self::WindowPreset5 => 4,
            Self::WindowPreset6 => 5,
            Self::WindowPreset7 => 6,
            Self::WindowPreset8 => 7,
            Self::WindowPreset9 => 8,
            _ => return None,
        })
    }

    /// The colour map that it chooses.
    pub fn color_map(self) -> Option<ColorMap> {
        Some(match self {
            Self::ColorGrey => ColorMap::Grey,
            Self::ColorHotIron => ColorMap::HotIron,
            Self::ColorInferno => ColorMap::Inferno,
            Self::ColorViridis => ColorMap::Viridis,
            Self::ColorRainbow => ColorMap::Rainbow,
            _ => return None,
        })
    }

    /// The layout of the views that it chooses.
    pub fn view_layout(self) -> Option<ViewLayout> {
        Some(match self {
            Self::LayoutOne => ViewLayout::One,
            Self::LayoutSideBySide => ViewLayout::SideBySide,
            Self::LayoutStacked => ViewLayout::Stacked,
            Self::LayoutFour => ViewLayout::Four,
            _ => return None,
        })
    }

    /// Its tooltip.
    pub fn tooltip_text(self) -> &'static str {
        self.table_entry().tooltip
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
            assert!(names.insert(entry.label), "{} occurs twice", entry.label);
            for shortcut in entry.shortcuts {
                assert!(keys.insert(*shortcut), "{shortcut:?} occurs twice");
            }
        }
    }

    #[test]
    fn every_command_is_in_the_table() {
        assert_eq!(UserCommand::About.display_label(), "About Labrum");
        assert!(
            COMMANDS
                .iter()
                .all(|e| e.command.table_entry().command == e.command)
        );
        assert_eq!(COMMANDS.len(), UserCommand::About as usize + 1);
    }
}
