//! Polygon, lasso and live wire: a closed outline whose inside is added, subtracted, or reset to the proposal.

use super::{LoadedWire, Place, PointerInput, PointerPhase, Preview, Session, ToolGesture};
use crate::session::{
    notice::Severity,
    tool_options::{OutlineDoes, ToolKind},
};
use labrum_core::{
    region::Region,
    tools::{live_wire::Wire, polygon::rasterize_polygon},
};
use std::mem;

/// Distance within which a press grabs a point, in screen points.
const GRAB: f64 = 8.0;

/// Maximum distance from the pointer at which a live wire snaps to an edge, in pixels.
const SNAP: f64 = 4.0;

/// Distance between points of a lasso, in pixels.
pub(super) const LASSO_STEP: f64 = 0.5;

/// An outline that is being drawn.
#[derive(Debug)]
pub(in crate::session) struct DrawnLine {
    /// Clicked points; for a lasso all points.
    pub(super) anchors: Vec<Place>,
    /// For a live wire the path from each anchor to the next.
    ways: Vec<Vec<Place>>,
    /// The anchor that is being dragged, and whether it has moved.
    pub(super) dragging: Option<(usize, bool)>,
    erases: bool,
}

impl DrawnLine {
    /// The whole line: the anchors, or the paths between them.
    fn line_points(&self) -> Vec<Place> {
        if self.ways.is_empty() {
            self.anchors.clone()
        } else {
            self.ways.concat()
        }
    }

    /// True if it encloses an area: a live wire with two anchors already can, other outlines need three.
    pub(super) fn has_inside(&self) -> bool {
        self.anchors.len() >= if self.ways.is_empty() { 3 } else { 2 }
    }

    fn anchor_near(&self, at: Place, scale: f64) -> Option<usize> {
        let distances = self
            .anchors
            .iter()
            .map(|anchor| distance_between(*anchor, at) * scale);
        let (nearest, distance) = distances.enumerate().min_by(|a, b| a.1.total_cmp(&b.1))?;
        (distance <= GRAB).then_some(nearest)
    }
}

/// Distance between two positions, in pixels.
pub(super) fn distance_between(a: Place, b: Place) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

impl Session {
    pub(in crate::session) fn handle_outline(&mut self, input: PointerInput) {
        match (self.tools.kind, input.phase) {
            (ToolKind::Lasso, PointerPhase::Press) => self.begin_outline(input),
            (ToolKind::Lasso, PointerPhase::Drag) => self.tools.lasso_on(input.at),
            (ToolKind::Lasso, PointerPhase::Release) => self.close_outline(),
            (ToolKind::Lasso, _) => {}
            (_, PointerPhase::Press) => self.press_corner(input),
            (_, PointerPhase::Drag) => self.tools.move_corner(input.at),
            (_, PointerPhase::Release) => self.release_corner(),
            (_, PointerPhase::DoubleClick) => {
                if matches!(&self.tools.gesture, ToolGesture::Outline(outline) if outline.has_inside())
                {
                    self.close_outline();
                }
            }
            (_, PointerPhase::Hover | PointerPhase::Leave) => {}
        }
    }

    /// Closes the outline, for Enter; false if there is none.
    pub(in crate::session) fn close_by_key(&mut self) -> bool {
        let is_outline = matches!(self.tools.gesture, ToolGesture::Outline(_));
        if is_outline {
            self.close_outline();
            self.show_preview();
        }
        is_outline
    }

    /// Removes the last point of an outline with more than one; false if there is none.
    pub(in crate::session) fn take_back_corner(&mut self) -> bool {
        let is_lasso = self.tools.kind == ToolKind::Lasso;
        let ToolGesture::Outline(outline) = &mut self.tools.gesture else {
            return false;
        };
        if is_lasso || outline.anchors.len() < 2 {
            return false;
        }
        outline.anchors.pop();
        outline.ways.truncate(outline.anchors.len() - 1);
        outline.dragging = None;
        self.tools.start_wire();
        self.show_preview();
        true
    }

    fn begin_outline(&mut self, input: PointerInput) {
        let takes_away = input.erases || self.settings.tools.outline_does != OutlineDoes::Add;
        if !takes_away && self.drawable_label().is_none() {
            return;
        }
        self.finish_gesture();
        let anchors = vec![input.at];
        let erases = input.erases;
        self.tools.gesture = ToolGesture::Outline(DrawnLine {
            anchors,
            ways: Vec::new(),
            dragging: Some((0, false)),
            erases,
        });
    }

    fn press_corner(&mut self, input: PointerInput) {
        if !matches!(self.tools.gesture, ToolGesture::Outline(_)) {
            let at = self.snap_to_edge(input);
            self.begin_outline(PointerInput { at, ..input });
            return self.tools.start_wire();
        }
        let snapped = self.snap_to_edge(input);
        let ToolGesture::Outline(outline) = &mut self.tools.gesture else {
            return;
        };
        outline.erases = input.erases;
        if let Some(taken) = outline.anchor_near(input.at, input.scale) {
            outline.dragging = Some((taken, false));
            return;
        }
        let last = outline.anchors.len();
        outline.anchors.push(snapped);
        outline.dragging = Some((last, true));
        if self.tools.kind == ToolKind::LiveWire {
            let way = self.tools.wire_way(last - 1, snapped);
            if let ToolGesture::Outline(outline) = &mut self.tools.gesture {
                outline.ways.push(way);
            }
            self.tools.start_wire();
        }
    }

