//! The current object of the Click tool on the image: its outline, and markers for its prompts.

use super::tool_overlay::{LIGHT, RIM, screen_point};
use crate::session::{
    Session, click_place::ClickPlace, settings::ViewMode, tools::Place, view::ViewPlacement,
};
use egui::{Color32, Painter, Pos2, Shape, Stroke, epaint::PathStroke, vec2};
use labrum_core::prompts::Prompt;

/// Radius of a click marker, and half the length of its plus or minus sign, in points.
const MARKER: f32 = 6.5;
const SIGN: f32 = 3.5;

/// Lengths of dashes and gaps, in points.
const DASH: f32 = 5.0;
const GAP: f32 = 4.0;

/// Fill of the markers of negative prompts.
const DARK: Color32 = Color32::from_rgb(30, 31, 33);

/// Paints the current object and the prompt that is being drawn, if they lie on the slice or orthogonal view for which
/// `is_shown` is true.
pub(super) fn paint_clicks(
    painter: &Painter,
    session: &Session,
    placement: ViewPlacement,
    is_shown: impl Fn(&ClickPlace) -> bool,
) {
    let overlay = ClickOverlay { painter, placement };
    let object = session.clicks.object();
    if let Some(object) = object.filter(|object| is_shown(object.place())) {
        let found = object
            .found()
            .filter(|_| session.settings.view_mode != ViewMode::Hidden);
        for ring in found.iter().flat_map(|found| found.rings()) {
            overlay.paint_ring(ring.iter().map(|p| p.map(f64::from)));
        }
        object.prompts().for_each(|p| overlay.paint_prompt(p));
    }
    if let Some((place, drawn)) = session.tools.drawn_prompt()
        && is_shown(place)
    {
        overlay.paint_prompt(&drawn);
    }
}

struct ClickOverlay<'a> {
    painter: &'a Painter,
    placement: ViewPlacement,
}

impl ClickOverlay<'_> {
    /// A closed dashed line, without points that coincide on the screen.
    fn paint_ring(&self, points: impl Iterator<Item = Place>) {
        let mut line: Vec<Pos2> = Vec::new();
        for at in points.map(|place| screen_point(self.placement, place)) {
            if line.last().is_none_or(|last| last.distance_sq(at) >= 0.5) {
                line.push(at);
            }
        }
        let Some(first) = line.first().copied() else {
            return;
        };
        line.push(first);
        // A dark line below, so that the dashes are visible on bright tissue.
        let rim = PathStroke::new(3.0, Color32::from_black_alpha(110));
        self.painter.add(Shape::line(line.clone(), rim));
        let stroke = Stroke::new(1.25, LIGHT);
        self.painter
            .extend(Shape::dashed_line(&line, stroke, DASH, GAP));
    }

    fn paint_prompt(&self, prompt: &Prompt) {
        match prompt {
            Prompt::Click { at, adds } => self.paint_marker(*at, *adds),
            Prompt::Box { from, to } => {
                let corners = [*from, [to[0], from[1]], *to, [from[0], to[1]]];
                self.paint_ring(corners.into_iter());
            }
            Prompt::Scribble { points, adds } => {
                let line: Vec<Pos2> = points
                    .iter()
                    .map(|place| screen_point(self.placement, *place))
                    .collect();
                for (width, color) in [(3.5, RIM), (1.5, LIGHT)] {
                    let stroke = PathStroke::new(width, color);
                    self.painter.add(Shape::line(line.clone(), stroke));
                }
                if let Some(first) = points.first() {
                    self.paint_marker(*first, *adds);
                }
            }
        }
    }

    /// A disc with a plus or a minus. The dark one has a light rim, so that it is visible on dark tissue.
    fn paint_marker(&self, at: Place, adds: bool) {
        let middle = screen_point(self.placement, at);
        let (fill, sign, rim) = if adds {
            (LIGHT, DARK, RIM)
        } else {
            (DARK, LIGHT, LIGHT)
        };
        self.painter
            .circle(middle, MARKER, fill, Stroke::new(1.5, rim));
        let stroke = Stroke::new(1.75, sign);
        let across = vec2(SIGN, 0.0);
        self.painter
            .line_segment([middle - across, middle + across], stroke);
        if adds {
            let down = vec2(0.0, SIGN);
            self.painter
                .line_segment([middle - down, middle + down], stroke);
        }
    }
}
