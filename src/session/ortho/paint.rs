//! Tools on a reformatted view. A stroke of brush or eraser paints on many slices and is one step.

use super::{
    super::{
        Session,
        job::SliceKey,
        notice::Severity,
        tool_options::{BrushUnit, ToolKind},
        tools::{Across, Place, PointerInput, PointerPhase, ToolGesture},
    },
    ViewPlane,
};
use labrum_core::{
    edit::Edit,
    mask::{PackedMask, Rule},
    region::Region,
    reslice,
    tools::stroke,
};
use std::{collections::BTreeMap, mem};

impl Session {
    /// The brush on a reformatted view: centre and radii in pixels of the view.
    pub fn across_ring(&self, plane: ViewPlane) -> Option<(Place, Place)> {
        let pointer = self.viewports.ortho_views()?.across(plane)?.pointer?;
        matches!(self.tools.active_tool(), ToolKind::Brush | ToolKind::Eraser)
            .then(|| (pointer.at, self.across_radii(plane)))
    }

    fn across_radii(&self, plane: ViewPlane) -> Place {
        let Some((ortho, view)) = self
            .viewports
            .ortho_views()
            .and_then(|o| Some((o, o.across(plane)?)))
        else {
            return [1.0; 2];
        };
        let radius = self.settings.tools.radius;
        let mm = match self.settings.tools.unit {
            BrushUnit::Mm => radius,
            _ => radius * ortho.stack.spacing[0],
        };
        view.pane.spacing.map(|spacing| mm / spacing)
    }

    pub(super) fn across_pointer(&mut self, plane: ViewPlane, input: PointerInput) {
        let stays = input.phase != PointerPhase::Leave && input.at.iter().all(|v| v.is_finite());
        self.viewports
            .change_across(plane, |v| v.pointer = stays.then_some(input));
        if !stays || !self.cases.current_case().is_some_and(|c| c.is_restored) {
            return;
        }
        match (self.tools.active_tool(), input.phase) {
            (ToolKind::Look, _) => {}
            (ToolKind::Click, _) => self.handle_click(Some(plane), input),
            (ToolKind::Measure, _) => self.handle_measure(plane, input),
            (ToolKind::Brush | ToolKind::Eraser, PointerPhase::Press) => {
                self.begin_across(plane, input)
            }
            (ToolKind::Brush | ToolKind::Eraser, PointerPhase::Drag) => self.dab_across(input.at),
            (ToolKind::Brush | ToolKind::Eraser, PointerPhase::Release) => {
                self.dab_across(input.at);
                self.end_across();
            }
            (tool, PointerPhase::Press) => {
                let text = format!(
                    "{} works only on acquired slices. Use Brush, Eraser or Click in orthogonal views.",
                    tool.display_name()
                );
                self.notices.add(Severity::Hint, text);
            }
            _ => {}
        }
    }

    /// Moves the brush by pixels of a view, starting at its last position or at the crosshair.
    pub(in crate::session) fn move_across(&mut self, plane: ViewPlane, by: Place) {
        let Some((ortho, view)) = self
            .viewports
            .ortho_views()
            .and_then(|o| Some((o, o.across(plane)?)))
        else {
            return;
        };
        let from = view
            .pointer
            .map_or_else(|| view.pane.from_grid(ortho.cross), |p| p.at);
        let by = view.turn.to_image(by);
        let at = [0, 1].map(|i| (from[i] + by[i]).clamp(0.5, view.pane.size[i] as f64 - 0.5));
        let placement = view.view.place_picture(view.canvas, view.picture_extent());
        let scale = f64::from(placement.scale[0]);
        self.across_pointer(
            plane,
            PointerInput {
                phase: PointerPhase::Hover,
                at,
                erases: false,
                is_shifted: false,
                scale,
            },
        );
    }

    /// Clicks at the position of the brush on a view.
    pub(in crate::session) fn draw_across(&mut self, plane: ViewPlane) {
        self.move_across(plane, [0.0; 2]);
        let Some(input) = self
            .viewports
            .ortho_views()
            .and_then(|o| o.across(plane))
            .and_then(|v| v.pointer)
        else {
            return;
        };
        self.across_pointer(
            plane,
            PointerInput {
                phase: PointerPhase::Press,
                ..input
            },
        );
        self.across_pointer(
            plane,
            PointerInput {
                phase: PointerPhase::Release,
                ..input
            },
        );
    }

    fn begin_across(&mut self, plane: ViewPlane, input: PointerInput) {
        let erases = input.erases || self.tools.active_tool() == ToolKind::Eraser;
        let Some(label) = (if erases {
            Some(0)
        } else {
            self.drawable_label()
        }) else {
            return;
        };
        let Some(case) = self.cases.current_case().map(|c| c.id) else {
            return;
        };
        self.finish_gesture();
        self.tools.gesture = ToolGesture::Across(Across {
            case,
            plane,
            label,
            last: input.at,
            edits: BTreeMap::new(),
        });
        self.dab_across(input.at);
    }

