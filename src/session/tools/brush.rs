//! Brush, eraser and smart brush: a stroke from press to release.

use super::{Place, PointerInput, PointerPhase, Preview, Session, ToolGesture};
use crate::session::{
    job::Loaded,
    notice::Severity,
    tool_options::{BrushUnit, ToolKind},
};
use labrum_core::{
    edit::Edit,
    mask::Rule,
    region::Region,
    tools::{smart_brush, stroke, threshold},
    vector::{point_along, vector_between},
};
use std::{mem, sync::Arc};

/// Distance, as a fraction of the radius, after which the smart brush evaluates the image again.
const SMART_STEP: f64 = 0.35;

/// A brush stroke.
#[derive(Debug)]
pub(in crate::session) struct Stroke {
    /// The edits so far, in order.
    pub(in crate::session) edits: Vec<Edit>,
    label: u8,
    last: Place,
}

impl Session {
    /// Converts a size in the unit of the options to radii in pixels along x and y, so that it is round on the screen.
    pub(in crate::session) fn in_pixels(&self, size: f64) -> Place {
        let Some(case) = self.cases.current_case() else {
            return [size; 2];
        };
        let spacing = self
            .pixel_spacing(case, case.slice)
            .filter(|s| s.is_physical() && s.column > 0.0 && s.row > 0.0);
        match (self.settings.tools.unit, spacing) {
            (BrushUnit::Mm, Some(s)) => [size / s.column, size / s.row],
            _ => [size, size / f64::from(self.picture_extent(case).aspect)],
        }
    }

    pub(in crate::session) fn handle_brush(&mut self, input: PointerInput) {
        match input.phase {
            PointerPhase::Press => {
                let erases = input.erases || self.tools.kind == ToolKind::Eraser;
                let Some(label) = (if erases {
                    Some(0)
                } else {
                    self.drawable_label()
                }) else {
                    return;
                };
                self.finish_gesture();
                self.tools.gesture = ToolGesture::Stroke(Stroke {
                    edits: Vec::new(),
                    label,
                    last: input.at,
                });
                self.paint_dab(input.at);
            }
            PointerPhase::Drag => self.paint_dab(input.at),
            PointerPhase::Release => {
                self.paint_dab(input.at);
                self.end_stroke();
            }
            PointerPhase::Hover | PointerPhase::DoubleClick | PointerPhase::Leave => {}
        }
    }

    /// Paints from the last position to `to`.
    fn paint_dab(&mut self, to: Place) {
        let ToolGesture::Stroke(stroke) = &self.tools.gesture else {
            return;
        };
        let label = stroke.label;
        let from = stroke.last;
        let Some(region) = self.brushed_region(from, to) else {
            return;
        };
        let rule = self.labels.drawing_rule(label);
        let Some(key) = self.live_mask().map(|l| l.slice_key()) else {
            return;
        };
        let edit = self.write_mask(key, |mask| mask.paint_region(&region, label, &rule));
        if let ToolGesture::Stroke(stroke) = &mut self.tools.gesture {
            stroke.last = to;
            if !edit.is_empty() {
                stroke.edits.push(edit);
            }
        }
    }

    /// The pixels under a brush moving to `to`; `None` if a smart brush has not moved far enough yet.
    fn brushed_region(&self, from: Place, to: Place) -> Option<Region> {
        let loaded = self.current_loaded()?;
        let (columns, rows) = self.masks.slice_size();
        let radii = self.in_pixels(self.settings.tools.radius);
        let region = if self.tools.kind == ToolKind::SmartBrush {
            let step = (radii[0].min(radii[1]) * SMART_STEP).max(1.0);
            let way = vector_between(from, to);
            let distance = way[0].hypot(way[1]);
            if distance > 0.0 && distance < step {
                return None;
            }
            let count = (distance / step).floor().max(1.0) as usize;
            let places = (1..=count)
                .map(|i| i as f64 / count as f64)
                .map(|share| point_along(from, way, share));
            places.fold(Region::default(), |all, at| {
                all.union(&self.smart_disc(loaded, at, radii))
            })
        } else {
            stroke::capsule_region(from, to, radii, columns, rows)
        };
        Some(self.within_threshold(loaded, region, columns))
    }

    fn smart_disc(&self, loaded: &Arc<Loaded>, at: Place, radii: Place) -> Region {
        smart_brush::smart_disc(&loaded.image, at, radii, self.settings.tools.sensitivity)
    }

    /// The pixels of a region within the editable intensity range, if one is set.
    pub(in crate::session) fn within_threshold(
        &self,
        loaded: &Arc<Loaded>,
        region: Region,
        columns: usize,
    ) -> Region {
        match self.settings.tools.threshold {
            Some([low, high]) => threshold::within_range(
                &region,
                |i| loaded.image.modality_value(i),
                low..=high,
                columns,
            ),
            None => region,
        }
    }

    pub(super) fn end_stroke(&mut self) {
        let ToolGesture::Stroke(stroke) = mem::take(&mut self.tools.gesture) else {
            return;
        };
        let Some(live) = self.live_mask() else { return };
        let key = live.slice_key();
        let edit = live.mask().merge_edits(&stroke.edits);
        if edit.is_empty() && self.labels.drawing_rule(stroke.label) != Rule::FREE {
            let text = "Nothing changed: the pixels here are locked or protected from overwriting.";
            self.notices.add(Severity::Hint, text);
        }
        let tool = if stroke.label == 0 {
            ToolKind::Eraser
        } else {
            self.tools.kind
        };
        self.commit_edits(tool.display_name(), key.case, vec![(key.slice, edit)]);
    }

    pub(super) fn brush_preview(&self, input: PointerInput) -> Preview {
        let radii = self.in_pixels(self.settings.tools.radius);
        let erases = input.erases || self.tools.kind == ToolKind::Eraser;
        let looks_at_image =
            self.tools.kind == ToolKind::SmartBrush || self.settings.tools.threshold.is_some();
        // For a plain brush the ring is preview enough.
        let region = (looks_at_image && !self.tools.is_drawing())
            .then(|| self.brushed_region(input.at, input.at))
            .flatten();
        let label = if erases {
            0
        } else {
            self.labels.label_to_draw()
        };
        Preview {
            region,
            label,
            ring: Some((input.at, radii)),
            ..Preview::default()
        }
    }
}
