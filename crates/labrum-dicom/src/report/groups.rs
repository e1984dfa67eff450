//! Measurement groups of a report: names, coordinates on an image or in the patient, and values.

use super::{
    Reported,
    codes::{self, Term, code, quantity_concept},
    content::{code_content, content_item, numeric_content, separate_content, template_element},
};
use crate::seg::{
    charset::Charset,
    element::{Item, encoded_text_element, one_line, sequence_element, text_element},
    origin::Reference,
};
use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::tags;
use dicom_object::mem::InMemElement;
use labrum_core::{
    boundary::Point,
    measurement::{DrawnMeasurement, MeasurementPlace, QuantityKind, Shape, ShapeKind, ViewFrame},
    vector::pixel_distance,
};
use std::collections::BTreeMap;

/// What coordinates refer to.
pub(super) struct Grounds {
    /// The image of each slice with measurements, by its index in the series.
    pub(super) images: BTreeMap<u32, Reference>,
    pub(super) frame_of_reference: Option<String>,
}

/// A Measurement Group: TID 1410 for regions, TID 1501 for others. `None` if it lies across the slices and the series
/// has no frame of reference.
pub(super) fn measurement_group(
    reported: &Reported<'_>,
    grounds: &Grounds,
    charset: &Charset,
) -> Option<Item> {
    let drawn = reported.drawn;
    let name = charset.encode_text(&one_line(&drawn.name, 64));
    let mut content = vec![
        content_item(
            "HAS OBS CONTEXT",
            "TEXT",
            codes::TRACKING_IDENTIFIER,
            [encoded_text_element(tags::TEXT_VALUE, VR::UT, name)],
        ),
        content_item(
            "HAS OBS CONTEXT",
            "UIDREF",
            codes::TRACKING_UID,
            [text_element(tags::UID, VR::UI, drawn.tracking_uid())],
        ),
    ];
    if let Some(finding) = &drawn.finding {
        content.push(code_content("CONTAINS", codes::FINDING, finding));
    }
    // A point without a known value has no measurement that its coordinates could belong to.
    let is_region = drawn.shape.kind().is_region() || reported.measured.quantities.is_empty();
    if is_region {
        let (graphic, points) = region_graphic(&drawn.shape, pixel_size(reported));
        content.push(coordinates(
            "CONTAINS",
            codes::IMAGE_REGION,
            graphic,
            &points,
            drawn,
            grounds,
        )?);
    }
    for quantity in &reported.measured.quantities {
        let mut item = numeric_content(quantity);
        let mut inner = Vec::new();
        let (_, derivation) = quantity_concept(quantity.kind, quantity.channel, &quantity.unit);
        inner.extend(derivation.map(|derivation| {
            code_content("HAS CONCEPT MOD", codes::DERIVATION, &code(derivation))
        }));
        if !is_region {
            let (graphic, points) = line_graphic(&drawn.shape, quantity.kind, reported);
            inner.push(coordinates(
                "INFERRED FROM",
                codes::SOURCE,
                graphic,
                &points,
                drawn,
                grounds,
            )?);
        }
        if !inner.is_empty() {
            item.put(sequence_element(tags::CONTENT_SEQUENCE, inner));
        }
        content.push(item);
    }
    let mut group = content_item(
        "CONTAINS",
        "CONTAINER",
        codes::MEASUREMENT_GROUP,
        [
            separate_content(),
            template_element(if is_region { "1410" } else { "1501" }),
        ],
    );
    group.put(sequence_element(tags::CONTENT_SEQUENCE, content));
    Some(group)
}

/// Width and height of a pixel as far as they are known.
fn pixel_size(reported: &Reported<'_>) -> [f64; 2] {
    let spacing = reported.measured.spacing;
    spacing.map_or([1.0; 2], |s| [s.column, s.row])
}

