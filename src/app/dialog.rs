//! Native file dialogs. Each runs on its own thread, because it hangs on a desktop without a portal.

use crate::{
    io::desktop,
    session::job::{Event, Pick},
};
use rfd::FileDialog;
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

const PICTURES: &[&str] = &[
    "png", "jpg", "jpeg", "tif", "tiff", "bmp", "webp", "PNG", "JPG", "JPEG", "TIF", "TIFF", "BMP",
    "WEBP",
];
/// Includes "gz", because filters see only the last extension.
const VOLUMES: &[&str] = &["nii", "nii.gz", "gz", "NII"];

/// A dialog that returns nothing faster than this was never shown.
const TOO_SOON: Duration = Duration::from_millis(150);

/// Shows a dialog and waits for it. Returns [`Event::NoDialog`] if the desktop has none.
pub(super) fn show_picker(pick: Pick) -> Event {
    if !desktop::has_file_dialogs() {
        return Event::NoDialog(pick);
    }
    let asked = Instant::now();
    match pick_paths(pick) {
        None if asked.elapsed() < TOO_SOON => Event::NoDialog(pick),
        chosen => Event::Picked {
            pick,
            result: Ok(chosen.unwrap_or_default()),
        },
    }
}

/// The chosen paths; `None` if the dialog was cancelled or not shown.
fn pick_paths(pick: Pick) -> Option<Vec<PathBuf>> {
    match pick {
        Pick::Files => FileDialog::new()
            .set_title("Open DICOM or image files")
            .add_filter("All files", &["*"])
            .add_filter("DICOM", &["dcm", "DCM", "dicom", "ima", "IMA"])
            .add_filter("Image files", PICTURES)
            .add_filter("NIfTI", VOLUMES)
            .pick_files(),
        Pick::Folder => FileDialog::new().set_title("Open a folder").pick_folders(),
        Pick::ExportFolder => FileDialog::new()
            .set_title("Export to")
            .pick_folder()
            .map(|f| vec![f]),
        Pick::Workspace => FileDialog::new()
            .set_title("Open a workspace, or an empty folder for a new workspace")
            .pick_folder()
            .map(|f| vec![f]),
        Pick::MoveWorkspace => FileDialog::new()
            .set_title("Move the workspace to a new or empty folder")
            .pick_folder()
            .map(|f| vec![f]),
        Pick::NewWorkspace => FileDialog::new()
            .set_title("Create a workspace in a new or empty folder")
            .pick_folder()
            .map(|f| vec![f]),
        Pick::ImageFolder => FileDialog::new()
            .set_title("Search a folder for moved images")
            .pick_folder()
            .map(|f| vec![f]),
        Pick::Masks => FileDialog::new()
            .set_title("Import masks")
            .add_filter(
                "DICOM-SEG, RT Structure Sets, NIfTI and label maps",
                &[
                    "dcm", "DCM", "nii", "gz", "png", "PNG", "tif", "tiff", "TIF", "TIFF",
                ],
            )
            .add_filter("All files", &["*"])
            .pick_files(),
        Pick::Measurements => FileDialog::new()
            .set_title("Import measurements")
            .add_filter("DICOM SR", &["dcm", "DCM"])
            .add_filter("All files", &["*"])
            .pick_files(),
        Pick::Model => FileDialog::new()
            .set_title("Open a model")
            .add_filter("Models", &["safetensors"])
            .pick_file()
            .map(|f| vec![f]),
    }
}
