//! Screenshots of the views: copied, or saved as a picture or a DICOM image.

use super::{
    Session,
    case::Case,
    job::{Job, PicturedSlices, Screenshot, SliceKey, ViewerJob},
    notice::Severity,
    settings::ViewMode,
    tool_options::ToolKind,
};
use crate::Error;
use labrum_core::study::Kind;
use std::path::{Path, PathBuf};

/// What a screenshot shows besides the images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScreenshotContent {
    /// Masks, with their diameters.
    pub masks: bool,
    /// Measurements that were drawn, with their names and values.
    pub drawn: bool,
    /// Patient, study and slice position in the corners.
    pub information: bool,
}

/// Where a screenshot goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScreenshotTarget {
    /// The clipboard.
    Clipboard,
    /// A new PNG file.
    File(PathBuf),
    /// A new DICOM file: a Secondary Capture image in the study of what is shown.
    Dicom(PathBuf),
    /// The same, sent to the server of this name.
    Server(String),
}

/// A screenshot that is to be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScreenshotWish {
    /// What it shows.
    pub content: ScreenshotContent,
    /// Where it goes.
    pub target: ScreenshotTarget,
}

/// A step of taking a screenshot.
#[derive(Clone, Debug, PartialEq)]
pub enum ScreenshotAction {
    /// Draw the views for it in the next frame.
    Take(ScreenshotWish),
    /// The views were drawn for it: show them as before.
    Drawn,
    /// It was handed to the clipboard, which does not report whether it took it.
    SentToClipboard,
    /// Write it to a new file.
    Save(Screenshot, PathBuf),
    /// Write it to a new DICOM file.
    SaveDicom(Screenshot, Box<PicturedSlices>, PathBuf),
    /// Send it to the server of this name.
    Send(Screenshot, Box<PicturedSlices>, String),
    /// The pixels of the window could not be read.
    Failed,
}

impl Session {
    /// The content of a screenshot that shows what is on the screen.
    pub fn shown_content(&self) -> ScreenshotContent {
        ScreenshotContent {
            masks: self.settings.view_mode != ViewMode::Hidden,
            drawn: self.has_drawn_shown(),
            information: self.settings.information,
        }
    }

    /// How masks are shown: as chosen, or for the screenshot that is being taken.
    pub fn shown_view_mode(&self) -> ViewMode {
        let chosen = self.settings.view_mode;
        match self.screenshot_content().map(|content| content.masks) {
            Some(false) => ViewMode::Hidden,
            Some(true) if chosen == ViewMode::Hidden => ViewMode::Fill,
            _ => chosen,
        }
    }

    /// True if drawn measurements are shown: as chosen and always with the Measure tool, or for the screenshot that is being
    /// taken.
    pub fn shows_drawn(&self) -> bool {
        self.screenshot_content()
            .map_or_else(|| self.has_drawn_shown(), |content| content.drawn)
    }

    fn has_drawn_shown(&self) -> bool {
        self.settings.drawn || self.tools.active_tool() == ToolKind::Measure
    }

    /// True if the corners show patient, study and slice position: as chosen, or for the screenshot that is being taken.
    pub fn shows_information(&self) -> bool {
        self.screenshot_content()
            .map_or(self.settings.information, |content| content.information)
    }

    /// The content of the screenshot that is being taken; `None` if none is.
    pub fn screenshot_content(&self) -> Option<ScreenshotContent> {
        let wish = self.viewports.screenshot.as_ref();
        wish.map(|wish| wish.content)
    }

