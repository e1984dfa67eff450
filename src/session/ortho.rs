//! Orthogonal views: two reformatted views beside the slices, linked by a crosshair; all three can be drawn on.
//!
//! There is no second copy of the data: reformatted images and masks are computed from the slices in memory, and
//! strokes go into the masks of the slices.

mod paint;

use super::{
    Session,
    case::Case,
    job::{CaseId, Job, ResliceJob, SliceKey},
    live::Live,
    tools::{Place, PointerInput, ToolGesture},
    turn::Turn,
    view::{Canvas, PictureExtent, View},
};
use labrum_core::{
    image::Image,
    mask::Mask,
    reslice::{self, HeldMask},
    stack::{Pane, Stack, ViewPlane},
};
use std::sync::Arc;

/// Maximum share of the image cache for a volume, in percent: the next slice needs room too.
const SHARE: usize = 95;

/// While a volume is loading its views are computed again after each 1/`PARTS` of its slices.
const PARTS: usize = 12;

/// A request about the orthogonal views.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OrthoAction {
    /// A pointer event on a reformatted view.
    Pointer(ViewPlane, PointerInput),
    /// Move the crosshair to this position on a view.
    Cross(ViewPlane, Place),
    /// Scroll a view by this many steps.
    Scroll(ViewPlane, i64),
    /// Zoom a view by a factor around a point on the screen.
    Zoom(ViewPlane, f32, [f32; 2]),
    /// Move the image of a view by this many points.
    Pan(ViewPlane, [f32; 2]),
    /// Set the window of the case from the values in a rectangle of a view, given by two corners in pixels.
    WindowOfRegion(ViewPlane, Place, Place),
    /// The position and size of a view on the screen.
    SetCanvas(ViewPlane, Canvas),
    /// Give a view the keyboard focus.
    Activate(ViewPlane),
}

/// The orthogonal views of a case.
#[derive(Debug)]
pub struct Ortho {
    /// Geometry of the slices.
    pub stack: Arc<Stack>,
    /// The crosshair, in grid coordinates.
    pub cross: Place3,
    /// The view with the keyboard focus.
    pub active: ViewPlane,
    /// Number of slices in memory.
    pub loaded: usize,
    /// Number of slices that can be read, loaded or not.
    readable: usize,
    pub(super) case: CaseId,
    across: [AcrossView; 2],
}

/// A position in the grid of a stack.
pub type Place3 = [f64; 3];

/// A reformatted view.
#[derive(Debug)]
pub struct AcrossView {
    /// Its plane and size.
    pub pane: Pane,
    /// Zoom and pan.
    pub view: View,
    /// Flips and rotations.
    pub turn: Turn,
    /// Its image; may lag behind the crosshair for a moment.
    pub image: Option<Arc<Image>>,
    /// Plane index of the image, and number of slices that were loaded for it.
    pub(super) image_of: Option<(usize, usize)>,
    /// Its mask.
    pub labels: Live,
    pub(super) canvas: Canvas,
    pointer: Option<PointerInput>,
    /// Plane index and state of the masks that `labels` was computed from.
    labels_of: Option<(usize, u64)>,
    /// Plane index and number of loaded slices of the last requested image.
    asked: Option<(usize, usize)>,
}

impl AcrossView {
    fn new(stack: &Stack, case: CaseId, plane: ViewPlane) -> Self {
        let pane = stack.view_pane(plane);
        // Not the number of a slice, so that the key is unique.
        let key = SliceKey {
            case,
            slice: usize::MAX - plane.normal_axis(),
        };
        Self {
            view: View::Fit,
            turn: Turn::UPRIGHT,
            image: None,
            image_of: None,
            labels: Live::new(key, Mask::new_blank(pane.size[0], pane.size[1])),
            canvas: Canvas {
                min: [0.0; 2],
                size: [400.0; 2],
            },
            pointer: None,
            labels_of: None,
            asked: None,
            pane,
        }
    }

    /// Its size, pixel aspect ratio and turn.
    pub fn picture_extent(&self) -> PictureExtent {
        let [columns, rows] = self.pane.size.map(|n| n as f32);
        PictureExtent {
            columns,
            rows,
            aspect: (self.pane.spacing[1] / self.pane.spacing[0]) as f32,
            turn: self.turn,
        }
    }
}

impl Ortho {
    /// A reformatted view; `None` for the plane of the slices.
    pub fn across(&self, plane: ViewPlane) -> Option<&AcrossView> {
        self.across.iter().find(|v| v.pane.plane == plane)
    }

    pub(super) fn across_mut(&mut self, plane: ViewPlane) -> Option<&mut AcrossView> {
        self.across.iter_mut().find(|v| v.pane.plane == plane)
    }

