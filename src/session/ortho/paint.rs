//! Brush and eraser on a view across the slices: one gesture paints in many slices and is one step.

use super::{
    super::{
        Session,
        job::{CaseId, SliceKey},
        notice::Severity,
        tools::{Hand, Place, PointerInput, PointerPhase, ToolKind},
    },
    ViewPlane,
};
use labrum_core::{
    edit::Edit,
    mask::{PackedMask, Rule},
    region::Region,
    reslice,
    tools::{stroke, threshold},
};
use std::collections::BTreeMap;

/// A brush that is down on a view across the slices.
#[derive(Debug)]
pub(in crate::session) struct Across {
    case: CaseId,
    plane: ViewPlane,
    label: u8,
    last: Place,
    /// For each slice what it changed so far, in order.
    edits: BTreeMap<usize, Vec<Edit>>,
}

impl Session {
    /// The brush over a view across the slices: centre and radii in pixels of the view.
    pub fn across_ring(&self, plane: ViewPlane) -> Option<(Place, Place)> {
        let pointer = self.ortho_views()?.across(plane)?.pointer?;
        matches!(self.active_tool(), ToolKind::Brush | ToolKind::Eraser)
            .then(|| (pointer.at, self.across_radii(plane)))
    }

    fn across_radii(&self, plane: ViewPlane) -> Place {
        let Some((ortho, view)) = self.ortho_views().and_then(|o| Some((o, o.across(plane)?)))
        else {
            return [1.0; 2];
        };
        let radius = self.settings.tools.radius;
        let mm = match self.settings.tools.unit {
            super::super::tools::BrushUnit::Mm => radius,
            _ => radius * ortho.stack.spacing[0],
        };
        view.pane.spacing.map(|spacing| mm / spacing)
    }

    pub(super) fn across_pointer(&mut self, plane: ViewPlane, input: PointerInput) {
        let stays = input.phase != PointerPhase::Leave && input.at.iter().all(|v| v.is_finite());
        self.change_across(plane, |v| v.pointer = stays.then_some(input));
        if !stays || !self.current_case().is_some_and(|c| c.is_restored) {
            return;
        }
        match (self.active_tool(), input.phase) {
            (ToolKind::Look, _) => {}
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
                    "{} works on acquired slices only. In orthogonal views, use the brush or the eraser.",
                    tool.display_name()
                );
                self.notices.add(Severity::Hint, text);
            }
            _ => {}
        }
    }

    /// Moves the brush on a view by pixels of it, from where it was or from the place that all views go through.
    pub(in crate::session) fn move_across(&mut self, plane: ViewPlane, by: Place) {
        let Some((ortho, view)) = self.ortho_views().and_then(|o| Some((o, o.across(plane)?)))
        else {
            return;
        };
        let from = view
            .pointer
            .map_or_else(|| view.pane.from_grid(ortho.cross), |p| p.at);
        let at = [0, 1].map(|i| (from[i] + by[i]).clamp(0.5, view.pane.size[i] as f64 - 0.5));
        self.across_pointer(
            plane,
            PointerInput {
                phase: PointerPhase::Hover,
                at,
                erases: false,
                scale: 1.0,
            },
        );
    }

    /// Clicks where the brush is on a view.
    pub(in crate::session) fn draw_across(&mut self, plane: ViewPlane) {
        self.move_across(plane, [0.0; 2]);
        let Some(input) = self
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
        let erases = input.erases || self.active_tool() == ToolKind::Eraser;
        let Some(label) = (if erases {
            Some(0)
        } else {
            self.drawable_label()
        }) else {
            return;
        };
        let Some(case) = self.current_case().map(|c| c.id) else {
            return;
        };
        self.finish_hand();
        self.tools.hand = Hand::Across(Across {
            case,
            plane,
            label,
            last: input.at,
            edits: BTreeMap::new(),
        });
        self.dab_across(input.at);
    }

    /// Paints from where the brush was to `to`.
    fn dab_across(&mut self, to: Place) {
        let Hand::Across(Across {
            case,
            plane,
            label,
            last,
            ..
        }) = self.tools.hand
        else {
            return;
        };
        let rule = self.drawing_rule(label);
        for (slice, region) in self.brushed_across(plane, last, to) {
            let key = SliceKey { case, slice };
            self.open_mask(key);
            let edit = self.write_mask(key, |mask| mask.paint_region(&region, label, &rule));
            if let Hand::Across(stroke) = &mut self.tools.hand
                && !edit.is_empty()
            {
                stroke.edits.entry(slice).or_default().push(edit);
            }
        }
        if let Hand::Across(stroke) = &mut self.tools.hand {
            stroke.last = to;
        }
    }

    /// For each slice the pixels under a brush that moves on a view.
    fn brushed_across(&self, plane: ViewPlane, from: Place, to: Place) -> Vec<(usize, Region)> {
        let Some(ortho) = self.ortho_views() else {
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
        let within = |(slice, region): (usize, Region)| {
            // Nobody draws on what is not seen.
            let loaded = self.loaded_slice(SliceKey {
                case: ortho.case,
                slice,
            })?;
            let region = match self.settings.tools.threshold {
                Some([low, high]) => threshold::within_range(
                    &region,
                    |i| loaded.image.modality_value(i),
                    low..=high,
                    columns,
                ),
                None => region,
            };
            Some((slice, region))
        };
        all.into_iter().filter_map(within).collect()
    }

    pub(in crate::session) fn end_across(&mut self) {
        let Hand::Across(stroke) = std::mem::take(&mut self.tools.hand) else {
            return;
        };
        let merge = |(slice, edits): (&usize, &Vec<Edit>)| {
            let mask = self.mask_of(SliceKey {
                case: stroke.case,
                slice: *slice,
            })?;
            Some((*slice, mask.merge_edits(edits)))
        };
        let edits: Vec<(usize, Edit)> = stroke.edits.iter().filter_map(merge).collect();
        self.pack_open_masks();
        if edits.iter().all(|(_, e)| e.is_empty()) && self.drawing_rule(stroke.label) != Rule::FREE
        {
            let text = "Nothing changed: what is there is locked or must not be painted over.";
            self.notices.add(Severity::Hint, text);
        }
        let tool = if stroke.label == 0 {
            ToolKind::Eraser
        } else {
            self.active_tool()
        };
        self.commit_edits(tool.display_name(), stroke.case, edits);
    }

    /// Takes back what a brush on a view has painted.
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

    /// Holds the mask of a slice unpacked for as long as a brush is down: it is painted on again and again.
    fn open_mask(&mut self, key: SliceKey) {
        if self.live.as_ref().is_some_and(|l| l.slice_key() == key)
            || self.open_masks.contains_key(&key)
        {
            return;
        }
        if let Some(packed) = self.slice_state(key).and_then(|s| s.mask.as_ref()) {
            let mask = packed.to_mask();
            self.open_masks.insert(key, mask);
        } else if let Some(case) = self.current_case() {
            let mask = labrum_core::mask::Mask::new_blank(case.series.columns, case.series.rows);
            self.open_masks.insert(key, mask);
        }
    }

    fn pack_open_masks(&mut self) {
        for (key, mask) in std::mem::take(&mut self.open_masks) {
            if let Some(state) = self.slice_state_mut(key)
                && (state.mask.is_some() || state.is_touched || !mask.is_blank())
            {
                state.mask = Some(PackedMask::from_mask(&mask));
            }
        }
    }
}
