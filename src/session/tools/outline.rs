//! Polygon, lasso and live wire: a closed line whose inside is added, taken away, or given back to the model.

use super::{
    Hand, OutlineDoes, Place, PointerInput, PointerPhase, Preview, Session, ToolKind, WireInHand,
};
use crate::session::notice::Severity;
use labrum_core::{
    region::Region,
    tools::{live_wire::Wire, polygon::rasterize_polygon},
};

/// A point is taken up from so many points of the screen.
const GRAB: f64 = 8.0;

/// A live wire looks for an edge at most so many pixels about the pointer.
const SNAP: f64 = 4.0;

/// A lasso takes a point where it moved so many pixels.
const LASSO_STEP: f64 = 0.5;

/// A line that is being drawn.
#[derive(Debug)]
pub(in crate::session) struct DrawnLine {
    /// Places that were clicked, or all of a lasso.
    anchors: Vec<Place>,
    /// For a live wire the way from each anchor to the next.
    ways: Vec<Vec<Place>>,
    /// The anchor that is being moved, and whether it has moved.
    dragging: Option<(usize, bool)>,
    erases: bool,
}

impl DrawnLine {
    /// The whole line: anchors, or the ways between them.
    fn line_points(&self) -> Vec<Place> {
        if self.ways.is_empty() {
            self.anchors.clone()
        } else {
            self.ways.concat()
        }
    }

    /// A live wire makes ways between two anchors that lie apart; other lines need three.
    pub(super) fn has_inside(&self) -> bool {
        self.anchors.len() >= if self.ways.is_empty() { 3 } else { 2 }
    }

    fn anchor_near(&self, at: Place, scale: f64) -> Option<usize> {
        let distance = |p: &Place| (p[0] - at[0]).hypot(p[1] - at[1]) * scale;
        let nearest = self
            .anchors
            .iter()
            .enumerate()
            .min_by(|a, b| distance(a.1).total_cmp(&distance(b.1)))?;
        (distance(nearest.1) <= GRAB).then_some(nearest.0)
    }
}

impl Session {
    pub(in crate::session) fn handle_outline(&mut self, input: PointerInput) {
        match (self.tool, input.phase) {
            (ToolKind::Lasso, PointerPhase::Press) => self.begin_outline(input),
            (ToolKind::Lasso, PointerPhase::Drag) => self.lasso_on(input.at),
            (ToolKind::Lasso, PointerPhase::Release) => self.close_outline(),
            (ToolKind::Lasso, _) => {}
            (_, PointerPhase::Press) => self.press_corner(input),
            (_, PointerPhase::Drag) => self.move_corner(input.at),
            (_, PointerPhase::Release) => self.release_corner(),
            (_, PointerPhase::DoubleClick) => {
                if matches!(&self.tools.hand, Hand::Outline(outline) if outline.has_inside()) {
                    self.close_outline();
                }
            }
            (_, PointerPhase::Hover | PointerPhase::Leave) => {}
        }
    }

    /// Closes the line in hand, as Enter does; false where there is none.
    pub(in crate::session) fn close_by_key(&mut self) -> bool {
        let is_outline = matches!(self.tools.hand, Hand::Outline(_));
        if is_outline {
            self.close_outline();
            self.show_preview();
        }
        is_outline
    }

    /// Takes back the last corner of a line in hand that has more than one; false where there is none.
    pub(in crate::session) fn take_back_corner(&mut self) -> bool {
        let is_lasso = self.tool == ToolKind::Lasso;
        let Hand::Outline(outline) = &mut self.tools.hand else {
            return false;
        };
        if is_lasso || outline.anchors.len() < 2 {
            return false;
        }
        outline.anchors.pop();
        outline.ways.truncate(outline.anchors.len() - 1);
        outline.dragging = None;
        self.start_wire();
        self.show_preview();
        true
    }

    fn begin_outline(&mut self, input: PointerInput) {
        let takes_away = input.erases || self.settings.tools.outline_does != OutlineDoes::Add;
        if !takes_away && self.drawable_label().is_none() {
            return;
        }
        self.finish_hand();
        let (anchors, erases) = (vec![input.at], input.erases);
        self.tools.hand = Hand::Outline(DrawnLine {
            anchors,
            ways: Vec::new(),
            dragging: Some((0, false)),
            erases,
        });
    }

    fn lasso_on(&mut self, at: Place) {
        let Hand::Outline(outline) = &mut self.tools.hand else {
            return;
        };
        let is_far = outline
            .anchors
            .last()
            .is_none_or(|p| (p[0] - at[0]).hypot(p[1] - at[1]) >= LASSO_STEP);
        if is_far {
            outline.anchors.push(at);
        }
    }

