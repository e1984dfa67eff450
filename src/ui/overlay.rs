//! Vector overlays drawn from contours: boundary confidence, uncertain regions and measurements.

use super::theme::{DOUBT, ON_CANVAS, confidence_color};
use crate::session::{
    finding::{BoundaryRing, Doubt, Finding},
    settings::ViewMode,
    view::ViewPlacement,
};
use egui::{
    Align2, Color32, FontId, Painter, Pos2, Rangef, Rect, Shape, Stroke, epaint::PathStroke, pos2,
    vec2,
};
use labrum_core::measure::Measurement;

/// Width of an outline in points.
const LINE: f32 = 1.75;

/// Number of colour steps of the confidence scale.
const STEPS: f32 = 32.0;

/// The overlays of one slice and how to draw them.
pub(crate) struct ContourOverlay<'a> {
    pub(crate) finding: &'a Finding,
    pub(crate) mode: ViewMode,
    pub(crate) hidden_labels: &'a [u8],
    pub(crate) measurements: bool,
    pub(crate) focus: Option<&'a Doubt>,
    /// Opacity of the outline in [`ViewMode::Confidence`], 0..=1.
    pub(crate) opacity: f32,
    pub(crate) placement: ViewPlacement,
}

impl ContourOverlay<'_> {
    /// Draws all overlays.
    pub(crate) fn paint_contours(&self, painter: &Painter) {
        if self.mode == ViewMode::Hidden {
            return;
        }
        if self.mode == ViewMode::Confidence {
            for outline in self
                .finding
                .outlines
                .iter()
                .filter(|o| self.is_visible(o.label))
            {
                if self.intersects_clip(painter.clip_rect(), outline.bounds) {
                    self.paint_confidence(painter, outline);
                }
            }
        }
        if let Some(doubt) = self.focus.filter(|d| self.is_visible(d.label)) {
            self.paint_doubt(painter, doubt);
        }
        if self.measurements {
            for measurement in self
                .finding
                .measurements
                .iter()
                .filter(|m| self.is_visible(m.label))
            {
                self.paint_diameter(painter, measurement);
            }
        }
    }

    fn is_visible(&self, label: u8) -> bool {
        !self.hidden_labels.contains(&label)
    }

    fn to_screen(&self, [x, y]: [f32; 2]) -> Pos2 {
        let [x, y] = self.placement.screen_from_image([x, y]);
        pos2(x, y)
    }

    fn intersects_clip(&self, clip: Rect, [low, high]: [[f32; 2]; 2]) -> bool {
        Rect::from_two_pos(self.to_screen(low), self.to_screen(high))
            .expand(LINE)
            .intersects(clip)
    }

    fn paint_confidence(&self, painter: &Painter, outline: &BoundaryRing) {
        let ring = self.thinned_ring(outline);
        if ring.len() < 3 {
            return;
        }
        let points = ring.iter().map(|(p, _)| *p).collect();
        // A dark rim separates the line from bright tissue.
        painter.add(Shape::closed_line(
            points,
            PathStroke::new(
                LINE + 2.0,
                Color32::from_black_alpha(110).gamma_multiply(self.opacity),
            ),
        ));
        let mut start = 0;
        while start < ring.len() {
            let value = round_confidence(ring[start].1);
            let end = (start + 1..ring.len())
                .find(|&i| round_confidence(ring[i].1) != value)
                .unwrap_or(ring.len());
            // Each piece ends at the first point of the next one.
            let piece: Vec<Pos2> = (start..=end).map(|i| ring[i % ring.len()].0).collect();
            let color = confidence_color(value).gamma_multiply(self.opacity);
            painter.add(Shape::line(piece, PathStroke::new(LINE + 0.75, color)));
            start = end;
        }
    }

    /// The ring in screen coordinates with its confidence, without points that coincide on the screen.
    fn thinned_ring(&self, outline: &BoundaryRing) -> Vec<(Pos2, f32)> {
        let mut ring: Vec<(Pos2, f32)> = Vec::with_capacity(outline.points.len());
        for (point, confidence) in outline.points.iter().zip(&outline.confidence) {
            let at = self.to_screen(*point);
            match ring.last_mut() {
                Some((last, low)) if last.distance_sq(at) < 0.5 => *low = low.min(*confidence),
                _ => ring.push((at, *confidence)),
            }
        }
        ring
    }

    fn paint_doubt(&self, painter: &Painter, doubt: &Doubt) {
        let Some(outline) = self
            .finding
            .outlines
            .get(doubt.outline)
            .filter(|o| !o.points.is_empty())
        else {
            return;
        };
        let n = outline.points.len();
        let points: Vec<Pos2> = (0..doubt.points.min(n))
            .map(|k| self.to_screen(outline.points[(doubt.first + k) % n]))
            .collect();
        painter.add(Shape::line(
            points.clone(),
            PathStroke::new(7.0, Color32::from_white_alpha(70)),
        ));
        painter.add(Shape::line(points, PathStroke::new(3.0, DOUBT)));
        let [low, high] = doubt.bounds;
        let frame = Rect::from_two_pos(self.to_screen(low), self.to_screen(high)).expand(14.0);
        paint_frame_corners(painter, frame, Stroke::new(1.5, DOUBT));
    }

    fn paint_diameter(&self, painter: &Painter, measurement: &Measurement) {
        let [a, b] = measurement
            .longest_diameter
            .ends
            .map(|p| self.to_screen([p[0] as f32, p[1] as f32]));
        let along = (b - a).normalized();
        if !along.is_finite() || a.distance(b) < 12.0 {
            return;
        }
        let seen = painter.clip_rect();
        let crosses = seen.contains(a) || seen.intersects_ray(a, along);
        if !(crosses && seen.intersects(Rect::from_two_pos(a, b))) {
            return;
        }
        let across = vec2(-along.y, along.x) * 5.0;
        let shadow = Stroke::new(3.0, Color32::from_black_alpha(120));
        let line = Stroke::new(1.25, ON_CANVAS);
        for stroke in [shadow, line] {
            painter.extend(Shape::dashed_line(&[a, b], stroke, 6.0, 4.0));
            for end in [a, b] {
                painter.line_segment([end - across, end + across], stroke);
            }
        }
        let text = format!(
            "{:.1} {}",
            measurement.longest_diameter.length,
            measurement.unit.symbol()
        );
        let label = painter.layout_no_wrap(text, FontId::proportional(12.0), ON_CANVAS);
        // Beside the right end of the line, where it hides the least.
        let end = if a.x > b.x { a } else { b };
        let at = Align2::LEFT_CENTER.anchor_size(end + vec2(10.0, 0.0), label.size());
        let at = at.translate(keep_inside(at.expand(4.0), painter.clip_rect().shrink(4.0)));
        painter.rect_filled(
            at.expand2(vec2(4.0, 2.0)),
            3.0,
            Color32::from_black_alpha(170),
        );
        painter.galley(at.min, label, ON_CANVAS);
    }
}