    /// The image of a view through this plane; `None` while it is computed or slices are loading.
    pub(super) fn complete_image(&self, plane: ViewPlane, index: usize) -> Option<&Arc<Image>> {
        let view = self.across(plane)?;
        let (shown, slices) = view.image_of?;
        let is_complete = shown == index && slices >= self.readable;
        view.image.as_ref().filter(|_| is_complete)
    }

    /// Index of the plane of a view along its normal.
    pub fn cell_index(&self, plane: ViewPlane) -> usize {
        let axis = plane.normal_axis();
        (self.cross[axis].max(0.0) as usize).min(self.stack.size[axis].saturating_sub(1))
    }

    /// Number of planes of a view.
    pub fn step_count(&self, plane: ViewPlane) -> usize {
        self.stack.size[plane.normal_axis()]
    }
}

impl Session {
    pub(super) fn ortho_action(&mut self, action: OrthoAction) {
        match action {
            OrthoAction::Pointer(plane, input) => self.across_pointer(plane, input),
            OrthoAction::Cross(plane, place) => self.set_cross(plane, place),
            OrthoAction::Scroll(plane, by) => self.scroll_across(plane, by),
            OrthoAction::Zoom(plane, factor, pointer) => {
                self.viewports.change_across(plane, |v| {
                    let extent = v.picture_extent();
                    v.view.zoom_at(factor, pointer, v.canvas, extent);
                });
            }
            OrthoAction::Pan(plane, delta) => self.viewports.change_across(plane, |v| {
                let extent = v.picture_extent();
                v.view.pan_by(delta, v.canvas, extent);
            }),
            OrthoAction::WindowOfRegion(plane, from, to) => self.set_window_across(plane, from, to),
            OrthoAction::SetCanvas(plane, canvas) => {
                self.viewports.change_across(plane, |v| v.canvas = canvas)
            }
            OrthoAction::Activate(plane) => {
                if let Some(ortho) = &mut self.viewports.ortho {
                    ortho.active = plane;
                }
            }
        }
    }

    fn set_cross(&mut self, plane: ViewPlane, place: Place) {
        let Some((ortho, slice)) = self
            .viewports
            .ortho
            .as_ref()
            .zip(self.cases.current_case().map(|c| c.slice))
        else {
            return;
        };
        let at = match ortho.across(plane) {
            Some(view) => view.pane.to_grid(place, ortho.cross),
            None => ortho.stack.grid_from_slice(slice, place),
        };
        self.go_through(at);
    }

    pub(super) fn scroll_across(&mut self, plane: ViewPlane, by: i64) {
        let Some(ortho) = &self.viewports.ortho else {
            return;
        };
        if plane == ViewPlane::Slice {
            return self.scroll_slices(by);
        }
        let last = ortho.step_count(plane).saturating_sub(1) as i64;
        let index = (ortho.cell_index(plane) as i64)
            .saturating_add(by)
            .clamp(0, last);
        let mut at = ortho.cross;
        at[plane.normal_axis()] = index as f64 + 0.5;
        self.go_through(at);
    }

    /// Moves the crosshair to this position in the grid.
    pub(super) fn go_through(&mut self, at: Place3) {
        // A measurement belongs to the plane that it was begun on.
        if matches!(self.tools.gesture, ToolGesture::Measure(_)) {
            self.finish_gesture();
        }
        let Some(ortho) = &mut self.viewports.ortho else {
            return;
        };
        ortho.cross = ortho.stack.clamp_to_grid(at);
        let slice = ortho.stack.slice_near(ortho.cell_index(ViewPlane::Slice));
        self.go_to_slice(slice);
    }

    /// Updates the views. Called after every action and event; cheap if nothing changed.
    pub(super) fn refresh_ortho(&mut self) {
        self.bring_up_to_date();
        if self.viewports.ortho.is_none() && self.tools.is_on_view() {
            self.finish_gesture();
        }
    }