    /// Paints from the last position to `to`.
    fn dab_across(&mut self, to: Place) {
        let ToolGesture::Across(Across {
            case,
            plane,
            label,
            last,
            ..
        }) = self.tools.gesture
        else {
            return;
        };
        let rule = self.labels.drawing_rule(label);
        for (slice, region) in self.brushed_across(plane, last, to) {
            let key = SliceKey { case, slice };
            self.open_mask(key);
            let edit = self.write_mask(key, |mask| mask.paint_region(&region, label, &rule));
            if let ToolGesture::Across(stroke) = &mut self.tools.gesture
                && !edit.is_empty()
            {
                stroke.edits.entry(slice).or_default().push(edit);
            }
        }
        if let ToolGesture::Across(stroke) = &mut self.tools.gesture {
            stroke.last = to;
        }
    }

    /// For each slice the pixels under a brush that moves on a view from `from` to `to`.
    fn brushed_across(&self, plane: ViewPlane, from: Place, to: Place) -> Vec<(usize, Region)> {
        let Some(ortho) = self.viewports.ortho_views() else {
            return Vec::new();
        };
        let Some(pane) = ortho.across(plane).map(|v| &v.pane) else {
            return Vec::new();
        };
        let region = stroke::capsule_region(
            from,
            to,
            self.across_radii(plane),
            pane.size[0],
            pane.size[1],
        );
        let all = reslice::slices_under(&ortho.stack, pane, ortho.cell_index(plane), &region);
        let columns = ortho.stack.slice_size()[0];
        all.into_iter()
            .filter_map(|(slice, region)| {
                let key = SliceKey {
                    case: ortho.case,
                    slice,
                };
                // Slices that are not loaded are not shown, so nothing is drawn on them.
                let loaded = self.loaded_slice(key)?;
                Some((slice, self.within_threshold(loaded, region, columns)))
            })
            .collect()
    }

    pub(in crate::session) fn end_across(&mut self) {
        let ToolGesture::Across(stroke) = mem::take(&mut self.tools.gesture) else {
            return;
        };
        let edits = self.merged_edits(&stroke);
        self.pack_open_masks();
        if edits.iter().all(|(_, e)| e.is_empty())
            && self.labels.drawing_rule(stroke.label) != Rule::FREE
        {
            let text = "Nothing changed: the pixels here are locked or protected from overwriting.";
            self.notices.add(Severity::Hint, text);
        }
        let tool = if stroke.label == 0 {
            ToolKind::Eraser
        } else {
            self.tools.active_tool()
        };
        self.commit_edits(tool.display_name(), stroke.case, edits);
    }

    /// A stroke on a view as one edit for each slice.
    fn merged_edits(&self, stroke: &Across) -> Vec<(usize, Edit)> {
        let mut merged = Vec::new();
        for (slice, edits) in &stroke.edits {
            let key = SliceKey {
                case: stroke.case,
                slice: *slice,
            };
            if let Some(mask) = self.mask_of(key) {
                merged.push((*slice, mask.merge_edits(edits)));
            }
        }
        merged
    }

    /// Undoes a stroke on a view.
    pub(in crate::session) fn roll_back_across(&mut self, stroke: &Across) {
        for (slice, edits) in &stroke.edits {
            self.roll_back(
                SliceKey {
                    case: stroke.case,
                    slice: *slice,
                },
                edits,
            );
        }
        self.pack_open_masks();
    }

    /// Unpacks the mask of a slice for the duration of a stroke.
    fn open_mask(&mut self, key: SliceKey) {
        if self
            .masks
            .live
            .as_ref()
            .is_some_and(|l| l.slice_key() == key)
            || self.masks.others.contains_key(&key)
        {
            return;
        }
        if let Some(packed) = self.cases.slice_state(key).and_then(|s| s.mask.as_ref()) {
            let mask = packed.to_mask();
            self.masks.others.insert(key, mask);
        } else if let Some(case) = self.cases.current_case() {
            let mask = labrum_core::mask::Mask::new_blank(case.series.columns, case.series.rows);
            self.masks.others.insert(key, mask);
        }
    }

    fn pack_open_masks(&mut self) {
        for (key, mask) in mem::take(&mut self.masks.others) {
            if let Some(state) = self.slice_state_mut(key)
                && (state.mask.is_some() || state.is_drawn() || !mask.is_blank())
            {
                state.mask = Some(PackedMask::from_mask(&mask));
            }
        }
    }
}
