//! State of the views: the canvas, the orthogonal views, and the uncertain region visited last.

use super::{
    job::{CaseId, SliceKey},
    ortho::{AcrossView, Ortho},
    screenshot::ScreenshotWish,
    settings::ViewMode,
    view::Canvas,
};
use labrum_core::{image::Image, stack::ViewPlane};
use std::sync::Arc;

/// State of the views; not stored.
#[derive(Debug)]
pub struct Viewports {
    pub(super) canvas: Canvas,
    pub(super) pixels_per_point: f32,
    /// Direction of scrolling: 1 towards the last slice, -1 towards the first, 0 if unknown.
    pub(super) heading: i64,
    pub(super) ortho: Option<Ortho>,
    /// Why orthogonal views are not possible, and for which case, size and memory limit.
    pub(super) ortho_refused: Option<((CaseId, usize, usize), String)>,
    /// The view mode before the difference was shown.
    pub(super) before_difference: ViewMode,
    /// The image around the pointer is shown enlarged.
    pub magnifier: bool,
    /// The screenshot for which the views are drawn in this frame.
    pub screenshot: Option<ScreenshotWish>,
    /// The uncertain region visited last: slice, and index on it.
    pub focus: Option<(SliceKey, usize)>,
}

impl Default for Viewports {
    fn default() -> Self {
        Self {
            canvas: Canvas {
                min: [0.0; 2],
                size: [800.0, 600.0],
            },
            pixels_per_point: 1.0,
            heading: 0,
            ortho: None,
            ortho_refused: None,
            before_difference: ViewMode::default(),
            magnifier: false,
            screenshot: None,
            focus: None,
        }
    }
}

impl Viewports {
    /// The orthogonal views, if they are shown.
    pub fn ortho_views(&self) -> Option<&Ortho> {
        self.ortho.as_ref()
    }

    /// Why the orthogonal views are not possible for this case, as a sentence.
    pub fn ortho_refusal(&self) -> Option<&str> {
        self.ortho_refused
            .as_ref()
            .map(|(_, reason)| reason.as_str())
    }

    /// Moves the keyboard focus to the next view.
    pub(super) fn next_view(&mut self) {
        if let Some(ortho) = &mut self.ortho {
            let at = ViewPlane::ALL
                .iter()
                .position(|p| *p == ortho.active)
                .unwrap_or(0);
            ortho.active = ViewPlane::ALL[(at + 1) % ViewPlane::ALL.len()];
        }
    }

    /// The reformatted view with the keyboard focus.
    pub(super) fn active_across(&self) -> Option<ViewPlane> {
        self.ortho
            .as_ref()
            .map(|o| o.active)
            .filter(|plane| *plane != ViewPlane::Slice)
    }

    pub(super) fn change_across(&mut self, plane: ViewPlane, change: impl FnOnce(&mut AcrossView)) {
        if let Some(view) = self.ortho.as_mut().and_then(|o| o.across_mut(plane)) {
            change(view);
        }
    }

    /// Zooms a view around its centre.
    pub(super) fn zoom_across(&mut self, plane: ViewPlane, factor: f32) {
        self.change_across(plane, |v| {
            let middle = [
                v.canvas.min[0] + v.canvas.size[0] / 2.0,
                v.canvas.min[1] + v.canvas.size[1] / 2.0,
            ];
            let extent = v.picture_extent();
            v.view.zoom_at(factor, middle, v.canvas, extent);
        });
    }

    pub(super) fn refuse_ortho(&mut self, state: (CaseId, usize, usize), reason: String) {
        self.ortho = None;
        self.ortho_refused = Some((state, reason));
    }

    /// Takes the image of a view; `of` is its plane index, and the number of slices that were loaded for it.
    pub(super) fn on_resliced(
        &mut self,
        case: CaseId,
        plane: ViewPlane,
        image: Option<Arc<Image>>,
        of: (usize, usize),
    ) {
        if let Some(view) = self
            .ortho
            .as_mut()
            .filter(|o| o.case == case)
            .and_then(|o| o.across_mut(plane))
            && image.is_some()
        {
            view.image = image;
            view.image_of = Some(of);
        }
    }
}
