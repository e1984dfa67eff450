//! What a presentation state adds to the image: its shutter, and its graphics and texts.

use super::{
    theme::DRAWN,
    tool_overlay::{LIGHT, RIM},
};
use crate::session::{Session, case::Case, view::ViewPlacement};
use egui::{
    Align2, Color32, FontId, Mesh, Painter, Pos2, Rect, Shape, Stroke, epaint::PathStroke, pos2,
    vec2,
};
use labrum_core::{
    presentation::{
        DisplayedArea, Graphic, GraphicPoint, GraphicShape, GraphicText, GraphicUnit, ImageKey,
        Justification, PresentationState, Shutter, TextBox, hidden_pixels,
    },
    region::Region,
};

/// Half the length of the lines of a point, in points.
const CROSS: f32 = 6.0;

/// Distance of a text from the place that it is about, in points.
const BESIDE: f32 = 12.0;

/// The presentation state of a slice on the canvas.
pub(super) struct PresentationLayer<'a> {
    presented: Option<Presented<'a>>,
}

/// A presentation state that refers to the slice.
struct Presented<'a> {
    state: &'a PresentationState,
    key: ImageKey<'a>,
    /// Columns and rows of the image.
    size: [usize; 2],
    shows_graphics: bool,
    shows_texts: bool,
}

impl<'a> PresentationLayer<'a> {
    /// That of a slice; without a presentation state, or with one of other images, nothing is painted.
    pub(super) fn of_slice(session: &'a Session, case: &'a Case, slice: usize) -> Self {
        let key = case.slice_info(slice).and_then(|info| info.image_key());
        let state = case.presentation_on(slice);
        Self {
            presented: state.zip(key).map(|(state, key)| Presented {
                state,
                key,
                size: [case.series.columns, case.series.rows],
                shows_graphics: session.shows_annotations(),
                shows_texts: session.shows_annotation_texts(),
            }),
        }
    }

    /// Paints what is outside of the shutter.
    pub(super) fn paint_shutter(
        &self,
        painter: &Painter,
        placement: ViewPlacement,
        hidden: &mut HiddenPixels,
    ) {
        let Some(presented) = &self.presented else {
            return;
        };
        let pixels = hidden.outside_of(&presented.state.shutters, presented.size);
        let grey = (presented.state.shutter_level * 255.0).round() as u8;
        paint_pixels(painter, placement, pixels, Color32::from_gray(grey));
    }

    /// Paints graphics and texts, if they are shown.
    pub(super) fn paint_annotations(&self, painter: &Painter, placement: ViewPlacement) {
        self.paint_graphics(painter, placement);
        let shown = self.presented.as_ref();
        let Some(presented) = shown.filter(|presented| presented.shows_texts) else {
            return;
        };
        let places = presented.places_on(placement);
        for annotation in presented.state.annotations_on(presented.key) {
            for text in &annotation.texts {
                paint_text(painter, text, &places);
            }
        }
    }

    /// Paints graphics alone, if they are shown.
    pub(super) fn paint_graphics(&self, painter: &Painter, placement: ViewPlacement) {
        let shown = self.presented.as_ref();
        let Some(presented) = shown.filter(|presented| presented.shows_graphics) else {
            return;
        };
        let places = presented.places_on(placement);
        for annotation in presented.state.annotations_on(presented.key) {
            for graphic in &annotation.graphics {
                paint_graphic(painter, graphic, &places);
            }
        }
    }
}

impl Presented<'_> {
    fn places_on(&self, placement: ViewPlacement) -> Places {
        Places {
            placement,
            displayed: self.displayed_rect(placement),
        }
    }

    /// The displayed area on the screen: that of the presentation state, or the whole image.
    fn displayed_rect(&self, placement: ViewPlacement) -> Rect {
        let whole = DisplayedArea {
            low: [0.0; 2],
            high: self.size.map(|side| side as f32),
        };
        let area = self.state.area_on(self.key).unwrap_or(whole);
        let corners = [area.low, area.high].map(|corner| placement.screen_from_image(corner));
        Rect::from_points(&corners.map(Pos2::from))
    }
}

/// The pixels that shutters hide, kept from frame to frame.
#[derive(Default)]
pub(super) struct HiddenPixels {
    shutters: Vec<Shutter>,
    /// Columns and rows of the image.
    size: [usize; 2],
    pixels: Region,
}

impl HiddenPixels {
    /// The pixels outside of the shutters, computed again only for other shutters or another size.
    fn outside_of(&mut self, shutters: &[Shutter], size: [usize; 2]) -> &Region {
        if self.shutters != shutters || self.size != size {
            let [columns, rows] = size;
            *self = Self {
                shutters: shutters.to_vec(),
                size,
                pixels: hidden_pixels(shutters, columns, rows),
            };
        }
        &self.pixels
    }
}

/// Where graphics lie on the screen.
struct Places {
    placement: ViewPlacement,
    displayed: Rect,
}

impl Places {
    fn on_screen(&self, unit: GraphicUnit, point: GraphicPoint) -> Pos2 {
        match unit {
            GraphicUnit::Pixel => self.placement.screen_from_image(point).into(),
            GraphicUnit::Display => {
                let [across, down] = point;
                self.displayed.min
                    + vec2(
                        across * self.displayed.width(),
                        down * self.displayed.height(),
                    )
            }
        }
    }