/// Shift that moves `rect` inside `room`.
fn keep_inside(rect: Rect, room: Rect) -> egui::Vec2 {
    vec2(
        shift_into_range(rect.x_range(), room.x_range()),
        shift_into_range(rect.y_range(), room.y_range()),
    )
}

/// The same along one axis; a range that is too long is aligned to the end of the room.
fn shift_into_range(range: Rangef, room: Rangef) -> f32 {
    if range.max > room.max {
        room.max - range.max
    } else if range.min < room.min {
        room.min - range.min
    } else {
        0.0
    }
}

/// Rounds a confidence to one of [`STEPS`] values, so that each piece of line has one colour.
fn round_confidence(confidence: f32) -> f32 {
    (confidence * STEPS).round() / STEPS
}

/// Paints only the four corners of a frame.
fn paint_frame_corners(painter: &Painter, frame: Rect, stroke: Stroke) {
    let arm = (frame.width().min(frame.height()) / 4.0).min(12.0);
    for (corner, x, y) in [
        (frame.left_top(), arm, arm),
        (frame.right_top(), -arm, arm),
        (frame.left_bottom(), arm, -arm),
        (frame.right_bottom(), -arm, -arm),
    ] {
        painter.line(
            vec![corner + vec2(x, 0.0), corner, corner + vec2(0.0, y)],
            PathStroke::from(stroke),
        );
    }
}
