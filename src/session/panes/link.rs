//! Linked views: the others follow the active view by position in the patient, magnification and window.

use super::PaneView;
use crate::session::{
    Session,
    case::Case,
    information::middle_of,
    view::{PictureExtent, View},
};
use labrum_core::{
    geometry::{PixelSpacing, Plane},
    vector::{dot_product, vector_between},
};
use std::f64::consts::FRAC_1_SQRT_2;

/// The cosine of 45 degrees: planes at a smaller angle show the same parts of the patient at about the same slices.
const ALIKE: f64 = FRAC_1_SQRT_2;

/// Slices that are all within this distance, in mm, do not differ in position: they are images of one place over time.
const SAME_PLACE: f64 = 1e-3;

/// A case as a view shows it.
struct LinkedView<'a> {
    case: &'a Case,
    shown: PaneView,
    plane: Option<Plane>,
    /// Only if it gives lengths in mm.
    spacing: Option<PixelSpacing>,
    extent: PictureExtent,
}

/// What of a view changed since the other views followed it.
#[derive(Clone, Copy)]
struct Moved {
    slice: bool,
    view: bool,
    window: bool,
}

impl Session {
    /// Lets the linked views follow what changed in the active view, which now shows this. All of it counts if they have not
    /// followed it yet; a view that became active, or shows another case, moves no other view.
    pub(super) fn follow_active(&mut self, now: PaneView) {
        if !self.settings.linked {
            self.panes.followed = None;
            return;
        }
        let before = self.panes.followed.replace(now);
        if before == Some(now) || before.is_some_and(|before| before.case != now.case) {
            return;
        }
        let moved = Moved {
            slice: before.is_none_or(|before| before.slice != now.slice),
            view: before.is_none_or(|before| before.view != now.view),
            window: before.is_none_or(|before| before.window != now.window),
        };
        let Some(leader) = self.side_of(now) else {
            return;
        };
        let followers = self
            .other_views()
            .filter_map(|(pane, view)| Some((pane, self.side_of(view)?)));
        let views: Vec<(usize, PaneView)> = followers
            .map(|(pane, side)| (pane, self.view_beside(&leader, side, moved)))
            .collect();
        for (pane, view) in views {
            self.panes.set_view(pane, Some(view));
        }
    }

    fn side_of(&self, shown: PaneView) -> Option<LinkedView<'_>> {
        let case = self.cases.case_by_id(shown.case)?;
        let spacing = self.pixel_spacing(case, shown.slice);
        Some(LinkedView {
            case,
            shown,
            plane: case.slice_info(shown.slice)?.plane,
            spacing: spacing.filter(gives_lengths),
            extent: self.extent_in_view(case, &shown),
        })
    }

    /// What a view shows after it followed the leader.
    fn view_beside(&self, leader: &LinkedView<'_>, side: LinkedView<'_>, moved: Moved) -> PaneView {
        let mut shown = side.shown;
        if moved.window && has_same_values(leader.case, side.case) {
            shown.window = leader.shown.window;
        }
        if moved.slice
            && let Some(slice) = slice_beside(leader, side.case)
        {
            shown.slice = slice;
        }
        // The place of the pixels is that of the slice that is shown now.
        if moved.view
            && let Some(side) = self.side_of(shown)
        {
            shown.view = side.view_like(leader);
        }
        shown
    }
}

/// True if pixels can be measured in mm.
fn gives_lengths(spacing: &PixelSpacing) -> bool {
    let is_length = |mm: f64| mm.is_finite() && mm > 0.0;
    spacing.is_physical() && is_length(spacing.column) && is_length(spacing.row)
}

/// True if a window for one case makes sense for the other.
fn has_same_values(a: &Case, b: &Case) -> bool {
    let modality = a.series.modality.trim();
    a.id == b.id || (!modality.is_empty() && modality == b.series.modality.trim())
}

/// True if positions in the patient can be compared.
fn share_frame(a: &Case, b: &Case) -> bool {
    let frame = a.series.frame_of_reference_uid.as_deref();
    let frame = frame.map(str::trim).filter(|uid| !uid.is_empty());
    frame.is_some() && frame == b.series.frame_of_reference_uid.as_deref().map(str::trim)
}

fn lie_alike(a: &Plane, b: &Plane) -> bool {
    dot_product(a.unit_normal(), b.unit_normal()).abs() >= ALIKE
}

