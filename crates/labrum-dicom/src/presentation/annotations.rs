//! Graphic annotations of presentation states: Graphic Annotation Sequence, PS3.3 C.10.5.

use super::{Remarks, referenced_images};
use crate::{dataset::DataSet, file::read_value, text::decoded_text};
use dicom_core::Tag;
use dicom_dictionary_std::tags;
use labrum_core::{
    file_bytes::FileBytes,
    presentation::{
        Annotation, Graphic, GraphicPoint, GraphicShape, GraphicText, GraphicUnit, Justification,
        Scoped, TextAnchor, TextBox,
    },
};
use std::f32::consts::TAU;

/// Maximum number of points of all graphics together, as they are drawn.
const MOST_POINTS: usize = 200_000;
/// Maximum number of texts.
const MOST_TEXTS: usize = 5_000;
/// Longest text, in characters: that of VR ST.
const LONGEST_TEXT: usize = 1024;
/// Number of lines that a circle or an ellipse is drawn with.
const STEPS: usize = 64;
/// Number of lines between two points of a curve.
const CURVE_STEPS: usize = 8;

/// Reads the annotations of one presentation state.
pub(super) struct AnnotationReader<'a> {
    bytes: &'a mut FileBytes,
    charset: &'a [String],
    remarks: &'a mut Remarks,
    points: usize,
    texts: usize,
}

impl<'a> AnnotationReader<'a> {
    pub(super) fn new(
        bytes: &'a mut FileBytes,
        charset: &'a [String],
        remarks: &'a mut Remarks,
    ) -> Self {
        Self {
            bytes,
            charset,
            remarks,
            points: 0,
            texts: 0,
        }
    }

    /// The annotations of the dataset, in order.
    pub(super) fn read_all(mut self, data: &DataSet) -> Vec<Scoped<Annotation>> {
        let items = data.sequence_items(tags::GRAPHIC_ANNOTATION_SEQUENCE);
        items
            .iter()
            .map(|item| Scoped {
                images: referenced_images(item),
                content: self.read_annotation(item),
            })
            .filter(|scoped| scoped.content != Annotation::default())
            .collect()
    }

    fn read_annotation(&mut self, item: &DataSet) -> Annotation {
        let graphics = item.sequence_items(tags::GRAPHIC_OBJECT_SEQUENCE);
        let texts = item.sequence_items(tags::TEXT_OBJECT_SEQUENCE);
        // Simple objects repeat compound ones for programs that know only those.
        if graphics.is_empty()
            && texts.is_empty()
            && item.has_value(tags::COMPOUND_GRAPHIC_SEQUENCE)
        {
            self.remarks.add("its compound graphics are not shown");
        }
        Annotation {
            graphics: graphics
                .iter()
                .filter_map(|graphic| self.read_graphic(graphic))
                .collect(),
            texts: texts
                .iter()
                .filter_map(|text| self.read_text(text))
                .collect(),
        }
    }

    fn read_graphic(&mut self, item: &DataSet) -> Option<Graphic> {
        let Some(unit) = unit_of(item, tags::GRAPHIC_ANNOTATION_UNITS) else {
            self.remarks
                .add("graphics in units other than pixels or the display are not shown");
            return None;
        };
        let kind = item.text_value(tags::GRAPHIC_TYPE).unwrap_or_default();
        let points = self.graphic_points(item);
        let Some(shape) = shape_of(&kind, points) else {
            self.remarks
                .add("graphics that are damaged or of an unknown type are not shown");
            return None;
        };
        self.points += match &shape {
            GraphicShape::Point(_) => 1,
            GraphicShape::Line(points) => points.len(),
        };
        if self.points > MOST_POINTS {
            self.remarks
                .add("some of its graphics are not shown, because there are too many");
            return None;
        }
        if item.text_value(tags::GRAPHIC_FILLED).as_deref() == Some("Y") {
            self.remarks.add("filled graphics are shown as outlines");
        }
        Some(Graphic { unit, shape })
    }

    /// The points of a graphic object; none if one is not finite.
    fn graphic_points(&mut self, item: &DataSet) -> Vec<GraphicPoint> {
        let mut values: Vec<f32> = item
            .numeric_values(tags::GRAPHIC_DATA)
            .into_iter()
            .map(|value| value as f32)
            .collect();
        if values.is_empty()
            // Too long to be kept with the header.
            && let Some(bytes) = read_value(self.bytes, item, tags::GRAPHIC_DATA)
        {
            let singles = bytes.as_chunks::<4>().0.iter();
            values = singles
                .map(|single| {
                    if item.big_endian {
                        f32::from_be_bytes(*single)
                    } else {
                        f32::from_le_bytes(*single)
                    }
                })
                .collect();
        }
        if values.iter().any(|value| !value.is_finite()) {
            return Vec::new();
        }
        values.as_chunks::<2>().0.to_vec()
    }

    fn read_text(&mut self, item: &DataSet) -> Option<GraphicText> {
        let text = one_kind_of_line_end(&decoded_text(
            item,
            tags::UNFORMATTED_TEXT_VALUE,
            self.charset,
        ));
        if text.is_empty() {
            return None;
        }
        if self.texts == MOST_TEXTS {
            self.remarks
                .add("some of its texts are not shown, because there are too many");
            return None;
        }
        self.texts += 1;
        let text_box = text_box(item);
        let anchor = text_anchor(item);
        if text_box.is_none() && anchor.is_none() {
            self.remarks
                .add("texts without a place in pixels or on the display are not shown");
            return None;
        }
        Some(GraphicText {
            text,
            text_box,
            anchor,
        })
    }
}