    fn bring_up_to_date(&mut self) {
        let Some(case) = self
            .cases
            .current_case()
            .filter(|_| self.settings.orthogonal)
        else {
            self.viewports.ortho = None;
            self.viewports.ortho_refused = None;
            return;
        };
        let id = case.id;
        let slice = case.slice;
        let count = case.slices.len();
        let readable = case.slices.iter().filter(|s| s.failure.is_none());
        let readable = readable.count();
        // The size of a volume is only known for sure after its first slice is loaded.
        let needs = self.slice_bytes(case) * count;
        let may_take = self.cache.byte_budget() / 100 * SHARE;
        let state = (id, needs, may_take);
        if self
            .viewports
            .ortho_refused
            .as_ref()
            .is_some_and(|(seen, _)| *seen == state)
        {
            return;
        }
        if needs > may_take {
            let reason = format!(
                "The volume needs {} MB, but the image cache allows {} MB (see Settings).",
                megabytes_rounded_up(needs),
                megabytes_rounded_up(may_take)
            );
            return self.viewports.refuse_ortho(state, reason);
        }
        if self.viewports.ortho.as_ref().is_none_or(|o| o.case != id) {
            match Stack::from_series(&case.series) {
                Ok(stack) => self.viewports.ortho = Some(Self::new_ortho(case, stack)),
                Err(reason) => return self.viewports.refuse_ortho(state, reason),
            }
        }
        self.viewports.ortho_refused = None;
        let Some(mut ortho) = self.viewports.ortho.take() else {
            return;
        };
        if ortho.stack.slice_near(ortho.cell_index(ViewPlane::Slice)) != slice {
            ortho.cross[2] = ortho.stack.layer_of_slice(slice) as f64 + 0.5;
        }
        ortho.loaded = self.cache.slice_count(id);
        ortho.readable = readable;
        self.refresh_labels(&mut ortho);
        self.ask_for_pictures(&mut ortho);
        self.viewports.ortho = Some(ortho);
    }

    fn new_ortho(case: &Case, stack: Stack) -> Ortho {
        let across = [ViewPlane::Column, ViewPlane::Row]
            .map(|plane| AcrossView::new(&stack, case.id, plane));
        let [columns, rows] = stack.slice_size().map(|n| n as f64);
        let cross = stack.grid_from_slice(case.slice, [columns / 2.0, rows / 2.0]);
        Ortho {
            cross,
            active: ViewPlane::Slice,
            loaded: 0,
            readable: case.slices.len(),
            case: case.id,
            across,
            stack: Arc::new(stack),
        }
    }

    fn refresh_labels(&self, ortho: &mut Ortho) {
        let Some(case) = self.cases.current_case() else {
            return;
        };
        for plane in [ViewPlane::Column, ViewPlane::Row] {
            let state = (ortho.cell_index(plane), self.masks.clock);
            let stack = ortho.stack.clone();
            let Some(view) = ortho
                .across_mut(plane)
                .filter(|v| v.labels_of != Some(state))
            else {
                continue;
            };
            view.labels_of = Some(state);
            let mask = reslice::view_mask(&stack, &view.pane, state.0, |slice| {
                self.held_mask(case, slice)
            });
            view.labels.edit_mask(|labels| labels.replace_with(&mask));
        }
    }

    /// The mask of a slice of a case, packed or unpacked.
    pub(super) fn held_mask<'a>(&'a self, case: &'a Case, slice: usize) -> Option<HeldMask<'a>> {
        let key = SliceKey {
            case: case.id,
            slice,
        };
        let live = self.masks.live.as_ref().filter(|l| l.slice_key() == key);
        if let Some(live) = live {
            return Some(HeldMask::Open(live.mask()));
        }
        if let Some(mask) = self.masks.others.get(&key) {
            return Some(HeldMask::Open(mask));
        }
        case.slices.get(slice)?.mask.as_ref().map(HeldMask::Packed)
    }

    fn ask_for_pictures(&mut self, ortho: &mut Ortho) {
        let case = ortho.case;
        let stack = ortho.stack.clone();
        let loaded = ortho.loaded;
        let readable = ortho.readable;
        let Some(count) = self.cases.current_case().map(|c| c.slices.len()) else {
            return;
        };
        for plane in [ViewPlane::Column, ViewPlane::Row] {
            let index = ortho.cell_index(plane);
            let Some(view) = ortho.across_mut(plane) else {
                continue;
            };
            let is_up_to_date = view.asked.is_some_and(|(asked, with)| {
                let is_much_more = loaded >= readable || loaded >= with + count.div_ceil(PARTS);
                asked == index && (loaded <= with || !is_much_more)
            });
            if loaded == 0 || is_up_to_date {
                continue;
            }
            view.asked = Some((index, loaded));
            let loaded_slices = (0..count).map(|slice| self.cache.get(SliceKey { case, slice }));
            let images = loaded_slices.map(|l| Some(l?.image.clone())).collect();
            self.jobs.push(Job::Reslice(ResliceJob {
                case,
                plane,
                index,
                stack: stack.clone(),
                images,
            }));
        }
    }
}

fn megabytes_rounded_up(bytes: usize) -> usize {
    bytes.div_ceil(1_000_000)
}

#[cfg(test)]
pub(crate) mod tests;
