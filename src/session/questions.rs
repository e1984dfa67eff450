//! Open questions to the user, and answers of native dialogs.

use super::{
    imports::{Overlapping, Undecided},
    job::Pick,
};
use std::path::PathBuf;

/// Open questions, and folders chosen in a dialog.
#[derive(Debug, Default)]
pub struct Questions {
    /// Overlapping masks from files: asks which of them to import.
    pub overlapping: Option<Overlapping>,
    /// Masks from files that cannot be applied without an answer.
    pub undecided: Option<Undecided>,
    /// A native dialog could not be shown: the window asks for the path.
    pub asked_path: Option<Pick>,
    /// Native file dialogs are not available on this desktop and are not tried again.
    pub lacks_dialogs: bool,
    /// The folder chosen for the export, until the export dialog takes it.
    pub picked_export_folder: Option<PathBuf>,
    /// The folder chosen for the workspace or its images, until their dialog takes it.
    pub picked_workspace_folder: Option<PathBuf>,
}