fn unit_of(item: &DataSet, tag: Tag) -> Option<GraphicUnit> {
    match item.text_value(tag)?.as_str() {
        "PIXEL" => Some(GraphicUnit::Pixel),
        "DISPLAY" => Some(GraphicUnit::Display),
        _ => None,
    }
}

/// A point of two finite values.
fn point_at(item: &DataSet, tag: Tag) -> Option<GraphicPoint> {
    let point = item.numeric_array::<2>(tag)?.map(|value| value as f32);
    point.iter().all(|value| value.is_finite()).then_some(point)
}

fn text_box(item: &DataSet) -> Option<TextBox> {
    let justification = item.text_value(tags::BOUNDING_BOX_TEXT_HORIZONTAL_JUSTIFICATION);
    Some(TextBox {
        unit: unit_of(item, tags::BOUNDING_BOX_ANNOTATION_UNITS)?,
        corners: [
            point_at(item, tags::BOUNDING_BOX_TOP_LEFT_HAND_CORNER)?,
            point_at(item, tags::BOUNDING_BOX_BOTTOM_RIGHT_HAND_CORNER)?,
        ],
        justification: match justification.as_deref() {
            Some("CENTER") => Justification::Center,
            Some("RIGHT") => Justification::Right,
            _ => Justification::Left,
        },
    })
}

fn text_anchor(item: &DataSet) -> Option<TextAnchor> {
    Some(TextAnchor {
        unit: unit_of(item, tags::ANCHOR_POINT_ANNOTATION_UNITS)?,
        point: point_at(item, tags::ANCHOR_POINT)?,
        is_visible: item.text_value(tags::ANCHOR_POINT_VISIBILITY).as_deref() == Some("Y"),
    })
}

/// Lines separated by line feeds, without other control characters, at most [`LONGEST_TEXT`] characters.
fn one_kind_of_line_end(text: &str) -> String {
    text.replace("\r\n", "\n")
        .replace('\r', "\n")
        .chars()
        .filter(|c| *c == '\n' || !c.is_control())
        .take(LONGEST_TEXT)
        .collect()
}

/// The shape of a Graphic Type; `None` if it is unknown or has not the points that it needs.
fn shape_of(kind: &str, points: Vec<GraphicPoint>) -> Option<GraphicShape> {
    match (kind, points.as_slice()) {
        ("POINT", [point]) => Some(GraphicShape::Point(*point)),
        ("POLYLINE", [_, _, ..]) => Some(GraphicShape::Line(points)),
        ("INTERPOLATED", [_, _, ..]) => Some(GraphicShape::Line(curve_through(&points))),
        ("CIRCLE", [center, rim]) => {
            let radius = (rim[0] - center[0]).hypot(rim[1] - center[1]);
            Some(ellipse_line(*center, [radius, 0.0], [0.0, radius]))
        }
        ("ELLIPSE", [a, b, c, d]) => {
            let center = [0, 1].map(|axis| (a[axis] + b[axis]) / 2.0);
            let half = |from: &GraphicPoint, to: &GraphicPoint| {
                [0, 1].map(|axis| (to[axis] - from[axis]) / 2.0)
            };
            Some(ellipse_line(center, half(a, b), half(c, d)))
        }
        _ => None,
    }
}

/// A closed line around `center` with these half axes.
fn ellipse_line(center: GraphicPoint, first: [f32; 2], second: [f32; 2]) -> GraphicShape {
    let point = |step: usize| {
        let (sin, cos) = (TAU * step as f32 / STEPS as f32).sin_cos();
        [0, 1].map(|axis| center[axis] + cos * first[axis] + sin * second[axis])
    };
    GraphicShape::Line((0..=STEPS).map(point).collect())
}

/// A smooth curve through points (Catmull-Rom), as a line; closed if the last point is the first.
fn curve_through(points: &[GraphicPoint]) -> Vec<GraphicPoint> {
    let last = points.len() - 1;
    let is_closed = points.len() > 2 && points[0] == points[last];
    // Before the first point and behind the last one, a closed curve goes on, another one stays.
    let before = if is_closed {
        points[last - 1]
    } else {
        points[0]
    };
    let behind = if is_closed { points[1] } else { points[last] };
    let mut out = vec![points[0]];
    for at in 0..last {
        let corners = [
            if at == 0 { before } else { points[at - 1] },
            points[at],
            points[at + 1],
            points.get(at + 2).copied().unwrap_or(behind),
        ];
        for step in 1..=CURVE_STEPS {
            let t = step as f32 / CURVE_STEPS as f32;
            out.push([0, 1].map(|axis| curve_value(corners.map(|corner| corner[axis]), t)));
        }
    }
    out
}

/// The value of a Catmull-Rom curve between its second and third value, at 0..=1.
fn curve_value([a, b, c, d]: [f32; 4], t: f32) -> f32 {
    let square = t * t;
    let cube = t * t * t;
    0.5 * (2.0 * b
        + (c - a) * t
        + (2.0 * a - 5.0 * b + 4.0 * c - d) * square
        + (3.0 * b - a - 3.0 * c + d) * cube)
}