    fn press_corner(&mut self, input: PointerInput) {
        if !matches!(self.tools.hand, Hand::Outline(_)) {
            let at = self.snap_to_edge(input);
            self.begin_outline(PointerInput { at, ..input });
            return self.start_wire();
        }
        let snapped = self.snap_to_edge(input);
        let Hand::Outline(outline) = &mut self.tools.hand else {
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
        if self.tool == ToolKind::LiveWire {
            let way = self.wire_way(last - 1, snapped);
            if let Hand::Outline(outline) = &mut self.tools.hand {
                outline.ways.push(way);
            }
            self.start_wire();
        }
    }

    fn move_corner(&mut self, at: Place) {
        let is_wire = self.tool == ToolKind::LiveWire;
        let Hand::Outline(outline) = &mut self.tools.hand else {
            return;
        };
        let Some((index, has_moved)) = &mut outline.dragging else {
            return;
        };
        // A corner of a live wire lies on the way that was shown when it was set.
        if !is_wire {
            *has_moved = *has_moved || outline.anchors[*index] != at;
            outline.anchors[*index] = at;
        }
    }

    fn release_corner(&mut self) {
        let Hand::Outline(outline) = &mut self.tools.hand else {
            return;
        };
        let closes = outline.dragging.take() == Some((0, false)) && outline.anchors.len() >= 3;
        if closes {
            self.close_outline();
        }
    }

    /// Begins the search for ways from the last anchor.
    fn start_wire(&mut self) {
        let (Hand::Outline(outline), ToolKind::LiveWire) = (&self.tools.hand, self.tool) else {
            return;
        };
        if let (Some(from), Some(wire)) = (outline.anchors.last(), &mut self.tools.wire) {
            wire.wire.start_at(*from);
        }
    }

    /// The place of the strongest edge nearby, for a live wire; the place itself for other tools.
    fn snap_to_edge(&mut self, input: PointerInput) -> Place {
        if self.tool != ToolKind::LiveWire {
            return input.at;
        }
        let (Some(case), Some(loaded), Some(live)) =
            (self.current_case(), self.current_loaded(), self.live_mask())
        else {
            return input.at;
        };
        let (key, window, image) = (
            live.slice_key(),
            self.window_of(case, loaded),
            loaded.image.clone(),
        );
        let is_known = self
            .tools
            .wire
            .as_ref()
            .is_some_and(|w| w.key == key && w.window == window);
        if !is_known {
            self.tools.wire = Some(WireInHand {
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

    /// The way from an anchor to a place; straight where there is no wire.
    fn wire_way(&mut self, from: usize, to: Place) -> Vec<Place> {
        let Hand::Outline(outline) = &self.tools.hand else {
            return Vec::new();
        };
        let from = outline.anchors[from];
        match &mut self.tools.wire {
            Some(wire) => wire.wire.path_to(to),
            None => vec![from, to],
        }
    }

    fn close_outline(&mut self) {
        if let (Hand::Outline(outline), ToolKind::LiveWire) = (&self.tools.hand, self.tool)
            && let (Some(&first), last) = (outline.anchors.first(), outline.anchors.len() - 1)
            && last > 0
        {
            let way = self.wire_way(last, first);
            if let Hand::Outline(outline) = &mut self.tools.hand {
                outline.ways.push(way);
            }
        }
        let Hand::Outline(outline) = std::mem::take(&mut self.tools.hand) else {
            return;
        };
        let (columns, rows) = self.slice_size();
        let region = rasterize_polygon(&outline.line_points(), columns, rows);
        let does = if outline.erases {
            OutlineDoes::Subtract
        } else {
            self.settings.tools.outline_does
        };
        self.apply_outline(&region, does);
    }

    /// Whoever goes on before a line is closed keeps what lies in it, and is told.
    pub(super) fn close_outline_on_leaving(&mut self) {
        let (tool, slice) = (
            self.tool.display_name(),
            self.current_case().map_or(0, |case| case.slice + 1),
        );
        let count = self.history.len();
        self.close_outline();
        if self.history.len() > count && self.tool != ToolKind::Lasso {
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
        let rule = self.drawing_rule(label);
        let edit = self.write_mask(key, |mask| mask.paint_region(region, label, &rule));
        self.commit_edits(self.tool.display_name(), key.case, vec![(key.slice, edit)]);
    }

    pub(super) fn outline_preview(&mut self, input: Option<PointerInput>) -> Preview {
        let is_lasso = self.tool == ToolKind::Lasso;
        let Hand::Outline(outline) = &self.tools.hand else {
            return Preview::default();
        };
        let (mut line, points) = (outline.line_points(), outline.anchors.clone());
        let does = if outline.erases {
            OutlineDoes::Subtract
        } else {
            self.settings.tools.outline_does
        };
        let is_settled = outline.dragging.is_some();
        // Over a corner a press takes it up and adds none.
        let next = input
            .filter(|i| !is_lasso && !is_settled && outline.anchor_near(i.at, i.scale).is_none());
        if let Some(at) = next.map(|i| i.at) {
            match self.tool {
                ToolKind::LiveWire => line.extend(self.wire_way(points.len() - 1, at)),
                _ => line.push(at),
            }
        } else if line.is_empty() {
            line = points.clone();
        }
        let (columns, rows) = self.slice_size();
        let region = (line.len() >= 3).then(|| rasterize_polygon(&line, columns, rows));
        let label = if does == OutlineDoes::Add {
            self.label_to_draw()
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
