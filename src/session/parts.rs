//! Zoom and window for a part of the image: the mask, or a rectangle that was dragged.

use super::{Session, tools::Place, view::View};
use labrum_core::{
    image::{Image, Window},
    mask::Mask,
    region::{PixelRect, Region},
    stack::ViewPlane,
};

impl Session {
    /// True if the view with the keyboard focus shows no mask.
    pub(super) fn shows_no_mask(&self) -> bool {
        let across = self.viewports.active_across().and_then(|plane| {
            let views = self.viewports.ortho_views()?;
            views.across(plane)
        });
        match across {
            Some(view) => view.labels.mask().is_blank(),
            None => self.slice_has_no_mask(),
        }
    }

    /// True if the slice on the screen has no mask.
    pub(super) fn slice_has_no_mask(&self) -> bool {
        self.live_mask().is_none_or(|live| live.mask().is_blank())
    }

    /// Shows the mask of the slice as large as fits: the active label or, if it is not there, all labels.
    pub(super) fn zoom_to_mask(&mut self) {
        let active = self.labels.active_label();
        let part = self
            .live_mask()
            .and_then(|live| mask_part(live.mask(), active));
        if let Some([low, high]) = part.map(|region| corners(&region.bounds())) {
            self.change_view(|view, canvas, extent| view.show_part(low, high, canvas, extent));
        }
    }

    /// The same for a reformatted view.
    pub(super) fn zoom_across_to_mask(&mut self, plane: ViewPlane) {
        let active = self.labels.active_label();
        self.viewports.change_across(plane, |across| {
            let Some(region) = mask_part(across.labels.mask(), active) else {
                return;
            };
            let [low, high] = corners(&region.bounds());
            let mut view = View::Fit;
            let extent = across.picture_extent();
            view.show_part(low, high, across.canvas, extent);
            across.view = view;
        });
    }

    /// Sets the window from the values under the mask of the slice.
    pub(super) fn set_window_of_mask(&mut self) {
        let active = self.labels.active_label();
        let window = self.current_loaded().and_then(|loaded| {
            let part = mask_part(self.live_mask()?.mask(), active)?;
            loaded.image.window_of_region(&part)
        });
        self.set_window_if_any(window);
    }

    /// Sets the window from the values in a rectangle of the slice, given by two corners in pixels.
    pub(super) fn set_window_of_rect(&mut self, from: Place, to: Place) {
        let window = self
            .current_loaded()
            .and_then(|loaded| window_of_rect(&loaded.image, from, to));
        self.set_window_if_any(window);
    }

    /// The same for a rectangle of a reformatted view.
    pub(super) fn set_window_across(&mut self, plane: ViewPlane, from: Place, to: Place) {
        let views = self.viewports.ortho_views();
        let image = views.and_then(|views| views.across(plane)?.image.as_deref());
        let window = image.and_then(|image| window_of_rect(image, from, to));
        self.set_window_if_any(window);
    }

    fn set_window_if_any(&mut self, window: Option<Window>) {
        if window.is_some() {
            self.set_window(window);
        }
    }
}

/// The pixels of the active label or, if there are none, of all labels; `None` for a blank mask.
fn mask_part(mask: &Mask, active: u8) -> Option<Region> {
    let own = (active != 0).then(|| mask.label_region(active));
    if let Some(own) = own.filter(|region| !region.is_empty()) {
        return Some(own);
    }
    let whole = PixelRect::full_frame(mask.columns(), mask.rows());
    let all = Region::from_fn(&whole, |x, y| mask.label_at(x as i64, y as i64) != 0);
    (!all.is_empty()).then_some(all)
}

/// Upper left and lower right corner of pixels, in pixels from the corner of the image.
fn corners(bounds: &PixelRect) -> [[f32; 2]; 2] {
    let (columns, rows) = (&bounds.columns, &bounds.rows);
    [
        [columns.start as f32, rows.start as f32],
        [columns.end as f32, rows.end as f32],
    ]
}

/// The window of all pixels that a rectangle touches; `None` outside of the image.
fn window_of_rect(image: &Image, from: Place, to: Place) -> Option<Window> {
    let [columns, rows] = [(0, image.columns), (1, image.rows)].map(|(axis, count)| {
        let low = from[axis].min(to[axis]).max(0.0).floor() as usize;
        let high = from[axis].max(to[axis]).max(0.0).ceil() as usize;
        low.min(count)..high.min(count)
    });
    let region = Region::from_fn(&PixelRect { columns, rows }, |_, _| true);
    image.window_of_region(&region)
}