/// The slice of `case` for the one that the leader shows: the nearest in the patient where both share a frame of reference,
/// else the one with the same number. `None` if it stays, since it lies across.
fn slice_beside(leader: &LinkedView<'_>, case: &Case) -> Option<usize> {
    let last = case.slices.len().checked_sub(1)?;
    let same_number = Some(leader.shown.slice.min(last));
    if leader.case.id == case.id || !share_frame(leader.case, case) {
        return same_number;
    }
    let places: Vec<(usize, Plane)> = (0..=last)
        .filter_map(|slice| Some((slice, case.slice_info(slice)?.plane?)))
        .collect();
    let (Some(from), Some((_, first))) = (leader.plane, places.first()) else {
        return same_number;
    };
    if !lie_alike(&from, first) {
        return None;
    }
    let normal = first.unit_normal();
    let along = |point: [f64; 3]| dot_product(normal, point);
    let start = along(first.position);
    if last > 0
        && places
            .iter()
            .all(|(_, plane)| (along(plane.position) - start).abs() < SAME_PLACE)
    {
        return same_number;
    }
    let info = leader.case.slice_info(leader.shown.slice)?;
    let wanted = along(middle_of(&from, info, &leader.case.series));
    let distance = |plane: &Plane| (along(plane.position) - wanted).abs();
    places
        .iter()
        .min_by(|(_, a), (_, b)| distance(a).total_cmp(&distance(b)))
        .map(|(slice, _)| *slice)
}

impl LinkedView<'_> {
    /// Zoom and pan like those of the leader: the same place of the patient in the middle, at as many points per mm. Where the
    /// place cannot be compared, the same distance from the middle of the image; without mm, the same pixels of an image of
    /// equal size. What can be compared in no way stays as it is.
    fn view_like(&self, leader: &LinkedView<'_>) -> View {
        let is_equal_size = self.pixel_count() == leader.pixel_count();
        let own = self.shown.view;
        let view = leader.shown.view;
        if self.case.id == leader.case.id {
            return view;
        }
        match (leader.spacing.zip(self.spacing), view) {
            (Some(_), View::Fit) => View::Fit,
            (Some((from, to)), View::Free { scale, center }) => {
                let scale = scale * (to.column / from.column) as f32;
                let center = self.center_like(leader, (from, to), center);
                View::free_at(scale, center, self.extent)
            }
            (None, view) if is_equal_size => view,
            (None, _) => own,
        }
    }

    fn pixel_count(&self) -> [usize; 2] {
        [self.case.series.columns, self.case.series.rows]
    }

    /// The pixel for the middle of the view, where the leader has the pixel `center` there. Pixels count from the upper left
    /// corner of the image.
    fn center_like(
        &self,
        leader: &LinkedView<'_>,
        (from, to): (PixelSpacing, PixelSpacing),
        center: [f32; 2],
    ) -> [f32; 2] {
        let planes = leader.plane.zip(self.plane);
        match planes.filter(|_| share_frame(leader.case, self.case)) {
            Some((a, b)) if lie_alike(&a, &b) => {
                let [x, y] = center.map(|v| f64::from(v) - 0.5);
                pixel_at(&b, to, a.patient_from_pixel(from, x, y))
            }
            Some(_) => match self.shown.view {
                View::Free { center, .. } => center,
                View::Fit => middle_pixel(self.extent),
            },
            None => {
                let [middle, own] = [leader.extent, self.extent].map(middle_pixel);
                let share = [from.column / to.column, from.row / to.row].map(|s| s as f32);
                [0, 1].map(|i| own[i] + (center[i] - middle[i]) * share[i])
            }
        }
    }
}

fn middle_pixel(extent: PictureExtent) -> [f32; 2] {
    [extent.columns / 2.0, extent.rows / 2.0]
}

/// Where a point of the patient lies over a slice, in pixels from the upper left corner of the image.
fn pixel_at(plane: &Plane, spacing: PixelSpacing, point: [f64; 3]) -> [f32; 2] {
    let [a, b, c, d, e, f] = plane.orientation;
    let away = vector_between(plane.position, point);
    let across = dot_product([a, b, c], away) / spacing.column;
    let down = dot_product([d, e, f], away) / spacing.row;
    [across, down].map(|v| (v + 0.5) as f32)
}
