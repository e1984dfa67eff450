//! Orthogonal views: two views across a series beside its slices, one place in all three, painting in any of them.
//!
//! Nothing is kept twice: pictures are made of the slices that are in memory, masks of those of the slices, and what is
//! drawn goes into the masks of the slices.

mod paint;

use super::{
    Session,
    case::Case,
    job::{CaseId, Job, ResliceJob, SliceKey},
    live::Live,
    tools::{Hand, Place, PointerInput},
    view::{Canvas, PictureExtent, View},
};
use labrum_core::{
    image::Image,
    mask::Mask,
    reslice::{self, HeldMask},
    stack::{Pane, Stack, ViewPlane},
};
pub(super) use paint::Across;
use std::sync::Arc;

/// Of the memory for pictures a volume may take so much, in percent: the next slice needs some, too.
const SHARE: usize = 95;

/// A view is made anew whenever so much more of its slices is there, as a part of all.
const PARTS: usize = 12;

/// What the window asks of the views.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OrthoAction {
    /// The pointer did something on a view across the slices.
    Pointer(ViewPlane, PointerInput),
    /// All views go through the place under this one of a view.
    Cross(ViewPlane, Place),
    /// A view goes so many steps on.
    Scroll(ViewPlane, i64),
    /// Zoom a view by a factor about a point on the screen.
    Zoom(ViewPlane, f32, [f32; 2]),
    /// Move the picture of a view by points.
    Pan(ViewPlane, [f32; 2]),
    /// A view has this place on the screen.
    SetCanvas(ViewPlane, Canvas),
    /// Keys go to this view.
    Activate(ViewPlane),
}

/// The views of a case.
#[derive(Debug)]
pub struct Ortho {
    /// How the slices lie.
    pub stack: Arc<Stack>,
    /// The place on the grid that all views go through.
    pub cross: Place3,
    /// The view that keys go to.
    pub active: ViewPlane,
    /// Slices that are in memory.
    pub loaded: usize,
    case: CaseId,
    across: [AcrossView; 2],
}

/// A place on the grid of a stack.
pub type Place3 = [f64; 3];

/// A view across the slices.
#[derive(Debug)]
pub struct AcrossView {
    /// How it lies.
    pub pane: Pane,
    /// Zoom and pan.
    pub view: View,
    /// Its picture, where it is made; for a moment that may be of the place before.
    pub image: Option<Arc<Image>>,
    /// Its mask.
    pub labels: Live,
    canvas: Canvas,
    pointer: Option<PointerInput>,
    /// Cell and state of the masks that `labels` were made of.
    labels_of: Option<(usize, u64)>,
    /// Cell and number of slices that a picture was asked for.
    asked: Option<(usize, usize)>,
}