    /// The slices on a screenshot with this content, for which `slice` is in the active view; `None` if its case is not
    /// shown, or another one is shown beside it.
    pub fn pictured_slices(
        &self,
        slice: SliceKey,
        content: ScreenshotContent,
    ) -> Option<PicturedSlices> {
        let case = self
            .cases
            .current_case()
            .filter(|case| case.id == slice.case)?;
        if self.other_views().any(|(_, view)| view.case != case.id) {
            return None;
        }
        let count = case.series.slices.len();
        let (slices, what) = match self.viewports.ortho_views() {
            Some(_) => (
                (0..count).collect(),
                format!("orthogonal views of {count} slices"),
            ),
            None => self.slices_side_by_side(slice.slice, count),
        };
        let mut description = format!("Screenshot of {what}");
        if let Some(loaded) = self.loaded_slice(slice) {
            let window = self.window_on(case, slice.slice, loaded);
            description += &format!(
                ", window center {:.1}, width {:.1}",
                window.center, window.width
            );
        }
        let parts = [
            (content.masks, ", with masks"),
            (content.drawn, ", with measurements"),
        ];
        for (is_shown, words) in parts {
            if is_shown {
                description += words;
            }
        }
        Some(PicturedSlices {
            series: case.series.clone(),
            slices,
            shows_patient: content.information,
            description,
        })
    }

    /// The slices in the views beside each other, all of one case with `count` slices, and what they are.
    fn slices_side_by_side(&self, active: usize, count: usize) -> (Vec<usize>, String) {
        let mut slices: Vec<usize> = self.other_views().map(|(_, view)| view.slice).collect();
        slices.push(active);
        slices.sort_unstable();
        slices.dedup();
        let numbers: Vec<String> = slices.iter().map(|at| (at + 1).to_string()).collect();
        let noun = match numbers.len() {
            1 => "slice",
            _ => "slices",
        };
        let what = format!("{noun} {} of {count}", numbers.join(", "));
        (slices, what)
    }

    /// Why a screenshot that shows this case cannot be saved as DICOM.
    pub fn refuse_dicom_screenshot(&self, case: &Case) -> Option<&'static str> {
        if case.series.kind == Kind::Picture {
            return Some("A DICOM screenshot needs DICOM images; these are other image files");
        }
        let has_others = self.other_views().any(|(_, view)| view.case != case.id);
        has_others.then_some(
            "A DICOM screenshot belongs to one series, but the views show several; show a single view",
        )
    }

    /// Copies what is on the screen.
    pub(super) fn copy_screenshot(&mut self) {
        self.viewports.screenshot = Some(ScreenshotWish {
            content: self.shown_content(),
            target: ScreenshotTarget::Clipboard,
        });
    }

    pub(super) fn screenshot_action(&mut self, action: ScreenshotAction) {
        match action {
            ScreenshotAction::Take(wish) => self.viewports.screenshot = Some(wish),
            ScreenshotAction::Drawn => self.viewports.screenshot = None,
            ScreenshotAction::SentToClipboard => {
                let text = "Sent the screenshot to the clipboard. If it cannot be pasted, save it as a file.";
                self.notices.add(Severity::Info, text);
            }
            ScreenshotAction::Save(screenshot, path) => {
                self.offer_folder_again(&path);
                let job = ViewerJob::SaveScreenshot(screenshot, path);
                self.jobs.push(Job::Viewer(job));
            }
            ScreenshotAction::SaveDicom(screenshot, pictured, path) => {
                self.offer_folder_again(&path);
                let job = ViewerJob::SaveDicomScreenshot(screenshot, pictured, path);
                self.jobs.push(Job::Viewer(job));
            }
            ScreenshotAction::Send(screenshot, pictured, server) => {
                self.send_screenshot(&server, screenshot, pictured)
            }
            ScreenshotAction::Failed => {
                let error = Error::new("take the screenshot", "its pixels could not be read")
                    .with_advice("Make the window larger or use the screenshot of the desktop.");
                self.show_error(&error);
            }
        }
    }

    /// Remembers the folder of a screenshot for the next export.
    fn offer_folder_again(&mut self, path: &Path) {
        if let Some(folder) = path.parent().map(PathBuf::from) {
            self.change_settings(|s| s.export_folder = Some(folder));
        }
    }
}

#[cfg(test)]
mod tests;
