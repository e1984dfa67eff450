//! Where an object of the Click tool lies: on an acquired slice, or on an orthogonal view through all slices. Its mask, its
//! image, and how both are changed and shown.

use super::{
    Session,
    job::{CaseId, SliceKey},
};
use labrum_core::{
    edit::Edit,
    image::Image,
    mask::{Mask, Rule, labels_in},
    region::Region,
    reslice,
    stack::{Pane, Stack, ViewPlane},
};
use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

/// Where an object lies.
#[derive(Clone, Debug, PartialEq)]
pub enum ClickPlace {
    /// On an acquired slice.
    Slice(SliceKey),
    /// On an orthogonal view.
    View(ViewPlace),
}

/// A plane through all slices of a case, as an orthogonal view shows it.
#[derive(Clone, Debug)]
pub struct ViewPlace {
    case: CaseId,
    plane: ViewPlane,
    /// Index of the plane along its normal.
    index: usize,
    /// Geometry of the slices.
    stack: Arc<Stack>,
}

/// The geometry of a case does not change.
impl PartialEq for ViewPlace {
    fn eq(&self, other: &Self) -> bool {
        (self.case, self.plane, self.index) == (other.case, other.plane, other.index)
    }
}

impl ClickPlace {
    /// Its case.
    pub fn case(&self) -> CaseId {
        match self {
            Self::Slice(key) => key.case,
            Self::View(view) => view.case,
        }
    }

    /// True if it is this slice.
    pub fn is_slice(&self, key: SliceKey) -> bool {
        *self == Self::Slice(key)
    }

    /// True if it is this plane of an orthogonal view.
    pub fn is_view(&self, case: CaseId, plane: ViewPlane, index: usize) -> bool {
        match self {
            Self::Slice(_) => false,
            Self::View(view) => (view.case, view.plane, view.index) == (case, plane, index),
        }
    }

    /// Height of a pixel divided by its width, for the network; 1 on slices, whose pixels are nearly always square.
    pub(super) fn pixel_aspect(&self) -> f64 {
        match self {
            Self::Slice(_) => 1.0,
            Self::View(view) => {
                let [across, down] = view.pane().spacing;
                down / across
            }
        }
    }
}

impl ViewPlace {
    fn pane(&self) -> Pane {
        self.stack.view_pane(self.plane)
    }

    /// For each slice the labels to write, each with its pixels, so that the view has the labels of `target` at the pixels
    /// `changed`.
    ///
    /// With uneven slice spacing, several rows of the view show the same pixels of a slice. These belong to the object, which
    /// has the label `label`, if any of the rows does.
    fn writes(
        &self,
        target: &Mask,
        changed: &Region,
        label: u8,
    ) -> BTreeMap<usize, Vec<(u8, Region)>> {
        let pane = self.pane();
        let under = |region: &Region| reslice::slices_under(&self.stack, &pane, self.index, region);
        let own: BTreeMap<usize, Region> = under(&target.label_region(label)).into_iter().collect();
        let mut writes: BTreeMap<usize, Vec<(u8, Region)>> = BTreeMap::new();
        for value in labels_in(target.pixel_labels().iter().copied())
            .into_iter()
            .chain([0])
        {
            let region = changed.intersection(&target.label_region(value));
            for (slice, pixels) in under(&region) {
                let pixels = match own.get(&slice) {
                    Some(own) if value != label => pixels.difference(own),
                    _ => pixels,
                };
                writes.entry(slice).or_default().push((value, pixels));
            }
        }
        writes
    }
}

impl Session {
    /// The slice on the screen, or the plane that an orthogonal view shows; `None` if it is not shown.
    pub(super) fn click_place(&self, view: Option<ViewPlane>) -> Option<ClickPlace> {
        let Some(plane) = view else {
            let live = self.live_mask()?;
            return Some(ClickPlace::Slice(live.slice_key()));
        };
        let ortho = self.viewports.ortho_views()?;
        ortho.across(plane)?;
        Some(ClickPlace::View(ViewPlace {
            case: ortho.case,
            plane,
            index: ortho.cell_index(plane),
            stack: ortho.stack.clone(),
        }))
    }

    /// True if the place is on the screen.
    pub(super) fn is_place_shown(&self, place: &ClickPlace) -> bool {
        let Some(case) = self.cases.current_case().filter(|c| c.id == place.case()) else {
            return false;
        };
        match place {
            ClickPlace::Slice(key) => case.slice_key() == *key,
            ClickPlace::View(view) => self.viewports.ortho_views().is_some_and(|ortho| {
                ortho.case == view.case && ortho.cell_index(view.plane) == view.index
            }),
        }
    }