    fn release_corner(&mut self) {
        let ToolGesture::Outline(outline) = &mut self.tools.gesture else {
            return;
        };
        let closes = outline.dragging.take() == Some((0, false)) && outline.anchors.len() >= 3;
        if closes {
            self.close_outline();
        }
    }

    /// For a live wire the strongest edge nearby; for other tools the position itself.
    fn snap_to_edge(&mut self, input: PointerInput) -> Place {
        if self.tools.kind != ToolKind::LiveWire {
            return input.at;
        }
        let (Some(case), Some(loaded), Some(live)) = (
            self.cases.current_case(),
            self.current_loaded(),
            self.live_mask(),
        ) else {
            return input.at;
        };
        let key = live.slice_key();
        let window = self.window_of(case, loaded);
        let image = loaded.image.clone();
        let is_known = self
            .tools
            .wire
            .as_ref()
            .is_some_and(|w| w.key == key && w.window == window);
        if !is_known {
            self.tools.wire = Some(LoadedWire {
                key,
                window,
                wire: Box::new(Wire::new(image, window)),
            });
        }
        let reach = (GRAB / input.scale.max(0.1)).clamp(1.0, SNAP);
        self.tools
            .wire
            .as_mut()
            .map_or(input.at, |w| w.wire.snap_to_edge(input.at, reach))
    }

    fn close_outline(&mut self) {
        if let (ToolGesture::Outline(outline), ToolKind::LiveWire) =
            (&self.tools.gesture, self.tools.kind)
            && let (Some(&first), last) = (outline.anchors.first(), outline.anchors.len() - 1)
            && last > 0
        {
            let way = self.tools.wire_way(last, first);
            if let ToolGesture::Outline(outline) = &mut self.tools.gesture {
                outline.ways.push(way);
            }
        }
        let ToolGesture::Outline(outline) = mem::take(&mut self.tools.gesture) else {
            return;
        };
        let (columns, rows) = self.masks.slice_size();
        let region = rasterize_polygon(&outline.line_points(), columns, rows);
        let does = if outline.erases {
            OutlineDoes::Subtract
        } else {
            self.settings.tools.outline_does
        };
        self.apply_outline(&region, does);
    }

    /// Closes an outline because the user does something else, with a message.
    pub(super) fn close_outline_on_leaving(&mut self) {
        let tool = self.tools.kind.display_name();
        let slice = self.cases.current_case().map_or(0, |case| case.slice + 1);
        let count = self.history.len();
        self.close_outline();
        if self.history.len() > count && self.tools.kind != ToolKind::Lasso {
            let text = format!(
                "The unfinished {} on slice {slice} was closed.",
                tool.to_lowercase()
            );
            self.notices.add(Severity::Hint, text);
        }
    }

    fn apply_outline(&mut self, region: &Region, does: OutlineDoes) {
        let label = match does {
            OutlineDoes::Subtract => 0,
            OutlineDoes::TakeProposal => return self.take_proposal_in(region),
            OutlineDoes::Add => match self.drawable_label() {
                Some(label) => label,
                None => return,
            },
        };
        let Some(key) = self.live_mask().map(|l| l.slice_key()) else {
            return;
        };
        let rule = self.labels.drawing_rule(label);
        let edit = self.write_mask(key, |mask| mask.paint_region(region, label, &rule));
        self.commit_edits(
            self.tools.kind.display_name(),
            key.case,
            vec![(key.slice, edit)],
        );
    }

    pub(super) fn outline_preview(&mut self, input: Option<PointerInput>) -> Preview {
        let is_lasso = self.tools.kind == ToolKind::Lasso;
        let ToolGesture::Outline(outline) = &self.tools.gesture else {
            return Preview::default();
        };
        let mut line = outline.line_points();
        let points = outline.anchors.clone();
        let does = if outline.erases {
            OutlineDoes::Subtract
        } else {
            self.settings.tools.outline_does
        };
        let is_settled = outline.dragging.is_some();
        // Over an existing point a press drags it and adds none.
        let next = input
            .filter(|i| !is_lasso && !is_settled && outline.anchor_near(i.at, i.scale).is_none());
        if let Some(at) = next.map(|i| i.at) {
            match self.tools.kind {
                ToolKind::LiveWire => line.extend(self.tools.wire_way(points.len() - 1, at)),
                _ => line.push(at),
            }
        } else if line.is_empty() {
            line = points.clone();
        }
        let (columns, rows) = self.masks.slice_size();
        let region = (line.len() >= 3).then(|| rasterize_polygon(&line, columns, rows));
        let label = if does == OutlineDoes::Add {
            self.labels.label_to_draw()
        } else {
            0
        };
        let points = if is_lasso { Vec::new() } else { points };
        Preview {
            region,
            label,
            line,
            points,
            is_closed: true,
            ring: None,
        }
    }
}
