//! The export settings, from the window or the command line.

use super::pattern::Pattern;
use labrum_core::{export_format::ExportFormat, image::Window};
use labrum_dicom::{deidentify::Deidentification, seg};

/// The export settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preset {
    /// Formats to write for each case.
    pub formats: Vec<ExportFormat>,
    /// File name pattern; `None` for the names of the source files, all in one folder.
    pub names: Option<Pattern>,
    /// Options for DICOM-SEG.
    pub seg: seg::Options,
    /// How to de-identify, if requested; then copies of the images are written too.
    pub deidentify: Option<Deidentification>,
    /// Overwrite existing files; otherwise they stop the export of their case.
    pub replace: bool,
}

/// The appearance of overlays.
#[derive(Clone, Copy, Debug)]
pub struct OverlayStyle {
    /// Chosen window; `None` for the default contrast of each slice.
    pub window: Option<Window>,
    /// Opacity of the areas, 0..=1.
    pub opacity: f32,
}
