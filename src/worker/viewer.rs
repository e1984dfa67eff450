//! Short jobs that a person waits for, on a thread of their own: a search for files may take minutes.

use super::Outbox;
use crate::{
    Error, Result, io,
    session::job::{Event, Screenshot, ViewerJob},
};
use labrum_core::whole_file;
use std::{
    path::{Path, absolute},
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
        ViewerJob::ShowFolder(folder) => {
            if let Err(error) = io::desktop::show_folder(&folder) {
                outbox.send_event(Event::Failed(error));
            }
        }
    }
}

/// Writes a screenshot, never over another file, and creates its folder if missing.
fn save_screenshot(screenshot: &Screenshot, path: &Path) -> Result<Event> {
    const TRIED: &str = "save the screenshot";
    let path = absolute(path).map_err(|e| Error::at_path(TRIED, path, e))?;
    if path.exists() {
        return Err(
            Error::at_path(TRIED, &path, "a file with that name already exists")
                .with_advice("Choose another name."),
        );
    }
    let folder = path.parent().unwrap_or(&path);
    whole_file::make_folder(folder)?;
    let size = (screenshot.columns, screenshot.rows);
    io::export::write_rgb(&path, size, &screenshot.rgb)?;
    Ok(Event::Written {
        text: format!("Saved the screenshot to {}", path.display()),
        folder: folder.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

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
}
