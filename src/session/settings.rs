//! What the user chose once and for all. Kept as JSON by the app.

use super::{job::ExportOptions, keys::Keys, learning::LearnSettings, tools::ToolOptions};
pub use labrum_core::device::DeviceChoice;
use serde::{Deserialize, Serialize};

/// Dark or light.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// For dark rooms.
    #[default]
    Dark,
    /// For bright ones.
    Light,
}

/// How the mask is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ViewMode {
    /// Filled, with a fine outline.
    #[default]
    Fill,
    /// Outline in the colour of the label.
    Outline,
    /// Outline coloured by how sure the model is along it.
    Confidence,
    /// What was drawn against what the model proposed.
    Difference,
    /// Not at all.
    Hidden,
}

/// In which order cases are gone through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CaseOrder {
    /// As they were opened, by study.
    #[default]
    Opened,
    /// By their names.
    Name,
    /// The newest study first.
    Date,
    /// Where the model is least sure first.
    Doubt,
    /// Open cases by doubt, every third one at random, then the closed ones.
    WhatNext,
}

impl CaseOrder {
    /// All orders.
    pub const ALL: [Self; 5] = [
        Self::Opened,
        Self::Name,
        Self::Date,
        Self::Doubt,
        Self::WhatNext,
    ];

    /// What it is called.
    pub fn display_name(self) -> &'static str {
        match self {
            Self::Opened => "As opened",
            Self::Name => "Name",
            Self::Date => "Date",
            Self::Doubt => "Doubt",
            Self::WhatNext => "Suggested order",
        }
    }
}

impl ViewMode {
    /// All modes in the order in which the key goes through them.
    pub const ALL: [Self; 5] = [
        Self::Fill,
        Self::Outline,
        Self::Confidence,
        Self::Difference,
        Self::Hidden,
    ];

    /// The mode that comes next.
    pub fn next_mode(self) -> Self {
        let at = Self::ALL.iter().position(|m| *m == self).unwrap_or(0);
        Self::ALL[(at + 1) % Self::ALL.len()]
    }

    /// What it is called.
    pub fn display_name(self) -> &'static str {
        match self {
            Self::Fill => "Fill",
            Self::Outline => "Outline",
            Self::Confidence => "Confidence",
            Self::Difference => "Difference",
            Self::Hidden => "Hidden",
        }
    }
}

/// Limits for the memory that can be chosen, in megabytes.
pub const MEMORY_MB: std::ops::RangeInclusive<usize> = 288..=65536;

/// What the program takes beside pictures, in megabytes: the window (190 where it is drawn by software), the canvas, lists,
/// what is in work and what the allocator keeps.
const PROGRAM_MB: usize = 270;

/// Size and place of the window, in points at 100 %.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WindowPlace {
    /// Of what is in the frame, when it is not maximised.
    pub size: [f32; 2],
    /// Of its frame's upper left corner; `None` where the desktop does not tell.
    pub corner: Option<[f32; 2]>,
    /// It fills the desktop.
    pub is_maximised: bool,
}

/// All settings. A field that a file lacks takes its default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Where the network runs.
    pub device: DeviceChoice,
    /// Threads that compute, from the next start on; 0 for as many as there are cores.
    pub threads: usize,
    /// Megabytes that the program should stay below while pictures are looked at, within [`MEMORY_MB`].
    pub memory_mb: usize,
    /// Run a model on what is opened where one fits.
    pub auto_run: bool,
    /// Dark or light.
    pub theme: Theme,
    /// How the mask is shown.
    pub view_mode: ViewMode,
    /// How opaque a fill is, 0..=1.
    pub opacity: f32,
    /// Show the longest diameter on the picture.
    pub measurements: bool,
    /// Show the views across a series beside its slices.
    pub orthogonal: bool,
    /// Show the drawings that are stored with a picture (overlay planes).
    pub overlays: bool,
    /// Show the panels.
    pub panels: bool,
    /// Show the case list, where panels are shown.
    pub case_list: bool,
    /// Where the window was when it was closed.
    pub window: Option<WindowPlace>,
    /// Width of the case list, points.
    pub left_width: f32,
    /// Width of the panel on the right, points.
    pub right_width: f32,
    /// Zoom of the whole window, 1 for 100 %.
    pub ui_scale: f32,
    /// Where was exported to last.
    pub export_folder: Option<std::path::PathBuf>,
    /// What was exported last, and how.
    pub export: ExportOptions,
    /// About the drawing tools.
    pub tools: ToolOptions,
    /// In which order cases are gone through.
    pub case_order: CaseOrder,
    /// Keys that differ from the usual ones.
    pub keys: Keys,
    /// Who draws: stands in the journal and in DICOM-SEG.
    pub person: String,
    /// About the learning loop.
    pub learning: LearnSettings,
    /// Archives, without their secrets.
    pub servers: Vec<labrum_core::pacs::Server>,
    /// Workspaces, the one used last first.
    pub recent_workspaces: Vec<std::path::PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            device: DeviceChoice::Auto,
            threads: 0,
            memory_mb: 1536,
            auto_run: true,
            theme: Theme::Dark,
            view_mode: ViewMode::Fill,
            opacity: 0.35,
            measurements: true,
            orthogonal: false,
            overlays: true,
            panels: true,
            case_list: true,
            window: None,
            left_width: 264.0,
            right_width: 280.0,
            ui_scale: 1.0,
            export_folder: None,
            export: ExportOptions::default(),
            tools: ToolOptions::default(),
            case_order: CaseOrder::Opened,
            keys: Keys::default(),
            person: String::new(),
            learning: LearnSettings::default(),
            servers: Vec::new(),
            recent_workspaces: Vec::new(),
        }
    }
}

impl Settings {
    /// Bytes of decoded pixels that may be held: what the limit leaves beside the program itself.
    pub fn picture_bytes(&self) -> usize {
        let limit = self.memory_mb.clamp(*MEMORY_MB.start(), *MEMORY_MB.end());
        (limit - PROGRAM_MB).saturating_mul(1_000_000)
    }
}
