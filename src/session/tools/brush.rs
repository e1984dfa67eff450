//! Brush, eraser and smart brush: paint from press to release.

use super::{BrushUnit, Hand, Place, PointerInput, PointerPhase, Preview, Session, ToolKind};
use crate::session::{job::Loaded, notice::Severity};
use labrum_core::{
    edit::Edit,
    mask::Rule,
    region::Region,
    tools::{smart_brush, stroke, threshold},
};
use std::sync::Arc;

/// A smart brush looks at the image anew after so much of its radius.
const SMART_STEP: f64 = 0.35;

/// A brush that is down.
#[derive(Debug)]
pub(in crate::session) struct Stroke {
    /// What it changed so far, in order.
    pub(in crate::session) edits: Vec<Edit>,
    label: u8,
    last: Place,
}

impl Session {
    /// Radii of a size in the unit of the options, in pixels along x and y: round on the screen.
    pub(in crate::session) fn in_pixels(&self, size: f64) -> Place {
        let Some(case) = self.current_case() else {
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
                let erases = input.erases || self.tool == ToolKind::Eraser;
                let Some(label) = (if erases {
                    Some(0)
                } else {
                    self.drawable_label()
                }) else {
                    return;
                };
                self.finish_hand();
                self.tools.hand = Hand::Stroke(Stroke {
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

    /// Paints from where the brush was to `to`.
    fn paint_dab(&mut self, to: Place) {
        let Hand::Stroke(stroke) = &self.tools.hand else {
            return;
        };
        let (label, from) = (stroke.label, stroke.last);
        let Some(region) = self.brushed_region(from, to) else {
            return;
        };
        let rule = self.drawing_rule(label);
        let Some(key) = self.live_mask().map(|l| l.slice_key()) else {
            return;
        };
        let edit = self.write_mask(key, |mask| mask.paint_region(&region, label, &rule));
        if let Hand::Stroke(stroke) = &mut self.tools.hand {
            stroke.last = to;
            if !edit.is_empty() {
                stroke.edits.push(edit);
            }
        }
    }

    /// The pixels under a brush that moves; `None` where a smart brush has not moved far enough to look again.
    fn brushed_region(&self, from: Place, to: Place) -> Option<Region> {
        let loaded = self.current_loaded()?;
        let (columns, rows) = self.slice_size();
        let radii = self.in_pixels(self.settings.tools.radius);
        let region = if self.tool == ToolKind::SmartBrush {
            let step = (radii[0].min(radii[1]) * SMART_STEP).max(1.0);
            let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
            let distance = dx.hypot(dy);
            if distance > 0.0 && distance < step {
                return None;
            }
            let count = (distance / step).floor().max(1.0) as usize;
            let places = (1..=count)
                .map(|i| i as f64 / count as f64)
                .map(|t| [from[0] + t * dx, from[1] + t * dy]);
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

    fn within_threshold(&self, loaded: &Arc<Loaded>, region: Region, columns: usize) -> Region {
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
        let Hand::Stroke(stroke) = std::mem::take(&mut self.tools.hand) else {
            return;
        };
        let Some(live) = self.live_mask() else { return };
        let (key, edit) = (live.slice_key(), live.mask().merge_edits(&stroke.edits));
        if edit.is_empty() && self.drawing_rule(stroke.label) != Rule::FREE {
            let text = "Nothing changed: what is there is locked or must not be painted over.";
            self.notices.add(Severity::Hint, text);
        }
        let tool = if stroke.label == 0 {
            ToolKind::Eraser
        } else {
            self.tool
        };
        self.commit_edits(tool.display_name(), key.case, vec![(key.slice, edit)]);
    }

    pub(super) fn brush_preview(&self, input: PointerInput) -> Preview {
        let radii = self.in_pixels(self.settings.tools.radius);
        let erases = input.erases || self.tool == ToolKind::Eraser;
        let looks_at_image =
            self.tool == ToolKind::SmartBrush || self.settings.tools.threshold.is_some();
        // A plain brush does what its ring says.
        let region = (looks_at_image && !self.is_drawing())
            .then(|| self.brushed_region(input.at, input.at))
            .flatten();
        let label = if erases { 0 } else { self.label_to_draw() };
        Preview {
            region,
            label,
            ring: Some((input.at, radii)),
            ..Preview::default()
        }
    }
}