    fn box_on_screen(&self, text_box: &TextBox) -> Rect {
        let corners = text_box
            .corners
            .map(|corner| self.on_screen(text_box.unit, corner));
        Rect::from_points(&corners)
    }
}

/// Fills pixels of the image, without a seam between them.
fn paint_pixels(painter: &Painter, placement: ViewPlacement, pixels: &Region, color: Color32) {
    let corner = |column: usize, row: usize| -> Pos2 {
        let at = [column as f32, row as f32];
        placement.screen_from_image(at).into()
    };
    let mut mesh = Mesh::default();
    for span in pixels.spans() {
        let first = corner(span.start, span.row);
        let rect = Rect::from_two_pos(first, corner(span.end, span.row + 1));
        if painter.clip_rect().intersects(rect) {
            mesh.add_colored_rect(rect, color);
        }
    }
    if !mesh.is_empty() {
        painter.add(Shape::mesh(mesh));
    }
}

fn paint_graphic(painter: &Painter, graphic: &Graphic, places: &Places) {
    let strokes = [(3.5, RIM), (1.5, DRAWN)];
    match &graphic.shape {
        GraphicShape::Point(point) => {
            let at = places.on_screen(graphic.unit, *point);
            for (width, color) in strokes {
                let stroke = Stroke::new(width, color);
                for way in [vec2(CROSS, 0.0), vec2(0.0, CROSS)] {
                    painter.line_segment([at - way, at + way], stroke);
                }
            }
        }
        GraphicShape::Line(points) => {
            let points: Vec<Pos2> = points
                .iter()
                .map(|point| places.on_screen(graphic.unit, *point))
                .collect();
            for (width, color) in strokes {
                painter.add(Shape::line(points.clone(), PathStroke::new(width, color)));
            }
        }
    }
}

/// A text in its box, or beside the place that it is about, with a line to that place if it has one.
fn paint_text(painter: &Painter, text: &GraphicText, places: &Places) {
    let anchor = text.anchor.as_ref();
    let about = anchor.map(|anchor| places.on_screen(anchor.unit, anchor.point));
    let words = painter.layout_no_wrap(text.text.clone(), FontId::proportional(13.0), LIGHT);
    let rect = match (&text.text_box, about) {
        (Some(text_box), _) => {
            let room = places.box_on_screen(text_box);
            let (align, at) = match text_box.justification {
                Justification::Left => (Align2::LEFT_TOP, room.left_top()),
                Justification::Center => (Align2::CENTER_TOP, room.center_top()),
                Justification::Right => (Align2::RIGHT_TOP, room.right_top()),
            };
            align.anchor_size(at, words.size())
        }
        (None, Some(at)) => {
            Align2::LEFT_CENTER.anchor_size(pos2(at.x + BESIDE, at.y), words.size())
        }
        (None, None) => return,
    };
    if anchor.is_some_and(|anchor| anchor.is_visible)
        && let Some(about) = about
    {
        for (width, color) in [(3.5, RIM), (1.5, DRAWN)] {
            let from = rect.clamp(about);
            painter.line_segment([from, about], Stroke::new(width, color));
        }
    }
    painter.rect_filled(
        rect.expand2(vec2(3.0, 1.0)),
        3.0,
        Color32::from_black_alpha(150),
    );
    painter.galley(rect.min, words, LIGHT);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::turn::Turn;

    #[test]
    fn points_lie_in_pixels_of_the_image_or_in_parts_of_what_is_displayed() {
        let placement = ViewPlacement {
            turn: Turn::UPRIGHT.flipped_horizontally(),
            ..ViewPlacement::upright([2.0; 2], [100.0, 10.0])
        };
        let state = PresentationState::default();
        let presented = Presented {
            state: &state,
            key: ImageKey {
                uid: "1.2",
                frame: 1,
            },
            size: [40, 20],
            shows_graphics: true,
            shows_texts: true,
        };
        let places = Places {
            placement,
            displayed: presented.displayed_rect(placement),
        };
        // Pixels are flipped with the image; parts of the display are not.
        let pixel = places.on_screen(GraphicUnit::Pixel, [10.0, 5.0]);
        assert_eq!(pixel, pos2(80.0, 20.0));
        let part = places.on_screen(GraphicUnit::Display, [0.25, 0.5]);
        assert_eq!(part, pos2(40.0, 30.0));
    }

    #[test]
    fn hidden_pixels_are_kept_until_shutters_or_image_change() {
        let rectangle = |right: f32| {
            [Shutter::Rectangle {
                low: [0.0; 2],
                high: [right, 20.0],
            }]
        };
        let mut hidden = HiddenPixels::default();
        let first = hidden.outside_of(&rectangle(30.0), [40, 20]);
        assert_eq!(first.len(), 10 * 20);
        let kept = hidden.pixels.spans().as_ptr();
        hidden.outside_of(&rectangle(30.0), [40, 20]);
        assert_eq!(hidden.pixels.spans().as_ptr(), kept);

        let narrower = hidden.outside_of(&rectangle(25.0), [40, 20]);
        assert_eq!(narrower.len(), 15 * 20);
        let lower = hidden.outside_of(&rectangle(25.0), [40, 30]);
        assert_eq!(lower.len(), 15 * 20 + 40 * 10);
        assert!(hidden.outside_of(&[], [40, 30]).is_empty());
    }
}
