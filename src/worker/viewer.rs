//! Short jobs that a person waits for, on a thread of their own: a search for files may take minutes.

use super::Outbox;
use crate::{
    Error, Result, io,
    session::job::{Event, PicturedSlices, Screenshot, ViewerJob},
};
use labrum_core::whole_file;
use labrum_dicom::capture::{self, CapturedPicture};
use std::{
    path::{Path, PathBuf, absolute},
    sync::Arc,
};

pub(super) fn run_job(job: ViewerJob, outbox: &Outbox) {
    match job {
        ViewerJob::ReadHeader { key, path } => {
            let result = labrum_dicom::elements::read_header(&path).map(Arc::new);
            outbox.send_event(Event::Header { key, result });
        }
        ViewerJob::SaveScreenshot(screenshot, path) => {
            let event = save_screenshot(&screenshot, &path).unwrap_or_else(Event::Failed);
            outbox.send_event(event);
        }
        ViewerJob::SaveDicomScreenshot(screenshot, pictured, path) => {
            let event = save_dicom_screenshot(&screenshot, &pictured, &path);
            outbox.send_event(event.unwrap_or_else(Event::Failed));
        }
        ViewerJob::ShowFolder(folder) => {
            if let Err(error) = io::desktop::show_folder(&folder) {
                outbox.send_event(Event::Failed(error));
            }
        }
    }
}

/// Writes a screenshot as PNG, never over another file, and creates its folder if missing.
fn save_screenshot(screenshot: &Screenshot, path: &Path) -> Result<Event> {
    let path = new_file_path(path)?;
    let size = (screenshot.columns, screenshot.rows);
    io::export::write_rgb(&path, size, &screenshot.rgb)?;
    Ok(saved_event(&path, &[]))
}

/// The same as a DICOM image in the study of what it shows.
fn save_dicom_screenshot(
    screenshot: &Screenshot,
    pictured: &PicturedSlices,
    path: &Path,
) -> Result<Event> {
    let path = new_file_path(path)?;
    let warnings = write_capture(screenshot, pictured, &path)?;
    Ok(saved_event(&path, &warnings))
}

/// Writes a screenshot as a DICOM image; returns the warnings.
pub(super) fn write_capture(
    screenshot: &Screenshot,
    pictured: &PicturedSlices,
    path: &Path,
) -> Result<Vec<String>> {
    let picture = CapturedPicture {
        columns: screenshot.columns,
        rows: screenshot.rows,
        rgb: &screenshot.rgb,
        slices: &pictured.slices,
        shows_patient: pictured.shows_patient,
        description: &pictured.description,
    };
    let summary = capture::write_file(path, &pictured.series, &picture)?;
    Ok(summary.warnings)
}

/// The whole path of a file that does not exist yet, in a folder that does.
fn new_file_path(path: &Path) -> Result<PathBuf> {
    const TRIED: &str = "save the screenshot";
    let path = absolute(path).map_err(|e| Error::at_path(TRIED, path, e))?;
    if path.exists() {
        return Err(
            Error::at_path(TRIED, &path, "a file with that name already exists")
                .with_advice("Choose another name."),
        );
    }
    whole_file::make_folder(path.parent().unwrap_or(&path))?;
    Ok(path)
}

fn saved_event(path: &Path, warnings: &[String]) -> Event {
    let mut text = format!("Saved the screenshot to {}", path.display());
    for warning in warnings {
        text += &format!(". Note: {warning}");
    }
    Event::Written {
        text,
        folder: path.parent().unwrap_or(path).to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use labrum_dicom::fixture::Fixture;

    #[test]
    fn a_screenshot_is_written_whole_and_never_over_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/picture.png");
        let screenshot = Screenshot {
            columns: 2,
            rows: 1,
            rgb: vec![10, 20, 30, 40, 50, 60],
        };
        let event = save_screenshot(&screenshot, &path).unwrap();
        let new = folder.path().join("new");
        assert!(matches!(&event, Event::Written { folder, .. } if *folder == new));
        let written = image::open(&path).unwrap().into_rgb8();
        assert_eq!(written.dimensions(), (2, 1));
        assert_eq!(written.into_raw(), screenshot.rgb);
        let again = save_screenshot(&screenshot, &path).unwrap_err();
        assert_eq!(again.reason, "a file with that name already exists");
    }

    #[test]
    fn a_dicom_screenshot_opens_as_an_image_of_the_same_study() {
        let folder = tempfile::tempdir().unwrap();
        let image = Fixture::new(2, 1)
            .with_slice_position(1, 0.0)
            .with_pixels(&[1, 2])
            .write_to_folder(folder.path(), "1.dcm");
        let catalog = labrum_dicom::catalog::scan_path(&image).unwrap();
        let series = Arc::new(catalog.studies[0].series[0].clone());
        let screenshot = Screenshot {
            columns: 2,
            rows: 1,
            rgb: vec![10, 20, 30, 40, 50, 60],
        };
        let pictured = PicturedSlices {
            series,
            slices: vec![0],
            shows_patient: false,
            description: "Screenshot of slice 1 of 1".into(),
        };
        let path = folder.path().join("out/picture.dcm");
        let event = save_dicom_screenshot(&screenshot, &pictured, &path).unwrap();
        let out = folder.path().join("out");
        assert!(matches!(&event, Event::Written { folder, .. } if *folder == out));
        let written = labrum_dicom::catalog::scan_path(&path).unwrap();
        assert_eq!(written.studies[0].id, catalog.studies[0].id);
        assert_eq!(written.studies[0].series[0].modality, "OT");
        let again = save_dicom_screenshot(&screenshot, &pictured, &path).unwrap_err();
        assert_eq!(again.reason, "a file with that name already exists");
    }
}
