//! The user's settings. Stored as JSON.

use super::{keys::Keys, layout::ViewLayout, mouse::MouseHabit, tool_options::ToolOptions};
use labrum_core::{
    device::DeviceChoice,
    export_format::ExportFormat,
    training::{ClickTraining, Loss},
};
use serde::{Deserialize, Serialize};
use std::{ops::RangeInclusive, path::PathBuf};

/// Dark or light.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// Dark theme, for dark rooms.
    #[default]
    Dark,
    /// Light theme, for bright rooms.
    Light,
}

impl Theme {
    /// The other theme.
    pub fn opposite(self) -> Self {
        match self {
            Self::Dark => Self::Light,
            Self::Light => Self::Dark,
        }
    }
}

/// How masks are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ViewMode {
    /// Filled, with a thin outline.
    #[default]
    Fill,
    /// Outline in the label colour.
    Outline,
    /// Outline coloured by the confidence of the model.
    Confidence,
    /// Difference between mask and proposal.
    Difference,
    /// Hidden.
    Hidden,
}

/// What the first model of a workspace starts from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NewModelStart {
    /// Random weights.
    #[default]
    Random,
    /// The weights of the shipped model of the Click tool.
    ClickModel,
}

impl NewModelStart {
    /// All choices.
    pub const ALL: [Self; 2] = [Self::Random, Self::ClickModel];

    /// Its display name.
    pub fn display_name(self) -> &'static str {
        match self {
            Self::Random => "Random weights",
            Self::ClickModel => "Click model",
        }
    }

    /// What it means, for a tooltip.
    pub fn explanation(self) -> &'static str {
        match self {
            Self::Random => "Learns from your cases only",
            Self::ClickModel => {
                "Starts from the model of the Click tool, which was trained on many kinds of images"
            }
        }
    }
}

/// Settings of the training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LearnSettings {
    /// Start a round automatically after this many newly accepted cases; 0 for never.
    pub after_cases: u32,
    /// Training time per round in seconds, approximately.
    pub seconds: f64,
    /// The loss function.
    pub loss: Loss,
    /// What the first model of a workspace starts from.
    pub new_model: NewModelStart,
    /// One in this many new cases is shown without a proposal, as a control group drawn from scratch; 0 for none.
    pub without_proposal: u32,
    /// When a round also fine-tunes the click model.
    pub clicks: ClickTraining,
}

impl Default for LearnSettings {
    fn default() -> Self {
        Self {
            after_cases: 0,
            seconds: 60.0,
            loss: Loss::BoundaryDou,
            new_model: NewModelStart::Random,
            without_proposal: 0,
            clicks: ClickTraining::WhenUsed,
        }
    }
}

/// Export options, remembered by the dialog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExportOptions {
    /// The formats to export.
    pub formats: Vec<ExportFormat>,
    /// Pattern for file names in exports of all accepted cases: see `io::export::batch::Pattern`.
    pub names: String,
    /// Add a synthetic geometry to DICOM-SEG of images without one, as 3D Slicer and OHIF need it.
    pub for_viewers: bool,
    /// Omit empty frames in DICOM-SEG.
    pub leave_out_empty: bool,
    /// Compress DICOM-SEG losslessly if possible.
    pub compress: bool,
    /// De-identify: also export the images, without patient data.
    pub deidentify: bool,
    /// Shift dates when de-identifying instead of removing them.
    pub shift_dates: bool,
    /// Overwrite existing files. Not remembered.
    #[serde(skip)]
    pub replace: bool,
}

impl Default for ExportOptions {
    fn default() -> Self {
        Self {
            formats: vec![ExportFormat::LabelMap, ExportFormat::DicomSeg],
            names: "{study}/{series}".into(),
            for_viewers: false,
            leave_out_empty: false,
            compress: false,
            deidentify: false,
            shift_dates: false,
            replace: false,
        }
    }
}

/// The order of the cases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CaseOrder {
    /// In the order of opening, by study.
    #[default]
    Opened,
    /// By name.
    Name,
    /// Newest study first.
    Date,
    /// Most uncertain first.
    Doubt,
    /// Undecided cases by uncertainty, every third one at random, then accepted and skipped ones.
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

    /// Its display name.
    pub fn display_name(self) -> &'static str {
        match self {
            Self::Opened => "Order opened",
            Self::Name => "Name",
            Self::Date => "Date",
            Self::Doubt => "Uncertainty",
            Self::WhatNext => "Suggested order",
        }
    }
}