    /// Columns and rows of a place; 0 if its case is closed.
    pub(super) fn size_of_place(&self, place: &ClickPlace) -> [usize; 2] {
        match place {
            ClickPlace::Slice(key) => {
                let case = self.cases.case_by_id(key.case);
                case.map_or([0; 2], |case| [case.series.columns, case.series.rows])
            }
            ClickPlace::View(view) => view.pane().size,
        }
    }

    /// Height of a pixel divided by its width, on the screen.
    pub(super) fn screen_aspect(&self, place: &ClickPlace) -> f64 {
        match place {
            ClickPlace::Slice(key) => {
                let case = self.cases.case_by_id(key.case);
                case.map_or(1.0, |case| f64::from(self.picture_extent(case).aspect))
            }
            ClickPlace::View(_) => place.pixel_aspect(),
        }
    }

    /// The image of a place; `None` while it is not loaded, or not completely.
    pub(super) fn image_of_place(&self, place: &ClickPlace) -> Option<Arc<Image>> {
        match place {
            ClickPlace::Slice(key) => Some(self.loaded_slice(*key)?.image.clone()),
            ClickPlace::View(view) => {
                let ortho = self.viewports.ortho_views();
                let ortho = ortho.filter(|ortho| ortho.case == view.case)?;
                ortho.complete_image(view.plane, view.index).cloned()
            }
        }
    }

    /// The mask of a place, blank if there is none; `None` if its case is closed.
    pub(super) fn mask_of_place(&self, place: &ClickPlace) -> Option<Mask> {
        let case = self.cases.case_by_id(place.case())?;
        Some(match place {
            ClickPlace::Slice(key) => {
                let mask = self.mask_of(*key).map(Cow::into_owned);
                mask.unwrap_or_else(|| Mask::new_blank(case.series.columns, case.series.rows))
            }
            ClickPlace::View(view) => {
                reslice::view_mask(&view.stack, &view.pane(), view.index, |slice| {
                    self.held_mask(case, slice)
                })
            }
        })
    }

    /// Changes whenever a mask of the place changes; `None` if its case is closed.
    pub(super) fn revision_of_place(&self, place: &ClickPlace) -> Option<u64> {
        match place {
            ClickPlace::Slice(key) => self.cases.slice_state(*key).map(|state| state.revision),
            ClickPlace::View(view) => {
                let case = self.cases.case_by_id(view.case)?;
                // Each of them only grows.
                Some(case.slices.iter().map(|state| state.revision).sum())
            }
        }
    }

    /// Writes the labels of `target`, a mask of the place, into the pixels `changed` where `rule` allows it. `label` is that
    /// of the object. Returns the edits of the slices.
    pub(super) fn write_place(
        &mut self,
        place: &ClickPlace,
        (target, changed): (&Mask, &Region),
        label: u8,
        rule: &Rule,
    ) -> Vec<(usize, Edit)> {
        let view = match place {
            ClickPlace::Slice(key) => {
                let edit =
                    self.write_mask(*key, |mask| mask.copy_region_from(target, changed, rule));
                return vec![(key.slice, edit)];
            }
            ClickPlace::View(view) => view,
        };
        let mut edits = Vec::new();
        for (slice, writes) in view.writes(target, changed, label) {
            let key = SliceKey {
                case: view.case,
                slice,
            };
            // Slices that cannot be read are not shown, so nothing is drawn on them.
            if self
                .cases
                .slice_state(key)
                .is_none_or(|state| state.failure.is_some())
            {
                continue;
            }
            let edit = self.write_mask(key, |mask| {
                let edits: Vec<Edit> = writes
                    .iter()
                    .map(|(value, region)| mask.paint_region(region, *value, rule))
                    .collect();
                mask.merge_edits(&edits)
            });
            edits.push((slice, edit));
        }
        edits
    }

    /// Shows a place: its case, and the slice or the plane of the view.
    pub(super) fn go_to_place(&mut self, place: &ClickPlace) {
        self.select_case(self.cases.index_of(place.case()));
        match place {
            ClickPlace::Slice(key) => self.go_to_slice(key.slice),
            ClickPlace::View(view) => {
                // After a change of the case, its views are only made now.
                self.refresh_ortho();
                let ortho = self.viewports.ortho_views();
                if let Some(ortho) = ortho.filter(|ortho| ortho.case == view.case) {
                    let here = ortho.cell_index(view.plane) as i64;
                    self.scroll_across(view.plane, view.index as i64 - here);
                }
            }
        }
    }
}