/// Graphic type and points of a region. The major axis of an ellipse comes first, and polygons are closed.
fn region_graphic(shape: &Shape, size: [f64; 2]) -> (&'static str, Vec<Point>) {
    if let (ShapeKind::Ellipse, [a, b, c, d]) = (shape.kind(), shape.points()) {
        let [first, second] = [pixel_distance(*a, *b, size), pixel_distance(*c, *d, size)];
        let points = match second > first {
            true => vec![*c, *d, *a, *b],
            false => vec![*a, *b, *c, *d],
        };
        return ("ELLIPSE", points);
    }
    if shape.kind() == ShapeKind::Point {
        return ("POINT", shape.points().to_vec());
    }
    let mut points = shape.border();
    points.extend(points.first().copied());
    ("POLYLINE", points)
}

/// Graphic type and points that a value was measured on. Of two axes, the longer one belongs to the long axis.
fn line_graphic(
    shape: &Shape,
    kind: QuantityKind,
    reported: &Reported<'_>,
) -> (&'static str, Vec<Point>) {
    let points = match (shape.kind(), shape.points()) {
        (ShapeKind::Point, points) => return ("POINT", points.to_vec()),
        (ShapeKind::Bidirectional, [a, b, c, d]) => {
            let size = pixel_size(reported);
            let first_is_long = pixel_distance(*a, *b, size) >= pixel_distance(*c, *d, size);
            match first_is_long == (kind == QuantityKind::LongAxis) {
                true => vec![*a, *b],
                false => vec![*c, *d],
            }
        }
        (_, points) => points.to_vec(),
    };
    ("POLYLINE", points)
}

/// Coordinates on an image, or in the patient for a measurement across the slices. `None` without an image or a frame
/// of reference.
fn coordinates(
    relationship: &str,
    name: Term,
    graphic: &str,
    points: &[Point],
    drawn: &DrawnMeasurement,
    grounds: &Grounds,
) -> Option<Item> {
    match drawn.place {
        MeasurementPlace::Slice(slice) => {
            let reference = grounds.images.get(&slice)?;
            let values: Vec<f32> = points.iter().flatten().map(|v| *v as f32).collect();
            let mut item = content_item(
                relationship,
                "SCOORD",
                name,
                [
                    graphic_data(values),
                    text_element(tags::GRAPHIC_TYPE, VR::CS, graphic),
                ],
            );
            let image = content_item(
                "SELECTED FROM",
                "IMAGE",
                codes::SOURCE,
                [sequence_element(
                    tags::REFERENCED_SOP_SEQUENCE,
                    vec![reference.to_item()],
                )],
            );
            item.put(sequence_element(tags::CONTENT_SEQUENCE, vec![image]));
            Some(item)
        }
        MeasurementPlace::View(frame) => {
            let frame_of_reference = grounds.frame_of_reference.as_ref()?;
            Some(content_item(
                relationship,
                "SCOORD3D",
                name,
                [
                    text_element(
                        tags::REFERENCED_FRAME_OF_REFERENCE_UID,
                        VR::UI,
                        frame_of_reference,
                    ),
                    graphic_data(patient_values(&frame, points)),
                    text_element(tags::GRAPHIC_TYPE, VR::CS, graphic_3d(graphic, points)),
                ],
            ))
        }
    }
}

/// The graphic type of SCOORD3D: closed lines are polygons there.
fn graphic_3d<'a>(graphic: &'a str, points: &[Point]) -> &'a str {
    let is_closed = points.len() > 3 && points.first() == points.last();
    match graphic {
        "POLYLINE" if is_closed => "POLYGON",
        graphic => graphic,
    }
}

/// Patient coordinates of points of a view. The first pixel of the view covers 0 to 1; its centre is at 0.5.
fn patient_values(frame: &ViewFrame, points: &[Point]) -> Vec<f32> {
    points
        .iter()
        .flat_map(|point| frame.patient_from_point(*point))
        .map(|v| v as f32)
        .collect()
}

fn graphic_data(values: Vec<f32>) -> InMemElement {
    DataElement::new(
        tags::GRAPHIC_DATA,
        VR::FL,
        PrimitiveValue::F32(values.into()),
    )
}