impl ViewMode {
    /// All modes, in the order in which the key cycles through them.
    pub const ALL: [Self; 5] = [
        Self::Fill,
        Self::Outline,
        Self::Confidence,
        Self::Difference,
        Self::Hidden,
    ];

    /// The next mode in the cycle.
    pub fn next_mode(self) -> Self {
        let at = Self::ALL.iter().position(|m| *m == self).unwrap_or(0);
        Self::ALL[(at + 1) % Self::ALL.len()]
    }

    /// Its display name.
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

/// Range of the memory limit, in megabytes.
pub const MEMORY_MB: RangeInclusive<usize> = 288..=65536;

/// Memory of the program without images, in megabytes: the window (190 with software rendering), the canvas, lists,
/// data being processed, and reserves of the allocator.
const PROGRAM_MB: usize = 270;

/// Size and position of the window, in points at 100 %.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WindowPlace {
    /// Inner size when it is not maximised.
    pub size: [f32; 2],
    /// Upper left corner of the frame; `None` if the desktop does not report it.
    pub corner: Option<[f32; 2]>,
    /// It is maximised.
    pub is_maximised: bool,
}

/// All settings. Fields missing in the file get their defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The device that runs the network.
    pub device: DeviceChoice,
    /// Number of CPU threads, effective after a restart; 0 for all cores.
    pub threads: usize,
    /// Memory limit of the program in megabytes while images are viewed, within [`MEMORY_MB`].
    pub memory_mb: usize,
    /// Run the matching model automatically on opened images.
    pub auto_run: bool,
    /// Dark or light.
    pub theme: Theme,
    /// How masks are shown.
    pub view_mode: ViewMode,
    /// Opacity of fills, 0..=1.
    pub opacity: f32,
    /// Show the longest diameter on the image.
    pub measurements: bool,
    /// Show the measurements that were drawn on the image.
    pub drawn: bool,
    /// Show orthogonal views.
    pub orthogonal: bool,
    /// How many views are beside each other while there are no orthogonal views.
    pub layout: ViewLayout,
    /// Views beside each other follow the active one.
    pub linked: bool,
    /// Show the overlay planes of DICOM images.
    pub overlays: bool,
    /// Show graphics and texts of presentation states.
    pub annotations: bool,
    /// Show patient, study, series and slice position in the corners of the image.
    pub information: bool,
    /// Interpolate between pixels when zoomed in; else pixels are squares.
    pub interpolation: bool,
    /// Show the panels.
    pub panels: bool,
    /// Show the case list if panels are shown.
    pub case_list: bool,
    /// Size and position of the window when it was closed.
    pub window: Option<WindowPlace>,
    /// Width of the case list, in points.
    pub left_width: f32,
    /// Width of the panel on the right, in points.
    pub right_width: f32,
    /// Zoom of the whole window, 1 for 100 %.
    pub ui_scale: f32,
    /// The folder of the last export.
    pub export_folder: Option<PathBuf>,
    /// Formats and options of the last export.
    pub export: ExportOptions,
    /// Options of the drawing tools.
    pub tools: ToolOptions,
    /// The order of the cases.
    pub case_order: CaseOrder,
    /// Shortcuts that differ from the defaults.
    pub keys: Keys,
    /// What dragging with the mouse does on views.
    pub mouse: MouseHabit,
    /// Name of the user, saved in the journal and in DICOM-SEG as content creator.
    pub person: String,
    /// Settings of the training.
    pub learning: LearnSettings,
    /// Servers, without passwords and tokens.
    pub servers: Vec<labrum_core::pacs::Server>,
    /// Recent workspaces, last used first.
    pub recent_workspaces: Vec<PathBuf>,
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
            drawn: true,
            orthogonal: false,
            layout: ViewLayout::One,
            linked: false,
            overlays: true,
            annotations: true,
            information: true,
            interpolation: true,
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
            mouse: MouseHabit::Labrum,
            person: String::new(),
            learning: LearnSettings::default(),
            servers: Vec::new(),
            recent_workspaces: Vec::new(),
        }
    }
}

impl Settings {
    /// Size of the image cache in bytes: the memory limit minus the program itself.
    pub fn picture_bytes(&self) -> usize {
        let limit = self.memory_mb.clamp(*MEMORY_MB.start(), *MEMORY_MB.end());
        (limit - PROGRAM_MB).saturating_mul(1_000_000)
    }
}