impl AcrossView {
    fn new(stack: &Stack, case: CaseId, plane: ViewPlane) -> Self {
        let pane = stack.view_pane(plane);
        // No slice of the case has this number.
        let key = SliceKey {
            case,
            slice: usize::MAX - plane.normal_axis(),
        };
        Self {
            view: View::Fit,
            image: None,
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

    /// Its size and the shape of its pixels.
    pub fn picture_extent(&self) -> PictureExtent {
        let [columns, rows] = self.pane.size.map(|n| n as f32);
        PictureExtent {
            columns,
            rows,
            aspect: (self.pane.spacing[1] / self.pane.spacing[0]) as f32,
        }
    }
}

impl Ortho {
    /// A view across the slices; `None` for the plane of the slices.
    pub fn across(&self, plane: ViewPlane) -> Option<&AcrossView> {
        self.across.iter().find(|v| v.pane.plane == plane)
    }

    fn across_mut(&mut self, plane: ViewPlane) -> Option<&mut AcrossView> {
        self.across.iter_mut().find(|v| v.pane.plane == plane)
    }

    /// The cell that a view goes through, of the axis that stands on it.
    pub fn cell_index(&self, plane: ViewPlane) -> usize {
        let axis = plane.normal_axis();
        (self.cross[axis].max(0.0) as usize).min(self.stack.size[axis].saturating_sub(1))
    }

    /// How many steps a view can go.
    pub fn step_count(&self, plane: ViewPlane) -> usize {
        self.stack.size[plane.normal_axis()]
    }
}

impl Session {
    /// The orthogonal views, where they are shown.
    pub fn ortho_views(&self) -> Option<&Ortho> {
        self.ortho.as_ref()
    }

    /// Why the orthogonal views that were asked for cannot be shown of this case, as a sentence.
    pub fn ortho_refusal(&self) -> Option<&str> {
        self.ortho_refused
            .as_ref()
            .map(|(_, reason)| reason.as_str())
    }

    pub(super) fn ortho_action(&mut self, action: OrthoAction) {
        match action {
            OrthoAction::Pointer(plane, input) => self.across_pointer(plane, input),
            OrthoAction::Cross(plane, place) => self.set_cross(plane, place),
            OrthoAction::Scroll(plane, by) => self.scroll_across(plane, by),
            OrthoAction::Zoom(plane, factor, pointer) => {
                self.change_across(plane, |v| {
                    let extent = v.picture_extent();
                    v.view.zoom_at(factor, pointer, v.canvas, extent);
                });
            }
            OrthoAction::Pan(plane, delta) => self.change_across(plane, |v| {
                let extent = v.picture_extent();
                v.view.pan_by(delta, v.canvas, extent);
            }),
            OrthoAction::SetCanvas(plane, canvas) => {
                self.change_across(plane, |v| v.canvas = canvas)
            }
            OrthoAction::Activate(plane) => {
                if let Some(ortho) = &mut self.ortho {
                    ortho.active = plane;
                }
            }
        }
    }

    /// Keys go to the next view.
    pub(super) fn next_view(&mut self) {
        if let Some(ortho) = &mut self.ortho {
            let at = ViewPlane::ALL
                .iter()
                .position(|p| *p == ortho.active)
                .unwrap_or(0);
            ortho.active = ViewPlane::ALL[(at + 1) % ViewPlane::ALL.len()];
        }
    }

    /// The view across the slices that keys go to.
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

    /// Zooms a view about its middle.
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

    fn set_cross(&mut self, plane: ViewPlane, place: Place) {
        let Some((ortho, slice)) = self
            .ortho
            .as_ref()
            .zip(self.current_case().map(|c| c.slice))
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
        let Some(ortho) = &self.ortho else { return };
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

    /// All views go through this place of the grid.
    fn go_through(&mut self, at: Place3) {
        let Some(ortho) = &mut self.ortho else { return };
        ortho.cross = ortho.stack.clamp_to_grid(at);
        let slice = ortho.stack.slice_near(ortho.cell_index(ViewPlane::Slice));
        self.go_to_slice(slice);
    }

    /// Brings the views up to date with all that may have changed. Called after every action and event: does little where
    /// nothing did.
    pub(super) fn refresh_ortho(&mut self) {
        self.bring_up_to_date();
        if self.ortho.is_none() && matches!(self.tools.hand, Hand::Across(_)) {
            self.finish_hand();
        }
    }

    fn bring_up_to_date(&mut self) {
        let Some(case) = self.current_case().filter(|_| self.settings.orthogonal) else {
            (self.ortho, self.ortho_refused) = (None, None);
            return;
        };
        let (id, slice, count) = (case.id, case.slice, case.slices.len());
        // A volume may turn out to be too large once its first slice is there.
        let needs = self.slice_bytes(case) * count;
        let may_take = self.cache.byte_budget() / 100 * SHARE;
        let state = (id, needs, may_take);
        if self
            .ortho_refused
            .as_ref()
            .is_some_and(|(seen, _)| *seen == state)
        {
            return;
        }
        if needs > may_take {
            let mb = |bytes: usize| bytes.div_ceil(1_000_000);
            let reason = format!(
                "The volume needs {} MB; the limit in the settings leaves {} MB for images.",
                mb(needs),
                mb(may_take)
            );
            return self.refuse_ortho(state, reason);
        }
        if self.ortho.as_ref().is_none_or(|o| o.case != id) {
            match Stack::from_series(&case.series) {
                Ok(stack) => self.ortho = Some(Self::new_ortho(case, stack)),
                Err(reason) => return self.refuse_ortho(state, reason),
            }
        }
        self.ortho_refused = None;
        let Some(mut ortho) = self.ortho.take() else {
            return;
        };
        if ortho.stack.slice_near(ortho.cell_index(ViewPlane::Slice)) != slice {
            ortho.cross[2] = ortho.stack.layer_of_slice(slice) as f64 + 0.5;
        }
        ortho.loaded = self.cache.slice_count(id);
        self.refresh_labels(&mut ortho);
        self.ask_for_pictures(&mut ortho);
        self.ortho = Some(ortho);
    }

    fn refuse_ortho(&mut self, state: (CaseId, usize, usize), reason: String) {
        self.ortho = None;
        self.ortho_refused = Some((state, reason));
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
            case: case.id,
            across,
            stack: Arc::new(stack),
        }
    }

    fn refresh_labels(&self, ortho: &mut Ortho) {
        let Some(case) = self.current_case() else {
            return;
        };
        let live = self.live_mask();
        let held = |slice: usize| match live.filter(|l| l.slice_key().slice == slice) {
            Some(live) => Some(HeldMask::Open(live.mask())),
            None => match self.open_masks.get(&SliceKey {
                case: case.id,
                slice,
            }) {
                Some(mask) => Some(HeldMask::Open(mask)),
                None => case.slices.get(slice)?.mask.as_ref().map(HeldMask::Packed),
            },
        };
        for plane in [ViewPlane::Column, ViewPlane::Row] {
            let state = (ortho.cell_index(plane), self.mask_clock);
            let stack = ortho.stack.clone();
            let Some(view) = ortho
                .across_mut(plane)
                .filter(|v| v.labels_of != Some(state))
            else {
                continue;
            };
            view.labels_of = Some(state);
            let mask = reslice::view_mask(&stack, &view.pane, state.0, held);
            view.labels.edit_mask(|labels| labels.replace_with(&mask));
        }
    }

    fn ask_for_pictures(&mut self, ortho: &mut Ortho) {
        let (case, loaded, stack) = (ortho.case, ortho.loaded, ortho.stack.clone());
        let Some(count) = self.current_case().map(|c| c.slices.len()) else {
            return;
        };
        for plane in [ViewPlane::Column, ViewPlane::Row] {
            let index = ortho.cell_index(plane);
            let Some(view) = ortho.across_mut(plane) else {
                continue;
            };
            let is_up_to_date = view.asked.is_some_and(|(asked, with)| {
                let is_much_more = loaded == count || loaded >= with + count.div_ceil(PARTS);
                asked == index && (loaded <= with || !is_much_more)
            });
            if loaded == 0 || is_up_to_date {
                continue;
            }
            view.asked = Some((index, loaded));
            let image = |slice| {
                self.cache
                    .get(SliceKey { case, slice })
                    .map(|l| l.image.clone())
            };
            let images = (0..count).map(image).collect();
            self.jobs.push(Job::Reslice(ResliceJob {
                case,
                plane,
                index,
                stack: stack.clone(),
                images,
            }));
        }
    }

    pub(super) fn on_resliced(
        &mut self,
        case: CaseId,
        plane: ViewPlane,
        image: Option<Arc<Image>>,
    ) {
        if let Some(view) = self
            .ortho
            .as_mut()
            .filter(|o| o.case == case)
            .and_then(|o| o.across_mut(plane))
        {
            view.image = image.or(view.image.take());
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
